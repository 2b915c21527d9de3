/* The exact duplication solver against exhaustive search on random small problems, and against
 * plain dynamic programming over the budget on larger ones. */
#include "hwspace/base/rng.h"
#include "sched/knapsack.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/prop/require.h"

enum { MAX_CLASSES = 40, MAX_CHOICES = 64 };

typedef struct problem {
    cim_cc_choice choice[MAX_CLASSES][MAX_CHOICES];
    cim_cc_class classes[MAX_CLASSES];
    uint32_t n;
    int64_t budget, lightest, heaviest;
} problem;

/* Stage functions as the compiler makes them, ceil(n / k) * t at the breakpoints; or arbitrary
 * falling costs, which need not be convex. */
static void random_problem(cim_rng *rng, problem *p, uint32_t max_classes, uint32_t max_choices)
{
    p->n = 1 + (uint32_t)cim_rng_below(rng, max_classes);
    p->lightest = p->heaviest = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t units = 1 + (int64_t)cim_rng_below(rng, 9);
        int64_t n = 1 + (int64_t)cim_rng_below(rng, 200);
        double t = 1.0 + 10.0 * cim_rng_uniform(rng), cost = 1000.0;
        bool stages = cim_rng_below(rng, 2) == 0;
        uint32_t count = 0;
        int64_t k = 1;
        while (count < max_choices) {
            int64_t q = (n + k - 1) / k;
            double c = stages ? (double)q * t : cost;
            p->choice[i][count++] = (cim_cc_choice){.cost = c, .weight = units * k};
            if (stages && q == 1)
                break;
            k = stages ? (n + q - 2) / (q - 1) : k + 1 + (int64_t)cim_rng_below(rng, 4);
            cost *= 0.2 + 0.79 * cim_rng_uniform(rng);
        }
        p->classes[i] = (cim_cc_class){.choices = p->choice[i], .n = count};
        p->lightest += p->choice[i][0].weight;
        p->heaviest += p->choice[i][count - 1].weight;
    }
    p->budget =
        p->lightest - 2 + (int64_t)cim_rng_below(rng, (uint64_t)(p->heaviest - p->lightest + 5));
}

static void exhaustive(const problem *p, uint32_t i, int64_t weight, double sum, double max,
                       double *best_sum, double *best_max)
{
    if (weight > p->budget)
        return;
    if (i == p->n) {
        *best_sum = fmin(*best_sum, sum);
        *best_max = fmin(*best_max, max);
        return;
    }
    for (uint32_t j = 0; j < p->classes[i].n; j++)
        exhaustive(p, i + 1, weight + p->choice[i][j].weight, sum + p->choice[i][j].cost,
                   fmax(max, p->choice[i][j].cost), best_sum, best_max);
}

static double textbook_dp(const problem *p)
{
    size_t m = (size_t)p->budget + 1;
    double *a = malloc(m * sizeof *a), *b = malloc(m * sizeof *b);
    for (size_t w = 0; w < m; w++)
        a[w] = 0.0;
    for (uint32_t i = 0; i < p->n; i++) {
        for (size_t w = 0; w < m; w++) {
            b[w] = INFINITY;
            for (uint32_t j = 0; j < p->classes[i].n; j++)
                if (p->choice[i][j].weight <= (int64_t)w)
                    b[w] = fmin(b[w], a[w - (size_t)p->choice[i][j].weight] + p->choice[i][j].cost);
        }
        double *t = a;
        a = b;
        b = t;
    }
    double best = a[m - 1];
    free(a);
    free(b);
    return best;
}

static double picked_sum(const problem *p, const uint32_t *pick, double *max)
{
    int64_t weight = 0;
    double sum = 0.0;
    *max = 0.0;
    for (uint32_t i = 0; i < p->n; i++) {
        REQUIRE(pick[i] < p->classes[i].n);
        weight += p->choice[i][pick[i]].weight;
        sum += p->choice[i][pick[i]].cost;
        *max = fmax(*max, p->choice[i][pick[i]].cost);
    }
    REQUIRE(weight <= p->budget);
    return sum;
}

static void check_problem(const problem *p, cim_arena *ar, double best_sum, double best_max)
{
    uint32_t pick[MAX_CLASSES];
    bool fits;
    double max, bound;
    cim_arena_reset(ar);
    REQUIRE(cim_cc_knapsack_min_sum(p->classes, p->n, p->budget, ar, pick, &fits) == CIM_OK);
    REQUIRE(fits == (p->lightest <= p->budget));
    double bottleneck = cim_cc_knapsack_min_max(p->classes, p->n, p->budget, 0.0, pick);
    REQUIRE(fits == !isnan(bottleneck));
    if (!fits)
        return;
    picked_sum(p, pick, &max);
    REQUIRE(max == bottleneck);
    if (!isnan(best_max))
        REQUIRE(bottleneck == best_max);
    REQUIRE(cim_cc_knapsack_min_sum(p->classes, p->n, p->budget, ar, pick, &fits) == CIM_OK);
    double sum = picked_sum(p, pick, &max);
    REQUIRE(fabs(sum - best_sum) <= 1e-9 * best_sum);
    REQUIRE(cim_cc_knapsack_greedy(p->classes, p->n, p->budget, ar, pick, &bound, &fits) == CIM_OK);
    REQUIRE(picked_sum(p, pick, &max) >= best_sum * (1 - 1e-9));
    REQUIRE(bound <= best_sum * (1 + 1e-9));
}

static void against_exhaustive_search(void **unused)
{
    (void)unused;
    static problem p;
    cim_arena ar;
    cim_arena_init(&ar);
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        cim_rng *rng = cim_rng_create(seed, "knapsack");
        random_problem(rng, &p, 5, 8);
        double sum = INFINITY, max = INFINITY;
        exhaustive(&p, 0, 0, 0.0, 0.0, &sum, &max);
        seed_now = seed;
        check_problem(&p, &ar, sum, max);
        cim_rng_destroy(rng);
    }
    cim_arena_clear(&ar);
}

static void against_textbook_dynamic_programme(void **unused)
{
    (void)unused;
    static problem p;
    cim_arena ar;
    cim_arena_init(&ar);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        cim_rng *rng = cim_rng_create(seed, "knapsack large");
        random_problem(rng, &p, MAX_CLASSES, MAX_CHOICES);
        if (p.budget > 4000)
            p.budget = 4000;
        double best = p.budget >= p.lightest ? textbook_dp(&p) : 0.0;
        seed_now = seed;
        check_problem(&p, &ar, best, NAN);
        cim_rng_destroy(rng);
    }
    cim_arena_clear(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_exhaustive_search),
        cmocka_unit_test(against_textbook_dynamic_programme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
