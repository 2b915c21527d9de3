#!/usr/bin/env python3
"""The functional simulator against an independent one in numpy and torch.

Small networks with weights are exported to ONNX. `simulate --reference` must equal an interpreter
that walks the same ONNX graph with the same quantisation rule, `simulate` with a lossless converter
must equal `--reference` bit for bit on many chips, with a lossy one it must equal an emulation of
every conversion written from the definitions, and the float output must agree with torch to what
8-bit quantisation allows."""
import itertools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    import onnx
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from onnx import helper, numpy_helper
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

import warnings
warnings.filterwarnings("ignore")

CIMDSE = os.environ.get("CIMDSE", "cimdse")
failures = []


def check(what, ok, detail=""):
    if not ok:
        failures.append(what)
        print(f"FAILED {what}: {detail}")


# ---- integers ------------------------------------------------------------------------------------

def quantise(x, bits):
    peak = np.abs(x).max()
    scale = peak / (2 ** (bits - 1) - 1) if peak > 0 else 1.0
    return np.rint(x / scale).astype(np.int64), scale


class Chip:
    """What decides the numbers; adc_bits None: digital, nothing is lost."""

    def __init__(self, rows=128, parallel=None, cols=128, adc=16, dac=1, cell=2, w=8, a=8,
                 binding="columns", signed="offset", packing=True, dynamic="alu",
                 clip=1):
        self.rows, self.parallel, self.cols = rows, parallel or rows, cols
        self.adc, self.dac, self.cell, self.w, self.a, self.binding = adc, dac, cell, w, a, binding
        self.clip = clip
        self.signed, self.packing, self.dynamic = signed, packing, dynamic
        self.polarities = 2 if signed == "differential" else 1
        self.slices = -(-(w - self.polarities + 1) // cell)

    def flags(self):
        adc = ["crossbar.adcs=0"] if self.adc is None else [f"crossbar.adc_bits={self.adc}",
                                                           "crossbar.adcs=1"]
        values = adc + [f"crossbar.rows={self.rows}", f"crossbar.parallel_rows={self.parallel}",
                        f"crossbar.cols={self.cols}", f"crossbar.dac_bits={self.dac}",
                        f"device.bits_per_cell={self.cell}", f"workload.weight_bits={self.w}",
                        f"workload.activation_bits={self.a}", f"schedule.binding={self.binding}",
                        f"crossbar.signed_weights={self.signed}",
                        f"schedule.packing={str(self.packing).lower()}",
                        f"schedule.dynamic_products={self.dynamic}",
                        f"adc.clip={self.clip}"]
        return [f for v in values for f in ("--set", v)]

    def pack(self, groups, rows, cols):
        wide = cols * self.polarities * (self.slices if self.binding == "columns" else 1)
        if groups == 1 or rows > self.rows or wide > self.cols or not self.packing:
            return 1
        return min(self.rows // rows, self.cols // wide, groups)

    def product(self, x, w, signed, offset):
        """x (n, R) times w (R, C) conversion by conversion; the matrix starts `offset` rows down."""
        n_rows = x.shape[1]
        together = min(self.parallel, n_rows)
        top_x, top_w = 2 ** self.dac - 1, 2 ** self.cell - 1
        full = together * top_x * top_w / (1 if self.polarities == 2 else 2)
        last = 0 if self.adc is None else 2 ** self.adc - 1
        step = 1.0 if self.adc is None else max(1.0, full * self.clip / last)
        lossless = self.adc is None or last >= full
        shift_x = 2 ** (self.a - 1) if signed else 0
        u = x + shift_x
        columns = [(1, np.maximum(w, 0)), (-1, np.maximum(-w, 0))] if self.polarities == 2 else \
            [(1, w + 2 ** (self.w - 1))]
        code_sum = np.zeros((x.shape[0], w.shape[1]), dtype=np.int64)
        fix = np.zeros_like(code_sum)
        first = 0
        while first < n_rows:
            place = (first + offset) % self.rows
            size = min(self.parallel - place % self.parallel, self.rows - place, n_rows - first)
            part = slice(first, first + size)
            first += size
            for s, (sign, v) in itertools.product(range(self.slices), columns):
                cells = v[part] >> (s * self.cell) & top_w
                flip = (2 * cells.sum(0) > top_w * size) & (self.polarities == 1)
                stored = np.where(flip, top_w - cells, cells)
                for p in range(-(-self.a // self.dac)):
                    digits = u[:, part] >> (p * self.dac) & top_x
                    sums = digits @ stored
                    code = sums if lossless else np.minimum(np.rint(sums / step), last)
                    code = code.astype(np.int64) << (p * self.dac + s * self.cell)
                    code_sum += np.where(flip, -code, sign * code)
                    driven = digits.sum(1)[:, None] * top_w << (p * self.dac + s * self.cell)
                    fix += np.where(flip, driven, 0)
        shift_w = 2 ** (self.w - 1) if self.polarities == 1 else 0
        fix -= shift_w * u.sum(1)[:, None] + shift_x * w.sum(0)[None, :]
        if step == 1:
            return (code_sum + fix).astype(np.float64)
        return step * code_sum.astype(np.float64) + fix


# ---- an interpreter of ONNX graphs -----------------------------------------------------------------

class Interpreter:
    """Walks a graph in float64 rounded to the tensors' float32; constant products in integers, or, when
    a report says which operators drive their inputs with an offset, through crossbars."""

    def __init__(self, path, chip, report=None):
        self.model = onnx.load(path)
        self.chip = chip
        self.offset = report and {o["name"]: o["offset_input"] for o in report["operators"]}
        self.value, self.const = {}, set()
        for t in self.model.graph.initializer:
            self.value[t.name] = numpy_helper.to_array(t)
            self.const.add(t.name)
        self.uses = {}
        for n in self.model.graph.node:
            for i in n.input:
                self.uses[i] = self.uses.get(i, 0) + 1

    def run(self, inputs):
        nodes = list(self.model.graph.node)
        self.value.update(inputs)
        skip = set()
        for k, n in enumerate(nodes):
            if k in skip:
                continue
            at = {a.name: helper.get_attribute_value(a) for a in n.attribute}
            x = [self.value[i] if i else None for i in n.input]
            out_name = n.output[0]
            bn = None
            weights = [i for i in n.input[:2] if i in self.const]
            if n.op_type in ("Gemm", "MatMul") and not weights and self.chip.dynamic == "crossbar":
                y = self.written(n, x, at)
            elif n.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") and weights:
                follower = [j for j, m in enumerate(nodes) if m.op_type == "BatchNormalization" and
                            m.input[0] == out_name and self.uses[out_name] == 1]
                if follower and (n.op_type.startswith("Conv") or n.input[0] not in self.const):
                    m = nodes[follower[0]]
                    eps = {a.name: helper.get_attribute_value(a) for a in m.attribute}["epsilon"]
                    bn = [self.value[i].astype(np.float64) for i in m.input[1:]] + [eps]
                    out_name = m.output[0]
                    skip.add(follower[0])
                y = getattr(self, n.op_type.lower())(n, x, at, bn)
            else:
                y = getattr(self, "op_" + n.op_type)(n, x, at)
            outs = y if isinstance(y, list) else [y]
            names = [out_name] + list(n.output[1:])
            for name, v in zip(names, outs):
                v = np.asarray(v)
                self.value[name] = v.astype(np.float32) if v.dtype == np.float64 else v
            if n.op_type == "Constant" or (n.input and all(i in self.const for i in n.input if i)):
                self.const.update(names)
        return [self.value[o.name] for o in self.model.graph.output]

    def matrices(self, name, x, w, groups):
        """x (groups, n, R), w (groups, R, C) of integers -> sums (groups, n, C)"""
        if self.offset is None:
            return np.einsum("gnr,grc->gnc", x, w).astype(np.float64)
        pack = self.chip.pack(groups, w.shape[1], w.shape[2])
        signed = self.offset[name]
        assert signed or x.min() >= 0, f"{name} drives negative inputs without offset"
        return np.stack([self.chip.product(x[g], w[g], signed, g % pack * w.shape[1])
                         for g in range(groups)])

    @staticmethod
    def folded(bn, w, channel_axis):
        if bn is None:
            return w.astype(np.float64), None
        f = bn[0] / np.sqrt(bn[3] + bn[4])
        shape = [1] * w.ndim
        shape[channel_axis] = -1
        return w.astype(np.float64) * f.reshape(shape), f

    def conv(self, n, x, at, bn):
        w, f = self.folded(bn, x[1], 0)
        g = at.get("group", 1)
        q, sx = quantise(x[0].astype(np.float64), self.chip.a)
        k, sw = quantise(w, self.chip.w)
        spatial = x[1].ndim - 2
        pads = at.get("pads", [0] * 2 * spatial)
        q = np.pad(q, [(0, 0), (0, 0)] + [(pads[d], pads[d + spatial]) for d in range(spatial)])
        if spatial == 1:
            q, k = q[:, :, None], k[:, :, None]
        stride = tuple(at.get("strides", [1] * spatial))
        dilation = tuple(at.get("dilations", [1] * spatial))
        stride, dilation = ((1,) * (2 - spatial) + t for t in (stride, dilation))
        images, channels = q.shape[:2]
        cols = F.unfold(torch.from_numpy(q.astype(np.float64)), k.shape[2:], dilation=dilation,
                        stride=stride).numpy().astype(np.int64)
        rows = cols.shape[1] // g
        cols = cols.reshape(images, g, rows, -1).transpose(1, 0, 3, 2)
        positions = cols.shape[2]
        mats = k.reshape(g, k.shape[0] // g, -1).transpose(0, 2, 1)
        sums = self.matrices(n.name, cols.reshape(g, images * positions, rows), mats, g)
        sums = sums.reshape(g, images, positions, -1).transpose(1, 0, 3, 2)
        out = [(q.shape[2 + d] - dilation[d] * (k.shape[2 + d] - 1) - 1) // stride[d] + 1
               for d in range(2)]
        y = sums.reshape(images, k.shape[0], *out[2 - spatial:])
        return self.finish(y, sx * sw, x[2] if len(x) > 2 else None, bn, f, spatial)

    @staticmethod
    def finish(y, scale, bias, bn, f, spatial):
        b = np.zeros(y.shape[1]) if bias is None else bias.astype(np.float64)
        if bn is not None:
            b = (b - bn[2]) * f + bn[1]
        return y * scale + b.reshape((-1,) + (1,) * spatial)

    def convtranspose(self, n, x, at, bn):
        g = at.get("group", 1)
        per = x[1].shape[1]
        w = x[1].astype(np.float64)
        f = None
        if bn is not None:
            f = bn[0] / np.sqrt(bn[3] + bn[4])
            w = w * np.concatenate([np.tile(f[i * per:(i + 1) * per], (w.shape[0] // g, 1))
                                    for i in range(g)])[:, :, None, None]
        q, sx = quantise(x[0].astype(np.float64), self.chip.a)
        k, sw = quantise(w, self.chip.w)
        images, channels, h, wd = q.shape
        rows = channels // g
        vectors = q.reshape(images, g, rows, h * wd).transpose(1, 0, 3, 2)
        sums = self.matrices(n.name, vectors.reshape(g, -1, rows), k.reshape(g, rows, -1), g)
        pad, s = at.get("pads", [0] * 4), at.get("strides", [1, 1])
        extra, d = at.get("output_padding", [0, 0]), at.get("dilations", [1, 1])
        kh, kw = k.shape[2:]
        big = np.zeros((images, g * per, s[0] * (h - 1) + extra[0] + (kh - 1) * d[0] + 1,
                        s[1] * (wd - 1) + extra[1] + (kw - 1) * d[1] + 1))
        sums = sums.reshape(g, images, h, wd, per, kh, kw)
        for grp, i, r, c in itertools.product(range(g), range(images), range(h), range(wd)):
            big[i, grp * per:(grp + 1) * per, s[0] * r:s[0] * r + (kh - 1) * d[0] + 1:d[0],
                s[1] * c:s[1] * c + (kw - 1) * d[1] + 1:d[1]] += sums[grp, i, r, c]
        y = big[:, :, pad[0]:big.shape[2] - pad[2], pad[1]:big.shape[3] - pad[3]]
        return self.finish(y, sx * sw, x[2] if len(x) > 2 else None, bn, f, 2)

    def gemm(self, n, x, at, bn):
        a, b = x[0].astype(np.float64), x[1].astype(np.float64)
        a = a.T if at.get("transA", 0) else a
        b = b.T if at.get("transB", 0) else b
        f = None
        if n.input[1] in self.const:
            b, f = self.folded(bn, b, 1)
            q, sx = quantise(a, self.chip.a)
            k, sw = quantise(b, self.chip.w)
            y = self.matrices(n.name, q[None], k[None], 1)[0]
        else:
            q, sx = quantise(b, self.chip.a)
            k, sw = quantise(a, self.chip.w)
            y = self.matrices(n.name, q.T[None], k.T[None], 1)[0].T
        c = np.zeros(1) if len(x) < 3 else at.get("beta", 1.0) * x[2].astype(np.float64)
        if bn is not None:
            c = (c - bn[2]) * f + bn[1]
        return y * (sx * sw * at.get("alpha", 1.0)) + c

    def written(self, n, x, at):
        """A product of two activations; the second is the matrix, of weights' precision."""
        a, b = x[0].astype(np.float64), x[1].astype(np.float64)
        gemm = n.op_type == "Gemm"
        a = a.T if at.get("transA", 0) else a
        b = b.T if at.get("transB", 0) else b
        q, sx = quantise(a, self.chip.a)
        k, sw = quantise(b, self.chip.w)
        q, k = (q[None] if a.ndim == 1 else q), (k[:, None] if b.ndim == 1 else k)
        batch = np.broadcast_shapes(q.shape[:-2], k.shape[:-2])

        def of(t):
            count = int(np.prod(t.shape[:-2]))
            return np.broadcast_to(np.arange(count).reshape(t.shape[:-2]), batch).ravel()

        from_a, from_b = of(q), of(k)
        left, right = q.reshape(-1, *q.shape[-2:]), k.reshape(-1, *k.shape[-2:])
        vectors = np.stack([np.concatenate(left[from_a[from_b == g]]) for g in range(len(right))])
        sums = self.matrices(n.name, vectors, right, len(right))
        y = np.zeros((len(from_b), q.shape[-2], k.shape[-1]))
        for g in range(len(right)):
            y[from_b == g] = sums[g].reshape(-1, *y.shape[1:])
        y = y.reshape(*batch, *y.shape[1:])
        y = y[..., 0] if b.ndim == 1 else y
        y = y[..., 0, :] if a.ndim == 1 else y
        y = y * (sx * sw * (at.get("alpha", 1.0) if gemm else 1.0))
        return y + at.get("beta", 1.0) * x[2].astype(np.float64) if len(x) > 2 else y

    def matmul(self, n, x, at, bn):
        a, b = x[0].astype(np.float64), x[1].astype(np.float64)
        second = n.input[1] in self.const
        q, sx = quantise(a if second else b, self.chip.a)
        k, sw = quantise(b if second else a, self.chip.w)
        if second and k.ndim == 2:
            y = self.matrices(n.name, q.reshape(1, -1, q.shape[-1]), k[None], 1)
            y = y.reshape(*q.shape[:-1], k.shape[1])
        elif second:  # a batch of matrices
            y = self.matrices(n.name, np.broadcast_to(q, k.shape[:1] + q.shape[-2:]), k,
                              k.shape[0])
        else:
            flat = np.moveaxis(q, -2, -1).reshape(1, -1, q.shape[-2])
            y = self.matrices(n.name, flat, k.T[None], 1)
            y = y.reshape(*q.shape[:-2], q.shape[-1], k.shape[0])
            y = np.moveaxis(y, -1, -2)
        return y * (sx * sw)

    # digital operators, in double from the float32 they are stored in
    @staticmethod
    def double(x):
        return [v.astype(np.float64) if v is not None and v.dtype == np.float32 else v for v in x]

    def op_Constant(self, n, x, at):
        return numpy_helper.to_array(at["value"])

    def op_ConstantOfShape(self, n, x, at):
        v = numpy_helper.to_array(at["value"]) if "value" in at else np.zeros(1, np.float32)
        return np.full(tuple(x[0]), v[0], v.dtype)

    def op_Shape(self, n, x, at):
        return np.array(x[0].shape, np.int64)

    def op_BatchNormalization(self, n, x, at):
        d = self.double(x)
        shape = (1, -1) + (1,) * (d[0].ndim - 2)
        v = [t.reshape(shape) for t in d[1:]]
        return (d[0] - v[2]) / np.sqrt(v[3] + at["epsilon"]) * v[0] + v[1]

    def op_MatMul(self, n, x, at):
        d = self.double(x)
        return d[0] @ d[1]

    def op_Gemm(self, n, x, at):
        d = self.double(x)
        y = (d[0].T if at.get("transA", 0) else d[0]) @ (d[1].T if at.get("transB", 0) else d[1])
        return y * at.get("alpha", 1.0) + (at.get("beta", 1.0) * d[2] if len(d) > 2 else 0)

    def op_Pad(self, n, x, at):
        pads = x[1].reshape(2, -1).T
        mode = at.get("mode", b"constant").decode()
        value = {"constant_values": x[2] if len(x) > 2 else 0} if mode == "constant" else {}
        return np.pad(x[0], pads, mode=mode, **value)

    def op_Slice(self, n, x, at):
        index = [slice(None)] * x[0].ndim
        steps = x[4] if len(x) > 4 else np.ones(len(x[1]), dtype=np.int64)
        for s, e, a, st in zip(x[1], x[2], x[3], steps):
            index[a] = slice(int(s), None if st < 0 and e < -x[0].shape[a] else int(e), int(st))
        return x[0][tuple(index)]

    def op_Split(self, n, x, at):
        sizes = x[1] if len(x) > 1 else at["split"]
        return np.split(x[0], np.cumsum(sizes)[:-1], axis=at.get("axis", 0))

    def op_MaxPool(self, n, x, at):
        t = torch.from_numpy(x[0])
        return F.max_pool2d(t, at["kernel_shape"], at["strides"], at.get("pads", [0, 0])[:2],
                            ceil_mode=bool(at.get("ceil_mode", 0))).numpy()

    def op_AveragePool(self, n, x, at):
        t = torch.from_numpy(x[0].astype(np.float64))
        return F.avg_pool2d(t, at["kernel_shape"], at["strides"], at.get("pads", [0, 0])[:2],
                            ceil_mode=bool(at.get("ceil_mode", 0)),
                            count_include_pad=bool(at.get("count_include_pad", 0))).numpy()

    def op_Softmax(self, n, x, at):
        v = x[0].astype(np.float64)
        axis = at.get("axis", -1)
        e = np.exp(v - v.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)


def simple(name, f):
    setattr(Interpreter, "op_" + name, lambda self, n, x, at: f(*self.double(x), **at))


erf = np.vectorize(__import__("math").erf, otypes=[np.float64])
simple("Relu", lambda x: np.maximum(x, 0))
simple("Clip", lambda x, lo=None, hi=None: np.clip(x, lo, hi))
simple("Sigmoid", lambda x: 1 / (1 + np.exp(-x)))
simple("HardSigmoid", lambda x, alpha=0.2, beta=0.5: np.clip(alpha * x + beta, 0, 1))
simple("HardSwish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1))
simple("Erf", erf)
simple("Gelu", lambda x, approximate=b"none": x / 2 * (
    1 + (np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x ** 3)) if approximate == b"tanh" else
         erf(x / 2 ** 0.5))))
simple("Tanh", np.tanh)
simple("Exp", np.exp)
simple("Sqrt", np.sqrt)
simple("Add", lambda a, b: a + b)
simple("Sub", lambda a, b: a - b)
simple("Mul", lambda a, b: a * b)
simple("Div", lambda a, b: a / b)
simple("Pow", lambda a, b: a ** b)
simple("Identity", lambda x: x)
simple("Flatten", lambda x, axis=1: x.reshape(int(np.prod(x.shape[:axis])), -1))
simple("Reshape", lambda x, s, allowzero=0: x.reshape([x.shape[i] if v == 0 else v
                                                      for i, v in enumerate(s)]))
simple("Transpose", lambda x, perm=None: np.transpose(x, perm))
simple("Unsqueeze", lambda x, a: np.expand_dims(x, tuple(a)))
simple("Squeeze", lambda x, a: np.squeeze(x, tuple(a)))
simple("Gather", lambda x, i, axis=0: np.take(x, i, axis))
simple("Concat", lambda *x, axis=0: np.concatenate(x, axis))
simple("ReduceMean", lambda x, axes=None, keepdims=1: x.mean(tuple(axes), keepdims=bool(keepdims)))
simple("GlobalAveragePool", lambda x: x.mean((2, 3), keepdims=True))
simple("Where", lambda c, a, b: np.where(c, a, b))
simple("Expand", lambda x, s: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(s))))
simple("Trilu", lambda x, k=0, upper=1: np.triu(x, int(k)) if upper else np.tril(x, int(k)))
simple("Cast", lambda x, to=1: x.astype(helper.mapping.TENSOR_TYPE_TO_NP_TYPE[to]))


# ---- networks ------------------------------------------------------------------------------------------

def settle(net):
    """Weights and statistics that are not the defaults."""
    g = torch.Generator().manual_seed(7)
    for m in net.modules():
        if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm1d)):
            m.running_mean.copy_(torch.randn(m.num_features, generator=g) * 0.2)
            m.running_var.copy_(torch.rand(m.num_features, generator=g) + 0.5)
            m.weight.data.copy_(torch.rand(m.num_features, generator=g) + 0.5)
            m.bias.data.copy_(torch.randn(m.num_features, generator=g) * 0.1)
    return net.eval()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.b1 = nn.BatchNorm2d(8)
        self.c2 = nn.Conv2d(8, 8, 3, 1, 1)
        self.b2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(3, 8, 1, 2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        y = F.relu(self.b2(self.c2(y)) + self.down(x))
        return self.fc(F.adaptive_avg_pool2d(y, 1).flatten(1))


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 12, 1)
        self.d = nn.Conv2d(12, 12, 3, 2, 1, groups=12, bias=False)
        self.bn = nn.BatchNorm2d(12)
        self.s = nn.Conv2d(12, 12, 1)
        self.p = nn.Conv2d(12, 6, 1)

    def forward(self, x):
        y = F.hardswish(self.a(x))
        y = F.relu6(self.bn(self.d(y)))
        y = y * torch.sigmoid(self.s(F.adaptive_avg_pool2d(y, 1)))
        return torch.tanh(F.avg_pool2d(self.p(y), 2, 2, 1, count_include_pad=False))


class Attention(nn.Module):
    def __init__(self, d=16, heads=4, vocabulary=30):
        super().__init__()
        self.e = nn.Embedding(vocabulary, d)
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.low = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, t):
        x = self.e(t)
        b, n, d = x.shape
        q, k, v = self.qkv(self.n1(x)).split(d, 2)
        q, k, v = (z.view(b, n, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))
        s = q @ k.transpose(2, 3) / (d // self.heads) ** 0.5
        s = s.masked_fill(torch.triu(torch.ones(n, n, dtype=torch.bool), 1), float("-inf"))
        x = x + self.o((F.softmax(s, -1) @ v).transpose(1, 2).reshape(b, n, d))
        return x + self.low(F.gelu(self.up(self.n2(x))))


class Vision(nn.Module):
    """ViT in small: patches, a class token, two encoder layers, a head."""

    def __init__(self, d=12, heads=3):
        super().__init__()
        self.patch = nn.Conv2d(3, d, 4, 4)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, d)), nn.Parameter(torch.randn(1, 10, d))
        self.layers = nn.ModuleList(Encoder(d, heads) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, 6)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token, x], 1) + self.place
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class Encoder(nn.Module):
    """A BERT layer: attention, normalisation behind the residual sums, GELU."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.up, self.low = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = (f(x).view(b, n, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        p = F.softmax(q @ k.transpose(2, 3) / (d // self.heads) ** 0.5, -1)
        x = self.n1(x + self.o((p @ v).transpose(1, 2).reshape(b, n, d)))
        return self.n2(x + self.low(F.gelu(self.up(x))))


class Moves(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(4, 8, 3)
        self.t = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, groups=2)
        self.b = nn.BatchNorm2d(6)

    def forward(self, x):
        y = F.pad(x, (1, 2, 0, 1), mode="reflect")
        y = torch.cat([y[:, :2, ::2], y[:, 2:, 1::2].flip(2)], 1)
        y = F.relu(self.c(F.pad(y, (1, 1, 1, 1), value=0.25)))
        a, b = y.split([3, 5], 1)
        return self.b(self.t(torch.cat([b, a], 1)))


def networks(folder):
    """name, file, inputs, torch's output"""
    torch.manual_seed(3)
    cases = [
        ("plain", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                                nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, bias=False), nn.ReLU(),
                                nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.Linear(32, 10)),
         torch.randn(2, 3, 8, 10)),
        ("residual", Residual(), torch.randn(1, 3, 9, 9)),
        ("mobile", Mobile(), torch.randn(1, 4, 8, 8)),
        ("grouped", nn.Sequential(nn.Conv2d(6, 9, (3, 2), (2, 1), (2, 0), (1, 2), groups=3),
                                  nn.BatchNorm2d(9), nn.ReLU(), nn.Conv2d(9, 4, 2, groups=1)),
         torch.randn(2, 6, 9, 7)),
        ("line", nn.Sequential(nn.Conv1d(5, 12, 5, 2, 3, 2), nn.BatchNorm1d(12), nn.ReLU(),
                               nn.Conv1d(12, 4, 3, groups=4)), torch.randn(2, 5, 30)),
        ("moves", Moves(), torch.randn(1, 4, 9, 9)),
        ("attention", Attention(), torch.randint(0, 30, (2, 7))),
        ("vision", Vision(), torch.randn(1, 3, 12, 12)),
        ("bert", nn.Sequential(Encoder(16, 4), Encoder(16, 4)), torch.randn(1, 9, 16)),
    ]
    for name, net, x in cases:
        path = os.path.join(folder, name + ".onnx")
        settle(net)
        with torch.no_grad():
            torch.onnx.export(net, x, path, opset_version=14, do_constant_folding=True,
                              training=torch.onnx.TrainingMode.PRESERVE, input_names=["x"],
                              output_names=["y"])
            yield name, path, {"x": x.numpy()}, net(x).numpy()
    yield from products(folder)


