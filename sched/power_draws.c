/* Who draws what when, of a plan whose times are known.
 *
 * An operator draws its dynamic energy while its products (or steps) are worked on: run after run of
 * rows that follow each other without a gap. A product is a sequence of legs (legs.h), each with an energy
 * and a time of its own, and copies work in step: the first rounds of a run are shown leg by leg, those
 * that follow at their mean. What takes no time (an unlimited resource) draws its energy with the
 * operator's main leg, or in the time of the operator it works for: its producer, a reader, else the first of
 * the segment that takes time.
 * sched/README.md, "Peak power". */
#include "hwspace/base/real.h"
#include "sched/dynamic.h"
#include "sched/power_internal.h"

#include <math.h>
#include <string.h>

/* Above this many draws of overlapping inferences one interval of the steady state is looked at. */
enum { MOST_DRAWS = 1 << 17 };

/* A leg of one operator. */
typedef struct leg_use {
    double pj;     /* of an inference */
    double ns;     /* of a round: a product on every copy */
    double one_ns; /* of a single product */
} leg_use;

/* An operator at work. */
typedef struct drawer {
    cim_cc_draws *d;
    const cim_cc_context *cx;
    cim_cc_op_id id;
    leg_use leg[CIM_CC_N_LEGS];
    cim_cc_leg main;
    double total, copies;         /* products of an inference */
    double at[CIM_CC_N_LEGS];     /* of the first product, from its first leg on */
    double way;                   /* of one product through all legs */
    double pace_in, pace;         /* between rounds: up to the main leg, and beyond it */
    double spread;                /* from the first copy's start to the last one's, in a round */
    double low_ns, high_ns;       /* draws are in between */
    uint32_t last[CIM_CC_N_LEGS]; /* draw that may go on; UINT32_MAX: none */
} drawer;

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

static bool takes_time(const cim_cc_plan *plan, cim_cc_op_id id)
{
    double in = 0.0, out = 0.0;
    if (plan->node_of[id] != UINT32_MAX || plan->digital_ns[id] > 0.0)
        return true;
    if (isfinite(plan->chip.offchip_bits_per_ns)) /* it may move what waits off-chip */
        cim_cc_leg_border(plan, id, &in, &out);
    return in + out > 0.0;
}

/* Whether others may draw in an operator's time: not while the network's inputs are just renamed. */
static bool may_host(const cim_cc_plan *plan, cim_cc_op_id id)
{
    return id != CIM_CC_INVALID && plan->graph->ops[id].unit != CIM_CC_UNIT_NONE;
}

/* Who has no producer or reader in the segment that takes time draws with the segment's first operator that
 * does. */
static void host_rest(const cim_cc_plan *plan, const cim_cc_segment *s, cim_cc_draws *d)
{
    cim_cc_op_id any = CIM_CC_INVALID;
    for (cim_cc_op_id id = s->first_op; id < s->end_op && !may_host(plan, any); id++)
        if (takes_time(plan, id) && (any == CIM_CC_INVALID || may_host(plan, id)))
            any = id;
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++)
        if (d->host[id] == CIM_CC_INVALID)
            d->host[id] = any;
}

/* Whose time an operator's energy is drawn in. Readers come later, so two sweeps do. */
static bool find_hosts(const cim_cc_context *cx, cim_cc_draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_graph *g = plan->graph;
    d->host = cim_arena_take(cx->ar, g->n_ops, sizeof *d->host);
    d->pj = cim_arena_alloc(cx->ar, g->n_ops, sizeof *d->pj);
    d->merged = cim_arena_alloc(cx->ar, g->n_ops, sizeof *d->merged);
    d->main = cim_arena_alloc(cx->ar, g->n_ops, sizeof *d->main);
    if (!d->host || !d->pj || !d->merged || !d->main)
        return false;
    for (cim_cc_op_id id = 0; id < g->n_ops; id++) {
        d->host[id] = takes_time(plan, id) ? id : CIM_CC_INVALID;
        for (uint32_t k = g->ops[id].first_edge;
             d->host[id] == CIM_CC_INVALID && k < g->ops[id].first_edge + g->ops[id].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from != CIM_CC_INVALID && plan->ops[from].segment == plan->ops[id].segment &&
                may_host(plan, d->host[from]))
                d->host[id] = d->host[from];
        }
    }
    for (cim_cc_op_id id = g->n_ops; id-- > 0;)
        for (uint32_t k = g->ops[id].first_edge; k < g->ops[id].first_edge + g->ops[id].n_edges;
             k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from != CIM_CC_INVALID && d->host[from] == CIM_CC_INVALID &&
                plan->ops[from].segment == plan->ops[id].segment && may_host(plan, d->host[id]))
                d->host[from] = d->host[id];
        }
    for (uint32_t k = 0; k < plan->n_segments; k++)
        host_rest(plan, &plan->segments[k], d);
    for (cim_cc_op_id id = 0; id < g->n_ops; id++)
        d->pj[d->host[id] == CIM_CC_INVALID ? id : d->host[id]] += plan->ops[id].energy_pj;
    return true;
}

