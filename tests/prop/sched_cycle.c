/* The cycle simulator on random networks: where no resource is shared it is the analytical model to the
 * last bit but rounding; everywhere energy is conserved, nobody works more than always, and the same run
 * gives the same numbers. */
#include "sched/cycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/prop/sched_random.h"

/* A compiled random network. */
typedef struct point {
    network net;
    cim_cc_input input;
    cim_hw_arch arch;
    cim_cost_chip chip;
    cim_cc_prepared *prepared;
    cim_arena arena;
    const cim_cc_plan *plan;
} point;

/* Operators that read nothing read the network's input. */
static void read_input(point *p)
{
    cim_cc_graph *g = &p->net.graph;
    p->input = (cim_cc_input){.name = "x", .rank = 1, .shape = {64}, .elements = 64};
    g->inputs = &p->input;
    g->n_inputs = 1;
    for (uint32_t i = 0; i < g->n_ops; i++) {
        if (p->net.ops[i].n_edges > 0)
            continue;
        p->net.ops[i].first_edge = g->n_edges;
        p->net.ops[i].n_edges = 1;
        p->net.edges[g->n_edges++] =
            (cim_cc_edge){.producer = CIM_CC_INVALID, .elements = 64, .num = 1, .den = 1};
    }
}

static bool compile(point *p, cim_rng *rng)
{
    cim_cc_result r;
    bool crossbars = false;
    random_network(rng, &p->net);
    read_input(p);
    for (uint32_t i = 0; i < p->net.graph.n_ops; i++)
        crossbars = crossbars || p->net.ops[i].unit == CIM_CC_UNIT_CROSSBAR;
    REQUIRE(cim_cc_prepare(&p->net.graph, &p->prepared, NULL) == CIM_OK);
    cim_arena_init(&p->arena);
    REQUIRE(cim_cc_compile(p->prepared, &p->arch, &p->chip, &p->arena, &r, &p->plan, NULL) ==
            CIM_OK);
    REQUIRE(r.feasible || !crossbars);
    return r.feasible;
}

static void release(point *p)
{
    cim_cc_prepared_destroy(p->prepared);
    cim_arena_clear(&p->arena);
}

static bool within(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b));
}

static bool near(double a, double b)
{
    return within(a, b, 1e-9);
}

/* Parts of an operator need not be equal; the model times all of them as the first. */
static bool in_parts(const cim_cc_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        if (plan->nodes[i].n_parts > 1)
            return true;
    return false;
}

/* Dynamic energy is the plan's, kind by kind, leakage goes with the simulated time, and the trace adds
 * up to both. */
static void energy_is_conserved(const cim_cc_plan *plan, const cim_cc_cycle *c)
{
    double total = 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++) {
        total += c->energy_pj[k];
        if (k != CIM_COST_LEAKAGE)
            REQUIRE(fabs(c->energy_pj[k] - plan->energy_pj[k]) <= 1e-9 * plan->energy_total_pj);
    }
    REQUIRE(near(total, c->energy_total_pj));
    REQUIRE(near(c->energy_pj[CIM_COST_LEAKAGE], plan->chip.leakage_mw * c->latency_ns));
    if (c->simulated == c->batch)
        REQUIRE(near(c->traced_pj, c->energy_total_pj));
}

static void curve_is_the_trace(const cim_cc_cycle *c)
{
    double pj = 0.0, peak = 0.0;
    REQUIRE(c->n_curve > 0 && (c->n_curve - 1) * c->point_ns < c->simulated_ns);
    for (uint32_t i = 0; i < c->n_curve; i++) {
        double end = fmin((i + 1.0) * c->point_ns, c->simulated_ns);
        pj += c->curve[i].mw * (end - i * c->point_ns);
        peak = fmax(peak, c->curve[i].mw);
    }
    REQUIRE(near(pj, c->traced_pj));
    REQUIRE(peak <= c->instant_mw * (1 + 1e-9) && c->peak_total_mw <= c->instant_mw * (1 + 1e-9));
    for (int k = 0; k < CIM_CC_N_RESOURCES; k++)
        REQUIRE(c->utilization[k] >= 0.0 && c->utilization[k] <= 1.0 + 1e-9);
}

