/* The engine of the cycle simulator: events in order of time over first-come-first-served resources.
 *
 * A product enters its copy when its inputs exist and the copy has room (two products between entry and
 * the start of the main leg, so that loading overlaps computing; four between entry and the end of the core
 * ALU's work, so that results are double-buffered, too), and goes from leg to leg. A resource
 * that only this copy uses is served ahead of time, because nobody can come between; at one that others
 * use too, the product arrives by an event of its own, so that requests are served in order of arrival,
 * ties in order of their making. When a product is finished, readers whose inputs are now there go on.
 * Nothing depends on addresses or hashing: the same plan gives the same events. */
#include "sched/cycle_internal.h"

#include <math.h>
#include <string.h>

enum { ROOM = 2, IN_FLIGHT = 4 };

typedef enum event_kind { EVENT_ROOM, EVENT_DRAINED, EVENT_ARRIVE, EVENT_FINISH } event_kind;

typedef struct event {
    double at_ns;
    uint64_t number; /* order of making: breaks ties */
    int64_t product;
    uint32_t lane, node;
    uint8_t kind, leg;
} event;

/* A resource: when it is free for who comes next, and how long it has worked. */
typedef struct server {
    double free_ns, busy_ns;
} server;

typedef struct engine {
    cim_cc_cycle_segment *s;
    cim_cc_cycle_meter *meter;
    double now_ns;
    event *heap;
    size_t n_heap, cap_heap;
    uint64_t n_events;
    server *cores; /* per core and resource */
    server l0, pool, offchip;
    double *inference_end;
    double end_ns;
    int64_t frame[CIM_CC_FLOW_MAX_VARS];
    bool failed; /* out of memory */
    cim_status status;
    cim_err *err;
} engine;

/* ---- heap -------------------------------------------------------------------------------------------- */

