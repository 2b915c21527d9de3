/* NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002) on genomes of mixed variables, as an ask/tell
 * machine that knows neither spaces nor evaluations. search/strategy_nsga2.c puts it behind the
 * strategy table; benchmarks run it on analytic functions. */
#ifndef CIM_SEARCH_NSGA2_H
#define CIM_SEARCH_NSGA2_H

#include "search/genome.h"

typedef struct cim_search_nsga2_options {
    int64_t population;
    uint64_t seed;
    double crossover_probability; /* of a pair of parents */
    double eta_crossover;         /* distribution index of simulated binary crossover */
    double mutation_probability;  /* of a gene; NAN: 1 / number of genes */
    double eta_mutation;          /* distribution index of polynomial mutation */
} cim_search_nsga2_options;

/** Population 100, 0.9, 20, 1/n, 20: the usual setting of Deb 2002 and of pagmo2 and pymoo. */
extern const cim_search_nsga2_options cim_search_nsga2_defaults;

typedef struct cim_search_nsga2 cim_search_nsga2;

/** @param genome  taken (emptied in the caller) on success
 *  @param m       objectives, all minimised */
CIM_MUST_CHECK cim_status cim_search_nsga2_create(cim_search_genome *genome, size_t m,
                                                  const cim_search_nsga2_options *options,
                                                  cim_search_nsga2 **out, cim_err *err);
void cim_search_nsga2_destroy(cim_search_nsga2 *s);

const cim_search_genome *cim_search_nsga2_genome(const cim_search_nsga2 *s);

/** Up to `max` rows of genes, never past the end of the generation. @return 0: the space is
 *  exhausted, or the generation waits for results. */
size_t cim_search_nsga2_ask(cim_search_nsga2 *s, size_t max, double *genes);

/** Results of the next n points in the order they were asked. The last one of a generation makes
 *  the survivors and breeds the next.
 *  @param f          n x m objectives, minimised; ignored where violation > 0
 *  @param violation  0: feasible; INFINITY: failed */
CIM_MUST_CHECK cim_status cim_search_nsga2_tell(cim_search_nsga2 *s, const double *f,
                                                const double *violation, size_t n, cim_err *err);

/** The surviving population: size and row i of it (for benchmarks and tests). */
size_t cim_search_nsga2_size(const cim_search_nsga2 *s);
const double *cim_search_nsga2_at(const cim_search_nsga2 *s, size_t i, const double **f,
                                  double *violation);

#endif
