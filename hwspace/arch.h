/* Abs-arch: what can be built and how it is scheduled, as one plain struct.
 *
 * Three tiers (chip, core, crossbar) after CIM-MLC, with the device, the converter model, the
 * workload's precisions and the scheduling knobs beside them, so that one design point is one
 * cim_hw_arch. A table of fields (cim_hw_fields) says for every dotted path its type, range, unit,
 * default and meaning; the JSON reader and writer, `--set`, parameter spaces and the documentation
 * are all driven by it, so a new knob is one row. Start with cim_hw_arch_load(). */
#ifndef CIM_HWSPACE_ARCH_H
#define CIM_HWSPACE_ARCH_H

#include "hwspace/base/json.h"
#include "hwspace/base/status.h"
#include "hwspace/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cim_hw_mode {
    CIM_HW_MODE_CORE,
    CIM_HW_MODE_CROSSBAR,
    CIM_HW_MODE_WORDLINE
} cim_hw_mode;

typedef enum cim_hw_noc {
    CIM_HW_NOC_IDEAL,
    CIM_HW_NOC_BUS,
    CIM_HW_NOC_MESH,
    CIM_HW_NOC_TORUS,
    CIM_HW_NOC_TREE
} cim_hw_noc;

typedef enum cim_hw_device {
    CIM_HW_DEVICE_SRAM,
    CIM_HW_DEVICE_RERAM,
    CIM_HW_DEVICE_PCM,
    CIM_HW_DEVICE_FEFET,
    CIM_HW_DEVICE_STT_MRAM,
    CIM_HW_DEVICE_NOR_FLASH,
    CIM_HW_N_DEVICES
} cim_hw_device;

/* Schedule levels; a level includes those before it. */
typedef enum cim_hw_level {
    CIM_HW_LEVEL_NONE,
    CIM_HW_LEVEL_CG,
    CIM_HW_LEVEL_MVM,
    CIM_HW_LEVEL_VVM
} cim_hw_level;
typedef enum cim_hw_objective {
    CIM_HW_OBJECTIVE_LATENCY,
    CIM_HW_OBJECTIVE_THROUGHPUT,
    CIM_HW_OBJECTIVE_ENERGY,
    CIM_HW_OBJECTIVE_EDP
} cim_hw_objective;
typedef enum cim_hw_duplication {
    CIM_HW_DUPLICATION_EXACT,
    CIM_HW_DUPLICATION_DIVISOR,
    CIM_HW_DUPLICATION_NONE
} cim_hw_duplication;
typedef enum cim_hw_segmentation {
    CIM_HW_SEGMENTATION_OPTIMAL,
    CIM_HW_SEGMENTATION_GREEDY
} cim_hw_segmentation;
/* How operands are distributed, for the analytical SQNR. */
typedef enum cim_hw_data { CIM_HW_DATA_UNIFORM, CIM_HW_DATA_GAUSSIAN } cim_hw_data;
/* How an array sums: charge shared by capacitors, current on a bitline, or adder trees. */
typedef enum cim_hw_summing {
    CIM_HW_SUM_AUTO, /* digital without converters, charge in SRAM, current elsewhere */
    CIM_HW_SUM_CHARGE,
    CIM_HW_SUM_CURRENT,
    CIM_HW_SUM_DIGITAL,
    CIM_HW_SUM_STATIC /* currents of SRAM cells that conduct for the whole access */
} cim_hw_summing;
/* What selects a cell: as the library's entry publishes it (a crosspoint), or a transistor per cell;
 * auto is a transistor except in SRAM, whose cells have their own. */
typedef enum cim_hw_access {
    CIM_HW_ACCESS_LIBRARY,
    CIM_HW_ACCESS_TRANSISTOR,
    CIM_HW_ACCESS_AUTO
} cim_hw_access;
/* Index in cim_hw_adc_models of the word that leaves the choice to the array, and of its choices. */
enum { CIM_HW_ADC_ISAAC = 0, CIM_HW_ADC_NEUROSIM = 3, CIM_HW_ADC_MURMANN = 5, CIM_HW_ADC_AUTO = 6 };
typedef enum cim_hw_buffer {
    CIM_HW_BUFFER_SRAM,
    CIM_HW_BUFFER_EDRAM,
    CIM_HW_N_BUFFERS
} cim_hw_buffer;
typedef enum cim_hw_memory { /* what stands at the off-chip link */
                             CIM_HW_MEMORY_DRAM,
                             CIM_HW_MEMORY_GDDR5,
                             CIM_HW_MEMORY_HBM2,
                             CIM_HW_N_MEMORIES
} cim_hw_memory;
typedef enum cim_hw_binding { CIM_HW_BINDING_COLUMNS, CIM_HW_BINDING_CROSSBARS } cim_hw_binding;
typedef enum cim_hw_tiling { CIM_HW_TILING_ROWS, CIM_HW_TILING_COLUMNS } cim_hw_tiling;
typedef enum cim_hw_dynamic { CIM_HW_DYNAMIC_ALU, CIM_HW_DYNAMIC_CROSSBAR } cim_hw_dynamic;
typedef enum cim_hw_signed { CIM_HW_SIGNED_OFFSET, CIM_HW_SIGNED_DIFFERENTIAL } cim_hw_signed;
typedef enum cim_hw_placement {
    CIM_HW_PLACEMENT_ROW_MAJOR,
    CIM_HW_PLACEMENT_SNAKE,
    CIM_HW_PLACEMENT_HILBERT,
    CIM_HW_PLACEMENT_OPTIMISED
} cim_hw_placement;

