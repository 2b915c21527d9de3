/* Reader of results.h5. A file may hold anything: its checksum is verified first, types, shapes and
 * sizes are checked before a byte is read, and what a column claims is held against the size of the
 * file before memory is taken for it. */
#include "analysis/store.h"

#include "analysis/seal.h"
#include "analysis/store_h5.h"
#include "hwspace/base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    DEFLATE_MAX = 1032,   /* no deflate stream expands more (zlib, "technical details") */
    CHUNK_MAX = 1 << 26,  /* bytes of a chunk after expansion */
    TEXT_BLOCK = 1 << 22, /* bytes of texts read at a time */
    WORDS_MAX = 4096      /* of an enum column */
};

typedef struct reader {
    const char *path;
    cim_ana_dataset *d;
    hid_t file;
    uint64_t file_size;
    cim_err *err;
} reader;

static cim_status bad(reader *r, const char *what, const char *problem)
{
    return cim_err_set(r->err, CIM_E_INPUT, r->path, "%s %s", what, problem);
}

static cim_status no_memory(reader *r)
{
    return cim_err_set(r->err, CIM_E_NOMEM, r->path, "out of memory while reading results");
}

/* ---- attributes ------------------------------------------------------------------------------- */

/* Open an attribute of class `class` with at most `max` elements. */
static cim_status attribute_open(reader *r, hid_t object, const char *name, H5T_class_t class,
                                 size_t max, hid_t *attribute, size_t *n)
{
    char what[64];
    snprintf(what, sizeof what, "attribute \"%s\"", name);
    if (H5Aexists(object, name) <= 0)
        return bad(r, what, "is missing");
    hid_t a = H5Aopen(object, name, H5P_DEFAULT);
    if (a < 0)
        return bad(r, what, "is damaged");
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    hssize_t points = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    bool good = type >= 0 && H5Tget_class(type) == class && points >= 0 &&
                (uint64_t)points <= max && H5Tget_size(type) <= CIM_ANA_H5_TEXT_MAX &&
                (class != H5T_STRING || H5Tis_variable_str(type) > 0);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (!good) {
        H5Aclose(a);
        return bad(r, what, "has another type or size than allowed");
    }
    *attribute = a;
    *n = (size_t)points;
    return CIM_OK;
}

/* Strings of an attribute, each owned by the caller. HDF5 offers no memory manager here; what it
 * takes lies in the file's heap and is bounded by the file. */
static cim_status read_texts(reader *r, hid_t object, const char *name, size_t max, char **texts,
                             size_t *n)
{
    hid_t a = -1;
    CIM_TRY(attribute_open(r, object, name, H5T_STRING, max, &a, n));
    char **raw = cim_alloc(*n + 1, sizeof *raw);
    hid_t type = cim_ana_h5_string(0);
    cim_status status = raw && type >= 0 ? CIM_OK : no_memory(r);
    if (status == CIM_OK && *n > 0 && H5Aread(a, type, raw) < 0)
        status = bad(r, name, "is damaged");
    for (size_t i = 0; status == CIM_OK && i < *n; i++) {
        texts[i] = cim_strdup(raw[i] ? raw[i] : "");
        if (!texts[i]) {
            while (i-- > 0)
                cim_free(texts[i]);
            status = no_memory(r);
            break;
        }
    }
    for (size_t i = 0; raw && i < *n; i++)
        if (raw[i])
            H5free_memory(raw[i]);
    cim_free(raw);
    if (type >= 0)
        H5Tclose(type);
    H5Aclose(a);
    return status;
}

static cim_status read_text(reader *r, hid_t object, const char *name, char **text)
{
    size_t n = 0;
    *text = NULL;
    CIM_TRY(read_texts(r, object, name, 1, text, &n));
    return n == 1 ? CIM_OK : bad(r, name, "is empty");
}

