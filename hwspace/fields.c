/* The table of knobs: one row per dotted path. Ranges are what the models can be asked about, not
 * what is sensible to build; the component library narrows them (nodes, ADC bits) with a reason. */
#include "hwspace/arch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const cim_hw_adc_models[] = {"isaac",   "accelergy", "zigzag", "neurosim",
                                         "silicon", "murmann",   "auto",   NULL};
const char *const cim_hw_mode_words[] = {"core", "crossbar", "wordline", NULL};
const char *const cim_hw_noc_words[] = {"ideal", "bus", "mesh", "torus", "tree", NULL};
const char *const cim_hw_device_words[] = {"sram",     "reram",     "pcm", "fefet",
                                           "stt_mram", "nor_flash", NULL};
const char *const cim_hw_level_words[] = {"none", "cg", "mvm", "vvm", NULL};
const char *const cim_hw_objective_words[] = {"latency", "throughput", "energy", "edp", NULL};
const char *const cim_hw_tier_words[] = {"chip", "core", "crossbar", NULL};
const char *const cim_hw_summing_words[] = {"auto", "charge", "current", "digital", "static", NULL};
const char *const cim_hw_access_words[] = {"library", "transistor", "auto", NULL};
const char *const cim_hw_buffer_words[] = {"sram", "edram", NULL};
const char *const cim_hw_memory_words[] = {"dram", "gddr5", "hbm2", NULL};
static const char *const duplication_words[] = {"exact", "divisor", "none", NULL};
static const char *const segmentation_words[] = {"optimal", "greedy", NULL};
static const char *const binding_words[] = {"columns", "crossbars", NULL};
static const char *const tiling_words[] = {"rows", "columns", NULL};
static const char *const dynamic_words[] = {"alu", "crossbar", NULL};
static const char *const signed_words[] = {"offset", "differential", NULL};
const char *const cim_hw_placement_words[] = {"row_major", "snake", "hilbert", "optimised", NULL};
static const char *const data_words[] = {"uniform", "gaussian", NULL};

/* The words are indexed by the enums of arch.h. */
_Static_assert(sizeof cim_hw_device_words / sizeof *cim_hw_device_words == CIM_HW_N_DEVICES + 1,
               "a device without a word");
_Static_assert(sizeof cim_hw_tier_words / sizeof *cim_hw_tier_words == CIM_HW_N_TIERS + 1,
               "a tier without a word");
_Static_assert(sizeof cim_hw_adc_models / sizeof *cim_hw_adc_models == CIM_HW_ADC_AUTO + 2,
               "a converter model without a word");
_Static_assert(sizeof cim_hw_buffer_words / sizeof *cim_hw_buffer_words == CIM_HW_N_BUFFERS + 1,
               "a buffer without a word");
_Static_assert(sizeof cim_hw_memory_words / sizeof *cim_hw_memory_words == CIM_HW_N_MEMORIES + 1,
               "a memory without a word");

#define AT(member) offsetof(cim_hw_arch, member)
#define INTEGER(p, at, lo, hi, def, u, d)                                                          \
    {                                                                                              \
        .path = p, .type = CIM_HW_INT, .offset = AT(at), .min = lo, .max = hi, .fallback = def,    \
        .unit = u, .doc = d, .absent = NAN                                                         \
    }
#define REAL(p, at, lo, hi, def, u, d)                                                             \
    {                                                                                              \
        .path = p, .type = CIM_HW_REAL, .offset = AT(at), .min = lo, .max = hi, .fallback = def,   \
        .unit = u, .doc = d, .absent = NAN                                                         \
    }
/* A real that may be absent; expressions then see `none`. */
#define MAYBE(p, at, lo, hi, none, u, d)                                                           \
    {                                                                                              \
        .path = p, .type = CIM_HW_REAL, .offset = AT(at), .min = lo, .max = hi, .optional = true,  \
        .fallback = NAN, .unit = u, .doc = d, .absent = none                                       \
    }
#define WORDS(p, at, list, def, d)                                                                 \
    {                                                                                              \
        .path = p, .type = CIM_HW_CHOICE, .offset = AT(at), .choices = list, .min = 0,             \
        .max = sizeof list / sizeof *list - 2, .fallback = def, .unit = "", .doc = d,              \
        .absent = NAN                                                                              \
    }
