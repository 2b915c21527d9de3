/* The meta-operator flow: what the chip does, operator by operator, as a program of loops.
 *
 *   cim_cc_flow_emit()   plan -> program            flow_emit.c
 *   cim_cc_flow_write()  program -> text            flow_write.c
 *   cim_cc_flow_parse()  text -> program            flow_parse.c
 *   cim_cc_flow_check()  is it a legal program of this network on this chip?   flow_check*.c
 *   cim_cc_simulate()    runs it with numbers (sched/sim.h)
 *
 * Meaning of every construct and the grammar: sched/FLOW.md. A program is declarations (chip,
 * tensors), segments that follow one another, in each the programming of crossbars and then operator
 * blocks; a block is a tree of items: loops, bindings and statements, whose arguments are integer
 * expressions over the loops' variables. A table (cim_cc_mop_defs) says which arguments a statement
 * has; writer, parser and checker are driven by it. */
#ifndef CIM_SCHED_FLOW_H
#define CIM_SCHED_FLOW_H

#include "hwspace/arch.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"
#include "sched/graph.h"
#include "sched/plan.h"

enum {
    CIM_CC_FLOW_VERSION = 1,
    CIM_CC_FLOW_MAX_VARS = 32,  /* nested loops and bindings */
    CIM_CC_FLOW_MAX_DEPTH = 64, /* of an expression */
    CIM_CC_FLOW_MAX_FILE = 256 << 20
};
typedef struct cim_cc_program cim_cc_program;
#define CIM_CC_NO_ITEM UINT32_MAX
/** What an expression without a value gives: division by less than 1 or of a negative number, or a
 *  magnitude beyond 2^53. */
#define CIM_CC_UNDEFINED INT64_MIN

/* ---- expressions ------------------------------------------------------------------------------- */

/** Index of a node in program->exprs. */
typedef uint32_t cim_cc_expr;

typedef enum cim_cc_expr_op {
    CIM_CC_EX_CONST,
    CIM_CC_EX_VAR,
    CIM_CC_EX_ADD,
    CIM_CC_EX_SUB,
    CIM_CC_EX_MUL,
    CIM_CC_EX_DIV, /* floor, of non-negative by positive */
    CIM_CC_EX_MOD,
    CIM_CC_EX_MIN,
    CIM_CC_EX_MAX
} cim_cc_expr_op;

typedef struct cim_cc_expr_node {
    int32_t op;       /* cim_cc_expr_op */
    cim_cc_expr a, b; /* operands, smaller indices; a variable: a is its place in the frame */
    int64_t value;    /* of a constant */
} cim_cc_expr_node;

/* ---- statements ---------------------------------------------------------------------------------- */

typedef enum cim_cc_mop {
    CIM_CC_MOP_WAIT,       /* until rows of a tensor are there */
    CIM_CC_MOP_WRITE_CORE, /* program tiles of an operator into a core (core mode) */
    CIM_CC_MOP_WRITE_XB,   /* a tile into a crossbar (crossbar mode) */
    CIM_CC_MOP_WRITE_ROW,  /* a row of a tile (wordline mode) */
    CIM_CC_MOP_READ_CORE,  /* multiply: all tiles of a core */
    CIM_CC_MOP_READ_XB,    /* one crossbar */
    CIM_CC_MOP_READ_ROW,   /* rows of a crossbar that are on together */
    CIM_CC_MOP_LOAD,       /* mov: inputs of a product, tensor -> L1 */
    CIM_CC_MOP_STORE,      /* mov: its sums, L1 -> tensor */
    CIM_CC_MOP_ACCUMULATE, /* additions of partial sums and bias on a core's ALU */
    CIM_CC_MOP_DIGITAL,    /* one step of a digital operator, or of one that only renames */
    CIM_CC_N_MOPS
} cim_cc_mop;

typedef enum cim_cc_slot_kind {
    CIM_CC_SLOT_EXPR,
    CIM_CC_SLOT_OP,      /* operator of the graph: a constant */
    CIM_CC_SLOT_TENSOR,  /* "t3", "x0" */
    CIM_CC_SLOT_TENSORS, /* "t3,t7,x0" */
    CIM_CC_SLOT_REAL
} cim_cc_slot_kind;

typedef struct cim_cc_slot {
    const char *name;
    cim_cc_slot_kind kind;
    bool optional; /* an expression or real that is 0 when it is not written */
} cim_cc_slot;

