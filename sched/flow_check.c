/* Is a flow a legal program of a network on a chip? sched/FLOW.md, "Legal programs", lists the rules. */
#include "sched/flow_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

cim_status cim_cc_check_fail(checker *c, uint32_t line, const char *fmt, ...)
{
    char where[256], message[480];
    va_list args;
    snprintf(where, sizeof where, "%.200s:%u", c->name, line);
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return cim_err_set(c->err, CIM_E_INPUT, where, "%s", message);
}

cim_status cim_cc_check_nomem(checker *c)
{
    return cim_err_set(c->err, CIM_E_NOMEM, c->name, "out of memory checking the flow");
}

cim_status cim_cc_check_value(checker *c, const cim_cc_item *it, uint32_t slot, int64_t min,
                              int64_t max, int64_t *out)
{
    static const char *const loop[] = {"the first value", "the last value", "the step"};
    const char *what = it->kind == CIM_CC_ITEM_STATEMENT ? cim_cc_mop_defs[it->mop].slots[slot].name
                       : it->kind == CIM_CC_ITEM_LET     ? it->name
                                                         : loop[slot];
    *out = cim_cc_arg_value(c->p, it, slot, c->frame);
    if (*out == CIM_CC_UNDEFINED)
        return cim_cc_check_fail(c, it->line,
                                 "%s has no value: a division by 0 or of a negative number, or a "
                                 "number beyond 2^53",
                                 what);
    if (*out < min || *out > max)
        return cim_cc_check_fail(c, it->line, "%s is %lld, allowed are %lld to %lld", what,
                                 (long long)*out, (long long)min, (long long)max);
    return CIM_OK;
}

cim_status cim_cc_check_op(checker *c, const cim_cc_item *it, uint32_t slot)
{
    cim_cc_op_id op = c->p->args[it->args + slot].id;
    if (op != c->o->op)
        return cim_cc_check_fail(c, it->line, "operator %u in the block of operator %u", op,
                                 c->o->op);
    return CIM_OK;
}

bool cim_cc_check_concurrent(const checker *c, uint64_t at)
{
    for (uint32_t i = 0; i < c->n_forks; i++)
        if (c->forks[i].from <= at && at < c->forks[i].branch)
            return true;
    return false;
}

/* ---- the chip and the schedule ----------------------------------------------------------------------- */

static cim_status check_chip(checker *c, const cim_hw_arch *arch)
{
    const cim_cc_flow_chip *f = &c->p->chip;
    cim_cc_flow_chip a;
    cim_cc_flow_chip_of(arch, &a);
    const struct {
        const char *what;
        int64_t flow, arch;
    } fields[] = {{"computing mode", f->mode, a.mode},
                  {"cores", f->cores, a.cores},
                  {"crossbars per core", f->crossbars, a.crossbars},
                  {"crossbar rows", f->rows, a.rows},
                  {"crossbar columns", f->cols, a.cols},
                  {"parallel rows", f->parallel_rows, a.parallel_rows},
                  {"weight bits", f->weight_bits, a.weight_bits},
                  {"activation bits", f->activation_bits, a.activation_bits},
                  {"bits per cell", f->cell_bits, a.cell_bits},
                  {"DAC bits", f->dac_bits, a.dac_bits},
                  {"binding", f->binding, a.binding},
                  {"slices of a weight", f->slices, a.slices},
                  {"columns of a slice", f->polarities, a.polarities},
                  {"global buffer elements", f->l0, a.l0},
                  {"local buffer elements", f->l1, a.l1}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].flow != fields[i].arch)
            return cim_err_set(c->err, CIM_E_INPUT, c->name,
                               "the flow was made for another chip: %s is %lld in it, %lld in "
                               "architecture %s",
                               fields[i].what, (long long)fields[i].flow, (long long)fields[i].arch,
                               arch->name);
    return CIM_OK;
}

static cim_status schedule_error(checker *c, const cim_hw_arch *arch, const char *what,
                                 const char *flow, const char *allowed)
{
    return cim_err_set(c->err, CIM_E_INPUT, c->name,
                       "the flow was made for another schedule: %s is %s in it, %s in architecture "
                       "%s",
                       what, flow, allowed, arch->name);
}

/* Level, batch and stagger say what an inference costs and when it starts: the architecture's must hold.
 * Where it pipelines, running one operator after another is allowed: a power cap may ask for it. */
