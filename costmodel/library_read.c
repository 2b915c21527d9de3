/* Sections of a library document: technology scaling, devices, ADC models, buffers, periphery. */
#include "costmodel/library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const scaling_names[] = {"logic", "feature", "fit", "voltage"};

static cim_status read_scaling_word(const cim_json *doc, const cim_json_node *entry,
                                    cost_scaling *out, cim_err *err)
{
    const cim_json_node *node;
    int word = 0;
    CIM_TRY(cost_member(doc, entry, "scaling", &node, err));
    CIM_TRY(cim_json_choice(doc, node, scaling_names, COUNT(scaling_names), &word, err));
    *out = (cost_scaling)word;
    return CIM_OK;
}

/* ---- technology ---- */

static cim_status read_coefficients(const cim_json *doc, const cim_json_node *entry,
                                    const char *key, double *out, size_t n, cim_err *err)
{
    const cim_json_node *list;
    CIM_TRY(cost_member(doc, entry, key, &list, err));
    CIM_TRY(cim_json_expect(doc, list, CIM_JSON_ARRAY, err));
    if (cim_json_count(list) != n)
        return cim_json_error(doc, list, err, "%zu coefficients; %zu are needed",
                              cim_json_count(list), n);
    for (const cim_json_node *e = cim_json_first(list); e; e = cim_json_next(e))
        CIM_TRY(cim_json_double(doc, e, -1e9, 1e9, out++, err));
    return CIM_OK;
}

