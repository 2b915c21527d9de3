/* Values of constant tensors: operators that pick, copy and rearrange elements. */
#include "sched/net_ops.h"

#include <string.h>

static bool known(const cim_cc_net_tensor *t)
{
    return t && (t->ints || t->reals);
}

/* Values for output k of the same kind as its source. */
static bool values_like(cim_cc_infer *x, uint32_t k, const cim_cc_net_tensor *source,
                        int64_t **ints, double **reals)
{
    if (!known(source) || !cim_cc_values_new(x, k, ints, reals))
        return false;
    return (*ints != NULL) == (source->ints != NULL);
}

static void put(int64_t *ints, double *reals, int64_t i, const cim_cc_net_tensor *from, int64_t j)
{
    if (ints)
        ints[i] = from->ints[j];
    else
        reals[i] = from->reals[j];
}

static void strides_of(const cim_cc_net_tensor *t, int64_t strides[CIM_CC_MAX_RANK])
{
    int64_t s = 1;
    for (int k = t->rank - 1; k >= 0; k--) {
        strides[k] = s;
        s *= t->dims[k];
    }
}

/* Output element i reads base + sum over axes of its coordinates times `step`. */
static bool fold_affine(cim_cc_infer *x, const cim_cc_net_tensor *a, const int64_t *step,
                        int64_t base)
{
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints;
    double *reals;
    if (!values_like(x, 0, a, &ints, &reals))
        return false;
    for (int64_t i = 0; i < out->elements; i++) {
        int64_t rest = i, j = base;
        for (int k = out->rank - 1; k >= 0; k--) {
            j += rest % out->dims[k] * step[k];
            rest /= out->dims[k];
        }
        put(ints, reals, i, a, j);
    }
    return true;
}

bool cim_cc_fold_copy(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    out->ints = a->ints; /* constants are immutable: the values can be shared */
    out->reals = a->reals;
    return known(a);
}

