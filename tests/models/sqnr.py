#!/usr/bin/env python3
"""The analytical SQNR against the functional simulator as Monte Carlo; writes the tables of
costmodel/SQNR.md.

    CIMDSE=build/cimdse tests/models/sqnr.py                     check the claims and the table
    CIMDSE=build/cimdse tests/models/sqnr.py --write             measure again and write the table
    CIMDSE=build/cimdse tests/models/sqnr.py --write --networks [NAME=FILE.onnx,X.npy]...
                          also whole networks of torchvision, and those named (some minutes)
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

CIMDSE = os.environ.get("CIMDSE", "cimdse")
ROOT = os.environ.get("CIM_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DOC = os.path.join(ROOT, "costmodel", "SQNR.md")


def case(rows=128, n=128, adc=8, dac=1, cell=2, w=8, a=8, signed=True, kw=0, kx=0, clip="",
         spread=0):
    return dict(rows=rows, n=n, adc=adc, dac=dac, cell=cell, w=w, a=a, signed=signed, kw=kw, kx=kx,
                clip=clip, spread=spread)


# Where the formula claims 1 dB.
UNIFORM = [case(adc=b, signed=s) for s in (True, False) for b in (7, 6, 5, 4)] + [
    case(rows=64, n=64, adc=5, dac=2), case(rows=64, n=64, adc=6, dac=4, cell=4, signed=False),
    case(n=512, adc=8, dac=2, cell=4), case(rows=256, n=256, adc=6, cell=4, signed=False),
    case(n=100, adc=7, cell=4), case(rows=100, n=400, adc=6, signed=False)]
REAL = [case(adc=b, signed=s, kw=5, kx=5) for s in (True, False) for b in (7, 6)] + [
    case(adc=7, signed=False, kw=8, kx=8), case(n=512, adc=8, dac=2, cell=4, kw=5, kx=4),
    case(rows=64, n=576, adc=6, signed=False, kw=6, kx=6),
    case(n=1152, adc=7, signed=False, kw=6, kx=7)]
CLIPPED = [case(adc=6, signed=False, kw=5, kx=5),
           case(adc=6, signed=False, kw=5, kx=5, clip="adc.clip=0.5"),
           case(adc=6, signed=False, kw=5, kx=5, clip="adc.clip=0.42"),
           case(adc=6, signed=False, kw=5, kx=5, clip="adc.clip_percentile=99.9"),
           case(adc=6, signed=False, kw=5, kx=5, clip="adc.clip_percentile=99.99"),
           case(adc=6, signed=False, kw=5, kx=6, clip="adc.clip_percentile=99.99"),
           case(adc=7, clip="adc.clip=0.7")]
SPREAD = [case(spread=v) for v in (0.05, 0.1)] + [
    case(signed=False, kw=6, kx=6, spread=v) for v in (0.1, 0.2)] + [
    case(adc=6, spread=0.1), case(adc=6, signed=False, kw=6, kx=6, spread=0.1),
    case(rows=64, n=256, adc=7, dac=2, signed=False, spread=0.05)]
# Where it errs by more, and how: (case, least and most dB the model may be above the measurement).
OUTSIDE = [(case(rows=256, n=1024, adc=5, cell=1, w=4, a=4), 0, 3.5),
           (case(rows=64, n=576, adc=5, cell=1, w=4, a=4), 0, 4),
           (case(adc=7, kw=8, kx=8, clip="adc.clip_percentile=99"), -5.5, 0),
           (case(spread=0.02), 0, 2.5), (case(signed=False, kw=6, kx=6, spread=0.03), -0.5, 2.5),
           (case(signed=False, kw=6, kx=6, spread=0.05), 0, 2.5),
           (case(rows=9, n=1000, adc=5, dac=3, cell=2, w=5, a=16, signed=False), -3, 0)]


def draw(r, shape, ratio, signed):
    """Real operands whose peak is 1: uniform, or normal with the given peak to rms."""
    if ratio:
        v = np.clip(r.standard_normal(shape) / ratio * (1 if signed else 2 ** 0.5), -1, 1)
        v = v if signed else np.maximum(v, 0)
    else:
        v = r.uniform(-1 if signed else 0, 1, shape)
    v.flat[0] = 1
    return v.astype(np.float32)


def simulate(path, inputs, sets, folder, seed=0, extra=()):
    out = os.path.join(folder, "report.json")
    command = [CIMDSE, "simulate", path, "isaac", "--input", inputs, "--json", out, "--seed",
               str(seed), *extra]
    for s in sets:
        command += ["--set", s]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, (command, run.stderr)
    with open(out) as f:
        return json.load(f)


def settings(c):
    sets = [f"crossbar.rows={c['rows']}", f"crossbar.parallel_rows={c['rows']}",
            f"crossbar.adc_bits={c['adc']}", f"crossbar.dac_bits={c['dac']}",
            f"device.bits_per_cell={c['cell']}", f"workload.weight_bits={c['w']}",
            f"workload.activation_bits={c['a']}", f"device.variation={c['spread']}",
            "workload.data=" + ("gaussian" if c["kw"] else "uniform")]
    if c["kw"]:
        sets += [f"workload.weight_peak_to_rms={c['kw']}",
                 f"workload.activation_peak_to_rms={c['kx']}"]
    return sets + ([c["clip"]] if c["clip"] else [])


def measure(c, folder):
    """256 columns, 256 vectors, one product; inputs that may be negative are driven in offset binary."""
    r = np.random.default_rng(7)
    w, x = draw(r, (c["n"], 256), c["kw"], True), draw(r, (256, c["n"]), c["kx"], c["signed"])
    nodes = [] if c["signed"] else [helper.make_node("Relu", ["x"], ["p"])]
    nodes.append(helper.make_node("MatMul", ["x" if c["signed"] else "p", "w"], ["y"], name="n"))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, x.shape)],
                              [helper.make_tensor_value_info("y", 1, None)],
                              [numpy_helper.from_array(w, "w")])
    path, file = os.path.join(folder, "one.onnx"), os.path.join(folder, "x.npy")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    np.save(file, x)
    o = simulate(path, file, settings(c), folder)["operators"][0]
    assert o["offset_input"] == c["signed"]
    return o["sqnr_db"], o["sqnr_analytical_converter_db"], o["adc_step"]


def row(c, folder):
    measured, model, step = measure(c, folder)
    data = f"{'signed' if c['signed'] else '>= 0'}, " + (
        f"ratios {c['kw']}, {c['kx']}" if c["kw"] else "uniform")
    return [c["rows"], c["n"], c["adc"], c["dac"], c["cell"], f"{c['w']}/{c['a']}", data,
            c["clip"].replace("adc.", "") or "-", f"{c['spread']:g}" if c["spread"] else "-",
            f"{step:.2f}", f"{measured:.1f}", f"{model:.1f}", f"{model - measured:+.1f}"]


HEAD = ["rows", "n", "ADC", "DAC", "cell", "w/x", "data", "range", "spread", "step", "measured dB",
        "model dB", "difference"]


def table(head, rows):
    lines = ["| " + " | ".join(map(str, r)) + " |" for r in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def monte_carlo():
    rows, wrong = [], []
    claimed = [(c, -1, 1) for c in UNIFORM + REAL + CLIPPED + SPREAD]
    with tempfile.TemporaryDirectory() as folder:
        for c, low, high in claimed + OUTSIDE:
            r = row(c, folder)
            rows.append(r)
            if not low <= float(r[-1]) <= high:
                wrong.append(f"{r}: outside {low} to {high} dB")
    return rows, wrong


def section(text, name):
    found = re.search(rf"(<!-- {name} -->\n)((?:(?!<!--).)*)(\n<!-- end -->)", text, re.S)
    assert found, f"{DOC} has no section {name}"
    return found


def put(name, content):
    with open(DOC) as f:
        text = f.read()
    at = section(text, name)
    with open(DOC, "w") as f:
        f.write(text[:at.start(2)] + content + text[at.end(2):])


def same(rows):
    """The table of the page is that of this program: same cases, ratios within 0.3 dB."""
    with open(DOC) as f:
        lines = section(f.read(), "monte carlo").group(2).splitlines()[2:]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if len(shown) != len(rows):
        return ["the page has another number of rows: run with --write"]
    return [f"the page says {a}, now {b}: run with --write" for a, b in zip(shown, rows)
            if a[:9] != [str(v) for v in b[:9]] or
            any(abs(float(x) - float(y)) > 0.3 for x, y in zip(a[10:12], b[10:12]))]


# ---- whole networks ---------------------------------------------------------------------------------

def export(name, folder):
    """A network of torchvision with seeded random weights and the normalisation they cause."""
    import torch
    import torchvision
    torch.manual_seed(0)
    net, x = getattr(torchvision.models, name)(weights=None), torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.momentum = None
            if isinstance(m, torch.nn.Linear) and not m.weight.any():
                m.weight.normal_(0, 0.02)
        net.train()
        for _ in range(2):
            net(torch.randn(4, 3, 224, 224))
    net.eval()
    path, file = (os.path.join(folder, name + end) for end in (".onnx", ".npy"))
    torch.onnx.export(net, x, path, opset_version=14, input_names=["x"], output_names=["y"],
                      training=torch.onnx.TrainingMode.PRESERVE)
    np.save(file, x.numpy())
    return path, file


def db(noise):
    return -10 * np.log10(noise) if noise > 0 else np.inf


def summed(values):
    return db(sum(10 ** (-v / 10) for v in values if v is not None and np.isfinite(v)))


def quantiles(values):
    v = np.array([x for x in values if x is not None and np.isfinite(x)])
    return "-" if v.size == 0 else " / ".join(f"{q:.1f}" for q in np.percentile(v, [0, 50, 90, 100]))


RUNS = [("7-bit ADC", ["crossbar.adc_bits=7"]),
        ("7-bit ADC, 99.99th percentile", ["crossbar.adc_bits=7", "adc.clip_percentile=99.99"]),
        ("cells deviate by 2 %", ["device.variation=0.02"])]


def rounding(name, path, file, folder):
    """Output of 8-bit operands against 16-bit ones, and what operators' rounding adds up to."""
    out = [os.path.join(folder, f"y{b}.npy") for b in (8, 16)]
    for bits, y in zip((8, 16), out):
        r = simulate(path, file, [f"workload.weight_bits={bits}", f"workload.activation_bits={bits}"],
                     folder, extra=["--reference", "--output", y])
    truth, y = np.load(out[1]).ravel(), np.load(out[0]).ravel()
    r = simulate(path, file, [], folder)
    noise = 0
    for o in r["operators"]:
        k, x = o["weight_peak_to_rms"], o["input_peak_to_rms"]
        if k and x:
            noise += (k ** 2 + x ** 2 / (1 if o["offset_input"] else 2)) / (12 * 127 ** 2)
    return [name, "rounding to 8 bits", len(r["operators"]), "-", "-",
            f"{db(((y - truth) ** 2).mean() / truth.var()):.1f}", f"{db(noise):.1f}",
            f"{r['sqnr_analytical_db']:.1f}"], r["operators"]


