/* Placement: distances against breadth-first search on the graph of the network between cores, curves as
 * permutations with locality, hops of whole plans against all pairs of cores one by one, and the
 * optimised placement against the curves. */
#include "sched/model.h"
#include "sched/place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/prop/sched_random.h"

static cim_cc_noc noc_of(int64_t kind, int64_t cores, cim_arena *ar)
{
    cim_hw_arch a;
    cim_cc_noc noc;
    memset(&a, 0, sizeof a);
    a.chip.cores = cores;
    a.chip.noc = kind;
    REQUIRE(cim_cc_noc_init(&noc, &a, ar));
    return noc;
}

/* ---- distances ------------------------------------------------------------------------------------- */

enum { MAX_CORES = 70, MAX_VERTICES = 4 * MAX_CORES + 4 };
typedef struct links {
    uint8_t of[MAX_VERTICES][MAX_VERTICES];
    uint32_t n;
} links;

static void link_up(links *g, uint32_t a, uint32_t b)
{
    g->of[a][b] = g->of[b][a] = 1;
}

static void distances_from(const links *g, uint32_t start, uint32_t *hops)
{
    uint32_t queue[MAX_VERTICES], head = 0, tail = 0;
    for (uint32_t i = 0; i < g->n; i++)
        hops[i] = UINT32_MAX;
    hops[start] = 0;
    queue[tail++] = start;
    while (head < tail) {
        uint32_t v = queue[head++];
        for (uint32_t w = 0; w < g->n; w++)
            if (g->of[v][w] && hops[w] == UINT32_MAX) {
                hops[w] = hops[v] + 1;
                queue[tail++] = w;
            }
    }
}

/* Routers of all places of the grid, and the port behind the middle of the first row.
 * @return the port's vertex */
static uint32_t grid_links(links *g, uint32_t side, uint32_t rows, bool torus)
{
    for (uint32_t y = 0; y < rows; y++)
        for (uint32_t x = 0; x < side; x++) {
            uint32_t v = y * side + x;
            if (x + 1 < side)
                link_up(g, v, v + 1);
            else if (torus)
                link_up(g, v, y * side);
            if (y + 1 < rows)
                link_up(g, v, v + side);
            else if (torus)
                link_up(g, v, x);
        }
    link_up(g, side / 2, side * rows);
    g->n = side * rows + 1;
    return side * rows;
}

/* Leaves first, then every level of inner nodes. @return the root */
static uint32_t tree_links(links *g, uint32_t cores)
{
    uint32_t first = 0, count = cores;
    while (count > 1) {
        for (uint32_t i = 0; i < count; i++)
            link_up(g, first + i, first + count + i / 2);
        first += count;
        count = (count + 1) / 2;
    }
    g->n = first + 1;
    return first;
}

static void check_distances(int64_t kind, uint32_t cores, cim_arena *ar)
{
    static links g;
    memset(&g, 0, sizeof g);
    cim_cc_noc noc = noc_of(kind, cores, ar);
    uint32_t hops[MAX_VERTICES];
    uint32_t port = kind == CIM_HW_NOC_TREE
                        ? tree_links(&g, cores)
                        : grid_links(&g, noc.side, noc.rows, kind == CIM_HW_NOC_TORUS);
    double all = 0.0, to_port = 0.0;
    for (uint32_t i = 0; i < cores; i++) {
        double sum = 0.0;
        distances_from(&g, i, hops);
        for (uint32_t j = 0; j < cores; j++) {
            REQUIRE(cim_cc_noc_hops(&noc, i, j) == (double)hops[j]);
            sum += hops[j];
        }
        REQUIRE(cim_cc_noc_port_hops(&noc, i, true) == (double)hops[port]);
        REQUIRE(cim_cc_noc_port_hops(&noc, i, false) == (double)hops[port]);
        REQUIRE(fabs(cim_cc_noc_all_hops(&noc, i, true) - sum / cores) < 1e-9);
        all += sum;
        to_port += hops[port];
    }
    REQUIRE(fabs(noc.all_all - all / cores / cores) < 1e-9);
    REQUIRE(fabs(noc.all_port - to_port / cores) < 1e-9 && noc.port_all == noc.all_port);
}

