/* The strict reader: RFC 8259 and nothing else, typed getters, pointers, printing. */
#include "hwspace/base/json.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cim_status parse(const char *text, size_t n, cim_json **doc, cim_err *err)
{
    memset(err, 0, sizeof *err);
    /* An exact-size copy, so that the sanitizer sees a read past the end. */
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    cim_status s = cim_json_parse(copy, n, "t", doc, err);
    free(copy);
    return s;
}

static void test_valid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "1",
        "-1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "0.1e1",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        " 1 ",
        "\t\n\r 1\n",
        "[1,2,3]",
        "[[],[[]],{}]",
        "{\"a\":{\"b\":[null]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\u20AC\"",
        "\"\\ud83d\\ude00\"",
        "\"é€😀\"",
        "\"\x7f\"",
        "{\"\":1}",
        "{\"a\":1,\"A\":2}",
        "123456789012345678901234567890",
        "1e308",
        "-1e308",
        "5e-324",
        "1e-400",
        "[1,[2,[3,[4,[5]]]]]",
        "\"\xf4\x8f\xbf\xbf\"",
        "0.12345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cim_json *doc;
        cim_err err;
        if (parse(texts[i], strlen(texts[i]), &doc, &err) != CIM_OK)
            fail_msg("%s: %s", texts[i], err.message);
        cim_json_free(doc);
    }
}

