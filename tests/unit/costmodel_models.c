/* The library's models against published numbers: ADC models, technology scaling, buffers, wires,
 * devices, digital cells. Numbers are typed in here from the publications, not read from the
 * library. */
#include "costmodel/cost.h"
#include "costmodel/library.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static cim_cost_library *lib;

static int setup(void **state)
{
    (void)state;
    cim_err err = {CIM_OK, "", ""};
    if (cim_cost_library_load(&lib, &err) != CIM_OK) {
        print_error("%s: %s\n", err.where, err.message);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cim_cost_library_destroy(lib);
    return 0;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        fail_msg("%.8g instead of %.8g (off by %.3f %%)", got, want, 100 * (got / want - 1));
}

enum { ISAAC, ACCELERGY, ZIGZAG, NEUROSIM, SILICON, MURMANN };

static cim_hw_arch with_adc(int model, double nm, double v, int bits)
{
    cim_hw_arch a;
    memset(&a, 0, sizeof a);
    a.technology_nm = nm;
    a.supply_v = v;
    a.crossbar.rows = a.crossbar.cols = 128;
    a.crossbar.adcs = 1;
    a.crossbar.adc_bits = bits;
    a.crossbar.adc_msps = NAN;
    a.adc.model = model;
    return a;
}

static cost_adc adc(int model, double nm, double v, int bits, double msps)
{
    cim_hw_arch a = with_adc(model, nm, v, bits);
    cost_scale here;
    cost_adc out = {0, 0, 0, 0};
    char reason[256] = "";
    cost_scaling_at(lib, nm, v, &here);
    if (!cost_adc_price(lib, &a, &here, msps, &out, reason, sizeof reason))
        fail_msg("%s", reason);
    return out;
}

/* Evaluations of the Accelergy plug-in's own code: node, bits, MS/s, pJ, um2. */
static void test_accelergy_adc(void **state)
{
    (void)state;
    static const double rows[][5] = {
        {7, 4, 100, .053, 307.8},         {7, 8, 100, .0984, 370.3},
        {7, 12, 100, 1.6685, 863.6},      {7, 9, 1000, .2697, 759.1},
        {22, 6, 100, .5266, 1907.4},      {22, 8, 1000, .8472, 3333.9},
        {22, 12, 1000, 65.8577, 12259.5}, {28, 4, 100, .7187, 2660.0},
        {65, 10, 1000, 52.8494, 33667.8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cost_adc c = adc(ACCELERGY, rows[i][0], 1, (int)rows[i][1], rows[i][2]);
        near(c.pj, rows[i][3], 2e-3);
        near(c.um2, rows[i][4], 2e-3);
    }
}

static void test_neurosim_adc(void **state)
{
    (void)state;
    static const double rows[][3] = {
        {130, 4, .4952}, {130, 8, 1.1955}, {65, 5, .2676}, {65, 8, .5026},
        {45, 8, .3064},  {32, 6, .1097},   {22, 8, .0781}, {7, 4, .0065},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        near(adc(NEUROSIM, rows[i][0], 1, (int)rows[i][1], 10).pj, rows[i][2], .01);
    near(adc(NEUROSIM, 32, 1, 8, 1e9).rate_msps, 1e3 / 9, 1e-9); /* b + 1 ns per conversion */
}

static void test_zigzag_adc(void **state)
{
    (void)state;
    static const double rows[][4] = {
        {3, .2431, 99.6, 4.428}, {8, .7011, 2084.7, 11.807}, {10, 1.6593, 7035.6, 14.758}};
    for (size_t i = 0; i < 3; i++) {
        cost_adc c = adc(ZIGZAG, 28, .9, (int)rows[i][0], 1e9);
        near(c.pj, rows[i][1], 1e-3);
        near(c.um2, rows[i][2], 1e-3);
        near(1e3 / c.rate_msps, rows[i][3], 1e-3);
    }
}

static void test_silicon_adc(void **state)
{
    (void)state;
    near(adc(SILICON, 65, .85, 8, 1).pj, 1.79, .05); /* Jia 2020 */
    near(adc(SILICON, 65, 1.2, 8, 1).pj, 3.56, .05);
    near(adc(SILICON, 22, 1.0, 8, 1).pj, 2.658, .05); /* Wang 2023 */
    near(adc(SILICON, 65, .85, 8, 1).um2 * 256, 497000, .001);
}

/* (100 fF b + 0.001 fF 4^b) V^2, linear in the node above 28 nm; Jia's area, linear in the node. */
static void test_murmann_adc(void **state)
{
    (void)state;
    near(adc(MURMANN, 28, .9, 8, 1).pj, .865536 * .81, 1e-6);
    near(adc(MURMANN, 7, .8, 5, 1).pj, .501024 * .64, 1e-6);
    near(adc(MURMANN, 7, .8, 4, 1).pj, 15 * .02 * .64, 1e-6); /* comparators of a flash converter */
    near(adc(MURMANN, 28, 1, 1, 1).pj, .02, 1e-6);
    near(adc(MURMANN, 65, .85, 8, 1).pj, 1.79, .2); /* Jia 2020 */
    near(adc(MURMANN, 65, 1.2, 8, 1).pj, 3.56, .2); /* the same at 1.2 V */
    near(adc(MURMANN, 65, .85, 8, 1).um2 * 256, 497000, 1e-4);
    near(adc(MURMANN, 7, .8, 4, 1).um2, 1941.4 * 361.04 / 1200 * 7 / 65, 1e-6);
    near(adc(MURMANN, 65, 1, 2, 1).um2, 1941.4 * 361.04 / 1200 / 4, 1e-6);
    near(adc(NEUROSIM, 32, 1, 3, 1).um2, 361.04 / 2, 1e-6);
}

static void test_adc_ranges(void **state)
{
    (void)state;
    static const struct {
        int model, bits;
        double nm;
        const char *says;
    } bad[] = {
        {ISAAC, 3, 32, "4 to 10 bits"},     {ISAAC, 11, 32, "4 to 10 bits"},
        {ZIGZAG, 11, 28, "1 to 10 bits"},   {ACCELERGY, 3, 28, "4 to 14 bits"},
        {NEUROSIM, 12, 28, "1 to 10 bits"}, {MURMANN, 13, 28, "1 to 12 bits"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cim_hw_arch a = with_adc(bad[i].model, bad[i].nm, 1, bad[i].bits);
        cost_scale here;
        cost_adc out;
        char reason[256] = "";
        cost_scaling_at(lib, bad[i].nm, 1, &here);
        assert_false(cost_adc_price(lib, &a, &here, 10, &out, reason, sizeof reason));
        if (!strstr(reason, bad[i].says) || !strstr(reason, "adc_models/"))
            fail_msg("unhelpful reason: %s", reason);
    }
    cim_hw_arch a = with_adc(ISAAC, 32, 1, 8);
    cost_scale here;
    cost_adc out;
    char reason[256] = "";
    a.crossbar.adc_msps = 2000;
    cost_scaling_at(lib, 32, 1, &here);
    assert_false(cost_adc_price(lib, &a, &here, 10, &out, reason, sizeof reason));
    assert_non_null(strstr(reason, "1280 MS/s"));
}

/* The worked example of the authors' corrigendum: 1 pJ at 65 nm, 1.3 V is 0.1755 pJ at 32 nm,
 * 0.9 V. */
static void test_scaling_corrigendum(void **state)
{
    (void)state;
    cost_scale from, to;
    cost_scaling_at(lib, 65, 1.3, &from);
    cost_scaling_at(lib, 32, .9, &to);
    near(to.energy / from.energy, .1755, 1e-3);
    cost_scaling_at(lib, 7, .9, &to);
    near(to.area / from.area, .039, .05); /* the paper's table: 65 to 7 nm */
    cost_scaling_at(lib, 45, .9, &to);
    near(to.area / from.area, .66, .05);
}

/* Dynamic energy over V^2 never rises as the supply falls: what the fits add there is the leakage of
 * slower gates. At 65 nm the fit's least is at 0.898 V: 1.307. */
static void test_scaling_low_supply(void **state)
{
    (void)state;
    for (double nm = 3; nm <= 180; nm *= 1.1) {
        double last = 0;
        for (double v = .3; v < 1.5; v += .01) {
            cost_scale at;
            cost_scaling_at(lib, nm, v, &at);
            assert_true(at.energy / (v * v) >= last * (1 - 1e-12));
            last = at.energy / (v * v);
        }
    }
    cost_scale low, high;
    cost_scaling_at(lib, 65, .6, &low);
    cost_scaling_at(lib, 65, .8, &high);
    near(low.energy / high.energy, .5625, 1e-9);
    near(low.energy, 1.3071 * .36, 1e-3);
}

static void buffer(double nm, double v, double kib, double width, cost_buffer *out)
{
    cost_scale here;
    cost_scaling_at(lib, nm, v, &here);
    cost_buffer_price(lib, &lib->buffer[CIM_HW_BUFFER_SRAM], kib, width, &here, out);
}

static void test_buffers_are_cacti(void **state)
{
    (void)state;
    static const struct {
        double nm, v, kib, width, read, write, mm2;
    } rows[] = {
        {32, .9, 64, 256, 23.2648, 19.03024, .2317},
        {32, .9, 2, 64, 1.35473, 2.03308, .00773},
        {22, .8, 64, 64, 6.5916, 3.90138, .11326},
        {65, 1.1, 128, 256, 132.5064, 90.0688, 1.8701},
        {65, 1.1, 1024, 64, 135.0706, 106.064, 15.26216},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cost_buffer b;
        buffer(rows[i].nm, rows[i].v, rows[i].kib, rows[i].width, &b);
        near(b.read_pj * rows[i].width, rows[i].read, 1e-6);
        near(b.write_pj * rows[i].width, rows[i].write, 1e-6);
        near(b.um2 * 1e-6, rows[i].mm2, 1e-6);
        assert_false(b.extrapolated);
    }
    cost_buffer small, wide;
    buffer(32, .9, .5, 64, &small);
    assert_true(small.extrapolated && small.read_pj > 0 && small.um2 > 0);
    buffer(32, .9, 128, 512, &wide); /* two banks of 64 KiB and 256 bits */
    near(wide.um2 * 1e-6, 2 * .2317, 1e-6);
    near(wide.read_pj * 256, 23.2648, 1e-6);
}

static void test_edram_and_memories(void **state)
{
    (void)state;
    cost_scale here;
    cost_buffer b;
    cost_scaling_at(lib, 32, 1, &here);
    cost_buffer_price(lib, &lib->buffer[CIM_HW_BUFFER_EDRAM], 128, 256, &here, &b);
    near(b.read_pj * 256, 25.35, 1e-9); /* PUMA simulator constants */
    near(b.um2, 121000, 1e-9);
    near(b.leak_mw, .92, 1e-9);
    near(lib->offchip[CIM_HW_MEMORY_DRAM].pj, 20.3, 1e-9);
    near(lib->offchip[CIM_HW_MEMORY_GDDR5].pj, 14, 1e-9);
    near(lib->offchip[CIM_HW_MEMORY_HBM2].pj, 3.92, 1e-9);
}

/* A hand-made SRAM chip: what each unit must be, worked out here. */
static cim_hw_arch sram_chip(void)
{
    cim_hw_arch a = with_adc(SILICON, 65, .85, 8);
    a.clock_mhz = 40;
    a.chip.cores = 2;
    a.chip.noc = CIM_HW_NOC_IDEAL;
    a.chip.noc_bits_per_cycle = a.chip.buffer_kib = a.chip.buffer_bits_per_cycle = NAN;
    a.chip.alu_ops_per_cycle = a.chip.offchip_gb_per_s = NAN;
    a.core.crossbars = 1;
    a.core.buffer_kib = a.core.buffer_bits_per_cycle = a.core.alu_ops_per_cycle = NAN;
    a.crossbar.rows = a.crossbar.parallel_rows = 2304;
    a.crossbar.cols = a.crossbar.adcs = 256;
    a.crossbar.dac_bits = 1;
    a.crossbar.read_ns = NAN;
    a.device.type = CIM_HW_DEVICE_SRAM;
    a.device.bits_per_cell = 1;
    a.workload.weight_bits = a.workload.activation_bits = 1;
    a.workload.input_density = a.workload.weight_density = .5;
    return a;
}

static void price(const cim_hw_arch *a, cim_cost_chip *out)
{
    char reason[256] = "";
    if (!cim_cost_chip_price(lib, a, out, reason, sizeof reason))
        fail_msg("%s", reason);
}

static void test_sram_macro(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    price(&a, &c);
    near(c.unit_pj[CIM_EV_CELL_READ] * 2304, 9.7, 1e-3); /* Jia 2020, per column */
    near(c.unit_pj[CIM_EV_ADC], 1.79, .05);
    near(c.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR], 2.91e6, 1e-3); /* with drivers */
    a.supply_v = 1.2;
    price(&a, &c);
    near(c.unit_pj[CIM_EV_CELL_READ] * 2304, 20.4, .15); /* Jia 2020 at 1.2 V: scaled, not fitted */
    a.crossbar.read_ns = 33;
    price(&a, &c);
    near(c.read_ns, 33, 1e-12);
    near(c.step_ns, 33, 1e-12);
}

static void test_digital_macro(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    a.technology_nm = 28;
    a.supply_v = .9;
    a.crossbar.adcs = 0;
    price(&a, &c);
    near(c.unit_pj[CIM_EV_CELL_READ], (.567 * .25 + 1.125 * 3.402 * .442) * 1.22e-3, 1e-6);
    /* twelve levels, one-bit weights, a register */
    near(c.read_ns, .0478 * (1 + 3 * 12 + 2 * (1 + 12) + 3), 1e-9);
    near(c.own_unit_pj[CIM_HW_TIER_CROSSBAR][CIM_EV_SHIFT_ADD], 13 * 1.701 * 1.22e-3, 1e-6);
    near(c.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_SHIFT_ADD], 256 * 13 * 3.684, 1e-6);
    near(c.unit_pj[CIM_EV_DAC], 256 * (.2835 + .567) * .5e-3, 1e-6);
    double all = c.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR];
    near(all, 2304 * 256 * (146 * .028 * .028 * 3.03 + .614 + 1.125 * 3.275), 1e-6);
    cim_cost_chip quarter;
    a.crossbar.parallel_rows = 2304 / 4; /* four rows share a gate and an adder */
    price(&a, &quarter);
    /* and their sums accumulate: 1 + 10 bits of the sum and the input's one */
    near(quarter.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_SHIFT_ADD], 256 * 12 * (3.684 + 3.275),
         1e-6);
    near(quarter.read_ns, .0478 * (1 + 3 * 10 + 2 * (1 + 10) + 3 + 3 + 2), 1e-9);
    near(all - quarter.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR],
         .75 * 2304 * 256 * (.614 + 1.125 * 3.275), 1e-6);
    a.crossbar.parallel_rows = 2304;
    a.workload.input_density = 0; /* nothing switches */
    price(&a, &quarter);
    assert_true(quarter.unit_pj[CIM_EV_CELL_READ] <= 0 && quarter.unit_pj[CIM_EV_DAC] <= 0);
    a.workload.input_density = 1; /* nor where the inputs stay on: weights stand still */
    price(&a, &quarter);
    assert_true(quarter.unit_pj[CIM_EV_CELL_READ] <= 0 && quarter.unit_pj[CIM_EV_DAC] <= 0);
    a.workload.input_density = .5;
    a.technology_nm = 7; /* gates as published cells have them, wires as long as the area's root */
    price(&a, &quarter);
    cost_scale from, to;
    cost_scaling_at(lib, 28, .9, &from);
    cost_scaling_at(lib, 7, .9, &to);
    near(quarter.unit_pj[CIM_EV_CELL_READ] / c.unit_pj[CIM_EV_CELL_READ],
         .5 * .83 + .5 * sqrt(to.area / from.area), 1e-6);
    a.technology_nm = 28;
    a.workload.input_density = .5;
    assert_true(c.adc_ns <= 0 && c.unit_pj[CIM_EV_ADC] <= 0 && c.max_rate[CIM_EV_ADC] <= 0);
    assert_true(c.area_um2[CIM_COST_ADC] <= 0 && c.area_um2[CIM_COST_DAC] <= 0);
    near(c.step_ns, c.read_ns, 1e-12);
}

