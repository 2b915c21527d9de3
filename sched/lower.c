/* Lowering: which nodes become operators, BatchNorm folding, edges. */
#include "sched/lower.h"

#include <string.h>

const cim_cc_net_tensor *cim_cc_activation(const cim_cc_infer *x, uint32_t i)
{
    const cim_cc_net_tensor *t = cim_cc_in(x, i);
    return t && !t->constant ? t : NULL;
}

static cim_status lowering_init(cim_cc_lowering *l)
{
    size_t nodes = l->net->n_nodes, tensors = l->net->n_tensors;
    l->live = cim_arena_alloc(&l->scratch, nodes, sizeof *l->live);
    l->folded = cim_arena_alloc(&l->net->arena, nodes, sizeof *l->folded);
    l->op_of = cim_arena_alloc(&l->net->arena, nodes, sizeof *l->op_of);
    l->uses = cim_arena_alloc(&l->scratch, tensors, sizeof *l->uses);
    l->arrival = cim_arena_alloc(&l->scratch, tensors, sizeof *l->arrival);
    l->nonneg = cim_arena_alloc(&l->scratch, tensors, sizeof *l->nonneg);
    l->counted = cim_arena_alloc(&l->scratch, tensors, sizeof *l->counted);
    if (!l->live || !l->folded || !l->op_of || !l->uses || !l->arrival || !l->nonneg || !l->counted)
        return cim_cc_net_nomem(l->net, l->err);
    for (size_t i = 0; i < nodes; i++)
        l->folded[i] = l->op_of[i] = CIM_CC_INVALID;
    l->images = 1;
    if (l->net->n_inputs > 0) {
        const cim_cc_net_tensor *t = &l->net->tensors[l->net->inputs[0].tensor];
        if (t->rank >= 2)
            l->images = t->dims[0];
    }
    return CIM_OK;
}

/* Backwards from the outputs: nodes come in topological order. */
static void find_live(cim_cc_lowering *l)
{
    const cim_cc_net *net = l->net;
    for (uint32_t i = 0; i < net->n_outputs; i++)
        l->uses[net->outputs[i]]++;
    for (uint32_t i = net->n_nodes; i-- > 0;) {
        const cim_cc_net_node *node = &net->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            uint32_t t = node->outputs[k];
            if (t != CIM_CC_INVALID && l->uses[t] && !net->tensors[t].constant)
                l->live[i] = true;
        }
        for (uint32_t k = 0; l->live[i] && k < node->n_inputs; k++)
            if (node->inputs[k] != CIM_CC_INVALID)
                l->uses[node->inputs[k]]++;
    }
}

/* y = scale (conv(x) - mean) / sqrt(var + eps) + bias is again a convolution: BatchNorm right
 * behind a product with constant weights disappears into it. */
static void fold_batch_norm(cim_cc_lowering *l, cim_cc_infer *x, uint32_t index)
{
    const cim_cc_net *net = l->net;
    const cim_cc_net_node *bn = &net->nodes[index];
    if (strcmp(bn->type, "BatchNormalization") != 0)
        return;
    uint32_t t = bn->inputs[0], producer = net->tensors[t].producer;
    for (uint32_t k = 1; k < 5; k++)
        if (bn->inputs[k] == CIM_CC_INVALID || !net->tensors[bn->inputs[k]].constant)
            return;
    if (producer == CIM_CC_INVALID || l->uses[t] != 1 || !l->live[producer])
        return;
    const cim_cc_net_node *product = &net->nodes[producer];
    x->node = product;
    cim_cc_work work = product->def->work;
    bool conv = work == CIM_CC_WORK_CONV || work == CIM_CC_WORK_CONV_TRANSPOSE;
    bool dense = (work == CIM_CC_WORK_GEMM || work == CIM_CC_WORK_MATMUL) &&
                 net->tensors[t].rank == 2 && cim_cc_activation(x, 0);
    if ((conv || dense) && !product->def->microsoft && strcmp(product->type, "QLinearConv") != 0 &&
        cim_cc_on_crossbars(x))
        l->folded[index] = producer;
}

/* ---- operators ---------------------------------------------------------------------------------- */

static cim_cc_op_id producer_of(const cim_cc_lowering *l, uint32_t tensor)
{
    uint32_t node = l->net->tensors[tensor].producer;
    return node == CIM_CC_INVALID ? CIM_CC_INVALID : l->op_of[node];
}

static bool slot_repeated(const cim_cc_net_node *node, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (node->inputs[k] == node->inputs[i])
            return true;
    return false;
}

