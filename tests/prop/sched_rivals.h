/* Schedules of public heuristics, priced as this compiler prices its own: the same chip, mapping, timing of
 * the DAG, contention, buffer, power. Only the choice of segments and copies differs.
 *
 *   none      one copy of everything, operators one after another, segments filled in order
 *   cim-mlc   what CIM-MLC's public code does (Qu et al., ASPLOS 2024; CoreDup.py,
 *             CorePipe.py, CrossbarDup.py): segments filled in order; copies in whole cores by the divisor dynamic
 *             programme for the summed latency of convolutions (output pixels x activation bits);
 *             linear layers are never copied; balancing by strides along the list of operators; at level mvm
 *             copies = floor(crossbars of the cores taken / crossbars of a copy); at level vvm
 *             crossbars of those cores that are left over spread rows. Pipelined.
 *   cim-mlc+  the same made stronger: latencies of our stages, no balancing (it often loses), units of
 *             the level (single crossbars from mvm on)
 *   graph     graph level only, as compilers of the Poly-Schedule kind: whole cores, exact copies for
 *             the summed latency, our cuts, operators one after another
 *   graph+    graph level only, pipelined: whole cores, the slowest operator gets the next copy
 *
 * Start with rivals_price(). Include after math.h. */
#ifndef CIM_TESTS_PROP_SCHED_RIVALS_H
#define CIM_TESTS_PROP_SCHED_RIVALS_H

#include "sched/plan_internal.h"

#include <stdlib.h>
#include <string.h>

typedef enum rival { RIVAL_NONE, RIVAL_MLC, RIVAL_MLC_PLUS, RIVAL_GRAPH, RIVAL_GRAPH_PLUS } rival;
enum { N_RIVALS = RIVAL_GRAPH_PLUS + 1 };
static const char *const rival_names[] = {"none", "cim-mlc", "cim-mlc+", "graph", "graph+"};

/* ---- CIM-MLC's heuristics ----------------------------------------------------------------------- */

typedef struct layer {
    bool conv;
    int64_t rows, stride; /* stride: with those of digital operators since the layer before */
    int64_t units;        /* of one copy */
    double latency;
    int64_t copies;
} layer;

static inline int64_t op_stride(const cim_cc_graph *g, cim_cc_op_id id)
{
    const cim_cc_op *op = &g->ops[id];
    bool strided = !strcmp(op->type, "Conv") || strstr(op->type, "Pool") != NULL;
    if (!strided || !op->n_edges || g->edges[op->first_edge].full)
        return 1;
    return g->edges[op->first_edge].num / g->edges[op->first_edge].den;
}

static inline layer layer_of(const cim_cc_plan *plan, uint32_t node, bool in_cores)
{
    const cim_cc_node *n = &plan->nodes[node];
    const cim_cc_op *op = &plan->graph->ops[n->op];
    layer l = {.conv = !strcmp(op->type, "Conv"),
               .rows = op->rows,
               .stride = 1,
               .units = n->units,
               .latency = n->choices[0].cost,
               .copies = 1};
    if (in_cores) {
        l.latency = (double)(op->mvms * plan->arch.workload.activation_bits);
        if (!plan->units_are_cores)
            l.units = cim_cc_ceil_div(n->units, plan->arch.core.crossbars);
    }
    for (cim_cc_op_id id = node ? plan->nodes[node - 1].op + 1 : 0; id <= n->op; id++)
        if (op_stride(plan->graph, id) > 0)
            l.stride *= op_stride(plan->graph, id);
    return l;
}

/* D[l][r] = min(D[l-1][r], min over k with (k+1) | rows and k units <= r of
 *               D[l-1][r - k units] - latency (1 - 1/(k+1))). @return false: out of memory */
static inline bool divisor_programme(layer *l, uint32_t n, int64_t spare)
{
    size_t width = (size_t)spare + 1;
    double *d = calloc((n + 1) * width, sizeof *d);
    int64_t *extra = calloc((n + 1) * width, sizeof *extra);
    for (uint32_t i = 1; d && extra && i <= n; i++)
        for (size_t r = 0; r < width; r++) {
            double best = d[(i - 1) * width + r];
            for (int64_t k = 1; l[i - 1].conv && k < l[i - 1].rows; k++) {
                int64_t units = k * l[i - 1].units;
                if (units > (int64_t)r)
                    break;
                if (l[i - 1].rows % (k + 1) != 0)
                    continue;
                double with = d[(i - 1) * width + r - (size_t)units] -
                              l[i - 1].latency * (1.0 - 1.0 / (double)(k + 1));
                if (with < best) {
                    best = with;
                    extra[i * width + r] = k;
                }
            }
            d[i * width + r] = best;
        }
    size_t r = width - 1;
    for (uint32_t i = n; d && extra && i > 0; i--) {
        int64_t k = extra[i * width + r];
        l[i - 1].copies = k + 1;
        r -= (size_t)(k * l[i - 1].units);
    }
    bool ok = d && extra;
    free(d);
    free(extra);
    return ok;
}

/* copies_i <- min(floor(copies_0 / product of strides so far), copies_i), never above the convolution
 * before it (divided by the stride when it would be). */
static inline void balance_by_strides(layer *l, uint32_t n)
{
    double scale = 1.0;
    int64_t before = n ? l[0].copies : 1;
    for (uint32_t i = 1; i < n; i++) {
        scale *= (double)l[i].stride;
        if (!l[i].conv)
            continue;
        int64_t limit = (int64_t)((double)l[0].copies / scale);
        if (l[i].copies > limit)
            l[i].copies = limit;
        if (l[i].copies > before)
            l[i].copies = before / l[i].stride;
        if (l[i].copies < 1)
            l[i].copies = 1;
        before = l[i].copies;
    }
}

