/* The ZDT functions (Zitzler, Deb, Thiele 2000), both objectives minimised, and a run of NSGA-II
 * on one of them. Shared by the property test and the benchmark. */
#ifndef CIM_TESTS_PROP_SEARCH_ZDT_H
#define CIM_TESTS_PROP_SEARCH_ZDT_H

#include "analysis/pareto.h"
#include "hwspace/base/memory.h"
#include "search/nsga2.h"

#include <math.h>
#include <stdlib.h>

#define ZDT_PI 3.14159265358979323846
enum { ZDT_MAX_N = 30 };

typedef struct zdt_problem {
    const char *name;
    size_t n;
    int kind;
    double reference; /* best of pagmo2 2.18 and pymoo: population 100, 250 generations, median of
                         11 seeds, hypervolume to (1.1, 1.1) */
    double limit;     /* hypervolume of the true front */
} zdt_problem;

static const zdt_problem zdt_problems[] = {{"ZDT1", 30, 1, 0.86963, 0.87667},
                                           {"ZDT2", 30, 2, 0.53628, 0.54333},
                                           {"ZDT3", 30, 3, 1.32768, 1.33176},
                                           {"ZDT4", 10, 4, 0.86634, 0.87667},
                                           {"ZDT6", 10, 6, 0.49647, 0.50788}};
enum { ZDT_N = sizeof zdt_problems / sizeof zdt_problems[0] };

static inline void zdt_evaluate(int kind, const double *x, size_t n, double *f)
{
    double sum = 0, g;
    for (size_t i = 1; i < n; i++)
        sum += kind == 4 ? x[i] * x[i] - 10 * cos(4 * ZDT_PI * x[i]) : x[i];
    f[0] = x[0];
    if (kind == 6) {
        f[0] = 1 - exp(-4 * x[0]) * pow(sin(6 * ZDT_PI * x[0]), 6);
        g = 1 + 9 * pow(sum / (double)(n - 1), 0.25);
    } else if (kind == 4) {
        g = 1 + 10 * (double)(n - 1) + sum;
    } else {
        g = 1 + 9 * sum / (double)(n - 1);
    }
    double r = f[0] / g;
    if (kind == 1 || kind == 4)
        f[1] = g * (1 - sqrt(r));
    else if (kind == 3)
        f[1] = g * (1 - sqrt(r) - r * sin(10 * ZDT_PI * f[0]));
    else
        f[1] = g * (1 - r * r);
}

/* Hypervolume of the final population; negative on failure. */
static inline double zdt_run(const zdt_problem *p, uint64_t seed, size_t generations)
{
    static double genes[100 * ZDT_MAX_N], f[100 * 2], violation[100];
    cim_search_genome genome;
    if (cim_search_genome_init(&genome, p->n, NULL) != CIM_OK)
        return -1;
    for (size_t i = 0; i < p->n; i++)
        genome.genes[i] = p->kind == 4 && i > 0 ? (cim_search_gene){.lo = -5, .hi = 5}
                                                : (cim_search_gene){.lo = 0, .hi = 1};
    cim_search_genome_ready(&genome);
    cim_search_nsga2_options o = cim_search_nsga2_defaults;
    o.seed = seed;
    cim_search_nsga2 *s;
    if (cim_search_nsga2_create(&genome, 2, &o, &s, NULL) != CIM_OK)
        return -1;
    for (size_t g = 0; g < generations; g++) {
        size_t n = cim_search_nsga2_ask(s, 100, genes);
        for (size_t i = 0; i < n; i++)
            zdt_evaluate(p->kind, genes + i * p->n, p->n, f + 2 * i);
        if (cim_search_nsga2_tell(s, f, violation, n, NULL) != CIM_OK)
            return -1;
    }
    size_t n = cim_search_nsga2_size(s);
    for (size_t i = 0; i < n; i++) {
        const double *fi;
        double v;
        cim_search_nsga2_at(s, i, &fi, &v);
        f[2 * i] = fi[0];
        f[2 * i + 1] = fi[1];
    }
    double hv = -1, reference[2] = {1.1, 1.1};
    if (cim_ana_hypervolume(f, n, 2, reference, &hv, NULL) != CIM_OK)
        hv = -1;
    cim_search_nsga2_destroy(s);
    return hv;
}

static inline int zdt_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double zdt_median(const zdt_problem *p, size_t seeds, size_t generations)
{
    double hv[64];
    for (size_t i = 0; i < seeds; i++)
        hv[i] = zdt_run(p, i + 1, generations);
    qsort(hv, seeds, sizeof *hv, zdt_ascending);
    return hv[seeds / 2];
}

#endif