static cim_status read_node(const cim_json *doc, const cim_json_node *e, cost_node *nd,
                            cim_err *err)
{
    static const char *const keys[] = {"technology", "area",       "delay",
                                       "energy",     "supply_min", "supply_max"};
    CIM_TRY(cim_json_expect(doc, e, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    const cost_quantity q[] = {
        {"technology", COST_DIM_LENGTH, COST_POSITIVE, &nd->nm},
        {"area", COST_DIM_ONE, COST_POSITIVE, &nd->area},
        {"supply_min", COST_DIM_VOLTAGE, COST_POSITIVE, &nd->v_min},
        {"supply_max", COST_DIM_VOLTAGE, COST_POSITIVE, &nd->v_max},
    };
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    CIM_TRY(read_coefficients(doc, e, "delay", nd->delay, 4, err));
    return read_coefficients(doc, e, "energy", nd->energy, 3, err);
}

static cim_status read_scaling(cim_cost_library *lib, const cim_json *doc,
                               const cim_json_node *node, cim_err *err)
{
    static const char *const keys[] = {"source", "nodes"};
    const cim_json_node *list;
    CIM_TRY(cost_read_source(doc, node, err));
    CIM_TRY(cim_json_known_keys(doc, node, keys, COUNT(keys), err));
    CIM_TRY(cost_member(doc, node, "nodes", &list, err));
    CIM_TRY(cim_json_expect(doc, list, CIM_JSON_ARRAY, err));
    if (cim_json_count(list) > COST_MAX_NODES)
        return cim_json_error(doc, list, err, "more than %d nodes", COST_MAX_NODES);
    lib->n_nodes = 0;
    for (const cim_json_node *e = cim_json_first(list); e; e = cim_json_next(e)) {
        cost_node *nd = &lib->node[lib->n_nodes++];
        memset(nd, 0, sizeof *nd);
        CIM_TRY(read_node(doc, e, nd, err));
    }
    const char *wrong = cost_scaling_prepare(lib);
    if (wrong)
        return cim_json_error(doc, list, err, "%s", wrong);
    return CIM_OK;
}

/* ---- devices ---- */

/* One way to build an array. What it leaves out (origin, read energy) is the device's own. */
static cim_status read_array(const cim_json *doc, const cim_json_node *e, const cost_array *own,
                             cost_array *out, cim_err *err)
{
    static const char *const keys[] = {
        "source",       "technology",        "supply",        "cell_area",     "array_overhead",
        "read_energy",  "read_time",         "read_voltage",  "read_pulse",    "driver_area",
        "bitline_rows", "input_independent", "resistance_on", "resistance_off"};
    double constant = 0;
    const cost_quantity q[] = {
        {"cell_area", COST_DIM_FEATURES, COST_POSITIVE, &out->f2},
        {"array_overhead", COST_DIM_ONE, COST_POSITIVE, &out->overhead},
        {"read_energy", COST_DIM_ENERGY, COST_POSITIVE | COST_OPTIONAL, &out->read_pj},
        {"read_time", COST_DIM_TIME, COST_POSITIVE | COST_OPTIONAL, &out->access_ns},
        {"read_voltage", COST_DIM_VOLTAGE, COST_POSITIVE | COST_OPTIONAL, &out->read_v},
        {"read_pulse", COST_DIM_TIME, COST_POSITIVE | COST_OPTIONAL, &out->read_ns},
        {"resistance_on", COST_DIM_RESISTANCE, COST_POSITIVE | COST_OPTIONAL, &out->r_on},
        {"resistance_off", COST_DIM_RESISTANCE, COST_POSITIVE | COST_OPTIONAL, &out->r_off},
        {"driver_area", COST_DIM_AREA, COST_OPTIONAL, &out->driver_um2},
        {"bitline_rows", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &out->bitline_rows},
        {"input_independent", COST_DIM_ONE, COST_OPTIONAL, &constant},
    };
    *out = *own;
    CIM_TRY(cost_read_source(doc, e, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    if (cim_json_find(e, "technology") || cim_json_find(e, "supply"))
        CIM_TRY(cost_read_origin(doc, e, &out->at, err));
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    if (out->overhead < 1)
        return cim_json_error(doc, cim_json_find(e, "array_overhead"), err,
                              "an array_overhead of %g; at least 1 is allowed: an array is no "
                              "smaller than its cells",
                              out->overhead);
    if ((out->read_v > 0) != (out->read_ns > 0))
        return cim_json_error(doc, e, err,
                              "read_voltage and read_pulse: the energy of a read needs both");
    if ((out->r_on > 0) != (out->r_off > 0) || out->r_off < out->r_on)
        return cim_json_error(doc, e, err,
                              "resistance_on and resistance_off: both, the second not smaller");
    out->constant = constant > 0;
    out->present = true;
    return CIM_OK;
}

static cim_status read_arrays(const cim_json *doc, const cim_json_node *e, cost_device *d,
                              cim_err *err)
{
    static const char *const names[COST_N_ARRAYS - 1] = {"current", "digital", "transistor",
                                                         "static"};
    const cim_json_node *arrays = cim_json_find(e, "arrays");
    if (!arrays)
        return CIM_OK;
    CIM_TRY(cim_json_expect(doc, arrays, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, arrays, names, COUNT(names), err));
    for (size_t i = 0; i < COUNT(names); i++) {
        const cim_json_node *a = cim_json_find(arrays, names[i]);
        if (a)
            CIM_TRY(read_array(doc, a, &d->array[COST_ARRAY_OWN], &d->array[i + 1], err));
    }
    return CIM_OK;
}

static cim_status read_device(const cim_json *doc, const cim_json_node *e, cost_device *d,
                              cim_err *err)
{
    static const char *const keys[] = {"source",
                                       "technology",
                                       "supply",
                                       "scaling",
                                       "bits_per_cell_max",
                                       "cell_area",
                                       "read_energy",
                                       "read_time",
                                       "read_time_rows",
                                       "write_energy",
                                       "write_time",
                                       "leakage",
                                       "leakage_technology",
                                       "leakage_supply",
                                       "endurance",
                                       "resistance_on",
                                       "resistance_off",
                                       "variation",
                                       "driver",
                                       "array_overhead",
                                       "cell_area_digital",
                                       "arrays"};
    static const char *const drivers[] = {"dac", "wordline"};
    const cim_json_node *driver;
    double digital_f2 = 0; /* older spelling of arrays.digital, drivers and all */
    int word = 0;
    CIM_TRY(cost_read_source(doc, e, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &d->at, err));
    CIM_TRY(read_scaling_word(doc, e, &d->scaling, err));
    CIM_TRY(cost_member(doc, e, "driver", &driver, err));
    CIM_TRY(cim_json_choice(doc, driver, drivers, COUNT(drivers), &word, err));
    d->wordline = word == 1;
    d->leak_at = d->at;
    cost_array *own = &d->array[COST_ARRAY_OWN];
    *own = (cost_array){.present = true, .at = d->at, .overhead = 1};
    const cost_quantity q[] = {
        {"bits_per_cell_max", COST_DIM_BITS, COST_POSITIVE, &d->max_bits},
        {"cell_area", COST_DIM_FEATURES, COST_POSITIVE, &own->f2},
        {"array_overhead", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &own->overhead},
        {"cell_area_digital", COST_DIM_FEATURES, COST_POSITIVE | COST_OPTIONAL, &digital_f2},
        {"read_energy", COST_DIM_ENERGY, COST_POSITIVE, &own->read_pj},
        {"read_time", COST_DIM_TIME, COST_POSITIVE, &d->read_ns},
        {"read_time_rows", COST_DIM_ONE, COST_POSITIVE, &d->read_rows},
        {"write_energy", COST_DIM_ENERGY, COST_POSITIVE, &d->write_pj},
        {"write_time", COST_DIM_TIME, COST_POSITIVE, &d->write_row_ns},
        {"leakage", COST_DIM_POWER, 0, &d->leak_mw},
        {"leakage_technology", COST_DIM_LENGTH, COST_POSITIVE | COST_OPTIONAL, &d->leak_at.nm},
        {"leakage_supply", COST_DIM_VOLTAGE, COST_POSITIVE | COST_OPTIONAL, &d->leak_at.v},
        {"endurance", COST_DIM_ONE, COST_POSITIVE, &d->endurance},
        {"resistance_on", COST_DIM_RESISTANCE, COST_POSITIVE | COST_OPTIONAL, &d->r_on},
        {"resistance_off", COST_DIM_RESISTANCE, COST_POSITIVE | COST_OPTIONAL, &d->r_off},
        {"variation", COST_DIM_ONE, 0, &d->variation},
    };
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    if (digital_f2 > 0) {
        d->array[COST_ARRAY_DIGITAL] = *own;
        d->array[COST_ARRAY_DIGITAL].f2 = digital_f2;
        d->array[COST_ARRAY_DIGITAL].overhead = 1;
    }
    CIM_TRY(read_arrays(doc, e, d, err));
    if (d->r_on > 0 && d->r_off < d->r_on)
        return cim_json_error(doc, e, err, "resistance_off %g ohm is below resistance_on %g ohm",
                              d->r_off, d->r_on);
    if (d->scaling != COST_SCALE_LOGIC && d->scaling != COST_SCALE_FEATURE)
        return cim_json_error(doc, cim_json_find(e, "scaling"), err,
                              "a device scales as \"logic\" or \"feature\"");
    d->present = true;
    return CIM_OK;
}

static cim_status read_devices(cim_cost_library *lib, const cim_json *doc,
                               const cim_json_node *node, cim_err *err)
{
    static const char *const names[CIM_HW_N_DEVICES] = {"sram",  "reram",    "pcm",
                                                        "fefet", "stt_mram", "nor_flash"};
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, node, names, CIM_HW_N_DEVICES, err));
    for (const cim_json_node *e = cim_json_first(node); e; e = cim_json_next(e))
        for (int i = 0; i < CIM_HW_N_DEVICES; i++)
            if (!strcmp(names[i], cim_json_key(e))) {
                cost_device d;
                memset(&d, 0, sizeof d);
                CIM_TRY(read_device(doc, e, &d, err));
                lib->device[i] = d;
            }
    return CIM_OK;
}

/* ---- ADC models ---- */

static cim_status read_adc_table(const cim_json *doc, const cim_json_node *e, cost_adc_model *m,
                                 cim_err *err)
{
    static const char *const keys[] = {"bits", "energy", "area"};
    const cim_json_node *rows, *bits;
    double quoted = 0;
    const cost_quantity q[] = {
        {"quoted_rate", COST_DIM_SAMPLING, COST_POSITIVE, &quoted},
        {"rate_max", COST_DIM_SAMPLING, COST_POSITIVE, &m->rate_max_msps},
    };
    CIM_TRY(cost_read_values(doc, e, q, 2, err));
    m->power_factor = quoted / m->rate_max_msps;
    CIM_TRY(cost_member(doc, e, "rows", &rows, err));
    CIM_TRY(cim_json_expect(doc, rows, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, rows, keys, COUNT(keys), err));
    CIM_TRY(cost_read_column(doc, rows, "energy", COST_DIM_ENERGY, m->pj, COST_MAX_ROWS, &m->n_rows,
                             err));
    CIM_TRY(
        cost_read_column(doc, rows, "area", COST_DIM_AREA, m->um2, COST_MAX_ROWS, &m->n_rows, err));
    CIM_TRY(cost_member(doc, rows, "bits", &bits, err));
    CIM_TRY(cim_json_expect(doc, bits, CIM_JSON_ARRAY, err));
    if (cim_json_count(bits) != (size_t)m->n_rows)
        return cim_json_error(doc, bits, err, "%zu resolutions for %d energies",
                              cim_json_count(bits), m->n_rows);
    int i = 0;
    for (const cim_json_node *b = cim_json_first(bits); b; b = cim_json_next(b), i++) {
        int64_t v;
        CIM_TRY(cim_json_int(doc, b, 1, 24, &v, err));
        m->bits[i] = (double)v;
        if (i && m->bits[i] != m->bits[i - 1] + 1)
            return cim_json_error(doc, b, err, "resolutions must rise by one bit per row");
        if (i && (m->pj[i] < m->pj[i - 1] || m->um2[i] < m->um2[i - 1]))
            return cim_json_error(doc, b, err, "more bits must not cost less energy or area");
    }
    m->bits_min = m->bits[0];
    m->bits_max = m->bits[m->n_rows - 1];
    return CIM_OK;
}

/* Another model's table lends its area. */
static cim_status read_adc_lender(const cim_json *doc, const cim_json_node *e, cost_adc_model *m,
                                  cim_err *err)
{
    const cim_json_node *lender;
    const char *name;
    CIM_TRY(cost_member(doc, e, "area_of", &lender, err));
    CIM_TRY(cim_json_string(doc, lender, &name, err));
    if (strlen(name) >= sizeof m->area_of)
        return cim_json_error(doc, lender, err, "the name is too long");
    snprintf(m->area_of, sizeof m->area_of, "%s", name);
    return CIM_OK;
}

static cim_status read_adc_neurosim(const cim_json *doc, const cim_json_node *e, cost_adc_model *m,
                                    cim_err *err)
{
    static const char *const keys[] = {"technology", "slope", "offset"};
    const cim_json_node *fit;
    const cost_quantity q = {"bit_time", COST_DIM_TIME, COST_POSITIVE, &m->bit_ns};
    CIM_TRY(cost_read_value(doc, e, &q, err));
    CIM_TRY(read_adc_lender(doc, e, m, err));
    CIM_TRY(cost_member(doc, e, "fit", &fit, err));
    CIM_TRY(cim_json_expect(doc, fit, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, fit, keys, COUNT(keys), err));
    CIM_TRY(cost_read_column(doc, fit, "technology", COST_DIM_LENGTH, m->fit_nm, COST_MAX_ROWS,
                             &m->n_fit, err));
    CIM_TRY(cost_read_column(doc, fit, "slope", COST_DIM_POWER, m->fit_slope, COST_MAX_ROWS,
                             &m->n_fit, err));
    CIM_TRY(cost_read_column(doc, fit, "offset", COST_DIM_POWER, m->fit_offset, COST_MAX_ROWS,
                             &m->n_fit, err));
    for (int i = 1; i < m->n_fit; i++)
        if (!(m->fit_nm[i] < m->fit_nm[i - 1]))
            return cim_json_error(doc, cim_json_find(fit, "technology"), err,
                                  "nodes must be listed from coarse to fine");
    m->nm_max = m->fit_nm[0];
    m->nm_min = m->fit_nm[m->n_fit - 1];
    return CIM_OK;
}

static cim_status read_adc_form(const cim_json *doc, const cim_json_node *e, cost_adc_model *m,
                                cim_err *err)
{
    const cost_quantity bits[] = {
        {"bits_min", COST_DIM_BITS, COST_POSITIVE, &m->bits_min},
        {"bits_max", COST_DIM_BITS, COST_POSITIVE, &m->bits_max},
    };
    if (m->form == COST_ADC_TABLE)
        return read_adc_table(doc, e, m, err);
    CIM_TRY(cost_read_values(doc, e, bits, 2, err));
    if (m->bits_max < m->bits_min)
        return cim_json_error(doc, e, err, "bits_max is below bits_min");
    if (m->form == COST_ADC_NEUROSIM)
        return read_adc_neurosim(doc, e, m, err);
    if (m->form == COST_ADC_ZIGZAG) {
        const cost_quantity q[] = {
            {"energy_linear", COST_DIM_CAPACITANCE, COST_POSITIVE, &m->lin_ff},
            {"energy_exponential", COST_DIM_CAPACITANCE, 0, &m->exp_ff},
            {"area_exponent", COST_DIM_ONE, 0, &m->area_exponent},
            {"area_slope", COST_DIM_ONE, 0, &m->area_slope},
            {"delay_row", COST_DIM_TIME, 0, &m->row_ns},
            {"delay_bit", COST_DIM_TIME, COST_POSITIVE, &m->bit_ns},
        };
        CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
        if (m->area_slope > 0.30102) /* log10(2): the area would fall with bits */
            return cim_json_error(doc, e, err,
                                  "area_slope above log10(2) makes area fall with bits");
        return CIM_OK;
    }
    const cost_quantity rate = {"rate_max", COST_DIM_SAMPLING, COST_POSITIVE, &m->rate_max_msps};
    CIM_TRY(cost_read_value(doc, e, &rate, err));
    if (m->form == COST_ADC_SILICON) {
        const cost_quantity q[] = {
            {"capacitance_8b", COST_DIM_CAPACITANCE, COST_POSITIVE, &m->cap_ff},
            {"area_8b", COST_DIM_AREA, COST_POSITIVE, &m->area_8b},
        };
        return cost_read_values(doc, e, q, COUNT(q), err);
    }
    if (m->form == COST_ADC_MURMANN) {
        const cost_quantity q[] = {
            {"energy_linear", COST_DIM_CAPACITANCE, COST_POSITIVE, &m->lin_ff},
            {"energy_exponential", COST_DIM_CAPACITANCE, 0, &m->exp_ff},
            {"comparator", COST_DIM_CAPACITANCE, COST_OPTIONAL, &m->comparator_ff},
            {"area_8b", COST_DIM_AREA, COST_POSITIVE, &m->area_8b},
            {"area_technology", COST_DIM_LENGTH, COST_POSITIVE, &m->area_nm},
        };
        const cost_quantity bit = {"bit_time", COST_DIM_TIME, COST_OPTIONAL, &m->bit_ns};
        CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
        CIM_TRY(cost_read_value(doc, e, &bit, err));
        return read_adc_lender(doc, e, m, err);
    }
    const cost_quantity range[] = {
        {"technology_min", COST_DIM_LENGTH, COST_POSITIVE, &m->nm_min},
        {"technology_max", COST_DIM_LENGTH, COST_POSITIVE, &m->nm_max},
    };
    return cost_read_values(doc, e, range, COUNT(range), err);
}

static cim_status read_adc(const cim_json *doc, const cim_json_node *e, cost_adc_model *m,
                           cim_err *err)
{
    static const char *const forms[] = {"table",    "accelergy", "zigzag",
                                        "neurosim", "silicon",   "murmann"};
    static const char *const keys[] = {
        "form",          "source",         "technology",     "supply",        "scaling",
        "leakage_share", "bits_min",       "bits_max",       "rate_max",      "quoted_rate",
        "rows",          "technology_min", "technology_max", "energy_linear", "energy_exponential",
        "area_exponent", "area_slope",     "delay_row",      "delay_bit",     "fit",
        "bit_time",      "area_of",        "capacitance_8b", "area_8b",       "area_technology",
        "comparator"};
    CIM_TRY(cost_read_source(doc, e, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    const cim_json_node *form;
    int word = 0;
    CIM_TRY(cost_member(doc, e, "form", &form, err));
    CIM_TRY(cim_json_choice(doc, form, forms, COUNT(forms), &word, err));
    m->form = (cost_adc_form)word;
    CIM_TRY(cost_read_origin(doc, e, &m->at, err));
    CIM_TRY(read_scaling_word(doc, e, &m->scaling, err));
    const cost_quantity leak = {"leakage_share", COST_DIM_ONE, 0, &m->leak_share};
    CIM_TRY(cost_read_value(doc, e, &leak, err));
    if (m->leak_share >= 1)
        return cim_json_error(doc, cim_json_find(e, "leakage_share"), err,
                              "a leakage share of %g; below 1 is allowed", m->leak_share);
    m->rate_max_msps = INFINITY;
    m->nm_min = 0;
    m->nm_max = INFINITY;
    m->area_index = -1;
    return read_adc_form(doc, e, m, err);
}

static cim_status read_adcs(cim_cost_library *lib, const cim_json *doc, const cim_json_node *node,
                            cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    for (const cim_json_node *e = cim_json_first(node); e; e = cim_json_next(e)) {
        cost_adc_model m;
        memset(&m, 0, sizeof m);
        if (strlen(cim_json_key(e)) >= sizeof m.name)
            return cim_json_error(doc, e, err, "the name is too long");
        snprintf(m.name, sizeof m.name, "%s", cim_json_key(e));
        CIM_TRY(read_adc(doc, e, &m, err));
        int i = 0;
        while (i < lib->n_adc && strcmp(lib->adc[i].name, m.name))
            i++;
        if (i == COST_MAX_ADC)
            return cim_json_error(doc, e, err, "more than %d ADC models", COST_MAX_ADC);
        lib->adc[i] = m;
        if (i == lib->n_adc)
            lib->n_adc++;
    }
    return CIM_OK;
}

/* ---- buffers ---- */

/* A table's column may dip where CACTI changes its organisation; the running maximum keeps a
 * larger buffer from ever costing less. */
static void log_envelope(double *c, int n)
{
    for (int i = 0; i < n; i++) {
        c[i] = log(c[i]);
        if (i && c[i] < c[i - 1])
            c[i] = c[i - 1];
    }
}

static cim_status read_table(const cim_json *doc, const cim_json_node *e, cost_buffer_table *t,
                             cim_err *err)
{
    static const char *const keys[] = {"technology", "supply", "width", "size",
                                       "read",       "write",  "area",  "access"};
    double access[COST_MAX_ROWS];
    CIM_TRY(cim_json_expect(doc, e, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &t->at, err));
    t->nm = t->at.nm;
    t->v = t->at.v;
    const cost_quantity width = {"width", COST_DIM_BITS, COST_POSITIVE, &t->width};
    CIM_TRY(cost_read_value(doc, e, &width, err));
    const struct {
        const char *key;
        cost_dim dim;
        double *out;
    } columns[] = {{"size", COST_DIM_SIZE, t->log_kib},
                   {"read", COST_DIM_ENERGY, t->log_read},
                   {"write", COST_DIM_ENERGY, t->log_write},
                   {"area", COST_DIM_AREA, t->log_area},
                   {"access", COST_DIM_TIME, access}};
    for (size_t i = 0; i < COUNT(columns); i++)
        CIM_TRY(cost_read_column(doc, e, columns[i].key, columns[i].dim, columns[i].out,
                                 COST_MAX_ROWS, &t->n, err));
    if (t->n < 2)
        return cim_json_error(doc, e, err, "a buffer table needs at least two sizes");
    for (int i = 1; i < t->n; i++)
        if (!(t->log_kib[i] > t->log_kib[i - 1]))
            return cim_json_error(doc, cim_json_find(e, "size"), err, "sizes must rise");
    log_envelope(t->log_kib, t->n);
    log_envelope(t->log_read, t->n);
    log_envelope(t->log_write, t->n);
    log_envelope(t->log_area, t->n);
    return CIM_OK;
}

static cim_status read_buffer(const cim_json *doc, const cim_json_node *e, cost_buffer_model *b,
                              cim_err *err)
{
    static const char *const keys[] = {"source", "leakage", "leakage_technology", "leakage_supply",
                                       "tables"};
    const cim_json_node *list;
    CIM_TRY(cost_read_source(doc, e, err));
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    memset(b, 0, sizeof *b);
    const cost_quantity q[] = {
        {"leakage", COST_DIM_POWER, 0, &b->leak_mw_per_kib},
        {"leakage_technology", COST_DIM_LENGTH, COST_POSITIVE, &b->leak_at.nm},
        {"leakage_supply", COST_DIM_VOLTAGE, COST_POSITIVE, &b->leak_at.v},
    };
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    CIM_TRY(cost_member(doc, e, "tables", &list, err));
    CIM_TRY(cim_json_expect(doc, list, CIM_JSON_ARRAY, err));
    for (const cim_json_node *t = cim_json_first(list); t; t = cim_json_next(t)) {
        if (b->n >= COST_MAX_TABLES)
            return cim_json_error(doc, t, err, "more than %d tables", COST_MAX_TABLES);
        cost_buffer_table *to = &b->table[b->n];
        CIM_TRY(read_table(doc, t, to, err));
        if (b->n && !(to->nm > to[-1].nm || (to->nm >= to[-1].nm && to->width > to[-1].width)))
            return cim_json_error(doc, t, err, "tables must be sorted by node, then width");
        b->n++;
    }
    if (!b->n)
        return cim_json_error(doc, list, err, "no tables");
    return CIM_OK;
}

/* Entries replace those of the same name: a user may bring SRAM alone. */
static cim_status read_buffers(cim_cost_library *lib, const cim_json *doc,
                               const cim_json_node *node, cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, node, cim_hw_buffer_words, CIM_HW_N_BUFFERS, err));
    for (int i = 0; i < CIM_HW_N_BUFFERS; i++) {
        const cim_json_node *e = cim_json_find(node, cim_hw_buffer_words[i]);
        if (e)
            CIM_TRY(read_buffer(doc, e, &lib->buffer[i], err));
    }
    return CIM_OK;
}

/* ---- periphery ---- */

static cim_status read_unit_entry(const cim_json *doc, const cim_json_node *e, cost_unit *u,
                                  bool has_factor, cim_err *err)
{
    static const char *const keys[] = {"source", "technology", "supply",        "energy",
                                       "area",   "leakage",    "factor_per_bit"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, has_factor ? COUNT(keys) : COUNT(keys) - 1, err));
    CIM_TRY(cost_read_origin(doc, e, &u->at, err));
    u->factor_per_bit = 1;
    const cost_quantity q[] = {
        {"energy", COST_DIM_ENERGY, 0, &u->pj},
        {"area", COST_DIM_AREA, 0, &u->um2},
        {"leakage", COST_DIM_POWER, 0, &u->leak_mw},
        {"factor_per_bit", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &u->factor_per_bit},
    };
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    if (u->factor_per_bit < 1)
        return cim_json_error(doc, e, err, "factor_per_bit below 1: more bits must not cost less");
    return CIM_OK;
}

static cim_status read_digital(const cim_json *doc, const cim_json_node *e, cost_digital *d,
                               cim_err *err)
{
    static const char *const keys[] = {
        "source",         "technology",     "supply",     "gate_energy",         "gate_area",
        "gate_delay",     "adder_energy",   "adder_area", "adders_per_cell",     "gate_activity",
        "adder_activity", "layout_factor",  "sum_gates",  "carry_gates",         "register_energy",
        "register_area",  "register_gates", "wire_share", "gate_capacitance_7nm"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &d->at, err));
    const cost_quantity q[] = {
        {"gate_energy", COST_DIM_ENERGY, 0, &d->gate_pj},
        {"gate_area", COST_DIM_AREA, 0, &d->gate_um2},
        {"gate_delay", COST_DIM_TIME, COST_POSITIVE, &d->gate_ns},
        {"adder_energy", COST_DIM_ENERGY, 0, &d->adder_pj},
        {"adder_area", COST_DIM_AREA, 0, &d->adder_um2},
        {"adders_per_cell", COST_DIM_ONE, 0, &d->adders},
        {"gate_activity", COST_DIM_ONE, COST_POSITIVE, &d->gate_activity},
        {"adder_activity", COST_DIM_ONE, 0, &d->adder_activity},
        {"layout_factor", COST_DIM_ONE, COST_POSITIVE, &d->layout},
        {"sum_gates", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &d->sum_gates},
        {"carry_gates", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &d->carry_gates},
        {"register_energy", COST_DIM_ENERGY, COST_OPTIONAL, &d->register_pj},
        {"register_area", COST_DIM_AREA, COST_OPTIONAL, &d->register_um2},
        {"register_gates", COST_DIM_ONE, COST_OPTIONAL, &d->register_gates},
        {"wire_share", COST_DIM_ONE, COST_OPTIONAL, &d->wire_share},
        {"gate_capacitance_7nm", COST_DIM_ONE, COST_OPTIONAL, &d->gate_7nm},
    };
    CIM_TRY(cost_read_values(doc, e, q, COUNT(q), err));
    if (d->gate_7nm > 1)
        return cim_json_error(doc, cim_json_find(e, "gate_capacitance_7nm"), err,
                              "a finer gate %g times as large; at most 1 is allowed", d->gate_7nm);
    if (d->wire_share > 1)
        return cim_json_error(doc, cim_json_find(e, "wire_share"), err,
                              "a wire share of %g; at most 1 is allowed", d->wire_share);
    return CIM_OK;
}

