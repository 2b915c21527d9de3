/* The cycle simulator against schedules worked out by hand, and flows that cannot run. */
#include "sched/cycle.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Convolution-like operators in a chain on a chip of one-crossbar cores. A product takes 4 phases of
 * 10 ns, then 3 ns of conversion; an operator has 4 rows of 2 products unless a test says otherwise. */
typedef struct bench {
    cim_cc_op ops[3];
    cim_cc_edge edges[3];
    cim_cc_input input;
    cim_cc_op_id output;
    cim_cc_graph graph;
    cim_hw_arch arch;
    cim_cost_chip chip;
    cim_arena arena;
    cim_cc_prepared *prepared;
    const cim_cc_plan *plan;
    cim_cc_program *flow;
    cim_cc_cycle cycle;
    cim_err err;
} bench;

static void add_op(bench *b, cim_cc_unit unit, int64_t rows, int64_t products)
{
    static const char *const names[] = {"first", "second", "third"};
    uint32_t i = b->graph.n_ops++;
    b->ops[i] = (cim_cc_op){.name = names[i],
                            .type = unit == CIM_CC_UNIT_CROSSBAR ? "Conv" : "Relu",
                            .unit = unit,
                            .rows = rows,
                            .images = 1,
                            .rank = 1,
                            .in_elements = 8 * products,
                            .out_elements = 8 * products,
                            .matrix_rows = 8,
                            .matrix_cols = 8,
                            .groups = 1,
                            .mvms = products,
                            .macs = 64 * products,
                            .first_edge = b->graph.n_edges};
    b->ops[i].shape[0] = b->ops[i].out_elements;
    b->graph.macs += b->ops[i].macs;
    b->output = i;
    b->ops[i].n_edges = 1;
    b->edges[b->graph.n_edges++] = (cim_cc_edge){.producer = i == 0 ? CIM_CC_INVALID : i - 1,
                                                 .elements = b->ops[i].in_elements,
                                                 .num = 1,
                                                 .den = 1,
                                                 .span = 1};
}

static bench *setup(void)
{
    static bench b;
    memset(&b, 0, sizeof b);
    b.input = (cim_cc_input){.name = "x", .rank = 1, .shape = {64}, .elements = 64};
    b.graph = (cim_cc_graph){.name = "chain",
                             .ops = b.ops,
                             .edges = b.edges,
                             .inputs = &b.input,
                             .n_inputs = 1,
                             .outputs = &b.output,
                             .n_outputs = 1};
    cim_hw_arch *a = &b.arch;
    a->computing_mode = CIM_HW_MODE_CROSSBAR;
    a->chip.cores = 3;
    a->core.crossbars = 1;
    a->chip.noc_bits_per_cycle = a->chip.buffer_kib = a->chip.buffer_bits_per_cycle = NAN;
    a->chip.alu_ops_per_cycle = a->chip.offchip_gb_per_s = NAN;
    a->core.buffer_kib = a->core.buffer_bits_per_cycle = a->core.alu_ops_per_cycle = NAN;
    a->crossbar.rows = a->crossbar.cols = a->crossbar.parallel_rows = 64;
    a->crossbar.adcs = 1;
    a->crossbar.adc_bits = 8;
    a->crossbar.dac_bits = 1;
    a->device.type = CIM_HW_DEVICE_RERAM;
    a->device.bits_per_cell = 1;
    a->workload.weight_bits = a->workload.activation_bits = 4;
    a->workload.batch = 1;
    a->schedule.level = CIM_HW_LEVEL_CG;
    a->schedule.pipeline = 1;
    a->schedule.effort = 1;
    a->schedule.duplication = CIM_HW_DUPLICATION_NONE;
    a->schedule.peak_power_cap_w = NAN;
    cim_cost_chip *c = &b.chip;
    c->clock_ns = 1.0;
    c->read_ns = c->step_ns = 10.0;
    c->mvm_fill_ns = 3.0;
    c->write_row_ns = 2.0;
    c->alu_add_cycles = c->alu_mul_cycles = c->alu_div_cycles = c->alu_special_cycles = 1.0;
    c->core_alu_ops_per_ns = c->chip_alu_ops_per_ns = c->l1_bits_per_ns = INFINITY;
    c->l0_bits_per_ns = c->noc_link_bits_per_ns = c->offchip_bits_per_ns = INFINITY;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        c->unit_pj[e] = 0.1;
    c->leakage_mw = 5.0;
    c->area_mm2 = 1.0;
    cim_arena_init(&b.arena);
    return &b;
}

