#include "search/nsga2.h"

#include "analysis/pareto.h"
#include "hwspace/base/memory.h"
#include "search/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const cim_search_nsga2_options cim_search_nsga2_defaults = {.population = 100,
                                                            .seed = 1,
                                                            .crossover_probability = 0.9,
                                                            .eta_crossover = 20,
                                                            .mutation_probability = NAN,
                                                            .eta_mutation = 20};

/* Rows [0, n_parents) are the survivors, rows [n_parents, n_parents + n_children) the generation
 * being asked. Everything is allocated once: 2 * population rows of each. */
struct cim_search_nsga2 {
    cim_search_genome genome;
    cim_search_nsga2_options o;
    size_t m, population;
    cim_rng *rng;
    size_t n_parents, n_children, asked, told;
    double *x, *f, *violation; /* rows */
    uint32_t *rank;
    double *crowding;
    double *x2, *f2, *violation2, *crowding2; /* scratch for survivors */
    uint32_t *rank2;
    uint32_t *order, *pool; /* scratch: rows sorted by merit; mating pool */
    double *packed;         /* objectives of the feasible rows */
    uint32_t *packed_row, *packed_rank, *members;
    double *distance;
    cim_search_prune *prune;
};

/* ---- variation ----------------------------------------------------------------------------- */

/* Bounds of a gene as the real-coded operators see it: a level stands for the interval around it,
 * so that the first and last level are as easy to reach as any other. */
static void operator_bounds(const cim_search_gene *g, double *lo, double *hi)
{
    double margin = g->n_levels ? 0.5 : 0;
    *lo = g->lo - margin;
    *hi = g->hi + margin;
}

static double repair(const cim_search_gene *g, double v)
{
    if (g->n_levels)
        v = floor(v + 0.5);
    return v < g->lo ? g->lo : v > g->hi ? g->hi : v;
}

/* Spread factor of simulated binary crossover with bounds (Deb and Agrawal 1995; the bounded form
 * of Deb's NSGA-II programme). `beta` is 1 + 2 * distance to the bound / distance of parents. */
static double spread_factor(double u, double beta, double eta)
{
    double alpha = 2 - pow(beta, -(eta + 1)), e = 1 / (eta + 1);
    return u <= 1 / alpha ? pow(u * alpha, e) : pow(1 / (2 - u * alpha), e);
}

static void cross_gene(cim_search_nsga2 *s, const cim_search_gene *g, double *a, double *b)
{
    if (g->categorical) {
        if (cim_rng_uniform(s->rng) < 0.5) {
            double t = *a;
            *a = *b;
            *b = t;
        }
        return;
    }
    /* Deb's programme crosses each variable of a crossing pair with probability one half. */
    if (cim_rng_uniform(s->rng) >= 0.5 || fabs(*a - *b) < 1e-14 * (1 + fabs(*a)))
        return;
    double lo, hi, eta = s->o.eta_crossover;
    operator_bounds(g, &lo, &hi);
    double y1 = fmin(*a, *b), y2 = fmax(*a, *b), width = y2 - y1;
    double u = cim_rng_uniform(s->rng);
    double b1 = spread_factor(u, 1 + 2 * (y1 - lo) / width, eta);
    double b2 = spread_factor(u, 1 + 2 * (hi - y2) / width, eta);
    double c1 = repair(g, 0.5 * (y1 + y2 - b1 * width));
    double c2 = repair(g, 0.5 * (y1 + y2 + b2 * width));
    bool swap = cim_rng_uniform(s->rng) < 0.5;
    *a = swap ? c2 : c1;
    *b = swap ? c1 : c2;
}

/* Polynomial mutation with bounds (Deb and Goyal 1996). A level moves by at least one step, a
 * category to any other one. */
static void mutate_gene(cim_search_nsga2 *s, const cim_search_gene *g, double *v)
{
    if (!(g->lo < g->hi))
        return;
    if (g->categorical) {
        double other = (double)cim_rng_below(s->rng, g->n_levels - 1);
        *v = other >= *v ? other + 1 : other;
        return;
    }
    double lo, hi, e = s->o.eta_mutation + 1, u = cim_rng_uniform(s->rng);
    operator_bounds(g, &lo, &hi);
    double width = hi - lo, delta;
    if (u < 0.5)
        delta = pow(2 * u + (1 - 2 * u) * pow(1 - (*v - lo) / width, e), 1 / e) - 1;
    else
        delta = 1 - pow(2 * (1 - u) + (2 * u - 1) * pow(1 - (hi - *v) / width, e), 1 / e);
    double moved = repair(g, *v + delta * width);
    if (g->n_levels && moved == *v) {
        moved += u < 0.5 ? -1 : 1;
        if (moved < g->lo || moved > g->hi)
            moved = *v + (u < 0.5 ? 1 : -1);
    }
    *v = moved;
}

