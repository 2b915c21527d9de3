/* The front as a picture: gnuplot as a child process, its script and messages in unlinked files,
 * the picture under a temporary name until it is whole. */
#include "analysis/store.h"

#include "analysis/view.h"
#include "hwspace/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PANEL_WIDTH = 560,
    PANEL_HEIGHT = 440,
    TITLE_HEIGHT = 44,
    GRID_X = 130, /* grey points closer than a cell of this grid, about 3 pixels, are drawn once */
    GRID_Y = 100,
    MAX_PANELS = 28 /* 8 objectives in pairs */
};

typedef struct axis {
    size_t metric; /* SIZE_MAX: the point's id */
    cim_ana_quantity quantity;
    double lo, hi; /* of what is drawn, in the quantity's unit */
    bool log, maximise;
} axis;

typedef struct plot {
    const cim_ana_dataset *d;
    const cim_ana_objective *objectives;
    size_t m;
    cim_ana_view view;
    axis *axes; /* by objective, and the id last */
    unsigned char *grid;
    cim_text script;
} plot;

/* ---- values and axes -------------------------------------------------------------------------- */

static double value_of(const plot *p, const axis *a, size_t row)
{
    if (a->metric == SIZE_MAX)
        return (double)p->d->id[row];
    return p->d->metrics[row * p->d->n_metrics + a->metric] / a->quantity.factor;
}

static bool drawable(const plot *p, size_t row)
{
    if (p->d->state[row] != CIM_ANA_OK)
        return false;
    for (size_t k = 0; k < p->m; k++)
        if (!isfinite(value_of(p, &p->axes[k], row)))
            return false;
    return true;
}

static void axes_init(plot *p)
{
    for (size_t k = 0; k <= p->m; k++) {
        axis *a = &p->axes[k];
        *a = (axis){.metric = SIZE_MAX, .lo = INFINITY, .hi = -INFINITY};
        if (k < p->m) {
            a->metric = p->objectives[k].metric;
            a->maximise = p->objectives[k].maximise;
            cim_ana_quantity_of(&a->quantity, p->d, a->metric, p->view.rows, p->view.n);
        } else {
            a->quantity = (cim_ana_quantity){.name = "evaluation", .factor = 1};
        }
    }
    for (size_t row = 0; row < p->d->n; row++) {
        if (!drawable(p, row))
            continue;
        for (size_t k = 0; k <= p->m; k++) {
            axis *a = &p->axes[k];
            a->lo = fmin(a->lo, value_of(p, a, row));
            a->hi = fmax(a->hi, value_of(p, a, row));
        }
    }
    for (size_t k = 0; k < p->m; k++)
        p->axes[k].log = p->axes[k].lo > 0 && p->axes[k].hi > 10 * p->axes[k].lo;
}

/* Where a value lies on its axis, 0 .. 1. */
static double place(const axis *a, double v)
{
    if (!(a->hi > a->lo))
        return 0.5;
    return a->log ? log(v / a->lo) / log(a->hi / a->lo)
                  : (v / 2 - a->lo / 2) / (a->hi / 2 - a->lo / 2);
}

/* ---- script ----------------------------------------------------------------------------------- */

/* A single-quoted string; nothing in it can reach gnuplot's substitutions. */
static void add_quoted(cim_text *t, const char *s)
{
    cim_text_add_n(t, "'", 1);
    for (; *s; s++)
        cim_text_add_n(t, (unsigned char)*s < 0x20 || *s == '\'' || *s == '`' ? "_" : s, 1);
    cim_text_add_n(t, "'", 1);
}

/* "latency [ms]" as people write it: micro sign, square millimetres. */
static void add_label(cim_text *t, const axis *a)
{
    const cim_ana_quantity *q = &a->quantity;
    cim_text label;
    cim_text_init(&label);
    cim_text_add(&label, q->name);
    for (char *c = label.s; c && *c; c++)
        *c = *c == '_' ? ' ' : *c;
    const char *unit = q->unit;
    if (*unit)
        cim_text_add(&label, " [");
    if (*unit == 'u' && unit[1]) {
        cim_text_add(&label, "\xc2\xb5");
        unit++;
    }
    for (; *unit; unit++) {
        if (!strncmp(unit, "mm2", 3)) {
            cim_text_add(&label, "mm\xc2\xb2");
            unit += 2;
        } else if (*unit == '*') {
            cim_text_add(&label, "\xc2\xb7");
        } else {
            cim_text_add_n(&label, unit, 1);
        }
    }
    if (q->unit[0])
        cim_text_add(&label, "]");
    if (a->maximise)
        cim_text_add(&label, ", more is better");
    add_quoted(t, cim_text_str(&label));
    t->failed |= label.failed;
    cim_text_clear(&label);
}

