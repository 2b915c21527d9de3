/* Text -> program. Grammar: sched/FLOW.md. What a program means, and whether it is legal, is the
 * checker's business; here every line is read, every name and number is in range. */
#include "sched/flow_parse.h"

#include <stdio.h>
#include <string.h>

#define MOST (INT64_C(1) << 53)

static cim_status nomem(parser *ps)
{
    return cim_err_set(ps->err, CIM_E_NOMEM, ps->name, "out of memory reading the flow");
}

/* ---- items --------------------------------------------------------------------------------------- */

static cim_status parse_var_name(parser *ps, char word[CIM_CC_FLOW_WORD])
{
    char found[CIM_CC_FLOW_WORD];
    const char *start = ps->s;
    cim_cc_parse_word(ps, word);
    bool first = (word[0] >= 'a' && word[0] <= 'z') || word[0] == '_';
    if (!first || strchr(word, '.') || !strcmp(word, "min") || !strcmp(word, "max")) {
        ps->s = start;
        return cim_cc_parse_fail(ps, "%s is no name for a variable", cim_cc_parse_found(ps, found));
    }
    if (ps->b.n_vars == CIM_CC_FLOW_MAX_VARS)
        return cim_cc_parse_fail(ps, "more than %d variables in scope", CIM_CC_FLOW_MAX_VARS);
    return CIM_OK;
}

static cim_status check_depth(parser *ps)
{
    if (ps->b.depth < CIM_CC_FLOW_MAX_VARS)
        return CIM_OK;
    return cim_cc_parse_fail(ps, "blocks nested deeper than %d", CIM_CC_FLOW_MAX_VARS);
}

static cim_status parse_word_expected(parser *ps, const char *word, const char *after)
{
    char found[CIM_CC_FLOW_WORD];
    const char *start = ps->s;
    if (!strcmp(cim_cc_parse_word(ps, found), word))
        return CIM_OK;
    ps->s = start;
    return cim_cc_parse_fail(ps, "%s after %s, expected '%s'", cim_cc_parse_found(ps, found), after,
                             word);
}

/* "for" was read. */
static cim_status parse_for(parser *ps, bool parallel)
{
    char name[CIM_CC_FLOW_WORD], word[CIM_CC_FLOW_WORD];
    cim_cc_expr from, to, step;
    CIM_TRY(check_depth(ps));
    CIM_TRY(parse_var_name(ps, name));
    CIM_TRY(parse_word_expected(ps, "in", "the variable"));
    CIM_TRY(cim_cc_parse_expr(ps, &from));
    CIM_TRY(cim_cc_parse_expect(ps, '.', "the first value"));
    CIM_TRY(cim_cc_parse_expect(ps, '.', "the first value"));
    CIM_TRY(cim_cc_parse_expr(ps, &to));
    const char *start = ps->s;
    if (!strcmp(cim_cc_parse_word(ps, word), "step")) {
        CIM_TRY(cim_cc_parse_expr(ps, &step));
    } else {
        ps->s = start;
        step = cim_cc_ex_const(&ps->b, 1);
    }
    CIM_TRY(cim_cc_parse_expect(ps, '{', "the loop"));
    CIM_TRY(cim_cc_parse_end(ps));
    cim_cc_open_for(&ps->b, parallel, name, from, to, step);
    return cim_cc_parse_items(ps, parallel ? "parallel for" : "for");
}

static cim_status parse_let(parser *ps)
{
    char name[CIM_CC_FLOW_WORD];
    cim_cc_expr value;
    CIM_TRY(parse_var_name(ps, name));
    CIM_TRY(cim_cc_parse_expect(ps, '=', "the variable"));
    CIM_TRY(cim_cc_parse_expr(ps, &value));
    cim_cc_let(&ps->b, name, value);
    return cim_cc_parse_end(ps);
}

