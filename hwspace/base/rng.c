#include "hwspace/base/rng.h"

#include "hwspace/base/hash.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <string.h>

cim_rng *cim_rng_create(uint64_t seed, const char *purpose)
{
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    if (!r)
        return NULL;
    /* MT19937's seed has 32 bits and 0 means a default: fold all 64 bits and the purpose in. */
    uint64_t key = cim_hash64(purpose, strlen(purpose), seed);
    gsl_rng_set(r, (unsigned long)((key >> 32 ^ key) & 0xffffffffU) | 1U);
    return (cim_rng *)r;
}

void cim_rng_destroy(cim_rng *rng)
{
    if (rng)
        gsl_rng_free((gsl_rng *)rng);
}

double cim_rng_uniform(cim_rng *rng)
{
    return gsl_rng_uniform((gsl_rng *)rng);
}

uint64_t cim_rng_below(cim_rng *rng, uint64_t n)
{
    if (n <= 0xffffffffU)
        return gsl_rng_uniform_int((gsl_rng *)rng, (unsigned long)n);
    /* 53 random bits; the bias of the modulo is below n / 2^53. */
    uint64_t high = gsl_rng_get((gsl_rng *)rng) >> 5, low = gsl_rng_get((gsl_rng *)rng) >> 6;
    return (high << 26 | low) % n;
}

double cim_rng_normal(cim_rng *rng)
{
    return gsl_ran_ugaussian((gsl_rng *)rng);
}

void cim_rng_library_init(void)
{
    gsl_set_error_handler_off();
}
