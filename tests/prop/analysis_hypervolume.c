/* Hypervolume against inclusion-exclusion on small sets and against a grid on lattice points. */
#include "analysis/pareto.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 3000, M_MAX = 8 };

static double points[N_MAX * M_MAX], ref[M_MAX];

static double hypervolume(size_t n, size_t m)
{
    double v = -1;
    assert_int_equal(cim_ana_hypervolume(points, n, m, ref, &v, NULL), CIM_OK);
    return v;
}

/* Sum over all subsets of (-1)^(size+1) times the volume of the intersection of their boxes. */
static double inclusion_exclusion(size_t n, size_t m)
{
    double total = 0;
    for (uint32_t set = 1; set < 1u << n; set++) {
        double volume = -1;
        for (size_t i = 0; i < n; i++)
            if (set >> i & 1)
                volume = -volume;
        for (size_t k = 0; k < m; k++) {
            double corner = -INFINITY;
            for (size_t i = 0; i < n; i++)
                if (set >> i & 1)
                    corner = fmax(corner, points[m * i + k]);
            volume *= fmax(0, ref[k] - corner);
        }
        total += volume;
    }
    return total;
}

static void small_sets_are_inclusion_exclusion(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        cim_rng *rng = cim_rng_create(seed, "hv small");
        size_t m = 1 + (size_t)cim_rng_below(rng, M_MAX), n = (size_t)cim_rng_below(rng, 11);
        bool lattice = cim_rng_below(rng, 2);
        for (size_t k = 0; k < m; k++)
            ref[k] = 2;
        for (size_t i = 0; i < n * m; i++) /* some on the reference, some beyond it */
            points[i] = lattice ? (double)cim_rng_below(rng, 4) : 2.2 * cim_rng_uniform(rng);
        double expected = inclusion_exclusion(n, m), found = hypervolume(n, m);
        if (!(fabs(found - expected) <= 1e-10 * (1 + fabs(expected))))
            fail_msg("seed %llu: m %zu n %zu: %.17g, expected %.17g", (unsigned long long)seed, m,
                     n, found, expected);
        cim_rng_destroy(rng);
    }
}

/* Cells of a grid of side^m that a lattice point dominates, counted one by one. */
static double grid_count(size_t n, size_t m, size_t side)
{
    size_t cells = 1, covered = 0;
    for (size_t k = 0; k < m; k++)
        cells *= side;
    for (size_t c = 0; c < cells; c++) {
        bool hit = false;
        for (size_t i = 0; i < n && !hit; i++) {
            size_t rest = c;
            hit = true;
            for (size_t k = 0; k < m && hit; k++, rest /= side)
                hit = points[m * i + k] <= (double)(rest % side);
        }
        covered += hit;
    }
    return (double)covered;
}

static void lattices_are_counted(void **state)
{
    (void)state;
    static const size_t sides[] = {0, 4000, 120, 30, 13, 8, 6, 5, 4};
    for (uint64_t seed = 1; seed <= 160; seed++) {
        cim_rng *rng = cim_rng_create(seed, "hv grid");
        size_t m = 1 + (size_t)(seed % M_MAX), n = (size_t)cim_rng_below(rng, 200), side = sides[m];
        for (size_t k = 0; k < m; k++)
            ref[k] = (double)side;
        for (size_t i = 0; i < n; i++) {
            /* near a plane, so that many points are nondominated */
            double left = floor((double)(m * side) * 0.4);
            for (size_t k = 0; k < m; k++) {
                double v = (double)cim_rng_below(rng, side + 1);
                points[m * i + k] = k + 1 < m ? v : fmin(fmax(left, 0), (double)side);
                left -= v;
            }
        }
        double expected = grid_count(n, m, side), found = hypervolume(n, m);
        if (!(fabs(found - expected) <= 1e-9 * (1 + expected)))
            fail_msg("seed %llu: m %zu n %zu: %.17g, expected %.17g", (unsigned long long)seed, m,
                     n, found, expected);
        cim_rng_destroy(rng);
    }
}

/* Larger real sets: one objective equal everywhere reduces to one objective fewer, order of rows
 * and objectives does not matter, dominated points and copies add nothing. */
static void identities_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        cim_rng *rng = cim_rng_create(seed, "hv identities");
        size_t m = 2 + (size_t)(seed % 4), n = m < 4 ? 2500 : m == 4 ? 400 : 120;
        for (size_t k = 0; k < m + 1; k++)
            ref[k] = 0;
        for (size_t i = 0; i < n; i++) {
            double norm = 0;
            for (size_t k = 0; k < m; k++) {
                points[m * i + k] = -fabs(cim_rng_normal(rng));
                norm += points[m * i + k] * points[m * i + k];
            }
            for (size_t k = 0; k < m; k++)
                points[m * i + k] /= sqrt(norm);
        }
        double v = hypervolume(n, m);
        static double copy[N_MAX * M_MAX];
        memcpy(copy, points, n * m * sizeof *copy);
        for (size_t i = 0; i < n; i++) /* rows reversed, objectives rotated */
            for (size_t k = 0; k < m; k++)
                points[m * (n - 1 - i) + (k + 1) % m] = copy[m * i + k];
        double turned = hypervolume(n, m);
        for (size_t i = 0; i < n; i++) { /* a constant objective in front, 0.5 from ref */
            points[(m + 1) * i] = -0.5;
            memcpy(points + (m + 1) * i + 1, copy + m * i, m * sizeof *copy);
        }
        double half = hypervolume(n, m + 1);
        memcpy(points, copy, n * m * sizeof *copy);
        for (size_t k = 0; k < m; k++) { /* a dominated row and a copy */
            points[m * n + k] = copy[k] / 2;
            points[m * (n + 1) + k] = copy[k];
        }
        double more = hypervolume(n + 2, m);
        if (fabs(turned - v) > 1e-9 || fabs(2 * half - v) > 1e-9 || fabs(more - v) > 1e-9)
            fail_msg("seed %llu: m %zu: %.17g turned %.17g half %.17g more %.17g",
                     (unsigned long long)seed, m, v, turned, half, more);
        cim_rng_destroy(rng);
    }
}

static void nothing_is_zero(void **state)
{
    (void)state;
    for (size_t m = 1; m <= M_MAX; m++) {
        for (size_t k = 0; k < m; k++)
            ref[k] = 1;
        assert_true(hypervolume(0, m) == 0);
        for (size_t k = 0; k < m; k++)
            points[k] = k ? 0 : 1; /* on the reference in one objective */
        assert_true(hypervolume(1, m) == 0);
        points[0] = 0;
        assert_true(hypervolume(1, m) == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_zero),
        cmocka_unit_test(small_sets_are_inclusion_exclusion),
        cmocka_unit_test(lattices_are_counted),
        cmocka_unit_test(identities_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
