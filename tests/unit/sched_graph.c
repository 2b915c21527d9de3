/* Lowering: streams checked against an independent account of which element comes from where.
 *
 * Operators that move data are run twice: on a constant holding 0, 1, 2, ... (folding then says
 * where every output element comes from) and on an activation of the same shape (lowering then says
 * which rows it needs). No output row may need a row the edge does not wait for, and for operators
 * that keep order the edge may not wait for more than one row too many. Windows are checked against
 * enumeration. */
#include "tests/unit/onnx_builder.h"

#include "hwspace/base/rng.h"
#include "sched/model_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const cim_cc_op *op_of_type(const cim_cc_graph *g, const char *type)
{
    for (uint32_t i = 0; i < g->n_ops; i++)
        if (!strcmp(g->ops[i].type, type))
            return &g->ops[i];
    fail_msg("no operator %s", type);
    return NULL;
}

/* ---- windows ------------------------------------------------------------------------------------- */

/* Last input row (1-based) that output row r (1-based) of a window touches; 0: only padding. */
static int64_t window_need(int64_t r, int64_t k, int64_t s, int64_t d, int64_t pad, int64_t rows)
{
    int64_t last = 0;
    for (int64_t i = 0; i < k; i++) {
        int64_t at = (r - 1) * s + i * d - pad;
        if (at >= 0 && at < rows)
            last = at + 1;
    }
    return last;
}

static void check_window(int64_t h, int64_t k, int64_t s, int64_t d, int64_t pad)
{
    char shape[64], weights[64], attrs[256];
    ob b = ob_begin(13);
    snprintf(shape, sizeof shape, "1,2,%lld,3", (long long)h);
    snprintf(weights, sizeof weights, "4,2,%lld,1", (long long)k);
    snprintf(attrs, sizeof attrs, "strides=[%lld,1] dilations=[%lld,1] pads=[%lld,0,%lld,0]",
             (long long)s, (long long)d, (long long)pad, (long long)pad);
    ob_input(&b, "x", 1, shape);
    ob_weight(&b, "w", weights);
    ob_node(&b, "Relu", "x", "a", NULL);
    ob_node(&b, "Conv", "a,w", "y", attrs);
    ob_output(&b, "y");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *conv = op_of_type(g, "Conv");
    assert_int_equal(conv->n_edges, 1);
    const cim_cc_edge *e = &g->edges[conv->first_edge];
    for (int64_t r = 1; r <= conv->rows; r++) {
        int64_t need = window_need(r, k, s, d, pad, h);
        int64_t f = cim_cc_edge_row(e, r, g->ops[e->producer].rows);
        /* exact, but where the window's end lies in the padding: then its last row in the input */
        if (need > 0 && f < need)
            fail_msg("h=%lld k=%lld s=%lld d=%lld p=%lld row %lld: needs %lld, waits for %lld",
                     (long long)h, (long long)k, (long long)s, (long long)d, (long long)pad,
                     (long long)r, (long long)need, (long long)f);
        int64_t end = (r - 1) * s + (k - 1) * d + 1 - pad;
        if (end >= 1 && end <= h)
            assert_int_equal(f, need);
    }
    assert_int_equal(conv->rows, (h + 2 * pad - (k - 1) * d - 1) / s + 1);
    assert_int_equal(conv->macs, 2 * k * 4 * conv->rows * 3);
    cim_cc_model_destroy(m);
}

static void windows(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 5; k++)
        for (int64_t s = 1; s <= 3; s++)
            for (int64_t d = 1; d <= 2; d++)
                for (int64_t pad = 0; pad <= 2; pad++)
                    check_window(13, k, s, d, pad);
}

/* Position c of a row of the last operator reads positions of the first one's; a 1x1 convolution gives rows of
 * `width` positions, then comes what is looked at. */
static cim_cc_model *behind_conv(int64_t width, const char *type, const char *second,
                                 const char *second_shape, const char *attrs)
{
    char shape[64], inputs[64];
    ob b = ob_begin(13);
    snprintf(shape, sizeof shape, "1,2,7,%lld", (long long)width);
    snprintf(inputs, sizeof inputs, second ? "a,%s" : "a", second);
    ob_input(&b, "x", 1, shape);
    ob_weight(&b, "v", "2,2,1,1");
    ob_node(&b, "Conv", "x,v", "a", NULL);
    if (second)
        ob_weight(&b, second, second_shape);
    ob_node(&b, type, inputs, "y", attrs);
    ob_output(&b, "y");
    return ob_model(&b);
}

