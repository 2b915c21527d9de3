/* Convolution and pooling: geometry and shapes.
 * Source: the operators' definitions, onnx.ai/onnx/operators (Conv, ConvTranspose, MaxPool). */
#include "sched/net_ops.h"

#include <string.h>

#define SIZE_MAX_1D (INT64_C(1) << 20) /* of a kernel, stride, dilation or pad: no overflow below */

/* Where the weights are: after the quantisation parameters in the integer forms. */
static uint32_t weight_index(const cim_cc_net_node *node)
{
    return !strcmp(node->type, "QLinearConv") ? 3 : 1;
}

static bool is_conv(const cim_cc_net_def *d)
{
    return d->work == CIM_CC_WORK_CONV || d->work == CIM_CC_WORK_CONV_TRANSPOSE;
}

static void spatial_ints(cim_cc_infer *x, const char *name, int n, int64_t least, int64_t otherwise,
                         int64_t *out)
{
    size_t have = 0;
    const int64_t *v = cim_cc_attr_ints(x, name, &have);
    for (int i = 0; i < n; i++)
        out[i] = otherwise;
    if (have == 0)
        return;
    if (have != (size_t)n) {
        cim_cc_fail(x, "attribute '%s' has %zu values, the input has %d spatial dimensions", name,
                    have, n);
        return;
    }
    for (int i = 0; i < n; i++) {
        out[i] = v[i];
        if (v[i] < least || v[i] > SIZE_MAX_1D)
            cim_cc_fail(x, "attribute '%s' holds %lld, at least %lld is needed", name,
                        (long long)v[i], (long long)least);
    }
}

static void explicit_pads(cim_cc_infer *x, cim_cc_window *w)
{
    size_t have = 0;
    const int64_t *v = cim_cc_attr_ints(x, "pads", &have);
    if (have == 0)
        return;
    if (have != 2 * (size_t)w->n) {
        cim_cc_fail(x, "attribute 'pads' has %zu values, %d are needed", have, 2 * w->n);
        return;
    }
    for (int i = 0; i < w->n; i++) {
        w->pad_begin[i] = v[i];
        w->pad_end[i] = v[i + w->n];
        if (v[i] < -SIZE_MAX_1D || v[i] > SIZE_MAX_1D || v[i + w->n] < -SIZE_MAX_1D ||
            v[i + w->n] > SIZE_MAX_1D)
            cim_cc_fail(x, "attribute 'pads' holds an impossible size");
    }
}

/* SAME_UPPER/SAME_LOWER: as much padding as ceil(in / stride) outputs need. */
static void same_pads(cim_cc_window *w, int i, bool upper)
{
    int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
    int64_t total = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - w->in[i];
    if (total < 0)
        total = 0;
    w->pad_begin[i] = upper ? total / 2 : total - total / 2;
    w->pad_end[i] = total - w->pad_begin[i];
}

static void forward_sizes(cim_cc_infer *x, cim_cc_window *w, bool ceil_mode)
{
    for (int i = 0; i < w->n && x->status == CIM_OK; i++) {
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t room = w->in[i] + w->pad_begin[i] + w->pad_end[i] - extent;
        if (room < 0) {
            cim_cc_fail(x, "a window of %lld does not fit into %lld + padding %lld + %lld",
                        (long long)extent, (long long)w->in[i], (long long)w->pad_begin[i],
                        (long long)w->pad_end[i]);
            return;
        }
        w->out[i] = room / w->stride[i] + 1;
        /* a window that would start in the end padding does not count (as torch does) */
        if (ceil_mode && room % w->stride[i] != 0 &&
            w->out[i] * w->stride[i] < w->in[i] + w->pad_begin[i])
            w->out[i]++;
    }
}

