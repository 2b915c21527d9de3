/* Declarations of tensors: sizes as the network has them, inside the global buffer, and no two in the
 * same place while both live. */
#include "sched/flow_check.h"

#include <stdlib.h>

static int64_t size_of(const cim_cc_tensor *t)
{
    return t->window * t->row_elements;
}

/* When results are written and read: operators of a pipelined segment work together, others one after
 * another. What a view shows lives as long as the view. */
static cim_status find_lives(checker *c)
{
    const cim_cc_graph *g = c->g;
    uint32_t now = 0, *done = cim_arena_alloc(&c->ar, g->n_ops, sizeof *done);
    uint32_t *own = cim_arena_alloc(&c->ar, g->n_ops, sizeof *own); /* last segment of its blocks */
    if (!done || !own)
        return cim_cc_check_nomem(c);
    for (uint32_t s = 0; s < c->p->n_segments; s++, now++)
        for (uint32_t i = 0; i < c->p->segments[s].n; i++) {
            cim_cc_op_id op = c->p->ops[c->p->segments[s].first + i].op;
            bool again = c->first[op] != UINT32_MAX;
            c->first[op] = again ? c->first[op] : now;
            c->last[op] = done[op] = now;
            c->from_segment[op] = again ? c->from_segment[op] : s;
            c->to_segment[op] = own[op] = s;
            now += !c->p->segments[s].pipelined;
        }
    for (uint32_t i = g->n_ops; i-- > 0;)
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from == CIM_CC_INVALID)
                continue;
            bool view = g->ops[i].unit == CIM_CC_UNIT_NONE;
            uint32_t until = view ? c->last[i] : done[i];
            c->last[from] = until > c->last[from] ? until : c->last[from];
            uint32_t segment = view ? c->to_segment[i] : own[i];
            if (segment > c->to_segment[from])
                c->to_segment[from] = segment;
        }
    return CIM_OK;
}

/* Whether a result has one reader that takes it element by element as it appears. */
static bool fused(const checker *c, uint32_t id)
{
    const cim_cc_graph *g = c->g;
    const cim_cc_op *reader = NULL;
    uint32_t readers = 0;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        readers += g->outputs[i] == id;
    for (uint32_t i = id + 1; i < g->n_ops && readers < 2; i++)
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++)
            if (g->edges[k].producer == id) {
                readers++;
                reader = &g->ops[i];
            }
    if (readers != 1 || !reader || reader->unit != CIM_CC_UNIT_DIGITAL || reader->n_edges != 1)
        return false;
    const cim_cc_edge *e = &g->edges[reader->first_edge];
    return !e->full && e->num == e->den && e->offset == 0 &&
           c->from_segment[id] == c->to_segment[id] &&
           reader->in_elements == reader->out_elements &&
           g->ops[id].out_elements == reader->in_elements;
}

static cim_status check_rows(checker *c, uint32_t id, int64_t rows, int64_t elements)
{
    const cim_cc_tensor *t = &c->p->tensors[id];
    int64_t each = (elements + rows - 1) / rows;
    if (t->rows != rows || t->row_elements != each)
        return cim_cc_check_fail(
            c, t->line, "%lld rows of %lld elements, the network has %lld of %lld",
            (long long)t->rows, (long long)t->row_elements, (long long)rows, (long long)each);
    if (t->window > rows)
        return cim_cc_check_fail(c, t->line, "a window of %lld rows, the tensor has %lld",
                                 (long long)t->window, (long long)rows);
    return CIM_OK;
}

