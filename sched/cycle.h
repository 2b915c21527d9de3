/* The cycle simulator: runs a compiled point product by product against the chip's resources.
 *
 * Where the analytical model (pipeline, power) computes with rates, this is a discrete-event
 * simulation: every product of every copy asks for the off-chip link, the global buffer's bus, the
 * links, buses and ALUs of its cores and its crossbars one after another, and waits in line where
 * others are served first. It gives cycles, utilisation and the power over time, and is the check of
 * the analytical model. Semantics: sched/SIMULATORS.md. Start with cim_cc_cycle_run(). */
#ifndef CIM_SCHED_CYCLE_H
#define CIM_SCHED_CYCLE_H

#include "sched/flow.h"
#include "sched/plan.h"

/* Resource classes that utilisation is reported for. */
typedef enum cim_cc_resource {
    CIM_CC_RES_CROSSBAR, /* crossbars of the chip */
    CIM_CC_RES_ADC,      /* their converters */
    CIM_CC_RES_L1,       /* buses of the cores' buffers */
    CIM_CC_RES_L0,       /* the global buffer's bus */
    CIM_CC_RES_NOC,      /* a link into and one out of every core */
    CIM_CC_RES_CORE_ALU, /* accumulations on the cores' ALUs */
    CIM_CC_RES_CHIP_ALU, /* digital operators on the pool of all ALUs */
    CIM_CC_RES_OFFCHIP,
    CIM_CC_N_RESOURCES
} cim_cc_resource;
extern const char *const cim_cc_resource_names[CIM_CC_N_RESOURCES];

typedef struct cim_cc_cycle_options {
    int64_t max_inferences; /* of a batch, simulated one by one in a pipeline; 0: 16 */
    int64_t max_products;   /* of one segment, above it fewer inferences (at least 2); 0: 4e6 */
    double window_ns;       /* that peak power is a mean over; 0: one activation of a crossbar */
    uint32_t curve_points;  /* of the power curve; 0: 4096 */
    bool slices;            /* keep what the trace shows of every operator */
} cim_cc_cycle_options;

/** One operator in one segment (an operator in parts has one in each of several). Times in ns from the
 *  start of the run; of the first inference. */
typedef struct cim_cc_cycle_op {
    cim_cc_op_id op;
    uint32_t segment;
    double start_ns, end_ns;
    double busy_ns; /* some resource works for it, all simulated inferences */
    int64_t products, copies;
} cim_cc_cycle_op;

/** A stretch of time in which an operator was active; gaps below the trace's resolution are closed. */
typedef struct cim_cc_cycle_slice {
    uint32_t who; /* index into ops; UINT32_MAX: a reload */
    uint32_t segment;
    double from_ns, to_ns;
} cim_cc_cycle_slice;

/** The mean over one interval of the run. */
typedef struct cim_cc_cycle_point {
    double mw;                       /* leakage included */
    double busy[CIM_CC_N_RESOURCES]; /* fraction of the class */
} cim_cc_cycle_point;

/** The result of a run; release with cim_cc_cycle_clear(). Times in ns, powers in mW, energies pJ. */
typedef struct cim_cc_cycle {
    const cim_cc_plan *plan;  /* borrowed */
    double latency_ns;        /* of the batch */
    double interval_ns;       /* between inferences; of several segments latency / batch */
    double simulated_ns;      /* end of what was simulated; below latency_ns when extrapolated */
    int64_t batch, simulated; /* inferences; of the segment with the fewest */
    double energy_pj[CIM_COST_N_KINDS], energy_total_pj; /* of the batch */
    double traced_pj; /* integral of the trace up to simulated_ns, leakage included */
    /* peak power: the largest mean over a window as long as one activation of a crossbar */
    double window_ns;
    double peak_mw[CIM_COST_N_KINDS], peak_total_mw;
    double peak_at_ns;                /* start of that window */
    double instant_mw, instant_at_ns; /* the largest power of all moments */
    double utilization[CIM_CC_N_RESOURCES];
    cim_cc_cycle_op *ops;
    uint32_t n_ops;
    double point_ns; /* length of an interval of the curve */
    cim_cc_cycle_point *curve;
    uint32_t n_curve;
    cim_cc_cycle_slice *slices; /* ascending by start */
    size_t n_slices;
    uint64_t n_events; /* handled by the simulator */
} cim_cc_cycle;

/** Simulate a compiled point.
 *  @param plan  feasible; borrowed by the result
 *  @param flow  what to run: a checked flow of the plan's network and chip; NULL: the plan's own.
 *               Borrowed for the call
 *  @param options  NULL: defaults
 *  @param[out] out  unchanged on failure
 *  @return CIM_E_INPUT: a schedule that cannot run (a product that reads rows that do not exist, a
 *  wait that never ends), naming operator and row; CIM_E_NOMEM.
 *  Cost: some events per product and inference, each O(log operators and copies). */
CIM_MUST_CHECK cim_status cim_cc_cycle_run(const cim_cc_plan *plan, const cim_cc_program *flow,
                                           const cim_cc_cycle_options *options, cim_cc_cycle *out,
                                           cim_err *err);
void cim_cc_cycle_clear(cim_cc_cycle *c);

/** `simulate --json` and what a person reads: beside every number what the plan says. */
void cim_cc_cycle_write_json(const cim_cc_cycle *c, cim_jw *w, const char *key);
void cim_cc_cycle_write_text(const cim_cc_cycle *c, cim_text *out);
/** The trace in Chrome's format (chrome://tracing, ui.perfetto.dev): a track per operator, counters
 *  of resource classes and power. Needs a run with options.slices. At most about 50 MB. */
void cim_cc_cycle_write_trace(const cim_cc_cycle *c, cim_text *out);
/** The power curve: time_s,power_w; mean power from each time to the next. */
void cim_cc_cycle_write_power(const cim_cc_cycle *c, cim_text *out);

#endif
