#include "hwspace/base/json.h"

#include "hwspace/base/memory.h"
#include "hwspace/base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cim_json {
    cJSON *root;
    char name[200];
};

/* cJSON cuts a number after 63 characters, so longer ones are refused. */
enum { JSON_MAX_BYTES = 256 << 20, JSON_MAX_DEPTH = 200, MAX_NUMBER = 63 };
#define EXACT_INT 9007199254740992.0 /* 2^53 */

/* ---- grammar check: what cJSON lets through ---- */

typedef struct scanner {
    const char *p, *end, *begin;
    const char *what; /* first complaint */
    int depth;
} scanner;

static bool complain(scanner *s, const char *what)
{
    if (!s->what)
        s->what = what;
    return false;
}

static void skip_space(scanner *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool digit_at(const scanner *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool scan_number(scanner *s)
{
    const char *start = s->p;
    if (*s->p == '-')
        s->p++;
    if (!digit_at(s))
        return complain(s, "a number needs a digit here");
    if (*s->p == '0' && s->p + 1 < s->end && s->p[1] >= '0' && s->p[1] <= '9')
        return complain(s, "a number must not start with 0");
    while (digit_at(s))
        s->p++;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digit_at(s))
            return complain(s, "a digit is needed after the decimal point");
        while (digit_at(s))
            s->p++;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!digit_at(s))
            return complain(s, "a digit is needed in the exponent");
        while (digit_at(s))
            s->p++;
    }
    char buf[MAX_NUMBER + 1];
    size_t n = (size_t)(s->p - start);
    if (n > MAX_NUMBER)
        return complain(s, "the number has more than 63 characters");
    memcpy(buf, start, n);
    buf[n] = '\0';
    if (!isfinite(strtod(buf, NULL))) {
        s->p = start;
        return complain(s, "the number is out of range");
    }
    return true;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *at;
        if (!p[i] || !(at = strchr(digits, p[i])))
            return -1;
        v = v * 16 + (int)((at - digits) % 16);
    }
    return v;
}

/* One UTF-8 sequence of more than one byte (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF). @return its length, 0: not UTF-8 */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : (p[0] & 0xf0) == 0xe0        ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f, beyond = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : n;
}

/* After "\\u": the four digits and, for a high surrogate, its partner. */
static bool scan_unicode(scanner *s)
{
    int unit = s->end - s->p < 5 ? -1 : hex4(s->p + 1);
    if (unit < 0)
        return complain(s, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return complain(s, "\\u0000 is not allowed in a string");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return complain(s, "a low surrogate needs a high one before it");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool follows = s->end - s->p >= 11 && s->p[5] == '\\' && s->p[6] == 'u';
        int low = follows ? hex4(s->p + 7) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return complain(s, "a high surrogate needs a low one after it");
        s->p += 6;
    }
    s->p += 4;
    return true;
}

static bool scan_string(scanner *s)
{
    for (s->p++; s->p < s->end; s->p++) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return true;
        }
        if (c < 0x20)
            return complain(s, "a control character inside a string must be escaped");
        if (c >= 0x80) {
            size_t n = utf8_length((const unsigned char *)s->p, (size_t)(s->end - s->p));
            if (n == 0)
                return complain(s, "the string is not UTF-8");
            s->p += n - 1;
        }
        if (c != '\\')
            continue;
        s->p++;
        if (s->p >= s->end)
            break;
        if (*s->p == 'u') {
            if (!scan_unicode(s))
                return false;
        } else if (!*s->p || !strchr("\"\\/bfnrt", *s->p)) {
            return complain(s, "unknown escape in a string");
        }
    }
    return complain(s, "the string is not closed");
}

static bool scan_value(scanner *s);

static bool scan_members(scanner *s, char close, bool keys)
{
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        skip_space(s);
        if (keys) {
            if (s->p >= s->end || *s->p != '"')
                return complain(s, "a key in double quotes is needed here");
            if (!scan_string(s))
                return false;
            skip_space(s);
            if (s->p >= s->end || *s->p != ':')
                return complain(s, "a ':' is needed after a key");
            s->p++;
        }
        if (!scan_value(s))
            return false;
        skip_space(s);
        if (s->p < s->end && *s->p == close) {
            s->p++;
            return true;
        }
        if (s->p >= s->end || *s->p != ',')
            return complain(s,
                            keys ? "a ',' or '}' is needed here" : "a ',' or ']' is needed here");
        s->p++;
    }
}

