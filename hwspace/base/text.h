/* Text: a growing string, a streaming JSON writer on top of it, small file helpers. */
#ifndef CIM_HWSPACE_BASE_TEXT_H
#define CIM_HWSPACE_BASE_TEXT_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A growing, always NUL-terminated string. After an allocation failure `failed` is set and
 *  further appends do nothing, so only the end needs a check. */
typedef struct cim_text {
    char *s; /* owned; NULL while empty, see cim_text_str() */
    size_t n, cap;
    bool failed;
} cim_text;

void cim_text_init(cim_text *t);
void cim_text_clear(cim_text *t);
const char *cim_text_str(const cim_text *t);
void cim_text_add(cim_text *t, const char *s);
void cim_text_add_n(cim_text *t, const char *s, size_t n);
void cim_text_addf(cim_text *t, const char *fmt, ...) CIM_PRINTF(2, 3);

/** Streaming JSON writer (RFC 8259): commas, indentation and escapes are its business.
 *  Doubles are written with the fewest of %.15g, %.16g, %.17g that read back the same;
 *  NaN and infinities become null. Keys are given before values inside objects, NULL in arrays. */
typedef struct cim_jw {
    cim_text *out; /* borrowed */
    int depth;
    bool pretty;
    bool first[64];
} cim_jw;

void cim_jw_init(cim_jw *w, cim_text *out, bool pretty);
void cim_jw_object(cim_jw *w, const char *key);
void cim_jw_object_end(cim_jw *w);
void cim_jw_array(cim_jw *w, const char *key);
void cim_jw_array_end(cim_jw *w);
void cim_jw_int(cim_jw *w, const char *key, int64_t v);
void cim_jw_double(cim_jw *w, const char *key, double v);
void cim_jw_bool(cim_jw *w, const char *key, bool v);
void cim_jw_string(cim_jw *w, const char *key, const char *v);
void cim_jw_null(cim_jw *w, const char *key);
/** Splice in text that is already JSON. */
void cim_jw_raw(cim_jw *w, const char *key, const char *json);

/** The shortest of %.15g..%.17g that reads back as v. @param[out] buf at least 32 bytes. */
const char *cim_double_text(double v, char *buf, size_t size);

/** Of `n` words the one nearest to `word` by edit distance, or NULL when none is near enough to
 *  be a plausible misspelling. Borrowed from `words`. */
const char *cim_text_nearest(const char *word, const char *const *words, size_t n);

/** Read a whole file (at most `max` bytes). @param[out] data owned by the caller, NUL-terminated.
 *  @return CIM_E_INPUT when it is missing, a directory, unreadable or too large. */
CIM_MUST_CHECK cim_status cim_file_read(const char *path, size_t max, char **data, size_t *size,
                                        cim_err *err);

/** Write a file completely or not at all: temporary name, fsync, rename. A symbolic link stays one;
 *  what is no file (a device, a pipe) is written to directly. */
CIM_MUST_CHECK cim_status cim_file_write(const char *path, const void *data, size_t size,
                                         cim_err *err);

typedef struct cim_file_content {
    const char *path;
    const void *data;
    size_t size;
} cim_file_content;

/** The same for several files: all of them or none. Devices and pipes are written to before the
 *  first file appears. */
CIM_MUST_CHECK cim_status cim_files_write(const cim_file_content *files, size_t n, cim_err *err);

#endif
