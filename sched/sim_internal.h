/* What the files of the functional simulator share.
 *
 *   sim.c            the run: order of nodes, lifetime of tensors, outputs
 *   sim_weights.c    values of stored tensors, from the net or from files
 *   sim_product.c    products on crossbars: Conv, ConvTranspose, Gemm, MatMul
 *   sim_exact.c      quantisation and exact integer products
 *   sim_crossbar.c   the same products through cells, phases and converters
 *   sim_analog.c     what analog crossbars add: cells that vary, converters set to their data
 *   sim_element.c, sim_move.c, sim_reduce.c   digital operators
 *   sim_print.c      reports
 *
 * A tensor's values are doubles whatever its type: floats are rounded to float after every node,
 * integers are exact up to 2^53. */
#ifndef CIM_SCHED_SIM_INTERNAL_H
#define CIM_SCHED_SIM_INTERNAL_H

#include "sched/model_internal.h"
#include "sched/net_ops.h"
#include "sched/sim.h"

#define CIM_CC_SIM_MAX_INT 9007199254740992.0 /* 2^53 */

typedef struct cim_cc_run {
    const cim_cc_model *model;
    cim_cc_net *net;
    const cim_hw_arch *arch;
    bool reference;
    const cim_cc_sim_options *options;
    cim_err *err;
    cim_arena *arena;   /* the result's */
    cim_arena scratch;  /* reset after every node */
    double **value;     /* per tensor, NULL: not computed or given back */
    uint32_t *uses;     /* per tensor: reads still to come */
    uint32_t *bn_of;    /* per node: the BatchNormalization folded into it, or CIM_CC_INVALID */
    cim_cc_infer x;     /* the node being run; errors stick in x.status */
    cim_cc_sim_op *ops; /* room for every crossbar operator of the graph */
    uint32_t n_ops;
    const cim_cc_program *flow; /* NULL: products at the level of the graph */
    struct cim_cc_flow_run *flow_run;
} cim_cc_run;

/** Values of input i of the current node (stored tensors are read on first use); NULL when it is
 *  omitted or the node failed. */
const double *cim_cc_sim_in(cim_cc_run *r, uint32_t i);
/** Fresh values of output k; NULL when it is absent or the node failed. */
double *cim_cc_sim_out(cim_cc_run *r, uint32_t k);
/** Fails the node: out of memory. */
void cim_cc_sim_nomem(cim_cc_run *r);
/** Scratch memory until the next node; fails the node and gives NULL when there is none. */
void *cim_cc_sim_scratch(cim_cc_run *r, int64_t n, size_t size);

/** Values of a stored tensor into v[elements].
 *  @return CIM_E_INPUT: it has none, or its file is missing or too short */
CIM_MUST_CHECK cim_status cim_cc_sim_stored(const cim_cc_model *model, const cim_cc_net_tensor *t,
                                            double *v, cim_err *err);

/** An operator's implementation; NULL: not simulated yet. */
typedef void (*cim_cc_sim_fn)(cim_cc_run *r);
cim_cc_sim_fn cim_cc_sim_element_find(const char *type);
cim_cc_sim_fn cim_cc_sim_move_find(const char *type);
cim_cc_sim_fn cim_cc_sim_reduce_find(const char *type);
/** Products with constant weights, and (in float) without; both standard domain only. */
cim_cc_sim_fn cim_cc_sim_product_find(const char *type);
/** The current node's product runs on crossbars, with the BatchNorm behind it (NULL: none). */
void cim_cc_sim_crossbar_node(cim_cc_run *r, uint32_t node);

/** out[i] = in[offset + sum index_k * stride_k], out in C order over dims. */
void cim_cc_sim_strided(double *out, const double *in, int rank, const int64_t *dims,
                        const int64_t *strides, int64_t offset);
/** Strides of a tensor broadcast to (rank, .): 0 where it has one element. */
void cim_cc_sim_broadcast_strides(const cim_cc_net_tensor *t, int rank,
                                  int64_t strides[CIM_CC_MAX_RANK]);

