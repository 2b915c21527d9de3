/* ModelProto -> cim_cc_net: names become indices, small constants become values. */
#include "sched/net.h"
#include "sched/net_ops.h"

#include "hwspace/base/hash.h"
#include "sched/onnx.pb-c.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing from names to tensors. */
typedef struct names {
    uint32_t *slot;
    uint64_t mask;
} names;

typedef struct importer {
    cim_cc_net *net;
    const Onnx__GraphProto *g;
    cim_err *err;
    names tensors;
    uint32_t cap_tensors;
    cim_arena scratch;
    int64_t opset_ai, opset_ms;
} importer;

static uint32_t *slot_of(const names *n, const cim_cc_net *net, const char *name)
{
    uint64_t h = cim_hash64(name, strlen(name), 0) & n->mask;
    while (n->slot[h] && strcmp(net->tensors[n->slot[h] - 1].name, name) != 0)
        h = (h + 1) & n->mask;
    return &n->slot[h];
}

static uint32_t tensor_find(const importer *im, const char *name)
{
    uint32_t s = *slot_of(&im->tensors, im->net, name);
    return s ? s - 1 : CIM_CC_INVALID;
}

/* A new tensor; unnamed ones (attributes) are not entered in the table. */
static cim_status tensor_new(importer *im, const char *name, bool enter, uint32_t *out)
{
    cim_cc_net *net = im->net;
    if (strlen(name) > CIM_CC_NET_MAX_NAME)
        return cim_err_set(im->err, CIM_E_INPUT, net->name,
                           "has a name longer than %d characters: '%.40s...'", CIM_CC_NET_MAX_NAME,
                           name);
    cim_cc_net_tensor *t = &net->tensors[net->n_tensors];
    t->name = cim_arena_strdup(&net->arena, name);
    if (!t->name)
        return cim_cc_net_nomem(net, im->err);
    t->rank = -1;
    t->producer = t->input = CIM_CC_INVALID;
    *out = net->n_tensors++;
    if (enter)
        *slot_of(&im->tensors, net, name) = *out + 1;
    return CIM_OK;
}

/* ---- tensors ---------------------------------------------------------------------------------- */

