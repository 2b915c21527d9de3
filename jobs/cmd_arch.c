/* cimdse arch show | arch list | compile */
#include "jobs/cli.h"

#include "costmodel/explain.h"
#include "hwspace/base/memory.h"
#include "jobs/outputs.h"
#include "jobs/point.h"
#include "sched/flow.h"
#include "sched/model.h"
#include "sched/plan.h"

static const cim_job_option show_options[] = {
    CIM_JOB_SET_OPTION,
    CIM_JOB_LIBRARY_OPTION,
    {"--json", NULL, false, "print JSON"},
    {"--explain", "METRIC", false,
     "where area_mm2, peak_power_w or leakage_w comes from, instead of the report"},
    {0}};
static const cim_job_option list_options[] = {{"--json", NULL, false, "print JSON"}, {0}};
static const cim_job_option compile_options[] = {
    CIM_JOB_SET_OPTION,
    CIM_JOB_LIBRARY_OPTION,
    CIM_JOB_LEVEL_OPTION,
    CIM_JOB_OBJECTIVE_OPTION,
    {"--input", "NAME=1x3x224x224", true, "bind the shape of a network input"},
    {"--json", "FILE", false, "write the whole result as JSON (- for stdout)"},
    {"--explain", "METRIC", false,
     "where a metric comes from: counts, unit costs and their sources, instead of the report"},
    {"--detail", NULL, false, "also every choice the duplication pass could make"},
    {"--emit", "FILE", false, "write the meta-operator flow (- for stdout)"},
    {0}};

static void write_explanation(const cim_cost_explanation *x, bool json, cim_text *out)
{
    if (json) {
        cim_jw w;
        cim_jw_init(&w, out, true);
        cim_cost_explanation_write(x, &w, NULL);
        cim_text_add(out, "\n");
    } else {
        cim_cost_explanation_text(x, out);
    }
}

/* Explanations borrow from the library of the point. */
static cim_status explain_chip(const cim_job_args *args, const cim_job_point *p, cim_err *err)
{
    cim_cost_chip chip;
    cim_cost_provenance from;
    cim_cost_explanation x;
    cim_arena ar;
    CIM_TRY(cim_job_point_trace(p, &chip, &from, err));
    cim_arena_init(&ar);
    cim_status s =
        cim_cost_explain(&chip, &from, cim_job_args_value(args, "--explain"), &ar, &x, err);
    cim_text t;
    cim_text_init(&t);
    if (s == CIM_OK) {
        write_explanation(&x, cim_job_args_has(args, "--json"), &t);
        s = cim_job_print(&t, err);
    }
    cim_text_clear(&t);
    cim_arena_clear(&ar);
    return s;
}

