/* Reports of a functional simulation. */
#include "sched/sim.h"

#include <math.h>
#include <stdio.h>

/* JSON has no infinity: an exact result says so by "exact", its ratio is null. */
static void write_op(const cim_cc_sim *sim, const cim_cc_sim_op *o, cim_jw *w)
{
    const cim_cc_op *op = &cim_cc_model_graph(sim->model)->ops[o->op];
    cim_jw_object(w, NULL);
    cim_jw_int(w, "id", o->op);
    cim_jw_string(w, "name", op->name);
    cim_jw_string(w, "type", op->type);
    cim_jw_int(w, "matrix_rows", o->rows);
    cim_jw_int(w, "matrix_cols", o->cols);
    cim_jw_int(w, "groups", o->groups);
    cim_jw_int(w, "mvms", o->products);
    cim_jw_double(w, "weight_scale", o->weight_scale);
    cim_jw_double(w, "input_scale", o->input_scale);
    cim_jw_double(w, "weight_peak_to_rms", o->weight_peak_to_rms);
    cim_jw_double(w, "input_peak_to_rms", o->input_peak_to_rms);
    if (!sim->reference) {
        cim_jw_bool(w, "offset_input", o->offset_input);
        cim_jw_double(w, "adc_step", o->adc_step);
        cim_jw_double(w, "adc_range", o->adc_range);
        cim_jw_bool(w, "lossless", o->lossless);
        cim_jw_double(w, "conversions", o->conversions);
        cim_jw_bool(w, "exact", isinf(o->sqnr_db));
        cim_jw_double(w, "sqnr_db", o->sqnr_db);
        cim_jw_double(w, "sqnr_analytical_converter_db", o->sqnr_analytical_converter_db);
        cim_jw_double(w, "sqnr_analytical_matched_db", o->sqnr_analytical_matched_db);
        cim_jw_double(w, "sqnr_analytical_db", o->sqnr_analytical_db);
    }
    cim_jw_object_end(w);
}

static void write_output(const cim_cc_sim *sim, const cim_cc_sim_output *o, cim_jw *w)
{
    cim_jw_object(w, NULL);
    cim_jw_string(w, "name", o->name);
    cim_jw_array(w, "shape");
    for (int i = 0; i < o->rank; i++)
        cim_jw_int(w, NULL, o->dims[i]);
    cim_jw_array_end(w);
    if (!sim->reference) {
        cim_jw_bool(w, "exact", isinf(o->sqnr_db));
        cim_jw_double(w, "sqnr_db", o->sqnr_db);
    }
    cim_jw_object_end(w);
}

void cim_cc_sim_write_json(const cim_cc_sim *sim, const cim_cc_cycle *cycle, cim_jw *w,
                           const char *key)
{
    cim_jw_object(w, key);
    cim_jw_string(w, "tool", "cimdse " CIM_VERSION);
    cim_jw_string(w, "model", cim_cc_model_graph(sim->model)->name);
    cim_hw_arch_write(sim->arch, w, "arch");
    cim_jw_string(w, "executor", sim->reference ? "reference" : "crossbars");
    if (!sim->reference)
        cim_jw_double(w, "sqnr_analytical_db", sim->sqnr_analytical_db);
    cim_jw_array(w, "outputs");
    for (uint32_t i = 0; i < sim->n_outputs; i++)
        write_output(sim, &sim->outputs[i], w);
    cim_jw_array_end(w);
    cim_jw_array(w, "operators");
    for (uint32_t i = 0; i < sim->n_ops; i++)
        write_op(sim, &sim->ops[i], w);
    cim_jw_array_end(w);
    if (cycle)
        cim_cc_cycle_write_json(cycle, w, "cycle");
    cim_jw_object_end(w);
}

static const char *db_text(double db, char *buf, size_t size)
{
    if (isinf(db))
        snprintf(buf, size, "exact");
    else if (isnan(db))
        snprintf(buf, size, "-");
    else
        snprintf(buf, size, "%.2f", db);
    return buf;
}

void cim_cc_sim_write_text(const cim_cc_sim *sim, cim_text *out)
{
    const cim_cc_graph *g = cim_cc_model_graph(sim->model);
    char a[32], b[32], c[32], d[32];
    cim_text_addf(out, "%s, %lld-bit weights, %lld-bit activations, %s\n", g->name,
                  (long long)sim->arch->workload.weight_bits,
                  (long long)sim->arch->workload.activation_bits,
                  sim->reference ? "plain integer arithmetic" : "through crossbars");
    if (!sim->reference)
        cim_text_addf(out, "\n%-32s %7s %7s %7s %9s %9s %9s %9s %9s\n", "operator", "rows", "cols",
                      "groups", "ADC step", "SQNR dB", "matched", "model dB", "+rounding");
    for (uint32_t i = 0; i < sim->n_ops && !sim->reference; i++) {
        const cim_cc_sim_op *o = &sim->ops[i];
        cim_text_addf(out, "%-32.32s %7lld %7lld %7lld %9.3f %9s %9s %9s %9s\n", g->ops[o->op].name,
                      (long long)o->rows, (long long)o->cols, (long long)o->groups, o->adc_step,
                      db_text(o->sqnr_db, a, sizeof a),
                      db_text(o->sqnr_analytical_matched_db, d, sizeof d),
                      db_text(o->sqnr_analytical_converter_db, b, sizeof b),
                      db_text(o->sqnr_analytical_db, c, sizeof c));
    }
    if (!sim->reference)
        cim_text_addf(
            out,
            "\nSQNR: measured against plain integer arithmetic on the same inputs; "
            "model: converters and cells\nfor the data the architecture assumes, matched: "
            "for these tensors' peak-to-rms ratios;\n+rounding: with the operands' "
            "rounding, as compile reports it (network: %s dB)\n\n",
            db_text(sim->sqnr_analytical_db, a, sizeof a));
    for (uint32_t i = 0; i < sim->n_outputs; i++) {
        const cim_cc_sim_output *o = &sim->outputs[i];
        cim_text_addf(out, "output %s: %lld elements", o->name, (long long)o->elements);
        if (!sim->reference && isinf(o->sqnr_db))
            cim_text_add(out, ", equal to the reference");
        else if (!sim->reference)
            cim_text_addf(out, ", SQNR %s dB against the reference",
                          db_text(o->sqnr_db, a, sizeof a));
        cim_text_add(out, "\n");
    }
}
