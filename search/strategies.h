/* What strategy implementations share: the registry's entries and the reading of options.
 * Internal to search/. */
#ifndef CIM_SEARCH_STRATEGIES_H
#define CIM_SEARCH_STRATEGIES_H

#include "search/strategy.h"

extern const cim_search_strategy_ops cim_search_strategy_grid;
extern const cim_search_strategy_ops cim_search_strategy_random;
extern const cim_search_strategy_ops cim_search_strategy_sobol;
extern const cim_search_strategy_ops cim_search_strategy_lhs;
extern const cim_search_strategy_ops cim_search_strategy_halton;
extern const cim_search_strategy_ops cim_search_strategy_nsga2;

/** The strategy object of the spec has no keys but "name", "seed" and these.
 *  @param keys  at most 14 */
CIM_MUST_CHECK cim_status cim_search_options_check(const cim_search_spec *spec,
                                                   const char *const *keys, size_t n, cim_err *err);
/** A number or an integer of the strategy object; *out stays as it is when the key is absent.
 *  For a number "auto" is allowed where *out is NAN. */
CIM_MUST_CHECK cim_status cim_search_option_double(const cim_search_spec *spec, const char *key,
                                                   double min, double max, double *out,
                                                   cim_err *err);
CIM_MUST_CHECK cim_status cim_search_option_int(const cim_search_spec *spec, const char *key,
                                                int64_t min, int64_t max, int64_t *out,
                                                cim_err *err);
/** Report something wrong with the strategy. @return CIM_E_INPUT */
cim_status cim_search_options_error(const cim_search_spec *spec, cim_err *err, const char *message);

#endif
