/* Random spaces: every sampler's points lie in their domains, resolve to what the fields can hold
 * or say why not, bind to exactly the values drawn; damaged files never crash a reader. */
#include "hwspace/base/embed.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "hwspace/space.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPACES = 400, POINTS = 60, MAX_FIELDS = CIM_HW_MAX_FIELDS };
static cim_hw_arch base;

static int setup(void **state)
{
    (void)state;
    cim_rng_library_init();
    return cim_hw_arch_load("puma", &base, NULL) != CIM_OK;
}

static int teardown(void **state)
{
    (void)state;
    cim_hw_arch_clear(&base);
    return 0;
}

/* ---- random specs ---- */

static double random_value(cim_rng *rng, const cim_hw_field *f)
{
    double hi = fmin(f->max, fmax(f->min, 1) * 1000), v;
    v = f->min + cim_rng_uniform(rng) * (hi - f->min);
    return f->type == CIM_HW_INT ? floor(v) : v;
}

static void write_numeric(cim_rng *rng, const cim_hw_field *f, cim_text *t)
{
    double a = random_value(rng, f), b = random_value(rng, f);
    double lo = fmin(a, b), hi = fmax(a, b);
    uint64_t form = cim_rng_below(rng, f->type == CIM_HW_REAL ? 4 : 3);
    switch (f->max < 2 && form == 2 ? 3 : form) { /* no power of two above 1 in a share */
    case 0:
        cim_text_addf(t, "{\"values\": [%.17g", a);
        if (a != b)
            cim_text_addf(t, ", %.17g", b);
        cim_text_add(t, "]}");
        break;
    case 1:
        if (f->type == CIM_HW_INT && cim_rng_below(rng, 2))
            cim_text_addf(t, "{\"range\": [%.0f, %.0f]}", lo, hi);
        else if (f->type == CIM_HW_INT)
            cim_text_addf(t, "{\"range\": [%.0f, %.0f, %d]}", lo, hi,
                          1 + (int)cim_rng_below(rng, 9));
        else
            cim_text_addf(t, "{\"range\": [%.17g, %.17g, %.17g]}", lo, hi, (hi - lo) / 7 + 1e-6);
        break;
    case 2: {
        int from, to; /* 2^from to 2^(to - 1) lie in the field's range */
        frexp(fmax(f->min, 1), &from);
        frexp(f->max, &to);
        int k = from + (int)cim_rng_below(rng, (uint64_t)(to - from));
        int top = k + (int)cim_rng_below(rng, (uint64_t)(to - k));
        cim_text_addf(t, "{\"log2\": [%.17g, %.17g]}", ldexp(1, k), ldexp(1, top));
        break;
    }
    default:
        cim_text_addf(t, "{\"real\": [%.17g, %.17g]}", lo, hi);
    }
}

static void write_words(cim_rng *rng, const cim_hw_field *f, cim_text *t)
{
    char word[64];
    int n = 0;
    cim_text_addf(t, "{\"%s\": [", cim_rng_below(rng, 2) ? "choice" : "values");
    for (double v = 0; v <= f->max; v++) {
        if (n > 0 && cim_rng_below(rng, 2))
            continue;
        const char *quote = f->type == CIM_HW_BOOL ? "" : "\"";
        cim_text_addf(t, "%s%s%s%s", n++ ? ", " : "", quote,
                      cim_hw_field_text(f, v, word, sizeof word), quote);
    }
    cim_text_add(t, "]}");
}

static void write_expr(cim_rng *rng, const size_t *fields, size_t n, cim_text *t)
{
    static const char *const forms[] = {"%s",       "%s * 2",          "%s / 3", "min(%s, 64)",
                                        "log2(%s)", "%s > 40 ? 8 : 4", "%s - 5"};
    cim_text_add(t, "{\"expr\": \"");
    const char *path = cim_hw_fields[fields[cim_rng_below(rng, n)]].path;
    const char *form = forms[cim_rng_below(rng, sizeof forms / sizeof *forms)];
    for (const char *c = form; *c; c++)
        if (c[0] == '%')
            cim_text_add(t, path), c++;
        else
            cim_text_add_n(t, c, 1);
    cim_text_add(t, "\"}");
}

