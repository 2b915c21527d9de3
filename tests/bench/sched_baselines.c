/* This compiler beside public heuristics (tests/prop/sched_rivals.h): every built-in network on every
 * preset at every level that the preset's mode offers, in latency of one inference.
 *
 *   bench_sched_baselines [--markdown FILE] [MODEL]
 *
 * Prints (or writes to FILE) two tables, operators one after another and pipelined, and what the gains are
 * altogether. Exit status 1 when this compiler is slower than any other anywhere. */
#include "costmodel/cost.h"
#include "hwspace/base/rng.h"
#include "sched/model.h"

#include <math.h>
#include <stdio.h>

#include "tests/prop/sched_rivals.h"

enum { MOST_ROWS = 1024, OURS = N_RIVALS, N_COLUMNS };

/* One network on one chip at one level: latencies in ns, NAN where it cannot be run. */
typedef struct row {
    char network[32], chip[32], level[8];
    double apart[N_COLUMNS], piped[N_COLUMNS]; /* operators one after another, pipelined */
} row;

typedef struct table {
    row rows[MOST_ROWS];
    size_t n;
} table;

static void die(const char *what, const cim_err *err)
{
    fprintf(stderr, "%s: %s: %s\n", what, err ? err->where : "", err ? err->message : "");
    exit(1);
}

/* ---- measuring ---------------------------------------------------------------------------------- */

static double latency_of(const rival_case *q, int who)
{
    cim_cc_result r = {0};
    cim_status s = who == OURS ? rivals_price_ours(q, &r) : rivals_price(q, (rival)who, &r);
    if (s != CIM_OK)
        die("out of memory", NULL);
    return r.feasible ? r.metrics[CIM_M_LATENCY_S] * 1e9 : NAN;
}

static void measure(const cim_cost_library *lib, const cim_cc_prepared *p, cim_hw_arch *a,
                    const char *network, const char *preset, table *t)
{
    char reason[CIM_CC_REASON];
    cim_cost_chip chip;
    cim_arena ar;
    if (!cim_hw_arch_consistent(a, reason, sizeof reason))
        return; /* a level that the mode does not offer */
    if (!cim_cost_chip_price(lib, a, &chip, reason, sizeof reason))
        die(reason, NULL);
    if (t->n == MOST_ROWS)
        die("too many rows", NULL);
    row *r = &t->rows[t->n++];
    snprintf(r->network, sizeof r->network, "%s", network);
    snprintf(r->chip, sizeof r->chip, "%s", preset);
    snprintf(r->level, sizeof r->level, "%s", cim_hw_level_words[a->schedule.level]);
    cim_arena_init(&ar);
    rival_case q = {.prepared = p, .arch = a, .chip = &chip, .ar = &ar};
    for (int piped = 0; piped < 2; piped++) {
        a->schedule.pipeline = piped;
        for (int who = 0; who < N_COLUMNS; who++)
            (piped ? r->piped : r->apart)[who] = latency_of(&q, who);
    }
    cim_arena_clear(&ar);
}

static void measure_network(const cim_cost_library *lib, const char *network, table *t)
{
    cim_err err = {0};
    cim_cc_model *model = NULL;
    cim_cc_prepared *p = NULL;
    const char *preset;
    char line[256];
    if (cim_cc_model_load(network, NULL, &model, &err) != CIM_OK ||
        cim_cc_prepare(cim_cc_model_graph(model), &p, &err) != CIM_OK)
        die(network, &err);
    for (size_t j = 0; cim_hw_preset_at(j, &preset, line, sizeof line); j++)
        for (int level = CIM_HW_LEVEL_CG; level <= CIM_HW_LEVEL_VVM; level++) {
            cim_hw_arch arch;
            if (cim_hw_arch_load(preset, &arch, &err) != CIM_OK)
                die(preset, &err);
            arch.schedule.level = level;
            measure(lib, p, &arch, network, preset, t);
            cim_hw_arch_clear(&arch);
        }
    cim_cc_prepared_destroy(p);
    cim_cc_model_destroy(model);
}

/* ---- what came out ------------------------------------------------------------------------------- */

/* Gains of this compiler over another: other / ours. */
typedef struct gains {
    double log_sum, least, most;
    size_t n, worse;
    const row *where;
} gains;

static double gain(const double *ns, int who)
{
    return ns[who] / ns[OURS];
}

static double best_other(const double *ns)
{
    double best = INFINITY;
    for (int who = 0; who < N_RIVALS; who++)
        best = fmin(best, ns[who]); /* NAN: the other number */
    return best;
}

static void gains_add(gains *g, double value, const row *r)
{
    if (isnan(value))
        return;
    g->least = g->n ? fmin(g->least, value) : value;
    if (!g->n || value > g->most) {
        g->most = value;
        g->where = r;
    }
    g->log_sum += log(value);
    g->worse += !(value >= 1.0 - 1e-9);
    g->n++;
}