enum { CIM_CC_MAX_SLOTS = 8 };
typedef struct cim_cc_mop_def {
    const char *name; /* in the text; digital operators have their ONNX type in lower case */
    uint32_t n_slots;
    cim_cc_slot slots[CIM_CC_MAX_SLOTS];
} cim_cc_mop_def;
extern const cim_cc_mop_def cim_cc_mop_defs[CIM_CC_N_MOPS];

/** Digital operators are rows of the table of ONNX operators (cim_cc_net_def_at): the type in lower
 *  case. @param buf  where the name is written @return buf */
const char *cim_cc_flow_type_name(uint32_t type, char *buf, size_t size);
/** By name, in any case; the standard domain's when another has the same. @return CIM_CC_INVALID */
uint32_t cim_cc_flow_type_find(const char *name);

/** Places of the arguments of each statement, as in cim_cc_mop_defs. */
enum {
    CIM_CC_WAIT_TENSOR,
    CIM_CC_WAIT_ROWS,
    CIM_CC_WAIT_PART, /* staggered: of the last of these rows only the first part / parts; 0: all */
    CIM_CC_WAIT_PARTS
};
enum {
    CIM_CC_WRITE_CORE_CORE,
    CIM_CC_WRITE_CORE_OP,
    CIM_CC_WRITE_CORE_TILE,
    CIM_CC_WRITE_CORE_TILES
};
enum { CIM_CC_WRITE_XB_XB, CIM_CC_WRITE_XB_OP, CIM_CC_WRITE_XB_TILE };
enum { CIM_CC_WRITE_ROW_XB, CIM_CC_WRITE_ROW_OP, CIM_CC_WRITE_ROW_TILE, CIM_CC_WRITE_ROW_ROW };
enum {
    CIM_CC_READ_UNIT, /* core or crossbar */
    CIM_CC_READ_OP,
    CIM_CC_READ_PRODUCT,
    CIM_CC_READ_TILE,
    CIM_CC_READ_IN,
    CIM_CC_READ_OUT,
    CIM_CC_READ_FIRST, /* read_core: number of tiles; read_row: first row in the crossbar */
    CIM_CC_READ_ROWS   /* read_row */
};
enum { CIM_CC_READ_TILES = CIM_CC_READ_FIRST };
enum {
    CIM_CC_LOAD_TENSOR,
    CIM_CC_LOAD_OP,
    CIM_CC_LOAD_PRODUCT,
    CIM_CC_LOAD_FIRST,  /* of the product's input vector, all groups one after another */
    CIM_CC_LOAD_LENGTH, /* elements */
    CIM_CC_LOAD_CORE,
    CIM_CC_LOAD_ADDRESS,
    CIM_CC_LOAD_MOVED /* elements that travel: what a sliding window has is not moved again */
};
enum {
    CIM_CC_STORE_TENSOR,
    CIM_CC_STORE_OP,
    CIM_CC_STORE_PRODUCT,
    CIM_CC_STORE_CORE,
    CIM_CC_STORE_ADDRESS,
    CIM_CC_STORE_TILE,
    CIM_CC_STORE_TILES,
    CIM_CC_STORE_MOVED
};
enum {
    CIM_CC_ACCUMULATE_CORE,
    CIM_CC_ACCUMULATE_OP,
    CIM_CC_ACCUMULATE_PRODUCT,
    CIM_CC_ACCUMULATE_ADDS
};
enum {
    CIM_CC_DIGITAL_TENSOR, /* the result */
    CIM_CC_DIGITAL_IN,
    CIM_CC_DIGITAL_STEP,
    CIM_CC_DIGITAL_MOVED /* elements over the network, in and out, in this step */
};

typedef union cim_cc_arg {
    cim_cc_expr expr; /* EXPR */
    uint32_t id;      /* OP, TENSOR (index in program->tensors) */
    struct {
        uint32_t first, n; /* TENSORS: in program->lists */
    } list;
    double real; /* REAL */
} cim_cc_arg;

/* ---- items ---------------------------------------------------------------------------------------- */

typedef enum cim_cc_item_kind {
    CIM_CC_ITEM_SEQUENCE,     /* { ... }: one after another */
    CIM_CC_ITEM_PARALLEL,     /* parallel { ... } */
    CIM_CC_ITEM_FOR,          /* for v in a..b step s */
    CIM_CC_ITEM_PARALLEL_FOR, /* parallel for v in a..b step s */
    CIM_CC_ITEM_LET,          /* let v = e, until the end of the block it stands in */
    CIM_CC_ITEM_STATEMENT
} cim_cc_item_kind;

