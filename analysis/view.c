#include "analysis/view.h"

#include "analysis/order.h"
#include "analysis/pareto.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double minimised(const cim_ana_dataset *d, uint64_t row, const cim_ana_objective *o)
{
    double v = d->metrics[row * d->n_metrics + o->metric];
    return o->maximise ? -v : v;
}

/* Knee and order of the front's rows. `values` is n x m, `order` n. */
static cim_status view_arrange(cim_ana_view *v, size_t m, double *values, uint32_t *order,
                               uint64_t *sorted, cim_err *err)
{
    size_t knee = cim_ana_knee(values, v->n, m);
    CIM_TRY(cim_ana_order(values, v->n, m, order, err));
    for (size_t i = 0; i < v->n; i++) {
        sorted[i] = v->rows[order[i]];
        if (order[i] == knee)
            v->knee = i;
    }
    memcpy(v->rows, sorted, v->n * sizeof *sorted);
    return CIM_OK;
}

cim_status cim_ana_view_init(cim_ana_view *v, const cim_ana_dataset *d,
                             const cim_ana_objective *objectives, size_t m, cim_err *err)
{
    *v = (cim_ana_view){.knee = SIZE_MAX};
    CIM_TRY(cim_ana_dataset_front_of(d, objectives, m, &v->rows, &v->n, err));
    for (size_t row = 0; row < d->n; row++)
        v->n_feasible += d->state[row] == CIM_ANA_OK;
    if (v->n == 0)
        return CIM_OK;
    double *values = cim_alloc(v->n, m * sizeof *values);
    uint32_t *order = cim_alloc(v->n, sizeof *order);
    uint64_t *sorted = cim_alloc(v->n, sizeof *sorted);
    cim_status status;
    if (values && order && sorted) {
        for (size_t i = 0; i < v->n; i++)
            for (size_t k = 0; k < m; k++)
                values[i * m + k] = minimised(d, v->rows[i], &objectives[k]);
        status = view_arrange(v, m, values, order, sorted, err);
    } else {
        status =
            cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front of %zu points", v->n);
    }
    cim_free(values);
    cim_free(order);
    cim_free(sorted);
    if (status != CIM_OK)
        cim_ana_view_clear(v);
    return status;
}

void cim_ana_view_clear(cim_ana_view *v)
{
    cim_free(v->rows);
    *v = (cim_ana_view){.knee = SIZE_MAX};
}

/* Units that take SI prefixes, and how metrics spell them at the end of their names. */
static const struct {
    const char *unit, *suffix;
    bool prefixed;
} units[] = {{"s", "_s", true},     {"J", "_j", true},    {"W", "_w", true},
             {"1/s", "_ips", true}, {"J*s", "_js", true}, {"mm2", "_mm2", false},
             {"dB", "_db", false},  {"Hz", "_hz", true}};

enum { N_UNITS = sizeof units / sizeof units[0] };

/* The name without its unit suffix, in front of a network's ":NAME". */
static void name_strip(char *out, const char *name, const char *suffix)
{
    size_t base = strcspn(name, ":"), n = strlen(suffix);
    if (base > n && !strncmp(name + base - n, suffix, n))
        snprintf(out, CIM_ANA_NAME, "%.*s%s", (int)(base - n), name, name + base);
    else
        snprintf(out, CIM_ANA_NAME, "%s", name);
}

/* Thousands of the geometric mean of the smallest and the largest magnitude. */
static int thousands(const cim_ana_dataset *d, size_t metric, const uint64_t *rows, size_t n)
{
    double lo = INFINITY, hi = 0;
    for (size_t i = 0; i < n; i++) {
        double v = fabs(d->metrics[(rows ? rows[i] : i) * d->n_metrics + metric]);
        if (!isfinite(v) || v == 0)
            continue;
        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    return hi > 0 ? (int)floor((log10(lo) + log10(hi)) / 2 / 3) : 0;
}

void cim_ana_quantity_of(cim_ana_quantity *q, const cim_ana_dataset *d, size_t metric,
                         const uint64_t *rows, size_t n)
{
    static const char *const prefixes[] = {"f", "p", "n", "u", "m", "", "k", "M", "G", "T", "P"};
    enum { NONE = 5, LAST = 10 };
    const cim_ana_metric *m = &d->metrics_info[metric];
    size_t u = 0;
    while (u < N_UNITS && strcmp(units[u].unit, m->unit) != 0)
        u++;
    name_strip(q->name, m->name, u < N_UNITS ? units[u].suffix : "");
    int step = u < N_UNITS && units[u].prefixed ? thousands(d, metric, rows, n) : 0;
    step = step < -NONE ? -NONE : step > LAST - NONE ? LAST - NONE : step;
    q->factor = pow(1000, step);
    const char *prefix = prefixes[step + NONE], *unit = strcmp(m->unit, "1") ? m->unit : "";
    if (step && !strcmp(unit, "1/s"))
        snprintf(q->unit, sizeof q->unit, "%s/s", prefix);
    else
        snprintf(q->unit, sizeof q->unit, "%s%s", prefix, unit);
}

void cim_ana_number(double v, char buf[32])
{
    double size = fabs(v);
    if (size == 0 || !isfinite(v) || size < 1e-3 || size >= 1e7) {
        snprintf(buf, 32, "%.4g", v);
        return;
    }
    int digits = 3 - (int)floor(log10(size));
    snprintf(buf, 32, "%.*f", digits > 0 ? digits : 0, v);
}