static bool scan_word(scanner *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || strncmp(s->p, word, n) != 0)
        return complain(s, "a JSON value is needed here");
    s->p += n;
    return true;
}

static bool scan_value(scanner *s)
{
    skip_space(s);
    if (s->p >= s->end)
        return complain(s, "the text ends where a value is needed");
    bool ok;
    if (++s->depth > JSON_MAX_DEPTH)
        return complain(s, "nested too deeply");
    switch (*s->p) {
    case '{':
        ok = scan_members(s, '}', true);
        break;
    case '[':
        ok = scan_members(s, ']', false);
        break;
    case '"':
        ok = scan_string(s);
        break;
    case 't':
        ok = scan_word(s, "true");
        break;
    case 'f':
        ok = scan_word(s, "false");
        break;
    case 'n':
        ok = scan_word(s, "null");
        break;
    default:
        ok = (*s->p == '-' || digit_at(s)) ? scan_number(s)
                                           : complain(s, "a JSON value is needed here");
    }
    s->depth--;
    return ok;
}

static cim_status check_grammar(const char *text, size_t size, const char *name, cim_err *err)
{
    scanner s = {.p = text, .end = text + size, .begin = text};
    if (scan_value(&s)) {
        skip_space(&s);
        if (s.p < s.end)
            complain(&s, "nothing may follow the value");
    }
    if (!s.what)
        return CIM_OK;
    int line = 1, column = 1;
    for (const char *p = text; p < s.p && p < s.end; p++) {
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    return cim_err_set(err, CIM_E_INPUT, name, "not valid JSON at line %d, column %d: %s", line,
                       column, s.what);
}

/* ---- duplicate keys ---- */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cim_status check_duplicates(const cim_json *doc, const cJSON *node, cim_err *err)
{
    if (cJSON_IsObject(node) && node->child && node->child->next) {
        size_t n = cim_json_count(node), i = 0;
        const char **keys = cim_alloc(n, sizeof *keys);
        if (!keys)
            return cim_err_set(err, CIM_E_NOMEM, doc->name, "out of memory");
        for (const cJSON *c = node->child; c; c = c->next)
            keys[i++] = c->string;
        qsort(keys, n, sizeof *keys, compare_text);
        cim_status s = CIM_OK;
        for (i = 1; i < n && s == CIM_OK; i++)
            if (!strcmp(keys[i - 1], keys[i]))
                s = cim_json_error(doc, node, err, "key \"%s\" is given twice", keys[i]);
        cim_free(keys);
        CIM_TRY(s);
    }
    if (cJSON_IsObject(node) || cJSON_IsArray(node))
        for (const cJSON *c = node->child; c; c = c->next)
            CIM_TRY(check_duplicates(doc, c, err));
    return CIM_OK;
}

/* ---- documents ---- */

cim_status cim_json_parse(const char *text, size_t size, const char *name, cim_json **out,
                          cim_err *err)
{
    if (memchr(text, '\0', size))
        return cim_err_set(err, CIM_E_INPUT, name, "not valid JSON: contains a NUL byte");
    CIM_TRY(check_grammar(text, size, name, err));
    cim_json *doc = cim_alloc(1, sizeof *doc);
    if (!doc)
        return cim_err_set(err, CIM_E_NOMEM, name, "out of memory");
    snprintf(doc->name, sizeof doc->name, "%s", name);
    doc->root = cJSON_ParseWithLength(text, size);
    if (!doc->root) {
        cim_free(doc); /* the grammar has been checked, so cJSON had no memory */
        return cim_err_set(err, CIM_E_NOMEM, name, "out of memory");
    }
    cim_status s = check_duplicates(doc, doc->root, err);
    if (s != CIM_OK) {
        cim_json_free(doc);
        return s;
    }
    *out = doc;
    return CIM_OK;
}

cim_status cim_json_load(const char *path, cim_json **out, cim_err *err)
{
    char *text;
    size_t size;
    CIM_TRY(cim_file_read(path, JSON_MAX_BYTES, &text, &size, err));
    cim_status s = cim_json_parse(text, size, path, out, err);
    cim_free(text);
    return s;
}

void cim_json_free(cim_json *doc)
{
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    cim_free(doc);
}

const cim_json_node *cim_json_root(const cim_json *doc)
{
    return doc->root;
}

cim_json_type cim_json_type_of(const cim_json_node *node)
{
    if (cJSON_IsBool(node))
        return CIM_JSON_BOOL;
    if (cJSON_IsNumber(node))
        return CIM_JSON_NUMBER;
    if (cJSON_IsString(node))
        return CIM_JSON_STRING;
    if (cJSON_IsArray(node))
        return CIM_JSON_ARRAY;
    if (cJSON_IsObject(node))
        return CIM_JSON_OBJECT;
    return CIM_JSON_NULL;
}

static const char *const type_text[] = {"null",     "true or false", "a number",
                                        "a string", "an array",      "an object"};

const char *cim_json_type_text(const cim_json_node *node)
{
    return type_text[cim_json_type_of(node)];
}

const cim_json_node *cim_json_first(const cim_json_node *container)
{
    return container->child;
}

const cim_json_node *cim_json_next(const cim_json_node *element)
{
    return element->next;
}

size_t cim_json_count(const cim_json_node *container)
{
    size_t n = 0;
    for (const cJSON *c = container->child; c; c = c->next)
        n++;
    return n;
}

const char *cim_json_key(const cim_json_node *member)
{
    return member->string ? member->string : "";
}

const cim_json_node *cim_json_find(const cim_json_node *object, const char *key)
{
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *c = object->child; c; c = c->next)
        if (!strcmp(c->string, key))
            return c;
    return NULL;
}

