/* Reading the component library: every mistake of the corpus is named with file and JSON pointer,
 * entries of a user's file replace built-in ones, and no allocation failure leaks or crashes. */
#include "costmodel/cost.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_corpus(void **state)
{
    (void)state;
    const char *folder = CIM_TEST_DATA "/invalid/library";
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/expected.txt", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int files = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *where = strchr(line, '|');
        if (line[0] == '#' || !where)
            continue;
        *where++ = '\0';
        char *says = strchr(where, '|');
        assert_non_null(says);
        *says++ = '\0';
        cim_err err = {CIM_OK, "", ""};
        cim_cost_library *lib = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, line);
        cim_status st = cim_cost_library_load_file(path, &lib, &err);
        if (st != CIM_E_INPUT || lib)
            fail_msg("%s: status %d, not refused as input", line, (int)st);
        if (!strstr(err.where, where) || !strstr(err.message, says) || !err.message[0])
            fail_msg("%s: \"%s: %s\" lacks \"%s\" or \"%s\"", line, err.where, err.message, where,
                     says);
        files++;
    }
    fclose(f);
    assert_true(files >= 40);
}

static void price(const cim_cost_library *lib, const char *set, cim_cost_chip *out)
{
    cim_hw_arch a;
    char reason[256] = "";
    assert_int_equal(cim_hw_arch_load("isaac", &a, NULL), CIM_OK);
    if (set)
        assert_int_equal(cim_hw_arch_set(&a, set, NULL), CIM_OK);
    if (!cim_cost_chip_price(lib, &a, out, reason, sizeof reason))
        fail_msg("%s", reason);
    cim_hw_arch_clear(&a);
}

static void test_override(void **state)
{
    (void)state;
    cim_cost_library *plain = NULL, *mine = NULL;
    cim_err err = {CIM_OK, "", ""};
    cim_cost_chip a, b;
    assert_int_equal(cim_cost_library_load(&plain, &err), CIM_OK);
    if (cim_cost_library_load_file(CIM_TEST_DATA "/valid/library/override.json", &mine, &err))
        fail_msg("%s: %s", err.where, err.message);
    price(plain, NULL, &a);
    price(mine, NULL, &b);
    assert_true(fabs(b.unit_pj[CIM_EV_CELL_READ] - 3e-3) < 1e-12);
    assert_true(fabs(b.unit_pj[CIM_EV_ALU_ADD] - 1) < 1e-12);
    assert_true(fabs(b.unit_pj[CIM_EV_ADC] - a.unit_pj[CIM_EV_ADC]) < 1e-12);
    assert_true(fabs(b.unit_pj[CIM_EV_ALU_SPECIAL] - a.unit_pj[CIM_EV_ALU_SPECIAL]) < 1e-12);
    /* A model of another form under a known name: data, no code. */
    char reason[256] = "";
    cim_hw_arch arch;
    assert_int_equal(cim_hw_arch_load("isaac", &arch, NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_set(&arch, "adc.model=silicon", NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_set(&arch, "crossbar.adc_msps=1000", NULL), CIM_OK);
    assert_false(cim_cost_chip_price(mine, &arch, &b, reason, sizeof reason)); /* 8 bits */
    assert_non_null(strstr(reason, "4 to 5 bits"));
    assert_int_equal(cim_hw_arch_set(&arch, "crossbar.adc_bits=5", NULL), CIM_OK);
    assert_true(cim_cost_chip_price(mine, &arch, &b, reason, sizeof reason));
    assert_true(fabs(b.unit_pj[CIM_EV_ADC] - 2) < 1e-12);
    cim_hw_arch_clear(&arch);
    cim_cost_library_destroy(plain);
    cim_cost_library_destroy(mine);
}

static void test_missing_file(void **state)
{
    (void)state;
    cim_err err = {CIM_OK, "", ""};
    cim_cost_library *lib = NULL;
    assert_int_equal(cim_cost_library_load_file("/nowhere/lib.json", &lib, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.where, "/nowhere/lib.json"));
    cim_cost_library_destroy(NULL);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    for (unsigned long n = 1;; n += n < 60 ? 1 : n / 7) {
        cim_cost_library *lib = NULL;
        cim_err err = {CIM_OK, "", ""};
        cim_alloc_fail_after(n);
        cim_status st = cim_cost_library_load(&lib, &err);
        cim_alloc_fail_after(0);
        if (st == CIM_OK) {
            cim_cost_library_destroy(lib);
            break;
        }
        assert_int_equal(st, CIM_E_NOMEM);
        assert_null(lib);
    }
}

/* Every component of the library prices on its own at every tier. */
static void test_every_preset(void **state)
{
    (void)state;
    cim_cost_library *lib = NULL;
    const char *name;
    char line[256], reason[256] = "";
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    size_t i = 0;
    for (; cim_hw_preset_at(i, &name, line, sizeof line); i++) {
        cim_hw_arch a;
        cim_cost_chip c;
        assert_int_equal(cim_hw_arch_load(name, &a, NULL), CIM_OK);
        if (!cim_cost_chip_price(lib, &a, &c, reason, sizeof reason))
            fail_msg("%s: %s", name, reason);
        assert_true(c.area_mm2 > 0 && cim_cost_peak_tops(&a, &c) > 0);
        cim_hw_arch_clear(&a);
    }
    assert_true(i >= 4);
    cim_cost_library_destroy(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),       cmocka_unit_test(test_override),
        cmocka_unit_test(test_missing_file), cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_every_preset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
