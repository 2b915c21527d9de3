/* cimdse submit: check the spec, write the batch script into the result directory, hand it to Slurm.
 * A wrong spec or option ends before anything is written; a refusal by Slurm leaves nothing behind. */
#include "jobs/cli.h"

#include "analysis/store.h"
#include "hwspace/base/memory.h"
#include "jobs/process.h"
#include "jobs/submit.h"
#include "search/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Slurm's own limits are higher (65,533 nodes, 16 million tasks a job); this is what MPI ranks of
 * one search can sensibly be. */
enum { MAX_NODES = 65533, MAX_NTASKS = 4000000, PATH_SIZE = 4096 };

static const cim_job_option submit_options[] = {
    {"-o", "DIR", false, "result directory, also for the script and its output (needed)"},
    {"--nodes", "N", false, "machines (needed)"},
    {"--ntasks", "M", false, "MPI ranks over all nodes (needed)"},
    {"--time", "T", false, "limit of each start: minutes, H:MM:SS or D-H:MM:SS (needed)"},
    {"--partition", "P", false, "instead of the cluster's default"},
    {"--sbatch", "--OPTION=V", true, "a further option for sbatch, --sbatch=--account=NAME"},
    {"--array", "K", false, "not available in this version"},
    {"--dry-run", NULL, false, "print the script (with --json: in JSON), write and submit nothing"},
    {"--json", NULL, false, "print JSON"},
    {0}};

typedef struct submission {
    cim_search_spec spec;
    cim_job_sbatch job;
    cim_text directory; /* absolute */
    char binary[PATH_SIZE];
    size_t done; /* points in the checkpoint of an earlier job */
    cim_text script;
} submission;

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "submit", "out of memory");
}

/* ---- what is asked for ---------------------------------------------------------------------------- */

static cim_status needed(const cim_job_args *args, const char *name, const char *what, cim_err *err)
{
    const char *value = cim_job_args_value(args, name);
    if (!value || !value[0])
        return cim_err_set(err, CIM_E_INPUT, name, "is needed: %s", what);
    return CIM_OK;
}

static cim_status read_options(const cim_job_args *args, cim_job_sbatch *job, cim_err *err)
{
    if (cim_job_args_has(args, "--array"))
        return cim_err_set(err, CIM_E_INPUT, "--array",
                           "is not available in this version; one job with more --ntasks does the "
                           "same search");
    CIM_TRY(needed(args, "-o", "the result directory", err));
    CIM_TRY(needed(args, "--nodes", "how many machines", err));
    CIM_TRY(needed(args, "--ntasks", "how many MPI ranks", err));
    CIM_TRY(needed(args, "--time", "the time limit of each start, for instance 4:00:00", err));
    CIM_TRY(cim_job_args_int(args, "--nodes", 1, MAX_NODES, &job->nodes, err));
    CIM_TRY(cim_job_args_int(args, "--ntasks", 1, MAX_NTASKS, &job->ntasks, err));
    job->time = cim_job_args_value(args, "--time");
    job->partition = cim_job_args_value(args, "--partition");
    job->n_extra = cim_job_args_values(args, "--sbatch", &job->extra);
    return CIM_OK;
}

/* The directory may not exist yet, so realpath() cannot be asked. */
static cim_status absolute_directory(const char *dir, cim_text *out, cim_err *err)
{
    char here[PATH_SIZE];
    if (dir[0] == '/')
        cim_text_add(out, dir);
    else if (!getcwd(here, sizeof here))
        return cim_err_set(err, CIM_E_INPUT, "-o", "the current directory cannot be named: %s",
                           strerror(errno));
    else
        cim_text_addf(out, "%s/%s", here, dir);
    if (out->failed)
        return no_memory(err);
    while (out->n > 1 && out->s[out->n - 1] == '/')
        out->s[--out->n] = '\0';
    return CIM_OK;
}

