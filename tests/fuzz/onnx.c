/* libFuzzer harness: any bytes as an ONNX file. Seeds: sched/models/*.onnx and
 * tests/data/invalid/onnx/*.onnx. */
#include "sched/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cim_err err = {0};
    cim_cc_model *m = NULL;
    if (cim_cc_model_parse(data, size, "fuzz", NULL, NULL, &m, &err) == CIM_OK) {
        cim_text t;
        cim_text_init(&t);
        cim_cc_model_write_text(m, &t);
        if (cim_cc_graph_check(cim_cc_model_graph(m), NULL) != CIM_OK)
            abort();
        cim_text_clear(&t);
        cim_cc_model_destroy(m);
    } else if (err.code == CIM_OK || err.code == CIM_E_INTERNAL || !err.message[0]) {
        abort(); /* every failure is explained, none is ours */
    }
    return 0;
}