static void check_columns(int64_t k, int64_t s, int64_t d, int64_t pad)
{
    enum { WIDTH = 13 };
    char weights[64], attrs[256];
    snprintf(weights, sizeof weights, "4,2,3,%lld", (long long)k);
    snprintf(attrs, sizeof attrs, "strides=[2,%lld] dilations=[1,%lld] pads=[1,%lld,1,%lld]",
             (long long)s, (long long)d, (long long)pad, (long long)pad);
    cim_cc_model *m = behind_conv(WIDTH, "Conv", "w", weights, attrs);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *conv = &g->ops[1];
    const cim_cc_edge *e = &g->edges[conv->first_edge];
    assert_int_equal(g->ops[0].cols, WIDTH);
    int64_t width = (WIDTH + 2 * pad - (k - 1) * d - 1) / s + 1;
    assert_int_equal(conv->cols, width > 1 ? width : conv->cols);
    assert_int_equal(conv->mvms, conv->rows * width);
    assert_int_equal(e->cols, WIDTH);
    for (int64_t c = 1; c <= width; c++) {
        int64_t need = window_need(c, k, s, d, pad, WIDTH),
                end = (c - 1) * s + (k - 1) * d + 1 - pad;
        assert_true(cim_cc_edge_col(e, c) >= need);
        if (end >= 1 && end <= WIDTH)
            assert_int_equal(cim_cc_edge_col(e, c), need);
    }
    cim_cc_model_destroy(m);
}

static void columns_of_windows(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 5; k++)
        for (int64_t s = 1; s <= 3; s++)
            for (int64_t d = 1; d <= 2; d++)
                for (int64_t pad = 0; pad <= 2; pad++)
                    check_columns(k, s, d, pad);
}

/* Where positions do not follow each other one by one, a row is needed as a whole. */
static void columns_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *type, *second, *shape, *attrs;
        int64_t cols, first; /* of the edge, and what position 1 needs */
    } t[] = {
        {"Relu", NULL, NULL, NULL, 9, 1},
        {"Add", "w", "1,2,1,9", NULL, 9, 1},
        {"Softmax", NULL, NULL, "axis=1", 9, 1},
        {"Softmax", NULL, NULL, "axis=3", 0, 0},
        {"MaxPool", NULL, NULL, "kernel_shape=[1,3]", 9, 3},
        {"ConvTranspose", "w", "2,4,1,1", NULL, 0, 0},
        {"MatMul", "w", "9,5", NULL, 0, 0}, /* sums along the row */
        {"Split", NULL, NULL, "axis=1", 9, 1},
        {"Transpose", NULL, NULL, "perm=[0,3,1,2]", 9, 1},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        cim_cc_model *m = behind_conv(9, t[i].type, t[i].second, t[i].shape, t[i].attrs);
        const cim_cc_graph *g = cim_cc_model_graph(m);
        const cim_cc_edge *e = &g->edges[op_of_type(g, t[i].type)->first_edge];
        if (e->cols != t[i].cols || (e->cols > 0 && cim_cc_edge_col(e, 1) != t[i].first))
            fail_msg("%s %s: %lld columns", t[i].type, t[i].attrs ? t[i].attrs : "",
                     (long long)e->cols);
        cim_cc_model_destroy(m);
    }
}

