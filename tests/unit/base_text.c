/* Growing text, the JSON writer, numbers that read back, nearest words, files, errors, hashes. */
#include "hwspace/base/hash.h"
#include "hwspace/base/json.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_text(void **state)
{
    (void)state;
    cim_text t;
    cim_text_init(&t);
    assert_string_equal(cim_text_str(&t), "");
    for (int i = 0; i < 1000; i++)
        cim_text_addf(&t, "%d,", i);
    assert_false(t.failed);
    assert_int_equal(strlen(t.s), t.n);
    assert_int_equal(t.n, 10 * 2 + 90 * 3 + 900 * 4);
    cim_text_add_n(&t, "ab\0cd", 2);
    assert_string_equal(t.s + t.n - 6, "999,ab");
    cim_text_clear(&t);
    assert_null(t.s);
    /* Out of memory: sticky, harmless. */
    cim_text_add(&t, "x");
    cim_alloc_fail_after(1);
    for (int i = 0; i < 100; i++)
        cim_text_add(&t, "0123456789");
    cim_alloc_fail_after(0);
    assert_true(t.failed);
    cim_text_add(&t, "after");
    assert_null(strstr(t.s, "after"));
    cim_text_clear(&t);
}

static void test_double_round_trip(void **state)
{
    (void)state;
    static const double special[] = {0.1,     0.2,     0.1 + 0.2, 1.0 / 3, 1e300,    DBL_MIN,
                                     DBL_MAX, 5e-324,  123456789, 1e21,    0x1p53,   -0.0,
                                     1e-7,    2.0 / 3, 100,       1.5e-9,  0x1p-1074};
    char buf[32];
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        assert_true(strtod(cim_double_text(special[i], buf, sizeof buf), NULL) == special[i]);
    assert_string_equal(cim_double_text(0.1, buf, sizeof buf), "0.1");
    assert_string_equal(cim_double_text(0.1 + 0.2, buf, sizeof buf), "0.30000000000000004");
    assert_string_equal(cim_double_text(128, buf, sizeof buf), "128");
    cim_rng *rng = cim_rng_create(7, "test");
    for (int i = 0; i < 100000; i++) {
        uint64_t bits =
            cim_rng_below(rng, UINT64_C(1) << 32) << 32 | cim_rng_below(rng, UINT64_C(1) << 32);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v) && strtod(cim_double_text(v, buf, sizeof buf), NULL) != v)
            fail_msg("%a is written %s", v, buf);
    }
    cim_rng_destroy(rng);
}

static void write_all(cim_jw *w)
{
    cim_jw_object(w, NULL);
    cim_jw_int(w, "i", INT64_MIN);
    cim_jw_double(w, "d", 0.1);
    cim_jw_double(w, "nan", NAN);
    cim_jw_double(w, "inf", -INFINITY);
    cim_jw_bool(w, "b", true);
    cim_jw_null(w, "n");
    cim_jw_string(w, "q\"\\\n\x01", "a\"b\\c\nd\te\x1f");
    cim_jw_array(w, "a");
    cim_jw_int(w, NULL, 1);
    cim_jw_array(w, NULL);
    cim_jw_array_end(w);
    cim_jw_object(w, NULL);
    cim_jw_object_end(w);
    cim_jw_array_end(w);
    cim_jw_raw(w, "raw", "[1,{}]");
    cim_jw_object_end(w);
}

static void test_writer(void **state)
{
    (void)state;
    for (int pretty = 0; pretty < 2; pretty++) {
        cim_text t;
        cim_text_init(&t);
        cim_jw w;
        cim_jw_init(&w, &t, pretty);
        write_all(&w);
        if (!pretty)
            assert_string_equal(
                t.s, "{\"i\":-9223372036854775808,\"d\":0.1,\"nan\":null,\"inf\":null,\"b\":true,"
                     "\"n\":null,\"q\\\"\\\\\\n\\u0001\":\"a\\\"b\\\\c\\nd\\u0009e\\u001f\","
                     "\"a\":[1,[],{}],\"raw\":[1,{}]}");
        cim_json *doc;
        cim_err err = {0};
        if (cim_json_parse(t.s, t.n, "w", &doc, &err) != CIM_OK)
            fail_msg("%s", err.message);
        const char *s = NULL;
        assert_int_equal(
            cim_json_string(doc, cim_json_find(cim_json_root(doc), "q\"\\\n\x01"), &s, NULL),
            CIM_OK);
        assert_string_equal(s, "a\"b\\c\nd\te\x1f");
        cim_json_free(doc);
        cim_text_clear(&t);
    }
    /* Deeper than the writer's limit: an error, no overrun. */
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, true);
    for (int i = 0; i < 100; i++)
        cim_jw_array(&w, NULL);
    assert_true(t.failed);
    cim_text_clear(&t);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"crossbar.rows", "crossbar.cols", "chip.cores"};
    assert_string_equal(cim_text_nearest("crossbar.row", words, 3), "crossbar.rows");
    assert_string_equal(cim_text_nearest("chip.core", words, 3), "chip.cores");
    assert_null(cim_text_nearest("zzz", words, 3));
    assert_null(cim_text_nearest("x", words, 0));
    char longer[300];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(cim_text_nearest(longer, words, 3));
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/cim_base_text_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    char data[200000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31);
    assert_int_equal(cim_file_write(path, data, sizeof data, NULL), CIM_OK);
    char *back;
    size_t n;
    assert_int_equal(cim_file_read(path, sizeof data, &back, &n, NULL), CIM_OK);
    assert_int_equal(n, sizeof data);
    assert_memory_equal(back, data, n);
    assert_int_equal(back[n], 0);
    cim_free(back);
    cim_err err = {0};
    assert_int_equal(cim_file_read(path, sizeof data - 1, &back, &n, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "larger than the allowed 199999 bytes"));
    for (unsigned long k = 1;; k++) {
        cim_alloc_fail_after(k);
        cim_status s = cim_file_read(path, sizeof data, &back, &n, NULL);
        cim_alloc_fail_after(0);
        if (s == CIM_OK) {
            cim_free(back);
            break;
        }
        assert_int_equal(s, CIM_E_NOMEM);
    }
    unlink(path);
    cim_err_clear(&err);
    assert_int_equal(cim_file_write("/no/such/dir/file", "x", 1, &err), CIM_E_IO);
    assert_int_equal(cim_status_exit(err.code), 1);
}