static cim_status read_wordline(const cim_json *doc, const cim_json_node *e, cost_wordline *w,
                                cim_err *err)
{
    static const char *const keys[] = {"source",          "technology",     "supply",
                                       "energy_per_cell", "energy_per_bit", "area_per_bit"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &w->at, err));
    const cost_quantity q[] = {
        {"energy_per_cell", COST_DIM_ENERGY, 0, &w->cell_pj},
        {"energy_per_bit", COST_DIM_ENERGY, 0, &w->bit_pj},
        {"area_per_bit", COST_DIM_AREA, COST_OPTIONAL, &w->bit_um2},
    };
    return cost_read_values(doc, e, q, COUNT(q), err);
}

static cim_status read_alu(const cim_json *doc, const cim_json_node *e, cost_alu *a, cim_err *err)
{
    static const char *const keys[] = {
        "source",     "technology", "supply",         "bits",          "add_energy",
        "mul_energy", "div_energy", "special_energy", "area",          "leakage",
        "add_cycles", "mul_cycles", "div_cycles",     "special_cycles"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &a->at, err));
    const cost_quantity q[] = {
        {"bits", COST_DIM_BITS, COST_POSITIVE, &a->bits},
        {"add_energy", COST_DIM_ENERGY, 0, &a->add_pj},
        {"mul_energy", COST_DIM_ENERGY, 0, &a->mul_pj},
        {"div_energy", COST_DIM_ENERGY, 0, &a->div_pj},
        {"special_energy", COST_DIM_ENERGY, 0, &a->special_pj},
        {"area", COST_DIM_AREA, 0, &a->um2},
        {"leakage", COST_DIM_POWER, 0, &a->leak_mw},
        {"add_cycles", COST_DIM_ONE, COST_POSITIVE, &a->add_cycles},
        {"mul_cycles", COST_DIM_ONE, COST_POSITIVE, &a->mul_cycles},
        {"div_cycles", COST_DIM_ONE, COST_POSITIVE, &a->div_cycles},
        {"special_cycles", COST_DIM_ONE, COST_POSITIVE, &a->special_cycles},
    };
    return cost_read_values(doc, e, q, COUNT(q), err);
}