/* The columns of each table: whom there is something to learn from. One after another, cim-mlc+ differs
 * from cim-mlc by its units, graph is our cg and graph+ is for pipelines. */
static const int apart_columns[] = {RIVAL_NONE, RIVAL_MLC, RIVAL_MLC_PLUS, RIVAL_GRAPH};
static const int piped_columns[] = {RIVAL_NONE, RIVAL_MLC, RIVAL_MLC_PLUS, RIVAL_GRAPH,
                                    RIVAL_GRAPH_PLUS};

static void cell(FILE *f, const char *format, double x)
{
    if (isnan(x) || isinf(x))
        fputs(" - |", f);
    else
        fprintf(f, format, x);
}

static void print_rows(FILE *f, const table *t, const int *columns, size_t n, bool piped)
{
    fputs("| network | chip | level |", f);
    for (size_t k = 0; k < n; k++)
        fprintf(f, " %s |", rival_names[columns[k]]);
    fputs(" cimdse | none / cimdse | best other / cimdse |\n|---|---|---|", f);
    for (size_t k = 0; k < n + 3; k++)
        fputs("---|", f);
    fputs("\n", f);
    for (size_t i = 0; i < t->n; i++) {
        const row *r = &t->rows[i];
        const double *ns = piped ? r->piped : r->apart;
        fprintf(f, "| %s | %s | %s |", r->network, r->chip, r->level);
        for (size_t k = 0; k < n; k++)
            cell(f, " %.1f |", ns[columns[k]] * 1e-3);
        cell(f, " %.1f |", ns[OURS] * 1e-3);
        cell(f, " %.1f |", gain(ns, RIVAL_NONE));
        cell(f, " %.3f |\n", best_other(ns) / ns[OURS]);
    }
}

static void print_gains(FILE *f, const char *name, const gains *g)
{
    if (g->n)
        fprintf(f, "| %s | %zu | %.3f | %.2f | %.1f | %s on %s, %s | %zu |\n", name, g->n, g->least,
                exp(g->log_sum / (double)g->n), g->most, g->where->network, g->where->chip,
                g->where->level, g->worse);
}

static void print_summary(FILE *f, const table *t, const int *columns, size_t n, bool piped)
{
    fputs(
        "\n| cimdse against | rows | least gain | geometric mean | largest | where | slower in |\n"
        "|---|---|---|---|---|---|---|\n",
        f);
    for (size_t k = 0; k <= n; k++) {
        gains g = {0};
        for (size_t i = 0; i < t->n; i++) {
            const double *ns = piped ? t->rows[i].piped : t->rows[i].apart;
            gains_add(&g, k < n ? gain(ns, columns[k]) : best_other(ns) / ns[OURS], &t->rows[i]);
        }
        print_gains(f, k < n ? rival_names[columns[k]] : "the best of them", &g);
    }
}

/* The same per chip and per level, pipelined, against the best other. */
static void print_by(FILE *f, const table *t, const char *title, size_t offset)
{
    fprintf(f,
            "\n| %s | rows | none / cimdse, geometric mean | cim-mlc / cimdse | best other / "
            "cimdse |\n|---|---|---|---|---|\n",
            title);
    for (size_t i = 0; i < t->n; i++) {
        const char *key = (const char *)&t->rows[i] + offset;
        gains none = {0}, mlc = {0}, best = {0};
        bool seen = false;
        for (size_t j = 0; j < t->n; j++) {
            if (strcmp(key, (const char *)&t->rows[j] + offset) != 0)
                continue;
            seen = seen || j < i;
            const double *ns = t->rows[j].piped;
            gains_add(&none, gain(ns, RIVAL_NONE), &t->rows[j]);
            gains_add(&mlc, gain(ns, RIVAL_MLC), &t->rows[j]);
            gains_add(&best, best_other(ns) / ns[OURS], &t->rows[j]);
        }
        if (!seen && best.n)
            fprintf(f, "| %s | %zu | %.2f | %.2f | %.2f |\n", key, best.n,
                    exp(none.log_sum / (double)none.n), exp(mlc.log_sum / (double)mlc.n),
                    exp(best.log_sum / (double)best.n));
    }
}