static void distances_are_shortest_paths(void **unused)
{
    (void)unused;
    static const int64_t kinds[] = {CIM_HW_NOC_MESH, CIM_HW_NOC_TORUS, CIM_HW_NOC_TREE};
    cim_arena ar;
    cim_arena_init(&ar);
    for (uint32_t cores = 1; cores <= MAX_CORES; cores++) {
        seed_now = cores;
        for (size_t k = 0; k < 3; k++)
            check_distances(kinds[k], cores, &ar);
        cim_cc_noc bus = noc_of(CIM_HW_NOC_BUS, cores, &ar),
                   ideal = noc_of(CIM_HW_NOC_IDEAL, cores, &ar);
        for (uint32_t j = 0; j < cores; j++) {
            REQUIRE(cim_cc_noc_hops(&bus, 0, j) == (j ? 1.0 : 0.0));
            REQUIRE(cim_cc_noc_hops(&ideal, 0, j) <= 0.0);
        }
    }
    cim_arena_clear(&ar);
}

static void means_along_an_axis(void **unused)
{
    (void)unused;
    for (seed_now = 1; seed_now <= 400; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "axis");
        uint32_t n = 1 + (uint32_t)cim_rng_below(rng, 40);
        double share[40], got[40];
        for (uint32_t i = 0; i < n; i++)
            share[i] = cim_rng_below(rng, 3) ? cim_rng_uniform(rng) : 0.0;
        for (int ring = 0; ring < 2; ring++) {
            cim_cc_noc_axis(share, n, ring, got);
            for (uint32_t i = 0; i < n; i++) {
                double sum = 0.0;
                for (uint32_t j = 0; j < n; j++) {
                    uint32_t d = i > j ? i - j : j - i;
                    sum += share[j] * (ring && n - d < d ? n - d : d);
                }
                REQUIRE(fabs(got[i] - sum) < 1e-10);
            }
        }
        cim_rng_destroy(rng);
    }
}

/* ---- curves ---------------------------------------------------------------------------------------- */

/* Mean distance of cores up to two rows apart on a curve: within what an operator takes. */
static double curve_spread(const cim_cc_noc *noc, const uint32_t *order)
{
    double sum = 0.0;
    uint32_t pairs = 0;
    for (uint32_t k = 1; k <= 2 * noc->side; k++)
        for (uint32_t i = 0; i + k < noc->n; i++, pairs++)
            sum += cim_cc_noc_hops(noc, order[i], order[i + k]);
    return pairs ? sum / pairs : 0.0;
}

static void curves_visit_every_core_once(void **unused)
{
    (void)unused;
    cim_arena ar;
    cim_arena_init(&ar);
    double row_major = 0.0, snake = 0.0, hilbert = 0.0;
    for (uint32_t n = 1; n <= 3000; n += n < 700 ? 1 : 97) {
        seed_now = n;
        cim_arena_reset(&ar);
        cim_cc_noc noc = noc_of(CIM_HW_NOC_MESH, n, &ar);
        uint32_t *order = cim_arena_alloc(&ar, n, sizeof *order);
        double spread[3];
        for (int64_t curve = CIM_HW_PLACEMENT_ROW_MAJOR; curve <= CIM_HW_PLACEMENT_HILBERT;
             curve++) {
            bool *seen = cim_arena_alloc(&ar, n, sizeof *seen);
            cim_cc_noc_curve(&noc, curve, order);
            for (uint32_t i = 0; i < n; i++) {
                REQUIRE(order[i] < n && !seen[order[i]]);
                seen[order[i]] = true;
                /* on whole grids snake and Hilbert take one step at a time, Hilbert now and then one
                 * across where a side is odd */
                if (i && n == noc.side * noc.rows && curve != CIM_HW_PLACEMENT_ROW_MAJOR)
                    REQUIRE(cim_cc_noc_hops(&noc, order[i - 1], order[i]) <=
                            (curve == CIM_HW_PLACEMENT_SNAKE ? 1.0 : 2.0));
            }
            spread[curve] = curve_spread(&noc, order);
        }
        if (n >= 64)
            REQUIRE(spread[CIM_HW_PLACEMENT_HILBERT] < spread[CIM_HW_PLACEMENT_ROW_MAJOR]);
        row_major += spread[0];
        snake += spread[1];
        hilbert += spread[2];
    }
    print_message("spread against row-major: snake %.2f, hilbert %.2f\n", snake / row_major,
                  hilbert / row_major);
    assert_true(hilbert < 0.8 * row_major && hilbert < snake);
    cim_arena_clear(&ar);
}

