/* The compiler's graph: row dependence and invariants. */
#include "sched/graph.h"

#include "sched/net_ops.h"

const char *const cim_cc_unit_words[] = {"crossbar", "digital", "none"};

/* clamp(ceil(at * num / den) + offset, 1, most) */
static int64_t affine(int64_t at, int64_t num, int64_t den, int64_t offset, int64_t most)
{
    /* at * num may exceed 2^63 only where sizes are beyond what is accepted: saturate */
    if (num > 0 && at > INT64_MAX / 2 / num)
        return most;
    int64_t f = (at * num + den - 1) / den + offset;
    return f < 1 ? 1 : f > most ? most : f;
}

int64_t cim_cc_edge_row(const cim_cc_edge *e, int64_t r, int64_t rows)
{
    return e->full ? rows : affine(r, e->num, e->den, e->offset, rows);
}

int64_t cim_cc_edge_col(const cim_cc_edge *e, int64_t c)
{
    return affine(c, e->col_num, e->col_den, e->col_offset, e->cols);
}

bool cim_cc_edge_follows(const cim_cc_edge *e)
{
    bool rows = !e->full && e->num == e->den && e->offset == 0;
    return rows && (e->cols == 0 || (e->col_num == e->col_den && e->col_offset == 0));
}

static cim_status broken(const cim_cc_graph *g, uint32_t i, cim_err *err, const char *what)
{
    return cim_err_set(err, CIM_E_INTERNAL, g->name, "operator %u ('%.80s'): %s", i,
                       g->ops[i].name ? g->ops[i].name : "", what);
}

static cim_status check_edges(const cim_cc_graph *g, uint32_t i, cim_err *err)
{
    const cim_cc_op *op = &g->ops[i];
    int64_t elements = 0;
    if (op->first_edge > g->n_edges || op->n_edges > g->n_edges - op->first_edge)
        return broken(g, i, err, "edges out of range");
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &g->edges[k];
        if (e->producer == CIM_CC_INVALID ? e->input >= g->n_inputs : e->producer >= i)
            return broken(g, i, err, "an edge comes from a later operator or an unknown input");
        if (e->elements < 1 || e->num < 0 || e->den < 1 ||
            (e->cols != 0 && (e->cols < 1 || e->col_num < 0 || e->col_den < 1)))
            return broken(g, i, err, "an edge has an impossible size or rate");
        elements += e->elements;
    }
    if (elements != op->in_elements)
        return broken(g, i, err, "its inputs do not add up");
    return CIM_OK;
}

static cim_status check_op(const cim_cc_graph *g, uint32_t i, cim_err *err)
{
    const cim_cc_op *op = &g->ops[i];
    bool xb = op->unit == CIM_CC_UNIT_CROSSBAR;
    if (!op->name || !op->type || op->unit > CIM_CC_UNIT_NONE)
        return broken(g, i, err, "has no name, type or unit");
    if (op->rank < 0 || op->rank > CIM_CC_MAX_RANK || op->out_elements < 1 || op->rows < 1 ||
        op->images < 1)
        return broken(g, i, err, "has an impossible size");
    int64_t elements = cim_cc_product(op->shape, 0, op->rank);
    if (elements < 1 || elements > op->out_elements)
        return broken(g, i, err, "its shape is larger than its output");
    if (xb && (op->matrix_rows < 1 || op->matrix_cols < 1 || op->groups < 1 || op->mvms < 1))
        return broken(g, i, err, "runs on crossbars without a matrix");
    if (xb &&
        (double)op->matrix_rows * (double)op->matrix_cols * (double)op->groups * (double)op->mvms !=
            (double)op->macs)
        return broken(g, i, err, "its MACs are not its matrix times its products");
    if (op->macs < 0 || op->weights < 0 || op->alu_add < 0 || op->alu_mul < 0 || op->alu_div < 0 ||
        op->alu_special < 0)
        return broken(g, i, err, "has a negative count");
    return check_edges(g, i, err);
}

cim_status cim_cc_graph_check(const cim_cc_graph *g, cim_err *err)
{
    int64_t macs = 0, weights = 0;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        CIM_TRY(check_op(g, i, err));
        macs += g->ops[i].macs;
        weights += g->ops[i].weights;
    }
    if (g->n_ops == 0 || g->n_outputs == 0)
        return cim_err_set(err, CIM_E_INTERNAL, g->name, "the graph is empty");
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] >= g->n_ops)
            return cim_err_set(err, CIM_E_INTERNAL, g->name, "an output is no operator");
    if (macs != g->macs || weights != g->weights)
        return cim_err_set(err, CIM_E_INTERNAL, g->name, "totals are not the sum of the operators");
    return CIM_OK;
}
