/* The table of operators (net_ops.c) and what the functions behind it share: one row per ONNX
 * operator says how its shapes are inferred, how it is folded, what work it is, how its output
 * streams and when its output cannot be negative. Adding an operator is adding a row. */
#ifndef CIM_SCHED_NET_OPS_H
#define CIM_SCHED_NET_OPS_H

#include "sched/net.h"

/** What an infer or fold function sees of one node. Errors stick: after the first one `status` is
 *  not CIM_OK and the node is given up. */
typedef struct cim_cc_infer {
    cim_cc_net *net;
    const cim_cc_net_node *node;
    cim_arena *scratch; /* reset after every node */
    cim_err *err;
    cim_status status;
} cim_cc_infer;

/** What work an operator is (lower_count.c). */
typedef enum cim_cc_work {
    CIM_CC_WORK_MOVE,    /* unit none */
    CIM_CC_WORK_ELEMENT, /* add, mul, div, special per output element */
    CIM_CC_WORK_CONV,
    CIM_CC_WORK_CONV_TRANSPOSE,
    CIM_CC_WORK_GEMM,
    CIM_CC_WORK_MATMUL,
    CIM_CC_WORK_EINSUM,
    CIM_CC_WORK_VARIADIC, /* one addition (comparison) per further input */
    CIM_CC_WORK_POW,
    CIM_CC_WORK_POOL,
    CIM_CC_WORK_GLOBAL_POOL,
    CIM_CC_WORK_REDUCE,
    CIM_CC_WORK_SOFTMAX,
    CIM_CC_WORK_NORM, /* mean and variance over part of the tensor */
    CIM_CC_WORK_LRN,
    CIM_CC_WORK_RESIZE,
    CIM_CC_WORK_TOPK,
    CIM_CC_WORK_SCAN, /* one addition per element */
    CIM_CC_WORK_ROI,
    CIM_CC_WORK_QUANTIZE_DYNAMIC
} cim_cc_work;

/** How output slices depend on input slices (lower_stream.c). */
typedef enum cim_cc_flow {
    CIM_CC_FLOW_FULL,    /* everything is needed first */
    CIM_CC_FLOW_ELEMENT, /* broadcasting, aligned at the right */
    CIM_CC_FLOW_WINDOW,  /* convolution and pooling */
    CIM_CC_FLOW_WINDOW_TRANSPOSE,
    CIM_CC_FLOW_PRODUCT, /* Gemm, MatMul */
    CIM_CC_FLOW_EINSUM,
    CIM_CC_FLOW_RESHAPE,
    CIM_CC_FLOW_TRANSPOSE,
    CIM_CC_FLOW_CONCAT,
    CIM_CC_FLOW_SPLIT,
    CIM_CC_FLOW_SLICE,
    CIM_CC_FLOW_PAD,
    CIM_CC_FLOW_GATHER,
    CIM_CC_FLOW_REDUCE,
    CIM_CC_FLOW_AXIS,   /* needs whole lines along its axes, otherwise one to one */
    CIM_CC_FLOW_SCALE,  /* same rank, other sizes: resize, tile, depth to space */
    CIM_CC_FLOW_SCATTER /* first input one to one, the others in full */
} cim_cc_flow;

/** When the output is known to be >= 0 (lower_sign.c). */
typedef enum cim_cc_sign {
    CIM_CC_SIGN_ANY,
    CIM_CC_SIGN_NEVER, /* never negative */
    CIM_CC_SIGN_FIRST, /* when the first input is not */
    CIM_CC_SIGN_ALL,   /* when no input is */
    CIM_CC_SIGN_SOME,  /* when one input is not (Max) */
    CIM_CC_SIGN_DATA2, /* second and third input (Where) */
    CIM_CC_SIGN_CLIP,
    CIM_CC_SIGN_SQUARE, /* Mul of a tensor by itself; else as ALL */
    CIM_CC_SIGN_POW,
    CIM_CC_SIGN_PAD,
    CIM_CC_SIGN_RESIZE
} cim_cc_sign;

