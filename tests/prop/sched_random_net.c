/* Random networks: operators, operands and attributes drawn from small pools, so that many are
 * nearly right. Every one is a graph that keeps its invariants or an input error; for graphs the
 * streams of the whole network are walked. A failing seed is printed. */
#include "tests/unit/onnx_builder.h"

#include "hwspace/base/rng.h"
#include "sched/model_internal.h"
#include "sched/net_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NETS = 20000, POOL = 96 };

typedef struct pool {
    char names[POOL][16];
    int n;
} pool;

static const char *pick(const pool *p, cim_rng *rng)
{
    return p->names[cim_rng_below(rng, (uint64_t)p->n)];
}

static void keep(pool *p, const char *name)
{
    if (p->n < POOL)
        snprintf(p->names[p->n++], sizeof p->names[0], "%s", name);
}

static int64_t small(cim_rng *rng)
{
    static const int64_t odd[] = {-1, 0, 1, 2, 3, 4, -2, 8, 1 << 20, INT64_MAX, INT64_MIN, -7};
    return cim_rng_below(rng, 3) ? (int64_t)cim_rng_below(rng, 5)
                                 : odd[cim_rng_below(rng, sizeof odd / sizeof *odd)];
}

static void list(char *buf, size_t size, cim_rng *rng, const char *open, const char *close,
                 uint64_t most)
{
    size_t n = (size_t)snprintf(buf, size, "%s", open);
    for (uint64_t k = cim_rng_below(rng, most + 1); k > 0; k--)
        n += (size_t)snprintf(buf + n, size - n, "%lld%s", (long long)small(rng), k > 1 ? "," : "");
    snprintf(buf + n, size - n, "%s", close);
}

static void attributes(char *buf, size_t size, cim_rng *rng)
{
    static const char *const lists[] = {"kernel_shape", "strides", "pads",  "dilations",
                                        "axes",         "perm",    "split", "output_padding",
                                        "starts",       "ends"};
    static const char *const ints[] = {"axis",      "group",
                                       "keepdims",  "transA",
                                       "transB",    "to",
                                       "ceil_mode", "blocksize",
                                       "allowzero", "batch_dims",
                                       "size",      "num_groups",
                                       "upper",     "noop_with_empty_axes",
                                       "start"};
    static const char *const words[] = {"auto_pad='SAME_UPPER'",   "auto_pad='VALID'",
                                        "mode='linear'",           "mode='cubic'",
                                        "mode='reflect'",          "equation='ij,jk->ik'",
                                        "equation='bij,bkj->bik'", "equation='...ij,jk'",
                                        "equation='ii->i'",        "alpha=0.5"};
    size_t n = 0;
    buf[0] = '\0';
    for (uint64_t k = cim_rng_below(rng, 4); k > 0; k--) {
        char value[128];
        const char *word = words[cim_rng_below(rng, 10)];
        switch (cim_rng_below(rng, 3)) {
        case 0:
            list(value, sizeof value, rng, "[", "]", 5);
            n += (size_t)snprintf(buf + n, size - n, "%s%s=%s", n ? " " : "",
                                  lists[cim_rng_below(rng, 10)], value);
            break;
        case 1:
            n += (size_t)snprintf(buf + n, size - n, "%s%s=%lld", n ? " " : "",
                                  ints[cim_rng_below(rng, 15)], (long long)small(rng));
            break;
        default:
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", word);
            break;
        }
    }
}

static void stored(ob *b, pool *p, cim_rng *rng)
{
    char name[16], values[128];
    static const char *const shapes[] = {"4,2,3,3", "4,4,1,1", "4",     "2,4", "4,4",
                                         "1",       "",        "8,4,3", "3,1", "4,8,8"};
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "w%d", i);
        ob_weight(b, name, shapes[cim_rng_below(rng, 10)]);
        keep(p, name);
        snprintf(name, sizeof name, "i%d", i);
        list(values, sizeof values, rng, "", "", 5);
        ob_ints(b, name, NULL, values);
        keep(p, name);
    }
}

static size_t n_defs;

