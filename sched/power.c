/* Pass power: power over time and its peak, the largest sum of what is active, not of what is there.
 *
 * An operator draws its dynamic energy while its products (or steps) are worked on: row after row,
 * from when the row's first product starts (or the row before is done) to when its last is done. Rows
 * that follow each other without a gap are one draw at their mean power: its copies are busy all the
 * time. Programming a segment draws its energy over the reload; leakage is always there. What takes no
 * time (an unlimited resource) draws its energy with the operator it works for: its producer, or its
 * first reader. In a pipeline the inferences of a batch overlap: what one draws is drawn again an
 * interval later.
 *
 * The peak is the largest mean over a window as long as one activation of a crossbar (step_ns): what
 * decoupling must bridge, not the coincidence of single transfers. sched/README.md, "Peak power". */
#include "sched/plan_internal.h"

#include <math.h>
#include <string.h>

/* Above this many draws of overlapping inferences one interval of the steady state is looked at. */
enum { MOST_DRAWS = 1 << 17 };

typedef struct draw {
    double from_ns, to_ns, mw;
    uint32_t
        who; /* operator; n_ops + operator: writing its operand; 2 n_ops + operator: its off-chip
                     transfers; 3 n_ops + segment: its reload */
} draw;

/* Draws being collected. */
typedef struct draws {
    draw *list;
    size_t n, cap;
    size_t first, repeated; /* room for what is drawn once, and for inferences that follow */
    double carry_pj;        /* energy that has found no time yet */
    cim_cc_op_id *host;     /* per operator: in whose time its energy is drawn */
    double *pj;             /* per operator: energy drawn in its time */
} draws;

static void draw_add(draws *d, uint32_t who, double from, double to, double pj)
{
    draw *last = d->n ? &d->list[d->n - 1] : NULL;
    pj += d->carry_pj;
    d->carry_pj = 0.0;
    if (last && last->who == who && from <= last->to_ns * (1.0 + 1e-12)) {
        double sum = last->mw * (last->to_ns - last->from_ns) + pj;
        if (to > last->to_ns)
            last->to_ns = to;
        last->mw = sum / (last->to_ns - last->from_ns);
    } else if (to > from) {
        d->list[d->n++] = (draw){.from_ns = from, .to_ns = to, .mw = pj / (to - from), .who = who};
    } else {
        d->carry_pj = pj;
    }
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

static bool takes_time(const cim_cc_plan *plan, cim_cc_op_id id)
{
    return plan->node_of[id] != UINT32_MAX || plan->digital_ns[id] > 0.0;
}

/* Whether an operator's off-chip transfers take time of their own. */
static bool moves_offchip(const cim_cc_plan *plan, cim_cc_op_id id)
{
    return plan->ops[id].offchip_pj > 0.0 && isfinite(plan->chip.offchip_bits_per_ns);
}

/* Whose time an operator's energy is drawn in. Readers come later, so two sweeps do. */
static bool find_hosts(const cim_cc_context *cx, draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_graph *g = plan->graph;
    d->host = cim_arena_take(cx->ar, g->n_ops, sizeof *d->host);
    d->pj = cim_arena_alloc(cx->ar, g->n_ops, sizeof *d->pj);
    if (!d->host || !d->pj)
        return false;
    for (cim_cc_op_id id = 0; id < g->n_ops; id++) {
        d->host[id] = takes_time(plan, id) ? id : CIM_CC_INVALID;
        for (uint32_t k = g->ops[id].first_edge;
             d->host[id] == CIM_CC_INVALID && k < g->ops[id].first_edge + g->ops[id].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from != CIM_CC_INVALID && plan->ops[from].segment == plan->ops[id].segment)
                d->host[id] = d->host[from];
        }
    }
    for (cim_cc_op_id id = g->n_ops; id-- > 0;)
        for (uint32_t k = g->ops[id].first_edge; k < g->ops[id].first_edge + g->ops[id].n_edges;
             k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from != CIM_CC_INVALID && d->host[from] == CIM_CC_INVALID &&
                plan->ops[from].segment == plan->ops[id].segment)
                d->host[from] = d->host[id];
        }
    for (cim_cc_op_id id = 0; id < g->n_ops; id++)
        d->pj[d->host[id] == CIM_CC_INVALID ? id : d->host[id]] +=
            plan->ops[id].energy_pj - (moves_offchip(plan, id) ? plan->ops[id].offchip_pj : 0.0);
    return true;
}

