#include "analysis/rankset.h"

#include "hwspace/base/memory.h"

#include <string.h>

int cim_ana_rankset_init(cim_ana_rankset *s, size_t n)
{
    size_t sizes[CIM_ANA_RANKSET_LEVELS], total = 0, size = n;
    memset(s, 0, sizeof *s);
    do {
        size = size / 64 + 1;
        sizes[s->levels++] = size;
        total += size;
    } while (size > 1 && s->levels < CIM_ANA_RANKSET_LEVELS);
    uint64_t *block = cim_alloc(total, sizeof *block);
    if (!block)
        return -1;
    for (int l = 0; l < s->levels; l++) {
        s->words[l] = block;
        block += sizes[l];
    }
    return 0;
}

void cim_ana_rankset_clear(cim_ana_rankset *s)
{
    cim_free(s->words[0]);
    memset(s, 0, sizeof *s);
}

void cim_ana_rankset_add(cim_ana_rankset *s, size_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64)
        s->words[l][i / 64] |= UINT64_C(1) << i % 64;
}

void cim_ana_rankset_remove(cim_ana_rankset *s, size_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) {
        uint64_t *word = &s->words[l][i / 64];
        *word &= ~(UINT64_C(1) << i % 64);
        if (*word)
            return;
    }
}

/* Down again from bit i of level l to the lowest (or highest) member below it. */
static int64_t lowest(const cim_ana_rankset *s, int l, size_t i)
{
    while (l-- > 0)
        i = i * 64 + (size_t)__builtin_ctzll(s->words[l][i]);
    return (int64_t)i;
}

static int64_t highest(const cim_ana_rankset *s, int l, size_t i)
{
    while (l-- > 0)
        i = i * 64 + 63 - (size_t)__builtin_clzll(s->words[l][i]);
    return (int64_t)i;
}

int64_t cim_ana_rankset_before(const cim_ana_rankset *s, size_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) {
        uint64_t below = s->words[l][i / 64] & ((UINT64_C(1) << i % 64) - 1);
        if (below)
            return highest(s, l, i / 64 * 64 + 63 - (size_t)__builtin_clzll(below));
    }
    return CIM_ANA_RANKSET_NONE;
}

int64_t cim_ana_rankset_after(const cim_ana_rankset *s, size_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) {
        uint64_t above = s->words[l][i / 64] & ~((UINT64_C(2) << i % 64) - 1);
        if (above)
            return lowest(s, l, i / 64 * 64 + (size_t)__builtin_ctzll(above));
    }
    return CIM_ANA_RANKSET_NONE;
}
