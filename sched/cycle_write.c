/* Reports of a cycle simulation: JSON and text beside the plan's own numbers, Chrome trace, curve. */
#include "sched/cycle.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <stdio.h>

static double cycles(const cim_cc_cycle *c, double ns)
{
    return ns / c->plan->chip.clock_ns;
}

/* Inferences per second: of several segments, one batch after another. */
static double throughput(const cim_cc_cycle *c)
{
    return 1e9 / c->interval_ns;
}

static void write_kinds(const double *values, double scale, cim_jw *w, const char *key)
{
    cim_jw_object(w, key);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        cim_jw_double(w, cim_cost_kind_names[k], values[k] * scale);
    cim_jw_object_end(w);
}

static void write_metrics(const cim_cc_cycle *c, cim_jw *w)
{
    cim_jw_object(w, "metrics");
    cim_jw_double(w, "latency_s", c->latency_ns * 1e-9);
    cim_jw_double(w, "cycles", cycles(c, c->latency_ns));
    cim_jw_double(w, "interval_s", c->interval_ns * 1e-9);
    cim_jw_double(w, "throughput_ips", throughput(c));
    cim_jw_double(w, "energy_j", c->energy_total_pj * 1e-12);
    cim_jw_double(w, "avg_power_w", c->energy_total_pj / c->latency_ns * 1e-3);
    cim_jw_double(w, "peak_power_w", c->peak_total_mw * 1e-3);
    cim_jw_double(w, "peak_power_at_s", c->peak_at_ns * 1e-9);
    cim_jw_double(w, "peak_power_window_s", c->window_ns * 1e-9);
    cim_jw_double(w, "instant_peak_power_w", c->instant_mw * 1e-3);
    cim_jw_double(w, "instant_peak_power_at_s", c->instant_at_ns * 1e-9);
    cim_jw_object_end(w);
}

/* What the plan says, and the plan's number over the simulator's. */
static void write_analytical(const cim_cc_cycle *c, cim_jw *w)
{
    const cim_cc_plan *p = c->plan;
    cim_jw_object(w, "analytical");
    cim_jw_double(w, "latency_s", p->latency_ns * 1e-9);
    cim_jw_double(w, "interval_s", p->interval_ns * 1e-9);
    cim_jw_double(w, "energy_j", p->energy_total_pj * 1e-12);
    cim_jw_double(w, "peak_power_w", p->peak_total_mw * 1e-3);
    cim_jw_object_end(w);
    cim_jw_object(w, "ratio");
    cim_jw_double(w, "latency", p->latency_ns / c->latency_ns);
    cim_jw_double(w, "interval", p->interval_ns / c->interval_ns);
    cim_jw_double(w, "energy", p->energy_total_pj / c->energy_total_pj);
    cim_jw_double(w, "peak_power", p->peak_total_mw / c->peak_total_mw);
    cim_jw_object_end(w);
}

static void write_op(const cim_cc_cycle *c, const cim_cc_cycle_op *o, cim_jw *w)
{
    const cim_cc_op *op = &c->plan->graph->ops[o->op];
    cim_jw_object(w, NULL);
    cim_jw_int(w, "id", o->op);
    cim_jw_string(w, "name", op->name);
    cim_jw_string(w, "type", op->type);
    cim_jw_int(w, "segment", o->segment);
    cim_jw_int(w, "products", o->products);
    cim_jw_int(w, "copies", o->copies);
    cim_jw_double(w, "start_s", o->start_ns * 1e-9);
    cim_jw_double(w, "end_s", o->end_ns * 1e-9);
    cim_jw_double(w, "busy_s", o->busy_ns * 1e-9);
    cim_jw_double(w, "analytical_start_s", c->plan->ops[o->op].start_ns * 1e-9);
    cim_jw_double(w, "analytical_end_s", c->plan->ops[o->op].end_ns * 1e-9);
    cim_jw_object_end(w);
}