static cim_status read_wire(const cim_json *doc, const cim_json_node *e, cost_wire *w, cim_err *err)
{
    static const char *const keys[] = {"source", "technology", "energy", "supply"};
    double nm[COST_MAX_ROWS], v[COST_MAX_ROWS];
    w->n = 0;
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_column(doc, e, "technology", COST_DIM_LENGTH, nm, COST_MAX_ROWS, &w->n, err));
    CIM_TRY(
        cost_read_column(doc, e, "energy", COST_DIM_WIRE, w->log_pj, COST_MAX_ROWS, &w->n, err));
    CIM_TRY(cost_read_column(doc, e, "supply", COST_DIM_VOLTAGE, v, COST_MAX_ROWS, &w->n, err));
    for (int i = 0; i < w->n; i++) {
        if (i && (!(nm[i] > nm[i - 1]) || w->log_pj[i] < exp(w->log_pj[i - 1])))
            return cim_json_error(doc, e, err, "nodes must rise, energies must not fall with them");
        w->log_nm[i] = log(nm[i]);
        w->log_pj[i] = log(w->log_pj[i]);
        w->at[i].nm = nm[i];
        w->at[i].v = v[i];
    }
    return CIM_OK;
}

static cim_status read_router(const cim_json *doc, const cim_json_node *e, cost_router *r,
                              cim_err *err)
{
    static const char *const keys[] = {"source", "technology", "supply", "ports",
                                       "flit",   "energy",     "area",   "leakage"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    CIM_TRY(cost_read_origin(doc, e, &r->at, err));
    const cost_quantity q[] = {
        {"ports", COST_DIM_ONE, COST_POSITIVE, &r->ports},
        {"flit", COST_DIM_BITS, COST_POSITIVE, &r->flit},
        {"energy", COST_DIM_ENERGY, 0, &r->pj},
        {"area", COST_DIM_AREA, 0, &r->um2},
        {"leakage", COST_DIM_POWER, 0, &r->leak_mw},
    };
    return cost_read_values(doc, e, q, COUNT(q), err);
}

static cim_status read_offchip(const cim_json *doc, const cim_json_node *e, cost_offchip *o,
                               cim_err *err)
{
    static const char *const keys[] = {"source", "energy", "area", "leakage"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    const cost_quantity q[] = {
        {"energy", COST_DIM_ENERGY, 0, &o->pj},
        {"area", COST_DIM_AREA, 0, &o->um2},
        {"leakage", COST_DIM_POWER, 0, &o->leak_mw},
    };
    return cost_read_values(doc, e, q, COUNT(q), err);
}

static cim_status read_pitch(const cim_json *doc, const cim_json_node *e, cost_pitch *w,
                             cim_err *err)
{
    static const char *const keys[] = {"source", "width_published", "width_min"};
    CIM_TRY(cim_json_known_keys(doc, e, keys, COUNT(keys), err));
    const cost_quantity q[] = {
        {"width_published", COST_DIM_ONE, COST_POSITIVE, &w->published_f},
        {"width_min", COST_DIM_ONE, COST_POSITIVE, &w->min_f},
    };
    return cost_read_values(doc, e, q, COUNT(q), err);
}

static cim_status read_periphery(cim_cost_library *lib, const cim_json *doc,
                                 const cim_json_node *node, cim_err *err)
{
    static const char *const names[] = {"dac",       "sample_hold",   "digital_cell", "alu",
                                        "wire",      "router",        "offchip",      "wordline",
                                        "adc_pitch", "offchip_gddr5", "offchip_hbm2"};
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, node, names, COUNT(names), err));
    for (const cim_json_node *e = cim_json_first(node); e; e = cim_json_next(e)) {
        unsigned which = 0;
        while (strcmp(names[which], cim_json_key(e)) != 0)
            which++;
        CIM_TRY(cost_read_source(doc, e, err));
        cim_status st = CIM_OK;
        switch (which) {
        case 0:
            st = read_unit_entry(doc, e, &lib->dac, true, err);
            break;
        case 1:
            st = read_unit_entry(doc, e, &lib->sample_hold, false, err);
            break;
        case 2:
            st = read_digital(doc, e, &lib->digital, err);
            break;
        case 3:
            st = read_alu(doc, e, &lib->alu, err);
            break;
        case 4:
            st = read_wire(doc, e, &lib->wire, err);
            break;
        case 5:
            st = read_router(doc, e, &lib->router, err);
            break;
        case 6:
            st = read_offchip(doc, e, &lib->offchip[CIM_HW_MEMORY_DRAM], err);
            break;
        case 7:
            st = read_wordline(doc, e, &lib->wordline, err);
            break;
        case 8:
            st = read_pitch(doc, e, &lib->pitch, err);
            break;
        default: /* in the order of cim_hw_memory, after plain DRAM */
            st = read_offchip(doc, e, &lib->offchip[which - 8], err);
            break;
        }
        CIM_TRY(st);
        lib->periphery |= 1U << which;
    }
    return CIM_OK;
}