/* Row by row from the recorded pipeline. */
static void draw_rows(const cim_cc_context *cx, const cim_cc_segment *s, cim_cc_op_id id,
                      const cim_cc_node *n, draws *d)
{
    const cim_cc_flow *flow = cx->flow;
    uint32_t offset = flow->stream[id].offset, steps = flow->stream[id].steps;
    const double *upto = flow->products + offset;
    double fill = n ? n->paced_fill_ns : 0.0, before = 0.0;
    double total = n ? upto[steps - 1] : steps, pj = d->pj[id];
    for (uint32_t k = 0; k < steps; k++) {
        double share = n ? upto[k] - (k ? upto[k - 1] : 0.0) : 1.0;
        double from = cx->begin[offset + k], to = cx->finish[offset + k] - fill;
        from = from > before || k == 0 ? from : before;
        if (share > 0.0)
            draw_add(d, id, s->start_ns + from, s->start_ns + fmax(from, to), pj * share / total);
        before = fmax(before, to);
    }
}

/* Writing an operand, before the first product. @return the time it takes */
static double draw_operand(const cim_cc_context *cx, const cim_cc_segment *s, cim_cc_op_id id,
                           const cim_cc_node *n, double from, draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    double pj = n->operand_pj * (double)n->choice_copies[n->pick];
    double before = cim_cc_node_picked(n)->before_ns;
    if (n->n_parts == 1 && cim_cc_pipelined(plan))
        from = s->start_ns + cx->begin[cx->flow->stream[id].offset] - before;
    draw_add(d, plan->graph->n_ops + id, from, from + before, pj);
    return before;
}

/* Transfers over the off-chip link go beside the operator, as long as they need. */
static void draw_offchip(const cim_cc_plan *plan, const cim_cc_segment *s, cim_cc_op_id id,
                         draws *d)
{
    const cim_cc_op_plan *o = &plan->ops[id];
    double bits = o->offchip_pj / plan->chip.unit_pj[CIM_EV_OFFCHIP_BIT];
    double ns = fmax(o->end_ns - o->start_ns, bits / plan->chip.offchip_bits_per_ns);
    double end = fmax(o->end_ns, s->start_ns + s->latency_ns); /* all is over by then */
    double from = fmax(s->start_ns, fmin(o->start_ns, end - ns));
    draw_add(d, 2 * plan->graph->n_ops + id, from, fmin(from + ns, end), o->offchip_pj);
}

/* Where another resource than the crossbars sets a product's pace, copies convert together and then wait:
 * the first round of every draw is shown as it is, the others at their mean. */
static void sharpen(const cim_cc_plan *plan, cim_cc_op_id id, const cim_cc_node *n, size_t first,
                    draws *d)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    double busy = cim_cc_convert_ns(plan, v), rounds = 0.0,
           pj = plan->ops[id].crossbar_pj / d->pj[id];
    size_t end = d->n;
    if (!(busy < 0.999 * n->paced_unit_ns) || !(busy > 0.0))
        return;
    for (size_t i = first; i < end && d->n < d->cap; i++) {
        draw *w = &d->list[i];
        double length = w->to_ns - w->from_ns, all = w->mw * length;
        rounds = length / n->paced_unit_ns;
        if (rounds < 1.0)
            continue;
        double burst = all * pj / rounds;
        d->list[d->n++] = (draw){
            .from_ns = w->from_ns, .to_ns = w->from_ns + busy, .mw = burst / busy, .who = id};
        w->mw = (all - burst) / length;
    }
}

