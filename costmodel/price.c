/* Pricing a chip: from an architecture to unit times, unit energies, leakage and areas. Nothing is
 * allocated; a few hundred flops. Equations and sources: README.md. */
#include "costmodel/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double ceil_div(double a, double b)
{
    return ceil(a / b);
}

/* bits or operations per cycle to per ns; INFINITY when absent. */
static double per_ns(double per_cycle, const cim_cost_chip *out)
{
    return isnan(per_cycle) ? INFINITY : per_cycle / out->clock_ns;
}

static bool price_times(cost_pricing *p, cost_adc *adc, char *reason, size_t size)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    cim_cost_chip *out = p->out;
    out->read_ns = cost_read_ns(p);
    out->write_row_ns = cost_write_row_ns(p);
    if (x->adcs > 0) {
        double turns = ceil_div(p->conversions, (double)x->adcs);
        if (!cost_adc_price(p->lib, p->arch, &p->here, turns / out->read_ns * 1e3, adc, reason,
                            size))
            return false;
        out->adc_msps = adc->rate_msps;
        out->adc_ns = turns / adc->rate_msps * 1e3;
        if (isnan(x->adc_msps) && out->adc_ns <= out->read_ns * (1 + 1e-12))
            out->adc_ns = out->read_ns; /* keeps up exactly, free of rounding */
    }
    out->step_ns = fmax(out->read_ns, out->adc_ns);
    if (out->adc_ns > out->read_ns)
        out->notes |= CIM_COST_NOTE_ADC_STEP;
    /* After the last step: convert it, then one clock for the final shift-and-add. */
    out->mvm_fill_ns = out->adc_ns + out->clock_ns;
    return true;
}

static void price_converters(cost_pricing *p, const cost_adc *adc)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    cim_cost_chip *out = p->out;
    if (x->adcs == 0)
        return;
    const cim_hw_tier t = CIM_HW_TIER_CROSSBAR;
    const cost_unit *sh = &p->lib->sample_hold;
    double cols = (double)x->cols;
    /* Events count columns: each carries its share of a conversion of joined bitlines. */
    out->own_unit_pj[t][CIM_EV_ADC] += adc->pj * p->conversions / cols;
    out->own_area_um2[t][CIM_COST_ADC] += (double)x->adcs * adc->um2;
    out->own_leak_mw[t][CIM_COST_ADC] += (double)x->adcs * adc->leak_mw;
    cost_traced(p, "adc_models", cim_hw_adc_models[cim_hw_arch_adc_model(p->arch)], NULL);
    out->own_unit_pj[t][CIM_EV_SAMPLE_HOLD] += sh->pj * p->here.energy / sh->at.energy;
    out->own_area_um2[t][CIM_COST_SAMPLE_HOLD] += cols * sh->um2 * p->here.area / sh->at.area;
    out->own_leak_mw[t][CIM_COST_SAMPLE_HOLD] +=
        cols * sh->leak_mw * p->here.leakage / sh->at.leakage;
    cost_traced(p, "periphery", "sample_hold", NULL);
}

static void crossbar_rates(cost_pricing *p)
{
    const cim_hw_crossbar *x = &p->arch->crossbar;
    double step = p->out->step_ns, rows = (double)x->parallel_rows, cols = (double)x->cols;
    p->xb_rate[CIM_EV_CELL_READ] = rows * cols / step;
    p->xb_rate[CIM_EV_XB_STEP] = 1 / step;
    p->xb_rate[CIM_EV_DAC] = rows / step;
    p->xb_rate[CIM_EV_ADC] = x->adcs > 0 ? cols / step : 0;
    p->xb_rate[CIM_EV_SAMPLE_HOLD] = x->adcs > 0 ? cols / step : 0;
    p->xb_rate[CIM_EV_SHIFT_ADD] = cols / step;
}

