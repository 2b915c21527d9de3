/* One run of a network: what is needed in which order, how long values live. */
#include "sched/sim_internal.h"

#include "costmodel/cost.h"

#include <math.h>
#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

void cim_cc_sim_nomem(cim_cc_run *r)
{
    if (r->x.status == CIM_OK)
        r->x.status = cim_cc_net_nomem(r->net, r->err);
}

void *cim_cc_sim_scratch(cim_cc_run *r, int64_t n, size_t size)
{
    void *p = n >= 0 ? cim_arena_take(&r->scratch, (size_t)n + 1, size) : NULL;
    if (!p)
        cim_cc_sim_nomem(r);
    return r->x.status == CIM_OK ? p : NULL;
}

static bool has_values(const cim_cc_net_tensor *t)
{
    return t->ints || t->reals || t->initializer;
}

static double *values_new(cim_cc_run *r, uint32_t tensor)
{
    double *v = cim_alloc((size_t)r->net->tensors[tensor].elements + 1, sizeof *v);
    if (!v)
        cim_cc_sim_nomem(r);
    cim_free(r->value[tensor]);
    r->value[tensor] = v;
    return v;
}

const double *cim_cc_sim_in(cim_cc_run *r, uint32_t i)
{
    const cim_cc_net_tensor *t = cim_cc_in(&r->x, i);
    if (!t || r->x.status != CIM_OK)
        return NULL;
    uint32_t id = r->x.node->inputs[i];
    if (r->value[id])
        return r->value[id];
    if (!has_values(t)) {
        r->x.status = cim_err_set(r->err, CIM_E_INTERNAL, r->x.node->name,
                                  "reads tensor '%.80s' before it is computed", t->name);
        return NULL;
    }
    double *v = values_new(r, id);
    if (v)
        r->x.status = cim_cc_sim_stored(r->model, t, v, r->err);
    return r->x.status == CIM_OK ? v : NULL;
}

double *cim_cc_sim_out(cim_cc_run *r, uint32_t k)
{
    if (!cim_cc_out_at(&r->x, k) || r->x.status != CIM_OK)
        return NULL;
    return values_new(r, r->x.node->outputs[k]);
}

static void give_back(cim_cc_run *r, uint32_t tensor)
{
    if (tensor == CIM_CC_INVALID || r->uses[tensor] == 0 || --r->uses[tensor] > 0)
        return;
    cim_free(r->value[tensor]);
    r->value[tensor] = NULL;
}

/* ---- which nodes run --------------------------------------------------------------------------- */

/* Backwards from the outputs, constants that have no values yet included. */
static void count_uses(cim_cc_run *r, bool *needed)
{
    const cim_cc_net *net = r->net;
    for (uint32_t i = 0; i < net->n_outputs; i++)
        r->uses[net->outputs[i]]++;
    for (uint32_t i = net->n_nodes; i-- > 0;) {
        const cim_cc_net_node *node = &net->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            uint32_t t = node->outputs[k];
            if (t != CIM_CC_INVALID && r->uses[t] && !has_values(&net->tensors[t]))
                needed[i] = true;
        }
        for (uint32_t k = 0; needed[i] && k < node->n_inputs; k++)
            if (node->inputs[k] != CIM_CC_INVALID)
                r->uses[node->inputs[k]]++;
        if (net->folded[i] != CIM_CC_INVALID)
            r->bn_of[net->folded[i]] = i;
    }
}

/* ---- one node ------------------------------------------------------------------------------------ */

static cim_cc_sim_fn implementation(const cim_cc_net_node *node)
{
    const char *type = node->type;
    if (node->def->microsoft) /* other definitions than the standard domain's */
        return NULL;
    cim_cc_sim_fn f = cim_cc_sim_product_find(type);
    f = f ? f : cim_cc_sim_element_find(type);
    f = f ? f : cim_cc_sim_move_find(type);
    return f ? f : cim_cc_sim_reduce_find(type);
}

/* To a binary format of so many significant bits and a smallest normal exponent, ties to even. */
static double round_bits(double v, int bits, int least, double most)
{
    int exponent = 0;
    if (!isfinite(v) || v == 0)
        return v;
    frexp(v, &exponent);
    double step = ldexp(1, (exponent < least ? least : exponent) - bits);
    double r = nearbyint(v / step) * step;
    return fabs(r) > most ? copysign(INFINITY, v) : r;
}

