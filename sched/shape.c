/* Binding of dynamic dimensions and the driver of shape inference and folding. */
#include "sched/net_ops.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX (INT64_C(1) << 53)

bool cim_cc_mul(int64_t a, int64_t b, int64_t *out)
{
    if (a > 0 && b > COUNT_MAX / a)
        return false;
    *out = a * b;
    return *out <= COUNT_MAX;
}

bool cim_cc_add(int64_t a, int64_t b, int64_t *out)
{
    if (a > COUNT_MAX || b > COUNT_MAX - a)
        return false;
    *out = a + b;
    return true;
}

int64_t cim_cc_product(const int64_t *dims, int from, int to)
{
    int64_t p = 1;
    for (int i = from; i < to; i++)
        if (!cim_cc_mul(p, dims[i], &p))
            return -1;
    return p;
}

const char *cim_cc_shape_text(int rank, const int64_t *dims, char *buf, size_t size)
{
    size_t n = 0;
    if (rank <= 0)
        snprintf(buf, size, rank < 0 ? "unknown" : "scalar");
    for (int i = 0; i < rank && n < size; i++) {
        int k = snprintf(buf + n, size - n, "%s%lld", i ? "x" : "", (long long)dims[i]);
        n += k > 0 ? (size_t)k : 0;
    }
    return buf;
}

/* ---- binding ------------------------------------------------------------------------------------ */

/** "1x3x224x224" or "1,3,224,224". @return number of dimensions, -1 when malformed */
static int shape_parse(const char *text, int64_t dims[CIM_CC_MAX_RANK])
{
    int n = 0;
    const char *p = text;
    while (n < CIM_CC_MAX_RANK && isdigit((unsigned char)*p)) {
        char *end;
        errno = 0;
        long long v = strtoll(p, &end, 10);
        if (errno || v <= 0 || v > CIM_CC_MAX_ELEMENTS)
            return -1;
        dims[n++] = v;
        if (*end == '\0')
            return n;
        if (*end != 'x' && *end != 'X' && *end != ',')
            return -1;
        p = end + 1;
    }
    return -1;
}

static cim_cc_net_input *input_named(cim_cc_net *net, const char *name, size_t n)
{
    for (uint32_t i = 0; i < net->n_inputs; i++) {
        const char *s = net->tensors[net->inputs[i].tensor].name;
        if (strlen(s) == n && !strncmp(s, name, n))
            return &net->inputs[i];
    }
    return NULL;
}

static cim_status unknown_input(const cim_cc_net *net, const char *name, size_t n, cim_err *err)
{
    char known[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < net->n_inputs && used < sizeof known; i++) {
        int k = snprintf(known + used, sizeof known - used, "%s'%.60s'", i ? ", " : "",
                         net->tensors[net->inputs[i].tensor].name);
        used += k > 0 ? (size_t)k : 0;
    }
    return cim_err_set(err, CIM_E_INPUT, net->name, "has no input '%.*s'; its inputs are %s",
                       n > 80 ? 80 : (int)n, name, *known ? known : "none");
}

static cim_status bind_option(cim_cc_net *net, const char *option, cim_err *err)
{
    /* names may hold '=': the last one counts */
    const char *eq = strrchr(option, '=');
    const char *shape = eq ? eq + 1 : option;
    cim_cc_net_input *in = NULL;
    int64_t dims[CIM_CC_MAX_RANK];
    char was[128];
    if (eq)
        in = input_named(net, option, (size_t)(eq - option));
    else if (net->n_inputs == 1)
        in = &net->inputs[0];
    if (!in && !eq)
        return cim_err_set(err, CIM_E_INPUT, net->name, "has %u inputs: write --input NAME=%.60s",
                           net->n_inputs, option);
    if (!in)
        return unknown_input(net, option, (size_t)(eq - option), err);
    const char *name = net->tensors[in->tensor].name;
    int rank = shape_parse(shape, dims);
    if (rank < 0)
        return cim_err_set(
            err, CIM_E_INPUT, net->name,
            "--input %.80s: '%.60s' is not a shape like 1x3x224x224 (1 to %d positive "
            "sizes)",
            name, shape, CIM_CC_MAX_RANK);
    if (in->rank >= 0 && in->rank != rank)
        return cim_err_set(err, CIM_E_INPUT, net->name,
                           "--input %.80s: %d sizes given, the input has %d dimensions", name, rank,
                           in->rank);
    for (int i = 0; i < rank; i++) {
        if (in->rank >= 0 && in->dims[i] > 0 && in->dims[i] != dims[i])
            return cim_err_set(
                err, CIM_E_INPUT, net->name,
                "--input %.80s: %.60s contradicts the shape in the file, %s (-1: free)", name,
                shape, cim_cc_shape_text(in->rank, in->dims, was, sizeof was));
    }
    memcpy(in->dims, dims, sizeof dims);
    in->rank = rank;
    return CIM_OK;
}

