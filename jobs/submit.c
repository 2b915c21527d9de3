#include "jobs/submit.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DAYS = 366, MIN_LEAD_S = 20, MAX_LEAD_S = 300 };

/* ---- time limits ----------------------------------------------------------------------------- */

/* Up to three numbers separated by ':'. @return how many, 0 when malformed */
static int read_numbers(const char *s, long v[3])
{
    for (int n = 0; n < 3; n++) {
        size_t digits = strspn(s, "0123456789");
        if (digits == 0 || digits > 6)
            return 0;
        v[n] = strtol(s, NULL, 10);
        s += digits;
        if (!*s)
            return n + 1;
        if (*s++ != ':')
            return 0;
    }
    return 0;
}

static long long parse_time(const char *text)
{
    long v[3] = {0, 0, 0}, days = 0;
    const char *dash = strchr(text, '-');
    if (dash) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 6 || text + digits != dash)
            return -1;
        days = strtol(text, NULL, 10);
        int n = read_numbers(dash + 1, v);
        if (n == 0 || v[0] > 23 || v[1] > 59 || v[2] > 59)
            return -1;
        return ((days * 24LL + v[0]) * 60 + v[1]) * 60 + v[2];
    }
    switch (read_numbers(text, v)) {
    case 1:
        return v[0] * 60LL;
    case 2:
        return v[1] > 59 ? -1 : v[0] * 60LL + v[1];
    case 3:
        return v[1] > 59 || v[2] > 59 ? -1 : (v[0] * 60LL + v[1]) * 60 + v[2];
    default:
        return -1;
    }
}

cim_status cim_job_slurm_time(const char *text, long long *seconds, cim_err *err)
{
    long long s = parse_time(text);
    if (s < 0)
        return cim_err_set(err, CIM_E_INPUT, "--time",
                           "found \"%s\", allowed are MINUTES, MINUTES:SECONDS, "
                           "HOURS:MINUTES:SECONDS, DAYS-HOURS, DAYS-HOURS:MINUTES and "
                           "DAYS-HOURS:MINUTES:SECONDS",
                           text);
    if (s == 0 || s > MAX_DAYS * 86400LL)
        return cim_err_set(err, CIM_E_INPUT, "--time",
                           "found \"%s\", allowed is more than 0 and at most %d days (the job "
                           "requeues itself until the search is done)",
                           text, MAX_DAYS);
    *seconds = s;
    return CIM_OK;
}

long long cim_job_slurm_lead(long long limit)
{
    long long lead = limit / 10;
    return lead < MIN_LEAD_S ? MIN_LEAD_S : lead > MAX_LEAD_S ? MAX_LEAD_S : lead;
}

/* ---- quoting ------------------------------------------------------------------------------------ */

void cim_job_shell_quote(const char *s, cim_text *out)
{
    cim_text_add(out, "'");
    for (; *s; s++)
        if (*s == '\'')
            cim_text_add(out, "'\\''");
        else
            cim_text_add_n(out, s, 1);
    cim_text_add(out, "'");
}

/* A word of an #SBATCH line. sbatch knows "..." and '...' there, but no escapes inside and no escaped
 * blanks outside (tried with 22.05), so a double quote is put between single quotes. */
static void sbatch_quote(const char *s, cim_text *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-=%:,+@*[]()";
    if (s[strspn(s, plain)] == '\0') {
        cim_text_add(out, s);
        return;
    }
    cim_text_add(out, "\"");
    for (; *s; s++)
        if (*s == '"')
            cim_text_add(out, "\"'\"'\"");
        else
            cim_text_add_n(out, s, 1);
    cim_text_add(out, "\"");
}

/* --output: "%j" is the job's number, every '%' of the directory is doubled. */
static void output_pattern(const char *directory, cim_text *out)
{
    cim_text pattern;
    cim_text_init(&pattern);
    for (const char *p = directory; *p; p++)
        cim_text_add(&pattern, *p == '%' ? "%%" : (char[]){*p, '\0'});
    cim_text_add(&pattern, "/slurm-%j.out");
    out->failed |= pattern.failed;
    sbatch_quote(cim_text_str(&pattern), out);
    cim_text_clear(&pattern);
}

/* A job name: what is not a plain character becomes '-'. */
static void job_name(const char *name, cim_text *out)
{
    cim_text_add(out, "cimdse-");
    for (size_t i = 0; name[i] && i < 64; i++) {
        unsigned char c = (unsigned char)name[i];
        cim_text_add_n(out, c < 0x80 && (isalnum(c) || strchr("._-", c)) ? name + i : "-", 1);
    }
}

/* ---- checks --------------------------------------------------------------------------------------- */

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static cim_status check_path(const char *where, const char *path, cim_err *err)
{
    if (has_control(path) || strchr(path, '\\'))
        return cim_err_set(err, CIM_E_INPUT, where,
                           "the path has a control character or a backslash, which Slurm cannot "
                           "take in file names; use another directory");
    return CIM_OK;
}

static cim_status check_partition(const char *p, cim_err *err)
{
    if (!p)
        return CIM_OK;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.,-+";
    if (!*p || *p == '-' || p[strspn(p, allowed)])
        return cim_err_set(err, CIM_E_INPUT, "--partition",
                           "found \"%s\", allowed are names of letters, digits and _ . + - "
                           "(several separated by commas)",
                           p);
    return CIM_OK;
}

