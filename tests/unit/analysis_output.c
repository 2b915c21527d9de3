/* Table, JSON and picture of a front. */
#include "analysis/store.h"
#include "hwspace/base/json.h"
#include "tests/unit/analysis_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/cimdse-output-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static size_t lines_with(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        longest = n > longest ? n : longest;
        text += n + (text[n] == '\n');
    }
    return longest;
}

/* Three hand-made points whose table is known to the letter. */
static void table_is_exact(void **state)
{
    static const char *const words[] = {"cg", "mvm", NULL};
    cim_ana_dataset d;
    cim_text t;
    (void)state;
    sample_schema(&d);
    d.n_params = 4;
    d.params[2].words = words;
    d.n_objectives = 2; /* latency, energy */
    const double points[4][4] = {
        {64, 400, 0, 1}, {128, 400, 1, 1}, {256, 400, 1, 1}, {256, 400, 1, 0}};
    const double metrics[4][4] = {{0.0123456, 0.045, 10, 81},
                                  {0.0015, 0.0467, 20, 667},
                                  {0.00101, 0.2, 40, 990},
                                  {0.02, 0.3, 40, 50}};
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(
            cim_ana_dataset_add(&d, 7 * i, CIM_ANA_OK, NULL, points[i], metrics[i], NULL), CIM_OK);
    cim_text_init(&t);
    assert_int_equal(cim_ana_table(&d, d.objectives, 2, 0, &t, NULL), CIM_OK);
    assert_string_equal(
        cim_text_str(&t),
        "Pareto front: 3 of 4 points (4 feasible)\n"
        "sorted by the first of: min latency_s, min energy_j\n"
        "\n"
        "                        chip  schedule\n"
        "      latency  energy\n"
        "  id     [ms]    [mJ]  cores     level\n"
        "  14    1.010   200.0    256       mvm\n"
        "*  7    1.500   46.70    128       mvm\n"
        "   0    12.35   45.00     64        cg\n"
        "\n"
        "* knee: nearest to the best of every objective, each scaled over the front\n"
        "same in all:  clock_mhz = 400, schedule.pipeline = true\n");
    cim_text_clear(&t);
    cim_ana_dataset_clear(&d);
}

static void table_is_thinned(void **state)
{
    cim_ana_dataset d;
    (void)state;
    sample_fill(&d, 3000);
    assert_true(d.n_front > 8);
    for (size_t max = 0; max <= d.n_front + 1; max++) {
        cim_text t;
        size_t expected = max == 0 || max > d.n_front ? d.n_front : max;
        cim_text_init(&t);
        assert_int_equal(cim_ana_table(&d, d.objectives, 3, max, &t, NULL), CIM_OK);
        assert_int_equal(lines_with(cim_text_str(&t), "\n*"), 2); /* the knee and the legend */
        /* title, empty, tiers, two of headers, rows, empty, knee, same in all */
        size_t header = lines_with(cim_text_str(&t), "[") > 0 ? 1 : 0, rows = 0;
        const char *at = strstr(cim_text_str(&t), "  id");
        assert_non_null(at);
        at = strchr(at, '\n') + 1;
        for (; *at != '\n'; at = strchr(at, '\n') + 1)
            rows++;
        assert_int_equal(header, 1);
        assert_int_equal(rows, expected);
        assert_true(longest_line(cim_text_str(&t)) <= 100);
        cim_text_clear(&t);
    }
    cim_ana_dataset_clear(&d);
}

static void empty_front_says_why(void **state)
{
    cim_ana_dataset d;
    cim_text t;
    double point[5] = {1, 1, 1, 1, 1};
    cim_err err = {0};
    (void)state;
    sample_schema(&d);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(cim_ana_dataset_add(&d, i, i ? CIM_ANA_INFEASIBLE : CIM_ANA_FAILED,
                                             i < 3 ? "too hot" : "too large", point, NULL, NULL),
                         CIM_OK);
    cim_text_init(&t);
    assert_int_equal(cim_ana_table(&d, d.objectives, 3, 0, &t, NULL), CIM_OK);
    assert_string_equal(
        cim_text_str(&t),
        "Pareto front: empty, none of 10 points is feasible (9 infeasible, 1 failed)\n"
        "  7 times: too large\n"
        "  3 times: too hot\n");
    cim_text_clear(&t);
    assert_int_equal(cim_ana_front_json(&d, d.objectives, 3, &t, NULL), CIM_OK);
    assert_non_null(strstr(cim_text_str(&t), "\"knee\": null"));
    cim_text_clear(&t);
    assert_int_equal(cim_ana_plot(&d, d.objectives, 3, in_dir("none.svg"), &err), CIM_E_INPUT);
    assert_string_equal(err.message, "nothing to draw: the front is empty (10 points, 0 feasible)");
    cim_ana_dataset_clear(&d);
}

static double number(const cim_json *doc, const cim_json_node *object, const char *key)
{
    double v = NAN;
    const cim_json_node *node = cim_json_find(object, key);
    assert_non_null(node);
    assert_int_equal(cim_json_double(doc, node, -INFINITY, INFINITY, &v, NULL), CIM_OK);
    return v;
}

