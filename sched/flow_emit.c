/* Code generation: a plan as a meta-operator flow. Everything repeats, so every operator is a few
 * loops whatever the number of its products, copies and crossbars. sched/FLOW.md says what the
 * statements mean. */
#include "sched/flow_emit.h"

#include "sched/dynamic.h"

#include <string.h>

typedef cim_cc_expr ex;

static ex num(emitter *e, int64_t v)
{
    return cim_cc_ex_const(&e->b, v);
}
static ex var(emitter *e, uint32_t v)
{
    return cim_cc_ex_var(&e->b, v);
}
static ex add(emitter *e, ex x, ex y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_ADD, x, y);
}
static ex sub(emitter *e, ex x, ex y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_SUB, x, y);
}
static ex mul(emitter *e, ex x, int64_t y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_MUL, x, num(e, y));
}
static ex quo(emitter *e, ex x, int64_t y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_DIV, x, num(e, y));
}
static ex rem(emitter *e, ex x, int64_t y)
{
    return y == 1 ? num(e, 0) : cim_cc_ex(&e->b, CIM_CC_EX_MOD, x, num(e, y));
}
static ex low(emitter *e, ex x, ex y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_MIN, x, y);
}
static ex high(emitter *e, ex x, ex y)
{
    return cim_cc_ex(&e->b, CIM_CC_EX_MAX, x, y);
}
static ex plus(emitter *e, ex x, int64_t y)
{
    return y < 0 ? sub(e, x, num(e, -y)) : add(e, x, num(e, y));
}

/* ---- waits ------------------------------------------------------------------------------------- */

static int64_t all_rows(const cim_cc_op *op)
{
    return op->rows * op->images;
}

/* Rows of the producer that row r (1-based, of all images) of the consumer needs; as prepare.c
 * follows streams, but row by row. */
static ex rows_needed(emitter *e, const cim_cc_op *to, const cim_cc_op *from,
                      const cim_cc_edge *edge, ex r)
{
    bool together = cim_cc_op_is_written(to) && to->together; /* none is done before all are */
    if (together || (edge->full && (to->images <= 1 || from->images <= 1)))
        return num(e, all_rows(from));
    if (to->images <= 1 && from->images <= 1) {
        ex f = quo(e, plus(e, mul(e, r, edge->num), edge->den - 1), edge->den);
        return low(e, num(e, from->rows), high(e, num(e, 1), plus(e, f, edge->offset)));
    }
    /* followed by images; a merge or split of the batch keeps order */
    int64_t length = to->images > 1 ? to->images : to->rows;
    int64_t have = from->images > 1 ? from->images : from->rows;
    ex last = to->images > 1 ? quo(e, plus(e, r, to->rows - 1), to->rows) : r;
    if (length != have)
        last = low(e, num(e, have), quo(e, plus(e, mul(e, last, have), length - 1), length));
    return mul(e, last, from->images > 1 ? from->rows : 1);
}

/* Staggered, a product waits for the part of the last row that it needs itself. */
static void part_needed(emitter *e, const cim_cc_op *op, const cim_cc_edge *edge, const ex *p,
                        cim_cc_arg *args)
{
    args[CIM_CC_WAIT_PART].expr = args[CIM_CC_WAIT_PARTS].expr = num(e, 0);
    if (!p || !e->p->chip.stagger || edge->full || edge->cols < 2 || op->images > 1 ||
        cim_cc_op_is_written(op) || op->mvms != op->rows * op->cols)
        return;
    ex column = plus(e, rem(e, *p, op->cols), 1);
    ex f = quo(e, plus(e, mul(e, column, edge->col_num), edge->col_den - 1), edge->col_den);
    args[CIM_CC_WAIT_PART].expr =
        low(e, num(e, edge->cols), high(e, num(e, 1), plus(e, f, edge->col_offset)));
    args[CIM_CC_WAIT_PARTS].expr = num(e, edge->cols);
}

/* Waits for everything that row r of an operator needs. @param p  of a product, or NULL
 * @param written  only for operands that are written to crossbars */
