/* Runs a flow with numbers, statement by statement in the order of the text: parallel blocks one
 * branch after another, which their independence (flow_check.c) makes as good as any order.
 *
 * A core's buffer is memory with addresses; crossbars hold what write statements put there; a
 * tensor collects sums until its operator is done and is scaled then. sched/FLOW.md, "Running". */
#include "sched/flow_run.h"

#include <string.h>

typedef struct crossbar {
    int64_t tile;
    cim_cc_op_id op; /* CIM_CC_INVALID: never written */
} crossbar;

/* Inputs and sums share a core's addresses. */
typedef struct core {
    int16_t *in;
    int64_t *code, *fix;
    int64_t size;
} core;

struct cim_cc_flow_run {
    cim_cc_run *r;
    const cim_cc_program *p;
    uint32_t segment, block; /* what runs */
    crossbar *crossbars;
    core *cores;
    int64_t capacity; /* of a core's buffer that is simulated */
    int64_t frame[CIM_CC_FLOW_MAX_VARS];
    uint32_t *node_of;  /* per operator */
    const bool *needed; /* per node */
    /* the crossbar operator in hand */
    const cim_cc_flow_op *o;
    const cim_cc_sim_product *product;
    cim_cc_tiles tiles;
    cim_cc_flow_sums sums;
    int16_t *vector; /* inputs of product `at`, groups one after another */
    int16_t *lane;   /* one group's, padded */
    int64_t at;
    /* the digital operator in hand */
    int64_t steps;
};

static cim_status damaged(cim_cc_flow_run *f, const cim_cc_item *it, const char *what)
{
    return cim_err_set(f->r->err, CIM_E_INTERNAL, f->p->network,
                       "line %u of the flow: %s; the checker should have found it", it->line, what);
}

static cim_status nomem(cim_cc_flow_run *f)
{
    return cim_err_set(f->r->err, CIM_E_NOMEM, f->p->network, "out of memory running the flow");
}

static int64_t value(const cim_cc_flow_run *f, const cim_cc_item *it, uint32_t slot)
{
    return cim_cc_arg_value(f->p, it, slot, f->frame);
}

/* ---- programming ------------------------------------------------------------------------------------ */

static cim_status write_crossbars(cim_cc_flow_run *f, const cim_cc_item *it)
{
    int64_t first = value(f, it, CIM_CC_WRITE_XB_XB), n = 1;
    int64_t all = f->p->chip.cores * f->p->chip.crossbars;
    if (it->mop == CIM_CC_MOP_WRITE_CORE) {
        first *= f->p->chip.crossbars;
        n = value(f, it, CIM_CC_WRITE_CORE_TILES);
    }
    if (first < 0 || n < 0 || n > all || first > all - n)
        return damaged(f, it, "crossbars beyond the chip");
    for (int64_t i = 0; i < n; i++)
        f->crossbars[first + i] = (crossbar){.tile = value(f, it, CIM_CC_WRITE_XB_TILE) + i,
                                             .op = f->p->args[it->args + CIM_CC_WRITE_XB_OP].id};
    return CIM_OK;
}

/* ---- a product ----------------------------------------------------------------------------------------- */

static bool core_grow(core *c, int64_t need)
{
    size_t had = (size_t)c->size, size = (size_t)(need > 2 * c->size ? need : 2 * c->size);
    int16_t *in = cim_realloc(c->in, size, sizeof *in);
    c->in = in ? in : c->in;
    int64_t *code = cim_realloc(c->code, size, sizeof *code);
    c->code = code ? code : c->code;
    int64_t *fix = cim_realloc(c->fix, size, sizeof *fix);
    c->fix = fix ? fix : c->fix;
    if (!in || !code || !fix)
        return false;
    memset(in + had, 0, (size - had) * sizeof *in);
    memset(code + had, 0, (size - had) * sizeof *code);
    memset(fix + had, 0, (size - had) * sizeof *fix);
    c->size = (int64_t)size;
    return true;
}

/* A range of a core's buffer; the core gets its memory when it is used. */
static cim_status core_range(cim_cc_flow_run *f, const cim_cc_item *it, int64_t k, int64_t address,
                             int64_t n, core **out)
{
    if (k < 0 || k >= f->p->chip.cores || address < 0 || n < 0 || n > f->capacity ||
        address > f->capacity - n)
        return damaged(f, it, "an address beyond the core's buffer");
    *out = &f->cores[k];
    return address + n <= (*out)->size || core_grow(*out, address + n) ? CIM_OK : nomem(f);
}

