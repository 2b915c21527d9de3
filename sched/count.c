/* Pass count: how often everything happens (events), then energy, utilisation and metrics.
 * Formulas: sched/README.md, "Counting". */
#include "sched/dynamic.h"

#include "costmodel/fidelity.h"

#include <math.h>

const char *const cim_cc_metric_names[CIM_CC_N_METRICS] = {
    "latency_s",          "throughput_ips", "energy_j",   "avg_power_w",
    "peak_power_w",       "area_mm2",       "edp_js",     "sqnr_db",
    "utilization",        "tops",           "tops_per_w", "tops_per_mm2",
    "lifetime_inferences"};
const char *const cim_cc_metric_units[CIM_CC_N_METRICS] = {
    "s", "1/s", "J", "W", "W", "mm2", "J*s", "dB", "1", "TOPS", "TOPS/W", "TOPS/mm2", "1"};

bool cim_cc_metric_minimised(cim_cc_metric m)
{
    switch (m) {
    case CIM_M_THROUGHPUT_IPS:
    case CIM_M_SQNR_DB:
    case CIM_M_UTILIZATION:
    case CIM_M_TOPS:
    case CIM_M_TOPS_PER_W:
    case CIM_M_TOPS_PER_MM2:
    case CIM_M_LIFETIME_INFERENCES:
        return false;
    default:
        return true;
    }
}

static double ceil_ratio(double a, double b)
{
    return ceil(a / b);
}

/* Products of a static matrix on its crossbars. Every cell that holds a weight slice is read once
 * per input phase; every used column is converted once per phase and row group. */
static void count_products(const cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_node *n,
                           const cim_cc_mapping *m, double *ev)
{
    const cim_hw_arch *a = &plan->arch;
    double products = (double)op->mvms, groups = (double)op->groups;
    double rows = (double)op->matrix_rows, cols = (double)op->matrix_cols;
    double columns = (double)(m->slices * m->polarities); /* of a weight, in one crossbar or more */
    double phases = ceil_ratio((double)a->workload.activation_bits, (double)a->crossbar.dac_bits);
    double parallel = (double)a->crossbar.parallel_rows, row_tiles = (double)m->row_tiles;
    double last_rows = rows - (row_tiles - 1.0) * (double)m->tile_rows;
    /* row groups over all row tiles of one matrix column */
    double row_groups = (row_tiles - 1.0) * ceil_ratio((double)m->tile_rows, parallel) +
                        ceil_ratio(last_rows, parallel);
    double crossbars = (double)m->crossbars * n->n_parts;
    double driven = (double)(m->col_tiles * m->piece);
    double conversions = cols * columns * groups * row_groups * phases * products;

    ev[CIM_EV_CELL_READ] += rows * cols * columns * groups * phases * products;
    ev[CIM_EV_XB_STEP] += crossbars * row_groups / row_tiles * phases * products;
    ev[CIM_EV_DAC] += rows * driven * groups * phases * products;
    if (a->crossbar.adcs > 0) {
        ev[CIM_EV_ADC] += conversions;
        ev[CIM_EV_SAMPLE_HOLD] += conversions;
    }
    /* One shift-add per converted value, of a negative column a subtraction. Offset-binary weights
     * (Shafiee 2016, section 5.1): the digital correction also sums the driven inputs once per phase. */
    ev[CIM_EV_SHIFT_ADD] += conversions;
    if (m->polarities == 1)
        ev[CIM_EV_SHIFT_ADD] += rows * groups * phases * products;
    ev[CIM_EV_ALU_ADD] +=
        ((row_tiles - 1.0) + (op->has_bias ? 1.0 : 0.0)) * cols * groups * products;
}

double cim_cc_waiting_bits(const cim_cc_plan *plan, cim_cc_op_id id)
{
    const cim_cc_op *op = &plan->graph->ops[id];
    if (op->unit == CIM_CC_UNIT_NONE)
        return 0.0; /* it only renames: its readers move what it names */
    double elements = plan->ops[id].offchip ? plan->prepared->traffic_out[id] : 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++)
        elements += cim_cc_waiting_elements(plan, id, k);
    return elements * (double)plan->arch.workload.activation_bits;
}