/** Arguments of loops (from, to, step) and of LET (value). */
enum { CIM_CC_FOR_FROM, CIM_CC_FOR_TO, CIM_CC_FOR_STEP };

typedef struct cim_cc_item {
    uint8_t kind; /* cim_cc_item_kind */
    uint8_t mop;  /* STATEMENT: cim_cc_mop */
    uint16_t var; /* loops and LET: place in the frame */
    uint32_t line;
    uint32_t type;    /* DIGITAL: row of the table of operators, cim_cc_net_def_at() */
    uint32_t child;   /* first item inside, CIM_CC_NO_ITEM: none */
    uint32_t next;    /* the item after this one in its block */
    uint32_t args;    /* first argument in program->args */
    const char *name; /* of the variable */
} cim_cc_item;

/* ---- declarations ----------------------------------------------------------------------------------- */

typedef enum cim_cc_space {
    CIM_CC_SPACE_L0,
    CIM_CC_SPACE_OFFCHIP,
    CIM_CC_SPACE_SPILLED, /* off-chip between segments: `spill` of segments counts what moves */
    CIM_CC_SPACE_FUSED, /* no storage: its only reader takes it element by element as it appears */
    CIM_CC_SPACE_VIEW   /* no storage: the result of an operator that only renames */
} cim_cc_space;
extern const char *const cim_cc_space_words[];

/** Operator i's result is tensor i; network input k is tensor n_ops + k. Addresses and sizes in
 *  elements. */
typedef struct cim_cc_tensor {
    cim_cc_space space;
    int64_t address;
    int64_t rows; /* all images */
    int64_t row_elements;
    int64_t window; /* rows kept at a time: the storage is window * row_elements */
    uint32_t line;
} cim_cc_tensor;

/** How an operator's matrices are cut into tiles, one per crossbar. Tile u holds, of pack (or group)
 *  g, row tile i and column tile j with slice b (binding crossbars; else b = 0, B = 1):
 *      row-major     u = ((g * row_tiles + i) * col_tiles + j) * B + b
 *      column-major  u = ((g * col_tiles + j) * row_tiles + i) * B + b
 *  Physical column q of column tile j is column j * tile_cols + q of the matrix' physical columns; with
 *  binding columns that is column x % n of weight x / n, n = slices * polarities, and binding crossbars n =
 *  polarities; column k of a weight is slice k / polarities, negative when k % polarities is 1. */
typedef struct cim_cc_tiling {
    int64_t rows, cols, groups;   /* the matrices, columns in weights */
    int64_t slices;               /* digits of a weight */
    int64_t polarities;           /* columns per slice, side by side: 2 for positive and negative */
    int64_t row_tiles, col_tiles; /* of one matrix */
    int64_t tile_rows, tile_cols; /* of every tile but the last; tile_cols physical */
    int64_t pack;                 /* groups that share a tile, block-diagonally */
    bool by_columns;              /* binding: slices side by side */
    bool column_major;
} cim_cc_tiling;

/** One tile of it. */
typedef struct cim_cc_tile {
    int64_t group, groups;         /* first, number */
    int64_t first_row, rows;       /* of each group's matrix; wordlines in use: groups * rows */
    int64_t first_col, cols;       /* physical columns of each group's matrix */
    int64_t slice;                 /* binding crossbars */
    int64_t first_weight, weights; /* matrix columns it has cells of, per group */
    int64_t row_slot, col_slot;    /* index of its (group, row tile) and (group, column tile) */
} cim_cc_tile;

int64_t cim_cc_tiling_tiles(const cim_cc_tiling *t);
/** Tiles that cannot be separated: the slices of a weight on crossbars, else 1. */
int64_t cim_cc_tiling_piece(const cim_cc_tiling *t);
/** Physical columns of a weight in one tile. */
int64_t cim_cc_tiling_columns(const cim_cc_tiling *t);
/** Wordlines of the fullest tile, and sums that come out of the widest. */
int64_t cim_cc_tiling_rows(const cim_cc_tiling *t);
int64_t cim_cc_tiling_weights(const cim_cc_tiling *t);
/** @param u  0 <= u < tiles */
cim_cc_tile cim_cc_tiling_at(const cim_cc_tiling *t, int64_t u);

/** What a run of tiles that shares a core's buffer needs there: sums first, then inputs. Tiles of the
 *  same columns add to the same sums, tiles of the same rows read the same inputs. */