/* ---- draws ------------------------------------------------------------------------------------------- */

static void add(cim_cc_draws *d, cim_cc_draw w, double pj)
{
    pj += d->carry_pj;
    d->carry_pj = 0.0;
    if (!(w.to_ns > w.from_ns) ||
        d->n == d->cap) { /* no time, no room: with the next, at the end with the last */
        d->carry_pj = pj;
        return;
    }
    w.mw = pj / (w.to_ns - w.from_ns);
    d->list[d->n++] = w;
}

/* A leg's energy over a time, within the time in which there is power. @param work ns of its resource */
static void draw(drawer *w, uint32_t leg, double from, double to, double pj, double work)
{
    cim_cc_draws *d = w->d;
    double length = to - from;
    if (!(pj > 0.0) || !(length > 0.0)) {
        d->carry_pj += cim_max(pj, 0.0);
        return;
    }
    to = cim_min(cim_max(to, w->low_ns + length), w->high_ns);
    from = cim_max(to - length, w->low_ns);
    if (leg < CIM_CC_N_LEGS && w->last[leg] != UINT32_MAX) {
        cim_cc_draw *last = &d->list[w->last[leg]];
        if (from <= last->to_ns * (1.0 + 1e-12) && from >= last->from_ns) {
            double before = last->to_ns - last->from_ns, mw = pj / length;
            if (fabs(mw - last->mw) <= 0.01 * last->mw) { /* goes on as before */
                double all = before * last->mw + pj, used = before * last->use + work;
                last->to_ns = cim_max(to, last->to_ns);
                last->mw = all / (last->to_ns - last->from_ns);
                last->use = used / (last->to_ns - last->from_ns);
                return;
            }
        }
    }
    size_t n = d->n;
    cim_cc_draw next = {
        .from_ns = from, .to_ns = to, .use = work / length, .who = w->id, .leg = leg};
    if (leg < CIM_CC_N_LEGS)
        next.alone = cim_min(1.0, w->leg[leg].one_ns / w->cx->plan->chip.step_ns);
    add(d, next, pj);
    if (leg < CIM_CC_N_LEGS && d->n > n)
        w->last[leg] = (uint32_t)n;
}

/* ---- legs --------------------------------------------------------------------------------------------- */

/* Times of a crossbar operator's legs: single products, and a round of all copies. */
static void time_products(const cim_cc_plan *plan, const cim_cc_node *n, drawer *w)
{
    static const cim_cc_leg leg_of[CIM_CC_N_SHARED] = {[CIM_CC_SHARED_BUFFER] = CIM_CC_LEG_L1,
                                                       [CIM_CC_SHARED_LINK_IN] = CIM_CC_LEG_NOC_IN,
                                                       [CIM_CC_SHARED_LINK_OUT] =
                                                           CIM_CC_LEG_NOC_OUT,
                                                       [CIM_CC_SHARED_ALU] = CIM_CC_LEG_CORE_ALU};
    const cim_cc_variant *v = cim_cc_node_picked(n);
    double sharers = cim_cc_sharers(plan, v, w->copies);
    w->main = CIM_CC_LEG_CROSSBAR;
    w->leg[CIM_CC_LEG_CROSSBAR].ns = w->leg[CIM_CC_LEG_CROSSBAR].one_ns =
        cim_cc_convert_ns(plan, v);
    for (int k = 0; k < CIM_CC_N_SHARED; k++) {
        w->leg[leg_of[k]].one_ns = cim_cc_core_ns(plan, v, k);
        w->leg[leg_of[k]].ns = w->leg[leg_of[k]].one_ns * sharers;
    }
}

