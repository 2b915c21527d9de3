/* Shapes of elementwise operators, normalisations and quantisation. */
#include "sched/net_ops.h"

#include <string.h>

void cim_cc_infer_same(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_out(x, 0, a->dtype, a->rank, a->dims);
    for (uint32_t k = 1; k < x->node->n_outputs; k++) /* Dropout's mask */
        cim_cc_out(x, k, CIM_CC_DT_BOOL, a->rank, a->dims);
}

void cim_cc_infer_bool(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_out(x, 0, CIM_CC_DT_BOOL, a->rank, a->dims);
}

static void broadcast_all(cim_cc_infer *x, int dtype, uint32_t first)
{
    int64_t dims[CIM_CC_MAX_RANK];
    const cim_cc_net_tensor *a = cim_cc_in(x, first);
    int rank = a->rank;
    memcpy(dims, a->dims, sizeof dims);
    for (uint32_t i = 0; i < x->node->n_inputs && x->status == CIM_OK; i++) {
        const cim_cc_net_tensor *b = cim_cc_in(x, i);
        if (!b)
            cim_cc_fail(x, "input %u is missing", i);
        else if (i != first)
            cim_cc_broadcast(x, &rank, dims, b);
    }
    cim_cc_out(x, 0, dtype, rank, dims);
}

void cim_cc_infer_broadcast(cim_cc_infer *x)
{
    broadcast_all(x, cim_cc_in(x, 0)->dtype, 0);
}

void cim_cc_infer_compare(cim_cc_infer *x)
{
    broadcast_all(x, CIM_CC_DT_BOOL, 0);
}

void cim_cc_infer_where(cim_cc_infer *x)
{
    broadcast_all(x, cim_cc_in(x, 1)->dtype, 0);
}

void cim_cc_infer_prelu(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *slope = cim_cc_in(x, 1);
    int64_t dims[CIM_CC_MAX_RANK];
    int rank = a->rank;
    memcpy(dims, a->dims, sizeof dims);
    /* old exporters write one slope per channel as a vector of C */
    if (slope->rank == 1 && a->rank > 2 && slope->dims[0] == a->dims[1] &&
        slope->dims[0] != a->dims[a->rank - 1]) {
        cim_cc_out(x, 0, a->dtype, rank, dims);
        return;
    }
    cim_cc_broadcast(x, &rank, dims, slope);
    cim_cc_out(x, 0, a->dtype, rank, dims);
}

void cim_cc_infer_cast(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t to = cim_cc_attr_int(x, "to", 0);
    if (x->status == CIM_OK && (to <= 0 || to > CIM_CC_DT_BFLOAT16))
        cim_cc_fail(x, "attribute 'to' is %lld, an element type from 1 to 16 is needed",
                    (long long)to);
    cim_cc_out(x, 0, (int)to, a->rank, a->dims);
}

void cim_cc_infer_cast_like(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_out(x, 0, cim_cc_in(x, 1)->dtype, a->rank, a->dims);
}

void cim_cc_infer_axis(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t axis = cim_cc_attr_int(x, "axis", x->node->opset >= 13 ? -1 : 1);
    if (a->rank > 0 && !(axis == a->rank && x->node->opset < 13))
        (void)cim_cc_axis(x, axis, a->rank);
    cim_cc_infer_same(x);
}

/* A per-channel vector: C elements, whatever its rank. */
static void channel_vector(cim_cc_infer *x, uint32_t i, int64_t channels, const char *what)
{
    const cim_cc_net_tensor *v = cim_cc_in(x, i);
    if (v && x->status == CIM_OK && v->elements != channels)
        cim_cc_fail(x, "%s has %lld elements, the input has %lld channels", what,
                    (long long)v->elements, (long long)channels);
}

