/* Pass pipeline: when every operator of a segment starts and ends, on the DAG.
 *
 * Every operator's output is followed in steps (rows). A crossbar operator serves its products in
 * order on its copies (sched/queue.h); a product may start when the producers' steps that its row
 * needs are done, or, staggered, when the part of them is there that it needs itself. A digital
 * operator does one step after another. sched/README.md, "Pipeline". */
#include "sched/pipeline.h"

#include "hwspace/base/real.h"

#include <math.h>

bool cim_cc_pipelined(const cim_cc_plan *plan)
{
    return plan->arch.schedule.pipeline && plan->arch.schedule.level >= CIM_HW_LEVEL_CG &&
           !plan->one_by_one;
}

bool cim_cc_staggered(const cim_cc_plan *plan)
{
    return plan->arch.schedule.stagger && plan->arch.schedule.level >= CIM_HW_LEVEL_MVM &&
           cim_cc_pipelined(plan);
}

void cim_cc_range_ops(const cim_cc_plan *plan, cim_cc_range *range)
{
    range->first_op = range->first == 0 ? 0 : plan->nodes[range->first].op;
    if (range->end >= plan->n_nodes)
        range->end_op = plan->graph->n_ops;
    else
        range->end_op = plan->nodes[range->end].op + (plan->nodes[range->end].part > 0);
}

static double reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end, bool kept)
{
    double write = 0.0, bits = plan->spill_bits[first];
    for (uint32_t i = first; i < end; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        bool shorter = kept && n->write_ns > 0.0; /* a variant with fewer rows to a crossbar */
        double rows = (double)cim_cc_node_picked(n)->map.rows_used;
        write = cim_max(write, shorter ? rows * plan->chip.write_row_ns : n->write_ns);
        bits += n->write_bits;
    }
    return cim_max(write, bits / plan->chip.offchip_bits_per_ns);
}

double cim_cc_range_reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end)
{
    return reload_ns(plan, first, end, false);
}

double cim_cc_kept_reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end)
{
    return reload_ns(plan, first, end, true);
}

cim_cc_timing cim_cc_op_timing(const cim_cc_context *cx, cim_cc_op_id id, const cim_cc_node *node,
                               uint32_t pick)
{
    cim_cc_timing t = {0};
    if (!node) {
        t.occupancy = cx->plan->digital_ns[id];
        t.step = t.occupancy / cx->flow->stream[id].steps;
        t.fill = cx->plan->digital_fill_ns[id];
        return t;
    }
    const cim_cc_variant *v = cim_cc_node_variant(node, pick);
    t.copies = (double)node->choice_copies[pick];
    t.unit = cx->recording ? node->paced_unit_ns : v->unit_ns;
    t.fill = cx->recording ? node->paced_fill_ns : v->fill_ns;
    t.first_fill = cim_min(t.fill, v->unit_ns + v->first_fill_ns - t.unit);
    t.before = v->before_ns;
    double products = (double)cx->plan->prepared->breaks[node->xb]->n;
    t.occupancy = node->choices[pick].cost - v->fill_ns;
    if (cx->recording)
        t.occupancy = t.before + cim_max(ceil(products / t.copies) * t.unit, node->floor_ns);
    t.step = node->floor_ns / products;
    return t;
}

bool cim_cc_edge_by_parts(const cim_cc_graph *g, const cim_cc_edge *e, cim_cc_op_id reader)
{
    return !e->full && e->cols > 1 && g->ops[reader].images <= 1 && g->ops[e->producer].images <= 1;
}

/* When the inputs of every step are there: the latest of the producers in this segment. */
static void gather(const cim_cc_context *cx, const cim_cc_range *range, cim_cc_op_id id,
                   const double *when, double *ready)
{
    const cim_cc_flow *p = cx->flow;
    const cim_cc_graph *g = cx->plan->graph;
    const cim_cc_op *op = &g->ops[id];
    uint32_t steps = p->stream[id].steps;
    for (uint32_t s = 0; s < steps; s++)
        ready[s] = 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = g->edges[k].producer;
        if (from == CIM_CC_INVALID || from < range->first_op)
            continue;
        bool parts = cim_cc_edge_by_parts(g, &g->edges[k], id);
        const double *done = (parts ? when : cx->finish) + p->stream[from].offset;
        const uint32_t *need = p->need[k];
        for (uint32_t s = 0; s < steps; s++) {
            double t = done[need[s] - 1];
            ready[s] = t > ready[s] ? t : ready[s];
        }
    }
}

