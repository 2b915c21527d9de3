/* Checked allocation, injected failure, the arena. */
#include "hwspace/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_overflow(void **state)
{
    (void)state;
    assert_null(cim_alloc(SIZE_MAX, 2));
    assert_null(cim_alloc(SIZE_MAX / 2 + 1, 2));
    void *p = cim_alloc(0, 8);
    assert_non_null(p);
    assert_null(cim_realloc(p, SIZE_MAX / 4 + 1, 8));
    p = cim_realloc(p, 0, 8);
    assert_non_null(p);
    cim_free(p);
    cim_free(NULL);
    size_t cap = 0;
    int *v = NULL;
    assert_int_equal(cim_grow(&v, &cap, SIZE_MAX, sizeof *v), -1);
    assert_int_equal(cim_grow(&v, &cap, SIZE_MAX / 2, sizeof *v), -1);
    assert_true(v == NULL && cap == 0);
}

static void test_zeroed_and_grown(void **state)
{
    (void)state;
    unsigned char *p = cim_alloc(1000, 1);
    assert_non_null(p);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    cim_free(p);
    int *v = NULL;
    size_t cap = 0;
    for (size_t n = 0; n < 5000; n++) {
        assert_int_equal(cim_grow(&v, &cap, n + 1, sizeof *v), 0);
        v[n] = (int)n;
    }
    for (size_t n = 0; n < 5000; n++)
        assert_int_equal(v[n], (int)n);
    assert_int_equal(cap, 8192);
    cim_free(v);
    char *s = cim_strdup("text");
    assert_string_equal(s, "text");
    cim_free(s);
}

static void test_injection(void **state)
{
    (void)state;
    cim_alloc_fail_after(3);
    void *a = cim_alloc(1, 1), *b = cim_alloc(1, 1);
    assert_true(a && b);
    assert_null(cim_alloc(1, 1));
    assert_null(cim_alloc(1, 1)); /* and all after it */
    assert_null(cim_strdup("x"));
    assert_null(cim_realloc(a, 2, 1));
    cim_alloc_fail_after(0);
    void *c = cim_alloc(1, 1);
    assert_non_null(c);
    cim_free(a);
    cim_free(b);
    cim_free(c);
}

static void test_arena(void **state)
{
    (void)state;
    cim_arena ar;
    cim_arena_init(&ar);
    enum { N = 500 };
    unsigned char *p[N];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t n = (i * 7919) % 3000;
            p[i] = cim_arena_alloc(&ar, n, 1);
            assert_non_null(p[i]);
            assert_int_equal((uintptr_t)p[i] % 16, 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(p[i][k], 0);
            memset(p[i], (int)i, n); /* overlap would show below, or in the sanitizer */
        }
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < (i * 7919) % 3000; k++)
                assert_int_equal(p[i][k], (unsigned char)i);
        if (round == 0)
            cim_alloc_fail_after(1); /* the high-water mark is held: no malloc any more */
        cim_arena_reset(&ar);
    }
    cim_alloc_fail_after(0);
    assert_string_equal(cim_arena_strdup(&ar, "text"), "text");
    cim_arena_clear(&ar);
    assert_null(ar.first);
}

static void test_arena_sizes(void **state)
{
    (void)state;
    cim_arena ar;
    cim_arena_init(&ar);
    assert_non_null(cim_arena_alloc(&ar, 100, 1));
    /* Sizes near the end of the address space must not wrap into the current block. */
    for (size_t k = 0; k < 200; k++)
        assert_null(cim_arena_take(&ar, SIZE_MAX - k, 1));
    assert_null(cim_arena_alloc(&ar, SIZE_MAX / 8 + 1, 8));
    assert_null(cim_arena_alloc(&ar, SIZE_MAX, SIZE_MAX));
    unsigned char *big = cim_arena_alloc(&ar, 1 << 20, 1);
    assert_non_null(big);
    big[(1 << 20) - 1] = 1;
    void *zero = cim_arena_alloc(&ar, 0, 8);
    assert_non_null(zero);
    cim_alloc_fail_after(1);
    assert_null(cim_arena_alloc(&ar, 1 << 21, 1));
    cim_alloc_fail_after(0);
    assert_non_null(cim_arena_alloc(&ar, 1 << 21, 1));
    cim_arena_clear(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow), cmocka_unit_test(test_zeroed_and_grown),
        cmocka_unit_test(test_injection), cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