#define FLAG(p, at, def, d)                                                                        \
    {                                                                                              \
        .path = p, .type = CIM_HW_BOOL, .offset = AT(at), .min = 0, .max = 1, .fallback = def,     \
        .unit = "", .doc = d, .absent = NAN                                                        \
    }
#define REQUIRED NAN

const cim_hw_field cim_hw_fields[] = {
    WORDS("computing_mode", computing_mode, cim_hw_mode_words, REQUIRED,
          "what software controls: whole cores, crossbars, or single wordlines"),
    REAL("technology_nm", technology_nm, 3, 250, REQUIRED, "nm", "process node"),
    REAL("supply_v", supply_v, 0.1, 5, 1.0, "V", "supply voltage of the digital part"),
    REAL("clock_mhz", clock_mhz, 0.001, 20000, REQUIRED, "MHz",
         "clock of buses, buffers and ALUs; every rate per cycle refers to it"),

    INTEGER("chip.cores", chip.cores, 1, 1e6, REQUIRED, "", "cores on the chip"),
    WORDS("chip.noc", chip.noc, cim_hw_noc_words, CIM_HW_NOC_IDEAL,
          "network between cores; ideal costs nothing"),
    MAYBE("chip.noc_bits_per_cycle", chip.noc_bits_per_cycle, 1e-3, 1e9, INFINITY, "bit/cycle",
          "bandwidth of one NoC link; null: no bottleneck"),
    MAYBE("chip.buffer_kib", chip.buffer_kib, 0.0009765625, 1e9, INFINITY, "KiB",
          "global (L0) buffer; null: unlimited and free"),
    WORDS("chip.buffer_type", chip.buffer_type, cim_hw_buffer_words, CIM_HW_BUFFER_SRAM,
          "what the global buffer is made of"),
    MAYBE("chip.buffer_bits_per_cycle", chip.buffer_bits_per_cycle, 1e-3, 1e9, INFINITY,
          "bit/cycle", "bandwidth of the global buffer; null: no bottleneck"),
    MAYBE("chip.alu_ops_per_cycle", chip.alu_ops_per_cycle, 1e-3, 1e9, INFINITY, "op/cycle",
          "chip-level ALU rate; null: no bottleneck"),
    MAYBE("chip.offchip_gb_per_s", chip.offchip_gb_per_s, 1e-6, 1e6, INFINITY, "GB/s",
          "off-chip bandwidth, 1e9 bytes per second; null: no bottleneck"),

    WORDS("chip.offchip_memory", chip.offchip_memory, cim_hw_memory_words, CIM_HW_MEMORY_DRAM,
          "what stands at the off-chip link"),

    INTEGER("core.crossbars", core.crossbars, 1, 65536, REQUIRED, "", "crossbars in a core"),
    MAYBE("core.buffer_kib", core.buffer_kib, 0.0009765625, 1e9, INFINITY, "KiB",
          "local (L1) buffer of a core; null: unlimited and free"),
    WORDS("core.buffer_type", core.buffer_type, cim_hw_buffer_words, CIM_HW_BUFFER_SRAM,
          "what the local buffer is made of"),
    MAYBE("core.buffer_bits_per_cycle", core.buffer_bits_per_cycle, 1e-3, 1e9, INFINITY,
          "bit/cycle", "bandwidth of a core's buffer; null: no bottleneck"),
    MAYBE("core.alu_ops_per_cycle", core.alu_ops_per_cycle, 1e-3, 1e9, INFINITY, "op/cycle",
          "ALU rate of a core; null: no bottleneck"),

    INTEGER("crossbar.rows", crossbar.rows, 1, 8192, REQUIRED, "", "wordlines of a crossbar"),
    INTEGER("crossbar.cols", crossbar.cols, 1, 8192, REQUIRED, "", "bitlines of a crossbar"),
    {.path = "crossbar.parallel_rows",
     .type = CIM_HW_INT,
     .offset = AT(crossbar.parallel_rows),
     .min = 1,
     .max = 8192,
     .fallback = NAN,
     .unit = "",
     .absent = NAN,
     .doc = "wordlines that may be on at once, at most rows",
     .fallback_path = "crossbar.rows"},
    INTEGER("crossbar.adcs", crossbar.adcs, 0, 8192, 1, "",
            "converters per crossbar, at most cols; 0: digital CIM, no converter"),
    INTEGER("crossbar.adc_bits", crossbar.adc_bits, 1, 16, 8, "bit", "resolution of a converter"),
    INTEGER("crossbar.dac_bits", crossbar.dac_bits, 1, 16, 1, "bit",
            "input bits driven on a wordline at once"),
    WORDS("crossbar.signed_weights", crossbar.signed_weights, signed_words, CIM_HW_SIGNED_OFFSET,
          "weights of either sign: offset binary, or a column for each sign"),
    MAYBE("crossbar.read_ns", crossbar.read_ns, 1e-3, 1e6, NAN, "ns",
          "one activation of a crossbar; null: the device's default"),
    MAYBE("crossbar.adc_msps", crossbar.adc_msps, 1e-3, 1e6, INFINITY, "MS/s",
          "conversions of one converter; null: keeps up with read_ns"),

    WORDS("crossbar.domain", crossbar.domain, cim_hw_summing_words, CIM_HW_SUM_AUTO,
          "how the array sums; auto: digital without converters, charge in SRAM, else current; "
          "static: SRAM cells that conduct for the whole access"),
    {.path = "crossbar.read_rows",
     .type = CIM_HW_INT,
     .offset = AT(crossbar.read_rows),
     .min = 1,
     .max = 8192,
     .fallback = NAN,
     .unit = "",
     .absent = NAN,
     .doc = "rows that read_ns was stated for: a taller crossbar reads slower in proportion",
     .fallback_path = "crossbar.rows"},
    INTEGER("crossbar.merge_cols", crossbar.merge_cols, 1, 16, 1, "",
            "bitlines joined, bit-weighted, before one conversion: bits of one weight, SRAM only"),

    WORDS("device.type", device.type, cim_hw_device_words, REQUIRED, "memory cell"),
    INTEGER("device.bits_per_cell", device.bits_per_cell, 1, 8, 1, "bit", "bits in one cell"),
    WORDS(
        "device.access", device.access, cim_hw_access_words, CIM_HW_ACCESS_AUTO,
        "what selects a cell: as the library publishes it (crosspoints), or a transistor per cell "
        "(1T1R); auto: a transistor, as in all published silicon"),
    MAYBE("device.cell_f2", device.cell_f2, 1, 1e5, NAN, "F2",
          "area of one bare cell where a publication gives it; null: the library's"),
    MAYBE("device.on_ohm", device.on_ohm, 1, 1e12, NAN, "ohm",
          "resistance of a cell that is on; null: the library's"),
    MAYBE("device.off_ohm", device.off_ohm, 1, 1e12, NAN, "ohm",
          "resistance of a cell that is off; null: the library's"),
    MAYBE("device.read_v", device.read_v, 1e-3, 10, NAN, "V",
          "voltage across a resistive cell that is read; null: the library's read energy"),
    MAYBE("device.read_pulse_ns", device.read_pulse_ns, 1e-3, 1e6, NAN, "ns",
          "how long it is there, given with read_v"),

    {.path = "device.variation",
     .type = CIM_HW_REAL,
     .offset = AT(device.variation),
     .min = 0,
     .max = 1,
     .optional = true,
     .fallback = 0,
     .unit = "",
     .absent = NAN,
     .doc =
         "relative standard deviation of a cell's conductance, for sqnr_db and simulation; null: "
         "the component library's"},

    WORDS("adc.model", adc.model, cim_hw_adc_models, CIM_HW_ADC_AUTO,
          "which of the library's converter models prices the ADC; auto: murmann; neurosim up to 4 "
          "bits under cells with a transistor; isaac for crosspoints"),
    REAL("adc.clip", adc.clip, 1e-4, 1, 1, "",
         "share of the largest possible column sum a converter covers; sums beyond saturate"),
    MAYBE(
        "adc.clip_percentile", adc.clip_percentile, 50, 99.9999, 100, "%",
        "converters cover this percentage of every operator's column sums, if less than adc.clip"),

    INTEGER("workload.weight_bits", workload.weight_bits, 1, 16, 8, "bit", "weight precision"),
    INTEGER("workload.activation_bits", workload.activation_bits, 1, 16, 8, "bit",
            "activation precision"),
    WORDS(
        "workload.data", workload.data, data_words, CIM_HW_DATA_GAUSSIAN,
        "distribution of operands that sqnr_db assumes; gaussian inputs known to be >= 0 are half "
        "zeros"),
    REAL("workload.weight_peak_to_rms", workload.weight_peak_to_rms, 1.5, 1000, 12, "",
         "largest weight of a tensor over its root mean square, where data are gaussian"),
    REAL("workload.activation_peak_to_rms", workload.activation_peak_to_rms, 1.5, 1000, 10, "",
         "the same of activations"),
    INTEGER("workload.batch", workload.batch, 1, 1e6, 1, "", "inferences run back to back"),
    INTEGER("workload.sequence_length", workload.sequence_length, 0, 1e6, 0, "",
            "tokens of a sequence model; 0: as in the model file"),
    REAL("workload.input_density", workload.input_density, 0, 1, 0.5, "",
         "share of ones among the input bits: switching of the arrays"),
    REAL("workload.weight_density", workload.weight_density, 0, 1, 0.5, "",
         "share of ones among the weight bits"),

    WORDS("schedule.level", schedule.level, cim_hw_level_words, CIM_HW_LEVEL_CG,
          "deepest scheduling level; each includes those before it"),
    WORDS("schedule.objective", schedule.objective, cim_hw_objective_words,
          CIM_HW_OBJECTIVE_LATENCY, "what duplication and segmentation minimise or maximise"),
    FLAG("schedule.pipeline", schedule.pipeline, 1, "operators overlap; false: one after another"),
    WORDS("schedule.duplication", schedule.duplication, duplication_words, CIM_HW_DUPLICATION_EXACT,
          "how spare units become copies of operators"),
    INTEGER("schedule.max_copies", schedule.max_copies, 0, 1e9, 0, "",
            "most copies of one operator; 0: no limit"),
    WORDS("schedule.segmentation", schedule.segmentation, segmentation_words,
          CIM_HW_SEGMENTATION_OPTIMAL, "how a network larger than the chip is cut"),
    WORDS("schedule.binding", schedule.binding, binding_words, CIM_HW_BINDING_COLUMNS,
          "bits of a weight go to adjacent columns or to different crossbars"),
    WORDS(
        "schedule.tiling", schedule.tiling, tiling_words, CIM_HW_TILING_ROWS,
        "tiles that are neighbours: of a row of tiles (share inputs) or a column (share outputs)"),
    FLAG("schedule.packing", schedule.packing, 1,
         "groups of a grouped convolution share crossbars, block-diagonally; false: one per "
         "crossbar"),
    WORDS("schedule.dynamic_products", schedule.dynamic, dynamic_words, CIM_HW_DYNAMIC_ALU,
          "products of two activations: on ALUs, or one is written to crossbars at run time"),
    FLAG("schedule.stagger", schedule.stagger, 1,
         "level mvm and deeper: products start as their own inputs arrive, not a row's at once"),
    FLAG("schedule.remap", schedule.remap, 1,
         "level vvm: rows that cannot be on together are spread over crossbars where it pays"),
    FLAG("schedule.write_overlap", schedule.write_overlap, 0,
         "SRAM: a segment's weights may be written to one half of the chip while the other "
         "computes"),
    INTEGER("schedule.effort", schedule.effort, 1, 1000, 1, "",
            "how long copies of a pipeline are searched for: times the work of a search's point"),
    WORDS("schedule.placement", schedule.placement, cim_hw_placement_words,
          CIM_HW_PLACEMENT_ROW_MAJOR, "order in which operators take cores"),
    {.path = "schedule.peak_power_cap_w",
     .type = CIM_HW_REAL,
     .offset = AT(schedule.peak_power_cap_w),
     .min = 1e-9,
     .max = 1e6,
     .optional = true,
     .fallback = NAN,
     .unit = "W",
     .absent = INFINITY,
     .doc = "no schedule may exceed this peak power; null: no cap"},
};

