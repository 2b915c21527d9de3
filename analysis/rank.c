/* Nondominated sorting by divide and conquer: Jensen 2003, "Reducing the run-time complexity of
 * multiobjective EAs", in the form of Buzdalov and Shalyto 2014 that is right for equal values;
 * O(n log^(m-1) n). Deviates: small subproblems are compared pair by pair, and sweeps keep their
 * staircase in a sorted array. Two objectives are patience sorting. */
#include "analysis/pareto_internal.h"

#include "hwspace/base/memory.h"

#include <math.h>
#include <string.h>

/* Below these sizes comparing all pairs beat splitting (tests/bench/analysis_pareto.c). */
enum { PAIRS_A = 48, PAIRS_B = 2048 };

/* Distinct points in lexicographic order; the algorithm knows them by position. */
typedef struct ranking {
    size_t m;
    const double *points;
    uint32_t *rank, cap;
    double *step_y; /* staircase of a sweep: y and rank both ascend strictly */
    uint32_t *step_rank;
    bool failed; /* out of memory */
} ranking;

typedef struct positions {
    uint32_t *at;
    size_t n;
} positions;

static double value(const ranking *r, uint32_t p, size_t k)
{
    return r->points[r->m * p + k];
}

/* a is nowhere worse than b in objectives 1 .. k-1 and 0 */
static bool no_worse(const ranking *r, uint32_t a, uint32_t b, size_t k)
{
    const double *pa = r->points + r->m * a, *pb = r->points + r->m * b;
    for (size_t i = k; i-- > 0;)
        if (pa[i] > pb[i])
            return false;
    return true;
}

static void raise_rank(ranking *r, uint32_t p, uint32_t above)
{
    uint32_t rank = above < r->cap ? above + 1 : r->cap;
    if (r->rank[p] < rank)
        r->rank[p] = rank;
}

/* ---- sweeps over two objectives ------------------------------------------------------------- */

/* First step whose y is not below (strict: above) y. */
static size_t step_find(const ranking *r, size_t n, double y, bool strict)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strict ? r->step_y[mid] <= y : r->step_y[mid] < y)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t step_insert(ranking *r, size_t n, double y, uint32_t rank)
{
    size_t at = step_find(r, n, y, false), end = at;
    if (at > 0 && r->step_rank[at - 1] >= rank)
        return n;
    if (at < n && r->step_y[at] == y && r->step_rank[at] >= rank)
        return n;
    while (end < n && r->step_rank[end] <= rank)
        end++;
    if (end != at + 1) {
        memmove(r->step_y + at + 1, r->step_y + end, (n - end) * sizeof *r->step_y);
        memmove(r->step_rank + at + 1, r->step_rank + end, (n - end) * sizeof *r->step_rank);
    }
    r->step_y[at] = y;
    r->step_rank[at] = rank;
    return n - (end - at) + 1;
}

static void step_query(ranking *r, size_t n, uint32_t p)
{
    size_t at = step_find(r, n, value(r, p, 1), true);
    if (at > 0)
        raise_rank(r, p, r->step_rank[at - 1]);
}

static void sweep_a(ranking *r, positions s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        step_query(r, n, s.at[i]);
        n = step_insert(r, n, value(r, s.at[i], 1), r->rank[s.at[i]]);
    }
}

static void sweep_b(ranking *r, positions low, positions high)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; j < high.n; j++) {
        for (; i < low.n && low.at[i] < high.at[j]; i++)
            n = step_insert(r, n, value(r, low.at[i], 1), r->rank[low.at[i]]);
        step_query(r, n, high.at[j]);
    }
}

/* ---- splitting ------------------------------------------------------------------------------ */

static void order_3(double *v, size_t a, size_t b)
{
    if (v[b] < v[a]) {
        double swap = v[a];
        v[a] = v[b];
        v[b] = swap;
    }
}

