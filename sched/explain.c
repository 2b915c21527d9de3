/* `compile --explain METRIC`: where a number of a plan comes from. Every list of lines makes the metric
 * exactly: sums of counts times unit costs, products of factors, noise that adds up. */
#include "sched/plan_internal.h"

#include "costmodel/explain.h"
#include "costmodel/fidelity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct explaining {
    const cim_cc_plan *plan;
    const cim_cost_provenance *from;
    cim_cost_explanation *x;
} explaining;

static cim_cost_line *add(const explaining *e, double value, const char *what, const char *note)
{
    cim_cost_line *l = cim_cost_explanation_add(e->x, value);
    if (l) {
        snprintf(l->what, sizeof l->what, "%s", what);
        snprintf(l->note, sizeof l->note, "%s", note);
    }
    return l;
}

/* ---- joules and watts ------------------------------------------------------------------------------ */

static void energy(const explaining *e, double per_second)
{
    const cim_cc_plan *p = e->plan;
    cim_cost_explain_events(e->x, e->from, p->events, 1e-12 * per_second);
    /* mW x ns = pJ */
    cim_cost_explain_instances(e->x, e->from, CIM_COST_SHARE_LEAK,
                               p->latency_ns * 1e-12 * per_second);
    snprintf(e->x->remark, sizeof e->x->remark,
             "leakage runs for the whole %.4g s; %lld inference%s", p->latency_ns * 1e-9,
             (long long)p->arch.workload.batch, p->arch.workload.batch == 1 ? "" : "s");
}

/* Which events make a kind's power at the peak is not recorded: it is split as its energy over the
 * whole run is. */
static void peak(const explaining *e)
{
    const cim_cc_plan *p = e->plan;
    double kind_pj[CIM_COST_N_KINDS] = {0}, counts[CIM_COST_N_EVENTS];
    for (int i = 0; i < CIM_COST_N_EVENTS; i++)
        kind_pj[cim_cost_event_kind((cim_cost_event)i)] += p->events[i] * p->chip.unit_pj[i];
    for (int i = 0; i < CIM_COST_N_EVENTS; i++) {
        cim_cost_kind k = cim_cost_event_kind((cim_cost_event)i);
        counts[i] = kind_pj[k] > 0.0 ? p->peak_mw[k] * p->events[i] / kind_pj[k] : 0.0;
    }
    cim_cost_explain_events(e->x, e->from, counts, 1e-3); /* events per ns x pJ = mW */
    for (size_t i = 0; i < e->x->n; i++)
        e->x->lines[i].count_of = "events/ns";
    if (p->chip.leakage_mw > 0.0)
        cim_cost_explain_instances(e->x, e->from, CIM_COST_SHARE_LEAK,
                                   1e-3 * p->peak_mw[CIM_COST_LEAKAGE] / p->chip.leakage_mw);
    snprintf(
        e->x->remark, sizeof e->x->remark,
        "what is active %.4g s after the start; a row's events are split as over the whole run",
        p->peak_at_ns * 1e-9);
}

static void area(const explaining *e)
{
    cim_cost_explain_instances(e->x, e->from, CIM_COST_SHARE_AREA, 1e-6);
}

/* ---- seconds ------------------------------------------------------------------------------------------ */

/* How far each operator moves the moment when everything before it is done. */
static double finish_operators(const explaining *e, const cim_cc_segment *s, double done)
{
    const cim_cc_plan *p = e->plan;
    char what[96], note[96];
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
        const cim_cc_op_plan *o = &p->ops[id];
        if (o->segment != (uint32_t)(s - p->segments) || !(o->end_ns > done))
            continue;
        snprintf(what, sizeof what, "%.60s", p->graph->ops[id].name);
        snprintf(note, sizeof note, "busy %.4g s, limited by %s", o->stage_ns * 1e-9,
                 cim_cc_limit_words[o->limit]);
        add(e, (o->end_ns - done) * 1e-9, what, note);
        done = o->end_ns;
    }
    return done;
}

