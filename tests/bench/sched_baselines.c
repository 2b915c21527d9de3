/* Schedules of this compiler beside those of public heuristics, on the same chip, the same mapping
 * and the same timing of the DAG: only the choice of segments and copies differs.
 *
 *   none      one copy of everything, operators one after another
 *   cim-mlc   CIM-MLC's public code (ASPLOS 2024): segments filled greedily in order; copies by the
 *             divisor dynamic programme for the summed latency of convolutions (linear layers are
 *             never copied); then the balancing by strides. Pipelined.
 *   cim-mlc-  the same without the balancing, which often loses
 *   graph     graph level only, as compilers of the Poly-Schedule kind: copies for the summed
 *             latency, exact, operators one after another
 *   cimdse    this compiler, pipelined
 *
 * Prints a Markdown table of latencies in microseconds and the gain over the best other, and fails
 * when this compiler loses anywhere.    bench_sched_baselines [MODEL] */
#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const cim_err *err)
{
    fprintf(stderr, "%s: %s: %s\n", what, err ? err->where : "", err ? err->message : "");
    exit(1);
}

/* ---- CIM-MLC's heuristics --------------------------------------------------------------------- */

typedef struct layer {
    bool conv;
    int64_t rows, stride;
    int64_t units; /* of one copy */
    double latency;
    int64_t copies;
} layer;

static layer layer_of(const cim_cc_plan *plan, uint32_t node)
{
    const cim_cc_node *n = &plan->nodes[node];
    const cim_cc_op *op = &plan->graph->ops[n->op];
    layer l = {.conv = !strcmp(op->type, "Conv"),
               .rows = op->rows,
               .stride = 1,
               .units = n->units,
               .latency = n->choices[0].cost,
               .copies = 1};
    if (l.conv && op->n_edges && !plan->graph->edges[op->first_edge].full)
        l.stride = plan->graph->edges[op->first_edge].num;
    return l;
}

/* D[l][r] = min(D[l-1][r], min over k with (k+1) | rows and k units <= r of
 *               D[l-1][r - k units] - latency (1 - 1/(k+1))) */
static void divisor_programme(layer *l, uint32_t n, int64_t spare)
{
    size_t width = (size_t)spare + 1;
    double *d = calloc((n + 1) * width, sizeof *d);
    int64_t *extra = calloc((n + 1) * width, sizeof *extra);
    if (!d || !extra)
        die("out of memory", NULL);
    for (uint32_t i = 1; i <= n; i++)
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
    for (uint32_t i = n; i > 0; i--) {
        int64_t k = extra[i * width + r];
        l[i - 1].copies = k + 1;
        r -= (size_t)(k * l[i - 1].units);
    }
    free(d);
    free(extra);
}

/* copies_i <- min(floor(copies_0 / product of strides so far), copies_i), never above the layer
 * before it (divided by the stride when it would be). */
static void balance_by_strides(layer *l, uint32_t n)
{
    double scale = 1.0;
    for (uint32_t i = 1; i < n; i++) {
        scale *= (double)l[i].stride;
        int64_t limit = (int64_t)((double)l[0].copies / scale);
        if (l[i].copies > limit)
            l[i].copies = limit;
        if (l[i].copies > l[i - 1].copies)
            l[i].copies = l[i - 1].copies / l[i].stride;
        if (l[i].copies < 1)
            l[i].copies = 1;
    }
}

/* The candidate with as many copies as wanted, or the next below that helps. */
static uint32_t pick_of(const cim_cc_node *n, int64_t copies)
{
    uint32_t j = 0;
    while (j + 1 < n->n_choices && n->choice_copies[j + 1] <= copies)
        j++;
    return j;
}

static double heuristic_latency(cim_cc_context *cx, bool balance)
{
    cim_cc_plan *plan = cx->plan;
    uint32_t *picks = cim_arena_alloc(cx->ar, plan->n_nodes + 1, sizeof *picks);
    layer *l = cim_arena_alloc(cx->ar, plan->n_nodes + 1, sizeof *l);
    double total = 0.0;
    uint32_t segments = 0;
    for (uint32_t a = 0, b; a < plan->n_nodes; a = b) {
        int64_t units = 0;
        for (b = a; b < plan->n_nodes && units + plan->nodes[b].units <= plan->budget; b++)
            units += plan->nodes[b].units;
        for (uint32_t i = a; i < b; i++)
            l[i - a] = layer_of(plan, i);
        divisor_programme(l, b - a, plan->budget - units);
        if (balance)
            balance_by_strides(l, b - a);
        for (uint32_t i = a; i < b; i++)
            picks[i] = pick_of(&plan->nodes[i], l[i - a].copies);
        cim_cc_range r = {.first = a, .end = b};
        cim_cc_range_ops(plan, &r);
        cim_cc_range_time(cx, &r, picks, false);
        total += r.latency_ns;
        if (segments++ || b < plan->n_nodes)
            total += cim_cc_range_reload_ns(plan, a, b);
    }
    return total;
}

