/* A program as text. Grammar: sched/FLOW.md. */
#include "sched/flow.h"

#include <string.h>

typedef struct writer {
    const cim_cc_program *p;
    cim_text *out;
    const char *vars[CIM_CC_FLOW_MAX_VARS];
    int indent;
} writer;

static void begin(writer *w)
{
    static const char blanks[] = "                                                                ";
    size_t n = (size_t)w->indent * 2;
    cim_text_add_n(w->out, blanks, n < sizeof blanks - 1 ? n : sizeof blanks - 1);
}

/* ---- expressions ------------------------------------------------------------------------------- */

static int precedence(int32_t op)
{
    switch (op) {
    case CIM_CC_EX_ADD:
    case CIM_CC_EX_SUB:
        return 1;
    case CIM_CC_EX_MUL:
    case CIM_CC_EX_DIV:
    case CIM_CC_EX_MOD:
        return 2;
    default:
        return 3;
    }
}

static void write_expr(writer *w, cim_cc_expr e, int outer)
{
    static const char *const signs[] = {"", "", "+", "-", "*", "/", "%", "min", "max"};
    const cim_cc_expr_node *n = &w->p->exprs[e];
    if (n->op == CIM_CC_EX_CONST) {
        cim_text_addf(w->out, n->value < 0 ? "(0-%lld)" : "%lld",
                      (long long)(n->value < 0 ? -n->value : n->value));
        return;
    }
    if (n->op == CIM_CC_EX_VAR) {
        cim_text_add(w->out, w->vars[n->a]);
        return;
    }
    if (n->op == CIM_CC_EX_MIN || n->op == CIM_CC_EX_MAX) {
        cim_text_addf(w->out, "%s(", signs[n->op]);
        write_expr(w, n->a, 0);
        cim_text_add(w->out, ",");
        write_expr(w, n->b, 0);
        cim_text_add(w->out, ")");
        return;
    }
    int own = precedence(n->op);
    cim_text_add(w->out, own < outer ? "(" : "");
    write_expr(w, n->a, own);
    cim_text_add(w->out, signs[n->op]);
    write_expr(w, n->b, own + 1); /* a - (b + c), a / (b * c) */
    cim_text_add(w->out, own < outer ? ")" : "");
}

/* ---- items ----------------------------------------------------------------------------------------- */

static void write_tensor(writer *w, uint32_t id)
{
    bool input = id >= w->p->n_ops;
    cim_text_addf(w->out, input ? "x%u" : "t%u", input ? id - w->p->n_ops : id);
}

static bool absent(const writer *w, const cim_cc_slot *slot, const cim_cc_arg *arg)
{
    if (!slot->optional)
        return false;
    if (slot->kind == CIM_CC_SLOT_REAL)
        return arg->real == 0.0;
    if (slot->kind == CIM_CC_SLOT_TENSORS)
        return arg->list.n == 0;
    const cim_cc_expr_node *n = &w->p->exprs[arg->expr];
    return n->op == CIM_CC_EX_CONST && n->value == 0;
}

static void write_arg(writer *w, const cim_cc_slot *slot, const cim_cc_arg *arg)
{
    char number[32];
    if (absent(w, slot, arg))
        return;
    cim_text_addf(w->out, " %s=", slot->name);
    switch (slot->kind) {
    case CIM_CC_SLOT_EXPR:
        write_expr(w, arg->expr, 0);
        break;
    case CIM_CC_SLOT_OP:
        cim_text_addf(w->out, "%u", arg->id);
        break;
    case CIM_CC_SLOT_TENSOR:
        write_tensor(w, arg->id);
        break;
    case CIM_CC_SLOT_TENSORS:
        for (uint32_t i = 0; i < arg->list.n; i++) {
            cim_text_add(w->out, i ? "," : "");
            write_tensor(w, w->p->lists[arg->list.first + i]);
        }
        break;
    case CIM_CC_SLOT_REAL:
        cim_text_add(w->out, cim_double_text(arg->real, number, sizeof number));
        break;
    }
}

