"""Convolutions: against products of fields put together by NumPy, in every format; counts, gradients, refusals."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import GraphError, ShapeError
from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.block_float import counted_product, draw
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import GRADIENTS, RULES

FEW = settings(max_examples=40, deadline=None, derandomize=True)


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


OPS = ("conv2d", "conv2d_input", "conv2d_weight")


@pytest.mark.parametrize("op", OPS)
@FEW
@given(cases(), st.integers(0, 999), st.booleans())
def test_float32_is_the_block_float_product_of_fields(op, case, seed, extreme):
    rng = np.random.default_rng(seed)
    one, two = (floats(rng, shape, extreme) for shape in operands_of(case, op))
    got, counts = run(op, one, two, **attributes(case, op))
    want = expected(case, op, one, two, lambda a, b: counted_product(a, b)[0])
    assert equal_bits(got, want)
    found = [counted_product(a, b)[1:] for a, b in factors(case, op, one, two)]
    nonfinite, overflowed = (sum(c) for c in zip(*found, strict=True))
    assert counts == {k: v for k, v in (("nonfinite", nonfinite), ("overflowed", overflowed)) if v}


@FEW
@given(cases(), st.sampled_from([np.int8, np.uint8]), st.integers(0, 999))
def test_integers_are_exact(case, kind, seed):
    rng, info = np.random.default_rng(seed), np.iinfo(kind)
    x = rng.integers(info.min, info.max + 1, case.shapes[0]).astype(kind)
    w = rng.integers(-128, 128, case.shapes[1]).astype(np.int8)
    zero = int(rng.integers(info.min, info.max + 1))
    got, _ = run("conv2d", x, w, **case.geometry, x_zero=zero)
    assert got.dtype == np.int32

    def multiply(a, b):
        return (a.astype(np.int64) - zero) @ b.astype(np.int64)

    np.testing.assert_array_equal(got, expected(case, "conv2d", x, w, multiply, pad=zero))


def mantissas(rng, shape, axis=None):
    e = rng.integers(-9, 10, () if axis is None else shape[axis])
    high = 1 << int(rng.integers(3, 16))
    data = rng.integers(-high, high, shape).astype(np.int16)
    return Quantized(bfp16_grid(e, axis), data)


def thirteen(q):
    """Mantissas rounded to 13 bits by the tensor's largest, and the shift: halves to even."""
    shift = next(s for s in range(5) if round(max(int(abs(q.astype(int)).max()), 0) / 2**s) <= 4095)
    return np.rint(q / 2.0**shift).astype(np.int64), shift


def bfp16_of(exact):
    """Mantissas and exponent of exact numbers (float64): the smallest exponent at which none is clamped."""
    top = float(np.abs(exact).max(initial=0))
    e = -125
    while round(top / 2.0**e) > 32767:
        e += 1
    return np.rint(exact / 2.0**e).astype(np.int16), e


@pytest.mark.parametrize("op", OPS)
@FEW
@given(cases(), st.integers(0, 999), st.booleans())
def test_bfp16_is_the_sum_of_13_bit_mantissas_rounded_once(op, case, seed, by_channel):
    rng = np.random.default_rng(seed)
    shapes = operands_of(case, op)
    one, two = (
        mantissas(rng, shapes[0]),
        mantissas(rng, shapes[1], 3 if by_channel and op == "conv2d" else None),
    )
    (p, s), (q, t) = thirteen(one.data), thirteen(two.data)
    sums = expected(case, op, p, q, np.matmul).astype(np.float64)
    exact = sums * np.exp2(one.exponent + two.exponent + (s + t))
    got, counts = run(op, one, two, **attributes(case, op), format="float32")
    assert equal_bits(got, exact.astype(np.float32)) and not counts
    got, counts = run(op, one, two, **attributes(case, op), format="bfp16")
    data, e = bfp16_of(exact)
    assert got.exponent == e and equal_bits(got.data, data) and not counts


