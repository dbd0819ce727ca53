"""Rounding and sign of float32: against NumPy and by hand, no slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import LAYOUTS, NAN, SHAPES, canonical, compute, draw_array, refused, run, same, slopes

from spinntensor.errors import ShapeError

NUMPY = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint, "sign": np.sign}


@pytest.mark.parametrize("op", NUMPY)
@given(SHAPES, LAYOUTS, st.integers(0, 99), st.integers(-3, 30))
def test_as_numpy_has_it(op, shape, layout, seed, power):
    x = draw_array(np.random.default_rng(seed), shape, "float32", layout)
    with np.errstate(all="ignore"):
        x = x * np.float32(2.0**power) if power else x
        want = canonical(NUMPY[op](x))
    got, counts = run(op, x)
    assert same(got, want) and counts == {}


def test_halves_zeros_and_what_is_not_finite():
    x = np.float32([-2.5, -1.5, -0.5, -0.25, -0.0, 0.5, 1.5, 2.5, 8388609, np.inf, np.nan])
    for op, want in {
        "round": [-2, -2, -0.0, -0.0, -0.0, 0, 2, 2, 8388609, np.inf, NAN],
        "floor": [-3, -2, -1, -1, -0.0, 0, 1, 2, 8388609, np.inf, NAN],
        "ceil": [-2, -1, -0.0, -0.0, -0.0, 1, 2, 3, 8388609, np.inf, NAN],
        "trunc": [-2, -1, -0.0, -0.0, -0.0, 0, 1, 2, 8388609, np.inf, NAN],
        "sign": [-1, -1, -1, -1, 0, 1, 1, 1, 1, 1, NAN],
    }.items():
        assert same(compute(op, x), np.float32(want))


@pytest.mark.parametrize("op", NUMPY)
def test_slopes_are_zero(op):
    ((slope,), _) = slopes(op, np.float32([[0.25, -1.5, 3]]))
    assert same(slope, np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("op", NUMPY)
def test_refusals(op):
    refused(op, ("2 int32",), {}, ShapeError, "format float32")
    refused(op, ("2 float32",), {"decimals": 1}, ShapeError, "name these and no others")