const size_t cim_hw_n_fields = sizeof cim_hw_fields / sizeof *cim_hw_fields;
_Static_assert(sizeof cim_hw_fields / sizeof *cim_hw_fields <= CIM_HW_MAX_FIELDS,
               "too many fields for a mask");

int cim_hw_field_find(const char *path)
{
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        if (!strcmp(cim_hw_fields[i].path, path))
            return (int)i;
    return -1;
}

double cim_hw_field_get(const cim_hw_arch *arch, const cim_hw_field *f)
{
    const char *at = (const char *)arch + f->offset;
    if (f->type == CIM_HW_REAL) {
        double v;
        memcpy(&v, at, sizeof v);
        return v;
    }
    int64_t v;
    memcpy(&v, at, sizeof v);
    return (double)v;
}

void cim_hw_field_put(cim_hw_arch *arch, const cim_hw_field *f, double v)
{
    char *at = (char *)arch + f->offset;
    if (f->type == CIM_HW_REAL) {
        memcpy(at, &v, sizeof v);
        return;
    }
    int64_t n = (int64_t)v;
    memcpy(at, &n, sizeof n);
}

const char *cim_hw_field_text(const cim_hw_field *f, double v, char *buf, size_t size)
{
    char number[32];
    if (isnan(v))
        snprintf(buf, size, "null");
    else if (f->type == CIM_HW_BOOL && (v == 0 || v == 1))
        snprintf(buf, size, "%s", v == 1 ? "true" : "false");
    else if (f->type == CIM_HW_CHOICE && v >= 0 && v <= f->max && v == floor(v))
        snprintf(buf, size, "%s", f->choices[(size_t)v]);
    else
        snprintf(buf, size, "%s", cim_double_text(v, number, sizeof number));
    return buf;
}

