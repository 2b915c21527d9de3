/* Specs: what is read, what is written back, and every way to get one wrong. */
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "search/spec.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CORPUS CIM_TEST_DATA "/invalid/spec/"

static const char full[] =
    "{\"format_version\": 1, \"name\": \"all keys\", \"model\": [\"resnet18\", \"vgg16\"],"
    " \"aggregate\": \"separate\", \"arch\": \"isaac\","
    " \"set\": {\"workload.weight_bits\": 4, \"schedule.pipeline\": false},"
    " \"parameters\": {\"chip.cores\": {\"values\": [64, 128, 256]},"
    "   \"crossbar.rows\": {\"log2\": [64, 512]}, \"crossbar.adc_bits\": {\"range\": [4, 10]},"
    "   \"clock_mhz\": {\"real\": [400.1, 1600]}, \"schedule.level\": {\"choice\": [\"none\", "
    "\"cg\"]},"
    "   \"crossbar.cols\": {\"expr\": \"crossbar.rows\"}},"
    " \"constraints\": [\"crossbar.parallel_rows <= crossbar.rows\"],"
    " \"objectives\": [\"latency_s:vgg16\", \"throughput_ips:resnet18\"],"
    " \"strategy\": {\"name\": \"nsga2\", \"seed\": \"18446744073709551615\", \"eta_mutation\": "
    "15},"
    " \"budget\": {\"evaluations\": 20000, \"seconds\": 3600.5}}";

static cim_search_spec spec;

static void parse(const char *text, const cim_search_overrides *o)
{
    cim_err err = {0};
    cim_status status = cim_search_spec_parse(text, strlen(text), "spec.json", o, &spec, &err);
    if (status != CIM_OK)
        print_error("%s: %s\n", err.where, err.message);
    assert_int_equal(status, CIM_OK);
}

static void test_read(void **state)
{
    (void)state;
    parse(full, NULL);
    assert_string_equal(spec.name, "all keys");
    assert_int_equal(spec.n_models, 2);
    assert_int_equal(spec.aggregate, CIM_AGGREGATE_SEPARATE);
    assert_int_equal(spec.n_metrics, 2 * CIM_CC_N_METRICS);
    assert_string_equal(spec.metric_names[CIM_CC_N_METRICS], "latency_s:vgg16");
    assert_int_equal(spec.arch.workload.weight_bits, 4);
    assert_int_equal(spec.arch.schedule.pipeline, 0);
    assert_int_equal(cim_hw_space_n_params(spec.space), 6);
    assert_int_equal(spec.n_objectives, 2);
    assert_int_equal(spec.objectives[0].metric, CIM_CC_N_METRICS + CIM_M_LATENCY_S);
    assert_false(spec.objectives[0].maximise);
    assert_int_equal(spec.objectives[1].metric, CIM_M_THROUGHPUT_IPS);
    assert_true(spec.objectives[1].maximise);
    assert_string_equal(spec.strategy, "nsga2");
    assert_true(spec.seed == UINT64_MAX);
    assert_true(spec.evaluations == 20000 && spec.seconds == 3600.5);
    cim_search_spec_clear(&spec);
}

static void test_defaults(void **state)
{
    (void)state;
    parse("{\"model\": \"resnet18\", \"arch\": \"isaac\", \"objectives\": {\"sqnr_db\": \"min\"},"
          " \"parameters\": {\"chip.cores\": {\"values\": [64]}}, \"strategy\": \"grid\"}",
          NULL);
    assert_int_equal(spec.aggregate, CIM_AGGREGATE_SUM);
    assert_int_equal(spec.n_metrics, CIM_CC_N_METRICS);
    assert_true(spec.seed == 1 && spec.evaluations == 0 && isinf(spec.seconds));
    assert_false(spec.objectives[0].maximise); /* what the user says, not the natural direction */
    cim_search_spec_clear(&spec);
}

static char *text_of(bool with_budget)
{
    cim_text t;
    cim_text_init(&t);
    cim_search_spec_write(&spec, with_budget, &t);
    assert_false(t.failed);
    return t.s;
}