static void mutate(cim_search_nsga2 *s, double probability, double *x)
{
    for (size_t k = 0; k < s->genome.n; k++)
        if (cim_rng_uniform(s->rng) < probability)
            mutate_gene(s, &s->genome.genes[k], &x[k]);
}

/* Append a child; one that was asked before is mutated harder and harder, then replaced by a
 * random unasked point. @return 1 appended, 0 the space is exhausted, -1 out of memory */
static int add_child(cim_search_nsga2 *s, const double *child)
{
    enum { TRIES = 16 };
    size_t n = s->genome.n;
    double *x = s->x + (s->n_parents + s->n_children) * n;
    memcpy(x, child, n * sizeof *x);
    int added = cim_search_genome_ask(&s->genome, x);
    for (int t = 1; added == 0 && t <= TRIES; t++) {
        double p = s->o.mutation_probability * t;
        mutate(s, p < 1 ? p : 1, x);
        added = cim_search_genome_ask(&s->genome, x);
    }
    if (added == 0)
        added = cim_search_genome_fresh(&s->genome, s->rng, x);
    if (added == 1)
        s->n_children++;
    return added;
}

/* ---- selection ------------------------------------------------------------------------------ */

static void shuffle(cim_rng *rng, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)cim_rng_below(rng, i);
        uint32_t t = v[i - 1];
        v[i - 1] = v[j];
        v[j] = t;
    }
}

/* Crowded comparison of two survivors; ties by row, that is by age. */
static uint32_t better(const cim_search_nsga2 *s, uint32_t a, uint32_t b)
{
    if (s->rank[a] != s->rank[b])
        return s->rank[a] < s->rank[b] ? a : b;
    if (s->crowding[a] != s->crowding[b])
        return s->crowding[a] > s->crowding[b] ? a : b;
    return a < b ? a : b;
}

/* Binary tournaments over shuffled lists: every survivor takes part equally often. */
static void fill_mating_pool(cim_search_nsga2 *s)
{
    size_t n = s->n_parents, at = n;
    for (size_t i = 0; i < s->population + 1; i++) {
        uint32_t pair[2];
        for (int k = 0; k < 2; k++) {
            if (at >= n) {
                for (size_t j = 0; j < n; j++)
                    s->order[j] = (uint32_t)j;
                shuffle(s->rng, s->order, n);
                at = 0;
            }
            pair[k] = s->order[at++];
        }
        s->pool[i] = better(s, pair[0], pair[1]);
    }
}

static cim_status no_memory(cim_err *err)
{
    return cim_err_set(err, CIM_E_NOMEM, "nsga2", "out of memory");
}

static cim_status breed(cim_search_nsga2 *s, cim_err *err)
{
    size_t n = s->genome.n;
    s->n_children = s->asked = s->told = 0;
    fill_mating_pool(s);
    double *a = s->x2, *b = s->x2 + n; /* scratch between generations */
    for (size_t i = 0; i < s->population; i += 2) {
        memcpy(a, s->x + s->pool[i] * n, n * sizeof *a);
        memcpy(b, s->x + s->pool[i + 1] * n, n * sizeof *b);
        if (cim_rng_uniform(s->rng) < s->o.crossover_probability)
            for (size_t k = 0; k < n; k++)
                cross_gene(s, &s->genome.genes[k], &a[k], &b[k]);
        for (size_t child = 0; child < 2 && s->n_children < s->population; child++) {
            double *x = child == 0 ? a : b;
            mutate(s, s->o.mutation_probability, x);
            int added = add_child(s, x);
            if (added < 0)
                return no_memory(err);
            if (added == 0)
                return CIM_OK; /* exhausted: ask what is left */
        }
    }
    return CIM_OK;
}

/* ---- survival ------------------------------------------------------------------------------- */

/* Ranks under constrained domination (Deb 2002, section VI): feasible rows by nondominated
 * sorting, then infeasible ones by violation, equal violations sharing a rank. */
