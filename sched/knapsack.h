/* Multiple-choice knapsack: the mathematics behind duplication, free of networks and chips.
 *
 * Each class (operator) offers choices (numbers of copies) with a weight (units of hardware) and a
 * cost (time or energy); exactly one choice per class is taken and the weights may not exceed the
 * budget. Both problems are solved exactly. */
#ifndef CIM_SCHED_KNAPSACK_H
#define CIM_SCHED_KNAPSACK_H

#include "hwspace/base/memory.h"
#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct cim_cc_choice {
    double cost;    /* >= 0 */
    int64_t weight; /* >= 0 */
} cim_cc_choice;

/** Choices of one class: at least one, weights strictly ascending, costs strictly descending
 *  (a choice that is no cheaper than a lighter one can never be needed). Borrowed. */
typedef struct cim_cc_class {
    const cim_cc_choice *choices;
    uint32_t n;
} cim_cc_class;

/** Minimise the sum of costs. Exact.
 *  Method: the Lagrangian dual (bisection on the multiplier over the classes' lower convex hulls)
 *  gives a lower bound and a greedy solution; choices whose reduced cost exceeds the gap between
 *  the two cannot be part of a better solution and are dropped (Pisinger 1995, "A minimal algorithm
 *  for the multiple-choice knapsack problem"); what is left is solved by dynamic programming over
 *  undominated (weight, cost) states.
 *  @param ar        scratch and nothing else; not reset here
 *  @param[out] pick one index per class
 *  @param[out] fits false when even the lightest choices exceed the budget (pick undefined)
 *  @return CIM_OK or CIM_E_NOMEM. Cost O(total choices) for bounding, in practice a few states per
 *  class after it; worst case O(classes * choices * budget). */
CIM_MUST_CHECK cim_status cim_cc_knapsack_min_sum(const cim_cc_class *classes, uint32_t n,
                                                  int64_t budget, cim_arena *ar, uint32_t *pick,
                                                  bool *fits);

/** The bounding part alone: a greedy feasible solution and a lower bound on the optimal sum. */
CIM_MUST_CHECK cim_status cim_cc_knapsack_greedy(const cim_cc_class *classes, uint32_t n,
                                                 int64_t budget, cim_arena *ar, uint32_t *pick,
                                                 double *lower_bound, bool *fits);

/** Minimise the largest cost. Exact: each class takes its lightest choice not above a limit, the
 *  least feasible limit is found by bisection over the costs. Of the solutions with that maximum
 *  the lightest is returned. accuracy: relative, 0 for exact, more where a guess will do. Cost O(classes * log choices * 60).
 *  @return the optimal maximum; NAN when nothing fits (pick undefined). */
double cim_cc_knapsack_min_max(const cim_cc_class *classes, uint32_t n, int64_t budget,
                               double accuracy, uint32_t *pick);

#endif
