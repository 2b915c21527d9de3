/* Conv, ConvTranspose, Gemm and MatMul: as products of integer vectors with constant matrices, and
 * MatMul and Gemm of two activations: likewise where they run on crossbars, else in floating point. */
#include "sched/sim_internal.h"

#include "costmodel/fidelity.h"
#include "hwspace/base/hash.h"
#include "sched/plan.h"

#include <math.h>
#include <string.h>

/* One operator as a product. Weights: element (group, col, row) at group * wg + col * wc + row * wr
 * of the stored tensor. Vectors: `per` of each entry of a group; vector i's row k at
 * in[entry] + i * in_step + k * in_row, its result's column c at
 * out[entry] + i * out_step + c * out_col. */
typedef struct job {
    cim_cc_sim_product p;
    cim_cc_run *r;
    const cim_cc_net_node *bn;
    uint32_t weights, input; /* which inputs of the node */
    int64_t wg, wc, wr;
    int64_t channels_per_group, channel_cols; /* column c belongs to channel c / channel_cols */
    int64_t entries, per;                     /* per group */
    int64_t *in, *out;                        /* [groups][entries] */
    int64_t in_step, in_row, out_step, out_col;
    bool window, transposed; /* vectors are windows; results are patches that overlap */
    cim_cc_window win;
    int64_t taps, in_plane, out_plane;
    int16_t *x;   /* quantised input */
    double *y;    /* the output, sums before scaling */
    double scale; /* of one unit of the sums */
} job;

static int64_t plane(const int64_t *size, int n)
{
    return cim_cc_product(size, 0, n);
}

/* ---- vectors in, results out ------------------------------------------------------------------- */

static void fill_strided(const cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                         int16_t *x)
{
    const job *j = p->ctx;
    for (int64_t v = 0; v < n; v++, x += p->pitch) {
        int64_t entry = (first + v) / j->per, i = (first + v) % j->per;
        const int16_t *from = j->x + j->in[group * j->entries + entry] + i * j->in_step;
        for (int64_t k = 0; k < p->rows; k++)
            x[k] = from[k * j->in_row];
    }
}

static void store_strided(const cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                          int64_t col, int64_t cols, const double *acc)
{
    const job *j = p->ctx;
    for (int64_t v = 0; v < n; v++) {
        int64_t entry = (first + v) / j->per, i = (first + v) % j->per;
        double *to = j->y + j->out[group * j->entries + entry] + i * j->out_step + col * j->out_col;
        for (int64_t c = 0; c < cols; c++)
            to[c * j->out_col] = acc[v * cols + c];
    }
}

/* Where tap t of a window over position i lies. @return -1 in the padding. Forward: the input of an
 * output position; transposed: the output of an input position. */
static int64_t tap_place(const cim_cc_window *w, bool transposed, int64_t i, int64_t t)
{
    const int64_t *from = transposed ? w->in : w->out, *to = transposed ? w->out : w->in;
    int64_t place = 0, stride = 1;
    for (int d = w->n - 1; d >= 0; d--) {
        int64_t at =
            i % from[d] * w->stride[d] + t % w->kernel[d] * w->dilation[d] - w->pad_begin[d];
        i /= from[d];
        t /= w->kernel[d];
        if (at < 0 || at >= to[d])
            return -1;
        place += at * stride;
        stride *= to[d];
    }
    return place;
}

static void fill_window(const cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                        int16_t *x)
{
    const job *j = p->ctx;
    for (int64_t v = 0; v < n; v++, x += p->pitch) {
        int64_t entry = (first + v) / j->per, i = (first + v) % j->per;
        const int16_t *image = j->x + j->in[group * j->entries + entry];
        for (int64_t t = 0; t < j->taps; t++) {
            int64_t place = tap_place(&j->win, false, i, t);
            for (int64_t k = t, at = place; k < p->rows; k += j->taps, at += j->in_plane)
                x[k] = place < 0 ? 0 : image[at];
        }
    }
}

static void store_patches(const cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                          int64_t col, int64_t cols, const double *acc)
{
    const job *j = p->ctx;
    for (int64_t v = 0; v < n; v++) {
        int64_t entry = (first + v) / j->per, i = (first + v) % j->per;
        double *image = j->y + j->out[group * j->entries + entry];
        for (int64_t c = 0; c < cols; c++) {
            int64_t place = tap_place(&j->win, true, i, (col + c) % j->taps);
            if (place >= 0)
                image[(col + c) / j->taps * j->out_plane + place] += acc[v * cols + c];
        }
    }
}