cim_status cost_library_read(cim_cost_library *lib, const cim_json *doc, cim_err *err)
{
    static const char *const keys[] = {"format",    "format_version", "scaling",
                                       "devices",   "adc_models",     "buffers",
                                       "periphery", "components",     "defaults"};
    const cim_json_node *root = cim_json_root(doc), *node;
    CIM_TRY(cim_json_expect(doc, root, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, root, keys, COUNT(keys), err));
    const char *format;
    int64_t version;
    CIM_TRY(cost_member(doc, root, "format", &node, err));
    CIM_TRY(cim_json_string(doc, node, &format, err));
    if (strcmp(format, "cimdse-library") != 0)
        return cim_json_error(doc, node, err, "format \"%s\"; \"cimdse-library\" is allowed",
                              format);
    CIM_TRY(cost_member(doc, root, "format_version", &node, err));
    CIM_TRY(cim_json_int(doc, node, 1, 1, &version, err));
    if ((node = cim_json_find(root, "scaling")))
        CIM_TRY(read_scaling(lib, doc, node, err));
    if ((node = cim_json_find(root, "devices")))
        CIM_TRY(read_devices(lib, doc, node, err));
    if ((node = cim_json_find(root, "adc_models")))
        CIM_TRY(read_adcs(lib, doc, node, err));
    if ((node = cim_json_find(root, "buffers")))
        CIM_TRY(read_buffers(lib, doc, node, err));
    if ((node = cim_json_find(root, "periphery")))
        CIM_TRY(read_periphery(lib, doc, node, err));
    if ((node = cim_json_find(root, "components")))
        CIM_TRY(cost_read_parts(lib, doc, node, err));
    if ((node = cim_json_find(root, "defaults")))
        CIM_TRY(cost_read_defaults(lib, doc, node, err));
    return cost_sources_read(lib, doc, err);
}