static cim_status tensor_shape(importer *im, const Onnx__TensorProto *p, cim_cc_net_tensor *t)
{
    const char *file = im->net->name;
    if (p->n_dims > CIM_CC_MAX_RANK)
        return cim_err_set(im->err, CIM_E_INPUT, file,
                           "tensor '%.80s' has %zu dimensions, at most %d are supported", t->name,
                           p->n_dims, CIM_CC_MAX_RANK);
    t->rank = (int)p->n_dims;
    t->elements = 1;
    for (size_t i = 0; i < p->n_dims; i++) {
        int64_t d = t->dims[i] = p->dims[i];
        if (d < 0)
            return cim_err_set(im->err, CIM_E_INPUT, file,
                               "tensor '%.80s' has the negative dimension %lld", t->name,
                               (long long)d);
        if (d > 0 && t->elements > CIM_CC_MAX_ELEMENTS / d)
            return cim_err_set(im->err, CIM_E_INPUT, file,
                               "tensor '%.80s' has more than 2^40 elements", t->name);
        t->elements *= d;
    }
    t->dtype = p->data_type;
    if (t->dtype <= CIM_CC_DT_NONE || t->dtype > CIM_CC_DT_BFLOAT16)
        return cim_err_set(im->err, CIM_E_INPUT, file,
                           "tensor '%.80s' has the unknown element type %d (1 to 16 are known)",
                           t->name, t->dtype);
    t->initializer = t->constant = true;
    return CIM_OK;
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static double half_to_double(uint64_t h)
{
    int exponent = (int)(h >> 10 & 31);
    double mantissa = (double)(h & 1023), v;
    if (exponent == 31)
        v = mantissa != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        v = ldexp(mantissa, -24);
    else
        v = ldexp(1024 + mantissa, exponent - 25);
    return h >> 15 ? -v : v;
}

/* The value a stored bit pattern stands for. */
static double real_of(int dtype, uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float f;
    double d;
    switch (dtype) {
    case CIM_CC_DT_DOUBLE:
        memcpy(&d, &bits, sizeof d);
        return d;
    case CIM_CC_DT_FLOAT16:
        return half_to_double(bits);
    case CIM_CC_DT_BFLOAT16:
        low <<= 16;
        break;
    default:
        break;
    }
    memcpy(&f, &low, sizeof f);
    return (double)f;
}

static int64_t int_of(int dtype, uint64_t bits)
{
    switch (dtype) {
    case CIM_CC_DT_INT8:
        return bits & 0x80 ? (int64_t)(bits & 0xff) - 0x100 : (int64_t)(bits & 0xff);
    case CIM_CC_DT_INT16:
        return bits & 0x8000 ? (int64_t)(bits & 0xffff) - 0x10000 : (int64_t)(bits & 0xffff);
    case CIM_CC_DT_INT32:
        return bits & 0x80000000u ? (int64_t)(bits & 0xffffffffu) - INT64_C(0x100000000)
                                  : (int64_t)(bits & 0xffffffffu);
    default:
        return bits > INT64_MAX ? -(int64_t)(UINT64_MAX - bits) - 1 : (int64_t)bits;
    }
}

/* One element whatever field it is stored in. @return false: not stored there */
static bool stored_element(const Onnx__TensorProto *p, int dtype, size_t i, uint64_t *bits)
{
    size_t size = cim_cc_dtype_size(dtype);
    float f;
    uint32_t word;
    if (p->has_raw_data) {
        if (p->raw_data.len / size <= i)
            return false;
        *bits = little_endian(p->raw_data.data + i * size, size);
        return true;
    }
    if (i < p->n_float_data && dtype == CIM_CC_DT_FLOAT) {
        f = p->float_data[i];
        memcpy(&word, &f, sizeof word);
        *bits = word;
    } else if (i < p->n_double_data && dtype == CIM_CC_DT_DOUBLE) {
        memcpy(bits, &p->double_data[i], sizeof *bits);
    } else if (i < p->n_int64_data && dtype == CIM_CC_DT_INT64) {
        *bits = (uint64_t)p->int64_data[i];
    } else if (i < p->n_uint64_data && (dtype == CIM_CC_DT_UINT64 || dtype == CIM_CC_DT_UINT32)) {
        *bits = p->uint64_data[i];
    } else if (i < p->n_int32_data && size <= 4 && dtype != CIM_CC_DT_FLOAT) {
        *bits = (uint64_t)(uint32_t)p->int32_data[i];
    } else {
        return false;
    }
    return true;
}

double cim_cc_stored_value(int dtype, uint64_t bits)
{
    if (cim_cc_dtype_is_real(dtype))
        return real_of(dtype, bits);
    if (dtype == CIM_CC_DT_BOOL)
        return (bits & 0xff) != 0;
    if (dtype == CIM_CC_DT_UINT64)
        return (double)bits;
    return (double)int_of(dtype, bits);
}

static bool stored_anything(const Onnx__TensorProto *p)
{
    return (p->has_raw_data && p->raw_data.len > 0) || p->n_float_data || p->n_double_data ||
           p->n_int64_data || p->n_uint64_data || p->n_int32_data;
}

static cim_status tensor_values(importer *im, const Onnx__TensorProto *p, cim_cc_net_tensor *t)
{
    cim_cc_net *net = im->net;
    size_t n = (size_t)t->elements;
    bool real = cim_cc_dtype_is_real(t->dtype);
    if (t->elements > CIM_CC_FOLD_MAX || t->elements > net->fold_budget ||
        !cim_cc_dtype_size(t->dtype) || cim_cc_dtype_size(t->dtype) == 16 ||
        t->dtype == CIM_CC_DT_COMPLEX64)
        return CIM_OK;
    if (n > 0 && !stored_anything(p))
        return CIM_OK; /* shape only: stripped of its data */
    net->fold_budget -= t->elements;
    int64_t *ints = real ? NULL : cim_arena_take(&net->arena, n + 1, sizeof *ints);
    double *reals = real ? cim_arena_take(&net->arena, n + 1, sizeof *reals) : NULL;
    if (!ints && !reals)
        return cim_cc_net_nomem(net, im->err);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        if (!stored_element(p, t->dtype, i, &bits))
            return cim_err_set(im->err, CIM_E_INPUT, net->name,
                               "tensor '%.80s' has %zu elements but data for only %zu", t->name, n,
                               i);
        if (real)
            reals[i] = real_of(t->dtype, bits);
        else
            ints[i] = t->dtype == CIM_CC_DT_BOOL ? (bits & 0xff) != 0 : int_of(t->dtype, bits);
    }
    t->ints = ints;
    t->reals = reals;
    return CIM_OK;
}

