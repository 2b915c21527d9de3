/* Pass duplicate for pipelines.
 *
 * Throughput: the largest stage, exact; then the least sum of stages that keeps it, or, where segments
 * run one after another, the least time of the segment that keeps it.
 *
 * Latency (and energy, EDP) of a pipeline on a DAG is the largest of very many sums, one per path
 * through (operator, product): latency(copies) = max over paths of constant + sum over operators of
 * ceil(products / copies) rounds. That is solved as a game between paths and copies (fictitious play,
 * Brown 1951): copies answer the average of the critical paths so far with a knapsack, the schedule
 * answers with the critical path of those copies. The best schedule seen is kept. An average of paths
 * never exceeds the largest, so the knapsack's optimum over it bounds the latency of every
 * duplication from below: the gap is known. Start: least bottleneck, then fill under a few bottleneck
 * limits. End: exchanges of units between two operators while they help.
 *
 * All of that is timed as if nobody waited for what is shared (ALUs, global buffer, off-chip link, a
 * core's resources). Where that matters, a shortlist of copies is then timed as they would be kept, and
 * exchanges go on from the best. */
#include "sched/pipeline.h"

#include <math.h>
#include <string.h>

/* Work is bounded in timed steps, so that small networks are searched harder and large ones keep the
 * search's pace. ROUNDS_BOUND only tightens the bound of a plan that someone looks at: the copies
 * are the same as in a search. */
enum { LEAST_ROUNDS = 0, MOST_ROUNDS = 40, ROUND_STEPS = 4000, ROUNDS_BOUND = 60 };
enum { LEAST_TRIALS = 0, MOST_TRIALS = 200, TRIAL_STEPS = 4000 };
enum { ALL_STEPS = 200000, ALL_KEPT_STEPS = 40000 };
enum { SHORTLIST = 3, MOST_KEPT = 26, KEPT_STEPS = 12000, CONTENDED_STEPS = 45000 };
/* Copies are not compared as they would be kept where that prolongs the best of them by less. */
static const double ignored = 0.001;
/* Every operator keeps a little weight so that units no path asks for are still used. */
static const double least_share = 0.01;

/* What the average path asks of an operator: on a share `weight` of the paths, `products` of its
 * products follow each other on one copy. */
enum { MOST_RUNS = 12 };
typedef struct run {
    double products, weight;
} run;
typedef struct demand {
    run runs[MOST_RUNS];
    uint32_t n;
} demand;

/* Copies on the shortlist: the best without contention; of equals, where shared resources limit, those
 * that are fastest without them. */
typedef struct entry {
    uint32_t *picks; /* of the range */
    double score, alone_ns;
} entry;

typedef struct game {
    entry list[SHORTLIST];
    uint32_t n_list;
    demand *average;   /* average path, per node of the range */
    double *path;      /* products on the critical path of the last timing */
    double *best_path; /* of the best copies */
    double constant, path_constant, best_constant;
    double slowest; /* weight of the interval: batch - 1 */
    double limit;   /* no stage may be slower */
    bool writes;    /* weights are programmed once per run */
    cim_cc_class *weighted;
    cim_cc_choice **room; /* per node: space for its weighted choices */
    uint32_t **from;      /* per node: the choice that each of them stands for */
    uint32_t *chosen;
    double best;
    int trials;     /* timings as kept that are left */
    double kept_ns; /* latency of the best copies when kept */
} game;

static bool game_alloc(game *g, const cim_cc_context *cx, const cim_cc_range *r)
{
    uint32_t n = r->end - r->first;
    size_t choices = 0;
    for (uint32_t i = r->first; i < r->end; i++)
        choices += cx->plan->nodes[i].n_choices;
    g->average = cim_arena_take(cx->ar, n, sizeof *g->average);
    g->path = cim_arena_alloc(cx->ar, n, sizeof *g->path);
    g->best_path = cim_arena_alloc(cx->ar, n, sizeof *g->best_path);
    g->weighted = cim_arena_take(cx->ar, n, sizeof *g->weighted);
    g->room = cim_arena_take(cx->ar, n, sizeof *g->room);
    g->from = cim_arena_take(cx->ar, n, sizeof *g->from);
    g->chosen = cim_arena_take(cx->ar, n, sizeof *g->chosen);
    cim_cc_choice *room = cim_arena_take(cx->ar, choices, sizeof *room);
    uint32_t *from = cim_arena_take(cx->ar, choices, sizeof *from);
    g->best = g->limit = INFINITY;
    g->slowest = (double)(cx->plan->arch.workload.batch - 1);
    for (int i = 0; i < SHORTLIST; i++)
        if (!(g->list[i].picks = cim_arena_take(cx->ar, n, sizeof(uint32_t))))
            return false;
    if (!g->average || !g->path || !g->best_path || !g->weighted || !g->room || !g->from ||
        !g->chosen || !room || !from)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        g->average[i].n = 0;
        g->room[i] = room;
        g->from[i] = from;
        room += cx->plan->nodes[r->first + i].n_choices;
        from += cx->plan->nodes[r->first + i].n_choices;
    }
    return true;
}

