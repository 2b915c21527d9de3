/* Schedules under a peak-power cap (schedule.peak_power_cap_w).
 *
 * The schedule without the cap is taken when it keeps it. Otherwise three families are compared, and the best by
 * the objective is kept:
 *   pipelined, fewer copies   the units that copies may take are cut back until the peak keeps the cap (bisection;
 *                             every trial is a whole schedule with its power over time)
 *   pipelined, slower clock   power above leakage that much lower for that much longer (clock.c)
 *   one after another         an operator whose own power would break the cap runs on a slower clock of its own; the
 *                             peak is then the largest of single operators, so the optimum of the sum is exact
 * Programming a segment is slowed down until it keeps the cap. sched/README.md, "Power cap". */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct best {
    double score, slow, write_share;
    int64_t copy_budget;
    bool one_by_one, found;
    cim_arena_mark mark; /* what is behind it belongs to the schedule being tried */
} best;

double cim_cc_write_cap_mw(const cim_cc_plan *plan)
{
    return plan->write_share * (plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw);
}

/* Who runs at the peak of the least schedule found, and what draws most of it. */
static bool infeasible_at_peak(cim_cc_plan *plan)
{
    const char *name = "programming";
    int kind = 0;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        if (plan->ops[i].start_ns <= plan->peak_at_ns && plan->ops[i].end_ns > plan->peak_at_ns)
            name = plan->graph->ops[i].name;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        kind = plan->peak_mw[k] > plan->peak_mw[kind] ? k : kind;
    plan->result.feasible = false;
    snprintf(
        plan->result.reason, sizeof plan->result.reason,
        "power cap of %.4g W: the least schedule found peaks at %.4g W during %.80s, most of it %s",
        plan->arch.schedule.peak_power_cap_w, plan->peak_total_mw * 1e-3, name,
        cim_cost_kind_names[kind]);
    return false;
}

static bool keeps(const cim_cc_plan *plan)
{
    return plan->result.feasible &&
           plan->peak_total_mw <= plan->arch.schedule.peak_power_cap_w * 1e3 * (1.0 + 1e-9);
}

static void note_best(const cim_cc_plan *plan, int64_t copy_budget, best *b)
{
    if (!keeps(plan) || (b->found && !(cim_cc_plan_score(plan) < b->score)))
        return;
    b->score = cim_cc_plan_score(plan);
    b->slow = plan->slow;
    b->write_share = plan->write_share;
    b->copy_budget = copy_budget;
    b->one_by_one = plan->one_by_one;
    b->found = true;
}

static bool try_one(cim_cc_context *cx, int64_t copy_budget, best *b, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    plan->copy_budget = copy_budget;
    if (!plan->one_by_one)
        cim_arena_rewind(cx->ar, b->mark);
    if (!cim_cc_schedule(cx, status))
        return false;
    note_best(plan, copy_budget, b);
    return true;
}

/* Power and counts of the plan on a clock so much slower than full speed. */
static bool set_clock(cim_cc_context *cx, double slow, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    memset(plan->events, 0, sizeof plan->events);
    memset(plan->peak_mw, 0, sizeof plan->peak_mw);
    plan->n_curve = 0;
    *status = cim_cc_stretch(cx, slow) ? cim_cc_pass_power(cx) : CIM_E_NOMEM;
    if (*status == CIM_OK)
        cim_cc_pass_count(cx);
    return *status == CIM_OK;
}

/* The least slow clock on which the plan keeps the cap: as slow as the power above leakage is too high. A window
 * then holds less of the work, which may be a hungrier part of it: once more. */
static bool slow_down(cim_cc_context *cx, int64_t copy_budget, best *b, cim_status *status)
{
    enum { TRIES = 12 };
    static const double little = 1.0005;
    cim_cc_plan *plan = cx->plan;
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    for (int i = 0; i < TRIES && !keeps(plan); i++) {
        double over = (plan->peak_total_mw - plan->chip.leakage_mw) / cap;
        if (!set_clock(cx, plan->slow * over * (i ? little : 1.0), status))
            return false;
        cim_arena_rewind(cx->ar, mark);
    }
    note_best(plan, copy_budget, b);
    return true;
}

/* Most units for copies that keep the cap, to 1/256 of the budget. */
static bool cut_back(cim_cc_context *cx, best *b, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    int64_t low = 0, high = plan->budget;
    if (!try_one(cx, low, b, status))
        return false;
    if (!keeps(plan)) { /* fewer copies may overlap more: some amounts are tried all the same */
        enum { AMOUNTS = 8 };
        for (int64_t i = 1; i < AMOUNTS && !b->found; i++)
            if (!try_one(cx, plan->budget * i / AMOUNTS, b, status))
                return false;
        return true;
    }
    while (high - low > 1 + plan->budget / 256) {
        int64_t mid = low + (high - low) / 2;
        if (!try_one(cx, mid, b, status))
            return false;
        if (keeps(plan))
            low = mid;
        else
            high = mid;
    }
    return true;
}

