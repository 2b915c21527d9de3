/* The geometry of matrices on crossbars against brute force: every cell of every weight is placed by
 * the rules that sched/README.md states, on random operators and crossbars. */
#include "hwspace/base/rng.h"
#include "sched/plan_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/prop/require.h"

static int64_t between(cim_rng *r, int64_t low, int64_t high)
{
    return low + (int64_t)cim_rng_below(r, (uint64_t)(high - low + 1));
}

static void random_case(cim_rng *r, cim_hw_arch *a, cim_cc_op *op, int64_t *wanted)
{
    memset(a, 0, sizeof *a);
    memset(op, 0, sizeof *op);
    a->crossbar.rows = between(r, 1, 40);
    a->crossbar.cols = between(r, 1, 40);
    a->crossbar.parallel_rows = between(r, 1, a->crossbar.rows);
    a->core.crossbars = between(r, 1, 12);
    a->workload.weight_bits = between(r, 2, 8);
    a->device.bits_per_cell = between(r, 1, 4);
    a->crossbar.signed_weights = between(r, 0, 1);
    a->schedule.binding = between(r, 0, 1);
    a->schedule.tiling = between(r, 0, 1);
    a->schedule.packing = between(r, 0, 3) > 0;
    a->schedule.level = between(r, 0, 1) ? CIM_HW_LEVEL_VVM : CIM_HW_LEVEL_CG;
    a->schedule.remap = a->schedule.level == CIM_HW_LEVEL_VVM;
    op->matrix_rows = between(r, 1, between(r, 0, 1) ? 8 : 120);
    op->matrix_cols = between(r, 1, between(r, 0, 1) ? 4 : 30);
    op->groups = between(r, 0, 1) ? 1 : between(r, 1, 12);
    op->mvms = 1;
    *wanted = a->schedule.remap && between(r, 0, 1) ? between(r, 1, 8) : 0;
}

/* Where a cell of a weight lies. */
typedef struct place {
    int64_t crossbar, row, col;
} place;

static place place_of(const cim_cc_op *op, const cim_hw_arch *a, const cim_cc_mapping *m, int64_t g,
                      int64_t r, int64_t c, int64_t slice, int64_t sign)
{
    int64_t in_pack = g % m->pack, column = m->by_columns ? slice * m->polarities + sign : sign;
    int64_t col = c * m->weight_cols + column;
    place p;
    p.crossbar =
        cim_cc_tile_crossbar(m, g / m->pack, r / m->tile_rows, col / a->crossbar.cols, slice);
    p.row = in_pack * op->matrix_rows + r % m->tile_rows;
    p.col = in_pack * op->matrix_cols * m->weight_cols + col % a->crossbar.cols;
    return p;
}

/* Every cell has a place of its own inside a crossbar, no crossbar stays empty, and the fullest one has
 * the rows that the mapping states. */
static void every_cell_has_a_place(void **state)
{
    (void)state;
    for (seed_now = 0; seed_now < 3000; seed_now++) {
        cim_rng *r = cim_rng_create(seed_now, "sched_mapping");
        cim_hw_arch a;
        cim_cc_op op;
        cim_cc_mapping m;
        int64_t wanted, used = 0, rows = 0;
        random_case(r, &a, &op, &wanted);
        cim_rng_destroy(r);
        cim_cc_map_matrix(&op, &a, wanted, &m);
        int64_t cells = a.crossbar.rows * a.crossbar.cols;
        bool *taken = calloc((size_t)(m.crossbars * cells), 1);
        bool *holds = calloc((size_t)m.crossbars, 1);
        assert_true(taken && holds);
        for (int64_t g = 0; g < op.groups; g++)
            for (int64_t i = 0; i < op.matrix_rows * op.matrix_cols * m.slices * m.polarities;
                 i++) {
                int64_t sign = i % m.polarities, rest = i / m.polarities;
                int64_t slice = rest % m.slices, c = rest / m.slices % op.matrix_cols;
                place p =
                    place_of(&op, &a, &m, g, rest / m.slices / op.matrix_cols, c, slice, sign);
                REQUIRE(p.crossbar >= 0 && p.crossbar < m.crossbars);
                REQUIRE(p.row < a.crossbar.rows && p.col < a.crossbar.cols);
                int64_t at = p.crossbar * cells + p.row * a.crossbar.cols + p.col;
                REQUIRE(!taken[at]);
                taken[at] = true;
                used += !holds[p.crossbar];
                holds[p.crossbar] = true;
                rows = p.row + 1 > rows ? p.row + 1 : rows;
            }
        REQUIRE(used == m.crossbars);
        REQUIRE(rows == m.rows_used || (op.groups < m.pack && rows < m.rows_used));
        REQUIRE(m.row_groups ==
                (m.rows_used + a.crossbar.parallel_rows - 1) / a.crossbar.parallel_rows);
        REQUIRE(!wanted || m.row_groups <= wanted);
        REQUIRE(m.column_major == (a.schedule.tiling == CIM_HW_TILING_COLUMNS));
        free(taken);
        free(holds);
    }
}

