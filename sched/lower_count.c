/* Units, matrices, MACs and ALU operations of every operator.
 *
 * MACs follow torch and fvcore (fvcore/nn/jit_handles.py): every product of a convolution, Gemm,
 * MatMul or Einsum counts, padding included; a transposed convolution multiplies every input by its
 * whole kernel. ALU classes as in net_ops.c: add (also comparisons), mul, div, special. */
#include "sched/lower.h"

#include <string.h>

/* Sticky checked counters. */
typedef struct tally {
    cim_cc_infer *x;
    cim_cc_op *op;
} tally;

static int64_t times(const tally *t, int64_t a, int64_t b)
{
    int64_t v = 0;
    if (!cim_cc_mul(a, b, &v))
        cim_cc_fail(t->x, "counts more than 2^53 operations or matrix cells");
    return v;
}

static void plus(const tally *t, int64_t *sum, int64_t v)
{
    if (!cim_cc_add(*sum, v, sum))
        cim_cc_fail(t->x, "counts more than 2^53 operations");
}

static void alu(const tally *t, int64_t n, int64_t add, int64_t mul, int64_t div, int64_t special)
{
    plus(t, &t->op->alu_add, times(t, n, add));
    plus(t, &t->op->alu_mul, times(t, n, mul));
    plus(t, &t->op->alu_div, times(t, n, div));
    plus(t, &t->op->alu_special, times(t, n, special));
}

/* ---- products ------------------------------------------------------------------------------------- */

static void crossbar(const tally *t, int64_t rows, int64_t cols, int64_t groups, int64_t mvms)
{
    cim_cc_op *op = t->op;
    if (rows < 1 || cols < 1 || groups < 1 || mvms < 1)
        cim_cc_fail(t->x, "multiplies by an empty matrix");
    op->unit = CIM_CC_UNIT_CROSSBAR;
    op->matrix_rows = rows;
    op->matrix_cols = cols;
    op->groups = groups;
    op->mvms = mvms;
    op->macs = times(t, times(t, times(t, rows, cols), groups), mvms);
}

static void dynamic(const tally *t, int64_t macs)
{
    t->op->unit = CIM_CC_UNIT_DIGITAL;
    t->op->dynamic_product = true;
    t->op->macs = macs;
    alu(t, macs, 1, 1, 0, 0);
}

/* The second operand as a matrix on crossbars that are written at run time. */
static void written(const tally *t, int64_t rows, int64_t cols, int64_t groups, int64_t mvms)
{
    cim_cc_op *op = t->op;
    if (rows < 1 || cols < 1 || groups < 1 || mvms < 1)
        return;
    op->matrix_rows = rows;
    op->matrix_cols = cols;
    op->groups = groups;
    op->mvms = mvms;
}

static uint32_t quantised_slot(const cim_cc_net_node *node)
{
    return !strncmp(node->type, "QLinear", 7) ? 3 : 1;
}

/* An activation fused by an optimiser (com.microsoft.FusedConv, FusedGemm): one operation each. */
static void fused_activation(const tally *t)
{
    const char *a = cim_cc_attr_text(t->x, "activation", "");
    int64_t n = cim_cc_out_at(t->x, 0)->elements;
    if (!strcmp(a, "Tanh") || !strcmp(a, "Sigmoid"))
        alu(t, n, 0, 0, 0, 1);
    else if (!strcmp(a, "LeakyRelu"))
        alu(t, n, 1, 1, 0, 0);
    else if (!strcmp(a, "Clip"))
        alu(t, n, 2, 0, 0, 0);
    else if (*a)
        alu(t, n, 1, 0, 0, 0);
}

static void count_conv(const tally *t)
{
    cim_cc_infer *x = t->x;
    cim_cc_window w;
    if (!cim_cc_window_of(x, &w))
        return;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *k = cim_cc_in(x, quantised_slot(x->node));
    int64_t kernel = cim_cc_product(w.kernel, 0, w.n), positions = cim_cc_product(w.out, 0, w.n);
    if (kernel < 0 || positions < 0)
        cim_cc_fail(x, "is too large");
    int64_t rows = times(t, kernel, k->dims[1]), cols = k->dims[0] / w.group;
    int64_t mvms = times(t, positions, a->dims[0]);
    bool biased = cim_cc_in(x, !strcmp(x->node->type, "QLinearConv") ? 8 : 2) != NULL;
    t->op->has_bias = biased && strcmp(x->node->type, "ConvInteger") != 0;
    if (cim_cc_on_crossbars(x))
        crossbar(t, rows, cols, w.group, mvms);
    else
        dynamic(t, times(t, times(t, times(t, rows, cols), w.group), mvms));
    if (!strcmp(x->node->type, "FusedConv") && cim_cc_activation(x, 3))
        alu(t, cim_cc_out_at(x, 0)->elements, 1, 0, 0, 0);
    fused_activation(t);
}

