/* Any bytes as a spec: read or refused with a message, written back, never a crash. */
#include "search/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cim_search_spec spec;
    cim_err err = {0};
    cim_text text;
    cim_status status = cim_search_spec_parse((const char *)data, size, "fuzz", NULL, &spec, &err);
    if (status != CIM_OK) {
        if (err.code != status || !err.message[0])
            abort(); /* every refusal says why */
        return 0;
    }
    cim_text_init(&text);
    cim_search_spec_write(&spec, true, &text);
    cim_search_spec_clear(&spec);
    if (text.failed || cim_search_spec_parse(text.s, text.n, "again", NULL, &spec, &err) != CIM_OK)
        abort(); /* what was accepted is accepted again */
    cim_text_clear(&text);
    cim_search_spec_clear(&spec);
    return 0;
}
