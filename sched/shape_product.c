/* Matrix products and reductions: shapes. */
#include "sched/net_ops.h"

#include <string.h>

void cim_cc_infer_gemm(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *b = cim_cc_in(x, 1), *c = cim_cc_in(x, 2);
    int ta = cim_cc_attr_int(x, "transA", 0) != 0, tb = cim_cc_attr_int(x, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2) {
        cim_cc_fail(x, "needs two matrices, has tensors of %d and %d dimensions", a->rank, b->rank);
        return;
    }
    int64_t dims[CIM_CC_MAX_RANK] = {a->dims[ta], b->dims[1 - tb]};
    if (a->dims[1 - ta] != b->dims[tb])
        cim_cc_fail(x, "inner sizes differ: %lld and %lld", (long long)a->dims[1 - ta],
                    (long long)b->dims[tb]);
    if (c && x->status == CIM_OK) {
        int rank = 2;
        int64_t out[CIM_CC_MAX_RANK] = {dims[0], dims[1]};
        cim_cc_broadcast(x, &rank, out, c);
        if (x->status == CIM_OK && (rank != 2 || out[0] != dims[0] || out[1] != dims[1]))
            cim_cc_fail(x, "the third input is larger than the product");
    }
    cim_cc_out(x, 0, a->dtype, 2, dims);
}

static int product_dtype(const cim_cc_infer *x)
{
    if (!strcmp(x->node->type, "MatMulInteger"))
        return CIM_CC_DT_INT32;
    if (!strcmp(x->node->type, "QLinearMatMul"))
        return cim_cc_in(x, 7)->dtype;
    return cim_cc_in(x, 0)->dtype;
}

