#!/usr/bin/env python3
"""Real exports: torchvision's networks through torch.onnx, counted against torch itself.

Every matrix product and convolution torch executes is recorded below the module level (aten
operators), so functional calls (attention) count, too: the sorted list of their MACs must be that
of the imported operators, one by one. Parameters must equal sum(p.numel()) wherever the exporter
left them alone."""
import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

lib.need("torch", "torchvision", "onnx")
warnings.filterwarnings("ignore")

import torch
import torchvision
from torch.utils._python_dispatch import TorchDispatchMode

EVAL, PRESERVE = torch.onnx.TrainingMode.EVAL, torch.onnx.TrainingMode.PRESERVE

# name: [(opset, constant folding, training mode, dynamic batch), ...]
NETWORKS = {
    "resnet18": [(11, True, EVAL, False), (12, False, EVAL, True), (13, True, PRESERVE, True),
                 (14, False, PRESERVE, False), (15, True, EVAL, True), (16, False, PRESERVE, True),
                 (17, True, PRESERVE, True)],
    "resnet34": [(12, True, PRESERVE, False)],
    "resnet50": [(13, False, PRESERVE, True), (17, True, EVAL, False)],
    "resnet101": [(15, True, PRESERVE, False)],
    "mobilenet_v2": [(11, False, PRESERVE, True), (16, True, EVAL, True)],
    "efficientnet_b0": [(12, True, PRESERVE, True), (17, False, EVAL, False)],
    "densenet121": [(13, False, PRESERVE, True), (16, True, EVAL, False)],
    "googlenet": [(14, True, PRESERVE, True), (11, False, EVAL, False)],
    "inception_v3": [(12, False, PRESERVE, True), (17, True, EVAL, False)],
    "squeezenet1_0": [(11, True, EVAL, True), (15, False, PRESERVE, False)],
    "convnext_tiny": [(13, True, PRESERVE, True), (17, False, EVAL, True)],
    "vgg16": [(14, True, EVAL, True)],
    "vit_b_16": [(14, False, PRESERVE, True)],
    "swin_t": [(14, True, EVAL, False), (16, False, PRESERVE, False)],
}


class Products(TorchDispatchMode):
    """MACs of every product torch executes."""

    def __init__(self):
        super().__init__()
        self.macs = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.__name__.split(".")[0]
        if name == "convolution":
            x, w, transposed = args[0], args[1], args[6]
            positions = x if transposed else out
            n = x.shape[0] * w.numel()
            for size in positions.shape[2:]:
                n *= size
            self.macs.append(n)
        elif name in ("mm", "bmm"):
            self.macs.append(out.numel() * args[0].shape[-1])
        elif name in ("addmm", "baddbmm"):
            self.macs.append(out.numel() * args[1].shape[-1])
        return out


def build(name):
    extra = {"googlenet": {"aux_logits": False, "init_weights": False},
             "inception_v3": {"aux_logits": False, "init_weights": False}}.get(name, {})
    return getattr(torchvision.models, name)(weights=None, **extra).eval()


def check_export(checks, name, model, x, products, shape, config, folder):
    opset, folding, training, dynamic = config
    label = "%s opset %d %s%s%s" % (name, opset, "folded" if folding else "not folded",
                                    " batch norm kept" if training == PRESERVE else "",
                                    " dynamic" if dynamic else "")
    path = os.path.join(folder, "net.onnx")
    torch.onnx.export(model, x, path, opset_version=opset, do_constant_folding=folding,
                      training=training, input_names=["x"],
                      dynamic_axes={"x": {0: "N"}} if dynamic else None)
    got = lib.show(path)
    macs = sorted(o["macs"] for o in got["operators"] if o["macs"])
    checks.equal(label + ": MACs of each product", macs, sorted(products))
    checks.equal(label + ": MACs", got["macs"], sum(products))
    checks.equal(label + ": output shape", got["operators"][-1]["output_shape"], shape)
    checks.equal(label + ": sum of weights", sum(o["weights"] for o in got["operators"]), got["weights"])
    parameters = sum(p.numel() for p in model.parameters())
    merged = any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules()) and training == EVAL
    # folding in the exporter: gathered position tables of Swin become larger than what they hold
    if merged or (name == "swin_t" and folding):
        checks.true(label + ": about the parameters",
                    abs(got["weights"] - parameters) < 0.02 * parameters)
    else:
        checks.equal(label + ": parameters", got["weights"], parameters)
    if dynamic:
        two = lib.show(path, ["x=2x" + "x".join(str(d) for d in x.shape[1:])])
        checks.equal(label + ": MACs of a batch of 2", two["macs"], 2 * got["macs"])
        checks.equal(label + ": weights of a batch of 2", two["weights"], got["weights"])
    os.remove(path)


def main():
    checks = lib.Checks()
    torch.manual_seed(1)
    for name in sys.argv[1:] or NETWORKS:
        model = build(name)
        size = 299 if name == "inception_v3" else 224
        x = torch.randn(1, 3, size, size)
        with Products() as mode: # with gradients: without them attention takes a fused path
            y = model(x)
        with tempfile.TemporaryDirectory() as folder:
            for config in NETWORKS[name]:
                check_export(checks, name, model, x, mode.macs, list(y.shape), config, folder)
        del model
    checks.finish()


main()
