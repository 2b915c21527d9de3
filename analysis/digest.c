/* Hash of content. What goes in, in this order: a version of this list, the schema (parameters
 * with types, metrics, units, objectives), seed and spec, rows by id, front, history,
 * plans. Enum values are hashed as words and reasons as text, so the order in which either was
 * first seen does not matter; all NaNs are one and -0.0 is 0.0. Bytes are those of a little-endian
 * machine on any machine. */
#include "analysis/dataset.h"

#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <string.h>

static void add_u64(cim_digest *h, uint64_t v)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> 8 * i);
    cim_digest_add(h, bytes, sizeof bytes);
}

static void add_text(cim_digest *h, const char *s)
{
    size_t n = strlen(s);
    add_u64(h, n);
    cim_digest_add(h, s, n);
}

static void add_double(cim_digest *h, double v)
{
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    if (!isnan(v)) {
        v += 0.0;
        memcpy(&bits, &v, sizeof bits);
    }
    add_u64(h, bits);
}

static void add_schema(cim_digest *h, const cim_ana_dataset *d)
{
    add_u64(h, d->n_params);
    for (size_t i = 0; i < d->n_params; i++) {
        add_text(h, d->params[i].name);
        add_text(h, d->params[i].unit);
        add_u64(h, (uint64_t)d->params[i].type);
    }
    add_u64(h, d->n_metrics);
    for (size_t i = 0; i < d->n_metrics; i++) {
        add_text(h, d->metrics_info[i].name);
        add_text(h, d->metrics_info[i].unit);
    }
    add_u64(h, d->n_objectives);
    for (size_t i = 0; i < d->n_objectives; i++) {
        add_text(h, d->metrics_info[d->objectives[i].metric].name);
        add_u64(h, d->objectives[i].maximise);
    }
    add_text(h, d->seed);
    add_text(h, d->spec_json ? d->spec_json : "");
}

static void add_rows(cim_digest *h, const cim_ana_dataset *d)
{
    add_u64(h, d->n);
    for (size_t row = 0; row < d->n; row++) {
        add_u64(h, d->id[row]);
        add_u64(h, d->state[row]);
        add_text(h, cim_ana_dataset_reason(d, row));
        for (size_t i = 0; i < d->n_params; i++) {
            double v = d->points[row * d->n_params + i];
            if (d->params[i].type == CIM_ANA_ENUM)
                add_text(h, isnan(v) ? "" : d->params[i].words[(size_t)v]);
            else
                add_double(h, v);
        }
        for (size_t i = 0; i < d->n_metrics; i++)
            add_double(h, d->metrics[row * d->n_metrics + i]);
    }
}

cim_status cim_ana_dataset_digest(const cim_ana_dataset *d, char hex[33], cim_err *err)
{
    cim_digest *h = cim_digest_create();
    if (!h)
        return cim_err_set(err, CIM_E_NOMEM, NULL, "out of memory for a digest");
    for (size_t i = 1; i < d->n; i++) {
        if (d->id[i - 1] >= d->id[i]) {
            cim_digest_destroy(h);
            return cim_err_set(err, CIM_E_INTERNAL, NULL, "digest of rows that are not sorted");
        }
    }
    add_text(h, "cimdse-digest-1");
    add_schema(h, d);
    add_rows(h, d);
    add_u64(h, d->n_front);
    for (size_t i = 0; i < d->n_front; i++)
        add_u64(h, d->front[i]);
    add_u64(h, d->n_history);
    for (size_t i = 0; i < d->n_history; i++) {
        add_u64(h, d->history_evaluations[i]);
        add_double(h, d->history_hypervolume[i]);
    }
    add_u64(h, d->plans ? d->n_front : 0);
    for (size_t i = 0; d->plans && i < d->n_front; i++)
        add_text(h, d->plans[i]);
    cim_digest_hex(h, hex);
    cim_digest_destroy(h);
    return CIM_OK;
}
