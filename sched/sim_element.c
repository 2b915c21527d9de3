/* Digital operators, element by element: computed in double, rounded once to the tensor's type.
 * Definitions: onnx.ai/onnx/operators. */
#include "sched/sim_internal.h"

#include <math.h>
#include <string.h>

#define SQRT_HALF 0.70710678118654752440

void cim_cc_sim_broadcast_strides(const cim_cc_net_tensor *t, int rank,
                                  int64_t strides[CIM_CC_MAX_RANK])
{
    int64_t stride = 1;
    memset(strides, 0, CIM_CC_MAX_RANK * sizeof *strides);
    for (int i = t->rank - 1, k = rank - 1; i >= 0 && k >= 0; i--, k--) {
        strides[k] = t->dims[i] == 1 ? 0 : stride;
        stride *= t->dims[i];
    }
}

void cim_cc_sim_strided(double *out, const double *in, int rank, const int64_t *dims,
                        const int64_t *strides, int64_t offset)
{
    int64_t index[CIM_CC_MAX_RANK] = {0}, total = cim_cc_product(dims, 0, rank);
    int64_t line = rank > 0 ? dims[rank - 1] : 1, step = rank > 0 ? strides[rank - 1] : 0;
    for (int64_t i = 0; i < total; i += line) {
        for (int64_t k = 0; k < line; k++)
            out[i + k] = in[offset + k * step];
        for (int d = rank - 2; d >= 0; d--) {
            offset += strides[d];
            if (++index[d] < dims[d])
                break;
            offset -= strides[d] * dims[d];
            index[d] = 0;
        }
    }
}

/* ---- one operand -------------------------------------------------------------------------------- */

typedef double (*unary)(double v, const double *a); /* a: the operator's attributes */

static double f_relu(double v, const double *a)
{
    (void)a;
    return v > 0 ? v : v != v ? v : 0;
}
static double f_leaky(double v, const double *a)
{
    return v < 0 ? a[0] * v : v;
}
static double f_elu(double v, const double *a)
{
    return v < 0 ? a[0] * expm1(v) : v;
}
static double f_sigmoid(double v, const double *a)
{
    (void)a;
    return 1 / (1 + exp(-v));
}
static double f_hard_sigmoid(double v, const double *a)
{
    return fmax(0, fmin(1, a[0] * v + a[1]));
}
static double f_hard_swish(double v, const double *a)
{
    (void)a;
    return v * fmax(0, fmin(1, v / 6 + 0.5));
}
static double f_gelu(double v, const double *a)
{
    (void)a;
    return 0.5 * v * (1 + erf(v * SQRT_HALF));
}
static double f_gelu_tanh(double v, const double *a)
{
    (void)a;
    return 0.5 * v * (1 + tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v)));
}
static double f_softplus(double v, const double *a)
{
    (void)a;
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}
static double f_softsign(double v, const double *a)
{
    (void)a;
    return v / (1 + fabs(v));
}
static double f_erf(double v, const double *a)
{
    (void)a;
    return erf(v);
}
static double f_tanh(double v, const double *a)
{
    (void)a;
    return tanh(v);
}
static double f_sqrt(double v, const double *a)
{
    (void)a;
    return sqrt(v);
}
static double f_exp(double v, const double *a)
{
    (void)a;
    return exp(v);
}
static double f_log(double v, const double *a)
{
    (void)a;
    return log(v);
}
static double f_neg(double v, const double *a)
{
    (void)a;
    return -v;
}
static double f_abs(double v, const double *a)
{
    (void)a;
    return fabs(v);
}
static double f_reciprocal(double v, const double *a)
{
    (void)a;
    return 1 / v;
}
static double f_floor(double v, const double *a)
{
    (void)a;
    return floor(v);
}
static double f_ceil(double v, const double *a)
{
    (void)a;
    return ceil(v);
}
static double f_round(double v, const double *a)
{
    (void)a;
    return nearbyint(v);
}
static double f_sign(double v, const double *a)
{
    (void)a;
    return (v > 0) - (v < 0);
}
static double f_not(double v, const double *a)
{
    (void)a;
    return v == 0;
}
static double f_sin(double v, const double *a)
{
    (void)a;
    return sin(v);
}
static double f_cos(double v, const double *a)
{
    (void)a;
    return cos(v);
}

