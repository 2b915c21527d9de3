/* What does an activity cost? Times, energies, powers and areas of one chip, from the component
 * library; takes event counts, never a graph.
 *
 * Three steps: cim_cost_library_load() once; cim_cost_chip_price() per design point turns an
 * architecture into unit times, unit energies, leakage and areas (a few hundred flops, no
 * allocation); cim_cost_energy() multiplies counts with units. The scheduler decides *when* things
 * happen and therefore owns latency and the power profile; it reads unit times from here. */
#ifndef CIM_COSTMODEL_COST_H
#define CIM_COSTMODEL_COST_H

#include "hwspace/arch.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

#include <stdbool.h>

/* Breakdown rows. Names (cim_cost_kind_names) are JSON keys of *_breakdown_*. */
typedef enum cim_cost_kind {
    CIM_COST_CROSSBAR,       /* cells: read (array and drivers that the library does not split) */
    CIM_COST_CROSSBAR_WRITE, /* programming cells */
    CIM_COST_DAC,
    CIM_COST_ADC,
    CIM_COST_SAMPLE_HOLD,
    CIM_COST_SHIFT_ADD,
    CIM_COST_REGISTER,      /* input/output registers beside the crossbars */
    CIM_COST_LOCAL_BUFFER,  /* L1 of the cores and its bus */
    CIM_COST_GLOBAL_BUFFER, /* L0 */
    CIM_COST_NOC,
    CIM_COST_ALU,
    CIM_COST_OFFCHIP,
    CIM_COST_OTHER,   /* named parts that fit nowhere else (sigmoid, max-pool unit) */
    CIM_COST_LEAKAGE, /* energy and power only; its area is zero */
    CIM_COST_N_KINDS
} cim_cost_kind;
extern const char *const cim_cost_kind_names[CIM_COST_N_KINDS];

/* Events the scheduler counts, one unit energy each. */
typedef enum cim_cost_event {
    CIM_EV_CELL_READ,   /* one cell read in one activation: rows_on * cols * activations */
    CIM_EV_XB_STEP,     /* one activation step (one row group, one input phase) of one crossbar:
                             registers and parts that run while a crossbar runs */
    CIM_EV_DAC,         /* one wordline driven with one input digit */
    CIM_EV_ADC,         /* one conversion */
    CIM_EV_SAMPLE_HOLD, /* one column sampled */
    CIM_EV_SHIFT_ADD,   /* one converted value shifted and added */
    CIM_EV_L1_READ_BIT,
    CIM_EV_L1_WRITE_BIT,
    CIM_EV_L0_READ_BIT,
    CIM_EV_L0_WRITE_BIT,
    CIM_EV_NOC_BIT_HOP, /* one bit over one link and router */
    CIM_EV_ALU_ADD,     /* add, subtract, compare, max, shift: one per element */
    CIM_EV_ALU_MUL,
    CIM_EV_ALU_DIV,     /* divide, square root */
    CIM_EV_ALU_SPECIAL, /* exponential, sigmoid, tanh, erf: one table or iterative evaluation */
    CIM_EV_OFFCHIP_BIT,
    CIM_EV_CELL_WRITE, /* one cell programmed */
    CIM_COST_N_EVENTS
} cim_cost_event;
extern const char *const cim_cost_event_names[CIM_COST_N_EVENTS];

/* Remarks of a pricing that the report spells out (bits of cim_cost_chip.notes). */
enum {
    CIM_COST_NOTE_SUPPLY = 1,   /* supply outside the range of the scaling fits: C V^2 beyond it */
    CIM_COST_NOTE_BUFFER = 2,   /* a buffer outside the CACTI table's sizes: extrapolated */
    CIM_COST_NOTE_PARTS = 4,    /* more instances of a listed component charged than listed */
    CIM_COST_NOTE_ADC_STEP = 8, /* conversion, not reading, sets the step */
    CIM_COST_NOTE_CELL_BITS = 16, /* more bits per cell than the device entry vouches for */
    CIM_COST_NOTE_ADC_PITCH = 32, /* converters narrower than any published */
    CIM_COST_NOTE_MERGE = 64,     /* joined bitlines: the SQNR does not see their weighting */
    CIM_COST_NOTE_LAST = CIM_COST_NOTE_MERGE
};

/** What a memory cell is like beyond its costs. */
typedef struct cim_cost_device {
    double sigma; /* relative standard deviation of its conductance: device.variation, or the
                      library's where that is null */
    double floor; /* conductance of the lowest level over the span of levels; 0 for SRAM */
} cim_cost_device;

/** Unit costs of one chip. All times in ns (INFINITY rates: no bottleneck), energies in pJ, power
 *  in mW, areas in um2. Plain data, copied freely. */
