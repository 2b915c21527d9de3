/* NumPy arrays: what is written reads back, what others write is read, what is damaged is refused
 * with a sentence and never a crash. */
#include "hwspace/base/memory.h"
#include "hwspace/base/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROOM = 512 };

/* A file of a version with a header and data. @return its size */
static size_t build(unsigned char *out, int major, const char *header, const void *data, size_t n)
{
    size_t length = strlen(header), at = 8;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)major;
    out[7] = 0;
    for (int i = 0; i < (major == 1 ? 2 : 4); i++)
        out[at++] = (unsigned char)(length >> (8 * i));
    memcpy(out + at, header, length);
    if (n)
        memcpy(out + at + length, data, n);
    return at + length + n;
}

static void test_reads(void **state)
{
    (void)state;
    static const float f[] = {1.5f, -2, 0, 1e-30f, 7, INFINITY};
    static const double d[] = {0.1, -1e300};
    static const int64_t i[] = {INT64_C(9007199254740992), -3, -INT64_C(9007199254740992)};
    static const struct {
        int major;
        const char *header;
        const void *data;
        size_t n;
        int rank;
        int64_t first, elements;
        cim_npy_kind kind;
        double at1;
    } cases[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", f, sizeof f, 2, 2,
         6, CIM_NPY_FLOAT32, -2},
        {2, "{'shape':(2,),'descr':'<f8','fortran_order':False}", d, sizeof d, 1, 2, 2,
         CIM_NPY_FLOAT64, -1e300},
        {1, "{\"descr\": \"<i8\", 'fortran_order': False, 'shape': (3,)}\n", i, sizeof i, 1, 3, 3,
         CIM_NPY_INT64, -3},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", f, 4, 0, 0, 1, CIM_NPY_FLOAT32,
         0},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0)}", f, 0, 2, 4, 0,
         CIM_NPY_FLOAT32, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        unsigned char file[ROOM];
        size_t n = build(file, cases[k].major, cases[k].header, cases[k].data, cases[k].n);
        cim_npy a = {0};
        cim_err err = {0};
        if (cim_npy_parse(file, n, "x.npy", &a, &err) != CIM_OK)
            fail_msg("case %zu: %s", k, err.message);
        assert_int_equal(a.rank, cases[k].rank);
        assert_int_equal(a.elements, cases[k].elements);
        assert_int_equal(a.kind, cases[k].kind);
        if (a.rank)
            assert_int_equal(a.dims[0], cases[k].first);
        if (a.elements > 1)
            assert_true(a.values[1] == cases[k].at1);
        cim_npy_clear(&a);
        for (size_t cut = 0; cut < n; cut++) { /* every prefix is refused */
            unsigned char *copy = malloc(cut ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, file, cut);
            cim_err e = {0};
            assert_int_equal(cim_npy_parse(copy, cut, "x.npy", &a, &e), CIM_E_INPUT);
            assert_true(e.message[0] != '\0');
            free(copy);
        }
    }
}

#define GOOD_DESCR "'descr': '<f4', "
#define GOOD_ORDER "'fortran_order': False, "

static const struct {
    int major;
    const char *header;
    size_t n;
    const char *sentence;
} wrong[] = {
    {3, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,)}", 4, "version 3.0"},
    {0, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,)}", 4, "version 0.0"},
    {1, "{'descr': '>f4', " GOOD_ORDER "'shape': (1,)}", 4, "'>f4'"},
    {1, "{'descr': '<f2', " GOOD_ORDER "'shape': (1,)}", 4, "'<f2'"},
    {1, "{'descr': '|O', " GOOD_ORDER "'shape': (1,)}", 4, "'|O'"},
    {1, "{'descr': [('a', '<f4')], " GOOD_ORDER "'shape': (1,)}", 4, "records"},
    {1, "{" GOOD_DESCR "'fortran_order': True, 'shape': (1,)}", 4, "Fortran"},
    {1, "{" GOOD_DESCR "'fortran_order': 0, 'shape': (1,)}", 4, "neither"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,)", 4, "damaged"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1, -1)}", 4, "not a size"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1 1)}", 4, "not closed"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': 1}", 4, "not a tuple"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (99999999999999999999,)}", 4, "too large"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (4294967296, 4294967296)}", 4, "too large"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,1,1,1,1,1,1,1,1)}", 4, "more than 8"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (2,)}", 4, "holds 4 bytes"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,)}", 5, "holds 5 bytes"},
    {1, "{" GOOD_DESCR GOOD_ORDER "}", 4, "lacks"},
    {1, "{" GOOD_DESCR GOOD_DESCR GOOD_ORDER "'shape': (1,)}", 4, "repeated"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,), 'more': 1}", 4, "unknown"},
    {1, "{" GOOD_DESCR GOOD_ORDER "'shape': (1,)} x", 4, "follows"},
    {1, "[" GOOD_DESCR GOOD_ORDER "'shape': (1,)}", 4, "not a dictionary"},
    {1, "", 4, "not a dictionary"},
};

