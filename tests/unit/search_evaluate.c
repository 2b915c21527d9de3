/* Evaluating a point: against pricing and compiling by hand, and what infeasible means. */
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"
#include "search/aggregate.h"
#include "search/evaluate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_POINTS = 200, MAX_WIDTH = 8 };

static cim_search_spec spec;
static cim_search_evaluator *ev;

static void open_spec(const char *models, const char *aggregate, const char *constraints)
{
    char json[2000];
    cim_err err = {0};
    snprintf(json, sizeof json,
             "{\"model\": %s, \"aggregate\": \"%s\", \"arch\": \"isaac\", \"parameters\": {"
             "\"chip.cores\": {\"range\": [20, 400]}, \"crossbar.rows\": {\"log2\": [32, 512]},"
             "\"crossbar.cols\": {\"expr\": \"crossbar.rows\"},"
             "\"crossbar.adc_bits\": {\"range\": [4, 8]},"
             "\"schedule.duplication\": {\"choice\": [\"exact\", \"none\"]}},"
             "\"constraints\": %s, \"objectives\": [\"latency_s%s\", \"area_mm2%s\"],"
             "\"strategy\": \"random\", \"budget\": {\"evaluations\": %d}}",
             models, aggregate, constraints, strcmp(aggregate, "separate") ? "" : ":resnet18",
             strcmp(aggregate, "separate") ? "" : ":resnet34", N_POINTS);
    cim_status status = cim_search_spec_parse(json, strlen(json), "test", NULL, &spec, &err);
    if (status == CIM_OK)
        status = cim_search_evaluator_create(&spec, &ev, &err);
    if (status != CIM_OK)
        print_error("%s: %s\n", err.where, err.message);
    assert_int_equal(status, CIM_OK);
}

static void close_spec(void)
{
    cim_search_evaluator_destroy(ev);
    cim_search_spec_clear(&spec);
}

static double points[N_POINTS][MAX_WIDTH];

static void draw(uint64_t seed)
{
    cim_hw_sampler *s;
    assert_int_equal(
        cim_hw_sampler_create(spec.space, CIM_HW_SAMPLING_RANDOM, seed, N_POINTS, &s, NULL),
        CIM_OK);
    for (size_t i = 0; i < N_POINTS; i++)
        assert_true(cim_hw_sampler_next(s, points[i]));
    cim_hw_sampler_destroy(s);
}

/* The same point without the evaluator: nothing prepared, nothing remembered. */
static bool by_hand(const double *drawn, const char *model, double *metrics, char *reason)
{
    static cim_hw_arch arch;
    double point[MAX_WIDTH];
    cim_cost_library *library;
    cim_cost_chip chip;
    cim_cc_model *m;
    cim_cc_prepared *prepared;
    cim_cc_result r = {0};
    cim_arena ar;
    memcpy(point, drawn, sizeof point);
    if (!cim_hw_space_resolve(spec.space, point, reason, CIM_CC_REASON))
        return false;
    cim_hw_space_bind(spec.space, &spec.arch, point, &arch);
    if (!cim_hw_arch_consistent(&arch, reason, CIM_CC_REASON))
        return false;
    assert_int_equal(cim_cost_library_load(&library, NULL), CIM_OK);
    bool fits = cim_cost_chip_price(library, &arch, &chip, reason, CIM_CC_REASON);
    cim_cost_library_destroy(library);
    if (!fits)
        return false;
    assert_int_equal(cim_cc_model_load(model, NULL, &m, NULL), CIM_OK);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &prepared, NULL), CIM_OK);
    cim_arena_init(&ar);
    assert_int_equal(cim_cc_compile(prepared, &arch, &chip, &ar, &r, NULL, NULL), CIM_OK);
    cim_arena_clear(&ar);
    cim_cc_prepared_destroy(prepared);
    cim_cc_model_destroy(m);
    memcpy(metrics, r.metrics, sizeof r.metrics);
    snprintf(reason, CIM_CC_REASON, "%s", r.reason);
    return r.feasible;
}

static void test_by_hand(void **state)
{
    (void)state;
    size_t feasible = 0;
    open_spec("\"resnet18\"", "sum", "[]");
    draw(1);
    for (size_t i = 0; i < 40; i++) {
        double metrics[CIM_CC_N_METRICS];
        char reason[CIM_CC_REASON] = "";
        cim_search_result r;
        bool fits = by_hand(points[i], "resnet18", metrics, reason);
        cim_search_evaluate(ev, points[i], i, &r);
        assert_int_equal(r.id, i);
        assert_int_equal(r.state, fits ? CIM_ANA_OK : CIM_ANA_INFEASIBLE);
        assert_true(points[i][2] == points[i][1]); /* the expression was filled in */
        if (fits) {
            assert_memory_equal(r.metrics, metrics, sizeof metrics);
            assert_true(r.violation == 0);
            feasible++;
        } else {
            assert_string_equal(r.reason, reason);
            assert_true(r.reason[0] && r.violation > 0 && isnan(r.metrics[0]));
        }
    }
    assert_true(feasible > 5);
    close_spec();
}

