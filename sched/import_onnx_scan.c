/* A walk over the wire format before protobuf-c sees it.
 *
 * protobuf-c copies every byte field, unknown ones too, and unpacks two bytes of empty message to
 * a hundred of struct. This pass copies only the fields of sched/onnx.proto, leaves tensor data
 * above a size in the file (offset and size go along instead), checks every length, and bounds the
 * number of fields. A 550 MB VGG-16 so costs a few hundred kilobytes to import. */
#include "sched/net.h"

#include <string.h>

enum { KEEP_DATA = 1 << 16, MAX_LIST = 1 << 20 };

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef enum message {
    MSG_NONE,
    MSG_MODEL,
    MSG_GRAPH,
    MSG_NODE,
    MSG_ATTRIBUTE,
    MSG_TENSOR,
    MSG_VALUE_INFO,
    MSG_TYPE,
    MSG_TENSOR_TYPE,
    MSG_SHAPE,
    MSG_LEAF /* its fields are copied and counted, none is a message */
} message;

typedef enum action {
    DO_COPY = 1, /* as it is, at most MAX_LIST bytes */
    DO_EMPTY,    /* only that it is there */
    DO_DATA,     /* tensor data */
    DO_ENTER     /* a message */
} action;

typedef struct rule {
    message in;
    uint32_t field;
    action act;
    message enter;
} rule;

static const rule rules[] = {
    {MSG_MODEL, 1, DO_COPY, MSG_NONE},         {MSG_MODEL, 2, DO_COPY, MSG_NONE},
    {MSG_MODEL, 3, DO_COPY, MSG_NONE},         {MSG_MODEL, 7, DO_ENTER, MSG_GRAPH},
    {MSG_MODEL, 8, DO_ENTER, MSG_LEAF},        {MSG_MODEL, 14, DO_ENTER, MSG_LEAF},
    {MSG_MODEL, 25, DO_EMPTY, MSG_NONE},       {MSG_GRAPH, 1, DO_ENTER, MSG_NODE},
    {MSG_GRAPH, 2, DO_COPY, MSG_NONE},         {MSG_GRAPH, 5, DO_ENTER, MSG_TENSOR},
    {MSG_GRAPH, 11, DO_ENTER, MSG_VALUE_INFO}, {MSG_GRAPH, 12, DO_ENTER, MSG_VALUE_INFO},
    {MSG_GRAPH, 15, DO_EMPTY, MSG_NONE},       {MSG_NODE, 1, DO_COPY, MSG_NONE},
    {MSG_NODE, 2, DO_COPY, MSG_NONE},          {MSG_NODE, 3, DO_COPY, MSG_NONE},
    {MSG_NODE, 4, DO_COPY, MSG_NONE},          {MSG_NODE, 5, DO_ENTER, MSG_ATTRIBUTE},
    {MSG_NODE, 7, DO_COPY, MSG_NONE},          {MSG_ATTRIBUTE, 1, DO_COPY, MSG_NONE},
    {MSG_ATTRIBUTE, 2, DO_COPY, MSG_NONE},     {MSG_ATTRIBUTE, 3, DO_COPY, MSG_NONE},
    {MSG_ATTRIBUTE, 4, DO_COPY, MSG_NONE},     {MSG_ATTRIBUTE, 5, DO_ENTER, MSG_TENSOR},
    {MSG_ATTRIBUTE, 6, DO_EMPTY, MSG_NONE},    {MSG_ATTRIBUTE, 7, DO_COPY, MSG_NONE},
    {MSG_ATTRIBUTE, 8, DO_COPY, MSG_NONE},     {MSG_ATTRIBUTE, 9, DO_COPY, MSG_NONE},
    {MSG_ATTRIBUTE, 20, DO_COPY, MSG_NONE},    {MSG_ATTRIBUTE, 21, DO_COPY, MSG_NONE},
    {MSG_ATTRIBUTE, 22, DO_EMPTY, MSG_NONE},   {MSG_TENSOR, 1, DO_COPY, MSG_NONE},
    {MSG_TENSOR, 2, DO_COPY, MSG_NONE},        {MSG_TENSOR, 4, DO_DATA, MSG_NONE},
    {MSG_TENSOR, 5, DO_DATA, MSG_NONE},        {MSG_TENSOR, 7, DO_DATA, MSG_NONE},
    {MSG_TENSOR, 8, DO_COPY, MSG_NONE},        {MSG_TENSOR, 9, DO_DATA, MSG_NONE},
    {MSG_TENSOR, 10, DO_DATA, MSG_NONE},       {MSG_TENSOR, 11, DO_DATA, MSG_NONE},
    {MSG_TENSOR, 13, DO_ENTER, MSG_LEAF},      {MSG_TENSOR, 14, DO_COPY, MSG_NONE},
    {MSG_VALUE_INFO, 1, DO_COPY, MSG_NONE},    {MSG_VALUE_INFO, 2, DO_ENTER, MSG_TYPE},
    {MSG_TYPE, 1, DO_ENTER, MSG_TENSOR_TYPE},  {MSG_TYPE, 4, DO_EMPTY, MSG_NONE},
    {MSG_TYPE, 5, DO_EMPTY, MSG_NONE},         {MSG_TYPE, 8, DO_EMPTY, MSG_NONE},
    {MSG_TYPE, 9, DO_EMPTY, MSG_NONE},         {MSG_TENSOR_TYPE, 1, DO_COPY, MSG_NONE},
    {MSG_TENSOR_TYPE, 2, DO_ENTER, MSG_SHAPE}, {MSG_SHAPE, 1, DO_ENTER, MSG_LEAF},
};

