/* Shapes of operators that rename or move data. */
#include "sched/net_ops.h"

#include <string.h>

void cim_cc_infer_reshape(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK], known = 1;
    size_t n = 0;
    const int64_t *shape = cim_cc_in_ints(x, 1, "the new shape", &n);
    bool zero_is_zero = cim_cc_attr_int(x, "allowzero", 0) != 0;
    int free_at = -1;
    if (n > CIM_CC_MAX_RANK)
        cim_cc_fail(x, "gives a tensor of %zu dimensions, at most %d are supported", n,
                    CIM_CC_MAX_RANK);
    for (size_t i = 0; i < n && x->status == CIM_OK; i++) {
        dims[i] = shape[i];
        if (shape[i] == 0 && !zero_is_zero) {
            if ((int)i >= a->rank)
                cim_cc_fail(x, "copies dimension %zu of an input that has only %d", i, a->rank);
            else
                dims[i] = a->dims[i];
        } else if (shape[i] == -1 && free_at < 0) {
            free_at = (int)i;
            continue;
        } else if (shape[i] < 0) {
            cim_cc_fail(x, "the new shape holds %lld (at most one -1 is allowed)",
                        (long long)shape[i]);
        }
        if (x->status == CIM_OK && !cim_cc_mul(known, dims[i], &known))
            cim_cc_fail(x, "the new shape has too many elements");
    }
    if (x->status != CIM_OK)
        return;
    char was[128], now[128];
    if (free_at >= 0)
        dims[free_at] = known > 0 && a->elements % known == 0 ? a->elements / known : 0;
    if (known * (free_at >= 0 ? dims[free_at] : 1) != a->elements)
        cim_cc_fail(x, "%s cannot be reshaped to %s",
                    cim_cc_shape_text(a->rank, a->dims, was, sizeof was),
                    cim_cc_shape_text((int)n, shape, now, sizeof now));
    cim_cc_out(x, 0, a->dtype, (int)n, dims);
}

void cim_cc_infer_flatten(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t axis = cim_cc_attr_int(x, "axis", 1);
    if (axis != a->rank)
        axis = cim_cc_axis(x, axis, a->rank);
    if (x->status != CIM_OK)
        return;
    int64_t dims[2] = {cim_cc_product(a->dims, 0, (int)axis),
                       cim_cc_product(a->dims, (int)axis, a->rank)};
    cim_cc_out(x, 0, a->dtype, 2, dims);
}

