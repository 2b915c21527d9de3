/* A dataset in memory: every evaluated point of a run, columns by parameter and metric. What
 * results.h5 holds, what CSV exports, what plots draw. The search fills one, analysis/store.h
 * writes and reads it. */
#ifndef CIM_ANALYSIS_DATASET_H
#define CIM_ANALYSIS_DATASET_H

#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIM_ANA_MAX_COLUMNS = 128, CIM_ANA_NAME = 96 };

typedef enum cim_ana_type { CIM_ANA_INT, CIM_ANA_REAL, CIM_ANA_BOOL, CIM_ANA_ENUM } cim_ana_type;

typedef enum cim_ana_state { CIM_ANA_OK, CIM_ANA_INFEASIBLE, CIM_ANA_FAILED } cim_ana_state;
extern const char *const cim_ana_state_words[]; /* ok, infeasible, failed */

/** A parameter column. Values are stored as doubles (an enum's index) whatever the type. */
typedef struct cim_ana_param {
    char name[CIM_ANA_NAME];
    cim_ana_type type;
    const char *const *words; /* CIM_ANA_ENUM: NULL-terminated, borrowed or owned by the dataset */
    char unit[24];
} cim_ana_param;

typedef struct cim_ana_metric {
    char name[CIM_ANA_NAME];
    char unit[24];
} cim_ana_metric;

typedef struct cim_ana_objective {
    uint32_t metric; /* column */
    bool maximise;
} cim_ana_objective;

/** Rows ascend by id. `points` is n x n_params, `metrics` n x n_metrics, row-major; metrics are NAN
 *  where state != ok. `reason` indexes `reasons` (0 = none; reasons[0] is "").
 *  Fill in by hand: the counts, params, metrics_info, objectives, spec_json (cim_strdup), seed,
 *  complete, plans (n_front texts and the array by cim_alloc, after cim_ana_dataset_front). */
typedef struct cim_ana_dataset {
    size_t n, cap;
    size_t n_params, n_metrics, n_objectives;
    cim_ana_param params[CIM_ANA_MAX_COLUMNS];
    cim_ana_metric metrics_info[CIM_ANA_MAX_COLUMNS];
    cim_ana_objective objectives[CIM_ANA_MAX_COLUMNS];
    uint64_t *id;
    uint8_t *state;
    uint32_t *reason;
    double *points, *metrics;
    char **reasons;
    size_t n_reasons, reasons_cap;
    uint32_t *reason_slots; /* hash table over reasons, size a power of two */
    size_t reason_slots_cap;
    /* attributes */
    char *spec_json; /* resolved spec, owned */
    char seed[24];
    bool complete;
    /* front */
    uint64_t *front; /* rows, ascending */
    size_t n_front;
    uint64_t *history_evaluations;
    double *history_hypervolume;
    size_t n_history;
    bool history_sampled; /* hypervolumes are estimates (large fronts of many objectives) */
    char **plans;         /* n_front JSON texts, or NULL */
    struct cim_arena *owned_words; /* storage behind params[].words of a dataset that was read */
} cim_ana_dataset;

void cim_ana_dataset_init(cim_ana_dataset *d);
void cim_ana_dataset_clear(cim_ana_dataset *d);

/** Append a row.
 *  @param reason   NULL or text (stored once per distinct text, at most 1023 bytes of it)
 *  @param point    n_params values. Data, whatever they are: what a bool or enum column cannot
 *                  hold (a bad expression of an infeasible point) is stored as NAN
 *  @param metrics  n_metrics values, NULL or ignored when state != ok
 *  @return CIM_OK, CIM_E_NOMEM (nothing appended). Amortised O(columns). */
CIM_MUST_CHECK cim_status cim_ana_dataset_add(cim_ana_dataset *d, uint64_t id, cim_ana_state state,
                                              const char *reason, const double *point,
                                              const double *metrics, cim_err *err);
/** Why row i is not ok, "" when it is. Borrowed. */
const char *cim_ana_dataset_reason(const cim_ana_dataset *d, size_t row);

/** Set why a row is not ok. @return CIM_OK, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_ana_dataset_set_reason(cim_ana_dataset *d, size_t row,
                                                     const char *reason);

/** Sort rows by id (they may arrive in any order); duplicates of an id are an internal error. */
CIM_MUST_CHECK cim_status cim_ana_dataset_sort(cim_ana_dataset *d, cim_err *err);

/** Front over d->objectives, history of the hypervolume at about 50 evaluation counts: entry i is
 *  the hypervolume of the front of the rows with id < history_evaluations[i]. Objectives are scaled
 *  to [0,1] by the best and worst feasible value over all rows and the reference point is 1.1 in
 *  each, so it needs nothing but the data. Fronts too large for an exact hypervolume (four and more
 *  objectives, see analysis/README.md) are measured on fixed sample points; history_sampled says so.
 *  Drops plans, which belong to a front. Needs: rows sorted. Cost: seconds for 1e6 rows.
 *  @return CIM_OK, CIM_E_NOMEM, CIM_E_INTERNAL (an objective's column is out of range) */
CIM_MUST_CHECK cim_status cim_ana_dataset_front(cim_ana_dataset *d, cim_err *err);

/** Rows of the front for any objectives, ascending. Only rows that are ok and finite in all
 *  objectives take part; of rows with equal objectives the one with the smallest id stays.
 *  @param[out] rows owned by the caller (cim_free) */
CIM_MUST_CHECK cim_status cim_ana_dataset_front_of(const cim_ana_dataset *d,
                                                   const cim_ana_objective *objectives,
                                                   size_t n_objectives, uint64_t **rows,
                                                   size_t *n_rows, cim_err *err);

/** Column of a metric by name, -1 when unknown; the same for a parameter. */
int cim_ana_dataset_metric(const cim_ana_dataset *d, const char *name);
int cim_ana_dataset_param(const cim_ana_dataset *d, const char *name);

/** Hash of content: schema, spec, rows, front, history, plans. Not times, hosts or versions.
 *  @param[out] hex 33 bytes */
CIM_MUST_CHECK cim_status cim_ana_dataset_digest(const cim_ana_dataset *d, char hex[33],
                                                 cim_err *err);

#endif
