/* Expressions over fields of an architecture and metrics: the right-hand sides of
 * {"expr": ...} parameters and the constraints of a spec.
 *
 * The text is checked here, token by token, so that every mistake is named in the user's words;
 * names become slots of an array of doubles bound once; muParser then only computes. Evaluation
 * allocates nothing. Grammar (EBNF) in README.md. Start with cim_hw_expr_compile(). */
#ifndef CIM_HWSPACE_EXPR_H
#define CIM_HWSPACE_EXPR_H

#include "hwspace/base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct cim_hw_expr cim_hw_expr;

/** What an expression may use. Slot i is field i; slot cim_hw_n_fields + k is metric k. */
typedef struct cim_hw_expr_scope {
    double *slots; /* n_fields + n_metrics values, borrowed for the expression's life */
    const char *const *metrics; /* borrowed for the compilation */
    size_t n_metrics;
    int target;      /* field being computed (its words may be used), or -1 */
    bool constraint; /* must be something that holds or not; metrics are allowed */
} cim_hw_expr_scope;

/** @param[out] message  at least 256 bytes, on CIM_E_INPUT: what is wrong with the text
 *  @return CIM_OK, CIM_E_INPUT, CIM_E_NOMEM. Not thread-safe for one slots array. */
CIM_MUST_CHECK cim_status cim_hw_expr_compile(const char *text, const cim_hw_expr_scope *scope,
                                              cim_hw_expr **out, char *message, size_t size);
void cim_hw_expr_destroy(cim_hw_expr *e);

/** Slots the expression reads, without repetition. @param[out] used borrowed */
size_t cim_hw_expr_used(const cim_hw_expr *e, const int **used);
/** Value of a parameter's expression; NAN where it has none. Fill the used slots before. */
double cim_hw_expr_value(const cim_hw_expr *e);
/** Whether a constraint holds, and by how much it does not (see cim_hw_space_constraint_holds). */
bool cim_hw_expr_holds(const cim_hw_expr *e, double *violation);

#endif