static cim_status check_schedule(checker *c, const cim_hw_arch *arch)
{
    static const char *const words[] = {"false", "true"};
    const cim_cc_flow_chip *f = &c->p->chip;
    cim_cc_flow_chip a;
    bool pipelines = arch->schedule.pipeline && arch->schedule.level >= CIM_HW_LEVEL_CG;
    bool pipelined = false;
    cim_cc_flow_chip_of(arch, &a);
    if (f->level != a.level)
        return schedule_error(c, arch, "level", cim_hw_level_words[f->level],
                              cim_hw_level_words[a.level]);
    if (f->batch != a.batch)
        return cim_err_set(c->err, CIM_E_INPUT, c->name,
                           "the flow was made for another schedule: batch is %lld in it, %lld in "
                           "architecture %s",
                           (long long)f->batch, (long long)a.batch, arch->name);
    for (uint32_t i = 0; i < c->p->n_segments; i++) {
        const cim_cc_flow_segment *s = &c->p->segments[i];
        pipelined = pipelined || s->pipelined;
        if (s->pipelined && !pipelines)
            return cim_cc_check_fail(c, s->line,
                                     "segment %u runs pipelined; in architecture %s operators run "
                                     "one after another: run serial",
                                     i, arch->name);
    }
    if (f->stagger != (a.stagger && pipelined))
        return schedule_error(c, arch, "stagger", words[f->stagger], words[!f->stagger]);
    return CIM_OK;
}

static cim_status check_placement(checker *c)
{
    const cim_cc_program *p = c->p;
    uint8_t *seen = cim_arena_alloc(&c->ar, (size_t)p->chip.cores, sizeof *seen);
    if (!seen)
        return cim_cc_check_nomem(c);
    for (int64_t i = 0; p->placement && i < p->chip.cores; i++) {
        if (seen[p->placement[i]]++)
            return cim_err_set(c->err, CIM_E_INPUT, c->name,
                               "placement names core %u twice: it must be an order of all cores",
                               p->placement[i]);
    }
    return CIM_OK;
}

/* ---- blocks -------------------------------------------------------------------------------------------- */

static bool same_tiling(const cim_cc_tiling *a, const cim_cc_tiling *b)
{
    return a->row_tiles == b->row_tiles && a->col_tiles == b->col_tiles &&
           a->tile_rows == b->tile_rows && a->tile_cols == b->tile_cols && a->pack == b->pack &&
           a->column_major == b->column_major;
}

static bool follows(checker *c, const cim_cc_flow_op *o, uint32_t block)
{
    if (o->part != c->parts[o->op] || o->part >= o->n_parts)
        return false;
    const cim_cc_flow_op *before = block > 0 ? &c->p->ops[block - 1] : NULL;
    if (o->part > 0)
        return before->op == o->op && before->n_parts == o->n_parts &&
               o->first_tile == before->first_tile + before->tiles &&
               same_tiling(&o->tiling, &before->tiling);
    return o->first_tile == 0;
}

static cim_status check_tiling(checker *c, const cim_cc_flow_op *o)
{
    const cim_cc_tiling *t = &o->tiling;
    const cim_cc_flow_chip *chip = &c->p->chip;
    const cim_cc_op *op = &c->g->ops[o->op];
    int64_t slices = chip->slices;
    int64_t width = op->matrix_cols * cim_cc_tiling_columns(t);
    if (t->rows != op->matrix_rows || t->cols != op->matrix_cols || t->groups != op->groups ||
        o->products != op->mvms || t->slices != slices || t->polarities != chip->polarities)
        return cim_cc_check_fail(c, o->line,
                                 "operator %u multiplies %lld times with %lld matrices of %lld x "
                                 "%lld in %lld slices",
                                 o->op, (long long)op->mvms, (long long)op->groups,
                                 (long long)op->matrix_rows, (long long)op->matrix_cols,
                                 (long long)slices);
    if (t->row_tiles != (t->rows + t->tile_rows - 1) / t->tile_rows ||
        t->col_tiles != (width + t->tile_cols - 1) / t->tile_cols)
        return cim_cc_check_fail(c, o->line,
                                 "%lld x %lld tiles of %lld x %lld do not cover %lld rows and %lld "
                                 "columns",
                                 (long long)t->row_tiles, (long long)t->col_tiles,
                                 (long long)t->tile_rows, (long long)t->tile_cols,
                                 (long long)t->rows, (long long)width);
    if (t->pack > t->groups || (t->pack > 1 && t->row_tiles * t->col_tiles > 1))
        return cim_cc_check_fail(c, o->line, "%lld groups in a crossbar", (long long)t->pack);
    if (t->tile_rows * t->pack > chip->rows || t->tile_cols * t->pack > chip->cols)
        return cim_cc_check_fail(
            c, o->line, "a tile of %lld x %lld cells, a crossbar has %lld x %lld",
            (long long)(t->tile_rows * t->pack), (long long)(t->tile_cols * t->pack),
            (long long)chip->rows, (long long)chip->cols);
    int64_t all = cim_cc_tiling_tiles(t), end = o->first_tile + o->tiles;
    if (o->first_tile > all || o->tiles > all - o->first_tile ||
        (o->part + 1 == o->n_parts) != (end == all))
        return cim_cc_check_fail(
            c, o->line, "part %u of %u has tiles %lld to %lld, the operator has %lld", o->part,
            o->n_parts, (long long)o->first_tile, (long long)end - 1, (long long)all);
    if (o->tiles > chip->cores * chip->crossbars)
        return cim_cc_check_fail(c, o->line, "%lld tiles, the chip has %lld crossbars",
                                 (long long)o->tiles, (long long)(chip->cores * chip->crossbars));
    return CIM_OK;
}