static const struct {
    const char *type;
    unary f;
    const char *attrs[2];
    double otherwise[2];
} unaries[] = {
    {"Relu", f_relu, {NULL, NULL}, {0, 0}},
    {"LeakyRelu", f_leaky, {"alpha", NULL}, {0.01, 0}},
    {"Elu", f_elu, {"alpha", NULL}, {1, 0}},
    {"Sigmoid", f_sigmoid, {NULL, NULL}, {0, 0}},
    {"HardSigmoid", f_hard_sigmoid, {"alpha", "beta"}, {0.2, 0.5}},
    {"HardSwish", f_hard_swish, {NULL, NULL}, {0, 0}},
    {"Gelu", f_gelu, {NULL, NULL}, {0, 0}},
    {"Softplus", f_softplus, {NULL, NULL}, {0, 0}},
    {"Softsign", f_softsign, {NULL, NULL}, {0, 0}},
    {"Erf", f_erf, {NULL, NULL}, {0, 0}},
    {"Tanh", f_tanh, {NULL, NULL}, {0, 0}},
    {"Sqrt", f_sqrt, {NULL, NULL}, {0, 0}},
    {"Exp", f_exp, {NULL, NULL}, {0, 0}},
    {"Log", f_log, {NULL, NULL}, {0, 0}},
    {"Neg", f_neg, {NULL, NULL}, {0, 0}},
    {"Abs", f_abs, {NULL, NULL}, {0, 0}},
    {"Reciprocal", f_reciprocal, {NULL, NULL}, {0, 0}},
    {"Floor", f_floor, {NULL, NULL}, {0, 0}},
    {"Ceil", f_ceil, {NULL, NULL}, {0, 0}},
    {"Round", f_round, {NULL, NULL}, {0, 0}},
    {"Sign", f_sign, {NULL, NULL}, {0, 0}},
    {"Not", f_not, {NULL, NULL}, {0, 0}},
    {"Sin", f_sin, {NULL, NULL}, {0, 0}},
    {"Cos", f_cos, {NULL, NULL}, {0, 0}},
};
enum { N_UNARIES = sizeof unaries / sizeof *unaries };

static void run_unary(cim_cc_run *r)
{
    double a[2] = {0, 0};
    size_t i = 0;
    while (i + 1 < N_UNARIES && strcmp(unaries[i].type, r->x.node->type) != 0)
        i++;
    unary f = unaries[i].f;
    for (int k = 0; k < 2; k++)
        if (unaries[i].attrs[k]) /* attributes are floats: HardSigmoid's 0.2f is not 0.2 */
            a[k] = cim_cc_attr_float(&r->x, unaries[i].attrs[k],
                                     (double)(float)unaries[i].otherwise[k]);
    if (f == f_gelu && !strcmp(cim_cc_attr_text(&r->x, "approximate", "none"), "tanh"))
        f = f_gelu_tanh;
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    for (int64_t n = cim_cc_in(&r->x, 0)->elements; v && out && n-- > 0;)
        out[n] = f(v[n], a);
}

/* ---- two operands, broadcast ----------------------------------------------------------------------- */

typedef double (*binary)(double a, double b);

static double f_add(double a, double b)
{
    return a + b;
}
static double f_sub(double a, double b)
{
    return a - b;
}
static double f_mul(double a, double b)
{
    return a * b;
}
static double f_div(double a, double b)
{
    return a / b;
}
static double f_pow(double a, double b)
{
    return b == 2 ? a * a : pow(a, b);
}
static double f_min(double a, double b)
{
    return a != a || a < b ? a : b;
}
static double f_max(double a, double b)
{
    return a != a || a > b ? a : b;
}
static double f_equal(double a, double b)
{
    return a == b;
}
static double f_less(double a, double b)
{
    return a < b;
}
static double f_less_equal(double a, double b)
{
    return a <= b;
}
static double f_greater(double a, double b)
{
    return a > b;
}
static double f_greater_equal(double a, double b)
{
    return a >= b;
}
static double f_and(double a, double b)
{
    return a != 0 && b != 0;
}
static double f_or(double a, double b)
{
    return a != 0 || b != 0;
}
static double f_xor(double a, double b)
{
    return (a != 0) != (b != 0);
}
static double f_prelu(double a, double b)
{
    return a < 0 ? a * b : a;
}

static const struct {
    const char *type;
    binary f;
} binaries[] = {
    {"Add", f_add},         {"Sub", f_sub},
    {"Mul", f_mul},         {"Div", f_div},
    {"Pow", f_pow},         {"Min", f_min},
    {"Max", f_max},         {"Sum", f_add},
    {"Mean", f_add},        {"Equal", f_equal},
    {"Less", f_less},       {"LessOrEqual", f_less_equal},
    {"Greater", f_greater}, {"GreaterOrEqual", f_greater_equal},
    {"And", f_and},         {"Or", f_or},
    {"Xor", f_xor},         {"PRelu", f_prelu},
};
enum { N_BINARIES = sizeof binaries / sizeof *binaries };

