/* Who shares a core: at level mvm copies of several operators lie in one core and take turns at its
 * buffer, its link and its ALU.
 *
 * While copies are compared, a core is taken to hold copies of one operator only. For the schedule that
 * is kept their places are known: per core, the work of one product of every copy in it, others weighted
 * with the share of time they are busy (their occupancy over the longest). A copy's products then follow
 * each other no faster than the fullest core serves one of each, and the last of the copies that work in
 * step waits for all of them. sched/README.md, "Sharing a core". */
#include "sched/plan_internal.h"

#include <math.h>
#include <string.h>

/* Crossbars of a node in a core. */
static int64_t overlap(const cim_cc_node *n, int64_t core, int64_t per_core)
{
    int64_t from = n->first_unit, to = from + n->choices[n->pick].weight;
    int64_t low = core * per_core, high = low + per_core;
    low = from > low ? from : low;
    high = to < high ? to : high;
    return high > low ? high - low : 0;
}

static double occupancy(const cim_cc_node *n)
{
    return n->choices[n->pick].cost - cim_cc_node_picked(n)->fill_ns;
}

/* Work of one product of each of a node's copies in a core, by resource. */
static void add_load(const cim_cc_node *n, int64_t crossbars, double weight, double *load)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    double copies = weight * (double)crossbars / (double)v->map.crossbars;
    for (int k = 0; k < CIM_CC_N_SHARED; k++)
        load[k] += copies * v->core_ns[k];
}

static void pace(const cim_cc_plan *plan, cim_cc_node *n, double *const *load, double duty)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    int64_t per_core = plan->arch.core.crossbars;
    int64_t first = n->first_unit / per_core;
    int64_t last = (n->first_unit + n->choices[n->pick].weight - 1) / per_core;
    double most[CIM_CC_N_SHARED] = {0}, shared = 0.0;
    for (int64_t core = first; core <= last; core++) {
        double mine[CIM_CC_N_SHARED] = {0};
        add_load(n, overlap(n, core, per_core), 1.0 - duty, mine); /* itself it meets always */
        for (int k = 0; k < CIM_CC_N_SHARED; k++)
            most[k] = fmax(most[k], load[core][k] + mine[k]);
    }
    n->paced_unit_ns = cim_cc_convert_ns(plan, v);
    for (int k = 0; k < CIM_CC_N_SHARED; k++) {
        shared += most[k];
        n->paced_unit_ns = fmax(n->paced_unit_ns, most[k]);
    }
    n->paced_fill_ns = v->unit_ns + v->fill_ns - v->shared_ns + shared - n->paced_unit_ns;
}

bool cim_cc_share_cores(cim_cc_context *cx, const cim_cc_range *r)
{
    cim_cc_plan *plan = cx->plan;
    int64_t cores = plan->arch.chip.cores, per_core = plan->arch.core.crossbars;
    double longest = 0.0;
    for (uint32_t i = r->first; i < r->end; i++) {
        cim_cc_node *n = &plan->nodes[i];
        n->paced_unit_ns = cim_cc_node_picked(n)->unit_ns;
        n->paced_fill_ns = cim_cc_node_picked(n)->fill_ns;
        longest = fmax(longest, occupancy(n));
    }
    if (plan->units_are_cores || !cim_cc_pipelined(plan) || !(longest > 0.0))
        return true;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    double **load = cim_arena_take(cx->ar, (size_t)cores, sizeof *load);
    double *room = cim_arena_alloc(cx->ar, (size_t)cores * CIM_CC_N_SHARED, sizeof *room);
    if (!load || !room)
        return false;
    for (int64_t c = 0; c < cores; c++)
        load[c] = room + c * CIM_CC_N_SHARED;
    for (uint32_t i = r->first; i < r->end; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        int64_t last = (n->first_unit + n->choices[n->pick].weight - 1) / per_core;
        for (int64_t c = n->first_unit / per_core; c <= last; c++)
            add_load(n, overlap(n, c, per_core), occupancy(n) / longest, load[c]);
    }
    for (uint32_t i = r->first; i < r->end; i++)
        pace(plan, &plan->nodes[i], load, occupancy(&plan->nodes[i]) / longest);
    cim_arena_rewind(cx->ar, mark);
    return true;
}
