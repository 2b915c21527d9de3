/* results.h5 and text exports of a dataset. HDF5 stays in store_h5.c.
 * Layout: shared interface page / analysis/README.md. */
#ifndef CIM_ANALYSIS_STORE_H
#define CIM_ANALYSIS_STORE_H

#include "analysis/dataset.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

enum { CIM_ANA_FORMAT_VERSION = 1 };

/** Write results.h5 under a temporary name, then rename: a reader never sees half a file.
 *  @return CIM_OK, CIM_E_IO, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_ana_store_write(const char *path, const cim_ana_dataset *d,
                                              cim_err *err);

/** Read a results file back. @param path a results.h5 or a directory that holds one
 *  @return CIM_E_INPUT for anything that is not a cimdse-results file of a known version, is
 *  truncated, has columns of unequal length, indices out of range, ... (never a crash) */
CIM_MUST_CHECK cim_status cim_ana_store_read(const char *path, cim_ana_dataset *d, cim_err *err);

/** CSV of rows (NULL: all): id, state, reason, parameters, metrics; reals with round-trip digits.
 *  RFC 4180 quoting. */
void cim_ana_csv(const cim_ana_dataset *d, const uint64_t *rows, size_t n_rows, cim_text *out);

/** The front as the table a person reads: sorted by the first objective, units in the header, the
 *  knee marked with '*', at most max_rows rows (evenly chosen, ends and knee kept; 0: all). */
CIM_MUST_CHECK cim_status cim_ana_table(const cim_ana_dataset *d,
                                        const cim_ana_objective *objectives, size_t n_objectives,
                                        size_t max_rows, cim_text *out, cim_err *err);

/** The front as JSON: objectives, members with id, parameters, metrics, knee. */
CIM_MUST_CHECK cim_status cim_ana_front_json(const cim_ana_dataset *d,
                                             const cim_ana_objective *objectives,
                                             size_t n_objectives, cim_text *out, cim_err *err);

/** Draw the front (gnuplot as a child process): pairwise projections of the objectives with all
 *  feasible points behind in grey, knee marked, axes with units; format by suffix svg or png.
 *  @return CIM_E_INPUT for another suffix, CIM_E_IO when gnuplot is missing or fails */
CIM_MUST_CHECK cim_status cim_ana_plot(const cim_ana_dataset *d,
                                       const cim_ana_objective *objectives, size_t n_objectives,
                                       const char *path, cim_err *err);

#endif
