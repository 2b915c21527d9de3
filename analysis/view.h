/* A front made ready to be shown, and numbers with units a person reads. Shared by the table, the
 * JSON export and the plot, so that all three list the same points in the same order. */
#ifndef CIM_ANALYSIS_VIEW_H
#define CIM_ANALYSIS_VIEW_H

#include "analysis/dataset.h"

typedef struct cim_ana_view {
    size_t n;          /* size of the front */
    uint64_t *rows;    /* owned; best first objective first, ties by id */
    size_t knee;       /* index into rows, SIZE_MAX when there are none */
    size_t n_feasible; /* rows of the dataset that are ok */
} cim_ana_view;

CIM_MUST_CHECK cim_status cim_ana_view_init(cim_ana_view *v, const cim_ana_dataset *d,
                                            const cim_ana_objective *objectives,
                                            size_t n_objectives, cim_err *err);
void cim_ana_view_clear(cim_ana_view *v);

/** How a quantity is shown: value / factor in `unit`, under a name without its unit suffix
 *  ("latency_s:vgg16" in ms is called "latency:vgg16"). */
typedef struct cim_ana_quantity {
    char name[CIM_ANA_NAME];
    char unit[32];
    double factor;
} cim_ana_quantity;

/** Choose the prefix by which the middle one of |values| lies in [1, 1000).
 *  @param values  of the metric at rows[0 .. n-1]; NULL rows: all rows */
void cim_ana_quantity_of(cim_ana_quantity *q, const cim_ana_dataset *d, size_t metric,
                         const uint64_t *rows, size_t n);

/** Four significant digits without an exponent where that fits. @param[out] buf 32 bytes */
void cim_ana_number(double v, char buf[32]);

#endif
