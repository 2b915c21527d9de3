/* Visits the statements of a flow. Of a loop over products whose statements are the same for every
 * product, the first iteration is visited in full and of the others only what they wait for. */
#include "sched/flow_check.h"

enum { MOST_VISITS = 1 << 28 };

static cim_status visit(checker *c, const cim_cc_item *it)
{
    if (++c->visited > MOST_VISITS)
        return cim_cc_check_fail(c, it->line, "more than %d statements to check", MOST_VISITS);
    return CIM_OK;
}

/* ---- which loops repeat -------------------------------------------------------------------------- */

static bool expr_uses(const cim_cc_program *p, cim_cc_expr e, uint32_t var)
{
    const cim_cc_expr_node *n = &p->exprs[e];
    if (n->op == CIM_CC_EX_CONST)
        return false;
    if (n->op == CIM_CC_EX_VAR)
        return n->a == var;
    return expr_uses(p, n->a, var) || expr_uses(p, n->b, var);
}

/* A statement of the product that the variable counts, with nothing else that depends on it. */
static bool statement_repeats(const cim_cc_program *p, const cim_cc_item *it, uint32_t var)
{
    const cim_cc_mop_def *d = &cim_cc_mop_defs[it->mop];
    uint32_t product = cim_cc_check_product_slot(it);
    if (product == 0)
        return false;
    const cim_cc_expr_node *n = &p->exprs[p->args[it->args + product].expr];
    if (n->op != CIM_CC_EX_VAR || n->a != var)
        return false;
    for (uint32_t i = 0; i < d->n_slots; i++)
        if (d->slots[i].kind == CIM_CC_SLOT_EXPR && i != product &&
            expr_uses(p, p->args[it->args + i].expr, var))
            return false;
    return true;
}

/* Whether items do the same whatever the variable is, product numbers apart, and waits with which the
 * loop's body begins. Those behind its statements are too late for them. */
static bool items_repeat(checker *c, uint32_t first, uint32_t var, bool head)
{
    const cim_cc_program *p = c->p;
    for (uint32_t i = first; i != CIM_CC_NO_ITEM; i = p->items[i].next, c->visited++) {
        const cim_cc_item *it = &p->items[i];
        if (it->kind == CIM_CC_ITEM_STATEMENT) {
            head = head && it->mop == CIM_CC_MOP_WAIT;
            if (!head && !statement_repeats(p, it, var))
                return false;
            continue;
        }
        head = head && it->kind == CIM_CC_ITEM_LET;
        uint32_t args = it->kind == CIM_CC_ITEM_LET                                           ? 1
                        : it->kind == CIM_CC_ITEM_FOR || it->kind == CIM_CC_ITEM_PARALLEL_FOR ? 3
                                                                                              : 0;
        for (uint32_t k = 0; k < args; k++)
            if (expr_uses(p, p->args[it->args + k].expr, var))
                return false;
        if (it->kind != CIM_CC_ITEM_LET && !items_repeat(c, it->child, var, false))
            return false;
    }
    return true;
}

/* ---- statements ------------------------------------------------------------------------------------- */

static cim_status wait(checker *c, const cim_cc_item *it)
{
    const cim_cc_arg *args = c->p->args + it->args;
    uint32_t tensor = args[CIM_CC_WAIT_TENSOR].id;
    int64_t rows, part, parts, all = c->p->tensors[tensor].rows;
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WAIT_ROWS, 1, all, &rows));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WAIT_PART, 0, INT32_MAX, &part));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_WAIT_PARTS, part, INT32_MAX, &parts));
    cim_cc_check_wait(c, tensor, rows, part, parts);
    return CIM_OK;
}

static cim_status digital(checker *c, const cim_cc_item *it)
{
    const cim_cc_flow_op *o = &c->p->ops[c->block];
    const cim_cc_op *op = &c->g->ops[o->op];
    const cim_cc_arg *args = c->p->args + it->args;
    const uint32_t *in = c->p->lists + args[CIM_CC_DIGITAL_IN].list.first;
    int64_t step;
    if (o->unit == CIM_CC_UNIT_CROSSBAR || it->type != cim_cc_flow_type_find(op->type))
        return cim_cc_check_fail(c, it->line, "operator %u of the network is %s on unit %s", o->op,
                                 op->type, cim_cc_unit_words[op->unit]);
    if (args[CIM_CC_DIGITAL_TENSOR].id != o->op)
        return cim_cc_check_fail(c, it->line, "its result is t%u", o->op);
    bool same = args[CIM_CC_DIGITAL_IN].list.n == op->n_edges;
    for (uint32_t k = 0; same && k < op->n_edges; k++) {
        const cim_cc_edge *e = &c->g->edges[op->first_edge + k];
        same = in[k] == (e->producer == CIM_CC_INVALID ? c->g->n_ops + e->input : e->producer);
    }
    if (!same)
        return cim_cc_check_fail(c, it->line,
                                 "its inputs are not those of operator %u in the network", o->op);
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_DIGITAL_STEP, c->steps, c->steps, &step));
    if (step >= op->rows * op->images)
        return cim_cc_check_fail(c, it->line, "step %lld, the operator has %lld", (long long)step,
                                 (long long)(op->rows * op->images));
    c->steps++;
    return cim_cc_check_waited(c, it, step + 1, -1);
}

