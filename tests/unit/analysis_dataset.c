#include "analysis/dataset.h"

#include "analysis/pareto.h"
#include "analysis/store.h"
#include "hwspace/base/rng.h"
#include "tests/unit/analysis_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void digest_of(const cim_ana_dataset *d, char hex[33])
{
    assert_int_equal(cim_ana_dataset_digest(d, hex, NULL), CIM_OK);
    assert_int_equal(strlen(hex), 32);
}

static void order_of_arrival_does_not_matter(void **state)
{
    enum { N = 1000 };
    (void)state;
    cim_ana_dataset a, b;
    char da[33], db[33];
    sample_schema(&a);
    sample_schema(&b);
    for (uint64_t i = 0; i < N; i++) {
        assert_int_equal(sample_row(&a, i), CIM_OK);
        assert_int_equal(sample_row(&b, i * 77 % N), CIM_OK);
    }
    assert_int_equal(cim_ana_dataset_sort(&b, NULL), CIM_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(a.id[i] == b.id[i]);
        assert_string_equal(cim_ana_dataset_reason(&a, i), cim_ana_dataset_reason(&b, i));
    }
    assert_int_equal(cim_ana_dataset_front(&a, NULL), CIM_OK);
    assert_int_equal(cim_ana_dataset_front(&b, NULL), CIM_OK);
    digest_of(&a, da);
    digest_of(&b, db);
    assert_string_equal(da, db);
    cim_ana_dataset_clear(&a);
    cim_ana_dataset_clear(&b);
}

static void repeated_ids_are_refused(void **state)
{
    cim_ana_dataset d;
    cim_err err = {0};
    (void)state;
    sample_schema(&d);
    assert_int_equal(sample_row(&d, 4), CIM_OK);
    assert_int_equal(sample_row(&d, 2), CIM_OK);
    assert_int_equal(sample_row(&d, 4), CIM_OK);
    assert_int_equal(cim_ana_dataset_sort(&d, &err), CIM_E_INTERNAL);
    assert_string_equal(err.message, "point 4 is in the dataset twice");
    cim_ana_dataset_clear(&d);
}

static void digest_sees_content_only(void **state)
{
    cim_ana_dataset d;
    char base[33], now[33];
    (void)state;
    sample_fill(&d, 300);
    digest_of(&d, base);
    double *m = &d.metrics[2], kept = *m;
    *m += 1;
    digest_of(&d, now);
    assert_string_not_equal(base, now);
    *m = kept;
    d.complete = !d.complete;
    double *p = &d.points[4];
    kept = *p;
    *p = 0.0;
    digest_of(&d, base);
    *p = -0.0;
    digest_of(&d, now);
    assert_string_equal(base, now);
    *p = kept;
    m = &d.metrics[3 * 4]; /* infeasible: NaN of either sign is one */
    assert_true(isnan(*m));
    digest_of(&d, base);
    *m = -*m;
    digest_of(&d, now);
    assert_string_equal(base, now);
    d.state[7] = CIM_ANA_FAILED;
    digest_of(&d, now);
    assert_string_not_equal(base, now);
    d.state[7] = CIM_ANA_OK;
    d.plans[0][0] = '[';
    digest_of(&d, now);
    assert_string_not_equal(base, now);
    cim_ana_dataset_clear(&d);
}

/* Rows of the front by definition. */
static bool on_front(const cim_ana_dataset *d, size_t row)
{
    const double *a = d->metrics + row * d->n_metrics;
    if (d->state[row] != CIM_ANA_OK || isinf(a[0]))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        const double *b = d->metrics + i * d->n_metrics;
        if (d->state[i] != CIM_ANA_OK || isinf(b[0]) || i == row)
            continue;
        bool no_worse = b[0] <= a[0] && b[1] <= a[1] && b[3] >= a[3];
        bool equal = b[0] == a[0] && b[1] == a[1] && b[3] == a[3];
        if (no_worse && (!equal || i < row))
            return false;
    }
    return true;
}

