#include "hwspace/base/embed.h"

#include <string.h>

const cim_embedded_file *cim_embedded_find(const cim_embedded_file *table, const char *stem,
                                           const char *suffix)
{
    size_t n = strlen(stem);
    for (const cim_embedded_file *f = table; f->name; f++)
        if (!strncmp(f->name, stem, n) && !strcmp(f->name + n, suffix))
            return f;
    return NULL;
}
