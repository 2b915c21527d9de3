/* The report of `arch show`: keys of the interface, breakdowns that sum, consistency of the
 * crossbar's product with its power, and the text for people. */
#include "costmodel/cost.h"
#include "hwspace/base/json.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct shown {
    cim_hw_arch arch;
    cim_cost_chip chip;
    cim_json *doc;
    const cim_json_node *root;
} shown;

static void show(const char *preset, const char *const *sets, shown *s)
{
    cim_cost_library *lib = NULL;
    cim_err err = {CIM_OK, "", ""};
    char reason[256] = "";
    cim_text t;
    cim_jw w;
    assert_int_equal(cim_cost_library_load(&lib, &err), CIM_OK);
    assert_int_equal(cim_hw_arch_load(preset, &s->arch, &err), CIM_OK);
    for (; *sets; sets++)
        if (cim_hw_arch_set(&s->arch, *sets, &err))
            fail_msg("%s", err.message);
    if (!cim_cost_chip_price(lib, &s->arch, &s->chip, reason, sizeof reason))
        fail_msg("%s", reason);
    cim_text_init(&t);
    cim_jw_init(&w, &t, true);
    cim_cost_arch_report_write(&s->arch, &s->chip, &w);
    if (cim_json_parse(cim_text_str(&t), strlen(cim_text_str(&t)), "report", &s->doc, &err))
        fail_msg("%s: %s", err.where, err.message);
    s->root = cim_json_root(s->doc);
    cim_text_clear(&t);
    cim_cost_library_destroy(lib);
}

static void forget(shown *s)
{
    cim_json_free(s->doc);
    cim_hw_arch_clear(&s->arch);
}

static double number(const shown *s, const cim_json_node *object, const char *key)
{
    double v = NAN;
    const cim_json_node *n = cim_json_find(object, key);
    if (!n)
        fail_msg("no key %s", key);
    if (cim_json_double(s->doc, n, 0, 1e30, &v, NULL))
        fail_msg("%s is no number", key);
    return v;
}

static double sum(const shown *s, const cim_json_node *object, const char *key)
{
    double total = 0;
    const cim_json_node *n = cim_json_find(object, key);
    if (!n)
        fail_msg("no key %s", key);
    for (const cim_json_node *e = cim_json_first(n); e; e = cim_json_next(e))
        total += number(s, n, cim_json_key(e));
    return total;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        fail_msg("%.17g instead of %.17g", got, want);
}

static void test_isaac(void **state)
{
    (void)state;
    static const char *const sets[] = {"workload.weight_bits=16", "workload.activation_bits=16",
                                       NULL};
    shown s;
    show("isaac", sets, &s);
    near(number(&s, s.root, "peak_tops"), 41.3, .01);
    near(number(&s, s.root, "area_mm2"), 85.4, .01);
    near(number(&s, s.root, "peak_power_w"), 65.8, .01);
    near(number(&s, s.root, "tops_per_w"), .6275, .01);
    near(number(&s, s.root, "tops_per_mm2"), .479, .0101);
    near(number(&s, s.root, "weight_capacity_bits"), 168.0 * 96 * 128 * 128 * 2, 1e-12);
    near(sum(&s, s.root, "area_breakdown_mm2"), number(&s, s.root, "area_mm2"), 1e-12);
    near(sum(&s, s.root, "peak_power_breakdown_w"), number(&s, s.root, "peak_power_w"), 1e-12);
    near(sum(&s, s.root, "leakage_breakdown_w"), number(&s, s.root, "leakage_w"), 1e-12);
    const cim_json_node *xb = cim_json_find(s.root, "crossbar");
    assert_non_null(xb);
    near(number(&s, xb, "mvm_interval_s"), 1.6e-6, 1e-12);
    near(number(&s, xb, "mvm_s"), 1.6e-6 + 100e-9 + 1e-6 / 1200, 1e-9);
    near(sum(&s, xb, "energy_breakdown_j"), number(&s, xb, "mvm_energy_j"), 1e-12);
    near(sum(&s, xb, "area_breakdown_mm2"), number(&s, xb, "area_mm2"), 1e-12);
    /* A crossbar flat out draws its peak power: energy of a product over its interval, but for
     * the leakage while the pipeline drains. */
    double drain = number(&s, xb, "mvm_s") - number(&s, xb, "mvm_interval_s");
    double leak = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        leak += s.chip.own_leak_mw[CIM_HW_TIER_CROSSBAR][k] * 1e-3;
    near((number(&s, xb, "mvm_energy_j") - leak * drain) / number(&s, xb, "mvm_interval_s"),
         number(&s, xb, "peak_power_w"), 1e-9);
    assert_non_null(cim_json_find(cim_json_find(s.root, "arch"), "crossbar"));
    assert_int_equal(cim_json_count(cim_json_find(s.root, "warnings")), 0);
    assert_int_equal(cim_json_count(cim_json_find(s.root, "tiers")), 3);
    assert_true(cim_json_count(cim_json_find(s.root, "not_a_bottleneck")) >= 1);
    forget(&s);
}

