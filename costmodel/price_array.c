/* The array itself: cells, what drives them, what selects and senses them, adder trees, and how
 * long one activation takes. Equations and sources: README.md, "Crossbar". */
#include "costmodel/price.h"

#include <math.h>
#include <stdio.h>

static const cost_device *device_of(const cost_pricing *p)
{
    return &p->lib->device[p->arch->device.type];
}

static const cost_array *array_of(const cost_pricing *p)
{
    const cost_device *d = device_of(p);
    cost_array_kind kind = COST_ARRAY_OWN;
    if (p->domain == CIM_HW_SUM_DIGITAL)
        kind = COST_ARRAY_DIGITAL;
    else if (p->arch->device.type == CIM_HW_DEVICE_SRAM && p->domain == CIM_HW_SUM_CURRENT)
        kind = COST_ARRAY_CURRENT;
    else if (p->domain == CIM_HW_SUM_STATIC)
        kind = COST_ARRAY_STATIC;
    if (cim_hw_arch_access(p->arch) == CIM_HW_ACCESS_TRANSISTOR)
        kind = COST_ARRAY_TRANSISTOR;
    return &d->array[d->array[kind].present ? kind : COST_ARRAY_OWN];
}

/* A bare cell [um2]: the publication's own, or the library's at this node. SRAM stopped following
 * F^2 below 32 nm and is scaled like logic. */
static double cell_um2(const cost_pricing *p, const cost_array *a)
{
    double nm = p->here.nm;
    if (p->arch->device.cell_f2 > 0)
        return p->arch->device.cell_f2 * nm * nm * 1e-6;
    if (device_of(p)->scaling == COST_SCALE_FEATURE)
        return a->f2 * nm * nm * 1e-6;
    return a->f2 * a->at.nm * a->at.nm * 1e-6 * p->here.area / a->at.area;
}

/* Toggles per cycle of a random bit that is one with probability q; 3/8 for the product of two
 * random bits. */
static double toggles(double q)
{
    return 2 * q * (1 - q);
}

/* Energy of synthesised logic at the chip's node and supply, relative to where the library's is from.
 * Its wires' share follows their length, the root of the area. Gates of finer nodes follow the
 * capacitance of published cells: the scaling fits know transistors, not the parasitics of fins. */
static double logic_scale(const cost_pricing *p)
{
    const cost_digital *g = &p->lib->digital;
    double v = p->here.v / g->at.v, nm = p->here.nm, gates;
    if (nm < g->at.nm && g->gate_7nm > 0) {
        cost_scale planar;
        cost_scaling_at(p->lib, g->at.nm, p->here.v, &planar);
        gates =
            planar.energy / g->at.energy * pow(g->gate_7nm, log(g->at.nm / nm) / log(g->at.nm / 7));
    } else {
        gates = p->here.energy / g->at.energy;
    }
    return (1 - g->wire_share) * gates + g->wire_share * sqrt(p->here.area / g->at.area) * v * v;
}

/* Adder tree and gate of one cell and one input bit [pJ]. */
static double digital_bit_pj(const cost_pricing *p)
{
    const cost_digital *g = &p->lib->digital;
    /* Weights stand still: products toggle with the inputs, where the weight's bit is one. */
    double busy = toggles(p->arch->workload.input_density) * p->arch->workload.weight_density /
                  g->gate_activity;
    return (g->gate_pj * g->gate_activity + g->adders * g->adder_pj * g->adder_activity) * busy *
           g->layout * logic_scale(p);
}

/* Bits of the sum of one adder tree. */
static double sum_bits(const cost_pricing *p)
{
    return (double)p->arch->workload.weight_bits +
           ceil(log2((double)p->arch->crossbar.parallel_rows));
}

/* Steps whose sums belong to one result. */
static double steps_per_result(const cost_pricing *p)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    return ceil((double)p->arch->workload.activation_bits / (double)x->dac_bits) *
           ceil((double)x->rows / (double)x->parallel_rows);
}