static cim_status check_result(checker *c, uint32_t id)
{
    const cim_cc_tensor *t = &c->p->tensors[id];
    const cim_cc_op *op = &c->g->ops[id];
    int64_t l0 = c->p->chip.l0;
    CIM_TRY(check_rows(c, id, op->rows * op->images, op->out_elements));
    if ((t->space == CIM_CC_SPACE_VIEW) != (op->unit == CIM_CC_UNIT_NONE))
        return cim_cc_check_fail(c, t->line, "results of unit %s are %sviews",
                                 cim_cc_unit_words[op->unit],
                                 op->unit == CIM_CC_UNIT_NONE ? "" : "no ");
    if (t->space == CIM_CC_SPACE_FUSED && !fused(c, id))
        return cim_cc_check_fail(
            c, t->line,
            "t%u is not fused: it has not one reader in its segment that takes "
            "it element by element",
            id);
    if (t->space == CIM_CC_SPACE_SPILLED && c->to_segment[id] == c->from_segment[id])
        return cim_cc_check_fail(c, t->line, "t%u is not read in a later segment: nothing spills",
                                 id);
    bool whole = t->space != CIM_CC_SPACE_L0 || c->to_segment[id] > c->from_segment[id] ||
                 !c->p->segments[c->from_segment[id]].pipelined;
    if (whole && t->window != t->rows)
        return cim_cc_check_fail(
            c, t->line,
            "a window of %lld rows of %lld: a tensor that is off-chip, read in "
            "a later segment or not pipelined is kept whole",
            (long long)t->window, (long long)t->rows);
    if (t->space == CIM_CC_SPACE_L0 && l0 >= 0 && (size_of(t) > l0 || t->address > l0 - size_of(t)))
        return cim_cc_check_fail(
            c, t->line, "addresses %lld to %lld, the global buffer has 0 to %lld",
            (long long)t->address, (long long)(t->address + size_of(t) - 1), (long long)l0 - 1);
    return CIM_OK;
}

static cim_status check_input(checker *c, uint32_t id)
{
    const cim_cc_tensor *t = &c->p->tensors[id];
    CIM_TRY(check_rows(c, id, 1, c->g->inputs[id - c->g->n_ops].elements));
    if (t->space != CIM_CC_SPACE_OFFCHIP)
        return cim_cc_check_fail(c, t->line, "inputs of the network are off-chip");
    return CIM_OK;
}

/* By space and address. */
typedef struct place {
    int64_t low, high;
    uint32_t id, space;
} place;

static int place_order(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->space != y->space)
        return x->space < y->space ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool live_together(const checker *c, uint32_t a, uint32_t b)
{
    if (a >= c->g->n_ops || b >= c->g->n_ops) /* inputs stay */
        return true;
    return c->first[a] <= c->last[b] && c->first[b] <= c->last[a];
}

static cim_status check_overlap(checker *c)
{
    uint32_t n = 0;
    place *v = cim_arena_take(&c->ar, c->p->n_tensors, sizeof *v);
    if (!v)
        return cim_cc_check_nomem(c);
    for (uint32_t i = 0; i < c->p->n_tensors; i++) {
        const cim_cc_tensor *t = &c->p->tensors[i];
        bool l0 = t->space == CIM_CC_SPACE_L0;
        if (l0 || t->space == CIM_CC_SPACE_OFFCHIP || t->space == CIM_CC_SPACE_SPILLED)
            v[n++] = (place){t->address, t->address + size_of(t), i, !l0};
    }
    qsort(v, n, sizeof *v, place_order);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = i + 1; k < n && v[k].space == v[i].space && v[k].low < v[i].high; k++)
            if (live_together(c, v[i].id, v[k].id)) {
                bool input = v[i].id >= c->g->n_ops;
                return cim_cc_check_fail(
                    c, c->p->tensors[v[k].id].line,
                    "address %lld is in the place of tensor %c%u, %lld to %lld, which lives at the "
                    "same time",
                    (long long)v[k].low, input ? 'x' : 't', input ? v[i].id - c->g->n_ops : v[i].id,
                    (long long)v[i].low, (long long)v[i].high - 1);
            }
    return CIM_OK;
}

cim_status cim_cc_check_tensors(checker *c)
{
    CIM_TRY(find_lives(c));
    for (uint32_t i = 0; i < c->g->n_ops; i++)
        CIM_TRY(check_result(c, i));
    for (uint32_t i = c->g->n_ops; i < c->p->n_tensors; i++)
        CIM_TRY(check_input(c, i));
    return check_overlap(c);
}
