/* Orders of rows used by everything in analysis that sorts: stable, so ties keep ascending index,
 * which is what makes fronts, ranks and tables deterministic. -0.0 equals 0.0. */
#ifndef CIM_ANALYSIS_ORDER_H
#define CIM_ANALYSIS_ORDER_H

#include "hwspace/base/status.h"

#include <stddef.h>
#include <stdint.h>

/** Ascending order of n values that lie `stride` apart; ties by index. Finite values.
 *  @param[out] order  n indices
 *  @return CIM_OK, CIM_E_NOMEM, CIM_E_INPUT (n above 2^32 - 1). Cost O(n) radix passes. */
CIM_MUST_CHECK cim_status cim_ana_order(const double *values, size_t n, size_t stride,
                                        uint32_t *order, cim_err *err);

/** Lexicographic order of the rows of an n x m array; equal rows by index. */
CIM_MUST_CHECK cim_status cim_ana_order_lex(const double *points, size_t n, size_t m,
                                            uint32_t *order, cim_err *err);

#endif
