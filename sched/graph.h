/* The compiler's view of a network: a DAG of operators with everything a schedule needs (matrix
 * sizes, products, digital work, streaming behaviour of every edge) and nothing it does not.
 *
 * Built once per network by sched/model.h (import -> shape inference -> folding -> lowering) and
 * const afterwards. Operators are in topological order: an edge's producer has a smaller index.
 * Counts are per inference of the imported shape (its batch dimension included). */
#ifndef CIM_SCHED_GRAPH_H
#define CIM_SCHED_GRAPH_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t cim_cc_op_id;
#define CIM_CC_INVALID UINT32_MAX
enum { CIM_CC_MAX_RANK = 8 };

typedef enum cim_cc_unit {
    CIM_CC_UNIT_CROSSBAR, /* static weights: runs on crossbars */
    CIM_CC_UNIT_DIGITAL,  /* runs on ALUs */
    CIM_CC_UNIT_NONE      /* only renames or moves data: reshape, transpose, concat, slice */
} cim_cc_unit;
extern const char *const cim_cc_unit_words[]; /* "crossbar", "digital", "none" */

/** One operator. */
typedef struct cim_cc_op {
    const char *name; /* unique; the exporter's name or TYPE_index */
    const char *type; /* ONNX operator type, "Conv" */
    cim_cc_unit unit;
    uint32_t first_edge, n_edges; /* its activation inputs, in graph.edges[] */
    int rank;
    int64_t shape[CIM_CC_MAX_RANK]; /* first output */
    int64_t out_elements;           /* all outputs together */
    int64_t in_elements;            /* all activation inputs together */
    int64_t macs;    /* Conv, ConvTranspose, Gemm, MatMul, Einsum; also dynamic ones */
    int64_t weights; /* parameters of the imported operator (weights and biases) */
    /* crossbar operators: `groups` independent matrices of rows x cols, each used `mvms` times; the
     * same of dynamic products, whose second operand is then the matrix (0: they stay on ALUs) */
    int64_t matrix_rows, matrix_cols, groups, mvms;
    bool has_bias;
    bool signed_input;    /* false when all inputs are known to be >= 0 (after ReLU, ...); a
                             dynamic product's matrix does not count */
    bool dynamic_product; /* product of two activations: digital, but could be written to arrays
                             (unit crossbar in the graph where it is, sched/dynamic.h) */
    bool together;        /* of a dynamic product's matrices those of several rows or images are
                             driven at once: none of them is done before all are */
    /* digital work in ALU operations by class, one per element-operation */
    int64_t alu_add, alu_mul, alu_div, alu_special;
    /* streaming: the output appears in `rows` equal rows per image, `images` images */
    int64_t rows, images;
    /* positions in a row along the one dimension that products of a row go through; 1: none or several */
    int64_t cols;
} cim_cc_op;

/** How consumer rows depend on producer rows, per image, 1-based: to produce its row r the
 *  consumer needs producer rows 1..f(r) with
 *      f(r) = clamp(ceil(r * num / den) + offset, 1, producer rows)      (full = false)
 *      f(r) = producer rows                                              (full = true)
 *  Convolution and pooling: num = stride, den = 1,
 *  offset = (kernel - 1) * dilation + 1 - pad_top - stride. Elementwise: 1, 1, 0.
 *  Order-preserving reshape between row counts: num = producer rows, den = consumer rows. */
typedef struct cim_cc_edge {
    cim_cc_op_id producer; /* CIM_CC_INVALID: the network's input */
    uint32_t input;        /* which network input, when producer is invalid */
    int64_t elements;
    bool full;
    bool written; /* this operand of a dynamic product would be written to arrays */
    int64_t num, den, offset;
    int64_t
        span; /* rows read for row r: the last `span` up to f(r) (before clamping); 0: all of them */
    /* the same within row f(r): position c of the consumer needs positions 1..g(c) of the producer's `cols`,
     * g of the form of f; cols 0: it needs the row as a whole */
    int64_t cols, col_num, col_den, col_offset;
} cim_cc_edge;

typedef struct cim_cc_input {
    const char *name;
    int rank;
    int64_t shape[CIM_CC_MAX_RANK];
    int64_t elements;
} cim_cc_input;

typedef struct cim_cc_graph {
    const char *name;
    cim_cc_op *ops;
    uint32_t n_ops;
    cim_cc_edge *edges;
    uint32_t n_edges;
    cim_cc_input *inputs;
    uint32_t n_inputs;
    cim_cc_op_id *outputs; /* operators whose result leaves the network */
    uint32_t n_outputs;
    int64_t macs;    /* sum over operators */
    int64_t weights; /* parameters of the network as imported, before any folding */
} cim_cc_graph;

/** A product of two activations that runs on crossbars, its second operand written at run time. */
static inline bool cim_cc_op_is_written(const cim_cc_op *op)
{
    return op->dynamic_product && op->unit == CIM_CC_UNIT_CROSSBAR;
}

/** The row f(r) of an edge (see cim_cc_edge). @param r 1-based @param rows the producer's rows */
int64_t cim_cc_edge_row(const cim_cc_edge *e, int64_t r, int64_t rows);
/** The position g(c) of an edge with cols > 0. @param c 1-based */
int64_t cim_cc_edge_col(const cim_cc_edge *e, int64_t c);

/** Position by position, as elementwise operators read: row r needs row r and, of what is known by
 *  positions, position c needs position c. */
bool cim_cc_edge_follows(const cim_cc_edge *e);

/** Invariants: topological order, positive sizes, edges in range, sums right.
 *  @return CIM_E_INTERNAL naming the operator. */
CIM_MUST_CHECK cim_status cim_cc_graph_check(const cim_cc_graph *g, cim_err *err);

#endif
