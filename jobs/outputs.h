/* The files that one command writes: checked before the work begins, written together or not at all.
 *
 *     cim_job_outputs_take(&o, args, (const char *const[]){"--json", "--emit", NULL}, err)
 *     write into cim_job_outputs_text(&o, "--json") and the others that are asked for
 *     cim_job_outputs_write(&o, err)
 *
 * A path is a file, or "-" for stdout. */
#ifndef CIM_JOBS_OUTPUTS_H
#define CIM_JOBS_OUTPUTS_H

#include "hwspace/base/text.h"
#include "jobs/args.h"

typedef struct cim_job_output {
    const char *option, *path; /* borrowed */
    cim_text text;
} cim_job_output;

typedef struct cim_job_outputs {
    cim_job_output *of;
    size_t n, cap;
} cim_job_outputs;

void cim_job_outputs_init(cim_job_outputs *o);
void cim_job_outputs_clear(cim_job_outputs *o);

/** Declare an output.
 *  @return CIM_E_INPUT: a directory, a file in a folder that is missing or cannot be written, or the
 *  place of an output declared before (also stdout); CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_outputs_add(cim_job_outputs *o, const char *option,
                                              const char *path, cim_err *err);
/** Declare those of the options that are given. @param options  ends with NULL */
CIM_MUST_CHECK cim_status cim_job_outputs_take(cim_job_outputs *o, const cim_job_args *args,
                                               const char *const *options, cim_err *err);

/** What an option's file will hold, to be appended to; NULL when it was not declared. */
cim_text *cim_job_outputs_text(cim_job_outputs *o, const char *option);
/** Whether one of them takes stdout, where then nothing else may be printed. */
bool cim_job_outputs_on_stdout(const cim_job_outputs *o);

/** Write all files or none, then what goes to stdout.
 *  @return CIM_E_INPUT for a file that cannot be written; CIM_E_IO (stdout), CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_outputs_write(const cim_job_outputs *o, cim_err *err);

#endif
