#!/usr/bin/env python3
"""Digital operators of the functional simulator against ONNX's own test cases: every single-operator
case of the standard whose operator is simulated must give the standard's expected result. Inputs a
static network needs to know (shapes, axes, pads) are made constants."""
import collections
import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
    for old, new in (("float", float), ("bool", bool), ("int", int), ("object", object)):
        if old not in np.__dict__:
            setattr(np, old, new)  # the cases are older than their removal
    from onnx.backend.test.case.node import collect_testcases
    CASES = collect_testcases(None)
except Exception as e:  # any of these may be missing or too old to run
    print("skipped: ONNX's test cases are not usable:", repr(e)[:200])
    sys.exit(77)

CIMDSE = os.environ.get("CIMDSE", "cimdse")

# Every operator that is claimed (SIMULATORS.md), and how many cases of it must at least have run.
CLAIMED = """Abs Add And AveragePool BatchNormalization Cast CastLike Ceil Clip Concat Cos Div
Dropout Elu Equal Erf Exp Expand Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less
LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mul Neg Not Or PRelu Pad Pow Reciprocal
ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
Round Sigmoid Sign Sin Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Transpose
Unsqueeze Where Xor""".split()
# What a static network of numbers cannot be, or what is refused by name.
EXPECTED_REFUSALS = ("not simulated", "not available", "not supported", "known", "empty", "nothing",
                     "depend on", "elements", "training", "at least 1", "missing")


def constant_inputs(model, inputs, which):
    """The same model with some inputs as initialisers."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    rest = [i for i in m.graph.input if i.name not in which]
    del m.graph.input[:]
    m.graph.input.extend(rest)
    m.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n)
                               for n, v in inputs.items() if n in which)
    return m, {n: v for n, v in inputs.items() if n not in which}


def run(model, inputs, folder):
    path = os.path.join(folder, "case.onnx")
    onnx.save(model, path)
    command = [CIMDSE, "simulate", path, "isaac", "--reference"]
    for k, (n, v) in enumerate(inputs.items()):
        v = np.asarray(v)
        file = os.path.join(folder, f"{k}.npy")
        np.save(file, np.asarray(v, order="C") if v.dtype in (np.float32, np.float64) else
                np.asarray(v, np.float64 if v.dtype == np.float16 else np.int64))
        command += ["--input", f"{n}={file}"]
    names = [o.name for o in model.graph.output]
    for k, n in enumerate(names):
        command += ["--output", f"{n}={os.path.join(folder, f'y{k}.npy')}"]
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode:
        return r, None
    return r, [np.load(os.path.join(folder, f"y{k}.npy")) for k in range(len(names))]


def numeric(values):
    return all(isinstance(v, (np.ndarray, np.generic)) and np.asarray(v).dtype.kind in "fiub"
               and np.asarray(v).size > 0 for v in values)


def main():
    passed, refused, failures = collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            nodes = case.model.graph.node
            if len(nodes) != 1 or nodes[0].op_type not in CLAIMED or nodes[0].domain:
                continue
            if not case.data_sets or "BFLOAT16" in case.name:  # NumPy has no such type
                continue
            opset = case.model.opset_import[0]
            opset.version = max(opset.version, 7)  # the oldest that is read; no operator changed
            op, (ins, outs) = nodes[0].op_type, case.data_sets[0]
            names = [i.name for i in case.model.graph.input]
            if not numeric(ins) or not numeric(outs) or len(names) != len(ins):
                continue
            inputs = dict(zip(names, ins))
            r, got = run(case.model, inputs, folder)
            if got is None and r.returncode == 2:
                later = [n for n in names if n != nodes[0].input[0]]
                if op in ("Where", "Gemm", "MatMul"): # constant products would be quantised
                    later = []
                if later and len(later) < len(names):
                    r, got = run(*constant_inputs(case.model, inputs, later), folder)
            if got is None:
                refused[op] += 1
                sentence = r.stderr.strip()
                if r.returncode != 2 or not any(w in sentence for w in EXPECTED_REFUSALS):
                    failures.append(f"{case.name}: exit {r.returncode}: {sentence}")
                continue
            for y, want in zip(got, outs):
                want = np.asarray(want).astype(np.float64)
                if y.shape != want.shape or not np.allclose(y, want, rtol=1e-5, atol=1e-6,
                                                            equal_nan=True):
                    failures.append(f"{case.name}: {y.flatten()[:5]} instead of "
                                    f"{want.flatten()[:5]}")
                    break
            else:
                passed[op] += 1
    print(f"{sum(passed.values())} cases of {len(passed)} operators agree, {sum(refused.values())} "
          f"refused by name: {dict(refused)}")
    for op in CLAIMED:
        if not passed[op]:
            failures.append(f"no case of {op} ran")
    for f in failures:
        print("FAILED", f)
    sys.exit(1 if failures else 0)


main()