/* ---- whole plans ----------------------------------------------------------------------------------- */

static void random_op(cim_rng *rng, cim_cc_op *op)
{
    static const cim_cc_unit units[] = {CIM_CC_UNIT_CROSSBAR, CIM_CC_UNIT_CROSSBAR,
                                        CIM_CC_UNIT_DIGITAL, CIM_CC_UNIT_NONE};
    op->name = op->type = "op";
    op->unit = units[cim_rng_below(rng, 4)];
    op->rows = 1 + (int64_t)cim_rng_below(rng, 12);
    op->images = op->rank = 1;
    op->shape[0] = op->out_elements = op->rows * 16;
    op->alu_add = op->unit == CIM_CC_UNIT_DIGITAL ? 1000 : 0;
    op->matrix_rows = 1 + (int64_t)cim_rng_below(rng, 300);
    op->matrix_cols = 1 + (int64_t)cim_rng_below(rng, 60);
    op->groups = 1;
    op->mvms = op->rows * (1 + (int64_t)cim_rng_below(rng, 12));
    op->macs = op->matrix_rows * op->matrix_cols * op->mvms;
}

/* Crossbar, digital and renaming operators in a row, with skip edges and fused ones. */
static void routed_network(cim_rng *rng, network *n)
{
    memset(n, 0, sizeof *n);
    n->graph = (cim_cc_graph){.name = "random",
                              .ops = n->ops,
                              .edges = n->edges,
                              .n_ops = 2 + (uint32_t)cim_rng_below(rng, MAX_OPS - 1),
                              .outputs = &n->output,
                              .n_outputs = 1};
    for (uint32_t i = 0; i < n->graph.n_ops; i++) {
        cim_cc_op *op = &n->ops[i];
        random_op(rng, op);
        op->unit = i ? op->unit : CIM_CC_UNIT_CROSSBAR;
        n->graph.macs += op->macs;
        op->first_edge = n->graph.n_edges;
        uint32_t inputs = 1 + (uint32_t)cim_rng_below(rng, 3);
        for (uint32_t k = 0; k < inputs && k < i + 1; k++) {
            cim_cc_edge *e = &n->edges[n->graph.n_edges++];
            uint32_t back = k == 0 ? 1 : 1 + (uint32_t)cim_rng_below(rng, 4);
            *e = (cim_cc_edge){.producer = back <= i ? i - back : CIM_CC_INVALID,
                               .num = 1,
                               .den = 1,
                               .full = cim_rng_below(rng, 5) == 0};
            e->elements = back <= i ? n->ops[i - back].out_elements : 48;
            op->in_elements += e->elements;
            op->n_edges++;
        }
        if (op->unit == CIM_CC_UNIT_DIGITAL && op->n_edges == 1 && cim_rng_below(rng, 2)) {
            op->out_elements = op->shape[0] = op->in_elements; /* may be fused */
            n->edges[op->first_edge].full = false;
        }
    }
    n->output = n->graph.n_ops - 1;
}

