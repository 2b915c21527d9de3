/* The meter of the cycle simulator: what is drawn when.
 *
 * Every busy interval of a resource arrives as two edges. They come nearly in order of time; edges are
 * kept until nothing earlier can arrive, sorted, and swept: between two edges the power is constant,
 * which gives its exact maximum, its integral, the largest mean over a window, the curve and how long
 * every resource class works, all in memory that does not grow with the run. */
#include "sched/cycle_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FLUSH = 1 << 15, DEFAULT_POINTS = 4096, MIN_POINTS = 16 };

cim_cc_resource cim_cc_cycle_leg_resource(cim_cc_leg leg)
{
    switch (leg) {
    case CIM_CC_LEG_L0_IN:
    case CIM_CC_LEG_L0_OUT:
        return CIM_CC_RES_L0;
    case CIM_CC_LEG_NOC_IN:
    case CIM_CC_LEG_NOC_OUT:
        return CIM_CC_RES_NOC;
    case CIM_CC_LEG_L1:
        return CIM_CC_RES_L1;
    case CIM_CC_LEG_CROSSBAR:
    case CIM_CC_LEG_OPERAND:
        return CIM_CC_RES_CROSSBAR;
    case CIM_CC_LEG_CORE_ALU:
        return CIM_CC_RES_CORE_ALU;
    case CIM_CC_LEG_POOL:
        return CIM_CC_RES_CHIP_ALU;
    default: /* off-chip legs, weights */
        return CIM_CC_RES_OFFCHIP;
    }
}

cim_status cim_cc_cycle_meter_init(cim_cc_cycle_meter *m, const cim_cc_plan *plan,
                                   const cim_cc_cycle_options *options)
{
    memset(m, 0, sizeof *m);
    m->plan = plan;
    m->flush_at = FIRST_FLUSH;
    m->cap_curve = options->curve_points ? options->curve_points : DEFAULT_POINTS;
    if (m->cap_curve < MIN_POINTS)
        m->cap_curve = MIN_POINTS;
    m->cap_curve += m->cap_curve % 2; /* halving pairs them */
    m->curve = cim_alloc(m->cap_curve, sizeof *m->curve);
    m->window.length_ns = options->window_ns > 0.0 ? options->window_ns : plan->chip.step_ns;
    m->point_ns = m->window.length_ns;
    m->want_slices = options->slices;
    return m->curve ? CIM_OK : CIM_E_NOMEM;
}

void cim_cc_cycle_meter_clear(cim_cc_cycle_meter *m)
{
    cim_free(m->edges);
    cim_free(m->curve);
    cim_free(m->slices);
    cim_free(m->window.ring);
    memset(m, 0, sizeof *m);
}

void cim_cc_cycle_meter_begin(cim_cc_cycle_meter *m, const cim_cc_cycle_segment *s,
                              cim_cc_cycle_track *tracks, uint32_t first_op)
{
    m->segment = s;
    m->tracks = tracks;
    m->first_op = first_op;
}

static void edge_add(cim_cc_cycle_meter *m, const cim_cc_cycle_edge *e)
{
    if (cim_grow(&m->edges, &m->cap_edges, m->n_edges + 1, sizeof *m->edges)) {
        m->failed = true;
        return;
    }
    m->edges[m->n_edges++] = *e;
}

void cim_cc_cycle_meter_draw(cim_cc_cycle_meter *m, uint32_t who, cim_cc_leg leg, double from_ns,
                             double to_ns, double mw, double units)
{
    if (!(to_ns > from_ns))
        return;
    edge_add(m, &(cim_cc_cycle_edge){
                    .at_ns = from_ns, .mw = mw, .units = units, .who = who, .leg = leg});
    edge_add(m, &(cim_cc_cycle_edge){
                    .at_ns = to_ns, .mw = -mw, .units = -units, .who = who, .leg = leg});
}

/* ---- sweeping ---------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const cim_cc_cycle_edge *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if ((x->units < 0.0) != (y->units < 0.0)) /* what ends makes room for what starts */
        return x->units < 0.0 ? -1 : 1;
    if (x->who != y->who)
        return x->who < y->who ? -1 : 1;
    return x->leg < y->leg ? -1 : x->leg > y->leg;
}