/* Every dimension of a name has one size. */
static cim_status spread(cim_cc_net *net, const char *param, int64_t size)
{
    for (uint32_t i = 0; i < net->n_inputs; i++)
        for (int k = 0; k < net->inputs[i].rank; k++)
            if (net->inputs[i].dims[k] < 0 && net->inputs[i].params[k] &&
                !strcmp(net->inputs[i].params[k], param))
                net->inputs[i].dims[k] = size;
    return CIM_OK;
}

static bool names_sequence(const char *param)
{
    return !strcmp(param, "sequence") || !strcmp(param, "sequence_length") ||
           !strcmp(param, "seq_length") || !strcmp(param, "seq_len") || !strcmp(param, "seq") ||
           !strcmp(param, "seqlen") || !strcmp(param, "S");
}

/* The default a network's maker wrote into its metadata: cimdse.dimension.NAME = SIZE. */
static int64_t meta_default(const cim_cc_net *net, const char *what, const char *param)
{
    char key[160];
    snprintf(key, sizeof key, "cimdse.%s.%.100s", what, param);
    const char *value = cim_cc_net_meta_find(net, key);
    int64_t dims[CIM_CC_MAX_RANK];
    return value && shape_parse(value, dims) == 1 ? dims[0] : -1;
}

static cim_status bind_default(cim_cc_net *net, cim_cc_net_input *in, int k, int64_t sequence,
                               cim_err *err)
{
    const char *param = in->params[k], *name = net->tensors[in->tensor].name;
    int64_t size = -1;
    if (param && sequence > 0 && names_sequence(param))
        size = sequence;
    if (size < 0 && param)
        size = meta_default(net, "dimension", param);
    if (size < 0 && k == 0) {
        size = 1;
        cim_text_addf(&net->notes, "dimension 0 (batch) of input '%.80s' is dynamic: taken as 1\n",
                      name);
    } else if (size > 0 && !(sequence > 0 && names_sequence(param))) {
        cim_text_addf(&net->notes, "dimension '%.60s' of input '%.80s' is dynamic: taken as %lld\n",
                      param, name, (long long)size);
    }
    if (size < 0) {
        char was[160];
        return cim_err_set(
            err, CIM_E_INPUT, net->name,
            "input '%.80s' has the dynamic dimension %d%s%.40s%s (shape %s, -1: free); "
            "bind it with --input %.80s=SIZExSIZEx...",
            name, k, param ? " ('" : "", param ? param : "", param ? "')" : "",
            cim_cc_shape_text(in->rank, in->dims, was, sizeof was), name);
    }
    in->dims[k] = size;
    return param ? spread(net, param, size) : CIM_OK;
}

static cim_status check_limits(const cim_cc_net *net, const cim_cc_net_input *in, cim_err *err)
{
    for (int k = 0; k < in->rank; k++) {
        int64_t most = in->params[k] ? meta_default(net, "maximum", in->params[k]) : -1;
        if (most > 0 && in->dims[k] > most)
            return cim_err_set(
                err, CIM_E_INPUT, net->name,
                "input '%.80s': dimension '%.60s' is %lld, the network has positions "
                "for at most %lld",
                net->tensors[in->tensor].name, in->params[k], (long long)in->dims[k],
                (long long)most);
    }
    return CIM_OK;
}