/* A random subset of the fields in random order; expressions only look back, so no circles. */
static void write_spec(cim_rng *rng, cim_text *t)
{
    size_t order[MAX_FIELDS], n = cim_hw_n_fields, used = 0,
                              want = 1 + (size_t)cim_rng_below(rng, 12);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t j = i + (size_t)cim_rng_below(rng, n - i), k = order[i];
        order[i] = order[j];
        order[j] = k;
    }
    cim_text_add(t, "{");
    for (size_t i = 0; i < n && used < want; i++) {
        const cim_hw_field *f = &cim_hw_fields[order[i]];
        cim_text_addf(t, "%s\"%s\": ", used ? ", " : "", f->path);
        size_t k = order[i];
        if (used > 0 && cim_rng_below(rng, 4) == 0)
            write_expr(rng, order, used, t);
        else if (f->type == CIM_HW_BOOL || f->type == CIM_HW_CHOICE)
            write_words(rng, f, t);
        else
            write_numeric(rng, f, t);
        order[used++] = k;
    }
    cim_text_add(t, "}");
}

/* ---- what must hold ---- */

static bool in_domain(const cim_hw_space *space, size_t i, double v)
{
    const cim_hw_param *p = cim_hw_space_param(space, i);
    const cim_hw_field *f = &cim_hw_fields[p->field];
    if (p->domain == CIM_HW_DOMAIN_EXPR)
        return v == 0;
    if (!(v >= p->lo && v <= p->hi && v >= f->min && v <= f->max))
        return false;
    if (p->n_levels == 0)
        return true;
    return cim_hw_space_level_value(space, i, cim_hw_space_level_of(space, i, v)) == v;
}

static void check_point(const cim_hw_space *space, double *point, const char *spec)
{
    size_t n = cim_hw_space_n_params(space);
    char reason[256] = "";
    for (size_t i = 0; i < n; i++)
        if (!in_domain(space, i, point[i]))
            fail_msg("%s: %s = %.17g", spec, cim_hw_space_param(space, i)->path, point[i]);
    if (!cim_hw_space_resolve(space, point, reason, sizeof reason)) {
        assert_true(reason[0] != '\0');
        return;
    }
    cim_hw_arch a;
    cim_hw_space_bind(space, &base, point, &a);
    for (size_t i = 0; i < n; i++) {
        const cim_hw_field *f = &cim_hw_fields[cim_hw_space_param(space, i)->field];
        assert_int_equal(cim_hw_field_check(f, point[i], "", NULL), CIM_OK);
        assert_true(cim_hw_field_get(&a, f) == point[i]);
    }
    if (!cim_hw_arch_consistent(&a, reason, sizeof reason))
        assert_true(reason[0] != '\0');
}

static cim_status read_text(const char *text, size_t size, cim_hw_space **space, cim_err *err)
{
    cim_json *doc;
    memset(err, 0, sizeof *err);
    CIM_TRY(cim_json_parse(text, size, "spec", &doc, err));
    cim_status s = cim_hw_space_read(doc, cim_json_root(doc), NULL, &base, NULL, 0, space, err);
    cim_json_free(doc);
    return s;
}

static void test_random_spaces(void **state)
{
    (void)state;
    uint64_t seed = 11;
    cim_rng *rng = cim_rng_create(seed, "spaces");
    int read = 0;
    for (int k = 0; k < SPACES; k++) {
        cim_text t = {0};
        write_spec(rng, &t);
        cim_hw_space *space;
        cim_err err;
        if (read_text(t.s, t.n, &space, &err) != CIM_OK)
            fail_msg("seed %d, spec %d: %s\n%s: %s", (int)seed, k, t.s, err.where, err.message);
        read++;
        for (int kind = 0; kind <= CIM_HW_SAMPLING_HALTON; kind++) {
            cim_hw_sampler *s;
            if (cim_hw_sampler_create(space, (cim_hw_sampling)kind, (uint64_t)k, POINTS, &s,
                                      NULL) != CIM_OK) {
                assert_true(kind == CIM_HW_SAMPLING_GRID && isinf(cim_hw_space_size(space)));
                continue;
            }
            double point[MAX_FIELDS];
            int n = 0;
            for (; cim_hw_sampler_next(s, point); n++)
                check_point(space, point, t.s);
            assert_true(n == POINTS ||
                        (kind == CIM_HW_SAMPLING_GRID && n == cim_hw_space_size(space)));
            cim_hw_sampler_destroy(s);
        }
        cim_hw_space_destroy(space);
        cim_text_clear(&t);
    }
    assert_int_equal(read, SPACES);
    cim_rng_destroy(rng);
}