/* out = stride (in - 1) + output_padding + extent - pads, or pads from a given output_shape */
static void transposed_sizes(cim_cc_infer *x, cim_cc_window *w, const char *auto_pad)
{
    int64_t extra[CIM_CC_MAX_SPATIAL];
    size_t n_shape = 0;
    const int64_t *shape = cim_cc_attr_ints(x, "output_shape", &n_shape);
    spatial_ints(x, "output_padding", w->n, 0, 0, extra);
    if (n_shape && n_shape != (size_t)w->n)
        cim_cc_fail(x, "attribute 'output_shape' has %zu values, %d are needed", n_shape, w->n);
    for (int i = 0; i < w->n && x->status == CIM_OK; i++) {
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t whole = w->stride[i] * (w->in[i] - 1) + extra[i] + extent;
        bool same = !strncmp(auto_pad, "SAME", 4);
        if (n_shape && (shape[i] < 1 || shape[i] > CIM_CC_MAX_ELEMENTS)) {
            cim_cc_fail(x, "attribute 'output_shape' holds %lld", (long long)shape[i]);
        } else if (n_shape || same) {
            int64_t want = n_shape ? shape[i] : w->in[i] * w->stride[i];
            int64_t total = whole > want ? whole - want : 0;
            bool upper = !strcmp(auto_pad, "SAME_UPPER");
            w->pad_begin[i] = upper ? total / 2 : total - total / 2;
            w->pad_end[i] = total - w->pad_begin[i];
            w->out[i] = want;
        } else {
            w->out[i] = whole - w->pad_begin[i] - w->pad_end[i];
        }
        if (w->out[i] <= 0)
            cim_cc_fail(x, "gives the impossible output size %lld", (long long)w->out[i]);
    }
}

static void kernel_of(cim_cc_infer *x, cim_cc_window *w)
{
    const cim_cc_net_tensor *weights =
        is_conv(x->node->def) ? cim_cc_in(x, weight_index(x->node)) : NULL;
    spatial_ints(x, "kernel_shape", w->n, 1, 0, w->kernel);
    if (x->status != CIM_OK)
        return;
    if (!weights && !cim_cc_attr_has(x, "kernel_shape"))
        cim_cc_fail(x, "has no attribute 'kernel_shape'");
    if (!weights)
        return;
    if (weights->rank != w->n + 2) {
        cim_cc_fail(x, "weights have %d dimensions, the input %d", weights->rank, w->n + 2);
        return;
    }
    for (int i = 0; i < w->n; i++) {
        int64_t k = weights->dims[i + 2];
        if (w->kernel[i] != 0 && w->kernel[i] != k)
            cim_cc_fail(x, "attribute 'kernel_shape' says %lld, the weights %lld",
                        (long long)w->kernel[i], (long long)k);
        if (k < 1 || k > SIZE_MAX_1D)
            cim_cc_fail(x, "the kernel has the size %lld, at least 1 is needed", (long long)k);
        w->kernel[i] = k;
    }
}

bool cim_cc_window_of(cim_cc_infer *x, cim_cc_window *w)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    memset(w, 0, sizeof *w);
    w->n = a->rank - 2;
    if (w->n < 1 || w->n > CIM_CC_MAX_SPATIAL) {
        cim_cc_fail(x, "needs an input of 3 to %d dimensions (batch, channels, space), has %d",
                    CIM_CC_MAX_RANK, a->rank);
        return false;
    }
    memcpy(w->in, a->dims + 2, (size_t)w->n * sizeof *w->in);
    kernel_of(x, w);
    spatial_ints(x, "strides", w->n, 1, 1, w->stride);
    spatial_ints(x, "dilations", w->n, 1, 1, w->dilation);
    explicit_pads(x, w);
    w->group = cim_cc_attr_int(x, "group", 1);
    const char *auto_pad = cim_cc_attr_text(x, "auto_pad", "NOTSET");
    bool ceil_mode = cim_cc_attr_int(x, "ceil_mode", 0) != 0;
    if (x->status != CIM_OK)
        return false;
    bool same = !strcmp(auto_pad, "SAME_UPPER") || !strcmp(auto_pad, "SAME_LOWER");
    if (!same && strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0 && *auto_pad)
        cim_cc_fail(x,
                    "attribute 'auto_pad' is '%.40s', NOTSET, VALID, SAME_UPPER or SAME_LOWER "
                    "is needed",
                    auto_pad);
    if (x->node->def->work == CIM_CC_WORK_CONV_TRANSPOSE) {
        transposed_sizes(x, w, auto_pad);
        return x->status == CIM_OK;
    }
    for (int i = 0; i < w->n; i++) {
        if (same)
            same_pads(w, i, !strcmp(auto_pad, "SAME_UPPER"));
        else if (!strcmp(auto_pad, "VALID"))
            w->pad_begin[i] = w->pad_end[i] = 0;
    }
    forward_sizes(x, w, ceil_mode);
    return x->status == CIM_OK;
}

static int out_dtype(const cim_cc_infer *x)
{
    const char *type = x->node->type;
    if (!strcmp(type, "ConvInteger"))
        return CIM_CC_DT_INT32;
    if (!strcmp(type, "QLinearConv"))
        return cim_cc_in(x, 7)->dtype;
    return cim_cc_in(x, 0)->dtype;
}

