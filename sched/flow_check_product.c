/* Crossbars and products: what crossbars hold, that every product reads every tile of its part once,
 * from inputs that are in the core's buffer, into sums that are stored. */
#include "sched/flow_check.h"

#include <stdlib.h>
#include <string.h>

/* ---- programming ------------------------------------------------------------------------------------ */

static const char *const mode_of[CIM_CC_N_MOPS] = {
    [CIM_CC_MOP_WRITE_CORE] = "core",    [CIM_CC_MOP_READ_CORE] = "core",
    [CIM_CC_MOP_WRITE_XB] = "crossbar",  [CIM_CC_MOP_READ_XB] = "crossbar",
    [CIM_CC_MOP_WRITE_ROW] = "wordline", [CIM_CC_MOP_READ_ROW] = "wordline"};

static cim_status check_mode(checker *c, const cim_cc_item *it)
{
    const char *chip = cim_hw_mode_words[c->p->chip.mode];
    if (!mode_of[it->mop] || !strcmp(mode_of[it->mop], chip))
        return CIM_OK;
    return cim_cc_check_fail(c, it->line, "%s is for computing mode %s, the chip's is %s",
                             cim_cc_mop_defs[it->mop].name, mode_of[it->mop], chip);
}

static int64_t tile_rows(const cim_cc_tiling *t, int64_t u)
{
    cim_cc_tile tile = cim_cc_tiling_at(t, u);
    return tile.rows * tile.groups;
}

/* A row of a tile, or all of it, goes into a crossbar. */
static cim_status write_one(checker *c, const cim_cc_item *it, const cim_cc_flow_op *o, int64_t xb,
                            int64_t tile, int64_t row)
{
    held *h = &c->held[xb];
    int64_t *copies = c->written[c->block_of[o->op] - c->p->segments[c->segment].first];
    int64_t rows = tile_rows(&o->tiling, tile);
    bool now = h->when == c->segment + 1;
    if (now && (row <= 0 || h->op != o->op || h->tile != tile))
        return cim_cc_check_fail(c, it->line,
                                 "crossbar %lld is written twice in the segment: it holds tile "
                                 "%lld of operator %u",
                                 (long long)xb, (long long)h->tile, h->op);
    if (c->p->segments[c->segment].ahead && h->when == c->segment && c->segment > 0)
        return cim_cc_check_fail(c, it->line,
                                 "crossbar %lld is used by the segment before, which may still run",
                                 (long long)xb);
    int64_t place = xb - o->base;
    if (place < 0 || place / o->stride >= o->copies || place % o->stride != tile - o->first_tile)
        return cim_cc_check_fail(c, it->line,
                                 "tile %lld of operator %u in crossbar %lld: copy c has it in "
                                 "%lld + c * %lld, c from 0 to %lld",
                                 (long long)tile, o->op, (long long)xb,
                                 (long long)(o->base + tile - o->first_tile), (long long)o->stride,
                                 (long long)o->copies - 1);
    if (now && cim_cc_check_concurrent(c, h->at))
        return cim_cc_check_fail(c, it->line,
                                 "rows of crossbar %lld are written at the same time: they follow "
                                 "one another",
                                 (long long)xb);
    int64_t next = now ? h->rows : 0;
    if (row >= 0 && row != next)
        return cim_cc_check_fail(c, it->line,
                                 "row %lld of crossbar %lld, the next to be written is %lld",
                                 (long long)row, (long long)xb, (long long)next);
    if (row >= rows)
        return cim_cc_check_fail(c, it->line, "row %lld of tile %lld, which has %lld",
                                 (long long)row, (long long)tile, (long long)rows);
    *h = (held){.op = o->op,
                .when = c->segment + 1,
                .tile = tile,
                .rows = row < 0 ? rows : row + 1,
                .at = c->now};
    if (h->rows == rows && ++copies[tile - o->first_tile] > o->copies)
        return cim_cc_check_fail(c, it->line,
                                 "tile %lld of operator %u is written more often than it has "
                                 "copies (%lld)",
                                 (long long)tile, o->op, (long long)o->copies);
    return CIM_OK;
}

