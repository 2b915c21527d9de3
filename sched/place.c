/* Pass place: where every operator is on the chip, and how many hops its traffic goes.
 *
 * Nodes of a segment take cores in order along a curve; the mean distance between two operators is
 * over all pairs of their cores, weighted by crossbars. On a grid the distance is a sum over two axes,
 * so shares per column and per row are all that matters, and a mean costs O(side). Equations:
 * sched/README.md, "Placement". */
#include "sched/place.h"

#include <math.h>
#include <string.h>

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static uint32_t axis_length(const cim_cc_noc *noc)
{
    return noc->side + noc->rows;
}

/* ---- spots --------------------------------------------------------------------------------------- */

static uint32_t core_at(const cim_cc_placer *p, uint32_t position)
{
    return p->order ? p->order[position] : position;
}

static void add_core(cim_cc_placer *p, cim_cc_spot *s, uint32_t core, double share)
{
    const cim_cc_noc *noc = p->noc;
    if (noc->grid) {
        s->mass[core % noc->side] += share;
        s->mass[noc->side + core / noc->side] += share;
        return;
    }
    s->cores[s->n] = core;
    s->mass[s->n++] = share;
    s->to_all += share * cim_cc_noc_all_hops(noc, core, true);
    s->to_port += share * cim_cc_noc_port_hops(noc, core, true);
    if (noc->cost) {
        s->from_all += share * cim_cc_noc_all_hops(noc, core, false);
        s->from_port += share * cim_cc_noc_port_hops(noc, core, false);
    }
}

/* Mean distance between neighbours on the curve in `count` groups of cores, one after another. */
static double neighbour_hops(const cim_cc_placer *p, uint32_t first, uint32_t cores, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t g = 0; g < count; g++)
        for (uint32_t i = 1; i < cores; i++) {
            uint32_t at = first + g * cores + i;
            sum += cim_cc_noc_hops(p->noc, core_at(p, at - 1), core_at(p, at));
        }
    return sum / ((double)(cores - 1) * count);
}

/* A node's crossbars over its cores. In units of cores every copy fills its cores but the last; in units
 * of crossbars copies follow each other without gaps, and cores are shared. */
static uint32_t add_node(cim_cc_placer *p, cim_cc_spot *s, const cim_cc_node *n, double share)
{
    const cim_cc_variant *v = cim_cc_node_picked(n);
    int64_t per_core = p->plan->arch.core.crossbars, weight = n->choices[n->pick].weight;
    if (p->plan->units_are_cores) {
        uint32_t cores = (uint32_t)v->units, copies = (uint32_t)n->choice_copies[n->pick];
        uint32_t first = (uint32_t)n->first_unit, at = first;
        double one = share / ((double)v->map.crossbars * copies);
        double last = one * (double)(v->map.crossbars - (cores - 1) * per_core);
        for (uint32_t c = 0; c < copies; c++) {
            for (uint32_t i = 1; i < cores; i++)
                add_core(p, s, core_at(p, at++), one * (double)per_core);
            add_core(p, s, core_at(p, at++), last);
        }
        if (cores > 1)
            s->neighbour += share * neighbour_hops(p, first, cores, copies);
        return at - first;
    }
    int64_t from = n->first_unit, end = from + weight;
    uint32_t first = (uint32_t)(from / per_core), stop = (uint32_t)((end - 1) / per_core) + 1;
    for (uint32_t q = first; q < stop; q++) {
        int64_t a = q * per_core, b = a + per_core;
        a = a < from ? from : a;
        b = b > end ? end : b;
        add_core(p, s, core_at(p, q), share * (double)(b - a) / (double)weight);
    }
    if (v->map.crossbars > per_core)
        s->neighbour += share * neighbour_hops(p, first, stop - first, 1);
    return stop - first;
}

static const cim_cc_node *last_part(const cim_cc_placer *p, uint32_t xb)
{
    return &p->plan->nodes[p->plan->node_of[p->plan->prepared->xb[xb]]];
}

/* Parts of an operator that all lie the same way in their segments, as most do, count at once.
 * @return how many do from n on */
static uint32_t alike(const cim_cc_node *n, const cim_cc_node *last)
{
    uint32_t run = 1;
    while (n + run <= last && n[run].first_unit == n->first_unit &&
           n[run].choices[n[run].pick].weight == n->choices[n->pick].weight)
        run++;
    return run;
}

