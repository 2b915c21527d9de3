/* realpath() is an X/Open function */
#define _XOPEN_SOURCE 700

#include "search/spec.h"

#include "costmodel/cost.h"
#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "sched/model.h"
#include "search/strategies.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const aggregate_words[] = {"sum", "max", "mean", "separate"};
static const char *const direction_words[] = {"min", "max"};
enum { N_AGGREGATES = 4, MAX_BUILTINS = 64 };
#define MODEL_MAX_BYTES ((size_t)2 << 30) /* protobuf's own limit for a message is 2 GiB */
#define MAX_EVALUATIONS ((int64_t)1 << 40)
#define MAX_SECONDS 3.2e9 /* a century */

typedef struct reader {
    cim_search_spec *spec;
    const cim_json_node *root;
    const char *name; /* of the document: messages, and the folder relative paths start from */
    const cim_search_overrides *overrides;
    cim_err *err;
} reader;

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "spec", "out of memory");
}

/* Report another layer's complaint about a value of this document. */
static cim_status rethrow(reader *r, const cim_json_node *node, cim_status status,
                          const cim_err *inner)
{
    if (status != CIM_E_INPUT)
        return cim_err_set(r->err, status, inner->where, "%s", inner->message);
    return cim_json_error(r->spec->doc, node, r->err, "%s%s%s", inner->where,
                          inner->where[0] ? ": " : "", inner->message);
}

static const cim_json_node *find(const reader *r, const char *key)
{
    return cim_json_find(r->root, key);
}

static cim_status required(reader *r, const char *key, cim_json_type type,
                           const cim_json_node **out)
{
    *out = find(r, key);
    if (!*out)
        return cim_json_error(r->spec->doc, r->root, r->err, "\"%s\" is missing", key);
    return cim_json_expect(r->spec->doc, *out, type, r->err);
}

/* A path of the spec as a path that can be opened: relative ones start at the spec's folder. */
static cim_status resolve_path(reader *r, const cim_json_node *node, const char *path, char **out)
{
    cim_text joined;
    cim_text_init(&joined);
    const char *slash = strrchr(r->name, '/');
    if (path[0] != '/' && slash)
        cim_text_add_n(&joined, r->name, (size_t)(slash - r->name) + 1);
    cim_text_add(&joined, path);
    char *absolute = joined.failed ? NULL : realpath(joined.s, NULL);
    int problem = errno;
    cim_status status = CIM_OK;
    if (absolute)
        *out = cim_strdup(absolute);
    else if (!joined.failed)
        status = cim_json_error(r->spec->doc, node, r->err, "\"%s\" cannot be opened: %s", joined.s,
                                strerror(problem));
    if (status == CIM_OK && (joined.failed || !absolute || !*out))
        status = no_memory(r->err);
    free(absolute); /* realpath's own */
    cim_text_clear(&joined);
    return status;
}

static bool looks_like_path(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return strchr(s, '/') || (n > k && !strcmp(s + n - k, suffix));
}

/* ---- networks --------------------------------------------------------------------------------- */

static cim_status unknown_model(reader *r, const cim_json_node *node, const char *name)
{
    const char *names[MAX_BUILTINS], *line;
    size_t n = 0;
    while (n < MAX_BUILTINS && cim_cc_model_builtin_at(n, &names[n], &line))
        n++;
    const char *near = cim_text_nearest(name, names, n);
    if (near)
        return cim_json_error(r->spec->doc, node, r->err,
                              "no built-in network is called \"%s\"; did you mean \"%s\"? (a file "
                              "is given by a path that ends in .onnx)",
                              name, near);
    return cim_json_error(r->spec->doc, node, r->err,
                          "no built-in network is called \"%s\"; `cimdse model list` lists them, a "
                          "file is given by a path that ends in .onnx",
                          name);
}