void cim_cc_infer_batch_norm(cim_cc_infer *x)
{
    static const char *const words[] = {"", "scale", "bias", "mean", "variance"};
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    if (a->rank < 2) {
        cim_cc_fail(x, "needs an input of at least 2 dimensions, has %d", a->rank);
        return;
    }
    if (cim_cc_attr_int(x, "training_mode", 0) != 0)
        cim_cc_fail(x, "is in training mode; export the network for inference");
    for (uint32_t i = 1; i <= 4; i++)
        channel_vector(x, i, a->dims[1], words[i]);
    cim_cc_out(x, 0, a->dtype, a->rank, a->dims);
    for (uint32_t k = 1; k < x->node->n_outputs; k++)
        cim_cc_out(x, k, a->dtype, 1, &a->dims[1]);
}

void cim_cc_infer_layer_norm(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    int axis = cim_cc_axis(x, cim_cc_attr_int(x, "axis", -1), a->rank);
    if (x->status != CIM_OK)
        return;
    int rank = a->rank;
    memcpy(dims, a->dims, sizeof dims);
    for (uint32_t i = 1; i < x->node->n_inputs; i++)
        if (cim_cc_in(x, i))
            cim_cc_broadcast(x, &rank, dims, cim_cc_in(x, i));
    if (x->status == CIM_OK && (rank != a->rank || memcmp(dims, a->dims, (size_t)rank * 8) != 0))
        cim_cc_fail(x, "scale and bias are larger than the input");
    cim_cc_out(x, 0, a->dtype, a->rank, a->dims);
    for (int i = axis; i < a->rank; i++)
        dims[i] = 1;
    for (uint32_t k = 1; k < x->node->n_outputs; k++)
        cim_cc_out(x, k, CIM_CC_DT_FLOAT, a->rank, dims);
}

void cim_cc_infer_instance_norm(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    if (a->rank < 3) {
        cim_cc_fail(x, "needs an input of at least 3 dimensions, has %d", a->rank);
        return;
    }
    int64_t groups = cim_cc_attr_int(x, "num_groups", 0);
    bool by_group = !strcmp(x->node->type, "GroupNormalization");
    if (by_group && (groups <= 0 || a->dims[1] % groups != 0))
        cim_cc_fail(x, "attribute 'num_groups' is %lld, a divisor of the %lld channels is needed",
                    (long long)groups, (long long)a->dims[1]);
    else
        for (uint32_t i = 1; i <= 2; i++) {
            const cim_cc_net_tensor *v = cim_cc_in(x, i);
            if (!(by_group && v && v->elements == groups)) /* per group before operator set 21 */
                channel_vector(x, i, a->dims[1], i == 1 ? "scale" : "bias");
        }
    cim_cc_out(x, 0, a->dtype, a->rank, a->dims);
}

/* com.microsoft.SkipLayerNormalization(input, skip, gamma, beta, bias) */
void cim_cc_infer_skip_layer_norm(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    int64_t dims[CIM_CC_MAX_RANK];
    int rank = a->rank;
    memcpy(dims, a->dims, sizeof dims);
    cim_cc_broadcast(x, &rank, dims, cim_cc_in(x, 1));
    cim_cc_out(x, 0, a->dtype, rank, dims);
    cim_cc_out(x, 3, a->dtype, rank, dims);
    if (rank > 0)
        dims[rank - 1] = 1;
    cim_cc_out(x, 1, CIM_CC_DT_FLOAT, rank, dims);
    cim_cc_out(x, 2, CIM_CC_DT_FLOAT, rank, dims);
}

void cim_cc_infer_quantize(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *zero = cim_cc_in(x, 2);
    cim_cc_out(x, 0, zero ? zero->dtype : CIM_CC_DT_UINT8, a->rank, a->dims);
}

void cim_cc_infer_dequantize(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *scale = cim_cc_in(x, 1);
    cim_cc_out(x, 0, scale->dtype, a->rank, a->dims);
}

void cim_cc_infer_quantize_dynamic(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_out(x, 0, CIM_CC_DT_UINT8, a->rank, a->dims);
    cim_cc_out(x, 1, CIM_CC_DT_FLOAT, 0, a->dims);
    cim_cc_out(x, 2, CIM_CC_DT_UINT8, 0, a->dims);
}
