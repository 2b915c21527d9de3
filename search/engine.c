#include "search/engine.h"

#include "analysis/pareto.h"
#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "search/checkpoint.h"
#include "search/keymap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Points asked at once per worker: enough for 4 messages of 64 points, so that a sampler keeps all
 * workers busy. What is asked does not depend on it (generational strategies end a batch early). */
enum { BATCH_PER_WORKER = 4 * 64, MAX_BATCH = 65536, MAX_BARREN = 1000 };
#define DEFAULT_CHECKPOINT_S 10.0

typedef struct run {
    const cim_search_spec *spec;
    cim_search_pool *pool;
    const cim_search_run_options *options;
    cim_ana_dataset *d;
    const cim_search_strategy_ops *ops;
    cim_search_strategy *strategy;
    cim_ana_archive *archive;
    size_t width, n_free;
    size_t *free_param;     /* columns that are no expressions */
    double *key;            /* scratch: the free values of a point */
    cim_search_keymap rows; /* of evaluated points */
    double *violation;      /* of the dataset's rows */
    size_t violation_cap;
    /* a batch */
    size_t batch;
    double *asked, *fresh;      /* points */
    uint64_t *row;              /* of asked points in the dataset, once evaluated */
    cim_search_result *results; /* of fresh points */
    cim_search_result *told;    /* of asked points, made when some were no fresh ones */
    /* checkpoints */
    cim_search_log_id log;
    uint64_t segment; /* next to be written */
    size_t saved;     /* rows in segments */
    double saved_s;
    cim_ana_dataset replay; /* rows of the run that is resumed */
    double *replay_violation;
    /* progress */
    double start_s;
    uint64_t feasible;
    size_t resumed;
} run;

double cim_search_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool cim_search_pool_stopped(const cim_search_pool *pool)
{
    return (pool->stop && *pool->stop) ||
           (pool->deadline_s > 0 && cim_search_now_s() >= pool->deadline_s);
}

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "search", "out of memory");
}

/* ---- evaluated points ------------------------------------------------------------------------- */

static void key_values(run *r, const double *point)
{
    for (size_t i = 0; i < r->n_free; i++)
        r->key[i] = point[r->free_param[i]] + 0.0; /* -0 and 0 are one value */
}

static bool same_free(const run *r, const double *a, const double *b)
{
    for (size_t i = 0; i < r->n_free; i++)
        if (a[r->free_param[i]] != b[r->free_param[i]])
            return false;
    return true;
}

/* Look a point up by its free parameters. `known(row)` are dataset rows and, above them, fresh
 * points of the batch. @return 1 new (registered as `row`), 0 known (*row set), -1 no memory */
static int look_up(run *r, const double *point, uint64_t *row)
{
    key_values(r, point);
    for (uint64_t seed = 0;; seed++) { /* another seed after a collision of two points */
        uint64_t known, key = cim_hash64(r->key, r->n_free * sizeof *r->key, seed);
        key = key ? key : 1;
        if (!cim_search_keymap_find(&r->rows, key, &known))
            return cim_search_keymap_add(&r->rows, key, *row);
        const double *other = known < r->d->n ? r->d->points + known * r->width
                                              : r->fresh + (known - r->d->n) * r->width;
        if (same_free(r, point, other)) {
            *row = known;
            return 0;
        }
    }
}

static cim_status archive_row(run *r, const cim_search_result *result)
{
    double objectives[CIM_SPEC_MAX_OBJECTIVES];
    if (result->state != CIM_ANA_OK)
        return CIM_OK;
    r->feasible++;
    for (size_t k = 0; k < r->spec->n_objectives; k++) {
        double v = result->metrics[r->spec->objectives[k].metric];
        objectives[k] = r->spec->objectives[k].maximise ? -v : v;
    }
    int inserted = r->archive ? cim_ana_archive_insert(r->archive, objectives, result->id) : 0;
    return inserted < 0 ? CIM_E_NOMEM : CIM_OK;
}

