/* Writer of results.h5. Layout: analysis/README.md. */
#include "analysis/store.h"

#include "analysis/seal.h"
#include "analysis/store_h5.h"
#include "hwspace/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* HDF5 calls after a failed one are skipped; `ok` tells at the end. */
typedef struct writer {
    const cim_ana_dataset *d;
    hid_t file, plist_group;
    char created[32]; /* UTC */
    bool ok, no_memory;
} writer;

static void check(writer *w, bool good)
{
    if (!good)
        w->ok = false;
}

static hid_t use(writer *w, hid_t id)
{
    check(w, id >= 0);
    return id;
}

/* ---- attributes ------------------------------------------------------------------------------- */

/* n < 0: a scalar. Takes `type`. */
static void write_attribute(writer *w, hid_t object, const char *name, hid_t type, int n,
                            const void *data)
{
    hsize_t size = n < 0 ? 1 : (hsize_t)n;
    hid_t space = use(w, n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL));
    if (w->ok && type >= 0) {
        hid_t a = use(w, H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
        if (w->ok)
            check(w, H5Awrite(a, type, data) >= 0);
        if (a >= 0)
            check(w, H5Aclose(a) >= 0);
    }
    if (space >= 0)
        H5Sclose(space);
    check(w, type >= 0);
    if (type >= 0)
        H5Tclose(type);
}

static void write_text(writer *w, hid_t object, const char *name, const char *text)
{
    write_attribute(w, object, name, cim_ana_h5_string(0), -1, &text);
}

static void write_texts(writer *w, hid_t object, const char *name, const char *const *texts, int n)
{
    write_attribute(w, object, name, cim_ana_h5_string(0), n, texts);
}

static void write_flag(writer *w, hid_t object, const char *name, bool value)
{
    signed char v = value;
    write_attribute(w, object, name, cim_ana_h5_bool(), -1, &v);
}

/* ---- columns ---------------------------------------------------------------------------------- */

/* How a column lies in the file. */
typedef struct layout {
    size_t chunk; /* rows */
    bool shuffle; /* bytes of equal place together: for numbers and words, not for long texts */
} layout;

static const layout standard = {CIM_ANA_H5_CHUNK, true};

/* Chunked and compressed. A fixed extent allows no chunk above it; an empty column is extensible
 * because HDF5 knows no chunk of 0. */
static hid_t column_plist(writer *w, size_t n, layout l)
{
    hsize_t chunk = n == 0 ? 1 : n < l.chunk ? n : l.chunk;
    hid_t plist = use(w, H5Pcreate(H5P_DATASET_CREATE));
    if (w->ok) {
        check(w, H5Pset_chunk(plist, 1, &chunk) >= 0);
        check(w, !l.shuffle || H5Pset_shuffle(plist) >= 0);
        check(w, H5Pset_deflate(plist, 1) >= 0);
        check(w, H5Pset_obj_track_times(plist, 0) >= 0);
    }
    return plist;
}