static void cores_clear(cim_cc_flow_run *f)
{
    for (int64_t k = 0; f->cores && k < f->p->chip.cores; k++) {
        cim_free(f->cores[k].in);
        cim_free(f->cores[k].code);
        cim_free(f->cores[k].fix);
        f->cores[k] = (core){0};
    }
}

static void gather(cim_cc_flow_run *f, int64_t product)
{
    const cim_cc_sim_product *p = f->product;
    if (f->at == product)
        return;
    for (int64_t g = 0; g < p->groups; g++) {
        p->fill(p, g, product, 1, f->lane);
        memcpy(f->vector + g * p->rows, f->lane, (size_t)p->rows * sizeof *f->vector);
    }
    f->at = product;
}

static cim_status load(cim_cc_flow_run *f, const cim_cc_item *it)
{
    int64_t product = value(f, it, CIM_CC_LOAD_PRODUCT), first = value(f, it, CIM_CC_LOAD_FIRST);
    int64_t n = value(f, it, CIM_CC_LOAD_LENGTH), address = value(f, it, CIM_CC_LOAD_ADDRESS);
    int64_t all = f->product->groups * f->product->rows;
    core *c;
    CIM_TRY(core_range(f, it, value(f, it, CIM_CC_LOAD_CORE), address, n, &c));
    if (product < 0 || product >= f->product->count || first < 0 || n > all || first > all - n)
        return damaged(f, it, "no such inputs");
    gather(f, product);
    memcpy(c->in + address, f->vector + first, (size_t)n * sizeof *c->in);
    return CIM_OK;
}

/* Read `rows` wordlines of the tile in a crossbar. */
static cim_status read_tile(cim_cc_flow_run *f, const cim_cc_item *it, int64_t xb, int64_t tile,
                            int64_t row, int64_t rows, int64_t in, int64_t out)
{
    const cim_cc_flow_chip *chip = &f->p->chip;
    if (xb < 0 || xb >= chip->cores * chip->crossbars || f->crossbars[xb].op != f->o->op ||
        f->crossbars[xb].tile != tile)
        return damaged(f, it, "a crossbar does not hold the tile");
    if (tile < 0 || tile >= f->tiles.n)
        return damaged(f, it, "no such tile");
    cim_cc_tile t = cim_cc_tiling_at(&f->o->tiling, tile);
    if (rows < 0) /* all of them */
        rows = t.rows * t.groups;
    core *c;
    CIM_TRY(core_range(f, it, xb / chip->crossbars, in, rows, &c));
    CIM_TRY(core_range(f, it, xb / chip->crossbars, out, t.weights * t.groups, &c));
    if (!cim_cc_tiles_read(&f->tiles, tile, row, rows, c->in + in, c->code + out, c->fix + out))
        return nomem(f);
    return CIM_OK;
}

static cim_status read_crossbars(cim_cc_flow_run *f, const cim_cc_item *it)
{
    int64_t unit = value(f, it, CIM_CC_READ_UNIT), tile = value(f, it, CIM_CC_READ_TILE);
    int64_t in = value(f, it, CIM_CC_READ_IN), out = value(f, it, CIM_CC_READ_OUT);
    const cim_cc_tiling *t = &f->o->tiling;
    if (it->mop == CIM_CC_MOP_READ_XB)
        return read_tile(f, it, unit, tile, 0, -1, in, out);
    if (it->mop == CIM_CC_MOP_READ_ROW)
        return read_tile(f, it, unit, tile, value(f, it, CIM_CC_READ_FIRST),
                         value(f, it, CIM_CC_READ_ROWS), in, out);
    int64_t n = value(f, it, CIM_CC_READ_TILES);
    for (int64_t u = tile; u < tile + n; u++) {
        int64_t x = in + cim_cc_tiling_in_slot(t, tile, u) * cim_cc_tiling_rows(t);
        int64_t y = out + cim_cc_tiling_out_slot(t, tile, u) * cim_cc_tiling_weights(t);
        CIM_TRY(read_tile(f, it, unit * f->p->chip.crossbars + u - tile, u, 0, -1, x, y));
    }
    return CIM_OK;
}

/* Add one place's sums to the tensor; they are zero again then. */
static void drain(cim_cc_flow_run *f, core *c, int64_t address, const cim_cc_tile *t,
                  int64_t product)
{
    const cim_cc_sim_product *p = f->product;
    for (int64_t g = 0; g < t->groups; g++)
        for (int64_t w = 0; w < t->weights; w++, address++) {
            int64_t i = ((t->group + g) * p->count + product) * p->cols + t->first_weight + w;
            f->sums.code[i] += c->code[address];
            f->sums.fix[i] += c->fix[address];
            c->code[address] = c->fix[address] = 0;
        }
}