static cim_status digest_file(reader *r, const cim_json_node *node, const char *path, char hex[33])
{
    char *bytes;
    size_t size;
    cim_err inner = {0};
    cim_status status = cim_file_read(path, MODEL_MAX_BYTES, &bytes, &size, &inner);
    if (status != CIM_OK)
        return rethrow(r, node, status, &inner);
    cim_digest *d = cim_digest_create();
    if (d) {
        cim_digest_add(d, bytes, size);
        cim_digest_hex(d, hex);
    }
    cim_digest_destroy(d);
    cim_free(bytes);
    return d ? CIM_OK : no_memory(r->err);
}

static cim_status name_file(reader *r, const cim_json_node *node, const char *path, char name[64])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base), suffix = looks_like_path(base, ".onnx") ? 5 : 0;
    if (n - suffix >= 64)
        return cim_json_error(r->spec->doc, node, r->err,
                              "the file name \"%s\" is too long, allowed are 63 bytes and .onnx",
                              base);
    snprintf(name, 64, "%.*s", (int)(n - suffix), base);
    return CIM_OK;
}

static cim_status read_model(reader *r, const cim_json_node *node)
{
    cim_search_spec *s = r->spec;
    const char *text, *builtin, *line;
    size_t at = s->n_models;
    CIM_TRY(cim_json_string(s->doc, node, &text, r->err));
    bool known = false;
    for (size_t i = 0; !known && cim_cc_model_builtin_at(i, &builtin, &line); i++)
        known = !strcmp(builtin, text);
    if (known) {
        snprintf(s->model_names[at], sizeof s->model_names[at], "%s", text);
        s->models[at] = cim_strdup(text);
        if (!s->models[at])
            return no_memory(r->err);
    } else {
        if (!looks_like_path(text, ".onnx"))
            return unknown_model(r, node, text);
        CIM_TRY(resolve_path(r, node, text, &s->models[at]));
        CIM_TRY(name_file(r, node, s->models[at], s->model_names[at]));
        CIM_TRY(digest_file(r, node, s->models[at], s->model_digests[at]));
    }
    for (size_t i = 0; i < at; i++)
        if (!strcmp(s->model_names[i], s->model_names[at]))
            return cim_json_error(s->doc, node, r->err,
                                  "two networks are called \"%s\"; names must differ",
                                  s->model_names[at]);
    s->n_models++;
    return CIM_OK;
}

static cim_status read_models(reader *r)
{
    const cim_json_node *node = find(r, "model");
    if (!node)
        return cim_json_error(r->spec->doc, r->root, r->err, "\"model\" is missing");
    if (cim_json_type_of(node) != CIM_JSON_ARRAY)
        return read_model(r, node);
    size_t n = cim_json_count(node);
    if (n < 1 || n > CIM_SPEC_MAX_MODELS)
        return cim_json_error(r->spec->doc, node, r->err, "found %zu networks, allowed are 1 to %d",
                              n, CIM_SPEC_MAX_MODELS);
    for (const cim_json_node *m = cim_json_first(node); m; m = cim_json_next(m))
        CIM_TRY(read_model(r, m));
    return CIM_OK;
}

/* What results say about networks from files must be true of the files found now. */
static cim_status check_digests(reader *r)
{
    const cim_json_node *node = find(r, "model_digests");
    cim_search_spec *s = r->spec;
    if (!node)
        return CIM_OK;
    CIM_TRY(cim_json_expect(s->doc, node, CIM_JSON_OBJECT, r->err));
    for (const cim_json_node *m = cim_json_first(node); m; m = cim_json_next(m)) {
        const char *text;
        size_t i = 0;
        CIM_TRY(cim_json_string(s->doc, m, &text, r->err));
        while (i < s->n_models && strcmp(s->model_names[i], cim_json_key(m)) != 0)
            i++;
        if (i == s->n_models)
            return cim_json_error(s->doc, m, r->err, "no network of this spec is called \"%s\"",
                                  cim_json_key(m));
        if (strcmp(text, s->model_digests[i]) != 0)
            return cim_json_error(s->doc, m, r->err, "found digest %s, the file %s has %s", text,
                                  s->models[i],
                                  s->model_digests[i][0] ? s->model_digests[i] : "none");
    }
    return CIM_OK;
}

/* ---- library ------------------------------------------------------------------------------------ */

