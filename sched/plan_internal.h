/* What the compiler's passes share: one plan, filled pass by pass (sched/compile.c runs them).
 *
 *   map        nodes: crossbars and units per copy, times per product
 *   segment    which nodes run together; calls duplicate and pipeline to price a segment
 *   duplicate  copies of every node
 *   pipeline   start and end of every operator
 *   place      where on the chip every operator is, and the hops of its traffic
 *   count      events of every operator
 *   power      peak power, then metrics
 *
 * Times are in ns, energies in pJ, powers in mW. */
#ifndef CIM_SCHED_PLAN_INTERNAL_H
#define CIM_SCHED_PLAN_INTERNAL_H

#include "sched/knapsack.h"
#include "sched/legs.h"
#include "sched/noc.h"
#include "sched/plan.h"
#include "sched/queue.h"

/* ---- prepared: what no design point changes ---------------------------------------------------- */

/** Breakpoints of ceil(n / k): the smallest k for every value it takes. */
typedef struct cim_cc_breaks {
    int64_t n;
    uint32_t count;
    int64_t *copies; /* k, ascending */
    int64_t *rounds; /* ceil(n / k), descending */
} cim_cc_breaks;

/** How the stream of one operator is followed: in `steps` equal chunks (rows; images when there
 *  are several; groups of rows when there are very many). */
typedef struct cim_cc_stream {
    uint32_t steps;
    uint32_t offset; /* into arrays over all steps of all operators */
} cim_cc_stream;

/** The network's streams at one resolution. */
typedef struct cim_cc_flow {
    cim_cc_stream *stream; /* per operator */
    uint32_t total_steps;
    uint32_t most_steps; /* of one operator */
    double *products;    /* per step: products of the operator done with it (0: digital) */
    uint32_t **need;     /* per edge: for each step of the consumer the producer's step it waits for
                        (1-based); NULL for network inputs */
} cim_cc_flow;

/** Before crossbar operator `to` can start, crossbar operator `from` has done a fraction of its
 *  stream (directly or through digital operators between them). Indices among crossbar operators. */
typedef struct cim_cc_lead {
    uint32_t from, to;
    double fraction;
} cim_cc_lead;

/** Where traffic starts or ends: a crossbar operator (its index among them), or one of */
#define CIM_CC_AT_ALUS (CIM_CC_INVALID - 1) /* wherever digital operators run */
#define CIM_CC_AT_PORT CIM_CC_INVALID       /* the global buffer, the chip's border */

/** Elements of an operator's traffic between two places, per inference. */
typedef struct cim_cc_route {
    uint32_t from, to;
    cim_cc_op_id op; /* whose traffic it is: the reader; of a network's output its operator */
    double elements;
} cim_cc_route;

/** All of a network's traffic, by operator, and again by crossbar operator: the routes of the i-th are
 *  touching[first[i]] .. touching[first[i + 1] - 1]. */
typedef struct cim_cc_routes {
    cim_cc_route *all;
    uint32_t n;
    uint32_t *first, *touching;
} cim_cc_routes;

struct cim_cc_prepared {
    const cim_cc_graph *graph;
    cim_arena arena; /* owns all below */
    uint32_t n_xb;
    cim_cc_op_id *xb;             /* crossbar operators in order */
    const cim_cc_breaks **breaks; /* per crossbar operator */
    cim_cc_flow fine, coarse;     /* coarse: to compare many cuts of a network that does not fit */
    double *traffic_in, *traffic_out; /* per operator: elements it reads from and writes to buffers
                                         over the network; 0 where a fused neighbour takes them */
    /* through operators that only rename (views): who reads an operator's result last, itself when
     * nobody does, and how many read it so */
    cim_cc_op_id *last_use;
    uint32_t *uses;
    cim_cc_op_id *last_reader; /* per operator: the last operator that reads its result, itself
                                  when none does */
    uint32_t *first_reader;    /* per operator and one more: its readers in reader[] */
    cim_cc_op_id *reader;      /* operators that read a result, ascending, each once */
    cim_cc_lead *leads;        /* ascending by `to` */
    uint32_t n_leads;
    cim_cc_prepared *on_arrays; /* the same with products of two activations on crossbars; NULL:
                                   there are none, or this is it */
    /* per operator: parts of a row in which its result appears, staggered; 1: only whole rows */
    uint32_t *pieces;
    double *fill; /* per operator: fraction of its stream its consumers wait for at the start */
    cim_cc_routes direct, buffered; /* straight from producer to consumer, or through the port */
};

