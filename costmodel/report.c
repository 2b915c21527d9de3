/* `arch show`: what a chip offers and costs, as JSON and as text. */
#include "costmodel/cost.h"
#include "costmodel/fidelity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double input_phases(const cim_hw_arch *a)
{
    return ceil((double)a->workload.activation_bits / (double)a->crossbar.dac_bits);
}

static double row_groups(const cim_hw_arch *a)
{
    return ceil((double)a->crossbar.rows / (double)a->crossbar.parallel_rows);
}

static double weight_columns(const cim_hw_arch *a)
{
    return (double)(cim_hw_weight_slices(a) * cim_hw_weight_polarities(a));
}

/* Multiply-accumulates of one full-size product on one crossbar. */
static double macs_per_mvm(const cim_hw_arch *a)
{
    return (double)a->crossbar.rows * (double)a->crossbar.cols / weight_columns(a);
}

double cim_cost_mvm_ns(const cim_hw_arch *arch, const cim_cost_chip *chip)
{
    return input_phases(arch) * row_groups(arch) * chip->step_ns;
}

double cim_cost_peak_tops(const cim_hw_arch *arch, const cim_cost_chip *chip)
{
    double macs = (double)arch->chip.cores * (double)arch->core.crossbars * macs_per_mvm(arch);
    return 2 * macs / cim_cost_mvm_ns(arch, chip) * 1e-3; /* operations per ns to 1e12 per s */
}

static double sum_of(const double *v)
{
    double s = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        s += v[k];
    return s;
}

/* Energy of one full-size product on one crossbar and what belongs to it [pJ]. */
static double crossbar_energy(const cim_hw_arch *a, const cim_cost_chip *c,
                              double pj[CIM_COST_N_KINDS])
{
    double counts[CIM_COST_N_EVENTS] = {0};
    double phases = input_phases(a), groups = row_groups(a);
    double rows = (double)a->crossbar.rows, cols = (double)a->crossbar.cols;
    counts[CIM_EV_CELL_READ] = phases * rows * cols;
    counts[CIM_EV_XB_STEP] = phases * groups;
    counts[CIM_EV_DAC] = phases * rows;
    counts[CIM_EV_ADC] = a->crossbar.adcs > 0 ? phases * groups * cols : 0;
    counts[CIM_EV_SAMPLE_HOLD] = counts[CIM_EV_ADC];
    counts[CIM_EV_SHIFT_ADD] = phases * groups * cols;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        pj[k] = 0;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        pj[cim_cost_event_kind((cim_cost_event)e)] +=
            counts[e] * c->own_unit_pj[CIM_HW_TIER_CROSSBAR][e];
    pj[CIM_COST_LEAKAGE] =
        sum_of(c->own_leak_mw[CIM_HW_TIER_CROSSBAR]) * (cim_cost_mvm_ns(a, c) + c->mvm_fill_ns);
    return sum_of(pj);
}

static void write_kinds(cim_jw *w, const char *key, const double *v, double factor)
{
    cim_jw_object(w, key);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        if (v[k] > 0)
            cim_jw_double(w, cim_cost_kind_names[k], v[k] * factor);
    cim_jw_object_end(w);
}

