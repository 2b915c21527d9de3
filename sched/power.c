/* Pass power: peak power is the largest sum over time of what is active, not of what is there.
 *
 * An operator draws its dynamic energy over its busy time while it is active; programming a segment
 * draws its energy over the reload; leakage is always there. Intervals are swept in order of time.
 * An operator that waits for inputs draws in bursts: the full-rate power is what counts. */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct power_edge {
    double at_ns;
    double mw;    /* signed change */
    uint32_t who; /* operator, or n_ops + segment for a reload */
} power_edge;

static int by_time(const void *a, const void *b)
{
    const power_edge *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if ((x->mw < 0.0) != (y->mw < 0.0)) /* what ends makes room for what starts */
        return x->mw < 0.0 ? -1 : 1;
    return x->who < y->who ? -1 : x->who > y->who;
}

static void add_interval(power_edge *edges, uint32_t *n, double from, double to, double mw,
                         uint32_t who)
{
    if (!(mw > 0.0) || !(to > from))
        return;
    edges[(*n)++] = (power_edge){.at_ns = from, .mw = mw, .who = who};
    edges[(*n)++] = (power_edge){.at_ns = to, .mw = -mw, .who = who};
}

static double op_mw(const cim_cc_plan *plan, cim_cc_op_id id)
{
    const cim_cc_op_plan *o = &plan->ops[id];
    double busy = o->stage_ns;
    if (plan->node_of[id] != UINT32_MAX)
        busy -= plan->nodes[plan->node_of[id]].fill_ns;
    busy = fmin(busy, o->end_ns - o->start_ns);
    return busy > 0.0 ? o->energy_pj / busy : 0.0;
}

static double reload_mw(const cim_cc_plan *plan, uint32_t segment)
{
    const cim_cc_segment *s = &plan->segments[segment];
    return s->reload_ns > 0.0 ? s->write_pj / s->reload_ns : 0.0;
}

/* What was active at the peak, by kind; the small difference that rounding leaves goes nowhere:
 * the total is the sum of the rows. */
static void peak_rows(cim_cc_plan *plan, const uint8_t *active)
{
    double ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    memset(plan->peak_mw, 0, sizeof plan->peak_mw);
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        if (!active[i] || !(plan->ops[i].energy_pj > 0.0))
            continue;
        cim_cc_count_op(plan, i, ev);
        cim_cost_energy(&plan->chip, ev, 0.0, pj);
        double per_pj = op_mw(plan, i) / plan->ops[i].energy_pj;
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            plan->peak_mw[k] += pj[k] * per_pj;
    }
    for (uint32_t s = 0; s < plan->n_segments; s++)
        if (active[plan->graph->n_ops + s])
            plan->peak_mw[CIM_COST_CROSSBAR_WRITE] += reload_mw(plan, s);
    plan->peak_mw[CIM_COST_LEAKAGE] += plan->chip.leakage_mw;
    plan->peak_total_mw = 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        plan->peak_total_mw += plan->peak_mw[k];
}

cim_status cim_cc_pass_power(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    uint32_t n_ops = plan->graph->n_ops, n = 0;
    power_edge *edges = cim_arena_take(cx->ar, 2 * ((size_t)n_ops + plan->n_segments),
                                       sizeof *edges);
    uint8_t *active = cim_arena_alloc(cx->ar, (size_t)n_ops + plan->n_segments, 1);
    if (!edges || !active)
        return CIM_E_NOMEM;
    for (uint32_t i = 0; i < n_ops; i++)
        add_interval(edges, &n, plan->ops[i].start_ns, plan->ops[i].end_ns, op_mw(plan, i), i);
    for (uint32_t s = 0; s < plan->n_segments; s++) {
        const cim_cc_segment *seg = &plan->segments[s];
        add_interval(edges, &n, seg->start_ns - seg->reload_ns, seg->start_ns, reload_mw(plan, s),
                     n_ops + s);
    }
    qsort(edges, n, sizeof *edges, by_time);
    double now = 0.0, best = -1.0;
    uint32_t best_at = 0;
    for (uint32_t i = 0; i < n; i++) {
        now += edges[i].mw;
        if (now > best * (1.0 + 1e-12)) {
            best = now;
            best_at = i;
        }
    }
    for (uint32_t i = 0; n && i <= best_at; i++)
        active[edges[i].who] = edges[i].mw > 0.0;
    plan->peak_at_ns = n ? edges[best_at].at_ns : 0.0;
    peak_rows(plan, active);
    return CIM_OK;
}
