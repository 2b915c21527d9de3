#!/usr/bin/env python3
"""Writes the corpus of networks that must be refused, one mistake each, and expected.tsv: file,
what `where` must contain, what the message must contain. Needs the onnx package."""
import os

from onnx import TensorProto, helper as h

FOLDER = os.path.dirname(os.path.abspath(__file__))
F, I64 = TensorProto.FLOAT, TensorProto.INT64
CASES = []


def weight(name, shape, dtype=F):
    t = TensorProto()
    t.name, t.data_type, t.data_location = name, dtype, TensorProto.EXTERNAL
    t.dims.extend(shape)
    e = t.external_data.add()
    e.key, e.value = "location", "none"
    return t


def ints(name, values):
    return h.make_tensor(name, I64, [len(values)], values)


def value(name, shape, dtype=F):
    return h.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, initializers=(), outputs=("y",), opset=13, domains=()):
    graph = h.make_graph(nodes, "g", inputs, [h.make_empty_tensor_value_info(o) for o in outputs],
                         list(initializers))
    imports = [h.make_opsetid("", opset)] + [h.make_opsetid(d, 1) for d in domains]
    return h.make_model(graph, opset_imports=imports, producer_name="corpus")


def add(name, data, where, message):
    data = data if isinstance(data, bytes) else data.SerializeToString()
    with open(os.path.join(FOLDER, name + ".onnx"), "wb") as f:
        f.write(data)
    CASES.append((name + ".onnx", where, message))


def one(name, op, inputs, initializers, message, opset=13, where=None, outputs=("y",), **attributes):
    node = h.make_node(op, [i.name for i in inputs] + [i.name for i in initializers], list(outputs),
                       name="here", **attributes)
    add(name, model([node], inputs, initializers, outputs[:1], opset),
        where or "node 'here' (%s)" % op, message)


X = value("x", [1, 3, 8, 8])
conv = model([h.make_node("Conv", ["x", "w"], ["y"], name="here")], [X],
             [weight("w", [4, 3, 3, 3])])