static void front_is_definition(void **state)
{
    cim_ana_dataset d;
    size_t at = 0;
    (void)state;
    sample_fill(&d, 2000);
    assert_true(d.n_front > 5);
    for (size_t row = 0; row < d.n; row++) {
        bool listed = at < d.n_front && d.front[at] == row;
        assert_int_equal(on_front(&d, row), listed);
        at += listed;
    }
    cim_ana_dataset_clear(&d);
}

/* Hypervolume of rows with id < count, scaled as dataset.h says. */
static double volume_before(const cim_ana_dataset *d, uint64_t count)
{
    double lo[8], hi[8], *scaled = cim_alloc(d->n, d->n_objectives * sizeof *scaled), ref[8], v;
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t row = 0; row < d->n; row++) {
            double f[8];
            bool finite = d->state[row] == CIM_ANA_OK;
            for (size_t k = 0; k < d->n_objectives; k++) {
                f[k] = d->metrics[row * d->n_metrics + d->objectives[k].metric] *
                       (d->objectives[k].maximise ? -1 : 1);
                finite &= isfinite(f[k]) != 0;
            }
            for (size_t k = 0; k < d->n_objectives && finite && !pass; k++) {
                lo[k] = n ? fmin(lo[k], f[k]) : f[k];
                hi[k] = n ? fmax(hi[k], f[k]) : f[k];
            }
            if (finite && pass && d->id[row] < count) {
                for (size_t k = 0; k < d->n_objectives; k++)
                    scaled[n * d->n_objectives + k] =
                        hi[k] > lo[k] ? (f[k] - lo[k]) / (hi[k] - lo[k]) : 0;
                n++;
            }
            if (finite && !pass)
                n = 1;
        }
        n = pass ? n : 0;
    }
    for (size_t k = 0; k < d->n_objectives; k++)
        ref[k] = 1.1;
    assert_int_equal(cim_ana_hypervolume(scaled, n, d->n_objectives, ref, &v, NULL), CIM_OK);
    cim_free(scaled);
    return v;
}

static void history_is_definition(void **state)
{
    cim_ana_dataset d;
    (void)state;
    sample_fill(&d, 1777);
    assert_int_equal(d.n_history, 50);
    assert_false(d.history_sampled);
    assert_int_equal(d.history_evaluations[49], 1777);
    for (size_t i = 0; i < d.n_history; i++) {
        double v = volume_before(&d, d.history_evaluations[i]);
        assert_true(fabs(d.history_hypervolume[i] - v) < 1e-12);
        assert_true(i == 0 || d.history_evaluations[i] > d.history_evaluations[i - 1]);
        assert_true(i == 0 || d.history_hypervolume[i] >= d.history_hypervolume[i - 1]);
    }
    cim_ana_dataset_clear(&d);
}

/* Many objectives and a large front: estimates near the exact value, never falling. */
static void large_fronts_are_sampled(void **state)
{
    cim_ana_dataset d;
    cim_rng *rng = cim_rng_create(1, "sampled");
    (void)state;
    sample_schema(&d);
    d.n_metrics = 5;
    d.n_objectives = 5;
    for (uint32_t k = 0; k < 5; k++)
        d.objectives[k] = (cim_ana_objective){k, k == 2};
    for (uint64_t i = 0; i < 4000; i++) {
        double f[5], norm = 0, point[5] = {1, 1, 1, 1, 1};
        for (size_t k = 0; k < 5; k++) {
            f[k] = fabs(cim_rng_normal(rng));
            norm += f[k] * f[k];
        }
        for (size_t k = 0; k < 5; k++)
            f[k] = (k == 2 ? 1 : -1) * f[k] / sqrt(norm);
        assert_int_equal(cim_ana_dataset_add(&d, i, CIM_ANA_OK, NULL, point, f, NULL), CIM_OK);
    }
    assert_int_equal(cim_ana_dataset_front(&d, NULL), CIM_OK);
    assert_true(d.history_sampled);
    assert_int_equal(d.n_front, 4000);
    for (size_t i = 1; i < d.n_history; i++)
        assert_true(d.history_hypervolume[i] >= d.history_hypervolume[i - 1]);
    for (size_t i = 0; i < d.n_history; i += 7)
        if (d.history_evaluations[i] < 800)
            assert_true(
                fabs(d.history_hypervolume[i] / volume_before(&d, d.history_evaluations[i]) - 1) <
                0.01);
    cim_rng_destroy(rng);
    cim_ana_dataset_clear(&d);
}

