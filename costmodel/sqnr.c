/* Analytical signal to noise ratio of a crossbar product. SQNR.md. */
#include "costmodel/sqnr.h"

#include <math.h>

/* ISAAC's flipped-weight encoding (Shafiee 2016, section 5): a column whose weights sum to more
 * than half of their maximum is stored complemented and corrected digitally with the sum of the
 * inputs, so no column sum exceeds half of full scale: one converter bit less. */
#define FLIP 0.5
#define RARE 1e-12 /* probabilities below do not matter */
#define PI 3.14159265358979323846

static bool differential(const cim_hw_arch *arch)
{
    return arch->crossbar.signed_weights == CIM_HW_SIGNED_DIFFERENTIAL;
}

/* All weights of a column may have its sign, and complementing it would not help the other one. */
double cim_cost_adc_full_scale(const cim_hw_arch *arch, double rows)
{
    return (differential(arch) ? 1 : FLIP) * rows * (pow(2, (double)arch->crossbar.dac_bits) - 1) *
           (pow(2, (double)arch->device.bits_per_cell) - 1);
}

double cim_cost_adc_range_step(const cim_hw_arch *arch, double range)
{
    if (arch->crossbar.adcs == 0)
        return 1;
    return fmax(1, range / (pow(2, (double)arch->crossbar.adc_bits) - 1));
}

double cim_cost_adc_step(const cim_hw_arch *arch, double rows)
{
    return cim_cost_adc_range_step(arch, arch->adc.clip * cim_cost_adc_full_scale(arch, rows));
}

/* Ratio that stands for a distribution: 0 is uniform. */
static double ratio_of(const cim_hw_arch *arch, double peak_to_rms)
{
    return arch->workload.data == CIM_HW_DATA_UNIFORM ? 0 : peak_to_rms;
}

void cim_cost_fidelity_init(cim_cost_fidelity *f, const cim_hw_arch *arch,
                            const cim_cost_device *device)
{
    const cim_hw_workload *w = &arch->workload;
    f->arch = *arch;
    f->cell_sigma = device->sigma;
    f->cell_floor = device->floor * (pow(2, (double)arch->device.bits_per_cell) - 1);
    double weights = (double)w->weight_bits, cell = (double)arch->device.bits_per_cell;
    if (differential(arch))
        cost_magnitudes_init(&f->weight, weights, cell, ratio_of(arch, w->weight_peak_to_rms));
    else
        cost_operand_init(&f->weight, weights, cell, ratio_of(arch, w->weight_peak_to_rms), true);
    for (int s = 0; s < 2; s++)
        cost_operand_init(&f->input[s], (double)w->activation_bits, (double)arch->crossbar.dac_bits,
                          ratio_of(arch, w->activation_peak_to_rms), s == 1);
    f->rows = 0;
}

/* The cells of one slice as they are stored: the column is complemented when it sums to more than
 * half. */
typedef struct cells {
    double mean, square; /* of one cell */
    double column;       /* variance of the column's sum */
    double busy;         /* probability that a cell is not 0 */
    double sign;         /* expected sign of its results: -1 for complemented columns */
} cells;

/* Sum Z of a column around half of its maximum is normal; stored is half - |Z| (folded normal). */
static void stored_cells(const cim_cost_fidelity *f, int slice, double rows, cells *c)
{
    const cim_cost_digits *d = &f->weight.digits;
    double top = pow(2, (double)f->arch.device.bits_per_cell) - 1;
    double mean = d->mean[slice], variance = fmax(0, d->square[slice] - mean * mean);
    if (differential(&f->arch)) { /* a column for either sign, stored as they are: signs cancel */
        *c = (cells){mean, d->square[slice], rows * variance, 1 - d->zero[slice], 0};
        return;
    }
    double away = rows * (mean - top / 2), spread2 = rows * variance, spread = sqrt(spread2);
    double folded = fabs(away);
    if (spread > 0)
        folded = spread * sqrt(2 / PI) * exp(-0.5 * away * away / spread2) +
                 away * erf(away / (spread * sqrt(2)));
    c->sign = spread > 0 ? -erf(away / (spread * sqrt(2))) : away > 0 ? -1 : 1;
    c->mean = fmax(0, top / 2 - folded / rows);
    c->square = variance + c->mean * c->mean;
    c->column = fmax(0, spread2 + away * away - folded * folded);
    c->busy = away > 0 ? fmin(1 - d->zero[slice], c->mean) : 1 - d->zero[slice];
}

