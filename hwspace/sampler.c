/* Samplers: the id-th point depends on (space, kind, seed, n, id) and nothing else, so any rank
 * can draw any part of a sequence. */
#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "hwspace/space.h"

#include <gsl/gsl_qrng.h>
#include <math.h>
#include <string.h>

/* GSL 2.7, qrng/sobol.c and halton.c: SOBOL_MAX_DIMENSION, HALTON_MAX_DIMENSION, SOBOL_BIT_COUNT. */
enum { SOBOL_DIMENSIONS = 40, HALTON_DIMENSIONS = 1229 };
#define SOBOL_POINTS ((UINT64_C(1) << 30) - 1)

struct cim_hw_sampler {
    const cim_hw_space *space;
    cim_hw_sampling kind;
    uint64_t key;  /* of this kind and seed */
    uint64_t n;    /* points there are; UINT64_MAX: no end */
    uint64_t next; /* id that next() gives */
    size_t n_dims;
    size_t *dims;   /* parameters that are dimensions (no expressions) */
    double *unit;   /* coordinates of one point */
    double *shift;  /* Cranley-Patterson, one per dimension; 0 for seed 0 */
    gsl_qrng *qrng; /* Sobol, Halton */
    uint64_t drawn; /* points taken from qrng */
    unsigned half;  /* LHS: bits of half a permuted number */
};

/* ---- hashes as random numbers ---- */

static double unit_of(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53; /* [0, 1) */
}

static uint64_t keyed(const cim_hw_sampler *s, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t words[3] = {a, b, c};
    return cim_hash64(words, sizeof words, s->key);
}

/* ---- Latin hypercube: a permutation of the strata per dimension, computed, not stored ---- */

/* A balanced Feistel network permutes the numbers of 2*half bits (Luby and Rackoff 1988); walking
 * on until the result is below n makes it a permutation of [0, n) (Black and Rogaway 2002). There
 * are less than 4n numbers, so it takes less than 4 steps on average. */
static uint64_t permuted(const cim_hw_sampler *s, size_t dim, uint64_t v)
{
    uint64_t mask = (UINT64_C(1) << s->half) - 1;
    do {
        uint64_t left = v >> s->half, right = v & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t mixed = left ^ (keyed(s, dim, round, right) & mask);
            left = right;
            right = mixed;
        }
        v = left << s->half | right;
    } while (v >= s->n);
    return v;
}

static double lhs_unit(const cim_hw_sampler *s, size_t dim, uint64_t id)
{
    double jitter = unit_of(keyed(s, dim, 4, id)); /* rounds are 0 to 3 */
    return ((double)permuted(s, dim, id) + jitter) / (double)s->n;
}

/* ---- Sobol, Halton ---- */

static void qrng_unit(cim_hw_sampler *s, uint64_t id)
{
    if (id < s->drawn) {
        gsl_qrng_init(s->qrng);
        s->drawn = 0;
    }
    for (; s->drawn <= id; s->drawn++)
        (void)gsl_qrng_get(s->qrng, s->unit);
    for (size_t d = 0; d < s->n_dims; d++) {
        double u = s->unit[d] + s->shift[d];
        s->unit[d] = u >= 1 ? u - 1 : u;
    }
}

/* ---- points ---- */

static void grid_point(const cim_hw_sampler *s, uint64_t id, double *point)
{
    for (size_t d = s->n_dims; d-- > 0;) {
        uint64_t n = cim_hw_space_param(s->space, s->dims[d])->n_levels;
        point[s->dims[d]] = cim_hw_space_level_value(s->space, s->dims[d], id % n);
        id /= n;
    }
}

bool cim_hw_sampler_at(cim_hw_sampler *s, uint64_t id, double *point)
{
    if (id >= s->n)
        return false;
    memset(point, 0, cim_hw_space_n_params(s->space) * sizeof *point);
    s->next = id + 1;
    if (s->kind == CIM_HW_SAMPLING_GRID) {
        grid_point(s, id, point);
        return true;
    }
    if (s->qrng)
        qrng_unit(s, id);
    for (size_t d = 0; d < s->n_dims; d++) {
        double u = s->kind == CIM_HW_SAMPLING_RANDOM ? unit_of(keyed(s, d, 0, id))
                   : s->kind == CIM_HW_SAMPLING_LHS  ? lhs_unit(s, d, id)
                                                     : s->unit[d];
        point[s->dims[d]] = cim_hw_space_unit_value(s->space, s->dims[d], u);
    }
    return true;
}

bool cim_hw_sampler_next(cim_hw_sampler *s, double *point)
{
    return cim_hw_sampler_at(s, s->next, point);
}

/* ---- creation ---- */

