/* Meta-operator flows: expressions, tiles, text and back, every plan's flow is legal, memory. What a wrong
 * flow is answered with: tests/cli/flow.py. */
#include "costmodel/cost.h"
#include "hwspace/base/memory.h"
#include "sched/flow.h"
#include "sched/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- expressions --------------------------------------------------------------------------------- */

static int64_t binary(cim_cc_expr_op op, int64_t x, int64_t y, bool folded)
{
    cim_cc_builder b = {.p = cim_cc_program_create()};
    const int64_t frame[] = {x, y};
    cim_cc_expr l = folded ? cim_cc_ex_const(&b, x) : cim_cc_ex_var(&b, 0);
    cim_cc_expr r = folded ? cim_cc_ex_const(&b, y) : cim_cc_ex_var(&b, 1);
    int64_t v = cim_cc_expr_value(b.p, cim_cc_ex(&b, op, l, r), frame);
    assert_false(b.failed);
    cim_cc_program_destroy(b.p);
    return v;
}

static void expressions_have_values(void **state)
{
    (void)state;
    const int64_t big = INT64_C(1) << 53, none = CIM_CC_UNDEFINED;
    const struct {
        cim_cc_expr_op op;
        int64_t x, y, value;
    } cases[] = {
        {CIM_CC_EX_ADD, 3, 4, 7},        {CIM_CC_EX_SUB, 3, 4, -1},
        {CIM_CC_EX_MUL, -3, 4, -12},     {CIM_CC_EX_DIV, 7, 2, 3},
        {CIM_CC_EX_DIV, 0, 5, 0},        {CIM_CC_EX_DIV, 7, 0, none},
        {CIM_CC_EX_DIV, -7, 2, none},    {CIM_CC_EX_DIV, 7, -2, none},
        {CIM_CC_EX_MOD, 7, 4, 3},        {CIM_CC_EX_MOD, -1, 4, none},
        {CIM_CC_EX_MOD, 7, 0, none},     {CIM_CC_EX_MIN, -2, 9, -2},
        {CIM_CC_EX_MAX, -2, 9, 9},       {CIM_CC_EX_ADD, big, 0, big},
        {CIM_CC_EX_ADD, big, 1, none},   {CIM_CC_EX_SUB, -big, 1, none},
        {CIM_CC_EX_MUL, big, big, none}, {CIM_CC_EX_MUL, big, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int folded = 0; folded < 2; folded++)
            assert_int_equal(binary(cases[i].op, cases[i].x, cases[i].y, folded == 1),
                             cases[i].value);
    assert_int_equal(binary(CIM_CC_EX_ADD, none, 1, false), none);
}

/* ---- tiles ------------------------------------------------------------------------------------------- */

static int64_t draw(uint64_t *seed, int64_t low, int64_t high)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int64_t)((*seed >> 33) % (uint64_t)(high - low + 1));
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static cim_cc_tiling random_tiling(uint64_t *seed)
{
    cim_cc_tiling t = {.rows = draw(seed, 1, 20),
                       .cols = draw(seed, 1, 12),
                       .groups = draw(seed, 1, 5),
                       .slices = draw(seed, 1, 5),
                       .polarities = draw(seed, 1, 2),
                       .by_columns = draw(seed, 0, 1) == 1,
                       .column_major = draw(seed, 0, 1) == 1,
                       .pack = 1};
    int64_t width = t.cols * cim_cc_tiling_columns(&t);
    bool whole = draw(seed, 0, 2) == 0;
    t.tile_rows = whole ? t.rows : draw(seed, 1, t.rows);
    t.tile_cols = whole ? width : draw(seed, 1, width);
    t.row_tiles = divide_up(t.rows, t.tile_rows);
    t.col_tiles = divide_up(width, t.tile_cols);
    if (t.row_tiles * t.col_tiles == 1)
        t.pack = draw(seed, 1, t.groups);
    return t;
}

