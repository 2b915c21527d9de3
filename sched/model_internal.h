/* A loaded network: what sched/model.h keeps closed. */
#ifndef CIM_SCHED_MODEL_INTERNAL_H
#define CIM_SCHED_MODEL_INTERNAL_H

#include "sched/model.h"
#include "sched/net.h"

struct cim_cc_model {
    cim_arena arena; /* owns the graph */
    cim_cc_net *net;
    cim_cc_graph graph;
    const char *base_dir; /* of external data, NULL: none */
    const char *path;     /* the file it was read from, for weights; NULL: bytes in memory */
};

#endif