/* A place in a file: decimal digits, as ONNX has it. */
static bool place_number(const char *text, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static cim_status external_place(importer *im, const Onnx__TensorProto *p, cim_cc_net_tensor *t)
{
    const char *name = p->name ? p->name : "";
    t->data.in_file = true;
    for (size_t i = 0; i < p->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = p->external_data[i];
        if (!e->key || !e->value)
            continue;
        bool offset = !strcmp(e->key, "offset"), length = !strcmp(e->key, "length");
        if (!strcmp(e->key, "location")) {
            t->data.file = cim_arena_strdup(&im->net->arena, e->value);
            if (!t->data.file)
                return cim_cc_net_nomem(im->net, im->err);
        } else if ((offset || length) &&
                   !place_number(e->value, offset ? &t->data.offset : &t->data.size)) {
            return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                               "tensor '%.80s': external data with the %s '%.40s', allowed is a "
                               "number of bytes",
                               name, e->key, e->value);
        }
    }
    if (!t->data.file || t->data.file[0] == '\0') /* the model's own file it cannot be */
        return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                           "tensor '%.80s': external data without a location", name);
    return CIM_OK;
}

static cim_status tensor_fill(importer *im, const Onnx__TensorProto *p, uint32_t id)
{
    cim_cc_net_tensor *t = &im->net->tensors[id];
    CIM_TRY(tensor_shape(im, p, t));
    if (p->has_data_location && p->data_location == 1)
        return external_place(im, p, t);
    if (!p->has_cim_file_offset)
        return tensor_values(im, p, t);
    t->data =
        (cim_cc_data){.in_file = true, .offset = p->cim_file_offset, .size = p->cim_file_size};
    uint64_t need = (uint64_t)t->elements * cim_cc_dtype_size(t->dtype);
    if (t->data.size < need)
        return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                           "tensor '%.80s' needs %llu bytes but has %llu", t->name,
                           (unsigned long long)need, (unsigned long long)t->data.size);
    return CIM_OK;
}

/* ---- attributes --------------------------------------------------------------------------------- */

static int attr_kind(const Onnx__AttributeProto *p)
{
    if (p->has_type && p->type != 0)
        return p->type;
    /* files older than the type field: by what is there */
    return p->has_f       ? CIM_CC_ATTR_FLOAT
           : p->has_i     ? CIM_CC_ATTR_INT
           : p->has_s     ? CIM_CC_ATTR_STRING
           : p->t         ? CIM_CC_ATTR_TENSOR
           : p->has_g     ? CIM_CC_ATTR_GRAPH
           : p->n_floats  ? CIM_CC_ATTR_FLOATS
           : p->n_ints    ? CIM_CC_ATTR_INTS
           : p->n_strings ? CIM_CC_ATTR_STRINGS
                          : CIM_CC_ATTR_INTS;
}