/* Results per ns the whole chip can produce: what an unlimited buffer, network or ALU must serve. */
static double result_rate(const cost_pricing *p)
{
    const cim_hw_arch *a = p->arch;
    double columns = (double)(cim_hw_weight_slices(a) * cim_hw_weight_polarities(a));
    return p->n_xb * ((double)a->crossbar.cols / columns) / cim_cost_mvm_ns(a, p->out);
}

static void set_bus_rate(cost_pricing *p, cim_cost_event read, cim_cost_event write, double rate)
{
    bool writing = p->out->unit_pj[write] > p->out->unit_pj[read];
    p->bus_rate[writing ? write : read] = rate;
}

/* A core's (L1) or the chip's (L0) buffer; one without a size is unlimited and free. */
static void add_buffer(cost_pricing *p, cim_hw_tier tier)
{
    const cim_hw_arch *a = p->arch;
    bool l0 = tier == CIM_HW_TIER_CHIP;
    double kib = l0 ? a->chip.buffer_kib : a->core.buffer_kib;
    double width = l0 ? a->chip.buffer_bits_per_cycle : a->core.buffer_bits_per_cycle;
    int64_t type = l0 ? a->chip.buffer_type : a->core.buffer_type;
    cim_cost_kind kind = l0 ? CIM_COST_GLOBAL_BUFFER : CIM_COST_LOCAL_BUFFER;
    cost_buffer b;
    if (isnan(kib) || !(kib > 0))
        return;
    cost_buffer_price(p->lib, &p->lib->buffer[type], kib, width, &p->here, &b);
    p->out->own_unit_pj[tier][l0 ? CIM_EV_L0_READ_BIT : CIM_EV_L1_READ_BIT] += b.read_pj;
    p->out->own_unit_pj[tier][l0 ? CIM_EV_L0_WRITE_BIT : CIM_EV_L1_WRITE_BIT] += b.write_pj;
    p->out->own_area_um2[tier][kind] += b.um2;
    p->out->own_leak_mw[tier][kind] += b.leak_mw;
    if (b.extrapolated)
        p->out->notes |= CIM_COST_NOTE_BUFFER;
    cost_traced(p, "buffers", cim_hw_buffer_words[type], NULL);
}

/* What the architecture states of its buffers, network and links. */
static void stated_rates(cost_pricing *p)
{
    const cim_hw_arch *a = p->arch;
    cim_cost_chip *out = p->out;
    out->l1_bits_per_ns = per_ns(a->core.buffer_bits_per_cycle, out);
    out->l0_bits_per_ns = per_ns(a->chip.buffer_bits_per_cycle, out);
    out->noc_link_bits_per_ns = per_ns(a->chip.noc_bits_per_cycle, out);
    out->core_alu_ops_per_ns = per_ns(a->core.alu_ops_per_cycle, out);
    out->chip_alu_ops_per_ns = per_ns(a->chip.alu_ops_per_cycle, out);
    out->offchip_bits_per_ns =
        isnan(a->chip.offchip_gb_per_s) ? INFINITY : a->chip.offchip_gb_per_s * 8;
    double l1 = isinf(out->l1_bits_per_ns) ? 0 : out->l1_bits_per_ns * p->n_cores;
    double l0 = isinf(out->l0_bits_per_ns) ? 0 : out->l0_bits_per_ns;
    p->demand[CIM_EV_L1_READ_BIT] = p->demand[CIM_EV_L1_WRITE_BIT] = l1;
    p->demand[CIM_EV_L0_READ_BIT] = p->demand[CIM_EV_L0_WRITE_BIT] = l0;
    p->demand[CIM_EV_NOC_BIT_HOP] =
        isinf(out->noc_link_bits_per_ns) ? 0 : out->noc_link_bits_per_ns;
    p->demand[CIM_EV_OFFCHIP_BIT] = isinf(out->offchip_bits_per_ns) ? 0 : out->offchip_bits_per_ns;
}