/* ---- operators as jobs ---------------------------------------------------------------------------- */

static bool entries_alloc(job *j)
{
    j->in = cim_cc_sim_scratch(j->r, j->p.groups * j->entries, sizeof *j->in);
    j->out = cim_cc_sim_scratch(j->r, j->p.groups * j->entries, sizeof *j->out);
    j->p.count = j->entries * j->per;
    return j->in && j->out;
}

static bool conv_job(job *j)
{
    cim_cc_infer *x = &j->r->x;
    if (!cim_cc_window_of(x, &j->win))
        return false;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *k = cim_cc_in(x, 1);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    bool transposed = j->transposed = x->node->def->work == CIM_CC_WORK_CONV_TRANSPOSE;
    int64_t g = j->p.groups = j->win.group;
    j->taps = plane(j->win.kernel, j->win.n);
    j->in_plane = plane(j->win.in, j->win.n);
    j->out_plane = plane(j->win.out, j->win.n);
    j->channels_per_group = out->dims[1] / g;
    j->channel_cols = transposed ? j->taps : 1;
    j->p.cols = j->channels_per_group * j->channel_cols;
    j->p.rows = transposed ? k->dims[0] / g : k->dims[1] * j->taps;
    j->wg = j->p.rows * j->p.cols;
    j->wc = transposed ? 1 : j->p.rows;
    j->wr = transposed ? j->p.cols : 1;
    j->weights = 1;
    j->entries = a->dims[0];
    j->per = transposed ? j->in_plane : j->out_plane;
    j->window = !transposed;
    j->in_step = j->out_step = 1;
    j->in_row = j->in_plane;
    j->out_col = j->out_plane;
    j->p.fill = transposed ? fill_strided : fill_window;
    j->p.store = transposed ? store_patches : store_strided;
    if (!entries_alloc(j))
        return false;
    for (int64_t i = 0; i < g * j->entries; i++) {
        int64_t group = i / j->entries, image = i % j->entries;
        j->in[i] = (image * a->dims[1] + group * (a->dims[1] / g)) * j->in_plane;
        j->out[i] = (image * out->dims[1] + group * j->channels_per_group) * j->out_plane;
    }
    return true;
}

static bool gemm_job(job *j)
{
    cim_cc_infer *x = &j->r->x;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *b = cim_cc_in(x, 1);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    bool ta = cim_cc_attr_int(x, "transA", 0) != 0, tb = cim_cc_attr_int(x, "transB", 0) != 0;
    int64_t m = out->dims[0], n = out->dims[1], k = a->dims[ta ? 0 : 1];
    bool second = b->constant || !a->constant; /* also the written one of two activations */
    j->weights = second ? 1 : 0;
    j->p.groups = j->entries = 1;
    j->p.rows = k;
    j->p.cols = second ? n : m;
    j->per = second ? m : n;
    j->wc = second ? (tb ? k : 1) : ta ? 1 : k;
    j->wr = second ? (tb ? 1 : n) : ta ? m : 1;
    j->in_step = second ? (ta ? 1 : k) : tb ? k : 1;
    j->in_row = second ? (ta ? m : 1) : tb ? 1 : n;
    j->out_step = second ? n : 1;
    j->out_col = second ? 1 : n;
    j->channels_per_group = j->p.cols;
    j->channel_cols = 1;
    return entries_alloc(j);
}

/* Sizes of a numpy.matmul, and for every matrix of the result which matrices it comes from. */
typedef struct matmul {
    int64_t m, k, n, batches;
    int64_t *a, *b; /* [batches] */
} matmul;

static int64_t batch_index(int64_t i, const cim_cc_net_tensor *t, const cim_cc_net_tensor *out,
                           int out_batch_rank)
{
    int rank = t->rank - 2;
    int64_t place = 0, stride = 1;
    for (int d = 1; d <= out_batch_rank; d++) {
        int64_t size = out->dims[out_batch_rank - d], at = i % size;
        i /= size;
        if (d > rank)
            continue;
        int64_t own = t->dims[rank - d];
        place += own == 1 ? 0 : at * stride;
        stride *= own;
    }
    return place;
}