static double round_to(int dtype, double v)
{
    switch (dtype) {
    case CIM_CC_DT_DOUBLE:
        return v;
    case CIM_CC_DT_FLOAT16:
        return round_bits(v, 11, -13, 65504);
    case CIM_CC_DT_BFLOAT16:
        return round_bits(v, 8, -125, 3.3895313892515355e38);
    case CIM_CC_DT_FLOAT:
        return (double)(float)v;
    default:
        return trunc(v);
    }
}

/* Range of an integer type, as far as it is simulated. */
static void int_range(int dtype, double *low, double *high)
{
    int bits = 8 * (int)cim_cc_dtype_size(dtype);
    bool plain = cim_cc_dtype_is_unsigned(dtype);
    *high = dtype == CIM_CC_DT_BOOL ? 1 : ldexp(1, plain ? bits : bits - 1) - 1;
    *low = plain ? 0 : -*high - 1;
    *high = fmin(*high, CIM_CC_SIM_MAX_INT);
    *low = fmax(*low, -CIM_CC_SIM_MAX_INT);
}

static void round_output(cim_cc_run *r, uint32_t k)
{
    const cim_cc_net_tensor *t = cim_cc_out_at(&r->x, k);
    double *v = t ? r->value[r->x.node->outputs[k]] : NULL, low = 0, high = 0;
    if (t)
        int_range(t->dtype, &low, &high);
    for (int64_t i = 0; v && i < t->elements; i++) {
        v[i] = round_to(t->dtype, v[i]);
        if (!cim_cc_dtype_is_real(t->dtype) && !(v[i] >= low && v[i] <= high)) {
            cim_cc_fail(&r->x, "gives %g, an integer outside %g..%g, the range of '%.60s'", v[i],
                        low, high, t->name);
            return;
        }
    }
}

static bool on_crossbars(const cim_cc_run *r, uint32_t node)
{
    cim_cc_op_id id = r->net->op_of[node];
    const cim_cc_op *op = id == CIM_CC_INVALID ? NULL : &r->model->graph.ops[id];
    bool written = r->arch->schedule.dynamic == CIM_HW_DYNAMIC_CROSSBAR;
    return op && (op->unit == CIM_CC_UNIT_CROSSBAR ||
                  (written && op->dynamic_product && op->matrix_rows > 0));
}

cim_status cim_cc_sim_run_node(cim_cc_run *r, uint32_t i)
{
    const cim_cc_net_node *node = &r->net->nodes[i];
    r->x.node = node;
    r->x.status = CIM_OK;
    cim_cc_sim_fn f = implementation(node);
    if (on_crossbars(r, i))
        cim_cc_sim_crossbar_node(r, i);
    else if (f)
        f(r);
    else
        cim_cc_fail(&r->x, "this operator is not available in the functional simulator of this "
                           "version");
    uint32_t bn = r->bn_of[i];
    if (bn != CIM_CC_INVALID && r->x.status == CIM_OK) { /* the result is BatchNorm's already */
        r->value[r->net->nodes[bn].outputs[0]] = r->value[node->outputs[0]];
        r->value[node->outputs[0]] = NULL;
        r->x.node = &r->net->nodes[bn];
    }
    for (uint32_t k = 0; k < r->x.node->n_outputs && r->x.status == CIM_OK; k++)
        round_output(r, k);
    for (uint32_t k = 0; k < node->n_inputs; k++)
        give_back(r, node->inputs[k]);
    for (uint32_t k = 0; k < node->n_outputs; k++) /* outputs nobody reads */
        if (node->outputs[k] != CIM_CC_INVALID && r->uses[node->outputs[k]] == 0) {
            cim_free(r->value[node->outputs[k]]);
            r->value[node->outputs[k]] = NULL;
        }
    cim_arena_clear(&r->scratch);
    return r->x.status;
}

/* A folded BatchNorm has run with its product; its parameters are no longer needed. */
void cim_cc_sim_skip_folded(cim_cc_run *r, uint32_t i)
{
    const cim_cc_net_node *node = &r->net->nodes[i];
    for (uint32_t k = 0; k < node->n_inputs; k++)
        give_back(r, node->inputs[k]);
}

