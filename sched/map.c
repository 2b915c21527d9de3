/* Pass map: how each crossbar operator sits on crossbars, what one product costs in time, and how
 * an operator larger than the chip is cut into parts. Equations: sched/README.md, "Mapping". */
#include "hwspace/base/real.h"
#include "sched/dynamic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const cim_cc_limit_words[] = {"crossbar",  "adc", "local_buffer", "global_buffer",
                                          "noc",       "alu", "offchip",      "operand_write",
                                          "power_cap", "none"};

/* The same where row tiles of a column are neighbours: whole matrices, then whole columns of tiles. */
static double local_bits_by_columns(const cim_cc_op *op, const cim_hw_arch *a,
                                    const cim_cc_mapping *m, int64_t tiles)
{
    int64_t line = m->row_tiles * m->piece, matrix = line * m->col_tiles;
    int64_t whole = tiles / matrix, rest = tiles % matrix;
    int64_t part = cim_cc_ceil_div(rest, m->piece);
    int64_t row_tiles = whole * m->row_tiles + (part < m->row_tiles ? part : m->row_tiles);
    int64_t col_tiles = whole * m->col_tiles + cim_cc_ceil_div(rest, line);
    int64_t outputs = m->pack * cim_cc_ceil_div(m->tile_cols, m->weight_cols);
    double rows = cim_min((double)row_tiles * (double)m->rows_used,
                          (double)op->matrix_rows * (double)op->groups);
    double cols =
        cim_min((double)col_tiles * (double)outputs, (double)op->matrix_cols * (double)op->groups);
    return (rows + cols) * (double)a->workload.activation_bits;
}

/* Tiles of one row share their input, tiles of one column their output. */
double cim_cc_local_bits(const cim_cc_op *op, const cim_hw_arch *a, const cim_cc_mapping *m,
                         int64_t tiles)
{
    if (a->schedule.tiling == CIM_HW_TILING_COLUMNS)
        return local_bits_by_columns(op, a, m, tiles);
    int64_t per_row = m->col_tiles * m->piece;
    int64_t rows_of_tiles = m->column_major ? (tiles < m->row_tiles ? tiles : m->row_tiles)
                                            : cim_cc_ceil_div(tiles, per_row);
    double rows = cim_min((double)rows_of_tiles * (double)m->rows_used,
                          (double)op->matrix_rows * (double)op->groups);
    double cols = cim_min((double)tiles * (double)a->crossbar.cols,
                          (double)op->matrix_cols * (double)op->groups);
    return (rows + cols) * (double)a->workload.activation_bits;
}

double cim_cc_convert_ns(const cim_cc_plan *plan, const cim_cc_variant *v)
{
    const cim_hw_arch *a = &plan->arch;
    double phases = (double)cim_cc_ceil_div(a->workload.activation_bits, a->crossbar.dac_bits);
    return phases * (double)v->map.row_groups * plan->chip.step_ns;
}

double cim_cc_core_ns(const cim_cc_plan *plan, const cim_cc_variant *v, int resource)
{
    double per_core = (double)plan->arch.core.crossbars, crossbars = (double)v->crossbars;
    return v->core_ns[resource] * cim_min(1.0, per_core / crossbars);
}

/* Copies that share a core. One that takes several cores has its fullest for itself. */
double cim_cc_sharers(const cim_cc_plan *plan, const cim_cc_variant *v, double copies)
{
    double most = (double)plan->arch.core.crossbars / (double)v->crossbars;
    return plan->units_are_cores || most < 1.0 ? 1.0 : cim_min(copies, most);
}

/* The resources one product of one copy uses, one after another. Products of a copy follow each
 * other at the pace of the slowest; what a product takes beyond it is the fill. Copies that share a
 * core (level mvm) start together and pass its link, buffer and ALU one after another, like jobs through
 * a line of machines: the last one waits for all others at the slowest. */
