#include "hwspace/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

cim_status cim_err_set(cim_err *err, cim_status code, const char *where, const char *fmt, ...)
{
    if (!err || err->code != CIM_OK)
        return code;
    err->code = code;
    snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    /* One line, whatever was quoted from the user's input. */
    for (char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    for (char *c = err->where; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return code;
}

void cim_err_clear(cim_err *err)
{
    if (err)
        memset(err, 0, sizeof *err);
}

int cim_status_exit(cim_status code)
{
    switch (code) {
    case CIM_OK:
        return 0;
    case CIM_E_INPUT:
        return 2;
    case CIM_E_STOPPED:
        return 3;
    case CIM_E_IO:
    case CIM_E_NOMEM:
    case CIM_E_INTERNAL:
        break;
    }
    return 1;
}