/* Before another operator runs, or the flow ends, the one of the block before has all of its parts. */
static cim_status check_complete(checker *c, uint32_t end)
{
    const cim_cc_flow_op *o = end > 0 ? &c->p->ops[end - 1] : NULL;
    if (!o || o->part + 1 >= o->n_parts)
        return CIM_OK;
    return cim_cc_check_fail(c, o->line,
                             "operator %u ends with part %u of %u: parts 0 to %u must follow one "
                             "another",
                             o->op, o->part, o->n_parts, o->n_parts - 1);
}

/* A block may run: it is next, and what it reads is complete. */
static cim_status check_block(checker *c, uint32_t block)
{
    const cim_cc_flow_op *o = &c->p->ops[block];
    const cim_cc_op *op = &c->g->ops[o->op];
    if (o->part == 0)
        CIM_TRY(check_complete(c, block));
    if (o->unit != op->unit)
        return cim_cc_check_fail(c, o->line, "operator %u runs on unit %s", o->op,
                                 cim_cc_unit_words[op->unit]);
    if (!follows(c, o, block))
        return cim_cc_check_fail(c, o->line,
                                 "operator %u, part %u of %u from tile %lld: it has run %u parts; "
                                 "parts follow one another",
                                 o->op, o->part, o->n_parts, (long long)o->first_tile,
                                 c->parts[o->op]);
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = c->g->edges[k].producer;
        if (from != CIM_CC_INVALID && c->parts[from] == 0)
            return cim_cc_check_fail(c, o->line,
                                     "operator %u reads t%u, which no operator before it writes",
                                     o->op, from);
    }
    c->parts[o->op]++;
    return o->unit == CIM_CC_UNIT_CROSSBAR ? check_tiling(c, o) : CIM_OK;
}

/* ---- segments ------------------------------------------------------------------------------------------ */

/* The segment's blocks by operator, and room to count the copies of their tiles. */
static cim_status open_segment(checker *c, const cim_cc_flow_segment *s)
{
    for (uint32_t i = 0; i < c->g->n_ops; i++)
        c->block_of[i] = CIM_CC_INVALID;
    c->written = cim_arena_alloc(&c->ar, s->n, sizeof *c->written);
    if (!c->written)
        return cim_cc_check_nomem(c);
    for (uint32_t i = 0; i < s->n; i++) {
        const cim_cc_flow_op *o = &c->p->ops[s->first + i];
        CIM_TRY(check_block(c, s->first + i));
        if (c->block_of[o->op] != CIM_CC_INVALID)
            return cim_cc_check_fail(c, o->line, "operator %u runs twice in the segment", o->op);
        c->block_of[o->op] = s->first + i;
        if (o->unit != CIM_CC_UNIT_CROSSBAR)
            continue;
        c->written[i] = cim_arena_alloc(&c->ar, (size_t)o->tiles, sizeof **c->written);
        if (!c->written[i])
            return cim_cc_check_nomem(c);
    }
    return CIM_OK;
}

static cim_status check_program(checker *c, const cim_cc_flow_segment *s)
{
    c->programming = true;
    c->o = NULL;
    CIM_TRY(cim_cc_check_items(c, c->p->items[s->program].child));
    c->programming = false;
    for (uint32_t i = s->first; i < s->first + s->n; i++)
        if (c->p->ops[i].unit == CIM_CC_UNIT_CROSSBAR &&
            !cim_cc_op_is_written(&c->g->ops[c->p->ops[i].op]))
            CIM_TRY(cim_cc_check_written(c, i));
    return CIM_OK;
}

static cim_status run_crossbar(checker *c)
{
    const cim_cc_flow_op *o = c->o = &c->p->ops[c->block];
    cim_arena_mark mark = cim_arena_save(&c->ar);
    c->seen = cim_arena_alloc(&c->ar, (size_t)o->products, sizeof *c->seen);
    c->tiles = cim_arena_alloc(&c->ar, (size_t)o->tiles, sizeof *c->tiles);
    if (!c->seen || !c->tiles)
        return cim_cc_check_nomem(c);
    c->n_products = 0;
    c->open = false;
    CIM_TRY(cim_cc_check_items(c, c->p->items[o->body].child));
    CIM_TRY(cim_cc_check_product_end(c, o->line));
    CIM_TRY(cim_cc_check_written(c, c->block));
    if (c->n_products != o->products)
        return cim_cc_check_fail(c, o->line, "%lld of the %lld products of operator %u run",
                                 (long long)c->n_products, (long long)o->products, o->op);
    cim_arena_rewind(&c->ar, mark);
    return CIM_OK;
}

