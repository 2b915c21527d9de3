/* Pass buffer: what a segment's operators keep in the global buffer, and what has no room there.
 *
 * A result is kept by rows: from when work on a row begins until its last reader is done with it. In a
 * pipeline that is a window that moves along; one operator after another it is all of it. When the
 * windows of a segment exceed the buffer, results wait off-chip instead, those first that take most
 * room for what they move: written once, read by every reader, over the off-chip link, whose total
 * bounds latency and interval from below. sched/README.md, "Global buffer". */
#include "sched/pipeline.h"

#include <math.h>
#include <string.h>

/* A result that may be kept in the buffer. */
typedef struct kept {
    cim_cc_op_id id;
    double bits;              /* of its window */
    double traffic_bits;      /* written and read over the off-chip link otherwise */
    cim_cc_op_id first, last; /* sequential: operators while which it is kept */
    bool offchip;
} kept;

/* The first step of a reader that is not done at a time, by a pointer that only moves on. */
typedef struct reader {
    const double *done;
    const uint32_t *need;
    uint32_t steps, at;
    int64_t span;
    bool all;
} reader;

enum { MOST_READERS = 16 };

static bool in_parts(const cim_cc_plan *plan, cim_cc_op_id id)
{
    return plan->node_of[id] != UINT32_MAX && plan->nodes[plan->node_of[id]].n_parts > 1;
}

/* Matrices of a batch that work side by side: none is done, or done with its inputs, before all are. */
static bool is_together(const cim_cc_op *op)
{
    return cim_cc_op_is_written(op) && op->together;
}

/* Whether all rows of a result are kept: it is made or read in parts, each of which goes through all of
 * it, made by matrices side by side, or read again in a later segment. */
static bool kept_whole(const cim_cc_plan *plan, const cim_cc_range *r, cim_cc_op_id id)
{
    const cim_cc_graph *g = plan->graph;
    cim_cc_op_id last = plan->prepared->last_use[id];
    if (plan->prepared->uses[id] > 0) /* rows of a view are not its own */
        return true;
    if (in_parts(plan, id) || is_together(&g->ops[id]) || last >= r->end_op)
        return true;
    for (cim_cc_op_id to = id + 1; to <= last; to++)
        for (uint32_t k = g->ops[to].first_edge;
             in_parts(plan, to) && k < g->ops[to].first_edge + g->ops[to].n_edges; k++)
            if (g->edges[k].producer == id)
                return true;
    return false;
}

static uint32_t find_readers(const cim_cc_context *cx, const cim_cc_range *r, cim_cc_op_id id,
                             reader *out, cim_cc_op_id *last)
{
    const cim_cc_graph *g = cx->plan->graph;
    uint32_t n = 0;
    *last = id;
    cim_cc_op_id end = cx->plan->prepared->last_reader[id] + 1;
    for (cim_cc_op_id to = id + 1; to < end && to < r->end_op; to++)
        for (uint32_t k = g->ops[to].first_edge; k < g->ops[to].first_edge + g->ops[to].n_edges;
             k++) {
            if (g->edges[k].producer != id)
                continue;
            *last = to;
            if (n == MOST_READERS)
                return UINT32_MAX;
            out[n++] = (reader){.done = cx->finish + cx->flow->stream[to].offset,
                                .need = cx->flow->need[k],
                                .steps = cx->flow->stream[to].steps,
                                .span = g->edges[k].span,
                                .all = is_together(&g->ops[to]) || g->edges[k].full ||
                                       g->edges[k].span == 0};
        }
    return n;
}

/* Steps of an operator that are kept at a time, at most. */
static int64_t window_steps(const cim_cc_context *cx, cim_cc_op_id id, reader *readers, uint32_t n)
{
    uint32_t offset = cx->flow->stream[id].offset, steps = cx->flow->stream[id].steps;
    const cim_cc_op *op = &cx->plan->graph->ops[id];
    int64_t chunk = cim_cc_ceil_div(op->images > 1 ? op->images : op->rows, steps), most = 1;
    for (uint32_t s = 0; s < steps; s++) {
        double now = cx->begin[offset + s];
        int64_t oldest = (int64_t)s + 1;
        for (uint32_t i = 0; i < n; i++) {
            reader *r = &readers[i];
            /* what reads this very row is not done before it, even when neither takes time */
            while (r->at < r->steps && r->done[r->at] <= now && r->need[r->at] <= s)
                r->at++;
            int64_t low = r->at == r->steps ? oldest
                          : r->all          ? 1
                                   : (int64_t)r->need[r->at] - cim_cc_ceil_div(r->span - 1, chunk);
            if (low < oldest)
                oldest = low < 1 ? 1 : low;
        }
        if ((int64_t)s + 2 - oldest > most)
            most = (int64_t)s + 2 - oldest;
    }
    return most < steps ? most : steps;
}

