#include "analysis/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* RFC 4180: quoted when it holds a separator, a quote or a line break; quotes doubled. */
static void add_field(cim_text *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        cim_text_add(out, s);
        return;
    }
    cim_text_add_n(out, "\"", 1);
    for (; *s; s++)
        cim_text_add_n(out, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    cim_text_add_n(out, "\"", 1);
}

static void add_number(cim_text *out, double v)
{
    char buf[32];
    if (isnan(v))
        return;                                      /* an empty field reads back as missing */
    if (fabs(v) < 1e15 && v == floor(v) && v != 0) { /* the same digits, without trying them out */
        snprintf(buf, sizeof buf, "%lld", (long long)v);
        cim_text_add(out, buf);
        return;
    }
    cim_text_add(out, cim_double_text(v, buf, sizeof buf));
}

static void add_param(cim_text *out, const cim_ana_param *p, double v)
{
    if (isnan(v))
        return;
    if (p->type == CIM_ANA_BOOL)
        cim_text_add(out, v != 0 ? "true" : "false");
    else if (p->type == CIM_ANA_ENUM)
        add_field(out, p->words[(size_t)v]);
    else
        add_number(out, v);
}

static void add_row(const cim_ana_dataset *d, size_t row, cim_text *out)
{
    cim_text_addf(out, "%llu,%s,", (unsigned long long)d->id[row],
                  cim_ana_state_words[d->state[row]]);
    add_field(out, cim_ana_dataset_reason(d, row));
    for (size_t i = 0; i < d->n_params; i++) {
        cim_text_add_n(out, ",", 1);
        add_param(out, &d->params[i], d->points[row * d->n_params + i]);
    }
    for (size_t i = 0; i < d->n_metrics; i++) {
        cim_text_add_n(out, ",", 1);
        add_number(out, d->metrics[row * d->n_metrics + i]);
    }
    cim_text_add_n(out, "\n", 1);
}

/* Lines end with LF: every reader of RFC 4180 takes it and so do line-oriented tools. */
void cim_ana_csv(const cim_ana_dataset *d, const uint64_t *rows, size_t n_rows, cim_text *out)
{
    cim_text_add(out, "id,state,reason");
    for (size_t i = 0; i < d->n_params; i++) {
        cim_text_add_n(out, ",", 1);
        add_field(out, d->params[i].name);
    }
    for (size_t i = 0; i < d->n_metrics; i++) {
        cim_text_add_n(out, ",", 1);
        add_field(out, d->metrics_info[i].name);
    }
    cim_text_add_n(out, "\n", 1);
    for (size_t i = 0; i < (rows ? n_rows : d->n); i++)
        add_row(d, rows ? (size_t)rows[i] : i, out);
}
