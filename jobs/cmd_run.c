/* cimdse space show | run | status */
#include "jobs/cli.h"

#include "analysis/store.h"
#include "hwspace/base/memory.h"
#include "jobs/progress.h"
#include "search/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const cim_job_option space_options[] = {
    {"--sample", "N", false, "show N example points (default 5)"},
    {"--json", NULL, false, "print JSON"},
    {0}};
static const cim_job_option run_options[] = {
    {"-o", "DIR", false, "result directory (made if missing)"},
    {"--resume", NULL, false, "go on from DIR's checkpoint; start anew where there is none"},
    {"--seed", "S", false, "instead of the spec's seed"},
    {"--evaluations", "N", false, "instead of the spec's budget"},
    {"--max-seconds", "T", false, "stop with a checkpoint after T seconds (exit 3)"},
    {"--checkpoint-seconds", "T", false, "between checkpoints (default 10)"},
    {"--quiet", NULL, false, "no progress and no table"},
    {0}};
static const cim_job_option status_options[] = {{"--json", NULL, false, "print JSON"}, {0}};

/* ---- signals: ask the engine to stop at the next point ---------------------------------------- */

static volatile int stop_requested;

static void on_signal(int number)
{
    (void)number;
    stop_requested = 1;
}

void cim_job_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    /* a second SIGINT or SIGTERM ends the program at once */
    action.sa_flags = (int)SA_RESETHAND;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
}

/* ---- run ----------------------------------------------------------------------------------------- */

static cim_status join(const char *dir, const char *name, cim_text *out, cim_err *err)
{
    cim_text_init(out);
    cim_text_addf(out, "%s/%s", dir, name);
    return out->failed ? cim_err_set(err, CIM_E_NOMEM, dir, "out of memory") : CIM_OK;
}

static cim_status write_in(const char *dir, const char *name, const cim_text *content, cim_err *err)
{
    cim_text path;
    CIM_TRY(join(dir, name, &path, err));
    cim_status s = content->failed ? cim_err_set(err, CIM_E_NOMEM, dir, "out of memory")
                                   : cim_file_write(path.s, cim_text_str(content), content->n, err);
    cim_text_clear(&path);
    return s;
}

/* One line per start and end; appended, since a run may be resumed many times. */
static void log_line(const char *dir, const char *text)
{
    cim_text path;
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    if (join(dir, "log.txt", &path, NULL) != CIM_OK)
        return;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    FILE *f = fopen(path.s, "a");
    if (f) {
        fprintf(f, "%s %s\n", stamp, text);
        fclose(f);
    }
    cim_text_clear(&path);
}

/* An earlier result is never touched without being told to. */
static cim_status prepare_directory(const char *dir, bool resume, const cim_search_spec *spec,
                                    cim_err *err)
{
    char what[512], damage[4200] = "";
    if (!resume && cim_search_log_exists(dir, what, sizeof what))
        return cim_err_set(err, CIM_E_INPUT, dir,
                           "already holds a run (%s); give --resume to go on with it, or another "
                           "directory",
                           what);
    if (resume) /* another run's directory is refused before anything in it changes */
        CIM_TRY(cim_search_log_accepts(dir, spec, damage, sizeof damage, err));
    CIM_TRY(cim_search_log_open(dir, err));
    if (damage[0]) {
        fprintf(stderr, "cimdse: warning: %s\n", damage);
        log_line(dir, damage);
    }
    cim_text t;
    cim_text_init(&t);
    cim_search_spec_write(spec, true, &t);
    cim_text_add(&t, "\n");
    cim_status s = write_in(dir, "spec.json", &t, err);
    cim_text_clear(&t);
    if (s == CIM_E_IO && err)
        err->code = CIM_E_INPUT; /* a directory the user named and that cannot be written */
    return s == CIM_E_IO ? CIM_E_INPUT : s;
}

static cim_status write_results(const char *dir, const cim_ana_dataset *d, cim_err *err)
{
    cim_text path, csv;
    CIM_TRY(join(dir, "results.h5", &path, err));
    cim_status s = cim_ana_store_write(path.s, d, err);
    cim_text_clear(&path);
    if (s != CIM_OK)
        return s;
    cim_text_init(&csv);
    cim_ana_csv(d, d->front ? d->front : (const uint64_t[]){0}, d->n_front, &csv);
    s = write_in(dir, "front.csv", &csv, err);
    cim_text_clear(&csv);
    return s;
}

