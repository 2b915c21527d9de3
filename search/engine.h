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
     *  results[i] belongs to points[i], id = first_id + i.
     *  @param stop polled; when it returns true the pool may return early with *done < n, results
     *  [0, *done) valid. */
    cim_status (*evaluate)(cim_search_pool *pool, double *points, size_t n, uint64_t first_id,
                           cim_search_result *results, size_t *done, cim_err *err);
    void (*destroy)(cim_search_pool *pool);
    int n_workers;
    volatile const int *stop; /* borrowed; nonzero: stop early */
};

/** Serial pool. @param ev borrowed */
cim_search_pool *cim_search_pool_serial(cim_search_evaluator *ev);

typedef struct cim_search_progress {
    uint64_t done, budget; /* evaluations; budget 0: unknown */
    uint64_t feasible;
    size_t front_size;
    double seconds, rate; /* since start; evaluations per second of this process's life */
    uint64_t resumed;     /* taken from the checkpoint */
} cim_search_progress;

typedef struct cim_search_run_options {
    const char *dir;          /* result directory; checkpoints go to DIR/checkpoint */
    bool resume;
    double checkpoint_seconds; /* between checkpoints; 0: default 10 */
    volatile const int *stop;  /* set by a signal handler */
    void (*progress)(void *ctx, const cim_search_progress *p); /* may be NULL */
    void *progress_ctx;
} cim_search_run_options;

/** The search. @param pool borrowed; @param[out] dataset init'ed by the caller; holds all
 *  evaluated points on return, also when stopped.
 *  @return CIM_OK finished; CIM_E_STOPPED stopped early with a checkpoint; errors otherwise. */
CIM_MUST_CHECK cim_status cim_search_run(const cim_search_spec *spec, cim_search_pool *pool,
                                         const cim_search_run_options *options,
                                         cim_ana_dataset *dataset, cim_err *err);

/** Load what checkpoints hold (for `status` and for results of a run that was killed).
 *  @return CIM_E_INPUT when there is none or it belongs to another spec. */
CIM_MUST_CHECK cim_status cim_search_checkpoint_read(const char *dir, const cim_search_spec *spec,
                                                     cim_ana_dataset *dataset, cim_err *err);

#endif
