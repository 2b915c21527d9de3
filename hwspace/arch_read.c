/* JSON -> cim_hw_arch, driven by the field table. Everything unknown, missing, of the wrong type
 * or out of range is refused with its JSON pointer. */
#include "hwspace/arch.h"
#include "hwspace/arch_internal.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 80 };

/* The objects fields live in, in the order of the file form. */
const char *const cim_hw_groups[] = {"",       "chip", "core",     "crossbar",
                                     "device", "adc",  "workload", "schedule"};
const size_t cim_hw_n_groups = sizeof cim_hw_groups / sizeof *cim_hw_groups;

const char *cim_hw_field_key(const cim_hw_field *f, const char *group)
{
    size_t n = strlen(group);
    if (n == 0)
        return strchr(f->path, '.') ? NULL : f->path;
    return !strncmp(f->path, group, n) && f->path[n] == '.' ? f->path + n + 1 : NULL;
}

static cim_status check_keys(const cim_json *doc, const cim_json_node *object, const char *group,
                             cim_err *err)
{
    const char *keys[MAX_KEYS];
    size_t n = 0;
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        const char *key = cim_hw_field_key(&cim_hw_fields[i], group);
        if (key)
            keys[n++] = key;
    }
    if (!*group) {
        static const char *const extra[] = {"name", "source", "components", "sources"};
        for (size_t i = 0; i < sizeof extra / sizeof *extra; i++)
            keys[n++] = extra[i];
        for (size_t g = 1; g < cim_hw_n_groups; g++)
            keys[n++] = cim_hw_groups[g];
    }
    if (!*group || !strcmp(group, "chip"))
        keys[n++] = "noc_cost";
    return cim_json_known_keys(doc, object, keys, n, err);
}

/* The value of a field that the file does not give. */
static cim_status fall_back(const cim_json *doc, const cim_json_node *root,
                            const cim_json_node *object, const cim_hw_field *f, const char *key,
                            cim_hw_arch *arch, cim_err *err)
{
    double v = f->fallback;
    if (f->fallback_path)
        v = cim_hw_field_get(arch, &cim_hw_fields[cim_hw_field_find(f->fallback_path)]);
    else if (isnan(v) && !f->optional) {
        char allowed[160];
        cim_hw_field_allowed(f, allowed, sizeof allowed);
        return cim_json_error(doc, object ? object : root, err,
                              "\"%s\" is missing (%s); allowed is %s", object ? key : f->path,
                              f->doc, allowed);
    }
    cim_hw_field_put(arch, f, v);
    return CIM_OK;
}

static cim_status read_group(const cim_json *doc, const cim_json_node *root, const char *group,
                             cim_hw_arch *arch, cim_err *err)
{
    const cim_json_node *object = *group ? cim_json_find(root, group) : root;
    if (object)
        CIM_TRY(check_keys(doc, object, group, err));
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        const cim_hw_field *f = &cim_hw_fields[i];
        const char *key = cim_hw_field_key(f, group);
        if (!key)
            continue;
        const cim_json_node *node = object ? cim_json_find(object, key) : NULL;
        double v;
        if (!node) {
            CIM_TRY(fall_back(doc, root, object, f, key, arch, err));
            continue;
        }
        CIM_TRY(cim_hw_field_read(f, doc, node, &v, err));
        cim_hw_field_put(arch, f, v);
    }
    return CIM_OK;
}

static cim_status read_name(const cim_json *doc, const cim_json_node *node, char *out, size_t size,
                            bool empty_ok, cim_err *err)
{
    const char *s = NULL;
    CIM_TRY(cim_json_string(doc, node, &s, err));
    size_t n = strlen(s);
    if (n >= size || (n == 0 && !empty_ok))
        return cim_json_error(doc, node, err, "found a text of %zu bytes, allowed is %d to %zu", n,
                              empty_ok ? 0 : 1, size - 1);
    memcpy(out, s, n + 1);
    return CIM_OK;
}

static cim_status read_component(const cim_json *doc, const cim_json_node *node, cim_hw_part *part,
                                 cim_err *err)
{
    static const char *const keys[] = {"component", "per", "count"};
    CIM_TRY(cim_json_known_keys(doc, node, keys, 3, err));
    const cim_json_node *name = cim_json_find(node, "component"), *per = cim_json_find(node, "per"),
                        *count = cim_json_find(node, "count");
    if (!name || !per)
        return cim_json_error(doc, node, err, "\"%s\" is missing", name ? "per" : "component");
    CIM_TRY(read_name(doc, name, part->component, sizeof part->component, false, err));
    int tier = 0;
    CIM_TRY(cim_json_choice(doc, per, cim_hw_tier_words, CIM_HW_N_TIERS, &tier, err));
    part->tier = tier;
    part->count = 1;
    if (count)
        CIM_TRY(cim_json_double(doc, count, 1e-6, 1e9, &part->count, err));
    return CIM_OK;
}

