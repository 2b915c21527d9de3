/* Reading quantities of the component library: a number is never without its unit, an entry never
 * without its source. */
#include "costmodel/library.h"
#include "hwspace/base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct unit {
    cost_dim dim;
    const char *name;
    double factor; /* to the model's unit, the first of each dimension */
} unit;

static const unit units[] = {
    {COST_DIM_ONE, "1", 1},
    {COST_DIM_TIME, "ns", 1},
    {COST_DIM_TIME, "ps", 1e-3},
    {COST_DIM_TIME, "us", 1e3},
    {COST_DIM_TIME, "ms", 1e6},
    {COST_DIM_TIME, "s", 1e9},
    {COST_DIM_ENERGY, "pJ", 1},
    {COST_DIM_ENERGY, "aJ", 1e-6},
    {COST_DIM_ENERGY, "fJ", 1e-3},
    {COST_DIM_ENERGY, "nJ", 1e3},
    {COST_DIM_ENERGY, "uJ", 1e6},
    {COST_DIM_ENERGY, "J", 1e12},
    {COST_DIM_POWER, "mW", 1},
    {COST_DIM_POWER, "nW", 1e-6},
    {COST_DIM_POWER, "uW", 1e-3},
    {COST_DIM_POWER, "W", 1e3},
    {COST_DIM_AREA, "um2", 1},
    {COST_DIM_AREA, "mm2", 1e6},
    {COST_DIM_FEATURES, "F2", 1},
    {COST_DIM_LENGTH, "nm", 1},
    {COST_DIM_LENGTH, "um", 1e3},
    {COST_DIM_VOLTAGE, "V", 1},
    {COST_DIM_VOLTAGE, "mV", 1e-3},
    {COST_DIM_BITS, "bit", 1},
    {COST_DIM_SIZE, "KiB", 1},
    {COST_DIM_SIZE, "MiB", 1024},
    {COST_DIM_RATE, "1/ns", 1},
    {COST_DIM_RATE, "1/us", 1e-3},
    {COST_DIM_SAMPLING, "MS/s", 1},
    {COST_DIM_SAMPLING, "GS/s", 1e3},
    {COST_DIM_SAMPLING, "kS/s", 1e-3},
    {COST_DIM_CAPACITANCE, "fF", 1},
    {COST_DIM_CAPACITANCE, "pF", 1e3},
    {COST_DIM_RESISTANCE, "ohm", 1},
    {COST_DIM_RESISTANCE, "kohm", 1e3},
    {COST_DIM_RESISTANCE, "Mohm", 1e6},
    {COST_DIM_WIRE, "pJ/mm", 1},
};

static const unit *unit_find(cost_dim dim, const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].dim == dim && !strcmp(units[i].name, name))
            return &units[i];
    return NULL;
}