static double bits_of(const cim_cc_plan *plan, double elements)
{
    return elements * (double)plan->arch.workload.activation_bits;
}

/* What is kept of an operator's result while the segment runs. @return false: nothing */
static bool describe(const cim_cc_context *cx, const cim_cc_range *r, cim_cc_op_id id, kept *out)
{
    cim_cc_plan *plan = cx->plan;
    const cim_cc_op *op = &plan->graph->ops[id];
    reader readers[MOST_READERS];
    double all = plan->prepared->traffic_out[id];
    *out = (kept){.id = id, .first = id};
    uint32_t n = find_readers(cx, r, id, readers, &out->last);
    if (plan->prepared->uses[id] > 0) {
        cim_cc_op_id last = plan->prepared->last_use[id];
        out->last = last < r->end_op ? last : r->end_op - 1;
    }
    if (n == 0 || !(all > 0.0))
        return false; /* read in later segments only, fused with its reader, or not at all */
    if (plan->prepared->last_use[id] >= r->end_op)
        return false; /* waits behind the cut, too: among wait_bits and what spills */
    uint32_t steps = cx->flow->stream[id].steps;
    int64_t window = steps;
    if (cim_cc_pipelined(plan) && n != UINT32_MAX && !kept_whole(plan, r, id))
        window = window_steps(cx, id, readers, n);
    plan->ops[id].window_rows = op->rows * op->images * window / steps;
    if (plan->ops[id].window_rows < 1)
        plan->ops[id].window_rows = 1;
    out->bits = bits_of(plan, all * (double)window / steps);
    double reads = (double)(n == UINT32_MAX ? MOST_READERS : n) + plan->prepared->uses[id];
    out->traffic_bits = bits_of(plan, all * (1.0 + reads));
    return true;
}

static bool overlap(const cim_cc_plan *plan, const kept *a, cim_cc_op_id at)
{
    return cim_cc_pipelined(plan) || (a->first <= at && at <= a->last);
}

/* Room taken when operator `at` runs. */
static double room_at(const cim_cc_plan *plan, const kept *list, uint32_t n, cim_cc_op_id at)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        if (!list[i].offchip && overlap(plan, &list[i], at))
            sum += list[i].bits;
    return sum;
}

/* Move results off-chip until what is kept at an operator fits. @return off-chip traffic added */
static double evict(cim_cc_plan *plan, kept *list, uint32_t n, cim_cc_op_id at, double capacity)
{
    double moved = 0.0, room = room_at(plan, list, n, at);
    while (room > capacity) {
        kept *worst = NULL;
        for (uint32_t i = 0; i < n; i++)
            if (!list[i].offchip && overlap(plan, &list[i], at) &&
                (!worst || list[i].bits * worst->traffic_bits > worst->bits * list[i].traffic_bits))
                worst = &list[i];
        if (!worst)
            return moved;
        worst->offchip = true;
        plan->ops[worst->id].offchip = true;
        plan->ops[worst->id].window_rows =
            plan->graph->ops[worst->id].rows * plan->graph->ops[worst->id].images;
        room -= worst->bits;
        moved += worst->traffic_bits;
    }
    return moved;
}

