/* Hypervolume by dimension sweeps.
 *
 * m = 2: sort and sum. m = 3: sweep along the third objective over a staircase in the other two
 * (Fonseca, Paquete, Lopez-Ibanez 2006), the staircase as a set of ranks. m = 4: sweep along the
 * fourth, adding the volume in three objectives that each new point contributes to the set swept so
 * far (the structure of Guerreiro, Fonseca, Emmerich 2012). m >= 5: the same sweep, contributions
 * by the exclusive volume of WFG (While, Bradstreet, Barone 2012): the box of the point minus the
 * hypervolume of the others clipped to it, one objective fewer. */
#include "analysis/pareto.h"

#include "analysis/order.h"
#include "analysis/rankset.h"
#include "hwspace/base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- two and three objectives, any number of points ------------------------------------------ */

static double sweep_2(const double *p, size_t n, const uint32_t *by_x, const double *ref)
{
    double area = 0, top = ref[1];
    for (size_t i = 0; i < n; i++) {
        const double *q = p + 2 * (size_t)by_x[i];
        if (q[1] < top) {
            area += (ref[0] - q[0]) * (top - q[1]);
            top = q[1];
        }
    }
    return area;
}

/* Area that (x, y) adds to a staircase of steps sorted by x, and the steps it covers removed. */
typedef struct staircase {
    cim_ana_rankset set;
    const double *points; /* x, y, z; set members are ranks by (x, y) */
    const uint32_t *row_at;
    const double *ref;
} staircase;

static double stairs_add(staircase *s, size_t at)
{
    const double *p = s->points + 3 * (size_t)s->row_at[at];
    int64_t before = cim_ana_rankset_before(&s->set, at);
    double top = before >= 0 ? s->points[3 * (size_t)s->row_at[before] + 1] : s->ref[1];
    double x = p[0], area = 0;
    if (top <= p[1])
        return 0;
    for (;;) {
        int64_t after = cim_ana_rankset_after(&s->set, at);
        const double *q = after >= 0 ? s->points + 3 * (size_t)s->row_at[after] : s->ref;
        area += (q[0] - x) * (top - p[1]);
        if (after < 0 || q[1] < p[1])
            break;
        x = q[0];
        top = q[1];
        cim_ana_rankset_remove(&s->set, (size_t)after);
    }
    cim_ana_rankset_add(&s->set, at);
    return area;
}

static cim_status sweep_3(const double *points, size_t n, const double *ref, double *out,
                          cim_err *err)
{
    uint32_t *block = cim_alloc(n, 3 * sizeof *block);
    staircase s = {{0}, points, block, ref};
    cim_status status = CIM_OK;
    double volume = 0, area = 0;
    if (!block || cim_ana_rankset_init(&s.set, n)) {
        cim_free(block);
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a hypervolume");
    }
    uint32_t *rank = block + n, *by_z = block + 2 * n;
    status = cim_ana_order_lex(points, n, 3, block, err);
    if (status == CIM_OK)
        status = cim_ana_order(points + 2, n, 3, by_z, err);
    for (size_t i = 0; status == CIM_OK && i < n; i++)
        rank[block[i]] = (uint32_t)i;
    for (size_t i = 0; status == CIM_OK && i < n; i++) {
        double z = points[3 * (size_t)by_z[i] + 2];
        double next = i + 1 < n ? points[3 * (size_t)by_z[i + 1] + 2] : ref[2];
        area += stairs_add(&s, rank[by_z[i]]);
        volume += area * (next - z);
    }
    cim_ana_rankset_clear(&s.set);
    cim_free(block);
    *out = volume;
    return status;
}

/* ---- four objectives and more ---------------------------------------------------------------- */

/* Scratch of one recursion level of m objectives. */
typedef struct level {
    double *set;     /* points swept so far, nondominated in m-1 objectives */
    double *clipped; /* the same clipped to a new point */
    uint32_t *order;
    double *step_x, *step_y; /* staircase inside a box, m = 4 */
} level;

typedef struct hypervolume {
    level levels[CIM_ANA_MAX_OBJECTIVES + 1]; /* by m, from 4 */
    const double *ref;
    cim_status status;
    cim_err *err;
} hypervolume;

/* The staircase of the points' boxes inside a box: steps of ascending x and descending y, from
 * (box x, ref y) to (ref x, box y); `area` is what it leaves uncovered. */
