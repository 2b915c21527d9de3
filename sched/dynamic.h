/* Products of two activations whose second operand is written to crossbars at run time. Start with
 * cim_cc_graph_on_arrays(). */
#ifndef CIM_SCHED_DYNAMIC_H
#define CIM_SCHED_DYNAMIC_H

#include "sched/plan_internal.h"

/** Whether the graph has an operator that cim_cc_graph_on_arrays() would move. */
bool cim_cc_graph_has_written(const cim_cc_graph *g);

/** The same network with products of two activations on crossbars: unit, ALU work, and the edge of the
 *  written operand, which must be complete before writing starts.
 *  @param[out] to  shares everything but operators and edges with `from`; those live in `ar`
 *  @return CIM_OK, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_cc_graph_on_arrays(const cim_cc_graph *from, cim_arena *ar,
                                                 cim_cc_graph *to);

/** Elements of the operand that is written, 0 for others. */
double cim_cc_written_elements(const cim_cc_op *op);

/** From the moment the operand is complete to the first product: all crossbars of a copy are written
 *  at once, row by row, or wait for the operand to arrive. 0 for others. */
double cim_cc_before_ns(const cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_mapping *m);

/** Events of writing so many copies of the operand, once: cells, the way through the cores' buffers, and
 *  one hop from copy to copy. Bringing it to the first copy is ordinary traffic. */
void cim_cc_count_writes(const cim_cc_plan *plan, const cim_cc_op *op, double copies,
                         double ev[CIM_COST_N_EVENTS]);
/** Dynamic energy of an operator and inference [pJ], its operand's writing included. */
double cim_cc_op_energy_pj(const cim_cc_plan *plan, cim_cc_op_id id);
/** Energy of writing for one copy [pJ]; 0 for others. */
double cim_cc_written_pj(const cim_cc_plan *plan, const cim_cc_op *op);

#endif
