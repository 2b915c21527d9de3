/* What the legs of a product take and draw. Times follow the map pass's equations, core by core, with
 * what the flow says moves and is added; energies are the count pass's events, divided over products and
 * legs, so that the trace adds up to the plan's energy. */
#include "sched/cycle_internal.h"
#include "sched/dynamic.h"

#include <math.h>
#include <string.h>

static double bits_of(const cim_cc_plan *plan, double elements)
{
    return elements * (double)plan->arch.workload.activation_bits;
}

/* ---- energies --------------------------------------------------------------------------------------- */

static void leg_energy(const cim_cc_plan *plan, cim_cc_cycle_leg *leg, cim_cost_event e, double n)
{
    double pj = n * plan->chip.unit_pj[e];
    leg->pj += pj;
    leg->share[cim_cost_event_kind(e)] += pj; /* a fraction at the end */
}

/* Energies of one product by leg. @param per  products of an inference, times parts */
static void energies(const cim_cc_plan *plan, cim_cc_cycle_node *n, double per)
{
    double ev[CIM_COST_N_EVENTS];
    cim_cc_leg_split s = cim_cc_leg_split_of(plan, n->op);
    cim_cc_count_op(plan, n->op, ev);
    for (int e = 0; e < CIM_COST_N_EVENTS; e++) {
        cim_cc_leg_part part[2];
        int k = cim_cc_leg_parts(&s, (cim_cost_event)e, ev[e], part);
        while (k-- > 0)
            leg_energy(plan, &n->leg[part[k].leg], (cim_cost_event)e, part[k].n / per);
    }
}

/* Energy whose resource takes no time is drawn while the main leg works. */
static void settle(cim_cc_cycle_node *n)
{
    cim_cc_cycle_leg *main = &n->leg[n->main];
    for (int l = 0; l < CIM_CC_N_LEGS; l++) {
        cim_cc_cycle_leg *leg = &n->leg[l];
        if (leg->ns > 0.0 || leg == main)
            continue;
        main->pj += leg->pj;
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            main->share[k] += leg->share[k];
        memset(leg->share, 0, sizeof leg->share);
        leg->pj = 0.0;
    }
}

/* ---- times --------------------------------------------------------------------------------------------- */

/* Transfers over what the whole chip shares. */
static void shared_times(const cim_cc_plan *plan, cim_cc_cycle_node *n)
{
    const cim_cost_chip *c = &plan->chip;
    double per = (double)n->products, in, out;
    cim_cc_leg_border(plan, n->op, &in, &out);
    n->leg[CIM_CC_LEG_OFFCHIP_IN].ns = bits_of(plan, in) / per / c->offchip_bits_per_ns;
    n->leg[CIM_CC_LEG_OFFCHIP_OUT].ns = bits_of(plan, out) / per / c->offchip_bits_per_ns;
    n->leg[CIM_CC_LEG_L0_IN].ns = bits_of(plan, n->moved_in) / c->l0_bits_per_ns;
    n->leg[CIM_CC_LEG_L0_OUT].ns = bits_of(plan, n->moved_out) / c->l0_bits_per_ns;
}

static void core_times(const cim_cc_cycle_source *source, const cim_cc_flow_op *block,
                       const cim_cc_cycle_segment *s, cim_cc_cycle_node *n)
{
    static const cim_cc_leg leg[CIM_CC_N_CORE] = {[CIM_CC_CORE_NOC_IN] = CIM_CC_LEG_NOC_IN,
                                                  [CIM_CC_CORE_L1] = CIM_CC_LEG_L1,
                                                  [CIM_CC_CORE_ALU] = CIM_CC_LEG_CORE_ALU,
                                                  [CIM_CC_CORE_NOC_OUT] = CIM_CC_LEG_NOC_OUT};
    const cim_cc_plan *plan = source->plan;
    const cim_cost_chip *c = &plan->chip;
    const cim_cc_op *op = &plan->graph->ops[n->op];
    const cim_cc_node *node = &plan->nodes[plan->node_of[n->op]];
    const cim_cc_mapping *map;
    if (block->part < node->n_parts)
        node -= node->part - block->part;
    map = &cim_cc_node_picked(node)->map;
    double deliveries = 1.0 + cim_cc_input_deliveries(&plan->arch, map);
    for (uint32_t k = n->first_lane; k < s->n_lanes; k++)
        for (uint32_t i = 0; i < s->lanes[k].n_parts; i++) {
            cim_cc_cycle_part *p = &source->parts[s->lanes[k].first_part + i];
            p->ns[CIM_CC_CORE_NOC_IN] = bits_of(plan, p->in) * deliveries / c->noc_link_bits_per_ns;
            p->ns[CIM_CC_CORE_NOC_OUT] = bits_of(plan, p->out) / c->noc_link_bits_per_ns;
            p->ns[CIM_CC_CORE_L1] =
                cim_cc_local_bits(op, &plan->arch, map, p->tiles) / c->l1_bits_per_ns;
            p->ns[CIM_CC_CORE_ALU] = p->adds * c->alu_add_cycles / c->core_alu_ops_per_ns;
            for (int r = 0; r < CIM_CC_N_CORE; r++) /* whether such a leg takes time at all */
                n->leg[leg[r]].ns = fmax(n->leg[leg[r]].ns, p->ns[r]);
        }
}

