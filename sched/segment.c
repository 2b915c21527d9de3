/* Pass segment: which operators are on the chip together.
 *
 * Whatever fits in one segment of a non-volatile device stays there: its weights are programmed
 * once in the chip's life and never count. Otherwise the chain of nodes is cut; every segment's
 * weights are written once per run (batch). Cuts are optimal by dynamic programming over cut
 * positions, with the duplicated segment's cost on each edge; an edge is only priced when a lower
 * bound says that it could matter. "greedy" fills segments in order (the CIM-MLC baseline). */
#include "hwspace/base/real.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct prefix {
    double *root_work; /* sum of sqrt(work); work: least units * products * unit_ns of a variant */
    double *work;      /* sum of work */
    double *bits;      /* sum of write_bits */
    int64_t *units;    /* one copy of everything */
    double *path;      /* sum of sqrt(fraction * work) along one path */
    double *digital;   /* digital time up to the node's operator (sequential only) */
    const double *spill; /* of a cut before the node */
} prefix;

typedef struct cuts {
    double *cost;    /* cheapest way to have run nodes [0, i) */
    uint32_t *from;  /* start of the last segment of that way */
    uint32_t *picks; /* scratch picks of the edge being priced */
    prefix sums;
} cuts;

static bool cuts_alloc(cuts *c, cim_arena *ar, uint32_t n)
{
    size_t m = (size_t)n + 1;
    c->cost = cim_arena_take(ar, m, sizeof *c->cost);
    c->from = cim_arena_alloc(ar, m, sizeof *c->from);
    c->picks = cim_arena_alloc(ar, m, sizeof *c->picks);
    c->sums.root_work = cim_arena_alloc(ar, m, sizeof(double));
    c->sums.path = cim_arena_alloc(ar, m, sizeof(double));
    c->sums.work = cim_arena_alloc(ar, m, sizeof(double));
    c->sums.bits = cim_arena_alloc(ar, m, sizeof(double));
    c->sums.digital = cim_arena_alloc(ar, m, sizeof(double));
    c->sums.units = cim_arena_alloc(ar, m, sizeof(int64_t));
    return c->cost && c->from && c->picks && c->sums.root_work && c->sums.path && c->sums.work &&
           c->sums.bits && c->sums.digital && c->sums.units;
}

static double work_of(const cim_cc_plan *plan, const cim_cc_node *n)
{
    double least = INFINITY;
    for (uint32_t v = 0; v < n->n_variants; v++)
        least = fmin(least, (double)n->variants[v].units *
                                cim_cc_copies_pace(plan, &n->variants[v], 1.0).unit_ns);
    return least * (double)plan->prepared->breaks[n->xb]->n;
}

static void prefix_fill(const cim_cc_plan *plan, prefix *p)
{
    cim_cc_op_id op = 0;
    double digital = 0.0;
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        double work = work_of(plan, n);
        for (; op < n->op; op++)
            digital += plan->digital_ns[op];
        p->digital[i] = digital;
        p->root_work[i + 1] = p->root_work[i] + sqrt(work);
        p->work[i + 1] = p->work[i] + work;
        p->bits[i + 1] = p->bits[i] + n->write_bits;
        p->units[i + 1] = p->units[i] + n->units;
    }
    for (; op < plan->graph->n_ops; op++)
        digital += plan->digital_ns[op];
    p->digital[plan->n_nodes] = digital;
}

/* One path through the network along which operators wait for each other, chosen to be long: best[]
 * is the largest sum of sqrt(fraction * work) before an operator starts. An operator in parts counts
 * with its last. prefix.path then sums along it, so that any range knows its stretch of the path. */