static void random_arch(cim_rng *rng, cim_hw_arch *a, double *cost)
{
    memset(a, 0, sizeof *a);
    a->computing_mode = CIM_HW_MODE_CROSSBAR;
    a->chip.cores = 1 + (int64_t)cim_rng_below(rng, MAX_CORES);
    a->chip.noc = (int64_t)cim_rng_below(rng, 5);
    a->chip.noc_bits_per_cycle = a->chip.buffer_bits_per_cycle = NAN;
    a->chip.buffer_kib = cim_rng_below(rng, 2) ? NAN : 1000.0;
    a->chip.alu_ops_per_cycle = cim_rng_below(rng, 2) ? NAN : 200.0;
    a->chip.offchip_gb_per_s = NAN;
    a->core.crossbars = 1 + (int64_t)cim_rng_below(rng, 4);
    a->core.buffer_kib = a->core.buffer_bits_per_cycle = NAN;
    a->core.alu_ops_per_cycle = cim_rng_below(rng, 2) ? NAN : 50.0;
    a->crossbar.rows = a->crossbar.cols = a->crossbar.parallel_rows = 64;
    a->crossbar.adcs = 1;
    a->crossbar.adc_bits = 8;
    a->crossbar.dac_bits = 1;
    a->device.type = cim_rng_below(rng, 2) ? CIM_HW_DEVICE_SRAM : CIM_HW_DEVICE_RERAM;
    a->device.bits_per_cell = 1;
    a->workload.weight_bits = a->workload.activation_bits = 4;
    a->workload.batch = 1;
    a->schedule.level = (int64_t)cim_rng_below(rng, 3);
    a->schedule.pipeline = (int64_t)cim_rng_below(rng, 2);
    a->schedule.peak_power_cap_w = NAN;
    a->noc_cost_n = a->chip.cores;
    if (cim_rng_below(rng, 4))
        return;
    a->noc_cost = cost;
    for (int64_t i = 0; i < a->chip.cores * a->chip.cores; i++)
        cost[i] = cim_rng_uniform(rng) * 10.0;
}

/* Where an operator is, core by core; the last entry is the port. */
typedef struct where {
    double at[MAX_CORES + 1];
} where;

/* Crossbars of a copy one by one. */
static void node_where(const cim_cc_plan *plan, const cim_cc_node *n, where *w)
{
    int64_t copies = n->choice_copies[n->pick], m = cim_cc_node_picked(n)->map.crossbars;
    int64_t per_core = plan->arch.core.crossbars, units = cim_cc_node_picked(n)->units;
    for (int64_t c = 0; c < copies; c++)
        for (int64_t x = 0; x < m; x++) {
            int64_t position = plan->units_are_cores ? n->first_unit + c * units + x / per_core
                                                     : (n->first_unit + c * units + x) / per_core;
            uint32_t core = plan->core_order ? plan->core_order[position] : (uint32_t)position;
            w->at[core] += 1.0 / ((double)(copies * m) * n->n_parts);
        }
}

/* Where operators are and where their results are; fused operators and such that only rename follow
 * their producers. Independent of the routes that were prepared. */
static void op_where(const cim_cc_plan *plan, cim_cc_op_id id, where *all)
{
    const cim_cc_op *op = &plan->graph->ops[id];
    uint32_t cores = plan->noc.n;
    where *w = &all[id];
    memset(w, 0, sizeof *w);
    bool fused = op->unit == CIM_CC_UNIT_DIGITAL && !(plan->prepared->traffic_in[id] > 0.0);
    if (op->unit == CIM_CC_UNIT_CROSSBAR) {
        const cim_cc_node *last = &plan->nodes[plan->node_of[id]];
        for (const cim_cc_node *n = last - (last->n_parts - 1); n <= last; n++)
            node_where(plan, n, w);
    } else if (op->unit == CIM_CC_UNIT_NONE || fused) {
        for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
            const cim_cc_edge *e = &plan->graph->edges[k];
            double share = (double)e->elements / (double)op->in_elements;
            for (uint32_t c = 0; c <= cores && e->producer != CIM_CC_INVALID; c++)
                w->at[c] += share * all[e->producer].at[c];
            w->at[cores] += e->producer == CIM_CC_INVALID ? share : 0.0;
        }
    } else {
        const cim_hw_arch *a = &plan->arch;
        double chip = isnan(a->chip.alu_ops_per_cycle) ? 0.0 : plan->chip.chip_alu_ops_per_ns;
        double core = isnan(a->core.alu_ops_per_cycle) ? 0.0 : plan->chip.core_alu_ops_per_ns;
        core = chip > 0.0 || core > 0.0 ? core : 1.0;
        for (uint32_t c = 0; c < cores; c++)
            w->at[c] = core / (chip + core * cores);
        w->at[cores] = chip / (chip + core * cores);
    }
}

static double hops_between(const cim_cc_noc *noc, uint32_t a, uint32_t b)
{
    if (a == noc->n)
        return b == noc->n ? 0.0 : cim_cc_noc_port_hops(noc, b, false);
    return b == noc->n ? cim_cc_noc_port_hops(noc, a, true) : cim_cc_noc_hops(noc, a, b);
}

