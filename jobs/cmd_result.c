/* cimdse pareto | export | digest | plot: read a result, say something about it. */
#include "jobs/cli.h"

#include "analysis/store.h"
#include "hwspace/base/memory.h"
#include "jobs/outputs.h"
#include "sched/plan.h"

#include <stdio.h>
#include <string.h>

#define OBJECTIVES_OPTION                                                                          \
    {                                                                                              \
        "--objectives", "a,b,...", false,                                                          \
            "objectives instead of the run's; NAME:min or NAME:max overrides the natural "         \
            "direction"                                                                            \
    }

static const cim_job_option pareto_options[] = {
    OBJECTIVES_OPTION,
    {"--csv", "FILE", false, "write the front's points as CSV (- for stdout)"},
    {"--json", "FILE", false, "write the front as JSON (- for stdout)"},
    {"--rows", "N", false, "print at most N rows (default 25, 0 for all)"},
    {0}};
static const cim_job_option export_options[] = {
    {"--csv", "FILE", false, "where to write (- for stdout)"}, {0}};
static const cim_job_option no_options[] = {{0}};
static const cim_job_option plot_options[] = {
    {"-o", "FILE.svg|png", false, "where to draw"}, OBJECTIVES_OPTION, {0}};

/* One word of --objectives: a metric column, natural direction unless ":min" or ":max" follows.
 * Metrics of several networks are called NAME:MODEL, so only those two suffixes are cut. */
