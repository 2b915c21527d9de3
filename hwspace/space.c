/* Levels and values of parameters, computed parameters, constraints. Nothing here allocates. */
#include "hwspace/space.h"

#include "hwspace/base/memory.h"
#include "hwspace/space_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const cim_hw_domain_words[] = {"values", "range", "log2", "real",
                                           "choice", "expr",  NULL};

void cim_hw_space_destroy(cim_hw_space *space)
{
    if (!space)
        return;
    for (size_t i = 0; i < space->n_params; i++) {
        cim_free((void *)space->params[i].values);
        if (space->expr_text)
            cim_free(space->expr_text[i]);
        if (space->exprs)
            cim_hw_expr_destroy(space->exprs[i]);
    }
    for (size_t i = 0; i < space->n_constraints; i++) {
        cim_free(space->constraints[i].text);
        cim_hw_expr_destroy(space->constraints[i].expr);
    }
    cim_free(space->params);
    cim_free(space->expr_text);
    cim_free(space->exprs);
    cim_free(space->order);
    cim_free(space->constraints);
    cim_free(space->slots);
    cim_free(space->base);
    cim_free(space->param_of_field);
    cim_free(space);
}

size_t cim_hw_space_n_params(const cim_hw_space *space)
{
    return space->n_params;
}

const cim_hw_param *cim_hw_space_param(const cim_hw_space *space, size_t i)
{
    return &space->params[i];
}

const char *cim_hw_space_expr_text(const cim_hw_space *space, size_t i)
{
    return space->expr_text[i];
}

double cim_hw_space_size(const cim_hw_space *space)
{
    double size = 1;
    for (size_t i = 0; i < space->n_params; i++)
        size *= space->params[i].n_levels ? (double)space->params[i].n_levels : INFINITY;
    return size;
}

/* ---- levels ---- */

double cim_hw_space_level_value(const cim_hw_space *space, size_t i, uint64_t level)
{
    const cim_hw_param *p = &space->params[i];
    switch (p->domain) {
    case CIM_HW_DOMAIN_VALUES:
    case CIM_HW_DOMAIN_CHOICE:
        return p->values[level];
    case CIM_HW_DOMAIN_RANGE:
        /* The last level is hi itself where the step hits it: lo + k step may round past it. */
        return fmin(p->lo + (double)level * p->step, p->hi);
    case CIM_HW_DOMAIN_LOG2:
        return ldexp(p->lo, (int)level);
    case CIM_HW_DOMAIN_REAL:
        return p->lo;
    case CIM_HW_DOMAIN_EXPR:
        break;
    }
    return 0;
}

static uint64_t nearest_listed(const cim_hw_param *p, double value)
{
    uint64_t best = 0;
    for (uint64_t k = 1; k < p->n_levels; k++)
        if (fabs(p->values[k] - value) < fabs(p->values[best] - value))
            best = k;
    return best;
}

/* A level as a number, rounded and kept in [0, n). */
static uint64_t clamp_level(double level, uint64_t n)
{
    if (!(level > 0))
        return 0;
    return level >= (double)n ? n - 1 : (uint64_t)level;
}

uint64_t cim_hw_space_level_of(const cim_hw_space *space, size_t i, double value)
{
    const cim_hw_param *p = &space->params[i];
    if (p->n_levels <= 1)
        return 0;
    switch (p->domain) {
    case CIM_HW_DOMAIN_VALUES:
    case CIM_HW_DOMAIN_CHOICE:
        return nearest_listed(p, value);
    case CIM_HW_DOMAIN_RANGE:
        return clamp_level(round((value - p->lo) / p->step), p->n_levels);
    case CIM_HW_DOMAIN_LOG2: {
        /* Nearest by value, not by exponent: 90 is nearer to 64 than to 128. */
        uint64_t k = clamp_level(floor(log2(value / p->lo)), p->n_levels);
        double below = ldexp(p->lo, (int)k);
        return k + 1 < p->n_levels && value - below > below / 2 ? k + 1 : k;
    }
    case CIM_HW_DOMAIN_REAL:
    case CIM_HW_DOMAIN_EXPR:
        break;
    }
    return 0;
}

