/* Pass pipeline where operators contend for what all of them share: the global buffer's port, the ALUs
 * of digital operators, the off-chip link.
 *
 * Each is one server, first come first served. Rows are the customers: a row asks for its inputs when
 * they exist and its copies can take them (they load two products ahead), chunk by chunk, then its
 * products run on the copies (queue.h), then its results go out in chunks. Events are served in order of
 * time; about three to ten per row. Used for the schedule that is recorded, not for those that are compared on
 * the way to it. sched/README.md, "Contention". */
#include "hwspace/base/real.h"
#include "sched/pipeline.h"

#include <math.h>

/* Both from comparing with the cycle simulator: more chunks cost time and bring no closer agreement; of the
 * share of a row that is worked on and given out before all of it has come in, a quarter and nearly all
 * agree less than half. */
enum { MOST_CHUNKS = 4 };
static const double EARLY = 0.5;

typedef enum kind {
    ASK_LINK,
    ASK_BUS,
    ASK_ALU,
    GIVE_EARLY,
    GIVE_BUS,
    GIVE_LINK,
    FIRST_OUT,
    ROW_OUT
} kind;

typedef struct event {
    double at_ns;
    double whole_ns; /* of a row on its way: when its last product's inputs or result are there */
    uint32_t line, step, chunk;
    kind what;
} event;

typedef enum server { BUS, ALU, LINK, N_SERVERS } server;

/* An operator at work. */
typedef struct line {
    cim_cc_op_id id;
    const cim_cc_node *node;
    cim_cc_timing t;
    cim_cc_queue q;
    uint32_t offset, steps;
    uint32_t issued;       /* steps that have asked for their inputs, */
    uint32_t arrived;      /* whose first inputs have come over the bus, */
    uint32_t complete;     /* and all of them, */
    uint32_t entered;      /* whose first product's start is known, */
    uint32_t closed;       /* and whose whole work is */
    uint32_t firsts, done; /* steps whose first part, whose whole is out */
    uint32_t served;       /* digital steps whose start is known */
    uint32_t behind;       /* the step of the product that makes room for the next step's first */
    double written;        /* when an operand that is written at run time is there */
    double chunk_ns;       /* when copies start on the chunk that came last, */
    double last_ns;        /* and on the last product of a row in chunks */
    double x;              /* when the work of the closed steps was done */
    double in_link, in_bus, alu, out_bus, out_link; /* of all steps together */
    /* A row goes over the bus in so many chunks, between which others have their turn: as copies have room
     * for more, and as they have results. */
    uint32_t in_chunks, out_chunks;
    double pieces; /* of a row, that its inputs come in and a digital operator works on */
} line;

typedef struct contest {
    cim_cc_context *cx;
    const cim_cc_range *range;
    line *lines; /* per operator of the range */
    double free_ns[N_SERVERS];
    double *in_first, *in_last; /* per step: when its first product's and all its inputs had come */
    double *starts;             /* per step: when its first product starts */
    event *heap;
    size_t n, cap;
    bool staggered, record;
} contest;

/* ---- events in order of time ----------------------------------------------------------------------- */

static bool earlier(const event *a, const event *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    if (a->line != b->line)
        return a->line < b->line;
    return a->step != b->step ? a->step < b->step : a->what < b->what;
}

static void push_event(contest *c, event e)
{
    size_t i = c->n++;
    for (; i > 0 && earlier(&e, &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = e;
}

static void push(contest *c, const line *l, uint32_t step, kind what, double at_ns)
{
    push_event(c, (event){.at_ns = at_ns,
                          .whole_ns = at_ns,
                          .line = (uint32_t)(l - c->lines),
                          .step = step,
                          .what = what});
}

static event pop(contest *c)
{
    event top = c->heap[0], last = c->heap[--c->n];
    size_t i = 0;
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= c->n)
            break;
        if (k + 1 < c->n && earlier(&c->heap[k + 1], &c->heap[k]))
            k++;
        if (!earlier(&c->heap[k], &last))
            break;
        c->heap[i] = c->heap[k];
        i = k;
    }
    c->heap[i] = last;
    return top;
}