/* A text that must fit a field of `size` bytes. */
static cim_status read_field(reader *r, hid_t object, const char *name, char *field, size_t size)
{
    char *text = NULL;
    CIM_TRY(read_text(r, object, name, &text));
    cim_status status = CIM_OK;
    if (strlen(text) < size)
        memcpy(field, text, strlen(text) + 1);
    else
        status = bad(r, name, "is too long");
    cim_free(text);
    return status;
}

static cim_status read_choice(reader *r, hid_t object, const char *name, const char *const *words,
                              int *choice)
{
    char text[32];
    CIM_TRY(read_field(r, object, name, text, sizeof text));
    for (int i = 0; words[i]; i++) {
        if (!strcmp(words[i], text)) {
            *choice = i;
            return CIM_OK;
        }
    }
    return cim_err_set(r->err, CIM_E_INPUT, r->path, "attribute \"%s\" is \"%s\", which is unknown",
                       name, text);
}

static cim_status read_scalar(reader *r, hid_t object, const char *name, H5T_class_t class,
                              hid_t memory, void *value)
{
    hid_t a = -1;
    size_t n = 0;
    CIM_TRY(attribute_open(r, object, name, class, 1, &a, &n));
    bool good = n == 1 && H5Aread(a, memory, value) >= 0;
    H5Aclose(a);
    return good ? CIM_OK : bad(r, name, "is damaged");
}

/* ---- columns ---------------------------------------------------------------------------------- */

/* Only compressed or plain data of this very file. */
static bool storage_allowed(hid_t set, size_t element, uint64_t n)
{
    hid_t plist = H5Dget_create_plist(set);
    if (plist < 0)
        return false;
    int filters = H5Pget_nfilters(plist);
    bool good = H5Pget_external_count(plist) == 0 && filters >= 0 && filters <= 3;
    H5D_layout_t layout = H5Pget_layout(plist);
    for (int i = 0; good && i < filters; i++) {
        unsigned flags = 0, config = 0;
        size_t values = 0;
        H5Z_filter_t f =
            H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        good = f == H5Z_FILTER_DEFLATE || f == H5Z_FILTER_SHUFFLE || f == H5Z_FILTER_FLETCHER32;
    }
    if (good && layout == H5D_CHUNKED) {
        hsize_t chunk = 0;
        good = H5Pget_chunk(plist, 1, &chunk) == 1 && chunk > 0 && chunk <= CHUNK_MAX / element;
        if (good && n > 0 && n < chunk) /* HDF5 reads whole chunks */
            good = chunk - n <= CIM_ANA_H5_CHUNK;
    } else {
        good = good && (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT);
    }
    H5Pclose(plist);
    return good;
}

/* Rows that a file of this size can hold in a column. */
static bool size_plausible(const reader *r, hid_t set, size_t element, uint64_t n)
{
    uint64_t stored = H5Dget_storage_size(set);
    if (n == 0)
        return true;
    return stored > 0 && stored <= r->file_size && n <= SIZE_MAX / 64 / element &&
           n * element / DEFLATE_MAX <= stored;
}

/* An open 1-D column. */
typedef struct column {
    hid_t set;
    H5T_class_t class;
    size_t n, element; /* rows; bytes of one */
    size_t longest;    /* element allowed, 0: CIM_ANA_H5_TEXT_MAX */
    char what[CIM_ANA_H5_LINK + 16];
} column;

enum { /* what a column may hold */
       INTEGERS = 1 << H5T_INTEGER,
       REALS = 1 << H5T_FLOAT,
       STRINGS = 1 << H5T_STRING,
       ENUMS = 1 << H5T_ENUM
};

static const char *column_problem(reader *r, column *c, int classes, size_t n)
{
    hid_t type = H5Dget_type(c->set), space = H5Dget_space(c->set);
    hsize_t rows = 0;
    const char *problem = NULL;
    c->class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    c->element = type >= 0 ? H5Tget_size(type) : 0;
    if (type < 0 || space < 0 || c->class < 0)
        problem = "is damaged";
    else if (!(1 << c->class & classes) || c->element == 0 ||
             c->element > (c->longest ? c->longest : CIM_ANA_H5_TEXT_MAX))
        problem = "has another type than allowed";
    else if (H5Sget_simple_extent_ndims(space) != 1 ||
             H5Sget_simple_extent_dims(space, &rows, NULL) != 1)
        problem = "has another shape than one dimension";
    else if (n != SIZE_MAX && rows != n)
        problem = "has another length than the columns before";
    else if (!storage_allowed(c->set, c->element, rows))
        problem = "is stored in a way that is not allowed";
    else if (!size_plausible(r, c->set, c->element, rows))
        problem = "claims more rows than the file can hold";
    c->n = (size_t)rows;
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return problem;
}