typedef struct cim_cc_run_layout {
    int64_t in_slots, out_slots;
    int64_t elements;
} cim_cc_run_layout;
/** @param first, n  tiles first..first+n-1, n >= 1 */
cim_cc_run_layout cim_cc_tiling_run(const cim_cc_tiling *t, int64_t first, int64_t n);
/** Places of tile u among the inputs and sums of a run that starts with tile `first`. */
int64_t cim_cc_tiling_in_slot(const cim_cc_tiling *t, int64_t first, int64_t u);
int64_t cim_cc_tiling_out_slot(const cim_cc_tiling *t, int64_t first, int64_t u);

/** A block `operator ... { }`. */
typedef struct cim_cc_flow_op {
    cim_cc_op_id op;
    cim_cc_unit unit;
    uint32_t body; /* a SEQUENCE */
    uint32_t line;
    double slow; /* its legs take so many times as long, at least 1: to keep a power cap */
    /* crossbar operators */
    uint32_t part, n_parts;
    int64_t copies, products;
    int64_t first_tile, tiles; /* this part's share of the tiling */
    int64_t base, stride; /* copy c's tile first_tile + t is in crossbar base + c * stride + t */
    cim_cc_tiling tiling;
} cim_cc_flow_op;

typedef struct cim_cc_flow_segment {
    double spill_bits; /* out and back before it */
    bool ahead;        /* its crossbars may be written while the segment before it runs */
    bool pipelined;   /* operators are concurrent threads that wait for each other; else in order */
    uint32_t program; /* a SEQUENCE: writes */
    uint32_t first, n; /* operator blocks */
    uint32_t line;
} cim_cc_flow_segment;

/** What the flow was made for. Crossbars are counted core by core: crossbar x is in core
 *  x / crossbars; core k of the flow is physical core placement[k]. */
typedef struct cim_cc_flow_chip {
    int64_t mode; /* cim_hw_mode */
    int64_t cores, crossbars, rows, cols, parallel_rows;
    int64_t weight_bits, activation_bits, cell_bits, dac_bits;
    int64_t slices, polarities; /* of a weight; columns of a slice: 2 for signed pairs */
    int64_t binding;            /* cim_hw_binding */
    int64_t l0, l1;             /* elements; -1: unlimited */
    int64_t level;              /* cim_hw_level */
    int64_t batch;              /* the flow is run so many times */
    bool stagger;               /* products start as their own inputs arrive */
} cim_cc_flow_chip;

struct cim_cc_program {
    cim_arena arena; /* names */
    const char *network;
    cim_cc_flow_chip chip;
    uint32_t *placement; /* chip.cores, NULL: core k is physical core k */
    cim_cc_tensor *tensors;
    uint32_t n_tensors, n_ops;
    cim_cc_flow_segment *segments;
    uint32_t n_segments;
    cim_cc_flow_op *ops; /* operator blocks of all segments in order */
    uint32_t n_blocks;
    cim_cc_item *items;
    uint32_t n_items;
    cim_cc_arg *args;
    uint32_t n_args;
    cim_cc_expr_node *exprs;
    uint32_t n_exprs;
    uint32_t *lists;
    uint32_t n_lists;
    size_t cap_segments, cap_ops, cap_items, cap_args, cap_exprs, cap_lists;
};

/** @return NULL: out of memory */
cim_cc_program *cim_cc_program_create(void);
void cim_cc_program_destroy(cim_cc_program *p);

/** The edge that brings a crossbar operator's input vectors: not the one of a written operand, unless both
 *  operands are the same tensor. @return NULL: it reads nothing */
const cim_cc_edge *cim_cc_flow_input(const cim_cc_graph *g, cim_cc_op_id op);
/** The chip a flow is made for, from the architecture that is compiled for. */
void cim_cc_flow_chip_of(const cim_hw_arch *arch, cim_cc_flow_chip *chip);

/** Elements of a core's buffer for each of its crossbars, where copies may share a core (units are
 *  crossbars): a copy has the shares of its own crossbars. */
int64_t cim_cc_flow_share(const cim_cc_flow_chip *chip);
/** Addresses of a core's buffer; unlimited: what all its crossbars can need. */
int64_t cim_cc_flow_capacity(const cim_cc_flow_chip *chip);

/** Value of an expression. @param frame  values of the variables around it
 *  @return CIM_CC_UNDEFINED when it has none. Cost: a few ns per node. */