void cim_cc_infer_squeeze(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    bool gone[CIM_CC_MAX_RANK] = {false};
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *axes = cim_cc_ints_of(x, "axes", 1, &n);
    bool given = cim_cc_in(x, 1) || cim_cc_attr_has(x, "axes");
    for (int i = 0; i < a->rank && !given; i++)
        gone[i] = a->dims[i] == 1;
    for (size_t i = 0; i < n && x->status == CIM_OK; i++) {
        int axis = cim_cc_axis(x, axes[i], a->rank);
        if (x->status == CIM_OK && a->dims[axis] != 1)
            cim_cc_fail(x, "cannot remove dimension %d, its size is %lld, not 1", axis,
                        (long long)a->dims[axis]);
        else if (x->status == CIM_OK)
            gone[axis] = true;
    }
    int rank = 0;
    for (int i = 0; i < a->rank; i++)
        if (!gone[i])
            dims[rank++] = a->dims[i];
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

void cim_cc_infer_unsqueeze(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    bool fresh[CIM_CC_MAX_RANK] = {false};
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *axes = cim_cc_ints_of(x, "axes", 1, &n);
    if (x->status == CIM_OK && n + (size_t)a->rank > CIM_CC_MAX_RANK) {
        cim_cc_fail(x, "gives a tensor of %zu dimensions, at most %d are supported",
                    n + (size_t)a->rank, CIM_CC_MAX_RANK);
        return;
    }
    int rank = a->rank + (int)n;
    for (size_t i = 0; i < n && x->status == CIM_OK; i++) {
        int axis = cim_cc_axis(x, axes[i], rank);
        if (x->status == CIM_OK && fresh[axis])
            cim_cc_fail(x, "inserts dimension %d twice", axis);
        fresh[axis] = true;
    }
    if (x->status != CIM_OK)
        return;
    for (int i = 0, k = 0; i < rank; i++)
        dims[i] = fresh[i] ? 1 : a->dims[k++];
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

/* perm, or the reversed order when it is not given. @return false: not a permutation */
static bool permutation(cim_cc_infer *x, int rank, int *perm)
{
    bool seen[CIM_CC_MAX_RANK] = {false};
    size_t n = 0;
    const int64_t *given = cim_cc_attr_ints(x, "perm", &n);
    if (x->status == CIM_OK && given && n != (size_t)rank)
        cim_cc_fail(x, "attribute 'perm' has %zu values, the input %d dimensions", n, rank);
    for (int i = 0; i < rank && x->status == CIM_OK; i++) {
        int64_t p = given ? given[i] : rank - 1 - i;
        if (p < 0 || p >= rank || seen[p])
            cim_cc_fail(x, "attribute 'perm' is not an order of the %d dimensions", rank);
        else
            seen[perm[i] = (int)p] = true;
    }
    return x->status == CIM_OK;
}

void cim_cc_infer_transpose(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int perm[CIM_CC_MAX_RANK];
    int64_t dims[CIM_CC_MAX_RANK];
    if (!permutation(x, a->rank, perm))
        return;
    for (int i = 0; i < a->rank; i++)
        dims[i] = a->dims[perm[i]];
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}

void cim_cc_infer_concat(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    char one[128], two[128];
    if (!cim_cc_attr_has(x, "axis"))
        cim_cc_fail(x, "has no attribute 'axis'");
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    if (x->status != CIM_OK)
        return;
    memcpy(dims, a->dims, sizeof dims);
    for (uint32_t i = 1; i < x->node->n_inputs; i++) {
        const cim_cc_net_tensor *b = cim_cc_in(x, i);
        bool fits = b && b->rank == a->rank;
        for (int k = 0; fits && k < a->rank; k++)
            fits = k == axis || b->dims[k] == a->dims[k];
        if (!fits) {
            cim_cc_fail(x, "input %u has the shape %s, input 0 %s; only dimension %d may differ", i,
                        b ? cim_cc_shape_text(b->rank, b->dims, one, sizeof one) : "none",
                        cim_cc_shape_text(a->rank, a->dims, two, sizeof two), axis);
            return;
        }
        if (!cim_cc_add(dims[axis], b->dims[axis], &dims[axis]))
            cim_cc_fail(x, "gives too many elements");
    }
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}

void cim_cc_infer_split(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    const int64_t *sizes = cim_cc_ints_of(x, "split", 1, &n);
    int64_t parts = x->node->n_outputs, left = a->rank ? a->dims[axis] : 0;
    if (x->status != CIM_OK)
        return;
    int64_t each = (left + parts - 1) / parts; /* the last one may be smaller (num_outputs) */
    if (n && n != (size_t)parts) {
        cim_cc_fail(x, "has %zu sizes for %lld outputs", n, (long long)parts);
        return;
    }
    memcpy(dims, a->dims, sizeof dims);
    for (uint32_t k = 0; k < (uint32_t)parts && x->status == CIM_OK; k++) {
        int64_t size = n ? sizes[k] : left < each ? left : each;
        if (size < 0 || size > left) {
            cim_cc_fail(x, "its parts do not add up to the %lld elements of dimension %d",
                        (long long)a->dims[axis], axis);
            return;
        }
        dims[axis] = size;
        left -= size;
        cim_cc_out(x, k, a->dtype, a->rank, dims);
    }
    if (left != 0)
        cim_cc_fail(x, "its parts do not add up to the %lld elements of dimension %d",
                    (long long)a->dims[axis], axis);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* One axis of a Slice, by numpy's rules. */
static void slice_axis(cim_cc_infer *x, cim_cc_slice *s, int axis, int64_t start, int64_t end,
                       int64_t step)
{
    int64_t d = cim_cc_in(x, 0)->dims[axis];
    if (step == 0 || step == INT64_MIN) {
        cim_cc_fail(x, "has the step %lld", (long long)step);
        return;
    }
    start = clamp(start, -d - 1, d + 1); /* far values mean the ends; keeps sums in range */
    end = clamp(end, -d - 1, d + 1);
    if (start < 0)
        start += d;
    if (end < 0)
        end += d;
    if (step > 0) {
        start = clamp(start, 0, d);
        end = clamp(end, 0, d);
        s->count[axis] = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, -1, d - 1);
        end = clamp(end, -1, d - 1);
        s->count[axis] = start > end ? (start - end - 1) / -step + 1 : 0;
    }
    s->start[axis] = start;
    s->step[axis] = step;
}

bool cim_cc_slice_of(cim_cc_infer *x, cim_cc_slice *s)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    size_t n = 0, n_end = 0, n_axes = 0, n_steps = 0;
    bool attrs = x->node->opset < 10;
    for (int i = 0; i < a->rank; i++) {
        s->start[i] = 0;
        s->step[i] = 1;
        s->count[i] = a->dims[i];
    }
    const int64_t *starts =
        attrs ? cim_cc_attr_ints(x, "starts", &n) : cim_cc_in_ints(x, 1, "the start", &n);
    const int64_t *ends =
        attrs ? cim_cc_attr_ints(x, "ends", &n_end) : cim_cc_in_ints(x, 2, "the end", &n_end);
    const int64_t *axes =
        attrs ? cim_cc_attr_ints(x, "axes", &n_axes) : cim_cc_in_ints(x, 3, "the axes", &n_axes);
    const int64_t *steps = attrs ? NULL : cim_cc_in_ints(x, 4, "the steps", &n_steps);
    if (x->status != CIM_OK)
        return false;
    if (!starts || !ends || n != n_end || (axes && n_axes != n) || (steps && n_steps != n) ||
        n > (size_t)a->rank) {
        cim_cc_fail(x, "needs as many ends, axes and steps as starts, at most one per dimension");
        return false;
    }
    for (size_t i = 0; i < n && x->status == CIM_OK; i++) {
        int axis = cim_cc_axis(x, axes ? axes[i] : (int64_t)i, a->rank);
        if (x->status == CIM_OK)
            slice_axis(x, s, axis, starts[i], ends[i], steps ? steps[i] : 1);
    }
    return x->status == CIM_OK;
}

void cim_cc_infer_slice(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_slice s;
    if (cim_cc_slice_of(x, &s))
        cim_cc_out(x, 0, a->dtype, a->rank, s.count);
}

bool cim_cc_pads_of(cim_cc_infer *x, int64_t begin[CIM_CC_MAX_RANK], int64_t end[CIM_CC_MAX_RANK])
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    size_t n = 0, n_axes = 0;
    bool attrs = x->node->opset < 11;
    const int64_t *pads =
        attrs ? cim_cc_attr_ints(x, "pads", &n) : cim_cc_in_ints(x, 1, "the padding", &n);
    const int64_t *axes = attrs ? NULL : cim_cc_in_ints(x, 3, "the axes", &n_axes);
    memset(begin, 0, CIM_CC_MAX_RANK * sizeof *begin);
    memset(end, 0, CIM_CC_MAX_RANK * sizeof *end);
    if (x->status != CIM_OK)
        return false;
    size_t k = axes ? n_axes : (size_t)a->rank;
    if (n != 2 * k || k > (size_t)a->rank) {
        cim_cc_fail(x, "has %zu sizes of padding for %zu dimensions, two each are needed", n, k);
        return false;
    }
    for (size_t i = 0; i < k && x->status == CIM_OK; i++) {
        int axis = cim_cc_axis(x, axes ? axes[i] : (int64_t)i, a->rank);
        int64_t b = pads[i], e = pads[i + k];
        if (b > CIM_CC_MAX_ELEMENTS || e > CIM_CC_MAX_ELEMENTS || b < -CIM_CC_MAX_ELEMENTS ||
            e < -CIM_CC_MAX_ELEMENTS)
            cim_cc_fail(x, "has an impossible padding");
        else if (x->status == CIM_OK)
            begin[axis] = b, end[axis] = e;
    }
    return x->status == CIM_OK;
}