static void emit_waits(emitter *e, cim_cc_op_id id, ex r, const ex *p, bool written)
{
    const cim_cc_graph *g = e->plan->graph;
    const cim_cc_op *op = &g->ops[id];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *edge = &g->edges[k];
        if (edge->producer == CIM_CC_INVALID || (written && !edge->written))
            continue; /* the network's inputs are there */
        const cim_cc_op *from = &g->ops[edge->producer];
        bool transposed = p && !strcmp(op->type, "ConvTranspose");
        cim_cc_arg args[4];
        args[CIM_CC_WAIT_TENSOR].id = edge->producer;
        args[CIM_CC_WAIT_ROWS].expr = rows_needed(e, op, from, edge, r);
        part_needed(e, op, edge, transposed ? NULL : p, args);
        if (transposed) { /* a product is an input position */
            ex own = plus(e, quo(e, mul(e, *p, all_rows(from)), op->mvms), 1);
            args[CIM_CC_WAIT_ROWS].expr = high(e, args[CIM_CC_WAIT_ROWS].expr, own);
        }
        cim_cc_statement(&e->b, CIM_CC_MOP_WAIT, 0, args);
    }
}

/* ---- runs of tiles in a core -------------------------------------------------------------------- */

/* A copy's tiles in one core, as variables and expressions in scope. */
typedef struct run {
    const cim_cc_flow_op *o;
    const cim_cc_tiling *t;
    uint32_t c, core, lo, n; /* variables: copy, core, first tile (of the tiling), tiles */
    uint32_t place;          /* lo / piece */
    ex base;                 /* crossbar of the copy's first tile */
    uint32_t in, out;        /* where inputs and sums start */
} run;

static ex copy_base(emitter *e, const cim_cc_flow_op *o, uint32_t c)
{
    return plus(e, mul(e, var(e, c), o->stride), o->base);
}

/* parallel for the cores of copy c; binds lo and n. */
static void open_cores(emitter *e, run *r)
{
    int64_t per_core = e->p->chip.crossbars, tiles = r->o->tiles;
    ex base = copy_base(e, r->o, r->c);
    ex end = plus(e, quo(e, plus(e, base, tiles - 1), per_core), 1);
    r->core = cim_cc_open_for(&e->b, true, "k", quo(e, base, per_core), end, num(e, 1));
    ex at = mul(e, var(e, r->core), per_core);
    ex first = sub(e, high(e, at, base), base);
    ex last = low(e, plus(e, sub(e, at, base), per_core), num(e, tiles));
    r->lo = cim_cc_let(&e->b, "lo", plus(e, first, r->o->first_tile));
    r->n = cim_cc_let(&e->b, "n", sub(e, plus(e, last, r->o->first_tile), var(e, r->lo)));
}

static bool one_pack(const cim_cc_tiling *t)
{
    return t->groups <= t->pack;
}

static ex last_place(emitter *e, const run *r)
{
    return quo(e, plus(e, add(e, var(e, r->lo), var(e, r->n)), -1), cim_cc_tiling_piece(r->t));
}

/* Slots along the slower and the faster index of the run's tiles: cim_cc_tiling_run(). */
static ex major_slots(emitter *e, const run *r, int64_t inner)
{
    return plus(e, sub(e, quo(e, last_place(e, r), inner), quo(e, var(e, r->place), inner)), 1);
}
static ex minor_slots(emitter *e, const run *r, int64_t inner)
{
    ex n = plus(e, sub(e, last_place(e, r), var(e, r->place)), 1);
    return one_pack(r->t) ? low(e, n, num(e, inner)) : n;
}

/* Binds the run's places in the core's buffer: sums first, then inputs. */
static void bind_layout(emitter *e, run *r)
{
    const cim_cc_tiling *t = r->t;
    r->place = cim_cc_let(&e->b, "q", quo(e, var(e, r->lo), cim_cc_tiling_piece(t)));
    ex at = num(e, 0);
    if (!e->plan->units_are_cores) { /* crossbars of a core have equal shares of its buffer */
        ex first = mul(e, var(e, r->core), e->p->chip.crossbars);
        at = mul(e, sub(e, high(e, first, copy_base(e, r->o, r->c)), first), e->share);
    }
    r->out = cim_cc_let(&e->b, "out", at);
    ex slots = t->column_major ? major_slots(e, r, t->row_tiles) : minor_slots(e, r, t->col_tiles);
    r->in =
        cim_cc_let(&e->b, "in", add(e, var(e, r->out), mul(e, slots, cim_cc_tiling_weights(t))));
}

