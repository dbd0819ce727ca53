"""Quantisation on a core against the host's operations, its tables, and what the kernels of grids refuse."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.formats import Int8, grid
from spinntensor.kernels import f32_quantize_8, interleave_u8, kernel, planes_u8_s16
from spinntensor.machine.call import run
from spinntensor.ops import OPERATIONS
from spinntensor.ops.operation import Counted

SCALES = (1 / 255, 0.1, 0.5, 1.0, 2.0**-126, 2.0**110, float(np.float32(0.0173)))


def on_host(op, *operands, **attributes):
    """The value of a host operation, and its counts."""
    found = OPERATIONS[op].run(*operands, **attributes)
    return (found.value, dict(found.counts)) if isinstance(found, Counted) else (found, {})


@given(st.sampled_from(SCALES), st.booleans(), st.booleans(), st.integers(0, 255), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_core_quantizes_as_the_host(scale, signed, symmetric, zero, seed):
    rng, dtype = np.random.default_rng(seed), np.int8 if signed else np.uint8
    symmetric = symmetric and signed
    zero = 0 if symmetric else zero - 128 * signed
    halves = (rng.integers(-600, 600, 300) * (0.5 * scale)).astype(np.float32)
    x = np.where(rng.integers(2, size=300) > 0, np.nextafter(halves, np.float32(np.inf)), halves)
    grid = {"scale": (scale,), "zero": (zero,)}
    y, counts = on_host("quantize", x, format=np.dtype(dtype).name, symmetric=symmetric, **grid)
    core = Core()
    operands = {"x": x, "scale": scale, "zero": zero, "dtype": dtype, "symmetric": symmetric}
    got = run(kernel("f32_quantize_8"), operands, core=core).result
    np.testing.assert_array_equal(got[:-3], y)
    assert list(got[-3:]) == [counts.get("saturated", 0), counts.get("lost", 0), 0]
    back, _ = on_host("dequantize", y, **grid)
    found = run(kernel("f32_dequantize_8"), {"x": y, "scale": scale, "zero": zero}, core=core).result
    assert found.tobytes() == back.tobytes()


@given(st.sampled_from(SCALES), st.integers(0, 255), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_entries_are_the_first_numbers_of_their_steps(scale, zero, step):
    keys = f32_quantize_8.table(grid(Int8(False, None, True), scale, zero))
    key = keys[step : step + 1]
    words = np.concatenate([key - 1, key])
    below, at = (words ^ (words >> 31 & 0x7FFFFFFF)).astype(np.int32).view(np.float32)
    exact = [zero + round(Fraction(float(x)) / Fraction(scale)) for x in (below, at)]
    assert exact[0] < step <= exact[1]
    assert (np.diff(keys[1:].astype(np.int64)) >= 0).all()


def test_what_is_not_finite_is_counted():
    x = np.array([np.inf, -np.inf, np.nan, -np.nan, 1e30, -1e-9, 0, -0.0], np.float32)
    operands = {"x": x, "scale": 0.5, "zero": 0, "dtype": np.uint8}
    got = run(kernel("f32_quantize_8"), operands).result
    np.testing.assert_array_equal(got, [255, 0, 255, 0, 255, 0, 0, 0, 1, 1, 4])


def test_int32_as_the_host():
    rng = np.random.default_rng(4)
    x = rng.integers(-(1 << 31), 1 << 31, 500, np.int32) >> rng.integers(0, 31, 500, np.int32)
    for scale in (0.1, 1 / 3 * 1 / 7, 2.0**94, 1.7 * 2.0**-126):
        y, _ = on_host("dequantize", x, scale=(scale,), zero=(0,))
        got = run(kernel("f32_dequantize_s32"), {"x": x, "scale": scale}).result
        assert got.tobytes() == y.tobytes()


def test_refuses():
    bytes_, floats = np.zeros(5, np.uint8), np.zeros(5, np.float32)
    with pytest.raises(RangeError, match="beyond float32"):
        kernel("f32_dequantize_8").lower({"x": bytes_, "scale": 2.0**121, "zero": 0})
    with pytest.raises(RangeError, match="would be infinite"):
        kernel("f32_dequantize_s32").lower({"x": np.zeros(5, np.int32), "scale": 2.0**95})
    with pytest.raises(OperandError, match="uint8 or int8 array"):
        kernel("f32_dequantize_8").lower({"x": floats, "scale": 0.5, "zero": 0})
    with pytest.raises(OperandError, match="zero_point"):
        kernel("f32_quantize_8").lower({"x": floats, "scale": 0.5, "zero": 256, "dtype": np.uint8})
    with pytest.raises(OperandError, match="a type of bytes"):
        kernel("f32_quantize_8").lower({"x": floats, "scale": 0.5, "zero": 0, "dtype": np.int16})
    with pytest.raises(OperandError, match="multiple of 4"):
        planes_u8_s16.lower({"x": np.zeros((2, 2, 6), np.uint8), "zero": 0})
    with pytest.raises(OperandError, match="multiple of 4"):
        interleave_u8.lower({"x": np.zeros((6, 4), np.uint8)})
