/* results.h5: what h5py and pandas see, what comes back, what is refused. */
#include "analysis/store.h"

#include "tests/unit/analysis_sample.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/cimdse-store-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* Exit status of a python script below tests/. */
static int python(const char *script, const char *a, const char *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/../%s", CIM_TEST_DATA, script);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/usr/bin/python3", "python3", "-B", path, a, b, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void digest_of(const cim_ana_dataset *d, char hex[33])
{
    assert_int_equal(cim_ana_dataset_digest(d, hex, NULL), CIM_OK);
}

static void comes_back_the_same(void **state)
{
    static const uint64_t sizes[] = {0, 1, 2, 777, 4096, 9000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cim_ana_dataset d, back;
        cim_err err = {0};
        char before[33], after[33];
        sample_fill(&d, sizes[i]);
        assert_int_equal(cim_ana_store_write(in_dir("results.h5"), &d, &err), CIM_OK);
        cim_ana_dataset_init(&back);
        if (cim_ana_store_read(dir, &back, &err) != CIM_OK)
            fail_msg("%s: %s", err.where, err.message);
        digest_of(&d, before);
        digest_of(&back, after);
        assert_string_equal(before, after);
        assert_int_equal(back.n, sizes[i]);
        assert_true(back.complete);
        assert_string_equal(back.seed, "18446744073709551615");
        assert_string_equal(back.params[4].name, "device.cells/unit%");
        assert_string_equal(back.params[1].unit, "MHz");
        assert_string_equal(back.params[2].words[2], "vvm, \"deep\"");
        cim_ana_dataset_clear(&d);
        cim_ana_dataset_clear(&back);
    }
}

static void python_sees_the_layout(void **state)
{
    cim_ana_dataset d;
    cim_text csv;
    (void)state;
    sample_fill(&d, 5000);
    assert_int_equal(cim_ana_store_write(in_dir("results.h5"), &d, NULL), CIM_OK);
    cim_text_init(&csv);
    cim_ana_csv(&d, NULL, 0, &csv);
    assert_int_equal(cim_file_write(in_dir("all.csv"), cim_text_str(&csv), csv.n, NULL), CIM_OK);
    cim_text_clear(&csv);
    cim_ana_dataset_clear(&d);
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("results.h5"));
    int rc = python("unit/analysis_store.py", path, in_dir("all.csv"));
    if (rc == 77)
        skip();
    assert_int_equal(rc, 0);
}

/* Odd columns: ints with gaps or fractions, a bool with a gap, no parameters, no objectives. */
static void odd_columns_come_back(void **state)
{
    cim_ana_dataset d, back;
    char before[33], after[33];
    (void)state;
    sample_schema(&d);
    d.n_objectives = 0;
    const double point[2][5] = {{NAN, INFINITY, 0, NAN, 9007199254740992.0}, {2.5, -0.0, 1, 1, -1}};
    const double metrics[4] = {1, -INFINITY, 3, 5e-324};
    assert_int_equal(cim_ana_dataset_add(&d, 5, CIM_ANA_OK, NULL, point[0], metrics, NULL), CIM_OK);
    assert_int_equal(
        cim_ana_dataset_add(&d, UINT64_MAX, CIM_ANA_INFEASIBLE, "é", point[1], NULL, NULL), CIM_OK);
    assert_int_equal(cim_ana_store_write(in_dir("odd.h5"), &d, NULL), CIM_OK);
    cim_ana_dataset_init(&back);
    assert_int_equal(cim_ana_store_read(in_dir("odd.h5"), &back, NULL), CIM_OK);
    digest_of(&d, before);
    digest_of(&back, after);
    assert_string_equal(before, after);
    assert_string_equal(cim_ana_dataset_reason(&back, 1), "é");
    cim_ana_dataset_clear(&back);
    cim_ana_dataset_clear(&d);
    cim_ana_dataset_init(&d);
    assert_int_equal(cim_ana_store_write(in_dir("none.h5"), &d, NULL), CIM_OK);
    assert_int_equal(cim_ana_store_read(in_dir("none.h5"), &back, NULL), CIM_OK);
    assert_int_equal(back.n_params + back.n_metrics + back.n, 0);
    cim_ana_dataset_clear(&back);
}

/* Plans longer than other texts, of very different length. */
static void long_plans_come_back(void **state)
{
    cim_ana_dataset d, back;
    char before[33], after[33];
    struct stat st;
    size_t total = 0;
    (void)state;
    sample_fill(&d, 5000);
    for (size_t i = 0; i < d.n_front; i++) {
        size_t n = i == 1 ? 700000 : 20000 + i * 100;
        cim_free(d.plans[i]);
        d.plans[i] = cim_alloc(n + 1, 1);
        for (size_t j = 0; j < n; j++)
            d.plans[i][j] = (char)('a' + (j * j + i) % 23);
        total += n;
    }
    assert_int_equal(cim_ana_store_write(in_dir("long.h5"), &d, NULL), CIM_OK);
    assert_true(stat(in_dir("long.h5"), &st) == 0 && (size_t)st.st_size < total / 2);
    cim_ana_dataset_init(&back);
    assert_int_equal(cim_ana_store_read(in_dir("long.h5"), &back, NULL), CIM_OK);
    digest_of(&d, before);
    digest_of(&back, after);
    assert_string_equal(before, after);
    cim_ana_dataset_clear(&d);
    cim_ana_dataset_clear(&back);
}