static void demand_fade(demand *d, double step)
{
    for (uint32_t i = 0; i < d->n; i++)
        d->runs[i].weight *= 1.0 - step;
}

/* What finds no room is dropped: a demand that is too small still bounds from below. */
static void demand_add(demand *d, double products, double weight)
{
    uint32_t least = 0;
    if (!(products > 0.0) || !(weight > 0.0))
        return;
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->runs[i].products == products) {
            d->runs[i].weight += weight;
            return;
        }
        if (d->runs[i].weight < d->runs[least].weight)
            least = i;
    }
    if (d->n < MOST_RUNS)
        d->runs[d->n++] = (run){.products = products, .weight = weight};
    else if (weight > d->runs[least].weight)
        d->runs[least] = (run){.products = products, .weight = weight};
}

/* What a choice costs the average path. */
static double demand_ns(const demand *d, const cim_cc_node *n, uint32_t choice)
{
    const cim_cc_variant *v = cim_cc_node_variant(n, choice);
    double sum = 0.0, per_copy = (1.0 - 1e-14) / (double)n->choice_copies[choice];
    for (uint32_t i = 0; i < d->n; i++) { /* a hair less than exact where the division rounds up */
        double rounds = d->runs[i].products * per_copy, whole = (double)(int64_t)rounds;
        whole += whole < rounds ? 1.0 : 0.0;
        sum += d->runs[i].weight * (whole * v->unit_ns + v->fill_ns);
    }
    return sum;
}

/* Choices no slower than `limit`, at what they cost the average path and `least` of the stage's time;
 * with least = 0 a node that no path touches has only its lightest choice, which costs nothing. With
 * programming, each copy's energy is added in units of leakage time. */
static void weigh(const cim_cc_context *cx, const cim_cc_range *r, game *g, double limit,
                  double least, double ns_per_write_pj)
{
    for (uint32_t i = 0; i < r->end - r->first; i++) {
        const cim_cc_node *n = &cx->plan->nodes[r->first + i];
        uint32_t lo = 0, hi = n->n_choices - 1, kept = 0;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (n->choices[mid].cost <= limit)
                hi = mid;
            else
                lo = mid + 1;
        }
        double write = cim_cc_copies_pj(cx->plan, n, lo, g->writes) * ns_per_write_pj /
                       (double)n->choice_copies[lo];
        bool idle = g->average[i].n == 0 && !(least > 0.0) && !(write > 0.0);
        for (uint32_t j = lo; j < n->n_choices; j++) {
            double cost = demand_ns(&g->average[i], n, j) + least * n->choices[j].cost +
                          write * (double)n->choice_copies[j];
            if (kept && !(cost < g->room[i][kept - 1].cost))
                continue; /* heavier and no better */
            g->from[i][kept] = j;
            g->room[i][kept++] = (cim_cc_choice){.cost = cost, .weight = n->choices[j].weight};
            if (idle)
                break;
        }
        g->weighted[i] = (cim_cc_class){.choices = g->room[i], .n = kept};
    }
}

static bool ahead_of(const entry *a, const entry *b)
{
    return a->score != b->score ? a->score < b->score : a->alone_ns < b->alone_ns;
}

