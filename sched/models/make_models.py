#!/usr/bin/env python3
"""Makes the built-in networks: small ONNX files without weights.

    python3 sched/models/make_models.py [NAME...]

Needs torch, torchvision and onnx; nothing is downloaded (weights are random and thrown away).
Every network is exported by torch.onnx with its BatchNorms kept (so that the parameters are those
torch counts), then stripped: stored floating-point tensors keep name, type and shape, their data
is declared external at a place that is not shipped, which is how ONNX says "not in this file".

Architectures:
  vgg7   2x128C3-MP2-2x256C3-MP2-2x512C3-MP2-1024FC-10, BatchNorm behind every layer but the last:
         Li, Zhang, Liu, "Ternary Weight Networks", arXiv:1605.04711, section 3 (CIFAR-10, "VGG-7").
  vgg8   the same layer sizes without BatchNorm and without biases: the VGG-8 of
         DNN+NeuroSim (Peng et al., IEDM 2019; github.com/neurosim/DNN_NeuroSim_V1.3, models/VGG.py).
  vgg16, resnet18/34/50/101, mobilenet_v2, vit_b_16, swin_t: torchvision.models.
  bert_base  Devlin et al., arXiv:1810.04805: 12 layers, hidden 768, 12 heads, with pooler.
  gpt2   Radford et al. 2019: 12 layers, hidden 768, 12 heads, output layer tied to the embedding.
"""
import io
import math
import os
import sys
import warnings

import onnx
import torch
import torchvision
from onnx import TensorProto
from torch import nn

OPSET = 13
KEEP = 16  # elements of a floating-point tensor that is kept with its data


class Vgg(nn.Module):
    def __init__(self, norm):
        super().__init__()
        layers, channels = [], 3
        for width in (128, 256, 512):
            for _ in range(2):
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=False))
                if norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        head = [nn.Linear(512 * 4 * 4, 1024, bias=False)]
        if norm:
            head.append(nn.BatchNorm1d(1024))
        head += [nn.ReLU(), nn.Linear(1024, 10, bias=norm)]
        self.classifier = nn.Sequential(*head)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class Attention(nn.Module):
    def __init__(self, hidden, heads, causal, fused):
        super().__init__()
        self.heads, self.causal, self.fused = heads, causal, fused
        if fused:
            self.qkv = nn.Linear(hidden, 3 * hidden)
        else:
            self.query = nn.Linear(hidden, hidden)
            self.key = nn.Linear(hidden, hidden)
            self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x, mask):
        if self.fused:
            q, k, v = self.qkv(x).chunk(3, dim=2)
        else:
            q, k, v = self.query(x), self.key(x), self.value(x)
        q, k, v = self.split(q), self.split(k), self.split(v)
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(q.shape[3])
        scores = scores + mask
        y = torch.matmul(torch.softmax(scores, dim=3), v)
        return self.output(y.transpose(1, 2).reshape(x.shape))


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


class BertLayer(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.attention = Attention(hidden, heads, False, False)
        self.norm1 = nn.LayerNorm(hidden, eps=1e-12)
        self.up = nn.Linear(hidden, 4 * hidden)
        self.down = nn.Linear(4 * hidden, hidden)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, hidden=768, layers=12, heads=12, vocabulary=30522, positions=512):
        super().__init__()
        self.word = nn.Embedding(vocabulary, hidden)
        self.position = nn.Embedding(positions, hidden)
        self.kind = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(hidden, heads) for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)

    def forward(self, input_ids, attention_mask, token_type_ids):
        at = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.norm(self.word(input_ids) + self.position(at) + self.kind(token_type_ids))
        mask = (1 - attention_mask.to(x.dtype)[:, None, None, :]) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


class GptLayer(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden)
        self.attention = Attention(hidden, heads, True, True)
        self.norm2 = nn.LayerNorm(hidden)
        self.up = nn.Linear(hidden, 4 * hidden)
        self.down = nn.Linear(4 * hidden, hidden)

    def forward(self, x, mask):
        x = x + self.attention(self.norm1(x), mask)
        return x + self.down(gelu_tanh(self.up(self.norm2(x))))


