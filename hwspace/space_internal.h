/* What the files behind space.h share. */
#ifndef CIM_HWSPACE_SPACE_INTERNAL_H
#define CIM_HWSPACE_SPACE_INTERNAL_H

#include "hwspace/expr.h"
#include "hwspace/space.h"

typedef struct cim_hw_constraint {
    char *text;
    cim_hw_expr *expr;
    bool uses_metrics;
} cim_hw_constraint;

struct cim_hw_space {
    size_t n_params;
    cim_hw_param *params;
    char **expr_text;    /* per parameter, NULL unless an expression */
    cim_hw_expr **exprs; /* the same */
    size_t *order;       /* expression parameters, each after those it uses */
    size_t n_order;
    size_t n_constraints;
    cim_hw_constraint *constraints;
    size_t n_metrics;
    double *slots;       /* scratch that expressions read: fields, then metrics */
    double *base;        /* values of all fields in the base architecture */
    int *param_of_field; /* -1: not a parameter */
};

/** What an expression sees of a field: absent reals are INFINITY or NAN (cim_hw_field.absent). */
double cim_hw_field_seen(const cim_hw_field *f, double v);

#endif
