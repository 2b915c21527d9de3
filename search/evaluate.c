#include "search/evaluate.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "sched/model.h"
#include "search/aggregate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Chips priced last, found again by the parameters their price depends on. A power of two; a
 * generation of a few hundred points over a few dozen chips fits. About 0.4 MB. */
enum { N_PRICED = 256, MAX_LENGTHS = 64 };

typedef struct priced {
    bool used, fits;
    char reason[CIM_CC_REASON];
    cim_cost_chip chip;
} priced;

typedef struct network {
    cim_cc_model *model;
    cim_cc_prepared *prepared;
} network;

struct cim_search_evaluator {
    const cim_search_spec *spec; /* borrowed */
    cim_cost_library *library;
    size_t n_lengths; /* sequence lengths the space asks for; 1: it does not */
    size_t length_param;
    network *networks; /* n_models x n_lengths */
    cim_arena arena;   /* of one compilation */
    cim_hw_arch arch;  /* the bound point */
    double *point;     /* a copy for cim_search_plan_json */
    /* priced chips */
    size_t n_key;
    size_t *key_param; /* parameters other than schedule.* */
    double *key;       /* of the point at hand */
    double *keys;      /* N_PRICED x n_key */
    priced *chips;
    /* constraints */
    size_t n_constraints, n_after; /* all; those that need metrics */
};

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "evaluator", "out of memory");
}

/* ---- preparing -------------------------------------------------------------------------------- */

/* The sequence length changes the network itself, so every length of the space is prepared. */
static cim_status find_lengths(cim_search_evaluator *ev, cim_err *err)
{
    const cim_hw_space *space = ev->spec->space;
    ev->n_lengths = 1;
    for (size_t i = 0; i < cim_hw_space_n_params(space); i++) {
        const cim_hw_param *p = cim_hw_space_param(space, i);
        if (strcmp(p->path, "workload.sequence_length") != 0)
            continue;
        if (p->domain == CIM_HW_DOMAIN_EXPR || p->n_levels < 1 || p->n_levels > MAX_LENGTHS)
            return cim_err_set(err, CIM_E_INPUT, "parameters/workload.sequence_length",
                               "every length needs a network of its own: at most %d listed values "
                               "are allowed, no expression",
                               MAX_LENGTHS);
        ev->n_lengths = (size_t)p->n_levels;
        ev->length_param = i;
    }
    return CIM_OK;
}

static cim_status prepare_networks(cim_search_evaluator *ev, cim_err *err)
{
    const cim_search_spec *s = ev->spec;
    ev->networks = cim_alloc(s->n_models * ev->n_lengths, sizeof *ev->networks);
    if (!ev->networks)
        return no_memory(err);
    for (size_t k = 0; k < ev->n_lengths; k++) {
        cim_cc_model_options options = {.sequence_length = s->arch.workload.sequence_length};
        if (ev->n_lengths > 1)
            options.sequence_length =
                (int64_t)cim_hw_space_level_value(s->space, ev->length_param, k);
        for (size_t i = 0; i < s->n_models; i++) {
            network *n = &ev->networks[i * ev->n_lengths + k];
            CIM_TRY(cim_cc_model_load(s->models[i], &options, &n->model, err));
            CIM_TRY(cim_cc_prepare(cim_cc_model_graph(n->model), &n->prepared, err));
        }
    }
    return CIM_OK;
}

static cim_status prepare_prices(cim_search_evaluator *ev, cim_err *err)
{
    const cim_hw_space *space = ev->spec->space;
    size_t n = cim_hw_space_n_params(space);
    ev->key_param = cim_alloc(n, sizeof *ev->key_param);
    if (!ev->key_param)
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        if (strncmp(cim_hw_space_param(space, i)->path, "schedule.", 9) != 0)
            ev->key_param[ev->n_key++] = i;
    ev->key = cim_alloc(ev->n_key, sizeof *ev->key);
    ev->keys = cim_alloc(N_PRICED * (ev->n_key ? ev->n_key : 1), sizeof *ev->keys);
    ev->chips = cim_alloc(N_PRICED, sizeof *ev->chips);
    ev->point = cim_alloc(n, sizeof *ev->point);
    return ev->key && ev->keys && ev->chips && ev->point ? CIM_OK : no_memory(err);
}