/* Slot of a place among inputs or sums; as cim_cc_tiling_in_slot() and _out_slot(). */
static ex slot_of(emitter *e, const run *r, ex place, bool input)
{
    const cim_cc_tiling *t = r->t;
    int64_t inner = t->column_major ? t->row_tiles : t->col_tiles;
    if (input == !t->column_major)
        return sub(e, quo(e, place, inner), quo(e, var(e, r->place), inner));
    ex d = sub(e, place, var(e, r->place));
    return one_pack(t) ? rem(e, d, inner) : d;
}

/* ---- a product ------------------------------------------------------------------------------------ */

/* One load when the run's rows lie one after another in the input vector, else one per row tile. */
static bool contiguous(const cim_cc_tiling *t)
{
    if (t->row_tiles == 1 && t->col_tiles == 1)
        return true;
    return !t->column_major && (one_pack(t) || t->row_tiles == 1);
}

static void load(emitter *e, const run *r, ex p, ex first, ex length, ex address)
{
    cim_cc_arg args[8];
    const cim_cc_graph *g = e->plan->graph;
    const cim_cc_edge *edge = cim_cc_flow_input(g, r->o->op);
    bool input = edge->producer == CIM_CC_INVALID;
    args[CIM_CC_LOAD_TENSOR].id = input ? g->n_ops + edge->input : edge->producer;
    args[CIM_CC_LOAD_OP].id = r->o->op;
    args[CIM_CC_LOAD_PRODUCT].expr = p;
    args[CIM_CC_LOAD_FIRST].expr = first;
    args[CIM_CC_LOAD_LENGTH].expr = length;
    args[CIM_CC_LOAD_CORE].expr = var(e, r->core);
    args[CIM_CC_LOAD_ADDRESS].expr = address;
    args[CIM_CC_LOAD_MOVED].real = e->moved_in;
    cim_cc_statement(&e->b, CIM_CC_MOP_LOAD, 0, args);
}

static void emit_loads(emitter *e, const run *r, ex p)
{
    const cim_cc_tiling *t = r->t;
    int64_t all = t->groups * t->rows;
    if (contiguous(t)) {
        int64_t pitch = t->row_tiles == 1 ? t->pack * t->rows : t->tile_rows;
        ex first = mul(e, quo(e, var(e, r->place), t->col_tiles), pitch);
        ex end = mul(e, plus(e, quo(e, last_place(e, r), t->col_tiles), 1), pitch);
        load(e, r, p, first, sub(e, low(e, end, num(e, all)), first), var(e, r->in));
        return;
    }
    int64_t inner = t->column_major ? t->row_tiles : t->col_tiles;
    ex slots = t->column_major ? minor_slots(e, r, inner) : major_slots(e, r, inner);
    uint32_t s = cim_cc_open_for(&e->b, false, "s", num(e, 0), slots, num(e, 1));
    ex group, i;
    if (t->column_major) {
        ex place = add(e, var(e, r->place), var(e, s));
        group = quo(e, place, t->row_tiles * t->col_tiles);
        i = rem(e, place, t->row_tiles);
    } else {
        ex row_tile = add(e, quo(e, var(e, r->place), t->col_tiles), var(e, s));
        group = quo(e, row_tile, t->row_tiles);
        i = rem(e, row_tile, t->row_tiles);
    }
    ex row = mul(e, i, t->tile_rows); /* groups with several tiles are not packed */
    ex length = low(e, num(e, t->tile_rows), sub(e, num(e, t->rows), row));
    ex address = add(e, var(e, r->in), mul(e, var(e, s), cim_cc_tiling_rows(t)));
    load(e, r, p, add(e, mul(e, group, t->rows), row), length, address);
    cim_cc_close(&e->b);
}

