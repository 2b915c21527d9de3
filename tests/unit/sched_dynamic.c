/* Products of two activations: the graph with them on crossbars, when they run, what writing costs. */
#include "sched/dynamic.h"
#include "sched/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/onnx_builder.h"

static void on_arrays(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("1,20,48", "48,48");
    const cim_cc_graph *g = cim_cc_model_graph(m);
    cim_arena ar;
    cim_arena_init(&ar);
    cim_cc_graph to;
    assert_true(cim_cc_graph_has_written(g));
    assert_int_equal(cim_cc_graph_on_arrays(g, &ar, &to), CIM_OK);
    assert_int_equal(cim_cc_graph_check(&to, NULL), CIM_OK);
    int moved = 0;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        const cim_cc_op *a = &g->ops[i], *b = &to.ops[i];
        assert_int_equal(cim_cc_op_is_written(a), false);
        if (!a->dynamic_product) {
            assert_memory_equal(a, b, sizeof *a);
            continue;
        }
        moved++;
        assert_true(cim_cc_op_is_written(b));
        assert_int_equal(b->alu_add + b->alu_mul, 0);
        assert_int_equal(a->alu_add, a->macs);
        assert_true(to.edges[b->first_edge + 1].full && to.edges[b->first_edge + 1].written);
        assert_false(to.edges[b->first_edge].full || b->together);
        assert_true(cim_cc_written_elements(b) == 20.0 * 48.0);
        assert_true(cim_cc_written_elements(a) == 0.0);
    }
    assert_int_equal(moved, 2);
    cim_arena_clear(&ar);
    cim_cc_model_destroy(m);
}

typedef struct point {
    cim_arena ar;
    cim_cc_result result;
    const cim_cc_plan *plan;
} point;

static void compile(const cim_cc_prepared *p, const cim_cost_library *lib, const char *const *sets,
                    point *out)
{
    cim_hw_arch a;
    cim_cost_chip chip;
    char reason[256];
    assert_int_equal(cim_hw_arch_load("isaac", &a, NULL), CIM_OK);
    for (; *sets; sets++)
        assert_int_equal(cim_hw_arch_set(&a, *sets, NULL), CIM_OK);
    assert_true(cim_hw_arch_consistent(&a, reason, sizeof reason));
    assert_true(cim_cost_chip_price(lib, &a, &chip, reason, sizeof reason));
    cim_arena_init(&out->ar);
    assert_int_equal(cim_cc_compile(p, &a, &chip, &out->ar, &out->result, &out->plan, NULL),
                     CIM_OK);
    assert_true(out->result.feasible);
    cim_hw_arch_clear(&a);
}

/* Writing takes rows x write time at least; it is paid per inference and copy, and the products wait for
 * the whole operand. */
static void written_when_complete(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("1,20,48", "48,48");
    cim_cost_library *lib = NULL;
    cim_cc_prepared *p = NULL;
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &p, NULL), CIM_OK);
    static const char *const pipelines[] = {"schedule.pipeline=true", "schedule.pipeline=false"};
    for (int k = 0; k < 2; k++) {
        point alu, xb;
        compile(p, lib, (const char *const[]){pipelines[k], NULL}, &alu);
        compile(p, lib,
                (const char *const[]){pipelines[k], "schedule.dynamic_products=crossbar", NULL},
                &xb);
        assert_int_equal(alu.plan->n_nodes + 2, xb.plan->n_nodes);
        assert_true(alu.plan->energy_pj[CIM_COST_CROSSBAR_WRITE] == 0.0);
        assert_true(xb.plan->energy_pj[CIM_COST_ALU] < alu.plan->energy_pj[CIM_COST_ALU]);
        double cells = 0.0;
        for (uint32_t i = 0; i < xb.plan->n_nodes; i++) {
            const cim_cc_node *n = &xb.plan->nodes[i];
            const cim_cc_op *op = &xb.plan->graph->ops[n->op];
            const cim_cc_variant *v = cim_cc_node_picked(n);
            if (!cim_cc_op_is_written(op)) {
                assert_true(v->before_ns == 0.0 && n->operand_pj == 0.0);
                continue;
            }
            assert_true(v->before_ns >= (double)v->map.rows_used * xb.plan->chip.write_row_ns);
            assert_true(n->write_ns == 0.0 && n->write_bits == 0.0 && n->write_pj == 0.0);
            cells +=
                20.0 * 48.0 * 4.0 * (double)n->choice_copies[n->pick]; /* 8 bits in 2-bit cells */
            const cim_cc_edge *e = &xb.plan->graph->edges[op->first_edge + 1];
            double done = xb.plan->ops[e->producer].end_ns;
            assert_true(xb.plan->ops[n->op].end_ns >=
                        done + v->before_ns + v->unit_ns + v->fill_ns - 1e-6);
        }
        assert_true(xb.plan->events[CIM_EV_CELL_WRITE] == cells);
        assert_true(xb.result.metrics[CIM_M_SQNR_DB] < alu.result.metrics[CIM_M_SQNR_DB]);
        cim_arena_clear(&alu.ar);
        cim_arena_clear(&xb.ar);
    }
    cim_cc_prepared_destroy(p);
    cim_cost_library_destroy(lib);
    cim_cc_model_destroy(m);
}

