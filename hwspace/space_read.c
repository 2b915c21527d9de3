/* "parameters" and "constraints" of a spec -> cim_hw_space. */
#include "hwspace/base/memory.h"
#include "hwspace/space_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_VALUES = 4096, MAX_CONSTRAINTS = 256 };
#define MAX_LEVELS 9007199254740992.0 /* 2^53: levels are counted in doubles too */

typedef struct reader {
    const cim_json *doc;
    const cim_hw_arch *base;
    cim_hw_space *space;
    const char *const *metrics;
    size_t n_metrics;
    cim_err *err;
} reader;

static cim_status no_memory(const reader *r)
{
    return cim_err_set(r->err, CIM_E_NOMEM, "parameters", "out of memory");
}

/* ---- domains ---- */

static const char *value_text(const cim_hw_field *f, double v, char buf[64])
{
    return cim_hw_field_text(f, v, buf, 64);
}

/* Elements of a list, each a value the field can hold, none twice. */
static cim_status read_list(reader *r, const cim_json_node *list, const cim_hw_field *f,
                            cim_hw_param *p)
{
    CIM_TRY(cim_json_expect(r->doc, list, CIM_JSON_ARRAY, r->err));
    size_t n = cim_json_count(list), k = 0;
    if (n == 0 || n > MAX_VALUES)
        return cim_json_error(r->doc, list, r->err, "found %zu values, allowed are 1 to %d", n,
                              MAX_VALUES);
    double *values = cim_alloc(n, sizeof *values);
    if (!values)
        return no_memory(r);
    p->values = values; /* released with the space */
    p->n_levels = n;
    p->lo = INFINITY;
    p->hi = -INFINITY;
    for (const cim_json_node *c = cim_json_first(list); c; c = cim_json_next(c), k++) {
        if (f->optional && cim_json_type_of(c) == CIM_JSON_NULL)
            return cim_json_error(r->doc, c, r->err, "null cannot be one of several values; %s",
                                  "a large number means the same");
        CIM_TRY(cim_hw_field_read(f, r->doc, c, &values[k], r->err));
        for (size_t j = 0; j < k; j++)
            if (values[j] == values[k]) {
                char buf[64];
                return cim_json_error(r->doc, c, r->err, "%s is listed twice",
                                      value_text(f, values[k], buf));
            }
        p->lo = fmin(p->lo, values[k]);
        p->hi = fmax(p->hi, values[k]);
    }
    return CIM_OK;
}

static bool numeric(const cim_hw_field *f)
{
    return f->type == CIM_HW_INT || f->type == CIM_HW_REAL;
}

static cim_status needs_numeric(reader *r, const cim_json_node *node, const cim_hw_field *f)
{
    if (numeric(f))
        return CIM_OK;
    char allowed[160];
    return cim_json_error(
        r->doc, node, r->err, "\"%s\" is for numbers; %s takes {\"choice\": [...]} of %s",
        cim_json_key(node), f->path, cim_hw_field_allowed(f, allowed, sizeof allowed));
}

/* [lo, hi] or [lo, hi, step] with lo <= hi, both values the field can hold. */
static cim_status read_interval(reader *r, const cim_json_node *node, const cim_hw_field *f,
                                bool step_allowed, cim_hw_param *p)
{
    CIM_TRY(needs_numeric(r, node, f));
    CIM_TRY(cim_json_expect(r->doc, node, CIM_JSON_ARRAY, r->err));
    size_t n = cim_json_count(node);
    if (n != 2 && !(n == 3 && step_allowed))
        return cim_json_error(r->doc, node, r->err, "found %zu numbers, allowed is [low, high]%s",
                              n, step_allowed ? " or [low, high, step]" : "");
    const cim_json_node *lo = cim_json_first(node), *hi = cim_json_next(lo);
    CIM_TRY(cim_json_expect(r->doc, lo, CIM_JSON_NUMBER, r->err));
    CIM_TRY(cim_json_expect(r->doc, hi, CIM_JSON_NUMBER, r->err));
    CIM_TRY(cim_hw_field_read(f, r->doc, lo, &p->lo, r->err));
    CIM_TRY(cim_hw_field_read(f, r->doc, hi, &p->hi, r->err));
    if (p->lo > p->hi)
        return cim_json_error(r->doc, node, r->err, "the range from %.15g to %.15g is empty", p->lo,
                              p->hi);
    p->step = 1;
    if (n == 3)
        CIM_TRY(cim_json_double(r->doc, cim_json_next(hi), 1e-9, 1e12, &p->step, r->err));
    return CIM_OK;
}

