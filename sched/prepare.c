/* What can be computed once per network: breakpoints of ceil(n / k), streams, dependence tables. */
#include "sched/dynamic.h"

#include <math.h>

enum {
    FINE_STEPS = 1024, /* rows followed one by one up to here, then in groups */
    COARSE_STEPS = 16,
    MAX_BREAKS = 1 << 22 /* products per operator up to about 4e12 */
};

const cim_cc_graph *cim_cc_prepared_graph(const cim_cc_prepared *p)
{
    return p->graph;
}

void cim_cc_prepared_destroy(cim_cc_prepared *p)
{
    if (!p)
        return;
    cim_cc_prepared_destroy(p->on_arrays);
    cim_arena_clear(&p->arena);
    cim_free(p);
}

/* For every value q of ceil(n / k) the smallest k, in ascending order of k:
 * k = 1, then k' = ceil(n / (q - 1)). About 2 sqrt(n) of them. */
static const cim_cc_breaks *breaks_build(cim_arena *ar, int64_t n)
{
    cim_cc_breaks *b = cim_arena_alloc(ar, 1, sizeof *b);
    size_t cap = (size_t)(2.0 * sqrt((double)n)) + 3;
    if (!b || cap > MAX_BREAKS)
        return NULL;
    b->n = n;
    b->copies = cim_arena_take(ar, cap, sizeof *b->copies);
    b->rounds = cim_arena_take(ar, cap, sizeof *b->rounds);
    if (!b->copies || !b->rounds)
        return NULL;
    for (int64_t k = 1;;) {
        int64_t q = (n + k - 1) / k;
        b->copies[b->count] = k;
        b->rounds[b->count++] = q;
        if (q == 1)
            return b;
        k = (n + q - 2) / (q - 1);
    }
}

static bool prepare_breaks(cim_cc_prepared *p)
{
    for (uint32_t i = 0; i < p->n_xb; i++) {
        int64_t n = p->graph->ops[p->xb[i]].mvms;
        for (uint32_t j = 0; j < i && !p->breaks[i]; j++)
            if (p->breaks[j]->n == n)
                p->breaks[i] = p->breaks[j];
        if (!p->breaks[i])
            p->breaks[i] = breaks_build(&p->arena, n);
        if (!p->breaks[i])
            return false;
    }
    return true;
}

/* A resolution being built. */
typedef struct builder {
    cim_cc_prepared *p;
    cim_cc_flow *flow;
    int64_t max_steps;
} builder;

static int64_t stream_length(const cim_cc_op *op)
{
    return op->images > 1 ? op->images : op->rows;
}

/* Rows (or images) per step. */
static int64_t chunk_of(const builder *b, const cim_cc_op *op)
{
    return (stream_length(op) + b->max_steps - 1) / b->max_steps;
}

/* The producer's step that step s (1-based) of the consumer waits for. */
static uint32_t step_needed(const builder *b, const cim_cc_op *consumer, const cim_cc_op *producer,
                            const cim_cc_edge *e, uint32_t s, uint32_t producer_steps)
{
    if (cim_cc_op_is_written(consumer) && consumer->together)
        return producer_steps;
    /* "all of it" means all of the same image */
    if (e->full && (consumer->images <= 1 || producer->images <= 1))
        return producer_steps;
    int64_t length = stream_length(consumer), last = (int64_t)s * chunk_of(b, consumer);
    if (last > length)
        last = length;
    int64_t row;
    if (consumer->images > 1 || producer->images > 1) {
        /* followed by images; a merge or split of the batch keeps order */
        int64_t have = stream_length(producer);
        row = length == have ? last : (int64_t)ceil((double)last * (double)have / (double)length);
    } else {
        row = cim_cc_edge_row(e, last, producer->rows);
    }
    int64_t chunk = chunk_of(b, producer), step = (row + chunk - 1) / chunk;
    if (step < 1)
        step = 1;
    return step > producer_steps ? producer_steps : (uint32_t)step;
}