void cim_cc_infer_matmul(cim_cc_infer *x)
{
    bool quantised = !strcmp(x->node->type, "QLinearMatMul");
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *b = cim_cc_in(x, quantised ? 3 : 1);
    char one[128], two[128];
    if (a->rank < 1 || b->rank < 1) {
        cim_cc_fail(x, "has a scalar operand");
        return;
    }
    /* numpy.matmul: vectors gain a dimension of 1 that the result loses again */
    int ra = a->rank == 1 ? 2 : a->rank, rb = b->rank == 1 ? 2 : b->rank;
    int64_t k1 = a->dims[a->rank - 1], k2 = b->rank == 1 ? b->dims[0] : b->dims[b->rank - 2];
    if (k1 != k2) {
        cim_cc_fail(x, "inner sizes differ: %s times %s",
                    cim_cc_shape_text(a->rank, a->dims, one, sizeof one),
                    cim_cc_shape_text(b->rank, b->dims, two, sizeof two));
        return;
    }
    cim_cc_net_tensor batch = {.rank = rb - 2};
    int64_t dims[CIM_CC_MAX_RANK + 2];
    int rank = ra - 2;
    memcpy(dims, a->dims, (size_t)rank * sizeof *dims);
    memcpy(batch.dims, b->dims, (size_t)batch.rank * sizeof *dims);
    cim_cc_broadcast(x, &rank, dims, &batch);
    if (a->rank > 1)
        dims[rank++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        dims[rank++] = b->dims[b->rank - 1];
    cim_cc_out(x, 0, product_dtype(x), rank, dims);
}

/* ---- Einsum ------------------------------------------------------------------------------------- */

typedef struct einsum_parser {
    cim_cc_infer *x;
    cim_cc_einsum *e;
    int id[128];               /* label of a letter, -1 when new */
    int dots[CIM_CC_MAX_RANK]; /* labels of "...", right-aligned */
    int n_dots;                /* most dimensions an ellipsis stands for */
} einsum_parser;

static int new_label(einsum_parser *p)
{
    if (p->e->n_labels >= 64) {
        cim_cc_fail(p->x, "has too many labels");
        return 0;
    }
    p->e->size[p->e->n_labels] = 1;
    return p->e->n_labels++;
}

static void set_size(einsum_parser *p, int label, int64_t size)
{
    int64_t *s = &p->e->size[label];
    if (*s != 1 && size != 1 && *s != size)
        cim_cc_fail(p->x, "a label stands for the sizes %lld and %lld", (long long)*s,
                    (long long)size);
    if (*s == 1)
        *s = size;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One operand's term, e.g. "b...ij"; returns where it ends. */
static const char *operand(einsum_parser *p, const char *s, int i)
{
    const cim_cc_net_tensor *t = cim_cc_in(p->x, (uint32_t)i);
    int letters = 0, at = 0;
    for (const char *c = s; *c && *c != ',' && *c != '-'; c++)
        letters += letter(*c);
    int dots = t->rank - letters;
    p->e->rank[i] = t->rank;
    for (; *s && *s != ',' && *s != '-' && p->x->status == CIM_OK; s++) {
        if (*s == ' ')
            continue;
        if (!strncmp(s, "...", 3) && dots >= 0) {
            for (int k = dots; k > 0; k--, at++) {
                if (at >= t->rank || k > CIM_CC_MAX_RANK)
                    break;
                if (p->dots[k - 1] < 0)
                    p->dots[k - 1] = new_label(p);
                p->e->label[i][at] = p->dots[k - 1];
                set_size(p, p->dots[k - 1], t->dims[at]);
            }
            if (dots > p->n_dots)
                p->n_dots = dots;
            s += 2;
            dots = 0;
        } else if (letter(*s) && at < t->rank) {
            if (p->id[(int)*s] < 0)
                p->id[(int)*s] = new_label(p);
            p->e->label[i][at] = p->id[(int)*s];
            set_size(p, p->id[(int)*s], t->dims[at++]);
        } else {
            cim_cc_fail(p->x, "its equation does not fit input %d of %d dimensions", i, t->rank);
        }
    }
    if (at != t->rank)
        cim_cc_fail(p->x, "its equation does not fit input %d of %d dimensions", i, t->rank);
    return s;
}

static void put_out(einsum_parser *p, int label)
{
    if (p->e->out_rank >= CIM_CC_MAX_RANK)
        cim_cc_fail(p->x, "gives a tensor of too many dimensions");
    else
        p->e->out_label[p->e->out_rank++] = label;
}

static void output_term(einsum_parser *p, const char *s)
{
    for (; *s && p->x->status == CIM_OK; s++) {
        if (*s == ' ')
            continue;
        if (!strncmp(s, "...", 3)) {
            for (int k = p->n_dots; k > 0; k--)
                put_out(p, p->dots[k - 1]);
            s += 2;
        } else if (letter(*s) && p->id[(int)*s] >= 0) {
            put_out(p, p->id[(int)*s]);
        } else {
            cim_cc_fail(p->x, "its equation's result has a label that no input has");
        }
    }
}

/* Without "->": the labels that appear once, in alphabetical order, after the ellipsis. */
static void output_implied(einsum_parser *p, const char *equation)
{
    for (int k = p->n_dots; k > 0; k--)
        put_out(p, p->dots[k - 1]);
    for (int c = 0; c < 128; c++) {
        int seen = 0;
        for (const char *s = equation; *s; s++)
            seen += *s == c;
        if (seen == 1 && letter((char)c) && p->id[c] >= 0)
            put_out(p, p->id[c]);
    }
}

bool cim_cc_einsum_of(cim_cc_infer *x, cim_cc_einsum *e)
{
    einsum_parser p = {.x = x, .e = e};
    memset(e, 0, sizeof *e);
    memset(p.id, -1, sizeof p.id);
    memset(p.dots, -1, sizeof p.dots);
    const char *equation = cim_cc_attr_text(x, "equation", NULL);
    if (!equation) {
        cim_cc_fail(x, "has no attribute 'equation'");
        return false;
    }
    if (x->node->n_inputs > 2)
        cim_cc_fail(x, "has %u inputs; up to 2 are supported", x->node->n_inputs);
    const char *s = equation;
    e->n_operands = (int)x->node->n_inputs;
    for (int i = 0; i < e->n_operands && x->status == CIM_OK; i++) {
        if (i > 0 && *s++ != ',')
            cim_cc_fail(x, "its equation has fewer terms than it has inputs");
        else
            s = operand(&p, s, i);
    }
    if (x->status == CIM_OK && *s == '\0')
        output_implied(&p, equation);
    else if (x->status == CIM_OK && !strncmp(s, "->", 2))
        output_term(&p, s + 2);
    else
        cim_cc_fail(x, "its equation '%.60s' is malformed", equation);
    return x->status == CIM_OK;
}

void cim_cc_infer_einsum(cim_cc_infer *x)
{
    cim_cc_einsum e;
    int64_t dims[CIM_CC_MAX_RANK];
    if (!cim_cc_einsum_of(x, &e))
        return;
    for (int i = 0; i < e.out_rank; i++)
        dims[i] = e.size[e.out_label[i]];
    cim_cc_out(x, 0, cim_cc_in(x, 0)->dtype, e.out_rank, dims);
}

/* ---- reductions ------------------------------------------------------------------------------------ */

bool cim_cc_reduced_axes(cim_cc_infer *x, bool reduced[CIM_CC_MAX_RANK])
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    size_t n = 0;
    const int64_t *axes = cim_cc_ints_of(x, "axes", 1, &n);
    memset(reduced, 0, CIM_CC_MAX_RANK * sizeof *reduced);
    bool none = n == 0 && cim_cc_attr_int(x, "noop_with_empty_axes", 0) != 0;
    for (int i = 0; i < a->rank; i++)
        reduced[i] = n == 0 && !none;
    for (size_t i = 0; i < n && x->status == CIM_OK; i++) {
        int axis = cim_cc_axis(x, axes[i], a->rank);
        if (x->status == CIM_OK)
            reduced[axis] = true;
    }
    return x->status == CIM_OK;
}

static void reduce_out(cim_cc_infer *x, int dtype, const bool *reduced)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    bool keep = cim_cc_attr_int(x, "keepdims", 1) != 0;
    int rank = 0;
    for (int i = 0; i < a->rank; i++)
        if (!reduced[i] || keep)
            dims[rank++] = reduced[i] ? 1 : a->dims[i];
    cim_cc_out(x, 0, dtype, rank, dims);
}

