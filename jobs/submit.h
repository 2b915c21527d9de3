/* The Slurm job of a search, MPI-free and without talking to Slurm: checks what a user asks for and
 * fills in the template slurm/job.sbatch, which is linked into the binary.
 *
 * jobs/cmd_submit.c is the command around it. Start with cim_job_sbatch_write(). */
#ifndef CIM_JOBS_SUBMIT_H
#define CIM_JOBS_SUBMIT_H

#include "hwspace/base/embed.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

#include <stddef.h>

extern const cim_embedded_file cim_embedded_slurm[]; /* files of slurm/ ending in .sbatch */

/** What a job script needs to know. All strings are borrowed; paths are absolute. */
typedef struct cim_job_sbatch {
    const char *name;         /* of the spec; any text */
    const char *binary;       /* the cimdse program */
    const char *directory;    /* the result directory, also for script, spec copy and output */
    const char *time;         /* as the user typed it, see cim_job_slurm_time() */
    const char *partition;    /* NULL: the cluster's default */
    const char *const *extra; /* further sbatch options, each "--name=value" or "--name" */
    size_t n_extra;
    long long nodes, ntasks;
} cim_job_sbatch;

/** Seconds of a Slurm time limit: MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS,
 *  DAYS-HOURS:MINUTES, DAYS-HOURS:MINUTES:SECONDS. Source: sbatch(1), --time.
 *  Deviates: 0 and UNLIMITED (no limit) are refused, a job that requeues itself needs a limit; the
 *  parts after the first are at most 59 (23 for hours after days), which Slurm does not ask for.
 *  @param[out] seconds  1 to 366 days
 *  @return CIM_OK, CIM_E_INPUT with the forms that are allowed */
CIM_MUST_CHECK cim_status cim_job_slurm_time(const char *text, long long *seconds, cim_err *err);

/** How long before the limit the job is told to write its checkpoint: a tenth of the limit, within
 *  20 s to 300 s. Slurm limits have a resolution of a minute and signals may be up to 60 s early
 *  (sbatch(1), --signal), so shorter times than 20 s buy nothing. */
long long cim_job_slurm_lead(long long limit_seconds);

/** Check everything and write the script.
 *  @param job  borrowed @param[out] out appended to; unchanged on failure
 *  @return CIM_OK; CIM_E_INPUT naming the option: a path with control characters or a backslash
 *  (Slurm's file name patterns cannot express one), a bad partition, time, count or extra option;
 *  CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_sbatch_write(const cim_job_sbatch *job, cim_text *out,
                                               cim_err *err);

/** Append text as one word of a POSIX shell. */
void cim_job_shell_quote(const char *s, cim_text *out);

#endif