/* Labelled at 1 2 5 while an axis spans few decades, at powers of ten beyond. */
static void add_log_tics(cim_text *t, const char *which, const axis *a)
{
    double decades = log10(a->hi / a->lo);
    int first = (int)floor(log10(a->lo)), last = (int)ceil(log10(a->hi));
    int step = decades > 12 ? 3 : decades > 7 ? 2 : 1;
    bool between = decades <= 2.8;
    const char *comma = "";
    cim_text_addf(t, "set logscale %s\nset %stics (", which, which);
    for (int e = first; e <= last; e += step) {
        cim_text_addf(t, "%s1e%d", comma, e);
        comma = ", ";
        if (between)
            cim_text_addf(t, ", 2e%d, 5e%d", e, e);
        for (int minor = 2; minor < 10 && step == 1; minor++)
            if (!between || (minor != 2 && minor != 5))
                cim_text_addf(t, ", '' %de%d 1", minor, e);
    }
    cim_text_add(t, ")\n");
}

static void add_axis(cim_text *t, const char *which, const axis *a)
{
    double margin = 0.04;
    cim_text_addf(t, "unset logscale %s\nset %stics autofreq\nset %slabel ", which, which, which);
    add_label(t, a);
    cim_text_add_n(t, "\n", 1);
    if (!(a->hi > a->lo)) {
        double half = a->lo != 0 ? fabs(a->lo) * 0.1 : 1;
        cim_text_addf(t, "set %srange [%.10g:%.10g]\n", which, a->lo - half, a->hi + half);
    } else if (a->log) {
        double factor = pow(a->hi / a->lo, margin);
        add_log_tics(t, which, a);
        cim_text_addf(t, "set %srange [%.10g:%.10g]\n", which, a->lo / factor, a->hi * factor);
    } else {
        double pad = (a->hi - a->lo) * margin;
        cim_text_addf(t, "set %srange [%.10g:%.10g]\n", which, a->lo - pad, a->hi + pad);
    }
}

static void add_point(cim_text *t, double x, double y)
{
    cim_text_addf(t, "%.7g %.7g\n", x, y);
}

/* All feasible points, thinned to what can be told apart. */
static void add_cloud(plot *p, const axis *x, const axis *y)
{
    memset(p->grid, 0, GRID_X * GRID_Y);
    cim_text_add(&p->script, "$cloud << EOD\n");
    for (size_t row = 0; row < p->d->n; row++) {
        if (!drawable(p, row))
            continue;
        double vx = value_of(p, x, row), vy = value_of(p, y, row);
        size_t cx = (size_t)(place(x, vx) * (GRID_X - 1)),
               cy = (size_t)(place(y, vy) * (GRID_Y - 1));
        unsigned char *cell = &p->grid[(cy < GRID_Y ? cy : 0) * GRID_X + (cx < GRID_X ? cx : 0)];
        if (!*cell)
            add_point(&p->script, vx, vy);
        *cell = 1;
    }
    cim_text_add(&p->script, "EOD\n");
}

static void add_front(plot *p, const axis *x, const axis *y)
{
    cim_text_add(&p->script, "$front << EOD\n");
    for (size_t i = 0; i < p->view.n; i++)
        add_point(&p->script, value_of(p, x, p->view.rows[i]), value_of(p, y, p->view.rows[i]));
    cim_text_add(&p->script, "EOD\n$knee << EOD\n");
    size_t knee = p->view.rows[p->view.knee];
    add_point(&p->script, value_of(p, x, knee), value_of(p, y, knee));
    cim_text_add(&p->script, "EOD\n");
}

static void add_panel(plot *p, const axis *x, const axis *y, bool legend)
{
    cim_text *t = &p->script;
    add_axis(t, "x", x);
    add_axis(t, "y", y);
    add_cloud(p, x, y);
    add_front(p, x, y);
    cim_text_addf(t, legend ? "set key top right\n" : "unset key\n");
    double size = p->view.n > 400 ? 0.45 : p->view.n > 100 ? 0.65 : 0.9;
    cim_text_add(
        t, "plot $cloud using 1:2 with points pt 7 ps 0.35 lc rgb '#c4c8cc' title 'feasible'");
    if (p->m == 2) /* what the front dominates lies beyond these steps, from best to worst x */
        cim_text_add(t, ", $front using 1:2 with steps lw 1.2 lc rgb '#7fb2dd' notitle");
    cim_text_addf(
        t,
        ", $front using 1:2 with points pt 7 ps %.2f lc rgb '#ffffff' notitle"
        ", $front using 1:2 with points pt 7 ps %.2f lc rgb '#1f6fb4' title 'Pareto front'"
        ", $knee using 1:2 with points pt 7 ps 1.7 lc rgb '#d62728' title 'knee'"
        ", $knee using 1:2 with points pt 6 ps 2.3 lw 1.6 lc rgb '#d62728' notitle\n",
        size + 0.3, size);
}

