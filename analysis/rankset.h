/* A set of integers below n with predecessor and successor in a few word operations: a bitmap
 * with summaries of 64 bits each on top (three levels for 262,144). Holds the staircases of the
 * sweeps in analysis, whose coordinates are sorted once and then known by rank; unlike a balanced
 * tree it needs no allocation per point and no pointer chasing. */
#ifndef CIM_ANALYSIS_RANKSET_H
#define CIM_ANALYSIS_RANKSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIM_ANA_RANKSET_LEVELS = 6, CIM_ANA_RANKSET_NONE = -1 }; /* 64^6 > 2^32 */

typedef struct cim_ana_rankset {
    int levels;
    uint64_t *words[CIM_ANA_RANKSET_LEVELS]; /* [0]: the set; owned as one block */
} cim_ana_rankset;

/** An empty set for 0 .. n-1. @return 0, -1 out of memory */
int cim_ana_rankset_init(cim_ana_rankset *s, size_t n);
void cim_ana_rankset_clear(cim_ana_rankset *s);
void cim_ana_rankset_add(cim_ana_rankset *s, size_t i);
void cim_ana_rankset_remove(cim_ana_rankset *s, size_t i);
/** Largest member < i, smallest member > i; CIM_ANA_RANKSET_NONE when there is none. */
int64_t cim_ana_rankset_before(const cim_ana_rankset *s, size_t i);
int64_t cim_ana_rankset_after(const cim_ana_rankset *s, size_t i);

#endif
