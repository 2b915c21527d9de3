/* The cycle simulation of one point for `cimdse simulate`. */
#include "jobs/simulate_cycle.h"

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

void cim_job_cycle_write(const cim_job_cycle *c, cim_job_outputs *files)
{
    cim_text *trace = cim_job_outputs_text(files, "--trace"),
             *power = cim_job_outputs_text(files, "--power");
    if (trace)
        cim_cc_cycle_write_trace(&c->cycle, trace);
    if (power)
        cim_cc_cycle_write_power(&c->cycle, power);
}

void cim_job_cycle_clear(cim_job_cycle *c)
{
    cim_cc_cycle_clear(&c->cycle);
    cim_cc_prepared_destroy(c->prepared);
    cim_arena_clear(&c->arena);
    memset(c, 0, sizeof *c);
}
