#include "search/checkpoint.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "search/engine.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All integers and reals as the machine has them; `order` refuses files of the other byte order. */
typedef struct segment_header {
    char magic[8];
    uint32_t version, order;
    char identity[32];
    char tool_version[16];
    uint64_t segment, first_id, n_rows;
    uint32_t n_params, n_metrics;
    uint64_t payload_bytes;
} segment_header;
_Static_assert(sizeof(segment_header) == 104, "a file format");

/* Followed by the point, the metrics and the text of the reason. */
typedef struct row_header {
    uint32_t state, reason_bytes;
    double violation;
} row_header;
_Static_assert(sizeof(row_header) == 16, "a file format");

static const char magic[8] = {'c', 'i', 'm', 's', 'e', 'g', '\r', '\n'};
#define ORDER UINT32_C(0x01020304)
#define SEGMENT_MAX_BYTES ((size_t)1 << 32)

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "checkpoint", "out of memory");
}

static void segment_path(const char *dir, uint64_t segment, cim_text *path)
{
    cim_text_init(path);
    cim_text_addf(path, "%s/checkpoint/segment-%06llu.bin", dir, (unsigned long long)segment);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void add_bytes(cim_text *t, const void *p, size_t n)
{
    cim_text_add_n(t, p, n);
}

static void add_row(cim_text *t, const cim_ana_dataset *d, const double *violation, size_t row)
{
    const char *reason = cim_ana_dataset_reason(d, row);
    row_header h = {.state = d->state[row],
                    .reason_bytes = (uint32_t)strlen(reason),
                    .violation = violation[row]};
    add_bytes(t, &h, sizeof h);
    add_bytes(t, d->points + row * d->n_params, d->n_params * sizeof(double));
    add_bytes(t, d->metrics + row * d->n_metrics, d->n_metrics * sizeof(double));
    add_bytes(t, reason, h.reason_bytes);
}

cim_status cim_search_segment_write(const cim_search_log_id *log, uint64_t segment,
                                    const cim_ana_dataset *d, const double *violation, size_t first,
                                    cim_err *err)
{
    cim_text out, path;
    segment_header h = {.version = CIM_SEARCH_SEGMENT_VERSION,
                        .order = ORDER,
                        .segment = segment,
                        .first_id = first,
                        .n_rows = d->n - first,
                        .n_params = (uint32_t)d->n_params,
                        .n_metrics = (uint32_t)d->n_metrics};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.identity, log->identity, sizeof h.identity);
    snprintf(h.tool_version, sizeof h.tool_version, "%s", CIM_VERSION);
    cim_text_init(&out);
    add_bytes(&out, &h, sizeof h);
    for (size_t row = first; row < d->n; row++)
        add_row(&out, d, violation, row);
    segment_path(log->dir, segment, &path);
    cim_status status = no_memory(NULL);
    if (!out.failed && !path.failed) {
        h.payload_bytes = out.n - sizeof h;
        memcpy(out.s, &h, sizeof h);
        uint64_t sum = cim_hash64(out.s, out.n, 0);
        add_bytes(&out, &sum, sizeof sum);
        if (!out.failed)
            status = cim_file_write(path.s, out.s, out.n, err);
    }
    if (status == CIM_E_NOMEM)
        no_memory(err);
    cim_text_clear(&out);
    cim_text_clear(&path);
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static bool whole(const char *bytes, size_t size, segment_header *h)
{
    uint64_t sum;
    if (size < sizeof *h + sizeof sum)
        return false;
    memcpy(h, bytes, sizeof *h);
    memcpy(&sum, bytes + size - sizeof sum, sizeof sum);
    return !memcmp(h->magic, magic, sizeof magic) && h->order == ORDER &&
           h->payload_bytes == size - sizeof *h - sizeof sum &&
           sum == cim_hash64(bytes, size - sizeof sum, 0);
}

static cim_status check_owner(const cim_search_log_id *log, const segment_header *h,
                              const cim_ana_dataset *d, cim_err *err)
{
    if (h->version != CIM_SEARCH_SEGMENT_VERSION)
        return cim_err_set(err, CIM_E_INPUT, log->dir,
                           "the checkpoint has format version %u, this program reads %d",
                           h->version, CIM_SEARCH_SEGMENT_VERSION);
    if (strncmp(h->tool_version, CIM_VERSION, sizeof h->tool_version - 1) != 0)
        return cim_err_set(err, CIM_E_INPUT, log->dir,
                           "the checkpoint was written by version %.15s, this is " CIM_VERSION
                           "; results of two versions are not mixed",
                           h->tool_version);
    if (memcmp(h->identity, log->identity, sizeof h->identity) != 0 || h->n_params != d->n_params ||
        h->n_metrics != d->n_metrics)
        return cim_err_set(err, CIM_E_INPUT, log->dir,
                           "the checkpoint belongs to another spec (digest %.32s, this one has "
                           "%.32s); give the spec it was started with or another directory",
                           h->identity, log->identity);
    return CIM_OK;
}

/* Whether the payload splits into rows exactly. */
static bool rows_fit(const segment_header *h, const char *payload)
{
    size_t left = (size_t)h->payload_bytes, reals = (h->n_params + h->n_metrics) * sizeof(double);
    for (uint64_t i = 0; i < h->n_rows; i++) {
        row_header row;
        if (left < sizeof row + reals)
            return false;
        memcpy(&row, payload, sizeof row);
        left -= sizeof row + reals;
        if (row.state > CIM_ANA_FAILED || row.reason_bytes > left || isnan(row.violation))
            return false;
        left -= row.reason_bytes;
        payload += sizeof row + reals + row.reason_bytes;
    }
    return left == 0;
}

static cim_status append_rows(const segment_header *h, const char *payload, cim_ana_dataset *d,
                              double *violation, cim_err *err)
{
    double reals[2 * CIM_ANA_MAX_COLUMNS];
    char reason[CIM_CC_REASON];
    size_t n_reals = h->n_params + h->n_metrics;
    for (uint64_t i = 0; i < h->n_rows; i++) {
        row_header row;
        memcpy(&row, payload, sizeof row);
        memcpy(reals, payload + sizeof row, n_reals * sizeof *reals);
        payload += sizeof row + n_reals * sizeof *reals;
        snprintf(reason, sizeof reason, "%.*s", (int)row.reason_bytes, payload);
        payload += row.reason_bytes;
        CIM_TRY(cim_ana_dataset_add(d, h->first_id + i, (cim_ana_state)row.state,
                                    reason[0] ? reason : NULL, reals, reals + h->n_params, err));
        violation[d->n - 1] = row.violation;
    }
    return CIM_OK;
}

cim_status cim_search_segment_parse(const cim_search_log_id *log, uint64_t segment,
                                    const char *bytes, size_t size, cim_ana_dataset *d,
                                    double **violation, size_t *cap, bool *damaged, cim_err *err)
{
    segment_header h;
    *damaged = true;
    if (!whole(bytes, size, &h))
        return CIM_OK;
    CIM_TRY(check_owner(log, &h, d, err));
    if (h.segment != segment || h.first_id != d->n || !rows_fit(&h, bytes + sizeof h))
        return CIM_OK;
    *damaged = false;
    if (cim_grow(violation, cap, d->n + (size_t)h.n_rows, sizeof **violation))
        return no_memory(err);
    return append_rows(&h, bytes + sizeof h, d, *violation, err);
}

cim_status cim_search_log_read(const cim_search_log_id *log, cim_ana_dataset *d, double **violation,
                               uint64_t *n_segments, cim_err *err)
{
    size_t cap = 0;
    bool damaged = false;
    *violation = NULL;
    for (*n_segments = 0; !damaged; ++*n_segments) {
        cim_text path;
        char *bytes;
        size_t size;
        segment_path(log->dir, *n_segments, &path);
        if (path.failed) {
            cim_text_clear(&path);
            return no_memory(err);
        }
        cim_err unread = {0};
        bool there = access(path.s, F_OK) == 0;
        cim_status status = cim_file_read(path.s, SEGMENT_MAX_BYTES, &bytes, &size, &unread);
        cim_text_clear(&path);
        if (status == CIM_OK) {
            status = cim_search_segment_parse(log, *n_segments, bytes, size, d, violation, &cap,
                                              &damaged, err);
            cim_free(bytes);
            CIM_TRY(status);
        } else if (there) { /* a file that is there and cannot be read is not a missing one */
            return cim_err_set(err, status, unread.where, "%s", unread.message);
        } else {
            break;
        }
        if (damaged)
            break;
    }
    return CIM_OK;
}

/* The segment behind those that were read is there, so it is damaged. */
static void tell_damage(const cim_search_log_id *log, uint64_t segments, size_t points,
                        char *damage, size_t size)
{
    cim_text path;
    segment_path(log->dir, segments, &path);
    if (!path.failed && access(path.s, F_OK) == 0)
        snprintf(
            damage, size,
            "%s: is damaged; the %zu points before it are kept, those behind are evaluated again",
            path.s, points);
    cim_text_clear(&path);
}

cim_status cim_search_log_accepts(const char *dir, const cim_search_spec *spec, char *damage,
                                  size_t size, cim_err *err)
{
    cim_search_log_id log = {.dir = dir};
    double *violation = NULL;
    uint64_t segments;
    cim_ana_dataset *d = cim_alloc(1, sizeof *d);
    if (!d)
        return no_memory(err);
    cim_ana_dataset_init(d);
    cim_status status = cim_search_spec_identity(spec, log.identity, err);
    if (status == CIM_OK)
        status = cim_search_dataset_describe(spec, d, err);
    if (status == CIM_OK)
        status = cim_search_log_read(&log, d, &violation, &segments, err);
    if (size > 0)
        damage[0] = '\0';
    if (status == CIM_OK)
        tell_damage(&log, segments, d->n, damage, size);
    cim_free(violation);
    cim_ana_dataset_clear(d);
    cim_free(d);
    return status;
}

/* ---- directories ------------------------------------------------------------------------------ */

static cim_status make_dir(const char *path, cim_err *err)
{
    struct stat st;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cim_err_set(err, CIM_E_INPUT, path, "the directory cannot be made: %s",
                           strerror(errno));
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return cim_err_set(err, CIM_E_INPUT, path, "is not a directory, one is needed for results");
    if (access(path, W_OK | X_OK) != 0)
        return cim_err_set(err, CIM_E_INPUT, path, "the directory cannot be written: %s",
                           strerror(errno));
    return CIM_OK;
}

cim_status cim_search_log_open(const char *dir, cim_err *err)
{
    CIM_TRY(make_dir(dir, err));
    cim_text sub;
    cim_text_init(&sub);
    cim_text_addf(&sub, "%s/checkpoint", dir);
    cim_status status = sub.failed ? no_memory(err) : make_dir(sub.s, err);
    cim_text_clear(&sub);
    return status;
}

bool cim_search_log_exists(const char *dir, char *what, size_t size)
{
    static const char *const files[] = {"checkpoint/segment-000000.bin", "results.h5"};
    bool found = false;
    for (size_t i = 0; i < 2 && !found; i++) {
        cim_text path;
        cim_text_init(&path);
        cim_text_addf(&path, "%s/%s", dir, files[i]);
        found = !path.failed && access(path.s, F_OK) == 0;
        snprintf(what, size, "%s", cim_text_str(&path));
        cim_text_clear(&path);
    }
    return found;
}

void cim_search_log_trim(const char *dir, uint64_t from)
{
    cim_text path;
    cim_text_init(&path);
    cim_text_addf(&path, "%s/checkpoint", dir);
    DIR *d = path.failed ? NULL : opendir(path.s);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *end;
        if (strncmp(e->d_name, "segment-", 8) != 0)
            continue;
        uint64_t number = strtoull(e->d_name + 8, &end, 10);
        if (strncmp(end, ".bin", 4) != 0 || (end[4] == '\0' && number < from))
            continue;
        cim_text file;
        cim_text_init(&file);
        cim_text_addf(&file, "%s/%s", path.s, e->d_name);
        if (!file.failed)
            unlink(file.s);
        cim_text_clear(&file);
    }
    if (d)
        closedir(d);
    cim_text_clear(&path);
}