static void compile(bench *b)
{
    cim_cc_result r;
    assert_int_equal(cim_cc_prepare(&b->graph, &b->prepared, NULL), CIM_OK);
    assert_int_equal(cim_cc_compile(b->prepared, &b->arch, &b->chip, &b->arena, &r, &b->plan, NULL),
                     CIM_OK);
    assert_true(r.feasible);
    assert_int_equal(cim_cc_flow_emit(b->plan, &b->flow, NULL), CIM_OK);
}

static cim_status run(bench *b)
{
    return cim_cc_cycle_run(b->plan, b->flow, NULL, &b->cycle, &b->err);
}

static void teardown(bench *b)
{
    cim_cc_cycle_clear(&b->cycle);
    cim_cc_program_destroy(b->flow);
    cim_cc_prepared_destroy(b->prepared);
    cim_arena_clear(&b->arena);
}

static void ends(bench *b, const double *expected, uint32_t n)
{
    compile(b);
    assert_int_equal(run(b), CIM_OK);
    assert_int_equal(b->cycle.n_ops, n);
    for (uint32_t i = 0; i < n; i++)
        assert_true(fabs(b->cycle.ops[i].end_ns - expected[i]) < 1e-9);
    assert_true(fabs(b->cycle.latency_ns - expected[n - 1]) < 1e-9);
    teardown(b);
}

static void products_follow_each_other(void **unused)
{
    (void)unused;
    bench *b = setup();
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    ends(b, (const double[]){8 * 40 + 3}, 1);
}

/* The second operator starts with row 1 at 83 and always waits for the next row: 4 * 80 + 3 is the
 * last, two products more. */
static void rows_are_waited_for(void **unused)
{
    (void)unused;
    bench *b = setup();
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    ends(b, (const double[]){323, 323 + 80 + 3}, 2);
    b = setup();
    b->arch.schedule.level = CIM_HW_LEVEL_NONE; /* one after another */
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    ends(b, (const double[]){323, 646}, 2);
}

/* 32 bits in and out of every product over a bus of 1 bit/ns.
 *   in    0..32  32..64            crossbar  32..72  72..112
 *   out   75..107  115..147 */
static void transfers_share_a_bus(void **unused)
{
    (void)unused;
    bench *b = setup();
    b->chip.l0_bits_per_ns = 1.0;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 1, 2);
    ends(b, (const double[]){147}, 1);
    /* two copies: crossbars 32..72 and 64..104, out 75..107 and 107..139 */
    b = setup();
    b->chip.l0_bits_per_ns = 1.0;
    b->arch.schedule.duplication = CIM_HW_DUPLICATION_EXACT;
    b->arch.chip.cores = 2;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 1, 2);
    compile(b);
    if (b->plan->nodes[0].choice_copies[b->plan->nodes[0].pick] == 2) {
        assert_int_equal(run(b), CIM_OK);
        assert_true(fabs(b->cycle.latency_ns - 139) < 1e-9);
        assert_true(fabs(b->cycle.utilization[CIM_CC_RES_L0] - 128.0 / 139.0) < 1e-9);
        assert_true(fabs(b->cycle.utilization[CIM_CC_RES_CROSSBAR] - 80.0 / 139.0 / 2.0) < 1e-9);
    }
    teardown(b);
}

