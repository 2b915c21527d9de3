/* The engine: budgets, repetitions, stops, and checkpoints that are damaged, foreign or resumed. */
#include "tests/prop/search_fake.h"

#include "hwspace/base/rng.h"
#include "hwspace/base/text.h"
#include "search/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char mixed[] =
    "{\"parameters\": {\"chip.cores\": {\"range\": [16, 400]}, \"clock_mhz\": {\"real\": [400, "
    "1600]},"
    " \"crossbar.rows\": {\"log2\": [32, 512]}, \"crossbar.cols\": {\"expr\": \"crossbar.rows\"}},"
    " \"strategy\": {\"name\": \"nsga2\", \"population\": 20, \"seed\": \"%d\"}}";

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cimdse-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void spec_of(cim_search_spec *s, int seed, uint64_t evaluations)
{
    char json[1000];
    snprintf(json, sizeof json, mixed, seed);
    assert_true(fake_spec(s, json, evaluations));
}

typedef struct outcome {
    cim_status status;
    cim_err err;
    size_t n, n_front;
    bool complete;
    char digest[33];
    uint64_t evaluated;
} outcome;

static outcome run_options(const cim_search_spec *s, const cim_search_run_options *o,
                           uint64_t stop_after)
{
    static cim_ana_dataset d;
    outcome out = {0};
    fake_pool pool = fake_pool_of(s, FAKE_SOME_INFEASIBLE, 1);
    pool.stop_after = stop_after;
    cim_ana_dataset_init(&d);
    out.status = cim_search_run(s, &pool.base, o, &d, &out.err);
    out.n = d.n;
    out.n_front = d.n_front;
    out.complete = d.complete;
    out.evaluated = pool.evaluated;
    if (out.status == CIM_OK)
        assert_int_equal(cim_ana_dataset_digest(&d, out.digest, NULL), CIM_OK);
    cim_ana_dataset_clear(&d);
    return out;
}

static outcome run_in(const cim_search_spec *s, const char *where, bool resume, uint64_t stop_after)
{
    cim_search_run_options o = {.dir = where, .resume = resume, .checkpoint_seconds = 1e-9};
    return run_options(s, &o, stop_after);
}

static void segment(char *path, size_t size, int number)
{
    snprintf(path, size, "%s/checkpoint/segment-%06d.bin", dir, number);
}

static int count_segments(void)
{
    char path[128];
    int n = 0;
    for (segment(path, sizeof path, n); access(path, F_OK) == 0; segment(path, sizeof path, n))
        n++;
    return n;
}

static void test_budget_and_front(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 333);
    outcome o = run_in(&s, NULL, false, 0);
    assert_int_equal(o.status, CIM_OK);
    assert_int_equal(o.n, 333);
    assert_int_equal(o.evaluated, 333);
    assert_true(o.n_front > 1 && o.complete);
    cim_search_spec_clear(&s);
}

static void test_time_budget(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 0);
    s.seconds = 0.05;
    outcome o = run_in(&s, dir, false, 0);
    assert_int_equal(o.status, CIM_E_STOPPED);
    assert_true(o.n > 0 && !o.complete);
    assert_string_equal(o.err.where, dir);
    cim_search_spec_clear(&s);
}

static void test_stop_flag(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 100);
    volatile int stop = 1;
    cim_search_run_options options = {.dir = dir, .stop = &stop};
    outcome o = run_options(&s, &options, 0);
    assert_int_equal(o.status, CIM_E_STOPPED);
    assert_int_equal(o.n, 0);
    assert_int_equal(count_segments(), 1);
    cim_search_spec_clear(&s);
}

static void test_not_overwritten(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 50);
    assert_int_equal(run_in(&s, dir, false, 0).status, CIM_OK);
    outcome o = run_in(&s, dir, false, 0);
    assert_int_equal(o.status, CIM_E_INPUT);
    assert_non_null(strstr(o.err.message, "not overwritten"));
    /* resuming a finished run evaluates nothing and gives the same */
    outcome first = run_in(&s, NULL, false, 0), again = run_in(&s, dir, true, 0);
    assert_int_equal(again.status, CIM_OK);
    assert_int_equal(again.evaluated, 0);
    assert_string_equal(again.digest, first.digest);
    cim_search_spec_clear(&s);
}

static void test_budget_raised(void **state)
{
    (void)state;
    cim_search_spec small, large;
    spec_of(&small, 1, 70);
    spec_of(&large, 1, 205);
    assert_int_equal(run_in(&small, dir, false, 0).status, CIM_OK);
    outcome raised = run_in(&large, dir, true, 0), whole = run_in(&large, NULL, false, 0);
    assert_int_equal(raised.status, CIM_OK);
    assert_int_equal(raised.evaluated, 205 - 70);
    assert_string_equal(raised.digest, whole.digest);
    cim_search_spec_clear(&small);
    cim_search_spec_clear(&large);
}

