/* A dataset in memory: every evaluated point of a run, columns by parameter and metric. What
 * results.h5 holds, what CSV exports, what plots draw. The search fills one, analysis/store.h
 * writes and reads it. */
#ifndef CIM_ANALYSIS_DATASET_H
#define CIM_ANALYSIS_DATASET_H

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
 *  where state != ok. `reason` indexes `reasons` (0 = none). */
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
    /* attributes */
    char *spec_json;   /* resolved spec, owned */
    char seed[24];
    bool complete;
    /* front */
    uint64_t *front;   /* rows, ascending */
    size_t n_front;
    uint64_t *history_evaluations;
    double *history_hypervolume;
    size_t n_history;
    char **plans;      /* n_front JSON texts, or NULL */
    void *owned_words; /* storage behind params[].words of a dataset that was read */
} cim_ana_dataset;

void cim_ana_dataset_init(cim_ana_dataset *d);
void cim_ana_dataset_clear(cim_ana_dataset *d);

/** Append a row. @param reason NULL or text (stored once per distinct text) */
CIM_MUST_CHECK cim_status cim_ana_dataset_add(cim_ana_dataset *d, uint64_t id, cim_ana_state state,
                                              const char *reason, const double *point,
                                              const double *metrics, cim_err *err);
/** Sort rows by id (they may arrive in any order); duplicates of an id are an internal error. */
CIM_MUST_CHECK cim_status cim_ana_dataset_sort(cim_ana_dataset *d, cim_err *err);

/** Front over d->objectives, history of the hypervolume at about 50 evaluation counts. The
 *  reference point is the worst feasible value of each objective (over all rows) scaled by 1.1 of
 *  its range, objectives normalised to [0,1] first, so it needs nothing but the data. */
CIM_MUST_CHECK cim_status cim_ana_dataset_front(cim_ana_dataset *d, cim_err *err);

/** Rows of the front for any objectives. @param[out] rows owned by the caller (cim_free) */
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