static double serve(contest *c, server s, double at_ns, double ns)
{
    double start = cim_max(at_ns, c->free_ns[s]);
    c->free_ns[s] = start + ns;
    return start;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static double upto(const contest *c, const line *l, uint32_t step)
{
    return step ? c->cx->flow->products[l->offset + step - 1] : 0.0;
}

/* Share of the operator's products (or steps) in a step. */
static double share(const contest *c, const line *l, uint32_t step)
{
    if (!l->node)
        return 1.0 / l->steps;
    return (upto(c, l, step + 1) - upto(c, l, step)) / upto(c, l, l->steps);
}

/* Whether what a step waits for is there: whole, or its first part. */
static bool inputs_there(const contest *c, const line *l, uint32_t step, bool whole)
{
    const cim_cc_graph *g = c->cx->plan->graph;
    const cim_cc_op *op = &g->ops[l->id];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = g->edges[k].producer;
        if (from == CIM_CC_INVALID || from < c->range->first_op)
            continue;
        const line *p = &c->lines[from - c->range->first_op];
        bool parts = !whole && cim_cc_edge_by_parts(g, &g->edges[k], l->id);
        uint32_t have = parts ? p->firsts : p->done;
        if (have < c->cx->flow->need[k][step])
            return false;
    }
    return true;
}

/* Whether a step's first product needs all of the step's inputs. */
static bool needs_whole(const contest *c, const line *l, uint32_t step)
{
    return !c->staggered || (l->node && upto(c, l, step + 1) <= upto(c, l, step) + 1.0);
}

/* When a product of a closed step starts: its copy is done with those of the step before it, and its
 * inputs have come (the queue knows only about the last product). */
static double product_start(const contest *c, const line *l, uint32_t step, double product)
{
    uint32_t at = l->offset + step;
    double i = product - upto(c, l, step), all = upto(c, l, step + 1) - upto(c, l, step);
    double way = all > 1.0 ? (c->in_last[at] - c->in_first[at]) / (all - 1.0) : 0.0;
    return cim_max(c->starts[at] + floor(i / l->t.copies) * l->t.unit, c->in_first[at] + i * way);
}

/* When a copy has room for the first product of a step (a digital operator for the step): when the one
 * before the one before it starts. @return NAN while that is not known yet */
static double room_at(const contest *c, line *l, uint32_t step)
{
    if (!l->node && l->pieces > 1.0) /* pieces are two ahead of each other: hardly a row */
        return step == 0               ? 0.0
               : l->entered > step - 1 ? c->starts[l->offset + step - 1]
                                       : (double)NAN;
    if (!l->node)
        return step < 2               ? 0.0
               : l->served > step - 2 ? c->starts[l->offset + step - 2]
                                      : (double)NAN;
    double product = upto(c, l, step) - 2.0 * l->t.copies;
    if (product < 0.0)
        return 0.0;
    if (product >= upto(c, l, l->closed))
        return NAN;
    while (product >= upto(c, l, l->behind + 1))
        l->behind++;
    return product_start(c, l, l->behind, product);
}

/* Steps whose inputs exist ask for them as soon as their copies have room. */
static void issue(contest *c, line *l, double now)
{
    while (l->issued < l->steps && inputs_there(c, l, l->issued, needs_whole(c, l, l->issued))) {
        double at = room_at(c, l, l->issued);
        if (isnan(at))
            return;
        push(c, l, l->issued++, l->in_link > 0.0 ? ASK_LINK : ASK_BUS, cim_max(now, at));
    }
}

/* Results of a step go out from `at` on; they are complete when its work is. */
static void give(contest *c, const line *l, uint32_t s, double at)
{
    double whole = l->x + l->t.fill;
    kind what = l->out_bus > 0.0 ? GIVE_BUS : l->out_link > 0.0 ? GIVE_LINK : ROW_OUT;
    push_event(c, (event){.at_ns = what == GIVE_BUS ? at : cim_max(at, whole),
                          .whole_ns = whole,
                          .line = (uint32_t)(l - c->lines),
                          .step = s,
                          .what = what});
}