static cim_status rank_rows(cim_search_nsga2 *s, size_t n, uint32_t *n_ranks, cim_err *err)
{
    size_t feasible = 0, infeasible = 0, m = s->m;
    uint32_t ranks = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->violation[i] == 0) {
            memcpy(s->packed + feasible * m, s->f + i * m, m * sizeof *s->f);
            s->packed_row[feasible++] = (uint32_t)i;
        } else {
            s->order[infeasible++] = (uint32_t)i;
        }
    }
    if (feasible > 0)
        CIM_TRY(cim_ana_pareto_rank(s->packed, feasible, m, s->packed_rank, err));
    for (size_t i = 0; i < feasible; i++) {
        s->rank[s->packed_row[i]] = s->packed_rank[i];
        if (s->packed_rank[i] >= ranks)
            ranks = s->packed_rank[i] + 1;
    }
    /* Insertion sort by violation, stable in the row: at most 2 * population rows, mostly few. */
    for (size_t i = 1; i < infeasible; i++) {
        uint32_t row = s->order[i];
        size_t j = i;
        for (; j > 0 && s->violation[s->order[j - 1]] > s->violation[row]; j--)
            s->order[j] = s->order[j - 1];
        s->order[j] = row;
    }
    for (size_t i = 0; i < infeasible; i++) {
        if (i == 0 || s->violation[s->order[i]] != s->violation[s->order[i - 1]])
            ranks++;
        s->rank[s->order[i]] = ranks - 1;
    }
    *n_ranks = ranks;
    return CIM_OK;
}

static void survive(cim_search_nsga2 *s, size_t to, uint32_t row, double crowding, uint32_t rank)
{
    memcpy(s->x2 + to * s->genome.n, s->x + row * s->genome.n, s->genome.n * sizeof *s->x);
    memcpy(s->f2 + to * s->m, s->f + row * s->m, s->m * sizeof *s->f);
    s->violation2[to] = s->violation[row];
    s->rank2[to] = rank;
    s->crowding2[to] = crowding;
}

/* Keep the best `population` rows, front by front, the last one by crowding distance. */
static cim_status select_survivors(cim_search_nsga2 *s, cim_err *err)
{
    size_t n = s->n_parents + s->n_children, kept = 0;
    uint32_t n_ranks;
    CIM_TRY(rank_rows(s, n, &n_ranks, err));
    for (uint32_t r = 0; r < n_ranks && kept < s->population; r++) {
        size_t count = 0, room = s->population - kept;
        for (size_t i = 0; i < n; i++)
            if (s->rank[i] == r)
                s->members[count++] = (uint32_t)i;
        if (s->violation[s->members[0]] == 0)
            cim_search_prune_front(s->prune, s->f, s->members, count, room, s->distance);
        else
            memset(s->distance, 0, count * sizeof *s->distance); /* nothing to be apart in */
        for (size_t i = 0; i < count && i < room; i++)
            survive(s, kept++, s->members[i], s->distance[i], r);
    }
    memcpy(s->x, s->x2, kept * s->genome.n * sizeof *s->x);
    memcpy(s->f, s->f2, kept * s->m * sizeof *s->f);
    memcpy(s->violation, s->violation2, kept * sizeof *s->violation);
    memcpy(s->rank, s->rank2, kept * sizeof *s->rank);
    memcpy(s->crowding, s->crowding2, kept * sizeof *s->crowding);
    s->n_parents = kept;
    return CIM_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* Latin hypercube: every gene's range is cut into `population` strata, each used once. */
static cim_status first_generation(cim_search_nsga2 *s, cim_err *err)
{
    size_t n = s->genome.n, rows = s->population;
    double *design = s->x2;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < rows; i++)
            s->order[i] = (uint32_t)i;
        shuffle(s->rng, s->order, rows);
        for (size_t i = 0; i < rows; i++) {
            double u = ((double)s->order[i] + cim_rng_uniform(s->rng)) / (double)rows;
            design[i * n + k] = cim_search_gene_at(&s->genome.genes[k], u);
        }
    }
    for (size_t i = 0; i < rows; i++) {
        double *x = s->x + s->n_children * n;
        memcpy(x, design + i * n, n * sizeof *x);
        int added = cim_search_genome_ask(&s->genome, x);
        if (added == 0)
            added = cim_search_genome_fresh(&s->genome, s->rng, x);
        if (added < 0)
            return no_memory(err);
        s->n_children += added == 1;
    }
    return CIM_OK;
}