static bool buffer_segment(cim_cc_context *cx, cim_cc_segment *s)
{
    cim_cc_plan *plan = cx->plan;
    cim_cc_range r = {.first = s->first_node,
                      .end = s->first_node + s->n_nodes,
                      .first_op = s->first_op,
                      .end_op = s->end_op};
    cim_arena_mark mark = cim_arena_save(cx->ar);
    kept *list = cim_arena_take(cx->ar, (size_t)(s->end_op - s->first_op) + 1, sizeof *list);
    if (!list)
        return false;
    uint32_t n = 0;
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++)
        n += describe(cx, &r, id, &list[n]);
    double capacity = plan->arch.chip.buffer_kib * 8192.0, moved = 0.0;
    s->window_bits = 0.0;
    if (cim_cc_pipelined(plan)) {
        moved = evict(plan, list, n, s->first_op, capacity);
        s->window_bits = room_at(plan, list, n, s->first_op);
    }
    for (uint32_t i = 0; i < n && !cim_cc_pipelined(plan); i++) {
        moved += evict(plan, list, n, list[i].first, capacity);
        s->window_bits = fmax(s->window_bits, room_at(plan, list, n, list[i].first));
    }
    s->offchip_bits = moved;
    cim_arena_rewind(cx->ar, mark);
    return true;
}

/* What waits at the cuts has the room that windows on both sides leave; the rest goes off-chip and comes back.
 * Moving it once is cheaper than a window's rows again and again. */
static bool settle_spill(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    double capacity = plan->arch.chip.buffer_kib * 8192.0;
    double *old_start = cim_arena_take(cx->ar, plan->n_segments, sizeof *old_start);
    if (!old_start)
        return false;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_segment *s = &plan->segments[i];
        uint32_t cut = s->first_node;
        double windows = i ? fmax(s->window_bits, (s - 1)->window_bits) : 0.0;
        plan->spill_bits[cut] = 2.0 * fmax(0.0, plan->wait_bits[cut] - (capacity - windows));
        old_start[i] = s->start_ns;
        cim_cc_time_reload(plan, i);
    }
    cim_cc_chain_segments(plan);
    cim_cc_move_operators(plan, old_start, 1.0);
    return true;
}

/* One operator after another: each lasts as long as what it moves over the link. @return time added */
static double lengthen_operators(cim_cc_plan *plan, const cim_cc_segment *s)
{
    double added = 0.0;
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
        cim_cc_op_plan *o = &plan->ops[id];
        double bits = cim_cc_waiting_bits(plan, id);
        const cim_cc_op *op = &plan->graph->ops[id];
        double link = (bits + cim_cc_border_bits(plan, id)) / plan->chip.offchip_bits_per_ns;
        if (bits > 0.0 && plan->node_of[id] == UINT32_MAX) /* and the rest of a step */
            link += (plan->alu_ns[id] + plan->bus_ns[id]) / (double)(op->rows * op->images);
        uint32_t node = plan->node_of[id];
        link *= cim_cc_slow(plan, id, node == UINT32_MAX ? NULL : &plan->nodes[node]);
        o->start_ns += added;
        if (bits > 0.0 && link > o->end_ns + added - o->start_ns) {
            added = o->start_ns + link - o->end_ns;
            o->stage_ns = link;
            o->limit = CIM_CC_LIMIT_OFFCHIP;
        }
        o->end_ns += added;
    }
    return added;
}

/* In a pipeline the segment is timed again with what waits off-chip on the link. */
static bool contend_for_link(cim_cc_context *cx, cim_cc_segment *s)
{
    cim_cc_plan *plan = cx->plan;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    uint32_t n_ops = s->end_op - s->first_op;
    uint32_t *picks = cim_arena_take(cx->ar, plan->n_nodes, sizeof *picks);
    cim_cc_op_plan *old = cim_arena_take(cx->ar, n_ops, sizeof *old);
    if (!picks || !old)
        return false;
    memcpy(old, plan->ops + s->first_op, n_ops * sizeof *old);
    for (uint32_t i = s->first_node; i < s->first_node + s->n_nodes; i++)
        picks[i] = plan->nodes[i].pick;
    cim_cc_range r = {.first = s->first_node,
                      .end = s->first_node + s->n_nodes,
                      .first_op = s->first_op,
                      .end_op = s->end_op,
                      .latency_ns = s->latency_ns,
                      .waiting = true};
    cx->recording = true;
    bool ok = cim_cc_time_contended(cx, &r, picks, true);
    cx->recording = false;
    s->latency_ns = r.latency_ns;
    s->contended = true;
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
        cim_cc_op_plan *o = &plan->ops[id];
        bool part = plan->node_of[id] != UINT32_MAX && plan->nodes[plan->node_of[id]].n_parts > 1;
        bool last = part && plan->node_of[id] < s->first_node + s->n_nodes;
        o->start_ns = part ? old[id - s->first_op].start_ns : o->start_ns + s->start_ns;
        o->end_ns = last   ? s->start_ns + s->latency_ns
                    : part ? old[id - s->first_op].end_ns
                           : o->end_ns + s->start_ns;
    }
    cim_arena_rewind(cx->ar, mark);
    return ok;
}

