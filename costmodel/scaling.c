/* Technology and supply scaling after Stillmaker and Baas, Integration 58 (2017) 74-81. */
#include "costmodel/library.h"

#include <math.h>

#define LEAKAGE_NM 32.0

static double polynomial(const double *c, int n, double x)
{
    double y = 0;
    for (int i = 0; i < n; i++)
        y = y * x + c[i];
    return y;
}

/* Supply below which the fit's E / V^2 rises again: the fitted energies hold the leakage of an
 * ever slower gate, which we charge over time in its own row. */
static double least_capacitance_v(const cost_node *nd)
{
    double v = nd->energy[1] < 0 ? -2 * nd->energy[2] / nd->energy[1] : nd->v_min;
    return v < nd->v_min ? nd->v_min : v > nd->v_max ? nd->v_max : v;
}

/* Energy of a node; outside the supplies where the fit is dynamic energy C V^2 takes over,
 * continuously. */
static double node_energy(const cost_node *nd, double v)
{
    double low = least_capacitance_v(nd);
    double limit = v < low ? low : v > nd->v_max ? nd->v_max : v;
    return polynomial(nd->energy, 3, limit) * (v / limit) * (v / limit);
}

static double grid_voltage(const cost_node *nd, int i)
{
    return nd->v_min + (nd->v_max - nd->v_min) * i / (COST_GRID - 1);
}

/* Log delay of a node: linear between tabulated supplies, constant above the range, growing with
 * 1/V^2 below it (a slow-down at least as strong as the alpha-power law near the range's end). */
static double node_log_delay(const cost_node *nd, double v)
{
    if (v >= nd->v_max)
        return nd->log_delay[COST_GRID - 1];
    if (v <= nd->v_min)
        return nd->log_delay[0] + 2 * log(nd->v_min / v);
    double x = (v - nd->v_min) / (nd->v_max - nd->v_min) * (COST_GRID - 1);
    int i = (int)x;
    if (i > COST_GRID - 2)
        i = COST_GRID - 2;
    double t = x - i;
    return nd->log_delay[i] * (1 - t) + nd->log_delay[i + 1] * t;
}

/* The cubic fits of delay rise slightly near the ends of their range and cross between nodes;
 * a monotone envelope keeps "more supply is never slower" and "a finer node is never slower". */
static const char *tabulate_delay(cost_node *nd, const cost_node *coarser)
{
    for (int i = 0; i < COST_GRID; i++) {
        double v = grid_voltage(nd, i);
        double d = polynomial(nd->delay, 4, v);
        if (!(d > 0))
            return "the delay polynomial is not positive over the supply range";
        nd->log_delay[i] = log(d);
        if (coarser && node_log_delay(coarser, v) < nd->log_delay[i])
            nd->log_delay[i] = node_log_delay(coarser, v);
        if (i && nd->log_delay[i - 1] < nd->log_delay[i])
            nd->log_delay[i] = nd->log_delay[i - 1];
    }
    return NULL;
}

const char *cost_scaling_prepare(cim_cost_library *lib)
{
    if (lib->n_nodes < 2)
        return "the scaling table needs at least two technology nodes";
    for (int i = 0; i < lib->n_nodes; i++) {
        cost_node *nd = &lib->node[i];
        if (!(nd->v_max > nd->v_min))
            return "supply_max must lie above supply_min";
        for (int k = 0; k < COST_GRID; k++)
            if (!(node_energy(nd, grid_voltage(nd, k)) > 0))
                return "the energy polynomial is not positive over the supply range";
        nd->log_nm = log(nd->nm);
        nd->log_area = log(nd->area);
        if (i && !(nd->nm < nd[-1].nm && nd->area <= nd[-1].area))
            return "nodes must be listed from coarse to fine, areas never growing";
        const char *wrong = tabulate_delay(nd, i ? nd - 1 : NULL);
        if (wrong)
            return wrong;
    }
    return NULL;
}

bool cost_scaling_covers(const cim_cost_library *lib, double nm)
{
    return nm <= lib->node[0].nm && nm >= lib->node[lib->n_nodes - 1].nm;
}

/* Nodes around nm and the weight of the finer one, in log nm. */
static double bracket(const cim_cost_library *lib, double nm, const cost_node **coarse,
                      const cost_node **fine)
{
    int i = 0;
    while (i < lib->n_nodes - 2 && lib->node[i + 1].nm > nm)
        i++;
    *coarse = &lib->node[i];
    *fine = &lib->node[i + 1];
    double t = ((*coarse)->log_nm - log(nm)) / ((*coarse)->log_nm - (*fine)->log_nm);
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

void cost_scaling_at(const cim_cost_library *lib, double nm, double v, cost_scale *out)
{
    const cost_node *a, *b;
    double t = bracket(lib, nm, &a, &b);
    out->nm = nm;
    out->v = v;
    out->area = exp(a->log_area * (1 - t) + b->log_area * t);
    out->energy = exp(log(node_energy(a, v)) * (1 - t) + log(node_energy(b, v)) * t);
    out->delay = exp(node_log_delay(a, v) * (1 - t) + node_log_delay(b, v) * t);
    /* Leakage is not in the source. Current per device: constant down to 32 nm (planar scaling
     * raised the leakage of an area), in proportion to area below (high-k, FinFETs). */
    double area32 = 0;
    for (int i = 0; i < lib->n_nodes; i++)
        if (lib->node[i].nm >= LEAKAGE_NM)
            area32 = lib->node[i].area;
    out->leakage = fmin(out->area, area32 > 0 ? area32 : out->area) * v;
}

void cost_scaling_supply(const cim_cost_library *lib, double nm, double *v_min, double *v_max)
{
    const cost_node *a, *b;
    double t = bracket(lib, nm, &a, &b);
    *v_min = a->v_min * (1 - t) + b->v_min * t;
    *v_max = a->v_max * (1 - t) + b->v_max * t;
}
