/* The routes of a network's traffic: which crossbar operators, digital units or buffers send to which,
 * and how much. They depend on the graph alone; pass place measures them for every design point. */
#include "sched/plan_internal.h"

#include <string.h>

/* Of a result put together from more crossbar operators than this, the others count as spread over the
 * chip, as digital operators are. */
enum { MAX_SOURCES = 256 };

/* Where an operator's result is when it is read: shares of places. */
typedef struct source {
    uint32_t at;
    double share;
} source;

typedef struct sources {
    source *list;
    uint32_t n;
} sources;

typedef struct routing {
    cim_cc_prepared *p;
    uint32_t *home; /* per operator: where it runs; its own number among crossbar operators */
    sources *of;    /* per operator */
    uint32_t
        *seen_as; /* per place (crossbar operators, ALUs, port): entry of the list being built */
    cim_cc_routes *into;
    size_t cap;
    source scratch[MAX_SOURCES + 2];
} routing;

static uint32_t slot_of(const routing *r, uint32_t at)
{
    return at == CIM_CC_AT_PORT ? r->p->n_xb + 1 : at == CIM_CC_AT_ALUS ? r->p->n_xb : at;
}

/* Where an operator runs. A digital operator that is fused with its producer (it moves nothing,
 * prepare.c) runs where that runs. */
static void find_home(routing *r, cim_cc_op_id id)
{
    const cim_cc_graph *g = r->p->graph;
    const cim_cc_op *op = &g->ops[id];
    r->home[id] = CIM_CC_AT_ALUS;
    if (op->unit == CIM_CC_UNIT_DIGITAL && op->n_edges == 1 && r->p->traffic_in[id] <= 0.0 &&
        g->edges[op->first_edge].producer != CIM_CC_INVALID)
        r->home[id] = r->home[g->edges[op->first_edge].producer];
}

static void add_source(routing *r, uint32_t *n, uint32_t at, double share)
{
    uint32_t *entry = &r->seen_as[slot_of(r, at)];
    if (*entry == UINT32_MAX && *n >= MAX_SOURCES && at != CIM_CC_AT_PORT) {
        at = CIM_CC_AT_ALUS;
        entry = &r->seen_as[slot_of(r, at)];
    }
    if (*entry == UINT32_MAX) {
        *entry = (*n)++;
        r->scratch[*entry] = (source){.at = at};
    }
    r->scratch[*entry].share += share;
}

/* An operator that only renames or moves data leaves it where its inputs are, by their sizes. */
static bool find_sources(routing *r, cim_cc_op_id id)
{
    const cim_cc_graph *g = r->p->graph;
    const cim_cc_op *op = &g->ops[id];
    uint32_t n = 0;
    double elements = 0.0;
    for (uint32_t k = 0; k < op->n_edges; k++)
        elements += (double)g->edges[op->first_edge + k].elements;
    for (uint32_t k = 0; op->unit == CIM_CC_UNIT_NONE && k < op->n_edges; k++) {
        const cim_cc_edge *e = &g->edges[op->first_edge + k];
        double share = (double)e->elements / elements;
        if (e->producer == CIM_CC_INVALID) {
            add_source(r, &n, CIM_CC_AT_PORT, share);
            continue;
        }
        const sources *from = &r->of[e->producer];
        for (uint32_t i = 0; i < from->n; i++)
            add_source(r, &n, from->list[i].at, share * from->list[i].share);
    }
    if (op->unit != CIM_CC_UNIT_NONE)
        add_source(r, &n, r->home[id], 1.0);
    for (uint32_t i = 0; i < n; i++)
        r->seen_as[slot_of(r, r->scratch[i].at)] = UINT32_MAX;
    r->of[id] = (sources){.list = cim_arena_take(&r->p->arena, n, sizeof(source)), .n = n};
    if (!r->of[id].list)
        return false;
    memcpy(r->of[id].list, r->scratch, n * sizeof(source));
    return true;
}

static bool add_route(routing *r, uint32_t from, uint32_t to, cim_cc_op_id op, double elements)
{
    cim_cc_routes *into = r->into;
    if (!(elements > 0.0))
        return true;
    if (cim_grow(&into->all, &r->cap, (size_t)into->n + 1, sizeof *into->all) != 0)
        return false;
    into->all[into->n++] = (cim_cc_route){.from = from, .to = to, .op = op, .elements = elements};
    return true;
}