static void time_shared(const cim_cc_plan *plan, drawer *w)
{
    const cim_cost_chip *c = &plan->chip;
    double bits = (double)plan->arch.workload.activation_bits / w->total, in, out;
    double written = cim_cc_written_elements(&plan->graph->ops[w->id]);
    cim_cc_leg_border(plan, w->id, &in, &out);
    w->leg[CIM_CC_LEG_OFFCHIP_IN].one_ns = bits * in / c->offchip_bits_per_ns;
    w->leg[CIM_CC_LEG_OFFCHIP_OUT].one_ns = bits * out / c->offchip_bits_per_ns;
    w->leg[CIM_CC_LEG_L0_IN].one_ns =
        bits * (plan->prepared->traffic_in[w->id] - written) / c->l0_bits_per_ns;
    w->leg[CIM_CC_LEG_L0_OUT].one_ns =
        bits * plan->prepared->traffic_out[w->id] / c->l0_bits_per_ns;
    for (int l = 0; l < CIM_CC_N_LEGS; l++)
        if (cim_cc_leg_turn((uint32_t)l) != CIM_CC_N_TURNS && l != CIM_CC_LEG_POOL)
            w->leg[l].ns = w->leg[l].one_ns * w->copies;
}

/* Energy of operators that take no time and are drawn with this one. A part draws for those of its own
 * segment, and what it draws is counted as a share of all parts. */
static double hosted_pj(const cim_cc_plan *plan, const cim_cc_segment *s, cim_cc_op_id id,
                        const cim_cc_node *n, const cim_cc_draws *d)
{
    double sum = 0.0;
    if (!n || n->n_parts == 1)
        return cim_max(0.0, d->pj[id] - plan->ops[id].energy_pj);
    for (cim_cc_op_id other = s->first_op; other < s->end_op; other++)
        if (other != id && d->host[other] == id)
            sum += plan->ops[other].energy_pj;
    return sum * n->n_parts;
}

/* Energy of what takes no time, or is hardly seen, is drawn while the main leg works. */
static void settle(drawer *w, double hosted)
{
    /* one after another under a power cap, all others are flat and nothing is little */
    double little = w->cx->plan->one_by_one ? 0.0 : 0.005, all = hosted;
    uint32_t merged = 0;
    for (int l = 0; l < CIM_CC_N_LEGS; l++)
        all += w->leg[l].pj;
    w->leg[w->main].pj += hosted;
    for (int l = 0; l < CIM_CC_N_LEGS; l++) {
        leg_use *leg = &w->leg[l];
        bool shorter = leg->one_ns > w->leg[w->main].one_ns; /* little energy, but at more power */
        if (l == (int)w->main || (leg->one_ns > 0.0 && (shorter || leg->pj > little * all)))
            continue;
        w->leg[w->main].pj += leg->pj;
        leg->pj = 0.0;
        merged |= 1u << l;
    }
    w->d->merged[w->id] = merged;
    w->d->main[w->id] = (uint8_t)w->main;
}

