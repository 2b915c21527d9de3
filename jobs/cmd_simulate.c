/* cimdse simulate */
#include "jobs/cli.h"

#include "hwspace/base/memory.h"
#include "hwspace/base/npy.h"
#include "jobs/outputs.h"
#include "jobs/point.h"
#include "jobs/simulate_cycle.h"
#include "sched/flow.h"
#include "sched/plan.h"
#include "sched/sim.h"

#include <stdio.h>
#include <string.h>

static const cim_job_option simulate_options[] = {
    CIM_JOB_SET_OPTION,
    CIM_JOB_LEVEL_OPTION,
    CIM_JOB_OBJECTIVE_OPTION,
    {"--input", "[NAME=]X.npy", true, "values of a network input (float32, float64 or int64)"},
    {"--output", "[NAME=]Y.npy", true, "write a network output as float32"},
    {"--reference", NULL, false,
     "plain integer arithmetic, no crossbars: of the point only workload.* counts"},
    {"--json", "FILE", false, "write what was measured as JSON (- for stdout)"},
    CIM_JOB_LIBRARY_OPTION,
    {"--seed", "S", false, "of the variation of cells (default 0)"},
    {"--trace", "FILE", false, "write what runs when for ui.perfetto.dev (Chrome trace JSON)"},
    {"--power", "FILE", false, "write the power over time as CSV (time_s,power_w)"},
    {"--flow", "FILE", false, "run this meta-operator flow (of compile --emit)"},
    {0}};

enum { MAX_ARRAYS = 32 };

/* Everything one call holds. */
typedef struct session {
    const cim_job_args *args;
    cim_job_point point;
    cim_npy arrays[MAX_ARRAYS];
    char *names[MAX_ARRAYS];    /* NULL: the only input */
    char *bindings[MAX_ARRAYS]; /* "NAME=1x3x8x8" for the import */
    size_t n_arrays;
    cim_cc_model *model;
    cim_cc_program *flow; /* NULL: none given */
    cim_arena arena;      /* of the graph that the flow is of, when it is not the network's */
    bool functional;      /* with --input: numbers, too */
    cim_cc_sim sim;
    cim_job_outputs files;
    cim_job_cycle cycle; /* not with --reference, which uses no chip */
} session;

/* A path may hold '=': what stands before the first is a name only when no file is called that. */
static const char *split_name(const char *value, char **name)
{
    const char *eq = strchr(value, '=');
    FILE *whole = eq ? fopen(value, "rb") : NULL;
    if (whole)
        fclose(whole);
    if (!eq || whole || eq == value)
        return value;
    *name = cim_strdup(value);
    if (*name)
        (*name)[eq - value] = '\0';
    return eq + 1;
}

/* The array's shape as the import wants it: it also binds dynamic dimensions. */
static char *binding_of(const char *name, const cim_npy *a)
{
    cim_text t;
    cim_text_init(&t);
    if (name)
        cim_text_addf(&t, "%s=", name);
    for (int i = 0; i < a->rank; i++)
        cim_text_addf(&t, "%s%lld", i ? "x" : "", (long long)a->dims[i]);
    char *copy = t.failed ? NULL : cim_strdup(cim_text_str(&t));
    cim_text_clear(&t);
    return copy;
}

static cim_status read_arrays(session *s, cim_err *err)
{
    const char *const *values;
    size_t n = cim_job_args_values(s->args, "--input", &values);
    if (n > MAX_ARRAYS)
        return cim_err_set(err, CIM_E_INPUT, "--input", "at most %d arrays can be given",
                           MAX_ARRAYS);
    for (size_t i = 0; i < n; i++) {
        const char *path = split_name(values[i], &s->names[i]);
        CIM_TRY(cim_npy_read(path, &s->arrays[i], err));
        s->n_arrays++;
        if (s->arrays[i].elements == 0)
            return cim_err_set(err, CIM_E_INPUT, path, "holds no elements");
        s->bindings[i] = binding_of(s->names[i], &s->arrays[i]);
        if (!s->bindings[i])
            return cim_err_set(err, CIM_E_NOMEM, path, "out of memory");
    }
    return CIM_OK;
}

static cim_status load_model(session *s, cim_err *err)
{
    const char *bindings[MAX_ARRAYS];
    cim_cc_model_options options = {.inputs = bindings,
                                    .sequence_length = s->point.arch.workload.sequence_length};
    for (size_t i = 0; i < s->n_arrays; i++)
        if (s->arrays[i].rank > 0) /* a scalar binds nothing */
            bindings[options.n_inputs++] = s->bindings[i];
    return cim_cc_model_load(s->args->positional[0], &options, &s->model, err);
}

