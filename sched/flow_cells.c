/* Cells of the tiles of an operator and what reading them gives. Copies of a tile hold the same cells,
 * so they are kept once. */
#include "sched/flow_run.h"

enum { KEEP_CELLS = 1 << 26 }; /* of all tiles together; beyond, they are made again */

/* Rows of one group that are converted together. */
typedef struct band {
    int64_t group;       /* of the tile's groups */
    int64_t row, length; /* wordlines */
    int16_t *cell;       /* [columns][pitch] */
    bool *flip;          /* [columns] */
    int64_t *weight_sum; /* [columns], used where the first slice of a weight is */
} band;

struct cim_cc_cells {
    cim_cc_tile at;
    band *bands;
    int64_t n_bands;
};

bool cim_cc_tiles_open(cim_cc_tiles *t, cim_arena *scratch, const cim_cc_flow_chip *chip,
                       const cim_cc_tiling *tiling, const cim_cc_sim_product *product,
                       cim_cc_crossbars *crossbars)
{
    *t = (cim_cc_tiles){.tiling = tiling,
                        .product = product,
                        .crossbars = crossbars,
                        .parallel_rows = chip->parallel_rows,
                        .n = cim_cc_tiling_tiles(tiling)};
    cim_arena_init(&t->memory);
    size_t phases = (size_t)cim_cc_crossbars_phases(crossbars);
    t->cells = cim_arena_alloc(scratch, (size_t)t->n, sizeof *t->cells);
    t->digits =
        cim_arena_take(scratch, phases * (size_t)cim_cc_pitch(chip->rows), sizeof *t->digits);
    return t->cells && t->digits;
}

void cim_cc_tiles_close(cim_cc_tiles *t)
{
    cim_arena_clear(&t->memory);
}

/* Weight and column of the weight that physical column q of a tile holds. */
static int64_t weight_of(const cim_cc_tiling *g, const cim_cc_tile *at, int64_t q, int64_t *column)
{
    int64_t x = at->first_col + q;
    int64_t each = cim_cc_tiling_columns(g);
    *column = x % each + (g->by_columns ? 0 : at->slice * g->polarities);
    return x / each;
}

static bool program_band(cim_cc_tiles *t, const cim_cc_tile *at, band *b)
{
    const cim_cc_sim_product *p = t->product;
    int64_t pitch = cim_cc_pitch(b->length);
    size_t cols = (size_t)at->cols;
    b->cell = cim_arena_take(&t->memory, cols * (size_t)pitch, sizeof *b->cell);
    b->flip = cim_arena_take(&t->memory, cols, sizeof *b->flip);
    b->weight_sum = cim_arena_take(&t->memory, cols, sizeof *b->weight_sum);
    if (!b->cell || !b->flip || !b->weight_sum)
        return false;
    int64_t group = at->group + b->group;
    int64_t first = at->first_row + b->row - b->group * at->rows; /* in the group's matrix */
    for (int64_t q = 0; q < at->cols; q++) {
        int64_t column, weight = weight_of(t->tiling, at, q, &column), sum = 0;
        const int16_t *w = p->w + (group * p->cols + weight) * p->pitch + first;
        b->flip[q] = cim_cc_rows_program(t->crossbars, w, b->length, column, b->cell + q * pitch);
        for (int64_t i = 0; column == 0 && i < b->length; i++)
            sum += w[i];
        b->weight_sum[q] = sum;
    }
    return true;
}

/* The borders of a tile's row groups, and inside them those of the groups packed into it. */
static int64_t band_end(const cim_cc_tiles *t, const cim_cc_tile *at, int64_t row)
{
    int64_t together = row / t->parallel_rows * t->parallel_rows + t->parallel_rows;
    int64_t group = row / at->rows * at->rows + at->rows;
    return together < group ? together : group;
}

static cim_cc_cells *program(cim_cc_tiles *t, int64_t u)
{
    cim_cc_tile at = cim_cc_tiling_at(t->tiling, u);
    int64_t rows = at.rows * at.groups, n = 0, size = at.cols * (rows + 8 * at.groups);
    if (t->kept + size > KEEP_CELLS) {
        cim_arena_reset(&t->memory);
        for (int64_t i = 0; i < t->n; i++)
            t->cells[i] = NULL;
        t->kept = 0;
    }
    t->kept += size;
    for (int64_t row = 0; row < rows; row = band_end(t, &at, row))
        n++;
    cim_cc_cells *c = cim_arena_take(&t->memory, 1, sizeof *c);
    band *bands = cim_arena_take(&t->memory, (size_t)n, sizeof *bands);
    if (!c || !bands)
        return NULL;
    *c = (cim_cc_cells){.at = at, .bands = bands, .n_bands = n};
    for (int64_t row = 0; row < rows; bands++) {
        int64_t end = band_end(t, &at, row);
        *bands = (band){.group = row / at.rows, .row = row, .length = end - row};
        if (!program_band(t, &at, bands))
            return NULL;
        row = end;
    }
    return t->cells[u] = c;
}

bool cim_cc_tiles_read(cim_cc_tiles *t, int64_t u, int64_t row, int64_t rows, const int16_t *x,
                       int64_t *code, int64_t *fix)
{
    cim_cc_cells *c = t->cells[u] ? t->cells[u] : program(t, u);
    if (!c)
        return false;
    for (int64_t k = 0; k < c->n_bands; k++) {
        const band *b = &c->bands[k];
        if (b->row < row || b->row >= row + rows)
            continue;
        int64_t pitch = cim_cc_pitch(b->length), base = b->group * c->at.weights;
        int64_t driven = cim_cc_rows_digits(t->crossbars, x + b->row - row, b->length, t->digits);
        for (int64_t q = 0; q < c->at.cols; q++) {
            int64_t column, weight = weight_of(t->tiling, &c->at, q, &column);
            int64_t i = base + weight - c->at.first_weight;
            cim_cc_rows_drive(t->crossbars, b->cell + q * pitch, b->flip[q], column, t->digits,
                              driven, b->length, &code[i], &fix[i]);
            if (column == 0)
                cim_cc_rows_correct(t->crossbars, driven, b->weight_sum[q], &fix[i]);
        }
    }
    return true;
}
