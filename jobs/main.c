/* The program: MPI around cim_job_main(). Only here and in search/pool_mpi.c is mpi.h known.
 *
 * Rank 0 runs the command; other ranks serve its pool. MPI starts only for a command that evaluates
 * points and only when a launcher (mpirun, srun) started this process, so that everything else works
 * without any MPI set-up. */
#include "jobs/cli.h"
#include "search/pool_mpi.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef CIM_SANITIZE
#include <sanitizer/lsan_interface.h>
#endif

static bool launched_by_mpi(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i]))
            return true;
    return false;
}

static cim_status open_pool(void *ctx, const cim_search_spec *spec, cim_search_evaluator *ev,
                            cim_search_pool **pool, cim_err *err)
{
    return cim_search_pool_mpi(*(MPI_Comm *)ctx, spec, ev, pool, err);
}

/* Open MPI keeps memory of its own; the check for leaks of ours runs before it is torn down. */
static int init_mpi(int *argc, char ***argv)
{
#ifdef CIM_SANITIZE
    __lsan_disable();
#endif
    int failed = MPI_Init(argc, argv);
#ifdef CIM_SANITIZE
    __lsan_enable();
#endif
    return failed;
}

static void finalize_mpi(void)
{
#ifdef CIM_SANITIZE
    __lsan_do_recoverable_leak_check();
#endif
    MPI_Finalize();
}

static int run_parallel(int argc, char **argv)
{
    MPI_Comm comm;
    int rank = 0, size = 1, status = 1;
    if (init_mpi(&argc, &argv) != MPI_SUCCESS) {
        fprintf(stderr, "cimdse: MPI could not be started\n");
        return 1;
    }
    if (MPI_Comm_dup(MPI_COMM_WORLD, &comm) == MPI_SUCCESS) {
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        MPI_Comm_rank(comm, &rank);
        MPI_Comm_size(comm, &size);
        cim_job_catch_signals();
        if (rank == 0) {
            const cim_job_parallel parallel = {.size = size, .ctx = &comm, .open = open_pool};
            status = cim_job_main(argc, argv, &parallel);
            cim_search_mpi_release(comm);
        } else {
            cim_err err;
            cim_err_clear(&err);
            status = cim_status_exit(cim_search_worker_mpi(comm, &err));
            if (status)
                fprintf(stderr, "cimdse: rank %d: %s: %s\n", rank, err.where, err.message);
        }
        MPI_Comm_free(&comm);
    }
    finalize_mpi();
    return status;
}

int main(int argc, char **argv)
{
    if (cim_job_wants_parallel(argc, argv) && launched_by_mpi())
        return run_parallel(argc, argv);
    return cim_job_main(argc, argv, NULL);
}