static cim_status store(cim_cc_flow_run *f, const cim_cc_item *it)
{
    int64_t product = value(f, it, CIM_CC_STORE_PRODUCT);
    int64_t first = value(f, it, CIM_CC_STORE_TILE), n = value(f, it, CIM_CC_STORE_TILES);
    int64_t address = value(f, it, CIM_CC_STORE_ADDRESS), seen = -1;
    const cim_cc_tiling *t = &f->o->tiling;
    if (product < 0 || product >= f->product->count || first < 0 || n < 1 || n > f->tiles.n ||
        first > f->tiles.n - n)
        return damaged(f, it, "no such product or tiles");
    for (int64_t u = first; u < first + n; u++) {
        int64_t slot = cim_cc_tiling_out_slot(t, first, u);
        if (slot <= seen) /* shared with a tile before */
            continue;
        seen = slot;
        cim_cc_tile tile = cim_cc_tiling_at(t, u);
        int64_t at = address + slot * cim_cc_tiling_weights(t);
        core *c;
        CIM_TRY(
            core_range(f, it, value(f, it, CIM_CC_STORE_CORE), at, tile.weights * tile.groups, &c));
        drain(f, c, at, &tile, product);
    }
    return CIM_OK;
}

/* ---- walking ------------------------------------------------------------------------------------------ */

static cim_status statement(cim_cc_flow_run *f, const cim_cc_item *it)
{
    switch (it->mop) {
    case CIM_CC_MOP_WRITE_CORE:
    case CIM_CC_MOP_WRITE_XB:
    case CIM_CC_MOP_WRITE_ROW: /* the checker has seen that all rows of the tile are written */
        return write_crossbars(f, it);
    case CIM_CC_MOP_LOAD:
        return load(f, it);
    case CIM_CC_MOP_READ_CORE:
    case CIM_CC_MOP_READ_XB:
    case CIM_CC_MOP_READ_ROW:
        return read_crossbars(f, it);
    case CIM_CC_MOP_STORE:
        return store(f, it);
    case CIM_CC_MOP_DIGITAL:
        f->steps++;
        return CIM_OK;
    default: /* waits hold in program order; accumulating is part of reading */
        return CIM_OK;
    }
}

static cim_status walk(cim_cc_flow_run *f, uint32_t first);

static cim_status walk_for(cim_cc_flow_run *f, const cim_cc_item *it)
{
    int64_t from = value(f, it, CIM_CC_FOR_FROM), to = value(f, it, CIM_CC_FOR_TO);
    int64_t step = value(f, it, CIM_CC_FOR_STEP);
    if (from == CIM_CC_UNDEFINED || to == CIM_CC_UNDEFINED || step < 1)
        return damaged(f, it, "a loop without bounds");
    for (int64_t v = from; v < to; v += step) {
        f->frame[it->var] = v;
        CIM_TRY(walk(f, it->child));
    }
    return CIM_OK;
}

static cim_status walk(cim_cc_flow_run *f, uint32_t first)
{
    for (uint32_t i = first; i != CIM_CC_NO_ITEM; i = f->p->items[i].next) {
        const cim_cc_item *it = &f->p->items[i];
        switch (it->kind) {
        case CIM_CC_ITEM_STATEMENT:
            CIM_TRY(statement(f, it));
            break;
        case CIM_CC_ITEM_LET:
            f->frame[it->var] = value(f, it, 0);
            break;
        case CIM_CC_ITEM_FOR:
        case CIM_CC_ITEM_PARALLEL_FOR:
            CIM_TRY(walk_for(f, it));
            break;
        default:
            CIM_TRY(walk(f, it->child));
        }
    }
    return CIM_OK;
}

static cim_status enter_segment(cim_cc_flow_run *f, uint32_t segment)
{
    f->segment = segment;
    f->block = f->p->segments[segment].first;
    return walk(f, f->p->items[f->p->segments[segment].program].child);
}

/* ---- crossbar operators ------------------------------------------------------------------------------ */

/* One part of the operator; its tiles are the same tiling's. */
static cim_status run_part(cim_cc_flow_run *f)
{
    f->o = &f->p->ops[f->block];
    f->at = -1;
    if (!cim_cc_tiles_open(&f->tiles, &f->r->scratch, &f->p->chip, &f->o->tiling, f->product,
                           (cim_cc_crossbars *)f->sums.crossbars))
        return nomem(f);
    cim_status s = walk(f, f->p->items[f->o->body].child);
    cim_cc_tiles_close(&f->tiles);
    cores_clear(f);
    return s;
}

