/* Analytical signal to quantisation noise ratio of a crossbar product. README.md, "SQNR". */
#include "costmodel/cost.h"

#include <math.h>

/* ISAAC's flipped-weight encoding (Shafiee 2016, section 5): a column whose weights sum to more
 * than half of their maximum is stored complemented and corrected digitally with the sum of the
 * inputs, so no column sum exceeds half of full scale: one converter bit less. */
#define FLIP 0.5

double cim_cost_adc_full_scale(const cim_hw_arch *arch, double rows)
{
    return FLIP * rows * (pow(2, (double)arch->crossbar.dac_bits) - 1) *
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

double cim_cost_sqnr_db(const cim_hw_arch *arch, double n)
{
    double ba = (double)arch->workload.activation_bits, bw = (double)arch->workload.weight_bits;
    double d = (double)arch->crossbar.dac_bits, c = (double)arch->device.bits_per_cell;
    double rows = fmin((double)arch->crossbar.parallel_rows, n);
    double nx = ceil(ba / d), nw = ceil(bw / c);
    /* Uniform integers: x in 0 .. 2^ba - 1, w in -2^(bw-1) .. 2^(bw-1) - 1. */
    double a = pow(2, ba), w = pow(2, bw);
    double mean_x = (a - 1) / 2, square_x = (a - 1) * (2 * a - 1) / 6;
    double mean_w = -0.5, square_w = (w * w - 1) / 12 + mean_w * mean_w;
    double signal = square_x * square_w - mean_x * mean_x * mean_w * mean_w;
    double step = cim_cost_adc_step(arch, rows);
    double conversion = (step * step - 1) / 12;
    double converter = ceil(n / rows) * recombine(d, nx) * recombine(c, nw) * conversion;
    /* Rounding the real operands to these integers: 1/12 each, times the other's power. */
    double operands = n * (square_x + square_w) / 12 + n / 144;
    return 10 * log10(n * signal / (converter + operands));
}
