/* Pass power: peak power is the largest sum over time of what is active, not of what is there.
 *
 * A crossbar operator fires all its copies together whenever its inputs are there: it counts with
 * the power of its full rate from its start to its end, also while it waits between rows. A digital
 * operator streams with its producers on shared ALUs: it counts with its mean power over its time.
 * Programming a segment draws its energy over the reload; leakage is always there. What takes no
 * time (an unlimited resource) draws its energy with what runs next. In a pipeline the inferences of
 * a batch overlap: what one draws is drawn again an interval later, except that crossbars already
 * busy are not driven twice. Intervals are swept in order of time. sched/README.md, "Peak power". */
#include "sched/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More inferences in flight than this are taken as a steady state. */
enum { MOST_IN_FLIGHT = 64 };

/* Something that draws power for a while: an operator, or a segment's reload. */
typedef struct draw {
    double from_ns, to_ns; /* the first time */
    double period_ns;      /* until the next time */
    uint32_t times;
    double pj[CIM_COST_N_KINDS]; /* over its time at the power it counts with */
    double mw;
    double over_ns; /* pj / over_ns = mw */
} draw;

typedef struct power_edge {
    double at_ns;
    double mw; /* signed change */
    uint32_t who;
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

static void add_energy(const cim_cc_plan *plan, const double *ev, draw *d)
{
    double pj[CIM_COST_N_KINDS];
    cim_cost_energy(&plan->chip, ev, 0.0, pj);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        d->pj[k] += pj[k];
}

/* Energy that has found no time yet goes to the next one that has. */
static void settle(draw *d, draw *carry)
{
    if (!(d->over_ns > 0.0)) {
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            carry->pj[k] += d->pj[k];
        return;
    }
    double sum = 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        d->pj[k] += carry->pj[k];
        carry->pj[k] = 0.0;
        sum += d->pj[k];
    }
    d->mw = sum / d->over_ns;
}

/* The node of an operator in a segment; an operator in parts has one in each of several. */
static const cim_cc_node *node_in(const cim_cc_plan *plan, const cim_cc_segment *s, cim_cc_op_id id)
{
    if (plan->node_of[id] == UINT32_MAX)
        return NULL;
    const cim_cc_node *n = &plan->nodes[plan->node_of[id]];
    while (n->part > 0 && n >= plan->nodes + s->first_node + s->n_nodes)
        n--;
    return n;
}

/* Inferences follow each other by the segment's interval; sequential ones never overlap. */
static void repeat(const cim_cc_plan *plan, const cim_cc_segment *s, bool crossbar, draw *d)
{
    double more = (double)(plan->arch.workload.batch - 1), period = s->interval_ns;
    double length = d->to_ns - d->from_ns, in_flight = ceil(s->latency_ns / period) + 1.0;
    if (!(more > 0.0) || !(period > 0.0) || !cim_cc_pipelined(plan))
        return;
    if (crossbar && length >= period) {
        d->to_ns += more * period;
    } else if (more < MOST_IN_FLIGHT || in_flight < MOST_IN_FLIGHT) {
        d->period_ns = period;
        d->times = (uint32_t)fmin(more + 1.0, in_flight);
    } else {
        d->to_ns += more * period;
        if (!crossbar)
            d->over_ns = fmin(d->over_ns, period);
    }
}

static void draw_of_op(const cim_cc_plan *plan, const cim_cc_segment *s, cim_cc_op_id id, draw *d)
{
    const cim_cc_op_plan *o = &plan->ops[id];
    const cim_cc_node *n = node_in(plan, s, id);
    double ev[CIM_COST_N_EVENTS];
    d->from_ns = o->start_ns;
    d->to_ns = o->end_ns;
    if (n && n->n_parts > 1) {
        d->from_ns = s->start_ns;
        d->to_ns = s->start_ns + s->latency_ns;
    }
    d->over_ns = d->to_ns - d->from_ns;
    if (n) {
        double busy = n->choices[n->pick].cost - cim_cc_node_picked(n)->fill_ns;
        if (busy > 0.0)
            d->over_ns = fmin(d->over_ns, busy);
    }
    cim_cc_count_op(plan, id, ev);
    for (int e = 0; n && e < CIM_COST_N_EVENTS; e++)
        ev[e] /= n->n_parts;
    add_energy(plan, ev, d);
    repeat(plan, s, n != NULL, d);
}