/* An operator being timed: the slices of the context's arrays that are its own. */
typedef struct work {
    cim_cc_timing t;
    uint32_t steps;
    const double *products;
    double *ready; /* in: when inputs are there; out: when the step is done */
    double *first; /* staggered: when the first part of the inputs is there; out: of the result */
    double *begin; /* recorded: when the step's work begins, else NULL */
    uint32_t *origin, *origin_first;
    bool staggered;
    bool whole_rows; /* its result appears a row at a time */
} work;

/* A floor that no number of copies lowers: the shared buffer serves a step's products one by one. */
static void serve_floor(const work *w, uint32_t s, double before, double products, double *x,
                        uint32_t *origin)
{
    double floor = cim_max(before, w->ready[s]) + products * w->t.step;
    if (floor > *x) {
        *x = floor;
        *origin = UINT32_MAX;
    }
}

static void run_products(cim_cc_context *cx, const work *w, double *start, double *end)
{
    cim_cc_queue q;
    double done = 0.0, x = 0.0;
    /* an operand that is written at run time is there as a whole before any product */
    double written = w->t.before > 0.0 ? w->ready[0] + w->t.before : 0.0;
    cim_cc_queue_start(&q, w->t.copies, w->t.unit, cx->stairs);
    *start = w->staggered ? w->first[0] : w->ready[0];
    for (uint32_t s = 0; s < w->steps; s++) {
        double upto = w->products[s], ready = w->ready[s], before = x;
        bool one = upto <= done + 1.0; /* the row's only product needs all of its inputs */
        double first = w->staggered && !one ? w->first[s] : ready;
        cim_cc_queue_ready(&q, done, first > written ? first : written, 2 * s + one);
        if (w->begin)
            w->begin[s] = cim_cc_queue_done(&q, done + 1.0, NULL) - w->t.unit;
        if (w->staggered) {
            w->first[s] = cim_cc_queue_done(&q, done + 1.0, &w->origin_first[s]) + w->t.first_fill;
            if (upto > done + 1.0)
                cim_cc_queue_ready(&q, upto - 1.0, ready > written ? ready : written, 2 * s + 1);
        }
        x = cim_cc_queue_done(&q, upto, &w->origin[s]);
        if (w->t.step > 0.0)
            serve_floor(w, s, before, upto - done, &x, &w->origin[s]);
        if (x < before)
            x = before;
        w->ready[s] = x + w->t.fill;
        if (w->staggered && w->first[s] > w->ready[s])
            w->first[s] = w->ready[s];
        done = upto;
    }
    *end = x + w->t.fill;
}

static void run_steps(const work *w, double *start, double *end)
{
    double x = 0.0;
    *start = w->staggered ? w->first[0] : w->ready[0];
    for (uint32_t s = 0; s < w->steps; s++) {
        double from = w->staggered ? w->first[s] : w->ready[s];
        from = x > from ? x : from;
        x = (x > w->ready[s] ? x : w->ready[s]) + w->t.step;
        if (w->begin)
            w->begin[s] = from;
        w->ready[s] = x + w->t.fill;
        if (w->staggered)
            w->first[s] = w->whole_rows ? w->ready[s] : from;
    }
    *end = x + w->t.fill;
}

/* A moment that someone waits for: step s of an operator is done, or the first part of it is. */
typedef struct spot {
    cim_cc_op_id id;
    uint32_t s;
    bool first;
} spot;

/* What the inputs of a step (or of its first part) came from last. @return when, 0: nothing */
static double latest_input(const cim_cc_context *cx, const cim_cc_range *range, spot at, spot *from)
{
    const cim_cc_flow *p = cx->flow;
    const cim_cc_graph *g = cx->plan->graph;
    const cim_cc_op *op = &g->ops[at.id];
    double latest = 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id producer = g->edges[k].producer;
        if (producer == CIM_CC_INVALID || producer < range->first_op)
            continue;
        uint32_t step = p->need[k][at.s] - 1;
        bool first = at.first && cim_cc_edge_by_parts(g, &g->edges[k], at.id);
        double t = (first ? cx->first : cx->finish)[p->stream[producer].offset + step];
        if (t > latest) {
            latest = t;
            *from = (spot){.id = producer, .s = step, .first = first};
        }
    }
    return latest;
}