/* The middle one of n values in order (Hoare's selection, median of three). */
static double median(double *v, size_t n)
{
    size_t lo = 0, hi = n - 1, middle = n / 2;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        order_3(v, lo, mid);
        order_3(v, lo, hi);
        order_3(v, mid, hi);
        double pivot = v[mid];
        size_t i = lo, j = hi;
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (pivot < v[j])
                j--;
            if (i >= j)
                break;
            double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (middle <= j)
            hi = j;
        else
            lo = j + 1;
    }
    return v[middle];
}

/* s split by objective k at a pivot, order kept: below | equal | above, and below + equal as one
 * list. They live in one block. */
typedef struct split {
    positions below, equal, above, up_to, from; /* up_to: below + equal, from: equal + above */
    uint32_t *block;
} split;

static bool split_make(split *out, const ranking *r, positions s, size_t k, double pivot)
{
    uint32_t *block = cim_alloc(s.n, 5 * sizeof *block);
    if (!block)
        return false;
    *out = (split){{block, 0},           {block + s.n, 0},     {block + 2 * s.n, 0},
                   {block + 3 * s.n, 0}, {block + 4 * s.n, 0}, block};
    for (size_t i = 0; i < s.n; i++) {
        uint32_t p = s.at[i];
        double v = value(r, p, k);
        positions *part = v < pivot ? &out->below : v > pivot ? &out->above : &out->equal;
        part->at[part->n++] = p;
        if (v <= pivot)
            out->up_to.at[out->up_to.n++] = p;
        if (v >= pivot)
            out->from.at[out->from.n++] = p;
    }
    return true;
}

static bool pivot_of(const ranking *r, positions a, positions b, size_t k, double *pivot)
{
    double *v = cim_alloc(a.n + b.n, sizeof *v);
    if (!v)
        return false;
    for (size_t i = 0; i < a.n; i++)
        v[i] = value(r, a.at[i], k);
    for (size_t i = 0; i < b.n; i++)
        v[a.n + i] = value(r, b.at[i], k);
    *pivot = median(v, a.n + b.n);
    cim_free(v);
    return true;
}

/* The rows that still matter, moved to the front of the list: a capped row cannot rise, and whom
 * it would raise to the cap is raised by who raised it. */
static positions below_cap(const ranking *r, positions s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (r->rank[s.at[i]] < r->cap)
            s.at[n++] = s.at[i];
    return (positions){s.at, n};
}

/* Raise `high` above those of `low` (ranks final) that are nowhere worse in objectives < k. */
static void conquer_b(ranking *r, positions low, positions high, size_t k)
{
    if (r->failed || low.n == 0 || high.n == 0)
        return;
    if (low.n == 1 || high.n == 1 || low.n * high.n <= PAIRS_B) {
        for (size_t j = 0; j < high.n; j++)
            for (size_t i = 0; i < low.n && low.at[i] < high.at[j]; i++)
                if (r->rank[low.at[i]] >= r->rank[high.at[j]] &&
                    no_worse(r, low.at[i], high.at[j], k))
                    raise_rank(r, high.at[j], r->rank[low.at[i]]);
        return;
    }
    if (k == 2) {
        sweep_b(r, low, high);
        return;
    }
    double low_max = -INFINITY, low_min = INFINITY, high_max = -INFINITY, high_min = INFINITY;
    for (size_t i = 0; i < low.n; i++) {
        low_max = fmax(low_max, value(r, low.at[i], k - 1));
        low_min = fmin(low_min, value(r, low.at[i], k - 1));
    }
    for (size_t i = 0; i < high.n; i++) {
        high_max = fmax(high_max, value(r, high.at[i], k - 1));
        high_min = fmin(high_min, value(r, high.at[i], k - 1));
    }
    if (low_min > high_max)
        return;
    if (low_max <= high_min) {
        conquer_b(r, low, high, k - 1);
        return;
    }
    double pivot;
    split l, h;
    if (!pivot_of(r, low, high, k - 1, &pivot) || !split_make(&l, r, low, k - 1, pivot)) {
        r->failed = true;
        return;
    }
    if (split_make(&h, r, high, k - 1, pivot)) {
        conquer_b(r, l.below, h.below, k);
        conquer_b(r, l.up_to, below_cap(r, h.from), k - 1);
        conquer_b(r, l.above, below_cap(r, h.above), k);
        cim_free(h.block);
    } else {
        r->failed = true;
    }
    cim_free(l.block);
}

