#!/usr/bin/env python3
"""A network run from its emitted meta-operator flow against the same network without one.

The flow says where every cell, input and sum is; with a lossless converter its result must equal plain
integer arithmetic (`--reference`) bit for bit, and with a lossy one the simulation at the level of the
graph: in every computing mode, at every level, with each pass on and off, for every form of operator."""
import os
import subprocess
import sys
import tempfile
import time

import lib

lib.need("numpy", "onnx", "torch")

import numpy as np

import simulate as nets

CIMDSE = lib.binary()
checks = lib.Checks()


def sets(**values):
    return [f for k, v in values.items() for f in ("--set", k.replace("__", ".") + "=" + str(v))]


def chip(mode, cores, crossbars, rows, cols, parallel=None, dac=1, cell=1, adc=16, w=8, a=8,
         binding="columns", **more):
    return sets(computing_mode=mode, chip__cores=cores, core__crossbars=crossbars,
                crossbar__rows=rows, crossbar__cols=cols, crossbar__parallel_rows=parallel or rows,
                crossbar__dac_bits=dac, device__bits_per_cell=cell, crossbar__adc_bits=adc,
                crossbar__adcs=1, device__type="reram", workload__weight_bits=w,
                workload__activation_bits=a, schedule__binding=binding, chip__buffer_kib=64, **more)


# What differs: mode and level; cells of a weight that straddle crossbars (cols 50, 3 or 5 slices);
# copies that share a core or fill several; operators larger than the chip, in parts; packing.
CHIPS = {
    "core none": ("none", chip("core", 40, 4, 32, 64, dac=2)),
    "core cg": ("cg", chip("core", 60, 3, 48, 50, cell=2, w=5)),
    "core cg parts": ("cg", chip("core", 2, 2, 16, 50, cell=3, a=6, dac=5)),
    "core cg crossbars": ("cg", chip("core", 60, 5, 32, 32, cell=2, binding="crossbars")),
    "core cg serial": ("cg", chip("core", 60, 3, 48, 64, schedule__pipeline="false")),
    "crossbar cg": ("cg", chip("crossbar", 60, 3, 40, 50, 7, cell=3, w=7)),
    "crossbar mvm": ("mvm", chip("crossbar", 30, 7, 32, 64, 32, cell=2)),
    "crossbar mvm parts": ("mvm", chip("crossbar", 3, 5, 16, 50, 5, cell=3)),
    "crossbar mvm crossbars": ("mvm", chip("crossbar", 30, 7, 24, 24, 10, cell=3,
                                           binding="crossbars")),
    "crossbar mvm serial": ("mvm", chip("crossbar", 30, 7, 32, 64, cell=4, dac=8,
                                        schedule__pipeline="false")),
    "crossbar mvm single": ("mvm", chip("crossbar", 30, 7, 32, 64, cell=8, dac=4,
                                        schedule__duplication="none", schedule__stagger="false")),
    "wordline mvm": ("mvm", chip("wordline", 30, 8, 64, 50, 9, cell=3, dac=3)),
    "wordline vvm": ("vvm", chip("wordline", 60, 8, 64, 64, 16, cell=2)),
    "wordline vvm fixed": ("vvm", chip("wordline", 60, 8, 64, 64, 16, cell=2,
                                       schedule__remap="false")),
    "wordline vvm parts": ("vvm", chip("wordline", 2, 3, 20, 33, 6, cell=2, w=6, a=5,
                                       binding="crossbars")),
    "sram segments": ("mvm", chip("crossbar", 6, 4, 32, 64, adc=16)
                      + sets(device__type="sram", chip__offchip_gb_per_s=1)),
    "signed core": ("cg", chip("core", 60, 3, 48, 50, cell=2, w=5, a=6)
                    + sets(crossbar__signed_weights="differential")),
    "signed crossbars": ("mvm", chip("crossbar", 30, 7, 24, 24, 10, cell=3, binding="crossbars")
                         + sets(crossbar__signed_weights="differential")),
    "signed parts": ("mvm", chip("crossbar", 3, 5, 16, 50, 5, cell=3)
                     + sets(crossbar__signed_weights="differential")),
    "signed wordline": ("vvm", chip("wordline", 60, 8, 64, 50, 16, cell=2)
                        + sets(crossbar__signed_weights="differential")),
    "columns": ("mvm", chip("crossbar", 30, 7, 24, 24, 24, cell=2) + sets(schedule__tiling="columns")),
    "columns cores": ("cg", chip("core", 60, 5, 16, 30, cell=2) + sets(schedule__tiling="columns",
                                                                       schedule__packing="false")),
    "lossy signed": ("mvm", chip("crossbar", 30, 7, 32, 50, 12, cell=2, adc=3)
                     + sets(crossbar__signed_weights="differential", schedule__tiling="columns")),
    "written core": ("cg", chip("core", 60, 3, 48, 50, cell=2)
                     + sets(schedule__dynamic_products="crossbar")),
    "written crossbars": ("mvm", chip("crossbar", 60, 7, 24, 24, 10, cell=3, binding="crossbars")
                          + sets(schedule__dynamic_products="crossbar")),
    "written parts": ("mvm", chip("crossbar", 3, 5, 16, 50, 5, cell=3)
                      + sets(schedule__dynamic_products="crossbar")),
    "written wordline": ("vvm", chip("wordline", 60, 8, 64, 50, 16, cell=2)
                         + sets(schedule__dynamic_products="crossbar",
                                crossbar__signed_weights="differential")),
    "lossy written": ("mvm", chip("crossbar", 30, 7, 32, 50, 12, cell=2, adc=3)
                      + sets(schedule__dynamic_products="crossbar")),
    "lossy core": ("cg", chip("core", 60, 3, 48, 50, cell=2, w=5, adc=4)),
    "lossy crossbar": ("mvm", chip("crossbar", 30, 7, 32, 64, 12, cell=2, adc=3)),
    "lossy crossbars": ("mvm", chip("crossbar", 30, 7, 24, 24, 10, cell=3, binding="crossbars",
                                    adc=2)),
    "lossy wordline": ("vvm", chip("wordline", 60, 8, 64, 64, 16, cell=2, adc=4,
                                   schedule__remap="false")),
    "lossy parts": ("mvm", chip("crossbar", 3, 5, 16, 50, 5, cell=3, adc=2)),
}


