/* The cycle simulation of one point for `cimdse simulate`: compile, run, keep. */
#ifndef CIM_JOBS_SIMULATE_CYCLE_H
#define CIM_JOBS_SIMULATE_CYCLE_H

#include "jobs/outputs.h"
#include "jobs/point.h"
#include "sched/cycle.h"
#include "sched/model.h"

/** A compiled and simulated point; release with cim_job_cycle_clear(), also after a failure. */
typedef struct cim_job_cycle {
    cim_arena arena; /* the plan lives here */
    cim_cc_prepared *prepared;
    cim_cc_result result;
    cim_cc_cycle cycle; /* when result.feasible */
} cim_job_cycle;

/** Compile the model for the architecture and simulate it.
 *  @param args  --trace
 *  @param flow  what to run, checked; NULL: the compiled point's own
 *  @param[out] out  overwritten
 *  @return CIM_OK also when the point is infeasible (out->result says why); CIM_E_INPUT, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_cycle_run(const cim_job_args *args, const cim_job_point *point,
                                            const cim_cc_model *model, const cim_cc_program *flow,
                                            cim_job_cycle *out, cim_err *err);
/** What --trace and --power ask for. @param c  feasible */
void cim_job_cycle_write(const cim_job_cycle *c, cim_job_outputs *files);
void cim_job_cycle_clear(cim_job_cycle *c);

#endif
