/* Rows per second that results.h5 is written and read at, its size, and exports.
 *   bench_analysis_store [ROWS] */
#include "analysis/store.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PARAMS = 14, METRICS = 12 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(cim_status s, const cim_err *err)
{
    if (s != CIM_OK) {
        fprintf(stderr, "%s: %s\n", err->where, err->message);
        exit(1);
    }
}

static void fill(cim_ana_dataset *d, size_t rows)
{
    static const char *const levels[] = {"none", "cg", "mvm", "vvm", NULL};
    cim_err err = {0};
    cim_rng *rng = cim_rng_create(1, "bench");
    cim_ana_dataset_init(d);
    d->n_params = PARAMS;
    d->n_metrics = METRICS;
    d->n_objectives = 3;
    for (size_t i = 0; i < PARAMS; i++) {
        snprintf(d->params[i].name, CIM_ANA_NAME, "tier.parameter_%zu", i);
        d->params[i].type = i < 9    ? CIM_ANA_INT
                            : i < 11 ? CIM_ANA_REAL
                            : i < 12 ? CIM_ANA_BOOL
                                     : CIM_ANA_ENUM;
        d->params[i].words = i >= 12 ? levels : NULL;
    }
    for (size_t i = 0; i < METRICS; i++)
        snprintf(d->metrics_info[i].name, CIM_ANA_NAME, "metric_%zu", i);
    for (uint32_t k = 0; k < 3; k++)
        d->objectives[k] = (cim_ana_objective){k, false};
    for (uint64_t row = 0; row < rows; row++) {
        double point[PARAMS], metrics[METRICS];
        bool ok = cim_rng_below(rng, 4) > 0;
        for (size_t i = 0; i < PARAMS; i++)
            point[i] = i < 9    ? (double)(1 << cim_rng_below(rng, 9))
                       : i < 11 ? cim_rng_uniform(rng)
                       : i < 12 ? (double)cim_rng_below(rng, 2)
                                : (double)cim_rng_below(rng, 4);
        for (size_t i = 0; i < METRICS; i++)
            metrics[i] = exp(cim_rng_normal(rng));
        must(cim_ana_dataset_add(d, row, ok ? CIM_ANA_OK : CIM_ANA_INFEASIBLE,
                                 "constraint \"area_mm2 <= 200\" does not hold", point, metrics,
                                 &err),
             &err);
    }
    cim_rng_destroy(rng);
}

static void report(const char *what, double seconds, size_t rows)
{
    printf("%-22s %8.3f s  %10.0f rows/s\n", what, seconds, (double)rows / seconds);
}

int main(int argc, char **argv)
{
    size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    static cim_ana_dataset d, back;
    cim_err err = {0};
    char dir[] = "/tmp/cimdse-bench-XXXXXX", path[64], hex[33];
    struct stat st;
    struct rusage usage;
    cim_text csv;
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/results.h5", dir);
    double t = now();
    fill(&d, rows);
    report("make and add", now() - t, rows);
    t = now();
    must(cim_ana_dataset_front(&d, &err), &err);
    report("front and history", now() - t, rows);
    t = now();
    must(cim_ana_store_write(path, &d, &err), &err);
    report("write", now() - t, rows);
    if (stat(path, &st) == 0)
        printf("%-22s %8.1f MB, %.1f bytes per row of %d columns\n", "file",
               (double)st.st_size / 1e6, (double)st.st_size / (double)rows, PARAMS + METRICS + 3);
    t = now();
    cim_ana_dataset_init(&back);
    must(cim_ana_store_read(path, &back, &err), &err);
    report("read", now() - t, rows);
    t = now();
    must(cim_ana_dataset_digest(&back, hex, &err), &err);
    report("digest", now() - t, rows);
    t = now();
    cim_text_init(&csv);
    cim_ana_csv(&back, NULL, 0, &csv);
    report("csv", now() - t, rows);
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory            %8.1f MB for %.1f MB of values, twice\n",
           (double)usage.ru_maxrss / 1e3, (double)rows * (PARAMS + METRICS + 1.6) * 8 / 1e6);
    cim_text_clear(&csv);
    cim_ana_dataset_clear(&d);
    cim_ana_dataset_clear(&back);
    remove(path);
    return rmdir(dir);
}
