/* The network as imported: nodes, attributes and tensors at the level of ONNX, with every shape
 * known after cim_cc_net_infer(). The compiler's graph (sched/graph.h) is lowered from it; code
 * that needs weights, attributes or quantisation (a functional simulator) walks this.
 *
 *   import_onnx.c  bytes -> net          names resolved, nodes in topological order
 *   shape*.c       dynamic dimensions bound, shapes inferred, constants folded (fold*.c)
 *   lower*.c       net -> cim_cc_graph
 *
 * Everything lives in the net's arena; indices, not pointers, tie it together. */
#ifndef CIM_SCHED_NET_H
#define CIM_SCHED_NET_H

#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"
#include "sched/graph.h"
#include "sched/model.h"

/* Bounds that keep any input's cost finite. The largest published networks stay far below. */
enum {
    CIM_CC_NET_MAX_NODES = 1 << 18,
    CIM_CC_NET_MAX_FIELDS = 1 << 22, /* protobuf fields kept from one file */
    CIM_CC_NET_MAX_NAME = 1024,      /* longer names are damage, not names */
    CIM_CC_FOLD_MAX = 1 << 16,       /* elements of a tensor whose values are computed */
    CIM_CC_FOLD_BUDGET = 1 << 23     /* elements of all of them together */
};
#define CIM_CC_NET_MAX_FILE INT64_C(0x7fffffff) /* protobuf's limit on one message */
#define CIM_CC_MAX_ELEMENTS (INT64_C(1) << 40)  /* of one tensor */

/** Element types, numbered as TensorProto.DataType. */
typedef enum cim_cc_dtype {
    CIM_CC_DT_NONE = 0,
    CIM_CC_DT_FLOAT = 1,
    CIM_CC_DT_UINT8 = 2,
    CIM_CC_DT_INT8 = 3,
    CIM_CC_DT_UINT16 = 4,
    CIM_CC_DT_INT16 = 5,
    CIM_CC_DT_INT32 = 6,
    CIM_CC_DT_INT64 = 7,
    CIM_CC_DT_STRING = 8,
    CIM_CC_DT_BOOL = 9,
    CIM_CC_DT_FLOAT16 = 10,
    CIM_CC_DT_DOUBLE = 11,
    CIM_CC_DT_UINT32 = 12,
    CIM_CC_DT_UINT64 = 13,
    CIM_CC_DT_COMPLEX64 = 14,
    CIM_CC_DT_COMPLEX128 = 15,
    CIM_CC_DT_BFLOAT16 = 16
} cim_cc_dtype;
bool cim_cc_dtype_is_real(int dtype);     /* float, double, float16, bfloat16 */
bool cim_cc_dtype_is_unsigned(int dtype); /* uint8..uint64, bool */
/** Bytes of an element; 0 for strings and unknown types. */
size_t cim_cc_dtype_size(int dtype);

/** Where a stored tensor's bytes are: nowhere (weight-free), in memory, or in a file. */
typedef struct cim_cc_data {
    const char *file; /* NULL: the model's own file */
    uint64_t offset, size;
    bool in_file;
} cim_cc_data;

typedef struct cim_cc_net_tensor {
    const char *name;
    int dtype; /* cim_cc_dtype */
    int rank;  /* -1: not known yet */
    int64_t dims[CIM_CC_MAX_RANK];
    int64_t elements;
    uint32_t producer; /* node, CIM_CC_INVALID for inputs and initialisers */
    uint32_t input;    /* index of the network input it is, or CIM_CC_INVALID */
    bool initializer;  /* stored in the file; also values of Constant nodes */
    bool constant;     /* depends on stored tensors and shapes only */
    bool output;       /* leaves the network */
    cim_cc_data data;  /* of initialisers that were not loaded */
    /* values when constant, small and known: integers and booleans, or reals; else both NULL */
    const int64_t *ints;
    const double *reals;
} cim_cc_net_tensor;

/** Kinds of attributes, numbered as AttributeProto.AttributeType. */
typedef enum cim_cc_attr_kind {
    CIM_CC_ATTR_FLOAT = 1,
    CIM_CC_ATTR_INT = 2,
    CIM_CC_ATTR_STRING = 3,
    CIM_CC_ATTR_TENSOR = 4,
    CIM_CC_ATTR_GRAPH = 5,
    CIM_CC_ATTR_FLOATS = 6,
    CIM_CC_ATTR_INTS = 7,
    CIM_CC_ATTR_STRINGS = 8,
    CIM_CC_ATTR_OTHER = 99 /* sparse tensors and what newer versions bring */
} cim_cc_attr_kind;

