/* One conformance suite over every registered strategy. */
#include "tests/prop/search_fake.h"

#include "hwspace/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_POINTS = 3000, MAX_WIDTH = 8 };

/* Mixed, discrete, single-point and two-point spaces. The grid does not take the continuous one. */
typedef struct test_space {
    const char *parameters;
    double size;
    bool continuous;
} test_space;

static const test_space spaces[] = {
    {"{\"chip.cores\": {\"range\": [16, 400]}, \"clock_mhz\": {\"real\": [400, 1600]},"
     " \"crossbar.rows\": {\"log2\": [32, 512]}, \"schedule.level\": {\"choice\": [\"none\", "
     "\"cg\"]},"
     " \"crossbar.cols\": {\"expr\": \"crossbar.rows\"}}",
     INFINITY, true},
    {"{\"chip.cores\": {\"values\": [64, 96, 128, 512]}, \"crossbar.rows\": {\"log2\": [64, 512]},"
     " \"crossbar.adc_bits\": {\"range\": [4, 10]},"
     " \"schedule.pipeline\": {\"choice\": [true, false]},"
     " \"crossbar.cols\": {\"expr\": \"crossbar.rows\"}}",
     4 * 4 * 7 * 2, false},
    {"{\"chip.cores\": {\"values\": [64]}}", 1, false},
    {"{\"schedule.pipeline\": {\"choice\": [true, false]}}", 2, false}};
enum { N_SPACES = sizeof spaces / sizeof spaces[0] };

static bool make_spec(cim_search_spec *s, const char *strategy, const test_space *space,
                      uint64_t seed, uint64_t evaluations)
{
    char json[2000];
    snprintf(json, sizeof json,
             "{\"parameters\": %s, \"strategy\": {\"name\": \"%s\", \"seed\": \"%llu\"%s}}",
             space->parameters, strategy, (unsigned long long)seed,
             strcmp(strategy, "nsga2") == 0 ? ", \"population\": 24" : "");
    return fake_spec(s, json, evaluations);
}

static bool applies(const char *strategy, const test_space *space)
{
    return !space->continuous || strcmp(strategy, "grid") != 0;
}

typedef struct trace {
    size_t n, width;
    double points[MAX_POINTS * MAX_WIDTH];
} trace;

/* Drive a strategy with batches of at most `max`, as an engine of that size would. */
static void drive(const cim_search_spec *s, fake_kind kind, size_t max, size_t budget, trace *t)
{
    const cim_search_strategy_ops *ops = cim_search_strategy_find(s->strategy);
    cim_search_strategy *strategy;
    cim_err err = {0};
    assert_int_equal(ops->options(s, NULL, &err), CIM_OK);
    assert_int_equal(ops->create(s, &strategy, &err), CIM_OK);
    t->width = cim_hw_space_n_params(s->space);
    assert_true(t->width <= MAX_WIDTH && budget <= MAX_POINTS);
    cim_search_result *results = calloc(max, sizeof *results);
    double *points = calloc(max * t->width, sizeof *points);
    for (t->n = 0; t->n < budget;) {
        size_t want = budget - t->n < max ? budget - t->n : max;
        size_t n = ops->ask(strategy, want, points);
        assert_true(n <= want);
        if (n == 0)
            break;
        for (size_t i = 0; i < n; i++)
            fake_evaluate(s, kind, points + i * t->width, t->n + i, &results[i]);
        memcpy(t->points + t->n * t->width, points, n * t->width * sizeof *points);
        t->n += n;
        assert_int_equal(ops->tell(strategy, points, results, n, &err), CIM_OK);
    }
    free(points);
    free(results);
    ops->destroy(strategy);
}

static void check_in_bounds(const cim_search_spec *s, const trace *t)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->width; k++) {
            const cim_hw_param *p = cim_hw_space_param(s->space, k);
            double v = t->points[i * t->width + k];
            if (p->domain == CIM_HW_DOMAIN_EXPR)
                continue;
            if (p->n_levels == 0) {
                assert_true(v >= p->lo && v <= p->hi);
                continue;
            }
            uint64_t level = cim_hw_space_level_of(s->space, k, v);
            assert_true(level < p->n_levels);
            assert_true(cim_hw_space_level_value(s->space, k, level) == v);
        }
    }
}

static const trace *sorting;
static int compare_rows(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    return memcmp(sorting->points + i * sorting->width, sorting->points + j * sorting->width,
                  sorting->width * sizeof(double));
}

static void check_distinct(const trace *t)
{
    size_t *order = calloc(t->n ? t->n : 1, sizeof *order);
    for (size_t i = 0; i < t->n; i++)
        order[i] = i;
    sorting = t;
    qsort(order, t->n, sizeof *order, compare_rows);
    for (size_t i = 1; i < t->n; i++)
        assert_true(compare_rows(&order[i - 1], &order[i]) != 0);
    free(order);
}

static void check_same(const trace *a, const trace *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->points, b->points, a->n * a->width * sizeof *a->points);
}

static trace one, two;

