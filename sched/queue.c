#include "sched/queue.h"

void cim_cc_queue_insert(cim_cc_queue *q, double b, double value, uint32_t tag)
{
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