/* Rows in use of tile u. */
static ex tile_rows(emitter *e, const cim_cc_tiling *t, ex u)
{
    ex place = quo(e, u, cim_cc_tiling_piece(t));
    if (t->pack > 1) {
        ex group = mul(e, place, t->pack);
        return mul(e, low(e, num(e, t->pack), sub(e, num(e, t->groups), group)), t->rows);
    }
    ex i = t->column_major ? place : quo(e, place, t->col_tiles);
    ex first = mul(e, rem(e, i, t->row_tiles), t->tile_rows);
    return low(e, num(e, t->tile_rows), sub(e, num(e, t->rows), first));
}

static void emit_reads(emitter *e, const run *r, ex p)
{
    const cim_cc_tiling *t = r->t;
    const cim_cc_flow_chip *chip = &e->p->chip;
    cim_cc_arg args[8];
    args[CIM_CC_READ_OP].id = r->o->op;
    args[CIM_CC_READ_PRODUCT].expr = p;
    if (chip->mode == CIM_HW_MODE_CORE) {
        args[CIM_CC_READ_UNIT].expr = var(e, r->core);
        args[CIM_CC_READ_TILE].expr = var(e, r->lo);
        args[CIM_CC_READ_TILES].expr = var(e, r->n);
        args[CIM_CC_READ_IN].expr = var(e, r->in);
        args[CIM_CC_READ_OUT].expr = var(e, r->out);
        cim_cc_statement(&e->b, CIM_CC_MOP_READ_CORE, 0, args);
        return;
    }
    uint32_t u = cim_cc_open_for(&e->b, true, "u", var(e, r->lo),
                                 add(e, var(e, r->lo), var(e, r->n)), num(e, 1));
    ex place = quo(e, var(e, u), cim_cc_tiling_piece(t));
    args[CIM_CC_READ_UNIT].expr =
        add(e, copy_base(e, r->o, r->c), plus(e, var(e, u), -r->o->first_tile));
    args[CIM_CC_READ_TILE].expr = var(e, u);
    args[CIM_CC_READ_IN].expr =
        add(e, var(e, r->in), mul(e, slot_of(e, r, place, true), cim_cc_tiling_rows(t)));
    args[CIM_CC_READ_OUT].expr =
        add(e, var(e, r->out), mul(e, slot_of(e, r, place, false), cim_cc_tiling_weights(t)));
    if (chip->mode == CIM_HW_MODE_CROSSBAR) {
        cim_cc_statement(&e->b, CIM_CC_MOP_READ_XB, 0, args);
    } else {
        ex used = tile_rows(e, t, var(e, u));
        uint32_t row =
            cim_cc_open_for(&e->b, false, "r", num(e, 0), used, num(e, chip->parallel_rows));
        args[CIM_CC_READ_IN].expr = add(e, args[CIM_CC_READ_IN].expr, var(e, row));
        args[CIM_CC_READ_FIRST].expr = var(e, row);
        args[CIM_CC_READ_ROWS].expr =
            low(e, num(e, chip->parallel_rows), sub(e, used, var(e, row)));
        cim_cc_statement(&e->b, CIM_CC_MOP_READ_ROW, 0, args);
        cim_cc_close(&e->b);
    }
    cim_cc_close(&e->b);
}

static void emit_store(emitter *e, const run *r, ex p)
{
    cim_cc_arg args[8];
    args[CIM_CC_ACCUMULATE_CORE].expr = var(e, r->core);
    args[CIM_CC_ACCUMULATE_OP].id = r->o->op;
    args[CIM_CC_ACCUMULATE_PRODUCT].expr = p;
    args[CIM_CC_ACCUMULATE_ADDS].real = e->adds;
    if (e->adds > 0.0)
        cim_cc_statement(&e->b, CIM_CC_MOP_ACCUMULATE, 0, args);
    args[CIM_CC_STORE_TENSOR].id = r->o->op;
    args[CIM_CC_STORE_OP].id = r->o->op;
    args[CIM_CC_STORE_PRODUCT].expr = p;
    args[CIM_CC_STORE_CORE].expr = var(e, r->core);
    args[CIM_CC_STORE_ADDRESS].expr = var(e, r->out);
    args[CIM_CC_STORE_TILE].expr = var(e, r->lo);
    args[CIM_CC_STORE_TILES].expr = var(e, r->n);
    args[CIM_CC_STORE_MOVED].real = e->moved_out;
    cim_cc_statement(&e->b, CIM_CC_MOP_STORE, 0, args);
}