static cim_status report_chip(const cim_job_args *args, const cim_job_point *p, cim_err *err)
{
    cim_cost_chip chip;
    CIM_TRY(cim_job_point_price(p, &chip, err));
    cim_text t;
    cim_text_init(&t);
    if (cim_job_args_has(args, "--json")) {
        cim_jw w;
        cim_jw_init(&w, &t, true);
        cim_cost_arch_report_write(&p->arch, &chip, &w);
        cim_text_add(&t, "\n");
    } else {
        cim_cost_arch_report_text(&p->arch, &chip, &t);
    }
    cim_status s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static cim_status show(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    cim_job_point p;
    cim_status s = cim_job_point_load(args, args->positional[0], &p, err);
    if (s == CIM_OK)
        s = cim_job_args_has(args, "--explain") ? explain_chip(args, &p, err)
                                                : report_chip(args, &p, err);
    cim_job_point_clear(&p);
    return s;
}

static cim_status list(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    return cim_job_print_list(cim_hw_preset_at, cim_job_args_has(args, "--json"), err);
}

/* What one compilation says: its files, and the text for stdout where no file goes there. */
typedef struct answer {
    cim_job_outputs files;
    cim_text text;
} answer;

static void write_plan(const cim_job_args *args, const cim_cc_plan *plan, answer *out)
{
    bool detail = cim_job_args_has(args, "--detail");
    cim_text *json = cim_job_outputs_text(&out->files, "--json");
    if (json) {
        cim_jw w;
        cim_jw_init(&w, json, true);
        cim_cc_plan_write_json(plan, detail, &w, NULL);
        cim_text_add(json, "\n");
    }
    cim_cc_plan_write_text(plan, detail, &out->text);
}

/* --emit: the plan as a program. */
static cim_status emit_flow(const cim_hw_arch *arch, const cim_cc_plan *plan,
                            const cim_cc_result *result, cim_text *out, cim_err *err)
{
    const cim_cc_graph *graph = cim_cc_plan_graph(plan);
    cim_cc_program *program = NULL;
    if (!result->feasible)
        return cim_err_set(err, CIM_E_INPUT, arch->name, "no flow to emit: infeasible: %s",
                           result->reason);
    CIM_TRY(cim_cc_flow_emit(plan, &program, err));
    cim_cc_flow_write(program, graph, out);
    cim_status s = cim_cc_flow_check(program, "emitted flow", graph, arch, err);
    if (s == CIM_E_INPUT && err)
        err->code = CIM_E_INTERNAL; /* what the compiler writes must be legal */
    cim_cc_program_destroy(program);
    return s == CIM_E_INPUT ? CIM_E_INTERNAL : s;
}

/* In place of the report, and of its JSON. */
static cim_status explain_plan(const cim_cc_plan *plan, cim_cc_metric metric,
                               const cim_cc_result *result, const cim_job_point *p, answer *out,
                               cim_err *err)
{
    cim_cost_chip chip;
    cim_cost_provenance from;
    cim_cost_explanation x;
    cim_arena ar;
    cim_text *json = cim_job_outputs_text(&out->files, "--json");
    if (!result->feasible)
        return cim_err_set(err, CIM_E_INPUT, p->arch.name, "nothing to explain: %s",
                           result->reason);
    CIM_TRY(cim_job_point_trace(p, &chip, &from, err));
    cim_arena_init(&ar);
    cim_status s = cim_cc_explain(plan, &from, metric, &ar, &x, err);
    if (s == CIM_OK)
        write_explanation(&x, json != NULL, json ? json : &out->text);
    cim_arena_clear(&ar);
    return s;
}

static cim_status compile_on(const cim_job_args *args, const cim_job_point *p,
                             const cim_cc_model *model, answer *out, cim_err *err)
{
    cim_cost_chip chip;
    cim_cc_prepared *prepared = NULL;
    const char *explain = cim_job_args_value(args, "--explain");
    cim_text *flow = cim_job_outputs_text(&out->files, "--emit");
    cim_cc_metric metric = 0;
    if (explain)
        CIM_TRY(cim_cc_metric_find(explain, &metric, err));
    CIM_TRY(cim_job_point_price(p, &chip, err));
    CIM_TRY(cim_cc_prepare(cim_cc_model_graph(model), &prepared, err));
    cim_arena ar;
    cim_arena_init(&ar);
    cim_cc_result result;
    const cim_cc_plan *plan = NULL;
    cim_status s = cim_cc_compile_bounded(prepared, &p->arch, &chip, &ar, &result, &plan, err);
    if (s == CIM_OK && flow)
        s = emit_flow(&p->arch, plan, &result, flow, err);
    if (s == CIM_OK && explain)
        s = explain_plan(plan, metric, &result, p, out, err);
    else if (s == CIM_OK)
        write_plan(args, plan, out);
    cim_arena_clear(&ar);
    cim_cc_prepared_destroy(prepared);
    return s;
}

static cim_status load_and_compile(const cim_job_args *args, const cim_job_point *p, answer *out,
                                   cim_err *err)
{
    cim_cc_model_options options = {.sequence_length = p->arch.workload.sequence_length};
    options.n_inputs = cim_job_args_values(args, "--input", &options.inputs);
    cim_cc_model *model = NULL;
    cim_status s = cim_cc_model_load(args->positional[0], &options, &model, err);
    if (s == CIM_OK)
        s = compile_on(args, p, model, out, err);
    cim_cc_model_destroy(model);
    return s;
}

/* What would be parsed and ignored is refused. */
static cim_status check_compile(const cim_job_args *args, const answer *out, cim_err *err)
{
    bool explain = cim_job_args_has(args, "--explain");
    if (explain && cim_job_args_has(args, "--detail"))
        return cim_err_set(err, CIM_E_INPUT, "--detail",
                           "belongs to the report, which --explain replaces");
    if (explain && !cim_job_args_has(args, "--json") && cim_job_outputs_on_stdout(&out->files))
        return cim_err_set(err, CIM_E_INPUT, "--emit",
                           "found - (stdout), where the text of --explain goes; name a file");
    return CIM_OK;
}

static cim_status compile_into(const cim_job_args *args, answer *out, cim_err *err)
{
    cim_job_point p;
    CIM_TRY(cim_job_outputs_take(&out->files, args, (const char *const[]){"--json", "--emit", NULL},
                                 err));
    CIM_TRY(check_compile(args, out, err));
    cim_status s = cim_job_point_load(args, args->positional[1], &p, err);
    if (s == CIM_OK)
        s = load_and_compile(args, &p, out, err);
    cim_job_point_clear(&p);
    CIM_TRY(s);
    CIM_TRY(cim_job_outputs_write(&out->files, err));
    return cim_job_outputs_on_stdout(&out->files) ? CIM_OK : cim_job_print(&out->text, err);
}

static cim_status compile(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    answer out;
    cim_job_outputs_init(&out.files);
    cim_text_init(&out.text);
    cim_status s = compile_into(args, &out, err);
    cim_text_clear(&out.text);
    cim_job_outputs_clear(&out.files);
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
