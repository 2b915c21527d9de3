/* Progress of a run on stderr: a bar that redraws itself on a terminal, a plain line now and then
 * elsewhere (log files of batch jobs). */
#ifndef CIM_JOBS_PROGRESS_H
#define CIM_JOBS_PROGRESS_H

#include "search/engine.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct cim_job_progress {
    FILE *out; /* borrowed */
    bool terminal;
    double last_line_s; /* when a plain line was last written */
    bool drawn;
} cim_job_progress;

/** @param out borrowed; whether it is a terminal decides the form */
void cim_job_progress_init(cim_job_progress *p, FILE *out);
/** The engine's callback; ctx is a cim_job_progress. */
void cim_job_progress_show(void *ctx, const cim_search_progress *now);
/** End the bar's line. */
void cim_job_progress_end(cim_job_progress *p);

#endif
