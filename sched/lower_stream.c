/* How data stream between operators.
 *
 * A tensor arrives in slices along one of its dimensions (cim_cc_arrival). Which slices of an input
 * a slice of the output needs follows from the operator: every activation input has a link from its
 * streaming dimension to a dimension of the output, one to one or affine, or none (all of it is
 * needed first). A transposition only renames the dimension: it does not end the stream. A reshape
 * keeps it when the dimension is the slowest of those it is merged with or split from. */
#include "sched/lower.h"

#include <string.h>

typedef struct link {
    int to;     /* dimension of the output; -1: none */
    bool full;  /* the output streams along `to`, but needs all of the input */
    bool point; /* no dimension, but only input slices up to `offset` are needed */
    int64_t num, den, offset;
    int64_t span; /* slices read, up to the last needed one; 0: all up to it */
} link;

typedef struct flow {
    cim_cc_lowering *l;
    cim_cc_infer *x;
    const cim_cc_net_tensor *in, *out;
    uint32_t slot, tensor;
    cim_cc_arrival from;
} flow;

static const link NO_LINK = {.to = -1, .full = true, .num = 1, .den = 1};

static link one_to_one(int to)
{
    return (link){.to = to, .num = 1, .den = 1, .span = 1};
}

static link ratio(int to, int64_t num, int64_t den)
{
    int64_t a = num, b = den; /* greatest common divisor by Euclid */
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a > 0 ? (link){.to = to, .num = num / a, .den = den / a} : one_to_one(to);
}

/* Size of a dimension per image. */
static int64_t per_image(const cim_cc_lowering *l, const cim_cc_net_tensor *t, int batch, int dim)
{
    return dim == batch ? t->dims[dim] / l->images : t->dims[dim];
}

int64_t cim_cc_arrival_rows(const cim_cc_lowering *l, uint32_t tensor)
{
    const cim_cc_arrival *a = &l->arrival[tensor];
    const cim_cc_net_tensor *t = &l->net->tensors[tensor];
    int64_t rows = a->axis < 0 ? 1 : per_image(l, t, a->batch, a->axis);
    return rows < 1 ? 1 : rows;
}

/* ---- links by kind of operator ---------------------------------------------------------------------- */

static link link_element(const flow *f, int dim)
{
    int to = dim + f->out->rank - f->in->rank;
    return to >= 0 && f->in->dims[dim] == f->out->dims[to] ? one_to_one(to) : NO_LINK;
}

/* The spatial dimension a window operator streams along: rows; columns when there is one row. */
static int window_axis(const cim_cc_window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->in[i] > 1 || w->out[i] > 1)
            return i + 2;
    return 2;
}

/* The only dimension besides the one it streams along that a window moves over. */
static int window_column(const cim_cc_window *w)
{
    int axis = window_axis(w), column = -1;
    for (int i = 0; i < w->n; i++) {
        if (i + 2 == axis || (w->in[i] <= 1 && w->out[i] <= 1))
            continue;
        if (column >= 0)
            return -1;
        column = i + 2;
    }
    return column;
}

/* What a window at a position along a spatial dimension needs of that dimension. */
static link window_link(const cim_cc_window *w, bool transpose, int dim)
{
    int i = dim - 2;
    link l = {.to = dim, .num = 1, .den = 1};
    if (transpose) {
        l.den = w->stride[i];
        l.offset = w->pad_begin[i] > 0 ? (w->pad_begin[i] + l.den - 1) / l.den : 0;
    } else {
        l.num = w->stride[i];
        l.offset = (w->kernel[i] - 1) * w->dilation[i] + 1 - w->pad_begin[i] - w->stride[i];
        l.span = (w->kernel[i] - 1) * w->dilation[i] + 1;
    }
    return l;
}

static link link_window(const flow *f, int dim)
{
    cim_cc_window w;
    if (dim < 2)
        return dim == 0 && f->slot == 0 ? one_to_one(0) : NO_LINK;
    if (f->slot > 0) /* a fused addition */
        return f->in->rank == f->out->rank ? link_element(f, dim) : NO_LINK;
    if (!cim_cc_window_of(f->x, &w))
        return NO_LINK;
    int axis = window_axis(&w);
    link l = window_link(&w, f->x->node->def->flow == CIM_CC_FLOW_WINDOW_TRANSPOSE, axis);
    l.full = dim != axis;
    return l;
}

