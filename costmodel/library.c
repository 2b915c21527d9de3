/* Loading the component library: the built-in files, then optionally the user's on top. */
#include "costmodel/library.h"
#include "hwspace/base/embed.h"
#include "hwspace/base/memory.h"

#include <stdio.h>
#include <string.h>

/* Origins of values become scale factors, names become indices; everything a chip needs is there. */
static cim_status check_origin(const cim_cost_library *lib, cost_scale *at, const char *what,
                               cim_err *err)
{
    if (!cost_scaling_covers(lib, at->nm))
        return cim_err_set(err, CIM_E_INPUT, "component library",
                           "%s is given at %g nm; the scaling table covers %g to %g nm "
                           "(Stillmaker and Baas 2017)",
                           what, at->nm, lib->node[lib->n_nodes - 1].nm, lib->node[0].nm);
    cost_scaling_at(lib, at->nm, at->v, at);
    return CIM_OK;
}

static cim_status resolve_adcs(cim_cost_library *lib, cim_err *err)
{
    for (int i = 0; i < lib->n_adc; i++) {
        cost_adc_model *m = &lib->adc[i];
        CIM_TRY(check_origin(lib, &m->at, m->name, err));
        if (!m->area_of[0])
            continue;
        m->area_index = -1;
        for (int j = 0; j < lib->n_adc; j++)
            if (!strcmp(lib->adc[j].name, m->area_of) && lib->adc[j].form == COST_ADC_TABLE)
                m->area_index = j;
        if (m->area_index < 0)
            return cim_err_set(err, CIM_E_INPUT, "component library",
                               "ADC model \"%s\" takes its area from \"%s\", which is no model of "
                               "form table",
                               m->name, m->area_of);
    }
    return CIM_OK;
}

static cim_status resolve_parts(cim_cost_library *lib, cim_err *err)
{
    for (size_t i = 0; i < lib->n_parts; i++)
        CIM_TRY(check_origin(lib, &lib->part[i].at, lib->part[i].name, err));
    for (int s = 0; s < COST_N_SLOTS; s++)
        if (lib->fallback[s].present)
            lib->fallback[s].part = cost_part_find(lib, lib->fallback[s].component);
    return CIM_OK;
}

static cim_status resolve(cim_cost_library *lib, cim_err *err)
{
    bool buffers = lib->buffer[CIM_HW_BUFFER_SRAM].n && lib->buffer[CIM_HW_BUFFER_EDRAM].n;
    if (!lib->n_nodes || !lib->n_adc || !buffers || lib->periphery != 0x7FFU)
        return cim_err_set(err, CIM_E_INPUT, "component library",
                           "a section is missing: scaling, devices, adc_models, buffers and every "
                           "entry of periphery are needed");
    for (int i = 0; i < CIM_HW_N_DEVICES; i++) {
        if (!lib->device[i].present)
            return cim_err_set(err, CIM_E_INPUT, "component library", "device %d is missing", i);
        CIM_TRY(check_origin(lib, &lib->device[i].at, "a device", err));
        CIM_TRY(check_origin(lib, &lib->device[i].leak_at, "a device's leakage", err));
        for (int k = 0; k < COST_N_ARRAYS; k++)
            if (lib->device[i].array[k].present)
                CIM_TRY(check_origin(lib, &lib->device[i].array[k].at, "a device's array", err));
    }
    CIM_TRY(resolve_adcs(lib, err));
    for (int k = 0; k < CIM_HW_N_BUFFERS; k++) {
        CIM_TRY(check_origin(lib, &lib->buffer[k].leak_at, "buffer leakage", err));
        for (int i = 0; i < lib->buffer[k].n; i++)
            CIM_TRY(check_origin(lib, &lib->buffer[k].table[i].at, "a buffer table", err));
    }
    CIM_TRY(check_origin(lib, &lib->dac.at, "dac", err));
    CIM_TRY(check_origin(lib, &lib->sample_hold.at, "sample_hold", err));
    CIM_TRY(check_origin(lib, &lib->digital.at, "digital_cell", err));
    CIM_TRY(check_origin(lib, &lib->wordline.at, "wordline", err));
    CIM_TRY(check_origin(lib, &lib->alu.at, "alu", err));
    CIM_TRY(check_origin(lib, &lib->router.at, "router", err));
    for (int i = 0; i < lib->wire.n; i++)
        CIM_TRY(check_origin(lib, &lib->wire.at[i], "wire", err));
    return resolve_parts(lib, err);
}

static cim_status read_built_in(cim_cost_library *lib, cim_err *err)
{
    for (const cim_embedded_file *f = cim_embedded_library; f->name; f++) {
        cim_json *doc = NULL;
        char name[96];
        snprintf(name, sizeof name, "library/%s", f->name);
        CIM_TRY(
            cim_json_parse((const char *)f->begin, (size_t)(f->end - f->begin), name, &doc, err));
        cim_status st = cost_library_read(lib, doc, err);
        cim_json_free(doc);
        CIM_TRY(st);
    }
    return CIM_OK;
}

static cim_status read_user(cim_cost_library *lib, const char *path, cim_err *err)
{
    cim_json *doc = NULL;
    CIM_TRY(cim_json_load(path, &doc, err));
    cim_status st = cost_library_read(lib, doc, err);
    cim_json_free(doc);
    return st;
}

cim_status cim_cost_library_load_file(const char *path, cim_cost_library **out, cim_err *err)
{
    cim_cost_library *lib = cim_alloc(1, sizeof *lib);
    if (!lib)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory reading the library");
    cim_status st = read_built_in(lib, err);
    if (st == CIM_OK && path)
        st = read_user(lib, path, err);
    if (st == CIM_OK)
        st = resolve(lib, err);
    if (st != CIM_OK) {
        cim_cost_library_destroy(lib);
        return st;
    }
    *out = lib;
    return CIM_OK;
}

cim_status cim_cost_library_load(cim_cost_library **out, cim_err *err)
{
    return cim_cost_library_load_file(NULL, out, err);
}

void cim_cost_library_destroy(cim_cost_library *lib)
{
    if (!lib)
        return;
    cost_sources_free(lib);
    cim_free(lib->part);
    cim_free(lib);
}