static cim_status statement(checker *c, const cim_cc_item *it)
{
    bool write = it->mop == CIM_CC_MOP_WRITE_CORE || it->mop == CIM_CC_MOP_WRITE_XB ||
                 it->mop == CIM_CC_MOP_WRITE_ROW;
    CIM_TRY(visit(c, it));
    bool operand = write && c->o && cim_cc_op_is_written(&c->g->ops[c->o->op]);
    if (write != c->programming && !operand)
        return cim_cc_check_fail(c, it->line,
                                 write ? "crossbars are written in the program block only"
                                       : "only cim.write_* stands in a program block");
    if (write)
        return cim_cc_check_write(c, it);
    if (it->mop == CIM_CC_MOP_WAIT)
        return wait(c, it);
    if (it->mop == CIM_CC_MOP_DIGITAL)
        return digital(c, it);
    return cim_cc_check_product(c, it);
}

/* ---- loops -------------------------------------------------------------------------------------------- */

/* An iteration that repeats the one before it for another product. */
static cim_status repeat(checker *c, const cim_cc_item *loop, int64_t product)
{
    for (uint32_t i = loop->child; i != CIM_CC_NO_ITEM; i = c->p->items[i].next)
        if (c->p->items[i].kind == CIM_CC_ITEM_STATEMENT && c->p->items[i].mop == CIM_CC_MOP_WAIT)
            CIM_TRY(wait(c, &c->p->items[i]));
    return cim_cc_check_product_like(c, loop, product);
}

static cim_status fork_open(checker *c, const cim_cc_item *it)
{
    if (c->n_forks == CIM_CC_CHECK_FORKS)
        return cim_cc_check_fail(c, it->line, "more than %d parallel blocks in one another",
                                 CIM_CC_CHECK_FORKS);
    c->now++;
    c->forks[c->n_forks++] = (fork){.from = c->now, .branch = c->now, .product = -1};
    return CIM_OK;
}

static void branch(checker *c)
{
    c->forks[c->n_forks - 1].branch = ++c->now;
    c->thread += c->n_forks == 1;
}

/* parallel for */
static cim_status fork_over(checker *c, const cim_cc_item *it, int64_t from, int64_t to,
                            int64_t step)
{
    CIM_TRY(fork_open(c, it));
    for (int64_t v = from; v < to; v += step) {
        CIM_TRY(visit(c, it));
        branch(c);
        c->frame[it->var] = v;
        CIM_TRY(cim_cc_check_items(c, it->child));
    }
    c->n_forks--;
    return CIM_OK;
}

static cim_status loop_over(checker *c, const cim_cc_item *it, int64_t from, int64_t to,
                            int64_t step)
{
    bool repeats = from < to && c->o && items_repeat(c, it->child, it->var, true);
    for (int64_t v = from; v < to; v += step) {
        CIM_TRY(visit(c, it));
        c->frame[it->var] = v;
        if (repeats && v > from) {
            CIM_TRY(repeat(c, it, v));
            continue;
        }
        bool before = c->open;
        int64_t products = c->n_products + 1; /* after an iteration of one product */
        CIM_TRY(cim_cc_check_items(c, it->child));
        repeats = repeats && c->open && !before && c->product == v && c->n_products == products;
        if (repeats)
            CIM_TRY(cim_cc_check_product_end(c, it->line));
    }
    return CIM_OK;
}

static cim_status loop(checker *c, const cim_cc_item *it)
{
    const int64_t most = INT64_C(1) << 53;
    int64_t from, to, step;
    CIM_TRY(visit(c, it));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_FOR_FROM, -most, most, &from));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_FOR_TO, -most, most, &to));
    CIM_TRY(cim_cc_check_value(c, it, CIM_CC_FOR_STEP, 1, most, &step));
    if (it->kind == CIM_CC_ITEM_PARALLEL_FOR)
        return fork_over(c, it, from, to, step);
    return loop_over(c, it, from, to, step);
}

static cim_status let(checker *c, const cim_cc_item *it)
{
    const int64_t most = INT64_C(1) << 53;
    return cim_cc_check_value(c, it, 0, -most, most, &c->frame[it->var]);
}

static cim_status check_item(checker *c, const cim_cc_item *it)
{
    switch (it->kind) {
    case CIM_CC_ITEM_STATEMENT:
        return statement(c, it);
    case CIM_CC_ITEM_LET:
        return let(c, it);
    case CIM_CC_ITEM_FOR:
    case CIM_CC_ITEM_PARALLEL_FOR:
        return loop(c, it);
    case CIM_CC_ITEM_PARALLEL:
        CIM_TRY(fork_open(c, it));
        for (uint32_t i = it->child; i != CIM_CC_NO_ITEM; i = c->p->items[i].next) {
            branch(c);
            CIM_TRY(check_item(c, &c->p->items[i]));
        }
        c->n_forks--;
        return CIM_OK;
    default:
        return cim_cc_check_items(c, it->child);
    }
}

cim_status cim_cc_check_items(checker *c, uint32_t first)
{
    for (uint32_t i = first; i != CIM_CC_NO_ITEM; i = c->p->items[i].next)
        CIM_TRY(check_item(c, &c->p->items[i]));
    return CIM_OK;
}
