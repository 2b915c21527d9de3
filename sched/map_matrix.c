/* The geometry of a matrix on crossbars: tiles, slices, packing, row groups. Pure integer
 * arithmetic, shared by the map pass, code generation and their checks. sched/README.md, "Mapping". */
#include "sched/plan_internal.h"

int64_t cim_cc_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Row tiles of one matrix (or, for packed groups, groups per crossbar) such that no crossbar needs
 * more than `wanted` row groups; 0: as few crossbars as possible. */
static void cut_rows(const cim_cc_op *op, const cim_hw_arch *a, int64_t wanted, cim_cc_mapping *m)
{
    int64_t rows = a->crossbar.rows, parallel = a->crossbar.parallel_rows;
    bool balanced = a->schedule.remap && a->schedule.level >= CIM_HW_LEVEL_VVM;
    int64_t most = wanted > 0 ? least(rows, wanted * parallel) : rows;
    m->pack = m->pack > 1 && op->matrix_rows <= most ? least(m->pack, most / op->matrix_rows) : 1;
    m->row_tiles = cim_cc_ceil_div(op->matrix_rows, most);
    m->tile_rows =
        balanced ? cim_cc_ceil_div(op->matrix_rows, m->row_tiles) : least(op->matrix_rows, most);
    m->rows_used = m->tile_rows * m->pack;
    m->row_groups = cim_cc_ceil_div(m->rows_used, parallel);
}

void cim_cc_map_matrix(const cim_cc_op *op, const cim_hw_arch *a, int64_t wanted, cim_cc_mapping *m)
{
    *m = (cim_cc_mapping){.pack = 1, .piece = 1};
    m->by_columns = a->schedule.binding == CIM_HW_BINDING_COLUMNS;
    m->slices = cim_cc_ceil_div(a->workload.weight_bits, a->device.bits_per_cell);
    m->piece = m->by_columns ? 1 : m->slices;
    int64_t cols = m->by_columns ? op->matrix_cols * m->slices : op->matrix_cols;
    if (op->groups > 1 && op->matrix_rows <= a->crossbar.rows && cols <= a->crossbar.cols)
        m->pack =
            least(op->groups, least(a->crossbar.rows / op->matrix_rows, a->crossbar.cols / cols));
    cut_rows(op, a, wanted, m);
    m->tile_cols = least(cols, a->crossbar.cols);
    m->col_tiles = cim_cc_ceil_div(cols, a->crossbar.cols);
    m->crossbars = cim_cc_ceil_div(op->groups, m->pack) * m->row_tiles * m->col_tiles * m->piece;
}