static void open_drawer(const cim_cc_context *cx, const cim_cc_segment *s, cim_cc_op_id id,
                        const cim_cc_node *n, cim_cc_draws *d, drawer *w)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_op *op = &plan->graph->ops[id];
    memset(w, 0, sizeof *w);
    memset(w->last, 0xff, sizeof w->last);
    w->d = d;
    w->cx = cx;
    w->id = id;
    w->total = n ? (double)op->mvms : (double)(op->rows * op->images);
    w->copies = n ? (double)n->choice_copies[n->pick] : 1.0;
    w->low_ns = s->start_ns;
    w->high_ns = cim_max(plan->ops[id].end_ns, s->start_ns + s->latency_ns);
    w->main = CIM_CC_LEG_POOL;
    time_shared(plan, w);
    if (n)
        time_products(plan, n, w);
    else
        w->leg[CIM_CC_LEG_POOL].one_ns = w->leg[CIM_CC_LEG_POOL].ns = plan->alu_ns[id] / w->total;
    for (int l = 0; l < CIM_CC_N_LEGS; l++) {
        w->leg[l].pj = plan->ops[id].leg_pj[l];
        if (!(w->leg[w->main].one_ns > 0.0) && w->leg[l].one_ns > 0.0)
            w->main = (cim_cc_leg)l; /* an unlimited ALU: a bus paces the steps */
    }
    double slow = cim_cc_slow(plan, id, n);
    for (int l = 0; l < CIM_CC_N_LEGS && slow > 1.0; l++) {
        w->leg[l].one_ns *= slow;
        w->leg[l].ns *= slow;
    }
    settle(w, hosted_pj(plan, s, id, n, d));
    double now = 0.0;
    for (int l = 0; l < CIM_CC_N_LEGS; l++) {
        w->at[l] = now;
        now += w->leg[l].one_ns +
               (n && l == CIM_CC_LEG_CROSSBAR ? slow * plan->chip.mvm_fill_ns : 0.0);
        w->pace = cim_max(w->pace, w->leg[l].ns);
        if (l <= (int)w->main)
            w->pace_in = w->pace;
        if (l < (int)w->main)
            w->spread = cim_max(w->spread, w->leg[l].ns - w->leg[l].one_ns);
    }
    /* both ways over one bus, over one link */
    w->pace = cim_max(w->pace, w->leg[CIM_CC_LEG_L0_IN].ns + w->leg[CIM_CC_LEG_L0_OUT].ns);
    w->pace =
        cim_max(w->pace, w->leg[CIM_CC_LEG_OFFCHIP_IN].ns + w->leg[CIM_CC_LEG_OFFCHIP_OUT].ns);
    w->way = now;
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* Products that follow each other without a gap: their first rounds leg by leg, then the mean.
 * @param length  from the first one's start to the start of the round after the last */
static void draw_run(drawer *w, double from, double length, double products, double parts)
{
    double rounds = cim_max(1.0, products / w->copies);
    double stretch = cim_max(1.0, length / (ceil(rounds) * w->pace));
    for (int l = 0; l < CIM_CC_N_LEGS; l++) {
        const leg_use *leg = &w->leg[l];
        if (!(leg->pj > 0.0))
            continue;
        bool queue = cim_cc_leg_turn((uint32_t)l) != CIM_CC_N_TURNS;
        double pace = (l <= (int)w->main ? w->pace_in : w->pace) * stretch;
        double pj = leg->pj * products / (w->total * parts), one = pj / rounds;
        double work = leg->one_ns * products / parts;
        double ns = l < (int)w->main ? leg->ns : cim_max(leg->ns, w->spread), at = from + w->at[l];
        double span = (rounds - 1.0) * pace + cim_min(ns, pace), shown = 0.0;
        if (ns >= 0.95 * pace || stretch > 1.2 || rounds < 1.5) {
            draw(w, (uint32_t)l, at, at + span, pj, queue ? work : 0.0);
            continue;
        }
        /* two products are brought in before the first one's main leg starts, the next one then */
        bool in = l < (int)w->main;
        double second = in ? ns : pace, third = in ? cim_max(2.0 * ns, w->at[w->main]) : 2.0 * pace;
        double when[3] = {0.0, second, third};
        int most = in ? 3 : 2;
        double burst = queue ? work / rounds : 0.0;
        for (int i = 0; i < most && shown + 1.0 <= rounds; i++, shown += 1.0)
            draw(w, (uint32_t)l, at + when[i], at + when[i] + ns, one, burst);
        if (in)
            span = w->at[w->main] + cim_max(1.0, rounds - 3.0) * pace + ns;
        if (rounds > shown) {
            double rest = in ? cim_max(third + ns, w->at[w->main] + pace) : shown * pace;
            rest = rest < span ? rest : cim_max(0.0, span - ns);
            draw(w, (uint32_t)l, at + rest, at + span, one * (rounds - shown),
                 burst * (rounds - shown));
        }
    }
}

