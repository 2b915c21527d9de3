#include "jobs/cli.h"

#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const cim_job_command *const groups[] = {cim_job_model_commands,  cim_job_arch_commands,
                                                cim_job_run_commands,    cim_job_result_commands,
                                                cim_job_submit_commands, cim_job_simulate_commands};
enum { N_GROUPS = sizeof groups / sizeof *groups, MAX_SUBS = 8 };

cim_status cim_job_print(const cim_text *text, cim_err *err)
{
    if (text->failed)
        return cim_err_set(err, CIM_E_NOMEM, "stdout", "out of memory");
    const char *s = cim_text_str(text);
    if (fwrite(s, 1, text->n, stdout) != text->n || fflush(stdout) != 0)
        return cim_err_set(err, CIM_E_IO, "stdout", "cannot be written: %s", strerror(errno));
    return CIM_OK;
}

cim_status cim_job_print_list(bool (*at)(size_t i, const char **name, char *line, size_t size),
                              bool json, cim_err *err)
{
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, true);
    if (json)
        cim_jw_array(&w, NULL);
    const char *name;
    char line[256];
    for (size_t i = 0; at(i, &name, line, sizeof line); i++) {
        if (!json) {
            cim_text_addf(&t, "%-14s %s\n", name, line);
            continue;
        }
        cim_jw_object(&w, NULL);
        cim_jw_string(&w, "name", name);
        cim_jw_string(&w, "description", line);
        cim_jw_object_end(&w);
    }
    if (json) {
        cim_jw_array_end(&w);
        cim_text_add(&t, "\n");
    }
    cim_status s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

/* The command that the first words name: "model show" takes two, "run" one. */
static const cim_job_command *find_command(int argc, char **argv, int *used)
{
    for (int g = 0; g < N_GROUPS; g++)
        for (const cim_job_command *c = groups[g]; c->name; c++) {
            const char *space = strchr(c->name, ' ');
            size_t first = space ? (size_t)(space - c->name) : strlen(c->name);
            if (argc < 2 || strlen(argv[1]) != first || strncmp(argv[1], c->name, first) != 0)
                continue;
            if (!space) {
                *used = 2;
                return c;
            }
            if (argc > 2 && !strcmp(argv[2], space + 1)) {
                *used = 3;
                return c;
            }
        }
    return NULL;
}

static void list_commands(cim_text *t)
{
    cim_text_add(t, "cimdse " CIM_VERSION
                    ": design-space search for computing-in-memory accelerators\n\n"
                    "usage: cimdse COMMAND ...      cimdse help COMMAND for its options\n\n");
    for (int g = 0; g < N_GROUPS; g++)
        for (const cim_job_command *c = groups[g]; c->name; c++)
            cim_text_addf(t, "  %-12s  %s\n", c->name, c->doc);
    cim_text_add(t, "\nMODEL is a built-in network (cimdse model list) or an .onnx file, ARCH a "
                    "built-in chip\n(cimdse arch list) or a .json file. Exit status: 0 done, 1 "
                    "failed while running,\n2 wrong input, 3 stopped early with a checkpoint.\n");
}

static void describe_command(const cim_job_command *c, cim_text *t)
{
    cim_text_addf(t, "usage: cimdse %s\n\n%s\n", c->usage, c->doc);
    for (int i = 0; c->options[i].name; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", c->options[i].name, c->options[i].metavar ? " " : "",
                 c->options[i].metavar ? c->options[i].metavar : "");
        cim_text_addf(t, "%s  %-22s  %s%s\n", i ? "" : "\noptions:\n", left, c->options[i].doc,
                      c->options[i].repeated ? " (may be repeated)" : "");
    }
}

/* All commands whose first word is `word`, so that `help model` tells of both. */
static int describe_named(const char *word, const char *second, cim_text *t)
{
    int found = 0;
    for (int g = 0; g < N_GROUPS; g++)
        for (const cim_job_command *c = groups[g]; c->name; c++) {
            size_t n = strlen(word);
            bool match = !strncmp(c->name, word, n) && (c->name[n] == ' ' || !c->name[n]);
            if (match && second && c->name[n] == ' ')
                match = !strcmp(c->name + n + 1, second);
            if (!match)
                continue;
            if (found++)
                cim_text_add(t, "\n");
            describe_command(c, t);
        }
    return found;
}

/* The sub-commands of a group ("show" and "list" of "model"). @return 0: the word names no group */
static size_t sub_commands(const char *group, const char *subs[MAX_SUBS])
{
    size_t n = strlen(group), found = 0;
    for (int g = 0; g < N_GROUPS; g++)
        for (const cim_job_command *c = groups[g]; c->name && found < MAX_SUBS; c++)
            if (!strncmp(c->name, group, n) && c->name[n] == ' ')
                subs[found++] = c->name + n + 1;
    return found;
}

