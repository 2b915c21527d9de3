#include "sched/queue.h"

/* The staircase is short and most steps are added at its end: plain loops beat memmove. */
void cim_cc_queue_insert(cim_cc_queue *q, double b, double value, uint32_t tag)
{
    cim_cc_stair *s = q->stairs;
    uint32_t low = q->end;
    while (low > q->head && s[low - 1].b <= b)
        low--;
    if (low > q->head && s[low - 1].value >= value)
        return;
    uint32_t high = low;
    while (high < q->end && s[high].value <= value)
        high++;
    if (high == low) {
        for (uint32_t i = q->end++; i > low; i--)
            s[i] = s[i - 1];
    } else if (high > low + 1) {
        uint32_t to = low + 1;
        for (uint32_t i = high; i < q->end; i++)
            s[to++] = s[i];
        q->end = to;
    }
    s[low] = (cim_cc_stair){.b = b, .value = value, .tag = tag};
}