static bool from_sources(routing *r, cim_cc_op_id producer, uint32_t to, cim_cc_op_id op,
                         double elements)
{
    const sources *s = &r->of[producer];
    for (uint32_t i = 0; i < s->n; i++)
        if (!add_route(r, s->list[i].at, to, op, elements * s->list[i].share))
            return false;
    return true;
}

/* Without a global buffer results go straight to each of their readers, and leave at the port. */
static bool direct_routes(routing *r, cim_cc_op_id id)
{
    const cim_cc_graph *g = r->p->graph;
    const cim_cc_op *op = &g->ops[id];
    for (uint32_t k = op->first_edge;
         r->p->traffic_in[id] > 0.0 && k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &g->edges[k];
        double elements = (double)e->elements;
        bool ok = e->producer == CIM_CC_INVALID
                      ? add_route(r, CIM_CC_AT_PORT, r->home[id], id, elements)
                      : from_sources(r, e->producer, r->home[id], id, elements);
        if (!ok)
            return false;
    }
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == id &&
            !from_sources(r, id, CIM_CC_AT_PORT, id, (double)op->out_elements))
            return false;
    return true;
}

static bool buffered_routes(routing *r, cim_cc_op_id id)
{
    if (r->p->graph->ops[id].unit == CIM_CC_UNIT_NONE)
        return true;
    return add_route(r, CIM_CC_AT_PORT, r->home[id], id, r->p->traffic_in[id]) &&
           add_route(r, r->home[id], CIM_CC_AT_PORT, id, r->p->traffic_out[id]);
}

/* Which routes start or end at every crossbar operator. */
static bool index_routes(routing *r)
{
    cim_cc_routes *s = r->into;
    uint32_t n_xb = r->p->n_xb;
    s->first = cim_arena_alloc(&r->p->arena, (size_t)n_xb + 2, sizeof *s->first);
    s->touching = cim_arena_take(&r->p->arena, 2 * (size_t)s->n, sizeof *s->touching);
    if (!s->first || !s->touching)
        return false;
    for (uint32_t pass = 0; pass < 2; pass++) {
        /* first pass: counts, two entries on; second: fill, which moves the entries one back */
        for (uint32_t i = 0; i < s->n; i++)
            for (uint32_t end = 0; end < 2; end++) {
                uint32_t at = end ? s->all[i].to : s->all[i].from;
                if (at >= n_xb || (end && at == s->all[i].from))
                    continue;
                if (pass == 0)
                    s->first[at + 2]++;
                else
                    s->touching[s->first[at + 1]++] = i;
            }
        for (uint32_t i = 2; pass == 0 && i < n_xb + 2; i++)
            s->first[i] += s->first[i - 1];
    }
    return true;
}

/* The list grew outside the arena; it ends up inside. */
static bool build(routing *r, cim_cc_routes *into, bool (*routes_of)(routing *r, cim_cc_op_id id))
{
    bool ok = true;
    r->into = into;
    r->cap = 0;
    for (cim_cc_op_id id = 0; ok && id < r->p->graph->n_ops; id++)
        ok = routes_of(r, id);
    cim_cc_route *grown = into->all;
    into->all = ok ? cim_arena_take(&r->p->arena, into->n, sizeof *grown) : NULL;
    ok = into->all != NULL;
    if (ok && into->n > 0)
        memcpy(into->all, grown, into->n * sizeof *grown);
    cim_free(grown);
    return ok && index_routes(r);
}

bool cim_cc_routes_build(cim_cc_prepared *p)
{
    uint32_t n = p->graph->n_ops;
    routing r = {.p = p};
    r.home = cim_arena_take(&p->arena, n, sizeof *r.home);
    r.of = cim_arena_alloc(&p->arena, n, sizeof *r.of);
    r.seen_as = cim_arena_take(&p->arena, (size_t)p->n_xb + 2, sizeof *r.seen_as);
    if (!r.home || !r.of || !r.seen_as)
        return false;
    for (uint32_t i = 0; i < p->n_xb + 2; i++)
        r.seen_as[i] = UINT32_MAX;
    for (cim_cc_op_id id = 0, xb = 0; id < n; id++) {
        find_home(&r, id);
        if (p->graph->ops[id].unit == CIM_CC_UNIT_CROSSBAR)
            r.home[id] = xb++;
        if (!find_sources(&r, id))
            return false;
    }
    return build(&r, &p->direct, direct_routes) && build(&r, &p->buffered, buffered_routes);
}
