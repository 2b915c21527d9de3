/* Digital operators that only move data. */
#include "sched/sim_internal.h"

#include <string.h>

static void strides_of(const cim_cc_net_tensor *t, int64_t strides[CIM_CC_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= t->dims[i];
    }
}

static void run_transpose(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *o = cim_cc_out_at(&r->x, 0);
    int64_t own[CIM_CC_MAX_RANK], strides[CIM_CC_MAX_RANK];
    size_t n = 0;
    const int64_t *perm = cim_cc_attr_ints(&r->x, "perm", &n);
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    if (!v || !out)
        return;
    strides_of(a, own);
    for (int i = 0; i < a->rank; i++)
        strides[i] = own[n ? cim_cc_axis(&r->x, perm[i], a->rank) : a->rank - 1 - i];
    cim_cc_sim_strided(out, v, o->rank, o->dims, strides, 0);
}

static void run_expand(cim_cc_run *r)
{
    const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, 0);
    int64_t strides[CIM_CC_MAX_RANK];
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    cim_cc_sim_broadcast_strides(cim_cc_in(&r->x, 0), o->rank, strides);
    if (v && out)
        cim_cc_sim_strided(out, v, o->rank, o->dims, strides, 0);
}

static void run_slice(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *o = cim_cc_out_at(&r->x, 0);
    cim_cc_slice s;
    int64_t strides[CIM_CC_MAX_RANK], offset = 0;
    if (!cim_cc_slice_of(&r->x, &s))
        return;
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    strides_of(a, strides);
    for (int i = 0; i < a->rank; i++) {
        offset += s.start[i] * strides[i];
        strides[i] *= s.step[i];
    }
    if (v && out)
        cim_cc_sim_strided(out, v, o->rank, o->dims, strides, offset);
}

/* Elements of a tensor behind an axis and before it. */
static int64_t behind(const cim_cc_net_tensor *t, int axis)
{
    return cim_cc_product(t->dims, axis + 1, t->rank);
}

static int64_t before(const cim_cc_net_tensor *t, int axis)
{
    return cim_cc_product(t->dims, 0, axis);
}

static void run_concat(cim_cc_run *r)
{
    const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, 0);
    int axis = cim_cc_axis(&r->x, cim_cc_attr_int(&r->x, "axis", 0), o->rank);
    double *out = cim_cc_sim_out(r, 0);
    if (!out)
        return;
    int64_t lines = before(o, axis), line = o->dims[axis] * behind(o, axis), at = 0;
    for (uint32_t k = 0; k < r->x.node->n_inputs; k++) {
        const cim_cc_net_tensor *t = cim_cc_in(&r->x, k);
        if (!t || t->elements == 0)
            continue;
        const double *v = cim_cc_sim_in(r, k);
        int64_t part = t->elements / lines;
        for (int64_t i = 0; v && i < lines; i++)
            memcpy(out + i * line + at, v + i * part, (size_t)part * sizeof *v);
        at += part;
    }
}

static void run_split(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0);
    int axis = cim_cc_axis(&r->x, cim_cc_attr_int(&r->x, "axis", 0), a->rank);
    const double *v = cim_cc_sim_in(r, 0);
    if (!v)
        return;
    int64_t lines = before(a, axis), line = a->dims[axis] * behind(a, axis), at = 0;
    for (uint32_t k = 0; k < r->x.node->n_outputs; k++) {
        const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, k);
        if (!o)
            cim_cc_fail(&r->x, "an omitted output of Split is not simulated");
        double *out = cim_cc_sim_out(r, k);
        if (!out)
            return;
        int64_t part = o->elements / (lines > 0 ? lines : 1);
        for (int64_t i = 0; i < lines; i++)
            memcpy(out + i * part, v + i * line + at, (size_t)part * sizeof *v);
        at += part;
    }
}

