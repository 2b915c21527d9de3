/* Where the cells of an operator's matrices are: tiles, and what a core's buffer holds for them. */
#include "sched/flow.h"

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t cim_cc_tiling_piece(const cim_cc_tiling *t)
{
    return t->by_columns ? 1 : t->slices;
}

/* Packs of groups; groups when they are not packed. */
static int64_t packs(const cim_cc_tiling *t)
{
    return ceil_div(t->groups, t->pack);
}

int64_t cim_cc_tiling_tiles(const cim_cc_tiling *t)
{
    return packs(t) * t->row_tiles * t->col_tiles * cim_cc_tiling_piece(t);
}

int64_t cim_cc_tiling_rows(const cim_cc_tiling *t)
{
    return t->tile_rows * t->pack;
}

int64_t cim_cc_tiling_columns(const cim_cc_tiling *t)
{
    return t->by_columns ? t->slices * t->polarities : t->polarities;
}

int64_t cim_cc_tiling_weights(const cim_cc_tiling *t)
{
    int64_t each = cim_cc_tiling_columns(t), weights = t->tile_cols / each;
    if (t->tile_cols % each != 0) /* a tile may begin and end inside a weight */
        weights = (t->tile_cols + each - 2) / each + 1;
    return least(weights, t->cols) * t->pack;
}

cim_cc_tile cim_cc_tiling_at(const cim_cc_tiling *t, int64_t u)
{
    int64_t piece = cim_cc_tiling_piece(t), place = u / piece, i, j, g;
    if (t->column_major) {
        i = place % t->row_tiles;
        j = place / t->row_tiles % t->col_tiles;
    } else {
        j = place % t->col_tiles;
        i = place / t->col_tiles % t->row_tiles;
    }
    g = place / (t->row_tiles * t->col_tiles);
    cim_cc_tile tile = {.group = g * t->pack, .slice = u % piece};
    int64_t each = cim_cc_tiling_columns(t), width = t->cols * each;
    tile.groups = least(t->pack, t->groups - tile.group);
    tile.first_row = i * t->tile_rows;
    tile.rows = least(t->tile_rows, t->rows - tile.first_row);
    tile.first_col = j * t->tile_cols;
    tile.cols = least(t->tile_cols, width - tile.first_col);
    tile.first_weight = tile.first_col / each;
    tile.weights = (tile.first_col + tile.cols - 1) / each - tile.first_weight + 1;
    tile.row_slot = g * t->row_tiles + i;
    tile.col_slot = g * t->col_tiles + j;
    return tile;
}

/* Tiles that differ only in their slice count as one place. Row-major, the places of a run share rows
 * as long as the row tile is the same, and columns when they are a whole number of row tiles of one
 * matrix apart; column-major the other way round. */
int64_t cim_cc_tiling_in_slot(const cim_cc_tiling *t, int64_t first, int64_t u)
{
    int64_t piece = cim_cc_tiling_piece(t), a = first / piece, b = u / piece;
    if (!t->column_major)
        return b / t->col_tiles - a / t->col_tiles;
    return packs(t) == 1 ? (b - a) % t->row_tiles : b - a;
}

int64_t cim_cc_tiling_out_slot(const cim_cc_tiling *t, int64_t first, int64_t u)
{
    int64_t piece = cim_cc_tiling_piece(t), a = first / piece, b = u / piece;
    if (t->column_major)
        return b / t->row_tiles - a / t->row_tiles;
    return packs(t) == 1 ? (b - a) % t->col_tiles : b - a;
}

cim_cc_run_layout cim_cc_tiling_run(const cim_cc_tiling *t, int64_t first, int64_t n)
{
    int64_t piece = cim_cc_tiling_piece(t), a = first / piece, b = (first + n - 1) / piece;
    int64_t inner = t->column_major ? t->row_tiles : t->col_tiles;
    int64_t major = b / inner - a / inner + 1; /* slots along the slower index */
    int64_t minor = b - a + 1;
    if (packs(t) == 1)
        minor = least(minor, inner);
    cim_cc_run_layout l = {.in_slots = t->column_major ? minor : major,
                           .out_slots = t->column_major ? major : minor};
    l.elements = l.out_slots * cim_cc_tiling_weights(t) + l.in_slots * cim_cc_tiling_rows(t);
    return l;
}

int64_t cim_cc_flow_share(const cim_cc_flow_chip *chip)
{
    return chip->l1 < 0 ? chip->rows + chip->cols : chip->l1 / chip->crossbars;
}

int64_t cim_cc_flow_capacity(const cim_cc_flow_chip *chip)
{
    return chip->l1 < 0 ? chip->crossbars * (chip->rows + chip->cols) : chip->l1;
}
