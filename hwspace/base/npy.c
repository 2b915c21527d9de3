/* NumPy's .npy format. The header is a Python dictionary literal; only the form NumPy itself writes
 * is taken: three keys in any order, spaces anywhere between tokens. */
#include "hwspace/base/npy.h"

#include "hwspace/base/memory.h"
#include "hwspace/base/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, ALIGN = 64 }; /* data start at a multiple of 64 bytes */

typedef struct reader {
    const char *at, *end; /* of the header's text */
    const char *name;
    cim_err *err;
} reader;

static cim_status wrong(const reader *r, const char *what)
{
    return cim_err_set(r->err, CIM_E_INPUT, r->name, "is not a readable .npy file: %s", what);
}

static void spaces(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
}

static bool token(reader *r, char c)
{
    spaces(r);
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* A quoted word without escapes. */
static bool word(reader *r, char *buf, size_t size)
{
    spaces(r);
    if (r->at >= r->end || (*r->at != '\'' && *r->at != '"'))
        return false;
    char quote = *r->at++;
    size_t n = 0;
    while (r->at < r->end && *r->at != quote && n + 1 < size)
        buf[n++] = *r->at++;
    buf[n] = '\0';
    return r->at < r->end && *r->at++ == quote;
}

static cim_status read_kind(reader *r, cim_npy *a)
{
    static const struct {
        const char *text;
        cim_npy_kind kind;
    } kinds[] = {{"<f4", CIM_NPY_FLOAT32}, {"<f8", CIM_NPY_FLOAT64}, {"<i8", CIM_NPY_INT64}};
    char text[32];
    if (!word(r, text, sizeof text))
        return wrong(r, "its element type is not a plain one (records are not supported)");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(text, kinds[i].text)) {
            a->kind = kinds[i].kind;
            return CIM_OK;
        }
    return cim_err_set(r->err, CIM_E_INPUT, r->name,
                       "holds elements of type '%s'; float32 ('<f4'), float64 ('<f8') and int64 "
                       "('<i8') are supported (array.astype)",
                       text);
}

static cim_status read_order(reader *r)
{
    spaces(r);
    size_t left = (size_t)(r->end - r->at);
    if (left >= 5 && !memcmp(r->at, "False", 5)) {
        r->at += 5;
        return CIM_OK;
    }
    if (left >= 4 && !memcmp(r->at, "True", 4))
        return cim_err_set(r->err, CIM_E_INPUT, r->name,
                           "is in Fortran order; C order is supported (numpy.ascontiguousarray)");
    return wrong(r, "'fortran_order' is neither True nor False");
}

static cim_status read_shape(reader *r, cim_npy *a)
{
    if (!token(r, '('))
        return wrong(r, "'shape' is not a tuple");
    a->rank = 0;
    a->elements = 1;
    while (!token(r, ')')) {
        int64_t v = 0;
        if (r->at >= r->end || *r->at < '0' || *r->at > '9')
            return wrong(r, "'shape' holds something that is not a size");
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
            v = 10 * v + (*r->at - '0');
            if (v > CIM_NPY_MAX_BYTES)
                return wrong(r, "'shape' is too large");
        }
        if (a->rank == CIM_NPY_MAX_RANK)
            return cim_err_set(r->err, CIM_E_INPUT, r->name,
                               "has more than %d dimensions, the most that are supported",
                               CIM_NPY_MAX_RANK);
        if (v > 0 && a->elements > CIM_NPY_MAX_BYTES / v)
            return wrong(r, "'shape' is too large");
        a->elements *= v;
        a->dims[a->rank++] = v;
        if (!token(r, ',')) {
            if (!token(r, ')'))
                return wrong(r, "'shape' is not closed");
            return CIM_OK;
        }
    }
    return CIM_OK;
}

static cim_status read_header(reader *r, cim_npy *a)
{
    bool kind = false, order = false, shape = false;
    char key[32];
    if (!token(r, '{'))
        return wrong(r, "its header is not a dictionary");
    while (!token(r, '}')) {
        if (!word(r, key, sizeof key) || !token(r, ':'))
            return wrong(r, "its header is damaged");
        bool *seen = !strcmp(key, "descr")           ? &kind
                     : !strcmp(key, "fortran_order") ? &order
                     : !strcmp(key, "shape")         ? &shape
                                                     : NULL;
        if (!seen || *seen)
            return wrong(r, "its header has an unknown or repeated key");
        *seen = true;
        CIM_TRY(seen == &kind    ? read_kind(r, a)
                : seen == &order ? read_order(r)
                                 : read_shape(r, a));
        if (!token(r, ',')) {
            if (!token(r, '}'))
                return wrong(r, "its header is damaged");
            break;
        }
    }
    spaces(r);
    if (!kind || !order || !shape)
        return wrong(r, "its header lacks 'descr', 'fortran_order' or 'shape'");
    return r->at == r->end ? CIM_OK : wrong(r, "something follows its header's dictionary");
}