/* How the hypervolume grew; only known for the run's own objectives. */
static bool has_history(const plot *p)
{
    if (p->m < 2 || p->m != p->d->n_objectives || p->d->n_history < 2)
        return false;
    for (size_t k = 0; k < p->m; k++)
        if (p->objectives[k].metric != p->d->objectives[k].metric ||
            p->objectives[k].maximise != p->d->objectives[k].maximise)
            return false;
    return true;
}

static void add_history(plot *p)
{
    cim_text *t = &p->script;
    const cim_ana_dataset *d = p->d;
    cim_text_add(t, "$history << EOD\n");
    for (size_t i = 0; i < d->n_history; i++)
        cim_text_addf(t, "%llu %.15g\n", (unsigned long long)d->history_evaluations[i],
                      d->history_hypervolume[i]);
    cim_text_addf(t,
                  "EOD\nunset logscale\nset xtics autofreq\nset ytics autofreq\nunset key\n"
                  "set xrange [0:%llu]\nset yrange [*:*]\nset xlabel 'evaluations'\n"
                  "set ylabel 'hypervolume of the scaled front%s'\n"
                  "plot $history using 1:2 with lines lw 2 lc rgb '#1f6fb4'\n",
                  (unsigned long long)d->history_evaluations[d->n_history - 1],
                  d->history_sampled ? " (sampled)" : "");
}

/* Cell i of the grid of panels, in pixels around the plotted area. */
static void add_cell(cim_text *t, size_t i, size_t columns, size_t width, size_t height)
{
    double left = (double)(i % columns * PANEL_WIDTH), w = (double)width, h = (double)height;
    double top = (double)(TITLE_HEIGHT + i / columns * PANEL_HEIGHT);
    cim_text_addf(t,
                  "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                  (left + 88) / w, (left + PANEL_WIDTH - 30) / w, 1 - (top + 8) / h,
                  1 - (top + PANEL_HEIGHT - 62) / h);
}

static void add_panels(plot *p, size_t panels, bool history, const char *terminal)
{
    cim_text *t = &p->script;
    size_t cells = panels + history, columns = 1, drawn = 0;
    while (columns * columns < cells)
        columns++;
    size_t width = columns * PANEL_WIDTH;
    size_t height = (cells + columns - 1) / columns * PANEL_HEIGHT + TITLE_HEIGHT;
    cim_text_addf(
        t,
        "set encoding utf8\nset terminal %s size %zu,%zu noenhanced font 'sans,12' "
        "background rgb 'white'\nset border 3 lc rgb '#444444'\n"
        "set tics nomirror out textcolor rgb '#222222'\nset grid lc rgb '#e6e8ea' lt 1 lw 0.6\n"
        "set format '%%g'\nset key opaque box lc rgb '#cccccc' samplen 0.5 width 1 height 0.4\n"
        "set multiplot\n",
        terminal, width, height);
    cim_text_addf(t,
                  "set label 1 'Pareto front: %zu of %zu points, %zu feasible' at screen 0.5,%.4f "
                  "center font 'sans,15'\n",
                  p->view.n, p->d->n, p->view.n_feasible, 1 - 22.0 / (double)height);
    for (size_t i = 0; i < p->m && drawn < panels; i++) {
        for (size_t j = i + 1; j < p->m + (p->m == 1) && drawn < panels; j++) {
            bool one = p->m == 1; /* a single objective is drawn over the evaluations */
            add_cell(t, drawn, columns, width, height);
            add_panel(p, &p->axes[one ? 1 : i], &p->axes[one ? 0 : j], drawn == 0);
            if (drawn++ == 0)
                cim_text_add(t, "unset label 1\n");
        }
    }
    if (history) {
        add_cell(t, drawn, columns, width, height);
        add_history(p);
    }
    cim_text_add(t, "unset multiplot\n");
}

/* ---- gnuplot ---------------------------------------------------------------------------------- */