int64_t cim_cc_expr_value(const cim_cc_program *p, cim_cc_expr e, const int64_t *frame);
/** Argument `slot` of a statement (or loop, LET) as an expression's value. */
static inline int64_t cim_cc_arg_value(const cim_cc_program *p, const cim_cc_item *item,
                                       uint32_t slot, const int64_t *frame)
{
    return cim_cc_expr_value(p, p->args[item->args + slot].expr, frame);
}

/** The graph that a flow for an architecture is of: the network's, or the one with products of two
 *  activations on crossbars. @param ar  where it lives, when it is another */
CIM_MUST_CHECK cim_status cim_cc_flow_graph(const cim_cc_graph *network, const cim_hw_arch *arch,
                                            cim_arena *ar, const cim_cc_graph **out, cim_err *err);

/** The flow of a plan.
 *  @param plan  feasible; borrowed for the call
 *  @param[out] out  owned by the caller
 *  @return CIM_OK, CIM_E_NOMEM. Cost: O(operators), whatever the number of products. */
CIM_MUST_CHECK cim_status cim_cc_flow_emit(const cim_cc_plan *plan, cim_cc_program **out,
                                           cim_err *err);

/** Write a program as text. @param graph  the network's */
void cim_cc_flow_write(const cim_cc_program *p, const cim_cc_graph *graph, cim_text *out);

/** Read a program from text.
 *  @param name   of the file, for messages  @param graph  the network it is for; borrowed
 *  @param[out] out  owned by the caller
 *  @return CIM_E_INPUT: where = "NAME:LINE", what was found and what is allowed; CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_cc_flow_parse(const char *text, size_t size, const char *name,
                                            const cim_cc_graph *graph, cim_cc_program **out,
                                            cim_err *err);
/** Whether a program is legal for a network and a chip; recomputes from those, never from a plan.
 *  Rules: sched/FLOW.md, "Legal programs".
 *  @param name  of the file, for messages
 *  @return CIM_E_INPUT: where = "NAME:LINE", what was found and what is allowed; CIM_E_NOMEM.
 *  Cost: the statements of one product per copy, and one wait per product. */
CIM_MUST_CHECK cim_status cim_cc_flow_check(const cim_cc_program *p, const char *name,
                                            const cim_cc_graph *graph, const cim_hw_arch *arch,
                                            cim_err *err);
/** A name in quotes, escaped. */
void cim_cc_flow_write_name(const char *name, cim_text *out);
extern const char *const cim_cc_flow_binding_words[];

/* ---- building -------------------------------------------------------------------------------------- */

/** Appends to a program. After an allocation failure `failed` is set and calls do nothing, so only
 *  the end needs a check. */
typedef struct cim_cc_builder {
    cim_cc_program *p;
    bool failed;
    uint32_t line;  /* given to new items */
    uint32_t depth; /* open blocks */
    struct {
        uint32_t item, last, n_vars;
    } open[2 * CIM_CC_FLOW_MAX_VARS];
    uint32_t n_vars;
    const char *vars[CIM_CC_FLOW_MAX_VARS]; /* names in scope, by place in the frame */
} cim_cc_builder;

/** Constants are folded, x + 0, x * 1 and the like disappear. */
cim_cc_expr cim_cc_ex_const(cim_cc_builder *b, int64_t value);
cim_cc_expr cim_cc_ex_var(cim_cc_builder *b, uint32_t var);
cim_cc_expr cim_cc_ex(cim_cc_builder *b, cim_cc_expr_op op, cim_cc_expr x, cim_cc_expr y);

/** Open a block; items that follow are inside until cim_cc_close(). A block opened outside of any
 *  other is a root. @return its index */
uint32_t cim_cc_open_block(cim_cc_builder *b, cim_cc_item_kind kind);
/** Open a loop. @param name  of its variable, copied @return the variable's place in the frame */
uint32_t cim_cc_open_for(cim_cc_builder *b, bool parallel, const char *name, cim_cc_expr from,
                         cim_cc_expr to, cim_cc_expr step);
void cim_cc_close(cim_cc_builder *b);
/** @return the variable's place in the frame */
uint32_t cim_cc_let(cim_cc_builder *b, const char *name, cim_cc_expr value);
/** A statement. @param args  as many as its row of the table has slots */
void cim_cc_statement(cim_cc_builder *b, cim_cc_mop mop, uint32_t type, const cim_cc_arg *args);
/** A list of tensors for a TENSORS argument. */
cim_cc_arg cim_cc_list(cim_cc_builder *b, const uint32_t *tensors, uint32_t n);

#endif
