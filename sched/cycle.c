/* The cycle simulator's driver: segments one after another, batches beyond what is simulated one by
 * one, and the totals. */
#include "sched/cycle_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cim_cc_resource_names[CIM_CC_N_RESOURCES] = {
    "crossbar", "adc",      "local_buffer_bus", "global_buffer_bus",
    "noc",      "core_alu", "digital_alu",      "offchip"};

enum { DEFAULT_INFERENCES = 16, DEFAULT_PRODUCTS = 4000000, MOST_SLICES = 300000 };

/* A run being simulated. */
typedef struct run {
    const cim_cc_plan *plan;
    cim_cc_cycle_options options;
    cim_cc_cycle *out;
    cim_cc_cycle_source source;
    cim_cc_cycle_meter meter;
    cim_arena ar;      /* one segment at a time */
    double now_ns;     /* end of the last segment */
    double started_ns; /* start of the last segment */
    double written_ns; /* when the next segment's weights are there, if written ahead */
    double beyond_ns;  /* extrapolated time of segments so far */
    double reload_pj[CIM_COST_N_KINDS];
} run;

/* How many inferences of the batch are simulated one by one. Operators one after another repeat
 * themselves exactly, so one is enough. */
static int64_t inferences(const run *r, uint32_t segment)
{
    const cim_cc_flow_segment *s = &r->source.flow->segments[segment];
    int64_t batch = r->out->batch, most = r->options.max_inferences;
    double products = 1.0;
    if (!s->pipelined)
        return 1;
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        const cim_cc_flow_op *o = &r->source.flow->ops[i];
        const cim_cc_op *op = &r->plan->graph->ops[o->op];
        products +=
            o->unit == CIM_CC_UNIT_CROSSBAR ? (double)o->products : (double)(op->rows * op->images);
    }
    int64_t fit = (int64_t)fmin((double)r->options.max_products / products, 1e9);
    most = fit < most ? fit : most;
    most = most < 2 ? 2 : most;
    return batch < most ? batch : most;
}

static void keep_ops(run *r, const cim_cc_cycle_segment *s, const cim_cc_cycle_track *tracks)
{
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const cim_cc_cycle_node *n = &s->nodes[i];
        r->out->ops[r->out->n_ops++] = (cim_cc_cycle_op){.op = n->op,
                                                         .segment = s->index,
                                                         .start_ns = n->start_ns,
                                                         .end_ns = n->end_ns,
                                                         .busy_ns = tracks[i].busy_ns,
                                                         .products = n->products,
                                                         .copies = n->copies};
    }
}

/* Time between inferences, from the second half of those simulated. Early operators may run ahead and
 * late ones then finish faster than in a steady state, but nothing is faster than its busiest resource. */
static double interval_of(const cim_cc_cycle_outcome *o, int64_t n, double start_ns)
{
    int64_t half = n / 2;
    if (n == 1)
        return o->end_ns - start_ns;
    double ends = o->inference_end_ns[n - 1] - o->inference_end_ns[half - 1];
    return fmax(ends / (double)(n - half), o->bottleneck_ns);
}

/* Programming a segment: draws from `from` on. @return when the weights are there */
static double draw_reload(run *r, uint32_t segment, double from)
{
    cim_cc_cycle_reload load;
    cim_cc_cycle_reload_of(&r->source, segment, &load);
    if (!(load.ns > 0.0)) { /* energy without time only counts */
        r->out->energy_pj[CIM_COST_CROSSBAR_WRITE] += load.write_pj;
        r->out->energy_pj[CIM_COST_OFFCHIP] += load.offchip_pj;
        return from;
    }
    cim_cc_cycle_meter_draw(&r->meter, UINT32_MAX, CIM_CC_LEG_WRITE, from, from + load.ns,
                            load.write_pj / load.ns, 1.0);
    cim_cc_cycle_meter_draw(&r->meter, UINT32_MAX, CIM_CC_LEG_WEIGHTS, from, from + load.ns,
                            load.offchip_pj / load.ns, 1.0);
    r->reload_pj[CIM_COST_CROSSBAR_WRITE] += load.write_pj;
    r->reload_pj[CIM_COST_OFFCHIP] += load.offchip_pj;
    r->meter.busy_ns[CIM_CC_RES_OFFCHIP] += load.offchip_ns;
    return from + load.ns;
}

/* When a segment starts: its weights are written after the segment before it, or while that runs. */
static double segment_start(run *r, uint32_t segment)
{
    const cim_cc_flow_segment *s = r->source.flow->segments + segment;
    double ready = s->ahead && segment > 0 ? r->written_ns : draw_reload(r, segment, r->now_ns);
    double start = fmax(r->now_ns, ready);
    if (segment + 1 < r->source.flow->n_segments && s[1].ahead)
        r->written_ns = draw_reload(r, segment + 1, start);
    return start;
}

