/* Strict JSON reader: RFC 8259 and nothing else.
 *
 * cJSON does the parsing behind it, but accepts trailing garbage, duplicate keys, numbers like 01
 * and 1e999, and finds keys whatever their case; this module refuses the first four with line and
 * column, or the JSON pointer, and is exact about keys. Every getter names the JSON pointer, what
 * was found and what is allowed. Start with cim_json_load() or cim_json_parse(). */
#ifndef CIM_HWSPACE_BASE_JSON_H
#define CIM_HWSPACE_BASE_JSON_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cim_json cim_json;   /* a parsed document; owned by whoever parsed it */
typedef struct cJSON cim_json_node; /* a value in it; borrowed, lives as long as the document */

typedef enum cim_json_type {
    CIM_JSON_NULL,
    CIM_JSON_BOOL,
    CIM_JSON_NUMBER,
    CIM_JSON_STRING,
    CIM_JSON_ARRAY,
    CIM_JSON_OBJECT
} cim_json_type;

/** Parse text. @param name how errors call the document (a file name or "--set").
 *  @return CIM_OK, CIM_E_INPUT (line:column and what is wrong), CIM_E_NOMEM. */
CIM_MUST_CHECK cim_status cim_json_parse(const char *text, size_t size, const char *name,
                                         cim_json **out, cim_err *err);
CIM_MUST_CHECK cim_status cim_json_load(const char *path, cim_json **out, cim_err *err);
void cim_json_free(cim_json *doc);

/** The document's value; borrowed, lives as long as the document. */
const cim_json_node *cim_json_root(const cim_json *doc);
/** What a value is. */
cim_json_type cim_json_type_of(const cim_json_node *node);
/** "an object", "a string", ... for messages. */
const char *cim_json_type_text(const cim_json_node *node);

/** Members of an object or elements of an array: first, next (NULL at the end), count. */
const cim_json_node *cim_json_first(const cim_json_node *container);
const cim_json_node *cim_json_next(const cim_json_node *element);
size_t cim_json_count(const cim_json_node *container);
/** The key of a member of an object. */
const char *cim_json_key(const cim_json_node *member);
/** The member of an object with exactly this key, or NULL. */
const cim_json_node *cim_json_find(const cim_json_node *object, const char *key);

/** Typed getters. All fail with CIM_E_INPUT and leave *out alone when the value has another type
 *  or is outside [min, max]. An integer may be written 3 or 3.0 but must be exact below 2^53. */
CIM_MUST_CHECK cim_status cim_json_double(const cim_json *doc, const cim_json_node *node,
                                          double min, double max, double *out, cim_err *err);
CIM_MUST_CHECK cim_status cim_json_int(const cim_json *doc, const cim_json_node *node, int64_t min,
                                       int64_t max, int64_t *out, cim_err *err);
CIM_MUST_CHECK cim_status cim_json_bool(const cim_json *doc, const cim_json_node *node, bool *out,
                                        cim_err *err);
/** @param[out] out borrowed from the document */
CIM_MUST_CHECK cim_status cim_json_string(const cim_json *doc, const cim_json_node *node,
                                          const char **out, cim_err *err);
/** An unsigned 64-bit number, as a string of digits or an exact number below 2^53 (seeds). */
CIM_MUST_CHECK cim_status cim_json_u64(const cim_json *doc, const cim_json_node *node,
                                       uint64_t *out, cim_err *err);
/** One of `n` words. @param[out] out its index */
CIM_MUST_CHECK cim_status cim_json_choice(const cim_json *doc, const cim_json_node *node,
                                          const char *const *words, size_t n, int *out,
                                          cim_err *err);
/** The value is an object (array). */
CIM_MUST_CHECK cim_status cim_json_expect(const cim_json *doc, const cim_json_node *node,
                                          cim_json_type type, cim_err *err);
/** The object has only these keys; an unknown one is named with its nearest known neighbour. */
CIM_MUST_CHECK cim_status cim_json_known_keys(const cim_json *doc, const cim_json_node *object,
                                              const char *const *keys, size_t n, cim_err *err);

/** Report something wrong with a value: sets err->where to "NAME:/json/pointer".
 *  @return CIM_E_INPUT */
cim_status cim_json_error(const cim_json *doc, const cim_json_node *node, cim_err *err,
                          const char *fmt, ...) CIM_PRINTF(4, 5);

/** The JSON pointer (RFC 6901) of a node. @param[out] buf receives at most size-1 bytes. */
void cim_json_pointer(const cim_json *doc, const cim_json_node *node, char *buf, size_t size);

/** The value as compact JSON text. @return owned by the caller (cim_free), NULL: no memory. */
char *cim_json_print(const cim_json_node *node);

#endif
