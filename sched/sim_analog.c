/* What analog crossbars add to slices and phases: cells whose conductance deviates from its level, and
 * converters whose range is set to the sums an operator makes. Equations: sched/SIMULATORS.md. */
#include "sched/sim_internal.h"

#include "hwspace/base/hash.h"

#include <math.h>

#define TWO_PI 6.28318530717958647693

/* Box and Muller, Annals of Mathematical Statistics 29 (1958) 610, on two hashed uniform numbers. */
static double normal_at(uint64_t key, uint64_t index)
{
    uint64_t a = cim_hash64(&index, sizeof index, key), b = cim_hash64(&a, sizeof a, key);
    double u = (double)((a >> 11) + 1) * 0x1p-53, v = (double)(b >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(TWO_PI * v);
}

void cim_cc_cells_deviate(const cim_cc_sim_product *p, const int16_t *cell, int64_t used, int64_t n,
                          uint64_t place, float *delta)
{
    uint64_t key = cim_hash64(&place, sizeof place, p->cell_key);
    for (int64_t i = 0; i < used; i++)
        delta[i] = (float)(p->cell_sigma * ((double)cell[i] + p->cell_floor) *
                           normal_at(key, (uint64_t)i));
    for (int64_t i = used; i < n; i++)
        delta[i] = 0;
}

double cim_cc_cells_error(const float *delta, const int16_t *digit, int64_t n)
{
    enum { LANES = 8 }; /* independent sums: compilers turn them into vector instructions */
    float part[LANES] = {0};
    for (int64_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++)
            part[k] += delta[i + k] * (float)(uint16_t)digit[i + k];
    double sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += (double)part[k];
    return sum;
}

enum { BINS = sizeof((cim_cc_histogram *)0)->bins / sizeof(double) };

void cim_cc_histogram_init(cim_cc_histogram *h, double full_scale)
{
    h->full_scale = full_scale;
    h->width = full_scale + 1 > BINS ? (full_scale + 1) / BINS : 1;
    h->seen = 0;
    for (int i = 0; i < BINS; i++)
        h->bins[i] = 0;
}

void cim_cc_histogram_add(cim_cc_histogram *h, const int64_t *sums, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int bin = (int)((double)sums[i] / h->width);
        h->bins[bin < BINS ? bin : BINS - 1]++;
    }
    h->seen += (double)n;
}

double cim_cc_histogram_range(const cim_cc_histogram *h, double percentile)
{
    double below = 0, enough = h->seen * percentile / 100;
    for (int i = 0; i < BINS; i++) {
        below += h->bins[i];
        if (below >= enough) /* the bin's largest sum */
            return fmin(h->full_scale, ceil((i + 1) * h->width) - 1);
    }
    return h->full_scale;
}
