/* The last line of a results file: a checksum of all bytes before it.
 *
 * HDF5 1.10 does not check most of what it stores, and crashes on some damaged files (its global
 * heap, which holds variable-length strings, is trusted blindly). It ignores bytes after its own
 * end of file, and drops them when it changes a file. So our writer ends a file with this line, our
 * reader verifies it before HDF5 sees the file, and a file that another program has rewritten has
 * no line and is read on the strength of the reader's own checks.
 *
 * The line: "cimdse-checksum", a blank, the offset of the creation time as 16 hexadecimal digits, a
 * blank, XXH3-128 of the file with the creation time read as zeros, a line feed. Leaving the time
 * out keeps files of equal content equal in all other bytes. */
#ifndef CIM_ANALYSIS_SEAL_H
#define CIM_ANALYSIS_SEAL_H

#include "hwspace/base/status.h"

/** Append the line. @param time  the creation time as it stands in the file
 *  @return CIM_OK, CIM_E_IO, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_ana_seal_write(const char *path, const char *time, cim_err *err);

/** Verify the line of a file, if it has one. @return CIM_OK, CIM_E_INPUT, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_ana_seal_check(const char *path, cim_err *err);

#endif
