/* The job specification: networks, base architecture, parameter space, constraints, objectives,
 * strategy, budget. Read from JSON with strict checking; everything wrong is CIM_E_INPUT with the
 * JSON pointer. The resolved spec (all defaults written out) is what results carry. */
#ifndef CIM_SEARCH_SPEC_H
#define CIM_SEARCH_SPEC_H

#include "analysis/dataset.h"
#include "hwspace/arch.h"
#include "hwspace/base/json.h"
#include "hwspace/base/text.h"
#include "hwspace/space.h"
#include "sched/plan.h"

enum { CIM_SPEC_FORMAT_VERSION = 1, CIM_SPEC_MAX_MODELS = 16, CIM_SPEC_MAX_OBJECTIVES = 16 };

typedef enum cim_search_aggregate {
    CIM_AGGREGATE_SUM, /* of additive metrics (latency, energy); see search/README.md for others */
    CIM_AGGREGATE_MAX,
    CIM_AGGREGATE_MEAN,
    CIM_AGGREGATE_SEPARATE /* metric names get a suffix ":MODEL" */
} cim_search_aggregate;

typedef struct cim_search_spec {
    char name[128];
    size_t n_models;
    char *models[CIM_SPEC_MAX_MODELS]; /* built-in names or paths that can be opened, owned */
    char model_names[CIM_SPEC_MAX_MODELS][64];   /* built-in name, or file name without .onnx */
    char model_digests[CIM_SPEC_MAX_MODELS][33]; /* of a file's bytes; "" for a built-in one */
    cim_search_aggregate aggregate;
    char *library;           /* path of a user's component library, owned; NULL: built-in only */
    char library_digest[33]; /* of its bytes */
    cim_hw_arch arch;        /* base architecture, owned */
    cim_hw_space *space;
    size_t n_metrics; /* columns a point has (more than CIM_CC_N_METRICS when separate) */
    char metric_names[CIM_ANA_MAX_COLUMNS][CIM_ANA_NAME];
    size_t n_objectives;
    cim_ana_objective objectives[CIM_SPEC_MAX_OBJECTIVES];
    char strategy[32];
    uint64_t seed;
    cim_json *doc;                         /* the document it was read from, owned */
    const cim_json_node *strategy_options; /* object in doc, or NULL */
    uint64_t evaluations;                  /* budget; 0: as many as the strategy has (grid) */
    double seconds;                        /* wall time; INFINITY: none */
} cim_search_spec;

typedef struct cim_search_overrides {
    const char *seed;     /* NULL: as in the spec */
    uint64_t evaluations; /* 0: as in the spec */
    double seconds;       /* <= 0: as in the spec */
} cim_search_overrides;

CIM_MUST_CHECK cim_status cim_search_spec_load(const char *path,
                                               const cim_search_overrides *overrides,
                                               cim_search_spec *spec, cim_err *err);
CIM_MUST_CHECK cim_status cim_search_spec_parse(const char *text, size_t size, const char *name,
                                                const cim_search_overrides *overrides,
                                                cim_search_spec *spec, cim_err *err);
void cim_search_spec_clear(cim_search_spec *spec);

/** The resolved spec as JSON.
 *  with_budget = true: everything, paths of networks absolute; reading it again gives the same run
 *  wherever it is read from. with_budget = false: what results carry and digests cover: no wall
 *  time, networks from files by name and digest, so that it does not depend on places. */
void cim_search_spec_write(const cim_search_spec *spec, bool with_budget, cim_text *out);

/** Digest of what decides which points are evaluated and what they give: the resolved spec without
 *  its budget (except the number of points of lhs, whose design depends on it).
 *  @param[out] hex 33 bytes @return CIM_OK, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_search_spec_identity(const cim_search_spec *spec, char hex[33],
                                                   cim_err *err);

#endif