/* ---- programming ------------------------------------------------------------------------------------ */

/* @param operand  at run time, once the written operand is complete */
static void emit_writes(emitter *e, const cim_cc_flow_op *o, bool operand)
{
    run r = {.o = o, .t = &o->tiling};
    cim_cc_arg args[4];
    args[CIM_CC_WRITE_XB_OP].id = o->op;
    r.c = cim_cc_open_for(&e->b, true, "c", num(e, 0), num(e, o->copies), num(e, 1));
    if (operand)
        emit_waits(e, o->op, num(e, all_rows(&e->plan->graph->ops[o->op])), NULL, true);
    if (e->p->chip.mode == CIM_HW_MODE_CORE) {
        open_cores(e, &r);
        args[CIM_CC_WRITE_CORE_CORE].expr = var(e, r.core);
        args[CIM_CC_WRITE_CORE_TILE].expr = var(e, r.lo);
        args[CIM_CC_WRITE_CORE_TILES].expr = var(e, r.n);
        cim_cc_statement(&e->b, CIM_CC_MOP_WRITE_CORE, 0, args);
    } else {
        uint32_t t = cim_cc_open_for(&e->b, true, "t", num(e, 0), num(e, o->tiles), num(e, 1));
        ex u = plus(e, var(e, t), o->first_tile);
        args[CIM_CC_WRITE_XB_XB].expr = add(e, copy_base(e, o, r.c), var(e, t));
        args[CIM_CC_WRITE_XB_TILE].expr = u;
        if (e->p->chip.mode == CIM_HW_MODE_CROSSBAR) {
            cim_cc_statement(&e->b, CIM_CC_MOP_WRITE_XB, 0, args);
        } else {
            uint32_t row =
                cim_cc_open_for(&e->b, false, "r", num(e, 0), tile_rows(e, r.t, u), num(e, 1));
            args[CIM_CC_WRITE_ROW_ROW].expr = var(e, row);
            cim_cc_statement(&e->b, CIM_CC_MOP_WRITE_ROW, 0, args);
            cim_cc_close(&e->b);
        }
    }
    cim_cc_close(&e->b);
    cim_cc_close(&e->b);
}

/* ---- crossbar operators ---------------------------------------------------------------------- */

static void emit_crossbar(emitter *e, const cim_cc_flow_op *o)
{
    const cim_cc_op *op = &e->plan->graph->ops[o->op];
    run r = {.o = o, .t = &o->tiling};
    if (cim_cc_op_is_written(op))
        emit_writes(e, o, true);
    r.c = cim_cc_open_for(&e->b, true, "c", num(e, 0), num(e, o->copies), num(e, 1));
    uint32_t p =
        cim_cc_open_for(&e->b, false, "p", var(e, r.c), num(e, o->products), num(e, o->copies));
    /* the last row of the result that the product belongs to */
    ex last = plus(e, mul(e, plus(e, var(e, p), 1), all_rows(op)), -1);
    ex self = var(e, p);
    emit_waits(e, o->op, plus(e, quo(e, last, o->products), 1), &self, false);
    open_cores(e, &r);
    bind_layout(e, &r);
    emit_loads(e, &r, var(e, p));
    emit_reads(e, &r, var(e, p));
    emit_store(e, &r, var(e, p));
    for (int i = 0; i < 3; i++)
        cim_cc_close(&e->b);
}

/* ---- digital operators --------------------------------------------------------------------------------- */