static cim_status path_fill(cim_cc_context *cx, prefix *p)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_prepared *pre = plan->prepared;
    double *best = cim_arena_alloc(cx->ar, pre->n_xb, sizeof *best);
    double *term = cim_arena_alloc(cx->ar, pre->n_xb, sizeof *term);
    uint32_t *before = cim_arena_alloc(cx->ar, pre->n_xb, sizeof *before);
    if (!best || !term || !before)
        return CIM_E_NOMEM;
    if (pre->n_xb == 0)
        return CIM_OK;
    for (uint32_t k = 0, i = 0; k < pre->n_xb; k++) {
        before[k] = UINT32_MAX;
        for (; i < pre->n_leads && pre->leads[i].to == k; i++) {
            const cim_cc_lead *l = &pre->leads[i];
            const cim_cc_node *n = &plan->nodes[plan->node_of[pre->xb[l->from]]];
            double with = best[l->from] + sqrt(l->fraction * work_of(plan, n));
            if (with > best[k]) {
                best[k] = with;
                before[k] = i;
            }
        }
    }
    uint32_t end = 0;
    for (uint32_t k = 1; k < pre->n_xb; k++)
        end = best[k] > best[end] ? k : end;
    for (uint32_t k = end; before[k] != UINT32_MAX; k = pre->leads[before[k]].from)
        term[pre->leads[before[k]].from] = best[k] - best[pre->leads[before[k]].from];
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        bool last = n->part + 1 == n->n_parts;
        p->path[i + 1] = p->path[i] + (last ? term[n->xb] : 0.0);
    }
    return CIM_OK;
}

/* Lower bound of a segment's cost in ns. Sum: with real-valued copies k and sum units*k <= budget,
 * sum w/k >= (sum sqrt(units*w))^2 / budget (Cauchy-Schwarz). Pipeline: the bottleneck is at least
 * the total work spread over the budget; and along a path every operator works alone for the fraction
 * of its stage that the next one waits for, so the same inequality holds for the path. */
static double bound_ns(const cim_cc_plan *plan, const prefix *p, uint32_t a, uint32_t b)
{
    double budget = (double)plan->budget,
           reload = (p->bits[b] - p->bits[a]) / plan->chip.offchip_bits_per_ns;
    reload += p->spill[a] / plan->chip.offchip_bits_per_ns;
    double batch = (double)plan->arch.workload.batch, run = 0.0;
    bool duplicates = plan->arch.schedule.level >= CIM_HW_LEVEL_CG;
    if (duplicates && cim_cc_pipelined(plan)) {
        double interval = (p->work[b] - p->work[a]) / budget, path = p->path[b] - p->path[a];
        run = fmax(interval, path * path / budget) + (batch - 1.0) * interval;
    } else if (duplicates) {
        double root = p->root_work[b] - p->root_work[a];
        double digital = p->digital[b] - p->digital[a];
        run = batch * (root * root / budget + digital);
    }
    return plan->overlapped ? fmax(reload, run) : reload + run;
}

/* A segment's cost for the objective: time, or energy that depends on the schedule. */
static double segment_cost(const cim_cc_plan *plan, const cim_cc_range *r, bool writes,
                           double reload, const uint32_t *picks)
{
    double batch = (double)plan->arch.workload.batch, run = cim_cc_range_run_ns(plan, r);
    /* overlapped, a segment's own reload stands for that of its neighbour */
    double time = plan->overlapped && writes ? fmax(reload, run) : reload + run;
    if (plan->arch.schedule.objective == CIM_HW_OBJECTIVE_THROUGHPUT && !writes)
        return batch * r->interval_ns; /* inferences never wait for a reload */
    if (plan->arch.schedule.objective != CIM_HW_OBJECTIVE_ENERGY)
        return time;
    double pj = plan->chip.leakage_mw * time;
    for (uint32_t i = r->first; i < r->end; i++)
        pj += cim_cc_copies_pj(plan, &plan->nodes[i], picks[i], writes);
    return pj;
}

