/* ISAAC-CE from its components alone: every published power and area of Table I (Shafiee et al.,
 * ISCA 2016, corrected version), within the rounding of the paper. */
#include "costmodel/cost.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static cim_cost_library *lib;
static cim_hw_arch isaac;
static cim_cost_chip chip;

static int setup(void **state)
{
    (void)state;
    cim_err err = {CIM_OK, "", ""};
    char reason[256] = "";
    if (cim_cost_library_load(&lib, &err) != CIM_OK ||
        cim_hw_arch_load("isaac", &isaac, &err) != CIM_OK ||
        cim_hw_arch_set(&isaac, "workload.weight_bits=16", &err) != CIM_OK ||
        cim_hw_arch_set(&isaac, "workload.activation_bits=16", &err) != CIM_OK) {
        print_error("%s: %s\n", err.where, err.message);
        return -1;
    }
    if (!cim_cost_chip_price(lib, &isaac, &chip, reason, sizeof reason)) {
        print_error("%s\n", reason);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cim_hw_arch_clear(&isaac);
    cim_cost_library_destroy(lib);
    return 0;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        fail_msg("%.8g instead of %.8g (off by %.3f %%)", got, want, 100 * (got / want - 1));
}

static double sum(const double *v)
{
    double s = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        s += v[k];
    return s;
}

/* Power of one kind of one crossbar: own dynamic energy x rate, and its leakage [mW]. */
static double crossbar_mw(cim_cost_kind kind)
{
    double mw = chip.own_leak_mw[CIM_HW_TIER_CROSSBAR][kind];
    double n = (double)(isaac.chip.cores * isaac.core.crossbars);
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        if (cim_cost_event_kind((cim_cost_event)e) == kind)
            mw += chip.own_unit_pj[CIM_HW_TIER_CROSSBAR][e] * chip.max_rate[e] / n;
    return mw;
}

static void test_ima_components(void **state)
{
    (void)state;
    near(8 * crossbar_mw(CIM_COST_ADC), 16, 3e-3); /* the table rounds 1.667 pJ to 1.67 */
    near(8 * crossbar_mw(CIM_COST_DAC), 4, 5e-3);
    near(8 * crossbar_mw(CIM_COST_SAMPLE_HOLD), .01, .01);
    near(8 * crossbar_mw(CIM_COST_CROSSBAR), 2.4, 1e-6);
    near(8 * crossbar_mw(CIM_COST_SHIFT_ADD), .2, 1e-6);
    near(8 * crossbar_mw(CIM_COST_REGISTER), 1.24 + .23, 1e-6);
    const double *area = chip.own_area_um2[CIM_HW_TIER_CROSSBAR];
    near(8 * area[CIM_COST_ADC], 9600, 1e-6);
    near(8 * area[CIM_COST_DAC], 170, 1e-3);
    near(8 * area[CIM_COST_SAMPLE_HOLD], 40, 2e-3);
    near(8 * area[CIM_COST_CROSSBAR], 200, 1e-6);
    near(8 * area[CIM_COST_SHIFT_ADD], 240, 1e-6);
    near(8 * area[CIM_COST_REGISTER], 2870, 1e-6);
}

static void test_hierarchy(void **state)
{
    (void)state;
    near(8 * chip.tier_peak_mw[CIM_HW_TIER_CROSSBAR], 24.08, 1e-3);
    near(8 * chip.tier_area_um2[CIM_HW_TIER_CROSSBAR], 13120, 1e-3);
    near(96 * chip.tier_peak_mw[CIM_HW_TIER_CROSSBAR], 289, 1e-3);
    near(96 * chip.tier_area_um2[CIM_HW_TIER_CROSSBAR], 157000, 5e-3);
    near(chip.tier_peak_mw[CIM_HW_TIER_CORE], 330, 2e-3);
    near(chip.tier_area_um2[CIM_HW_TIER_CORE], 372000, 2e-3);
    near(168 * chip.tier_peak_mw[CIM_HW_TIER_CORE], 55400, 2e-3);
    near(168 * chip.tier_area_um2[CIM_HW_TIER_CORE], 62.5e6, 2e-3);
}

static void test_chip(void **state)
{
    (void)state;
    double watts = sum(chip.peak_mw) * 1e-3, tops = cim_cost_peak_tops(&isaac, &chip);
    near(watts, 65.8, 2e-3);
    near(chip.area_mm2, 85.4, 2e-3);
    near(tops, 41.3, 1e-3);
    near(tops / chip.area_mm2, .479, .01); /* the paper prints 478.95 GOPS/s/mm2 */
    near(tops / watts, .6275, .01);
    near(cim_cost_mvm_ns(&isaac, &chip), 1600, 1e-12);
    near(cim_hw_arch_capacity_bits(&isaac) / 8 / 1048576 / chip.area_mm2, .74, .01);
}

/* A listed buffer holds what it holds: a core of 128 KiB has two of ISAAC's 64 KiB, one of 16 KiB still one. */
static void test_buffer_capacity(void **state)
{
    (void)state;
    static const struct {
        double kib, instances;
    } t[] = {{16, 1}, {64, 1}, {96, 1.5}, {128, 2}, {NAN, 1}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        cim_hw_arch a = isaac;
        cim_cost_chip c;
        char reason[256];
        a.core.buffer_kib = t[i].kib;
        assert_true(cim_cost_chip_price(lib, &a, &c, reason, sizeof reason));
        near(c.area_um2[CIM_COST_LOCAL_BUFFER], 168 * (t[i].instances * 83000 + 90000), 1e-12);
        near(c.leak_mw[CIM_COST_LOCAL_BUFFER], 168 * t[i].instances * .46, 1e-12);
        near(c.unit_pj[CIM_EV_L1_READ_BIT], chip.unit_pj[CIM_EV_L1_READ_BIT], 1e-12);
    }
}

/* 2 mW while converting 128 columns every 100 ns, a tenth of it leakage. */
static void test_conversion_energy(void **state)
{
    (void)state;
    double total =
        chip.unit_pj[CIM_EV_ADC] + chip.own_leak_mw[CIM_HW_TIER_CROSSBAR][CIM_COST_ADC] * 100 / 128;
    near(total, 2.0 * 100 / 128, 3e-3);
    near(chip.own_leak_mw[CIM_HW_TIER_CROSSBAR][CIM_COST_ADC], .2, 3e-3);
    near(chip.unit_pj[CIM_EV_CELL_READ], 30.0 / 16384, 1e-6);
}

static void test_writing_is_pumas(void **state)
{
    (void)state;
    near(chip.write_row_ns * 128, 10969, 1e-4);
    near(chip.unit_pj[CIM_EV_CELL_WRITE] * 16384, 21125, 1e-4);
}

static void test_every_breakdown_sums(void **state)
{
    (void)state;
    near(sum(chip.area_um2) * 1e-6, chip.area_mm2, 1e-15);
    near(sum(chip.leak_mw), chip.leakage_mw, 1e-15);
    near(chip.tier_area_um2[CIM_HW_TIER_CHIP] + 168 * chip.tier_area_um2[CIM_HW_TIER_CORE],
         chip.area_mm2 * 1e6, 1e-12);
    near(chip.tier_peak_mw[CIM_HW_TIER_CHIP] + 168 * chip.tier_peak_mw[CIM_HW_TIER_CORE],
         sum(chip.peak_mw), 1e-12);
}

static void test_unknown_component(void **state)
{
    (void)state;
    cim_hw_arch a = isaac;
    cim_cost_chip out;
    char reason[256] = "";
    strcpy(a.parts[0].component, "isaac.flux_capacitor");
    assert_false(cim_cost_chip_price(lib, &a, &out, reason, sizeof reason));
    assert_non_null(strstr(reason, "isaac.flux_capacitor"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ima_components),
        cmocka_unit_test(test_hierarchy),
        cmocka_unit_test(test_chip),
        cmocka_unit_test(test_buffer_capacity),
        cmocka_unit_test(test_conversion_energy),
        cmocka_unit_test(test_writing_is_pumas),
        cmocka_unit_test(test_every_breakdown_sums),
        cmocka_unit_test(test_unknown_component),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
