#include "sched/knapsack.h"

#include "hwspace/base/real.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Lower convex hull of a class's choices: indices, and the slope (cost saved per unit of weight)
 * of the edge that leads to each hull point, strictly falling. */
typedef struct hull {
    uint32_t *index;
    double *slope; /* slope[0] unused */
    uint32_t n;
} hull;

typedef struct relaxation {
    hull *hulls;
    uint32_t n;
    double lambda;      /* multiplier: price of one unit of weight */
    double lower_bound; /* of the sum */
    double upper_bound; /* cost of the greedy solution */
    uint32_t *pick;     /* greedy solution */
    double *reduced;    /* per class: min over choices of cost + lambda * weight */
} relaxation;

static bool hull_build(const cim_cc_class *c, hull *h, cim_arena *ar)
{
    h->index = cim_arena_take(ar, c->n, sizeof *h->index);
    h->slope = cim_arena_take(ar, c->n, sizeof *h->slope);
    if (!h->index || !h->slope)
        return false;
    uint32_t n = 0;
    for (uint32_t j = 0; j < c->n; j++) {
        double slope = DBL_MAX;
        while (n > 0) {
            const cim_cc_choice *a = &c->choices[h->index[n - 1]], *b = &c->choices[j];
            slope = (a->cost - b->cost) / (double)(b->weight - a->weight);
            if (n == 1 || slope < h->slope[n - 1])
                break;
            n--;
        }
        h->index[n] = j;
        h->slope[n] = n ? slope : DBL_MAX;
        n++;
    }
    h->n = n;
    return true;
}

/* The hull point that minimises cost + lambda * weight: the last whose slope exceeds lambda. */
static uint32_t hull_at(const hull *h, double lambda)
{
    uint32_t lo = 0, hi = h->n - 1;
    while (lo < hi) {
        uint32_t mid = (lo + hi + 1) / 2;
        if (h->slope[mid] > lambda)
            lo = mid;
        else
            hi = mid - 1;
    }
    return h->index[lo];
}

static int64_t weight_at(const cim_cc_class *classes, const relaxation *rx, double lambda)
{
    int64_t w = 0;
    for (uint32_t i = 0; i < rx->n; i++)
        w += classes[i].choices[hull_at(&rx->hulls[i], lambda)].weight;
    return w;
}

/* Smallest multiplier (to a relative accuracy) whose relaxed solution keeps the budget. Any
 * multiplier gives a valid bound, so accuracy only affects how tight it is. */
static double find_lambda(const cim_cc_class *classes, const relaxation *rx, int64_t budget,
                          double accuracy)
{
    if (weight_at(classes, rx, 0.0) <= budget)
        return 0.0;
    double hi = 0.0, lo = DBL_MAX;
    for (uint32_t i = 0; i < rx->n; i++) {
        const hull *h = &rx->hulls[i];
        if (h->n > 1) {
            hi = cim_max(hi, h->slope[1]);
            lo = cim_min(lo, h->slope[h->n - 1]);
        }
    }
    lo *= 0.5; /* at lo everything would be bought: not feasible; at hi nothing: feasible */
    while (hi > lo * (1 + accuracy)) {
        double mid = sqrt(lo) * sqrt(hi);
        int64_t weight = weight_at(classes, rx, mid);
        if (mid <= lo || mid >= hi)
            break;
        if (weight <= budget)
            hi = mid;
        else
            lo = mid;
        if (weight == budget)
            break;
    }
    return hi;
}

/* Spend what is left: again and again the class that saves most with what still fits. */
static void greedy_fill(const cim_cc_class *classes, relaxation *rx, int64_t slack)
{
    while (slack > 0) {
        uint32_t best = UINT32_MAX, best_choice = 0;
        double best_gain = 0.0;
        for (uint32_t i = 0; i < rx->n; i++) {
            const cim_cc_choice *ch = classes[i].choices;
            uint32_t at = rx->pick[i], lo = at, hi = classes[i].n - 1;
            if (at == hi || ch[at + 1].weight - ch[at].weight > slack)
                continue;
            while (lo < hi) { /* heaviest that fits */
                uint32_t mid = (lo + hi + 1) / 2;
                if (ch[mid].weight - ch[at].weight <= slack)
                    lo = mid;
                else
                    hi = mid - 1;
            }
            double gain = ch[at].cost - ch[lo].cost;
            if (gain > best_gain) {
                best_gain = gain;
                best = i;
                best_choice = lo;
            }
        }
        if (best == UINT32_MAX)
            return;
        const cim_cc_choice *ch = classes[best].choices;
        slack -= ch[best_choice].weight - ch[rx->pick[best]].weight;
        rx->pick[best] = best_choice;
    }
}