static void draw_operator(const cim_cc_context *cx, const cim_cc_segment *s, cim_cc_op_id id,
                          draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_node *n = node_in(plan, s, id);
    const cim_cc_op_plan *o = &plan->ops[id];
    if (moves_offchip(plan, id) && (!n || n->part == 0))
        draw_offchip(plan, s, id, d);
    if (!(d->pj[id] > 0.0))
        return;
    size_t first = d->n;
    double from = n && n->n_parts > 1 ? s->start_ns : o->start_ns, before = 0.0;
    if (n && n->operand_pj > 0.0) {
        before = draw_operand(cx, s, id, n, from, d);
        first = d->n;
    }
    if (n && n->n_parts > 1) /* a part has a segment of its own but for what follows the last */
        draw_add(d, id, from + before, from + n->choices[n->pick].cost, d->pj[id] / n->n_parts);
    else if (cim_cc_pipelined(plan))
        draw_rows(cx, s, id, n, d);
    else
        draw_add(d, id, from + before, o->end_ns, d->pj[id]);
    if (n)
        sharpen(plan, id, n, first, d);
}

static double energy_of(const cim_cc_plan *plan, const double *ev)
{
    double pj[CIM_COST_N_KINDS];
    return cim_cost_energy(&plan->chip, ev, 0.0, pj);
}

static double reload_energy(const cim_cc_plan *plan, uint32_t segment)
{
    double ev[CIM_COST_N_EVENTS];
    cim_cc_count_reload(plan, segment, ev);
    return energy_of(plan, ev);
}

/* Repeat a segment's draws for the batch: all overlapping inferences, or, when they are many, every
 * draw folded into one interval of the steady state. */
static bool repeat(const cim_cc_context *cx, const cim_cc_segment *s, size_t first, draws *d)
{
    double batch = (double)cx->plan->arch.workload.batch, period = s->interval_ns;
    if (!(batch > 1.0) || !(period > 0.0) || !cim_cc_pipelined(cx->plan))
        return true;
    double times = fmin(batch, ceil(s->latency_ns / period) + 1.0);
    size_t n = d->n - first;
    bool fold = times * (double)n > MOST_DRAWS;
    size_t most = fold ? 2 * n : (size_t)times * n;
    d->repeated += most; /* beside the room that the first draws of later segments need */
    if (d->first + d->repeated > d->cap) {
        size_t cap = d->first + d->repeated + d->cap / 2;
        draw *more = cim_arena_take(cx->ar, cap, sizeof *more);
        if (!more)
            return false;
        memcpy(more, d->list, d->n * sizeof *more);
        d->list = more;
        d->cap = cap;
    }
    for (size_t i = first; i < first + n; i++) {
        draw *one = &d->list[i];
        double length = one->to_ns - one->from_ns, at = one->from_ns - s->start_ns;
        if (!fold) {
            for (double k = 1.0; k < times; k++) {
                draw *again = &d->list[d->n++];
                *again = *one;
                again->from_ns += k * period;
                again->to_ns += k * period;
            }
            continue;
        }
        double whole = floor(length / period), rest = length - whole * period;
        at -= floor(at / period) * period;
        double mw = one->mw;
        *one = (draw){s->start_ns, s->start_ns + period, mw * whole, one->who};
        d->list[d->n++] =
            (draw){s->start_ns + at, s->start_ns + fmin(at + rest, period), mw, one->who};
        if (at + rest > period)
            d->list[d->n++] = (draw){s->start_ns, s->start_ns + at + rest - period, mw, one->who};
    }
    return true;
}

static bool collect(const cim_cc_context *cx, draws *d)
{
    const cim_cc_plan *plan = cx->plan;
    for (uint32_t k = 0; k < plan->n_segments; k++) {
        const cim_cc_segment *s = &plan->segments[k];
        draw_add(d, 3 * plan->graph->n_ops + k, s->reload_from_ns, s->reload_from_ns + s->reload_ns,
                 reload_energy(plan, k));
        size_t first = d->n;
        for (cim_cc_op_id id = s->first_op; id < s->end_op; id++)
            draw_operator(cx, s, id, d);
        if (!repeat(cx, s, first, d))
            return false;
    }
    if (d->n && d->carry_pj > 0.0) { /* what came after the last that took time */
        draw *last = &d->list[d->n - 1];
        last->mw += d->carry_pj / (last->to_ns - last->from_ns);
    }
    return true;
}