def test_float32_is_close_to_double_precision():
    rng = np.random.default_rng(1)
    case = Case(2, (9, 8), 16, 5, (3, 3), (1, 2), (1, 1), (1, 1, 1, 1), 1)
    for op in OPS:
        one, two = (rng.standard_normal(s).astype(np.float32) for s in operands_of(case, op))
        got, _ = run(op, one, two, **attributes(case, op))
        for (a, b), part in zip(factors(case, op, one, two), [got], strict=True):
            want = a.astype(np.float64) @ b.astype(np.float64)
            bits = min(30, (63 - (a.shape[1] - 1).bit_length()) // 2)
            bound = np.abs(a).max(1)[:, None] * np.abs(b).max(0) * (a.shape[1] * 4.0 * 2.0**-bits)
            assert (np.abs(part.reshape(want.shape) - want) <= np.abs(want) * 2.0**-24 + bound).all()


def test_a_long_k_is_cut_at_multiples_of_8192():
    rng = np.random.default_rng(2)
    case = Case(1, (3, 3), 950, 920, (3, 3), (2, 2), (1, 1), (1, 1, 1, 1), 1)
    x, w, c = (rng.standard_normal(s).astype(np.float32) for s in case.shapes)
    x[0, 1, 1, 3] = np.inf
    w[..., 5] *= np.float32(3e37)
    for op, one, two in (("conv2d", x, w[..., 4:7].copy()), ("conv2d_input", c, w[:, :, :3].copy())):
        small = case._replace(outer=3) if op == "conv2d" else case._replace(inner=3)
        got, counts = run(op, one, two, **attributes(small, op))
        ((a, b),) = factors(small, op, one, two)
        want, nonfinite, overflowed = counted_product(a, b)
        assert equal_bits(got, want.reshape(got.shape))
        assert counts == {k: v for k, v in (("nonfinite", nonfinite), ("overflowed", overflowed)) if v}
    many = Case(3, (60, 55), 2, 3, (2, 1), (1, 1), (1, 1), (0, 0, 0, 0), 1)
    deep = Case(3, (60, 55), 1, 1, (2, 1), (1, 1), (1, 1), (0, 0, 0, 0), 3)
    for case in (many, deep):
        x, _, c = (rng.standard_normal(s).astype(np.float32) for s in case.shapes)
        x[2, 40, 3, 1] = np.nan
        got, counts = run("conv2d_weight", x, c, **attributes(case, "conv2d_weight"))
        want = expected(case, "conv2d_weight", x, c, lambda a, b: counted_product(a, b)[0])
        assert equal_bits(got, want) and counts == {"nonfinite": 2}


def test_one_dimension_is_a_height_of_one():
    rng = np.random.default_rng(3)
    x, w = (
        rng.standard_normal((2, 1, 9, 3)).astype(np.float32),
        rng.standard_normal((1, 4, 3, 2)).astype(np.float32),
    )
    got, _ = run("conv2d", x, w, stride=(1, 2), dilation=(1, 1), padding=(0, 0, 2, 1), groups=1)
    wide = np.pad(x[:, 0].astype(np.float64), ((0, 0), (2, 1), (0, 0)))
    want = np.stack([np.einsum("nkc,kco->no", wide[:, i : i + 4], w[0]) for i in range(0, 9, 2)], 1)
    np.testing.assert_allclose(got[:, 0], want, rtol=1e-5, atol=1e-6)


def test_views_and_empty_tensors():
    rng = np.random.default_rng(4)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ORDINARY.shapes[:2])
    want, _ = run("conv2d", x, w, **ORDINARY.geometry)
    backwards = np.ascontiguousarray(x[:, ::-1])[:, ::-1], np.ascontiguousarray(w.T).T
    assert equal_bits(run("conv2d", *backwards, **ORDINARY.geometry)[0], want)
    one = np.broadcast_to(np.float32(2), x.shape)
    assert equal_bits(
        run("conv2d", one, w, **ORDINARY.geometry)[0], run("conv2d", one.copy(), w, **ORDINARY.geometry)[0]
    )
    for case in (ORDINARY, DEPTHWISE):
        for none in (
            case._replace(images=0),
            case._replace(groups=1, inner=0),
            case._replace(groups=1, outer=0),
        ):
            for op in OPS:
                operands = [np.zeros(s, np.float32) for s in operands_of(none, op)]
                got, counts = run(op, *operands, **attributes(none, op))
                assert not got.any() and not counts
                quantized = [Quantized(bfp16_grid(3), x.astype(np.int16)) for x in operands]
                assert not run(op, *quantized, **attributes(none, op), format="bfp16")[0].data.any()
            x, w = (np.zeros(s, np.int8) for s in operands_of(none, "conv2d"))
            assert not run("conv2d", x, w, **none.geometry, x_zero=3)[0].any()


def scalar(b, number, weights):
    """The sum of a tensor, weighted."""
    product = b.add("multiply", number, b.constant(weights, "float32"))
    return b.add("sum", product, axes=tuple(range(weights.ndim)))