/* The start of a step is known: its first product's inputs have come and the steps before are closed. */
static void enter(contest *c, line *l, uint32_t s)
{
    double first = c->in_first[l->offset + s], out = cim_max(first, l->x);
    l->entered = s + 1;
    if (l->node) {
        if (s == 0 && l->t.before > 0.0)
            l->written = c->in_last[l->offset] + l->t.before;
        cim_cc_queue_ready(&l->q, upto(c, l, s), cim_max(first, l->written), 0);
        out = cim_cc_queue_done(&l->q, upto(c, l, s) + 1.0, NULL);
        c->starts[l->offset + s] = out - l->t.unit;
        if (c->record)
            c->cx->begin[l->offset + s] = out - l->t.unit;
        out += l->t.first_fill;
    } else if (l->pieces > 1.0) { /* pieces are worked on while the row comes in */
        double ns = l->alu * share(c, l, s) * EARLY;
        double start = l->alu > 0.0 ? serve(c, ALU, out, ns) : out;
        c->starts[l->offset + s] = start;
        l->x = cim_max(l->x, start + ns);
        out = cim_max(out, start + cim_min(ns, ns / (EARLY * l->pieces)));
    }
    if (c->staggered && l->pieces > 1.0)
        push(c, l, s, l->out_bus > 0.0 ? GIVE_EARLY : FIRST_OUT, cim_max(out, first));
}

/* All inputs of a crossbar operator's step are there: its work is known to its end. */
static void close_products(contest *c, line *l, uint32_t s, double whole, double now)
{
    double before = upto(c, l, s), after = upto(c, l, s + 1);
    if (after > before + 1.0)
        cim_cc_queue_ready(&l->q, after - 1.0, cim_max(whole, l->written), 0);
    l->x = after > before ? cim_max(l->x, cim_cc_queue_done(&l->q, after, NULL))
                          : cim_max(l->x, whole);
    double out = cim_cc_queue_done(&l->q, cim_min(before + 1.0, cim_max(after, 1.0)), NULL) +
                 l->t.first_fill;
    l->closed = s + 1;
    give(c, l, s, cim_max(out, now));
}

/* A step of a digital operator starts. */
static void run_step(contest *c, line *l, uint32_t s, double start, double ns)
{
    if (!(l->pieces > 1.0))
        c->starts[l->offset + s] = start;
    l->served = s + 1;
    l->x = cim_max(l->x, start + ns);
    give(c, l, s, l->x);
}

/* Steps go on in order as far as their inputs have come. */
static void go_on(contest *c, line *l, double now)
{
    while (l->closed < l->arrived) {
        uint32_t s = l->closed;
        if (l->entered == s)
            enter(c, l, s);
        if (!inputs_there(c, l, s, true))
            break;
        if (l->complete <= s)
            break;
        double whole = cim_max(l->in_chunks > 1 ? l->last_ns : c->in_last[l->offset + s],
                               c->staggered ? now : 0.0);
        if (l->node) {
            close_products(c, l, s, whole, now);
        } else {
            l->closed = s + 1;
            if (l->alu > 0.0)
                push(c, l, s, ASK_ALU, whole);
            else
                run_step(c, l, s, cim_max(l->x, whole), 0.0);
        }
    }
    issue(c, l, now);
}

/* Someone's row (or its first part) is out: who waited for it goes on. */
static void wake_readers(contest *c, const line *l, double now)
{
    const cim_cc_prepared *p = c->cx->plan->prepared;
    for (uint32_t i = p->first_reader[l->id]; i < p->first_reader[l->id + 1]; i++) {
        if (p->reader[i] >= c->range->end_op)
            return;
        go_on(c, &c->lines[p->reader[i] - c->range->first_op], now);
    }
}

/* Rounds of the copies before the first product of a chunk. */
static double rounds_before(const line *l, uint32_t chunk, double products)
{
    return floor(floor(products * chunk / l->in_chunks) / l->t.copies);
}

/* When copies start on a chunk whose first product's inputs are there: not before they are done with the
 * chunk before it. */
static double chunk_start(const contest *c, const line *l, const event *e, double products,
                          double there)
{
    if (!l->node || l->entered <= e->step)
        return there;
    if (e->chunk == 0)
        return cim_max(there, c->starts[l->offset + e->step]);
    double rounds = rounds_before(l, e->chunk, products) - rounds_before(l, e->chunk - 1, products);
    return cim_max(there, l->chunk_ns + rounds * l->t.unit);
}