/* Its entries are checked here, so that a mistake is named before anything runs. */
static cim_status check_library(reader *r)
{
    cim_cost_library *library = NULL;
    cim_status status = cim_cost_library_load_file(r->spec->library, &library, r->err);
    cim_cost_library_destroy(library);
    return status;
}

static cim_status read_library(reader *r)
{
    cim_search_spec *s = r->spec;
    const cim_json_node *node = find(r, "library"), *digest = find(r, "library_digest");
    const char *text;
    if (!node && digest)
        return cim_json_error(s->doc, digest, r->err,
                              "a digest without \"library\", the file it is the digest of");
    if (!node)
        return CIM_OK;
    CIM_TRY(cim_json_string(s->doc, node, &text, r->err));
    CIM_TRY(resolve_path(r, node, text, &s->library));
    CIM_TRY(digest_file(r, node, s->library, s->library_digest));
    if (digest) {
        CIM_TRY(cim_json_string(s->doc, digest, &text, r->err));
        if (strcmp(text, s->library_digest) != 0)
            return cim_json_error(s->doc, digest, r->err, "found digest %s, the file %s has %s",
                                  text, s->library, s->library_digest);
    }
    return check_library(r);
}

/* ---- architecture and space --------------------------------------------------------------------- */

static cim_status load_arch(reader *r, const cim_json_node *node, const char *name)
{
    cim_err inner = {0};
    char *path = NULL;
    if (looks_like_path(name, ".json"))
        CIM_TRY(resolve_path(r, node, name, &path));
    cim_status status = cim_hw_arch_load(path ? path : name, &r->spec->arch, &inner);
    cim_free(path);
    return status == CIM_OK ? CIM_OK : rethrow(r, node, status, &inner);
}

static cim_status read_set(reader *r)
{
    const cim_json_node *set = find(r, "set");
    cim_search_spec *s = r->spec;
    if (!set)
        return CIM_OK;
    CIM_TRY(cim_json_expect(s->doc, set, CIM_JSON_OBJECT, r->err));
    const cim_json_node *parameters = find(r, "parameters");
    for (const cim_json_node *m = cim_json_first(set); m; m = cim_json_next(m)) {
        const char *path = cim_json_key(m), *names[256];
        int field = cim_hw_field_find(path);
        if (field < 0) {
            size_t n = 0;
            for (; n < cim_hw_n_fields && n < 256; n++)
                names[n] = cim_hw_fields[n].path;
            const char *near = cim_text_nearest(path, names, n);
            return cim_json_error(s->doc, m, r->err, "unknown path \"%s\"%s%s%s", path,
                                  near ? "; did you mean \"" : "", near ? near : "",
                                  near ? "\"?" : "");
        }
        if (parameters && cim_json_find(parameters, path))
            return cim_json_error(s->doc, m, r->err,
                                  "\"%s\" is a parameter too; it is either set or searched", path);
        double v;
        CIM_TRY(cim_hw_field_read(&cim_hw_fields[field], s->doc, m, &v, r->err));
        cim_hw_field_put(&s->arch, &cim_hw_fields[field], v);
        s->arch.overridden[field / 64] |= (uint64_t)1 << field % 64;
    }
    return CIM_OK;
}

static cim_status read_arch(reader *r)
{
    const cim_json_node *node = find(r, "arch");
    const char *name;
    if (!node)
        return cim_json_error(r->spec->doc, r->root, r->err, "\"arch\" is missing");
    if (cim_json_type_of(node) == CIM_JSON_OBJECT) {
        CIM_TRY(cim_hw_arch_read(r->spec->doc, node, &r->spec->arch, r->err));
    } else {
        if (cim_json_type_of(node) != CIM_JSON_STRING)
            return cim_json_error(r->spec->doc, node, r->err,
                                  "found %s, the name of a built-in architecture, a path or an "
                                  "object is needed",
                                  cim_json_type_text(node));
        CIM_TRY(cim_json_string(r->spec->doc, node, &name, r->err));
        CIM_TRY(load_arch(r, node, name));
    }
    return read_set(r);
}