/* Append " word" while it fits; a message that is cut is still a message. */
static void append(char *buf, size_t size, const char *glue, const char *word)
{
    size_t n = strlen(buf);
    snprintf(buf + n, size - n, "%s%s", n ? glue : "", word);
}

const char *cim_hw_field_allowed(const cim_hw_field *f, char *buf, size_t size)
{
    buf[0] = '\0';
    if (f->type == CIM_HW_BOOL || f->type == CIM_HW_CHOICE) {
        char word[CIM_HW_NAME];
        for (double v = 0; v <= f->max; v++)
            append(buf, size, f->type == CIM_HW_BOOL ? " or " : ", ",
                   cim_hw_field_text(f, v, word, sizeof word));
    } else {
        snprintf(buf, size, "%s%.15g to %.15g%s%s%s",
                 f->type == CIM_HW_INT ? "an integer from " : "", f->min, f->max,
                 *f->unit ? " " : "", f->unit, f->optional ? ", or null" : "");
    }
    return buf;
}

cim_status cim_hw_field_check(const cim_hw_field *f, double v, const char *where, cim_err *err)
{
    char found[64], allowed[160];
    bool fits = isnan(v) ? f->optional
                         : v >= f->min && v <= f->max && (f->type == CIM_HW_REAL || v == floor(v));
    if (!fits)
        return cim_err_set(err, CIM_E_INPUT, where, "%s: found %s, allowed is %s", f->path,
                           isnan(v) ? "no number" : cim_hw_field_text(f, v, found, sizeof found),
                           cim_hw_field_allowed(f, allowed, sizeof allowed));
    return CIM_OK;
}