/* A single inference does not show how fast inferences could follow each other: some more do. */
static cim_status find_interval(run *r, cim_err *err)
{
    enum { INFERENCES = 4 };
    cim_cc_cycle_segment s;
    cim_cc_cycle_outcome o;
    const cim_cc_program *flow = r->source.flow;
    if (flow->n_segments != 1 || r->out->batch != 1 || !flow->segments[0].pipelined)
        return CIM_OK;
    cim_arena_reset(&r->ar);
    CIM_TRY(cim_cc_cycle_build(&r->source, 0, INFERENCES, &r->ar, &s, err));
    CIM_TRY(cim_cc_cycle_execute(&s, 0.0, NULL, &r->ar, &o, err));
    r->out->interval_ns = interval_of(&o, INFERENCES, 0.0);
    return CIM_OK;
}

/* Dynamic energy of all inferences of the batch. */
static void add_energy(cim_cc_cycle *c, const cim_cc_cycle_node *n)
{
    double batch = (double)c->batch, products = batch * (double)n->products;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        for (int l = 0; l < CIM_CC_N_LEGS; l++)
            c->energy_pj[k] += n->leg[l].pj * n->leg[l].share[k] * products;
        c->energy_pj[k] += n->operand_pj * n->operand_share[k] * batch * (double)n->copies;
    }
}

static cim_status segment_run(run *r, uint32_t index, cim_err *err)
{
    cim_cc_cycle_segment s;
    cim_cc_cycle_outcome o;
    int64_t n = inferences(r, index);
    cim_arena_reset(&r->ar);
    CIM_TRY(cim_cc_cycle_build(&r->source, index, n, &r->ar, &s, err));
    cim_cc_cycle_track *tracks = cim_arena_alloc(&r->ar, s.n_nodes, sizeof *tracks);
    if (!tracks)
        return cim_err_set(err, CIM_E_NOMEM, "cycle", "out of memory");
    cim_cc_cycle_meter_begin(&r->meter, &s, tracks, r->out->n_ops);
    double start = segment_start(r, index);
    CIM_TRY(cim_cc_cycle_execute(&s, start, &r->meter, &r->ar, &o, err));
    cim_cc_cycle_meter_end(&r->meter, o.end_ns);
    if (r->meter.failed)
        return cim_err_set(err, CIM_E_NOMEM, "cycle", "out of memory");
    for (uint32_t i = 0; i < s.n_nodes; i++) {
        add_energy(r->out, &s.nodes[i]);
        r->source.node_of[s.nodes[i].op] = UINT32_MAX;
        r->source.parts_run[s.nodes[i].op]++;
    }
    double interval = interval_of(&o, n, start);
    r->beyond_ns += (double)(r->out->batch - n) * interval;
    if (r->source.flow->n_segments == 1)
        r->out->interval_ns = interval;
    keep_ops(r, &s, tracks);
    r->out->simulated = n < r->out->simulated ? n : r->out->simulated;
    r->out->n_events += o.n_events;
    r->now_ns = o.end_ns;
    return CIM_OK;
}

static cim_status prepare(run *r, cim_err *err)
{
    const cim_cc_plan *plan = r->plan;
    const cim_cc_program *flow = r->source.flow;
    size_t ops = plan->graph->n_ops, cores = (size_t)flow->chip.cores;
    r->source.plan = plan;
    r->source.node_of = cim_alloc(ops, sizeof *r->source.node_of);
    r->source.parts_run = cim_alloc(ops, sizeof *r->source.parts_run);
    r->source.owner = cim_alloc(cores, sizeof *r->source.owner);
    r->out->ops = cim_alloc((size_t)flow->n_blocks + 1, sizeof *r->out->ops);
    if (!r->source.node_of || !r->source.parts_run || !r->source.owner || !r->out->ops ||
        cim_cc_cycle_meter_init(&r->meter, plan, &r->options) != CIM_OK)
        return cim_err_set(err, CIM_E_NOMEM, "cycle", "out of memory");
    memset(r->source.node_of, 0xff, ops * sizeof *r->source.node_of);
    /* every operator's gaps shorter than this are closed, so that the trace stays small */
    r->meter.resolution_ns =
        plan->latency_ns / fmax(8.0, fmin(2000.0, (double)MOST_SLICES / (flow->n_blocks + 1)));
    return CIM_OK;
}

static void release(run *r)
{
    cim_free(r->source.node_of);
    cim_free(r->source.parts_run);
    cim_free(r->source.owner);
    cim_free(r->source.parts);
    cim_cc_cycle_meter_clear(&r->meter);
    cim_arena_clear(&r->ar);
}

static int by_start(const void *a, const void *b)
{
    const cim_cc_cycle_slice *x = a, *y = b;
    if (x->from_ns != y->from_ns)
        return x->from_ns < y->from_ns ? -1 : 1;
    return x->who < y->who ? -1 : x->who > y->who;
}

