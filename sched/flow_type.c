/* Names of digital operators in a flow: ONNX types in lower case. */
#include "sched/flow.h"
#include "sched/net_ops.h"

#include <ctype.h>

const char *cim_cc_flow_type_name(uint32_t type, char *buf, size_t size)
{
    const cim_cc_net_def *d = cim_cc_net_def_at(type);
    size_t i = 0;
    for (; d && d->type[i] && i + 1 < size; i++)
        buf[i] = (char)tolower((unsigned char)d->type[i]);
    buf[i] = '\0';
    return buf;
}

uint32_t cim_cc_flow_type_find(const char *name)
{
    const cim_cc_net_def *d;
    for (uint32_t i = 0; (d = cim_cc_net_def_at(i)) != NULL; i++) {
        size_t k = 0;
        while (d->type[k] && tolower((unsigned char)d->type[k]) == tolower((unsigned char)name[k]))
            k++;
        if (!d->type[k] && !name[k])
            return i;
    }
    return CIM_CC_INVALID;
}
