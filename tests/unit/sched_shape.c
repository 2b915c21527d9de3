/* Folding and shape inference from inside: values of folded constants, resource bounds. */
#include "tests/unit/onnx_builder.h"

#include "sched/model_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* A constant network next to a Relu that makes it one: outputs[1] is the folded tensor. */
static cim_cc_model *fold(ob *b, const char *output)
{
    cim_err err = {0};
    cim_cc_model *m = NULL;
    ob_input(b, "x", 1, "1,4");
    ob_node(b, "Relu", "x", "relu", NULL);
    ob_output(b, "relu");
    ob_output(b, output);
    if (ob_load(b, NULL, &m, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    return m;
}

static void expect_ints(cim_cc_model *m, const char *what, const char *expected)
{
    const cim_cc_net_tensor *t = &m->net->tensors[m->net->outputs[1]];
    const char *s = expected;
    long long v;
    int64_t i = 0;
    if (!t->ints)
        fail_msg("%s: not folded", what);
    for (; ob_next(&s, &v); i++)
        if (i >= t->elements || t->ints[i] != v)
            fail_msg("%s: element %lld is %lld, expected %lld", what, (long long)i,
                     i < t->elements ? (long long)t->ints[i] : -1, v);
    if (i != t->elements)
        fail_msg("%s: %lld elements, expected %lld", what, (long long)t->elements, (long long)i);
    assert_int_equal(cim_cc_model_graph(m)->n_ops, 1);
    cim_cc_model_destroy(m);
}

/* Operators on a = [[1,2,3],[4,5,6]] and other stored integers; answers by numpy. */
static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *type, *inputs, *attrs, *expected;
    } cases[] = {
        {"Add", "a,row", NULL, "11,22,33,14,25,36"},
        {"Sub", "a,col", NULL, "-99,-98,-97,-196,-195,-194"},
        {"Mul", "a,a", NULL, "1,4,9,16,25,36"},
        {"Div", "neg,two", NULL, "-3,3,-2"},
        {"Mod", "neg,two", NULL, "1,1,0"},
        {"Mod", "neg,two", "fmod=1", "-1,1,0"},
        {"Pow", "row,two", NULL, "100,400,900"},
        {"Min", "a,row", NULL, "1,2,3,4,5,6"},
        {"Max", "row,neg,two", NULL, "10,20,30"},
        {"Equal", "a,five", NULL, "0,0,0,0,1,0"},
        {"Less", "a,five", NULL, "1,1,1,1,0,0"},
        {"GreaterOrEqual", "a,five", NULL, "0,0,0,0,1,1"},
        {"Neg", "neg", NULL, "7,-7,4"},
        {"Abs", "neg", NULL, "7,7,4"},
        {"Sign", "neg", NULL, "-1,1,-1"},
        {"Where", "mask,a,row", NULL, "10,2,30,10,5,30"},
        {"Transpose", "a", NULL, "1,4,2,5,3,6"},
        {"Reshape", "a,flat", NULL, "1,2,3,4,5,6"},
        {"Concat", "a,a", "axis=1", "1,2,3,1,2,3,4,5,6,4,5,6"},
        {"Concat", "row,neg", "axis=0", "10,20,30,-7,7,-4"},
        {"Slice", "a,one,nine,one", NULL, "2,3,5,6"},
        {"Slice", "row,minus,far,zero,minus", NULL, "30,20,10"},
        {"Gather", "a,one", "axis=0", "4,5,6"},
        {"Gather", "a,pick", "axis=1", "3,1,3,6,4,6"},
        {"GatherElements", "a,ge", "axis=1", "3,1,5,5"},
        {"GatherND", "a,nd", NULL, "2,6"},
        {"ScatterND", "row,sidx,upd", NULL, "77,20,99"},
        {"ScatterElements", "row,sflat,upd", "axis=0", "77,20,99"},
        {"Expand", "row,shape", NULL, "10,20,30,10,20,30"},
        {"Tile", "row,two1", NULL, "10,20,30,10,20,30"},
        {"Pad", "row,pads,seven", NULL, "7,10,20,30,7,7"},
        {"ReduceSum", "a,zero", "keepdims=0", "5,7,9"},
        {"ReduceProd", "a", "axes=[1] keepdims=0", "6,120"},
        {"ReduceMax", "a", "keepdims=0", "6"},
        {"ReduceMean", "a", "axes=[1]", "2,5"},
        {"CumSum", "a,onescalar", NULL, "1,3,6,4,9,15"},
        {"Trilu", "a", "upper=0", "1,0,0,4,5,0"},
        {"Range", "z0,z9,z3", NULL, "0,3,6"},
        {"Shape", "a", NULL, "2,3"},
        {"Shape", "x", NULL, "1,4"},
        {"Size", "a", NULL, "6"},
        {"NonZero", "mask", NULL, "0,1"},
        {"Cast", "neg", "to=9", "1,1,1"},
        {"Unsqueeze", "row,zero", NULL, "10,20,30"},
        {"Squeeze", "row1", NULL, "10,20,30"},
        {"Identity", "row", NULL, "10,20,30"},
        {"Not", "mask", NULL, "1,0,1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ob b = ob_begin(14);
        ob_ints(&b, "a", "2,3", "1,2,3,4,5,6");
        ob_ints(&b, "row", NULL, "10,20,30");
        ob_ints(&b, "row1", "1,3,1", "10,20,30");
        ob_ints(&b, "col", "2,1", "100,200");
        ob_ints(&b, "neg", NULL, "-7,7,-4");
        ob_ints(&b, "two", NULL, "2");
        ob_ints(&b, "two1", NULL, "2");
        ob_ints(&b, "five", "", "5");
        ob_ints(&b, "seven", "", "7");
        ob_ints(&b, "flat", NULL, "-1");
        ob_ints(&b, "zero", NULL, "0");
        ob_ints(&b, "one", NULL, "1");
        ob_ints(&b, "onescalar", "", "1");
        ob_ints(&b, "nine", NULL, "9");
        ob_ints(&b, "minus", NULL, "-1");
        ob_ints(&b, "far", NULL, "-9223372036854775807");
        ob_ints(&b, "pick", NULL, "2,0,-1");
        ob_ints(&b, "ge", "2,2", "2,0,1,1");
        ob_ints(&b, "nd", "2,2", "0,1,1,-1");
        ob_ints(&b, "sidx", "2,1", "0,2");
        ob_ints(&b, "sflat", NULL, "0,-1");
        ob_ints(&b, "upd", NULL, "77,99");
        ob_ints(&b, "shape", NULL, "2,3");
        ob_ints(&b, "pads", NULL, "1,2");
        ob_ints(&b, "z0", "", "0");
        ob_ints(&b, "z9", "", "9");
        ob_ints(&b, "z3", "", "3");
        ob_ints(&b, "m01", "1,3", "0,1,0");
        ob_node(&b, "Cast", "m01", "mask", "to=9");
        ob_node(&b, cases[i].type, cases[i].inputs, "out", cases[i].attrs);
        expect_ints(fold(&b, "out"), cases[i].type, cases[i].expected);
    }
}

/* Reals as exporters use them: floor(size * scale) in float. */
static void reals(void **state)
{
    (void)state;
    const float v[] = {7, 7}, scale[] = {2.5f, 0.1f};
    ob b = ob_begin(13);
    ob_floats(&b, "v", NULL, 2, v);
    ob_floats(&b, "s", NULL, 2, scale);
    ob_node(&b, "Mul", "v,s", "p", NULL);
    ob_node(&b, "Floor", "p", "f", NULL);
    ob_node(&b, "Cast", "f", "out", "to=7");
    expect_ints(fold(&b, "out"), "floor of a product", "17,0");
}

/* Constants without values keep their shape, and their users' shapes follow. */
static void unknown_values(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    cim_err err = {0};
    cim_cc_model *m = NULL;
    ob_input(&b, "x", 1, "1,8");
    ob_weight(&b, "w", "4,2,8");
    ob_ints(&b, "s", NULL, "8,8");
    ob_node(&b, "Reshape", "w,s", "m", NULL);
    ob_node(&b, "Transpose", "m", "t", NULL);
    ob_node(&b, "MatMul", "x,t", "y", NULL);
    ob_output(&b, "y");
    assert_int_equal(ob_load(&b, NULL, &m, &err), CIM_OK);
    const cim_cc_graph *g = cim_cc_model_graph(m);
    assert_int_equal(g->n_ops, 1);
    assert_int_equal(g->ops[0].unit, CIM_CC_UNIT_CROSSBAR);
    assert_int_equal(g->weights, 64);
    cim_cc_model_destroy(m);
}

/* Many operators that each fold a tensor of the largest size: the budget ends it. */
static void bounded(void **state)
{
    (void)state;
    ob b = ob_begin(13);
    char from[32] = "c", to[32];
    clock_t start = clock();
    ob_ints(&b, "shape", NULL, "256,256");
    ob_node(&b, "ConstantOfShape", "shape", "c", NULL);
    for (int i = 0; i < 3000; i++) {
        snprintf(to, sizeof to, "c%d", i);
        ob_node(&b, "Exp", from, to, NULL);
        memcpy(from, to, sizeof from);
    }
    cim_cc_model *m = fold(&b, from);
    assert_int_equal(cim_cc_model_graph(m)->n_ops, 1);
    cim_cc_model_destroy(m);
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

/* A hundred thousand operators in a row, and in reverse order: no recursion, no quadratic sort. */
static void long_chain(void **state)
{
    (void)state;
    enum { N = 100000 };
    ob b = ob_begin(13);
    char from[32], to[32];
    ob_input(&b, "x", 1, "1,3,8,8");
    for (int i = N - 1; i >= 0; i--) {
        snprintf(from, sizeof from, i ? "t%d" : "x", i);
        snprintf(to, sizeof to, "t%d", i + 1);
        ob_node(&b, "Relu", from, to, NULL);
    }
    snprintf(to, sizeof to, "t%d", N);
    ob_output(&b, to);
    clock_t start = clock();
    cim_cc_model *m = ob_model(&b);
    assert_int_equal(cim_cc_model_graph(m)->n_ops, N);
    cim_cc_model_destroy(m);
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(reals),      cmocka_unit_test(unknown_values),
        cmocka_unit_test(bounded),  cmocka_unit_test(long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