static cim_status parse_arg(parser *ps, const cim_cc_slot *slot, cim_cc_arg *arg)
{
    uint32_t ids[256], n = 0;
    int64_t v;
    switch (slot->kind) {
    case CIM_CC_SLOT_EXPR:
        return cim_cc_parse_expr(ps, &arg->expr);
    case CIM_CC_SLOT_REAL:
        return cim_cc_parse_real(ps, slot->name, &arg->real);
    case CIM_CC_SLOT_TENSOR:
        return cim_cc_parse_tensor(ps, slot->name, &arg->id);
    case CIM_CC_SLOT_OP:
        CIM_TRY(cim_cc_parse_int(ps, slot->name, 0, (int64_t)ps->graph->n_ops - 1, &v));
        arg->id = (uint32_t)v;
        return CIM_OK;
    default:
        do {
            if (n == sizeof ids / sizeof *ids) { /* a long list in pieces, one after another */
                cim_cc_arg more = cim_cc_list(&ps->b, ids, n);
                if (arg->list.n == 0)
                    arg->list.first = more.list.first;
                arg->list.n += n;
                n = 0;
            }
            CIM_TRY(cim_cc_parse_tensor(ps, slot->name, &ids[n]));
            n++;
        } while (cim_cc_parse_take(ps, ','));
        cim_cc_arg rest = cim_cc_list(&ps->b, ids, n);
        if (arg->list.n == 0)
            arg->list.first = rest.list.first;
        arg->list.n += n;
        return CIM_OK;
    }
}

/* What is not written: 0. */
static void default_args(parser *ps, const cim_cc_mop_def *d, cim_cc_arg *args)
{
    memset(args, 0, CIM_CC_MAX_SLOTS * sizeof *args);
    for (uint32_t i = 0; i < d->n_slots; i++)
        if (d->slots[i].optional && d->slots[i].kind == CIM_CC_SLOT_EXPR)
            args[i].expr = cim_cc_ex_const(&ps->b, 0);
}

static cim_status parse_args(parser *ps, cim_cc_mop mop, const char *name, cim_cc_arg *args)
{
    const cim_cc_mop_def *d = &cim_cc_mop_defs[mop];
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    uint32_t seen = 0;
    default_args(ps, d, args);
    for (;;) {
        uint32_t i = 0;
        if (cim_cc_parse_at_end(ps))
            break;
        const char *start = ps->s;
        cim_cc_parse_word(ps, word);
        while (i < d->n_slots && strcmp(d->slots[i].name, word) != 0)
            i++;
        if (i == d->n_slots) {
            ps->s = start;
            return cim_cc_parse_fail(ps, "%s has no argument %s", name,
                                     cim_cc_parse_found(ps, found));
        }
        if (seen >> i & 1)
            return cim_cc_parse_fail(ps, "argument '%s' of %s is given twice", word, name);
        seen |= 1u << i;
        CIM_TRY(cim_cc_parse_expect(ps, '=', d->slots[i].name));
        CIM_TRY(parse_arg(ps, &d->slots[i], &args[i]));
    }
    for (uint32_t i = 0; i < d->n_slots; i++)
        if (!d->slots[i].optional && !(seen >> i & 1))
            return cim_cc_parse_fail(ps, "%s needs the argument '%s'", name, d->slots[i].name);
    return CIM_OK;
}

/* Which statement a word begins; "mov" goes one way with "from" and the other with "to". */
static bool find_mop(parser *ps, const char *word, cim_cc_mop *mop, uint32_t *type)
{
    char key[CIM_CC_FLOW_WORD];
    *type = 0;
    for (int i = 0; i < CIM_CC_MOP_DIGITAL; i++)
        if (!strcmp(cim_cc_mop_defs[i].name, word)) {
            *mop = (cim_cc_mop)i;
            const char *start = ps->s;
            if (i == CIM_CC_MOP_LOAD && !strcmp(cim_cc_parse_word(ps, key), "to"))
                *mop = CIM_CC_MOP_STORE;
            ps->s = start;
            return true;
        }
    *mop = CIM_CC_MOP_DIGITAL;
    *type = cim_cc_flow_type_find(word);
    char name[CIM_CC_FLOW_WORD];
    return *type != CIM_CC_INVALID &&
           !strcmp(cim_cc_flow_type_name(*type, name, sizeof name), word);
}

