#include "analysis/seal.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    TIME = 20, /* "2026-01-01T00:00:00Z" */
    LINE = 66,
    BLOCK = 1 << 20
};
static const char word[] = "cimdse-checksum ";

/* Offset of a text of TIME bytes, or -1. Blocks overlap by TIME - 1 bytes. */
static int64_t find_time(FILE *f, const char *time, unsigned char *block)
{
    int64_t start = 0;
    for (;;) {
        if (fseeko(f, (off_t)start, SEEK_SET) != 0)
            return -1;
        size_t n = fread(block, 1, BLOCK, f);
        for (size_t i = 0; i + TIME <= n; i++) {
            const unsigned char *hit = memchr(block + i, time[0], n - TIME - i + 1);
            if (!hit)
                break;
            i = (size_t)(hit - block);
            if (!memcmp(hit, time, TIME))
                return start + (int64_t)i;
        }
        if (n < BLOCK)
            return -1;
        start += BLOCK - TIME + 1;
    }
}

/* Hash of the first `size` bytes, TIME bytes at `masked` taken as zeros. */
static bool hash_file(FILE *f, uint64_t size, uint64_t masked, unsigned char *block, char hex[33])
{
    cim_digest *h = cim_digest_create();
    bool good = h && fseeko(f, 0, SEEK_SET) == 0;
    for (uint64_t at = 0; good && at < size;) {
        size_t want = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        good = fread(block, 1, want, f) == want;
        for (uint64_t i = masked; i < masked + TIME; i++)
            if (i >= at && i < at + want)
                block[i - at] = 0;
        if (good)
            cim_digest_add(h, block, want);
        at += want;
    }
    if (good)
        cim_digest_hex(h, hex);
    if (h)
        cim_digest_destroy(h);
    return good;
}

cim_status cim_ana_seal_write(const char *path, const char *time, cim_err *err)
{
    char hex[33];
    unsigned char *block = cim_alloc(BLOCK, 1);
    FILE *f = block ? fopen(path, "r+b") : NULL;
    bool good = f && strlen(time) == TIME;
    int64_t masked = good ? find_time(f, time, block) : -1;
    off_t size = -1;
    if (masked >= 0 && fseeko(f, 0, SEEK_END) == 0)
        size = ftello(f);
    good = size > 0 && hash_file(f, (uint64_t)size, (uint64_t)masked, block, hex) &&
           fseeko(f, 0, SEEK_END) == 0 &&
           fprintf(f, "%s%016" PRIx64 " %s\n", word, (uint64_t)masked, hex) == LINE;
    if (f)
        good = fclose(f) == 0 && good;
    bool memory = block != NULL;
    cim_free(block);
    if (!memory)
        return cim_err_set(err, CIM_E_NOMEM, path, "out of memory for a checksum");
    return good ? CIM_OK
                : cim_err_set(err, CIM_E_IO, path, "the checksum cannot be written: %s",
                              strerror(errno));
}

/* @return 1 the line is there and right, 0 there is none, -1 it is wrong */
static int check(FILE *f, unsigned char *block)
{
    char line[LINE + 1] = "", hex[33], expected[33];
    uint64_t masked;
    if (fseeko(f, -LINE, SEEK_END) != 0 || fread(line, 1, LINE, f) != LINE ||
        memcmp(line, word, sizeof word - 1) != 0)
        return 0;
    off_t size = ftello(f) - LINE;
    if (sscanf(line + sizeof word - 1, "%16" SCNx64 " %32s", &masked, expected) != 2 ||
        masked > (uint64_t)size || !hash_file(f, (uint64_t)size, masked, block, hex))
        return -1;
    return strcmp(hex, expected) ? -1 : 1;
}

cim_status cim_ana_seal_check(const char *path, cim_err *err)
{
    unsigned char *block = cim_alloc(BLOCK, 1);
    FILE *f = block ? fopen(path, "rb") : NULL;
    int result = f ? check(f, block) : 0;
    if (f)
        fclose(f);
    bool memory = block != NULL;
    cim_free(block);
    if (!memory)
        return cim_err_set(err, CIM_E_NOMEM, path, "out of memory for a checksum");
    return result < 0 ? cim_err_set(err, CIM_E_INPUT, path,
                                    "the file is damaged: its checksum does not match its content")
                      : CIM_OK;
}