/* Integers are int64_t and choices int64_t too (an enum's value), reals double, so that the field
 * table addresses every member by offset and type alone. A real that is absent (a bandwidth or
 * rate that is no bottleneck, a capacity that is unlimited) is NAN. */
typedef struct cim_hw_chip {
    int64_t cores;
    int64_t noc;                  /* cim_hw_noc */
    double noc_bits_per_cycle;    /* per link; NAN: no bottleneck */
    double buffer_kib;            /* global (L0) buffer; NAN: unlimited and free */
    double buffer_bits_per_cycle; /* NAN: no bottleneck */
    double alu_ops_per_cycle;     /* NAN: no bottleneck */
    double offchip_gb_per_s;      /* GB/s, 1e9 bytes; NAN: no bottleneck */
    int64_t buffer_type;          /* cim_hw_buffer */
    int64_t offchip_memory;       /* cim_hw_memory */
} cim_hw_chip;

typedef struct cim_hw_core {
    int64_t crossbars;
    double buffer_kib; /* local (L1) buffer per core; NAN: unlimited and free */
    double buffer_bits_per_cycle;
    double alu_ops_per_cycle;
    int64_t buffer_type; /* cim_hw_buffer */
} cim_hw_core;

typedef struct cim_hw_crossbar {
    int64_t rows, cols;
    int64_t parallel_rows; /* wordlines that may be on at once, <= rows */
    int64_t adcs;          /* converters per crossbar; 0: digital CIM, no converter */
    int64_t adc_bits, dac_bits;
    double read_ns;         /* one activation; NAN: the device's default */
    double adc_msps;        /* rate of one converter; NAN: keeps up with read_ns */
    int64_t domain;         /* cim_hw_summing */
    int64_t read_rows;      /* rows read_ns was stated for; taller crossbars read slower */
    int64_t merge_cols;     /* bitlines joined by charge sharing before one conversion; 1: none */
    int64_t signed_weights; /* cim_hw_signed */
} cim_hw_crossbar;

typedef struct cim_hw_device_spec {
    int64_t type; /* cim_hw_device */
    int64_t bits_per_cell;
    int64_t access;               /* cim_hw_access */
    double cell_f2;               /* area of one bare cell in F^2; NAN: the library's */
    double on_ohm, off_ohm;       /* of a resistive cell; NAN: the library's */
    double read_v, read_pulse_ns; /* across the cell; both or neither (NAN: the library's energy) */
    double variation; /* relative standard deviation of a cell's conductance; NAN: the library's */
} cim_hw_device_spec;

typedef struct cim_hw_adc {
    int64_t model; /* index into cim_hw_adc_models[]: one of the library's named models, or auto */
    double clip;   /* share of the largest possible column sum the converters cover */
    double clip_percentile; /* they cover this percentage of each operator's sums; NAN: not asked */
} cim_hw_adc;

typedef struct cim_hw_workload {
    int64_t weight_bits, activation_bits;
    int64_t data;                                      /* cim_hw_data */
    double weight_peak_to_rms, activation_peak_to_rms; /* of tensors; used when not uniform */
    int64_t batch;                                     /* inferences run back to back */
    int64_t sequence_length;                           /* 0: as in the model file */
    double input_density, weight_density;              /* share of ones among the bits, 0..1 */
} cim_hw_workload;

typedef struct cim_hw_schedule {
    int64_t level;           /* cim_hw_level */
    int64_t objective;       /* cim_hw_objective */
    int64_t pipeline;        /* bool: operators overlap */
    int64_t duplication;     /* cim_hw_duplication */
    int64_t max_copies;      /* 0: no limit */
    int64_t segmentation;    /* cim_hw_segmentation */
    int64_t binding;         /* cim_hw_binding */
    int64_t tiling;          /* cim_hw_tiling */
    int64_t packing;         /* bool: groups of a grouped convolution share crossbars */
    int64_t dynamic;         /* cim_hw_dynamic: products of two activations */
    int64_t stagger;         /* bool */
    int64_t remap;           /* bool */
    int64_t write_overlap;   /* bool */
    int64_t effort;          /* times the search for copies of pipelines is prolonged */
    int64_t placement;       /* cim_hw_placement */
    double peak_power_cap_w; /* NAN: none */
} cim_hw_schedule;

