/* Laws every priced chip obeys, tried on random chips. A failure prints the seed of its chip. */
#include "costmodel/explain.h"
#include "costmodel/fidelity.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CHIPS = 4000 };

static cim_cost_library *lib;

static int setup(void **state)
{
    (void)state;
    return cim_cost_library_load(&lib, NULL) == CIM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cim_cost_library_destroy(lib);
    return 0;
}

static int64_t pick(cim_rng *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)cim_rng_below(r, (uint64_t)(hi - lo + 1));
}

static double maybe(cim_rng *r, double lo, double hi)
{
    return cim_rng_below(r, 3) ? lo * pow(hi / lo, cim_rng_uniform(r)) : NAN;
}

static void list_part(cim_hw_arch *a, const char *name, int64_t tier, double count)
{
    cim_hw_part *p = &a->parts[a->n_parts++];
    snprintf(p->component, sizeof p->component, "%s", name);
    p->tier = tier;
    p->count = count;
}

static void random_parts(cim_rng *r, cim_hw_arch *a)
{
    if (cim_rng_below(r, 2))
        list_part(a, "isaac.input_register_2kb", CIM_HW_TIER_CROSSBAR, .125);
    if (cim_rng_below(r, 2))
        list_part(a, "isaac.shift_add", CIM_HW_TIER_CROSSBAR, .5);
    if (cim_rng_below(r, 2))
        list_part(a, "isaac.shift_add", CIM_HW_TIER_CORE, 1);
    if (cim_rng_below(r, 3) == 0)
        list_part(a, "isaac.edram_64kb", CIM_HW_TIER_CORE, 1);
    if (cim_rng_below(r, 3) == 0)
        list_part(a, "puma.router", CIM_HW_TIER_CORE, .25);
    if (cim_rng_below(r, 3) == 0)
        list_part(a, "puma.alu_lane", CIM_HW_TIER_CORE, (double)pick(r, 1, 8));
    if (cim_rng_below(r, 3) == 0)
        list_part(a, "isaac.sigmoid", CIM_HW_TIER_CHIP, 2);
    if (cim_rng_below(r, 3) == 0)
        list_part(a, "isaac.hypertransport", CIM_HW_TIER_CHIP, 1);
    if (cim_rng_below(r, 4) == 0)
        list_part(a, "puma.control_pipeline", CIM_HW_TIER_CORE, 1);
}