static const char *const header =
    "# This compiler beside public heuristics\n\n"
    "Written by `build/tests/bench_sched_baselines --markdown sched/COMPARISON.md`\n"
    "(`cmake --build build --target bench_sched_baselines`); exit status 1 when this compiler is\n"
    "slower anywhere. `prop.sched.rivals` keeps it so in every run of the tests.\n\n"
    "Latency of one inference in microseconds: every built-in network, every preset as it is\n"
    "(8-bit weights and activations), every level that the preset's computing mode offers. All\n"
    "contenders get the same mapping of operators to crossbars and are priced by the same passes:\n"
    "pipeline on the DAG with contention, global buffer, placement. They differ in cuts and "
    "copies:\n\n"
    "| | segments | copies | operators |\n"
    "|---|---|---|---|\n"
    "| none | in order until the chip is full | one | one after another |\n"
    "| cim-mlc | in order until the cores are used | whole cores; divisors of the output rows by\n"
    "dynamic programme for the summed latency of convolutions (pixels x activation bits), linear\n"
    "layers once; balanced by strides; mvm: what fits into the cores taken; vvm: rows spread over\n"
    "crossbars of those cores that are left | pipelined |\n"
    "| cim-mlc+ | in order | the same with our stages' times, single crossbars from mvm on, and\n"
    "without the balancing | pipelined |\n"
    "| graph | ours | whole cores, exact for the summed latency | one after another |\n"
    "| graph+ | in order | whole cores, the slowest operator gets the next copy | pipelined |\n"
    "| cimdse | optimal | sched/README.md, \"Duplication\" | pipelined |\n\n"
    "cim-mlc is an own implementation of what CIM-MLC's public code does (Qu et al., ASPLOS 2024,\n"
    "github.com/Zhaoshixin-sky/CIM-MLC: CoreDup.py, CorePipe.py, CrossbarDup.py). Its remapping of "
    "rows\n"
    "does not enter its latency; here it gets spare crossbars for it. cim-mlc+ is made stronger\n"
    "than the original. graph and graph+ stand for compilers that schedule whole cores and\n"
    "operators only (Poly-Schedule: Han et al., ACM JETC 2021); none of its code is public, so "
    "both\n"
    "of its possible ways to spend cores are priced.\n\n";

/* The table of contenders above has long cells: a Markdown cell is one line. */
static void print_header(FILE *f)
{
    bool in_row = false;
    for (const char *c = header; *c; c++) {
        if (*c == '|' && (c == header || (c[-1] == '\n' && !in_row)))
            in_row = true;
        if (in_row && *c == '\n') {
            if (c[-1] == '|') {
                in_row = false;
                fputc('\n', f);
            } else {
                fputc(' ', f);
            }
            continue;
        }
        fputc(*c, f);
    }
}

static void print(FILE *f, const table *t)
{
    size_t n_apart = sizeof apart_columns / sizeof *apart_columns;
    size_t n_piped = sizeof piped_columns / sizeof *piped_columns;
    print_header(f);
    fputs("## Altogether, pipelined\n", f);
    print_summary(f, t, piped_columns, n_piped, true);
    print_by(f, t, "chip", offsetof(row, chip));
    print_by(f, t, "level", offsetof(row, level));
    print_by(f, t, "network", offsetof(row, network));
    fputs("\n## Altogether, duplication alone (operators one after another)\n", f);
    print_summary(f, t, apart_columns, n_apart, false);
    fputs("\n## Pipelined\n\n", f);
    print_rows(f, t, piped_columns, n_piped, true);
    fputs("\n## Duplication alone\n\n", f);
    print_rows(f, t, apart_columns, n_apart, false);
}

static int worse_rows(const table *t)
{
    int worse = 0;
    for (size_t i = 0; i < t->n; i++)
        for (int piped = 0; piped < 2; piped++) {
            const double *ns = piped ? t->rows[i].piped : t->rows[i].apart;
            double best = best_other(ns);
            if (isinf(best) || ns[OURS] <= best * (1.0 + 1e-9))
                continue;
            fprintf(stderr, "slower: %s on %s, %s, %s: %.6g of the best other\n",
                    t->rows[i].network, t->rows[i].chip, t->rows[i].level,
                    piped ? "pipelined" : "one after another", ns[OURS] / best);
            worse++;
        }
    return worse;
}

int main(int argc, char **argv)
{
    static table t;
    cim_err err = {0};
    cim_cost_library *lib = NULL;
    const char *name, *line, *file = NULL, *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--markdown") && i + 1 < argc)
            file = argv[++i];
        else
            only = argv[i];
    }
    cim_rng_library_init();
    if (cim_cost_library_load(&lib, &err) != CIM_OK)
        die("library", &err);
    for (size_t i = 0; cim_cc_model_builtin_at(i, &name, &line); i++) {
        char network[64];
        snprintf(network, sizeof network, "%s", name);
        if (!only || !strcmp(only, network))
            measure_network(lib, network, &t);
    }
    cim_cost_library_destroy(lib);
    FILE *f = file ? fopen(file, "w") : stdout;
    if (!f)
        die(file, NULL);
    print(f, &t);
    if (file && fclose(f) != 0)
        die(file, NULL);
    return worse_rows(&t) ? 1 : 0;
}
