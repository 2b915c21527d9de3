/* Analytical signal to quantisation noise ratio of a crossbar product. README.md, "SQNR". */
#include "costmodel/cost.h"

#include <math.h>

/* ISAAC's flipped-weight encoding (Shafiee 2016, section 5): a column whose weights sum to more
 * than half of their maximum is stored complemented and corrected digitally with the sum of the
 * inputs, so no column sum exceeds half of full scale: one converter bit less. */
#define FLIP 0.5
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

double cim_cost_adc_step(const cim_hw_arch *arch, double rows)
{
    if (arch->crossbar.adcs == 0)
        return 1;
    double codes = pow(2, (double)arch->crossbar.adc_bits) - 1;
    return fmax(1, cim_cost_adc_full_scale(arch, rows) / codes);
}

/* Weight of a conversion's noise in the recombined product: sum over n digits of k bits of 4^(ki). */
static double recombine(double k, double n)
{
    return (pow(4, k * n) - 1) / (pow(4, k) - 1);
}

/* Mean square rounding error of a converter of a step on integer sums. Rounding integers is not
 * rounding reals: near steps of 1 and 2 a few sums around mid-scale decide. So small spreads are
 * summed over their (normal) distribution, large ones take step^2 / 12. */
static double rounding(double step, double mean, double deviation)
{
    if (step <= 1)
        return 0;
    if (step >= 4 || deviation > 128)
        return step * step / 12;
    double width = fmax(deviation, 0.5), first = floor(mean - 4 * width), last = mean + 4 * width;
    /* Successive values of a normal density by their ratio, which changes by a constant factor. */
    double density = exp(-0.5 * pow((first - mean) / width, 2));
    double ratio = exp(-((first - mean) + 0.5) / (width * width));
    double shrink = exp(-1 / (width * width));
    double sum = 0, error = 0;
    for (double s = first; s <= last; s++) {
        double e = s - step * floor(s / step + 0.5);
        sum += density;
        error += density * e * e;
        density *= ratio;
        ratio *= shrink;
    }
    return error / sum;
}

/* Noise of one conversion over so many rows, in units of one input level times one cell level:
 * digits and cells uniform, columns complemented when they sum to more than half. */
static double conversion_noise(const cim_hw_arch *arch, double rows)
{
    double step = cim_cost_adc_step(arch, rows);
    double input = pow(2, (double)arch->crossbar.dac_bits);
    double cell = pow(2, (double)arch->device.bits_per_cell);
    double mean_x = (input - 1) / 2, variance_x = (input * input - 1) / 12;
    double mean_w = (cell - 1) / 2, variance_w = (cell * cell - 1) / 12;
    if (differential(arch)) { /* half of the weights have the column's sign, the others leave 0 */
        double mean = mean_x * mean_w / 2;
        double square = (variance_x + mean_x * mean_x) * (variance_w + mean_w * mean_w) / 2;
        return rounding(step, rows * mean, sqrt(rows * (square - mean * mean)));
    }
    /* The column's weight sum is the lower half of a symmetric distribution. */
    double spread = sqrt(rows * variance_w);
    double column = rows * mean_w - spread * sqrt(2 / PI);
    double variance = rows * (variance_w + mean_w * mean_w) * variance_x +
                      mean_x * mean_x * spread * spread * (1 - 2 / PI);
    return rounding(step, mean_x * column, sqrt(variance));
}

double cim_cost_sqnr_db(const cim_hw_arch *arch, double n)
{
    double ba = (double)arch->workload.activation_bits, bw = (double)arch->workload.weight_bits;
    double d = (double)arch->crossbar.dac_bits, c = (double)arch->device.bits_per_cell;
    double rows = fmin((double)arch->crossbar.parallel_rows, n);
    double nx = ceil(ba / d), nw = (double)cim_hw_weight_slices(arch);
    double columns = (double)cim_hw_weight_polarities(arch);
    /* Uniform integers: x in 0 .. 2^ba - 1, w in -2^(bw-1) .. 2^(bw-1) - 1, or without the lowest
     * of them, which a sign and a magnitude do not have. */
    double a = pow(2, ba), w = pow(2, bw) - (differential(arch) ? 1 : 0);
    double mean_x = (a - 1) / 2, square_x = (a - 1) * (2 * a - 1) / 6;
    double mean_w = differential(arch) ? 0 : -0.5, square_w = (w * w - 1) / 12 + mean_w * mean_w;
    double signal = square_x * square_w - mean_x * mean_x * mean_w * mean_w;
    double converter = ceil(n / rows) * recombine(d, nx) * recombine(c, nw) * columns *
                       conversion_noise(arch, rows);
    /* Rounding the real operands to these integers: 1/12 each, times the other's power. */
    double operands = n * (square_x + square_w) / 12 + n / 144;
    return 10 * log10(n * signal / (converter + operands));
}
