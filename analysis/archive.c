#include "analysis/pareto.h"

#include "hwspace/base/memory.h"

#include <string.h>

struct cim_ana_archive {
    size_t m, n, cap_points, cap_ids;
    double *points;
    uint64_t *ids;
};

cim_ana_archive *cim_ana_archive_create(size_t m)
{
    cim_ana_archive *a = cim_alloc(1, sizeof *a);
    if (a)
        a->m = m;
    return a;
}

void cim_ana_archive_destroy(cim_ana_archive *a)
{
    if (!a)
        return;
    cim_free(a->points);
    cim_free(a->ids);
    cim_free(a);
}

int cim_ana_archive_insert(cim_ana_archive *a, const double *point, uint64_t id)
{
    size_t m = a->m, kept = 0;
    for (size_t i = 0; i < a->n; i++) {
        bool worse = false;
        for (size_t k = 0; k < m; k++)
            worse |= a->points[m * i + k] > point[k];
        if (!worse)
            return 0;
    }
    if (cim_grow(&a->points, &a->cap_points, a->n + 1, m * sizeof *a->points) ||
        cim_grow(&a->ids, &a->cap_ids, a->n + 1, sizeof *a->ids))
        return -1;
    for (size_t i = 0; i < a->n; i++) {
        if (cim_ana_dominates(point, a->points + m * i, m) < 0)
            continue;
        memmove(a->points + m * kept, a->points + m * i, m * sizeof *a->points);
        a->ids[kept++] = a->ids[i];
    }
    memcpy(a->points + m * kept, point, m * sizeof *point);
    a->ids[kept] = id;
    a->n = kept + 1;
    return 1;
}

size_t cim_ana_archive_size(const cim_ana_archive *a)
{
    return a->n;
}

const double *cim_ana_archive_at(const cim_ana_archive *a, size_t i, uint64_t *id)
{
    if (id)
        *id = a->ids[i];
    return a->points + a->m * i;
}