static bool matmul_of(cim_cc_run *r, matmul *mm)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *b = cim_cc_in(&r->x, 1);
    const cim_cc_net_tensor *out = cim_cc_out_at(&r->x, 0);
    mm->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    mm->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    mm->k = a->dims[a->rank - 1];
    mm->batches = out->elements > 0 ? out->elements / (mm->m * mm->n) : 0;
    int batch_rank = out->rank - (a->rank > 1) - (b->rank > 1);
    mm->a = cim_cc_sim_scratch(r, mm->batches, sizeof *mm->a);
    mm->b = cim_cc_sim_scratch(r, mm->batches, sizeof *mm->b);
    for (int64_t i = 0; mm->a && mm->b && i < mm->batches; i++) {
        mm->a[i] = batch_index(i, a, out, batch_rank);
        mm->b[i] = batch_index(i, b, out, batch_rank);
    }
    return mm->a && mm->b;
}

static bool matmul_job(job *j)
{
    matmul mm;
    if (!matmul_of(j->r, &mm))
        return false;
    bool second = cim_cc_in(&j->r->x, 1)->constant || !cim_cc_in(&j->r->x, 0)->constant;
    const cim_cc_net_tensor *w = cim_cc_in(&j->r->x, second ? 1 : 0);
    j->weights = second ? 1 : 0;
    j->p.rows = mm.k;
    j->p.cols = second ? mm.n : mm.m;
    j->p.groups = w->elements / (mm.k * j->p.cols);
    j->entries = mm.batches / j->p.groups;
    j->per = second ? mm.m : mm.n;
    j->wg = j->p.rows * j->p.cols;
    j->wc = second ? 1 : mm.k;
    j->wr = second ? mm.n : 1;
    j->in_step = second ? mm.k : 1;
    j->in_row = second ? 1 : mm.n;
    j->out_step = second ? mm.n : 1;
    j->out_col = second ? 1 : mm.n;
    j->channels_per_group = j->p.cols;
    j->channel_cols = 1;
    int64_t *have = cim_cc_sim_scratch(j->r, j->p.groups, sizeof *have);
    if (!have || !entries_alloc(j))
        return false;
    memset(have, 0, (size_t)j->p.groups * sizeof *have);
    for (int64_t i = 0; i < mm.batches; i++) {
        int64_t g = second ? mm.b[i] : mm.a[i], at = g * j->entries + have[g]++;
        j->in[at] = second ? mm.a[i] * mm.m * mm.k : mm.b[i] * mm.k * mm.n;
        j->out[at] = i * mm.m * mm.n;
    }
    return true;
}

/* ---- weights ------------------------------------------------------------------------------------- */

/* BatchNorm's y = (x - mean) * factor + shift, per channel. */
typedef struct affine {
    double *factor;
    const double *mean, *shift; /* NULL without BatchNorm */
} affine;

static bool affine_of(job *j, affine *f)
{
    cim_cc_run *r = j->r;
    memset(f, 0, sizeof *f);
    if (!j->bn)
        return true;
    const cim_cc_net_node *product = r->x.node;
    r->x.node = j->bn;
    const double *gamma = cim_cc_sim_in(r, 1), *variance = cim_cc_sim_in(r, 4);
    int64_t n = cim_cc_in(&r->x, 1)->elements;
    double epsilon = cim_cc_attr_float(&r->x, "epsilon", 1e-5);
    f->shift = cim_cc_sim_in(r, 2);
    f->mean = cim_cc_sim_in(r, 3);
    f->factor = cim_cc_sim_scratch(r, n, sizeof *f->factor);
    for (int64_t i = 0; r->x.status == CIM_OK && f->factor && i < n; i++)
        f->factor[i] = gamma[i] / sqrt(variance[i] + epsilon);
    r->x.node = product;
    return r->x.status == CIM_OK;
}

static int64_t channel_of(const job *j, int64_t group, int64_t col)
{
    return group * j->channels_per_group + col / j->channel_cols;
}

static void weight_column(const job *j, const double *w, const affine *f, int64_t group,
                          int64_t col, double *out)
{
    const double *from = w + group * j->wg + col * j->wc;
    double factor = f->factor ? f->factor[channel_of(j, group, col)] : 1;
    for (int64_t k = 0; k < j->p.rows; k++)
        out[k] = from[k * j->wr] * factor;
}

