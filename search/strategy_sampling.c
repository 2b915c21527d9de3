/* The sampling strategies: hwspace's samplers behind ask/tell, without repetitions. Stateless with
 * respect to results, so every rank can be kept busy with batches of any size. */
#include "search/strategies.h"

#include "hwspace/base/memory.h"
#include "search/genome.h"

#include <string.h>

/* Consecutive repetitions after which a sequence has shown what it can on this space and random
 * unasked points take over (documented in README.md). */
enum { MAX_REPEATS = 256 };

struct cim_search_strategy {
    const cim_hw_space *space;
    cim_hw_sampling kind;
    cim_hw_sampler *sampler;
    cim_search_genome genome;
    cim_rng *rng;
    double *x;      /* genes of one point */
    uint64_t n;     /* rows of the design; 0: no end */
    uint64_t drawn; /* from the sampler */
    bool sampler_done, failed;
};

static void sampling_destroy(cim_search_strategy *s)
{
    if (!s)
        return;
    cim_hw_sampler_destroy(s->sampler);
    cim_search_genome_clear(&s->genome);
    cim_rng_destroy(s->rng);
    cim_free(s->x);
    cim_free(s);
}

/* Only a Latin hypercube has to know how many points it spreads. */
static uint64_t design_rows(const cim_search_spec *spec, cim_hw_sampling kind)
{
    return kind == CIM_HW_SAMPLING_LHS ? spec->evaluations : 0;
}

static cim_status create_parts(const cim_search_spec *spec, cim_search_strategy *s, cim_err *err)
{
    CIM_TRY(cim_search_genome_of_space(&s->genome, spec->space, err));
    s->rng = cim_rng_create(spec->seed, "sampling-fill");
    s->x = cim_alloc(s->genome.n, sizeof *s->x);
    if (!s->rng || !s->x)
        return cim_err_set(err, CIM_E_NOMEM, spec->strategy, "out of memory");
    return cim_hw_sampler_create(spec->space, s->kind, spec->seed, s->n, &s->sampler, err);
}

static cim_status sampling_create(const cim_search_spec *spec, cim_hw_sampling kind,
                                  cim_search_strategy **out, cim_err *err)
{
    cim_search_strategy *s = cim_alloc(1, sizeof *s);
    if (!s)
        return cim_err_set(err, CIM_E_NOMEM, spec->strategy, "out of memory");
    s->space = spec->space;
    s->kind = kind;
    s->n = design_rows(spec, kind);
    cim_status status = create_parts(spec, s, err);
    if (status != CIM_OK) {
        sampling_destroy(s);
        return status;
    }
    *out = s;
    return CIM_OK;
}

static bool draw(cim_search_strategy *s, double *point)
{
    if (s->sampler_done || (s->n > 0 && s->drawn >= s->n))
        return false;
    if (!cim_hw_sampler_next(s->sampler, point)) {
        s->sampler_done = true;
        return false;
    }
    s->drawn++;
    return true;
}

/* The next point not asked before. @return 1, 0 finished, -1 out of memory */
static int next_point(cim_search_strategy *s, double *point)
{
    if (cim_search_genome_exhausted(&s->genome))
        return 0;
    for (int repeats = 0; repeats < MAX_REPEATS && draw(s, point); repeats++) {
        cim_search_genome_of_point(&s->genome, point, s->x);
        int added = cim_search_genome_ask(&s->genome, s->x);
        if (added != 0)
            return added;
    }
    if (s->kind == CIM_HW_SAMPLING_GRID)
        return 0;
    int added = cim_search_genome_fresh(&s->genome, s->rng, s->x);
    if (added == 1)
        cim_search_genome_point(&s->genome, s->x, point);
    return added;
}

static size_t sampling_ask(cim_search_strategy *s, size_t max, double *points)
{
    size_t width = cim_hw_space_n_params(s->space), n = 0;
    for (; n < max; n++) {
        int got = next_point(s, points + n * width);
        s->failed |= got < 0;
        if (got != 1)
            break;
    }
    return n;
}

static cim_status sampling_tell(cim_search_strategy *s, const double *points,
                                const cim_search_result *results, size_t n, cim_err *err)
{
    (void)points;
    (void)results;
    (void)n;
    if (s->failed)
        return cim_err_set(err, CIM_E_NOMEM, "strategy", "out of memory");
    return CIM_OK;
}

/* Samplers have no options of their own; trying one sampler checks what the kind needs of the
 * space (no continuous parameter for the grid, few enough dimensions for Sobol and Halton). */
static cim_status sampling_options(const cim_search_spec *spec, cim_hw_sampling kind, cim_jw *w,
                                   cim_err *err)
{
    if (w)
        return CIM_OK;
    CIM_TRY(cim_search_options_check(spec, NULL, 0, err));
    if (kind == CIM_HW_SAMPLING_LHS && spec->evaluations == 0)
        return cim_search_options_error(spec, err,
                                        "lhs spreads a given number of points: "
                                        "budget.evaluations is needed");
    cim_hw_sampler *trial;
    cim_err inner = {0};
    cim_status status = cim_hw_sampler_create(spec->space, kind, spec->seed, 1, &trial, &inner);
    if (status == CIM_E_INPUT)
        return cim_search_options_error(spec, err, inner.message);
    if (status != CIM_OK)
        return cim_err_set(err, status, inner.where, "%s", inner.message);
    cim_hw_sampler_destroy(trial);
    return CIM_OK;
}

#define SAMPLING(word, KIND, text)                                                                 \
    static cim_status word##_create(const cim_search_spec *spec, cim_search_strategy **out,        \
                                    cim_err *err)                                                  \
    {                                                                                              \
        return sampling_create(spec, KIND, out, err);                                              \
    }                                                                                              \
    static cim_status word##_options(const cim_search_spec *spec, cim_jw *w, cim_err *err)         \
    {                                                                                              \
        return sampling_options(spec, KIND, w, err);                                               \
    }                                                                                              \
    const cim_search_strategy_ops cim_search_strategy_##word = {.name = #word,                     \
                                                                .doc = text,                       \
                                                                .options = word##_options,         \
                                                                .create = word##_create,           \
                                                                .ask = sampling_ask,               \
                                                                .tell = sampling_tell,             \
                                                                .destroy = sampling_destroy}

SAMPLING(grid, CIM_HW_SAMPLING_GRID,
         "every point of a discrete space, the first parameter fastest");
SAMPLING(random, CIM_HW_SAMPLING_RANDOM, "independent uniform points");
SAMPLING(sobol, CIM_HW_SAMPLING_SOBOL, "Sobol' low-discrepancy sequence");
SAMPLING(lhs, CIM_HW_SAMPLING_LHS, "Latin hypercube of budget.evaluations points");
SAMPLING(halton, CIM_HW_SAMPLING_HALTON, "Halton low-discrepancy sequence");