/* ---- inputs ------------------------------------------------------------------------------------------ */

static uint32_t input_find(const cim_cc_net *net, const char *name)
{
    if (!name && net->n_inputs == 1)
        return net->inputs[0].tensor;
    for (uint32_t i = 0; name && i < net->n_inputs; i++)
        if (!strcmp(net->tensors[net->inputs[i].tensor].name, name))
            return net->inputs[i].tensor;
    return CIM_CC_INVALID;
}

static cim_status input_check(const cim_cc_net *net, const cim_cc_net_tensor *t,
                              const cim_cc_sim_input *in, cim_err *err)
{
    char have[128], want[128];
    bool same = t->rank == in->rank;
    for (int i = 0; same && i < t->rank; i++)
        same = t->dims[i] == in->dims[i];
    if (!same)
        return cim_err_set(err, CIM_E_INPUT, net->name,
                           "input '%.80s' is %s, an array of %s is given", t->name,
                           cim_cc_shape_text(t->rank, t->dims, want, sizeof want),
                           cim_cc_shape_text(in->rank, in->dims, have, sizeof have));
    bool real = cim_cc_dtype_is_real(t->dtype);
    double low, high;
    int_range(t->dtype, &low, &high);
    for (int64_t i = 0; i < t->elements; i++) {
        if (!isfinite(in->values[i]))
            return cim_err_set(err, CIM_E_INPUT, net->name,
                               "input '%.80s': element %lld is not finite", t->name, (long long)i);
        if (!real &&
            (in->values[i] != trunc(in->values[i]) || in->values[i] < low || in->values[i] > high))
            return cim_err_set(err, CIM_E_INPUT, net->name,
                               "input '%.80s' takes integers from %g to %g, element %lld is %g",
                               t->name, low, high, (long long)i, in->values[i]);
    }
    return CIM_OK;
}

static cim_status inputs_set(cim_cc_run *r, const cim_cc_sim_input *inputs, size_t n)
{
    const cim_cc_net *net = r->net;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = input_find(net, inputs[i].name);
        if (id == CIM_CC_INVALID)
            return cim_err_set(r->err, CIM_E_INPUT, net->name,
                               inputs[i].name ? "has no input '%.80s'"
                                              : "has several inputs%s: each array needs a name",
                               inputs[i].name ? inputs[i].name : "");
        const cim_cc_net_tensor *t = &net->tensors[id];
        CIM_TRY(input_check(net, t, &inputs[i], r->err));
        if (r->value[id])
            return cim_err_set(r->err, CIM_E_INPUT, net->name, "input '%.80s' is given twice",
                               t->name);
        double *v = values_new(r, id);
        if (!v)
            return r->x.status;
        for (int64_t k = 0; k < t->elements; k++)
            v[k] = round_to(t->dtype, inputs[i].values[k]);
    }
    for (uint32_t i = 0; i < net->n_inputs; i++)
        if (r->uses[net->inputs[i].tensor] && !r->value[net->inputs[i].tensor])
            return cim_err_set(r->err, CIM_E_INPUT, net->name, "input '%.80s' has no values",
                               net->tensors[net->inputs[i].tensor].name);
    return CIM_OK;
}

/* ---- outputs ----------------------------------------------------------------------------------------- */

static cim_status outputs_take(cim_cc_run *r, cim_cc_sim *sim)
{
    const cim_cc_net *net = r->net;
    sim->outputs = cim_arena_alloc(&sim->arena, net->n_outputs, sizeof *sim->outputs);
    if (!sim->outputs)
        return cim_cc_net_nomem(net, r->err);
    for (uint32_t i = 0; i < net->n_outputs; i++) {
        const cim_cc_net_tensor *t = &net->tensors[net->outputs[i]];
        cim_cc_sim_output *o = &sim->outputs[sim->n_outputs];
        o->name = t->name;
        o->rank = t->rank;
        memcpy(o->dims, t->dims, sizeof o->dims);
        o->elements = t->elements;
        o->sqnr_db = NAN;
        o->values = cim_alloc((size_t)t->elements + 1, sizeof *o->values);
        if (!o->values)
            return cim_cc_net_nomem(net, r->err);
        sim->n_outputs++;
        const double *v = r->value[net->outputs[i]];
        if (!v)
            CIM_TRY(cim_cc_sim_stored(r->model, t, o->values, r->err));
        else
            memcpy(o->values, v, (size_t)t->elements * sizeof *v);
    }
    return CIM_OK;
}