/* A clock that keeps a power cap: everything takes so many times as long. */
static void slow_down(const cim_cc_cycle_source *source, const cim_cc_cycle_segment *s,
                      cim_cc_cycle_node *n, double slow)
{
    for (int l = 0; l < CIM_CC_N_LEGS; l++)
        n->leg[l].ns *= slow;
    n->collect_ns *= slow;
    n->operand_ns *= slow;
    for (uint32_t k = n->first_lane; n->main == CIM_CC_LEG_CROSSBAR && k < s->n_lanes; k++)
        for (uint32_t i = 0; i < s->lanes[k].n_parts; i++)
            for (int r = 0; r < CIM_CC_N_CORE; r++)
                source->parts[s->lanes[k].first_part + i].ns[r] *= slow;
}

/* Writing an operand: all crossbars of a copy at once, row by row, as fast as it arrives. */
static void price_operand(const cim_cc_plan *plan, const cim_cc_flow_op *block,
                          cim_cc_cycle_node *n)
{
    const cim_cc_op *op = &plan->graph->ops[n->op];
    cim_cc_mapping m = {.crossbars = block->tiles, .rows_used = cim_cc_tiling_rows(&block->tiling)};
    double ev[CIM_COST_N_EVENTS] = {0};
    if (!cim_cc_op_is_written(op))
        return;
    cim_cc_count_writes(plan, op, 1.0 / block->n_parts, ev);
    n->operand_ns = cim_cc_before_ns(plan, op, &m);
    n->operand_pj = cim_cost_energy(&plan->chip, ev, 0.0, n->operand_share);
    for (int k = 0; k < CIM_COST_N_KINDS && n->operand_pj > 0.0; k++)
        n->operand_share[k] /= n->operand_pj;
}

static double digital_cycles(const cim_cc_plan *plan, const cim_cc_op *op)
{
    const cim_cost_chip *c = &plan->chip;
    return (double)op->alu_add * c->alu_add_cycles + (double)op->alu_mul * c->alu_mul_cycles +
           (double)op->alu_div * c->alu_div_cycles +
           (double)op->alu_special * c->alu_special_cycles;
}

void cim_cc_cycle_price(const cim_cc_cycle_source *source, const cim_cc_flow_op *block,
                        cim_cc_cycle_segment *s, cim_cc_cycle_node *n)
{
    const cim_cc_plan *plan = source->plan;
    const cim_hw_arch *a = &plan->arch;
    const cim_cc_op *op = &plan->graph->ops[n->op];
    bool crossbar = block->unit == CIM_CC_UNIT_CROSSBAR;
    shared_times(plan, n);
    if (crossbar) {
        int64_t phases = cim_cc_ceil_div(a->workload.activation_bits, a->crossbar.dac_bits);
        n->main = CIM_CC_LEG_CROSSBAR;
        n->leg[CIM_CC_LEG_CROSSBAR].ns = (double)(phases * n->row_groups) * plan->chip.step_ns;
        n->collect_ns = plan->chip.mvm_fill_ns;
        core_times(source, block, s, n);
        price_operand(plan, block, n);
    } else {
        n->main = CIM_CC_LEG_POOL;
        if (block->unit == CIM_CC_UNIT_DIGITAL)
            n->leg[CIM_CC_LEG_POOL].ns =
                digital_cycles(plan, op) / plan->alu_ops_per_ns / (double)n->products;
        for (int l = 0; l < CIM_CC_N_LEGS && !(n->leg[n->main].ns > 0.0); l++)
            if (n->leg[l].ns > 0.0)
                n->main = (cim_cc_leg)l; /* an unlimited ALU: a bus paces the steps */
    }
    if (block->slow > 1.0)
        slow_down(source, s, n, block->slow);
    energies(plan, n, (double)n->products * (crossbar ? block->n_parts : 1.0));
    settle(n);
}

/* ---- what takes no time ---------------------------------------------------------------------------------- */

static bool takes_time(const cim_cc_cycle_node *n)
{
    return n->leg[n->main].ns > 0.0;
}

static void give_energy(cim_cc_cycle_node *n, cim_cc_cycle_node *to)
{
    double ratio = (double)n->products / (double)to->products;
    cim_cc_cycle_leg *from = &n->leg[n->main], *by = &to->leg[to->main]; /* settled: all is there */
    by->pj += from->pj * ratio;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        by->share[k] += from->share[k] * ratio;
    memset(from->share, 0, sizeof from->share);
    from->pj = 0.0;
}

