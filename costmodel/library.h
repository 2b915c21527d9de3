/* The component library as the cost model sees it: plain numbers in the model's units (ns, pJ, mW,
 * um2, nm, V, bit), read from JSON by library.c and never changed afterwards. Private to costmodel.
 * The published interface is costmodel/cost.h. */
#ifndef CIM_COSTMODEL_LIBRARY_H
#define CIM_COSTMODEL_LIBRARY_H

#include "costmodel/explain.h"
#include "hwspace/base/json.h"

#include <stddef.h>

enum {
    COST_NAME = 48,
    COST_MAX_NODES = 16,  /* technology nodes of the scaling table */
    COST_GRID = 33,       /* supply voltages at which delay is tabulated */
    COST_MAX_ROWS = 24,   /* rows of any table */
    COST_MAX_ADC = 16,    /* named ADC models */
    COST_MAX_TABLES = 12, /* (node, width) tables of one buffer */
    COST_MAX_EVENTS = 6   /* events one component takes part in */
};

/* Factors of one (node, supply) relative to an arbitrary common unit; ratios of two of them scale
 * a value from where it was published to where it is used (scaling.c). */
typedef struct cost_scale {
    double nm, v;
    double area, energy, delay, leakage;
} cost_scale;

typedef struct cost_node {
    double nm, log_nm, area, log_area;
    double energy[3], delay[4];  /* polynomials in V, highest power first */
    double v_min, v_max;         /* where the fits hold */
    double log_delay[COST_GRID]; /* monotone envelope over [v_min, v_max] */
} cost_node;

typedef enum cost_scaling {
    COST_SCALE_LOGIC,   /* area, energy and delay like logic */
    COST_SCALE_FEATURE, /* area in F^2, energies and times belong to the device */
    COST_SCALE_FIT,     /* the model has the node among its arguments */
    COST_SCALE_VOLTAGE  /* energy C V^2 whatever the node, area like logic */
} cost_scaling;

/* Ways to build an array of one device: as its entry describes, summing currents on bitlines,
 * storing bits beside adder trees, with a transistor per cell, or with cells that conduct for the
 * whole access. */
typedef enum cost_array_kind {
    COST_ARRAY_OWN,
    COST_ARRAY_CURRENT,
    COST_ARRAY_DIGITAL,
    COST_ARRAY_TRANSISTOR,
    COST_ARRAY_STATIC,
    COST_N_ARRAYS
} cost_array_kind;
typedef struct cost_array {
    bool present;
    cost_scale at;   /* where the values were published */
    double f2;       /* bare cell */
    double overhead; /* array with drivers, decoders and sensing over its bare cells, >= 1 */
    double read_pj;
    double bitline_rows;    /* cells one bitline joins at most; 0: reading is per cell alone */
    double read_v, read_ns; /* resistive: across the cell, and for how long at most; 0: read_pj */
    double access_ns;       /* one activation; 0: the device's */
    double r_on, r_off;     /* of these cells; 0: the device's */
    double driver_um2;      /* of each wordline, bitline and source line: programming voltages */
    bool constant;          /* conducts whatever the data */
} cost_array;

typedef struct cost_device {
    bool present;
    cost_scaling scaling;
    bool wordline;          /* driven by plain wordlines instead of the analog driver "dac" */
    cost_scale at, leak_at; /* where the values were published */
    double max_bits;
    cost_array array[COST_N_ARRAYS];
    double read_ns, read_rows;
    double write_pj, write_row_ns;
    double leak_mw; /* per cell */
    double endurance, r_on, r_off, variation;
} cost_device;

typedef enum cost_adc_form {
    COST_ADC_TABLE,
    COST_ADC_ACCELERGY,
    COST_ADC_ZIGZAG,
    COST_ADC_NEUROSIM,
    COST_ADC_SILICON,
    COST_ADC_MURMANN
} cost_adc_form;

typedef struct cost_adc_model {
    char name[COST_NAME];
    cost_adc_form form;
    cost_scaling scaling;
    cost_scale at;
    double bits_min, bits_max, rate_max_msps; /* rate INFINITY where the form gives it */
    double nm_min, nm_max;
    double leak_share;
    int n_rows; /* table */
    double bits[COST_MAX_ROWS], pj[COST_MAX_ROWS], um2[COST_MAX_ROWS];
    double power_factor; /* quoted_rate / rate_max: energy at the rate the power is drawn at */
    double lin_ff, exp_ff, area_exponent, area_slope, row_ns, bit_ns; /* zigzag */
    int n_fit;                                                        /* neurosim */
    double fit_nm[COST_MAX_ROWS], fit_slope[COST_MAX_ROWS], fit_offset[COST_MAX_ROWS];
    char area_of[COST_NAME]; /* another model that lends its area */
    int area_index;
    double cap_ff;           /* silicon */
    double comparator_ff;    /* murmann: of one flash comparator; 0: no flash converters */
    double area_8b, area_nm; /* silicon, murmann: 8-bit converter; node it was measured at */
} cost_adc_model;