cim_status cim_search_evaluator_create(const cim_search_spec *spec, cim_search_evaluator **out,
                                       cim_err *err)
{
    cim_search_evaluator *ev = cim_alloc(1, sizeof *ev);
    if (!ev)
        return no_memory(err);
    ev->spec = spec;
    cim_arena_init(&ev->arena);
    ev->n_constraints = cim_hw_space_n_constraints(spec->space);
    for (size_t i = 0; i < ev->n_constraints; i++)
        ev->n_after += cim_hw_space_constraint_uses_metrics(spec->space, i);
    cim_status status = cim_cost_library_load_file(spec->library, &ev->library, err);
    if (status == CIM_OK)
        status = find_lengths(ev, err);
    if (status == CIM_OK)
        status = prepare_networks(ev, err);
    if (status == CIM_OK)
        status = prepare_prices(ev, err);
    if (status != CIM_OK) {
        cim_search_evaluator_destroy(ev);
        return status;
    }
    *out = ev;
    return CIM_OK;
}

void cim_search_evaluator_destroy(cim_search_evaluator *ev)
{
    if (!ev)
        return;
    for (size_t i = 0; ev->networks && i < ev->spec->n_models * ev->n_lengths; i++) {
        if (ev->networks[i].prepared)
            cim_cc_prepared_destroy(ev->networks[i].prepared);
        if (ev->networks[i].model)
            cim_cc_model_destroy(ev->networks[i].model);
    }
    if (ev->library)
        cim_cost_library_destroy(ev->library);
    cim_arena_clear(&ev->arena);
    cim_free(ev->networks);
    cim_free(ev->key_param);
    cim_free(ev->key);
    cim_free(ev->keys);
    cim_free(ev->chips);
    cim_free(ev->point);
    cim_free(ev);
}

/* ---- one point -------------------------------------------------------------------------------- */

/* Beyond what broken constraints can add up to, each of which counts 1 at most: a point that is no
 * architecture at all is worse than one that breaks every constraint. */
static double structural(const cim_search_evaluator *ev)
{
    return (double)ev->n_constraints + 1;
}

static void refuse(cim_search_result *r, cim_ana_state state, double violation)
{
    r->state = state;
    r->violation = violation;
    for (size_t i = 0; i < CIM_ANA_MAX_COLUMNS; i++)
        r->metrics[i] = NAN;
}

/* Constraints with or without metrics. @return their summed violation, 0: all hold */
static double check_constraints(cim_search_evaluator *ev, bool after, const double *metrics,
                                cim_search_result *r)
{
    const cim_hw_space *space = ev->spec->space;
    double sum = 0;
    for (size_t i = 0; i < ev->n_constraints; i++) {
        double violation = 0;
        if (cim_hw_space_constraint_uses_metrics(space, i) != after ||
            cim_hw_space_constraint_holds(space, i, &ev->arch, metrics, &violation))
            continue;
        if (sum == 0)
            snprintf(r->reason, sizeof r->reason, "constraint %s does not hold",
                     cim_hw_space_constraint(space, i));
        /* at least a little, also where a strict comparison is met with equality */
        sum += violation > 1e-12 ? fmin(violation, 1) : 1e-12;
    }
    return sum;
}

/* The price of the bound architecture's chip, remembered by the parameters it depends on. */
static const priced *price(cim_search_evaluator *ev, const double *point)
{
    for (size_t i = 0; i < ev->n_key; i++)
        ev->key[i] = point[ev->key_param[i]];
    size_t bytes = ev->n_key * sizeof *ev->key;
    size_t at = (size_t)cim_hash64(ev->key, bytes, 0) & (N_PRICED - 1);
    priced *p = &ev->chips[at];
    double *key = ev->keys + at * ev->n_key;
    if (p->used && !memcmp(key, ev->key, bytes))
        return p;
    p->used = true;
    memcpy(key, ev->key, bytes);
    p->fits = cim_cost_chip_price(ev->library, &ev->arch, &p->chip, p->reason, sizeof p->reason);
    return p;
}

static const cim_cc_prepared *prepared_for(const cim_search_evaluator *ev, size_t model,
                                           const double *point)
{
    size_t level = 0;
    if (ev->n_lengths > 1)
        level = (size_t)cim_hw_space_level_of(ev->spec->space, ev->length_param,
                                              point[ev->length_param]);
    return ev->networks[model * ev->n_lengths + level].prepared;
}

/* Bind and price. @return NULL: infeasible, *r says why */
static const cim_cost_chip *build_chip(cim_search_evaluator *ev, double *point,
                                       cim_search_result *r)
{
    const cim_search_spec *s = ev->spec;
    if (!cim_hw_space_resolve(s->space, point, r->reason, sizeof r->reason)) {
        refuse(r, CIM_ANA_INFEASIBLE, structural(ev));
        return NULL;
    }
    cim_hw_space_bind(s->space, &s->arch, point, &ev->arch);
    double broken = check_constraints(ev, false, NULL, r);
    if (broken > 0) { /* those on metrics were not looked at: each counts as fully broken */
        refuse(r, CIM_ANA_INFEASIBLE, broken + (double)ev->n_after);
        return NULL;
    }
    const priced *p = NULL;
    if (cim_hw_arch_consistent(&ev->arch, r->reason, sizeof r->reason)) {
        p = price(ev, point);
        if (p->fits)
            return &p->chip;
        snprintf(r->reason, sizeof r->reason, "%s", p->reason);
    }
    refuse(r, CIM_ANA_INFEASIBLE, structural(ev));
    return NULL;
}

