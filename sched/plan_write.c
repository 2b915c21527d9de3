/* The plan for readers: `compile --json` and the table a person reads. */
#include "sched/dynamic.h"

#include <math.h>
#include <stdio.h>

static void write_metrics(const cim_cc_plan *p, cim_jw *w)
{
    cim_jw_object(w, "metrics");
    for (int i = 0; i < CIM_CC_N_METRICS; i++)
        cim_jw_double(w, cim_cc_metric_names[i], p->result.feasible ? p->result.metrics[i] : NAN);
    cim_jw_object_end(w);
}

static void write_breakdown(const double *values, double scale, cim_jw *w, const char *key)
{
    cim_jw_object(w, key);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        cim_jw_double(w, cim_cost_kind_names[k], values[k] * scale);
    cim_jw_object_end(w);
}

static void write_segment(const cim_cc_plan *p, const cim_cc_segment *s, bool detail, cim_jw *w)
{
    cim_jw_object(w, NULL);
    cim_jw_array(w, "operators");
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++)
        cim_jw_int(w, NULL, id);
    cim_jw_array_end(w);
    cim_jw_int(w, "units_used", s->units_used);
    cim_jw_double(w, "reload_s", s->reload_ns * 1e-9);
    cim_jw_double(w, "reload_start_s", s->reload_from_ns * 1e-9);
    cim_jw_double(w, "start_s", s->start_ns * 1e-9);
    cim_jw_double(w, "latency_s", s->latency_ns * 1e-9);
    cim_jw_double(w, "interval_s", s->interval_ns * 1e-9);
    cim_jw_double(w, "write_energy_j", s->write_pj * 1e-12);
    cim_jw_double(w, "offchip_bits", s->offchip_bits);
    cim_jw_double(w, "spilled_bits", p->spill_bits[s->first_node]);
    cim_jw_bool(w, "contended", s->contended);
    if (s->bound_ns > 0.0) /* how far any duplication could still go */
        cim_jw_double(w, "latency_lower_bound_s", s->bound_ns * 1e-9);
    if (detail) {
        cim_jw_int(w, "budget_units", p->budget);
        cim_jw_string(w, "unit", p->units_are_cores ? "core" : "crossbar");
    }
    cim_jw_object_end(w);
}

static void write_choices(const cim_cc_node *n, cim_jw *w)
{
    cim_jw_array(w, "candidates");
    for (uint32_t j = 0; j < n->n_choices; j++) {
        cim_jw_array(w, NULL);
        cim_jw_int(w, NULL, n->choice_copies[j]);
        cim_jw_int(w, NULL, n->choices[j].weight);
        cim_jw_double(w, NULL, n->choices[j].cost * 1e-9);
        cim_jw_array_end(w);
    }
    cim_jw_array_end(w);
    if (n->n_variants == 1)
        return;
    cim_jw_array(w, "candidate_row_groups");
    for (uint32_t j = 0; j < n->n_choices; j++)
        cim_jw_int(w, NULL, cim_cc_node_variant(n, j)->map.row_groups);
    cim_jw_array_end(w);
}