@pytest.mark.parametrize("case", [ORDINARY, DEPTHWISE, ORDINARY._replace(groups=2)])
@pytest.mark.parametrize("op", OPS)
def test_gradients_are_the_adjoints(op, case):
    """<d op(one, two), weights> must agree with double precision: the operation is bilinear."""
    rng = np.random.default_rng(5)
    b = Builder(RULES)
    shapes = operands_of(case, op)
    ids = [b.input(n, TensorType(s, "float32")) for n, s in zip("ab", shapes, strict=True)]
    node = b.add(op, *ids, **attributes(case, op))
    weights = rng.standard_normal(b[node].type.shape).astype(np.float32)
    total = scalar(b, node, weights)
    graph = verify(gradients(b.graph((total,)), total, ids, RULES, GRADIENTS), RULES)
    values = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    done = execute(prepare(graph), dict(zip(ids, values, strict=True)))
    for at in (0, 1):
        step = rng.standard_normal(shapes[at]).astype(np.float32)
        moved = [step if i == at else v for i, v in enumerate(values)]
        slope = expected(case, op, *(v.astype(np.float64) for v in moved), np.matmul)
        want = float((slope * weights).sum())
        got = float((done.outputs[1 + at].astype(np.float64) * step).sum())
        assert got == pytest.approx(want, rel=1e-4, abs=1e-4)


def test_second_derivatives_stay_among_the_three():
    """The gradient of <dx, s> with respect to w and c is bilinear again: compared with differences, exact for it."""
    rng = np.random.default_rng(6)
    case = ORDINARY
    b = Builder(RULES)
    shapes = case.shapes
    x, w = (b.input(n, TensorType(s, "float32")) for n, s in zip("xw", shapes[:2], strict=True))
    y = b.add("conv2d", x, w, **case.geometry)
    square = scalar(b, b.add("multiply", y, y), np.ones(shapes[2], np.float32))
    first = gradients(b.graph((square,)), square, (x,), RULES, GRADIENTS)
    b = Builder(RULES, first)
    s = rng.standard_normal(shapes[0]).astype(np.float32)
    total = scalar(b, first.outputs[1], s)
    graph = verify(gradients(b.graph((total,)), total, (x, w), RULES, GRADIENTS), RULES)
    assert {n.op for n in graph.nodes if n.op.startswith("conv")} == set(OPS)
    values = [rng.standard_normal(shape).astype(np.float32) for shape in shapes[:2]]
    done = execute(prepare(graph), dict(zip((x, w), values, strict=True)))

    def inner(x, w):
        """<2 conv(x, w), conv(s, w)> is what `total` computes."""
        of_x, of_s = (expected(case, "conv2d", v.astype(np.float64), w, np.matmul) for v in (x, s))
        return 2 * float((of_x * of_s).sum())

    for at in (0, 1):
        step = rng.standard_normal(shapes[at])
        ends = [
            inner(*(v + sign * step if i == at else v for i, v in enumerate(values))) for sign in (1.0, -1.0)
        ]
        got = float((done.outputs[1 + at].astype(np.float64) * step).sum())
        assert got == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-3)


@pytest.mark.parametrize("axis", [None, 3])
def test_gradients_of_bfp16_are_products_of_bfp16(axis):
    rng = np.random.default_rng(7)
    b = Builder(RULES)
    ids = [b.input(n, TensorType(s, "float32")) for n, s in zip("xw", ORDINARY.shapes[:2], strict=True)]
    x, w = b.add("quantize_bfp16", ids[0], axis=None), b.add("quantize_bfp16", ids[1], axis=axis)
    y = b.add("conv2d", x, w, **ORDINARY.geometry, format="float32")
    weights = rng.standard_normal(ORDINARY.shapes[2]).astype(np.float32)
    total = scalar(b, y, weights)
    graph = verify(gradients(b.graph((total,)), total, ids, RULES, GRADIENTS), RULES)
    values = [rng.standard_normal(s).astype(np.float32) for s in ORDINARY.shapes[:2]]
    done = execute(prepare(graph), dict(zip(ids, values, strict=True)))
    for got, op, one, two in zip(
        done.outputs[1:], OPS[1:], (weights, values[0]), (values[1], weights), strict=True
    ):
        want = expected(ORDINARY, op, one.astype(np.float64), two.astype(np.float64), np.matmul)
        assert np.abs(got - want).max() < 2e-3 * np.abs(want).max()


