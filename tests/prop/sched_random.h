/* Small random networks and a chip whose unit costs are set by hand, so that nothing but sched is
 * tested. Include after cmocka.h. */
#ifndef CIM_TESTS_PROP_SCHED_RANDOM_H
#define CIM_TESTS_PROP_SCHED_RANDOM_H

#include "hwspace/base/rng.h"
#include "sched/plan_internal.h"
#include "tests/prop/require.h"

#include <math.h>
#include <string.h>

enum { FEW_OPS = 9, MAX_OPS = 14, MAX_EDGES = 3 * MAX_OPS };

typedef struct network {
    cim_cc_graph graph;
    cim_cc_op ops[MAX_OPS];
    cim_cc_edge edges[MAX_EDGES];
    cim_cc_op_id output;
} network;

/* Convolution-like operators in a row, with skip edges. */
static inline void random_network(cim_rng *rng, network *n)
{
    memset(n, 0, sizeof *n);
    n->graph = (cim_cc_graph){.name = "random",
                              .ops = n->ops,
                              .edges = n->edges,
                              .n_ops = 2 + (uint32_t)cim_rng_below(rng, FEW_OPS - 1),
                              .outputs = &n->output,
                              .n_outputs = 1};
    for (uint32_t i = 0; i < n->graph.n_ops; i++) {
        cim_cc_op *op = &n->ops[i];
        op->name = "op";
        op->type = "Conv";
        op->unit = cim_rng_below(rng, 4) ? CIM_CC_UNIT_CROSSBAR : CIM_CC_UNIT_DIGITAL;
        op->rows = 1 + (int64_t)cim_rng_below(rng, 12);
        op->images = 1;
        op->rank = 1;
        op->shape[0] = op->out_elements = op->rows * 16;
        op->in_elements = 64;
        op->alu_add = op->unit == CIM_CC_UNIT_DIGITAL ? 1000 : 0;
        op->matrix_rows = 1 + (int64_t)cim_rng_below(rng, 200);
        op->matrix_cols = 1 + (int64_t)cim_rng_below(rng, 60);
        op->groups = 1;
        op->cols = 1 + (int64_t)cim_rng_below(rng, 12);
        op->mvms = op->rows * op->cols;
        op->macs = op->matrix_rows * op->matrix_cols * op->mvms;
        n->graph.macs += op->macs;
        op->first_edge = n->graph.n_edges;
        for (uint32_t back = 1; back <= 2 && back <= i; back++) {
            if (back == 2 && cim_rng_below(rng, 2))
                continue;
            cim_cc_edge *e = &n->edges[n->graph.n_edges++];
            *e = (cim_cc_edge){.producer = i - back,
                               .elements = 16,
                               .num = 1,
                               .den = 1,
                               .offset = (int64_t)cim_rng_below(rng, 3),
                               .full = cim_rng_below(rng, 5) == 0};
            if (!e->full && cim_rng_below(rng, 4)) {
                e->cols = n->ops[i - back].cols;
                e->col_num = 1 + (int64_t)cim_rng_below(rng, 2);
                e->col_den = 1;
                e->col_offset = (int64_t)cim_rng_below(rng, 4) - 1;
            }
            op->n_edges++;
        }
    }
    n->output = n->graph.n_ops - 1;
}

static inline void chip_by_hand(cim_cost_chip *c, double clock)
{
    memset(c, 0, sizeof *c);
    c->clock_ns = 1.0 / clock;
    c->read_ns = c->step_ns = 10.0;
    c->mvm_fill_ns = 3.0;
    c->write_row_ns = 2.0;
    c->alu_add_cycles = c->alu_mul_cycles = c->alu_div_cycles = c->alu_special_cycles = 1.0;
    c->core_alu_ops_per_ns = 50.0;
    c->chip_alu_ops_per_ns = c->l1_bits_per_ns = c->l0_bits_per_ns = c->noc_link_bits_per_ns =
        INFINITY;
    c->offchip_bits_per_ns = 8.0;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        c->unit_pj[e] = 0.1;
    c->leakage_mw = 5.0;
    c->area_mm2 = 1.0;
    c->area_um2[0] = 1e6;
}

static inline void arch_by_hand(cim_rng *rng, cim_hw_arch *a)
{
    memset(a, 0, sizeof *a);
    a->computing_mode = CIM_HW_MODE_CROSSBAR;
    a->chip.cores = 3 + (int64_t)cim_rng_below(rng, 12);
    a->chip.noc_bits_per_cycle = a->chip.buffer_kib = a->chip.buffer_bits_per_cycle = NAN;
    a->chip.alu_ops_per_cycle = a->chip.offchip_gb_per_s = NAN;
    a->core.crossbars = 1 + (int64_t)cim_rng_below(rng, 3);
    a->core.buffer_kib = a->core.buffer_bits_per_cycle = NAN;
    a->core.alu_ops_per_cycle = 50.0;
    a->crossbar.rows = 64;
    a->crossbar.cols = 64;
    a->crossbar.parallel_rows = 64;
    a->crossbar.adcs = 1;
    a->crossbar.adc_bits = 8;
    a->crossbar.dac_bits = 1;
    a->device.type = CIM_HW_DEVICE_SRAM;
    a->device.bits_per_cell = 1;
    a->workload.weight_bits = 4;
    a->workload.activation_bits = 4;
    a->workload.batch = 1;
    a->schedule.level = cim_rng_below(rng, 2) ? CIM_HW_LEVEL_CG : CIM_HW_LEVEL_MVM;
    a->schedule.effort = 1;
    a->schedule.peak_power_cap_w = NAN;
}

#endif
