"""Sums and products: the float32 tree by a model of its own, integers by Python's, counts, gradients, refusals."""

from fractions import Fraction
from math import prod

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
    refused,
    run,
    same,
    slopes,
)

from spinntensor.errors import RangeError, ShapeError
from spinntensor.kernels._f32_reduce import tree_sums
from spinntensor.ops._tree import column_sums, row_sums


def tree(values, joined=np.add):
    """The definition: halves at the largest power of two below n, each result rounded once."""
    if len(values) == 1:
        return values[0]
    p = 1 << (len(values) - 1).bit_length() - 1
    with np.errstate(all="ignore"):
        return joined(tree(values[:p], joined), tree(values[p:], joined))


def rows_of(x, axes):
    """The elements of each result in row-major order of the axes, and the shape of the results."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(x.shape[i] for i in kept)
    return x.transpose(*kept, *axes).reshape(prod(shape), prod(x.shape[i] for i in axes)), shape


@st.composite
def reductions(draw):
    shape = draw(
        st.sampled_from([(), (0,), (1,), (9,), (2, 3), (3, 0, 2), (4, 1, 3), (2, 3, 2, 2), (5, 33), (33, 5)])
    )
    return shape, tuple(i for i in range(len(shape)) if draw(st.booleans()))


@pytest.mark.parametrize("op", ["sum", "prod"])
@given(reductions(), LAYOUTS, st.integers(0, 99), st.booleans())
def test_floats_are_the_tree(op, reduction, layout, seed, wild):
    shape, axes = reduction
    rng = np.random.default_rng(seed)
    x = draw_array(rng, shape, "float32", layout)
    x = x if wild else np.nan_to_num(x).clip(-9, 9)
    rows, kept = rows_of(x, axes)
    joined, empty = (np.add, 0) if op == "sum" else (np.multiply, 1)
    want = [tree(list(row), joined) if len(row) else empty for row in rows]
    got, counts = run(op, x, axes=axes)
    assert same(got, canonical(np.float32(want)).reshape(kept))
    finite, nan = np.isfinite(rows).all(1), np.isnan(rows).any(1)
    found = {"overflowed": np.sum(np.isinf(want) & finite), "invalid": np.sum(np.isnan(want) & ~nan)}
    assert counts == {name: n for name, n in found.items() if n}


@given(st.integers(1, 40), st.integers(0, 99))
def test_each_sum_is_rounded_once(n, seed):
    x = (np.random.default_rng(seed).standard_normal(n) * 1e3).astype(np.float32)

    def rounded(a, b):  # a sum of two float32 is rounded to double without harm (Figueroa 1995)
        return np.float32(float(Fraction(float(a)) + Fraction(float(b))))

    assert same(compute("sum", x, axes=(0,)), tree(list(x), rounded))


@pytest.mark.parametrize(
    "shape", [(3, 1025), (1, 5000), (100, 3), (200, 255), (70, 256), (2, 1024), (65, 2), (1, 1)]
)
def test_long_and_many_rows(shape):
    """Rows that are cut into blocks, or taken level by level, against the kernel's twin."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert same(row_sums(x), tree_sums(x))
    assert same(row_sums(np.array(x, order="F")), tree_sums(x))


