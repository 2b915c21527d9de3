/* Where to look next? Strategies behind one ask/tell table.
 *
 * The contract, checked by one conformance suite over every registered strategy: points are in
 * bounds; no point is asked twice (duplicates are answered from memory by the driver); the same
 * seed asks the same points; what is asked depends only on what was told, in order of id, so the
 * number of ranks and the order of arrival cannot matter; a space of infeasible points is
 * survived. Resuming replays the log of results through ask/tell, so strategies keep no file
 * state. */
#ifndef CIM_SEARCH_STRATEGY_H
#define CIM_SEARCH_STRATEGY_H

#include "search/evaluate.h"
#include "search/spec.h"

typedef struct cim_search_strategy cim_search_strategy; /* private to the strategy */

typedef struct cim_search_strategy_ops {
    const char *name;
    const char *doc;
    /** Check the options of the spec's strategy object (unknown key: error) and whether the
     *  strategy can work on its space; with a writer, write them instead, defaults filled in.
     *  @param w NULL: check only */
    cim_status (*options)(const cim_search_spec *spec, cim_jw *w, cim_err *err);
    /** @param spec borrowed for the strategy's life, passed options() */
    cim_status (*create)(const cim_search_spec *spec, cim_search_strategy **out, cim_err *err);
    /** Up to `max` points, row-major max x n_params, expressions not yet resolved.
     *  @return how many; 0 = finished. A generational strategy returns what is left of its
     *  generation; all asked points are told before the next generation is asked. */
    size_t (*ask)(cim_search_strategy *s, size_t max, double *points);
    /** Results of all points of the last ask, in the order asked. */
    cim_status (*tell)(cim_search_strategy *s, const double *points,
                       const cim_search_result *results, size_t n, cim_err *err);
    void (*destroy)(cim_search_strategy *s);
} cim_search_strategy_ops;

/** Registered strategies, NULL-terminated. */
extern const cim_search_strategy_ops *const cim_search_strategies[];
const cim_search_strategy_ops *cim_search_strategy_find(const char *name);

#endif
