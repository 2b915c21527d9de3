/* The functional simulator's arithmetic: rounding, integer sums, crossbars on random products and
 * chips, and a whole network with every allocation failing in turn. tests/models/simulate.py compares
 * whole networks with an independent simulator. */
#include "tests/unit/onnx_builder.h"

#include "costmodel/cost.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "sched/flow.h"
#include "sched/sim_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- quantisation ------------------------------------------------------------------------------- */

static void ties_to_even(void **state)
{
    (void)state;
    static const double v[] = {127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, 0.49999999999999994, 0};
    static const int want[] = {127, 0, 2, 2, 0, -2, -2, 126, 0, 0};
    int16_t q[10];
    double peak = cim_cc_quant_peak(v, 10);
    assert_true(peak == 127);
    assert_true(cim_cc_quantise(v, 10, peak, 8, q) == 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(q[i], want[i]);
}

static void extremes(void **state)
{
    (void)state;
    double v[] = {-3, 3, 1};
    int16_t q[3];
    for (int64_t bits = 2; bits <= 16; bits++) {
        int32_t top = cim_cc_quant_max(bits);
        assert_int_equal(top, (1 << (bits - 1)) - 1);
        double scale = cim_cc_quantise(v, 3, 3, bits, q);
        assert_true(scale == 3.0 / top);
        assert_int_equal(q[0], -top);
        assert_int_equal(q[1], top);
        assert_int_equal(q[2], (int)nearbyint(1 / scale));
    }
    double zero[] = {0, -0.0}, tiny[] = {5e-324, -5e-324};
    assert_true(cim_cc_quantise(zero, 2, 0, 8, q) == 1);
    assert_int_equal(q[0] | q[1], 0);
    assert_true(cim_cc_quantise(tiny, 2, 5e-324, 8, q) > 0); /* scale underflows: all zero */
    assert_int_equal(q[0] | q[1], 0);
    double bad[] = {1, NAN}, far[] = {-INFINITY};
    assert_true(isnan(cim_cc_quant_peak(bad, 2)));
    assert_true(isnan(cim_cc_quant_peak(far, 1)));
}

/* ---- sums ---------------------------------------------------------------------------------------- */

enum { LONG = 5000, COUNT = 7 };

static void sums_are_exact(void **state)
{
    (void)state;
    static int16_t a[LONG], b[COUNT * LONG];
    for (uint64_t seed = 0; seed < 200; seed++) {
        cim_rng *r = cim_rng_create(seed, "sim_sums");
        assert_non_null(r);
        int64_t length = 1 + (int64_t)cim_rng_below(r, LONG);
        int64_t top_a = 1 + (int64_t)cim_rng_below(r, 32767);
        int64_t top_b = 1 + (int64_t)cim_rng_below(r, 32767), out[COUNT];
        bool corner = seed % 4 == 0; /* all at the largest magnitude */
        if (corner)
            top_a = top_b = 32767;
        for (int64_t i = 0; i < COUNT * LONG; i++) {
            int64_t va = (int64_t)cim_rng_below(r, (uint64_t)(2 * top_a + 1)) - top_a;
            int64_t vb = (int64_t)cim_rng_below(r, (uint64_t)(2 * top_b + 1)) - top_b;
            b[i] = (int16_t)(corner ? -top_b : vb);
            if (i < LONG)
                a[i] = (int16_t)(corner ? top_a : va);
        }
        cim_rng_destroy(r);
        cim_cc_dots(a, b, LONG, length, COUNT, top_a * top_b, out);
        for (int k = 0; k < COUNT; k++) {
            int64_t want = 0;
            for (int64_t i = 0; i < length; i++)
                want += (int64_t)a[i] * b[k * LONG + i];
            if (out[k] != want)
                fail_msg("seed %llu: sum %d is %lld, not %lld", (unsigned long long)seed, k,
                         (long long)out[k], (long long)want);
        }
    }
}

/* ---- crossbars ------------------------------------------------------------------------------------ */

static int64_t between(cim_rng *r, int64_t low, int64_t high)
{
    return low + (int64_t)cim_rng_below(r, (uint64_t)(high - low + 1));
}

static cim_hw_arch random_chip(cim_rng *r, bool lossless)
{
    cim_hw_arch a;
    memset(&a, 0, sizeof a);
    a.crossbar.rows = between(r, 1, 160);
    a.crossbar.cols = between(r, 1, 160);
    a.crossbar.parallel_rows = between(r, 1, a.crossbar.rows);
    a.crossbar.dac_bits = between(r, 1, 16);
    a.device.bits_per_cell = between(r, 1, 8);
    a.workload.weight_bits = between(r, 2, 16);
    a.workload.activation_bits = between(r, 2, 16);
    a.crossbar.signed_weights = between(r, 0, 1);
    a.crossbar.adcs = 1;
    a.adc.clip = 1;
    a.adc.clip_percentile = NAN;
    a.crossbar.adc_bits = lossless ? 16 : between(r, 1, 6);
    if (lossless && cim_cost_adc_step(&a, (double)a.crossbar.parallel_rows) > 1)
        a.crossbar.adcs = 0;
    return a;
}

typedef struct sample {
    cim_cc_sim_product p;
    int16_t *w, *x;
    int64_t n; /* vectors */
} sample;

static void random_product(cim_rng *r, const cim_hw_arch *a, cim_arena *ar, sample *s)
{
    cim_cc_sim_product *p = &s->p;
    memset(s, 0, sizeof *s);
    p->groups = between(r, 1, 4);
    p->rows = between(r, 1, 200);
    p->cols = between(r, 1, 9);
    p->pitch = cim_cc_pitch(p->rows);
    p->offset_input = cim_rng_below(r, 2) == 1;
    p->pack = p->rows <= a->crossbar.rows ? between(r, 1, a->crossbar.rows / p->rows) : 1;
    s->n = between(r, 1, CIM_CC_SIM_BLOCK);
    s->w = cim_arena_alloc(ar, (size_t)(p->groups * p->cols * p->pitch), sizeof *s->w);
    s->x = cim_arena_alloc(ar, (size_t)(s->n * p->pitch), sizeof *s->x);
    assert_non_null(s->w);
    assert_non_null(s->x);
    p->w = s->w;
    int64_t top_w = cim_cc_quant_max(a->workload.weight_bits);
    int64_t top_x = cim_cc_quant_max(a->workload.activation_bits);
    bool corner = cim_rng_below(r, 5) == 0;
    for (int64_t c = 0; c < p->groups * p->cols; c++)
        for (int64_t i = 0; i < p->rows; i++)
            s->w[c * p->pitch + i] = (int16_t)(corner ? top_w : between(r, -top_w, top_w));
    for (int64_t v = 0; v < s->n; v++)
        for (int64_t i = 0; i < p->rows; i++)
            s->x[v * p->pitch + i] =
                (int16_t)(corner ? top_x : between(r, p->offset_input ? -top_x : 0, top_x));
}

/* Half a step per conversion, weighted as it is recombined. */
static double error_bound(const cim_hw_arch *a, const cim_cc_sim_product *p, double step)
{
    double phases = ceil((double)a->workload.activation_bits / (double)a->crossbar.dac_bits);
    double slices = ceil((double)a->workload.weight_bits / (double)a->device.bits_per_cell),
           sum = 0, columns = 1 + (double)a->crossbar.signed_weights;
    for (double i = 0; i < phases; i++)
        for (double k = 0; k < slices; k++)
            sum += pow(2, i * (double)a->crossbar.dac_bits + k * (double)a->device.bits_per_cell);
    double parts = 2 + ceil((double)p->rows / (double)a->crossbar.rows) *
                           ceil((double)a->crossbar.rows / (double)a->crossbar.parallel_rows);
    return parts * columns * sum * step / 2;
}

static int compare(uint64_t seed, const cim_hw_arch *a, sample *s, cim_arena *ar, bool lossless)
{
    cim_cc_sim_product *p = &s->p;
    cim_cc_crossbars *c = cim_cc_crossbars_create(ar, a, p);
    assert_non_null(c);
    double step = cim_cc_crossbars_step(c), acc[CIM_CC_SIM_BLOCK * 9];
    int64_t bound = (int64_t)cim_cc_quant_max(a->workload.weight_bits) *
                    cim_cc_quant_max(a->workload.activation_bits);
    int64_t exact[CIM_CC_SIM_BLOCK * 9];
    int differ = 0;
    assert_true(!lossless || step == 1);
    for (int64_t g = 0; g < p->groups; g++) {
        cim_cc_crossbars_program(c, g, 0, p->cols);
        cim_cc_crossbars_drive(c, s->x, s->n, acc);
        cim_cc_exact_block(p, g, s->x, s->n, 0, p->cols, bound, exact);
        for (int64_t i = 0; i < s->n * p->cols; i++) {
            double d = fabs(acc[i] - (double)exact[i]);
            differ += d != 0;
            if (d > (step > 1 ? error_bound(a, p, step) * (1 + 1e-9) : 0))
                fail_msg("seed %llu: group %lld result %lld is %.17g, exactly %lld",
                         (unsigned long long)seed, (long long)g, (long long)i, acc[i],
                         (long long)exact[i]);
        }
    }
    return differ;
}

static void crossbars(bool lossless)
{
    int differ = 0;
    for (uint64_t seed = 0; seed < 600; seed++) {
        cim_rng *r = cim_rng_create(seed, "sim_crossbars");
        assert_non_null(r);
        cim_hw_arch a = random_chip(r, lossless);
        cim_arena ar;
        cim_arena_init(&ar);
        sample s;
        random_product(r, &a, &ar, &s);
        cim_rng_destroy(r);
        differ += compare(seed, &a, &s, &ar, lossless);
        cim_arena_clear(&ar);
    }
    assert_true(lossless ? differ == 0 : differ > 10000);
}

static void lossless_crossbars_are_exact(void **state)
{
    (void)state;
    crossbars(true);
}

static void lossy_crossbars_stay_within_half_a_step(void **state)
{
    (void)state;
    crossbars(false);
}

/* ---- a network ------------------------------------------------------------------------------------- */

static const double image[2 * 4 * 4] = {1, -2, 3, 4, 5, 6, -7, 8, 9, 1, 2, 3,  4, -5, 6, 7,
                                        8, 9,  1, 2, 3, 4, 5,  6, 7, 8, 9, -1, 2, 3,  4, 5};
static const int64_t image_dims[4] = {1, 2, 4, 4};

static cim_cc_model *network(bool weights)
{
    float w[3 * 2 * 3 * 3], one[3] = {1, 2, 0.5f}, fc[3 * 5];
    for (int i = 0; i < 54; i++)
        w[i] = (float)((i * 7) % 11 - 5) / 8;
    for (int i = 0; i < 15; i++)
        fc[i] = (float)((i * 5) % 7 - 3) / 4;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,2,4,4");
    if (weights)
        ob_floats(&b, "w", "3,2,3,3", 54, w);
    else
        ob_weight(&b, "w", "3,2,3,3");
    ob_floats(&b, "one", NULL, 3, one);
    ob_floats(&b, "fc", "3,5", 15, fc);
    ob_node(&b, "Conv", "x,w", "c", "pads=[1,1,1,1]");
    ob_node(&b, "BatchNormalization", "c,one,one,one,one", "n", "epsilon=0.001");
    ob_node(&b, "Relu", "n", "r", NULL);
    ob_node(&b, "GlobalAveragePool", "r", "g", NULL);
    ob_node(&b, "Flatten", "g", "f", NULL);
    ob_node(&b, "MatMul", "f,fc", "y", NULL);
    ob_output(&b, "y");
    return ob_model(&b);
}

static cim_hw_arch small_chip(int64_t adc_bits)
{
    cim_hw_arch a;
    cim_err err = {0};
    if (cim_hw_arch_load("isaac", &a, &err) != CIM_OK)
        fail_msg("%s", err.message);
    a.crossbar.adc_bits = adc_bits;
    return a;
}

static const cim_cc_sim_input input = {.rank = 4, .dims = image_dims, .values = image};

static void network_runs(void **state)
{
    (void)state;
    cim_cc_model *m = network(true);
    cim_hw_arch a = small_chip(8);
    cim_cc_sim exact, chip, lossy;
    assert_int_equal(cim_cc_simulate(m, &a, &input, 1, true, &exact, NULL), CIM_OK);
    assert_int_equal(cim_cc_simulate(m, &a, &input, 1, false, &chip, NULL), CIM_OK);
    assert_int_equal(exact.n_ops, 2);
    assert_int_equal(exact.outputs[0].elements, 5);
    assert_memory_equal(exact.outputs[0].values, chip.outputs[0].values, 5 * sizeof(double));
    assert_true(isinf(chip.outputs[0].sqnr_db) && isinf(chip.ops[0].sqnr_db));
    assert_true(isnan(exact.outputs[0].sqnr_db));
    assert_true(chip.ops[0].offset_input && !chip.ops[1].offset_input);
    /* 16 vectors of one part of 18 rows: columns x slices x phases conversions each */
    assert_true(chip.ops[0].conversions == 16.0 * 3 * 4 * 8);
    a.crossbar.adc_bits = 3;
    assert_int_equal(cim_cc_simulate(m, &a, &input, 1, false, &lossy, NULL), CIM_OK);
    assert_true(lossy.ops[0].adc_step > 1 && isfinite(lossy.ops[0].sqnr_db));
    assert_true(isfinite(lossy.outputs[0].sqnr_db));
    cim_cc_sim_clear(&exact);
    cim_cc_sim_clear(&chip);
    cim_cc_sim_clear(&lossy);
    cim_hw_arch_clear(&a);
    cim_cc_model_destroy(m);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    cim_cc_model *m = network(true);
    cim_hw_arch a = small_chip(4);
    cim_cc_sim sim;
    unsigned long n = 1;
    for (; n < 10000; n++) {
        cim_err err = {0};
        cim_alloc_fail_after(n);
        cim_status s = cim_cc_simulate(m, &a, &input, 1, false, &sim, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK)
            break;
        if (s != CIM_E_NOMEM || !err.message[0])
            fail_msg("allocation %lu: status %d, \"%s\"", n, (int)s, err.message);
    }
    assert_true(n > 20 && n < 10000);
    cim_cc_sim_clear(&sim);
    cim_hw_arch_clear(&a);
    cim_cc_model_destroy(m);
}

static void wrong_inputs(void **state)
{
    (void)state;
    static const int64_t other[4] = {1, 2, 4, 5};
    double nan_image[32];
    memcpy(nan_image, image, sizeof image);
    nan_image[3] = NAN;
    const struct {
        cim_cc_sim_input in;
        size_t n;
        const char *sentence;
    } cases[] = {{{NULL, 4, other, image}, 1, "an array of 1x2x4x5"},
                 {{NULL, 3, other, image}, 1, "an array of 1x2x4"},
                 {{"z", 4, image_dims, image}, 1, "has no input 'z'"},
                 {{NULL, 4, image_dims, nan_image}, 1, "element 3 is not finite"},
                 {{NULL, 4, image_dims, image}, 0, "has no values"}};
    cim_cc_model *m = network(true), *bare = network(false);
    cim_hw_arch a = small_chip(8);
    cim_cc_sim sim;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cim_err err = {0};
        assert_int_equal(cim_cc_simulate(m, &a, &cases[i].in, cases[i].n, true, &sim, &err),
                         CIM_E_INPUT);
        if (!strstr(err.message, cases[i].sentence))
            fail_msg("case %zu: \"%s\"", i, err.message);
    }
    cim_err err = {0};
    assert_int_equal(cim_cc_simulate(bare, &a, &input, 1, true, &sim, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "'w' has no stored values"));
    a.workload.activation_bits = 1;
    cim_err_clear(&err);
    assert_int_equal(cim_cc_simulate(m, &a, &input, 1, true, &sim, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "workload.activation_bits"));
    cim_hw_arch_clear(&a);
    cim_cc_model_destroy(m);
    cim_cc_model_destroy(bare);
}