static cim_status print_summary(const char *dir, const cim_ana_dataset *d, bool stopped,
                                cim_err *err)
{
    cim_text t;
    cim_text_init(&t);
    cim_status s = cim_ana_table(d, d->objectives, d->n_objectives, 25, &t, err);
    cim_text_addf(&t, "\n%zu points evaluated, %zu on the front. Results in %s\n", d->n, d->n_front,
                  dir);
    if (stopped)
        cim_text_add(&t, "Stopped early; go on with --resume.\n");
    if (s == CIM_OK)
        s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static cim_status read_interval(const cim_job_args *args, double *seconds, cim_err *err)
{
    return cim_job_args_real(args, "--checkpoint-seconds", 0.01, 1e6, seconds, err);
}

/* Rank 0 with its pool. */
static cim_status search(const cim_job_args *args, const char *dir, const cim_search_spec *spec,
                         cim_search_pool *pool, cim_err *err)
{
    cim_job_progress progress;
    cim_job_progress_init(&progress, stderr);
    bool quiet = cim_job_args_has(args, "--quiet");
    cim_search_run_options options = {.dir = dir,
                                      .resume = cim_job_args_has(args, "--resume"),
                                      .stop = &stop_requested,
                                      .progress = quiet ? NULL : cim_job_progress_show,
                                      .progress_ctx = &progress};
    CIM_TRY(read_interval(args, &options.checkpoint_seconds, err));
    cim_ana_dataset *d = cim_alloc(1, sizeof *d);
    if (!d)
        return cim_err_set(err, CIM_E_NOMEM, dir, "out of memory");
    cim_ana_dataset_init(d);
    cim_job_catch_signals();
    pool->stop = &stop_requested;
    char line[128];
    snprintf(line, sizeof line, "%s on %d worker%s", options.resume ? "resumed" : "started",
             pool->n_workers, pool->n_workers == 1 ? "" : "s");
    log_line(dir, line);
    cim_status s = cim_search_run(spec, pool, &options, d, err);
    cim_job_progress_end(&progress);
    bool stopped = s == CIM_E_STOPPED;
    if (s == CIM_OK || stopped) {
        cim_status written = write_results(dir, d, err);
        snprintf(line, sizeof line, "%s after %zu points, front %zu", stopped ? "stopped" : "done",
                 d->n, d->n_front);
        log_line(dir, line);
        if (written == CIM_OK && !quiet)
            written = print_summary(dir, d, stopped, err);
        s = written != CIM_OK ? written : s;
    }
    if (s == CIM_E_STOPPED)
        cim_err_set(err, s, dir,
                    "stopped early after %zu points; checkpoint written, go on with "
                    "--resume",
                    d->n);
    cim_ana_dataset_clear(d);
    cim_free(d);
    return s;
}

static cim_status load_spec(const cim_job_args *args, cim_search_spec *spec, cim_err *err)
{
    long long evaluations = 0;
    double interval;
    cim_search_overrides o = {.seed = cim_job_args_value(args, "--seed")};
    CIM_TRY(read_interval(args, &interval, err)); /* before a directory is made */
    CIM_TRY(cim_job_args_int(args, "--evaluations", 1, INT64_MAX, &evaluations, err));
    CIM_TRY(cim_job_args_real(args, "--max-seconds", 0.001, 1e9, &o.seconds, err));
    o.evaluations = (uint64_t)evaluations;
    return cim_search_spec_load(args->positional[0], &o, spec, err);
}

static cim_status run_with_spec(const cim_job_args *args, const cim_job_parallel *parallel,
                                const char *dir, const cim_search_spec *spec, cim_err *err)
{
    cim_search_evaluator *ev = NULL;
    cim_search_pool *pool = NULL;
    CIM_TRY(cim_search_evaluator_create(spec, &ev, err));
    cim_status s = prepare_directory(dir, cim_job_args_has(args, "--resume"), spec, err);
    if (s == CIM_OK && parallel && parallel->size > 1) {
        s = parallel->open(parallel->ctx, spec, ev, &pool, err);
    } else if (s == CIM_OK) {
        pool = cim_search_pool_serial(spec, ev);
        if (!pool)
            s = cim_err_set(err, CIM_E_NOMEM, dir, "out of memory");
    }
    if (s == CIM_OK)
        s = search(args, dir, spec, pool, err);
    if (pool)
        pool->destroy(pool);
    cim_search_evaluator_destroy(ev);
    return s;
}

static cim_status run(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    const char *dir = cim_job_args_value(args, "-o");
    if (!dir || !dir[0])
        return cim_err_set(err, CIM_E_INPUT, "-o", "is needed: the result directory");
    cim_search_spec *spec = cim_alloc(1, sizeof *spec);
    if (!spec)
        return cim_err_set(err, CIM_E_NOMEM, args->positional[0], "out of memory");
    cim_status s = load_spec(args, spec, err);
    if (s == CIM_OK) {
        s = run_with_spec(args, parallel, dir, spec, err);
        cim_search_spec_clear(spec);
    }
    cim_free(spec);
    return s;
}

/* ---- space show ------------------------------------------------------------------------------------ */

static cim_status space_show(const cim_job_args *args, const cim_job_parallel *parallel,
                             cim_err *err)
{
    (void)parallel;
    long long samples = 5;
    CIM_TRY(cim_job_args_int(args, "--sample", 0, 1000000, &samples, err));
    cim_search_spec *spec = cim_alloc(1, sizeof *spec);
    if (!spec)
        return cim_err_set(err, CIM_E_NOMEM, args->positional[0], "out of memory");
    cim_status s = cim_search_spec_load(args->positional[0], NULL, spec, err);
    if (s == CIM_OK) {
        cim_text t;
        cim_text_init(&t);
        if (cim_job_args_has(args, "--json")) {
            cim_jw w;
            cim_jw_init(&w, &t, true);
            s = cim_hw_space_write_json(spec->space, &spec->arch, (size_t)samples, spec->seed, &w,
                                        NULL);
            cim_text_add(&t, "\n");
        } else {
            s = cim_hw_space_write_text(spec->space, &spec->arch, (size_t)samples, spec->seed, &t);
        }
        s = s == CIM_OK ? cim_job_print(&t, err)
                        : cim_err_set(err, s, args->positional[0], "out of memory");
        cim_text_clear(&t);
        cim_search_spec_clear(spec);
    }
    cim_free(spec);
    return s;
}

/* ---- status ------------------------------------------------------------------------------------------ */

typedef struct run_status {
    const char *state; /* done | stopped | running or killed */
    size_t done, feasible, front;
    uint64_t budget;
    double rate; /* between the first and the last checkpoint */
} run_status;

static void print_status(const run_status *r, bool json, const char *dir, cim_text *t)
{
    double left =
        r->budget > r->done && r->rate > 0.0 ? (double)(r->budget - r->done) / r->rate : 0;
    if (json) {
        cim_jw w;
        cim_jw_init(&w, t, true);
        cim_jw_object(&w, NULL);
        cim_jw_string(&w, "directory", dir);
        cim_jw_string(&w, "state", r->state);
        cim_jw_int(&w, "evaluations", (int64_t)r->done);
        cim_jw_int(&w, "budget", (int64_t)r->budget);
        cim_jw_int(&w, "feasible", (int64_t)r->feasible);
        cim_jw_int(&w, "front_size", (int64_t)r->front);
        cim_jw_double(&w, "rate_per_s", r->rate);
        cim_jw_double(&w, "eta_s", left);
        cim_jw_object_end(&w);
        cim_text_add(t, "\n");
        return;
    }
    cim_text_addf(t, "%s: %s\n  points     %zu", dir, r->state, r->done);
    if (r->budget)
        cim_text_addf(t, " of %llu (%.1f %%)", (unsigned long long)r->budget,
                      100.0 * (double)r->done / (double)r->budget);
    cim_text_addf(t, "\n  feasible   %zu\n  front      %zu\n", r->feasible, r->front);
    if (r->rate > 0.0)
        cim_text_addf(t, "  rate       %.1f points/s\n", r->rate);
    if (left > 0.0)
        cim_text_addf(t, "  ETA        %.0f s\n", left);
}

/* Points per second from the ages of the checkpoint files: works on a running or dead run. */
static double checkpoint_rate(const char *dir, size_t done)
{
    struct stat spec, last;
    double from = 0.0, to = 0.0;
    cim_text path;
    if (join(dir, "spec.json", &path, NULL) != CIM_OK)
        return 0.0;
    if (stat(path.s, &spec) == 0)
        from = (double)spec.st_mtim.tv_sec + 1e-9 * (double)spec.st_mtim.tv_nsec;
    cim_text_clear(&path);
    for (unsigned i = 0;; i++) {
        char name[64];
        snprintf(name, sizeof name, "checkpoint/segment-%06u.bin", i);
        if (join(dir, name, &path, NULL) != CIM_OK)
            return 0.0;
        int missing = stat(path.s, &last);
        cim_text_clear(&path);
        if (missing && i > 0)
            break;
        if (!missing)
            to = (double)last.st_mtim.tv_sec + 1e-9 * (double)last.st_mtim.tv_nsec;
    }
    return from > 0.0 && to > from ? (double)done / (to - from) : 0.0;
}

static cim_status status_of(const char *dir, cim_ana_dataset *d, run_status *r, cim_err *err)
{
    cim_text path;
    CIM_TRY(join(dir, "spec.json", &path, err));
    cim_search_spec *spec = cim_alloc(1, sizeof *spec);
    cim_status s = spec ? cim_search_spec_load(path.s, NULL, spec, err)
                        : cim_err_set(err, CIM_E_NOMEM, dir, "out of memory");
    cim_text_clear(&path);
    if (s == CIM_OK) {
        r->budget = spec->evaluations;
        CIM_TRY(join(dir, "results.h5", &path, err));
        bool finished = access(path.s, R_OK) == 0;
        cim_text_clear(&path);
        if (finished)
            s = cim_ana_store_read(dir, d, err);
        if (s == CIM_OK && (!finished || !d->complete)) {
            /* the checkpoint knows at least as much as a partial result */
            cim_ana_dataset_clear(d);
            cim_ana_dataset_init(d);
            s = cim_search_checkpoint_read(dir, spec, d, err);
            if (s == CIM_OK)
                s = cim_ana_dataset_front(d, err);
        }
        r->state = finished && d->complete ? "done"
                   : finished              ? "stopped, can be resumed"
                                           : "running, or killed and can be resumed";
        cim_search_spec_clear(spec);
    }
    cim_free(spec);
    return s;
}

static cim_status status(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    const char *dir = args->positional[0];
    run_status r = {0};
    cim_ana_dataset *d = cim_alloc(1, sizeof *d);
    if (!d)
        return cim_err_set(err, CIM_E_NOMEM, dir, "out of memory");
    cim_ana_dataset_init(d);
    cim_status s = status_of(dir, d, &r, err);
    if (s == CIM_OK) {
        cim_text t;
        cim_text_init(&t);
        r.done = d->n;
        r.front = d->n_front;
        for (size_t i = 0; i < d->n; i++)
            r.feasible += d->state[i] == CIM_ANA_OK;
        r.rate = checkpoint_rate(dir, d->n);
        print_status(&r, cim_job_args_has(args, "--json"), dir, &t);
        s = cim_job_print(&t, err);
        cim_text_clear(&t);
    }
    cim_ana_dataset_clear(d);
    cim_free(d);
    return s;
}

const cim_job_command cim_job_run_commands[] = {
    {"space show", "space show SPEC [--sample N] [--json]",
     "parameters, size, constraints and example points of a spec", space_options, 1, 1, space_show},
    {"run", "run SPEC -o DIR [--resume] [--seed S] [--evaluations N] [--max-seconds T]",
     "the search; mpirun -n N cimdse run ... is the same on N ranks", run_options, 1, 1, run},
    {"status", "status DIR [--json]", "progress of a running, stopped or finished run",
     status_options, 1, 1, status},
    {0}};
