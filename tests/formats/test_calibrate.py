"""Calibration: nothing clamped by min-max, bounds of percentiles, least squares, independence of batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError
from spinntensor.formats import (
    Bfp16,
    Float32,
    Int8,
    Int32,
    dequantize,
    mean_square_error,
    min_max,
    observe,
    percentile,
    quantize,
)

FORMATS = (Int8(), Int8(symmetric=True), Int8(unsigned=True), Bfp16(), Int32())
numbers = st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=30)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=50)
@given(xs=numbers)
def test_min_max_clamps_nothing(format, xs):
    x = np.array(xs, np.float32)
    g = min_max(format, observe(x))
    value, loss = quantize(x, g)
    assert loss.saturated == 0
    zero, _ = quantize(np.zeros(1, np.float32), g)
    assert dequantize(zero)[0] == 0
    assert np.all(np.abs(dequantize(value).astype(np.float64) - x) <= float(g.scale) * 0.5000001)


@settings(max_examples=100)
@given(x=st.floats(2.0**-100, 2.0**100, width=32))
def test_the_exponent_of_bfp16_is_the_smallest(x):
    g = min_max(Bfp16(), observe(np.array([-x], np.float32)))
    e = int(g.exponent)
    assert round(x / 2.0**e) <= 32767 < round(x / 2.0 ** (e - 1))


def test_all_zero_and_tiny_tensors():
    for format in FORMATS:
        value, loss = quantize(np.zeros(3, np.float32), min_max(format, observe(np.zeros(3, np.float32))))
        np.testing.assert_array_equal(dequantize(value), 0)
        assert loss.lost == 0
    tiny = np.array([2.0**-149], np.float32)
    assert quantize(tiny, min_max(Bfp16(), observe(tiny)))[1].lost == 1


@pytest.mark.parametrize("axis", [None, 1])
def test_batches_do_not_matter(axis, rng):
    x = rng.normal(size=(12, 3, 7)).astype(np.float32)
    whole = observe(x, axis=axis)
    seen = None
    for part in (x[7:], x[:2], x[2:7]):
        seen = observe(part, seen, axis)
    for name in ("low", "high", "counts"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(whole, name))
    assert whole.counts.sum() == x.size


@pytest.mark.parametrize("format", FORMATS[:4])
@pytest.mark.parametrize("percent", [60, 90, 99, 99.9, 100])
def test_percentile_clamps_at_most_its_share(format, percent, rng):
    x = rng.standard_t(2, 20000).astype(np.float32)
    seen = observe(x)
    _, loss = quantize(x, percentile(format, seen, percent))
    assert loss.saturated <= x.size * (100 - percent) / 100
    if percent == 90 and isinstance(format, Int8):
        assert loss.saturated >= x.size * 0.08  # no looser than its bins


@pytest.mark.parametrize("format", FORMATS[:4])
def test_least_squares_beats_the_ends_where_tails_are_long(format, rng):
    x = rng.laplace(size=50000).astype(np.float32)
    seen = observe(x)

    def error(g):
        return float(np.sum((dequantize(quantize(x, g)[0]).astype(np.float64) - x) ** 2))

    assert error(mean_square_error(format, seen)) <= error(min_max(format, seen)) * 1.001
    if isinstance(format, Int8):
        assert error(mean_square_error(format, seen)) < 0.95 * error(min_max(format, seen))


@pytest.mark.parametrize("method", [min_max, percentile, mean_square_error])
def test_each_index_of_an_axis_is_calibrated_alone(method, rng):
    x = (rng.normal(size=(4, 500)) * [[1], [10], [0.1], [0]]).astype(np.float32)
    g = method(Int8(symmetric=True, axis=0), observe(x, axis=0))
    assert g.scale.shape == (4,)
    assert 5 < g.scale[1] / g.scale[0] < 20 and g.scale[3] == 1
    assert method(Bfp16(axis=-2), observe(x, axis=-2)).exponent.shape == (4,)
    assert method(Float32(), observe(x)).scale is None


@pytest.mark.parametrize(
    "call, wanted",
    [
        (lambda x: observe(np.append(x, np.float32(np.nan))), "non-finite"),
        (lambda x: observe(x[:0]), "no empty axis"),
        (lambda x: observe(x, axis=1), "axis from -1 to 0"),
        (lambda x: observe(x[:2], observe(x, axis=0)), "size 5 on axis 0"),
        (lambda x: observe(x, observe(x), axis=0), "go on with the axis"),
        (lambda x: percentile(Int8(), observe(x), 50), "50 < percent"),
        (lambda x: min_max(Int8(axis=0), observe(x)), "observe with the axis of the format"),
        (lambda x: min_max(Int8(), observe(x, axis=0)), "observe with the axis of the format"),
    ],
)
def test_refusals(call, wanted):
    with pytest.raises(OperandError, match=wanted):
        call(np.arange(5, dtype=np.float32))