static void write_statement(writer *w, const cim_cc_item *it)
{
    char name[64];
    const cim_cc_mop_def *d = &cim_cc_mop_defs[it->mop];
    bool digital = it->mop == CIM_CC_MOP_DIGITAL;
    cim_text_add(w->out, digital ? cim_cc_flow_type_name(it->type, name, sizeof name) : d->name);
    for (uint32_t i = 0; i < d->n_slots; i++)
        write_arg(w, &d->slots[i], &w->p->args[it->args + i]);
    cim_text_add(w->out, "\n");
}

static void write_items(writer *w, uint32_t first);

static void write_for(writer *w, const cim_cc_item *it)
{
    const cim_cc_arg *args = w->p->args + it->args;
    cim_text_addf(w->out, "%sfor %s in ", it->kind == CIM_CC_ITEM_FOR ? "" : "parallel ", it->name);
    write_expr(w, args[CIM_CC_FOR_FROM].expr, 0);
    cim_text_add(w->out, "..");
    write_expr(w, args[CIM_CC_FOR_TO].expr, 0);
    const cim_cc_expr_node *step = &w->p->exprs[args[CIM_CC_FOR_STEP].expr];
    if (step->op != CIM_CC_EX_CONST || step->value != 1) {
        cim_text_add(w->out, " step ");
        write_expr(w, args[CIM_CC_FOR_STEP].expr, 0);
    }
    cim_text_add(w->out, " {\n");
    w->vars[it->var] = it->name;
}

static void write_item(writer *w, const cim_cc_item *it)
{
    begin(w);
    switch (it->kind) {
    case CIM_CC_ITEM_STATEMENT:
        write_statement(w, it);
        return;
    case CIM_CC_ITEM_LET:
        cim_text_addf(w->out, "let %s = ", it->name);
        write_expr(w, w->p->args[it->args].expr, 0);
        cim_text_add(w->out, "\n");
        w->vars[it->var] = it->name;
        return;
    case CIM_CC_ITEM_FOR:
    case CIM_CC_ITEM_PARALLEL_FOR:
        write_for(w, it);
        break;
    default:
        cim_text_add(w->out, it->kind == CIM_CC_ITEM_PARALLEL ? "parallel {\n" : "{\n");
    }
    w->indent++;
    write_items(w, it->child);
    w->indent--;
    begin(w);
    cim_text_add(w->out, "}\n");
}

static void write_items(writer *w, uint32_t first)
{
    for (uint32_t i = first; i != CIM_CC_NO_ITEM; i = w->p->items[i].next)
        write_item(w, &w->p->items[i]);
}

/* ---- declarations ------------------------------------------------------------------------------------ */

static void write_limit(cim_text *out, const char *key, int64_t elements)
{
    if (elements < 0)
        cim_text_addf(out, " %s=none", key);
    else
        cim_text_addf(out, " %s=%lld", key, (long long)elements);
}

static void write_header(writer *w)
{
    const cim_cc_flow_chip *c = &w->p->chip;
    cim_text_addf(w->out, "cimdse-flow %d\nnetwork ", CIM_CC_FLOW_VERSION);
    cim_cc_flow_write_name(w->p->network, w->out);
    cim_text_addf(w->out,
                  "\nchip mode=%s cores=%lld crossbars=%lld rows=%lld cols=%lld parallel_rows=%lld",
                  cim_hw_mode_words[c->mode], (long long)c->cores, (long long)c->crossbars,
                  (long long)c->rows, (long long)c->cols, (long long)c->parallel_rows);
    write_limit(w->out, "l0", c->l0);
    write_limit(w->out, "l1", c->l1);
    cim_text_addf(
        w->out,
        "\nprecision weights=%lld activations=%lld cell=%lld dac=%lld slices=%lld polarities=%lld "
        "binding=%s\n",
        (long long)c->weight_bits, (long long)c->activation_bits, (long long)c->cell_bits,
        (long long)c->dac_bits, (long long)c->slices, (long long)c->polarities,
        cim_cc_flow_binding_words[c->binding]);
    cim_text_addf(w->out, "schedule level=%s stagger=%s batch=%lld\n", cim_hw_level_words[c->level],
                  c->stagger ? "true" : "false", (long long)c->batch);
    if (w->p->placement) {
        cim_text_add(w->out, "placement");
        for (int64_t i = 0; i < c->cores; i++)
            cim_text_addf(w->out, " %u", w->p->placement[i]);
        cim_text_add(w->out, "\n");
    }
}