/* Current-domain arrays charge bitlines; joined bitlines share one conversion; a taller crossbar
 * reads slower than the one its time was stated for. */
static void test_array_choices(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c, d;
    a.technology_nm = 28;
    a.supply_v = .9;
    a.adc.model = MURMANN;
    a.crossbar.domain = CIM_HW_SUM_CURRENT;
    price(&a, &c);
    near(c.unit_pj[CIM_EV_CELL_READ], .2835e-3, 1e-6);
    near(c.unit_pj[CIM_EV_DAC], 256 * .2835e-3, 1e-6);
    near(c.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR],
         2304 * 256 * 146 * .028 * .028 * 3.03, 1e-6);
    a.workload.weight_bits = a.crossbar.merge_cols = 4;
    a.crossbar.adcs = 64;
    price(&a, &d);
    near(d.unit_pj[CIM_EV_ADC] * 256, c.unit_pj[CIM_EV_ADC] * 64, 1e-9);
    near(d.adc_ns, c.adc_ns, 1e-9);
    assert_true(d.notes & CIM_COST_NOTE_MERGE);
    assert_true(d.area_um2[CIM_COST_DAC] <= 0);
    a.device.cell_f2 = 300;
    a.crossbar.dac_bits = 4;
    price(&a, &d);
    near(d.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_DAC], 2304 * 4 * 7.46, 1e-6);
    near(d.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR],
         2304 * 256 * 300 * .028 * .028 * 3.03, 1e-6);
    a.crossbar.read_ns = 10;
    a.crossbar.read_rows = 576;
    price(&a, &d);
    near(d.read_ns, 40, 1e-9);
    a.device.cell_f2 = NAN;
    a.crossbar.rows = 128;
    a.crossbar.parallel_rows = 16;
    a.crossbar.dac_bits = 1;
    price(&a, &d); /* bitlines of 128 cells, 16 of them read */
    near(d.unit_pj[CIM_EV_CELL_READ], .2835e-3 * 128 / 16, 1e-6);
    a.crossbar.rows = 1024;
    price(&a, &d); /* divided at 256 */
    near(d.unit_pj[CIM_EV_CELL_READ], .2835e-3 * 256 / 16, 1e-6);
    a.crossbar.domain = CIM_HW_SUM_STATIC;
    a.technology_nm = 65;
    a.supply_v = 1;
    a.workload.input_density = .1;
    price(&a, &d); /* conducts whatever the input */
    near(d.unit_pj[CIM_EV_CELL_READ], 13.1e-3, 1e-6);
}

