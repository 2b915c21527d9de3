#include "analysis/pareto.h"

#include "analysis/order.h"
#include "analysis/pareto_internal.h"
#include "analysis/rankset.h"
#include "hwspace/base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int cim_ana_dominates(const double *a, const double *b, size_t m)
{
    bool a_better = false, b_better = false;
    for (size_t k = 0; k < m; k++) {
        a_better |= a[k] < b[k];
        b_better |= b[k] < a[k];
    }
    return a_better == b_better ? 0 : a_better ? -1 : 1;
}

#ifndef NDEBUG
static bool all_finite(const double *points, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(points[i]))
            return false;
    return true;
}
#endif

/* In lexicographic order a row can only be dominated by an earlier one, and of equal rows the one
 * with the smallest index comes first; so "some earlier row is nowhere worse" decides. */

static void filter_2(const double *points, size_t n, const uint32_t *order, bool *keep)
{
    double best = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double y = points[2 * order[i] + 1];
        keep[order[i]] = y < best;
        if (y < best)
            best = y;
    }
}

/* Earlier rows that are minimal in (y, z) form a staircase, y ascending and z descending, held by
 * the rank of y (shared by equal y). The last step up to y has the smallest z of all earlier rows
 * that are not worse in y. */
static void filter_3(const double *points, size_t n, const uint32_t *order, const uint32_t *rank_y,
                     cim_ana_rankset *steps, double *step_z, bool *keep)
{
    for (size_t i = 0; i < n; i++) {
        double z = points[3 * (size_t)order[i] + 2];
        size_t at = rank_y[order[i]];
        int64_t before = cim_ana_rankset_before(steps, at + 1);
        bool dominated = before >= 0 && step_z[before] <= z;
        keep[order[i]] = !dominated;
        if (dominated)
            continue;
        for (;;) {
            int64_t after = cim_ana_rankset_after(steps, at);
            if (after < 0 || step_z[after] < z)
                break;
            cim_ana_rankset_remove(steps, (size_t)after);
        }
        cim_ana_rankset_add(steps, at);
        step_z[at] = z;
    }
}

static cim_status filter_sweep(const double *points, size_t n, const uint32_t *order, bool *keep,
                               cim_err *err)
{
    cim_ana_rankset steps = {0};
    uint32_t *by_y = cim_alloc(n, sizeof *by_y), *rank_y = cim_alloc(n, sizeof *rank_y);
    double *step_z = cim_alloc(n, sizeof *step_z);
    cim_status status;
    if (!by_y || !rank_y || !step_z || cim_ana_rankset_init(&steps, n + 1))
        status = cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front of %zu points", n);
    else
        status = cim_ana_order(points + 1, n, 3, by_y, err);
    if (status == CIM_OK) {
        for (size_t i = 0; i < n; i++) {
            bool tie =
                i > 0 && points[3 * (size_t)by_y[i] + 1] == points[3 * (size_t)by_y[i - 1] + 1];
            rank_y[by_y[i]] = tie ? rank_y[by_y[i - 1]] : (uint32_t)i;
        }
        filter_3(points, n, order, rank_y, &steps, step_z, keep);
    }
    cim_ana_rankset_clear(&steps);
    cim_free(step_z);
    cim_free(rank_y);
    cim_free(by_y);
    return status;
}

static bool nowhere_worse(const double *a, const double *b, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (a[k] > b[k])
            return false;
    return true;
}

/* Compare with the front found so far, most often successful members first. Gives up when the
 * work shows that the front is large, and divide and conquer is cheaper. */
static bool filter_list(const double *points, size_t n, size_t m, const uint32_t *order, bool *keep,
                        double *front)
{
    size_t f = 0, work = 0;
    const size_t patience = 300 * n + 1000000;
    for (size_t i = 0; i < n; i++) {
        const double *p = points + m * order[i];
        size_t j = 0;
        while (j < f && !nowhere_worse(front + m * j, p, m))
            j++;
        work += j;
        keep[order[i]] = j == f;
        if (j == f) {
            memcpy(front + m * f++, p, m * sizeof *p);
        } else if (j > 0) { /* one step towards the head for who dominated */
            for (size_t k = 0; k < m; k++) {
                double swap = front[m * j + k];
                front[m * j + k] = front[m * (j / 2) + k];
                front[m * (j / 2) + k] = swap;
            }
        }
        if (work > patience)
            return false;
    }
    return true;
}