static void name_metrics(cim_search_spec *s)
{
    s->n_metrics = CIM_CC_N_METRICS;
    bool separate = s->aggregate == CIM_AGGREGATE_SEPARATE && s->n_models > 1;
    if (separate)
        s->n_metrics *= s->n_models;
    for (size_t i = 0; i < s->n_metrics && i < CIM_ANA_MAX_COLUMNS; i++) {
        const char *metric = cim_cc_metric_names[i % CIM_CC_N_METRICS];
        if (separate)
            snprintf(s->metric_names[i], CIM_ANA_NAME, "%s:%s", metric,
                     s->model_names[i / CIM_CC_N_METRICS]);
        else
            snprintf(s->metric_names[i], CIM_ANA_NAME, "%s", metric);
    }
}

static cim_status read_aggregate(reader *r)
{
    cim_search_spec *s = r->spec;
    const cim_json_node *node = find(r, "aggregate");
    int word = CIM_AGGREGATE_SUM;
    if (node)
        CIM_TRY(cim_json_choice(s->doc, node, aggregate_words, N_AGGREGATES, &word, r->err));
    s->aggregate = (cim_search_aggregate)word;
    if (word == CIM_AGGREGATE_SEPARATE && s->n_models * CIM_CC_N_METRICS > CIM_ANA_MAX_COLUMNS)
        return cim_json_error(s->doc, node, r->err,
                              "\"separate\" allows %d networks at most, found %zu",
                              CIM_ANA_MAX_COLUMNS / CIM_CC_N_METRICS, s->n_models);
    name_metrics(s);
    return CIM_OK;
}

static cim_status read_space(reader *r)
{
    cim_search_spec *s = r->spec;
    const cim_json_node *parameters, *constraints = find(r, "constraints");
    const char *metrics[CIM_ANA_MAX_COLUMNS];
    CIM_TRY(required(r, "parameters", CIM_JSON_OBJECT, &parameters));
    size_t n = cim_json_count(parameters);
    if (n < 1 || n > CIM_ANA_MAX_COLUMNS)
        return cim_json_error(s->doc, parameters, r->err,
                              "found %zu parameters, allowed are 1 to %d", n, CIM_ANA_MAX_COLUMNS);
    for (size_t i = 0; i < s->n_metrics; i++)
        metrics[i] = s->metric_names[i];
    return cim_hw_space_read(s->doc, parameters, constraints, &s->arch, metrics, s->n_metrics,
                             &s->space, r->err);
}

/* Whether two reasons are the same rule: the same words, whatever the numbers. */
static bool same_rule(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    while (*a && *b) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return *a == *b;
}

/* A base architecture that breaks a rule is an error when no choice of parameters mends it: when
 * sampled points all break the same rule as the base itself. */
static cim_status check_base(reader *r)
{
    enum { SAMPLES = 256 };
    char base[CIM_CC_REASON], reason[CIM_CC_REASON];
    cim_search_spec *s = r->spec;
    if (cim_hw_arch_consistent(&s->arch, base, sizeof base))
        return CIM_OK;
    cim_hw_sampler *sampler;
    CIM_TRY(cim_hw_sampler_create(s->space, CIM_HW_SAMPLING_RANDOM, 1, SAMPLES, &sampler, r->err));
    double *point = cim_alloc(cim_hw_space_n_params(s->space), sizeof *point);
    cim_hw_arch *arch = cim_alloc(1, sizeof *arch);
    bool mended = !point || !arch;
    for (int i = 0; i < SAMPLES && !mended && cim_hw_sampler_next(sampler, point); i++) {
        if (!cim_hw_space_resolve(s->space, point, reason, sizeof reason))
            continue;
        cim_hw_space_bind(s->space, &s->arch, point, arch);
        mended = cim_hw_arch_consistent(arch, reason, sizeof reason) || !same_rule(reason, base);
    }
    bool out_of_memory = !point || !arch;
    cim_free(point);
    cim_free(arch);
    cim_hw_sampler_destroy(sampler);
    if (out_of_memory)
        return no_memory(r->err);
    return mended ? CIM_OK
                  : cim_json_error(s->doc, find(r, "arch"), r->err,
                                   "no sampled point of the space is a possible architecture: %s",
                                   base);
}

