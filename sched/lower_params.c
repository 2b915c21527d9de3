/* Parameters of the network as imported: what torch's sum(p.numel() for p in parameters()) counts.
 *
 * Counted: stored floating-point tensors of more than one element, and stored tensors of any type
 * and size in a weight, bias, scale or slope slot; each once, by the first operator that uses it,
 * also through the operators (Transpose, Reshape, DequantizeLinear, Gather, ...) an exporter left
 * between the two. Not counted: BatchNorm's running mean and variance (buffers), shapes, indices
 * and other integers, quantisation scales and zero points, bounds and other settings, loose
 * scalars. torch exports parameters of equal values as one initialiser and Identity nodes; they
 * are parameters each, so every Identity of an initialiser counts in torch's files. */
#include "sched/lower.h"

#include <string.h>

typedef enum slot_role {
    SLOT_DATA,   /* a tensor that may hold parameters */
    SLOT_WEIGHT, /* parameters whatever their type and size */
    SLOT_SETTING /* never parameters */
} slot_role;

typedef struct slot_rule {
    const char *type;
    uint32_t weights, settings; /* bit i: input i */
} slot_rule;

static const slot_rule slot_rules[] = {
    {"BatchNormalization", 0x06, 0x18},
    {"Clip", 0, 0x06},
    {"ConvInteger", 0x02, 0x0c},
    {"DequantizeLinear", 0, 0x06},
    {"Dropout", 0, 0x06},
    {"Expand", 0, 0x02},
    {"GroupNormalization", 0x06, 0},
    {"InstanceNormalization", 0x06, 0},
    {"LayerNormalization", 0x06, 0},
    {"MatMulInteger", 0x03, 0x0c},
    {"OneHot", 0, 0x06},
    {"PRelu", 0x02, 0},
    {"Pad", 0, 0x0e},
    {"QLinearConv", 0x108, 0xf6},
    {"QLinearMatMul", 0x09, 0xf6},
    {"QuantizeLinear", 0, 0x06},
    {"Range", 0, 0x07},
    {"Reshape", 0, 0x02},
    {"Resize", 0, 0x0e},
    {"SkipLayerNormalization", 0x1c, 0},
    {"TopK", 0, 0x02},
    {"Upsample", 0, 0x02},
};

static slot_role role_of(const cim_cc_net_node *node, uint32_t i)
{
    for (size_t k = 0; k < sizeof slot_rules / sizeof *slot_rules; k++) {
        if (strcmp(slot_rules[k].type, node->type) != 0)
            continue;
        if (i < 32 && slot_rules[k].settings >> i & 1)
            return SLOT_SETTING;
        return i < 32 && slot_rules[k].weights >> i & 1 ? SLOT_WEIGHT : SLOT_DATA;
    }
    switch (node->def->work) {
    case CIM_CC_WORK_CONV:
    case CIM_CC_WORK_CONV_TRANSPOSE:
    case CIM_CC_WORK_GEMM:
    case CIM_CC_WORK_MATMUL:
    case CIM_CC_WORK_EINSUM:
        return SLOT_WEIGHT;
    default:
        return SLOT_DATA;
    }
}

typedef struct visit {
    uint32_t tensor;
    bool weight; /* reached through a weight slot */
} visit;

typedef struct visits {
    visit *v;
    size_t n, cap;
} visits;

static bool push(visits *s, uint32_t tensor, bool weight)
{
    if (cim_grow(&s->v, &s->cap, s->n + 1, sizeof *s->v))
        return false;
    s->v[s->n++] = (visit){tensor, weight};
    return true;
}

/* A stored tensor, or in torch's files the Identity of one. */
static bool is_root(const cim_cc_lowering *l, const cim_cc_net_tensor *t)
{
    if (t->initializer)
        return true;
    if (t->producer == CIM_CC_INVALID || strcmp(l->net->producer, "pytorch") != 0)
        return false;
    const cim_cc_net_node *node = &l->net->nodes[t->producer];
    if (strcmp(node->type, "Identity") != 0)
        return false;
    const cim_cc_net_tensor *source = &l->net->tensors[node->inputs[0]];
    return source->initializer && source->producer == CIM_CC_INVALID;
}

static bool is_parameter(const cim_cc_lowering *l, const cim_cc_net_tensor *t, bool weight)
{
    /* torch writes parameters as initialisers only; its Constant nodes are literals of the code */
    bool literal = t->producer != CIM_CC_INVALID && t->initializer;
    if (literal && !strcmp(l->net->producer, "pytorch"))
        return false;
    if (weight)
        return t->dtype != CIM_CC_DT_BOOL && t->dtype != CIM_CC_DT_STRING;
    return cim_cc_dtype_is_real(t->dtype) && t->elements > 1;
}

static bool push_inputs(const cim_cc_lowering *l, visits *s, uint32_t index, bool weight)
{
    const cim_cc_net_node *node = &l->net->nodes[index];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        uint32_t t = node->inputs[i];
        if (t == CIM_CC_INVALID || !l->net->tensors[t].constant)
            continue;
        slot_role role = role_of(node, i);
        if (role != SLOT_SETTING && !push(s, t, weight || role == SLOT_WEIGHT))
            return false;
    }
    return true;
}

/* `counted` also marks constant tensors in between as seen: each is walked through once. */
static bool walk(cim_cc_lowering *l, visits *s, int64_t *out)
{
    while (s->n > 0) {
        visit v = s->v[--s->n];
        const cim_cc_net_tensor *t = &l->net->tensors[v.tensor];
        if (l->counted[v.tensor])
            continue;
        if (is_root(l, t)) {
            if (is_parameter(l, t, v.weight)) {
                l->counted[v.tensor] = true;
                *out += t->elements;
            }
        } else if (t->producer != CIM_CC_INVALID) {
            l->counted[v.tensor] = true;
            const cim_cc_net_def *def = l->net->nodes[t->producer].def;
            /* an index computed from parameters is none, but a gathered table is */
            bool through = def->infer != cim_cc_infer_shape && def->infer != cim_cc_infer_size;
            /* a sum or product of constants makes its scalars no weights */
            bool element = def->work == CIM_CC_WORK_ELEMENT || def->work == CIM_CC_WORK_POW;
            if (through && !push_inputs(l, s, t->producer, v.weight && !element))
                return false;
        }
    }
    return true;
}

cim_status cim_cc_params_node(cim_cc_lowering *l, uint32_t node, int64_t *out)
{
    visits s = {0};
    *out = 0;
    bool ok = push_inputs(l, &s, node, false) && walk(l, &s, out);
    cim_free(s.v);
    return ok ? CIM_OK : cim_cc_net_nomem(l->net, l->err);
}
