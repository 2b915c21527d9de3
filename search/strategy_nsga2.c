/* NSGA-II behind the strategy table: genes to points, results to minimised objectives. */
#include "search/strategies.h"

#include "hwspace/base/memory.h"
#include "search/nsga2.h"

#include <math.h>
#include <string.h>

struct cim_search_strategy {
    const cim_search_spec *spec; /* borrowed */
    cim_search_nsga2 *core;
    double *genes, *f, *violation; /* scratch: one generation */
    size_t population;
};

static cim_status read_options(const cim_search_spec *spec, cim_search_nsga2_options *o,
                               cim_err *err)
{
    static const char *const keys[] = {"population", "crossover_probability", "eta_crossover",
                                       "mutation_probability", "eta_mutation"};
    enum { MAX_POPULATION = 10000 }; /* pruning is quadratic: 20 us per evaluation at this size */
    *o = cim_search_nsga2_defaults;
    o->seed = spec->seed;
    CIM_TRY(cim_search_options_check(spec, keys, sizeof keys / sizeof keys[0], err));
    CIM_TRY(cim_search_option_int(spec, keys[0], 4, MAX_POPULATION, &o->population, err));
    CIM_TRY(cim_search_option_double(spec, keys[1], 0, 1, &o->crossover_probability, err));
    CIM_TRY(cim_search_option_double(spec, keys[2], 0, 1000, &o->eta_crossover, err));
    CIM_TRY(cim_search_option_double(spec, keys[3], 0, 1, &o->mutation_probability, err));
    return cim_search_option_double(spec, keys[4], 0, 1000, &o->eta_mutation, err);
}

static cim_status nsga2_options(const cim_search_spec *spec, cim_jw *w, cim_err *err)
{
    cim_search_nsga2_options o;
    CIM_TRY(read_options(spec, &o, err));
    if (!w)
        return CIM_OK;
    cim_jw_int(w, "population", o.population);
    cim_jw_double(w, "crossover_probability", o.crossover_probability);
    cim_jw_double(w, "eta_crossover", o.eta_crossover);
    if (isnan(o.mutation_probability))
        cim_jw_string(w, "mutation_probability", "auto");
    else
        cim_jw_double(w, "mutation_probability", o.mutation_probability);
    cim_jw_double(w, "eta_mutation", o.eta_mutation);
    return CIM_OK;
}

static void nsga2_destroy(cim_search_strategy *s)
{
    if (!s)
        return;
    cim_search_nsga2_destroy(s->core);
    cim_free(s->genes);
    cim_free(s->f);
    cim_free(s->violation);
    cim_free(s);
}

static cim_status create_core(cim_search_strategy *s, const cim_search_nsga2_options *o,
                              cim_err *err)
{
    cim_search_genome genome;
    CIM_TRY(cim_search_genome_of_space(&genome, s->spec->space, err));
    size_t n = genome.n ? genome.n : 1;
    s->genes = cim_alloc(s->population, n * sizeof *s->genes);
    s->f = cim_alloc(s->population, s->spec->n_objectives * sizeof *s->f);
    s->violation = cim_alloc(s->population, sizeof *s->violation);
    cim_status status =
        s->genes && s->f && s->violation
            ? cim_search_nsga2_create(&genome, s->spec->n_objectives, o, &s->core, err)
            : cim_err_set(err, CIM_E_NOMEM, "nsga2", "out of memory");
    cim_search_genome_clear(&genome); /* empty when it was taken */
    return status;
}

static cim_status nsga2_create(const cim_search_spec *spec, cim_search_strategy **out, cim_err *err)
{
    cim_search_nsga2_options o;
    CIM_TRY(read_options(spec, &o, err));
    cim_search_strategy *s = cim_alloc(1, sizeof *s);
    if (!s)
        return cim_err_set(err, CIM_E_NOMEM, "nsga2", "out of memory");
    s->spec = spec;
    s->population = (size_t)o.population;
    cim_status status = create_core(s, &o, err);
    if (status != CIM_OK) {
        nsga2_destroy(s);
        return status;
    }
    *out = s;
    return CIM_OK;
}

static size_t nsga2_ask(cim_search_strategy *s, size_t max, double *points)
{
    const cim_search_genome *g = cim_search_nsga2_genome(s->core);
    size_t width = cim_hw_space_n_params(s->spec->space);
    size_t n = cim_search_nsga2_ask(s->core, max < s->population ? max : s->population, s->genes);
    for (size_t i = 0; i < n; i++)
        cim_search_genome_point(g, s->genes + i * g->n, points + i * width);
    return n;
}

/* A failed point is worse than any infeasible one, whose violations are finite. */
static double violation_of(const cim_search_result *r)
{
    if (r->state == CIM_ANA_OK)
        return 0;
    if (r->state == CIM_ANA_FAILED || !(r->violation < INFINITY))
        return INFINITY;
    return r->violation > 0 ? r->violation : 1;
}

static cim_status nsga2_tell(cim_search_strategy *s, const double *points,
                             const cim_search_result *results, size_t n, cim_err *err)
{
    (void)points;
    const cim_search_spec *spec = s->spec;
    if (n > s->population)
        return cim_err_set(err, CIM_E_INTERNAL, "nsga2", "told more results than were asked");
    for (size_t i = 0; i < n; i++) {
        s->violation[i] = violation_of(&results[i]);
        for (size_t k = 0; k < spec->n_objectives; k++) {
            double v = results[i].metrics[spec->objectives[k].metric];
            s->f[i * spec->n_objectives + k] = spec->objectives[k].maximise ? -v : v;
        }
    }
    return cim_search_nsga2_tell(s->core, s->f, s->violation, n, err);
}

const cim_search_strategy_ops cim_search_strategy_nsga2 = {
    .name = "nsga2",
    .doc = "NSGA-II with constrained domination on mixed parameters",
    .options = nsga2_options,
    .create = nsga2_create,
    .ask = nsga2_ask,
    .tell = nsga2_tell,
    .destroy = nsga2_destroy};