/* ---- objectives --------------------------------------------------------------------------------- */

static cim_status add_objective(reader *r, const cim_json_node *node, const char *name,
                                int direction)
{
    cim_search_spec *s = r->spec;
    const char *names[CIM_ANA_MAX_COLUMNS];
    size_t m = 0;
    for (size_t i = 0; i < s->n_metrics; i++)
        names[i] = s->metric_names[i];
    while (m < s->n_metrics && strcmp(names[m], name) != 0)
        m++;
    if (m == s->n_metrics) {
        const char *near = cim_text_nearest(name, names, s->n_metrics);
        if (near)
            return cim_json_error(s->doc, node, r->err,
                                  "unknown metric \"%s\"; did you mean \"%s\"?", name, near);
        cim_text all;
        cim_text_init(&all);
        for (size_t i = 0; i < s->n_metrics; i++)
            cim_text_addf(&all, "%s%s", i ? ", " : "", names[i]);
        cim_status status =
            cim_json_error(s->doc, node, r->err, "unknown metric \"%s\", allowed are %s", name,
                           cim_text_str(&all));
        cim_text_clear(&all);
        return status;
    }
    for (size_t i = 0; i < s->n_objectives; i++)
        if (s->objectives[i].metric == m)
            return cim_json_error(s->doc, node, r->err, "\"%s\" is given twice", name);
    bool natural = !cim_cc_metric_minimised((cim_cc_metric)(m % CIM_CC_N_METRICS));
    s->objectives[s->n_objectives++] = (cim_ana_objective){
        .metric = (uint32_t)m, .maximise = direction < 0 ? natural : direction == 1};
    return CIM_OK;
}

static cim_status read_objectives(reader *r)
{
    cim_search_spec *s = r->spec;
    const cim_json_node *node = find(r, "objectives");
    if (!node)
        return cim_json_error(s->doc, r->root, r->err, "\"objectives\" is missing");
    bool object = cim_json_type_of(node) == CIM_JSON_OBJECT;
    if (!object && cim_json_type_of(node) != CIM_JSON_ARRAY)
        return cim_json_error(s->doc, node, r->err,
                              "found %s, an object of metrics and \"min\" or \"max\" or an array "
                              "of metrics is needed",
                              cim_json_type_text(node));
    size_t n = cim_json_count(node);
    if (n < 1 || n > CIM_SPEC_MAX_OBJECTIVES)
        return cim_json_error(s->doc, node, r->err, "found %zu objectives, allowed are 1 to %d", n,
                              CIM_SPEC_MAX_OBJECTIVES);
    for (const cim_json_node *m = cim_json_first(node); m; m = cim_json_next(m)) {
        const char *name;
        int direction = -1;
        if (object) {
            name = cim_json_key(m);
            CIM_TRY(cim_json_choice(s->doc, m, direction_words, 2, &direction, r->err));
        } else {
            CIM_TRY(cim_json_string(s->doc, m, &name, r->err));
        }
        CIM_TRY(add_objective(r, m, name, direction));
    }
    return CIM_OK;
}

/* ---- strategy and budget ------------------------------------------------------------------------ */

static cim_status name_strategy(reader *r, const cim_json_node *node)
{
    const char *words[32], *name;
    size_t n = 0;
    for (; cim_search_strategies[n] && n < 32; n++)
        words[n] = cim_search_strategies[n]->name;
    int word;
    CIM_TRY(cim_json_choice(r->spec->doc, node, words, n, &word, r->err));
    name = words[word];
    snprintf(r->spec->strategy, sizeof r->spec->strategy, "%s", name);
    return CIM_OK;
}

