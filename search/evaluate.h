/* One evaluation: pure, deterministic, MPI-free.
 *
 * An evaluator holds what is shared by all points (prepared networks, component library) and the
 * scratch of one worker (arena). Evaluating allocates nothing once warm. */
#ifndef CIM_SEARCH_EVALUATE_H
#define CIM_SEARCH_EVALUATE_H

#include "analysis/dataset.h"
#include "search/spec.h"

/** Result of a point: fixed size, plain data, goes over the wire and into checkpoints. */
typedef struct cim_search_result {
    uint64_t id;
    uint32_t state; /* cim_ana_state */
    uint32_t reserved;
    char reason[CIM_CC_REASON];
    double violation; /* 0 when feasible; else how far the constraints are from holding */
    double metrics[CIM_ANA_MAX_COLUMNS]; /* n_metrics of the spec used */
} cim_search_result;

typedef struct cim_search_evaluator cim_search_evaluator;

/** Loads and prepares the networks and the component library. @param spec borrowed */
CIM_MUST_CHECK cim_status cim_search_evaluator_create(const cim_search_spec *spec,
                                                      cim_search_evaluator **out, cim_err *err);
void cim_search_evaluator_destroy(cim_search_evaluator *ev);

/** Evaluate one point: resolve expressions, constraints on parameters, consistency, price,
 *  compile on every network, aggregate, constraints on metrics.
 *  @param point   n_params values; expression parameters are filled in
 *  @param[out] r  all of it written */
void cim_search_evaluate(cim_search_evaluator *ev, double *point, uint64_t id,
                         cim_search_result *r);

/** `compile --json` text of a point for /pareto/plans (an array when there are several networks).
 *  @param[out] json owned by the caller */
CIM_MUST_CHECK cim_status cim_search_plan_json(cim_search_evaluator *ev, const double *point,
                                               char **json, cim_err *err);

#endif