/* Fold, quantise and arrange the weights as columns. @return their scale; 0: failed */
static double weights_quantise(job *j, const affine *f)
{
    cim_cc_run *r = j->r;
    const double *w = cim_cc_sim_in(r, j->weights);
    double *column = cim_cc_sim_scratch(r, j->p.rows, sizeof *column);
    int64_t columns = j->p.groups * j->p.cols, bits = r->arch->workload.weight_bits;
    int16_t *q = cim_cc_sim_scratch(r, columns * j->p.pitch, sizeof *q);
    double peak = 0, scale = 1;
    if (!w || !column || !q)
        return 0;
    for (int64_t i = 0; i < columns; i++) {
        weight_column(j, w, f, i / j->p.cols, i % j->p.cols, column);
        double one = cim_cc_quant_peak(column, j->p.rows);
        if (isnan(one)) {
            cim_cc_fail(&r->x, "its weights ('%.80s') hold a value that is not finite",
                        cim_cc_in(&r->x, j->weights)->name);
            return 0;
        }
        peak = one > peak ? one : peak;
    }
    for (int64_t i = 0; i < columns; i++) {
        weight_column(j, w, f, i / j->p.cols, i % j->p.cols, column);
        scale = cim_cc_quantise(column, j->p.rows, peak, bits, q + i * j->p.pitch);
        for (int64_t k = j->p.rows; k < j->p.pitch; k++)
            q[i * j->p.pitch + k] = 0;
    }
    j->p.w = q;
    return scale;
}

static double input_quantise(job *j)
{
    cim_cc_run *r = j->r;
    const cim_cc_net_tensor *t = cim_cc_in(&r->x, j->input);
    const double *v = cim_cc_sim_in(r, j->input);
    j->x = cim_cc_sim_scratch(r, t->elements, sizeof *j->x);
    if (!v || !j->x)
        return 0;
    double peak = cim_cc_quant_peak(v, t->elements);
    if (isnan(peak)) {
        cim_cc_fail(&r->x,
                    "its input ('%.80s') holds a value that is not finite; it cannot be "
                    "quantised",
                    t->name);
        return 0;
    }
    for (int64_t i = 0; !j->p.offset_input && i < t->elements; i++)
        if (v[i] < 0)
            r->x.status = cim_err_set(r->err, CIM_E_INTERNAL, r->x.node->name,
                                      "its input was taken for non-negative and holds %g", v[i]);
    return cim_cc_quantise(v, t->elements, peak, r->arch->workload.activation_bits, j->x);
}

/* ---- running a job ----------------------------------------------------------------------------------- */

static void error_add(cim_cc_sim_error *e, const int64_t *exact, const double *acc, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double y = (double)exact[i], d = acc[i] - y;
        e->sum += y;
        e->square += y * y;
        e->noise += d * d;
    }
    e->n += (double)n;
}

/* What a flow made of the same products. */
static void take_sums(const cim_cc_sim_product *p, const cim_cc_flow_sums *sums, int64_t group,
                      int64_t first, int64_t n, int64_t col, int64_t cols, double *acc)
{
    for (int64_t v = 0; v < n; v++)
        for (int64_t c = 0; c < cols; c++) {
            int64_t i = (group * p->count + first + v) * p->cols + col + c;
            acc[v * cols + c] =
                cim_cc_crossbars_value(sums->crossbars, sums->code[i], sums->fix[i]);
        }
}

/* One group's columns col..col+cols, block by block of vectors. */
static void run_columns(job *j, cim_cc_crossbars *c, const cim_cc_flow_sums *sums, int64_t group,
                        int64_t col, int64_t cols, int16_t *x, int64_t *exact, double *acc,
                        cim_cc_sim_error *e)
{
    const cim_cc_sim_product *p = &j->p;
    const cim_hw_workload *w = &j->r->arch->workload;
    int64_t bound =
        (int64_t)cim_cc_quant_max(w->weight_bits) * cim_cc_quant_max(w->activation_bits);
    for (int64_t first = 0; first < p->count; first += CIM_CC_SIM_BLOCK) {
        int64_t n = p->count - first < CIM_CC_SIM_BLOCK ? p->count - first : CIM_CC_SIM_BLOCK;
        p->fill(p, group, first, n, x);
        cim_cc_exact_block(p, group, x, n, col, cols, bound, exact);
        if (sums)
            take_sums(p, sums, group, first, n, col, cols, acc);
        else if (c)
            cim_cc_crossbars_drive(c, x, n, acc);
        if (sums || c) {
            error_add(e, exact, acc, n * cols);
        } else {
            for (int64_t i = 0; i < n * cols; i++)
                acc[i] = (double)exact[i];
        }
        p->store(p, group, first, n, col, cols, acc);
    }
}

