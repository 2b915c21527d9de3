/* NSGA-II finds the fronts of the ZDT functions as well as the best known implementations (within
 * what five seeds can show; tests/bench/search_nsga2.c has the full table), and optimises discrete
 * and categorical variables. */
#include "tests/prop/search_zdt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_zdt(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZDT_N; i++) {
        double hv = zdt_median(&zdt_problems[i], 5, 250);
        print_message("%s: seeds 1 to 5, median hypervolume %.5f of %.5f\n", zdt_problems[i].name,
                      hv, zdt_problems[i].reference);
        assert_true(hv >= 0.985 * zdt_problems[i].reference);
        assert_true(hv <= zdt_problems[i].limit + 1e-5);
    }
}

/* A discrete problem with a known answer: x has `n` levels per gene, the categories' cost is a
 * fixed permutation, so order tells nothing. Sum of squares against sum of squares from the far
 * end: the front needs all categorical genes at their best word. */
static void test_mixed(void **state)
{
    (void)state;
    enum { GENES = 12, LEVELS = 16, WORDS = 6, POPULATION = 60 };
    static const double word_cost[WORDS] = {3, 5, 1, 4, 0, 2};
    static double x[POPULATION * GENES], f[POPULATION * 2], violation[POPULATION];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cim_search_genome genome;
        assert_int_equal(cim_search_genome_init(&genome, GENES, NULL), CIM_OK);
        for (size_t i = 0; i < GENES; i++) {
            genome.genes[i].n_levels = i < GENES / 2 ? LEVELS : WORDS;
            genome.genes[i].categorical = i >= GENES / 2;
        }
        cim_search_genome_ready(&genome);
        cim_search_nsga2_options o = cim_search_nsga2_defaults;
        o.population = POPULATION;
        o.seed = seed;
        cim_search_nsga2 *s;
        assert_int_equal(cim_search_nsga2_create(&genome, 2, &o, &s, NULL), CIM_OK);
        for (int g = 0; g < 120; g++) {
            size_t n = cim_search_nsga2_ask(s, POPULATION, x);
            for (size_t i = 0; i < n; i++) {
                double up = 0, down = 0, words = 0;
                for (size_t k = 0; k < GENES / 2; k++) {
                    up += x[i * GENES + k];
                    down += LEVELS - 1 - x[i * GENES + k];
                }
                for (size_t k = GENES / 2; k < GENES; k++)
                    words += word_cost[(size_t)x[i * GENES + k]];
                f[2 * i] = up + 10 * words;
                f[2 * i + 1] = down + 10 * words;
                violation[i] = words > 20 ? words - 20 : 0;
            }
            assert_int_equal(cim_search_nsga2_tell(s, f, violation, n, NULL), CIM_OK);
        }
        double least = INFINITY, spread = 0, low = INFINITY;
        for (size_t i = 0; i < cim_search_nsga2_size(s); i++) {
            const double *fi;
            double v;
            cim_search_nsga2_at(s, i, &fi, &v);
            assert_true(v == 0);
            least = fmin(least, fi[0] + fi[1]);
            low = fmin(low, fi[0]);
            spread = fmax(spread, fi[0]);
        }
        print_message("seed %llu: %g, %g to %g\n", (unsigned long long)seed, least, low, spread);
        assert_true(least == GENES / 2 * (LEVELS - 1)); /* all words at their best */
        assert_true(low <= 10 && spread >= GENES / 2 * (LEVELS - 1) - 10); /* both ends reached */
        cim_search_nsga2_destroy(s);
    }
}

/* Constrained domination: where hardly any point is feasible, violations lead there. */
static void test_constraints_lead(void **state)
{
    (void)state;
    enum { GENES = 8, POPULATION = 40 };
    static double x[POPULATION * GENES], f[POPULATION * 2], violation[POPULATION];
    cim_search_genome genome;
    assert_int_equal(cim_search_genome_init(&genome, GENES, NULL), CIM_OK);
    for (size_t i = 0; i < GENES; i++)
        genome.genes[i] = (cim_search_gene){.lo = 0, .hi = 1};
    cim_search_genome_ready(&genome);
    cim_search_nsga2_options o = cim_search_nsga2_defaults;
    o.population = POPULATION;
    cim_search_nsga2 *s;
    assert_int_equal(cim_search_nsga2_create(&genome, 2, &o, &s, NULL), CIM_OK);
    for (int g = 0; g < 100; g++) {
        size_t n = cim_search_nsga2_ask(s, POPULATION, x);
        for (size_t i = 0; i < n; i++) {
            double worst = 0;
            for (size_t k = 0; k < GENES; k++)
                worst = fmax(worst, fabs(x[i * GENES + k] - 0.9));
            violation[i] = worst > 0.05 ? worst : 0; /* 1e-8 of the space is feasible */
            f[2 * i] = x[i * GENES];
            f[2 * i + 1] = 1 - x[i * GENES];
        }
        assert_int_equal(cim_search_nsga2_tell(s, f, violation, n, NULL), CIM_OK);
    }
    size_t feasible = 0;
    for (size_t i = 0; i < cim_search_nsga2_size(s); i++) {
        const double *fi;
        double v;
        cim_search_nsga2_at(s, i, &fi, &v);
        feasible += v == 0;
    }
    assert_int_equal(feasible, POPULATION);
    cim_search_nsga2_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zdt), cmocka_unit_test(test_mixed),
                                       cmocka_unit_test(test_constraints_lead)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