static bool edge_table(const builder *b, cim_cc_op_id id, uint32_t edge)
{
    const cim_cc_graph *g = b->p->graph;
    const cim_cc_edge *e = &g->edges[edge];
    if (e->producer == CIM_CC_INVALID)
        return true;
    uint32_t steps = b->flow->stream[id].steps, have = b->flow->stream[e->producer].steps;
    uint32_t *need = b->flow->need[edge] = cim_arena_take(&b->p->arena, steps, sizeof *need);
    if (!need)
        return false;
    for (uint32_t s = 1; s <= steps; s++)
        need[s - 1] = step_needed(b, &g->ops[id], &g->ops[e->producer], e, s, have);
    return true;
}

/* Products done with every step; a product belongs to the row in which its result lies. Where
 * matrices of several rows are driven together, none is done before all are. */
static void count_products(const builder *b, const cim_cc_op *op, const cim_cc_stream *s)
{
    double *out = b->flow->products + s->offset;
    int64_t length = stream_length(op), chunk = chunk_of(b, op);
    int64_t n = op->unit == CIM_CC_UNIT_CROSSBAR ? op->mvms : 0;
    for (uint32_t i = 0; i < s->steps; i++) {
        int64_t rows = (int64_t)(i + 1) * chunk < length ? (int64_t)(i + 1) * chunk : length;
        bool together = cim_cc_op_is_written(op) && op->together;
        out[i] = rows == length || together ? (double)n
                                            : ceil((double)rows * ((double)n / (double)length));
    }
}

static bool build_flow(cim_cc_prepared *p, cim_cc_flow *flow, int64_t max_steps)
{
    const cim_cc_graph *g = p->graph;
    builder b = {.p = p, .flow = flow, .max_steps = max_steps};
    flow->stream = cim_arena_alloc(&p->arena, g->n_ops, sizeof *flow->stream);
    flow->need = cim_arena_alloc(&p->arena, g->n_edges, sizeof *flow->need);
    if (!flow->stream || !flow->need)
        return false;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        int64_t chunk = chunk_of(&b, &g->ops[i]);
        flow->stream[i].steps = (uint32_t)((stream_length(&g->ops[i]) + chunk - 1) / chunk);
        flow->stream[i].offset = flow->total_steps;
        flow->total_steps += flow->stream[i].steps;
        if (flow->stream[i].steps > flow->most_steps)
            flow->most_steps = flow->stream[i].steps;
    }
    flow->products = cim_arena_take(&p->arena, flow->total_steps, sizeof *flow->products);
    if (!flow->products)
        return false;
    for (uint32_t i = 0; i < g->n_ops; i++)
        count_products(&b, &g->ops[i], &flow->stream[i]);
    for (uint32_t i = 0; i < g->n_ops; i++)
        for (uint32_t k = 0; k < g->ops[i].n_edges; k++)
            if (!edge_table(&b, i, g->ops[i].first_edge + k))
                return false;
    return true;
}

/* A crossbar operator's row appears product by product; one that works element by element passes its
 * inputs on as they come; others need whole rows. */
static void prepare_pieces(cim_cc_prepared *p)
{
    const cim_cc_graph *g = p->graph;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        const cim_cc_op *op = &g->ops[i];
        int64_t pieces = 1;
        if (op->unit == CIM_CC_UNIT_CROSSBAR && op->mvms == op->rows * op->images * op->cols)
            pieces = op->cols;
        for (uint32_t k = 0; op->unit != CIM_CC_UNIT_CROSSBAR && k < op->n_edges; k++) {
            const cim_cc_edge *e = &g->edges[op->first_edge + k];
            if (op->images > 1 || !cim_cc_edge_follows(e)) {
                pieces = 1;
                break;
            }
            if (e->cols > 0 && e->producer != CIM_CC_INVALID && p->pieces[e->producer] > pieces)
                pieces = p->pieces[e->producer];
        }
        p->pieces[i] = (uint32_t)(pieces < 1 ? 1 : pieces > UINT32_MAX ? UINT32_MAX : pieces);
    }
}

/* Who reads a result through operators that only rename it: these have no storage, so what they name is kept
 * until their own readers are done. */
