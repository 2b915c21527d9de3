/* Differential weights in the analytical SQNR against Monte Carlo: a column for positive and one for
 * negative weights per slice of the magnitude, no column complemented, both converted bit-exactly. */
#include "costmodel/fidelity.h"
#include "hwspace/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_N = 512 };

typedef struct trial {
    int rows, n, adc_bits, dac_bits, cell_bits, weight_bits, activation_bits;
} trial;

static cim_hw_arch arch_of(const trial *t)
{
    cim_hw_arch a;
    memset(&a, 0, sizeof a);
    a.crossbar.parallel_rows = a.crossbar.rows = t->rows;
    a.crossbar.adcs = 1;
    a.crossbar.adc_bits = t->adc_bits;
    a.crossbar.dac_bits = t->dac_bits;
    a.crossbar.signed_weights = CIM_HW_SIGNED_DIFFERENTIAL;
    a.device.bits_per_cell = t->cell_bits;
    a.workload.weight_bits = t->weight_bits;
    a.workload.activation_bits = t->activation_bits;
    a.workload.data = CIM_HW_DATA_UNIFORM;
    a.adc.clip = 1;
    a.adc.clip_percentile = NAN;
    return a;
}

static double model_db(const trial *t)
{
    static const cim_cost_device ideal = {0, 0};
    cim_hw_arch a = arch_of(t);
    cim_cost_fidelity f;
    cim_cost_noise noise;
    cim_cost_fidelity_init(&f, &a, &ideal);
    cim_cost_fidelity_noise(&f, t->n, false, &noise);
    return noise.db;
}

static double column(const trial *t, const int *x, const int *w, int rows, int sign, int phase,
                     int slice, double step)
{
    double sum = 0, last = ldexp(1, t->adc_bits) - 1;
    for (int i = 0; i < rows; i++) {
        int magnitude = sign * w[i] > 0 ? sign * w[i] : 0;
        int digit = x[i] >> (phase * t->dac_bits) & ((1 << t->dac_bits) - 1);
        sum += digit * (magnitude >> (slice * t->cell_bits) & ((1 << t->cell_bits) - 1));
    }
    double code = nearbyint(sum / step);
    return (code > last ? last : code) * step;
}

static double dot(const trial *t, const int *x, const int *w, double step)
{
    int phases = (t->activation_bits + t->dac_bits - 1) / t->dac_bits;
    int slices = (t->weight_bits - 1 + t->cell_bits - 1) / t->cell_bits;
    double y = 0;
    for (int first = 0; first < t->n; first += t->rows) {
        int rows = t->n - first < t->rows ? t->n - first : t->rows;
        for (int p = 0; p < phases; p++)
            for (int s = 0; s < slices; s++)
                for (int sign = 1; sign >= -1; sign -= 2)
                    y += sign * ldexp(column(t, x + first, w + first, rows, sign, p, s, step),
                                      p * t->dac_bits + s * t->cell_bits);
    }
    return y;
}

static double monte_carlo(const trial *t, cim_rng *r, int samples)
{
    /* symmetric ranges: inputs that are >= 0 use the upper half of theirs */
    double levels_x = ldexp(1, t->activation_bits - 1), levels_w = ldexp(1, t->weight_bits) - 1;
    double rows = t->n < t->rows ? t->n : t->rows; /* all weights may have one sign */
    double full = rows * ((1 << t->dac_bits) - 1) * ((1 << t->cell_bits) - 1);
    double step = fmax(1, full / (ldexp(1, t->adc_bits) - 1)), sum = 0, square = 0, noise = 0;
    for (int k = 0; k < samples; k++) {
        int x[MAX_N], w[MAX_N];
        double exact = 0;
        for (int i = 0; i < t->n; i++) {
            double rx = cim_rng_uniform(r) * levels_x - 0.5;
            double rw = (cim_rng_uniform(r) - 0.5) * levels_w;
            x[i] = (int)floor(rx + 0.5);
            w[i] = (int)floor(rw + 0.5);
            exact += rx * rw;
        }
        double d = dot(t, x, w, step) - exact;
        sum += exact;
        square += exact * exact;
        noise += d * d;
    }
    double mean = sum / samples;
    return 10 * log10((square / samples - mean * mean) / (noise / samples));
}

static const trial trials[] = {
    {128, 128, 9, 1, 2, 8, 8}, {128, 128, 8, 1, 2, 8, 8}, {128, 128, 6, 1, 2, 8, 8},
    {128, 256, 5, 1, 2, 8, 8}, {64, 64, 6, 2, 2, 8, 8},   {64, 64, 5, 4, 4, 8, 8},
    {256, 256, 7, 1, 4, 8, 8}, {128, 128, 7, 1, 4, 6, 8}, {128, 512, 9, 2, 3, 7, 6},
    {256, 256, 6, 1, 1, 8, 8}, {32, 256, 4, 1, 1, 4, 4},
};

static void test_against_monte_carlo(void **state)
{
    (void)state;
    print_message("rows    n adc dac cell  w  a   step  model dB     MC dB\n");
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        const trial *t = &trials[i];
        cim_hw_arch a = arch_of(t);
        cim_rng *r = cim_rng_create(i, "costmodel_differential");
        assert_non_null(r);
        double model = model_db(t);
        double measured = monte_carlo(t, r, 400 * 1024 / t->n);
        cim_rng_destroy(r);
        print_message("%4d %4d %3d %3d %4d %2d %2d %6.3f %9.2f %9.2f\n", t->rows, t->n, t->adc_bits,
                      t->dac_bits, t->cell_bits, t->weight_bits, t->activation_bits,
                      cim_cost_adc_step(&a, t->n < t->rows ? t->n : t->rows), model, measured);
        if (fabs(model - measured) > 1.5)
            fail_msg("trial %zu: model %.2f dB, Monte Carlo %.2f dB", i, model, measured);
    }
}

/* One bit more than flipped offset weights need, as README.md says. */
static void test_one_bit_more(void **state)
{
    (void)state;
    trial t = {128, 128, 9, 1, 2, 8, 8};
    cim_hw_arch a = arch_of(&t);
    assert_true(cim_cost_adc_step(&a, 128) == 1);
    a.crossbar.adc_bits = 8;
    assert_true(cim_cost_adc_step(&a, 128) > 1);
    a.crossbar.signed_weights = CIM_HW_SIGNED_OFFSET;
    assert_true(cim_cost_adc_step(&a, 128) == 1);
    assert_int_equal(cim_hw_weight_slices(&a) * cim_hw_weight_polarities(&a), 4);
    a.crossbar.signed_weights = CIM_HW_SIGNED_DIFFERENTIAL;
    assert_int_equal(cim_hw_weight_slices(&a) * cim_hw_weight_polarities(&a), 8);
    a.device.bits_per_cell = 1;
    assert_int_equal(cim_hw_weight_slices(&a) * cim_hw_weight_polarities(&a), 14);
}

int main(void)
{
    cim_rng_library_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_monte_carlo),
                                       cmocka_unit_test(test_one_bit_more)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
