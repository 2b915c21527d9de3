/* What a point compiles to does not depend on what was in memory before: every network on every preset at its
 * deepest level, with every metric bit by bit, from an arena of zeros and from one of NaNs. */
#include "costmodel/cost.h"
#include "sched/model.h"
#include "sched/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA = 96 << 20 };

/* An arena whose memory has the given bytes, more of it than any point takes. */
static void fill(cim_arena *ar, int byte)
{
    cim_arena_reset(ar);
    void *all = cim_arena_take(ar, ARENA, 1);
    assert_non_null(all);
    memset(all, byte, ARENA);
    cim_arena_reset(ar);
}

static void compile_twice(const cim_cc_prepared *p, const cim_hw_arch *arch,
                          const cim_cost_chip *chip, cim_arena *ar, const char *what)
{
    cim_cc_result clean, dirty;
    fill(ar, 0);
    assert_int_equal(cim_cc_compile(p, arch, chip, ar, &clean, NULL, NULL), CIM_OK);
    fill(ar, 0xff);
    assert_int_equal(cim_cc_compile(p, arch, chip, ar, &dirty, NULL, NULL), CIM_OK);
    assert_int_equal(clean.feasible, dirty.feasible);
    if (clean.feasible && memcmp(clean.metrics, dirty.metrics, sizeof clean.metrics) != 0)
        fail_msg("%s on %s: latency %.17g s or %.17g s", what, arch->name, clean.metrics[0],
                 dirty.metrics[0]);
}

static void on_every_preset(const cim_cost_library *lib, const char *model, int64_t dynamic,
                            cim_arena *ar)
{
    static const int64_t deepest[] = {CIM_HW_LEVEL_CG, CIM_HW_LEVEL_MVM, CIM_HW_LEVEL_VVM};
    cim_cc_model_options options = {0};
    cim_cc_model *m = NULL;
    cim_cc_prepared *p = NULL;
    const char *chip_name;
    char line[256], reason[256];
    assert_int_equal(cim_cc_model_load(model, &options, &m, NULL), CIM_OK);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &p, NULL), CIM_OK);
    for (size_t i = 0; cim_hw_preset_at(i, &chip_name, line, sizeof line); i++) {
        cim_hw_arch arch;
        cim_cost_chip chip;
        assert_int_equal(cim_hw_arch_load(chip_name, &arch, NULL), CIM_OK);
        arch.schedule.level = deepest[arch.computing_mode];
        arch.schedule.dynamic = dynamic;
        assert_true(cim_cost_chip_price(lib, &arch, &chip, reason, sizeof reason));
        compile_twice(p, &arch, &chip, ar, model);
        arch.chip.buffer_kib = 256.0; /* results wait off-chip, inferences overlap */
        arch.chip.offchip_gb_per_s = 0.5;
        arch.workload.batch = 3;
        assert_true(cim_cost_chip_price(lib, &arch, &chip, reason, sizeof reason));
        compile_twice(p, &arch, &chip, ar, model);
        cim_hw_arch_clear(&arch);
    }
    cim_cc_prepared_destroy(p);
    cim_cc_model_destroy(m);
}

static void memory_does_not_matter(void **unused)
{
    (void)unused;
    cim_cost_library *lib = NULL;
    cim_arena ar;
    const char *name, *line;
    cim_arena_init(&ar);
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    for (size_t i = 0; cim_cc_model_builtin_at(i, &name, &line); i++)
        on_every_preset(lib, name, CIM_HW_DYNAMIC_ALU, &ar);
    on_every_preset(lib, "swin_t", CIM_HW_DYNAMIC_CROSSBAR, &ar);
    on_every_preset(lib, "bert_base", CIM_HW_DYNAMIC_CROSSBAR, &ar);
    cim_cost_library_destroy(lib);
    cim_arena_clear(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_does_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