# files
add("empty", b"", "empty.onnx", "is empty")
add("garbage", bytes((i * 37 + 11) % 256 for i in range(600)), "garbage.onnx", "not an ONNX file or damaged")
add("text", b"This is not a network.\n", "text.onnx", "not an ONNX file")
add("json", b'{"graph": []}\n', "json.onnx", "not an ONNX file")
add("lfs_pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "lfs_pointer.onnx", "Git LFS pointer")
add("truncated", conv.SerializeToString()[:-20], "truncated.onnx", "longer than the data (truncated?)")
add("no_graph", b"\x08\x08", "no_graph.onnx",
    "holds no graph")
add("no_nodes", model([], [X]), "no_nodes.onnx", "has no nodes")
no_opset = model([h.make_node("Relu", ["x"], ["y"])], [X])
del no_opset.opset_import[:]
add("no_opset", no_opset, "no_opset.onnx", "names no operator set")
add("old_opset", model([h.make_node("Relu", ["x"], ["y"])], [X], opset=6), "old_opset.onnx",
    "operator set 6; 7 and later")
add("no_outputs", model([h.make_node("Relu", ["x"], ["y"])], [X], outputs=()), "no_outputs.onnx",
    "has no outputs")
add("constant_output", model([h.make_node("Constant", [], ["y"], value_ints=[1, 2])], [X]),
    "constant_output.onnx", "nothing to run")

# names and order
add("missing_tensor", model([h.make_node("Relu", ["z"], ["y"], name="here")], [X]),
    "node 'here' (Relu)", "reads 'z', which no node, input or initialiser provides")
add("missing_output", model([h.make_node("Relu", ["x"], ["z"])], [X]), "missing_output.onnx",
    "output 'y' is not written")
add("cycle", model([h.make_node("Add", ["x", "b"], ["a"], name="first"),
                    h.make_node("Relu", ["a"], ["b"], name="second"),
                    h.make_node("Relu", ["b"], ["y"])], [X]), "node 'first' (Add)", "cycle")
add("self_loop", model([h.make_node("Add", ["x", "y"], ["y"], name="here")], [X]),
    "node 'here' (Add)", "cycle")
add("written_twice", model([h.make_node("Relu", ["x"], ["y"]),
                            h.make_node("Relu", ["x"], ["y"], name="here")], [X]),
    "node 'here' (Relu)", "'y', which already has a value")
add("input_twice", model([h.make_node("Relu", ["x"], ["y"])], [X, X]), "input_twice.onnx",
    "input 'x' is listed twice")
add("initializer_twice", model([h.make_node("Conv", ["x", "w"], ["y"])], [X],
                               [weight("w", [4, 3, 3, 3])] * 2), "initializer_twice.onnx",
    "initialiser 'w' is stored twice")
add("no_node_output", model([h.make_node("Relu", ["x"], [], name="here"),
                             h.make_node("Relu", ["x"], ["y"])], [X]), "node 'here' (Relu)",
    "has no output")
add("too_many_inputs", model([h.make_node("Relu", ["x", "x"], ["y"], name="here")], [X]),
    "node 'here' (Relu)", "has 2 inputs, 1 to 1 are allowed")
add("too_few_inputs", model([h.make_node("Conv", ["x"], ["y"], name="here")], [X]),
    "node 'here' (Conv)", "has 1 inputs, 2 to 3 are allowed")
add("omitted_input", model([h.make_node("Add", ["", "x"], ["y"], name="here")], [X]),
    "node 'here' (Add)", "input 0 is missing")

# operators
for op, why in (("LSTM", "unless unrolled"), ("GRU", "unless unrolled"), ("RNN", "unless unrolled")):
    add(op.lower(), model([h.make_node(op, ["s", "w", "r"], ["y"], name="here", hidden_size=4)],
                          [value("s", [5, 1, 3])],
                          [weight("w", [1, 16, 3]), weight("r", [1, 16, 4])]),
        "node 'here' (%s)" % op, why)
body = h.make_graph([h.make_node("Relu", ["x"], ["b"])], "body", [], [value("b", [1, 3, 8, 8])])
add("if", model([h.make_node("If", ["c"], ["y"], name="here", then_branch=body, else_branch=body)],
                [X, value("c", [], TensorProto.BOOL)]), "node 'here' (If)", "control flow")
add("loop", model([h.make_node("Loop", ["n", "c"], ["y"], name="here", body=body)],
                  [X, value("n", [], I64), value("c", [], TensorProto.BOOL)]),
    "node 'here' (Loop)", "control flow")
add("sequence", model([h.make_node("SequenceConstruct", ["x"], ["y"], name="here")], [X]),
    "node 'here' (SequenceConstruct)", "sequences are not tensors")
add("nms", model([h.make_node("NonMaxSuppression", ["b", "s"], ["y"], name="here")],
                 [value("b", [1, 9, 4]), value("s", [1, 2, 9])]),
    "node 'here' (NonMaxSuppression)", "depends on the data")
add("unknown_operator", model([h.make_node("Convv", ["x", "x"], ["y"], name="here")], [X]),
    "node 'here' (Convv)", "did you mean Conv?")
add("unknown_domain", model([h.make_node("Magic", ["x"], ["y"], name="here", domain="my.ops")], [X],
                            domains=("my.ops",)), "node 'here' (Magic)", "domain 'my.ops'")
add("nonzero_of_data", model([h.make_node("NonZero", ["x"], ["y"], name="here")], [X]),
    "node 'here' (NonZero)", "shapes do not depend on data")
add("reshape_of_data", model([h.make_node("Reshape", ["x", "s"], ["y"], name="here")],
                             [X, value("s", [2], I64)]), "node 'here' (Reshape)",
    "computed from the network's input")
one("reshape_unknown", "Reshape", [X], [weight("s", [2], I64)], "its values are not in the file")

# shapes
one("conv_channels", "Conv", [X], [weight("w", [4, 5, 3, 3])], "3 channels, the weights expect 5")
one("conv_groups", "Conv", [X], [weight("w", [4, 1, 3, 3])], "cannot be split into 3 groups", group=3)
one("conv_rank", "Conv", [X], [weight("w", [4, 3, 3])], "weights have 3 dimensions, the input 4")
one("conv_kernel_zero", "Conv", [X], [weight("w", [4, 3, 0, 3])], "kernel has the size 0")
one("conv_stride_zero", "Conv", [X], [weight("w", [4, 3, 3, 3])], "'strides' holds 0", strides=[0, 1])
one("conv_too_large", "Conv", [X], [weight("w", [4, 3, 9, 9])], "window of 9 does not fit into 8")
one("conv_kernel_shape", "Conv", [X], [weight("w", [4, 3, 3, 3])], "'kernel_shape' says 5, the weights 3",
    kernel_shape=[5, 5])
one("conv_pads", "Conv", [X], [weight("w", [4, 3, 3, 3])], "'pads' has 3 values, 4 are needed",
    pads=[1, 1, 1])
one("conv_bias", "Conv", [X], [weight("w", [4, 3, 3, 3]), weight("b", [5])],
    "bias has 5 elements, 4 output channels")
one("conv_auto_pad", "Conv", [X], [weight("w", [4, 3, 3, 3])], "'auto_pad' is 'SOME'", auto_pad="SOME")
one("conv_attribute_type", "Conv", [X], [weight("w", [4, 3, 3, 3])], "'group' is a float, an integer needed",
    group=1.5)
one("pool_kernel", "MaxPool", [X], [], "no attribute 'kernel_shape'")
one("gemm_inner", "Gemm", [value("x", [2, 5])], [weight("w", [6, 4])], "inner sizes differ: 5 and 6")
one("gemm_rank", "Gemm", [X], [weight("w", [6, 4])], "needs two matrices")
one("matmul_inner", "MatMul", [value("x", [2, 5])], [weight("w", [6, 4])], "inner sizes differ: 2x5 times 6x4")
one("broadcast", "Add", [X], [weight("w", [5, 1])], "1x3x8x8 and 5x1 cannot be broadcast")
one("bn_channels", "BatchNormalization", [X], [weight(n, [4]) for n in "sbmv"],
    "scale has 4 elements, the input has 3 channels")
one("concat_shapes", "Concat", [X, value("z", [1, 3, 7, 8])], [], "only dimension 1 may differ", axis=1)
one("concat_axis", "Concat", [X], [], "axis 9 is outside", axis=9)
one("reshape_count", "Reshape", [X], [ints("s", [1, 100])], "1x3x8x8 cannot be reshaped to 1x100")
one("reshape_two_free", "Reshape", [X], [ints("s", [-1, -1])], "at most one -1")
one("transpose_perm", "Transpose", [X], [], "not an order of the 4 dimensions", perm=[0, 1, 1, 2])
one("squeeze_size", "Squeeze", [X], [ints("a", [1])], "its size is 3, not 1")
one("split_sizes", "Split", [X], [ints("n", [1, 1])], "do not add up to the 3 elements",
    outputs=("y", "z"), axis=1)
one("slice_empty", "Slice", [X], [ints("s", [5]), ints("e", [5]), ints("a", [2])], "gives an empty tensor")
one("slice_step_zero", "Slice", [X], [ints("s", [0]), ints("e", [5]), ints("a", [2]), ints("t", [0])],
    "has the step 0")
one("gather_range", "Gather", [X], [ints("i", [3])], "takes element 3 of dimension 1, which has 3", axis=1)
one("pad_negative", "Pad", [X], [ints("p", [0, 0, -9, 0, 0, 0, 0, 0])], "impossible size -1")
one("resize_zero", "Resize", [X], [h.make_tensor("r", F, [0], []), h.make_tensor("s", F, [4], [1, 1, 0, 1])],
    "scales dimension 2, of 8, by 0")
one("einsum_equation", "Einsum", [value("x", [2, 3])], [weight("w", [3, 4])], "does not fit input 0",
    equation="ijk,kl->il")
one("einsum_missing", "Einsum", [value("x", [2, 3])], [weight("w", [3, 4])], "no input has", equation="ij,jk->iz")
one("expand_huge", "Expand", [X], [ints("s", [1 << 20, 1 << 20, 1, 1, 1])], "more than 2^40 elements")
one("cast_type", "Cast", [X], [], "'to' is 99", to=99)
one("topk_many", "TopK", [X], [ints("k", [9])], "takes 9 of 8", outputs=("y", "z"))

# tensors and inputs
add("negative_dimension", model([h.make_node("Relu", ["x"], ["y"])], [value("x", [1, -5])]),
    "negative_dimension.onnx", "input 'x' has the negative dimension -5")
add("negative_initializer", model([h.make_node("Add", ["x", "w"], ["y"])], [X], [weight("w", [-3])]),
    "negative_initializer.onnx", "tensor 'w' has the negative dimension -3")
add("huge_initializer", model([h.make_node("Add", ["x", "w"], ["y"])], [X],
                              [weight("w", [1 << 30, 1 << 30, 1 << 30])]), "huge_initializer.onnx",
    "tensor 'w' has more than 2^40 elements")
add("huge_input", model([h.make_node("Relu", ["x"], ["y"])], [value("x", [1 << 30, 1 << 30])]),
    "huge_input.onnx", "input 'x' has more than 2^40 elements")
short = ints("s", [1, 192])
short.int64_data.pop()
add("short_data", model([h.make_node("Reshape", ["x", "s"], ["y"])], [X], [short]), "short_data.onnx",
    "tensor 's' has 2 elements but data for only 1")
add("unknown_type", model([h.make_node("Add", ["x", "w"], ["y"])], [X], [weight("w", [3], 77)]),
    "unknown_type.onnx", "unknown element type 77")
add("rank_nine", model([h.make_node("Relu", ["x"], ["y"])], [value("x", [1] * 9)]), "rank_nine.onnx",
    "has 9 dimensions, at most 8")
add("dynamic_height", model([h.make_node("Relu", ["x"], ["y"])], [value("x", ["N", 3, "H", "W"])]),
    "dynamic_height.onnx", "dynamic dimension 2 ('H') (shape 1x3x-1x-1, -1: free); bind it with --input x=")
add("no_shape", model([h.make_node("Relu", ["x"], ["y"])], [value("x", None)]), "no_shape.onnx",
    "input 'x' has no shape in the file; bind it with --input x=")
seq = h.make_tensor_sequence_value_info("x", F, [1, 2])
add("sequence_input", model([h.make_node("Relu", ["x"], ["y"])], [seq]), "sequence_input.onnx",
    "only tensors are supported")
training = model([h.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "p", "q"], name="here",
                              training_mode=1)], [X], [weight(n, [3]) for n in "sbmv"], opset=15)
add("training", training, "node 'here' (BatchNormalization)", "training mode")

with open(os.path.join(FOLDER, "expected.tsv"), "w") as f:
    for case in CASES:
        f.write("\t".join(case) + "\n")
print(len(CASES), "files")
