/* Digital operators that reduce: pooling, reductions, softmax, normalisations. Sums run in double in
 * the order of the elements; results are rounded once. Definitions: onnx.ai/onnx/operators. */
#include "sched/sim_internal.h"

#include <math.h>
#include <string.h>

/* ---- pooling --------------------------------------------------------------------------------------- */

typedef struct pool {
    cim_cc_window w;
    bool average, include_pad;
    int64_t taps;
} pool;

/* One window: the maximum, or the mean over what counts. */
static double pool_at(const pool *p, const double *image, int64_t i)
{
    const cim_cc_window *w = &p->w;
    double best = -INFINITY, sum = 0;
    int64_t inside = 0, counted = 0, start[CIM_CC_MAX_SPATIAL];
    for (int d = w->n - 1; d >= 0; d--) {
        start[d] = i % w->out[d] * w->stride[d] - w->pad_begin[d];
        i /= w->out[d];
    }
    for (int64_t t = 0; t < p->taps; t++) {
        int64_t rest = t, place = 0, stride = 1;
        bool in = true, padded = true;
        for (int d = w->n - 1; d >= 0; d--) {
            int64_t at = start[d] + rest % w->kernel[d] * w->dilation[d];
            rest /= w->kernel[d];
            in = in && at >= 0 && at < w->in[d];
            padded = padded && at < w->in[d] + w->pad_end[d];
            place += at * stride;
            stride *= w->in[d];
        }
        counted += padded;
        if (!in)
            continue;
        inside++;
        sum += image[place];
        best = image[place] > best ? image[place] : best;
    }
    if (!p->average)
        return best;
    int64_t over = p->include_pad ? counted : inside;
    return over > 0 ? sum / (double)over : 0;
}

static void run_pool(cim_cc_run *r)
{
    pool p = {.average = !strcmp(r->x.node->type, "AveragePool")};
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0);
    if (!cim_cc_window_of(&r->x, &p.w))
        return;
    p.include_pad = p.average && cim_cc_attr_int(&r->x, "count_include_pad", 0) != 0;
    p.taps = cim_cc_product(p.w.kernel, 0, p.w.n);
    if (cim_cc_out_at(&r->x, 1))
        cim_cc_fail(&r->x, "indices as a second output are not simulated");
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    if (!v || !out)
        return;
    int64_t in = cim_cc_product(p.w.in, 0, p.w.n), n = cim_cc_product(p.w.out, 0, p.w.n);
    for (int64_t image = 0; image < a->dims[0] * a->dims[1]; image++)
        for (int64_t i = 0; i < n; i++)
            out[image * n + i] = pool_at(&p, v + image * in, i);
}

static void run_global_pool(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *o = cim_cc_out_at(&r->x, 0);
    bool average = !strcmp(r->x.node->type, "GlobalAveragePool");
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    int64_t n = o->elements > 0 ? a->elements / o->elements : 0;
    for (int64_t i = 0; v && out && i < o->elements; i++) {
        double sum = 0, best = -INFINITY;
        for (int64_t k = 0; k < n; k++) {
            sum += v[i * n + k];
            best = v[i * n + k] > best ? v[i * n + k] : best;
        }
        out[i] = average ? sum / (double)n : best;
    }
}

/* ---- reductions -------------------------------------------------------------------------------------- */

typedef enum reduction {
    RED_SUM,
    RED_MEAN,
    RED_MAX,
    RED_MIN,
    RED_PROD,
    RED_SQUARES,
    RED_L1,
    RED_L2
} reduction;

static const struct {
    const char *type;
    reduction what;
} reductions[] = {{"ReduceSum", RED_SUM},   {"ReduceMean", RED_MEAN},
                  {"ReduceMax", RED_MAX},   {"ReduceMin", RED_MIN},
                  {"ReduceProd", RED_PROD}, {"ReduceSumSquare", RED_SQUARES},
                  {"ReduceL1", RED_L1},     {"ReduceL2", RED_L2}};
enum { N_REDUCTIONS = sizeof reductions / sizeof *reductions };