/* A file that names no converter, domain or access is taken for published silicon. */
static void test_auto(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c, d;
    a.adc.model = CIM_HW_ADC_AUTO;
    a.device.access = CIM_HW_ACCESS_AUTO;
    price(&a, &c);
    a.adc.model = MURMANN;
    a.device.access = CIM_HW_ACCESS_LIBRARY;
    price(&a, &d);
    assert_memory_equal(&c, &d, sizeof c);
    a.device.type = CIM_HW_DEVICE_RERAM;
    a.crossbar.adcs = 8;
    a.adc.model = CIM_HW_ADC_AUTO;
    assert_int_equal(cim_hw_arch_adc_model(&a), ISAAC);
    a.device.access = CIM_HW_ACCESS_AUTO;
    assert_int_equal(cim_hw_arch_adc_model(&a), MURMANN);
    a.crossbar.adc_bits = 4;
    assert_int_equal(cim_hw_arch_adc_model(&a), NEUROSIM);
    a.technology_nm = 180;
    assert_int_equal(cim_hw_arch_adc_model(&a), MURMANN);
    a.crossbar.read_ns = NAN; /* nothing stated: the array's own access, an ordinary converter */
    a.crossbar.adc_msps = NAN;
    a.crossbar.rows = a.crossbar.parallel_rows = 128;
    a.technology_nm = 28;
    a.supply_v = .9;
    a.crossbar.adc_bits = 8;
    a.crossbar.adcs = 256 / 8;
    price(&a, &c);
    near(c.read_ns, 10, 1e-9);
    near(c.adc_ns, 8 * 9, 1e-6);
}

