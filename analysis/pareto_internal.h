/* Shared by the files behind analysis/pareto.h. */
#ifndef CIM_ANALYSIS_PARETO_INTERNAL_H
#define CIM_ANALYSIS_PARETO_INTERNAL_H

#include "analysis/pareto.h"

/** Nondominated sorting of rows in lexicographic order.
 *  @param cap  ranks from cap on are not told apart (1: only whether a row is on the front)
 *  @param[out] rank  by row, not by position in `order` */
CIM_MUST_CHECK cim_status cim_ana_rank_ordered(const double *points, size_t n, size_t m,
                                               const uint32_t *order, uint32_t cap, uint32_t *rank,
                                               cim_err *err);

#endif