void cim_cc_infer_pad(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t begin[CIM_CC_MAX_RANK], end[CIM_CC_MAX_RANK], dims[CIM_CC_MAX_RANK];
    if (!cim_cc_pads_of(x, begin, end))
        return;
    for (int i = 0; i < a->rank; i++)
        dims[i] = a->dims[i] + begin[i] + end[i];
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}

void cim_cc_infer_gather(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    int64_t dims[2 * CIM_CC_MAX_RANK];
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank), rank = 0;
    if (x->status != CIM_OK)
        return;
    for (int64_t i = 0; ix->ints && i < ix->elements; i++)
        if (ix->ints[i] < -a->dims[axis] || ix->ints[i] >= a->dims[axis]) {
            cim_cc_fail(x, "takes element %lld of dimension %d, which has %lld",
                        (long long)ix->ints[i], axis, (long long)a->dims[axis]);
            return;
        }
    for (int i = 0; i < axis; i++)
        dims[rank++] = a->dims[i];
    for (int i = 0; i < ix->rank; i++)
        dims[rank++] = ix->dims[i];
    for (int i = axis + 1; i < a->rank; i++)
        dims[rank++] = a->dims[i];
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

void cim_cc_infer_gather_elements(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    (void)cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    if (a->rank != ix->rank)
        cim_cc_fail(x, "data have %d dimensions, indices %d", a->rank, ix->rank);
    cim_cc_out(x, 0, a->dtype, ix->rank, ix->dims);
}

