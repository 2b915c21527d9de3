/* Other programs: find one on PATH, run it without a shell, take what it says. */
#ifndef CIM_JOBS_PROCESS_H
#define CIM_JOBS_PROCESS_H

#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

#include <stdbool.h>

/** Whether PATH has an executable file of this name. */
bool cim_job_program_exists(const char *name);

/** Run a program (looked up on PATH) and wait for it; its standard input is empty.
 *  @param argv  NULL-terminated, argv[0] is the program
 *  @param[out] out, messages  standard output and error, appended to
 *  @param[out] exit_status  0 to 255, or 128 + the signal that ended it
 *  @return CIM_OK when it ran, whatever its exit status; CIM_E_IO, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_job_process_run(const char *const argv[], cim_text *out,
                                              cim_text *messages, int *exit_status, cim_err *err);

#endif
