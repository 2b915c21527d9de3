/* One conversion: what a uniform converter does to the integer sums of a column. */
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

double cost_sums_above(const cost_sums *s, double x)
{
    double spread = hypot(s->deviation, s->noise);
    if (!(spread > 0))
        return s->mean > x ? 1 - s->idle : 0;
    return (1 - s->idle) * tail((x - s->mean) / spread);
}

/* Rounding q = step * code - t over integers t of a normal distribution, t >= 1 (idle columns are
 * accounted for apart): mean, mean square, and how it goes with t. */
typedef struct rounding {
    double square, mean, slope; /* slope: Cov(q, t) / Var(t) */
} rounding;

/* More points than this are visited in strides; only coarse steps span so many. */
enum { MAX_POINTS = 1024 };

static void round_lattice(double step, double mean, double deviation, rounding *r)
{
    double width = fmax(deviation, 0.5), first = fmax(1, floor(mean - 4 * width));
    double last = fmax(first, ceil(mean + 4 * width));
    double stride = fmax(1, floor((last - first) / MAX_POINTS));
    /* Successive values of a normal density by their ratio, which changes by a constant factor. */
    double z = stride / width, at = (first - mean) / width;
    double p = exp(-0.5 * at * at), ratio = exp(-at * z - 0.5 * z * z), shrink = exp(-z * z);
    double n = 0, t = 0, tt = 0, q = 0, qq = 0, qt = 0;
    for (double s = first; s <= last; s += stride) {
        double e = step * nearbyint(s / step) - s, d = s - mean;
        n += p;
        t += p * d;
        tt += p * d * d;
        q += p * e;
        qq += p * e * e;
        qt += p * e * d;
        p *= ratio;
        ratio *= shrink;
    }
    if (!(n > 0)) { /* all of the distribution lies below 1 */
        *r = (rounding){0, 0, 0};
        return;
    }
    double var = tt / n - t / n * (t / n);
    r->square = qq / n;
    r->mean = q / n;
    r->slope = var > 0 ? (qt / n - q / n * (t / n)) / var : 0;
}

/* Sums spread over several steps are rounded like reals (Widrow and Kollar 2008); near steps of 1 to 4
 * it matters that they are integers, unless analog noise fills the gaps between them. */
static void round_sums(const cost_sums *s, double step, rounding *r)
{
    double spread = hypot(s->deviation, s->noise);
    bool wide = spread >= step / 2, smooth = step >= 4 || s->deviation > 128 || s->noise > 0.3;
    if (wide && smooth)
        *r = (rounding){step * step / 12, 0, 0};
    else
        round_lattice(step, s->mean, spread, r);
}

static void round_noise(double noise, double weight, cost_error *out)
{
    if (noise >= 1) {
        out->square += weight * (noise * noise + 1.0 / 12);
        out->gain += weight;
        return;
    }
    for (double k = 1; noise > 0 && k <= 8; k++) {
        double edge = (k - 0.5) / noise;
        out->square += weight * 2 * (2 * k - 1) * tail(edge);
        out->gain += weight * 2 * density(edge) / noise;
    }
}

/* A step of 1 removes analog noise below half a unit altogether, so it matters that some columns and
 * vectors have more of it than others: its deviation counts as log-normal, by three points of
 * Gauss-Hermite quadrature. Real vectors differ by more than independent operands would: NOISE_SPREAD
 * is what tests/models/sqnr.py --networks measured, on the safe side for independent ones. */
#define NOISE_SPREAD 0.3
static void round_to_integers(double noise, cost_error *out)
{
    double far = exp(sqrt(3) * NOISE_SPREAD);
    out->mean = out->square = out->gain = 0;
    noise /= sqrt(2.0 / 3 + (far * far + 1 / (far * far)) / 6); /* the mean square stays */
    round_noise(noise, 2.0 / 3, out);
    round_noise(noise * far, 1.0 / 6, out);
    round_noise(noise / far, 1.0 / 6, out);
}

/* Sums above the range lose what exceeds it: moments of the upper tail of a normal distribution. */
static void saturate(const cost_sums *s, double range, cost_error *out)
{
    double spread = hypot(s->deviation, s->noise);
    if (!(spread > 0) || range > s->mean + 8 * spread)
        return;
    double t = (range - s->mean) / spread, above = tail(t), at = density(t);
    double kept = 1 - above;
    out->square = out->square * kept + spread * spread * ((1 + t * t) * above - t * at);
    out->mean = out->mean * kept - spread * (at - t * above);
    out->gain *= kept;
}

void cost_convert(const cost_sums *s, double step, double range, cost_error *out)
{
    out->slope = 0;
    if (step > 1) {
        rounding r;
        round_sums(s, step, &r);
        out->mean = r.mean;
        out->gain = 1 + r.slope;
        out->slope = r.slope;
        out->square = r.square + s->noise * s->noise * (1 + 2 * r.slope);
    } else {
        round_to_integers(s->noise, out);
    }
    saturate(s, range, out);
    double busy = 1 - s->idle;
    out->square *= busy;
    out->mean *= busy;
}