def network(name, path, file, folder):
    first, ops = rounding(name, path, file, folder)
    rows = [first]
    for what, sets in RUNS:
        r = simulate(path, file, sets, folder)
        lossy = [o for o in r["operators"] if o["sqnr_db"] is not None and o["mvms"] > 1]
        matched = [o["sqnr_analytical_matched_db"] for o in lossy]
        assumed = [o["sqnr_analytical_converter_db"] for o in lossy]
        rows.append([name, what, len(lossy),
                     quantiles([m - o["sqnr_db"] for m, o in zip(matched, lossy)
                                if m is not None]),
                     quantiles([m - o["sqnr_db"] for m, o in zip(assumed, lossy)
                                if m is not None]),
                     "equal" if r["outputs"][0]["exact"] else f"{r['outputs'][0]['sqnr_db']:.1f}",
                     f"{summed(matched):.1f}", f"{summed(assumed):.1f}"])
        print(rows[-1], flush=True)
    ratios = [name, len(ops), quantiles([o["weight_peak_to_rms"] for o in ops]),
              quantiles([o["input_peak_to_rms"] for o in ops])]
    return rows, ratios


def networks(named):
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("resnet18", "mobilenet_v2", "vit_b_16"):
            more, ratio = network(name, *export(name, folder), folder)
            rows, ratios = rows + more, ratios + [ratio]
        for argument in named:
            name, files = argument.split("=", 1)
            more, ratio = network(name, *files.split(","), folder)
            rows, ratios = rows + more, ratios + [ratio]
    put("ratios", table(["network", "operators", "weights: least / median / 90 % / most",
                         "activations: least / median / 90 % / most"], ratios))
    put("networks", table(["network", "chip", "operators", "matched - measured, dB",
                           "assumed - measured, dB", "output, dB", "sum of matched, dB",
                           "sum of assumed, dB"], rows))


def main():
    write = "--write" in sys.argv
    rows, wrong = monte_carlo()
    for r in rows:
        print(" ".join(f"{v!s:>8}" for v in r))
    if write:
        put("monte carlo", table(HEAD, rows))
    else:
        wrong += same(rows)
    if write and "--networks" in sys.argv:
        networks(sys.argv[sys.argv.index("--networks") + 1:])
    for w in wrong:
        print(f"FAILED {w}")
    sys.exit(1 if wrong else 0)


main()
