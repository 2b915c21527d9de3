/* What `space show` tells about a space. */
#include "hwspace/base/memory.h"
#include "hwspace/space_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PROBES = 1000, REASON = 256 };

/* Scratch for drawing and checking points. */
typedef struct prober {
    const cim_hw_space *space;
    const cim_hw_arch *base;
    cim_hw_sampler *sampler;
    double *point;
    cim_hw_arch *arch;
} prober;

static void prober_clear(prober *p)
{
    cim_hw_sampler_destroy(p->sampler);
    cim_free(p->point);
    cim_free(p->arch);
}

static cim_status prober_init(prober *p, const cim_hw_space *space, const cim_hw_arch *base,
                              uint64_t seed)
{
    *p = (prober){.space = space, .base = base};
    CIM_TRY(cim_hw_sampler_create(space, CIM_HW_SAMPLING_RANDOM, seed, 0, &p->sampler, NULL));
    p->point = cim_alloc(cim_hw_space_n_params(space), sizeof *p->point);
    p->arch = cim_alloc(1, sizeof *p->arch);
    if (p->point && p->arch)
        return CIM_OK;
    prober_clear(p);
    return CIM_E_NOMEM;
}

/* Draw the id-th point and make every check that needs no compilation. */
static bool probe(prober *p, uint64_t id, char reason[REASON])
{
    cim_hw_sampler_at(p->sampler, id, p->point);
    if (!cim_hw_space_resolve(p->space, p->point, reason, REASON))
        return false;
    cim_hw_space_bind(p->space, p->base, p->point, p->arch);
    if (!cim_hw_arch_consistent(p->arch, reason, REASON))
        return false;
    for (size_t i = 0; i < p->space->n_constraints; i++) {
        const cim_hw_constraint *c = &p->space->constraints[i];
        if (!c->uses_metrics && !cim_hw_space_constraint_holds(p->space, i, p->arch, NULL, NULL)) {
            snprintf(reason, REASON, "constraint %s", c->text);
            return false;
        }
    }
    reason[0] = '\0';
    return true;
}

static double feasible_share(prober *p)
{
    char reason[REASON];
    int n = 0;
    for (uint64_t id = 0; id < PROBES; id++)
        n += probe(p, id, reason);
    return (double)n / PROBES;
}

/* ---- JSON ---- */

static void write_value(cim_jw *w, const char *key, const cim_hw_field *f, double v)
{
    char word[64];
    if (f->type == CIM_HW_BOOL)
        cim_jw_bool(w, key, v != 0);
    else if (f->type == CIM_HW_CHOICE)
        cim_jw_string(w, key, cim_hw_field_text(f, v, word, sizeof word));
    else
        cim_jw_double(w, key, v);
}

static void write_param(const cim_hw_space *space, size_t i, cim_jw *w)
{
    const cim_hw_param *p = &space->params[i];
    const cim_hw_field *f = &cim_hw_fields[p->field];
    static const char *const types[] = {"integer", "real", "boolean", "choice"};
    cim_jw_object(w, NULL);
    cim_jw_string(w, "path", p->path);
    cim_jw_string(w, "type", types[f->type]);
    cim_jw_string(w, "unit", f->unit);
    cim_jw_string(w, "doc", f->doc);
    cim_jw_string(w, "domain", cim_hw_domain_words[p->domain]);
    if (p->domain == CIM_HW_DOMAIN_EXPR) {
        cim_jw_string(w, "expr", space->expr_text[i]);
    } else if (p->values) {
        cim_jw_array(w, "values");
        for (uint64_t k = 0; k < p->n_levels; k++)
            write_value(w, NULL, f, p->values[k]);
        cim_jw_array_end(w);
    } else {
        cim_jw_double(w, "low", p->lo);
        cim_jw_double(w, "high", p->hi);
        if (p->domain == CIM_HW_DOMAIN_RANGE)
            cim_jw_double(w, "step", p->step);
    }
    if (p->n_levels)
        cim_jw_int(w, "levels", (int64_t)p->n_levels);
    else
        cim_jw_null(w, "levels");
    cim_jw_object_end(w);
}

static void write_example(prober *p, uint64_t id, cim_jw *w)
{
    char reason[REASON];
    bool ok = probe(p, id, reason);
    cim_jw_object(w, NULL);
    cim_jw_object(w, "point");
    for (size_t i = 0; i < p->space->n_params; i++)
        write_value(w, p->space->params[i].path, &cim_hw_fields[p->space->params[i].field],
                    p->point[i]);
    cim_jw_object_end(w);
    cim_jw_string(w, "state", ok ? "ok" : "infeasible");
    cim_jw_string(w, "reason", reason);
    cim_jw_object_end(w);
}

