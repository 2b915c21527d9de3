/* Times of sorting, filtering and hypervolume at the sizes published for moocore 0.20 and pagmo2
 * 2.18 (measured on a 2-core Debian 12 machine), and ratios of our own: against comparing all
 * pairs, and how time grows with the number of points. Prints, asserts nothing. */
#include "analysis/dataset.h"
#include "analysis/pareto.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *cloud(size_t n, size_t m, bool sphere)
{
    double *p = cim_alloc(n, m * sizeof *p);
    cim_rng *rng = cim_rng_create(1, "bench");
    if (!p || !rng)
        abort();
    for (size_t i = 0; i < n; i++) {
        double norm = 0;
        for (size_t k = 0; k < m; k++) {
            double *x = &p[i * m + k];
            *x = sphere ? fabs(cim_rng_normal(rng)) : cim_rng_uniform(rng);
            norm += *x * *x;
        }
        for (size_t k = 0; k < m && sphere; k++)
            p[i * m + k] = 1 - p[i * m + k] / sqrt(norm);
    }
    cim_rng_destroy(rng);
    return p;
}

enum { RANK, FILTER, VOLUME };

static double seconds(int what, size_t n, size_t m)
{
    double *p = cloud(n, m, what == VOLUME), best = INFINITY, v, ref[16];
    uint32_t *rank = cim_alloc(n, sizeof *rank);
    bool *keep = cim_alloc(n, 1);
    for (size_t k = 0; k < m; k++)
        ref[k] = 1.1;
    for (int i = 0; i < 5; i++) {
        double t = now();
        cim_status s = what == RANK     ? cim_ana_pareto_rank(p, n, m, rank, NULL)
                       : what == FILTER ? cim_ana_pareto_filter(p, n, m, keep, NULL)
                                        : cim_ana_hypervolume(p, n, m, ref, &v, NULL);
        if (s != CIM_OK)
            abort();
        t = now() - t;
        best = t < best ? t : best;
        if (t > 1)
            break;
    }
    cim_free(p);
    cim_free(rank);
    cim_free(keep);
    return best;
}

static const struct {
    int what;
    size_t n, m;
    double moocore, pagmo; /* seconds, 0: not measured */
} cases[] = {
    {RANK, 10000, 2, 0.00075, 2.27},
    {RANK, 10000, 3, 0.0054, 1.69},
    {RANK, 10000, 4, 0.018, 1.70},
    {RANK, 100000, 2, 0, 0},
    {RANK, 100000, 3, 0.16, 0},
    {RANK, 100000, 4, 0.65, 240},
    {FILTER, 100000, 3, 0, 0},
    {FILTER, 100000, 4, 0.025, 0},
    {FILTER, 1000000, 3, 0, 0},
    {VOLUME, 100000, 2, 0, 0},
    {VOLUME, 100000, 3, 0.043, 0.047},
    {VOLUME, 3000, 4, 0.0075, 0.22},
    {VOLUME, 10000, 4, 0, 0},
    {VOLUME, 1000, 5, 0.014, 0.084},
    {VOLUME, 2000, 5, 0, 0},
    {VOLUME, 500, 6, 0.41, 0.19},
    {VOLUME, 200, 7, 0, 0},
    {VOLUME, 100, 8, 0, 0},
};

/* All pairs, the textbook way. */
static double seconds_pairs(size_t n, size_t m)
{
    double *p = cloud(n, m, false), t = now();
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            count += cim_ana_dominates(p + m * j, p + m * i, m) < 0;
    t = now() - t;
    cim_free(p);
    return count ? t : 0;
}

static double seconds_archive(size_t n, size_t m)
{
    double *p = cloud(n, m, true), t = now();
    cim_ana_archive *a = cim_ana_archive_create(m);
    for (size_t i = 0; i < n; i++)
        if (cim_ana_archive_insert(a, p + m * i, i) < 0)
            abort();
    t = now() - t;
    cim_ana_archive_destroy(a);
    cim_free(p);
    return t;
}

/* Front and history of a dataset of n rows. */
static double seconds_front(size_t n, size_t m, bool sphere)
{
    double *p = cloud(n, m, sphere), t;
    cim_ana_dataset d;
    cim_ana_dataset_init(&d);
    d.n_metrics = d.n_objectives = m;
    for (size_t k = 0; k < m; k++)
        d.objectives[k] = (cim_ana_objective){(uint32_t)k, false};
    for (size_t i = 0; i < n; i++)
        if (cim_ana_dataset_add(&d, i, CIM_ANA_OK, NULL, NULL, p + m * i, NULL) != CIM_OK)
            abort();
    t = now();
    if (cim_ana_dataset_front(&d, NULL) != CIM_OK)
        abort();
    t = now() - t;
    printf("front+history %s n %7zu m %zu  %9.4f s  front %zu%s\n", sphere ? "sphere" : "cloud ", n,
           m, t, d.n_front, d.history_sampled ? ", sampled" : "");
    cim_ana_dataset_clear(&d);
    cim_free(p);
    return t;
}

int main(void)
{
    static const char *const names[] = {"rank", "filter", "hypervolume"};
    printf("%-12s %8s %2s %10s %22s %20s\n", "", "points", "m", "seconds", "moocore published/ours",
           "pagmo2 published/ours");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double t = seconds(cases[i].what, cases[i].n, cases[i].m);
        printf("%-12s %8zu %2zu %10.5f", names[cases[i].what], cases[i].n, cases[i].m, t);
        if (cases[i].moocore > 0)
            printf(" %22.2f", cases[i].moocore / t);
        else
            printf(" %22s", "-");
        if (cases[i].pagmo > 0)
            printf(" %20.2f", cases[i].pagmo / t);
        putchar('\n');
        fflush(stdout);
    }
    for (size_t m = 2; m <= 4; m++)
        printf("all pairs / rank, 1e4 points, m %zu: %.0f\n", m,
               seconds_pairs(10000, m) / seconds(RANK, 10000, m));
    for (size_t m = 2; m <= 5; m++)
        printf("archive, 1e4 nondominated inserts, m %zu: %.2f us each\n", m,
               1e6 * seconds_archive(10000, m) / 1e4);
    seconds_front(1000000, 3, false);
    seconds_front(1000000, 4, false);
    seconds_front(100000, 3, true);
    seconds_front(100000, 4, true);
    return 0;
}
