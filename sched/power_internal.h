/* What the parts of pass power share: who draws what when (power_draws.c), and the largest sum of it
 * (power.c). */
#ifndef CIM_SCHED_POWER_INTERNAL_H
#define CIM_SCHED_POWER_INTERNAL_H

#include "sched/plan_internal.h"

/** Resources that all operators share: what asks for more of one than there is waits. */
typedef enum cim_cc_turn {
    CIM_CC_TURN_POOL,
    CIM_CC_TURN_BUS,
    CIM_CC_TURN_LINK,
    CIM_CC_N_TURNS
} cim_cc_turn;

/** Something draws power. */
typedef struct cim_cc_draw {
    double from_ns, to_ns, mw;
    double use;   /* share of a shared resource's time, of legs that take turns */
    uint32_t who; /* operator; of a reload the segment */
    uint32_t leg; /* CIM_CC_LEG_WRITE, _WEIGHTS: a reload and its transfers */
} cim_cc_draw;

/** Draws being collected. */
typedef struct cim_cc_draws {
    cim_cc_draw *list;
    size_t n, cap;
    size_t first, repeated; /* room for what is drawn once, and for inferences that follow */
    double carry_pj;        /* energy that has found no time yet */
    cim_cc_op_id *host;     /* per operator: in whose time its energy is drawn */
    double *pj;             /* per operator: energy drawn in its time */
    uint32_t *merged;       /* per operator: legs whose energy is drawn with its main leg */
    uint8_t *main;          /* per operator: that leg */
} cim_cc_draws;

/** What is drawn in a run, inferences of a batch overlapping. @return false: out of memory */
bool cim_cc_draws_collect(cim_cc_context *cx, cim_cc_draws *d);

/** The shared resource of a leg; CIM_CC_N_TURNS: none. */
static inline cim_cc_turn cim_cc_leg_turn(uint32_t leg)
{
    switch (leg) {
    case CIM_CC_LEG_POOL:
        return CIM_CC_TURN_POOL;
    case CIM_CC_LEG_L0_IN:
    case CIM_CC_LEG_L0_OUT:
        return CIM_CC_TURN_BUS;
    case CIM_CC_LEG_OFFCHIP_IN:
    case CIM_CC_LEG_OFFCHIP_OUT:
    case CIM_CC_LEG_WEIGHTS:
        return CIM_CC_TURN_LINK;
    default:
        return CIM_CC_N_TURNS;
    }
}

#endif