/* ---- integer products -------------------------------------------------------------------------- */

/** Largest magnitude of a symmetric signed integer of so many bits, 2..16. */
int32_t cim_cc_quant_max(int64_t bits);
/** Largest magnitude of values; NAN when one is not finite. */
double cim_cc_quant_peak(const double *v, int64_t n);
/** scale = peak / (2^(bits-1) - 1), 1 when all values are zero; q = v / scale, ties to even. */
double cim_cc_quantise(const double *v, int64_t n, double peak, int64_t bits, int16_t *q);

/** `groups` matrices of rows x cols, each multiplied with `count` vectors of integers. */
typedef struct cim_cc_sim_product {
    int64_t groups, rows, cols, count;
    int64_t pitch;     /* of vectors and matrix columns: rows rounded up, padded with zeros */
    const int16_t *w;  /* [groups][cols][pitch] */
    bool offset_input; /* inputs may be negative */
    int64_t pack;      /* groups that share a crossbar, one below the other */
    double cell_sigma; /* relative standard deviation of the cells' conductance; 0: ideal */
    double cell_floor; /* conductance of the lowest level, in levels */
    uint64_t cell_key; /* what the deviations are drawn from */
    void *ctx;
    /** Vectors first..first+n of a group into x[n][pitch]. */
    void (*fill)(const struct cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                 int16_t *x);
    /** Their results for columns col..col+cols, acc[n][cols]: exact integers, or what the
     *  converters made of them. */
    void (*store)(const struct cim_cc_sim_product *p, int64_t group, int64_t first, int64_t n,
                  int64_t col, int64_t cols, const double *acc);
} cim_cc_sim_product;

/** Sums over a product's results, for its SQNR. */
typedef struct cim_cc_sim_error {
    double n, sum, square, noise;
} cim_cc_sim_error;

int64_t cim_cc_pitch(int64_t rows);
/** out[k] = sum_i a[i] * b[k * pitch + i], k < n, exact while every sum fits 63 bits.
 *  @param bound  largest possible |a[i] * b[i]|, decides how long 32-bit sums are exact */
void cim_cc_dots(const int16_t *a, const int16_t *b, int64_t pitch, int64_t length, int64_t n,
                 int64_t bound, int64_t *out);
/** Exact products of vectors x[n][pitch] with columns col..col+cols of a group: acc[n][cols]. */
void cim_cc_exact_block(const cim_cc_sim_product *p, int64_t group, const int16_t *x, int64_t n,
                        int64_t col, int64_t cols, int64_t bound, int64_t *acc);

/** The crossbars' view of a product. */
typedef struct cim_cc_crossbars cim_cc_crossbars;
/** @param p  borrowed; needs groups, rows, cols, pitch, w, offset_input, pack
 *  @param memory  where it lives  @return NULL: out of memory */
cim_cc_crossbars *cim_cc_crossbars_create(cim_arena *memory, const cim_hw_arch *arch,
                                          const cim_cc_sim_product *p);
double cim_cc_crossbars_step(const cim_cc_crossbars *c);
double cim_cc_crossbars_range(const cim_cc_crossbars *c);
bool cim_cc_crossbars_lossless(const cim_cc_crossbars *c);
/** From here on sums are only looked at, until cim_cc_crossbars_fit() sets the converters to cover
 *  the percentage of them that adc.clip_percentile asks for. @return false: out of memory */
bool cim_cc_crossbars_watch(cim_cc_crossbars *c, cim_arena *memory);
void cim_cc_crossbars_fit(cim_cc_crossbars *c);
double cim_cc_crossbars_conversions(const cim_cc_crossbars *c);
/** How many columns cim_cc_crossbars_program() takes at a time. */
int64_t cim_cc_crossbars_cols(const cim_cc_crossbars *c);
/** Program columns col..col+cols of a group. */
void cim_cc_crossbars_program(cim_cc_crossbars *c, int64_t group, int64_t col, int64_t cols);
/** Drive vectors x[n][pitch], n <= CIM_CC_SIM_BLOCK, into the programmed columns: acc[n][cols]. */
void cim_cc_crossbars_drive(cim_cc_crossbars *c, const int16_t *x, int64_t n, double *acc);
enum { CIM_CC_SIM_BLOCK = 16 };