static void test_invalid(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 1: the text ends where a value is needed"},
        {"   ", "line 1, column 4: the text ends"},
        {"{", "a key in double quotes is needed"},
        {"[", "the text ends where a value is needed"},
        {"[1", "a ',' or ']' is needed here"},
        {"[1,]", "a JSON value is needed here"},
        {"[,1]", "a JSON value is needed here"},
        {"[1 2]", "a ',' or ']' is needed here"},
        {"{\"a\"}", "a ':' is needed after a key"},
        {"{\"a\" 1}", "a ':' is needed after a key"},
        {"{\"a\":}", "a JSON value is needed here"},
        {"{\"a\":1,}", "a key in double quotes is needed"},
        {"{a:1}", "a key in double quotes is needed"},
        {"{'a':1}", "a key in double quotes is needed"},
        {"{1:1}", "a key in double quotes is needed"},
        {"{\"a\":1 \"b\":2}", "a ',' or '}' is needed here"},
        {"1 2", "line 1, column 3: nothing may follow the value"},
        {"{}x", "nothing may follow the value"},
        {"[]\n\n ]", "line 3, column 2: nothing may follow"},
        {"01", "a number must not start with 0"},
        {"-01", "a number must not start with 0"},
        {"+1", "a JSON value is needed here"},
        {"-", "a number needs a digit here"},
        {".5", "a JSON value is needed here"},
        {"1.", "a digit is needed after the decimal point"},
        {"1.e5", "a digit is needed after the decimal point"},
        {"1e", "a digit is needed in the exponent"},
        {"1e+", "a digit is needed in the exponent"},
        {"0x10", "nothing may follow the value"},
        {"1e999", "the number is out of range"},
        {"-1e999", "the number is out of range"},
        {"NaN", "a JSON value is needed here"},
        {"Infinity", "a JSON value is needed here"},
        {"-Infinity", "a number needs a digit here"},
        {"tru", "a JSON value is needed here"},
        {"True", "a JSON value is needed here"},
        {"nul", "a JSON value is needed here"},
        {"truex", "nothing may follow the value"},
        {"'a'", "a JSON value is needed here"},
        {"\"a", "the string is not closed"},
        {"\"a\\", "the string is not closed"},
        {"\"a\\\"", "the string is not closed"},
        {"\"\t\"", "a control character inside a string must be escaped"},
        {"\"\n\"", "a control character"},
        {"\"\\x41\"", "unknown escape"},
        {"\"\\'\"", "unknown escape"},
        {"\"\\u12\"", "\\u needs four hexadecimal digits"},
        {"\"\\u12G4\"", "\\u needs four hexadecimal digits"},
        {"\"\\u\"", "\\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "\\u0000 is not allowed"},
        {"\"\\ud800\"", "a high surrogate needs a low one after it"},
        {"\"\\ud800\\u0041\"", "a high surrogate needs a low one after it"},
        {"\"\\ud800x\"", "a high surrogate needs a low one after it"},
        {"\"\\udc00\"", "a low surrogate needs a high one before it"},
        {"\"\xff\"", "the string is not UTF-8"},
        {"\"\xc0\x80\"", "the string is not UTF-8"},
        {"\"\xe2\x82\"", "the string is not UTF-8"},
        {"\"\xed\xa0\x80\"", "the string is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "the string is not UTF-8"},
        {"\"\x80\"", "the string is not UTF-8"},
        {"\xef\xbb\xbf{}", "a JSON value is needed here"}, /* byte order mark */
        {"// c\n1", "a JSON value is needed here"},
        {"/* c */ 1", "a JSON value is needed here"},
        {"1234567890123456789012345678901234567890123456789012345678901234", "more than 63"},
        {"{\"a\":1,\"a\":2}", "key \"a\" is given twice"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "key \"a\" is given twice"},
        {"[{\"x\":{\"b\":1,\"b\":1}}]", "key \"b\" is given twice"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cim_json *doc;
        cim_err err;
        cim_status s = parse(cases[i].text, strlen(cases[i].text), &doc, &err);
        if (s != CIM_E_INPUT || !strstr(err.message, cases[i].message))
            fail_msg("%s gave %d: %s\nexpected: %s", cases[i].text, (int)s, err.message,
                     cases[i].message);
    }
    cim_json *doc;
    cim_err err;
    assert_int_equal(parse("[1,\0]", 5, &doc, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "contains a NUL byte"));
}

static void test_depth(void **state)
{
    (void)state;
    char text[1000];
    for (int depth = 199; depth <= 201; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        cim_json *doc;
        cim_err err;
        cim_status s = parse(text, 2 * (size_t)depth, &doc, &err);
        assert_int_equal(s, depth <= 200 ? CIM_OK : CIM_E_INPUT);
        if (s == CIM_OK)
            cim_json_free(doc);
        else
            assert_non_null(strstr(err.message, "nested too deeply"));
    }
}

/* Every prefix of a valid document that is not itself one is refused, never crashes. */
static void test_truncation(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\\u00e9\\ud83d\\ude00\": [1.5e-3, true, null, \"\xe2\x82\xac\"],"
        " \"b\": {\"c\": -0.0}}";
    for (size_t n = 0; n + 1 < sizeof text - 1; n++) {
        cim_json *doc;
        cim_err err;
        assert_int_equal(parse(text, n, &doc, &err), CIM_E_INPUT);
    }
}

static cim_json *must(const char *text)
{
    cim_json *doc;
    cim_err err;
    if (parse(text, strlen(text), &doc, &err) != CIM_OK)
        fail_msg("%s: %s", text, err.message);
    return doc;
}

static void test_getters(void **state)
{
    (void)state;
    cim_json *d =
        must("{\"i\": 3.0, \"f\": 2.5, \"s\": \"x\", \"t\": true, \"n\": null, \"a\": [1, 2],"
             " \"big\": 9007199254740993, \"u\": \"18446744073709551615\","
             " \"u2\": \"18446744073709551616\", \"neg\": \"-1\", \"I\": 7}");
    const cim_json_node *r = cim_json_root(d);
    int64_t i = -9;
    double f = -9;
    bool b = false;
    uint64_t u = 9;
    const char *s = NULL;
    int w = -9;
    static const char *const words[] = {"w", "x"};
    cim_err err = {0};
    assert_int_equal(cim_json_int(d, cim_json_find(r, "i"), 0, 5, &i, NULL), CIM_OK);
    assert_int_equal(i, 3);
    assert_int_equal(cim_json_int(d, cim_json_find(r, "I"), 0, 9, &i, NULL), CIM_OK);
    assert_int_equal(i, 7); /* keys are case-sensitive */
    assert_int_equal(cim_json_int(d, cim_json_find(r, "f"), 0, 5, &i, &err), CIM_E_INPUT);
    assert_string_equal(err.where, "t:/f");
    assert_string_equal(err.message, "found 2.5, allowed is an integer from 0 to 5");
    assert_int_equal(cim_json_int(d, cim_json_find(r, "big"), 0, INT64_MAX, &i, NULL), CIM_E_INPUT);
    assert_int_equal(i, 7); /* untouched */
    assert_int_equal(cim_json_double(d, cim_json_find(r, "f"), 2.5, 2.5, &f, NULL), CIM_OK);
    assert_int_equal(cim_json_double(d, cim_json_find(r, "f"), 2.6, 9, &f, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_double(d, cim_json_find(r, "s"), 0, 9, &f, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_bool(d, cim_json_find(r, "t"), &b, NULL), CIM_OK);
    assert_true(b);
    assert_int_equal(cim_json_bool(d, cim_json_find(r, "i"), &b, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_string(d, cim_json_find(r, "s"), &s, NULL), CIM_OK);
    assert_string_equal(s, "x");
    assert_int_equal(cim_json_string(d, cim_json_find(r, "n"), &s, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_u64(d, cim_json_find(r, "u"), &u, NULL), CIM_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(cim_json_u64(d, cim_json_find(r, "u2"), &u, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_u64(d, cim_json_find(r, "neg"), &u, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_u64(d, cim_json_find(r, "f"), &u, NULL), CIM_E_INPUT);
    assert_int_equal(cim_json_choice(d, cim_json_find(r, "s"), words, 2, &w, NULL), CIM_OK);
    assert_int_equal(w, 1);
    cim_err_clear(&err);
    assert_int_equal(cim_json_choice(d, cim_json_find(r, "u"), words, 2, &w, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "allowed is one of: w, x"));
    assert_int_equal(cim_json_count(cim_json_find(r, "a")), 2);
    assert_null(cim_json_find(r, "missing"));
    assert_null(cim_json_find(cim_json_find(r, "a"), "x"));
    cim_json_free(d);
}

static void test_pointers(void **state)
{
    (void)state;
    cim_json *d = must("{\"a/b\": {\"m~n\": [0, {\"x\": 1}]}, \"\": 2}");
    const cim_json_node *r = cim_json_root(d);
    char buf[64];
    cim_json_pointer(d, r, buf, sizeof buf);
    assert_string_equal(buf, "");
    const cim_json_node *list = cim_json_find(cim_json_find(r, "a/b"), "m~n");
    cim_json_pointer(d, cim_json_find(cim_json_next(cim_json_first(list)), "x"), buf, sizeof buf);
    assert_string_equal(buf, "/a~1b/m~0n/1/x"); /* RFC 6901 */
    cim_json_pointer(d, cim_json_find(r, ""), buf, sizeof buf);
    assert_string_equal(buf, "/");
    char tiny[6];
    cim_json_pointer(d, list, tiny, sizeof tiny);
    assert_string_equal(tiny, "/a~1b");
    cim_json_free(d);
}

static void test_known_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"population", "seed"};
    cim_json *d = must("{\"populaton\": 1}");
    cim_err err = {0};
    assert_int_equal(cim_json_known_keys(d, cim_json_root(d), keys, 2, &err), CIM_E_INPUT);
    assert_string_equal(err.where, "t:/populaton");
    assert_string_equal(err.message, "unknown key \"populaton\"; did you mean \"population\"?");
    cim_json_free(d);
    d = must("{\"zzzzzzzzzzzz\": 1}");
    cim_err_clear(&err);
    assert_int_equal(cim_json_known_keys(d, cim_json_root(d), keys, 2, &err), CIM_E_INPUT);
    assert_string_equal(err.message, "unknown key \"zzzzzzzzzzzz\"");
    cim_json_free(d);
}

/* What the user wrote cannot break the one line of an error or overflow it. */
static void test_hostile_names(void **state)
{
    (void)state;
    char text[3000];
    snprintf(text, sizeof text, "{\"%0*d\\n\\u0007\": 1}", 2000, 0);
    cim_json *d = must(text);
    cim_err err = {0};
    static const char *const keys[] = {"a"};
    assert_int_equal(cim_json_known_keys(d, cim_json_root(d), keys, 1, &err), CIM_E_INPUT);
    assert_true(strlen(err.message) < sizeof err.message);
    assert_null(strpbrk(err.message, "\n\a"));
    assert_null(strpbrk(err.where, "\n\a"));
    cim_json_free(d);
}

static void test_print(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5,true,null,\"x\\n\\\"\\\\\xe2\x82\xac\"],\"b\":{},\"c\":0.1}";
    cim_json *d = must(text);
    char *out = cim_json_print(cim_json_root(d));
    assert_string_equal(out, text);
    cim_free(out);
    cim_json_free(d);
}

static void test_file_errors(void **state)
{
    (void)state;
    cim_json *d;
    cim_err err = {0};
    assert_int_equal(cim_json_load("/no/such/file", &d, &err), CIM_E_INPUT);
    assert_string_equal(err.where, "/no/such/file");
    cim_err_clear(&err);
    assert_int_equal(cim_json_load("/", &d, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "is a directory"));
}

static void test_allocation_failure(void **state)
{
    (void)state;
    static const char text[] = "{\"a\": 1, \"b\": {\"c\": 1, \"d\": 2}}";
    for (unsigned long k = 1;; k++) {
        cim_json *d;
        cim_err err = {0};
        cim_alloc_fail_after(k);
        cim_status s = cim_json_parse(text, strlen(text), "t", &d, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK) {
            cim_json_free(d);
            assert_true(k >= 3);
            return;
        }
        assert_int_equal(s, CIM_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid),
                                       cmocka_unit_test(test_invalid),
                                       cmocka_unit_test(test_depth),
                                       cmocka_unit_test(test_truncation),
                                       cmocka_unit_test(test_getters),
                                       cmocka_unit_test(test_pointers),
                                       cmocka_unit_test(test_known_keys),
                                       cmocka_unit_test(test_hostile_names),
                                       cmocka_unit_test(test_print),
                                       cmocka_unit_test(test_file_errors),
                                       cmocka_unit_test(test_allocation_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
