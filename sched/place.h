/* Shared by the files of pass place: where crossbar operators are (spots), and how far their traffic
 * goes. place.c measures a placement, place_optimise.c looks for a better one. */
#ifndef CIM_SCHED_PLACE_H
#define CIM_SCHED_PLACE_H

#include "sched/plan_internal.h"

/** Where a crossbar operator is: shares of its crossbars, adding up to 1. Mean distances are linear in
 *  them. */
typedef struct cim_cc_spot {
    double *mass;    /* grid: per column, then per row; else per listed core */
    uint32_t *cores; /* listed; a core may be listed twice. NULL on grids */
    uint32_t n, cap;
    double to_all, from_all, to_port, from_port;
    double neighbour; /* mean distance between neighbouring cores of a copy; 0: a core is enough */
} cim_cc_spot;

typedef struct cim_cc_placer {
    cim_cc_plan *plan;
    const cim_cc_noc *noc;
    const cim_cc_routes *routes;
    const uint32_t *order; /* the curve; NULL: by number */
    cim_cc_spot *spots;    /* per crossbar operator */
    double alus_at_port;  /* share of digital work done by the chip's ALU, which sits at the port */
    double *port_axis;    /* grid: distance to the port along each axis, without its link */
    double *toward;       /* grid: mean distance along each axis to the spot ... */
    uint32_t toward_spot; /* ... of this operator */
    double *mark;         /* bus, tree: shares per core or subtree; 0 between calls */
} cim_cc_placer;

/** Measure where an operator is, from its nodes' first_unit and the order. O(its cores + side).
 *  @return the cores it looked at, for bounding work */
uint32_t cim_cc_spot_build(cim_cc_placer *p, uint32_t xb);
/** Mean hops of a route. Grid: O(side); else O(cores of both), with a cost matrix their product. */
double cim_cc_route_hops(cim_cc_placer *p, const cim_cc_route *r);
/** Choose order and first units so that bits times hops are few. @param order  n entries of scratch that
 *  end up as the order in use */
cim_status cim_cc_place_optimise(cim_cc_context *cx, cim_cc_placer *p, uint32_t *order);

#endif