/* The same in pieces, for whoever places cells in crossbars himself (flow_run.c): rows of a matrix
 * that are converted together, a physical column at a time. */

/** Without room for cells: only what follows may be called.
 *  @param p  needs rows and offset_input */
cim_cc_crossbars *cim_cc_crossbars_open(cim_arena *memory, const cim_hw_arch *arch,
                                        const cim_cc_sim_product *p);
int64_t cim_cc_crossbars_phases(const cim_cc_crossbars *c);
/** The cells of one column of a weight (which slice of it) from the weights w[length].
 *  @param[out] cell  [pitch(length)]  @return whether they are stored complemented */
bool cim_cc_rows_program(const cim_cc_crossbars *c, const int16_t *w, int64_t length,
                         int64_t column, int16_t *cell);
/** @param[out] digits  [phases][pitch(length)]  @return the sum of what is driven */
int64_t cim_cc_rows_digits(const cim_cc_crossbars *c, const int16_t *x, int64_t length,
                           int16_t *digits);
/** Drive and convert; adds to the codes and corrections of the weight. */
void cim_cc_rows_drive(cim_cc_crossbars *c, const int16_t *cell, bool flip, int64_t column,
                       const int16_t *digits, int64_t driven, int64_t length, int64_t *code,
                       int64_t *fix);
/** What offsets of weights and inputs add, once per weight and rows. */
void cim_cc_rows_correct(const cim_cc_crossbars *c, int64_t driven, int64_t weight_sum,
                         int64_t *fix);
/** Codes and corrections of all rows -> the product. */
double cim_cc_crossbars_value(const cim_cc_crossbars *c, int64_t code, int64_t fix);

/* ---- running a flow ------------------------------------------------------------------------------ */

typedef struct cim_cc_flow_run cim_cc_flow_run; /* flow_run.c */

/** Sums of a product's results as a flow left them: [groups][count][cols]. */
typedef struct cim_cc_flow_sums {
    const cim_cc_crossbars *crossbars;
    int64_t *code, *fix;
} cim_cc_flow_sums;

/** Runs the operator blocks of the product in hand (all its parts). Fails the node on errors.
 *  @param[out] sums  live in the run's scratch memory  @return whether it went well */
bool cim_cc_flow_product(cim_cc_run *r, const cim_cc_sim_product *p, cim_cc_flow_sums *sums);
/** Runs the whole flow; nodes of constants have run. @param needed  per node */
cim_status cim_cc_flow_execute(cim_cc_run *r, const bool *needed);
/** One node; see sim.c. */
cim_status cim_cc_sim_run_node(cim_cc_run *r, uint32_t i);
void cim_cc_sim_skip_folded(cim_cc_run *r, uint32_t i);
/* ---- analog ------------------------------------------------------------------------------------ */

/** Deviations of cells from their levels: sigma * (level + floor) * standard normal, a pure function
 *  of (key, index). @param[out] delta  of n cells; 0 where i >= used */
void cim_cc_cells_deviate(const cim_cc_sim_product *p, const int16_t *cell, int64_t used, int64_t n,
                          uint64_t place, float *delta);
/** sum_i delta[i] * digit[i], digits unsigned. @param n  a multiple of 8, as vectors are padded to */
double cim_cc_cells_error(const float *delta, const int16_t *digit, int64_t n);

/** How often column sums were seen. */
typedef struct cim_cc_histogram {
    double full_scale, width; /* of a bin */
    double seen;
    double bins[4096];
} cim_cc_histogram;
void cim_cc_histogram_init(cim_cc_histogram *h, double full_scale);
void cim_cc_histogram_add(cim_cc_histogram *h, const int64_t *sums, int64_t n);
/** The smallest range that covers a percentage of the sums seen. */
double cim_cc_histogram_range(const cim_cc_histogram *h, double percentile);

#endif