cim_cc_pace cim_cc_variant_pace(const cim_cc_plan *plan, const cim_cc_variant *v, double copies)
{
    static const cim_cc_limit limit_of[CIM_CC_N_SHARED] = {
        [CIM_CC_SHARED_BUFFER] = CIM_CC_LIMIT_LOCAL_BUFFER,
        [CIM_CC_SHARED_LINK_IN] = CIM_CC_LIMIT_NOC,
        [CIM_CC_SHARED_LINK_OUT] = CIM_CC_LIMIT_NOC,
        [CIM_CC_SHARED_ALU] = CIM_CC_LIMIT_ALU};
    double sharers = cim_cc_sharers(plan, v, copies), most = 0.0;
    cim_cc_pace p = {.unit_ns = cim_cc_convert_ns(plan, v),
                     .limit = plan->chip.adc_ns > plan->chip.read_ns ? CIM_CC_LIMIT_ADC
                                                                     : CIM_CC_LIMIT_CROSSBAR};
    double once = p.unit_ns;
    for (int k = 0; k < CIM_CC_N_SHARED; k++) {
        double ns = cim_cc_core_ns(plan, v, k);
        once += ns;
        most = cim_max(most, ns * (sharers - 1.0));
        if (ns * sharers > p.unit_ns) {
            p.unit_ns = ns * sharers;
            p.limit = limit_of[k];
        }
    }
    p.first_fill_ns = v->pass_ns + (once - p.unit_ns);
    p.fill_ns = cim_max(0.0, p.first_fill_ns + most);
    return p;
}

cim_cc_pace cim_cc_copies_pace(const cim_cc_plan *plan, const cim_cc_variant *v, double copies)
{
    if (!cim_cc_pipelined(plan))
        return cim_cc_variant_pace(plan, v, copies);
    return (cim_cc_pace){.unit_ns = v->unit_ns,
                         .fill_ns = v->fill_ns,
                         .first_fill_ns = v->first_fill_ns,
                         .limit = v->limit};
}

/* What a product asks of every resource. */
static void time_product(const cim_cc_plan *plan, const cim_cc_op *op, cim_cc_op_id id,
                         cim_cc_variant *v)
{
    const cim_hw_arch *a = &plan->arch;
    const cim_cost_chip *c = &plan->chip;
    const cim_cc_mapping *m = &v->map;
    double bits = (double)a->workload.activation_bits, products = (double)op->mvms;
    double in = (plan->prepared->traffic_in[id] - cim_cc_written_elements(op)) * bits / products;
    double out = plan->prepared->traffic_out[id] * bits / products;
    v->adds = ((double)(m->row_tiles - 1) + (op->has_bias ? 1.0 : 0.0)) * (double)op->matrix_cols *
              (double)op->groups;
    int64_t fullest = v->crossbars < a->core.crossbars ? v->crossbars : a->core.crossbars;
    v->core_ns[CIM_CC_SHARED_BUFFER] = cim_cc_local_bits(op, a, m, fullest) / c->l1_bits_per_ns *
                                       (double)v->crossbars / (double)fullest;
    v->core_ns[CIM_CC_SHARED_LINK_IN] =
        in * (1.0 + cim_cc_input_deliveries(a, m)) / c->noc_link_bits_per_ns;
    v->core_ns[CIM_CC_SHARED_LINK_OUT] = out / c->noc_link_bits_per_ns;
    v->core_ns[CIM_CC_SHARED_ALU] = v->adds * c->alu_add_cycles / c->core_alu_ops_per_ns;
    v->pass_ns = c->mvm_fill_ns + (plan->bus_ns[id] + plan->link_ns[id]) / products;
    cim_cc_pace full = cim_cc_variant_pace(plan, v, INFINITY);
    v->unit_ns = full.unit_ns;
    v->fill_ns = full.fill_ns;
    v->first_fill_ns = full.first_fill_ns;
    v->limit = full.limit;
    v->before_ns = cim_cc_before_ns(plan, op, m);
}