static void write_declaration(writer *w, uint32_t id)
{
    const cim_cc_tensor *t = &w->p->tensors[id];
    cim_text_add(w->out, "tensor ");
    write_tensor(w, id);
    cim_text_addf(w->out, " space=%s address=%lld rows=%lld row_elements=%lld window=%lld\n",
                  cim_cc_space_words[t->space], (long long)t->address, (long long)t->rows,
                  (long long)t->row_elements, (long long)t->window);
}

static void write_tiling(writer *w, const cim_cc_flow_op *o)
{
    const cim_cc_tiling *t = &o->tiling;
    cim_text_addf(w->out,
                  " part=%u parts=%u copies=%lld products=%lld first_tile=%lld tiles=%lld "
                  "base=%lld stride=%lld",
                  o->part, o->n_parts, (long long)o->copies, (long long)o->products,
                  (long long)o->first_tile, (long long)o->tiles, (long long)o->base,
                  (long long)o->stride);
    cim_text_addf(w->out,
                  " rows=%lld cols=%lld groups=%lld slices=%lld polarities=%lld row_tiles=%lld "
                  "col_tiles=%lld "
                  "tile_rows=%lld tile_cols=%lld pack=%lld order=%s",
                  (long long)t->rows, (long long)t->cols, (long long)t->groups,
                  (long long)t->slices, (long long)t->polarities, (long long)t->row_tiles,
                  (long long)t->col_tiles, (long long)t->tile_rows, (long long)t->tile_cols,
                  (long long)t->pack, t->column_major ? "columns" : "rows");
}

static void write_segment(writer *w, const cim_cc_graph *g, uint32_t index)
{
    char number[32];
    const cim_cc_flow_segment *s = &w->p->segments[index];
    cim_text_addf(w->out, "segment %u spill=%s ahead=%s {\n  program {\n", index,
                  cim_double_text(s->spill_bits, number, sizeof number),
                  s->ahead ? "true" : "false");
    w->indent = 2;
    write_items(w, w->p->items[s->program].child);
    cim_text_addf(w->out, "  }\n  run %s {\n", s->pipelined ? "pipelined" : "serial");
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        const cim_cc_flow_op *o = &w->p->ops[i];
        cim_text_addf(w->out, "    operator %u unit=%s", o->op, cim_cc_unit_words[o->unit]);
        if (o->slow > 1.0)
            cim_text_addf(w->out, " slow=%.17g", o->slow);
        if (o->unit == CIM_CC_UNIT_CROSSBAR)
            write_tiling(w, o);
        cim_text_add(w->out, " name=");
        cim_cc_flow_write_name(g->ops[o->op].name, w->out);
        cim_text_add(w->out, " {\n");
        w->indent = 3;
        write_items(w, w->p->items[o->body].child);
        cim_text_add(w->out, "    }\n");
    }
    cim_text_add(w->out, "  }\n}\n");
}

/* A quoted name; what could end the line or the quotes is written as \xHH. */
void cim_cc_flow_write_name(const char *name, cim_text *out)
{
    cim_text_add(out, "\"");
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 0x20 || *c == '"' || *c == '\\' || *c == 0x7f)
            cim_text_addf(out, "\\x%02x", *c);
        else
            cim_text_add_n(out, (const char *)c, 1);
    cim_text_add(out, "\"");
}

void cim_cc_flow_write(const cim_cc_program *p, const cim_cc_graph *graph, cim_text *out)
{
    writer w = {.p = p, .out = out};
    write_header(&w);
    for (uint32_t i = 0; i < p->n_tensors; i++)
        write_declaration(&w, i);
    for (uint32_t i = 0; i < p->n_segments; i++)
        write_segment(&w, graph, i);
    cim_text_add(out, "end\n");
}