static void price_buffers(cost_pricing *p)
{
    if (!(p->replaced & (1U << COST_SLOT_LOCAL_BUFFER)))
        add_buffer(p, CIM_HW_TIER_CORE);
    if (!(p->replaced & (1U << COST_SLOT_GLOBAL_BUFFER)))
        add_buffer(p, CIM_HW_TIER_CHIP);
}

/* Repeated global wire at the chip's node and supply [pJ per bit and mm]. */
static double wire_pj_per_mm(const cost_pricing *p)
{
    const cost_wire *w = &p->lib->wire;
    int i = 0;
    double log_nm = log(p->here.nm);
    while (i < w->n - 1 && log_nm > w->log_nm[i + 1])
        i++;
    if (i >= w->n - 1 || log_nm < w->log_nm[0])
        return exp(w->log_pj[i]) * p->here.energy / w->at[i].energy;
    double t = (log_nm - w->log_nm[i]) / (w->log_nm[i + 1] - w->log_nm[i]), log_pj[2];
    for (int k = 0; k < 2; k++) {
        cost_scale here;
        cost_scaling_at(p->lib, w->at[i + k].nm, p->here.v, &here);
        log_pj[k] = w->log_pj[i + k] + log(here.energy / w->at[i + k].energy);
    }
    return exp(log_pj[0] * (1 - t) + log_pj[1] * t);
}

static double own_area(const cim_cost_chip *out, cim_hw_tier t)
{
    double sum = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        sum += out->own_area_um2[t][k];
    return sum;
}

/* Generic network: a router per core (one per four in a tree, none on a bus) and a wire as long as
 * a core's side per hop (twice that on a folded torus, the whole row of cores on a bus). */
static void price_noc(cost_pricing *p)
{
    const cim_hw_arch *a = p->arch;
    const cost_router *r = &p->lib->router;
    cim_cost_chip *out = p->out;
    if (a->chip.noc == CIM_HW_NOC_IDEAL || (p->replaced & (1U << COST_SLOT_ROUTER)))
        return;
    double core = own_area(out, CIM_HW_TIER_CORE) +
                  own_area(out, CIM_HW_TIER_CROSSBAR) * (double)a->core.crossbars;
    double length = sqrt(core) * 1e-3; /* um to mm */
    double routers = 1;
    if (a->chip.noc == CIM_HW_NOC_TORUS)
        length *= 2;
    if (a->chip.noc == CIM_HW_NOC_TREE)
        routers = 0.25;
    if (a->chip.noc == CIM_HW_NOC_BUS) {
        routers = 0;
        length *= sqrt(p->n_cores);
    }
    double flits = isnan(a->chip.noc_bits_per_cycle) ? 1 : a->chip.noc_bits_per_cycle / r->flit;
    out->own_unit_pj[CIM_HW_TIER_CORE][CIM_EV_NOC_BIT_HOP] +=
        length * wire_pj_per_mm(p) + (routers > 0 ? r->pj * p->here.energy / r->at.energy : 0);
    out->own_area_um2[CIM_HW_TIER_CORE][CIM_COST_NOC] +=
        routers * flits * r->um2 * p->here.area / r->at.area;
    out->own_leak_mw[CIM_HW_TIER_CORE][CIM_COST_NOC] +=
        routers * flits * r->leak_mw * p->here.leakage / r->at.leakage;
    cost_traced(p, "periphery", routers > 0 ? "router" : "wire", routers > 0 ? "wire" : NULL);
}

/* Lanes for what the listed units do not sustain of the stated operations per cycle. */
static void generic_lanes(cost_pricing *p, cim_hw_tier tier, double stated, double bits,
                          double *rate, cim_cost_event dearest, double cycles)
{
    const cost_alu *u = &p->lib->alu;
    double listed = p->alu_listed[tier];
    if (isinf(stated) || stated <= listed * (1 + 1e-9))
        return;
    double lanes = (stated - listed) * p->out->clock_ns * bits / u->bits;
    p->out->own_area_um2[tier][CIM_COST_ALU] += lanes * u->um2 * p->here.area / u->at.area;
    p->out->own_leak_mw[tier][CIM_COST_ALU] += lanes * u->leak_mw * p->here.leakage / u->at.leakage;
    rate[dearest] += (stated - listed) / cycles;
}