static bool before(const event *a, const event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void push(engine *g, event e)
{
    e.number = g->n_events++;
    if (cim_grow(&g->heap, &g->cap_heap, g->n_heap + 1, sizeof *g->heap)) {
        g->failed = true;
        return;
    }
    size_t i = g->n_heap++;
    while (i > 0 && before(&e, &g->heap[(i - 1) / 2])) {
        g->heap[i] = g->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    g->heap[i] = e;
}

static event pop(engine *g)
{
    event top = g->heap[0], last = g->heap[--g->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= g->n_heap)
            break;
        if (child + 1 < g->n_heap && before(&g->heap[child + 1], &g->heap[child]))
            child++;
        if (!before(&g->heap[child], &last))
            break;
        g->heap[i] = g->heap[child];
        i = child;
    }
    g->heap[i] = last;
    return top;
}

/* ---- resources --------------------------------------------------------------------------------------- */

static int core_resource(cim_cc_leg leg)
{
    switch (leg) {
    case CIM_CC_LEG_NOC_IN:
        return CIM_CC_CORE_NOC_IN;
    case CIM_CC_LEG_L1:
        return CIM_CC_CORE_L1;
    case CIM_CC_LEG_CORE_ALU:
        return CIM_CC_CORE_ALU;
    case CIM_CC_LEG_NOC_OUT:
        return CIM_CC_CORE_NOC_OUT;
    default:
        return -1;
    }
}

/* The chip's only resource of this leg. */
static server *chip_resource(engine *g, cim_cc_leg leg)
{
    switch (leg) {
    case CIM_CC_LEG_L0_IN:
    case CIM_CC_LEG_L0_OUT:
        return &g->l0;
    case CIM_CC_LEG_POOL:
        return &g->pool;
    case CIM_CC_LEG_OFFCHIP_IN:
    case CIM_CC_LEG_OFFCHIP_OUT:
        return &g->offchip;
    default:
        return NULL;
    }
}

static bool others_use(engine *g, const cim_cc_cycle_lane *lane, cim_cc_leg leg)
{
    return chip_resource(g, leg) || (lane->shared && core_resource(leg) >= 0);
}

static void draw(engine *g, uint32_t node, cim_cc_leg leg, double from, double to, double mw,
                 double units)
{
    if (g->meter)
        cim_cc_cycle_meter_draw(g->meter, node, leg, from, to, mw, units);
}

/* @return when the work begins */
static double serve(server *by, double at, double ns)
{
    double start = at > by->free_ns ? at : by->free_ns;
    by->free_ns = start + ns;
    by->busy_ns += ns;
    return start;
}

/* All cores of a copy do their part of the leg; the last to be done counts. */
static double serve_cores(engine *g, uint32_t node, const cim_cc_cycle_lane *lane, cim_cc_leg leg,
                          double at)
{
    const cim_cc_cycle_part *part = g->s->source->parts + lane->first_part;
    int r = core_resource(leg);
    double end = at, work = 0.0;
    for (uint32_t i = 0; i < lane->n_parts; i++)
        work += part[i].ns[r] * part[i].count;
    for (uint32_t i = 0; i < lane->n_parts && work > 0.0; i++) {
        server *by = &g->cores[(size_t)part[i].core * CIM_CC_N_CORE + (size_t)r];
        double start = serve(by, at, part[i].ns[r]);
        end = fmax(end, by->free_ns);
        draw(g, node, leg, start, by->free_ns, g->s->nodes[node].leg[leg].pj / work * part[i].count,
             part[i].count);
    }
    return end;
}

/* One leg of a product that arrives at `at`. @param[out] start of the work @return its end */
static double serve_leg(engine *g, uint32_t node, cim_cc_cycle_lane *lane, cim_cc_leg leg,
                        double at, double *start)
{
    const cim_cc_cycle_node *n = &g->s->nodes[node];
    const cim_cc_cycle_leg *l = &n->leg[leg];
    *start = at;
    if (!(l->ns > 0.0))
        return at;
    if (core_resource(leg) >= 0)
        return serve_cores(g, node, lane, leg, at);
    server *by = chip_resource(g, leg);
    bool crossbar = leg == CIM_CC_LEG_CROSSBAR;
    if (by) {
        *start = serve(by, at, l->ns);
    } else {
        *start = at > lane->free_ns ? at : lane->free_ns;
        lane->free_ns = *start + l->ns;
    }
    draw(g, node, leg, *start, *start + l->ns, l->pj / l->ns,
         crossbar ? (double)n->crossbars : 1.0);
    return *start + l->ns;
}

/* Before a copy's first product of an inference its crossbars are written. @return when that is done */
static double write_operand(engine *g, uint32_t node, cim_cc_cycle_lane *lane, double at)
{
    const cim_cc_cycle_node *n = &g->s->nodes[node];
    double start = fmax(at, lane->free_ns);
    lane->free_ns = start + n->operand_ns;
    draw(g, node, CIM_CC_LEG_OPERAND, start, lane->free_ns, n->operand_pj / n->operand_ns,
         (double)n->crossbars);
    return lane->free_ns;
}

/* ---- products ------------------------------------------------------------------------------------------ */

/* A product goes on from a leg until it must ask for what others use too. */
static void go(engine *g, uint32_t node, uint32_t lane_id, int64_t p, int first, double at)
{
    cim_cc_cycle_node *n = &g->s->nodes[node];
    cim_cc_cycle_lane *lane = &g->s->lanes[lane_id];
    event e = {.product = p, .lane = lane_id, .node = node};
    for (int l = first; l < CIM_CC_N_LEGS; l++) {
        cim_cc_leg leg = (cim_cc_leg)l;
        if (n->leg[l].ns > 0.0 && at > g->now_ns && others_use(g, lane, leg)) {
            e.kind = EVENT_ARRIVE;
            e.leg = (uint8_t)l;
            e.at_ns = at;
            push(g, e);
            return;
        }
        double start;
        if (leg == CIM_CC_LEG_CROSSBAR && n->operand_ns > 0.0 && p % n->products < n->copies)
            at = write_operand(g, node, lane, at);
        at = serve_leg(g, node, lane, leg, at, &start);
        if (leg == n->main) {
            e.kind = EVENT_ROOM;
            e.at_ns = start;
            push(g, e);
        }
        if (leg == CIM_CC_LEG_CORE_ALU && n->leg[l].ns > 0.0) {
            e.kind = EVENT_DRAINED;
            e.at_ns = at;
            push(g, e);
        }
        if (leg == CIM_CC_LEG_CROSSBAR)
            at += n->collect_ns;
    }
    e.kind = EVENT_FINISH;
    e.at_ns = at;
    push(g, e);
}

/* The product that a lane takes after p. */
static int64_t next_product(const cim_cc_cycle_node *n, int64_t p)
{
    int64_t in = p % n->products, next = p + n->copies;
    if (in + n->copies >= n->products) /* the lane's first of the next inference */
        next = p - in + n->products + in % n->copies;
    return next < n->total ? next : -1;
}

/* The independent check of the schedule: whatever was waited for, what the network says that the product
 * reads must exist. */
static cim_status check_inputs(engine *g, const cim_cc_cycle_node *n, int64_t p)
{
    const cim_cc_cycle_source *source = g->s->source;
    const cim_cc_graph *graph = source->plan->graph;
    const cim_cc_op *op = &graph->ops[n->op];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id id = graph->edges[k].producer;
        if (id == CIM_CC_INVALID)
            continue;
        uint32_t from = source->node_of[id];
        int64_t need = 1, done = source->parts_run[id] > 0;
        if (from != UINT32_MAX) {
            need = cim_cc_cycle_edge_need(g->s, n, &g->s->nodes[from], &graph->edges[k], p);
            done = g->s->nodes[from].done;
        }
        if (done < need)
            return cim_err_set(
                g->err, CIM_E_INPUT, n->name,
                "row %lld reads rows of %s that do not exist yet: %lld of %lld "
                "products are finished, it needs %lld (segment %u)",
                (long long)cim_cc_cycle_row(n, p % n->products) + 1, graph->ops[id].name,
                (long long)(from == UINT32_MAX ? 0 : done % g->s->nodes[from].products),
                (long long)(from == UINT32_MAX ? 0 : g->s->nodes[from].products),
                (long long)(from == UINT32_MAX ? 0 : need), g->s->index);
    }
    return CIM_OK;
}

