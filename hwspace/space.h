/* Parameter spaces: which fields of an architecture vary, over which values, under which
 * constraints, and how points are drawn from them.
 *
 * A point is one double per parameter ("point[]", n_params long): the real value for integer and
 * real parameters, the index of the word for choices, 0/1 for booleans. Expression parameters are
 * part of the point too (computed by cim_hw_space_resolve), so that a stored row is complete.
 * Samplers and strategies work in "levels": every parameter has n_levels values (0: continuous)
 * and cim_hw_space_value() maps a unit coordinate or a level to a value.
 * Start with cim_hw_space_read(). */
#ifndef CIM_HWSPACE_SPACE_H
#define CIM_HWSPACE_SPACE_H

#include "hwspace/arch.h"
#include "hwspace/base/json.h"
#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum cim_hw_domain {
    CIM_HW_DOMAIN_VALUES, /* {"values": [...]}: ordered numbers as listed (words: a choice) */
    CIM_HW_DOMAIN_RANGE,  /* {"range": [lo, hi]} or [lo, hi, step]: integers; for a real field
                             with a step any evenly spaced numbers */
    CIM_HW_DOMAIN_LOG2,   /* {"log2": [lo, hi]}: powers of two */
    CIM_HW_DOMAIN_REAL,   /* {"real": [lo, hi]}: continuous (lo = hi: one level) */
    CIM_HW_DOMAIN_CHOICE, /* {"choice": ["cg", "mvm"]}: unordered words, or true/false */
    CIM_HW_DOMAIN_EXPR    /* {"expr": "crossbar.rows"}: computed from other parameters */
} cim_hw_domain;
extern const char *const cim_hw_domain_words[]; /* values, range, ... as in the spec */

typedef struct cim_hw_param {
    const char *path; /* of the field */
    int field;        /* index into cim_hw_fields */
    cim_hw_domain domain;
    uint64_t n_levels; /* discrete values; 0 for continuous, 1 for expressions */
    double lo, hi, step;
    const double *values; /* n_levels values of VALUES and CHOICE (indices of words) */
    int expr;             /* index of the compiled expression, -1 */
} cim_hw_param;

typedef struct cim_hw_space cim_hw_space; /* opaque, owned by whoever read it */

/** Read "parameters" and "constraints" of a spec.
 *  @param metrics  names that constraints may use besides fields (borrowed for the call)
 *  @return CIM_E_INPUT with the JSON pointer: unknown path (nearest named), value outside the
 *  field's range, empty range, choice the field does not have, an expression that does not parse
 *  or names something unknown, expressions in a circle. */
CIM_MUST_CHECK cim_status cim_hw_space_read(const cim_json *doc, const cim_json_node *parameters,
                                            const cim_json_node *constraints,
                                            const cim_hw_arch *base, const char *const *metrics,
                                            size_t n_metrics, cim_hw_space **out, cim_err *err);
void cim_hw_space_destroy(cim_hw_space *space);

/** Parameters of the space, expressions included, in the order they were given: the length of a
 *  point. */
size_t cim_hw_space_n_params(const cim_hw_space *space);
/** One of them; borrowed from the space. */
const cim_hw_param *cim_hw_space_param(const cim_hw_space *space, size_t i);
/** Number of points; INFINITY with a continuous parameter. */
double cim_hw_space_size(const cim_hw_space *space);

/** The expression of an EXPR parameter as the user wrote it, else NULL. */
const char *cim_hw_space_expr_text(const cim_hw_space *space, size_t i);

/** Value of a parameter at a level (discrete); levels ascend in listed order. 0 for expressions. */
double cim_hw_space_level_value(const cim_hw_space *space, size_t i, uint64_t level);
/** Nearest level of a value. */
uint64_t cim_hw_space_level_of(const cim_hw_space *space, size_t i, double value);
/** Value at a unit coordinate u in [0,1): equal-width bins for discrete, linear for reals. */
double cim_hw_space_unit_value(const cim_hw_space *space, size_t i, double u);

