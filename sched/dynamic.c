/* Products of two activations on writable crossbars (schedule.dynamic_products = crossbar): the second
 * operand is written into the cells of every copy once it is complete, once per inference, then the
 * first one's vectors stream as they do through constant weights. What the compiler sees is the same
 * graph with those operators on crossbars. sched/README.md, "Products of two activations". */
#include "sched/dynamic.h"

#include <math.h>
#include <string.h>

bool cim_cc_graph_has_written(const cim_cc_graph *g)
{
    for (uint32_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].dynamic_product && g->ops[i].matrix_rows > 0)
            return true;
    return false;
}

cim_status cim_cc_graph_on_arrays(const cim_cc_graph *from, cim_arena *ar, cim_cc_graph *to)
{
    *to = *from;
    to->ops = cim_arena_take(ar, from->n_ops, sizeof *to->ops);
    to->edges = cim_arena_take(ar, from->n_edges, sizeof *to->edges);
    if (!to->ops || !to->edges)
        return CIM_E_NOMEM;
    memcpy(to->ops, from->ops, from->n_ops * sizeof *to->ops);
    memcpy(to->edges, from->edges, from->n_edges * sizeof *to->edges);
    for (uint32_t i = 0; i < to->n_ops; i++) {
        cim_cc_op *op = &to->ops[i];
        if (!op->dynamic_product || op->matrix_rows == 0)
            continue;
        op->unit = CIM_CC_UNIT_CROSSBAR;
        op->alu_add -= op->macs;
        op->alu_mul -= op->macs;
        for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++)
            to->edges[k].full = to->edges[k].full || to->edges[k].written;
    }
    return CIM_OK;
}

double cim_cc_written_elements(const cim_cc_op *op)
{
    if (!cim_cc_op_is_written(op))
        return 0.0;
    return (double)op->matrix_rows * (double)op->matrix_cols * (double)op->groups;
}

double cim_cc_before_ns(const cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_mapping *m)
{
    const cim_cost_chip *c = &plan->chip;
    if (!cim_cc_op_is_written(op))
        return 0.0;
    double bits = cim_cc_written_elements(op) * (double)plan->arch.workload.activation_bits;
    double cores = (double)cim_cc_ceil_div(m->crossbars, plan->arch.core.crossbars);
    double rows = (double)m->rows_used * c->write_row_ns;
    double link = bits / (cores * c->noc_link_bits_per_ns);
    double local = bits / (cores * c->l1_bits_per_ns);
    return fmax(fmax(rows, link), fmax(local, bits / c->l0_bits_per_ns));
}

void cim_cc_count_writes(const cim_cc_plan *plan, const cim_cc_op *op, double copies,
                         double ev[CIM_COST_N_EVENTS])
{
    const cim_hw_arch *a = &plan->arch;
    double elements = cim_cc_written_elements(op) * copies;
    double bits = elements * (double)a->workload.activation_bits;
    ev[CIM_EV_CELL_WRITE] +=
        elements * (double)(cim_hw_weight_slices(a) * cim_hw_weight_polarities(a));
    ev[CIM_EV_L1_WRITE_BIT] += bits;
    ev[CIM_EV_L1_READ_BIT] += bits;
    if (!plan->noc.free) /* a copy hands the operand on to the next */
        ev[CIM_EV_NOC_BIT_HOP] += bits;
}

void cim_cc_count_operand(const cim_cc_plan *plan, cim_cc_op_id id, double ev[CIM_COST_N_EVENTS])
{
    const cim_cc_op *op = &plan->graph->ops[id];
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        ev[e] = 0.0;
    if (!cim_cc_op_is_written(op))
        return;
    const cim_cc_node *last = &plan->nodes[plan->node_of[id]];
    for (const cim_cc_node *n = last - (last->n_parts - 1); n <= last; n++)
        cim_cc_count_writes(plan, op, (double)n->choice_copies[n->pick] / n->n_parts, ev);
}

double cim_cc_written_pj(const cim_cc_plan *plan, const cim_cc_op *op)
{
    double ev[CIM_COST_N_EVENTS] = {0}, pj[CIM_COST_N_KINDS];
    if (!cim_cc_op_is_written(op))
        return 0.0;
    cim_cc_count_writes(plan, op, 1.0, ev);
    return cim_cost_energy(&plan->chip, ev, 0.0, pj);
}

double cim_cc_op_energy_pj(const cim_cc_plan *plan, cim_cc_op_id id)
{
    double pj = plan->ops[id].energy_pj;
    if (plan->node_of[id] == UINT32_MAX)
        return pj;
    const cim_cc_node *last = &plan->nodes[plan->node_of[id]];
    for (const cim_cc_node *n = last - (last->n_parts - 1); n <= last; n++)
        pj += n->operand_pj * (double)n->choice_copies[n->pick];
    return pj;
}