/* One product per input position gives a kernel-sized patch; overlapping patches are added. */
static void count_conv_transpose(const tally *t)
{
    cim_cc_infer *x = t->x;
    cim_cc_window w;
    if (!cim_cc_window_of(x, &w))
        return;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *k = cim_cc_in(x, 1);
    int64_t kernel = cim_cc_product(w.kernel, 0, w.n), positions = cim_cc_product(w.in, 0, w.n);
    if (kernel < 0 || positions < 0)
        cim_cc_fail(x, "is too large");
    int64_t rows = k->dims[0] / w.group, cols = times(t, kernel, k->dims[1]);
    int64_t mvms = times(t, positions, a->dims[0]);
    t->op->has_bias = cim_cc_in(x, 2) != NULL;
    int64_t patches = times(t, times(t, cols, w.group), mvms);
    int64_t out = cim_cc_out_at(x, 0)->elements;
    if (!cim_cc_on_crossbars(x)) {
        dynamic(t, times(t, patches, rows));
        return;
    }
    crossbar(t, rows, cols, w.group, mvms);
    alu(t, patches > out ? patches - out : 0, 1, 0, 0, 0);
}

/* The constant operand of a product: 0, 1, or -1 when both are activations. */
static int constant_side(const cim_cc_infer *x, uint32_t a, uint32_t b)
{
    const cim_cc_net_tensor *p = cim_cc_in(x, a), *q = cim_cc_in(x, b);
    return q->constant ? 1 : p->constant ? 0 : -1;
}

static void count_gemm(const tally *t)
{
    cim_cc_infer *x = t->x;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    int64_t m = out->dims[0], n = out->dims[1];
    int64_t k = a->dims[cim_cc_attr_int(x, "transA", 0) ? 0 : 1];
    int side = constant_side(x, 0, 1);
    const cim_cc_net_tensor *c = cim_cc_in(x, 2);
    t->op->has_bias = c && c->constant && side >= 0;
    if (side < 0) {
        dynamic(t, times(t, times(t, m, n), k));
        written(t, k, n, 1, m);
    } else {
        crossbar(t, k, side == 1 ? n : m, 1, side == 1 ? m : n);
    }
    if (c && !t->op->has_bias) /* added on the ALU */
        alu(t, out->elements, 1, 0, 0, 0);
    if (!strcmp(x->node->type, "FusedGemm"))
        fused_activation(t);
}

static void count_matmul(const tally *t)
{
    cim_cc_infer *x = t->x;
    uint32_t second = quantised_slot(x->node);
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *b = cim_cc_in(x, second);
    int64_t k = a->dims[a->rank - 1], out = cim_cc_out_at(x, 0)->elements;
    int64_t m = a->rank > 1 ? a->dims[a->rank - 2] : 1, n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    int side = constant_side(x, 0, second);
    if (side < 0) {
        int64_t matrices = cim_cc_product(b->dims, 0, b->rank > 2 ? b->rank - 2 : 0);
        dynamic(t, times(t, out, k));
        if (matrices > 0 && out % (matrices * n) == 0)
            written(t, k, n, matrices, out / matrices / n);
        return;
    }
    /* a batch of constant matrices: one group each */
    const cim_cc_net_tensor *w = side == 1 ? b : a;
    int64_t groups = cim_cc_product(w->dims, 0, w->rank > 2 ? w->rank - 2 : 0);
    int64_t cols = side == 1 ? n : m;
    if (groups < 1 || out % (groups * cols) != 0) {
        cim_cc_fail(x, "its batch of weights is too large");
        return;
    }
    crossbar(t, k, cols, groups, out / groups / cols);
}