/* The rows of the breakdown at the moment of the peak; the total is their sum. */
static void peak_rows(cim_cc_plan *plan, const draw *draws, uint32_t n, const uint32_t *active)
{
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; active[i] && k < CIM_COST_N_KINDS; k++)
            plan->peak_mw[k] += active[i] * (draws[i].pj[k] / draws[i].over_ns);
    plan->peak_mw[CIM_COST_LEAKAGE] += plan->chip.leakage_mw;
    plan->peak_total_mw = 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        plan->peak_total_mw += plan->peak_mw[k];
}

static uint32_t collect(const cim_cc_plan *plan, draw *draws)
{
    uint32_t n = 0;
    double ev[CIM_COST_N_EVENTS];
    draw carry = {0};
    for (uint32_t s = 0; s < plan->n_segments; s++) {
        const cim_cc_segment *seg = &plan->segments[s];
        draw *reload = &draws[n++];
        reload->times = 1;
        reload->from_ns = seg->start_ns - seg->reload_ns;
        reload->to_ns = seg->start_ns;
        reload->over_ns = seg->reload_ns;
        cim_cc_count_reload(plan, s, ev);
        add_energy(plan, ev, reload);
        settle(reload, &carry);
        for (cim_cc_op_id id = seg->first_op; id < seg->end_op; id++) {
            draws[n].times = 1;
            draw_of_op(plan, seg, id, &draws[n]);
            settle(&draws[n++], &carry);
        }
    }
    /* what came after the last that took time */
    for (uint32_t i = n; i-- > 0;)
        if (draws[i].over_ns > 0.0) {
            settle(&draws[i], &carry);
            break;
        }
    return n;
}

/* Both ends of every time something draws power. What ends when another starts must not overlap it
 * because the two sums of times are rounded differently: ends come early by more than rounding. */
static uint32_t list_edges(const draw *draws, uint32_t n_draws, power_edge *edges)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_draws; i++) {
        const draw *d = &draws[i];
        for (uint32_t k = 0; k < d->times && d->mw > 0.0; k++) {
            double from = d->from_ns + k * d->period_ns, to = d->to_ns + k * d->period_ns;
            double early = to * (1.0 - 1e-12);
            edges[n++] = (power_edge){.at_ns = from, .mw = d->mw, .who = i};
            edges[n++] = (power_edge){.at_ns = early > from ? early : to, .mw = -d->mw, .who = i};
        }
    }
    return n;
}

cim_status cim_cc_pass_power(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    /* one per operator and segment; a segment's last operator may have its next part in the next */
    size_t cap = (size_t)plan->graph->n_ops + 2 * (size_t)plan->n_segments, ends = 0;
    draw *draws = cim_arena_alloc(cx->ar, cap, sizeof *draws);
    uint32_t *active = cim_arena_alloc(cx->ar, cap, sizeof *active);
    if (!draws || !active)
        return CIM_E_NOMEM;
    uint32_t n_draws = collect(plan, draws);
    for (uint32_t i = 0; i < n_draws; i++)
        ends += 2 * (size_t)draws[i].times;
    power_edge *edges = cim_arena_take(cx->ar, ends, sizeof *edges);
    if (!edges)
        return CIM_E_NOMEM;
    uint32_t n = list_edges(draws, n_draws, edges);
    qsort(edges, n, sizeof *edges, by_time);
    double now = 0.0, best = 0.0;
    uint32_t best_at = 0;
    for (uint32_t i = 0; i < n; i++) {
        now += edges[i].mw;
        if (now > best * (1.0 + 1e-12)) {
            best = now;
            best_at = i;
        }
    }
    for (uint32_t i = 0; n && i <= best_at; i++) {
        if (edges[i].mw > 0.0)
            active[edges[i].who]++;
        else
            active[edges[i].who]--;
    }
    plan->peak_at_ns = n ? edges[best_at].at_ns : 0.0;
    peak_rows(plan, draws, n_draws, active);
    return CIM_OK;
}
