/* Explanations: lines that add up to a metric, largest first. */
#include "costmodel/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const tier_plural[CIM_HW_N_TIERS] = {"chip", "cores", "crossbars"};
static const char *const combine_words[] = {"sum", "product", "noise"};

void cim_cost_explanation_begin(cim_cost_explanation *x, cim_arena *ar, const char *metric,
                                const char *unit, double value, cim_cost_combine combine)
{
    memset(x, 0, sizeof *x);
    x->metric = metric;
    x->unit = unit;
    x->value = value;
    x->combine = combine;
    x->arena = ar;
}

cim_cost_line *cim_cost_explanation_add(cim_cost_explanation *x, double value)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 32;
        cim_cost_line *grown = cim_arena_alloc(x->arena, cap, sizeof *grown);
        if (!grown) {
            x->failed = true;
            return NULL;
        }
        if (x->n)
            memcpy(grown, x->lines, x->n * sizeof *grown);
        x->lines = grown;
        x->cap = cap;
    }
    cim_cost_line *l = &x->lines[x->n++];
    memset(l, 0, sizeof *l);
    l->value = value;
    l->unit = NAN;
    return l;
}

/* Largest first; equal ones by their words, so that the order is the same everywhere. */
static int by_value(const void *a, const void *b)
{
    const cim_cost_line *p = a, *q = b;
    double x = fabs(p->value), y = fabs(q->value);
    return x < y ? 1 : x > y ? -1 : strcmp(p->what, q->what);
}

void cim_cost_explanation_sort(cim_cost_explanation *x)
{
    if (x->n)
        qsort(x->lines, x->n, sizeof *x->lines, by_value);
}

void cim_cost_explain_events(cim_cost_explanation *x, const cim_cost_provenance *p,
                             const double counts[CIM_COST_N_EVENTS], double scale)
{
    for (size_t i = 0; i < p->n; i++) {
        const cim_cost_share *s = &p->share[i];
        if (s->of != CIM_COST_SHARE_EVENT || counts[s->index] == 0)
            continue;
        cim_cost_line *l = cim_cost_explanation_add(x, counts[s->index] * s->value * scale);
        if (!l)
            return;
        cim_cost_event e = (cim_cost_event)s->index;
        snprintf(l->what, sizeof l->what, "%s: %s", cim_cost_kind_names[cim_cost_event_kind(e)],
                 cim_cost_event_names[e]);
        l->count = counts[s->index];
        l->count_of = "events";
        l->unit = s->value;
        l->unit_is = "pJ";
        memcpy(l->origin, s->origin, sizeof l->origin);
    }
}

void cim_cost_explain_instances(cim_cost_explanation *x, const cim_cost_provenance *p,
                                cim_cost_share_of of, double scale)
{
    for (size_t i = 0; i < p->n; i++) {
        const cim_cost_share *s = &p->share[i];
        if (s->of != of)
            continue;
        double n = p->instances[s->tier];
        cim_cost_line *l = cim_cost_explanation_add(x, n * s->value * scale);
        if (!l)
            return;
        snprintf(l->what, sizeof l->what, "%s%s", of == CIM_COST_SHARE_LEAK ? "leakage of " : "",
                 cim_cost_kind_names[s->index]);
        l->count = n;
        l->count_of = tier_plural[s->tier];
        l->unit = s->value;
        l->unit_is = of == CIM_COST_SHARE_AREA ? "um2" : "mW";
        memcpy(l->origin, s->origin, sizeof l->origin);
    }
}

cim_status cim_cost_explain(const cim_cost_chip *chip, const cim_cost_provenance *p,
                            const char *metric, cim_arena *ar, cim_cost_explanation *out,
                            cim_err *err)
{
    if (!strcmp(metric, "area_mm2")) {
        cim_cost_explanation_begin(out, ar, "area_mm2", "mm2", chip->area_mm2,
                                   CIM_COST_COMBINE_SUM);
        cim_cost_explain_instances(out, p, CIM_COST_SHARE_AREA, 1e-6);
    } else if (!strcmp(metric, "leakage_w")) {
        cim_cost_explanation_begin(out, ar, "leakage_w", "W", chip->leakage_mw * 1e-3,
                                   CIM_COST_COMBINE_SUM);
        cim_cost_explain_instances(out, p, CIM_COST_SHARE_LEAK, 1e-3);
    } else if (!strcmp(metric, "peak_power_w")) {
        double sum = 0;
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            sum += chip->peak_mw[k];
        cim_cost_explanation_begin(out, ar, "peak_power_w", "W", sum * 1e-3, CIM_COST_COMBINE_SUM);
        cim_cost_explain_events(out, p, chip->max_rate, 1e-3); /* events per ns x pJ = mW */
        for (size_t i = 0; i < out->n; i++)
            out->lines[i].count_of = "events/ns";
        cim_cost_explain_instances(out, p, CIM_COST_SHARE_LEAK, 1e-3);
        snprintf(out->remark, sizeof out->remark, "everything active at once");
    } else {
        return cim_err_set(err, CIM_E_INPUT, "--explain",
                           "\"%.40s\" cannot be explained; allowed: area_mm2, peak_power_w, "
                           "leakage_w",
                           metric);
    }
    cim_cost_explanation_sort(out);
    return out->failed ? cim_err_set(err, CIM_E_NOMEM, metric, "out of memory") : CIM_OK;
}