static cim_status refuse(const char *kind, cim_err *err, const char *why)
{
    return cim_err_set(err, CIM_E_INPUT, "strategy", "%s %s", kind, why);
}

static cim_status prepare_grid(cim_hw_sampler *s, cim_err *err)
{
    uint64_t size = 1;
    for (size_t d = 0; d < s->n_dims; d++) {
        const cim_hw_param *p = cim_hw_space_param(s->space, s->dims[d]);
        if (p->n_levels == 0)
            return cim_err_set(err, CIM_E_INPUT, "strategy",
                               "grid cannot enumerate %s: {\"real\": [low, high]} is continuous; "
                               "give values, a range with a step, or choose another strategy",
                               p->path);
        size = size > UINT64_MAX / p->n_levels ? UINT64_MAX : size * p->n_levels;
    }
    if (s->n > size)
        s->n = size;
    return CIM_OK;
}

static cim_status prepare_lhs(cim_hw_sampler *s, cim_err *err)
{
    if (s->n == UINT64_MAX)
        return refuse("lhs", err, "spreads a given number of points, which is needed");
    if (s->n > UINT64_C(1) << 52)
        return refuse("lhs", err, "spreads at most 2^52 points");
    for (s->half = 1; s->n > UINT64_C(1) << (2 * s->half);)
        s->half++;
    return CIM_OK;
}

static cim_status prepare_qrng(cim_hw_sampler *s, uint64_t seed, cim_err *err)
{
    bool sobol = s->kind == CIM_HW_SAMPLING_SOBOL;
    size_t most = sobol ? SOBOL_DIMENSIONS : HALTON_DIMENSIONS;
    if (s->n_dims > most)
        return cim_err_set(err, CIM_E_INPUT, "strategy",
                           "%s has at most %zu dimensions, found %zu parameters",
                           sobol ? "sobol" : "halton", most, s->n_dims);
    if (sobol && s->n != UINT64_MAX && s->n > SOBOL_POINTS)
        return refuse("sobol", err, "has at most 2^30 - 1 points");
    if (sobol && s->n > SOBOL_POINTS)
        s->n = SOBOL_POINTS;
    s->qrng = gsl_qrng_alloc(sobol ? gsl_qrng_sobol : gsl_qrng_halton, (unsigned)s->n_dims);
    if (!s->qrng)
        return cim_err_set(err, CIM_E_NOMEM, "strategy", "out of memory");
    for (size_t d = 0; d < s->n_dims; d++)
        s->shift[d] = seed == 0 ? 0 : unit_of(keyed(s, d, 0, 0));
    return CIM_OK;
}

static cim_status prepare(cim_hw_sampler *s, uint64_t seed, cim_err *err)
{
    size_t n = cim_hw_space_n_params(s->space);
    s->dims = cim_alloc(n, sizeof *s->dims);
    s->unit = cim_alloc(n, sizeof *s->unit);
    s->shift = cim_alloc(n, sizeof *s->shift);
    if (!s->dims || !s->unit || !s->shift)
        return cim_err_set(err, CIM_E_NOMEM, "strategy", "out of memory");
    for (size_t i = 0; i < n; i++)
        if (cim_hw_space_param(s->space, i)->domain != CIM_HW_DOMAIN_EXPR)
            s->dims[s->n_dims++] = i;
    switch (s->kind) {
    case CIM_HW_SAMPLING_GRID:
        return prepare_grid(s, err);
    case CIM_HW_SAMPLING_LHS:
        return prepare_lhs(s, err);
    case CIM_HW_SAMPLING_SOBOL:
    case CIM_HW_SAMPLING_HALTON:
        return prepare_qrng(s, seed, err);
    case CIM_HW_SAMPLING_RANDOM:
        break;
    }
    return CIM_OK;
}

cim_status cim_hw_sampler_create(const cim_hw_space *space, cim_hw_sampling kind, uint64_t seed,
                                 uint64_t n, cim_hw_sampler **out, cim_err *err)
{
    cim_hw_sampler *s = cim_alloc(1, sizeof *s);
    if (!s)
        return cim_err_set(err, CIM_E_NOMEM, "strategy", "out of memory");
    s->space = space;
    s->kind = kind;
    s->n = n ? n : UINT64_MAX;
    uint64_t words[2] = {(uint64_t)kind, seed};
    s->key = cim_hash64(words, sizeof words, 0);
    cim_status status = prepare(s, seed, err);
    if (status == CIM_OK)
        *out = s;
    else
        cim_hw_sampler_destroy(s);
    return status;
}

void cim_hw_sampler_destroy(cim_hw_sampler *s)
{
    if (!s)
        return;
    if (s->qrng)
        gsl_qrng_free(s->qrng);
    cim_free(s->dims);
    cim_free(s->unit);
    cim_free(s->shift);
    cim_free(s);
}
