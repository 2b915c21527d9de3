/* Built-in architectures (hwspace/presets, linked into the binary) and loading by name or path. */
#include "hwspace/arch.h"
#include "hwspace/base/embed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PRESETS = 32 };

/* Names without ".json". Filled the same way by every caller, so a race writes equal bytes. */
static char preset_names[MAX_PRESETS][CIM_HW_NAME];

static size_t list_presets(const char *names[MAX_PRESETS])
{
    size_t n = 0;
    for (const cim_embedded_file *f = cim_embedded_presets; f->name && n < MAX_PRESETS; f++, n++) {
        size_t length = strlen(f->name) - strlen(".json");
        if (length >= CIM_HW_NAME)
            length = CIM_HW_NAME - 1;
        memcpy(preset_names[n], f->name, length);
        names[n] = preset_names[n];
    }
    return n;
}

/* The matrix is no field; it stands beside the chip or inside it. */
static const cim_json_node *noc_cost(const cim_json_node *root)
{
    const cim_json_node *chip = cim_json_find(root, "chip"), *at = cim_json_find(root, "noc_cost");
    if (!at && chip)
        at = cim_json_find(chip, "noc_cost");
    return at ? at : root;
}

/* The member a reason is about, or the nearest object around it that the file has. */
static const cim_json_node *blamed(const cim_json *doc, const char *reason)
{
    const cim_json_node *at = cim_json_root(doc);
    int field = cim_hw_reason_field(reason);
    char path[64];
    if (!strncmp(reason, "noc_cost ", 9))
        return noc_cost(at);
    if (field < 0)
        return at;
    snprintf(path, sizeof path, "%s", cim_hw_fields[field].path);
    for (char *key = path; key;) {
        char *dot = strchr(key, '.');
        if (dot)
            *dot++ = '\0';
        const cim_json_node *member = cim_json_find(at, key);
        if (!member)
            return at;
        at = member;
        key = dot;
    }
    return at;
}

/* A whole file is a design point by itself, so the rules between its fields hold too. */
static cim_status read_file(cim_json *doc, cim_hw_arch *arch, cim_err *err)
{
    cim_hw_arch fresh;
    CIM_TRY(cim_hw_arch_read(doc, cim_json_root(doc), &fresh, err));
    char reason[256];
    if (!cim_hw_arch_consistent(&fresh, reason, sizeof reason)) {
        cim_hw_arch_clear(&fresh);
        return cim_json_error(doc, blamed(doc, reason), err, "%s", reason);
    }
    *arch = fresh;
    return CIM_OK;
}

static cim_status load_preset(const cim_embedded_file *f, cim_hw_arch *arch, cim_err *err)
{
    char name[CIM_HW_NAME + 16];
    snprintf(name, sizeof name, "preset %s", f->name);
    cim_json *doc = NULL;
    CIM_TRY(cim_json_parse((const char *)f->begin, (size_t)(f->end - f->begin), name, &doc, err));
    cim_status s = read_file(doc, arch, err);
    cim_json_free(doc);
    return s;
}

static bool looks_like_path(const char *s)
{
    size_t n = strlen(s);
    return strchr(s, '/') || (n > 5 && !strcmp(s + n - 5, ".json")) || access(s, F_OK) == 0;
}

cim_status cim_hw_arch_load(const char *name_or_path, cim_hw_arch *arch, cim_err *err)
{
    const cim_embedded_file *f = cim_embedded_find(cim_embedded_presets, name_or_path, ".json");
    if (f)
        return load_preset(f, arch, err);
    if (looks_like_path(name_or_path)) {
        cim_json *doc = NULL;
        CIM_TRY(cim_json_load(name_or_path, &doc, err));
        cim_status s = read_file(doc, arch, err);
        cim_json_free(doc);
        return s;
    }
    const char *names[MAX_PRESETS] = {0};
    size_t n = list_presets(names);
    const char *near = cim_text_nearest(name_or_path, names, n);
    cim_text known;
    cim_text_init(&known);
    for (size_t i = 0; i < n; i++)
        cim_text_addf(&known, "%s%s", i ? ", " : "", names[i]);
    cim_status s = cim_err_set(
        err, CIM_E_INPUT, name_or_path, "no such architecture or file%s%s%s; built-in are: %s",
        near ? ", did you mean \"" : "", near ? near : "", near ? "\"" : "", cim_text_str(&known));
    cim_text_clear(&known);
    return s;
}

bool cim_hw_preset_at(size_t i, const char **name, char *line, size_t size)
{
    const char *names[MAX_PRESETS];
    if (i >= list_presets(names))
        return false;
    *name = names[i];
    cim_hw_arch arch;
    if (cim_hw_arch_load(names[i], &arch, NULL) != CIM_OK) {
        snprintf(line, size, "(broken preset)");
        return true;
    }
    cim_hw_arch_summary(&arch, line, size);
    cim_hw_arch_clear(&arch);
    return true;
}
