/* Hashes (xxHash behind them): 128-bit digests of content, 64-bit keys for tables. */
#ifndef CIM_HWSPACE_BASE_HASH_H
#define CIM_HWSPACE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** XXH3-64 of a byte string. Cost O(n), about 10 bytes per ns. */
uint64_t cim_hash64(const void *data, size_t n, uint64_t seed);

/** Streaming XXH3-128. */
typedef struct cim_digest cim_digest;
cim_digest *cim_digest_create(void); /* NULL: out of memory */
void cim_digest_add(cim_digest *d, const void *data, size_t n);
/** Text and its length, so that ("ab","c") and ("a","bc") differ. */
void cim_digest_add_text(cim_digest *d, const char *s);
/** @param[out] hex 32 hexadecimal digits and a NUL */
void cim_digest_hex(const cim_digest *d, char hex[33]);
void cim_digest_destroy(cim_digest *d);

#endif