/* Cells with a transistor each: larger, driven at their gates. Conductance follows the data. */
static void test_access_transistor(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c, d;
    a.device.type = CIM_HW_DEVICE_RERAM;
    a.adc.model = ISAAC;
    a.crossbar.adcs = 8;
    a.technology_nm = 32;
    a.supply_v = 1;
    price(&a, &c);
    near(c.unit_pj[CIM_EV_CELL_READ], 1.8310547e-3, 1e-6);
    a.device.access = CIM_HW_ACCESS_TRANSISTOR;
    price(&a, &d);
    near(d.own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR],
         2304 * 256 * 53 * .032 * .032 * 3.03 + 20 * (2304 + 2 * 256), 1e-6);
    assert_true(d.area_um2[CIM_COST_DAC] <= 0);
    a.crossbar.read_ns = 100; /* 0.4 V over 20 or 925 kohm for 10 ns, drawn from a supply of 1 V */
    price(&a, &d);
    near(d.unit_pj[CIM_EV_CELL_READ], .5 * .4 * (1 / 20e3 + 1 / 925e3) / 2 * 10 * 1e3, 1e-9);
    a.crossbar.read_ns = 2; /* no longer than the access */
    price(&a, &d);
    near(d.unit_pj[CIM_EV_CELL_READ], .5 * .4 * (1 / 20e3 + 1 / 925e3) / 2 * 2 * 1e3, 1e-9);
    a.device.access = CIM_HW_ACCESS_LIBRARY;
    a.workload.weight_density = 0; /* every cell off: 20 kohm against the mean of 1333 and 20000 */
    price(&a, &d);
    near(d.unit_pj[CIM_EV_CELL_READ] / c.unit_pj[CIM_EV_CELL_READ],
         (1 / 20e3) / ((1 / 20e3 + 1 / 1333.) / 2), 1e-6);
    a.workload.weight_density = .5;
    a.device.on_ohm = 10e3;
    a.device.off_ohm = 1e6;
    a.device.read_v = .2;
    a.device.read_pulse_ns = 10;
    price(&a, &d); /* half the inputs: 0.5 x 0.04 V^2 x 50.5 uS x 10 ns */
    near(d.unit_pj[CIM_EV_CELL_READ], .5 * .04 * 50.5e-6 * 10 * 1e3, 1e-9);
    near(d.resistance_on_ohm, 10e3, 1e-12);
    a.device.access = CIM_HW_ACCESS_TRANSISTOR;
    price(&a, &d);
    near(d.unit_pj[CIM_EV_CELL_READ], .5 * .04 * 50.5e-6 * 10 * 1e3, 1e-9);
}

