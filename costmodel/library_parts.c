/* Components (named peripherals) and the defaults for architectures that list none. */
#include "costmodel/library.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cost_slot_names[COST_N_SLOTS] = {
    "dac",          "shift_add", "input_register", "output_register", "core_register",
    "local_buffer", "local_bus", "global_buffer",  "router",          "offchip",
};
const char *const cost_tier_names[CIM_HW_N_TIERS] = {"chip", "core", "crossbar"};

static const char *const load_names[] = {"none", "row_bits", "columns"};

int cost_part_find(const cim_cost_library *lib, const char *name)
{
    size_t lo = 0, hi = lib->n_parts;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = strcmp(lib->part[mid].name, name);
        if (c == 0)
            return (int)mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

/* Room for a part of this name, keeping the order; an existing one is overwritten. */
static cost_part *part_slot(cim_cost_library *lib, const char *name)
{
    int found = cost_part_find(lib, name);
    if (found >= 0)
        return &lib->part[found];
    if (cim_grow(&lib->part, &lib->parts_cap, lib->n_parts + 1, sizeof *lib->part))
        return NULL;
    size_t at = lib->n_parts++;
    while (at > 0 && strcmp(lib->part[at - 1].name, name) > 0) {
        lib->part[at] = lib->part[at - 1];
        at--;
    }
    return &lib->part[at];
}

/* Event words of components; l1_bits and l0_bits mean reading and writing alike. */
static cim_status add_event(const cim_json *doc, const cim_json_node *node, const char *word,
                            double pj, cost_part *p, cim_err *err)
{
    cim_cost_event pair[2];
    int n = 0;
    if (!strcmp(word, "l1_bits")) {
        pair[n++] = CIM_EV_L1_READ_BIT;
        pair[n++] = CIM_EV_L1_WRITE_BIT;
    } else if (!strcmp(word, "l0_bits")) {
        pair[n++] = CIM_EV_L0_READ_BIT;
        pair[n++] = CIM_EV_L0_WRITE_BIT;
    } else {
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            if (!strcmp(word, cim_cost_event_names[e]))
                pair[n++] = (cim_cost_event)e;
    }
    if (!n)
        return cim_json_error(doc, node, err,
                              "unknown event \"%s\"; known: l1_bits, l0_bits, crossbar_step, dac, "
                              "shift_add, noc_bit_hop, alu_add, offchip_bit, ...",
                              word);
    for (int i = 0; i < n; i++) {
        if (cim_cost_event_kind(pair[i]) != p->kind && p->kind != CIM_COST_OTHER)
            return cim_json_error(doc, node, err,
                                  "event \"%s\" belongs to breakdown row \"%s\", the component "
                                  "says \"%s\"",
                                  word, cim_cost_kind_names[cim_cost_event_kind(pair[i])],
                                  cim_cost_kind_names[p->kind]);
        if (p->n_events >= COST_MAX_EVENTS)
            return cim_json_error(doc, node, err, "more than %d events", COST_MAX_EVENTS);
        p->event[p->n_events] = pair[i];
        p->pj[p->n_events++] = pj;
    }
    return CIM_OK;
}

/* Either "power" drawn at "rate" of the listed events, or "energies" per event. */
static cim_status read_dynamic(const cim_json *doc, const cim_json_node *node, cost_part *p,
                               cim_err *err)
{
    const cim_json_node *energies = cim_json_find(node, "energies");
    const cost_quantity rate = {"rate", COST_DIM_RATE, COST_POSITIVE, &p->rate};
    CIM_TRY(cost_read_value(doc, node, &rate, err));
    if (energies) {
        if (cim_json_find(node, "power") || cim_json_find(node, "events"))
            return cim_json_error(doc, node, err,
                                  "has \"energies\" and \"power\" or \"events\"; one way only");
        CIM_TRY(cim_json_expect(doc, energies, CIM_JSON_OBJECT, err));
        for (const cim_json_node *e = cim_json_first(energies); e; e = cim_json_next(e)) {
            double pj = 0;
            const cost_quantity q = {cim_json_key(e), COST_DIM_ENERGY, 0, &pj};
            CIM_TRY(cost_read_value(doc, energies, &q, err));
            CIM_TRY(add_event(doc, e, cim_json_key(e), pj, p, err));
        }
    } else {
        double mw = 0;
        const cost_quantity q = {"power", COST_DIM_POWER, 0, &mw};
        const cim_json_node *events;
        CIM_TRY(cost_read_value(doc, node, &q, err));
        CIM_TRY(cost_member(doc, node, "events", &events, err));
        CIM_TRY(cim_json_expect(doc, events, CIM_JSON_ARRAY, err));
        if (mw < p->leak_mw)
            return cim_json_error(doc, node, err, "power %g mW is below its leakage %g mW", mw,
                                  p->leak_mw);
        for (const cim_json_node *e = cim_json_first(events); e; e = cim_json_next(e)) {
            const char *word;
            CIM_TRY(cim_json_string(doc, e, &word, err));
            CIM_TRY(add_event(doc, e, word, (mw - p->leak_mw) / p->rate, p, err));
        }
    }
    if (!p->n_events)
        return cim_json_error(doc, node, err, "no events; a component's power needs one");
    return CIM_OK;
}

static cim_status read_replaces(const cim_json *doc, const cim_json_node *node, cost_part *p,
                                cim_err *err)
{
    const cim_json_node *list = cim_json_find(node, "replaces");
    if (!list)
        return CIM_OK;
    CIM_TRY(cim_json_expect(doc, list, CIM_JSON_ARRAY, err));
    for (const cim_json_node *e = cim_json_first(list); e; e = cim_json_next(e)) {
        int slot = 0;
        CIM_TRY(cim_json_choice(doc, e, cost_slot_names, COST_N_SLOTS, &slot, err));
        p->replaces |= 1U << slot;
    }
    return CIM_OK;
}

static cim_status read_load(const cim_json *doc, const cim_json_node *node, cost_part *p,
                            cim_err *err)
{
    static const char *const keys[] = {"of", "reference"};
    const cim_json_node *load = cim_json_find(node, "load"), *of, *ref;
    p->reference = 1;
    if (!load)
        return CIM_OK;
    CIM_TRY(cim_json_expect(doc, load, CIM_JSON_OBJECT, err));
    CIM_TRY(cim_json_known_keys(doc, load, keys, 2, err));
    CIM_TRY(cost_member(doc, load, "of", &of, err));
    CIM_TRY(cost_member(doc, load, "reference", &ref, err));
    int which = 0;
    CIM_TRY(cim_json_choice(doc, of, load_names, 3, &which, err));
    p->load = (cost_load)which;
    return cim_json_double(doc, ref, 1, 1e9, &p->reference, err);
}

static cim_status read_part(const cim_json *doc, const cim_json_node *node, cost_part *p,
                            cim_err *err)
{
    static const char *const keys[] = {"kind",     "source",  "technology", "supply",   "area",
                                       "power",    "leakage", "events",     "energies", "rate",
                                       "replaces", "load",    "shared_by",  "ports",    "capacity"};
    CIM_TRY(cost_read_source(doc, node, err));
    CIM_TRY(cim_json_known_keys(doc, node, keys, sizeof keys / sizeof keys[0], err));
    const cim_json_node *kind;
    int k = 0;
    CIM_TRY(cost_member(doc, node, "kind", &kind, err));
    CIM_TRY(cim_json_choice(doc, kind, cim_cost_kind_names, CIM_COST_N_KINDS, &k, err));
    p->kind = (cim_cost_kind)k;
    CIM_TRY(cost_read_origin(doc, node, &p->at, err));
    p->shared_by = p->ports = 1;
    const cost_quantity q[] = {
        {"area", COST_DIM_AREA, 0, &p->um2},
        {"leakage", COST_DIM_POWER, 0, &p->leak_mw},
        {"shared_by", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &p->shared_by},
        {"ports", COST_DIM_ONE, COST_POSITIVE | COST_OPTIONAL, &p->ports},
        {"capacity", COST_DIM_SIZE, COST_POSITIVE | COST_OPTIONAL, &p->kib},
    };
    CIM_TRY(cost_read_values(doc, node, q, sizeof q / sizeof q[0], err));
    CIM_TRY(read_dynamic(doc, node, p, err));
    CIM_TRY(read_replaces(doc, node, p, err));
    const cim_json_node *capacity = cim_json_find(node, "capacity");
    if (capacity && !(p->replaces & (1U << COST_SLOT_LOCAL_BUFFER | 1U << COST_SLOT_GLOBAL_BUFFER)))
        return cim_json_error(doc, capacity, err,
                              "only a component that replaces local_buffer or global_buffer has a "
                              "capacity");
    return read_load(doc, node, p, err);
}

cim_status cost_read_parts(cim_cost_library *lib, const cim_json *doc, const cim_json_node *node,
                           cim_err *err)
{
    CIM_TRY(cim_json_expect(doc, node, CIM_JSON_OBJECT, err));
    for (const cim_json_node *e = cim_json_first(node); e; e = cim_json_next(e)) {
        const char *name = cim_json_key(e);
        cost_part p;
        memset(&p, 0, sizeof p);
        if (!name[0] || strlen(name) >= sizeof p.name)
            return cim_json_error(doc, e, err, "a component name has 1 to %zu characters",
                                  sizeof p.name - 1);
        snprintf(p.name, sizeof p.name, "%s", name);
        CIM_TRY(read_part(doc, e, &p, err));
        cost_part *to = part_slot(lib, name);
        if (!to)
            return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory reading the library");
        *to = p;
    }
    return CIM_OK;
}

cim_status cost_read_defaults(cim_cost_library *lib, const cim_json *doc, const cim_json_node *node,
                              cim_err *err)
{
    static const char *const keys[] = {"component", "tier", "count"};
    CIM_TRY(cost_read_source(doc, node, err));
    for (const cim_json_node *e = cim_json_first(node); e; e = cim_json_next(e)) {
        if (!strcmp(cim_json_key(e), "source"))
            continue;
        int slot = -1, tier = 0;
        for (int s = 0; s <= COST_SLOT_CORE_REGISTER; s++)
            if (!strcmp(cim_json_key(e), cost_slot_names[s]))
                slot = s;
        if (slot < 0)
            return cim_json_error(doc, e, err,
                                  "no default can be given here; known: dac, shift_add, "
                                  "input_register, output_register, core_register");
        cost_default *d = &lib->fallback[slot];
        const cim_json_node *name, *where, *count;
        const char *text;
        CIM_TRY(cim_json_expect(doc, e, CIM_JSON_OBJECT, err));
        CIM_TRY(cim_json_known_keys(doc, e, keys, 3, err));
        CIM_TRY(cost_member(doc, e, "component", &name, err));
        CIM_TRY(cost_member(doc, e, "tier", &where, err));
        CIM_TRY(cost_member(doc, e, "count", &count, err));
        CIM_TRY(cim_json_string(doc, name, &text, err));
        CIM_TRY(cim_json_choice(doc, where, cost_tier_names, CIM_HW_N_TIERS, &tier, err));
        CIM_TRY(cim_json_double(doc, count, 0, 1e6, &d->count, err));
        if (cost_part_find(lib, text) < 0)
            return cim_json_error(doc, name, err, "no component \"%s\" in the library", text);
        snprintf(d->component, sizeof d->component, "%s", text);
        d->tier = (cim_hw_tier)tier;
        d->present = true;
    }
    return CIM_OK;
}