static void enter(engine *g, uint32_t node, uint32_t lane_id)
{
    cim_cc_cycle_node *n = &g->s->nodes[node];
    cim_cc_cycle_lane *lane = &g->s->lanes[lane_id];
    while (lane->next >= 0 && lane->room > 0 && lane->in_flight < IN_FLIGHT &&
           lane->next < n->ready) {
        int64_t p = lane->next;
        if (g->status == CIM_OK)
            g->status = check_inputs(g, n, p);
        lane->next = next_product(n, p);
        lane->room--;
        if (n->leg[CIM_CC_LEG_CORE_ALU].ns > 0.0)
            lane->in_flight++;
        if (n->started++ == 0)
            n->start_ns = g->now_ns;
        go(g, node, lane_id, p, 0, g->now_ns);
    }
}

/* The oldest row (1-based, all inferences counted) of a producer that a reader still needs. */
static int64_t oldest_needed(const engine *g, const cim_cc_cycle_node *from,
                             const cim_cc_cycle_node *to, const cim_cc_edge *edge)
{
    const cim_cc_graph *graph = g->s->source->plan->graph;
    const cim_cc_op *reader = &graph->ops[to->op], *by = &graph->ops[from->op];
    int64_t inference = to->done / to->products, before = inference * from->rows;
    int64_t row = cim_cc_cycle_row(to, to->done % to->products) + 1, first = 1;
    if (reader->images > 1 && by->images > 1) /* followed by images */
        first = (row - 1) * by->images / to->rows * by->rows + 1;
    else if (reader->images <= 1 && by->images <= 1 && !edge->full && edge->span > 0)
        first = cim_cc_edge_row(edge, row, from->rows) - edge->span + 1;
    return before + (first > 1 ? first : 1);
}

/* Whether product p has to wait for a place: its row takes that of the row a window before it, whose
 * readers must be done. @param[out] to, need  a reader, and how far it must get */
static bool waits_for_place(const engine *g, const cim_cc_cycle_node *n, int64_t p, uint32_t *to,
                            int64_t *need)
{
    const cim_cc_cycle_source *source = g->s->source;
    const cim_cc_graph *graph = source->plan->graph;
    const cim_cc_tensor *tensor = &source->flow->tensors[n->op];
    int64_t row = p / n->products * n->rows + cim_cc_cycle_row(n, p % n->products) + 1;
    if (tensor->window >= tensor->rows || row <= tensor->window)
        return false;
    for (uint32_t i = n->first_reader; i < n->first_reader + n->n_readers; i++) {
        const cim_cc_cycle_node *r = &g->s->nodes[g->s->readers[i]];
        const cim_cc_op *op = &graph->ops[r->op];
        for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
            if (graph->edges[k].producer != n->op || r->done == r->total ||
                oldest_needed(g, n, r, &graph->edges[k]) > row - tensor->window)
                continue;
            int64_t at = cim_cc_cycle_row(r, r->done % r->products) + 1;
            *to = g->s->readers[i];
            *need = r->done / r->products * r->products + at * r->products / r->rows;
            *need = *need > r->done ? *need : r->done + 1;
            return true;
        }
    }
    return false;
}

