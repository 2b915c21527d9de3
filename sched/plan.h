/* The compiler's result for one network on one chip, and the driver that produces it.
 *
 *   cim_cc_prepare()  once per network: what no design point changes (duplication breakpoints, ...)
 *   cim_cc_compile()  per design point: passes map > segment > duplicate > pipeline > count,
 *                     in an arena, no malloc after the first calls.
 * An impossible point is data: plan.feasible = false with a reason. */
#ifndef CIM_SCHED_PLAN_H
#define CIM_SCHED_PLAN_H

#include "costmodel/explain.h"
#include "hwspace/arch.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"
#include "sched/graph.h"

typedef struct cim_cc_prepared cim_cc_prepared;

/** @param graph borrowed, must outlive the result @return owned by the caller */
CIM_MUST_CHECK cim_status cim_cc_prepare(const cim_cc_graph *graph, cim_cc_prepared **out,
                                         cim_err *err);
void cim_cc_prepared_destroy(cim_cc_prepared *p);
const cim_cc_graph *cim_cc_prepared_graph(const cim_cc_prepared *p);

/** Metrics of a design point, in the order of cim_cc_metric_names. SI units, area in mm2. */
typedef enum cim_cc_metric {
    CIM_M_LATENCY_S,
    CIM_M_THROUGHPUT_IPS,
    CIM_M_ENERGY_J,
    CIM_M_AVG_POWER_W,
    CIM_M_PEAK_POWER_W,
    CIM_M_AREA_MM2,
    CIM_M_EDP_JS,
    CIM_M_SQNR_DB,
    CIM_M_UTILIZATION,
    CIM_M_TOPS,
    CIM_M_TOPS_PER_W,
    CIM_M_TOPS_PER_MM2,
    CIM_M_LIFETIME_INFERENCES, /* until the most-written cells wear out; at most CIM_CC_LIFETIME_MAX */
    CIM_CC_N_METRICS
} cim_cc_metric;
extern const char *const cim_cc_metric_names[CIM_CC_N_METRICS];
extern const char *const cim_cc_metric_units[CIM_CC_N_METRICS];
/** Whether smaller is the natural direction ("min" when a user lists a metric without one). */
bool cim_cc_metric_minimised(cim_cc_metric m);

/** What stands for "forever": 10^9 inferences per second for thirty years. */
#define CIM_CC_LIFETIME_MAX 1e18

enum { CIM_CC_REASON = 192 };

/** Only what the search needs from a point. */
typedef struct cim_cc_result {
    bool feasible;
    char reason[CIM_CC_REASON]; /* why not; names operator and resource */
    double metrics[CIM_CC_N_METRICS];
} cim_cc_result;

typedef struct cim_cc_plan
    cim_cc_plan; /* full detail, lives in the arena (sched/plan_internal.h) */

/** Compile and price one point.
 *  @param arch   passed cim_hw_arch_consistent
 *  @param chip   priced from arch
 *  @param ar     the plan lives here; reset it between candidates
 *  @param[out] plan  may be NULL when only the result is wanted
 *  @return CIM_OK (also for infeasible points), CIM_E_NOMEM. Complexity per pass: README.md. */
CIM_MUST_CHECK cim_status cim_cc_compile(const cim_cc_prepared *prepared, const cim_hw_arch *arch,
                                         const cim_cost_chip *chip, cim_arena *ar,
                                         cim_cc_result *result, const cim_cc_plan **plan,
                                         cim_err *err);

/** The same, and also how far from optimal a pipelined segment's latency may be (a few milliseconds
 *  more); metrics and copies are identical. */
CIM_MUST_CHECK cim_status cim_cc_compile_bounded(const cim_cc_prepared *prepared,
                                                 const cim_hw_arch *arch, const cim_cost_chip *chip,
                                                 cim_arena *ar, cim_cc_result *result,
                                                 const cim_cc_plan **plan, cim_err *err);

/** Groups of a grouped operator (matrices of rows x cols) that share a crossbar, block-diagonally: as
 *  many as fit side by side and one below the other; 1 when none do or schedule.packing is off. */
int64_t cim_cc_packed_groups(const cim_hw_arch *arch, int64_t rows, int64_t cols, int64_t groups);

/** The graph that was compiled: the network's, or the one with products of two activations on
 *  crossbars; lives as long as the prepared network. */
const cim_cc_graph *cim_cc_plan_graph(const cim_cc_plan *plan);
/** A metric by its name. @return CIM_E_INPUT naming all of them */
CIM_MUST_CHECK cim_status cim_cc_metric_find(const char *name, cim_cc_metric *out, cim_err *err);
/** Where a metric of a feasible plan comes from; the lines make it up exactly.
 *  @param from  traced for the plan's architecture  @param ar  owns the lines */
CIM_MUST_CHECK cim_status cim_cc_explain(const cim_cc_plan *plan, const cim_cost_provenance *from,
                                         cim_cc_metric metric, cim_arena *ar,
                                         cim_cost_explanation *out, cim_err *err);

/** `compile --json` and the table a person reads. @param detail also candidates and budgets */
void cim_cc_plan_write_json(const cim_cc_plan *plan, bool detail, cim_jw *w, const char *key);
void cim_cc_plan_write_text(const cim_cc_plan *plan, bool detail, cim_text *out);

#endif
