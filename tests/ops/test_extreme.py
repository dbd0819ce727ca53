"""Maxima and minima: IEEE 754-2019 by a model, integers by NumPy, positions, where cotangents go, refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    SHAPES,
    SPECIAL,
    against_torch,
    apart,
    check_second_slopes,
    check_slopes,
    compute,
    draw_array,
    refused,
    run,
    same,
    slopes,
)

from spinntensor.errors import ShapeError

FORMATS = ("float32", "int8", "uint8", "int32", "int64")
PAIRS = {"maximum": "max", "minimum": "min"}


def model(op, numbers):
    """The extreme of a list of float32 by IEEE 754-2019: a NaN wins, -0 is below +0."""
    if any(np.isnan(v) for v in numbers):
        return NAN
    key = [(float(v), not np.signbit(v)) for v in numbers]
    pick = max if op in ("maximum", "max") else min
    return numbers[key.index(pick(key))]


@pytest.mark.parametrize("op", PAIRS)
def test_every_pair_of_special_values(op):
    pairs = list(itertools.product([*SPECIAL, np.float32(-np.nan)], repeat=2))
    x, y = np.float32(pairs).T.copy()
    want = np.float32([model(op, pair) for pair in zip(x, y, strict=True)])
    got, counts = run(op, x, y)
    assert same(got, want) and counts == {}
    for bound in SPECIAL:  # one number for all
        one = np.broadcast_to(np.float32(bound), x.shape)
        assert same(compute(op, x, one), np.float32([model(op, (v, bound)) for v in x]))
        assert same(compute(op, one, x), np.float32([model(op, (bound, v)) for v in x]))
        assert same(compute(op, x[:1].reshape(()), one[:1].reshape(())), model(op, (x[0], bound)))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("op", PAIRS)
@given(SHAPES, LAYOUTS, LAYOUTS, st.integers(0, 99))
def test_pairs_of_every_format_and_layout(op, form, shape, first, second, seed):
    rng = np.random.default_rng(seed)
    x, y = (draw_array(rng, shape, form, layout) for layout in (first, second))
    if form == "float32":
        want = np.float32([model(op, pair) for pair in zip(x.reshape(-1), y.reshape(-1), strict=True)])
        want = want.reshape(shape)
    else:
        want = getattr(np, op)(x, y)
    assert same(compute(op, x, y), want)


@st.composite
def reductions(draw):
    shape = draw(st.sampled_from([(1,), (6,), (2, 3), (4, 1, 3), (2, 3, 2, 2), (0, 3), (2, 0, 3), ()]))
    whole = [i for i, s in enumerate(shape) if s]
    return shape, tuple(i for i in whole if draw(st.booleans()))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("op", ["max", "min"])
@given(reductions(), LAYOUTS, st.integers(0, 99))
def test_along_axes(op, form, reduction, layout, seed):
    shape, axes = reduction
    x = draw_array(np.random.default_rng(seed), shape, form, layout)
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    rows = x.transpose(*kept, *axes).reshape(
        [*(shape[i] for i in kept), int(np.prod([shape[i] for i in axes]))]
    )
    if form == "float32":
        want = np.empty(rows.shape[:-1], np.float32)
        for at in np.ndindex(want.shape):
            want[at] = model(op, list(rows[at]))
    else:
        want = getattr(np, op)(rows, axis=-1)
    got, counts = run(op, x, axes=axes)
    assert same(got, want) and counts == {}


@pytest.mark.parametrize("op", ["max", "min"])
def test_many_short_rows(op):
    x = draw_array(np.random.default_rng(0), (900, 3, 2), "float32")
    want = np.float32([model(op, list(row.reshape(-1))) for row in x])
    for y in (x, np.array(x, order="F")):
        assert same(compute(op, y, axes=(1, 2)), want)
    z = np.random.default_rng(1).integers(-9, 9, (900, 3, 2), dtype=np.int32)
    assert same(compute(op, z, axes=(2,)), getattr(np, op)(z, axis=2))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("op", ["argmax", "argmin"])
@given(
    st.sampled_from([((5,), 0), ((2, 3), 0), ((2, 3), 1), ((3, 4, 2), 1), ((0, 3), 1)]),
    LAYOUTS,
    st.integers(0, 99),
)
def test_positions(op, form, case, layout, seed):
    """The first of the extremes; zeros are equal, and NaN beyond all numbers."""
    shape, axis = case
    x = draw_array(np.random.default_rng(seed), shape, form, layout)
    rows = np.moveaxis(x, axis, -1)
    want = np.empty(rows.shape[:-1], np.int64)
    for at in np.ndindex(want.shape):
        row = [float(v) if form == "float32" else int(v) for v in rows[at]]
        nan = [i for i, v in enumerate(row) if v != v]
        want[at] = nan[0] if nan else row.index(max(row) if op == "argmax" else min(row))
    assert same(compute(op, x, axis=axis), want)


def test_positions_of_equals():
    x = np.float32([[1, 5, 5], [-0.0, 0.0, -1], [np.nan, 9, np.nan], [0, np.nan, np.inf]])
    assert compute("argmax", x, axis=1).tolist() == [1, 0, 0, 1]
    assert compute("argmin", x, axis=1).tolist() == [0, 2, 0, 1]


@pytest.mark.parametrize("op", PAIRS)
def test_where_the_cotangent_of_a_pair_goes(op):
    check_slopes(op, apart((3, 3), 0), apart((3, 3), 0) + np.float32(0.5) * apart((3, 3), 5))
    check_second_slopes(op, apart((3, 3), 0), apart((3, 3), 5))
    x, y = np.float32([1, 2, 0, np.nan, 1]), np.float32([2, 1, 0, 1, np.nan])
    (by_x, by_y), weights = slopes(op, x, y)
    first = np.array([op == "minimum", op == "maximum", False, True, False])  # ties go to the second operand
    assert same(by_x, np.where(first, weights, np.float32(0)))
    assert same(by_y, np.where(first, np.float32(0), weights))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (0, 1, 2), ()])
@pytest.mark.parametrize("op", ["max", "min"])
def test_slopes_along_axes(op, axes):
    x = apart((3, 2, 3), 2, -1)
    check_slopes(op, x, axes=axes)
    if axes:
        check_second_slopes(op, x, axes=axes)


def test_the_first_extreme_takes_it_all():
    """In row-major order of the axes, not of the operand."""
    x = np.float32([[[1, 3], [3, 1]], [[3, 0], [0, 3]]])
    for op in ("max", "min"):
        y = x if op == "max" else -x
        ((slope,), weights) = slopes(op, y, axes=(0, 1, 2))
        want = np.zeros((2, 2, 2), np.float32)
        want[0, 0, 1] = weights
        assert same(slope, want)
        ((slope,), weights) = slopes(op, y, axes=(0, 2))
        want = np.zeros((2, 2, 2), np.float32)
        want[0, 0, 1], want[0, 1, 0] = weights
        assert same(slope, want)
    ((slope,), weights) = slopes("max", np.float32([1, np.nan, 2, np.nan]), axes=(0,))
    assert same(slope, np.float32([0, weights, 0, 0]))
    ((slope,), _) = slopes("max", np.zeros((0, 3), np.float32), axes=(1,))
    assert slope.shape == (0, 3)


@pytest.mark.slow
@pytest.mark.parametrize("op", ["maximum", "minimum", "max", "min"])
def test_against_torch(op):
    x, y = apart((6, 7, 5), 0), apart((6, 7, 5), 1)
    if op in PAIRS:
        y += np.float32(0.01)
        against_torch(op, lambda torch, *t: getattr(torch, op)(*t), x, y)
        return
    for axis in range(3):
        against_torch(op, lambda torch, t, axis=axis: getattr(torch, op)(t, axis).values, x, axes=(axis,))
    against_torch(op, lambda torch, t: getattr(torch, "a" + op)(t, (0, 2)), x, axes=(0, 2))


@pytest.mark.parametrize(
    "op,kinds,attributes,complaint",
    [
        ("maximum", ("2 bool", "2 bool"), {}, "format float32 or int8"),
        ("maximum", ("2 float32", "1 float32"), {}, "equal shapes and formats"),
        ("max", ("2,0 float32",), {"axes": (1,)}, "elements along axis 1; an empty axis has no extreme"),
        ("max", ("2,3 float32",), {"axes": (1, 0)}, "name each axis once"),
        ("max", ("2,3 float32",), {"axis": 1}, "attributes axis, expected axes"),
        ("min", ("2,3 bool",), {"axes": (1,)}, "convert it first"),
        ("argmax", ("2,3 float32",), {"axis": 2}, "an axis from 0 to 1"),
        ("argmax", ("2,3 float32",), {"axis": -1}, "an axis from 0 to 1"),
        ("argmin", (" float32",), {"axis": 0}, "an operand that has axes"),
        ("argmin", ("0 int64",), {"axis": 0}, "an empty axis has no extreme"),
        ("argmax", ("2,3 float32",), {"axis": True}, "choose an axis"),
    ],
)
def test_refusals(op, kinds, attributes, complaint):
    refused(op, kinds, attributes, ShapeError, complaint)