static bool allocate(cim_search_nsga2 *s)
{
    size_t rows = 2 * s->population + 2, n = s->genome.n ? s->genome.n : 1, m = s->m;
    size_t wide = m > 1 ? m : 1;
    if (rows > SIZE_MAX / n || rows > SIZE_MAX / wide)
        return false;
    s->x = cim_alloc(rows * n, sizeof *s->x);
    s->x2 = cim_alloc(rows * n, sizeof *s->x2);
    s->f = cim_alloc(rows * wide, sizeof *s->f);
    s->f2 = cim_alloc(rows * wide, sizeof *s->f2);
    s->packed = cim_alloc(rows * wide, sizeof *s->packed);
    s->violation = cim_alloc(rows, sizeof *s->violation);
    s->violation2 = cim_alloc(rows, sizeof *s->violation2);
    s->crowding = cim_alloc(rows, sizeof *s->crowding);
    s->distance = cim_alloc(rows, sizeof *s->distance);
    s->rank = cim_alloc(rows, sizeof *s->rank);
    s->order = cim_alloc(rows, sizeof *s->order);
    s->pool = cim_alloc(rows, sizeof *s->pool);
    s->packed_row = cim_alloc(rows, sizeof *s->packed_row);
    s->packed_rank = cim_alloc(rows, sizeof *s->packed_rank);
    s->members = cim_alloc(rows, sizeof *s->members);
    s->rank2 = cim_alloc(rows, sizeof *s->rank2);
    s->crowding2 = cim_alloc(rows, sizeof *s->crowding2);
    s->prune = cim_search_prune_create(rows, m);
    return s->x && s->x2 && s->f && s->f2 && s->packed && s->violation && s->violation2 &&
           s->crowding && s->distance && s->rank && s->order && s->pool && s->packed_row &&
           s->packed_rank && s->members && s->rank2 && s->crowding2 && s->prune;
}

cim_status cim_search_nsga2_create(cim_search_genome *genome, size_t m,
                                   const cim_search_nsga2_options *options, cim_search_nsga2 **out,
                                   cim_err *err)
{
    cim_search_nsga2 *s = cim_alloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    s->genome = *genome; /* given back on failure */
    s->o = *options;
    s->m = m;
    s->population = (size_t)options->population;
    if (isnan(s->o.mutation_probability))
        s->o.mutation_probability = s->genome.n ? 1.0 / (double)s->genome.n : 1;
    s->rng = cim_rng_create(options->seed, "nsga2");
    cim_status status = s->rng && allocate(s) ? first_generation(s, err) : no_memory(err);
    if (status != CIM_OK) {
        *genome = s->genome;
        memset(&s->genome, 0, sizeof s->genome);
        cim_search_nsga2_destroy(s);
        return status;
    }
    memset(genome, 0, sizeof *genome);
    *out = s;
    return CIM_OK;
}

void cim_search_nsga2_destroy(cim_search_nsga2 *s)
{
    if (!s)
        return;
    cim_search_genome_clear(&s->genome);
    cim_rng_destroy(s->rng);
    cim_search_prune_destroy(s->prune);
    void *const owned[] = {s->x,         s->x2,         s->f,          s->f2,          s->packed,
                           s->violation, s->violation2, s->crowding,   s->distance,    s->rank,
                           s->order,     s->pool,       s->packed_row, s->packed_rank, s->members,
                           s->rank2,     s->crowding2};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        cim_free(owned[i]);
    cim_free(s);
}

const cim_search_genome *cim_search_nsga2_genome(const cim_search_nsga2 *s)
{
    return &s->genome;
}

size_t cim_search_nsga2_ask(cim_search_nsga2 *s, size_t max, double *genes)
{
    size_t left = s->n_children - s->asked, n = max < left ? max : left;
    memcpy(genes, s->x + (s->n_parents + s->asked) * s->genome.n, n * s->genome.n * sizeof *genes);
    s->asked += n;
    return n;
}

cim_status cim_search_nsga2_tell(cim_search_nsga2 *s, const double *f, const double *violation,
                                 size_t n, cim_err *err)
{
    if (n > s->asked - s->told)
        return cim_err_set(err, CIM_E_INTERNAL, "nsga2", "told more results than were asked");
    size_t row = s->n_parents + s->told;
    memcpy(s->f + row * s->m, f, n * s->m * sizeof *f);
    memcpy(s->violation + row, violation, n * sizeof *violation);
    s->told += n;
    if (s->told < s->n_children || n == 0)
        return CIM_OK;
    CIM_TRY(select_survivors(s, err));
    return breed(s, err);
}

size_t cim_search_nsga2_size(const cim_search_nsga2 *s)
{
    return s->n_parents;
}

const double *cim_search_nsga2_at(const cim_search_nsga2 *s, size_t i, const double **f,
                                  double *violation)
{
    *f = s->f + i * s->m;
    *violation = s->violation[i];
    return s->x + i * s->genome.n;
}