static void count_einsum(const tally *t)
{
    cim_cc_infer *x = t->x;
    cim_cc_einsum e;
    if (!cim_cc_einsum_of(x, &e))
        return;
    if (e.n_operands < 2) {
        int64_t in = cim_cc_in(x, 0)->elements, out = cim_cc_out_at(x, 0)->elements;
        bool sums = in > out; /* otherwise a transposition or a diagonal */
        t->op->unit = sums ? CIM_CC_UNIT_DIGITAL : CIM_CC_UNIT_NONE;
        alu(t, sums ? in - out : 0, 1, 0, 0, 0);
        return;
    }
    bool in_op[2][64] = {{false}}, in_out[64] = {false};
    for (int p = 0; p < 2; p++)
        for (int k = 0; k < e.rank[p]; k++)
            in_op[p][e.label[p][k]] = true;
    for (int k = 0; k < e.out_rank; k++)
        in_out[e.out_label[k]] = true;
    int side = constant_side(x, 0, 1), s = side < 0 ? 1 : side;
    int64_t rows = 1, cols = 1, groups = 1, mvms = 1;
    for (int k = 0; k < e.n_labels; k++) {
        int64_t *what = !in_out[k]                   ? &rows
                        : in_op[0][k] && in_op[1][k] ? &groups
                        : in_op[s][k]                ? &cols
                                                     : &mvms;
        *what = times(t, *what, e.size[k]);
    }
    if (side >= 0) {
        crossbar(t, rows, cols, groups, mvms);
    } else {
        dynamic(t, times(t, times(t, times(t, rows, cols), groups), mvms));
        written(t, rows, cols, groups, mvms);
    }
}

uint32_t cim_cc_written_slot(const cim_cc_infer *x, const cim_cc_op *op)
{
    if (!op->dynamic_product || op->matrix_rows == 0)
        return UINT32_MAX;
    return quantised_slot(x->node);
}

bool cim_cc_on_crossbars(cim_cc_infer *x)
{
    switch (x->node->def->work) {
    case CIM_CC_WORK_CONV:
        return cim_cc_in(x, quantised_slot(x->node))->constant && cim_cc_activation(x, 0);
    case CIM_CC_WORK_CONV_TRANSPOSE:
        return cim_cc_in(x, 1)->constant && cim_cc_activation(x, 0);
    case CIM_CC_WORK_GEMM:
    case CIM_CC_WORK_MATMUL:
        return constant_side(x, 0, quantised_slot(x->node)) >= 0;
    case CIM_CC_WORK_EINSUM:
        return x->node->n_inputs == 2 && constant_side(x, 0, 1) >= 0;
    default:
        return false;
    }
}

/* ---- everything else -------------------------------------------------------------------------------- */

static void count_pool(const tally *t)
{
    cim_cc_infer *x = t->x;
    cim_cc_window w;
    const char *type = x->node->type;
    int64_t out = cim_cc_out_at(x, 0)->elements, k = 1;
    if (x->node->def->work == CIM_CC_WORK_GLOBAL_POOL) {
        k = cim_cc_in(x, 0)->elements / out;
    } else {
        if (!cim_cc_window_of(x, &w))
            return;
        k = cim_cc_product(w.kernel, 0, w.n);
    }
    if (k < 1)
        cim_cc_fail(x, "has too large a window");
    alu(t, out, k - 1, 0, 0, 0);
    if (strstr(type, "Average"))
        alu(t, out, 0, 0, 1, 0);
    else if (strstr(type, "Lp"))
        alu(t, out, 0, k, 0, 1);
}

static void count_reduce(const tally *t)
{
    const char *type = t->x->node->type;
    int64_t in = cim_cc_in(t->x, 0)->elements, out = cim_cc_out_at(t->x, 0)->elements;
    if (!strcmp(type, "ReduceProd"))
        alu(t, in - out, 0, 1, 0, 0);
    else
        alu(t, in - out, 1, 0, 0, 0);
    if (!strcmp(type, "ReduceMean"))
        alu(t, out, 0, 0, 1, 0);
    else if (!strcmp(type, "ReduceL1"))
        alu(t, in, 1, 0, 0, 0);
    else if (!strcmp(type, "ReduceL2") || !strcmp(type, "ReduceSumSquare"))
        alu(t, in, 0, 1, 0, 0);
    else if (!strcmp(type, "ReduceLogSumExp"))
        alu(t, in, 0, 0, 0, 1);
    if (!strcmp(type, "ReduceL2") || !strncmp(type, "ReduceLog", 9))
        alu(t, out, 0, 0, 0, 1);
}