static cim_status record(run *r, size_t n, cim_err *err)
{
    if (cim_grow(&r->violation, &r->violation_cap, r->d->n + n, sizeof *r->violation))
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const cim_search_result *result = &r->results[i];
        r->violation[r->d->n] = result->violation;
        CIM_TRY(cim_ana_dataset_add(r->d, result->id, (cim_ana_state)result->state,
                                    result->state == CIM_ANA_OK ? NULL : result->reason,
                                    r->fresh + i * r->width, result->metrics, err));
        if (archive_row(r, result) != CIM_OK)
            return no_memory(err);
    }
    return CIM_OK;
}

static void result_of_row(const cim_ana_dataset *d, const double *violation, size_t row,
                          cim_search_result *out)
{
    memset(out, 0, sizeof *out);
    out->id = d->id[row];
    out->state = d->state[row];
    out->violation = violation[row];
    snprintf(out->reason, sizeof out->reason, "%s", cim_ana_dataset_reason(d, row));
    memcpy(out->metrics, d->metrics + row * d->n_metrics, d->n_metrics * sizeof *out->metrics);
}

/* ---- checkpoints ------------------------------------------------------------------------------ */

static cim_status save(run *r, cim_err *err)
{
    if (!r->options->dir || (r->saved == r->d->n && r->segment > 0))
        return CIM_OK;
    if (r->d->n < r->replay.n)
        return CIM_OK; /* still in what the segments hold */
    CIM_TRY(cim_search_segment_write(&r->log, r->segment, r->d, r->violation, r->saved, err));
    r->segment++;
    r->saved = r->d->n;
    r->saved_s = cim_search_now_s();
    return CIM_OK;
}

static cim_status open_log(run *r, cim_err *err)
{
    const char *dir = r->options->dir;
    char what[300];
    if (!dir)
        return CIM_OK;
    r->log.dir = dir;
    CIM_TRY(cim_search_spec_identity(r->spec, r->log.identity, err));
    if (!r->options->resume && cim_search_log_exists(dir, what, sizeof what))
        return cim_err_set(err, CIM_E_INPUT, what,
                           "exists already; results are not overwritten: resume the run or give "
                           "another directory");
    CIM_TRY(cim_search_log_open(dir, err));
    CIM_TRY(cim_search_dataset_describe(r->spec, &r->replay, err));
    CIM_TRY(cim_search_log_read(&r->log, &r->replay, &r->replay_violation, &r->segment, err));
    cim_search_log_trim(dir, r->segment);
    r->saved = r->replay.n;
    r->saved_s = cim_search_now_s();
    return r->segment == 0 ? save(r, err) : CIM_OK; /* an unwritable place is found now */
}