static cim_status price_edge(cim_cc_context *cx, cuts *c, uint32_t a, uint32_t b, double *cost)
{
    cim_cc_range r = {.first = a, .end = b};
    cim_cc_range_ops(cx->plan, &r);
    cim_arena_mark mark = cim_arena_save(cx->ar);
    cx->flow = &cx->plan->prepared->coarse;
    cim_status s = cim_cc_range_duplicate(cx, &r, true, true, c->picks);
    cim_arena_rewind(cx->ar, mark);
    if (s == CIM_OK && !r.timed)
        cim_cc_range_time(cx, &r, c->picks, false);
    cx->flow = &cx->plan->prepared->fine;
    CIM_TRY(s);
    *cost = segment_cost(cx->plan, &r, true, cim_cc_range_reload_ns(cx->plan, a, b), c->picks);
    return CIM_OK;
}

/* Which segment lengths a pipelined network's cuts are compared at: all short ones, then ever fewer,
 * and the longest that fits. Timing a long range costs much, and its neighbours differ little. One
 * operator after another, every length is compared: bounds and sums are cheap there. */
static bool length_compared(const cim_cc_plan *plan, const prefix *p, uint32_t a, uint32_t b)
{
    enum { ALL_UP_TO = 10 };
    uint32_t length = b - a;
    if (!cim_cc_pipelined(plan) || length <= ALL_UP_TO || a == 0 ||
        p->units[b] - p->units[a - 1] > plan->budget)
        return true;
    uint32_t step = ALL_UP_TO;
    while (step < length)
        step += step / 3;
    return step == length;
}

/* Shortest path over cut positions. Starts are tried from the nearest, so that the longest
 * segments, whose bounds are the strongest, come last. */
static cim_status cut_optimal(cim_cc_context *cx, cuts *c)
{
    cim_cc_plan *plan = cx->plan;
    double unit =
        plan->arch.schedule.objective == CIM_HW_OBJECTIVE_ENERGY ? plan->chip.leakage_mw : 1.0;
    c->cost[0] = 0.0;
    for (uint32_t b = 1; b <= plan->n_nodes; b++) {
        c->cost[b] = INFINITY;
        for (uint32_t a = b; a-- > 0;) {
            if (c->sums.units[b] - c->sums.units[a] > plan->budget)
                break;
            if (!length_compared(plan, &c->sums, a, b) ||
                c->cost[a] + unit * bound_ns(plan, &c->sums, a, b) >= c->cost[b])
                continue;
            double cost;
            CIM_TRY(price_edge(cx, c, a, b, &cost));
            if (c->cost[a] + cost < c->cost[b]) {
                c->cost[b] = c->cost[a] + cost;
                c->from[b] = a;
            }
        }
    }
    return CIM_OK;
}

static void cut_greedy(const cim_cc_plan *plan, cuts *c)
{
    uint32_t start = 0;
    for (uint32_t b = 1; b <= plan->n_nodes; b++) {
        if (c->sums.units[b] - c->sums.units[start] > plan->budget)
            start = b - 1;
        c->from[b] = start;
    }
}

/* Prices on the way to the cuts are of coarse streams, a quick start and without contention; segments
 * filled in order are tried as well when they are said to be almost as good. @return false: out of memory */
static bool greedy_is_close(cim_cc_context *cx, cuts *c, const uint32_t *greedy, cim_status *status)
{
    static const double close = 1.05;
    const cim_cc_plan *plan = cx->plan;
    double sum = 0.0, cost;
    *status = CIM_OK;
    for (uint32_t b = plan->n_nodes; b > 0; b = greedy[b]) {
        *status = price_edge(cx, c, greedy[b], b, &cost);
        if (*status != CIM_OK || (sum += cost) > close * c->cost[plan->n_nodes])
            return false;
    }
    return true;
}