/* What stands behind the adder trees of every weight: a register for the sum or, where a result
 * takes several steps, an accumulator with room for the input's bits. A component may replace it. */
static void price_accumulators(cost_pricing *p)
{
    const cost_digital *g = &p->lib->digital;
    const cim_hw_tier t = CIM_HW_TIER_CROSSBAR;
    if (p->domain != CIM_HW_SUM_DIGITAL || (p->replaced & (1U << COST_SLOT_SHIFT_ADD)))
        return;
    bool adds = steps_per_result(p) > 1;
    double bits = sum_bits(p) + (adds ? (double)p->arch->workload.activation_bits : 0);
    double share = bits / (double)p->arch->workload.weight_bits; /* of one column */
    double pj = g->register_pj + (adds ? g->adder_pj * g->adder_activity : 0);
    double um2 = g->register_um2 + (adds ? g->adder_um2 : 0);
    p->out->own_unit_pj[t][CIM_EV_SHIFT_ADD] += share * pj * g->layout * logic_scale(p);
    p->out->own_area_um2[t][CIM_COST_SHIFT_ADD] +=
        (double)p->arch->crossbar.cols * share * um2 * p->here.area / g->at.area;
}

/* Resistances of the cell, the architecture's or the library's; false without. */
static bool resistances(const cost_pricing *p, double *on, double *off)
{
    const cim_hw_device_spec *stated = &p->arch->device;
    const cost_device *d = device_of(p);
    const cost_array *a = array_of(p);
    *on = stated->on_ohm > 0 ? stated->on_ohm : a->r_on > 0 ? a->r_on : d->r_on;
    *off = stated->off_ohm > 0 ? stated->off_ohm : a->r_off > 0 ? a->r_off : d->r_off;
    return *on > 0 && *off > 0;
}

/* Mean conductance [1/ohm] of cells of which a share is on, levels in between likewise. */
static double conductance(double on, double off, double share)
{
    return 1 / off + share * (1 / on - 1 / off);
}

/* A resistive cell in one activation [pJ]: V^2 G t where voltage and pulse are stated, else the
 * library's, which is for half the cells and half the inputs on. */
static double resistive_pj(const cost_pricing *p, const cost_array *a)
{
    const cim_hw_device_spec *d = &p->arch->device;
    double share = p->arch->workload.weight_density, inputs = p->arch->workload.input_density;
    double on, off;
    if (!resistances(p, &on, &off))
        return a->read_pj * inputs / .5;
    if (d->read_v > 0 && d->read_pulse_ns > 0)
        return inputs * d->read_v * d->read_v * conductance(on, off, share) * d->read_pulse_ns *
               1e3;      /* V^2 / ohm x ns = nJ */
    if (a->read_v > 0) { /* the current comes from the supply: clamps and mirrors take the rest */
        double pulse = isnan(p->arch->crossbar.read_ns)
                           ? a->read_ns
                           : fmin(a->read_ns, p->arch->crossbar.read_ns);
        return inputs * fmax(p->here.v, a->read_v) * a->read_v * conductance(on, off, share) *
               pulse * 1e3;
    }
    return a->read_pj * inputs / .5 * conductance(on, off, share) / conductance(on, off, .5);
}

/* One cell in one activation [pJ], at the library's read pulse: read_ns also holds settling and
 * conversion, in which the cells are off. */
static double read_pj(const cost_pricing *p, const cost_array *a)
{
    const cost_device *d = device_of(p);
    double inputs = p->arch->workload.input_density / .5;
    if (p->domain == CIM_HW_SUM_DIGITAL) {
        double bits = (double)(p->arch->crossbar.dac_bits * p->arch->device.bits_per_cell);
        return digital_bit_pj(p) * bits + (d->scaling == COST_SCALE_LOGIC ? 0 : a->read_pj);
    }
    if (d->scaling != COST_SCALE_LOGIC)
        return resistive_pj(p, a);
    /* A bitline is charged with all its cells, however few of them are read. */
    double rows = (double)p->arch->crossbar.rows, on = (double)p->arch->crossbar.parallel_rows;
    double line = a->bitline_rows > 0 ? fmax(1, fmin(rows, a->bitline_rows) / on) : 1;
    return a->read_pj * p->here.energy / a->at.energy * (a->constant ? 1 : inputs) * line;
}