static cim_status bind_input(cim_cc_net *net, cim_cc_net_input *in, int64_t sequence, cim_err *err)
{
    cim_cc_net_tensor *t = &net->tensors[in->tensor];
    if (in->rank < 0)
        return cim_err_set(err, CIM_E_INPUT, net->name,
                           "input '%.80s' has no shape in the file; bind it with --input "
                           "%.80s=SIZExSIZEx...",
                           t->name, t->name);
    for (int k = 0; k < in->rank; k++)
        if (in->dims[k] < 0)
            CIM_TRY(bind_default(net, in, k, sequence, err));
    CIM_TRY(check_limits(net, in, err));
    t->rank = in->rank;
    t->elements = 1;
    for (int k = 0; k < in->rank; k++) {
        t->dims[k] = in->dims[k];
        if (!cim_cc_mul(t->elements, in->dims[k], &t->elements) ||
            t->elements > CIM_CC_MAX_ELEMENTS)
            return cim_err_set(err, CIM_E_INPUT, net->name,
                               "input '%.80s' has more than 2^40 elements", t->name);
    }
    return CIM_OK;
}

/* A length that nothing would take is a mistake, not a wish to ignore. */
static cim_status check_sequence(const cim_cc_net *net, int64_t sequence, cim_err *err)
{
    for (uint32_t i = 0; i < net->n_inputs; i++)
        for (int k = 0; k < net->inputs[i].rank; k++)
            if (net->inputs[i].params[k] && names_sequence(net->inputs[i].params[k]))
                return CIM_OK;
    return cim_err_set(err, CIM_E_INPUT, net->name,
                       "workload.sequence_length is %lld, but no input has a dynamic sequence "
                       "dimension; allowed is 0",
                       (long long)sequence);
}

cim_status cim_cc_net_bind(cim_cc_net *net, const cim_cc_model_options *options, cim_err *err)
{
    int64_t sequence = options ? options->sequence_length : 0;
    if (sequence > 0)
        CIM_TRY(check_sequence(net, sequence, err));
    for (size_t i = 0; options && i < options->n_inputs; i++)
        CIM_TRY(bind_option(net, options->inputs[i], err));
    for (uint32_t i = 0; i < net->n_inputs; i++)
        for (int k = 0; k < net->inputs[i].rank; k++)
            if (net->inputs[i].dims[k] > 0 && net->inputs[i].params[k])
                CIM_TRY(spread(net, net->inputs[i].params[k], net->inputs[i].dims[k]));
    for (uint32_t i = 0; i < net->n_inputs; i++)
        CIM_TRY(bind_input(net, &net->inputs[i], sequence, err));
    return net->notes.failed ? cim_cc_net_nomem(net, err) : CIM_OK;
}

/* ---- what infer functions use -------------------------------------------------------------------- */

const cim_cc_net_tensor *cim_cc_in(const cim_cc_infer *x, uint32_t i)
{
    if (i >= x->node->n_inputs || x->node->inputs[i] == CIM_CC_INVALID)
        return NULL;
    return &x->net->tensors[x->node->inputs[i]];
}

cim_cc_net_tensor *cim_cc_out_at(const cim_cc_infer *x, uint32_t k)
{
    if (k >= x->node->n_outputs || x->node->outputs[k] == CIM_CC_INVALID)
        return NULL;
    return &x->net->tensors[x->node->outputs[k]];
}

void cim_cc_fail(cim_cc_infer *x, const char *fmt, ...)
{
    char message[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (x->status == CIM_OK)
        x->status = cim_cc_node_error(x->net, x->node, x->err, "%s", message);
}

const cim_cc_net_attr *cim_cc_attr(const cim_cc_net_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->n_attrs; i++)
        if (!strcmp(node->attrs[i].name, name))
            return &node->attrs[i];
    return NULL;
}

bool cim_cc_attr_has(const cim_cc_infer *x, const char *name)
{
    return cim_cc_attr(x->node, name) != NULL;
}