static void time_write(const cim_cc_plan *plan, const cim_cc_op *op, double share, cim_cc_node *n)
{
    const cim_hw_arch *a = &plan->arch;
    const cim_cc_mapping *m = &n->variants->map;
    double weights = (double)op->matrix_rows * (double)op->matrix_cols * (double)op->groups * share;
    n->write_cells = weights * (double)(m->slices * m->polarities);
    if (cim_cc_op_is_written(op)) { /* at run time, not before */
        n->operand_pj = cim_cc_written_pj(plan, op) / n->n_parts;
        return;
    }
    n->write_ns = (double)m->rows_used * plan->chip.write_row_ns;
    n->write_bits = weights * (double)a->workload.weight_bits;
    n->write_pj = n->write_cells * plan->chip.unit_pj[CIM_EV_CELL_WRITE];
}

/* Cut an operator into the fewest equal parts that fit the chip. */
static bool node_parts(cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_mapping *m,
                       int64_t *parts, int64_t *crossbars)
{
    int64_t chip = plan->budget * (plan->units_are_cores ? plan->arch.core.crossbars : 1);
    if (m->piece > chip) {
        snprintf(plan->result.reason, sizeof plan->result.reason,
                 "operator %s: one tile with its %lld weight slices needs %lld crossbars, the chip "
                 "has %lld",
                 op->name, (long long)m->piece, (long long)m->piece, (long long)chip);
        return false;
    }
    int64_t fitting = chip / m->piece * m->piece;
    *parts = cim_cc_ceil_div(m->crossbars, fitting);
    *crossbars = cim_cc_ceil_div(m->crossbars / m->piece, *parts) * m->piece;
    return true;
}

/* What an operator needs of shared resources, and how long a digital operator takes. */
static void map_shared(cim_cc_plan *plan, cim_cc_op_id id)
{
    const cim_cc_op *op = &plan->graph->ops[id];
    const cim_cost_chip *c = &plan->chip;
    cim_cc_op_plan *o = &plan->ops[id];
    o->limit = CIM_CC_LIMIT_NONE;
    o->window_rows = op->rows * op->images;
    plan->link_ns[id] = cim_cc_border_bits(plan, id) / c->offchip_bits_per_ns;
    plan->bus_ns[id] = (plan->prepared->traffic_in[id] + plan->prepared->traffic_out[id]) *
                       (double)plan->arch.workload.activation_bits / c->l0_bits_per_ns;
    if (op->unit == CIM_CC_UNIT_CROSSBAR)
        return;
    double work =
        (double)op->alu_add * c->alu_add_cycles + (double)op->alu_mul * c->alu_mul_cycles +
        (double)op->alu_div * c->alu_div_cycles + (double)op->alu_special * c->alu_special_cycles;
    plan->alu_ns[id] = work / plan->alu_ops_per_ns;
    double busy = cim_max(plan->alu_ns[id], cim_max(plan->bus_ns[id], plan->link_ns[id]));
    if (busy > 0.0)
        o->limit = busy == plan->alu_ns[id]   ? CIM_CC_LIMIT_ALU
                   : busy == plan->bus_ns[id] ? CIM_CC_LIMIT_GLOBAL_BUFFER
                                              : CIM_CC_LIMIT_OFFCHIP;
    double steps = (double)(op->rows * op->images);
    plan->digital_ns[id] = busy;
    plan->digital_fill_ns[id] =
        (plan->alu_ns[id] + plan->bus_ns[id] + plan->link_ns[id] - busy) / steps;
    o->stage_ns = busy + plan->digital_fill_ns[id];
}

