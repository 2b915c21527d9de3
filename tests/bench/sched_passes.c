/* Time of every pass of a full compilation on one core, Markdown:
 *   bench_sched_passes [NETWORK [PRESET [SECONDS]]]      default: resnet50 on every preset, deepest level */
#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"
#include "sched/plan_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPEN, SEGMENT, BUFFER, PLACE, POWER, COUNT, N_PASSES };
static const char *const names[N_PASSES] = {
    "map, choices", "segment, duplicate, pipeline", "buffer", "place", "power", "count"};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void die(const cim_err *err)
{
    fprintf(stderr, "%s: %s\n", err->where, err->message);
    exit(1);
}

/* One compilation, each pass's time added. @return false: infeasible */
static bool one(const cim_cc_prepared *p, const cim_hw_arch *arch, const cim_cost_chip *chip,
                cim_arena *ar, double *us)
{
    static cim_cc_plan plan;
    cim_cc_context cx;
    cim_status status;
    double t[N_PASSES + 1];
    cim_arena_reset(ar);
    t[0] = now_us();
    if (!cim_cc_open(&cx, &plan, p, arch, chip, ar, false, &status))
        return false;
    t[1] = now_us();
    if (!cim_cc_pass_segment(&cx, &status))
        return false;
    t[2] = now_us();
    bool ok = cim_cc_pass_buffer(&cx);
    t[3] = now_us();
    ok = ok && cim_cc_pass_place(&cx) == CIM_OK;
    t[4] = now_us();
    ok = ok && cim_cc_pass_power(&cx) == CIM_OK;
    t[5] = now_us();
    cim_cc_pass_count(&cx);
    t[6] = now_us();
    for (int i = 0; ok && i < N_PASSES; i++)
        us[i] += t[i + 1] - t[i];
    return ok;
}

static void preset(const cim_cost_library *lib, const cim_cc_prepared *p, const char *name,
                   double seconds)
{
    static const int64_t deepest[] = {CIM_HW_LEVEL_CG, CIM_HW_LEVEL_MVM, CIM_HW_LEVEL_VVM};
    cim_err err = {0};
    cim_hw_arch arch;
    cim_cost_chip chip;
    cim_arena ar;
    char reason[256];
    double us[N_PASSES] = {0}, total = 0.0, start = now_us();
    long runs = 0;
    if (cim_hw_arch_load(name, &arch, &err) != CIM_OK)
        die(&err);
    arch.schedule.level = deepest[arch.computing_mode];
    cim_arena_init(&ar);
    if (cim_cost_chip_price(lib, &arch, &chip, reason, sizeof reason))
        while (one(p, &arch, &chip, &ar, us) && ++runs && now_us() - start < 1e6 * seconds)
            continue;
    printf("| %s |", name);
    for (int i = 0; runs && i < N_PASSES; i++) {
        printf(" %.1f |", us[i] / (double)runs);
        total += us[i] / (double)runs;
    }
    printf(runs ? " %.0f |\n" : " infeasible |\n", total);
    cim_arena_clear(&ar);
    cim_hw_arch_clear(&arch);
}

int main(int argc, char **argv)
{
    const char *network = argc > 1 ? argv[1] : "resnet50", *only = argc > 2 ? argv[2] : NULL, *name;
    double seconds = argc > 3 ? atof(argv[3]) : 0.5;
    cim_err err = {0};
    cim_cost_library *lib = NULL;
    cim_cc_model *model = NULL;
    cim_cc_prepared *p = NULL;
    char line[256];
    cim_rng_library_init();
    if (cim_cost_library_load(&lib, &err) != CIM_OK ||
        cim_cc_model_load(network, NULL, &model, &err) != CIM_OK ||
        cim_cc_prepare(cim_cc_model_graph(model), &p, &err) != CIM_OK)
        die(&err);
    printf("| %s, us |", network);
    for (int i = 0; i < N_PASSES; i++)
        printf(" %s |", names[i]);
    printf(" all |\n|");
    for (int i = 0; i < N_PASSES + 2; i++)
        printf("---|");
    printf("\n");
    for (size_t j = 0; cim_hw_preset_at(j, &name, line, sizeof line); j++)
        if (!only || !strcmp(only, name))
            preset(lib, p, name, seconds);
    cim_cc_prepared_destroy(p);
    cim_cc_model_destroy(model);
    cim_cost_library_destroy(lib);
    return 0;
}