/** Fill in expression parameters of a point and check types and ranges of their results. What a
 *  point held for them before does not matter. No allocation; not thread-safe on one space.
 *  @return false when an expression gives something the field cannot hold (reason filled). */
bool cim_hw_space_resolve(const cim_hw_space *space, double *point, char *reason, size_t size);

/** Bind a resolved point: copy of `base` with the parameters put in. No allocation. */
void cim_hw_space_bind(const cim_hw_space *space, const cim_hw_arch *base, const double *point,
                       cim_hw_arch *out);

/** How many constraints there are. */
size_t cim_hw_space_n_constraints(const cim_hw_space *space);
/** The constraint's text as the user wrote it. */
const char *cim_hw_space_constraint(const cim_hw_space *space, size_t i);
/** Whether it uses a metric (then it can only be checked after evaluation). */
bool cim_hw_space_constraint_uses_metrics(const cim_hw_space *space, size_t i);
/** Evaluate a constraint. @param metrics values in the order given to cim_hw_space_read, or NULL
 *  for one that uses none.  @param[out] violation  0 when it holds, else how far a comparison
 *  `a <= b` (or >=, <, >) is from holding, relative to |a|+|b|; 1 for other forms.
 *  @return true when it holds. No allocation; not thread-safe on one space. */
bool cim_hw_space_constraint_holds(const cim_hw_space *space, size_t i, const cim_hw_arch *arch,
                                   const double *metrics, double *violation);

/** What `space show` tells: parameters, number of points, constraints, the share of points that
 *  pass every check made before compilation (measured on 1000 random ones), example points.
 *  @param samples  how many example points (random, keyed by seed)
 *  @return CIM_OK, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_hw_space_write_json(const cim_hw_space *space,
                                                  const cim_hw_arch *base, size_t samples,
                                                  uint64_t seed, cim_jw *w, const char *key);
/** The same as text for a person. */
CIM_MUST_CHECK cim_status cim_hw_space_write_text(const cim_hw_space *space,
                                                  const cim_hw_arch *base, size_t samples,
                                                  uint64_t seed, cim_text *out);

/* ---- samplers: the id-th point is a pure function of (space, sampler, seed, n, id) ----------- */

typedef enum cim_hw_sampling {
    CIM_HW_SAMPLING_GRID,
    CIM_HW_SAMPLING_RANDOM,
    CIM_HW_SAMPLING_SOBOL,
    CIM_HW_SAMPLING_LHS,
    CIM_HW_SAMPLING_HALTON
} cim_hw_sampling;

typedef struct cim_hw_sampler cim_hw_sampler;

/** Grid: mixed radix, the last parameter counts fastest. Random: independent uniform draws. LHS: one
 *  point in each of n strata of every parameter. Sobol and Halton: GSL's sequences as they are for
 *  seed 0, shifted by a constant modulo 1 (Cranley and Patterson 1976) for other seeds. Expressions
 *  are no dimension.
 *  @param space  borrowed until the sampler is destroyed
 *  @param n  how many points will be drawn at most (LHS needs it; 0 = no limit)
 *  @return CIM_OK, CIM_E_NOMEM, CIM_E_INPUT: grid with a continuous parameter, LHS without n, more
 *  dimensions than GSL has (Sobol 40, Halton 1229), more points than Sobol has (2^30 - 1) */
CIM_MUST_CHECK cim_status cim_hw_sampler_create(const cim_hw_space *space, cim_hw_sampling kind,
                                                uint64_t seed, uint64_t n, cim_hw_sampler **out,
                                                cim_err *err);
void cim_hw_sampler_destroy(cim_hw_sampler *s);
/** Next point in order (expressions not yet resolved). @return false when there is none left: the
 *  grid is exhausted, or n points were drawn. */
bool cim_hw_sampler_next(cim_hw_sampler *s, double *point);

/** The id-th point (from 0), whatever was drawn before; next() then goes on with id + 1. Cost O(1),
 *  for Sobol and Halton O(distance from the point drawn last, or from 0 going back). */
bool cim_hw_sampler_at(cim_hw_sampler *s, uint64_t id, double *point);

#endif