def products(folder):
    """Gemm and MatMul in all their forms, one operator each."""
    r = np.random.default_rng(11)

    def one(name, op, x_shape, w_shape, weight_first=False, third=None, **attributes):
        path = os.path.join(folder, name + ".onnx")
        w = r.standard_normal(w_shape).astype(np.float32)
        x = r.standard_normal(x_shape).astype(np.float32)
        init = [numpy_helper.from_array(w, "w")]
        names = ["w", "x"] if weight_first else ["x", "w"]
        if third is not None:
            init.append(numpy_helper.from_array(r.standard_normal(third).astype(np.float32), "c"))
            names.append("c")
        graph = helper.make_graph(
            [helper.make_node(op, names, ["y"], name="n", **attributes)], "g",
            [helper.make_tensor_value_info("x", 1, x_shape)],
            [helper.make_tensor_value_info("y", 1, None)], init)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        onnx.save(model, path)
        return name, path, {"x": x}, None

    yield one("gemm", "Gemm", (3, 50), (50, 7), third=(7,), alpha=0.5, beta=2.0)
    yield one("gemm_ta", "Gemm", (50, 3), (7, 50), third=(3, 1), transA=1, transB=1)
    yield one("gemm_left", "Gemm", (50, 4), (6, 50), weight_first=True, third=(6, 4))
    yield one("gemm_left_t", "Gemm", (4, 50), (50, 6), weight_first=True, transA=1, transB=1)
    yield one("matmul", "MatMul", (2, 3, 40), (40, 9))
    yield one("matmul_left", "MatMul", (2, 40, 3), (9, 40), weight_first=True)
    yield computed(folder, r)
    yield gelus(folder, r)
    yield one("matmul_batch", "MatMul", (5, 2, 40), (5, 40, 3))
    yield from activations(folder, r)