static double reduce_start(reduction what)
{
    return what == RED_MAX ? -INFINITY : what == RED_MIN ? INFINITY : what == RED_PROD ? 1 : 0;
}

static double reduce_add(reduction what, double sum, double v)
{
    switch (what) {
    case RED_MAX:
        return v > sum || v != v ? v : sum;
    case RED_MIN:
        return v < sum || v != v ? v : sum;
    case RED_PROD:
        return sum * v;
    case RED_SQUARES:
    case RED_L2:
        return sum + v * v;
    case RED_L1:
        return sum + fabs(v);
    default:
        return sum + v;
    }
}

static void run_reduce(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *o = cim_cc_out_at(&r->x, 0);
    bool reduced[CIM_CC_MAX_RANK];
    size_t i = 0;
    while (i + 1 < N_REDUCTIONS && strcmp(reductions[i].type, r->x.node->type) != 0)
        i++;
    reduction what = reductions[i].what;
    if (!cim_cc_reduced_axes(&r->x, reduced))
        return;
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    if (!v || !out || o->elements == 0)
        return;
    for (int64_t k = 0; k < o->elements; k++)
        out[k] = reduce_start(what);
    for (int64_t k = 0; k < a->elements; k++) {
        int64_t rest = k, place = 0, stride = 1;
        for (int d = a->rank - 1; d >= 0; d--) {
            place += reduced[d] ? 0 : rest % a->dims[d] * stride;
            stride *= reduced[d] ? 1 : a->dims[d];
            rest /= a->dims[d];
        }
        out[place] = reduce_add(what, out[place], v[k]);
    }
    for (int64_t k = 0; k < o->elements; k++) {
        if (what == RED_MEAN)
            out[k] /= (double)(a->elements / o->elements);
        else if (what == RED_L2)
            out[k] = sqrt(out[k]);
    }
}

/* ---- softmax --------------------------------------------------------------------------------------------- */

static void softmax_line(const double *v, double *out, int64_t n, int64_t step, bool logarithm)
{
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++)
        top = v[k * step] > top ? v[k * step] : top;
    for (int64_t k = 0; k < n; k++)
        sum += exp(v[k * step] - top);
    for (int64_t k = 0; k < n; k++) {
        double d = v[k * step] - top;
        out[k * step] = logarithm ? d - log(sum) : exp(d) / sum;
    }
}

static void run_softmax(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0);
    bool old = r->x.node->opset < 13, logarithm = !strcmp(r->x.node->type, "LogSoftmax");
    int64_t n = 1, step = 1;
    if (a->rank > 0) {
        int axis = cim_cc_axis(&r->x, cim_cc_attr_int(&r->x, "axis", old ? 1 : -1), a->rank);
        if (r->x.status != CIM_OK)
            return;
        /* before operator set 13 everything behind the axis is one line */
        n = old ? cim_cc_product(a->dims, axis, a->rank) : a->dims[axis];
        step = old ? 1 : cim_cc_product(a->dims, axis + 1, a->rank);
    }
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    for (int64_t i = 0; v && out && i < a->elements; i += n * step)
        for (int64_t k = 0; k < step; k++)
            softmax_line(v + i + k, out + i + k, n, step, logarithm);
}

/* ---- normalisations ------------------------------------------------------------------------------------- */

/* out = (v - mean) / sqrt(variance + epsilon), population variance. */
static void normalise(const double *v, double *out, int64_t n, double epsilon, double *mean_out,
                      double *inverse_out)
{
    double sum = 0, square = 0;
    for (int64_t k = 0; k < n; k++)
        sum += v[k];
    double mean = sum / (double)n;
    for (int64_t k = 0; k < n; k++)
        square += (v[k] - mean) * (v[k] - mean);
    double inverse = 1 / sqrt(square / (double)n + epsilon);
    for (int64_t k = 0; k < n; k++)
        out[k] = (v[k] - mean) * inverse;
    *mean_out = mean;
    *inverse_out = inverse;
}