typedef struct cost_buffer_table {
    double nm, v, width;
    cost_scale at;
    int n;
    double log_kib[COST_MAX_ROWS], log_read[COST_MAX_ROWS], log_write[COST_MAX_ROWS],
        log_area[COST_MAX_ROWS];
} cost_buffer_table;

typedef struct cost_buffer_model {
    cost_scale leak_at;
    double leak_mw_per_kib;
    int n;                                    /* 0: not in the library */
    cost_buffer_table table[COST_MAX_TABLES]; /* by node, then width, ascending */
} cost_buffer_model;

typedef struct cost_unit { /* dac, sample-and-hold */
    cost_scale at;
    double pj, um2, leak_mw, factor_per_bit;
} cost_unit;

typedef struct cost_digital {
    cost_scale at;
    double gate_pj, gate_um2, gate_ns, adder_pj, adder_um2, adders;
    double gate_activity, adder_activity, layout;
    double sum_gates, carry_gates;                    /* gate delays of a full adder */
    double register_pj, register_um2, register_gates; /* a flip-flop, clocked once */
    double wire_share;                                /* of the energies above */
    double gate_7nm; /* capacitance of a gate at 7 nm over one where they are from; 0: scaled */
} cost_digital;

typedef struct cost_pitch { /* width of a converter in F */
    double published_f;     /* narrowest published */
    double min_f;           /* below: impossible */
} cost_pitch;

typedef struct cost_wordline {
    cost_scale at;
    double cell_pj, bit_pj; /* per cell driven; per input bit where there is more than one */
    double bit_um2;         /* of a row's driver, per input bit where there is more than one */
} cost_wordline;

typedef struct cost_alu {
    cost_scale at;
    double bits, add_pj, mul_pj, div_pj, special_pj, um2, leak_mw;
    double add_cycles, mul_cycles, div_cycles, special_cycles;
} cost_alu;

typedef struct cost_wire {
    int n;
    double log_nm[COST_MAX_ROWS], log_pj[COST_MAX_ROWS];
    cost_scale at[COST_MAX_ROWS];
} cost_wire;

typedef struct cost_router {
    cost_scale at;
    double ports, flit, pj, um2, leak_mw;
} cost_router;

typedef struct cost_offchip {
    double pj, um2, leak_mw;
} cost_offchip;

/* What generic hardware a listed component stands in for. */
typedef enum cost_slot {
    COST_SLOT_DAC,
    COST_SLOT_SHIFT_ADD,
    COST_SLOT_INPUT_REGISTER,
    COST_SLOT_OUTPUT_REGISTER,
    COST_SLOT_CORE_REGISTER,
    COST_SLOT_LOCAL_BUFFER,
    COST_SLOT_LOCAL_BUS,
    COST_SLOT_GLOBAL_BUFFER,
    COST_SLOT_ROUTER,
    COST_SLOT_OFFCHIP,
    COST_N_SLOTS
} cost_slot;

typedef enum cost_load { COST_LOAD_NONE, COST_LOAD_ROW_BITS, COST_LOAD_COLUMNS } cost_load;

typedef struct cost_part {
    char name[COST_NAME];
    cim_cost_kind kind;
    cost_scale at;
    double um2, leak_mw;
    int n_events;
    cim_cost_event event[COST_MAX_EVENTS];
    double pj[COST_MAX_EVENTS];
    double rate;       /* events per ns one instance sustains; its power is drawn at this rate */
    unsigned replaces; /* bits of cost_slot */
    cost_load load;
    double reference; /* load the values were published for */
    double shared_by; /* crossbars one instance serves with one event (a shared DAC array) */
    double ports;     /* of a router: rate / ports is one link's */
    double kib;       /* what an instance of a buffer holds; 0: any size */
} cost_part;

typedef struct cost_default {
    bool present;
    char component[COST_NAME];
    int part; /* index after loading */
    cim_hw_tier tier;
    double count;
} cost_default;

struct cim_cost_library {
    int n_nodes; /* coarse to fine */
    cost_node node[COST_MAX_NODES];
    cost_device device[CIM_HW_N_DEVICES];
    int n_adc;
    cost_adc_model adc[COST_MAX_ADC];
    cost_buffer_model buffer[CIM_HW_N_BUFFERS];
    unsigned periphery; /* bits: which of the following were read */
    cost_unit dac, sample_hold;
    cost_wordline wordline;
    cost_digital digital;
    cost_pitch pitch;
    cost_alu alu;
    cost_wire wire;
    cost_router router;
    cost_offchip offchip[CIM_HW_N_MEMORIES];
    size_t n_origins, origins_cap;
    cim_cost_origin *origin; /* owned: the source of every entry */
    size_t n_parts, parts_cap;
    cost_part *part; /* owned, sorted by name */
    cost_default fallback[COST_N_SLOTS];
};