def activations(folder, r):
    """Products of two activations in all their forms: broadcast, vectors, Gemm, a tensor with itself."""
    cases = [("both", "MatMul", (2, 3, 5, 40), (2, 3, 40, 24), {}),
             ("wide", "MatMul", (4, 5, 40), (40, 24), {}), ("tall", "MatMul", (5, 40), (4, 40, 24), {}),
             ("cross", "MatMul", (3, 1, 5, 40), (2, 40, 24), {}),
             ("vector", "MatMul", (2, 24, 40), (40,), {}), ("row", "MatMul", (40,), (3, 40, 24), {}),
             ("gemm_both", "Gemm", (40, 5), (24, 40), {"transA": 1, "transB": 1, "alpha": 0.5}),
             ("gemm_sum", "Gemm", (5, 40), (40, 24), {"beta": 2.0}),
             ("itself", "MatMul", (24, 24), None, {})]
    for name, op, left, right, attributes in cases:
        path = os.path.join(folder, name + ".onnx")
        inputs = {"x": r.standard_normal(left).astype(np.float32)}
        if right:
            inputs["w"] = r.standard_normal(right).astype(np.float32)
        if "beta" in attributes:
            inputs["c"] = r.standard_normal((5, 1)).astype(np.float32)
        info = [helper.make_tensor_value_info(k, 1, v.shape) for k, v in inputs.items()]
        names = list(inputs) if right else ["x", "x"]
        fixed = numpy_helper.from_array(r.standard_normal((24, 3)).astype(np.float32), "f")
        nodes = [helper.make_node(op, names, ["y"], name="n", **attributes),
                 helper.make_node("MatMul", ["y", "f"], ["z"], name="m")]
        graph = helper.make_graph(nodes, "g", info, [helper.make_tensor_value_info("z", 1, None)],
                                  [fixed])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
        yield name, path, inputs, None