/* A file that is gone once closed, with this content, read from its start. */
static int unlinked_file(const char *path, const char *data, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return -1;
    (void)unlink(path);
    while (n > 0) {
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            close(fd);
            return -1;
        }
        data += put;
        n -= (size_t)put;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Run gnuplot on three descriptors. @return its exit status, 127 when it cannot be started */
static int gnuplot_run(int in, int out, int messages)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(messages, 2) < 0)
            _exit(126);
        execlp("gnuplot", "gnuplot", "-d", "-", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 126;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

/* The first line that gnuplot wrote to its messages. */
static void first_message(int fd, char *line, size_t size)
{
    char text[512];
    ssize_t n = lseek(fd, 0, SEEK_SET) == 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    const char *at = text + strspn(text, "\n ^");
    snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static cim_status gnuplot_draw(const cim_text *script, const char *path, const char *temporary,
                               const char *scratch, cim_err *err)
{
    char message[256] = "";
    int in = unlinked_file(scratch, script->s, script->n), messages = unlinked_file(scratch, "", 0);
    int out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666), rc = -1;
    if (in >= 0 && messages >= 0 && out >= 0) {
        rc = gnuplot_run(in, out, messages);
        first_message(messages, message, sizeof message);
    }
    int problem = errno;
    bool empty = out >= 0 && lseek(out, 0, SEEK_END) == 0;
    int fds[] = {in, out, messages};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rc < 0)
        return cim_err_set(err, CIM_E_IO, path, "cannot be written: %s", strerror(problem));
    if (rc == 127)
        return cim_err_set(err, CIM_E_IO, path,
                           "gnuplot, which draws it, cannot be started (package gnuplot-nox)");
    if (rc != 0 || empty)
        return cim_err_set(err, CIM_E_IO, path, "gnuplot failed: %s", message);
    if (rename(temporary, path) != 0)
        return cim_err_set(err, CIM_E_IO, path, "cannot be written: %s", strerror(errno));
    return CIM_OK;
}

static cim_status draw_to(const cim_text *script, const char *path, cim_err *err)
{
    cim_text names[2];
    static const char *const endings[] = {"tmp", "script.tmp"};
    for (int i = 0; i < 2; i++) {
        cim_text_init(&names[i]);
        cim_text_addf(&names[i], "%s.%ld.%s", path, (long)getpid(), endings[i]);
    }
    cim_status status;
    if (script->failed || names[0].failed || names[1].failed) {
        status = cim_err_set(err, CIM_E_NOMEM, path, "out of memory for a plot");
    } else {
        status = gnuplot_draw(script, path, names[0].s, names[1].s, err);
        if (status != CIM_OK)
            (void)unlink(names[0].s);
    }
    cim_text_clear(&names[0]);
    cim_text_clear(&names[1]);
    return status;
}

/* ---- entry ------------------------------------------------------------------------------------ */

static const char *terminal_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && !strcmp(dot, ".svg"))
        return "svg";
    if (dot && !strcmp(dot, ".png"))
        return "pngcairo";
    return NULL;
}

cim_status cim_ana_plot(const cim_ana_dataset *d, const cim_ana_objective *objectives,
                        size_t n_objectives, const char *path, cim_err *err)
{
    plot p = {.d = d, .objectives = objectives, .m = n_objectives};
    const char *terminal = terminal_of(path);
    size_t m = n_objectives, panels = m == 1 ? 1 : m * (m - 1) / 2;
    if (!terminal)
        return cim_err_set(err, CIM_E_INPUT, path,
                           "is not a picture that can be drawn, allowed are .svg and .png");
    if (panels > MAX_PANELS)
        return cim_err_set(err, CIM_E_INPUT, "objectives",
                           "%zu objectives cannot be drawn in pairs, at most 8 are allowed", m);
    CIM_TRY(cim_ana_view_init(&p.view, d, objectives, m, err));
    cim_status status = CIM_OK;
    p.axes = cim_alloc(m + 1, sizeof *p.axes);
    p.grid = cim_alloc(GRID_X, GRID_Y);
    cim_text_init(&p.script);
    if (!p.axes || !p.grid) {
        status = cim_err_set(err, CIM_E_NOMEM, path, "out of memory for a plot");
    } else if (p.view.n == 0) {
        status = cim_err_set(err, CIM_E_INPUT, path,
                             "nothing to draw: the front is empty (%zu points, %zu feasible)", d->n,
                             p.view.n_feasible);
    } else {
        axes_init(&p);
        add_panels(&p, panels, has_history(&p), terminal);
        status = draw_to(&p.script, path, err);
    }
    cim_text_clear(&p.script);
    cim_free(p.grid);
    cim_free(p.axes);
    cim_ana_view_clear(&p.view);
    return status;
}
