/* Arrays in NumPy's .npy files: what a user's own programs hand over and take back.
 *
 * Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 and 2.0.
 * Read are little-endian float32, float64 and int64 in C order; anything else is refused with a
 * sentence. Start with cim_npy_read(). */
#ifndef CIM_HWSPACE_BASE_NPY_H
#define CIM_HWSPACE_BASE_NPY_H

#include "hwspace/base/text.h"

#include <stddef.h>
#include <stdint.h>

enum { CIM_NPY_MAX_RANK = 8 };
#define CIM_NPY_MAX_BYTES (INT64_C(1) << 33) /* of one file */

typedef enum cim_npy_kind { CIM_NPY_FLOAT32, CIM_NPY_FLOAT64, CIM_NPY_INT64 } cim_npy_kind;

typedef struct cim_npy {
    cim_npy_kind kind; /* as stored */
    int rank;
    int64_t dims[CIM_NPY_MAX_RANK];
    int64_t elements;
    double *values; /* exact: integers beyond 2^53 are refused. Owned, see cim_npy_clear() */
} cim_npy;

/** Read a whole .npy file.
 *  @param[out] out  unchanged on failure; release with cim_npy_clear()
 *  @return CIM_E_INPUT: missing, damaged, truncated, trailing bytes, other types, orders, ranks;
 *  CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_npy_read(const char *path, cim_npy *out, cim_err *err);
/** The same from memory. @param name  for messages */
CIM_MUST_CHECK cim_status cim_npy_parse(const void *bytes, size_t size, const char *name,
                                        cim_npy *out, cim_err *err);
void cim_npy_clear(cim_npy *array);

/** Append values as a file of little-endian float32 in C order (version 1.0).
 *  @param values  product of dims of them, rounded to float */
void cim_npy_format(int rank, const int64_t *dims, const double *values, cim_text *out);

#endif
