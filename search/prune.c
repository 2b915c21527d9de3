#include "search/prune.h"

#include "hwspace/base/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct entry {
    double value;
    uint32_t at; /* position in members[] */
} entry;

struct cim_search_prune {
    size_t rows, m;
    entry *sorted;
    uint32_t *before, *after; /* m x rows: neighbours in each objective; NONE at the ends */
    double *width;            /* m: range of each objective over the front */
    double *distance;
    unsigned char *gone;
};

#define NONE UINT32_MAX

cim_search_prune *cim_search_prune_create(size_t rows, size_t m)
{
    cim_search_prune *p = cim_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->rows = rows;
    p->m = m;
    if (m == 0 || rows > SIZE_MAX / m)
        goto fail;
    p->sorted = cim_alloc(rows, sizeof *p->sorted);
    p->before = cim_alloc(rows * m, sizeof *p->before);
    p->after = cim_alloc(rows * m, sizeof *p->after);
    p->width = cim_alloc(m, sizeof *p->width);
    p->distance = cim_alloc(rows, sizeof *p->distance);
    p->gone = cim_alloc(rows, 1);
    if (p->sorted && p->before && p->after && p->width && p->distance && p->gone)
        return p;
fail:
    cim_search_prune_destroy(p);
    return NULL;
}

void cim_search_prune_destroy(cim_search_prune *p)
{
    if (!p)
        return;
    cim_free(p->sorted);
    cim_free(p->before);
    cim_free(p->after);
    cim_free(p->width);
    cim_free(p->distance);
    cim_free(p->gone);
    cim_free(p);
}

static int by_value(const void *pa, const void *pb)
{
    const entry *a = pa, *b = pb;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static void link_objective(cim_search_prune *p, const double *f, const uint32_t *members, size_t n,
                           size_t k)
{
    for (size_t i = 0; i < n; i++)
        p->sorted[i] = (entry){f[members[i] * p->m + k], (uint32_t)i};
    qsort(p->sorted, n, sizeof *p->sorted, by_value);
    for (size_t i = 0; i < n; i++) {
        p->before[k * p->rows + p->sorted[i].at] = i > 0 ? p->sorted[i - 1].at : NONE;
        p->after[k * p->rows + p->sorted[i].at] = i + 1 < n ? p->sorted[i + 1].at : NONE;
    }
    p->width[k] = p->sorted[n - 1].value - p->sorted[0].value;
}

static double crowding(const cim_search_prune *p, const double *f, const uint32_t *members,
                       size_t i)
{
    double d = 0;
    for (size_t k = 0; k < p->m; k++) {
        uint32_t a = p->before[k * p->rows + i], b = p->after[k * p->rows + i];
        if (a == NONE || b == NONE)
            return INFINITY;
        if (p->width[k] > 0)
            d += (f[members[b] * p->m + k] - f[members[a] * p->m + k]) / p->width[k];
    }
    return d;
}

static void remove_member(cim_search_prune *p, const double *f, const uint32_t *members, size_t i)
{
    p->gone[i] = 1;
    for (size_t k = 0; k < p->m; k++) {
        uint32_t a = p->before[k * p->rows + i], b = p->after[k * p->rows + i];
        if (a != NONE)
            p->after[k * p->rows + a] = b;
        if (b != NONE)
            p->before[k * p->rows + b] = a;
    }
    for (size_t k = 0; k < p->m; k++) {
        uint32_t a = p->before[k * p->rows + i], b = p->after[k * p->rows + i];
        if (a != NONE)
            p->distance[a] = crowding(p, f, members, a);
        if (b != NONE)
            p->distance[b] = crowding(p, f, members, b);
    }
}

void cim_search_prune_front(cim_search_prune *p, const double *f, uint32_t *members, size_t n,
                            size_t keep, double *distance)
{
    if (n == 0)
        return;
    for (size_t k = 0; k < p->m; k++)
        link_objective(p, f, members, n, k);
    for (size_t i = 0; i < n; i++) {
        p->gone[i] = 0;
        p->distance[i] = crowding(p, f, members, i);
    }
    for (size_t left = n; left > keep; left--) {
        size_t worst = n;
        for (size_t i = 0; i < n; i++)
            if (!p->gone[i] && (worst == n || p->distance[i] <= p->distance[worst]))
                worst = i;
        remove_member(p, f, members, worst);
    }
    for (size_t i = 0, k = 0; i < n; i++) {
        if (p->gone[i])
            continue;
        members[k] = members[i];
        distance[k++] = p->distance[i];
    }
}
