/* Which activations cannot be negative: their bits need no sign column on a crossbar. */
#include "sched/lower.h"

#include <string.h>

static bool values_nonneg(const cim_cc_net_tensor *t)
{
    if (cim_cc_dtype_is_unsigned(t->dtype))
        return true;
    if (!t->ints && !t->reals)
        return false;
    for (int64_t i = 0; i < t->elements; i++)
        if (t->ints ? t->ints[i] < 0 : !(t->reals[i] >= 0))
            return false;
    return true;
}

/* Input i, activation or constant, is known to be >= 0. Omitted counts as zero. */
static bool nonneg(const cim_cc_lowering *l, const cim_cc_infer *x, uint32_t i)
{
    const cim_cc_net_tensor *t = cim_cc_in(x, i);
    if (!t)
        return true;
    return t->constant ? values_nonneg(t) : l->nonneg[x->node->inputs[i]];
}

static bool clip_nonneg(const cim_cc_lowering *l, cim_cc_infer *x)
{
    if (nonneg(l, x, 0)) { /* unless the upper bound is negative */
        const cim_cc_net_tensor *high = cim_cc_in(x, 2);
        return high ? values_nonneg(high) : cim_cc_attr_float(x, "max", 0) >= 0;
    }
    if (x->node->opset < 11)
        return cim_cc_attr_has(x, "min") && cim_cc_attr_float(x, "min", -1) >= 0;
    return cim_cc_in(x, 1) && values_nonneg(cim_cc_in(x, 1));
}

static bool even_exponent(const cim_cc_infer *x)
{
    const cim_cc_net_tensor *e = cim_cc_in(x, 1);
    if (e->elements != 1 || (!e->ints && !e->reals))
        return false;
    double v = e->ints ? (double)e->ints[0] : e->reals[0];
    return v == 2 || v == 4 || v == 6;
}

static bool quantised_nonneg(const cim_cc_lowering *l, const cim_cc_infer *x)
{
    const cim_cc_net_tensor *zero = cim_cc_in(x, 2);
    bool zero_is_zero = !zero || (zero->ints && zero->elements == 1 && zero->ints[0] == 0);
    if (!strcmp(x->node->type, "DequantizeLinear"))
        return nonneg(l, x, 0) && zero_is_zero;
    return nonneg(l, x, 0) && (zero_is_zero || (zero->ints && values_nonneg(zero)));
}

static bool node_nonneg(const cim_cc_lowering *l, cim_cc_infer *x)
{
    const cim_cc_net_node *node = x->node;
    bool all = true, some = false;
    switch (node->def->sign) {
    case CIM_CC_SIGN_ANY:
        return !strcmp(node->type, "FusedConv") &&
               !strcmp(cim_cc_attr_text(x, "activation", ""), "Relu");
    case CIM_CC_SIGN_NEVER:
        return true;
    case CIM_CC_SIGN_FIRST:
        if (!strcmp(node->type, "QuantizeLinear") || !strcmp(node->type, "DequantizeLinear"))
            return quantised_nonneg(l, x);
        return nonneg(l, x, 0);
    case CIM_CC_SIGN_SQUARE:
        if (node->inputs[0] == node->inputs[1])
            return true;
        return nonneg(l, x, 0) && nonneg(l, x, 1);
    case CIM_CC_SIGN_ALL:
    case CIM_CC_SIGN_SOME:
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            bool yes = nonneg(l, x, i);
            all = all && yes;
            some = some || yes;
        }
        return node->def->sign == CIM_CC_SIGN_ALL ? all : some;
    case CIM_CC_SIGN_DATA2:
        return nonneg(l, x, 1) && nonneg(l, x, 2);
    case CIM_CC_SIGN_CLIP:
        return clip_nonneg(l, x);
    case CIM_CC_SIGN_POW:
        return nonneg(l, x, 0) || even_exponent(x);
    case CIM_CC_SIGN_PAD:
        return nonneg(l, x, 0) &&
               (node->opset < 11 ? cim_cc_attr_float(x, "value", 0) >= 0 : nonneg(l, x, 2));
    case CIM_CC_SIGN_RESIZE:
        return nonneg(l, x, 0) && strcmp(cim_cc_attr_text(x, "mode", "nearest"), "cubic") != 0;
    }
    return false;
}

void cim_cc_sign_inputs(cim_cc_lowering *l)
{
    for (uint32_t i = 0; i < l->net->n_inputs; i++) {
        uint32_t t = l->net->inputs[i].tensor;
        l->nonneg[t] = cim_cc_dtype_is_unsigned(l->net->tensors[t].dtype);
    }
}

void cim_cc_sign_node(cim_cc_lowering *l, cim_cc_infer *x)
{
    bool yes = node_nonneg(l, x);
    for (uint32_t k = 0; k < x->node->n_outputs; k++)
        if (x->node->outputs[k] != CIM_CC_INVALID)
            l->nonneg[x->node->outputs[k]] =
                yes || cim_cc_dtype_is_unsigned(cim_cc_out_at(x, k)->dtype);
}