/* How many there are of a class. */
static double instances(const cim_cc_plan *plan, cim_cc_resource res)
{
    double cores = (double)plan->arch.chip.cores;
    switch (res) {
    case CIM_CC_RES_CROSSBAR:
    case CIM_CC_RES_ADC:
        return cores * (double)plan->arch.core.crossbars;
    case CIM_CC_RES_L1:
    case CIM_CC_RES_CORE_ALU:
        return cores;
    case CIM_CC_RES_NOC:
        return 2.0 * cores; /* in and out */
    default:
        return 1.0;
    }
}

/* Converters work while a step is converted: as long as the conversions take on all of them. */
static double adc_utilization(const cim_cc_plan *plan, double latency_ns)
{
    const cim_cost_chip *c = &plan->chip;
    if (plan->arch.crossbar.adcs <= 0 || !(c->adc_msps > 0.0))
        return 0.0;
    double rate =
        c->adc_msps * 1e-3 * (double)plan->arch.crossbar.adcs * instances(plan, CIM_CC_RES_ADC);
    return plan->events[CIM_EV_ADC] / rate / latency_ns;
}

static void finish_curve(run *r)
{
    cim_cc_cycle *c = r->out;
    cim_cc_cycle_meter *m = &r->meter;
    c->curve = m->curve;
    c->n_curve = m->n_curve;
    c->point_ns = m->point_ns;
    m->curve = NULL;
    for (uint32_t i = 0; i < c->n_curve; i++) {
        double end = fmin((i + 1.0) * c->point_ns, c->simulated_ns), length = end - i * c->point_ns;
        length = length > 0.0 ? length : c->point_ns;
        c->curve[i].mw /= length;
        for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
            c->curve[i].busy[k] /= length * instances(r->plan, (cim_cc_resource)k);
    }
    c->slices = m->slices;
    c->n_slices = m->n_slices;
    m->slices = NULL;
    if (c->n_slices)
        qsort(c->slices, c->n_slices, sizeof *c->slices, by_start);
}

static void finish(run *r)
{
    const cim_cc_plan *plan = r->plan;
    cim_cc_cycle *c = r->out;
    cim_cc_cycle_meter *m = &r->meter;
    double leakage = plan->chip.leakage_mw;
    c->simulated_ns = r->now_ns;
    c->latency_ns = r->now_ns + r->beyond_ns;
    if (r->source.flow->n_segments > 1)
        c->interval_ns = c->latency_ns / (double)c->batch;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        c->energy_pj[k] += r->reload_pj[k];
    c->energy_pj[CIM_COST_LEAKAGE] += leakage * c->latency_ns;
    c->traced_pj = leakage * c->simulated_ns;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        c->energy_total_pj += c->energy_pj[k];
        c->traced_pj += m->energy_pj[k];
    }
    memcpy(c->peak_mw, m->window.peak_mw, sizeof c->peak_mw);
    c->peak_mw[CIM_COST_LEAKAGE] += leakage;
    c->peak_total_mw = m->window.peak_total_mw + leakage;
    c->peak_at_ns = m->window.peak_at_ns;
    c->window_ns = m->window.length_ns;
    c->instant_mw = m->instant_mw + leakage;
    c->instant_at_ns = m->instant_at_ns;
    for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
        c->utilization[k] = m->busy_ns[k] / (c->simulated_ns * instances(plan, (cim_cc_resource)k));
    c->utilization[CIM_CC_RES_ADC] = adc_utilization(plan, c->latency_ns);
    finish_curve(r);
}

static cim_status run_flow(const cim_cc_plan *plan, const cim_cc_program *flow,
                           const cim_cc_cycle_options *options, cim_cc_cycle *out, cim_err *err)
{
    cim_cc_cycle result = {.plan = plan, .batch = flow->chip.batch, .simulated = flow->chip.batch};
    run r = {.plan = plan, .out = &result, .source.flow = flow};
    if (options)
        r.options = *options;
    if (r.options.max_inferences <= 0)
        r.options.max_inferences = DEFAULT_INFERENCES;
    if (r.options.max_products <= 0)
        r.options.max_products = DEFAULT_PRODUCTS;
    cim_arena_init(&r.ar);
    cim_status st = prepare(&r, err);
    for (uint32_t i = 0; i < flow->n_segments && st == CIM_OK; i++)
        st = segment_run(&r, i, err);
    if (st == CIM_OK)
        st = find_interval(&r, err);
    if (st == CIM_OK) {
        finish(&r);
        *out = result;
    } else {
        cim_cc_cycle_clear(&result);
    }
    release(&r);
    return st;
}

cim_status cim_cc_cycle_run(const cim_cc_plan *plan, const cim_cc_program *flow,
                            const cim_cc_cycle_options *options, cim_cc_cycle *out, cim_err *err)
{
    cim_cc_program *own = NULL;
    if (!flow)
        CIM_TRY(cim_cc_flow_emit(plan, &own, err));
    cim_status st = run_flow(plan, flow ? flow : own, options, out, err);
    cim_cc_program_destroy(own);
    return st;
}

void cim_cc_cycle_clear(cim_cc_cycle *c)
{
    cim_free(c->ops);
    cim_free(c->curve);
    cim_free(c->slices);
    memset(c, 0, sizeof *c);
}