/* Input k broadcast to the output's shape; the tensor itself when it already has it. */
static const double *broadcast_in(cim_cc_run *r, uint32_t k)
{
    const cim_cc_net_tensor *t = cim_cc_in(&r->x, k), *o = cim_cc_out_at(&r->x, 0);
    const double *v = cim_cc_sim_in(r, k);
    int64_t strides[CIM_CC_MAX_RANK];
    if (!v || !o || t->elements == o->elements)
        return v;
    double *wide = cim_cc_sim_scratch(r, o->elements, sizeof *wide);
    cim_cc_sim_broadcast_strides(t, o->rank, strides);
    if (wide)
        cim_cc_sim_strided(wide, v, o->rank, o->dims, strides, 0);
    return wide;
}

static void run_binary(cim_cc_run *r)
{
    size_t i = 0;
    while (i + 1 < N_BINARIES && strcmp(binaries[i].type, r->x.node->type) != 0)
        i++;
    binary f = binaries[i].f;
    const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, 0);
    const double *first = broadcast_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    if (!first || !out)
        return;
    memcpy(out, first, (size_t)o->elements * sizeof *out);
    for (uint32_t k = 1; k < r->x.node->n_inputs; k++) {
        const double *b = broadcast_in(r, k);
        for (int64_t n = 0; b && n < o->elements; n++)
            out[n] = f(out[n], b[n]);
    }
    for (int64_t n = 0; !strcmp(r->x.node->type, "Mean") && n < o->elements; n++)
        out[n] /= r->x.node->n_inputs;
}

/* ---- others ------------------------------------------------------------------------------------------- */

static double bound_of(cim_cc_run *r, uint32_t k, const char *name, double otherwise)
{
    if (r->x.node->opset < 11)
        return cim_cc_attr_float(&r->x, name, otherwise);
    const double *v = cim_cc_sim_in(r, k);
    if (v && cim_cc_in(&r->x, k)->elements != 1)
        cim_cc_fail(&r->x, "its bound '%s' is not one number", name);
    return v && r->x.status == CIM_OK ? v[0] : otherwise;
}

static void run_clip(cim_cc_run *r)
{
    double low = bound_of(r, 1, "min", -INFINITY), high = bound_of(r, 2, "max", INFINITY);
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    for (int64_t n = cim_cc_in(&r->x, 0)->elements; v && out && n-- > 0;)
        out[n] = v[n] < low ? (low < high ? low : high) : v[n] > high ? high : v[n];
}

static void run_where(cim_cc_run *r)
{
    const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, 0);
    const double *c = broadcast_in(r, 0), *a = broadcast_in(r, 1), *b = broadcast_in(r, 2);
    double *out = cim_cc_sim_out(r, 0);
    for (int64_t n = 0; c && a && b && out && n < o->elements; n++)
        out[n] = c[n] != 0 ? a[n] : b[n];
}

static void run_cast(cim_cc_run *r)
{
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    const cim_cc_net_tensor *o = cim_cc_out_at(&r->x, 0);
    for (int64_t n = 0; v && out && n < o->elements; n++)
        out[n] = o->dtype == CIM_CC_DT_BOOL ? v[n] != 0 : v[n];
}

static void run_copy(cim_cc_run *r)
{
    const double *v = cim_cc_sim_in(r, 0);
    double *out = cim_cc_sim_out(r, 0);
    if (v && out)
        memcpy(out, v, (size_t)cim_cc_out_at(&r->x, 0)->elements * sizeof *out);
}

/* Inference: Dropout passes its input on; the mask, where somebody wants it, is all true. */
static void run_dropout(cim_cc_run *r)
{
    const double *training = cim_cc_sim_in(r, 2);
    if (training && training[0] != 0)
        cim_cc_fail(&r->x, "is in training mode; export the network for inference");
    run_copy(r);
    const cim_cc_net_tensor *mask = cim_cc_out_at(&r->x, 1);
    double *out = cim_cc_sim_out(r, 1);
    for (int64_t n = 0; mask && out && n < mask->elements; n++)
        out[n] = 1;
}

cim_cc_sim_fn cim_cc_sim_element_find(const char *type)
{
    static const struct {
        const char *type;
        cim_cc_sim_fn f;
    } others[] = {{"Clip", run_clip},     {"Where", run_where},   {"Cast", run_cast},
                  {"CastLike", run_cast}, {"Identity", run_copy}, {"Dropout", run_dropout},
                  {"Reshape", run_copy},  {"Flatten", run_copy},  {"Squeeze", run_copy},
                  {"Unsqueeze", run_copy}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(others[i].type, type))
            return others[i].f;
    for (size_t i = 0; i < N_UNARIES; i++)
        if (!strcmp(unaries[i].type, type))
            return run_unary;
    for (size_t i = 0; i < N_BINARIES; i++)
        if (!strcmp(binaries[i].type, type))
            return run_binary;
    return NULL;
}
