/* Runs a search: ask -> evaluate on every rank -> tell -> dataset, with checkpoints.
 *
 * cim_search_run() is the same code for one process and for MPI: it is given a pool that evaluates
 * a batch. search/pool_serial.c evaluates in place; search/pool_mpi.c hands chunks to ranks. The
 * dataset and the strategy live on rank 0. */
#ifndef CIM_SEARCH_ENGINE_H
#define CIM_SEARCH_ENGINE_H

#include "analysis/dataset.h"
#include "search/evaluate.h"
#include "search/spec.h"
#include "search/strategy.h"

/** A batch evaluator. */
typedef struct cim_search_pool cim_search_pool;
struct cim_search_pool {
    /** Evaluate n points (row-major, n_params each; expressions are filled in in place).
     *  results[i] belongs to points[i], id = first_id + i. `stop` and `deadline_s` are polled;
     *  then the pool may return early with *done < n: points and results [0, *done) are valid. */
    cim_status (*evaluate)(cim_search_pool *pool, double *points, size_t n, uint64_t first_id,
                           cim_search_result *results, size_t *done, cim_err *err);
    /** cim_search_plan_json() on this process. NULL: results carry no plans. */
    cim_status (*plan)(cim_search_pool *pool, const double *point, char **json, cim_err *err);
    void (*destroy)(cim_search_pool *pool);
    int n_workers;
    volatile const int *stop; /* borrowed, may be NULL; nonzero: stop early */
    double deadline_s;        /* on the clock of cim_search_now_s(); 0: none */
};

/** Whether a pool should return early. */
bool cim_search_pool_stopped(const cim_search_pool *pool);

/** Seconds of the monotonic clock. */
double cim_search_now_s(void);

/** Serial pool. @param ev borrowed @return NULL: out of memory */
cim_search_pool *cim_search_pool_serial(const cim_search_spec *spec, cim_search_evaluator *ev);

/* Fronts larger than this carry plans (compile --json) for their first members only; the others
 * have the text "null". A ResNet-50 plan has about 20 kB. */
enum { CIM_SEARCH_MAX_PLANS = 1000 };

typedef struct cim_search_progress {
    uint64_t done, budget; /* evaluations; budget 0: unknown */
    uint64_t feasible;
    size_t front_size;
    double seconds, rate; /* since start; evaluations per second of this process's life */
    uint64_t resumed;     /* taken from the checkpoint */
} cim_search_progress;

typedef struct cim_search_run_options {
    const char *dir;           /* result directory, made when missing; checkpoints go to
                                 DIR/checkpoint. NULL: no checkpoints */
    bool resume;               /* go on from the checkpoints; from nothing when there are none */
    double checkpoint_seconds; /* between checkpoints; 0: default 10 */
    volatile const int *stop;  /* set by a signal handler */
    void (*progress)(void *ctx, const cim_search_progress *p); /* may be NULL */
    void *progress_ctx;
} cim_search_run_options;

/** The search: ask, evaluate, tell until the strategy or the budget ends.
 *
 *  Resuming runs the strategy again from its seed and answers it from the checkpoints instead of
 *  evaluating, so the final dataset is the one of an uninterrupted run, bit for bit.
 *  Memory: 8 * (parameters + metrics) + about 50 bytes per evaluation, 2.5 kB per point of a batch
 *  (at most 65,536), and the strategy's own.
 *  @param pool     borrowed
 *  @param dataset  init'ed by the caller; holds all evaluated points on return, also when stopped
 *                  or failed; front and history too unless it failed; plans when finished
 *  @return CIM_OK finished; CIM_E_STOPPED stopped early by the stop flag or budget.seconds, with a
 *  checkpoint; CIM_E_INPUT: the directory holds another run, cannot be written, or results exist
 *  and resume was not asked for; errors otherwise (what was evaluated is in the checkpoint). */
CIM_MUST_CHECK cim_status cim_search_run(const cim_search_spec *spec, cim_search_pool *pool,
                                         const cim_search_run_options *options,
                                         cim_ana_dataset *dataset, cim_err *err);

/** The same with a strategy that is not (or not yet) registered. */
CIM_MUST_CHECK cim_status cim_search_run_with(const cim_search_spec *spec,
                                              const cim_search_strategy_ops *ops,
                                              cim_search_pool *pool,
                                              const cim_search_run_options *options,
                                              cim_ana_dataset *dataset, cim_err *err);

/** Fill in the columns, objectives, seed and resolved spec of an empty dataset. */
CIM_MUST_CHECK cim_status cim_search_dataset_describe(const cim_search_spec *spec,
                                                      cim_ana_dataset *dataset, cim_err *err);

/** Load what checkpoints hold (for `status` and for results of a run that was killed), with front
 *  and history.
 *  @return CIM_E_INPUT when there is none or it belongs to another spec. */
CIM_MUST_CHECK cim_status cim_search_checkpoint_read(const char *dir, const cim_search_spec *spec,
                                                     cim_ana_dataset *dataset, cim_err *err);

#endif
