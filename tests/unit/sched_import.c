/* Networks from name and file: counts of the built-in ones, binding of inputs, and a message for
 * everything that is wrong. */
#include "tests/unit/onnx_builder.h"

#include "hwspace/base/memory.h"
#include "sched/model_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- built-in networks ---------------------------------------------------------------------------- */

/* Parameters: sum(p.numel()) of the torch modules, printed by sched/models/make_models.py. MACs:
 * torchvision's published GFLOPS (which count MACs), here to the last one; transformers by hand:
 * BERT 12 layers x (12 h^2 T + 2 T^2 h) + h^2, GPT-2 the same plus T h V. */
static const struct {
    const char *name;
    int64_t macs, weights;
    uint32_t crossbar;
} builtin_counts[] = {
    {"vgg7", 615917568, 12979082, 8},
    {"vgg8", 615917568, 12973440, 8},
    {"vgg16", 15470264320, 138357544, 16},
    {"resnet18", 1814073344, 11689512, 21},
    {"resnet34", 3663761408, 21797672, 37},
    {"resnet50", 4089184256, 25557032, 54},
    {"resnet101", 7801405440, 44549160, 105},
    {"mobilenet_v2", 300774272, 3504872, 53},
    {"vit_b_16", 17563828224, 86567656, 50},
    {"swin_t", 4490566656, 28288354, 53},
    {"bert_base", 12 * (12LL * 768 * 768 * 128 + 2LL * 128 * 128 * 768) + 768 * 768, 109482240, 73},
    {"gpt2", 12 * (12LL * 768 * 768 * 128 + 2LL * 128 * 128 * 768) + 128LL * 768 * 50257, 124439808,
     49},
};

