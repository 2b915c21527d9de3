/* Pass power: power over time and its peak, the largest sum of what is active, not of what is there.
 *
 * power_draws.c says who draws what when; here what all operators share is drawn in turns, and the
 * largest sum is found. Programming a segment draws its energy over the reload; leakage is always there.
 * In a pipeline the inferences of a batch overlap: what one draws is drawn again an interval later.
 *
 * The peak is the largest mean over a window as long as one activation of a crossbar (step_ns): what
 * decoupling must bridge, not the coincidence of single transfers. sched/README.md, "Peak power". */
#include "hwspace/base/real.h"
#include "sched/power_internal.h"

#include <math.h>
#include <string.h>

/* ---- the largest sum ----------------------------------------------------------------------------- */

typedef struct edge {
    double at_ns;
    double mw, use; /* signed changes */
    double alone;
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
#define BUCKET(e) ((size_t)cim_min(cim_max((e)->at_ns * scale, 0.0), (double)(buckets - 1)))
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

/* What ends when another starts must not overlap it because the two sums of times are rounded
 * differently: ends come early by more than rounding. */
static void add_edges(edge *edges, size_t *n, const cim_cc_draw *w)
{
    double early = w->to_ns * (1.0 - 1e-12);
    edges[(*n)++] = (edge){.at_ns = w->from_ns, .mw = w->mw, .use = w->use, .alone = w->alone};
    edges[(*n)++] = (edge){.at_ns = early > w->from_ns ? early : w->to_ns,
                           .mw = -w->mw,
                           .use = -w->use,
                           .alone = w->alone};
}

/* Who is being served by a shared resource: what each would draw alone, at full rate, and how much of a
 * peak's window it would fill with it before others have their turn. */
typedef struct rate {
    double mw, alone;
} rate;

typedef struct rates {
    rate *list;
    size_t n;
    double mw, use; /* sums */
} rates;

static void rates_change(rates *r, const edge *e)
{
    double mw = e->mw / e->use;
    size_t i = 0;
    r->mw = cim_max(0.0, r->mw + e->mw);
    r->use = cim_max(0.0, r->use + e->use);
    if (e->mw > 0.0) {
        r->list[r->n++] = (rate){.mw = mw, .alone = e->alone};
        return;
    }
    while (i < r->n && r->list[i].mw != mw)
        i++;
    if (i < r->n)
        r->list[i] = r->list[--r->n];
}

/* The most that is drawn while all of them wait for each other. */
static double rates_most(const rates *r, double before)
{
    double mean = r->n && r->use > 0.0 ? r->mw / r->use : 0.0, most = mean;
    for (size_t i = 0; i < r->n; i++)
        most = cim_max(most, mean + (r->list[i].mw - mean) * r->list[i].alone);
    return most > 0.0 ? most : before;
}

/* Users of a shared resource whose times overlap draw no more together than the hungriest of them at full
 * rate: what they ask for beyond that is drawn later, when others ask for less.
 * @param asked  n changes of what they ask for, sorted @param active  room for n @param[out] out  room for 3 n + 4 @param[out] end_ns  of the last draw
 * @param[out] highest  limit @return changes */
static size_t take_turns(const edge *asked, size_t n, rate *active, edge *out, double *end_ns,
                         double *highest)
{
    size_t count = 0;
    rates r = {.list = active};
    double want = 0.0, drawn = 0.0, owed = 0.0, now = 0.0, cap = 0.0, most = 0.0; /* mW, pJ, ns */
    double owed_ns = 0.0; /* of the resource */
    for (size_t i = 0; i <= n; i++) {
        double until = i < n ? asked[i].at_ns : INFINITY, left;
        while (owed > 0.0 && want < cap && (left = owed / (cap - want)) <= until - now) {
            now += left; /* all caught up */
            owed = 0.0;
            out[count++] = (edge){.at_ns = now, .mw = want - drawn};
            drawn = want;
        }
        if (i == n)
            break;
        owed = cim_max(0.0, owed + (want - drawn) * (until - now));
        owed_ns = owed > 0.0 ? cim_max(0.0, owed_ns + (r.use - 1.0) * (until - now)) : 0.0;
        now = until;
        want = cim_max(0.0, want + asked[i].mw);
        rates_change(&r, &asked[i]);
        most = rates_most(&r, most);
        double late = owed_ns > 0.0 ? owed / owed_ns : *highest; /* what waits, at full rate */
        cap = owed > 1e-9 * most ? cim_max(most, cim_min(late, *highest)) : most;
        *highest = cim_max(*highest, cap);
        want = r.n ? want : 0.0;
        double next = owed > 1e-9 * cap || want > cap ? cap : want;
        if (next != drawn)
            out[count++] = (edge){.at_ns = now, .mw = next - drawn};
        drawn = next;
    }
    *end_ns = now;
    return count;
}

/* What would be drawn after the end of the run is drawn before it, as late as the limit allows.
 * @param[in,out] out  n changes, room for 2 more @return changes */
static size_t keep_in(edge *out, size_t n, double last, double cap)
{
    double level = 0.0, late = 0.0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) { /* from changes to levels */
        level = cim_max(0.0, level + out[i].mw);
        double until = i + 1 < n ? out[i + 1].at_ns : out[i].at_ns;
        late += level * cim_max(0.0, until - cim_max(last, out[i].at_ns));
        out[i].mw = level;
        kept += out[i].at_ns < last;
    }
    double until = last;
    size_t i = kept;
    for (; i-- > 0 && late > 0.0; until = out[i].at_ns) {
        double length = until - out[i].at_ns, more = cim_max(0.0, cap - out[i].mw);
        if (late > more * length) {
            late -= more * length;
            out[i].mw += more;
            continue;
        }
        memmove(out + i + 2, out + i + 1, (kept - i - 1) * sizeof *out);
        out[i + 1] = (edge){.at_ns = until - late / more, .mw = cap};
        late = 0.0;
        kept++;
        break;
    }
    double rest = kept && late > 0.0 ? late / (last - out[0].at_ns) : 0.0; /* more than it can */
    out[kept++] = (edge){.at_ns = last};
    for (i = kept - 1; i-- > 0;)
        out[i].mw += rest;
    for (i = kept; i-- > 1;)
        out[i].mw -= out[i - 1].mw;
    return kept;
}

