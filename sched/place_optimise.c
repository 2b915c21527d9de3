/* Placement that knows the traffic, in three steps. The curve with the fewest bits times hops; then nodes
 * of a segment are moved along it one by one, each to the best place within reach ("sifting", Rudell
 * 1993, ICCAD, there for variables of a decision diagram: a move is a chain of exchanges of neighbours,
 * and an exchange changes little); then, where one segment has the chip for itself, cores that are
 * neighbours on the grid change their positions on the curve. Only what lowers the sum over the whole
 * network is kept, so the result is never worse than any of the curves. Deterministic; work is bounded. */
#include "sched/place.h"

#include <math.h>

enum {
    REACH = 16,          /* places a node is tried to either side */
    MOST_WORK = 4000000, /* cores looked at and places of axes added up: some milliseconds */
    MOST_PASSES = 8,
    MOST_OWNERS = 16 /* nodes that share a core; more are left where they are */
};

typedef struct sifter {
    cim_cc_placer *p;
    double *route_cost; /* bits times hops of every route */
    double *sum_cost;   /* of partial sums of every crossbar operator */
    double *sum_bits;
    uint32_t *order; /* the segment's nodes along the curve */
    uint32_t *where; /* node's place in it, counted from the segment's first */
    double total;
    uint64_t work;
} sifter;

static double cost_of(sifter *s, uint32_t route)
{
    const cim_cc_route *r = &s->p->routes->all[route];
    uint32_t n = s->p->plan->prepared->n_xb;
    const cim_cc_noc *noc = s->p->noc;
    const cim_cc_spot *spots = s->p->spots;
    uint64_t between = r->from < n && r->to < n && !noc->grid ? spots[r->from].n : 0;
    if (between)
        between = noc->cost ? between * spots[r->to].n
                            : (noc->levels + 1) * (between + 2 * (uint64_t)spots[r->to].n);
    s->work += noc->grid ? 2 * (noc->side + noc->rows) : 8 + between;
    return r->elements * cim_cc_route_hops(s->p, r) *
           (double)s->p->plan->arch.workload.activation_bits;
}

static void measure_all(sifter *s)
{
    cim_cc_placer *p = s->p;
    s->total = 0.0;
    for (uint32_t i = 0; i < p->plan->prepared->n_xb; i++) {
        s->work += cim_cc_spot_build(p, i);
        s->sum_cost[i] = s->sum_bits[i] * p->spots[i].neighbour;
        s->total += s->sum_cost[i];
    }
    for (uint32_t i = 0; i < p->routes->n; i++)
        s->total += s->route_cost[i] = cost_of(s, i);
}

/* Some operators have moved: measure them and what they send and receive again. A route between two of
 * them is measured twice, the second time without a change. */
static void measure(sifter *s, const uint32_t *moved, uint32_t n)
{
    cim_cc_placer *p = s->p;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = moved[k];
        s->work += cim_cc_spot_build(p, i);
        double now = s->sum_bits[i] * p->spots[i].neighbour;
        s->total += now - s->sum_cost[i];
        s->sum_cost[i] = now;
    }
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t t = p->routes->first[moved[k]]; t < p->routes->first[moved[k] + 1]; t++) {
            uint32_t r = p->routes->touching[t];
            double now = cost_of(s, r);
            s->total += now - s->route_cost[r];
            s->route_cost[r] = now;
        }
}

/* Exchange the nodes at two neighbouring places. */
static void exchange(sifter *s, uint32_t base, uint32_t place)
{
    cim_cc_node *nodes = s->p->plan->nodes;
    uint32_t a = s->order[place], b = s->order[place + 1];
    int64_t first = nodes[a].first_unit;
    nodes[a].first_unit = first + nodes[b].choices[nodes[b].pick].weight;
    nodes[b].first_unit = first;
    s->order[place] = b;
    s->order[place + 1] = a;
    s->where[b - base] = place;
    s->where[a - base] = place + 1;
    const uint32_t moved[] = {nodes[a].xb, nodes[b].xb};
    measure(s, moved, 2);
}

/* Move a node to the best place within reach. @return whether it moved for the better */
static bool sift(sifter *s, const cim_cc_segment *seg, uint32_t node)
{
    uint32_t base = seg->first_node, start = s->where[node - base], at = start, best_at = start;
    uint32_t low = start > REACH ? start - REACH : 0, high = start + REACH;
    high = high < seg->n_nodes ? high : seg->n_nodes - 1;
    double before = s->total, best = before * (1.0 - 1e-9);
    for (; at < high; at++) {
        exchange(s, base, at);
        if (s->total < best) {
            best = s->total;
            best_at = at + 1;
        }
    }
    for (; at > low; at--) {
        exchange(s, base, at - 1);
        if (at - 1 < start && s->total < best) {
            best = s->total;
            best_at = at - 1;
        }
    }
    for (; at < best_at; at++)
        exchange(s, base, at);
    return best_at != start;
}

static void sift_segment(sifter *s, const cim_cc_segment *seg)
{
    const cim_cc_node *nodes = s->p->plan->nodes;
    for (uint32_t k = 0; k < seg->n_nodes; k++) {
        if (nodes[seg->first_node + k].n_parts > 1)
            return; /* parts fill their segments: nothing to move */
        s->order[k] = seg->first_node + k;
        s->where[k] = k;
    }
    bool moved = seg->n_nodes > 1;
    for (uint32_t pass = 0; moved && pass < MOST_PASSES; pass++) {
        moved = false;
        for (uint32_t k = 0; k < seg->n_nodes && s->work < MOST_WORK; k++)
            moved = sift(s, seg, seg->first_node + k) || moved;
    }
}