double cim_hw_space_unit_value(const cim_hw_space *space, size_t i, double u)
{
    const cim_hw_param *p = &space->params[i];
    if (p->n_levels == 0)
        return fmin(p->lo + u * (p->hi - p->lo), p->hi);
    return cim_hw_space_level_value(space, i, clamp_level(u * (double)p->n_levels, p->n_levels));
}

/* ---- computed parameters ---- */

double cim_hw_field_seen(const cim_hw_field *f, double v)
{
    return isnan(v) ? f->absent : v;
}

static void load_point(const cim_hw_space *space, const cim_hw_expr *e, const double *point)
{
    const int *used;
    size_t n = cim_hw_expr_used(e, &used);
    for (size_t k = 0; k < n; k++) {
        int field = used[k], param = space->param_of_field[field];
        space->slots[field] = cim_hw_field_seen(&cim_hw_fields[field],
                                                param >= 0 ? point[param] : space->base[field]);
    }
}

/* 3.9999999999 is meant to be 4: logarithms and powers round. */
static double snap(double v)
{
    double whole = round(v);
    return fabs(v - whole) <= 1e-9 * fmax(1, fabs(whole)) ? whole : v;
}

bool cim_hw_space_resolve(const cim_hw_space *space, double *point, char *reason, size_t size)
{
    for (size_t k = 0; k < space->n_order; k++) {
        size_t i = space->order[k];
        const cim_hw_field *f = &cim_hw_fields[space->params[i].field];
        load_point(space, space->exprs[i], point);
        double v = cim_hw_expr_value(space->exprs[i]);
        if (f->type != CIM_HW_REAL)
            v = snap(v);
        bool fits = v >= f->min && v <= f->max && (f->type == CIM_HW_REAL || v == floor(v));
        if (!fits) {
            char found[32], allowed[96];
            snprintf(reason, size, "%s = %s gives %s, allowed is %s", f->path, space->expr_text[i],
                     cim_double_text(v, found, sizeof found),
                     cim_hw_field_allowed(f, allowed, sizeof allowed));
            return false;
        }
        point[i] = v;
    }
    return true;
}

void cim_hw_space_bind(const cim_hw_space *space, const cim_hw_arch *base, const double *point,
                       cim_hw_arch *out)
{
    *out = *base;
    for (size_t i = 0; i < space->n_params; i++)
        cim_hw_field_put(out, &cim_hw_fields[space->params[i].field], point[i]);
}

/* ---- constraints ---- */

size_t cim_hw_space_n_constraints(const cim_hw_space *space)
{
    return space->n_constraints;
}

const char *cim_hw_space_constraint(const cim_hw_space *space, size_t i)
{
    return space->constraints[i].text;
}

bool cim_hw_space_constraint_uses_metrics(const cim_hw_space *space, size_t i)
{
    return space->constraints[i].uses_metrics;
}

bool cim_hw_space_constraint_holds(const cim_hw_space *space, size_t i, const cim_hw_arch *arch,
                                   const double *metrics, double *violation)
{
    const cim_hw_constraint *c = &space->constraints[i];
    const int *used;
    size_t n = cim_hw_expr_used(c->expr, &used);
    for (size_t k = 0; k < n; k++) {
        size_t slot = (size_t)used[k];
        if (slot < cim_hw_n_fields) {
            const cim_hw_field *f = &cim_hw_fields[slot];
            space->slots[slot] = cim_hw_field_seen(f, cim_hw_field_get(arch, f));
        } else {
            space->slots[slot] = metrics ? metrics[slot - cim_hw_n_fields] : NAN;
        }
    }
    return cim_hw_expr_holds(c->expr, violation);
}
