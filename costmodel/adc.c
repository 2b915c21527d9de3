/* Named ADC models. They differ by two orders of magnitude for one 8-bit conversion, so an
 * architecture names the one it believes; equations and sources in README.md. */
#include "costmodel/library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Accelergy ADC plug-in: regression over the Murmann survey. f in Hz, energy in pJ, area in um2. */
static void accelergy(double bits, double nm, double hz, double *pj, double *um2)
{
    double foms = fmin(213.781 - 2.87190 * log(hz), 128.307 + 3.22051 * ceil(bits));
    double sndr = 6.0206 * bits + 1.761;
    *pj = 0.5 * pow(10, (sndr - foms) / 10) *
          exp(26.0496 + 1.88004 * log(nm) - 2.82913 * log(bits) - 1.47020);
    *um2 = exp(1.34619 + 0.993279 * log(nm) + 0.180715 * log(hz) + 0.299124 * log(*pj));
}

/* Power of NeuroSim's SAR converter (a b + c) between the nodes of its fit, log-log in nm [mW]. */
static double neurosim_power(const cost_adc_model *m, double bits, double nm)
{
    int i = 0;
    while (i < m->n_fit - 2 && m->fit_nm[i + 1] > nm)
        i++;
    if (m->n_fit == 1)
        return m->fit_slope[0] * bits + m->fit_offset[0];
    double t = log(m->fit_nm[i] / nm) / log(m->fit_nm[i] / m->fit_nm[i + 1]);
    double p = log(m->fit_slope[i] * bits + m->fit_offset[i]);
    double q = log(m->fit_slope[i + 1] * bits + m->fit_offset[i + 1]);
    return exp(p * (1 - t) + q * t);
}

static double zigzag_capacitance(double bits)
{
    return 100 * bits + 0.001 * pow(4, bits);
}

/* Capacitance of a conversion by successive approximation [fF]. */
static double sar_capacitance(const cost_adc_model *m, double bits)
{
    return m->lin_ff * bits + m->exp_ff * pow(4, bits);
}

/* Whether 2^b - 1 comparators cost less than that. */
static bool flash_fits(const cost_adc_model *m, double bits)
{
    return m->comparator_ff > 0 && m->comparator_ff * (pow(2, bits) - 1) < sar_capacitance(m, bits);
}

static double murmann_capacitance(const cost_adc_model *m, double bits)
{
    return flash_fits(m, bits) ? m->comparator_ff * (pow(2, bits) - 1) : sar_capacitance(m, bits);
}

/* Area another model's table lends, where that was published; beyond its ends a bit doubles it. */
static double lent_um2(const cost_adc_model *lender, double bits)
{
    double tabled = fmin(fmax(bits, lender->bits_min), lender->bits_max);
    return lender->um2[(int)(tabled - lender->bits_min)] * pow(2, bits - tabled);
}

/* Rate one converter can reach [MS/s]. */
static double rate_limit(const cost_adc_model *m, const cim_hw_arch *arch, const cost_scale *chip)
{
    double bits = (double)arch->crossbar.adc_bits;
    if (m->form == COST_ADC_ZIGZAG)
        return 1e3 / (bits * (m->row_ns * (double)arch->crossbar.rows + m->bit_ns) * chip->delay /
                      m->at.delay);
    if (m->form == COST_ADC_NEUROSIM)
        return 1e3 / ((bits + 1) * m->bit_ns);
    if (m->form == COST_ADC_MURMANN) {
        double speed = m->at.delay / chip->delay, limit = m->rate_max_msps;
        bool open = isnan(arch->crossbar.read_ns) && isnan(arch->crossbar.adc_msps);
        if (open && m->bit_ns > 0) /* nothing published: an ordinary converter */
            limit = fmin(limit, 1e3 / (m->bit_ns * (flash_fits(m, bits) ? 1 : bits + 1)));
        return limit * speed;
    }
    return m->rate_max_msps;
}