/* A group's name alone or with a sub-command that it does not have. @param sub  NULL: none */
static cim_status unknown_sub_command(const char *group, const char *sub, const char *const *subs,
                                      size_t n, cim_err *err)
{
    char list[128] = "";
    for (size_t i = 0, at = 0; i < n && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s\"%s %s\"",
                               i == 0      ? ""
                               : i + 1 < n ? ", "
                                           : " and ",
                               group, subs[i]);
    if (!sub)
        return cim_err_set(err, CIM_E_INPUT, group, "needs a sub-command; there %s %s",
                           n == 1 ? "is" : "are", list);
    char where[128];
    const char *near = cim_text_nearest(sub, subs, n);
    snprintf(where, sizeof where, "%s %s", group, sub);
    if (near && n > 1)
        return cim_err_set(err, CIM_E_INPUT, where,
                           "unknown command; did you mean \"%s %s\"? There are %s", group, near,
                           list);
    return cim_err_set(err, CIM_E_INPUT, where, "unknown command; there %s %s",
                       n == 1 ? "is" : "are", list);
}

static cim_status unknown_command(int argc, char **argv, int at, cim_err *err)
{
    const char *names[64], *subs[MAX_SUBS];
    size_t n = 0, n_subs = sub_commands(argv[at], subs);
    if (n_subs > 0)
        return unknown_sub_command(argv[at], at + 1 < argc ? argv[at + 1] : NULL, subs, n_subs,
                                   err);
    for (int g = 0; g < N_GROUPS; g++)
        for (const cim_job_command *c = groups[g]; c->name && n < 64; c++)
            names[n++] = c->name;
    char typed[128];
    snprintf(typed, sizeof typed, "%s%s%s", argv[at],
             at + 1 < argc && argv[at + 1][0] != '-' ? " " : "",
             at + 1 < argc && argv[at + 1][0] != '-' ? argv[at + 1] : "");
    const char *near = cim_text_nearest(argv[at], names, n);
    if (!near)
        near = cim_text_nearest(typed, names, n);
    if (near)
        return cim_err_set(err, CIM_E_INPUT, argv[at],
                           "unknown command; did you mean \"%s\"? (cimdse help lists them)", near);
    return cim_err_set(err, CIM_E_INPUT, argv[at], "unknown command (cimdse help lists them)");
}

static cim_status help(int argc, char **argv, cim_err *err)
{
    cim_text t;
    cim_text_init(&t);
    cim_status s = CIM_OK;
    const char *subs[MAX_SUBS];
    int most = argc > 2 && sub_commands(argv[2], subs) ? 4 : 3;
    if (argc < 3)
        list_commands(&t);
    else if (!describe_named(argv[2], most == 4 && argc > 3 ? argv[3] : NULL, &t))
        s = unknown_command(argc, argv, 2, err);
    if (s == CIM_OK && argc > most)
        s = cim_err_set(err, CIM_E_INPUT, argv[most],
                        "one argument too many; usage: cimdse help [COMMAND]");
    if (s == CIM_OK)
        s = cim_job_print(&t, err);
    cim_text_clear(&t);
    return s;
}

static bool is_one_of(const char *s, const char *a, const char *b)
{
    return !strcmp(s, a) || !strcmp(s, b);
}

static cim_status dispatch(int argc, char **argv, const cim_job_parallel *parallel, cim_err *err)
{
    if (argc < 2) {
        cim_err_set(err, CIM_E_INPUT, "arguments", "a command is needed (cimdse help lists them)");
        return CIM_E_INPUT;
    }
    if (is_one_of(argv[1], "help", "--help") || !strcmp(argv[1], "-h"))
        return help(argc, argv, err);
    if (is_one_of(argv[1], "--version", "version")) {
        printf("cimdse " CIM_VERSION "\n");
        return fflush(stdout) == 0 ? CIM_OK
                                   : cim_err_set(err, CIM_E_IO, "stdout", "cannot be written");
    }
    int used = 0;
    const cim_job_command *c = find_command(argc, argv, &used);
    if (!c && argc == 3 && is_one_of(argv[2], "--help", "-h")) /* "model --help": "help model" */
        return help(3, (char *[]){argv[0], argv[2], argv[1]}, err);
    if (!c)
        return unknown_command(argc, argv, 1, err);
    for (int i = used; i < argc; i++)
        if (is_one_of(argv[i], "--help", "-h")) {
            cim_text t;
            cim_text_init(&t);
            describe_command(c, &t);
            cim_status s = cim_job_print(&t, err);
            cim_text_clear(&t);
            return s;
        }
    cim_job_args *args = cim_alloc(1, sizeof *args);
    if (!args)
        return cim_err_set(err, CIM_E_NOMEM, "arguments", "out of memory");
    cim_status s = cim_job_args_parse(args, c->options, c->min_positional, c->max_positional,
                                      c->usage, argc - used, argv + used, err);
    if (s == CIM_OK)
        s = c->run(args, parallel, err);
    cim_free(args);
    return s;
}

bool cim_job_wants_parallel(int argc, char **argv)
{
    return argc > 1 && !strcmp(argv[1], "run");
}

int cim_job_main(int argc, char **argv, const cim_job_parallel *parallel)
{
    cim_err err;
    cim_err_clear(&err);
    cim_rng_library_init();
    cim_status s = dispatch(argc, argv, parallel, &err);
    if (s != CIM_OK) {
        if (err.message[0])
            fprintf(stderr, "cimdse: %s%s%s\n", err.where, err.where[0] ? ": " : "", err.message);
        else
            fprintf(stderr, "cimdse: failed (status %d)\n", (int)s);
    }
    return cim_status_exit(s);
}
