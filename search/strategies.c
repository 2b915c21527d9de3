#include "search/strategies.h"

#include <math.h>
#include <string.h>

const cim_search_strategy_ops *const cim_search_strategies[] = {&cim_search_strategy_grid,
                                                                &cim_search_strategy_random,
                                                                &cim_search_strategy_sobol,
                                                                &cim_search_strategy_lhs,
                                                                &cim_search_strategy_halton,
                                                                &cim_search_strategy_nsga2,
                                                                NULL};

const cim_search_strategy_ops *cim_search_strategy_find(const char *name)
{
    for (size_t i = 0; cim_search_strategies[i]; i++)
        if (!strcmp(cim_search_strategies[i]->name, name))
            return cim_search_strategies[i];
    return NULL;
}

cim_status cim_search_options_check(const cim_search_spec *spec, const char *const *keys, size_t n,
                                    cim_err *err)
{
    const char *known[16] = {"name", "seed"};
    for (size_t i = 0; i < n && i < 14; i++)
        known[i + 2] = keys[i];
    if (!spec->strategy_options)
        return CIM_OK;
    return cim_json_known_keys(spec->doc, spec->strategy_options, known, n + 2, err);
}

static const cim_json_node *option(const cim_search_spec *spec, const char *key)
{
    return spec->strategy_options ? cim_json_find(spec->strategy_options, key) : NULL;
}

cim_status cim_search_option_double(const cim_search_spec *spec, const char *key, double min,
                                    double max, double *out, cim_err *err)
{
    const cim_json_node *node = option(spec, key);
    if (!node)
        return CIM_OK;
    if (isnan(*out) && cim_json_type_of(node) == CIM_JSON_STRING) {
        const char *word;
        CIM_TRY(cim_json_string(spec->doc, node, &word, err));
        if (strcmp(word, "auto") != 0)
            return cim_json_error(spec->doc, node, err,
                                  "found \"%s\", \"auto\" or a number from %g to %g is needed",
                                  word, min, max);
        return CIM_OK;
    }
    return cim_json_double(spec->doc, node, min, max, out, err);
}

cim_status cim_search_option_int(const cim_search_spec *spec, const char *key, int64_t min,
                                 int64_t max, int64_t *out, cim_err *err)
{
    const cim_json_node *node = option(spec, key);
    return node ? cim_json_int(spec->doc, node, min, max, out, err) : CIM_OK;
}

cim_status cim_search_options_error(const cim_search_spec *spec, cim_err *err, const char *message)
{
    if (spec->strategy_options)
        return cim_json_error(spec->doc, spec->strategy_options, err, "%s", message);
    return cim_err_set(err, CIM_E_INPUT, "strategy", "%s", message);
}