/* The operators of the segment with crossbars at a position of the curve. @return at most MOST_OWNERS */
static uint32_t owners(const sifter *s, const cim_cc_segment *seg, uint32_t position, uint32_t *xb)
{
    const cim_cc_plan *plan = s->p->plan;
    int64_t per = plan->units_are_cores ? 1 : plan->arch.core.crossbars;
    int64_t from = position * per, end = from + per;
    uint32_t low = 0, high = seg->n_nodes, n = 0;
    while (low < high) { /* the first node that ends behind `from` */
        uint32_t mid = (low + high) / 2;
        const cim_cc_node *node = &plan->nodes[s->order[mid]];
        if (node->first_unit + node->choices[node->pick].weight > from)
            high = mid;
        else
            low = mid + 1;
    }
    for (; low < seg->n_nodes && plan->nodes[s->order[low]].first_unit < end && n < MOST_OWNERS;
         low++)
        xb[n++] = plan->nodes[s->order[low]].xb;
    return n;
}

/* Let two cores change their positions on the curve. @return whether that was for the better; if not,
 * they have their old ones */
static bool swap_cores(sifter *s, const cim_cc_segment *seg, uint32_t *order, uint32_t *position,
                       const uint32_t cores[2])
{
    uint32_t moved[2 * MOST_OWNERS], other[MOST_OWNERS];
    uint32_t a = position[cores[0]], b = position[cores[1]];
    uint32_t n = owners(s, seg, a, moved), first = n, m = owners(s, seg, b, other);
    if (n == MOST_OWNERS || m == MOST_OWNERS || n + m == 0)
        return false;
    for (uint32_t i = 0, k; i < m; i++) {
        for (k = 0; k < first && moved[k] != other[i]; k++)
            ;
        if (k == first)
            moved[n++] = other[i];
    }
    double before = s->total;
    for (int way = 0; way < 2; way++) {
        order[a] = cores[way == 0];
        order[b] = cores[way != 0];
        position[order[a]] = a;
        position[order[b]] = b;
        measure(s, moved, n);
        if (s->total < before * (1.0 - 1e-9))
            return true;
    }
    return false;
}

static cim_status swap_segment(sifter *s, const cim_cc_segment *seg, uint32_t *order, cim_arena *ar)
{
    const cim_cc_noc *noc = s->p->noc;
    uint32_t *position = cim_arena_take(ar, noc->n, sizeof *position);
    if (!position)
        return CIM_E_NOMEM;
    for (uint32_t i = 0; i < noc->n; i++)
        position[order[i]] = i;
    bool better = true;
    while (better && s->work < MOST_WORK) {
        better = false;
        for (uint32_t c = 0; c < noc->n && s->work < MOST_WORK; c++) {
            const uint32_t across[] = {c, c + 1}, down[] = {c, c + noc->side};
            if ((c + 1) % noc->side && c + 1 < noc->n)
                better = swap_cores(s, seg, order, position, across) || better;
            if (c + noc->side < noc->n)
                better = swap_cores(s, seg, order, position, down) || better;
        }
    }
    return CIM_OK;
}

static bool sifter_init(sifter *s, cim_cc_placer *p, cim_arena *ar)
{
    const cim_cc_plan *plan = p->plan;
    uint32_t n_xb = plan->prepared->n_xb;
    *s = (sifter){.p = p};
    s->route_cost = cim_arena_alloc(ar, p->routes->n, sizeof(double));
    s->sum_cost = cim_arena_alloc(ar, n_xb, sizeof(double));
    s->sum_bits = cim_arena_alloc(ar, n_xb, sizeof(double));
    s->order = cim_arena_alloc(ar, plan->n_nodes, sizeof *s->order);
    s->where = cim_arena_alloc(ar, plan->n_nodes, sizeof *s->where);
    if (!s->route_cost || !s->sum_cost || !s->sum_bits || !s->order || !s->where)
        return false;
    for (uint32_t i = 0; i < n_xb; i++)
        s->sum_bits[i] = cim_cc_sum_bits(plan, plan->prepared->xb[i]);
    return true;
}

cim_status cim_cc_place_optimise(cim_cc_context *cx, cim_cc_placer *p, uint32_t *order)
{
    static const int64_t curves[] = {CIM_HW_PLACEMENT_ROW_MAJOR, CIM_HW_PLACEMENT_SNAKE,
                                     CIM_HW_PLACEMENT_HILBERT};
    sifter s;
    int64_t best = curves[0];
    double least = INFINITY;
    if (!sifter_init(&s, p, cx->ar))
        return CIM_E_NOMEM;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        cim_cc_noc_curve(p->noc, curves[i], order);
        measure_all(&s);
        if (s.total < least) {
            least = s.total;
            best = curves[i];
        }
    }
    cim_cc_noc_curve(p->noc, best, order);
    measure_all(&s);
    s.work = 0;
    for (uint32_t i = 0; i < p->plan->n_segments && s.work < MOST_WORK; i++)
        sift_segment(&s, &p->plan->segments[i]);
    s.work = 0;
    if (p->plan->n_segments == 1)
        return swap_segment(&s, &p->plan->segments[0], order, cx->ar);
    return CIM_OK;
}