static cim_status attr_lists(importer *im, const Onnx__AttributeProto *p, cim_cc_net_attr *a)
{
    cim_arena *ar = &im->net->arena;
    if (a->kind == CIM_CC_ATTR_INTS) {
        int64_t *ints = cim_arena_take(ar, p->n_ints + 1, sizeof *ints);
        if (!ints)
            return cim_cc_net_nomem(im->net, im->err);
        for (size_t i = 0; i < p->n_ints; i++)
            ints[i] = p->ints[i];
        a->ints = ints;
        a->n = p->n_ints;
    } else if (a->kind == CIM_CC_ATTR_FLOATS) {
        double *floats = cim_arena_take(ar, p->n_floats + 1, sizeof *floats);
        if (!floats)
            return cim_cc_net_nomem(im->net, im->err);
        for (size_t i = 0; i < p->n_floats; i++)
            floats[i] = (double)p->floats[i];
        a->floats = floats;
        a->n = p->n_floats;
    }
    return CIM_OK;
}

static cim_status attr_fill(importer *im, const cim_cc_net_node *node,
                            const Onnx__AttributeProto *p, cim_cc_net_attr *a)
{
    cim_arena *ar = &im->net->arena;
    a->name = cim_arena_strdup(ar, p->name ? p->name : "");
    if (!a->name)
        return cim_cc_net_nomem(im->net, im->err);
    int kind = attr_kind(p);
    if (p->ref_attr_name && p->ref_attr_name[0])
        return cim_cc_node_error(im->net, node, im->err,
                                 "attribute '%.60s' refers to a function's; functions are not "
                                 "supported (inline them)",
                                 a->name);
    a->kind = kind >= CIM_CC_ATTR_FLOAT && kind <= CIM_CC_ATTR_STRINGS ? (cim_cc_attr_kind)kind
                                                                       : CIM_CC_ATTR_OTHER;
    a->f = (double)p->f;
    a->i = p->i;
    a->tensor = CIM_CC_INVALID;
    if (a->kind == CIM_CC_ATTR_STRING) {
        char *s = cim_arena_alloc(ar, p->s.len + 1, 1);
        if (!s)
            return cim_cc_net_nomem(im->net, im->err);
        if (p->s.len)
            memcpy(s, p->s.data, p->s.len);
        a->s = s;
    } else if (a->kind == CIM_CC_ATTR_TENSOR) {
        if (!p->t)
            return cim_cc_node_error(im->net, node, im->err,
                                     "attribute '%.60s' should hold a tensor but is empty",
                                     a->name);
        CIM_TRY(tensor_new(im, node->name, false, &a->tensor));
        CIM_TRY(tensor_fill(im, p->t, a->tensor));
    }
    return attr_lists(im, p, a);
}

/* ---- nodes ---------------------------------------------------------------------------------------- */

static bool domain_standard(const char *domain)
{
    return !domain || !*domain || !strcmp(domain, "ai.onnx");
}

static cim_status node_def(importer *im, const Onnx__NodeProto *p, cim_cc_net_node *node)
{
    const char *domain = p->domain ? p->domain : "";
    bool standard = domain_standard(domain), ms = !strcmp(domain, "com.microsoft");
    node->opset = ms ? im->opset_ms : im->opset_ai;
    node->def = standard || ms ? cim_cc_net_def_find(node->type, ms) : NULL;
    if (node->def && standard && im->opset_ai == 0)
        return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                           "names no operator set (opset_import), so its operators mean nothing");
    if (node->def)
        return CIM_OK;
    const char *why = standard ? cim_cc_net_refusal(node->type) : NULL;
    if (why)
        return cim_cc_node_error(im->net, node, im->err, "cannot run on a CIM chip: %s", why);
    if (!standard)
        return cim_cc_node_error(im->net, node, im->err,
                                 "is an operator of the domain '%.60s', which is not supported "
                                 "(standard ONNX operators are)",
                                 domain);
    const char *near = cim_cc_net_def_nearest(node->type);
    return cim_cc_node_error(im->net, node, im->err, "is not a supported ONNX operator%s%s%s",
                             near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* The n-th name in use gets "_n": names in reports are unique. */
static cim_status node_name(importer *im, const Onnx__NodeProto *p, uint32_t index,
                            cim_cc_net_node *node)
{
    char buf[CIM_CC_NET_MAX_NAME + 32];
    const char *given = p->name ? p->name : "";
    node->type = cim_arena_strdup(&im->net->arena, p->op_type ? p->op_type : "");
    if (strlen(given) > CIM_CC_NET_MAX_NAME || (p->op_type && strlen(p->op_type) > 256))
        return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                           "has a node name longer than %d characters", CIM_CC_NET_MAX_NAME);
    if (*given)
        snprintf(buf, sizeof buf, "%s", given);
    else
        snprintf(buf, sizeof buf, "%s_%lu", p->op_type ? p->op_type : "node", (unsigned long)index);
    node->name = cim_arena_strdup(&im->net->arena, buf);
    return node->name && node->type ? CIM_OK : cim_cc_net_nomem(im->net, im->err);
}

