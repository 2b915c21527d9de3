/* Pass duplicate: copies of every operator of a segment, for the objective the user named.
 *
 * Here: the choices of every node, and operators one after another, where the sum of the stages
 * (or of their energies) is a multiple-choice knapsack, solved exactly. Pipelines are in
 * duplicate_pipelined.c. Equations: sched/README.md, "Duplication". */
#include "hwspace/base/real.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <string.h>

static int64_t copies_limit(const cim_cc_plan *plan, int64_t units, int64_t mvms)
{
    const cim_hw_schedule *s = &plan->arch.schedule;
    if (s->level < CIM_HW_LEVEL_CG || s->duplication == CIM_HW_DUPLICATION_NONE)
        return 1;
    int64_t k = plan->budget / units;
    if (s->max_copies > 0 && k > s->max_copies)
        k = s->max_copies;
    return k < mvms ? k : mvms;
}

/* A run through the copies of one variant, in ascending order. */
typedef struct cursor {
    const cim_cc_variant *v;
    int64_t limit;  /* most copies */
    uint32_t next;  /* index among breakpoints, or the next divisor */
    int64_t copies; /* 0: at the end */
    int64_t rounds;
} cursor;

static void advance(const cim_cc_breaks *b, int64_t rows, bool divisor, cursor *c)
{
    c->copies = 0;
    if (!divisor && c->next < b->count && b->copies[c->next] <= c->limit) {
        c->copies = b->copies[c->next];
        c->rounds = b->rounds[c->next++];
    }
    for (int64_t k = (int64_t)c->next + 1; divisor && k <= c->limit && k <= rows; k++)
        if (rows % k == 0) {
            c->copies = k;
            c->rounds = cim_cc_ceil_div(b->n, k);
            c->next = (uint32_t)k;
            return;
        }
}

/* How much an operator that runs alone with these copies must be slowed down to keep the power cap. */
static double slow_of(const cim_cc_plan *plan, const cim_cc_node *n, const cursor *c,
                      double busy_ns)
{
    double cap = plan->arch.schedule.peak_power_cap_w * 1e3 - plan->chip.leakage_mw, slow = 1.0;
    if (!n->choice_slow)
        return 1.0;
    if (busy_ns > 0.0)
        slow = cim_max(slow, plan->ops[n->op].cap_pj / n->n_parts / (cap * busy_ns));
    if (c->v->before_ns > 0.0)
        slow = cim_max(slow, n->operand_pj * (double)c->copies / (cap * c->v->before_ns));
    return slow;
}

static void add_choice(const cim_cc_plan *plan, cim_cc_node *n, const cursor *c, uint32_t variant)
{
    cim_cc_pace p = cim_cc_copies_pace(plan, c->v, (double)c->copies);
    double floor_ns = n->floor_ns;
    /* one after another, the last transfer is followed by its product */
    if (!cim_cc_pipelined(plan) && floor_ns > 0.0)
        floor_ns += p.unit_ns - floor_ns / (double)plan->prepared->breaks[n->xb]->n;
    double busy = fmax((double)c->rounds * p.unit_ns, floor_ns);
    double slow = slow_of(plan, n, c, busy + p.fill_ns);
    double stage = slow * (busy + c->v->before_ns + p.fill_ns);
    int64_t weight = c->copies * c->v->units;
    if (n->n_choices && !(stage < n->choices[n->n_choices - 1].cost))
        return; /* a shared resource limits: more copies stop helping */
    if (n->n_choices && n->choices[n->n_choices - 1].weight == weight)
        n->n_choices--; /* another variant makes more of the same hardware */
    n->choices[n->n_choices] = (cim_cc_choice){.cost = stage, .weight = weight};
    n->choice_copies[n->n_choices] = c->copies;
    if (n->choice_slow)
        n->choice_slow[n->n_choices] = slow;
    n->choice_variant[n->n_choices++] = (uint8_t)variant;
}

/* How many choices a variant can have at most. */
static uint32_t count_choices(const cim_cc_breaks *b, int64_t limit, int64_t rows, bool divisor)
{
    uint32_t n = 0;
    if (divisor)
        for (int64_t k = 1; k <= limit && k <= rows; k++)
            n += rows % k == 0;
    else /* breakpoints ascend */
        for (uint32_t lo = 0, hi = b->count; lo < hi; n = lo) {
            uint32_t mid = (lo + hi) / 2;
            if (b->copies[mid] <= limit)
                lo = mid + 1;
            else
                hi = mid;
        }
    return n;
}

/* The choices of a node: all variants' copies merged in order of hardware, each faster than those
 * before it. */