uint32_t cim_cc_spot_build(cim_cc_placer *p, uint32_t xb)
{
    const cim_cc_noc *noc = p->noc;
    cim_cc_spot *s = &p->spots[xb];
    uint32_t looked = 0, length = axis_length(noc);
    s->n = 0;
    s->to_all = s->to_port = s->from_all = s->from_port = s->neighbour = 0.0;
    if (noc->grid)
        memset(s->mass, 0, length * sizeof *s->mass);
    const cim_cc_node *last = last_part(p, xb);
    for (const cim_cc_node *n = last - (last->n_parts - 1); n <= last;) {
        uint32_t run = alike(n, last);
        looked += add_node(p, s, n, (double)run / last->n_parts);
        n += run;
    }
    if (noc->grid) {
        s->to_all = dot(s->mass, noc->to_all, length);
        s->to_port = 1.0 + dot(s->mass, p->port_axis, length);
    }
    if (!noc->cost) {
        s->from_all = s->to_all;
        s->from_port = s->to_port;
    }
    if (p->toward_spot == xb)
        p->toward_spot = CIM_CC_INVALID;
    return looked;
}

/* Room for one spot; a list keeps room for one core more per node, for when the node moves and
 * straddles another border between cores. */
static bool spot_alloc(cim_cc_placer *p, uint32_t xb, cim_arena *ar)
{
    cim_cc_spot *s = &p->spots[xb];
    int64_t per_core = p->plan->arch.core.crossbars;
    s->cap = p->noc->grid ? axis_length(p->noc) : 0;
    const cim_cc_node *last = last_part(p, xb);
    for (const cim_cc_node *n = last - (last->n_parts - 1); !p->noc->grid && n <= last;) {
        int64_t weight = n->choices[n->pick].weight;
        s->cap += (uint32_t)(p->plan->units_are_cores ? weight : (weight - 1) / per_core + 2);
        n += alike(n, last);
    }
    s->mass = cim_arena_take(ar, s->cap, sizeof *s->mass);
    s->cores = p->noc->grid ? NULL : cim_arena_take(ar, s->cap, sizeof *s->cores);
    return s->mass && (p->noc->grid || s->cores);
}

/* ---- distances between spots ----------------------------------------------------------------------- */

static double grid_hops(cim_cc_placer *p, uint32_t from, uint32_t to)
{
    const cim_cc_noc *noc = p->noc;
    bool ring = noc->kind == CIM_HW_NOC_TORUS;
    if (p->toward_spot != to) {
        const double *mass = p->spots[to].mass;
        cim_cc_noc_axis(mass, noc->side, ring, p->toward);
        cim_cc_noc_axis(mass + noc->side, noc->rows, ring, p->toward + noc->side);
        p->toward_spot = to;
    }
    return dot(p->spots[from].mass, p->toward, axis_length(noc));
}

/* Two cores are in different subtrees of 2^level leaves at `levels` of the levels; a bus has one level,
 * of single cores. */
static double tree_hops(cim_cc_placer *p, const cim_cc_spot *from, const cim_cc_spot *to,
                        uint32_t levels, double hops)
{
    double sum = 0.0, *mark = p->mark;
    for (uint32_t l = 0; l < levels; l++) {
        double same = 0.0;
        for (uint32_t i = 0; i < to->n; i++)
            mark[to->cores[i] >> l] += to->mass[i];
        for (uint32_t i = 0; i < from->n; i++)
            same += from->mass[i] * mark[from->cores[i] >> l];
        for (uint32_t i = 0; i < to->n; i++)
            mark[to->cores[i] >> l] = 0.0;
        sum += hops * (1.0 - same);
    }
    return sum;
}

static double cost_hops(const cim_cc_noc *noc, const cim_cc_spot *from, const cim_cc_spot *to)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < from->n; i++) {
        const double *row = noc->cost + (size_t)from->cores[i] * noc->n;
        double mean = 0.0;
        for (uint32_t j = 0; j < to->n; j++)
            mean += to->mass[j] * row[to->cores[j]];
        sum += from->mass[i] * mean;
    }
    return sum;
}

