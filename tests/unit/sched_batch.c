/* A batch through several segments: what a segment draws again and again must leave room for what the
 * later ones draw once (found by the address sanitizer). */
#include "sched/model.h"
#include "sched/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void batches_in_segments(void **state)
{
    (void)state;
    static const char *const batches[] = {"workload.batch=2", "workload.batch=5",
                                          "workload.batch=1000"};
    cim_cc_model *m = NULL;
    cim_cost_library *lib = NULL;
    cim_cc_prepared *p = NULL;
    cim_hw_arch a;
    char reason[256];
    assert_int_equal(cim_cc_model_load("resnet50", NULL, &m, NULL), CIM_OK);
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &p, NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_load("puma", &a, NULL), CIM_OK);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        cim_cost_chip chip;
        cim_cc_result result;
        cim_arena ar;
        assert_int_equal(cim_hw_arch_set(&a, batches[i], NULL), CIM_OK);
        assert_true(cim_cost_chip_price(lib, &a, &chip, reason, sizeof reason));
        cim_arena_init(&ar);
        assert_int_equal(cim_cc_compile(p, &a, &chip, &ar, &result, NULL, NULL), CIM_OK);
        assert_true(result.feasible);
        assert_true(result.metrics[CIM_M_PEAK_POWER_W] >=
                    result.metrics[CIM_M_AVG_POWER_W] * (1 - 1e-9));
        cim_arena_clear(&ar);
    }
    cim_hw_arch_clear(&a);
    cim_cc_prepared_destroy(p);
    cim_cost_library_destroy(lib);
    cim_cc_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(batches_in_segments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
