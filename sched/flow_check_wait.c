/* Is what an operator reads there? From the edges of the graph: which rows of its producers a row of
 * a result needs. sched/graph.h defines the relation, sched/FLOW.md when several images flow. */
#include "sched/flow_check.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* A wait of the thread itself, before what is looked at. */
static bool counts(const checker *c, const waited *w)
{
    return w->thread == c->thread && !cim_cc_check_concurrent(c, w->at);
}

void cim_cc_check_wait(checker *c, uint32_t tensor, int64_t rows, int64_t part, int64_t parts)
{
    waited *w = &c->waits[tensor];
    waited now = {.thread = c->thread, .at = c->now, .rows = rows, .part = part, .parts = parts};
    bool more = !counts(c, w) || rows > w->rows;
    if (!more && rows == w->rows && w->part > 0) /* the same row, more of it */
        more = part == 0 || (double)part * (double)w->parts > (double)w->part * (double)parts;
    if (more)
        *w = now;
}

/* Rows of all images of the producer. */
static int64_t rows_needed(const cim_cc_op *to, const cim_cc_op *from, const cim_cc_edge *e,
                           int64_t row)
{
    int64_t all = from->rows * from->images;
    if (cim_cc_op_is_written(to) && to->together)
        return all;
    if (to->images <= 1 && from->images <= 1)
        return cim_cc_edge_row(e, row, from->rows);
    if (e->full && (to->images <= 1 || from->images <= 1))
        return all;
    /* whole images in order */
    int64_t at = to->images > 1 ? ceil_div(row, to->rows) : row;
    int64_t of = to->images > 1 ? to->images : to->rows;
    int64_t units = from->images > 1 ? from->images : from->rows;
    int64_t need = of == units ? at : least(units, ceil_div(at * units, of));
    return from->images > 1 ? need * from->rows : need;
}

/* Columns of the last row, when products may start on a part of it; 0: all of it. */
static int64_t part_needed(const cim_cc_op *to, const cim_cc_edge *e, int64_t product,
                           int64_t *parts)
{
    *parts = 0;
    if (product < 0 || e->full || e->cols < 2 || cim_cc_op_is_written(to) || to->images > 1 ||
        to->mvms != to->rows * to->cols)
        return 0;
    *parts = e->cols;
    int64_t f = ceil_div((product % to->cols + 1) * e->col_num, e->col_den) + e->col_offset;
    return least(*parts, f < 1 ? 1 : f);
}

cim_status cim_cc_check_waited(checker *c, const cim_cc_item *it, int64_t row, int64_t product)
{
    cim_cc_op_id id = c->p->ops[c->block].op;
    const cim_cc_op *op = &c->g->ops[id];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &c->g->edges[k];
        if (e->producer == CIM_CC_INVALID)
            continue; /* the network's inputs are there */
        const cim_cc_op *from = &c->g->ops[e->producer];
        const waited *w = &c->waits[e->producer];
        int64_t parts, rows = rows_needed(op, from, e, row);
        int64_t part = part_needed(op, e, product, &parts);
        if (product >= 0 && !strcmp(op->type, "ConvTranspose")) { /* products are input positions */
            int64_t own = product * (from->rows * from->images) / op->mvms + 1;
            rows = own > rows ? own : rows;
        }
        int64_t have = counts(c, w) ? w->rows : 0;
        bool enough = have > rows || (have == rows && w->part == 0);
        if (have == rows && w->part > 0 && part > 0)
            enough = (double)w->part * (double)parts >= (double)part * (double)w->parts;
        if (!enough)
            return cim_cc_check_fail(c, it->line,
                                     "row %lld of t%u needs rows 1 to %lld of t%u, waited for are "
                                     "%s%lld",
                                     (long long)row, id, (long long)rows, e->producer,
                                     have == rows ? "only a part of row " : "", (long long)have);
    }
    return CIM_OK;
}

cim_status cim_cc_check_operand(checker *c, const cim_cc_item *it)
{
    cim_cc_op_id id = c->p->ops[c->block].op;
    const cim_cc_op *op = &c->g->ops[id];
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id from = c->g->edges[k].producer;
        if (from == CIM_CC_INVALID || !c->g->edges[k].written)
            continue;
        const waited *w = &c->waits[from];
        int64_t all = c->g->ops[from].rows * c->g->ops[from].images;
        int64_t have = counts(c, w) && w->part == 0 ? w->rows : 0;
        if (have < all)
            return cim_cc_check_fail(c, it->line,
                                     "operator %u writes t%u to crossbars, which needs all of its "
                                     "%lld rows, waited for are %lld",
                                     id, from, (long long)all, (long long)have);
    }
    return CIM_OK;
}
