/* The `cimdse` command line, MPI-free: a table of commands, each a function.
 *
 * jobs/main.c calls cim_job_main() on rank 0 and returns its value; other ranks serve the pool. A
 * parallel run is injected: main.c knows MPI and passes a cim_job_parallel, so that this library
 * builds and is tested without it. */
#ifndef CIM_JOBS_CLI_H
#define CIM_JOBS_CLI_H

#include "hwspace/base/status.h"
#include "hwspace/base/text.h"
#include "jobs/args.h"
#include "search/engine.h"

/** How `run` gets its pool of workers; NULL or size 1 means this process alone. */
typedef struct cim_job_parallel {
    int size; /* processes */
    void *ctx;
    /** A pool over all processes, on rank 0. Destroyed by the caller. */
    cim_status (*open)(void *ctx, const cim_search_spec *spec, cim_search_evaluator *ev,
                       cim_search_pool **pool, cim_err *err);
} cim_job_parallel;

/** Run a command. Results go to stdout, errors ("cimdse: WHERE: MESSAGE") to stderr.
 *  @return the exit status: 0, 1, 2 or 3 (jobs/README.md) */
int cim_job_main(int argc, char **argv, const cim_job_parallel *parallel);

/** Let SIGINT, SIGTERM and SIGUSR1 ask a run to stop with a checkpoint; a second SIGINT or SIGTERM
 *  ends the process. Also for workers, which must survive what is meant for rank 0. */
void cim_job_catch_signals(void);

/** Whether this command line evaluates points (and should therefore start MPI). */
bool cim_job_wants_parallel(int argc, char **argv);

/* ---- for the commands themselves --------------------------------------------------------------- */

typedef struct cim_job_command {
    const char *name;  /* "model show" */
    const char *usage; /* "model show MODEL [--json]" */
    const char *doc;   /* one line */
    const cim_job_option *options;
    size_t min_positional, max_positional;
    cim_status (*run)(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err);
} cim_job_command;

/** Groups of commands; each ends with name == NULL. */
extern const cim_job_command cim_job_model_commands[];    /* model show, model list */
extern const cim_job_command cim_job_arch_commands[];     /* arch show, arch list, compile */
extern const cim_job_command cim_job_run_commands[];      /* space show, run, status */
extern const cim_job_command cim_job_result_commands[];   /* pareto, export, digest, plot */
extern const cim_job_command cim_job_submit_commands[];   /* submit */
extern const cim_job_command cim_job_simulate_commands[]; /* simulate */

/** Print to stdout and notice when that fails (a full disk). */
CIM_MUST_CHECK cim_status cim_job_print(const cim_text *text, cim_err *err);
/** Print a list of named things, one line each or as JSON [{"name", "description"}].
 *  @param at  the i-th; false past the last */
CIM_MUST_CHECK cim_status cim_job_print_list(bool (*at)(size_t i, const char **name, char *line,
                                                        size_t size),
                                             bool json, cim_err *err);

#endif
