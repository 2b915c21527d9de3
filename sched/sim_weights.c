/* Values of stored tensors: small ones are in the net, large ones stay in their file until a node
 * needs them. Format of external data: onnx.ai, "External Data". */
#include "sched/sim_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

static cim_status no_values(const cim_cc_model *model, const cim_cc_net_tensor *t, cim_err *err)
{
    return cim_err_set(
        err, CIM_E_INPUT, model->net->name,
        "tensor '%.80s' has no stored values: built-in networks and files stripped of "
        "their weights have shapes only; functional simulation needs an .onnx file "
        "with weights",
        t->name);
}

/* Where a tensor's bytes are. External files stay below the model's folder. */
static cim_status data_path(const cim_cc_model *model, const cim_cc_net_tensor *t, char *path,
                            size_t size, cim_err *err)
{
    if (!t->data.file) {
        if (!model->path)
            return no_values(model, t, err);
        snprintf(path, size, "%s", model->path);
        return CIM_OK;
    }
    const char *f = t->data.file;
    if (!model->base_dir)
        return no_values(model, t, err);
    bool up = !strcmp(f, "..") || !strncmp(f, "../", 3) || strstr(f, "/../") ||
              (strlen(f) > 3 && !strcmp(f + strlen(f) - 3, "/.."));
    if (!*f || *f == '/' || up)
        return cim_err_set(err, CIM_E_INPUT, model->net->name,
                           "tensor '%.80s' is stored in '%.80s'; external data must be in the "
                           "model's folder or below",
                           t->name, f);
    int n = snprintf(path, size, "%s/%s", model->base_dir, f);
    if (n < 0 || (size_t)n >= size)
        return cim_err_set(err, CIM_E_INPUT, model->net->name,
                           "tensor '%.80s': the path of its external data is too long", t->name);
    return CIM_OK;
}

static cim_status read_values(FILE *file, const char *path, const cim_cc_net_tensor *t, double *v,
                              cim_err *err)
{
    unsigned char bytes[CHUNK];
    size_t each = cim_cc_dtype_size(t->dtype), at_once = CHUNK / each;
    for (int64_t i = 0; i < t->elements;) {
        size_t want = (uint64_t)(t->elements - i) < at_once ? (size_t)(t->elements - i) : at_once;
        if (fread(bytes, each, want, file) != want)
            return cim_err_set(err, CIM_E_INPUT, path,
                               "ends inside tensor '%.80s', which needs %lld elements of %zu bytes "
                               "from byte %llu on",
                               t->name, (long long)t->elements, each,
                               (unsigned long long)t->data.offset);
        for (size_t k = 0; k < want; k++, i++) {
            uint64_t bits = 0;
            for (size_t b = 0; b < each; b++)
                bits |= (uint64_t)bytes[k * each + b] << (8 * b);
            v[i] = cim_cc_stored_value(t->dtype, bits);
        }
    }
    return CIM_OK;
}

static cim_status from_file(const cim_cc_model *model, const cim_cc_net_tensor *t, double *v,
                            cim_err *err)
{
    char path[2048];
    size_t each = cim_cc_dtype_size(t->dtype);
    if (each == 0 || each == 16 || t->dtype == CIM_CC_DT_COMPLEX64)
        return cim_err_set(err, CIM_E_INPUT, model->net->name,
                           "tensor '%.80s' is of an element type that is not simulated", t->name);
    CIM_TRY(data_path(model, t, path, sizeof path, err));
    if (t->data.size > 0 && t->data.size < (uint64_t)t->elements * each)
        return cim_err_set(err, CIM_E_INPUT, model->net->name,
                           "tensor '%.80s' needs %llu bytes but its external data have %llu",
                           t->name, (unsigned long long)t->elements * each,
                           (unsigned long long)t->data.size);
    FILE *file = fopen(path, "rb");
    if (!file)
        return cim_err_set(err, CIM_E_INPUT, path, "cannot be opened for tensor '%.80s': %s",
                           t->name, strerror(errno));
    cim_status s = CIM_OK;
    if (t->data.offset > (uint64_t)INT64_MAX || fseeko(file, (off_t)t->data.offset, SEEK_SET) != 0)
        s = cim_err_set(err, CIM_E_INPUT, path, "has no byte %llu, where tensor '%.80s' starts",
                        (unsigned long long)t->data.offset, t->name);
    if (s == CIM_OK)
        s = read_values(file, path, t, v, err);
    fclose(file);
    return s;
}

cim_status cim_cc_sim_stored(const cim_cc_model *model, const cim_cc_net_tensor *t, double *v,
                             cim_err *err)
{
    if (!t->ints && !t->reals && t->data.in_file)
        CIM_TRY(from_file(model, t, v, err));
    else if (!t->ints && !t->reals && t->elements > 0)
        return no_values(model, t, err);
    else
        for (int64_t i = 0; i < t->elements; i++)
            v[i] = t->ints ? (double)t->ints[i] : t->reals[i];
    for (int64_t i = 0; !cim_cc_dtype_is_real(t->dtype) && i < t->elements; i++)
        if (fabs(v[i]) > CIM_CC_SIM_MAX_INT)
            return cim_err_set(
                err, CIM_E_INPUT, model->net->name,
                "tensor '%.80s' holds an integer beyond 2^53, which is not simulated", t->name);
    return CIM_OK;
}

cim_status cim_cc_sim_weights_check(const cim_cc_model *model, cim_err *err)
{
    const cim_cc_net *net = model->net;
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        const cim_cc_net_node *node = &net->nodes[i];
        for (uint32_t k = 0; net->op_of[i] != CIM_CC_INVALID && k < node->n_inputs; k++) {
            if (node->inputs[k] == CIM_CC_INVALID)
                continue;
            const cim_cc_net_tensor *t = &net->tensors[node->inputs[k]];
            bool elsewhere = t->data.in_file && (t->data.file ? model->base_dir : model->path);
            if (t->initializer && t->elements > 0 && !t->ints && !t->reals && !elsewhere)
                return no_values(model, t, err);
        }
    }
    return CIM_OK;
}