static void window_out(cim_cc_infer *x, const cim_cc_window *w, int64_t channels)
{
    int64_t dims[CIM_CC_MAX_RANK];
    dims[0] = cim_cc_in(x, 0)->dims[0];
    dims[1] = channels;
    memcpy(dims + 2, w->out, (size_t)w->n * sizeof *dims);
    cim_cc_out(x, 0, out_dtype(x), w->n + 2, dims);
}

static void check_bias(cim_cc_infer *x, int64_t channels)
{
    bool quantised = !strcmp(x->node->type, "QLinearConv");
    const cim_cc_net_tensor *b = NULL;
    if (quantised)
        b = cim_cc_in(x, 8);
    else if (strcmp(x->node->type, "ConvInteger") != 0)
        b = cim_cc_in(x, 2);
    if (b && b->elements != channels)
        cim_cc_fail(x, "the bias has %lld elements, %lld output channels need one each",
                    (long long)b->elements, (long long)channels);
}

void cim_cc_infer_conv(cim_cc_infer *x)
{
    cim_cc_window w;
    if (!cim_cc_window_of(x, &w))
        return;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *k = cim_cc_in(x, weight_index(x->node));
    if (w.group < 1 || k->dims[0] % w.group != 0 || k->dims[1] < 1 || k->dims[0] < 1)
        cim_cc_fail(x, "%lld output channels cannot be split into %lld groups",
                    (long long)k->dims[0], (long long)w.group);
    else if (a->dims[1] % w.group != 0 || a->dims[1] / w.group != k->dims[1])
        cim_cc_fail(x,
                    "the input has %lld channels, the weights expect %lld in each of %lld groups",
                    (long long)a->dims[1], (long long)k->dims[1], (long long)w.group);
    else
        check_bias(x, k->dims[0]);
    window_out(x, &w, k->dims[0]);
}

void cim_cc_infer_conv_transpose(cim_cc_infer *x)
{
    cim_cc_window w;
    if (!cim_cc_window_of(x, &w))
        return;
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *k = cim_cc_in(x, 1);
    int64_t channels = 0;
    if (w.group < 1 || a->dims[1] % w.group != 0 || a->dims[1] != k->dims[0] || k->dims[1] < 1 ||
        !cim_cc_mul(k->dims[1], w.group, &channels))
        cim_cc_fail(x, "the input has %lld channels in %lld groups, the weights expect %lld",
                    (long long)a->dims[1], (long long)w.group, (long long)k->dims[0]);
    else
        check_bias(x, channels);
    window_out(x, &w, channels);
}

void cim_cc_infer_pool(cim_cc_infer *x)
{
    cim_cc_window w;
    if (!cim_cc_window_of(x, &w))
        return;
    window_out(x, &w, cim_cc_in(x, 0)->dims[1]);
    cim_cc_net_tensor *indices = cim_cc_out_at(x, 1);
    if (indices && cim_cc_out_at(x, 0))
        cim_cc_out(x, 1, CIM_CC_DT_INT64, w.n + 2, cim_cc_out_at(x, 0)->dims);
}

void cim_cc_infer_global_pool(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    if (a->rank < 3) {
        cim_cc_fail(x, "needs an input of at least 3 dimensions, has %d", a->rank);
        return;
    }
    memcpy(dims, a->dims, sizeof dims);
    for (int i = 2; i < a->rank; i++)
        dims[i] = 1;
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}

static void roi_out(cim_cc_infer *x, int64_t h, int64_t w)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *rois = cim_cc_in(x, 1);
    if (a->rank != 4 || rois->rank != 2) {
        cim_cc_fail(x, "needs an input of 4 dimensions and a list of regions");
        return;
    }
    int64_t dims[4] = {rois->dims[0], a->dims[1], h, w};
    cim_cc_out(x, 0, a->dtype, 4, dims);
}

void cim_cc_infer_roi_align(cim_cc_infer *x)
{
    roi_out(x, cim_cc_attr_int(x, "output_height", 1), cim_cc_attr_int(x, "output_width", 1));
}

void cim_cc_infer_max_roi_pool(cim_cc_infer *x)
{
    size_t n = 0;
    const int64_t *shape = cim_cc_attr_ints(x, "pooled_shape", &n);
    if (n == 2)
        roi_out(x, shape[0], shape[1]);
    else
        cim_cc_fail(x, "attribute 'pooled_shape' needs two values");
}
