/* Writes small ONNX models for tests: a protobuf writer for just what is needed.
 *
 *     ob b = ob_begin(13);
 *     ob_input(&b, "x", 1, "1,3,8,8");
 *     ob_weight(&b, "w", "4,3,3,3");
 *     ob_node(&b, "Conv", "x,w", "y", "pads=[1,1,1,1] group=1");
 *     ob_output(&b, "y");
 *     cim_cc_model *m = ob_model(&b);
 */
#ifndef CIM_TESTS_ONNX_BUILDER_H
#define CIM_TESTS_ONNX_BUILDER_H

#include "hwspace/base/text.h"
#include "sched/model.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct ob {
    cim_text graph;
    const char *producer;
    int opset, n_nodes;
} ob;

static inline void ob_varint(cim_text *t, uint64_t v)
{
    do {
        char c = (char)((v & 0x7f) | (v > 0x7f ? 0x80u : 0u));
        v >>= 7;
        cim_text_add_n(t, &c, 1);
    } while (v);
}

static inline void ob_int(cim_text *t, uint32_t field, int64_t v)
{
    ob_varint(t, (uint64_t)field << 3);
    ob_varint(t, (uint64_t)v);
}

static inline void ob_bytes(cim_text *t, uint32_t field, const void *p, size_t n)
{
    ob_varint(t, (uint64_t)field << 3 | 2);
    ob_varint(t, n);
    cim_text_add_n(t, p, n);
}

static inline void ob_text(cim_text *t, uint32_t field, const char *s)
{
    ob_bytes(t, field, s, strlen(s));
}

/* Appends a message and forgets it. */
static inline void ob_put(cim_text *t, uint32_t field, cim_text *message)
{
    ob_bytes(t, field, cim_text_str(message), message->n);
    cim_text_clear(message);
}

static inline ob ob_begin(int opset)
{
    ob b = {.opset = opset, .producer = "test"};
    cim_text_init(&b.graph);
    return b;
}

/* "1,-1,3" -> numbers, one at a time. */
static inline bool ob_next(const char **s, long long *v)
{
    char *end;
    while (**s == ',' || **s == ' ' || **s == '[')
        (*s)++;
    if (!**s || **s == ']')
        return false;
    *v = strtoll(*s, &end, 10);
    if (end == *s)
        return false;
    *s = end;
    return true;
}

/* Dimensions that are not numbers become names: "N,3,224,224". */
static inline void ob_value_info(ob *b, uint32_t field, const char *name, int dtype,
                                 const char *shape)
{
    cim_text info, type, tensor, dims;
    cim_text_init(&info);
    cim_text_init(&type);
    cim_text_init(&tensor);
    cim_text_init(&dims);
    ob_text(&info, 1, name);
    ob_int(&tensor, 1, dtype);
    while (shape && *shape) {
        size_t n = strcspn(shape, ",");
        cim_text dim;
        cim_text_init(&dim);
        if (isdigit((unsigned char)*shape) || *shape == '-')
            ob_int(&dim, 1, strtoll(shape, NULL, 10));
        else
            ob_bytes(&dim, 2, shape, n);
        ob_put(&dims, 1, &dim);
        shape += n + (shape[n] == ',');
    }
    if (shape)
        ob_put(&tensor, 2, &dims);
    ob_put(&type, 1, &tensor);
    ob_put(&info, 2, &type);
    ob_put(&b->graph, field, &info);
    cim_text_clear(&dims);
}

static inline void ob_input(ob *b, const char *name, int dtype, const char *shape)
{
    ob_value_info(b, 11, name, dtype, shape);
}

static inline void ob_output(ob *b, const char *name)
{
    ob_value_info(b, 12, name, 1, NULL);
}

static inline void ob_dims(cim_text *t, const char *shape)
{
    long long v;
    while (ob_next(&shape, &v))
        ob_int(t, 1, v);
}

/* An initialiser without data (external at a place that does not exist). */
static inline void ob_weight_of(ob *b, const char *name, int dtype, const char *shape)
{
    cim_text t, entry;
    cim_text_init(&t);
    cim_text_init(&entry);
    ob_dims(&t, shape);
    ob_int(&t, 2, dtype);
    ob_text(&t, 8, name);
    ob_text(&entry, 1, "location");
    ob_text(&entry, 2, "none");
    ob_put(&t, 13, &entry);
    ob_int(&t, 14, 1);
    ob_put(&b->graph, 5, &t);
}

static inline void ob_weight(ob *b, const char *name, const char *shape)
{
    ob_weight_of(b, name, 1, shape);
}