/* An operator larger than the chip: one entry per part, each in its own segment. */
static void write_parts(const cim_cc_node *last, cim_jw *w)
{
    cim_jw_array(w, "parts");
    for (const cim_cc_node *n = last - (last->n_parts - 1); n <= last; n++) {
        cim_jw_object(w, NULL);
        cim_jw_int(w, "segment", n->segment);
        cim_jw_int(w, "crossbars_per_copy", cim_cc_node_picked(n)->map.crossbars);
        cim_jw_int(w, "units_per_copy", cim_cc_node_picked(n)->units);
        cim_jw_int(w, "copies", n->choice_copies[n->pick]);
        cim_jw_int(w, "first_unit", n->first_unit);
        cim_jw_double(w, "stage_s", n->choices[n->pick].cost * 1e-9);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
}

static void write_mapping(const cim_cc_mapping *m, cim_jw *w)
{
    cim_jw_object(w, "mapping");
    cim_jw_int(w, "slices", m->slices);
    cim_jw_int(w, "polarities", m->polarities);
    cim_jw_int(w, "row_tiles", m->row_tiles);
    cim_jw_int(w, "col_tiles", m->col_tiles);
    cim_jw_int(w, "tile_rows", m->tile_rows);
    cim_jw_int(w, "tile_cols", m->tile_cols);
    cim_jw_int(w, "pack", m->pack);
    cim_jw_bool(w, "column_major", m->column_major);
    cim_jw_object_end(w);
}

/* What happens per inference, operands' writing included. */
static void write_events(const cim_cc_plan *p, cim_cc_op_id id, cim_jw *w)
{
    double ev[CIM_COST_N_EVENTS], more[CIM_COST_N_EVENTS];
    cim_cc_count_op(p, id, ev);
    cim_cc_count_operand(p, id, more);
    cim_jw_object(w, "events");
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        cim_jw_double(w, cim_cost_event_names[e], ev[e] + more[e]);
    cim_jw_object_end(w);
}

static void write_node(const cim_cc_plan *p, const cim_cc_node *n, bool detail, cim_jw *w)
{
    int64_t per_core = p->arch.core.crossbars;
    const cim_cc_variant *v = cim_cc_node_picked(n);
    cim_jw_int(w, "crossbars_per_copy", v->map.crossbars * n->n_parts);
    cim_jw_int(w, "cores_per_copy", cim_cc_ceil_div(v->map.crossbars, per_core) * n->n_parts);
    cim_jw_int(w, "units_per_copy", v->units);
    cim_jw_int(w, "units_used", n->choices[n->pick].weight);
    cim_jw_int(w, "row_tiles", v->map.row_tiles);
    cim_jw_int(w, "row_groups", v->map.row_groups);
    if (v != n->variants) {
        const cim_cc_variant *plain = n->variants;
        cim_jw_object(w, "remapped");
        cim_jw_int(w, "row_groups_before", plain->map.row_groups);
        cim_jw_int(w, "crossbars_before", plain->map.crossbars);
        cim_jw_double(w, "additions", v->adds);
        cim_jw_double(w, "additions_before", plain->adds);
        cim_jw_double(w, "product_before_s", plain->unit_ns * 1e-9);
        cim_jw_object_end(w);
    }
    cim_jw_int(w, "copies", n->choice_copies[n->pick]);
    if (n->n_parts > 1)
        write_parts(n, w);
    if (detail) {
        cim_cc_pace pace = cim_cc_copies_pace(p, v, (double)n->choice_copies[n->pick]);
        cim_jw_double(w, "product_s", pace.unit_ns * 1e-9);
        cim_jw_double(w, "fill_s", pace.fill_ns * 1e-9);
        cim_jw_double(w, "paced_product_s", n->paced_unit_ns * 1e-9);
        cim_jw_double(w, "paced_fill_s", n->paced_fill_ns * 1e-9);
        cim_jw_double(w, "hop_s", n->hop_ns * 1e-9);
        cim_jw_int(w, "first_unit", n->first_unit);
        cim_jw_double(w, "operand_write_s", v->before_ns * 1e-9);
        write_mapping(&v->map, w);
        write_events(p, n->op, w);
        write_choices(n, w);
    }
}

/* What the operator moves over the network between cores, and how far. */
static void write_hops(const cim_cc_plan *p, cim_cc_op_id id, cim_jw *w)
{
    const cim_cc_op_plan *o = &p->ops[id];
    cim_jw_int(w, "elements", p->graph->ops[id].out_elements);
    cim_jw_double(w, "traffic_in", p->prepared->traffic_in[id]);
    cim_jw_double(w, "traffic_out", p->prepared->traffic_out[id]);
    cim_jw_double(w, "partial_sum_bits", cim_cc_sum_bits(p, id));
    cim_jw_double(w, "in_hops", o->in_hops);
    cim_jw_double(w, "out_hops", o->out_hops);
    cim_jw_double(w, "partial_sum_hops", o->sum_hops);
    cim_jw_double(w, "noc_bit_hops", o->noc_bit_hops);
}

/* How the operator's output streams and what it waits for: enough to recompute the pipeline. */
static void write_stream(const cim_cc_plan *p, const cim_cc_op *op, cim_jw *w)
{
    cim_jw_int(w, "rows", op->rows);
    cim_jw_int(w, "images", op->images);
    cim_jw_array(w, "inputs");
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &p->graph->edges[k];
        cim_jw_object(w, NULL);
        cim_jw_int(w, "producer", e->producer == CIM_CC_INVALID ? -1 : (int64_t)e->producer);
        cim_jw_int(w, "elements", e->elements);
        cim_jw_bool(w, "full", e->full);
        cim_jw_bool(w, "written", e->written && cim_cc_op_is_written(op));
        cim_jw_int(w, "num", e->num);
        cim_jw_int(w, "den", e->den);
        cim_jw_int(w, "offset", e->offset);
        cim_jw_int(w, "span", e->span);
        if (e->cols > 0) {
            cim_jw_int(w, "cols", e->cols);
            cim_jw_int(w, "col_num", e->col_num);
            cim_jw_int(w, "col_den", e->col_den);
            cim_jw_int(w, "col_offset", e->col_offset);
        }
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
}

static void write_operator(const cim_cc_plan *p, cim_cc_op_id id, bool detail, cim_jw *w)
{
    const cim_cc_op *op = &p->graph->ops[id];
    const cim_cc_op_plan *o = &p->ops[id];
    cim_jw_object(w, NULL);
    cim_jw_int(w, "id", id);
    cim_jw_string(w, "name", op->name);
    cim_jw_string(w, "type", op->type);
    cim_jw_string(w, "unit", cim_cc_unit_words[op->unit]);
    cim_jw_int(w, "mvms", op->mvms);
    cim_jw_int(w, "matrix_rows", op->matrix_rows);
    cim_jw_int(w, "matrix_cols", op->matrix_cols);
    cim_jw_int(w, "groups", op->groups);
    if (p->node_of[id] != UINT32_MAX) {
        write_node(p, &p->nodes[p->node_of[id]], detail, w);
    } else {
        cim_jw_int(w, "crossbars_per_copy", 0);
        cim_jw_int(w, "cores_per_copy", 0);
        cim_jw_int(w, "copies", 1);
    }
    cim_jw_int(w, "segment", o->segment);
    cim_jw_double(w, "stage_s", o->stage_ns * 1e-9);
    cim_jw_double(w, "start_s", o->start_ns * 1e-9);
    cim_jw_double(w, "end_s", o->end_ns * 1e-9);
    cim_jw_double(w, "energy_j", cim_cc_op_energy_pj(p, id) * 1e-12);
    if (p->node_of[id] != UINT32_MAX)
        cim_jw_double(w, "sqnr_db", o->sqnr_db);
    cim_jw_string(w, "limited_by", cim_cc_limit_words[o->limit]);
    uint32_t node = p->node_of[id];
    cim_jw_double(w, "slow", cim_cc_slow(p, id, node == UINT32_MAX ? NULL : &p->nodes[node]));
    cim_jw_int(w, "buffered_rows", o->window_rows);
    cim_jw_bool(w, "offchip", o->offchip);
    if (detail) {
        write_hops(p, id, w);
        write_stream(p, op, w);
    }
    cim_jw_object_end(w);
}

static void write_schedule(const cim_cc_plan *p, cim_jw *w)
{
    const cim_hw_schedule *s = &p->arch.schedule;
    cim_jw_object(w, "schedule");
    cim_jw_string(w, "level", cim_hw_level_words[s->level]);
    cim_jw_string(w, "objective", cim_hw_objective_words[s->objective]);
    cim_jw_bool(w, "pipeline", cim_cc_pipelined(p));
    cim_jw_bool(w, "write_overlap", p->overlapped);
    cim_jw_string(w, "unit", p->units_are_cores ? "core" : "crossbar");
    cim_jw_int(w, "budget_units", p->budget);
    cim_jw_object_end(w);
}

static void write_use(const cim_cc_plan *p, cim_jw *w)
{
    cim_cc_use use;
    cim_cc_plan_use(p, &use);
    cim_jw_object(w, "resource_utilization");
    cim_jw_double(w, "cells", use.cells);
    cim_jw_double(w, p->units_are_cores ? "cores" : "allocated_crossbars", use.units);
    cim_jw_double(w, "crossbars", use.crossbars);
    cim_jw_double(w, "adcs", use.adcs);
    cim_jw_double(w, "digital_alus", use.alus);
    cim_jw_object_end(w);
}

/* How far the schedule's objective could still go over all duplications of the same mapping: known for
 * one segment and one inference. Energy and its product with time follow from the latency's bound,
 * because dynamic energy does not depend on copies. */
static void write_bound(const cim_cc_plan *p, cim_jw *w)
{
    static const cim_cc_metric metric[] = {CIM_M_LATENCY_S, CIM_M_THROUGHPUT_IPS, CIM_M_ENERGY_J,
                                           CIM_M_EDP_JS};
    int64_t objective = p->arch.schedule.objective;
    double value = p->result.metrics[metric[objective]], bound = value;
    double latency = p->segments[0].bound_ns;
    if (p->n_segments > 1 || p->arch.workload.batch > 1)
        return;
    if (cim_cc_pipelined(p) && objective != CIM_HW_OBJECTIVE_THROUGHPUT) {
        if (!(latency > 0.0))
            return;
        double pj = p->energy_total_pj - p->chip.leakage_mw * (p->latency_ns - latency);
        bound = objective == CIM_HW_OBJECTIVE_LATENCY  ? latency * 1e-9
                : objective == CIM_HW_OBJECTIVE_ENERGY ? pj * 1e-12
                                                       : pj * 1e-12 * latency * 1e-9;
    }
    /* it knows neither contention nor who shares a core: when that turned out better than assumed, it
     * says nothing about the schedule that is kept */
    bool above = objective == CIM_HW_OBJECTIVE_THROUGHPUT ? bound < value : bound > value;
    if (above && fabs(value - bound) > 1e-9 * bound)
        return;
    cim_jw_object(w, "objective_bound");
    cim_jw_string(w, "metric", cim_cc_metric_names[metric[objective]]);
    cim_jw_double(w, "value", value);
    cim_jw_double(w, "bound", bound);
    cim_jw_double(w, "gap", fabs(value - bound) / bound);
    cim_jw_object_end(w);
}

/* Power over time: from time_s[i] on the chip draws power_w[i]. */
static void write_curve(const cim_cc_plan *p, cim_jw *w)
{
    cim_jw_object(w, "power_curve");
    cim_jw_array(w, "time_s");
    for (size_t i = 0; i < p->n_curve; i++)
        cim_jw_double(w, NULL, p->curve[i].at_ns * 1e-9);
    cim_jw_array_end(w);
    cim_jw_array(w, "power_w");
    for (size_t i = 0; i < p->n_curve; i++)
        cim_jw_double(w, NULL, p->curve[i].mw * 1e-3);
    cim_jw_array_end(w);
    cim_jw_object_end(w);
}

/* The cores' grid, and which core is at each position of the curve (`units` are counted along it). */
static void write_placement(const cim_cc_plan *p, bool detail, cim_jw *w)
{
    const cim_cc_noc *noc = &p->noc;
    cim_jw_object(w, "placement");
    cim_jw_string(w, "order", cim_hw_placement_words[p->arch.schedule.placement]);
    cim_jw_int(w, "columns", noc->side);
    cim_jw_int(w, "rows", noc->rows);
    cim_jw_int(w, "port_core", noc->port);
    cim_jw_double(w, "mean_hops", p->mean_hops);
    if (detail) {
        cim_jw_array(w, "cores");
        for (uint32_t i = 0; i < noc->n; i++)
            cim_jw_int(w, NULL, p->core_order ? p->core_order[i] : i);
        cim_jw_array_end(w);
    }
    cim_jw_object_end(w);
}

void cim_cc_plan_write_json(const cim_cc_plan *p, bool detail, cim_jw *w, const char *key)
{
    const cim_cc_graph *g = p->graph;
    bool ok = p->result.feasible;
    cim_jw_object(w, key);
    cim_jw_string(w, "tool", "cimdse " CIM_VERSION);
    cim_jw_object(w, "model");
    cim_jw_string(w, "name", g->name);
    cim_jw_int(w, "macs", g->macs);
    cim_jw_int(w, "weights", g->weights);
    cim_jw_object_end(w);
    cim_hw_arch_write(&p->arch, w, "arch");
    write_schedule(p, w);
    cim_jw_string(w, "state", ok ? "ok" : "infeasible");
    cim_jw_string(w, "reason", p->result.reason);
    write_metrics(p, w);
    write_breakdown(p->energy_pj, 1e-12, w, "energy_breakdown_j");
    write_breakdown(p->chip.area_um2, 1e-6, w, "area_breakdown_mm2");
    write_breakdown(p->peak_mw, 1e-3, w, "peak_power_breakdown_w");
    cim_jw_double(w, "peak_power_at_s", p->peak_at_ns * 1e-9);
    cim_jw_double(w, "peak_power_window_s", p->chip.step_ns * 1e-9);
    cim_jw_double(w, "peak_power_instant_w", p->peak_instant_mw * 1e-3);
    if (ok) {
        write_use(p, w);
        write_bound(p, w);
    }
    if (detail && ok)
        write_curve(p, w);
    if (ok)
        write_placement(p, detail, w);
    if (ok)
        cim_cc_lifetime_write(p, w, "lifetime");
    cim_cost_notes_write(&p->arch, &p->chip, w, "warnings");
    cim_jw_array(w, "segments");
    for (uint32_t i = 0; ok && i < p->n_segments; i++)
        write_segment(p, &p->segments[i], detail, w);
    cim_jw_array_end(w);
    cim_jw_array(w, "operators");
    for (uint32_t i = 0; ok && i < g->n_ops; i++)
        write_operator(p, i, detail, w);
    cim_jw_array_end(w);
    cim_jw_object_end(w);
}

/* ---- text ------------------------------------------------------------------------------------------ */

/* 4.56e-5 s -> "45.6 us" */
static void engineering(double v, const char *unit, char *buf, size_t size)
{
    static const char *const prefix[] = {"f", "p", "n", "u", "m", "", "k", "M", "G", "T"};
    int i = 5;
    if (v != 0.0 && isfinite(v)) {
        while (fabs(v) < 0.9995 && i > 0) {
            v *= 1000.0;
            i--;
        }
        while (fabs(v) >= 999.5 && i < 9) {
            v /= 1000.0;
            i++;
        }
    }
    snprintf(buf, size, "%.3g %s%s", v, prefix[i], unit);
}

static void text_operators(const cim_cc_plan *p, cim_text *out)
{
    char stage[32], start[32], end[32], energy[32];
    cim_text_addf(out, "%4s %-28s %-12s %9s %6s %9s %7s %6s %10s %10s %10s %10s  %s\n", "id",
                  "operator", "type", "products", "rows", "cols", "xbars", "copies", "stage",
                  "start", "end", "energy", "limited by");
    for (uint32_t i = 0; i < p->graph->n_ops; i++) {
        const cim_cc_op *op = &p->graph->ops[i];
        const cim_cc_op_plan *o = &p->ops[i];
        if (op->unit == CIM_CC_UNIT_NONE)
            continue;
        engineering(o->stage_ns * 1e-9, "s", stage, sizeof stage);
        engineering(o->start_ns * 1e-9, "s", start, sizeof start);
        engineering(o->end_ns * 1e-9, "s", end, sizeof end);
        engineering(cim_cc_op_energy_pj(p, i) * 1e-12, "J", energy, sizeof energy);
        if (p->node_of[i] != UINT32_MAX) {
            const cim_cc_node *n = &p->nodes[p->node_of[i]];
            cim_text_addf(out, "%4u %-28.28s %-12.12s %9lld %6lld %9lld %7lld %6lld", i, op->name,
                          op->type, (long long)op->mvms, (long long)op->matrix_rows,
                          (long long)op->matrix_cols,
                          (long long)(cim_cc_node_picked(n)->map.crossbars * n->n_parts),
                          (long long)n->choice_copies[n->pick]);
        } else {
            cim_text_addf(out, "%4u %-28.28s %-12.12s %9s %6s %9s %7s %6s", i, op->name, op->type,
                          "-", "-", "-", "-", "-");
        }
        cim_text_addf(out, " %10s %10s %10s %10s  %s\n", stage, start, end, energy,
                      cim_cc_limit_words[o->limit]);
    }
}

/* Where rows were remapped (level vvm), what it costs and what it brings. */
static void text_remapped(const cim_cc_plan *p, cim_text *out)
{
    bool first = true;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        const cim_cc_node *n = &p->nodes[i];
        const cim_cc_variant *v = cim_cc_node_picked(n), *plain = n->variants;
        if (v == plain)
            continue;
        if (first)
            cim_text_add(out,
                         "\nremapped rows: row groups per product, crossbars per copy, additions "
                         "per product, product\n");
        first = false;
        cim_text_addf(
            out, "  %-32.32s %3lld -> %-3lld %6lld -> %-6lld %8.0f -> %-8.0f %.4g -> %.4g ns\n",
            p->graph->ops[n->op].name, (long long)plain->map.row_groups,
            (long long)v->map.row_groups, (long long)plain->map.crossbars,
            (long long)v->map.crossbars, plain->adds, v->adds, plain->unit_ns, v->unit_ns);
    }
}