/* The node of an edge's producer in the segment, UINT32_MAX: none. */
static uint32_t producer_of(const cim_cc_cycle_segment *s, uint32_t edge)
{
    cim_cc_op_id from = s->source->plan->graph->edges[edge].producer;
    uint32_t node = from == CIM_CC_INVALID ? UINT32_MAX : s->source->node_of[from];
    return node < s->n_nodes && s->nodes[node].op == from ? node : UINT32_MAX;
}

/* Whether others may draw in a node's time: not while the network's inputs are just renamed. */
static bool may_host(const cim_cc_cycle_segment *s, uint32_t node)
{
    return node != UINT32_MAX &&
           s->source->plan->graph->ops[s->nodes[node].op].unit != CIM_CC_UNIT_NONE;
}

/* Whose time a node's energy is drawn in: its own; its first producer's that takes time; a reader's. */
static void find_hosts(const cim_cc_cycle_segment *s, uint32_t *by)
{
    const cim_cc_graph *g = s->source->plan->graph;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const cim_cc_op *op = &g->ops[s->nodes[i].op];
        by[i] = takes_time(&s->nodes[i]) ? i : UINT32_MAX;
        for (uint32_t k = 0; by[i] == UINT32_MAX && k < op->n_edges; k++) {
            uint32_t from = producer_of(s, op->first_edge + k);
            if (from < i && may_host(s, by[from]))
                by[i] = by[from];
        }
    }
    for (uint32_t i = s->n_nodes; i-- > 0;) {
        const cim_cc_op *op = &g->ops[s->nodes[i].op];
        for (uint32_t k = 0; k < op->n_edges; k++) {
            uint32_t from = producer_of(s, op->first_edge + k);
            if (from < i && by[from] == UINT32_MAX && may_host(s, by[i]))
                by[from] = by[i];
        }
    }
}

/* Energy of operators that take no time is drawn by those that find_hosts names, spread over their
 * products; else by any operator of the segment that takes time. */
void cim_cc_cycle_price_rest(cim_cc_cycle_segment *s, uint32_t *by)
{
    uint32_t any = UINT32_MAX;
    find_hosts(s, by);
    for (uint32_t i = 0; i < s->n_nodes && !may_host(s, any); i++)
        if (takes_time(&s->nodes[i]) && (any == UINT32_MAX || may_host(s, i)))
            any = i;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        uint32_t to = by[i] == UINT32_MAX ? any : by[i];
        if (to != UINT32_MAX && to != i)
            give_energy(&s->nodes[i], &s->nodes[to]);
    }
    for (uint32_t i = 0; i < s->n_nodes; i++)
        for (int l = 0; l < CIM_CC_N_LEGS; l++)
            for (int k = 0; k < CIM_COST_N_KINDS && s->nodes[i].leg[l].pj > 0.0; k++)
                s->nodes[i].leg[l].share[k] /= s->nodes[i].leg[l].pj;
}

/* ---- reload ---------------------------------------------------------------------------------------------- */

/* Cells and wordlines that a segment's program writes. */
typedef struct writes {
    const cim_cc_program *flow;
    const cim_cc_flow_op *block;
    double cells, bits; /* of all copies; distinct */
    int64_t rows;       /* of the fullest crossbar */
} writes;

static void write_tiles(writes *w)
{
    const cim_cc_tiling *t = &w->block->tiling;
    for (int64_t u = w->block->first_tile; u < w->block->first_tile + w->block->tiles; u++) {
        cim_cc_tile tile = cim_cc_tiling_at(t, u);
        double cells = (double)(tile.groups * tile.rows * tile.cols);
        w->cells += cells * (double)w->block->copies;
        w->bits += cells / (double)(t->slices * t->polarities) * (double)w->flow->chip.weight_bits;
        if (tile.groups * tile.rows > w->rows)
            w->rows = tile.groups * tile.rows;
    }
}

void cim_cc_cycle_reload_of(const cim_cc_cycle_source *source, uint32_t segment,
                            cim_cc_cycle_reload *out)
{
    const cim_cc_plan *plan = source->plan;
    const cim_cost_chip *c = &plan->chip;
    const cim_cc_flow_segment *s = &source->flow->segments[segment];
    writes w = {.flow = source->flow};
    *out = (cim_cc_cycle_reload){0};
    if (source->flow->n_segments < 2)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        w.block = &source->flow->ops[s->first + i];
        if (w.block->unit == CIM_CC_UNIT_CROSSBAR &&
            !cim_cc_op_is_written(&plan->graph->ops[w.block->op]))
            write_tiles(&w);
    }
    double bits = w.bits + s->spill_bits;
    out->write_pj = w.cells * c->unit_pj[CIM_EV_CELL_WRITE];
    out->offchip_pj = bits * c->unit_pj[CIM_EV_OFFCHIP_BIT];
    out->offchip_ns = bits / c->offchip_bits_per_ns;
    out->ns = fmax((double)w.rows * c->write_row_ns, out->offchip_ns);
    double cap = cim_cc_write_cap_mw(plan);
    if (cap > 0.0) /* programming no faster than the power cap allows */
        out->ns = fmax(out->ns, (out->write_pj + out->offchip_pj) / cap);
}
