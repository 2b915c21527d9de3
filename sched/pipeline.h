/* What the two ways to time a pipeline share: rows alone (pipeline.c) and rows that contend for shared
 * resources (shared.c). */
#ifndef CIM_SCHED_PIPELINE_H
#define CIM_SCHED_PIPELINE_H

#include "sched/plan_internal.h"

/** How one operator works through its steps. */
typedef struct cim_cc_timing {
    double occupancy; /* of its slowest resource by one inference */
    double step;      /* a digital operator's step; else what a shared resource needs per product */
    double copies, unit, before;
    double fill, first_fill; /* of a row's last product, which waits for others, and of its first */
} cim_cc_timing;

/** @param node  NULL: a digital operator */
/** Whether a reader may start on a part of the row it needs: not when it needs everything, or whole images. */
bool cim_cc_edge_by_parts(const cim_cc_graph *g, const cim_cc_edge *e, cim_cc_op_id reader);
cim_cc_timing cim_cc_op_timing(const cim_cc_context *cx, cim_cc_op_id id, const cim_cc_node *node,
                               uint32_t pick);

/** Whether operators of a timed range may wait for shared resources so long that it matters. */
bool cim_cc_range_contends(const cim_cc_range *range);

/** Time a pipelined range with first-come-first-served shared resources; writes finish and begin of every
 *  step and raises range->latency_ns.
 *  Needs: the range timed without contention. @param record also writes plan->ops
 *  @return false: out of memory. Cost O(rows log operators). */
bool cim_cc_time_contended(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                           bool record);

#endif
