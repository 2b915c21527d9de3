/* How much of a product survives a crossbar: the analytical signal to noise ratio of one operator.
 *
 * cim_cost_fidelity_init() once per design point turns precisions, operand statistics and the
 * device's spread into the statistics of digits; cim_cost_fidelity_noise() per operator adds up what
 * rounding the operands, converting the column sums and the cells' variation do to its products.
 * Equations, sources, measured agreement and where it does not hold: costmodel/SQNR.md. */
#ifndef CIM_COSTMODEL_FIDELITY_H
#define CIM_COSTMODEL_FIDELITY_H

#include "costmodel/cost.h"

enum { CIM_COST_MAX_DIGITS = 16 };

/** An operand cut into digits, lowest first: of inputs a digit per phase, of weights one per cell. */
typedef struct cim_cost_digits {
    int n;
    double place[CIM_COST_MAX_DIGITS];  /* what one unit of the digit counts */
    double mean[CIM_COST_MAX_DIGITS];   /* expected digit */
    double square[CIM_COST_MAX_DIGITS]; /* expected square */
    double zero[CIM_COST_MAX_DIGITS];   /* probability of the digit 0 */
} cim_cost_digits;

/** An operand in units of its quantisation step: x real, q rounded, u = q + offset what is stored. */
typedef struct cim_cost_operand {
    double real, quantised, mixed; /* E[x^2], E[q^2], E[q x] */
    double stored;                 /* E[u^2] */
    cim_cost_digits digits;        /* of u */
} cim_cost_operand;

/** Everything the noise of a chip's operators depends on; plain data. */
typedef struct cim_cost_fidelity {
    cim_hw_arch arch;
    double cell_sigma;                 /* relative standard deviation of a cell's conductance */
    double cell_floor;                 /* conductance of the lowest level, in levels */
    cim_cost_operand weight, input[2]; /* input: known to be >= 0, of either sign */
    /* The last conversion asked for: operators of one network share few. */
    double rows;
    int is_signed;
    double range;
    double converted, spread; /* per row group: variance of the error, the cells' share of it */
    double bias;              /* its mean, which adds up over row groups */
} cim_cost_fidelity;

/** Mean squares in units of (input step x weight step)^2, of one product. */
typedef struct cim_cost_noise {
    double signal;    /* exact product of the real operands (its mean is zero) */
    double quantised; /* exact product of the rounded operands: what integers compare with */
    double operands;  /* error of rounding the operands */
    double converter; /* error of the conversions: rounding and saturation */
    double variation; /* error of the cells' conductances */
    double db;        /* 10 log10(signal / (operands + converter + variation)) */
    double analog_db; /* 10 log10(quantised / (converter + variation)); INFINITY: exact */
    double range;     /* largest column sum the converter represents */
    double step;      /* of the converter, in the same units; 1 loses nothing below `range` */
} cim_cost_noise;

/** Prepare for one chip.
 *  @param arch  precisions, converter, workload.data and its ratios, device.variation; copied
 *  @param device  its cells
 *  Cost: about 200 evaluations of erf. */
void cim_cost_fidelity_init(cim_cost_fidelity *f, const cim_hw_arch *arch,
                            const cim_cost_device *device);

/** Noise of one operator.
 *  @param n  rows of its matrix, >= 1
 *  @param signed_input  inputs may be negative and are driven in offset binary
 *  @param[in,out] f  remembers the last conversion; results do not depend on it
 *  @param[out] out  finite but for analog_db
 *  Cost: nothing for the rows and sign asked for last, else up to phases x slices sums. */
void cim_cost_fidelity_noise(cim_cost_fidelity *f, double n, bool signed_input,
                             cim_cost_noise *out);

/** SQNR of a product of length n on a chip [dB], signed inputs: `arch show`'s figure. */
double cim_cost_sqnr_db(const cim_hw_arch *arch, const cim_cost_device *device, double n);

#endif