/* One-bit and per-MAC figures are the others in other units; the cell is the library's. */
static void test_derived(void **state)
{
    (void)state;
    static const char *const sets[] = {"workload.weight_bits=4", NULL};
    shown s;
    show("isaac", sets, &s);
    const cim_json_node *one = cim_json_find(s.root, "one_bit"),
                        *xb = cim_json_find(s.root, "crossbar"),
                        *cell = cim_json_find(s.root, "cell");
    assert_true(one && xb && cell);
    near(number(&s, one, "tops"), 4 * 8 * number(&s, s.root, "peak_tops"), 1e-12);
    near(number(&s, one, "tops_per_w"), 4 * 8 * number(&s, s.root, "tops_per_w"), 1e-12);
    near(number(&s, one, "tops_per_mm2"), 4 * 8 * number(&s, s.root, "tops_per_mm2"), 1e-12);
    near(number(&s, xb, "mac_energy_j") * 128 * 64, number(&s, xb, "mvm_energy_j"), 1e-12);
    near(number(&s, xb, "tops_per_w"), 2e-12 / number(&s, xb, "mac_energy_j"), 1e-12);
    near(number(&s, cell, "area_um2") * 128 * 128, 25, 1e-6); /* ISAAC's crossbar */
    near(number(&s, cell, "endurance_cycles"), 1e6, 1e-12);
    near(number(&s, cell, "conductance_sigma"), .1, 1e-12);
    near(number(&s, cell, "resistance_on_ohm"), 1333, 1e-12);
    near(number(&s, cell, "pitch_per_adc_um"), 5, 1e-3);
    forget(&s);
}

/* ISAAC's 100 ns are for its 128 rows: twice the rows read in twice the time. */
static void test_read_time_follows_rows(void **state)
{
    (void)state;
    static const char *const taller[] = {"crossbar.rows=256", NULL},
                             *const stated[] = {"crossbar.rows=256", "crossbar.read_rows=256",
                                                NULL},
                             *const shorter[] = {"crossbar.rows=64", "crossbar.parallel_rows=64",
                                                 NULL};
    static const struct {
        const char *const *sets;
        double read_s;
    } rows[] = {{taller, 200e-9}, {stated, 100e-9}, {shorter, 100e-9}};
    for (size_t i = 0; i < 3; i++) {
        shown s;
        show("isaac", rows[i].sets, &s);
        near(number(&s, cim_json_find(s.root, "crossbar"), "read_s"), rows[i].read_s, 1e-12);
        forget(&s);
    }
}

static void test_warnings(void **state)
{
    (void)state;
    static const char *const sets[] = {"supply_v=0.4", "crossbar.adc_msps=600",
                                       "core.buffer_bits_per_cycle=2048", NULL};
    shown s;
    show("isaac", sets, &s);
    assert_int_equal(cim_json_count(cim_json_find(s.root, "warnings")), 3);
    forget(&s);
}

static void test_text(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    shown s;
    cim_text t;
    show("isaac", none, &s);
    cim_text_init(&t);
    cim_cost_arch_report_text(&s.arch, &s.chip, &t);
    static const char *const says[] = {"168 cores",  "96 crossbars",     "128 x 128", "TOPS/mm2",
                                       "528.5 Mbit", "not a bottleneck", "adc",       "total"};
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        if (!strstr(cim_text_str(&t), says[i]))
            fail_msg("the text lacks \"%s\":\n%s", says[i], cim_text_str(&t));
    cim_text_clear(&t);
    cim_text_init(&t); /* running out of memory leaves a failed text, nothing worse */
    cim_alloc_fail_after(2);
    cim_cost_arch_report_text(&s.arch, &s.chip, &t);
    cim_alloc_fail_after(0);
    cim_text_clear(&t);
    forget(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isaac),
        cmocka_unit_test(test_derived),
        cmocka_unit_test(test_read_time_follows_rows),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