cim_status cim_cc_check_write(checker *c, const cim_cc_item *it)
{
    const cim_cc_flow_chip *chip = &c->p->chip;
    cim_cc_op_id op = c->p->args[it->args + CIM_CC_WRITE_XB_OP].id;
    int64_t unit, tile, n = 1, row = -1;
    bool core = it->mop == CIM_CC_MOP_WRITE_CORE;
    CIM_TRY(check_mode(c, it));
    if (c->block_of[op] == CIM_CC_INVALID ||
        c->p->ops[c->block_of[op]].unit != CIM_CC_UNIT_CROSSBAR)
        return cim_cc_check_fail(c, it->line,
                                 "operator %u does not run on crossbars in this "
                                 "segment",
                                 op);
    const cim_cc_flow_op *o = &c->p->ops[c->block_of[op]];
    if (cim_cc_op_is_written(&c->g->ops[op]) == c->programming || (c->o && c->o != o))
        return cim_cc_check_fail(c, it->line, "operator %u is programmed in %s", op,
                                 c->programming ? "its own block, when its operand is there"
                                                : "the program block");
    if (c->o && (c->open || c->n_products > 0))
        return cim_cc_check_fail(c, it->line, "operator %u is programmed after its first product",
                                 op);
    if (c->o)
        CIM_TRY(cim_cc_check_operand(c, it));
    int64_t end = o->first_tile + o->tiles - 1;
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WRITE_XB_XB, 0,
                               (core ? chip->cores : chip->cores * chip->crossbars) - 1, &unit));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WRITE_XB_TILE, o->first_tile, end, &tile));
    if (core) {
        int64_t most = end - tile + 1 < chip->crossbars ? end - tile + 1 : chip->crossbars;
        CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WRITE_CORE_TILES, 1, most, &n));
        unit *= chip->crossbars;
    }
    if (it->mop == CIM_CC_MOP_WRITE_ROW)
        CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WRITE_ROW_ROW, 0, chip->rows - 1, &row));
    for (int64_t i = 0; i < n; i++)
        CIM_TRY(write_one(c, it, o, unit + i, tile + i, row));
    return CIM_OK;
}

cim_status cim_cc_check_written(checker *c, uint32_t block)
{
    const cim_cc_flow_op *o = &c->p->ops[block];
    const int64_t *copies = c->written[block - c->p->segments[c->segment].first];
    for (int64_t t = 0; t < o->tiles; t++)
        if (copies[t] != o->copies)
            return cim_cc_check_fail(c, o->line,
                                     "tile %lld of operator %u is written completely %lld times, "
                                     "it has %lld copies",
                                     (long long)(o->first_tile + t), o->op, (long long)copies[t],
                                     (long long)o->copies);
    return CIM_OK;
}

/* ---- a core's buffer ----------------------------------------------------------------------------------- */

static interval *overlapping(intervals *v, int64_t low, int64_t high)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].low < high && low < v->v[i].high)
            return &v->v[i];
    return NULL;
}

static cim_status interval_add(checker *c, intervals *v, int64_t low, int64_t high, int64_t what)
{
    if (cim_grow(&v->v, &v->cap, v->n + 1, sizeof *v->v))
        return cim_cc_check_nomem(c);
    v->v[v->n++] = (interval){.low = low, .high = high, .what = what, .at = c->now};
    return CIM_OK;
}

/* Inputs or sums take their place in a core. Sums that were there may not be stored yet when another
 * branch does it. */