static cim_status relax(const cim_cc_class *classes, uint32_t n, int64_t budget, double accuracy,
                        cim_arena *ar, relaxation *rx, bool *fits)
{
    int64_t lightest = 0;
    for (uint32_t i = 0; i < n; i++)
        lightest += classes[i].choices[0].weight;
    *fits = lightest <= budget;
    if (!*fits)
        return CIM_OK;
    rx->n = n;
    rx->hulls = cim_arena_take(ar, n, sizeof *rx->hulls);
    rx->pick = cim_arena_take(ar, n, sizeof *rx->pick);
    rx->reduced = cim_arena_take(ar, n, sizeof *rx->reduced);
    if (!rx->hulls || !rx->pick || !rx->reduced)
        return CIM_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        if (!hull_build(&classes[i], &rx->hulls[i], ar))
            return CIM_E_NOMEM;
    rx->lambda = find_lambda(classes, rx, budget, accuracy);
    int64_t weight = 0;
    double dual = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        rx->pick[i] = hull_at(&rx->hulls[i], rx->lambda);
        const cim_cc_choice *ch = &classes[i].choices[rx->pick[i]];
        rx->reduced[i] = ch->cost + rx->lambda * (double)ch->weight;
        dual += rx->reduced[i];
        weight += ch->weight;
    }
    rx->lower_bound = dual - rx->lambda * (double)budget;
    greedy_fill(classes, rx, budget - weight);
    rx->upper_bound = 0.0;
    for (uint32_t i = 0; i < n; i++)
        rx->upper_bound += classes[i].choices[rx->pick[i]].cost;
    return CIM_OK;
}

cim_status cim_cc_knapsack_greedy(const cim_cc_class *classes, uint32_t n, int64_t budget,
                                  cim_arena *ar, uint32_t *pick, double *lower_bound, bool *fits)
{
    relaxation rx = {0};
    CIM_TRY(relax(classes, n, budget, 1e-4, ar, &rx, fits));
    if (*fits) {
        memcpy(pick, rx.pick, n * sizeof *pick);
        *lower_bound = rx.lower_bound;
    }
    return CIM_OK;
}

/* ---- dynamic programme over what reduced costs leave ------------------------------------------ */

typedef struct state {
    int64_t weight;
    double cost;
    double reduced; /* sum of reduced costs so far: how much above the bound this must end */
    uint32_t parent, choice;
} state;

typedef struct layer {
    state *states; /* weights ascending, costs strictly descending */
    uint32_t n;
    uint32_t class_index;
} layer;

/* Merge `add` (all states of `from` with one more choice) into `into`, keeping what nothing
 * lighter-or-equal undercuts. */
static uint32_t merge_choice(const layer *from, const state *into, uint32_t n_into,
                             const cim_cc_choice *ch, double reduced, uint32_t choice,
                             int64_t budget, double gap, state *out)
{
    uint32_t a = 0, b = 0, n = 0;
    double best = DBL_MAX;
    while (a < n_into || b < from->n) {
        state s;
        if (b < from->n) {
            const state *p = &from->states[b];
            s = (state){.weight = p->weight + ch->weight,
                        .cost = p->cost + ch->cost,
                        .reduced = p->reduced + reduced,
                        .parent = b,
                        .choice = choice};
            if (s.weight > budget || s.reduced > gap) {
                b++;
                continue;
            }
        }
        bool take_old = b >= from->n ||
                        (a < n_into && (into[a].weight < s.weight ||
                                        (into[a].weight == s.weight && into[a].cost <= s.cost)));
        if (take_old)
            s = into[a++];
        else
            b++;
        if (s.cost >= best)
            continue;
        best = s.cost;
        out[n++] = s;
    }
    return n;
}

/* One class: all surviving choices on all states. The budget left for classes not yet seen is
 * guarded by their lightest choices. */
static cim_status extend(const cim_cc_class *c, double reduced_min, double lambda, double gap,
                         int64_t budget, const layer *from, cim_arena *ar, layer *to)
{
    uint32_t kept = 0;
    for (uint32_t j = 0; j < c->n; j++)
        if (c->choices[j].cost + lambda * (double)c->choices[j].weight - reduced_min <= gap)
            kept++;
    size_t cap = (size_t)from->n * kept;
    if (budget >= 0 && (uint64_t)budget + 1 < cap)
        cap = (size_t)budget + 1; /* strictly ascending weights */
    state *x = cim_arena_take(ar, cap + 1, sizeof *x);
    state *y = cim_arena_take(ar, cap + 1, sizeof *y);
    if (!x || !y)
        return CIM_E_NOMEM;
    uint32_t n = 0;
    for (uint32_t j = 0; j < c->n; j++) {
        double reduced = c->choices[j].cost + lambda * (double)c->choices[j].weight - reduced_min;
        if (reduced > gap)
            continue;
        n = merge_choice(from, x, n, &c->choices[j], cim_max(reduced, 0.0), j, budget, gap, y);
        state *t = x;
        x = y;
        y = t;
    }
    to->states = x;
    to->n = n;
    return CIM_OK;
}

/* All solutions whose reduced cost is at most `gap`, in layers. @return the cheapest one's cost,
 * INFINITY when there is none; it is written to pick when it beats `known`. */
