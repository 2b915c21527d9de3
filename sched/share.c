/* Who shares a core: at level mvm copies of several operators lie in one core and take turns at its
 * buffer, its link and its ALU.
 *
 * While copies are compared, a core is taken to hold copies of one operator only. For the schedule that
 * is kept their places are known. Copies of one operator take products in turn: a round of them is served
 * when all in the fullest core are, which sets the pace when that takes longer than the crossbars do; a
 * product waits for those that came just before it. Copies of others come at other times: of their bursts a
 * product waits for half, as often as it meets one, and one that is longer than what copies have loaded
 * ahead keeps them idle. And no core can do more in an inference than its resources have time for.
 * sched/README.md, "Sharing a core". */
#include "hwspace/base/real.h"
#include "sched/plan_internal.h"

#include <math.h>

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

static double rounds(const cim_cc_plan *plan, const cim_cc_node *n)
{
    return ceil((double)plan->prepared->breaks[n->xb]->n / (double)n->choice_copies[n->pick]);
}

/* Products of all of a node's copies in a core, one behind the other, and how often they come in an
 * inference. */
typedef struct batch {
    uint32_t node;
    double ns, times;
} batch;

/* A core's resources. */
typedef struct core_load {
    batch longest[CIM_CC_N_SHARED][2]; /* and the next */
    double work[CIM_CC_N_SHARED];      /* in an inference */
    double wait
        [CIM_CC_N_SHARED]; /* half of every operator's burst times the share of time it is there */
} core_load;

/* One product of all of a node's copies in a core. */
static double burst(const cim_cc_node *n, int64_t crossbars, int k)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    return v->core_ns[k] * (double)crossbars / (double)v->map.crossbars;
}

static double met(double once, double times, double span)
{
    return 0.5 * once * cim_min(1.0, once * times / span);
}

static void add_load(const cim_cc_plan *plan, const cim_cc_node *n, int64_t crossbars, double span,
                     core_load *load)
{
    double times = rounds(plan, n);
    for (int k = 0; k < CIM_CC_N_SHARED; k++) {
        double once = burst(n, crossbars, k);
        batch b = {.node = (uint32_t)(n - plan->nodes), .ns = once, .times = times};
        batch *longest = load->longest[k];
        load->work[k] += once * times;
        load->wait[k] += met(once, times, span);
        if (b.ns > longest[0].ns) {
            longest[1] = longest[0];
            longest[0] = b;
        } else if (b.ns > longest[1].ns) {
            longest[1] = b;
        }
    }
}

/* A batch of others that takes longer than the two products a copy has on their way keeps the copy idle, and
 * with it, as products are taken in turn, all others of its operator. @return for how long in an inference */
static double idle_ns(const batch longest[2], uint32_t node, double unit_ns)
{
    const batch *b = &longest[longest[0].node == node];
    return b->times * cim_max(0.0, b->ns - 2.0 * unit_ns);
}

static void pace(const cim_cc_plan *plan, cim_cc_node *n, const core_load *load, double span)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    int64_t per_core = plan->arch.core.crossbars;
    int64_t first = n->first_unit / per_core;
    int64_t last = (n->first_unit + n->choices[n->pick].weight - 1) / per_core;
    double waits = 0.0, times = rounds(plan, n), units = (double)n->choices[n->pick].weight;
    /* Products come one after another while the span lasts, rows of them at once: half way in between
     * agrees best with the cycle simulator. */
    double spacing = 0.5 * span / (double)plan->prepared->breaks[n->xb]->n;
    n->paced_unit_ns = cim_cc_convert_ns(plan, v);
    for (int64_t core = first; core <= last; core++) {
        int64_t crossbars = overlap(n, core, per_core);
        double copies = cim_max(1.0, (double)crossbars / (double)v->map.crossbars), wait = 0.0;
        for (int k = 0; k < CIM_CC_N_SHARED; k++) {
            double own = burst(n, crossbars, k), all = load[core].work[k];
            double behind = (copies - 1.0) * cim_max(0.0, own / copies - spacing);
            wait = cim_max(wait, behind + load[core].wait[k] - met(own, times, span));
            n->paced_unit_ns = cim_max(n->paced_unit_ns, own);
            if (all > span && own * times > 0.5 * all) /* most of what the core cannot do */
                n->paced_unit_ns = cim_max(n->paced_unit_ns, all / times);
        }
        waits += wait * (double)crossbars / units;
    }
    double idle = 0.0;
    for (int64_t core = first; core <= last; core++)
        for (int k = 0; k < CIM_CC_N_SHARED; k++)
            idle = cim_max(idle, idle_ns(load[core].longest[k], (uint32_t)(n - plan->nodes),
                                         n->paced_unit_ns));
    n->paced_unit_ns += idle / times;
    double product = v->unit_ns + v->first_fill_ns; /* alone */
    n->paced_fill_ns = cim_max(0.0, product + waits - n->paced_unit_ns);
}

bool cim_cc_share_cores(cim_cc_context *cx, cim_cc_range *r)
{
    cim_cc_plan *plan = cx->plan;
    int64_t cores = plan->arch.chip.cores, per_core = plan->arch.core.crossbars;
    double longest = 0.0;
    r->core_ns = 0.0;
    for (uint32_t i = r->first; i < r->end; i++) {
        cim_cc_node *n = &plan->nodes[i];
        cim_cc_pace p =
            cim_cc_copies_pace(plan, cim_cc_node_picked(n), (double)n->choice_copies[n->pick]);
        n->paced_unit_ns = p.unit_ns;
        n->paced_fill_ns = p.fill_ns;
        if (n->choice_slow) {
            n->paced_unit_ns *= n->choice_slow[n->pick];
            n->paced_fill_ns *= n->choice_slow[n->pick];
        }
        longest = cim_max(longest, occupancy(n));
    }
    if (plan->units_are_cores || !cim_cc_pipelined(plan) || !(longest > 0.0))
        return true;
    cim_arena_mark mark = cim_arena_save(cx->ar);
    core_load *load = cim_arena_alloc(cx->ar, (size_t)cores, sizeof *load);
    if (!load)
        return false;
    for (uint32_t i = r->first; i < r->end; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        int64_t last = (n->first_unit + n->choices[n->pick].weight - 1) / per_core;
        for (int64_t c = n->first_unit / per_core; c <= last; c++)
            add_load(plan, n, overlap(n, c, per_core), longest, &load[c]);
    }
    for (uint32_t i = r->first; i < r->end; i++)
        pace(plan, &plan->nodes[i], load, longest);
    for (int64_t c = 0; c < cores; c++)
        for (int k = 0; k < CIM_CC_N_SHARED; k++)
            r->core_ns = cim_max(r->core_ns, load[c].work[k]);
    cim_arena_rewind(cx->ar, mark);
    return true;
}
