/* Quantised operands: moments, and statistics of the digits they are cut into. */
#include "costmodel/sqnr.h"

#include <math.h>

#define SQRT_2 1.41421356237309504880
#define SQRT_2PI 2.50662827463100050242

static double density(double x)
{
    return exp(-0.5 * x * x) / SQRT_2PI;
}

static double tail(double x)
{
    return 0.5 * erfc(x / SQRT_2);
}

/* The real values in steps of the quantiser: uniform over +-width or normal. */
typedef struct values {
    bool uniform;
    double scale; /* half width, or standard deviation */
} values;

static double below(const values *v, double x)
{
    if (!v->uniform)
        return 1 - tail(x / v->scale);
    return x <= -v->scale ? 0 : x >= v->scale ? 1 : 0.5 + 0.5 * x / v->scale;
}

/* E[q^2] and E[q x] of x ~ N(0, sigma^2) rounded to q. Rounding is independent of the value to
 * exp(-2 pi^2 sigma^2) (Widrow and Kollar, Quantization Noise, 2008, ch. 4), so from sigma = 1 on the
 * uniform-noise model is exact to nine digits; below, the levels are added up. */
static void round_normal(double sigma, double *qq, double *qx)
{
    if (sigma >= 1) {
        *qq = sigma * sigma + 1.0 / 12;
        *qx = sigma * sigma;
        return;
    }
    *qq = *qx = 0;
    for (double k = 1; k <= 8; k++) {
        double edge = (k - 0.5) / sigma;
        *qq += 2 * (2 * k - 1) * tail(edge);
        *qx += 2 * sigma * density(edge);
    }
}

/* Stored values are looked at in blocks of 2^grain: within one they count as equally likely. */
typedef struct blocks {
    values v;
    double offset, least, most; /* of the stored value */
    int grain;
    double atom; /* probability of an exact 0 */
} blocks;

/* Probability of what is stored up to and including x; the ends take what lies beyond them. */
static double stored_up_to(const blocks *b, double x)
{
    if (x >= b->most)
        return 1;
    if (x < b->least)
        return b->atom;
    return below(&b->v, x + 0.5 - b->offset);
}

/* At most: 2^7 of a uniform distribution, +-5 deviations in blocks of an eighth of one or more. */
enum { MAX_BLOCKS = 136 };

/* Digit i of `width` bits: the bits above the grain are those of a block, the others free. */
static void digit_set(cim_cost_digits *d, int i, int width, const blocks *b, uint32_t first,
                      const double *p, uint32_t n)
{
    int low = i * width, free_bits = b->grain > low ? b->grain - low : 0;
    if (free_bits > width)
        free_bits = width;
    double free_levels = ldexp(1, free_bits);
    double free_mean = (free_levels - 1) / 2, free_square = free_mean * (2 * free_levels - 1) / 3;
    double mean = 0, square = 0, zero = free_bits == width ? 1 : 0;
    uint32_t mask = (UINT32_C(1) << (width - free_bits)) - 1;
    int shift = low + free_bits - b->grain;
    for (uint32_t k = 0; k < n && mask; k++) {
        double fixed = (double)((first + k) >> shift & mask) * free_levels;
        mean += p[k] * fixed;
        square += p[k] * fixed * fixed;
        zero += fixed == 0 ? p[k] : 0;
    }
    double busy = 1 - b->atom;
    d->place[i] = ldexp(1, low);
    d->mean[i] = busy * (mean + free_mean);
    d->square[i] = busy * (square + 2 * mean * free_mean + free_square);
    d->zero[i] = b->atom + busy * zero / free_levels;
}

static void digits_init(cim_cost_digits *d, double bits, double width, const blocks *b)
{
    d->n = (int)ceil(bits / width);
    double block = ldexp(1, b->grain), total = 0, p[MAX_BLOCKS];
    double reach = b->v.uniform ? b->v.scale : 5 * b->v.scale;
    double first = floor(fmax(b->least, b->offset - reach) / block);
    double last = floor(fmin(b->most, b->offset + reach) / block);
    double before = stored_up_to(b, first * block - 1);
    uint32_t n = 0;
    for (double at = first; at <= last && n < MAX_BLOCKS; at++, n++) {
        double up_to = stored_up_to(b, (at + 1) * block - 1);
        p[n] = up_to - before;
        before = up_to;
        total += p[n];
    }
    for (uint32_t k = 0; k < n && total > 0; k++)
        p[k] /= total;
    blocks shown = *b;
    if (!(total > 0))
        shown.atom = 1; /* nothing but zeros */
    for (int i = 0; i < d->n; i++)
        digit_set(d, i, (int)width, &shown, (uint32_t)first, p, n);
}

static void moments(cim_cost_operand *o, double top, double sigma, bool uniform, bool is_signed)
{
    if (uniform) {
        o->quantised = is_signed ? top * (top + 1) / 3 : top * (2 * top + 1) / 6;
        o->mixed = o->quantised;
        o->real = o->quantised + 1.0 / 12;
        return;
    }
    round_normal(sigma, &o->quantised, &o->mixed);
    o->real = sigma * sigma;
    if (!is_signed) { /* half of the values are exact zeros */
        o->quantised /= 2;
        o->mixed /= 2;
        o->real /= 2;
    }
}

/* Blocks of a grain that no distribution changes much in. */
static void grain_set(blocks *b, double bits, double sigma)
{
    if (b->v.uniform)
        b->grain = bits > 7 ? (int)bits - 7 : 0;
    else
        b->grain = sigma > 4 ? (int)floor(log2(sigma / 4)) : 0;
}

void cost_magnitudes_init(cim_cost_operand *o, double bits, double width, double peak_to_rms)
{
    bool uniform = !(peak_to_rms > 0);
    double top = pow(2, bits - 1) - 1, sigma = fmax(top, 0.5) / peak_to_rms;
    blocks b = {.v = {uniform, uniform ? top + 0.5 : sigma}, .least = 1, .most = top};
    grain_set(&b, bits, sigma);
    b.atom = below(&b.v, 0.5);
    moments(o, top, sigma, uniform, true);
    digits_init(&o->digits, fmax(bits - 1, 1), width, &b);
    o->stored = o->quantised;
}

void cost_operand_init(cim_cost_operand *o, double bits, double width, double peak_to_rms,
                       bool is_signed)
{
    bool uniform = !(peak_to_rms > 0);
    double top = pow(2, bits - 1) - 1; /* symmetric range; one bit: a sign and nothing else */
    double sigma = fmax(top, 0.5) / peak_to_rms * (is_signed ? 1 : SQRT_2);
    blocks b = {.v = {uniform, uniform ? top + 0.5 : sigma},
                .offset = is_signed ? top + 1 : 0,
                .least = is_signed ? 1 : 0,
                .most = is_signed ? 2 * top + 1 : top};
    grain_set(&b, bits, sigma);
    if (uniform && !is_signed) { /* over 0..top, seen from its middle */
        b.v.scale = (top + 1) / 2;
        b.offset = top / 2;
    } else if (!is_signed) {
        b.atom = below(&b.v, 0.5);
        b.least = 1;
    }
    moments(o, top, sigma, uniform, is_signed);
    digits_init(&o->digits, bits, width, &b);
    double offset = is_signed ? top + 1 : 0;
    o->stored = o->quantised + offset * offset;
}
