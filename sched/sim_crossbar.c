/* Products through crossbars, conversion by conversion. Equations: sched/SIMULATORS.md. */
#include "sched/sim_internal.h"

#include "costmodel/fidelity.h"

#include <math.h>

enum { CELLS_AT_ONCE = 1 << 23, TABLE_MAX = 1 << 16, MAX_PHASES = 16 };

/* Rows of one matrix that are converted together. */
typedef struct part {
    int64_t start, length, pitch;
    int64_t cells; /* offset of its first cell; [cols][columns of a weight][pitch] */
} part;

struct cim_cc_crossbars {
    const cim_hw_arch *arch;
    const cim_cc_sim_product *p;
    int64_t phases, dac_bits, cell_bits;
    int64_t polarities, columns; /* of a slice; of a weight: slice by slice */
    int64_t input_offset, weight_offset;
    int64_t top;      /* highest level of a cell */
    int64_t max_cols; /* programmed at once */
    double full_scale, range, step, last_code;
    int32_t *code_of; /* converter's code of small sums; NULL when it loses nothing */
    int64_t n_codes, max_codes;
    int32_t *codes;             /* room for max_codes */
    float *delta;               /* deviations of the cells, NULL: ideal */
    cim_cc_histogram *watching; /* sums are counted, not converted */
    part *parts;
    int64_t n_parts, max_parts;
    int64_t cols; /* programmed */
    int16_t *cells;
    bool *flipped;       /* [parts][cols][columns of a weight] */
    int64_t *weight_sum; /* per column */
    int16_t *digits;     /* [BLOCK][phases][pitch of a part] */
    int64_t *code, *fix; /* [BLOCK][cols] */
    double conversions;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Row tiles of the crossbar's rows, in them groups of the rows that may be on at once. A packed
 * group of a grouped convolution starts further down its crossbar. */
static void cut_rows(cim_cc_crossbars *c, int64_t group)
{
    int64_t rows = c->arch->crossbar.rows, together = c->arch->crossbar.parallel_rows;
    int64_t offset = group % c->p->pack * c->p->rows, cells = 0;
    c->n_parts = 0;
    for (int64_t at = 0; at < c->p->rows;) {
        int64_t in_tile = (offset + at) % rows;
        int64_t end = in_tile / together * together + together;
        end = end < rows ? end : rows;
        part *q = &c->parts[c->n_parts++];
        q->start = at;
        q->length = end - in_tile < c->p->rows - at ? end - in_tile : c->p->rows - at;
        q->pitch = cim_cc_pitch(q->length);
        q->cells = cells;
        cells += q->pitch * c->columns * c->max_cols;
        at += q->length;
    }
}

static double converter_code(const cim_cc_crossbars *c, double sum)
{
    double code = nearbyint(sum / c->step); /* ties to even */
    return code < 0 ? 0 : code < c->last_code ? code : c->last_code;
}

/* The converters' range decides their step; what is beyond it saturates. */
static void set_range(cim_cc_crossbars *c, double range)
{
    c->step = cim_cost_adc_range_step(c->arch, range);
    c->range = fmin(c->full_scale, c->step * c->last_code);
    bool lossless = c->arch->crossbar.adcs == 0 || (c->step <= 1 && c->range >= c->full_scale);
    c->n_codes = lossless ? 0 : c->max_codes;
    c->code_of = lossless ? NULL : c->codes;
    for (int64_t s = 0; s < c->n_codes; s++)
        c->code_of[s] = (int32_t)converter_code(c, (double)s);
}

static bool set_converters(cim_cc_crossbars *c, cim_arena *memory)
{
    double together = fmin((double)c->arch->crossbar.parallel_rows, (double)c->p->rows);
    c->full_scale = cim_cost_adc_full_scale(c->arch, together);
    c->last_code = pow(2, (double)c->arch->crossbar.adc_bits) - 1;
    c->max_codes = c->full_scale + 1 < TABLE_MAX ? (int64_t)c->full_scale + 1 : TABLE_MAX;
    c->codes = cim_arena_take(memory, (size_t)c->max_codes, sizeof *c->codes);
    if (!c->codes)
        return false;
    set_range(c, c->full_scale * c->arch->adc.clip);
    return true;
}

static bool buffers(cim_cc_crossbars *c, cim_arena *memory)
{
    const cim_cc_sim_product *p = c->p;
    /* a packed group's first part may be cut short, so one more */
    int64_t together = c->arch->crossbar.parallel_rows, rows = c->arch->crossbar.rows;
    c->max_parts = (ceil_div(p->rows, rows) + 1) * ceil_div(rows, together) + 1;
    if (c->max_parts > p->rows)
        c->max_parts = p->rows;
    int64_t column = c->columns * (p->rows + 8 * c->max_parts);
    c->max_cols = CELLS_AT_ONCE / column;
    c->max_cols = c->max_cols < 1 ? 1 : c->max_cols > p->cols ? p->cols : c->max_cols;
    size_t cols = (size_t)c->max_cols, parts = (size_t)c->max_parts;
    c->parts = cim_arena_take(memory, parts, sizeof *c->parts);
    c->cells = cim_arena_take(memory, cols * (size_t)column, sizeof *c->cells);
    c->flipped = cim_arena_take(memory, parts * cols * (size_t)c->columns, sizeof *c->flipped);
    c->weight_sum = cim_arena_take(memory, cols, sizeof *c->weight_sum);
    c->digits = cim_arena_take(memory, (size_t)(CIM_CC_SIM_BLOCK * c->phases * p->pitch),
                               sizeof *c->digits);
    c->code = cim_arena_take(memory, CIM_CC_SIM_BLOCK * cols, sizeof *c->code);
    c->fix = cim_arena_take(memory, CIM_CC_SIM_BLOCK * cols, sizeof *c->fix);
    if (p->cell_sigma > 0 && c->arch->crossbar.adcs > 0) {
        c->delta = cim_arena_take(memory, cols * (size_t)column, sizeof *c->delta);
        if (!c->delta)
            return false;
    }
    return c->parts && c->cells && c->flipped && c->weight_sum && c->digits && c->code && c->fix;
}

cim_cc_crossbars *cim_cc_crossbars_open(cim_arena *memory, const cim_hw_arch *arch,
                                        const cim_cc_sim_product *p)
{
    cim_cc_crossbars *c = cim_arena_alloc(memory, 1, sizeof *c);
    if (!c)
        return NULL;
    c->arch = arch;
    c->p = p;
    c->dac_bits = arch->crossbar.dac_bits;
    c->cell_bits = arch->device.bits_per_cell;
    c->phases = ceil_div(arch->workload.activation_bits, c->dac_bits);
    c->polarities = cim_hw_weight_polarities(arch);
    c->columns = cim_hw_weight_slices(arch) * c->polarities;
    c->weight_offset = c->polarities == 1 ? INT64_C(1) << (arch->workload.weight_bits - 1) : 0;
    c->input_offset = p->offset_input ? INT64_C(1) << (arch->workload.activation_bits - 1) : 0;
    c->top = (INT64_C(1) << c->cell_bits) - 1;
    return set_converters(c, memory) ? c : NULL;
}

cim_cc_crossbars *cim_cc_crossbars_create(cim_arena *memory, const cim_hw_arch *arch,
                                          const cim_cc_sim_product *p)
{
    cim_cc_crossbars *c = cim_cc_crossbars_open(memory, arch, p);
    return c && buffers(c, memory) ? c : NULL;
}

double cim_cc_crossbars_step(const cim_cc_crossbars *c)
{
    return c->step;
}

double cim_cc_crossbars_range(const cim_cc_crossbars *c)
{
    return c->range;
}

bool cim_cc_crossbars_lossless(const cim_cc_crossbars *c)
{
    return !c->code_of;
}

bool cim_cc_crossbars_watch(cim_cc_crossbars *c, cim_arena *memory)
{
    c->watching = cim_arena_take(memory, 1, sizeof *c->watching);
    if (c->watching)
        cim_cc_histogram_init(c->watching, c->full_scale);
    return c->watching != NULL;
}

void cim_cc_crossbars_fit(cim_cc_crossbars *c)
{
    double range = cim_cc_histogram_range(c->watching, c->arch->adc.clip_percentile);
    c->watching = NULL;
    c->conversions = 0;
    set_range(c, fmax(1, fmin(range, c->full_scale * c->arch->adc.clip)));
}

double cim_cc_crossbars_conversions(const cim_cc_crossbars *c)
{
    return c->conversions;
}

int64_t cim_cc_crossbars_cols(const cim_cc_crossbars *c)
{
    return c->max_cols;
}

/* What a column of a weight takes its digits from: offset weights are never negative, of differential
 * ones a column holds those of its sign. */
static int64_t magnitude(const cim_cc_crossbars *c, int64_t w, int64_t column)
{
    if (c->polarities == 1)
        return w + c->weight_offset;
    w = column % 2 ? -w : w;
    return w > 0 ? w : 0;
}

/* One column's cells; offset: complemented when they sum to more than half (ISAAC). */
static bool program_column(const cim_cc_crossbars *c, const part *q, const int16_t *w,
                           int64_t column, int16_t *cell)
{
    int64_t sum = 0, shift = column / c->polarities * c->cell_bits;
    for (int64_t i = 0; i < q->length; i++) {
        cell[i] = (int16_t)(magnitude(c, w[q->start + i], column) >> shift & c->top);
        sum += cell[i];
    }
    for (int64_t i = q->length; i < q->pitch; i++)
        cell[i] = 0;
    bool flip = c->polarities == 1 && 2 * sum > c->top * q->length;
    for (int64_t i = 0; flip && i < q->length; i++)
        cell[i] = (int16_t)(c->top - cell[i]);
    return flip;
}

void cim_cc_crossbars_program(cim_cc_crossbars *c, int64_t group, int64_t col, int64_t cols)
{
    const cim_cc_sim_product *p = c->p;
    cut_rows(c, group);
    c->cols = cols;
    for (int64_t j = 0; j < cols; j++) {
        const int16_t *w = p->w + (group * p->cols + col + j) * p->pitch;
        c->weight_sum[j] = 0;
        for (int64_t i = 0; i < p->rows; i++)
            c->weight_sum[j] += w[i];
        for (int64_t k = 0; k < c->n_parts; k++)
            for (int64_t s = 0; s < c->columns; s++) {
                const part *q = &c->parts[k];
                int64_t at = q->cells + (j * c->columns + s) * q->pitch;
                c->flipped[(k * cols + j) * c->columns + s] =
                    program_column(c, q, w, s, c->cells + at);
                if (c->delta) {
                    int64_t column = (group * p->cols + col + j) * c->n_parts + k;
                    cim_cc_cells_deviate(p, c->cells + at, q->length, q->pitch,
                                         (uint64_t)(column * c->columns + s), c->delta + at);
                }
            }
    }
}

/* The digits of one vector's rows in a part. @return the sum of what is driven */
static int64_t cut_digits(const cim_cc_crossbars *c, const part *q, const int16_t *x,
                          int16_t *digits)
{
    int64_t sum = 0, mask = (INT64_C(1) << c->dac_bits) - 1;
    for (int64_t ph = 0; ph < c->phases; ph++) {
        int16_t *d = digits + ph * q->pitch;
        for (int64_t i = 0; i < q->length; i++) /* 16-bit digits wrap; see part_sums() */
            d[i] = (int16_t)((x[q->start + i] + c->input_offset) >> (ph * c->dac_bits) & mask);
        for (int64_t i = q->length; i < q->pitch; i++)
            d[i] = 0;
    }
    for (int64_t i = 0; i < q->length; i++)
        sum += x[q->start + i] + c->input_offset;
    return sum;
}

/* What the column carries in every phase. */
static void part_sums(const cim_cc_crossbars *c, const part *q, const int16_t *cell,
                      const int16_t *digits, int64_t *sums)
{
    int64_t bound = c->top * ((INT64_C(1) << c->dac_bits) - 1);
    if (c->dac_bits < 16) {
        cim_cc_dots(cell, digits, q->pitch, q->pitch, c->phases, bound, sums);
        return;
    }
    for (int64_t ph = 0; ph < c->phases; ph++) {
        sums[ph] = 0;
        for (int64_t i = 0; i < q->length; i++)
            sums[ph] += (int64_t)cell[i] * (uint16_t)digits[ph * q->pitch + i];
    }
}

/* Convert a column's sums and add the codes up by phase. */
static int64_t convert(const cim_cc_crossbars *c, const int64_t *sums)
{
    int64_t total = 0;
    for (int64_t ph = 0; ph < c->phases; ph++) {
        int64_t code = !c->code_of             ? sums[ph]
                       : sums[ph] < c->n_codes ? c->code_of[sums[ph]]
                                               : (int64_t)converter_code(c, (double)sums[ph]);
        total += code * (INT64_C(1) << (ph * c->dac_bits));
    }
    return total;
}

/* The same with what the cells' deviations add to the sums. */
static int64_t convert_deviating(const cim_cc_crossbars *c, const part *q, const float *delta,
                                 const int16_t *digits, const int64_t *sums)
{
    int64_t total = 0;
    for (int64_t ph = 0; ph < c->phases; ph++) {
        double error = cim_cc_cells_error(delta, digits + ph * q->pitch, q->pitch);
        int64_t code = (int64_t)converter_code(c, (double)sums[ph] + error);
        total += code * (INT64_C(1) << (ph * c->dac_bits));
    }
    return total;
}

static void drive_part(cim_cc_crossbars *c, int64_t k, const int64_t *driven, int64_t n)
{
    const part *q = &c->parts[k];
    int64_t sums[MAX_PHASES];
    for (int64_t j = 0; j < c->cols; j++)
        for (int64_t s = 0; s < c->columns; s++) {
            const int16_t *cell = c->cells + q->cells + (j * c->columns + s) * q->pitch;
            bool flip = c->flipped[(k * c->cols + j) * c->columns + s];
            int64_t weight = INT64_C(1) << (s / c->polarities * c->cell_bits);
            bool negative = flip || s % c->polarities == 1;
            for (int64_t v = 0; v < n; v++) {
                const int16_t *digits = c->digits + v * c->phases * q->pitch;
                part_sums(c, q, cell, digits, sums);
                if (c->watching) {
                    cim_cc_histogram_add(c->watching, sums, c->phases);
                    continue;
                }
                int64_t code =
                    c->delta ? convert_deviating(c, q, c->delta + (cell - c->cells), digits, sums)
                             : convert(c, sums);
                code *= weight;
                c->code[v * c->cols + j] += negative ? -code : code;
                c->fix[v * c->cols + j] += flip ? c->top * driven[v] * weight : 0;
            }
        }
    c->conversions += (double)(n * c->cols) * (double)(c->columns * c->phases);
}

void cim_cc_crossbars_drive(cim_cc_crossbars *c, const int16_t *x, int64_t n, double *acc)
{
    int64_t driven[CIM_CC_SIM_BLOCK], all[CIM_CC_SIM_BLOCK] = {0};
    for (int64_t i = 0; i < n * c->cols; i++)
        c->code[i] = c->fix[i] = 0;
    for (int64_t k = 0; k < c->n_parts; k++) {
        for (int64_t v = 0; v < n; v++) {
            driven[v] = cut_digits(c, &c->parts[k], x + v * c->p->pitch,
                                   c->digits + v * c->phases * c->parts[k].pitch);
            all[v] += driven[v];
        }
        drive_part(c, k, driven, n);
    }
    for (int64_t v = 0; v < n; v++)
        for (int64_t j = 0; j < c->cols; j++) {
            int64_t i = v * c->cols + j;
            cim_cc_rows_correct(c, all[v], c->weight_sum[j], &c->fix[i]);
            acc[i] = cim_cc_crossbars_value(c, c->code[i], c->fix[i]);
        }
}

/* ---- rows that are converted together, one column at a time ------------------------------------- */

int64_t cim_cc_crossbars_phases(const cim_cc_crossbars *c)
{
    return c->phases;
}

double cim_cc_crossbars_value(const cim_cc_crossbars *c, int64_t code, int64_t fix)
{
    return c->code_of ? c->step * (double)code + (double)fix : (double)(code + fix);
}

void cim_cc_rows_correct(const cim_cc_crossbars *c, int64_t driven, int64_t weight_sum,
                         int64_t *fix)
{
    *fix -= c->weight_offset * driven + c->input_offset * weight_sum;
}

static part alone(int64_t length)
{
    return (part){.length = length, .pitch = cim_cc_pitch(length)};
}

bool cim_cc_rows_program(const cim_cc_crossbars *c, const int16_t *w, int64_t length,
                         int64_t column, int16_t *cell)
{
    part q = alone(length);
    return program_column(c, &q, w, column, cell);
}

int64_t cim_cc_rows_digits(const cim_cc_crossbars *c, const int16_t *x, int64_t length,
                           int16_t *digits)
{
    part q = alone(length);
    return cut_digits(c, &q, x, digits);
}

void cim_cc_rows_drive(cim_cc_crossbars *c, const int16_t *cell, bool flip, int64_t column,
                       const int16_t *digits, int64_t driven, int64_t length, int64_t *code,
                       int64_t *fix)
{
    int64_t sums[MAX_PHASES], weight = INT64_C(1) << (column / c->polarities * c->cell_bits);
    part q = alone(length);
    part_sums(c, &q, cell, digits, sums);
    int64_t sum = convert(c, sums) * weight;
    *code += flip || column % c->polarities == 1 ? -sum : sum;
    *fix += flip ? c->top * driven * weight : 0;
    c->conversions += (double)c->phases;
}
