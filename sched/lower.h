/* What the files of the lowering (net -> cim_cc_graph) share. */
#ifndef CIM_SCHED_LOWER_H
#define CIM_SCHED_LOWER_H

#include "sched/net_ops.h"

/** How a tensor arrives over time: slices along `axis`, in order, for one image after another. */
typedef struct cim_cc_arrival {
    int axis; /* -1: all of an image at once */
    int column; /* dimension along which positions of a slice follow each other; -1: none or several */
    int batch;      /* dimension that holds the images, -1: none (they arrive together) */
    bool minor;     /* axis == batch, images vary faster than slices (sequence-first attention) */
    int64_t offset; /* slices the producing operator gives before this tensor's first (Split) */
} cim_cc_arrival;

typedef struct cim_cc_lowering {
    cim_cc_net *net;
    cim_cc_graph *graph;
    cim_arena *ar;     /* the graph's */
    cim_arena scratch; /* of the lowering */
    cim_err *err;
    bool *live;              /* per node: its result is needed and not constant */
    uint32_t *uses;          /* per tensor: live consumers, network outputs included */
    uint32_t *folded;        /* per node: the node a BatchNorm was folded into, or CIM_CC_INVALID */
    cim_cc_op_id *op_of;     /* per node */
    cim_cc_arrival *arrival; /* per tensor */
    bool *nonneg;            /* per tensor: known to be >= 0 */
    bool *counted;           /* per tensor: its parameters are counted */
    int64_t images;          /* batch of the network */
    uint32_t cap_edges;
} cim_cc_lowering;

/** Input i when it is an activation (not omitted, not constant), else NULL. */
const cim_cc_net_tensor *cim_cc_activation(const cim_cc_infer *x, uint32_t i);

/** Unit, matrix, MACs and ALU work of a node. Fails the node on overflow. */
void cim_cc_count(cim_cc_infer *x, cim_cc_op *op);
/** Whether the node is a product with a constant side, mapped to crossbars. */
bool cim_cc_on_crossbars(cim_cc_infer *x);

/** The input of a product of two activations that would be written to arrays, UINT32_MAX: none. */
uint32_t cim_cc_written_slot(const cim_cc_infer *x, const cim_cc_op *op);

/** Default arrival of network inputs. */
void cim_cc_arrival_inputs(cim_cc_lowering *l);
/** Arrival of the node's outputs; edges[i] for every activation input slot i. */
void cim_cc_arrival_node(cim_cc_lowering *l, cim_cc_infer *x, cim_cc_edge *edges, cim_cc_op *op);
/** Slices of a tensor per image. */
int64_t cim_cc_arrival_rows(const cim_cc_lowering *l, uint32_t tensor);

void cim_cc_sign_inputs(cim_cc_lowering *l);
void cim_cc_sign_node(cim_cc_lowering *l, cim_cc_infer *x);

/** Parameters first used by this node. */
CIM_MUST_CHECK cim_status cim_cc_params_node(cim_cc_lowering *l, uint32_t node, int64_t *out);

#endif