/* ---- the plan ------------------------------------------------------------------------------------- */

typedef enum cim_cc_limit {
    CIM_CC_LIMIT_CROSSBAR,
    CIM_CC_LIMIT_ADC,
    CIM_CC_LIMIT_LOCAL_BUFFER,
    CIM_CC_LIMIT_GLOBAL_BUFFER,
    CIM_CC_LIMIT_NOC,
    CIM_CC_LIMIT_ALU,
    CIM_CC_LIMIT_OFFCHIP,
    CIM_CC_LIMIT_WRITE, /* an operand is written at run time */
    CIM_CC_LIMIT_POWER, /* slowed down to keep a power cap */
    CIM_CC_LIMIT_NONE
} cim_cc_limit;
extern const char *const cim_cc_limit_words[];

/** How the `groups` matrices of an operator lie on crossbars. A tile is one crossbar's share of a
 *  matrix: `tile_rows` matrix rows by `tile_cols` physical columns (binding columns: slices of a
 *  weight side by side, a column of the tile is one slice of one weight; binding crossbars: a
 *  crossbar per slice, a column is one weight). */
typedef struct cim_cc_mapping {
    int64_t slices;      /* digits of one weight (cells in one column) */
    int64_t polarities;  /* columns per slice, side by side: 1, or 2 (positive, negative) */
    int64_t weight_cols; /* columns of one weight in a crossbar: (binding columns: slices x)
                                     polarities; column k is slice k / polarities */
    int64_t row_tiles, col_tiles; /* of one matrix */
    int64_t tile_rows;            /* matrix rows of every row tile but the last */
    int64_t tile_cols;            /* physical columns of every column tile but the last */
    int64_t pack;                 /* groups that share a crossbar, block-diagonally: group g of them
                                     starts at row g x matrix rows, column g x matrix columns */
    int64_t piece;                /* crossbars that cannot be separated: slices on crossbars */
    int64_t crossbars;            /* per copy, all groups and slices */
    int64_t rows_used;            /* wordlines in use in the fullest crossbar */
    int64_t row_groups;           /* ceil(rows_used / parallel_rows) */
    bool by_columns;              /* binding */
    bool column_major;            /* order of tiles: row tiles of a column are neighbours, else
                                     column tiles of a row (cim_cc_tile_crossbar) */
} cim_cc_mapping;

/** Resources of a core that the crossbars in it share. */
enum {
    CIM_CC_SHARED_BUFFER,
    CIM_CC_SHARED_LINK_IN,
    CIM_CC_SHARED_LINK_OUT,
    CIM_CC_SHARED_ALU,
    CIM_CC_N_SHARED
};

/** One way to map an operator: variant 0 takes the fewest crossbars; others (level vvm, row remapping)
 *  spread its rows over more crossbars so that more of them are read together. */
typedef struct cim_cc_variant {
    cim_cc_mapping map;
    int64_t units;     /* per copy: cores, or crossbars at level mvm and deeper */
    int64_t crossbars; /* in use; the last of several parts may leave some of its own */
    double core_ns[CIM_CC_N_SHARED]; /* a product's work for resources of a core, were it on one */
    double pass_ns; /* of a product's way what no other waits for: last conversion, bus, border */
    double
        unit_ns; /* occupancy of one copy by one product: its slowest resource; at level mvm that of
                       copies which fill their cores */
    double fill_ns;       /* what a product takes beyond unit_ns from its inputs to its result: the
                             last one served of those that share its cores */
    double first_fill_ns; /* the first one served */
    double
        before_ns; /* once per inference before the first product: operands written at run time */
    double adds;   /* accumulations and bias additions of one product */
    cim_cc_limit limit;
} cim_cc_variant;
enum { CIM_CC_MAX_VARIANTS = 14 };

/** The pace of products: unit_ns, fill_ns and first_fill_ns of copies that lie side by side, and the
 *  slowest resource. */
typedef struct cim_cc_pace {
    double unit_ns, fill_ns, first_fill_ns;
    cim_cc_limit limit;
} cim_cc_pace;