static cim_status take(checker *c, const cim_cc_item *it, core_state *s, intervals *v, int64_t low,
                       int64_t high, int64_t what)
{
    for (size_t i = 0; i < s->stored.n; i++) {
        const interval *x = &s->stored.v[i];
        if (x->low < high && low < x->high && cim_cc_check_concurrent(c, x->at))
            return cim_cc_check_fail(c, it->line,
                                     "addresses %lld to %lld hold sums that are stored at the same "
                                     "time",
                                     (long long)x->low, (long long)x->high - 1);
    }
    return interval_add(c, v, low, high, what);
}

static bool fork_is_open(const checker *c, uint64_t from)
{
    for (uint32_t i = 0; i < c->n_forks; i++)
        if (c->forks[i].from == from)
            return true;
    return false;
}

/* A tile is added to sums that others were added to, maybe in another branch: then they are complete
 * when all branches are. */
static void add_to(const checker *c, interval *sums)
{
    for (uint32_t i = 0; i < c->n_forks; i++) {
        const fork *f = &c->forks[i];
        if (f->from <= sums->at && sums->at < f->branch && !fork_is_open(c, sums->shared))
            sums->shared = f->from;
    }
    sums->at = c->now;
}

/* A core's state for the product in hand; a range of its addresses is used. */
static cim_status use(checker *c, const cim_cc_item *it, int64_t core, int64_t low, int64_t n,
                      core_state **out)
{
    core_state *s = *out = &c->cores[core];
    if (low < 0 || n > c->capacity || low > c->capacity - n)
        return cim_cc_check_fail(
            c, it->line, "addresses %lld to %lld, a core's buffer has 0 to %lld", (long long)low,
            (long long)(low + n - 1), (long long)c->capacity - 1);
    if (s->epoch != c->epoch) {
        s->epoch = c->epoch;
        s->in.n = s->out.n = s->stored.n = 0;
        s->low = low;
        s->high = low + n;
        if (cim_grow(&c->used, &c->cap_used, c->n_used + 1, sizeof *c->used))
            return cim_cc_check_nomem(c);
        c->used[c->n_used++] = core;
    }
    s->low = low < s->low ? low : s->low;
    s->high = low + n > s->high ? low + n : s->high;
    return CIM_OK;
}

/* The last row (1-based) of the result that a product belongs to. */
static int64_t last_row(const checker *c, int64_t product)
{
    const cim_cc_op *op = &c->g->ops[c->o->op];
    return ((product + 1) * (op->rows * op->images) - 1) / op->mvms + 1;
}

static cim_status load(checker *c, const cim_cc_item *it)
{
    const cim_cc_tiling *t = &c->o->tiling;
    const cim_cc_edge *e = cim_cc_flow_input(c->g, c->o->op);
    int64_t first, n, core, address, all = t->rows * t->groups;
    uint32_t from = !e                              ? CIM_CC_INVALID
                    : e->producer == CIM_CC_INVALID ? c->g->n_ops + e->input
                                                    : e->producer;
    if (!e || c->p->args[it->args + CIM_CC_LOAD_TENSOR].id != from)
        return cim_cc_check_fail(c, it->line, "operator %u does not read this tensor", c->o->op);
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_LOAD_FIRST, 0, all - 1, &first));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_LOAD_LENGTH, 1, all - first, &n));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_LOAD_CORE, 0, c->p->chip.cores - 1, &core));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_LOAD_ADDRESS, 0, c->capacity - 1, &address));
    core_state *s;
    CIM_TRY(use(c, it, core, address, n, &s));
    if (overlapping(&s->in, address, address + n) || overlapping(&s->out, address, address + n))
        return cim_cc_check_fail(c, it->line,
                                 "addresses %lld to %lld of core %lld hold other inputs or sums of "
                                 "the product",
                                 (long long)address, (long long)(address + n - 1), (long long)core);
    CIM_TRY(cim_cc_check_waited(c, it, last_row(c, c->product), c->product));
    return take(c, it, s, &s->in, address, address + n, first);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* The crossbar holds the tile, completely. */