static cim_hw_arch random_arch(cim_rng *r)
{
    cim_hw_arch a;
    memset(&a, 0, sizeof a);
    snprintf(a.name, sizeof a.name, "random");
    a.technology_nm = 3 * pow(60, cim_rng_uniform(r));
    a.supply_v = .5 + .8 * cim_rng_uniform(r);
    a.clock_mhz = 10 * pow(200, cim_rng_uniform(r));
    a.chip.cores = pick(r, 1, 1024);
    a.chip.noc = pick(r, 0, 4);
    a.chip.noc_bits_per_cycle = maybe(r, 8, 512);
    a.chip.buffer_kib = maybe(r, .25, 8192);
    a.chip.buffer_bits_per_cycle = maybe(r, 8, 8192);
    a.chip.alu_ops_per_cycle = maybe(r, 1, 4096);
    a.chip.offchip_gb_per_s = maybe(r, 1, 1000);
    a.chip.buffer_type = pick(r, 0, 1);
    a.core.buffer_type = pick(r, 0, 1);
    a.chip.offchip_memory = pick(r, 0, CIM_HW_N_MEMORIES - 1);
    a.core.crossbars = pick(r, 1, 128);
    a.core.buffer_kib = maybe(r, .25, 1024);
    a.core.buffer_bits_per_cycle = maybe(r, 8, 8192);
    a.core.alu_ops_per_cycle = maybe(r, 1, 256);
    a.crossbar.rows = pick(r, 1, 2048);
    a.crossbar.cols = pick(r, 1, 2048);
    a.crossbar.parallel_rows = pick(r, 1, a.crossbar.rows);
    int64_t most = a.crossbar.cols / 4; /* converters need width */
    a.crossbar.adcs = pick(r, 0, 3) ? pick(r, 1, most > 1 ? most : 1) : 0;
    a.crossbar.adc_bits = pick(r, 4, 10);
    a.crossbar.dac_bits = pick(r, 1, 8);
    a.crossbar.read_ns = maybe(r, 1, 1000);
    a.crossbar.adc_msps = NAN;
    a.device.type = pick(r, 0, CIM_HW_N_DEVICES - 1);
    a.device.bits_per_cell = a.device.type == CIM_HW_DEVICE_SRAM ? 1 : pick(r, 1, 4);
    a.adc.model = pick(r, 0, CIM_HW_ADC_AUTO);
    a.adc.clip = 1;
    a.adc.clip_percentile = NAN;
    a.workload.data = pick(r, 0, 1);
    a.workload.weight_peak_to_rms = a.workload.activation_peak_to_rms = (double)pick(r, 2, 30);
    a.workload.weight_bits = pick(r, 1, 16);
    a.workload.activation_bits = pick(r, 1, 16);
    a.workload.batch = 1;
    a.workload.input_density = cim_rng_uniform(r);
    a.workload.weight_density = cim_rng_uniform(r);
    a.crossbar.read_rows = pick(r, 1, a.crossbar.rows);
    a.crossbar.merge_cols = 1;
    bool sram = a.device.type == CIM_HW_DEVICE_SRAM;
    if (sram && a.crossbar.adcs > 0 && pick(r, 0, 1)) {
        a.crossbar.domain = pick(r, 0, 1) ? CIM_HW_SUM_CURRENT : CIM_HW_SUM_STATIC;
        a.crossbar.merge_cols = pick(r, 1, a.workload.weight_bits < 4 ? a.workload.weight_bits : 4);
    }
    a.device.access = sram ? CIM_HW_ACCESS_LIBRARY : pick(r, 0, CIM_HW_ACCESS_AUTO);
    a.device.cell_f2 = pick(r, 0, 3) ? NAN : 1 + 999 * cim_rng_uniform(r);
    bool stated = !sram && pick(r, 0, 1);
    a.device.on_ohm = stated ? 1e3 * pow(1e3, cim_rng_uniform(r)) : NAN;
    a.device.off_ohm = stated ? a.device.on_ohm * (1 + 99 * cim_rng_uniform(r)) : NAN;
    a.device.read_v = stated ? .05 + cim_rng_uniform(r) : NAN;
    a.device.read_pulse_ns = stated ? 1 + 99 * cim_rng_uniform(r) : NAN;
    random_parts(r, &a);
    return a;
}

static uint64_t current; /* seed of the chip under test */

static bool price(const cim_hw_arch *a, cim_cost_chip *c)
{
    char reason[256] = "";
    bool ok = cim_cost_chip_price(lib, a, c, reason, sizeof reason);
    if (!ok && !reason[0])
        fail_msg("seed %llu: refused without a reason", (unsigned long long)current);
    return ok;
}

static void check(bool holds, const char *law, double got, double want)
{
    if (!holds)
        fail_msg("seed %llu: %s: %.17g against %.17g", (unsigned long long)current, law, got, want);
}

static void near(double got, double want, const char *law)
{
    check(fabs(got - want) <= 1e-9 * fabs(want) + 1e-300, law, got, want);
}

static double sum(const double *v)
{
    double s = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        s += v[k];
    return s;
}

static void finite(const double *v, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        check(isfinite(v[i]) && v[i] >= 0, what, v[i], 0);
}

static void sane(const cim_hw_arch *a, const cim_cost_chip *c)
{
    finite(c->unit_pj, CIM_COST_N_EVENTS, "unit energy finite and not negative");
    finite(c->max_rate, CIM_COST_N_EVENTS, "rate finite and not negative");
    finite(c->leak_mw, CIM_COST_N_KINDS, "leakage finite and not negative");
    finite(c->area_um2, CIM_COST_N_KINDS, "area finite and not negative");
    finite(c->peak_mw, CIM_COST_N_KINDS, "peak finite and not negative");
    const double times[] = {c->clock_ns, c->read_ns, c->step_ns, c->mvm_fill_ns, c->write_row_ns};
    finite(times, 5, "time finite and not negative");
    check(c->step_ns > 0 && c->step_ns >= c->read_ns && c->step_ns >= c->adc_ns, "step", c->step_ns,
          c->read_ns);
    check(c->area_mm2 > 0, "area above 0", c->area_mm2, 0);
    check(isfinite(cim_cost_sqnr_db(a, &(cim_cost_device){0.05, 0.1}, (double)a->crossbar.rows)),
          "sqnr finite", 0, 0);
}