/* The script names this very program, whatever PATH is on the compute nodes. */
static cim_status own_binary(char *buf, cim_err *err)
{
    ssize_t n = readlink("/proc/self/exe", buf, PATH_SIZE - 1);
    if (n <= 0 || n >= PATH_SIZE - 1)
        return cim_err_set(err, CIM_E_IO, "/proc/self/exe", "does not tell where cimdse is: %s",
                           n < 0 ? strerror(errno) : "path too long");
    buf[n] = '\0';
    return CIM_OK;
}

/* ---- what is there already ------------------------------------------------------------------------ */

static cim_status in_directory(const submission *s, const char *name, cim_text *out, cim_err *err)
{
    cim_text_init(out);
    cim_text_addf(out, "%s/%s", cim_text_str(&s->directory), name);
    return out->failed ? no_memory(err) : CIM_OK;
}

static cim_status refuse_finished(const submission *s, const char *path, cim_ana_dataset *d,
                                  cim_err *err)
{
    CIM_TRY(cim_ana_store_read(path, d, err));
    if (d->complete)
        return cim_err_set(err, CIM_E_INPUT, cim_text_str(&s->directory),
                           "already holds a finished run; give another directory");
    cim_ana_dataset_clear(d);
    cim_ana_dataset_init(d);
    return CIM_OK;
}

/* An earlier result is gone on with when it is unfinished and of the same spec, else refused. */
static cim_status check_directory(submission *s, cim_err *err)
{
    char what[512];
    const char *dir = cim_text_str(&s->directory);
    struct stat st;
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return cim_err_set(err, CIM_E_INPUT, dir, "is a file, a directory is needed");
    if (!cim_search_log_exists(dir, what, sizeof what))
        return CIM_OK;
    cim_ana_dataset *d = cim_alloc(1, sizeof *d);
    if (!d)
        return no_memory(err);
    cim_ana_dataset_init(d);
    cim_text results;
    cim_status status = in_directory(s, "results.h5", &results, err);
    if (status == CIM_OK && access(results.s, F_OK) == 0)
        status = refuse_finished(s, results.s, d, err);
    if (status == CIM_OK)
        status = cim_search_checkpoint_read(dir, &s->spec, d, err);
    s->done = d->n;
    cim_text_clear(&results);
    cim_ana_dataset_clear(d);
    cim_free(d);
    return status;
}

/* Two jobs on one directory would overwrite each other's checkpoints. */
static cim_status refuse_queued(const submission *s, cim_err *err)
{
    cim_text path, out, messages;
    CIM_TRY(in_directory(s, "job.id", &path, err));
    char *id = NULL;
    size_t n = 0;
    int exit_status = 0;
    cim_status status = CIM_OK;
    cim_text_init(&out);
    cim_text_init(&messages);
    if (access(path.s, F_OK) == 0 && cim_job_program_exists("squeue")) {
        status = cim_file_read(path.s, 64, &id, &n, err);
        if (status == CIM_OK) {
            id[strspn(id, "0123456789")] = '\0';
            const char *const argv[] = {"squeue", "--noheader", "--format=%T", "--jobs", id, NULL};
            if (id[0])
                status = cim_job_process_run(argv, &out, &messages, &exit_status, err);
        }
        /* squeue fails for numbers it has forgotten: then the job is over */
        if (status == CIM_OK && exit_status == 0 && out.n > 0)
            status = cim_err_set(err, CIM_E_INPUT, cim_text_str(&s->directory),
                                 "job %s for this directory is still %.*s (scancel %s ends it)", id,
                                 (int)strcspn(out.s, "\n"), out.s, id);
    }
    cim_free(id);
    cim_text_clear(&messages);
    cim_text_clear(&out);
    cim_text_clear(&path);
    return status;
}

/* ---- writing and submitting ------------------------------------------------------------------------- */

static cim_status make_directory(const char *dir, bool *made, cim_err *err)
{
    *made = mkdir(dir, 0777) == 0;
    if (!*made && errno != EEXIST)
        return cim_err_set(err, CIM_E_INPUT, dir, "cannot be made: %s", strerror(errno));
    return CIM_OK;
}