static cim_status node_outputs(importer *im, const Onnx__NodeProto *p, cim_cc_net_node *node,
                               uint32_t index)
{
    cim_cc_net *net = im->net;
    node->outputs = cim_arena_alloc(&net->arena, p->n_output, sizeof *node->outputs);
    if (!node->outputs)
        return cim_cc_net_nomem(net, im->err);
    node->n_outputs = (uint32_t)p->n_output;
    if (p->n_output == 0)
        return cim_cc_node_error(net, node, im->err, "has no output");
    for (uint32_t k = 0; k < node->n_outputs; k++) {
        node->outputs[k] = CIM_CC_INVALID;
        if (!p->output[k][0])
            continue;
        if (tensor_find(im, p->output[k]) != CIM_CC_INVALID)
            return cim_cc_node_error(net, node, im->err,
                                     "writes '%.80s', which already has a value; every name is "
                                     "written once",
                                     p->output[k]);
        CIM_TRY(tensor_new(im, p->output[k], true, &node->outputs[k]));
        net->tensors[node->outputs[k]].producer = index;
    }
    return CIM_OK;
}

static cim_status node_read(importer *im, uint32_t index)
{
    cim_cc_net *net = im->net;
    const Onnx__NodeProto *p = im->g->node[index];
    cim_cc_net_node *node = &net->nodes[index];
    CIM_TRY(node_name(im, p, index, node));
    CIM_TRY(node_def(im, p, node));
    node->attrs = cim_arena_alloc(&net->arena, p->n_attribute, sizeof *node->attrs);
    if (!node->attrs)
        return cim_cc_net_nomem(net, im->err);
    for (size_t k = 0; k < p->n_attribute; k++)
        CIM_TRY(attr_fill(im, node, p->attribute[k], &node->attrs[node->n_attrs++]));
    return node_outputs(im, p, node, index);
}

static cim_status node_inputs(importer *im, uint32_t index)
{
    cim_cc_net *net = im->net;
    const Onnx__NodeProto *p = im->g->node[index];
    cim_cc_net_node *node = &net->nodes[index];
    node->inputs = cim_arena_alloc(&net->arena, p->n_input, sizeof *node->inputs);
    if (!node->inputs)
        return cim_cc_net_nomem(net, im->err);
    node->n_inputs = (uint32_t)p->n_input;
    for (uint32_t k = 0; k < node->n_inputs; k++) {
        node->inputs[k] = p->input[k][0] ? tensor_find(im, p->input[k]) : CIM_CC_INVALID;
        if (p->input[k][0] && node->inputs[k] == CIM_CC_INVALID)
            return cim_cc_node_error(net, node, im->err,
                                     "reads '%.80s', which no node, input or initialiser provides",
                                     p->input[k]);
    }
    while (node->n_inputs > 0 && node->inputs[node->n_inputs - 1] == CIM_CC_INVALID)
        node->n_inputs--; /* omitted at the end is the same as not there */
    uint32_t least = cim_cc_net_def_min_inputs(node->def);
    uint32_t most = cim_cc_net_def_max_inputs(node->def);
    if (node->n_inputs < least || node->n_inputs > most)
        return cim_cc_node_error(net, node, im->err, "has %u inputs, %u to %u are allowed",
                                 node->n_inputs, least, most);
    for (uint32_t k = 0; k < least; k++)
        if (node->inputs[k] == CIM_CC_INVALID)
            return cim_cc_node_error(net, node, im->err, "input %u is missing", k);
    return CIM_OK;
}