/* A chunk of a row's inputs crosses the bus. */
static void bring_in(contest *c, line *l, const event *e, double ns, double products)
{
    uint32_t at = l->offset + e->step, chunks = l->in_chunks;
    double start = serve(c, BUS, e->at_ns, ns / chunks), first = start + ns / products;
    bool last = e->chunk + 1 == chunks;
    if (last)
        c->in_last[at] = cim_max(start + ns / chunks, e->whole_ns + ns / products);
    if (e->chunk == 0) {
        c->in_first[at] = first;
        if (!l->node && c->record)
            c->cx->begin[at] = start;
        l->arrived = e->step + 1;
        if (l->closed == e->step && l->entered == e->step)
            enter(c, l, e->step);
    }
    l->chunk_ns = chunk_start(c, l, e, products, first);
    if (last) {
        l->last_ns = c->in_last[at];
        if (l->node && chunks > 1) {
            double rounds =
                floor((products - 1.0) / l->t.copies) - rounds_before(l, e->chunk, products);
            l->last_ns = cim_max(l->last_ns, l->chunk_ns + rounds * l->t.unit);
        }
        l->complete = e->step + 1;
        return;
    }
    /* copies have room for the next chunk when they start on this one */
    double left = 1.0 - (e->chunk + 1.0) / chunks; /* of what comes over the link */
    event more = *e;
    more.at_ns = cim_max(l->chunk_ns, e->whole_ns - l->in_link * share(c, l, e->step) * left);
    more.chunk++;
    push_event(c, more);
}

/* A chunk of a row's results crosses the bus. */
static void bring_out(contest *c, line *l, const event *e, double ns, double products)
{
    double start = serve(c, BUS, e->at_ns, ns / l->out_chunks), end = start + ns / l->out_chunks;
    if (e->chunk + 1 < l->out_chunks) {
        event more = *e;
        more.at_ns += cim_max(0.0, e->whole_ns - e->at_ns) / (l->out_chunks - e->chunk);
        more.chunk++;
        push_event(c, more);
        return;
    }
    push(c, l, e->step, l->out_link > 0.0 ? GIVE_LINK : ROW_OUT,
         cim_max(end, e->whole_ns + ns / products));
}

static void handle(contest *c, const event *e)
{
    line *l = &c->lines[e->line];
    double part = share(c, l, e->step), start, ns, early;
    double products = cim_max(1.0, l->node ? upto(c, l, e->step + 1) - upto(c, l, e->step) : 1.0);
    switch (e->what) {
    case ASK_LINK:
        ns = l->in_link * part;
        start = serve(c, LINK, e->at_ns, ns);
        push_event(c, (event){.at_ns = start + ns / products, /* products follow it one by one */
                              .whole_ns = start + ns,
                              .line = e->line,
                              .step = e->step,
                              .what = ASK_BUS});
        return;
    case ASK_BUS:
        bring_in(c, l, e, l->in_bus * part, products);
        go_on(c, l, e->at_ns);
        return;
    case ASK_ALU:
        ns = l->alu * part * (l->pieces > 1.0 ? 1.0 - EARLY : 1.0);
        run_step(c, l, e->step, serve(c, ALU, e->at_ns, ns), ns);
        go_on(c, l, e->at_ns);
        return;
    case GIVE_EARLY:
        ns = l->out_bus * part;
        start = serve(c, BUS, e->at_ns, EARLY * ns);
        push(c, l, e->step, FIRST_OUT, start + cim_min(EARLY, 1.0 / l->pieces) * ns);
        return;
    case GIVE_BUS:
        early = c->staggered && l->pieces > 1.0 ? EARLY : 0.0;
        bring_out(c, l, e, l->out_bus * part * (1.0 - early), products);
        return;
    case GIVE_LINK:
        ns = l->out_link * part;
        start = serve(c, LINK, e->at_ns, ns);
        push(c, l, e->step, ROW_OUT, start + ns);
        return;
    case FIRST_OUT:
        c->cx->first[l->offset + e->step] = e->at_ns;
        l->firsts = e->step + 1;
        wake_readers(c, l, e->at_ns);
        return;
    case ROW_OUT:
        c->cx->finish[l->offset + e->step] = e->at_ns;
        l->done = e->step + 1;
        l->firsts = l->firsts > l->done ? l->firsts : l->done;
        wake_readers(c, l, e->at_ns);
        return;
    }
}

/* ---- the run --------------------------------------------------------------------------------------- */

static uint32_t chunks_of(double wanted)
{
    return wanted >= MOST_CHUNKS ? MOST_CHUNKS : wanted > 1.0 ? (uint32_t)ceil(wanted) : 1;
}