static cim_status check_held(checker *c, const cim_cc_item *it, int64_t xb, int64_t u, int64_t rows)
{
    const held *h = &c->held[xb];
    bool now = h->when == c->segment + 1;
    if (!now || h->op != c->o->op || h->tile != u || h->rows != rows)
        return cim_cc_check_fail(c, it->line,
                                 "crossbar %lld does not hold tile %lld of operator %u: it was %s",
                                 (long long)xb, (long long)u, c->o->op,
                                 now ? "written with another" : "not written in this segment");
    if (cim_cc_check_concurrent(c, h->at))
        return cim_cc_check_fail(c, it->line, "crossbar %lld is written at the same time",
                                 (long long)xb);
    return CIM_OK;
}

/* Rows [row, row + n) of a tile of `used` rows are the next that the product reads. */
static cim_status check_rows(checker *c, const cim_cc_item *it, int64_t u, int64_t row, int64_t n,
                             int64_t used, const tile_state *now)
{
    tile_state *ts = &c->tiles[u - c->o->first_tile];
    if (ts->epoch != c->epoch)
        *ts = (tile_state){.epoch = c->epoch, .core = now->core, .out = now->out};
    if (ts->rows != row || row + n > used || ts->core != now->core || ts->out != now->out)
        return cim_cc_check_fail(c, it->line,
                                 "tile %lld is read from row %lld at sums %lld, the product has "
                                 "read %lld of its %lld rows",
                                 (long long)u, (long long)row, (long long)now->out,
                                 (long long)ts->rows, (long long)used);
    if (row > 0 && cim_cc_check_concurrent(c, ts->at))
        return cim_cc_check_fail(c, it->line,
                                 "rows of tile %lld are read at the same time: groups of %lld rows "
                                 "follow one another",
                                 (long long)u, (long long)c->p->chip.parallel_rows);
    ts->at = c->now;
    ts->rows += n;
    ts->done = ts->rows == used;
    c->n_read += ts->done;
    return CIM_OK;
}

/* A core has inputs `want`, ... at an address. */
static cim_status check_inputs(checker *c, const cim_cc_item *it, int64_t core, int64_t in,
                               int64_t n, int64_t want)
{
    core_state *s;
    CIM_TRY(use(c, it, core, in, n, &s));
    const interval *x = overlapping(&s->in, in, in + n);
    if (!x || in < x->low || in + n > x->high || x->what + in - x->low != want)
        return cim_cc_check_fail(c, it->line,
                                 "address %lld of core %lld does not hold inputs %lld to %lld of "
                                 "product %lld",
                                 (long long)in, (long long)core, (long long)want,
                                 (long long)(want + n - 1), (long long)c->product);
    if (cim_cc_check_concurrent(c, x->at))
        return cim_cc_check_fail(c, it->line,
                                 "inputs at %lld to %lld of core %lld are loaded at the same time",
                                 (long long)in, (long long)(in + n - 1), (long long)core);
    return CIM_OK;
}

static cim_status add_sums(checker *c, const cim_cc_item *it, int64_t core, int64_t out,
                           const cim_cc_tile *tile)
{
    core_state *s;
    int64_t n = tile->weights * tile->groups;
    CIM_TRY(use(c, it, core, out, n, &s));
    interval *y = overlapping(&s->out, out, out + n);
    if (overlapping(&s->in, out, out + n) ||
        (y && (y->low != out || y->high != out + n || y->what != tile->col_slot)))
        return cim_cc_check_fail(c, it->line,
                                 "sums at %lld to %lld of core %lld overlap inputs or other sums",
                                 (long long)out, (long long)(out + n - 1), (long long)core);
    if (!y)
        return take(c, it, s, &s->out, out, out + n, tile->col_slot);
    add_to(c, y);
    return CIM_OK;
}

