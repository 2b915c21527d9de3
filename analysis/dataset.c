#include "analysis/dataset.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <string.h>

enum { REASON_MAX = 1023 };

const char *const cim_ana_state_words[] = {"ok", "infeasible", "failed", NULL};

void cim_ana_dataset_init(cim_ana_dataset *d)
{
    memset(d, 0, sizeof *d);
}

static void texts_free(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        cim_free(texts[i]);
    cim_free(texts);
}

void cim_ana_dataset_clear(cim_ana_dataset *d)
{
    cim_free(d->id);
    cim_free(d->state);
    cim_free(d->reason);
    cim_free(d->points);
    cim_free(d->metrics);
    texts_free(d->reasons, d->n_reasons);
    cim_free(d->reason_slots);
    cim_free(d->spec_json);
    texts_free(d->plans, d->n_front);
    cim_free(d->front);
    cim_free(d->history_evaluations);
    cim_free(d->history_hypervolume);
    if (d->owned_words)
        cim_arena_clear(d->owned_words);
    cim_free(d->owned_words);
    cim_ana_dataset_init(d);
}

static cim_status out_of_memory(cim_err *err, size_t rows)
{
    return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a dataset of %zu rows", rows);
}

/* ---- reasons: stored once, found by hash ------------------------------------------------------ */