typedef struct cim_cc_net_def {
    const char *type;
    uint8_t min_in, max_in; /* max 255: any number */
    uint8_t max_out;
    void (*infer)(cim_cc_infer *);
    bool (*fold)(cim_cc_infer *); /* values of constant inputs -> values; NULL: shape only */
    cim_cc_work work;
    uint8_t add, mul, div, special; /* CIM_CC_WORK_ELEMENT: ALU operations per output element */
    cim_cc_flow flow;
    cim_cc_sign sign;
    bool microsoft; /* of the com.microsoft domain */
} cim_cc_net_def;

const cim_cc_net_def *cim_cc_net_def_find(const char *type, bool microsoft);
/** Row i of the table; NULL past the last. */
const cim_cc_net_def *cim_cc_net_def_at(size_t i);
const char *cim_cc_net_def_nearest(const char *type);
uint32_t cim_cc_net_def_min_inputs(const cim_cc_net_def *d);
uint32_t cim_cc_net_def_max_inputs(const cim_cc_net_def *d);
/** Why a standard operator is refused on purpose; NULL when it is not known to be. */
const char *cim_cc_net_refusal(const char *type);

/* ---- checked arithmetic (non-negative operands) ------------------------------------------------- */

/** a * b, or false when it exceeds 2^53 (counts stay exact as JSON numbers). */
bool cim_cc_mul(int64_t a, int64_t b, int64_t *out);
bool cim_cc_add(int64_t a, int64_t b, int64_t *out);
/** Product of dims[from..to); -1 on overflow. */
int64_t cim_cc_product(const int64_t *dims, int from, int to);

/* ---- a node's inputs, outputs, attributes -------------------------------------------------------- */

/** Input i or NULL when omitted. */
const cim_cc_net_tensor *cim_cc_in(const cim_cc_infer *x, uint32_t i);
const cim_cc_net_attr *cim_cc_attr(const cim_cc_net_node *node, const char *name);
bool cim_cc_attr_has(const cim_cc_infer *x, const char *name);
int64_t cim_cc_attr_int(cim_cc_infer *x, const char *name, int64_t otherwise);
double cim_cc_attr_float(cim_cc_infer *x, const char *name, double otherwise);
const char *cim_cc_attr_text(cim_cc_infer *x, const char *name, const char *otherwise);
/** @param[out] n  0 when absent */
const int64_t *cim_cc_attr_ints(cim_cc_infer *x, const char *name, size_t *n);
/** An axis in [-rank, rank) made non-negative; fails the node otherwise. */
int cim_cc_axis(cim_cc_infer *x, int64_t axis, int rank);
/** Values of input i as integers; fails the node when they are not known. NULL when omitted. */
const int64_t *cim_cc_in_ints(cim_cc_infer *x, uint32_t i, const char *what, size_t *n);
/** The ints of an attribute, or of input i in operator sets that made it an input. */
const int64_t *cim_cc_ints_of(cim_cc_infer *x, const char *name, uint32_t i, size_t *n);
void cim_cc_fail(cim_cc_infer *x, const char *fmt, ...) CIM_PRINTF(2, 3);

/** Set the shape of output k; fails the node on impossible sizes. Absent outputs are skipped. */
void cim_cc_out(cim_cc_infer *x, uint32_t k, int dtype, int rank, const int64_t *dims);
cim_cc_net_tensor *cim_cc_out_at(const cim_cc_infer *x, uint32_t k);
/** numpy broadcasting of b into (rank, dims); fails the node when the sizes do not match. */
void cim_cc_broadcast(cim_cc_infer *x, int *rank, int64_t *dims, const cim_cc_net_tensor *b);
/** "1x3x224x224" for messages. */
const char *cim_cc_shape_text(int rank, const int64_t *dims, char *buf, size_t size);

/* ---- windows: convolution and pooling (shape_window.c) -------------------------------------------- */

enum { CIM_CC_MAX_SPATIAL = CIM_CC_MAX_RANK - 2 };