/* Both ends of every draw; of what all share they take turns, and are done when the run is. */
static edge *list_edges(cim_arena *ar, const cim_cc_plan *plan, const cim_cc_draws *d, size_t *n,
                        double *span)
{
    edge *edges = cim_arena_take(ar, 6 * d->n + 32, sizeof *edges);
    edge *turns = cim_arena_take(ar, 2 * d->n + 1, sizeof *turns);
    rate *active = cim_arena_take(ar, d->n + 1, sizeof *active);
    size_t shared = 0;
    *n = 0;
    *span = 0.0;
    if (!edges || !turns || !active)
        return NULL;
    for (size_t i = 0; i < d->n; i++) {
        const cim_cc_draw *w = &d->list[i];
        if (!(w->mw > 0.0))
            continue;
        *span = cim_max(*span, w->to_ns);
        /* one after another, nobody leaves work for the next */
        if (!plan->one_by_one && w->use > 0.0 && cim_cc_leg_turn(w->leg) != CIM_CC_N_TURNS)
            shared++;
        else
            add_edges(edges, n, w);
    }
    double last = cim_max(*span, plan->latency_ns);
    for (uint32_t t = 0; shared > 0 && t < CIM_CC_N_TURNS; t++) {
        size_t asked = 0, kept = 0;
        double end = 0.0, most = 0.0;
        for (size_t i = 0; i < d->n; i++)
            if (d->list[i].mw > 0.0 && d->list[i].use > 0.0 &&
                (uint32_t)cim_cc_leg_turn(d->list[i].leg) == t)
                add_edges(turns, &asked, &d->list[i]);
        if (!sort_edges(ar, turns, asked, *span))
            return NULL;
        kept = take_turns(turns, asked, active, edges + *n, &end, &most);
        if (kept && end > last)
            kept = keep_in(edges + *n, kept, last, most);
        *n += kept;
    }
    for (size_t i = 0; i < *n; i++)
        *span = cim_max(*span, edges[i].at_ns);
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

/* The window moves over the curve; its energy changes with the difference of the powers at its ends, so the
 * most is where one of them is at a change. @return that energy, without leakage */
static double find_peak(cim_cc_plan *plan, const edge *edges, size_t n, double span, double window)
{
    double last = span - window, at = 0.0, pj = 0.0, before = 0.0, mw_low = 0.0, mw_high = 0.0;
    size_t low = 0, high = 0;
    for (; high < n && edges[high].at_ns <= window; mw_high += edges[high++].mw) {
        pj += mw_high * (edges[high].at_ns - before);
        before = edges[high].at_ns;
    }
    pj += mw_high * (window - before);
    double best = pj;
    plan->peak_at_ns = 0.0;
    while (at < last) {
        double next = last;
        bool starts = low < n && edges[low].at_ns <= next;
        if (starts)
            next = edges[low].at_ns;
        bool ends = high < n && edges[high].at_ns - window < next;
        if (ends)
            next = edges[high].at_ns - window;
        if (next > at) {
            pj += (mw_high - mw_low) * (next - at);
            at = next;
            if (pj > best * (1.0 + 1e-12)) {
                best = pj;
                plan->peak_at_ns = at;
            }
        }
        if (ends)
            mw_high += edges[high++].mw;
        else if (starts)
            mw_low += edges[low++].mw;
    }
    return best;
}

/* A draw's mean power in the window, by kind. */
static void add_rows(const cim_cc_plan *plan, const cim_cc_draws *d, const cim_cc_draw *w,
                     double mw, double *rows)
{
    double ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS], by[CIM_COST_N_KINDS] = {0}, sum = 0.0;
    if (w->leg == CIM_CC_LEG_OPERAND) {
        cim_cc_count_operand(plan, w->who, ev);
        sum = cim_cost_energy(&plan->chip, ev, 0.0, by);
    } else if (w->leg >= CIM_CC_N_LEGS) {
        rows[w->leg == CIM_CC_LEG_WRITE ? CIM_COST_CROSSBAR_WRITE : CIM_COST_OFFCHIP] += mw;
    }
    for (cim_cc_op_id id = 0; w->leg < CIM_CC_N_LEGS && id < plan->graph->n_ops; id++) {
        bool main = w->leg == d->main[w->who], hosted = id != w->who && d->host[id] == w->who;
        if (id != w->who && !(main && hosted))
            continue;
        double part[CIM_COST_N_EVENTS] = {0};
        cim_cc_leg_split s = cim_cc_leg_split_of(plan, id);
        cim_cc_count_op(plan, id, ev);
        for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
            cim_cc_leg_part p[2];
            for (int k = cim_cc_leg_parts(&s, (cim_cost_event)e, ev[e], p); k-- > 0;)
                if (hosted || p[k].leg == w->leg || (main && (d->merged[id] >> p[k].leg & 1)))
                    part[e] += p[k].n;
        }
        sum += cim_cost_energy(&plan->chip, part, 0.0, pj);
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            by[k] += pj[k];
    }
    for (int k = 0; sum > 0.0 && k < CIM_COST_N_KINDS; k++)
        rows[k] += mw * (by[k] / sum);
}

