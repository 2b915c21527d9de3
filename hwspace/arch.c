/* Rules between fields, --set, writing, small questions about an architecture. */
#include "hwspace/arch.h"
#include "hwspace/arch_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool CIM_PRINTF(3, 4) refuse(char *reason, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, size, fmt, ap);
    va_end(ap);
    return false;
}

/* The deepest level a computing mode offers (CIM-MLC section 3.3: core mode only sees whole
 * cores, crossbar mode adds single products, wordline mode adds rows). */
static cim_hw_level deepest_level(int64_t mode)
{
    return mode == CIM_HW_MODE_CORE       ? CIM_HW_LEVEL_CG
           : mode == CIM_HW_MODE_CROSSBAR ? CIM_HW_LEVEL_MVM
                                          : CIM_HW_LEVEL_VVM;
}

static bool device_consistent(const cim_hw_arch *a, char *reason, size_t size)
{
    /* An SRAM cell is a flip-flop; an MTJ has two states. */
    bool binary = a->device.type == CIM_HW_DEVICE_SRAM || a->device.type == CIM_HW_DEVICE_STT_MRAM;
    if (binary && a->device.bits_per_cell > 1)
        return refuse(reason, size, "device.bits_per_cell is %lld, a %s cell holds 1 bit",
                      (long long)a->device.bits_per_cell, cim_hw_device_words[a->device.type]);
    /* Without a converter the cells' bits are read as bits into adder trees. */
    if (a->crossbar.adcs == 0 && a->device.bits_per_cell > 1)
        return refuse(reason, size,
                      "device.bits_per_cell is %lld, digital CIM (crossbar.adcs 0) needs 1",
                      (long long)a->device.bits_per_cell);
    return true;
}

cim_hw_summing cim_hw_arch_summing(const cim_hw_arch *a)
{
    if (a->crossbar.domain != CIM_HW_SUM_AUTO)
        return (cim_hw_summing)a->crossbar.domain;
    if (a->crossbar.adcs == 0)
        return CIM_HW_SUM_DIGITAL;
    return a->device.type == CIM_HW_DEVICE_SRAM ? CIM_HW_SUM_CHARGE : CIM_HW_SUM_CURRENT;
}

cim_hw_access cim_hw_arch_access(const cim_hw_arch *a)
{
    if (a->device.access != CIM_HW_ACCESS_AUTO)
        return (cim_hw_access)a->device.access;
    return a->device.type == CIM_HW_DEVICE_SRAM ? CIM_HW_ACCESS_LIBRARY : CIM_HW_ACCESS_TRANSISTOR;
}

int64_t cim_hw_arch_adc_model(const cim_hw_arch *a)
{
    if (a->adc.model != CIM_HW_ADC_AUTO)
        return a->adc.model;
    if (a->device.type == CIM_HW_DEVICE_SRAM)
        return CIM_HW_ADC_MURMANN;
    if (cim_hw_arch_access(a) == CIM_HW_ACCESS_LIBRARY)
        return CIM_HW_ADC_ISAAC;
    bool current = a->crossbar.adc_bits <= 4 && a->technology_nm >= 7 && a->technology_nm <= 130;
    return current ? CIM_HW_ADC_NEUROSIM : CIM_HW_ADC_MURMANN;
}

/* What is stated of a resistive cell belongs together. */
static bool resistive_consistent(const cim_hw_arch *a, char *reason, size_t size)
{
    const cim_hw_device_spec *d = &a->device;
    const struct {
        const char *path;
        double v;
    } stated[] = {{"device.on_ohm", d->on_ohm},
                  {"device.off_ohm", d->off_ohm},
                  {"device.read_v", d->read_v},
                  {"device.read_pulse_ns", d->read_pulse_ns}};
    for (size_t i = 0; i < sizeof stated / sizeof *stated; i++)
        if (d->type == CIM_HW_DEVICE_SRAM && stated[i].v > 0)
            return refuse(reason, size, "%s is %g, an sram cell is no resistor", stated[i].path,
                          stated[i].v);
    if (d->on_ohm > d->off_ohm)
        return refuse(reason, size, "device.on_ohm is %g, device.off_ohm only %g", d->on_ohm,
                      d->off_ohm);
    if ((d->read_v > 0) != (d->read_pulse_ns > 0))
        return refuse(reason, size, "%s is missing: the energy of a read needs both",
                      d->read_v > 0 ? "device.read_pulse_ns" : "device.read_v");
    return true;
}