static void test_adc_pitch(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    char reason[256] = "";
    price(&a, &c);
    assert_false(c.notes & CIM_COST_NOTE_ADC_PITCH); /* Jia 2020: one under every column */
    a.crossbar.domain = CIM_HW_SUM_CURRENT;          /* a 6T cell is 12 F wide */
    price(&a, &c);
    assert_true(c.notes & CIM_COST_NOTE_ADC_PITCH);
    a.device.type = CIM_HW_DEVICE_RERAM; /* a crosspoint of 1.2 F */
    assert_false(cim_cost_chip_price(lib, &a, &c, reason, sizeof reason));
    assert_non_null(strstr(reason, "crossbar.adcs 256: 1.22 F of width"));
    assert_non_null(strstr(reason, "periphery/adc_pitch"));
}

/* A slow converter sets the step; absent rates keep up where the model can. */
static void test_converter_time(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    a.crossbar.adcs = 16;
    a.crossbar.read_ns = 100;
    price(&a, &c); /* 16 turns in 100 ns: 160 MS/s asked, 100 MS/s is the model's limit */
    near(c.adc_msps, 100, 1e-9);
    near(c.adc_ns, 160, 1e-9);
    near(c.step_ns, 160, 1e-9);
    assert_true(c.notes & CIM_COST_NOTE_ADC_STEP);
    a.crossbar.adc_msps = 50;
    price(&a, &c);
    near(c.adc_ns, 320, 1e-9);
    a.crossbar.adc_msps = NAN;
    a.crossbar.adcs = 256;
    price(&a, &c);
    near(c.adc_ns, 100, 1e-15);
    assert_false(c.notes & CIM_COST_NOTE_ADC_STEP);
}