static cim_status node_choices(cim_cc_context *cx, cim_cc_node *n)
{
    const cim_cc_plan *plan = cx->plan;
    bool divisor = plan->arch.schedule.duplication == CIM_HW_DUPLICATION_DIVISOR;
    const cim_cc_breaks *b = plan->prepared->breaks[n->xb];
    int64_t rows = plan->graph->ops[n->op].rows;
    cursor c[CIM_CC_MAX_VARIANTS] = {0};
    uint32_t cap = 0;
    for (uint32_t i = 0; i < n->n_variants; i++) {
        c[i].v = &n->variants[i];
        if (c[i].v->units > plan->budget)
            continue;
        c[i].limit = copies_limit(plan, c[i].v->units, b->n);
        cap += count_choices(b, c[i].limit, rows, divisor);
        advance(b, rows, divisor, &c[i]);
    }
    n->n_choices = 0;
    n->choices = cim_arena_take(cx->ar, cap, sizeof *n->choices);
    n->choice_copies = cim_arena_take(cx->ar, cap, sizeof *n->choice_copies);
    n->choice_variant = cim_arena_take(cx->ar, cap, 1);
    bool capped = plan->one_by_one && !isnan(plan->arch.schedule.peak_power_cap_w);
    n->choice_slow = capped ? cim_arena_take(cx->ar, cap, sizeof *n->choice_slow) : NULL;
    if (!n->choices || !n->choice_copies || !n->choice_variant || (capped && !n->choice_slow))
        return CIM_E_NOMEM;
    for (;;) {
        uint32_t first = UINT32_MAX;
        int64_t lightest = INT64_MAX;
        for (uint32_t i = 0; i < n->n_variants; i++)
            if (c[i].copies && c[i].copies * c[i].v->units < lightest) {
                lightest = c[i].copies * c[i].v->units;
                first = i;
            }
        if (first == UINT32_MAX)
            return CIM_OK;
        add_choice(plan, n, &c[first], first);
        advance(b, rows, divisor, &c[first]);
    }
}

cim_status cim_cc_choices_build(cim_cc_context *cx)
{
    for (uint32_t i = 0; i < cx->plan->n_nodes; i++)
        CIM_TRY(node_choices(cx, &cx->plan->nodes[i]));
    return CIM_OK;
}

uint32_t cim_cc_stage_classes(cim_cc_context *cx, const cim_cc_range *r)
{
    for (uint32_t i = r->first; i < r->end; i++)
        cx->classes[i - r->first] = (cim_cc_class){.choices = cx->plan->nodes[i].choices,
                                                   .n = cx->plan->nodes[i].n_choices};
    return r->end - r->first;
}

/* ---- one after another --------------------------------------------------------------------------- */

/* Energy that depends on copies: leakage while the stage runs, once per inference of the batch, and
 * programming each copy, once per run. Choices that cost more than a lighter one are dropped; map[] leads back to the node's choices. */
static cim_status energy_classes(cim_cc_context *cx, const cim_cc_range *r, bool writes,
                                 uint32_t **map)
{
    cim_cc_plan *plan = cx->plan;
    double batch = (double)plan->arch.workload.batch;
    for (uint32_t i = r->first; i < r->end; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        cim_cc_choice *ch = cim_arena_take(cx->ar, n->n_choices, sizeof *ch);
        map[i - r->first] = cim_arena_take(cx->ar, n->n_choices, sizeof **map);
        if (!ch || !map[i - r->first])
            return CIM_E_NOMEM;
        uint32_t kept = 0;
        for (uint32_t j = 0; j < n->n_choices; j++) {
            double pj = batch * plan->chip.leakage_mw * n->choices[j].cost +
                        cim_cc_copies_pj(plan, n, j, writes);
            if (kept && !(pj < ch[kept - 1].cost))
                continue;
            ch[kept] = (cim_cc_choice){.cost = pj, .weight = n->choices[j].weight};
            map[i - r->first][kept++] = j;
        }
        cx->classes[i - r->first] = (cim_cc_class){.choices = ch, .n = kept};
    }
    return CIM_OK;
}

static cim_status minimise_energy_sum(cim_cc_context *cx, cim_cc_range *r, bool writes,
                                      uint32_t *picks)
{
    uint32_t n = r->end - r->first;
    uint32_t **map = cim_arena_take(cx->ar, n, sizeof *map);
    bool fits;
    if (!map)
        return CIM_E_NOMEM;
    CIM_TRY(energy_classes(cx, r, writes, map));
    CIM_TRY(cim_cc_knapsack_min_sum(cx->classes, n, cim_cc_range_budget(cx->plan, r), cx->ar,
                                    picks + r->first, &fits));
    for (uint32_t i = 0; i < n; i++)
        picks[r->first + i] = map[i][picks[r->first + i]];
    return CIM_OK;
}

