/* Damaged results files: a few bytes changed or the end cut off. Reading them must end in a
 * dataset that holds together or in an input error, within bounded memory and time. Each file is
 * read in a child process: the HDF5 library itself crashes on some damaged files, which is why our
 * files carry a checksum (analysis/seal.h). */
#include "analysis/store.h"
#include "hwspace/base/rng.h"
#include "hwspace/base/text.h"
#include "tests/unit/analysis_sample.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 400, SECONDS = 5 };

/* What a child says by its exit status; the sanitizers exit with 1. */
enum { READ = 40, REFUSED, INCONSISTENT, WRONG_CODE, NO_MESSAGE };

/* Everything that users of a dataset index with. */
static bool consistent(const cim_ana_dataset *d)
{
    if (d->n_params > CIM_ANA_MAX_COLUMNS || d->n_metrics > CIM_ANA_MAX_COLUMNS)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if (d->state[i] > CIM_ANA_FAILED || d->reason[i] >= d->n_reasons)
            return false;
        for (size_t k = 0; k < d->n_params; k++) {
            double v = d->points[i * d->n_params + k];
            size_t words = 0;
            while (d->params[k].type == CIM_ANA_ENUM && d->params[k].words[words])
                words++;
            if (d->params[k].type == CIM_ANA_ENUM && !isnan(v) && !(v >= 0 && v < (double)words))
                return false;
        }
    }
    for (size_t k = 0; k < d->n_objectives; k++)
        if (d->objectives[k].metric >= d->n_metrics)
            return false;
    for (size_t i = 0; i < d->n_front; i++)
        if (d->front[i] >= d->n)
            return false;
    return true;
}

static int child(const char *path)
{
    cim_ana_dataset d;
    cim_err err = {0};
    cim_text t;
    char hex[33];
    alarm(SECONDS);
    cim_ana_dataset_init(&d);
    cim_status s = cim_ana_store_read(path, &d, &err);
    if (s != CIM_OK)
        return s != CIM_E_INPUT ? WRONG_CODE : err.message[0] ? REFUSED : NO_MESSAGE;
    if (!consistent(&d))
        return INCONSISTENT;
    cim_text_init(&t);
    cim_ana_csv(&d, NULL, 0, &t);
    s = cim_ana_dataset_digest(&d, hex, &err);
    if (s == CIM_OK)
        s = cim_ana_table(&d, d.objectives, d.n_objectives, 10, &t, &err);
    if (s == CIM_OK)
        s = cim_ana_dataset_front(&d, &err);
    cim_text_clear(&t);
    cim_ana_dataset_clear(&d);
    return s == CIM_OK ? READ : INCONSISTENT;
}

static void damage(cim_rng *rng, char *data, size_t *n)
{
    static const unsigned char nasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    size_t changes = 1 + (size_t)cim_rng_below(rng, 8);
    if (cim_rng_below(rng, 8) == 0)
        *n = (size_t)cim_rng_below(rng, *n);
    for (size_t i = 0; i<changes && * n> 0; i++) {
        size_t at = (size_t)cim_rng_below(rng, *n);
        if (cim_rng_below(rng, 2))
            data[at] = (char)nasty[cim_rng_below(rng, sizeof nasty)];
        else
            data[at] = (char)(data[at] ^ (1 << cim_rng_below(rng, 8)));
    }
}

/* Outcomes of FILES damaged files. `sealed`: with the checksum that the writer leaves at the end,
 * as damage in the wild finds them; else without, as if another program had rewritten them. */
static void damage_all(bool sealed, int seen[64], int *crashed)
{
    char dir[] = "/tmp/cimdse-damage-XXXXXX", path[128], command[128];
    cim_ana_dataset d;
    char *good = NULL, *bad;
    size_t size = 0;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/results.h5", dir);
    sample_fill(&d, 60); /* small, so that most bytes are metadata */
    assert_int_equal(cim_ana_store_write(path, &d, NULL), CIM_OK);
    cim_ana_dataset_clear(&d);
    assert_int_equal(cim_file_read(path, (size_t)1 << 24, &good, &size, NULL), CIM_OK);
    if (!sealed)
        size -= 66;
    bad = cim_alloc(size, 1);
    for (uint64_t seed = 1; seed <= FILES; seed++) {
        cim_rng *rng = cim_rng_create(seed, "damage");
        size_t n = size;
        int status = 0;
        memcpy(bad, good, size);
        damage(rng, bad, &n);
        cim_rng_destroy(rng);
        assert_int_equal(cim_file_write(path, bad, n, NULL), CIM_OK);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
#ifndef CIM_SANITIZE
            struct rlimit memory = {(rlim_t)2 << 30, (rlim_t)2 << 30}, core = {0, 0};
            setrlimit(RLIMIT_AS, &memory);
            setrlimit(RLIMIT_CORE, &core);
#endif
            signal(SIGSEGV, SIG_DFL); /* cmocka catches them */
            signal(SIGABRT, SIG_DFL);
            if (!sealed && !freopen("/dev/null", "w", stderr))
                _exit(WRONG_CODE);
            _exit(child(path));
        }
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (WIFSIGNALED(status) || WEXITSTATUS(status) < READ || WEXITSTATUS(status) > NO_MESSAGE) {
            print_message("seed %llu: crashed\n", (unsigned long long)seed);
            ++*crashed;
        } else if (WEXITSTATUS(status) > REFUSED) {
            fail_msg("seed %llu: child says %d", (unsigned long long)seed, WEXITSTATUS(status));
        } else {
            seen[WEXITSTATUS(status)]++;
        }
    }
    print_message("%d damaged files: %d read, %d refused, %d crashed\n", FILES, seen[READ],
                  seen[REFUSED], *crashed);
    cim_free(good);
    cim_free(bad);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void damaged_files_are_refused(void **state)
{
    int seen[64] = {0}, crashed = 0;
    (void)state;
    damage_all(true, seen, &crashed);
    assert_int_equal(crashed, 0);
    /* Only damage within the checksum's own word or the creation time goes unseen. */
    assert_true(seen[REFUSED] >= FILES - 8);
}

static void unsealed_files_do_no_harm(void **state)
{
    int seen[64] = {0}, crashed = 0;
    (void)state;
    damage_all(false, seen, &crashed);
    assert_true(seen[REFUSED] > FILES / 10);
    assert_true(crashed <= FILES / 10); /* HDF5 1.10.8: about 2 %, endless loops among them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_files_are_refused),
                                       cmocka_unit_test(unsealed_files_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