static cim_status read_range(reader *r, const cim_json_node *node, const cim_hw_field *f,
                             cim_hw_param *p)
{
    CIM_TRY(read_interval(r, node, f, true, p));
    bool stepped = cim_json_count(node) == 3;
    bool whole = p->lo == floor(p->lo) && p->hi == floor(p->hi) && p->step == floor(p->step);
    if (!whole && (f->type == CIM_HW_INT || !stepped))
        return cim_json_error(r->doc, node, r->err, "a range goes over integers%s",
                              f->type == CIM_HW_INT
                                  ? ""
                                  : "; give a step, or {\"real\": [low, high]} for all numbers");
    /* 0.1 goes into 0.6..1.0 four times, though not in binary. */
    double levels = floor((p->hi - p->lo) / p->step + 1e-9) + 1;
    if (levels > MAX_LEVELS)
        return cim_json_error(r->doc, node, r->err, "found %.15g values, allowed are at most 2^53",
                              levels);
    p->n_levels = (uint64_t)levels;
    return CIM_OK;
}

static cim_status read_log2(reader *r, const cim_json_node *node, const cim_hw_field *f,
                            cim_hw_param *p)
{
    CIM_TRY(read_interval(r, node, f, false, p));
    const cim_json_node *ends[2] = {cim_json_first(node), cim_json_next(cim_json_first(node))};
    int exponents[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        double v = k ? p->hi : p->lo;
        if (!(v > 0) || frexp(v, &exponents[k]) != 0.5)
            return cim_json_error(r->doc, ends[k], r->err, "found %.15g, a power of two is needed",
                                  v);
    }
    p->n_levels = (uint64_t)(exponents[1] - exponents[0] + 1);
    return CIM_OK;
}

static cim_status read_real(reader *r, const cim_json_node *node, const cim_hw_field *f,
                            cim_hw_param *p)
{
    if (f->type == CIM_HW_INT)
        return cim_json_error(r->doc, node, r->err,
                              "%s is an integer; use \"range\", \"log2\" or \"values\"", f->path);
    CIM_TRY(read_interval(r, node, f, false, p));
    p->n_levels = p->lo == p->hi;
    return CIM_OK;
}

static cim_status read_choice(reader *r, const cim_json_node *node, const cim_hw_field *f,
                              cim_hw_param *p)
{
    if (numeric(f))
        return cim_json_error(r->doc, node, r->err,
                              "\"choice\" is for words; %s takes %s as \"values\"", f->path,
                              f->type == CIM_HW_INT ? "integers" : "numbers");
    return read_list(r, node, f, p);
}

static cim_status read_domain(reader *r, const cim_json_node *node, size_t i)
{
    cim_hw_param *p = &r->space->params[i];
    const cim_hw_field *f = &cim_hw_fields[p->field];
    CIM_TRY(cim_json_known_keys(r->doc, node, cim_hw_domain_words, CIM_HW_DOMAIN_EXPR + 1, r->err));
    if (cim_json_count(node) != 1)
        return cim_json_error(r->doc, node, r->err,
                              "found %zu keys, allowed is one of: values, range, log2, real, "
                              "choice, expr",
                              cim_json_count(node));
    const cim_json_node *list = cim_json_first(node);
    int domain = 0;
    while (strcmp(cim_hw_domain_words[domain], cim_json_key(list)) != 0)
        domain++;
    p->domain = (cim_hw_domain)domain;
    const char *text = NULL;
    switch (p->domain) {
    case CIM_HW_DOMAIN_VALUES:
        if (!numeric(f))
            p->domain = CIM_HW_DOMAIN_CHOICE;
        return read_list(r, list, f, p);
    case CIM_HW_DOMAIN_RANGE:
        return read_range(r, list, f, p);
    case CIM_HW_DOMAIN_LOG2:
        return read_log2(r, list, f, p);
    case CIM_HW_DOMAIN_REAL:
        return read_real(r, list, f, p);
    case CIM_HW_DOMAIN_CHOICE:
        return read_choice(r, list, f, p);
    case CIM_HW_DOMAIN_EXPR:
        break;
    }
    CIM_TRY(cim_json_string(r->doc, list, &text, r->err));
    p->n_levels = 1;
    p->lo = f->min;
    p->hi = f->max;
    r->space->expr_text[i] = cim_strdup(text);
    return r->space->expr_text[i] ? CIM_OK : no_memory(r);
}