double cim_cc_sum_bits(const cim_cc_plan *plan, cim_cc_op_id id)
{
    if (plan->node_of[id] == UINT32_MAX)
        return 0.0;
    const cim_hw_arch *a = &plan->arch;
    const cim_cc_op *op = &plan->graph->ops[id];
    const cim_cc_node *n = &plan->nodes[plan->node_of[id]];
    const cim_cc_mapping *m = &cim_cc_node_picked(n)->map;
    double cores = ceil_ratio((double)m->crossbars, (double)a->core.crossbars) * n->n_parts;
    double outputs = (double)op->matrix_cols * (double)op->groups * (double)op->mvms;
    /* row tiles that sit in different cores; a sum is 2 x the activation's bits wide */
    double spread = fmin(cores, (double)m->row_tiles) - 1.0;
    if (a->schedule.tiling == CIM_HW_TILING_COLUMNS)
        spread = cim_cc_map_spread(m, true, a->core.crossbars).sum_cores - 1.0;
    return spread > 0.0 ? spread * outputs * 2.0 * (double)a->workload.activation_bits : 0.0;
}

static void count_traffic(const cim_cc_plan *plan, cim_cc_op_id id, const cim_cc_node *n,
                          double *ev)
{
    const cim_hw_arch *a = &plan->arch;
    double bits = (double)a->workload.activation_bits;
    const cim_cc_op *op = &plan->graph->ops[id];
    double in = plan->prepared->traffic_in[id] * bits;
    double out = plan->prepared->traffic_out[id] * bits;
    if (n) {
        /* a core that needs inputs others have too gets them from its neighbour */
        double own = in - cim_cc_written_elements(op) * bits;
        double more = cim_cc_input_deliveries(a, &cim_cc_node_picked(n)->map);
        ev[CIM_EV_L1_READ_BIT] +=
            (1.0 + more) * (double)op->matrix_rows * (double)op->groups * (double)op->mvms * bits;
        ev[CIM_EV_L1_WRITE_BIT] += (1.0 + more) * own + (double)op->out_elements * bits;
        ev[CIM_EV_NOC_BIT_HOP] += (cim_cc_sum_bits(plan, id) + more * own) * plan->ops[id].sum_hops;
    }
    if (!isnan(a->chip.buffer_kib)) {
        ev[CIM_EV_L0_READ_BIT] += in;
        ev[CIM_EV_L0_WRITE_BIT] += out;
        ev[CIM_EV_OFFCHIP_BIT] += cim_cc_waiting_bits(plan, id);
    }
}

/* What enters and leaves the network crosses the chip's border once. */
double cim_cc_border_bits(const cim_cc_plan *plan, cim_cc_op_id id)
{
    const cim_cc_graph *g = plan->graph;
    const cim_cc_op *op = &g->ops[id];
    double elements = 0.0;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++)
        if (g->edges[k].producer == CIM_CC_INVALID)
            elements += (double)g->edges[k].elements;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == id)
            elements += (double)op->out_elements;
    return elements * (double)plan->arch.workload.activation_bits;
}

double cim_cc_output_ns(const cim_cc_plan *plan, cim_cc_op_id id)
{
    for (uint32_t i = 0; i < plan->graph->n_outputs; i++)
        if (plan->graph->outputs[i] == id)
            return (double)plan->graph->ops[id].out_elements *
                   (double)plan->arch.workload.activation_bits / plan->chip.offchip_bits_per_ns;
    return 0.0;
}