/* Every cell of every column of every weight is in one tile. */
static void covers(const cim_cc_tiling *t)
{
    int64_t each = cim_cc_tiling_columns(t), columns = t->slices * t->polarities;
    int64_t cells = t->groups * t->rows * t->cols * columns;
    uint8_t *seen = calloc((size_t)cells, 1);
    for (int64_t u = 0; u < cim_cc_tiling_tiles(t); u++) {
        cim_cc_tile at = cim_cc_tiling_at(t, u);
        assert_true(at.rows * at.groups <= cim_cc_tiling_rows(t));
        assert_true(at.weights * at.groups <= cim_cc_tiling_weights(t));
        for (int64_t g = at.group; g < at.group + at.groups; g++)
            for (int64_t r = at.first_row; r < at.first_row + at.rows; r++)
                for (int64_t x = at.first_col; x < at.first_col + at.cols; x++) {
                    int64_t w = x / each;
                    int64_t s = x % each + (t->by_columns ? 0 : at.slice * t->polarities);
                    assert_in_range(w, at.first_weight, at.first_weight + at.weights - 1);
                    assert_int_equal(seen[((g * t->rows + r) * t->cols + w) * columns + s]++, 0);
                }
    }
    for (int64_t i = 0; i < cells; i++)
        assert_int_equal(seen[i], 1);
    free(seen);
}

/* In a run of tiles, two share a place in the buffer only when they share rows or columns. */
static void layout_separates(const cim_cc_tiling *t, int64_t first, int64_t n)
{
    cim_cc_run_layout l = cim_cc_tiling_run(t, first, n);
    for (int64_t u = first; u < first + n; u++) {
        cim_cc_tile a = cim_cc_tiling_at(t, u);
        int64_t in = cim_cc_tiling_in_slot(t, first, u), out = cim_cc_tiling_out_slot(t, first, u);
        assert_in_range(in, 0, l.in_slots - 1);
        assert_in_range(out, 0, l.out_slots - 1);
        for (int64_t v = first; v < u; v++) {
            cim_cc_tile b = cim_cc_tiling_at(t, v);
            assert_true(cim_cc_tiling_in_slot(t, first, v) != in || a.row_slot == b.row_slot);
            assert_true(cim_cc_tiling_out_slot(t, first, v) != out || a.col_slot == b.col_slot);
        }
    }
}

static void tiles_cover_and_runs_separate(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        cim_cc_tiling t = random_tiling(&seed);
        int64_t tiles = cim_cc_tiling_tiles(&t), first = draw(&seed, 0, tiles - 1);
        int64_t n = draw(&seed, 1, tiles - first);
        covers(&t);
        layout_separates(&t, first, n < 40 ? n : 40);
    }
}

/* ---- plans ---------------------------------------------------------------------------------------------- */

typedef struct bench {
    cim_cc_model *model;
    cim_hw_arch arch;
    cim_cc_prepared *prepared;
    cim_arena ar;
    const cim_cc_plan *plan; /* NULL: infeasible */
} bench;

static void bench_open(bench *x, const char *network, const char *arch, const char *const *sets)
{
    cim_cost_library *library;
    cim_cost_chip chip;
    cim_cc_result result;
    cim_err err = {0};
    char reason[CIM_CC_REASON];
    assert_int_equal(cim_cc_model_load(network, NULL, &x->model, NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_load(arch, &x->arch, NULL), CIM_OK);
    for (; *sets; sets++)
        assert_int_equal(cim_hw_arch_set(&x->arch, *sets, NULL), CIM_OK);
    cim_arena_init(&x->ar);
    assert_true(cim_hw_arch_consistent(&x->arch, reason, sizeof reason));
    assert_int_equal(cim_cost_library_load(&library, &err), CIM_OK);
    assert_true(cim_cost_chip_price(library, &x->arch, &chip, reason, sizeof reason));
    cim_cost_library_destroy(library);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(x->model), &x->prepared, NULL), CIM_OK);
    assert_int_equal(cim_cc_compile(x->prepared, &x->arch, &chip, &x->ar, &result, &x->plan, NULL),
                     CIM_OK);
    if (!result.feasible)
        x->plan = NULL;
}

static void bench_close(bench *x)
{
    cim_arena_clear(&x->ar);
    cim_cc_prepared_destroy(x->prepared);
    cim_hw_arch_clear(&x->arch);
    cim_cc_model_destroy(x->model);
}

static void check_legal(const cim_cc_program *p, const bench *x)
{
    cim_err err = {0};
    cim_status s = cim_cc_flow_check(p, "flow", cim_cc_model_graph(x->model), &x->arch, &err);
    if (s != CIM_OK)
        print_message("%s: %s\n", err.where, err.message);
    assert_int_equal(s, CIM_OK);
}