/* What was evaluated before does not matter, and once warm nothing is allocated. */
static void test_pure_and_without_allocation(void **state)
{
    (void)state;
    static cim_search_result first[N_POINTS], again;
    open_spec("[\"resnet18\", \"resnet34\"]", "mean", "[\"area_mm2 <= 100\"]");
    draw(2);
    for (size_t i = 0; i < N_POINTS; i++)
        cim_search_evaluate(ev, points[i], i, &first[i]);
    cim_alloc_fail_after(1);
    for (size_t i = N_POINTS; i-- > 0;) {
        cim_search_evaluate(ev, points[i], i, &again);
        if (memcmp(&again, &first[i], sizeof again) != 0)
            print_error("point %zu: %s\n", i, again.reason);
        assert_memory_equal(&again, &first[i], sizeof again);
    }
    cim_alloc_fail_after(0);
    close_spec();
}

static void evaluate_one(const double *at, cim_search_result *r)
{
    double point[MAX_WIDTH];
    memcpy(point, at, sizeof point);
    cim_search_evaluate(ev, point, 0, r);
}

/* Better-behaved points have smaller violations, in the order the design note gives. */
static void test_violations(void **state)
{
    (void)state;
    cim_search_result near, far, parameter, impossible;
    open_spec("\"resnet18\"", "sum",
              "[\"chip.cores <= 300\", \"area_mm2 <= 5\", \"crossbar.rows >= 64\"]");
    evaluate_one((double[MAX_WIDTH]){100, 128, 0, 8, 0}, &near);
    evaluate_one((double[MAX_WIDTH]){300, 128, 0, 8, 0}, &far);
    evaluate_one((double[MAX_WIDTH]){301, 128, 0, 8, 0}, &parameter);
    evaluate_one((double[MAX_WIDTH]){300, 64, 0, 8, 0}, &impossible); /* parallel_rows is 128 */
    assert_int_equal(near.state, CIM_ANA_INFEASIBLE);
    assert_string_equal(near.reason, "constraint area_mm2 <= 5 does not hold");
    assert_string_equal(parameter.reason, "constraint chip.cores <= 300 does not hold");
    assert_non_null(strstr(impossible.reason, "crossbar.parallel_rows"));
    assert_true(near.violation > 0 && near.violation < far.violation && far.violation <= 1);
    assert_true(far.violation < parameter.violation && parameter.violation < impossible.violation);
    assert_true(impossible.violation == 4);
    for (size_t m = 0; m < spec.n_metrics; m++)
        assert_true(isnan(near.metrics[m]));
    close_spec();
}

static void test_separate(void **state)
{
    (void)state;
    double one[CIM_CC_N_METRICS], two[CIM_CC_N_METRICS];
    char reason[CIM_CC_REASON];
    cim_search_result r;
    open_spec("[\"resnet18\", \"resnet34\"]", "separate", "[]");
    const double at[MAX_WIDTH] = {200, 128, 128, 8, 0};
    evaluate_one(at, &r);
    assert_true(by_hand(at, "resnet18", one, reason) && by_hand(at, "resnet34", two, reason));
    assert_int_equal(r.state, CIM_ANA_OK);
    assert_memory_equal(r.metrics, one, sizeof one);
    assert_memory_equal(r.metrics + CIM_CC_N_METRICS, two, sizeof two);
    close_spec();
}

static void test_plan(void **state)
{
    (void)state;
    static const char *const models[] = {"\"resnet18\"", "[\"resnet18\", \"resnet34\"]"};
    for (size_t i = 0; i < 2; i++) {
        char *json;
        cim_json *doc;
        cim_err err = {0};
        open_spec(models[i], "sum", "[]");
        const double at[MAX_WIDTH] = {200, 128, 0, 8, 0}, bad[MAX_WIDTH] = {200, 64, 0, 8, 0};
        assert_int_equal(cim_search_plan_json(ev, at, &json, &err), CIM_OK);
        assert_int_equal(cim_json_parse(json, strlen(json), "plan", &doc, &err), CIM_OK);
        const cim_json_node *root = cim_json_root(doc);
        if (i == 1) {
            assert_int_equal(cim_json_count(root), 2);
            root = cim_json_first(root);
        }
        assert_non_null(cim_json_find(root, "operators"));
        cim_json_free(doc);
        cim_free(json);
        assert_int_equal(cim_search_plan_json(ev, bad, &json, &err), CIM_E_INPUT);
        close_spec();
    }
}