def computed(folder, r):
    """Constants that are too large to be folded at import: computed when the network runs."""
    path = os.path.join(folder, "computed.onnx")
    w, x = (r.standard_normal(s).astype(np.float32) for s in ((300, 280), (2, 300)))
    graph = helper.make_graph(
        [helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
         helper.make_node("Gemm", ["x", "wt"], ["m"], transB=1, name="n"),
         helper.make_node("ConstantOfShape", ["s"], ["c"], name="c",
                          value=numpy_helper.from_array(np.array([0.5], np.float32))),
         helper.make_node("Unsqueeze", ["m", "one"], ["u"]),
         helper.make_node("Add", ["u", "c"], ["y"])], "g",
        [helper.make_tensor_value_info("x", 1, x.shape)],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.array([2, 280, 280]), "s"),
         numpy_helper.from_array(np.array([1]), "one")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    return "computed", path, {"x": x}, None


def gelus(folder, r):
    """The operator of set 20, both forms: exporters of today still write its parts."""
    path = os.path.join(folder, "gelus.onnx")
    w, x = (r.standard_normal(s).astype(np.float32) for s in ((30, 8), (4, 30)))
    graph = helper.make_graph(
        [helper.make_node("Gelu", ["x"], ["g"]), helper.make_node("MatMul", ["g", "w"], ["m"],
                                                                  name="n"),
         helper.make_node("Gelu", ["m"], ["y"], approximate="tanh")], "g",
        [helper.make_tensor_value_info("x", 1, x.shape)],
        [helper.make_tensor_value_info("y", 1, None)], [numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return "gelus", path, {"x": x}, None


def simulate(path, inputs, folder, *flags, status=0):
    command = [CIMDSE, "simulate", path, "isaac", *flags]
    for name, v in inputs.items():
        file = os.path.join(folder, name + ".npy")
        np.save(file, v)
        command += ["--input", f"{name}={file}" if len(inputs) > 1 else file]
    out = os.path.join(folder, "out.npy")
    report = os.path.join(folder, "out.json")
    run = subprocess.run(command + ["--output", out, "--json", report], capture_output=True,
                         text=True)
    if run.returncode != status:
        raise AssertionError((command, run.returncode, run.stderr))
    if status:
        return run.stderr
    with open(report) as f:
        return np.load(out), json.load(f)


def db(signal, noise):
    return np.inf if not (noise ** 2).sum() else 10 * np.log10((signal ** 2).sum() /
                                                              (noise ** 2).sum())


CHIPS = [Chip(dac=d, cell=c, rows=r, parallel=p, cols=k, binding=b)
         for d, c, r, p, k, b in [(1, 2, 128, None, 128, "columns"), (2, 1, 64, 10, 64, "crossbars"),
                                  (3, 3, 32, 32, 32, "columns"), (4, 4, 16, 5, 200, "crossbars"),
                                  (8, 8, 100, 1, 96, "columns"), (5, 3, 37, 36, 50, "columns")]]
CHIPS += [Chip(adc=None, dac=1, cell=1), Chip(w=4, a=6, dac=2, cell=3, parallel=50),
          Chip(w=16, a=16, dac=1, cell=1, adc=16), Chip(w=2, a=2, cell=1)]
CHIPS += [Chip(signed="differential", packing=False),
          Chip(signed="differential", dac=2, cell=1, w=5, rows=40, parallel=9, binding="crossbars"),
          Chip(packing=False, parallel=24, dynamic="crossbar"),
          Chip(dynamic="crossbar", signed="differential", rows=32, cols=30, cell=3)]
LOSSY = [Chip(adc=4), Chip(adc=4, dac=2, cell=3, rows=64, parallel=24, binding="crossbars"),
         Chip(adc=2, dac=1, cell=1, rows=32, parallel=7, w=6, a=5), Chip(adc=1, rows=50),
         Chip(adc=3, signed="differential", dynamic="crossbar"), Chip(adc=1, rows=8, dynamic="crossbar"),
         Chip(adc=3, clip=0.5)]


def check_network(name, path, inputs, truth, folder):
    eight, _ = simulate(path, inputs, folder, "--reference", *Chip().flags())
    for chip in CHIPS:
        reference, _ = simulate(path, inputs, folder, "--reference", *chip.flags())
        mine = Interpreter(path, chip).run(inputs)[0]
        worst = np.abs(reference - mine).max() / max(np.abs(mine).max(), 1e-30)
        what = f"{name} {vars(chip)}"
        check(f"{what} reference", worst <= 1e-6, f"differs by {worst}")
        y, report = simulate(path, inputs, folder, *chip.flags())
        check(f"{what} lossless", np.array_equal(y, reference), np.abs(y - reference).max())
        check(f"{what} report", report["outputs"][0]["exact"] and
              all(o["exact"] and o["lossless"] for o in report["operators"]))
    for chip in LOSSY:
        y, report = simulate(path, inputs, folder, *chip.flags())
        mine = Interpreter(path, chip, report).run(inputs)[0]
        worst = np.abs(y - mine).max() / max(np.abs(mine).max(), 1e-30)
        check(f"{name} {vars(chip)} lossy", worst <= 1e-6, f"differs by {worst}")
        check(f"{name} {vars(chip)} lossy at all",
              any(not o["lossless"] and not o["exact"] for o in report["operators"]))
    if truth is not None:
        agree = db(truth, eight - truth)
        fine, _ = simulate(path, inputs, folder, "--reference", *Chip(w=12, a=12).flags())
        finer = db(truth, fine - truth)
        print(f"{name:12s} against torch: 8 bits {agree:5.1f} dB, 12 bits {finer:5.1f} dB")
        # two operands of 8 bits, peak-scaled: about 30 dB a layer; four bits more give 24 dB
        check(f"{name} against torch", agree > 22 and finer > agree + 15, f"{agree} {finer}")


def check_sqnr(folder):
    """Uniform operands, one product: the measured ratio against the analytical one (more of it:
    sqnr.py)."""
    r = np.random.default_rng(5)
    path = os.path.join(folder, "uniform.onnx")
    print("rows adc dac cell   measured  analytical")
    for rows, adc, dac, cell in [(128, 7, 1, 2), (128, 6, 1, 2), (128, 5, 1, 2), (64, 5, 2, 2),
                                 (64, 6, 4, 4), (128, 8, 2, 4), (256, 6, 1, 4)]:
        w = r.uniform(-1, 1, (rows, 64)).astype(np.float32)
        x = r.uniform(-1, 1, (200, rows)).astype(np.float32)
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], name="n")], "g",
                                  [helper.make_tensor_value_info("x", 1, x.shape)],
                                  [helper.make_tensor_value_info("y", 1, None)],
                                  [numpy_helper.from_array(w, "w")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
        _, report = simulate(path, {"x": x}, folder,
                             *Chip(rows=rows, adc=adc, dac=dac, cell=cell).flags(),
                             "--set", "workload.data=uniform")
        o = report["operators"][0]
        model = o["sqnr_analytical_converter_db"]
        print(f"{rows:4d} {adc:3d} {dac:3d} {cell:4d}   {o['sqnr_db']:8.2f}   {model:8.2f}")
        check(f"sqnr {rows} {adc} {dac} {cell}", abs(o["sqnr_db"] - model) < 1)


def check_storage(folder):
    """Weights in other places: external files, float_data, half precision; and where there are none."""
    torch.manual_seed(1)
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)), \
        torch.randn(1, 3, 10, 10)
    path = os.path.join(folder, "inside.onnx")
    torch.onnx.export(net, x, path, input_names=["x"], output_names=["y"])
    inputs = {"x": x.numpy()}
    want, _ = simulate(path, inputs, folder)
    model = onnx.load(path)
    for t in model.graph.initializer:
        v = numpy_helper.to_array(t)
        t.ClearField("raw_data")
        t.float_data.extend(v.flatten().tolist())
    onnx.save(model, os.path.join(folder, "lists.onnx"))
    got, _ = simulate(os.path.join(folder, "lists.onnx"), inputs, folder)
    check("float_data", np.array_equal(want, got))
    outside = os.path.join(folder, "outside.onnx")
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="weights.bin",
              size_threshold=0, convert_attribute=False)
    got, _ = simulate(outside, inputs, folder)
    check("external data", np.array_equal(want, got))
    weights = os.path.join(folder, "weights.bin")
    with open(weights, "r+b") as f:
        f.truncate(1000)
    check("external data cut", "ends inside tensor" in simulate(outside, inputs, folder, status=2))
    os.remove(weights)
    check("external data gone", "cannot be opened" in simulate(outside, inputs, folder, status=2))
    model = onnx.load(outside, load_external_data=False)
    for t in model.graph.initializer:
        for e in t.external_data:
            if e.key == "location":
                e.value = "../weights.bin"
    onnx.save(model, outside)
    check("external data elsewhere",
          "folder or below" in simulate(outside, inputs, folder, status=2))
    for key, found, said in (("offset", "16abc", "the offset '16abc'"), ("length", "-16", "the length '-16'"),
                             ("location", "", "without a location")):
        damaged = onnx.ModelProto()
        damaged.CopyFrom(model)
        entries = damaged.graph.initializer[0].external_data
        kept = [(e.key, e.value) for e in entries if e.key != key]
        del entries[:]
        for name, text in kept + [(key, found)]:
            e = entries.add()
            e.key, e.value = name, text
        onnx.save(damaged, outside)
        check(f"external data with a damaged {key}",
              said in simulate(outside, inputs, folder, status=2))
    return path, inputs


