"""Pooling, element-wise, softmax and reductions against NumPy and Python integers, at the ends of their ranges."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import kernel
from spinntensor.kernels.softmax_s8_u8 import exponentials
from spinntensor.machine.call import run

NONE = (0, 0, 0, 0)


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def called(core, name, **operands):
    return run(kernel(name), operands, core=core).result


def round_half_even(q: Fraction) -> int:
    return round(q)  # Python's round of a Fraction is half to even, exactly


def windows_of(x, size, stride, fill, border):
    top, left, bottom, right = border
    bordered = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(bordered, size, axis=(0, 1))
    return view[:: stride[0], :: stride[1]]


@pytest.mark.parametrize("places", list(combinations(range(4), 2)))
@pytest.mark.parametrize("kind", ["u8", "s8", "u7"])
def test_every_pair_of_bytes_has_its_maximum(core, kind, places):
    values = {"u8": np.arange(256), "s8": np.arange(-128, 128), "u7": np.arange(128)}[kind]
    values = values.astype(np.int8 if kind == "s8" else np.uint8)
    for first in np.array_split(values, 8):
        pair = [m.reshape(-1, 8) for m in np.meshgrid(first, values)]
        window = np.full(
            (4, *pair[0].shape), values[0]
        )  # a window's four pixels; only two may be the maximum
        window[list(places)] = pair
        x = window.reshape(2, 2, -1, 8).transpose(2, 0, 1, 3).reshape(-1, 2, 8)
        got = called(core, f"maxpool_{kind}_2x2s2", x=np.ascontiguousarray(x), border=NONE)
        np.testing.assert_array_equal(got[:, 0], np.maximum(*pair))


@pytest.mark.parametrize("kind", ["u8", "s8"])
@pytest.mark.parametrize("border", [NONE, (1, 1, 1, 1), (0, 1, 1, 0)])
def test_maxpool_3x3_is_the_general_one_and_numpy(core, rng, kind, border):
    dtype = np.int8 if kind == "s8" else np.uint8
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = rng.integers(low, high + 1, (7, 10, 6), dtype=dtype)
    fast = called(core, f"maxpool_{kind}_3x3s2", x=x, border=border)
    general = called(core, f"maxpool_{kind}", x=x, border=border, window=(3, 3), stride=(2, 2))
    np.testing.assert_array_equal(fast, general)
    np.testing.assert_array_equal(fast, windows_of(x, (3, 3), (2, 2), low, border).max(axis=(-1, -2)))


def test_global_maximum_is_a_window_over_the_image(core, rng):
    x = rng.integers(-128, 128, (5, 6, 9), dtype=np.int8)
    got = called(core, "maxpool_s8", x=x, border=NONE, window=(5, 6), stride=(1, 1))
    np.testing.assert_array_equal(got[0, 0], x.max(axis=(0, 1)))


@pytest.mark.parametrize("kind", ["u8", "s8"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (2, 2), (3, 3), (1, 257), (16, 16)])
def test_means_round_half_to_even(core, rng, kind, size):
    dtype = np.int8 if kind == "s8" else np.uint8
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    for x in (
        rng.integers(low, high + 1, (*size, 24), dtype=dtype),
        rng.integers(high - 1, high + 1, (*size, 24), dtype=dtype),
        np.full((*size, 4), low, dtype),
    ):
        got = called(core, f"avgpool_{kind}", x=x, window=size, stride=(1, 1), border=NONE, count_border=True,
                     zero_point=0, multiplier=None, zero_point_out=0)  # fmt: skip
        n = size[0] * size[1]
        expected = [round_half_even(Fraction(int(s), n)) for s in x.sum(axis=(0, 1), dtype=int)]
        np.testing.assert_array_equal(got[0, 0], expected)
        whole = called(core, f"global_avgpool_{kind}", x=x, zero_point=0, multiplier=None, zero_point_out=0)
        np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("count_border", [False, True])
def test_border_counts_or_not(core, rng, count_border):
    x, border, zero = rng.integers(0, 256, (6, 7, 5), dtype=np.uint8), (1, 2, 2, 1), 77
    got = called(core, "avgpool_u8", x=x, window=(3, 3), stride=(2, 2), border=border, count_border=count_border,
                 zero_point=zero, multiplier=None, zero_point_out=0)  # fmt: skip
    sums = windows_of(x.astype(int), (3, 3), (2, 2), zero if count_border else 0, border).sum(axis=(-1, -2))
    ones = windows_of(np.ones(x.shape, int), (3, 3), (2, 2), int(count_border), border).sum(axis=(-1, -2))
    for index in np.ndindex(got.shape):
        assert got[index] == round_half_even(Fraction(int(sums[index]), int(ones[index])))


@pytest.mark.parametrize("kind", ["u8", "s8"])
@pytest.mark.parametrize("m", [1, 3 << 29, (1 << 32) // 49, (1 << 31) // 49 + 12345])
def test_mean_with_scale(core, rng, kind, m):
    dtype = np.int8 if kind == "s8" else np.uint8
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    x = rng.integers(low, high + 1, (7, 7, 12), dtype=dtype)
    for zero_in, zero_out in ((low, high), (high, low + 1), (3, 4)):
        scale = {"zero_point": zero_in, "multiplier": m, "zero_point_out": zero_out}
        got = called(core, f"global_avgpool_{kind}", x=x, **scale)
        sums = x.sum(axis=(0, 1), dtype=int) - 49 * zero_in
        wanted = [zero_out + round_half_even(Fraction(int(s) * m, 1 << 32)) for s in sums]
        np.testing.assert_array_equal(got, np.clip(wanted, low, high))
        pooled = called(core, f"avgpool_{kind}", x=x, window=(7, 7), stride=(1, 1), border=NONE, count_border=True,
                        **scale)  # fmt: skip
        np.testing.assert_array_equal(pooled[0, 0], got)


@pytest.mark.parametrize("op", ["add", "sub"])
def test_every_pair_of_int8_saturates_and_is_counted(core, op):
    a, b = (m.astype(np.int8).reshape(4, -1) for m in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    for x, y in zip(a, b, strict=True):
        exact = getattr(np, {"add": "add", "sub": "subtract"}[op])(x.astype(int), y.astype(int))
        clamped = np.clip(exact, -128, 127)
        got = called(core, f"eltwise_{op}_s8", a=x, b=y)
        np.testing.assert_array_equal(got[:-1], clamped)
        assert got[-1] == (clamped != exact).sum()


@pytest.mark.parametrize("kind", ["s8", "s16"])
def test_padding_never_counts(core, kind):
    dtype = np.int8 if kind == "s8" else np.int16
    for scalar in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        for op in ("add", "sub"):
            got = called(
                core, f"eltwise_{op}_{kind}", a=np.full(1, -1 if op == "sub" else 0, dtype), b=int(scalar)
            )
            assert got[-1] == 0


@pytest.mark.parametrize("op", ["max", "min"])
@pytest.mark.parametrize("kind", ["u8", "s8", "s16", "s32"])
def test_extremes_of_neighbouring_values(core, rng, op, kind):
    dtype = np.dtype(kind.replace("s", "int").replace("u", "uint"))
    info = np.iinfo(dtype)
    a = rng.integers(info.min, info.max, 300, dtype=dtype, endpoint=True)
    near = np.clip(a.astype(np.int64) + rng.integers(-1, 2, 300), info.min, info.max).astype(dtype)
    np.testing.assert_array_equal(
        called(core, f"eltwise_{op}_{kind}", a=a, b=near), getattr(np, op + "imum")(a, near)
    )


def test_relu_is_a_maximum_with_the_zero_point(core, rng):
    x = rng.integers(-128, 128, (3, 5, 7), dtype=np.int8)
    np.testing.assert_array_equal(called(core, "eltwise_max_s8", a=x, b=-7), np.maximum(x, -7))


def test_products_are_exact_at_the_ends(core):
    for kind, dtype in (("s8", np.int8), ("s16", np.int16)):
        ends = np.array([np.iinfo(dtype).min, -1, 0, 1, np.iinfo(dtype).max], dtype)
        a, b = (m.reshape(-1) for m in np.meshgrid(ends, ends))
        np.testing.assert_array_equal(
            called(core, f"eltwise_mul_{kind}", a=a, b=b), a.astype(int) * b.astype(int)
        )


@pytest.mark.parametrize("scale", [0.003, 0.05, 0.3, 3.0])
@pytest.mark.parametrize("columns", [2, 99, 1000, 1023])
def test_softmax_is_within_one_step(core, rng, scale, columns):
    rows = np.stack([
        rng.integers(-128, 128, columns),
        np.where(np.arange(columns) == columns // 2, 127, rng.integers(-128, -100, columns)),
        np.full(columns, -128),
    ]).astype(np.int8)  # fmt: skip
    got = called(core, "softmax_s8_u8", x=rows, lut=exponentials(scale))
    e = np.exp(scale * (rows.astype(float) - rows.max(axis=1, keepdims=True).astype(float)))
    real = e / e.sum(axis=1, keepdims=True)
    assert np.abs(got / 256 - real).max() <= 1 / 256
    np.testing.assert_array_less(np.abs(got / 256 - real)[real < 255.4 / 256], 0.57 / 256)


@pytest.mark.parametrize("kind", ["s8", "s16", "s32"])
def test_first_of_equal_maxima(core, kind):
    dtype, low = np.dtype(f"int{kind[1:]}"), np.iinfo(f"int{kind[1:]}").min
    x = np.full((13, 13), low, dtype)
    for i in range(13):
        x[i, i:] = low + (i > 0)
    np.testing.assert_array_equal(called(core, f"reduce_argmax_{kind}", x=x), np.arange(13))
    np.testing.assert_array_equal(called(core, f"reduce_max_{kind}", x=x), x.max(axis=1))


def test_sums_at_the_ends(core):
    for value in (-128, 127):
        x = np.full((2, 3000), value, np.int8)
        np.testing.assert_array_equal(called(core, "reduce_sum_s8", x=x), [value * 3000] * 2)
    x = np.full((2, 501), -(1 << 31), np.int32)
    np.testing.assert_array_equal(called(core, "reduce_sum_s32_s64", x=x), [-(1 << 31) * 501] * 2)


def test_sums_that_do_not_fit_are_refused():
    with pytest.raises(RangeError, match="reduce_sum_s32_s64"):
        kernel("reduce_sum_s32").lower({"x": np.full((1, 2), 1 << 30, np.int32)})
    with pytest.raises(RangeError, match=r"max\|a\| \+ max\|b\|"):
        kernel("eltwise_add_s32").lower({"a": np.full(3, 1 << 30, np.int32), "b": 1 << 30})
    with pytest.raises(RangeError, match=r"max\|a\| \* max\|b\|"):
        kernel("eltwise_mul_s32").lower({"a": np.full(3, 1 << 16, np.int32), "b": 1 << 15})
    with pytest.raises(RangeError, match="1023 columns"):
        kernel("softmax_s8_u8").lower({"x": np.zeros((1, 1024), np.int8), "lut": exponentials(0.1)})
    mean = {"zero_point": 0, "multiplier": None, "zero_point_out": 0}
    with pytest.raises(RangeError, match="multiplier"):
        kernel("global_avgpool_u8").lower({"x": np.zeros((2, 1025, 1), np.uint8), **mean})
    wide = {"window": (2, 129), "stride": (1, 1), "border": NONE, "count_border": True}
    with pytest.raises(RangeError, match="global_avgpool_u8"):
        kernel("avgpool_u8").lower({"x": np.zeros((2, 129, 1), np.uint8), **wide, **mean})


def test_wrong_operands_are_named():
    image, mean = np.zeros((4, 4, 4), np.uint8), {"zero_point": 0, "multiplier": 5, "zero_point_out": 0}
    window = {"window": (2, 2), "stride": (1, 1)}
    with pytest.raises(OperandError, match="use maxpool_u8_2x2s2"):
        kernel("maxpool_u7_2x2s2").lower({"x": image + 128, "border": NONE})
    with pytest.raises(OperandError, match="cut the border"):
        kernel("maxpool_u8").lower({"x": image, **window, "border": (2, 0, 0, 0)})
    with pytest.raises(OperandError, match="shrink the window"):
        kernel("maxpool_u8").lower({"x": image, "window": (5, 1), "stride": (1, 1), "border": NONE})
    with pytest.raises(OperandError, match="requantise in a step of its own"):
        kernel("avgpool_u8").lower(
            {"x": image, **window, "border": (1, 0, 0, 0), "count_border": False, **mean}
        )
    with pytest.raises(OperandError, match="exponentials"):
        kernel("softmax_s8_u8").lower({"x": np.zeros((1, 4), np.int8), "lut": np.ones(256, np.uint32)})
    with pytest.raises(OperandError, match="int16"):
        kernel("eltwise_max_s16").lower({"a": np.zeros(3, np.int32), "b": 1})
    with pytest.raises(OperandError, match="-128 to 127"):
        kernel("eltwise_max_s8").lower({"a": np.zeros(3, np.int8), "b": 128})