/* An empty 1-D dataset, open; `type` stays the caller's. */
static hid_t column_create(writer *w, hid_t group, const char *name, hid_t type, size_t n, layout l)
{
    char link[CIM_ANA_H5_LINK];
    hsize_t size = n, limit = n ? n : H5S_UNLIMITED;
    hid_t space = use(w, H5Screate_simple(1, &size, &limit)), plist = column_plist(w, n, l);
    hid_t set = -1;
    cim_ana_h5_link_encode(name, link);
    if (w->ok)
        set = use(w, H5Dcreate2(group, link, type, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    if (plist >= 0)
        H5Pclose(plist);
    if (space >= 0)
        H5Sclose(space);
    return set;
}

/* The same with data of the type in memory. */
static hid_t column_write(writer *w, hid_t group, const char *name, hid_t type, size_t n,
                          const void *data)
{
    hid_t set = column_create(w, group, name, type, n, standard);
    if (w->ok && n > 0)
        check(w, H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    return set;
}

static void column_close(writer *w, hid_t set)
{
    if (set >= 0)
        check(w, H5Dclose(set) >= 0);
}

static void column(writer *w, hid_t group, const char *name, hid_t type, size_t n, const void *data)
{
    column_close(w, column_write(w, group, name, type, n, data));
}

/* Text of a row for a string column. */
typedef const char *(*text_of_row)(const cim_ana_dataset *d, size_t row, size_t param);

typedef struct text_column {
    const char *name;
    text_of_row text;
    size_t param, n;
} text_column;

/* Rows [start, start + n) through a buffer of n texts of `width` bytes. */
static void text_block(writer *w, hid_t set, hid_t type, const text_column *c, size_t start,
                       size_t n, size_t width, char *buffer)
{
    hsize_t from = start, count = n;
    hid_t file = use(w, H5Dget_space(set)), memory = use(w, H5Screate_simple(1, &count, NULL));
    memset(buffer, 0, n * width);
    for (size_t i = 0; i < n; i++) {
        const char *s = c->text(w->d, start + i, c->param);
        memcpy(buffer + i * width, s, strlen(s));
    }
    if (w->ok)
        check(w, H5Sselect_hyperslab(file, H5S_SELECT_SET, &from, NULL, &count, NULL) >= 0 &&
                     H5Dwrite(set, type, memory, file, H5P_DEFAULT, buffer) >= 0);
    if (file >= 0)
        H5Sclose(file);
    if (memory >= 0)
        H5Sclose(memory);
}

/* A fixed-length string column: it compresses, and h5py and pandas show words. Written a chunk at
 * a time, because a plan may be long and the others are padded to it. */
static hid_t column_text(writer *w, hid_t group, const text_column *c)
{
    size_t width = 1;
    for (size_t row = 0; row < c->n; row++) {
        size_t n = strlen(c->text(w->d, row, c->param));
        width = n > width ? n : width;
    }
    layout l = standard;
    if (width > CIM_ANA_H5_TEXT_MAX)
        l = (layout){CIM_ANA_H5_LONG_CHUNK / width + 1, false};
    char *buffer = cim_alloc(l.chunk < c->n ? l.chunk : c->n, width);
    hid_t type = use(w, cim_ana_h5_string(width)), set = -1;
    if (!buffer) {
        w->ok = false;
        w->no_memory = true;
    }
    if (w->ok)
        set = column_create(w, group, c->name, type, c->n, l);
    for (size_t row = 0; row < c->n && w->ok; row += l.chunk)
        text_block(w, set, type, c, row, c->n - row < l.chunk ? c->n - row : l.chunk, width,
                   buffer);
    if (type >= 0)
        H5Tclose(type);
    cim_free(buffer);
    return set;
}

static const char *state_text(const cim_ana_dataset *d, size_t row, size_t param)
{
    (void)param;
    return cim_ana_state_words[d->state[row]];
}

static const char *reason_text(const cim_ana_dataset *d, size_t row, size_t param)
{
    (void)param;
    return cim_ana_dataset_reason(d, row);
}

static const char *plan_text(const cim_ana_dataset *d, size_t row, size_t param)
{
    (void)param;
    return d->plans[row];
}

/* Words of an enum, true and false of a bool that has gaps. */
static const char *word_text(const cim_ana_dataset *d, size_t row, size_t param)
{
    double v = d->points[row * d->n_params + param];
    if (isnan(v))
        return "";
    if (d->params[param].type == CIM_ANA_BOOL)
        return v != 0 ? "true" : "false";
    return d->params[param].words[(size_t)v];
}

/* What the values of a column allow: the native type, or one that can hold the gaps. */
static bool all_integers(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(values[i] >= -9223372036854775808.0 && values[i] < 9223372036854775808.0) ||
            values[i] != floor(values[i]) || (values[i] == 0 && signbit(values[i])))
            return false;
    return true;
}

static bool no_gaps(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(values[i]))
            return false;
    return true;
}

static hid_t column_int(writer *w, hid_t group, const char *name, const double *values,
                        void *buffer)
{
    int64_t *v = buffer;
    for (size_t i = 0; i < w->d->n; i++)
        v[i] = (int64_t)values[i];
    return column_write(w, group, name, H5T_STD_I64LE, w->d->n, v);
}

static hid_t column_bool(writer *w, hid_t group, const char *name, const double *values,
                         void *buffer)
{
    signed char *v = buffer;
    for (size_t i = 0; i < w->d->n; i++)
        v[i] = values[i] != 0;
    hid_t type = use(w, cim_ana_h5_bool());
    hid_t set = w->ok ? column_write(w, group, name, type, w->d->n, v) : -1;
    if (type >= 0)
        H5Tclose(type);
    return set;
}

static void write_param(writer *w, hid_t group, size_t i, double *values, void *buffer)
{
    const cim_ana_dataset *d = w->d;
    const cim_ana_param *p = &d->params[i];
    hid_t set;
    for (size_t row = 0; row < d->n; row++)
        values[row] = d->points[row * d->n_params + i];
    if (p->type == CIM_ANA_INT && all_integers(values, d->n))
        set = column_int(w, group, p->name, values, buffer);
    else if (p->type == CIM_ANA_INT || p->type == CIM_ANA_REAL)
        set = column_write(w, group, p->name, H5T_IEEE_F64LE, d->n, values);
    else if (p->type == CIM_ANA_BOOL && no_gaps(values, d->n))
        set = column_bool(w, group, p->name, values, buffer);
    else
        set = column_text(w, group, &(text_column){p->name, word_text, i, d->n});
    if (!w->ok)
        return;
    write_text(w, set, "type", cim_ana_type_words[p->type]);
    write_text(w, set, "unit", p->unit);
    if (p->type == CIM_ANA_ENUM) {
        int n = 0;
        while (p->words[n])
            n++;
        write_texts(w, set, "words", p->words, n);
    }
    column_close(w, set);
}

/* ---- groups ----------------------------------------------------------------------------------- */

static hid_t group_open(writer *w, hid_t parent, const char *name)
{
    return w->ok ? use(w, H5Gcreate2(parent, name, H5P_DEFAULT, w->plist_group, H5P_DEFAULT)) : -1;
}

static void group_close(writer *w, hid_t group)
{
    if (group >= 0)
        check(w, H5Gclose(group) >= 0);
}

static void write_points(writer *w, double *values, void *buffer)
{
    hid_t group = group_open(w, w->file, "points");
    if (!w->ok)
        return;
    column(w, group, "id", H5T_STD_U64LE, w->d->n, w->d->id);
    column_close(w, column_text(w, group, &(text_column){"state", state_text, 0, w->d->n}));
    column_close(w, column_text(w, group, &(text_column){"reason", reason_text, 0, w->d->n}));
    for (size_t i = 0; i < w->d->n_params && w->ok; i++)
        write_param(w, group, i, values, buffer);
    group_close(w, group);
}

static void write_metrics(writer *w, double *values)
{
    const cim_ana_dataset *d = w->d;
    hid_t group = group_open(w, w->file, "metrics");
    for (size_t i = 0; i < d->n_metrics && w->ok; i++) {
        for (size_t row = 0; row < d->n; row++)
            values[row] = d->metrics[row * d->n_metrics + i];
        hid_t set = column_write(w, group, d->metrics_info[i].name, H5T_IEEE_F64LE, d->n, values);
        if (w->ok)
            write_text(w, set, "unit", d->metrics_info[i].unit);
        column_close(w, set);
    }
    group_close(w, group);
}

static void write_pareto(writer *w)
{
    const cim_ana_dataset *d = w->d;
    const char *names[CIM_ANA_MAX_COLUMNS], *senses[CIM_ANA_MAX_COLUMNS];
    hid_t group = group_open(w, w->file, "pareto");
    if (!w->ok)
        return;
    for (size_t k = 0; k < d->n_objectives; k++) {
        names[k] = d->metrics_info[d->objectives[k].metric].name;
        senses[k] = d->objectives[k].maximise ? "max" : "min";
    }
    write_texts(w, group, "objectives", names, (int)d->n_objectives);
    write_texts(w, group, "senses", senses, (int)d->n_objectives);
    column(w, group, "row", H5T_STD_U64LE, d->n_front, d->front);
    hid_t history = group_open(w, group, "history");
    if (w->ok) {
        column(w, history, "evaluations", H5T_STD_U64LE, d->n_history, d->history_evaluations);
        column(w, history, "hypervolume", H5T_IEEE_F64LE, d->n_history, d->history_hypervolume);
        write_text(w, history, "method", d->history_sampled ? "sampled" : "exact");
    }
    group_close(w, history);
    if (d->plans && w->ok)
        column_close(w, column_text(w, group, &(text_column){"plans", plan_text, 0, d->n_front}));
    group_close(w, group);
}

static void write_root(writer *w)
{
    time_t t = time(NULL);
    struct tm utc;
    int version = CIM_ANA_FORMAT_VERSION;
    write_text(w, w->file, "format", CIM_ANA_FORMAT);
    write_attribute(w, w->file, "format_version", H5Tcopy(H5T_STD_I32LE), -1, &version);
    write_text(w, w->file, "tool_version", CIM_VERSION);
    write_text(w, w->file, "spec", w->d->spec_json ? w->d->spec_json : "");
    write_text(w, w->file, "seed", w->d->seed);
    check(w, gmtime_r(&t, &utc) &&
                 strftime(w->created, sizeof w->created, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
    write_text(w, w->file, "created_utc", w->created);
    write_flag(w, w->file, "complete", w->d->complete);
}

/* ---- file ------------------------------------------------------------------------------------- */

/* Groups keep the order of columns; no object carries a time, so equal data gives equal bytes. */
static bool plists_open(writer *w, hid_t *create, hid_t *access)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    w->plist_group = use(w, H5Pcreate(H5P_GROUP_CREATE));
    *create = use(w, H5Pcreate(H5P_FILE_CREATE));
    *access = use(w, cim_ana_h5_access());
    if (w->ok) {
        check(w, H5Pset_link_creation_order(w->plist_group, order) >= 0);
        check(w, H5Pset_obj_track_times(w->plist_group, 0) >= 0);
        check(w, H5Pset_link_creation_order(*create, order) >= 0);
        check(w, H5Pset_obj_track_times(*create, 0) >= 0);
    }
    return w->ok;
}

static void write_file(writer *w, const char *path)
{
    hid_t create = -1, access = -1;
    double *values = cim_alloc(w->d->n, sizeof *values);
    int64_t *buffer = cim_alloc(w->d->n, sizeof *buffer);
    w->file = w->plist_group = -1;
    if (!values || !buffer) {
        w->ok = false;
        w->no_memory = true;
    } else if (plists_open(w, &create, &access)) {
        w->file = use(w, H5Fcreate(path, H5F_ACC_TRUNC, create, access));
    }
    if (w->ok) {
        write_root(w);
        write_points(w, values, buffer);
        write_metrics(w, values);
        write_pareto(w);
        check(w, H5Fflush(w->file, H5F_SCOPE_GLOBAL) >= 0);
    }
    if (w->file >= 0)
        check(w, H5Fclose(w->file) >= 0);
    hid_t plists[] = {create, access, w->plist_group};
    for (size_t i = 0; i < sizeof plists / sizeof plists[0]; i++)
        if (plists[i] >= 0)
            H5Pclose(plists[i]);
    cim_free(values);
    cim_free(buffer);
}

static bool sync_path(const char *path, int flags)
{
    int fd = open(path, flags);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

/* The directory of a path, "." for a bare name. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = cim_strdup(slash ? path : ".");
    if (parent && slash)
        parent[slash == path ? 1 : slash - path] = '\0';
    return parent;
}

static bool name_taken(const char *name)
{
    return !name[0] || !strcmp(name, ".") || !strcmp(name, "id") || !strcmp(name, "state") ||
           !strcmp(name, "reason");
}

static cim_status dataset_storable(const cim_ana_dataset *d, cim_err *err)
{
    for (size_t i = 0; i < d->n_params; i++)
        if (name_taken(d->params[i].name) ||
            (d->params[i].type == CIM_ANA_ENUM && !d->params[i].words))
            return cim_err_set(err, CIM_E_INTERNAL, NULL, "parameter column %zu cannot be stored",
                               i);
    for (size_t i = 0; i < d->n_metrics; i++)
        if (name_taken(d->metrics_info[i].name))
            return cim_err_set(err, CIM_E_INTERNAL, NULL, "metric column %zu cannot be stored", i);
    for (size_t i = 1; i < d->n; i++)
        if (d->id[i - 1] >= d->id[i])
            return cim_err_set(err, CIM_E_INTERNAL, NULL, "rows to be stored are not sorted");
    return CIM_OK;
}

static cim_status write_and_rename(writer *w, const char *path, const char *temporary,
                                   const char *parent, cim_err *err)
{
    /* The library's errors do not say why; opening the file first does. */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return cim_err_set(err, CIM_E_IO, path, "cannot be written: %s", strerror(errno));
    close(fd);
    errno = 0;
    write_file(w, temporary);
    if (w->no_memory)
        return cim_err_set(err, CIM_E_NOMEM, path, "out of memory while writing results");
    if (!w->ok)
        return cim_err_set(err, CIM_E_IO, path, "results cannot be written: %s",
                           errno ? strerror(errno) : "HDF5 failed");
    CIM_TRY(cim_ana_seal_write(temporary, w->created, err));
    if (!sync_path(temporary, O_RDWR) || rename(temporary, path) != 0)
        return cim_err_set(err, CIM_E_IO, path, "cannot be written: %s", strerror(errno));
    (void)sync_path(parent, O_RDONLY); /* some file systems cannot; the file itself is safe */
    return CIM_OK;
}

cim_status cim_ana_store_write(const char *path, const cim_ana_dataset *d, cim_err *err)
{
    CIM_TRY(dataset_storable(d, err));
    cim_ana_h5_init();
    writer w = {.d = d, .ok = true};
    cim_text temporary;
    cim_text_init(&temporary);
    cim_text_addf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    char *parent = parent_of(path);
    cim_status status;
    if (!parent || temporary.failed) {
        status = cim_err_set(err, CIM_E_NOMEM, path, "out of memory while writing results");
    } else {
        status = write_and_rename(&w, path, cim_text_str(&temporary), parent, err);
        if (status != CIM_OK)
            (void)remove(cim_text_str(&temporary));
    }
    cim_free(parent);
    cim_text_clear(&temporary);
    return status;
}