static void run_layer_norm(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0), *g = cim_cc_in(&r->x, 1);
    const cim_cc_net_tensor *b = cim_cc_in(&r->x, 2);
    int axis = cim_cc_axis(&r->x, cim_cc_attr_int(&r->x, "axis", -1), a->rank);
    double epsilon = cim_cc_attr_float(&r->x, "epsilon", (double)1e-5f);
    if (r->x.status != CIM_OK)
        return;
    int64_t n = cim_cc_product(a->dims, axis, a->rank), lines = n > 0 ? a->elements / n : 0;
    if (g->elements != n || (b && b->elements != n))
        cim_cc_fail(&r->x,
                    "a scale or bias of another size than the normalised part is not simulated");
    const double *v = cim_cc_sim_in(r, 0), *gamma = cim_cc_sim_in(r, 1),
                 *beta = cim_cc_sim_in(r, 2);
    double *out = cim_cc_sim_out(r, 0), *mean = cim_cc_sim_out(r, 1),
           *inverse = cim_cc_sim_out(r, 2);
    if (!v || !gamma || !out || r->x.status != CIM_OK)
        return;
    for (int64_t i = 0; i < lines; i++) {
        double m, inv;
        normalise(v + i * n, out + i * n, n, epsilon, &m, &inv);
        for (int64_t k = 0; k < n; k++)
            out[i * n + k] = out[i * n + k] * gamma[k] + (beta ? beta[k] : 0);
        if (mean)
            mean[i] = m;
        if (inverse)
            inverse[i] = inv;
    }
}

/* Scale and shift per channel, after statistics that are stored (batch) or measured (instance). */
static void run_channel_norm(cim_cc_run *r)
{
    const cim_cc_net_tensor *a = cim_cc_in(&r->x, 0);
    bool batch = !strcmp(r->x.node->type, "BatchNormalization");
    double epsilon = cim_cc_attr_float(&r->x, "epsilon", (double)1e-5f);
    if (batch && cim_cc_attr_int(&r->x, "training_mode", 0) != 0)
        cim_cc_fail(&r->x, "is in training mode; export the network for inference");
    const double *v = cim_cc_sim_in(r, 0), *gamma = cim_cc_sim_in(r, 1),
                 *beta = cim_cc_sim_in(r, 2);
    const double *mean = batch ? cim_cc_sim_in(r, 3) : NULL;
    const double *variance = batch ? cim_cc_sim_in(r, 4) : NULL;
    double *out = cim_cc_sim_out(r, 0);
    if (!v || !gamma || !beta || !out || (batch && (!mean || !variance)))
        return;
    int64_t channels = a->rank > 1 ? a->dims[1] : 1, n = cim_cc_product(a->dims, 2, a->rank);
    for (int64_t i = 0; n > 0 && i < a->elements / n; i++) {
        int64_t c = i % channels;
        double m = 0, inverse = 0;
        if (batch) {
            inverse = 1 / sqrt(variance[c] + epsilon);
            for (int64_t k = 0; k < n; k++)
                out[i * n + k] = (v[i * n + k] - mean[c]) * inverse;
        } else {
            normalise(v + i * n, out + i * n, n, epsilon, &m, &inverse);
        }
        for (int64_t k = 0; k < n; k++)
            out[i * n + k] = out[i * n + k] * gamma[c] + beta[c];
    }
}

cim_cc_sim_fn cim_cc_sim_reduce_find(const char *type)
{
    static const struct {
        const char *type;
        cim_cc_sim_fn f;
    } rows[] = {{"MaxPool", run_pool},
                {"AveragePool", run_pool},
                {"GlobalAveragePool", run_global_pool},
                {"GlobalMaxPool", run_global_pool},
                {"Softmax", run_softmax},
                {"LogSoftmax", run_softmax},
                {"LayerNormalization", run_layer_norm},
                {"BatchNormalization", run_channel_norm},
                {"InstanceNormalization", run_channel_norm}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].type, type))
            return rows[i].f;
    for (size_t i = 0; i < N_REDUCTIONS; i++)
        if (!strcmp(reductions[i].type, type))
            return run_reduce;
    return NULL;
}