/** Geometry of a convolution or pooling with everything resolved (auto_pad, ceil_mode, ...). */
typedef struct cim_cc_window {
    int n; /* spatial dimensions */
    int64_t in[CIM_CC_MAX_SPATIAL], out[CIM_CC_MAX_SPATIAL];
    int64_t kernel[CIM_CC_MAX_SPATIAL], stride[CIM_CC_MAX_SPATIAL], dilation[CIM_CC_MAX_SPATIAL];
    int64_t pad_begin[CIM_CC_MAX_SPATIAL], pad_end[CIM_CC_MAX_SPATIAL];
    int64_t group;
} cim_cc_window;

/** @return false: the node failed. Also used after inference, when it cannot fail any more. */
bool cim_cc_window_of(cim_cc_infer *x, cim_cc_window *w);

/* ---- Einsum (shape_einsum.c) ------------------------------------------------------------------------ */

/** An equation of one or two operands with labels 0..n-1. Ellipses are expanded to labels. */
typedef struct cim_cc_einsum {
    int n_labels, n_operands;
    int64_t size[64];
    int rank[2], label[2][CIM_CC_MAX_RANK]; /* operands */
    int out_rank, out_label[CIM_CC_MAX_RANK];
} cim_cc_einsum;

bool cim_cc_einsum_of(cim_cc_infer *x, cim_cc_einsum *e);

/* ---- reductions --------------------------------------------------------------------------------------- */

/** Which axes of the first input are reduced; also for operators over [axis, rank). */
bool cim_cc_reduced_axes(cim_cc_infer *x, bool reduced[CIM_CC_MAX_RANK]);

/* ---- infer functions ------------------------------------------------------------------------------------ */

void cim_cc_infer_same(cim_cc_infer *x);      /* as the first input, all outputs */
void cim_cc_infer_bool(cim_cc_infer *x);      /* first input's shape, boolean */
void cim_cc_infer_broadcast(cim_cc_infer *x); /* all inputs */
void cim_cc_infer_compare(cim_cc_infer *x);
void cim_cc_infer_where(cim_cc_infer *x);
void cim_cc_infer_prelu(cim_cc_infer *x);
void cim_cc_infer_cast(cim_cc_infer *x);
void cim_cc_infer_cast_like(cim_cc_infer *x);
void cim_cc_infer_axis(cim_cc_infer *x); /* first input's shape, checks axis */
void cim_cc_infer_batch_norm(cim_cc_infer *x);
void cim_cc_infer_layer_norm(cim_cc_infer *x);
void cim_cc_infer_instance_norm(cim_cc_infer *x);
void cim_cc_infer_skip_layer_norm(cim_cc_infer *x);
void cim_cc_infer_quantize(cim_cc_infer *x);
void cim_cc_infer_dequantize(cim_cc_infer *x);
void cim_cc_infer_quantize_dynamic(cim_cc_infer *x);

void cim_cc_infer_conv(cim_cc_infer *x);
void cim_cc_infer_conv_transpose(cim_cc_infer *x);
void cim_cc_infer_pool(cim_cc_infer *x);
void cim_cc_infer_global_pool(cim_cc_infer *x);
void cim_cc_infer_roi_align(cim_cc_infer *x);
void cim_cc_infer_max_roi_pool(cim_cc_infer *x);
void cim_cc_infer_gemm(cim_cc_infer *x);
void cim_cc_infer_matmul(cim_cc_infer *x);
void cim_cc_infer_einsum(cim_cc_infer *x);

void cim_cc_infer_reduce(cim_cc_infer *x);
void cim_cc_infer_arg(cim_cc_infer *x);
void cim_cc_infer_topk(cim_cc_infer *x);
void cim_cc_infer_onehot(cim_cc_infer *x);
void cim_cc_infer_resize(cim_cc_infer *x);