/* How the array sums must fit the converters and the cell. */
static bool domain_consistent(const cim_hw_arch *a, char *reason, size_t size)
{
    cim_hw_summing d = cim_hw_arch_summing(a);
    if ((d == CIM_HW_SUM_DIGITAL) != (a->crossbar.adcs == 0))
        return refuse(reason, size, "crossbar.domain is %s, crossbar.adcs %lld: %s",
                      cim_hw_summing_words[d], (long long)a->crossbar.adcs,
                      d == CIM_HW_SUM_DIGITAL ? "adder trees have no converters, adcs must be 0"
                                              : "an analog sum needs a converter");
    bool sram = a->device.type == CIM_HW_DEVICE_SRAM;
    if ((d == CIM_HW_SUM_CHARGE || d == CIM_HW_SUM_STATIC) && !sram)
        return refuse(reason, size, "crossbar.domain is %s, a %s cell gives a current",
                      cim_hw_summing_words[d], cim_hw_device_words[a->device.type]);
    if (a->device.access == CIM_HW_ACCESS_TRANSISTOR && sram)
        return refuse(reason, size, "device.access is transistor, an sram cell has its own");
    if (a->crossbar.merge_cols == 1)
        return true;
    if (!sram || d == CIM_HW_SUM_DIGITAL)
        return refuse(reason, size, "crossbar.merge_cols is %lld, only analog SRAM joins bitlines",
                      (long long)a->crossbar.merge_cols);
    if (a->crossbar.merge_cols > a->workload.weight_bits)
        return refuse(reason, size, "crossbar.merge_cols is %lld, workload.weight_bits only %lld",
                      (long long)a->crossbar.merge_cols, (long long)a->workload.weight_bits);
    if (a->crossbar.adcs * a->crossbar.merge_cols > a->crossbar.cols)
        return refuse(reason, size,
                      "crossbar.adcs %lld of %lld joined bitlines each, cols only %lld",
                      (long long)a->crossbar.adcs, (long long)a->crossbar.merge_cols,
                      (long long)a->crossbar.cols);
    return true;
}

bool cim_hw_arch_consistent(const cim_hw_arch *a, char *reason, size_t size)
{
    if (a->crossbar.parallel_rows > a->crossbar.rows)
        return refuse(reason, size, "crossbar.parallel_rows is %lld, crossbar.rows only %lld",
                      (long long)a->crossbar.parallel_rows, (long long)a->crossbar.rows);
    if (a->crossbar.adcs > a->crossbar.cols)
        return refuse(reason, size, "crossbar.adcs is %lld, crossbar.cols only %lld",
                      (long long)a->crossbar.adcs, (long long)a->crossbar.cols);
    if (!device_consistent(a, reason, size) || !resistive_consistent(a, reason, size) ||
        !domain_consistent(a, reason, size))
        return false;
    if (a->crossbar.signed_weights == CIM_HW_SIGNED_DIFFERENTIAL && a->workload.weight_bits < 2)
        return refuse(reason, size,
                      "crossbar.signed_weights is differential: the sign takes one bit of "
                      "workload.weight_bits %lld, none is left",
                      (long long)a->workload.weight_bits);
    cim_hw_level deepest = deepest_level(a->computing_mode);
    if (a->schedule.level > (int64_t)deepest)
        return refuse(reason, size, "schedule.level is %s, computing_mode %s offers %s at most",
                      cim_hw_level_words[a->schedule.level], cim_hw_mode_words[a->computing_mode],
                      cim_hw_level_words[deepest]);
    if (a->noc_cost && a->noc_cost_n != a->chip.cores)
        return refuse(reason, size, "noc_cost is a matrix for %lld cores, chip.cores is %lld",
                      (long long)a->noc_cost_n, (long long)a->chip.cores);
    return true;
}