/* The resolved spec read again is the same spec, byte for byte, and has the same identity. */
static void test_round_trip(void **state)
{
    (void)state;
    char first[33], second[33];
    parse(full, NULL);
    char *a = text_of(true), *results = text_of(false);
    assert_int_equal(cim_search_spec_identity(&spec, first, NULL), CIM_OK);
    cim_search_spec_clear(&spec);
    parse(a, NULL);
    char *b = text_of(true);
    assert_int_equal(cim_search_spec_identity(&spec, second, NULL), CIM_OK);
    assert_string_equal(a, b);
    assert_string_equal(first, second);
    assert_non_null(strstr(a, "\"seconds\": 3600.5"));
    assert_null(strstr(results, "seconds"));
    assert_non_null(strstr(a, "\"population\": 100")); /* defaults are written out */
    cim_search_spec_clear(&spec);
    parse(results, NULL);
    cim_search_spec_clear(&spec);
    cim_free(a);
    cim_free(b);
    cim_free(results);
}

static void identity(const char *text, const cim_search_overrides *o, char hex[33])
{
    parse(text, o);
    assert_int_equal(cim_search_spec_identity(&spec, hex, NULL), CIM_OK);
    cim_search_spec_clear(&spec);
}

static void test_identity(void **state)
{
    (void)state;
    static const char lhs[] =
        "{\"model\": \"resnet18\", \"arch\": \"isaac\", \"objectives\": [\"area_mm2\"],"
        " \"parameters\": {\"chip.cores\": {\"range\": [1, 99]}}, \"strategy\": \"lhs\","
        " \"budget\": {\"evaluations\": 10}}";
    char base[33], other[33];
    identity(full, NULL, base);
    identity(full, &(cim_search_overrides){.evaluations = 5, .seconds = 7}, other);
    assert_string_equal(base, other); /* the budget may change between parts of a run */
    identity(full, &(cim_search_overrides){.seed = "7"}, other);
    assert_string_not_equal(base, other);
    identity(lhs, NULL, base);
    identity(lhs, &(cim_search_overrides){.evaluations = 11}, other);
    assert_string_not_equal(base, other); /* the design depends on its size */
}

static void write_library(const char *path, double area)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "{\"format\": \"cimdse-library\", \"format_version\": 1, \"components\": "
            "{\"isaac.shift_add\": {\"kind\": \"shift_add\", \"source\": \"a test\","
            " \"technology\": {\"value\": 32, \"unit\": \"nm\"},"
            " \"supply\": {\"value\": 1, \"unit\": \"V\"},"
            " \"area\": {\"value\": %g, \"unit\": \"um2\"},"
            " \"power\": {\"value\": 0.05, \"unit\": \"mW\"},"
            " \"leakage\": {\"value\": 0, \"unit\": \"mW\"}, \"events\": [\"shift_add\"],"
            " \"rate\": {\"value\": 2.56, \"unit\": \"1/ns\"},"
            " \"replaces\": [\"shift_add\"]}}}",
            area);
    assert_int_equal(fclose(f), 0);
}

/* What a component library holds is part of the identity, where it lies is not. */
static void test_library(void **state)
{
    (void)state;
    static const char format[] =
        "{\"model\": \"vgg8\", \"arch\": \"isaac\", %s\"objectives\": [\"area_mm2\"],"
        " \"parameters\": {\"chip.cores\": {\"range\": [1, 99]}}, \"strategy\": \"grid\"}";
    static const char *const keys[] = {"", "\"library\": \"./search_spec_a.json\", ",
                                       "\"library\": \"./search_spec_b.json\", "};
    char text[3][512], plain[33], a[33], b[33];
    for (int i = 0; i < 3; i++)
        snprintf(text[i], sizeof text[i], format, keys[i]);
    write_library("search_spec_a.json", 60);
    write_library("search_spec_b.json", 60);
    identity(text[0], NULL, plain);
    identity(text[1], NULL, a);
    identity(text[2], NULL, b);
    assert_string_equal(a, b);
    assert_string_not_equal(plain, a);
    parse(text[1], NULL);
    char *resolved = text_of(true), *results = text_of(false);
    cim_search_spec_clear(&spec);
    assert_non_null(strstr(results, "\"search_spec_a.json\""));
    identity(resolved, NULL, b);
    assert_string_equal(a, b);
    write_library("search_spec_a.json", 61);
    identity(text[1], NULL, b);
    assert_string_not_equal(a, b);
    cim_err err = {0}; /* the resolved text promised the file as it was */
    assert_int_equal(cim_search_spec_parse(resolved, strlen(resolved), "s", NULL, &spec, &err),
                     CIM_E_INPUT);
    assert_non_null(strstr(err.where, "/library_digest"));
    cim_free(resolved);
    cim_free(results);
    remove("search_spec_a.json");
    remove("search_spec_b.json");
}