static double ratio_db(double signal, double noise)
{
    if (!(signal > 0))
        return NAN;
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

/* What the analytical model says, for the data it assumes and for the ones that came. */
static void analytical(const cim_cc_run *r, cim_cc_sim_op *o)
{
    static const cim_cost_device ideal = {0, 0};
    const cim_cost_device *device = r->options->device ? r->options->device : &ideal;
    cim_cost_fidelity f;
    cim_cost_noise noise;
    cim_cost_fidelity_init(&f, r->arch, device);
    cim_cost_fidelity_noise(&f, (double)o->rows, o->offset_input, &noise);
    o->sqnr_analytical_db = noise.db;
    o->sqnr_analytical_converter_db = noise.analog_db;
    o->sqnr_analytical_matched_db = NAN;
    if (isnan(o->weight_peak_to_rms) || isnan(o->input_peak_to_rms))
        return;
    cim_hw_arch matched = *r->arch;
    matched.workload.data = CIM_HW_DATA_GAUSSIAN;
    matched.workload.weight_peak_to_rms = o->weight_peak_to_rms;
    matched.workload.activation_peak_to_rms = o->input_peak_to_rms;
    cim_cost_fidelity_init(&f, &matched, device);
    cim_cost_fidelity_noise(&f, (double)o->rows, o->offset_input, &noise);
    o->sqnr_analytical_matched_db = noise.analog_db;
}

/* Largest magnitude, which quantisation made the top level, over the root mean square. */
static double peak_to_rms(const int16_t *q, int64_t stored, int64_t n, int64_t bits)
{
    double square = 0;
    for (int64_t i = 0; i < stored; i++)
        square += (double)q[i] * q[i];
    return square > 0 ? cim_cc_quant_max(bits) / sqrt(square / (double)n) : NAN;
}

static void statistics(const job *j, cim_cc_sim_op *o)
{
    const cim_hw_workload *w = &j->r->arch->workload;
    int64_t columns = j->p.groups * j->p.cols, n = cim_cc_in(&j->r->x, j->input)->elements;
    o->weight_peak_to_rms =
        peak_to_rms(j->p.w, columns * j->p.pitch, columns * j->p.rows, w->weight_bits);
    o->input_peak_to_rms = peak_to_rms(j->x, n, n, w->activation_bits);
}

/* Set the converters to what they will see: at most 64 blocks of every group's vectors. */
static void calibrate(const job *j, cim_cc_crossbars *c, int64_t most, int16_t *x, double *acc)
{
    const cim_cc_sim_product *p = &j->p;
    if (isnan(j->r->arch->adc.clip_percentile))
        return;
    if (!cim_cc_crossbars_watch(c, &j->r->scratch)) {
        cim_cc_sim_nomem(j->r);
        return;
    }
    int64_t blocks = (p->count + CIM_CC_SIM_BLOCK - 1) / CIM_CC_SIM_BLOCK;
    int64_t stride = (blocks + 63) / 64 * CIM_CC_SIM_BLOCK;
    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t col = 0; col < p->cols; col += most) {
            cim_cc_crossbars_program(c, g, col, p->cols - col < most ? p->cols - col : most);
            for (int64_t first = 0; first < p->count; first += stride) {
                int64_t n = p->count - first;
                n = n < CIM_CC_SIM_BLOCK ? n : CIM_CC_SIM_BLOCK;
                p->fill(p, g, first, n, x);
                cim_cc_crossbars_drive(c, x, n, acc);
            }
        }
    cim_cc_crossbars_fit(c);
}

