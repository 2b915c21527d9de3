/* Larger and smaller of two numbers, inline: the C library's fmax and fmin are calls, because they
 * look past a NaN. Neither argument may be one. */
#ifndef CIM_BASE_REAL_H
#define CIM_BASE_REAL_H

static inline double cim_max(double a, double b)
{
    return a > b ? a : b;
}

static inline double cim_min(double a, double b)
{
    return a < b ? a : b;
}

#endif