/* The rows of the breakdown in the window of the peak; the total is their sum. What takes turns shares
 * what the others leave of the window's energy. */
static void peak_rows(cim_cc_plan *plan, const cim_cc_draws *d, double window, double pj)
{
    double rows[2][CIM_COST_N_KINDS] = {{0}}, sum[2] = {0}; /* others, in turns */
    double from = plan->peak_at_ns, to = from + window;
    for (size_t i = 0; i < d->n; i++) {
        const cim_cc_draw *w = &d->list[i];
        double inside = cim_min(w->to_ns, to) - cim_max(w->from_ns, from);
        int turn = w->use > 0.0 && cim_cc_leg_turn(w->leg) != CIM_CC_N_TURNS;
        if (!(inside > 0.0))
            continue;
        add_rows(plan, d, w, w->mw * inside / window, rows[turn]);
        sum[turn] += w->mw * inside / window;
    }
    double left = cim_max(0.0, pj / window - sum[0]), scale = sum[1] > 0.0 ? left / sum[1] : 0.0;
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

/* Energy above leakage from the start to each change of the curve. */
typedef struct energy {
    const edge *edges;
    const double *pj, *mw; /* up to the change, behind it */
    size_t n;
} energy;

static double energy_to(const energy *e, double ns)
{
    size_t lo = 0, hi = e->n; /* changes at or before ns */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (e->edges[mid].at_ns <= ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? e->pj[lo - 1] + e->mw[lo - 1] * (ns - e->edges[lo - 1].at_ns) : 0.0;
}

static double energy_in(const energy *e, double from, double window)
{
    return energy_to(e, from + window) - energy_to(e, from);
}

/* When an operator works, or one of its parts. One after another: in order of time. */
typedef struct turn {
    double from, to;
    cim_cc_op_id id;
    uint32_t parts;
} turn;

static turn *list_turns(const cim_cc_plan *plan, cim_arena *ar, size_t *n)
{
    turn *list = cim_arena_take(ar, (size_t)plan->graph->n_ops + plan->n_nodes, sizeof *list);
    *n = 0;
    for (uint32_t k = 0; list && k < plan->n_segments; k++) {
        const cim_cc_segment *s = &plan->segments[k];
        uint32_t next = s->first_node;
        for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
            const cim_cc_op_plan *o = &plan->ops[id];
            turn t = {.from = o->start_ns, .to = o->end_ns, .id = id, .parts = 1};
            if (plan->node_of[id] != UINT32_MAX && plan->nodes[next++].n_parts > 1) {
                const cim_cc_node *part = &plan->nodes[next - 1];
                t.parts = part->n_parts;
                t.from = s->start_ns;
                t.to = t.from + part->choices[part->pick].cost;
            }
            list[(*n)++] = t;
        }
    }
    return list;
}

/* A window above the power cap is noted with the operators that draw more than it in their part of the window:
 * that much more, or, where a short burst at the border of two operators decides, some of it. */
static void note_over(cim_cc_plan *plan, const energy *e, const turn *turns, size_t n, double from,
                      double window, double least)
{
    static const double little = 0.005, step = 4.0;
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw;
    double to = from + window, over = energy_in(e, from, window) / (cap * window);
    if (!(over > least))
        return;
    size_t lo = 0, hi = n; /* the first that ends behind the window's start */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (turns[mid].to > from)
            hi = mid;
        else
            lo = mid + 1;
    }
    for (; lo < n && turns[lo].from < to; lo++) {
        cim_cc_op_plan *o = &plan->ops[turns[lo].id];
        double first = cim_max(from, turns[lo].from), length = cim_min(to, turns[lo].to) - first;
        if (length < 1e-3 * window)
            continue; /* hardly in it */
        double own = energy_in(e, first, length) / (cap * length);
        double much = (1.0 + little) * cim_min(own, 1.0 + step * (over - 1.0));
        if (own > 1.0)
            o->over_pj =
                cim_max(o->over_pj, much * cap * (turns[lo].to - turns[lo].from) * turns[lo].parts);
    }
}

