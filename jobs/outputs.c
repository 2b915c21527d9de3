#include "jobs/outputs.h"

#include "hwspace/base/memory.h"
#include "jobs/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cim_job_outputs_init(cim_job_outputs *o)
{
    memset(o, 0, sizeof *o);
}

void cim_job_outputs_clear(cim_job_outputs *o)
{
    for (size_t i = 0; i < o->n; i++)
        cim_text_clear(&o->of[i].text);
    cim_free(o->of);
    cim_job_outputs_init(o);
}

static bool is_stdout(const char *path)
{
    return !strcmp(path, "-");
}

/* The folder of a path: "." of "x", "/" of "/x". @return false: out of memory */
static bool folder_of(const char *path, cim_text *out)
{
    const char *slash = strrchr(path, '/');
    cim_text_init(out);
    if (!slash)
        cim_text_add(out, ".");
    else
        cim_text_add_n(out, path, slash == path ? 1 : (size_t)(slash - path));
    return !out->failed;
}

/* ---- two outputs in one place ------------------------------------------------------------------- */

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Of files that do not exist yet: the same name in the same folder. */
static bool same_new_file(const char *a, const char *b)
{
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    struct stat sa, sb;
    cim_text folder_a, folder_b;
    bool made_a = folder_of(a, &folder_a), made_b = folder_of(b, &folder_b);
    bool same = !strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) && made_a && made_b &&
                stat(folder_a.s, &sa) == 0 && stat(folder_b.s, &sb) == 0 && same_inode(&sa, &sb);
    cim_text_clear(&folder_a);
    cim_text_clear(&folder_b);
    return same;
}

/* Devices (/dev/null, a terminal) take any number of outputs, except where both say stdout. */
static bool same_place(const char *a, const char *b)
{
    struct stat sa, sb;
    if (is_stdout(a) && is_stdout(b))
        return true;
    bool there_a = is_stdout(a) ? fstat(STDOUT_FILENO, &sa) == 0 : stat(a, &sa) == 0;
    bool there_b = is_stdout(b) ? fstat(STDOUT_FILENO, &sb) == 0 : stat(b, &sb) == 0;
    if (there_a && there_b)
        return same_inode(&sa, &sb) && !S_ISCHR(sa.st_mode);
    return !there_a && !there_b && !is_stdout(a) && !is_stdout(b) && same_new_file(a, b);
}

static cim_status check_distinct(const cim_job_outputs *o, const char *option, const char *path,
                                 cim_err *err)
{
    for (size_t i = 0; i < o->n; i++)
        if (same_place(o->of[i].path, path))
            return cim_err_set(err, CIM_E_INPUT, option,
                               "found %s, where %s goes already; each needs a place of its own",
                               is_stdout(path) ? "- (stdout)" : path, o->of[i].option);
    return CIM_OK;
}

/* ---- before the work ------------------------------------------------------------------------------ */

static cim_status cannot(const char *path, cim_err *err)
{
    return cim_err_set(err, CIM_E_INPUT, path, "cannot be written: %s", strerror(errno));
}

/* Found now rather than after minutes of work. */
static cim_status check_writable(const char *path, cim_err *err)
{
    struct stat st;
    cim_text folder;
    if (is_stdout(path))
        return CIM_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return cim_err_set(err, CIM_E_INPUT, path, "is a directory, a file is needed");
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return access(path, W_OK) == 0 ? CIM_OK : cannot(path, err);
    cim_status s = CIM_OK;
    if (!folder_of(path, &folder))
        s = cim_err_set(err, CIM_E_NOMEM, path, "out of memory");
    else if (access(folder.s, W_OK | X_OK) != 0)
        s = cannot(path, err);
    cim_text_clear(&folder);
    return s;
}

cim_status cim_job_outputs_add(cim_job_outputs *o, const char *option, const char *path,
                               cim_err *err)
{
    CIM_TRY(check_distinct(o, option, path, err));
    CIM_TRY(check_writable(path, err));
    if (cim_grow(&o->of, &o->cap, o->n + 1, sizeof *o->of))
        return cim_err_set(err, CIM_E_NOMEM, path, "out of memory");
    o->of[o->n] = (cim_job_output){.option = option, .path = path};
    cim_text_init(&o->of[o->n++].text);
    return CIM_OK;
}

cim_status cim_job_outputs_take(cim_job_outputs *o, const cim_job_args *args,
                                const char *const *options, cim_err *err)
{
    for (; *options; options++)
        if (cim_job_args_has(args, *options))
            CIM_TRY(cim_job_outputs_add(o, *options, cim_job_args_value(args, *options), err));
    return CIM_OK;
}

/* ---- after it --------------------------------------------------------------------------------------- */

cim_text *cim_job_outputs_text(cim_job_outputs *o, const char *option)
{
    for (size_t i = 0; i < o->n; i++)
        if (!strcmp(o->of[i].option, option))
            return &o->of[i].text;
    return NULL;
}

bool cim_job_outputs_on_stdout(const cim_job_outputs *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (is_stdout(o->of[i].path))
            return true;
    return false;
}

static cim_status write_files(const cim_job_outputs *o, cim_err *err)
{
    size_t n = 0;
    cim_file_content *files = cim_alloc(o->n, sizeof *files);
    if (!files)
        return cim_err_set(err, CIM_E_NOMEM, "outputs", "out of memory");
    for (size_t i = 0; i < o->n; i++)
        if (!is_stdout(o->of[i].path))
            files[n++] = (cim_file_content){.path = o->of[i].path,
                                            .data = cim_text_str(&o->of[i].text),
                                            .size = o->of[i].text.n};
    cim_status s = cim_files_write(files, n, err);
    cim_free(files);
    if (s == CIM_E_IO && err)
        err->code = CIM_E_INPUT; /* a path the user named */
    return s == CIM_E_IO ? CIM_E_INPUT : s;
}

cim_status cim_job_outputs_write(const cim_job_outputs *o, cim_err *err)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->of[i].text.failed)
            return cim_err_set(err, CIM_E_NOMEM, o->of[i].path, "out of memory");
    CIM_TRY(write_files(o, err));
    for (size_t i = 0; i < o->n; i++)
        if (is_stdout(o->of[i].path))
            CIM_TRY(cim_job_print(&o->of[i].text, err));
    return CIM_OK;
}
