/* The functional simulator: runs an imported network with its weights, every product with constant
 * weights quantised to integers and computed either exactly (the reference) or by the crossbars of
 * an architecture: bit-sliced cells, inputs in phases, converters, shift-and-add.
 *
 * With a converter that loses nothing both give the same numbers bit for bit. Equations and limits:
 * sched/SIMULATORS.md. Start with cim_cc_simulate(). */
#ifndef CIM_SCHED_SIM_H
#define CIM_SCHED_SIM_H

#include "costmodel/cost.h"
#include "hwspace/arch.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"
#include "sched/cycle.h"
#include "sched/model.h"

/** Values of one network input, in C order; borrowed. */
typedef struct cim_cc_sim_input {
    const char *name; /* NULL: the network's only input */
    int rank;
    const int64_t *dims;
    const double *values;
} cim_cc_sim_input;

/** What was measured at one crossbar operator. Ratios are INFINITY when nothing differs and NAN
 *  when there is no signal (or, in a reference run, no crossbars). */
typedef struct cim_cc_sim_op {
    cim_cc_op_id op; /* in the model's graph */
    int64_t rows, cols, groups, products;
    double weight_scale, input_scale;
    double weight_peak_to_rms, input_peak_to_rms; /* of the rounded operands; NAN: all zero */
    bool offset_input; /* inputs may be negative: driven in offset binary */
    double adc_step;   /* 1: lossless */
    double adc_range;  /* column sums above it saturate */
    bool lossless;     /* no sum is rounded or saturates */
    double conversions;
    double sqnr_db;                      /* of its products against the exact integers */
    double sqnr_analytical_db;           /* cim_cost_fidelity_noise(): as `compile` reports it */
    double sqnr_analytical_converter_db; /* of it converters and cells; comparable to sqnr_db */
    double sqnr_analytical_matched_db;   /* the same with the peak-to-rms ratios of these tensors */
} cim_cc_sim_op;

typedef struct cim_cc_sim_output {
    const char *name;
    int rank;
    int64_t dims[CIM_CC_MAX_RANK];
    int64_t elements;
    double *values;
    double sqnr_db; /* against the reference run on the same input */
} cim_cc_sim_output;

/** The result of a run; release with cim_cc_sim_clear(). */
typedef struct cim_cc_sim {
    cim_arena arena; /* owns everything but the outputs' values */
    const cim_cc_model *model;
    const cim_hw_arch *arch; /* borrowed */
    bool reference;
    cim_cc_sim_op *ops;
    uint32_t n_ops;
    cim_cc_sim_output *outputs;
    uint32_t n_outputs;
    double sqnr_analytical_db; /* of the network, as `compile` reports it */
} cim_cc_sim;

/** How a run is made, beside the architecture; all zero: crossbars of ideal cells. */
typedef struct cim_cc_sim_options {
    bool reference;                /* plain integer products, no crossbars */
    const cim_cost_device *device; /* its cells; NULL: no variation */
    uint64_t seed;                 /* of the cells' variation */
    const cim_cc_program *flow;    /* operator by operator as it says; NULL: as the graph says */
} cim_cc_sim_options;

/** Run a network once.
 *  @param model  loaded from a file with weights; borrowed by the result
 *  @param arch   passed cim_hw_arch_consistent; borrowed by the result
 *  @param reference  plain integer products, no crossbars
 *  @param[out] out   unchanged on failure
 *  @return CIM_E_INPUT: weights missing, an operator that is not simulated yet, inputs that do not
 *  fit or are not finite (node and tensor named); CIM_E_NOMEM.
 *  Cost: a few integer operations per MAC (reference); per MAC, slice and phase (crossbars). */
CIM_MUST_CHECK cim_status cim_cc_simulate(const cim_cc_model *model, const cim_hw_arch *arch,
                                          const cim_cc_sim_input *inputs, size_t n_inputs,
                                          bool reference, cim_cc_sim *out, cim_err *err);
/** The same, operator by operator as a meta-operator flow says (sched/flow.h).
 *  @param flow  passed cim_cc_flow_check for this model and architecture; NULL: as above */
CIM_MUST_CHECK cim_status cim_cc_simulate_flow(const cim_cc_model *model, const cim_hw_arch *arch,
                                               const cim_cc_program *flow,
                                               const cim_cc_sim_input *inputs, size_t n_inputs,
                                               bool reference, cim_cc_sim *out, cim_err *err);
/** The same with cells that vary. Every cell deviates by its own amount, drawn from (seed, operator,
 *  place), the same for all products; results depend on nothing else.
 *  @param options  borrowed while it runs */
CIM_MUST_CHECK cim_status cim_cc_simulate_with(const cim_cc_model *model, const cim_hw_arch *arch,
                                               const cim_cc_sim_input *inputs, size_t n_inputs,
                                               const cim_cc_sim_options *options, cim_cc_sim *out,
                                               cim_err *err);
void cim_cc_sim_clear(cim_cc_sim *sim);

/** Whether the model can be simulated functionally at all: every stored tensor has its values.
 *  @return CIM_E_INPUT naming the first that has not */
CIM_MUST_CHECK cim_status cim_cc_sim_weights_check(const cim_cc_model *model, cim_err *err);

/** `simulate --json` and the table a person reads.
 *  @param cycle  the cycle simulation of the same point, written as "cycle"; NULL: none */
void cim_cc_sim_write_json(const cim_cc_sim *sim, const cim_cc_cycle *cycle, cim_jw *w,
                           const char *key);
void cim_cc_sim_write_text(const cim_cc_sim *sim, cim_text *out);

#endif
