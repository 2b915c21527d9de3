/* Files linked into the binary by CMake's cim_embed(), so that one executable is all a cluster
 * needs: presets, the component library, built-in networks. */
#ifndef CIM_HWSPACE_BASE_EMBED_H
#define CIM_HWSPACE_BASE_EMBED_H

#include <stddef.h>

/** One file; a table of them ends with name == NULL. */
typedef struct cim_embedded_file {
    const char *name; /* file name without folder, "isaac.json" */
    const unsigned char *begin, *end;
} cim_embedded_file;

extern const cim_embedded_file cim_embedded_presets[]; /* hwspace/presets/<name>.json */
extern const cim_embedded_file cim_embedded_library[]; /* costmodel/library/<name>.json */
extern const cim_embedded_file cim_embedded_models[];  /* sched/models/<name>.onnx */

/** The file called `stem` + `suffix`, or NULL. */
const cim_embedded_file *cim_embedded_find(const cim_embedded_file *table, const char *stem,
                                           const char *suffix);

#endif