static double mean_hops(const cim_cc_noc *noc, const where *a, const where *b)
{
    double sum = 0.0;
    for (uint32_t i = 0; i <= noc->n; i++)
        for (uint32_t j = 0; j <= noc->n; j++)
            if (a->at[i] > 0.0 && b->at[j] > 0.0)
                sum += a->at[i] * b->at[j] * hops_between(noc, i, j);
    return sum;
}

static double route_bit_hops(const cim_cc_plan *plan, cim_cc_op_id id, const where *all)
{
    const cim_cc_op *op = &plan->graph->ops[id];
    double bits = (double)plan->arch.workload.activation_bits, sum = 0.0;
    where port = {{0}};
    port.at[plan->noc.n] = 1.0;
    const cim_cc_noc *noc = &plan->noc;
    if (!isnan(plan->arch.chip.buffer_kib)) {
        if (op->unit == CIM_CC_UNIT_NONE)
            return 0.0;
        return bits * (plan->prepared->traffic_in[id] * mean_hops(noc, &port, &all[id]) +
                       plan->prepared->traffic_out[id] * mean_hops(noc, &all[id], &port));
    }
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &plan->graph->edges[k];
        if (plan->prepared->traffic_in[id] > 0.0)
            sum +=
                (double)e->elements *
                mean_hops(noc, e->producer == CIM_CC_INVALID ? &port : &all[e->producer], &all[id]);
    }
    if (id == plan->graph->outputs[0])
        sum += (double)op->out_elements * mean_hops(noc, &all[id], &port);
    return bits * sum;
}

static double check_plan(const cim_cc_plan *plan)
{
    static where all[MAX_OPS];
    double total = 0.0, pj[CIM_COST_N_KINDS], ev[CIM_COST_N_EVENTS];
    for (cim_cc_op_id id = 0; id < plan->graph->n_ops; id++) {
        const cim_cc_op_plan *o = &plan->ops[id];
        op_where(plan, id, all);
        double expected = route_bit_hops(plan, id, all);
        REQUIRE(fabs(o->route_bit_hops - expected) <= 1e-9 * (expected + 1.0));
        expected += cim_cc_sum_bits(plan, id) * o->sum_hops;
        REQUIRE(fabs(o->noc_bit_hops - expected) <= 1e-9 * (expected + 1.0));
        cim_cc_count_op(plan, id, ev);
        REQUIRE(fabs(cim_cost_energy(&plan->chip, ev, 0.0, pj) - o->energy_pj) <=
                1e-12 * o->energy_pj);
        total += o->noc_bit_hops;
    }
    REQUIRE(fabs(total - plan->events[CIM_EV_NOC_BIT_HOP]) <= 1e-9 * (total + 1.0));
    return total;
}

/* Every unit of a segment belongs to at most one node, whatever the order. */
static void check_units(const cim_cc_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        for (uint32_t j = i + 1; j < plan->n_nodes; j++) {
            const cim_cc_node *a = &plan->nodes[i], *b = &plan->nodes[j];
            REQUIRE(a->segment != b->segment ||
                    a->first_unit + a->choices[a->pick].weight <= b->first_unit ||
                    b->first_unit + b->choices[b->pick].weight <= a->first_unit);
        }
}

static void hops_match_all_pairs(void **unused)
{
    (void)unused;
    static network net;
    static double cost[MAX_CORES * MAX_CORES];
    cim_arena ar;
    cim_arena_init(&ar);
    int whole = 0, cut = 0;
    for (seed_now = 1; seed_now <= 1500; seed_now++) {
        cim_rng *rng = cim_rng_create(seed_now, "place");
        cim_hw_arch arch;
        cim_cost_chip chip;
        cim_cc_prepared *p = NULL;
        routed_network(rng, &net);
        random_arch(rng, &arch, cost);
        chip_by_hand(&chip, 1.0);
        chip.chip_alu_ops_per_ns = 200.0;
        REQUIRE(cim_cc_prepare(&net.graph, &p, NULL) == CIM_OK);
        double least = INFINITY;
        for (int64_t curve = 0; curve <= CIM_HW_PLACEMENT_OPTIMISED; curve++) {
            cim_cc_result r;
            const cim_cc_plan *plan = NULL;
            arch.schedule.placement = curve;
            cim_arena_reset(&ar);
            REQUIRE(cim_cc_compile(p, &arch, &chip, &ar, &r, &plan, NULL) == CIM_OK && r.feasible);
            double total = check_plan(plan);
            check_units(plan);
            if (curve == CIM_HW_PLACEMENT_OPTIMISED)
                REQUIRE(total <= least * (1.0 + 1e-9));
            least = fmin(least, total);
            whole += plan->n_segments == 1;
            cut += plan->n_segments > 1;
        }
        cim_cc_prepared_destroy(p);
        cim_rng_destroy(rng);
    }
    print_message("%d plans whole, %d cut\n", whole, cut);
    assert_true(whole > 500 && cut > 500);
    cim_arena_clear(&ar);
}

