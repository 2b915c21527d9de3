/* Wear: how often cells are programmed and how long they last. sched/README.md, "Lifetime". */
#include "sched/plan_internal.h"

#include <math.h>

/* Programming operations of a node's cells in a run: static weights once when segments take turns, an
 * operand that is written at run time once per inference. */
static double writes_of(const cim_cc_plan *plan, const cim_cc_node *n)
{
    if (cim_cc_op_is_written(&plan->graph->ops[n->op]))
        return (double)plan->arch.workload.batch;
    return plan->n_segments > 1 ? 1.0 : 0.0;
}

/* Programming operations of the cells of a unit in a run. */
static double writes_at(const cim_cc_plan *plan, int64_t unit)
{
    double writes = 0.0;
    for (uint32_t k = 0; k < plan->n_nodes; k++) {
        const cim_cc_node *n = &plan->nodes[k];
        if (unit >= n->first_unit && unit < n->first_unit + n->choices[n->pick].weight)
            writes += writes_of(plan, n);
    }
    return writes;
}

/* Nothing levels the wear: a unit's cells are programmed by every node that is ever laid on it. Nodes of a
 * segment lie side by side from its first unit on, so weights that stay through a segment are written most
 * often there; operands that are written more often count where they begin. */
double cim_cc_writes_per_inference(const cim_cc_plan *plan)
{
    double most = plan->n_nodes ? writes_at(plan, 0) : 0.0;
    if (plan->overlapped)
        most = fmax(most, writes_at(plan, plan->budget));
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        if (cim_cc_op_is_written(&plan->graph->ops[plan->nodes[i].op]))
            most = fmax(most, writes_at(plan, plan->nodes[i].first_unit));
    return most / (double)plan->arch.workload.batch;
}

double cim_cc_lifetime_inferences(const cim_cc_plan *plan)
{
    double writes = cim_cc_writes_per_inference(plan);
    if (!(writes > 0.0))
        return CIM_CC_LIFETIME_MAX;
    return fmin(CIM_CC_LIFETIME_MAX, plan->chip.endurance_cycles / writes);
}

void cim_cc_lifetime_write(const cim_cc_plan *plan, cim_jw *w, const char *key)
{
    const double *m = plan->result.metrics;
    cim_jw_object(w, key);
    cim_jw_string(w, "device", cim_hw_device_words[plan->arch.device.type]);
    cim_jw_double(w, "endurance_cycles", plan->chip.endurance_cycles);
    cim_jw_double(w, "writes_per_inference", cim_cc_writes_per_inference(plan));
    cim_jw_double(w, "cells_written", plan->events[CIM_EV_CELL_WRITE]);
    cim_jw_double(w, "write_energy_j", plan->energy_pj[CIM_COST_CROSSBAR_WRITE] * 1e-12);
    double reload = 0.0;
    for (uint32_t i = 0; i < plan->n_segments; i++)
        reload += plan->segments[i].reload_ns;
    cim_jw_double(w, "reload_s", reload * 1e-9);
    cim_jw_double(w, "inferences", m[CIM_M_LIFETIME_INFERENCES]);
    cim_jw_double(w, "seconds", m[CIM_M_LIFETIME_INFERENCES] / m[CIM_M_THROUGHPUT_IPS]);
    cim_jw_object_end(w);
}

void cim_cc_lifetime_text(const cim_cc_plan *plan, cim_text *out)
{
    const double year_s = 365.25 * 86400;
    const double *m = plan->result.metrics;
    double writes = cim_cc_writes_per_inference(plan);
    if (!(writes > 0.0)) {
        cim_text_add(out, "wear: no cell is written after the weights are in place\n");
        return;
    }
    cim_text_addf(out,
                  "wear: %.3g writes per inference of the most-written cells, %s endures %.3g: "
                  "%.3g inferences, %.3g years at full throughput\n",
                  writes, cim_hw_device_words[plan->arch.device.type], plan->chip.endurance_cycles,
                  m[CIM_M_LIFETIME_INFERENCES],
                  m[CIM_M_LIFETIME_INFERENCES] / m[CIM_M_THROUGHPUT_IPS] / year_s);
}