/* As many groups share a crossbar as fit corner to corner, and none without the knob. */
static void packing_is_full(void **state)
{
    (void)state;
    for (seed_now = 0; seed_now < 3000; seed_now++) {
        cim_rng *r = cim_rng_create(seed_now, "sched_packing");
        cim_hw_arch a;
        cim_cc_op op;
        int64_t wanted;
        random_case(r, &a, &op, &wanted);
        cim_rng_destroy(r);
        cim_cc_mapping m;
        cim_cc_map_matrix(&op, &a, 0, &m);
        int64_t bits = a.workload.weight_bits - (a.crossbar.signed_weights ? 1 : 0), most = 1;
        int64_t wide = (a.crossbar.signed_weights ? 2 : 1) * op.matrix_cols;
        if (a.schedule.binding == CIM_HW_BINDING_COLUMNS)
            wide *= (bits + a.device.bits_per_cell - 1) / a.device.bits_per_cell;
        while (a.schedule.packing && most < op.groups &&
               (most + 1) * op.matrix_rows <= a.crossbar.rows &&
               (most + 1) * wide <= a.crossbar.cols)
            most++;
        REQUIRE(m.pack == most);
        REQUIRE(cim_cc_packed_groups(&a, op.matrix_rows, op.matrix_cols, op.groups) == most);
    }
}

/* Mean number of cores over lines of tiles: of a row (dim 0) or a column (dim 1), counted. */
static double counted_cores(const cim_cc_mapping *m, int64_t sets, int64_t per_core, int dim)
{
    int64_t lines = dim ? m->col_tiles : m->row_tiles, across = dim ? m->row_tiles : m->col_tiles;
    double sum = 0.0;
    char *seen = calloc((size_t)(m->crossbars / per_core + 1), 1);
    assert_non_null(seen);
    for (int64_t s = 0; s < sets; s++)
        for (int64_t line = 0; line < lines; line++) {
            memset(seen, 0, (size_t)(m->crossbars / per_core + 1));
            for (int64_t k = 0; k < across * m->piece; k++) {
                int64_t tile = k / m->piece, slice = k % m->piece;
                int64_t at =
                    cim_cc_tile_crossbar(m, s, dim ? tile : line, dim ? line : tile, slice);
                sum += !seen[at / per_core];
                seen[at / per_core] = 1;
            }
        }
    free(seen);
    return sum / (double)(sets * lines);
}

/* Along the order of tiles the closed form is exact; across it, it is a mean over the places where a
 * matrix may start. */
static void cores_of_lines(void **state)
{
    (void)state;
    double worst = 0.0, sum = 0.0;
    for (seed_now = 0; seed_now < 3000; seed_now++) {
        cim_rng *r = cim_rng_create(seed_now, "sched_cores");
        cim_hw_arch a;
        cim_cc_op op;
        cim_cc_mapping m;
        int64_t wanted;
        random_case(r, &a, &op, &wanted);
        cim_rng_destroy(r);
        cim_cc_map_matrix(&op, &a, wanted, &m);
        int64_t sets = m.crossbars / (m.row_tiles * m.col_tiles * m.piece);
        cim_cc_spread s = cim_cc_map_spread(&m, m.column_major, a.core.crossbars);
        double rows = counted_cores(&m, sets, a.core.crossbars, 0);
        double cols = counted_cores(&m, sets, a.core.crossbars, 1);
        double along = m.column_major ? cols : rows, across = m.column_major ? rows : cols;
        REQUIRE(fabs(along - (m.column_major ? s.sum_cores : s.input_cores)) < 1e-9 * along);
        double says = m.column_major ? s.input_cores : s.sum_cores;
        REQUIRE(says >= 1.0 && fabs(says - across) <= fmax(1.0, 0.35 * across));
        worst = fmax(worst, fabs(says - across) / across);
        sum += fabs(says - across) / across;
        if (a.schedule.tiling == CIM_HW_TILING_ROWS)
            REQUIRE(cim_cc_input_deliveries(&a, &m) == 0.0);
    }
    print_message("cores across the order of tiles: off by %.1f %% in the mean, %.0f %% at most\n",
                  sum / 30.0, 100.0 * worst);
}

/* A part of an operator larger than the chip: where it holds no more than one column of tiles, no input
 * goes to two cores; it is never counted in more cores than there are columns. */
static void cores_of_parts(void **state)
{
    (void)state;
    for (seed_now = 0; seed_now < 3000; seed_now++) {
        cim_rng *r = cim_rng_create(seed_now, "sched_parts");
        cim_hw_arch a;
        cim_cc_op op;
        cim_cc_mapping m;
        int64_t wanted;
        random_case(r, &a, &op, &wanted);
        a.schedule.tiling = CIM_HW_TILING_COLUMNS;
        cim_cc_map_matrix(&op, &a, wanted, &m);
        int64_t parts = 1 + (int64_t)cim_rng_below(r, 9);
        cim_rng_destroy(r);
        m.crossbars = cim_cc_ceil_div(m.crossbars / m.piece, parts) * m.piece;
        int64_t columns = cim_cc_ceil_div(m.crossbars, m.row_tiles * m.piece);
        double inputs = cim_cc_map_spread(&m, true, a.core.crossbars).input_cores;
        REQUIRE(inputs <= (double)(columns * m.piece) + 1e-9);
        if (columns == 1 && m.piece == 1)
            REQUIRE(inputs == 1.0 && cim_cc_input_deliveries(&a, &m) == 0.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_has_a_place),
        cmocka_unit_test(packing_is_full),
        cmocka_unit_test(cores_of_lines),
        cmocka_unit_test(cores_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
