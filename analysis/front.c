/* The front of a dataset and how its hypervolume grew. */
#include "analysis/dataset.h"

#include "analysis/pareto.h"
#include "hwspace/base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    HISTORY_STEPS = 50,
    SAMPLES_MIN = 4096,
    SAMPLES_MAX = 65536 /* standard error of a sampled share below 0.002 */
};
static const double reference = 1.1;   /* of the scaled objectives, which lie in [0, 1] */
static const double sample_work = 2e9; /* comparisons, a few seconds; 4 points join per survivor */

/* Rows that take part in a front, with their objectives, minimised. */
typedef struct candidates {
    size_t n, m;
    uint64_t *rows;
    double *values;
} candidates;

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front");
}

static void candidates_free(candidates *c)
{
    cim_free(c->rows);
    cim_free(c->values);
}

static bool take_row(const cim_ana_dataset *d, size_t row, const cim_ana_objective *objectives,
                     size_t m, double *values)
{
    if (d->state[row] != CIM_ANA_OK)
        return false;
    for (size_t k = 0; k < m; k++) {
        double v = d->metrics[row * d->n_metrics + objectives[k].metric];
        if (!isfinite(v))
            return false;
        values[k] = objectives[k].maximise ? -v : v;
    }
    return true;
}

static cim_status candidates_collect(candidates *c, const cim_ana_dataset *d,
                                     const cim_ana_objective *objectives, size_t m, cim_err *err)
{
    *c = (candidates){0, m, NULL, NULL};
    if (m > CIM_ANA_MAX_OBJECTIVES)
        return cim_err_set(err, CIM_E_INPUT, "objectives", "%zu objectives, at most %d are allowed",
                           m, CIM_ANA_MAX_OBJECTIVES);
    for (size_t k = 0; k < m; k++)
        if (objectives[k].metric >= d->n_metrics)
            return cim_err_set(err, CIM_E_INTERNAL, "objectives",
                               "objective %zu is metric %u of %zu", k, objectives[k].metric,
                               d->n_metrics);
    c->rows = cim_alloc(d->n, sizeof *c->rows);
    c->values = cim_alloc(d->n, m * sizeof *c->values);
    if (!c->rows || !c->values) {
        candidates_free(c);
        return no_memory(err);
    }
    for (size_t row = 0; row < d->n && m > 0; row++)
        if (take_row(d, row, objectives, m, c->values + c->n * m))
            c->rows[c->n++] = row;
    return CIM_OK;
}

cim_status cim_ana_dataset_front_of(const cim_ana_dataset *d, const cim_ana_objective *objectives,
                                    size_t n_objectives, uint64_t **rows, size_t *n_rows,
                                    cim_err *err)
{
    candidates c;
    size_t n = 0;
    CIM_TRY(candidates_collect(&c, d, objectives, n_objectives, err));
    bool *keep = cim_alloc(c.n, sizeof *keep);
    cim_status status = keep ? CIM_OK : no_memory(err);
    if (status == CIM_OK && c.n > 0)
        status = cim_ana_pareto_filter(c.values, c.n, c.m, keep, err);
    for (size_t i = 0; status == CIM_OK && i < c.n; i++)
        if (keep[i])
            c.rows[n++] = c.rows[i];
    cim_free(keep);
    cim_free(c.values);
    if (status != CIM_OK) {
        cim_free(c.rows);
        return status;
    }
    *rows = c.rows;
    *n_rows = n;
    return CIM_OK;
}

/* ---- history ---------------------------------------------------------------------------------- */

typedef struct history {
    candidates all;
    size_t m;
    double lo[CIM_ANA_MAX_OBJECTIVES], range[CIM_ANA_MAX_OBJECTIVES], ref[CIM_ANA_MAX_OBJECTIVES];
    cim_ana_archive *front; /* ids are indices of candidates */
    double *scaled;         /* room for all candidates */
    double *samples;        /* sample points that no front has reached yet; NULL: exact */
    size_t n_samples, n_open;
} history;

/* Largest front whose exact hypervolume is computed at every step, by number of objectives:
 * each about 0.1 s (tests/bench/analysis_pareto.c). Two and three objectives are always exact. */