/* What product p waits for: the first wait that has not come true.
 *  @param[out] from   the producer's node, UINT32_MAX: none of this segment runs it
 *  @param[out] place  it waits for a reader instead, to have a place for its row */
static bool waits_for(engine *g, uint32_t node, int64_t p, uint32_t *from, cim_cc_op_id *op,
                      int64_t *need, bool *place)
{
    const cim_cc_cycle_node *n = &g->s->nodes[node];
    uint32_t item = 0;
    *place = false;
    if (!g->s->pipelined && node > 0) { /* one operator after another */
        const cim_cc_cycle_node *before = n - 1;
        *from = node - 1;
        *op = before->op;
        *need = (p / n->products + 1) * before->products;
        if (before->done < *need)
            return true;
    }
    while (cim_cc_cycle_wait_next(g->s, n, p, g->frame, &item, from, op, need))
        if (*from == UINT32_MAX ? g->s->source->parts_run[*op] == 0
                                : g->s->nodes[*from].done < *need)
            return true;
    if (!waits_for_place(g, n, p, from, need))
        return false;
    *op = g->s->nodes[*from].op;
    *place = true;
    return true;
}

/* Which products have what they wait for now; their lanes go on. */
static void update_ready(engine *g, uint32_t node)
{
    cim_cc_cycle_node *n = &g->s->nodes[node];
    int64_t first = n->ready, need;
    uint32_t from;
    cim_cc_op_id op;
    bool place;
    for (; n->ready < n->total; n->ready++)
        if (waits_for(g, node, n->ready, &from, &op, &need, &place)) {
            if (from != UINT32_MAX && need < g->s->nodes[from].wake_at)
                g->s->nodes[from].wake_at = need;
            break;
        }
    for (int64_t p = first; p < n->ready; p++) {
        uint32_t lane = n->first_lane + (uint32_t)(p % n->products % n->copies);
        if (g->s->lanes[lane].next == p)
            enter(g, node, lane);
    }
}

static void finish(engine *g, const event *e)
{
    cim_cc_cycle_node *n = &g->s->nodes[e->node];
    int64_t p = e->product, inference = p / n->products;
    n->finished[p / 64] |= UINT64_C(1) << (p % 64);
    while (n->done < n->total && n->finished[n->done / 64] >> (n->done % 64) & 1)
        n->done++;
    g->inference_end[inference] = fmax(g->inference_end[inference], e->at_ns);
    if (inference == 0)
        n->end_ns = fmax(n->end_ns, e->at_ns);
    if (n->done < n->wake_at)
        return;
    n->wake_at = INT64_MAX;
    for (uint32_t k = n->first_reader; k < n->first_reader + n->n_readers; k++)
        update_ready(g, g->s->readers[k]);
    if (!g->s->pipelined && e->node + 1 < g->s->n_nodes)
        update_ready(g, e->node + 1);
}

/* ---- the run -------------------------------------------------------------------------------------------- */

static cim_status prepare(engine *g, double start_ns, cim_arena *ar)
{
    cim_cc_cycle_segment *s = g->s;
    size_t cores = (size_t)s->source->flow->chip.cores * CIM_CC_N_CORE;
    g->cores = cim_arena_alloc(ar, cores, sizeof *g->cores);
    g->inference_end = cim_arena_alloc(ar, (size_t)s->inferences, sizeof *g->inference_end);
    if (!g->cores || !g->inference_end)
        return CIM_E_NOMEM;
    /* nobody is served before the segment starts, so resources may be free from time 0 */
    g->now_ns = g->end_ns = start_ns;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        cim_cc_cycle_node *n = &s->nodes[i];
        n->total = n->products * s->inferences;
        n->wake_at = INT64_MAX;
        n->finished = cim_arena_alloc(ar, (size_t)n->total / 64 + 1, sizeof *n->finished);
        if (!n->finished)
            return CIM_E_NOMEM;
        for (int64_t k = 0; k < n->copies; k++) {
            cim_cc_cycle_lane *lane = &s->lanes[n->first_lane + k];
            lane->room = ROOM;
            lane->next = k < n->products ? k : -1;
            lane->free_ns = start_ns;
        }
    }
    return CIM_OK;
}