/* Node names as the exporter gave them may repeat. */
static cim_status names_unique(importer *im)
{
    cim_cc_net *net = im->net;
    uint64_t cap = 16;
    while (cap < 2 * (uint64_t)net->n_nodes)
        cap *= 2;
    uint32_t *slot = cim_arena_alloc(&im->scratch, (size_t)cap, sizeof *slot);
    uint32_t *repeat = cim_arena_alloc(&im->scratch, net->n_nodes, sizeof *repeat);
    if (!slot || !repeat)
        return cim_cc_net_nomem(net, im->err);
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        for (;;) {
            const char *name = net->nodes[i].name;
            uint64_t h = cim_hash64(name, strlen(name), 0) & (cap - 1);
            while (slot[h] && strcmp(net->nodes[slot[h] - 1].name, name) != 0)
                h = (h + 1) & (cap - 1);
            if (!slot[h]) {
                slot[h] = i + 1;
                break;
            }
            char buf[2 * CIM_CC_NET_MAX_NAME];
            snprintf(buf, sizeof buf, "%.*s_%u", CIM_CC_NET_MAX_NAME, name,
                     ++repeat[slot[h] - 1] + 1);
            net->nodes[i].name = cim_arena_strdup(&net->arena, buf);
            if (!net->nodes[i].name)
                return cim_cc_net_nomem(net, im->err);
        }
    }
    return CIM_OK;
}

/* ---- inputs and outputs ----------------------------------------------------------------------------- */

static cim_status input_shape(importer *im, const Onnx__TypeProto *type, const char *name,
                              cim_cc_net_input *in)
{
    cim_cc_net *net = im->net;
    in->rank = -1;
    if (type && !type->tensor_type &&
        (type->has_sequence_type || type->has_map_type || type->has_optional_type ||
         type->has_sparse_tensor_type))
        return cim_err_set(im->err, CIM_E_INPUT, net->name,
                           "input '%.80s' is a sequence, map, optional or sparse tensor; only "
                           "tensors are supported",
                           name);
    const Onnx__TensorTypeProto *tt = type ? type->tensor_type : NULL;
    net->tensors[in->tensor].dtype =
        tt && tt->elem_type > 0 && tt->elem_type <= 16 ? tt->elem_type : 1;
    if (!tt || !tt->shape)
        return CIM_OK;
    if (tt->shape->n_dim > CIM_CC_MAX_RANK)
        return cim_err_set(im->err, CIM_E_INPUT, net->name,
                           "input '%.80s' has %zu dimensions, at most %d are supported", name,
                           tt->shape->n_dim, CIM_CC_MAX_RANK);
    in->rank = (int)tt->shape->n_dim;
    for (int i = 0; i < in->rank; i++) {
        const Onnx__DimensionProto *d = tt->shape->dim[i];
        /* exporters also write 0 or -1 for "dynamic" */
        in->dims[i] = d->has_dim_value && d->dim_value > 0 ? d->dim_value : -1;
        if (d->has_dim_value && d->dim_value < -1)
            return cim_err_set(im->err, CIM_E_INPUT, net->name,
                               "input '%.80s' has the negative dimension %lld", name,
                               (long long)d->dim_value);
        if (in->dims[i] < 0 && d->dim_param && d->dim_param[0]) {
            in->params[i] = cim_arena_strdup(&net->arena, d->dim_param);
            if (!in->params[i])
                return cim_cc_net_nomem(net, im->err);
        }
    }
    return CIM_OK;
}

