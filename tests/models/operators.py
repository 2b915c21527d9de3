#!/usr/bin/env python3
"""Operator by operator against onnx.shape_inference, and networks as other exporters write them
(tf2onnx: NHWC with transpositions; PaddlePaddle: shape arithmetic, fused constants; quantised
files) against answers known by construction."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

lib.need("onnx", "numpy")

import numpy as np
import onnx
from onnx import TensorProto, helper as h, numpy_helper, shape_inference

F, I64, BOOL, U8, I8, I32 = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.UINT8,
                             TensorProto.INT8, TensorProto.INT32)
CHECKS = lib.Checks()


def weight(name, shape, dtype=F):
    t = TensorProto()
    t.name, t.data_type, t.data_location = name, dtype, TensorProto.EXTERNAL
    t.dims.extend(shape)
    e = t.external_data.add()
    e.key, e.value = "location", "none"
    return t


def const(name, values, dtype=np.int64):
    return numpy_helper.from_array(np.array(values, dtype), name)


def value(name, shape, dtype=F):
    return h.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, stored=(), outputs=("y",), opset=13, producer="hand"):
    graph = h.make_graph(nodes, "g", inputs, [h.make_empty_tensor_value_info(o) for o in outputs],
                         list(stored))
    return h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], producer_name=producer)


def show(m, inputs=()):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        with open(path, "wb") as f:
            f.write(m.SerializeToString())
        return lib.show(path, inputs)


def inferred(m):
    """Shapes by ONNX's own inference; stored tensors need values for shape arithmetic only."""
    m = shape_inference.infer_shapes(m, strict_mode=True, data_prop=True)
    shapes = {}
    for v in list(m.graph.value_info) + list(m.graph.output):
        if v.type.tensor_type.HasField("shape"):
            dims = [d.dim_value if d.HasField("dim_value") else None
                    for d in v.type.tensor_type.shape.dim]
            shapes[v.name] = dims
    return shapes


def compare(label, m, known=None):
    """Every operator's first output as ONNX infers it, or `known` where it does not."""
    try:
        got = show(m)
    except AssertionError as e:
        CHECKS.equal(label, str(e), "no error")
        return None
    shapes = inferred(m)
    by_name = {n.name: n for n in m.graph.node}
    for o in got["operators"]:
        expected = known or shapes.get(by_name[o["name"]].output[0])
        if expected is not None and None not in expected:
            CHECKS.equal("%s: shape of %s" % (label, o["name"]), o["output_shape"], expected)
        else:
            CHECKS.equal("%s: %s has a shape to compare" % (label, o["name"]), expected, o["output_shape"])
    return got


def one(op, shape, stored=(), dtype=F, outputs=1, opset=13, more=(), label=None, known=None, **attributes):
    names = ["y", "y1", "y2", "y3"][:outputs]
    inputs = [value("x", shape, dtype)] + list(more)
    # operands in the order given: network inputs, then stored ones
    node = h.make_node(op, [i.name for i in inputs] + [s.name if s else "" for s in stored], names,
                       name="n", **attributes)
    m = model([node], inputs, [s for s in stored if s], names, opset)
    return compare("%s%s%s" % (op, list(shape), label or sorted(attributes.items())), m, known)