static cim_status read_word(const cim_hw_field *f, const cim_json *doc, const cim_json_node *node,
                            double *out, cim_err *err)
{
    const char *s = NULL;
    CIM_TRY(cim_json_string(doc, node, &s, err));
    for (size_t i = 0; f->choices[i]; i++)
        if (!strcmp(s, f->choices[i])) {
            *out = (double)i;
            return CIM_OK;
        }
    char allowed[160];
    return cim_json_error(doc, node, err, "found \"%s\", allowed is one of: %s", s,
                          cim_hw_field_allowed(f, allowed, sizeof allowed));
}

static cim_status read_raw(const cim_hw_field *f, const cim_json *doc, const cim_json_node *node,
                           double *out, cim_err *err)
{
    int64_t integer = 0;
    bool flag = false;
    switch (f->type) {
    case CIM_HW_INT:
        CIM_TRY(cim_json_int(doc, node, (int64_t)f->min, (int64_t)f->max, &integer, err));
        *out = (double)integer;
        return CIM_OK;
    case CIM_HW_BOOL:
        CIM_TRY(cim_json_bool(doc, node, &flag, err));
        *out = flag;
        return CIM_OK;
    case CIM_HW_CHOICE:
        return read_word(f, doc, node, out, err);
    case CIM_HW_REAL:
        break;
    }
    return cim_json_double(doc, node, f->min, f->max, out, err);
}

cim_status cim_hw_field_read(const cim_hw_field *f, const cim_json *doc, const cim_json_node *node,
                             double *out, cim_err *err)
{
    double v = NAN;
    if (!(f->optional && cim_json_type_of(node) == CIM_JSON_NULL))
        CIM_TRY(read_raw(f, doc, node, &v, err));
    *out = v;
    return CIM_OK;
}