static link link_gemm(const flow *f, int dim)
{
    int transposed = cim_cc_attr_int(f->x, f->slot == 0 ? "transA" : "transB", 0) != 0;
    if (f->slot == 0)
        return dim == transposed ? one_to_one(0) : NO_LINK;
    if (f->slot == 1)
        return dim == 1 - transposed ? one_to_one(1) : NO_LINK;
    return link_element(f, dim);
}

static link link_matmul(const flow *f, int dim)
{
    uint32_t second = !strncmp(f->x->node->type, "QLinear", 7) ? 3 : 1;
    const cim_cc_net_tensor *a = cim_cc_in(f->x, 0), *b = cim_cc_in(f->x, second);
    int rank = f->in->rank, to;
    if (f->slot == 0) {
        if (dim == rank - 1)
            return NO_LINK;
        to = dim + f->out->rank - (b->rank > 1 ? rank : rank - 1);
    } else {
        if (rank == 1 || dim == rank - 2)
            return NO_LINK;
        to = dim == rank - 1 ? f->out->rank - 1
                             : dim + f->out->rank - (a->rank > 1 ? rank : rank - 1);
    }
    return to >= 0 && to < f->out->rank && f->in->dims[dim] == f->out->dims[to] ? one_to_one(to)
                                                                                : NO_LINK;
}

static link link_einsum(const flow *f, int dim)
{
    cim_cc_einsum e;
    if (!cim_cc_einsum_of(f->x, &e) || f->slot > 1)
        return NO_LINK;
    for (int k = 0; k < e.out_rank; k++)
        if (e.out_label[k] == e.label[f->slot][dim] && f->in->dims[dim] == f->out->dims[k])
            return one_to_one(k);
    return NO_LINK;
}

/* The groups of dimensions that a reshape maps onto each other: the smallest ones of equal size. */
typedef struct group {
    int in0, in1, out0, out1;
} group;

static bool group_with(const cim_cc_net_tensor *in, const cim_cc_net_tensor *out, int dim, group *g)
{
    int i = 0, o = 0;
    while (i < in->rank || o < out->rank) {
        int64_t p = 1, q = 1;
        g->in0 = i;
        g->out0 = o;
        do { /* at least one dimension, then the smaller side grows */
            if ((p <= q && i < in->rank) || o >= out->rank) {
                if (i >= in->rank)
                    return false;
                p *= in->dims[i++];
            } else {
                q *= out->dims[o++];
            }
        } while (p != q);
        g->in1 = i;
        g->out1 = o;
        if (dim >= g->in0 && dim < g->in1)
            return true;
    }
    return false;
}

/* Ones carry no order: the first dimension of more than one element, from `from` on. */
static int first_real(const cim_cc_net_tensor *t, int from, int end)
{
    while (from < end && t->dims[from] == 1)
        from++;
    return from;
}

/* Where the images go. They stay apart when they are slowest in their group; slices-then-images
 * may be merged into one dimension (torch's attention works on [length, batch * heads, size]) and
 * split again. */
static int reshape_batch(const flow *f, bool *minor)
{
    group g;
    int b = f->from.batch, a = f->from.axis;
    int64_t images = f->l->images;
    *minor = false;
    if (b < 0 || !group_with(f->in, f->out, b, &g))
        return -1;
    int first = first_real(f->in, g.in0, g.in1), o = first_real(f->out, g.out0, g.out1);
    if (o >= g.out1)
        return -1;
    int64_t merged = first < g.in1 ? f->in->dims[first] : 1;
    if (f->from.minor) {
        int next = first_real(f->out, o + 1, g.out1);
        *minor = f->out->dims[o] == merged;
        if (*minor && first == b)
            return o;
        bool split = first == b && f->out->dims[o] == merged / images && next < g.out1;
        return split && f->out->dims[next] % images == 0 ? next : -1;
    }
    if (first == b)
        return f->out->dims[o] % images == 0 ? o : -1;
    *minor =
        first == a && first_real(f->in, a + 1, g.in1) == b && f->out->dims[o] == merged * images;
    return *minor ? o : -1;
}

