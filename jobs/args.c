#include "jobs/args.h"

#include "hwspace/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int find_option(const cim_job_option *options, const char *name, size_t length)
{
    for (int i = 0; options[i].name; i++)
        if (strlen(options[i].name) == length && !strncmp(options[i].name, name, length))
            return i;
    return -1;
}

static cim_status unknown_option(const cim_job_option *options, const char *word, cim_err *err)
{
    const char *names[CIM_JOB_MAX_OPTIONS];
    size_t n = 0;
    for (; options[n].name; n++)
        names[n] = options[n].name;
    const char *near = cim_text_nearest(word, names, n);
    if (near)
        return cim_err_set(err, CIM_E_INPUT, word, "unknown option; did you mean %s?", near);
    return cim_err_set(err, CIM_E_INPUT, word, "unknown option");
}

static cim_status take_option(cim_job_args *a, const char *word, char **next, bool *used_next,
                              cim_err *err)
{
    const char *equals = strchr(word, '=');
    size_t length = equals && word[1] == '-' ? (size_t)(equals - word) : strlen(word);
    int i = find_option(a->options, word, length);
    if (i < 0)
        return unknown_option(a->options, word, err);
    const cim_job_option *o = &a->options[i];
    const char *value = "";
    if (o->metavar && word[length] == '=') {
        value = word + length + 1;
    } else if (o->metavar) {
        if (!next || !*next)
            return cim_err_set(err, CIM_E_INPUT, o->name, "needs a value: %s %s", o->name,
                               o->metavar);
        if (find_option(a->options, *next, strcspn(*next, "=")) >= 0)
            return cim_err_set(err, CIM_E_INPUT, o->name,
                               "needs a value: %s %s, found the option %s (a value of that name is "
                               "written %s=%s)",
                               o->name, o->metavar, *next, o->name, *next);
        value = *next;
        *used_next = true;
    } else if (word[length] == '=') {
        return cim_err_set(err, CIM_E_INPUT, o->name, "takes no value");
    }
    if (o->metavar && !value[0])
        return cim_err_set(err, CIM_E_INPUT, o->name, "found an empty text, %s is needed",
                           o->metavar);
    if (a->n_values[i] && !o->repeated)
        return cim_err_set(err, CIM_E_INPUT, o->name, "is given twice");
    if (a->n_values[i] >= CIM_JOB_MAX_VALUES)
        return cim_err_set(err, CIM_E_INPUT, o->name, "is given more than %d times",
                           CIM_JOB_MAX_VALUES);
    a->values[i][a->n_values[i]++] = value;
    return CIM_OK;
}

cim_status cim_job_args_parse(cim_job_args *a, const cim_job_option *options, size_t min_positional,
                              size_t max_positional, const char *usage, int n_words, char **words,
                              cim_err *err)
{
    memset(a, 0, sizeof *a);
    a->options = options;
    bool ended = false;
    for (int i = 0; i < n_words; i++) {
        const char *w = words[i];
        if (!ended && !strcmp(w, "--")) {
            ended = true;
        } else if (!ended && w[0] == '-' && w[1]) {
            bool used = false;
            CIM_TRY(take_option(a, w, i + 1 < n_words ? &words[i + 1] : NULL, &used, err));
            i += used;
        } else if (!w[0]) {
            return cim_err_set(err, CIM_E_INPUT, "arguments",
                               "found an empty text; usage: cimdse %s", usage);
        } else if (a->n_positional >= max_positional) {
            return cim_err_set(err, CIM_E_INPUT, w, "one argument too many; usage: cimdse %s",
                               usage);
        } else {
            a->positional[a->n_positional++] = w;
        }
    }
    if (a->n_positional < min_positional)
        return cim_err_set(err, CIM_E_INPUT, "arguments", "too few; usage: cimdse %s", usage);
    return CIM_OK;
}

size_t cim_job_args_values(const cim_job_args *a, const char *name, const char *const **out)
{
    int i = find_option(a->options, name, strlen(name));
    if (i < 0)
        return 0;
    *out = a->values[i];
    return a->n_values[i];
}

bool cim_job_args_has(const cim_job_args *a, const char *name)
{
    const char *const *values;
    return cim_job_args_values(a, name, &values) > 0;
}

const char *cim_job_args_value(const cim_job_args *a, const char *name)
{
    const char *const *values;
    size_t n = cim_job_args_values(a, name, &values);
    return n ? values[n - 1] : NULL;
}

cim_status cim_job_args_int(const cim_job_args *a, const char *name, long long min, long long max,
                            long long *out, cim_err *err)
{
    const char *s = cim_job_args_value(a, name);
    if (!s)
        return CIM_OK;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end || errno || v < min || v > max)
        return cim_err_set(err, CIM_E_INPUT, name,
                           "found \"%s\", allowed is an integer from %lld to %lld", s, min, max);
    *out = v;
    return CIM_OK;
}

cim_status cim_job_args_real(const cim_job_args *a, const char *name, double min, double max,
                             double *out, cim_err *err)
{
    const char *s = cim_job_args_value(a, name);
    if (!s)
        return CIM_OK;
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || !(v >= min && v <= max))
        return cim_err_set(err, CIM_E_INPUT, name,
                           "found \"%s\", allowed is a number from %g to %g", s, min, max);
    *out = v;
    return CIM_OK;
}