void cim_cc_time_reload(cim_cc_plan *plan, uint32_t segment)
{
    cim_cc_segment *s = &plan->segments[segment];
    double cap = cim_cc_write_cap_mw(plan), ev[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    s->reload_ns = cim_cc_kept_reload_ns(plan, s->first_node, s->first_node + s->n_nodes);
    if (isnan(cap))
        return;
    cim_cc_count_reload(plan, segment, ev);
    s->reload_ns = fmax(s->reload_ns, cim_cost_energy(&plan->chip, ev, 0.0, pj) / cap);
}

bool cim_cc_range_time_kept(cim_cc_context *cx, cim_cc_range *r, const uint32_t *picks,
                            int64_t first_unit, bool record)
{
    for (uint32_t k = r->first; k < r->end; k++) {
        cim_cc_node *n = &cx->plan->nodes[k];
        n->pick = picks[k];
        n->first_unit = first_unit;
        first_unit += n->choices[n->pick].weight;
    }
    if (!cim_cc_share_cores(cx, r))
        return false;
    cx->recording = true;
    bool timed = cim_cc_range_time(cx, r, picks, record);
    cx->recording = false;
    return timed;
}

/* Turn the chain of cuts into segments, duplicate each for good (or take the picks as they are) and place
 * them one after another. */
static cim_status build_segments(cim_cc_context *cx, const cuts *c, bool duplicate, uint32_t *picks)
{
    cim_cc_plan *plan = cx->plan;
    uint32_t count = 0;
    for (uint32_t b = plan->n_nodes; b > 0; b = c->from[b])
        count++;
    plan->n_segments = count ? count : 1;
    plan->segments = cim_arena_alloc(cx->ar, plan->n_segments, sizeof *plan->segments);
    if (!plan->segments)
        return CIM_E_NOMEM;
    for (uint32_t b = plan->n_nodes, i = count; b > 0; b = c->from[b])
        plan->segments[--i] = (cim_cc_segment){.first_node = c->from[b], .n_nodes = b - c->from[b]};
    bool writes = plan->n_segments > 1;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_segment *s = &plan->segments[i];
        cim_cc_range r = {.first = s->first_node, .end = s->first_node + s->n_nodes};
        cim_cc_range_ops(plan, &r);
        if (duplicate)
            CIM_TRY(cim_cc_range_duplicate(cx, &r, writes, false, picks));
        if (!cim_cc_range_time_kept(cx, &r, picks, plan->overlapped && i % 2 ? plan->budget : 0,
                                    true))
            return CIM_E_NOMEM;
        s->first_op = r.first_op;
        s->end_op = r.end_op;
        s->latency_ns = r.latency_ns;
        s->interval_ns = r.interval_ns;
        s->bound_ns = r.bound_ns;
        s->contended = r.contended;
        s->reload_ns = 0.0;
        for (uint32_t k = r.first; k < r.end; k++) {
            const cim_cc_node *n = &plan->nodes[k];
            plan->nodes[k].segment = i;
            s->units_used += n->choices[picks[k]].weight;
            if (writes)
                s->write_pj += n->write_pj * (double)n->choice_copies[picks[k]];
        }
        if (writes)
            cim_cc_time_reload(plan, i);
    }
    cim_cc_chain_segments(plan);
    return CIM_OK;
}

/* Absolute operator times; an operator in parts runs from its first part to its last. */
static void place_operators(cim_cc_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const cim_cc_segment *s = &plan->segments[i];
        for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
            plan->ops[id].segment = i;
            if (plan->node_of[id] == UINT32_MAX) {
                plan->ops[id].start_ns += s->start_ns;
                plan->ops[id].end_ns += s->start_ns;
            }
        }
    }
    for (uint32_t k = 0; k < plan->n_nodes; k++) {
        const cim_cc_node *n = &plan->nodes[k];
        const cim_cc_segment *s = &plan->segments[n->segment];
        cim_cc_op_plan *o = &plan->ops[n->op];
        double stage = n->choices[n->pick].cost;
        const cim_cc_variant *v = cim_cc_node_picked(n);
        cim_cc_pace p = cim_cc_copies_pace(plan, v, (double)n->choice_copies[n->pick]);
        double rest = v->before_ns + p.fill_ns, products = (double)plan->prepared->breaks[n->xb]->n;
        double own = ceil(products / (double)n->choice_copies[n->pick]) * p.unit_ns + rest;
        double slow = cim_cc_slow(plan, n->op, n);
        own *= slow;
        rest *= slow;
        o->limit = own >= stage * (1.0 - 1e-12) || n->floor_ns <= 0.0 ? p.limit : n->limit_floor;
        if (slow * v->before_ns > stage - rest)
            o->limit = CIM_CC_LIMIT_WRITE;
        if (slow > 1.0)
            o->limit = CIM_CC_LIMIT_POWER;
        if (n->n_parts == 1) {
            o->stage_ns = stage;
            o->start_ns += s->start_ns;
            o->end_ns += s->start_ns;
            continue;
        }
        if (n->part == 0)
            o->stage_ns = 0.0;
        o->stage_ns += stage;
    }
    cim_cc_parts_time(plan);
}