static link link_reshape(const flow *f, int dim)
{
    group g;
    bool minor;
    int batch = f->from.batch, to_batch = reshape_batch(f, &minor);
    if (f->l->images > 1 && dim == batch && f->in->dims[dim] == f->l->images)
        return to_batch >= 0 ? one_to_one(to_batch) : NO_LINK;
    if (!group_with(f->in, f->out, dim, &g))
        return NO_LINK;
    for (int i = g.in0; i < dim; i++)
        if (per_image(f->l, f->in, batch, i) != 1)
            return NO_LINK; /* something slower is merged with it */
    if (batch >= g.in0 && batch < g.in1 && to_batch < 0)
        return NO_LINK;
    for (int o = g.out0; o < g.out1; o++) {
        int64_t rows = per_image(f->l, f->out, to_batch, o);
        if (rows > 1)
            return ratio(o, per_image(f->l, f->in, batch, dim), rows);
    }
    return NO_LINK;
}

static link link_transpose(const flow *f, int dim)
{
    size_t n = 0;
    const int64_t *perm = cim_cc_attr_ints(f->x, "perm", &n);
    for (int k = 0; k < f->out->rank; k++)
        if ((perm ? perm[k] : f->out->rank - 1 - k) == dim)
            return one_to_one(k);
    return NO_LINK;
}

static link link_concat(const flow *f, int dim)
{
    int axis = cim_cc_axis(f->x, cim_cc_attr_int(f->x, "axis", 0), f->out->rank);
    link l = one_to_one(dim);
    for (uint32_t i = 0; dim == axis && i < f->slot; i++)
        l.offset -= cim_cc_in(f->x, i)->dims[axis];
    return l;
}

static link link_slice(const flow *f, int dim)
{
    cim_cc_slice s;
    if (!cim_cc_slice_of(f->x, &s))
        return NO_LINK;
    link l = one_to_one(dim);
    l.full = s.step[dim] < 0;
    if (!l.full && s.count[dim] > 1)
        l.num = s.step[dim];
    l.offset = s.start[dim] + 1 - l.num;
    return l;
}

static link link_pad(const flow *f, int dim)
{
    int64_t begin[CIM_CC_MAX_RANK], end[CIM_CC_MAX_RANK];
    if (!cim_cc_pads_of(f->x, begin, end))
        return NO_LINK;
    link l = one_to_one(dim);
    /* reflected rows at the top come from as many rows below */
    bool constant = !strcmp(cim_cc_attr_text(f->x, "mode", "constant"), "constant");
    l.offset = constant || begin[dim] < 0 ? -begin[dim] : begin[dim];
    l.span = constant ? 1 : 0;
    return l;
}

static link link_gather(const flow *f, int dim)
{
    const cim_cc_net_tensor *data = cim_cc_in(f->x, 0), *ix = cim_cc_in(f->x, 1);
    int axis = cim_cc_axis(f->x, cim_cc_attr_int(f->x, "axis", 0), data->rank);
    if (f->slot == 1) /* an embedding: the indices stream */
        return one_to_one(axis + dim);
    if (dim != axis)
        return one_to_one(dim < axis ? dim : dim + ix->rank - 1);
    if (ix->ints && ix->elements == 1) { /* one slice, such as the class token */
        int64_t at = ix->ints[0] < 0 ? ix->ints[0] + data->dims[axis] : ix->ints[0];
        return (link){.to = -1, .point = true, .num = 0, .den = 1, .offset = at + 1};
    }
    return NO_LINK;
}

static link link_reduce(const flow *f, int dim)
{
    bool reduced[CIM_CC_MAX_RANK] = {false};
    const cim_cc_net_node *node = f->x->node;
    bool keep = true;
    if (node->def->work == CIM_CC_WORK_GLOBAL_POOL) {
        for (int i = 2; i < f->in->rank; i++)
            reduced[i] = true;
    } else {
        keep = cim_cc_attr_int(f->x, "keepdims", 1) != 0;
        if (node->def->infer == cim_cc_infer_arg)
            reduced[cim_cc_axis(f->x, cim_cc_attr_int(f->x, "axis", 0), f->in->rank)] = true;
        else
            (void)cim_cc_reduced_axes(f->x, reduced);
    }
    if (reduced[dim])
        return NO_LINK;
    int to = 0;
    for (int i = 0; i < dim; i++)
        to += keep || !reduced[i];
    return one_to_one(to);
}