static double spot_hops(cim_cc_placer *p, uint32_t from, uint32_t to)
{
    const cim_cc_noc *noc = p->noc;
    const cim_cc_spot *a = &p->spots[from], *b = &p->spots[to];
    if (noc->cost)
        return cost_hops(noc, a, b);
    if (noc->grid)
        return grid_hops(p, from, to);
    if (noc->kind == CIM_HW_NOC_TREE)
        return tree_hops(p, a, b, noc->levels, 2.0);
    return tree_hops(p, a, b, 1, 1.0);
}

/* Between the port and the ALUs, which are at the port with the chip's share and in all cores. */
static double fixed_hops(const cim_cc_noc *noc, double from_port, double to_port)
{
    return from_port * (1.0 - to_port) * noc->port_all +
           (1.0 - from_port) * to_port * noc->all_port +
           (1.0 - from_port) * (1.0 - to_port) * noc->all_all;
}

double cim_cc_route_hops(cim_cc_placer *p, const cim_cc_route *r)
{
    uint32_t n = p->plan->prepared->n_xb;
    double from = r->from == CIM_CC_AT_PORT ? 1.0 : p->alus_at_port;
    double to = r->to == CIM_CC_AT_PORT ? 1.0 : p->alus_at_port;
    if (r->from < n && r->to < n)
        return spot_hops(p, r->from, r->to);
    if (r->from < n) {
        const cim_cc_spot *s = &p->spots[r->from];
        return to * s->to_port + (1.0 - to) * s->to_all;
    }
    if (r->to < n) {
        const cim_cc_spot *s = &p->spots[r->to];
        return from * s->from_port + (1.0 - from) * s->from_all;
    }
    return fixed_hops(p->noc, from, to);
}

/* ---- the pass -------------------------------------------------------------------------------------- */

static const cim_cc_routes *routes_of(const cim_cc_plan *plan)
{
    return isnan(plan->arch.chip.buffer_kib) ? &plan->prepared->direct : &plan->prepared->buffered;
}

/* Digital operators run on the chip's ALU and the cores' together (map.c); their work divides by rate. */
static double alus_at_port(const cim_cc_plan *plan)
{
    if (isnan(plan->arch.chip.alu_ops_per_cycle))
        return 0.0;
    if (isnan(plan->arch.core.alu_ops_per_cycle))
        return 1.0;
    double cores = (double)plan->arch.chip.cores * plan->chip.core_alu_ops_per_ns;
    return plan->chip.chip_alu_ops_per_ns / (plan->chip.chip_alu_ops_per_ns + cores);
}

void cim_cc_place_expect(cim_cc_plan *plan)
{
    const cim_cc_routes *routes = routes_of(plan);
    double bits = (double)plan->arch.workload.activation_bits, alus = alus_at_port(plan);
    uint32_t n = plan->prepared->n_xb;
    for (uint32_t i = 0; i < plan->graph->n_ops; i++) {
        plan->ops[i].route_bit_hops = 0.0;
        plan->ops[i].sum_hops = plan->noc.free ? 0.0 : 1.0;
    }
    for (uint32_t i = 0; !plan->noc.free && i < routes->n; i++) {
        const cim_cc_route *r = &routes->all[i];
        double from = r->from < n ? 0.0 : r->from == CIM_CC_AT_PORT ? 1.0 : alus;
        double to = r->to < n ? 0.0 : r->to == CIM_CC_AT_PORT ? 1.0 : alus;
        plan->ops[r->op].route_bit_hops += bits * r->elements * fixed_hops(&plan->noc, from, to);
    }
}