/* Neither a link nor something that is no file is replaced. */
static void test_files_kept(void **state)
{
    (void)state;
    char dir[] = "/tmp/cim_base_text_XXXXXX", file[64], link[64], pipe[64], got[8] = "";
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/file", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    snprintf(pipe, sizeof pipe, "%s/pipe", dir);
    struct stat st;
    assert_int_equal(cim_file_write(file, "old", 3, NULL), CIM_OK);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(cim_file_write(link, "new", 3, NULL), CIM_OK);
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    int fd = open(file, O_RDONLY);
    assert_true(read(fd, got, sizeof got) == 3 && !memcmp(got, "new", 3));
    close(fd);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    fd = open(pipe, O_RDONLY | O_NONBLOCK);
    assert_int_equal(cim_file_write(pipe, "text", 4, NULL), CIM_OK);
    assert_true(lstat(pipe, &st) == 0 && S_ISFIFO(st.st_mode));
    assert_true(read(fd, got, sizeof got) == 4 && !memcmp(got, "text", 4));
    close(fd);
    unlink(pipe);
    unlink(link);
    unlink(file);
    assert_int_equal(rmdir(dir), 0); /* no temporary file is left */
}

static void test_errors(void **state)
{
    (void)state;
    cim_err err = {0};
    assert_int_equal(cim_err_set(&err, CIM_E_INPUT, "here", "found %d", 3), CIM_E_INPUT);
    assert_int_equal(cim_err_set(&err, CIM_E_IO, "there", "second"), CIM_E_IO);
    assert_int_equal(err.code, CIM_E_INPUT); /* the first one wins */
    assert_string_equal(err.where, "here");
    assert_string_equal(err.message, "found 3");
    assert_int_equal(cim_err_set(NULL, CIM_E_NOMEM, NULL, "x"), CIM_E_NOMEM);
    cim_err_clear(&err);
    char longer[2000];
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)cim_err_set(&err, CIM_E_INPUT, longer, "a\nb\x1b[31m%s", longer);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
    assert_memory_equal(err.message, "a b [31my", 9);
    static const int exits[][2] = {{CIM_OK, 0},      {CIM_E_INPUT, 2},    {CIM_E_IO, 1},
                                   {CIM_E_NOMEM, 1}, {CIM_E_INTERNAL, 1}, {CIM_E_STOPPED, 3}};
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        assert_int_equal(cim_status_exit((cim_status)exits[i][0]), exits[i][1]);
}

static void test_hash(void **state)
{
    (void)state;
    /* Published test vectors of xxHash 0.8: empty input. */
    assert_true(cim_hash64("", 0, 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(cim_hash64("a", 1, 0) != cim_hash64("a", 1, 1));
    char one[33], two[33];
    cim_digest *d = cim_digest_create();
    cim_digest_hex(d, one);
    assert_string_equal(one, "99aa06d3014798d86001c324468d497f");
    cim_digest_add_text(d, "ab");
    cim_digest_add_text(d, "c");
    cim_digest_hex(d, one);
    cim_digest_destroy(d);
    d = cim_digest_create();
    cim_digest_add_text(d, "a");
    cim_digest_add_text(d, "bc");
    cim_digest_hex(d, two);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 32);
    cim_digest_destroy(d);
}

static void test_rng(void **state)
{
    (void)state;
    cim_rng *a = cim_rng_create(1, "x"), *b = cim_rng_create(1, "x"), *c = cim_rng_create(1, "y"),
            *d = cim_rng_create(UINT64_C(1) << 40 | 1, "x");
    int same_c = 0, same_d = 0;
    double sum = 0, squares = 0;
    for (int i = 0; i < 10000; i++) {
        double u = cim_rng_uniform(a);
        assert_true(u >= 0 && u < 1);
        assert_true(u == cim_rng_uniform(b));
        same_c += u == cim_rng_uniform(c);
        same_d += u == cim_rng_uniform(d);
    }
    assert_true(same_c < 3 && same_d < 3);
    for (int i = 0; i < 100000; i++) {
        double n = cim_rng_normal(a);
        sum += n;
        squares += n * n;
    }
    assert_true(fabs(sum / 1e5) < 0.02 && fabs(squares / 1e5 - 1) < 0.03);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++)
        count[cim_rng_below(a, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(count[i], 9500, 10500);
    uint64_t most = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = cim_rng_below(a, UINT64_C(1) << 52);
        assert_true(v < UINT64_C(1) << 52);
        most = v > most ? v : most;
    }
    assert_true(most > UINT64_C(1) << 51);
    assert_int_equal(cim_rng_below(a, 1), 0);
    cim_rng_destroy(a);
    cim_rng_destroy(b);
    cim_rng_destroy(c);
    cim_rng_destroy(d);
    cim_rng_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_double_round_trip),
        cmocka_unit_test(test_writer), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_files),  cmocka_unit_test(test_files_kept),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_rng)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