void cim_cc_infer_gather_nd(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    int64_t dims[2 * CIM_CC_MAX_RANK], batch = cim_cc_attr_int(x, "batch_dims", 0);
    int rank = 0;
    int64_t last = ix->rank > 0 ? ix->dims[ix->rank - 1] : 0;
    if (ix->rank < 1 || batch < 0 || batch >= ix->rank || last < 1 || batch + last > a->rank) {
        cim_cc_fail(x, "its indices address more dimensions than the data have");
        return;
    }
    for (int i = 0; i < ix->rank - 1; i++)
        dims[rank++] = ix->dims[i];
    for (int i = (int)(batch + last); i < a->rank; i++)
        dims[rank++] = a->dims[i];
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

void cim_cc_infer_scatter(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1), *u = cim_cc_in(x, 2);
    (void)cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    if (a->rank != ix->rank || u->elements != ix->elements)
        cim_cc_fail(x, "data, indices and updates do not match");
    cim_cc_infer_same(x);
}

void cim_cc_infer_scatter_nd(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *ix = cim_cc_in(x, 1);
    int64_t last = ix->rank > 0 ? ix->dims[ix->rank - 1] : -1;
    if (last < 1 || last > a->rank)
        cim_cc_fail(x, "its indices address more dimensions than the data have");
    cim_cc_infer_same(x);
}

void cim_cc_infer_expand(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_net_tensor to = {.rank = 0};
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *shape = cim_cc_in_ints(x, 1, "the new shape", &n);
    if (n > CIM_CC_MAX_RANK)
        cim_cc_fail(x, "gives a tensor of too many dimensions");
    if (x->status != CIM_OK || !shape)
        return;
    to.rank = (int)n;
    memcpy(to.dims, shape, n * sizeof *shape);
    int rank = a->rank;
    memcpy(dims, a->dims, sizeof dims);
    cim_cc_broadcast(x, &rank, dims, &to);
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

void cim_cc_infer_tile(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *repeats = cim_cc_in_ints(x, 1, "the number of repeats", &n);
    if (x->status != CIM_OK)
        return;
    if (n != (size_t)a->rank) {
        cim_cc_fail(x, "has %zu repeats for %d dimensions", n, a->rank);
        return;
    }
    for (int i = 0; i < a->rank; i++)
        if (repeats[i] < 0 || !cim_cc_mul(a->dims[i], repeats[i], &dims[i])) {
            cim_cc_fail(x, "repeats %lld times", (long long)repeats[i]);
            return;
        }
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
}

/* Exchange of channels and space: block^2 channels become block x block positions, or back. */
static void blocks(cim_cc_infer *x, bool to_space)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t b = cim_cc_attr_int(x, "blocksize", 0);
    if (a->rank != 4 || b < 1 || b > 4096) {
        cim_cc_fail(x, "needs an input of 4 dimensions and a positive 'blocksize'");
        return;
    }
    int64_t dims[4] = {a->dims[0], a->dims[1], a->dims[2], a->dims[3]};
    bool fits = to_space ? dims[1] % (b * b) == 0 : dims[2] % b == 0 && dims[3] % b == 0;
    if (!fits)
        cim_cc_fail(x, "its sizes are not multiples of the block size %lld", (long long)b);
    dims[1] = to_space ? dims[1] / (b * b) : dims[1] * b * b;
    dims[2] = to_space ? dims[2] * b : dims[2] / b;
    dims[3] = to_space ? dims[3] * b : dims[3] / b;
    cim_cc_out(x, 0, a->dtype, 4, dims);
}

void cim_cc_infer_depth_to_space(cim_cc_infer *x)
{
    blocks(x, true);
}

void cim_cc_infer_space_to_depth(cim_cc_infer *x)
{
    blocks(x, false);
}