/* Rows [row, row + rows) of a tile read inputs at `in` and add to sums at `out`. */
static cim_status read_rows(checker *c, const cim_cc_item *it, int64_t xb, int64_t u, int64_t row,
                            int64_t rows, int64_t in, int64_t out)
{
    const cim_cc_tiling *t = &c->o->tiling;
    cim_cc_tile tile = cim_cc_tiling_at(t, u);
    int64_t core = xb / c->p->chip.crossbars, used = tile.rows * tile.groups;
    const tile_state now = {.core = core, .out = out};
    CIM_TRY(check_held(c, it, xb, u, used));
    CIM_TRY(check_rows(c, it, u, row, rows, used, &now));
    CIM_TRY(check_inputs(c, it, core, in, rows, tile.group * t->rows + tile.first_row + row));
    return add_sums(c, it, core, out, &tile);
}

static cim_status read(checker *c, const cim_cc_item *it)
{
    const cim_cc_flow_chip *chip = &c->p->chip;
    const cim_cc_tiling *t = &c->o->tiling;
    int64_t unit, u, in, out, n, rows, end = c->o->first_tile + c->o->tiles;
    bool core = it->mop == CIM_CC_MOP_READ_CORE;
    CIM_TRY(check_mode(c, it));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_UNIT, 0,
                               (core ? chip->cores : chip->cores * chip->crossbars) - 1, &unit));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_TILE, c->o->first_tile, end - 1, &u));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_IN, 0, c->capacity - 1, &in));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_OUT, 0, c->capacity - 1, &out));
    if (it->mop == CIM_CC_MOP_READ_XB)
        return read_rows(c, it, unit, u, 0, tile_rows(t, u), in, out);
    if (it->mop == CIM_CC_MOP_READ_ROW) {
        int64_t row, used = tile_rows(t, u), most = chip->parallel_rows;
        CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_FIRST, 0, used - 1, &row));
        most = most < used - row ? most : used - row;
        if (row % chip->parallel_rows != 0)
            return cim_cc_check_fail(c, it->line, "row %lld is no multiple of parallel_rows, %lld",
                                     (long long)row, (long long)chip->parallel_rows);
        CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_ROWS, most, most, &rows));
        return read_rows(c, it, unit, u, row, rows, in, out);
    }
    n = end - u < chip->crossbars ? end - u : chip->crossbars;
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_READ_TILES, 1, n, &n));
    for (int64_t i = u; i < u + n; i++)
        CIM_TRY(read_rows(c, it, unit * chip->crossbars + i - u, i, 0, tile_rows(t, i),
                          in + cim_cc_tiling_in_slot(t, u, i) * cim_cc_tiling_rows(t),
                          out + cim_cc_tiling_out_slot(t, u, i) * cim_cc_tiling_weights(t)));
    return CIM_OK;
}

/* ---- storing -------------------------------------------------------------------------------------------- */

/* Sums at an address are stored, once, and in the columns that they are of: since a tile was read there,
 * another one's may have taken the place. */
static cim_status store_slot(checker *c, const cim_cc_item *it, core_state *s, int64_t at,
                             int64_t tile)
{
    int64_t columns = cim_cc_tiling_at(&c->o->tiling, tile).col_slot;
    for (size_t i = 0; i < s->out.n; i++)
        if (s->out.v[i].low == at && s->out.v[i].what == columns) {
            interval sums = s->out.v[i];
            s->out.v[i] = s->out.v[--s->out.n];
            if (cim_cc_check_concurrent(c, sums.at) || fork_is_open(c, sums.shared))
                return cim_cc_check_fail(c, it->line,
                                         "sums at %lld to %lld are added to at the same time",
                                         (long long)at, (long long)sums.high - 1);
            return c->n_forks > 1 ? interval_add(c, &s->stored, at, sums.high, columns) : CIM_OK;
        }
    return cim_cc_check_fail(c, it->line,
                             "address %lld has no sums of the columns of tile %lld: they were "
                             "stored already",
                             (long long)at, (long long)tile);
}

