"""Convolutions: against products of fields put together by NumPy, in every format; counts, cuts, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.convolutions import (
    DEPTHWISE,
    OPS,
    ORDINARY,
    Case,
    attributes,
    cases,
    expected,
    factors,
    floats,
    mantissas,
    operands_of,
    run,
)

from spinntensor.errors import ShapeError
from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.graph import TensorType
from spinntensor.graph.builder import Builder
from spinntensor.kernels import host_convolution, host_correlation, parallel
from spinntensor.kernels.block_float import counted_product
from spinntensor.kernels.kernel import equal_bits
from spinntensor.ops import RULES

FEW = settings(max_examples=40, deadline=None, derandomize=True)


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


@pytest.mark.parametrize("case", [ORDINARY, DEPTHWISE, ORDINARY._replace(groups=2)])
def test_chunks_and_threads_do_not_show(case, monkeypatch):
    rng = np.random.default_rng(9)

    def results():
        for op in OPS:
            shapes = operands_of(case, op)
            yield run(op, *(floats(rng, s, True) for s in shapes), **attributes(case, op))
            yield run(op, *(mantissas(rng, s) for s in shapes), **attributes(case, op), format="float32")
        x, w = (rng.integers(-128, 128, s).astype(np.int8) for s in case.shapes[:2])
        yield run("conv2d", x, w, **case.geometry, x_zero=-5)

    want = list(results())
    monkeypatch.setattr(parallel, "SMALL", 10)
    for name, size in (("ROWS", 7), ("CHUNK", 1)):
        monkeypatch.setattr(host_convolution, name, size)
    for name, size in (("COLUMNS", 4), ("CHUNK", 1), ("PIXELS", 5)):
        monkeypatch.setattr(host_correlation, name, size)
    for threads in ("1", "3"):
        monkeypatch.setenv("SPINNTENSOR_THREADS", threads)
        rng = np.random.default_rng(9)
        for (got, counts), (value, found) in zip(results(), want, strict=True):
            assert equal_bits(got, value) and counts == found


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
