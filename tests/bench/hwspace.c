/* Cost of what happens to every design point before compilation: draw, resolve, bind, check.
 * Prints nanoseconds; asserts none. */
#include "hwspace/base/rng.h"
#include "hwspace/space.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const char spec[] =
    "{\"parameters\": {\"chip.cores\": {\"values\": [64, 128, 256, 512]},"
    "\"crossbar.rows\": {\"log2\": [64, 512]}, \"crossbar.adc_bits\": {\"range\": [4, 10]},"
    "\"clock_mhz\": {\"real\": [400, 1600]}, \"schedule.level\": {\"choice\": [\"cg\", \"mvm\"]},"
    "\"schedule.pipeline\": {\"choice\": [true, false]},"
    "\"crossbar.cols\": {\"expr\": \"crossbar.rows\"},"
    "\"crossbar.parallel_rows\": {\"expr\": \"min(crossbar.rows, 128)\"}},"
    "\"constraints\": [\"crossbar.parallel_rows <= crossbar.rows\","
    "\"chip.cores * core.crossbars * crossbar.rows * crossbar.cols * device.bits_per_cell >= "
    "2^26\"]}";

enum { N = 1000000 };

int main(void)
{
    static const char *const kinds[] = {"grid", "random", "sobol", "lhs", "halton"};
    cim_err err = {0};
    cim_json *doc;
    cim_hw_arch base, a;
    cim_hw_space *space;
    cim_rng_library_init();
    if (cim_hw_arch_load("isaac", &base, &err) != CIM_OK ||
        cim_json_parse(spec, strlen(spec), "spec", &doc, &err) != CIM_OK ||
        cim_hw_space_read(doc, cim_json_find(cim_json_root(doc), "parameters"),
                          cim_json_find(cim_json_root(doc), "constraints"), &base, NULL, 0, &space,
                          &err) != CIM_OK) {
        fprintf(stderr, "%s: %s\n", err.where, err.message);
        return 1;
    }
    double p[8], t0, sum = 0;
    char reason[128];
    for (int kind = CIM_HW_SAMPLING_RANDOM; kind <= CIM_HW_SAMPLING_HALTON; kind++) {
        cim_hw_sampler *s;
        if (cim_hw_sampler_create(space, (cim_hw_sampling)kind, 1, N, &s, &err) != CIM_OK)
            return 1;
        t0 = now();
        while (cim_hw_sampler_next(s, p))
            sum += p[0];
        printf("%-28s %7.1f ns\n", kinds[kind], (now() - t0) / N);
        cim_hw_sampler_destroy(s);
    }
    t0 = now();
    for (int i = 0; i < N; i++) {
        p[1] = (double)(64 << i % 4);
        sum += cim_hw_space_resolve(space, p, reason, sizeof reason);
    }
    printf("%-28s %7.1f ns\n", "resolve, 2 expressions", (now() - t0) / N);
    t0 = now();
    for (int i = 0; i < N; i++) {
        cim_hw_space_bind(space, &base, p, &a);
        sum += (double)a.chip.cores;
    }
    printf("%-28s %7.1f ns\n", "bind", (now() - t0) / N);
    t0 = now();
    for (int i = 0; i < N; i++)
        sum += cim_hw_arch_consistent(&a, reason, sizeof reason);
    printf("%-28s %7.1f ns\n", "consistent", (now() - t0) / N);
    t0 = now();
    for (int i = 0; i < N; i++)
        for (size_t k = 0; k < 2; k++)
            sum += cim_hw_space_constraint_holds(space, k, &a, NULL, NULL);
    printf("%-28s %7.1f ns\n", "2 constraints", (now() - t0) / N);
    cim_hw_space_destroy(space);
    cim_json_free(doc);
    cim_hw_arch_clear(&base);
    return sum > 0 ? 0 : 1;
}
