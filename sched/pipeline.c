/* Pass pipeline: when every operator of a segment starts and ends, on the DAG.
 *
 * Every operator's output is followed in steps (rows). A step is finished when its own work is done
 * after the step before it and after the producers' steps it needs:
 *     x(s) = max(x(s-1) + spacing, ready(s) + service),  finish(s) = x(s) + fill
 * service: one step alone on all copies, at least one product; spacing: steps apart when inputs
 * are there. sched/README.md, "Pipeline". */
#include "sched/plan_internal.h"

#include <math.h>

bool cim_cc_pipelined(const cim_cc_plan *plan)
{
    return plan->arch.schedule.pipeline && plan->arch.schedule.level >= CIM_HW_LEVEL_CG;
}

void cim_cc_range_ops(const cim_cc_plan *plan, cim_cc_range *range)
{
    range->first_op = range->first == 0 ? 0 : plan->nodes[range->first].op;
    if (range->end >= plan->n_nodes)
        range->end_op = plan->graph->n_ops;
    else
        range->end_op = plan->nodes[range->end].op + (plan->nodes[range->end].part > 0);
}

double cim_cc_range_reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end)
{
    double write = 0.0, bits = plan->spill_bits[first];
    for (uint32_t i = first; i < end; i++) {
        write = fmax(write, plan->nodes[i].write_ns);
        bits += plan->nodes[i].write_bits;
    }
    return fmax(write, bits / plan->chip.offchip_bits_per_ns);
}

typedef struct timing {
    double occupancy, service, spacing, fill;
} timing;

static timing op_timing(const cim_cc_context *cx, cim_cc_op_id id, const cim_cc_node *node,
                        uint32_t pick)
{
    timing t = {0};
    double steps = cx->flow->stream[id].steps;
    if (node) {
        const cim_cc_variant *v = cim_cc_node_variant(node, pick);
        t.fill = v->fill_ns;
        t.occupancy = node->choices[pick].cost - v->fill_ns;
        t.service = fmin(fmax(v->unit_ns, t.occupancy / steps), t.occupancy);
    } else {
        t.occupancy = cx->plan->digital_ns[id];
        t.service = t.occupancy / steps;
    }
    t.spacing = steps > 1 ? (t.occupancy - t.service) / (steps - 1) : 0.0;
    return t;
}

/* When the inputs of every step are there: the latest of the producers in this segment. */
static void gather_ready(const cim_cc_context *cx, const cim_cc_range *range, cim_cc_op_id id,
                         double *ready)
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
        const double *done = cx->finish + p->stream[from].offset;
        const uint32_t *need = p->need[k];
        for (uint32_t s = 0; s < steps; s++) {
            double t = done[need[s] - 1];
            ready[s] = t > ready[s] ? t : ready[s];
        }
    }
}

static void run_steps(double *ready, uint32_t steps, const timing *t, double *start, double *end)
{
    double x = ready[0] + t->service;
    *start = ready[0];
    ready[0] = x + t->fill;
    for (uint32_t s = 1; s < steps; s++) {
        double follow = x + t->spacing, fresh = ready[s] + t->service;
        x = follow > fresh ? follow : fresh;
        ready[s] = x + t->fill;
    }
    *end = x + t->fill;
}

/* The producer's step that step s of an operator waited for longest. @return its finish, 0: none */
static double latest_input(const cim_cc_context *cx, const cim_cc_range *range, cim_cc_op_id id,
                           uint32_t s, cim_cc_op_id *from, uint32_t *from_step)
{
    const cim_cc_flow *p = cx->flow;
    const cim_cc_graph *g = cx->plan->graph;
    const cim_cc_op *op = &g->ops[id];
    double latest = 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id producer = g->edges[k].producer;
        if (producer == CIM_CC_INVALID || producer < range->first_op)
            continue;
        uint32_t step = p->need[k][s] - 1;
        double t = cx->finish[p->stream[producer].offset + step];
        if (t > latest) {
            latest = t;
            *from = producer;
            *from_step = step;
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

/* From the last step of the last operator back to where nothing was waited for. On an operator the
 * path takes one service and m spacings; that is at least (1 + m) / steps of its occupancy whatever
 * the copies, so shares give a lower bound that holds for every duplication. */
void cim_cc_critical_path(const cim_cc_context *cx, const cim_cc_range *range,
                          const uint32_t *picks, double *share, double *constant)
{
    const cim_cc_plan *plan = cx->plan;
    const cim_cc_stream *stream = cx->flow->stream;
    cim_cc_op_id id = last_finisher(cx, range);
    uint32_t s = stream[id].steps - 1;
    for (uint32_t i = range->first; i < range->end; i++)
        share[i - range->first] = 0.0;
    *constant = 0.0;
    for (;;) {
        bool crossbar = plan->node_of[id] != UINT32_MAX;
        uint32_t at = crossbar ? node_in_range(plan, range, id) : 0, taken = 1;
        timing t = op_timing(cx, id, crossbar ? &plan->nodes[at] : NULL, crossbar ? picks[at] : 0);
        const double *done = cx->finish + stream[id].offset;
        while (s > 0 && done[s - 1] + t.spacing >= done[s] * (1.0 - 1e-12)) {
            taken++;
            s--;
        }
        double fraction = (double)taken / stream[id].steps;
        if (crossbar)
            share[at - range->first] = fraction;
        *constant += t.fill + (crossbar ? 0.0 : fraction * t.occupancy);
        if (latest_input(cx, range, id, s, &id, &s) <= 0.0)
            return;
    }
}

static double bus_ns(const cim_cc_plan *plan, cim_cc_op_id id)
{
    return (plan->prepared->traffic_in[id] + plan->prepared->traffic_out[id]) *
           (double)plan->arch.workload.activation_bits / plan->chip.l0_bits_per_ns;
}

/* Operators overlap. What all of them share (ALUs, global buffer) bounds the interval and the
 * latency from below by its total work. */
static void time_pipelined(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                           bool record)
{
    cim_cc_plan *plan = cx->plan;
    double latency = 0.0, interval = 0.0, alu = 0.0, bus = 0.0;
    uint32_t next = range->first;
    for (cim_cc_op_id id = range->first_op; id < range->end_op; id++) {
        const cim_cc_node *node = NULL;
        uint32_t pick = 0;
        if (plan->node_of[id] != UINT32_MAX) {
            node = &plan->nodes[next];
            pick = picks[next++];
        }
        timing t = op_timing(cx, id, node, pick);
        double *ready = cx->finish + cx->flow->stream[id].offset, start, end;
        gather_ready(cx, range, id, ready);
        run_steps(ready, cx->flow->stream[id].steps, &t, &start, &end);
        latency = fmax(latency, end);
        interval = fmax(interval, t.occupancy);
        if (!node)
            alu += t.occupancy;
        bus += bus_ns(plan, id);
        if (record) {
            cim_cc_op_plan *o = &plan->ops[id];
            o->start_ns = start;
            o->end_ns = end;
        }
    }
    range->shared_ns = fmax(alu, bus);
    range->interval_ns = fmax(interval, range->shared_ns);
    range->latency_ns = fmax(latency, range->shared_ns);
}

static void time_sequential(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                            bool record)
{
    cim_cc_plan *plan = cx->plan;
    double now = 0.0;
    uint32_t next = range->first;
    for (cim_cc_op_id id = range->first_op; id < range->end_op; id++) {
        double stage = plan->digital_ns[id];
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

void cim_cc_range_time(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks, bool record)
{
    if (cim_cc_pipelined(cx->plan))
        time_pipelined(cx, range, picks, record);
    else
        time_sequential(cx, range, picks, record);
}