static void json_holds_the_front(void **state)
{
    cim_ana_dataset d;
    cim_text t;
    cim_json *doc = NULL;
    size_t n = 0, knees = 0;
    double last = -INFINITY;
    (void)state;
    sample_fill(&d, 500);
    cim_text_init(&t);
    assert_int_equal(cim_ana_front_json(&d, d.objectives, 3, &t, NULL), CIM_OK);
    assert_int_equal(cim_json_parse(cim_text_str(&t), t.n, "front", &doc, NULL), CIM_OK);
    const cim_json_node *root = cim_json_root(doc), *members = cim_json_find(root, "members");
    assert_int_equal(number(doc, root, "evaluations"), 500);
    assert_int_equal(cim_json_count(cim_json_find(root, "objectives")), 3);
    double knee = number(doc, root, "knee");
    for (const cim_json_node *m = cim_json_first(members); m; m = cim_json_next(m), n++) {
        double id = number(doc, m, "id");
        size_t row = (size_t)id;
        bool is_knee = false;
        assert_int_equal(cim_json_bool(doc, cim_json_find(m, "knee"), &is_knee, NULL), CIM_OK);
        assert_int_equal(is_knee, id == knee);
        knees += is_knee;
        const cim_json_node *metrics = cim_json_find(m, "metrics");
        assert_true(number(doc, metrics, "energy_j") == d.metrics[row * 4 + 1]);
        assert_true(number(doc, metrics, "latency_s") >= last);
        last = number(doc, metrics, "latency_s");
        const char *word = NULL;
        const cim_json_node *parameters = cim_json_find(m, "parameters");
        assert_int_equal(
            cim_json_string(doc, cim_json_find(parameters, "schedule.level"), &word, NULL), CIM_OK);
        assert_string_equal(word, sample_levels[row % 3]);
        assert_int_equal(cim_json_count(parameters), 5);
    }
    assert_int_equal(n, d.n_front);
    assert_int_equal(knees, 1);
    cim_json_free(doc);
    cim_text_clear(&t);
    cim_ana_dataset_clear(&d);
}

static void draw(const cim_ana_dataset *d, size_t m, const char *name, const char *magic)
{
    cim_err err = {0};
    char *data = NULL;
    size_t n = 0;
    if (cim_ana_plot(d, d->objectives, m, in_dir(name), &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(cim_file_read(in_dir(name), (size_t)1 << 28, &data, &n, NULL), CIM_OK);
    assert_true(n > 2000 && !memcmp(data, magic, strlen(magic)));
    cim_free(data);
}

static void pictures_are_drawn(void **state)
{
    cim_ana_dataset d;
    cim_err err = {0};
    char *svg = NULL;
    size_t n;
    (void)state;
    if (system("command -v gnuplot >/dev/null") != 0)
        skip();
    sample_fill(&d, 1500);
    for (size_t i = 0; i < d.n; i++)
        d.metrics[4 * i] *= 1000; /* nanoseconds to microseconds */
    draw(&d, 3, "front.png", "\x89PNG");
    draw(&d, 3, "front.svg", "<?xml");
    assert_int_equal(cim_file_read(in_dir("front.svg"), (size_t)1 << 28, &svg, &n, NULL), CIM_OK);
    assert_non_null(strstr(svg, "latency [\xc2\xb5s]")); /* scaled, with its unit */
    assert_non_null(strstr(svg, "energy [mJ]"));
    assert_non_null(strstr(svg, "throughput [M/s], more is better"));
    assert_non_null(strstr(svg, "knee"));
    assert_non_null(strstr(svg, "hypervolume"));
    cim_free(svg);
    draw(&d, 1, "one.svg", "<?xml");
    draw(&d, 2, "it's two.svg", "<?xml");
    /* A name that would be a command in gnuplot's double quotes stays a name. */
    snprintf(d.metrics_info[0].name, CIM_ANA_NAME, "`touch %s/owned`'\n\"@x", dir);
    draw(&d, 3, "odd.svg", "<?xml");
    assert_int_not_equal(access(in_dir("owned"), F_OK), 0);
    assert_int_equal(cim_ana_plot(&d, d.objectives, 3, in_dir("front.pdf"), &err), CIM_E_INPUT);
    assert_string_equal(err.message,
                        "is not a picture that can be drawn, allowed are .svg and .png");
    cim_err_clear(&err);
    assert_int_equal(cim_ana_plot(&d, d.objectives, 3, "/nonexistent/x.svg", &err), CIM_E_IO);
    assert_string_equal(err.message, "cannot be written: No such file or directory");
    cim_ana_dataset_clear(&d);
}

/* One point, and equal values in every objective: ranges of width zero. */
static void flat_data_is_drawn(void **state)
{
    cim_ana_dataset d;
    (void)state;
    if (system("command -v gnuplot >/dev/null") != 0)
        skip();
    sample_fill(&d, 1);
    draw(&d, 3, "flat.svg", "<?xml");
    d.metrics[0] = 0;
    d.metrics[1] = -3;
    draw(&d, 3, "flat.svg", "<?xml");
    cim_ana_dataset_clear(&d);
}

static void missing_gnuplot_is_an_error(void **state)
{
    cim_ana_dataset d;
    cim_err err = {0};
    char path[4096];
    (void)state;
    sample_fill(&d, 100);
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    assert_int_equal(setenv("PATH", dir, 1), 0);
    cim_status s = cim_ana_plot(&d, d.objectives, 3, in_dir("missing.svg"), &err);
    setenv("PATH", path, 1);
    assert_int_equal(s, CIM_E_IO);
    assert_non_null(strstr(err.message, "gnuplot"));
    assert_int_not_equal(access(in_dir("missing.svg"), F_OK), 0);
    cim_ana_dataset_clear(&d);
}

static void nothing_is_left_behind(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "ls -A %s | grep -q tmp", dir);
    assert_int_not_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_exact),
        cmocka_unit_test(table_is_thinned),
        cmocka_unit_test(empty_front_says_why),
        cmocka_unit_test(json_holds_the_front),
        cmocka_unit_test(pictures_are_drawn),
        cmocka_unit_test(flat_data_is_drawn),
        cmocka_unit_test(missing_gnuplot_is_an_error),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