static cim_status parse_statement(parser *ps, const char *word)
{
    cim_cc_arg args[CIM_CC_MAX_SLOTS];
    cim_cc_mop mop;
    uint32_t type;
    if (!find_mop(ps, word, &mop, &type))
        return cim_cc_parse_fail(ps,
                                 "'%.40s' is no statement: allowed are for, parallel, let, wait, "
                                 "mov, accumulate, cim.read_*, cim.write_* and ONNX operators in "
                                 "lower case",
                                 word);
    CIM_TRY(parse_args(ps, mop, word, args));
    cim_cc_statement(&ps->b, mop, type, args);
    return CIM_OK;
}

static cim_status parse_parallel(parser *ps)
{
    char word[CIM_CC_FLOW_WORD];
    const char *start = ps->s;
    if (!strcmp(cim_cc_parse_word(ps, word), "for"))
        return parse_for(ps, true);
    ps->s = start;
    CIM_TRY(check_depth(ps));
    CIM_TRY(cim_cc_parse_expect(ps, '{', "'parallel'"));
    CIM_TRY(cim_cc_parse_end(ps));
    cim_cc_open_block(&ps->b, CIM_CC_ITEM_PARALLEL);
    return cim_cc_parse_items(ps, "parallel");
}

static cim_status parse_item(parser *ps)
{
    char word[CIM_CC_FLOW_WORD];
    if (cim_cc_parse_take(ps, '{')) {
        CIM_TRY(check_depth(ps));
        CIM_TRY(cim_cc_parse_end(ps));
        cim_cc_open_block(&ps->b, CIM_CC_ITEM_SEQUENCE);
        return cim_cc_parse_items(ps, "block");
    }
    const char *start = ps->s;
    cim_cc_parse_word(ps, word);
    if (!word[0]) {
        ps->s = start;
        return cim_cc_parse_fail(ps, "%s, expected a statement or '}'",
                                 cim_cc_parse_found(ps, word));
    }
    if (!strcmp(word, "for"))
        return parse_for(ps, false);
    if (!strcmp(word, "parallel"))
        return parse_parallel(ps);
    if (!strcmp(word, "let"))
        return parse_let(ps);
    return parse_statement(ps, word);
}

cim_status cim_cc_parse_items(parser *ps, const char *what)
{
    uint32_t opened = ps->line;
    while (cim_cc_parse_line(ps)) {
        if (ps->b.failed)
            return nomem(ps);
        if (cim_cc_parse_take(ps, '}')) {
            cim_cc_close(&ps->b);
            return cim_cc_parse_end(ps);
        }
        CIM_TRY(parse_item(ps));
    }
    return cim_cc_parse_fail(ps, "the file ends inside the %s block of line %u", what, opened);
}

/* ---- declarations --------------------------------------------------------------------------------- */

/* The next line must begin with a word. */
static cim_status parse_keyword(parser *ps, const char *keyword)
{
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    if (!cim_cc_parse_line(ps))
        return cim_cc_parse_fail(ps, "the file ends where '%s' should be", keyword);
    const char *start = ps->s;
    if (!strcmp(cim_cc_parse_word(ps, word), keyword))
        return CIM_OK;
    ps->s = start;
    return cim_cc_parse_fail(ps, "%s, expected '%s'", cim_cc_parse_found(ps, found), keyword);
}