static void price_alus(cost_pricing *p)
{
    const cost_alu *u = &p->lib->alu;
    cim_cost_chip *out = p->out;
    out->alu_add_cycles = u->add_cycles;
    out->alu_mul_cycles = u->mul_cycles;
    out->alu_div_cycles = u->div_cycles;
    out->alu_special_cycles = u->special_cycles;
    /* Activations and eight guard bits for sums of up to 256 of them. */
    double bits = (double)p->arch->workload.activation_bits + 8;
    double w = bits / u->bits, s = p->here.energy / u->at.energy;
    const double pj[4] = {u->add_pj * w * s, u->mul_pj * w * w * s, u->div_pj * w * w * s,
                          u->special_pj * w * s};
    const double cycles[4] = {u->add_cycles, u->mul_cycles, u->div_cycles, u->special_cycles};
    int dearest = 0;
    for (int i = 0; i < 4; i++) {
        cim_cost_event e = (cim_cost_event)(CIM_EV_ALU_ADD + i);
        double capacity = p->n_cores * p->core_alu_rate[e] + p->chip_alu_rate[e];
        out->own_unit_pj[CIM_HW_TIER_CORE][e] = capacity > 0 ? p->alu_part_pj[e] / capacity : pj[i];
        if (pj[i] / cycles[i] > pj[dearest] / cycles[dearest])
            dearest = i;
    }
    cim_cost_event e = (cim_cost_event)(CIM_EV_ALU_ADD + dearest);
    generic_lanes(p, CIM_HW_TIER_CORE, out->core_alu_ops_per_ns, bits, p->core_alu_rate, e,
                  cycles[dearest]);
    generic_lanes(p, CIM_HW_TIER_CHIP, out->chip_alu_ops_per_ns, bits, p->chip_alu_rate, e,
                  cycles[dearest]);
    cost_traced(p, "periphery", "alu", NULL);
}

static void price_offchip(cost_pricing *p)
{
    cim_cost_chip *out = p->out;
    if (p->replaced & (1U << COST_SLOT_OFFCHIP))
        return;
    const cost_offchip *o = &p->lib->offchip[p->arch->chip.offchip_memory];
    out->own_unit_pj[CIM_HW_TIER_CHIP][CIM_EV_OFFCHIP_BIT] += o->pj;
    if (isfinite(out->offchip_bits_per_ns)) {
        out->own_area_um2[CIM_HW_TIER_CHIP][CIM_COST_OFFCHIP] += o->um2;
        out->own_leak_mw[CIM_HW_TIER_CHIP][CIM_COST_OFFCHIP] += o->leak_mw;
    }
    static const char *const entries[CIM_HW_N_MEMORIES] = {"offchip", "offchip_gddr5",
                                                           "offchip_hbm2"};
    cost_traced(p, "periphery", entries[p->arch->chip.offchip_memory], NULL);
}

/* Unit energies of the chip: what an event costs in every tier it passes. */
static void sum_units(cost_pricing *p)
{
    for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
        p->out->unit_pj[e] = 0;
        for (int t = 0; t < CIM_HW_N_TIERS; t++)
            p->out->unit_pj[e] += p->out->own_unit_pj[t][e];
    }
}

/* Rates at which everything runs. An unlimited resource is charged what the crossbars ask of it:
 * their inputs from the local buffer, their results to the global one, over one hop. */