/* Last operator of the range to finish. */
static cim_cc_op_id last_finisher(const cim_cc_context *cx, const cim_cc_range *range)
{
    const cim_cc_stream *stream = cx->flow->stream;
    cim_cc_op_id last = range->first_op;
    double latest = -1.0;
    for (cim_cc_op_id id = range->first_op; id < range->end_op; id++) {
        double t = cx->finish[stream[id].offset + stream[id].steps - 1];
        if (t > latest) {
            latest = t;
            last = id;
        }
    }
    return last;
}

/* Nodes follow each other in order of their operators, so a node is found by bisection. */
static uint32_t node_in_range(const cim_cc_plan *plan, const cim_cc_range *range, cim_cc_op_id id)
{
    uint32_t lo = range->first, hi = range->end;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (plan->nodes[mid].op < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Back over the steps of a digital operator, one after another, to the one that waited for inputs. */
static spot back_digital(const cim_cc_context *cx, const cim_cc_range *range, spot at,
                         const cim_cc_timing *t, double *constant)
{
    const double *done = cx->finish + cx->flow->stream[at.id].offset;
    spot from;
    bool staggered = cim_cc_staggered(cx->plan);
    at.first = at.first && cx->plan->prepared->pieces[at.id] > 1;
    if (!at.first)
        *constant += t->step + t->fill;
    while (at.s > 0) {
        spot waiting = at; /* the first part of a result waits for the first part of the inputs */
        waiting.first = at.first && staggered;
        if (latest_input(cx, range, waiting, &from) >= done[at.s - 1] - t->fill)
            break;
        at = (spot){.id = at.id, .s = at.s - 1};
        *constant += t->step;
    }
    return at;
}

/* Back over the products of a crossbar operator that follow each other on one copy. */
static spot back_products(const cim_cc_context *cx, const cim_cc_range *range, spot at,
                          const cim_cc_node *node, const cim_cc_timing *t, double *products,
                          double *constant)
{
    uint32_t offset = cx->flow->stream[at.id].offset;
    const double *done = cx->finish + offset, *upto = cx->flow->products + offset;
    const uint32_t *origin = cx->origin + offset;
    spot from;
    while (!at.first && origin[at.s] == UINT32_MAX) { /* the shared buffer limits */
        *constant += (upto[at.s] - (at.s ? upto[at.s - 1] : 0.0)) * t->step;
        if (at.s == 0 || latest_input(cx, range, at, &from) >= done[at.s - 1] - t->fill)
            return at;
        at.s--;
    }
    double sooner =
        0.0; /* the first product of a row does not wait for the others, whatever the copies */
    for (uint32_t i = 0; at.first && i < node->n_variants; i++)
        sooner = cim_max(sooner, node->variants[i].fill_ns - node->variants[i].first_fill_ns);
    *constant -= sooner;
    uint32_t tag = at.first ? cx->origin_first[offset + at.s] : origin[at.s], s = tag / 2;
    double last = at.first ? (at.s ? upto[at.s - 1] : 0.0) + 1.0 : upto[at.s];
    double first = tag % 2 ? upto[s] - 1.0 : s ? upto[s - 1] : 0.0;
    *products = last - first;
    if (t->before > 0.0) { /* the operand's way, when that was the longer one */
        spot start = {.id = at.id};
        double written = latest_input(cx, range, start, &from) + t->before;
        spot entry = {.id = at.id, .s = s, .first = cim_cc_staggered(cx->plan) && tag % 2 == 0};
        if (latest_input(cx, range, entry, &from) <= written) {
            *constant += t->before;
            return start;
        }
    }
    return (spot){.id = at.id, .s = s, .first = cim_cc_staggered(cx->plan) && tag % 2 == 0};
}

void cim_cc_critical_path(const cim_cc_context *cx, const cim_cc_range *range,
                          const uint32_t *picks, double *products, double *constant)
{
    const cim_cc_plan *plan = cx->plan;
    spot at = {.id = last_finisher(cx, range)};
    at.s = cx->flow->stream[at.id].steps - 1;
    for (uint32_t i = range->first; i < range->end; i++)
        products[i - range->first] = 0.0;
    *constant = 0.0;
    for (;;) {
        bool crossbar = plan->node_of[at.id] != UINT32_MAX;
        uint32_t node = crossbar ? node_in_range(plan, range, at.id) : 0;
        cim_cc_timing t = cim_cc_op_timing(cx, at.id, crossbar ? &plan->nodes[node] : NULL,
                                           crossbar ? picks[node] : 0);
        if (crossbar)
            at = back_products(cx, range, at, &plan->nodes[node], &t,
                               &products[node - range->first], constant);
        else
            at = back_digital(cx, range, at, &t, constant);
        if (latest_input(cx, range, at, &at) <= 0.0)
            return;
    }
}

/* Little used, shared resources make hardly anyone wait. */
bool cim_cc_range_contends(const cim_cc_range *range)
{
    static const double little = 0.25;
    return range->shared_ns > little * range->latency_ns;
}

/* Operators overlap. What all of them share (ALUs, global buffer, off-chip link) bounds the interval and the
 * latency from below by its total work. */
static bool time_pipelined(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                           bool record)
{
    cim_cc_plan *plan = cx->plan;
    double latency = 0.0, interval = 0.0, alu = 0.0, bus = 0.0, link = 0.0;
    bool staggered = cim_cc_staggered(plan);
    uint32_t next = range->first;
    for (cim_cc_op_id id = range->first_op; id < range->end_op; id++) {
        const cim_cc_node *node = NULL;
        uint32_t pick = 0;
        if (plan->node_of[id] != UINT32_MAX) {
            node = &plan->nodes[next];
            pick = picks[next++];
        }
        uint32_t offset = cx->flow->stream[id].offset;
        work w = {.t = cim_cc_op_timing(cx, id, node, pick),
                  .steps = cx->flow->stream[id].steps,
                  .products = cx->flow->products + offset,
                  .ready = cx->finish + offset,
                  .first = cx->first + offset,
                  .begin = record ? cx->begin + offset : NULL,
                  .origin = cx->origin + offset,
                  .origin_first = cx->origin_first + offset,
                  .staggered = staggered,
                  .whole_rows = plan->prepared->pieces[id] == 1};
        double start, end;
        gather(cx, range, id, cx->finish, w.ready);
        if (staggered)
            gather(cx, range, id, cx->first, w.first);
        if (node)
            run_products(cx, &w, &start, &end);
        else
            run_steps(&w, &start, &end);
        latency = cim_max(latency, end);
        interval = cim_max(interval, w.t.occupancy);
        alu += plan->alu_ns[id];
        bus += plan->bus_ns[id];
        link += plan->link_ns[id];
        if (record) {
            cim_cc_op_plan *o = &plan->ops[id];
            o->start_ns = start;
            o->end_ns = end;
        }
    }
    range->shared_ns = cim_max(alu, cim_max(bus, link));
    range->interval_ns = cim_max(
        interval, cim_max(range->shared_ns, record || cx->recording ? range->core_ns : 0.0));
    range->alone_ns = latency;
    range->latency_ns = cim_max(latency, range->shared_ns);
    if ((record || cx->recording) && cim_cc_range_contends(range))
        return cim_cc_time_contended(cx, range, picks, record);
    return true;
}

static void time_sequential(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                            bool record)
{
    cim_cc_plan *plan = cx->plan;
    double now = 0.0;
    uint32_t next = range->first;
    for (cim_cc_op_id id = range->first_op; id < range->end_op; id++) {
        double stage = plan->ops[id].slow * (plan->digital_ns[id] + plan->digital_fill_ns[id]);
        if (plan->node_of[id] != UINT32_MAX) {
            stage = plan->nodes[next].choices[picks[next]].cost;
            next++;
        }
        if (record) {
            plan->ops[id].start_ns = now;
            plan->ops[id].end_ns = now + stage;
        }
        now += stage;
    }
    range->latency_ns = range->interval_ns = now;
}

bool cim_cc_range_time(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks, bool record)
{
    if (cim_cc_pipelined(cx->plan))
        return time_pipelined(cx, range, picks, record);
    time_sequential(cx, range, picks, record);
    return true;
}
