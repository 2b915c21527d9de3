/* Does a core's buffer hold what an operator keeps there? As code generation lays it out
 * (sched/FLOW.md, "Addresses"): the inputs and sums of the copy's tiles in the core; where copies may
 * share a core, every crossbar has an equal share of its buffer and its tile must fit there. */
#include "sched/flow_emit.h"

#include <stdio.h>

void cim_cc_flow_tiling(const cim_cc_op *op, const cim_cc_mapping *m, cim_cc_tiling *t)
{
    *t = (cim_cc_tiling){.rows = op->matrix_rows,
                         .cols = op->matrix_cols,
                         .groups = op->groups,
                         .slices = m->slices,
                         .polarities = m->polarities,
                         .row_tiles = m->row_tiles,
                         .col_tiles = m->col_tiles,
                         .tile_rows = m->tile_rows,
                         .tile_cols = m->tile_cols,
                         .pack = m->pack,
                         .by_columns = m->by_columns,
                         .column_major = m->column_major};
}

/* No run of n tiles needs more, wherever it starts. */
static int64_t most_elements(const cim_cc_tiling *t, int64_t n)
{
    int64_t piece = cim_cc_tiling_piece(t), places = (n + piece - 2) / piece + 1;
    int64_t inner = t->column_major ? t->row_tiles : t->col_tiles;
    int64_t major = (places + inner - 2) / inner + 1;
    int64_t minor = t->groups <= t->pack && inner < places ? inner : places;
    int64_t in = t->column_major ? minor : major, out = t->column_major ? major : minor;
    return in * cim_cc_tiling_rows(t) + out * cim_cc_tiling_weights(t);
}

/* The fullest core of a copy that fills cores from tile 0 on. */
static int64_t fullest_core(const cim_cc_tiling *t, int64_t tiles, int64_t per_core)
{
    int64_t most = 0;
    for (int64_t at = 0; at < tiles; at += per_core) {
        int64_t n = tiles - at < per_core ? tiles - at : per_core;
        cim_cc_run_layout l = cim_cc_tiling_run(t, at, n);
        most = l.elements > most ? l.elements : most;
    }
    return most;
}

bool cim_cc_local_fits(const cim_cc_plan *plan, const cim_cc_op *op, const cim_cc_mapping *m,
                       int64_t parts, int64_t crossbars, char *reason, size_t size)
{
    cim_cc_flow_chip chip;
    cim_cc_tiling t;
    cim_cc_flow_chip_of(&plan->arch, &chip);
    if (chip.l1 < 0)
        return true;
    cim_cc_flow_tiling(op, m, &t);
    t.column_major = t.column_major || parts > 1;
    int64_t have = chip.l1, need;
    if (plan->units_are_cores) {
        int64_t n = crossbars < chip.crossbars ? crossbars : chip.crossbars;
        need = most_elements(&t, n);
        if (need > have && parts == 1) /* exactly, where cores begin is known */
            need = fullest_core(&t, crossbars, chip.crossbars);
    } else {
        have = cim_cc_flow_share(&chip);
        need = cim_cc_tiling_rows(&t) + cim_cc_tiling_weights(&t);
    }
    if (need > have && reason)
        snprintf(reason, size,
                 "operator %.60s: its inputs and sums need %lld elements of a core's buffer, which "
                 "has %lld%s",
                 op->name, (long long)need, (long long)have,
                 plan->units_are_cores ? "" : " for each crossbar");
    return need <= have;
}
