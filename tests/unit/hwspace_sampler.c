/* Samplers: the grid enumerates, the others spread; all are functions of (seed, id). */
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "hwspace/space.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cim_hw_arch base;
static const char *const kind_names[] = {"grid", "random", "sobol", "lhs", "halton"};

static int setup(void **state)
{
    (void)state;
    cim_rng_library_init();
    return cim_hw_arch_load("isaac", &base, NULL) != CIM_OK;
}

static int teardown(void **state)
{
    (void)state;
    cim_hw_arch_clear(&base);
    return 0;
}

static cim_hw_space *space_of(const char *parameters)
{
    cim_json *doc;
    cim_hw_space *space = NULL;
    cim_err err = {0};
    if (cim_json_parse(parameters, strlen(parameters), "spec", &doc, &err) != CIM_OK ||
        cim_hw_space_read(doc, cim_json_root(doc), NULL, &base, NULL, 0, &space, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    cim_json_free(doc);
    return space;
}

static cim_hw_sampler *sampler_of(const cim_hw_space *space, cim_hw_sampling kind, uint64_t seed,
                                  uint64_t n)
{
    cim_hw_sampler *s;
    cim_err err = {0};
    if (cim_hw_sampler_create(space, kind, seed, n, &s, &err) != CIM_OK)
        fail_msg("%s: %s", kind_names[kind], err.message);
    return s;
}

static const char mixed[] =
    "{\"chip.cores\": {\"values\": [512, 64, 128]}, \"crossbar.rows\": {\"log2\": [64, 512]},"
    "\"crossbar.cols\": {\"expr\": \"crossbar.rows\"},"
    "\"schedule.pipeline\": {\"choice\": [true, false]}, \"crossbar.adc_bits\": {\"range\": [4, "
    "8]}}";
static const char reals[] =
    "{\"clock_mhz\": {\"real\": [0.001, 1000.001]}, \"supply_v\": {\"real\": [0.5, 1.5]},"
    "\"technology_nm\": {\"real\": [10, 110]}, \"crossbar.read_ns\": {\"real\": [1, 101]}}";

static void test_grid(void **state)
{
    (void)state;
    cim_hw_space *space = space_of(mixed);
    cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_GRID, 9, 0);
    static const double cores[] = {512, 64, 128}, rows[] = {64, 128, 256, 512}, on[] = {1, 0};
    double p[5];
    /* Mixed radix, the last parameter fastest, expressions no digit. */
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 2; k++)
                for (double bits = 4; bits <= 8; bits++) {
                    assert_true(cim_hw_sampler_next(s, p));
                    assert_true(p[0] == cores[i] && p[1] == rows[j] && p[2] == 0 && p[3] == on[k] &&
                                p[4] == bits);
                }
    assert_false(cim_hw_sampler_next(s, p));
    assert_false(cim_hw_sampler_next(s, p));
    cim_hw_sampler_destroy(s);
    s = sampler_of(space, CIM_HW_SAMPLING_GRID, 0, 7); /* the first seven only */
    for (int i = 0; i < 7; i++)
        assert_true(cim_hw_sampler_next(s, p));
    assert_false(cim_hw_sampler_next(s, p));
    cim_hw_sampler_destroy(s);
    cim_hw_space_destroy(space);
}

/* Any order, any partition: the id-th point is the id-th point. Seeds and kinds differ. */
static void test_pure(void **state)
{
    (void)state;
    enum { N = 300, WIDTH = 4 };
    cim_hw_space *space = space_of(reals);
    static double first[N][WIDTH];
    double p[WIDTH];
    for (int kind = CIM_HW_SAMPLING_RANDOM; kind <= CIM_HW_SAMPLING_HALTON; kind++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            cim_hw_sampler *a = sampler_of(space, (cim_hw_sampling)kind, seed, N);
            for (int i = 0; i < N; i++)
                assert_true(cim_hw_sampler_next(a, first[i]));
            assert_false(cim_hw_sampler_next(a, p));
            cim_hw_sampler *b = sampler_of(space, (cim_hw_sampling)kind, seed, N);
            for (uint64_t i = 0; i < N; i++) {
                uint64_t id = i * 91 % N; /* 91 and 300 have no common factor */
                assert_true(cim_hw_sampler_at(b, id, p));
                assert_memory_equal(p, first[id], sizeof p);
            }
            assert_true(cim_hw_sampler_at(b, 10, p) && cim_hw_sampler_next(b, p));
            assert_memory_equal(p, first[11], sizeof p);
            cim_hw_sampler_destroy(b);
            b = sampler_of(space, (cim_hw_sampling)kind, seed + 1, N);
            int same = 0;
            for (int i = 0; i < N; i++) {
                assert_true(cim_hw_sampler_next(b, p));
                same += !memcmp(p, first[i], sizeof p);
            }
            assert_true(same < 3);
            cim_hw_sampler_destroy(a);
            cim_hw_sampler_destroy(b);
        }
    cim_hw_space_destroy(space);
}

static double unit_coordinate(const cim_hw_space *space, size_t i, double v)
{
    const cim_hw_param *p = cim_hw_space_param(space, i);
    return (v - p->lo) / (p->hi - p->lo);
}