static void bus_rates(cost_pricing *p)
{
    const cim_hw_arch *a = p->arch;
    cim_cost_chip *out = p->out;
    double results = result_rate(p), bits = (double)a->workload.activation_bits;
    double inputs = p->n_xb * p->xb_rate[CIM_EV_DAC] * (double)a->crossbar.dac_bits;
    double l1 = isinf(out->l1_bits_per_ns) ? inputs : out->l1_bits_per_ns * p->n_cores;
    double l0 = isinf(out->l0_bits_per_ns) ? results * bits : out->l0_bits_per_ns;
    double noc = p->part_cap[CIM_EV_NOC_BIT_HOP];
    if (isinf(noc))
        noc = a->chip.noc == CIM_HW_NOC_IDEAL || isinf(out->noc_link_bits_per_ns)
                  ? results * bits
                  : out->noc_link_bits_per_ns * p->lib->router.ports * p->n_cores;
    set_bus_rate(p, CIM_EV_L1_READ_BIT, CIM_EV_L1_WRITE_BIT, l1);
    set_bus_rate(p, CIM_EV_L0_READ_BIT, CIM_EV_L0_WRITE_BIT, l0);
    p->bus_rate[CIM_EV_NOC_BIT_HOP] = noc;
    p->bus_rate[CIM_EV_OFFCHIP_BIT] =
        isinf(out->offchip_bits_per_ns) ? 0 : out->offchip_bits_per_ns;
    if (isinf(out->core_alu_ops_per_ns) && isinf(out->chip_alu_ops_per_ns) &&
        !(p->alu_listed[CIM_HW_TIER_CORE] > 0))
        p->core_alu_rate[CIM_EV_ALU_ADD] += results / p->n_cores;
}

/* Share of the chip's rate of an event that one instance of a tier handles. */
static double tier_rate(const cost_pricing *p, cim_hw_tier t, cim_cost_event e)
{
    if (cim_cost_event_kind(e) == CIM_COST_ALU)
        return t == CIM_HW_TIER_CORE ? p->core_alu_rate[e] : 0;
    return p->out->max_rate[e] / cost_tier_instances(p, t);
}

static void peak_powers(cost_pricing *p)
{
    cim_cost_chip *out = p->out;
    double own[CIM_HW_N_TIERS] = {0, 0, 0};
    for (int i = 0; i < CIM_COST_N_EVENTS; i++) {
        cim_cost_event e = (cim_cost_event)i;
        if (cost_event_of_crossbar(e))
            out->max_rate[e] = p->n_xb * p->xb_rate[e];
        else if (cim_cost_event_kind(e) == CIM_COST_ALU)
            out->max_rate[e] = p->n_cores * p->core_alu_rate[e] + p->chip_alu_rate[e];
        else
            out->max_rate[e] = p->bus_rate[e];
        out->peak_mw[cim_cost_event_kind(e)] += out->unit_pj[e] * out->max_rate[e];
        for (int t = 0; t < CIM_HW_N_TIERS; t++)
            own[t] += out->own_unit_pj[t][e] * tier_rate(p, (cim_hw_tier)t, e);
        if (cim_cost_event_kind(e) == CIM_COST_ALU)
            own[CIM_HW_TIER_CHIP] += out->unit_pj[e] * p->chip_alu_rate[e];
    }
    for (int t = 0; t < CIM_HW_N_TIERS; t++)
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            own[t] += out->own_leak_mw[t][k];
    double xb = (double)p->arch->core.crossbars;
    out->tier_peak_mw[CIM_HW_TIER_CROSSBAR] = own[CIM_HW_TIER_CROSSBAR];
    out->tier_peak_mw[CIM_HW_TIER_CORE] = own[CIM_HW_TIER_CORE] + xb * own[CIM_HW_TIER_CROSSBAR];
    out->tier_peak_mw[CIM_HW_TIER_CHIP] = own[CIM_HW_TIER_CHIP];
}