static size_t exact_limit(size_t m)
{
    static const size_t limits[] = {0, SIZE_MAX, SIZE_MAX, SIZE_MAX, 10000, 2000, 400, 150, 80};
    return m < sizeof limits / sizeof limits[0] ? limits[m] : 40;
}

static void scale_init(history *h)
{
    for (size_t k = 0; k < h->m; k++) {
        double lo = INFINITY, hi = -INFINITY;
        for (size_t i = 0; i < h->all.n; i++) {
            lo = fmin(lo, h->all.values[i * h->m + k]);
            hi = fmax(hi, h->all.values[i * h->m + k]);
        }
        h->lo[k] = lo;
        h->range[k] = hi / 2 - lo / 2; /* halves do not overflow */
        h->ref[k] = reference;
    }
}

static void scale(const history *h, const double *values, double *scaled)
{
    for (size_t k = 0; k < h->m; k++)
        scaled[k] = h->range[k] > 0 ? (values[k] / 2 - h->lo[k] / 2) / h->range[k] : 0;
}

/* Low-discrepancy points of the box [0, reference)^m: the additive recurrence with the powers of
 * the root of x^(m+1) = x + 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom
 * sequences"). */
static bool samples_init(history *h, size_t front)
{
    double root = 2, want = sample_work / (4 * (double)front + 1);
    for (int i = 0; i < 64; i++)
        root = pow(1 + root, 1 / ((double)h->m + 1));
    h->n_samples = want > SAMPLES_MAX   ? SAMPLES_MAX
                   : want < SAMPLES_MIN ? SAMPLES_MIN
                                        : (size_t)want;
    h->n_open = h->n_samples;
    h->samples = cim_alloc(h->n_samples, h->m * sizeof *h->samples);
    if (!h->samples)
        return false;
    for (size_t i = 0; i < h->n_samples; i++) {
        double step = 1;
        for (size_t k = 0; k < h->m; k++) {
            step /= root;
            double x = 0.5 + (double)(i + 1) * step;
            h->samples[i * h->m + k] = reference * (x - floor(x));
        }
    }
    return true;
}

static bool reaches(const double *point, const double *sample, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (point[k] > sample[k])
            return false;
    return true;
}

/* Close the samples that one of n scaled points dominates; the share closed so far, as a volume.
 * A closed sample stays closed: whoever left the front was dominated by who reaches it too. */
static double samples_measure(history *h, const double *scaled, size_t n)
{
    size_t open = 0;
    for (size_t s = 0; s < h->n_open; s++) {
        const double *sample = h->samples + s * h->m;
        size_t i = 0;
        while (i < n && !reaches(scaled + i * h->m, sample, h->m))
            i++;
        if (i == n)
            memmove(h->samples + h->m * open++, sample, h->m * sizeof *sample);
    }
    h->n_open = open;
    return pow(reference, (double)h->m) * (double)(h->n_samples - open) / (double)h->n_samples;
}

/* One step: the candidates [first, last) join the front; its hypervolume in *volume.
 * *too_large is set when an exact one would take too long. */
static cim_status history_step(history *h, size_t first, size_t last, double *volume,
                               bool *too_large, cim_err *err)
{
    size_t n = 0;
    int joined = 0;
    for (size_t i = first; i < last; i++) {
        int inserted = cim_ana_archive_insert(h->front, h->all.values + i * h->m, i);
        if (inserted < 0)
            return no_memory(err);
        joined |= inserted;
    }
    if (!joined)
        return CIM_OK; /* volume stays */
    size_t size = cim_ana_archive_size(h->front);
    if (!h->samples && size > exact_limit(h->m)) {
        *too_large = true;
        return CIM_OK;
    }
    for (size_t i = 0; i < size; i++) {
        uint64_t id;
        const double *values = cim_ana_archive_at(h->front, i, &id);
        if (!h->samples || id >= first) /* only newcomers can reach an open sample */
            scale(h, values, h->scaled + n++ * h->m);
    }
    if (!h->samples)
        return cim_ana_hypervolume(h->scaled, n, h->m, h->ref, volume, err);
    *volume = samples_measure(h, h->scaled, n);
    return CIM_OK;
}

