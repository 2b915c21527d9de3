#include "analysis/store.h"

#include "analysis/view.h"

#include <math.h>

static void write_value(cim_jw *w, const cim_ana_param *p, double v)
{
    if (isnan(v))
        cim_jw_null(w, p->name);
    else if (p->type == CIM_ANA_BOOL)
        cim_jw_bool(w, p->name, v != 0);
    else if (p->type == CIM_ANA_ENUM)
        cim_jw_string(w, p->name, p->words[(size_t)v]);
    else
        cim_jw_double(w, p->name, v);
}

static void write_member(cim_jw *w, const cim_ana_dataset *d, uint64_t row, bool knee)
{
    cim_jw_object(w, NULL);
    cim_jw_int(w, "id", (int64_t)d->id[row]);
    cim_jw_bool(w, "knee", knee);
    cim_jw_object(w, "parameters");
    for (size_t i = 0; i < d->n_params; i++)
        write_value(w, &d->params[i], d->points[row * d->n_params + i]);
    cim_jw_object_end(w);
    cim_jw_object(w, "metrics");
    for (size_t i = 0; i < d->n_metrics; i++)
        cim_jw_double(w, d->metrics_info[i].name, d->metrics[row * d->n_metrics + i]);
    cim_jw_object_end(w);
    cim_jw_object_end(w);
}

cim_status cim_ana_front_json(const cim_ana_dataset *d, const cim_ana_objective *objectives,
                              size_t n_objectives, cim_text *out, cim_err *err)
{
    cim_ana_view v;
    cim_jw w;
    CIM_TRY(cim_ana_view_init(&v, d, objectives, n_objectives, err));
    cim_jw_init(&w, out, true);
    cim_jw_object(&w, NULL);
    cim_jw_array(&w, "objectives");
    for (size_t k = 0; k < n_objectives; k++) {
        const cim_ana_metric *m = &d->metrics_info[objectives[k].metric];
        cim_jw_object(&w, NULL);
        cim_jw_string(&w, "name", m->name);
        cim_jw_string(&w, "unit", m->unit);
        cim_jw_string(&w, "sense", objectives[k].maximise ? "max" : "min");
        cim_jw_object_end(&w);
    }
    cim_jw_array_end(&w);
    cim_jw_int(&w, "evaluations", (int64_t)d->n);
    cim_jw_int(&w, "feasible", (int64_t)v.n_feasible);
    cim_jw_bool(&w, "complete", d->complete);
    if (v.n > 0)
        cim_jw_int(&w, "knee", (int64_t)d->id[v.rows[v.knee]]);
    else
        cim_jw_null(&w, "knee");
    cim_jw_array(&w, "members");
    for (size_t i = 0; i < v.n; i++)
        write_member(&w, d, v.rows[i], i == v.knee);
    cim_jw_array_end(&w);
    cim_jw_object_end(&w);
    cim_text_add_n(out, "\n", 1);
    cim_ana_view_clear(&v);
    return out->failed ? cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a front") : CIM_OK;
}
