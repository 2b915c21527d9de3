/* Noting who contributes to a pricing: after every step, what changed belongs to the step's entry. */
#include "costmodel/explain.h"
#include "costmodel/price.h"

#include <string.h>

struct cost_trace {
    cim_cost_provenance *out;
    cim_cost_chip seen;               /* as after the step before */
    double alu_pj[CIM_COST_N_EVENTS]; /* likewise of cost_pricing.alu_part_pj */
};

static void share_add(cost_trace *t, cim_cost_share_of of, int index, cim_hw_tier tier,
                      double value, const cim_cost_origin *const origin[2])
{
    if (value == 0)
        return;
    if (t->out->n == CIM_COST_MAX_SHARES) {
        t->out->full = true;
        return;
    }
    t->out->share[t->out->n++] = (cim_cost_share){
        .of = of, .index = index, .tier = tier, .value = value, .origin = {origin[0], origin[1]}};
}

/* Units of listed ALUs are means weighted by capacity, known only when all are: their shares are
 * noted as parts of that sum first. */
static void alu_shares(cost_trace *t, const cost_pricing *p, const cim_cost_origin *const origin[2])
{
    for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
        double more = p->alu_part_pj[e] - t->alu_pj[e], sum = p->alu_part_pj[e];
        double unit = p->out->own_unit_pj[CIM_HW_TIER_CORE][e];
        t->alu_pj[e] = sum;
        share_add(t, CIM_COST_SHARE_EVENT, e, CIM_HW_TIER_CORE, more, origin);
        if (cim_cost_event_kind((cim_cost_event)e) != CIM_COST_ALU || !(sum > 0) || !(unit > 0))
            continue;
        for (size_t i = 0; i < t->out->n; i++) {
            cim_cost_share *s = &t->out->share[i];
            if (s->of == CIM_COST_SHARE_EVENT && s->index == e &&
                t->seen.own_unit_pj[CIM_HW_TIER_CORE][e] == 0)
                s->value *= unit / sum;
        }
        t->seen.own_unit_pj[CIM_HW_TIER_CORE][e] = unit;
    }
}

void cost_trace_step(cost_pricing *p, const char *section, const char *name, const char *other)
{
    cost_trace *t = p->trace;
    const cim_cost_chip *now = p->out;
    const cim_cost_origin *const origin[2] = {cost_source_find(p->lib, section, name),
                                              other ? cost_source_find(p->lib, "periphery", other)
                                                    : NULL};
    alu_shares(t, p, origin);
    for (int i = 0; i < CIM_HW_N_TIERS; i++) {
        cim_hw_tier tier = (cim_hw_tier)i;
        for (int e = 0; e < CIM_COST_N_EVENTS; e++)
            share_add(t, CIM_COST_SHARE_EVENT, e, tier,
                      now->own_unit_pj[i][e] - t->seen.own_unit_pj[i][e], origin);
        for (int k = 0; k < CIM_COST_N_KINDS; k++) {
            share_add(t, CIM_COST_SHARE_AREA, k, tier,
                      now->own_area_um2[i][k] - t->seen.own_area_um2[i][k], origin);
            share_add(t, CIM_COST_SHARE_LEAK, k, tier,
                      now->own_leak_mw[i][k] - t->seen.own_leak_mw[i][k], origin);
        }
    }
    t->seen = *now;
}

bool cim_cost_provenance_trace(const cim_cost_library *lib, const cim_hw_arch *arch,
                               cim_cost_chip *chip, cim_cost_provenance *out, char *reason,
                               size_t size)
{
    cost_trace t;
    memset(&t, 0, sizeof t);
    memset(out, 0, sizeof *out);
    t.out = out;
    if (!cost_chip_price(lib, arch, chip, &t, reason, size))
        return false;
    out->instances[CIM_HW_TIER_CHIP] = 1;
    out->instances[CIM_HW_TIER_CORE] = (double)arch->chip.cores;
    out->instances[CIM_HW_TIER_CROSSBAR] = (double)arch->chip.cores * (double)arch->core.crossbars;
    return true;
}