static void prepare_uses(cim_cc_prepared *p)
{
    const cim_cc_graph *g = p->graph;
    for (uint32_t i = 0; i < g->n_ops; i++)
        p->last_use[i] = i;
    for (uint32_t i = g->n_ops; i-- > 0;) {
        bool renames = g->ops[i].unit == CIM_CC_UNIT_NONE;
        cim_cc_op_id last = renames ? p->last_use[i] : i;
        uint64_t behind = renames ? p->uses[i] : 0; /* who reads through this one */
        for (uint32_t r = p->first_reader[i]; renames && r < p->first_reader[i + 1]; r++)
            behind += g->ops[p->reader[r]].unit != CIM_CC_UNIT_NONE;
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from == CIM_CC_INVALID)
                continue;
            p->last_use[from] = last > p->last_use[from] ? last : p->last_use[from];
            uint64_t uses = p->uses[from] + behind;
            p->uses[from] = uses < UINT32_MAX ? (uint32_t)uses : UINT32_MAX;
        }
    }
}

/* Who reads a result last, and what fraction of it the first reader to start waits for. */
static void prepare_readers(cim_cc_prepared *p)
{
    const cim_cc_graph *g = p->graph;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        p->last_reader[i] = i;
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            if (from == CIM_CC_INVALID)
                continue;
            p->last_reader[from] = i; /* readers come in ascending order */
            double fraction = (double)p->fine.need[k][0] / p->fine.stream[from].steps;
            if (fraction > p->fill[from])
                p->fill[from] = fraction;
        }
    }
}

/* Readers of every operator, each once. */
static bool list_readers(cim_cc_prepared *p)
{
    const cim_cc_graph *g = p->graph;
    p->first_reader = cim_arena_alloc(&p->arena, (size_t)g->n_ops + 2, sizeof *p->first_reader);
    p->reader = cim_arena_take(&p->arena, (size_t)g->n_edges + 1, sizeof *p->reader);
    cim_cc_op_id *last = cim_arena_take(&p->arena, g->n_ops, sizeof *last);
    if (!p->first_reader || !p->reader || !last)
        return false;
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t i = 0; i < g->n_ops; i++)
            last[i] = CIM_CC_INVALID;
        for (uint32_t i = 0; i < g->n_ops; i++)
            for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges;
                 k++) {
                cim_cc_op_id from = g->edges[k].producer;
                if (from == CIM_CC_INVALID || last[from] == i)
                    continue;
                last[from] = i;
                if (fill)
                    p->reader[p->first_reader[from + 1]++] = i;
                else
                    p->first_reader[from + 2]++;
            }
        for (uint32_t i = 2; !fill && i < g->n_ops + 2; i++)
            p->first_reader[i] += p->first_reader[i - 1];
    }
    return true;
}

/* Whether a digital operator runs on its producer's results as they appear: one input, row by row
 * and element by element, from a crossbar or digital operator that nobody else reads. */
static bool fused_with(const cim_cc_graph *g, const uint32_t *readers, cim_cc_op_id id)
{
    const cim_cc_op *op = &g->ops[id];
    if (op->unit != CIM_CC_UNIT_DIGITAL || op->n_edges != 1)
        return false;
    const cim_cc_edge *e = &g->edges[op->first_edge];
    if (e->producer == CIM_CC_INVALID || readers[e->producer] != 1 ||
        g->ops[e->producer].unit == CIM_CC_UNIT_NONE)
        return false;
    return !e->full && e->num == e->den && e->offset == 0 && op->in_elements == op->out_elements &&
           g->ops[e->producer].out_elements == op->in_elements;
}

/* What travels between operators. A chain convolution - normalisation - activation moves its result
 * once, after the activation. */
static bool prepare_traffic(cim_cc_prepared *p)
{
    const cim_cc_graph *g = p->graph;
    uint32_t *readers = cim_arena_alloc(&p->arena, g->n_ops, sizeof *readers);
    if (!readers)
        return false;
    for (uint32_t k = 0; k < g->n_edges; k++)
        if (g->edges[k].producer != CIM_CC_INVALID)
            readers[g->edges[k].producer]++;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        readers[g->outputs[i]]++;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        if (g->ops[i].unit == CIM_CC_UNIT_NONE)
            continue;
        p->traffic_in[i] = (double)g->ops[i].in_elements;
        p->traffic_out[i] = (double)g->ops[i].out_elements;
        if (!fused_with(g, readers, i))
            continue;
        p->traffic_in[i] = 0.0;
        p->traffic_out[g->edges[g->ops[i].first_edge].producer] = 0.0;
    }
    return true;
}

/* What must be done before a crossbar operator's first step, found by walking back over operators
 * that are not on crossbars. Missing some only weakens a bound, so the walk is short. */