static size_t slot_of(const cim_ana_dataset *d, const char *text, size_t n)
{
    size_t mask = d->reason_slots_cap - 1, slot = (size_t)cim_hash64(text, n, 0) & mask;
    while (d->reason_slots[slot]) {
        const char *other = d->reasons[d->reason_slots[slot]];
        if (!strncmp(other, text, n) && other[n] == '\0')
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static bool slots_grow(cim_ana_dataset *d)
{
    size_t cap = d->reason_slots_cap ? 2 * d->reason_slots_cap : 64;
    uint32_t *slots = cim_alloc(cap, sizeof *slots);
    if (!slots)
        return false;
    cim_free(d->reason_slots);
    d->reason_slots = slots;
    d->reason_slots_cap = cap;
    for (size_t i = 1; i < d->n_reasons; i++)
        slots[slot_of(d, d->reasons[i], strlen(d->reasons[i]))] = (uint32_t)i;
    return true;
}

static bool reason_append(cim_ana_dataset *d, const char *text, size_t n)
{
    if (cim_grow(&d->reasons, &d->reasons_cap, d->n_reasons + 1, sizeof *d->reasons))
        return false;
    char *copy = cim_alloc(n + 1, 1);
    if (!copy)
        return false;
    memcpy(copy, text, n);
    d->reasons[d->n_reasons++] = copy;
    return true;
}

/* Index of a reason, stored when new; false: out of memory. */
static bool reason_index(cim_ana_dataset *d, const char *text, uint32_t *index)
{
    size_t n = text ? strnlen(text, REASON_MAX) : 0;
    if (d->n_reasons == 0 && !reason_append(d, "", 0))
        return false;
    *index = 0;
    if (n == 0)
        return true;
    if (2 * (d->n_reasons + 1) > d->reason_slots_cap && !slots_grow(d))
        return false;
    size_t slot = slot_of(d, text, n);
    if (!d->reason_slots[slot]) {
        if (d->n_reasons >= UINT32_MAX || !reason_append(d, text, n))
            return false;
        d->reason_slots[slot] = (uint32_t)(d->n_reasons - 1);
    }
    *index = d->reason_slots[slot];
    return true;
}

const char *cim_ana_dataset_reason(const cim_ana_dataset *d, size_t row)
{
    return d->reason[row] < d->n_reasons ? d->reasons[d->reason[row]] : "";
}

cim_status cim_ana_dataset_set_reason(cim_ana_dataset *d, size_t row, const char *reason)
{
    return reason_index(d, reason, &d->reason[row]) ? CIM_OK : CIM_E_NOMEM;
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* Room for one more row in all columns; cap moves only when all of them grew. */
static bool rows_grow(cim_ana_dataset *d)
{
    if (d->n < d->cap)
        return true;
    size_t cap = d->cap ? 2 * d->cap : 256;
    void *p;
    if (cap < d->cap)
        return false;
#define GROW(column, width)                                                                        \
    do {                                                                                           \
        if (!(p = cim_realloc(d->column, cap, (width) * sizeof *d->column)))                       \
            return false;                                                                          \
        d->column = p;                                                                             \
    } while (0)
    GROW(id, 1);
    GROW(state, 1);
    GROW(reason, 1);
    GROW(points, d->n_params + 1); /* + 1: a width of 0 stays an allocation */
    GROW(metrics, d->n_metrics + 1);
#undef GROW
    d->cap = cap;
    return true;
}

static size_t words_count(const cim_ana_param *p)
{
    size_t n = 0;
    while (p->words && p->words[n])
        n++;
    return n;
}

/* What a column can hold, NAN for anything else. */
static double storable(const cim_ana_param *p, double v)
{
    if (p->type == CIM_ANA_BOOL)
        return v == 0 || v == 1 ? v : NAN;
    if (p->type == CIM_ANA_ENUM)
        return v >= 0 && v < (double)words_count(p) && v == floor(v) ? v : NAN;
    return v;
}

cim_status cim_ana_dataset_add(cim_ana_dataset *d, uint64_t id, cim_ana_state state,
                               const char *reason, const double *point, const double *metrics,
                               cim_err *err)
{
    uint32_t why;
    if (!rows_grow(d) || !reason_index(d, state == CIM_ANA_OK ? NULL : reason, &why))
        return out_of_memory(err, d->n + 1);
    size_t row = d->n++;
    d->id[row] = id;
    d->state[row] = (uint8_t)state;
    d->reason[row] = why;
    for (size_t i = 0; i < d->n_params; i++)
        d->points[row * d->n_params + i] = storable(&d->params[i], point[i]);
    for (size_t i = 0; i < d->n_metrics; i++)
        d->metrics[row * d->n_metrics + i] = state == CIM_ANA_OK && metrics ? metrics[i] : NAN;
    return CIM_OK;
}

/* ---- sorting by id ---------------------------------------------------------------------------- */

typedef struct id_row {
    uint64_t id;
    size_t row;
} id_row;

/* Stable merge sort, bottom up: rows mostly come in long ascending runs. */
static void sort_ids(id_row *a, id_row *spare, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            size_t i = lo, j = mid;
            for (size_t k = lo; k < hi; k++)
                spare[k] = j >= hi || (i < mid && a[i].id <= a[j].id) ? a[i++] : a[j++];
        }
        memcpy(a, spare, n * sizeof *a);
    }
}

/* Reorder a column of elements of `size` bytes through a buffer of n elements. */
static void permute(void *column, void *buffer, const id_row *order, size_t n, size_t size)
{
    unsigned char *to = buffer;
    const unsigned char *from = column;
    for (size_t i = 0; i < n && size > 0; i++)
        memcpy(to + i * size, from + order[i].row * size, size);
    if (n * size > 0)
        memcpy(column, buffer, n * size);
}

cim_status cim_ana_dataset_sort(cim_ana_dataset *d, cim_err *err)
{
    bool sorted = true;
    for (size_t i = 1; i < d->n && sorted; i++)
        sorted = d->id[i - 1] < d->id[i];
    if (sorted)
        return CIM_OK;
    size_t wide = (d->n_params > d->n_metrics ? d->n_params : d->n_metrics) + 1;
    id_row *order = cim_alloc(d->n, 2 * sizeof *order);
    double *buffer = cim_alloc(d->n, wide * sizeof *buffer);
    cim_status status = CIM_OK;
    if (!order || !buffer) {
        status = out_of_memory(err, d->n);
    } else {
        for (size_t i = 0; i < d->n; i++)
            order[i] = (id_row){d->id[i], i};
        sort_ids(order, order + d->n, d->n);
        for (size_t i = 1; i < d->n && status == CIM_OK; i++)
            if (order[i - 1].id == order[i].id)
                status =
                    cim_err_set(err, CIM_E_INTERNAL, NULL, "point %llu is in the dataset twice",
                                (unsigned long long)order[i].id);
    }
    if (status == CIM_OK) {
        permute(d->id, buffer, order, d->n, sizeof *d->id);
        permute(d->state, buffer, order, d->n, sizeof *d->state);
        permute(d->reason, buffer, order, d->n, sizeof *d->reason);
        permute(d->points, buffer, order, d->n, d->n_params * sizeof *d->points);
        permute(d->metrics, buffer, order, d->n, d->n_metrics * sizeof *d->metrics);
    }
    cim_free(buffer);
    cim_free(order);
    return status;
}

/* ---- columns by name -------------------------------------------------------------------------- */

int cim_ana_dataset_metric(const cim_ana_dataset *d, const char *name)
{
    for (size_t i = 0; i < d->n_metrics; i++)
        if (!strcmp(d->metrics_info[i].name, name))
            return (int)i;
    return -1;
}

int cim_ana_dataset_param(const cim_ana_dataset *d, const char *name)
{
    for (size_t i = 0; i < d->n_params; i++)
        if (!strcmp(d->params[i].name, name))
            return (int)i;
    return -1;
}