static cim_status parse_chip(parser *ps)
{
    cim_cc_flow_chip *c = &ps->p->chip;
    const field chip[] = {{"mode", FIELD_WORD, &c->mode, 0, 0, cim_hw_mode_words},
                          {"cores", FIELD_INT, &c->cores, 1, 1 << 24, NULL},
                          {"crossbars", FIELD_INT, &c->crossbars, 1, 1 << 20, NULL},
                          {"rows", FIELD_INT, &c->rows, 1, 1 << 20, NULL},
                          {"cols", FIELD_INT, &c->cols, 1, 1 << 20, NULL},
                          {"parallel_rows", FIELD_INT, &c->parallel_rows, 1, 1 << 20, NULL},
                          {"l0", FIELD_LIMIT, &c->l0, 0, MOST, NULL},
                          {"l1", FIELD_LIMIT, &c->l1, 0, MOST, NULL}};
    const field precision[] = {
        {"weights", FIELD_INT, &c->weight_bits, 1, 16, NULL},
        {"activations", FIELD_INT, &c->activation_bits, 1, 16, NULL},
        {"cell", FIELD_INT, &c->cell_bits, 1, 8, NULL},
        {"dac", FIELD_INT, &c->dac_bits, 1, 16, NULL},
        {"slices", FIELD_INT, &c->slices, 1, 16, NULL},
        {"polarities", FIELD_INT, &c->polarities, 1, 2, NULL},
        {"binding", FIELD_WORD, &c->binding, 0, 0, cim_cc_flow_binding_words}};
    const field schedule[] = {{"level", FIELD_WORD, &c->level, 0, 0, cim_hw_level_words},
                              {"stagger", FIELD_BOOL, &c->stagger, 0, 0, NULL},
                              {"batch", FIELD_INT, &c->batch, 1, MOST, NULL}};
    CIM_TRY(parse_keyword(ps, "chip"));
    CIM_TRY(cim_cc_parse_fields(ps, "chip", chip, sizeof chip / sizeof *chip));
    CIM_TRY(cim_cc_parse_end(ps));
    CIM_TRY(parse_keyword(ps, "precision"));
    CIM_TRY(cim_cc_parse_fields(ps, "precision", precision, sizeof precision / sizeof *precision));
    CIM_TRY(cim_cc_parse_end(ps));
    CIM_TRY(parse_keyword(ps, "schedule"));
    CIM_TRY(cim_cc_parse_fields(ps, "schedule", schedule, sizeof schedule / sizeof *schedule));
    CIM_TRY(cim_cc_parse_end(ps));
    if (c->cores * c->crossbars > INT64_C(1) << 32)
        return cim_cc_parse_fail(ps, "a chip of more than 2^32 crossbars");
    return CIM_OK;
}

static cim_status parse_head(parser *ps)
{
    int64_t version;
    CIM_TRY(parse_keyword(ps, "cimdse")); /* "-flow" follows */
    CIM_TRY(cim_cc_parse_expect(ps, '-', "'cimdse'"));
    CIM_TRY(parse_word_expected(ps, "flow", "'cimdse-'"));
    CIM_TRY(cim_cc_parse_int(ps, "the format's version", CIM_CC_FLOW_VERSION, CIM_CC_FLOW_VERSION,
                             &version));
    CIM_TRY(cim_cc_parse_end(ps));
    CIM_TRY(parse_keyword(ps, "network"));
    CIM_TRY(cim_cc_parse_string(ps, "network", &ps->p->network));
    CIM_TRY(cim_cc_parse_end(ps));
    return parse_chip(ps);
}

/* "placement" was read: the physical core of every core of the flow. */
static cim_status parse_placement(parser *ps)
{
    cim_cc_program *p = ps->p;
    if (p->placement)
        return cim_cc_parse_fail(ps, "placement is given twice");
    p->placement = cim_arena_take(&p->arena, (size_t)p->chip.cores, sizeof *p->placement);
    if (!p->placement)
        return nomem(ps);
    for (int64_t i = 0; i < p->chip.cores; i++) {
        int64_t core;
        CIM_TRY(cim_cc_parse_int(ps, "placement", 0, p->chip.cores - 1, &core));
        p->placement[i] = (uint32_t)core;
    }
    return cim_cc_parse_end(ps);
}