static cim_status inputs_read(importer *im)
{
    cim_cc_net *net = im->net;
    net->inputs = cim_arena_alloc(&net->arena, im->g->n_input, sizeof *net->inputs);
    if (!net->inputs)
        return cim_cc_net_nomem(net, im->err);
    for (size_t i = 0; i < im->g->n_input; i++) {
        const Onnx__ValueInfoProto *v = im->g->input[i];
        const char *name = v->name ? v->name : "";
        uint32_t t = tensor_find(im, name);
        if (t != CIM_CC_INVALID && net->tensors[t].initializer)
            continue; /* IR version 3 lists initialisers as inputs, too */
        if (t != CIM_CC_INVALID || !*name)
            return cim_err_set(im->err, CIM_E_INPUT, net->name,
                               *name ? "input '%.80s' is listed twice" : "has an unnamed input%s",
                               name);
        cim_cc_net_input *in = &net->inputs[net->n_inputs];
        CIM_TRY(tensor_new(im, name, true, &in->tensor));
        net->tensors[in->tensor].input = net->n_inputs++;
        CIM_TRY(input_shape(im, v->type, name, in));
    }
    return CIM_OK;
}

static cim_status outputs_read(importer *im)
{
    cim_cc_net *net = im->net;
    net->outputs = cim_arena_alloc(&net->arena, im->g->n_output, sizeof *net->outputs);
    if (!net->outputs)
        return cim_cc_net_nomem(net, im->err);
    for (size_t i = 0; i < im->g->n_output; i++) {
        const char *name = im->g->output[i]->name ? im->g->output[i]->name : "";
        uint32_t t = tensor_find(im, name);
        if (t == CIM_CC_INVALID)
            return cim_err_set(im->err, CIM_E_INPUT, net->name,
                               "output '%.80s' is not written by any node", name);
        net->tensors[t].output = true;
        net->outputs[net->n_outputs++] = t;
    }
    return CIM_OK;
}

static cim_status initializers_read(importer *im)
{
    for (size_t i = 0; i < im->g->n_initializer; i++) {
        const Onnx__TensorProto *p = im->g->initializer[i];
        const char *name = p->name ? p->name : "";
        uint32_t id = 0;
        if (!*name || tensor_find(im, name) != CIM_CC_INVALID)
            return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                               *name ? "initialiser '%.80s' is stored twice"
                                     : "has an unnamed initialiser%s",
                               name);
        CIM_TRY(tensor_new(im, name, true, &id));
        CIM_TRY(tensor_fill(im, p, id));
    }
    return CIM_OK;
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static cim_status model_versions(importer *im, const Onnx__ModelProto *m)
{
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = m->opset_import[i];
        if (domain_standard(o->domain))
            im->opset_ai = o->version;
        else if (!strcmp(o->domain, "com.microsoft"))
            im->opset_ms = o->version;
    }
    if (im->opset_ai > 0 && im->opset_ai < 7)
        return cim_err_set(im->err, CIM_E_INPUT, im->net->name,
                           "uses operator set %lld; 7 and later are supported (convert it with "
                           "onnx.version_converter)",
                           (long long)im->opset_ai);
    return CIM_OK;
}

static cim_status model_meta(importer *im, const Onnx__ModelProto *m)
{
    cim_cc_net *net = im->net;
    net->meta = cim_arena_alloc(&net->arena, m->n_metadata_props, sizeof *net->meta);
    if (!net->meta)
        return cim_cc_net_nomem(net, im->err);
    for (size_t i = 0; i < m->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *e = m->metadata_props[i];
        cim_cc_net_meta *meta = &net->meta[net->n_meta++];
        meta->key = cim_arena_strdup(&net->arena, e->key ? e->key : "");
        meta->value = cim_arena_strdup(&net->arena, e->value ? e->value : "");
        if (!meta->key || !meta->value)
            return cim_cc_net_nomem(net, im->err);
    }
    net->producer = cim_arena_strdup(&net->arena, m->producer_name ? m->producer_name : "");
    return net->producer ? CIM_OK : cim_cc_net_nomem(net, im->err);
}

