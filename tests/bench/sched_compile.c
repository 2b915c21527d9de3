/* Full evaluations (price + compile) per second on one core, every built-in network on every
 * preset and level; and how far the pipelined latency may be from optimal (reported bound).
 *   bench_sched_compile [SECONDS_PER_CASE] */
#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"
#include "sched/plan_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const cim_err *err)
{
    fprintf(stderr, "%s: %s\n", err->where, err->message);
    exit(1);
}

static void one_case(const cim_cost_library *lib, const cim_cc_prepared *p, cim_hw_arch *arch,
                     const char *model, const char *preset, double seconds)
{
    cim_err err = {0};
    cim_arena ar;
    cim_arena_init(&ar);
    cim_cost_chip chip;
    cim_cc_result r;
    const cim_cc_plan *plan;
    char reason[CIM_CC_REASON];
    if (!cim_hw_arch_consistent(arch, reason, sizeof reason) ||
        !cim_cost_chip_price(lib, arch, &chip, reason, sizeof reason))
        return;
    if (cim_cc_compile_bounded(p, arch, &chip, &ar, &r, &plan, &err) != CIM_OK)
        die(&err);
    double gap = r.feasible && plan->n_segments == 1 && plan->segments[0].bound_ns > 0.0
                     ? 100.0 * (plan->segments[0].latency_ns / plan->segments[0].bound_ns - 1.0)
                     : -1.0;
    uint32_t segments = plan->n_segments;
    double start = now_s(), spent = 0.0;
    long runs = 0;
    while (spent < seconds) {
        cim_arena_reset(&ar);
        if (!cim_cost_chip_price(lib, arch, &chip, reason, sizeof reason) ||
            cim_cc_compile(p, arch, &chip, &ar, &r, NULL, &err) != CIM_OK)
            die(&err);
        runs++;
        spent = now_s() - start;
    }
    printf("%-13s %-9s %-4s %8.1f /s %9.1f us  %4u seg  ", model, preset,
           cim_hw_level_words[arch->schedule.level], (double)runs / spent,
           1e6 * spent / (double)runs, segments);
    if (!r.feasible)
        printf("infeasible: %s\n", r.reason);
    else if (gap >= 0.0)
        printf("latency %.4g s, gap at most %.2f %%\n", r.metrics[CIM_M_LATENCY_S], gap);
    else
        printf("latency %.4g s\n", r.metrics[CIM_M_LATENCY_S]);
    cim_arena_clear(&ar);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.2;
    const char *only = argc > 2 ? argv[2] : NULL;
    cim_err err = {0};
    cim_cost_library *lib = NULL;
    cim_rng_library_init();
    if (cim_cost_library_load(&lib, &err) != CIM_OK)
        die(&err);
    const char *name, *line, *preset;
    char text[256];
    for (size_t i = 0; cim_cc_model_builtin_at(i, &name, &line); i++) {
        cim_cc_model *model = NULL;
        cim_cc_prepared *p = NULL;
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s", name);
        if (only && strcmp(only, wanted) != 0)
            continue;
        if (cim_cc_model_load(wanted, NULL, &model, &err) != CIM_OK ||
            cim_cc_prepare(cim_cc_model_graph(model), &p, &err) != CIM_OK)
            die(&err);
        for (size_t j = 0; cim_hw_preset_at(j, &preset, text, sizeof text); j++)
            for (int level = CIM_HW_LEVEL_CG; level <= CIM_HW_LEVEL_MVM; level++) {
                cim_hw_arch arch;
                if (cim_hw_arch_load(preset, &arch, &err) != CIM_OK)
                    die(&err);
                arch.schedule.level = level;
                one_case(lib, p, &arch, wanted, preset, seconds);
                cim_hw_arch_clear(&arch);
            }
        cim_cc_prepared_destroy(p);
        cim_cc_model_destroy(model);
    }
    cim_cost_library_destroy(lib);
    return 0;
}