/* ---- errors ---- */

static bool pointer_to(const cJSON *at, const cJSON *node, cim_text *t)
{
    if (at == node)
        return true;
    if (!cJSON_IsObject(at) && !cJSON_IsArray(at))
        return false;
    size_t length = t->n, i = 0;
    for (const cJSON *c = at->child; c; c = c->next, i++) {
        if (cJSON_IsArray(at)) {
            cim_text_addf(t, "/%zu", i);
        } else {
            cim_text_add(t, "/");
            for (const char *k = c->string; *k; k++)
                cim_text_add(t, *k == '~' ? "~0" : *k == '/' ? "~1" : (char[]){*k, '\0'});
        }
        if (t->failed || pointer_to(c, node, t))
            return true;
        t->n = length;
    }
    return false;
}

void cim_json_pointer(const cim_json *doc, const cim_json_node *node, char *buf, size_t size)
{
    cim_text t;
    cim_text_init(&t);
    pointer_to(doc->root, node, &t);
    snprintf(buf, size, "%.*s", (int)t.n, cim_text_str(&t));
    cim_text_clear(&t);
}

cim_status cim_json_error(const cim_json *doc, const cim_json_node *node, cim_err *err,
                          const char *fmt, ...)
{
    char pointer[200], where[420], message[480];
    cim_json_pointer(doc, node, pointer, sizeof pointer);
    snprintf(where, sizeof where, "%s:%s", doc->name, pointer[0] ? pointer : "/");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return cim_err_set(err, CIM_E_INPUT, where, "%s", message);
}

/* ---- getters ---- */

static cim_status wrong_type(const cim_json *doc, const cJSON *node, const char *wanted,
                             cim_err *err)
{
    if (cJSON_IsString(node))
        return cim_json_error(doc, node, err, "found the string \"%.60s\", %s is needed",
                              node->valuestring, wanted);
    return cim_json_error(doc, node, err, "found %s, %s is needed", cim_json_type_text(node),
                          wanted);
}

cim_status cim_json_double(const cim_json *doc, const cim_json_node *node, double min, double max,
                           double *out, cim_err *err)
{
    if (!cJSON_IsNumber(node))
        return wrong_type(doc, node, "a number", err);
    double v = node->valuedouble;
    char found[32];
    if (!(v >= min && v <= max))
        return cim_json_error(doc, node, err, "found %s, allowed is %.15g to %.15g",
                              cim_double_text(v, found, sizeof found), min, max);
    *out = v;
    return CIM_OK;
}

cim_status cim_json_int(const cim_json *doc, const cim_json_node *node, int64_t min, int64_t max,
                        int64_t *out, cim_err *err)
{
    if (!cJSON_IsNumber(node))
        return wrong_type(doc, node, "an integer", err);
    double v = node->valuedouble;
    char found[32];
    if (v != floor(v) || fabs(v) >= EXACT_INT || (int64_t)v < min || (int64_t)v > max)
        return cim_json_error(doc, node, err, "found %s, allowed is an integer from %lld to %lld",
                              cim_double_text(v, found, sizeof found), (long long)min,
                              (long long)max);
    *out = (int64_t)v;
    return CIM_OK;
}

