/* Pruning of a front to a number of members by crowding distance, one member at a time. */
#ifndef CIM_SEARCH_PRUNE_H
#define CIM_SEARCH_PRUNE_H

#include <stddef.h>
#include <stdint.h>

typedef struct cim_search_prune cim_search_prune; /* scratch for fronts of up to `rows` members */

/** @return owned by the caller; NULL: out of memory */
cim_search_prune *cim_search_prune_create(size_t rows, size_t m);
void cim_search_prune_destroy(cim_search_prune *p);

/** Keep the `keep` members that are furthest from their neighbours: the one with the smallest
 *  crowding distance (Deb 2002) is removed and the distances of its neighbours are renewed, until
 *  `keep` are left (Kukkonen and Deb 2006; removing all at once leaves holes where a whole cluster
 *  had small distances). Ties remove the larger row, so the result is deterministic.
 *  @param f        rows of m finite objectives, minimised
 *  @param members  n rows of f, ascending; on return the first min(n, keep) are the kept, ascending
 *  @param[out] distance  crowding distance of the kept among themselves; ends INFINITY
 *  Cost O(m n log n + n (n - keep)). */
void cim_search_prune_front(cim_search_prune *p, const double *f, uint32_t *members, size_t n,
                            size_t keep, double *distance);

#endif