static void sums(const cim_hw_arch *a, const cim_cost_chip *c)
{
    double cores = (double)a->chip.cores;
    near(sum(c->area_um2) * 1e-6, c->area_mm2, "areas sum");
    near(sum(c->leak_mw), c->leakage_mw, "leakages sum");
    near(c->tier_area_um2[CIM_HW_TIER_CHIP] + cores * c->tier_area_um2[CIM_HW_TIER_CORE],
         c->area_mm2 * 1e6, "tier areas sum");
    near(c->tier_peak_mw[CIM_HW_TIER_CHIP] + cores * c->tier_peak_mw[CIM_HW_TIER_CORE],
         sum(c->peak_mw), "tier peaks sum");
    double pj[CIM_COST_N_KINDS];
    double total = cim_cost_energy(c, c->max_rate, 1, pj); /* one ns flat out: pJ per ns is mW */
    near(total, sum(c->peak_mw), "peak is unit energies times rates");
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        near(pj[k], c->peak_mw[k], "peak by kind");
}

static void each_chip(void (*law)(const cim_hw_arch *, const cim_cost_chip *, cim_rng *))
{
    int priced = 0;
    for (uint64_t seed = 0; seed < CHIPS; seed++) {
        cim_rng *r = cim_rng_create(seed, "costmodel_laws");
        cim_cost_chip c;
        assert_non_null(r);
        current = seed;
        cim_hw_arch a = random_arch(r);
        if (price(&a, &c)) {
            law(&a, &c, r);
            priced++;
        }
        cim_rng_destroy(r);
    }
    assert_true(priced > CHIPS * 9 / 10);
}

static void law_sane(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    (void)r;
    sane(a, c);
    sums(a, c);
}

static void test_sane_and_summing(void **state)
{
    (void)state;
    each_chip(law_sane);
}

static void not_less(double more, double less, const char *law)
{
    check(more >= less * (1 - 1e-12), law, more, less);
}

static void no_event_cheaper(const cim_cost_chip *more, const cim_cost_chip *less, const char *law)
{
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        not_less(more->unit_pj[e], less->unit_pj[e], law);
}

/* One more bit of converter or driver never costs less area, leakage or energy per event. */
static void law_bits(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    cim_hw_arch b = *a;
    cim_cost_chip d;
    (void)r;
    b.crossbar.read_ns = c->step_ns; /* equal timing: only the parts differ */
    if (!price(&b, &d))
        return;
    cim_cost_chip base = d;
    b.crossbar.adc_bits++;
    if (price(&b, &d) && d.step_ns <= base.step_ns * (1 + 1e-12)) {
        not_less(d.area_mm2, base.area_mm2, "an ADC bit more, less area");
        no_event_cheaper(&d, &base, "an ADC bit more, less energy");
    }
    b.crossbar.adc_bits--;
    b.crossbar.dac_bits++;
    if (price(&b, &d) && d.step_ns <= base.step_ns * (1 + 1e-12)) {
        not_less(d.area_mm2, base.area_mm2, "a DAC bit more, less area");
        not_less(d.unit_pj[CIM_EV_DAC], base.unit_pj[CIM_EV_DAC], "a DAC bit more, less energy");
    }
    b.crossbar.dac_bits--;
    b.workload.activation_bits++;
    if (price(&b, &d))
        no_event_cheaper(&d, &base, "an activation bit more, less energy");
}

/* A finer node at the same supply costs no more area, energy per event or leakage. */
static void law_finer(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    cim_hw_arch b = *a;
    cim_cost_chip d;
    b.crossbar.read_ns = c->step_ns;
    cim_cost_chip base;
    if (!price(&b, &base) || base.step_ns > b.crossbar.read_ns * (1 + 1e-12))
        return;
    b.technology_nm = 3 * pow(a->technology_nm / 3, cim_rng_uniform(r));
    if (!price(&b, &d) || d.step_ns > base.step_ns * (1 + 1e-12))
        return;
    not_less(base.area_mm2, d.area_mm2, "finer node, more area");
    not_less(base.leakage_mw, d.leakage_mw, "finer node, more leakage");
    no_event_cheaper(&base, &d, "finer node, more energy");
}