static cim_status add_edges(cim_cc_lowering *l, cim_cc_infer *x, cim_cc_op *op,
                            const cim_cc_edge *flows)
{
    cim_cc_graph *g = l->graph;
    uint32_t written = cim_cc_written_slot(x, op);
    op->first_edge = g->n_edges;
    for (uint32_t i = 0; i < x->node->n_inputs; i++) {
        const cim_cc_net_tensor *t = cim_cc_activation(x, i);
        if (!t || slot_repeated(x->node, i))
            continue;
        cim_cc_edge *e = &g->edges[g->n_edges++];
        *e = flows[i];
        e->elements = t->elements;
        e->producer = producer_of(l, x->node->inputs[i]);
        e->input = t->input;
        e->written = written != UINT32_MAX && x->node->inputs[i] == x->node->inputs[written];
        op->n_edges++;
        op->signed_input = op->signed_input || (i != written && !l->nonneg[x->node->inputs[i]]);
        if (e->producer == CIM_CC_INVALID && t->input == CIM_CC_INVALID)
            return cim_err_set(l->err, CIM_E_INTERNAL, l->net->name,
                               "operator '%.80s' reads a tensor nothing produces", op->name);
        if (!cim_cc_add(op->in_elements, t->elements, &op->in_elements))
            cim_cc_fail(x, "reads too many elements");
    }
    return x->status;
}

static cim_status op_sizes(cim_cc_lowering *l, cim_cc_infer *x, cim_cc_op *op)
{
    const cim_cc_net_tensor *first = NULL;
    for (uint32_t k = 0; k < x->node->n_outputs; k++) {
        const cim_cc_net_tensor *t = cim_cc_out_at(x, k);
        if (!t || (k > 0 && l->uses[x->node->outputs[k]] == 0))
            continue;
        if (!first)
            first = t;
        if (t->elements == 0)
            cim_cc_fail(x, "gives an empty tensor");
        if (!cim_cc_add(op->out_elements, t->elements, &op->out_elements))
            cim_cc_fail(x, "gives too many elements");
    }
    if (!first) {
        cim_cc_fail(x, "has no first output");
        return x->status;
    }
    op->rank = first->rank;
    memcpy(op->shape, first->dims, sizeof op->shape);
    for (int k = op->rank; k < CIM_CC_MAX_RANK; k++)
        op->shape[k] = 0;
    return x->status;
}

/* Whether the rows of a dynamic product are its products, one matrix row after another, or matrices of
 * its batch (heads, windows), which work side by side. */
static bool matrices_together(const cim_cc_lowering *l, const cim_cc_infer *x, const cim_cc_op *op)
{
    if (!op->dynamic_product || op->matrix_rows == 0)
        return false;
    int axis = l->arrival[x->node->outputs[0]].axis;
    int product = x->node->def->work == CIM_CC_WORK_EINSUM ? -1 : op->rank - 2;
    return op->images > 1 || (axis >= 0 && axis != product);
}

static cim_status lower_node(cim_cc_lowering *l, cim_cc_infer *x, uint32_t index)
{
    cim_cc_graph *g = l->graph;
    const cim_cc_net_node *node = x->node;
    cim_cc_op *op = &g->ops[g->n_ops];
    op->name = cim_arena_strdup(l->ar, node->name);
    op->type = cim_arena_strdup(l->ar, node->type);
    cim_cc_edge *flows = cim_arena_alloc(x->scratch, node->n_inputs, sizeof *flows);
    if (!op->name || !op->type || !flows)
        return cim_cc_net_nomem(l->net, l->err);
    CIM_TRY(op_sizes(l, x, op));
    cim_cc_count(x, op);
    if (x->status != CIM_OK)
        return x->status;
    cim_cc_arrival_node(l, x, flows, op);
    CIM_TRY(x->status);
    op->together = matrices_together(l, x, op);
    cim_cc_sign_node(l, x);
    CIM_TRY(add_edges(l, x, op, flows));
    CIM_TRY(cim_cc_params_node(l, index, &op->weights));
    l->op_of[index] = g->n_ops++;
    return CIM_OK;
}

static cim_status lower_folded(cim_cc_lowering *l, uint32_t index)
{
    const cim_cc_net_node *bn = &l->net->nodes[index];
    uint32_t into = l->folded[index];
    int64_t extra = 0;
    cim_cc_op *op = &l->graph->ops[l->op_of[into]];
    CIM_TRY(cim_cc_params_node(l, index, &extra));
    op->weights += extra;
    op->has_bias = true;
    l->op_of[index] = l->op_of[into];
    l->arrival[bn->outputs[0]] = l->arrival[bn->inputs[0]];
    return CIM_OK;
}