static void totals(cost_pricing *p)
{
    cim_cost_chip *out = p->out;
    double xb = (double)p->arch->core.crossbars, area = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        double a = 0, l = 0;
        for (int t = 0; t < CIM_HW_N_TIERS; t++) {
            double n = cost_tier_instances(p, (cim_hw_tier)t);
            a += out->own_area_um2[t][k] * n;
            l += out->own_leak_mw[t][k] * n;
        }
        out->area_um2[k] = a;
        out->leak_mw[k] = l;
        area += a;
        out->leakage_mw += l;
    }
    out->area_mm2 = area * 1e-6;
    out->peak_mw[CIM_COST_LEAKAGE] = out->leakage_mw;
    out->tier_area_um2[CIM_HW_TIER_CROSSBAR] = own_area(out, CIM_HW_TIER_CROSSBAR);
    out->tier_area_um2[CIM_HW_TIER_CORE] =
        own_area(out, CIM_HW_TIER_CORE) + xb * own_area(out, CIM_HW_TIER_CROSSBAR);
    out->tier_area_um2[CIM_HW_TIER_CHIP] = own_area(out, CIM_HW_TIER_CHIP);
}

static void begin(cost_pricing *p, const cim_cost_library *lib, const cim_hw_arch *arch,
                  cim_cost_chip *out)
{
    memset(p, 0, sizeof *p);
    memset(out, 0, sizeof *out);
    p->lib = lib;
    p->arch = arch;
    p->out = out;
    p->n_cores = (double)arch->chip.cores;
    p->n_xb = p->n_cores * (double)arch->core.crossbars;
    p->domain = cim_hw_arch_summing(arch);
    p->conversions = (double)arch->crossbar.cols;
    if (arch->crossbar.merge_cols > 1) {
        p->conversions = ceil_div(p->conversions, (double)arch->crossbar.merge_cols);
        out->notes |= CIM_COST_NOTE_MERGE;
    }
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        p->part_cap[e] = INFINITY;
    cost_scaling_at(lib, arch->technology_nm, arch->supply_v, &p->here);
    cost_scaling_supply(lib, arch->technology_nm, &out->supply_min_v, &out->supply_max_v);
    if (arch->supply_v < out->supply_min_v - 1e-9 || arch->supply_v > out->supply_max_v + 1e-9)
        out->notes |= CIM_COST_NOTE_SUPPLY;
    out->clock_ns = 1e3 / arch->clock_mhz;
}

bool cim_cost_chip_price(const cim_cost_library *lib, const cim_hw_arch *arch, cim_cost_chip *out,
                         char *reason, size_t size)
{
    return cost_chip_price(lib, arch, out, NULL, reason, size);
}

bool cost_chip_price(const cim_cost_library *lib, const cim_hw_arch *arch, cim_cost_chip *out,
                     cost_trace *trace, char *reason, size_t size)
{
    cost_pricing p;
    cost_adc adc = {0, 0, 0, 0};
    if (!cost_scaling_covers(lib, arch->technology_nm)) {
        snprintf(reason, size,
                 "technology_nm %g: scaling covers %g to %g nm (Stillmaker and Baas 2017)",
                 arch->technology_nm, lib->node[lib->n_nodes - 1].nm, lib->node[0].nm);
        return false;
    }
    begin(&p, lib, arch, out);
    p.trace = trace;
    if (!price_times(&p, &adc, reason, size))
        return false;
    if (!cost_array_fits(&p, reason, size))
        return false;
    crossbar_rates(&p);
    stated_rates(&p);
    if (!cost_price_parts(&p, reason, size))
        return false;
    cim_cost_device_describe(lib, arch, &out->device);
    cost_price_cells(&p);
    cost_price_drivers(&p);
    price_converters(&p, &adc);
    price_buffers(&p);
    price_alus(&p);
    price_noc(&p);
    price_offchip(&p);
    sum_units(&p);
    bus_rates(&p);
    peak_powers(&p);
    totals(&p);
    return true;
}