/* ---- the largest sum ----------------------------------------------------------------------------- */

typedef struct edge {
    double at_ns;
    double mw; /* signed change */
} edge;

/* What ends makes room for what starts at the same time. */
static bool edge_before(const edge *a, const edge *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->mw < b->mw);
}

/* Sort by buckets of time: edges are spread over the run, so buckets stay short. */
static bool sort_edges(cim_arena *ar, edge *list, size_t n, double span)
{
    size_t buckets = n + 1;
    uint32_t *start = cim_arena_alloc(ar, buckets + 2, sizeof *start);
    edge *out = cim_arena_take(ar, n, sizeof *out);
    if (!start || !out)
        return false;
    double scale = span > 0.0 ? (double)(buckets - 1) / span : 0.0;
#define BUCKET(e) ((size_t)fmin(fmax((e)->at_ns * scale, 0.0), (double)(buckets - 1)))
    for (size_t i = 0; i < n; i++)
        start[BUCKET(&list[i]) + 2]++;
    for (size_t i = 2; i < buckets + 2; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < n; i++)
        out[start[BUCKET(&list[i]) + 1]++] = list[i];
#undef BUCKET
    for (size_t i = 1; i < n; i++) {
        edge e = out[i];
        size_t j = i;
        for (; j > 0 && edge_before(&e, &out[j - 1]); j--)
            out[j] = out[j - 1];
        out[j] = e;
    }
    memcpy(list, out, n * sizeof *list);
    return true;
}

/* Whether a draw is a digital operator's, whose steps take turns at the ALUs that all of them share. */
static bool takes_turns(const cim_cc_plan *plan, const draw *w)
{
    return w->who < plan->graph->n_ops && plan->node_of[w->who] == UINT32_MAX &&
           plan->alu_ns[w->who] > 0.0 && cim_cc_pipelined(plan);
}

/* What ends when another starts must not overlap it because the two sums of times are rounded
 * differently: ends come early by more than rounding. */
static void add_edges(edge *edges, size_t *n, double from, double to, double mw)
{
    double early = to * (1.0 - 1e-12);
    edges[(*n)++] = (edge){.at_ns = from, .mw = mw};
    edges[(*n)++] = (edge){.at_ns = early > from ? early : to, .mw = -mw};
}

/* Digital operators whose times overlap still draw no more together than the hungriest of them at full
 * rate: what they ask for beyond that is drawn later, when others ask for less.
 * @param asked  n changes of what they ask for, sorted @param[out] out  room for 3 n + 4 */
static size_t take_turns(const edge *asked, size_t n, double most, edge *out)
{
    size_t count = 0;
    double want = 0.0, drawn = 0.0, owed = 0.0, now = 0.0; /* mW, mW, pJ, ns */
    for (size_t i = 0; i <= n; i++) {
        double until = i < n ? asked[i].at_ns : INFINITY, left;
        while (owed > 0.0 && want < most && (left = owed / (most - want)) <= until - now) {
            now += left; /* all caught up */
            owed = 0.0;
            out[count++] = (edge){.at_ns = now, .mw = want - drawn};
            drawn = want;
        }
        if (i == n)
            break;
        owed = fmax(0.0, owed + (want - drawn) * (until - now));
        now = until;
        want = fmax(0.0, want + asked[i].mw);
        double next = owed > 1e-9 * most || want > most ? most : want;
        if (next != drawn)
            out[count++] = (edge){.at_ns = now, .mw = next - drawn};
        drawn = next;
    }
    return count;
}