static cim_status write_file(const submission *s, const char *name, const cim_text *content,
                             cim_err *err)
{
    cim_text path;
    CIM_TRY(in_directory(s, name, &path, err));
    cim_status status = content->failed
                            ? no_memory(err)
                            : cim_file_write(path.s, cim_text_str(content), content->n, err);
    cim_text_clear(&path);
    if (status == CIM_E_IO && err)
        err->code = CIM_E_INPUT; /* a directory the user named */
    return status == CIM_E_IO ? CIM_E_INPUT : status;
}

static cim_status write_inputs(const submission *s, cim_err *err)
{
    cim_text spec;
    cim_text_init(&spec);
    cim_search_spec_write(&s->spec, true, &spec);
    cim_text_add(&spec, "\n");
    cim_status status = write_file(s, "spec-submitted.json", &spec, err);
    cim_text_clear(&spec);
    return status == CIM_OK ? write_file(s, "job.sbatch", &s->script, err) : status;
}

/* After a refusal: remove what this command wrote. */
static void take_back(const submission *s, bool made)
{
    static const char *const names[] = {"job.sbatch", "spec-submitted.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cim_text path;
        if (in_directory(s, names[i], &path, NULL) == CIM_OK)
            unlink(path.s);
        cim_text_clear(&path);
    }
    if (made)
        rmdir(cim_text_str(&s->directory));
}

/* The last line of what sbatch said says why; an unreachable controller is the cluster's fault. */
static cim_status refused(const cim_text *messages, int exit_status, cim_err *err)
{
    const char *said = cim_text_str(messages), *line = said;
    size_t n = messages->n;
    while (n > 0 && said[n - 1] == '\n')
        n--;
    for (size_t i = 0; i < n; i++)
        if (said[i] == '\n')
            line = said + i + 1;
    bool cluster = strstr(said, "Unable to contact") || strstr(said, "timed out") ||
                   strstr(said, "Connection refused") || strstr(said, "slurm.conf");
    return cim_err_set(err, cluster ? CIM_E_IO : CIM_E_INPUT, "sbatch",
                       "refused the job (exit status %d): %.*s", exit_status,
                       (int)(said + n - line), line);
}

/* @param[out] id "123" of "123" or "123;cluster" */
static cim_status run_sbatch(const submission *s, char id[32], cim_err *err)
{
    cim_text path, out, messages;
    CIM_TRY(in_directory(s, "job.sbatch", &path, err));
    cim_text_init(&out);
    cim_text_init(&messages);
    int exit_status = 0;
    const char *const argv[] = {"sbatch", "--parsable", path.s, NULL};
    cim_status status = cim_job_process_run(argv, &out, &messages, &exit_status, err);
    size_t digits = strspn(cim_text_str(&out), "0123456789");
    if (status == CIM_OK && exit_status != 0)
        status = refused(&messages, exit_status, err);
    else if (status == CIM_OK && (digits == 0 || digits >= 32))
        status = cim_err_set(err, CIM_E_IO, "sbatch", "gave no job number but \"%.*s\"",
                             (int)strcspn(cim_text_str(&out), "\n"), cim_text_str(&out));
    if (status == CIM_OK) {
        memcpy(id, out.s, digits);
        id[digits] = '\0';
        if (messages.n > 0) /* warnings of an accepted job */
            fputs(cim_text_str(&messages), stderr);
    }
    cim_text_clear(&path);
    cim_text_clear(&out);
    cim_text_clear(&messages);
    return status;
}

/* @param id  NULL: a dry run, which shows the script that is not written */
static void say_json(const submission *s, const char *id, cim_text *t)
{
    cim_jw w;
    cim_text path;
    cim_jw_init(&w, t, true);
    cim_jw_object(&w, NULL);
    if (id)
        cim_jw_string(&w, "job_id", id);
    else
        cim_jw_null(&w, "job_id");
    cim_jw_string(&w, "directory", cim_text_str(&s->directory));
    if (in_directory(s, "job.sbatch", &path, NULL) == CIM_OK)
        cim_jw_string(&w, "script", path.s);
    cim_text_clear(&path);
    if (!id)
        cim_jw_string(&w, "script_text", cim_text_str(&s->script));
    cim_jw_int(&w, "nodes", s->job.nodes);
    cim_jw_int(&w, "ntasks", s->job.ntasks);
    cim_jw_int(&w, "resumed_evaluations", (int64_t)s->done);
    cim_jw_object_end(&w);
    cim_text_add(t, "\n");
}

