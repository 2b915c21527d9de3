/* The point that one command works on: an architecture with what the command line overrides, and the
 * component library that prices it. */
#ifndef CIM_JOBS_POINT_H
#define CIM_JOBS_POINT_H

#include "costmodel/explain.h"
#include "jobs/args.h"

/* clang-format off */
#define CIM_JOB_SET_OPTION {"--set", "PATH=VALUE", true, "override a field of the architecture"}
#define CIM_JOB_LIBRARY_OPTION                                                                     \
    {"--library", "FILE", false, "component library to lay over the built-in one"}
#define CIM_JOB_LEVEL_OPTION                                                                       \
    {"--level", "none|cg|mvm|vvm", false, "short for --set schedule.level=..."}
#define CIM_JOB_OBJECTIVE_OPTION                                                                   \
    {"--objective", "latency|throughput|energy|edp", false, "short for --set schedule.objective=..."}
/* clang-format on */

typedef struct cim_job_point {
    cim_hw_arch arch;
    cim_cost_library *library;
} cim_job_point;

/** Load and check.
 *  @param arch     name of a preset or a file
 *  @param args     --set, --level, --objective (over --set) and --library
 *  @param[out] out overwritten; release with cim_job_point_clear(), also after a failure
 *  @return CIM_OK, CIM_E_INPUT, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_point_load(const cim_job_args *args, const char *arch,
                                             cim_job_point *out, cim_err *err);
void cim_job_point_clear(cim_job_point *p);

/** What the chip costs. @return CIM_E_INPUT with the field at fault where no component fits */
CIM_MUST_CHECK cim_status cim_job_point_price(const cim_job_point *p, cim_cost_chip *chip,
                                              cim_err *err);
/** The same, with what every entry of the library contributes; borrows from the point. */
CIM_MUST_CHECK cim_status cim_job_point_trace(const cim_job_point *p, cim_cost_chip *chip,
                                              cim_cost_provenance *from, cim_err *err);

#endif