/* Neighbouring intervals of the curve become one. */
static void halve_curve(cim_cc_cycle_meter *m)
{
    for (uint32_t i = 0; i < m->cap_curve / 2; i++) {
        cim_cc_cycle_point *a = &m->curve[2 * i], *b = &m->curve[2 * i + 1], *to = &m->curve[i];
        to->mw = a->mw + b->mw;
        for (int c = 0; c < CIM_CC_N_RESOURCES; c++)
            to->busy[c] = a->busy[c] + b->busy[c];
    }
    memset(m->curve + m->cap_curve / 2, 0, m->cap_curve / 2 * sizeof *m->curve);
    m->n_curve = (m->n_curve + 1) / 2;
    m->point_ns *= 2.0;
}

/* Energy and busy time of [from, to) into the intervals it covers. */
static void curve_add(cim_cc_cycle_meter *m, double from, double to, double mw)
{
    while (to > m->point_ns * m->cap_curve)
        halve_curve(m);
    uint32_t i = (uint32_t)(from / m->point_ns);
    for (; from < to && i < m->cap_curve; i++) {
        double until = fmin(to, (i + 1.0) * m->point_ns), dt = until - from;
        if (!(dt > 0.0))
            continue;
        m->curve[i].mw += dt * mw;
        for (int c = 0; c < CIM_CC_N_RESOURCES; c++)
            m->curve[i].busy[c] += dt * m->units[c];
        from = until;
        m->n_curve = i + 1 > m->n_curve ? i + 1 : m->n_curve;
    }
}

/* ---- the window ------------------------------------------------------------------------------- */

static cim_cc_cycle_piece *ring_at(const cim_cc_cycle_window *w, size_t i)
{
    return &w->ring[(w->head + i) % w->cap];
}

static bool ring_add(cim_cc_cycle_window *w, const cim_cc_cycle_piece *piece)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 256;
        cim_cc_cycle_piece *ring = cim_alloc(cap, sizeof *ring);
        if (!ring)
            return false;
        for (size_t i = 0; i < w->n; i++)
            ring[i] = *ring_at(w, i);
        cim_free(w->ring);
        w->ring = ring;
        w->cap = cap;
        w->head = 0;
    }
    *ring_at(w, w->n++) = *piece;
    return true;
}

/* Energy of a kind drawn up to a time in the ring's i-th piece. */
static double energy_up_to(const cim_cc_cycle_meter *m, size_t i, int kind, double at)
{
    const cim_cc_cycle_piece *p = ring_at(&m->window, i);
    double in = at > p->from_ns ? at - p->from_ns : 0.0, mw = m->mw[kind];
    if (i + 1 < m->window.n)
        mw = (ring_at(&m->window, i + 1)->before_pj[kind] - p->before_pj[kind]) /
             (p->to_ns - p->from_ns);
    return p->before_pj[kind] + in * mw;
}

/* Whether the mean up to `at`, in the newest piece, is the largest so far. */
static void window_look(cim_cc_cycle_meter *m, double at)
{
    cim_cc_cycle_window *w = &m->window;
    double mean = w->pj / w->length_ns, from = at - w->length_ns;
    if (!(mean > w->peak_total_mw * (1.0 + 1e-9)))
        return;
    w->peak_total_mw = mean;
    w->peak_at_ns = from > 0.0 ? from : 0.0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        w->peak_mw[k] =
            (energy_up_to(m, w->n - 1, k, at) - energy_up_to(m, 0, k, from)) / w->length_ns;
}

/* Slide the window over a new piece. Its mean is linear between the times at which it takes in a new
 * piece or lets an old one go, so it is largest at one of them. */
static bool window_add(cim_cc_cycle_meter *m, const cim_cc_cycle_piece *piece)
{
    cim_cc_cycle_window *w = &m->window;
    double at = piece->from_ns;
    if (!ring_add(w, piece))
        return false;
    while (at < piece->to_ns) {
        const cim_cc_cycle_piece *old = ring_at(w, 0);
        double leaves = old->to_ns + w->length_ns, enters = old->from_ns + w->length_ns;
        double until = piece->to_ns, leaving = 0.0;
        if (at >= enters) { /* the window's start is in the old piece */
            leaving = old->mw;
            until = until < leaves ? until : leaves;
        } else {
            until = until < enters ? until : enters;
        }
        w->pj += (until - at) * (piece->mw - leaving);
        at = until;
        window_look(m, at);
        if (at >= leaves) {
            w->head = (w->head + 1) % w->cap;
            w->n--;
        }
    }
    return true;
}

/* Constant power from the last edge to `to`. Slivers between times that only rounding tells apart count
 * as energy, not as a moment. */