class Gpt2(nn.Module):
    def __init__(self, hidden=768, layers=12, heads=12, vocabulary=50257, positions=1024):
        super().__init__()
        self.token = nn.Embedding(vocabulary, hidden)
        self.position = nn.Embedding(positions, hidden)
        self.layers = nn.ModuleList(GptLayer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)

    def forward(self, input_ids):
        n = input_ids.shape[1]
        at = torch.arange(n)
        x = self.token(input_ids) + self.position(at.unsqueeze(0))
        mask = (at.unsqueeze(0) > at.unsqueeze(1)).to(x.dtype) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return torch.matmul(self.norm(x), self.token.weight.t())


def image(size, free=False):
    """free: any height and width, where the network pools over all positions at its end"""
    axes = {0: "batch", 2: "height", 3: "width"} if free else {0: "batch"}
    return (torch.zeros(1, 3, size, size),), ["input"], {"input": axes}


def tokens(names):
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    return tuple(torch.ones(1, 8, dtype=torch.int64) for _ in names), names, axes


def torchvision_model(name):
    return lambda: getattr(torchvision.models, name)(weights=None)


BERT_INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
MODELS = {
    "vgg7": (lambda: Vgg(True), image(32), {}),
    "vgg8": (lambda: Vgg(False), image(32), {}),
    "bert_base": (Bert, tokens(BERT_INPUTS), {"sequence": (128, 512)}),
    "gpt2": (Gpt2, tokens(["input_ids"]), {"sequence": (128, 1024)}),
}
for _name in ("vgg16", "vit_b_16", "swin_t"):
    MODELS[_name] = (torchvision_model(_name), image(224), {})
for _name in ("resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2"):
    MODELS[_name] = (torchvision_model(_name), image(224, True),
                     {"height": (224, None), "width": (224, None)})


def distinct(model):
    """torch.onnx merges tensors of equal values: make all of them differ."""
    with torch.no_grad():
        for i, p in enumerate(list(model.parameters()) + list(model.buffers())):
            if p.is_floating_point():
                p.fill_(1.0 + 1e-3 * i)


def strip(graph):
    for node in graph.node:
        node.doc_string = ""
    del graph.value_info[:]
    for t in graph.initializer:
        size = 1
        for d in t.dims:
            size *= d
        t.doc_string = ""
        if t.data_type != TensorProto.FLOAT or size <= KEEP:
            continue
        for field in ("raw_data", "float_data"):
            t.ClearField(field)
        t.data_location = TensorProto.EXTERNAL
        entry = t.external_data.add()
        entry.key, entry.value = "location", "none"


def merge(graph):
    """The exporter repeats constants and shape arithmetic: keep one of equal nodes."""
    first, same, kept = {}, {}, []
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
        key = (node.op_type, tuple(node.input), len(node.output),
               tuple(a.SerializeToString() for a in node.attribute))
        if key in first and not {o.name for o in graph.output} & set(node.output):
            same.update(zip(node.output, first[key]))
            continue
        first[key] = list(node.output)
        if node.op_type in ("Constant", "Shape"):
            node.name = ""
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def shorten(graph):
    """Values are called by numbers; parameters, inputs and outputs keep their names."""
    keep = {t.name for t in graph.initializer} | {i.name for i in graph.input}
    keep |= {o.name for o in graph.output}
    names = {}
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name and name not in keep:
                names[name] = "v%d" % len(names)
                node.output[i] = names[name]
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)


def make(name, folder):
    build, (args, inputs, axes), dimensions = MODELS[name]
    model = build().eval()
    distinct(model)
    stream = io.BytesIO()
    torch.onnx.export(model, args, stream, opset_version=OPSET, input_names=inputs,
                      output_names=["output", "pooled"][:2 if name == "bert_base" else 1],
                      dynamic_axes=axes, do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
    proto = onnx.load_model_from_string(stream.getvalue())
    strip(proto.graph)
    merge(proto.graph)
    shorten(proto.graph)
    proto.graph.name = name
    for dim, (default, most) in dimensions.items():
        for key, value in (("dimension", default), ("maximum", most)):
            if value is None:
                continue
            entry = proto.metadata_props.add()
            entry.key, entry.value = "cimdse.%s.%s" % (key, dim), str(value)
    path = os.path.join(folder, name + ".onnx")
    with open(path, "wb") as f:
        f.write(proto.SerializeToString())
    parameters = sum(p.numel() for p in model.parameters())
    print("%-14s %9d parameters  %5d nodes  %6d bytes" % (name, parameters, len(proto.graph.node),
                                                          os.path.getsize(path)))


def main():
    warnings.filterwarnings("ignore")
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sys.argv[1:] or MODELS:
        make(name, folder)


if __name__ == "__main__":
    main()