static void unit_list(cost_dim dim, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].dim != dim || at >= size)
            continue;
        int n = snprintf(buf + at, size - at, "%s%s", at ? ", " : "", units[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
}

cim_status cost_member(const cim_json *doc, const cim_json_node *object, const char *key,
                       const cim_json_node **out, cim_err *err)
{
    *out = cim_json_find(object, key);
    if (!*out)
        return cim_json_error(doc, object, err, "\"%s\" is missing", key);
    return CIM_OK;
}

static cim_status read_unit(const cim_json *doc, const cim_json_node *object, cost_dim dim,
                            double *factor, cim_err *err)
{
    const cim_json_node *node = cim_json_find(object, "unit");
    char list[160];
    unit_list(dim, list, sizeof list);
    if (!node)
        return cim_json_error(doc, object, err, "a value without \"unit\"; known here: %s", list);
    const char *name;
    CIM_TRY(cim_json_string(doc, node, &name, err));
    const unit *u = unit_find(dim, name);
    if (!u)
        return cim_json_error(doc, node, err, "unit \"%s\" does not fit; known here: %s", name,
                              list);
    *factor = u->factor;
    return CIM_OK;
}

cim_status cost_read_value(const cim_json *doc, const cim_json_node *object, const cost_quantity *q,
                           cim_err *err)
{
    static const char *const keys[] = {"value", "unit", "note", "source"};
    const cim_json_node *node = cim_json_find(object, q->key);
    if (!node && (q->flags & COST_OPTIONAL))
        return CIM_OK;
    CIM_TRY(cost_member(doc, object, q->key, &node, err));
    if (cim_json_type_of(node) == CIM_JSON_NUMBER)
        return cim_json_error(doc, node, err,
                              "a bare number; write {\"value\": ..., \"unit\": \"...\"}");
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, node, keys, sizeof keys / sizeof keys[0], err));
    const cim_json_node *value;
    CIM_TRY(cost_member(doc, node, "value", &value, err));
    double factor = 1, v;
    CIM_TRY(read_unit(doc, node, q->dim, &factor, err));
    CIM_TRY(cim_json_double(doc, value, 0, 1e30, &v, err));
    if ((q->flags & COST_POSITIVE) && !(v > 0))
        return cim_json_error(doc, value, err, "\"%s\" is 0; it must be above 0", q->key);
    *q->out = v * factor;
    return CIM_OK;
}

cim_status cost_read_values(const cim_json *doc, const cim_json_node *object,
                            const cost_quantity *q, size_t n, cim_err *err)
{
    for (size_t i = 0; i < n; i++)
        CIM_TRY(cost_read_value(doc, object, &q[i], err));
    return CIM_OK;
}

cim_status cost_read_column(const cim_json *doc, const cim_json_node *object, const char *key,
                            cost_dim dim, double *out, int cap, int *n, cim_err *err)
{
    static const char *const keys[] = {"values", "unit", "note", "source"};
    const cim_json_node *node, *list;
    CIM_TRY(cost_member(doc, object, key, &node, err));
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, node, keys, sizeof keys / sizeof keys[0], err));
    double factor = 1;
    CIM_TRY(read_unit(doc, node, dim, &factor, err));
    CIM_TRY(cost_member(doc, node, "values", &list, err));
    CIM_TRY(cim_json_expect(doc, list, CIM_JSON_ARRAY, err));
    size_t count = cim_json_count(list);
    if (count < 1 || count > (size_t)cap)
        return cim_json_error(doc, list, err, "%zu values; 1 to %d are allowed", count, cap);
    if (*n && *n != (int)count)
        return cim_json_error(doc, list, err, "%zu values, but the columns before have %d", count,
                              *n);
    *n = 0;
    for (const cim_json_node *e = cim_json_first(list); e; e = cim_json_next(e)) {
        double v;
        CIM_TRY(cim_json_double(doc, e, 0, 1e30, &v, err));
        if (!(v > 0))
            return cim_json_error(doc, e, err, "a table value of 0; it must be above 0");
        out[(*n)++] = v * factor;
    }
    return CIM_OK;
}

cim_status cost_read_origin(const cim_json *doc, const cim_json_node *entry, cost_scale *at,
                            cim_err *err)
{
    const cost_quantity q[] = {
        {"technology", COST_DIM_LENGTH, COST_POSITIVE, &at->nm},
        {"supply", COST_DIM_VOLTAGE, COST_POSITIVE, &at->v},
    };
    return cost_read_values(doc, entry, q, sizeof q / sizeof q[0], err);
}

cim_status cost_read_source(const cim_json *doc, const cim_json_node *entry, cim_err *err)
{
    const cim_json_node *node;
    const char *text;
    CIM_TRY(cim_json_expect(doc, entry, CIM_JSON_OBJECT, err));
    CIM_TRY(cost_member(doc, entry, "source", &node, err));
    CIM_TRY(cim_json_string(doc, node, &text, err));
    if (!text[0])
        return cim_json_error(doc, node, err, "an empty source; every entry names its publication");
    return CIM_OK;
}
