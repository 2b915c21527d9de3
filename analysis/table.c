/* The front as text. Columns: knee mark, id, objectives, the parameters that differ between the
 * members; what is the same for all of them is said once below. */
#include "analysis/store.h"

#include "analysis/view.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 100, HEADER_LINES = 8, CELL = 128, REASONS = 3 };

typedef struct table_column {
    bool is_param;
    size_t index; /* of the parameter or metric */
    cim_ana_quantity quantity;
    char header[CIM_ANA_NAME + 40]; /* words packed into lines, '\n' between */
    size_t lines, width, least;     /* least: width of the longest word or value */
} table_column;

/* ---- cells ------------------------------------------------------------------------------------ */

static void param_text(const cim_ana_param *p, double v, char cell[CELL])
{
    if (isnan(v))
        snprintf(cell, CELL, "-");
    else if (p->type == CIM_ANA_BOOL)
        snprintf(cell, CELL, "%s", v != 0 ? "true" : "false");
    else if (p->type == CIM_ANA_ENUM)
        snprintf(cell, CELL, "%s", p->words[(size_t)v]);
    else if (p->type == CIM_ANA_INT && fabs(v) < 1e15)
        snprintf(cell, CELL, "%.0f", v);
    else
        snprintf(cell, CELL, "%.5g", v);
}

static void cell_text(const cim_ana_dataset *d, const table_column *c, uint64_t row,
                      char cell[CELL])
{
    if (c->is_param) {
        param_text(&d->params[c->index], d->points[row * d->n_params + c->index], cell);
        return;
    }
    char number[32];
    cim_ana_number(d->metrics[row * d->n_metrics + c->index] / c->quantity.factor, number);
    snprintf(cell, CELL, "%s", number);
}

/* ---- headers ---------------------------------------------------------------------------------- */

/* What stands above a column: the metric, or a path without its tier ("crossbar.adc_bits" gives
 * "adc_bits"), which is said once over all columns of the tier. */
