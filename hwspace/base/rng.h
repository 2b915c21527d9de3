/* Random numbers (GSL's MT19937 behind them). A stream is keyed by (seed, purpose), never by a
 * rank or a clock, so results do not depend on how work was distributed. */
#ifndef CIM_HWSPACE_BASE_RNG_H
#define CIM_HWSPACE_BASE_RNG_H

#include <stdint.h>

typedef struct cim_rng cim_rng;

/** @param purpose  a short name that separates streams of one seed ("nsga2", "lhs")
 *  @return owned by the caller, NULL: out of memory */
cim_rng *cim_rng_create(uint64_t seed, const char *purpose);
void cim_rng_destroy(cim_rng *rng);
/** Uniform in [0, 1). */
double cim_rng_uniform(cim_rng *rng);
/** Uniform integer in [0, n), n >= 1 and below 2^53. */
uint64_t cim_rng_below(cim_rng *rng, uint64_t n);
/** Standard normal. */
double cim_rng_normal(cim_rng *rng);

/** GSL and HDF5-free start-up: silences GSL's aborting error handler. Call once per process. */
void cim_rng_library_init(void);

#endif