/* "tensor" was read. */
static cim_status parse_declaration(parser *ps)
{
    uint32_t id;
    int64_t space;
    CIM_TRY(cim_cc_parse_tensor(ps, "tensor", &id));
    cim_cc_tensor *t = &ps->p->tensors[id];
    if (t->line)
        return cim_cc_parse_fail(ps, "the tensor was declared in line %u already", t->line);
    const field fields[] = {{"space", FIELD_WORD, &space, 0, 0, cim_cc_space_words},
                            {"address", FIELD_INT, &t->address, 0, MOST, NULL},
                            {"rows", FIELD_INT, &t->rows, 1, MOST, NULL},
                            {"row_elements", FIELD_INT, &t->row_elements, 1, MOST, NULL},
                            {"window", FIELD_INT, &t->window, 1, MOST, NULL}};
    CIM_TRY(cim_cc_parse_fields(ps, "tensor", fields, sizeof fields / sizeof *fields));
    CIM_TRY(cim_cc_parse_end(ps));
    t->space = (cim_cc_space)space;
    t->line = ps->line;
    return CIM_OK;
}

/* ---- segments ---------------------------------------------------------------------------------------- */

static cim_status parse_tiling(parser *ps, cim_cc_flow_op *o, const char **name, int64_t *order)
{
    static const char *const orders[] = {"rows", "columns", NULL};
    cim_cc_tiling *t = &o->tiling;
    const field fields[] = {{"part", FIELD_INT32, &o->part, 0, UINT32_MAX - 1, NULL},
                            {"parts", FIELD_INT32, &o->n_parts, 1, UINT32_MAX - 1, NULL},
                            {"copies", FIELD_INT, &o->copies, 1, MOST, NULL},
                            {"products", FIELD_INT, &o->products, 1, MOST, NULL},
                            {"first_tile", FIELD_INT, &o->first_tile, 0, MOST, NULL},
                            {"tiles", FIELD_INT, &o->tiles, 1, MOST, NULL},
                            {"base", FIELD_INT, &o->base, 0, MOST, NULL},
                            {"stride", FIELD_INT, &o->stride, 1, MOST, NULL},
                            {"rows", FIELD_INT, &t->rows, 1, MOST, NULL},
                            {"cols", FIELD_INT, &t->cols, 1, MOST, NULL},
                            {"groups", FIELD_INT, &t->groups, 1, MOST, NULL},
                            {"slices", FIELD_INT, &t->slices, 1, 16, NULL},
                            {"polarities", FIELD_INT, &t->polarities, 1, 2, NULL},
                            {"row_tiles", FIELD_INT, &t->row_tiles, 1, MOST, NULL},
                            {"col_tiles", FIELD_INT, &t->col_tiles, 1, MOST, NULL},
                            {"tile_rows", FIELD_INT, &t->tile_rows, 1, 1 << 20, NULL},
                            {"tile_cols", FIELD_INT, &t->tile_cols, 1, 1 << 20, NULL},
                            {"pack", FIELD_INT, &t->pack, 1, 1 << 20, NULL},
                            {"order", FIELD_WORD, order, 0, 0, orders},
                            {"name", FIELD_STRING, name, 0, 0, NULL}};
    CIM_TRY(cim_cc_parse_fields(ps, "operator", fields, sizeof fields / sizeof *fields));
    t->by_columns = ps->p->chip.binding == CIM_HW_BINDING_COLUMNS;
    t->column_major = *order != 0;
    return CIM_OK;
}

static cim_status parse_unit(parser *ps, cim_cc_flow_op *o)
{
    static const char *const units[] = {"crossbar", "digital", "none", NULL};
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    CIM_TRY(parse_word_expected(ps, "unit", "the operator's number"));
    CIM_TRY(cim_cc_parse_expect(ps, '=', "unit"));
    const char *start = ps->s;
    cim_cc_parse_word(ps, word);
    for (int i = 0; units[i]; i++)
        if (!strcmp(units[i], word)) {
            o->unit = (cim_cc_unit)i;
            return CIM_OK;
        }
    ps->s = start;
    return cim_cc_parse_fail(ps, "unit is %s, allowed are crossbar, digital, none",
                             cim_cc_parse_found(ps, found));
}

