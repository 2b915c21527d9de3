/* Mutated documents: the reader accepts exactly what Python's json accepts, with the stricter
 * rules of json.h added there; what it accepts prints and reads back the same. */
#include "hwspace/base/json.h"
#include "hwspace/base/memory.h"
#include "hwspace/base/rng.h"
#include "hwspace/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 20000, MAX_SIZE = 400 };

static const char *const seeds[] = {
    "{\"a\": [1, -2.5e-3, true, false, null], \"b\": {\"c\": \"x\\n\\u00e9\\ud83d\\ude00\", \"d\": "
    "{}}}",
    "[0, -0, 1E+5, 0.5, \"\", \"\\\"\\\\\\/\", [[[]]], {\"\": 1}]",
    "{\"k\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"l\":[123456789012345678901234567890]}",
    "  \"lone\"  ",
    "-12.25",
    "{\"a\":1,\"b\":2,\"aa\":3}"};
static const char *const splices[] = {
    "{",     "}",   "[",       "]",       ",",        ":",       "\"",          "\\",
    "0",     "1",   "-",       "+",       ".",        "e",       "E5",          "true",
    "null",  "\\u", "\\ud800", "\\udc00", "\\u0000",  "\\u0041", "NaN",         "Infinity",
    "1e999", "01",  "\xff",    "\xc3",    "\xe2\x82", "\x01",    "\n",          "\t",
    " ",     "/",   "//x\n",   "'",       "\"a\":1,", "\"a\"",   "\xef\xbb\xbf"};

static size_t mutate(cim_rng *rng, char *s, size_t n)
{
    uint64_t edits = 1 + cim_rng_below(rng, 3);
    while (edits-- > 0) {
        size_t at = (size_t)cim_rng_below(rng, n + 1);
        switch (cim_rng_below(rng, 4)) {
        case 0: { /* delete a run */
            size_t k = (size_t)cim_rng_below(rng, 4) + 1;
            k = k > n - at ? n - at : k;
            memmove(s + at, s + at + k, n - at - k);
            n -= k;
            break;
        }
        case 1: /* truncate, seldom */
            if (cim_rng_below(rng, 8) == 0)
                n = at;
            break;
        case 2: { /* duplicate a run */
            size_t k = (size_t)cim_rng_below(rng, 12) + 1;
            k = k > n - at ? n - at : k;
            if (n + k > MAX_SIZE)
                break;
            memmove(s + at + k, s + at, n - at);
            n += k;
            break;
        }
        default: { /* splice something in */
            const char *t = splices[cim_rng_below(rng, sizeof splices / sizeof *splices)];
            size_t k = strlen(t);
            if (n + k > MAX_SIZE)
                break;
            memmove(s + at + k, s + at, n - at);
            memcpy(s + at, t, k);
            n += k;
        }
        }
    }
    return n;
}

/* Python's json is laxer in known ways; each is closed here. */
static const char oracle[] =
    "import json, re, sys\n"
    "def no(x): raise ValueError(x)\n"
    "def pairs(p):\n"
    "    if len({k for k, _ in p}) < len(p): no('duplicate')\n"
    "    return dict(p)\n"
    "def number(t, f):\n"
    "    if len(t) > 63 or abs(float(t)) == float('inf'): no('number')\n"
    "    return f(t)\n"
    "def strings(v):\n"
    "    if isinstance(v, str):\n"
    "        v.encode('utf-8')\n" /* raises on lone surrogates */
    "        if '\\0' in v: no('nul')\n"
    "    elif isinstance(v, list): [strings(x) for x in v]\n"
    "    elif isinstance(v, dict): [strings(x) for kv in v.items() for x in kv]\n"
    "for line in open(sys.argv[1]):\n"
    "    try:\n"
    "        t = bytes.fromhex(line.strip()).decode('utf-8')\n"
    "        strings(json.loads(t, object_pairs_hook=pairs, parse_constant=no,\n"
    "            parse_int=lambda t: number(t, int), parse_float=lambda t: number(t, float)))\n"
    "        print(1)\n"
    "    except (ValueError, RecursionError):\n"
    "        print(0)\n";

static bool accepted(const char *s, size_t n)
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, s, n);
    cim_json *doc;
    cim_err err = {0};
    cim_status status = cim_json_parse(copy, n, "m", &doc, &err);
    free(copy);
    if (status != CIM_OK) {
        assert_int_equal(status, CIM_E_INPUT);
        assert_true(err.message[0] != '\0');
        return false;
    }
    char *printed = cim_json_print(cim_json_root(doc));
    cim_json_free(doc);
    assert_non_null(printed);
    assert_int_equal(cim_json_parse(printed, strlen(printed), "m", &doc, NULL), CIM_OK);
    char *again = cim_json_print(cim_json_root(doc));
    assert_string_equal(printed, again);
    cim_json_free(doc);
    cim_free(printed);
    cim_free(again);
    return true;
}

static FILE *temporary(char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    return f;
}

static void test_mutations(void **state)
{
    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0)
        skip();
    char texts[] = "/tmp/cim_json_XXXXXX", script[] = "/tmp/cim_json_XXXXXX", command[128];
    FILE *f = temporary(script);
    fputs(oracle, f);
    fclose(f);
    f = temporary(texts);
    static unsigned char mine[ROUNDS];
    uint64_t seed = 20240501;
    cim_rng *rng = cim_rng_create(seed, "mutations");
    assert_non_null(rng);
    int n_accepted = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char s[MAX_SIZE + 64];
        const char *from = seeds[cim_rng_below(rng, sizeof seeds / sizeof *seeds)];
        size_t n = strlen(from);
        memcpy(s, from, n);
        n = mutate(rng, s, n);
        mine[i] = accepted(s, n);
        n_accepted += mine[i];
        for (size_t k = 0; k < n; k++)
            fprintf(f, "%02x", (unsigned char)s[k]);
        fputc('\n', f);
    }
    cim_rng_destroy(rng);
    fclose(f);
    snprintf(command, sizeof command, "/usr/bin/python3 %s %s", script, texts);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    for (int i = 0; i < ROUNDS; i++) {
        int theirs = -1;
        assert_int_equal(fscanf(p, "%d", &theirs), 1);
        if (theirs != mine[i])
            fail_msg("seed %llu, text %d (line %d of %s): we say %d, Python %d",
                     (unsigned long long)seed, i, i + 1, texts, mine[i], theirs);
    }
    assert_int_equal(pclose(p), 0);
    unlink(texts);
    unlink(script);
    assert_in_range(n_accepted, ROUNDS / 20, ROUNDS * 19 / 20); /* both kinds were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
