/* Command-line arguments: a table of options per command, checked strictly. */
#ifndef CIM_JOBS_ARGS_H
#define CIM_JOBS_ARGS_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { CIM_JOB_MAX_OPTIONS = 16, CIM_JOB_MAX_VALUES = 256, CIM_JOB_MAX_POSITIONAL = 64 };

typedef struct cim_job_option {
    const char *name;    /* "--set" or "-o" */
    const char *metavar; /* NULL: a flag */
    bool repeated;
    const char *doc;
} cim_job_option;

typedef struct cim_job_args {
    const cim_job_option *options;        /* ends with name == NULL */
    size_t n_values[CIM_JOB_MAX_OPTIONS]; /* times given */
    const char *values[CIM_JOB_MAX_OPTIONS][CIM_JOB_MAX_VALUES];
    const char *positional[CIM_JOB_MAX_POSITIONAL];
    size_t n_positional;
} cim_job_args;

/** Parse words after the command. `--x=V` and `--x V` are the same; `--` ends the options.
 *  @param words borrowed for the life of args
 *  @return CIM_E_INPUT: unknown option (nearest named), missing or empty value, given twice,
 *  too few, too many or empty positional arguments */
CIM_MUST_CHECK cim_status cim_job_args_parse(cim_job_args *args, const cim_job_option *options,
                                             size_t min_positional, size_t max_positional,
                                             const char *usage, int n_words, char **words,
                                             cim_err *err);

/** Whether an option was given; its (last) value or NULL; all values. */
bool cim_job_args_has(const cim_job_args *args, const char *name);
const char *cim_job_args_value(const cim_job_args *args, const char *name);
size_t cim_job_args_values(const cim_job_args *args, const char *name, const char *const **out);

/** Whole numbers and reals of options. @return CIM_E_INPUT naming option, value and range */
CIM_MUST_CHECK cim_status cim_job_args_int(const cim_job_args *args, const char *name,
                                           long long min, long long max, long long *out,
                                           cim_err *err);
CIM_MUST_CHECK cim_status cim_job_args_real(const cim_job_args *args, const char *name, double min,
                                            double max, double *out, cim_err *err);

#endif