typedef struct scan {
    const uint8_t *base;
    const char *name;
    cim_text *out;
    cim_err *err;
    int64_t fields;
} scan;

static const rule *rule_find(message in, uint32_t field)
{
    static const rule leaf_text = {MSG_LEAF, 0, DO_COPY, MSG_NONE};
    if (in == MSG_LEAF)
        return field <= 2 ? &leaf_text : NULL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].in == in && rules[i].field == field)
            return &rules[i];
    return NULL;
}

static cim_status damaged(const scan *sc, size_t at, const char *what)
{
    return cim_err_set(sc->err, CIM_E_INPUT, sc->name,
                       "not an ONNX file or damaged at byte %zu: %s", at, what);
}

static cim_status varint(const scan *sc, size_t *at, size_t end, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (*at >= end)
            return damaged(sc, *at, "the data end inside a number");
        uint8_t byte = sc->base[(*at)++];
        if (shift < 64)
            v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = v;
            return CIM_OK;
        }
    }
    return damaged(sc, *at, "a number is longer than ten bytes");
}

static void put_varint(cim_text *out, uint64_t v)
{
    char buf[10];
    size_t n = 0;
    do {
        unsigned byte = (unsigned)(v & 0x7f);
        v >>= 7;
        buf[n++] = (char)(byte | (v ? 0x80u : 0u));
    } while (v);
    cim_text_add_n(out, buf, n);
}

static void put_tag(cim_text *out, uint32_t field, unsigned wire)
{
    put_varint(out, (uint64_t)field << 3 | wire);
}

/* The end of a field's value, which starts at `at`; for WIRE_BYTES also where its content starts. */
static cim_status value_end(const scan *sc, unsigned wire, size_t at, size_t end, size_t *content,
                            size_t *out)
{
    uint64_t n = 0;
    *content = at;
    switch (wire) {
    case WIRE_VARINT:
        CIM_TRY(varint(sc, content, end, &n));
        *out = *content;
        *content = at;
        return CIM_OK;
    case WIRE_64:
        n = 8;
        break;
    case WIRE_32:
        n = 4;
        break;
    case WIRE_BYTES:
        CIM_TRY(varint(sc, content, end, &n));
        break;
    default:
        return damaged(sc, at, "unknown kind of field");
    }
    if (n > end - *content)
        return damaged(sc, at, "a field is longer than the data (truncated?)");
    *out = *content + (size_t)n;
    return CIM_OK;
}