static const cim_cc_net_attr *attr_of(cim_cc_infer *x, const char *name, cim_cc_attr_kind kind)
{
    static const char *const words[] = {"nothing", "a float", "an integer", "a string", "a tensor",
                                        "a graph", "floats",  "integers",   "strings"};
    const cim_cc_net_attr *a = cim_cc_attr(x->node, name);
    if (a && a->kind != kind) {
        cim_cc_fail(x, "attribute '%s' is %s, %s needed", name,
                    a->kind <= CIM_CC_ATTR_STRINGS ? words[a->kind] : "of an unknown kind",
                    words[kind]);
        return NULL;
    }
    return a;
}

int64_t cim_cc_attr_int(cim_cc_infer *x, const char *name, int64_t otherwise)
{
    const cim_cc_net_attr *a = attr_of(x, name, CIM_CC_ATTR_INT);
    return a ? a->i : otherwise;
}

double cim_cc_attr_float(cim_cc_infer *x, const char *name, double otherwise)
{
    const cim_cc_net_attr *a = attr_of(x, name, CIM_CC_ATTR_FLOAT);
    return a ? a->f : otherwise;
}

const char *cim_cc_attr_text(cim_cc_infer *x, const char *name, const char *otherwise)
{
    const cim_cc_net_attr *a = attr_of(x, name, CIM_CC_ATTR_STRING);
    return a ? a->s : otherwise;
}

const int64_t *cim_cc_attr_ints(cim_cc_infer *x, const char *name, size_t *n)
{
    const cim_cc_net_attr *a = attr_of(x, name, CIM_CC_ATTR_INTS);
    *n = a ? a->n : 0;
    return a ? a->ints : NULL;
}

int cim_cc_axis(cim_cc_infer *x, int64_t axis, int rank)
{
    if (axis < -(int64_t)rank || axis >= rank) {
        cim_cc_fail(x, "axis %lld is outside a tensor of %d dimensions", (long long)axis, rank);
        return 0;
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

const int64_t *cim_cc_in_ints(cim_cc_infer *x, uint32_t i, const char *what, size_t *n)
{
    const cim_cc_net_tensor *t = cim_cc_in(x, i);
    *n = 0;
    if (!t)
        return NULL;
    if (!t->ints) {
        cim_cc_fail(
            x, "%s ('%.80s') %s; only networks whose shapes do not depend on data are supported",
            what, t->name,
            t->constant ? "is not known: its values are not in the file or not integers"
                        : "is computed from the network's input");
        return NULL;
    }
    *n = (size_t)t->elements;
    return t->ints;
}

const int64_t *cim_cc_ints_of(cim_cc_infer *x, const char *name, uint32_t i, size_t *n)
{
    if (cim_cc_in(x, i))
        return cim_cc_in_ints(x, i, name, n);
    return cim_cc_attr_ints(x, name, n);
}

void cim_cc_out(cim_cc_infer *x, uint32_t k, int dtype, int rank, const int64_t *dims)
{
    cim_cc_net_tensor *t = cim_cc_out_at(x, k);
    if (!t || x->status != CIM_OK)
        return;
    if (rank > CIM_CC_MAX_RANK) {
        cim_cc_fail(x, "gives a tensor of %d dimensions, at most %d are supported", rank,
                    CIM_CC_MAX_RANK);
        return;
    }
    int64_t n = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) {
            cim_cc_fail(x, "gives the impossible size %lld in dimension %d", (long long)dims[i], i);
            return;
        }
        if (!cim_cc_mul(n, dims[i], &n) || n > CIM_CC_MAX_ELEMENTS) {
            cim_cc_fail(x, "gives a tensor of more than 2^40 elements");
            return;
        }
    }
    t->rank = rank;
    t->dtype = dtype;
    t->elements = n;
    memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
}

