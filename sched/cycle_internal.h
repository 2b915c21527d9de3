/* What the parts of the cycle simulator share.
 *
 *   cycle_build   a segment of the flow -> cim_cc_cycle_segment: operators, copies on cores, waits
 *   cycle_price   what its legs take and draw
 *   cycle_engine  runs it: an event heap over first-come-first-served resources
 *   cycle_meter   what is drawn when: exact peak, energy, utilisation, curve, slices
 *   cycle         all segments one after another
 *   cycle_write   reports
 *
 * Times in ns, energies in pJ, powers in mW. */
#ifndef CIM_SCHED_CYCLE_INTERNAL_H
#define CIM_SCHED_CYCLE_INTERNAL_H

#include "sched/cycle.h"
#include "sched/flow.h"
#include "sched/plan_internal.h"

/** A leg of one operator. */
typedef struct cim_cc_cycle_leg {
    double ns;                      /* of one product on all its cores; 0: takes no time */
    double pj;                      /* of one product */
    double share[CIM_COST_N_KINDS]; /* of pj, by kind; sums to 1 where pj > 0 */
} cim_cc_cycle_leg;

/* Core resources: one of each per core. */
enum { CIM_CC_CORE_NOC_IN, CIM_CC_CORE_L1, CIM_CC_CORE_ALU, CIM_CC_CORE_NOC_OUT, CIM_CC_N_CORE };

/** Cores that a copy's crossbars lie on alike: one core, or several that are all its own. */
typedef struct cim_cc_cycle_part {
    uint32_t core;        /* the first */
    uint32_t count;       /* cores */
    int64_t tiles;        /* of the copy, in each */
    double in, out, adds; /* elements that travel and additions of one product, of each core */
    double ns[CIM_CC_N_CORE];
} cim_cc_cycle_part;

/** One copy of an operator: a lane that products take one after another. */
typedef struct cim_cc_cycle_lane {
    uint32_t first_part, n_parts;
    bool shared;       /* some core has crossbars of others too */
    uint8_t room;      /* products that may still enter before the next one starts its main leg */
    uint8_t in_flight; /* products in it whose sums the core's ALU is not done with */
    int64_t next;      /* product, counted over all inferences; -1: none left */
    double free_ns;
} cim_cc_cycle_lane;

/** An operator block of the flow. Products of a digital operator are its steps; in a staggered flow one that
 *  works element by element takes a row's parts as they come, several products a step. */
typedef struct cim_cc_cycle_node {
    cim_cc_op_id op;
    const char *name;
    int64_t rows;               /* of the output, of all images */
    int64_t products;           /* per inference */
    int64_t parts;              /* products of one step; of crossbar operators 1 */
    int64_t copies, crossbars;  /* per copy */
    double moved_in, moved_out; /* elements over the network, one product */
    double adds;                /* on core ALUs, one product */
    int64_t row_groups;
    cim_cc_cycle_leg leg[CIM_CC_N_LEGS];
    cim_cc_leg main;   /* the leg whose start lets the next product enter */
    double collect_ns; /* between the crossbars' last step and the accumulation */
    uint32_t first_lane;
    /* an operand that is written before an inference's first product, on every copy */
    double operand_ns, operand_pj; /* of one copy */
    double operand_share[CIM_COST_N_KINDS];
    bool together; /* no row is done before all products are */
    /* what it waits for: items at the head of its block, then of the loop over its products */
    uint32_t head, outer; /* first item; the item that has the loop, or is it */
    uint32_t loop;
    uint16_t copy_var; /* place of the copy's number in the frame; UINT16_MAX: none */
    uint32_t first_reader, n_readers; /* into cim_cc_cycle_segment.readers */
    /* state */
    int64_t total;      /* products of all inferences */
    int64_t ready;      /* products [0, ready) have what they wait for */
    int64_t done;       /* products [0, done) are finished */
    int64_t wake_at;    /* value of done that a reader waits for, INT64_MAX: nobody */
    uint64_t *finished; /* a bit per product */
    int64_t started;
    double start_ns, end_ns; /* of the first inference */
} cim_cc_cycle_node;