bool cim_cc_fold_transpose(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t strides[CIM_CC_MAX_RANK], step[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *perm = cim_cc_attr_ints(x, "perm", &n);
    strides_of(a, strides);
    for (int k = 0; k < a->rank; k++)
        step[k] = strides[perm ? perm[k] : a->rank - 1 - k];
    return fold_affine(x, a, step, 0);
}

bool cim_cc_fold_slice(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t strides[CIM_CC_MAX_RANK], step[CIM_CC_MAX_RANK], base = 0;
    cim_cc_slice s;
    if (!cim_cc_slice_of(x, &s))
        return false;
    strides_of(a, strides);
    for (int k = 0; k < a->rank; k++) {
        /* a step that no second element takes may be huge */
        step[k] = s.count[k] > 1 ? strides[k] * s.step[k] : 0;
        base += strides[k] * s.start[k];
    }
    return fold_affine(x, a, step, base);
}

bool cim_cc_fold_expand(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    int64_t strides[CIM_CC_MAX_RANK], step[CIM_CC_MAX_RANK] = {0};
    strides_of(a, strides);
    int shift = out->rank - a->rank;
    for (int k = 0; k < a->rank; k++)
        step[k + shift] = a->dims[k] == 1 ? 0 : strides[k];
    return fold_affine(x, a, step, 0);
}

/* Coordinates of element i of a tensor. */
static void unravel(const cim_cc_net_tensor *t, int64_t i, int64_t *at)
{
    for (int k = t->rank - 1; k >= 0; k--) {
        at[k] = i % t->dims[k];
        i /= t->dims[k];
    }
}

static int64_t ravel(const cim_cc_net_tensor *t, const int64_t *at)
{
    int64_t i = 0;
    for (int k = 0; k < t->rank; k++)
        i = i * t->dims[k] + at[k];
    return i;
}

bool cim_cc_fold_tile(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    int64_t *ints, at[CIM_CC_MAX_RANK];
    double *reals;
    if (!values_like(x, 0, a, &ints, &reals))
        return false;
    for (int64_t i = 0; i < out->elements; i++) {
        unravel(out, i, at);
        for (int k = 0; k < a->rank; k++)
            at[k] %= a->dims[k];
        put(ints, reals, i, a, ravel(a, at));
    }
    return true;
}

bool cim_cc_fold_shape(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    int64_t *ints;
    double *reals;
    if (!cim_cc_values_new(x, 0, &ints, &reals) || !ints)
        return false;
    if (out->rank == 0) { /* Size */
        ints[0] = a->elements;
        return true;
    }
    int64_t first = cim_cc_attr_int(x, "start", 0);
    first = first < 0 ? first + a->rank : first;
    first = first < 0 ? 0 : first;
    for (int64_t i = 0; i < out->elements; i++)
        ints[i] = a->dims[first + i];
    return true;
}

bool cim_cc_fold_fill(cim_cc_infer *x)
{
    const cim_cc_net_attr *a = cim_cc_attr(x->node, "value");
    const cim_cc_net_tensor *v = a ? &x->net->tensors[a->tensor] : NULL;
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints;
    double *reals;
    if ((v && (v->elements != 1 || !known(v))) || !cim_cc_values_new(x, 0, &ints, &reals))
        return false;
    for (int64_t i = 0; v && i < out->elements; i++)
        put(ints, reals, i, v, 0);
    return true;
}

static double number(const cim_cc_net_tensor *t)
{
    return t->reals ? t->reals[0] : (double)t->ints[0];
}

bool cim_cc_fold_range(cim_cc_infer *x)
{
    const cim_cc_net_tensor *from = cim_cc_in(x, 0), *by = cim_cc_in(x, 2);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints;
    double *reals;
    if (!known(from) || !known(by) || !cim_cc_values_new(x, 0, &ints, &reals))
        return false;
    if (ints && (!from->ints || !by->ints))
        return false;
    for (int64_t i = 0; i < out->elements; i++) {
        if (ints)
            ints[i] = (int64_t)((uint64_t)from->ints[0] + (uint64_t)i * (uint64_t)by->ints[0]);
        else
            reals[i] = number(from) + (double)i * number(by);
    }
    return true;
}

bool cim_cc_fold_concat(cim_cc_infer *x)
{
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints, at[CIM_CC_MAX_RANK], offset = 0;
    double *reals;
    for (uint32_t i = 0; i < x->node->n_inputs; i++)
        if (!known(cim_cc_in(x, i)))
            return false;
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), out->rank);
    if (!cim_cc_values_new(x, 0, &ints, &reals))
        return false;
    for (uint32_t i = 0; i < x->node->n_inputs; i++) {
        const cim_cc_net_tensor *a = cim_cc_in(x, i);
        if ((a->ints != NULL) != (ints != NULL))
            return false;
        for (int64_t j = 0; j < a->elements; j++) {
            unravel(a, j, at);
            at[axis] += offset;
            put(ints, reals, ravel(out, at), a, j);
        }
        offset += a->dims[axis];
    }
    return true;
}

bool cim_cc_fold_split(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t at[CIM_CC_MAX_RANK], offset = 0;
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    for (uint32_t k = 0; k < x->node->n_outputs; k++) {
        const cim_cc_net_tensor *out = cim_cc_out_at(x, k);
        int64_t *ints;
        double *reals;
        if (!out || !values_like(x, k, a, &ints, &reals))
            return false;
        for (int64_t i = 0; i < out->elements; i++) {
            unravel(out, i, at);
            at[axis] += offset;
            put(ints, reals, i, a, ravel(a, at));
        }
        offset += out->dims[axis];
    }
    return true;
}

/* An index as ONNX writes it (negative from the end). @return false: out of range */
static bool wrap(int64_t *index, int64_t size)
{
    if (*index < 0)
        *index += size;
    return *index >= 0 && *index < size;
}

