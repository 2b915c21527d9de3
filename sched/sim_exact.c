/* Symmetric quantisation, and products of integers. */
#include "sched/sim_internal.h"

#include <math.h>

int32_t cim_cc_quant_max(int64_t bits)
{
    return (INT32_C(1) << (bits - 1)) - 1;
}

double cim_cc_quant_peak(const double *v, int64_t n)
{
    double peak = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            return NAN;
        if (fabs(v[i]) > peak)
            peak = fabs(v[i]);
    }
    return peak;
}

double cim_cc_quantise(const double *v, int64_t n, double peak, int64_t bits, int16_t *q)
{
    double top = cim_cc_quant_max(bits), scale = peak > 0 ? peak / top : 1;
    if (!(scale > 0)) /* a peak so small that the division underflows: nothing to represent */
        scale = 1;
    for (int64_t i = 0; i < n; i++) {
        /* Round half to even by IEEE addition: 1.5 * 2^52 leaves no fraction bits. */
        double t = v[i] / scale + 6755399441055744.0;
        double r = t - 6755399441055744.0;
        q[i] = (int16_t)(r > top ? top : r < -top ? -top : r);
    }
    return scale;
}

int64_t cim_cc_pitch(int64_t rows)
{
    return (rows + 7) / 8 * 8;
}

/* Four sums at once share the loads of a; compilers turn this into multiply-add instructions. */
static void dots4(const int16_t *restrict a, const int16_t *restrict b, int64_t pitch,
                  int64_t length, int64_t *restrict out)
{
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    const int16_t *restrict b1 = b + pitch, *restrict b2 = b1 + pitch, *restrict b3 = b2 + pitch;
    for (int64_t i = 0; i < length; i++) {
        s0 += a[i] * b[i];
        s1 += a[i] * b1[i];
        s2 += a[i] * b2[i];
        s3 += a[i] * b3[i];
    }
    out[0] += s0;
    out[1] += s1;
    out[2] += s2;
    out[3] += s3;
}

static int64_t dot(const int16_t *restrict a, const int16_t *restrict b, int64_t length)
{
    int32_t s = 0;
    for (int64_t i = 0; i < length; i++)
        s += a[i] * b[i];
    return s;
}

static int64_t long_dot(const int16_t *a, const int16_t *b, int64_t length)
{
    int64_t s = 0;
    for (int64_t i = 0; i < length; i++)
        s += (int64_t)a[i] * b[i];
    return s;
}

void cim_cc_dots(const int16_t *a, const int16_t *b, int64_t pitch, int64_t length, int64_t n,
                 int64_t bound, int64_t *out)
{
    int64_t safe = INT32_MAX / (bound > 0 ? bound : 1) / 8 * 8; /* terms a 32-bit sum can hold */
    for (int64_t k = 0; k < n; k++)
        out[k] = safe < 8 ? long_dot(a, b + k * pitch, length) : 0;
    if (safe < 8)
        return;
    for (int64_t i = 0; i < length; i += safe) {
        int64_t part = length - i < safe ? length - i : safe, k = 0;
        for (; k + 4 <= n; k += 4)
            dots4(a + i, b + k * pitch + i, pitch, part, out + k);
        for (; k < n; k++)
            out[k] += dot(a + i, b + k * pitch + i, part);
    }
}

void cim_cc_exact_block(const cim_cc_sim_product *p, int64_t group, const int16_t *x, int64_t n,
                        int64_t col, int64_t cols, int64_t bound, int64_t *acc)
{
    const int16_t *w = p->w + (group * p->cols + col) * p->pitch;
    for (int64_t c = 0; c < cols; c += 4) { /* four columns stay in the cache for all vectors */
        int64_t take = cols - c < 4 ? cols - c : 4;
        for (int64_t k = 0; k < n; k++)
            cim_cc_dots(x + k * p->pitch, w + c * p->pitch, p->pitch, p->pitch, take, bound,
                        acc + k * cols + c);
    }
}
