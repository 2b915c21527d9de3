/* Incremental archive: members in flat arrays, found through an R-tree over their objectives.
 *
 * A node's box tells at once whether a member may dominate a new point (its lower corner must) or
 * surely does (its upper corner does), and the same for what the new point dominates: the tests of
 * the ND-tree (Jaszkiewicz, Lust 2018, "ND-Tree-based update"). Deviates: nodes split in halves
 * along their widest objective and splits move up (Guttman 1984), so the depth is logarithmic
 * whatever the order of arrival, and boxes are tight after removals. */
#include "analysis/pareto.h"

#include "hwspace/base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { FANOUT = 16, NO_NODE = -1 };

typedef struct node {
    int32_t parent; /* NO_NODE: the root, or a free node */
    uint32_t n;
    uint32_t entries[FANOUT + 1]; /* members of a leaf, children otherwise; one over, then split */
    bool leaf;
} node;

struct cim_ana_archive {
    size_t m, n, cap_points, cap_ids, cap_leaf;
    double *points; /* n x m */
    uint64_t *ids;
    int32_t *leaf_of; /* by member */
    node *nodes;
    double *boxes; /* by node: m lower, m upper bounds */
    size_t n_nodes, cap_nodes, cap_boxes;
    int32_t *free_nodes;
    size_t n_free, cap_free;
    int32_t root;
    size_t height;
};

cim_ana_archive *cim_ana_archive_create(size_t m)
{
    cim_ana_archive *a = cim_alloc(1, sizeof *a);
    if (a) {
        a->m = m;
        a->root = NO_NODE;
    }
    return a;
}

void cim_ana_archive_destroy(cim_ana_archive *a)
{
    if (!a)
        return;
    cim_free(a->points);
    cim_free(a->ids);
    cim_free(a->leaf_of);
    cim_free(a->nodes);
    cim_free(a->boxes);
    cim_free(a->free_nodes);
    cim_free(a);
}

size_t cim_ana_archive_size(const cim_ana_archive *a)
{
    return a->n;
}

const double *cim_ana_archive_at(const cim_ana_archive *a, size_t i, uint64_t *id)
{
    if (id)
        *id = a->ids[i];
    return a->points + a->m * i;
}

/* ---- boxes ------------------------------------------------------------------------------------ */

static double *lower(const cim_ana_archive *a, int32_t i)
{
    return a->boxes + 2 * a->m * (size_t)i;
}

static double *upper(const cim_ana_archive *a, int32_t i)
{
    return lower(a, i) + a->m;
}

static bool nowhere_worse(const double *p, const double *q, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (p[k] > q[k])
            return false;
    return true;
}

/* Bounds of an entry: of a child, or a member itself. */
static const double *entry_lower(const cim_ana_archive *a, const node *x, uint32_t e)
{
    return x->leaf ? a->points + a->m * x->entries[e] : lower(a, (int32_t)x->entries[e]);
}

static const double *entry_upper(const cim_ana_archive *a, const node *x, uint32_t e)
{
    return x->leaf ? a->points + a->m * x->entries[e] : upper(a, (int32_t)x->entries[e]);
}

static void box_tighten(cim_ana_archive *a, int32_t i)
{
    const node *x = &a->nodes[i];
    double *lo = lower(a, i), *hi = upper(a, i);
    for (size_t k = 0; k < a->m; k++) {
        lo[k] = INFINITY;
        hi[k] = -INFINITY;
    }
    for (uint32_t e = 0; e < x->n; e++) {
        const double *l = entry_lower(a, x, e), *u = entry_upper(a, x, e);
        for (size_t k = 0; k < a->m; k++) {
            lo[k] = l[k] < lo[k] ? l[k] : lo[k];
            hi[k] = u[k] > hi[k] ? u[k] : hi[k];
        }
    }
}

/* ---- nodes and members ------------------------------------------------------------------------ */

