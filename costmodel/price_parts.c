/* Components an architecture lists, and the defaults where it lists none.
 *
 * A component's energy belongs to the event it serves; its rate says how many events an instance
 * sustains and at which its published power is drawn. As many instances are charged as the crossbar
 * keeps busy or the architecture's stated bandwidth or buffer size needs, at least those listed, so that neither
 * wider crossbars nor wider ports nor larger buffers come free. A component above the crossbars that serves their
 * events sees at most what it can handle: a tile's single shift-and-add merges the results of many
 * crossbars and is charged at its own rate. */
#include "costmodel/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool cost_event_of_crossbar(cim_cost_event e)
{
    return e <= CIM_EV_SHIFT_ADD;
}

double cost_tier_instances(const cost_pricing *p, cim_hw_tier tier)
{
    return tier == CIM_HW_TIER_CHIP ? 1 : tier == CIM_HW_TIER_CORE ? p->n_cores : p->n_xb;
}

/* How many times what the listed components hold of a core's buffers or the global one is stated. */
static double buffers_short(const cost_pricing *p, int slot)
{
    const cim_hw_arch *a = p->arch;
    double held = 0, stated = slot == COST_SLOT_GLOBAL_BUFFER ? a->chip.buffer_kib
                                                              : a->core.buffer_kib * p->n_cores;
    for (int64_t i = 0; i < a->n_parts; i++) {
        int at = cost_part_find(p->lib, a->parts[i].component);
        if (at >= 0 && p->lib->part[at].replaces >> slot & 1)
            held += p->lib->part[at].kib * a->parts[i].count *
                    cost_tier_instances(p, (cim_hw_tier)a->parts[i].tier);
    }
    return held > 0 && stated > held ? stated / held : 1; /* no size stated: NaN, not more */
}

/* As many instances as hold the buffer that the architecture states. */
static double capacity_need(const cost_pricing *p, const cost_part *c)
{
    double need = 1;
    static const int slots[] = {COST_SLOT_LOCAL_BUFFER, COST_SLOT_GLOBAL_BUFFER};
    for (int i = 0; i < 2 && c->kib > 0; i++)
        if (c->replaces >> slots[i] & 1)
            need = fmax(need, buffers_short(p, slots[i]));
    return need;
}

/* How the part's values grow with what they serve: *energy per event, *instances. */
static void load_factors(const cost_pricing *p, const cost_part *c, cim_hw_tier tier, double count,
                         bool sized, double *energy, double *instances)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    cim_cost_event e = c->event[0];
    double need = 1;
    *energy = 1 / c->shared_by;
    if (e == CIM_EV_SHIFT_ADD) /* events count columns; joined bitlines give fewer values */
        *energy *= p->conversions / (double)x->cols;
    if (tier == CIM_HW_TIER_CROSSBAR && c->load == COST_LOAD_ROW_BITS) {
        *energy *= (double)(x->parallel_rows * x->dac_bits) / c->reference;
        need = (double)x->rows / c->reference;
    } else if (tier == CIM_HW_TIER_CROSSBAR && c->load == COST_LOAD_COLUMNS) {
        *energy *= (double)x->cols / c->reference;
        need = (double)x->cols / c->reference;
    } else if (count > 0 && cost_event_of_crossbar(e)) {
        need = tier == CIM_HW_TIER_CROSSBAR ? p->xb_rate[e] / (count * c->rate * c->shared_by) : 1;
    } else if (count > 0 && e == CIM_EV_NOC_BIT_HOP) {
        need = p->demand[e] * c->ports / c->rate; /* links as wide as stated, whatever the count */
    } else if (count > 0 && cim_cost_event_kind(e) != CIM_COST_ALU) {
        need = p->demand[e] / (count * cost_tier_instances(p, tier) * c->rate);
    }
    need = fmax(need, sized ? 0 : capacity_need(p, c));
    /* Rounding must not turn a component that just keeps up into more than one. */
    *instances = count * (sized ? need : need > 1 + 1e-9 ? need : 1);
}

static void add_energy(cost_pricing *p, const cost_part *c, cim_hw_tier tier, double n,
                       double factor)
{
    double scale = p->here.energy / c->at.energy * factor;
    double capacity = n * c->rate;
    for (int i = 0; i < c->n_events; i++) {
        cim_cost_event e = c->event[i];
        double pj = c->pj[i] * scale;
        if (cost_event_of_crossbar(e)) {
            double flow = p->n_xb * p->xb_rate[e];
            if (tier != CIM_HW_TIER_CROSSBAR && capacity < flow)
                pj *= capacity / flow;
            p->out->own_unit_pj[tier][e] += pj;
        } else if (cim_cost_event_kind(e) == CIM_COST_ALU) {
            p->alu_part_pj[e] += pj * capacity;
            if (tier == CIM_HW_TIER_CHIP)
                p->chip_alu_rate[e] += capacity;
            else
                p->core_alu_rate[e] += capacity / p->n_cores;
        } else {
            p->out->own_unit_pj[tier][e] += pj;
            p->part_cap[e] = fmin(p->part_cap[e], capacity);
        }
    }
    /* Adders of a tile's shift-and-add do additions for the digital operators, too. */
    if (c->kind == CIM_COST_ALU ||
        (tier != CIM_HW_TIER_CROSSBAR && c->kind == CIM_COST_SHIFT_ADD)) {
        if (tier == CIM_HW_TIER_CHIP)
            p->alu_listed[CIM_HW_TIER_CHIP] += capacity;
        else
            p->alu_listed[CIM_HW_TIER_CORE] += capacity / p->n_cores;
    }
}

static void apply(cost_pricing *p, const cost_part *c, cim_hw_tier tier, double count, bool sized)
{
    double energy, instances;
    load_factors(p, c, tier, count, sized, &energy, &instances);
    if (!sized && instances > count)
        p->out->notes |= CIM_COST_NOTE_PARTS;
    p->out->own_area_um2[tier][c->kind] += instances * c->um2 * p->here.area / c->at.area;
    p->out->own_leak_mw[tier][c->kind] += instances * c->leak_mw * p->here.leakage / c->at.leakage;
    if (count > 0)
        add_energy(p, c, tier, instances * cost_tier_instances(p, tier), energy);
    cost_traced(p, "components", c->name, NULL);
}

bool cost_price_parts(cost_pricing *p, char *reason, size_t size)
{
    for (int64_t i = 0; i < p->arch->n_parts; i++) {
        const cim_hw_part *listed = &p->arch->parts[i];
        int at = cost_part_find(p->lib, listed->component);
        if (at < 0) {
            snprintf(reason, size, "components: \"%s\" is not in the component library",
                     listed->component);
            return false;
        }
        const cost_part *c = &p->lib->part[at];
        p->replaced |= c->replaces;
        apply(p, c, (cim_hw_tier)listed->tier, listed->count, false);
    }
    bool digital = p->domain == CIM_HW_SUM_DIGITAL && p->lib->digital.register_um2 > 0;
    for (int s = 0; s < COST_N_SLOTS; s++) {
        const cost_default *d = &p->lib->fallback[s];
        if (digital && (s == COST_SLOT_SHIFT_ADD || s == COST_SLOT_OUTPUT_REGISTER))
            continue; /* accumulators of the adder trees, price_array.c */
        if (d->present && !(p->replaced & (1U << s)))
            apply(p, &p->lib->part[d->part], d->tier, d->count, true);
    }
    return true;
}