void cim_cc_broadcast(cim_cc_infer *x, int *rank, int64_t *dims, const cim_cc_net_tensor *b)
{
    int64_t out[CIM_CC_MAX_RANK];
    int n = *rank > b->rank ? *rank : b->rank;
    for (int i = 0; i < n; i++) { /* from the right */
        int64_t p = i < *rank ? dims[*rank - 1 - i] : 1;
        int64_t q = i < b->rank ? b->dims[b->rank - 1 - i] : 1;
        if (p != q && p != 1 && q != 1) {
            char one[128], two[128];
            cim_cc_fail(x, "shapes %s and %s cannot be broadcast together",
                        cim_cc_shape_text(*rank, dims, one, sizeof one),
                        cim_cc_shape_text(b->rank, b->dims, two, sizeof two));
            return;
        }
        out[n - 1 - i] = p == 1 ? q : p;
    }
    memcpy(dims, out, (size_t)n * sizeof *dims);
    *rank = n;
}

bool cim_cc_values_new(cim_cc_infer *x, uint32_t k, int64_t **ints, double **reals)
{
    cim_cc_net_tensor *t = cim_cc_out_at(x, k);
    cim_cc_net *net = x->net;
    *ints = NULL;
    *reals = NULL;
    if (!t || t->elements > CIM_CC_FOLD_MAX || t->elements > net->fold_budget ||
        !cim_cc_dtype_size(t->dtype))
        return false;
    net->fold_budget -= t->elements;
    size_t n = (size_t)t->elements + 1;
    if (cim_cc_dtype_is_real(t->dtype))
        t->reals = *reals = cim_arena_alloc(&net->arena, n, sizeof **reals);
    else
        t->ints = *ints = cim_arena_alloc(&net->arena, n, sizeof **ints);
    if (!*ints && !*reals)
        x->status = cim_cc_net_nomem(net, x->err);
    return x->status == CIM_OK;
}

/* ---- the driver -------------------------------------------------------------------------------------- */

static bool inputs_constant(const cim_cc_infer *x)
{
    for (uint32_t i = 0; i < x->node->n_inputs; i++) {
        const cim_cc_net_tensor *t = cim_cc_in(x, i);
        if (t && !t->constant)
            return false;
    }
    return true;
}

static cim_status infer_node(cim_cc_infer *x)
{
    const cim_cc_net_node *node = x->node;
    const cim_cc_net_def *def = node->def;
    if (def->max_out < 255 && node->n_outputs > def->max_out)
        cim_cc_fail(x, "has %u outputs, at most %d are allowed", node->n_outputs, def->max_out);
    if (x->status == CIM_OK)
        def->infer(x);
    if (x->status != CIM_OK)
        return x->status;
    for (uint32_t k = 0; k < node->n_outputs; k++) {
        const cim_cc_net_tensor *t = cim_cc_out_at(x, k);
        if (t && t->rank < 0) {
            cim_cc_fail(x, "its output %u is not supported", k);
            return x->status;
        }
    }
    /* the shape of anything is a constant here */
    if (!inputs_constant(x) && def->infer != cim_cc_infer_shape && def->infer != cim_cc_infer_size)
        return CIM_OK;
    for (uint32_t k = 0; k < node->n_outputs; k++)
        if (cim_cc_out_at(x, k))
            cim_cc_out_at(x, k)->constant = true;
    const cim_cc_net_tensor *first = cim_cc_out_at(x, 0);
    if (def->fold && first && !first->ints && !first->reals && !def->fold(x))
        for (uint32_t k = 0; k < node->n_outputs; k++) /* given up half-way: unknown */
            if (cim_cc_out_at(x, k))
                cim_cc_out_at(x, k)->ints = NULL, cim_cc_out_at(x, k)->reals = NULL;
    return x->status;
}

cim_status cim_cc_net_infer(cim_cc_net *net, cim_err *err)
{
    cim_arena scratch;
    cim_arena_init(&scratch);
    cim_cc_infer x = {.net = net, .scratch = &scratch, .err = err};
    for (uint32_t i = 0; i < net->n_nodes && x.status == CIM_OK; i++) {
        x.node = &net->nodes[i];
        cim_arena_reset(&scratch);
        (void)infer_node(&x);
    }
    cim_arena_clear(&scratch);
    return x.status;
}