void cim_cc_cycle_write_json(const cim_cc_cycle *c, cim_jw *w, const char *key)
{
    cim_jw_object(w, key);
    cim_jw_string(w, "tool", "cimdse " CIM_VERSION);
    cim_jw_string(w, "model", c->plan->graph->name);
    cim_hw_arch_write(&c->plan->arch, w, "arch");
    write_metrics(c, w);
    write_analytical(c, w);
    cim_jw_int(w, "inferences", c->batch);
    cim_jw_int(w, "inferences_simulated", c->simulated);
    cim_jw_bool(w, "extrapolated", c->latency_ns > c->simulated_ns);
    cim_jw_int(w, "events", (int64_t)c->n_events);
    write_kinds(c->energy_pj, 1e-12, w, "energy_breakdown_j");
    write_kinds(c->peak_mw, 1e-3, w, "peak_power_breakdown_w");
    cim_jw_object(w, "utilization");
    for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
        cim_jw_double(w, cim_cc_resource_names[k], c->utilization[k]);
    cim_jw_object_end(w);
    cim_jw_array(w, "operators");
    for (uint32_t i = 0; i < c->n_ops; i++)
        write_op(c, &c->ops[i], w);
    cim_jw_array_end(w);
    cim_jw_object_end(w);
}

/* ---- text ------------------------------------------------------------------------------------------- */

static void beside(cim_text *out, const char *name, double simulated, double analytical,
                   double scale, const char *unit)
{
    cim_text_addf(out, "%-20s %14.6g %14.6g %-3s %+7.2f %%\n", name, simulated * scale,
                  analytical * scale, unit, 100.0 * (analytical / simulated - 1.0));
}

static void text_ops(const cim_cc_cycle *c, cim_text *out)
{
    cim_text_addf(out, "%4s %-28s %-12s %4s %9s %6s %12s %12s %12s %12s\n", "id", "operator",
                  "type", "seg", "products", "copies", "start us", "end us", "model start",
                  "model end");
    for (uint32_t i = 0; i < c->n_ops; i++) {
        const cim_cc_cycle_op *o = &c->ops[i];
        const cim_cc_op *op = &c->plan->graph->ops[o->op];
        const cim_cc_op_plan *p = &c->plan->ops[o->op];
        if (op->unit == CIM_CC_UNIT_NONE)
            continue;
        cim_text_addf(out, "%4u %-28.28s %-12.12s %4u %9lld %6lld %12.6g %12.6g %12.6g %12.6g\n",
                      o->op, op->name, op->type, o->segment, (long long)o->products,
                      (long long)o->copies, o->start_ns * 1e-3, o->end_ns * 1e-3,
                      p->start_ns * 1e-3, p->end_ns * 1e-3);
    }
}

void cim_cc_cycle_write_text(const cim_cc_cycle *c, cim_text *out)
{
    const cim_cc_plan *p = c->plan;
    cim_text_addf(out, "%s on %s, cycle simulation: level %s, %s, %u segment%s, %lld inference%s",
                  p->graph->name, p->arch.name, cim_hw_level_words[p->arch.schedule.level],
                  cim_cc_pipelined(p) ? "pipelined" : "one operator after another", p->n_segments,
                  p->n_segments == 1 ? "" : "s", (long long)c->batch, c->batch == 1 ? "" : "s");
    if (c->latency_ns > c->simulated_ns)
        cim_text_addf(out, " (%lld simulated, the rest at the interval between them)",
                      (long long)c->simulated);
    cim_text_add(out, "\n\n");
    text_ops(c, out);
    cim_text_addf(out, "\n%-20s %14s %14s     model is off by\n", "", "simulated", "model");
    beside(out, "latency", c->latency_ns, p->latency_ns, 1e-3, "us");
    beside(out, "interval", c->interval_ns, p->interval_ns, 1e-3, "us");
    beside(out, "energy", c->energy_total_pj, p->energy_total_pj, 1e-6, "uJ");
    beside(out, "peak power", c->peak_total_mw, p->peak_total_mw, 1e-3, "W");
    cim_text_addf(out, "%-20s %14.0f at %g MHz\n", "cycles", cycles(c, c->latency_ns),
                  p->arch.clock_mhz);
    cim_text_addf(out, "%-20s %14.6g W   for a moment; the peak is a mean over %.3g us\n",
                  "largest power", c->instant_mw * 1e-3, c->window_ns * 1e-3);
    cim_text_add(out, "\nutilisation:");
    for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
        cim_text_addf(out, "  %s %.2f %%", cim_cc_resource_names[k], 100.0 * c->utilization[k]);
    cim_text_add(out, "\nenergy:");
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        if (c->energy_pj[k] > 0.0005 * c->energy_total_pj)
            cim_text_addf(out, "  %s %.1f %%", cim_cost_kind_names[k],
                          100.0 * c->energy_pj[k] / c->energy_total_pj);
    cim_text_add(out, "\n");
}