static cim_cc_model *load(const char *name, const cim_cc_model_options *options)
{
    cim_err err = {0};
    cim_cc_model *m = NULL;
    if (cim_cc_model_load(name, options, &m, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    return m;
}

static void builtins(void **state)
{
    (void)state;
    const char *name, *line;
    size_t n = 0;
    for (; cim_cc_model_builtin_at(n, &name, &line); n++) {
        cim_cc_model *m = load(name, NULL);
        const cim_cc_graph *g = cim_cc_model_graph(m);
        uint32_t crossbar = 0;
        assert_string_equal(name, builtin_counts[n].name);
        assert_string_equal(g->name, name);
        for (uint32_t i = 0; i < g->n_ops; i++)
            crossbar += g->ops[i].unit == CIM_CC_UNIT_CROSSBAR;
        if (g->macs != builtin_counts[n].macs || g->weights != builtin_counts[n].weights)
            fail_msg("%s: %lld MACs, %lld parameters", name, (long long)g->macs,
                     (long long)g->weights);
        assert_int_equal(crossbar, builtin_counts[n].crossbar);
        assert_true(strlen(line) > 10);
        cim_cc_model_destroy(m);
    }
    assert_int_equal(n, sizeof builtin_counts / sizeof *builtin_counts);
}

/* Everything but the batch-free parts grows with the batch, nothing else does. */
static void batch_scales(void **state)
{
    (void)state;
    static const char *const inputs[] = {"input=4x3x224x224"};
    cim_cc_model_options four = {.inputs = inputs, .n_inputs = 1};
    static const char *const names[] = {"resnet18", "mobilenet_v2", "vit_b_16"};
    for (size_t k = 0; k < 3; k++) {
        cim_cc_model *one = load(names[k], NULL), *many = load(names[k], &four);
        const cim_cc_graph *a = cim_cc_model_graph(one), *b = cim_cc_model_graph(many);
        assert_int_equal(a->n_ops, b->n_ops);
        assert_int_equal(4 * a->macs, b->macs);
        assert_int_equal(a->weights, b->weights);
        for (uint32_t i = 0; i < a->n_ops; i++) {
            const cim_cc_op *p = &a->ops[i], *q = &b->ops[i];
            assert_int_equal(p->matrix_rows * p->matrix_cols, q->matrix_rows * q->matrix_cols);
            assert_int_equal(4 * p->mvms * p->groups, q->mvms * q->groups);
            if (!p->dynamic_product) /* whose matrices are other ones in every image */
                assert_int_equal(4 * p->mvms, q->mvms);
            assert_int_equal(4 * p->out_elements, q->out_elements);
            assert_int_equal(4 * p->alu_special, q->alu_special);
            if (q->images != 4 || p->rows != q->rows)
                fail_msg("%s: operator %s gives %lld rows of %lld images, %lld rows of one",
                         names[k], q->name, (long long)q->rows, (long long)q->images,
                         (long long)p->rows);
        }
        cim_cc_model_destroy(one);
        cim_cc_model_destroy(many);
    }
}

static void sequence_length(void **state)
{
    (void)state;
    static const char *const by_name[] = {"input_ids=2x64"};
    cim_cc_model_options by_length = {.sequence_length = 64};
    cim_cc_model_options by_input = {.inputs = by_name, .n_inputs = 1};
    cim_cc_model *one = load("bert_base", &by_length), *two = load("bert_base", &by_input);
    const cim_cc_graph *a = cim_cc_model_graph(one), *b = cim_cc_model_graph(two);
    assert_int_equal(a->inputs[1].shape[1], 64); /* all inputs share the dimension */
    assert_int_equal(b->inputs[2].shape[0], 2);
    assert_int_equal(2 * a->macs, b->macs);
    assert_int_equal(a->weights, 109482240);
    cim_cc_model_destroy(one);
    cim_cc_model_destroy(two);
    cim_cc_model_options long_one = {.sequence_length = 513};
    cim_err err = {0};
    assert_int_equal(cim_cc_model_load("bert_base", &long_one, &one, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "positions for at most 512"));
}

/* ---- messages --------------------------------------------------------------------------------------- */

static void expect(const char *name, const char *const *inputs, size_t n, const char *message)
{
    cim_cc_model_options options = {.inputs = inputs, .n_inputs = n};
    cim_err err = {0};
    cim_cc_model *m = NULL;
    assert_int_equal(cim_cc_model_load(name, &options, &m, &err), CIM_E_INPUT);
    assert_null(m);
    if (!strstr(err.message, message))
        fail_msg("expected '%s', got '%s'", message, err.message);
}

static void options_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *input, *message;
    } cases[] = {
        {"resnet18", "x=1x3x224x224", "has no input 'x'; its inputs are 'input'"},
        {"resnet18", "input=1x3x224", "3 sizes given, the input has 4 dimensions"},
        {"resnet18", "input=1x4x224x224", "contradicts the shape in the file, -1x3x-1x-1"},
        {"resnet18", "input=0x3x224x224", "'0x3x224x224' is not a shape"},
        {"resnet18", "input=1x3x224x", "is not a shape"},
        {"resnet18", "input=", "is not a shape"},
        {"resnet18", "input=1x3x224x99999999999999999999", "is not a shape"},
        {"bert_base", "1x128", "has 3 inputs: write --input NAME="},
        {"resnet19", NULL, "did you mean 'resnet18'?"},
        {"nothing/of/this.onnx", NULL, "cannot be opened"},
        {"/", NULL, "is not a regular file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].model, &cases[i].input, cases[i].input != NULL, cases[i].message);
}

static void corpus(void **state)
{
    (void)state;
    FILE *f = fopen(CIM_TEST_DATA "/invalid/onnx/expected.tsv", "r");
    char line[1024], path[4096];
    int n = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *where = strchr(line, '\t'), *message = where ? strchr(where + 1, '\t') : NULL;
        assert_non_null(message);
        *where++ = *message++ = '\0';
        message[strcspn(message, "\n")] = '\0';
        snprintf(path, sizeof path, CIM_TEST_DATA "/invalid/onnx/%s", line);
        cim_err err = {0};
        cim_cc_model *m = NULL;
        cim_status s = cim_cc_model_load(path, NULL, &m, &err);
        if (s != CIM_E_INPUT || m)
            fail_msg("%s: status %d", line, (int)s);
        if (!strstr(err.where, where) || !strstr(err.message, message))
            fail_msg("%s: expected '%s: %s', got '%s: %s'", line, where, message, err.where,
                     err.message);
        n++;
    }
    fclose(f);
    assert_true(n >= 80);
}

/* ---- running out of memory ------------------------------------------------------------------------------ */

static void no_memory(void **state)
{
    (void)state;
    unsigned long n = 1;
    for (;; n++) {
        cim_err err = {0};
        cim_cc_model *m = NULL;
        cim_alloc_fail_after(n);
        cim_status s = cim_cc_model_load("vgg7", NULL, &m, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK) {
            cim_cc_model_destroy(m);
            break;
        }
        assert_int_equal(s, CIM_E_NOMEM);
        assert_null(m);
    }
    assert_true(n > 10);
}

/* ---- what is written ---------------------------------------------------------------------------------------- */

static void writers(void **state)
{
    (void)state;
    cim_cc_model *m = load("vgg8", NULL);
    cim_text t;
    cim_jw w;
    cim_text_init(&t);
    cim_jw_init(&w, &t, false);
    cim_cc_model_write_json(m, &w, NULL);
    static const char *const keys[] = {
        "\"name\":\"vgg8\"",
        "\"inputs\":[{\"name\":\"input\",\"shape\":[1,3,32,32]}]",
        "\"macs\":615917568",
        "\"weights\":12973440",
        "\"operators\":[{\"id\":0,",
        "\"type\":\"Conv\",\"unit\":\"crossbar\",\"output_shape\":[1,128,32,32]",
        "\"matrix_rows\":27,\"matrix_cols\":128,\"groups\":1,\"mvms\":1024",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strstr(cim_text_str(&t), keys[i]))
            fail_msg("JSON lacks %s", keys[i]);
    cim_text_clear(&t);
    cim_cc_model_write_text(m, &t);
    assert_non_null(strstr(cim_text_str(&t), "MACs       615917568"));
    assert_non_null(strstr(cim_text_str(&t), "not counted: "));
    assert_non_null(strstr(cim_text_str(&t), "is dynamic: taken as 1"));
    cim_text_clear(&t);
    cim_cc_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtins),        cmocka_unit_test(batch_scales),
        cmocka_unit_test(sequence_length), cmocka_unit_test(options_refused),
        cmocka_unit_test(corpus),          cmocka_unit_test(no_memory),
        cmocka_unit_test(writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
