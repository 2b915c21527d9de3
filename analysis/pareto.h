/* Pareto sets and quality indicators. Everything here minimises: callers negate what they
 * maximise. Points are rows of a row-major n x m array of finite doubles. */
#ifndef CIM_ANALYSIS_PARETO_H
#define CIM_ANALYSIS_PARETO_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIM_ANA_MAX_OBJECTIVES = 64 };

/** -1: a dominates b; 1: b dominates a; 0: neither (equal points do not dominate each other). */
int cim_ana_dominates(const double *a, const double *b, size_t m);

/** Nondominated filter: keep[i] = true for rows no other row dominates; of equal rows only the one
 *  with the smallest index is kept. Cost: m = 2 O(n log n); m = 3 O(n log n); else O(n f m) after
 *  a lexicographic sort, f the front's size. @return CIM_OK, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_ana_pareto_filter(const double *points, size_t n, size_t m,
                                                bool *keep, cim_err *err);

/** Nondominated sorting: rank[i] = 0 for the front, 1 for the front without it, ... */
CIM_MUST_CHECK cim_status cim_ana_pareto_rank(const double *points, size_t n, size_t m,
                                              uint32_t *rank, cim_err *err);

/** Crowding distance (Deb 2002) of the rows listed in members[]; ends get INFINITY. Ties in
 *  objectives break by index, so the result is deterministic. */
CIM_MUST_CHECK cim_status cim_ana_crowding(const double *points, size_t m, const uint32_t *members,
                                           size_t n_members, double *distance, cim_err *err);

/** Hypervolume dominated by the rows and bounded by ref (rows not better than ref in every
 *  objective add nothing). m = 2, 3: O(n log n) sweeps (Fonseca 2006 dimension sweep for 3);
 *  m >= 4: WFG (While 2012) with limiting sets. */
CIM_MUST_CHECK cim_status cim_ana_hypervolume(const double *points, size_t n, size_t m,
                                              const double *ref, double *out, cim_err *err);

/** Knee of a front: the row nearest, in objectives scaled to [0,1] over the front, to the ideal
 *  point (Euclidean); ties by index. @return row index, SIZE_MAX for n = 0. */
size_t cim_ana_knee(const double *points, size_t n, size_t m);

/** Incremental archive of mutually nondominated points, used while a search runs. */
typedef struct cim_ana_archive cim_ana_archive;
cim_ana_archive *cim_ana_archive_create(size_t m); /* NULL: no memory */
void cim_ana_archive_destroy(cim_ana_archive *a);
/** @return 1 inserted, 0 dominated or equal to a member, -1 out of memory */
int cim_ana_archive_insert(cim_ana_archive *a, const double *point, uint64_t id);
size_t cim_ana_archive_size(const cim_ana_archive *a);
/** @param[out] id may be NULL @return objectives of member i, borrowed until the next insert */
const double *cim_ana_archive_at(const cim_ana_archive *a, size_t i, uint64_t *id);

#endif