static bool compile_all(cim_search_evaluator *ev, const double *point, const cim_cost_chip *chip,
                        double *metrics, cim_search_result *r)
{
    const cim_search_spec *s = ev->spec;
    cim_cc_result result;
    for (size_t i = 0; i < s->n_models; i++) {
        cim_arena_reset(&ev->arena);
        memset(&result, 0, sizeof result);
        if (cim_cc_compile(prepared_for(ev, i, point), &ev->arch, chip, &ev->arena, &result, NULL,
                           NULL) != CIM_OK) {
            snprintf(r->reason, sizeof r->reason, "out of memory compiling %s", s->model_names[i]);
            refuse(r, CIM_ANA_FAILED, structural(ev));
            return false;
        }
        if (!result.feasible) {
            if (s->n_models > 1)
                snprintf(r->reason, sizeof r->reason, "%s: %.*s", s->model_names[i],
                         (int)(sizeof r->reason - 70), result.reason);
            else
                snprintf(r->reason, sizeof r->reason, "%s", result.reason);
            refuse(r, CIM_ANA_INFEASIBLE, structural(ev));
            return false;
        }
        memcpy(metrics + i * CIM_CC_N_METRICS, result.metrics, sizeof result.metrics);
    }
    return true;
}

void cim_search_evaluate(cim_search_evaluator *ev, double *point, uint64_t id, cim_search_result *r)
{
    const cim_search_spec *s = ev->spec;
    double metrics[CIM_SPEC_MAX_MODELS * CIM_CC_N_METRICS];
    memset(r, 0, sizeof *r);
    r->id = id;
    const cim_cost_chip *chip = build_chip(ev, point, r);
    if (!chip || !compile_all(ev, point, chip, metrics, r))
        return;
    cim_search_aggregate_metrics(s->aggregate, metrics, s->n_models, r->metrics);
    for (size_t k = 0; k < s->n_objectives; k++) {
        size_t m = s->objectives[k].metric;
        if (isfinite(r->metrics[m]))
            continue;
        snprintf(r->reason, sizeof r->reason, "objective %s is not finite", s->metric_names[m]);
        refuse(r, CIM_ANA_FAILED, structural(ev));
        return;
    }
    double broken = check_constraints(ev, true, r->metrics, r);
    if (broken > 0)
        refuse(r, CIM_ANA_INFEASIBLE, broken);
}

/* ---- plans ------------------------------------------------------------------------------------ */

static cim_status write_plan(cim_search_evaluator *ev, size_t model, const cim_cost_chip *chip,
                             cim_jw *w, cim_err *err)
{
    const cim_cc_plan *plan = NULL;
    cim_cc_result result;
    memset(&result, 0, sizeof result);
    cim_arena_reset(&ev->arena);
    CIM_TRY(cim_cc_compile(prepared_for(ev, model, ev->point), &ev->arch, chip, &ev->arena, &result,
                           &plan, err));
    cim_cc_plan_write_json(plan, false, w, NULL);
    return CIM_OK;
}

cim_status cim_search_plan_json(cim_search_evaluator *ev, const double *point, char **json,
                                cim_err *err)
{
    const cim_search_spec *s = ev->spec;
    cim_search_result r;
    memcpy(ev->point, point, cim_hw_space_n_params(s->space) * sizeof *point);
    memset(&r, 0, sizeof r);
    const cim_cost_chip *chip = build_chip(ev, ev->point, &r);
    if (!chip)
        return cim_err_set(err, CIM_E_INPUT, "point", "has no plan: %s", r.reason);
    cim_text text;
    cim_jw w;
    cim_text_init(&text);
    cim_jw_init(&w, &text, false);
    cim_status status = CIM_OK;
    if (s->n_models > 1)
        cim_jw_array(&w, NULL);
    for (size_t i = 0; i < s->n_models && status == CIM_OK; i++)
        status = write_plan(ev, i, chip, &w, err);
    if (s->n_models > 1)
        cim_jw_array_end(&w);
    if (status == CIM_OK && text.failed)
        status = no_memory(err);
    if (status != CIM_OK) {
        cim_text_clear(&text);
        return status;
    }
    *json = text.s;
    return CIM_OK;
}