/* ---- the graph's ends -------------------------------------------------------------------------------- */

static cim_status graph_alloc(cim_cc_lowering *l)
{
    cim_cc_graph *g = l->graph;
    size_t ops = 0, edges = 0;
    for (uint32_t i = 0; i < l->net->n_nodes; i++)
        if (l->live[i]) {
            ops++;
            edges += l->net->nodes[i].n_inputs;
        }
    g->name = cim_arena_strdup(l->ar, l->net->name);
    g->ops = cim_arena_alloc(l->ar, ops, sizeof *g->ops);
    g->edges = cim_arena_alloc(l->ar, edges, sizeof *g->edges);
    g->inputs = cim_arena_alloc(l->ar, l->net->n_inputs, sizeof *g->inputs);
    g->outputs = cim_arena_alloc(l->ar, l->net->n_outputs, sizeof *g->outputs);
    if (!g->name || !g->ops || !g->edges || !g->inputs || !g->outputs)
        return cim_cc_net_nomem(l->net, l->err);
    for (uint32_t i = 0; i < l->net->n_inputs; i++) {
        const cim_cc_net_tensor *t = &l->net->tensors[l->net->inputs[i].tensor];
        cim_cc_input *in = &g->inputs[g->n_inputs++];
        in->name = cim_arena_strdup(l->ar, t->name);
        in->rank = t->rank;
        in->elements = t->elements;
        memcpy(in->shape, t->dims, sizeof in->shape);
        if (!in->name)
            return cim_cc_net_nomem(l->net, l->err);
    }
    return CIM_OK;
}

static cim_status graph_close(cim_cc_lowering *l)
{
    cim_cc_graph *g = l->graph;
    for (uint32_t i = 0; i < l->net->n_outputs; i++) {
        cim_cc_op_id id = producer_of(l, l->net->outputs[i]);
        bool seen = id == CIM_CC_INVALID;
        for (uint32_t k = 0; k < g->n_outputs; k++)
            seen = seen || g->outputs[k] == id;
        if (!seen)
            g->outputs[g->n_outputs++] = id;
    }
    for (uint32_t i = 0; i < g->n_ops; i++)
        if (!cim_cc_add(g->macs, g->ops[i].macs, &g->macs) ||
            !cim_cc_add(g->weights, g->ops[i].weights, &g->weights))
            return cim_err_set(l->err, CIM_E_INPUT, l->net->name,
                               "has more than 2^53 MACs or parameters");
    if (g->n_ops == 0 || g->n_outputs == 0)
        return cim_err_set(l->err, CIM_E_INPUT, l->net->name,
                           "has nothing to run: its outputs do not depend on its inputs");
    return cim_cc_graph_check(g, l->err);
}

static cim_status lower_all(cim_cc_lowering *l)
{
    cim_arena scratch;
    cim_arena_init(&scratch);
    cim_cc_infer x = {.net = l->net, .scratch = &scratch, .err = l->err};
    for (uint32_t i = 0; i < l->net->n_nodes; i++)
        if (l->live[i])
            fold_batch_norm(l, &x, i);
    cim_cc_arrival_inputs(l);
    cim_cc_sign_inputs(l);
    cim_status s = x.status;
    for (uint32_t i = 0; i < l->net->n_nodes && s == CIM_OK; i++) {
        if (!l->live[i])
            continue;
        x.node = &l->net->nodes[i];
        cim_arena_reset(&scratch);
        s = l->folded[i] != CIM_CC_INVALID ? lower_folded(l, i) : lower_node(l, &x, i);
    }
    cim_arena_clear(&scratch);
    return s;
}

cim_status cim_cc_net_lower(cim_cc_net *net, cim_arena *ar, cim_cc_graph *graph, cim_err *err)
{
    cim_cc_lowering l = {.net = net, .graph = graph, .ar = ar, .err = err};
    memset(graph, 0, sizeof *graph);
    cim_arena_init(&l.scratch);
    cim_status s = lowering_init(&l);
    if (s == CIM_OK) {
        find_live(&l);
        s = graph_alloc(&l);
    }
    if (s == CIM_OK)
        s = lower_all(&l);
    if (s == CIM_OK)
        s = graph_close(&l);
    if (s == CIM_OK) {
        net->op_of = l.op_of;
        net->folded = l.folded;
    }
    cim_arena_clear(&l.scratch);
    return s;
}