/* More of anything is never smaller, never leaks less. */
static void law_more(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    static const char *const what[] = {"cores",       "crossbars", "rows", "cols",
                                       "core buffer", "L0 buffer", "ALU"};
    int which = (int)cim_rng_below(r, 7);
    cim_hw_arch b = *a;
    cim_cost_chip d;
    double f = 1 + 3 * cim_rng_uniform(r);
    switch (which) {
    case 0:
        b.chip.cores = (int64_t)ceil((double)b.chip.cores * f);
        break;
    case 1:
        b.core.crossbars = (int64_t)ceil((double)b.core.crossbars * f);
        break;
    case 2:
        b.crossbar.rows = (int64_t)ceil((double)b.crossbar.rows * f);
        break;
    case 3:
        b.crossbar.cols = (int64_t)ceil((double)b.crossbar.cols * f);
        break;
    case 4:
        b.core.buffer_kib *= f;
        break;
    case 5:
        b.chip.buffer_kib *= f;
        break;
    default:
        b.core.alu_ops_per_cycle *= f;
        break;
    }
    b.crossbar.read_ns = c->step_ns; /* equal step where the converters allow it */
    cim_hw_arch same = *a;
    same.crossbar.read_ns = c->step_ns;
    cim_cost_chip base;
    if (!price(&same, &base) || !price(&b, &d) || d.step_ns > base.step_ns * (1 + 1e-12))
        return;
    not_less(d.area_mm2, base.area_mm2, what[which]);
    not_less(d.leakage_mw, base.leakage_mw, what[which]);
    if (which == 4 || which == 5)
        no_event_cheaper(&d, &base, what[which]);
}

/* More supply at the same node never costs less energy, never slows anything down. */
static void law_supply(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    cim_hw_arch b = *a;
    cim_cost_chip d;
    b.supply_v += .4 * cim_rng_uniform(r);
    if (!price(&b, &d))
        return;
    not_less(c->read_ns, d.read_ns, "more supply, slower");
    not_less(d.leakage_mw, c->leakage_mw, "more supply, less leakage");
    if (a->adc.model != 1) { /* Accelergy's energy falls when a slower rate is asked for */
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            if (e != CIM_EV_SHIFT_ADD) /* its tile-level part is spread over a faster flow */
                not_less(d.unit_pj[e], c->unit_pj[e], "more supply, less energy");
    }
}

/* Data that switch more never cost less; joining bitlines never costs more conversions; stating the
 * read time for fewer rows never makes it shorter. */
static void law_choices(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    cim_hw_arch b = *a;
    cim_cost_chip d;
    bool analog = a->crossbar.adcs > 0;
    b.workload.input_density += (1 - b.workload.input_density) * cim_rng_uniform(r);
    if (analog && price(&b, &d))
        no_event_cheaper(&d, c, "more ones at the inputs, less energy");
    b = *a;
    b.workload.weight_density += (1 - b.workload.weight_density) * cim_rng_uniform(r);
    if (analog && price(&b, &d))
        no_event_cheaper(&d, c, "more ones in the weights, less energy");
    b = *a;
    b.crossbar.read_rows = pick(r, 1, a->crossbar.read_rows);
    if (price(&b, &d))
        not_less(d.read_ns, c->read_ns, "stated for fewer rows, faster");
    b = *a;
    b.crossbar.read_ns = c->step_ns;
    b.crossbar.read_rows = b.crossbar.rows;
    cim_cost_chip base;
    if (a->device.type != CIM_HW_DEVICE_SRAM || !analog || !price(&b, &base))
        return;
    b.crossbar.merge_cols++;
    if (price(&b, &d) && d.step_ns <= base.step_ns * (1 + 1e-12) && a->adc.model != 1)
        not_less(base.unit_pj[CIM_EV_ADC], d.unit_pj[CIM_EV_ADC], "joined bitlines, dearer");
}

/* What library entries contribute adds up to every unit energy, area and leakage of every tier, names a
 * source, and watching changes nothing. */