def test_integer_convolutions_have_no_gradient():
    b = Builder(RULES)
    x, w = (b.input(n, TensorType(s, "int8")) for n, s in zip("xw", ORDINARY.shapes[:2], strict=True))
    node = b.add("conv2d", x, w, **ORDINARY.geometry, x_zero=0)
    with pytest.raises(GraphError, match="integer products have no gradient"):
        GRADIENTS["conv2d"](b, b[node], node)


@pytest.mark.parametrize(
    "op, change, complaint",
    [
        ("conv2d", {"stride": (0, 1)}, "2 integers from 1 on"),
        ("conv2d", {"padding": (1, 1)}, "4 integers from 0 on"),
        ("conv2d", {"dilation": (9, 1)}, "a kernel that fits in once"),
        ("conv2d", {"groups": 2}, "make the channels agree"),
        ("conv2d", {"format": "float32"}, "name these and no others"),
        ("conv2d", {"x_zero": 0}, "name these and no others"),
        ("conv2d_input", {"size": (8, 5)}, "the cotangent of that convolution"),
        ("conv2d_weight", {"kernel": (1, 2)}, "the cotangent of that convolution"),
    ],
)
def test_refusals_of_attributes(op, change, complaint):
    b = Builder(RULES)
    ids = [b.input("x", TensorType(s, "float32")) for s in operands_of(ORDINARY, op)]
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, *ids, **attributes(ORDINARY, op) | change)


@pytest.mark.parametrize(
    "op, formats, more, complaint",
    [
        ("conv2d", ("int8", "int8"), {}, "name these and no others"),
        ("conv2d", ("uint8", "int8"), {"x_zero": 256}, "from 0 to 255"),
        ("conv2d", ("int8", "uint8"), {"x_zero": 0}, "8-bit x and int8 w"),
        ("conv2d_input", ("int8", "int8"), {"x_zero": 0}, "float32 or bfp16 on both sides"),
        ("conv2d", ("bfp16", "bfp16"), {}, "name these and no others"),
        ("conv2d", ("bfp16", "bfp16"), {"format": "int32"}, "one of float32, bfp16"),
        ("conv2d", ("bfp16", "bfp16(axis=2)"), {"format": "bfp16"}, "axis=3"),
        ("conv2d_input", ("bfp16", "bfp16(axis=3)"), {"format": "bfp16"}, "one exponent"),
        ("conv2d", ("float32", "bfp16"), {}, "on both sides"),
    ],
)
def test_refusals_of_formats(op, formats, more, complaint):
    b = Builder(RULES)
    shapes = operands_of(ORDINARY, op)
    ids = [b.input("x", TensorType(s, f)) for s, f in zip(shapes, formats, strict=True)]
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, *ids, **attributes(ORDINARY, op), **more)


def test_sums_that_could_leave_int32_are_refused():
    b = Builder(RULES)
    for channels, zero, good in (
        (65793, 0, True),
        (65794, 0, False),
        (131071, 128, True),
        (131072, 128, False),
    ):
        x = b.input("x", TensorType((1, 1, 1, channels), "uint8"))
        w = b.input("w", TensorType((1, 1, channels, 1), "int8"))
        geometry = {"stride": (1, 1), "dilation": (1, 1), "padding": (0, 0, 0, 0), "groups": 1}
        if good:
            b.add("conv2d", x, w, **geometry, x_zero=zero)
        else:
            with pytest.raises(ShapeError, match="which int32 holds: K up to"):
                b.add("conv2d", x, w, **geometry, x_zero=zero)


@pytest.mark.slow
def test_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    for case in (ORDINARY._replace(padding=(1, 1, 1, 1)), DEPTHWISE):
        x, w, c = (rng.standard_normal(s).astype(np.float32) for s in case.shapes)
        tx = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
        tw = torch.tensor(w.transpose(3, 2, 0, 1), requires_grad=True)
        moves = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups}
        y = torch.nn.functional.conv2d(tx, tw, padding=(case.padding[0], case.padding[2]), **moves)
        y.backward(torch.tensor(c.transpose(0, 3, 1, 2)))
        got, by_x, by_w = (
            run(op, *pair, **attributes(case, op))[0]
            for op, pair in zip(OPS, ((x, w), (c, w), (x, c)), strict=True)
        )
        np.testing.assert_allclose(got, y.detach().numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_x, tx.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_w, tw.grad.numpy().transpose(2, 3, 1, 0), rtol=1e-4, atol=1e-4)