/** A crossbar operator, or one part of an operator too large for the chip. */
typedef struct cim_cc_node {
    cim_cc_op_id op;
    uint32_t xb;            /* index among crossbar operators */
    uint32_t part, n_parts; /* 0, 1 when whole */
    const cim_cc_variant *variants;
    uint32_t n_variants;
    int64_t units;      /* least per copy: of variant 0 */
    double floor_ns;    /* what shared resources need whatever the number of copies */
    double write_ns;    /* programming its crossbars (all at once, row by row) */
    double write_bits;  /* distinct weight bits to bring in */
    double write_cells; /* cells of one copy */
    double write_pj;    /* programming them */
    double operand_pj;  /* writing an operand to one copy at run time, per inference */
    cim_cc_limit limit_floor;
    /* choices of the duplication pass */
    cim_cc_choice *choices; /* cost = stage_ns, weight = units */
    int64_t *choice_copies;
    uint8_t *choice_variant;
    double *
        choice_slow; /* under a power cap, one operator after another: every leg takes so many times
                            as long; NULL: none does */
    uint32_t n_choices;
    uint32_t pick;
    uint32_t segment;
    double paced_unit_ns,
        paced_fill_ns; /* as recorded: with those that share its cores (share.c) */
    int64_t
        first_unit; /* its units in the segment are [first_unit, first_unit + weight of the pick):
                           cores of plan->core_order, or crossbars counted along it; copies one after
                           another */
    double
        hop_ns; /* head of its inputs and results over the network between cores, once per product;
                      not part of the stage's time */
} cim_cc_node;

/** The mapping a choice stands for. */
static inline const cim_cc_variant *cim_cc_node_variant(const cim_cc_node *n, uint32_t choice)
{
    return &n->variants[n->choice_variant[choice]];
}
/** The mapping that was picked; before there are choices, the one with the fewest crossbars. */
static inline const cim_cc_variant *cim_cc_node_picked(const cim_cc_node *n)
{
    return n->n_choices ? cim_cc_node_variant(n, n->pick) : n->variants;
}

typedef struct cim_cc_segment {
    uint32_t first_node, n_nodes;
    cim_cc_op_id first_op, end_op; /* operators [first, end) */
    int64_t units_used;
    double reload_ns, write_pj;
    double reload_from_ns; /* when its weights begin to be written */
    double
        offchip_bits;   /* results without room in the global buffer, out and back, per inference */
    double window_bits; /* most that its results take of the global buffer at a time */
    double latency_ns;  /* one inference through the segment */
    double interval_ns; /* between inferences in steady state */
    double bound_ns;    /* lower bound of the latency over all duplications; 0: not computed */
    bool contended;     /* its pipeline was timed with contention for shared resources */
    double start_ns;    /* of its first inference, reload included before it */
} cim_cc_segment;

typedef struct cim_cc_op_plan {
    double stage_ns;         /* busy time */
    double start_ns, end_ns; /* of the first inference, from the start of the run */
    cim_cc_limit limit;
    double energy_pj; /* dynamic, without the writing of operands */
    double sqnr_db;   /* of its products; crossbar operators only */
    double expect_pj; /* the same before anything is placed or another variant picked */
    double cap_pj;    /* what a power cap takes it for: the largest of these seen */
    double slow;      /* digital operators: as choice_slow of a node; 1 without a cap */
    uint32_t segment;
    double drawn_pj; /* drawn in its time: its own, and of operators that take none */
    double over_pj;  /* what it should be taken for, as a window is above the power cap; 0: none */
    double leg_pj[CIM_CC_N_LEGS]; /* energy_pj by what draws it */
    int64_t window_rows; /* rows of its result that are kept at a time, of op->rows * op->images */
    bool offchip;        /* its result waits off-chip: the global buffer has no room */
    /* network between cores: expected of a random placement until pass place */
    double route_bit_hops; /* of what it reads (and of results, below), per inference */
    double noc_bit_hops;   /* the same and partial sums */
    double in_hops, out_hops,
        sum_hops; /* mean of what it reads; of its results to the port (buffer or
                                           border); between neighbouring cores of a copy */
} cim_cc_op_plan;

/** Power from a moment on. */
typedef struct cim_cc_point {
    double at_ns, mw;
} cim_cc_point;