static void run_groups(job *j, cim_cc_sim_op *o)
{
    cim_cc_run *r = j->r;
    cim_cc_sim_product *p = &j->p;
    cim_cc_sim_error e = {0, 0, 0, 0};
    cim_cc_crossbars *c = NULL;
    cim_cc_flow_sums sums;
    if (r->flow && !cim_cc_flow_product(r, p, &sums))
        return;
    if (!r->reference && !r->flow) {
        c = cim_cc_crossbars_create(&r->scratch, r->arch, p);
        if (!c) {
            cim_cc_sim_nomem(r);
            return;
        }
    }
    int64_t most = c ? cim_cc_crossbars_cols(c) : p->cols < 4096 ? p->cols : 4096;
    int16_t *x = cim_cc_sim_scratch(r, CIM_CC_SIM_BLOCK * p->pitch, sizeof *x);
    int64_t *exact = cim_cc_sim_scratch(r, CIM_CC_SIM_BLOCK * most, sizeof *exact);
    double *acc = cim_cc_sim_scratch(r, CIM_CC_SIM_BLOCK * most, sizeof *acc);
    if (!x || !exact || !acc)
        return;
    memset(x, 0, (size_t)(CIM_CC_SIM_BLOCK * p->pitch) * sizeof *x);
    if (c)
        calibrate(j, c, most, x, acc);
    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t col = 0; col < p->cols; col += most) {
            int64_t cols = p->cols - col < most ? p->cols - col : most;
            if (c)
                cim_cc_crossbars_program(c, g, col, cols);
            run_columns(j, c, r->flow ? &sums : NULL, g, col, cols, x, exact, acc, &e);
        }
    const cim_cc_crossbars *used = r->flow ? sums.crossbars : c;
    o->adc_step = used ? cim_cc_crossbars_step(used) : 1;
    o->lossless = !used || cim_cc_crossbars_lossless(used);
    o->adc_range = used ? cim_cc_crossbars_range(used) : NAN;
    o->conversions = used && r->arch->crossbar.adcs > 0 ? cim_cc_crossbars_conversions(used) : 0;
    double mean = e.n > 0 ? e.sum / e.n : 0;
    o->sqnr_db = !used          ? (double)NAN
                 : e.noise == 0 ? (double)INFINITY
                                : ratio_db(e.square / e.n - mean * mean, e.noise / e.n);
    analytical(r, o);
}

/* Sums -> values: y = sum * scale + bias, with BatchNorm's shift in the bias. */
static void finish_channels(job *j, const affine *f, const double *bias)
{
    const cim_cc_net_tensor *out = cim_cc_out_at(&j->r->x, 0);
    int64_t channels = j->p.groups * j->channels_per_group;
    for (int64_t i = 0; i < out->elements; i++) {
        int64_t ch = i / j->out_plane % channels;
        double b = bias ? bias[ch] : 0;
        if (f->factor)
            b = (b - f->mean[ch]) * f->factor[ch] + f->shift[ch];
        j->y[i] = j->y[i] * j->scale + b;
    }
}

/* Gemm's third operand (NULL for MatMul) is broadcast to the result. */
static void finish_matrix(job *j, const affine *f, const double *addend)
{
    cim_cc_infer *x = &j->r->x;
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    bool gemm = x->node->def->work == CIM_CC_WORK_GEMM;
    double alpha = gemm ? cim_cc_attr_float(x, "alpha", 1) : 1;
    double beta = gemm ? cim_cc_attr_float(x, "beta", 1) : 1;
    int64_t n = out->rank > 0 ? out->dims[out->rank - 1] : 1, strides[CIM_CC_MAX_RANK] = {0};
    if (addend)
        cim_cc_sim_broadcast_strides(cim_cc_in(x, 2), 2, strides);
    for (int64_t i = 0; i < out->elements; i++) {
        double b = addend ? beta * addend[i / n * strides[0] + i % n * strides[1]] : 0;
        if (f->factor)
            b = (b - f->mean[i % n]) * f->factor[i % n] + f->shift[i % n];
        j->y[i] = j->y[i] * (j->scale * alpha) + b;
    }
}

static void run_job(job *j, cim_cc_op_id id)
{
    cim_cc_run *r = j->r;
    affine f;
    cim_cc_sim_op *o = &r->ops[r->n_ops];
    j->p.ctx = j;
    j->p.pitch = cim_cc_pitch(j->p.rows);
    j->p.offset_input = r->model->graph.ops[id].signed_input;
    j->p.pack = cim_cc_packed_groups(r->arch, j->p.rows, j->p.cols, j->p.groups);
    j->input = 1 - j->weights;
    if (r->options->device) {
        uint64_t place[2] = {r->options->seed, id};
        j->p.cell_sigma = r->options->device->sigma;
        j->p.cell_floor =
            r->options->device->floor * (pow(2, (double)r->arch->device.bits_per_cell) - 1);
        j->p.cell_key = cim_hash64(place, sizeof place, 0);
    }
    if (!affine_of(j, &f))
        return;
    *o = (cim_cc_sim_op){.op = id,
                         .rows = j->p.rows,
                         .cols = j->p.cols,
                         .groups = j->p.groups,
                         .products = j->p.count,
                         .offset_input = j->p.offset_input};
    o->weight_scale = weights_quantise(j, &f);
    o->input_scale = r->x.status == CIM_OK ? input_quantise(j) : 0;
    const double *bias = cim_cc_sim_in(r, 2);
    j->y = cim_cc_sim_out(r, 0);
    if (r->x.status != CIM_OK)
        return;
    memset(j->y, 0, (size_t)cim_cc_out_at(&r->x, 0)->elements * sizeof *j->y);
    j->scale = o->input_scale * o->weight_scale;
    statistics(j, o);
    run_groups(j, o);
    if (r->x.status != CIM_OK)
        return;
    if (j->window || j->transposed)
        finish_channels(j, &f, bias);
    else
        finish_matrix(j, &f, bias);
    r->n_ops++;
}