/* The rules of the design note, term by term. */
static void test_aggregate(void **state)
{
    (void)state;
    double m[3][CIM_CC_N_METRICS], out[CIM_CC_N_METRICS];
    const double latency[3] = {1e-3, 2e-3, 5e-3}, rate[3] = {2000, 500, 400};
    const double energy[3] = {1e-3, 4e-3, 3e-3}, operations[3] = {4e9, 8e9, 2e9};
    for (int i = 0; i < 3; i++) {
        double *v = m[i];
        v[CIM_M_LATENCY_S] = latency[i];
        v[CIM_M_THROUGHPUT_IPS] = rate[i];
        v[CIM_M_ENERGY_J] = energy[i];
        v[CIM_M_AVG_POWER_W] = energy[i] / latency[i];
        v[CIM_M_PEAK_POWER_W] = 3 + i % 2;
        v[CIM_M_AREA_MM2] = 50;
        v[CIM_M_EDP_JS] = energy[i] * latency[i];
        v[CIM_M_SQNR_DB] = 30 - i;
        v[CIM_M_UTILIZATION] = 0.2 * (i + 1);
        v[CIM_M_TOPS] = operations[i] * rate[i] * 1e-12;
        v[CIM_M_TOPS_PER_W] = operations[i] / energy[i] * 1e-12;
        v[CIM_M_TOPS_PER_MM2] = v[CIM_M_TOPS] / 50;
    }
#define NEAR(metric, value) assert_true(fabs(out[metric] - (value)) <= 1e-12 * fabs(value))
    cim_search_aggregate_metrics(CIM_AGGREGATE_SUM, m[0], 3, out);
    NEAR(CIM_M_LATENCY_S, 8e-3);
    NEAR(CIM_M_THROUGHPUT_IPS, 1 / (0.0005 + 0.002 + 0.0025));
    NEAR(CIM_M_ENERGY_J, 8e-3);
    NEAR(CIM_M_AVG_POWER_W, 1.0);
    NEAR(CIM_M_PEAK_POWER_W, 4.0);
    NEAR(CIM_M_AREA_MM2, 50.0);
    NEAR(CIM_M_EDP_JS, 64e-6);
    NEAR(CIM_M_SQNR_DB, 28.0);
    NEAR(CIM_M_UTILIZATION, (0.2 * 1 + 0.4 * 2 + 0.6 * 5) / 8);
    NEAR(CIM_M_TOPS, 14e9 / 0.005 * 1e-12);
    NEAR(CIM_M_TOPS_PER_W, 14e9 / 8e-3 * 1e-12);
    NEAR(CIM_M_TOPS_PER_MM2, 14e9 / 0.005 * 1e-12 / 50);
    cim_search_aggregate_metrics(CIM_AGGREGATE_MEAN, m[0], 3, out);
    NEAR(CIM_M_LATENCY_S, 8e-3 / 3);
    NEAR(CIM_M_THROUGHPUT_IPS, 3 / 0.005);
    NEAR(CIM_M_ENERGY_J, 8e-3 / 3);
    NEAR(CIM_M_AVG_POWER_W, 1.0);
    NEAR(CIM_M_EDP_JS, 64e-6 / 9);
    NEAR(CIM_M_TOPS, 14e9 / 0.005 * 1e-12);
    cim_search_aggregate_metrics(CIM_AGGREGATE_MAX, m[0], 3, out);
    NEAR(CIM_M_LATENCY_S, 5e-3);
    NEAR(CIM_M_THROUGHPUT_IPS, 400.0);
    NEAR(CIM_M_ENERGY_J, 4e-3);
    NEAR(CIM_M_EDP_JS, 15e-6);
    NEAR(CIM_M_SQNR_DB, 28.0);
    NEAR(CIM_M_UTILIZATION, 0.2);
    for (int how = CIM_AGGREGATE_SUM; how <= CIM_AGGREGATE_SEPARATE; how++) {
        cim_search_aggregate_metrics((cim_search_aggregate)how, m[1], 1, out);
        assert_memory_equal(out, m[1], sizeof out); /* one network is itself */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aggregate),
                                       cmocka_unit_test(test_by_hand),
                                       cmocka_unit_test(test_pure_and_without_allocation),
                                       cmocka_unit_test(test_violations),
                                       cmocka_unit_test(test_separate),
                                       cmocka_unit_test(test_plan)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
