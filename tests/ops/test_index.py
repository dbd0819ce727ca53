"""Gathers and scattered sums: against NumPy and Python's loops, indices out of range, gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    against_torch,
    apart,
    canonical,
    check_second_slopes,
    check_slopes,
    compute,
    draw_array,
    laid_out,
    refused,
    run,
    same,
    slopes,
)

from spinntensor.errors import OperandError, RangeError, ShapeError
from spinntensor.ops import DTYPES

SHAPES = st.sampled_from([((5,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 4, 3), 1), ((0, 4), 1), ((3, 0), 0)])
INDICES = st.sampled_from([(), (0,), (1,), (7,), (2, 3), (2, 0), (1, 2, 2)])


def drawn_index(rng, shape, size, form, layout):
    return laid_out(rng.integers(0, size, shape).astype(form).reshape(shape), layout)


@pytest.mark.parametrize("form", DTYPES)
@given(SHAPES, INDICES, LAYOUTS, LAYOUTS, st.sampled_from(["int32", "int64"]), st.integers(0, 99))
def test_take(form, case, where, first, second, counted, seed):
    shape, axis = case
    rng = np.random.default_rng(seed)
    x = draw_array(rng, shape, form, first)
    index = drawn_index(rng, where, shape[axis], counted, second)
    assert same(compute("take", x, index, axis=axis), np.take(x, index, axis))


def scattered(c, index, axis, size):
    """The definition: one slice after the other, in Python."""
    y = np.zeros(
        (*c.shape[:axis], size, *c.shape[axis + index.ndim :]), object if c.dtype != np.float32 else c.dtype
    )
    for at in np.ndindex(index.shape):
        there = (slice(None),) * axis
        with np.errstate(all="ignore"):
            y[(*there, index[at])] = y[(*there, index[at])] + c[(*there, *at)].astype(y.dtype)
    return y


@pytest.mark.parametrize("form", ["float32", "int32", "int64"])
@given(SHAPES, INDICES, LAYOUTS, LAYOUTS, st.integers(0, 99), st.sampled_from([4, 1 << 31, None]))
def test_scatter_add(form, case, where, first, second, seed, bound):
    shape, axis = case
    rng = np.random.default_rng(seed)
    c = draw_array(rng, (*shape[:axis], *where, *shape[axis + 1 :]), form, first)
    if bound is not None:
        c = (np.remainder(np.nan_to_num(c), np.float64(bound)) - bound // 4).astype(form)
    index = drawn_index(rng, where, shape[axis], "int64", second)
    want = scattered(c, index, axis, shape[axis])
    if form == "float32":
        assert same(compute("scatter_add", c, index, axis=axis, size=shape[axis]), canonical(want))
        return
    ends = np.iinfo(form)
    if want.size == 0 or (want.min() >= ends.min and want.max() <= ends.max):
        assert same(compute("scatter_add", c, index, axis=axis, size=shape[axis]), want.astype(form))
        return
    with pytest.raises(RangeError, match=f"the exact result is no {form}"):
        compute("scatter_add", c, index, axis=axis, size=shape[axis])


def test_additions_are_made_in_the_order_of_the_index():
    c = np.float32([1e8, 1, 1, -1e8, 3])
    got = compute("scatter_add", c, np.array([0, 0, 1, 0, 0]), axis=0, size=3)
    assert got.tolist() == [3.0, 1.0, 0.0]  # the first 1 is lost beside 1e8
    got, counts = run(
        "scatter_add",
        np.float32([3e38, 3e38, np.inf, -np.inf, np.nan, -np.inf]),
        np.array([0, 0, 1, 1, 2, 4]),
        axis=0,
        size=5,
    )
    assert same(got, np.float32([np.inf, NAN, NAN, 0, -np.inf])) and counts == {"overflowed": 1, "invalid": 1}
    assert same(compute("scatter_add", np.float32([-0.0]), np.array([0]), axis=0, size=1), np.float32([0]))


@pytest.mark.parametrize("wrong", [-1, 3, 2**31])
def test_indices_out_of_range_are_refused(wrong):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for index in (np.array([[0, wrong]]), np.array(wrong)):
        with pytest.raises(OperandError, match=f"take.*'index'.*{wrong} among.*from 0 to 2"):
            compute("take", x, index, axis=1)
    with pytest.raises(OperandError, match="scatter_add"):
        compute("scatter_add", x, np.array([0, 1, wrong]), axis=1, size=3)


@pytest.mark.parametrize(
    "shape,axis,where", [((4,), 0, (2, 3)), ((2, 3), 1, (4,)), ((3, 2), 0, ()), ((2, 3, 2), 1, (2, 2))]
)
def test_gradients(shape, axis, where):
    index = np.random.default_rng(0).integers(0, shape[axis], where)
    x = apart(shape)
    check_slopes("take", x, index, axis=axis)
    check_second_slopes("take", x, index, axis=axis)
    c = apart((*shape[:axis], *where, *shape[axis + 1 :]))
    check_slopes("scatter_add", c, index, axis=axis, size=shape[axis])
    check_second_slopes("scatter_add", c, index, axis=axis, size=shape[axis])


def test_elements_that_are_not_taken_have_slope_zero():
    ((slope,), weights) = slopes("take", np.zeros(4, np.float32), np.array([2, 0, 2]), axis=0)
    assert same(slope, np.float32([weights[1], 0, weights[0] + weights[2], 0]))


@pytest.mark.slow
def test_against_torch():
    index = np.random.default_rng(0).integers(0, 7, 9)
    for axis in range(2):
        against_torch(
            "take",
            lambda torch, t, i, axis=axis: torch.index_select(t, axis, i),
            apart((7, 7)),
            index,
            axis=axis,
        )
    against_torch(
        "scatter_add",
        lambda torch, t, i: torch.zeros(8, 7).index_add(0, i, t),
        apart((9, 7)),
        index,
        axis=0,
        size=8,
    )


@pytest.mark.parametrize(
    "op,kinds,attributes,complaint",
    [
        ("take", ("2,3 bfp16", "2 int64"), {"axis": 0}, "format float32 or int32"),
        ("take", ("2,3 float32", "2 float32"), {"axis": 0}, "format int32 or int64"),
        ("take", ("2,3 float32", "2 int64"), {"axis": 2}, "an axis from 0 to 1"),
        ("take", ("2,0 float32", "2 int64"), {"axis": 1}, "elements along axis 1"),
        ("take", (" float32", "2 int64"), {"axis": 0}, "an operand that has axes"),
        ("take", ("2 float32", "2 int64"), {}, "expected axis"),
        ("scatter_add", ("2 int8", "2 int64"), {"axis": 0, "size": 3}, "format float32 or int32 or int64"),
        ("scatter_add", ("2 float32", "2 int64"), {"axis": 0}, "expected axis, size"),
        ("scatter_add", ("2 float32", "3 int64"), {"axis": 0, "size": 3}, "the index's shape from axis 0 on"),
        ("scatter_add", ("2 float32", "2 int64"), {"axis": 1, "size": 3}, "an axis from 0 to 0"),
        ("scatter_add", ("2 float32", "2 int64"), {"axis": 0, "size": 0}, "room for the indices"),
        ("scatter_add", ("2 float32", "2 int64"), {"axis": 0, "size": -1}, "room for the indices"),
        ("scatter_add", ("2 float32", "2,2 int64"), {"axis": 0, "size": 3}, "choose an axis"),
    ],
)
def test_refusals(op, kinds, attributes, complaint):
    refused(op, kinds, attributes, ShapeError, complaint)