/* ---- parameters ---- */

static cim_status unknown_path(reader *r, const cim_json_node *node)
{
    const char *paths[CIM_HW_MAX_FIELDS];
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        paths[i] = cim_hw_fields[i].path;
    const char *near = cim_text_nearest(cim_json_key(node), paths, cim_hw_n_fields);
    return cim_json_error(r->doc, node, r->err, "unknown parameter \"%s\"%s%s%s",
                          cim_json_key(node), near ? "; did you mean \"" : "", near ? near : "",
                          near ? "\"?" : "");
}

static cim_status allocate(reader *r, size_t n_params, size_t n_constraints)
{
    cim_hw_space *s = r->space;
    s->params = cim_alloc(n_params, sizeof *s->params);
    s->expr_text = cim_alloc(n_params, sizeof *s->expr_text);
    s->exprs = cim_alloc(n_params, sizeof *s->exprs);
    s->order = cim_alloc(n_params, sizeof *s->order);
    s->constraints = cim_alloc(n_constraints, sizeof *s->constraints);
    s->slots = cim_alloc(cim_hw_n_fields + r->n_metrics, sizeof *s->slots);
    s->base = cim_alloc(cim_hw_n_fields, sizeof *s->base);
    s->param_of_field = cim_alloc(cim_hw_n_fields, sizeof *s->param_of_field);
    if (!s->params || !s->expr_text || !s->exprs || !s->order || !s->constraints || !s->slots ||
        !s->base || !s->param_of_field)
        return no_memory(r);
    s->n_metrics = r->n_metrics;
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        s->base[i] = cim_hw_field_get(r->base, &cim_hw_fields[i]);
        s->param_of_field[i] = -1;
    }
    return CIM_OK;
}

static cim_status read_parameters(reader *r, const cim_json_node *parameters)
{
    cim_hw_space *s = r->space;
    size_t n_free = 0;
    for (const cim_json_node *c = cim_json_first(parameters); c; c = cim_json_next(c)) {
        size_t i = s->n_params;
        cim_hw_param *p = &s->params[i];
        p->field = cim_hw_field_find(cim_json_key(c));
        if (p->field < 0)
            return unknown_path(r, c);
        p->path = cim_hw_fields[p->field].path;
        p->expr = -1;
        s->n_params++;
        s->param_of_field[p->field] = (int)i;
        CIM_TRY(read_domain(r, c, i));
        n_free += p->domain != CIM_HW_DOMAIN_EXPR;
    }
    if (n_free == 0)
        return cim_json_error(r->doc, parameters, r->err,
                              "the space is empty: at least one parameter that is not an "
                              "expression is needed");
    return CIM_OK;
}

/* ---- expressions ---- */

static cim_status compile(reader *r, const cim_json_node *node, const char *text, int target,
                          bool constraint, cim_hw_expr **out)
{
    char message[320];
    cim_hw_expr_scope scope = {.slots = r->space->slots,
                               .metrics = r->metrics,
                               .n_metrics = r->n_metrics,
                               .target = target,
                               .constraint = constraint};
    cim_status s = cim_hw_expr_compile(text, &scope, out, message, sizeof message);
    if (s == CIM_E_INPUT)
        return cim_json_error(r->doc, node, r->err, "%s", message);
    return s == CIM_OK ? CIM_OK : no_memory(r);
}