/* Exactly one point in each of n strata of every dimension, for any n. */
static void test_lhs_strata(void **state)
{
    (void)state;
    cim_hw_space *space = space_of(reals);
    static const uint64_t sizes[] = {1, 2, 3, 7, 64, 100, 1000, 4097};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        uint64_t n = sizes[k];
        cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_LHS, 42 + k, n);
        unsigned char *hit = cim_alloc((size_t)n * 4, 1);
        assert_non_null(hit);
        double p[4];
        while (cim_hw_sampler_next(s, p))
            for (size_t d = 0; d < 4; d++) {
                /* Half a stratum's slack of rounding at most, and the jitter avoids the edges. */
                double stratum = floor(unit_coordinate(space, d, p[d]) * (double)n + 1e-9);
                assert_true(stratum >= 0 && stratum < (double)n);
                hit[(size_t)stratum * 4 + d]++;
            }
        for (size_t i = 0; i < (size_t)n * 4; i++)
            assert_int_equal(hit[i], 1);
        cim_free(hit);
        cim_hw_sampler_destroy(s);
    }
    cim_hw_space_destroy(space);
}

/* Levels of a discrete parameter are hit equally often when n is a multiple of their number. */
static void test_lhs_levels(void **state)
{
    (void)state;
    cim_hw_space *space = space_of(mixed);
    cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_LHS, 5, 600);
    int count[5][8] = {{0}};
    double p[5];
    while (cim_hw_sampler_next(s, p))
        for (size_t d = 0; d < 5; d++)
            count[d][cim_hw_space_level_of(space, d, p[d])]++;
    for (int k = 0; k < 3; k++)
        assert_int_equal(count[0][k], 200);
    for (int k = 0; k < 4; k++)
        assert_int_equal(count[1][k], 150);
    assert_int_equal(count[3][0], 300);
    for (int k = 0; k < 5; k++)
        assert_int_equal(count[4][k], 120);
    cim_hw_sampler_destroy(s);
    cim_hw_space_destroy(space);
}

/* Two-dimensional star discrepancy at the points of a 32 x 32 grid of corners (a lower bound of
 * it, the same for all), worst over all pairs of dimensions. */
static double discrepancy(const cim_hw_space *space, cim_hw_sampling kind, uint64_t seed, int n)
{
    enum { G = 32 };
    double *u = cim_alloc((size_t)n * 4, sizeof *u), p[4], worst = 0;
    assert_non_null(u);
    cim_hw_sampler *s = sampler_of(space, kind, seed, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        assert_true(cim_hw_sampler_next(s, p));
        for (size_t d = 0; d < 4; d++)
            u[(size_t)i * 4 + d] = unit_coordinate(space, d, p[d]);
    }
    for (size_t a = 0; a < 4; a++)
        for (size_t b = a + 1; b < 4; b++)
            for (int x = 1; x <= G; x++)
                for (int y = 1; y <= G; y++) {
                    double cx = (double)x / G, cy = (double)y / G;
                    int inside = 0;
                    for (int i = 0; i < n; i++)
                        inside += u[(size_t)i * 4 + a] < cx && u[(size_t)i * 4 + b] < cy;
                    worst = fmax(worst, fabs((double)inside / n - cx * cy));
                }
    cim_hw_sampler_destroy(s);
    cim_free(u);
    return worst;
}

static void test_discrepancy(void **state)
{
    (void)state;
    enum { N = 1023 };
    cim_hw_space *space = space_of(reals);
    /* Random points: about sqrt(log log n / n), here 0.03 to 0.05; a bound that 3-sigma outliers
     * respect. Quasi-random: O(log^2 n / n), several times better, shifted or not. */
    double random = discrepancy(space, CIM_HW_SAMPLING_RANDOM, 1, N);
    assert_true(random < 0.07 && random > 0.01);
    for (uint64_t seed = 0; seed < 3; seed++) {
        double sobol = discrepancy(space, CIM_HW_SAMPLING_SOBOL, seed, N);
        double halton = discrepancy(space, CIM_HW_SAMPLING_HALTON, seed, N);
        if (sobol > 0.012 || halton > 0.015)
            fail_msg("seed %d: Sobol %g, Halton %g, random %g", (int)seed, sobol, halton, random);
    }
    cim_hw_space_destroy(space);
}

/* The plain sequences are the published ones. */
static void test_plain_sequences(void **state)
{
    (void)state;
    cim_hw_space *space =
        space_of("{\"supply_v\": {\"real\": [1, 2]}, \"clock_mhz\": {\"real\": [1, 2]}}");
    cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_HALTON, 0, 0);
    static const double halton[][2] = {{1. / 2, 1. / 3}, {1. / 4, 2. / 3}, {3. / 4, 1. / 9},
                                       {1. / 8, 4. / 9}, {5. / 8, 7. / 9}, {3. / 8, 2. / 9}};
    double p[2];
    for (size_t i = 0; i < 6; i++) {
        assert_true(cim_hw_sampler_next(s, p));
        assert_true(fabs(p[0] - 1 - halton[i][0]) < 1e-12 && fabs(p[1] - 1 - halton[i][1]) < 1e-12);
    }
    cim_hw_sampler_destroy(s);
    s = sampler_of(space, CIM_HW_SAMPLING_SOBOL, 0, 0);
    static const double sobol[][2] = {{.5, .5}, {.75, .25}, {.25, .75}, {.375, .375}};
    for (size_t i = 0; i < 4; i++) {
        assert_true(cim_hw_sampler_next(s, p));
        assert_true(p[0] - 1 == sobol[i][0] && p[1] - 1 == sobol[i][1]);
    }
    cim_hw_sampler_destroy(s);
    cim_hw_space_destroy(space);
}