int cim_hw_reason_field(const char *reason)
{
    char path[64];
    size_t n = strcspn(reason, " :");
    if (n >= sizeof path)
        return -1;
    memcpy(path, reason, n);
    path[n] = '\0';
    return cim_hw_field_find(path);
}

int64_t cim_hw_weight_polarities(const cim_hw_arch *a)
{
    return a->crossbar.signed_weights == CIM_HW_SIGNED_DIFFERENTIAL ? 2 : 1;
}

int64_t cim_hw_weight_slices(const cim_hw_arch *a)
{
    int64_t bits = a->workload.weight_bits - (cim_hw_weight_polarities(a) - 1);
    return (bits + a->device.bits_per_cell - 1) / a->device.bits_per_cell;
}

double cim_hw_arch_capacity_bits(const cim_hw_arch *a)
{
    return (double)a->chip.cores * (double)a->core.crossbars * (double)a->crossbar.rows *
           (double)a->crossbar.cols * (double)a->device.bits_per_cell;
}

const char *cim_hw_arch_summary(const cim_hw_arch *a, char *buf, size_t size)
{
    snprintf(
        buf, size, "%lld cores x %lld crossbars of %lld x %lld, %s %lld bit/cell, %g nm, %s mode",
        (long long)a->chip.cores, (long long)a->core.crossbars, (long long)a->crossbar.rows,
        (long long)a->crossbar.cols, cim_hw_device_words[a->device.type],
        (long long)a->device.bits_per_cell, a->technology_nm, cim_hw_mode_words[a->computing_mode]);
    return buf;
}

/* ---- --set ---- */