typedef struct cim_cc_net_attr {
    const char *name;
    cim_cc_attr_kind kind;
    double f;
    int64_t i;
    const char *s;   /* NUL-terminated copy */
    uint32_t tensor; /* CIM_CC_ATTR_TENSOR: an unnamed tensor of the net */
    size_t n;        /* of floats, ints or strings */
    const double *floats;
    const int64_t *ints;
} cim_cc_net_attr;

struct cim_cc_net_def;

typedef struct cim_cc_net_node {
    const char *name; /* unique */
    const char *type; /* ONNX operator type */
    const struct cim_cc_net_def *def;
    int64_t opset;              /* version of its domain */
    uint32_t *inputs, *outputs; /* tensors; CIM_CC_INVALID: omitted */
    uint32_t n_inputs, n_outputs;
    cim_cc_net_attr *attrs;
    uint32_t n_attrs;
} cim_cc_net_node;

/** A network input before binding: dims < 0 are dynamic. */
typedef struct cim_cc_net_input {
    uint32_t tensor;
    int rank; /* -1: the file does not say */
    int64_t dims[CIM_CC_MAX_RANK];
    const char *params[CIM_CC_MAX_RANK]; /* names of dynamic dimensions, NULL when unnamed */
} cim_cc_net_input;

typedef struct cim_cc_net_meta {
    const char *key, *value;
} cim_cc_net_meta;

typedef struct cim_cc_net {
    cim_arena arena;
    const char *name;     /* for messages: a file or built-in name */
    const char *producer; /* exporter, "" when unknown */
    cim_cc_net_tensor *tensors;
    uint32_t n_tensors;
    cim_cc_net_node *nodes; /* topological order */
    uint32_t n_nodes;
    cim_cc_net_input *inputs;
    uint32_t n_inputs;
    uint32_t *outputs;
    uint32_t n_outputs;
    cim_cc_net_meta *meta; /* metadata_props */
    uint32_t n_meta;
    int64_t fold_budget;
    cim_text notes; /* what was assumed, one line each */
    /* per node, once lowered (before: NULL); CIM_CC_INVALID when it has none */
    uint32_t *op_of;  /* its operator in the compiler's graph */
    uint32_t *folded; /* BatchNormalization: the node whose weights it was folded into */
} cim_cc_net;

/** An empty net. @return NULL: out of memory. Destroy with cim_cc_net_destroy(). */
cim_cc_net *cim_cc_net_create(const char *name);
void cim_cc_net_destroy(cim_cc_net *net);
/** CIM_E_NOMEM with the net's name. */
cim_status cim_cc_net_nomem(const cim_cc_net *net, cim_err *err);
/** An error about a node: where = "NET: node 'NAME' (TYPE)". @return CIM_E_INPUT */
cim_status cim_cc_node_error(const cim_cc_net *net, const cim_cc_net_node *node, cim_err *err,
                             const char *fmt, ...) CIM_PRINTF(4, 5);
/** The value of a metadata property or NULL. */
const char *cim_cc_net_meta_find(const cim_cc_net *net, const char *key);

/** Read a serialised ModelProto. Large tensors stay where they are (cim_cc_data).
 *  @param bytes  borrowed for the call
 *  @return CIM_OK; CIM_E_INPUT: damaged, too large, unsupported construct; CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_cc_net_import(cim_cc_net *net, const void *bytes, size_t size,
                                            cim_err *err);
/** The value of an element of a stored tensor from its little-endian bits. */
double cim_cc_stored_value(int dtype, uint64_t bits);
/** First half of it: copy a ModelProto without what import does not need. Large tensor data become
 *  offsets into the file, every length is checked, the number of fields is bounded.
 *  Source of the format: protobuf.dev/programming-guides/encoding.
 *  @param[out] out  a smaller, valid serialisation */
CIM_MUST_CHECK cim_status cim_cc_onnx_scan(const void *bytes, size_t size, const char *name,
                                           cim_text *out, cim_err *err);
/** Reorder nodes so that producers come first (stable). @return CIM_E_INPUT naming a cycle. */
CIM_MUST_CHECK cim_status cim_cc_net_sort(cim_cc_net *net, cim_err *err);

/** Bind dynamic dimensions of inputs: options, then defaults (metadata, batch 1 with a note).
 *  @return CIM_E_INPUT naming the input and how to bind it. */
CIM_MUST_CHECK cim_status cim_cc_net_bind(cim_cc_net *net, const cim_cc_model_options *options,
                                          cim_err *err);
/** Infer every shape and fold every constant. Needs: sorted and bound. */
CIM_MUST_CHECK cim_status cim_cc_net_infer(cim_cc_net *net, cim_err *err);
/** The compiler's graph. @param[out] graph lives in `ar` */
CIM_MUST_CHECK cim_status cim_cc_net_lower(cim_cc_net *net, cim_arena *ar, cim_cc_graph *graph,
                                           cim_err *err);

#endif
