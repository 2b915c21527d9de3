/* NSGA-II against the best of pagmo2 and pymoo on the ZDT functions: median hypervolume over 11
 * seeds, population 100, 250 generations, and the cost per evaluation beside the function. */
#include "tests/prop/search_zdt.h"

#include "hwspace/base/rng.h"

#include <stdio.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
    enum { SEEDS = 11, GENERATIONS = 250 };
    cim_rng_library_init();
    printf("%-8s %10s %10s %8s %10s %12s\n", "problem", "median_hv", "reference", "ratio", "limit",
           "us_per_eval");
    for (size_t i = 0; i < ZDT_N; i++) {
        const zdt_problem *p = &zdt_problems[i];
        double start = now_s();
        double hv = zdt_median(p, SEEDS, GENERATIONS);
        double us = (now_s() - start) * 1e6 / (SEEDS * GENERATIONS * 100);
        printf("%-8s %10.5f %10.5f %8.5f %10.5f %12.2f\n", p->name, hv, p->reference,
               hv / p->reference, p->limit, us);
    }
    return 0;
}
