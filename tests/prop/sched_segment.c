/* Segmentation against all 2^(n-1) ways to cut small networks, and the monotonicity a user would
 * expect of the compiler. Graphs are random DAGs made here; the chip's unit costs are set by hand,
 * so nothing but sched is tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/prop/sched_random.h"

/* Cheapest over all cut sets, each range priced exactly. */
static double all_cuts(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    double best = INFINITY;
    uint32_t picks[MAX_OPS * 8] = {0}, n = plan->n_nodes;
    for (uint32_t mask = 0; mask < 1u << (n - 1); mask++) {
        double total = 0.0;
        for (uint32_t a = 0, b = 1; b <= n; b++) {
            if (b < n && !(mask >> (b - 1) & 1))
                continue;
            int64_t units = 0;
            for (uint32_t i = a; i < b; i++)
                units += plan->nodes[i].units;
            if (units > plan->budget) {
                total = INFINITY;
                break;
            }
            cim_cc_range r = {.first = a, .end = b};
            cim_cc_range_ops(plan, &r);
            REQUIRE(cim_cc_range_duplicate(cx, &r, mask != 0, true, picks) == CIM_OK);
            cim_cc_range_time(cx, &r, picks, false);
            total += r.latency_ns + (mask ? cim_cc_range_reload_ns(plan, a, b) : 0.0);
            a = b;
        }
        best = fmin(best, total);
    }
    return best;
}

static void optimal_cuts_match_all_cuts(void **unused)
{
    (void)unused;
    static network net;
    static cim_cc_plan plan;
    cim_arena ar;
    cim_arena_init(&ar);
    int cut = 0, compared = 0;
    for (seed_now = 1; seed_now <= 1500; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "segment");
        random_network(rng, &net);
        cim_hw_arch arch;
        cim_cost_chip chip;
        arch_by_hand(rng, &arch);
        chip_by_hand(&chip, 1.0);
        arch.schedule.pipeline = (int64_t)cim_rng_below(rng, 2);
        arch.core.alu_ops_per_cycle = NAN; /* cuts are compared without contention */
        net.graph.n_outputs = 0;
        chip.core_alu_ops_per_ns = INFINITY;
        chip.offchip_bits_per_ns = cim_rng_below(rng, 2) ? 8.0 : 2000.0;
        cim_cc_prepared *p = NULL;
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        cim_arena_reset(&ar);
        cim_cc_context cx;
        cim_status status = CIM_OK;
        if (cim_cc_open(&cx, &plan, p, &arch, &chip, &ar, false, &status) && plan.n_nodes > 1 &&
            plan.n_nodes <= FEW_OPS) {
            double best = all_cuts(&cx);
            REQUIRE(cim_cc_pass_segment(&cx, &status));
            compared++;
            cut += plan.n_segments > 1;
            /* the final duplication may only improve on the quick one used for pricing */
            REQUIRE(plan.latency_ns <= best * (1 + 1e-9));
            if (!arch.schedule.pipeline)
                REQUIRE(plan.latency_ns >= best * (1 - 1e-9));
        }
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    print_message("%d compared, %d cut\n", compared, cut);
    assert_true(compared > 700 && cut > 200);
    cim_arena_clear(&ar);
}

/* More cores never slow a schedule that is solved exactly; the optimum never loses to the divisor
 * heuristic, greedy cuts or no copies at all. */
static void more_never_hurts(void **unused)
{
    (void)unused;
    static network net;
    cim_arena ar;
    cim_arena_init(&ar);
    for (seed_now = 1; seed_now <= 800; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "monotone");
        random_network(rng, &net);
        cim_hw_arch arch;
        cim_cost_chip chip;
        arch_by_hand(rng, &arch);
        chip_by_hand(&chip, 1.0);
        cim_cc_prepared *p = NULL;
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        double before = INFINITY;
        for (arch.chip.cores = 4; arch.chip.cores <= 64; arch.chip.cores *= 2) {
            cim_cc_result exact, other;
            arch.schedule.duplication = CIM_HW_DUPLICATION_EXACT;
            arch.schedule.segmentation = CIM_HW_SEGMENTATION_OPTIMAL;
            cim_arena_reset(&ar);
            REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &exact, NULL, NULL) == CIM_OK);
            if (!exact.feasible)
                continue;
            REQUIRE(exact.metrics[CIM_M_LATENCY_S] <= before * (1 + 1e-9));
            before = exact.metrics[CIM_M_LATENCY_S];
            for (int variant = 0; variant < 3; variant++) {
                arch.schedule.duplication = variant == 0   ? CIM_HW_DUPLICATION_DIVISOR
                                            : variant == 1 ? CIM_HW_DUPLICATION_NONE
                                                           : CIM_HW_DUPLICATION_EXACT;
                arch.schedule.segmentation =
                    variant == 2 ? CIM_HW_SEGMENTATION_GREEDY : CIM_HW_SEGMENTATION_OPTIMAL;
                cim_arena_reset(&ar);
                REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &other, NULL, NULL) == CIM_OK);
                REQUIRE(other.feasible && before <= other.metrics[CIM_M_LATENCY_S] * (1 + 1e-9));
            }
        }
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    cim_arena_clear(&ar);
}