/* ---- runs -------------------------------------------------------------------------------------------- */

static bool constant_node(const cim_cc_net *net, uint32_t i)
{
    const cim_cc_net_node *node = &net->nodes[i];
    for (uint32_t k = 0; k < node->n_outputs; k++)
        if (node->outputs[k] != CIM_CC_INVALID && !net->tensors[node->outputs[k]].constant)
            return false;
    return true;
}

static cim_status run_all(cim_cc_run *r, const cim_cc_sim_input *inputs, size_t n, cim_cc_sim *sim)
{
    cim_cc_net *net = r->net;
    cim_arena *ar = &sim->arena;
    bool *needed = cim_arena_alloc(ar, net->n_nodes, sizeof *needed);
    r->uses = cim_arena_alloc(ar, net->n_tensors, sizeof *r->uses);
    r->bn_of = cim_arena_alloc(ar, net->n_nodes, sizeof *r->bn_of);
    r->ops = cim_arena_alloc(ar, r->model->graph.n_ops, sizeof *r->ops);
    if (!needed || !r->uses || !r->bn_of || !r->ops)
        return cim_cc_net_nomem(net, r->err);
    memset(r->bn_of, 0xff, net->n_nodes * sizeof *r->bn_of);
    count_uses(r, needed);
    CIM_TRY(inputs_set(r, inputs, n));
    for (uint32_t k = 0; k < (r->flow ? 1 : 2) * net->n_nodes; k++) {
        /* constants first: a product reads the parameters of the BatchNorm behind it */
        uint32_t i = k % net->n_nodes;
        if (!needed[i] || constant_node(net, i) != (k < net->n_nodes))
            continue;
        if (net->folded[i] != CIM_CC_INVALID)
            cim_cc_sim_skip_folded(r, i);
        else
            CIM_TRY(cim_cc_sim_run_node(r, i));
    }
    if (r->flow)
        CIM_TRY(cim_cc_flow_execute(r, needed));
    sim->ops = r->ops;
    sim->n_ops = r->n_ops;
    return outputs_take(r, sim);
}

static cim_status run_once(const cim_cc_model *model, const cim_hw_arch *arch,
                           const cim_cc_sim_input *inputs, size_t n,
                           const cim_cc_sim_options *options, cim_cc_sim *sim, cim_err *err)
{
    cim_cc_run r = {.model = model,
                    .net = model->net,
                    .arch = arch,
                    .reference = options->reference,
                    .options = options,
                    .flow = options->reference ? NULL : options->flow,
                    .err = err};
    memset(sim, 0, sizeof *sim);
    cim_arena_init(&sim->arena);
    cim_arena_init(&r.scratch);
    sim->model = model;
    sim->arch = arch;
    sim->reference = options->reference;
    r.x = (cim_cc_infer){.net = r.net, .scratch = &r.scratch, .err = err};
    r.value = cim_alloc(r.net->n_tensors, sizeof *r.value);
    cim_status s = r.value ? run_all(&r, inputs, n, sim) : cim_cc_net_nomem(r.net, err);
    for (uint32_t t = 0; r.value && t < r.net->n_tensors; t++)
        cim_free(r.value[t]);
    cim_free(r.value);
    cim_arena_clear(&r.scratch);
    if (s != CIM_OK)
        cim_cc_sim_clear(sim);
    return s;
}

void cim_cc_sim_clear(cim_cc_sim *sim)
{
    for (uint32_t i = 0; i < sim->n_outputs; i++)
        cim_free(sim->outputs[i].values);
    cim_arena_clear(&sim->arena);
    memset(sim, 0, sizeof *sim);
}

