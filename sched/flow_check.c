#include "sched/flow.h"
cim_status cim_cc_flow_check(const cim_cc_program *p, const char *name, const cim_cc_graph *graph,
                             const cim_hw_arch *arch, cim_err *err)
{
    (void)p;
    (void)name;
    (void)graph;
    (void)arch;
    (void)err;
    return CIM_OK;
}
