/* Programs of meta-operators: the table of statements, evaluation, building. */
#include "sched/flow.h"

#include <string.h>

#define EXPR(n)                                                                                    \
    {                                                                                              \
        n, CIM_CC_SLOT_EXPR, false                                                                 \
    }
#define OP                                                                                         \
    {                                                                                              \
        "op", CIM_CC_SLOT_OP, false                                                                \
    }
#define TENSOR(n)                                                                                  \
    {                                                                                              \
        n, CIM_CC_SLOT_TENSOR, false                                                               \
    }
#define MOVED                                                                                      \
    {                                                                                              \
        "moved", CIM_CC_SLOT_REAL, true                                                            \
    }

const cim_cc_mop_def cim_cc_mop_defs[CIM_CC_N_MOPS] = {
    {"wait",
     4,
     {TENSOR("on"),
      EXPR("rows"),
      {"part", CIM_CC_SLOT_EXPR, true},
      {"parts", CIM_CC_SLOT_EXPR, true}}},
    {"cim.write_core", 4, {EXPR("core"), OP, EXPR("tile"), EXPR("tiles")}},
    {"cim.write_xb", 3, {EXPR("xb"), OP, EXPR("tile")}},
    {"cim.write_row", 4, {EXPR("xb"), OP, EXPR("tile"), EXPR("row")}},
    {"cim.read_core",
     7,
     {EXPR("core"), OP, EXPR("product"), EXPR("tile"), EXPR("in"), EXPR("out"), EXPR("tiles")}},
    {"cim.read_xb", 6, {EXPR("xb"), OP, EXPR("product"), EXPR("tile"), EXPR("in"), EXPR("out")}},
    {"cim.read_row",
     8,
     {EXPR("xb"), OP, EXPR("product"), EXPR("tile"), EXPR("in"), EXPR("out"), EXPR("row"),
      EXPR("rows")}},
    {"mov",
     8,
     {TENSOR("from"), OP, EXPR("product"), EXPR("first"), EXPR("length"), EXPR("core"),
      EXPR("address"), MOVED}},
    {"mov",
     8,
     {TENSOR("to"), OP, EXPR("product"), EXPR("core"), EXPR("address"), EXPR("tile"), EXPR("tiles"),
      MOVED}},
    {"accumulate", 4, {EXPR("core"), OP, EXPR("product"), {"adds", CIM_CC_SLOT_REAL, true}}},
    {"", 4, {TENSOR("out"), {"in", CIM_CC_SLOT_TENSORS, true}, EXPR("step"), MOVED}},
};

const char *const cim_cc_space_words[] = {"l0", "offchip", "spilled", "fused", "view", NULL};
const char *const cim_cc_flow_binding_words[] = {"columns", "crossbars", NULL};

/* ---- programs ------------------------------------------------------------------------------------ */

cim_cc_program *cim_cc_program_create(void)
{
    cim_cc_program *p = cim_alloc(1, sizeof *p);
    if (p)
        cim_arena_init(&p->arena);
    return p;
}

void cim_cc_program_destroy(cim_cc_program *p)
{
    if (!p)
        return;
    cim_free(p->segments);
    cim_free(p->ops);
    cim_free(p->items);
    cim_free(p->args);
    cim_free(p->exprs);
    cim_free(p->lists);
    cim_arena_clear(&p->arena);
    cim_free(p);
}

/* Elements of a buffer; -1: unlimited. */
static int64_t buffer_elements(const cim_hw_arch *a, double kib)
{
    if (!(kib >= 0)) /* null: NAN */
        return -1;
    double n = kib * 8192.0 / (double)a->workload.activation_bits;
    return n < 9e15 ? (int64_t)n : -1;
}

void cim_cc_flow_chip_of(const cim_hw_arch *a, cim_cc_flow_chip *c)
{
    *c = (cim_cc_flow_chip){
        .mode = a->computing_mode,
        .cores = a->chip.cores,
        .crossbars = a->core.crossbars,
        .rows = a->crossbar.rows,
        .cols = a->crossbar.cols,
        .parallel_rows = a->crossbar.parallel_rows,
        .weight_bits = a->workload.weight_bits,
        .activation_bits = a->workload.activation_bits,
        .cell_bits = a->device.bits_per_cell,
        .dac_bits = a->crossbar.dac_bits,
        .slices = cim_hw_weight_slices(a),
        .polarities = cim_hw_weight_polarities(a),
        .binding = a->schedule.binding,
        .l0 = buffer_elements(a, a->chip.buffer_kib),
        .l1 = buffer_elements(a, a->core.buffer_kib),
        .level = a->schedule.level,
        .batch = a->workload.batch,
        .stagger =
            a->schedule.stagger && a->schedule.pipeline && a->schedule.level >= CIM_HW_LEVEL_MVM,
    };
}