void cim_cc_count_op(const cim_cc_plan *plan, cim_cc_op_id id, double ev[CIM_COST_N_EVENTS])
{
    const cim_cc_op *op = &plan->graph->ops[id];
    for (int i = 0; i < CIM_COST_N_EVENTS; i++)
        ev[i] = 0.0;
    ev[CIM_EV_OFFCHIP_BIT] += cim_cc_border_bits(plan, id);
    ev[CIM_EV_NOC_BIT_HOP] += plan->ops[id].route_bit_hops;
    if (op->unit == CIM_CC_UNIT_NONE)
        return;
    const cim_cc_node *n = NULL;
    if (plan->node_of[id] != UINT32_MAX) { /* of parts the first, which is a full one */
        n = &plan->nodes[plan->node_of[id]];
        n -= n->part;
    }
    if (n) {
        count_products(plan, op, n, &cim_cc_node_picked(n)->map, ev);
    } else {
        ev[CIM_EV_ALU_ADD] += (double)op->alu_add;
        ev[CIM_EV_ALU_MUL] += (double)op->alu_mul;
        ev[CIM_EV_ALU_DIV] += (double)op->alu_div;
        ev[CIM_EV_ALU_SPECIAL] += (double)op->alu_special;
    }
    count_traffic(plan, id, n, ev);
}

void cim_cc_count_reload(const cim_cc_plan *plan, uint32_t segment, double ev[CIM_COST_N_EVENTS])
{
    const cim_cc_segment *s = &plan->segments[segment];
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        ev[e] = 0.0;
    if (plan->n_segments < 2)
        return;
    for (uint32_t i = s->first_node; i < s->first_node + s->n_nodes; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        if (!cim_cc_op_is_written(&plan->graph->ops[n->op]))
            ev[CIM_EV_CELL_WRITE] += n->write_cells * (double)n->choice_copies[n->pick];
        ev[CIM_EV_OFFCHIP_BIT] += n->write_bits;
    }
    ev[CIM_EV_OFFCHIP_BIT] += plan->spill_bits[s->first_node];
}

static double segment_time(const cim_cc_plan *plan, const cim_cc_segment *s)
{
    double batch = (double)plan->arch.workload.batch;
    return s->reload_ns + s->latency_ns + (batch - 1.0) * s->interval_ns;
}

static double run_time(const cim_cc_plan *plan)
{
    double time = 0.0;
    for (uint32_t i = 0; i < plan->n_segments; i++)
        time += segment_time(plan, &plan->segments[i]);
    return time;
}

/* A segment's share of the chip's cells, weighted with its share of the run's time. */
static double share_of_chip(const cim_cc_plan *plan, uint32_t segment, double time)
{
    const cim_cc_segment *s = &plan->segments[segment];
    double bits = 0.0, capacity = cim_hw_arch_capacity_bits(&plan->arch);
    for (uint32_t k = s->first_node; k < s->first_node + s->n_nodes; k++) {
        const cim_cc_node *n = &plan->nodes[k];
        bits += n->write_cells * (double)plan->arch.device.bits_per_cell *
                (double)n->choice_copies[n->pick];
    }
    return time > 0.0 ? bits * segment_time(plan, s) / (time * capacity) : 0.0;
}

double cim_cc_segment_utilization(const cim_cc_plan *plan, uint32_t segment)
{
    return share_of_chip(plan, segment, run_time(plan));
}

static double utilization(const cim_cc_plan *plan)
{
    double used = 0.0, time = run_time(plan);
    for (uint32_t i = 0; i < plan->n_segments; i++)
        used += share_of_chip(plan, i, time);
    return used;
}