/* Sums of one phase over such columns. */
static void sums_of(const cim_cost_fidelity *f, bool is_signed, int phase, const cells *c,
                    double rows, cost_sums *s)
{
    const cim_cost_digits *d = &f->input[is_signed].digits;
    double mean = d->mean[phase], variance = fmax(0, d->square[phase] - mean * mean);
    double all = rows * mean * c->mean;
    double square = rows * c->square * variance + mean * mean * c->column + all * all;
    double active = (1 - d->zero[phase]) * c->busy;
    double busy = active < 1 ? -expm1(rows * log1p(-active)) : 1;
    if (busy < RARE) { /* a digit that is never driven */
        *s = (cost_sums){.idle = 1};
        return;
    }
    s->idle = busy > 1 - 1e-6 ? 0 : 1 - busy;
    busy = 1 - s->idle;
    s->mean = all / busy;
    s->deviation = sqrt(fmax(0, square / busy - s->mean * s->mean));
    double floor = f->cell_floor;
    double conductance = c->square + 2 * c->mean * floor + floor * floor;
    s->noise = f->cell_sigma * sqrt(rows * d->square[phase] * conductance);
}

/* The range that all but a share of the column sums stay in, over phases and slices: by bisection. */
static double percentile(const cim_cost_fidelity *f, bool is_signed, double rows, double full)
{
    const cim_cost_digits *x = &f->input[is_signed].digits, *w = &f->weight.digits;
    cost_sums all[CIM_COST_MAX_DIGITS * CIM_COST_MAX_DIGITS];
    int n = 0;
    for (int s = 0; s < w->n; s++) {
        cells c;
        stored_cells(f, s, rows, &c);
        for (int p = 0; p < x->n; p++)
            sums_of(f, is_signed, p, &c, rows, &all[n++]);
    }
    double share = 1 - f->arch.adc.clip_percentile / 100, low = 1, high = full;
    for (int i = 0; i < 40 && high - low > 1e-3 * high; i++) {
        double middle = (low + high) / 2, above = 0;
        for (int k = 0; k < n; k++)
            above += cost_sums_above(&all[k], middle);
        if (above > share * n)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static double range_of(const cim_cost_fidelity *f, bool is_signed, double rows)
{
    const cim_hw_adc *adc = &f->arch.adc;
    double full = cim_cost_adc_full_scale(&f->arch, rows), range = full * adc->clip;
    if (!isnan(adc->clip_percentile) && f->arch.crossbar.adcs > 0)
        range = fmin(range, percentile(f, is_signed, rows, full));
    return fmax(1, range);
}

/* Everything that happens to one row group's results: f->converted, f->spread, f->bias. */
static void convert_group(cim_cost_fidelity *f, bool is_signed, double rows)
{
    const cim_cost_digits *x = &f->input[is_signed].digits, *w = &f->weight.digits;
    double step = cim_cost_adc_range_step(&f->arch, f->range);
    double last = step * (pow(2, (double)f->arch.crossbar.adc_bits) - 1);
    if (f->arch.crossbar.adcs == 0 || last >= cim_cost_adc_full_scale(&f->arch, rows) * (1 - 1e-9))
        last = INFINITY;
    bool digital = f->arch.crossbar.adcs == 0; /* logic reads cells as digits: no analog noise */
    double total = 0, raw = 0, bias = 0, columns = (double)cim_hw_weight_polarities(&f->arch);
    for (int s = 0; !digital && s < w->n; s++) {
        cells c;
        stored_cells(f, s, rows, &c);
        double follow = 0, follow2 = 0, together = 0, noisy = 0, phases = 0, followed = 0,
               place2 = w->place[s] * w->place[s];
        for (int p = 0; p < x->n; p++) {
            cost_sums sums;
            cost_error e;
            sums_of(f, is_signed, p, &c, rows, &sums);
            cost_convert(&sums, step, last, &e);
            double own = x->place[p] * x->place[p] * sums.noise * sums.noise;
            total += place2 * x->place[p] * x->place[p] * (e.square - e.mean * e.mean);
            together += x->place[p] * e.mean;
            double column = x->place[p] * e.slope * (1 - sums.idle) * x->mean[p];
            follow += column;
            follow2 += column * column;
            noisy += own;
            phases += x->place[p] * x->place[p] * x->square[p];
            followed += own * e.gain;
        }
        /* Errors' means add up over the phases; so does a cell's deviation, as far as the converter
         * passes it on: beyond the phases' own it is driven by E[u^2] - sum place^2 E[digit^2]. */
        double gain = noisy > 0 ? followed / noisy : 0;
        double cross = phases > 0 ? noisy * (f->input[is_signed].stored - phases) / phases : 0;
        /* All phases meet the same column, whose sum may be above or below the mean one. */
        total += place2 * c.column * (follow * follow - follow2);
        if (columns == 1)
            total += place2 * together * together;
        total += place2 * gain * gain * fmax(0, cross);
        raw += place2 * (noisy + fmax(0, cross));
        bias += w->place[s] * c.sign * together;
    }
    f->bias = bias;
    f->converted = columns * fmax(0, total - bias * bias);
    f->spread = fmin(columns * raw, f->converted);
}

/* Row groups of a matrix: tiles of crossbar.rows, in them parallel_rows at a time. */
static double row_groups(const cim_hw_arch *a, double n)
{
    double rows = fmax((double)a->crossbar.rows, 1), parallel = (double)a->crossbar.parallel_rows;
    double tiles = floor(n / rows), rest = n - tiles * rows;
    return tiles * ceil(rows / parallel) + ceil(rest / parallel);
}

void cim_cost_fidelity_noise(cim_cost_fidelity *f, double n, bool signed_input, cim_cost_noise *out)
{
    const cim_cost_operand *x = &f->input[signed_input], *w = &f->weight;
    double rows = fmin((double)f->arch.crossbar.parallel_rows, n);
    if (f->rows != rows || f->is_signed != (int)signed_input) {
        f->rows = rows;
        f->is_signed = signed_input;
        f->range = range_of(f, signed_input, rows);
        convert_group(f, signed_input, rows);
    }
    double groups = row_groups(&f->arch, n);
    out->signal = n * x->real * w->real;
    out->quantised = n * x->quantised * w->quantised;
    out->operands = n * (x->quantised * w->quantised - 2 * x->mixed * w->mixed + x->real * w->real);
    out->variation = groups * f->spread;
    out->converter = groups * (f->converted - f->spread) + groups * groups * f->bias * f->bias;
    out->range = f->range;
    out->step = cim_cost_adc_range_step(&f->arch, f->range);
    double analog = out->converter + out->variation;
    out->db = 10 * log10(out->signal / (out->operands + analog));
    out->analog_db = analog > 0 ? 10 * log10(fmax(out->quantised, 1e-300) / analog) : INFINITY;
}

double cim_cost_sqnr_db(const cim_hw_arch *arch, const cim_cost_device *device, double n)
{
    cim_cost_fidelity f;
    cim_cost_noise noise;
    cim_cost_fidelity_init(&f, arch, device);
    cim_cost_fidelity_noise(&f, n, true, &noise);
    return noise.db;
}