@pytest.mark.parametrize(
    "shape", [(1, 300, 16), (2, 33, 600), (3, 1, 20), (2, 64, 17), (1, 1000, 3), (2, 7, 256)]
)
def test_tall_columns(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    want = tree_sums(x.transpose(0, 2, 1).reshape(-1, shape[1])).reshape(shape[0], shape[2])
    assert same(column_sums(x), want)
    assert same(compute("sum", x, axes=(1,)), want)
    assert same(compute("sum", np.array(x, order="F"), axes=(1,)), want)


def test_overflow_and_nan_in_one_result_each():
    x = np.float32([[3e38, 3e38, 0], [np.inf, 1, 2], [np.inf, -np.inf, 0], [np.nan, 1, 2], [1, 2, 3]])
    got, counts = run("sum", x, axes=(1,))
    assert same(got, np.float32([np.inf, np.inf, NAN, NAN, 6])) and counts == {"overflowed": 1, "invalid": 1}


@pytest.mark.parametrize("op,form", [(op, form) for op in ("sum", "prod") for form in ("int32", "int64")])
@given(reductions(), LAYOUTS, st.integers(0, 99), st.sampled_from([2, 4, 1 << 15, 1 << 31, None]))
def test_integers_are_exact_or_refused(op, form, reduction, layout, seed, bound):
    shape, axes = reduction
    x = draw_array(np.random.default_rng(seed), shape, form, layout)
    if bound is not None:
        x = np.remainder(x, np.int64(bound)).astype(form) - np.array(bound // 4, form)
    rows, kept = rows_of(x, axes)
    want = [sum(row) if op == "sum" else prod(row) for row in rows.tolist()]
    ends = np.iinfo(form)
    if all(ends.min <= n <= ends.max for n in want):
        assert same(compute(op, x, axes=axes), np.array(want, form).reshape(kept))
        return
    with pytest.raises(RangeError, match=f"the exact result is no {form}") as caught:
        compute(op, x, axes=axes)
    assert caught.value.kernel == op
    assert op == "prod" or caught.value.bound in want


@pytest.mark.parametrize("form", ["int8", "uint8", "bool"])
@given(reductions(), LAYOUTS, st.integers(0, 99))
def test_sums_of_codes_and_conditions(form, reduction, layout, seed):
    shape, axes = reduction
    x = draw_array(np.random.default_rng(seed), shape, form, layout)
    assert same(compute("sum", x, axes=axes), x.astype(np.int64).sum(axes), np.int32)


def test_sums_of_codes_beyond_int32():
    x = np.broadcast_to(np.uint8(255), (2, 1 << 23))
    assert compute("sum", x, axes=(1,)).tolist() == [255 << 23] * 2
    with pytest.raises(RangeError, match="sum"):
        compute("sum", x, axes=(0, 1))


def test_ends_of_int64():
    lowest, highest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    x = np.array([[highest, 5, -5], [lowest, 1, -1], [highest, lowest, 1]])
    assert compute("sum", x, axes=(1,)).tolist() == [highest, lowest, 0]
    for row in ([highest, 1], [lowest, -1], [highest, highest], [lowest, lowest]):
        with pytest.raises(RangeError) as caught:
            compute("sum", np.array(row), axes=(0,))
        assert caught.value.bound == sum(row)
    y = np.array([[1 << 32, 1 << 31, -1], [1 << 62, 2, 0], [1 << 62, -2, 1], [3, 7, 9]])
    assert compute("prod", y[[0, 2, 3]], axes=(1,)).tolist() == [-1 << 63, -1 << 63, 189]
    assert compute("prod", y[[1]], axes=(1,)).tolist() == [0]
    for row in ([1 << 32, 1 << 31], [1 << 62, 2], [lowest, -1], [highest] * 40):
        with pytest.raises(RangeError):
            compute("prod", np.array(row), axes=(0,))
    assert compute("prod", np.array([highest] * 40 + [0]), axes=(0,)) == 0


@pytest.mark.parametrize("op", ["any", "all"])
@given(reductions(), LAYOUTS, st.integers(0, 99))
def test_conditions(op, reduction, layout, seed):
    shape, axes = reduction
    x = draw_array(np.random.default_rng(seed), shape, "bool", layout)
    assert same(compute(op, x, axes=axes), getattr(np, op)(x, axis=axes))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (0, 1, 2), ()])
@pytest.mark.parametrize("op", ["sum", "prod"])
def test_gradients_against_central_differences(op, axes):
    x = apart((3, 2, 3), 2, 0.3) if op == "sum" else apart((3, 2, 3), 2, 0.5, 0.0625)
    check_slopes(op, x, axes=axes, step=1 / 256 if op == "prod" else 1 / 64)
    if axes:
        check_second_slopes(op, x, axes=axes)


@given(st.integers(0, 20), st.integers(0, 99))
def test_gradients_of_products_with_zeros(n, seed):
    """Every element gets the cotangent times the product of the others, whatever is zero."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (2, n)).astype(np.float32)
    ((slope,), weights) = slopes("prod", x, axes=(1,))
    others = [[prod(row[:i] + row[i + 1 :]) for i in range(n)] for row in x.astype(int).tolist()]
    want = weights[:, None].astype(np.float64) * np.array(others, float).reshape(2, n)
    np.testing.assert_allclose(slope, want, rtol=1e-6)


@pytest.mark.slow
def test_against_torch():
    x = apart((4, 5, 3), 0, 0.5, 1 / 32)
    for axis in range(3):
        against_torch("prod", lambda torch, t, axis=axis: torch.prod(t, axis), x, axes=(axis,))
        against_torch("sum", lambda torch, t, axis=axis: torch.sum(t, axis), x, axes=(axis,))
    x[1, 2, 0] = x[3, 0, 0] = x[3, 1, 0] = 0
    against_torch("prod", lambda torch, t: torch.prod(t, 1), x, axes=(1,))
    against_torch("sum", lambda torch, t: torch.sum(t, (0, 2)), x, axes=(0, 2))


@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (2,), (-1,), (True,), (0.0,)])
@pytest.mark.parametrize("op,form", [("sum", "float32"), ("prod", "int32"), ("all", "bool")])
def test_axes_are_refused(op, form, axes):
    refused(op, (f"2,3 {form}",), {"axes": axes}, ShapeError, "name each axis once")


@pytest.mark.parametrize(
    "op,kind,attributes,complaint",
    [
        ("sum", "2 bfp16", {"axes": (0,)}, "format float32 or int32 or int64 or int8 or uint8 or bool"),
        ("prod", "2 int8", {"axes": (0,)}, "format float32 or int32 or int64"),
        ("any", "2 int32", {"axes": (0,)}, "format bool"),
        ("sum", "2 float32", {"axes": 0}, "a tuple of integers"),
        ("sum", "2 float32", {}, "attributes none, expected axes"),
        ("sum", "2 float32", {"axes": (0,), "keepdims": True}, "name these and no others"),
    ],
)
def test_refusals(op, kind, attributes, complaint):
    refused(op, (kind,), attributes, ShapeError, complaint)