static cim_status filter_many(const double *points, size_t n, size_t m, const uint32_t *order,
                              bool *keep, cim_err *err)
{
    double *front = cim_alloc(n, m * sizeof *front);
    if (!front)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front of %zu points", n);
    bool done = filter_list(points, n, m, order, keep, front);
    cim_free(front);
    if (done)
        return CIM_OK;
    uint32_t *rank = cim_alloc(n, sizeof *rank);
    if (!rank)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front of %zu points", n);
    cim_status status = cim_ana_rank_ordered(points, n, m, order, 1, rank, err);
    for (size_t i = 0; status == CIM_OK && i < n; i++) {
        uint32_t row = order[i];
        /* Of two rows of the front the earlier is nowhere worse only when they are equal. */
        bool repeated = i > 0 && rank[order[i - 1]] == 0 &&
                        nowhere_worse(points + m * order[i - 1], points + m * row, m);
        keep[row] = rank[row] == 0 && !repeated;
    }
    cim_free(rank);
    return status;
}

cim_status cim_ana_pareto_filter(const double *points, size_t n, size_t m, bool *keep, cim_err *err)
{
    assert(m >= 1 && all_finite(points, n * m));
    if (n == 0)
        return CIM_OK;
    uint32_t *order = cim_alloc(n, sizeof *order);
    if (!order)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front of %zu points", n);
    cim_status status = cim_ana_order_lex(points, n, m, order, err);
    if (status == CIM_OK) {
        if (m == 1)
            for (size_t i = 0; i < n; i++)
                keep[order[i]] = i == 0;
        else if (m == 2)
            filter_2(points, n, order, keep);
        else if (m == 3)
            status = filter_sweep(points, n, order, keep, err);
        else
            status = filter_many(points, n, m, order, keep, err);
    }
    cim_free(order);
    return status;
}

cim_status cim_ana_pareto_rank(const double *points, size_t n, size_t m, uint32_t *rank,
                               cim_err *err)
{
    assert(m >= 1 && all_finite(points, n * m));
    if (n == 0)
        return CIM_OK;
    uint32_t *order = cim_alloc(n, sizeof *order);
    if (!order)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory while ranking %zu points", n);
    cim_status status = cim_ana_order_lex(points, n, m, order, err);
    if (status == CIM_OK)
        status = cim_ana_rank_ordered(points, n, m, order, UINT32_MAX, rank, err);
    cim_free(order);
    return status;
}

cim_status cim_ana_crowding(const double *points, size_t m, const uint32_t *members,
                            size_t n_members, double *distance, cim_err *err)
{
    double *column = cim_alloc(n_members, sizeof *column);
    uint32_t *order = cim_alloc(n_members, sizeof *order);
    cim_status status = CIM_OK;
    if (!column || !order)
        status = cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for crowding distances");
    for (size_t i = 0; status == CIM_OK && i < n_members; i++)
        distance[i] = 0;
    for (size_t k = 0; status == CIM_OK && k < m && n_members > 0; k++) {
        for (size_t i = 0; i < n_members; i++)
            column[i] = points[m * members[i] + k];
        status = cim_ana_order(column, n_members, 1, order, err);
        if (status != CIM_OK)
            break;
        /* Halves, so that the range of values near DBL_MAX does not overflow. */
        double range = column[order[n_members - 1]] / 2 - column[order[0]] / 2;
        distance[order[0]] = distance[order[n_members - 1]] = INFINITY;
        for (size_t i = 1; range > 0 && i + 1 < n_members; i++)
            distance[order[i]] += (column[order[i + 1]] / 2 - column[order[i - 1]] / 2) / range;
    }
    cim_free(column);
    cim_free(order);
    return status;
}

size_t cim_ana_knee(const double *points, size_t n, size_t m)
{
    double lo[CIM_ANA_MAX_OBJECTIVES], range[CIM_ANA_MAX_OBJECTIVES], nearest = INFINITY;
    size_t knee = SIZE_MAX;
    assert(m <= CIM_ANA_MAX_OBJECTIVES);
    for (size_t k = 0; k < m && n > 0; k++) {
        double hi = lo[k] = points[k];
        for (size_t i = 1; i < n; i++) {
            lo[k] = fmin(lo[k], points[m * i + k]);
            hi = fmax(hi, points[m * i + k]);
        }
        range[k] = hi / 2 - lo[k] / 2;
    }
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t k = 0; k < m; k++) {
            double x = range[k] > 0 ? (points[m * i + k] / 2 - lo[k] / 2) / range[k] : 0;
            square += x * x;
        }
        if (square < nearest) {
            nearest = square;
            knee = i;
        }
    }
    return knee;
}