/* --flow: read and check it. */
static cim_status load_flow(session *s, cim_err *err)
{
    const char *path = cim_job_args_value(s->args, "--flow");
    char *text;
    size_t size;
    if (!path)
        return CIM_OK;
    CIM_TRY(cim_file_read(path, CIM_CC_FLOW_MAX_FILE, &text, &size, err));
    const cim_cc_graph *graph;
    cim_status st =
        cim_cc_flow_graph(cim_cc_model_graph(s->model), &s->point.arch, &s->arena, &graph, err);
    if (st == CIM_OK)
        st = cim_cc_flow_parse(text, size, path, graph, &s->flow, err);
    cim_free(text);
    CIM_TRY(st);
    return cim_cc_flow_check(s->flow, path, graph, &s->point.arch, err);
}

static cim_status run(session *s, cim_err *err)
{
    cim_cc_sim_input inputs[MAX_ARRAYS];
    for (size_t i = 0; i < s->n_arrays; i++)
        inputs[i] = (cim_cc_sim_input){.name = s->names[i],
                                       .rank = s->arrays[i].rank,
                                       .dims = s->arrays[i].dims,
                                       .values = s->arrays[i].values};
    long long seed = 0;
    cim_cost_device device;
    CIM_TRY(cim_job_args_int(s->args, "--seed", 0, INT64_MAX, &seed, err));
    cim_cost_device_describe(s->point.library, &s->point.arch, &device);
    const cim_cc_sim_options options = {.reference = cim_job_args_has(s->args, "--reference"),
                                        .device = &device,
                                        .seed = (uint64_t)seed,
                                        .flow = s->flow};
    return cim_cc_simulate_with(s->model, &s->point.arch, inputs, s->n_arrays, &options, &s->sim,
                                err);
}

/* @param[out] path  of the file that a value of --output names
 *  @return NULL: the value names no output of the network, or one of several must be named */
static const cim_cc_sim_output *output_find(const cim_cc_sim *sim, const char *value,
                                            const char **path)
{
    *path = value;
    for (uint32_t i = 0; i < sim->n_outputs; i++) {
        size_t n = strlen(sim->outputs[i].name);
        if (!strncmp(value, sim->outputs[i].name, n) && value[n] == '=') {
            *path = value + n + 1;
            return &sim->outputs[i];
        }
    }
    const char *equals = strchr(value, '='), *slash = strchr(value, '/');
    bool named = equals && (!slash || equals < slash); /* ./a=b.npy is a file for certain */
    return sim->n_outputs == 1 && !named ? &sim->outputs[0] : NULL;
}

static cim_status unknown_output(const cim_cc_sim *sim, const char *value, cim_err *err)
{
    if (!strchr(value, '='))
        return cim_err_set(err, CIM_E_INPUT, "--output",
                           "the network has %u outputs: write --output NAME=%.80s, the first is "
                           "'%.80s'",
                           sim->n_outputs, value, sim->outputs[0].name);
    return cim_err_set(err, CIM_E_INPUT, "--output",
                       "the network has no output '%.*s', %s is '%.80s' (a file of that name is "
                       "written ./%.80s)",
                       (int)strcspn(value, "="), value,
                       sim->n_outputs == 1 ? "its only one" : "the first", sim->outputs[0].name,
                       value);
}

/* The names are known once the network has run; what is wrong is still found before anything is
 * written. */
static cim_status add_arrays(session *s, cim_err *err)
{
    const char *const *values, *path;
    size_t n = cim_job_args_values(s->args, "--output", &values);
    for (size_t i = 0; i < n; i++) {
        const cim_cc_sim_output *o = output_find(&s->sim, values[i], &path);
        if (!o)
            return unknown_output(&s->sim, values[i], err);
        if (!path[0])
            return cim_err_set(err, CIM_E_INPUT, "--output", "found no file name in \"%s\"",
                               values[i]);
        CIM_TRY(cim_job_outputs_add(&s->files, "--output", path, err));
        cim_npy_format(o->rank, o->dims, o->values, &s->files.of[s->files.n - 1].text);
    }
    return CIM_OK;
}

static void write_json(const session *s, cim_text *t)
{
    const cim_cc_cycle *cycle = s->cycle.result.feasible ? &s->cycle.cycle : NULL;
    cim_jw w;
    cim_jw_init(&w, t, true);
    if (s->functional)
        cim_cc_sim_write_json(&s->sim, cycle, &w, NULL);
    else
        cim_cc_cycle_write_json(cycle, &w, NULL);
    cim_text_add(t, "\n");
}