/* What waits off-chip is written once and read by every reader, who may read a part of it. */
static double moved_bits(const cim_cc_plan *plan, const cim_cc_segment *s)
{
    double bits = 0.0;
    for (cim_cc_op_id id = s->first_op; s->offchip_bits > 0.0 && id < s->end_op; id++)
        if (plan->ops[id].segment == (uint32_t)(s - plan->segments))
            bits += cim_cc_waiting_bits(plan, id);
    return bits;
}

/* The off-chip link serves the segment's waiting results beside its compute. */
static bool bound_by_link(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    double shift = 0.0, batch = (double)plan->arch.workload.batch;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_segment *s = &plan->segments[i];
        s->offchip_bits = moved_bits(plan, s);
        double link = s->offchip_bits / plan->chip.offchip_bits_per_ns;
        double before = s->latency_ns + (batch - 1.0) * s->interval_ns;
        s->start_ns += shift;
        s->reload_from_ns += shift;
        for (cim_cc_op_id id = s->first_op; shift > 0.0 && id < s->end_op; id++) {
            plan->ops[id].start_ns += shift;
            plan->ops[id].end_ns += shift;
        }
        if (cim_cc_pipelined(plan)) {
            s->latency_ns = fmax(s->latency_ns, link);
            s->interval_ns = fmax(s->interval_ns, link);
            if (link > 0.0 && !contend_for_link(cx, s))
                return false;
        } else {
            s->latency_ns += lengthen_operators(plan, s);
            s->interval_ns = s->latency_ns;
        }
        shift += s->latency_ns + (batch - 1.0) * s->interval_ns - before;
    }
    plan->latency_ns += shift;
    plan->interval_ns =
        plan->n_segments > 1 ? plan->latency_ns / batch : plan->segments[0].interval_ns;
    return true;
}

/* Operators that only rename have their inputs' places. */
static bool view_waits(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    const cim_cc_graph *g = plan->graph;
    plan->view_waits = cim_arena_alloc(cx->ar, g->n_ops, sizeof *plan->view_waits);
    for (uint32_t i = 0; plan->view_waits && i < g->n_ops; i++) {
        double waiting = 0.0, all = 0.0;
        if (g->ops[i].unit != CIM_CC_UNIT_NONE)
            continue;
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            cim_cc_op_id from = g->edges[k].producer;
            double elements = (double)g->edges[k].elements;
            all += elements;
            if (from == CIM_CC_INVALID || plan->ops[from].segment != plan->ops[i].segment)
                continue;
            bool view = g->ops[from].unit == CIM_CC_UNIT_NONE;
            waiting += elements * (view ? plan->view_waits[from] : plan->ops[from].offchip);
        }
        plan->view_waits[i] = all > 0.0 ? waiting / all : 0.0;
    }
    return plan->view_waits != NULL;
}

bool cim_cc_pass_buffer(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        plan->ops[i].offchip = false;
        plan->ops[i].window_rows = plan->graph->ops[i].rows * plan->graph->ops[i].images;
    }
    plan->view_waits = NULL;
    if (isnan(plan->arch.chip.buffer_kib))
        return true; /* unlimited */
    double moved = 0.0;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        if (!buffer_segment(cx, &plan->segments[i]))
            return false;
        moved += plan->segments[i].offchip_bits;
    }
    if (plan->n_segments > 1 && !settle_spill(cx))
        return false;
    bool ok = !(moved > 0.0) || (view_waits(cx) && bound_by_link(cx));
    cim_cc_parts_time(plan); /* they lie in several of the segments that were moved */
    return ok;
}