/* The flow of a network, from a plan for the chip. */
static cim_cc_program *flow_of(const cim_cc_model *m, const cim_hw_arch *a)
{
    cim_cost_library *library;
    cim_cost_chip chip;
    cim_cc_prepared *prepared;
    cim_cc_result result;
    cim_cc_program *flow = NULL;
    const cim_cc_plan *plan;
    cim_arena ar;
    char reason[CIM_CC_REASON];
    cim_arena_init(&ar);
    assert_int_equal(cim_cost_library_load(&library, NULL), CIM_OK);
    assert_true(cim_cost_chip_price(library, a, &chip, reason, sizeof reason));
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &prepared, NULL), CIM_OK);
    assert_int_equal(cim_cc_compile(prepared, a, &chip, &ar, &result, &plan, NULL), CIM_OK);
    assert_true(result.feasible);
    assert_int_equal(cim_cc_flow_emit(plan, &flow, NULL), CIM_OK);
    assert_int_equal(cim_cc_flow_check(flow, "flow", cim_cc_model_graph(m), a, NULL), CIM_OK);
    cim_arena_clear(&ar);
    cim_cc_prepared_destroy(prepared);
    cim_cost_library_destroy(library);
    return flow;
}

/* A flow gives the numbers of the graph, lossy ones too, or says that memory ran out. */
static void flow_runs_and_memory_may_run_out(void **state)
{
    (void)state;
    cim_cc_model *m = network(true);
    cim_hw_arch a = small_chip(4);
    cim_cc_program *flow = flow_of(m, &a);
    cim_cc_sim graph, sim;
    assert_int_equal(cim_cc_simulate(m, &a, &input, 1, false, &graph, NULL), CIM_OK);
    unsigned long n = 1;
    for (; n < 10000; n++) {
        cim_err err = {0};
        cim_alloc_fail_after(n);
        cim_status s = cim_cc_simulate_flow(m, &a, flow, &input, 1, false, &sim, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK)
            break;
        if (s != CIM_E_NOMEM || !err.message[0])
            fail_msg("allocation %lu: status %d, \"%s\"", n, (int)s, err.message);
    }
    assert_true(n > 20 && n < 10000);
    assert_memory_equal(graph.outputs[0].values, sim.outputs[0].values, 5 * sizeof(double));
    assert_true(graph.ops[0].adc_step > 1 && graph.ops[0].adc_step == sim.ops[0].adc_step);
    assert_true(graph.ops[0].conversions == sim.ops[0].conversions);
    assert_true(graph.ops[0].sqnr_db == sim.ops[0].sqnr_db);
    cim_cc_sim_clear(&graph);
    cim_cc_sim_clear(&sim);
    cim_cc_program_destroy(flow);
    cim_hw_arch_clear(&a);
    cim_cc_model_destroy(m);
}

