/* The compile driver: passes in order over one plan. */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const cim_cc_graph *cim_cc_plan_graph(const cim_cc_plan *plan)
{
    return plan->graph;
}

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

/* Dynamic energy of every operator: does not depend on copies, so it is expected before them but for
 * where they will be and which variant of a mapping they are of. */
static void price_operators(cim_cc_plan *plan)
{
    double ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        cim_cc_count_op(plan, i, ev);
        plan->ops[i].energy_pj = cim_cost_energy(&plan->chip, ev, 0.0, pj);
        plan->ops[i].noc_bit_hops = ev[CIM_EV_NOC_BIT_HOP];
        cim_cc_leg_energies(plan, i, ev, plan->ops[i].leg_pj);
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
                 const cim_hw_arch *arch, const cim_cost_chip *chip, cim_arena *ar, bool overlapped,
                 cim_status *status)
{
    memset(plan, 0, sizeof *plan);
    memset(cx, 0, sizeof *cx);
    cx->plan = plan;
    cx->ar = ar;
    if (arch->schedule.dynamic == CIM_HW_DYNAMIC_CROSSBAR && prepared->on_arrays)
        prepared = prepared->on_arrays;
    plan->prepared = prepared;
    cx->flow = &prepared->fine;
    plan->graph = prepared->graph;
    plan->arch = *arch;
    plan->chip = *chip;
    plan->overlapped = overlapped;
    plan->ops = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->ops);
    plan->digital_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->digital_ns);
    plan->alu_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->alu_ns);
    plan->bus_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->bus_ns);
    plan->link_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->link_ns);
    plan->digital_fill_ns = cim_arena_alloc(ar, plan->graph->n_ops, sizeof *plan->digital_fill_ns);
    bool ok = plan->ops && plan->digital_ns && plan->digital_fill_ns && plan->alu_ns &&
              plan->bus_ns && plan->link_ns;
    ok = ok && cim_cc_noc_init(&plan->noc, &plan->arch, ar);
    *status = ok ? CIM_OK : CIM_E_NOMEM;
    if (*status != CIM_OK || !cim_cc_pass_map(cx, status))
        return false;
    *status = scratch_alloc(cx);
    if (*status == CIM_OK) {
        cim_cc_place_expect(plan);
        price_operators(plan);
        plan->write_share = 0.98;
        for (uint32_t i = 0; i < plan->graph->n_ops; i++)
            plan->ops[i].slow = 1.0;
        for (uint32_t i = 0; i < plan->graph->n_ops; i++)
            plan->ops[i].expect_pj = plan->ops[i].cap_pj = plan->ops[i].energy_pj;
        *status = cim_cc_choices_build(cx);
    }
    return *status == CIM_OK;
}

bool cim_cc_schedule(cim_cc_context *cx, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    memset(plan->events, 0, sizeof plan->events);
    memset(plan->peak_mw, 0, sizeof plan->peak_mw);
    plan->n_curve = 0;
    plan->slow = 1.0;
    cim_cc_expect_spill(plan);
    if (!cim_cc_pass_segment(cx, status))
        return false;
    *status = cim_cc_pass_buffer(cx) ? CIM_OK : CIM_E_NOMEM;
    if (*status == CIM_OK)
        *status = cim_cc_pass_place(cx);
    if (*status != CIM_OK)
        return false;
    price_operators(plan);
    *status = cim_cc_pass_power(cx);
    if (*status != CIM_OK)
        return false;
    cim_cc_pass_count(cx);
    plan->result.feasible = true;
    check_finite(plan);
    return true;
}

double cim_cc_plan_score(const cim_cc_plan *plan)
{
    const double *m = plan->result.metrics;
    switch (plan->arch.schedule.objective) {
    case CIM_HW_OBJECTIVE_THROUGHPUT:
        return 1.0 / m[CIM_M_THROUGHPUT_IPS];
    case CIM_HW_OBJECTIVE_ENERGY:
        return m[CIM_M_ENERGY_J];
    case CIM_HW_OBJECTIVE_EDP:
        return m[CIM_M_EDP_JS];
    default:
        return m[CIM_M_LATENCY_S];
    }
}

/* Everything one compilation is given. */
typedef struct request {
    const cim_cc_prepared *prepared;
    const cim_hw_arch *arch;
    const cim_cost_chip *chip;
    cim_arena *ar;
    bool want_bound;
} request;

static cim_cc_plan *run(const request *q, bool overlapped, cim_status *status)
{
    cim_cc_plan *plan = cim_arena_take(q->ar, 1, sizeof *plan);
    cim_cc_context cx;
    *status = CIM_E_NOMEM;
    if (!plan || !cim_cc_open(&cx, plan, q->prepared, q->arch, q->chip, q->ar, overlapped, status))
        return plan;
    cx.want_bound = q->want_bound;
    if (isnan(q->arch->schedule.peak_power_cap_w))
        cim_cc_schedule(&cx, status);
    else
        cim_cc_schedule_capped(&cx, status);
    return plan;
}

/* Writing behind the compute takes half of the chip away from it: both are tried, the better kept. */
static bool may_overlap(const request *q, const cim_cc_plan *plan)
{
    return q->arch->schedule.write_overlap && q->arch->device.type == CIM_HW_DEVICE_SRAM &&
           q->arch->chip.cores > 1 && plan->result.feasible && plan->n_segments > 1;
}

/* Single crossbars have their share of a core's buffer, link and ALU; whole cores have all of it. Where
 * that matters more than finer copies, a deeper level that ran one operator after another would be
 * slower than level cg, which it includes. (Pipelined, the search's pace matters more.) */
static bool may_be_slower(const cim_cc_plan *plan)
{
    return plan->result.feasible && plan->arch.schedule.level > CIM_HW_LEVEL_CG &&
           !plan->arch.schedule.pipeline && plan->n_segments > 1;
}

static cim_cc_plan *run_whole_cores(const request *q, cim_cc_plan *plan, cim_status *status)
{
    cim_hw_arch cores = *q->arch;
    request r = *q;
    cores.schedule.level = CIM_HW_LEVEL_CG;
    r.arch = &cores;
    cim_cc_plan *other = run(&r, plan->overlapped, status);
    bool better = *status == CIM_OK && other->result.feasible &&
                  cim_cc_plan_score(other) < cim_cc_plan_score(plan);
    return better ? other : plan;
}

static cim_status compile(const request *q, cim_cc_result *result, const cim_cc_plan **out,
                          cim_err *err)
{
    cim_status status;
    cim_cc_plan *plan = run(q, false, &status);
    if (status == CIM_OK && may_overlap(q, plan)) {
        cim_cc_plan *other = run(q, true, &status);
        if (status == CIM_OK && other->result.feasible &&
            cim_cc_plan_score(other) < cim_cc_plan_score(plan))
            plan = other;
    }
    if (status == CIM_OK && may_be_slower(plan))
        plan = run_whole_cores(q, plan, &status);
    if (status != CIM_OK)
        return cim_err_set(err, status, q->prepared->graph->name, "out of memory compiling");
    if (plan->prepared->n_xb == 0) { /* its SQNR would be infinite, its work none of this chip's */
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
    const request q = {prepared, arch, chip, ar, false};
    return compile(&q, result, plan, err);
}

cim_status cim_cc_compile_bounded(const cim_cc_prepared *prepared, const cim_hw_arch *arch,
                                  const cim_cost_chip *chip, cim_arena *ar, cim_cc_result *result,
                                  const cim_cc_plan **plan, cim_err *err)
{
    const request q = {prepared, arch, chip, ar, true};
    return compile(&q, result, plan, err);
}