enum mark { UNSEEN, VISITING, DONE };

/* Depth first, so that each expression comes after those it uses; meeting one that is being
 * visited is a circle. The depth is bounded by the number of parameters. */
static bool visit(cim_hw_space *s, size_t i, unsigned char *marks)
{
    if (marks[i] != UNSEEN)
        return marks[i] == DONE;
    marks[i] = VISITING;
    const int *used;
    size_t n = cim_hw_expr_used(s->exprs[i], &used);
    for (size_t k = 0; k < n; k++) {
        int other = s->param_of_field[used[k]];
        if (other >= 0 && s->exprs[other] && !visit(s, (size_t)other, marks))
            return false;
    }
    marks[i] = DONE;
    s->params[i].expr = (int)s->n_order;
    s->order[s->n_order++] = i;
    return true;
}

static cim_status read_expressions(reader *r, const cim_json_node *parameters)
{
    cim_hw_space *s = r->space;
    size_t i = 0;
    const cim_json_node *c;
    for (c = cim_json_first(parameters); c; c = cim_json_next(c), i++)
        if (s->expr_text[i])
            CIM_TRY(compile(r, cim_json_first(c), s->expr_text[i], s->params[i].field, false,
                            &s->exprs[i]));
    unsigned char marks[CIM_HW_MAX_FIELDS] = {0}; /* at most one parameter per field */
    for (i = 0, c = cim_json_first(parameters); c; c = cim_json_next(c), i++)
        if (s->exprs[i] && !visit(s, i, marks))
            return cim_json_error(r->doc, cim_json_first(c), r->err,
                                  "%s is computed from itself, directly or through other "
                                  "expressions",
                                  s->params[i].path);
    return CIM_OK;
}

static cim_status read_constraints(reader *r, const cim_json_node *list)
{
    cim_hw_space *s = r->space;
    for (const cim_json_node *c = list ? cim_json_first(list) : NULL; c; c = cim_json_next(c)) {
        const char *text = NULL;
        CIM_TRY(cim_json_string(r->doc, c, &text, r->err));
        cim_hw_constraint *k = &s->constraints[s->n_constraints++];
        k->text = cim_strdup(text);
        if (!k->text)
            return no_memory(r);
        CIM_TRY(compile(r, c, text, -1, true, &k->expr));
        const int *used;
        size_t n = cim_hw_expr_used(k->expr, &used);
        for (size_t j = 0; j < n; j++)
            k->uses_metrics |= used[j] >= (int)cim_hw_n_fields;
    }
    return CIM_OK;
}

static cim_status read_all(reader *r, const cim_json_node *parameters, const cim_json_node *list)
{
    CIM_TRY(cim_json_expect(r->doc, parameters, CIM_JSON_OBJECT, r->err));
    if (list)
        CIM_TRY(cim_json_expect(r->doc, list, CIM_JSON_ARRAY, r->err));
    size_t n_constraints = list ? cim_json_count(list) : 0;
    if (n_constraints > MAX_CONSTRAINTS)
        return cim_json_error(r->doc, list, r->err, "found %zu constraints, allowed are at most %d",
                              n_constraints, MAX_CONSTRAINTS);
    CIM_TRY(allocate(r, cim_json_count(parameters), n_constraints));
    CIM_TRY(read_parameters(r, parameters));
    CIM_TRY(read_expressions(r, parameters));
    return read_constraints(r, list);
}

cim_status cim_hw_space_read(const cim_json *doc, const cim_json_node *parameters,
                             const cim_json_node *constraints, const cim_hw_arch *base,
                             const char *const *metrics, size_t n_metrics, cim_hw_space **out,
                             cim_err *err)
{
    reader r = {.doc = doc, .base = base, .metrics = metrics, .n_metrics = n_metrics, .err = err};
    r.space = cim_alloc(1, sizeof *r.space);
    if (!r.space)
        return no_memory(&r);
    cim_status s = read_all(&r, parameters, constraints);
    if (s == CIM_OK)
        *out = r.space;
    else
        cim_hw_space_destroy(r.space);
    return s;
}