/* Whether the operator looks along this dimension (softmax over it, ...). */
static bool along(const flow *f, int dim)
{
    const cim_cc_net_node *node = f->x->node;
    const char *type = node->type;
    if (!strcmp(type, "InstanceNormalization"))
        return dim >= 2;
    if (!strcmp(type, "GroupNormalization") || !strcmp(type, "MeanVarianceNormalization"))
        return dim >= 1;
    const cim_cc_net_tensor *where = cim_cc_in(f->x, 1);
    int64_t axis = cim_cc_attr_int(f->x, "axis", -1);
    bool tail = false; /* everything from the axis on */
    if (!strcmp(type, "CumSum"))
        axis = where && where->ints ? where->ints[0] : dim;
    else if (node->def->work == CIM_CC_WORK_SOFTMAX && node->opset < 13)
        axis = cim_cc_attr_int(f->x, "axis", 1), tail = true;
    else if (!strcmp(type, "LayerNormalization"))
        tail = true;
    axis = axis < 0 ? axis + f->in->rank : axis;
    return tail ? dim >= axis : dim == axis;
}

static link link_axis(const flow *f, int dim)
{
    link l = one_to_one(dim);
    l.full = along(f, dim);
    return f->in->rank == f->out->rank ? l : NO_LINK;
}

static link link_scale(const flow *f, int dim)
{
    const char *type = f->x->node->type;
    link l = ratio(dim, f->in->dims[dim], f->out->dims[dim]);
    if (dim == 1 && strstr(type, "Space"))
        return NO_LINK;
    if (!strcmp(type, "Tile"))
        l.full = l.num != l.den;
    else if (!strstr(type, "Space") && l.num != l.den)
        l.offset = !strcmp(cim_cc_attr_text(f->x, "mode", "nearest"), "nearest") ? 0
                   : !strcmp(cim_cc_attr_text(f->x, "mode", "nearest"), "cubic") ? 2
                                                                                 : 1;
    return l;
}

/* Inputs behind the first are data only in some operators; elsewhere (a Resize's scales, a Pad's
 * value) they are settings that happen to be computed, needed in full. */
static bool is_data(const flow *f)
{
    switch (f->x->node->def->flow) {
    case CIM_CC_FLOW_ELEMENT:
    case CIM_CC_FLOW_WINDOW:
    case CIM_CC_FLOW_PRODUCT:
    case CIM_CC_FLOW_EINSUM:
    case CIM_CC_FLOW_CONCAT:
    case CIM_CC_FLOW_GATHER:
        return true;
    case CIM_CC_FLOW_AXIS: /* SkipLayerNormalization adds its second input */
        return f->slot == 0 || (f->slot == 1 && f->x->node->def->microsoft);
    default:
        return f->slot == 0;
    }
}

static link link_of(const flow *f, int dim)
{
    if (!is_data(f))
        return NO_LINK;
    switch (f->x->node->def->flow) {
    case CIM_CC_FLOW_ELEMENT:
        return link_element(f, dim);
    case CIM_CC_FLOW_WINDOW:
    case CIM_CC_FLOW_WINDOW_TRANSPOSE:
        return link_window(f, dim);
    case CIM_CC_FLOW_PRODUCT:
        return f->x->node->def->work == CIM_CC_WORK_GEMM ? link_gemm(f, dim) : link_matmul(f, dim);
    case CIM_CC_FLOW_EINSUM:
        return link_einsum(f, dim);
    case CIM_CC_FLOW_RESHAPE:
        return link_reshape(f, dim);
    case CIM_CC_FLOW_TRANSPOSE:
        return link_transpose(f, dim);
    case CIM_CC_FLOW_CONCAT:
        return link_concat(f, dim);
    case CIM_CC_FLOW_SPLIT:
        return one_to_one(dim);
    case CIM_CC_FLOW_SLICE:
        return link_slice(f, dim);
    case CIM_CC_FLOW_PAD:
        return link_pad(f, dim);
    case CIM_CC_FLOW_GATHER:
        return link_gather(f, dim);
    case CIM_CC_FLOW_REDUCE:
        return link_reduce(f, dim);
    case CIM_CC_FLOW_AXIS:
        return link_axis(f, dim);
    case CIM_CC_FLOW_SCALE:
        return link_scale(f, dim);
    case CIM_CC_FLOW_SCATTER:
        return one_to_one(dim);
    case CIM_CC_FLOW_FULL:
        break;
    }
    return NO_LINK;
}