void cim_cc_parts_time(cim_cc_plan *plan)
{
    for (uint32_t k = 0; k < plan->n_nodes; k++) {
        const cim_cc_node *n = &plan->nodes[k];
        const cim_cc_segment *s = &plan->segments[n->segment];
        cim_cc_op_plan *o = &plan->ops[n->op];
        if (n->n_parts == 1)
            continue;
        if (n->part == 0)
            o->start_ns = s->start_ns;
        if (n->part + 1 == n->n_parts)
            o->end_ns = s->start_ns + cim_min(plan->slow * n->choices[n->pick].cost, s->latency_ns);
    }
}

/* Cuts for the objective that the plan's schedule names. */
static cim_status cut(cim_cc_context *cx, cuts *c)
{
    cim_cc_plan *plan = cx->plan;
    bool fits = c->sums.units[plan->n_nodes] <= plan->budget;
    bool stays = plan->arch.device.type != CIM_HW_DEVICE_SRAM;
    if (plan->arch.schedule.segmentation == CIM_HW_SEGMENTATION_GREEDY || (fits && stays))
        cut_greedy(plan, c);
    else
        CIM_TRY(cut_optimal(cx, c));
    if (fits && c->from[plan->n_nodes] != 0) {
        /* SRAM that fits: cutting only if it beats staying, which writes nothing per run */
        cim_cc_range r = {.first = 0, .end = plan->n_nodes};
        cim_cc_range_ops(plan, &r);
        CIM_TRY(cim_cc_range_duplicate(cx, &r, false, false, c->picks));
        cim_cc_range_time(cx, &r, c->picks, false);
        if (segment_cost(plan, &r, false, 0.0, c->picks) <= c->cost[plan->n_nodes])
            c->from[plan->n_nodes] = 0;
    }
    return CIM_OK;
}

/* Energy times time of the run as built. */
static double run_edp(const cim_cc_plan *plan)
{
    double ev[CIM_COST_N_EVENTS], rows[CIM_COST_N_KINDS];
    double pj = plan->chip.leakage_mw * plan->latency_ns;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        pj += (double)plan->arch.workload.batch * plan->ops[i].expect_pj;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_count_reload(plan, i, ev);
        pj += cim_cost_energy(&plan->chip, ev, 0.0, rows);
    }
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        pj += cim_cc_copies_pj(plan, &plan->nodes[i], plan->nodes[i].pick, false);
    return pj * plan->latency_ns;
}

/* The product of two sums over segments is no sum over segments: the cuts that serve time and those
 * that serve energy, with copies for the same or for each segment's own product; the best is kept. */
static cim_status build_for_edp(cim_cc_context *cx, cuts *c, uint32_t *picks)
{
    static const int64_t cut_for[] = {CIM_HW_OBJECTIVE_LATENCY, CIM_HW_OBJECTIVE_ENERGY};
    int64_t *objective = &cx->plan->arch.schedule.objective, best = CIM_HW_OBJECTIVE_EDP;
    size_t n = (size_t)cx->plan->n_nodes + 1;
    uint32_t *from = cim_arena_alloc(cx->ar, n, sizeof *from);
    double least = INFINITY;
    cim_status s = from ? CIM_OK : CIM_E_NOMEM;
    for (size_t i = 0; i < 4 && s == CIM_OK; i++) {
        *objective = cut_for[i / 2];
        if (i % 2 == 0)
            s = cut(cx, c);
        else
            *objective = CIM_HW_OBJECTIVE_EDP;
        if (s == CIM_OK)
            s = build_segments(cx, c, true, picks);
        if (s != CIM_OK || !(run_edp(cx->plan) < least))
            continue;
        least = run_edp(cx->plan);
        best = *objective;
        memcpy(from, c->from, n * sizeof *from);
    }
    *objective = best;
    if (s == CIM_OK && isfinite(least)) {
        memcpy(c->from, from, n * sizeof *from);
        s = build_segments(cx, c, true, picks);
    }
    *objective = CIM_HW_OBJECTIVE_EDP;
    return s;
}

