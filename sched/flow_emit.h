/* What the files of code generation share. */
#ifndef CIM_SCHED_FLOW_EMIT_H
#define CIM_SCHED_FLOW_EMIT_H

#include "sched/flow.h"
#include "sched/plan_internal.h"

typedef struct emitter {
    const cim_cc_plan *plan;
    cim_cc_program *p;
    cim_cc_builder b;
    cim_arena scratch;
    uint32_t *ids; /* room for the inputs of an operator */
    int64_t share; /* of a core's buffer per crossbar, where copies may share a core */
    double moved_in, moved_out, adds; /* of one statement of the operator in hand */
} emitter;

/** The tiling that a mapping stands for. */
void cim_cc_flow_tiling(const cim_cc_op *op, const cim_cc_mapping *m, cim_cc_tiling *t);
/** Addresses of all tensors. @return false: out of memory */
bool cim_cc_flow_place_tensors(emitter *e);

#endif