/* Digital steps of 100 operations on a pool of 10 per ns: rows exist at 83, 163, 243, 323. */
static void steps_share_the_pool(void **unused)
{
    (void)unused;
    bench *b = setup();
    b->chip.chip_alu_ops_per_ns = 10.0;
    b->arch.chip.alu_ops_per_cycle = 10.0;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    add_op(b, CIM_CC_UNIT_DIGITAL, 4, 8);
    b->ops[1].alu_add = 400;
    ends(b, (const double[]){323, 333}, 2);
    b = setup();
    b->chip.chip_alu_ops_per_ns = 1.0; /* 100 ns a step: slower than rows come */
    b->arch.chip.alu_ops_per_cycle = 1.0;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    add_op(b, CIM_CC_UNIT_DIGITAL, 4, 8);
    b->ops[1].alu_add = 400;
    ends(b, (const double[]){323, 83 + 400}, 2);
}

/* All products at once at 2 copies draw twice the power of one; and so does a window of one activation. */
static void power_is_what_works(void **unused)
{
    (void)unused;
    bench *b = setup();
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    compile(b);
    assert_int_equal(run(b), CIM_OK);
    double pj = b->plan->energy_total_pj - 5.0 * b->plan->latency_ns;
    assert_true(fabs(b->cycle.window_ns - 10.0) < 1e-9);
    assert_true(fabs(b->cycle.peak_total_mw - (pj / 320.0 + 5.0)) < 1e-9);
    assert_true(fabs(b->cycle.instant_mw - b->cycle.peak_total_mw) < 1e-9);
    assert_true(fabs(b->cycle.traced_pj - (pj + 5.0 * 323.0)) < 1e-6);
    teardown(b);
}

/* Inferences follow each other by the slowest operator's 320 ns. */
static void batches_are_extrapolated(void **unused)
{
    (void)unused;
    bench *b = setup();
    b->arch.workload.batch = 100;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    compile(b);
    assert_int_equal(run(b), CIM_OK);
    assert_true(b->cycle.simulated < 100 && b->cycle.batch == 100);
    assert_true(fabs(b->cycle.interval_ns - 320.0) < 1e-9);
    assert_true(fabs(b->cycle.latency_ns - (406 + 99 * 320.0)) < 1e-6);
    teardown(b);
}

/* ---- flows that cannot run -------------------------------------------------------------------------- */

/* The wait of the n-th operator that has one. */
static cim_cc_item *wait_at(bench *b, uint32_t n)
{
    for (uint32_t i = 0; i < b->flow->n_items; i++)
        if (b->flow->items[i].kind == CIM_CC_ITEM_STATEMENT &&
            b->flow->items[i].mop == CIM_CC_MOP_WAIT && n-- == 0)
            return &b->flow->items[i];
    fail();
    return NULL;
}

static void set_rows(bench *b, const cim_cc_item *wait, int64_t rows)
{
    cim_cc_expr e = b->flow->args[wait->args + CIM_CC_WAIT_ROWS].expr;
    b->flow->exprs[e] = (cim_cc_expr_node){.op = CIM_CC_EX_CONST, .value = rows};
}

static bench *three(void)
{
    bench *b = setup();
    for (int i = 0; i < 3; i++)
        add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    return b;
}

static void refused(bench *b, const char *where, const char *what)
{
    assert_int_equal(run(b), CIM_E_INPUT);
    assert_string_equal(b->err.where, where);
    if (!strstr(b->err.message, what))
        fail_msg("%s", b->err.message);
    teardown(b);
}

static void rows_that_do_not_exist(void **unused)
{
    (void)unused;
    bench *b = three();
    compile(b);
    set_rows(b, wait_at(b, 1), 1); /* the third operator waits for one row of the second only */
    refused(b, "third", "row 2 reads rows of second that do not exist yet");
}

static void a_wait_without_end(void **unused)
{
    (void)unused;
    bench *b = three();
    compile(b);
    b->flow->args[wait_at(b, 0)->args + CIM_CC_WAIT_TENSOR].id = 2; /* the second for the third */
    refused(b, "second", "waits for ever before its row 1: third");
}

