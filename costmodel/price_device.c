/* What the device entry says of a cell's precision: spread and conductance of the lowest level. */
#include "costmodel/library.h"

#include <math.h>

void cim_cost_device_describe(const cim_cost_library *lib, const cim_hw_arch *arch,
                              cim_cost_device *out)
{
    const cost_device *d = &lib->device[arch->device.type];
    out->sigma = isnan(arch->device.variation) ? d->variation : arch->device.variation;
    double on = isnan(arch->device.on_ohm) ? d->r_on : arch->device.on_ohm;
    double off = isnan(arch->device.off_ohm) ? d->r_off : arch->device.off_ohm;
    out->floor = on > 0 && off > on ? on / (off - on) : 0; /* 1/off over 1/on - 1/off */
}