static void random_node(ob *b, pool *p, cim_rng *rng, int index)
{
    const cim_cc_net_def *d = cim_cc_net_def_at((size_t)cim_rng_below(rng, n_defs));
    char inputs[256] = "", outputs[64], attrs[512], name[16];
    uint32_t most = cim_cc_net_def_max_inputs(d) > 5 ? 5 : cim_cc_net_def_max_inputs(d);
    uint32_t count =
        d->min_in + (uint32_t)cim_rng_below(rng, (most > d->min_in ? most - d->min_in : 0) + 1);
    size_t n = 0;
    for (uint32_t k = 0; k < count; k++)
        n += (size_t)snprintf(inputs + n, sizeof inputs - n, "%s%s", k ? "," : "", pick(p, rng));
    snprintf(name, sizeof name, "t%d", index);
    bool two = d->max_out > 1 && cim_rng_below(rng, 2);
    snprintf(outputs, sizeof outputs, two ? "%s,%ss" : "%s", name, name);
    attributes(attrs, sizeof attrs, rng);
    ob_node(b, d->type, inputs, outputs, attrs);
    keep(p, name);
}

/* Needed rows never shrink along the stream and stay in range. */
static void walk(const cim_cc_graph *g, uint64_t seed)
{
    for (uint32_t i = 0; i < g->n_ops; i++)
        for (uint32_t k = g->ops[i].first_edge; k < g->ops[i].first_edge + g->ops[i].n_edges; k++) {
            const cim_cc_edge *e = &g->edges[k];
            int64_t rows = e->producer == CIM_CC_INVALID ? 7 : g->ops[e->producer].rows, last = 1;
            int64_t stride = g->ops[i].rows / 50 + 1;
            for (int64_t r = 1; r <= g->ops[i].rows; r += stride) {
                int64_t f = cim_cc_edge_row(e, r, rows);
                if (f < last || f > rows)
                    fail_msg("seed %llu, operator %u: row %lld needs %lld of %lld after %lld",
                             (unsigned long long)seed, i, (long long)r, (long long)f,
                             (long long)rows, (long long)last);
                last = f;
            }
        }
}

static bool one_net(uint64_t seed)
{
    cim_rng *rng = cim_rng_create(seed, "random_net");
    assert_non_null(rng);
    static const int opsets[] = {8, 9, 10, 11, 12, 13, 15, 17, 18};
    static const char *const shapes[] = {"1,4,8,8", "2,4,6,5",   "1,4,8",
                                         "4,4",     "2,3,4,4,4", "2,8,4"};
    ob b = ob_begin(opsets[cim_rng_below(rng, 9)]);
    pool p = {.n = 0};
    uint64_t s = cim_rng_below(rng, 6);
    ob_input(&b, "x", 1, shapes[s]);
    ob_input(&b, "z", cim_rng_below(rng, 2) ? 1 : 7,
             shapes[cim_rng_below(rng, 2) ? s : cim_rng_below(rng, 6)]);
    for (int i = 0; i < 12; i++) {
        keep(&p, "x");
        keep(&p, "z");
    }
    stored(&b, &p, rng);
    int nodes = 1 + (int)cim_rng_below(rng, 4);
    for (int i = 0; i < nodes; i++) {
        random_node(&b, &p, rng, i);
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        for (int k = 0; k < 4; k++)
            keep(&p, name);
        ob_output(&b, name);
    }
    cim_err err = {0};
    cim_cc_model *m = NULL;
    cim_status status = ob_load(&b, NULL, &m, &err);
    if (status != CIM_OK && (status != CIM_E_INPUT || !err.message[0]))
        fail_msg("seed %llu: status %d, %s: %s", (unsigned long long)seed, (int)status, err.where,
                 err.message);
    if (status == CIM_OK) {
        walk(cim_cc_model_graph(m), seed);
        cim_cc_model_destroy(m);
    }
    cim_rng_destroy(rng);
    return status == CIM_OK;
}

static void random_nets(void **state)
{
    (void)state;
    const char *from = getenv("CIM_SEED"), *count = getenv("CIM_NETS");
    uint64_t first = from ? strtoull(from, NULL, 10) : 0;
    uint64_t n = count ? strtoull(count, NULL, 10) : NETS, good = 0;
    while (cim_cc_net_def_at(n_defs))
        n_defs++;
    for (uint64_t seed = first; seed < first + n; seed++)
        good += one_net(seed);
    if (n >= 1000 && good < n / 50)
        fail_msg("only %llu of %llu networks are valid: the generator tests nothing",
                 (unsigned long long)good, (unsigned long long)n);
}

int main(void)
{
    cim_rng_library_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_nets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
