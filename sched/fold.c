/* Values of constant tensors: elementwise operators, casts, reductions.
 *
 * Only small tensors get values (CIM_CC_FOLD_MAX); a fold function that cannot compute gives up
 * and the tensor stays a constant of known shape. Reals are computed in double and rounded to the
 * tensor's type, as exporters' shape arithmetic expects of float. */
#include "sched/net_ops.h"

#include <math.h>
#include <string.h>

/* ---- elementwise --------------------------------------------------------------------------------- */

typedef enum op_code {
    OP_NONE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_POW,
    OP_MIN,
    OP_MAX,
    OP_AND,
    OP_OR,
    OP_XOR,
    OP_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_NEG,
    OP_ABS,
    OP_SIGN,
    OP_FLOOR,
    OP_CEIL,
    OP_ROUND,
    OP_SQRT,
    OP_RECIPROCAL,
    OP_EXP,
    OP_LOG,
    OP_NOT,
    OP_ERF,
    OP_TANH,
    OP_SIGMOID,
    OP_RELU,
    OP_SIN,
    OP_COS,
    OP_WHERE
} op_code;

static const struct {
    const char *type;
    op_code code;
} codes[] = {
    {"Add", OP_ADD},         {"Sub", OP_SUB},
    {"Mul", OP_MUL},         {"Div", OP_DIV},
    {"Mod", OP_MOD},         {"Pow", OP_POW},
    {"Min", OP_MIN},         {"Max", OP_MAX},
    {"And", OP_AND},         {"Or", OP_OR},
    {"Xor", OP_XOR},         {"Equal", OP_EQUAL},
    {"Less", OP_LESS},       {"LessOrEqual", OP_LESS_EQUAL},
    {"Greater", OP_GREATER}, {"GreaterOrEqual", OP_GREATER_EQUAL},
    {"Neg", OP_NEG},         {"Abs", OP_ABS},
    {"Sign", OP_SIGN},       {"Floor", OP_FLOOR},
    {"Ceil", OP_CEIL},       {"Round", OP_ROUND},
    {"Sqrt", OP_SQRT},       {"Reciprocal", OP_RECIPROCAL},
    {"Exp", OP_EXP},         {"Log", OP_LOG},
    {"Not", OP_NOT},         {"Erf", OP_ERF},
    {"Tanh", OP_TANH},       {"Sigmoid", OP_SIGMOID},
    {"Relu", OP_RELU},       {"Sin", OP_SIN},
    {"Cos", OP_COS},         {"Where", OP_WHERE},
    {"Sum", OP_ADD},
};

static double round_to(int dtype, double v)
{
    return dtype == CIM_CC_DT_DOUBLE ? v : (double)(float)v;
}

static bool int_unary(op_code op, int64_t a, int64_t *out)
{
    switch (op) {
    case OP_NEG:
        *out = (int64_t)(0 - (uint64_t)a);
        return true;
    case OP_ABS:
        *out = a < 0 ? (int64_t)(0 - (uint64_t)a) : a;
        return true;
    case OP_SIGN:
        *out = (a > 0) - (a < 0);
        return true;
    case OP_NOT:
        *out = !a;
        return true;
    case OP_RELU:
        *out = a > 0 ? a : 0;
        return true;
    case OP_FLOOR:
    case OP_CEIL:
    case OP_ROUND:
        *out = a;
        return true;
    default:
        return false;
    }
}

static bool real_unary(op_code op, double a, double *out)
{
    switch (op) {
    case OP_NEG:
        *out = -a;
        return true;
    case OP_ABS:
        *out = fabs(a);
        return true;
    case OP_SIGN:
        *out = (a > 0) - (a < 0);
        return true;
    case OP_FLOOR:
        *out = floor(a);
        return true;
    case OP_CEIL:
        *out = ceil(a);
        return true;
    case OP_ROUND:
        *out = nearbyint(a);
        return true;
    case OP_SQRT:
        *out = sqrt(a);
        return true;
    case OP_RECIPROCAL:
        *out = 1 / a;
        return true;
    case OP_EXP:
        *out = exp(a);
        return true;
    case OP_LOG:
        *out = log(a);
        return true;
    case OP_ERF:
        *out = erf(a);
        return true;
    case OP_TANH:
        *out = tanh(a);
        return true;
    case OP_SIGMOID:
        *out = 1 / (1 + exp(-a));
        return true;
    case OP_RELU:
        *out = a > 0 ? a : 0;
        return true;
    case OP_SIN:
        *out = sin(a);
        return true;
    case OP_COS:
        *out = cos(a);
        return true;
    default:
        return false;
    }
}

static bool int_power(int64_t a, int64_t b, int64_t *out)
{
    double v = pow((double)a, (double)b);
    if (b < 0 || !(fabs(v) < 9e15))
        return false;
    *out = (int64_t)v;
    return true;
}