typedef struct cover {
    double *x, *y;
    size_t n;
    double area, ref_x, ref_y;
} cover;

/* Cover [x, ref) x [y, ref), x and y clipped to the box. */
static void cover_add(cover *c, double x, double y)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) { /* first step right of x */
        size_t mid = lo + (hi - lo) / 2;
        if (c->x[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    double top = lo > 0 ? c->y[lo - 1] : c->ref_y;
    if (top <= y)
        return;
    size_t first = lo > 0 && c->x[lo - 1] == x ? lo - 1 : lo, end = lo;
    double from = x, area = 0;
    for (; end < c->n && c->y[end] >= y; end++) {
        area += (c->x[end] - from) * (top - y);
        from = c->x[end];
        top = c->y[end];
    }
    area += ((end < c->n ? c->x[end] : c->ref_x) - from) * (top - y);
    c->area -= area;
    if (end != first + 1) {
        memmove(c->x + first + 1, c->x + end, (c->n - end) * sizeof *c->x);
        memmove(c->y + first + 1, c->y + end, (c->n - end) * sizeof *c->y);
    }
    c->x[first] = x;
    c->y[first] = y;
    c->n = c->n + 1 - (end - first);
}

/* Volume in three objectives that p adds to a set sorted by z; 0 when a member covers p. */
static double contribution_3(const double *set, size_t n, const double *p, const double *ref,
                             const level *scratch)
{
    cover c = {scratch->step_x, scratch->step_y, 0, (ref[0] - p[0]) * (ref[1] - p[1]),
               ref[0],          ref[1]};
    double volume = 0, z = p[2];
    size_t i = 0;
    for (; i < n && set[3 * i + 2] <= z; i++) {
        const double *q = set + 3 * i;
        if (q[0] <= p[0] && q[1] <= p[1])
            return 0;
        cover_add(&c, q[0] > p[0] ? q[0] : p[0], q[1] > p[1] ? q[1] : p[1]);
    }
    for (; i < n; i++) {
        const double *q = set + 3 * i;
        volume += c.area * (q[2] - z);
        z = q[2];
        cover_add(&c, q[0] > p[0] ? q[0] : p[0], q[1] > p[1] ? q[1] : p[1]);
    }
    return volume + c.area * (ref[2] - z);
}

static double volume_of(hypervolume *h, const double *points, size_t n, size_t m);

/* The same for m objectives by clipping; clipped points that others cover are left out. */
static double contribution_m(hypervolume *h, const double *set, size_t n, size_t m, const double *p,
                             double *clipped)
{
    double box = 1;
    for (size_t k = 0; k < m; k++)
        box *= h->ref[k] - p[k];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double *c = clipped + m * kept;
        for (size_t k = 0; k < m; k++)
            c[k] = set[m * i + k] > p[k] ? set[m * i + k] : p[k];
        bool covered = false;
        for (size_t j = 0; j < kept && !covered; j++) {
            int d = cim_ana_dominates(clipped + m * j, c, m);
            covered = d < 0 || (d == 0 && !memcmp(clipped + m * j, c, m * sizeof *c));
            if (d > 0) {
                kept--;
                memmove(clipped + m * j, clipped + m * kept, m * sizeof *c);
                memmove(clipped + m * kept, c, m * sizeof *c);
                c = clipped + m * kept;
                j--;
            }
        }
        if (!covered)
            kept++;
    }
    return box - volume_of(h, clipped, kept, m);
}

/* Whether a member of a set sorted by its last objective is nowhere worse than p. */
static bool set_covers(const double *set, size_t n, size_t d, const double *p)
{
    for (size_t i = 0; i < n && set[d * i + d - 1] <= p[d - 1]; i++) {
        size_t k = 0;
        while (k < d && set[d * i + k] <= p[k])
            k++;
        if (k == d)
            return true;
    }
    return false;
}

/* Put p, which no member covers, in its place and drop the members it covers; they come later. */
static void set_insert(double *set, size_t *n, size_t d, const double *p)
{
    size_t place = *n, kept = 0;
    while (place > 0 && set[d * (place - 1) + d - 1] >= p[d - 1])
        place--;
    double *tail = set + d * place;
    for (size_t i = 0; i < *n - place; i++) {
        const double *q = tail + d * i;
        size_t k = 0;
        while (k < d && p[k] <= q[k])
            k++;
        if (k == d)
            continue;
        if (kept != i)
            memcpy(tail + d * kept, q, d * sizeof *q);
        kept++;
    }
    memmove(tail + d, tail, kept * d * sizeof *tail);
    memcpy(tail, p, d * sizeof *p);
    *n = place + kept + 1;
}

static double sweep_m(hypervolume *h, const double *points, size_t n, size_t m)
{
    level *l = &h->levels[m];
    size_t d = m - 1, size = 0;
    double volume = 0, total = 0;
    if (h->status == CIM_OK)
        h->status = cim_ana_order(points + d, n, m, l->order, h->err);
    for (size_t i = 0; i < n && h->status == CIM_OK; i++) {
        const double *p = points + m * (size_t)l->order[i];
        double next = i + 1 < n ? points[m * (size_t)l->order[i + 1] + d] : h->ref[d];
        double added = 0;
        if (d == 3)
            added = contribution_3(l->set, size, p, h->ref, l);
        else if (!set_covers(l->set, size, d, p))
            added = contribution_m(h, l->set, size, d, p, l->clipped);
        if (added >
            0) { /* who adds nothing (rounding aside) takes nothing from later ones either */
            volume += added;
            set_insert(l->set, &size, d, p);
        }
        total += volume * (next - p[d]);
    }
    return total;
}

static double volume_of(hypervolume *h, const double *points, size_t n, size_t m)
{
    return n == 0 ? 0 : sweep_m(h, points, n, m);
}

static void levels_free(hypervolume *h, size_t m)
{
    for (size_t k = 4; k <= m; k++) {
        cim_free(h->levels[k].set);
        cim_free(h->levels[k].clipped);
        cim_free(h->levels[k].order);
        cim_free(h->levels[k].step_x);
    }
}

static cim_status hypervolume_many(const double *points, size_t n, size_t m, const double *ref,
                                   double *out, cim_err *err)
{
    hypervolume h = {.ref = ref, .status = CIM_OK, .err = err};
    bool ok = true;
    for (size_t k = 4; k <= m && ok; k++) {
        level *l = &h.levels[k];
        l->set = cim_alloc(n + 1, (k - 1) * sizeof *l->set);
        l->order = cim_alloc(n, sizeof *l->order);
        l->clipped = k > 4 ? cim_alloc(n + 1, (k - 1) * sizeof *l->clipped) : NULL;
        l->step_x = k == 4 ? cim_alloc(n + 1, 2 * sizeof *l->step_x) : NULL;
        l->step_y = l->step_x ? l->step_x + n + 1 : NULL;
        ok = l->set && l->order && (k > 4 ? l->clipped != NULL : l->step_x != NULL);
    }
    if (ok)
        *out = volume_of(&h, points, n, m);
    else
        h.status = cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a hypervolume");
    levels_free(&h, m);
    return h.status;
}

cim_status cim_ana_hypervolume(const double *points, size_t n, size_t m, const double *ref,
                               double *out, cim_err *err)
{
    assert(m >= 1 && m <= CIM_ANA_MAX_OBJECTIVES);
    double *inside = cim_alloc(n, m * sizeof *inside);
    if (!inside)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a hypervolume");
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool better = true;
        for (size_t k = 0; k < m; k++) {
            assert(isfinite(points[m * i + k]));
            better &= points[m * i + k] < ref[k];
        }
        if (better)
            memcpy(inside + m * kept++, points + m * i, m * sizeof *inside);
    }
    cim_status status = CIM_OK;
    *out = 0;
    if (kept > 0 && m == 1) {
        for (size_t i = 0; i < kept; i++)
            *out = fmax(*out, ref[0] - inside[i]);
    } else if (kept > 0 && m == 2) {
        uint32_t *order = cim_alloc(kept, sizeof *order);
        status = order ? cim_ana_order_lex(inside, kept, 2, order, err)
                       : cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a hypervolume");
        if (status == CIM_OK)
            *out = sweep_2(inside, kept, order, ref);
        cim_free(order);
    } else if (kept > 0 && m == 3) {
        status = sweep_3(inside, kept, ref, out, err);
    } else if (kept > 0) {
        status = hypervolume_many(inside, kept, m, ref, out, err);
    }
    cim_free(inside);
    return status;
}