static void chip_rates(cim_cc_plan *plan)
{
    const cim_cost_chip *c = &plan->chip;
    const cim_hw_arch *a = &plan->arch;
    plan->units_are_cores = a->schedule.level < CIM_HW_LEVEL_MVM;
    int64_t cores = plan->overlapped ? a->chip.cores / 2 : a->chip.cores;
    plan->budget = plan->units_are_cores ? cores : cores * a->core.crossbars;
    plan->copy_budget = plan->budget;
    /* Digital operators use the chip's ALU and the cores' ALUs together; a rate that is not given
     * is no bottleneck. */
    bool chip_alu = isfinite(a->chip.alu_ops_per_cycle);
    bool core_alu = isfinite(a->core.alu_ops_per_cycle);
    plan->alu_ops_per_ns = INFINITY;
    if (chip_alu || core_alu)
        plan->alu_ops_per_ns = (chip_alu ? c->chip_alu_ops_per_ns : 0.0) +
                               (core_alu ? (double)a->chip.cores * c->core_alu_ops_per_ns : 0.0);
}

/* Variants of an operator in order of crossbars. Row remapping (level vvm): rows that the parallel-rows
 * limit would read one group after another are spread over more crossbars; the row groups are
 * halved from variant to variant. A variant must be faster than the one before it. */
static uint32_t list_variants(const cim_cc_plan *plan, const cim_cc_op *op, cim_cc_op_id id,
                              cim_cc_variant *out)
{
    const cim_hw_arch *a = &plan->arch;
    bool remap = a->schedule.remap && a->schedule.level >= CIM_HW_LEVEL_VVM;
    int64_t chip = plan->budget * (plan->units_are_cores ? a->core.crossbars : 1);
    uint32_t n = 0;
    for (int64_t wanted = 0; n < CIM_CC_MAX_VARIANTS;
         wanted = (out[n - 1].map.row_groups + 1) / 2) {
        cim_cc_variant *v = &out[n];
        cim_cc_map_matrix(op, a, wanted, &v->map);
        if (n > 0 && (v->map.crossbars > chip ||
                      !cim_cc_local_fits(plan, op, &v->map, 1, v->map.crossbars, NULL, 0)))
            break;
        v->units = plan->units_are_cores ? cim_cc_ceil_div(v->map.crossbars, a->core.crossbars)
                                         : v->map.crossbars;
        v->crossbars = v->map.crossbars;
        time_product(plan, op, id, v);
        if (n > 0 && !(v->unit_ns < out[n - 1].unit_ns))
            break; /* another resource limits: reading more rows at once does not pay */
        n++;
        if (!remap || v->map.row_groups == 1)
            break;
    }
    return n;
}

/* Count nodes first, so that the array is allocated once. */
static bool count_nodes(cim_cc_plan *plan, uint64_t *total)
{
    int64_t most = 0;
    const char *largest = "";
    *total = 0;
    for (uint32_t i = 0; i < plan->prepared->n_xb; i++) {
        const cim_cc_op *op = &plan->graph->ops[plan->prepared->xb[i]];
        cim_cc_mapping m;
        int64_t parts, crossbars;
        cim_cc_map_matrix(op, &plan->arch, 0, &m);
        if (!node_parts(plan, op, &m, &parts, &crossbars) ||
            !cim_cc_local_fits(plan, op, &m, parts, crossbars, plan->result.reason,
                               sizeof plan->result.reason))
            return false;
        *total += (uint64_t)parts;
        if (parts > most) {
            most = parts;
            largest = op->name;
        }
    }
    if (*total > 1u << 20) {
        snprintf(plan->result.reason, sizeof plan->result.reason,
                 "operator %.60s: its weights take %lld loads of the chip's %lld crossbars, all "
                 "operators %llu; this compiler schedules 1048576",
                 largest, (long long)most,
                 (long long)(plan->arch.chip.cores * plan->arch.core.crossbars),
                 (unsigned long long)*total);
        return false;
    }
    return true;
}

/* A part of an operator larger than the chip: a run of tiles. */
typedef struct part_of {
    int64_t rows; /* of its fullest crossbar */
    int64_t tiles;
    double weights; /* share of the operator's */
} part_of;

