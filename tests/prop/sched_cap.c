/* Schedules under a power cap and with writing behind the compute, against exhaustive search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/prop/sched_random.h"

/* The best score over all copies that keep the cap, for one way of running (pipelined or not). */
static double all_copies(cim_cc_context *cx, uint32_t node, int64_t units, double cap_mw)
{
    cim_cc_plan *plan = cx->plan;
    if (units > plan->budget)
        return INFINITY;
    if (node == plan->n_nodes) {
        uint32_t picks[MAX_OPS] = {0};
        cim_cc_range r = {.end = plan->n_nodes};
        cim_cc_range_ops(plan, &r);
        for (uint32_t i = 0; i < plan->n_nodes; i++)
            picks[i] = plan->nodes[i].pick;
        REQUIRE(cim_cc_share_cores(cx, &r));
        cim_cc_range_time(cx, &r, picks, true);
        cim_cc_segment s = {.n_nodes = r.end,
                            .end_op = r.end_op,
                            .latency_ns = r.latency_ns,
                            .interval_ns = r.interval_ns};
        plan->segments = &s;
        plan->n_segments = 1;
        plan->latency_ns = r.latency_ns;
        plan->interval_ns = r.interval_ns;
        memset(plan->peak_mw, 0, sizeof plan->peak_mw);
        cim_arena_mark mark = cim_arena_save(cx->ar);
        REQUIRE(cim_cc_pass_power(cx) == CIM_OK);
        cim_arena_rewind(cx->ar, mark);
        return plan->peak_total_mw <= cap_mw ? r.latency_ns : INFINITY;
    }
    double best = INFINITY;
    cim_cc_node *n = &plan->nodes[node];
    for (n->pick = 0; n->pick < n->n_choices; n->pick++)
        best = fmin(best, all_copies(cx, node + 1, units + n->choices[n->pick].weight, cap_mw));
    n->pick = 0;
    return best;
}

static double combinations(const cim_cc_plan *plan)
{
    double product = 1.0;
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        product *= plan->nodes[i].n_choices;
    return product;
}

static void caps_against_exhaustive_search(void **unused)
{
    (void)unused;
    static network net;
    static cim_cc_plan plan;
    cim_arena ar;
    cim_arena_init(&ar);
    int compared = 0, optimal = 0, slowed = 0, impossible = 0;
    double sum = 0.0, worst = 1.0;
    for (seed_now = 1; seed_now <= 1200; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "cap");
        random_network(rng, &net);
        cim_hw_arch arch;
        cim_cost_chip chip;
        arch_by_hand(rng, &arch);
        chip_by_hand(&chip, 1.0);
        arch.device.type = CIM_HW_DEVICE_RERAM;
        arch.schedule.pipeline = (int64_t)cim_rng_below(rng, 2);
        arch.schedule.stagger = (int64_t)cim_rng_below(rng, 2);
        arch.chip.cores *= 2;
        chip.core_alu_ops_per_ns = INFINITY; /* copies do not wait for each other */
        cim_cc_prepared *p = NULL;
        cim_cc_result r;
        cim_cc_context cx;
        cim_status status = CIM_OK;
        const cim_cc_plan *found;
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        cim_arena_reset(&ar);
        REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &r, &found, NULL) == CIM_OK);
        bool small = r.feasible && found->n_segments == 1 && combinations(found) < 3000 &&
                     found->n_nodes > 0;
        double free_peak = r.feasible ? r.metrics[CIM_M_PEAK_POWER_W] : 1.0;
        int64_t pipeline = arch.schedule.pipeline;
        arch.schedule.peak_power_cap_w = free_peak * (0.05 + 1.05 * cim_rng_uniform(rng));
        if (small) {
            double cap = arch.schedule.peak_power_cap_w * 1e3 * (1 + 1e-9), best = INFINITY,
                   tight = INFINITY;
            for (int serial = 0; serial < 2; serial++) {
                arch.schedule.pipeline = !serial && pipeline;
                cim_arena_reset(&ar);
                arch.schedule.peak_power_cap_w = NAN;
                REQUIRE(cim_cc_open(&cx, &plan, p, &arch, &chip, &ar, false, &status));
                best = fmin(best, all_copies(&cx, 0, 0, cap));
                tight = fmin(tight, all_copies(&cx, 0, 0, 0.98 * cap));
                arch.schedule.peak_power_cap_w = cap * 1e-3;
            }
            arch.schedule.pipeline = pipeline;
            cim_arena_reset(&ar);
            REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &r, &found, NULL) == CIM_OK);
            if (r.feasible) {
                double ns = r.metrics[CIM_M_LATENCY_S] * 1e9;
                REQUIRE(r.metrics[CIM_M_PEAK_POWER_W] * 1e3 <= cap * (1 + 1e-9));
                REQUIRE(r.metrics[CIM_M_ENERGY_J] * 1e12 <= cap * ns * (1 + 1e-9));
                slowed += !isfinite(best);
                if (isfinite(best)) {
                    compared++;
                    optimal += ns <= best * (1 + 1e-9);
                    sum += fmax(ns / best, 1.0);
                    worst = fmax(worst, ns / best);
                }
            } else {
                /* where the search found one with a little room (it knows no places), the compiler must */
                REQUIRE(!isfinite(tight) && chip.leakage_mw >= 0.9 * cap);
                REQUIRE(strstr(r.reason, "power cap") != NULL);
                impossible++;
            }
        }
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    print_message(
        "%d compared: %d optimal or better, mean %.4f, worst %.3f; %d only slowed down, %d "
        "impossible\n",
        compared, optimal, sum / compared, worst, slowed, impossible);
    assert_true(compared > 200 && slowed > 20 && sum < 1.01 * compared);
    cim_arena_clear(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caps_against_exhaustive_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