static void empty_and_single(void **state)
{
    cim_ana_dataset d;
    char hex[33];
    (void)state;
    sample_fill(&d, 0);
    assert_int_equal(d.n_front, 0);
    assert_int_equal(d.n_history, 0);
    digest_of(&d, hex);
    cim_ana_dataset_clear(&d);
    sample_fill(&d, 1);
    assert_int_equal(d.n_front, 1);
    assert_int_equal(d.n_history, 1);
    /* One point: range 0 in every objective, so the whole box. */
    assert_true(fabs(d.history_hypervolume[0] - 1.1 * 1.1 * 1.1) < 1e-12);
    cim_ana_dataset_clear(&d);
}

static void csv_is_quoted(void **state)
{
    cim_ana_dataset d;
    cim_text t;
    uint64_t rows[] = {0, 2, 3, 50};
    (void)state;
    sample_fill(&d, 60);
    cim_text_init(&t);
    cim_ana_csv(&d, rows, 4, &t);
    const char *expected =
        "id,state,reason,chip.cores,clock_mhz,schedule.level,schedule.pipeline,device.cells/unit%,"
        "latency_s,energy_j,area_mm2,throughput_ips\n"
        "0,ok,,16,400.1,cg,false,7,1.5621094726318422e-07,0.00105601,8,6401599.999999999\n";
    assert_memory_equal(cim_text_str(&t), expected, strlen(expected));
    assert_non_null(strstr(cim_text_str(&t), ",\"vvm, \"\"deep\"\"\",false,7,"));
    assert_non_null(
        strstr(cim_text_str(&t), "\n3,infeasible,\"area 12 mm2, allowed \"\"3\"\"\",128,"));
    assert_non_null(strstr(cim_text_str(&t), ",,true,7,,,,\n")); /* no word, no metrics */
    assert_non_null(strstr(cim_text_str(&t), "\n50,failed,\"no result,\nline two\",64,"));
    cim_text_clear(&t);
    cim_ana_dataset_clear(&d);
}

static void memory_failures_leave_no_trace(void **state)
{
    (void)state;
    for (unsigned long after = 1; after < 200; after++) {
        cim_ana_dataset d;
        sample_schema(&d);
        for (uint64_t i = 0; i < 400; i++)
            assert_int_equal(sample_row(&d, 399 - i), CIM_OK);
        cim_alloc_fail_after(after);
        cim_status s = cim_ana_dataset_sort(&d, NULL);
        if (s == CIM_OK)
            s = cim_ana_dataset_front(&d, NULL);
        cim_alloc_fail_after(0);
        cim_ana_dataset_clear(&d);
        if (s == CIM_OK)
            return;
        assert_int_equal(s, CIM_E_NOMEM);
    }
    /* the history filters about 50 times, each a few allocations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(repeated_ids_are_refused),
        cmocka_unit_test(digest_sees_content_only),
        cmocka_unit_test(front_is_definition),
        cmocka_unit_test(history_is_definition),
        cmocka_unit_test(large_fronts_are_sampled),
        cmocka_unit_test(empty_and_single),
        cmocka_unit_test(csv_is_quoted),
        cmocka_unit_test(memory_failures_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
