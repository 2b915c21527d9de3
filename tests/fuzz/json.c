/* libFuzzer: bytes as a JSON document, then as an architecture, then as the parameters and
 * constraints of a spec. Finding nothing means: no crash, no leak, and whatever was accepted
 * satisfies its own checks. Seeds: hwspace/presets, tests/data/invalid/{arch,space}. */
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "hwspace/space.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void try_arch(const cim_json *doc)
{
    cim_hw_arch a;
    cim_err err = {0};
    if (cim_hw_arch_read(doc, cim_json_root(doc), &a, &err) != CIM_OK) {
        require(err.message[0] != '\0');
        return;
    }
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        require(cim_hw_field_check(&cim_hw_fields[i], cim_hw_field_get(&a, &cim_hw_fields[i]), "",
                                   NULL) == CIM_OK);
    char reason[128];
    (void)cim_hw_arch_consistent(&a, reason, sizeof reason);
    cim_hw_arch_clear(&a);
}

static void try_point(const cim_hw_space *space, const cim_hw_arch *base)
{
    cim_hw_sampler *sampler;
    double *point = cim_alloc(cim_hw_space_n_params(space), sizeof *point);
    cim_hw_arch a;
    char reason[128];
    require(point &&
            cim_hw_sampler_create(space, CIM_HW_SAMPLING_RANDOM, 1, 0, &sampler, NULL) == CIM_OK);
    require(cim_hw_sampler_next(sampler, point));
    if (cim_hw_space_resolve(space, point, reason, sizeof reason)) {
        cim_hw_space_bind(space, base, point, &a);
        double metrics[2] = {1, 2}, violation;
        for (size_t i = 0; i < cim_hw_space_n_constraints(space); i++)
            require(cim_hw_space_constraint_holds(space, i, &a, metrics, &violation) ==
                    (violation == 0));
    }
    cim_hw_sampler_destroy(sampler);
    cim_free(point);
}

static void try_space(const cim_json *doc, const cim_hw_arch *base)
{
    static const char *const metrics[] = {"latency_s", "area_mm2"};
    const cim_json_node *root = cim_json_root(doc), *parameters = cim_json_find(root, "parameters");
    cim_hw_space *space;
    cim_err err = {0};
    if (!parameters)
        return;
    if (cim_hw_space_read(doc, parameters, cim_json_find(root, "constraints"), base, metrics, 2,
                          &space, &err) != CIM_OK) {
        require(err.message[0] != '\0');
        return;
    }
    try_point(space, base);
    cim_hw_space_destroy(space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cim_hw_arch base;
    static int ready;
    if (!ready) {
        cim_rng_library_init();
        ready = cim_hw_arch_load("isaac", &base, NULL) == CIM_OK;
        require(ready);
    }
    cim_json *doc;
    cim_err err = {0};
    if (cim_json_parse((const char *)data, size, "fuzz", &doc, &err) != CIM_OK)
        return 0;
    char *text = cim_json_print(cim_json_root(doc));
    require(text != NULL);
    cim_free(text);
    try_arch(doc);
    try_space(doc, &base);
    cim_json_free(doc);
    return 0;
}
