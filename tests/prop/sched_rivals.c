/* Never slower than public heuristics: a part of what tests/bench/sched_baselines compares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"

#include <math.h>

#include "tests/prop/sched_rivals.h"

static cim_cost_library *library;

static void compare(const cim_cc_prepared *p, cim_hw_arch *a, const char *network)
{
    char reason[CIM_CC_REASON];
    cim_cost_chip chip;
    cim_arena ar;
    if (!cim_hw_arch_consistent(a, reason, sizeof reason))
        return; /* a level that the mode does not offer */
    assert_true(cim_cost_chip_price(library, a, &chip, reason, sizeof reason));
    cim_arena_init(&ar);
    const rival_case q = {.prepared = p, .arch = a, .chip = &chip, .ar = &ar};
    cim_cc_result ours, other;
    assert_int_equal(rivals_price_ours(&q, &ours), CIM_OK);
    for (int who = 0; who < N_RIVALS; who++) {
        assert_int_equal(rivals_price(&q, (rival)who, &other), CIM_OK);
        if (!other.feasible)
            continue;
        double theirs_s = other.metrics[CIM_M_LATENCY_S];
        if (!ours.feasible || ours.metrics[CIM_M_LATENCY_S] > theirs_s * (1.0 + 1e-9))
            fail_msg("%s on %s, level %s, pipeline %d: %.9g s, %s needs %.9g s", network, a->name,
                     cim_hw_level_words[a->schedule.level], (int)a->schedule.pipeline,
                     ours.feasible ? ours.metrics[CIM_M_LATENCY_S] : NAN, rival_names[who],
                     theirs_s);
    }
    cim_arena_clear(&ar);
}

static void never_slower(void **unused)
{
    static const char *const networks[] = {"vgg7", "resnet18", "resnet50", "mobilenet_v2",
                                           "bert_base"};
    const char *preset;
    char line[256];
    (void)unused;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        cim_cc_model *model = NULL;
        cim_cc_prepared *p = NULL;
        assert_int_equal(cim_cc_model_load(networks[i], NULL, &model, NULL), CIM_OK);
        assert_int_equal(cim_cc_prepare(cim_cc_model_graph(model), &p, NULL), CIM_OK);
        for (size_t j = 0; cim_hw_preset_at(j, &preset, line, sizeof line); j++)
            for (int k = 0; k < 6; k++) {
                cim_hw_arch a;
                assert_int_equal(cim_hw_arch_load(preset, &a, NULL), CIM_OK);
                a.schedule.level = CIM_HW_LEVEL_CG + k / 2;
                a.schedule.pipeline = k % 2;
                compare(p, &a, networks[i]);
                cim_hw_arch_clear(&a);
            }
        cim_cc_prepared_destroy(p);
        cim_cc_model_destroy(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(never_slower)};
    cim_rng_library_init();
    if (cim_cost_library_load(&library, NULL) != CIM_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cim_cost_library_destroy(library);
    return failed;
}