/* ---- damage ---- */

static size_t damage(cim_rng *rng, const char *from, size_t n, char *to)
{
    memcpy(to, from, n);
    for (uint64_t edits = 1 + cim_rng_below(rng, 2); edits > 0 && n > 1; edits--) {
        size_t at = (size_t)cim_rng_below(rng, n), other = (size_t)cim_rng_below(rng, n);
        static const char bytes[] = "{}[]\",:0123456789.-eE tfn\\";
        switch (cim_rng_below(rng, 3)) {
        case 0:
            to[at] = bytes[cim_rng_below(rng, sizeof bytes - 1)];
            break;
        case 1:
            to[at] = to[other];
            break;
        default:
            memmove(to + at, to + at + 1, n - at - 1);
            n--;
        }
    }
    return n;
}

static void test_damaged_spaces(void **state)
{
    (void)state;
    cim_rng *rng = cim_rng_create(12, "damage");
    int accepted = 0;
    for (int k = 0; k < 4000; k++) {
        cim_text t = {0};
        write_spec(rng, &t);
        char *bad = malloc(t.n);
        assert_non_null(bad);
        size_t n = damage(rng, t.s, t.n, bad);
        cim_hw_space *space = NULL;
        cim_err err;
        cim_status s = read_text(bad, n, &space, &err);
        if (s == CIM_OK) {
            double point[MAX_FIELDS] = {0};
            cim_hw_sampler *sampler;
            assert_int_equal(
                cim_hw_sampler_create(space, CIM_HW_SAMPLING_RANDOM, 1, 0, &sampler, NULL), CIM_OK);
            assert_true(cim_hw_sampler_next(sampler, point));
            check_point(space, point, t.s);
            cim_hw_sampler_destroy(sampler);
            cim_hw_space_destroy(space);
            accepted++;
        } else {
            assert_int_equal(s, CIM_E_INPUT);
            assert_true(err.message[0] != '\0' && err.where[0] != '\0');
            assert_null(space);
        }
        free(bad);
        cim_text_clear(&t);
    }
    assert_true(accepted > 20);
    cim_rng_destroy(rng);
}

static void test_damaged_architectures(void **state)
{
    (void)state;
    cim_rng *rng = cim_rng_create(13, "damage");
    int accepted = 0;
    for (int k = 0; k < 4000; k++) {
        const cim_embedded_file *f = &cim_embedded_presets[cim_rng_below(rng, 5)];
        size_t n = (size_t)(f->end - f->begin);
        char *bad = malloc(n);
        assert_non_null(bad);
        n = damage(rng, (const char *)f->begin, n, bad);
        cim_json *doc;
        cim_hw_arch a;
        cim_err err = {0};
        cim_status s = cim_json_parse(bad, n, "arch", &doc, &err);
        if (s == CIM_OK) {
            s = cim_hw_arch_read(doc, cim_json_root(doc), &a, &err);
            cim_json_free(doc);
        }
        if (s == CIM_OK) {
            for (size_t i = 0; i < cim_hw_n_fields; i++)
                assert_int_equal(cim_hw_field_check(&cim_hw_fields[i],
                                                    cim_hw_field_get(&a, &cim_hw_fields[i]), "",
                                                    NULL),
                                 CIM_OK);
            char reason[256];
            (void)cim_hw_arch_consistent(&a, reason, sizeof reason);
            cim_hw_arch_clear(&a);
            accepted++;
        } else {
            assert_int_equal(s, CIM_E_INPUT);
            assert_true(err.message[0] != '\0' && err.where[0] != '\0');
        }
        free(bad);
    }
    assert_true(accepted > 100);
    cim_rng_destroy(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_spaces),
                                       cmocka_unit_test(test_damaged_spaces),
                                       cmocka_unit_test(test_damaged_architectures)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