static cim_status read_components(const cim_json *doc, const cim_json_node *node, cim_hw_arch *arch,
                                  cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_ARRAY, err));
    for (const cim_json_node *c = cim_json_first(node); c; c = cim_json_next(c)) {
        if (arch->n_parts == CIM_HW_MAX_PARTS)
            return cim_json_error(doc, node, err, "found %zu components, allowed are at most %d",
                                  cim_json_count(node), CIM_HW_MAX_PARTS);
        cim_hw_part *part = &arch->parts[arch->n_parts];
        CIM_TRY(read_component(doc, c, part, err));
        for (int64_t i = 0; i < arch->n_parts; i++)
            if (arch->parts[i].tier == part->tier &&
                !strcmp(arch->parts[i].component, part->component))
                return cim_json_error(doc, c, err,
                                      "component \"%s\" is given twice per %s; add the counts",
                                      part->component, cim_hw_tier_words[part->tier]);
        arch->n_parts++;
    }
    return CIM_OK;
}

static cim_status read_noc_cost(const cim_json *doc, const cim_json_node *node, cim_hw_arch *arch,
                                cim_err *err)
{
    if (cim_json_type_of(node) == CIM_JSON_NULL)
        return CIM_OK;
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_ARRAY, err));
    size_t n = cim_json_count(node), at = 0;
    if (n == 0)
        return cim_json_error(doc, node, err,
                              "found an empty cost matrix, a row per core is needed");
    double *cost = n > SIZE_MAX / sizeof *cost / n ? NULL : cim_alloc(n * n, sizeof *cost);
    if (!cost)
        return cim_err_set(err, CIM_E_NOMEM, "noc_cost", "out of memory");
    arch->noc_cost = cost; /* from here on cim_hw_arch_clear releases it */
    arch->noc_cost_n = (int64_t)n;
    for (const cim_json_node *row = cim_json_first(node); row; row = cim_json_next(row)) {
        CIM_TRY(cim_json_expect(doc, row, CIM_JSON_ARRAY, err));
        size_t width = cim_json_count(row);
        if (width != n)
            return cim_json_error(doc, row, err,
                                  "found %zu costs, a square matrix of %zu rows needs %zu", width,
                                  n, n);
        for (const cim_json_node *c = cim_json_first(row); c; c = cim_json_next(c))
            CIM_TRY(cim_json_double(doc, c, 0, 1e12, &cost[at++], err));
    }
    return CIM_OK;
}

static cim_status read_sources(const cim_json *doc, const cim_json_node *node, cim_hw_arch *arch,
                               cim_err *err)
{
    const char *keys[MAX_KEYS];
    size_t n = 0;
    for (; n < cim_hw_n_fields; n++)
        keys[n] = cim_hw_fields[n].path;
    keys[n++] = "components";
    keys[n++] = "noc_cost";
    CIM_TRY(cim_json_known_keys(doc, node, keys, n, err));
    char **sources = cim_alloc(n, sizeof *sources);
    arch->sources = sources;
    for (size_t i = 0; i < n; i++) {
        const cim_json_node *c = cim_json_find(node, keys[i]);
        if (!c || !sources)
            continue;
        const char *s = NULL;
        CIM_TRY(cim_json_string(doc, c, &s, err));
        if (!*s)
            return cim_json_error(doc, c, err, "found an empty text, a source is needed");
        sources[i] = cim_strdup(s);
        if (!sources[i])
            sources = NULL;
    }
    return sources ? CIM_OK : cim_err_set(err, CIM_E_NOMEM, "sources", "out of memory");
}

static cim_status read_all(const cim_json *doc, const cim_json_node *node, cim_hw_arch *arch,
                           cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    for (size_t g = 0; g < cim_hw_n_groups; g++)
        CIM_TRY(read_group(doc, node, cim_hw_groups[g], arch, err));
    const cim_json_node *name = cim_json_find(node, "name"),
                        *source = cim_json_find(node, "source"),
                        *components = cim_json_find(node, "components"),
                        *sources = cim_json_find(node, "sources"),
                        *chip = cim_json_find(node, "chip"),
                        *cost = cim_json_find(node, "noc_cost"),
                        *chip_cost = cim_json_find(chip ? chip : node, "noc_cost");
    if (!name)
        return cim_json_error(doc, node, err, "\"name\" is missing");
    CIM_TRY(read_name(doc, name, arch->name, sizeof arch->name, false, err));
    if (source)
        CIM_TRY(read_name(doc, source, arch->source, sizeof arch->source, true, err));
    if (components)
        CIM_TRY(read_components(doc, components, arch, err));
    if (cost && chip && chip_cost)
        return cim_json_error(doc, chip_cost, err, "the cost matrix is given twice");
    if (cost || chip_cost)
        CIM_TRY(read_noc_cost(doc, cost ? cost : chip_cost, arch, err));
    return sources ? read_sources(doc, sources, arch, err) : CIM_OK;
}

cim_status cim_hw_arch_read(const cim_json *doc, const cim_json_node *node, cim_hw_arch *arch,
                            cim_err *err)
{
    cim_hw_arch fresh;
    memset(&fresh, 0, sizeof fresh);
    cim_status s = read_all(doc, node, &fresh, err);
    if (s == CIM_OK)
        *arch = fresh;
    else
        cim_hw_arch_clear(&fresh);
    return s;
}

void cim_hw_arch_clear(cim_hw_arch *arch)
{
    cim_free((void *)arch->noc_cost);
    for (size_t i = 0; arch->sources && i < CIM_HW_N_SOURCES; i++)
        cim_free(arch->sources[i]);
    cim_free((void *)arch->sources);
    arch->noc_cost = NULL;
    arch->noc_cost_n = 0;
    arch->sources = NULL;
}