/* Best score of a pipeline over all combinations of copies, as it counts: with contention. */
static double all_copies(cim_cc_context *cx, cim_cc_range *r, uint32_t node, int64_t units,
                         uint32_t *picks)
{
    cim_cc_plan *plan = cx->plan;
    if (units > plan->budget)
        return INFINITY;
    if (node == r->end) {
        REQUIRE(cim_cc_range_time(cx, r, picks, true));
        return cim_cc_range_score(plan, r, false, picks);
    }
    double best = INFINITY;
    for (picks[node] = 0; picks[node] < plan->nodes[node].n_choices; picks[node]++)
        best = fmin(best, all_copies(cx, r, node + 1,
                                     units + plan->nodes[node].choices[picks[node]].weight, picks));
    return best;
}

/* The copies found for a pipeline against exhaustive search, branches included; the reported lower
 * bound must never exceed the optimum. */
static void pipelined_copies_against_all_copies(void **unused)
{
    (void)unused;
    static network net;
    static cim_cc_plan plan;
    cim_arena ar;
    cim_arena_init(&ar);
    int compared = 0, optimal = 0, bounded = 0, latencies = 0;
    double worst = 1.0, sum = 0.0;
    for (seed_now = 1; seed_now <= 3000; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "pipelined");
        random_network(rng, &net);
        cim_hw_arch arch;
        cim_cost_chip chip;
        arch_by_hand(rng, &arch);
        chip_by_hand(&chip, 1.0);
        static const int64_t objectives[] = {CIM_HW_OBJECTIVE_LATENCY, CIM_HW_OBJECTIVE_ENERGY,
                                             CIM_HW_OBJECTIVE_EDP};
        arch.schedule.pipeline = 1;
        arch.schedule.objective = objectives[seed_now % 3];
        arch.schedule.stagger = (int64_t)cim_rng_below(rng, 2);
        arch.chip.cores *= 3;
        cim_cc_prepared *p = NULL;
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        cim_arena_reset(&ar);
        cim_cc_context cx;
        cim_status status = CIM_OK;
        if (cim_cc_open(&cx, &plan, p, &arch, &chip, &ar, false, &status)) {
            double combinations = 1.0;
            int64_t units = 0;
            for (uint32_t i = 0; i < plan.n_nodes; i++) {
                combinations *= plan.nodes[i].n_choices;
                units += plan.nodes[i].units;
            }
            if (plan.n_nodes > 0 && units <= plan.budget && combinations < 30000) {
                uint32_t picks[MAX_OPS] = {0};
                cim_cc_range r = {.end = plan.n_nodes};
                cim_cc_range_ops(&plan, &r);
                double best = all_copies(&cx, &r, 0, 0, picks);
                cx.want_bound = true;
                REQUIRE(cim_cc_range_duplicate(&cx, &r, false, false, picks) == CIM_OK);
                double bound = r.bound_ns;
                REQUIRE(cim_cc_range_time(&cx, &r, picks, true));
                double score = cim_cc_range_score(&plan, &r, false, picks);
                REQUIRE(score >= best * (1 - 1e-9));
                compared++;
                optimal += score <= best * (1 + 1e-9);
                worst = fmax(worst, score / best);
                sum += score / best;
                REQUIRE(bound <= r.latency_ns * (1 + 1e-9));
                if (arch.schedule.objective == CIM_HW_OBJECTIVE_LATENCY) {
                    REQUIRE(bound <= best * (1 + 1e-9));
                    latencies++;
                    bounded += bound >= 0.9 * best;
                }
            }
        }
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    print_message("%d compared: %d optimal, mean %.4f, worst %.4f; %d of %d bounds within 10 %%\n",
                  compared, optimal, sum / compared, worst, bounded, latencies);
    assert_true(compared > 300 && optimal > 0.98 * compared && sum < 1.001 * compared);
    cim_arena_clear(&ar);
}