static void shortlist(game *g, const cim_cc_range *r, const uint32_t *picks, double score)
{
    entry e = {.score = score, .alone_ns = r->alone_ns};
    uint32_t i = g->n_list;
    for (uint32_t k = 0; k < g->n_list; k++)
        if (g->list[k].score == e.score && g->list[k].alone_ns == e.alone_ns)
            return; /* most likely the same copies */
    if (i == SHORTLIST && !ahead_of(&e, &g->list[i - 1]))
        return;
    if (i < SHORTLIST)
        g->n_list++;
    else
        i--;
    e.picks = g->list[i].picks;
    for (; i > 0 && ahead_of(&e, &g->list[i - 1]); i--)
        g->list[i] = g->list[i - 1];
    g->list[i] = e;
    memcpy(e.picks, picks + r->first, (r->end - r->first) * sizeof *picks);
}

/* Solve the weighted knapsack and time its copies (cx->trial); when they are the best so far they
 * go to picks, unless picks is NULL. */
static cim_status answer(cim_cc_context *cx, cim_cc_range *r, game *g, double limit,
                         double ns_per_write_pj, bool writes, uint32_t *picks)
{
    uint32_t n = r->end - r->first, *first = cx->trial + r->first;
    double bound;
    bool fits;
    weigh(cx, r, g, fmin(limit, g->limit), least_share, ns_per_write_pj);
    cim_arena_mark mark = cim_arena_save(cx->ar);
    CIM_TRY(cim_cc_knapsack_greedy(g->weighted, n, cim_cc_range_budget(cx->plan, r), cx->ar,
                                   g->chosen, &bound, &fits));
    cim_arena_rewind(cx->ar, mark);
    if (!fits)
        return CIM_OK;
    for (uint32_t i = 0; i < n; i++)
        first[i] = g->from[i][g->chosen[i]];
    cim_cc_range_time(cx, r, cx->trial, false);
    double score = cim_cc_range_score(cx->plan, r, writes, cx->trial);
    if (picks)
        shortlist(g, r, cx->trial, score);
    if (picks && score < g->best) {
        g->best = score;
        memcpy(picks + r->first, first, n * sizeof *picks);
        cim_cc_critical_path(cx, r, cx->trial, g->best_path, &g->best_constant);
    }
    return CIM_OK;
}

/* Move the average a step towards a critical path. With a batch, the slowest stage counts once more
 * per further inference. */