enum { MAX_WALK = 256, MAX_LEADS = 16 };

typedef struct walk {
    const cim_cc_prepared *p;
    const uint32_t *xb_of; /* per operator */
    cim_cc_lead leads[MAX_LEADS];
    uint32_t n, visits;
} walk;

static void walk_back(walk *w, cim_cc_op_id id, uint32_t step)
{
    const cim_cc_graph *g = w->p->graph;
    const cim_cc_op *op = &g->ops[id];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = g->edges[k].producer;
        if (from == CIM_CC_INVALID || w->n == MAX_LEADS || ++w->visits > MAX_WALK)
            continue;
        uint32_t needed = w->p->fine.need[k][step];
        if (g->ops[from].unit == CIM_CC_UNIT_CROSSBAR)
            w->leads[w->n++] = (cim_cc_lead){
                .from = w->xb_of[from], .fraction = (double)needed / w->p->fine.stream[from].steps};
        else
            walk_back(w, from, needed - 1);
    }
}

static bool prepare_leads(cim_cc_prepared *p)
{
    uint32_t *xb_of = cim_arena_alloc(&p->arena, p->graph->n_ops, sizeof *xb_of);
    p->leads = cim_arena_take(&p->arena, (size_t)p->n_xb * MAX_LEADS, sizeof *p->leads);
    if (!xb_of || !p->leads)
        return false;
    for (uint32_t i = 0; i < p->n_xb; i++)
        xb_of[p->xb[i]] = i;
    for (uint32_t i = 0; i < p->n_xb; i++) {
        walk w = {.p = p, .xb_of = xb_of};
        walk_back(&w, p->xb[i], 0);
        for (uint32_t k = 0; k < w.n; k++) {
            w.leads[k].to = i;
            p->leads[p->n_leads++] = w.leads[k];
        }
    }
    return true;
}

static bool prepare_all(cim_cc_prepared *p)
{
    const cim_cc_graph *graph = p->graph;
    p->xb = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->xb);
    p->breaks = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->breaks);
    p->fill = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->fill);
    p->last_reader = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->last_reader);
    p->last_use = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->last_use);
    p->uses = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->uses);
    p->pieces = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->pieces);
    p->traffic_in = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->traffic_in);
    p->traffic_out = cim_arena_alloc(&p->arena, graph->n_ops, sizeof *p->traffic_out);
    bool ok = p->traffic_in && p->traffic_out && p->xb && p->breaks && p->fill && p->last_reader &&
              p->last_use && p->uses && p->pieces;
    for (uint32_t i = 0; ok && i < graph->n_ops; i++)
        if (graph->ops[i].unit == CIM_CC_UNIT_CROSSBAR)
            p->xb[p->n_xb++] = i;
    if (!ok || !prepare_breaks(p) || !prepare_traffic(p) || !build_flow(p, &p->fine, FINE_STEPS) ||
        !build_flow(p, &p->coarse, COARSE_STEPS) || !prepare_leads(p) || !list_readers(p) ||
        !cim_cc_routes_build(p))
        return false;
    prepare_readers(p);
    prepare_pieces(p);
    prepare_uses(p);
    return true;
}

static bool prepare_on_arrays(cim_cc_prepared *p)
{
    cim_cc_prepared *q = p->on_arrays = cim_alloc(1, sizeof *q);
    if (!q)
        return false;
    cim_arena_init(&q->arena);
    cim_cc_graph *g = cim_arena_alloc(&q->arena, 1, sizeof *g);
    q->graph = g;
    return g && cim_cc_graph_on_arrays(p->graph, &q->arena, g) == CIM_OK && prepare_all(q);
}

cim_status cim_cc_prepare(const cim_cc_graph *graph, cim_cc_prepared **out, cim_err *err)
{
    cim_cc_prepared *p = cim_alloc(1, sizeof *p);
    if (!p)
        return cim_err_set(err, CIM_E_NOMEM, graph->name, "out of memory");
    cim_arena_init(&p->arena);
    p->graph = graph;
    if (!prepare_all(p) || (cim_cc_graph_has_written(graph) && !prepare_on_arrays(p))) {
        cim_cc_prepared_destroy(p);
        return cim_err_set(err, CIM_E_NOMEM, graph->name, "out of memory preparing the network");
    }
    *out = p;
    return CIM_OK;
}
