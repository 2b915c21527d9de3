/* Metrics of several networks on one chip as the metrics of a design point. */
#ifndef CIM_SEARCH_AGGREGATE_H
#define CIM_SEARCH_AGGREGATE_H

#include "search/spec.h"

/** Combine the metrics of n networks (n x CIM_CC_N_METRICS, all finite but perhaps sqnr_db).
 *  One network, or CIM_AGGREGATE_SEPARATE: copied. The rules per metric are in README.md.
 *  @param[out] out  CIM_CC_N_METRICS values, n times as many when separate */
void cim_search_aggregate_metrics(cim_search_aggregate how, const double *metrics, size_t n,
                                  double *out);

#endif
