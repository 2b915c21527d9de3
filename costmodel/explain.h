/* Where a number comes from: counts times unit costs, each unit cost with the library entry and the
 * publication behind it.
 *
 * cim_cost_provenance_trace() prices a chip once more and notes what every library entry contributes
 * to every unit energy, leakage and area; cim_cost_explain() (chips) and cim_cc_explain() (a network on
 * a chip, sched/plan.h) turn that into the lines of a metric, which add up to it. */
#ifndef CIM_COSTMODEL_EXPLAIN_H
#define CIM_COSTMODEL_EXPLAIN_H

#include "costmodel/cost.h"
#include "hwspace/base/memory.h"

/** An entry of the library and its publication; lives in the library. */
typedef struct cim_cost_origin {
    char entry[72]; /* "components/isaac.router" */
    char *source;
} cim_cost_origin;

/** What a library entry contributes to one unit cost of one instance of a tier. */
typedef enum cim_cost_share_of {
    CIM_COST_SHARE_EVENT, /* pJ per event, `index` is a cim_cost_event */
    CIM_COST_SHARE_AREA,  /* um2, `index` is a cim_cost_kind */
    CIM_COST_SHARE_LEAK   /* mW, likewise */
} cim_cost_share_of;
typedef struct cim_cost_share {
    cim_cost_share_of of;
    int index;
    cim_hw_tier tier;
    double value;
    const cim_cost_origin *origin[2]; /* the second: another entry that takes part, or NULL */
} cim_cost_share;

enum { CIM_COST_MAX_SHARES = 256 };
/** All of a chip: shares of one kind and tier add up to cim_cost_chip.own_*. */
typedef struct cim_cost_provenance {
    size_t n;
    bool full; /* there were more; the lines would not add up */
    cim_cost_share share[CIM_COST_MAX_SHARES];
    double instances[CIM_HW_N_TIERS]; /* on the chip */
} cim_cost_provenance;

/** Price as cim_cost_chip_price() does, and note who contributes.
 *  @param[out] chip, out  fully written on true; borrow from the library */
bool cim_cost_provenance_trace(const cim_cost_library *lib, const cim_hw_arch *arch,
                               cim_cost_chip *chip, cim_cost_provenance *out, char *reason,
                               size_t size);

/** One line: value = count x unit (times what converts the unit). */
typedef struct cim_cost_line {
    char what[96];
    double count, unit;   /* unit NAN: the value stands alone */
    const char *count_of; /* "conversions", "instances" */
    const char *unit_is;  /* "pJ" */
    double value;         /* in the metric's unit */
    const cim_cost_origin *origin[2];
    char note[96]; /* instead of an origin, or beside it */
} cim_cost_line;

/** How lines make the metric. */
typedef enum cim_cost_combine {
    CIM_COST_COMBINE_SUM,     /* their sum */
    CIM_COST_COMBINE_PRODUCT, /* their product */
    CIM_COST_COMBINE_NOISE    /* -10 log10 of their sum */
} cim_cost_combine;

typedef struct cim_cost_explanation {
    const char *metric, *unit;
    double value;
    cim_cost_combine combine;
    cim_cost_line *lines; /* in the arena, largest first once finished */
    size_t n, cap;
    char remark[256];
    cim_arena *arena;
    bool failed; /* out of memory */
} cim_cost_explanation;

/** Start, add a line (NULL: out of memory, noted), sort. The arena owns the lines. */
void cim_cost_explanation_begin(cim_cost_explanation *x, cim_arena *ar, const char *metric,
                                const char *unit, double value, cim_cost_combine combine);
cim_cost_line *cim_cost_explanation_add(cim_cost_explanation *x, double value);
void cim_cost_explanation_sort(cim_cost_explanation *x);
/** Lines of events: counts[e] times every share of the event, scaled to the metric's unit.
 *  @param scale  pJ to the metric's unit */
void cim_cost_explain_events(cim_cost_explanation *x, const cim_cost_provenance *p,
                             const double counts[CIM_COST_N_EVENTS], double scale);
/** Lines of all instances' areas or leakage. @param scale  um2 or mW to the metric's unit */
void cim_cost_explain_instances(cim_cost_explanation *x, const cim_cost_provenance *p,
                                cim_cost_share_of of, double scale);

/** What `arch show` can explain: area_mm2, peak_power_w, leakage_w.
 *  @return CIM_E_INPUT: another metric (the allowed ones are named) */
CIM_MUST_CHECK cim_status cim_cost_explain(const cim_cost_chip *chip, const cim_cost_provenance *p,
                                           const char *metric, cim_arena *ar,
                                           cim_cost_explanation *out, cim_err *err);

/** As text, and as a JSON object. */
void cim_cost_explanation_text(const cim_cost_explanation *x, cim_text *out);
void cim_cost_explanation_write(const cim_cost_explanation *x, cim_jw *w, const char *key);

#endif