/* Row by row from the recorded pipeline, rows without gaps between them together. */
static void draw_rows(const cim_cc_context *cx, const cim_cc_segment *s, const cim_cc_node *n,
                      drawer *w)
{
    const cim_cc_flow *flow = cx->flow;
    uint32_t offset = flow->stream[w->id].offset, steps = flow->stream[w->id].steps;
    const double *upto = flow->products + offset;
    double fill = n ? n->paced_fill_ns : 0.0, before = 0.0, start = 0.0, end = -1.0, done = 0.0;
    double lead = 0.0, early = 0.0;
    if (!n) { /* a step is drawn as late as it can be: it may have waited for its turn */
        fill = w->leg[CIM_CC_LEG_L0_OUT].one_ns + w->leg[CIM_CC_LEG_OFFCHIP_OUT].one_ns;
        lead = w->total / steps * w->pace;
        if (s->contended) { /* recorded is when its main leg began */
            early = w->at[w->main];
            lead += early;
        }
    }
    for (uint32_t k = 0; k < steps; k++) {
        double share = n ? upto[k] - (k ? upto[k - 1] : 0.0) : w->total / steps;
        double from = cx->begin[offset + k] - early, to = cx->finish[offset + k] - fill;
        if (!n && !cim_cc_staggered(cx->plan))
            from = cim_max(from, to - lead);
        from = from > before || k == 0 ? from : before;
        to = cim_max(from, to);
        if (share > 0.0 && (done <= 0.0 || from > end * (1.0 + 1e-12))) {
            if (done > 0.0)
                draw_run(w, s->start_ns + start, end - start, done, 1.0);
            start = from;
            done = 0.0;
        }
        done += share;
        end = cim_max(end, to);
        before = cim_max(before, to);
    }
    if (done > 0.0)
        draw_run(w, s->start_ns + start, end - start, done, 1.0);
}

/* Writing an operand, before the first product. @return the time it takes */
static double draw_operand(const cim_cc_context *cx, const cim_cc_segment *s, const cim_cc_node *n,
                           double from, drawer *w)
{
    double pj = n->operand_pj * (double)n->choice_copies[n->pick];
    double before = cim_cc_slow(cx->plan, w->id, n) * cim_cc_node_picked(n)->before_ns;
    if (n->n_parts == 1 && cim_cc_pipelined(cx->plan))
        from = s->start_ns + cx->begin[cx->flow->stream[w->id].offset] - before;
    draw(w, CIM_CC_LEG_OPERAND, from, from + before, pj, 0.0);
    return before;
}

static void draw_operator(const cim_cc_context *cx, const cim_cc_segment *s, cim_cc_op_id id,
                          cim_cc_draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_node *n = node_in(plan, s, id);
    const cim_cc_op_plan *o = &plan->ops[id];
    drawer w;
    if (!(d->pj[id] > 0.0))
        return;
    open_drawer(cx, s, id, n, d, &w);
    double from = n && n->n_parts > 1 ? s->start_ns : o->start_ns, before = 0.0;
    if (n && n->operand_pj > 0.0)
        before = draw_operand(cx, s, n, from, &w);
    if (d->host[id] != id) { /* nobody takes time for it */
        d->carry_pj += d->pj[id];
        return;
    }
    if (n && n->n_parts > 1) { /* a part has a segment of its own but for what follows the last */
        double end = from + plan->slow * n->choices[n->pick].cost;
        w.high_ns = cim_max(end, w.low_ns + w.pace);
        draw_run(&w, from + before, end - from - before - n->paced_fill_ns, w.total, n->n_parts);
    } else if (cim_cc_pipelined(plan)) {
        draw_rows(cx, s, n, &w);
    } else {
        w.low_ns = from + before;
        w.high_ns = o->end_ns;
        double fill = n ? n->paced_fill_ns : w.way - w.pace;
        draw_run(&w, from + before, o->end_ns - from - before - fill, w.total, 1.0);
    }
}