/* Output row o collects input rows i with o = i s - pad + kernel offset. */
static void windows_transposed(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 4; k++)
        for (int64_t s = 1; s <= 3; s++)
            for (int64_t pad = 0; pad < k && pad < 2; pad++) {
                char weights[64], attrs[256];
                ob b = ob_begin(13);
                snprintf(weights, sizeof weights, "2,4,%lld,1", (long long)k);
                snprintf(attrs, sizeof attrs, "strides=[%lld,1] pads=[%lld,0,%lld,0]", (long long)s,
                         (long long)pad, (long long)pad);
                ob_input(&b, "x", 1, "1,2,7,3");
                ob_weight(&b, "w", weights);
                ob_node(&b, "Relu", "x", "a", NULL);
                ob_node(&b, "ConvTranspose", "a,w", "y", attrs);
                ob_output(&b, "y");
                cim_cc_model *m = ob_model(&b);
                const cim_cc_graph *g = cim_cc_model_graph(m);
                const cim_cc_op *op = op_of_type(g, "ConvTranspose");
                const cim_cc_edge *e = &g->edges[op->first_edge];
                assert_int_equal(op->rows, (7 - 1) * s + k - 2 * pad);
                for (int64_t o = 0; o < op->rows; o++) {
                    int64_t last = 0;
                    for (int64_t i = 0; i < 7; i++)
                        for (int64_t t = 0; t < k; t++)
                            if (i * s - pad + t == o)
                                last = i + 1;
                    assert_true(cim_cc_edge_row(e, o + 1, 7) >= last);
                }
                assert_int_equal(op->macs, 2 * 4 * k * 7 * 3);
                cim_cc_model_destroy(m);
            }
}

/* ---- moves ------------------------------------------------------------------------------------------ */