static const char *column_name(const cim_ana_dataset *d, const table_column *c)
{
    if (!c->is_param)
        return c->quantity.name;
    const char *name = d->params[c->index].name, *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

static size_t tier_length(const cim_ana_dataset *d, const table_column *c)
{
    const char *dot = c->is_param ? strchr(d->params[c->index].name, '.') : NULL;
    return dot ? (size_t)(dot - d->params[c->index].name) : 0;
}

/* Columns from c on that share its tier. */
static size_t tier_columns(const cim_ana_dataset *d, const table_column *c, size_t left)
{
    size_t n = 1, length = tier_length(d, c);
    while (length > 0 && n < left && tier_length(d, c + n) == length &&
           !strncmp(d->params[c[n].index].name, d->params[c->index].name, length))
        n++;
    return n;
}

/* Pack the words of an underscored name into lines of at most `width`; "adc_" keeps its
 * separator, so the name can be read off. */
static void header_pack(table_column *c, const char *name, const char *unit, size_t width)
{
    char *out = c->header;
    size_t line = 0, longest = 0;
    c->lines = 1;
    while (*name) {
        size_t word = strcspn(name, "._:");
        word += name[word] != '\0';
        if (line > 0 && line + word > width && c->lines < HEADER_LINES - 1) {
            *out++ = '\n';
            c->lines++;
            line = 0;
        }
        memcpy(out, name, word);
        out += word;
        name += word;
        line += word;
        longest = line > longest ? line : longest;
    }
    *out = '\0';
    if (*unit) {
        snprintf(out, 40, "\n[%s]", unit);
        c->lines++;
        longest = strlen(unit) + 2 > longest ? strlen(unit) + 2 : longest;
    }
    c->width = longest > c->least ? longest : c->least;
}

static const char *column_unit(const cim_ana_dataset *d, const table_column *c)
{
    if (!c->is_param)
        return c->quantity.unit;
    /* Paths carry their unit ("clock_mhz", "chip.buffer_kib"). */
    return strchr(d->params[c->index].name, '_') ? "" : d->params[c->index].unit;
}

/* Pack all headers to a width; the width of the table. */
static size_t headers_pack(const cim_ana_dataset *d, table_column *columns, size_t n, size_t width,
                           size_t gap)
{
    size_t total = 0;
    for (size_t i = 0, k; i < n; i += k) {
        size_t span = 0;
        k = tier_columns(d, &columns[i], n - i);
        for (size_t j = i; j < i + k; j++) {
            header_pack(&columns[j], column_name(d, &columns[j]), column_unit(d, &columns[j]),
                        width);
            span += columns[j].width + gap;
        }
        size_t least = tier_length(d, &columns[i]) + gap;
        if (span < least) {
            columns[i].width += least - span;
            span = least;
        }
        total += span;
    }
    return total;
}

/* Whole names when they fit in WIDTH, else words stacked, then columns closer together.
 * @return the gap between columns */
static size_t headers_fit(const cim_ana_dataset *d, table_column *columns, size_t n, size_t fixed)
{
    for (size_t gap = 2; gap > 0; gap--)
        for (size_t width = CELL; width > 0; width--)
            if (fixed + headers_pack(d, columns, n, width, gap) <= WIDTH)
                return gap;
    return 1;
}

/* End a line without the blanks before its end. */
static void end_line(cim_text *out)
{
    while (out->n > 0 && out->s[out->n - 1] == ' ')
        out->s[--out->n] = '\0';
    cim_text_add_n(out, "\n", 1);
}

/* The line with tiers: "-- crossbar --" over its columns. */
static void tiers_line(const cim_ana_dataset *d, const table_column *columns, size_t n, size_t gap,
                       cim_text *out)
{
    for (size_t i = 0, k; i < n; i += k) {
        size_t span = 0, length = tier_length(d, &columns[i]);
        k = tier_columns(d, &columns[i], n - i);
        for (size_t j = i; j < i + k; j++)
            span += columns[j].width + (j > i ? gap : 0);
        cim_text_addf(out, "%*s", (int)gap, "");
        size_t dashes = k > 1 && span >= length + 4 ? span - length - 2 : 0;
        if (dashes == 0)
            cim_text_addf(out, "%*s", (int)(span - length), "");
        for (size_t j = 0; j < dashes / 2; j++)
            cim_text_add_n(out, "-", 1);
        if (dashes > 0)
            cim_text_add_n(out, " ", 1);
        if (length > 0)
            cim_text_add_n(out, d->params[columns[i].index].name, length);
        if (dashes > 0)
            cim_text_add_n(out, " ", 1);
        for (size_t j = dashes / 2; j < dashes; j++)
            cim_text_add_n(out, "-", 1);
    }
    end_line(out);
}

/* Line i from the top of `lines`: headers stand on the table. */
static void header_line(const table_column *c, size_t i, size_t lines, size_t gap, cim_text *out)
{
    const char *at = c->header;
    size_t skip = lines - c->lines;
    if (i < skip) {
        cim_text_addf(out, "%*s", (int)(c->width + gap), "");
        return;
    }
    for (; i > skip; i--)
        at = strchr(at, '\n') + 1;
    size_t n = strcspn(at, "\n");
    cim_text_addf(out, "%*s%.*s", (int)(c->width - n + gap), "", (int)n, at);
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* Which of n rows to show: evenly spaced, ends and knee among them. */
static void rows_choose(bool *show, size_t n, size_t knee, size_t max)
{
    size_t shown = max == 0 || max > n ? n : max;
    if (shown < 3 && shown < n) {
        show[knee] = true;
        if (shown == 2)
            show[knee == 0 ? n - 1 : 0] = true;
        return;
    }
    for (size_t i = 0; i < shown; i++)
        show[shown > 1 ? (i * (n - 1) + (shown - 1) / 2) / (shown - 1) : 0] = true;
    if (show[knee])
        return;
    size_t near = knee; /* the knee takes the place of an inner neighbour */
    for (size_t step = 1; near == knee && step < n; step++) {
        if (knee + step + 1 < n && show[knee + step])
            near = knee + step;
        else if (knee > step && show[knee - step])
            near = knee - step;
    }
    show[near] = near == knee;
    show[knee] = true;
}

static bool varies(const cim_ana_dataset *d, const cim_ana_view *v, size_t param)
{
    double first = d->points[v->rows[0] * d->n_params + param];
    for (size_t i = 1; i < v->n; i++) {
        double x = d->points[v->rows[i] * d->n_params + param];
        if (x != first && !(isnan(x) && isnan(first)))
            return true;
    }
    return false;
}

/* Parameters of one tier side by side, tiers in the order they first appear. */
static void tiers_gather(const cim_ana_dataset *d, table_column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = tier_length(d, &columns[i]), end = i + 1;
        const char *tier = columns[i].is_param ? d->params[columns[i].index].name : "";
        for (size_t j = end; j < n && length > 0; j++) {
            if (tier_length(d, &columns[j]) != length ||
                strncmp(d->params[columns[j].index].name, tier, length) != 0)
                continue;
            table_column moved = columns[j];
            memmove(&columns[end + 1], &columns[end], (j - end) * sizeof *columns);
            columns[end++] = moved;
        }
        i = end - 1;
    }
}

static size_t columns_make(const cim_ana_dataset *d, const cim_ana_view *v,
                           const cim_ana_objective *objectives, size_t m, table_column *columns)
{
    char cell[CELL];
    size_t n = 0;
    for (size_t k = 0; k < m; k++, n++) {
        columns[n].index = objectives[k].metric;
        cim_ana_quantity_of(&columns[n].quantity, d, objectives[k].metric, v->rows, v->n);
    }
    for (size_t i = 0; i < d->n_params; i++) {
        if (!varies(d, v, i))
            continue;
        columns[n].is_param = true;
        columns[n++].index = i;
    }
    tiers_gather(d, columns, n);
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < v->n; i++) {
            cell_text(d, &columns[c], v->rows[i], cell);
            columns[c].least = strlen(cell) > columns[c].least ? strlen(cell) : columns[c].least;
        }
    }
    return n;
}