static cim_status run_parts(cim_cc_flow_run *f)
{
    for (uint32_t parts = f->p->ops[f->block].n_parts, k = 0; k < parts; k++) {
        const cim_cc_flow_segment *s = &f->p->segments[f->segment];
        if (k > 0 && ++f->block == s->first + s->n)
            CIM_TRY(enter_segment(f, f->segment + 1));
        CIM_TRY(run_part(f));
    }
    return CIM_OK;
}

bool cim_cc_flow_product(cim_cc_run *r, const cim_cc_sim_product *p, cim_cc_flow_sums *sums)
{
    cim_cc_flow_run *f = r->flow_run;
    int64_t n = p->groups * p->count * p->cols;
    cim_cc_crossbars *c = cim_cc_crossbars_open(&r->scratch, r->arch, p);
    f->product = p;
    f->vector = cim_cc_sim_scratch(r, p->groups * p->rows, sizeof *f->vector);
    f->lane = cim_cc_sim_scratch(r, p->pitch, sizeof *f->lane);
    *sums = (cim_cc_flow_sums){.crossbars = c};
    sums->code = cim_arena_alloc(&r->scratch, (size_t)n, sizeof *sums->code);
    sums->fix = cim_arena_alloc(&r->scratch, (size_t)n, sizeof *sums->fix);
    if (!c || !f->vector || !f->lane || !sums->code || !sums->fix) {
        cim_cc_sim_nomem(r);
        return false;
    }
    f->sums = *sums;
    r->x.status = run_parts(f);
    return r->x.status == CIM_OK;
}

/* ---- the whole flow ------------------------------------------------------------------------------------ */

static cim_status run_block(cim_cc_flow_run *f)
{
    const cim_cc_flow_op *o = &f->p->ops[f->block];
    if (o->unit != CIM_CC_UNIT_CROSSBAR) {
        f->steps = 0;
        CIM_TRY(walk(f, f->p->items[o->body].child)); /* on the whole tensor with the last step */
    }
    uint32_t node = f->node_of[o->op];
    if (node == CIM_CC_INVALID)
        return cim_err_set(f->r->err, CIM_E_INTERNAL, f->p->network, "operator %u has no node",
                           o->op);
    uint32_t bn = f->r->bn_of[node];
    if (!f->needed[node])
        return CIM_OK;
    CIM_TRY(cim_cc_sim_run_node(f->r, node)); /* calls cim_cc_flow_product() */
    if (bn != CIM_CC_INVALID)
        cim_cc_sim_skip_folded(f->r, bn);
    return CIM_OK;
}

static cim_status run_segments(cim_cc_flow_run *f)
{
    for (uint32_t s = 0; s < f->p->n_segments; s = f->segment + 1) {
        CIM_TRY(enter_segment(f, s));
        while (f->block < f->p->segments[f->segment].first + f->p->segments[f->segment].n) {
            CIM_TRY(run_block(f)); /* an operator in parts ends in a later segment */
            f->block++;
        }
    }
    return CIM_OK;
}

static bool prepare(cim_cc_flow_run *f)
{
    const cim_cc_net *net = f->r->net;
    const cim_cc_flow_chip *c = &f->p->chip;
    f->crossbars = cim_alloc((size_t)(c->cores * c->crossbars), sizeof *f->crossbars);
    f->cores = cim_alloc((size_t)c->cores, sizeof *f->cores);
    f->node_of = cim_alloc(f->p->n_ops, sizeof *f->node_of);
    if (!f->crossbars || !f->cores || !f->node_of)
        return false;
    for (int64_t i = 0; i < c->cores * c->crossbars; i++)
        f->crossbars[i].op = CIM_CC_INVALID;
    memset(f->node_of, 0xff, f->p->n_ops * sizeof *f->node_of);
    for (uint32_t i = 0; i < net->n_nodes; i++)
        if (net->op_of[i] != CIM_CC_INVALID && net->folded[i] == CIM_CC_INVALID)
            f->node_of[net->op_of[i]] = i;
    f->capacity = cim_cc_flow_capacity(c);
    return true;
}

cim_status cim_cc_flow_execute(cim_cc_run *r, const bool *needed)
{
    cim_cc_flow_run f = {.r = r, .p = r->flow, .needed = needed};
    r->flow_run = &f;
    cim_status s = prepare(&f) ? run_segments(&f) : nomem(&f);
    cores_clear(&f);
    cim_free(f.crossbars);
    cim_free(f.cores);
    cim_free(f.node_of);
    r->flow_run = NULL;
    return s;
}