/* Two images: their matrices are side by side, and the first is done with the last. */
static void images_together(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("2,20,48", "48,48");
    cim_cc_prepared *p = NULL;
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &p, NULL), CIM_OK);
    const cim_cc_prepared *q = p->on_arrays;
    assert_non_null(q);
    assert_null(q->on_arrays);
    for (uint32_t i = 0; i < q->graph->n_ops; i++) {
        const cim_cc_op *op = &q->graph->ops[i];
        const cim_cc_stream *s = &q->fine.stream[i];
        if (!cim_cc_op_is_written(op))
            continue;
        assert_int_equal(op->groups, 2);
        assert_int_equal(s->steps, 2);
        assert_true(q->fine.products[s->offset] == (double)op->mvms);
        for (uint32_t k = op->first_edge; k < op->first_edge + 2; k++)
            assert_true(q->fine.need[k][0] == 2 && q->fine.need[k][1] == 2);
    }
    cim_cc_prepared_destroy(p);
    cim_cc_model_destroy(m);
}

/* So all rows of their operands and results are in the buffer at a time. */
static void images_kept_together(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("5,20,48", "48,48");
    cim_cost_library *lib = NULL;
    cim_cc_prepared *p = NULL;
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    assert_int_equal(cim_cc_prepare(cim_cc_model_graph(m), &p, NULL), CIM_OK);
    static const char *const stagger[] = {"schedule.stagger=false", "schedule.stagger=true"};
    int results = 0;
    for (int k = 0; k < 2; k++) {
        point x;
        compile(p, lib,
                (const char *const[]){"schedule.dynamic_products=crossbar", "chip.buffer_kib=512",
                                      "schedule.level=mvm", stagger[k], NULL},
                &x);
        const cim_cc_graph *g = x.plan->graph;
        for (uint32_t i = 0; i < g->n_ops; i++) {
            if (!cim_cc_op_is_written(&g->ops[i]))
                continue;
            assert_true(g->ops[i].together);
            for (uint32_t e = g->ops[i].first_edge; e <= g->ops[i].first_edge + 2; e++) {
                cim_cc_op_id id =
                    e < g->ops[i].first_edge + 2 ? (cim_cc_op_id)g->edges[e].producer : i;
                if (!(x.plan->prepared->traffic_out[id] > 0.0) ||
                    x.plan->prepared->last_reader[id] == id)
                    continue;
                int64_t rows = g->ops[id].rows * g->ops[id].images;
                assert_int_equal(x.plan->ops[id].window_rows, rows);
                results++;
            }
        }
        cim_arena_clear(&x.ar);
    }
    assert_true(results > 0);
    cim_cc_prepared_destroy(p);
    cim_cost_library_destroy(lib);
    cim_cc_model_destroy(m);
}

static void out_of_memory(void **state)
{
    (void)state;
    cim_cc_model *m = ob_attention("1,20,48", "48,48");
    cim_cc_prepared *p = NULL;
    unsigned long n = 1;
    for (; n < 1000; n++) {
        cim_alloc_fail_after(n);
        cim_status s = cim_cc_prepare(cim_cc_model_graph(m), &p, NULL);
        cim_alloc_fail_after(0);
        if (s == CIM_OK)
            break;
        assert_int_equal(s, CIM_E_NOMEM);
        assert_null(p);
    }
    assert_true(n > 2 && n < 1000);
    cim_cc_prepared_destroy(p);
    cim_cc_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_arrays),       cmocka_unit_test(written_when_complete),
        cmocka_unit_test(images_together), cmocka_unit_test(images_kept_together),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