bool cim_cc_fold_gather(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    int64_t *ints, inner = cim_cc_product(a->dims, axis + 1, a->rank);
    double *reals;
    if (!ix->ints || !values_like(x, 0, a, &ints, &reals))
        return false;
    for (int64_t i = 0; i < out->elements; i++) {
        int64_t rest = i / inner, k = ix->ints[rest % ix->elements];
        if (!wrap(&k, a->dims[axis]))
            return false;
        put(ints, reals, i, a, (rest / ix->elements * a->dims[axis] + k) * inner + i % inner);
    }
    return true;
}

bool cim_cc_fold_gather_elements(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    int64_t *ints, at[CIM_CC_MAX_RANK];
    double *reals;
    if (!ix->ints || !values_like(x, 0, a, &ints, &reals))
        return false;
    for (int64_t i = 0; i < ix->elements; i++) {
        unravel(ix, i, at);
        at[axis] = ix->ints[i];
        if (!wrap(&at[axis], a->dims[axis]))
            return false;
        for (int k = 0; k < a->rank; k++)
            if (at[k] >= a->dims[k])
                return false;
        put(ints, reals, i, a, ravel(a, at));
    }
    return true;
}

/* Offset of the slice that index tuple `row` addresses in dims[first..). */
static bool tuple_offset(const cim_cc_net_tensor *a, const cim_cc_net_tensor *ix, int64_t row,
                         int64_t inner, int64_t *out)
{
    int64_t width = ix->dims[ix->rank - 1], offset = 0;
    for (int64_t k = 0; k < width; k++) {
        int64_t v = ix->ints[row * width + k];
        if (!wrap(&v, a->dims[k]))
            return false;
        offset = offset * a->dims[k] + v;
    }
    *out = offset * inner;
    return true;
}

bool cim_cc_fold_gather_nd(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints, offset = 0;
    double *reals;
    if (!ix->ints || cim_cc_attr_int(x, "batch_dims", 0) != 0 ||
        !values_like(x, 0, a, &ints, &reals))
        return false;
    int64_t inner = cim_cc_product(a->dims, (int)ix->dims[ix->rank - 1], a->rank);
    for (int64_t i = 0; i < out->elements; i++) {
        if (!tuple_offset(a, ix, i / inner, inner, &offset))
            return false;
        put(ints, reals, i, a, offset + i % inner);
    }
    return true;
}

static bool copy_first(cim_cc_infer *x, int64_t **ints, double **reals)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    if (!values_like(x, 0, a, ints, reals))
        return false;
    for (int64_t i = 0; i < a->elements; i++)
        put(*ints, *reals, i, a, i);
    return true;
}

static bool plain_scatter(cim_cc_infer *x)
{
    return !strcmp(cim_cc_attr_text(x, "reduction", "none"), "none");
}

bool cim_cc_fold_scatter(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1), *u = cim_cc_in(x, 2);
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    int64_t *ints, at[CIM_CC_MAX_RANK];
    double *reals;
    if (!ix->ints || !known(u) || (u->ints != NULL) != (a->ints != NULL) || !plain_scatter(x) ||
        !copy_first(x, &ints, &reals))
        return false;
    for (int64_t i = 0; i < ix->elements; i++) {
        unravel(ix, i, at);
        at[axis] = ix->ints[i];
        if (!wrap(&at[axis], a->dims[axis]))
            return false;
        for (int k = 0; k < a->rank; k++)
            if (at[k] >= a->dims[k])
                return false;
        put(ints, reals, ravel(a, at), u, i);
    }
    return true;
}

bool cim_cc_fold_scatter_nd(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1), *u = cim_cc_in(x, 2);
    int64_t *ints, offset = 0;
    double *reals;
    if (!ix->ints || !known(u) || (u->ints != NULL) != (a->ints != NULL) || !plain_scatter(x))
        return false;
    int64_t width = ix->dims[ix->rank - 1];
    int64_t inner = cim_cc_product(a->dims, (int)width, a->rank), rows = ix->elements / width;
    if (rows > CIM_CC_FOLD_MAX || inner > CIM_CC_FOLD_MAX || rows * inner != u->elements ||
        !copy_first(x, &ints, &reals))
        return false;
    for (int64_t i = 0; i < u->elements; i++) {
        if (!tuple_offset(a, ix, i / inner, inner, &offset))
            return false;
        put(ints, reals, offset + i % inner, u, i);
    }
    return true;
}