static void say_text(const submission *s, const char *id, cim_text *t)
{
    const char *dir = cim_text_str(&s->directory);
    cim_text_addf(t, "submitted job %s: %lld node%s, %lld rank%s, %s per start\n", id, s->job.nodes,
                  s->job.nodes == 1 ? "" : "s", s->job.ntasks, s->job.ntasks == 1 ? "" : "s",
                  s->job.time);
    if (s->done)
        cim_text_addf(t, "goes on after %zu points of an earlier job\n", s->done);
    cim_text_addf(t, "  queue     squeue --jobs %s\n  progress  cimdse status ", id);
    cim_job_shell_quote(dir, t);
    cim_text_addf(t, "\n  output    %s/slurm-%s.out\n  cancel    scancel %s\n", dir, id, id);
}

static cim_status submit_job(submission *s, bool json, cim_err *err)
{
    bool made = false;
    char id[32] = "";
    if (!cim_job_program_exists("sbatch"))
        return cim_err_set(err, CIM_E_INPUT, "sbatch",
                           "is not on PATH; submit where Slurm is installed, or give --dry-run to "
                           "see the script");
    CIM_TRY(refuse_queued(s, err));
    CIM_TRY(make_directory(cim_text_str(&s->directory), &made, err));
    cim_status status = write_inputs(s, err);
    if (status == CIM_OK)
        status = run_sbatch(s, id, err);
    if (status != CIM_OK) {
        take_back(s, made);
        return status;
    }
    cim_text t;
    cim_text_init(&t);
    cim_text_addf(&t, "%s\n", id);
    status = write_file(s, "job.id", &t, err);
    cim_text_clear(&t);
    if (status == CIM_OK) {
        (json ? say_json : say_text)(s, id, &t);
        status = cim_job_print(&t, err);
    }
    cim_text_clear(&t);
    return status;
}

static cim_status dry_run(const submission *s, bool json, cim_err *err)
{
    cim_text t;
    if (!json)
        return cim_job_print(&s->script, err);
    cim_text_init(&t);
    say_json(s, NULL, &t);
    cim_status status = cim_job_print(&t, err);
    cim_text_clear(&t);
    return status;
}

static cim_status submit_spec(const cim_job_args *args, submission *s, cim_err *err)
{
    CIM_TRY(absolute_directory(cim_job_args_value(args, "-o"), &s->directory, err));
    CIM_TRY(own_binary(s->binary, err));
    s->job.name = s->spec.name;
    s->job.binary = s->binary;
    s->job.directory = cim_text_str(&s->directory);
    CIM_TRY(cim_job_sbatch_write(&s->job, &s->script, err));
    CIM_TRY(check_directory(s, err));
    bool json = cim_job_args_has(args, "--json");
    return cim_job_args_has(args, "--dry-run") ? dry_run(s, json, err) : submit_job(s, json, err);
}

static cim_status submit(const cim_job_args *args, const cim_job_parallel *parallel, cim_err *err)
{
    (void)parallel;
    submission *s = cim_alloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    cim_text_init(&s->directory);
    cim_text_init(&s->script);
    cim_status status = read_options(args, &s->job, err);
    if (status == CIM_OK)
        status = cim_search_spec_load(args->positional[0], NULL, &s->spec, err);
    if (status == CIM_OK) {
        status = submit_spec(args, s, err);
        cim_search_spec_clear(&s->spec);
    }
    cim_text_clear(&s->script);
    cim_text_clear(&s->directory);
    cim_free(s);
    return status;
}

const cim_job_command cim_job_submit_commands[] = {
    {"submit",
     "submit SPEC -o DIR --nodes N --ntasks M --time T [--partition P] [--sbatch --OPTION=V]... "
     "[--dry-run] [--json]",
     "write and submit the Slurm job (requeues itself until done)", submit_options, 1, 1, submit},
    {0}};
