/* Names of breakdown rows and events, and counts times unit energies. */
#include "costmodel/cost.h"

const char *const cim_cost_kind_names[CIM_COST_N_KINDS] = {
    "crossbar",     "crossbar_write", "dac", "adc", "sample_hold", "shift_add", "register",
    "local_buffer", "global_buffer",  "noc", "alu", "offchip",     "other",     "leakage",
};

const char *const cim_cost_event_names[CIM_COST_N_EVENTS] = {
    "cell_read",   "crossbar_step", "dac",         "adc",          "sample_hold", "shift_add",
    "l1_read_bit", "l1_write_bit",  "l0_read_bit", "l0_write_bit", "noc_bit_hop", "alu_add",
    "alu_mul",     "alu_div",       "alu_special", "offchip_bit",  "cell_write",
};

static const cim_cost_kind event_kinds[CIM_COST_N_EVENTS] = {
    [CIM_EV_CELL_READ] = CIM_COST_CROSSBAR,
    [CIM_EV_XB_STEP] = CIM_COST_REGISTER,
    [CIM_EV_DAC] = CIM_COST_DAC,
    [CIM_EV_ADC] = CIM_COST_ADC,
    [CIM_EV_SAMPLE_HOLD] = CIM_COST_SAMPLE_HOLD,
    [CIM_EV_SHIFT_ADD] = CIM_COST_SHIFT_ADD,
    [CIM_EV_L1_READ_BIT] = CIM_COST_LOCAL_BUFFER,
    [CIM_EV_L1_WRITE_BIT] = CIM_COST_LOCAL_BUFFER,
    [CIM_EV_L0_READ_BIT] = CIM_COST_GLOBAL_BUFFER,
    [CIM_EV_L0_WRITE_BIT] = CIM_COST_GLOBAL_BUFFER,
    [CIM_EV_NOC_BIT_HOP] = CIM_COST_NOC,
    [CIM_EV_ALU_ADD] = CIM_COST_ALU,
    [CIM_EV_ALU_MUL] = CIM_COST_ALU,
    [CIM_EV_ALU_DIV] = CIM_COST_ALU,
    [CIM_EV_ALU_SPECIAL] = CIM_COST_ALU,
    [CIM_EV_OFFCHIP_BIT] = CIM_COST_OFFCHIP,
    [CIM_EV_CELL_WRITE] = CIM_COST_CROSSBAR_WRITE,
};

cim_cost_kind cim_cost_event_kind(cim_cost_event e)
{
    return event_kinds[e];
}

double cim_cost_energy(const cim_cost_chip *chip, const double counts[CIM_COST_N_EVENTS],
                       double time_ns, double pj[CIM_COST_N_KINDS])
{
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        pj[k] = 0;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        pj[event_kinds[e]] += counts[e] * chip->unit_pj[e];
    pj[CIM_COST_LEAKAGE] += chip->leakage_mw * time_ns;
    double sum = 0;
    for (int k = 0; k < CIM_COST_N_KINDS; k++)
        sum += pj[k];
    return sum;
}