/* Room for one member and the splits it may cause; all that can fail. */
static bool reserve(cim_ana_archive *a)
{
    size_t nodes = a->n_nodes + a->height + 2;
    return !cim_grow(&a->points, &a->cap_points, a->n + 1, a->m * sizeof *a->points) &&
           !cim_grow(&a->ids, &a->cap_ids, a->n + 1, sizeof *a->ids) &&
           !cim_grow(&a->leaf_of, &a->cap_leaf, a->n + 1, sizeof *a->leaf_of) &&
           !cim_grow(&a->nodes, &a->cap_nodes, nodes, sizeof *a->nodes) &&
           !cim_grow(&a->boxes, &a->cap_boxes, nodes, 2 * a->m * sizeof *a->boxes) &&
           !cim_grow(&a->free_nodes, &a->cap_free, nodes, sizeof *a->free_nodes) &&
           nodes < INT32_MAX;
}

static int32_t node_take(cim_ana_archive *a, bool leaf)
{
    int32_t i = a->n_free > 0 ? a->free_nodes[--a->n_free] : (int32_t)a->n_nodes++;
    a->nodes[i] = (node){.parent = NO_NODE, .leaf = leaf};
    return i;
}

static void entry_add(cim_ana_archive *a, int32_t i, uint32_t entry)
{
    node *x = &a->nodes[i];
    x->entries[x->n++] = entry;
    if (x->leaf)
        a->leaf_of[entry] = i;
    else
        a->nodes[entry].parent = i;
}

/* The last member moves to where one leaves; its leaf learns the new place. */
static void member_drop(cim_ana_archive *a, uint32_t member)
{
    uint32_t last = (uint32_t)--a->n;
    if (member == last)
        return;
    node *x = &a->nodes[a->leaf_of[last]];
    for (uint32_t e = 0; e < x->n; e++)
        if (x->entries[e] == last)
            x->entries[e] = member;
    memcpy(a->points + a->m * member, a->points + a->m * last, a->m * sizeof *a->points);
    a->ids[member] = a->ids[last];
    a->leaf_of[member] = a->leaf_of[last];
}

/* ---- what a new point meets ------------------------------------------------------------------- */

static bool covered(const cim_ana_archive *a, int32_t i, const double *p)
{
    const node *x = &a->nodes[i];
    for (uint32_t e = 0; e < x->n; e++) {
        if (!nowhere_worse(entry_lower(a, x, e), p, a->m))
            continue;
        if (x->leaf || nowhere_worse(entry_upper(a, x, e), p, a->m) ||
            covered(a, (int32_t)x->entries[e], p))
            return true;
    }
    return false;
}

/* Drop entry e of node i; the last one takes its place. */
static void entry_drop(cim_ana_archive *a, int32_t i, uint32_t e)
{
    node *x = &a->nodes[i];
    uint32_t entry = x->entries[e];
    x->entries[e] = x->entries[--x->n];
    if (x->leaf)
        member_drop(a, entry);
    else
        a->free_nodes[a->n_free++] = (int32_t)entry;
}

/* Remove what p covers below node i. @return whether anything was removed */
static bool uncover(cim_ana_archive *a, int32_t i, const double *p)
{
    bool changed = false;
    for (uint32_t e = a->nodes[i].n; e-- > 0;) {
        const node *x = &a->nodes[i];
        if (!nowhere_worse(p, entry_upper(a, x, e), a->m))
            continue;
        if (!x->leaf) {
            int32_t child = (int32_t)x->entries[e];
            changed |= uncover(a, child, p);
            if (a->nodes[child].n > 0)
                continue;
        }
        entry_drop(a, i, e);
        changed = true;
    }
    if (changed)
        box_tighten(a, i);
    return changed;
}

/* ---- insertion -------------------------------------------------------------------------------- */

