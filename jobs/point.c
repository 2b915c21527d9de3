#include "jobs/point.h"

#include "hwspace/base/text.h"

#include <stdio.h>
#include <string.h>

enum { REASON = 192 };

/* --level and --objective are words for --set. */
static cim_status apply_shorthand(const cim_job_args *args, const char *option, const char *path,
                                  cim_hw_arch *arch, cim_err *err)
{
    const char *value = cim_job_args_value(args, option);
    if (!value)
        return CIM_OK;
    cim_text t;
    cim_text_init(&t);
    cim_text_addf(&t, "%s=%s", path, value);
    cim_status s = t.failed ? cim_err_set(err, CIM_E_NOMEM, option, "out of memory")
                            : cim_hw_arch_set(arch, t.s, err);
    cim_text_clear(&t);
    return s;
}

/* A reason opens with the path of the field at fault: its place as a JSON pointer. @return buf */
static const char *place(const cim_hw_arch *arch, const char *reason, char *buf, size_t size)
{
    int field = cim_hw_reason_field(reason);
    const char *path = field >= 0                            ? cim_hw_fields[field].path
                       : !strncmp(reason, "components:", 11) ? "components"
                       : !strncmp(reason, "noc_cost ", 9)    ? "noc_cost"
                                                             : "";
    snprintf(buf, size, *path ? "%s:/%s" : "%s", arch->name, path);
    for (char *dot = buf + strlen(arch->name); (dot = strchr(dot, '.'));)
        *dot = '/';
    return buf;
}

static cim_status refuse(const cim_hw_arch *arch, const char *reason, cim_err *err)
{
    char where[160];
    return cim_err_set(err, CIM_E_INPUT, place(arch, reason, where, sizeof where), "%s", reason);
}

static cim_status override(const cim_job_args *args, cim_hw_arch *arch, cim_err *err)
{
    const char *const *sets;
    size_t n = cim_job_args_values(args, "--set", &sets);
    for (size_t i = 0; i < n; i++)
        CIM_TRY(cim_hw_arch_set(arch, sets[i], err));
    CIM_TRY(apply_shorthand(args, "--level", "schedule.level", arch, err));
    CIM_TRY(apply_shorthand(args, "--objective", "schedule.objective", arch, err));
    char reason[REASON];
    return cim_hw_arch_consistent(arch, reason, sizeof reason) ? CIM_OK : refuse(arch, reason, err);
}

cim_status cim_job_point_load(const cim_job_args *args, const char *arch, cim_job_point *out,
                              cim_err *err)
{
    memset(out, 0, sizeof *out);
    CIM_TRY(cim_hw_arch_load(arch, &out->arch, err));
    CIM_TRY(override(args, &out->arch, err));
    return cim_cost_library_load_file(cim_job_args_value(args, "--library"), &out->library, err);
}

void cim_job_point_clear(cim_job_point *p)
{
    cim_cost_library_destroy(p->library);
    cim_hw_arch_clear(&p->arch);
    memset(p, 0, sizeof *p);
}

cim_status cim_job_point_price(const cim_job_point *p, cim_cost_chip *chip, cim_err *err)
{
    char reason[REASON];
    if (!cim_cost_chip_price(p->library, &p->arch, chip, reason, sizeof reason))
        return refuse(&p->arch, reason, err);
    return CIM_OK;
}

cim_status cim_job_point_trace(const cim_job_point *p, cim_cost_chip *chip,
                               cim_cost_provenance *from, cim_err *err)
{
    char reason[REASON];
    if (!cim_cost_provenance_trace(p->library, &p->arch, chip, from, reason, sizeof reason))
        return refuse(&p->arch, reason, err);
    return CIM_OK;
}
