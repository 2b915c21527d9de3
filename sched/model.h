/* Networks: from a built-in name or an .onnx file to a cim_cc_graph.
 *
 * Import (protobuf-c) -> bind dynamic dimensions -> fold constants and shape sub-graphs -> infer
 * shapes -> fold BatchNorm -> lower. Start with cim_cc_model_load(). */
#ifndef CIM_SCHED_MODEL_H
#define CIM_SCHED_MODEL_H

#include "hwspace/base/status.h"
#include "hwspace/base/text.h"
#include "sched/graph.h"

typedef struct cim_cc_model cim_cc_model; /* owns graph and imported network */

/** A binding of an input's shape from the command line: "NAME=1x3x224x224", or "1x3x224x224" for
 *  a network with one input. */
typedef struct cim_cc_model_options {
    const char *const *inputs;
    size_t n_inputs;
    int64_t sequence_length; /* > 0: binds the sequence dimension of a built-in transformer */
} cim_cc_model_options;

/** @param name_or_path built-in name or path of an .onnx file
 *  @param options borrowed, may be NULL
 *  @return CIM_OK; CIM_E_INPUT: unknown name (nearest named), unreadable or damaged file,
 *  unsupported operator (node and operator named), unbound dynamic dimension (input named and
 *  how to bind it), impossible shapes (node named); CIM_E_NOMEM. */
CIM_MUST_CHECK cim_status cim_cc_model_load(const char *name_or_path,
                                            const cim_cc_model_options *options, cim_cc_model **out,
                                            cim_err *err);
/** The same from bytes in memory (tests, fuzzing). @param base_dir for external data, or NULL */
CIM_MUST_CHECK cim_status cim_cc_model_parse(const void *bytes, size_t size, const char *name,
                                             const char *base_dir,
                                             const cim_cc_model_options *options,
                                             cim_cc_model **out, cim_err *err);
void cim_cc_model_destroy(cim_cc_model *model);

/** The compiler's view of the network; borrowed, lives as long as the model. */
const cim_cc_graph *cim_cc_model_graph(const cim_cc_model *model);

/** `model show --json`, keys as in the interface, and the table a person reads. */
void cim_cc_model_write_json(const cim_cc_model *model, cim_jw *w, const char *key);
void cim_cc_model_write_text(const cim_cc_model *model, cim_text *out);

/** Names and one-line descriptions of the built-in networks. @return false past the last. */
bool cim_cc_model_builtin_at(size_t i, const char **name, const char **line);

#endif
