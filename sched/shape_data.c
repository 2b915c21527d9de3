/* Shapes of operators that make tensors out of shapes and constants, and Resize. */
#include "sched/net_ops.h"

#include <math.h>
#include <string.h>

void cim_cc_infer_shape(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t first = cim_cc_attr_int(x, "start", 0), last = cim_cc_attr_int(x, "end", a->rank);
    first = first < 0 ? first + a->rank : first;
    last = last < 0 ? last + a->rank : last;
    first = first < 0 ? 0 : first > a->rank ? a->rank : first;
    last = last < first ? first : last > a->rank ? a->rank : last;
    int64_t n = last - first;
    cim_cc_out(x, 0, CIM_CC_DT_INT64, 1, &n);
}

void cim_cc_infer_size(cim_cc_infer *x)
{
    int64_t none = 0;
    cim_cc_out(x, 0, CIM_CC_DT_INT64, 0, &none);
}

static void constant_list(cim_cc_infer *x, const cim_cc_net_attr *a)
{
    cim_cc_net_tensor *t = cim_cc_out_at(x, 0);
    bool real = a->kind == CIM_CC_ATTR_FLOAT || a->kind == CIM_CC_ATTR_FLOATS;
    bool scalar = a->kind == CIM_CC_ATTR_FLOAT || a->kind == CIM_CC_ATTR_INT;
    int64_t n = scalar ? 1 : (int64_t)a->n, *ints;
    double *reals;
    cim_cc_out(x, 0, real ? CIM_CC_DT_FLOAT : CIM_CC_DT_INT64, scalar ? 0 : 1, &n);
    if (!t || !cim_cc_values_new(x, 0, &ints, &reals))
        return;
    for (int64_t i = 0; i < n; i++) {
        if (real)
            reals[i] = scalar ? a->f : a->floats[i];
        else
            ints[i] = scalar ? a->i : a->ints[i];
    }
}

void cim_cc_infer_constant(cim_cc_infer *x)
{
    const cim_cc_net_attr *a = NULL;
    cim_cc_net_tensor *t = cim_cc_out_at(x, 0);
    for (uint32_t i = 0; i < x->node->n_attrs && !a; i++)
        if (!strncmp(x->node->attrs[i].name, "value", 5))
            a = &x->node->attrs[i];
    if (!a || !t) {
        cim_cc_fail(x, "has no value (attributes 'value', 'value_int', ...)");
    } else if (a->kind == CIM_CC_ATTR_TENSOR) {
        const cim_cc_net_tensor *v = &x->net->tensors[a->tensor];
        cim_cc_out(x, 0, v->dtype, v->rank, v->dims);
        t->ints = v->ints;
        t->reals = v->reals;
        t->data = v->data;
    } else if (a->kind == CIM_CC_ATTR_FLOAT || a->kind == CIM_CC_ATTR_INT ||
               a->kind == CIM_CC_ATTR_FLOATS || a->kind == CIM_CC_ATTR_INTS) {
        constant_list(x, a);
    } else if (a->kind == CIM_CC_ATTR_STRING || a->kind == CIM_CC_ATTR_STRINGS) {
        int64_t n = 1; /* never used by what can be lowered */
        cim_cc_out(x, 0, CIM_CC_DT_STRING, a->kind == CIM_CC_ATTR_STRING ? 0 : 1, &n);
    } else {
        cim_cc_fail(x, "attribute '%.40s' is of a kind that is not supported", a->name);
    }
    if (t)
        t->initializer = true;
}

void cim_cc_infer_constant_of_shape(cim_cc_infer *x)
{
    size_t n = 0;
    const int64_t *dims = cim_cc_in_ints(x, 0, "the shape", &n);
    const cim_cc_net_attr *a = cim_cc_attr(x->node, "value");
    int dtype = CIM_CC_DT_FLOAT;
    if (a && a->kind == CIM_CC_ATTR_TENSOR)
        dtype = x->net->tensors[a->tensor].dtype;
    else if (a)
        cim_cc_fail(x, "attribute 'value' is not a tensor");
    if (n > CIM_CC_MAX_RANK)
        cim_cc_fail(x, "gives a tensor of too many dimensions");
    if (x->status == CIM_OK)
        cim_cc_out(x, 0, dtype, (int)n, dims);
}

void cim_cc_infer_range(cim_cc_infer *x)
{
    double v[3];
    for (uint32_t i = 0; i < 3; i++) {
        const cim_cc_net_tensor *t = cim_cc_in(x, i);
        if (t->elements != 1 || (!t->ints && !t->reals)) {
            cim_cc_fail(x,
                        "input %u is not a known number; only networks whose shapes do not "
                        "depend on data are supported",
                        i);
            return;
        }
        v[i] = t->ints ? (double)t->ints[0] : t->reals[0];
    }
    double n = ceil((v[1] - v[0]) / v[2]);
    if (!(fabs(n) <= (double)CIM_CC_MAX_ELEMENTS)) {
        cim_cc_fail(x, "from %g to %g by %g has no end", v[0], v[1], v[2]);
        return;
    }
    int64_t count = n < 0 ? 0 : (int64_t)n;
    cim_cc_out(x, 0, cim_cc_in(x, 0)->dtype, 1, &count);
}

void cim_cc_infer_eye_like(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dtype = cim_cc_attr_int(x, "dtype", a->dtype);
    if (a->rank != 2)
        cim_cc_fail(x, "needs a matrix");
    if (dtype < 1 || dtype > CIM_CC_DT_BFLOAT16)
        cim_cc_fail(x, "attribute 'dtype' is %lld", (long long)dtype);
    cim_cc_out(x, 0, (int)dtype, a->rank, a->dims);
}

