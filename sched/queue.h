/* k servers, one queue, equal service times: when does a product finish?
 *
 * Copies of an operator serve its products in order, product p on copy p mod k. With products that
 * become ready in order, p finishes at
 *     x(p) = max over q <= p of ready(q) + ceil((p - q + 1) / k) * unit
 * (product q and every k-th after it up to p follow each other on one copy). Only products at which
 * readiness changes matter, so the queue is told those (anchors) and asked for the products that
 * someone waits for. Writing q = a k - b and p + 1 = a' k - b' with 0 <= b, b' < k, the ceiling is
 * a' - a, and one more when b > b': the maximum of ready(q) - a unit, and of those with b > b', are
 * all that is kept; the latter is a staircase of few steps. Exact; amortised O(1) per row in practice,
 * O(log rows) at worst. */
#ifndef CIM_SCHED_QUEUE_H
#define CIM_SCHED_QUEUE_H

#include <stdint.h>

/** A step of the staircase: what an anchor with remainder b says; b falls and value rises. */
typedef struct cim_cc_stair {
    double b, value;
    uint32_t tag;
} cim_cc_stair;

typedef struct cim_cc_queue {
    double copies, unit_ns;
    double best;       /* largest ready - a unit */
    uint32_t best_tag; /* whose */
    cim_cc_stair *stairs;
    uint32_t head, end;
} cim_cc_queue;

/** @param stairs  room for as many steps as there will be anchors; borrowed */
void cim_cc_queue_start(cim_cc_queue *q, double copies, double unit_ns, cim_cc_stair *stairs);
/** Products from `product` (counted from 0) on are not ready before `ready_ns`. Both ascend. */
void cim_cc_queue_ready(cim_cc_queue *q, double product, double ready_ns, uint32_t tag);
/** When the first `products` are all done. @param[out] tag  of the anchor that decides, may be NULL */
double cim_cc_queue_done(const cim_cc_queue *q, double products, uint32_t *tag);

#endif