static bool in_range(const cost_adc_model *m, const cim_hw_arch *arch, char *reason, size_t size)
{
    double bits = (double)arch->crossbar.adc_bits;
    if (bits < m->bits_min || bits > m->bits_max) {
        snprintf(reason, size,
                 "crossbar.adc_bits %g: the ADC model \"%s\" covers %g to %g bits (library "
                 "adc_models/%s)",
                 bits, m->name, m->bits_min, m->bits_max, m->name);
        return false;
    }
    if (arch->technology_nm < m->nm_min || arch->technology_nm > m->nm_max) {
        snprintf(reason, size,
                 "technology_nm %g: the ADC model \"%s\" covers %g to %g nm (library "
                 "adc_models/%s)",
                 arch->technology_nm, m->name, m->nm_min, m->nm_max, m->name);
        return false;
    }
    return true;
}

static void evaluate(const cim_cost_library *lib, const cost_adc_model *m, const cim_hw_arch *arch,
                     const cost_scale *chip, cost_adc *out)
{
    double bits = (double)arch->crossbar.adc_bits;
    double energy = chip->energy / m->at.energy, area = chip->area / m->at.area;
    int row = (int)(bits - m->bits_min);
    out->leak_mw = 0;
    switch (m->form) {
    case COST_ADC_TABLE: /* power is drawn at rate_max, a part of it whether it converts or not */
        out->pj = m->pj[row] * m->power_factor * energy * (1 - m->leak_share);
        out->um2 = m->um2[row] * area;
        out->leak_mw = m->pj[row] * m->power_factor * m->rate_max_msps * 1e-3 * m->leak_share *
                       chip->leakage / m->at.leakage;
        break;
    case COST_ADC_ACCELERGY:
        accelergy(bits, arch->technology_nm, fmax(out->rate_msps, 1) * 1e6, &out->pj, &out->um2);
        break;
    case COST_ADC_ZIGZAG:
        out->pj = (m->lin_ff * bits + m->exp_ff * pow(4, bits)) * m->at.v * m->at.v * 1e-3 * energy;
        out->um2 = pow(10, m->area_exponent - m->area_slope * bits) * pow(2, bits) * area;
        break;
    case COST_ADC_NEUROSIM:
        out->pj = neurosim_power(m, bits, arch->technology_nm) * (bits + 1) * m->bit_ns;
        out->um2 = lent_um2(&lib->adc[m->area_index], bits) * chip->nm /
                   lib->adc[m->area_index].at.nm; /* not its square: it is analog */
        break;
    case COST_ADC_MURMANN:
        out->pj =
            murmann_capacitance(m, bits) * 1e-3 * chip->v * chip->v * fmax(1, chip->nm / m->at.nm);
        out->um2 = m->area_8b * lent_um2(&lib->adc[m->area_index], bits) /
                   lent_um2(&lib->adc[m->area_index], 8) * chip->nm / m->area_nm;
        break;
    case COST_ADC_SILICON:
        out->pj =
            m->cap_ff * 1e-3 * chip->v * chip->v * zigzag_capacitance(bits) / zigzag_capacitance(8);
        out->um2 = m->area_8b * pow(2, bits - 8) * area;
        break;
    }
}

bool cost_adc_price(const cim_cost_library *lib, const cim_hw_arch *arch, const cost_scale *chip,
                    double need_msps, cost_adc *out, char *reason, size_t size)
{
    const char *name = cim_hw_adc_models[cim_hw_arch_adc_model(arch)];
    const cost_adc_model *m = NULL;
    for (int i = 0; i < lib->n_adc; i++)
        if (!strcmp(lib->adc[i].name, name))
            m = &lib->adc[i];
    if (!m) {
        snprintf(reason, size, "adc.model \"%s\" is not in the component library", name);
        return false;
    }
    if (!in_range(m, arch, reason, size))
        return false;
    double limit = rate_limit(m, arch, chip);
    if (arch->crossbar.adc_msps > limit * (1 + 1e-9)) {
        snprintf(reason, size,
                 "crossbar.adc_msps %g: the ADC model \"%s\" reaches %.4g MS/s (library "
                 "adc_models/%s)",
                 arch->crossbar.adc_msps, m->name, limit, m->name);
        return false;
    }
    out->rate_msps =
        isnan(arch->crossbar.adc_msps) ? fmin(need_msps, limit) : arch->crossbar.adc_msps;
    evaluate(lib, m, arch, chip, out);
    return true;
}