static void test_foreign(void **state)
{
    (void)state;
    cim_search_spec a, b;
    static cim_ana_dataset d;
    cim_err err = {0};
    char said[512] = "?";
    spec_of(&a, 1, 50);
    spec_of(&b, 2, 50);
    assert_int_equal(run_in(&a, dir, false, 20).status, CIM_E_STOPPED);
    outcome o = run_in(&b, dir, true, 0);
    assert_int_equal(o.status, CIM_E_INPUT);
    assert_non_null(strstr(o.err.message, "belongs to another spec"));
    assert_int_equal(cim_search_log_accepts(dir, &b, said, sizeof said, NULL), CIM_E_INPUT);
    assert_int_equal(cim_search_log_accepts(dir, &a, said, sizeof said, NULL), CIM_OK);
    assert_string_equal(said, "");
    assert_int_equal(cim_search_log_accepts("/nonexistent", &a, said, sizeof said, NULL), CIM_OK);
    cim_ana_dataset_init(&d);
    assert_int_equal(cim_search_checkpoint_read(dir, &b, &d, &err), CIM_E_INPUT);
    cim_ana_dataset_clear(&d);
    cim_err_clear(&err);
    assert_int_equal(cim_search_checkpoint_read(dir, &a, &d, &err), CIM_OK);
    assert_int_equal(d.n, 20);
    cim_ana_dataset_clear(&d);
    assert_int_equal(cim_search_checkpoint_read("/nonexistent", &a, &d, &err), CIM_E_INPUT);
    cim_ana_dataset_clear(&d);
    cim_search_spec_clear(&a);
    cim_search_spec_clear(&b);
}

/* Damage of one segment, at every kind of place, loses that segment and those behind it only. */
static void damage(int number, long at, int how)
{
    char path[128], *bytes;
    size_t size;
    segment(path, sizeof path, number);
    assert_int_equal(cim_file_read(path, 1 << 24, &bytes, &size, NULL), CIM_OK);
    if (at < 0)
        at += (long)size;
    if (how == 0)
        bytes[at] ^= 4; /* a flipped bit */
    else if (how == 1)
        size = (size_t)at; /* cut off */
    else
        size = 0;
    assert_int_equal(cim_file_write(path, bytes, size, NULL), CIM_OK);
    cim_free(bytes);
}

static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        long at;
        int how;
    } kinds[] = {{0, 0},  {9, 0},  {20, 0}, {60, 0},  {90, 0},  {101, 0}, {120, 0},
                 {-1, 0}, {-9, 0}, {8, 1},  {103, 1}, {150, 1}, {-1, 1},  {0, 2}};
    cim_search_spec s;
    spec_of(&s, 1, 120);
    outcome whole = run_in(&s, NULL, false, 0);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        assert_int_equal(run_in(&s, dir, false, 110).status, CIM_E_STOPPED);
        int n = count_segments();
        assert_true(n >= 5);
        damage(n - 3, kinds[k].at, kinds[k].how);
        char path[128], said[512];
        segment(path, sizeof path, n - 3);
        assert_int_equal(cim_search_log_accepts(dir, &s, said, sizeof said, NULL), CIM_OK);
        assert_true(!strncmp(said, path, strlen(path)) && strstr(said, "is damaged"));
        outcome o = run_in(&s, dir, true, 0);
        if (o.status != CIM_OK)
            print_error("kind %zu: %s: %s\n", k, o.err.where, o.err.message);
        assert_int_equal(o.status, CIM_OK);
        assert_string_equal(o.digest, whole.digest);
        assert_true(o.evaluated > 10 && o.evaluated < 120);
        assert_int_equal(remove_dir(NULL), 0);
    }
    cim_search_spec_clear(&s);
}

/* A checkpoint that claims other points than the run asks for is refused, never mixed in. */
static void test_other_points(void **state)
{
    (void)state;
    static cim_ana_dataset d;
    cim_search_spec s;
    cim_search_log_id log = {.dir = dir};
    spec_of(&s, 1, 50);
    cim_ana_dataset_init(&d);
    assert_int_equal(cim_search_spec_identity(&s, log.identity, NULL), CIM_OK);
    assert_int_equal(cim_search_dataset_describe(&s, &d, NULL), CIM_OK);
    double point[4] = {100, 500, 64, 64}, metrics[CIM_CC_N_METRICS] = {1}, violation[1] = {0};
    assert_int_equal(cim_ana_dataset_add(&d, 0, CIM_ANA_OK, NULL, point, metrics, NULL), CIM_OK);
    assert_int_equal(cim_search_log_open(dir, NULL), CIM_OK);
    assert_int_equal(cim_search_segment_write(&log, 0, &d, violation, 0, NULL), CIM_OK);
    outcome o = run_in(&s, dir, true, 0);
    assert_int_equal(o.status, CIM_E_INPUT);
    assert_non_null(strstr(o.err.message, "another point 0"));
    cim_ana_dataset_clear(&d);
    cim_search_spec_clear(&s);
}

