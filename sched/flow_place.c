/* Where tensors are kept: the global buffer as far as it reaches, first fit by the segments in which
 * a result is written and read; else off-chip. */
#include "sched/flow_emit.h"

#include <string.h>

typedef struct region {
    int64_t address, end;
    uint32_t last; /* segment */
} region;

typedef struct places {
    emitter *e;
    uint32_t *first, *last; /* per operator: segments in which its result lives */
    region *live;           /* by address */
    uint32_t n_live;
    int64_t offchip; /* next free element */
} places;

static void find_lives(places *x)
{
    const cim_cc_plan *plan = x->e->plan;
    const cim_cc_graph *g = plan->graph;
    memset(x->first, 0xff, g->n_ops * sizeof *x->first);
    for (uint32_t s = 0; s < plan->n_segments; s++)
        for (cim_cc_op_id id = plan->segments[s].first_op; id < plan->segments[s].end_op; id++) {
            if (x->first[id] == UINT32_MAX)
                x->first[id] = s;
            x->last[id] = s;
        }
    for (uint32_t i = g->n_ops; i-- > 0;) /* what a view shows lives as long as the view */
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from != CIM_CC_INVALID && x->last[i] > x->last[from])
                x->last[from] = x->last[i];
        }
}

/* First fit. @return false: the buffer has no room */
static bool fit(places *x, int64_t size, uint32_t first, uint32_t last, int64_t *address)
{
    int64_t capacity = x->e->p->chip.l0, at = 0;
    uint32_t kept = 0, place = UINT32_MAX;
    for (uint32_t i = 0; i < x->n_live; i++) {
        if (x->live[i].last < first)
            continue; /* given back */
        if (place == UINT32_MAX && x->live[i].address - at >= size)
            place = kept;
        if (place == UINT32_MAX)
            at = x->live[i].end;
        x->live[kept++] = x->live[i];
    }
    x->n_live = kept;
    place = place == UINT32_MAX ? kept : place;
    if (capacity >= 0 && size > capacity - at)
        return false;
    memmove(x->live + place + 1, x->live + place, (kept - place) * sizeof *x->live);
    x->live[place] = (region){.address = at, .end = at + size, .last = last};
    x->n_live++;
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

static void place_result(places *x, cim_cc_op_id id)
{
    const cim_cc_plan *plan = x->e->plan;
    const cim_cc_op *op = &plan->graph->ops[id];
    cim_cc_tensor *t = &x->e->p->tensors[id];
    t->rows = op->rows * op->images;
    t->row_elements = (op->out_elements + t->rows - 1) / t->rows;
    t->window = plan->ops[id].window_rows;
    if (t->window < 1 || t->window > t->rows)
        t->window = t->rows;
    if (op->unit == CIM_CC_UNIT_NONE) {
        t->space = CIM_CC_SPACE_VIEW;
        t->window = t->rows;
        return;
    }
    t->space = CIM_CC_SPACE_L0;
    if (plan->ops[id].offchip ||
        !fit(x, t->window * t->row_elements, x->first[id], x->last[id], &t->address))
        place_offchip(x, t);
}

bool cim_cc_flow_place_tensors(emitter *e)
{
    const cim_cc_graph *g = e->plan->graph;
    places x = {.e = e};
    x.first = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *x.first);
    x.last = cim_arena_alloc(&e->scratch, g->n_ops, sizeof *x.last);
    x.live = cim_arena_alloc(&e->scratch, (size_t)g->n_ops + 1, sizeof *x.live);
    if (!x.first || !x.last || !x.live)
        return false;
    find_lives(&x);
    for (uint32_t k = 0; k < g->n_inputs; k++) {
        cim_cc_tensor *t = &e->p->tensors[g->n_ops + k];
        t->rows = 1;
        t->row_elements = g->inputs[k].elements;
        place_offchip(&x, t);
    }
    for (cim_cc_op_id id = 0; id < g->n_ops; id++)
        place_result(&x, id);
    return true;
}