/* Rows in use and physical columns times rows of a tile, tiles in column-major order. */
static part_of tile_at(const cim_cc_op *op, const cim_cc_mapping *m, int64_t tile)
{
    int64_t set = tile / (m->row_tiles * m->col_tiles), at = tile % (m->row_tiles * m->col_tiles);
    int64_t groups = op->groups - set * m->pack, width = op->matrix_cols * m->weight_cols;
    groups = groups < m->pack ? groups : m->pack;
    int64_t row = at % m->row_tiles, col = at / m->row_tiles;
    int64_t rows = row + 1 < m->row_tiles ? m->tile_rows : op->matrix_rows - row * m->tile_rows;
    int64_t cols = col + 1 < m->col_tiles ? m->tile_cols : width - col * m->tile_cols;
    return (part_of){.rows = rows * groups, .weights = (double)(rows * cols * groups)};
}

static part_of part_at(const cim_cc_op *op, const cim_cc_mapping *m, int64_t part)
{
    int64_t tiles = m->crossbars / m->piece, first = part * tiles, end = first + tiles;
    int64_t all = cim_cc_ceil_div(op->groups, m->pack) * m->row_tiles * m->col_tiles;
    double whole =
        (double)op->matrix_rows * (double)op->groups * (double)(op->matrix_cols * m->weight_cols);
    part_of p = {0};
    for (int64_t t = first; t < end && t < all; t++, p.tiles++) {
        part_of tile = tile_at(op, m, t);
        p.rows = tile.rows > p.rows ? tile.rows : p.rows;
        p.weights += tile.weights / whole;
    }
    return p;
}

/* The variant of a part: the operator's, the one before's, or one of its own, whose crossbars use fewer
 * rows, or which has fewer of them. @return NULL: out of memory */
static const cim_cc_variant *part_variant(cim_cc_context *cx, cim_cc_op_id id,
                                          const cim_cc_variant *whole, const cim_cc_variant *before,
                                          const part_of *p)
{
    const cim_cc_plan *plan = cx->plan;
    int64_t crossbars = p->tiles * whole->map.piece;
    if (p->rows == whole->map.rows_used && crossbars == whole->crossbars)
        return whole;
    if (p->rows == before->map.rows_used && crossbars == before->crossbars)
        return before;
    cim_cc_variant *own = cim_arena_take(cx->ar, 1, sizeof *own);
    if (!own)
        return NULL;
    *own = *whole;
    own->crossbars = crossbars;
    own->map.rows_used = p->rows;
    own->map.row_groups = cim_cc_ceil_div(p->rows, plan->arch.crossbar.parallel_rows);
    time_product(plan, &plan->graph->ops[id], id, own);
    return own;
}

/* The nodes of one crossbar operator: one, or one per part. A part is a run of tiles in column-major
 * order, so that parts seldom share an output. */
