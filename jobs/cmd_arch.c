/* cimdse arch show | arch list | compile */
#include "jobs/cli.h"

#include "costmodel/explain.h"
#include "hwspace/base/memory.h"
#include "sched/model.h"
#include "sched/flow.h"
#include "sched/plan.h"

#include <stdio.h>
#include <string.h>

#define SET_OPTION                                                                                 \
    {                                                                                              \
        "--set", "PATH=VALUE", true, "override a field of the architecture"                        \
    }

#define LIBRARY_OPTION                                                                             \
    {                                                                                              \
        "--library", "FILE", false, "component library to lay over the built-in one"               \
    }

static const cim_job_option show_options[] = {
    SET_OPTION,
    LIBRARY_OPTION,
    {"--json", NULL, false, "print JSON"},
    {"--explain", "METRIC", false,
     "where area_mm2, peak_power_w or leakage_w comes from, instead of the report"},
    {0}};
static const cim_job_option list_options[] = {{"--json", NULL, false, "print JSON"}, {0}};
static const cim_job_option compile_options[] = {
    SET_OPTION,
    LIBRARY_OPTION,
    {"--level", "none|cg|mvm|vvm", false, "short for --set schedule.level=..."},
    {"--objective", "latency|throughput|energy|edp", false,
     "short for --set schedule.objective=..."},
    {"--input", "NAME=1x3x224x224", true, "bind the shape of a network input"},
    {"--json", "FILE", false, "write the whole result as JSON (- for stdout)"},
    {"--explain", "METRIC", false,
     "where a metric comes from: counts, unit costs and their sources, instead of the report"},
    {"--detail", NULL, false, "also every choice the duplication pass could make"},
    {"--emit", "FILE", false, "write the meta-operator flow (- for stdout)"},
    {0}};

/* Load, override, check: the architecture a command works on. */
static cim_status load_arch(const cim_job_args *args, const char *name, cim_hw_arch *arch,
                            cim_err *err)
{
    CIM_TRY(cim_hw_arch_load(name, arch, err));
    const char *const *sets;
    size_t n = cim_job_args_values(args, "--set", &sets);
    cim_status s = CIM_OK;
    for (size_t i = 0; i < n && s == CIM_OK; i++)
        s = cim_hw_arch_set(arch, sets[i], err);
    if (s != CIM_OK)
        cim_hw_arch_clear(arch);
    return s;
}

/* A reason opens with the path of the field at fault: its place as a JSON pointer. @return buf */
static const char *place(const cim_hw_arch *arch, const char *reason, char *buf, size_t size)
{
    int field = cim_hw_reason_field(reason);
    bool listed = !strncmp(reason, "components:", 11);
    const char *path = field >= 0 ? cim_hw_fields[field].path : "components";
    snprintf(buf, size, field >= 0 || listed ? "%s:/%s" : "%s", arch->name, path);
    for (char *dot = buf + strlen(arch->name); (dot = strchr(dot, '.'));)
        *dot = '/';
    return buf;
}

static cim_status check_consistent(const cim_hw_arch *arch, cim_err *err)
{
    char reason[CIM_CC_REASON], where[160];
    if (!cim_hw_arch_consistent(arch, reason, sizeof reason))
        return cim_err_set(err, CIM_E_INPUT, place(arch, reason, where, sizeof where), "%s",
                           reason);
    return CIM_OK;
}

static cim_status price(const cim_job_args *args, const cim_hw_arch *arch, cim_cost_chip *chip,
                        cim_err *err)
{
    char reason[CIM_CC_REASON], where[160];
    cim_cost_library *library = NULL;
    CIM_TRY(cim_cost_library_load_file(cim_job_args_value(args, "--library"), &library, err));
    bool ok = cim_cost_chip_price(library, arch, chip, reason, sizeof reason);
    cim_cost_library_destroy(library);
    return ok ? CIM_OK
              : cim_err_set(err, CIM_E_INPUT, place(arch, reason, where, sizeof where), "%s",
                            reason);
}