/* ---- trace and curve ------------------------------------------------------------------------------- */

/* A JSON string: names come from files. */
static void add_quoted(cim_text *out, const char *s)
{
    cim_text_add(out, "\"");
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\')
            cim_text_addf(out, "\\%c", ch);
        else if (ch < 0x20)
            cim_text_addf(out, "\\u%04x", ch);
        else
            cim_text_add_n(out, s, 1);
    }
    cim_text_add(out, "\"");
}

static void name_track(cim_text *out, const char *what, uint32_t track, const char *name)
{
    cim_text_addf(
        out, "{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"%s\",\"args\":{\"name\":", track, what);
    add_quoted(out, name);
    cim_text_add(out, "}},\n");
}

/* Chrome's trace event format: metadata, complete events (X) of operators and reloads in order of their
 * start, counters (C); times in us. Track 0 are reloads, track i + 1 operator i. */
void cim_cc_cycle_write_trace(const cim_cc_cycle *c, cim_text *out)
{
    const cim_cc_graph *g = c->plan->graph;
    cim_text_add(out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    name_track(out, "process_name", 0, g->name);
    if (c->plan->n_segments > 1)
        name_track(out, "thread_name", 0, "reload");
    for (uint32_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].unit != CIM_CC_UNIT_NONE)
            name_track(out, "thread_name", i + 1, g->ops[i].name);
    for (size_t i = 0; i < c->n_slices; i++) {
        const cim_cc_cycle_slice *s = &c->slices[i];
        bool reload = s->who == UINT32_MAX;
        uint32_t track = reload ? 0 : c->ops[s->who].op + 1;
        cim_text_addf(out, "{\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%.4f,\"dur\":%.4f,\"name\":",
                      track, s->from_ns * 1e-3, (s->to_ns - s->from_ns) * 1e-3);
        add_quoted(out, reload ? "reload" : g->ops[c->ops[s->who].op].type);
        cim_text_addf(out, ",\"args\":{\"segment\":%u}},\n", s->segment);
    }
    for (uint32_t i = 0; i < c->n_curve; i++) {
        double ts = i * c->point_ns * 1e-3;
        cim_text_addf(
            out,
            "{\"ph\":\"C\",\"pid\":1,\"ts\":%.4f,\"name\":\"power W\",\"args\":{\"W\":%.6g}},\n",
            ts, c->curve[i].mw * 1e-3);
        for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
            if (c->utilization[k] > 0.0 && k != CIM_CC_RES_ADC)
                cim_text_addf(out,
                              "{\"ph\":\"C\",\"pid\":1,\"ts\":%.4f,\"name\":\"%s %%\","
                              "\"args\":{\"busy\":%.4g}},\n",
                              ts, cim_cc_resource_names[k], 100.0 * c->curve[i].busy[k]);
    }
    cim_text_addf(
        out, "{\"ph\":\"C\",\"pid\":1,\"ts\":%.4f,\"name\":\"power W\",\"args\":{\"W\":0}}\n]}\n",
        c->simulated_ns * 1e-3);
}

void cim_cc_cycle_write_power(const cim_cc_cycle *c, cim_text *out)
{
    cim_text_add(out, "time_s,power_w\n");
    for (uint32_t i = 0; i < c->n_curve; i++)
        cim_text_addf(out, "%.9g,%.9g\n", i * c->point_ns * 1e-9, c->curve[i].mw * 1e-3);
    cim_text_addf(out, "%.9g,%.9g\n", c->simulated_ns * 1e-9, 0.0);
}