def check_messages(path, inputs, folder):
    def refused(what, sentence, command):
        run = subprocess.run([CIMDSE, "simulate", *command], capture_output=True, text=True)
        check(what, run.returncode == 2 and sentence in run.stderr and
              len(run.stderr.splitlines()) == 1, (run.returncode, run.stderr))

    def array(name, v):
        file = os.path.join(folder, name)
        np.save(file, v)
        return file

    good = array("good.npy", inputs["x"])
    bad = inputs["x"].copy()
    bad[0, 1, 2, 3] = np.nan
    ints = array("ints.npy", np.array([[1, 2, 31]]))
    words = os.path.join(folder, "attention.onnx")
    for what, sentence, command in [
            ("no input", "needs the values of the network's inputs",
             [path, "isaac", "--reference"]),
            ("flow", "x.flow", [path, "isaac", "--flow", "x.flow"]),
            ("no weights", "shapes only", ["vgg8", "isaac", "--input",
                                           array("v.npy", np.zeros((1, 3, 32, 32)))]),
            ("missing", "cannot be opened", [path, "isaac", "--input", "nowhere.npy"]),
            ("not npy", "magic number", [path, "isaac", "--input", path]),
            ("shape", "contradicts the shape", [path, "isaac", "--input",
                                                array("s.npy", np.zeros((1, 3, 10, 11)))]),
            ("rank", "4 dimensions", [path, "isaac", "--input", array("r.npy", np.zeros((3, 100)))]),
            ("nan", "element 123 is not finite", [path, "isaac", "--input",
                                                  array("n.npy", bad)]),
            ("order", "Fortran", [path, "isaac", "--input",
                                  array("f.npy", np.asfortranarray(bad))]),
            ("type", "'<f2'", [path, "isaac", "--input", array("h.npy", bad.astype(np.float16))]),
            ("name", "no input 'z'", [path, "isaac", "--input", "z=" + good]),
            ("twice", "given twice", [path, "isaac", "--input", good, "--input", good]),
            ("one bit", "symmetric signed range", [path, "isaac", "--input", good, "--set",
                                                   "workload.weight_bits=1"]),
            ("integers", "takes integers", [words, "isaac", "--input",
                                            array("w.npy", np.full((2, 7), 0.5))]),
            ("index", "outside 0..29", [words, "isaac", "--input",
                                        array("i.npy", np.full((2, 7), 31))]),
            ("folder", "", [path, "isaac", "--input", good, "--output", "/nonexistent/y.npy"])]:
        refused(what, sentence, command)
    check("ints file", os.path.exists(ints))
    graph = helper.make_graph([helper.make_node("Einsum", ["x", "w"], ["y"], name="the_einsum",
                                                equation="ij,jk->ik")], "g",
                              [helper.make_tensor_value_info("x", 1, (2, 3))],
                              [helper.make_tensor_value_info("y", 1, None)],
                              [numpy_helper.from_array(np.ones((3, 4), np.float32), "w")])
    einsum = os.path.join(folder, "einsum.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), einsum)
    refused("operator", "node 'the_einsum' (Einsum): this operator is not available",
            [einsum, "isaac", "--input", array("e.npy", np.ones((2, 3)))])


def check_variation(path, inputs, folder):
    """Cells that vary: the same for the same seed, another error for another, none for ideal ones."""
    spread = ("--set", "device.variation=0.05")
    exact, _ = simulate(path, inputs, folder, "--reference")
    runs = [simulate(path, inputs, folder, *spread, *seed)[0]
            for seed in ((), ("--seed", "0"), ("--seed", "1"))]
    check("variation repeats", np.array_equal(runs[0], runs[1]))
    check("variation follows the seed", not np.array_equal(runs[0], runs[2]))
    check("variation is there", not np.array_equal(runs[0], exact))
    library, _ = simulate(path, inputs, folder, "--set", "device.variation=null")
    check("variation of the library", np.abs(library - exact).max() > np.abs(runs[0] - exact).max())
    digital, _ = simulate(path, inputs, folder, *spread, *Chip(adc=None, cell=1).flags())
    check("digital cells do not vary", np.array_equal(digital, exact))
    for bad in ("-1", "x", "1.5"):
        message = simulate(path, inputs, folder, "--seed", bad, status=2)
        check("seed", "--seed" in message and len(message.splitlines()) == 1, message)


def check_percentile(folder):
    """The converters' range against the sums of an independent count."""
    r = np.random.default_rng(11)
    w, x = (r.standard_normal(s).astype(np.float32) for s in ((100, 32), (64, 100)))
    path = os.path.join(folder, "percentile.onnx")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], name="n")], "g",
                              [helper.make_tensor_value_info("x", 1, x.shape)],
                              [helper.make_tensor_value_info("y", 1, None)],
                              [numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    u, v = quantise(x, 8)[0] + 128, quantise(w, 8)[0] + 128
    sums = []
    for s in range(4):
        cells = v >> (2 * s) & 3
        cells = np.where(2 * cells.sum(0) > 300, 3 - cells, cells)
        sums += [((u >> p & 1) @ cells).ravel() for p in range(8)]
    sums = np.sort(np.concatenate(sums))
    for percentile in (90, 99, 99.9):
        _, report = simulate(path, {"x": x}, folder, "--set", "crossbar.adc_bits=6", "--set",
                             f"adc.clip_percentile={percentile}")
        want = sums[int(np.ceil(len(sums) * percentile / 100)) - 1]
        check(f"percentile {percentile}", report["operators"][0]["adc_range"] == max(want, 63),
              (report["operators"][0]["adc_range"], want))


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, path, inputs, truth in networks(folder):
            check_network(name, path, inputs, truth, folder)
        check_sqnr(folder)
        check_percentile(folder)
        path, inputs = check_storage(folder)
        check_variation(path, inputs, folder)
        check_messages(path, inputs, folder)
    if failures:
        print(f"{len(failures)} failure(s)")
        sys.exit(1)


if __name__ == "__main__":
    main()
