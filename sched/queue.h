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

#include <math.h>
#include <stdint.h>
#include <string.h>

/** A step of the staircase: what an anchor with remainder b says; b falls and value rises. */
typedef struct cim_cc_stair {
    double b, value;
    uint32_t tag;
} cim_cc_stair;

typedef struct cim_cc_queue {
    double copies, unit_ns, per_copy; /* 1 / copies */
    double best;                      /* largest ready - a unit */
    uint32_t best_tag;                /* whose */
    cim_cc_stair *stairs;
    uint32_t head, end;
} cim_cc_queue;

/* ceil(products / copies), exactly: a multiplication's guess, mended. Both below 2^52. */
static inline double cim_cc_queue_rounds(const cim_cc_queue *q, double products)
{
    double a = (double)(int64_t)(products * q->per_copy);
    if (a * q->copies < products)
        a += 1.0;
    else if ((a - 1.0) * q->copies >= products)
        a -= 1.0;
    return a;
}

/** @param stairs  room for as many steps as there will be anchors; borrowed */
static inline void cim_cc_queue_start(cim_cc_queue *q, double copies, double unit_ns,
                                      cim_cc_stair *stairs)
{
    *q = (cim_cc_queue){.copies = copies,
                        .unit_ns = unit_ns,
                        .per_copy = 1.0 / copies,
                        .best = -INFINITY,
                        .stairs = stairs};
}

/** Add a step to the staircase unless another says as much. */
void cim_cc_queue_insert(cim_cc_queue *q, double b, double value, uint32_t tag);

/** Products from `product` (counted from 0) on are not ready before `ready_ns`. Both ascend. */
static inline void cim_cc_queue_ready(cim_cc_queue *q, double product, double ready_ns,
                                      uint32_t tag)
{
    double a = cim_cc_queue_rounds(q, product);
    if (ready_ns - (a - 1.0) * q->unit_ns <= q->best)
        return; /* not even a round more makes up for it */
    double b = a * q->copies - product;
    double value = ready_ns - a * q->unit_ns;
    if (value > q->best) {
        q->best = value;
        q->best_tag = tag;
        while (q->head < q->end && q->stairs[q->head].value + q->unit_ns <= q->best)
            q->head++;
    }
    if (value + q->unit_ns <= q->best)
        return;
    cim_cc_queue_insert(q, b, value, tag);
}

/** When the first `products` are all done. @param[out] tag  of the anchor that decides, may be NULL */
static inline double cim_cc_queue_done(const cim_cc_queue *q, double products, uint32_t *tag)
{
    double a = cim_cc_queue_rounds(q, products);
    uint32_t who = q->best_tag, low = q->head, high = q->end;
    if (low == high) {
        if (tag)
            *tag = who;
        return q->best + a * q->unit_ns;
    }
    double best = q->best, b = a * q->copies - products;
    while (low < high) { /* the last step with a larger remainder */
        uint32_t mid = low + (high - low) / 2;
        if (q->stairs[mid].b > b)
            low = mid + 1;
        else
            high = mid;
    }
    if (low > q->head && q->stairs[low - 1].value + q->unit_ns > best) {
        best = q->stairs[low - 1].value + q->unit_ns;
        who = q->stairs[low - 1].tag;
    }
    if (tag)
        *tag = who;
    return best + a * q->unit_ns;
}

#endif