static uint64_t little_endian(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static cim_status read_values(reader *r, const unsigned char *data, size_t size, cim_npy *a)
{
    size_t n = (size_t)a->elements, each = a->kind == CIM_NPY_FLOAT32 ? 4 : 8;
    if (size != n * each)
        return cim_err_set(r->err, CIM_E_INPUT, r->name,
                           "holds %zu bytes of data, its shape needs %zu (truncated?)", size,
                           n * each);
    double *v = cim_alloc(n + 1, sizeof *v);
    if (!v)
        return cim_err_set(r->err, CIM_E_NOMEM, r->name, "out of memory");
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = little_endian(data + i * each, each);
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        if (a->kind == CIM_NPY_FLOAT32) {
            v[i] = (double)f;
        } else if (a->kind == CIM_NPY_FLOAT64) {
            memcpy(&v[i], &bits, sizeof v[i]);
        } else {
            uint64_t size_of = bits >> 63 ? ~bits + 1 : bits;
            if (size_of > UINT64_C(1) << 53) {
                cim_free(v);
                return cim_err_set(r->err, CIM_E_INPUT, r->name,
                                   "element %zu is beyond 2^53, more than is represented exactly",
                                   i);
            }
            v[i] = bits >> 63 ? -(double)size_of : (double)size_of;
        }
    }
    a->values = v;
    return CIM_OK;
}

cim_status cim_npy_parse(const void *bytes, size_t size, const char *name, cim_npy *out,
                         cim_err *err)
{
    const unsigned char *p = bytes;
    reader r = {.name = name, .err = err};
    cim_npy a = {.rank = 0};
    if (size < MAGIC || memcmp(p, magic, MAGIC) != 0)
        return wrong(&r, "it does not start with the format's magic number");
    if (size < MAGIC + 4)
        return wrong(&r, "it ends inside its header");
    unsigned major = p[MAGIC];
    if (major != 1 && major != 2)
        return cim_err_set(err, CIM_E_INPUT, name,
                           "is of .npy version %u.%u; 1.0 and 2.0 are supported", major,
                           p[MAGIC + 1]);
    size_t width = major == 1 ? 2 : 4, start = MAGIC + 2 + width;
    if (size < start)
        return wrong(&r, "it ends inside its header");
    size_t length = (size_t)little_endian(p + MAGIC + 2, width);
    if (length > size - start)
        return wrong(&r, "it ends inside its header");
    r.at = (const char *)p + start;
    r.end = r.at + length;
    CIM_TRY(read_header(&r, &a));
    CIM_TRY(read_values(&r, p + start + length, size - start - length, &a));
    *out = a;
    return CIM_OK;
}

cim_status cim_npy_read(const char *path, cim_npy *out, cim_err *err)
{
    char *data = NULL;
    size_t size = 0;
    CIM_TRY(cim_file_read(path, (size_t)CIM_NPY_MAX_BYTES, &data, &size, err));
    cim_status s = cim_npy_parse(data, size, path, out, err);
    cim_free(data);
    return s;
}

void cim_npy_clear(cim_npy *array)
{
    cim_free(array->values);
    memset(array, 0, sizeof *array);
}

void cim_npy_format(int rank, const int64_t *dims, const double *values, cim_text *out)
{
    cim_text header;
    cim_text_init(&header);
    int64_t n = 1;
    cim_text_add(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++) {
        n *= dims[i];
        cim_text_addf(&header, "%lld%s", (long long)dims[i], i + 1 < rank ? ", " : "");
    }
    cim_text_add(&header, rank == 1 ? ",), }" : "), }");
    while ((MAGIC + 4 + header.n + 1) % ALIGN != 0 && !header.failed)
        cim_text_add(&header, " ");
    cim_text_add(&header, "\n");
    char prefix[MAGIC + 4];
    memcpy(prefix, magic, MAGIC);
    prefix[MAGIC] = 1;
    prefix[MAGIC + 1] = 0;
    prefix[MAGIC + 2] = (char)(header.n & 0xff);
    prefix[MAGIC + 3] = (char)(header.n >> 8 & 0xff);
    cim_text_add_n(out, prefix, sizeof prefix);
    cim_text_add_n(out, cim_text_str(&header), header.n);
    out->failed |= header.failed;
    for (int64_t i = 0; i < n && !out->failed; i++) {
        float f = (float)values[i];
        uint32_t bits;
        char b[4];
        memcpy(&bits, &f, sizeof bits);
        for (int k = 0; k < 4; k++)
            b[k] = (char)(bits >> (8 * k) & 0xff);
        cim_text_add_n(out, b, sizeof b);
    }
    cim_text_clear(&header);
}