/* Take the results of fresh points from the log as far as it goes. @return how many */
static cim_status from_log(run *r, size_t n, size_t *taken, cim_err *err)
{
    size_t first = r->d->n;
    *taken = 0;
    for (size_t i = 0; i < n && first + i < r->replay.n; i++) {
        double *logged = r->replay.points + (first + i) * r->width;
        if (!same_free(r, logged, r->fresh + i * r->width))
            return cim_err_set(err, CIM_E_INPUT, r->log.dir,
                               "the checkpoint holds another point %zu than this run asks for; it "
                               "was written by another build or is damaged: start anew in another "
                               "directory",
                               first + i);
        memcpy(r->fresh + i * r->width, logged, r->width * sizeof *logged);
        result_of_row(&r->replay, r->replay_violation, first + i, &r->results[i]);
        ++*taken;
    }
    r->resumed += *taken;
    return CIM_OK;
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void report(run *r)
{
    const cim_search_run_options *o = r->options;
    if (!o->progress)
        return;
    double seconds = cim_search_now_s() - r->start_s;
    cim_search_progress p = {.done = r->d->n,
                             .budget = r->spec->evaluations,
                             .feasible = r->feasible,
                             .front_size = cim_ana_archive_size(r->archive),
                             .seconds = seconds,
                             .rate = seconds > 0 ? (double)(r->d->n - r->resumed) / seconds : 0,
                             .resumed = r->resumed};
    double size = cim_hw_space_size(r->spec->space);
    if (size < 1e15 && (p.budget == 0 || size < (double)p.budget))
        p.budget = (uint64_t)size;
    o->progress(o->progress_ctx, &p);
}

/* Sort the asked points into new ones (packed into fresh[]) and known ones. */
static cim_status find_fresh(run *r, size_t n_asked, size_t *n_fresh, cim_err *err)
{
    *n_fresh = 0;
    for (size_t i = 0; i < n_asked; i++) {
        const double *point = r->asked + i * r->width;
        r->row[i] = r->d->n + *n_fresh;
        int added = look_up(r, point, &r->row[i]);
        if (added < 0)
            return no_memory(err);
        if (added == 1) {
            memcpy(r->fresh + *n_fresh * r->width, point, r->width * sizeof *point);
            ++*n_fresh;
        }
    }
    return CIM_OK;
}

static cim_status evaluate_fresh(run *r, size_t n, size_t *done, cim_err *err)
{
    size_t taken;
    CIM_TRY(from_log(r, n, &taken, err));
    *done = taken;
    if (taken == n)
        return CIM_OK;
    size_t evaluated = 0;
    cim_status status = r->pool->evaluate(r->pool, r->fresh + taken * r->width, n - taken,
                                          r->d->n + taken, r->results + taken, &evaluated, err);
    *done = taken + evaluated;
    return status;
}

static cim_status tell(run *r, size_t n_asked, size_t n_fresh, cim_err *err)
{
    const cim_search_result *results = r->results;
    if (n_fresh < n_asked) {
        if (!r->told)
            r->told = cim_alloc(r->batch, sizeof *r->told);
        if (!r->told)
            return no_memory(err);
        for (size_t i = 0; i < n_asked; i++)
            result_of_row(r->d, r->violation, (size_t)r->row[i], &r->told[i]);
        results = r->told;
    }
    return r->ops->tell(r->strategy, r->asked, results, n_asked, err);
}

static cim_status step(run *r, size_t want, bool *finished, int *barren, cim_err *err)
{
    size_t n_fresh, done = 0, n_asked = r->ops->ask(r->strategy, want, r->asked);
    if (n_asked == 0) {
        *finished = true;
        return r->ops->tell(r->strategy, r->asked, r->results, 0, err);
    }
    CIM_TRY(find_fresh(r, n_asked, &n_fresh, err));
    *barren = n_fresh ? 0 : *barren + 1;
    if (n_fresh > 0) {
        cim_status status = evaluate_fresh(r, n_fresh, &done, err);
        cim_status recorded = record(r, done, err);
        CIM_TRY(status);
        CIM_TRY(recorded);
    }
    if (done < n_fresh)
        return CIM_E_STOPPED;
    return tell(r, n_asked, n_fresh, err);
}

static cim_status loop(run *r, cim_err *err)
{
    double interval =
        r->options->checkpoint_seconds > 0 ? r->options->checkpoint_seconds : DEFAULT_CHECKPOINT_S;
    bool finished = false;
    int barren = 0;
    while (!finished && barren < MAX_BARREN) {
        size_t want = r->batch;
        if (r->spec->evaluations > 0) {
            if (r->d->n >= r->spec->evaluations)
                break;
            uint64_t left = r->spec->evaluations - r->d->n;
            want = left < want ? (size_t)left : want;
        }
        if (cim_search_pool_stopped(r->pool))
            return CIM_E_STOPPED;
        CIM_TRY(step(r, want, &finished, &barren, err));
        if (cim_search_now_s() - r->saved_s >= interval)
            CIM_TRY(save(r, err));
        report(r);
    }
    return CIM_OK;
}

/* ---- before and after ------------------------------------------------------------------------- */

static cim_ana_type column_type(cim_hw_field_type t)
{
    switch (t) {
    case CIM_HW_INT:
        return CIM_ANA_INT;
    case CIM_HW_REAL:
        return CIM_ANA_REAL;
    case CIM_HW_BOOL:
        return CIM_ANA_BOOL;
    case CIM_HW_CHOICE:
        break;
    }
    return CIM_ANA_ENUM;
}

cim_status cim_search_dataset_describe(const cim_search_spec *spec, cim_ana_dataset *d,
                                       cim_err *err)
{
    cim_text text;
    d->n_params = cim_hw_space_n_params(spec->space);
    for (size_t i = 0; i < d->n_params; i++) {
        const cim_hw_field *f = &cim_hw_fields[cim_hw_space_param(spec->space, i)->field];
        cim_ana_param *p = &d->params[i];
        snprintf(p->name, sizeof p->name, "%s", f->path);
        snprintf(p->unit, sizeof p->unit, "%s", f->unit ? f->unit : "");
        p->type = column_type(f->type);
        p->words = f->type == CIM_HW_CHOICE ? f->choices : NULL;
    }
    d->n_metrics = spec->n_metrics;
    for (size_t i = 0; i < d->n_metrics; i++) {
        snprintf(d->metrics_info[i].name, sizeof d->metrics_info[i].name, "%s",
                 spec->metric_names[i]);
        snprintf(d->metrics_info[i].unit, sizeof d->metrics_info[i].unit, "%s",
                 cim_cc_metric_units[i % CIM_CC_N_METRICS]);
    }
    d->n_objectives = spec->n_objectives;
    memcpy(d->objectives, spec->objectives, spec->n_objectives * sizeof *d->objectives);
    snprintf(d->seed, sizeof d->seed, "%llu", (unsigned long long)spec->seed);
    cim_text_init(&text);
    cim_search_spec_write(spec, false, &text);
    if (text.failed) {
        cim_text_clear(&text);
        return no_memory(err);
    }
    cim_free(d->spec_json);
    d->spec_json = text.s;
    return CIM_OK;
}

static cim_status start(run *r, cim_err *err)
{
    const cim_search_spec *spec = r->spec;
    size_t workers = r->pool->n_workers > 0 ? (size_t)r->pool->n_workers : 1;
    r->start_s = r->saved_s = cim_search_now_s();
    r->pool->stop = r->options->stop;
    r->pool->deadline_s = isfinite(spec->seconds) ? r->start_s + spec->seconds : 0;
    r->batch = workers < MAX_BATCH / BATCH_PER_WORKER ? workers * BATCH_PER_WORKER : MAX_BATCH;
    r->width = cim_hw_space_n_params(spec->space);
    CIM_TRY(cim_search_dataset_describe(spec, r->d, err));
    r->free_param = cim_alloc(r->width, sizeof *r->free_param);
    r->key = cim_alloc(r->width, sizeof *r->key);
    r->asked = cim_alloc(r->batch, r->width * sizeof *r->asked);
    r->fresh = cim_alloc(r->batch, r->width * sizeof *r->fresh);
    r->row = cim_alloc(r->batch, sizeof *r->row);
    r->results = cim_alloc(r->batch, sizeof *r->results);
    if (!r->free_param || !r->key || !r->asked || !r->fresh || !r->row || !r->results)
        return no_memory(err);
    if (r->options->progress && !(r->archive = cim_ana_archive_create(spec->n_objectives)))
        return no_memory(err);
    for (size_t i = 0; i < r->width; i++)
        if (cim_hw_space_param(spec->space, i)->domain != CIM_HW_DOMAIN_EXPR)
            r->free_param[r->n_free++] = i;
    CIM_TRY(r->ops->create(spec, &r->strategy, err));
    return open_log(r, err);
}

static cim_status attach_plans(run *r, cim_err *err)
{
    cim_ana_dataset *d = r->d;
    if (!r->pool->plan)
        return CIM_OK;
    d->plans = cim_alloc(d->n_front, sizeof *d->plans);
    if (!d->plans)
        return no_memory(err);
    for (size_t i = 0; i < d->n_front; i++) {
        if (i < CIM_SEARCH_MAX_PLANS)
            CIM_TRY(
                r->pool->plan(r->pool, d->points + d->front[i] * d->n_params, &d->plans[i], err));
        else if (!(d->plans[i] = cim_strdup("null")))
            return no_memory(err);
    }
    return CIM_OK;
}

/* The end of any run: what was evaluated goes to disk before anything else can fail. */
static cim_status finish(run *r, cim_status status, cim_err *err)
{
    cim_err late = {0};
    cim_status saved = r->segment > 0 || status == CIM_OK ? save(r, &late) : CIM_OK;
    if (status != CIM_OK && status != CIM_E_STOPPED)
        return status;
    if (saved != CIM_OK)
        return cim_err_set(err, saved, late.where, "%s", late.message);
    CIM_TRY(cim_ana_dataset_sort(r->d, err));
    CIM_TRY(cim_ana_dataset_front(r->d, err));
    if (status == CIM_E_STOPPED)
        return cim_err_set(err, CIM_E_STOPPED, r->options->dir ? r->options->dir : "search",
                           "stopped early after %zu evaluations%s", r->d->n,
                           r->options->dir ? "; the run can be resumed" : "");
    r->d->complete = true;
    return attach_plans(r, err);
}

static void clear(run *r)
{
    if (r->strategy)
        r->ops->destroy(r->strategy);
    cim_ana_archive_destroy(r->archive);
    cim_search_keymap_clear(&r->rows);
    cim_ana_dataset_clear(&r->replay);
    void *const owned[] = {r->free_param, r->key,  r->asked,     r->fresh,           r->row,
                           r->results,    r->told, r->violation, r->replay_violation};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        cim_free(owned[i]);
    cim_free(r);
}

cim_status cim_search_run(const cim_search_spec *spec, cim_search_pool *pool,
                          const cim_search_run_options *options, cim_ana_dataset *dataset,
                          cim_err *err)
{
    const cim_search_strategy_ops *ops = cim_search_strategy_find(spec->strategy);
    if (!ops)
        return cim_err_set(err, CIM_E_INTERNAL, "strategy", "unknown name %s", spec->strategy);
    return cim_search_run_with(spec, ops, pool, options, dataset, err);
}

cim_status cim_search_run_with(const cim_search_spec *spec, const cim_search_strategy_ops *ops,
                               cim_search_pool *pool, const cim_search_run_options *options,
                               cim_ana_dataset *dataset, cim_err *err)
{
    run *r = cim_alloc(1, sizeof *r);
    if (!r)
        return no_memory(err);
    r->ops = ops;
    r->spec = spec;
    r->pool = pool;
    r->options = options;
    r->d = dataset;
    cim_ana_dataset_init(&r->replay);
    cim_search_keymap_init(&r->rows);
    cim_status status = start(r, err);
    if (status == CIM_OK)
        status = finish(r, loop(r, err), err);
    clear(r);
    return status;
}

cim_status cim_search_checkpoint_read(const char *dir, const cim_search_spec *spec,
                                      cim_ana_dataset *dataset, cim_err *err)
{
    cim_search_log_id log = {.dir = dir};
    double *violation = NULL;
    uint64_t segments = 0;
    CIM_TRY(cim_search_spec_identity(spec, log.identity, err));
    CIM_TRY(cim_search_dataset_describe(spec, dataset, err));
    cim_status status = cim_search_log_read(&log, dataset, &violation, &segments, err);
    cim_free(violation);
    CIM_TRY(status);
    if (segments == 0)
        return cim_err_set(err, CIM_E_INPUT, dir, "holds no readable checkpoint");
    CIM_TRY(cim_ana_dataset_sort(dataset, err));
    return cim_ana_dataset_front(dataset, err);
}