struct cim_cc_plan {
    const cim_cc_prepared *prepared;
    const cim_cc_graph *graph;
    cim_hw_arch arch;
    cim_cost_chip chip;
    bool units_are_cores;
    int64_t budget; /* units a segment may take: the chip's, or half of them when the other half
                              is being written */
    int64_t copy_budget; /* units that copies may take: budget, less under a power cap */
    bool overlapped;     /* a segment is written while the one before it runs */
    bool one_by_one;     /* operators may not overlap: a power cap */
    double write_share;  /* of a power cap, above leakage: what programming may draw */
    double slow;         /* every leg takes so many times as long: a power cap */
    double blame; /* which windows above a power cap note operators: so far from it to the peak */
    cim_cc_noc noc;
    double mean_hops;      /* of all traffic between operators, by bits */
    double l0_bits_per_ns; /* traffic between cores and buffer */
    double alu_ops_per_ns; /* digital operators */
    cim_cc_node *nodes;
    uint32_t n_nodes;
    /* per node: what waits at a cut before it for later operators, and what of it the cut moves off-chip and back
     * because the global buffer has no room: expected, then that of the cuts as they are */
    double *wait_bits, *spill_bits;
    uint32_t
        *core_order;    /* chip.cores: the physical core at every position of the placement's curve;
                             NULL: in order of their numbers */
    uint32_t *node_of;  /* per operator: its last part, UINT32_MAX for others */
    double *digital_ns; /* per operator: busy time of digital operators, 0 for others */
    double *digital_fill_ns; /* of their last step what its slowest resource does not take */
    double *alu_ns, *bus_ns,
        *link_ns; /* per operator: what it needs of resources that all share: the
                                          ALUs (digital operators), the global buffer's port, and the
                                          off-chip link for the network's inputs and outputs */
    cim_cc_op_plan *ops;
    cim_cc_segment *segments;
    uint32_t n_segments;
    /* per operator that only renames: share of its elements that wait off-chip; NULL: nothing does */
    double *view_waits;
    double latency_ns, interval_ns;
    double events[CIM_COST_N_EVENTS]; /* of the whole run (batch) */
    double energy_pj[CIM_COST_N_KINDS], energy_total_pj;
    double peak_mw[CIM_COST_N_KINDS], peak_total_mw;
    double peak_at_ns;      /* start of the window with the most energy */
    double peak_instant_mw; /* largest sum at any one moment */
    cim_cc_point *curve;    /* power over time, of a plan that someone looks at */
    size_t n_curve;
    cim_cc_result result;
};

/** How many times as long the legs of an operator take, to keep a power cap. @param n  NULL: it is digital */
static inline double cim_cc_slow(const cim_cc_plan *plan, cim_cc_op_id id, const cim_cc_node *n)
{
    double own = !n ? plan->ops[id].slow : n->choice_slow ? n->choice_slow[n->pick] : 1.0;
    return plan->slow * own;
}

/** Everything a pass needs besides the plan. */
typedef struct cim_cc_context {
    cim_cc_plan *plan;
    cim_arena *ar;
    bool recording;          /* timing the schedule that is kept: cores are shared as they are */
    bool want_bound;         /* also compute how far from optimal a pipelined latency may be */
    const cim_cc_flow *flow; /* the resolution in use */
    /* pipeline scratch, total_steps of the fine flow each: when each step of each operator is done; when
     * the first part of its result is there (staggered only); which step's inputs decided; when the
     * work of the step began (only of a recorded timing) */
    double *finish, *first, *begin;
    uint32_t *origin,
        *origin_first;     /* 2 * step + 1 when its last product decided, else its first */
    cim_cc_stair *stairs;  /* 2 * most_steps */
    cim_cc_class *classes; /* n_nodes (duplicate scratch) */
    uint32_t *trial;       /* n_nodes (duplicate scratch) */
    /* NULL, or a schedule to be priced instead of finding one: the start of the segment that ends
     * before node i (n_nodes + 1), and picks of all nodes */
    const uint32_t *given_from, *given_picks;
} cim_cc_context;

/** Whether operators overlap: the knob, and a level that pipelines. */
bool cim_cc_pipelined(const cim_cc_plan *plan);
/** Whether products start as their own inputs arrive: the knob, and a level that controls them. */
bool cim_cc_staggered(const cim_cc_plan *plan);

/** Start a plan: the passes up to the choices (map, scratch, operators' energies, choices).
 *  @param[out] cx, plan  overwritten; live in `ar` and with what is borrowed here
 *  @return false: infeasible (*status CIM_OK, plan->result.reason filled) or out of memory */
