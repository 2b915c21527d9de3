#include "hwspace/base/text.h"

#include "hwspace/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cim_text_init(cim_text *t)
{
    memset(t, 0, sizeof *t);
}

void cim_text_clear(cim_text *t)
{
    cim_free(t->s);
    cim_text_init(t);
}

const char *cim_text_str(const cim_text *t)
{
    return t->s ? t->s : "";
}

void cim_text_add_n(cim_text *t, const char *s, size_t n)
{
    if (t->failed || n > SIZE_MAX - t->n - 1 || cim_grow(&t->s, &t->cap, t->n + n + 1, 1)) {
        t->failed = true;
        return;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void cim_text_add(cim_text *t, const char *s)
{
    cim_text_add_n(t, s, strlen(s));
}

void cim_text_addf(cim_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || t->failed || cim_grow(&t->s, &t->cap, t->n + (size_t)n + 1, 1)) {
        t->failed = true;
    } else {
        vsnprintf(t->s + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

const char *cim_double_text(double v, char *buf, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    return buf;
}

void cim_jw_init(cim_jw *w, cim_text *out, bool pretty)
{
    memset(w, 0, sizeof *w);
    w->out = out;
    w->pretty = pretty;
    w->first[0] = true;
}

static void quote(cim_text *t, const char *s)
{
    cim_text_add_n(t, "\"", 1);
    for (const char *p = s; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            cim_text_addf(t, "\\%c", c);
        else if (c == '\n')
            cim_text_add(t, "\\n");
        else if (c < 0x20)
            cim_text_addf(t, "\\u%04x", c);
        else
            cim_text_add_n(t, p, 1);
    }
    cim_text_add_n(t, "\"", 1);
}

static void newline(cim_jw *w)
{
    if (!w->pretty)
        return;
    cim_text_add_n(w->out, "\n", 1);
    for (int i = 0; i < w->depth; i++)
        cim_text_add_n(w->out, "  ", 2);
}

static void before_value(cim_jw *w, const char *key)
{
    if (!w->first[w->depth])
        cim_text_add_n(w->out, ",", 1);
    if (w->depth > 0)
        newline(w);
    w->first[w->depth] = false;
    if (key) {
        quote(w->out, key);
        cim_text_add(w->out, w->pretty ? ": " : ":");
    }
}

static void open_level(cim_jw *w, const char *key, const char *bracket)
{
    before_value(w, key);
    cim_text_add(w->out, bracket);
    if (w->depth < 63)
        w->depth++;
    else
        w->out->failed = true;
    w->first[w->depth] = true;
}

static void close_level(cim_jw *w, const char *bracket)
{
    bool empty = w->first[w->depth];
    if (w->depth > 0)
        w->depth--;
    if (!empty)
        newline(w);
    cim_text_add(w->out, bracket);
}

void cim_jw_object(cim_jw *w, const char *key)
{
    open_level(w, key, "{");
}

void cim_jw_object_end(cim_jw *w)
{
    close_level(w, "}");
}

void cim_jw_array(cim_jw *w, const char *key)
{
    open_level(w, key, "[");
}

void cim_jw_array_end(cim_jw *w)
{
    close_level(w, "]");
}

void cim_jw_int(cim_jw *w, const char *key, int64_t v)
{
    before_value(w, key);
    cim_text_addf(w->out, "%lld", (long long)v);
}

void cim_jw_double(cim_jw *w, const char *key, double v)
{
    char buf[32];
    before_value(w, key);
    cim_text_add(w->out, isfinite(v) ? cim_double_text(v, buf, sizeof buf) : "null");
}

void cim_jw_bool(cim_jw *w, const char *key, bool v)
{
    before_value(w, key);
    cim_text_add(w->out, v ? "true" : "false");
}

void cim_jw_string(cim_jw *w, const char *key, const char *v)
{
    before_value(w, key);
    quote(w->out, v);
}

void cim_jw_null(cim_jw *w, const char *key)
{
    before_value(w, key);
    cim_text_add(w->out, "null");
}

void cim_jw_raw(cim_jw *w, const char *key, const char *json)
{
    before_value(w, key);
    cim_text_add(w->out, json);
}

enum { NEAREST_MAX = 64 };

static size_t edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[NEAREST_MAX + 1];
    if (la > NEAREST_MAX || lb > NEAREST_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t up = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (up + 1 < best)
                best = up + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *cim_text_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 2 + 1, best_distance = limit + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, words[i]);
        if (d < best_distance) {
            best_distance = d;
            best = words[i];
        }
    }
    return best;
}

static cim_status read_open_file(int fd, const char *path, size_t max, char **data, size_t *size,
                                 cim_err *err)
{
    size_t cap = 0, n = 0;
    char *buf = NULL;
    for (;;) {
        if (cim_grow(&buf, &cap, n + 65536 + 1, 1)) {
            cim_free(buf);
            return cim_err_set(err, CIM_E_NOMEM, path, "out of memory while reading");
        }
        ssize_t got = read(fd, buf + n, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || n + (size_t)got > max) {
            cim_free(buf);
            if (got < 0)
                return cim_err_set(err, CIM_E_INPUT, path, "cannot be read: %s", strerror(errno));
            return cim_err_set(err, CIM_E_INPUT, path, "is larger than the allowed %zu bytes", max);
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    buf[n] = '\0';
    *data = buf;
    *size = n;
    return CIM_OK;
}

cim_status cim_file_read(const char *path, size_t max, char **data, size_t *size, cim_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cim_err_set(err, CIM_E_INPUT, path, "cannot be opened: %s", strerror(errno));
    struct stat st;
    cim_status s;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        s = cim_err_set(err, CIM_E_INPUT, path, "is a directory, a file is needed");
    else
        s = read_open_file(fd, path, max, data, size, err);
    close(fd);
    return s;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static cim_status not_written(const char *path, cim_err *err)
{
    return cim_err_set(err, CIM_E_IO, path, "cannot be written: %s", strerror(errno));
}

/* A device or a pipe (/dev/null, /dev/stdout) is written to, never replaced by a file. */
static cim_status write_in_place(const char *path, const void *data, size_t size, cim_err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return not_written(path, err);
    cim_status s = write_all(fd, data, size) ? not_written(path, err) : CIM_OK;
    if (close(fd) && s == CIM_OK)
        s = not_written(path, err);
    return s;
}

/* One file on its way: written beside its place under another name, then moved there. */
typedef struct staged {
    const char *path;     /* as given */
    char *target;         /* where a symbolic link leads, so that it stays one; NULL: path */
    cim_text temporary;   /* empty: nothing to move (a device, a pipe) */
    bool replaces, moved; /* something was there; the new one is */
} staged;

static cim_status write_temporary(const staged *f, const void *data, size_t size, cim_err *err)
{
    int fd = open(f->temporary.s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return not_written(f->path, err);
    cim_status s = write_all(fd, data, size) || fsync(fd) ? not_written(f->path, err) : CIM_OK;
    if (close(fd) && s == CIM_OK)
        s = not_written(f->path, err);
    return s;
}

static cim_status stage(const cim_file_content *c, staged *f, cim_err *err)
{
    f->target = f->replaces ? realpath(c->path, NULL) : NULL;
    cim_text_addf(&f->temporary, "%s.tmp%ld", f->target ? f->target : c->path, (long)getpid());
    if (f->temporary.failed) {
        cim_text_clear(&f->temporary);
        return cim_err_set(err, CIM_E_NOMEM, c->path, "out of memory while writing");
    }
    return write_temporary(f, c->data, c->size, err);
}

static cim_status move_in_place(staged *f, cim_err *err)
{
    if (rename(f->temporary.s, f->target ? f->target : f->path) != 0)
        return not_written(f->path, err);
    f->moved = true;
    return CIM_OK;
}

/* After a failure nothing that was not there before may stay. */
static void unstage(staged *f, bool failed)
{
    if (f->temporary.n > 0 && !f->moved)
        unlink(f->temporary.s);
    else if (f->moved && failed && !f->replaces)
        unlink(f->path);
    cim_text_clear(&f->temporary);
    free(f->target);
}

cim_status cim_files_write(const cim_file_content *files, size_t n, cim_err *err)
{
    staged *f = cim_alloc(n, sizeof *f);
    struct stat st;
    cim_status s = CIM_OK;
    if (!f)
        return cim_err_set(err, CIM_E_NOMEM, n ? files[0].path : "files",
                           "out of memory while writing");
    for (size_t i = 0; i < n && s == CIM_OK; i++) {
        f[i].path = files[i].path;
        f[i].replaces = stat(files[i].path, &st) == 0;
        if (!f[i].replaces || S_ISREG(st.st_mode))
            s = stage(&files[i], &f[i], err);
    }
    for (size_t i = 0; i < n && s == CIM_OK; i++)
        if (f[i].temporary.n == 0)
            s = write_in_place(files[i].path, files[i].data, files[i].size, err);
    for (size_t i = 0; i < n && s == CIM_OK; i++)
        if (f[i].temporary.n > 0)
            s = move_in_place(&f[i], err);
    for (size_t i = 0; i < n; i++)
        unstage(&f[i], s != CIM_OK);
    cim_free(f);
    return s;
}

cim_status cim_file_write(const char *path, const void *data, size_t size, cim_err *err)
{
    return cim_files_write(&(cim_file_content){.path = path, .data = data, .size = size}, 1, err);
}