static cim_status parse_objective(const cim_ana_dataset *d, const char *word, size_t n,
                                  cim_ana_objective *out, cim_err *err)
{
    char name[CIM_ANA_NAME];
    if (n >= sizeof name)
        return cim_err_set(err, CIM_E_INPUT, "--objectives", "name too long");
    memcpy(name, word, n);
    name[n] = '\0';
    int direction = 0; /* natural */
    if (n > 4 && (!strcmp(name + n - 4, ":min") || !strcmp(name + n - 4, ":max"))) {
        direction = !strcmp(name + n - 4, ":min") ? -1 : 1;
        name[n - 4] = '\0';
    }
    int column = cim_ana_dataset_metric(d, name);
    if (column < 0) {
        const char *names[CIM_ANA_MAX_COLUMNS];
        for (size_t i = 0; i < d->n_metrics; i++)
            names[i] = d->metrics_info[i].name;
        const char *near = cim_text_nearest(name, names, d->n_metrics);
        return cim_err_set(err, CIM_E_INPUT, "--objectives", "unknown metric \"%s\"%s%s%s", name,
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    bool maximise = direction > 0;
    for (int m = 0; direction == 0 && m < CIM_CC_N_METRICS; m++) {
        size_t k = strlen(cim_cc_metric_names[m]);
        if (!strncmp(name, cim_cc_metric_names[m], k) && (!name[k] || name[k] == ':'))
            maximise = !cim_cc_metric_minimised((cim_cc_metric)m);
    }
    *out = (cim_ana_objective){.metric = (uint32_t)column, .maximise = maximise};
    return CIM_OK;
}

static cim_status choose_objectives(const cim_job_args *args, const cim_ana_dataset *d,
                                    cim_ana_objective *out, size_t *n, cim_err *err)
{
    const char *list = cim_job_args_value(args, "--objectives");
    if (!list) {
        memcpy(out, d->objectives, d->n_objectives * sizeof *out);
        *n = d->n_objectives;
        return CIM_OK;
    }
    *n = 0;
    for (const char *p = list; p;) {
        size_t k = strcspn(p, ",");
        if (k == 0)
            return cim_err_set(err, CIM_E_INPUT, "--objectives",
                               "found an empty name in \"%s\", metrics are separated by single "
                               "commas",
                               list);
        if (*n >= CIM_SPEC_MAX_OBJECTIVES)
            return cim_err_set(err, CIM_E_INPUT, "--objectives", "more than %d objectives",
                               CIM_SPEC_MAX_OBJECTIVES);
        CIM_TRY(parse_objective(d, p, k, &out[*n], err));
        for (size_t i = 0; i < *n; i++)
            if (out[i].metric == out[*n].metric)
                return cim_err_set(err, CIM_E_INPUT, "--objectives", "\"%.*s\" is given twice",
                                   (int)k, p);
        (*n)++;
        p = p[k] ? p + k + 1 : NULL;
    }
    return CIM_OK;
}

static cim_status front_csv(const cim_ana_dataset *d, const cim_ana_objective *obj, size_t n,
                            cim_text *out, cim_err *err)
{
    uint64_t *rows = NULL;
    size_t n_rows = 0;
    CIM_TRY(cim_ana_dataset_front_of(d, obj, n, &rows, &n_rows, err));
    cim_ana_csv(d, rows, n_rows, out);
    cim_free(rows);
    return CIM_OK;
}

/* A file takes the place of the table. */
static cim_status pareto_of(const cim_job_args *args, const cim_ana_dataset *d,
                            cim_job_outputs *files, cim_err *err)
{
    cim_text *csv = cim_job_outputs_text(files, "--csv"),
             *json = cim_job_outputs_text(files, "--json");
    cim_ana_objective obj[CIM_ANA_MAX_COLUMNS];
    size_t n = 0;
    long long rows = 25;
    CIM_TRY(choose_objectives(args, d, obj, &n, err));
    CIM_TRY(cim_job_args_int(args, "--rows", 0, 1000000000, &rows, err));
    if (csv)
        CIM_TRY(front_csv(d, obj, n, csv, err));
    if (json)
        CIM_TRY(cim_ana_front_json(d, obj, n, json, err));
    if (csv || json)
        return CIM_OK;
    cim_text t;
    cim_text_init(&t);
    cim_status s = cim_ana_table(d, obj, n, (size_t)rows, &t, err);
    if (s == CIM_OK)
        s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static cim_status export_of(const cim_job_args *args, const cim_ana_dataset *d,
                            cim_job_outputs *files, cim_err *err)
{
    (void)args, (void)err;
    cim_ana_csv(d, NULL, 0, cim_job_outputs_text(files, "--csv"));
    return CIM_OK;
}

static cim_status digest_of(const cim_job_args *args, const cim_ana_dataset *d,
                            cim_job_outputs *files, cim_err *err)
{
    (void)args, (void)files;
    char hex[33];
    CIM_TRY(cim_ana_dataset_digest(d, hex, err));
    cim_text t;
    cim_text_init(&t);
    cim_text_addf(&t, "%s\n", hex);
    cim_status s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static cim_status plot_of(const cim_job_args *args, const cim_ana_dataset *d,
                          cim_job_outputs *files, cim_err *err)
{
    (void)files;
    cim_ana_objective obj[CIM_ANA_MAX_COLUMNS];
    size_t n = 0;
    CIM_TRY(choose_objectives(args, d, obj, &n, err));
    return cim_ana_plot(d, obj, n, cim_job_args_value(args, "-o"), err);
}

typedef cim_status (*result_work)(const cim_job_args *args, const cim_ana_dataset *d,
                                  cim_job_outputs *files, cim_err *err);

static cim_status read_and_work(const cim_job_args *args, result_work work, cim_job_outputs *files,
                                cim_err *err)
{
    cim_ana_dataset *d = cim_alloc(1, sizeof *d);
    if (!d)
        return cim_err_set(err, CIM_E_NOMEM, args->positional[0], "out of memory");
    cim_ana_dataset_init(d);
    cim_status s = cim_ana_store_read(args->positional[0], d, err);
    if (s == CIM_OK)
        s = work(args, d, files, err);
    cim_ana_dataset_clear(d);
    cim_free(d);
    return s;
}

/* Check where to write, read, work, write, release. @param outputs  options; ends with NULL */
static cim_status with_result(const cim_job_args *args, const char *const *outputs,
                              result_work work, cim_err *err)
{
    cim_job_outputs files;
    cim_job_outputs_init(&files);
    cim_status s = cim_job_outputs_take(&files, args, outputs, err);
    if (s == CIM_OK)
        s = read_and_work(args, work, &files, err);
    if (s == CIM_OK)
        s = cim_job_outputs_write(&files, err);
    cim_job_outputs_clear(&files);
    return s;
}

static const char *const no_outputs[] = {NULL};

static cim_status pareto(const cim_job_args *args, const cim_job_parallel *par, cim_err *err)
{
    (void)par;
    return with_result(args, (const char *const[]){"--csv", "--json", NULL}, pareto_of, err);
}

static cim_status export_csv(const cim_job_args *args, const cim_job_parallel *par, cim_err *err)
{
    (void)par;
    if (!cim_job_args_has(args, "--csv"))
        return cim_err_set(err, CIM_E_INPUT, "--csv", "is needed: the file to write");
    return with_result(args, (const char *const[]){"--csv", NULL}, export_of, err);
}

static cim_status digest(const cim_job_args *args, const cim_job_parallel *par, cim_err *err)
{
    (void)par;
    return with_result(args, no_outputs, digest_of, err);
}

/* gnuplot writes the picture, so it is no output of ours; the place is checked like one. */
static cim_status plot(const cim_job_args *args, const cim_job_parallel *par, cim_err *err)
{
    (void)par;
    if (!cim_job_args_has(args, "-o"))
        return cim_err_set(err, CIM_E_INPUT, "-o", "is needed: the .svg or .png file to draw");
    cim_job_outputs picture;
    cim_job_outputs_init(&picture);
    cim_status s = cim_job_outputs_take(&picture, args, (const char *const[]){"-o", NULL}, err);
    cim_job_outputs_clear(&picture);
    return s == CIM_OK ? with_result(args, no_outputs, plot_of, err) : s;
}

const cim_job_command cim_job_result_commands[] = {
    {"pareto", "pareto RESULT [--objectives a,b,...] [--csv FILE] [--json FILE] [--rows N]",
     "the Pareto front, also for other objectives than the run's", pareto_options, 1, 1, pareto},
    {"export", "export RESULT --csv FILE", "every evaluated point, one row each", export_options, 1,
     1, export_csv},
    {"plot", "plot RESULT -o FILE.svg|png [--objectives a,b,...]", "draw the front", plot_options,
     1, 1, plot},
    {"digest", "digest RESULT", "hash of content, independent of ranks, order and time", no_options,
     1, 1, digest},
    {0}};
