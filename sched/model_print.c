/* `model show`: JSON for programs, a table for people. */
#include "sched/model_internal.h"

#include <string.h>

static void write_shape(cim_jw *w, const char *key, int rank, const int64_t *shape)
{
    cim_jw_array(w, key);
    for (int k = 0; k < rank; k++)
        cim_jw_int(w, NULL, shape[k]);
    cim_jw_array_end(w);
}

static void write_inputs(const cim_cc_graph *g, uint32_t i, cim_jw *w)
{
    const cim_cc_op *op = &g->ops[i];
    cim_jw_array(w, "inputs");
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &g->edges[k];
        cim_jw_object(w, NULL);
        if (e->producer == CIM_CC_INVALID)
            cim_jw_string(w, "network_input", g->inputs[e->input].name);
        else
            cim_jw_int(w, "operator", e->producer);
        cim_jw_int(w, "elements", e->elements);
        cim_jw_bool(w, "full", e->full);
        if (!e->full) {
            cim_jw_int(w, "num", e->num);
            cim_jw_int(w, "den", e->den);
            cim_jw_int(w, "offset", e->offset);
            if (e->cols > 0) {
                cim_jw_int(w, "cols", e->cols);
                cim_jw_int(w, "col_num", e->col_num);
                cim_jw_int(w, "col_den", e->col_den);
                cim_jw_int(w, "col_offset", e->col_offset);
            }
        }
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
}

static void write_op(const cim_cc_graph *g, uint32_t i, cim_jw *w)
{
    const cim_cc_op *op = &g->ops[i];
    cim_jw_object(w, NULL);
    cim_jw_int(w, "id", i);
    cim_jw_string(w, "name", op->name);
    cim_jw_string(w, "type", op->type);
    cim_jw_string(w, "unit", cim_cc_unit_words[op->unit]);
    write_shape(w, "output_shape", op->rank, op->shape);
    cim_jw_int(w, "macs", op->macs);
    cim_jw_int(w, "weights", op->weights);
    cim_jw_int(w, "matrix_rows", op->matrix_rows);
    cim_jw_int(w, "matrix_cols", op->matrix_cols);
    cim_jw_int(w, "groups", op->groups);
    cim_jw_int(w, "mvms", op->mvms);
    cim_jw_bool(w, "has_bias", op->has_bias);
    cim_jw_bool(w, "signed_input", op->signed_input);
    cim_jw_bool(w, "dynamic_product", op->dynamic_product);
    cim_jw_object(w, "alu");
    cim_jw_int(w, "add", op->alu_add);
    cim_jw_int(w, "mul", op->alu_mul);
    cim_jw_int(w, "div", op->alu_div);
    cim_jw_int(w, "special", op->alu_special);
    cim_jw_object_end(w);
    cim_jw_int(w, "rows", op->rows);
    cim_jw_int(w, "images", op->images);
    write_inputs(g, i, w);
    cim_jw_object_end(w);
}

typedef struct totals {
    int64_t macs_dynamic, crossbar, digital, none;
    int64_t cells; /* matrix cells of crossbar operators */
} totals;

static totals totals_of(const cim_cc_graph *g)
{
    totals t = {0};
    for (uint32_t i = 0; i < g->n_ops; i++) {
        const cim_cc_op *op = &g->ops[i];
        t.macs_dynamic += op->dynamic_product ? op->macs : 0;
        t.crossbar += op->unit == CIM_CC_UNIT_CROSSBAR;
        t.digital += op->unit == CIM_CC_UNIT_DIGITAL;
        t.none += op->unit == CIM_CC_UNIT_NONE;
        if (op->unit == CIM_CC_UNIT_CROSSBAR)
            t.cells += op->matrix_rows * op->matrix_cols * op->groups;
    }
    return t;
}

static void write_notes(const cim_cc_model *m, cim_jw *w)
{
    char line[512];
    cim_jw_array(w, "notes");
    for (const char *s = cim_text_str(&m->net->notes); *s;) {
        const char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end - s) : strlen(s);
        size_t keep = n < sizeof line - 1 ? n : sizeof line - 1;
        memcpy(line, s, keep);
        line[keep] = '\0';
        cim_jw_string(w, NULL, line);
        s += n + (end ? 1 : 0);
    }
    cim_jw_array_end(w);
}

void cim_cc_model_write_json(const cim_cc_model *model, cim_jw *w, const char *key)
{
    const cim_cc_graph *g = &model->graph;
    totals t = totals_of(g);
    cim_jw_object(w, key);
    cim_jw_string(w, "name", g->name);
    cim_jw_string(w, "producer", model->net->producer);
    cim_jw_array(w, "inputs");
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        cim_jw_object(w, NULL);
        cim_jw_string(w, "name", g->inputs[i].name);
        write_shape(w, "shape", g->inputs[i].rank, g->inputs[i].shape);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
    cim_jw_int(w, "macs", g->macs);
    cim_jw_int(w, "macs_dynamic", t.macs_dynamic);
    cim_jw_int(w, "weights", g->weights);
    cim_jw_int(w, "crossbar_weights", t.cells);
    write_notes(model, w);
    cim_jw_array(w, "outputs");
    for (uint32_t i = 0; i < g->n_outputs; i++)
        cim_jw_int(w, NULL, g->outputs[i]);
    cim_jw_array_end(w);
    cim_jw_array(w, "operators");
    for (uint32_t i = 0; i < g->n_ops; i++)
        write_op(g, i, w);
    cim_jw_array_end(w);
    cim_jw_object_end(w);
}