static cim_status enumerate_within(const cim_cc_class *classes, uint32_t n, int64_t budget,
                                   cim_arena *ar, const relaxation *rx, double gap, double known,
                                   uint32_t *pick, double *cost)
{
    layer *layers = cim_arena_take(ar, (size_t)n + 1, sizeof *layers);
    int64_t *rest = cim_arena_take(ar, (size_t)n + 1, sizeof *rest); /* lightest of i..n-1 */
    state root = {0};
    *cost = INFINITY;
    if (!layers || !rest)
        return CIM_E_NOMEM;
    rest[n] = 0;
    for (uint32_t i = n; i-- > 0;)
        rest[i] = rest[i + 1] + classes[i].choices[0].weight;
    layers[0] = (layer){.states = &root, .n = 1};
    for (uint32_t i = 0; i < n; i++) {
        CIM_TRY(extend(&classes[i], rx->reduced[i], rx->lambda, gap, budget - rest[i + 1],
                       &layers[i], ar, &layers[i + 1]));
        if (layers[i + 1].n == 0)
            return CIM_OK;
    }
    const layer *last = &layers[n];
    uint32_t s = last->n - 1; /* heaviest state is the cheapest */
    *cost = last->states[s].cost;
    if (!(*cost < known))
        return CIM_OK;
    for (uint32_t i = n; i > 0; i--) {
        pick[i - 1] = layers[i].states[s].choice;
        s = layers[i].states[s].parent;
    }
    return CIM_OK;
}

/* A solution costs its reduced cost plus lambda times the unused budget above the bound, so one that
 * ends at most `gap` above the bound is found by looking at reduced costs up to `gap`. The optimum is
 * mostly much nearer to the bound than the greedy solution: look near the bound first. */
static cim_status improve(const cim_cc_class *classes, uint32_t n, int64_t budget, cim_arena *ar,
                          const relaxation *rx, uint32_t *pick)
{
    double known = rx->upper_bound, rounding = fabs(known) * 1e-13;
    double gap = (known - rx->lower_bound) / 64.0;
    for (;;) {
        double whole = known - rx->lower_bound + rounding, cost;
        if (gap > whole)
            gap = whole;
        cim_arena_mark mark = cim_arena_save(ar);
        CIM_TRY(enumerate_within(classes, n, budget, ar, rx, gap + rounding, known, pick, &cost));
        cim_arena_rewind(ar, mark);
        if (cost < known)
            known = cost;
        if (known - rx->lower_bound <= gap || gap >= whole)
            return CIM_OK;
        gap *= 4.0;
    }
}

cim_status cim_cc_knapsack_min_sum(const cim_cc_class *classes, uint32_t n, int64_t budget,
                                   cim_arena *ar, uint32_t *pick, bool *fits)
{
    relaxation rx = {0};
    CIM_TRY(relax(classes, n, budget, 1e-9, ar, &rx, fits));
    if (!*fits)
        return CIM_OK;
    memcpy(pick, rx.pick, n * sizeof *pick);
    if (rx.lambda <= 0.0) /* every class has its cheapest choice */
        return CIM_OK;
    return improve(classes, n, budget, ar, &rx, pick);
}

/* ---- bottleneck -------------------------------------------------------------------------------- */

/* Lightest choices with cost <= limit. @return total weight, INT64_MAX when a class has none */
static int64_t pick_below(const cim_cc_class *classes, uint32_t n, double limit, uint32_t *pick,
                          double *largest)
{
    int64_t weight = 0;
    *largest = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        const cim_cc_class *c = &classes[i];
        uint32_t lo = 0, hi = c->n - 1;
        if (c->choices[hi].cost > limit)
            return INT64_MAX;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (c->choices[mid].cost <= limit)
                hi = mid;
            else
                lo = mid + 1;
        }
        pick[i] = lo;
        weight += c->choices[lo].weight;
        *largest = cim_max(*largest, c->choices[lo].cost);
    }
    return weight;
}

double cim_cc_knapsack_min_max(const cim_cc_class *classes, uint32_t n, int64_t budget,
                               double accuracy, uint32_t *pick)
{
    double floor_limit = 0.0, top = 0.0, largest;
    for (uint32_t i = 0; i < n; i++) {
        floor_limit = cim_max(floor_limit, classes[i].choices[classes[i].n - 1].cost);
        top = cim_max(top, classes[i].choices[0].cost);
    }
    if (pick_below(classes, n, floor_limit, pick, &largest) <= budget)
        return largest;
    if (pick_below(classes, n, top, pick, &largest) > budget)
        return NAN;
    double lo = floor_limit, hi = largest; /* lo infeasible, hi feasible and attained */
    while (hi - lo > hi * cim_max(accuracy, 1e-13)) {
        double mid = lo + (hi - lo) / 2;
        if (mid <= lo || mid >= hi)
            break;
        if (pick_below(classes, n, mid, pick, &largest) <= budget)
            hi = largest > lo ? largest : mid;
        else
            lo = mid;
    }
    pick_below(classes, n, hi, pick, &largest);
    return largest;
}
