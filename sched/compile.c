/* The compile driver: passes in order over one plan. */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static cim_status scratch_alloc(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    const cim_cc_flow *fine = &plan->prepared->fine;
    size_t nodes = (size_t)plan->n_nodes + 1;
    cx->finish = cim_arena_take(cx->ar, fine->total_steps, sizeof *cx->finish);
    cx->first = cim_arena_take(cx->ar, fine->total_steps, sizeof *cx->first);
    cx->begin = cim_arena_take(cx->ar, fine->total_steps, sizeof *cx->begin);
    cx->origin = cim_arena_take(cx->ar, fine->total_steps, sizeof *cx->origin);
    cx->origin_first = cim_arena_take(cx->ar, fine->total_steps, sizeof *cx->origin_first);
    cx->stairs = cim_arena_take(cx->ar, 2 * (size_t)fine->most_steps, sizeof *cx->stairs);
    cx->classes = cim_arena_take(cx->ar, nodes, sizeof *cx->classes);
    cx->trial = cim_arena_alloc(cx->ar, nodes, sizeof *cx->trial);
    return cx->finish && cx->first && cx->begin && cx->origin && cx->origin_first && cx->stairs &&
                   cx->classes && cx->trial
               ? CIM_OK
               : CIM_E_NOMEM;
}

static void price_operators(cim_cc_plan *plan, bool picked)
{
    double ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        const cim_cc_node *n =
            plan->node_of[i] == UINT32_MAX ? NULL : &plan->nodes[plan->node_of[i]];
        if (picked && (!n || cim_cc_node_picked(n) == n->variants))
            continue;
        cim_cc_count_op(plan, i, ev);
        plan->ops[i].energy_pj = cim_cost_energy(&plan->chip, ev, 0.0, pj);
    }
}

static void check_finite(cim_cc_plan *plan)
{
    for (int i = 0; i < CIM_CC_N_METRICS; i++) {
        if (isfinite(plan->result.metrics[i]))
            continue;
        plan->result.feasible = false;
        snprintf(plan->result.reason, sizeof plan->result.reason,
                 "%s is not finite: every rate on the path is unlimited or the network does no "
                 "work",
                 cim_cc_metric_names[i]);
        return;
    }
}

bool cim_cc_open(cim_cc_context *cx, cim_cc_plan *plan, const cim_cc_prepared *prepared,
                 const cim_hw_arch *arch, const cim_cost_chip *chip, cim_arena *ar,
                 cim_status *status)
{
    memset(plan, 0, sizeof *plan);
    memset(cx, 0, sizeof *cx);
    cx->plan = plan;
    cx->ar = ar;
    cx->flow = &prepared->fine;
    plan->prepared = prepared;
    plan->graph = prepared->graph;
    plan->arch = *arch;
    plan->chip = *chip;
    plan->ops = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->ops);
    plan->digital_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->digital_ns);
    *status = plan->ops && plan->digital_ns ? CIM_OK : CIM_E_NOMEM;
    if (*status != CIM_OK || !cim_cc_pass_map(cx, status))
        return false;
    *status = scratch_alloc(cx);
    if (*status == CIM_OK) {
        price_operators(plan, false);
        *status = cim_cc_choices_build(cx);
    }
    return *status == CIM_OK;
}

static cim_status finish(cim_cc_context *cx)
{
    cim_status status = CIM_OK;
    if (!cim_cc_pass_segment(cx, &status))
        return status;
    price_operators(cx->plan, true); /* remapped ones count otherwise than their first variant */
    CIM_TRY(cim_cc_pass_power(cx));
    cim_cc_pass_count(cx);
    cx->plan->result.feasible = true;
    check_finite(cx->plan);
    return CIM_OK;
}

static cim_status compile(const cim_cc_prepared *prepared, const cim_hw_arch *arch,
                          const cim_cost_chip *chip, cim_arena *ar, bool want_bound,
                          cim_cc_result *result, const cim_cc_plan **out, cim_err *err)
{
    cim_cc_plan *plan = cim_arena_take(ar, 1, sizeof *plan);
    cim_cc_context cx;
    cim_status status = CIM_E_NOMEM;
    if (plan && cim_cc_open(&cx, plan, prepared, arch, chip, ar, &status)) {
        cx.want_bound = want_bound;
        status = finish(&cx);
    }
    if (status != CIM_OK)
        return cim_err_set(err, status, prepared->graph->name, "out of memory compiling");
    if (prepared->n_xb == 0) { /* its SQNR would be infinite, its work none of this chip's */
        plan->result.feasible = false;
        snprintf(plan->result.reason, sizeof plan->result.reason,
                 "network %s has no operator that runs on crossbars", plan->graph->name);
    }
    *result = plan->result;
    if (out)
        *out = plan;
    return CIM_OK;
}

cim_status cim_cc_compile(const cim_cc_prepared *prepared, const cim_hw_arch *arch,
                          const cim_cost_chip *chip, cim_arena *ar, cim_cc_result *result,
                          const cim_cc_plan **plan, cim_err *err)
{
    return compile(prepared, arch, chip, ar, false, result, plan, err);
}

cim_status cim_cc_compile_bounded(const cim_cc_prepared *prepared, const cim_hw_arch *arch,
                                  const cim_cost_chip *chip, cim_arena *ar, cim_cc_result *result,
                                  const cim_cc_plan **plan, cim_err *err)
{
    return compile(prepared, arch, chip, ar, true, result, plan, err);
}
