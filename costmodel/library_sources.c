/* Where the library's numbers come from: the source of every entry, kept for explanations. */
#include "costmodel/library.h"
#include "hwspace/base/memory.h"

#include <stdio.h>
#include <string.h>

const cim_cost_origin *cost_source_find(const cim_cost_library *lib, const char *section,
                                        const char *name)
{
    char entry[sizeof lib->origin->entry];
    snprintf(entry, sizeof entry, "%s/%s", section, name);
    for (size_t i = 0; i < lib->n_origins; i++)
        if (!strcmp(lib->origin[i].entry, entry))
            return &lib->origin[i];
    return NULL;
}

static cim_status source_put(cim_cost_library *lib, const char *section, const char *name,
                             const char *text, cim_err *err)
{
    const cim_cost_origin *old = cost_source_find(lib, section, name);
    cim_cost_origin *o = old ? &lib->origin[old - lib->origin] : NULL;
    if (!o && lib->n_origins == lib->origins_cap) {
        size_t cap = lib->origins_cap ? 2 * lib->origins_cap : 64;
        cim_cost_origin *grown = cim_realloc(lib->origin, cap, sizeof *grown);
        if (!grown)
            return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory reading the library");
        lib->origin = grown;
        lib->origins_cap = cap;
    }
    char *copy = cim_strdup(text);
    if (!copy)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory reading the library");
    if (!o) {
        o = &lib->origin[lib->n_origins++];
        snprintf(o->entry, sizeof o->entry, "%s/%s", section, name);
    } else {
        cim_free(o->source);
    }
    o->source = copy;
    return CIM_OK;
}

cim_status cost_sources_read(cim_cost_library *lib, const cim_json *doc, cim_err *err)
{
    static const char *const sections[] = {"devices", "adc_models", "buffers", "periphery",
                                           "components"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const cim_json_node *section = cim_json_find(cim_json_root(doc), sections[i]);
        for (const cim_json_node *e = section ? cim_json_first(section) : NULL; e;
             e = cim_json_next(e)) {
            const cim_json_node *node;
            const char *text;
            CIM_TRY(cost_member(doc, e, "source", &node, err));
            CIM_TRY(cim_json_string(doc, node, &text, err));
            CIM_TRY(source_put(lib, sections[i], cim_json_key(e), text, err));
        }
    }
    return CIM_OK;
}

void cost_sources_free(cim_cost_library *lib)
{
    for (size_t i = 0; i < lib->n_origins; i++)
        cim_free(lib->origin[i].source);
    cim_free(lib->origin);
}