/* ---- for readers ---------------------------------------------------------------------------------- */

/* Sources are numbered in the order they appear, and listed once. */
enum { MAX_SOURCES = 64 };
typedef struct sources {
    const cim_cost_origin *list[MAX_SOURCES];
    int n;
} sources;

static int source_number(sources *s, const cim_cost_origin *o)
{
    for (int i = 0; i < s->n; i++)
        if (s->list[i] == o)
            return i + 1;
    if (s->n == MAX_SOURCES)
        return 0;
    s->list[s->n++] = o;
    return s->n;
}

static double share_of(const cim_cost_explanation *x, const cim_cost_line *l)
{
    double sum = 0;
    for (size_t i = 0; i < x->n; i++)
        sum += x->lines[i].value;
    return sum != 0 ? 100 * l->value / sum : 0;
}

static void line_text(const cim_cost_explanation *x, const cim_cost_line *l, sources *s,
                      cim_text *out)
{
    char from[64] = "";
    cim_text_addf(out, "  %12.5g", l->value);
    if (x->combine == CIM_COST_COMBINE_PRODUCT)
        cim_text_addf(out, "  %-32s", l->what);
    else
        cim_text_addf(out, " %6.2f %%  %-32s", share_of(x, l), l->what);
    if (!isnan(l->unit))
        snprintf(from, sizeof from, "%.5g %s x %.4g %s", l->count, l->count_of, l->unit,
                 l->unit_is);
    cim_text_addf(out, "  %-36s", from);
    for (int i = 0; i < 2; i++)
        if (l->origin[i])
            cim_text_addf(out, " %s [%d]", l->origin[i]->entry, source_number(s, l->origin[i]));
    cim_text_addf(out, "%s%s\n", l->note[0] ? " " : "", l->note);
}

void cim_cost_explanation_text(const cim_cost_explanation *x, cim_text *out)
{
    static const char *const how[] = {"the sum of", "the product of",
                                      "-10 log10 of the sum of noise to signal"};
    sources s = {.n = 0};
    cim_text_addf(out, "%s = %.6g %s, %s:\n", x->metric, x->value, x->unit, how[x->combine]);
    for (size_t i = 0; i < x->n; i++)
        line_text(x, &x->lines[i], &s, out);
    if (x->remark[0])
        cim_text_addf(out, "%s\n", x->remark);
    for (int i = 0; i < s.n; i++)
        cim_text_addf(out, "[%d] %s: %s\n", i + 1, s.list[i]->entry, s.list[i]->source);
    if (s.n)
        cim_text_add(out, "Values are scaled from the node and supply of their source; "
                          "costmodel/README.md has the equations.\n");
}

void cim_cost_explanation_write(const cim_cost_explanation *x, cim_jw *w, const char *key)
{
    cim_jw_object(w, key);
    cim_jw_string(w, "metric", x->metric);
    cim_jw_double(w, "value", x->value);
    cim_jw_string(w, "unit", x->unit);
    cim_jw_string(w, "combine", combine_words[x->combine]);
    cim_jw_string(w, "remark", x->remark);
    cim_jw_array(w, "lines");
    for (size_t i = 0; i < x->n; i++) {
        const cim_cost_line *l = &x->lines[i];
        cim_jw_object(w, NULL);
        cim_jw_string(w, "what", l->what);
        cim_jw_double(w, "value", l->value);
        if (!isnan(l->unit)) {
            cim_jw_double(w, "count", l->count);
            cim_jw_string(w, "count_of", l->count_of);
            cim_jw_double(w, "unit_cost", l->unit);
            cim_jw_string(w, "unit_cost_unit", l->unit_is);
        }
        if (l->note[0])
            cim_jw_string(w, "note", l->note);
        cim_jw_array(w, "sources");
        for (int k = 0; k < 2; k++) {
            if (!l->origin[k])
                continue;
            cim_jw_object(w, NULL);
            cim_jw_string(w, "entry", l->origin[k]->entry);
            cim_jw_string(w, "source", l->origin[k]->source);
            cim_jw_object_end(w);
        }
        cim_jw_array_end(w);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
    cim_jw_object_end(w);
}