static void test_unusable_directory(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 50);
    outcome o = run_in(&s, "/nonexistent/deeper", false, 0);
    assert_int_equal(o.status, CIM_E_INPUT);
    assert_non_null(strstr(o.err.message, "cannot be made"));
    char file[128];
    snprintf(file, sizeof file, "%s/file", dir);
    assert_int_equal(cim_file_write(file, "x", 1, NULL), CIM_OK);
    o = run_in(&s, file, false, 0);
    assert_int_equal(o.status, CIM_E_INPUT);
    assert_non_null(strstr(o.err.message, "not a directory"));
    cim_search_spec_clear(&s);
}

/* A strategy that asks the same few points again and again: repetitions are answered from memory
 * and counted once, and the run ends. */
struct cim_search_strategy {
    size_t width;
    uint64_t asked, told;
    double expected[5];
};
static cim_search_strategy stutter;

static cim_status stutter_options(const cim_search_spec *spec, cim_jw *w, cim_err *err)
{
    (void)spec;
    (void)w;
    (void)err;
    return CIM_OK;
}

static cim_status stutter_create(const cim_search_spec *spec, cim_search_strategy **out,
                                 cim_err *err)
{
    (void)err;
    stutter = (cim_search_strategy){.width = cim_hw_space_n_params(spec->space)};
    *out = &stutter;
    return CIM_OK;
}

static size_t stutter_ask(cim_search_strategy *s, size_t max, double *points)
{
    size_t n = max < 7 ? max : 7;
    for (size_t i = 0; i < n; i++) {
        double *p = points + i * s->width;
        p[0] = (double)(20 + (s->asked + i) % 5);
        p[1] = 500;
        p[2] = 64;
        p[3] = (double)s->asked; /* an expression's column is not the strategy's to fill */
    }
    s->asked += n;
    return n;
}

static cim_status stutter_tell(cim_search_strategy *s, const double *points,
                               const cim_search_result *results, size_t n, cim_err *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        size_t which = (size_t)points[i * s->width] - 20;
        double got = results[i].state == CIM_ANA_OK ? results[i].metrics[0] : -1;
        assert_int_equal(results[i].id, which);
        assert_true(s->told + i < 5 || s->expected[which] == got);
        s->expected[which] = got;
    }
    s->told += n;
    return CIM_OK;
}

static void stutter_destroy(cim_search_strategy *s)
{
    (void)s;
}

/* The registry the engine looks strategies up in, replaced for this one name. */
static const cim_search_strategy_ops stutter_ops = {.name = "stutter",
                                                    .options = stutter_options,
                                                    .create = stutter_create,
                                                    .ask = stutter_ask,
                                                    .tell = stutter_tell,
                                                    .destroy = stutter_destroy};

static void test_repetitions(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 100);
    s.strategy_options = NULL;
    static cim_ana_dataset d;
    cim_err err = {0};
    cim_ana_dataset_init(&d);
    fake_pool pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 1);
    cim_search_run_options o = {0};
    assert_int_equal(cim_search_run_with(&s, &stutter_ops, &pool.base, &o, &d, &err), CIM_OK);
    assert_int_equal(d.n, 5);
    assert_int_equal(pool.evaluated, 5);
    assert_true(stutter.told == stutter.asked && stutter.told > 5000);
    cim_ana_dataset_clear(&d);
    cim_search_spec_clear(&s);
}

/* Every allocation of a run fails once: an error and no leak, never a crash. */
static void test_out_of_memory(void **state)
{
    (void)state;
    cim_search_spec s;
    spec_of(&s, 1, 45);
    outcome o = {.status = CIM_E_NOMEM};
    unsigned long n = 0;
    while (o.status != CIM_OK && n < 5000) {
        cim_alloc_fail_after(++n);
        cim_search_run_options options = {0};
        static cim_ana_dataset d;
        fake_pool pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 1);
        cim_ana_dataset_init(&d);
        o.status = cim_search_run(&s, &pool.base, &options, &d, &o.err);
        cim_alloc_fail_after(0);
        cim_ana_dataset_clear(&d);
        assert_true(o.status == CIM_OK || o.status == CIM_E_NOMEM);
    }
    print_message("%lu allocations\n", n - 1);
    assert_int_equal(o.status, CIM_OK);
    assert_true(n > 20);
    cim_search_spec_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_budget_and_front, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_time_budget, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_stop_flag, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_not_overwritten, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_budget_raised, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_foreign, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_damaged, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_other_points, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_unusable_directory, make_dir, remove_dir),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_out_of_memory)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
