/* cimdse model show | model list */
#include "jobs/cli.h"

#include "sched/model.h"

#include <stdio.h>

static const cim_job_option show_options[] = {
    {"--input", "NAME=1x3x224x224", true, "bind the shape of an input"},
    {"--json", NULL, false, "print JSON"},
    {0}};
static const cim_job_option list_options[] = {{"--json", NULL, false, "print JSON"}, {0}};

static cim_status show(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    cim_cc_model_options options = {0};
    options.n_inputs = cim_job_args_values(args, "--input", &options.inputs);
    cim_cc_model *model = NULL;
    CIM_TRY(cim_cc_model_load(args->positional[0], &options, &model, err));
    cim_text t;
    cim_text_init(&t);
    if (cim_job_args_has(args, "--json")) {
        cim_jw w;
        cim_jw_init(&w, &t, true);
        cim_cc_model_write_json(model, &w, NULL);
        cim_text_add(&t, "\n");
    } else {
        cim_cc_model_write_text(model, &t);
    }
    cim_status s = cim_job_print(&t, err);
    cim_text_clear(&t);
    cim_cc_model_destroy(model);
    return s;
}

static bool builtin_at(size_t i, const char **name, char *line, size_t size)
{
    const char *text;
    if (!cim_cc_model_builtin_at(i, name, &text))
        return false;
    snprintf(line, size, "%s", text);
    return true;
}

static cim_status list(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    return cim_job_print_list(builtin_at, cim_job_args_has(args, "--json"), err);
}

const cim_job_command cim_job_model_commands[] = {
    {"model list", "model list [--json]", "built-in networks", list_options, 0, 0, list},
    {"model show", "model show MODEL [--input NAME=1x3x224x224] [--json]",
     "operators, shapes, MACs and weights of a network", show_options, 1, 1, show},
    {0}};
