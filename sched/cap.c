/* Schedules under a peak-power cap (schedule.peak_power_cap_w).
 *
 * The schedule without the cap is taken when it keeps it. Otherwise two families are compared, and the
 * better by the objective is kept:
 *   pipelined         the units that copies may take are cut back until the peak keeps the cap
 *                     (bisection; every trial is a whole schedule with its power over time)
 *   one after another copies of an operator whose own power would break the cap are no choices, digital
 *                     operators slow down; the peak is then the largest of single operators, so the
 *                     optimum of the sum is exact
 * Programming a segment is slowed down until it keeps the cap. sched/README.md, "Power cap". */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>

typedef struct best {
    double score;
    int64_t copy_budget;
    bool one_by_one, found;
} best;

static bool infeasible(cim_cc_plan *plan, const char *what, const char *name, double watt)
{
    double cap = plan->arch.schedule.peak_power_cap_w;
    plan->result.feasible = false;
    snprintf(plan->result.reason, sizeof plan->result.reason, "power cap of %.4g W: %s%.80s %.4g W",
             cap, what, name, watt);
    return false;
}

static bool keeps(const cim_cc_plan *plan)
{
    return plan->result.feasible &&
           plan->peak_total_mw <= plan->arch.schedule.peak_power_cap_w * 1e3 * (1.0 + 1e-9);
}

static bool try_one(cim_cc_context *cx, int64_t copy_budget, best *b, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    plan->copy_budget = copy_budget;
    if (!cim_cc_schedule(cx, status))
        return false;
    if (keeps(plan) && (!b->found || cim_cc_plan_score(plan) < b->score))
        *b = (best){.score = cim_cc_plan_score(plan),
                    .copy_budget = copy_budget,
                    .one_by_one = plan->one_by_one,
                    .found = true};
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

/* An operator that breaks the cap alone and with one copy. */
static bool alone_too_hungry(cim_cc_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        if (n->n_choices)
            continue;
        cim_cc_pace p = cim_cc_copies_pace(plan, n->variants, 1.0);
        double products = (double)plan->prepared->breaks[n->xb]->n;
        double ns = fmax(products * p.unit_ns, n->floor_ns) + p.fill_ns;
        double mw = plan->ops[n->op].cap_pj / n->n_parts / ns + plan->chip.leakage_mw;
        infeasible(plan, "with leakage, one copy of operator ", plan->graph->ops[n->op].name,
                   mw * 1e-3);
        return true;
    }
    return false;
}

/* Digital operators that run alone may take their time. */
static bool slow_digital(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw;
    double *slow = cim_arena_alloc(cx->ar, plan->graph->n_ops, sizeof *slow);
    for (uint32_t i = 0; slow && i < plan->graph->n_ops; i++) {
        slow[i] = plan->digital_ns[i];
        if (plan->node_of[i] == UINT32_MAX && slow[i] > 0.0)
            slow[i] = fmax(slow[i], plan->ops[i].cap_pj / cap);
        plan->ops[i].stage_ns = slow[i] + plan->digital_fill_ns[i];
    }
    plan->digital_ns = slow;
    return slow != NULL;
}

/* Where operators are placed decides how far their traffic goes; what turned out to draw more than
 * expected is taken for that much, and the choices are made again; what comes out a little above the
 * cap again and again, for a little more. */
static bool one_by_one(cim_cc_context *cx, best *b, cim_status *status)
{
    enum { TRIES = 8, EXACT = 2 };
    cim_cc_plan *plan = cx->plan;
    double *digital_ns = plan->digital_ns;
    plan->one_by_one = true;
    for (int i = 0; i < TRIES; i++) {
        plan->digital_ns = digital_ns;
        *status = slow_digital(cx) ? cim_cc_choices_build(cx) : CIM_E_NOMEM;
        if (*status != CIM_OK || alone_too_hungry(plan) || !try_one(cx, plan->budget, b, status))
            return false;
        if (keeps(plan))
            break;
        double margin = i < EXACT ? 1.0 : 1.0 + 0.01 * (i - EXACT + 1);
        for (uint32_t k = 0; k < plan->graph->n_ops; k++)
            if (plan->ops[k].drawn_pj > plan->ops[k].cap_pj)
                plan->ops[k].cap_pj = margin * plan->ops[k].drawn_pj;
    }
    return true;
}

bool cim_cc_schedule_capped(cim_cc_context *cx, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    best b = {0};
    double *digital_ns = plan->digital_ns;
    if (plan->chip.leakage_mw >= plan->arch.schedule.peak_power_cap_w * 1e3)
        return infeasible(plan, "leakage alone draws", "", plan->chip.leakage_mw * 1e-3);
    bool pipelined = cim_cc_pipelined(plan);
    if (pipelined) {
        if (!try_one(cx, plan->budget, &b, status) || keeps(plan))
            return *status == CIM_OK;
        if (!cut_back(cx, &b, status))
            return false;
    }
    if (!one_by_one(cx, &b, status) && (*status != CIM_OK || !b.found))
        return false;
    if (!b.found)
        return infeasible(plan, "the least schedule found peaks at", "",
                          plan->peak_total_mw * 1e-3);
    plan->one_by_one = b.one_by_one || !pipelined;
    if (!plan->one_by_one)
        plan->digital_ns = digital_ns;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        if (plan->node_of[i] == UINT32_MAX)
            plan->ops[i].stage_ns = plan->digital_ns[i] + plan->digital_fill_ns[i];
    *status = cim_cc_choices_build(cx);
    return *status == CIM_OK && try_one(cx, b.copy_budget, &b, status);
}