/* Both ends of every draw, those of digital operators taking turns. */
static edge *list_edges(cim_arena *ar, const cim_cc_plan *plan, const draws *d, size_t *n,
                        double *span)
{
    edge *edges = cim_arena_take(ar, 5 * d->n + 8, sizeof *edges);
    edge *turns = cim_arena_take(ar, 2 * d->n + 1, sizeof *turns);
    size_t asked = 0;
    double most = 0.0;
    *n = 0;
    *span = 0.0;
    if (!edges || !turns)
        return NULL;
    for (size_t i = 0; i < d->n; i++) {
        const draw *w = &d->list[i];
        bool digital = takes_turns(plan, w);
        if (!(w->mw > 0.0))
            continue;
        if (digital)
            most = fmax(most, fmax(w->mw, d->pj[w->who] / plan->digital_ns[w->who]));
        add_edges(digital ? turns : edges, digital ? &asked : n, w->from_ns, w->to_ns, w->mw);
        *span = fmax(*span, w->to_ns);
    }
    if (!sort_edges(ar, turns, asked, *span))
        return NULL;
    *n += take_turns(turns, asked, most, edges + *n);
    for (size_t i = 0; i < *n; i++)
        *span = fmax(*span, edges[i].at_ns);
    return edges;
}

/* The curve a person looks at: one point per change, thinned out to the largest of every few. */
static bool keep_curve(cim_cc_plan *plan, cim_arena *ar, const edge *edges, size_t n)
{
    enum { MOST_POINTS = 4096 };
    size_t every = n / MOST_POINTS + 1;
    plan->curve = cim_arena_take(ar, n / every + 2, sizeof *plan->curve);
    if (!plan->curve)
        return false;
    double now = plan->chip.leakage_mw;
    plan->curve[plan->n_curve++] = (cim_cc_point){.at_ns = 0.0, .mw = now};
    for (size_t i = 0; i < n; i++) {
        now += edges[i].mw;
        bool last = i + 1 == n || i % every == 0;
        cim_cc_point *p = &plan->curve[plan->n_curve - 1];
        if (last && plan->n_curve < n / every + 2 && edges[i].at_ns > p->at_ns)
            plan->curve[plan->n_curve++] = (cim_cc_point){.at_ns = edges[i].at_ns, .mw = now};
        else if (now > p->mw || every == 1)
            p->mw = now;
    }
    return true;
}

/* Energy drawn up to a time that only moves on. */
typedef struct meter {
    const edge *edges;
    size_t n, at;
    double time_ns, mw, pj;
} meter;

static double meter_read(meter *m, double time_ns)
{
    while (m->at < m->n && m->edges[m->at].at_ns <= time_ns) {
        m->pj += m->mw * (m->edges[m->at].at_ns - m->time_ns);
        m->time_ns = m->edges[m->at].at_ns;
        m->mw += m->edges[m->at++].mw;
    }
    return m->pj + m->mw * (time_ns - m->time_ns);
}

/* The window with the most energy starts or ends at a change. @return that energy, without leakage */
static double find_peak(cim_cc_plan *plan, const edge *edges, size_t n, double span, double window)
{
    meter low[2] = {{.edges = edges, .n = n}, {.edges = edges, .n = n}};
    meter high[2] = {{.edges = edges, .n = n}, {.edges = edges, .n = n}};
    double best = -1.0;
    for (size_t i = 0; i <= n; i++) {
        double at = i < n ? edges[i].at_ns : span;
        double from[] = {fmin(at, span - window), fmax(at - window, 0.0)};
        for (int k = 0; k < 2; k++) {
            double pj = meter_read(&high[k], from[k] + window) - meter_read(&low[k], from[k]);
            if (pj > best * (1.0 + 1e-12)) {
                best = pj;
                plan->peak_at_ns = from[k];
            }
        }
    }
    return best;
}