static cim_status unknown_path(const char *path, cim_err *err)
{
    const char *paths[CIM_HW_MAX_FIELDS];
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        paths[i] = cim_hw_fields[i].path;
    const char *near = cim_text_nearest(path, paths, cim_hw_n_fields);
    return cim_err_set(err, CIM_E_INPUT, "--set", "unknown path \"%s\"%s%s%s", path,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A bare word is a JSON string without its quotes; null, true, false and numbers are JSON. */
static bool is_bare_word(const char *s)
{
    static const char *const json[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof json / sizeof *json; i++)
        if (!strcmp(s, json[i]))
            return false;
    return (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_';
}

static cim_status read_value(const cim_hw_field *f, const char *text, const char *where,
                             double *out, cim_err *err)
{
    cim_json *doc = NULL;
    cim_err why = {0}; /* a lone value has no pointer worth showing, only the flag */
    cim_status s = cim_json_parse(text, strlen(text), where, &doc, &why);
    if (s == CIM_OK)
        s = cim_hw_field_read(f, doc, cim_json_root(doc), out, &why);
    cim_json_free(doc);
    return s == CIM_OK ? CIM_OK : cim_err_set(err, s, where, "%s", why.message);
}

cim_status cim_hw_arch_set(cim_hw_arch *arch, const char *assignment, cim_err *err)
{
    const char *equals = strchr(assignment, '=');
    char path[128], where[160], quoted[160];
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof path)
        return cim_err_set(err, CIM_E_INPUT, "--set", "found \"%s\", PATH=VALUE is needed",
                           assignment);
    snprintf(path, sizeof path, "%.*s", (int)(equals - assignment), assignment);
    int i = cim_hw_field_find(path);
    if (i < 0)
        return unknown_path(path, err);
    const char *value = equals + 1;
    snprintf(where, sizeof where, "--set %s", path);
    if (is_bare_word(value) && !strpbrk(value, "\"\\") && strlen(value) < sizeof quoted - 3) {
        snprintf(quoted, sizeof quoted, "\"%s\"", value);
        value = quoted;
    }
    double v;
    CIM_TRY(read_value(&cim_hw_fields[i], value, where, &v, err));
    cim_hw_field_put(arch, &cim_hw_fields[i], v);
    arch->overridden[i / 64] |= (uint64_t)1 << i % 64;
    return CIM_OK;
}

/* ---- writing ---- */

static void write_field(const cim_hw_arch *arch, const cim_hw_field *f, const char *key, cim_jw *w)
{
    double v = cim_hw_field_get(arch, f);
    switch (f->type) {
    case CIM_HW_INT:
        cim_jw_int(w, key, (int64_t)v);
        break;
    case CIM_HW_REAL:
        cim_jw_double(w, key, v); /* NAN becomes null */
        break;
    case CIM_HW_BOOL:
        cim_jw_bool(w, key, v != 0);
        break;
    case CIM_HW_CHOICE:
        cim_jw_string(w, key, f->choices[(size_t)v]);
        break;
    }
}

static void write_noc_cost(const cim_hw_arch *arch, cim_jw *w)
{
    if (!arch->noc_cost) {
        cim_jw_null(w, "noc_cost");
        return;
    }
    size_t n = (size_t)arch->noc_cost_n;
    cim_jw_array(w, "noc_cost");
    for (size_t i = 0; i < n; i++) {
        cim_jw_array(w, NULL);
        for (size_t j = 0; j < n; j++)
            cim_jw_double(w, NULL, arch->noc_cost[i * n + j]);
        cim_jw_array_end(w);
    }
    cim_jw_array_end(w);
}

static void write_sources(const cim_hw_arch *arch, cim_jw *w)
{
    if (!arch->sources && !arch->overridden[0] && !arch->overridden[1])
        return;
    cim_jw_object(w, "sources");
    for (size_t i = 0; i < CIM_HW_N_SOURCES; i++) {
        const char *key = i < cim_hw_n_fields    ? cim_hw_fields[i].path
                          : i == cim_hw_n_fields ? "components"
                                                 : "noc_cost";
        const char *text = arch->sources ? arch->sources[i] : NULL;
        if (i < cim_hw_n_fields && arch->overridden[i / 64] >> i % 64 & 1)
            text = "set by the user";
        if (text)
            cim_jw_string(w, key, text);
    }
    cim_jw_object_end(w);
}

void cim_hw_arch_write(const cim_hw_arch *arch, cim_jw *w, const char *key)
{
    cim_jw_object(w, key);
    cim_jw_string(w, "name", arch->name);
    cim_jw_string(w, "source", arch->source);
    for (size_t g = 0; g < cim_hw_n_groups; g++) {
        const char *group = cim_hw_groups[g];
        if (*group)
            cim_jw_object(w, group);
        for (size_t i = 0; i < cim_hw_n_fields; i++) {
            const char *name = cim_hw_field_key(&cim_hw_fields[i], group);
            if (name)
                write_field(arch, &cim_hw_fields[i], name, w);
        }
        if (*group)
            cim_jw_object_end(w);
    }
    write_noc_cost(arch, w);
    cim_jw_array(w, "components");
    for (int64_t i = 0; i < arch->n_parts; i++) {
        cim_jw_object(w, NULL);
        cim_jw_string(w, "component", arch->parts[i].component);
        cim_jw_string(w, "per", cim_hw_tier_words[arch->parts[i].tier]);
        cim_jw_double(w, "count", arch->parts[i].count);
        cim_jw_object_end(w);
    }
    cim_jw_array_end(w);
    write_sources(arch, w);
    cim_jw_object_end(w);
}