/* ---- putting a node together --------------------------------------------------------------------------- */

static bool flow_begin(cim_cc_lowering *l, cim_cc_infer *x, uint32_t slot, flow *f)
{
    const cim_cc_net_tensor *t = cim_cc_activation(x, slot);
    if (!t)
        return false;
    *f = (flow){.l = l,
                .x = x,
                .in = t,
                .out = cim_cc_out_at(x, 0),
                .slot = slot,
                .tensor = x->node->inputs[slot],
                .from = l->arrival[x->node->inputs[slot]]};
    return true;
}

/* The first input that streams on decides along which dimension the output does. */
static cim_cc_arrival output_arrival(cim_cc_lowering *l, cim_cc_infer *x)
{
    cim_cc_arrival a = {.axis = -1, .column = -1, .batch = -1};
    flow f;
    for (uint32_t i = 0; i < x->node->n_inputs; i++) {
        if (!flow_begin(l, x, i, &f))
            continue;
        if (a.batch < 0 && f.from.batch >= 0) {
            bool minor = f.from.minor;
            int to = -1;
            if (x->node->def->flow == CIM_CC_FLOW_RESHAPE) {
                to = reshape_batch(&f, &minor);
            } else {
                link k = link_of(&f, f.from.batch);
                if (k.to >= 0 && !k.full && k.num == k.den && k.offset == 0)
                    to = k.to;
            }
            if (to >= 0 && f.out->dims[to] % l->images == 0) {
                a.batch = to;
                a.minor = minor;
            }
        }
        if (a.axis < 0 && f.from.axis >= 0 && cim_cc_arrival_rows(l, f.tensor) > 1) {
            link k = link_of(&f, f.from.axis);
            if (k.to >= 0)
                a.axis = k.to;
        }
        if (a.column < 0 && f.from.column >= 0) {
            link k = link_of(&f, f.from.column);
            if (k.to >= 0 && !k.full)
                a.column = k.to;
        }
    }
    return a;
}

/* The only dimension of a matrix product's result that its products go through besides rows and images. */
static int product_column(const cim_cc_infer *x, const cim_cc_arrival *a)
{
    const cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int weights = out->rank - 1 - !cim_cc_activation(x, 0),
        column = -1; /* or columns of the first input */
    for (int k = 0; k < out->rank; k++) {
        if (k == weights || k == a->axis || k == a->batch || out->dims[k] <= 1)
            continue;
        if (column >= 0)
            return -1;
        column = k;
    }
    return column;
}

/* Convolution gives rows whatever way its input came, and products have an order of their own. */
static void own_axes(cim_cc_infer *x, cim_cc_arrival *a)
{
    cim_cc_window w;
    cim_cc_flow f = x->node->def->flow;
    if ((f == CIM_CC_FLOW_WINDOW || f == CIM_CC_FLOW_WINDOW_TRANSPOSE) && cim_cc_window_of(x, &w)) {
        a->axis = window_axis(&w);
        a->column = f == CIM_CC_FLOW_WINDOW ? window_column(&w) : -1;
    } else if (f == CIM_CC_FLOW_PRODUCT) {
        a->column = product_column(x, a);
    } else if (f == CIM_CC_FLOW_EINSUM) {
        a->column = -1; /* in the order of its formula */
    }
    if (a->column == a->axis)
        a->column = -1;
}

/* Which positions of the producer's row a position of the result's needs. */
static void set_columns(const flow *f, const cim_cc_arrival *a, cim_cc_edge *e)
{
    int from = f->from.column;
    cim_cc_window w;
    if (e->full || from < 0 || a->column < 0)
        return;
    link k = link_of(f, from);
    if (f->x->node->def->flow == CIM_CC_FLOW_WINDOW && f->slot == 0) {
        if (from < 2 || !cim_cc_window_of(f->x, &w))
            return;
        k = window_link(&w, false, from);
    }
    if (k.to != a->column || k.full || k.point)
        return;
    e->cols = f->in->dims[from];
    e->col_num = k.num;
    e->col_den = k.den;
    e->col_offset = k.offset;
}

