/* Damaged flows: one without a statement, a block or a segment is refused; one with numbers, words or lines
 * changed is refused, or gives the network's numbers and its cycles can be counted. */
#include "tests/unit/onnx_builder.h"

#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/cycle.h"
#include "sched/flow.h"
#include "sched/sim.h"

#include <stdio.h>

enum { MAX_LINES = 1024, ROUNDS = 400 };

/* A network compiled for a chip, its flow as lines, and what it computes. */
typedef struct bench {
    const char *what;
    cim_cc_model *model;
    const cim_cc_graph *graph;
    cim_hw_arch arch, numbers; /* numbers: its converters lose nothing, which has no price */
    cim_cc_prepared *prepared;
    cim_arena ar;
    const cim_cc_plan *plan;
    cim_text text;
    const char *lines[MAX_LINES];
    uint32_t n;
    cim_cc_sim exact;
} bench;

/* ---- networks and chips ---------------------------------------------------------------------------- */

static void weights(ob *b, const char *name, const char *shape, size_t n)
{
    float v[512];
    for (size_t i = 0; i < n; i++)
        v[i] = (float)((int)(i * 7 + n) % 13 - 6) / 8;
    ob_floats(b, name, shape, n, v);
}

static cim_cc_model *products(void)
{
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "6,8");
    weights(&b, "w", "8,10", 80);
    weights(&b, "v", "10,8", 80);
    ob_node(&b, "MatMul", "x,w", "p", NULL);
    ob_node(&b, "Relu", "p", "r", NULL);
    ob_node(&b, "MatMul", "r,v", "q", NULL);
    ob_node(&b, "Add", "q,x", "y", NULL);
    ob_output(&b, "y");
    return ob_model(&b);
}

static cim_cc_model *convolutions(void)
{
    ob b = ob_begin(13);
    ob_input(&b, "x", 1, "1,2,8,6");
    weights(&b, "w", "4,2,3,3", 72);
    weights(&b, "d", "4,1,3,3", 36);
    weights(&b, "f", "4,3", 12);
    ob_node(&b, "Conv", "x,w", "c", "pads=[1,1,1,1]");
    ob_node(&b, "Relu", "c", "r", NULL);
    ob_node(&b, "Conv", "r,d", "e", "pads=[1,1,1,1] strides=[2,2] group=4");
    ob_node(&b, "MaxPool", "e", "m", "kernel_shape=[2,1] strides=[2,1]");
    ob_node(&b, "GlobalAveragePool", "m", "g", NULL);
    ob_node(&b, "Flatten", "g", "h", NULL);
    ob_node(&b, "MatMul", "h,f", "y", NULL);
    ob_output(&b, "y");
    return ob_model(&b);
}

static const struct {
    const char *what;
    cim_cc_model *(*model)(void);
    const char *sets[12];
} points[] = {
    {"products mvm",
     products,
     {"schedule.level=mvm", "chip.cores=2", "core.crossbars=12", "crossbar.rows=8",
      "crossbar.cols=16", "crossbar.parallel_rows=8"}},
    {"products in parts",
     products,
     {"schedule.level=mvm", "chip.cores=1", "core.crossbars=2", "crossbar.rows=8",
      "crossbar.cols=16", "crossbar.parallel_rows=8"}},
    {"products by rows",
     products,
     {"schedule.level=mvm", "computing_mode=wordline", "chip.cores=3", "core.crossbars=6",
      "crossbar.rows=8", "crossbar.cols=20", "crossbar.parallel_rows=3"}},
    {"convolutions core",
     convolutions,
     {"schedule.level=cg", "computing_mode=core", "chip.cores=40", "core.crossbars=3",
      "crossbar.rows=8", "crossbar.cols=12", "crossbar.parallel_rows=8"}},
    {"convolutions mvm",
     convolutions,
     {"schedule.level=mvm", "chip.cores=9", "core.crossbars=7", "crossbar.rows=10",
      "crossbar.cols=16", "crossbar.parallel_rows=10", "chip.buffer_kib=0.25"}},
    {"convolutions serial in parts",
     convolutions,
     {"schedule.level=mvm", "chip.cores=1", "core.crossbars=3", "crossbar.rows=10",
      "crossbar.cols=12", "crossbar.parallel_rows=10", "schedule.pipeline=false"}},
};