static void latency(const explaining *e)
{
    const cim_cc_plan *p = e->plan;
    double done = 0.0, batch = (double)p->arch.workload.batch;
    char what[96];
    for (uint32_t i = 0; i < p->n_segments; i++) {
        const cim_cc_segment *s = &p->segments[i];
        snprintf(what, sizeof what, "writing the weights of segment %u", i);
        if (s->start_ns > done)
            add(e, (s->start_ns - done) * 1e-9, what, "offchip and programming");
        done = finish_operators(e, s, s->start_ns);
        double end = s->start_ns + s->latency_ns, all = end + (batch - 1.0) * s->interval_ns;
        snprintf(what, sizeof what, "rest of segment %u", i);
        if (fabs(end - done) > 1e-9 * end)
            add(e, (end - done) * 1e-9, what, "");
        snprintf(what, sizeof what, "%.0f more inferences through segment %u", batch - 1.0, i);
        if (all > end)
            add(e, (all - end) * 1e-9, what, "batch - 1 times the interval");
        done = all;
    }
    snprintf(e->x->remark, sizeof e->x->remark,
             "each operator's line: how much later it is done than everything before it");
}

/* The operator that is busy longest sets the pace. */
static void pace(const explaining *e, char *note, size_t size)
{
    const cim_cc_plan *p = e->plan;
    uint32_t slowest = 0;
    for (uint32_t i = 1; i < p->graph->n_ops; i++)
        if (p->ops[i].stage_ns > p->ops[slowest].stage_ns)
            slowest = i;
    snprintf(note, size, "busiest: %.40s, %.3g s, limited by %s", p->graph->ops[slowest].name,
             p->ops[slowest].stage_ns * 1e-9, cim_cc_limit_words[p->ops[slowest].limit]);
}

static void throughput(const explaining *e)
{
    char note[96];
    pace(e, note, sizeof note);
    add(e, 1e9 / e->plan->interval_ns, "1 / interval between inferences", note);
}

/* ---- the others --------------------------------------------------------------------------------------- */

static void noise_line(const explaining *e, const cim_cc_op *op, const cim_cost_noise *n)
{
    char note[96];
    double all = n->operands + n->converter + n->variation;
    snprintf(note, sizeof note, "%.2f dB: rounding %.0f %%, converters %.0f %%, cells %.0f %%",
             n->db, 100 * n->operands / all, 100 * n->converter / all, 100 * n->variation / all);
    cim_cost_line *l = add(e, pow(10.0, -n->db / 10.0), op->name, note);
    if (!l)
        return;
    l->count = (double)op->matrix_rows;
    l->count_of = op->signed_input ? "rows, signed inputs" : "rows, inputs >= 0";
    l->unit = n->step;
    l->unit_is = "units a code";
}

static void sqnr(const explaining *e)
{
    const cim_cc_plan *p = e->plan;
    cim_cost_fidelity f;
    cim_cost_fidelity_init(&f, &p->arch, &p->chip.device);
    for (uint32_t i = 0; i < p->prepared->n_xb; i++) {
        const cim_cc_op *op = &p->graph->ops[p->prepared->xb[i]];
        cim_cost_noise n;
        cim_cost_fidelity_noise(&f, (double)op->matrix_rows, op->signed_input, &n);
        noise_line(e, op, &n);
    }
    snprintf(
        e->x->remark, sizeof e->x->remark,
        "noise to signal of every operator (costmodel/SQNR.md); cells deviate by %.3g (device: "
        "%.3g)",
        p->chip.device.sigma, p->chip.conductance_sigma);
}

static void utilization(const explaining *e)
{
    const cim_cc_plan *p = e->plan;
    char what[96], note[96];
    for (uint32_t i = 0; i < p->n_segments; i++) {
        double share = cim_cc_segment_utilization(p, i);
        snprintf(what, sizeof what, "segment %u", i);
        snprintf(note, sizeof note, "cells in use x time over capacity x time of the run");
        add(e, share, what, note);
    }
}

static void lifetime(const explaining *e)
{
    double writes = cim_cc_writes_per_inference(e->plan);
    if (!(writes > 0.0) || e->plan->chip.endurance_cycles / writes > CIM_CC_LIFETIME_MAX) {
        add(e, CIM_CC_LIFETIME_MAX, "for ever", "weights stay in place; 1e18 stands for it");
        return;
    }
    cim_cost_line *l = add(e, e->plan->chip.endurance_cycles, "writes a cell endures", "");
    for (size_t i = 0; l && i < e->from->n; i++)
        if (e->from->share[i].origin[0] &&
            !strncmp(e->from->share[i].origin[0]->entry, "devices/", 8))
            l->origin[0] = e->from->share[i].origin[0];
    add(e, 1.0 / writes, "1 / writes per inference of a cell", "");
}

static void edp(const explaining *e)
{
    const double *m = e->plan->result.metrics;
    add(e, m[CIM_M_ENERGY_J], "energy_j", "--explain energy_j");
    add(e, m[CIM_M_LATENCY_S], "latency_s", "--explain latency_s");
}