static cim_status read_strategy(reader *r)
{
    cim_search_spec *s = r->spec;
    const cim_json_node *node = find(r, "strategy");
    snprintf(s->strategy, sizeof s->strategy, "nsga2");
    s->seed = 1;
    if (!node)
        return CIM_OK;
    if (cim_json_type_of(node) == CIM_JSON_STRING)
        return name_strategy(r, node);
    if (cim_json_type_of(node) != CIM_JSON_OBJECT)
        return cim_json_error(s->doc, node, r->err,
                              "found %s, the name of a strategy or an object is needed",
                              cim_json_type_text(node));
    const cim_json_node *name = cim_json_find(node, "name"), *seed = cim_json_find(node, "seed");
    if (name)
        CIM_TRY(name_strategy(r, name));
    if (seed)
        CIM_TRY(cim_json_u64(s->doc, seed, &s->seed, r->err));
    s->strategy_options = node;
    return CIM_OK;
}

static cim_status read_budget(reader *r)
{
    static const char *const keys[] = {"evaluations", "seconds"};
    cim_search_spec *s = r->spec;
    const cim_json_node *node = find(r, "budget"), *value;
    s->evaluations = 0;
    s->seconds = INFINITY;
    if (!node)
        return CIM_OK;
    CIM_TRY(cim_json_expect(s->doc, node, CIM_JSON_OBJECT, r->err));
    CIM_TRY(cim_json_known_keys(s->doc, node, keys, 2, r->err));
    if ((value = cim_json_find(node, keys[0]))) {
        int64_t n;
        CIM_TRY(cim_json_int(s->doc, value, 1, MAX_EVALUATIONS, &n, r->err));
        s->evaluations = (uint64_t)n;
    }
    if ((value = cim_json_find(node, keys[1]))) {
        CIM_TRY(cim_json_double(s->doc, value, 0, MAX_SECONDS, &s->seconds, r->err));
        if (s->seconds == 0)
            return cim_json_error(s->doc, value, r->err, "found 0, more than 0 seconds are needed");
    }
    return CIM_OK;
}

static cim_status apply_overrides(reader *r)
{
    const cim_search_overrides *o = r->overrides;
    cim_search_spec *s = r->spec;
    if (!o)
        return CIM_OK;
    if (o->seed) {
        char *end;
        errno = 0;
        unsigned long long seed = strtoull(o->seed, &end, 10);
        if (o->seed[0] < '0' || o->seed[0] > '9' || *end || errno)
            return cim_err_set(r->err, CIM_E_INPUT, "--seed",
                               "found \"%s\", an integer from 0 to 18446744073709551615 is needed",
                               o->seed);
        s->seed = seed;
    }
    if (o->evaluations > 0)
        s->evaluations = o->evaluations;
    if (o->seconds > 0)
        s->seconds = o->seconds;
    return CIM_OK;
}