typedef struct cim_cost_chip {
    double clock_ns;
    double read_ns;      /* one activation of a crossbar (one row group, one input phase) */
    double adc_ns;       /* converting every column once: ceil(cols / adcs) / rate; 0 without ADC */
    double step_ns;      /* pipelined step: max(read_ns, adc_ns) */
    double mvm_fill_ns;  /* after the last step of a product: conversion, shift-add */
    double write_row_ns; /* programming one row of one crossbar */
    double alu_add_cycles, alu_mul_cycles, alu_div_cycles,
        alu_special_cycles;      /* ALU operations each counts for */
    double core_alu_ops_per_ns;  /* of one core */
    double chip_alu_ops_per_ns;  /* of the chip-level ALU */
    double l1_bits_per_ns;       /* of one core's buffer */
    double l0_bits_per_ns;       /* of the global buffer */
    double noc_link_bits_per_ns; /* of one link */
    double offchip_bits_per_ns;
    double unit_pj[CIM_COST_N_EVENTS];
    double leak_mw[CIM_COST_N_KINDS]; /* of the whole chip, by where it leaks; sum = leakage */
    double leakage_mw;
    double area_um2[CIM_COST_N_KINDS]; /* of the whole chip; sum = total */
    double area_mm2;
    /* Everything active at once: unit_pj * max_rate by kind, and all leakage in its own row.
     * Programming cells is not part of it: arrays are either programmed or read. */
    double peak_mw[CIM_COST_N_KINDS];
    double max_rate[CIM_COST_N_EVENTS]; /* events per ns of the whole chip, everything active */
    /* One crossbar with its periphery; one core with its crossbars; the chip's own without cores:
     * chip = CHIP + cores * CORE. Peaks include leakage. */
    double tier_area_um2[CIM_HW_N_TIERS];
    double tier_peak_mw[CIM_HW_N_TIERS];
    /* Each tier's own, without what it contains. */
    double own_area_um2[CIM_HW_N_TIERS][CIM_COST_N_KINDS];
    double own_leak_mw[CIM_HW_N_TIERS][CIM_COST_N_KINDS];
    double own_unit_pj[CIM_HW_N_TIERS][CIM_COST_N_EVENTS];
    double adc_msps;                   /* rate of one converter; 0 without */
    double supply_min_v, supply_max_v; /* range of the scaling fits at this node */
    unsigned notes;                    /* CIM_COST_NOTE_* */
    /* The cell, from the library: writes a cell survives, relative standard deviation of its
     * conductance, its resistances (NAN where the cell has none); area without drivers; width each
     * converter has under its columns (0 without). */
    double endurance_cycles, conductance_sigma, resistance_on_ohm, resistance_off_ohm;
    double cell_um2, adc_pitch_um;
    cim_cost_device device;
} cim_cost_chip;

typedef struct cim_cost_library cim_cost_library;

/** The built-in component library. @return CIM_E_INPUT naming file and pointer when broken. */
CIM_MUST_CHECK cim_status cim_cost_library_load(cim_cost_library **out, cim_err *err);
/** The built-in library with a user's file on top: its entries (a device, an ADC model, a component,
 *  a default, a periphery entry) replace the built-in ones of the same name, whole; the sections
 *  "scaling" and "buffers" are replaced as a whole. Format: costmodel/README.md.
 *  @param path  NULL: built-in only
 *  @return CIM_E_INPUT naming file and JSON pointer, what was found and what is allowed */
CIM_MUST_CHECK cim_status cim_cost_library_load_file(const char *path, cim_cost_library **out,
                                                     cim_err *err);
void cim_cost_library_destroy(cim_cost_library *lib);

/** Price a chip. @param[out] out fully written on true.  @param[out] reason at least 128 bytes
 *  @return false when no component fits (ADC bits or node outside a model's range): infeasible. */
bool cim_cost_chip_price(const cim_cost_library *lib, const cim_hw_arch *arch, cim_cost_chip *out,
                         char *reason, size_t size);

/** The cells of an architecture, also of one that cannot be priced. */
void cim_cost_device_describe(const cim_cost_library *lib, const cim_hw_arch *arch,
                              cim_cost_device *out);

/** Which breakdown row an event belongs to. */
cim_cost_kind cim_cost_event_kind(cim_cost_event e);

/** Dynamic energy by kind [pJ] of event counts; leakage = leakage_mw * busy_ns.
 *  @param[out] pj  n_kinds, overwritten; @return the sum. Cost ~20 multiplications. */
double cim_cost_energy(const cim_cost_chip *chip, const double counts[CIM_COST_N_EVENTS],
                       double time_ns, double pj[CIM_COST_N_KINDS]);

/** Largest column sum the converter must represent, in units of one cell level times one input
 *  level: rows (2^dac_bits - 1) (2^bits_per_cell - 1); offset weights: halved by the flipped-weight
 *  encoding of ISAAC (a column whose weights sum to more than half of their maximum is stored
 *  complemented).
 *  @param rows  wordlines on at once */
double cim_cost_adc_full_scale(const cim_hw_arch *arch, double rows);

/** Step of a converter that covers a range of column sums: max(1, range / (2^adc_bits - 1)); 1 loses
 *  nothing; 1 without converters. */
double cim_cost_adc_range_step(const cim_hw_arch *arch, double range);

/** The same for the range adc.clip alone sets: adc.clip times the full scale of so many rows. */
double cim_cost_adc_step(const cim_hw_arch *arch, double rows);

/** Time of one full-size product on one crossbar at the workload's precisions [ns], throughput
 *  view: input phases x row groups x step, without filling the pipeline. */
double cim_cost_mvm_ns(const cim_hw_arch *arch, const cim_cost_chip *chip);

/** Peak operations per second / 1e12, 2 per multiply-accumulate at the workload's precisions. */
double cim_cost_peak_tops(const cim_hw_arch *arch, const cim_cost_chip *chip);

/** What a pricing remarks (chip->notes) in words, as a JSON array of strings under `key`; empty when
 *  there is nothing to say. Needs: chip priced from arch. */
void cim_cost_notes_write(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_jw *w,
                          const char *key);
/** The same a line each, after `before` ("note: "). */
void cim_cost_notes_text(const cim_hw_arch *arch, const cim_cost_chip *chip, const char *before,
                         cim_text *out);

/** `arch show`: tiers, capacity, peak throughput, areas and powers. Keys as in the interface. */
void cim_cost_arch_report_write(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_jw *w);
/** The same for people. */
void cim_cost_arch_report_text(const cim_hw_arch *arch, const cim_cost_chip *chip, cim_text *out);

#endif