bool cim_cc_open(cim_cc_context *cx, cim_cc_plan *plan, const cim_cc_prepared *prepared,
                 const cim_hw_arch *arch, const cim_cost_chip *chip, cim_arena *ar, bool overlapped,
                 cim_status *status);
/** Passes segment, power and count of an opened plan. @return false: infeasible or out of memory */
bool cim_cc_schedule(cim_cc_context *cx, cim_status *status);
/** What spills at cuts before segments are known: results that wait have half of the global buffer. */
void cim_cc_expect_spill(cim_cc_plan *plan);
/** Programming a segment, no faster than the power cap allows: its reload_ns. */
void cim_cc_time_reload(cim_cc_plan *plan, uint32_t segment);
/** Move operators with their segments, which are chained anew, and stretch what is in them.
 *  @param[in] old_start  starts that operators' times go with, per segment */
void cim_cc_move_operators(cim_cc_plan *plan, const double *old_start, double by);
/** Start and reload of all segments from their latencies, intervals and reloads; latency and interval of the plan. */
void cim_cc_chain_segments(cim_cc_plan *plan);
/** A scheduled plan on a clock `slow` times slower than full speed. Power and counts are to be passed again.
 *  @return false: out of memory */
bool cim_cc_stretch(cim_cc_context *cx, double slow);
/** What programming a segment may draw under a power cap, above leakage: a little less than the cap, as a burst of
 *  the operator beside it may be in the same window. NaN: no cap */
double cim_cc_write_cap_mw(const cim_cc_plan *plan);
/** The same under the schedule's power cap: fewer copies, then one operator after another. */
bool cim_cc_schedule_capped(cim_cc_context *cx, cim_status *status);
/** What the schedule's objective says of a whole plan; smaller is better. */
double cim_cc_plan_score(const cim_cc_plan *plan);
/** ceil(a / b) of positive integers. */
int64_t cim_cc_ceil_div(int64_t a, int64_t b);
/** The crossbar of a copy that holds a tile; `set` counts groups, or packs of groups. */
static inline int64_t cim_cc_tile_crossbar(const cim_cc_mapping *m, int64_t set, int64_t row_tile,
                                           int64_t col_tile, int64_t slice)
{
    int64_t tile =
        m->column_major ? col_tile * m->row_tiles + row_tile : row_tile * m->col_tiles + col_tile;
    return (set * m->row_tiles * m->col_tiles + tile) * m->piece + (m->piece > 1 ? slice : 0);
}

/** How the tiles of a copy lie in cores that hold `per_core` crossbars each. */
typedef struct cim_cc_spread {
    double input_cores; /* that need the same inputs (mean over row tiles) */
    double sum_cores;   /* that hold partial sums of the same outputs (mean over column tiles) */
} cim_cc_spread;
/** @param column_major  the order asked about, whatever the mapping's own is */
cim_cc_spread cim_cc_map_spread(const cim_cc_mapping *m, bool column_major, int64_t per_core);
/** Times that inputs are brought to cores, beyond the once that tiling by rows is charged with. */
double cim_cc_input_deliveries(const cim_hw_arch *a, const cim_cc_mapping *m);

/** Geometry of an operator's matrices on crossbars. @param wanted most row groups per crossbar, 0: as
 *  few crossbars as possible */
void cim_cc_map_matrix(const cim_cc_op *op, const cim_hw_arch *a, int64_t wanted,
                       cim_cc_mapping *m);
/** Bits through a core's buffer for one product when `tiles` crossbars of a copy are in it: the rows of
 *  its tiles in, the columns of its tiles out. */
double cim_cc_local_bits(const cim_cc_op *op, const cim_hw_arch *a, const cim_cc_mapping *m,
                         int64_t tiles);
/** What a product of one copy asks of a resource of the fullest core of the copy. */
double cim_cc_core_ns(const cim_cc_plan *plan, const cim_cc_variant *v, int resource);
/** Copies that share a core, of so many. */
double cim_cc_sharers(const cim_cc_plan *plan, const cim_cc_variant *v, double copies);
/** Pace of `copies` of a variant that nobody else shares cores with. */
cim_cc_pace cim_cc_variant_pace(const cim_cc_plan *plan, const cim_cc_variant *v, double copies);
/** Pace of the copies of a choice: of cores full of copies in a pipeline, where other operators take what
 *  they leave; of just these copies one operator after another. */