/* ---- analog ---------------------------------------------------------------------------------------- */

static void deviations(void **state)
{
    (void)state;
    enum { N = 20000 };
    static int16_t cell[N + 8];
    static float a[N + 8], b[N + 8];
    cim_cc_sim_product p = {.cell_sigma = 0.1, .cell_floor = 0.5, .cell_key = 3};
    for (int i = 0; i < N; i++)
        cell[i] = (int16_t)(i % 4);
    cim_cc_cells_deviate(&p, cell, N, N + 8, 7, a);
    cim_cc_cells_deviate(&p, cell, N, N + 8, 7, b);
    assert_memory_equal(a, b, sizeof a);
    for (int i = N; i < N + 8; i++)
        assert_true(a[i] == 0);
    for (int level = 0; level < 4; level++) {
        double sum = 0, square = 0, n = N / 4.0, sigma = 0.1 * (level + 0.5);
        for (int i = level; i < N; i += 4) {
            sum += (double)a[i];
            square += (double)a[i] * (double)a[i];
        }
        assert_true(fabs(sum / n) < 5 * sigma / sqrt(n));
        assert_true(fabs(sqrt(square / n) / sigma - 1) < 5 / sqrt(2 * n));
    }
    cim_cc_cells_deviate(&p, cell, N, N + 8, 8, b); /* another place, another key: unrelated */
    double same = 0, other = 0, own = 0;
    for (int i = 0; i < N; i++) {
        same += (double)a[i] * (double)b[i];
        own += (double)a[i] * (double)a[i];
    }
    p.cell_key = 4;
    cim_cc_cells_deviate(&p, cell, N, N + 8, 7, b);
    for (int i = 0; i < N; i++)
        other += (double)a[i] * (double)b[i];
    assert_true(fabs(same) < 0.05 * own && fabs(other) < 0.05 * own);
    const float delta[16] = {[0] = 0.5F, [1] = -1, [9] = 2};
    const int16_t digit[16] = {[0] = 4, [1] = 1, [9] = -1}; /* 16-bit digits wrap: -1 is 65535 */
    assert_true(cim_cc_cells_error(delta, digit, 16) == 2 - 1 + 2 * 65535.0);
}

