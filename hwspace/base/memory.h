/* Memory: checked allocation with injectable failure, and an arena.
 *
 * Everything that outlives a call and is not in an arena comes from cim_alloc() and goes back
 * through cim_free(). Hot paths use an arena that is reset per candidate: after the first
 * candidates it holds its high-water mark and never calls malloc again. */
#ifndef CIM_HWSPACE_BASE_MEMORY_H
#define CIM_HWSPACE_BASE_MEMORY_H

#include <stddef.h>

/** Zeroed memory for n objects of a size; NULL on overflow, exhaustion or injected failure.
 *  The caller owns it and returns it with cim_free(). n = 0 gives a unique pointer. */
void *cim_alloc(size_t n, size_t size);

/** Resize to n objects of a size (the new part is not zeroed); NULL leaves p as it was. */
void *cim_realloc(void *p, size_t n, size_t size);

/** Grow a vector: makes room for at least `need` elements, doubling.
 *  @param[in,out] p    address of the vector's pointer
 *  @param[in,out] cap  its capacity in elements
 *  @return 0, or -1 when memory ran out (p and cap unchanged). */
int cim_grow(void *p, size_t *cap, size_t need, size_t size);

/** Give back what cim_alloc() and its kin returned; NULL is fine. */
void cim_free(void *p);
/** A copy of a string, owned by the caller; NULL: no memory. */
char *cim_strdup(const char *s);

/** Test hook: the n-th allocation from now (1 = next) and all after it fail; 0 switches off. */
void cim_alloc_fail_after(unsigned long n);

/** Arena: allocations live until the next reset. Not thread-safe. */
typedef struct cim_arena_block cim_arena_block;
typedef struct cim_arena {
    cim_arena_block *first, *current;
    size_t used; /* bytes used in current */
} cim_arena;

void cim_arena_init(cim_arena *ar);
/** Zeroed, 16-byte aligned memory living in `ar`; NULL when memory ran out. */
void *cim_arena_alloc(cim_arena *ar, size_t n, size_t size);
/** The same without zeroing, for hot paths that write every byte. */
void *cim_arena_take(cim_arena *ar, size_t n, size_t size);
char *cim_arena_strdup(cim_arena *ar, const char *s);
/** A point to go back to: what was allocated since is forgotten, the blocks stay. */
typedef struct cim_arena_mark {
    cim_arena_block *block;
    size_t used;
} cim_arena_mark;
cim_arena_mark cim_arena_save(const cim_arena *ar);
void cim_arena_rewind(cim_arena *ar, cim_arena_mark mark);
/** Forget all allocations, keep the blocks. */
void cim_arena_reset(cim_arena *ar);
void cim_arena_clear(cim_arena *ar);

#endif