/* int64 values; shape NULL: a vector of them. */
static inline void ob_ints(ob *b, const char *name, const char *shape, const char *values)
{
    cim_text t;
    cim_text_init(&t);
    const char *s = values;
    long long v, n = 0;
    while (ob_next(&s, &v))
        n++;
    if (shape)
        ob_dims(&t, shape);
    else
        ob_int(&t, 1, n);
    ob_int(&t, 2, 7);
    s = values;
    cim_text raw;
    cim_text_init(&raw);
    while (ob_next(&s, &v)) {
        int64_t w = v;
        cim_text_add_n(&raw, (const char *)&w, sizeof w); /* tests run on little-endian machines */
    }
    ob_text(&t, 8, name);
    ob_put(&t, 9, &raw);
    ob_put(&b->graph, 5, &t);
}

/* A vector of floats (shape NULL) or a tensor of them. */
static inline void ob_floats(ob *b, const char *name, const char *shape, size_t n, const float *v)
{
    cim_text t;
    cim_text_init(&t);
    if (shape)
        ob_dims(&t, shape);
    else
        ob_int(&t, 1, (int64_t)n);
    ob_int(&t, 2, 1);
    ob_text(&t, 8, name);
    ob_bytes(&t, 9, v, n * sizeof *v);
    ob_put(&b->graph, 5, &t);
}

static inline void ob_attr(cim_text *node, const char *name, size_t n, const char *value)
{
    cim_text a;
    cim_text_init(&a);
    ob_bytes(&a, 1, name, n);
    if (*value == '[') {
        long long v;
        while (ob_next(&value, &v))
            ob_int(&a, 8, v);
        ob_int(&a, 20, 7);
    } else if (*value == '\'') {
        ob_bytes(&a, 4, value + 1, strcspn(value + 1, "'"));
        ob_int(&a, 20, 3);
    } else if (memchr(value, '.', strcspn(value, " "))) {
        float f = strtof(value, NULL);
        ob_varint(&a, 2 << 3 | 5);
        cim_text_add_n(&a, (const char *)&f, sizeof f);
        ob_int(&a, 20, 1);
    } else {
        ob_int(&a, 3, strtoll(value, NULL, 10));
        ob_int(&a, 20, 2);
    }
    ob_put(node, 5, &a);
}

static inline void ob_names(cim_text *node, uint32_t field, const char *names)
{
    while (*names) {
        size_t n = strcspn(names, ",");
        ob_bytes(node, field, names, n);
        names += n + (names[n] == ',');
    }
}

/* @param attrs  "axis=1 pads=[1,1] mode='constant' alpha=0.5", NULL for none */
static inline void ob_node(ob *b, const char *type, const char *inputs, const char *outputs,
                           const char *attrs)
{
    cim_text node;
    cim_text_init(&node);
    ob_names(&node, 1, inputs);
    ob_names(&node, 2, outputs);
    ob_text(&node, 4, type);
    while (attrs && *attrs) {
        size_t n = strcspn(attrs, "=");
        const char *value = attrs + n + 1;
        ob_attr(&node, attrs, n, value);
        size_t quoted = *value == '\'' ? 2 + strcspn(value + 1, "'") : 0;
        attrs = value + quoted + strcspn(value + quoted, " ");
        attrs += strspn(attrs, " ");
    }
    ob_put(&b->graph, 1, &node);
    b->n_nodes++;
}

/* The serialised model; the builder is used up. Clear with cim_text_clear(). */
static inline cim_text ob_finish(ob *b)
{
    cim_text model, opset;
    cim_text_init(&model);
    cim_text_init(&opset);
    ob_int(&model, 1, 8);
    ob_text(&model, 2, b->producer);
    ob_put(&model, 7, &b->graph);
    ob_text(&opset, 1, "");
    ob_int(&opset, 2, b->opset);
    ob_put(&model, 8, &opset);
    return model;
}

static inline cim_status ob_load(ob *b, const cim_cc_model_options *options, cim_cc_model **m,
                                 cim_err *err)
{
    cim_text bytes = ob_finish(b);
    cim_status s = cim_cc_model_parse(cim_text_str(&bytes), bytes.n, "test", NULL, options, m, err);
    cim_text_clear(&bytes);
    return s;
}

/* A model that must be right. */
static inline cim_cc_model *ob_model(ob *b)
{
    cim_err err = {0};
    cim_cc_model *m = NULL;
    if (ob_load(b, NULL, &m, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    return m;
}

/* Attention of one head: x [.., n, d] by two weights [d, d], keys as values. Operators: query, key,
 * transposition, scores, softmax, result. */
static inline cim_cc_model *ob_attention(const char *x, const char *weights)
{
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, x);
    ob_weight(&b, "wq", weights);
    ob_weight(&b, "wk", weights);
    ob_node(&b, "MatMul", "x,wq", "q", NULL);
    ob_node(&b, "MatMul", "x,wk", "k", NULL);
    ob_node(&b, "Transpose", "k", "kt", "perm=[0,2,1]");
    ob_node(&b, "MatMul", "q,kt", "s", NULL);
    ob_node(&b, "Softmax", "s", "p", "axis=-1");
    ob_node(&b, "MatMul", "p,k", "y", NULL);
    ob_output(&b, "y");
    return ob_model(&b);
}

#endif