static cim_status walk(scan *sc, message msg, size_t at, size_t end);

/* A message's length is known only when it is written: five bytes are kept for it. */
static cim_status enter(scan *sc, message msg, size_t content, size_t end)
{
    size_t mark = sc->out->n;
    cim_text_add_n(sc->out, "\x80\x80\x80\x80\x00", 5);
    CIM_TRY(walk(sc, msg, content, end));
    if (sc->out->failed)
        return cim_err_set(sc->err, CIM_E_NOMEM, sc->name, "out of memory");
    size_t n = sc->out->n - mark - 5;
    for (int i = 0; i < 5; i++)
        sc->out->s[mark + (size_t)i] = (char)((n >> (7 * i) & 0x7f) | (i < 4 ? 0x80u : 0u));
    return CIM_OK;
}

static cim_status keep(scan *sc, const rule *r, uint32_t field, unsigned wire, size_t start,
                       size_t content, size_t end)
{
    if (++sc->fields > CIM_CC_NET_MAX_FIELDS)
        return cim_err_set(sc->err, CIM_E_INPUT, sc->name,
                           "has more than %d fields; no network does", CIM_CC_NET_MAX_FIELDS);
    size_t n = end - content;
    bool data = r->act == DO_DATA && wire == WIRE_BYTES && n > KEEP_DATA;
    if (r->act == DO_ENTER && wire == WIRE_BYTES) {
        put_tag(sc->out, field, wire);
        return enter(sc, r->enter, content, end);
    }
    if (r->act == DO_EMPTY && wire == WIRE_BYTES) {
        put_tag(sc->out, field, wire);
        put_varint(sc->out, 0);
    } else if (data) {
        if (field == 4 || field == 9 || field == 10) { /* little-endian values side by side */
            put_tag(sc->out, 60001, WIRE_VARINT);
            put_varint(sc->out, content);
            put_tag(sc->out, 60002, WIRE_VARINT);
            put_varint(sc->out, n);
        }
    } else {
        if (wire == WIRE_BYTES && n > MAX_LIST)
            return damaged(sc, start, "a name, text or list is longer than a mebibyte");
        put_tag(sc->out, field, wire);
        cim_text_add_n(sc->out, (const char *)sc->base + start, end - start);
    }
    return CIM_OK;
}

static cim_status walk(scan *sc, message msg, size_t at, size_t end)
{
    while (at < end) {
        uint64_t tag = 0;
        size_t tag_at = at, content = 0, next = 0;
        CIM_TRY(varint(sc, &at, end, &tag));
        unsigned wire = (unsigned)(tag & 7);
        if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
            return damaged(sc, tag_at, "impossible field number");
        uint32_t field = (uint32_t)(tag >> 3);
        CIM_TRY(value_end(sc, wire, at, end, &content, &next));
        const rule *r = rule_find(msg, field);
        if (r)
            CIM_TRY(keep(sc, r, field, wire, at, content, next));
        at = next;
    }
    return CIM_OK;
}

cim_status cim_cc_onnx_scan(const void *bytes, size_t size, const char *name, cim_text *out,
                            cim_err *err)
{
    static const char lfs[] = "version https://git-lfs";
    scan sc = {.base = bytes, .name = name, .out = out, .err = err};
    if (size == 0)
        return cim_err_set(err, CIM_E_INPUT, name, "is empty, an ONNX file is needed");
    if (size >= sizeof lfs - 1 && !memcmp(bytes, lfs, sizeof lfs - 1))
        return cim_err_set(err, CIM_E_INPUT, name,
                           "is a Git LFS pointer, not the file itself (git lfs pull)");
    CIM_TRY(walk(&sc, MSG_MODEL, 0, size));
    if (out->failed)
        return cim_err_set(err, CIM_E_NOMEM, name, "out of memory");
    return CIM_OK;
}