/** What is the same for all segments of a run. */
typedef struct cim_cc_cycle_source {
    const cim_cc_plan *plan;
    const cim_cc_program *flow;
    uint32_t *node_of;   /* per operator: its node in the segment being run, UINT32_MAX: none */
    uint32_t *parts_run; /* per operator: parts that earlier segments have run */
    cim_cc_cycle_part *parts; /* storage, grown as needed */
    size_t n_parts, cap_parts;
    uint32_t *owner; /* per core: the lane that uses it, while building */
} cim_cc_cycle_source;

/** One segment, ready to run. */
typedef struct cim_cc_cycle_segment {
    cim_cc_cycle_source *source;
    uint32_t index;
    bool pipelined;
    cim_cc_cycle_node *nodes;
    uint32_t n_nodes;
    cim_cc_cycle_lane *lanes;
    uint32_t n_lanes;
    uint32_t *readers;
    int64_t inferences;
} cim_cc_cycle_segment;

/** Programming a segment's crossbars. */
typedef struct cim_cc_cycle_reload {
    double ns;
    double write_pj, offchip_pj;
    double offchip_ns; /* that the link is busy */
} cim_cc_cycle_reload;

/** Build a segment for a number of inferences. Lives in `ar` and in the source's storage, until the next
 *  one is built.
 *  @return CIM_E_INPUT: a block that is not a loop of products over copies (line named), CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_cc_cycle_build(cim_cc_cycle_source *source, uint32_t segment,
                                             int64_t inferences, cim_arena *ar,
                                             cim_cc_cycle_segment *out, cim_err *err);
/** What programming a segment takes; nothing when there is only one, whose weights stay. */
void cim_cc_cycle_reload_of(const cim_cc_cycle_source *source, uint32_t segment,
                            cim_cc_cycle_reload *out);
/** Times and energies of a node's legs, from its transfers, additions and row groups. */
void cim_cc_cycle_price(const cim_cc_cycle_source *source, const cim_cc_flow_op *block,
                        cim_cc_cycle_segment *s, cim_cc_cycle_node *n);
/** Energy of what takes no time to what does, then shares by kind; after all nodes are priced. */
void cim_cc_cycle_price_rest(cim_cc_cycle_segment *s, uint32_t *scratch);

/* ---- waits ------------------------------------------------------------------------------------ */

/** The output row (0-based, of the inference) that product p (of the inference) belongs to; the last one
 *  when it gives several. */
int64_t cim_cc_cycle_row(const cim_cc_cycle_node *n, int64_t p);
/** A wait of product p as the flow says: products of a node of this segment.
 *  @param[in,out] item  0: the first; the item to look at next, CIM_CC_NO_ITEM at the end
 *  @param[out] producer  node, UINT32_MAX: not in this segment
 *  @param[out] op        the operator waited for
 *  @param[out] need      products of the producer that must be finished, all inferences counted
 *  @return false: no more */
bool cim_cc_cycle_wait_next(const cim_cc_cycle_segment *s, const cim_cc_cycle_node *n, int64_t p,
                            int64_t *frame, uint32_t *item, uint32_t *producer, cim_cc_op_id *op,
                            int64_t *need);
/** The same from the network itself: products that edge k's producer must have finished. */
int64_t cim_cc_cycle_edge_need(const cim_cc_cycle_segment *s, const cim_cc_cycle_node *n,
                               const cim_cc_cycle_node *from, const cim_cc_edge *e, int64_t p);

/* ---- meter ---------------------------------------------------------------------------------- */

/** Something begins or ends to draw power. */
typedef struct cim_cc_cycle_edge {
    double at_ns, mw; /* signed */
    double units;     /* of the resource class, signed */
    uint32_t who;     /* node of the segment; UINT32_MAX: a reload */
    uint32_t leg;
} cim_cc_cycle_edge;

