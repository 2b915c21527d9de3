/* Speed of the cost model: microseconds per priced chip, per energy of a set of counts, per SQNR,
 * for each preset, and relative to a loop of additions of equal count measured in the same run. */
#define _POSIX_C_SOURCE 200809L
#include "costmodel/fidelity.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Something to keep the optimiser from dropping the work. */
static volatile double sink;

static double additions(long n)
{
    double start = seconds(), s = 0;
    for (long i = 0; i < n; i++) {
        s += (double)i;
        sink = s;
    }
    return (seconds() - start) / (double)n;
}

static void bench(const cim_cost_library *lib, const char *name, long n, double unit)
{
    cim_hw_arch a;
    cim_cost_chip c;
    char reason[256];
    double counts[CIM_COST_N_EVENTS], pj[CIM_COST_N_KINDS];
    if (cim_hw_arch_load(name, &a, NULL) != CIM_OK)
        return;
    double start = seconds();
    for (long i = 0; i < n; i++) {
        a.chip.cores = 1 + i % 512;
        if (!cim_cost_chip_price(lib, &a, &c, reason, sizeof reason))
            break;
        sink = c.area_mm2;
    }
    double price = (seconds() - start) / (double)n;
    for (int e = 0; e < CIM_COST_N_EVENTS; e++)
        counts[e] = e;
    start = seconds();
    for (long i = 0; i < n; i++)
        sink = cim_cost_energy(&c, counts, (double)i, pj);
    double energy = (seconds() - start) / (double)n;
    start = seconds();
    for (long i = 0; i < n; i++)
        sink = cim_cost_sqnr_db(&a, &c.device, 1 + (double)(i % 4096));
    double sqnr = (seconds() - start) / (double)n;
    printf(
        "%-10s price %7.3f us (%6.0f additions)  energy %6.3f us (%4.0f)  sqnr %6.3f us (%4.0f)\n",
        name, price * 1e6, price / unit, energy * 1e6, energy / unit, sqnr * 1e6, sqnr / unit);
    cim_hw_arch_clear(&a);
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 200000;
    cim_cost_library *lib = NULL;
    cim_err err = {CIM_OK, "", ""};
    double start = seconds();
    if (cim_cost_library_load(&lib, &err) != CIM_OK) {
        fprintf(stderr, "%s: %s\n", err.where, err.message);
        return 1;
    }
    printf("library loaded in %.2f ms\n", (seconds() - start) * 1e3);
    double unit = additions(n * 10);
    const char *name;
    char line[256];
    for (size_t i = 0; cim_hw_preset_at(i, &name, line, sizeof line); i++)
        bench(lib, name, n, unit);
    cim_cost_library_destroy(lib);
    return 0;
}
