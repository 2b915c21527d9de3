/* What the files of the analytical SQNR share: sqnr_operand.c (operands and their digits),
 * sqnr_convert.c (one conversion), sqnr.c (an operator). Private to costmodel. */
#ifndef CIM_COSTMODEL_SQNR_H
#define CIM_COSTMODEL_SQNR_H

#include "costmodel/fidelity.h"

/** Statistics of an operand of so many bits, 1..16, cut into digits of `width` bits.
 *  @param peak_to_rms  of the real values; 0: uniformly distributed
 *  @param is_signed  symmetric around 0 and stored with an offset of 2^(bits-1); else the positive
 *  half of such a distribution, zero in place of the other half */
void cost_operand_init(cim_cost_operand *o, double bits, double width, double peak_to_rms,
                       bool is_signed);
/** Signed weights as magnitudes, a column for either sign: digits are those of max(q, 0). */
void cost_magnitudes_init(cim_cost_operand *o, double bits, double width, double peak_to_rms);

/** Column sums of one row group, one phase and one slice: integers of a normal distribution, with
 *  probability `idle` 0 besides, plus normal analog noise. */
typedef struct cost_sums {
    double mean, deviation, idle;
    double noise; /* standard deviation */
} cost_sums;

/** What a converter adds to them: e = step * code - sum. */
typedef struct cost_error {
    double square, mean;
    double gain;  /* share of the analog noise that e follows: E[e noise] / E[noise^2] */
    double slope; /* how e goes with the sum: Cov(e, sum) / Var(sum) */
} cost_error;

/** @param step  >= 1  @param range  sums above saturate; INFINITY: none does */
void cost_convert(const cost_sums *s, double step, double range, cost_error *out);
/** Probability that a sum exceeds x. */
double cost_sums_above(const cost_sums *s, double x);

#endif
