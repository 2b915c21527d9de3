#include "hwspace/base/hash.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t cim_hash64(const void *data, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, n, seed);
}

cim_digest *cim_digest_create(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state)
        XXH3_128bits_reset(state);
    return (cim_digest *)state;
}

void cim_digest_add(cim_digest *d, const void *data, size_t n)
{
    XXH3_128bits_update((XXH3_state_t *)d, data, n);
}

void cim_digest_add_text(cim_digest *d, const char *s)
{
    uint64_t n = strlen(s);
    cim_digest_add(d, &n, sizeof n);
    cim_digest_add(d, s, (size_t)n);
}

void cim_digest_hex(const cim_digest *d, char hex[33])
{
    XXH128_hash_t h = XXH3_128bits_digest((const XXH3_state_t *)d);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void cim_digest_destroy(cim_digest *d)
{
    XXH3_freeState((XXH3_state_t *)d);
}