static void law_provenance(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    static cim_cost_provenance p;
    cim_cost_chip d, sum_of;
    char reason[256];
    (void)r;
    check(cim_cost_provenance_trace(lib, a, &d, &p, reason, sizeof reason), "traced", 0, 1);
    check(!memcmp(c, &d, sizeof d), "the same when watched", 0, 0);
    check(!p.full, "room for every share", (double)p.n, CIM_COST_MAX_SHARES);
    memset(&sum_of, 0, sizeof sum_of);
    for (size_t i = 0; i < p.n; i++) {
        const cim_cost_share *s = &p.share[i];
        check(s->origin[0] && s->origin[0]->source[0], "a source", 0, 0);
        double *to = s->of == CIM_COST_SHARE_EVENT  ? sum_of.own_unit_pj[s->tier]
                     : s->of == CIM_COST_SHARE_AREA ? sum_of.own_area_um2[s->tier]
                                                    : sum_of.own_leak_mw[s->tier];
        to[s->index] += s->value;
    }
    for (int t = 0; t < CIM_HW_N_TIERS; t++) {
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            near(sum_of.own_unit_pj[t][e], c->own_unit_pj[t][e], "shares of an event");
        for (int k = 0; k < CIM_COST_N_KINDS; k++) {
            near(sum_of.own_area_um2[t][k], c->own_area_um2[t][k], "shares of an area");
            near(sum_of.own_leak_mw[t][k], c->own_leak_mw[t][k], "shares of leakage");
        }
    }
}
static void test_provenance(void **state)
{
    (void)state;
    each_chip(law_provenance);
}

static void test_bits(void **state)
{
    (void)state;
    each_chip(law_bits);
}
static void test_choices(void **state)
{
    (void)state;
    each_chip(law_choices);
}
static void test_finer_node(void **state)
{
    (void)state;
    each_chip(law_finer);
}
static void test_more_of_it(void **state)
{
    (void)state;
    each_chip(law_more);
}
static void test_supply(void **state)
{
    (void)state;
    each_chip(law_supply);
}

/* Any point of the field table that the architecture calls consistent prices to finite numbers or
 * is refused with a reason; extremes are tried as often as the inside. */
static void test_whole_field_table(void **state)
{
    (void)state;
    int priced = 0, consistent = 0;
    for (uint64_t seed = 0; seed < 60000; seed++) {
        cim_rng *r = cim_rng_create(seed, "costmodel_fields");
        cim_hw_arch a;
        cim_cost_chip c;
        char reason[256] = "";
        assert_non_null(r);
        assert_int_equal(cim_hw_arch_load("isaac", &a, NULL), CIM_OK);
        current = seed;
        int changes = 1 + (int)cim_rng_below(r, 8);
        for (int i = 0; i < changes; i++) {
            const cim_hw_field *f = &cim_hw_fields[cim_rng_below(r, cim_hw_n_fields)];
            double u = cim_rng_uniform(r), v = f->min + (f->max - f->min) * u;
            if (f->min > 0 && cim_rng_below(r, 2))
                v = f->min * pow(f->max / f->min, u);
            switch (cim_rng_below(r, 8)) {
            case 0:
                v = f->min;
                break;
            case 1:
                v = f->max;
                break;
            case 2:
                v = f->optional ? NAN : v;
                break;
            default:
                break;
            }
            if (f->type != CIM_HW_REAL)
                v = floor(v);
            if (cim_hw_field_check(f, v, "", NULL) == CIM_OK || (isnan(v) && f->optional))
                cim_hw_field_put(&a, f, v);
        }
        if (cim_hw_arch_consistent(&a, reason, sizeof reason)) {
            consistent++;
            if (price(&a, &c)) {
                priced++;
                sane(&a, &c);
                sums(&a, &c);
            }
        }
        cim_hw_arch_clear(&a);
        cim_rng_destroy(r);
    }
    assert_true(consistent > 5000 && priced > 1000);
}

/* Pricing must not allocate: it works with every allocation failing. */
static void law_no_allocation(const cim_hw_arch *a, const cim_cost_chip *c, cim_rng *r)
{
    (void)r;
    cim_cost_chip again;
    char reason[128];
    double counts[CIM_COST_N_EVENTS] = {1}, pj[CIM_COST_N_KINDS];
    cim_alloc_fail_after(1);
    bool ok = cim_cost_chip_price(lib, a, &again, reason, sizeof reason);
    cim_cost_energy(&again, counts, 1, pj);
    cim_alloc_fail_after(0);
    check(ok && !memcmp(&again, c, sizeof again), "same price without memory", 0, 0);
}

static void test_no_allocation(void **state)
{
    (void)state;
    each_chip(law_no_allocation);
}

int main(void)
{
    cim_rng_library_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sane_and_summing),  cmocka_unit_test(test_bits),
        cmocka_unit_test(test_choices),           cmocka_unit_test(test_finer_node),
        cmocka_unit_test(test_more_of_it),        cmocka_unit_test(test_supply),
        cmocka_unit_test(test_provenance),        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_whole_field_table),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
