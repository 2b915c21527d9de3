/* Distances on the network between cores, and curves over its grid. Equations: sched/README.md,
 * "Placement". */
#include "sched/noc.h"

#include <math.h>
#include <stdlib.h>

static uint32_t axis_hops(uint32_t a, uint32_t b, uint32_t n, bool ring)
{
    uint32_t d = a > b ? a - b : b - a;
    return ring && n - d < d ? n - d : d;
}

/* Levels of the binary tree below the lowest common ancestor of two leaves. */
static uint32_t tree_levels(uint32_t a, uint32_t b)
{
    uint32_t levels = 0;
    for (uint32_t x = a ^ b; x; x >>= 1)
        levels++;
    return levels;
}

static uint32_t grid_hops(const cim_cc_noc *noc, uint32_t a, uint32_t b)
{
    bool ring = noc->kind == CIM_HW_NOC_TORUS;
    return axis_hops(a % noc->side, b % noc->side, noc->side, ring) +
           axis_hops(a / noc->side, b / noc->side, noc->rows, ring);
}

double cim_cc_noc_hops(const cim_cc_noc *noc, uint32_t from, uint32_t to)
{
    if (noc->cost)
        return noc->cost[(size_t)from * noc->n + to];
    switch (noc->kind) {
    case CIM_HW_NOC_MESH:
    case CIM_HW_NOC_TORUS:
        return grid_hops(noc, from, to);
    case CIM_HW_NOC_BUS:
        return from == to ? 0.0 : 1.0;
    case CIM_HW_NOC_TREE:
        return 2.0 * tree_levels(from, to);
    default:
        return 0.0;
    }
}

double cim_cc_noc_port_hops(const cim_cc_noc *noc, uint32_t core, bool to_port)
{
    if (noc->cost)
        return to_port ? cim_cc_noc_hops(noc, core, noc->port)
                       : cim_cc_noc_hops(noc, noc->port, core);
    switch (noc->kind) {
    case CIM_HW_NOC_MESH:
    case CIM_HW_NOC_TORUS:
        return 1.0 + grid_hops(noc, core, noc->port);
    case CIM_HW_NOC_BUS:
        return 1.0;
    case CIM_HW_NOC_TREE:
        return noc->levels;
    default:
        return 0.0;
    }
}

/* Cores under the ancestor of a core at a level of the tree: the last one may have fewer. */
static double tree_leaves(const cim_cc_noc *noc, uint32_t core, uint32_t level)
{
    uint32_t first = core >> level << level, size = 1u << level;
    return noc->n - first < size ? noc->n - first : size;
}

double cim_cc_noc_all_hops(const cim_cc_noc *noc, uint32_t core, bool to_all)
{
    if (noc->cost)
        return to_all ? noc->to_all[core] : noc->from_all[core];
    double sum = 0.0;
    switch (noc->kind) {
    case CIM_HW_NOC_MESH:
    case CIM_HW_NOC_TORUS:
        return noc->to_all[core % noc->side] + noc->to_all[noc->side + core / noc->side];
    case CIM_HW_NOC_BUS:
        return 1.0 - 1.0 / noc->n;
    case CIM_HW_NOC_TREE:
        for (uint32_t l = 0; l < noc->levels; l++)
            sum += 2.0 * (1.0 - tree_leaves(noc, core, l) / noc->n);
        return sum;
    default:
        return 0.0;
    }
}

/* The distance from place i + 1 differs from that from i by +1 for what lies behind, by -1 for what
 * lies ahead. On a ring "ahead" is the next half; the place opposite a step's middle stays as far. */
void cim_cc_noc_axis(const double *share, uint32_t n, bool ring, double *distance)
{
    double sum = 0.0, ahead = 0.0, at = 0.0;
    uint32_t half = n / 2;
    for (uint32_t j = 0; j < n; j++) {
        sum += share[j];
        at += share[j] * axis_hops(0, j, n, ring);
    }
    for (uint32_t j = 1; j < (ring ? half + 1 : n); j++)
        ahead += share[j];
    for (uint32_t i = 0; i < n; i++) {
        distance[i] = at;
        double opposite = ring && n % 2 ? share[(i + half + 1) % n] : 0.0;
        at += sum - opposite - 2.0 * ahead;
        if (i + 1 < n)
            ahead -= share[i + 1];
        if (ring)
            ahead += share[(i + 1 + half) % n];
    }
}

/* How many of the cores are in every column and row, as shares. */
static void grid_shares(const cim_cc_noc *noc, double *share)
{
    uint32_t last = noc->n - (noc->rows - 1) * noc->side; /* cores in the last row */
    for (uint32_t x = 0; x < noc->side; x++)
        share[x] = (double)(noc->rows - (x < last ? 0 : 1)) / noc->n;
    for (uint32_t y = 0; y < noc->rows; y++)
        share[noc->side + y] = (double)(y + 1 < noc->rows ? noc->side : last) / noc->n;
}

static bool grid_means(cim_cc_noc *noc, cim_arena *ar)
{
    bool ring = noc->kind == CIM_HW_NOC_TORUS;
    size_t length = (size_t)noc->side + noc->rows;
    double *share = cim_arena_take(ar, length, sizeof *share);
    noc->to_all = noc->from_all = cim_arena_take(ar, length, sizeof *noc->to_all);
    if (!share || !noc->to_all)
        return false;
    grid_shares(noc, share);
    cim_cc_noc_axis(share, noc->side, ring, noc->to_all);
    cim_cc_noc_axis(share + noc->side, noc->rows, ring, noc->to_all + noc->side);
    for (size_t i = 0; i < length; i++)
        noc->all_all += share[i] * noc->to_all[i];
    noc->all_port = noc->port_all = 1.0 + cim_cc_noc_all_hops(noc, noc->port, true);
    return true;
}