static void alone_the_model_is_exact(void **unused)
{
    (void)unused;
    static point p;
    int cut = 0, whole = 0;
    for (seed_now = 1; seed_now <= 2000; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "cycle");
        arch_by_hand(rng, &p.arch);
        chip_by_hand(&p.chip, 1.0);
        p.arch.schedule.pipeline = (int64_t)cim_rng_below(rng, 3) > 0;
        p.arch.chip.cores *= cim_rng_below(rng, 2) ? 1 : 6;
        p.arch.core.alu_ops_per_cycle = NAN;
        p.chip.core_alu_ops_per_ns = INFINITY;
        p.chip.offchip_bits_per_ns = INFINITY;
        if (p.arch.schedule.level == CIM_HW_LEVEL_CG) { /* cores are a copy's own */
            p.chip.l1_bits_per_ns = cim_rng_below(rng, 2) ? INFINITY : 30.0;
            p.chip.noc_link_bits_per_ns = cim_rng_below(rng, 2) ? INFINITY : 2.0;
        }
        if (compile(&p, rng)) {
            cim_cc_cycle c;
            REQUIRE(cim_cc_cycle_run(p.plan, NULL, NULL, &c, NULL) == CIM_OK);
            REQUIRE(within(c.latency_ns, p.plan->latency_ns, in_parts(p.plan) ? 2e-3 : 1e-9));
            for (uint32_t i = 0; i < c.n_ops && p.plan->n_segments == 1; i++)
                REQUIRE(near(c.ops[i].end_ns, p.plan->ops[c.ops[i].op].end_ns));
            energy_is_conserved(p.plan, &c);
            curve_is_the_trace(&c);
            cut += p.plan->n_segments > 1;
            whole += p.plan->n_segments == 1;
            cim_cc_cycle_clear(&c);
        }
        release(&p);
        cim_rng_destroy(rng);
    }
    print_message("%d cut, %d whole\n", cut, whole);
    assert_true(cut > 100 && whole > 500);
}

/* Rates of everything shared, and a buffer that results may not fit. */
static void random_rates(cim_rng *rng, point *p)
{
    double *rates[] = {&p->chip.core_alu_ops_per_ns,  &p->chip.chip_alu_ops_per_ns,
                       &p->chip.l1_bits_per_ns,       &p->chip.l0_bits_per_ns,
                       &p->chip.noc_link_bits_per_ns, &p->chip.offchip_bits_per_ns};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        *rates[i] = cim_rng_below(rng, 3) ? 1.0 + 40.0 * cim_rng_uniform(rng) : INFINITY;
    p->arch.chip.buffer_kib = cim_rng_below(rng, 2) ? NAN : 0.1 + cim_rng_uniform(rng);
    p->arch.chip.alu_ops_per_cycle = isfinite(p->chip.chip_alu_ops_per_ns) ? 1.0 : NAN;
    p->arch.core.alu_ops_per_cycle = isfinite(p->chip.core_alu_ops_per_ns) ? 1.0 : NAN;
}

static void shared_resources(void **unused)
{
    (void)unused;
    static point p;
    static const int64_t batches[] = {1, 2, 7, 40};
    int overlapped = 0;
    for (seed_now = 1; seed_now <= 1500; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "cycle shared");
        arch_by_hand(rng, &p.arch);
        chip_by_hand(&p.chip, 1.0);
        random_rates(rng, &p);
        p.arch.schedule.pipeline = (int64_t)cim_rng_below(rng, 4) > 0;
        p.arch.schedule.stagger = (int64_t)cim_rng_below(rng, 2);
        p.arch.schedule.write_overlap = (int64_t)cim_rng_below(rng, 2);
        p.arch.workload.batch = batches[cim_rng_below(rng, 4)];
        if (compile(&p, rng)) {
            cim_cc_cycle c, again;
            const cim_cc_cycle_options options = {.slices = true, .curve_points = 64};
            REQUIRE(cim_cc_cycle_run(p.plan, NULL, NULL, &c, NULL) == CIM_OK);
            REQUIRE(cim_cc_cycle_run(p.plan, NULL, &options, &again, NULL) == CIM_OK);
            REQUIRE(c.latency_ns == again.latency_ns && c.peak_total_mw == again.peak_total_mw);
            energy_is_conserved(p.plan, &c);
            curve_is_the_trace(&c);
            curve_is_the_trace(&again);
            for (size_t i = 1; i < again.n_slices; i++)
                REQUIRE(again.slices[i].from_ns >= again.slices[i - 1].from_ns);
            overlapped += p.plan->overlapped;
            cim_cc_cycle_clear(&c);
            cim_cc_cycle_clear(&again);
        }
        release(&p);
        cim_rng_destroy(rng);
    }
    print_message("%d written ahead\n", overlapped);
    assert_true(overlapped > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_the_model_is_exact),
        cmocka_unit_test(shared_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
