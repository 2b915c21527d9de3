#include "hwspace/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static unsigned long fail_after;

/* One allocation of a tebibyte is a size gone wrong: refused here, before any allocator (or its
 * sanitizer) is asked. */
#define MAX_BYTES ((size_t)1 << 40)

static int too_large(size_t n, size_t size)
{
    return size > 0 && n > MAX_BYTES / size;
}

static int injected_failure(void)
{
    if (fail_after == 0)
        return 0;
    if (fail_after == 1)
        return 1; /* stays at 1: every later allocation fails too */
    fail_after--;
    return 0;
}

void cim_alloc_fail_after(unsigned long n)
{
    fail_after = n;
}

void *cim_alloc(size_t n, size_t size)
{
    if (injected_failure() || too_large(n, size))
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *cim_realloc(void *p, size_t n, size_t size)
{
    if (injected_failure() || too_large(n, size))
        return NULL;
    size_t bytes = n * size;
    return realloc(p, bytes ? bytes : 1);
}

int cim_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return 0;
    size_t grown = *cap < 8 ? 8 : *cap;
    while (grown < need) {
        if (grown > SIZE_MAX / 2)
            return -1;
        grown *= 2;
    }
    void *old;
    memcpy(&old, p, sizeof old);
    void *fresh = cim_realloc(old, grown, size);
    if (!fresh)
        return -1;
    memcpy(p, &fresh, sizeof fresh);
    *cap = grown;
    return 0;
}

void cim_free(void *p)
{
    free(p);
}

char *cim_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = cim_alloc(n, 1);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

struct cim_arena_block {
    cim_arena_block *next;
    size_t size;
    _Alignas(16) unsigned char data[];
};

enum { ARENA_BLOCK = 1 << 16, ARENA_ALIGN = 16 };

void cim_arena_init(cim_arena *ar)
{
    memset(ar, 0, sizeof *ar);
}

static cim_arena_block *block_new(size_t bytes)
{
    size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
    if (size > SIZE_MAX - sizeof(cim_arena_block))
        return NULL;
    cim_arena_block *b = cim_alloc(1, sizeof *b + size);
    if (b)
        b->size = size;
    return b;
}

void *cim_arena_take(cim_arena *ar, size_t n, size_t size)
{
    if (size && n > (SIZE_MAX - ARENA_ALIGN) / size)
        return NULL;
    size_t bytes = (n * size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    while (ar->current && bytes > ar->current->size - ar->used && ar->current->next) {
        ar->current = ar->current->next;
        ar->used = 0;
    }
    if (!ar->current || bytes > ar->current->size - ar->used) {
        cim_arena_block *b = block_new(bytes);
        if (!b)
            return NULL;
        if (ar->current)
            ar->current->next = b;
        else
            ar->first = b;
        ar->current = b;
        ar->used = 0;
    }
    void *p = ar->current->data + ar->used;
    ar->used += bytes;
    return p;
}

void *cim_arena_alloc(cim_arena *ar, size_t n, size_t size)
{
    void *p = cim_arena_take(ar, n, size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

char *cim_arena_strdup(cim_arena *ar, const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = cim_arena_alloc(ar, n, 1);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

cim_arena_mark cim_arena_save(const cim_arena *ar)
{
    return (cim_arena_mark){.block = ar->current, .used = ar->used};
}

void cim_arena_rewind(cim_arena *ar, cim_arena_mark mark)
{
    ar->current = mark.block ? mark.block : ar->first;
    ar->used = mark.used;
}

void cim_arena_reset(cim_arena *ar)
{
    ar->current = ar->first;
    ar->used = 0;
}

void cim_arena_clear(cim_arena *ar)
{
    for (cim_arena_block *b = ar->first, *next; b; b = next) {
        next = b->next;
        cim_free(b);
    }
    cim_arena_init(ar);
}
