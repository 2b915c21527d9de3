/* What the files that run a flow with numbers share. */
#ifndef CIM_SCHED_FLOW_RUN_H
#define CIM_SCHED_FLOW_RUN_H

#include "sched/flow.h"
#include "sched/sim_internal.h"

/* ---- cells (flow_cells.c) --------------------------------------------------------------------- */

typedef struct cim_cc_cells cim_cc_cells; /* the cells of one tile, as programmed */

/** The tiles of the operator in hand; cells are made when a tile is first read. */
typedef struct cim_cc_tiles {
    cim_arena memory;
    const cim_cc_tiling *tiling;
    const cim_cc_sim_product *product;
    cim_cc_crossbars *crossbars;
    int64_t parallel_rows;
    cim_cc_cells **cells; /* per tile, NULL: not made yet */
    int64_t n, kept;      /* cells in memory */
    int16_t *digits;
} cim_cc_tiles;

/** @param scratch  where small things live @return false: out of memory */
bool cim_cc_tiles_open(cim_cc_tiles *t, cim_arena *scratch, const cim_cc_flow_chip *chip,
                       const cim_cc_tiling *tiling, const cim_cc_sim_product *product,
                       cim_cc_crossbars *crossbars);
void cim_cc_tiles_close(cim_cc_tiles *t);
/** Drive inputs into rows [row, row + rows) of tile u and add what is converted.
 *  @param x  inputs of these wordlines
 *  @param code, fix  sums of the tile's weights, [groups][weights]
 *  @return false: out of memory */
bool cim_cc_tiles_read(cim_cc_tiles *t, int64_t u, int64_t row, int64_t rows, const int16_t *x,
                       int64_t *code, int64_t *fix);

#endif