static size_t id_width(const cim_ana_dataset *d)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)d->id[d->n - 1]);
    return n > 2 ? (size_t)n : 2;
}

static void headers_write(const cim_ana_dataset *d, const table_column *columns, size_t n,
                          size_t ids, size_t gap, cim_text *out)
{
    size_t lines = 1, tiers = 0;
    for (size_t c = 0; c < n; c++) {
        lines = columns[c].lines > lines ? columns[c].lines : lines;
        tiers += tier_length(d, &columns[c]);
    }
    if (tiers > 0) {
        cim_text_addf(out, "%*s", (int)ids + 2, "");
        tiers_line(d, columns, n, gap, out);
    }
    for (size_t l = 0; l < lines; l++) {
        cim_text_addf(out, "  %*s", (int)ids, l + 1 == lines ? "id" : "");
        for (size_t c = 0; c < n; c++)
            header_line(&columns[c], l, lines, gap, out);
        end_line(out);
    }
}

static void table_write(const cim_ana_dataset *d, const cim_ana_view *v, table_column *columns,
                        size_t n, const bool *show, cim_text *out)
{
    char cell[CELL];
    size_t ids = id_width(d), gap = headers_fit(d, columns, n, 2 + ids);
    headers_write(d, columns, n, ids, gap, out);
    for (size_t i = 0; i < v->n; i++) {
        if (!show[i])
            continue;
        cim_text_addf(out, "%c %*llu", i == v->knee ? '*' : ' ', (int)ids,
                      (unsigned long long)d->id[v->rows[i]]);
        for (size_t c = 0; c < n; c++) {
            cell_text(d, &columns[c], v->rows[i], cell);
            cim_text_addf(out, "%*s", (int)(columns[c].width + gap), cell);
        }
        cim_text_add_n(out, "\n", 1);
    }
}

/* ---- around the table ------------------------------------------------------------------------- */

static void write_title(const cim_ana_dataset *d, const cim_ana_view *v,
                        const cim_ana_objective *objectives, size_t m, size_t shown, cim_text *out)
{
    cim_text_addf(out, "Pareto front: %zu of %zu points (%zu feasible)", v->n, d->n, v->n_feasible);
    if (shown < v->n)
        cim_text_addf(out, ", %zu shown", shown);
    cim_text_add(out, "\nsorted by the first of: ");
    for (size_t k = 0; k < m; k++)
        cim_text_addf(out, "%s%s %s", k ? ", " : "", objectives[k].maximise ? "max" : "min",
                      d->metrics_info[objectives[k].metric].name);
    cim_text_add(out, "\n\n");
}

