#include "sched/queue.h"

#include <math.h>
#include <string.h>

void cim_cc_queue_start(cim_cc_queue *q, double copies, double unit_ns, cim_cc_stair *stairs)
{
    *q = (cim_cc_queue){.copies = copies, .unit_ns = unit_ns, .best = -INFINITY, .stairs = stairs};
}

void cim_cc_queue_ready(cim_cc_queue *q, double product, double ready_ns, uint32_t tag)
{
    double a = ceil(product / q->copies), b = a * q->copies - product;
    double value = ready_ns - a * q->unit_ns;
    if (value > q->best) {
        q->best = value;
        q->best_tag = tag;
        while (q->head < q->end && q->stairs[q->head].value + q->unit_ns <= q->best)
            q->head++; /* a round more does not make up for it */
    }
    if (value + q->unit_ns <= q->best)
        return;
    uint32_t low = q->end;
    while (low > q->head && q->stairs[low - 1].b <= b)
        low--;
    if (low > q->head && q->stairs[low - 1].value >= value)
        return;
    uint32_t high = low;
    while (high < q->end && q->stairs[high].value <= value)
        high++;
    if (high == low) {
        memmove(q->stairs + low + 1, q->stairs + low, (q->end - low) * sizeof *q->stairs);
        q->end++;
    } else if (high > low + 1) {
        memmove(q->stairs + low + 1, q->stairs + high, (q->end - high) * sizeof *q->stairs);
        q->end -= high - low - 1;
    }
    q->stairs[low] = (cim_cc_stair){.b = b, .value = value, .tag = tag};
}

double cim_cc_queue_done(const cim_cc_queue *q, double products, uint32_t *tag)
{
    double a = ceil(products / q->copies), b = a * q->copies - products;
    double best = q->best;
    uint32_t who = q->best_tag, low = q->head, high = q->end;
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