/* Lines of n elements: max (n-1), subtract n, exp n, sum (n-1), divide n. */
static void count_softmax(const tally *t)
{
    cim_cc_infer *x = t->x;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    bool old = x->node->opset < 13;
    int64_t axis = cim_cc_attr_int(x, "axis", old ? 1 : -1), n = 1;
    axis = axis < 0 ? axis + a->rank : axis;
    if (a->rank > 0)
        n = old ? cim_cc_product(a->dims, (int)axis, a->rank) : a->dims[axis];
    int64_t lines = n > 0 ? a->elements / n : 0;
    if (!strcmp(x->node->type, "Hardmax")) {
        alu(t, lines, n - 1, 0, 0, 0);
        alu(t, a->elements, 1, 0, 0, 0);
        return;
    }
    bool logarithm = !strcmp(x->node->type, "LogSoftmax");
    alu(t, lines, 2 * (n - 1), 0, 0, logarithm ? 1 : 0);
    alu(t, a->elements, logarithm ? 2 : 1, 0, logarithm ? 0 : 1, 1);
}

static int64_t norm_size(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    const char *type = x->node->type;
    if (!strcmp(type, "InstanceNormalization"))
        return cim_cc_product(a->dims, 2, a->rank);
    if (!strcmp(type, "GroupNormalization"))
        return cim_cc_product(a->dims, 1, a->rank) / cim_cc_attr_int(x, "num_groups", 1);
    if (!strcmp(type, "MeanVarianceNormalization"))
        return cim_cc_product(a->dims, 0, a->rank) / (a->rank > 1 ? a->dims[1] : 1);
    int64_t axis = cim_cc_attr_int(x, "axis", -1);
    axis = axis < 0 ? axis + a->rank : axis;
    if (!strcmp(type, "LpNormalization"))
        return axis >= 0 && axis < a->rank ? a->dims[axis] : 1;
    return axis >= 0 && axis <= a->rank ? cim_cc_product(a->dims, (int)axis, a->rank) : 1;
}

/* Per line of n: mean (n-1 add, 1 div), centre n add, square n mul, mean (n-1 add, 1 div),
 * epsilon 1 add, sqrt 1, divide n; scale n mul and bias n add where there are such. */
static void count_norm(const tally *t)
{
    cim_cc_infer *x = t->x;
    int64_t all = cim_cc_in(x, 0)->elements, n = norm_size(x);
    if (n < 1)
        n = 1;
    int64_t lines = all / n;
    if (!strcmp(x->node->type, "LpNormalization")) {
        alu(t, all, 1, 1, 1, 0);
        alu(t, lines, 0, 0, 0, 1);
        return;
    }
    bool skip = !strcmp(x->node->type, "SkipLayerNormalization");
    bool scale = cim_cc_in(x, skip ? 2 : 1) != NULL, bias = cim_cc_in(x, skip ? 3 : 2) != NULL;
    alu(t, lines, 2 * (n - 1) + 1, 0, 2, 1);
    alu(t, all, 1, 1, 1, 0);
    alu(t, all, bias ? 1 : 0, scale ? 1 : 0, 0, 0);
    if (skip)
        alu(t, all, cim_cc_in(x, 4) ? 2 : 1, 0, 0, 0);
}

static void count_pow(const tally *t)
{
    const cim_cc_net_tensor *e = cim_cc_in(t->x, 1);
    int64_t n = cim_cc_out_at(t->x, 0)->elements;
    double v = e->elements != 1 ? 0 : e->reals ? e->reals[0] : e->ints ? (double)e->ints[0] : 0;
    if (v == 2 || v == 3)
        alu(t, n, 0, (int64_t)v - 1, 0, 0);
    else
        alu(t, n, 0, 0, 0, 1); /* also a square root */
}

static void count_lrn(const tally *t)
{
    int64_t size = cim_cc_attr_int(t->x, "size", 1), n = cim_cc_out_at(t->x, 0)->elements;
    size = size < 1 ? 1 : size;
    alu(t, n, size, 2, 1, 1); /* squares shared by neighbours; size - 1 sums, + bias */
}