cim_status cim_json_bool(const cim_json *doc, const cim_json_node *node, bool *out, cim_err *err)
{
    if (!cJSON_IsBool(node))
        return wrong_type(doc, node, "true or false", err);
    *out = cJSON_IsTrue(node) != 0;
    return CIM_OK;
}

cim_status cim_json_string(const cim_json *doc, const cim_json_node *node, const char **out,
                           cim_err *err)
{
    if (!cJSON_IsString(node))
        return wrong_type(doc, node, "a string", err);
    *out = node->valuestring;
    return CIM_OK;
}

cim_status cim_json_u64(const cim_json *doc, const cim_json_node *node, uint64_t *out, cim_err *err)
{
    if (cJSON_IsNumber(node)) {
        int64_t v;
        CIM_TRY(cim_json_int(doc, node, 0, INT64_MAX, &v, err));
        *out = (uint64_t)v;
        return CIM_OK;
    }
    if (!cJSON_IsString(node))
        return wrong_type(doc, node, "an unsigned integer (as a string of digits)", err);
    const char *s = node->valuestring;
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (s[0] < '0' || s[0] > '9' || *end || errno)
        return cim_json_error(doc, node, err,
                              "found \"%s\", allowed is an integer from 0 to 18446744073709551615",
                              s);
    *out = v;
    return CIM_OK;
}

cim_status cim_json_choice(const cim_json *doc, const cim_json_node *node, const char *const *words,
                           size_t n, int *out, cim_err *err)
{
    const char *s = NULL;
    CIM_TRY(cim_json_string(doc, node, &s, err));
    for (size_t i = 0; i < n; i++)
        if (!strcmp(s, words[i])) {
            *out = (int)i;
            return CIM_OK;
        }
    cim_text t;
    cim_text_init(&t);
    for (size_t i = 0; i < n; i++)
        cim_text_addf(&t, "%s%s", i ? ", " : "", words[i]);
    cim_status status =
        cim_json_error(doc, node, err, "found \"%s\", allowed is one of: %s", s, cim_text_str(&t));
    cim_text_clear(&t);
    return status;
}

cim_status cim_json_expect(const cim_json *doc, const cim_json_node *node, cim_json_type type,
                           cim_err *err)
{
    return cim_json_type_of(node) == type ? CIM_OK : wrong_type(doc, node, type_text[type], err);
}

cim_status cim_json_known_keys(const cim_json *doc, const cim_json_node *object,
                               const char *const *keys, size_t n, cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, object, CIM_JSON_OBJECT, err));
    for (const cJSON *c = object->child; c; c = c->next) {
        size_t i = 0;
        while (i < n && strcmp(c->string, keys[i]) != 0)
            i++;
        if (i < n)
            continue;
        const char *near = cim_text_nearest(c->string, keys, n);
        if (near)
            return cim_json_error(doc, c, err, "unknown key \"%s\"; did you mean \"%s\"?",
                                  c->string, near);
        return cim_json_error(doc, c, err, "unknown key \"%s\"", c->string);
    }
    return CIM_OK;
}

static void print_node(cim_jw *w, const char *key, const cJSON *node)
{
    switch (cim_json_type_of(node)) {
    case CIM_JSON_OBJECT:
        cim_jw_object(w, key);
        for (const cJSON *c = node->child; c; c = c->next)
            print_node(w, c->string, c);
        cim_jw_object_end(w);
        break;
    case CIM_JSON_ARRAY:
        cim_jw_array(w, key);
        for (const cJSON *c = node->child; c; c = c->next)
            print_node(w, NULL, c);
        cim_jw_array_end(w);
        break;
    case CIM_JSON_STRING:
        cim_jw_string(w, key, node->valuestring);
        break;
    case CIM_JSON_NUMBER:
        cim_jw_double(w, key, node->valuedouble);
        break;
    case CIM_JSON_BOOL:
        cim_jw_bool(w, key, cJSON_IsTrue(node) != 0);
        break;
    case CIM_JSON_NULL:
        cim_jw_null(w, key);
        break;
    }
}

char *cim_json_print(const cim_json_node *node)
{
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, false);
    print_node(&w, NULL, node);
    if (t.failed) {
        cim_text_clear(&t);
        return NULL;
    }
    return t.s;
}