cim_cc_pace cim_cc_copies_pace(const cim_cc_plan *plan, const cim_cc_variant *v, double copies);
/** Time in which the crossbars of a copy work on a product, without its other resources [ns]. */
double cim_cc_convert_ns(const cim_cc_plan *plan, const cim_cc_variant *v);
/** Whether a core's buffer holds the inputs and sums of an operator's tiles (map_local.c).
 *  @param parts, crossbars  of one part  @param[out] reason  why not; NULL: not wanted */
bool cim_cc_local_fits(const cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_mapping *m,
                       int64_t parts, int64_t crossbars, char *reason, size_t size);
/** Pass map. @return false: infeasible, plan->result.reason filled */
bool cim_cc_pass_map(cim_cc_context *cx, cim_status *status);
/** Pass duplicate, first half: the choices of every node. */
cim_status cim_cc_choices_build(cim_cc_context *cx);

/** What a range of nodes costs as one segment. */
typedef struct cim_cc_range {
    uint32_t first, end;           /* nodes */
    cim_cc_op_id first_op, end_op; /* operators */
    double latency_ns, interval_ns;
    bool timed;       /* duplication left the times of its picks here */
    double shared_ns; /* work of resources that all operators share; pipelined only */
    double core_ns;   /* what an inference asks most of a core's resources; recorded only */
    double alone_ns;  /* latency if nobody waited for them; pipelined only */
    double bound_ns;  /* lower bound of the latency over all duplications, 0 when not computed */
    bool contended;   /* recorded with contention for shared resources */
    bool waiting;     /* results that wait off-chip are known */
} cim_cc_range;

/** Units that the copies of a range may take together. */
int64_t cim_cc_range_budget(const cim_cc_plan *plan, const cim_cc_range *range);
/** Energy that grows with the copies: programming them, once per run when segments are written, and
 *  operands written at run time, once per inference. */
double cim_cc_copies_pj(const cim_cc_plan *plan, const cim_cc_node *node, uint32_t choice,
                        bool writes);

/** Copies for a range under the schedule's objective; picks[first..end) are written.
 *  @param writes  whether copies are programmed once per run (several segments)
 *  @param quick   a cheaper heuristic may be used (only for pipelined objectives) */
cim_status cim_cc_range_duplicate(cim_cc_context *cx, cim_cc_range *range, bool writes, bool quick,
                                  uint32_t *picks);
/** The pipelined half of it (duplicate_pipelined.c). */
cim_status cim_cc_duplicate_pipelined(cim_cc_context *cx, cim_cc_range *range, bool writes,
                                      bool quick, uint32_t *picks);
/** cx->classes: the range's nodes with the stage time as the cost. @return their number */
uint32_t cim_cc_stage_classes(cim_cc_context *cx, const cim_cc_range *range);
/** Time of all inferences of the batch through a timed range. */
double cim_cc_range_run_ns(const cim_cc_plan *plan, const cim_cc_range *range);
/** What the schedule's objective says of a timed range; smaller is better. */
double cim_cc_range_score(const cim_cc_plan *plan, const cim_cc_range *range, bool writes,
                          const uint32_t *picks);
/** The critical path of the range timed last (its finish times are still in the context). Whatever
 *  the copies, an operator on it takes at least ceil(products / copies) rounds and its fill.
 *  @param[out] products  per node of the range: products that follow each other on the path, 0: not on it
 *  @param[out] constant  what on the path no duplication changes [ns] */
void cim_cc_critical_path(const cim_cc_context *cx, const cim_cc_range *range,
                          const uint32_t *picks, double *products, double *constant);
/** Latency and interval of a range with given picks. @param record also writes plan->ops and counts
 *  with contention for shared resources. @return false: out of memory (recorded only) */
bool cim_cc_range_time(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks, bool record);
/** The same as it is when kept: copies lie one after another from a unit on and share cores. Needs no
 *  record to count contention. Overwrites pick and first_unit of the range's nodes. */
bool cim_cc_range_time_kept(cim_cc_context *cx, cim_cc_range *range, const uint32_t *picks,
                            int64_t first_unit, bool record);
