"""Operations of quantised networks: against fractions and the kernels' twins, counts, proofs, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.errors import OperandError, RangeError, ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.builder import Builder
from spinntensor.kernels import kernel
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.quantize import multipliers, ratio
from spinntensor.kernels.softmax_s8_u8 import exponentials as by_libm
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import DTYPES, OPERATIONS, RULES
from spinntensor.ops.quantized import exponentials

BYTES = {"uint8": (0, 255), "int8": (-128, 127)}
KERNELS = {"uint8": "u8", "int8": "s8"}


def run(op, *operands, **attributes):
    """Result and number of saturated elements of one operation in a graph."""
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, x.dtype.name)) for i, x in enumerate(operands)]
    node = b.add(op, *ids, **attributes)
    done = execute(prepare(verify(b.graph((node,)), RULES)), dict(zip(ids, operands, strict=True)))
    (value,), kind = done.outputs, b[node].type
    assert value.shape == kind.shape and value.dtype == DTYPES[kind.format]
    return value, done.counts.get(node, {}).get("saturated", 0)


def clamped(exact, zero, low, high, form, relu):
    """What rational numbers become, and how many of them the type's ends changed."""
    ends, out, saturated = BYTES[form], [], 0
    for x in exact:
        q = zero + round(x)
        out.append(min(max(q, low), high))
        below = q < low and not relu and low in (ends[0], -127 if form == "int8" else ends[0])
        saturated += below or (q > high and high == ends[1])
    return out, saturated


@st.composite
def clamps(draw):
    form = draw(st.sampled_from(list(BYTES)))
    ends = BYTES[form]
    zero = draw(st.integers(*ends))
    low = draw(st.sampled_from([ends[0], zero, max(ends[0], -127)]))
    high = draw(st.sampled_from([ends[1], ends[1], max(low, zero), ends[1] - 1]))
    return form, {"zero": zero, "low": low, "high": high, "relu": draw(st.booleans())}