void cost_price_cells(cost_pricing *p)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    const cost_device *d = device_of(p);
    const cost_array *a = array_of(p);
    const cost_digital *g = &p->lib->digital;
    cim_cost_chip *out = p->out;
    double cells = (double)x->rows * (double)x->cols;
    double um2 = cells * cell_um2(p, a) * a->overhead +
                 ((double)x->rows + 2 * (double)x->cols) * a->driver_um2;
    /* Rows that are never on together share a gate and an adder tree. */
    if (p->domain == CIM_HW_SUM_DIGITAL)
        um2 += (double)x->parallel_rows * (double)x->cols *
               (double)(x->dac_bits * p->arch->device.bits_per_cell) *
               (g->gate_um2 + g->adders * g->adder_um2) * p->here.area / g->at.area;
    out->own_unit_pj[CIM_HW_TIER_CROSSBAR][CIM_EV_CELL_READ] += read_pj(p, a);
    out->own_unit_pj[CIM_HW_TIER_CROSSBAR][CIM_EV_CELL_WRITE] +=
        d->write_pj * (d->scaling == COST_SCALE_LOGIC ? p->here.energy / d->at.energy : 1);
    out->own_area_um2[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR] += um2;
    out->own_leak_mw[CIM_HW_TIER_CROSSBAR][CIM_COST_CROSSBAR] +=
        cells * d->leak_mw * p->here.leakage / d->leak_at.leakage;
    if ((double)p->arch->device.bits_per_cell > d->max_bits)
        out->notes |= CIM_COST_NOTE_CELL_BITS;
    cost_traced(p, "devices", cim_hw_device_words[p->arch->device.type],
                p->domain == CIM_HW_SUM_DIGITAL ? "digital_cell" : NULL);
    out->cell_um2 = cell_um2(p, a);
    out->endurance_cycles = d->endurance;
    out->conductance_sigma = d->variation;
    if (!resistances(p, &out->resistance_on_ohm, &out->resistance_off_ohm))
        out->resistance_on_ohm = out->resistance_off_ohm = NAN;
    price_accumulators(p);
}

/* Energy of driving one row of an array that needs no analog driver [pJ]. Digital inputs drive a
 * gate and a wire per cell and input bit and toggle; the row lines of charge-domain arrays are part
 * of their measured array energy; several bits on one line need a small converter. */
static double wordline_pj(const cost_pricing *p)
{
    const cost_wordline *w = &p->lib->wordline;
    double cols = (double)p->arch->crossbar.cols, bits = (double)p->arch->crossbar.dac_bits;
    double density = p->arch->workload.input_density, scale = p->here.energy / w->at.energy;
    if (p->domain == CIM_HW_SUM_DIGITAL) {
        double line = w->cell_pj * p->lib->digital.at.energy / w->at.energy;
        return cols * bits * (line + p->lib->digital.gate_pj) * logic_scale(p) * toggles(density);
    }
    double line = p->domain == CIM_HW_SUM_CHARGE ? 0 : cols * w->cell_pj;
    return (line + (bits > 1 ? bits * w->bit_pj : 0)) * density / .5 * scale;
}