/* The key that an operator may have or not, behind its unit. */
static cim_status parse_slow(parser *ps, cim_cc_flow_op *o)
{
    char word[CIM_CC_FLOW_WORD];
    const char *start = ps->s;
    if (strcmp(cim_cc_parse_word(ps, word), "slow") != 0) {
        ps->s = start;
        return CIM_OK;
    }
    CIM_TRY(cim_cc_parse_expect(ps, '=', "slow"));
    start = ps->s;
    CIM_TRY(cim_cc_parse_real(ps, "slow", &o->slow));
    if (o->slow >= 1.0 && o->slow <= 1e12)
        return CIM_OK;
    ps->s = start;
    return cim_cc_parse_fail(ps, "slow is %g, allowed is 1 to 1e12", o->slow);
}

/* "operator" was read. */
static cim_status parse_operator(parser *ps)
{
    cim_cc_program *p = ps->p;
    cim_cc_flow_op o = {.n_parts = 1, .copies = 1, .slow = 1.0, .line = ps->line};
    const char *name;
    int64_t id, order = 0;
    CIM_TRY(cim_cc_parse_int(ps, "operator", 0, (int64_t)ps->graph->n_ops - 1, &id));
    o.op = (cim_cc_op_id)id;
    CIM_TRY(parse_unit(ps, &o));
    CIM_TRY(parse_slow(ps, &o));
    const field only = {"name", FIELD_STRING, &name, 0, 0, NULL};
    if (o.unit == CIM_CC_UNIT_CROSSBAR)
        CIM_TRY(parse_tiling(ps, &o, &name, &order));
    else
        CIM_TRY(cim_cc_parse_fields(ps, "operator", &only, 1));
    if (strcmp(name, ps->graph->ops[o.op].name) != 0)
        return cim_cc_parse_fail(ps, "operator %u is called '%.80s' in the network, '%.80s' here",
                                 o.op, ps->graph->ops[o.op].name, name);
    CIM_TRY(cim_cc_parse_expect(ps, '{', "the operator"));
    CIM_TRY(cim_cc_parse_end(ps));
    o.body = cim_cc_open_block(&ps->b, CIM_CC_ITEM_SEQUENCE);
    CIM_TRY(cim_cc_parse_items(ps, "operator"));
    if (cim_grow(&p->ops, &p->cap_ops, (size_t)p->n_blocks + 1, sizeof *p->ops))
        return nomem(ps);
    p->ops[p->n_blocks++] = o;
    return CIM_OK;
}

static cim_status parse_run(parser *ps, cim_cc_flow_segment *s)
{
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    CIM_TRY(parse_keyword(ps, "run"));
    const char *start = ps->s;
    cim_cc_parse_word(ps, word);
    s->pipelined = !strcmp(word, "pipelined");
    if (!s->pipelined && strcmp(word, "serial") != 0) {
        ps->s = start;
        return cim_cc_parse_fail(ps, "run is %s, allowed are pipelined, serial",
                                 cim_cc_parse_found(ps, found));
    }
    CIM_TRY(cim_cc_parse_expect(ps, '{', "'run'"));
    CIM_TRY(cim_cc_parse_end(ps));
    s->first = ps->p->n_blocks;
    while (cim_cc_parse_line(ps)) {
        if (cim_cc_parse_take(ps, '}')) {
            s->n = ps->p->n_blocks - s->first;
            return cim_cc_parse_end(ps);
        }
        CIM_TRY(parse_word_expected(ps, "operator", "an operator or 'run'"));
        CIM_TRY(parse_operator(ps));
    }
    return cim_cc_parse_fail(ps, "the file ends inside the run block of segment %u",
                             ps->p->n_segments);
}