static void text_shares(const double *values, double total, double scale, const char *unit,
                        const char *title, cim_text *out)
{
    char v[32];
    if (unit)
        engineering(total * scale, unit, v, sizeof v);
    else
        snprintf(v, sizeof v, "%.4g mm2", total * scale);
    cim_text_addf(out, "%s %s:", title, v);
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        if (values[k] > 0.0005 * total)
            cim_text_addf(out, "  %s %.1f %%", cim_cost_kind_names[k], 100.0 * values[k] / total);
    cim_text_add(out, "\n");
}

void cim_cc_plan_write_text(const cim_cc_plan *p, bool detail, cim_text *out)
{
    char v[32];
    cim_text_addf(out, "%s on %s: ", p->graph->name, p->arch.name);
    if (!p->result.feasible) {
        cim_text_addf(out, "infeasible: %s\n", p->result.reason);
        return;
    }
    cim_text_addf(out, "level %s, objective %s, %s, %u segment%s, %lld %ss\n\n",
                  cim_hw_level_words[p->arch.schedule.level],
                  cim_hw_objective_words[p->arch.schedule.objective],
                  cim_cc_pipelined(p) ? "pipelined" : "one operator after another", p->n_segments,
                  p->n_segments == 1 ? "" : "s", (long long)p->budget,
                  p->units_are_cores ? "core" : "crossbar");
    text_operators(p, out);
    if (p->n_segments > 1 || detail)
        for (uint32_t i = 0; i < p->n_segments; i++) {
            const cim_cc_segment *s = &p->segments[i];
            char reload[32], latency[32];
            engineering(s->reload_ns * 1e-9, "s", reload, sizeof reload);
            engineering(s->latency_ns * 1e-9, "s", latency, sizeof latency);
            cim_text_addf(out,
                          "%ssegment %u: operators %u..%u, %lld of %lld units, reload %s, "
                          "latency %s\n",
                          i ? "" : "\n", i, s->first_op, s->end_op - 1, (long long)s->units_used,
                          (long long)p->budget, reload, latency);
        }
    text_remapped(p, out);
    if (!p->noc.free)
        cim_text_addf(out, "%splacement %s on %u x %u cores: traffic goes %.3g hops in the mean\n",
                      p->n_segments > 1 || detail ? "" : "\n",
                      cim_hw_placement_words[p->arch.schedule.placement], p->noc.side, p->noc.rows,
                      p->mean_hops);
    cim_text_add(out, "\n");
    for (int i = 0; i < CIM_CC_N_METRICS; i++) {
        const char *unit = cim_cc_metric_units[i];
        bool si = unit[0] == 's' || unit[0] == 'J' || unit[0] == 'W';
        if (si)
            engineering(p->result.metrics[i], unit, v, sizeof v);
        else
            snprintf(v, sizeof v, "%.4g %s", p->result.metrics[i],
                     unit[0] == '1' && !unit[1] ? "" : unit);
        cim_text_addf(out, "%-19s %s\n", cim_cc_metric_names[i], v);
    }
    text_shares(p->energy_pj, p->energy_total_pj, 1e-12, "J", "\nenergy", out);
    text_shares(p->peak_mw, p->peak_total_mw, 1e-3, "W", "peak power", out);
    text_shares(p->chip.area_um2, p->chip.area_mm2 * 1e6, 1e-6, NULL, "area", out);
    cim_cc_lifetime_text(p, out);
    cim_cost_notes_text(&p->arch, &p->chip, "note: ", out);
}