int64_t cim_cc_range_budget(const cim_cc_plan *plan, const cim_cc_range *r)
{
    int64_t one = 0;
    if (plan->copy_budget >= plan->budget)
        return plan->budget;
    for (uint32_t i = r->first; i < r->end; i++)
        one += plan->nodes[i].units;
    return one > plan->copy_budget ? one : plan->copy_budget;
}

double cim_cc_copies_pj(const cim_cc_plan *plan, const cim_cc_node *n, uint32_t choice, bool writes)
{
    double once = (double)plan->arch.workload.batch * n->operand_pj + (writes ? n->write_pj : 0.0);
    return once * (double)n->choice_copies[choice];
}

/* Whether copies cost energy beside what they save in leakage. */
static bool copies_cost(const cim_cc_plan *plan, const cim_cc_range *r, bool writes)
{
    bool written = writes;
    for (uint32_t i = r->first; i < r->end; i++)
        written = written || plan->nodes[i].operand_pj > 0.0;
    return written;
}

double cim_cc_range_run_ns(const cim_cc_plan *plan, const cim_cc_range *r)
{
    return r->latency_ns + (double)(plan->arch.workload.batch - 1) * r->interval_ns;
}

/* Energy of a range: dynamic of the batch, leakage over its time, programming. */
static double range_energy_pj(const cim_cc_plan *plan, const cim_cc_range *r, bool writes,
                              const uint32_t *picks)
{
    double pj = plan->chip.leakage_mw * cim_cc_range_run_ns(plan, r);
    for (cim_cc_op_id id = r->first_op; id < r->end_op; id++)
        pj += (double)plan->arch.workload.batch * plan->ops[id].expect_pj;
    for (uint32_t i = r->first; i < r->end; i++)
        pj += cim_cc_copies_pj(plan, &plan->nodes[i], picks[i], writes);
    return pj;
}

double cim_cc_range_score(const cim_cc_plan *plan, const cim_cc_range *r, bool writes,
                          const uint32_t *picks)
{
    double run = cim_cc_range_run_ns(plan, r);
    switch (plan->arch.schedule.objective) {
    case CIM_HW_OBJECTIVE_ENERGY:
        return range_energy_pj(plan, r, writes, picks);
    case CIM_HW_OBJECTIVE_EDP:
        return range_energy_pj(plan, r, writes, picks) * run;
    case CIM_HW_OBJECTIVE_THROUGHPUT:
        return writes ? run : r->interval_ns; /* of several segments, one runs after another */
    default:
        return run;
    }
}

static cim_status duplicate_sequential(cim_cc_context *cx, cim_cc_range *r, bool writes,
                                       uint32_t *picks)
{
    int64_t objective = cx->plan->arch.schedule.objective;
    bool fits;
    uint32_t n = r->end - r->first;
    bool dear = copies_cost(cx->plan, r, writes);
    if (objective == CIM_HW_OBJECTIVE_ENERGY && dear)
        return minimise_energy_sum(cx, r, writes, picks);
    cim_cc_stage_classes(cx, r);
    CIM_TRY(cim_cc_knapsack_min_sum(cx->classes, n, cim_cc_range_budget(cx->plan, r), cx->ar,
                                    picks + r->first, &fits));
    if (objective != CIM_HW_OBJECTIVE_EDP || !dear)
        return CIM_OK;
    /* EDP with programming: the better of the fastest and the most frugal. */
    cim_cc_range a = *r, b = *r;
    CIM_TRY(minimise_energy_sum(cx, r, writes, cx->trial));
    cim_cc_range_time(cx, &a, picks, false);
    cim_cc_range_time(cx, &b, cx->trial, false);
    if (cim_cc_range_score(cx->plan, &b, writes, cx->trial) <
        cim_cc_range_score(cx->plan, &a, writes, picks))
        memcpy(picks + r->first, cx->trial + r->first, n * sizeof *picks);
    return CIM_OK;
}

cim_status cim_cc_range_duplicate(cim_cc_context *cx, cim_cc_range *range, bool writes, bool quick,
                                  uint32_t *picks)
{
    bool single = true;
    for (uint32_t i = range->first; i < range->end; i++)
        single = single && cx->plan->nodes[i].n_choices == 1;
    if (single) {
        memset(picks + range->first, 0, (range->end - range->first) * sizeof *picks);
        return CIM_OK;
    }
    if (cim_cc_pipelined(cx->plan))
        return cim_cc_duplicate_pipelined(cx, range, writes, quick, picks);
    return duplicate_sequential(cx, range, writes, picks);
}