static cim_status check_budget(reader *r)
{
    enum { LARGE_GRID = 1000000000 };
    cim_search_spec *s = r->spec;
    const cim_json_node *at = find(r, "budget") ? find(r, "budget") : r->root;
    if (s->evaluations > 0 || isfinite(s->seconds))
        return CIM_OK;
    if (strcmp(s->strategy, "grid") != 0)
        return cim_json_error(s->doc, at, r->err,
                              "strategy %s has no end of its own: \"budget\" needs \"evaluations\" "
                              "or \"seconds\"",
                              s->strategy);
    double size = cim_hw_space_size(s->space);
    if (size > LARGE_GRID)
        return cim_json_error(s->doc, at, r->err,
                              "the grid has %.3g points: \"budget\" needs \"evaluations\" or "
                              "\"seconds\"",
                              size);
    return CIM_OK;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static cim_status read_head(reader *r)
{
    static const char *const keys[] = {
        "format_version", "name",     "model",  "model_digests", "library",
        "library_digest", "arch",     "set",    "parameters",    "constraints",
        "objectives",     "strategy", "budget", "aggregate"};
    cim_search_spec *s = r->spec;
    CIM_TRY(cim_json_expect(s->doc, r->root, CIM_JSON_OBJECT, r->err));
    const cim_json_node *version = find(r, "format_version"), *name = find(r, "name");
    if (version) { /* before unknown keys: another version may know them */
        int64_t v;
        CIM_TRY(cim_json_int(s->doc, version, 0, INT32_MAX, &v, r->err));
        if (v != CIM_SPEC_FORMAT_VERSION)
            return cim_json_error(s->doc, version, r->err,
                                  "found version %lld, this program reads specs of version %d",
                                  (long long)v, CIM_SPEC_FORMAT_VERSION);
    }
    CIM_TRY(cim_json_known_keys(s->doc, r->root, keys, sizeof keys / sizeof keys[0], r->err));
    const char *text = "unnamed";
    if (name)
        CIM_TRY(cim_json_string(s->doc, name, &text, r->err));
    if (strlen(text) >= sizeof s->name)
        return cim_json_error(s->doc, name, r->err, "the name has %zu bytes, allowed are %zu",
                              strlen(text), sizeof s->name - 1);
    snprintf(s->name, sizeof s->name, "%s", text);
    return CIM_OK;
}

static cim_status read_all(reader *r)
{
    CIM_TRY(read_head(r));
    CIM_TRY(read_models(r));
    CIM_TRY(check_digests(r));
    CIM_TRY(read_library(r));
    CIM_TRY(read_arch(r));
    CIM_TRY(read_aggregate(r));
    CIM_TRY(read_space(r));
    CIM_TRY(read_objectives(r));
    CIM_TRY(read_strategy(r));
    CIM_TRY(read_budget(r));
    CIM_TRY(apply_overrides(r));
    CIM_TRY(check_budget(r));
    CIM_TRY(cim_search_strategy_find(r->spec->strategy)->options(r->spec, NULL, r->err));
    return check_base(r);
}

static cim_status read_document(cim_json *doc, const char *name,
                                const cim_search_overrides *overrides, cim_search_spec *spec,
                                cim_err *err)
{
    memset(spec, 0, sizeof *spec);
    spec->doc = doc;
    cim_err local = {0}; /* other layers report into an err that is there */
    reader r = {spec, cim_json_root(doc), name, overrides, err ? err : &local};
    cim_status status = read_all(&r);
    if (status != CIM_OK)
        cim_search_spec_clear(spec);
    return status;
}

cim_status cim_search_spec_load(const char *path, const cim_search_overrides *overrides,
                                cim_search_spec *spec, cim_err *err)
{
    cim_json *doc;
    CIM_TRY(cim_json_load(path, &doc, err));
    return read_document(doc, path, overrides, spec, err);
}

cim_status cim_search_spec_parse(const char *text, size_t size, const char *name,
                                 const cim_search_overrides *overrides, cim_search_spec *spec,
                                 cim_err *err)
{
    cim_json *doc;
    CIM_TRY(cim_json_parse(text, size, name, &doc, err));
    return read_document(doc, name, overrides, spec, err);
}

void cim_search_spec_clear(cim_search_spec *spec)
{
    for (size_t i = 0; i < CIM_SPEC_MAX_MODELS; i++)
        cim_free(spec->models[i]);
    cim_free(spec->library);
    cim_hw_arch_clear(&spec->arch);
    cim_hw_space_destroy(spec->space);
    cim_json_free(spec->doc);
    memset(spec, 0, sizeof *spec);
}

/* ---- writing ------------------------------------------------------------------------------------ */

typedef enum text_kind { TEXT_FULL, TEXT_RESULT, TEXT_IDENTITY } text_kind;

static void write_models(const cim_search_spec *s, text_kind kind, cim_jw *w)
{
    bool files = false;
    if (s->n_models > 1)
        cim_jw_array(w, "model");
    for (size_t i = 0; i < s->n_models; i++) {
        const char *key = s->n_models > 1 ? NULL : "model";
        files |= s->model_digests[i][0] != '\0';
        char file[80];
        snprintf(file, sizeof file, "%s.onnx", s->model_names[i]);
        if (kind == TEXT_FULL)
            cim_jw_string(w, key, s->models[i]);
        else
            cim_jw_string(w, key, s->model_digests[i][0] ? file : s->model_names[i]);
    }
    if (s->n_models > 1) {
        cim_jw_array_end(w);
        cim_jw_string(w, "aggregate", aggregate_words[s->aggregate]);
    }
    if (!files)
        return;
    cim_jw_object(w, "model_digests");
    for (size_t i = 0; i < s->n_models; i++)
        if (s->model_digests[i][0])
            cim_jw_string(w, s->model_names[i], s->model_digests[i]);
    cim_jw_object_end(w);
}

/* What the library is called decides nothing, what it holds does. */
static void write_library(const cim_search_spec *s, text_kind kind, cim_jw *w)
{
    if (!s->library)
        return;
    const char *slash = strrchr(s->library, '/');
    if (kind == TEXT_FULL)
        cim_jw_string(w, "library", s->library);
    else if (kind == TEXT_RESULT)
        cim_jw_string(w, "library", slash ? slash + 1 : s->library);
    cim_jw_string(w, "library_digest", s->library_digest);
}

/* Values of the document as they stand, numbers in their shortest form. */
static void write_node(const cim_search_spec *s, const char *key, cim_jw *w)
{
    const cim_json_node *node = cim_json_find(cim_json_root(s->doc), key);
    char *text = node ? cim_json_print(node) : NULL;
    if (node && !text)
        w->out->failed = true;
    if (text)
        cim_jw_raw(w, key, text);
    cim_free(text);
}

static void write_objectives(const cim_search_spec *s, cim_jw *w)
{
    cim_jw_object(w, "objectives");
    for (size_t i = 0; i < s->n_objectives; i++)
        cim_jw_string(w, s->metric_names[s->objectives[i].metric],
                      direction_words[s->objectives[i].maximise]);
    cim_jw_object_end(w);
}

static void write_strategy(const cim_search_spec *s, cim_jw *w)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
    cim_jw_object(w, "strategy");
    cim_jw_string(w, "name", s->strategy);
    cim_jw_string(w, "seed", seed);
    if (cim_search_strategy_find(s->strategy)->options(s, w, NULL) != CIM_OK)
        w->out->failed = true;
    cim_jw_object_end(w);
}

