"""Convolutions by their definition: shapes drawn at random, and products of fields that NumPy puts together."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.graph import TensorType, verify
from spinntensor.graph.builder import Builder
from spinntensor.kernels.block_float import draw
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import RULES

OPS = ("conv2d", "conv2d_input", "conv2d_weight")


class Case(NamedTuple):
    """Sizes of a convolution and of how it moves."""

    images: int
    size: tuple[int, int]
    inner: int  # channels of a group
    outer: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    groups: int

    @property
    def out(self):
        both = self.padding[0] + self.padding[1], self.padding[2] + self.padding[3]
        sizes = zip(self.size, both, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((s + p - (k - 1) * d - 1) // by + 1 for s, p, k, by, d in sizes)

    @property
    def geometry(self):
        names = ("stride", "dilation", "padding", "groups")
        return {name: getattr(self, name) for name in names}

    @property
    def shapes(self):
        """Of x, w and c."""
        x = (self.images, *self.size, self.inner * self.groups)
        return x, (*self.kernel, self.inner, self.outer * self.groups), (
            self.images, *self.out, self.outer * self.groups
        )  # fmt: skip


@st.composite
def cases(draw):
    def two(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inner, outer = draw(st.sampled_from([(1, 1), (1, 2), (3, 2), (4, 5)]))
    return draw(
        st.builds(
            Case,
            images=st.integers(1, 2),
            size=st.just(two(1, 7)),
            inner=st.just(inner),
            outer=st.just(outer),
            kernel=st.just(two(1, 3)),
            stride=st.just(two(1, 3)),
            dilation=st.just(two(1, 2)),
            padding=st.just((*two(0, 3), *two(0, 3))),
            groups=st.just(groups),
        ).filter(lambda case: min(case.out) >= 1)
    )


ORDINARY = Case(2, (6, 5), 3, 4, (3, 2), (2, 1), (1, 2), (1, 2, 0, 1), 1)
DEPTHWISE = Case(2, (6, 5), 1, 1, (3, 3), (2, 1), (1, 1), (1, 1, 1, 1), 7)


def form(value):
    if isinstance(value, Quantized):
        axis = value.format.axis
        return "bfp16" if axis is None else f"bfp16(axis={axis})"
    return value.dtype.name


def run(op, *operands, **attributes):
    """Result and counts of one operation, after the rule has agreed."""
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, form(x))) for i, x in enumerate(operands)]
    node = b.add(op, *ids, **attributes)
    done = execute(prepare(verify(b.graph((node,)), RULES)), dict(zip(ids, operands, strict=True)))
    value = done.outputs[0]
    assert TensorType(value.shape, form(value)) == b[node].type
    return value, dict(done.counts.get(node, {}))


def fields(case, x, pad=0):
    """[N, OH, OW, KH, KW, C]: what each output reads."""
    top, bottom, left, right = case.padding
    wide = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad)
    (kh, kw), (sy, sx), (dy, dx), (oh, ow) = case.kernel, case.stride, case.dilation, case.out
    taps = [
        wide[:, a * dy : a * dy + (oh - 1) * sy + 1 : sy, b * dx : b * dx + (ow - 1) * sx + 1 : sx]
        for a in range(kh)
        for b in range(kw)
    ]
    return np.stack(taps, 3).reshape(*taps[0].shape[:3], kh, kw, -1)


def adjoint_fields(case, c):
    """[N, H, W, KH, KW, O]: what each pixel of x is read by, from the cotangent spread out by the stride."""
    (kh, kw), (sy, sx), (dy, dx), (h, w) = case.kernel, case.stride, case.dilation, case.size
    edge_y, edge_x = (kh - 1) * dy, (kw - 1) * dx
    wide = np.zeros(
        (len(c), h + 20 + 2 * edge_y + c.shape[1] * sy, w + 20 + 2 * edge_x + c.shape[2] * sx, c.shape[3]),
        c.dtype,
    )
    for i, j in np.ndindex(c.shape[1:3]):
        wide[:, edge_y + i * sy, edge_x + j * sx] = c[:, i, j]
    first_y, first_x = edge_y + case.padding[0], edge_x + case.padding[2]
    taps = [
        wide[:, first_y - a * dy : first_y - a * dy + h, first_x - b * dx : first_x - b * dx + w]
        for a in range(kh)
        for b in range(kw)
    ]
    return np.stack(taps, 3).reshape(len(c), h, w, kh, kw, -1)


def factors(case, op, one, two, pad=0):
    """For every group, the left and the right matrix of the operation's definition."""
    for g in range(case.groups):
        inner = slice(g * case.inner, (g + 1) * case.inner)
        outer = slice(g * case.outer, (g + 1) * case.outer)
        k = case.kernel[0] * case.kernel[1]
        if op == "conv2d":
            yield (
                fields(case, one, pad)[..., inner].reshape(-1, k * case.inner),
                two[..., outer].reshape(k * case.inner, case.outer),
            )
        elif op == "conv2d_input":
            yield (
                adjoint_fields(case, one)[..., outer].reshape(-1, k * case.outer),
                two[..., outer].transpose(0, 1, 3, 2).reshape(k * case.outer, case.inner),
            )
        else:
            rows = fields(case, one)[..., inner].reshape(-1, k * case.inner)
            yield np.ascontiguousarray(rows.T), two[..., outer].reshape(len(rows), case.outer)


def expected(case, op, one, two, multiply, pad=0):
    """The definition: a matrix product for each group, put together."""
    parts = [multiply(*pair) for pair in factors(case, op, one, two, pad)]
    x, w, c = case.shapes
    shape = {"conv2d": c, "conv2d_input": x, "conv2d_weight": w}[op]
    return np.concatenate([p.reshape(*shape[:3], -1) for p in parts], 3)


def attributes(case, op):
    extra = {"conv2d_input": {"size": case.size}, "conv2d_weight": {"kernel": case.kernel}}
    return case.geometry | extra.get(op, {})


def operands_of(case, op):
    """The shapes of an operation's operands."""
    x, w, c = case.shapes
    return {"conv2d": (x, w), "conv2d_input": (c, w), "conv2d_weight": (x, c)}[op]


def floats(rng, shape, extreme):
    return draw(rng, (int(np.prod(shape[:-1])), shape[-1]), extreme).reshape(shape)


def mantissas(rng, shape, axis=None):
    e = rng.integers(-9, 10, () if axis is None else shape[axis])
    high = 1 << int(rng.integers(3, 16))
    data = rng.integers(-high, high, shape).astype(np.int16)
    return Quantized(bfp16_grid(e, axis), data)