/* Whether it is worth to build segments filled in order beside those of c->from. */
static bool try_greedy(cim_cc_context *cx, cuts *c, uint32_t *greedy, cim_status *status)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_hw_schedule *s = &plan->arch.schedule;
    bool timed =
        s->objective == CIM_HW_OBJECTIVE_LATENCY || s->objective == CIM_HW_OBJECTIVE_THROUGHPUT;
    size_t n = (size_t)plan->n_nodes + 1;
    *status = CIM_OK;
    if (plan->n_nodes == 0 || c->from[plan->n_nodes] == 0 || !timed || !cim_cc_pipelined(plan) ||
        s->segmentation == CIM_HW_SEGMENTATION_GREEDY)
        return false;
    cuts other = {.from = greedy, .sums = c->sums};
    cut_greedy(plan, &other);
    return memcmp(greedy, c->from, n * sizeof *greedy) != 0 &&
           greedy_is_close(cx, c, greedy, status);
}

/* Cuts for the objective and, where time counts, those filled in order; the better is kept. */
static cim_status build_best(cim_cc_context *cx, cuts *c, uint32_t *picks)
{
    size_t n = (size_t)cx->plan->n_nodes + 1;
    cim_status status;
    cuts greedy = *c;
    uint32_t *other = cim_arena_take(cx->ar, n, sizeof *other);
    greedy.from = cim_arena_alloc(cx->ar, n, sizeof *greedy.from);
    if (!other || !greedy.from)
        return CIM_E_NOMEM;
    CIM_TRY(cut(cx, c));
    const double *timed = cx->plan->arch.schedule.objective == CIM_HW_OBJECTIVE_LATENCY
                              ? &cx->plan->latency_ns
                              : &cx->plan->interval_ns;
    bool both = try_greedy(cx, c, greedy.from, &status);
    CIM_TRY(status);
    if (!both)
        return build_segments(cx, c, true, picks);
    CIM_TRY(build_segments(cx, &greedy, true, other));
    double greedy_ns = *timed;
    CIM_TRY(build_segments(cx, c, true, picks));
    return *timed <= greedy_ns ? CIM_OK : build_segments(cx, &greedy, false, other);
}

bool cim_cc_pass_segment(cim_cc_context *cx, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    cuts c = {0};
    uint32_t *picks = cim_arena_alloc(cx->ar, (size_t)plan->n_nodes + 1, sizeof *picks);
    if (!picks || !cuts_alloc(&c, cx->ar, plan->n_nodes)) {
        *status = CIM_E_NOMEM;
        return false;
    }
    c.sums.spill = plan->spill_bits;
    prefix_fill(plan, &c.sums);
    if ((*status = path_fill(cx, &c.sums)) != CIM_OK)
        return false;
    bool stays =
        c.sums.units[plan->n_nodes] <= plan->budget && plan->arch.device.type != CIM_HW_DEVICE_SRAM;
    if (cx->given_from) {
        memcpy(c.from, cx->given_from, ((size_t)plan->n_nodes + 1) * sizeof *c.from);
        memcpy(picks, cx->given_picks, plan->n_nodes * sizeof *picks);
        *status = build_segments(cx, &c, false, picks);
    } else if (plan->arch.schedule.objective == CIM_HW_OBJECTIVE_EDP && !stays)
        *status = build_for_edp(cx, &c, picks);
    else
        *status = build_best(cx, &c, picks);
    if (*status != CIM_OK)
        return false;
    place_operators(plan);
    return true;
}