/* The fastest choice that takes no more than `units`. */
static inline uint32_t pick_within(const cim_cc_node *n, int64_t units)
{
    uint32_t j = 0;
    while (j + 1 < n->n_choices && n->choices[j + 1].weight <= units)
        j++;
    return j;
}

static inline int64_t units_of(const cim_cc_plan *plan, uint32_t node, const layer *l,
                               bool in_cores)
{
    int64_t units = l->copies * plan->nodes[node].units;
    if (in_cores && !plan->units_are_cores && l->conv)
        units = l->copies * l->units * plan->arch.core.crossbars;
    return units;
}

/* Segments in order until the units are used, copies of each. @return false: out of memory */
static inline bool choose_mlc(const cim_cc_plan *plan, bool plus, uint32_t *from, uint32_t *picks)
{
    bool in_cores = !plus, ok = true;
    int64_t budget = in_cores ? plan->arch.chip.cores : plan->budget;
    layer *l = calloc((size_t)plan->n_nodes + 1, sizeof *l);
    for (uint32_t a = 0, b; l && ok && a < plan->n_nodes; a = b) {
        int64_t units = 0;
        for (b = a; b < plan->n_nodes; b++) {
            l[b - a] = layer_of(plan, b, in_cores);
            if (units + l[b - a].units > budget)
                break;
            units += l[b - a].units;
            from[b + 1] = a;
        }
        ok = divisor_programme(l, b - a, budget - units);
        if (!plus && plan->arch.schedule.pipeline)
            balance_by_strides(l, b - a);
        for (uint32_t i = a; i < b; i++)
            picks[i] = pick_within(&plan->nodes[i], units_of(plan, i, &l[i - a], in_cores));
    }
    ok = ok && l;
    free(l);
    return ok;
}

/* ---- graph level, pipelined ------------------------------------------------------------------------ */

static inline void choose_slowest_first(const cim_cc_plan *plan, uint32_t *from, uint32_t *picks)
{
    for (uint32_t a = 0, b; a < plan->n_nodes; a = b) {
        int64_t spare = plan->budget;
        for (b = a; b < plan->n_nodes && spare >= plan->nodes[b].units; b++) {
            spare -= plan->nodes[b].units;
            from[b + 1] = a;
            picks[b] = 0;
        }
        for (;;) {
            uint32_t slowest = a;
            for (uint32_t i = a + 1; i < b; i++)
                if (plan->nodes[i].choices[picks[i]].cost >
                    plan->nodes[slowest].choices[picks[slowest]].cost)
                    slowest = i;
            const cim_cc_node *n = &plan->nodes[slowest];
            uint32_t next = picks[slowest] + 1;
            if (next >= n->n_choices ||
                n->choices[next].weight - n->choices[next - 1].weight > spare)
                break;
            spare -= n->choices[next].weight - n->choices[next - 1].weight;
            picks[slowest] = next;
        }
    }
}

/* ---- prices ------------------------------------------------------------------------------------- */

/* What all rivals are given: a network on a priced chip. */
typedef struct rival_case {
    const cim_cc_prepared *prepared;
    const cim_hw_arch *arch; /* level and pipeline as this compiler is given them */
    const cim_cost_chip *chip;
    cim_arena *ar;
} rival_case;

static inline cim_status rivals_chosen(const rival_case *q, const cim_hw_arch *a, rival who,
                                       cim_cc_result *out)
{
    cim_cc_plan *plan = cim_arena_take(q->ar, 1, sizeof *plan);
    cim_cc_context cx;
    cim_status status = CIM_OK;
    if (!plan)
        return CIM_E_NOMEM;
    if (cim_cc_open(&cx, plan, q->prepared, a, q->chip, q->ar, false, &status)) {
        size_t n = (size_t)plan->n_nodes + 1;
        uint32_t *from = cim_arena_alloc(q->ar, n, sizeof *from);
        uint32_t *picks = cim_arena_alloc(q->ar, n, sizeof *picks);
        if (!from || !picks)
            return CIM_E_NOMEM;
        if (who == RIVAL_GRAPH_PLUS)
            choose_slowest_first(plan, from, picks);
        else if (!choose_mlc(plan, who == RIVAL_MLC_PLUS, from, picks))
            return CIM_E_NOMEM;
        cx.given_from = from;
        cx.given_picks = picks;
        cim_cc_schedule(&cx, &status);
    }
    *out = plan->result;
    return status;
}

/** What a rival's schedule is worth.
 *  @param[out] out  infeasible where this chip cannot run the network at the rival's level */
static inline cim_status rivals_price(const rival_case *q, rival who, cim_cc_result *out)
{
    cim_hw_arch a = *q->arch;
    cim_arena_reset(q->ar);
    if (who == RIVAL_GRAPH || who == RIVAL_GRAPH_PLUS)
        a.schedule.level = CIM_HW_LEVEL_CG;
    if (who == RIVAL_NONE) {
        a.schedule.level = CIM_HW_LEVEL_NONE;
        a.schedule.segmentation = CIM_HW_SEGMENTATION_GREEDY;
    }
    if (who == RIVAL_NONE || who == RIVAL_GRAPH)
        a.schedule.pipeline = 0;
    if (who == RIVAL_NONE || who == RIVAL_GRAPH)
        return cim_cc_compile(q->prepared, &a, q->chip, q->ar, out, NULL, NULL);
    return rivals_chosen(q, &a, who, out);
}

/** This compiler. */
static inline cim_status rivals_price_ours(const rival_case *q, cim_cc_result *out)
{
    cim_arena_reset(q->ar);
    return cim_cc_compile(q->prepared, q->arch, q->chip, q->ar, out, NULL, NULL);
}

#endif