static void tops(const explaining *e)
{
    const double *m = e->plan->result.metrics;
    add(e, 2.0 * (double)e->plan->graph->macs, "operations per inference",
        "2 per multiply-accumulate");
    add(e, m[CIM_M_THROUGHPUT_IPS], "throughput_ips", "--explain throughput_ips");
    add(e, 1e-12, "to 10^12", "");
}

static void tops_per_w(const explaining *e)
{
    const cim_cc_plan *p = e->plan;
    add(e, 2.0 * (double)p->graph->macs * (double)p->arch.workload.batch, "operations of the run",
        "2 per multiply-accumulate");
    add(e, 1.0 / p->result.metrics[CIM_M_ENERGY_J], "1 / energy_j", "--explain energy_j");
    add(e, 1e-12, "to 10^12", "");
}

static void tops_per_mm2(const explaining *e)
{
    const double *m = e->plan->result.metrics;
    add(e, m[CIM_M_TOPS], "tops", "--explain tops");
    add(e, 1.0 / m[CIM_M_AREA_MM2], "1 / area_mm2", "--explain area_mm2");
}

static void explain_one(const explaining *e, cim_cc_metric metric)
{
    switch (metric) {
    case CIM_M_LATENCY_S:
        latency(e);
        break;
    case CIM_M_THROUGHPUT_IPS:
        throughput(e);
        break;
    case CIM_M_ENERGY_J:
        energy(e, 1.0);
        break;
    case CIM_M_AVG_POWER_W:
        energy(e, 1e9 / e->plan->latency_ns);
        break;
    case CIM_M_PEAK_POWER_W:
        peak(e);
        break;
    case CIM_M_AREA_MM2:
        area(e);
        break;
    case CIM_M_EDP_JS:
        edp(e);
        break;
    case CIM_M_SQNR_DB:
        sqnr(e);
        break;
    case CIM_M_UTILIZATION:
        utilization(e);
        break;
    case CIM_M_TOPS:
        tops(e);
        break;
    case CIM_M_TOPS_PER_W:
        tops_per_w(e);
        break;
    case CIM_M_TOPS_PER_MM2:
        tops_per_mm2(e);
        break;
    case CIM_M_LIFETIME_INFERENCES:
        lifetime(e);
        break;
    case CIM_CC_N_METRICS:
        break;
    }
}

static cim_cost_combine combine_of(cim_cc_metric metric)
{
    switch (metric) {
    case CIM_M_SQNR_DB:
        return CIM_COST_COMBINE_NOISE;
    case CIM_M_THROUGHPUT_IPS:
    case CIM_M_EDP_JS:
    case CIM_M_TOPS:
    case CIM_M_TOPS_PER_W:
    case CIM_M_TOPS_PER_MM2:
    case CIM_M_LIFETIME_INFERENCES:
        return CIM_COST_COMBINE_PRODUCT;
    default:
        return CIM_COST_COMBINE_SUM;
    }
}

cim_status cim_cc_metric_find(const char *name, cim_cc_metric *out, cim_err *err)
{
    char allowed[256] = "";
    for (int i = 0; i < CIM_CC_N_METRICS; i++) {
        if (!strcmp(name, cim_cc_metric_names[i])) {
            *out = (cim_cc_metric)i;
            return CIM_OK;
        }
        size_t n = strlen(allowed);
        snprintf(allowed + n, sizeof allowed - n, "%s%s", n ? ", " : "", cim_cc_metric_names[i]);
    }
    return cim_err_set(err, CIM_E_INPUT, "--explain", "no metric \"%.40s\"; allowed: %s", name,
                       allowed);
}

cim_status cim_cc_explain(const cim_cc_plan *plan, const cim_cost_provenance *from,
                          cim_cc_metric metric, cim_arena *ar, cim_cost_explanation *out,
                          cim_err *err)
{
    explaining e = {.plan = plan, .from = from, .x = out};
    cim_cost_combine combine = combine_of(metric);
    cim_cost_explanation_begin(out, ar, cim_cc_metric_names[metric], cim_cc_metric_units[metric],
                               plan->result.metrics[metric], combine);
    explain_one(&e, metric);
    if (combine != CIM_COST_COMBINE_PRODUCT)
        cim_cost_explanation_sort(out);
    return out->failed ? cim_err_set(err, CIM_E_NOMEM, "--explain", "out of memory") : CIM_OK;
}