cim_status cim_hw_space_write_json(const cim_hw_space *space, const cim_hw_arch *base,
                                   size_t samples, uint64_t seed, cim_jw *w, const char *key)
{
    prober p;
    CIM_TRY(prober_init(&p, space, base, seed));
    cim_jw_object(w, key);
    cim_jw_array(w, "parameters");
    for (size_t i = 0; i < space->n_params; i++)
        write_param(space, i, w);
    cim_jw_array_end(w);
    cim_jw_double(w, "size", cim_hw_space_size(space)); /* null: infinite */
    cim_jw_array(w, "constraints");
    for (size_t i = 0; i < space->n_constraints; i++) {
        cim_jw_object(w, NULL);
        cim_jw_string(w, "text", space->constraints[i].text);
        cim_jw_bool(w, "uses_metrics", space->constraints[i].uses_metrics);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
    cim_jw_double(w, "feasible_share", feasible_share(&p));
    cim_jw_array(w, "examples");
    for (uint64_t id = 0; id < samples; id++)
        write_example(&p, id, w);
    cim_jw_array_end(w);
    cim_jw_object_end(w);
    prober_clear(&p);
    return w->out->failed ? CIM_E_NOMEM : CIM_OK;
}

/* ---- text ---- */

static void text_param(const cim_hw_space *space, size_t i, cim_text *t)
{
    const cim_hw_param *p = &space->params[i];
    const cim_hw_field *f = &cim_hw_fields[p->field];
    char lo[32], hi[32], word[64];
    cim_text_addf(t, "  %-28s %-7s ", p->path, cim_hw_domain_words[p->domain]);
    if (p->domain == CIM_HW_DOMAIN_EXPR) {
        cim_text_addf(t, "= %s", space->expr_text[i]);
    } else if (p->values) {
        for (uint64_t k = 0; k < p->n_levels && k < 12; k++)
            cim_text_addf(t, "%s%s", k ? ", " : "",
                          cim_hw_field_text(f, p->values[k], word, sizeof word));
        cim_text_add(t, p->n_levels > 12 ? ", ..." : "");
    } else {
        cim_text_addf(t, "%s to %s", cim_double_text(p->lo, lo, sizeof lo),
                      cim_double_text(p->hi, hi, sizeof hi));
        if (p->domain == CIM_HW_DOMAIN_RANGE && p->step != 1)
            cim_text_addf(t, " by %s", cim_double_text(p->step, lo, sizeof lo));
    }
    if (p->domain != CIM_HW_DOMAIN_EXPR && p->n_levels)
        cim_text_addf(t, "  (%llu level%s)", (unsigned long long)p->n_levels,
                      p->n_levels > 1 ? "s" : "");
    cim_text_addf(t, "%s%s\n", *f->unit ? "  " : "", f->unit);
}

static void text_example(prober *p, uint64_t id, cim_text *t)
{
    char reason[REASON], value[64];
    bool ok = probe(p, id, reason);
    cim_text_addf(t, "  %llu:", (unsigned long long)id);
    for (size_t i = 0; i < p->space->n_params; i++)
        cim_text_addf(t, " %s=%s", p->space->params[i].path,
                      cim_hw_field_text(&cim_hw_fields[p->space->params[i].field], p->point[i],
                                        value, sizeof value));
    cim_text_addf(t, "%s%s%s\n", ok ? "" : "  [infeasible: ", reason, ok ? "" : "]");
}

cim_status cim_hw_space_write_text(const cim_hw_space *space, const cim_hw_arch *base,
                                   size_t samples, uint64_t seed, cim_text *out)
{
    prober p;
    CIM_TRY(prober_init(&p, space, base, seed));
    char size[32];
    cim_text_addf(out, "parameters (%zu)\n", space->n_params);
    for (size_t i = 0; i < space->n_params; i++)
        text_param(space, i, out);
    double n = cim_hw_space_size(space);
    cim_text_addf(out, "points: %s\n",
                  isfinite(n) ? cim_double_text(n, size, sizeof size)
                              : "infinitely many (a parameter is continuous)");
    cim_text_addf(out, "constraints (%zu)\n", space->n_constraints);
    for (size_t i = 0; i < space->n_constraints; i++)
        cim_text_addf(out, "  %s%s\n", space->constraints[i].text,
                      space->constraints[i].uses_metrics ? "  (after evaluation)" : "");
    cim_text_addf(out, "feasible before evaluation: %.1f %% of %d random points\n",
                  100 * feasible_share(&p), PROBES);
    if (samples)
        cim_text_add(out, "examples\n");
    for (uint64_t id = 0; id < samples; id++)
        text_example(&p, id, out);
    prober_clear(&p);
    return out->failed ? CIM_E_NOMEM : CIM_OK;
}