const cim_cc_edge *cim_cc_flow_input(const cim_cc_graph *g, cim_cc_op_id op)
{
    const cim_cc_edge *e = &g->edges[g->ops[op].first_edge];
    uint32_t n = g->ops[op].n_edges;
    for (uint32_t k = 0; k < n; k++)
        if (!e[k].written)
            return &e[k];
    return n > 0 ? e : NULL;
}

/* ---- expressions ----------------------------------------------------------------------------------- */

static int64_t in_range(int64_t v)
{
    const int64_t most = INT64_C(1) << 53;
    return v >= -most && v <= most ? v : CIM_CC_UNDEFINED;
}

static int64_t apply(int32_t op, int64_t x, int64_t y)
{
    int64_t v;
    if (x == CIM_CC_UNDEFINED || y == CIM_CC_UNDEFINED)
        return CIM_CC_UNDEFINED;
    switch (op) {
    case CIM_CC_EX_ADD:
        return in_range(x + y);
    case CIM_CC_EX_SUB:
        return in_range(x - y);
    case CIM_CC_EX_MUL:
        return __builtin_mul_overflow(x, y, &v) ? CIM_CC_UNDEFINED : in_range(v);
    case CIM_CC_EX_DIV:
        return x >= 0 && y > 0 ? x / y : CIM_CC_UNDEFINED;
    case CIM_CC_EX_MOD:
        return x >= 0 && y > 0 ? x % y : CIM_CC_UNDEFINED;
    case CIM_CC_EX_MIN:
        return x < y ? x : y;
    default:
        return x > y ? x : y;
    }
}

int64_t cim_cc_expr_value(const cim_cc_program *p, cim_cc_expr e, const int64_t *frame)
{
    const cim_cc_expr_node *n = &p->exprs[e];
    if (n->op == CIM_CC_EX_CONST)
        return n->value;
    if (n->op == CIM_CC_EX_VAR)
        return frame[n->a];
    return apply(n->op, cim_cc_expr_value(p, n->a, frame), cim_cc_expr_value(p, n->b, frame));
}

static cim_cc_expr expr_add(cim_cc_builder *b, cim_cc_expr_node node)
{
    cim_cc_program *p = b->p;
    if (b->failed || cim_grow(&p->exprs, &p->cap_exprs, (size_t)p->n_exprs + 1, sizeof *p->exprs)) {
        b->failed = true;
        return 0;
    }
    p->exprs[p->n_exprs] = node;
    return p->n_exprs++;
}

cim_cc_expr cim_cc_ex_const(cim_cc_builder *b, int64_t value)
{
    return expr_add(b, (cim_cc_expr_node){.op = CIM_CC_EX_CONST, .value = value});
}

cim_cc_expr cim_cc_ex_var(cim_cc_builder *b, uint32_t var)
{
    return expr_add(b, (cim_cc_expr_node){.op = CIM_CC_EX_VAR, .a = var});
}

static bool is_const(const cim_cc_builder *b, cim_cc_expr e, int64_t value)
{
    const cim_cc_expr_node *n = &b->p->exprs[e];
    return n->op == CIM_CC_EX_CONST && n->value == value;
}

cim_cc_expr cim_cc_ex(cim_cc_builder *b, cim_cc_expr_op op, cim_cc_expr x, cim_cc_expr y)
{
    if (b->failed)
        return 0;
    const cim_cc_expr_node *nx = &b->p->exprs[x], *ny = &b->p->exprs[y];
    if (nx->op == CIM_CC_EX_CONST && ny->op == CIM_CC_EX_CONST) {
        int64_t v = apply((int32_t)op, nx->value, ny->value);
        if (v != CIM_CC_UNDEFINED)
            return cim_cc_ex_const(b, v);
    }
    bool sum = op == CIM_CC_EX_ADD, product = op == CIM_CC_EX_MUL;
    if ((sum && is_const(b, x, 0)) || (product && is_const(b, x, 1)))
        return y;
    if (((sum || op == CIM_CC_EX_SUB) && is_const(b, y, 0)) ||
        ((product || op == CIM_CC_EX_DIV) && is_const(b, y, 1)))
        return x;
    if (sum && ny->op == CIM_CC_EX_CONST && nx->op == CIM_CC_EX_ADD) { /* (a + 1) + 2 */
        const cim_cc_expr_node *inner = &b->p->exprs[nx->b];
        int64_t v = inner->op == CIM_CC_EX_CONST ? apply((int32_t)op, inner->value, ny->value) : -1;
        cim_cc_expr a = nx->a;
        if (v >= 0)
            return cim_cc_ex(b, op, a, cim_cc_ex_const(b, v));
    }
    if (product && (is_const(b, x, 0) || is_const(b, y, 0)))
        return cim_cc_ex_const(b, 0);
    return expr_add(b, (cim_cc_expr_node){.op = (int32_t)op, .a = x, .b = y});
}

