/* Fronts, ranks, crowding, knee, archive against brute force on small random sets with many ties. */
#include "analysis/pareto.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 700, M_MAX = 8, SEEDS = 400 };

static double points[N_MAX * M_MAX];
static bool keep[N_MAX];
static uint32_t ranks[N_MAX];

#define CHECK(seed, condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu: %s", (unsigned long long)(seed), #condition);                     \
    } while (0)

/* Sets of different shapes: few distinct values (ties, duplicates), reals, spheres, chains. */
static void fill(cim_rng *rng, uint64_t shape, size_t n, size_t m)
{
    for (size_t i = 0; i < n; i++) {
        double *p = points + m * i, norm = 0;
        for (size_t k = 0; k < m; k++) {
            double u = cim_rng_uniform(rng);
            if (shape == 0)
                p[k] = (double)cim_rng_below(rng, 4);
            else if (shape == 1)
                p[k] = u * 2 - 1;
            else if (shape == 2)
                p[k] = -fabs(cim_rng_normal(rng));
            else if (shape == 3)
                p[k] = k % 2 ? (double)i : (double)cim_rng_below(rng, 3);
            else
                p[k] = cim_rng_below(rng, 2) ? -0.0 : floor(u * 3) * 1e300;
            norm += p[k] * p[k];
        }
        for (size_t k = 0; k < m && shape == 2; k++)
            p[k] /= sqrt(norm);
        if (i > 0 && cim_rng_below(rng, 10) == 0)
            memcpy(p, points + m * cim_rng_below(rng, i), m * sizeof *p);
    }
}

static bool beats(const double *a, const double *b, size_t m)
{
    bool better = false;
    for (size_t k = 0; k < m; k++) {
        if (a[k] > b[k])
            return false;
        better |= a[k] < b[k];
    }
    return better;
}

static bool same(const double *a, const double *b, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (a[k] != b[k])
            return false;
    return true;
}

static bool brute_keep(size_t i, size_t n, size_t m)
{
    for (size_t j = 0; j < n; j++)
        if (beats(points + m * j, points + m * i, m) ||
            (j < i && same(points + m * j, points + m * i, m)))
            return false;
    return true;
}

/* Peel fronts one by one. */
static void brute_rank(size_t n, size_t m, uint32_t *rank)
{
    size_t left = n;
    for (size_t i = 0; i < n; i++)
        rank[i] = UINT32_MAX;
    for (uint32_t r = 0; left > 0; r++) {
        for (size_t i = 0; i < n; i++) {
            if (rank[i] < r)
                continue;
            bool front = true;
            for (size_t j = 0; j < n && front; j++)
                front = rank[j] < r || !beats(points + m * j, points + m * i, m);
            if (front) {
                rank[i] = r;
                left--;
            }
        }
    }
}

static void setup(uint64_t seed, size_t n_max, size_t *n, size_t *m)
{
    cim_rng *rng = cim_rng_create(seed, "analysis_pareto");
    assert_non_null(rng);
    *m = 1 + (size_t)cim_rng_below(rng, M_MAX);
    *n = (size_t)cim_rng_below(rng, cim_rng_below(rng, 4) ? 120 : n_max);
    fill(rng, cim_rng_below(rng, 5), *n, *m);
    cim_rng_destroy(rng);
}

static void filter_is_brute_force(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t n, m;
        setup(seed, N_MAX, &n, &m);
        assert_int_equal(cim_ana_pareto_filter(points, n, m, keep, NULL), CIM_OK);
        for (size_t i = 0; i < n; i++)
            CHECK(seed, keep[i] == brute_keep(i, n, m));
    }
}

static void rank_is_brute_force(void **state)
{
    static uint32_t expected[N_MAX];
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t n, m;
        setup(seed, N_MAX, &n, &m);
        assert_int_equal(cim_ana_pareto_rank(points, n, m, ranks, NULL), CIM_OK);
        brute_rank(n, m, expected);
        for (size_t i = 0; i < n; i++)
            CHECK(seed, ranks[i] == expected[i]);
    }
}

/* Sets large enough for every branch (radix passes, splits, the list filter giving up). */
static void large_sets_agree(void **state)
{
    (void)state;
    for (size_t m = 2; m <= 6; m++) {
        size_t n = 9000;
        double *p = cim_alloc(n, m * sizeof *p);
        bool *kept = cim_alloc(n, 1);
        uint32_t *rank = cim_alloc(n, sizeof *rank);
        cim_rng *rng = cim_rng_create(m, "large");
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t k = 0; k < m; k++)
                sum += p[m * i + k] = floor(cim_rng_uniform(rng) * 500);
            if (m >= 4 && i % 50) /* most on a plane, where nobody dominates */
                p[m * i + m - 1] += 500 * (double)m - sum;
        }
        assert_int_equal(cim_ana_pareto_filter(p, n, m, kept, NULL), CIM_OK);
        assert_int_equal(cim_ana_pareto_rank(p, n, m, rank, NULL), CIM_OK);
        for (size_t i = 0; i < n; i++) {
            bool dominated = false, repeated = false;
            uint32_t above = 0;
            for (size_t j = 0; j < n; j++) {
                if (beats(p + m * j, p + m * i, m)) {
                    dominated = true;
                    above = rank[j] + 1 > above ? rank[j] + 1 : above;
                }
                repeated |= j < i && same(p + m * j, p + m * i, m);
            }
            CHECK(m, kept[i] == (!dominated && !repeated));
            CHECK(m, rank[i] == above); /* the rank's definition: one more than what dominates */
        }
        cim_rng_destroy(rng);
        cim_free(p);
        cim_free(kept);
        cim_free(rank);
    }
}