static char *content(const char *name, size_t *n)
{
    char *data = NULL;
    assert_int_equal(cim_file_read(in_dir(name), (size_t)1 << 30, &data, n, NULL), CIM_OK);
    return data;
}

static void same_data_same_bytes(void **state)
{
    cim_ana_dataset d;
    size_t na, nb, different = 0;
    (void)state;
    sample_fill(&d, 5000);
    assert_int_equal(cim_ana_store_write(in_dir("a.h5"), &d, NULL), CIM_OK);
    sleep(1);
    assert_int_equal(cim_ana_store_write(in_dir("b.h5"), &d, NULL), CIM_OK);
    char *a = content("a.h5", &na), *b = content("b.h5", &nb);
    assert_int_equal(na, nb);
    size_t first = na, last = 0;
    for (size_t i = 0; i < na; i++) {
        if (a[i] == b[i])
            continue;
        different++;
        first = i < first ? i : first;
        last = i;
    }
    /* Only created_utc: a few digits of "2026-01-01T00:00:00Z". */
    assert_true(different > 0 && last - first < 20);
    cim_free(a);
    cim_free(b);
    cim_ana_dataset_clear(&d);
}

static size_t files_in_dir(void)
{
    char command[600];
    snprintf(command, sizeof command, "ls -A %s | wc -l", dir);
    FILE *p = popen(command, "r");
    int n = -1;
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return (size_t)n;
}

static void failures_leave_the_old_file(void **state)
{
    cim_ana_dataset d;
    cim_err err = {0};
    size_t n, m;
    (void)state;
    sample_fill(&d, 50);
    assert_int_equal(cim_ana_store_write(in_dir("results.h5"), &d, NULL), CIM_OK);
    char *before = content("results.h5", &n);
    size_t files = files_in_dir();
    for (unsigned long after = 1; after < 12; after++) {
        cim_alloc_fail_after(after);
        cim_status s = cim_ana_store_write(in_dir("results.h5"), &d, NULL);
        cim_alloc_fail_after(0);
        if (s == CIM_OK)
            break;
        assert_int_equal(s, CIM_E_NOMEM);
    }
    d.id[3] = 2; /* not sorted */
    assert_int_equal(cim_ana_store_write(in_dir("results.h5"), &d, NULL), CIM_E_INTERNAL);
    d.id[3] = 3;
    assert_int_equal(cim_ana_store_write("/nonexistent/dir/results.h5", &d, &err), CIM_E_IO);
    assert_string_equal(err.message, "cannot be written: No such file or directory");
    char *now = content("results.h5", &m);
    (void)m;
    assert_int_equal(files_in_dir(), files);
    cim_free(before);
    cim_free(now);
    cim_ana_dataset_clear(&d);
}

static void read_fails(const char *path, const char *expected)
{
    cim_ana_dataset d;
    cim_err err = {0};
    cim_ana_dataset_init(&d);
    cim_status s = cim_ana_store_read(path, &d, &err);
    if (s != CIM_E_INPUT || !strstr(err.message, expected))
        fail_msg("%s: status %d, message \"%s\", expected \"%s\"", path, s, err.message, expected);
    assert_int_equal(d.n, 0);
    assert_null(d.id);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    read_fails("/nonexistent/results.h5", "cannot be read: No such file or directory");
    assert_int_equal(cim_file_write(in_dir("text.h5"), "hello", 5, NULL), CIM_OK);
    read_fails(in_dir("text.h5"), "is not an HDF5 file");
    assert_int_equal(cim_file_write(in_dir("empty.h5"), "", 0, NULL), CIM_OK);
    read_fails(in_dir("empty.h5"), "is not an HDF5 file");
    read_fails("/dev/null", "is not an HDF5 file");
}

/* One mistake per file, made by a script; expected.txt holds "name<TAB>part of the message". */
static void invalid_files_are_refused(void **state)
{
    cim_ana_dataset d;
    char line[512], good[512], path[1024];
    size_t n = 0;
    (void)state;
    sample_fill(&d, 500);
    assert_int_equal(cim_ana_store_write(in_dir("good.h5"), &d, NULL), CIM_OK);
    cim_ana_dataset_clear(&d);
    snprintf(good, sizeof good, "%s", in_dir("good.h5"));
    assert_int_equal(mkdir(in_dir("invalid"), 0777), 0);
    int rc = python("data/invalid/h5/make.py", good, in_dir("invalid"));
    if (rc == 77)
        skip();
    assert_int_equal(rc, 0);
    FILE *f = fopen(in_dir("invalid/expected.txt"), "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        *tab = '\0';
        tab[1 + strcspn(tab + 1, "\n")] = '\0';
        snprintf(path, sizeof path, "%s/invalid/%s", dir, line);
        read_fails(path, tab + 1);
        n++;
    }
    fclose(f);
    assert_true(n >= 20);
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
        cmocka_unit_test(comes_back_the_same),     cmocka_unit_test(python_sees_the_layout),
        cmocka_unit_test(odd_columns_come_back),   cmocka_unit_test(long_plans_come_back),
        cmocka_unit_test(same_data_same_bytes),    cmocka_unit_test(failures_leave_the_old_file),
        cmocka_unit_test(other_files_are_refused), cmocka_unit_test(invalid_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
