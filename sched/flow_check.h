/* What the files of the flow's checker share. Nothing here comes from the compiler's plan: rules are
 * recomputed from the network's graph and the architecture. */
#ifndef CIM_SCHED_FLOW_CHECK_H
#define CIM_SCHED_FLOW_CHECK_H

#include "sched/flow.h"

/* A parallel loop or block that the statement in hand is in. Branches (iterations, items) are visited one
 * after another and a counter ticks between them: what happened from `from` until `branch` happened in
 * another branch, and so at any time. */
typedef struct fork {
    uint64_t from, branch;
    int64_t product; /* -1: none yet; inside a thread all branches work on one */
} fork;
enum { CIM_CC_CHECK_FORKS = CIM_CC_FLOW_MAX_VARS + 1 };

/* A crossbar: which tile it holds, when it was written (segment + 1; 0: never), rows so far. */
typedef struct held {
    cim_cc_op_id op;
    uint32_t when;
    int64_t tile, rows;
    uint64_t at; /* of the counter */
} held;

/* Addresses [low, high) of a core's buffer. */
typedef struct interval {
    int64_t low, high;
    int64_t what;    /* inputs: first of the product's vector; sums: column slot */
    uint64_t at;     /* when it was loaded, last added to or stored */
    uint64_t shared; /* `from` of a fork whose branches add to these sums, 0: none */
} interval;
typedef struct intervals {
    interval *v;
    size_t n, cap;
} intervals;

/* What a thread (a copy of an operator) uses of a core's buffer. */
typedef struct hull {
    int64_t core, low, high;
    uint64_t thread;
    uint32_t block;
} hull;

typedef struct core_state {
    uint64_t epoch; /* of the product whose inputs and sums these are */
    intervals in, out;
    intervals stored;  /* sums that were there */
    int64_t low, high; /* addresses it has used */
} core_state;

/* How far a tile has been read for the product in hand. */
typedef struct tile_state {
    uint64_t epoch;
    uint64_t at;
    int64_t rows, core, out;
    bool done;
} tile_state;

typedef struct waited {
    uint64_t thread, at;
    int64_t rows, part, parts; /* part 0: all of the last row */
} waited;

typedef struct checker {
    const cim_cc_program *p;
    const char *name;
    const cim_cc_graph *g;
    cim_err *err;
    cim_arena ar;
    uint32_t segment, block;
    int64_t frame[CIM_CC_FLOW_MAX_VARS];
    uint64_t visited; /* statements and iterations */
    bool programming;
    held *held;             /* per crossbar */
    uint32_t *block_of;     /* per operator: its block in this segment, CIM_CC_INVALID: none */
    uint32_t *parts;        /* per operator: parts run so far */
    uint32_t *first, *last; /* per operator: when its result lives */
    uint32_t *from_segment, *to_segment; /* and from which segment to which */
    int64_t **written; /* per block of this segment: copies written of each tile */
    /* threads */
    uint64_t thread; /* the block, or a branch of its outermost fork */
    uint64_t now;
    fork forks[CIM_CC_CHECK_FORKS];
    uint32_t n_forks;
    waited *waits; /* per tensor */
    hull *hulls;
    size_t n_hulls, cap_hulls;
    /* the crossbar operator in hand */
    const cim_cc_flow_op *o;
    uint64_t epoch; /* one per product */
    int64_t product, n_read, n_products;
    bool open;     /* a product has begun */
    uint8_t *seen; /* per product */
    tile_state *tiles;
    core_state *cores;
    int64_t *used; /* cores of the product in hand */
    size_t n_used, cap_used;
    int64_t capacity;
    /* the digital operator in hand */
    int64_t steps;
} checker;

/** An error at a line. @return CIM_E_INPUT */
cim_status cim_cc_check_fail(checker *c, uint32_t line, const char *fmt, ...) CIM_PRINTF(3, 4);
cim_status cim_cc_check_nomem(checker *c);
/** Value of an argument; fails when it has none or is outside min..max. */
CIM_MUST_CHECK cim_status cim_cc_check_value(checker *c, const cim_cc_item *it, uint32_t slot,
                                             int64_t min, int64_t max, int64_t *out);
/** The operator a statement names must be the block's. */
CIM_MUST_CHECK cim_status cim_cc_check_op(checker *c, const cim_cc_item *it, uint32_t slot);

/** Whether what happened then may as well happen after what is looked at now. */
bool cim_cc_check_concurrent(const checker *c, uint64_t at);

/* flow_check_walk.c */
/** Visit items in order. */
CIM_MUST_CHECK cim_status cim_cc_check_items(checker *c, uint32_t first);

/* flow_check_product.c: statements of crossbar operators */
/** Every tile of a block was written once per copy. */
CIM_MUST_CHECK cim_status cim_cc_check_written(checker *c, uint32_t block);
CIM_MUST_CHECK cim_status cim_cc_check_write(checker *c, const cim_cc_item *it);
/** Which argument of a statement is its product's number, 0: none. */
uint32_t cim_cc_check_product_slot(const cim_cc_item *it);
CIM_MUST_CHECK cim_status cim_cc_check_product(checker *c, const cim_cc_item *it);
/** The product in hand ends: everything was read and stored. */
CIM_MUST_CHECK cim_status cim_cc_check_product_end(checker *c, uint32_t line);
/** Another product that runs as the one before it did. */
CIM_MUST_CHECK cim_status cim_cc_check_product_like(checker *c, const cim_cc_item *it,
                                                    int64_t product);
/** Threads that run together must not share addresses. Empties the list. */
CIM_MUST_CHECK cim_status cim_cc_check_hulls(checker *c);

/* flow_check_wait.c */
void cim_cc_check_wait(checker *c, uint32_t tensor, int64_t rows, int64_t part, int64_t parts);
/** What row `row` (1-based) of the block's operator reads has been waited for.
 *  @param product  of crossbar operators, -1: digital */
CIM_MUST_CHECK cim_status cim_cc_check_waited(checker *c, const cim_cc_item *it, int64_t row,
                                              int64_t product);

/** The operand that the block's operator writes to crossbars has been waited for. */
CIM_MUST_CHECK cim_status cim_cc_check_operand(checker *c, const cim_cc_item *it);

/* flow_check_tensor.c */
CIM_MUST_CHECK cim_status cim_cc_check_tensors(checker *c);

#endif