/** How an operator's activity is followed for the trace. */
typedef struct cim_cc_cycle_track {
    int64_t active;
    double from_ns, to_ns, since_ns; /* the slice being grown; since the last became active */
    bool open;
    double busy_ns;
} cim_cc_cycle_track;

/** A stretch of constant power, and the energy by kind before it. */
typedef struct cim_cc_cycle_piece {
    double from_ns, to_ns, mw;
    double before_pj[CIM_COST_N_KINDS];
} cim_cc_cycle_piece;

/** The mean over the window that ends now: pieces in it, oldest first, in a ring. */
typedef struct cim_cc_cycle_window {
    double length_ns, pj;
    cim_cc_cycle_piece *ring;
    size_t head, n, cap;
    double peak_mw[CIM_COST_N_KINDS], peak_total_mw, peak_at_ns; /* without leakage */
} cim_cc_cycle_window;

typedef struct cim_cc_cycle_meter {
    const cim_cc_plan *plan;
    const cim_cc_cycle_segment *segment; /* whose operators edges name */
    cim_cc_cycle_edge *edges;
    size_t n_edges, cap_edges, flush_at;
    double now_ns, settled_ns;
    double mw[CIM_COST_N_KINDS], total_mw;
    double units[CIM_CC_N_RESOURCES], busy_ns[CIM_CC_N_RESOURCES];
    double energy_pj[CIM_COST_N_KINDS];
    int64_t active;
    double instant_mw, instant_at_ns; /* largest, without leakage */
    cim_cc_cycle_window window;
    /* curve: intervals of point_ns, doubled when they do not suffice */
    cim_cc_cycle_point *curve;
    uint32_t n_curve, cap_curve;
    double point_ns;
    /* slices */
    bool want_slices;
    double resolution_ns;
    cim_cc_cycle_track *tracks; /* per node of the segment */
    cim_cc_cycle_track reload;
    uint32_t first_op; /* of the segment, in the result's ops */
    cim_cc_cycle_slice *slices;
    size_t n_slices, cap_slices;
    bool failed; /* out of memory */
} cim_cc_cycle_meter;

CIM_MUST_CHECK cim_status cim_cc_cycle_meter_init(cim_cc_cycle_meter *m, const cim_cc_plan *plan,
                                                  const cim_cc_cycle_options *options);
void cim_cc_cycle_meter_clear(cim_cc_cycle_meter *m);
/** Edges name this segment's nodes from now on. @param tracks n_nodes, zeroed, borrowed */
void cim_cc_cycle_meter_begin(cim_cc_cycle_meter *m, const cim_cc_cycle_segment *s,
                              cim_cc_cycle_track *tracks, uint32_t first_op);
/** A resource works for an operator over [from, to) and draws mw.
 *  @param units  instances of the resource class */
void cim_cc_cycle_meter_draw(cim_cc_cycle_meter *m, uint32_t who, cim_cc_leg leg, double from_ns,
                             double to_ns, double mw, double units);
/** Nothing before `now` will be drawn any more: account for what is complete when enough waits. */
void cim_cc_cycle_meter_advance(cim_cc_cycle_meter *m, double now_ns);
/** Account for everything up to `to_ns`; ends the segment. */
void cim_cc_cycle_meter_end(cim_cc_cycle_meter *m, double to_ns);
cim_cc_resource cim_cc_cycle_leg_resource(cim_cc_leg leg);

/* ---- engine ---------------------------------------------------------------------------------- */

/** What a segment's run gives. */
typedef struct cim_cc_cycle_outcome {
    double end_ns;
    double *inference_end_ns; /* per inference; lives in the arena */
    double bottleneck_ns;     /* work of the busiest resource for one inference */
    uint64_t n_events;
} cim_cc_cycle_outcome;

/** Run a segment from `start_ns` on. @param m  NULL: only times @return CIM_E_INPUT (deadlock, missing rows), CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_cc_cycle_execute(cim_cc_cycle_segment *s, double start_ns,
                                               cim_cc_cycle_meter *m, cim_arena *ar,
                                               cim_cc_cycle_outcome *out, cim_err *err);

#endif