/* ---- the table ------------------------------------------------------------------------------------ */

static const char *shape_text(const cim_cc_op *op, char *buf, size_t size)
{
    cim_text t;
    cim_text_init(&t);
    for (int k = 0; k < op->rank; k++)
        cim_text_addf(&t, "%s%lld", k ? "x" : "", (long long)op->shape[k]);
    const char *s = op->rank == 0 ? "scalar" : cim_text_str(&t);
    size_t n = strlen(s) < size - 1 ? strlen(s) : size - 1;
    memcpy(buf, s, n);
    buf[n] = '\0';
    cim_text_clear(&t);
    return buf;
}

/* Long names keep their end, which tells them apart. */
static const char *name_end(const char *name, size_t width)
{
    size_t n = strlen(name);
    return n > width ? name + (n - width) : name;
}

static const char *count_text(int64_t v, char *buf, size_t size)
{
    static const char *const units[] = {"", " k", " M", " G", " T", " P"};
    double x = (double)v;
    size_t u = 0;
    while (x >= 999.5 && u < 5) {
        x /= 1000;
        u++;
    }
    cim_text t;
    cim_text_init(&t);
    cim_text_addf(&t, u && x < 99.95 ? "%.2f%s" : "%.0f%s", x, units[u]);
    size_t n = t.n < size - 1 ? t.n : size - 1;
    memcpy(buf, cim_text_str(&t), n);
    buf[n] = '\0';
    cim_text_clear(&t);
    return buf;
}

static void table_row(const cim_cc_graph *g, uint32_t i, cim_text *out)
{
    const cim_cc_op *op = &g->ops[i];
    char shape[64], macs[32], weights[32], matrix[64] = "";
    cim_text m;
    cim_text_init(&m);
    if (op->unit == CIM_CC_UNIT_CROSSBAR) {
        cim_text_addf(&m, "%lldx%lld", (long long)op->matrix_rows, (long long)op->matrix_cols);
        if (op->groups > 1)
            cim_text_addf(&m, " *%lld", (long long)op->groups);
        size_t n = m.n < sizeof matrix - 1 ? m.n : sizeof matrix - 1;
        memcpy(matrix, cim_text_str(&m), n);
        matrix[n] = '\0';
    }
    cim_text_clear(&m);
    cim_text_addf(out, "%4u  %-36s  %-22s  %-8s  %-18s  %9s  %9s", i, name_end(op->name, 36),
                  op->type, cim_cc_unit_words[op->unit], shape_text(op, shape, sizeof shape),
                  count_text(op->macs, macs, sizeof macs),
                  count_text(op->weights, weights, sizeof weights));
    if (op->unit == CIM_CC_UNIT_CROSSBAR)
        cim_text_addf(out, "  %-16s  %lld", matrix, (long long)op->mvms);
    cim_text_add(out, "\n");
}

void cim_cc_model_write_text(const cim_cc_model *model, cim_text *out)
{
    const cim_cc_graph *g = &model->graph;
    totals t = totals_of(g);
    char macs[32], dynamic[32], weights[32], cells[32];
    cim_text_addf(out, "%s\n", g->name);
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        cim_text_addf(out, "input %s ", g->inputs[i].name);
        for (int k = 0; k < g->inputs[i].rank; k++)
            cim_text_addf(out, "%s%lld", k ? "x" : "", (long long)g->inputs[i].shape[k]);
        cim_text_add(out, "\n");
    }
    cim_text_addf(out, "\n%4s  %-36s  %-22s  %-8s  %-18s  %9s  %9s  %-16s  %s\n", "id", "operator",
                  "type", "unit", "output", "MACs", "weights", "matrix *groups", "products");
    for (uint32_t i = 0; i < g->n_ops; i++)
        table_row(g, i, out);
    cim_text_addf(out, "\n%u operators: %lld on crossbars, %lld digital, %lld only move data\n",
                  g->n_ops, (long long)t.crossbar, (long long)t.digital, (long long)t.none);
    cim_text_addf(out, "MACs       %lld (%s)", (long long)g->macs,
                  count_text(g->macs, macs, sizeof macs));
    if (t.macs_dynamic > 0)
        cim_text_addf(out, ", of which %s multiply two activations",
                      count_text(t.macs_dynamic, dynamic, sizeof dynamic));
    cim_text_addf(out, "\nparameters %lld (%s), %s of crossbar matrix cells\n",
                  (long long)g->weights, count_text(g->weights, weights, sizeof weights),
                  count_text(t.cells, cells, sizeof cells));
    cim_text_add(out,
                 "not counted: MACs of normalisation, pooling and elementwise operators; running "
                 "statistics of BatchNorm,\nshapes, indices and other constants that are not "
                 "trained; tied weights count once\n");
    for (const char *s = cim_text_str(&model->net->notes); *s;) {
        const char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end - s) : strlen(s);
        cim_text_add(out, "note: ");
        cim_text_add_n(out, s, n);
        cim_text_add(out, "\n");
        s += n + (end ? 1 : 0);
    }
}
