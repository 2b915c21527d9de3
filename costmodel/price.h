/* State of one pricing, shared by price.c and price_parts.c. Private to costmodel. */
#ifndef CIM_COSTMODEL_PRICE_H
#define CIM_COSTMODEL_PRICE_H

#include "costmodel/library.h"

/** Who notes what library entries contribute (trace.c). */
typedef struct cost_trace cost_trace;

typedef struct cost_pricing {
    const cim_cost_library *lib;
    const cim_hw_arch *arch;
    cim_cost_chip *out;
    cost_scale here;                       /* the chip's node and supply */
    cim_hw_summing domain;                 /* how the arrays sum, never AUTO */
    double conversions;                    /* per crossbar and step; fewer than cols when joined */
    double n_cores, n_xb;                  /* crossbars of the whole chip */
    unsigned replaced;                     /* cost_slot bits that listed components cover */
    double xb_rate[CIM_COST_N_EVENTS];     /* events per ns of one crossbar running flat out */
    double part_cap[CIM_COST_N_EVENTS];    /* events per ns listed components sustain, whole chip;
                                            INFINITY where none is listed */
    double demand[CIM_COST_N_EVENTS];      /* events per ns the architecture states; 0: unlimited */
    double alu_listed[CIM_HW_N_TIERS];     /* operations per ns of listed units, per core or chip */
    double alu_part_pj[CIM_COST_N_EVENTS]; /* capacity-weighted sum of ALU components */
    double core_alu_rate[CIM_COST_N_EVENTS], chip_alu_rate[CIM_COST_N_EVENTS];
    double bus_rate[CIM_COST_N_EVENTS]; /* of buffers, NoC and off-chip link, whole chip */
    cost_trace *trace;                  /* NULL: nobody wants to know */
} cost_pricing;

/** cim_cost_chip_price() with somebody watching. */
bool cost_chip_price(const cim_cost_library *lib, const cim_hw_arch *arch, cim_cost_chip *out,
                     cost_trace *trace, char *reason, size_t size);
/** What changed since the step before belongs to this entry of the library (and to `other`, an entry
 *  of its periphery, or NULL). */
void cost_trace_step(cost_pricing *p, const char *section, const char *name, const char *other);
static inline void cost_traced(cost_pricing *p, const char *section, const char *name,
                               const char *other)
{
    if (p->trace)
        cost_trace_step(p, section, name, other);
}

/** Events a crossbar causes by running, as opposed to those of buffers, network and ALUs. */
bool cost_event_of_crossbar(cim_cost_event e);
double cost_tier_instances(const cost_pricing *p, cim_hw_tier tier);
/** Listed components, then the library's defaults for what they leave open.
 *  @return false with a reason: a component that is not in the library */
bool cost_price_parts(cost_pricing *p, char *reason, size_t size);

/* ---- price_array.c ---- */
/** Cells, their selection and sensing, adder trees: area, leakage, energy per read and write. */
void cost_price_cells(cost_pricing *p);
/** Input drivers: analog converters or plain wordlines. */
void cost_price_drivers(cost_pricing *p);
/** One activation of the crossbar [ns], and programming one row [ns]. */
double cost_read_ns(const cost_pricing *p);
double cost_write_row_ns(const cost_pricing *p);
/** Whether the cell can be told on from off and the converters fit under the columns.
 *  @return false with a reason; narrow converters are noted in out->notes */
bool cost_array_fits(cost_pricing *p, char *reason, size_t size);

#endif