static cim_status store(checker *c, const cim_cc_item *it)
{
    const cim_cc_tiling *t = &c->o->tiling;
    int64_t core, address, u, n, end = c->o->first_tile + c->o->tiles, seen = -1;
    if (c->p->args[it->args + CIM_CC_STORE_TENSOR].id != c->o->op)
        return cim_cc_check_fail(c, it->line, "the result of operator %u is t%u", c->o->op,
                                 c->o->op);
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_STORE_CORE, 0, c->p->chip.cores - 1, &core));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_STORE_ADDRESS, 0, c->capacity - 1, &address));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_STORE_TILE, c->o->first_tile, end - 1, &u));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_STORE_TILES, 1, end - u, &n));
    core_state *s = &c->cores[core];
    for (int64_t i = u; i < u + n; i++) {
        const tile_state *ts = &c->tiles[i - c->o->first_tile];
        int64_t slot = cim_cc_tiling_out_slot(t, u, i);
        int64_t at = address + slot * cim_cc_tiling_weights(t);
        if (s->epoch != c->epoch || ts->epoch != c->epoch || !ts->done || ts->core != core ||
            ts->out != at)
            return cim_cc_check_fail(c, it->line,
                                     "core %lld does not hold sums of tile %lld at address %lld",
                                     (long long)core, (long long)i, (long long)at);
        if (slot > seen)
            CIM_TRY(store_slot(c, it, s, at, i));
        seen = slot > seen ? slot : seen;
    }
    return CIM_OK;
}

/* ---- products -------------------------------------------------------------------------------------------- */

static cim_status begin(checker *c, const cim_cc_item *it, int64_t product)
{
    if (c->seen[product]++)
        return cim_cc_check_fail(c, it->line, "product %lld of operator %u runs twice",
                                 (long long)product, c->o->op);
    c->n_products++;
    return cim_cc_check_waited(c, it, last_row(c, product), product);
}

/* A thread's products use the same addresses of a core again and again. */
static bool known(const checker *c, const hull *h)
{
    for (size_t i = c->n_hulls; i-- > 0 && c->hulls[i].thread == h->thread;)
        if (c->hulls[i].core == h->core && c->hulls[i].low <= h->low && h->high <= c->hulls[i].high)
            return true;
    return false;
}

/* What the product used of each core, for the comparison with other threads. */
static cim_status keep_hulls(checker *c)
{
    for (size_t i = 0; i < c->n_used; i++) {
        const core_state *s = &c->cores[c->used[i]];
        hull h = {c->used[i], s->low, s->high, c->thread, c->block};
        if (known(c, &h))
            continue;
        if (cim_grow(&c->hulls, &c->cap_hulls, c->n_hulls + 1, sizeof *c->hulls))
            return cim_cc_check_nomem(c);
        c->hulls[c->n_hulls++] = h;
    }
    c->n_used = 0;
    return CIM_OK;
}

cim_status cim_cc_check_product_end(checker *c, uint32_t line)
{
    if (!c->open)
        return CIM_OK;
    c->open = false;
    if (c->n_read != c->o->tiles)
        return cim_cc_check_fail(
            c, line, "product %lld of operator %u reads %lld of its %lld tiles",
            (long long)c->product, c->o->op, (long long)c->n_read, (long long)c->o->tiles);
    for (size_t i = 0; i < c->n_used; i++)
        if (c->cores[c->used[i]].out.n > 0)
            return cim_cc_check_fail(c, line,
                                     "product %lld of operator %u leaves sums in core %lld that "
                                     "are never stored",
                                     (long long)c->product, c->o->op, (long long)c->used[i]);
    return keep_hulls(c);
}

/* Products of a thread follow one another: branches inside it are cores and crossbars of one. */
static cim_status one_at_a_time(checker *c, const cim_cc_item *it, int64_t product)
{
    for (uint32_t i = 1; i < c->n_forks; i++) {
        int64_t *in_hand = &c->forks[i].product;
        if (*in_hand >= 0 && *in_hand != product)
            return cim_cc_check_fail(c, it->line,
                                     "products %lld and %lld of operator %u run at the same time: "
                                     "those of a copy follow one another",
                                     (long long)*in_hand, (long long)product, c->o->op);
        *in_hand = product;
    }
    return CIM_OK;
}