/* A named peripheral of the component library that is simply there: `count` of them per instance
 * of a tier (a router shared by four tiles is 0.25 per core). Priced by the cost model. */
typedef enum cim_hw_tier {
    CIM_HW_TIER_CHIP,
    CIM_HW_TIER_CORE,
    CIM_HW_TIER_CROSSBAR,
    CIM_HW_N_TIERS
} cim_hw_tier;
enum { CIM_HW_MAX_PARTS = 24, CIM_HW_NAME = 64 };
typedef struct cim_hw_part {
    char component[CIM_HW_NAME]; /* name in the component library */
    int64_t tier;                /* cim_hw_tier */
    double count;                /* per instance of the tier */
} cim_hw_part;

typedef struct cim_hw_arch {
    char name[CIM_HW_NAME];
    char source[256];
    int64_t computing_mode; /* cim_hw_mode */
    double technology_nm, supply_v, clock_mhz;
    cim_hw_chip chip;
    cim_hw_core core;
    cim_hw_crossbar crossbar;
    cim_hw_device_spec device;
    cim_hw_adc adc;
    cim_hw_workload workload;
    cim_hw_schedule schedule;
    cim_hw_part parts[CIM_HW_MAX_PARTS]; /* JSON key "components" */
    int64_t n_parts;
    const double *noc_cost; /* cores x cores hop costs, row-major, or NULL: the topology's own.
                               Owned by the cim_hw_arch that loaded it (cim_hw_arch_clear);
                               copies of the struct borrow it. */
    int64_t noc_cost_n;     /* cores the matrix is for */
    char *const *sources;   /* a citation per field (then "components", "noc_cost"), each may be
                               NULL; NULL: none given. Owned and borrowed as noc_cost is. */
    uint64_t overridden[2]; /* bit i: field i was changed by cim_hw_arch_set, its source is void */
} cim_hw_arch;

/* ---- fields ------------------------------------------------------------------------------- */

typedef enum cim_hw_field_type {
    CIM_HW_INT,
    CIM_HW_REAL,
    CIM_HW_BOOL,
    CIM_HW_CHOICE
} cim_hw_field_type;

/** One knob: everything the program knows about a dotted path. */
typedef struct cim_hw_field {
    const char *path; /* "crossbar.adc_bits" */
    cim_hw_field_type type;
    size_t offset; /* of the int64_t or double in cim_hw_arch */
    double min, max;
    const char *const *choices; /* NULL-terminated words of a CIM_HW_CHOICE */
    bool optional;              /* a real that may be null or absent (NAN) */
    double fallback;            /* value when absent from the file; NAN + !optional: required */
    const char *unit, *doc;
    const char *fallback_path; /* absent from the file: the value of this earlier field, or NULL */
    double absent;             /* what expressions see for null: INFINITY (no limit) or NAN */
} cim_hw_field;

enum { CIM_HW_MAX_FIELDS = 128 }; /* cim_hw_arch.overridden has a bit per field */
extern const cim_hw_field cim_hw_fields[];
extern const size_t cim_hw_n_fields;

/** Index of a path in cim_hw_fields, or -1. */
int cim_hw_field_find(const char *path);
/** Value of a field as a double (exact for integers below 2^53; a choice is its index). */
double cim_hw_field_get(const cim_hw_arch *arch, const cim_hw_field *f);
/** Store without checking; the caller has checked type and range. */
void cim_hw_field_put(cim_hw_arch *arch, const cim_hw_field *f, double v);
/** Check type and range of a value for a field. @param where prefix of the error's place */
CIM_MUST_CHECK cim_status cim_hw_field_check(const cim_hw_field *f, double v, const char *where,
                                             cim_err *err);
/** Read a field's value from JSON: type, range and words are checked.
 *  @param[out] out  null gives NAN where the field is optional */
CIM_MUST_CHECK cim_status cim_hw_field_read(const cim_hw_field *f, const cim_json *doc,
                                            const cim_json_node *node, double *out, cim_err *err);
/** A value as a user would write it: "mvm", "true", "128", "null". @return buf */
const char *cim_hw_field_text(const cim_hw_field *f, double v, char *buf, size_t size);
/** What may be given: "1 to 16", "one of: cg, mvm", "true or false". @return buf */
const char *cim_hw_field_allowed(const cim_hw_field *f, char *buf, size_t size);