/* Options the script sets itself; giving them twice would make it do something else than it says. */
static cim_status check_extra(const char *option, cim_err *err)
{
    static const char *const taken[] = {
        "nodes",     "ntasks",   "time",       "partition", "output",   "signal",
        "open-mode", "requeue",  "no-requeue", "array",     "job-name", "wrap",
        "chdir",     "parsable", "test-only",  "hold",      "wait"};
    size_t n = strcspn(option + (strncmp(option, "--", 2) == 0 ? 2 : 0), "=");
    if (strncmp(option, "--", 2) != 0 || n == 0 || has_control(option) ||
        option[2 + strspn(option + 2, "abcdefghijklmnopqrstuvwxyz-")] != (option[2 + n] ? '=' : 0))
        return cim_err_set(err, CIM_E_INPUT, "--sbatch",
                           "found \"%s\", allowed is one long option of sbatch, \"--account=NAME\"",
                           option);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strlen(taken[i]) == n && !strncmp(option + 2, taken[i], n))
            return cim_err_set(err, CIM_E_INPUT, "--sbatch",
                               "\"%s\" is the job's own business (%s)", option,
                               i < 4 ? "give it to cimdse submit" : "it cannot be changed");
    return CIM_OK;
}

static cim_status check_job(const cim_job_sbatch *j, long long *limit, cim_err *err)
{
    CIM_TRY(cim_job_slurm_time(j->time, limit, err));
    if (j->nodes < 1 || j->ntasks < j->nodes)
        return cim_err_set(err, CIM_E_INPUT, "--ntasks",
                           "found %lld ranks on %lld nodes, allowed is at least one rank per node",
                           j->ntasks, j->nodes);
    CIM_TRY(check_partition(j->partition, err));
    CIM_TRY(check_path("-o", j->directory, err));
    CIM_TRY(check_path("cimdse", j->binary, err));
    for (size_t i = 0; i < j->n_extra; i++)
        CIM_TRY(check_extra(j->extra[i], err));
    return CIM_OK;
}

/* ---- the template ----------------------------------------------------------------------------------- */

static void in_directory(const cim_job_sbatch *j, const char *name, cim_text *out)
{
    cim_text path;
    cim_text_init(&path);
    cim_text_addf(&path, "%s/%s", j->directory, name);
    out->failed |= path.failed;
    cim_job_shell_quote(cim_text_str(&path), out);
    cim_text_clear(&path);
}

static void extra_lines(const cim_job_sbatch *j, cim_text *out)
{
    if (j->partition)
        cim_text_addf(out, "#SBATCH --partition=%s\n", j->partition);
    for (size_t i = 0; i < j->n_extra; i++) {
        cim_text_add(out, "#SBATCH ");
        sbatch_quote(j->extra[i], out);
        cim_text_add(out, "\n");
    }
}

/* @return false: the template has a name that is not known */
static bool fill_in(const cim_job_sbatch *j, long long lead, const char *key, cim_text *out)
{
    if (!strcmp(key, "NAME") || !strcmp(key, "JOB_NAME"))
        job_name(j->name, out);
    else if (!strcmp(key, "VERSION"))
        cim_text_add(out, CIM_VERSION);
    else if (!strcmp(key, "SCRIPT"))
        in_directory(j, "job.sbatch", out);
    else if (!strcmp(key, "SPEC"))
        in_directory(j, "spec-submitted.json", out);
    else if (!strcmp(key, "RESULT"))
        cim_job_shell_quote(j->directory, out);
    else if (!strcmp(key, "CIMDSE"))
        cim_job_shell_quote(j->binary, out);
    else if (!strcmp(key, "OUTPUT"))
        output_pattern(j->directory, out);
    else if (!strcmp(key, "TIME"))
        cim_text_add(out, j->time);
    else if (!strcmp(key, "NODES"))
        cim_text_addf(out, "%lld", j->nodes);
    else if (!strcmp(key, "NTASKS"))
        cim_text_addf(out, "%lld", j->ntasks);
    else if (!strcmp(key, "LEAD"))
        cim_text_addf(out, "%lld", lead);
    else if (!strcmp(key, "EXTRA"))
        extra_lines(j, out);
    else
        return false;
    return true;
}

static cim_status bad_template(cim_err *err)
{
    return cim_err_set(err, CIM_E_INTERNAL, "slurm/job.sbatch", "the built-in template is broken");
}

cim_status cim_job_sbatch_write(const cim_job_sbatch *job, cim_text *out, cim_err *err)
{
    long long limit = 0;
    CIM_TRY(check_job(job, &limit, err));
    const cim_embedded_file *f = cim_embedded_find(cim_embedded_slurm, "job", ".sbatch");
    if (!f)
        return bad_template(err);
    cim_text t;
    cim_text_init(&t);
    const char *p = (const char *)f->begin, *end = (const char *)f->end;
    while (p < end) {
        char key[32];
        size_t k = 0;
        if (end - p < 4 || p[0] != '{' || p[1] != '{') {
            cim_text_add_n(&t, p++, 1);
            continue;
        }
        for (p += 2; p < end && *p != '}' && k + 1 < sizeof key; p++)
            key[k++] = *p;
        key[k] = '\0';
        if (end - p < 2 || p[0] != '}' || p[1] != '}' ||
            !fill_in(job, cim_job_slurm_lead(limit), key, &t)) {
            cim_text_clear(&t);
            return bad_template(err);
        }
        p += 2;
    }
    cim_status s = CIM_OK;
    if (t.failed)
        s = cim_err_set(err, CIM_E_NOMEM, "job.sbatch", "out of memory");
    else
        cim_text_add_n(out, cim_text_str(&t), t.n);
    cim_text_clear(&t);
    if (s == CIM_OK && out->failed)
        s = cim_err_set(err, CIM_E_NOMEM, "job.sbatch", "out of memory");
    return s;
}
