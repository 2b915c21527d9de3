/* Names and helpers shared by the HDF5 writer and reader; the only files that see hdf5.h. */
#ifndef CIM_ANALYSIS_STORE_H5_H
#define CIM_ANALYSIS_STORE_H5_H

#include "analysis/dataset.h"

#include <hdf5.h>

#include <stdbool.h>

#define CIM_ANA_FORMAT "cimdse-results"

enum {
    CIM_ANA_H5_CHUNK = 4096,         /* rows; chosen by measurement, see analysis/README.md */
    CIM_ANA_H5_TEXT_MAX = 4096,      /* bytes of a word, a reason, an attribute's text field */
    CIM_ANA_H5_PLAN_MAX = 1 << 25,   /* bytes of a plan */
    CIM_ANA_H5_LONG_CHUNK = 1 << 18, /* bytes of a chunk of texts longer than TEXT_MAX: several
                                        plans, which resemble each other, but not all of them */
    CIM_ANA_H5_LINK = 3 * CIM_ANA_NAME
};

/** Words of the attribute "type" of a parameter column, by cim_ana_type. */
extern const char *const cim_ana_type_words[];

/** Silence the library's printing and plugins, once per process. */
void cim_ana_h5_init(void);

/** Access without file locks unless HDF5_USE_FILE_LOCKING asks for them: files are written under
 *  a name of their own and never change after the rename. Negative on failure. */
hid_t cim_ana_h5_access(void);

/** HDF5's boolean as h5py knows it: int8 enum {FALSE, TRUE}. Negative on failure. */
hid_t cim_ana_h5_bool(void);

/** Variable-length UTF-8 string; fixed length when size > 0. Negative on failure. */
hid_t cim_ana_h5_string(size_t size);

/** Column names as link names: '/' separates groups in HDF5, so it becomes %2F and '%' %25.
 *  @param[out] link  CIM_ANA_H5_LINK bytes; decoding needs no more room than the link */
void cim_ana_h5_link_encode(const char *name, char *link);
void cim_ana_h5_link_decode(const char *link, char *name);

#endif