/* Programming a segment and bringing in what is programmed. */
static void draw_reload(const cim_cc_plan *plan, uint32_t segment, cim_cc_draws *d)
{
    const cim_cc_segment *s = &plan->segments[segment];
    const cim_cost_chip *c = &plan->chip;
    double ev[CIM_COST_N_EVENTS];
    if (!(s->reload_ns > 0.0))
        return; /* an unlimited link takes no time: energy without power */
    cim_cc_count_reload(plan, segment, ev);
    cim_cc_draw w = {.from_ns = s->reload_from_ns,
                     .to_ns = s->reload_from_ns + s->reload_ns,
                     .who = segment,
                     .alone = 1.0,
                     .leg = CIM_CC_LEG_WRITE};
    add(d, w, ev[CIM_EV_CELL_WRITE] * c->unit_pj[CIM_EV_CELL_WRITE]);
    w.leg = CIM_CC_LEG_WEIGHTS;
    if (isfinite(c->offchip_bits_per_ns))
        w.use = ev[CIM_EV_OFFCHIP_BIT] / c->offchip_bits_per_ns / s->reload_ns;
    add(d, w, ev[CIM_EV_OFFCHIP_BIT] * c->unit_pj[CIM_EV_OFFCHIP_BIT]);
}

/* Repeat a segment's draws for the batch: all overlapping inferences, or, when they are many, every
 * draw folded into one interval of the steady state. */
static bool repeat(const cim_cc_context *cx, const cim_cc_segment *s, size_t first, cim_cc_draws *d)
{
    double batch = (double)cx->plan->arch.workload.batch, period = s->interval_ns;
    if (!(batch > 1.0) || !(period > 0.0) || !cim_cc_pipelined(cx->plan))
        return true;
    double times = cim_min(batch, ceil(s->latency_ns / period) + 1.0);
    size_t n = d->n - first;
    bool fold = times * (double)n > MOST_DRAWS;
    size_t most = fold ? 2 * n : (size_t)times * n;
    d->repeated += most; /* beside the room that the first draws of later segments need */
    if (d->first + d->repeated > d->cap) {
        size_t cap = d->first + d->repeated + d->cap / 2;
        cim_cc_draw *more = cim_arena_take(cx->ar, cap, sizeof *more);
        if (!more)
            return false;
        memcpy(more, d->list, d->n * sizeof *more);
        d->list = more;
        d->cap = cap;
    }
    for (size_t i = first; i < first + n; i++) {
        cim_cc_draw *one = &d->list[i];
        double length = one->to_ns - one->from_ns, at = one->from_ns - s->start_ns;
        if (!fold) {
            for (double k = 1.0; k < times; k++) {
                cim_cc_draw *again = &d->list[d->n++];
                *again = *one;
                again->from_ns += k * period;
                again->to_ns += k * period;
            }
            continue;
        }
        double whole = floor(length / period), rest = length - whole * period;
        at -= floor(at / period) * period;
        cim_cc_draw part = *one;
        one->from_ns = s->start_ns;
        one->to_ns = s->start_ns + period;
        one->mw *= whole;
        one->use *= whole;
        part.from_ns = s->start_ns + at;
        part.to_ns = s->start_ns + cim_min(at + rest, period);
        d->list[d->n++] = part;
        part.from_ns = s->start_ns;
        part.to_ns = s->start_ns + at + rest - period;
        if (at + rest > period)
            d->list[d->n++] = part;
    }
    return true;
}

bool cim_cc_draws_collect(cim_cc_context *cx, cim_cc_draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    d->cap = 32 * (size_t)cx->flow->total_steps + 40 * (size_t)plan->graph->n_ops +
             40 * (size_t)plan->n_nodes + 4 * (size_t)plan->n_segments;
    d->first = d->cap;
    d->list = cim_arena_take(cx->ar, d->cap, sizeof *d->list);
    if (!d->list || !find_hosts(cx, d))
        return false;
    for (uint32_t k = 0; k < plan->n_segments; k++) {
        const cim_cc_segment *s = &plan->segments[k];
        draw_reload(plan, k, d);
        size_t first = d->n;
        for (cim_cc_op_id id = s->first_op; id < s->end_op; id++)
            draw_operator(cx, s, id, d);
        if (!repeat(cx, s, first, d))
            return false;
    }
    if (d->n && d->carry_pj > 0.0) { /* what came after the last that took time */
        cim_cc_draw *last = &d->list[d->n - 1];
        last->mw += d->carry_pj / (last->to_ns - last->from_ns);
    }
    return true;
}