void cim_cc_infer_reshape(cim_cc_infer *x);
void cim_cc_infer_flatten(cim_cc_infer *x);
void cim_cc_infer_squeeze(cim_cc_infer *x);
void cim_cc_infer_unsqueeze(cim_cc_infer *x);
void cim_cc_infer_transpose(cim_cc_infer *x);
void cim_cc_infer_concat(cim_cc_infer *x);
void cim_cc_infer_split(cim_cc_infer *x);
void cim_cc_infer_slice(cim_cc_infer *x);
void cim_cc_infer_pad(cim_cc_infer *x);
void cim_cc_infer_gather(cim_cc_infer *x);
void cim_cc_infer_gather_elements(cim_cc_infer *x);
void cim_cc_infer_gather_nd(cim_cc_infer *x);
void cim_cc_infer_scatter(cim_cc_infer *x);
void cim_cc_infer_scatter_nd(cim_cc_infer *x);
void cim_cc_infer_expand(cim_cc_infer *x);
void cim_cc_infer_tile(cim_cc_infer *x);
void cim_cc_infer_depth_to_space(cim_cc_infer *x);
void cim_cc_infer_space_to_depth(cim_cc_infer *x);
void cim_cc_infer_shape(cim_cc_infer *x);
void cim_cc_infer_size(cim_cc_infer *x);
void cim_cc_infer_constant(cim_cc_infer *x);
void cim_cc_infer_constant_of_shape(cim_cc_infer *x);
void cim_cc_infer_range(cim_cc_infer *x);
void cim_cc_infer_eye_like(cim_cc_infer *x);
void cim_cc_infer_nonzero(cim_cc_infer *x);
void cim_cc_infer_compress(cim_cc_infer *x);

/** Resolved Slice: start and step per axis of the input (steps may be negative). */
typedef struct cim_cc_slice {
    int64_t start[CIM_CC_MAX_RANK], step[CIM_CC_MAX_RANK], count[CIM_CC_MAX_RANK];
} cim_cc_slice;
bool cim_cc_slice_of(cim_cc_infer *x, cim_cc_slice *s);
/** Resolved Pad: per axis, negative crops. */
bool cim_cc_pads_of(cim_cc_infer *x, int64_t begin[CIM_CC_MAX_RANK], int64_t end[CIM_CC_MAX_RANK]);

/* ---- fold functions: true when values were computed ------------------------------------------------------- */

bool cim_cc_fold_copy(cim_cc_infer *x);    /* order kept: Identity, Reshape, ... */
bool cim_cc_fold_element(cim_cc_infer *x); /* by operator type, broadcasting */
bool cim_cc_fold_cast(cim_cc_infer *x);
bool cim_cc_fold_shape(cim_cc_infer *x);
bool cim_cc_fold_fill(cim_cc_infer *x); /* ConstantOfShape */
bool cim_cc_fold_range(cim_cc_infer *x);
bool cim_cc_fold_transpose(cim_cc_infer *x);
bool cim_cc_fold_concat(cim_cc_infer *x);
bool cim_cc_fold_split(cim_cc_infer *x);
bool cim_cc_fold_slice(cim_cc_infer *x);
bool cim_cc_fold_gather(cim_cc_infer *x);
bool cim_cc_fold_gather_elements(cim_cc_infer *x);
bool cim_cc_fold_gather_nd(cim_cc_infer *x);
bool cim_cc_fold_scatter(cim_cc_infer *x);
bool cim_cc_fold_scatter_nd(cim_cc_infer *x);
bool cim_cc_fold_expand(cim_cc_infer *x);
bool cim_cc_fold_tile(cim_cc_infer *x);
bool cim_cc_fold_reduce(cim_cc_infer *x);
bool cim_cc_fold_pad(cim_cc_infer *x);
bool cim_cc_fold_trilu(cim_cc_infer *x);
bool cim_cc_fold_cumsum(cim_cc_infer *x);
bool cim_cc_fold_nonzero(cim_cc_infer *x);

/** Fresh value arrays for output k of the node's inferred shape; counted against the budget.
 *  @return false: too large, values stay unknown */
bool cim_cc_values_new(cim_cc_infer *x, uint32_t k, int64_t **ints, double **reals);

#endif