static void run_gather(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *index = cim_cc_in(&r->x, 1);
    int axis = cim_cc_axis(&r->x, cim_cc_attr_int(&r->x, "axis", 0), a->rank);
    const double *v = cim_cc_sim_in(r, 0), *which = cim_cc_sim_in(r, 1);
    double *out = cim_cc_sim_out(r, 0);
    if (!v || !which || !out)
        return;
    int64_t lines = before(a, axis), piece = behind(a, axis), size = a->dims[axis];
    for (int64_t i = 0; i < lines; i++)
        for (int64_t k = 0; k < index->elements; k++) {
            int64_t at = (int64_t)which[k];
            if (at < -size || at >= size) {
                cim_cc_fail(&r->x, "index %lld is outside 0..%lld", (long long)at,
                            (long long)size - 1);
                return;
            }
            at = at < 0 ? at + size : at;
            memcpy(out + (i * index->elements + k) * piece, v + (i * size + at) * piece,
                   (size_t)piece * sizeof *v);
        }
}

/* ---- Pad ------------------------------------------------------------------------------------------ */

/* Where an element of the padded axis comes from; -1: the constant. */
static int64_t pad_source(int64_t i, int64_t size, const char *mode)
{
    if (i >= 0 && i < size)
        return i;
    if (!strcmp(mode, "edge"))
        return i < 0 ? 0 : size - 1;
    if (strcmp(mode, "reflect") != 0)
        return -1;
    int64_t period = size > 1 ? 2 * (size - 1) : 1;
    i = ((i % period) + period) % period;
    return i < size ? i : period - i;
}

static void run_pad(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *o = cim_cc_out_at(&r->x, 0);
    const char *mode = cim_cc_attr_text(&r->x, "mode", "constant");
    int64_t begin[CIM_CC_MAX_RANK], end[CIM_CC_MAX_RANK], strides[CIM_CC_MAX_RANK];
    int64_t *from[CIM_CC_MAX_RANK];
    if (!cim_cc_pads_of(&r->x, begin, end))
        return;
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "edge") != 0 && strcmp(mode, "reflect") != 0)
        cim_cc_fail(&r->x, "mode '%.20s' is not simulated (constant, edge and reflect are)", mode);
    bool old = r->x.node->opset < 11;
    double fill = old ? cim_cc_attr_float(&r->x, "value", 0) : 0;
    const double *v = cim_cc_sim_in(r, 0), *value = old ? NULL : cim_cc_sim_in(r, 2);
    double *out = cim_cc_sim_out(r, 0);
    fill = value ? value[0] : fill;
    for (int d = 0; d < a->rank; d++) {
        from[d] = cim_cc_sim_scratch(r, o->dims[d], sizeof **from);
        for (int64_t i = 0; from[d] && i < o->dims[d]; i++)
            from[d][i] = pad_source(i - begin[d], a->dims[d], mode);
    }
    if (!v || !out || r->x.status != CIM_OK)
        return;
    strides_of(a, strides);
    for (int64_t i = 0; i < o->elements; i++) {
        int64_t rest = i, place = 0;
        for (int d = a->rank - 1; d >= 0 && place >= 0; d--) {
            int64_t at = from[d][rest % o->dims[d]];
            rest /= o->dims[d];
            place = at < 0 ? -1 : place + at * strides[d];
        }
        out[i] = place < 0 ? fill : v[place];
    }
}

/* One value, of the attribute's tensor or 0, everywhere. */
static void run_fill(cim_cc_run *r)
{
    const cim_cc_net_attr *a = cim_cc_attr(r->x.node, "value");
    double v = 0, *out = cim_cc_sim_out(r, 0);
    if (a && a->kind == CIM_CC_ATTR_TENSOR && out) {
        const cim_cc_net_tensor *t = &r->net->tensors[a->tensor];
        if (t->elements != 1)
            cim_cc_fail(&r->x, "its value is not one number");
        else
            r->x.status = cim_cc_sim_stored(r->model, t, &v, r->err);
    }
    for (int64_t n = cim_cc_out_at(&r->x, 0)->elements; out && n-- > 0;)
        out[n] = v;
}

cim_cc_sim_fn cim_cc_sim_move_find(const char *type)
{
    static const struct {
        const char *type;
        cim_cc_sim_fn f;
    } rows[] = {{"Transpose", run_transpose},
                {"Expand", run_expand},
                {"Slice", run_slice},
                {"Concat", run_concat},
                {"Split", run_split},
                {"Gather", run_gather},
                {"Pad", run_pad},
                {"ConstantOfShape", run_fill}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].type, type))
            return rows[i].f;
    return NULL;
}