static void learn(const cim_cc_context *cx, const cim_cc_range *r, game *g, const uint32_t *picks,
                  const double *path, double constant, double step)
{
    uint32_t n = r->end - r->first, slowest = 0;
    double longest = -1.0;
    for (uint32_t i = 0; i < n && g->slowest > 0.0; i++) {
        const cim_cc_node *node = &cx->plan->nodes[r->first + i];
        uint32_t pick = picks[i + r->first];
        double occupancy = node->choices[pick].cost - cim_cc_node_variant(node, pick)->fill_ns;
        if (occupancy > longest) {
            longest = occupancy;
            slowest = i;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        demand_fade(&g->average[i], step);
        demand_add(&g->average[i], path[i], step);
    }
    if (longest > 0.0) {
        uint32_t xb = cx->plan->nodes[r->first + slowest].xb;
        demand_add(&g->average[slowest], (double)cx->plan->prepared->breaks[xb]->n,
                   g->slowest * step);
    }
    g->constant += step * (constant - g->constant);
}

/* Lower bound of the latency over all duplications from the average path. */
static cim_status bound_of(cim_cc_context *cx, const cim_cc_range *r, game *g, double *out)
{
    uint32_t n = r->end - r->first;
    double bound = 0.0;
    bool fits;
    weigh(cx, r, g, INFINITY, 0.0, 0.0);
    cim_arena_mark mark = cim_arena_save(cx->ar);
    CIM_TRY(cim_cc_knapsack_greedy(g->weighted, n, cim_cc_range_budget(cx->plan, r), cx->ar,
                                   g->chosen, &bound, &fits));
    cim_arena_rewind(cx->ar, mark);
    *out = fmax(*out, g->constant + bound);
    return CIM_OK;
}

/* Fill under bottleneck limits: every stage weighted with the fraction its consumers wait for. */
static cim_status start(cim_cc_context *cx, cim_cc_range *r, game *g, double bottleneck,
                        double ns_per_write_pj, bool writes, bool quick, uint32_t *picks)
{
    static const double limits[] = {1.12,
                                    1.0}; /* wider ones hardly ever won on the built-in networks */
    for (uint32_t i = r->first; i < r->end; i++) {
        const cim_cc_node *node = &cx->plan->nodes[i];
        double n = (double)cx->plan->prepared->breaks[node->xb]->n;
        g->average[i - r->first].n = 0;
        demand_add(&g->average[i - r->first], ceil(cx->plan->prepared->fill[node->op] * n), 1.0);
    }
    for (size_t i = 0; i < (quick ? 1 : sizeof limits / sizeof *limits); i++)
        CIM_TRY(answer(cx, r, g, bottleneck * limits[i], ns_per_write_pj, writes, picks));
    return CIM_OK;
}

/* How often the range can be timed within a number of steps. */
static int times_affordable(const cim_cc_context *cx, const cim_cc_range *r, int steps, int least,
                            int most)
{
    int64_t once = 1;
    for (cim_cc_op_id id = r->first_op; id < r->end_op; id++)
        once += cx->flow->stream[id].steps;
    int64_t effort = cx->plan->arch.schedule.effort, times = (int64_t)steps * effort / once;
    return times < least ? least : times > most * effort ? most * (int)effort : (int)times;
}

/* ---- polish: exchange units between two operators ------------------------------------------------ */

typedef struct exchange {
    uint32_t up, down; /* nodes; down = up when the spare units suffice */
    uint32_t up_pick, down_pick;
} exchange;

/* An operator's part of the critical path with another choice. */
static double path_ns(const cim_cc_plan *plan, uint32_t node, uint32_t pick, double products)
{
    const cim_cc_node *n = &plan->nodes[node];
    const cim_cc_variant *v = cim_cc_node_variant(n, pick);
    if (!(products > 0.0))
        return 0.0;
    return ceil(products / (double)n->choice_copies[pick]) * v->unit_ns + v->fill_ns;
}

static double stage_of(const cim_cc_plan *plan, uint32_t node, uint32_t pick)
{
    return plan->nodes[node].choices[pick].cost;
}

static int64_t weight_of(const cim_cc_plan *plan, uint32_t node, uint32_t pick)
{
    return plan->nodes[node].choices[pick].weight;
}

/* The operator that gives up `need` units with the least harm to the critical path. */
static bool find_donor(const cim_cc_context *cx, const cim_cc_range *r, const game *g,
                       const uint32_t *picks, int64_t need, exchange *x)
{
    double least = INFINITY;
    for (uint32_t d = r->first; d < r->end; d++) {
        if (d == x->up || picks[d] == 0)
            continue;
        uint32_t q = picks[d];
        while (q > 0 && weight_of(cx->plan, d, picks[d]) - weight_of(cx->plan, d, q) < need)
            q--;
        if (weight_of(cx->plan, d, picks[d]) - weight_of(cx->plan, d, q) < need ||
            stage_of(cx->plan, d, q) > g->limit)
            continue;
        double on_path = g->path[d - r->first];
        double harm = path_ns(cx->plan, d, q, on_path) - path_ns(cx->plan, d, picks[d], on_path) +
                      1e-3 * (stage_of(cx->plan, d, q) - stage_of(cx->plan, d, picks[d]));
        if (harm < least) {
            least = harm;
            x->down = d;
            x->down_pick = q;
        }
    }
    return isfinite(least);
}

/* The untried step up that promises most per unit, paid from spare units or by a donor. */
static bool find_exchange(const cim_cc_context *cx, const cim_cc_range *r, const game *g,
                          const uint32_t *picks, int64_t spare, const uint8_t *tried, exchange *x)
{
    double best = 0.0;
    for (uint32_t i = r->first; i < r->end; i++) {
        double on_path = g->path[i - r->first], now = path_ns(cx->plan, i, picks[i], on_path);
        if (tried[i - r->first] || !(on_path > 0.0))
            continue;
        uint32_t j = picks[i] + 1, n = cx->plan->nodes[i].n_choices;
        while (j < n && !(path_ns(cx->plan, i, j, on_path) < now * (1.0 - 1e-12)))
            j++; /* copies that do not shorten the path */
        if (j < n && now - path_ns(cx->plan, i, j, on_path) > best) {
            best = now - path_ns(cx->plan, i, j, on_path);
            x->up = i;
            x->up_pick = j;
        }
    }
    if (!(best > 0.0))
        return false;
    int64_t need =
        weight_of(cx->plan, x->up, x->up_pick) - weight_of(cx->plan, x->up, picks[x->up]) - spare;
    x->down = x->up;
    if (need > 0 && !find_donor(cx, r, g, picks, need, x))
        x->down = UINT32_MAX;
    return true;
}

static void apply(const exchange *x, uint32_t *picks)
{
    picks[x->up] = x->up_pick;
    if (x->down != x->up)
        picks[x->down] = x->down_pick;
}

/* Score of copies, as they would be when kept (with contention and shared cores) or alone.
 * @return INFINITY: out of memory */
static double score_of(cim_cc_context *cx, cim_cc_range *r, bool writes, bool kept,
                       const uint32_t *picks)
{
    bool timed = kept ? cim_cc_range_time_kept(cx, r, picks, 0, false)
                      : cim_cc_range_time(cx, r, picks, false);
    if (!timed)
        return INFINITY;
    return cim_cc_range_score(cx->plan, r, writes, picks);
}

/* Hill climbing from the best copies known and their critical path (g->path), bounded in work. */
static cim_status polish(cim_cc_context *cx, cim_cc_range *r, game *g, bool writes, bool kept,
                         int trials, uint32_t *picks)
{
    cim_cc_plan *plan = cx->plan;
    uint32_t n = r->end - r->first;
    uint8_t *tried = cim_arena_alloc(cx->ar, n, 1);
    if (!tried)
        return CIM_E_NOMEM;
    int64_t spare = cim_cc_range_budget(plan, r);
    for (uint32_t i = r->first; i < r->end; i++)
        spare -= weight_of(plan, i, picks[i]);
    exchange x = {0};
    while (trials-- > 0 && find_exchange(cx, r, g, picks, spare, tried, &x)) {
        tried[x.up - r->first] = 1;
        if (x.down == UINT32_MAX)
            continue;
        memcpy(cx->trial + r->first, picks + r->first, n * sizeof *picks);
        apply(&x, cx->trial);
        double score = score_of(cx, r, writes, kept, cx->trial);
        if (!kept)
            shortlist(g, r, cx->trial, score);
        if (!(score < g->best))
            continue;
        g->best = score;
        for (uint32_t i = r->first; i < r->end; i++)
            spare += weight_of(plan, i, picks[i]) - weight_of(plan, i, cx->trial[i]);
        memcpy(picks + r->first, cx->trial + r->first, n * sizeof *picks);
        if (kept) /* the path is that of the copies alone */
            cim_cc_range_time(cx, r, picks, false);
        cim_cc_critical_path(cx, r, picks, g->path, &g->path_constant);
        memset(tried, 0, n);
    }
    return CIM_OK;
}

/* ---- all copies of a small network ---------------------------------------------------------------- */

/* Every combination from node `at` on, heavier ones later. */
static void try_all(cim_cc_context *cx, cim_cc_range *r, game *g, bool writes, bool kept,
                    uint32_t at, int64_t spare, uint32_t *picks)
{
    const cim_cc_node *n = &cx->plan->nodes[at];
    if (at == r->end) {
        double score = score_of(cx, r, writes, kept, cx->trial);
        if (score < g->best) {
            g->best = score;
            memcpy(picks + r->first, cx->trial + r->first, (r->end - r->first) * sizeof *picks);
        }
        return;
    }
    for (uint32_t j = 0; j < n->n_choices && n->choices[j].weight <= spare; j++) {
        if (n->choices[j].cost > g->limit)
            continue;
        cx->trial[at] = j;
        try_all(cx, r, g, writes, kept, at + 1, spare - n->choices[j].weight, picks);
    }
}

/* Whether all combinations can be timed within the work that larger networks are given. */
static bool few_combinations(const cim_cc_context *cx, const cim_cc_range *r, int steps)
{
    double combinations = 1.0;
    for (uint32_t i = r->first; i < r->end; i++)
        combinations *= cx->plan->nodes[i].n_choices;
    return combinations <= times_affordable(cx, r, steps, 0, steps);
}

/* ---- as kept: with contention and shared cores ------------------------------------------------------------------------------- */

/* Time cx->trial as it would be kept, if there is any waiting left to avoid; the better goes to picks. */
static void try_kept(cim_cc_context *cx, cim_cc_range *r, game *g, bool writes, uint32_t *picks)
{
    if (g->trials-- <= 0 || !(g->kept_ns > r->shared_ns))
        return;
    double score = score_of(cx, r, writes, true, cx->trial);
    if (score < g->best) {
        g->best = score;
        g->kept_ns = r->latency_ns;
        memcpy(picks + r->first, cx->trial + r->first, (r->end - r->first) * sizeof *picks);
    }
}

/* Spare units to the slowest operator, as long as it can use them. */
static void speed_slowest(const cim_cc_plan *plan, const cim_cc_range *r, uint32_t *picks)
{
    int64_t spare = cim_cc_range_budget(plan, r);
    for (uint32_t i = r->first; i < r->end; i++)
        spare -= weight_of(plan, i, picks[i]);
    for (;;) {
        uint32_t slowest = r->first;
        for (uint32_t i = r->first + 1; i < r->end; i++)
            if (stage_of(plan, i, picks[i]) > stage_of(plan, slowest, picks[slowest]))
                slowest = i;
        uint32_t next = picks[slowest] + 1;
        if (next >= plan->nodes[slowest].n_choices)
            return;
        int64_t need = weight_of(plan, slowest, next) - weight_of(plan, slowest, next - 1);
        if (need > spare)
            return;
        spare -= need;
        picks[slowest] = next;
    }
}

/* Copies that matter little to a pipeline alone spread its traffic differently: no more than the least
 * bottleneck needs; the least sum of stages. */
static cim_status try_extremes(cim_cc_context *cx, cim_cc_range *r, game *g, bool writes,
                               uint32_t *picks)
{
    uint32_t n = cim_cc_stage_classes(cx, r), *first = cx->trial + r->first;
    int64_t budget = cim_cc_range_budget(cx->plan, r);
    double bound;
    bool fits;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    cim_cc_knapsack_min_max(cx->classes, n, budget, 0.0, first);
    speed_slowest(cx->plan, r, cx->trial);
    try_kept(cx, r, g, writes, picks);
    cim_cc_stage_classes(cx, r);
    CIM_TRY(cim_cc_knapsack_greedy(cx->classes, n, budget, cx->ar, first, &bound, &fits));
    cim_arena_rewind(cx->ar, mark);
    if (fits)
        try_kept(cx, r, g, writes, picks);
    return CIM_OK;
}

/* Copies for the schedule that counts: the shortlist and the extremes as kept, then exchanges. */
static cim_status settle(cim_cc_context *cx, cim_cc_range *r, game *g, bool writes, uint32_t *picks)
{
    uint32_t n = r->end - r->first;
    const cim_cc_plan *plan = cx->plan;
    bool share = !plan->units_are_cores && plan->arch.core.crossbars > 1;
    cim_cc_range_time(cx, r, picks, false);
    bool contends = cim_cc_range_contends(r);
    if (!contends && !share)
        return CIM_OK;
    /* segments of a network that is cut share the work */
    int steps = contends && !writes ? CONTENDED_STEPS : KEPT_STEPS;
    g->trials = times_affordable(cx, r, steps, 0, MOST_KEPT);
    bool few = few_combinations(cx, r, ALL_KEPT_STEPS);
    if (!few && g->trials-- == 0)
        return CIM_OK;
    double alone = r->latency_ns;
    shortlist(g, r, picks, cim_cc_range_score(plan, r, writes, picks));
    g->best = score_of(cx, r, writes, true, picks);
    g->kept_ns = r->latency_ns;
    if (few)
        try_all(cx, r, g, writes, true, r->first, cim_cc_range_budget(plan, r), picks);
    if (few || g->kept_ns <= alone * (1.0 + ignored))
        return CIM_OK;
    for (uint32_t k = 0; k < g->n_list; k++) {
        memcpy(cx->trial + r->first, g->list[k].picks, n * sizeof *picks);
        if (memcmp(cx->trial + r->first, picks + r->first, n * sizeof *picks) != 0)
            try_kept(cx, r, g, writes, picks);
    }
    CIM_TRY(try_extremes(cx, r, g, writes, picks));
    if (!(g->kept_ns > r->shared_ns) || g->trials <= 0)
        return CIM_OK;
    cim_cc_range_time(cx, r, picks, false);
    cim_cc_critical_path(cx, r, picks, g->path, &g->path_constant);
    return polish(cx, r, g, writes, true, g->trials, picks);
}

static cim_status play(cim_cc_context *cx, cim_cc_range *r, bool writes, double ns_per_write_pj,
                       bool quick, game *g, uint32_t *picks)
{
    uint32_t n = cim_cc_stage_classes(cx, r);
    cim_arena_mark mark = cim_arena_save(cx->ar);
    double bottleneck = cim_cc_knapsack_min_max(cx->classes, n, cim_cc_range_budget(cx->plan, r),
                                                quick ? 0.02 : 0.0, g->chosen);
    cim_arena_rewind(cx->ar, mark);
    CIM_TRY(start(cx, r, g, bottleneck, ns_per_write_pj, writes, quick, picks));
    if (quick) { /* one answer was timed; whether it was taken */
        r->timed = !memcmp(picks + r->first, cx->trial + r->first, n * sizeof *picks);
        r->bound_ns = 0.0;
        return CIM_OK;
    }
    /* the average starts from the best start's path */
    g->constant = 0.0;
    learn(cx, r, g, picks, g->best_path, g->best_constant, 1.0);
    /* with a batch, paths bound the run, not the latency */
    bool bounding = cx->want_bound && !writes && g->slowest <= 0.0;
    int counted = times_affordable(cx, r, ROUND_STEPS, LEAST_ROUNDS, MOST_ROUNDS);
    int rounds = bounding && counted < ROUNDS_BOUND ? ROUNDS_BOUND : counted;
    r->bound_ns = bounding ? fmax(bottleneck, r->shared_ns) : 0.0;
    for (int k = 1; k <= rounds; k++) {
        if (bounding)
            CIM_TRY(bound_of(cx, r, g, &r->bound_ns));
        CIM_TRY(answer(cx, r, g, INFINITY, ns_per_write_pj, writes, k <= counted ? picks : NULL));
        cim_cc_critical_path(cx, r, cx->trial, g->path, &g->path_constant);
        learn(cx, r, g, cx->trial, g->path, g->path_constant, 2.0 / (k + 2.0));
    }
    memcpy(g->path, g->best_path, n * sizeof *g->path);
    int trials = times_affordable(cx, r, TRIAL_STEPS, LEAST_TRIALS, MOST_TRIALS);
    CIM_TRY(polish(cx, r, g, writes, false, trials, picks));
    if (few_combinations(cx, r, ALL_STEPS))
        try_all(cx, r, g, writes, false, r->first, cim_cc_range_budget(cx->plan, r), picks);
    return settle(cx, r, g, writes, picks);
}

cim_status cim_cc_duplicate_pipelined(cim_cc_context *cx, cim_cc_range *r, bool writes, bool quick,
                                      uint32_t *picks)
{
    cim_cc_plan *plan = cx->plan;
    uint32_t n = cim_cc_stage_classes(cx, r);
    game g = {0};
    if (!game_alloc(&g, cx, r))
        return CIM_E_NOMEM;
    g.writes = writes;
    bool dear = writes;
    for (uint32_t i = r->first; i < r->end; i++)
        dear = dear || plan->nodes[i].operand_pj > 0.0;
    int64_t objective = plan->arch.schedule.objective;
    if (objective == CIM_HW_OBJECTIVE_THROUGHPUT)
        g.limit =
            cim_cc_knapsack_min_max(cx->classes, n, cim_cc_range_budget(plan, r), 0.0, g.chosen);
    if (objective == CIM_HW_OBJECTIVE_THROUGHPUT && !writes) {
        bool fits;
        weigh(cx, r, &g, g.limit, 1.0, 0.0);
        CIM_TRY(cim_cc_knapsack_min_sum(g.weighted, n, cim_cc_range_budget(plan, r), cx->ar,
                                        g.chosen, &fits));
        for (uint32_t i = 0; i < n; i++)
            picks[r->first + i] = g.from[i][g.chosen[i]];
        return CIM_OK;
    }
    if (!dear || objective == CIM_HW_OBJECTIVE_LATENCY || objective == CIM_HW_OBJECTIVE_THROUGHPUT)
        return play(cx, r, writes, 0.0, quick, &g, picks);
    /* Programming costs energy per copy: copies are worth their price in leakage time. */
    double per_pj = 1.0 / fmax(plan->chip.leakage_mw, 1e-12);
    CIM_TRY(play(cx, r, writes, per_pj, quick, &g, picks));
    if (objective == CIM_HW_OBJECTIVE_EDP)
        return play(cx, r, writes, 0.0, quick, &g, picks); /* keeps the better of both */
    return CIM_OK;
}