static void test_rates_are_units_times_clock(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    price(&a, &c);
    assert_true(isinf(c.l1_bits_per_ns) && isinf(c.l0_bits_per_ns) && isinf(c.offchip_bits_per_ns));
    assert_true(isinf(c.noc_link_bits_per_ns) && isinf(c.core_alu_ops_per_ns));
    a.core.buffer_bits_per_cycle = 512;
    a.chip.alu_ops_per_cycle = 16;
    a.chip.offchip_gb_per_s = 10;
    price(&a, &c);
    near(c.l1_bits_per_ns, 512 * .04, 1e-12);
    near(c.chip_alu_ops_per_ns, 16 * .04, 1e-12);
    near(c.offchip_bits_per_ns, 80, 1e-12);
}

static void test_node_range(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    char reason[256] = "";
    a.technology_nm = 200;
    assert_false(cim_cost_chip_price(lib, &a, &c, reason, sizeof reason));
    assert_non_null(strstr(reason, "3 to 180 nm (Stillmaker and Baas 2017)"));
    a.technology_nm = 4;
    price(&a, &c);
    a.technology_nm = 180;
    price(&a, &c);
    a.technology_nm = 65;
    a.supply_v = .4;
    price(&a, &c);
    assert_true(c.notes & CIM_COST_NOTE_SUPPLY);
}