static void windows_hold_producers_back(void **unused)
{
    (void)unused;
    bench *b = three();
    compile(b);
    b->flow->tensors[0].window = 1; /* a row is computed when the one before has been read */
    assert_int_equal(run(b), CIM_OK);
    assert_true(b->cycle.latency_ns > 323 + 83 + 83);
    teardown(b);
    b = three();
    b->edges[1].offset = 1; /* its reader needs two rows at a time */
    b->edges[1].span = 2;
    compile(b);
    b->flow->tensors[0].window = 1;
    refused(b, "first", "waits for ever before its row 2: 1 rows are kept, and second");
}

static void memory_runs_out(void **unused)
{
    (void)unused;
    bench *b = three();
    compile(b);
    const cim_cc_cycle_options options = {.slices = true};
    cim_status st = CIM_E_NOMEM;
    unsigned long n = 0;
    while (st == CIM_E_NOMEM && n < 1000) {
        cim_alloc_fail_after(++n);
        st = cim_cc_cycle_run(b->plan, NULL, &options, &b->cycle, NULL);
        cim_alloc_fail_after(0);
    }
    assert_int_equal(st, CIM_OK);
    assert_true(n > 10);
    teardown(b);
}

/* Two lines of a text, one after the other, change places. */
static void swap_lines(char *text, const char *first)
{
    char *a = strstr(text, first), line[200], other[200];
    assert_non_null(a);
    while (a > text && a[-1] != '\n')
        a--;
    char *b = strchr(a, '\n') + 1, *end = strchr(b, '\n') + 1;
    snprintf(line, sizeof line, "%.*s", (int)(b - a), a);
    snprintf(other, sizeof other, "%.*s", (int)(end - b), b);
    memcpy(a, other, strlen(other));
    memcpy(a + strlen(other), line, strlen(line));
}

/* Row groups of a crossbar are counted, whether those of others are read in between or not. */
static void rows_of_crossbars_take_turns(void **unused)
{
    (void)unused;
    bench *b = setup();
    cim_text t;
    add_op(b, CIM_CC_UNIT_CROSSBAR, 4, 8);
    b->ops[0].matrix_cols = 24; /* on two crossbars */
    b->arch.computing_mode = CIM_HW_MODE_WORDLINE;
    b->arch.crossbar.parallel_rows = 3;
    b->arch.core.crossbars = 3;
    b->chip.l1_bits_per_ns = 16.0;
    compile(b);
    assert_int_equal(run(b), CIM_OK);
    double ns = b->cycle.latency_ns, pj = b->cycle.energy_total_pj;
    assert_true(ns > 8 * 3 * 40);
    cim_cc_cycle_clear(&b->cycle);
    cim_text_init(&t);
    cim_cc_flow_write(b->flow, &b->graph, &t);
    swap_lines(t.s, "parallel for u in ");
    cim_cc_program_destroy(b->flow);
    assert_int_equal(cim_cc_flow_parse(t.s, t.n, "turns", &b->graph, &b->flow, &b->err), CIM_OK);
    cim_text_clear(&t);
    assert_int_equal(run(b), CIM_OK);
    assert_true(fabs(b->cycle.latency_ns - ns) < 1e-9 * ns);
    assert_true(fabs(b->cycle.energy_total_pj - pj) < 1e-9 * pj);
    teardown(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_follow_each_other),   cmocka_unit_test(rows_are_waited_for),
        cmocka_unit_test(transfers_share_a_bus),        cmocka_unit_test(steps_share_the_pool),
        cmocka_unit_test(power_is_what_works),          cmocka_unit_test(batches_are_extrapolated),
        cmocka_unit_test(rows_that_do_not_exist),       cmocka_unit_test(a_wait_without_end),
        cmocka_unit_test(windows_hold_producers_back),  cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(rows_of_crossbars_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
