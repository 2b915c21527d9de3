#include "search/genome.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <string.h>

/* Largest number of points whose index a double holds exactly. */
#define EXACT_POINTS 9007199254740992.0 /* 2^53 */

cim_status cim_search_genome_init(cim_search_genome *g, size_t n, cim_err *err)
{
    memset(g, 0, sizeof *g);
    cim_search_keymap_init(&g->seen);
    g->genes = cim_alloc(n, sizeof *g->genes);
    if (!g->genes)
        return cim_err_set(err, CIM_E_NOMEM, "strategy", "out of memory");
    g->n = n;
    return CIM_OK;
}

void cim_search_genome_ready(cim_search_genome *g)
{
    g->size = 1;
    for (size_t i = 0; i < g->n; i++) {
        cim_search_gene *gene = &g->genes[i];
        if (gene->n_levels == 0 && gene->lo < gene->hi) {
            g->size = INFINITY;
        } else if (gene->n_levels > 0) {
            g->size *= (double)gene->n_levels;
            gene->lo = 0;
            gene->hi = (double)(gene->n_levels - 1);
        }
    }
    g->indexed = g->size < EXACT_POINTS;
}

cim_status cim_search_genome_of_space(cim_search_genome *g, const cim_hw_space *space, cim_err *err)
{
    size_t n = cim_hw_space_n_params(space), free_params = 0;
    for (size_t i = 0; i < n; i++)
        free_params += cim_hw_space_param(space, i)->domain != CIM_HW_DOMAIN_EXPR;
    CIM_TRY(cim_search_genome_init(g, free_params, err));
    g->space = space;
    for (size_t i = 0, k = 0; i < n; i++) {
        const cim_hw_param *p = cim_hw_space_param(space, i);
        if (p->domain == CIM_HW_DOMAIN_EXPR)
            continue;
        g->genes[k++] = (cim_search_gene){.lo = p->lo,
                                          .hi = p->hi,
                                          .n_levels = p->n_levels,
                                          .categorical = p->domain == CIM_HW_DOMAIN_CHOICE,
                                          .param = i};
    }
    cim_search_genome_ready(g);
    return CIM_OK;
}

void cim_search_genome_clear(cim_search_genome *g)
{
    cim_free(g->genes);
    cim_search_keymap_clear(&g->seen);
    memset(g, 0, sizeof *g);
}

void cim_search_genome_point(const cim_search_genome *g, const double *x, double *point)
{
    size_t n = cim_hw_space_n_params(g->space);
    memset(point, 0, n * sizeof *point);
    for (size_t k = 0; k < g->n; k++) {
        const cim_search_gene *gene = &g->genes[k];
        point[gene->param] =
            gene->n_levels ? cim_hw_space_level_value(g->space, gene->param, (uint64_t)x[k]) : x[k];
    }
}

void cim_search_genome_of_point(const cim_search_genome *g, const double *point, double *x)
{
    for (size_t k = 0; k < g->n; k++) {
        const cim_search_gene *gene = &g->genes[k];
        double v = point[gene->param];
        x[k] = gene->n_levels ? (double)cim_hw_space_level_of(g->space, gene->param, v) : v;
    }
}

/* Index of a point in mixed radix, the first gene counting fastest; a hash where there is no
 * index. Two points of a space without index are taken for one with probability n^2 / 2^65. */
static uint64_t key_of(const cim_search_genome *g, const double *x)
{
    if (!g->indexed) {
        uint64_t key = cim_hash64(x, g->n * sizeof *x, 0);
        return key ? key : 1;
    }
    uint64_t index = 0, stride = 1;
    for (size_t k = 0; k < g->n; k++) {
        if (g->genes[k].n_levels == 0)
            continue; /* a real parameter of a single value */
        index += (uint64_t)x[k] * stride;
        stride *= g->genes[k].n_levels;
    }
    return index + 1;
}

static void point_of_index(const cim_search_genome *g, uint64_t index, double *x)
{
    for (size_t k = 0; k < g->n; k++) {
        const cim_search_gene *gene = &g->genes[k];
        x[k] = gene->lo;
        if (gene->n_levels == 0)
            continue;
        x[k] = (double)(index % gene->n_levels);
        index /= gene->n_levels;
    }
}

int cim_search_genome_ask(cim_search_genome *g, const double *x)
{
    return cim_search_keymap_add(&g->seen, key_of(g, x), 0);
}

bool cim_search_genome_exhausted(const cim_search_genome *g)
{
    return g->indexed && (double)g->seen.n >= g->size;
}

double cim_search_gene_at(const cim_search_gene *gene, double u)
{
    if (gene->n_levels == 0) {
        double v = gene->lo + (gene->hi - gene->lo) * u;
        return v > gene->hi ? gene->hi : v;
    }
    double level = floor(u * (double)gene->n_levels);
    return level > gene->hi ? gene->hi : level;
}

int cim_search_genome_fresh(cim_search_genome *g, cim_rng *rng, double *x)
{
    enum { DRAWS = 64 }; /* fails with probability (asked/size)^64: 1e-3 when 90 % were asked */
    if (cim_search_genome_exhausted(g))
        return 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        for (size_t k = 0; k < g->n; k++)
            x[k] = cim_search_gene_at(&g->genes[k], cim_rng_uniform(rng));
        int added = cim_search_genome_ask(g, x);
        if (added != 0)
            return added;
    }
    if (!g->indexed)
        return 0; /* 64 collisions in more than 2^53 points: not reachable by chance */
    uint64_t n_points = (uint64_t)g->size, start = cim_rng_below(rng, n_points);
    for (uint64_t step = 0; step < n_points; step++) {
        point_of_index(g, (start + step) % n_points, x);
        int added = cim_search_genome_ask(g, x);
        if (added != 0)
            return added;
    }
    return 0;
}