static double compiled(const cim_cc_prepared *p, cim_hw_arch *a, const cim_cost_chip *c,
                       cim_arena *ar)
{
    cim_cc_result r;
    cim_err err = {0};
    cim_arena_reset(ar);
    if (cim_cc_compile(p, a, c, ar, &r, NULL, &err) != CIM_OK)
        die("compile", &err);
    return r.feasible ? r.metrics[CIM_M_LATENCY_S] * 1e9 : NAN;
}

/* One network on one chip and level. @return whether this compiler is never worse */
static bool row(const cim_cost_library *lib, const cim_cc_prepared *p, cim_hw_arch *a,
                const char *model, const char *preset)
{
    static cim_cc_plan plan;
    char reason[CIM_CC_REASON];
    cim_cost_chip chip;
    cim_cc_context cx;
    cim_status status = CIM_OK;
    cim_arena ar;
    cim_hw_schedule s = a->schedule;
    if (!cim_hw_arch_consistent(a, reason, sizeof reason) ||
        !cim_cost_chip_price(lib, a, &chip, reason, sizeof reason))
        return true;
    cim_arena_init(&ar);
    double ours = compiled(p, a, &chip, &ar), others[4];
    a->schedule.duplication = CIM_HW_DUPLICATION_NONE;
    a->schedule.segmentation = CIM_HW_SEGMENTATION_GREEDY;
    a->schedule.pipeline = 0;
    others[0] = compiled(p, a, &chip, &ar);
    a->schedule = s;
    for (int k = 1; k <= 2; k++) {
        cim_arena_reset(&ar);
        others[k] = cim_cc_open(&cx, &plan, p, a, &chip, &ar, false, &status)
                        ? heuristic_latency(&cx, k == 1)
                        : NAN;
    }
    a->schedule.pipeline = 0;
    others[3] = compiled(p, a, &chip, &ar);
    a->schedule = s;
    double best = INFINITY;
    for (int k = 0; k < 4; k++)
        best = fmin(best, others[k]);
    printf("| %s | %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | %.1f |\n", model, preset,
           cim_hw_level_words[a->schedule.level], others[0] * 1e-3, others[1] * 1e-3,
           others[2] * 1e-3, others[3] * 1e-3, ours * 1e-3, best / ours, others[0] / ours);
    fflush(stdout);
    cim_arena_clear(&ar);
    return !(ours > best * (1 + 1e-9));
}

int main(int argc, char **argv)
{
    cim_err err = {0};
    cim_cost_library *lib = NULL;
    const char *name, *line, *preset;
    char text[256];
    bool never_worse = true;
    cim_rng_library_init();
    if (cim_cost_library_load(&lib, &err) != CIM_OK)
        die("library", &err);
    printf("| network | chip | level | none | cim-mlc | cim-mlc- | graph | cimdse | best other / "
           "cimdse | none / cimdse |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; cim_cc_model_builtin_at(i, &name, &line); i++) {
        char model_name[64];
        snprintf(model_name, sizeof model_name, "%s", name);
        if (argc > 1 && strcmp(argv[1], model_name) != 0)
            continue;
        cim_cc_model *model = NULL;
        cim_cc_prepared *p = NULL;
        if (cim_cc_model_load(model_name, NULL, &model, &err) != CIM_OK ||
            cim_cc_prepare(cim_cc_model_graph(model), &p, &err) != CIM_OK)
            die(model_name, &err);
        for (size_t j = 0; cim_hw_preset_at(j, &preset, text, sizeof text); j++)
            for (int level = CIM_HW_LEVEL_CG; level <= CIM_HW_LEVEL_MVM; level++) {
                cim_hw_arch arch;
                if (cim_hw_arch_load(preset, &arch, &err) != CIM_OK)
                    die(preset, &err);
                arch.schedule.level = level;
                never_worse &= row(lib, p, &arch, model_name, preset);
                cim_hw_arch_clear(&arch);
            }
        cim_cc_prepared_destroy(p);
        cim_cc_model_destroy(model);
    }
    cim_cost_library_destroy(lib);
    if (!never_worse)
        printf("\nworse somewhere\n");
    return never_worse ? 0 : 1;
}