/* Rank s among itself by objectives < k (they are equal in the others). */
static void conquer_a(ranking *r, positions s, size_t k)
{
    if (r->failed || s.n < 2)
        return;
    if (k == 2) {
        sweep_a(r, s);
        return;
    }
    if (s.n <= PAIRS_A) {
        for (size_t j = 1; j < s.n; j++)
            for (size_t i = 0; i < j; i++)
                if (r->rank[s.at[i]] >= r->rank[s.at[j]] && no_worse(r, s.at[i], s.at[j], k))
                    raise_rank(r, s.at[j], r->rank[s.at[i]]);
        return;
    }
    double pivot;
    split t;
    if (!pivot_of(r, s, (positions){NULL, 0}, k - 1, &pivot) ||
        !split_make(&t, r, s, k - 1, pivot)) {
        r->failed = true;
        return;
    }
    conquer_a(r, t.below, k);
    conquer_b(r, below_cap(r, t.below), t.equal, k - 1);
    conquer_a(r, t.equal, k - 1);
    t.above = below_cap(r, t.above);
    conquer_b(r, below_cap(r, t.up_to), t.above, k - 1);
    conquer_a(r, t.above, k);
    cim_free(t.block);
}

/* ---- entry ---------------------------------------------------------------------------------- */

/* Patience sorting: a point joins the first front whose last y is above its own. */
static void rank_2(ranking *r, size_t n)
{
    size_t fronts = 0;
    for (uint32_t p = 0; p < n; p++) {
        double y = value(r, p, 1);
        size_t at = step_find(r, fronts, y, true);
        if (at == fronts)
            fronts++;
        r->step_y[at] = y;
        r->rank[p] = at < r->cap ? (uint32_t)at : r->cap;
    }
}

static void rank_all(ranking *r, size_t n, uint32_t *identity)
{
    if (r->m == 1) {
        for (uint32_t p = 0; p < n; p++)
            r->rank[p] = p < r->cap ? p : r->cap;
        return;
    }
    if (r->m == 2) {
        rank_2(r, n);
        return;
    }
    for (uint32_t p = 0; p < n; p++)
        identity[p] = p;
    conquer_a(r, (positions){identity, n}, r->m);
}

cim_status cim_ana_rank_ordered(const double *points, size_t n, size_t m, const uint32_t *order,
                                uint32_t cap, uint32_t *rank, cim_err *err)
{
    double *distinct = cim_alloc(n, m * sizeof *distinct);
    uint32_t *of = cim_alloc(n, 4 * sizeof *of); /* position of a row; ranks; identity; steps */
    double *step_y = cim_alloc(n, sizeof *step_y);
    cim_status status = CIM_OK;
    if (distinct && of && step_y) {
        size_t u = 0;
        for (size_t i = 0; i < n; i++) {
            const double *p = points + m * order[i];
            bool same = u > 0;
            for (size_t k = 0; same && k < m; k++)
                same = p[k] == distinct[m * (u - 1) + k];
            if (!same)
                memcpy(distinct + m * u++, p, m * sizeof *p);
            of[order[i]] = (uint32_t)(u - 1);
        }
        ranking r = {m, distinct, of + n, cap, step_y, of + 3 * n, false};
        rank_all(&r, u, of + 2 * n);
        for (size_t i = 0; i < n; i++)
            rank[i] = r.rank[of[i]];
        if (r.failed)
            status = cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory while ranking");
    } else {
        status = cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory while ranking %zu points", n);
    }
    cim_free(step_y);
    cim_free(of);
    cim_free(distinct);
    return status;
}