/* Chi-squared over the levels of every discrete parameter and pairs of levels. */
static void test_random_uniform(void **state)
{
    (void)state;
    enum { N = 20000 };
    cim_hw_space *space = space_of(mixed);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_RANDOM, seed, 0);
        int pairs[3][5] = {{0}};
        double p[5], chi = 0, expected = N / 15.0;
        for (int i = 0; i < N; i++) {
            assert_true(cim_hw_sampler_next(s, p));
            pairs[cim_hw_space_level_of(space, 0, p[0])][cim_hw_space_level_of(space, 4, p[4])]++;
        }
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 5; b++)
                chi += (pairs[a][b] - expected) * (pairs[a][b] - expected) / expected;
        if (chi > 36.1) /* 14 degrees of freedom, p = 0.001 */
            fail_msg("seed %d: chi-squared %g", (int)seed, chi);
        cim_hw_sampler_destroy(s);
    }
    cim_hw_space_destroy(space);
}

static void expect_refusal(const char *parameters, cim_hw_sampling kind, uint64_t n,
                           const char *part)
{
    cim_hw_space *space = space_of(parameters);
    cim_hw_sampler *s = NULL;
    cim_err err = {0};
    assert_int_equal(cim_hw_sampler_create(space, kind, 1, n, &s, &err), CIM_E_INPUT);
    if (!strstr(err.message, part))
        fail_msg("%s", err.message);
    assert_null(s);
    cim_hw_space_destroy(space);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(reals, CIM_HW_SAMPLING_GRID, 0, "grid cannot enumerate clock_mhz");
    expect_refusal(mixed, CIM_HW_SAMPLING_LHS, 0, "lhs spreads a given number of points");
    expect_refusal(mixed, CIM_HW_SAMPLING_SOBOL, UINT64_C(1) << 30, "at most 2^30 - 1 points");
    /* More dimensions than Sobol has is out of reach while there are 41 fields, 36 of them free. */
}

static void test_huge(void **state)
{
    (void)state;
    /* 2^63 points and more: no overflow, still a bijection at the far end. */
    cim_hw_space *space = space_of(
        "{\"chip.cores\": {\"range\": [1, 1000000]}, \"crossbar.rows\": {\"range\": [1, 8192]},"
        "\"crossbar.cols\": {\"range\": [1, 8192]}, \"workload.batch\": {\"range\": [1, 1000000]},"
        "\"schedule.max_copies\": {\"range\": [0, 1000000000]}}");
    assert_true(cim_hw_space_size(space) > 0x1p64);
    cim_hw_sampler *s = sampler_of(space, CIM_HW_SAMPLING_GRID, 0, 0);
    double p[5];
    assert_true(cim_hw_sampler_at(s, UINT64_MAX - 1, p));
    uint64_t id = UINT64_MAX - 1;
    assert_true(p[4] == (double)(id % 1000000001));
    assert_true(p[3] == (double)(id / 1000000001 % 1000000 + 1));
    cim_hw_sampler_destroy(s);
    s = sampler_of(space, CIM_HW_SAMPLING_LHS, 0, UINT64_C(1) << 52);
    assert_true(cim_hw_sampler_at(s, (UINT64_C(1) << 52) - 1, p));
    assert_true(p[0] >= 1 && p[0] <= 1000000);
    cim_hw_sampler_destroy(s);
    cim_hw_space_destroy(space);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    cim_hw_space *space = space_of(mixed);
    for (int kind = 0; kind <= CIM_HW_SAMPLING_HALTON; kind++) {
        unsigned long k = 1;
        for (;; k++) {
            cim_hw_sampler *s = NULL;
            cim_alloc_fail_after(k);
            cim_status status =
                cim_hw_sampler_create(space, (cim_hw_sampling)kind, 1, 10, &s, NULL);
            cim_alloc_fail_after(0);
            if (status == CIM_OK) {
                cim_hw_sampler_destroy(s);
                break;
            }
            assert_int_equal(status, CIM_E_NOMEM);
        }
        assert_int_equal(k, 5);
    }
    cim_hw_space_destroy(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),           cmocka_unit_test(test_pure),
        cmocka_unit_test(test_lhs_strata),     cmocka_unit_test(test_lhs_levels),
        cmocka_unit_test(test_discrepancy),    cmocka_unit_test(test_plain_sequences),
        cmocka_unit_test(test_random_uniform), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_huge),           cmocka_unit_test(test_allocation_failure)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
