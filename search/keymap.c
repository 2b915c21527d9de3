#include "search/keymap.h"

#include "hwspace/base/memory.h"

#include <string.h>

void cim_search_keymap_init(cim_search_keymap *m)
{
    memset(m, 0, sizeof *m);
}

void cim_search_keymap_clear(cim_search_keymap *m)
{
    cim_free(m->slots);
    cim_search_keymap_init(m);
}

/* The slot of a key, or the free one where it belongs: Fibonacci hashing (Knuth, TAOCP 3, 6.4)
 * spreads consecutive indices, linear probing finds the rest. */
static size_t slot_of(const cim_search_keymap *m, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(h ^ h >> 32) & (m->cap - 1);
    while (m->slots[2 * at] != 0 && m->slots[2 * at] != key)
        at = (at + 1) & (m->cap - 1);
    return at;
}

bool cim_search_keymap_find(const cim_search_keymap *m, uint64_t key, uint64_t *value)
{
    if (m->cap == 0)
        return false;
    size_t at = slot_of(m, key);
    if (m->slots[2 * at] != key)
        return false;
    if (value)
        *value = m->slots[2 * at + 1];
    return true;
}

static int grow(cim_search_keymap *m)
{
    cim_search_keymap bigger = {.n = m->n, .cap = m->cap ? 2 * m->cap : 64};
    if (bigger.cap > SIZE_MAX / 32)
        return -1;
    bigger.slots = cim_alloc(2 * bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[2 * i] == 0)
            continue;
        size_t at = slot_of(&bigger, m->slots[2 * i]);
        bigger.slots[2 * at] = m->slots[2 * i];
        bigger.slots[2 * at + 1] = m->slots[2 * i + 1];
    }
    cim_free(m->slots);
    *m = bigger;
    return 0;
}

int cim_search_keymap_add(cim_search_keymap *m, uint64_t key, uint64_t value)
{
    if (3 * m->n >= 2 * m->cap && grow(m) != 0) /* at most two thirds full */
        return -1;
    size_t at = slot_of(m, key);
    if (m->slots[2 * at] == key)
        return 0;
    m->slots[2 * at] = key;
    m->slots[2 * at + 1] = value;
    m->n++;
    return 1;
}