void cim_cc_plan_use(const cim_cc_plan *plan, cim_cc_use *out)
{
    double batch = (double)plan->arch.workload.batch, run = plan->latency_ns, busy = 0.0;
    double all = (double)plan->arch.chip.cores * (double)plan->arch.core.crossbars, alu = 0.0;
    *out = (cim_cc_use){.cells = utilization(plan)};
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const cim_cc_node *n = &plan->nodes[i];
        const cim_cc_variant *v = cim_cc_node_picked(n);
        busy += batch * (double)plan->prepared->breaks[n->xb]->n * cim_cc_convert_ns(plan, v) *
                cim_cc_slow(plan, n->op, n) * (double)v->map.crossbars;
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const cim_cc_segment *s = &plan->segments[i];
        double units = (double)(plan->overlapped ? 2 * plan->budget : plan->budget);
        out->units += (double)s->units_used / units * segment_time(plan, s) / run_time(plan);
    }
    for (uint32_t i = 0; i < plan->graph->n_ops; i++)
        alu += batch * plan->slow * plan->ops[i].slow * plan->alu_ns[i];
    out->crossbars = busy / (all * run);
    out->adcs = plan->arch.crossbar.adcs > 0
                    ? out->crossbars * plan->chip.adc_ns / plan->chip.step_ns
                    : 0.0;
    out->alus = alu / run;
}

/* Errors of operators are taken as independent and of equal weight at the output: their
 * noise-to-signal ratios add. */
static double network_sqnr_db(cim_cc_plan *plan)
{
    const cim_cc_op *ops = plan->graph->ops;
    const cim_cc_op_id *xb = plan->prepared->xb;
    double noise = 0.0;
    cim_cost_fidelity fidelity;
    cim_cost_fidelity_init(&fidelity, &plan->arch, &plan->chip.device);
    for (uint32_t i = 0; i < plan->prepared->n_xb; i++) {
        uint32_t same = 0; /* an operator before it with the same products */
        while (same < i && (ops[xb[same]].matrix_rows != ops[xb[i]].matrix_rows ||
                            ops[xb[same]].signed_input != ops[xb[i]].signed_input))
            same++;
        cim_cost_noise of_op = {.db = plan->ops[xb[same]].sqnr_db};
        if (same == i)
            cim_cost_fidelity_noise(&fidelity, (double)ops[xb[i]].matrix_rows,
                                    ops[xb[i]].signed_input, &of_op);
        plan->ops[xb[i]].sqnr_db = of_op.db;
        noise += pow(10.0, -of_op.db / 10.0);
    }
    return -10.0 * log10(noise);
}

static void fill_metrics(cim_cc_plan *plan)
{
    double *m = plan->result.metrics, batch = (double)plan->arch.workload.batch;
    double ops = 2.0 * (double)plan->graph->macs;
    double latency = plan->latency_ns * 1e-9, energy = plan->energy_total_pj * 1e-12;
    m[CIM_M_LATENCY_S] = latency;
    m[CIM_M_THROUGHPUT_IPS] = 1e9 / plan->interval_ns;
    m[CIM_M_ENERGY_J] = energy;
    m[CIM_M_AVG_POWER_W] = energy / latency;
    m[CIM_M_PEAK_POWER_W] = plan->peak_total_mw * 1e-3;
    m[CIM_M_AREA_MM2] = plan->chip.area_mm2;
    m[CIM_M_EDP_JS] = energy * latency;
    m[CIM_M_SQNR_DB] = network_sqnr_db(plan);
    m[CIM_M_UTILIZATION] = utilization(plan);
    m[CIM_M_TOPS] = ops * m[CIM_M_THROUGHPUT_IPS] * 1e-12;
    m[CIM_M_TOPS_PER_W] = ops * batch / energy * 1e-12;
    m[CIM_M_TOPS_PER_MM2] = m[CIM_M_TOPS] / plan->chip.area_mm2;
    m[CIM_M_LIFETIME_INFERENCES] = cim_cc_lifetime_inferences(plan);
}

void cim_cc_pass_count(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    double batch = (double)plan->arch.workload.batch, ev[CIM_COST_N_EVENTS];
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        cim_cc_count_op(plan, i, ev);
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            plan->events[e] += batch * ev[e];
        cim_cc_count_operand(plan, i, ev);
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            plan->events[e] += batch * ev[e];
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cim_cc_count_reload(plan, i, ev);
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            plan->events[e] += ev[e];
    }
    plan->energy_total_pj =
        cim_cost_energy(&plan->chip, plan->events, plan->latency_ns, plan->energy_pj);
    fill_metrics(plan);
}
