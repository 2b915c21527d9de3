/* The geometry of a matrix on crossbars: tiles, slices, packing, row groups, cores. Pure arithmetic, shared by the map pass, code generation and their checks. sched/README.md, "Mapping". */
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

int64_t cim_cc_packed_groups(const cim_hw_arch *a, int64_t rows, int64_t cols, int64_t groups)
{
    int64_t columns = cim_hw_weight_polarities(a);
    if (a->schedule.binding == CIM_HW_BINDING_COLUMNS)
        columns *= cim_hw_weight_slices(a);
    if (!a->schedule.packing || groups == 1 || rows > a->crossbar.rows ||
        cols * columns > a->crossbar.cols)
        return 1;
    return least(groups, least(a->crossbar.rows / rows, a->crossbar.cols / (cols * columns)));
}

void cim_cc_map_matrix(const cim_cc_op *op, const cim_hw_arch *a, int64_t wanted, cim_cc_mapping *m)
{
    *m = (cim_cc_mapping){.by_columns = a->schedule.binding == CIM_HW_BINDING_COLUMNS,
                          .column_major = a->schedule.tiling == CIM_HW_TILING_COLUMNS};
    m->slices = cim_hw_weight_slices(a);
    m->polarities = cim_hw_weight_polarities(a);
    m->piece = m->by_columns ? 1 : m->slices;
    m->weight_cols = m->polarities * (m->by_columns ? m->slices : 1);
    m->pack = cim_cc_packed_groups(a, op->matrix_rows, op->matrix_cols, op->groups);
    int64_t cols = op->matrix_cols * m->weight_cols;
    cut_rows(op, a, wanted, m);
    m->tile_cols = least(cols, a->crossbar.cols);
    m->col_tiles = cim_cc_ceil_div(cols, a->crossbar.cols);
    m->crossbars = cim_cc_ceil_div(op->groups, m->pack) * m->row_tiles * m->col_tiles * m->piece;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Crossbars 0 .. n-1 lie in runs of `line`; a run that crosses the border of a core is in one core
 * more. Borders are the multiples of per_core; those that are multiples of `line` too cross none. */
static double cores_of_a_line(int64_t n, int64_t line, int64_t per_core)
{
    int64_t borders = (n - 1) / per_core;
    int64_t both = line / common_divisor(line, per_core) * per_core;
    return 1.0 + (double)(borders - (n - 1) / both) * (double)line / (double)n;
}

/* Crossbars of a line across the order of tiles: runs of `piece` neighbours, `line` apart. Borders of
 * cores inside a run, and the others up to the next run, each the start of one core more; where more
 * than one lies between two runs, the cores between them hold nothing of the line. */
static double cores_across(const cim_cc_mapping *m, int64_t line, int64_t lines, int64_t per_core)
{
    double inside = cores_of_a_line(m->crossbars, m->piece, per_core) - 1.0;
    double outside = (double)line / (double)per_core - inside;
    double mean =
        1.0 + (double)lines * inside + (double)(lines - 1) * (outside < 1.0 ? outside : 1.0);
    double cores = (double)cim_cc_ceil_div(m->crossbars, per_core);
    return mean < cores ? mean : cores;
}

cim_cc_spread cim_cc_map_spread(const cim_cc_mapping *m, bool column_major, int64_t per_core)
{
    int64_t line = (column_major ? m->row_tiles : m->col_tiles) * m->piece;
    /* a part of an operator larger than the chip holds only some lines */
    int64_t lines =
        least(column_major ? m->col_tiles : m->row_tiles, cim_cc_ceil_div(m->crossbars, line));
    double along = cores_of_a_line(m->crossbars, least(line, m->crossbars), per_core);
    double across = cores_across(m, line, lines, per_core);
    return column_major ? (cim_cc_spread){.input_cores = across, .sum_cores = along}
                        : (cim_cc_spread){.input_cores = along, .sum_cores = across};
}

double cim_cc_input_deliveries(const cim_hw_arch *a, const cim_cc_mapping *m)
{
    if (a->schedule.tiling != CIM_HW_TILING_COLUMNS)
        return 0.0;
    double more = cim_cc_map_spread(m, true, a->core.crossbars).input_cores -
                  cim_cc_map_spread(m, false, a->core.crossbars).input_cores;
    return more > 0.0 ? more : 0.0;
}
