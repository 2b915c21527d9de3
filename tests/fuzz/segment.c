/* Any bytes as a checkpoint segment, with the checksum put right so that the parser is reached:
 * appended, found damaged or refused, never a crash. */
#include "hwspace/base/hash.h"
#include "hwspace/base/memory.h"
#include "search/checkpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cim_ana_dataset d;
    cim_search_log_id log = {.dir = "fuzz", .identity = "0123456789abcdef0123456789abcdef"};
    char *bytes = malloc(size + 8);
    double *violation = NULL;
    size_t cap = 0;
    bool damaged = false;
    cim_err err = {0};
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    uint64_t sum = cim_hash64(bytes, size, 0);
    memcpy(bytes + size, &sum, sizeof sum);
    cim_ana_dataset_init(&d);
    d.n_params = 3;
    d.n_metrics = 2;
    cim_status status =
        cim_search_segment_parse(&log, 0, bytes, size + 8, &d, &violation, &cap, &damaged, &err);
    if (status != CIM_OK && !err.message[0])
        abort();
    if (status == CIM_OK && damaged && d.n > 0)
        abort(); /* a damaged segment leaves nothing behind */
    cim_ana_dataset_clear(&d);
    cim_free(violation);
    free(bytes);
    return 0;
}
