/* Any bytes as a meta-operator flow of a small network: read and checked, or refused with file, line and
 * reason; what is legal is written and read again. Seeds: cimdse compile vgg7 isaac --emit FILE. */
#include "hwspace/arch.h"
#include "sched/flow.h"
#include "sched/model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const cim_cc_program *p, const cim_cc_graph *graph)
{
    cim_text once, twice;
    cim_text_init(&once);
    cim_text_init(&twice);
    cim_cc_flow_write(p, graph, &once);
    cim_cc_program *q = NULL;
    if (cim_cc_flow_parse(cim_text_str(&once), once.n, "again", graph, &q, NULL) != CIM_OK)
        abort(); /* what we write we can read */
    cim_cc_flow_write(q, graph, &twice);
    if (strcmp(cim_text_str(&once), cim_text_str(&twice)) != 0)
        abort();
    cim_cc_program_destroy(q);
    cim_text_clear(&once);
    cim_text_clear(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cim_cc_model *model;
    static cim_hw_arch arch;
    if (!model && (cim_cc_model_load("vgg7", NULL, &model, NULL) != CIM_OK ||
                   cim_hw_arch_load("isaac", &arch, NULL) != CIM_OK))
        abort();
    const cim_cc_graph *graph = cim_cc_model_graph(model);
    cim_err err = {0};
    cim_cc_program *p = NULL;
    cim_status s = cim_cc_flow_parse((const char *)data, size, "fuzz", graph, &p, &err);
    if (s == CIM_OK) {
        again(p, graph);
        s = cim_cc_flow_check(p, "fuzz", graph, &arch, &err);
        cim_cc_program_destroy(p);
    }
    if (s != CIM_OK && (s != CIM_E_INPUT || !err.message[0]))
        abort(); /* every failure is explained, none is ours */
    return 0;
}