/* Paths of optional bandwidths and rates that are absent: nothing limits there. */
static size_t unlimited(const cim_hw_arch *a, const char *list[8])
{
    const struct {
        const char *path;
        double v;
    } all[] = {
        {"chip.noc_bits_per_cycle", a->chip.noc_bits_per_cycle},
        {"chip.buffer_kib", a->chip.buffer_kib},
        {"chip.buffer_bits_per_cycle", a->chip.buffer_bits_per_cycle},
        {"chip.alu_ops_per_cycle", a->chip.alu_ops_per_cycle},
        {"chip.offchip_gb_per_s", a->chip.offchip_gb_per_s},
        {"core.buffer_kib", a->core.buffer_kib},
        {"core.buffer_bits_per_cycle", a->core.buffer_bits_per_cycle},
        {"core.alu_ops_per_cycle", a->core.alu_ops_per_cycle},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (isnan(all[i].v))
            list[n++] = all[i].path;
    return n;
}

/* Remark i of a pricing in words; false when there are no more bits. */
static bool note_text(const cim_hw_arch *a, const cim_cost_chip *c, unsigned bit, char *s,
                      size_t size)
{
    switch (c->notes & bit) {
    case CIM_COST_NOTE_SUPPLY:
        snprintf(s, size,
                 "supply_v %g lies outside %.3g to %.3g V, where the scaling fits hold at %g nm; "
                 "energy follows C V^2 there and delay is extrapolated",
                 a->supply_v, c->supply_min_v, c->supply_max_v, a->technology_nm);
        return true;
    case CIM_COST_NOTE_BUFFER:
        snprintf(s, size, "a buffer is smaller or larger than the library's table: extrapolated");
        return true;
    case CIM_COST_NOTE_PARTS:
        snprintf(
            s, size,
            "the stated crossbar, buffers, bandwidth or rates need more of a listed component than "
            "listed; as many as needed are charged");
        return true;
    case CIM_COST_NOTE_ADC_STEP:
        snprintf(s, size,
                 "conversion takes %.4g ns for all columns, longer than the %.4g ns read: the "
                 "converters set the step",
                 c->adc_ns, c->read_ns);
        return true;
    case CIM_COST_NOTE_CELL_BITS:
        snprintf(s, size, "device.bits_per_cell %d is more than the device entry vouches for",
                 (int)a->device.bits_per_cell);
        return true;
    case CIM_COST_NOTE_ADC_PITCH:
        snprintf(
            s, size,
            "crossbar.adcs %d leaves each converter less width than any published one (library "
            "periphery/adc_pitch): stacking them is not modelled",
            (int)a->crossbar.adcs);
        return true;
    case CIM_COST_NOTE_MERGE:
        snprintf(s, size,
                 "crossbar.merge_cols %d: the SQNR does not see how joined bitlines are weighted",
                 (int)a->crossbar.merge_cols);
        return true;
    default:
        return false;
    }
}

void cim_cost_notes_write(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_jw *w,
                          const char *key)
{
    cim_jw_array(w, key);
    for (unsigned bit = 1; bit <= CIM_COST_NOTE_LAST; bit <<= 1) {
        char text[256];
        if (note_text(arch, chip, bit, text, sizeof text))
            cim_jw_string(w, NULL, text);
    }
    cim_jw_array_end(w);
}

void cim_cost_notes_text(const cim_hw_arch *arch, const cim_cost_chip *chip, const char *before,
                         cim_text *out)
{
    for (unsigned bit = 1; bit <= CIM_COST_NOTE_LAST; bit <<= 1) {
        char text[256];
        if (note_text(arch, chip, bit, text, sizeof text))
            cim_text_addf(out, "%s%s\n", before, text);
    }
}

static void write_crossbar(const cim_hw_arch *a, const cim_cost_chip *c, cim_jw *w)
{
    double pj[CIM_COST_N_KINDS];
    double energy = crossbar_energy(a, c, pj);
    cim_jw_object(w, "crossbar");
    cim_jw_double(w, "mvm_s", (cim_cost_mvm_ns(a, c) + c->mvm_fill_ns) * 1e-9);
    cim_jw_double(w, "mvm_interval_s", cim_cost_mvm_ns(a, c) * 1e-9);
    cim_jw_double(w, "step_s", c->step_ns * 1e-9);
    cim_jw_double(w, "read_s", c->read_ns * 1e-9);
    cim_jw_double(w, "convert_s", c->adc_ns * 1e-9);
    cim_jw_double(w, "write_row_s", c->write_row_ns * 1e-9);
    cim_jw_double(w, "mvm_energy_j", energy * 1e-12);
    cim_jw_double(w, "mac_energy_j", energy * 1e-12 / macs_per_mvm(a));
    cim_jw_double(w, "tops_per_w", 2 * macs_per_mvm(a) / energy);
    write_kinds(w, "energy_breakdown_j", pj, 1e-12);
    cim_jw_double(w, "area_mm2", c->tier_area_um2[CIM_HW_TIER_CROSSBAR] * 1e-6);
    write_kinds(w, "area_breakdown_mm2", c->own_area_um2[CIM_HW_TIER_CROSSBAR], 1e-6);
    cim_jw_double(w, "peak_power_w", c->tier_peak_mw[CIM_HW_TIER_CROSSBAR] * 1e-3);
    cim_jw_object_end(w);
}

/* At the workload's precisions as if every product of two single bits were counted: the
 * normalisation of benchmark collections (2 x weight bits x activation bits per MAC). */
static void write_one_bit(const cim_hw_arch *a, const cim_cost_chip *c, double power, cim_jw *w)
{
    double tops = cim_cost_peak_tops(a, c) * (double)a->workload.weight_bits *
                  (double)a->workload.activation_bits;
    cim_jw_object(w, "one_bit");
    cim_jw_double(w, "tops", tops);
    cim_jw_double(w, "tops_per_w", tops / power);
    cim_jw_double(w, "tops_per_mm2", tops / c->area_mm2);
    cim_jw_object_end(w);
}

static void write_cell(const cim_hw_arch *a, const cim_cost_chip *c, cim_jw *w)
{
    cim_jw_object(w, "cell");
    cim_jw_string(w, "domain", cim_hw_summing_words[cim_hw_arch_summing(a)]);
    cim_jw_double(w, "area_um2", c->cell_um2);
    cim_jw_double(w, "pitch_per_adc_um", c->adc_pitch_um);
    cim_jw_double(w, "endurance_cycles", c->endurance_cycles);
    cim_jw_double(w, "conductance_sigma", c->conductance_sigma);
    cim_jw_double(w, "resistance_on_ohm", c->resistance_on_ohm);
    cim_jw_double(w, "resistance_off_ohm", c->resistance_off_ohm);
    cim_jw_object_end(w);
}

static void write_tiers(const cim_cost_chip *c, cim_jw *w)
{
    static const char *const names[CIM_HW_N_TIERS] = {"chip_without_cores", "core", "crossbar"};
    cim_jw_array(w, "tiers");
    for (int t = 0; t < CIM_HW_N_TIERS; t++) {
        cim_jw_object(w, NULL);
        cim_jw_string(w, "tier", names[t]);
        cim_jw_double(w, "area_mm2", c->tier_area_um2[t] * 1e-6);
        cim_jw_double(w, "peak_power_w", c->tier_peak_mw[t] * 1e-3);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
}

static void write_units(const cim_cost_chip *c, cim_jw *w)
{
    cim_jw_object(w, "unit_energy_j");
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        cim_jw_double(w, cim_cost_event_names[e], c->unit_pj[e] * 1e-12);
    cim_jw_object_end(w);
}

static void write_remarks(const cim_hw_arch *a, const cim_cost_chip *c, cim_jw *w)
{
    const char *free_paths[8];
    size_t n = unlimited(a, free_paths);
    cim_jw_array(w, "not_a_bottleneck");
    for (size_t i = 0; i < n; i++)
        cim_jw_string(w, NULL, free_paths[i]);
    cim_jw_array_end(w);
    cim_cost_notes_write(a, c, w, "warnings");
}

void cim_cost_arch_report_write(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_jw *w)
{
    double tops = cim_cost_peak_tops(arch, chip), power = sum_of(chip->peak_mw) * 1e-3;
    cim_jw_object(w, NULL);
    cim_hw_arch_write(arch, w, "arch");
    cim_jw_double(w, "weight_capacity_bits", cim_hw_arch_capacity_bits(arch));
    cim_jw_double(w, "peak_tops", tops);
    cim_jw_double(w, "area_mm2", chip->area_mm2);
    write_kinds(w, "area_breakdown_mm2", chip->area_um2, 1e-6);
    cim_jw_double(w, "peak_power_w", power);
    write_kinds(w, "peak_power_breakdown_w", chip->peak_mw, 1e-3);
    cim_jw_double(w, "leakage_w", chip->leakage_mw * 1e-3);
    write_kinds(w, "leakage_breakdown_w", chip->leak_mw, 1e-3);
    cim_jw_double(w, "tops_per_w", tops / power);
    cim_jw_double(w, "tops_per_mm2", tops / chip->area_mm2);
    write_one_bit(arch, chip, power, w);
    write_crossbar(arch, chip, w);
    write_cell(arch, chip, w);
    write_tiers(chip, w);
    write_units(chip, w);
    cim_jw_double(w, "sqnr_db", cim_cost_sqnr_db(arch, &chip->device, (double)arch->crossbar.rows));
    write_remarks(arch, chip, w);
    cim_jw_object_end(w);
}

/* ---- text ---- */

static void text_rate(cim_text *t, const char *label, double per_cycle, const char *unit)
{
    if (isnan(per_cycle))
        cim_text_addf(t, ", %s not a bottleneck", label);
    else
        cim_text_addf(t, ", %s %g %s", label, per_cycle, unit);
}

static void text_kib(cim_text *t, double kib)
{
    if (isnan(kib))
        cim_text_add(t, ", buffer unlimited");
    else
        cim_text_addf(t, ", buffer %g KiB", kib);
}

static void text_tiers(const cim_hw_arch *a, const cim_cost_chip *c, cim_text *t)
{
    cim_text_addf(t, "%s: %s mode, %s, %d bit/cell, %g nm, %g V, %g MHz\n", a->name,
                  cim_hw_mode_words[a->computing_mode], cim_hw_device_words[a->device.type],
                  (int)a->device.bits_per_cell, a->technology_nm, a->supply_v, a->clock_mhz);
    cim_text_addf(t, "  chip      %lld cores", (long long)a->chip.cores);
    text_kib(t, a->chip.buffer_kib);
    text_rate(t, "buffer port", a->chip.buffer_bits_per_cycle, "bit/cycle");
    text_rate(t, "NoC link", a->chip.noc_bits_per_cycle, "bit/cycle");
    text_rate(t, "ALU", a->chip.alu_ops_per_cycle, "op/cycle");
    text_rate(t, "off-chip", a->chip.offchip_gb_per_s, "GB/s");
    cim_text_addf(t, "\n  core      %lld crossbars", (long long)a->core.crossbars);
    text_kib(t, a->core.buffer_kib);
    text_rate(t, "buffer port", a->core.buffer_bits_per_cycle, "bit/cycle");
    text_rate(t, "ALU", a->core.alu_ops_per_cycle, "op/cycle");
    cim_text_addf(t, "\n  crossbar  %lld x %lld, %s domain, %lld rows parallel, %lld-bit DAC, ",
                  (long long)a->crossbar.rows, (long long)a->crossbar.cols,
                  cim_hw_summing_words[cim_hw_arch_summing(a)],
                  (long long)a->crossbar.parallel_rows, (long long)a->crossbar.dac_bits);
    if (a->crossbar.adcs > 0)
        cim_text_addf(t, "%lld x %lld-bit ADC (%s) at %.4g MS/s\n", (long long)a->crossbar.adcs,
                      (long long)a->crossbar.adc_bits, cim_hw_adc_models[cim_hw_arch_adc_model(a)],
                      c->adc_msps);
    else
        cim_text_add(t, "no ADC\n");
    cim_text_addf(t,
                  "  step      %.4g ns (read %.4g, convert %.4g); one product %.4g ns at %d-bit "
                  "weights, %d-bit activations\n",
                  c->step_ns, c->read_ns, c->adc_ns, cim_cost_mvm_ns(a, c),
                  (int)a->workload.weight_bits, (int)a->workload.activation_bits);
}

static void text_totals(const cim_hw_arch *a, const cim_cost_chip *c, cim_text *t)
{
    double tops = cim_cost_peak_tops(a, c), power = sum_of(c->peak_mw) * 1e-3;
    cim_text_addf(t, "  capacity  %.4g Mbit of weights\n", cim_hw_arch_capacity_bits(a) * 1e-6);
    cim_text_addf(t, "  peak      %.4g TOPS (1 MAC = 2 operations), %.4g TOPS/W, %.4g TOPS/mm2\n",
                  tops, tops / power, tops / c->area_mm2);
    cim_text_addf(t, "  SQNR      %.1f dB for a product over all rows\n\n",
                  cim_cost_sqnr_db(a, &c->device, (double)a->crossbar.rows));
    cim_text_addf(t, "  %-16s %12s %7s %12s %7s\n", "", "area mm2", "%", "peak W", "%");
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        if (c->area_um2[k] > 0 || c->peak_mw[k] > 0)
            cim_text_addf(t, "  %-16s %12.5g %7.2f %12.5g %7.2f\n", cim_cost_kind_names[k],
                          c->area_um2[k] * 1e-6, c->area_um2[k] * 1e-4 / c->area_mm2,
                          c->peak_mw[k] * 1e-3, c->peak_mw[k] * 0.1 / power);
    cim_text_addf(t, "  %-16s %12.5g %7s %12.5g\n", "total", c->area_mm2, "", power);
    static const char *const tiers[CIM_HW_N_TIERS] = {"chip w/o cores", "one core", "one crossbar"};
    for (int i = 0; i < CIM_HW_N_TIERS; i++)
        cim_text_addf(t, "  %-16s %12.5g %7s %12.5g\n", tiers[i], c->tier_area_um2[i] * 1e-6, "",
                      c->tier_peak_mw[i] * 1e-3);
}

void cim_cost_arch_report_text(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_text *out)
{
    text_tiers(arch, chip, out);
    text_totals(arch, chip, out);
    cim_cost_notes_text(arch, chip, "  note: ", out);
}