void cim_cc_infer_nonzero(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[2] = {a->rank ? a->rank : 1, 0};
    if (!a->ints && !a->reals) {
        cim_cc_fail(x, "gives as many results as its data say; only networks whose shapes do not "
                       "depend on data are supported");
        return;
    }
    for (int64_t i = 0; i < a->elements; i++)
        dims[1] += a->ints ? a->ints[i] != 0 : a->reals[i] != 0;
    cim_cc_out(x, 0, CIM_CC_DT_INT64, 2, dims);
}

void cim_cc_infer_compress(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK], taken = 0;
    size_t n = 0;
    const int64_t *keep = cim_cc_in_ints(x, 1, "the condition", &n);
    bool flat = !cim_cc_attr_has(x, "axis");
    int axis = flat ? 0 : cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    if (x->status != CIM_OK)
        return;
    int64_t room = flat ? a->elements : a->dims[axis];
    for (int64_t i = 0; i < (int64_t)n && i < room; i++)
        taken += keep[i] != 0;
    memcpy(dims, a->dims, sizeof dims);
    dims[axis] = taken;
    cim_cc_out(x, 0, a->dtype, flat ? 1 : a->rank, dims);
}

/* ---- Resize and Upsample --------------------------------------------------------------------------- */

/* Known reals (or the integers some exporters store) of input i; false when absent or empty. */
static bool scales_of(cim_cc_infer *x, uint32_t i, int count, double *out)
{
    const cim_cc_net_tensor *t = cim_cc_in(x, i);
    if (!t || t->elements == 0)
        return false;
    if (!t->reals && !t->ints) {
        cim_cc_fail(x,
                    "its scales ('%.80s') are not known; only networks whose shapes do not depend "
                    "on data are supported",
                    t->name);
        return false;
    }
    if (t->elements != count) {
        cim_cc_fail(x, "has %lld scales for %d dimensions", (long long)t->elements, count);
        return false;
    }
    for (int k = 0; k < count; k++)
        out[k] = t->reals ? t->reals[k] : (double)t->ints[k];
    return true;
}

static void scaled(cim_cc_infer *x, int n, const int *axes, const double *scale, int64_t *dims)
{
    for (int i = 0; i < n && x->status == CIM_OK; i++) {
        double size = floor((double)dims[axes[i]] * scale[i]);
        if (!(size >= 1 && size <= (double)CIM_CC_MAX_ELEMENTS))
            cim_cc_fail(x, "scales dimension %d, of %lld, by %g", axes[i], (long long)dims[axes[i]],
                        scale[i]);
        else
            dims[axes[i]] = (int64_t)size;
    }
}

/* Operator set 18: keep the aspect ratio instead of meeting every size. */
static void keep_aspect(cim_cc_infer *x, int n, const int *axes, const int64_t *sizes,
                        const char *policy, int64_t *dims)
{
    double best = 0;
    bool larger = !strcmp(policy, "not_smaller");
    for (int i = 0; i < n; i++) {
        double s = (double)sizes[i] / (double)dims[axes[i]];
        if (i == 0 || (larger ? s > best : s < best))
            best = s;
    }
    for (int i = 0; i < n; i++) {
        double size = round((double)dims[axes[i]] * best);
        if (!(size >= 1 && size <= (double)CIM_CC_MAX_ELEMENTS))
            cim_cc_fail(x, "gives an impossible size");
        else
            dims[axes[i]] = (int64_t)size;
    }
}

void cim_cc_infer_resize(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    double scale[CIM_CC_MAX_RANK];
    int axes[CIM_CC_MAX_RANK], n = a->rank;
    bool upsample = !strcmp(x->node->type, "Upsample");
    uint32_t scales_at = upsample || x->node->opset < 11 ? 1 : 2;
    size_t n_axes = 0, n_sizes = 0;
    const int64_t *given = cim_cc_attr_ints(x, "axes", &n_axes);
    memcpy(dims, a->dims, sizeof dims);
    for (int i = 0; i < n; i++)
        axes[i] = i;
    if (given && n_axes <= (size_t)n) {
        n = (int)n_axes;
        for (int i = 0; i < n; i++)
            axes[i] = cim_cc_axis(x, given[i], a->rank);
    }
    if (x->status != CIM_OK)
        return;
    const cim_cc_net_attr *attr = upsample ? cim_cc_attr(x->node, "scales") : NULL;
    if (attr && attr->kind == CIM_CC_ATTR_FLOATS && attr->n == (size_t)n) {
        scaled(x, n, axes, attr->floats, dims);
    } else if (scales_of(x, scales_at, n, scale)) {
        scaled(x, n, axes, scale, dims);
    } else {
        const int64_t *sizes = cim_cc_in_ints(x, 3, "the new size", &n_sizes);
        const char *policy = cim_cc_attr_text(x, "keep_aspect_ratio_policy", "stretch");
        if (x->status == CIM_OK && (!sizes || n_sizes != (size_t)n))
            cim_cc_fail(x, "has neither scales nor sizes for its %d dimensions", n);
        for (int i = 0; i < n && x->status == CIM_OK; i++)
            if (sizes[i] < 1 || a->dims[axes[i]] < 1)
                cim_cc_fail(x, "gives the impossible size %lld", (long long)sizes[i]);
        if (x->status == CIM_OK && strcmp(policy, "stretch") != 0)
            keep_aspect(x, n, axes, sizes, policy, dims);
        else
            for (int i = 0; i < n && x->status == CIM_OK; i++)
                dims[axes[i]] = sizes[i];
    }
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}