static cim_status run_digital(checker *c)
{
    const cim_cc_flow_op *o = &c->p->ops[c->block];
    const cim_cc_op *op = &c->g->ops[o->op];
    c->o = NULL;
    c->steps = 0;
    CIM_TRY(cim_cc_check_items(c, c->p->items[o->body].child));
    if (c->steps != op->rows * op->images)
        return cim_cc_check_fail(c, o->line, "%lld of the %lld steps of operator %u run",
                                 (long long)c->steps, (long long)(op->rows * op->images), o->op);
    return CIM_OK;
}

static cim_status check_segment(checker *c, uint32_t index)
{
    const cim_cc_flow_segment *s = &c->p->segments[index];
    cim_arena_mark mark = cim_arena_save(&c->ar);
    c->segment = index;
    CIM_TRY(open_segment(c, s));
    CIM_TRY(check_program(c, s));
    for (c->block = s->first; c->block < s->first + s->n; c->block++) {
        c->thread++;
        if (c->p->ops[c->block].unit == CIM_CC_UNIT_CROSSBAR)
            CIM_TRY(run_crossbar(c));
        else
            CIM_TRY(run_digital(c));
        if (!s->pipelined)
            CIM_TRY(cim_cc_check_hulls(c));
    }
    cim_arena_rewind(&c->ar, mark);
    return cim_cc_check_hulls(c);
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static bool open_checker(checker *c)
{
    const cim_cc_flow_chip *chip = &c->p->chip;
    size_t ops = c->g->n_ops;
    c->held = cim_arena_alloc(&c->ar, (size_t)(chip->cores * chip->crossbars), sizeof *c->held);
    c->cores = cim_arena_alloc(&c->ar, (size_t)chip->cores, sizeof *c->cores);
    c->block_of = cim_arena_take(&c->ar, ops, sizeof *c->block_of);
    c->parts = cim_arena_alloc(&c->ar, ops, sizeof *c->parts);
    c->first = cim_arena_take(&c->ar, ops, sizeof *c->first);
    c->last = cim_arena_alloc(&c->ar, ops, sizeof *c->last);
    c->from_segment = cim_arena_alloc(&c->ar, ops, sizeof *c->from_segment);
    c->to_segment = cim_arena_alloc(&c->ar, ops, sizeof *c->to_segment);
    c->waits = cim_arena_alloc(&c->ar, c->p->n_tensors, sizeof *c->waits);
    if (!c->held || !c->cores || !c->block_of || !c->parts || !c->first || !c->last ||
        !c->from_segment || !c->to_segment || !c->waits)
        return false;
    memset(c->first, 0xff, ops * sizeof *c->first);
    c->capacity = cim_cc_flow_capacity(chip);
    return true;
}

static cim_status check_all(checker *c, const cim_hw_arch *arch)
{
    CIM_TRY(check_chip(c, arch));
    if (c->p->n_segments == 0)
        return cim_err_set(c->err, CIM_E_INPUT, c->name,
                           "no segment: the %u operators of the network do not run", c->g->n_ops);
    CIM_TRY(check_schedule(c, arch));
    if (!open_checker(c))
        return cim_cc_check_nomem(c);
    CIM_TRY(check_placement(c));
    CIM_TRY(cim_cc_check_tensors(c));
    for (uint32_t i = 0; i < c->p->n_segments; i++)
        CIM_TRY(check_segment(c, i));
    CIM_TRY(check_complete(c, c->p->n_blocks));
    for (uint32_t i = 0; i < c->g->n_ops; i++)
        if (c->parts[i] == 0)
            return cim_err_set(c->err, CIM_E_INPUT, c->name,
                               "operator %u ('%.80s') of the network does not run", i,
                               c->g->ops[i].name);
    return CIM_OK;
}

cim_status cim_cc_flow_check(const cim_cc_program *p, const char *name, const cim_cc_graph *graph,
                             const cim_hw_arch *arch, cim_err *err)
{
    checker c = {.p = p, .name = name, .g = graph, .err = err};
    cim_arena_init(&c.ar);
    cim_status s = check_all(&c, arch);
    for (int64_t k = 0; c.cores && k < p->chip.cores; k++) {
        cim_free(c.cores[k].in.v);
        cim_free(c.cores[k].out.v);
        cim_free(c.cores[k].stored.v);
    }
    cim_free(c.hulls);
    cim_free(c.used);
    cim_arena_clear(&c.ar);
    return s;
}