/* @param n  rows it must have, SIZE_MAX: any number */
static cim_status column_open(reader *r, hid_t group, const char *link, int classes, size_t n,
                              column *c)
{
    H5L_info_t info;
    snprintf(c->what, sizeof c->what, "column \"%s\"", link);
    if (H5Lexists(group, link, H5P_DEFAULT) <= 0)
        return bad(r, c->what, "is missing");
    if (H5Lget_info(group, link, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
        return bad(r, c->what, "is a link to elsewhere, which is not allowed");
    c->set = H5Dopen2(group, link, H5P_DEFAULT);
    if (c->set < 0)
        return bad(r, c->what, "is not a readable dataset");
    const char *problem = column_problem(r, c, classes, n);
    if (problem) {
        H5Dclose(c->set);
        return bad(r, c->what, problem);
    }
    return CIM_OK;
}

static cim_status column_data(reader *r, const column *c, hid_t memory, void *data)
{
    if (c->n > 0 && H5Dread(c->set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        return bad(r, c->what, "is damaged");
    return CIM_OK;
}

/* A whole column into new memory of `width` bytes per row; *n: rows it must have or SIZE_MAX. */
static cim_status column_read(reader *r, hid_t group, const char *link, int classes, hid_t memory,
                              size_t width, size_t *n, void **data)
{
    column c = {.set = -1};
    CIM_TRY(column_open(r, group, link, classes, *n, &c));
    void *p = cim_alloc(c.n, width);
    cim_status status = p ? column_data(r, &c, memory, p) : no_memory(r);
    H5Dclose(c.set);
    if (status != CIM_OK) {
        cim_free(p);
        return status;
    }
    *data = p;
    *n = c.n;
    return CIM_OK;
}

/* Called for each row of a string column; false: the text is not allowed. */
typedef bool (*row_text)(void *ctx, size_t row, const char *text);

/* Rows [start, start + count) of a string column, and `each` for them through `text`. */
static cim_status strings_block(reader *r, const column *c, hid_t type, size_t start, size_t count,
                                char *data, char *text, row_text each, void *ctx)
{
    hsize_t from = start, n = count;
    hid_t file = H5Dget_space(c->set), memory = H5Screate_simple(1, &n, NULL);
    bool good = file >= 0 && memory >= 0 &&
                H5Sselect_hyperslab(file, H5S_SELECT_SET, &from, NULL, &n, NULL) >= 0 &&
                H5Dread(c->set, type, memory, file, H5P_DEFAULT, data) >= 0;
    if (file >= 0)
        H5Sclose(file);
    if (memory >= 0)
        H5Sclose(memory);
    if (!good)
        return bad(r, c->what, "is damaged");
    for (size_t i = 0; i < count; i++) {
        memcpy(text, data + i * c->element, c->element);
        text[c->element] = '\0';
        if (!each(ctx, start + i, text))
            return cim_err_set(r->err, CIM_E_INPUT, r->path,
                               "%s has \"%.60s\" in row %zu, which is not allowed", c->what, text,
                               start + i);
    }
    return CIM_OK;
}

/* Fixed-length strings, in blocks of rows. */
static cim_status column_strings(reader *r, const column *c, row_text each, void *ctx)
{
    size_t block = TEXT_BLOCK / c->element + 1;
    hid_t type = H5Dget_type(c->set);
    char *data = cim_alloc(block < c->n ? block : c->n, c->element);
    char *text = cim_alloc(c->element + 1, 1);
    cim_status status = data && text && type >= 0 ? CIM_OK : no_memory(r);
    if (status == CIM_OK && H5Tis_variable_str(type) != 0)
        status = bad(r, c->what, "has another type than allowed");
    for (size_t row = 0; row < c->n && status == CIM_OK; row += block)
        status = strings_block(r, c, type, row, c->n - row < block ? c->n - row : block, data, text,
                               each, ctx);
    cim_free(data);
    cim_free(text);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

/* ---- links of a group, in the order they were made -------------------------------------------- */

static cim_status link_name(reader *r, hid_t group, hsize_t i, char link[CIM_ANA_H5_LINK])
{
    ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, link,
                                   CIM_ANA_H5_LINK, H5P_DEFAULT);
    if (n < 0) /* a file written by another program may keep no order */
        n = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, link, CIM_ANA_H5_LINK,
                               H5P_DEFAULT);
    if (n <= 0 || n >= CIM_ANA_H5_LINK)
        return bad(r, "a column's name", "is damaged or too long");
    return CIM_OK;
}

static cim_status links_count(reader *r, hid_t group, const char *what, size_t max, size_t *n)
{
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0)
        return bad(r, what, "is damaged");
    if (info.nlinks > max)
        return bad(r, what, "has more columns than allowed");
    *n = (size_t)info.nlinks;
    return CIM_OK;
}

static cim_status column_name(reader *r, const char *link, char name[CIM_ANA_NAME])
{
    char decoded[CIM_ANA_H5_LINK];
    cim_ana_h5_link_decode(link, decoded);
    if (strlen(decoded) >= CIM_ANA_NAME)
        return bad(r, "a column's name", "is too long");
    memcpy(name, decoded, strlen(decoded) + 1);
    return CIM_OK;
}

static cim_status group_open(reader *r, hid_t parent, const char *name, hid_t *group)
{
    H5L_info_t info;
    if (H5Lexists(parent, name, H5P_DEFAULT) <= 0)
        return bad(r, name, "is missing");
    if (H5Lget_info(parent, name, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
        return bad(r, name, "is a link to elsewhere, which is not allowed");
    *group = H5Gopen2(parent, name, H5P_DEFAULT);
    return *group < 0 ? bad(r, name, "is not a readable group") : CIM_OK;
}

/* ---- points ----------------------------------------------------------------------------------- */

static bool take_state(void *ctx, size_t row, const char *text)
{
    cim_ana_dataset *d = ctx;
    for (uint8_t i = 0; cim_ana_state_words[i]; i++) {
        if (!strcmp(cim_ana_state_words[i], text)) {
            d->state[row] = i;
            return true;
        }
    }
    return false;
}

static bool take_reason(void *ctx, size_t row, const char *text)
{
    return cim_ana_dataset_set_reason(ctx, row, text) == CIM_OK;
}

typedef struct word_target {
    cim_ana_dataset *d;
    const char *const *words;
    size_t column;
} word_target;

static const char *const bool_words[] = {"false", "true", NULL};

static bool take_word(void *ctx, size_t row, const char *text)
{
    word_target *t = ctx;
    double *value = &t->d->points[row * t->d->n_params + t->column];
    *value = NAN;
    for (size_t i = 0; t->words[i]; i++)
        if (!strcmp(t->words[i], text))
            *value = (double)i;
    return !isnan(*value) || !*text;
}

static cim_status read_words(reader *r, hid_t set, cim_ana_param *p)
{
    cim_ana_dataset *d = r->d;
    char **texts = cim_alloc(WORDS_MAX, sizeof *texts);
    size_t n = 0;
    if (!d->owned_words && !(d->owned_words = cim_alloc(1, sizeof *d->owned_words))) {
        cim_free(texts);
        return no_memory(r);
    }
    cim_status status = texts ? read_texts(r, set, "words", WORDS_MAX, texts, &n) : no_memory(r);
    if (status == CIM_OK) {
        const char **array = cim_arena_alloc(d->owned_words, n + 1, sizeof *array);
        for (size_t i = 0; i < n; i++) {
            if (array && !(array[i] = cim_arena_strdup(d->owned_words, texts[i])))
                array = NULL;
            cim_free(texts[i]);
        }
        p->words = array;
        status = array ? CIM_OK : no_memory(r);
    }
    cim_free(texts);
    return status;
}

/* Name, type, unit and words of a parameter; its length is checked, nothing is read yet. */
static cim_status read_param_info(reader *r, hid_t group, const char *link, cim_ana_param *p)
{
    column c = {.set = -1};
    int type = 0;
    CIM_TRY(column_name(r, link, p->name));
    CIM_TRY(column_open(r, group, link, INTEGERS | REALS | STRINGS | ENUMS, r->d->n, &c));
    cim_status status = read_choice(r, c.set, "type", cim_ana_type_words, &type);
    p->type = (cim_ana_type)type;
    if (status == CIM_OK)
        status = read_field(r, c.set, "unit", p->unit, sizeof p->unit);
    if (status == CIM_OK && p->type == CIM_ANA_ENUM)
        status = read_words(r, c.set, p);
    int allowed = p->type == CIM_ANA_BOOL   ? ENUMS | STRINGS
                  : p->type == CIM_ANA_ENUM ? STRINGS
                                            : INTEGERS | REALS;
    if (status == CIM_OK && !(1 << c.class & allowed))
        status = bad(r, c.what, "has another type than its attribute \"type\" says");
    H5Dclose(c.set);
    return status;
}

static cim_status read_param_numbers(reader *r, const column *c, size_t i)
{
    cim_ana_dataset *d = r->d;
    double *values = cim_alloc(c->n, sizeof *values);
    cim_status status = values ? column_data(r, c, H5T_NATIVE_DOUBLE, values) : no_memory(r);
    for (size_t row = 0; row < c->n && status == CIM_OK; row++)
        d->points[row * d->n_params + i] = values[row];
    cim_free(values);
    return status;
}

static cim_status read_param_bools(reader *r, const column *c, size_t i)
{
    cim_ana_dataset *d = r->d;
    signed char *values = cim_alloc(c->n, 1);
    hid_t type = cim_ana_h5_bool();
    cim_status status = values && type >= 0 ? column_data(r, c, type, values) : no_memory(r);
    for (size_t row = 0; row < c->n && status == CIM_OK; row++) {
        if (values[row] != 0 && values[row] != 1)
            status = bad(r, c->what, "has values other than FALSE and TRUE");
        d->points[row * d->n_params + i] = values[row];
    }
    if (type >= 0)
        H5Tclose(type);
    cim_free(values);
    return status;
}

static cim_status read_param(reader *r, hid_t group, size_t i)
{
    const cim_ana_param *p = &r->d->params[i];
    char link[CIM_ANA_H5_LINK];
    column c = {.set = -1};
    word_target t = {r->d, p->type == CIM_ANA_BOOL ? bool_words : p->words, i};
    cim_ana_h5_link_encode(p->name, link);
    CIM_TRY(column_open(r, group, link, INTEGERS | REALS | STRINGS | ENUMS, r->d->n, &c));
    cim_status status = c.class == H5T_STRING ? column_strings(r, &c, take_word, &t)
                        : c.class == H5T_ENUM ? read_param_bools(r, &c, i)
                                              : read_param_numbers(r, &c, i);
    H5Dclose(c.set);
    return status;
}

static cim_status read_text_column(reader *r, hid_t group, const char *link, row_text each)
{
    column c = {.set = -1};
    CIM_TRY(column_open(r, group, link, STRINGS, r->d->n, &c));
    cim_status status = column_strings(r, &c, each, r->d);
    H5Dclose(c.set);
    return status;
}

static cim_status read_rows(reader *r, hid_t group)
{
    cim_ana_dataset *d = r->d;
    size_t n = SIZE_MAX;
    void *ids = NULL;
    CIM_TRY(column_read(r, group, "id", INTEGERS, H5T_NATIVE_UINT64, sizeof *d->id, &n, &ids));
    d->id = ids;
    d->n = d->cap = n;
    for (size_t i = 1; i < n; i++)
        if (d->id[i - 1] >= d->id[i])
            return bad(r, "column \"id\"", "does not ascend");
    d->state = cim_alloc(n, sizeof *d->state);
    d->reason = cim_alloc(n, sizeof *d->reason);
    if (!d->state || !d->reason)
        return no_memory(r);
    CIM_TRY(read_text_column(r, group, "state", take_state));
    return read_text_column(r, group, "reason", take_reason);
}

static cim_status read_params(reader *r, hid_t group)
{
    cim_ana_dataset *d = r->d;
    size_t links = 0;
    CIM_TRY(links_count(r, group, "points", CIM_ANA_MAX_COLUMNS + 3, &links));
    for (size_t i = 0; i < links; i++) {
        char link[CIM_ANA_H5_LINK];
        CIM_TRY(link_name(r, group, i, link));
        if (!strcmp(link, "id") || !strcmp(link, "state") || !strcmp(link, "reason"))
            continue;
        if (d->n_params == CIM_ANA_MAX_COLUMNS)
            return bad(r, "points", "has more columns than allowed");
        CIM_TRY(read_param_info(r, group, link, &d->params[d->n_params]));
        d->n_params++;
    }
    d->points = cim_alloc(d->n, (d->n_params + 1) * sizeof *d->points);
    if (!d->points)
        return no_memory(r);
    for (size_t i = 0; i < d->n_params; i++)
        CIM_TRY(read_param(r, group, i));
    return CIM_OK;
}

/* ---- metrics ---------------------------------------------------------------------------------- */

static cim_status read_metric_info(reader *r, hid_t group, const char *link, cim_ana_metric *m)
{
    column c = {.set = -1};
    CIM_TRY(column_name(r, link, m->name));
    CIM_TRY(column_open(r, group, link, REALS, r->d->n, &c));
    cim_status status = read_field(r, c.set, "unit", m->unit, sizeof m->unit);
    H5Dclose(c.set);
    return status;
}

static cim_status read_metrics(reader *r, hid_t group)
{
    cim_ana_dataset *d = r->d;
    size_t links = 0;
    CIM_TRY(links_count(r, group, "metrics", CIM_ANA_MAX_COLUMNS, &links));
    for (size_t i = 0; i < links; i++) {
        char link[CIM_ANA_H5_LINK];
        CIM_TRY(link_name(r, group, i, link));
        CIM_TRY(read_metric_info(r, group, link, &d->metrics_info[i]));
        d->n_metrics++;
    }
    d->metrics = cim_alloc(d->n, (d->n_metrics + 1) * sizeof *d->metrics);
    if (!d->metrics)
        return no_memory(r);
    for (size_t i = 0; i < d->n_metrics; i++) {
        char link[CIM_ANA_H5_LINK];
        size_t n = d->n;
        void *values = NULL;
        cim_ana_h5_link_encode(d->metrics_info[i].name, link);
        CIM_TRY(column_read(r, group, link, REALS, H5T_NATIVE_DOUBLE, sizeof(double), &n, &values));
        for (size_t row = 0; row < n; row++)
            d->metrics[row * d->n_metrics + i] = ((double *)values)[row];
        cim_free(values);
    }
    return CIM_OK;
}

/* ---- pareto ----------------------------------------------------------------------------------- */

static cim_status objective_set(reader *r, size_t i, const char *name, const char *sense)
{
    int metric = cim_ana_dataset_metric(r->d, name);
    bool maximise = !strcmp(sense, "max");
    if (metric < 0)
        return cim_err_set(r->err, CIM_E_INPUT, r->path, "objective \"%.60s\" is not a metric",
                           name);
    if (!maximise && strcmp(sense, "min") != 0)
        return cim_err_set(r->err, CIM_E_INPUT, r->path,
                           "sense of an objective is \"%.60s\", allowed are min and max", sense);
    r->d->objectives[i] = (cim_ana_objective){(uint32_t)metric, maximise};
    return CIM_OK;
}

static cim_status read_objectives(reader *r, hid_t group)
{
    char *names[CIM_ANA_MAX_COLUMNS], *senses[CIM_ANA_MAX_COLUMNS];
    size_t n = 0, n_senses = 0;
    CIM_TRY(read_texts(r, group, "objectives", CIM_ANA_MAX_COLUMNS, names, &n));
    cim_status status = read_texts(r, group, "senses", CIM_ANA_MAX_COLUMNS, senses, &n_senses);
    if (status == CIM_OK && n != n_senses)
        status = bad(r, "objectives and senses", "differ in length");
    for (size_t i = 0; i < n && status == CIM_OK; i++)
        status = objective_set(r, i, names[i], senses[i]);
    if (status == CIM_OK)
        r->d->n_objectives = n;
    for (size_t i = 0; i < n; i++)
        cim_free(names[i]);
    for (size_t i = 0; i < n_senses; i++)
        cim_free(senses[i]);
    return status;
}

static cim_status read_front(reader *r, hid_t group)
{
    cim_ana_dataset *d = r->d;
    size_t n = SIZE_MAX;
    void *rows = NULL;
    CIM_TRY(column_read(r, group, "row", INTEGERS, H5T_NATIVE_UINT64, sizeof *d->front, &n, &rows));
    d->front = rows;
    d->n_front = n;
    for (size_t i = 0; i < n; i++) {
        if (d->front[i] >= d->n)
            return cim_err_set(r->err, CIM_E_INPUT, r->path,
                               "front row %llu is out of range, there are %zu points",
                               (unsigned long long)d->front[i], d->n);
        if (i > 0 && d->front[i - 1] >= d->front[i])
            return bad(r, "column \"row\"", "does not ascend");
        if (d->state[d->front[i]] != CIM_ANA_OK)
            return cim_err_set(r->err, CIM_E_INPUT, r->path, "front row %llu is not feasible",
                               (unsigned long long)d->front[i]);
    }
    return CIM_OK;
}

static cim_status read_history(reader *r, hid_t pareto)
{
    static const char *const methods[] = {"exact", "sampled", NULL};
    cim_ana_dataset *d = r->d;
    hid_t group = -1;
    size_t n = SIZE_MAX;
    int method = 0;
    void *data = NULL;
    CIM_TRY(group_open(r, pareto, "history", &group));
    cim_status status = column_read(r, group, "evaluations", INTEGERS, H5T_NATIVE_UINT64,
                                    sizeof *d->history_evaluations, &n, &data);
    if (status == CIM_OK) {
        d->history_evaluations = data;
        status = column_read(r, group, "hypervolume", REALS, H5T_NATIVE_DOUBLE,
                             sizeof *d->history_hypervolume, &n, &data);
    }
    if (status == CIM_OK) {
        d->history_hypervolume = data;
        d->n_history = n;
        status = read_choice(r, group, "method", methods, &method);
        d->history_sampled = method == 1;
    }
    H5Gclose(group);
    return status;
}

static bool take_plan(void *ctx, size_t row, const char *text)
{
    cim_ana_dataset *d = ctx;
    return (d->plans[row] = cim_strdup(text)) != NULL;
}

static cim_status read_plans(reader *r, hid_t group)
{
    cim_ana_dataset *d = r->d;
    column c = {.set = -1, .longest = CIM_ANA_H5_PLAN_MAX};
    if (H5Lexists(group, "plans", H5P_DEFAULT) <= 0)
        return CIM_OK;
    CIM_TRY(column_open(r, group, "plans", STRINGS, d->n_front, &c));
    d->plans = cim_alloc(d->n_front, sizeof *d->plans);
    cim_status status = d->plans ? column_strings(r, &c, take_plan, d) : no_memory(r);
    H5Dclose(c.set);
    return status;
}

static cim_status read_pareto(reader *r, hid_t group)
{
    CIM_TRY(read_objectives(r, group));
    CIM_TRY(read_front(r, group));
    CIM_TRY(read_history(r, group));
    return read_plans(r, group);
}

/* ---- file ------------------------------------------------------------------------------------- */

static cim_status read_root(reader *r)
{
    char format[64];
    int version = 0;
    signed char complete = 0;
    if (H5Aexists(r->file, "format") <= 0)
        return bad(r, "the HDF5 file", "is not one of cimdse: attribute \"format\" is missing");
    CIM_TRY(read_field(r, r->file, "format", format, sizeof format));
    if (strcmp(format, CIM_ANA_FORMAT) != 0)
        return cim_err_set(r->err, CIM_E_INPUT, r->path, "format is \"%s\", expected \"%s\"",
                           format, CIM_ANA_FORMAT);
    CIM_TRY(read_scalar(r, r->file, "format_version", H5T_INTEGER, H5T_NATIVE_INT, &version));
    if (version != CIM_ANA_FORMAT_VERSION)
        return cim_err_set(r->err, CIM_E_INPUT, r->path,
                           "format version %d is unknown, this program reads version %d", version,
                           CIM_ANA_FORMAT_VERSION);
    CIM_TRY(read_text(r, r->file, "spec", &r->d->spec_json));
    CIM_TRY(read_field(r, r->file, "seed", r->d->seed, sizeof r->d->seed));
    hid_t type = cim_ana_h5_bool();
    cim_status status = read_scalar(r, r->file, "complete", H5T_ENUM, type, &complete);
    if (type >= 0)
        H5Tclose(type);
    r->d->complete = complete == 1;
    return status;
}

static cim_status read_group(reader *r, const char *name, cim_status (*read)(reader *, hid_t))
{
    hid_t group = -1;
    CIM_TRY(group_open(r, r->file, name, &group));
    cim_status status = read(r, group);
    H5Gclose(group);
    return status;
}

static cim_status read_all(reader *r)
{
    CIM_TRY(read_root(r));
    CIM_TRY(read_group(r, "points", read_rows));
    CIM_TRY(read_group(r, "points", read_params));
    CIM_TRY(read_group(r, "metrics", read_metrics));
    return read_group(r, "pareto", read_pareto);
}

/* Opens what looks like HDF5; the library's own errors do not reach the user. */
static cim_status file_open(reader *r)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[8] = {0};
    struct stat st;
    FILE *f = fopen(r->path, "rb");
    if (!f)
        return cim_err_set(r->err, CIM_E_INPUT, r->path, "cannot be read: %s", strerror(errno));
    bool known = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode);
    known = known && fread(head, 1, sizeof head, f) == sizeof head &&
            !memcmp(head, signature, sizeof head);
    fclose(f);
    if (!known)
        return cim_err_set(r->err, CIM_E_INPUT, r->path, "is not an HDF5 file");
    CIM_TRY(cim_ana_seal_check(r->path, r->err));
    r->file_size = (uint64_t)st.st_size;
    hid_t access = cim_ana_h5_access();
    if (access < 0)
        return no_memory(r);
    r->file = H5Fopen(r->path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return r->file < 0 ? bad(r, "the file", "is truncated or damaged") : CIM_OK;
}

cim_status cim_ana_store_read(const char *path, cim_ana_dataset *d, cim_err *err)
{
    struct stat st;
    cim_text full;
    reader r = {.d = d, .err = err};
    cim_text_init(&full);
    cim_text_add(&full, path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        cim_text_add(&full, "/results.h5");
    if (full.failed)
        return cim_err_set(err, CIM_E_NOMEM, path, "out of memory while reading results");
    cim_ana_h5_init();
    r.path = cim_text_str(&full);
    cim_status status = file_open(&r);
    if (status == CIM_OK) {
        status = read_all(&r);
        if (H5Fclose(r.file) < 0 && status == CIM_OK)
            status = bad(&r, "the file", "is damaged");
    }
    if (status != CIM_OK)
        cim_ana_dataset_clear(d);
    cim_text_clear(&full);
    return status;
}