/* Most energy in a window of an operator's turn, where the window starts or ends with a change.
 * @param[in,out] at  changes before it */
static double most_in(const energy *e, const turn *t, double window, size_t *at)
{
    double last = t->to - window, most = energy_in(e, last, window);
    while (*at < e->n && e->edges[*at].at_ns < t->from)
        ++*at;
    for (size_t i = *at; i < e->n && e->edges[i].at_ns <= t->to; i++) {
        double from = cim_min(e->edges[i].at_ns, last), to = e->edges[i].at_ns;
        most = cim_max(most, energy_in(e, from, window));
        if (to - window >= t->from)
            most = cim_max(most, energy_in(e, to - window, window));
    }
    return most;
}

/* Operators one after another: what each would draw were every window of its time as its highest, and what is
 * above the power cap all the same. */
static bool note_highest(cim_cc_plan *plan, cim_arena *ar, const edge *edges, size_t n,
                         double window, double peak_pj)
{
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw;
    double *pj = cim_arena_take(ar, n + 1, sizeof *pj), *mw = cim_arena_take(ar, n + 1, sizeof *mw);
    const energy e = {.edges = edges, .pj = pj, .mw = mw, .n = n};
    size_t n_turns, at = 0;
    turn *turns = list_turns(plan, ar, &n_turns);
    if (!pj || !mw || !turns)
        return false;
    for (size_t i = 0; i < n; i++) {
        pj[i] = i ? pj[i - 1] + mw[i - 1] * (edges[i].at_ns - edges[i - 1].at_ns) : 0.0;
        mw[i] = (i ? mw[i - 1] : 0.0) + edges[i].mw;
    }
    double peak = window > 0.0 ? cim_max(1.0, peak_pj / (cap * window)) : 1.0;
    double least = 1.0 + plan->blame * (peak - 1.0);
    for (size_t i = 0; i < n && window > 0.0; i++) {
        note_over(plan, &e, turns, n_turns, edges[i].at_ns, window, least);
        note_over(plan, &e, turns, n_turns, edges[i].at_ns - window, window, least);
    }
    for (size_t k = 0; k < n_turns && window > 0.0; k++) {
        double length = turns[k].to - turns[k].from, *drawn = &plan->ops[turns[k].id].drawn_pj;
        if (length > window) /* else it draws its energy, however it does */
            *drawn = cim_max(*drawn, most_in(&e, &turns[k], window, &at) / window * length *
                                         turns[k].parts);
    }
    return true;
}