static void archive_is_filter(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t n, m, inside = 0;
        setup(seed, N_MAX, &n, &m);
        cim_ana_archive *a = cim_ana_archive_create(m);
        assert_non_null(a);
        for (size_t i = 0; i < n; i++) {
            size_t before = cim_ana_archive_size(a);
            int r = cim_ana_archive_insert(a, points + m * i, i);
            bool dominated = false;
            for (size_t j = 0; j < i; j++)
                dominated |= beats(points + m * j, points + m * i, m) ||
                             same(points + m * j, points + m * i, m);
            CHECK(seed, r == !dominated);
            CHECK(seed, r || cim_ana_archive_size(a) == before);
        }
        assert_int_equal(cim_ana_pareto_filter(points, n, m, keep, NULL), CIM_OK);
        for (size_t i = 0; i < n; i++)
            inside += keep[i];
        CHECK(seed, cim_ana_archive_size(a) == inside);
        for (size_t i = 0; i < inside; i++) {
            uint64_t id = UINT64_MAX;
            const double *p = cim_ana_archive_at(a, i, &id);
            CHECK(seed, id < n && keep[id] && same(p, points + m * id, m));
            keep[id] = false; /* each once */
        }
        cim_ana_archive_destroy(a);
    }
}

/* Deb's definition by sorting with ties by index. */
static double brute_crowding(const uint32_t *members, size_t n, size_t m, size_t at)
{
    double sum = 0;
    for (size_t k = 0; k < m; k++) {
        double v = points[m * members[at] + k], lo = v, hi = v, below = -INFINITY, above = INFINITY;
        bool first = true, last = true;
        for (size_t j = 0; j < n; j++) {
            double w = points[m * members[j] + k];
            lo = fmin(lo, w);
            hi = fmax(hi, w);
            if (w < v || (w == v && j < at)) {
                first = false;
                below = fmax(below, w);
            } else if (j != at) {
                last = false;
                above = fmin(above, w);
            }
        }
        if (first || last)
            return INFINITY;
        if (hi > lo)
            sum += (above - below) / (hi - lo);
    }
    return sum;
}

static void crowding_is_definition(void **state)
{
    static uint32_t members[N_MAX];
    static double distance[N_MAX];
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        size_t n, m;
        setup(seed, 200, &n, &m);
        for (size_t i = 0; i < n; i++)
            members[i] = (uint32_t)(n - 1 - i);
        assert_int_equal(cim_ana_crowding(points, m, members, n, distance, NULL), CIM_OK);
        for (size_t i = 0; i < n; i++) {
            double e = brute_crowding(members, n, m, i);
            CHECK(seed, isinf(e) ? isinf(distance[i]) : fabs(distance[i] - e) < 1e-12 * (1 + e));
        }
    }
}

static void knee_is_nearest_to_ideal(void **state)
{
    (void)state;
    const double front[] = {0, 10, 1, 1, 10, 0, 1, 1};
    assert_int_equal(cim_ana_knee(front, 4, 2), 1); /* ties by index */
    assert_true(cim_ana_knee(front, 0, 2) == SIZE_MAX);
    assert_int_equal(cim_ana_knee(front, 1, 2), 0);
    const double flat[] = {5, 3, 5, 2, 5, 9};
    assert_int_equal(cim_ana_knee(flat, 3, 2), 1);
    const double huge[] = {-1.7e308, 1.7e308, 0, 0, 1.7e308, -1.7e308};
    assert_int_equal(cim_ana_knee(huge, 3, 2), 1);
}

static void dominance(void **state)
{
    (void)state;
    assert_int_equal(cim_ana_dominates((double[]){1, 2}, (double[]){1, 3}, 2), -1);
    assert_int_equal(cim_ana_dominates((double[]){1, 3}, (double[]){1, 2}, 2), 1);
    assert_int_equal(cim_ana_dominates((double[]){1, 2}, (double[]){1, 2}, 2), 0);
    assert_int_equal(cim_ana_dominates((double[]){1, 3}, (double[]){2, 2}, 2), 0);
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    double p[300 * 4];
    for (size_t i = 0; i < 300 * 4; i++)
        p[i] = (double)((i * 7919) % 613);
    for (unsigned long after = 1; after < 400; after++) {
        cim_err err = {0};
        cim_alloc_fail_after(after);
        cim_status s = cim_ana_pareto_rank(p, 300, 4, ranks, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK)
            return;
        assert_int_equal(s, CIM_E_NOMEM);
        assert_int_equal(err.code, CIM_E_NOMEM);
    }
    fail_msg("ranking 300 points needs more than 400 allocations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dominance),
        cmocka_unit_test(filter_is_brute_force),
        cmocka_unit_test(rank_is_brute_force),
        cmocka_unit_test(large_sets_agree),
        cmocka_unit_test(archive_is_filter),
        cmocka_unit_test(crowding_is_definition),
        cmocka_unit_test(knee_is_nearest_to_ideal),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