static void set_edge(const flow *f, const cim_cc_arrival *a, cim_cc_edge *e)
{
    int64_t rows = cim_cc_arrival_rows(f->l, f->tensor);
    link k = f->from.axis >= 0 ? link_of(f, f->from.axis) : NO_LINK;
    *e = (cim_cc_edge){.full = true, .num = 1, .den = 1};
    if (rows == 1 && f->from.offset == 0) { /* one slice is all of it */
        e->full = false;
        e->span = 1;
        return;
    }
    bool follows = k.point || (!k.full && k.to >= 0 && k.to == a->axis);
    if (!follows)
        return;
    e->full = false;
    e->num = k.num;
    e->den = k.den;
    e->span = k.span;
    e->offset = k.offset + f->from.offset;
    set_columns(f, a, e);
}

void cim_cc_arrival_node(cim_cc_lowering *l, cim_cc_infer *x, cim_cc_edge *edges, cim_cc_op *op)
{
    const cim_cc_net_node *node = x->node;
    cim_cc_arrival a = output_arrival(l, x);
    own_axes(x, &a);
    if (l->images == 1)
        a.batch = -1;
    flow f;
    int64_t rows_in = 1;
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (flow_begin(l, x, i, &f)) {
            set_edge(&f, &a, &edges[i]);
            if (i == 0)
                rows_in = cim_cc_arrival_rows(l, f.tensor);
        }
    int along = node->def->flow == CIM_CC_FLOW_SPLIT
                    ? cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), cim_cc_in(x, 0)->rank)
                    : -1;
    bool split = along >= 0 && along == a.axis;
    if (along >= 0 && along == a.column)
        a.column = -1; /* positions of the second result begin later */
    for (uint32_t k = 0; k < node->n_outputs; k++) {
        const cim_cc_net_tensor *t = cim_cc_out_at(x, k);
        if (!t)
            continue;
        cim_cc_arrival own = a;
        if (t->rank != cim_cc_out_at(x, 0)->rank)
            own.axis = own.column = own.batch = -1;
        l->arrival[node->outputs[k]] = own;
        if (split)
            a.offset += t->dims[a.axis];
    }
    op->rows = split ? rows_in : cim_cc_arrival_rows(l, node->outputs[0]);
    op->images = l->images > 1 && a.batch >= 0 ? l->images : 1;
    op->cols = a.column >= 0 ? cim_cc_out_at(x, 0)->dims[a.column] : 1;
}

/* ---- network inputs --------------------------------------------------------------------------------------- */

static bool feeds_window(const cim_cc_lowering *l, uint32_t tensor)
{
    for (uint32_t i = 0; i < l->net->n_nodes; i++) {
        const cim_cc_net_node *node = &l->net->nodes[i];
        if (l->live[i] && node->n_inputs > 0 && node->inputs[0] == tensor &&
            (node->def->flow == CIM_CC_FLOW_WINDOW ||
             node->def->flow == CIM_CC_FLOW_WINDOW_TRANSPOSE))
            return true;
    }
    return false;
}

/* Images arrive row by row, sequences token by token, feature vectors at once. Channels come first
 * (NCHW) unless the sizes say otherwise: at most four of them, last. */
void cim_cc_arrival_inputs(cim_cc_lowering *l)
{
    for (uint32_t i = 0; i < l->net->n_inputs; i++) {
        uint32_t id = l->net->inputs[i].tensor;
        const cim_cc_net_tensor *t = &l->net->tensors[id];
        cim_cc_arrival *a = &l->arrival[id];
        bool windowed = feeds_window(l, id);
        a->batch = l->images > 1 && t->rank > 0 && t->dims[0] == l->images ? 0 : -1;
        a->axis = a->column = -1; /* all of a slice is there */
        if (t->rank >= 4) {
            bool last = !windowed && t->dims[t->rank - 1] <= 4 && t->dims[1] > 4;
            a->axis = last ? 1 : 2;
        } else if (t->rank == 3) {
            a->axis = windowed ? 2 : 1;
        } else if (t->rank == 2 && !cim_cc_dtype_is_real(t->dtype)) {
            a->axis = 1; /* token numbers */
        }
    }
}