def elementwise():
    for op in ("Relu LeakyRelu ThresholdedRelu Elu Selu Celu Sigmoid HardSigmoid Tanh Erf Exp Log Sqrt "
               "Reciprocal Softplus Softsign Abs Neg Sign Floor Ceil Round Sin Cos Tan Asin Acos Atan Sinh Cosh "
               "Asinh Acosh Atanh Identity Softmax LogSoftmax Hardmax Dropout IsNaN IsInf").split():
        one(op, [2, 3, 4, 5])
    one("HardSwish", [2, 3, 4, 5], opset=14)
    one("Not", [2, 3], dtype=BOOL)
    for op in "Add Sub Mul Div Pow".split():
        one(op, [2, 3, 4, 5], [weight("w", [4, 1])])
        one(op, [3, 1], more=[value("z", [2, 1, 5])])
    for op in "Equal Less Greater LessOrEqual GreaterOrEqual".split():
        one(op, [2, 3], more=[value("z", [2, 1])])
    for op in "And Or Xor".split():
        one(op, [2, 3], dtype=BOOL, more=[value("z", [3], BOOL)])
    one("Mod", [4, 3], [const("m", [2])], dtype=I64)
    for op in "Min Max Sum Mean".split():
        one(op, [2, 3, 1], more=[value("z", [3, 4]), value("t", [1])])
    one("Where", [2, 1], more=[value("a", [3]), value("b", [2, 3])], dtype=BOOL)
    one("PRelu", [1, 8, 4, 4], [weight("s", [8, 1, 1])])
    one("Clip", [2, 3], [const("low", 0.0, np.float32), const("high", 6.0, np.float32)])
    one("Cast", [2, 3], to=I64)
    one("BatchNormalization", [2, 6, 4, 4], [weight(n, [6]) for n in "sbmv"], opset=15)
    one("InstanceNormalization", [2, 6, 4, 4], [weight(n, [6]) for n in "sb"])
    one("LayerNormalization", [2, 6, 8], [weight(n, [8]) for n in "sb"], opset=17)
    one("LRN", [1, 8, 4, 4], size=5)
    one("MeanVarianceNormalization", [1, 8, 4, 4])
    one("LpNormalization", [4, 8])
    one("CumSum", [3, 4], [const("a", 1)])
    one("Trilu", [3, 4], opset=14)