static void emit_digital(emitter *e, cim_cc_op_id id)
{
    const cim_cc_graph *g = e->plan->graph;
    const cim_cc_op *op = &g->ops[id];
    const cim_cc_prepared *pre = e->plan->prepared;
    int64_t steps = all_rows(op);
    uint32_t s = cim_cc_open_for(&e->b, false, "s", num(e, 0), num(e, steps), num(e, 1));
    emit_waits(e, id, plus(e, var(e, s), 1), NULL, false);
    cim_cc_arg args[4];
    for (uint32_t k = 0; k < op->n_edges; k++) {
        const cim_cc_edge *edge = &g->edges[op->first_edge + k];
        e->ids[k] = edge->producer == CIM_CC_INVALID ? g->n_ops + edge->input : edge->producer;
    }
    args[CIM_CC_DIGITAL_TENSOR].id = id;
    args[CIM_CC_DIGITAL_IN] = cim_cc_list(&e->b, e->ids, op->n_edges);
    args[CIM_CC_DIGITAL_STEP].expr = var(e, s);
    args[CIM_CC_DIGITAL_MOVED].real = (pre->traffic_in[id] + pre->traffic_out[id]) / (double)steps;
    cim_cc_statement(&e->b, CIM_CC_MOP_DIGITAL, cim_cc_flow_type_find(op->type), args);
    cim_cc_close(&e->b);
}

/* ---- segments -------------------------------------------------------------------------------------- */

/* Elements that one statement moves: a product's share of the operator's traffic, spread over the
 * cores of a copy and the loads of each. */
static void share_traffic(emitter *e, const cim_cc_node *n, const cim_cc_flow_op *o)
{
    const cim_cc_prepared *pre = e->plan->prepared;
    const cim_cc_variant *v = cim_cc_node_picked(n);
    int64_t per_core = e->p->chip.crossbars, cores = 0, loads = 0;
    for (int64_t at = o->base; at < o->base + o->tiles; cores++) {
        int64_t end = (at / per_core + 1) * per_core;
        end = end < o->base + o->tiles ? end : o->base + o->tiles;
        cim_cc_run_layout l = cim_cc_tiling_run(&o->tiling, o->first_tile + at - o->base, end - at);
        loads += contiguous(&o->tiling) ? 1 : l.in_slots;
        at = end;
    }
    double products = (double)o->products;
    double written = cim_cc_written_elements(&e->plan->graph->ops[o->op]);
    e->moved_in = (pre->traffic_in[o->op] - written) / products / (double)loads;
    e->moved_out = pre->traffic_out[o->op] / products / (double)cores;
    e->adds = v->adds / (double)cores;
}

/* A block's header. */
static cim_cc_flow_op *block_add(emitter *e, cim_cc_op_id id, const cim_cc_node *n)
{
    cim_cc_program *p = e->p;
    if (e->b.failed || cim_grow(&p->ops, &p->cap_ops, (size_t)p->n_blocks + 1, sizeof *p->ops)) {
        e->b.failed = true;
        return NULL;
    }
    cim_cc_flow_op *o = &p->ops[p->n_blocks++];
    *o = (cim_cc_flow_op){.op = id, .unit = e->plan->graph->ops[id].unit, .n_parts = 1};
    o->copies = 1;
    o->slow = cim_cc_slow(e->plan, id, n);
    if (!n)
        return o;
    const cim_cc_variant *v = cim_cc_node_picked(n);
    int64_t per_core = e->plan->units_are_cores ? p->chip.crossbars : 1;
    cim_cc_flow_tiling(&e->plan->graph->ops[id], &v->map, &o->tiling);
    o->part = n->part;
    o->n_parts = n->n_parts;
    o->copies = n->choice_copies[n->pick];
    o->products = e->plan->graph->ops[id].mvms;
    o->first_tile = n->part * v->map.crossbars;
    int64_t left = cim_cc_tiling_tiles(&o->tiling) - o->first_tile;
    o->tiles = left < v->map.crossbars ? left : v->map.crossbars;
    o->base = n->first_unit * per_core;
    o->stride = v->units * per_core;
    return o;
}

