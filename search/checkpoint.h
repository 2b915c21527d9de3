/* The log of results on disk: DIR/checkpoint/segment-NNNNNN.bin, each holding the rows since the
 * one before. A segment is written under a temporary name, synced and renamed, so a kill leaves
 * whole segments only; a checksum finds damage by other causes. Format: README.md. */
#ifndef CIM_SEARCH_CHECKPOINT_H
#define CIM_SEARCH_CHECKPOINT_H

#include "analysis/dataset.h"
#include "hwspace/base/text.h"
#include "search/spec.h"

enum { CIM_SEARCH_SEGMENT_VERSION = 1 };

/** What every segment of a run has in common. */
typedef struct cim_search_log_id {
    const char *dir;   /* the result directory */
    char identity[33]; /* cim_search_spec_identity() */
} cim_search_log_id;

/** Write rows [first, d->n) of a dataset as a segment. Rows' ids must equal their index.
 *  @param violation  one per row of d
 *  @return CIM_OK, CIM_E_IO, CIM_E_NOMEM */
CIM_MUST_CHECK cim_status cim_search_segment_write(const cim_search_log_id *log, uint64_t segment,
                                                   const cim_ana_dataset *d,
                                                   const double *violation, size_t first,
                                                   cim_err *err);

/** Append the rows of a segment's bytes to a described dataset.
 *  @param[in,out] violation, cap  vector as long as d->n
 *  @param[out] damaged  the bytes are not a whole segment that continues d; d is unchanged
 *  @return CIM_OK (also when damaged); CIM_E_INPUT: of another spec, tool or format version */
CIM_MUST_CHECK cim_status cim_search_segment_parse(const cim_search_log_id *log, uint64_t segment,
                                                   const char *bytes, size_t size,
                                                   cim_ana_dataset *d, double **violation,
                                                   size_t *cap, bool *damaged, cim_err *err);

/** Read all segments up to the first that is missing or damaged.
 *  @param[out] n_segments  how many were read
 *  @param[in,out] violation  owned by the caller (cim_free), one per row */
CIM_MUST_CHECK cim_status cim_search_log_read(const cim_search_log_id *log, cim_ana_dataset *d,
                                              double **violation, uint64_t *n_segments,
                                              cim_err *err);

/** Make DIR and DIR/checkpoint.
 *  @return CIM_E_INPUT when they cannot be made or are no directories */
CIM_MUST_CHECK cim_status cim_search_log_open(const char *dir, cim_err *err);
/** Whether DIR holds anything of a run: a segment or results.h5. @param[out] what its path */
bool cim_search_log_exists(const char *dir, char *what, size_t size);
/** Whether a run of this spec may go on in DIR: CIM_OK also when there is nothing to go on from.
 *  For callers that write into DIR before cim_search_run() would refuse.
 *  @param[out] damage  one line on a segment that cannot be used: it and what follows is evaluated again; "": none
 *  @return CIM_E_INPUT when the checkpoints belong to another spec or version */
CIM_MUST_CHECK cim_status cim_search_log_accepts(const char *dir, const cim_search_spec *spec,
                                                 char *damage, size_t size, cim_err *err);
/** Remove segments from number `from` on (damaged ones and those behind) and temporary files. */
void cim_search_log_trim(const char *dir, uint64_t from);

#endif
