/* The pool of many processes. This header and pool_mpi.c are the only room of mpi.h in search/.
 *
 *   rank 0                                        other ranks
 *   spec, evaluator as for a serial run           cim_search_worker_mpi(comm)
 *   cim_search_pool_mpi(comm, spec, ev, &pool)      reads the broadcast spec, prepares its own
 *   cim_search_run(spec, pool, ...)                 evaluator, evaluates batches
 *   pool->destroy(pool)                             waits for another pool or the release
 *   cim_search_mpi_release(comm)                  returns
 *
 * `comm` is a private duplicate made by the caller after MPI_Init; its errors are returned, never
 * fatal. Rank 0 must call cim_search_mpi_release() exactly once on every path, also when it never
 * made a pool. Nothing here depends on arrival order: results are placed by id. */
#ifndef CIM_SEARCH_POOL_MPI_H
#define CIM_SEARCH_POOL_MPI_H

#include "search/engine.h"

#include <mpi.h>

/** Rank 0: broadcast the spec, wait until every rank has prepared an evaluator. Collective with
 *  the workers' loop. Memory on rank 0: about 60 kB per rank.
 *  @param spec, ev  borrowed for the pool's life
 *  @return the error of the lowest failing rank, on rank 0 and on all workers; CIM_E_INPUT when
 *  ranks read different network files. Workers then wait on, as after a destroyed pool. */
CIM_MUST_CHECK cim_status cim_search_pool_mpi(MPI_Comm comm, const cim_search_spec *spec,
                                              cim_search_evaluator *ev, cim_search_pool **out,
                                              cim_err *err);

/** Ranks other than 0: serve pools until rank 0 releases. Stop flags are rank 0's business: a
 *  worker must survive the signals (install the same handlers on all ranks).
 *  @return CIM_OK when released; CIM_E_IO when MPI failed. Errors of single pools are reported by
 *  rank 0. */
CIM_MUST_CHECK cim_status cim_search_worker_mpi(MPI_Comm comm, cim_err *err);

/** Rank 0: let the workers return. */
void cim_search_mpi_release(MPI_Comm comm);

#endif