static void write_text(const session *s, cim_text *t)
{
    if (s->functional)
        cim_cc_sim_write_text(&s->sim, t);
    if (s->cycle.result.feasible) {
        cim_text_add(t, s->functional ? "\n" : "");
        cim_cc_cycle_write_text(&s->cycle.cycle, t);
    } else if (s->cycle.result.reason[0]) {
        cim_text_addf(t, "\nno cycle simulation: %s\n", s->cycle.result.reason);
    }
}

static cim_status report(session *s, cim_err *err)
{
    cim_text *json = cim_job_outputs_text(&s->files, "--json");
    if (json)
        write_json(s, json);
    if (s->cycle.result.feasible)
        cim_job_cycle_write(&s->cycle, &s->files);
    CIM_TRY(cim_job_outputs_write(&s->files, err));
    if (cim_job_outputs_on_stdout(&s->files))
        return CIM_OK;
    cim_text t;
    cim_text_init(&t);
    write_text(s, &t);
    cim_status st = cim_job_print(&t, err);
    cim_text_clear(&t);
    return st;
}

/* An infeasible point still has a meaning as numbers, but no cycles and no files of them. */
static cim_status run_cycle(session *s, cim_err *err)
{
    bool files = cim_job_args_has(s->args, "--trace") || cim_job_args_has(s->args, "--power");
    CIM_TRY(cim_job_cycle_run(s->args, &s->point, s->model, s->flow, &s->cycle, err));
    if (!s->cycle.result.feasible && (files || !s->functional))
        return cim_err_set(err, CIM_E_INPUT, s->point.arch.name, "infeasible: %s",
                           s->cycle.result.reason);
    return CIM_OK;
}

static cim_status simulate_session(session *s, cim_err *err)
{
    static const char *const files[] = {"--json", "--trace", "--power", NULL};
    s->functional = cim_job_args_has(s->args, "--input");
    CIM_TRY(cim_job_outputs_take(&s->files, s->args, files, err));
    CIM_TRY(cim_job_point_load(s->args, s->args->positional[1], &s->point, err));
    CIM_TRY(read_arrays(s, err));
    CIM_TRY(load_model(s, err));
    CIM_TRY(load_flow(s, err));
    if (s->functional) {
        CIM_TRY(run(s, err));
        CIM_TRY(add_arrays(s, err));
    }
    if (!cim_job_args_has(s->args, "--reference"))
        CIM_TRY(run_cycle(s, err));
    return report(s, err);
}

/* What would be parsed and ignored is refused. */
static cim_status check_combination(const cim_job_args *args, cim_err *err)
{
    static const char *const numbers[] = {"--output", "--reference", "--seed"};
    static const char *const crossbars[] = {"--flow", "--seed", "--library", "--trace", "--power"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (cim_job_args_has(args, numbers[i]) && !cim_job_args_has(args, "--input"))
            return cim_err_set(err, CIM_E_INPUT, numbers[i],
                               "needs the values of the network's inputs: --input X.npy");
    for (size_t i = 0; i < sizeof crossbars / sizeof *crossbars; i++)
        if (cim_job_args_has(args, crossbars[i]) && cim_job_args_has(args, "--reference"))
            return cim_err_set(err, CIM_E_INPUT, crossbars[i],
                               "has no effect with --reference, which uses no crossbars");
    return CIM_OK;
}

static cim_status simulate(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    CIM_TRY(check_combination(args, err));
    session *s = cim_alloc(1, sizeof *s);
    if (!s)
        return cim_err_set(err, CIM_E_NOMEM, "simulate", "out of memory");
    s->args = args;
    cim_arena_init(&s->arena);
    cim_job_outputs_init(&s->files);
    cim_status st = simulate_session(s, err);
    cim_job_cycle_clear(&s->cycle);
    cim_cc_sim_clear(&s->sim);
    cim_cc_program_destroy(s->flow);
    cim_arena_clear(&s->arena);
    cim_cc_model_destroy(s->model);
    cim_job_point_clear(&s->point);
    cim_job_outputs_clear(&s->files);
    for (size_t i = 0; i < MAX_ARRAYS; i++) {
        cim_npy_clear(&s->arrays[i]);
        cim_free(s->names[i]);
        cim_free(s->bindings[i]);
    }
    cim_free(s);
    return st;
}

const cim_job_command cim_job_simulate_commands[] = {
    {"simulate",
     "simulate MODEL ARCH [--input X.npy [--output Y.npy] [--reference]] [--flow FILE] [--set "
     "PATH=VALUE]... "
     "[--seed S] [--library FILE] [--level L] [--objective O] [--json FILE] [--trace FILE] "
     "[--power FILE]",
     "run a compiled network cycle by cycle and, with --input, its numbers through the crossbars",
     simulate_options, 2, 2, simulate},
    {0}};
