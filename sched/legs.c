/* Which leg of a product does an event. */
#include "sched/legs.h"

#include "sched/plan_internal.h"

#include <math.h>
#include <string.h>

double cim_cc_waiting_elements(const cim_cc_plan *plan, cim_cc_op_id reader, uint32_t edge)
{
    const cim_cc_edge *e = &plan->graph->edges[edge];
    if (e->producer == CIM_CC_INVALID ||
        plan->ops[e->producer].segment != plan->ops[reader].segment)
        return 0.0;
    if (plan->graph->ops[e->producer].unit == CIM_CC_UNIT_NONE)
        return plan->view_waits ? (double)e->elements * plan->view_waits[e->producer] : 0.0;
    return plan->ops[e->producer].offchip ? plan->prepared->traffic_out[e->producer] : 0.0;
}

void cim_cc_leg_border(const cim_cc_plan *plan, cim_cc_op_id id, double *in, double *out)
{
    const cim_cc_graph *g = plan->graph;
    const cim_cc_op *op = &g->ops[id];
    bool moves = op->unit != CIM_CC_UNIT_NONE; /* who only renames leaves results where they are */
    *in = *out = 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = g->edges[k].producer;
        if (from == CIM_CC_INVALID)
            *in += (double)g->edges[k].elements;
        else if (moves)
            *in += cim_cc_waiting_elements(plan, id, k);
    }
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == id)
            *out += (double)op->out_elements;
    if (moves && plan->ops[id].offchip)
        *out += plan->prepared->traffic_out[id];
}

static const cim_cc_leg leg_of[CIM_COST_N_EVENTS] = {
    [CIM_EV_CELL_READ] = CIM_CC_LEG_CROSSBAR,   [CIM_EV_XB_STEP] = CIM_CC_LEG_CROSSBAR,
    [CIM_EV_DAC] = CIM_CC_LEG_CROSSBAR,         [CIM_EV_ADC] = CIM_CC_LEG_CROSSBAR,
    [CIM_EV_SAMPLE_HOLD] = CIM_CC_LEG_CROSSBAR, [CIM_EV_SHIFT_ADD] = CIM_CC_LEG_CROSSBAR,
    [CIM_EV_L1_READ_BIT] = CIM_CC_LEG_L1,       [CIM_EV_L1_WRITE_BIT] = CIM_CC_LEG_L1,
    [CIM_EV_L0_READ_BIT] = CIM_CC_LEG_L0_IN,    [CIM_EV_L0_WRITE_BIT] = CIM_CC_LEG_L0_OUT,
    [CIM_EV_NOC_BIT_HOP] = CIM_CC_LEG_NOC_OUT,  [CIM_EV_ALU_ADD] = CIM_CC_LEG_POOL,
    [CIM_EV_ALU_MUL] = CIM_CC_LEG_POOL,         [CIM_EV_ALU_DIV] = CIM_CC_LEG_POOL,
    [CIM_EV_ALU_SPECIAL] = CIM_CC_LEG_POOL,     [CIM_EV_OFFCHIP_BIT] = CIM_CC_LEG_OFFCHIP_OUT,
    [CIM_EV_CELL_WRITE] = CIM_CC_LEG_CROSSBAR};

cim_cc_leg_split cim_cc_leg_split_of(const cim_cc_plan *plan, cim_cc_op_id id)
{
    double bits = (double)plan->arch.workload.activation_bits, in, out;
    cim_cc_leg_border(plan, id, &in, &out);
    return (cim_cc_leg_split){.crossbar = plan->graph->ops[id].unit == CIM_CC_UNIT_CROSSBAR,
                              .hops_in =
                                  bits * plan->prepared->traffic_in[id] * plan->ops[id].in_hops,
                              .border_in = bits * in};
}

int cim_cc_leg_parts(const cim_cc_leg_split *s, cim_cost_event e, double n, cim_cc_leg_part out[2])
{
    cim_cc_leg leg = leg_of[e];
    double first = 0.0; /* on the way in */
    if (s->crossbar && e == CIM_EV_ALU_ADD)
        leg = CIM_CC_LEG_CORE_ALU;
    if (e == CIM_EV_NOC_BIT_HOP) {
        first = fmin(s->hops_in, n);
        out[1] = (cim_cc_leg_part){.leg = CIM_CC_LEG_NOC_IN, .n = first};
    } else if (e == CIM_EV_OFFCHIP_BIT) {
        first = fmin(s->border_in, n);
        out[1] = (cim_cc_leg_part){.leg = CIM_CC_LEG_OFFCHIP_IN, .n = first};
    }
    out[0] = (cim_cc_leg_part){.leg = leg, .n = fmax(0.0, n - first)};
    return first > 0.0 ? 2 : 1;
}

void cim_cc_leg_energies(const cim_cc_plan *plan, cim_cc_op_id id, const double *ev,
                         double pj[CIM_CC_N_LEGS])
{
    cim_cc_leg_split s = cim_cc_leg_split_of(plan, id);
    memset(pj, 0, CIM_CC_N_LEGS * sizeof *pj);
    for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
        cim_cc_leg_part part[2];
        if (!(ev[e] > 0.0))
            continue;
        int n = cim_cc_leg_parts(&s, (cim_cost_event)e, ev[e], part);
        for (int i = 0; i < n; i++)
            pj[part[i].leg] += part[i].n * plan->chip.unit_pj[e];
    }
}
