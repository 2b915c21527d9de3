/* The cycle simulation of one point for `cimdse simulate`. */
#include "jobs/simulate_cycle.h"

#include "jobs/cli.h"

#include <string.h>

cim_status cim_job_cycle_run(const cim_job_args *args, const cim_job_point *point,
                             const cim_cc_model *model, const cim_cc_program *flow,
                             cim_job_cycle *out, cim_err *err)
{
    cim_cost_chip chip;
    const cim_cc_plan *plan = NULL;
    const cim_cc_cycle_options options = {.slices = cim_job_args_has(args, "--trace")};
    memset(out, 0, sizeof *out);
    cim_arena_init(&out->arena);
    out->result.feasible = cim_cost_chip_price(point->library, &point->arch, &chip,
                                               out->result.reason, sizeof out->result.reason);
    if (!out->result.feasible)
        return CIM_OK;
    CIM_TRY(cim_cc_prepare(cim_cc_model_graph(model), &out->prepared, err));
    CIM_TRY(
        cim_cc_compile(out->prepared, &point->arch, &chip, &out->arena, &out->result, &plan, err));
    return out->result.feasible ? cim_cc_cycle_run(plan, flow, &options, &out->cycle, err) : CIM_OK;
}

cim_status cim_job_cycle_files(const cim_job_args *args, const cim_job_cycle *c, cim_err *err)
{
    static const struct {
        const char *option;
        void (*write)(const cim_cc_cycle *c, cim_text *out);
    } files[] = {{"--trace", cim_cc_cycle_write_trace}, {"--power", cim_cc_cycle_write_power}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = cim_job_args_value(args, files[i].option);
        if (!path || !c->result.feasible)
            continue;
        cim_text t;
        cim_text_init(&t);
        files[i].write(&c->cycle, &t);
        cim_status st = t.failed ? cim_err_set(err, CIM_E_NOMEM, path, "out of memory")
                                 : cim_job_output(path, &t, err);
        cim_text_clear(&t);
        CIM_TRY(st);
    }
    return CIM_OK;
}

void cim_job_cycle_clear(cim_job_cycle *c)
{
    cim_cc_cycle_clear(&c->cycle);
    cim_cc_prepared_destroy(c->prepared);
    cim_arena_clear(&c->arena);
    memset(c, 0, sizeof *c);
}