/* A draw's mean power in the window, by kind. */
static void add_rows(const cim_cc_plan *plan, const draws *d, const draw *w, double mw,
                     double *rows)
{
    double ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    uint32_t n_ops = plan->graph->n_ops;
    if (w->who >= 2 * n_ops && w->who < 3 * n_ops) {
        rows[CIM_COST_OFFCHIP] += mw;
        return;
    }
    if (w->who >= n_ops) {
        if (w->who < 2 * n_ops)
            cim_cc_count_operand(plan, w->who - n_ops, ev);
        else
            cim_cc_count_reload(plan, w->who - 3 * n_ops, ev);
        double sum = cim_cost_energy(&plan->chip, ev, 0.0, pj);
        for (int k = 0; sum > 0.0 && k < CIM_COST_N_KINDS; k++)
            rows[k] += mw * (pj[k] / sum);
        return;
    }
    for (cim_cc_op_id id = 0; id < n_ops; id++) {
        if (id != w->who && d->host[id] != w->who)
            continue;
        cim_cc_count_op(plan, id, ev);
        if (moves_offchip(plan, id))
            ev[CIM_EV_OFFCHIP_BIT] = 0.0; /* a draw of its own */
        cim_cost_energy(&plan->chip, ev, 0.0, pj);
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            rows[k] += mw * (pj[k] / d->pj[w->who]);
    }
}

/* The rows of the breakdown in the window of the peak; the total is their sum. Digital operators share
 * what the others leave of the window's energy. */
static void peak_rows(cim_cc_plan *plan, const draws *d, double window, double pj)
{
    double rows[2][CIM_COST_N_KINDS] = {{0}}, sum[2] = {0}; /* others, digital */
    double from = plan->peak_at_ns, to = from + window;
    for (size_t i = 0; i < d->n; i++) {
        const draw *w = &d->list[i];
        double inside = fmin(w->to_ns, to) - fmax(w->from_ns, from);
        int digital = takes_turns(plan, w);
        if (!(inside > 0.0))
            continue;
        add_rows(plan, d, w, w->mw * inside / window, rows[digital]);
        sum[digital] += w->mw * inside / window;
    }
    double left = fmax(0.0, pj / window - sum[0]), scale = sum[1] > 0.0 ? left / sum[1] : 0.0;
    plan->peak_total_mw = 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        plan->peak_mw[k] = rows[0][k] + scale * rows[1][k];
        if (k == CIM_COST_ALU && sum[1] <= 0.0) /* caught up with work of before the window */
            plan->peak_mw[k] += left;
        if (k == CIM_COST_LEAKAGE)
            plan->peak_mw[k] += plan->chip.leakage_mw;
        plan->peak_total_mw += plan->peak_mw[k];
    }
}

cim_status cim_cc_pass_power(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    draws d = {.cap = 2 * (size_t)cx->flow->total_steps + 2 * plan->graph->n_ops +
                      4 * plan->n_nodes + 2 * (size_t)plan->n_segments};
    d.first = d.cap;
    d.list = cim_arena_take(cx->ar, d.cap, sizeof *d.list);
    if (!d.list || !find_hosts(cx, &d) || !collect(cx, &d))
        return CIM_E_NOMEM;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        plan->ops[i].drawn_pj = d.pj[i] + (moves_offchip(plan, i) ? plan->ops[i].offchip_pj : 0.0);
    size_t n;
    double span;
    edge *edges = list_edges(cx->ar, plan, &d, &n, &span);
    if (!edges || !sort_edges(cx->ar, edges, n, span))
        return CIM_E_NOMEM;
    double window = fmin(plan->chip.step_ns, span);
    plan->peak_at_ns = 0.0;
    plan->peak_instant_mw = plan->chip.leakage_mw;
    double now = plan->chip.leakage_mw;
    for (size_t i = 0; i < n; i++) {
        now += edges[i].mw;
        plan->peak_instant_mw = fmax(plan->peak_instant_mw, now);
    }
    double pj = window > 0.0 ? find_peak(plan, edges, n, span, window) : 0.0;
    peak_rows(plan, &d, window > 0.0 ? window : 1.0, fmax(pj, 0.0));
    return !cx->want_bound || keep_curve(plan, cx->ar, edges, n) ? CIM_OK : CIM_E_NOMEM;
}