void cim_cc_infer_reduce(cim_cc_infer *x)
{
    bool reduced[CIM_CC_MAX_RANK];
    if (cim_cc_reduced_axes(x, reduced))
        reduce_out(x, cim_cc_in(x, 0)->dtype, reduced);
}

void cim_cc_infer_arg(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    bool reduced[CIM_CC_MAX_RANK] = {false};
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", 0), a->rank);
    if (x->status != CIM_OK)
        return;
    reduced[axis] = true;
    reduce_out(x, CIM_CC_DT_INT64, reduced);
}

void cim_cc_infer_topk(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    size_t n = 0;
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", -1), a->rank);
    const int64_t *k = cim_cc_in_ints(x, 1, "the number of results", &n);
    int64_t count = k && n ? k[0] : cim_cc_attr_int(x, "k", -1);
    if (x->status != CIM_OK)
        return;
    memcpy(dims, a->dims, sizeof dims);
    if (count < 1 || count > dims[axis]) {
        cim_cc_fail(x, "takes %lld of %lld elements", (long long)count, (long long)dims[axis]);
        return;
    }
    dims[axis] = count;
    cim_cc_out(x, 0, a->dtype, a->rank, dims);
    cim_cc_out(x, 1, CIM_CC_DT_INT64, a->rank, dims);
}

void cim_cc_infer_onehot(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *d = cim_cc_in(x, 1);
    int64_t dims[CIM_CC_MAX_RANK + 1];
    int64_t depth = d->ints && d->elements ? d->ints[0]
                    : d->reals && d->elements && d->reals[0] >= 1 && d->reals[0] < 1e12
                        ? (int64_t)d->reals[0]
                        : -1;
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", -1), a->rank + 1);
    if (depth < 1)
        cim_cc_fail(x, "its depth is not a known positive number");
    if (x->status != CIM_OK)
        return;
    for (int i = 0, k = 0; i <= a->rank; i++)
        dims[i] = i == axis ? depth : a->dims[k++];
    cim_cc_out(x, 0, cim_cc_in(x, 2)->dtype, a->rank + 1, dims);
}
