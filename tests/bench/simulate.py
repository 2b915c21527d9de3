#!/usr/bin/env python3
"""The functional simulator on whole networks: seconds, memory, equality with the reference, SQNR.

    CIMDSE=build/cimdse tests/bench/simulate.py [NETWORK...]

Networks come from torchvision with seeded random weights and the normalisation statistics those
weights cause, so nothing is downloaded. The input is one image of normally distributed values."""
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
import torchvision

CIMDSE = os.environ.get("CIMDSE", "cimdse")
RUNS = [("reference", ["--reference"]), ("8-bit ADC", []),
        ("7-bit ADC", ["--set", "crossbar.adc_bits=7"]),
        ("7-bit ADC, 64 rows at once", ["--set", "crossbar.adc_bits=7", "--set",
                                        "crossbar.parallel_rows=64"]),
        ("7-bit ADC, 1-bit cells", ["--set", "crossbar.adc_bits=7", "--set",
                                    "device.bits_per_cell=1"]),
        ("6-bit ADC, 1-bit cells", ["--set", "crossbar.adc_bits=6", "--set",
                                    "device.bits_per_cell=1"])]


def export(name, path):
    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None)
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.momentum = None  # plain average
            if isinstance(m, torch.nn.Linear) and not m.weight.any():
                m.weight.normal_(0, 0.02)  # torchvision starts the transformer's head at zero
        net.train()
        for _ in range(2):
            net(torch.randn(4, 3, 224, 224))
    net.eval()  # with gradients: without them attention becomes one operator that has no ONNX form
    torch.onnx.export(net, x, path, opset_version=14, input_names=["x"], output_names=["y"],
                      training=torch.onnx.TrainingMode.PRESERVE)
    return x.numpy(), net(x).detach().numpy()


def run(folder, path, flags):
    flags = [*flags, "--set", "workload.data=uniform"]  # the model's column is for uniform operands
    report, out = os.path.join(folder, "r.json"), os.path.join(folder, "y.npy")
    start = time.monotonic()
    # GNU time, because a child of this large process would be charged with its memory
    done = subprocess.run(["/usr/bin/time", "-f", "%M", CIMDSE, "simulate", path, "isaac", "--input",
                           os.path.join(folder, "x.npy"), "--output", out, "--json", report,
                           *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"{path} {flags}: {done.stderr}")
    with open(report) as f:
        return seconds, int(done.stderr) / 1024, np.load(out), json.load(f)


def db(signal, noise):
    return 10 * np.log10((signal ** 2).sum() / (noise ** 2).sum())


def main():
    print(f"{'network':14s} {'run':28s} {'s':>6s} {'MiB':>5s} {'output':>9s} {'operators':>17s} "
          f"{'model':>7s}")
    for name in sys.argv[1:] or ["resnet18", "mobilenet_v2", "vit_b_16"]:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name + ".onnx")
            x, truth = export(name, path)
            np.save(os.path.join(folder, "x.npy"), x)
            for what, flags in RUNS:
                seconds, mib, y, r = run(folder, path, flags)
                if what == "reference":
                    output, ops, model = f"{db(truth, y - truth):6.1f} dB*", "", ""
                elif r["outputs"][0]["exact"]:
                    output, ops, model = "equal", "exact", ""
                else:
                    each = [o["sqnr_db"] for o in r["operators"] if not o["exact"]]
                    models = [o["sqnr_analytical_converter_db"] for o in r["operators"]
                              if not o["exact"]]
                    output = f"{r['outputs'][0]['sqnr_db']:6.1f} dB"
                    ops = f"{min(each):5.1f} to {max(each):5.1f} dB"
                    model = f"{np.median(models):5.1f} dB"
                print(f"{name:14s} {what:28s} {seconds:6.1f} {mib:5.0f} {output:>9s} {ops:>17s} "
                      f"{model:>7s}", flush=True)
    print("* against torch in floating point; all others against the reference")


main()
