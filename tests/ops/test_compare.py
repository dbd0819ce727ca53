"""Comparisons, logic and choices: against NumPy in every format, bits of what is chosen, gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    SHAPES,
    against_torch,
    apart,
    check_slopes,
    compute,
    draw_array,
    refused,
    same,
    slopes,
)

from spinntensor.errors import ShapeError
from spinntensor.ops import DTYPES

EQUALITIES = {"equal": np.equal, "not_equal": np.not_equal}
ORDERS = {
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGIC = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}
CASES = [(op, form) for op in EQUALITIES for form in DTYPES]
CASES += [(op, form) for op in ORDERS for form in DTYPES if form != "bool"]
CASES += [(op, "bool") for op in LOGIC]


@pytest.mark.parametrize("op,form", CASES)
@given(SHAPES, LAYOUTS, LAYOUTS, st.integers(0, 99))
def test_as_numpy_has_it(op, form, shape, first, second, seed):
    rng = np.random.default_rng(seed)
    x, y = (draw_array(rng, shape, form, layout) for layout in (first, second))
    y = np.where(rng.integers(0, 2, shape) == 0, x, y)
    want = (EQUALITIES | ORDERS | LOGIC)[op](x, y)
    assert same(compute(op, x, y), want)
    if form == "bool":
        assert same(compute("logical_not", x), np.logical_not(x))


def test_nan_and_zeros():
    x, y = np.float32([np.nan, 0, np.nan, np.inf]), np.float32([np.nan, -0.0, 1, np.inf])
    assert compute("equal", x, y).tolist() == [False, True, False, True]
    assert compute("not_equal", x, x).tolist() == [True, False, True, False]
    for op in ORDERS:
        assert compute(op, x, y).tolist() == [False, "equal" in op, False, "equal" in op]


@pytest.mark.parametrize("form", DTYPES)
@given(SHAPES, LAYOUTS, LAYOUTS, LAYOUTS, st.integers(0, 99))
def test_a_choice_moves_patterns(form, shape, condition, first, second, seed):
    """Also those of NaN, which nothing makes canonical."""
    rng = np.random.default_rng(seed)
    c = draw_array(rng, shape, "bool", condition)
    x, y = (draw_array(rng, shape, form, layout) for layout in (first, second))
    assert same(compute("where", c, x, y), np.where(c, x, y))


@pytest.mark.parametrize("form", DTYPES)
def test_many_choices(form):
    rng = np.random.default_rng(0)
    for shape, layouts in (
        ((70, 50), ("F", "C", "apart")),
        ((3, 1000), ("backwards", "repeated", "repeated")),
    ):
        c, x, y = (
            draw_array(rng, shape, f, layout) for f, layout in zip(("bool", form, form), layouts, strict=True)
        )
        assert same(compute("where", c, x, y), np.where(c, x, y))


def test_gradients_of_a_choice():
    c = np.array([[True, False, True], [False, False, True]])
    x, y = apart((2, 3), 0), apart((2, 3), 1)
    check_slopes("where", c, x, y)
    x[0, 0], y[0, 1] = np.inf, np.nan
    (by_x, by_y), weights = slopes("where", ~c, x, y)  # whatever the operands are
    assert same(by_x, np.where(c, np.float32(0), weights)) and same(by_y, np.where(c, weights, np.float32(0)))


@pytest.mark.slow
def test_against_torch():
    c = np.random.default_rng(0).integers(0, 2, (20, 30)).astype(bool)
    x, y = apart((20, 30), 0), apart((20, 30), 1)
    against_torch("where", lambda torch, *t: torch.where(*t), c, x, y)


@pytest.mark.parametrize(
    "op,kinds,complaint",
    [
        ("less", ("2 bool", "2 bool"), "format float32 or int32 or int8 or uint8 or int64"),
        ("equal", ("2 int8", "2 uint8"), "equal shapes and formats"),
        ("equal", ("2 bfp16", "2 bfp16"), "convert it first"),
        ("logical_and", ("2 int32", "2 int32"), "format bool"),
        ("logical_not", ("2 bool", "2 bool"), "2 operands"),
        ("where", ("2 int32", "2 float32", "2 float32"), "format bool"),
        ("where", ("2 bool", "2 float32", "2 int32"), "equal shapes and formats"),
        ("where", ("3 bool", "2 float32", "2 float32"), "broadcast one of them"),
        ("where", ("2 bool", "2 bfp16", "2 bfp16"), "convert it first"),
        ("where", ("2 bool", "2 float32"), "2 operands, expected 3"),
    ],
)
def test_refusals(op, kinds, complaint):
    refused(op, kinds, {}, ShapeError, complaint)