/* More copies than the cap allows at full speed, on a slower clock. */
static bool slow_pipelines(cim_cc_context *cx, best *b, cim_status *status)
{
    static const double shares[] = {1.0, 0.5, 0.25, 0.125, 0.0};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        int64_t copies = (int64_t)(shares[i] * (double)cx->plan->budget);
        if (!try_one(cx, copies, b, status) || !slow_down(cx, copies, b, status))
            return false;
    }
    return true;
}

/* Digital operators take as much longer as the cap asks for. */
static void slow_digital(cim_cc_plan *plan)
{
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        cim_cc_op_plan *o = &plan->ops[i];
        double ns = plan->digital_ns[i] + plan->digital_fill_ns[i];
        if (plan->node_of[i] != UINT32_MAX)
            continue;
        o->slow = ns > 0.0 ? fmax(1.0, o->cap_pj / (cap * ns)) : 1.0;
        o->stage_ns = o->slow * ns;
        o->limit = o->slow > 1.0 ? CIM_CC_LIMIT_POWER : o->limit;
    }
}

/* Without the cap's clock again. @param limits  what limits digital operators then */
static void full_speed(cim_cc_plan *plan, const cim_cc_limit *limits)
{
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        if (plan->node_of[i] != UINT32_MAX)
            continue;
        plan->ops[i].slow = 1.0;
        plan->ops[i].stage_ns = plan->digital_ns[i] + plan->digital_fill_ns[i];
        plan->ops[i].limit = limits[i];
    }
}

/* Where operators are placed decides how far their traffic goes, and a product does not draw its energy evenly:
 * what turned out to draw more than expected is taken for that much, and the choices are made again. */
static bool one_by_one(cim_cc_context *cx, best *b, cim_status *status)
{
    enum { TRIES = 40, EXACT = 2, PEAK = 12, HALF = 30 };
    cim_cc_plan *plan = cx->plan;
    plan->one_by_one = true;
    for (int i = 0; i < TRIES; i++) {
        plan->blame = i < PEAK ? 1.0 - 1e-6 : i < HALF ? 0.5 : 0.0; /* one by one, many, all */
        cim_arena_rewind(cx->ar, b->mark);
        slow_digital(plan);
        *status = cim_cc_choices_build(cx);
        if (*status != CIM_OK || !try_one(cx, plan->budget, b, status))
            return false;
        if (keeps(plan) || i + 1 == TRIES)
            break;
        for (uint32_t k = 0; k < plan->graph->n_ops; k++) {
            cim_cc_op_plan *o = &plan->ops[k];
            o->cap_pj = fmax(o->cap_pj, o->drawn_pj);
            if (i >= EXACT) /* at the border of two operators, above all */
                o->cap_pj = fmax(o->cap_pj, o->over_pj);
        }
    }
    return keeps(plan) || slow_down(cx, plan->budget, b, status);
}

/* A burst of the operator beside it may be in the same window as programming: less of the cap for that. */
static bool write_slowly(cim_cc_context *cx, best *b, cim_status *status)
{
    static const double shares[] = {0.9, 0.7, 0.4};
    cim_cc_plan *plan = cx->plan;
    for (size_t i = 0; i < sizeof shares / sizeof *shares && !b->found; i++) {
        plan->write_share = shares[i];
        cim_arena_rewind(cx->ar, b->mark);
        *status = cim_cc_choices_build(cx);
        if (*status != CIM_OK || !try_one(cx, plan->budget, b, status) ||
            !slow_down(cx, plan->budget, b, status))
            return false;
    }
    return true;
}

bool cim_cc_schedule_capped(cim_cc_context *cx, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    best b = {0};
    cim_cc_limit *limits = cim_arena_take(cx->ar, plan->graph->n_ops, sizeof *limits);
    if (!limits) {
        *status = CIM_E_NOMEM;
        return false;
    }
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        limits[i] = plan->ops[i].limit;
    if (plan->chip.leakage_mw >= plan->arch.schedule.peak_power_cap_w * 1e3) {
        plan->result.feasible = false;
        snprintf(plan->result.reason, sizeof plan->result.reason,
                 "power cap of %.4g W: leakage alone draws %.4g W",
                 plan->arch.schedule.peak_power_cap_w, plan->chip.leakage_mw * 1e-3);
        return false;
    }
    b.mark = cim_arena_save(cx->ar);
    bool pipelined = cim_cc_pipelined(plan);
    if (pipelined) {
        if (!try_one(cx, plan->budget, &b, status) || keeps(plan))
            return *status == CIM_OK;
        if (!cut_back(cx, &b, status) || !slow_pipelines(cx, &b, status))
            return false;
    }
    if (!one_by_one(cx, &b, status) && (*status != CIM_OK || !b.found))
        return false;
    if (!write_slowly(cx, &b, status))
        return false;
    if (!b.found)
        return infeasible_at_peak(plan);
    plan->write_share = b.write_share;
    plan->one_by_one = b.one_by_one || !pipelined;
    if (!plan->one_by_one)
        full_speed(plan, limits);
    cim_arena_rewind(cx->ar, b.mark);
    *status = cim_cc_choices_build(cx);
    b.mark = cim_arena_save(cx->ar);
    double slow = b.slow;
    if (*status != CIM_OK || !try_one(cx, b.copy_budget, &b, status))
        return false;
    return slow == 1.0 || set_clock(cx, slow, status);
}
