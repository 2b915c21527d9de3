/* A dataset with every kind of column, for the tests of analysis. */
#ifndef CIM_TESTS_ANALYSIS_SAMPLE_H
#define CIM_TESTS_ANALYSIS_SAMPLE_H

#include "analysis/dataset.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sample_levels[] = {"cg", "mvm", "vvm, \"deep\"", NULL};

static void sample_schema(cim_ana_dataset *d)
{
    static const char *const units[] = {"s", "J", "mm2", "1/s"};
    static const char *const metrics[] = {"latency_s", "energy_j", "area_mm2", "throughput_ips"};
    cim_ana_dataset_init(d);
    d->n_params = 5;
    snprintf(d->params[0].name, CIM_ANA_NAME, "chip.cores");
    d->params[0].type = CIM_ANA_INT;
    snprintf(d->params[1].name, CIM_ANA_NAME, "clock_mhz");
    snprintf(d->params[1].unit, sizeof d->params[1].unit, "MHz");
    d->params[1].type = CIM_ANA_REAL;
    snprintf(d->params[2].name, CIM_ANA_NAME, "schedule.level");
    d->params[2].type = CIM_ANA_ENUM;
    d->params[2].words = sample_levels;
    snprintf(d->params[3].name, CIM_ANA_NAME, "schedule.pipeline");
    d->params[3].type = CIM_ANA_BOOL;
    snprintf(d->params[4].name, CIM_ANA_NAME, "device.cells/unit%%");
    d->params[4].type = CIM_ANA_INT;
    d->n_metrics = 4;
    for (size_t i = 0; i < 4; i++) {
        snprintf(d->metrics_info[i].name, CIM_ANA_NAME, "%s", metrics[i]);
        snprintf(d->metrics_info[i].unit, sizeof d->metrics_info[i].unit, "%s", units[i]);
    }
    d->n_objectives = 3;
    d->objectives[0] = (cim_ana_objective){0, false};
    d->objectives[1] = (cim_ana_objective){1, false};
    d->objectives[2] = (cim_ana_objective){3, true};
    d->spec_json = cim_strdup("{\"name\": \"sample µ\"}");
    snprintf(d->seed, sizeof d->seed, "18446744073709551615");
    d->complete = true;
}

/* Row i of a smooth trade-off with a state, a reason and noise that depend on i alone. */
static cim_status sample_row(cim_ana_dataset *d, uint64_t i)
{
    double cores = (double)(16 << i % 6), noise = 1 + (double)(i * 2654435761u % 1000) / 500;
    double clock = 400 + (double)(i * 40503 % 1200) + 0.1;
    double point[5] = {cores, clock, (double)(i % 3), (double)(i % 2), 7};
    double latency = noise / (cores * clock * 1e3);
    double metrics[4] = {latency, noise * (1e-3 + 1e-6 * cores + 1e-7 * clock), 0.5 * cores,
                         1 / latency};
    char reason[96];
    snprintf(reason, sizeof reason, "area %d mm2, allowed \"%llu\"", 12, (unsigned long long)i % 4);
    if (i % 10 == 3) {
        point[2] = 17; /* a word the column does not have */
        return cim_ana_dataset_add(d, i, CIM_ANA_INFEASIBLE, reason, point, metrics, NULL);
    }
    if (i % 100 == 50)
        return cim_ana_dataset_add(d, i, CIM_ANA_FAILED, "no result,\nline two", point, NULL, NULL);
    if (i % 97 == 5)
        metrics[0] = INFINITY; /* feasible, but not comparable */
    return cim_ana_dataset_add(d, i, CIM_ANA_OK, NULL, point, metrics, NULL);
}

/* n rows, sorted, with front and plans. */
static void sample_fill(cim_ana_dataset *d, uint64_t n)
{
    sample_schema(d);
    for (uint64_t i = 0; i < n; i++)
        if (sample_row(d, i) != CIM_OK)
            abort();
    if (cim_ana_dataset_front(d, NULL) != CIM_OK)
        abort();
    d->plans = cim_alloc(d->n_front, sizeof *d->plans);
    for (size_t i = 0; i < d->n_front; i++) {
        char plan[128];
        snprintf(plan, sizeof plan, "{\"tool\": \"cimdse\", \"row\": %llu}",
                 (unsigned long long)d->front[i]);
        d->plans[i] = cim_strdup(plan);
    }
}

#endif