/* ---- reading and writing ------------------------------------------------------------------- */

/** A built-in preset by name, or a path to a JSON file.
 *  @param[out] arch  unchanged on failure; release with cim_hw_arch_clear
 *  @return CIM_OK, CIM_E_INPUT (unknown name: the known ones and the nearest are named) */
CIM_MUST_CHECK cim_status cim_hw_arch_load(const char *name_or_path, cim_hw_arch *arch,
                                           cim_err *err);
/** An architecture object inside another document (a spec may embed one). Rules between fields
 *  (cim_hw_arch_consistent) are the caller's to check: a spec's parameters may mend its base;
 *  cim_hw_arch_load checks them. */
CIM_MUST_CHECK cim_status cim_hw_arch_read(const cim_json *doc, const cim_json_node *node,
                                           cim_hw_arch *arch, cim_err *err);
void cim_hw_arch_clear(cim_hw_arch *arch);

/** Apply "PATH=VALUE" (the command line's --set). Values are JSON scalars or bare words.
 *  @return CIM_E_INPUT: unknown path (nearest named), wrong type, out of range */
CIM_MUST_CHECK cim_status cim_hw_arch_set(cim_hw_arch *arch, const char *assignment, cim_err *err);

/** How the crossbar sums, with CIM_HW_SUM_AUTO resolved. Cost: two comparisons. */
cim_hw_summing cim_hw_arch_summing(const cim_hw_arch *arch);

/** What selects a cell, with CIM_HW_ACCESS_AUTO resolved. */
cim_hw_access cim_hw_arch_access(const cim_hw_arch *arch);

/** The converter model as an index in cim_hw_adc_models, with "auto" resolved: isaac for crosspoints
 *  of memory cells; for cells with a transistor neurosim up to 4 bits, where current-mode sensing
 *  needs no capacitors (from 7 to 130 nm, the nodes of its fit); murmann else. */
int64_t cim_hw_arch_adc_model(const cim_hw_arch *arch);

/** What must hold between fields of a usable design point: parallel_rows <= rows, SRAM holds one
 *  bit per cell, a level the mode offers, a cost matrix of the right size, ...
 *  @param[out] reason  at least 128 bytes; the first violated rule in words
 *  @return true when consistent. A violated rule is an error for a file the user named and
 *  infeasible data for a sampled point. */
bool cim_hw_arch_consistent(const cim_hw_arch *arch, char *reason, size_t size);

/** The field a reason (of the rules here, or of pricing) opens with: "crossbar.adcs is 129, ...".
 *  @return index in cim_hw_fields, or -1 */
int cim_hw_reason_field(const char *reason);

/** The resolved architecture as a JSON object (all fields, absent ones null), components, cost
 *  matrix and sources included: cim_hw_arch_read gives the same architecture again. */
void cim_hw_arch_write(const cim_hw_arch *arch, cim_jw *w, const char *key);

/** How a signed weight is stored. Offset: one column per slice of weight_bits. Differential: a column
 *  for positive weights and one for negative ones per slice of the magnitude, weight_bits - 1. */
int64_t cim_hw_weight_slices(const cim_hw_arch *arch);
/** Columns per slice: 1 (offset) or 2 (differential; the positive one first). */
int64_t cim_hw_weight_polarities(const cim_hw_arch *arch);

/** Bits of weights the whole chip stores: cores * crossbars * rows * cols * bits_per_cell. */
double cim_hw_arch_capacity_bits(const cim_hw_arch *arch);

/** Names and one-line descriptions of built-in presets. @return false past the last. */
bool cim_hw_preset_at(size_t i, const char **name, char *line, size_t size);

/** One line about an architecture: cores, crossbars, device, node, mode. @return buf */
const char *cim_hw_arch_summary(const cim_hw_arch *arch, char *buf, size_t size);

/** Words of choice fields, shared with other layers. The order of cim_hw_adc_models is the order
 *  the cost model's ADC table is indexed by. NULL-terminated. */
extern const char *const cim_hw_adc_models[]; /* isaac, accelergy, zigzag, neurosim, silicon,
                                                murmann, auto */
extern const char *const cim_hw_mode_words[];
extern const char *const cim_hw_device_words[];
extern const char *const cim_hw_level_words[];
extern const char *const cim_hw_objective_words[];
extern const char *const cim_hw_noc_words[];
extern const char *const cim_hw_placement_words[];
extern const char *const cim_hw_summing_words[];
extern const char *const cim_hw_access_words[];
extern const char *const cim_hw_buffer_words[];
extern const char *const cim_hw_memory_words[];
extern const char *const cim_hw_tier_words[]; /* chip, core, crossbar: "per" of a component */

#endif
