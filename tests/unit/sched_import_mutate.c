/* Damaged networks: bytes of valid files changed, dropped, repeated and spliced. Whatever comes of
 * it is a network that passes its checks or an input error, in bounded time. Run under ASan and
 * UBSan (-DCIM_SANITIZE=ON) it also finds wild reads; failures print the seed. */
#include "hwspace/base/embed.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "sched/graph.h"
#include "sched/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { PER_FILE = 400, MAX_FILE = 20000 };

typedef struct sample {
    unsigned char *bytes;
    size_t n;
} sample;

static sample mutate(const unsigned char *bytes, size_t n, const sample *other, cim_rng *rng)
{
    sample s = {malloc(2 * n + other->n + 64), n};
    assert_non_null(s.bytes);
    memcpy(s.bytes, bytes, n);
    uint64_t edits = 1 + cim_rng_below(rng, 4);
    for (uint64_t e = 0; e < edits && s.n > 8; e++) {
        size_t at = (size_t)cim_rng_below(rng, s.n), len = 1 + (size_t)cim_rng_below(rng, 16);
        if (len > s.n - at)
            len = s.n - at;
        switch (cim_rng_below(rng, 7)) {
        case 0:
            s.bytes[at] ^= (unsigned char)(1u << cim_rng_below(rng, 8));
            break;
        case 1:
            s.bytes[at] = (unsigned char)cim_rng_below(rng, 256);
            break;
        case 2: /* a huge or negative number */
            memset(s.bytes + at, 0xff, len);
            break;
        case 3: /* drop */
            memmove(s.bytes + at, s.bytes + at + len, s.n - at - len);
            s.n -= len;
            break;
        case 4: /* repeat */
            if (s.n + len < 2 * n) {
                memmove(s.bytes + at + len, s.bytes + at, s.n - at);
                s.n += len;
            }
            break;
        case 5: /* from another file */
            if (len < other->n)
                memcpy(s.bytes + at, other->bytes + cim_rng_below(rng, other->n - len), len);
            break;
        default:
            s.n = at + 1;
            break;
        }
    }
    return s;
}

static void try_one(const sample *s, const char *what, uint64_t seed)
{
    cim_err err = {0};
    cim_cc_model *m = NULL;
    cim_status status = cim_cc_model_parse(s->bytes, s->n, "mutated", NULL, NULL, &m, &err);
    if (status == CIM_OK) {
        if (cim_cc_graph_check(cim_cc_model_graph(m), &err) != CIM_OK)
            fail_msg("%s, seed %llu: %s", what, (unsigned long long)seed, err.message);
        cim_cc_model_destroy(m);
    } else if (status != CIM_E_INPUT || !err.message[0]) {
        fail_msg("%s, seed %llu: status %d, '%s'", what, (unsigned long long)seed, (int)status,
                 err.message);
    }
}

static void mutations(void **state)
{
    (void)state;
    const char *per = getenv("CIM_MUTATIONS"); /* more for a longer hunt */
    uint64_t rounds = per ? strtoull(per, NULL, 10) : PER_FILE;
    sample other = {NULL, 0};
    clock_t worst = 0;
    for (const cim_embedded_file *f = cim_embedded_models; f->name; f++) {
        size_t n = (size_t)(f->end - f->begin);
        /* large files: fewer rounds */
        uint64_t some = n > MAX_FILE ? rounds / 4 : rounds;
        for (uint64_t seed = 0; seed < some; seed++) {
            cim_rng *rng = cim_rng_create(seed, f->name);
            assert_non_null(rng);
            sample s = mutate(f->begin, n, &other, rng);
            clock_t start = clock();
            try_one(&s, f->name, seed);
            clock_t took = clock() - start;
            worst = took > worst ? took : worst;
            free(other.bytes);
            other = s;
            cim_rng_destroy(rng);
        }
    }
    free(other.bytes);
    /* a few milliseconds each; a second would be a network that costs more than its bytes do */
    assert_true(worst < 5 * CLOCKS_PER_SEC);
}

/* Every prefix of a small file. */
static void truncations(void **state)
{
    (void)state;
    const cim_embedded_file *f = cim_embedded_find(cim_embedded_models, "vgg8", ".onnx");
    assert_non_null(f);
    size_t n = (size_t)(f->end - f->begin);
    for (size_t k = 0; k < n; k++) {
        /* an exact copy, so that a read past the end is seen */
        sample s = {malloc(k ? k : 1), k};
        assert_non_null(s.bytes);
        memcpy(s.bytes, f->begin, k);
        try_one(&s, "prefix", k);
        free(s.bytes);
    }
}

int main(void)
{
    cim_rng_library_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutations),
        cmocka_unit_test(truncations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
