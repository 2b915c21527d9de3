/* The batch script that `cimdse submit` writes: time limits, quoting, refusals, a valid script. */
#include "hwspace/base/memory.h"
#include "jobs/process.h"
#include "jobs/submit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const cim_job_sbatch good = {.name = "resnet18-reram",
                                    .binary = "/opt/cim/bin/cimdse",
                                    .directory = "/scratch/me/run1",
                                    .time = "1:00:00",
                                    .nodes = 2,
                                    .ntasks = 64};

static void time_forms(void **state)
{
    (void)state;
    /* the forms of sbatch(1) */
    static const struct {
        const char *text;
        long long seconds; /* 0: refused */
    } rows[] = {{"1", 60},
                {"90", 5400},
                {"5:30", 330},
                {"90:00", 5400},
                {"1:02:03", 3723},
                {"48:00:00", 172800},
                {"2-0", 172800},
                {"1-2", 93600},
                {"1-2:03", 93780},
                {"1-02:03:04", 93784},
                {"366-0", 366 * 86400LL},
                {"0", 0},
                {"", 0},
                {"-5", 0},
                {"0:00", 0},
                {"1:60", 0},
                {"1:2:3:4", 0},
                {"1-24", 0},
                {"1-", 0},
                {"-1-2", 0},
                {"1:", 0},
                {":30", 0},
                {"1h", 0},
                {" 5", 0},
                {"5 ", 0},
                {"1.5", 0},
                {"UNLIMITED", 0},
                {"367-0", 0},
                {"99999999999999999999", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long long s = 0;
        cim_err err = {0};
        cim_status status = cim_job_slurm_time(rows[i].text, &s, &err);
        if (status != (rows[i].seconds ? CIM_OK : CIM_E_INPUT) || s != rows[i].seconds)
            fail_msg("\"%s\": status %d, %lld s", rows[i].text, (int)status, s);
        if (!rows[i].seconds)
            assert_string_equal(err.where, "--time");
    }
}

static void lead_stays_inside(void **state)
{
    (void)state;
    assert_int_equal(cim_job_slurm_lead(60), 20);
    assert_int_equal(cim_job_slurm_lead(600), 60);
    assert_int_equal(cim_job_slurm_lead(86400), 300);
    for (long long t = 60; t < 100000; t += 37)
        assert_true(cim_job_slurm_lead(t) < t);
}

/* What a shell makes of the quoted word is the word. */
static void shell_reads_back(void **state)
{
    (void)state;
    static const char *const words[] = {"plain", "two words", "it's", "\"$HOME\" `id` \\ !",
                                        "'",     "a\nb",      "-n",   "\xc3\xa4*?[x]",
                                        ""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        cim_text command, out, messages;
        cim_text_init(&command);
        cim_text_init(&out);
        cim_text_init(&messages);
        cim_text_add(&command, "printf %s ");
        cim_job_shell_quote(words[i], &command);
        const char *const argv[] = {"sh", "-c", command.s, NULL};
        int exit_status = -1;
        assert_int_equal(cim_job_process_run(argv, &out, &messages, &exit_status, NULL), CIM_OK);
        assert_int_equal(exit_status, 0);
        assert_string_equal(cim_text_str(&out), words[i]);
        cim_text_clear(&command);
        cim_text_clear(&out);
        cim_text_clear(&messages);
    }
}

static void process_tells_all(void **state)
{
    (void)state;
    cim_text out, messages;
    cim_text_init(&out);
    cim_text_init(&messages);
    int exit_status = -1;
    /* more than a pipe holds, on both ends, and an empty standard input */
    const char *const argv[] = {"sh", "-c",
                                "cat; i=0; while [ $i -lt 20000 ]; do echo 0123456789; "
                                "echo 0123456789 >&2; i=$((i+1)); done; exit 7",
                                NULL};
    assert_int_equal(cim_job_process_run(argv, &out, &messages, &exit_status, NULL), CIM_OK);
    assert_int_equal(exit_status, 7);
    assert_int_equal(out.n, 220000);
    assert_int_equal(messages.n, 220000);
    const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    assert_int_equal(cim_job_process_run(killed, &out, &messages, &exit_status, NULL), CIM_OK);
    assert_int_equal(exit_status, 128 + 9);
    const char *const missing[] = {"no-such-program-anywhere", NULL};
    assert_int_equal(cim_job_process_run(missing, &out, &messages, &exit_status, NULL), CIM_OK);
    assert_int_equal(exit_status, 127);
    assert_false(cim_job_program_exists("no-such-program-anywhere"));
    assert_true(cim_job_program_exists("sh"));
    cim_text_clear(&out);
    cim_text_clear(&messages);
}

static void write_ok(const cim_job_sbatch *job, cim_text *t)
{
    cim_err err = {0};
    cim_text_init(t);
    cim_status s = cim_job_sbatch_write(job, t, &err);
    if (s != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    assert_null(strstr(t->s, "{{"));
    /* the shell accepts it */
    cim_text out, messages;
    cim_text_init(&out);
    cim_text_init(&messages);
    int exit_status = -1;
    const char *const argv[] = {"bash", "-n", "-c", t->s, NULL};
    assert_int_equal(cim_job_process_run(argv, &out, &messages, &exit_status, NULL), CIM_OK);
    if (exit_status)
        fail_msg("bash -n: %s", cim_text_str(&messages));
    cim_text_clear(&out);
    cim_text_clear(&messages);
}

static void has_line(const cim_text *t, const char *line)
{
    const char *p = strstr(t->s, line);
    if (!p || (p > t->s && p[-1] != '\n') || p[strlen(line)] != '\n')
        fail_msg("no line %s in\n%s", line, t->s);
}

static void script_says_what_was_asked(void **state)
{
    (void)state;
    static const char *const extra[] = {"--account=chem 7", "--exclusive"};
    cim_job_sbatch job = good;
    job.partition = "long,short";
    job.extra = extra;
    job.n_extra = 2;
    cim_text t;
    write_ok(&job, &t);
    assert_int_equal(strncmp(t.s, "#!/bin/bash\n", 12), 0);
    has_line(&t, "#SBATCH --job-name=cimdse-resnet18-reram");
    has_line(&t, "#SBATCH --nodes=2");
    has_line(&t, "#SBATCH --ntasks=64");
    has_line(&t, "#SBATCH --time=1:00:00");
    has_line(&t, "#SBATCH --partition=long,short");
    has_line(&t, "#SBATCH \"--account=chem 7\"");
    has_line(&t, "#SBATCH --exclusive");
    has_line(&t, "#SBATCH --output=/scratch/me/run1/slurm-%j.out");
    has_line(&t, "#SBATCH --open-mode=append");
    has_line(&t, "#SBATCH --requeue");
    has_line(&t, "#SBATCH --signal=B:USR1@300");
    has_line(&t, "cimdse='/opt/cim/bin/cimdse'");
    has_line(&t, "spec='/scratch/me/run1/spec-submitted.json'");
    cim_text_clear(&t);
}

static void odd_names_are_quoted(void **state)
{
    (void)state;
    cim_job_sbatch job = good;
    job.name = "a b\n#SBATCH --wrap=x";
    job.directory = "/data/it's \"50%\" $HOME";
    cim_text t;
    write_ok(&job, &t);
    has_line(&t, "#SBATCH --job-name=cimdse-a-b--SBATCH---wrap-x");
    has_line(&t, "#SBATCH --output=\"/data/it's \"'\"'\"50%%\"'\"'\" $HOME/slurm-%j.out\"");
    has_line(&t, "result='/data/it'\\''s \"50%\" $HOME'");
    cim_text_clear(&t);
}

static void refused(cim_job_sbatch job, const char *where, const char *part)
{
    cim_text t;
    cim_err err = {0};
    cim_text_init(&t);
    cim_status s = cim_job_sbatch_write(&job, &t, &err);
    if (s != CIM_E_INPUT || strcmp(err.where, where) != 0 || !strstr(err.message, part))
        fail_msg("status %d, %s: %s (expected %s: ...%s...)", (int)s, err.where, err.message, where,
                 part);
    assert_int_equal(t.n, 0);
}

static void wrong_requests(void **state)
{
    (void)state;
    cim_job_sbatch j;
    j = good, j.time = "soon", refused(j, "--time", "HOURS:MINUTES:SECONDS");
    j = good, j.ntasks = 1, refused(j, "--ntasks", "1 ranks on 2 nodes");
    j = good, j.partition = "a b", refused(j, "--partition", "\"a b\"");
    j = good, j.partition = "", refused(j, "--partition", "letters");
    j = good, j.partition = "x\n#SBATCH --uid=0", refused(j, "--partition", "letters");
    j = good, j.directory = "/a\\b", refused(j, "-o", "backslash");
    j = good, j.directory = "/a\nb", refused(j, "-o", "control character");
    j = good, j.binary = "/a\nb", refused(j, "cimdse", "control character");
    static const char *const bad[] = {"account=x", "-A",    "--",         "--=x",
                                      "--a\nb",    "--x y", "--Account=x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        j = good, j.extra = &bad[i], j.n_extra = 1, refused(j, "--sbatch", "one long option");
    static const char *const taken[] = {"--nodes=3", "--output=x", "--array=1-3", "--requeue",
                                        "--time=5"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        j = good, j.extra = &taken[i], j.n_extra = 1, refused(j, "--sbatch", "own business");
}

static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 200; n++) {
        cim_text t;
        cim_text_init(&t);
        cim_alloc_fail_after(n);
        cim_status s = cim_job_sbatch_write(&good, &t, NULL);
        cim_alloc_fail_after(0);
        cim_text_clear(&t);
        if (s == CIM_OK)
            return;
        assert_int_equal(s, CIM_E_NOMEM);
    }
    fail_msg("never succeeds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_forms),
        cmocka_unit_test(lead_stays_inside),
        cmocka_unit_test(shell_reads_back),
        cmocka_unit_test(process_tells_all),
        cmocka_unit_test(script_says_what_was_asked),
        cmocka_unit_test(odd_names_are_quoted),
        cmocka_unit_test(wrong_requests),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