/* Emitted, legal, and the same after writing and reading. */
static void round_trip(const char *network, const char *arch, const char *const *sets)
{
    bench x;
    bench_open(&x, network, arch, sets);
    const cim_cc_graph *g = cim_cc_model_graph(x.model);
    cim_cc_program *p = NULL, *q = NULL;
    cim_text once, twice;
    cim_err err = {0};
    assert_non_null(x.plan);
    assert_int_equal(cim_cc_flow_emit(x.plan, &p, NULL), CIM_OK);
    cim_text_init(&once);
    cim_text_init(&twice);
    cim_cc_flow_write(p, g, &once);
    cim_status s = cim_cc_flow_parse(cim_text_str(&once), once.n, "flow", g, &q, &err);
    if (s != CIM_OK)
        print_message("%s: %s\n", err.where, err.message);
    assert_int_equal(s, CIM_OK);
    check_legal(p, &x);
    check_legal(q, &x);
    cim_cc_flow_write(q, g, &twice);
    assert_string_equal(cim_text_str(&once), cim_text_str(&twice));
    cim_text_clear(&once);
    cim_text_clear(&twice);
    cim_cc_program_destroy(p);
    cim_cc_program_destroy(q);
    bench_close(&x);
}

static void flows_of_plans_are_legal(void **state)
{
    (void)state;
    static const char *const networks[] = {"vgg7", "resnet18", "mobilenet_v2"};
    static const struct {
        const char *arch, *sets[8];
    } chips[] = {
        {"isaac", {"schedule.level=none"}},
        {"isaac", {"schedule.level=cg"}},
        {"isaac", {"schedule.level=mvm"}},
        {"isaac", {"schedule.level=mvm", "schedule.binding=crossbars", "workload.batch=4"}},
        {"isaac", {"schedule.level=mvm", "schedule.pipeline=false", "chip.buffer_kib=64"}},
        {"isaac",
         {"schedule.level=mvm", "chip.cores=20", "device.type=sram", "device.bits_per_cell=1"}},
        {"puma", {"schedule.level=cg"}},
        {"puma", {"schedule.level=mvm", "crossbar.cols=90", "workload.weight_bits=5"}},
        {"jia2021", {"schedule.level=cg"}},
        {"jia2021", {"schedule.level=cg", "schedule.binding=crossbars"}},
        {"jain2021", {"schedule.level=vvm", "chip.cores=60"}},
        {"jain2021", {"schedule.level=vvm", "chip.cores=900", "schedule.objective=energy"}},
    };
    for (size_t n = 0; n < sizeof networks / sizeof *networks; n++)
        for (size_t i = 0; i < sizeof chips / sizeof *chips; i++)
            round_trip(networks[n], chips[i].arch, chips[i].sets);
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

/* Emit, write, read and check; every allocation fails once. */
static cim_status everything(const bench *x, const char *text, size_t size)
{
    const cim_cc_graph *g = cim_cc_model_graph(x->model);
    cim_cc_program *p = NULL;
    cim_err err = {0};
    cim_status s = cim_cc_flow_emit(x->plan, &p, &err);
    cim_cc_program_destroy(p);
    p = NULL;
    if (s == CIM_OK)
        s = cim_cc_flow_parse(text, size, "flow", g, &p, &err);
    if (s == CIM_OK)
        s = cim_cc_flow_check(p, "flow", g, &x->arch, &err);
    cim_cc_program_destroy(p);
    assert_true(s == CIM_OK || (s == CIM_E_NOMEM && err.message[0]));
    return s;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static const char *const sets[] = {"schedule.level=mvm", NULL};
    bench x;
    bench_open(&x, "vgg7", "isaac", sets);
    cim_cc_program *p = NULL;
    cim_text t;
    cim_text_init(&t);
    assert_int_equal(cim_cc_flow_emit(x.plan, &p, NULL), CIM_OK);
    cim_cc_flow_write(p, cim_cc_model_graph(x.model), &t);
    cim_cc_program_destroy(p);
    cim_status s = CIM_E_NOMEM;
    unsigned long n = 0;
    while (s != CIM_OK) {
        cim_alloc_fail_after(++n);
        s = everything(&x, cim_text_str(&t), t.n);
        cim_alloc_fail_after(0);
    }
    assert_true(n > 20);
    cim_text_clear(&t);
    bench_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_values),
        cmocka_unit_test(tiles_cover_and_runs_separate),
        cmocka_unit_test(flows_of_plans_are_legal),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