static void piece(cim_cc_cycle_meter *m, double to)
{
    double from = m->settled_ns, dt = to - from, mw = m->total_mw + m->plan->chip.leakage_mw;
    if (!(dt > 0.0))
        return;
    cim_cc_cycle_piece p = {.from_ns = from, .to_ns = to, .mw = m->total_mw};
    memcpy(p.before_pj, m->energy_pj, sizeof p.before_pj);
    if (!window_add(m, &p))
        m->failed = true;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        m->energy_pj[k] += dt * m->mw[k];
    for (int c = 0; c < CIM_CC_N_RESOURCES; c++)
        m->busy_ns[c] += dt * m->units[c];
    curve_add(m, from, to, mw);
    if (dt > 1e-9 * to && m->total_mw > m->instant_mw * (1.0 + 1e-9)) {
        m->instant_mw = m->total_mw;
        m->instant_at_ns = from;
    }
    m->settled_ns = to;
}

static cim_cc_cycle_track *track_of(cim_cc_cycle_meter *m, uint32_t who)
{
    return who == UINT32_MAX ? &m->reload : &m->tracks[who];
}

static void slice_close(cim_cc_cycle_meter *m, uint32_t who)
{
    cim_cc_cycle_track *t = track_of(m, who);
    if (!t->open)
        return;
    t->open = false;
    if (!m->want_slices)
        return;
    if (cim_grow(&m->slices, &m->cap_slices, m->n_slices + 1, sizeof *m->slices)) {
        m->failed = true;
        return;
    }
    m->slices[m->n_slices++] =
        (cim_cc_cycle_slice){.who = who == UINT32_MAX ? who : m->first_op + who,
                             .segment = m->segment->index,
                             .from_ns = t->from_ns,
                             .to_ns = t->to_ns};
}

/* An operator's activity: it works while any resource works for it. */
static void track_edge(cim_cc_cycle_meter *m, const cim_cc_cycle_edge *e)
{
    cim_cc_cycle_track *t = track_of(m, e->who);
    if (e->units > 0.0 && t->active++ == 0) {
        if (t->open && e->at_ns - t->to_ns > m->resolution_ns)
            slice_close(m, e->who);
        if (!t->open)
            t->from_ns = e->at_ns;
        t->open = true;
        t->since_ns = e->at_ns;
    } else if (e->units < 0.0 && --t->active == 0) {
        t->to_ns = e->at_ns;
        t->busy_ns += e->at_ns - t->since_ns;
    }
}

static void apply(cim_cc_cycle_meter *m, const cim_cc_cycle_edge *e)
{
    m->active += e->units > 0.0 ? 1 : -1;
    m->total_mw += e->mw;
    if (e->who == UINT32_MAX) {
        m->mw[e->leg == CIM_CC_LEG_WRITE ? CIM_COST_CROSSBAR_WRITE : CIM_COST_OFFCHIP] += e->mw;
    } else {
        const cim_cc_cycle_node *n = &m->segment->nodes[e->who];
        const double *share =
            e->leg == CIM_CC_LEG_OPERAND ? n->operand_share : n->leg[e->leg].share;
        for (int k = 0; k < CIM_COST_N_KINDS; k++)
            m->mw[k] += e->mw * share[k];
        m->units[cim_cc_cycle_leg_resource((cim_cc_leg)e->leg)] += e->units;
    }
    if (m->active == 0) { /* no rounding errors are carried over a pause */
        memset(m->mw, 0, sizeof m->mw);
        memset(m->units, 0, sizeof m->units);
        m->total_mw = 0.0;
    }
    track_edge(m, e);
}

/* Sweep edges up to a time; keep the rest. */
static void flush(cim_cc_cycle_meter *m, double to)
{
    size_t i = 0;
    qsort(m->edges, m->n_edges, sizeof *m->edges, by_time);
    while (i < m->n_edges && m->edges[i].at_ns <= to) {
        piece(m, m->edges[i].at_ns);
        apply(m, &m->edges[i++]);
    }
    memmove(m->edges, m->edges + i, (m->n_edges - i) * sizeof *m->edges);
    m->n_edges -= i;
    m->flush_at = m->n_edges * 2 > FIRST_FLUSH ? m->n_edges * 2 : FIRST_FLUSH;
}

void cim_cc_cycle_meter_advance(cim_cc_cycle_meter *m, double now_ns)
{
    if (m->n_edges >= m->flush_at)
        flush(m, now_ns - 1e-9 * now_ns);
}

void cim_cc_cycle_meter_end(cim_cc_cycle_meter *m, double to_ns)
{
    flush(m, to_ns); /* a reload for the next segment may go on */
    piece(m, to_ns);
    for (uint32_t i = 0; i < m->segment->n_nodes; i++)
        slice_close(m, i);
    if (m->reload.active == 0)
        slice_close(m, UINT32_MAX);
}
