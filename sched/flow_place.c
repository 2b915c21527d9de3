/* Where tensors are kept: the global buffer as far as it reaches, first fit by when a result is written
 * and read, large ones first; else off-chip. Results of one segment go first: those that later segments read are
 * the ones that the plan lets spill. */
#include "sched/flow_emit.h"

#include <stdlib.h>
#include <string.h>

/* A place in the buffer while the time is first..last. */
typedef struct region {
    int64_t address, end;
    uint32_t first, last;
} region;

typedef struct places {
    emitter *e;
    uint32_t *first, *last; /* per operator: when its result lives */
    bool *crosses;          /* per operator: read in a later segment, or made in several */
    region *taken;          /* by address */
    uint32_t n_taken;
    int64_t offchip; /* next free element */
} places;

/* Time: operators of a pipelined segment work together, others one after another. */
static void find_lives(places *x, uint32_t *segment, uint32_t *done)
{
    const cim_cc_plan *plan = x->e->plan;
    const cim_cc_graph *g = plan->graph;
    uint32_t now = 0;
    memset(x->first, 0xff, g->n_ops * sizeof *x->first);
    for (uint32_t s = 0; s < plan->n_segments; s++, now++)
        for (cim_cc_op_id id = plan->segments[s].first_op; id < plan->segments[s].end_op; id++) {
            if (x->first[id] == UINT32_MAX)
                x->first[id] = now;
            else
                x->crosses[id] = true;
            x->last[id] = done[id] = now;
            segment[id] = s;
            now += !cim_cc_pipelined(plan);
        }
    for (uint32_t i = g->n_ops; i-- > 0;) { /* what a view shows lives as long as the view */
        bool view = g->ops[i].unit == CIM_CC_UNIT_NONE;
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from == CIM_CC_INVALID)
                continue;
            /* every part of an operator reads its inputs */
            uint32_t until = view ? x->last[i] : done[i];
            x->last[from] = until > x->last[from] ? until : x->last[from];
            x->crosses[from] =
                x->crosses[from] || segment[i] > segment[from] || (view && x->crosses[i]);
        }
    }
}

/* First fit. @return false: the buffer has no room */
static bool fit(places *x, cim_cc_op_id id, int64_t size, int64_t *address)
{
    int64_t capacity = x->e->p->chip.l0, at = 0;
    uint32_t place = 0;
    for (uint32_t i = 0; i < x->n_taken; i++) {
        const region *r = &x->taken[i];
        if (r->last < x->first[id] || r->first > x->last[id])
            continue;
        if (r->address - at >= size)
            break;
        at = r->end > at ? r->end : at;
    }
    if (capacity >= 0 && size > capacity - at)
        return false;
    while (place < x->n_taken && x->taken[place].address <= at)
        place++;
    memmove(x->taken + place + 1, x->taken + place, (x->n_taken - place) * sizeof *x->taken);
    x->taken[place] = (region){at, at + size, x->first[id], x->last[id]};
    x->n_taken++;
    *address = at;
    return true;
}

static void place_offchip(places *x, cim_cc_tensor *t)
{
    t->space = CIM_CC_SPACE_OFFCHIP;
    t->window = t->rows;
    t->address = x->offchip;
    x->offchip += t->rows * t->row_elements;
}

static void describe(places *x, cim_cc_op_id id)
{
    const cim_cc_plan *plan = x->e->plan;
    const cim_cc_op *op = &plan->graph->ops[id];
    cim_cc_tensor *t = &x->e->p->tensors[id];
    t->rows = op->rows * op->images;
    t->row_elements = (op->out_elements + t->rows - 1) / t->rows;
    t->window = plan->ops[id].window_rows;
    if (t->window < 1 || t->window > t->rows || x->crosses[id] || !cim_cc_pipelined(plan))
        t->window = t->rows;
    t->space = CIM_CC_SPACE_L0;
    if (op->unit == CIM_CC_UNIT_NONE)
        t->space = CIM_CC_SPACE_VIEW;
    else if (!(plan->prepared->traffic_out[id] > 0.0) && !x->crosses[id])
        t->space = CIM_CC_SPACE_FUSED;
    if (t->space != CIM_CC_SPACE_L0)
        t->window = t->rows;
}

static void place_result(places *x, cim_cc_op_id id)
{
    cim_cc_tensor *t = &x->e->p->tensors[id];
    bool offchip = x->e->plan->ops[id].offchip;
    if (t->space != CIM_CC_SPACE_L0 ||
        (!offchip && fit(x, id, t->window * t->row_elements, &t->address)))
        return;
    place_offchip(x, t);
    if (x->crosses[id] && !offchip)
        t->space = CIM_CC_SPACE_SPILLED;
}

typedef struct sized {
    int64_t elements;
    cim_cc_op_id id;
} sized;

static int larger_first(const void *pa, const void *pb)
{
    const sized *a = pa, *b = pb;
    if (a->elements != b->elements)
        return a->elements > b->elements ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

bool cim_cc_flow_place_tensors(emitter *e)
{
    const cim_cc_graph *g = e->plan->graph;
    places x = {.e = e};
    uint32_t *segment = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *segment);
    uint32_t *done = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *done);
    x.first = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *x.first);
    x.last = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *x.last);
    x.crosses = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *x.crosses);
    x.taken = cim_arena_alloc(&e->scratch, (size_t)g->n_ops + 1, sizeof *x.taken);
    sized *order = cim_arena_take(&e->scratch, (size_t)g->n_ops + 1, sizeof *order);
    if (!order || !segment || !done || !x.first || !x.last || !x.crosses || !x.taken)
        return false;
    find_lives(&x, segment, done);
    for (uint32_t k = 0; k < g->n_inputs; k++) {
        cim_cc_tensor *t = &e->p->tensors[g->n_ops + k];
        t->rows = 1;
        t->row_elements = g->inputs[k].elements;
        place_offchip(&x, t);
    }
    for (cim_cc_op_id id = 0; id < g->n_ops; id++) {
        describe(&x, id);
        cim_cc_tensor *t = &e->p->tensors[id];
        order[id] = (sized){.elements = t->window * t->row_elements, .id = id};
    }
    qsort(order, g->n_ops, sizeof *order, larger_first);
    for (int crossing = 0; crossing < 2; crossing++)
        for (uint32_t i = 0; i < g->n_ops; i++)
            if (x.crosses[order[i].id] == (crossing == 1))
                place_result(&x, order[i].id);
    return true;
}