static void test_refuses(void **state)
{
    (void)state;
    static const unsigned char data[8] = {0};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        unsigned char file[ROOM];
        size_t n = build(file, wrong[k].major, wrong[k].header, data, wrong[k].n);
        cim_npy a = {.rank = 77};
        cim_err err = {0};
        assert_int_equal(cim_npy_parse(file, n, "x.npy", &a, &err), CIM_E_INPUT);
        if (!strstr(err.message, wrong[k].sentence))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", k, err.message, wrong[k].sentence);
        assert_string_equal(err.where, "x.npy");
        assert_int_equal(a.rank, 77); /* untouched */
    }
    int64_t big = (INT64_C(1) << 53) + 1;
    unsigned char file[ROOM];
    size_t n = build(file, 1, "{'descr': '<i8', " GOOD_ORDER "'shape': (1,)}", &big, sizeof big);
    cim_npy a;
    cim_err err = {0};
    assert_int_equal(cim_npy_parse(file, n, "x.npy", &a, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "2^53"));
    assert_int_equal(cim_npy_read("/nonexistent.npy", &a, NULL), CIM_E_INPUT);
}

/* Any byte changed to anything: an error or an array, nothing else. */
static void test_mutations(void **state)
{
    (void)state;
    static const float f[] = {1, 2, 3, 4, 5, 6};
    unsigned char file[ROOM];
    size_t n = build(file, 1, "{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3), } \n", f, sizeof f);
    for (size_t at = 0; at < n; at++)
        for (int v = 0; v < 256; v++) {
            unsigned char was = file[at];
            file[at] = (unsigned char)v;
            cim_npy a = {0};
            if (cim_npy_parse(file, n, "x.npy", &a, NULL) == CIM_OK)
                cim_npy_clear(&a);
            file[at] = was;
        }
}

static cim_status write_npy(const char *path, int rank, const int64_t *dims, const double *values)
{
    cim_text t;
    cim_text_init(&t);
    cim_npy_format(rank, dims, values, &t);
    cim_status s = cim_file_write(path, cim_text_str(&t), t.n, NULL);
    cim_text_clear(&t);
    return s;
}

static void test_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/cim_npy_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    static const double v[] = {0.1, -2.5, 3e-40, 1e30, 0, -0.0};
    static const struct {
        int rank;
        int64_t dims[3];
    } shapes[] = {{1, {6}}, {2, {2, 3}}, {3, {1, 6, 1}}, {0, {0}}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        cim_npy a = {0};
        assert_int_equal(write_npy(path, shapes[k].rank, shapes[k].dims, v), CIM_OK);
        assert_int_equal(cim_npy_read(path, &a, NULL), CIM_OK);
        assert_int_equal(a.rank, shapes[k].rank);
        for (int i = 0; i < a.rank; i++)
            assert_int_equal(a.dims[i], shapes[k].dims[i]);
        for (int64_t i = 0; i < a.elements; i++)
            assert_true(a.values[i] == (double)(float)v[i]);
        cim_npy_clear(&a);
        for (unsigned long n = 1; n < 100; n++) { /* every allocation may fail */
            cim_alloc_fail_after(n);
            cim_status s = cim_npy_read(path, &a, NULL);
            cim_alloc_fail_after(0);
            if (s == CIM_OK) {
                cim_npy_clear(&a);
                break;
            }
            assert_int_equal(s, CIM_E_NOMEM);
        }
    }
    unlink(path);
    assert_int_equal(write_npy("/nonexistent/x.npy", 1, shapes[0].dims, v), CIM_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