/* Division by zero and the one quotient that overflows leave the value unknown. */
static bool int_binary(op_code op, bool c_like, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case OP_ADD:
        *out = (int64_t)((uint64_t)a + (uint64_t)b);
        return true;
    case OP_SUB:
        *out = (int64_t)((uint64_t)a - (uint64_t)b);
        return true;
    case OP_MUL:
        *out = (int64_t)((uint64_t)a * (uint64_t)b);
        return true;
    case OP_DIV:
        if (b == 0 || (a == INT64_MIN && b == -1))
            return false;
        *out = a / b;
        return true;
    case OP_MOD:
        if (b == 0 || b == -1) {
            *out = 0;
            return b != 0;
        }
        *out = a % b;
        if (!c_like && *out != 0 && (*out < 0) != (b < 0))
            *out += b;
        return true;
    case OP_POW:
        return int_power(a, b, out);
    case OP_MIN:
        *out = a < b ? a : b;
        return true;
    case OP_MAX:
        *out = a > b ? a : b;
        return true;
    case OP_AND:
        *out = a && b;
        return true;
    case OP_OR:
        *out = a || b;
        return true;
    case OP_XOR:
        *out = !a != !b;
        return true;
    default:
        return false;
    }
}

static bool real_binary(op_code op, bool c_like, double a, double b, double *out)
{
    switch (op) {
    case OP_ADD:
        *out = a + b;
        return true;
    case OP_SUB:
        *out = a - b;
        return true;
    case OP_MUL:
        *out = a * b;
        return true;
    case OP_DIV:
        *out = a / b;
        return true;
    case OP_MOD:
        *out = fmod(a, b);
        if (!c_like && *out != 0 && (*out < 0) != (b < 0))
            *out += b;
        return true;
    case OP_POW:
        *out = pow(a, b);
        return true;
    case OP_MIN:
        *out = a < b ? a : b;
        return true;
    case OP_MAX:
        *out = a > b ? a : b;
        return true;
    default:
        return false;
    }
}

static int64_t compare(op_code op, int order)
{
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_LESS:
        return order == -1;
    case OP_LESS_EQUAL:
        return order == -1 || order == 0;
    case OP_GREATER:
        return order == 1;
    default:
        return order == 1 || order == 0;
    }
}

static bool is_compare(op_code op)
{
    return op >= OP_EQUAL && op <= OP_GREATER_EQUAL;
}

/* Index into input t of the element that broadcasting pairs with output index i. */
static int64_t paired(const cim_cc_net_tensor *out, const cim_cc_net_tensor *t, int64_t i)
{
    int64_t index = 0, stride = 1;
    for (int k = 0; k < out->rank; k++) { /* from the right */
        int64_t d = out->dims[out->rank - 1 - k], at = i % d;
        i /= d;
        if (k >= t->rank)
            continue;
        int64_t own = t->dims[t->rank - 1 - k];
        if (own != 1)
            index += at * stride;
        stride *= own;
    }
    return index;
}

static double real_at(const cim_cc_net_tensor *t, int64_t i)
{
    return t->reals ? t->reals[i] : (double)t->ints[i];
}

static int order_of(const cim_cc_net_tensor *a, int64_t i, const cim_cc_net_tensor *b, int64_t j)
{
    if (a->ints && b->ints)
        return (a->ints[i] > b->ints[j]) - (a->ints[i] < b->ints[j]);
    double p = real_at(a, i), q = real_at(b, j);
    return isnan(p) || isnan(q) ? 2 : (p > q) - (p < q);
}

typedef struct element_job {
    op_code code;
    bool c_like;
    const cim_cc_net_tensor *out;
    int64_t *ints;
    double *reals;
} element_job;

static bool where_element(const cim_cc_infer *x, const element_job *j, int64_t i)
{
    const cim_cc_net_tensor *c = cim_cc_in(x, 0);
    if (!c->ints)
        return false;
    const cim_cc_net_tensor *t = cim_cc_in(x, c->ints[paired(j->out, c, i)] ? 1 : 2);
    int64_t k = paired(j->out, t, i);
    if (j->ints && !t->ints)
        return false;
    if (j->ints)
        j->ints[i] = t->ints[k];
    else
        j->reals[i] = real_at(t, k);
    return true;
}