/** Start and end of operators in parts: of the first part's segment, and when the last part is done. */
void cim_cc_parts_time(cim_cc_plan *plan);
/** Pass segment: fills segments, picks, operator times. */
bool cim_cc_pass_segment(cim_cc_context *cx, cim_status *status);
/** What the picked copies of a range (first_unit, pick) make each other wait for in the cores they share:
 *  paced_unit_ns and paced_fill_ns of its nodes, core_ns of the range. @return false: out of memory */
bool cim_cc_share_cores(cim_cc_context *cx, cim_cc_range *range);
/** Shares of the chip's resources over the run's time. */
typedef struct cim_cc_use {
    double cells;     /* that hold weights: the metric utilization */
    double units;     /* cores (or crossbars at level mvm) that are given to operators */
    double crossbars; /* at work on products */
    double adcs;      /* converting; 0 without converters */
    double alus;      /* of digital operators, at work; 0 when their rate is no limit */
} cim_cc_use;
void cim_cc_plan_use(const cim_cc_plan *plan, cim_cc_use *out);

/** Pass buffer: windows of results in the global buffer; what has no room waits off-chip.
 *  @return false: out of memory */
bool cim_cc_pass_buffer(cim_cc_context *cx);
/** Bits of the network's inputs and outputs that an operator moves over the chip's border. */
double cim_cc_border_bits(const cim_cc_plan *plan, cim_cc_op_id id);
/** Bits of results without room in the global buffer that an operator moves over the off-chip link: its
 *  own out, others' in. */
double cim_cc_waiting_bits(const cim_cc_plan *plan, cim_cc_op_id id);
/** The share of link_ns that results need. */
double cim_cc_output_ns(const cim_cc_plan *plan, cim_cc_op_id id);
/** Routes of a network's traffic (place_prepare.c). @return false: out of memory */
bool cim_cc_routes_build(cim_cc_prepared *p);
/** What random placement lets expect, so that operators have a price before they have a place. */
void cim_cc_place_expect(cim_cc_plan *plan);
/** Pass place: core_order, first_unit of nodes (optimised only), hops of every operator's traffic. */
cim_status cim_cc_pass_place(cim_cc_context *cx);
/** Bits of partial sums that cross from core to core, per inference. */
double cim_cc_sum_bits(const cim_cc_plan *plan, cim_cc_op_id id);
/** Dynamic events of one operator and inference, weights' programming and the writing of operands not
 *  included: they do not depend on the copies. */
void cim_cc_count_op(const cim_cc_plan *plan, cim_cc_op_id id, double events[CIM_COST_N_EVENTS]);
/** Events of writing an operator's operand to its copies at run time, once per inference; none for
 *  others. Needs: copies chosen. */
void cim_cc_count_operand(const cim_cc_plan *plan, cim_cc_op_id id,
                          double events[CIM_COST_N_EVENTS]);
/** Events before a segment of several: programming its weights and bringing them in, and what
 *  spills at the cut. */
void cim_cc_count_reload(const cim_cc_plan *plan, uint32_t segment,
                         double events[CIM_COST_N_EVENTS]);
/** Events of the run, energy by kind, utilisation, metrics. */
void cim_cc_pass_count(cim_cc_context *cx);
cim_status cim_cc_pass_power(cim_cc_context *cx);

/** A segment's part of the share of the chip's cells that hold weights, averaged over the run's time. */
double cim_cc_segment_utilization(const cim_cc_plan *plan, uint32_t segment);
/** Programming operations of the most-written cells per inference; 0: weights stay in place. */
double cim_cc_writes_per_inference(const cim_cc_plan *plan);
/** Inferences until those cells wear out, at most CIM_CC_LIFETIME_MAX. */
double cim_cc_lifetime_inferences(const cim_cc_plan *plan);
/** Both with endurance, write energy and reload time, as JSON and as a line. */
void cim_cc_lifetime_write(const cim_cc_plan *plan, cim_jw *w, const char *key);
void cim_cc_lifetime_text(const cim_cc_plan *plan, cim_text *out);

/** Operators of nodes [first, end): from the first node's operator (or 0) up to the one before
 *  node `end` (or the end of the graph). */
void cim_cc_range_ops(const cim_cc_plan *plan, cim_cc_range *range);
/** Programming a range of nodes before anything is picked, and as it is kept. */
double cim_cc_range_reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end);
double cim_cc_kept_reload_ns(const cim_cc_plan *plan, uint32_t first, uint32_t end);

#endif