static void line_init(contest *c, line *l, cim_cc_op_id id, const cim_cc_node *node, uint32_t pick,
                      cim_cc_stair *stairs)
{
    const cim_cc_plan *plan = c->cx->plan;
    const cim_cc_stream *s = &c->cx->flow->stream[id];
    double in = plan->prepared->traffic_in[id], out = plan->prepared->traffic_out[id];
    *l = (line){.id = id, .node = node, .offset = s->offset, .steps = s->steps};
    l->t = cim_cc_op_timing(c->cx, id, node, pick);
    l->in_bus = in + out > 0.0 ? plan->bus_ns[id] * (in / (in + out)) : 0.0;
    l->out_bus = plan->bus_ns[id] - l->in_bus;
    l->alu = plan->alu_ns[id];
    l->out_link = cim_cc_output_ns(plan, id);
    l->in_link = cim_max(0.0, plan->link_ns[id] - l->out_link);
    if (c->range->waiting) {
        double bits = (double)plan->arch.workload.activation_bits;
        cim_cc_leg_border(plan, id, &in, &out);
        l->in_link = bits * in / plan->chip.offchip_bits_per_ns;
        l->out_link = bits * out / plan->chip.offchip_bits_per_ns;
    }
    l->pieces = c->staggered ? (double)plan->prepared->pieces[id] : 1.0;
    double row = node ? upto(c, l, s->steps) / s->steps : l->pieces;
    double round = node ? l->t.copies : 1.0; /* products that are worked on together */
    /* an operand is written once all inputs of the first row are there */
    l->in_chunks = l->t.before > 0.0 ? 1 : chunks_of(row / (2.0 * round));
    l->out_chunks = node ? chunks_of(row / round) : 1;
    if (!node) {
        l->t.fill = 0.0;
        return;
    }
    /* transfers are events here */
    double moving = (plan->bus_ns[id] + plan->link_ns[id]) / upto(c, l, s->steps);
    l->t.fill -= moving;
    l->t.first_fill -= moving;
    cim_cc_queue_start(&l->q, l->t.copies, l->t.unit, stairs + 2 * (size_t)s->offset);
}

bool cim_cc_time_contended(cim_cc_context *cx, cim_cc_range *r, const uint32_t *picks, bool record)
{
    cim_arena_mark mark = cim_arena_save(cx->ar);
    uint32_t n = r->end_op - r->first_op, next = r->first, steps = 0;
    contest c = {.cx = cx, .range = r, .record = record, .staggered = cim_cc_staggered(cx->plan)};
    for (cim_cc_op_id id = r->first_op; id < r->end_op; id++)
        steps += cx->flow->stream[id].steps;
    c.cap = 4 * (size_t)steps + n;
    c.lines = cim_arena_take(cx->ar, n, sizeof *c.lines);
    c.heap = cim_arena_take(cx->ar, c.cap, sizeof *c.heap);
    cim_cc_stair *stairs =
        cim_arena_take(cx->ar, 2 * (size_t)cx->flow->total_steps, sizeof *stairs);
    c.in_first = cim_arena_take(cx->ar, cx->flow->total_steps, sizeof *c.in_first);
    c.in_last = cim_arena_take(cx->ar, cx->flow->total_steps, sizeof *c.in_last);
    c.starts = cim_arena_take(cx->ar, cx->flow->total_steps, sizeof *c.starts);
    if (!c.lines || !c.heap || !stairs || !c.in_first || !c.in_last || !c.starts)
        return false;
    for (cim_cc_op_id id = r->first_op; id < r->end_op; id++) {
        bool crossbar = cx->plan->node_of[id] != UINT32_MAX;
        line_init(&c, &c.lines[id - r->first_op], id, crossbar ? &cx->plan->nodes[next] : NULL,
                  crossbar ? picks[next] : 0, stairs);
        next += crossbar;
    }
    for (uint32_t i = 0; i < n; i++)
        issue(&c, &c.lines[i], 0.0);
    double latency = r->latency_ns;
    while (c.n > 0) {
        event e = pop(&c);
        latency = cim_max(latency, e.at_ns);
        handle(&c, &e);
    }
    for (uint32_t i = 0; record && i < n; i++) {
        const line *l = &c.lines[i];
        cim_cc_op_plan *o = &cx->plan->ops[l->id];
        o->start_ns = cx->begin[l->offset];
        o->end_ns = cx->finish[l->offset + l->steps - 1];
    }
    r->latency_ns = latency;
    r->contended = true;
    cim_arena_rewind(cx->ar, mark);
    return true;
}