void cim_cc_sim_crossbar_node(cim_cc_run *r, uint32_t node)
{
    const char *type = r->x.node->type;
    uint32_t bn = r->bn_of[node];
    job j = {.r = r, .bn = bn == CIM_CC_INVALID ? NULL : &r->net->nodes[bn]};
    j.p.fill = fill_strided;
    j.p.store = store_strided;
    bool ok = false;
    if (!r->x.node->def->microsoft && (!strcmp(type, "Conv") || !strcmp(type, "ConvTranspose")))
        ok = conv_job(&j);
    else if (!r->x.node->def->microsoft && !strcmp(type, "Gemm"))
        ok = gemm_job(&j);
    else if (!strcmp(type, "MatMul"))
        ok = matmul_job(&j);
    else
        cim_cc_fail(&r->x, "this operator is not available in the functional simulator of this "
                           "version");
    if (ok)
        run_job(&j, r->net->op_of[node]);
}

/* ---- products of two activations, in floating point ------------------------------------------------- */

/* c[i][j] = sum_k a[i * ai + k * ak] * b[k * bk + j * bj], added up in the order of k. */
static void float_product(int64_t m, int64_t k, int64_t n, const double *a, int64_t ai, int64_t ak,
                          const double *b, int64_t bk, int64_t bj, double *c)
{
    for (int64_t i = 0; i < m; i++) {
        double *row = c + i * n;
        memset(row, 0, (size_t)n * sizeof *row);
        for (int64_t l = 0; l < k; l++) {
            double v = a[i * ai + l * ak];
            const double *from = b + l * bk;
            for (int64_t q = 0; q < n; q++)
                row[q] += v * from[q * bj];
        }
    }
}

static void float_matmul(cim_cc_run *r)
{
    const double *a = cim_cc_sim_in(r, 0), *b = cim_cc_sim_in(r, 1);
    double *out = cim_cc_sim_out(r, 0);
    matmul mm;
    if (!a || !b || !out || !matmul_of(r, &mm))
        return;
    for (int64_t i = 0; i < mm.batches; i++)
        float_product(mm.m, mm.k, mm.n, a + mm.a[i] * mm.m * mm.k, mm.k, 1,
                      b + mm.b[i] * mm.k * mm.n, mm.n, 1, out + i * mm.m * mm.n);
}

static void float_gemm(cim_cc_run *r)
{
    cim_cc_infer *x = &r->x;
    bool ta = cim_cc_attr_int(x, "transA", 0) != 0, tb = cim_cc_attr_int(x, "transB", 0) != 0;
    const double *a = cim_cc_sim_in(r, 0), *b = cim_cc_sim_in(r, 1), *c = cim_cc_sim_in(r, 2);
    job j = {.r = r, .y = cim_cc_sim_out(r, 0), .scale = 1};
    affine none = {NULL, NULL, NULL};
    if (!a || !b || !j.y || x->status != CIM_OK)
        return;
    int64_t m = cim_cc_out_at(x, 0)->dims[0], n = cim_cc_out_at(x, 0)->dims[1];
    int64_t k = cim_cc_in(x, 0)->dims[ta ? 0 : 1];
    float_product(m, k, n, a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, j.y);
    finish_matrix(&j, &none, c);
}

cim_cc_sim_fn cim_cc_sim_product_find(const char *type)
{
    return !strcmp(type, "MatMul") ? float_matmul : !strcmp(type, "Gemm") ? float_gemm : NULL;
}