/* The child whose box has its middle nearest to p, in units of the node's box. */
static int32_t nearest_child(const cim_ana_archive *a, int32_t i, const double *p)
{
    const node *x = &a->nodes[i];
    const double *lo = lower(a, i), *hi = upper(a, i);
    uint32_t best = 0;
    double nearest = INFINITY;
    for (uint32_t e = 0; e < x->n; e++) {
        const double *l = entry_lower(a, x, e), *u = entry_upper(a, x, e);
        double square = 0;
        for (size_t k = 0; k < a->m; k++) {
            double range = hi[k] / 2 - lo[k] / 2;
            double away = range > 0 ? (p[k] / 2 - l[k] / 4 - u[k] / 4) / range : 0;
            square += away * away;
        }
        if (square < nearest) {
            nearest = square;
            best = e;
        }
    }
    return (int32_t)x->entries[best];
}

/* The objective in which the middles of the entries spread most, in units of the root's box. */
static size_t widest(const cim_ana_archive *a, int32_t i)
{
    const double *lo = lower(a, i), *hi = upper(a, i);
    const double *all_lo = lower(a, a->root), *all_hi = upper(a, a->root);
    size_t best = 0;
    double most = -1;
    for (size_t k = 0; k < a->m; k++) {
        double range = all_hi[k] / 2 - all_lo[k] / 2;
        double share = range > 0 ? (hi[k] / 2 - lo[k] / 2) / range : 0;
        if (share > most) {
            most = share;
            best = k;
        }
    }
    return best;
}

/* Sort the entries of an overfull node along its widest objective and move the upper half out.
 * @return the new node, not yet anybody's child */
static int32_t split(cim_ana_archive *a, int32_t i)
{
    int32_t other = node_take(a, a->nodes[i].leaf);
    node *x = &a->nodes[i];
    size_t k = widest(a, i);
    for (uint32_t e = 1; e < x->n; e++) {
        uint32_t entry = x->entries[e], at = e;
        double middle = entry_lower(a, x, e)[k] / 2 + entry_upper(a, x, e)[k] / 2;
        for (; at > 0; at--) {
            if (entry_lower(a, x, at - 1)[k] / 2 + entry_upper(a, x, at - 1)[k] / 2 <= middle)
                break;
            x->entries[at] = x->entries[at - 1];
        }
        x->entries[at] = entry;
    }
    uint32_t keep = x->n / 2, n = x->n;
    x->n = keep;
    for (uint32_t e = keep; e < n; e++)
        entry_add(a, other, x->entries[e]);
    box_tighten(a, i);
    box_tighten(a, other);
    return other;
}

static void box_include(cim_ana_archive *a, int32_t i, const double *p)
{
    double *lo = lower(a, i), *hi = upper(a, i);
    for (size_t k = 0; k < a->m; k++) {
        lo[k] = p[k] < lo[k] ? p[k] : lo[k];
        hi[k] = p[k] > hi[k] ? p[k] : hi[k];
    }
}

static void place(cim_ana_archive *a, const double *p, uint32_t member)
{
    int32_t i = a->root;
    while (!a->nodes[i].leaf) {
        box_include(a, i, p);
        i = nearest_child(a, i, p);
    }
    box_include(a, i, p);
    entry_add(a, i, member);
    while (a->nodes[i].n > FANOUT) {
        int32_t parent = a->nodes[i].parent, other = split(a, i);
        if (parent == NO_NODE) {
            parent = a->root = node_take(a, false);
            a->height++;
            entry_add(a, parent, (uint32_t)i);
        }
        entry_add(a, parent, (uint32_t)other);
        box_tighten(a, parent);
        i = parent;
    }
}

int cim_ana_archive_insert(cim_ana_archive *a, const double *point, uint64_t id)
{
    if (a->n > 0 && covered(a, a->root, point))
        return 0;
    if (!reserve(a))
        return -1;
    if (a->n > 0)
        uncover(a, a->root, point);
    if (a->n == 0) { /* the first, or nobody is left */
        a->n_nodes = a->n_free = 0;
        a->height = 1;
        a->root = node_take(a, true);
        box_tighten(a, a->root);
    }
    uint32_t member = (uint32_t)a->n++;
    memcpy(a->points + a->m * member, point, a->m * sizeof *point);
    a->ids[member] = id;
    place(a, point, member);
    return 1;
}