@st.composite
def sums(draw):
    """int32 sums with one multiplier a channel: ties, clamping, shifts, sums of 33 bits."""
    rows, channels = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    powers = draw(st.booleans())
    m, p, acc, bias = [], [], [], []
    for _ in range(channels):
        shift = draw(st.sampled_from([0, 0, 0, 1, 3]))
        one = draw(st.sampled_from([1 << 30, 3 << 28]) if powers else st.integers(1, (1 << 31) - 1))
        reach = min((1 << 32 - shift) - 1, max(4, (300 << 32) // (one << shift)))
        total = [draw(st.integers(-reach, reach)) for _ in range(rows)]
        b = draw(st.integers(-(reach // 2), reach // 2))
        b = min(max(b, -(1 << 31)), (1 << 31) - 1)
        acc.append([min(max(t - b, -(1 << 31)), (1 << 31) - 1) for t in total])
        m.append(one), p.append(shift), bias.append(b)
    acc = np.array(acc, np.int64).T.reshape(rows, channels).astype(np.int32)
    return acc, *(np.array(v, np.int32) for v in (bias, m, p))


@given(sums(), clamps())
def test_requantize_rounds_the_exact_product_once(operands, clamp):
    (acc, bias, m, p), (form, a) = operands, clamp
    totals = acc.astype(object) + bias.astype(object)
    shifted = totals * 2 ** p.astype(object)
    if acc.size and max(abs(int(t)) for t in shifted.reshape(-1)) >= 1 << 32:
        with pytest.raises(RangeError, match="sum fewer products"):
            run("requantize", acc, bias, m, p, format=form, axis=1, **a)
        return
    exact = [Fraction(int(t) * int(f), 1 << 32) for row in shifted for t, f in zip(row, m, strict=True)]
    want, saturated = clamped(exact, form=form, **a)
    got, count = run("requantize", acc, bias, m, p, format=form, axis=1, **a)
    assert got.reshape(-1).tolist() == want and count == saturated


@pytest.mark.parametrize("form", BYTES)
@pytest.mark.parametrize("relu", [False, True])
def test_requantize_has_the_bits_of_the_kernel(form, relu, rng, monkeypatch):
    """On large tensors, with the channels last or not, of strided and of repeated views."""
    monkeypatch.setenv("SPINNTENSOR_THREADS", "3")
    shape = (3, 40, 40, 24)
    acc = rng.integers(-(1 << 22), 1 << 22, shape, np.int32)
    for axis, x in ((3, acc), (1, acc), (0, acc[::2, ::-1]), (3, np.broadcast_to(acc[:1], shape))):
        channels = x.shape[axis]
        bias = rng.integers(-(1 << 15), 1 << 15, channels, np.int32)
        m, p = multipliers(10.0 ** rng.uniform(-5, -4, channels))
        m[0], p[-1] = 1 << 17, 1
        a = {"zero": 5, "low": 5 if relu else BYTES[form][0], "high": BYTES[form][1]}
        got, _ = run("requantize", x, bias, m, p, format=form, axis=axis, relu=relu, **a)
        c = np.ascontiguousarray(np.moveaxis(x, axis, 0).reshape(channels, -1))
        words = {"c": c, "bias": bias, "m": m, "p": p, "zp": a["zero"], "low": a["low"], "high": a["high"]}
        want = kernel(f"requantize_s32_{KERNELS[form]}_x16").twin(words)
        assert equal_bits(np.moveaxis(got, axis, 0).reshape(channels, -1), want)


def test_a_relu_is_no_saturation():
    acc, ones = np.int32([[-100, 5, 300]]).T.copy(), np.ones(1, np.int32)
    words = (acc, 0 * ones, ones << 30, ones * 2)
    clamp = {"format": "uint8", "zero": 0, "low": 0, "axis": 1}
    assert run("requantize", *words, high=255, relu=True, **clamp)[1] == 1
    assert run("requantize", *words, high=255, relu=False, **clamp)[1] == 2
    assert run("requantize", *words, high=6, relu=True, **clamp)[1] == 0


def test_requantize_refuses_multipliers_that_are_none():
    acc, one = np.ones((2, 1), np.int32), np.ones(1, np.int32)
    a = {"format": "int8", "zero": 0, "low": -128, "high": 127, "axis": 1}
    for m, p, complaint in (
        (0 * one, one, "operand 'm'"),
        (one, -one, "operand 'p'"),
        (one, 31 * one, "0 to 30"),
    ):
        with pytest.raises(OperandError, match=complaint):
            run("requantize", acc, one, m, p, **a)
    with pytest.raises(RangeError, match="4,294,967,295"):
        run("requantize", acc + (1 << 30), one, one, one * 2, **a)
    assert run("requantize", acc[:0], one, one, one, **a)[0].shape == (0, 1)


@given(clamps(), st.data())
def test_add_rounds_the_exact_sum_once(clamp, data):
    form, a = clamp
    ends = BYTES[form]
    values = st.lists(st.integers(*ends), min_size=3, max_size=3)
    x, y = (np.array(data.draw(values), form) for _ in range(2))
    zeros = [data.draw(st.integers(*ends)) for _ in range(2)]
    ratios = [
        data.draw(st.sampled_from([1 << 19, 3 << 18, ratio(0.7), -(1 << 19), ratio(-1.3)])) for _ in range(2)
    ]
    factors = dict(zip(("a_zero", "b_zero", "a_ratio", "b_ratio"), (*zeros, *ratios), strict=True))
    exact = [
        Fraction((int(s) - zeros[0]) * ratios[0] + (int(t) - zeros[1]) * ratios[1], 1 << 20)
        for s, t in zip(x, y, strict=True)
    ]
    want, saturated = clamped(exact, form=form, **a)
    got, count = run("add_q", x, y, **factors, **a)
    assert got.tolist() == want and count == saturated


@pytest.mark.parametrize("form", BYTES)
@pytest.mark.parametrize("zero", [0, 3])
def test_add_has_the_bits_of_the_kernel(form, zero, rng):
    every = np.arange(BYTES[form][0], BYTES[form][1] + 1)
    pairs = [np.ascontiguousarray(v).astype(form) for v in np.meshgrid(every, every)]
    words = {"za": 7, "zb": 2, "ma": ratio(0.75), "mb": ratio(1.1), "zp": zero}
    clamp = {"low": zero, "high": BYTES[form][1]}
    want = kernel(f"residual_add_{KERNELS[form]}_x16").twin(
        {"a": pairs[0].reshape(-1), "b": pairs[1].reshape(-1), **words, **clamp}
    )
    factors = {"a_zero": 7, "b_zero": 2, "a_ratio": words["ma"], "b_ratio": words["mb"], "zero": zero}
    got, _ = run("add_q", *pairs, **factors, **clamp, relu=True)
    assert equal_bits(got.reshape(-1), want)
    turned, _ = run("add_q", *(p.T for p in pairs), **factors, **clamp, relu=True)
    assert equal_bits(np.ascontiguousarray(turned.T), got)
    assert run("add_q", *(p[:0] for p in pairs), **factors, **clamp)[0].shape == (0, 256)


def test_large_tensors_are_split_without_a_trace(rng, monkeypatch):
    """Saturated elements of all threads are counted, and every element is computed."""
    monkeypatch.setenv("SPINNTENSOR_THREADS", "3")
    x = rng.integers(0, 256, (3, 70_001), np.uint8)
    same = {
        "a_zero": 0,
        "b_zero": 0,
        "zero": 0,
        "low": 0,
        "high": 255,
        "a_ratio": 1 << 20,
        "b_ratio": 1 << 20,
    }
    got, saturated = run("add_q", x, x, **same)
    assert saturated == (x > 127).sum() and (got == np.minimum(2 * x.astype(int), 255)).all()


def test_softmax_is_the_kernel_on_every_row(rng):
    x = rng.integers(-128, 128, (4, 3, 50), np.int8)
    got, _ = run("softmax_q", x, scale=0.05)
    want = kernel("softmax_s8_u8").twin({"x": x.reshape(12, 50), "lut": exponentials(0.05)})
    assert equal_bits(got.reshape(12, 50), want)
    real = np.exp(0.05 * x) / np.exp(0.05 * x).sum(-1, keepdims=True)
    assert np.abs(got / 256 - real).max() <= 1 / 256
    assert equal_bits(
        run("softmax_q", x[:, 1, ::2], scale=0.05)[0][0], run("softmax_q", x[0, 1, ::2], scale=0.05)[0]
    )
    assert run("softmax_q", x[:0], scale=0.05)[0].shape == (0, 3, 50)


@pytest.mark.parametrize("scale", [2.0**-10, 0.05, 0.123, 1.0, 3.7, 1e300])
def test_exponentials_are_rounded_from_exact_ones(scale):
    table = exponentials(scale)
    assert table[0] == 1 << 22 and (table[1:] <= table[:-1]).all()
    assert np.abs(table.astype(int) - by_libm(scale).astype(int)).max() <= 1


ACC, BYTE = TensorType((4, 3), "int32"), TensorType((4, 3), "int8")
CHANNEL = TensorType((3,), "int32")
TO_BYTES = {"format": "int8", "zero": 0, "low": -128, "high": 127, "axis": 1}
SUM = {"a_zero": 0, "b_zero": 0, "a_ratio": 1 << 20, "b_ratio": 1 << 20, "zero": 0, "low": -128, "high": 127}


@pytest.mark.parametrize(
    "op,kinds,attributes,complaint",
    [
        ("requantize", [ACC, CHANNEL, CHANNEL], TO_BYTES, "give all four"),
        ("requantize", [ACC, CHANNEL, CHANNEL, TensorType((4,), "int32")], TO_BYTES, r"of shape \(3,\)"),
        ("requantize", [BYTE, *[CHANNEL] * 3], TO_BYTES, "int32 operands"),
        ("requantize", [ACC, *[CHANNEL] * 3], TO_BYTES | {"format": "int32"}, "int8 or uint8"),
        ("requantize", [ACC, *[CHANNEL] * 3], TO_BYTES | {"axis": 2}, "0 to 1"),
        ("requantize", [ACC, *[CHANNEL] * 3], TO_BYTES | {"low": 5, "high": 4}, "from 5 to 127"),
        ("requantize", [ACC, *[CHANNEL] * 3], TO_BYTES | {"zero": 128}, "from -128 to 127"),
        ("requantize", [ACC, *[CHANNEL] * 3], TO_BYTES | {"relu": 1}, "True or False"),
        ("add_q", [BYTE, TensorType((4, 3), "uint8")], SUM, "two equal shapes"),
        ("add_q", [BYTE], SUM, "give both terms"),
        ("add_q", [BYTE, BYTE], SUM | {"a_ratio": 1 << 22}, "a_ratio"),
        ("softmax_q", [TensorType((2, 1024), "int8")], {"scale": 0.1}, "at most 1023"),
        ("softmax_q", [BYTE], {"scale": -0.1}, "a positive number"),
    ],
)
def test_refusals(op, kinds, attributes, complaint):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, *(b.input("x", k) for k in kinds), **attributes)


def test_add_is_refused_where_a_sum_may_leave_32_bits():
    b = Builder(RULES)
    x = b.input("x", BYTE)
    big = {"a_ratio": (1 << 22) - 1, "b_ratio": (1 << 22) - 1, "a_zero": -128, "b_zero": -128}
    with pytest.raises(RangeError, match="choose a larger scale for the output"):
        b.add("add_q", x, x, **SUM | big)


def test_every_operation_says_what_it_takes():
    for name in ("requantize", "add_q", "softmax_q"):
        assert OPERATIONS[name].formats and OPERATIONS[name].summary
