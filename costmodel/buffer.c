/* Buffers, SRAM and eDRAM: tables by size, word width and node, interpolated log-log. */
#include "costmodel/library.h"

#include <math.h>

typedef struct point {
    double read, write, area; /* logs, per access */
} point;

static double line(const double *x, const double *y, int i, double at)
{
    return y[i] + (y[i + 1] - y[i]) * (at - x[i]) / (x[i + 1] - x[i]);
}

/* Inside the table linear in logs; beyond an end along the last segment. */
static point table_at(const cost_buffer_table *t, double log_kib)
{
    int i = 0;
    while (i < t->n - 2 && t->log_kib[i + 1] < log_kib)
        i++;
    return (point){line(t->log_kib, t->log_read, i, log_kib),
                   line(t->log_kib, t->log_write, i, log_kib),
                   line(t->log_kib, t->log_area, i, log_kib)};
}

static point mix(point a, point b, double t)
{
    return (point){a.read + (b.read - a.read) * t, a.write + (b.write - a.write) * t,
                   a.area + (b.area - a.area) * t};
}

/* Tables first..last-1 have one node and rising widths. */
static point node_at(const cost_buffer_table *t, int n, double width, double log_kib)
{
    int i = 0;
    while (i < n - 2 && t[i + 1].width < width)
        i++;
    if (n == 1 || width <= t[0].width)
        return table_at(&t[0], log_kib);
    if (width >= t[n - 1].width)
        return table_at(&t[n - 1], log_kib);
    double w = log(width / t[i].width) / log(t[i + 1].width / t[i].width);
    return mix(table_at(&t[i], log_kib), table_at(&t[i + 1], log_kib), w);
}

static int node_end(const cost_buffer_model *b, int first)
{
    int end = first + 1;
    while (end < b->n && b->table[end].nm <= b->table[first].nm)
        end++;
    return end;
}

/* The node's tables at the chip's supply: voltage scaling only. */
static point node_supplied(const cim_cost_library *lib, const cost_buffer_table *t, int n,
                           double width, double log_kib, double v)
{
    point p = node_at(t, n, width, log_kib);
    cost_scale here;
    cost_scaling_at(lib, t->nm, v, &here);
    double f = log(here.energy / t->at.energy);
    p.read += f;
    p.write += f;
    return p;
}

static point buffer_at(const cim_cost_library *lib, const cost_buffer_model *b, double width,
                       double log_kib, const cost_scale *chip)
{
    int first = 0, end = node_end(b, 0);
    while (end < b->n && b->table[end].nm <= chip->nm) {
        first = end;
        end = node_end(b, first);
    }
    double nm = b->table[first].nm;
    if (chip->nm < nm || end == b->n) { /* beyond the tables: scale the nearest node like logic */
        point p = node_at(&b->table[first], end - first, width, log_kib);
        double f = log(chip->energy / b->table[first].at.energy);
        p.read += f;
        p.write += f;
        p.area += log(chip->area / b->table[first].at.area);
        return p;
    }
    double t = log(chip->nm / nm) / log(b->table[end].nm / nm);
    return mix(node_supplied(lib, &b->table[first], end - first, width, log_kib, chip->v),
               node_supplied(lib, &b->table[end], node_end(b, end) - end, width, log_kib, chip->v),
               t);
}

void cost_buffer_price(const cim_cost_library *lib, const cost_buffer_model *b, double kib,
                       double bits_per_cycle, const cost_scale *chip, cost_buffer *out)
{
    double widest = 0;
    for (int i = 0; i < b->n; i++)
        widest = fmax(widest, b->table[i].width);
    double narrow = b->table[0].width;
    double asked = isnan(bits_per_cycle) ? widest : bits_per_cycle;
    double width = fmin(fmax(asked, narrow), widest);
    /* More bits per cycle than the widest word: banks side by side. */
    double banks = fmax(1, ceil(asked / widest));
    double log_kib = log(kib / banks);
    point p = buffer_at(lib, b, width, log_kib, chip);
    const cost_buffer_table *t = &b->table[0];
    out->extrapolated = log_kib < t->log_kib[0] || log_kib > t->log_kib[t->n - 1];
    out->read_pj = exp(p.read) / width;
    out->write_pj = exp(p.write) / width;
    out->um2 = exp(p.area) * banks;
    out->leak_mw = b->leak_mw_per_kib * kib * chip->leakage / b->leak_at.leakage;
}