static void emit_segment(emitter *e, const cim_cc_segment *s)
{
    const cim_cc_plan *plan = e->plan;
    cim_cc_program *p = e->p;
    cim_cc_flow_segment seg = {.spill_bits = plan->spill_bits[s->first_node],
                               .ahead = plan->overlapped && s != plan->segments,
                               .pipelined = cim_cc_pipelined(plan),
                               .first = p->n_blocks};
    const cim_cc_node *next = plan->nodes + s->first_node;
    for (cim_cc_op_id id = s->first_op; id < s->end_op; id++) {
        const cim_cc_node *n = plan->node_of[id] == UINT32_MAX ? NULL : next++;
        cim_cc_flow_op *o = block_add(e, id, n);
        if (!o)
            return;
        if (n)
            share_traffic(e, n, o);
        uint32_t body = cim_cc_open_block(&e->b, CIM_CC_ITEM_SEQUENCE);
        o->body = body;
        if (n)
            emit_crossbar(e, o);
        else
            emit_digital(e, id);
        cim_cc_close(&e->b);
        seg.n++;
    }
    seg.program = cim_cc_open_block(&e->b, CIM_CC_ITEM_SEQUENCE);
    for (uint32_t i = seg.first; i < seg.first + seg.n; i++)
        if (p->ops[i].unit == CIM_CC_UNIT_CROSSBAR &&
            !cim_cc_op_is_written(&plan->graph->ops[p->ops[i].op]))
            emit_writes(e, &p->ops[i], false);
    cim_cc_close(&e->b);
    if (!e->b.failed)
        p->segments[p->n_segments++] = seg;
}

static bool emit_all(emitter *e)
{
    const cim_cc_plan *plan = e->plan;
    cim_cc_program *p = e->p;
    uint32_t widest = 0;
    cim_cc_flow_chip_of(&plan->arch, &p->chip);
    p->n_ops = plan->graph->n_ops;
    p->n_tensors = p->n_ops + plan->graph->n_inputs;
    p->network = cim_arena_strdup(&p->arena, plan->graph->name);
    p->tensors = cim_arena_alloc(&p->arena, p->n_tensors, sizeof *p->tensors);
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (plan->graph->ops[i].n_edges > widest)
            widest = plan->graph->ops[i].n_edges;
    e->ids = cim_arena_alloc(&e->scratch, widest, sizeof *e->ids);
    if (!p->network || !p->tensors || !e->ids ||
        cim_grow(&p->segments, &p->cap_segments, plan->n_segments, sizeof *p->segments))
        return false;
    if (plan->core_order) {
        p->placement = cim_arena_take(&p->arena, (size_t)p->chip.cores, sizeof *p->placement);
        if (!p->placement)
            return false;
        memcpy(p->placement, plan->core_order, (size_t)p->chip.cores * sizeof *p->placement);
    }
    p->chip.stagger = cim_cc_staggered(plan);
    e->share = cim_cc_flow_share(&p->chip);
    if (!cim_cc_flow_place_tensors(e))
        return false;
    for (uint32_t i = 0; i < plan->n_segments; i++)
        emit_segment(e, &plan->segments[i]);
    return !e->b.failed;
}

cim_status cim_cc_flow_emit(const cim_cc_plan *plan, cim_cc_program **out, cim_err *err)
{
    emitter e = {.plan = plan, .p = cim_cc_program_create()};
    cim_arena_init(&e.scratch);
    e.b.p = e.p;
    bool ok = e.p && emit_all(&e);
    cim_arena_clear(&e.scratch);
    if (!ok) {
        cim_cc_program_destroy(e.p);
        return cim_err_set(err, CIM_E_NOMEM, plan->graph->name, "out of memory emitting the flow");
    }
    *out = e.p;
    return CIM_OK;
}

cim_status cim_cc_flow_graph(const cim_cc_graph *network, const cim_hw_arch *arch, cim_arena *ar,
                             const cim_cc_graph **out, cim_err *err)
{
    *out = network;
    if (arch->schedule.dynamic != CIM_HW_DYNAMIC_CROSSBAR || !cim_cc_graph_has_written(network))
        return CIM_OK;
    cim_cc_graph *g = cim_arena_take(ar, 1, sizeof *g);
    if (!g || cim_cc_graph_on_arrays(network, ar, g) != CIM_OK)
        return cim_err_set(err, CIM_E_NOMEM, network->name, "out of memory");
    *out = g;
    return CIM_OK;
}