static bool cost_means(cim_cc_noc *noc, cim_arena *ar)
{
    noc->to_all = cim_arena_alloc(ar, noc->n, sizeof *noc->to_all);
    noc->from_all = cim_arena_alloc(ar, noc->n, sizeof *noc->from_all);
    if (!noc->to_all || !noc->from_all)
        return false;
    for (uint32_t i = 0; i < noc->n; i++) {
        const double *row = noc->cost + (size_t)i * noc->n;
        for (uint32_t j = 0; j < noc->n; j++) {
            noc->to_all[i] += row[j] / noc->n;
            noc->from_all[j] += row[j] / noc->n;
        }
        noc->all_all += noc->to_all[i] / noc->n;
    }
    noc->all_port = noc->from_all[noc->port];
    noc->port_all = noc->to_all[noc->port];
    return true;
}

/* Two leaves drawn at random have their common ancestor above a level unless they are in the same of
 * its subtrees. */
static void tree_means(cim_cc_noc *noc)
{
    for (uint32_t l = 0; l < noc->levels; l++) {
        double size = ldexp(1.0, (int)l), full = floor(noc->n / size), rest = noc->n - full * size;
        noc->all_all += 2.0 * (1.0 - (full * size * size + rest * rest) / noc->n / noc->n);
    }
    noc->all_port = noc->port_all = noc->levels;
}

bool cim_cc_noc_init(cim_cc_noc *noc, const cim_hw_arch *arch, cim_arena *ar)
{
    uint32_t n = (uint32_t)arch->chip.cores, side = (uint32_t)ceil(sqrt((double)n));
    *noc = (cim_cc_noc){.kind = arch->chip.noc,
                        .cost = arch->noc_cost,
                        .n = n,
                        .side = side,
                        .rows = (n + side - 1) / side,
                        .port = side / 2};
    noc->levels = tree_levels(0, n - 1);
    noc->free = !noc->cost && noc->kind == CIM_HW_NOC_IDEAL;
    noc->grid = !noc->cost && (noc->kind == CIM_HW_NOC_MESH || noc->kind == CIM_HW_NOC_TORUS);
    if (noc->cost)
        return cost_means(noc, ar);
    if (noc->grid)
        return grid_means(noc, ar);
    if (noc->kind == CIM_HW_NOC_TREE)
        tree_means(noc);
    if (noc->kind == CIM_HW_NOC_BUS) {
        noc->all_all = 1.0 - 1.0 / n;
        noc->all_port = noc->port_all = 1.0;
    }
    return true;
}

/* ---- curves -------------------------------------------------------------------------------------- */

typedef struct vec {
    int x, y; /* one of them is 0 */
} vec;

typedef struct walker {
    const cim_cc_noc *noc;
    uint32_t *order, at;
} walker;

static vec sum_of(vec a, vec b)
{
    return (vec){a.x + b.x, a.y + b.y};
}

static vec minus(vec a)
{
    return (vec){-a.x, -a.y};
}

static int length_of(vec a)
{
    return abs(a.x + a.y);
}

static vec unit_of(vec a)
{
    return (vec){(a.x > 0) - (a.x < 0), (a.y > 0) - (a.y < 0)};
}

/* About half of a vector, of even length where that can be chosen: a part of even length can be left at
 * the corner beside the one it was entered at. */
static vec half_of(vec a)
{
    vec half = {a.x / 2, a.y / 2};
    return length_of(half) % 2 && length_of(a) > 2 ? sum_of(half, unit_of(a)) : half;
}

static void visit_line(walker *w, vec at, vec along)
{
    vec step = unit_of(along);
    for (int i = length_of(along); i > 0; i--, at = sum_of(at, step)) {
        uint32_t core = (uint32_t)at.y * w->noc->side + (uint32_t)at.x;
        if (core < w->noc->n)
            w->order[w->at++] = core;
    }
}

/* Visit a rectangle from its corner `at` to the corner at the end of `along`; `up` spans it with
 * `along`. A long one is halved; others are three rectangles like Hilbert's: up, along, down. The depth
 * is logarithmic in the sides. */
static void visit(walker *w, vec at, vec along, vec up)
{
    if (length_of(along) == 1 || length_of(up) == 1) {
        visit_line(w, at, length_of(up) == 1 ? along : up);
        return;
    }
    vec a = half_of(along);
    if (2 * length_of(along) > 3 * length_of(up)) {
        visit(w, at, a, up);
        visit(w, sum_of(at, a), sum_of(along, minus(a)), up);
        return;
    }
    a = (vec){along.x / 2, along.y / 2};
    vec u = half_of(up), rest = sum_of(along, minus(a));
    vec far = sum_of(along, minus(unit_of(along))), below = sum_of(u, minus(unit_of(u)));
    visit(w, at, u, a);
    visit(w, sum_of(at, u), along, sum_of(up, minus(u)));
    visit(w, sum_of(at, sum_of(far, below)), minus(u), minus(rest));
}

void cim_cc_noc_curve(const cim_cc_noc *noc, int64_t curve, uint32_t *order)
{
    if (curve == CIM_HW_PLACEMENT_HILBERT) {
        walker w = {.noc = noc, .order = order};
        visit(&w, (vec){0, 0}, (vec){(int)noc->side, 0}, (vec){0, (int)noc->rows});
        return;
    }
    for (uint32_t i = 0, y = 0; i < noc->n; y++) {
        uint32_t length = noc->n - i < noc->side ? noc->n - i : noc->side;
        bool back = curve == CIM_HW_PLACEMENT_SNAKE && y % 2;
        for (uint32_t k = 0; k < length; k++)
            order[i + k] = back ? i + length - 1 - k : i + k;
        i += length;
    }
}