static cim_status placer_init(cim_cc_placer *p, cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    const cim_cc_noc *noc = &plan->noc;
    uint32_t n_xb = plan->prepared->n_xb, length = axis_length(noc);
    *p = (cim_cc_placer){.plan = plan,
                         .noc = noc,
                         .routes = routes_of(plan),
                         .alus_at_port = alus_at_port(plan),
                         .toward_spot = CIM_CC_INVALID};
    p->spots = cim_arena_alloc(cx->ar, n_xb, sizeof *p->spots);
    p->toward = cim_arena_take(cx->ar, noc->grid ? length : 0, sizeof(double));
    p->port_axis = cim_arena_alloc(cx->ar, noc->grid ? length : 0, sizeof(double));
    p->mark = cim_arena_alloc(cx->ar, noc->grid || noc->cost ? 0 : noc->n, sizeof(double));
    if (!p->spots || !p->toward || !p->port_axis || !p->mark)
        return CIM_E_NOMEM;
    for (uint32_t i = 0; noc->grid && i < length; i++) {
        uint32_t core = i < noc->side ? i : (i - noc->side) * noc->side + noc->port;
        p->port_axis[i] = cim_cc_noc_hops(noc, core, noc->port);
    }
    for (uint32_t i = 0; i < n_xb; i++)
        if (!spot_alloc(p, i, cx->ar))
            return CIM_E_NOMEM;
    return CIM_OK;
}

/* Hops of every operator, from its routes; they follow each other by operator. */
static void record(cim_cc_placer *p)
{
    cim_cc_plan *plan = p->plan;
    const cim_cc_routes *routes = p->routes;
    double bits = (double)plan->arch.workload.activation_bits, moved = 0.0, done = 0.0;
    for (uint32_t i = 0; i < plan->prepared->n_xb; i++) {
        cim_cc_op_plan *o = &plan->ops[plan->prepared->xb[i]];
        o->sum_hops = p->spots[i].neighbour;
    }
    for (uint32_t i = 0; i < routes->n;) {
        cim_cc_op_id id = routes->all[i].op;
        double in = 0.0, out = 0.0, in_hops = 0.0, out_hops = 0.0;
        for (; i < routes->n && routes->all[i].op == id; i++) {
            const cim_cc_route *r = &routes->all[i];
            double hops = r->elements * cim_cc_route_hops(p, r);
            bool leaves = r->to == CIM_CC_AT_PORT;
            in += leaves ? 0.0 : r->elements;
            in_hops += leaves ? 0.0 : hops;
            out += leaves ? r->elements : 0.0;
            out_hops += leaves ? hops : 0.0;
        }
        cim_cc_op_plan *o = &plan->ops[id];
        o->route_bit_hops = bits * (in_hops + out_hops);
        o->in_hops = in > 0.0 ? in_hops / in : 0.0;
        o->out_hops = out > 0.0 ? out_hops / out : 0.0;
        moved += in + out;
        done += in_hops + out_hops;
    }
    plan->mean_hops = moved > 0.0 ? done / moved : 0.0;
}

/* A flit's head takes a router's cycle per hop (Dally & Towles 2004, chapter 3: zero-load
 * latency); the others follow at the link's rate, which the stage's time knows. */
static void head_latency(cim_cc_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        cim_cc_node *n = &plan->nodes[i];
        const cim_cc_op_plan *o = &plan->ops[n->op];
        double sums = cim_cc_sum_bits(plan, n->op) > 0.0 ? o->sum_hops : 0.0;
        n->hop_ns = plan->chip.clock_ns * (o->in_hops + o->out_hops + sums);
    }
}

cim_status cim_cc_pass_place(cim_cc_context *cx)
{
    cim_cc_plan *plan = cx->plan;
    const cim_cc_noc *noc = &plan->noc;
    int64_t placement = plan->arch.schedule.placement;
    if (noc->free && placement == CIM_HW_PLACEMENT_OPTIMISED)
        placement = CIM_HW_PLACEMENT_ROW_MAJOR; /* nothing to gain */
    uint32_t *order = NULL;
    if (placement != CIM_HW_PLACEMENT_ROW_MAJOR) {
        order = cim_arena_take(cx->ar, noc->n, sizeof *order);
        if (!order)
            return CIM_E_NOMEM;
        if (placement != CIM_HW_PLACEMENT_OPTIMISED)
            cim_cc_noc_curve(noc, placement, order);
    }
    plan->core_order = order;
    if (noc->free)
        return CIM_OK;
    cim_cc_placer p;
    CIM_TRY(placer_init(&p, cx));
    p.order = order;
    if (placement == CIM_HW_PLACEMENT_OPTIMISED)
        CIM_TRY(cim_cc_place_optimise(cx, &p, order));
    else
        for (uint32_t i = 0; i < plan->prepared->n_xb; i++)
            (void)cim_cc_spot_build(&p, i);
    record(&p);
    head_latency(plan);
    return CIM_OK;
}
