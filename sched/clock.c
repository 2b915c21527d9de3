/* A pipeline on a slower clock: every leg of every product takes `slow` times as long, so that all times within
 * a segment do, and the power above leakage is that much lower for that much longer. Programming keeps its pace
 * (segment.c slows it down by itself). sched/README.md, "Power cap". */
#include "sched/plan_internal.h"

#include <math.h>

/* Segments one after another, or each written while the one before it runs. */
void cim_cc_chain_segments(cim_cc_plan *plan)
{
    double now = 0.0, reloadable = 0.0, batch = (double)plan->arch.workload.batch;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_segment *s = &plan->segments[i];
        s->reload_from_ns = plan->overlapped && i > 0 ? reloadable : now;
        s->start_ns = fmax(now, s->reload_from_ns + s->reload_ns);
        /* the half that the next segment is written to is free when this one starts */
        reloadable = s->start_ns;
        now = s->start_ns + s->latency_ns + (batch - 1) * s->interval_ns;
    }
    plan->latency_ns = now;
    plan->interval_ns = plan->n_segments > 1 ? now / batch : plan->segments[0].interval_ns;
}

void cim_cc_move_operators(cim_cc_plan *plan, const double *old_start, double by)
{
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        cim_cc_op_plan *o = &plan->ops[i];
        double from = old_start[o->segment], to = plan->segments[o->segment].start_ns;
        o->start_ns = to + (o->start_ns - from) * by;
        o->end_ns = to + (o->end_ns - from) * by;
        o->stage_ns *= by;
    }
    cim_cc_parts_time(plan);
}

bool cim_cc_stretch(cim_cc_context *cx, double slow)
{
    cim_cc_plan *plan = cx->plan;
    double by = slow / plan->slow;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    double *old_start = cim_arena_take(cx->ar, plan->n_segments, sizeof *old_start);
    if (!old_start)
        return false;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_segment *s = &plan->segments[i];
        old_start[i] = s->start_ns;
        s->latency_ns *= by;
        s->interval_ns *= by;
        s->bound_ns = 0.0; /* was one of full speed */
    }
    plan->slow = slow;
    cim_cc_chain_segments(plan);
    cim_cc_move_operators(plan, old_start, by);
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        plan->nodes[i].paced_unit_ns *= by;
        plan->nodes[i].paced_fill_ns *= by;
    }
    for (uint32_t i = 0; i < cx->flow->total_steps; i++) {
        cx->begin[i] *= by;
        cx->finish[i] *= by;
        if (cim_cc_staggered(plan))
            cx->first[i] *= by;
    }
    cim_arena_rewind(cx->ar, mark);
    return true;
}
