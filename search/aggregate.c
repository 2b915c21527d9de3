#include "search/aggregate.h"

#include <math.h>
#include <string.h>

/* The worst network in every metric. */
static void worst(const double *metrics, size_t n, double *out)
{
    memcpy(out, metrics, CIM_CC_N_METRICS * sizeof *out);
    for (size_t i = 1; i < n; i++)
        for (int m = 0; m < CIM_CC_N_METRICS; m++) {
            double v = metrics[i * CIM_CC_N_METRICS + (size_t)m];
            bool worse = cim_cc_metric_minimised((cim_cc_metric)m) ? v > out[m] : v < out[m];
            if (worse)
                out[m] = v;
        }
}

/* One round: every network once, one after another. */
static void round_of_all(const double *metrics, size_t n, double *out)
{
    double latency = 0, interval = 0, energy = 0, busy = 0, tera_ops = 0, tera_ops_energy = 0;
    double peak = -INFINITY, area = -INFINITY, sqnr = INFINITY, wear = 0;
    for (size_t i = 0; i < n; i++) {
        const double *m = metrics + i * CIM_CC_N_METRICS;
        latency += m[CIM_M_LATENCY_S];
        energy += m[CIM_M_ENERGY_J];
        interval += 1 / m[CIM_M_THROUGHPUT_IPS];
        busy += m[CIM_M_UTILIZATION] * m[CIM_M_LATENCY_S];
        tera_ops += m[CIM_M_TOPS] / m[CIM_M_THROUGHPUT_IPS];
        tera_ops_energy += m[CIM_M_TOPS_PER_W] * m[CIM_M_ENERGY_J];
        peak = fmax(peak, m[CIM_M_PEAK_POWER_W]);
        area = fmax(area, m[CIM_M_AREA_MM2]);
        sqnr = fmin(sqnr, m[CIM_M_SQNR_DB]);
        wear += 1 / m[CIM_M_LIFETIME_INFERENCES];
    }
    out[CIM_M_LATENCY_S] = latency;
    out[CIM_M_THROUGHPUT_IPS] = 1 / interval;
    out[CIM_M_ENERGY_J] = energy;
    out[CIM_M_AVG_POWER_W] = energy / latency;
    out[CIM_M_PEAK_POWER_W] = peak;
    out[CIM_M_AREA_MM2] = area;
    out[CIM_M_EDP_JS] = energy * latency;
    out[CIM_M_SQNR_DB] = sqnr;
    out[CIM_M_UTILIZATION] = busy / latency;
    out[CIM_M_TOPS] = tera_ops / interval;
    out[CIM_M_TOPS_PER_W] = tera_ops_energy / energy;
    out[CIM_M_TOPS_PER_MM2] = out[CIM_M_TOPS] / area;
    out[CIM_M_LIFETIME_INFERENCES] = 1 / wear;
}

void cim_search_aggregate_metrics(cim_search_aggregate how, const double *metrics, size_t n,
                                  double *out)
{
    if (n == 1 || how == CIM_AGGREGATE_SEPARATE) {
        memcpy(out, metrics, n * CIM_CC_N_METRICS * sizeof *out);
        return;
    }
    if (how == CIM_AGGREGATE_MAX) {
        worst(metrics, n, out);
        return;
    }
    round_of_all(metrics, n, out);
    if (how == CIM_AGGREGATE_SUM)
        return;
    /* The mean network: a round has n of them. Rates per watt and area stay what they are. */
    out[CIM_M_LATENCY_S] /= (double)n;
    out[CIM_M_ENERGY_J] /= (double)n;
    out[CIM_M_THROUGHPUT_IPS] *= (double)n;
    out[CIM_M_LIFETIME_INFERENCES] *= (double)n;
    out[CIM_M_EDP_JS] = out[CIM_M_ENERGY_J] * out[CIM_M_LATENCY_S];
}
