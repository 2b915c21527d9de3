/* A growing table from 64-bit keys to 64-bit values: which points were asked or evaluated before.
 * Keys are hashes or indices of points; 0 is not a key. About 24 bytes per entry. */
#ifndef CIM_SEARCH_KEYMAP_H
#define CIM_SEARCH_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cim_search_keymap {
    uint64_t *slots; /* owned; pairs (key, value), key 0: free */
    size_t n, cap;   /* cap: number of pairs, a power of two or 0 */
} cim_search_keymap;

void cim_search_keymap_init(cim_search_keymap *m);
void cim_search_keymap_clear(cim_search_keymap *m);

/** @param key not 0 @param[out] value may be NULL @return whether the key is there */
bool cim_search_keymap_find(const cim_search_keymap *m, uint64_t key, uint64_t *value);

/** @param key not 0
 *  @return 1 added, 0 was there already (its value is kept), -1 out of memory. Amortised O(1). */
int cim_search_keymap_add(cim_search_keymap *m, uint64_t key, uint64_t value);

#endif