/* Room for every tensor at once: the table of names needs no growing. */
static cim_status reserve(importer *im)
{
    cim_cc_net *net = im->net;
    const Onnx__GraphProto *g = im->g;
    if (g->n_node > CIM_CC_NET_MAX_NODES)
        return cim_err_set(im->err, CIM_E_INPUT, net->name, "has %zu nodes, at most %d are allowed",
                           g->n_node, CIM_CC_NET_MAX_NODES);
    if (g->n_node == 0)
        return cim_err_set(im->err, CIM_E_INPUT, net->name, "has no nodes: nothing to run");
    size_t n = g->n_initializer + g->n_input + 1;
    for (size_t i = 0; i < g->n_node; i++)
        n += g->node[i]->n_output + g->node[i]->n_attribute;
    uint64_t cap = 16;
    while (cap < 2 * (uint64_t)n)
        cap *= 2;
    im->tensors.mask = cap - 1;
    im->tensors.slot = cim_arena_alloc(&im->scratch, (size_t)cap, sizeof *im->tensors.slot);
    net->tensors = cim_arena_alloc(&net->arena, n, sizeof *net->tensors);
    net->nodes = cim_arena_alloc(&net->arena, g->n_node, sizeof *net->nodes);
    if (!im->tensors.slot || !net->tensors || !net->nodes)
        return cim_cc_net_nomem(net, im->err);
    return CIM_OK;
}

static cim_status graph_read(importer *im, const Onnx__ModelProto *m)
{
    cim_cc_net *net = im->net;
    CIM_TRY(reserve(im));
    CIM_TRY(model_meta(im, m));
    CIM_TRY(initializers_read(im));
    CIM_TRY(inputs_read(im));
    for (uint32_t i = 0; i < im->g->n_node; i++) {
        CIM_TRY(node_read(im, i));
        net->n_nodes++;
    }
    for (uint32_t i = 0; i < net->n_nodes; i++)
        CIM_TRY(node_inputs(im, i));
    CIM_TRY(names_unique(im));
    CIM_TRY(outputs_read(im));
    if (net->n_outputs == 0)
        return cim_err_set(im->err, CIM_E_INPUT, net->name, "has no outputs");
    return cim_cc_net_sort(net, im->err);
}

static cim_status model_read(importer *im, const Onnx__ModelProto *m)
{
    const char *name = im->net->name;
    if (!m->graph)
        return cim_err_set(im->err, CIM_E_INPUT, name, "holds no graph: not an ONNX network");
    im->g = m->graph;
    if (im->g->n_sparse_initializer)
        return cim_err_set(im->err, CIM_E_INPUT, name,
                           "has sparse initialisers, which are not "
                           "supported (store them dense)");
    CIM_TRY(model_versions(im, m));
    return graph_read(im, m);
}

cim_status cim_cc_net_import(cim_cc_net *net, const void *bytes, size_t size, cim_err *err)
{
    if (size > CIM_CC_NET_MAX_FILE)
        return cim_err_set(err, CIM_E_INPUT, net->name,
                           "is larger than 2 GiB, the most a protobuf message can be (store the "
                           "weights as external data)");
    cim_text scanned;
    cim_text_init(&scanned);
    importer im = {.net = net, .err = err};
    cim_arena_init(&im.scratch);
    cim_status s = cim_cc_onnx_scan(bytes, size, net->name, &scanned, err);
    if (s == CIM_OK) {
        Onnx__ModelProto *m =
            onnx__model_proto__unpack(NULL, scanned.n, (const uint8_t *)cim_text_str(&scanned));
        cim_text_clear(&scanned);
        if (m)
            s = model_read(&im, m);
        else
            s = cim_err_set(err, CIM_E_INPUT, net->name,
                            "is not an ONNX file or damaged: its "
                            "protobuf structure is wrong");
        if (m)
            onnx__model_proto__free_unpacked(m, NULL);
    }
    cim_text_clear(&scanned);
    cim_arena_clear(&im.scratch);
    return s;
}