def run(*command):
    done = subprocess.run([CIMDSE, *command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def simulate(path, arrays, folder, flags):
    out = os.path.join(folder, "y.npy")
    code, text = run("simulate", path, "isaac", *flags, "--output", out, *arrays)
    if code:
        raise AssertionError(text)
    return np.load(out)


def emit(path, name, flags, shapes, folder):
    """The flow's file, None when the point is infeasible."""
    file = os.path.join(folder, "flow.txt")
    if os.path.exists(file):
        os.remove(file)
    # converters decide numbers, not flows, and those of 16 bits have no price
    code, text = run("compile", path, "isaac", *flags, *shapes,
                     *sets(crossbar__adc_bits=8), "--emit", file)
    checks.equal(f"{name} compile", (code, text if code else ""), (0, ""))
    if "infeasible" in text:
        print(f"{name}: {text.splitlines()[0]}")
        return None
    return file


def check_network(name, path, inputs, folder):
    arrays, shapes = [], []
    for key, v in inputs.items():
        file = os.path.join(folder, key + ".npy")
        np.save(file, v)
        arrays += ["--input", f"{key}={file}"]
        shapes += ["--input", key + "=" + "x".join(map(str, v.shape))]
    for what, (level, flags) in CHIPS.items():
        flags = ["--level", level, *flags]
        file = emit(path, f"{name} {what}", flags, shapes, folder)
        if not file:
            continue
        with_flow = simulate(path, arrays, folder, flags + ["--flow", file])
        plain = simulate(path, arrays, folder,
                         flags + ([] if what.startswith("lossy") else ["--reference"]))
        checks.true(f"{name} {what}: flow equals {'graph' if 'lossy' in what else 'reference'}",
                    np.array_equal(with_flow, plain))


def check_resnet(folder):
    """A whole network at its full size, in every mode."""
    try:
        import torch
        import torchvision
    except ImportError as e:
        print("ResNet-18 skipped:", e)
        return
    torch.manual_seed(0)
    net = torchvision.models.resnet18(weights=None)
    nets.settle(net)
    x = torch.randn(1, 3, 224, 224)
    path, array = os.path.join(folder, "resnet18.onnx"), os.path.join(folder, "image.npy")
    torch.onnx.export(net, x, path, opset_version=14)
    np.save(array, x.numpy())
    for level, flags in [("cg", sets(computing_mode="core")), ("mvm", []),
                         ("vvm", sets(computing_mode="wordline", crossbar__parallel_rows=64))]:
        flags = ["--level", level, *flags]
        file = emit(path, f"resnet18 {level}", flags, [], folder)
        start = time.monotonic()
        y = simulate(path, ["--input", array], folder, flags + ["--flow", file])
        print(f"resnet18 {level}: {time.monotonic() - start:.1f} s, "
              f"{os.path.getsize(file) / 1e3:.0f} kB")
        exact = simulate(path, ["--input", array], folder, flags + ["--reference"])
        checks.true(f"resnet18 {level}", np.array_equal(y, exact))


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, path, inputs, _ in nets.networks(folder):
            check_network(name, path, inputs, folder)
        check_resnet(folder)
    checks.finish()


main()