/* "segment" was read. */
static cim_status parse_segment(parser *ps)
{
    cim_cc_program *p = ps->p;
    cim_cc_flow_segment s = {.line = ps->line};
    int64_t number;
    const field fields[] = {{"spill", FIELD_REAL, &s.spill_bits, 0, 0, NULL},
                            {"ahead", FIELD_BOOL, &s.ahead, 0, 0, NULL}};
    CIM_TRY(cim_cc_parse_int(ps, "segment", p->n_segments, p->n_segments, &number));
    CIM_TRY(cim_cc_parse_fields(ps, "segment", fields, 2));
    CIM_TRY(cim_cc_parse_expect(ps, '{', "the segment"));
    CIM_TRY(cim_cc_parse_end(ps));
    CIM_TRY(parse_keyword(ps, "program"));
    CIM_TRY(cim_cc_parse_expect(ps, '{', "'program'"));
    CIM_TRY(cim_cc_parse_end(ps));
    s.program = cim_cc_open_block(&ps->b, CIM_CC_ITEM_SEQUENCE);
    CIM_TRY(cim_cc_parse_items(ps, "program"));
    CIM_TRY(parse_run(ps, &s));
    if (!cim_cc_parse_line(ps) || !cim_cc_parse_take(ps, '}'))
        return cim_cc_parse_fail(ps, "segment %u is not closed by '}'", p->n_segments);
    CIM_TRY(cim_cc_parse_end(ps));
    if (cim_grow(&p->segments, &p->cap_segments, (size_t)p->n_segments + 1, sizeof *p->segments))
        return nomem(ps);
    p->segments[p->n_segments++] = s;
    return CIM_OK;
}

static cim_status parse_body(parser *ps)
{
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    while (cim_cc_parse_line(ps)) {
        const char *start = ps->s;
        cim_cc_parse_word(ps, word);
        if (ps->b.failed)
            return nomem(ps);
        if (!strcmp(word, "end")) {
            CIM_TRY(cim_cc_parse_end(ps));
            if (cim_cc_parse_line(ps))
                return cim_cc_parse_fail(ps, "%s after 'end'", cim_cc_parse_found(ps, found));
            return CIM_OK;
        }
        if (!strcmp(word, "tensor") && ps->p->n_segments == 0)
            CIM_TRY(parse_declaration(ps));
        else if (!strcmp(word, "placement") && ps->p->n_segments == 0)
            CIM_TRY(parse_placement(ps));
        else if (!strcmp(word, "segment"))
            CIM_TRY(parse_segment(ps));
        else {
            ps->s = start;
            return cim_cc_parse_fail(ps, "%s, expected %ssegment or end",
                                     cim_cc_parse_found(ps, found),
                                     ps->p->n_segments ? "" : "placement, tensor, ");
        }
    }
    return cim_cc_parse_fail(ps, "the file ends without 'end': it is cut off");
}

static cim_status parse_all(parser *ps)
{
    cim_cc_program *p = ps->p;
    p->n_ops = ps->graph->n_ops;
    p->n_tensors = p->n_ops + ps->graph->n_inputs;
    p->tensors = cim_arena_alloc(&p->arena, p->n_tensors, sizeof *p->tensors);
    if (!p->tensors)
        return nomem(ps);
    CIM_TRY(parse_head(ps));
    CIM_TRY(parse_body(ps));
    for (uint32_t i = 0; i < p->n_tensors; i++)
        if (!p->tensors[i].line) {
            bool input = i >= p->n_ops;
            return cim_cc_parse_fail(ps, "tensor %c%u is not declared", input ? 'x' : 't',
                                     input ? i - p->n_ops : i);
        }
    return ps->b.failed ? nomem(ps) : CIM_OK;
}

cim_status cim_cc_flow_parse(const char *text, size_t size, const char *name,
                             const cim_cc_graph *graph, cim_cc_program **out, cim_err *err)
{
    parser ps = {.name = name, .s = text, .end = text + size, .eol = text, .graph = graph};
    cim_err own = {0};
    ps.err = err ? err : &own;
    ps.p = ps.b.p = cim_cc_program_create();
    cim_status s = ps.p ? parse_all(&ps) : nomem(&ps);
    if (s != CIM_OK) {
        cim_cc_program_destroy(ps.p);
        return s;
    }
    *out = ps.p;
    return CIM_OK;
}