/* An explanation instead of a report: JSON to the file named (NULL: none; "-": stdout), else text. */
static cim_status print_explanation(const cim_cost_explanation *x, const char *json, cim_err *err)
{
    cim_text t;
    cim_text_init(&t);
    if (json) {
        cim_jw w;
        cim_jw_init(&w, &t, true);
        cim_cost_explanation_write(x, &w, NULL);
        cim_text_add(&t, "\n");
    } else {
        cim_cost_explanation_text(x, &t);
    }
    cim_status s = json ? cim_job_output(json, &t, err) : cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

/* The pricing once more, with what every library entry contributes to it. Explanations borrow from the
 * library: it stays until they are printed. */
static cim_status trace(const cim_job_args *args, const cim_hw_arch *arch,
                        cim_cost_library **library, cim_cost_chip *chip, cim_cost_provenance *from,
                        cim_err *err)
{
    char reason[CIM_CC_REASON];
    CIM_TRY(cim_cost_library_load_file(cim_job_args_value(args, "--library"), library, err));
    if (cim_cost_provenance_trace(*library, arch, chip, from, reason, sizeof reason))
        return CIM_OK;
    cim_cost_library_destroy(*library);
    return cim_err_set(err, CIM_E_INPUT, arch->name, "%s", reason);
}

static cim_status explain_chip(const cim_job_args *args, const cim_hw_arch *arch, cim_err *err)
{
    cim_cost_library *library = NULL;
    cim_cost_chip chip;
    cim_cost_provenance from;
    cim_cost_explanation x;
    cim_arena ar;
    CIM_TRY(trace(args, arch, &library, &chip, &from, err));
    cim_arena_init(&ar);
    cim_status s =
        cim_cost_explain(&chip, &from, cim_job_args_value(args, "--explain"), &ar, &x, err);
    if (s == CIM_OK)
        s = print_explanation(&x, cim_job_args_has(args, "--json") ? "-" : NULL, err);
    cim_arena_clear(&ar);
    cim_cost_library_destroy(library);
    return s;
}

static cim_status show_loaded(const cim_job_args *args, const cim_hw_arch *arch, cim_err *err)
{
    cim_cost_chip chip;
    CIM_TRY(check_consistent(arch, err));
    if (cim_job_args_has(args, "--explain"))
        return explain_chip(args, arch, err);
    CIM_TRY(price(args, arch, &chip, err));
    cim_text t;
    cim_text_init(&t);
    if (cim_job_args_has(args, "--json")) {
        cim_jw w;
        cim_jw_init(&w, &t, true);
        cim_cost_arch_report_write(arch, &chip, &w);
        cim_text_add(&t, "\n");
    } else {
        cim_cost_arch_report_text(arch, &chip, &t);
    }
    cim_status s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static cim_status show(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    cim_hw_arch arch;
    CIM_TRY(load_arch(args, args->positional[0], &arch, err));
    cim_status s = show_loaded(args, &arch, err);
    cim_hw_arch_clear(&arch);
    return s;
}

static cim_status list(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    return cim_job_print_list(cim_hw_preset_at, cim_job_args_has(args, "--json"), err);
}

/* --level and --objective are words for --set. */
static cim_status apply_shorthand(const cim_job_args *args, const char *option, const char *path,
                                  cim_hw_arch *arch, cim_err *err)
{
    const char *value = cim_job_args_value(args, option);
    if (!value)
        return CIM_OK;
    cim_text t;
    cim_text_init(&t);
    cim_text_addf(&t, "%s=%s", path, value);
    cim_status s = t.failed ? cim_err_set(err, CIM_E_NOMEM, option, "out of memory")
                            : cim_hw_arch_set(arch, t.s, err);
    cim_text_clear(&t);
    return s;
}

static cim_status write_plan(const cim_job_args *args, const cim_cc_plan *plan, cim_err *err)
{
    bool detail = cim_job_args_has(args, "--detail");
    const char *file = cim_job_args_value(args, "--json");
    cim_text t;
    cim_text_init(&t);
    cim_status s = CIM_OK;
    if (file) {
        cim_jw w;
        cim_jw_init(&w, &t, true);
        cim_cc_plan_write_json(plan, detail, &w, NULL);
        cim_text_add(&t, "\n");
        s = cim_job_output(file, &t, err);
        cim_text_clear(&t);
    }
    const char *emit = cim_job_args_value(args, "--emit");
    if (s == CIM_OK && !(file && !strcmp(file, "-")) && !(emit && !strcmp(emit, "-"))) {
        cim_cc_plan_write_text(plan, detail, &t);
        s = cim_job_print(&t, err);
    }
    cim_text_clear(&t);
    return s;
}

/* --emit: the plan as a program, when there is one. */
static cim_status emit_flow(const cim_job_args *args, const cim_hw_arch *arch,
                            const cim_cc_plan *plan, cim_err *err)
{
    const cim_cc_graph *graph = cim_cc_plan_graph(plan);
    const char *file = cim_job_args_value(args, "--emit");
    if (!file)
        return CIM_OK;
    cim_cc_program *program = NULL;
    CIM_TRY(cim_cc_flow_emit(plan, &program, err));
    cim_text t;
    cim_text_init(&t);
    cim_cc_flow_write(program, graph, &t);
    cim_status s = cim_cc_flow_check(program, "emitted flow", graph, arch, err);
    if (s == CIM_E_INPUT && err)
        err->code = CIM_E_INTERNAL; /* what the compiler writes must be legal */
    if (s == CIM_OK)
        s = cim_job_output(file, &t, err);
    else if (s == CIM_E_INPUT)
        s = CIM_E_INTERNAL;
    cim_text_clear(&t);
    cim_cc_program_destroy(program);
    return s;
}

static cim_status explain_plan(const cim_job_args *args, const cim_cc_plan *plan,
                               const cim_cc_result *result, const cim_hw_arch *arch, cim_err *err)
{
    cim_cost_library *library = NULL;
    cim_cost_chip chip;
    cim_cost_provenance from;
    cim_cost_explanation x;
    cim_arena ar;
    cim_cc_metric metric;
    CIM_TRY(cim_cc_metric_find(cim_job_args_value(args, "--explain"), &metric, err));
    if (!result->feasible)
        return cim_err_set(err, CIM_E_INPUT, arch->name, "nothing to explain: %s", result->reason);
    CIM_TRY(trace(args, arch, &library, &chip, &from, err));
    cim_arena_init(&ar);
    cim_status s = cim_cc_explain(plan, &from, metric, &ar, &x, err);
    if (s == CIM_OK)
        s = print_explanation(&x, cim_job_args_value(args, "--json"), err);
    cim_arena_clear(&ar);
    cim_cost_library_destroy(library);
    return s;
}

static cim_status compile_on(const cim_job_args *args, const cim_hw_arch *arch,
                             const cim_cc_model *model, cim_err *err)
{
    cim_cost_chip chip;
    cim_cc_prepared *prepared = NULL;
    CIM_TRY(check_consistent(arch, err));
    CIM_TRY(price(args, arch, &chip, err));
    CIM_TRY(cim_cc_prepare(cim_cc_model_graph(model), &prepared, err));
    cim_arena ar;
    cim_arena_init(&ar);
    cim_cc_result result;
    const cim_cc_plan *plan = NULL;
    cim_status s = cim_cc_compile_bounded(prepared, arch, &chip, &ar, &result, &plan, err);
    if (s == CIM_OK && result.feasible)
        s = emit_flow(args, arch, plan, err);
    if (s == CIM_OK)
        s = cim_job_args_has(args, "--explain") ? explain_plan(args, plan, &result, arch, err)
                                                : write_plan(args, plan, err);
    cim_arena_clear(&ar);
    cim_cc_prepared_destroy(prepared);
    return s;
}

static cim_status compile(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    cim_hw_arch arch;
    CIM_TRY(load_arch(args, args->positional[1], &arch, err));
    cim_cc_model_options options = {.sequence_length = arch.workload.sequence_length};
    options.n_inputs = cim_job_args_values(args, "--input", &options.inputs);
    cim_cc_model *model = NULL;
    cim_status s = apply_shorthand(args, "--level", "schedule.level", &arch, err);
    if (s == CIM_OK)
        s = apply_shorthand(args, "--objective", "schedule.objective", &arch, err);
    if (s == CIM_OK)
        s = cim_cc_model_load(args->positional[0], &options, &model, err);
    if (s == CIM_OK)
        s = compile_on(args, &arch, model, err);
    cim_cc_model_destroy(model);
    cim_hw_arch_clear(&arch);
    return s;
}

const cim_job_command cim_job_arch_commands[] = {
    {"arch list", "arch list [--json]", "built-in chips", list_options, 0, 0, list},
    {"arch show",
     "arch show ARCH [--set PATH=VALUE]... [--library FILE] [--explain METRIC] [--json]",
     "tiers, capacity, peak throughput, area and power of a chip", show_options, 1, 1, show},
    {"compile",
     "compile MODEL ARCH [--set PATH=VALUE]... [--library FILE] [--level L] [--objective O] "
     "[--json FILE] [--detail] [--explain METRIC] [--emit FILE]",
     "compile a network for one chip and price it", compile_options, 2, 2, compile},
    {0}};