static void dims_text(char *buf, size_t size, const int64_t *dims, int rank)
{
    size_t n = 0;
    for (int i = 0; i < rank; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%lld", i ? "," : "", (long long)dims[i]);
}

static void coordinates(const int64_t *dims, int rank, int64_t i, int64_t *at)
{
    for (int k = rank - 1; k >= 0; k--) {
        at[k] = i % dims[k];
        i /= dims[k];
    }
}

typedef struct chain_case {
    int64_t dims[CIM_CC_MAX_RANK]; /* a Relu gives rows along dimension 2 of 4, 1 of 3 */
    int rank;
    int n;
    struct {
        const char *type, *ints, *attrs; /* ints: an int64 second input, NULL for none */
    } step[4];
    bool streams; /* rows are expected to come out before all rows are in */
} chain_case;

static const chain_case cases[] = {
    {{1, 3, 6, 4}, 4, 1, {{"Transpose", NULL, "perm=[0,2,3,1]"}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Reshape", "1,3,24", NULL}}, true},
    {{1, 3, 6, 4}, 4, 2, {{"Reshape", "1,3,24", NULL}, {"Transpose", NULL, "perm=[0,2,1]"}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Reshape", "1,18,4", NULL}}, false},
    {{1, 3, 6, 4}, 4, 1, {{"Flatten", NULL, "axis=1"}}, false},
    {{1, 1, 6, 4}, 4, 1, {{"Flatten", NULL, "axis=1"}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Reshape", "1,3,2,3,4", NULL}}, true},
    {{1, 4, 6, 4}, 4, 1, {{"Reshape", "1,2,2,6,4", NULL}}, true},
    {{1, 12, 8},
     3,
     2,
     {{"Reshape", "1,12,2,4", NULL}, {"Transpose", NULL, "perm=[0,2,1,3]"}},
     true},
    {{1, 12, 8}, 3, 1, {{"Reshape", "12,8", NULL}}, true},
    {{1, 12, 8}, 3, 1, {{"Reshape", "8,12", NULL}}, true},
    {{1, 12, 8}, 3, 2, {{"Transpose", NULL, "perm=[0,2,1]"}, {"Reshape", "1,96", NULL}}, false},
    {{1, 8, 8, 6},
     4,
     3,
     {{"Transpose", NULL, "perm=[0,2,3,1]"},
      {"Reshape", "1,4,2,3,2,8", NULL},
      {"Transpose", NULL, "perm=[0,1,3,2,4,5]"}},
     true},
    {{1, 8, 8, 6},
     4,
     4,
     {{"Transpose", NULL, "perm=[0,2,3,1]"},
      {"Reshape", "1,4,2,3,2,8", NULL},
      {"Transpose", NULL, "perm=[0,1,3,2,4,5]"},
      {"Reshape", "12,4,8", NULL}},
     true},
    {{1, 3, 6, 4}, 4, 2, {{"Unsqueeze", "0", NULL}, {"Squeeze", "0,1", NULL}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Expand", "5,3,6,4", NULL}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Tile", "1,1,2,1", NULL}}, false},
    {{1, 3, 6, 4}, 4, 1, {{"Tile", "1,3,1,3", NULL}}, true},
    {{1, 3, 6, 4}, 4, 1, {{"Gather", "2,0", "axis=1"}}, true},
    {{1, 12, 8}, 3, 1, {{"Gather", "3", "axis=1"}}, true},
    {{1, 12, 8}, 3, 1, {{"Gather", "3,1", "axis=1"}}, false},
    {{1, 12, 8}, 3, 1, {{"Gather", "3,1", "axis=2"}}, true},
};

static void build_chain(ob *b, const chain_case *c, const char *from)
{
    char name[16], ints[16], inputs[40];
    snprintf(name, sizeof name, "%s", from);
    for (int i = 0; i < c->n; i++) {
        snprintf(ints, sizeof ints, "%s_i%d", from, i);
        if (c->step[i].ints) {
            ob_ints(b, ints, NULL, c->step[i].ints);
            snprintf(inputs, sizeof inputs, "%s,%s", name, ints);
        } else {
            snprintf(inputs, sizeof inputs, "%s", name);
        }
        snprintf(name, sizeof name, "%s%d", from, i);
        ob_node(b, c->step[i].type, inputs, name, c->step[i].attrs);
    }
    ob_output(b, name);
}

/* f of a chain of operators: composed from the last one back. */
static int64_t chain_row(const cim_cc_graph *g, uint32_t last, int64_t r)
{
    uint32_t op = last;
    while (op > 0) {
        const cim_cc_edge *e = &g->edges[g->ops[op].first_edge];
        r = cim_cc_edge_row(e, r, g->ops[e->producer].rows);
        op = e->producer;
    }
    return r;
}

static int row_axis(const cim_cc_op *op, const int64_t *need, int64_t elements)
{
    (void)need;
    (void)elements;
    /* the only dimension with as many elements as there are rows; ambiguous cases are avoided */
    for (int k = 0; k < op->rank; k++)
        if (op->shape[k] == op->rows)
            return k;
    return -1;
}

static void check_chain(const chain_case *c, size_t index)
{
    char shape[64], values[4096];
    int64_t n = 1;
    dims_text(shape, sizeof shape, c->dims, c->rank);
    for (int k = 0; k < c->rank; k++)
        n *= c->dims[k];
    size_t used = 0;
    for (int64_t i = 0; i < n; i++)
        used += (size_t)snprintf(values + used, sizeof values - used, "%lld,", (long long)i);
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, shape);
    ob_ints(&b, "c", shape, values);
    ob_node(&b, "Relu", "x", "a", NULL);
    build_chain(&b, c, "a");
    build_chain(&b, c, "c");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    assert_int_equal(g->n_ops, 1 + c->n);
    const cim_cc_op *last = &g->ops[g->n_ops - 1];
    /* the folded twin says where every element comes from */
    const cim_cc_net *net = m->net;
    const cim_cc_net_tensor *from = &net->tensors[net->outputs[1]];
    assert_non_null(from->ints);
    assert_int_equal(from->elements, last->out_elements);
    int in_axis = c->rank == 4 ? 2 : 1, axis = row_axis(last, from->ints, from->elements);
    int64_t at[CIM_CC_MAX_RANK], source[CIM_CC_MAX_RANK], rows_in = c->dims[in_axis];
    bool early = false;
    for (int64_t r = 1; r <= last->rows; r++) {
        int64_t f = chain_row(g, g->n_ops - 1, r), need = 0;
        for (int64_t i = 0; i < from->elements; i++) {
            coordinates(last->shape, last->rank, i, at);
            if (axis >= 0 && at[axis] + 1 != r)
                continue;
            coordinates(c->dims, c->rank, from->ints[i], source);
            need = source[in_axis] + 1 > need ? source[in_axis] + 1 : need;
        }
        if (f < need)
            fail_msg("case %zu, row %lld of %lld: needs %lld, waits for %lld", index, (long long)r,
                     (long long)last->rows, (long long)need, (long long)f);
        early = early || f < rows_in;
    }
    if (early != c->streams)
        fail_msg("case %zu: %s", index, early ? "streams against expectation" : "does not stream");
    cim_cc_model_destroy(m);
}

static void moves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_chain(&cases[i], i);
}

/* ---- joins --------------------------------------------------------------------------------------------- */

static void concat_and_slice(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,6,4");
    ob_ints(&b, "s", NULL, "2");
    ob_ints(&b, "e", NULL, "6");
    ob_ints(&b, "ax", NULL, "1");
    ob_ints(&b, "st", NULL, "2");
    ob_node(&b, "Relu", "x", "a", NULL);
    ob_node(&b, "Sigmoid", "a", "b", NULL);
    ob_node(&b, "Concat", "a,b", "c", "axis=1");
    ob_node(&b, "Slice", "c,s,e,ax,st", "d", NULL);
    ob_output(&b, "d");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *cat = op_of_type(g, "Concat"), *slice = op_of_type(g, "Slice");
    assert_int_equal(cat->rows, 12);
    assert_int_equal(cim_cc_edge_row(&g->edges[cat->first_edge], 4, 6), 4);
    assert_int_equal(cim_cc_edge_row(&g->edges[cat->first_edge], 9, 6), 6);
    assert_int_equal(cim_cc_edge_row(&g->edges[cat->first_edge + 1], 4, 6), 1);
    assert_int_equal(cim_cc_edge_row(&g->edges[cat->first_edge + 1], 9, 6), 3);
    assert_int_equal(slice->rows, 2); /* elements 2 and 4 */
    assert_int_equal(cim_cc_edge_row(&g->edges[slice->first_edge], 1, 12), 3);
    assert_int_equal(cim_cc_edge_row(&g->edges[slice->first_edge], 2, 12), 5);
    cim_cc_model_destroy(m);
}

/* Of a row that is split, positions of the second part do not begin with the row. */
static void split_along_the_row(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,2,7,9");
    ob_weight(&b, "v", "2,2,1,1");
    ob_ints(&b, "n", NULL, "4,5");
    ob_node(&b, "Conv", "x,v", "a", NULL);
    ob_node(&b, "Split", "a,n", "p,q", "axis=3");
    ob_node(&b, "Sigmoid", "q", "y", NULL);
    ob_output(&b, "y");
    ob_output(&b, "p");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *y = op_of_type(g, "Sigmoid");
    assert_int_equal(y->rows, 7);
    assert_false(g->edges[y->first_edge].full);
    assert_int_equal(g->edges[y->first_edge].cols, 0);
    cim_cc_model_destroy(m);
}

static void split_keeps_places(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,6,4");
    ob_ints(&b, "n", NULL, "2,4");
    ob_node(&b, "Relu", "x", "a", NULL);
    ob_node(&b, "Split", "a,n", "p,q", "axis=1");
    ob_node(&b, "Sigmoid", "q", "y", NULL);
    ob_output(&b, "y");
    ob_output(&b, "p");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *split = op_of_type(g, "Split"), *y = op_of_type(g, "Sigmoid");
    assert_int_equal(split->rows, 6);
    assert_int_equal(split->out_elements, 24);
    assert_int_equal(y->rows, 4);
    assert_int_equal(cim_cc_edge_row(&g->edges[y->first_edge], 1, 6), 3);
    assert_int_equal(cim_cc_edge_row(&g->edges[y->first_edge], 4, 6), 6);
    cim_cc_model_destroy(m);
}

/* Attention: the scores' rows follow the query's, keys and values are needed whole. */
static void attention(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("2,5,8", "8,8");
    const cim_cc_graph *g = cim_cc_model_graph(m);
    assert_int_equal(g->n_ops, 6);
    const cim_cc_op *q = &g->ops[0], *s = &g->ops[3], *p = &g->ops[4], *y = &g->ops[5];
    assert_int_equal(q->unit, CIM_CC_UNIT_CROSSBAR);
    assert_int_equal(q->mvms, 10);
    assert_int_equal(q->images, 2);
    assert_int_equal(q->rows, 5);
    assert_true(s->dynamic_product && s->unit == CIM_CC_UNIT_DIGITAL);
    assert_int_equal(s->macs, 2 * 5 * 5 * 8);
    assert_int_equal(s->rows, 5);
    assert_false(g->edges[s->first_edge].full);
    assert_true(g->edges[s->first_edge + 1].full);
    assert_false(g->edges[p->first_edge].full);
    assert_false(g->edges[y->first_edge].full);
    assert_true(g->edges[y->first_edge + 1].full);
    /* probabilities are not negative; the values they weigh are the matrix */
    assert_true(q->signed_input && s->signed_input && !y->signed_input);
    assert_int_equal(s->matrix_rows, 8);
    assert_int_equal(s->matrix_cols, 5);
    assert_int_equal(s->groups * s->mvms, 2 * 5);
    assert_int_equal(s->alu_add, s->macs);
    assert_false(g->edges[s->first_edge].written);
    assert_true(g->edges[s->first_edge + 1].written && g->edges[y->first_edge + 1].written);
    assert_true(s->together); /* two images */
    assert_int_equal(p->alu_special, 2 * 5 * 5);
    assert_int_equal(p->alu_add, 2 * 5 * (3 * 5 - 2));
    assert_int_equal(g->macs, 2 * 2 * 5 * 8 * 8 + 2 * 2 * 5 * 5 * 8);
    cim_cc_model_destroy(m);
}

/* ---- units, signs, folding -------------------------------------------------------------------------------- */

static void batch_norm_folds(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,3,8,8");
    ob_weight(&b, "w", "4,3,3,3");
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"g", "b", "mean", "var"};
        ob_weight(&b, names[i], "4");
    }
    ob_node(&b, "Conv", "x,w", "c", NULL);
    ob_node(&b, "BatchNormalization", "c,g,b,mean,var", "n", NULL);
    ob_node(&b, "Relu", "n", "r", NULL);
    ob_node(&b, "BatchNormalization", "r,g,b,mean,var", "y", NULL);
    ob_output(&b, "y");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    assert_int_equal(g->n_ops, 3); /* the second one follows no product: it stays, digital */
    assert_true(g->ops[0].has_bias);
    assert_int_equal(g->ops[0].weights, 4 * 27 + 8);
    assert_int_equal(g->ops[2].weights, 0); /* the same tensors, counted once */
    assert_int_equal(g->ops[2].alu_mul, 4 * 36);
    assert_int_equal(g->ops[1].alu_add, 4 * 36);
    assert_int_equal(g->weights, 4 * 27 + 8);
    assert_true(g->ops[0].signed_input && g->ops[1].signed_input);
    assert_false(g->ops[2].signed_input);
    cim_cc_model_destroy(m);
}

/* A convolution that two operators read keeps its own value: nothing may be folded into it. */
static void batch_norm_stays(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,3,8,8");
    ob_weight(&b, "w", "4,3,3,3");
    ob_weight(&b, "g", "4");
    ob_node(&b, "Conv", "x,w", "c", NULL);
    ob_node(&b, "BatchNormalization", "c,g,g,g,g", "n", NULL);
    ob_node(&b, "Add", "n,c", "y", NULL);
    ob_output(&b, "y");
    cim_cc_model *m = ob_model(&b);
    assert_int_equal(cim_cc_model_graph(m)->n_ops, 3);
    cim_cc_model_destroy(m);
}

static void groups_and_products(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "2,6,5,5");
    ob_weight(&b, "w", "12,2,3,3");
    ob_weight(&b, "wt", "2,12");
    ob_weight(&b, "e", "12,7");
    ob_ints(&b, "flat", NULL, "2,25,12");
    ob_node(&b, "Conv", "x,w", "c", "group=3 pads=[1,1,1,1]");
    ob_node(&b, "Transpose", "wt", "wtt", NULL);
    ob_node(&b, "Transpose", "c", "ct", "perm=[0,2,3,1]");
    ob_node(&b, "Reshape", "ct,flat", "t", NULL);
    ob_node(&b, "MatMul", "t,wtt", "m", NULL);
    ob_node(&b, "Einsum", "t,e", "n", "equation='bij,jk->bik'");
    ob_output(&b, "m");
    ob_output(&b, "n");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    const cim_cc_op *c = op_of_type(g, "Conv"), *mm = op_of_type(g, "MatMul");
    const cim_cc_op *e = op_of_type(g, "Einsum");
    assert_int_equal(c->matrix_rows, 18);
    assert_int_equal(c->matrix_cols, 4);
    assert_int_equal(c->groups, 3);
    assert_int_equal(c->mvms, 50);
    assert_int_equal(c->macs, 18 * 4 * 3 * 50);
    assert_int_equal(mm->matrix_rows, 12);
    assert_int_equal(mm->matrix_cols, 2);
    assert_int_equal(mm->mvms, 50);
    assert_int_equal(mm->weights, 24);
    assert_int_equal(e->matrix_rows, 12);
    assert_int_equal(e->matrix_cols, 7);
    assert_int_equal(e->mvms, 50);
    assert_int_equal(e->images, 2);
    assert_int_equal(e->rows, 25);
    assert_int_equal(g->n_outputs, 2);
    cim_cc_model_destroy(m);
}

/* Identity of an initialiser: a copy that is a parameter of its own in torch's files, where equal
 * tensors are merged, and the same tied parameter anywhere else. */
static void tied_weights(void **state)
{
    (void)state;
    for (int torch = 0; torch < 2; torch++) {
        ob b = ob_begin(13);
        b.producer = torch ? "pytorch" : "other";
        ob_input(&b, "x", 1, "1,8");
        ob_weight(&b, "w", "8,8");
        ob_node(&b, "Identity", "w", "w2", NULL);
        ob_node(&b, "Gemm", "x,w", "h", NULL);
        ob_node(&b, "Gemm", "h,w2", "y", NULL);
        ob_output(&b, "y");
        cim_cc_model *m = ob_model(&b);
        assert_int_equal(cim_cc_model_graph(m)->n_ops, 2);
        assert_int_equal(cim_cc_model_graph(m)->weights, torch ? 128 : 64);
        cim_cc_model_destroy(m);
    }
}

static void signs(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    float zero = 0, six = 6, minus = -1;
    ob_input(&b, "x", 1, "1,4,8,8");
    ob_floats(&b, "zero", "", 1, &zero);
    ob_floats(&b, "six", "", 1, &six);
    ob_floats(&b, "minus", "", 1, &minus);
    ob_weight(&b, "w", "4,4,1,1");
    ob_node(&b, "Clip", "x,zero,six", "a", NULL);
    ob_node(&b, "MaxPool", "a", "p", "kernel_shape=[2,2] strides=[2,2]");
    ob_node(&b, "Concat", "p,p", "cat", "axis=1");
    ob_node(&b, "Mul", "x,x", "sq", NULL);
    ob_node(&b, "Add", "sq,a", "sum", NULL);
    ob_node(&b, "Conv", "sum,w", "pos", NULL);
    ob_node(&b, "Clip", "x,minus,six", "n", NULL);
    ob_node(&b, "Conv", "n,w", "neg", NULL);
    ob_node(&b, "ReduceMean", "cat", "out", NULL);
    ob_output(&b, "pos");
    ob_output(&b, "neg");
    ob_output(&b, "out");
    cim_cc_model *m = ob_model(&b);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    for (uint32_t i = 0; i < g->n_ops; i++) {
        bool from_input = g->edges[g->ops[i].first_edge].producer == CIM_CC_INVALID;
        bool second = !strcmp(g->ops[i].type, "Conv") &&
                      !strcmp(g->ops[g->edges[g->ops[i].first_edge].producer].type, "Clip");
        assert_int_equal(g->ops[i].signed_input, from_input || second);
    }
    cim_cc_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(columns_of_windows),
        cmocka_unit_test(columns_of_others),
        cmocka_unit_test(windows_transposed),
        cmocka_unit_test(moves),
        cmocka_unit_test(concat_and_slice),
        cmocka_unit_test(split_keeps_places),
        cmocka_unit_test(split_along_the_row),
        cmocka_unit_test(attention),
        cmocka_unit_test(batch_norm_folds),
        cmocka_unit_test(batch_norm_stays),
        cmocka_unit_test(groups_and_products),
        cmocka_unit_test(tied_weights),
        cmocka_unit_test(signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
