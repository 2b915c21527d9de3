/* Parameters, computed parameters, constraints, levels, what `space show` prints. */
#include "hwspace/base/memory.h"
#include "hwspace/space.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const metrics[] = {"latency_s", "energy_j", "area_mm2", "sqnr_db",
                                      "latency_s:res-net 18"};
enum { N_METRICS = sizeof metrics / sizeof *metrics };
static cim_hw_arch base;

static int setup(void **state)
{
    (void)state;
    return cim_hw_arch_load("isaac", &base, NULL) != CIM_OK;
}

static int teardown(void **state)
{
    (void)state;
    cim_hw_arch_clear(&base);
    return 0;
}

static cim_status read_doc(cim_json *doc, cim_hw_space **space, cim_err *err)
{
    const cim_json_node *root = cim_json_root(doc);
    cim_status s = cim_hw_space_read(doc, cim_json_find(root, "parameters"),
                                     cim_json_find(root, "constraints"), &base, metrics, N_METRICS,
                                     space, err);
    cim_json_free(doc);
    return s;
}

static cim_hw_space *space_of(const char *text)
{
    cim_json *doc;
    cim_hw_space *space;
    cim_err err = {0};
    if (cim_json_parse(text, strlen(text), "spec", &doc, &err) != CIM_OK ||
        read_doc(doc, &space, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    return space;
}

static const char example[] =
    "{\"parameters\": {"
    "\"chip.cores\": {\"values\": [512, 64, 128, 256]},"
    "\"crossbar.rows\": {\"log2\": [64, 512]},"
    "\"crossbar.adc_bits\": {\"range\": [4, 10]},"
    "\"clock_mhz\": {\"real\": [400, 1600]},"
    "\"supply_v\": {\"range\": [0.6, 1.0, 0.1]},"
    "\"core.crossbars\": {\"range\": [8, 96, 40]},"
    "\"schedule.level\": {\"choice\": [\"mvm\", \"cg\"]},"
    "\"schedule.pipeline\": {\"choice\": [true, false]},"
    "\"device.type\": {\"values\": [\"reram\", \"pcm\"]},"
    "\"crossbar.cols\": {\"expr\": \"crossbar.rows\"},"
    "\"crossbar.parallel_rows\": {\"expr\": \"min(crossbar.cols / 2, 128)\"}},"
    "\"constraints\": [\"crossbar.parallel_rows <= crossbar.rows\", \"area_mm2 <= 200\","
    "\"schedule.level == mvm || chip.cores > 100\", \"schedule.pipeline\","
    "\"latency_s:res-net 18 < 1e-3\", \"chip.noc_bits_per_cycle < 1e6\"]}";

static void test_domains(void **state)
{
    (void)state;
    cim_hw_space *s = space_of(example);
    assert_int_equal(cim_hw_space_n_params(s), 11);
    static const double cores[] = {512, 64, 128, 256}, rows[] = {64, 128, 256, 512},
                        volts[] = {0.6, 0.7, 0.8, 0.9, 1.0};
    assert_int_equal(cim_hw_space_param(s, 0)->n_levels, 4);
    assert_int_equal(cim_hw_space_param(s, 1)->n_levels, 4);
    for (uint64_t k = 0; k < 4; k++) {
        assert_true(cim_hw_space_level_value(s, 0, k) == cores[k]);
        assert_true(cim_hw_space_level_value(s, 1, k) == rows[k]);
    }
    assert_int_equal(cim_hw_space_param(s, 2)->n_levels, 7);
    assert_true(cim_hw_space_level_value(s, 2, 6) == 10);
    assert_int_equal(cim_hw_space_param(s, 3)->n_levels, 0);
    assert_int_equal(cim_hw_space_param(s, 4)->n_levels, 5);
    for (uint64_t k = 0; k < 5; k++)
        assert_true(fabs(cim_hw_space_level_value(s, 4, k) - volts[k]) < 1e-12);
    assert_true(cim_hw_space_level_value(s, 4, 4) <= 1.0);
    assert_int_equal(cim_hw_space_param(s, 5)->n_levels, 3); /* 8, 48, 88 */
    assert_true(cim_hw_space_level_value(s, 5, 2) == 88);
    assert_true(cim_hw_space_level_value(s, 6, 0) == CIM_HW_LEVEL_MVM);
    assert_true(cim_hw_space_level_value(s, 7, 0) == 1);
    assert_int_equal(cim_hw_space_param(s, 8)->domain, CIM_HW_DOMAIN_CHOICE);
    assert_true(cim_hw_space_level_value(s, 8, 1) == CIM_HW_DEVICE_PCM);
    assert_int_equal(cim_hw_space_param(s, 9)->domain, CIM_HW_DOMAIN_EXPR);
    assert_string_equal(cim_hw_space_expr_text(s, 9), "crossbar.rows");
    assert_null(cim_hw_space_expr_text(s, 0));
    assert_true(isinf(cim_hw_space_size(s)));
    cim_hw_space_destroy(s);
    s = space_of("{\"parameters\": {\"chip.cores\": {\"range\": [1, 7]},"
                 "\"schedule.pipeline\": {\"choice\": [true, false]},"
                 "\"clock_mhz\": {\"real\": [800, 800]},"
                 "\"crossbar.cols\": {\"expr\": \"crossbar.rows\"}}}");
    assert_true(cim_hw_space_size(s) == 14);
    assert_true(cim_hw_space_level_value(s, 2, 0) == 800);
    cim_hw_space_destroy(s);
}

static void test_levels(void **state)
{
    (void)state;
    cim_hw_space *s = space_of(example);
    for (size_t i = 0; i < cim_hw_space_n_params(s); i++) {
        const cim_hw_param *p = cim_hw_space_param(s, i);
        for (uint64_t k = 0; k < p->n_levels; k++)
            if (p->domain != CIM_HW_DOMAIN_EXPR)
                assert_int_equal(cim_hw_space_level_of(s, i, cim_hw_space_level_value(s, i, k)), k);
    }
    assert_int_equal(cim_hw_space_level_of(s, 0, 100), 2); /* 128 of 512, 64, 128, 256 */
    assert_int_equal(cim_hw_space_level_of(s, 1, 90), 0);  /* 64 is nearer than 128 */
    assert_int_equal(cim_hw_space_level_of(s, 1, 97), 1);
    assert_int_equal(cim_hw_space_level_of(s, 1, 1e9), 3);
    assert_int_equal(cim_hw_space_level_of(s, 1, -5), 0);
    assert_int_equal(cim_hw_space_level_of(s, 2, 7.4), 3);
    assert_int_equal(cim_hw_space_level_of(s, 2, NAN), 0);
    assert_int_equal(cim_hw_space_level_of(s, 5, 1e300), 2);
    /* Equal bins of the unit interval. */
    assert_true(cim_hw_space_unit_value(s, 2, 0) == 4);
    assert_true(cim_hw_space_unit_value(s, 2, 1.0 / 7 - 1e-9) == 4);
    assert_true(cim_hw_space_unit_value(s, 2, 1.0 / 7 + 1e-9) == 5);
    assert_true(cim_hw_space_unit_value(s, 2, 1 - 1e-16) == 10);
    assert_true(cim_hw_space_unit_value(s, 3, 0.25) == 700);
    assert_true(cim_hw_space_unit_value(s, 3, 1) == 1600);
    cim_hw_space_destroy(s);
}

static void test_resolve(void **state)
{
    (void)state;
    cim_hw_space *s = space_of(example);
    char reason[256] = "";
    double p[11] = {64, 256, 8, 1000, 0.8, 48, CIM_HW_LEVEL_MVM, 1, CIM_HW_DEVICE_PCM, -7, -7};
    assert_true(cim_hw_space_resolve(s, p, reason, sizeof reason));
    assert_true(p[9] == 256 && p[10] == 128);
    p[1] = 64;
    assert_true(cim_hw_space_resolve(s, p, reason, sizeof reason));
    assert_true(p[9] == 64 && p[10] == 32);
    cim_hw_arch a;
    cim_hw_space_bind(s, &base, p, &a);
    assert_int_equal(a.chip.cores, 64);
    assert_int_equal(a.crossbar.rows, 64);
    assert_int_equal(a.crossbar.cols, 64);
    assert_int_equal(a.crossbar.parallel_rows, 32);
    assert_int_equal(a.schedule.level, CIM_HW_LEVEL_MVM);
    assert_int_equal(a.schedule.pipeline, 1);
    assert_int_equal(a.device.type, CIM_HW_DEVICE_PCM);
    assert_true(a.clock_mhz == 1000 && a.supply_v == 0.8);
    assert_int_equal(a.crossbar.dac_bits, base.crossbar.dac_bits);
    assert_string_equal(a.name, "isaac");
    cim_hw_space_destroy(s);
}

static void expect_resolve(const char *expr, const char *path, double rows, const char *reason_part,
                           double value)
{
    char text[600], reason[256] = "";
    /* The expression comes first, so that order in the file is no help. */
    snprintf(
        text, sizeof text,
        "{\"parameters\": {\"%s\": {\"expr\": \"%s\"}, \"crossbar.rows\": {\"range\": [1, 8192]}}}",
        path, expr);
    cim_hw_space *s = space_of(text);
    double p[2] = {0, rows};
    bool ok = cim_hw_space_resolve(s, p, reason, sizeof reason);
    if (ok != !reason_part || (ok && p[0] != value))
        fail_msg("%s gave %.17g, \"%s\"", expr, p[0], reason);
    if (reason_part && !strstr(reason, reason_part))
        fail_msg("%s: reason \"%s\", expected \"%s\"", expr, reason, reason_part);
    cim_hw_space_destroy(s);
}

static void test_resolve_types(void **state)
{
    (void)state;
    expect_resolve("crossbar.rows / 2", "crossbar.cols", 128, NULL, 64);
    expect_resolve("crossbar.rows / 2", "crossbar.cols", 129, "gives 64.5, allowed is an integer",
                   0);
    expect_resolve("crossbar.rows * 2", "crossbar.cols", 8192, "gives 16384", 0);
    expect_resolve("crossbar.rows - 1", "crossbar.cols", 1, "gives 0", 0);
    expect_resolve("1 / (crossbar.rows - 1)", "crossbar.cols", 1, "gives inf", 0);
    expect_resolve("sqrt(1 - crossbar.rows)", "crossbar.cols", 5, "nan", 0);
    /* log2(8) * 3 and friends round to what was meant. */
    expect_resolve("10 ^ (ln(crossbar.rows) / ln(10))", "crossbar.cols", 1000, NULL, 1000);
    expect_resolve("crossbar.rows / 1000", "supply_v", 700, NULL, 0.7);
    expect_resolve("crossbar.rows > 100 ? mvm : cg", "schedule.level", 128, NULL, CIM_HW_LEVEL_MVM);
    expect_resolve("crossbar.rows > 100 ? mvm : cg", "schedule.level", 64, NULL, CIM_HW_LEVEL_CG);
    expect_resolve("crossbar.rows > 100 ? vvm : cg", "schedule.level", 128, NULL, 3);
    expect_resolve("crossbar.rows > 100", "schedule.pipeline", 128, NULL, 1);
    expect_resolve("chip.cores + core.crossbars", "crossbar.cols", 5, NULL, 168 + 96); /* base */
    /* Absent in the base: no limit. */
    expect_resolve("min(chip.buffer_kib, crossbar.rows)", "core.buffer_kib", 32, NULL, 32);
}

static bool holds(const cim_hw_space *s, size_t i, const cim_hw_arch *a, const double *m, double *v)
{
    *v = -1;
    return cim_hw_space_constraint_holds(s, i, a, m, v);
}

static void test_constraints(void **state)
{
    (void)state;
    cim_hw_space *s = space_of(example);
    double v, m[N_METRICS] = {0.5e-3, 1, 300, 20, 2e-3};
    assert_int_equal(cim_hw_space_n_constraints(s), 6);
    assert_string_equal(cim_hw_space_constraint(s, 1), "area_mm2 <= 200");
    assert_false(cim_hw_space_constraint_uses_metrics(s, 0));
    assert_true(cim_hw_space_constraint_uses_metrics(s, 1));
    assert_true(cim_hw_space_constraint_uses_metrics(s, 4));
    cim_hw_arch a = base;
    assert_true(holds(s, 0, &a, NULL, &v) && v == 0);
    a.crossbar.parallel_rows = 384; /* 128 rows: (384 - 128) / (384 + 128) */
    assert_true(!holds(s, 0, &a, NULL, &v) && v == 0.5);
    assert_true(!holds(s, 1, &a, m, &v) && fabs(v - 0.2) < 1e-15);
    m[2] = 200;
    assert_true(holds(s, 1, &a, m, &v) && v == 0);
    a.schedule.level = CIM_HW_LEVEL_CG;
    a.chip.cores = 100;
    assert_true(!holds(s, 2, &a, NULL, &v) && v == 1);
    a.schedule.level = CIM_HW_LEVEL_MVM;
    assert_true(holds(s, 2, &a, NULL, &v));
    assert_true(holds(s, 3, &a, NULL, &v));
    a.schedule.pipeline = 0;
    assert_true(!holds(s, 3, &a, NULL, &v) && v == 1);
    assert_true(!holds(s, 4, &a, m, &v) && fabs(v - 1.0 / 3) < 1e-15);
    m[4] = 1e-3; /* "<" broken by equality is still broken, by little */
    assert_true(!holds(s, 4, &a, m, &v) && v > 0 && v < 1e-15);
    m[4] = NAN;
    assert_true(!holds(s, 4, &a, m, &v) && v == 1);
    assert_true(holds(s, 5, &a, NULL, &v));
    a.chip.noc_bits_per_cycle = NAN; /* no bottleneck: infinite */
    assert_true(!holds(s, 5, &a, NULL, &v) && v == 1);
    cim_hw_space_destroy(s);
}

static void test_comparisons(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool holds;
        double violation;
    } cases[] = {
        {"2 + 3 * 4 == 14", true, 0},
        {"3 >= 4", false, 1.0 / 7},
        {"3 > 3", false, 2.3e-16},
        {"3 < 2", false, 0.2},
        {"3 == 1", false, 0.5},
        {"3 != 3", false, 1},
        {"0 == 0", true, 0},
        {"0 > 0", false, 1},
        {"-2 ^ 2 == -4", true, 0},
        {"2 ^ 3 ^ 2 == 512", true, 0},
        {"2 ^ -1 == 0.5", true, 0},
        {"1 < 2 && 2 < 3", true, 0},
        {"1 < 2 && 3 < 2", false, 1},
        {"1 > 2 || 3 < 2 || 1 == 1", true, 0},
        {"(1 < 2) + (2 < 3) == 2", true, 0},
        {"1 - -2 == 3", true, 0},
        {"+2 == 2", true, 0},
        {"mod(7, 4) == 3", true, 0},
        {"max(1, 5, 3) - min(4, 2, 9) == 3", true, 0},
        {"floor(2.7) + ceil(2.2) + round(2.5) == 8", true, 0},
        {"abs(-1.5e0) == .15E+1", true, 0},
        {"log2(8) + log10(100) + ln(exp(1)) == 6", true, 0},
        {"sqrt(-1) != 1", false, 1},
        {"computing_mode == crossbar", true, 0},
        {"core != computing_mode", true, 0},
        {"chip.noc >= bus && chip.noc <= torus", true, 0},
        {"schedule.duplication == none", false, 1},
        {"device.type == reram ? 1 == 1 : 1 == 2", true, 0},
        {"schedule.pipeline == true", true, 0},
        {"schedule.stagger == true", true, 0},
        {"chip.buffer_kib > 1e300", true, 0},
        {"(chip.cores) * core.crossbars * crossbar.rows * crossbar.cols * 2 == 63 * 2 ^ 23", true,
         0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "{\"parameters\": {\"chip.cores\": {\"values\": [1]}}, \"constraints\": [\"%s\"]}",
                 cases[i].text);
        cim_hw_space *s = space_of(text);
        double v;
        bool h = holds(s, 0, &base, NULL, &v);
        if (h != cases[i].holds || fabs(v - cases[i].violation) > 1e-16)
            fail_msg("%s: %s, violation %.17g", cases[i].text, h ? "holds" : "broken", v);
        cim_hw_space_destroy(s);
    }
}

static void test_invalid_files(void **state)
{
    (void)state;
    char *table;
    size_t size, n = 0;
    assert_int_equal(
        cim_file_read(CIM_TEST_DATA "/invalid/space/expected.tsv", 1 << 20, &table, &size, NULL),
        CIM_OK);
    char *save = NULL;
    for (char *line = strtok_r(table, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
        char *pointer = strchr(line, '\t'), *message = pointer ? strchr(pointer + 1, '\t') : NULL;
        assert_non_null(message);
        *pointer++ = *message++ = '\0';
        char path[512], place[1024];
        snprintf(path, sizeof path, "%s/invalid/space/%s", CIM_TEST_DATA, line);
        snprintf(place, sizeof place, "%s:%s", path, pointer);
        cim_json *doc;
        cim_hw_space *space;
        cim_err err = {0};
        assert_int_equal(cim_json_load(path, &doc, &err), CIM_OK);
        cim_status s = read_doc(doc, &space, &err);
        if (s == CIM_OK)
            fail_msg("%s was accepted", line);
        assert_int_equal(s, CIM_E_INPUT);
        if (strcmp(err.where, place) != 0 || !strstr(err.message, message))
            fail_msg("%s\n  gave:     %s: %s\n  expected: %s: %s", line, err.where, err.message,
                     place, message);
    }
    assert_true(n >= 70);
    cim_free(table);
}

static void test_show(void **state)
{
    (void)state;
    cim_hw_space *s = space_of(example);
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, true);
    assert_int_equal(cim_hw_space_write_json(s, &base, 3, 1, &w, NULL), CIM_OK);
    cim_json *doc;
    assert_int_equal(cim_json_parse(t.s, t.n, "show", &doc, NULL), CIM_OK);
    const cim_json_node *root = cim_json_root(doc), *examples = cim_json_find(root, "examples");
    assert_int_equal(cim_json_count(cim_json_find(root, "parameters")), 11);
    assert_int_equal(cim_json_count(examples), 3);
    assert_int_equal(cim_json_count(cim_json_find(root, "constraints")), 6);
    assert_int_equal(cim_json_type_of(cim_json_find(root, "size")), CIM_JSON_NULL);
    double share = -1;
    assert_int_equal(
        cim_json_double(doc, cim_json_find(root, "feasible_share"), 0, 1, &share, NULL), CIM_OK);
    /* Half the points have the pipeline on; of those 7/8 satisfy level == mvm || cores > 100. */
    assert_true(fabs(share - 0.5 * 7 / 8) < 0.06);
    const cim_json_node *point = cim_json_find(cim_json_first(examples), "point");
    assert_int_equal(cim_json_type_of(cim_json_find(point, "schedule.level")), CIM_JSON_STRING);
    assert_int_equal(cim_json_type_of(cim_json_find(point, "schedule.pipeline")), CIM_JSON_BOOL);
    cim_json_free(doc);
    cim_text_clear(&t);
    assert_int_equal(cim_hw_space_write_text(s, &base, 2, 1, &t), CIM_OK);
    assert_non_null(strstr(t.s, "crossbar.rows                log2    64 to 512  (4 levels)"));
    assert_non_null(strstr(t.s, "= min(crossbar.cols / 2, 128)"));
    assert_non_null(strstr(t.s, "points: infinitely many"));
    assert_non_null(strstr(t.s, "area_mm2 <= 200  (after evaluation)"));
    cim_text_clear(&t);
    cim_hw_space_destroy(s);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    cim_json *doc;
    assert_int_equal(cim_json_parse(example, strlen(example), "spec", &doc, NULL), CIM_OK);
    const cim_json_node *root = cim_json_root(doc);
    unsigned long k = 1;
    for (;; k++) {
        cim_hw_space *space = NULL;
        cim_err err = {0};
        cim_alloc_fail_after(k);
        cim_status s = cim_hw_space_read(doc, cim_json_find(root, "parameters"),
                                         cim_json_find(root, "constraints"), &base, metrics,
                                         N_METRICS, &space, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK) {
            cim_hw_space_destroy(space);
            break;
        }
        assert_int_equal(s, CIM_E_NOMEM);
        assert_null(space);
        assert_true(k < 1000);
    }
    assert_true(k > 20);
    cim_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains),           cmocka_unit_test(test_levels),
        cmocka_unit_test(test_resolve),           cmocka_unit_test(test_resolve_types),
        cmocka_unit_test(test_constraints),       cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_invalid_files),     cmocka_unit_test(test_show),
        cmocka_unit_test(test_allocation_failure)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