/* "* knee", and the parameters that are the same in every row, wrapped. */
static void write_legend(const cim_ana_dataset *d, const cim_ana_view *v, cim_text *out)
{
    char cell[CELL], item[CELL + CIM_ANA_NAME + 4];
    size_t column = 0;
    cim_text_add(out,
                 "\n* knee: nearest to the best of every objective, each scaled over the front\n");
    for (size_t i = 0; i < d->n_params; i++) {
        if (varies(d, v, i))
            continue;
        param_text(&d->params[i], d->points[v->rows[0] * d->n_params + i], cell);
        snprintf(item, sizeof item, "%s = %s", d->params[i].name, cell);
        bool wrap = column + 2 + strlen(item) > WIDTH;
        cim_text_add(out, column == 0 ? "same in all:  " : wrap ? ",\n              " : ", ");
        column = column == 0 || wrap ? 14 : column + 2;
        cim_text_add(out, item);
        column += strlen(item);
    }
    if (column > 0)
        cim_text_add_n(out, "\n", 1);
}

/* Nothing to show: say why, most frequent reasons first. */
static cim_status write_nothing(const cim_ana_dataset *d, const cim_ana_view *v, cim_text *out,
                                cim_err *err)
{
    size_t *count = cim_alloc(d->n_reasons + 1, sizeof *count), failed = 0;
    if (!count)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a table");
    for (size_t row = 0; row < d->n; row++) {
        failed += d->state[row] == CIM_ANA_FAILED;
        if (d->state[row] != CIM_ANA_OK && d->reason[row] > 0)
            count[d->reason[row]]++;
    }
    if (v->n_feasible > 0)
        cim_text_addf(out, "Pareto front: empty, no objective is finite in %zu feasible points\n",
                      v->n_feasible);
    else
        cim_text_addf(out,
                      "Pareto front: empty, none of %zu points is feasible (%zu infeasible, "
                      "%zu failed)\n",
                      d->n, d->n - failed, failed);
    for (int shown = 0; shown < REASONS; shown++) {
        size_t best = 0;
        for (size_t i = 1; i < d->n_reasons; i++)
            if (count[i] > count[best])
                best = i;
        if (count[best] == 0)
            break;
        cim_text_addf(out, "  %zu times: %s\n", count[best], d->reasons[best]);
        count[best] = 0;
    }
    cim_free(count);
    return CIM_OK;
}

static cim_status table_of(const cim_ana_dataset *d, const cim_ana_view *v,
                           const cim_ana_objective *objectives, size_t m, size_t max_rows,
                           cim_text *out, cim_err *err)
{
    if (v->n == 0)
        return write_nothing(d, v, out, err);
    table_column *columns = cim_alloc(m + d->n_params, sizeof *columns);
    bool *show = cim_alloc(v->n, sizeof *show);
    size_t shown = 0;
    if (columns && show) {
        size_t n = columns_make(d, v, objectives, m, columns);
        rows_choose(show, v->n, v->knee, max_rows);
        for (size_t i = 0; i < v->n; i++)
            shown += show[i];
        write_title(d, v, objectives, m, shown, out);
        table_write(d, v, columns, n, show, out);
        write_legend(d, v, out);
    }
    bool ok = columns && show && !out->failed;
    cim_free(columns);
    cim_free(show);
    return ok ? CIM_OK : cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a table");
}

cim_status cim_ana_table(const cim_ana_dataset *d, const cim_ana_objective *objectives,
                         size_t n_objectives, size_t max_rows, cim_text *out, cim_err *err)
{
    cim_ana_view v;
    CIM_TRY(cim_ana_view_init(&v, d, objectives, n_objectives, err));
    cim_status status = table_of(d, &v, objectives, n_objectives, max_rows, out, err);
    cim_ana_view_clear(&v);
    return status;
}