cim_status cim_cc_check_product_like(checker *c, const cim_cc_item *it, int64_t product)
{
    if (product < 0 || product >= c->o->products)
        return cim_cc_check_fail(c, it->line, "product %lld, allowed are 0 to %lld",
                                 (long long)product, (long long)c->o->products - 1);
    CIM_TRY(one_at_a_time(c, it, product));
    return begin(c, it, product);
}

uint32_t cim_cc_check_product_slot(const cim_cc_item *it)
{
    static const uint32_t at[CIM_CC_N_MOPS] = {[CIM_CC_MOP_READ_CORE] = CIM_CC_READ_PRODUCT,
                                               [CIM_CC_MOP_READ_XB] = CIM_CC_READ_PRODUCT,
                                               [CIM_CC_MOP_READ_ROW] = CIM_CC_READ_PRODUCT,
                                               [CIM_CC_MOP_LOAD] = CIM_CC_LOAD_PRODUCT,
                                               [CIM_CC_MOP_STORE] = CIM_CC_STORE_PRODUCT,
                                               [CIM_CC_MOP_ACCUMULATE] = CIM_CC_ACCUMULATE_PRODUCT};
    return at[it->mop];
}

cim_status cim_cc_check_product(checker *c, const cim_cc_item *it)
{
    int64_t product, core;
    if (!c->o)
        return cim_cc_check_fail(c, it->line, "operator %u runs on unit %s", c->p->ops[c->block].op,
                                 cim_cc_unit_words[c->p->ops[c->block].unit]);
    CIM_TRY(cim_cc_check_op(c, it, 1)); /* the second argument of all of them */
    CIM_TRY(
        cim_cc_check_value(c, it, cim_cc_check_product_slot(it), 0, c->o->products - 1, &product));
    CIM_TRY(one_at_a_time(c, it, product));
    if (!c->open || product != c->product) {
        CIM_TRY(cim_cc_check_product_end(c, it->line));
        c->open = true;
        c->product = product;
        c->n_read = 0;
        c->epoch++;
        CIM_TRY(begin(c, it, product));
    }
    switch (it->mop) {
    case CIM_CC_MOP_LOAD:
        return load(c, it);
    case CIM_CC_MOP_STORE:
        return store(c, it);
    case CIM_CC_MOP_ACCUMULATE:
        return cim_cc_check_value(c, it, CIM_CC_ACCUMULATE_CORE, 0, c->p->chip.cores - 1, &core);
    default:
        return read(c, it);
    }
}

/* ---- threads that run together -------------------------------------------------------------------------- */

static int hull_order(const void *a, const void *b)
{
    const hull *x = a, *y = b;
    if (x->core != y->core)
        return x->core < y->core ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

cim_status cim_cc_check_hulls(checker *c)
{
    if (c->n_hulls > 0)
        qsort(c->hulls, c->n_hulls, sizeof *c->hulls, hull_order);
    const hull *far = NULL; /* reaches furthest so far */
    for (size_t i = 0; i < c->n_hulls; i++) {
        const hull *h = &c->hulls[i];
        if (far && far->core == h->core && far->thread != h->thread && h->low < far->high)
            return cim_cc_check_fail(c, c->p->ops[h->block].line,
                                     "operators %u and %u (or two copies) use the same addresses "
                                     "of core %lld at the same time: %lld to %lld",
                                     c->p->ops[far->block].op, c->p->ops[h->block].op,
                                     (long long)h->core, (long long)h->low,
                                     (long long)(far->high < h->high ? far->high : h->high) - 1);
        if (!far || far->core != h->core || h->high > far->high)
            far = h;
    }
    c->n_hulls = 0;
    return CIM_OK;
}