/* Nobody goes on: the first operator that waits, and for what. Those that wait for a place wait for their
 * readers, which are not the cause when they wait, too. */
static cim_status deadlock(engine *g)
{
    const cim_cc_graph *graph = g->s->source->plan->graph;
    for (uint32_t i = 0; i < g->s->n_nodes; i++) {
        const cim_cc_cycle_node *n = &g->s->nodes[i];
        uint32_t from;
        cim_cc_op_id op;
        int64_t need;
        bool place;
        if (n->done == n->total || n->ready == n->total ||
            !waits_for(g, i, n->ready, &from, &op, &need, &place))
            continue;
        int64_t row = cim_cc_cycle_row(n, n->ready % n->products) + 1;
        if (place)
            return cim_err_set(g->err, CIM_E_INPUT, n->name,
                               "waits for ever before its row %lld: %lld rows are kept, and %s "
                               "still reads the one whose place it takes (segment %u)",
                               (long long)row, (long long)g->s->source->flow->tensors[n->op].window,
                               graph->ops[op].name, g->s->index);
        return cim_err_set(
            g->err, CIM_E_INPUT, n->name, "waits for ever before its row %lld: %s %s (segment %u)",
            (long long)row, graph->ops[op].name,
            from == UINT32_MAX ? "does not run before it" : "does not get as far as it waits for",
            g->s->index);
    }
    return CIM_OK;
}

static cim_status loop(engine *g)
{
    for (uint32_t i = 0; i < g->s->n_nodes; i++)
        update_ready(g, i);
    while (g->n_heap > 0 && !g->failed && g->status == CIM_OK) {
        event e = pop(g);
        g->now_ns = e.at_ns;
        switch ((event_kind)e.kind) {
        case EVENT_ROOM:
            g->s->lanes[e.lane].room++;
            enter(g, e.node, e.lane);
            break;
        case EVENT_DRAINED:
            g->s->lanes[e.lane].in_flight--;
            enter(g, e.node, e.lane);
            break;
        case EVENT_ARRIVE:
            go(g, e.node, e.lane, e.product, e.leg, e.at_ns);
            break;
        case EVENT_FINISH:
            g->end_ns = e.at_ns;
            finish(g, &e);
            break;
        }
        if (g->meter)
            cim_cc_cycle_meter_advance(g->meter, g->now_ns);
    }
    CIM_TRY(g->status);
    bool nomem = g->failed || (g->meter && g->meter->failed);
    return nomem ? CIM_E_NOMEM : deadlock(g);
}

/* Time that one inference takes of the resource that works longest: inferences cannot follow each other
 * faster. */
static double bottleneck(const engine *g)
{
    const cim_cc_cycle_segment *s = g->s;
    double most = fmax(g->l0.busy_ns, fmax(g->pool.busy_ns, g->offchip.busy_ns));
    for (size_t i = 0; i < (size_t)s->source->flow->chip.cores * CIM_CC_N_CORE; i++)
        most = fmax(most, g->cores[i].busy_ns);
    most /= (double)s->inferences;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const cim_cc_cycle_node *n = &s->nodes[i];
        most = fmax(most, (double)cim_cc_ceil_div(n->products, n->copies) *
                              n->leg[CIM_CC_LEG_CROSSBAR].ns);
    }
    return most;
}

cim_status cim_cc_cycle_execute(cim_cc_cycle_segment *s, double start_ns, cim_cc_cycle_meter *m,
                                cim_arena *ar, cim_cc_cycle_outcome *out, cim_err *err)
{
    engine g = {.s = s, .meter = m, .err = err, .status = CIM_OK};
    cim_status st = prepare(&g, start_ns, ar);
    if (st == CIM_OK)
        st = loop(&g);
    cim_free(g.heap);
    if (st == CIM_E_NOMEM)
        return cim_err_set(err, st, "cycle", "out of memory simulating segment %u", s->index + 1);
    CIM_TRY(st);
    out->end_ns = g.end_ns;
    out->inference_end_ns = g.inference_end;
    out->bottleneck_ns = bottleneck(&g);
    out->n_events = g.n_events;
    return CIM_OK;
}