static void each(void (*check)(const char *strategy, const test_space *space, uint64_t seed))
{
    for (size_t k = 0; cim_search_strategies[k]; k++)
        for (size_t i = 0; i < N_SPACES; i++)
            for (uint64_t seed = 1; seed <= 3; seed++)
                if (applies(cim_search_strategies[k]->name, &spaces[i])) {
                    print_message("%s, space %zu, seed %llu\n", cim_search_strategies[k]->name, i,
                                  (unsigned long long)seed);
                    check(cim_search_strategies[k]->name, &spaces[i], seed);
                }
}

static void asks_well(const char *strategy, const test_space *space, uint64_t seed)
{
    enum { BUDGET = 700 };
    static const fake_kind kinds[] = {FAKE_PLAIN, FAKE_SOME_INFEASIBLE, FAKE_ALL_INFEASIBLE,
                                      FAKE_FAILING};
    cim_search_spec s;
    assert_true(make_spec(&s, strategy, space, seed, BUDGET));
    for (size_t k = 0; k < 4; k++) {
        drive(&s, kinds[k], 64, BUDGET, &one);
        /* every strategy goes on to the budget or until the space is exhausted */
        assert_int_equal(one.n, space->size < BUDGET ? (size_t)space->size : BUDGET);
        check_in_bounds(&s, &one);
        check_distinct(&one);
        /* the same seed asks the same, whatever the size of batches */
        drive(&s, kinds[k], 1, BUDGET, &two);
        check_same(&one, &two);
        drive(&s, kinds[k], 1000, BUDGET, &two);
        check_same(&one, &two);
    }
    cim_search_spec_clear(&s);
}

static void test_asks_well(void **state)
{
    (void)state;
    each(asks_well);
}

static void test_seed_matters(void **state)
{
    (void)state;
    for (size_t k = 0; cim_search_strategies[k]; k++) {
        const char *name = cim_search_strategies[k]->name;
        /* sequences of fixed numbers have no seed; the grid cannot have one */
        if (!strcmp(name, "grid") || !strcmp(name, "sobol") || !strcmp(name, "halton"))
            continue;
        cim_search_spec a, b;
        assert_true(make_spec(&a, name, &spaces[0], 1, 100));
        assert_true(make_spec(&b, name, &spaces[0], 2, 100));
        drive(&a, FAKE_PLAIN, 64, 100, &one);
        drive(&b, FAKE_PLAIN, 64, 100, &two);
        assert_true(memcmp(one.points, two.points, 100 * one.width * sizeof(double)) != 0);
        cim_search_spec_clear(&a);
        cim_search_spec_clear(&b);
    }
}

static void run_digest(const cim_search_spec *s, fake_pool *pool, const char *dir, bool resume,
                       cim_status expected, char hex[33])
{
    cim_ana_dataset d;
    cim_err err = {0};
    cim_search_run_options o = {.dir = dir, .resume = resume, .checkpoint_seconds = 1e-9};
    cim_ana_dataset_init(&d);
    cim_status status = cim_search_run(s, &pool->base, &o, &d, &err);
    if (status != expected)
        print_error("%s: %s\n", err.where, err.message);
    assert_int_equal(status, expected);
    if (status == CIM_OK)
        assert_int_equal(cim_ana_dataset_digest(&d, hex, &err), CIM_OK);
    cim_ana_dataset_clear(&d);
}

/* One worker, many workers, and a run broken off twice, once by a stop and once by an error, end
 * in the same dataset. */
static void replays(const char *strategy, const test_space *space, uint64_t seed)
{
    enum { BUDGET = 500 };
    cim_search_spec s;
    char serial[33], other[33], dir[64], command[128];
    snprintf(dir, sizeof dir, "/tmp/cimdse-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_true(make_spec(&s, strategy, space, seed, BUDGET));
    fake_pool pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 1);
    run_digest(&s, &pool, NULL, false, CIM_OK, serial);
    uint64_t total = pool.evaluated;
    pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 13);
    run_digest(&s, &pool, NULL, false, CIM_OK, other);
    assert_string_equal(serial, other);
    if (total > 10) {
        uint64_t evaluated = 0;
        pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 3);
        pool.stop_after = total / 3;
        run_digest(&s, &pool, dir, false, CIM_E_STOPPED, other);
        evaluated += pool.evaluated;
        pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 2);
        pool.fail_after = total / 3;
        run_digest(&s, &pool, dir, true, CIM_E_IO, other);
        evaluated += pool.evaluated;
        pool = fake_pool_of(&s, FAKE_SOME_INFEASIBLE, 1);
        run_digest(&s, &pool, dir, true, CIM_OK, other);
        assert_string_equal(serial, other);
        assert_int_equal(evaluated + pool.evaluated, total); /* nothing was done twice */
    }
    cim_search_spec_clear(&s);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_replays(void **state)
{
    (void)state;
    each(replays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_asks_well),
                                       cmocka_unit_test(test_seed_matters),
                                       cmocka_unit_test(test_replays)};
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