/* The power curve holds the run's energy and its maximum is the peak. */
static void curve_holds_the_energy(const cim_cc_plan *plan)
{
    double peak = 0.0, pj = 0.0;
    for (size_t i = 0; i < plan->n_curve; i++) {
        double to = i + 1 < plan->n_curve ? plan->curve[i + 1].at_ns : plan->latency_ns;
        REQUIRE(to >= plan->curve[i].at_ns);
        pj += plan->curve[i].mw * (to - plan->curve[i].at_ns);
        peak = fmax(peak, plan->curve[i].mw);
    }
    REQUIRE(fabs(plan->peak_instant_mw - peak) <= 1e-9 * peak);
    REQUIRE(plan->peak_total_mw <= peak * (1 + 1e-9));
    REQUIRE(fabs(plan->energy_total_pj - pj) <= 1e-6 * pj);
}

static void compile_for(const cim_cc_prepared *p, cim_hw_arch *arch, const cim_cost_chip *chip,
                        int64_t objective, cim_arena *ar, double *metrics, uint32_t *segments)
{
    cim_cc_result r;
    const cim_cc_plan *plan = NULL;
    arch->schedule.objective = objective;
    cim_arena_reset(ar);
    REQUIRE(cim_cc_compile_bounded(p, arch, chip, ar, &r, &plan, NULL) == CIM_OK && r.feasible);
    *segments = plan->n_segments;
    memcpy(metrics, r.metrics, sizeof r.metrics);
    REQUIRE(metrics[CIM_M_PEAK_POWER_W] >= metrics[CIM_M_AVG_POWER_W] * (1 - 1e-9));
    for (uint32_t i = 0; i < plan->n_segments; i++)
        REQUIRE(plan->segments[i].bound_ns <= plan->segments[i].latency_ns * (1 + 1e-9));
    if (arch->workload.batch == 1)
        curve_holds_the_energy(plan);
}

/* Runs of several inferences: the objective a user names is the metric he gets most of, peak power
 * covers what overlaps, bounds bound. */
static void batches(void **unused)
{
    (void)unused;
    static const int64_t sizes[] = {1, 2, 7, 1000};
    static network net;
    cim_arena ar;
    cim_arena_init(&ar);
    int cut = 0, whole = 0;
    for (seed_now = 1; seed_now <= 1500; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "batch");
        random_network(rng, &net);
        cim_hw_arch arch;
        cim_cost_chip chip;
        arch_by_hand(rng, &arch);
        chip_by_hand(&chip, 1.0);
        arch.chip.cores *= 1 + (int64_t)cim_rng_below(rng, 6);
        arch.device.type = cim_rng_below(rng, 2) ? CIM_HW_DEVICE_SRAM : CIM_HW_DEVICE_RERAM;
        arch.schedule.pipeline = (int64_t)cim_rng_below(rng, 2);
        arch.workload.batch = sizes[cim_rng_below(rng, 4)];
        cim_cc_prepared *p = NULL;
        double m[4][CIM_CC_N_METRICS];
        uint32_t segments[4];
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        bool crossbars = false;
        for (uint32_t i = 0; i < net.graph.n_ops; i++)
            crossbars = crossbars || net.ops[i].unit == CIM_CC_UNIT_CROSSBAR;
        if (!crossbars) {
            cim_cc_result r;
            REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &r, NULL, NULL) == CIM_OK);
            REQUIRE(!r.feasible && strstr(r.reason, "random has no operator"));
            cim_cc_prepared_destroy(p);
            cim_rng_destroy(rng);
            continue;
        }
        for (int64_t o = 0; o < 4; o++)
            compile_for(p, &arch, &chip, o, &ar, m[o], &segments[o]);
        const double *latency = m[CIM_HW_OBJECTIVE_LATENCY], *rate = m[CIM_HW_OBJECTIVE_THROUGHPUT];
        const double *energy = m[CIM_HW_OBJECTIVE_ENERGY], *edp = m[CIM_HW_OBJECTIVE_EDP];
        bool cut_all = segments[0] > 1 && segments[1] > 1 && segments[2] > 1 && segments[3] > 1;
        double slack = arch.schedule.pipeline && cut_all ? 0.03 : 1e-9; /* cuts are best found */
        REQUIRE(rate[CIM_M_THROUGHPUT_IPS] >= latency[CIM_M_THROUGHPUT_IPS] * (1 - slack));
        slack = arch.schedule.pipeline ? 0.15 : 1e-9;
        REQUIRE(energy[CIM_M_ENERGY_J] <= latency[CIM_M_ENERGY_J] * (1 + slack));
        if (cut_all)
            REQUIRE(edp[CIM_M_EDP_JS] <= fmin(latency[CIM_M_EDP_JS], energy[CIM_M_EDP_JS]));
        cut += cut_all;
        whole += segments[0] == 1;
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    print_message("%d cut, %d whole\n", cut, whole);
    assert_true(cut > 200 && whole > 200);
    cim_arena_clear(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimal_cuts_match_all_cuts),
        cmocka_unit_test(more_never_hurts),
        cmocka_unit_test(pipelined_copies_against_all_copies),
        cmocka_unit_test(batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