static bool one_element(const cim_cc_infer *x, const element_job *j, int64_t i)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0), *b = cim_cc_in(x, 1);
    int64_t p = paired(j->out, a, i), iv = 0;
    double rv = 0;
    if (j->code == OP_WHERE)
        return where_element(x, j, i);
    if (!b) {
        if (j->ints ? !a->ints || !int_unary(j->code, a->ints[p], &iv)
                    : !real_unary(j->code, real_at(a, p), &rv))
            return false;
    } else if (is_compare(j->code)) {
        iv = compare(j->code, order_of(a, p, b, paired(j->out, b, i)));
    } else {
        iv = j->ints ? (a->ints ? a->ints[p] : 0) : 0;
        rv = real_at(a, p);
        for (uint32_t k = 1; k < x->node->n_inputs; k++) { /* Min, Max, Sum take several */
            b = cim_cc_in(x, k);
            int64_t q = paired(j->out, b, i);
            if (j->ints
                    ? !a->ints || !b->ints || !int_binary(j->code, j->c_like, iv, b->ints[q], &iv)
                    : !real_binary(j->code, j->c_like, rv, real_at(b, q), &rv))
                return false;
        }
    }
    if (j->ints)
        j->ints[i] = iv;
    else
        j->reals[i] = round_to(j->out->dtype, rv);
    return true;
}

static bool inputs_known(const cim_cc_infer *x)
{
    for (uint32_t i = 0; i < x->node->n_inputs; i++) {
        const cim_cc_net_tensor *t = cim_cc_in(x, i);
        if (t && !t->ints && !t->reals)
            return false;
    }
    return true;
}

bool cim_cc_fold_element(cim_cc_infer *x)
{
    element_job j = {.code = OP_NONE, .out = cim_cc_out_at(x, 0)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(codes[i].type, x->node->type))
            j.code = codes[i].code;
    j.c_like = cim_cc_attr_int(x, "fmod", 0) != 0;
    if (j.code == OP_NONE || !inputs_known(x) || !cim_cc_values_new(x, 0, &j.ints, &j.reals))
        return false;
    for (int64_t i = 0; i < j.out->elements; i++)
        if (!one_element(x, &j, i))
            return false;
    return true;
}

bool cim_cc_fold_cast(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    int64_t *ints;
    double *reals;
    if ((!a->ints && !a->reals) || !cim_cc_values_new(x, 0, &ints, &reals))
        return false;
    for (int64_t i = 0; i < a->elements; i++) {
        double v = real_at(a, i);
        if (reals)
            reals[i] = round_to(out->dtype, v);
        else if (out->dtype == CIM_CC_DT_BOOL)
            ints[i] = a->ints ? a->ints[i] != 0 : v != 0;
        else if (a->ints)
            ints[i] = a->ints[i];
        else if (fabs(v) < 9e18)
            ints[i] = (int64_t)v;
        else
            return false;
    }
    return true;
}

/* ---- reductions ------------------------------------------------------------------------------------ */

static double reduce_step(const char *type, double acc, double v)
{
    if (!strcmp(type, "ReduceProd"))
        return acc * v;
    if (!strcmp(type, "ReduceMax"))
        return v > acc ? v : acc;
    if (!strcmp(type, "ReduceMin"))
        return v < acc ? v : acc;
    return acc + v;
}

static bool reducible(const char *type)
{
    return !strcmp(type, "ReduceProd") || !strcmp(type, "ReduceMax") ||
           !strcmp(type, "ReduceMin") || !strcmp(type, "ReduceSum") || !strcmp(type, "ReduceMean");
}

/* Integers go through double: exact below 2^53, which is more than any shape. */
bool cim_cc_fold_reduce(cim_cc_infer *x)
{
    const cim_cc_net_tensor *a = cim_cc_in(x, 0);
    cim_cc_net_tensor *out = cim_cc_out_at(x, 0);
    bool reduced[CIM_CC_MAX_RANK];
    int64_t *ints;
    double *reals;
    if ((!a->ints && !a->reals) || a->elements == 0 || out->elements == 0 ||
        !reducible(x->node->type) || !cim_cc_reduced_axes(x, reduced) ||
        !cim_cc_values_new(x, 0, &ints, &reals))
        return false;
    size_t n = (size_t)out->elements;
    double *acc = cim_arena_alloc(x->scratch, n, sizeof *acc);
    bool *begun = cim_arena_alloc(x->scratch, n, sizeof *begun);
    if (!acc || !begun) {
        x->status = cim_cc_net_nomem(x->net, x->err);
        return false;
    }
    for (int64_t i = 0; i < a->elements; i++) {
        int64_t rest = i, index = 0, stride = 1;
        for (int k = a->rank - 1; k >= 0; k--) {
            int64_t at = rest % a->dims[k];
            rest /= a->dims[k];
            if (!reduced[k]) {
                index += at * stride;
                stride *= a->dims[k];
            }
        }
        double v = real_at(a, i);
        acc[index] = begun[index] ? reduce_step(x->node->type, acc[index], v) : v;
        begun[index] = true;
    }
    double count = !strcmp(x->node->type, "ReduceMean") ? (double)(a->elements / out->elements) : 1;
    for (size_t i = 0; i < n; i++) {
        if (reals)
            reals[i] = round_to(out->dtype, acc[i] / count);
        else if (fabs(acc[i]) < 9e15)
            ints[i] = (int64_t)(acc[i] / count);
        else
            return false;
    }
    return true;
}
