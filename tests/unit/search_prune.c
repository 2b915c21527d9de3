/* Pruning against a brute-force version, and the tables of asked points. */
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "search/genome.h"
#include "search/keymap.h"
#include "search/prune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_N = 40, MAX_M = 4 };

/* Crowding distance of members[i] among the n members, by sorting from scratch. */
static double distance_of(const double *f, size_t m, const uint32_t *members, size_t n, size_t i,
                          const double *width)
{
    double sum = 0;
    for (size_t k = 0; k < m; k++) {
        double here = f[members[i] * m + k], below = -INFINITY, above = INFINITY;
        for (size_t j = 0; j < n; j++) {
            double v = f[members[j] * m + k];
            bool before = v < here || (v == here && members[j] < members[i]);
            if (j == i)
                continue;
            if (before)
                below = fmax(below, v);
            else
                above = fmin(above, v);
        }
        if (isinf(below) || isinf(above))
            return INFINITY;
        if (width[k] > 0)
            sum += (above - below) / width[k];
    }
    return sum;
}

static void brute_force(const double *f, size_t m, uint32_t *members, size_t n, size_t keep,
                        double *distance)
{
    double width[MAX_M];
    for (size_t k = 0; k < m; k++) {
        double lo = INFINITY, hi = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            lo = fmin(lo, f[members[i] * m + k]);
            hi = fmax(hi, f[members[i] * m + k]);
        }
        width[k] = hi - lo;
    }
    for (; n > keep; n--) {
        size_t worst = 0;
        for (size_t i = 0; i < n; i++)
            if (distance_of(f, m, members, n, i, width) <=
                distance_of(f, m, members, n, worst, width))
                worst = i;
        memmove(members + worst, members + worst + 1, (n - worst - 1) * sizeof *members);
    }
    for (size_t i = 0; i < n; i++)
        distance[i] = distance_of(f, m, members, n, i, width);
}

static void test_prune(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        cim_rng *rng = cim_rng_create(seed, "test");
        size_t m = 1 + cim_rng_below(rng, MAX_M), n = 1 + cim_rng_below(rng, MAX_N);
        size_t keep = cim_rng_below(rng, n + 3);
        double f[2 * MAX_N * MAX_M], got_distance[MAX_N], distance[MAX_N];
        uint32_t got[MAX_N], expected[MAX_N];
        bool ties = cim_rng_below(rng, 2) == 0;
        for (size_t i = 0; i < 2 * n * m; i++) {
            f[i] = cim_rng_uniform(rng);
            f[i] = ties ? floor(4 * f[i]) / 8 : floor(256 * f[i]) / 256; /* exact sums */
        }
        for (size_t i = 0; i < n; i++)
            got[i] = expected[i] = (uint32_t)(2 * i + cim_rng_below(rng, 2));
        cim_search_prune *p = cim_search_prune_create(MAX_N, m);
        assert_non_null(p);
        cim_search_prune_front(p, f, got, n, keep, got_distance);
        brute_force(f, m, expected, n, keep, distance);
        for (size_t i = 0; i < n && i < keep; i++) {
            if (got[i] != expected[i] || got_distance[i] != distance[i])
                print_error("seed %llu: member %zu is %u (%g), expected %u (%g)\n",
                            (unsigned long long)seed, i, got[i], got_distance[i], expected[i],
                            distance[i]);
            assert_int_equal(got[i], expected[i]);
            assert_true(got_distance[i] == distance[i] ||
                        fabs(got_distance[i] - distance[i]) < 1e-12);
        }
        cim_search_prune_destroy(p);
        cim_rng_destroy(rng);
    }
}

static void test_keymap(void **state)
{
    (void)state;
    cim_search_keymap m;
    cim_search_keymap_init(&m);
    assert_false(cim_search_keymap_find(&m, 1, NULL));
    for (uint64_t i = 1; i <= 100000; i++)
        assert_int_equal(cim_search_keymap_add(&m, i * i, i), 1);
    for (uint64_t i = 1; i <= 100000; i++) {
        uint64_t value;
        assert_true(cim_search_keymap_find(&m, i * i, &value));
        assert_int_equal(value, i);
        assert_false(cim_search_keymap_find(&m, i * i + 1, NULL));
    }
    assert_int_equal(cim_search_keymap_add(&m, 49, 1), 0);
    cim_search_keymap_clear(&m);
    cim_alloc_fail_after(1);
    assert_int_equal(cim_search_keymap_add(&m, 49, 1), -1);
    cim_alloc_fail_after(0);
}

/* Fresh points visit a discrete genome exactly once each, whatever was asked before. */
static void test_fresh_exhausts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cim_rng *rng = cim_rng_create(seed, "test");
        cim_search_genome g;
        assert_int_equal(cim_search_genome_init(&g, 3, NULL), CIM_OK);
        g.genes[0].n_levels = 1 + cim_rng_below(rng, 9);
        g.genes[1] = (cim_search_gene){.lo = 2.5, .hi = 2.5}; /* a real of one value */
        g.genes[2].n_levels = 1 + cim_rng_below(rng, 30);
        cim_search_genome_ready(&g);
        size_t total = (size_t)(g.genes[0].n_levels * g.genes[2].n_levels), found = 0;
        unsigned char seen[9 * 30] = {0};
        double x[3];
        assert_true(g.size == (double)total);
        while (cim_search_genome_fresh(&g, rng, x) == 1) {
            size_t at = (size_t)x[0] + (size_t)x[2] * (size_t)g.genes[0].n_levels;
            assert_true(at < total && x[1] == 2.5 && !seen[at]);
            seen[at] = 1;
            found++;
        }
        assert_int_equal(found, total);
        assert_true(cim_search_genome_exhausted(&g));
        cim_search_genome_clear(&g);
        cim_rng_destroy(rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prune), cmocka_unit_test(test_keymap),
                                       cmocka_unit_test(test_fresh_exhausts)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