/* Interpolation between 2^d or 4^d neighbours, d dimensions of which the size changes. */
static void count_resize(const tally *t)
{
    cim_cc_infer *x = t->x;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    const char *mode = cim_cc_attr_text(x, "mode", "nearest");
    int64_t taps = 1, per = !strcmp(mode, "cubic") ? 4 : 2;
    if (!strcmp(mode, "nearest"))
        return;
    for (int k = 0; k < a->rank; k++)
        taps *= a->dims[k] != out->dims[k] ? per : 1;
    if (taps == 1)
        return;
    t->op->unit = CIM_CC_UNIT_DIGITAL;
    alu(t, out->elements, taps - 1, taps, 0, 0);
}

static void count_topk(const tally *t)
{
    const cim_cc_net_tensor *a = cim_cc_in(t->x, 0), *out = cim_cc_out_at(t->x, 0);
    int64_t lines_k = out ? out->elements : 1, levels = 1;
    for (int64_t k = lines_k; k > 1; k /= 2) /* upper bound: a heap over all results */
        levels++;
    alu(t, a->elements, levels, 0, 0, 0);
}

static void count_variadic(const tally *t)
{
    int64_t n = cim_cc_out_at(t->x, 0)->elements;
    alu(t, n, (int64_t)t->x->node->n_inputs - 1, 0, 0, 0);
    if (!strcmp(t->x->node->type, "Mean"))
        alu(t, n, 0, 0, 1, 0);
}

/* Four neighbours per sample (RoiAlign, bilinear), or a comparison per element (MaxRoiPool). */
static void count_roi(const tally *t)
{
    int64_t n = cim_cc_out_at(t->x, 0)->elements;
    int64_t s = cim_cc_attr_int(t->x, "sampling_ratio", 0);
    s = s < 1 || s > 64 ? 2 : s;
    alu(t, n, 4 * s * s, 4 * s * s, 1, 0);
}

void cim_cc_count(cim_cc_infer *x, cim_cc_op *op)
{
    tally t = {x, op};
    const cim_cc_net_def *d = x->node->def;
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    if (!out) { /* only a later output is used: counted by that one's size */
        cim_cc_fail(x, "its first output is not named");
        return;
    }
    op->unit = CIM_CC_UNIT_DIGITAL;
    switch (d->work) {
    case CIM_CC_WORK_MOVE:
        op->unit = CIM_CC_UNIT_NONE;
        break;
    case CIM_CC_WORK_ELEMENT:
        alu(&t, out->elements, d->add, d->mul, d->div, d->special);
        break;
    case CIM_CC_WORK_CONV:
        count_conv(&t);
        break;
    case CIM_CC_WORK_CONV_TRANSPOSE:
        count_conv_transpose(&t);
        break;
    case CIM_CC_WORK_GEMM:
        count_gemm(&t);
        break;
    case CIM_CC_WORK_MATMUL:
        count_matmul(&t);
        break;
    case CIM_CC_WORK_EINSUM:
        count_einsum(&t);
        break;
    case CIM_CC_WORK_VARIADIC:
        count_variadic(&t);
        break;
    case CIM_CC_WORK_POW:
        count_pow(&t);
        break;
    case CIM_CC_WORK_POOL:
    case CIM_CC_WORK_GLOBAL_POOL:
        count_pool(&t);
        break;
    case CIM_CC_WORK_REDUCE:
        count_reduce(&t);
        break;
    case CIM_CC_WORK_SOFTMAX:
        count_softmax(&t);
        break;
    case CIM_CC_WORK_NORM:
        count_norm(&t);
        break;
    case CIM_CC_WORK_LRN:
        count_lrn(&t);
        break;
    case CIM_CC_WORK_RESIZE:
        op->unit = CIM_CC_UNIT_NONE;
        count_resize(&t);
        break;
    case CIM_CC_WORK_TOPK:
        count_topk(&t);
        break;
    case CIM_CC_WORK_SCAN:
        alu(&t, out->elements, 1, 0, 0, 0);
        break;
    case CIM_CC_WORK_ROI:
        count_roi(&t);
        break;
    case CIM_CC_WORK_QUANTIZE_DYNAMIC:
        alu(&t, out->elements, 3, 0, 1, 0);
        break;
    }
}