static void test_energy_of_counts(void **state)
{
    (void)state;
    cim_hw_arch a = sram_chip();
    cim_cost_chip c;
    price(&a, &c);
    double counts[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS], want = 0, got = 0;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
        counts[e] = e + 1;
        want += counts[e] * c.unit_pj[e];
    }
    want += c.leakage_mw * 1000;
    near(cim_cost_energy(&c, counts, 1000, pj), want, 1e-12);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        got += pj[k];
    near(got, want, 1e-12);
    near(pj[CIM_COST_LEAKAGE], c.leakage_mw * 1000, 1e-15);
    near(pj[CIM_COST_ADC], 4 * c.unit_pj[CIM_EV_ADC], 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accelergy_adc),
        cmocka_unit_test(test_neurosim_adc),
        cmocka_unit_test(test_zigzag_adc),
        cmocka_unit_test(test_silicon_adc),
        cmocka_unit_test(test_murmann_adc),
        cmocka_unit_test(test_adc_ranges),
        cmocka_unit_test(test_scaling_corrigendum),
        cmocka_unit_test(test_scaling_low_supply),
        cmocka_unit_test(test_buffers_are_cacti),
        cmocka_unit_test(test_edram_and_memories),
        cmocka_unit_test(test_sram_macro),
        cmocka_unit_test(test_digital_macro),
        cmocka_unit_test(test_array_choices),
        cmocka_unit_test(test_access_transistor),
        cmocka_unit_test(test_adc_pitch),
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_converter_time),
        cmocka_unit_test(test_rates_are_units_times_clock),
        cmocka_unit_test(test_node_range),
        cmocka_unit_test(test_energy_of_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