static void ranges(void **state)
{
    (void)state;
    static cim_cc_histogram h;
    int64_t sums[100];
    for (int i = 0; i < 100; i++)
        sums[i] = i + 1;
    cim_cc_histogram_init(&h, 200);
    cim_cc_histogram_add(&h, sums, 100);
    assert_true(cim_cc_histogram_range(&h, 90) == 90);
    assert_true(cim_cc_histogram_range(&h, 99.5) == 100);
    assert_true(cim_cc_histogram_range(&h, 50) == 50);
    for (int i = 0; i < 100; i++)
        sums[i] = 10000 * (i + 1);
    cim_cc_histogram_init(&h, 1000000); /* wider than its bins: covers at least what is asked for */
    cim_cc_histogram_add(&h, sums, 100);
    double range = cim_cc_histogram_range(&h, 90);
    assert_true(range >= 900000 && range < 900000 + 1000000 / 4096.0 + 2);
    assert_true(cim_cc_histogram_range(&h, 100) == 1000000);
}

/* A range below the largest sum saturates there and nowhere else. */
static void saturation(void **state)
{
    (void)state;
    cim_rng *r = cim_rng_create(1, "sim_saturation");
    cim_arena ar;
    assert_non_null(r);
    cim_arena_init(&ar);
    cim_hw_arch a = random_chip(r, true);
    a.crossbar = (cim_hw_crossbar){.rows = 64,
                                   .cols = 64,
                                   .parallel_rows = 64,
                                   .adcs = 1,
                                   .adc_bits = 7,
                                   .dac_bits = 1,
                                   .read_ns = NAN,
                                   .adc_msps = NAN};
    a.device.bits_per_cell = 2;
    a.workload.weight_bits = a.workload.activation_bits = 8;
    cim_cc_sim_product p = {.groups = 1, .rows = 64, .cols = 1, .pitch = 64, .pack = 1};
    cim_cc_crossbars *c = cim_cc_crossbars_create(&ar, &a, &p);
    assert_non_null(c);
    assert_true(cim_cc_crossbars_lossless(c) && cim_cc_crossbars_range(c) == 96);
    a.crossbar.adc_bits = 6; /* 63 codes for sums up to 96 */
    a.adc.clip = 0.5;
    c = cim_cc_crossbars_create(&ar, &a, &p);
    assert_non_null(c);
    assert_true(!cim_cc_crossbars_lossless(c) && cim_cc_crossbars_step(c) == 1);
    assert_true(cim_cc_crossbars_range(c) == 63);
    cim_arena_clear(&ar);
    cim_rng_destroy(r);
}

int main(void)
{
    cim_rng_library_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_to_even),
        cmocka_unit_test(extremes),
        cmocka_unit_test(deviations),
        cmocka_unit_test(ranges),
        cmocka_unit_test(saturation),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(lossless_crossbars_are_exact),
        cmocka_unit_test(lossy_crossbars_stay_within_half_a_step),
        cmocka_unit_test(network_runs),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(flow_runs_and_memory_may_run_out),
        cmocka_unit_test(wrong_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