/* Power of the reference around its mean over the power of the difference. */
static double output_db(const cim_cc_sim_output *exact, const cim_cc_sim_output *o)
{
    double sum = 0, square = 0, noise = 0, n = (double)o->elements;
    for (int64_t i = 0; i < o->elements; i++) {
        double y = exact->values[i], d = o->values[i] - y;
        sum += y;
        square += y * y;
        if (o->values[i] != y) /* equal infinities differ by NaN */
            noise += d * d;
    }
    double signal = n > 0 ? square / n - sum / n * (sum / n) : 0;
    if (noise == 0)
        return INFINITY;
    return signal > 0 ? 10 * log10(signal / (noise / n)) : (double)NAN;
}

/* Independent errors of equal weight add up, as the compiler's metric has it. */
static double network_db(const cim_cc_sim *sim)
{
    double noise = 0;
    for (uint32_t i = 0; i < sim->n_ops; i++)
        noise += pow(10, -sim->ops[i].sqnr_analytical_db / 10);
    return noise > 0 ? -10 * log10(noise) : (double)NAN;
}

static cim_status precision_check(const cim_hw_arch *arch, cim_err *err)
{
    const struct {
        const char *path;
        int64_t bits;
    } widths[] = {{"workload.weight_bits", arch->workload.weight_bits},
                  {"workload.activation_bits", arch->workload.activation_bits}};
    for (size_t i = 0; i < 2; i++)
        if (widths[i].bits < 2 || widths[i].bits > 16)
            return cim_err_set(
                err, CIM_E_INPUT, arch->name,
                "%s: %lld bits have no symmetric signed range; functional simulation "
                "needs 2 to 16",
                widths[i].path, (long long)widths[i].bits);
    return CIM_OK;
}

/* A flow names cells by place, not by what they deviate, and its converters do not look ahead. */
static cim_status flow_check(const cim_hw_arch *arch, const cim_cc_sim_options *o, cim_err *err)
{
    if (!o->flow || o->reference)
        return CIM_OK;
    if (o->device && o->device->sigma > 0)
        return cim_err_set(err, CIM_E_INPUT, arch->name,
                           "device.variation: a flow runs on ideal cells only");
    if (!isnan(arch->adc.clip_percentile))
        return cim_err_set(err, CIM_E_INPUT, arch->name,
                           "adc.clip_percentile: a flow runs with a range set by adc.clip only");
    return CIM_OK;
}

cim_status cim_cc_simulate(const cim_cc_model *model, const cim_hw_arch *arch,
                           const cim_cc_sim_input *inputs, size_t n_inputs, bool reference,
                           cim_cc_sim *out, cim_err *err)
{
    const cim_cc_sim_options options = {.reference = reference};
    return cim_cc_simulate_with(model, arch, inputs, n_inputs, &options, out, err);
}

cim_status cim_cc_simulate_flow(const cim_cc_model *model, const cim_hw_arch *arch,
                                const cim_cc_program *flow, const cim_cc_sim_input *inputs,
                                size_t n_inputs, bool reference, cim_cc_sim *out, cim_err *err)
{
    const cim_cc_sim_options options = {.reference = reference, .flow = flow};
    return cim_cc_simulate_with(model, arch, inputs, n_inputs, &options, out, err);
}

cim_status cim_cc_simulate_with(const cim_cc_model *model, const cim_hw_arch *arch,
                                const cim_cc_sim_input *inputs, size_t n_inputs,
                                const cim_cc_sim_options *options, cim_cc_sim *out, cim_err *err)
{
    static const cim_cc_sim_options plain = {.reference = true};
    cim_cc_sim sim, exact;
    CIM_TRY(precision_check(arch, err));
    CIM_TRY(cim_cc_sim_weights_check(model, err));
    CIM_TRY(flow_check(arch, options, err));
    CIM_TRY(run_once(model, arch, inputs, n_inputs, options, &sim, err));
    if (!options->reference) {
        cim_status s = run_once(model, arch, inputs, n_inputs, &plain, &exact, err);
        if (s != CIM_OK) {
            cim_cc_sim_clear(&sim);
            return s;
        }
        for (uint32_t i = 0; i < sim.n_outputs; i++)
            sim.outputs[i].sqnr_db = output_db(&exact.outputs[i], &sim.outputs[i]);
        cim_cc_sim_clear(&exact);
    }
    sim.sqnr_analytical_db = network_db(&sim);
    *out = sim;
    return CIM_OK;
}
