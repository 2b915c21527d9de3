/* The legs a product passes one after another, and which of them draws what: for the cycle simulator and
 * for the power pass, which shows them where they matter. */
#ifndef CIM_SCHED_LEGS_H
#define CIM_SCHED_LEGS_H

#include "costmodel/cost.h"
#include "sched/graph.h"

/** What a product (a step of a digital operator) uses one after another. */
typedef enum cim_cc_leg {
    CIM_CC_LEG_OFFCHIP_IN, /* network inputs, waiting results */
    CIM_CC_LEG_L0_IN,
    CIM_CC_LEG_NOC_IN,
    CIM_CC_LEG_L1, /* buffer to crossbar registers, results back */
    CIM_CC_LEG_CROSSBAR,
    CIM_CC_LEG_CORE_ALU, /* accumulation, after the conversion of the last step */
    CIM_CC_LEG_POOL,     /* digital operators */
    CIM_CC_LEG_NOC_OUT,
    CIM_CC_LEG_L0_OUT,
    CIM_CC_LEG_OFFCHIP_OUT, /* network outputs, waiting results */
    CIM_CC_N_LEGS,
    /* beside products, for the meter: of a reload */
    CIM_CC_LEG_WRITE = CIM_CC_N_LEGS,
    CIM_CC_LEG_WEIGHTS,
    CIM_CC_LEG_OPERAND /* of a node: an operand being written */
} cim_cc_leg;

struct cim_cc_plan;

/** Elements of one inference over the off-chip link: the network's inputs and outputs, and results that have
 *  no room in the global buffer, which go out once and come back for every reader of the segment. */
void cim_cc_leg_border(const struct cim_cc_plan *plan, cim_cc_op_id id, double *in, double *out);

/** Elements of an edge that its reader brings in over the off-chip link, because they wait there; through
 *  operators that only rename, the share of what it reads that does. */
double cim_cc_waiting_elements(const struct cim_cc_plan *plan, cim_cc_op_id reader, uint32_t edge);

/** How many of an event are done by a leg. */
typedef struct cim_cc_leg_part {
    cim_cc_leg leg;
    double n;
} cim_cc_leg_part;

/** What legs need to know of an operator to divide its events. */
typedef struct cim_cc_leg_split {
    bool crossbar;
    double hops_in, border_in; /* bit-hops and off-chip bits on the way in */
} cim_cc_leg_split;

cim_cc_leg_split cim_cc_leg_split_of(const struct cim_cc_plan *plan, cim_cc_op_id id);
/** The legs that do n events of a kind. @return how many legs: 1 or 2 */
int cim_cc_leg_parts(const cim_cc_leg_split *s, cim_cost_event e, double n, cim_cc_leg_part out[2]);
/** Energy of an operator's legs of an inference. @param ev its events */
void cim_cc_leg_energies(const struct cim_cc_plan *plan, cim_cc_op_id id, const double *ev,
                         double pj[CIM_CC_N_LEGS]);

#endif