/* ---- items ----------------------------------------------------------------------------------------- */

static uint32_t item_add(cim_cc_builder *b, cim_cc_item item)
{
    cim_cc_program *p = b->p;
    if (b->failed || cim_grow(&p->items, &p->cap_items, (size_t)p->n_items + 1, sizeof *p->items)) {
        b->failed = true;
        return 0;
    }
    uint32_t id = p->n_items++;
    item.line = b->line;
    item.child = item.next = CIM_CC_NO_ITEM;
    p->items[id] = item;
    if (b->depth > 0) {
        uint32_t last = b->open[b->depth - 1].last;
        if (last == CIM_CC_NO_ITEM)
            p->items[b->open[b->depth - 1].item].child = id;
        else
            p->items[last].next = id;
        b->open[b->depth - 1].last = id;
    }
    return id;
}

static uint32_t args_add(cim_cc_builder *b, const cim_cc_arg *args, uint32_t n)
{
    cim_cc_program *p = b->p;
    if (b->failed || cim_grow(&p->args, &p->cap_args, (size_t)p->n_args + n, sizeof *p->args)) {
        b->failed = true;
        return 0;
    }
    memcpy(p->args + p->n_args, args, n * sizeof *args);
    p->n_args += n;
    return p->n_args - n;
}

static void open_item(cim_cc_builder *b, uint32_t item)
{
    if (b->depth == sizeof b->open / sizeof *b->open)
        b->failed = true;
    if (b->failed)
        return;
    b->open[b->depth].item = item;
    b->open[b->depth].last = CIM_CC_NO_ITEM;
    b->open[b->depth++].n_vars = b->n_vars;
}

uint32_t cim_cc_open_block(cim_cc_builder *b, cim_cc_item_kind kind)
{
    uint32_t item = item_add(b, (cim_cc_item){.kind = (uint8_t)kind});
    open_item(b, item);
    return item;
}

/* A name in scope. @return its place */
static uint32_t declare(cim_cc_builder *b, const char *name, const char **kept)
{
    *kept = cim_arena_strdup(&b->p->arena, name);
    if (!*kept || b->n_vars == CIM_CC_FLOW_MAX_VARS)
        b->failed = true;
    if (b->failed)
        return 0;
    b->vars[b->n_vars] = *kept;
    return b->n_vars++;
}

uint32_t cim_cc_open_for(cim_cc_builder *b, bool parallel, const char *name, cim_cc_expr from,
                         cim_cc_expr to, cim_cc_expr step)
{
    const cim_cc_arg args[] = {{.expr = from}, {.expr = to}, {.expr = step}};
    cim_cc_item item = {.kind = parallel ? CIM_CC_ITEM_PARALLEL_FOR : CIM_CC_ITEM_FOR};
    item.args = args_add(b, args, 3);
    uint32_t id = item_add(b, item);
    open_item(b, id);
    const char *kept;
    uint32_t var = declare(b, name, &kept);
    if (b->failed)
        return 0;
    b->p->items[id].var = (uint16_t)var;
    b->p->items[id].name = kept;
    return var;
}

void cim_cc_close(cim_cc_builder *b)
{
    if (!b->failed)
        b->n_vars = b->open[--b->depth].n_vars;
}

uint32_t cim_cc_let(cim_cc_builder *b, const char *name, cim_cc_expr value)
{
    const cim_cc_arg arg = {.expr = value};
    cim_cc_item item = {.kind = CIM_CC_ITEM_LET};
    item.args = args_add(b, &arg, 1);
    uint32_t var = declare(b, name, &item.name);
    item.var = (uint16_t)var;
    item_add(b, item);
    return var;
}

void cim_cc_statement(cim_cc_builder *b, cim_cc_mop mop, uint32_t type, const cim_cc_arg *args)
{
    cim_cc_item item = {.kind = CIM_CC_ITEM_STATEMENT, .mop = (uint8_t)mop, .type = type};
    item.args = args_add(b, args, cim_cc_mop_defs[mop].n_slots);
    item_add(b, item);
}

cim_cc_arg cim_cc_list(cim_cc_builder *b, const uint32_t *tensors, uint32_t n)
{
    cim_cc_program *p = b->p;
    cim_cc_arg arg = {.list = {.first = p->n_lists, .n = n}};
    if (b->failed || cim_grow(&p->lists, &p->cap_lists, (size_t)p->n_lists + n, sizeof *p->lists)) {
        b->failed = true;
        return arg;
    }
    for (uint32_t i = 0; i < n; i++)
        p->lists[p->n_lists++] = tensors[i];
    return arg;
}
