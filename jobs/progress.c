#include "jobs/progress.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 24 };
static const double line_every_s = 5.0;

void cim_job_progress_init(cim_job_progress *p, FILE *out)
{
    memset(p, 0, sizeof *p);
    p->out = out;
    p->terminal = isatty(fileno(out)) == 1;
    p->last_line_s = -line_every_s;
}

static void duration(double s, char *buf, size_t size)
{
    if (!isfinite(s))
        snprintf(buf, size, "--");
    else if (s < 100.0)
        snprintf(buf, size, "%.0f s", s);
    else if (s < 6000.0)
        snprintf(buf, size, "%.0f min %02.0f s", floor(s / 60.0), fmod(s, 60.0));
    else
        snprintf(buf, size, "%.0f h %02.0f min", floor(s / 3600.0), fmod(s, 3600.0) / 60.0);
}

void cim_job_progress_show(void *ctx, const cim_search_progress *n)
{
    cim_job_progress *p = ctx;
    bool finished = n->budget && n->done >= n->budget;
    if (!p->terminal && !finished && n->seconds - p->last_line_s < line_every_s)
        return;
    p->last_line_s = n->seconds;
    double left = n->budget && n->rate > 0.0 ? (double)(n->budget - n->done) / n->rate : INFINITY;
    char eta[32], count[64];
    duration(left, eta, sizeof eta);
    if (n->budget)
        snprintf(count, sizeof count, "%llu/%llu", (unsigned long long)n->done,
                 (unsigned long long)n->budget);
    else
        snprintf(count, sizeof count, "%llu", (unsigned long long)n->done);
    if (p->terminal) {
        double share = n->budget ? (double)n->done / (double)n->budget : 0.0;
        int full = (int)(share * BAR_WIDTH);
        fprintf(p->out, "\r[%.*s%.*s] ", full, "########################", BAR_WIDTH - full,
                "........................");
        p->drawn = true;
    }
    fprintf(p->out, "%s points, %.0f/s, %llu feasible, front %zu, ETA %s%s", count, n->rate,
            (unsigned long long)n->feasible, n->front_size, eta, p->terminal ? "   " : "\n");
    fflush(p->out);
}

void cim_job_progress_end(cim_job_progress *p)
{
    if (p->drawn)
        fputc('\n', p->out);
    p->drawn = false;
}
