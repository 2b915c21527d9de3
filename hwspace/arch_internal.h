/* What the files behind arch.h share: how the field table maps to the objects of the JSON form. */
#ifndef CIM_HWSPACE_ARCH_INTERNAL_H
#define CIM_HWSPACE_ARCH_INTERNAL_H

#include "hwspace/arch.h"

/* Objects of the JSON form ("" is the top level), in the order they are written. */
extern const char *const cim_hw_groups[];
extern const size_t cim_hw_n_groups;

/** The key of a field inside a group, or NULL when it lives in another. */
const char *cim_hw_field_key(const cim_hw_field *f, const char *group);

/* Citations: one per field, then one for the components and one for the cost matrix. */
#define CIM_HW_N_SOURCES (cim_hw_n_fields + 2)

#endif