void cost_price_drivers(cost_pricing *p)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    const cim_hw_tier t = CIM_HW_TIER_CROSSBAR;
    cim_cost_chip *out = p->out;
    if (p->replaced & (1U << COST_SLOT_DAC))
        return;
    /* Inputs of a macro with a transistor per cell switch its gates. */
    if (p->domain == CIM_HW_SUM_DIGITAL || device_of(p)->wordline ||
        cim_hw_arch_access(p->arch) == CIM_HW_ACCESS_TRANSISTOR) {
        const cost_wordline *w = &p->lib->wordline;
        out->own_unit_pj[t][CIM_EV_DAC] += wordline_pj(p);
        if (x->adcs > 0 && x->dac_bits > 1)
            out->own_area_um2[t][CIM_COST_DAC] +=
                (double)(x->parallel_rows * x->dac_bits) * w->bit_um2 * p->here.area / w->at.area;
        cost_traced(p, "periphery", "wordline",
                    p->domain == CIM_HW_SUM_DIGITAL ? "digital_cell" : NULL);
        return;
    }
    const cost_unit *dac = &p->lib->dac;
    double grow = pow(dac->factor_per_bit, (double)(x->dac_bits - 1)), rows = (double)x->rows;
    out->own_unit_pj[t][CIM_EV_DAC] += dac->pj * grow * p->here.energy / dac->at.energy;
    out->own_area_um2[t][CIM_COST_DAC] += rows * dac->um2 * grow * p->here.area / dac->at.area;
    out->own_leak_mw[t][CIM_COST_DAC] +=
        rows * dac->leak_mw * grow * p->here.leakage / dac->at.leakage;
    cost_traced(p, "periphery", "dac", NULL);
}

/* Critical path of an adder tree in gate delays: the product, three gates per level for the sum,
 * two per bit for the carry of the last and widest addition, the accumulation of results that take
 * several steps (its carry runs behind the tree's), a register. */
static double tree_ns(const cost_pricing *p)
{
    const cost_digital *g = &p->lib->digital;
    double levels = ceil(log2((double)p->arch->crossbar.parallel_rows));
    double gates = 1 + g->sum_gates * levels + g->carry_gates * sum_bits(p) + g->register_gates;
    if (steps_per_result(p) > 1)
        gates += g->sum_gates + g->carry_gates * (double)p->arch->workload.activation_bits;
    return g->gate_ns * gates * p->here.delay / g->at.delay;
}

double cost_read_ns(const cost_pricing *p)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    const cost_device *d = device_of(p);
    double rows = (double)x->rows;
    /* Beyond the array a time was stated for, the bitline's capacitance grows with its rows. */
    if (!isnan(x->read_ns))
        return x->read_ns * (x->read_rows > 0 ? fmax(1, rows / (double)x->read_rows) : 1);
    if (p->domain == CIM_HW_SUM_DIGITAL && d->scaling == COST_SCALE_LOGIC)
        return tree_ns(p);
    double speed = d->scaling == COST_SCALE_LOGIC ? p->here.delay / d->at.delay : 1;
    const cost_array *a = array_of(p);
    return (a->access_ns > 0 ? a->access_ns : d->read_ns) * speed * fmax(1, rows / d->read_rows);
}

double cost_write_row_ns(const cost_pricing *p)
{
    const cost_device *d = device_of(p);
    return d->write_row_ns * (d->scaling == COST_SCALE_LOGIC ? p->here.delay / d->at.delay : 1);
}

/* Cells must be worth reading; converters stand in a strip at the array's edge, each as wide as the
 * columns it serves. */
bool cost_array_fits(cost_pricing *p, char *reason, size_t size)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    const cost_pitch *limit = &p->lib->pitch;
    double on, off;
    if (resistances(p, &on, &off) && on > off) {
        snprintf(reason, size,
                 "device.on_ohm %g: above the resistance of a cell that is off, %g ohm", on, off);
        return false;
    }
    if (x->adcs == 0)
        return true;
    double pitch_nm = sqrt(cell_um2(p, array_of(p))) * 1e3;
    double features = pitch_nm * (double)x->cols / (double)x->adcs / p->here.nm;
    p->out->adc_pitch_um = features * p->here.nm * 1e-3;
    if (features < limit->min_f) {
        snprintf(reason, size,
                 "crossbar.adcs %d: %.3g F of width each, a converter needs %g F (library "
                 "periphery/adc_pitch); a 1T1R cell is wider: device.access",
                 (int)x->adcs, features, limit->min_f);
        return false;
    }
    if (features < limit->published_f * (1 - 1e-3))
        p->out->notes |= CIM_COST_NOTE_ADC_PITCH;
    return true;
}