static bool map_operator(cim_cc_context *cx, uint32_t xb)
{
    cim_cc_plan *plan = cx->plan;
    cim_cc_op_id id = plan->prepared->xb[xb];
    const cim_cc_op *op = &plan->graph->ops[id];
    cim_cc_variant v[CIM_CC_MAX_VARIANTS];
    int64_t parts, crossbars;
    uint32_t n_variants = list_variants(plan, op, id, v);
    if (!node_parts(plan, op, &v[0].map, &parts, &crossbars))
        return true; /* counted before: cannot happen */
    if (parts > 1) {
        n_variants = 1;
        v[0].map.crossbars = crossbars;
        v[0].map.column_major = true;
        v[0].units = plan->units_are_cores ? cim_cc_ceil_div(crossbars, plan->arch.core.crossbars)
                                           : crossbars;
        v[0].crossbars = crossbars;
        time_product(plan, op, id, &v[0]);
    }
    cim_cc_variant *kept = cim_arena_take(cx->ar, n_variants, sizeof *kept);
    if (!kept)
        return false;
    memcpy(kept, v, n_variants * sizeof *kept);
    const cim_cc_variant *before = kept;
    for (int64_t k = 0; k < parts; k++) {
        cim_cc_node *n = &plan->nodes[plan->n_nodes];
        n->op = id;
        n->xb = xb;
        n->part = (uint32_t)k;
        n->n_parts = (uint32_t)parts;
        part_of part = {.weights = 1.0};
        n->variants = kept;
        if (parts > 1) {
            part = part_at(op, &kept->map, k);
            n->variants = before = part_variant(cx, id, kept, before, &part);
            if (!before)
                return false;
        }
        n->n_variants = n_variants;
        n->units = kept[0].units;
        /* a written operand crosses the bus before the first product: before_ns */
        double bus = plan->bus_ns[id] - cim_cc_written_elements(op) *
                                            (double)plan->arch.workload.activation_bits /
                                            plan->chip.l0_bits_per_ns;
        n->floor_ns = cim_max(bus, plan->link_ns[id]);
        n->limit_floor =
            bus >= plan->link_ns[id] ? CIM_CC_LIMIT_GLOBAL_BUFFER : CIM_CC_LIMIT_OFFCHIP;
        time_write(plan, op, part.weights, n);
        plan->node_of[id] = plan->n_nodes++;
    }
    return true;
}

/* At a cut before operator c, results of operators before it that it or a later one reads must wait. */
static void wait_at_cuts(cim_cc_plan *plan, double *waiting)
{
    const cim_cc_graph *g = plan->graph;
    double bits = (double)(plan->arch.workload.activation_bits * plan->arch.workload.batch);
    for (uint32_t i = 0; i < g->n_ops; i++) {
        if (plan->prepared->last_reader[i] == i)
            continue;
        waiting[i + 1] += bits * (double)g->ops[i].out_elements;
        waiting[plan->prepared->last_reader[i] + 1] -= bits * (double)g->ops[i].out_elements;
    }
    for (uint32_t i = 1; i <= g->n_ops; i++)
        waiting[i] += waiting[i - 1];
    for (uint32_t k = 1; k < plan->n_nodes; k++)
        plan->wait_bits[k] = waiting[plan->nodes[k].op];
}

void cim_cc_expect_spill(cim_cc_plan *plan)
{
    double room = 0.5 * plan->arch.chip.buffer_kib * 8192.0;
    for (uint32_t k = 1; k < plan->n_nodes && !isnan(room); k++)
        plan->spill_bits[k] = 2.0 * cim_max(0.0, plan->wait_bits[k] - room);
}

bool cim_cc_pass_map(cim_cc_context *cx, cim_status *status)
{
    cim_cc_plan *plan = cx->plan;
    chip_rates(plan);
    uint64_t total;
    if (!count_nodes(plan, &total))
        return false;
    plan->nodes = cim_arena_alloc(cx->ar, (size_t)total, sizeof *plan->nodes);
    plan->node_of = cim_arena_take(cx->ar, plan->graph->n_ops, sizeof *plan->node_of);
    plan->spill_bits = cim_arena_alloc(cx->ar, (size_t)total + 1, sizeof *plan->spill_bits);
    plan->wait_bits = cim_arena_alloc(cx->ar, (size_t)total + 1, sizeof *plan->wait_bits);
    double *waiting = cim_arena_alloc(cx->ar, (size_t)plan->graph->n_ops + 2, sizeof *waiting);
    if (!plan->wait_bits || !plan->nodes || !plan->node_of || !plan->spill_bits || !waiting) {
        *status = CIM_E_NOMEM;
        return false;
    }
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        plan->node_of[i] = UINT32_MAX;
        map_shared(plan, i);
    }
    for (uint32_t i = 0; i < plan->prepared->n_xb; i++)
        if (!map_operator(cx, i)) {
            *status = CIM_E_NOMEM;
            return false;
        }
    wait_at_cuts(plan, waiting);
    cim_cc_expect_spill(plan);
    return true;
}