static cim_status history_run(history *h, cim_ana_dataset *d, bool *too_large, cim_err *err)
{
    size_t first = 0;
    double volume = 0;
    cim_ana_archive_destroy(h->front);
    h->front = cim_ana_archive_create(h->m);
    if (!h->front)
        return no_memory(err);
    for (size_t i = 0; i < d->n_history && !*too_large; i++) {
        size_t last = first;
        while (last < h->all.n && d->id[h->all.rows[last]] < d->history_evaluations[i])
            last++;
        CIM_TRY(history_step(h, first, last, &volume, too_large, err));
        d->history_hypervolume[i] = volume;
        first = last;
    }
    return CIM_OK;
}

/* About 50 counts, equally spaced, the last one all points. Ids may have gaps. */
static bool counts_init(cim_ana_dataset *d)
{
    cim_free(d->history_evaluations);
    cim_free(d->history_hypervolume);
    d->n_history = 0;
    d->history_evaluations = cim_alloc(HISTORY_STEPS, sizeof *d->history_evaluations);
    d->history_hypervolume = cim_alloc(HISTORY_STEPS, sizeof *d->history_hypervolume);
    if (!d->history_evaluations || !d->history_hypervolume)
        return false;
    uint64_t total = d->n ? d->id[d->n - 1] + 1 : 0, last = 0;
    for (uint64_t i = 1; i <= HISTORY_STEPS; i++) {
        uint64_t count = total / HISTORY_STEPS * i + total % HISTORY_STEPS * i / HISTORY_STEPS;
        if (count > last)
            d->history_evaluations[d->n_history++] = last = count;
    }
    return true;
}

static void front_drop(cim_ana_dataset *d)
{
    for (size_t i = 0; d->plans && i < d->n_front; i++)
        cim_free(d->plans[i]);
    cim_free(d->plans);
    cim_free(d->front);
    d->plans = NULL;
    d->front = NULL;
    d->n_front = 0;
    d->history_sampled = false;
}

/* Members of the final front are marked by candidate, so that rows come out ascending. */
static cim_status front_take(const history *h, cim_ana_dataset *d, cim_err *err)
{
    size_t size = cim_ana_archive_size(h->front);
    bool *member = cim_alloc(h->all.n, sizeof *member);
    d->front = cim_alloc(size, sizeof *d->front);
    if (!member || !d->front) {
        cim_free(member);
        return no_memory(err);
    }
    for (size_t i = 0; i < size; i++) {
        uint64_t id;
        (void)cim_ana_archive_at(h->front, i, &id);
        member[id] = true;
    }
    for (size_t i = 0; i < h->all.n; i++)
        if (member[i])
            d->front[d->n_front++] = h->all.rows[i];
    cim_free(member);
    return CIM_OK;
}

/* Measure on samples; how many depends on the size of the whole front. */
static cim_status history_sample(history *h, cim_ana_dataset *d, cim_err *err)
{
    uint64_t *rows = NULL;
    size_t size = 0;
    bool too_large = false;
    CIM_TRY(cim_ana_dataset_front_of(d, d->objectives, d->n_objectives, &rows, &size, err));
    cim_free(rows);
    d->history_sampled = true;
    if (!samples_init(h, size))
        return no_memory(err);
    return history_run(h, d, &too_large, err);
}

cim_status cim_ana_dataset_front(cim_ana_dataset *d, cim_err *err)
{
    history h = {.m = d->n_objectives};
    bool too_large = false;
    front_drop(d);
    CIM_TRY(candidates_collect(&h.all, d, d->objectives, d->n_objectives, err));
    h.scaled = cim_alloc(h.all.n, h.m * sizeof *h.scaled);
    cim_status status = counts_init(d) && h.scaled ? CIM_OK : no_memory(err);
    if (status == CIM_OK) {
        scale_init(&h);
        status = history_run(&h, d, &too_large, err);
    }
    if (status == CIM_OK && too_large)
        status = history_sample(&h, d, err);
    if (status == CIM_OK)
        status = front_take(&h, d, err);
    cim_ana_archive_destroy(h.front);
    cim_free(h.scaled);
    cim_free(h.samples);
    candidates_free(&h.all);
    return status;
}