static void write_budget(const cim_search_spec *s, text_kind kind, cim_jw *w)
{
    bool points = s->evaluations > 0, time = kind == TEXT_FULL && isfinite(s->seconds);
    if (kind == TEXT_IDENTITY) /* only a Latin hypercube depends on how many points there will be */
        points = points && !strcmp(s->strategy, "lhs");
    if (!points && !time)
        return;
    cim_jw_object(w, "budget");
    if (points)
        cim_jw_int(w, "evaluations", (int64_t)s->evaluations);
    if (time)
        cim_jw_double(w, "seconds", s->seconds);
    cim_jw_object_end(w);
}

static void write_spec(const cim_search_spec *s, text_kind kind, cim_text *out)
{
    cim_jw w;
    cim_jw_init(&w, out, kind == TEXT_FULL);
    cim_jw_object(&w, NULL);
    cim_jw_int(&w, "format_version", CIM_SPEC_FORMAT_VERSION);
    if (kind != TEXT_IDENTITY)
        cim_jw_string(&w, "name", s->name);
    write_models(s, kind, &w);
    write_library(s, kind, &w);
    cim_hw_arch_write(&s->arch, &w, "arch");
    write_node(s, "parameters", &w);
    write_node(s, "constraints", &w);
    write_objectives(s, &w);
    write_strategy(s, &w);
    write_budget(s, kind, &w);
    cim_jw_object_end(&w);
}

void cim_search_spec_write(const cim_search_spec *spec, bool with_budget, cim_text *out)
{
    write_spec(spec, with_budget ? TEXT_FULL : TEXT_RESULT, out);
}

cim_status cim_search_spec_identity(const cim_search_spec *spec, char hex[33], cim_err *err)
{
    cim_text text;
    cim_text_init(&text);
    write_spec(spec, TEXT_IDENTITY, &text);
    cim_digest *d = cim_digest_create();
    bool ok = d && !text.failed;
    if (ok) {
        cim_digest_add_text(d, text.s);
        cim_digest_hex(d, hex);
    }
    cim_digest_destroy(d);
    cim_text_clear(&text);
    return ok ? CIM_OK : no_memory(err);
}