static void test_overrides(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-1", "1x", "18446744073709551616", " 1"};
    parse(full, &(cim_search_overrides){.seed = "12", .evaluations = 3, .seconds = 0.5});
    assert_true(spec.seed == 12 && spec.evaluations == 3 && spec.seconds == 0.5);
    cim_search_spec_clear(&spec);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cim_err err = {0};
        cim_search_overrides o = {.seed = bad[i]};
        assert_int_equal(cim_search_spec_parse(full, strlen(full), "s", &o, &spec, &err),
                         CIM_E_INPUT);
        assert_string_equal(err.where, "--seed");
    }
}

static bool check_file(const char *line)
{
    char file[128], place[128], message[256], path[512];
    cim_err err = {0};
    const char *tab = strchr(line, '\t'), *tab2 = tab ? strchr(tab + 1, '\t') : NULL;
    assert_non_null(tab2);
    snprintf(file, sizeof file, "%.*s", (int)(tab - line), line);
    snprintf(place, sizeof place, "%.*s", (int)(tab2 - tab - 1), tab + 1);
    snprintf(message, sizeof message, "%s", tab2 + 1);
    message[strcspn(message, "\n")] = '\0';
    snprintf(path, sizeof path, CORPUS "%s", file);
    cim_status status = cim_search_spec_load(path, NULL, &spec, &err);
    size_t n = strlen(err.where), k = strlen(place);
    bool ok = status == CIM_E_INPUT && n >= k && !strcmp(err.where + n - k, place) &&
              strstr(err.message, message) && strstr(err.where, file) && err.message[0];
    if (!ok)
        print_error("%s: expected \"...%s\" \"...%s...\", got %d \"%s\" \"%s\"\n", file, place,
                    message, (int)status, err.where, err.message);
    if (status == CIM_OK)
        cim_search_spec_clear(&spec);
    return ok;
}

static void test_invalid(void **state)
{
    (void)state;
    char line[1024];
    size_t listed = 0, files = 0, wrong = 0;
    FILE *f = fopen(CORPUS "expected.txt", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            continue;
        wrong += !check_file(line);
        listed++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    DIR *d = opendir(CORPUS);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        files += strstr(e->d_name, ".json") != NULL;
    closedir(d);
    assert_int_equal(listed, files); /* every file of the corpus is in the table */
}

/* Every prefix of a spec is refused without a crash, every allocation may fail. */
static void test_broken(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(full); n++) {
        cim_err err = {0};
        assert_int_equal(cim_search_spec_parse(full, n, "s", NULL, &spec, &err), CIM_E_INPUT);
    }
    cim_status status = CIM_E_NOMEM;
    unsigned long n = 0;
    while (status == CIM_E_NOMEM && n < 20000) {
        cim_err err = {0};
        cim_alloc_fail_after(++n);
        status = cim_search_spec_parse(full, strlen(full), "s", NULL, &spec, &err);
        cim_alloc_fail_after(0);
        if (status != CIM_OK && status != CIM_E_NOMEM)
            print_error("allocation %lu: %d %s: %s\n", n, (int)status, err.where, err.message);
    }
    assert_int_equal(status, CIM_OK);
    cim_search_spec_clear(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),       cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_identity),
        cmocka_unit_test(test_library),    cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_invalid),    cmocka_unit_test(test_broken)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