static void set(cim_hw_arch *a, const char *what)
{
    cim_err err = {0};
    if (cim_hw_arch_set(a, what, &err) != CIM_OK)
        fail_msg("%s: %s", what, err.message);
}

static cim_cc_sim_input input_of(const bench *x)
{
    static double values[96];
    static int64_t dims[CIM_CC_MAX_RANK];
    const cim_cc_input *in = &x->graph->inputs[0];
    for (int i = 0; i < in->rank; i++)
        dims[i] = in->shape[i];
    for (int i = 0; i < 96; i++)
        values[i] = (i * 5 + 3) % 17 - 8;
    return (cim_cc_sim_input){.rank = in->rank, .dims = dims, .values = values};
}

static void split(bench *x)
{
    char *at = x->text.s;
    for (x->n = 0; *at; x->n++) {
        assert_true(x->n < MAX_LINES);
        x->lines[x->n] = at;
        at = strchr(at, '\n');
        *at++ = '\0';
    }
}

static void bench_open(bench *x, size_t point)
{
    cim_cost_library *library;
    cim_cost_chip chip;
    cim_cc_result result;
    cim_cc_program *flow;
    char reason[CIM_CC_REASON];
    memset(x, 0, sizeof *x);
    x->what = points[point].what;
    x->model = points[point].model();
    x->graph = cim_cc_model_graph(x->model);
    assert_int_equal(cim_hw_arch_load("isaac", &x->arch, NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_load("isaac", &x->numbers, NULL), CIM_OK);
    for (const char *const *s = points[point].sets; *s; s++) {
        set(&x->arch, *s);
        set(&x->numbers, *s);
    }
    set(&x->numbers, "crossbar.adc_bits=16");
    cim_arena_init(&x->ar);
    assert_int_equal(cim_cost_library_load(&library, NULL), CIM_OK);
    assert_true(cim_cost_chip_price(library, &x->arch, &chip, reason, sizeof reason));
    cim_cost_library_destroy(library);
    assert_int_equal(cim_cc_prepare(x->graph, &x->prepared, NULL), CIM_OK);
    assert_int_equal(cim_cc_compile(x->prepared, &x->arch, &chip, &x->ar, &result, &x->plan, NULL),
                     CIM_OK);
    if (!result.feasible)
        fail_msg("%s: %s", x->what, result.reason);
    assert_int_equal(cim_cc_flow_emit(x->plan, &flow, NULL), CIM_OK);
    cim_text_init(&x->text);
    cim_cc_flow_write(flow, x->graph, &x->text);
    cim_cc_program_destroy(flow);
    split(x);
    cim_cc_sim_input in = input_of(x);
    assert_int_equal(cim_cc_simulate(x->model, &x->numbers, &in, 1, true, &x->exact, NULL), CIM_OK);
}

static void bench_close(bench *x)
{
    cim_cc_sim_clear(&x->exact);
    cim_text_clear(&x->text);
    cim_arena_clear(&x->ar);
    cim_cc_prepared_destroy(x->prepared);
    cim_hw_arch_clear(&x->arch);
    cim_hw_arch_clear(&x->numbers);
    cim_cc_model_destroy(x->model);
}

/* ---- a flow made of lines ---------------------------------------------------------------------------- */

typedef struct draft {
    const char *lines[2 * MAX_LINES];
    uint32_t n;
} draft;

static draft whole(const bench *x)
{
    draft d = {.n = x->n};
    memcpy(d.lines, x->lines, x->n * sizeof *x->lines);
    return d;
}

static void remove_lines(draft *d, uint32_t at, uint32_t n)
{
    memmove(d->lines + at, d->lines + at + n, (d->n - at - n) * sizeof *d->lines);
    d->n -= n;
}

static void insert_line(draft *d, uint32_t at, const char *line)
{
    memmove(d->lines + at + 1, d->lines + at, (d->n - at) * sizeof *d->lines);
    d->lines[at] = line;
    d->n++;
}

static bool ends_with(const char *line, char c)
{
    size_t n = strlen(line);
    return n > 0 && line[n - 1] == c;
}

/* Lines of the block that a line opens; other lines: 1. */
static uint32_t extent(const draft *d, uint32_t at)
{
    uint32_t end = at, depth = 0;
    do {
        depth += ends_with(d->lines[end], '{');
        depth -= depth > 0 && ends_with(d->lines[end], '}');
        end++;
    } while (depth > 0 && end < d->n);
    return end - at;
}

/* Segments are numbered anew, so that it is not their numbers that tell. */
static void join(const draft *d, cim_text *t)
{
    unsigned segments = 0;
    cim_text_init(t);
    for (uint32_t i = 0; i < d->n; i++) {
        const char *spill =
            strncmp(d->lines[i], "segment ", 8) ? NULL : strstr(d->lines[i], " spill");
        if (spill)
            cim_text_addf(t, "segment %u%s\n", segments++, spill);
        else
            cim_text_addf(t, "%s\n", d->lines[i]);
    }
}

static void show(const bench *x, const cim_text *t, const char *what)
{
    fputs(cim_text_str(t), stderr);
    print_message("%s: %s\n", x->what, what);
}

/* Read and checked. @return NULL: refused, with a reason that names the file */
static cim_cc_program *accepted(const bench *x, const cim_text *t)
{
    cim_err err = {0};
    cim_cc_program *p = NULL;
    cim_status s = cim_cc_flow_parse(cim_text_str(t), t->n, "file", x->graph, &p, &err);
    if (s == CIM_OK)
        s = cim_cc_flow_check(p, "file", x->graph, &x->arch, &err);
    if (s == CIM_OK)
        return p;
    if (s != CIM_E_INPUT || strncmp(err.where, "file", 4) != 0 || !err.message[0]) {
        show(x, t, err.message);
        fail_msg("status %d in %s", (int)s, err.where);
    }
    cim_cc_program_destroy(p);
    return NULL;
}

/* ---- without something -------------------------------------------------------------------------------- */

/* What a flow can do without: the costs of additions, and a comment's like. */
static bool spare(const char *line)
{
    return strstr(line, "accumulate ") || strstr(line, "placement ");
}

static void nothing_can_be_left_out(void **state)
{
    (void)state;
    static bench x;
    static draft d;
    for (size_t point = 0; point < sizeof points / sizeof *points; point++) {
        bench_open(&x, point);
        for (uint32_t i = 0; i < x.n; i++) {
            d = whole(&x);
            if (spare(d.lines[i]) || ends_with(d.lines[i], '}'))
                continue;
            remove_lines(&d, i, extent(&d, i));
            cim_text t;
            join(&d, &t);
            cim_cc_program *p = accepted(&x, &t);
            if (p) {
                show(&x, &t, x.lines[i]);
                fail_msg("legal without line %u", i + 1);
            }
            cim_text_clear(&t);
        }
        bench_close(&x);
    }
}

/* All that follows a segment, and all of them. */
static void no_segment_can_be_missing(void **state)
{
    (void)state;
    static bench x;
    static draft d;
    for (size_t point = 0; point < sizeof points / sizeof *points; point++) {
        bench_open(&x, point);
        for (uint32_t i = 0; i < x.n; i++) {
            if (strncmp(x.lines[i], "segment ", 8) != 0)
                continue;
            d = whole(&x);
            remove_lines(&d, i, d.n - 1 - i);
            cim_text t;
            join(&d, &t);
            assert_null(accepted(&x, &t));
            cim_text_clear(&t);
        }
        bench_close(&x);
    }
}

/* ---- random damage -------------------------------------------------------------------------------------- */

/* Lines that were changed live as long as a round. */
static const char *keep(cim_arena *ar, const char *line)
{
    const char *copy = cim_arena_strdup(ar, line);
    assert_non_null(copy);
    return copy;
}

static const char *another_number(cim_rng *r, cim_arena *ar, const char *line)
{
    const char *stop = strstr(line, "name="), *at[64];
    uint32_t n = 0;
    for (const char *s = line; *s && s != stop && n < 64; s++)
        if (isdigit((unsigned char)*s) && (s == line || !isdigit((unsigned char)s[-1])))
            at[n++] = s;
    if (n == 0)
        return line;
    const char *s = at[cim_rng_below(r, n)];
    char *end;
    long long v = strtoll(s, &end, 10);
    long long more = 1 + (long long)cim_rng_below(r, 20);
    const long long other[] = {v + 1,    v > 0 ? v - 1 : 2,      0, 1, 2 * v,
                               v + more, v > more ? v - more : 0};
    cim_text t;
    cim_text_init(&t);
    cim_text_add_n(&t, line, (size_t)(s - line));
    cim_text_addf(&t, "%lld%s", other[cim_rng_below(r, 7)], end);
    const char *changed = keep(ar, cim_text_str(&t));
    cim_text_clear(&t);
    return changed;
}

static const char *another_word(cim_rng *r, cim_arena *ar, const char *line)
{
    static const char *const words[][2] = {{"parallel for", "for"},
                                           {" for ", " parallel for "},
                                           {"max(", "min("},
                                           {"min(", "max("},
                                           {"=l0", "=offchip"},
                                           {"pipelined", "serial"},
                                           {"serial", "pipelined"},
                                           {"ahead=false", "ahead=true"},
                                           {"order=rows", "order=columns"},
                                           {" step ", "+1 step "},
                                           {"/", "*"},
                                           {"+", "-"},
                                           {"-", "+"},
                                           {"%", "/"},
                                           {"=p", "=c"},
                                           {"=u", "=lo"},
                                           {"=in", "=out"}};
    const char *const *w = words[cim_rng_below(r, sizeof words / sizeof *words)];
    const char *at = strstr(line, w[0]);
    if (!at)
        return line;
    cim_text t;
    cim_text_init(&t);
    cim_text_add_n(&t, line, (size_t)(at - line));
    cim_text_addf(&t, "%s%s", w[1], at + strlen(w[0]));
    const char *changed = keep(ar, cim_text_str(&t));
    cim_text_clear(&t);
    return changed;
}

/* A block or a statement of the body: what it is moved to may be anywhere. */
static void move_block(cim_rng *r, draft *d, uint32_t from, bool copy)
{
    const char *lines[MAX_LINES];
    uint32_t n = extent(d, from);
    if (n > MAX_LINES || from + n >= d->n || d->n + n > MAX_LINES)
        return;
    memcpy(lines, d->lines + from, n * sizeof *lines);
    if (!copy)
        remove_lines(d, from, n);
    uint32_t near = from > 8 && cim_rng_below(r, 2) ? from - 8 + (uint32_t)cim_rng_below(r, 16)
                                                    : 5 + (uint32_t)cim_rng_below(r, d->n - 5);
    near = near < d->n ? near : d->n - 1;
    while (n-- > 0)
        insert_line(d, near, lines[n]);
}

/* The statements of a block at the same time. */
static void wrap(draft *d, uint32_t at)
{
    uint32_t n = extent(d, at);
    insert_line(d, at + n, "}");
    insert_line(d, at, "parallel {");
}

static void damage(cim_rng *r, cim_arena *ar, draft *d)
{
    uint32_t i = 4 + (uint32_t)cim_rng_below(r, d->n - 5), kind = (uint32_t)cim_rng_below(r, 20);
    const char *line = d->lines[i];
    bool closes = ends_with(line, '}');
    if (kind < 9)
        d->lines[i] = another_number(r, ar, line);
    else if (kind < 12)
        d->lines[i] = another_word(r, ar, line);
    else if (kind < 14 && i + 2 < d->n) {
        d->lines[i] = d->lines[i + 1];
        d->lines[i + 1] = line;
    } else if (kind < 15 && !closes)
        remove_lines(d, i, extent(d, i));
    else if (kind < 19 && !closes)
        move_block(r, d, i, kind < 17);
    else if (!closes)
        wrap(d, i);
}

/* @return whether it is another flow now */
static bool damaged(const bench *x, cim_rng *r, cim_arena *ar, draft *d)
{
    *d = whole(x);
    for (uint64_t n = 1 + cim_rng_below(r, 5) / 3; n > 0; n--)
        damage(r, ar, d);
    bool same = d->n == x->n;
    for (uint32_t i = 0; same && i < d->n; i++)
        same = !strcmp(d->lines[i], x->lines[i]);
    return !same;
}

/* A legal flow computes what the network does, and the cycle simulator runs it or says why not. */
static void runs(bench *x, const cim_cc_program *p, const cim_text *t, uint64_t seed)
{
    cim_err err = {0};
    cim_cc_sim sim;
    cim_cc_cycle cycle;
    cim_cc_sim_input in = input_of(x);
    if (cim_cc_simulate_flow(x->model, &x->numbers, p, &in, 1, false, &sim, &err) != CIM_OK) {
        show(x, t, err.message);
        fail_msg("seed %llu: accepted, does not run", (unsigned long long)seed);
    }
    const cim_cc_sim_output *y = &sim.outputs[0], *exact = &x->exact.outputs[0];
    if (memcmp(y->values, exact->values, (size_t)y->elements * sizeof *y->values) != 0) {
        show(x, t, "other numbers");
        fail_msg("seed %llu: accepted, wrong", (unsigned long long)seed);
    }
    cim_cc_sim_clear(&sim);
    cim_err_clear(&err);
    cim_status s = cim_cc_cycle_run(x->plan, p, NULL, &cycle, &err);
    if (s == CIM_OK)
        cim_cc_cycle_clear(&cycle);
    else if (s != CIM_E_INPUT || !err.message[0]) {
        show(x, t, err.message);
        fail_msg("seed %llu: accepted, cycles: status %d", (unsigned long long)seed, (int)s);
    }
}

static void damaged_flows_are_refused_or_right(void **state)
{
    (void)state;
    static bench x;
    static draft d;
    uint64_t first = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 1;
    unsigned long legal = 0, all = 0;
    for (size_t point = 0; point < sizeof points / sizeof *points; point++) {
        bench_open(&x, point);
        for (uint64_t seed = first; seed < first + ROUNDS; seed++, all++) {
            cim_rng *r = cim_rng_create(seed, "flow");
            cim_arena ar;
            cim_text t;
            cim_arena_init(&ar);
            while (!damaged(&x, r, &ar, &d)) {
            }
            join(&d, &t);
            cim_cc_program *p = accepted(&x, &t);
            if (p) {
                runs(&x, p, &t, seed);
                legal++;
            }
            cim_cc_program_destroy(p);
            cim_text_clear(&t);
            cim_arena_clear(&ar);
            cim_rng_destroy(r);
        }
        bench_close(&x);
    }
    printf("%lu of %lu damaged flows are legal\n", legal, all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_can_be_left_out),
        cmocka_unit_test(no_segment_can_be_missing),
        cmocka_unit_test(damaged_flows_are_refused_or_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