/* ---- scaling.c ---- */
/** Prepare the scaling table after reading: sort, check, tabulate delays. NULL: fine, else what is
 *  wrong with it. */
const char *cost_scaling_prepare(cim_cost_library *lib);
/** Factors of a node and supply. The node must lie in the table's range. */
void cost_scaling_at(const cim_cost_library *lib, double nm, double v, cost_scale *out);
bool cost_scaling_covers(const cim_cost_library *lib, double nm);
/** The supply range of the fits at a node. */
void cost_scaling_supply(const cim_cost_library *lib, double nm, double *v_min, double *v_max);

/* ---- adc.c ---- */
typedef struct cost_adc {
    double pj;           /* dynamic, per conversion */
    double um2, leak_mw; /* per converter */
    double rate_msps;    /* at which it runs */
} cost_adc;
/** @param need_msps rate that keeps up with the crossbar; used when the architecture names none */
bool cost_adc_price(const cim_cost_library *lib, const cim_hw_arch *arch, const cost_scale *chip,
                    double need_msps, cost_adc *out, char *reason, size_t size);

/* ---- buffer.c ---- */
typedef struct cost_buffer {
    double read_pj, write_pj; /* per bit */
    double um2, leak_mw;
    bool extrapolated;
} cost_buffer;
void cost_buffer_price(const cim_cost_library *lib, const cost_buffer_model *model, double kib,
                       double bits_per_cycle, const cost_scale *chip, cost_buffer *out);

/* ---- library_sources.c ---- */
/** Keep the sources of a document that has been read. */
CIM_MUST_CHECK cim_status cost_sources_read(cim_cost_library *lib, const cim_json *doc,
                                            cim_err *err);
/** NULL: no such entry */
const cim_cost_origin *cost_source_find(const cim_cost_library *lib, const char *section,
                                        const char *name);
void cost_sources_free(cim_cost_library *lib);

/* ---- library_*.c ---- */
int cost_part_find(const cim_cost_library *lib, const char *name);
/** Read one document into the library; entries replace those of the same name. */
CIM_MUST_CHECK cim_status cost_library_read(cim_cost_library *lib, const cim_json *doc,
                                            cim_err *err);
CIM_MUST_CHECK cim_status cost_read_parts(cim_cost_library *lib, const cim_json *doc,
                                          const cim_json_node *node, cim_err *err);
CIM_MUST_CHECK cim_status cost_read_defaults(cim_cost_library *lib, const cim_json *doc,
                                             const cim_json_node *node, cim_err *err);

/* Reading one quantity {"value": 30, "unit": "pJ"}: the dimension decides which units are known and
 * what they convert to. */
typedef enum cost_dim {
    COST_DIM_ONE,
    COST_DIM_TIME,
    COST_DIM_ENERGY,
    COST_DIM_POWER,
    COST_DIM_AREA,
    COST_DIM_FEATURES, /* F^2 */
    COST_DIM_LENGTH,   /* nm */
    COST_DIM_VOLTAGE,
    COST_DIM_BITS,
    COST_DIM_SIZE,        /* KiB */
    COST_DIM_RATE,        /* 1/ns */
    COST_DIM_SAMPLING,    /* MS/s */
    COST_DIM_CAPACITANCE, /* fF */
    COST_DIM_RESISTANCE,
    COST_DIM_WIRE, /* pJ/mm */
    COST_N_DIMS
} cost_dim;
enum { COST_POSITIVE = 1, COST_OPTIONAL = 2 }; /* flags */
typedef struct cost_quantity {
    const char *key;
    cost_dim dim;
    unsigned flags;
    double *out;
} cost_quantity;
CIM_MUST_CHECK cim_status cost_read_value(const cim_json *doc, const cim_json_node *object,
                                          const cost_quantity *q, cim_err *err);
CIM_MUST_CHECK cim_status cost_read_values(const cim_json *doc, const cim_json_node *object,
                                           const cost_quantity *q, size_t n, cim_err *err);
/** A column {"values": [...], "unit": "pJ"} of at most `cap` numbers. */
CIM_MUST_CHECK cim_status cost_read_column(const cim_json *doc, const cim_json_node *object,
                                           const char *key, cost_dim dim, double *out, int cap,
                                           int *n, cim_err *err);
/** "technology" and "supply" of an entry. */
CIM_MUST_CHECK cim_status cost_read_origin(const cim_json *doc, const cim_json_node *entry,
                                           cost_scale *at, cim_err *err);
/** The entry is an object with a non-empty "source". */
CIM_MUST_CHECK cim_status cost_read_source(const cim_json *doc, const cim_json_node *entry,
                                           cim_err *err);
/** The member, or an error naming the object and the missing key. */
CIM_MUST_CHECK cim_status cost_member(const cim_json *doc, const cim_json_node *object,
                                      const char *key, const cim_json_node **out, cim_err *err);

extern const char *const cost_slot_names[COST_N_SLOTS];
extern const char *const cost_tier_names[CIM_HW_N_TIERS];

#endif