/* ---- built-in networks and architectures ------------------------------------------------------------ */

static double bit_hops(const cim_cc_prepared *p, const cim_cost_library *lib, cim_hw_arch *arch,
                       int64_t placement, cim_arena *ar)
{
    cim_cost_chip chip;
    cim_cc_result r;
    const cim_cc_plan *plan = NULL;
    char reason[CIM_CC_REASON];
    arch->schedule.placement = placement;
    cim_arena_reset(ar);
    assert_true(cim_hw_arch_consistent(arch, reason, sizeof reason) &&
                cim_cost_chip_price(lib, arch, &chip, reason, sizeof reason));
    assert_int_equal(cim_cc_compile(p, arch, &chip, ar, &r, &plan, NULL), CIM_OK);
    return r.feasible ? plan->events[CIM_EV_NOC_BIT_HOP] : NAN;
}

static void optimised_is_never_worse(void **unused)
{
    (void)unused;
    cim_cost_library *lib = NULL;
    assert_int_equal(cim_cost_library_load(&lib, NULL), CIM_OK);
    cim_arena ar;
    cim_arena_init(&ar);
    const char *name, *line, *preset;
    char text[256];
    double gain = 0.0;
    int points = 0;
    for (size_t i = 0; cim_cc_model_builtin_at(i, &name, &line); i++) {
        cim_cc_model *model = NULL;
        cim_cc_prepared *p = NULL;
        assert_int_equal(cim_cc_model_load(name, NULL, &model, NULL), CIM_OK);
        assert_int_equal(cim_cc_prepare(cim_cc_model_graph(model), &p, NULL), CIM_OK);
        for (size_t j = 0; cim_hw_preset_at(j, &preset, text, sizeof text); j++) {
            cim_hw_arch arch;
            assert_int_equal(cim_hw_arch_load(preset, &arch, NULL), CIM_OK);
            if (arch.chip.noc == CIM_HW_NOC_IDEAL)
                arch.chip.noc = i % 2 ? CIM_HW_NOC_TORUS : CIM_HW_NOC_TREE;
            arch.schedule.level =
                arch.computing_mode == CIM_HW_MODE_CORE ? CIM_HW_LEVEL_CG : CIM_HW_LEVEL_MVM;
            double best = bit_hops(p, lib, &arch, CIM_HW_PLACEMENT_OPTIMISED, &ar);
            for (int64_t c = CIM_HW_PLACEMENT_ROW_MAJOR; c <= CIM_HW_PLACEMENT_HILBERT; c++) {
                double curve = bit_hops(p, lib, &arch, c, &ar);
                if (isnan(curve))
                    continue;
                if (!(best <= curve * (1.0 + 1e-9)))
                    fail_msg("%s on %s: %g bit hops, curve %d has %g", name, preset, best, (int)c,
                             curve);
                gain += best / curve;
                points++;
            }
            cim_hw_arch_clear(&arch);
        }
        cim_cc_prepared_destroy(p);
        cim_cc_model_destroy(model);
    }
    print_message("%d comparisons, mean ratio %.3f\n", points, gain / points);
    assert_true(points >= 100);
    cim_arena_clear(&ar);
    cim_cost_library_destroy(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_shortest_paths), cmocka_unit_test(means_along_an_axis),
        cmocka_unit_test(curves_visit_every_core_once), cmocka_unit_test(hops_match_all_pairs),
        cmocka_unit_test(optimised_is_never_worse),
    };
    cim_rng_library_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
