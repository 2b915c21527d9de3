/* Networks by name or file. */
#include "sched/model.h"

#include "hwspace/base/embed.h"
#include "sched/model_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *line;
} builtins[] = {
    {"vgg7", "VGG-7 for CIFAR-10, 32x32: 2x128C3-MP-2x256C3-MP-2x512C3-MP-1024FC-10"},
    {"vgg8",
     "VGG-8 of NeuroSim for CIFAR-10, 32x32: the layers of vgg7 without normalisation and biases"},
    {"vgg16", "VGG-16 for ImageNet, 224x224 (torchvision)"},
    {"resnet18", "ResNet-18 for ImageNet, 224x224 (torchvision)"},
    {"resnet34", "ResNet-34 for ImageNet, 224x224 (torchvision)"},
    {"resnet50", "ResNet-50 for ImageNet, 224x224 (torchvision)"},
    {"resnet101", "ResNet-101 for ImageNet, 224x224 (torchvision)"},
    {"mobilenet_v2", "MobileNetV2 for ImageNet, 224x224 (torchvision)"},
    {"vit_b_16", "Vision Transformer ViT-B/16 for ImageNet, 224x224 (torchvision)"},
    {"swin_t", "Swin Transformer Swin-T for ImageNet, 224x224 (torchvision)"},
    {"bert_base", "BERT-base with pooler, one sequence of 128 tokens (bindable, up to 512)"},
    {"gpt2", "GPT-2 (124 M), one forward pass over 128 tokens (bindable, up to 1024)"},
};
enum { N_BUILTINS = sizeof builtins / sizeof *builtins };

bool cim_cc_model_builtin_at(size_t i, const char **name, const char **line)
{
    if (i >= N_BUILTINS)
        return false;
    *name = builtins[i].name;
    *line = builtins[i].line;
    return true;
}

void cim_cc_model_destroy(cim_cc_model *model)
{
    if (!model)
        return;
    cim_arena_clear(&model->arena);
    cim_cc_net_destroy(model->net);
    cim_free(model);
}

const cim_cc_graph *cim_cc_model_graph(const cim_cc_model *model)
{
    return &model->graph;
}

cim_status cim_cc_model_parse(const void *bytes, size_t size, const char *name,
                              const char *base_dir, const cim_cc_model_options *options,
                              cim_cc_model **out, cim_err *err)
{
    cim_cc_model *m = cim_alloc(1, sizeof *m);
    if (m) {
        cim_arena_init(&m->arena);
        m->net = cim_cc_net_create(name);
        m->base_dir = base_dir ? cim_arena_strdup(&m->arena, base_dir) : NULL;
    }
    if (!m || !m->net || (base_dir && !m->base_dir)) {
        cim_cc_model_destroy(m);
        return cim_err_set(err, CIM_E_NOMEM, name, "out of memory");
    }
    cim_status s = cim_cc_net_import(m->net, bytes, size, err);
    if (s == CIM_OK)
        s = cim_cc_net_bind(m->net, options, err);
    if (s == CIM_OK)
        s = cim_cc_net_infer(m->net, err);
    if (s == CIM_OK)
        s = cim_cc_net_lower(m->net, &m->arena, &m->graph, err);
    if (s != CIM_OK)
        cim_cc_model_destroy(m);
    else
        *out = m;
    return s;
}

/* The name reports call a file by: no folders, no ".onnx". */
static void short_name(const char *path, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(buf, size, "%s", slash ? slash + 1 : path);
    size_t n = strlen(buf);
    if (n > 5 && !strcmp(buf + n - 5, ".onnx"))
        buf[n - 5] = '\0';
}

static cim_status parse_file(int fd, off_t size, const char *path,
                             const cim_cc_model_options *options, cim_cc_model **out, cim_err *err)
{
    char dir[1024];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (size == 0)
        return cim_err_set(err, CIM_E_INPUT, path, "is empty, an ONNX file is needed");
    /* weights are only looked at, never copied: pages that are not needed are not read */
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return cim_err_set(err, CIM_E_INPUT, path, "cannot be read: %s", strerror(errno));
    cim_status s = cim_cc_model_parse(bytes, (size_t)size, path, dir, options, out, err);
    munmap(bytes, (size_t)size);
    return s;
}

static cim_status load_file(const char *path, const cim_cc_model_options *options,
                            cim_cc_model **out, cim_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (fd < 0)
        return cim_err_set(err, CIM_E_INPUT, path, "cannot be opened: %s", strerror(errno));
    cim_status s;
    if (fstat(fd, &st) != 0)
        s = cim_err_set(err, CIM_E_INPUT, path, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        s = cim_err_set(err, CIM_E_INPUT, path, "is not a regular file");
    else
        s = parse_file(fd, st.st_size, path, options, out, err);
    close(fd);
    if (s == CIM_OK) {
        char name[256];
        short_name(path, name, sizeof name);
        (*out)->graph.name = cim_arena_strdup(&(*out)->arena, name);
        (*out)->path = cim_arena_strdup(&(*out)->arena, path);
        if (!(*out)->graph.name || !(*out)->path) {
            cim_cc_model_destroy(*out);
            *out = NULL;
            s = cim_err_set(err, CIM_E_NOMEM, path, "out of memory");
        }
    }
    return s;
}

static cim_status unknown_name(const char *name, cim_err *err)
{
    const char *words[N_BUILTINS];
    for (size_t i = 0; i < N_BUILTINS; i++)
        words[i] = builtins[i].name;
    const char *near = cim_text_nearest(name, words, N_BUILTINS);
    return cim_err_set(
        err, CIM_E_INPUT, name,
        "is neither a built-in network%s%s%s nor a file (cimdse model list shows the "
        "built-in ones)",
        near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

cim_status cim_cc_model_load(const char *name_or_path, const cim_cc_model_options *options,
                             cim_cc_model **out, cim_err *err)
{
    const cim_embedded_file *f = cim_embedded_find(cim_embedded_models, name_or_path, ".onnx");
    if (f)
        return cim_cc_model_parse(f->begin, (size_t)(f->end - f->begin), name_or_path, NULL,
                                  options, out, err);
    size_t n = strlen(name_or_path);
    bool path = strchr(name_or_path, '/') || (n > 5 && !strcmp(name_or_path + n - 5, ".onnx"));
    if (!path && access(name_or_path, F_OK) != 0)
        return unknown_name(name_or_path, err);
    return load_file(name_or_path, options, out, err);
}