bool cim_cc_fold_pad(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *v = cim_cc_in(x, 2);
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t begin[CIM_CC_MAX_RANK], end[CIM_CC_MAX_RANK], *ints, at[CIM_CC_MAX_RANK];
    double *reals;
    if (strcmp(cim_cc_attr_text(x, "mode", "constant"), "constant") != 0 || x->node->opset < 11 ||
        (v && (v->elements != 1 || !known(v) || (v->ints != NULL) != (a->ints != NULL))) ||
        !cim_cc_pads_of(x, begin, end) || !values_like(x, 0, a, &ints, &reals))
        return false;
    for (int64_t i = 0; i < out->elements; i++) {
        bool inside = true;
        unravel(out, i, at);
        for (int k = 0; k < a->rank; k++) {
            at[k] -= begin[k];
            inside = inside && at[k] >= 0 && at[k] < a->dims[k];
        }
        if (inside)
            put(ints, reals, i, a, ravel(a, at));
        else if (v)
            put(ints, reals, i, v, 0);
    }
    return true;
}

bool cim_cc_fold_trilu(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *kt = cim_cc_in(x, 1);
    bool upper = cim_cc_attr_int(x, "upper", 1) != 0;
    int64_t *ints, at[CIM_CC_MAX_RANK];
    double *reals;
    if (a->rank < 2 || (kt && (!kt->ints || kt->elements != 1)) || !copy_first(x, &ints, &reals))
        return false;
    int64_t k = kt ? kt->ints[0] : 0;
    k = k > CIM_CC_FOLD_MAX ? CIM_CC_FOLD_MAX : k < -CIM_CC_FOLD_MAX ? -CIM_CC_FOLD_MAX : k;
    for (int64_t i = 0; i < a->elements; i++) {
        unravel(a, i, at);
        int64_t diagonal = at[a->rank - 1] - at[a->rank - 2];
        if (upper ? diagonal >= k : diagonal <= k)
            continue;
        if (ints)
            ints[i] = 0;
        else
            reals[i] = 0;
    }
    return true;
}

bool cim_cc_fold_cumsum(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *at = cim_cc_in(x, 1);
    int64_t *ints, strides[CIM_CC_MAX_RANK];
    double *reals;
    if (!at->ints || at->elements != 1 || cim_cc_attr_int(x, "exclusive", 0) ||
        cim_cc_attr_int(x, "reverse", 0) || !copy_first(x, &ints, &reals))
        return false;
    int axis = cim_cc_axis(x, at->ints[0], a->rank);
    if (x->status != CIM_OK)
        return false;
    strides_of(a, strides);
    for (int64_t i = 0; i < a->elements; i++) {
        if (i / strides[axis] % a->dims[axis] == 0)
            continue;
        if (ints)
            ints[i] = (int64_t)((uint64_t)ints[i] + (uint64_t)ints[i - strides[axis]]);
        else
            reals[i] += reals[i - strides[axis]];
    }
    return true;
}

bool cim_cc_fold_nonzero(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *out = cim_cc_out_at(x, 0);
    int64_t *ints, at[CIM_CC_MAX_RANK], found = 0;
    double *reals;
    if (!known(a) || !cim_cc_values_new(x, 0, &ints, &reals) || !ints)
        return false;
    for (int64_t i = 0; i < a->elements; i++) {
        if (a->ints ? a->ints[i] == 0 : a->reals[i] == 0)
            continue;
        unravel(a, i, at);
        for (int k = 0; k < a->rank; k++)
            ints[k * out->dims[1] + found] = at[k];
        found++;
    }
    return true;
}
