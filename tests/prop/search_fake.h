/* A spec over a real parameter space and a pool that computes an analytic function instead of
 * compiling networks: what strategies and the engine are tested with. */
#ifndef CIM_TESTS_PROP_SEARCH_FAKE_H
#define CIM_TESTS_PROP_SEARCH_FAKE_H

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "search/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Read "parameters", "constraints" and "strategy" of a JSON text; isaac, all metrics, objectives
 * latency_s and energy_j minimised. @return false with the reason printed */
static inline bool fake_spec(cim_search_spec *s, const char *json, uint64_t evaluations)
{
    cim_err err = {0};
    const char *metrics[CIM_CC_N_METRICS];
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "fake");
    s->n_metrics = CIM_CC_N_METRICS;
    for (size_t i = 0; i < s->n_metrics; i++) {
        metrics[i] = cim_cc_metric_names[i];
        snprintf(s->metric_names[i], CIM_ANA_NAME, "%s", metrics[i]);
    }
    s->n_objectives = 2;
    s->objectives[0].metric = CIM_M_LATENCY_S;
    s->objectives[1].metric = CIM_M_ENERGY_J;
    s->evaluations = evaluations;
    s->seconds = INFINITY;
    cim_status status = cim_json_parse(json, strlen(json), "fake", &s->doc, &err);
    if (status == CIM_OK)
        status = cim_hw_arch_load("isaac", &s->arch, &err);
    const cim_json_node *root = status == CIM_OK ? cim_json_root(s->doc) : NULL;
    if (status == CIM_OK)
        status = cim_hw_space_read(s->doc, cim_json_find(root, "parameters"),
                                   cim_json_find(root, "constraints"), &s->arch, metrics,
                                   s->n_metrics, &s->space, &err);
    if (status == CIM_OK) {
        const char *name;
        s->strategy_options = cim_json_find(root, "strategy");
        const cim_json_node *seed = cim_json_find(s->strategy_options, "seed");
        s->seed = 1;
        if (seed)
            status = cim_json_u64(s->doc, seed, &s->seed, &err);
        if (status == CIM_OK)
            status =
                cim_json_string(s->doc, cim_json_find(s->strategy_options, "name"), &name, &err);
        if (status == CIM_OK)
            snprintf(s->strategy, sizeof s->strategy, "%s", name);
    }
    if (status != CIM_OK)
        fprintf(stderr, "fake spec: %s: %s\n", err.where, err.message);
    return status == CIM_OK;
}

typedef enum fake_kind {
    FAKE_PLAIN,
    FAKE_SOME_INFEASIBLE,
    FAKE_ALL_INFEASIBLE,
    FAKE_FAILING
} fake_kind;

/* Smooth in the free parameters, two conflicting objectives; a third of the points infeasible
 * with a graded violation where that is asked for. */
static inline void fake_evaluate(const cim_search_spec *s, fake_kind kind, double *point,
                                 uint64_t id, cim_search_result *r)
{
    size_t n = cim_hw_space_n_params(s->space);
    double a = 0, b = 0;
    memset(r, 0, sizeof *r);
    r->id = id;
    bool fits = cim_hw_space_resolve(s->space, point, r->reason, sizeof r->reason);
    for (size_t i = 0; i < n; i++) {
        double x = log2(1 + fabs(point[i])) / 11;
        a += x * x;
        b += (1 - x) * (1 - x) * (double)(i + 1);
    }
    uint64_t h = cim_hash64(point, n * sizeof *point, 7);
    bool broken = kind == FAKE_ALL_INFEASIBLE || (kind == FAKE_SOME_INFEASIBLE && h % 3 == 0);
    if (kind == FAKE_FAILING && h % 5 == 0) {
        r->state = CIM_ANA_FAILED;
        snprintf(r->reason, sizeof r->reason, "failed on purpose");
    } else if (broken || !fits) {
        r->state = CIM_ANA_INFEASIBLE;
        r->violation = 0.01 + (double)(h % 100) / 100;
        snprintf(r->reason, sizeof r->reason, "infeasible by %d", (int)(h % 10));
    }
    for (size_t m = 0; m < CIM_ANA_MAX_COLUMNS; m++)
        r->metrics[m] = r->state == CIM_ANA_OK ? a + (double)m : (double)NAN;
    if (r->state == CIM_ANA_OK) {
        r->metrics[CIM_M_LATENCY_S] = a;
        r->metrics[CIM_M_ENERGY_J] = b;
    }
}

typedef struct fake_pool {
    cim_search_pool base;
    const cim_search_spec *spec;
    fake_kind kind;
    uint64_t evaluated;              /* by this pool */
    uint64_t stop_after, fail_after; /* 0: never */
} fake_pool;

static inline cim_status fake_pool_evaluate(cim_search_pool *pool, double *points, size_t n,
                                            uint64_t first_id, cim_search_result *results,
                                            size_t *done, cim_err *err)
{
    fake_pool *p = (fake_pool *)pool;
    size_t width = cim_hw_space_n_params(p->spec->space);
    for (*done = 0; *done < n; ++*done) {
        if (p->fail_after && p->evaluated >= p->fail_after)
            return cim_err_set(err, CIM_E_IO, "fake", "the pool broke");
        if ((p->stop_after && p->evaluated >= p->stop_after) || cim_search_pool_stopped(pool))
            return CIM_OK;
        fake_evaluate(p->spec, p->kind, points + *done * width, first_id + *done, &results[*done]);
        p->evaluated++;
    }
    return CIM_OK;
}

static inline fake_pool fake_pool_of(const cim_search_spec *spec, fake_kind kind, int workers)
{
    return (fake_pool){
        .base = {.evaluate = fake_pool_evaluate, .n_workers = workers}, .spec = spec, .kind = kind};
}

#endif