cim_status cim_cc_pass_power(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    cim_cc_draws d = {0};
    if (!cim_cc_draws_collect(cx, &d))
        return CIM_E_NOMEM;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        plan->ops[i].drawn_pj = d.pj[i];
        plan->ops[i].over_pj = 0.0;
    }
    size_t n;
    double span;
    edge *edges = list_edges(cx->ar, plan, &d, &n, &span);
    if (!edges || !sort_edges(cx->ar, edges, n, span))
        return CIM_E_NOMEM;
    double window = cim_min(plan->chip.step_ns, span);
    plan->peak_at_ns = 0.0;
    plan->peak_instant_mw = plan->chip.leakage_mw;
    double now = plan->chip.leakage_mw;
    for (size_t i = 0; i < n; i++) {
        now += edges[i].mw;
        plan->peak_instant_mw = cim_max(plan->peak_instant_mw, now);
    }
    double pj = window > 0.0 ? find_peak(plan, edges, n, span, window) : 0.0;
    if (plan->one_by_one && !note_highest(plan, cx->ar, edges, n, window, pj))
        return CIM_E_NOMEM;
    peak_rows(plan, &d, window > 0.0 ? window : 1.0, cim_max(pj, 0.0));
    return !cx->want_bound || keep_curve(plan, cx->ar, edges, n) ? CIM_OK : CIM_E_NOMEM;
}
