/* The imported network: creation, messages, order. */
#include "sched/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool cim_cc_dtype_is_real(int dtype)
{
    return dtype == CIM_CC_DT_FLOAT || dtype == CIM_CC_DT_DOUBLE || dtype == CIM_CC_DT_FLOAT16 ||
           dtype == CIM_CC_DT_BFLOAT16;
}

bool cim_cc_dtype_is_unsigned(int dtype)
{
    return dtype == CIM_CC_DT_UINT8 || dtype == CIM_CC_DT_UINT16 || dtype == CIM_CC_DT_UINT32 ||
           dtype == CIM_CC_DT_UINT64 || dtype == CIM_CC_DT_BOOL;
}

size_t cim_cc_dtype_size(int dtype)
{
    switch (dtype) {
    case CIM_CC_DT_UINT8:
    case CIM_CC_DT_INT8:
    case CIM_CC_DT_BOOL:
        return 1;
    case CIM_CC_DT_UINT16:
    case CIM_CC_DT_INT16:
    case CIM_CC_DT_FLOAT16:
    case CIM_CC_DT_BFLOAT16:
        return 2;
    case CIM_CC_DT_FLOAT:
    case CIM_CC_DT_INT32:
    case CIM_CC_DT_UINT32:
        return 4;
    case CIM_CC_DT_INT64:
    case CIM_CC_DT_UINT64:
    case CIM_CC_DT_DOUBLE:
    case CIM_CC_DT_COMPLEX64:
        return 8;
    case CIM_CC_DT_COMPLEX128:
        return 16;
    default:
        return 0;
    }
}

cim_cc_net *cim_cc_net_create(const char *name)
{
    cim_cc_net *net = cim_alloc(1, sizeof *net);
    if (!net)
        return NULL;
    cim_arena_init(&net->arena);
    cim_text_init(&net->notes);
    net->producer = "";
    net->fold_budget = CIM_CC_FOLD_BUDGET;
    net->name = cim_arena_strdup(&net->arena, name);
    if (!net->name) {
        cim_cc_net_destroy(net);
        return NULL;
    }
    return net;
}

void cim_cc_net_destroy(cim_cc_net *net)
{
    if (!net)
        return;
    cim_arena_clear(&net->arena);
    cim_text_clear(&net->notes);
    cim_free(net);
}

cim_status cim_cc_net_nomem(const cim_cc_net *net, cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, net->name, "out of memory for the network");
}

cim_status cim_cc_node_error(const cim_cc_net *net, const cim_cc_net_node *node, cim_err *err,
                             const char *fmt, ...)
{
    char where[256], message[512];
    snprintf(where, sizeof where, "%.100s: node '%.100s' (%.40s)", net->name, node->name,
             node->type);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return cim_err_set(err, CIM_E_INPUT, where, "%s", message);
}

const char *cim_cc_net_meta_find(const cim_cc_net *net, const char *key)
{
    for (uint32_t i = 0; i < net->n_meta; i++)
        if (!strcmp(net->meta[i].key, key))
            return net->meta[i].value;
    return NULL;
}

/* ---- order ------------------------------------------------------------------------------------ */

typedef struct sorter {
    cim_cc_net *net;
    uint32_t *waits;      /* per node: inputs still missing */
    uint32_t *first;      /* per tensor: its first use */
    uint32_t *next, *use; /* uses as linked lists: next use, node */
    uint32_t *heap;       /* ready nodes, smallest index on top, so that order is kept */
    uint32_t n_heap;
} sorter;

static void heap_push(sorter *s, uint32_t v)
{
    uint32_t i = s->n_heap++;
    while (i > 0 && s->heap[(i - 1) / 2] > v) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = v;
}

static uint32_t heap_pop(sorter *s)
{
    uint32_t top = s->heap[0], v = s->heap[--s->n_heap], i = 0;
    for (uint32_t c = 1; c < s->n_heap; c = 2 * i + 1) {
        if (c + 1 < s->n_heap && s->heap[c + 1] < s->heap[c])
            c++;
        if (s->heap[c] >= v)
            break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    s->heap[i] = v;
    return top;
}

static bool sorter_init(sorter *s, cim_arena *ar)
{
    const cim_cc_net *net = s->net;
    size_t uses = 0;
    for (uint32_t i = 0; i < net->n_nodes; i++)
        uses += net->nodes[i].n_inputs;
    s->waits = cim_arena_alloc(ar, net->n_nodes, sizeof *s->waits);
    s->heap = cim_arena_alloc(ar, net->n_nodes + 1, sizeof *s->heap);
    s->first = cim_arena_alloc(ar, net->n_tensors, sizeof *s->first);
    s->next = cim_arena_alloc(ar, uses + 1, sizeof *s->next);
    s->use = cim_arena_alloc(ar, uses + 1, sizeof *s->use);
    if (!s->waits || !s->heap || !s->first || !s->next || !s->use)
        return false;
    for (uint32_t t = 0; t < net->n_tensors; t++)
        s->first[t] = CIM_CC_INVALID;
    uint32_t n = 0;
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        const cim_cc_net_node *node = &net->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            uint32_t t = node->inputs[k];
            if (t == CIM_CC_INVALID || net->tensors[t].producer == CIM_CC_INVALID)
                continue;
            s->waits[i]++;
            s->use[n] = i;
            s->next[n] = s->first[t];
            s->first[t] = n++;
        }
        if (s->waits[i] == 0)
            heap_push(s, i);
    }
    return true;
}

cim_status cim_cc_net_sort(cim_cc_net *net, cim_err *err)
{
    cim_arena scratch;
    cim_arena_init(&scratch);
    sorter s = {.net = net};
    cim_cc_net_node *sorted = cim_arena_alloc(&net->arena, net->n_nodes, sizeof *sorted);
    if (!sorted || !sorter_init(&s, &scratch)) {
        cim_arena_clear(&scratch);
        return cim_cc_net_nomem(net, err);
    }
    uint32_t done = 0;
    while (s.n_heap > 0) {
        uint32_t i = heap_pop(&s);
        cim_cc_net_node *node = &net->nodes[i];
        sorted[done] = *node;
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            uint32_t t = node->outputs[k];
            if (t == CIM_CC_INVALID)
                continue;
            for (uint32_t u = s.first[t]; u != CIM_CC_INVALID; u = s.next[u])
                if (--s.waits[s.use[u]] == 0)
                    heap_push(&s, s.use[u]);
        }
        done++;
    }
    cim_status status = CIM_OK;
    for (uint32_t i = 0; i < net->n_nodes && done < net->n_nodes; i++)
        if (s.waits[i] > 0) {
            status = cim_cc_node_error(net, &net->nodes[i], err,
                                       "is part of a cycle or waits for one; a network is acyclic");
            break;
        }
    cim_arena_clear(&scratch);
    if (status != CIM_OK)
        return status;
    net->nodes = sorted;
    for (uint32_t i = 0; i < net->n_nodes; i++)
        for (uint32_t k = 0; k < net->nodes[i].n_outputs; k++)
            if (net->nodes[i].outputs[k] != CIM_CC_INVALID)
                net->tensors[net->nodes[i].outputs[k]].producer = i;
    return CIM_OK;
}
