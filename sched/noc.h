/* The network between cores: how far two cores are apart, and the curves along which operators take
 * cores. Start with cim_cc_noc_init(); sched/README.md, "Placement", has the equations.
 *
 * Cores are numbered row by row on a grid of side = ceil(sqrt(cores)) columns; the last row may be
 * partial. Where it is, routers without a core complete it, so that rings of a torus are whole. The
 * global buffer and the chip's border hang on one port, beside the middle core of the first row. */
#ifndef CIM_SCHED_NOC_H
#define CIM_SCHED_NOC_H

#include "hwspace/arch.h"
#include "hwspace/base/memory.h"

typedef struct cim_cc_noc {
    int64_t kind;       /* cim_hw_noc */
    const double *cost; /* n x n, borrowed from the architecture, or NULL; overrides kind */
    bool free;          /* every distance is 0 */
    bool grid;          /* mesh or torus: distance is a sum over two axes */
    uint32_t n;         /* cores */
    uint32_t side, rows;
    uint32_t levels; /* of a binary tree over the cores: ceil(log2(n)) */
    uint32_t port;   /* the core beside the port */
    double *to_all,
        *from_all; /* grid: mean distance along an axis from every column, then from every
                                  row, to the cores' (one array, same both ways); cost: per core; else
                                  NULL */
    double all_all, all_port,
        port_all; /* mean over all cores (pairs: a core with itself included) */
} cim_cc_noc;

/** Geometry and means. Cost O(side); with a cost matrix O(n^2).
 *  @param arch  borrowed (its cost matrix)
 *  @param ar    the means live here
 *  @return false: out of memory */
bool cim_cc_noc_init(cim_cc_noc *noc, const cim_hw_arch *arch, cim_arena *ar);

/** Hops between two cores, in [0, n). Mesh: Manhattan; torus: the shorter way round on each axis
 *  (Dally & Towles 2004, chapters 3 and 5); bus: 1 between different cores; tree: binary, cores are leaves
 *  in order of their numbers, up to the lowest common ancestor and down again; ideal: 0; a cost matrix:
 *  as given. O(1). */
double cim_cc_noc_hops(const cim_cc_noc *noc, uint32_t from, uint32_t to);

/** Hops between a core and the port: on a mesh or torus one link beyond the port's router, on a bus 1,
 *  on a tree up to the root, with a cost matrix the cost to the core beside the port. */
double cim_cc_noc_port_hops(const cim_cc_noc *noc, uint32_t core, bool to_port);

/** Mean hops from one core to all (itself included), or from all to it. */
double cim_cc_noc_all_hops(const cim_cc_noc *noc, uint32_t core, bool to_all);

/** From the distribution of something along an axis (shares at 0 .. n-1) to the mean distance between
 *  every place of the axis and it. O(n).
 *  @param ring  the axis closes on itself
 *  @param[out] distance  n values */
void cim_cc_noc_axis(const double *share, uint32_t n, bool ring, double *distance);

/** The cores in order of a curve over the grid; a permutation of [0, n).
 *  row_major: by number; snake: every other row backwards; hilbert: Hilbert's curve on any rectangle by
 *  recursive division (after J. Cerveny's generalisation, github.com/jakubcerveny/gilbert; Hilbert
 *  1891), places without a core skipped. O(n).
 *  @param curve  cim_hw_placement, not optimised
 *  @param[out] order  n entries */
void cim_cc_noc_curve(const cim_cc_noc *noc, int64_t curve, uint32_t *order);

#endif