def windows():
    for k, s, p, d in (([3, 3], [1, 1], [1, 1, 1, 1], [1, 1]), ([5, 3], [2, 1], [2, 0, 1, 1], [1, 2]),
                       ([1, 1], [3, 2], [0, 0, 0, 0], [1, 1])):
        one("Conv", [2, 4, 17, 13], [weight("w", [6, 2] + k)], strides=s, pads=p, dilations=d, group=2)
        one("MaxPool", [2, 4, 17, 13], kernel_shape=k, strides=s, pads=p)
        one("AveragePool", [2, 4, 17, 13], kernel_shape=k, strides=s, pads=p)
        one("ConvTranspose", [2, 4, 7, 6], [weight("w", [4, 3] + k)], strides=s, pads=p, dilations=d, group=2)
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        for s in (1, 2, 3):
            one("Conv", [1, 4, 17, 13], [weight("w", [6, 4, 3, 5])], auto_pad=auto, strides=[s, s])
            one("MaxPool", [1, 4, 17, 13], kernel_shape=[3, 2], auto_pad=auto, strides=[s, s])
    for n in (14, 15, 16, 17):
        one("MaxPool", [1, 4, n, n], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    one("MaxPool", [1, 4, 16, 16], kernel_shape=[2, 2], strides=[2, 2], outputs=2)
    one("Conv", [2, 4, 30], [weight("w", [6, 4, 5]), weight("b", [6])], strides=[2])
    one("Conv", [2, 4, 9, 8, 7], [weight("w", [6, 4, 3, 3, 3])], pads=[1] * 6)
    one("ConvTranspose", [1, 4, 7, 7], [weight("w", [4, 3, 3, 3])], strides=[2, 2], pads=[1, 1, 1, 1],
        output_padding=[1, 1])
    one("ConvTranspose", [1, 4, 7, 7], [weight("w", [4, 3, 3, 3])], strides=[2, 2], output_shape=[14, 14])
    for op in "GlobalAveragePool GlobalMaxPool".split():
        one(op, [2, 6, 5, 7])
    one("LpPool", [1, 4, 8, 8], kernel_shape=[2, 2], strides=[2, 2])
    one("RoiAlign", [1, 4, 16, 16], more=[value("r", [9, 4]), value("i", [9], I64)], output_height=7,
        output_width=5)
    one("MaxRoiPool", [1, 4, 16, 16], more=[value("r", [9, 5])], pooled_shape=[6, 6])
    one("QLinearConv", [1, 4, 8, 8],
        [const("xs", 0.1, np.float32), const("xz", 0, np.uint8), weight("w", [6, 4, 3, 3], I8),
         const("ws", 0.1, np.float32), const("wz", 0, np.int8), const("ys", 0.1, np.float32),
         const("yz", 0, np.uint8)], dtype=U8)
    one("ConvInteger", [1, 4, 8, 8], [weight("w", [6, 4, 3, 3], U8)], dtype=U8)


def products():
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = ([5, 3] if ta else [3, 5]), ([7, 5] if tb else [5, 7])
            one("Gemm", a, [weight("w", b), weight("c", [7])], transA=ta, transB=tb)
    for a, b in (([3, 5], [5, 7]), ([2, 3, 5], [5, 7]), ([2, 4, 3, 5], [4, 5, 7]), ([5], [5, 7]), ([2, 3, 5], [5])):
        one("MatMul", a, [weight("w", b)])
        one("MatMul", a, more=[value("z", b)])
    one("MatMulInteger", [3, 5], [weight("w", [5, 7], U8)], dtype=U8)
    for e, a, b in (("bij,jk->bik", [2, 3, 4], [4, 5]), ("bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 6, 5]),
                    ("...ij,jk", [2, 3, 4], [4, 5]), ("ij,ij->", [3, 4], [3, 4]), ("i,j->ij", [3], [4])):
        out = np.einsum(e, np.zeros(a), np.zeros(b))
        got = one("Einsum", a, more=[value("z", b)], equation=e, known=list(out.shape) or None)
        sizes = dict()
        terms = e.split("->")[0].split(",")
        if got and "..." not in e:
            for term, shape in zip(terms, (a, b)):
                sizes.update(zip(term, shape))
            CHECKS.equal("Einsum %s: MACs" % e, got["macs"], int(np.prod(list(sizes.values()))))


def reductions():
    for op in "ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare".split():
        one(op, [2, 3, 4], axes=[1, -1], keepdims=0)
        one(op, [2, 3, 4], axes=[1])
        one(op, [2, 3, 4], keepdims=0)
    one("ReduceSum", [2, 3, 4], [const("a", [0, 2])], keepdims=0)
    one("ReduceSum", [2, 3, 4], noop_with_empty_axes=1)
    for op in "ArgMax ArgMin".split():
        one(op, [2, 3, 4], axis=1, keepdims=0)
    one("TopK", [2, 30], [const("k", [5])], outputs=2)
    one("OneHot", [2, 3], [const("d", 7), const("v", [0.0, 1.0], np.float32)], dtype=I64, known=[2, 3, 7])


def moves():
    one("Reshape", [2, 3, 4], [const("s", [0, -1])])
    one("Reshape", [2, 3, 4], [const("s", [4, 3, 2, 1])])
    for axis in (0, 1, 2, 3, -1):
        one("Flatten", [2, 3, 4], axis=axis)
    one("Squeeze", [1, 3, 1, 4], [const("a", [0, -2])])
    one("Squeeze", [1, 3, 1, 4])
    one("Squeeze", [1, 3, 1, 4], opset=11, axes=[2])
    one("Unsqueeze", [3, 4], [const("a", [0, -1])])
    one("Unsqueeze", [3, 4], opset=11, axes=[1])
    one("Transpose", [2, 3, 4])
    one("Transpose", [2, 3, 4], perm=[0, 2, 1])
    one("Concat", [2, 3, 4], more=[value("z", [2, 5, 4])], axis=-2)
    one("Split", [2, 9], [const("n", [2, 3, 4])], outputs=3, axis=1)
    one("Split", [2, 9], outputs=3, axis=-1)
    one("Split", [2, 9], outputs=2, opset=11, axis=1, split=[4, 5])
    for start, end, step in (([1], [100], [1]), ([-3], [-1], [1]), ([9], [-100], [-2]), ([0], [2 ** 62], [3])):
        one("Slice", [10, 4], [const("s", start), const("e", end), const("a", [0]), const("t", step)],
            label="[%s:%s:%s]" % (start, end, step))
    one("Slice", [10, 4], opset=9, starts=[1, 0], ends=[5, 3])
    one("Pad", [1, 3, 4, 5], [const("p", [0, 0, 1, 2, 0, 0, 3, 4])])
    one("Pad", [1, 3, 4, 5], opset=10, pads=[0, 0, 1, 2, 0, 0, -1, 4])
    one("Gather", [5, 6, 7], [const("i", [[1, 2], [0, -1]])], axis=1)
    one("Gather", [2], [const("i", 1)], axis=0, label="scalar")
    one("GatherElements", [5, 6], more=[value("i", [5, 2], I64)], axis=1)
    one("GatherND", [5, 6, 7], more=[value("i", [3, 2], I64)])
    one("ScatterND", [5, 6], more=[value("i", [3, 1], I64), value("u", [3, 6])])
    one("ScatterElements", [5, 6], more=[value("i", [2, 6], I64), value("u", [2, 6])])
    one("Expand", [3, 1], [const("s", [2, 1, 6])])
    one("Tile", [2, 3], [const("r", [2, 4])])
    one("DepthToSpace", [1, 18, 4, 5], blocksize=3)
    one("SpaceToDepth", [1, 2, 6, 9], blocksize=3)
    one("EyeLike", [3, 4])
    one("Compress", [3, 4], [const("c", [True, False, True], np.bool_)], axis=0, known=[2, 4])
    one("QuantizeLinear", [2, 3], [const("s", 0.1, np.float32), const("z", 0, np.uint8)])
    one("DequantizeLinear", [2, 3], [const("s", 0.1, np.float32), const("z", 0, np.uint8)], dtype=U8)
    one("DynamicQuantizeLinear", [2, 3], outputs=3)
    empty = const("r", [], np.float32)
    one("Resize", [1, 3, 4, 5], [empty, const("s", [1, 1, 2, 2.5], np.float32)])
    one("Resize", [1, 3, 4, 5], [empty, empty2(), const("n", [1, 3, 9, 7])], mode="linear")
    one("Upsample", [1, 3, 4, 5], [const("s", [1, 1, 2, 3], np.float32)], opset=9)


def empty2():
    return const("r2", [], np.float32)


def tensorflow_like():
    """NHWC input, Transpose in and out, BatchNorm behind, Squeeze, SAME padding, depthwise."""
    t = lambda i, o, perm, n: h.make_node("Transpose", [i], [o], name=n, perm=perm)
    nodes = [
        t("x", "x1", [0, 3, 1, 2], "in"),
        h.make_node("Conv", ["x1", "w1"], ["c1"], name="conv", strides=[2, 2], auto_pad="SAME_UPPER"),
        h.make_node("BatchNormalization", ["c1", "s", "b", "m", "v"], ["b1"], name="bn"),
        h.make_node("Clip", ["b1", "zero", "six"], ["r1"], name="relu6"),
        t("r1", "r1n", [0, 2, 3, 1], "to_nhwc"),
        t("r1n", "r1c", [0, 3, 1, 2], "to_nchw"),
        h.make_node("Conv", ["r1c", "w2"], ["c2"], name="depthwise", group=16, auto_pad="SAME_LOWER"),
        t("c2", "c2n", [0, 2, 3, 1], "to_nhwc2"),
        h.make_node("ReduceMean", ["c2n"], ["g"], name="mean", axes=[1, 2], keepdims=1),
        h.make_node("Squeeze", ["g", "ax"], ["q"], name="squeeze"),
        h.make_node("MatMul", ["q", "fc"], ["f"], name="dense"),
        h.make_node("Add", ["f", "fb"], ["y"], name="bias"),
    ]
    stored = [weight("w1", [16, 3, 3, 3]), weight("w2", [16, 1, 5, 5]), weight("fc", [16, 10]), weight("fb", [10]),
              const("zero", 0.0, np.float32), const("six", 6.0, np.float32), const("ax", [1, 2])]
    stored += [weight(n, [16]) for n in "sbmv"]
    got = compare("tf2onnx-like", model(nodes, [value("x", [1, 225, 225, 3])], stored, producer="tf2onnx"))
    ops = {o["name"]: o for o in got["operators"]}
    CHECKS.equal("tf: parameters", got["weights"], 16 * 27 + 16 * 25 + 160 + 10 + 32)
    CHECKS.equal("tf: BatchNorm is gone", "bn" in ops, False)
    CHECKS.equal("tf: MACs", got["macs"], 113 * 113 * (16 * 27 + 16 * 25) + 160)
    CHECKS.equal("tf: depthwise", [ops["depthwise"][k] for k in ("matrix_rows", "matrix_cols", "groups", "mvms")],
                 [25, 1, 16, 113 * 113])
    CHECKS.equal("tf: rows stream through NHWC", [ops[n]["rows"] for n in ("conv", "to_nhwc", "depthwise", "to_nhwc2")],
                 [113] * 4)
    CHECKS.equal("tf: nothing waits for everything but the mean",
                 [o["name"] for o in got["operators"] if any(i["full"] for i in o["inputs"])], ["mean"])
    CHECKS.equal("tf: unsigned after relu6", ops["depthwise"]["signed_input"], False)


def paddle_like():
    """Shape arithmetic: Shape, Slice, Cast, Concat, Reshape; constants as Constant nodes; Resize by
    computed sizes; hard swish spelled out; a fully connected layer as Reshape and MatMul."""
    c = lambda name, v, dt=np.int64: h.make_node("Constant", [], [name], name="c_" + name, value=const(name, v, dt))
    nodes = [
        c("w1", np.zeros([8, 3, 3, 3]), np.float32),
        c("b1", np.zeros([8]), np.float32),
        c("three", np.float32(3), np.float32), c("six", np.float32(6), np.float32), c("zero", np.float32(0), np.float32),
        h.make_node("Conv", ["x", "w1"], ["c1"], name="conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        c("bs", [1, 8, 1, 1]),
        h.make_node("Reshape", ["b1", "bs"], ["b2"], name="bias_shape"),
        h.make_node("Add", ["c1", "b2"], ["c2"], name="bias"),
        h.make_node("Add", ["c2", "three"], ["h1"], name="hs_add"),
        h.make_node("Clip", ["h1", "zero", "six"], ["h2"], name="hs_clip"),
        h.make_node("Mul", ["c2", "h2"], ["h3"], name="hs_mul"),
        h.make_node("Div", ["h3", "six"], ["h4"], name="hs_div"),
        h.make_node("Shape", ["h4"], ["sh"], name="shape"),
        c("i2", [2]), c("i4", [4]), c("i0", [0]), c("two", [2]),
        h.make_node("Slice", ["sh", "i2", "i4", "i0"], ["hw"], name="slice"),
        h.make_node("Cast", ["hw"], ["hw32"], name="cast32", to=I32),
        h.make_node("Cast", ["hw32"], ["hw64"], name="cast64", to=I64),
        h.make_node("Mul", ["hw64", "two"], ["big"], name="times"),
        h.make_node("Slice", ["sh", "i0", "i2", "i0"], ["nc"], name="slice2"),
        h.make_node("Concat", ["nc", "big"], ["size"], name="size", axis=0),
        c("none", [], np.float32),
        h.make_node("Resize", ["h4", "none", "none", "size"], ["up"], name="resize", mode="linear"),
        h.make_node("Shape", ["up"], ["us"], name="shape2"),
        c("idx", 0),
        h.make_node("Gather", ["us", "idx"], ["n"], name="gather", axis=0),
        h.make_node("Unsqueeze", ["n", "i0"], ["n1"], name="unsqueeze"),
        c("free", [-1]),
        h.make_node("Concat", ["n1", "free"], ["flat"], name="flat", axis=0),
        h.make_node("Reshape", ["up", "flat"], ["v"], name="reshape"),
        h.make_node("MatMul", ["v", "fc"], ["y"], name="fc"),
    ]
    m = model(nodes, [value("x", [-1, 3, 32, 32])], [weight("fc", [8 * 32 * 32, 10])], opset=11 + 2,
              producer="PaddlePaddle")
    m.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    got = show(m)
    ops = {o["name"]: o for o in got["operators"]}
    CHECKS.equal("paddle: operators", [o["name"] for o in got["operators"]],
                 ["conv", "bias", "hs_add", "hs_clip", "hs_mul", "hs_div", "resize", "reshape", "fc"])
    CHECKS.equal("paddle: shapes", [ops[n]["output_shape"] for n in ("conv", "resize", "reshape", "fc")],
                 [[1, 8, 16, 16], [1, 8, 32, 32], [1, 8192], [1, 10]])
    CHECKS.equal("paddle: parameters", got["weights"], 8 * 27 + 8 + 81920)
    CHECKS.equal("paddle: MACs", got["macs"], 256 * 8 * 27 + 81920)
    CHECKS.equal("paddle: a batch of 3", show(m, ["x=3x3x32x32"])["macs"], 3 * got["macs"])


def quantised():
    """Weights behind DequantizeLinear, int8: crossbar operators with their parameters counted."""
    q = lambda i, o, n: [h.make_node("QuantizeLinear", [i, "s", "z"], [o + "q"], name=n + "_q"),
                         h.make_node("DequantizeLinear", [o + "q", "s", "z"], [o], name=n + "_dq")]
    nodes = [h.make_node("Relu", ["x"], ["r"], name="relu")] + q("r", "a", "a")
    nodes += [h.make_node("DequantizeLinear", ["w", "s", "wz"], ["wf"], name="w_dq"),
              h.make_node("DequantizeLinear", ["b", "s"], ["bf"], name="b_dq"),
              h.make_node("Conv", ["a", "wf", "bf"], ["c"], name="conv")] + q("c", "y", "y")
    stored = [weight("w", [8, 4, 3, 3], I8), weight("b", [8], I32), const("s", 0.1, np.float32),
              const("z", 0, np.uint8), const("wz", 0, np.int8)]
    got = compare("quantised", model(nodes, [value("x", [1, 4, 8, 8])], stored))
    ops = {o["name"]: o for o in got["operators"]}
    CHECKS.equal("quantised: parameters", got["weights"], 8 * 36 + 8)
    CHECKS.equal("quantised: unit", ops["conv"]["unit"], "crossbar")
    CHECKS.equal("quantised: unsigned input", ops["conv"]["signed_input"], False)
    CHECKS.equal("quantised: bias", ops["conv"]["has_bias"], True)


def arithmetic():
    """Constant folding: a chain of integer operators ends in a Reshape whose shape is known only
    when every step was right; numpy computes the same."""
    steps = [("Add", [5, 7, -9]), ("Mul", [3, -2, 4]), ("Sub", [100, 1, 1]), ("Div", [7, 2, -3]),
             ("Mod", [5, 4, 7]), ("Max", [1, 2, 3]), ("Min", [4, 3, 6])]
    v, nodes, stored, name = np.array([8, -3, 12]), [], [const("v", [8, -3, 12])], "v"
    for i, (op, operand) in enumerate(steps):
        o = np.array(operand)
        v = {"Add": lambda: v + o, "Mul": lambda: v * o, "Sub": lambda: v - o,
             "Div": lambda: np.trunc(v / o).astype(int), "Mod": lambda: np.mod(v, o),
             "Max": lambda: np.maximum(v, o), "Min": lambda: np.minimum(v, o)}[op]()
        stored.append(const("o%d" % i, operand))
        nodes.append(h.make_node(op, [name, "o%d" % i], ["v%d" % i], name="s%d" % i))
        name = "v%d" % i
    nodes += [h.make_node("Relu", ["x"], ["r"], name="relu"),
              h.make_node("Expand", ["r", name], ["y"], name="expand")]
    got = show(model(nodes, [value("x", [1, 1, 1])], stored))
    CHECKS.equal("folded arithmetic", got["operators"][-1]["output_shape"], [int(k) for k in v])


for group in (elementwise, windows, products, reductions, moves, tensorflow_like, paddle_like, quantised, arithmetic):
    group()
CHECKS.finish()
