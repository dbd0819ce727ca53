"""Arithmetic: float32 against NumPy's IEEE operations, integers against Python's, counts, gradients, refusals."""

import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    SHAPES,
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
)

from spinntensor.errors import OperandError, RangeError, ShapeError

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
UNARY = {"sqrt": np.sqrt, "negative": np.negative, "absolute": np.absolute}
EXACT = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "negative": operator.neg,
    "absolute": abs,
}


@pytest.mark.parametrize("op", BINARY)
@given(pairs=st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=8))
def test_one_ieee_rounding_and_one_nan(op, pairs):
    x, y = np.float32(pairs).T.copy()
    with np.errstate(all="ignore"):
        want = BINARY[op](x, y)
    assert same(compute(op, x, y), canonical(want))


@pytest.mark.parametrize("op", [*BINARY, *UNARY])
@given(SHAPES, LAYOUTS, LAYOUTS, st.integers(0, 99))
def test_every_layout_and_what_is_counted(op, shape, first, second, seed):
    rng = np.random.default_rng(seed)
    operands = [draw_array(rng, shape, "float32", layout) for layout in (first, second)]
    operands = operands[: 2 if op in BINARY else 1]
    got, counts = run(op, *operands)
    with np.errstate(all="ignore"):
        want = (BINARY | UNARY)[op](*operands)
    assert same(got, canonical(want))
    finite = np.logical_and.reduce([np.isfinite(x) for x in operands])
    nan = np.logical_or.reduce([np.isnan(x) for x in operands])
    found = {"overflowed": np.sum(np.isinf(want) & finite), "invalid": np.sum(np.isnan(want) & ~nan)}
    assert counts == {name: n for name, n in found.items() if n}


def test_counts_by_hand():
    x, y = np.float32([3e38, 1, np.inf, np.nan, 0, 5]), np.float32([3e38, 1, -np.inf, 1, np.inf, -5])
    assert run("add", x, y)[1] == {"overflowed": 1, "invalid": 1}
    assert run("divide", np.float32([1, 0, -2]), np.float32([0, 0, 4]))[1] == {"overflowed": 1, "invalid": 1}
    assert run("sqrt", np.float32([-1, -0.0, 4]))[1] == {"invalid": 1}
    assert run("negative", np.float32([np.inf, np.nan]))[1] == {}
    got, counts = run("subtract", np.float32(np.inf).reshape(()), np.float32(np.inf).reshape(()))
    assert same(got, NAN) and counts == {"invalid": 1}


def test_signs_of_zeros_and_nan():
    assert same(compute("sqrt", np.float32([4, -0.0, -1])), np.float32([2, -0.0, NAN]))
    assert same(compute("negative", np.float32([0, -0.0, np.nan])), np.float32([-0.0, 0, NAN]))
    assert same(compute("absolute", np.float32([-0.0, -np.inf, -np.nan])), np.float32([0, np.inf, NAN]))


@pytest.mark.parametrize("form", ["int32", "int64"])
@pytest.mark.parametrize("op", EXACT)
@given(SHAPES, LAYOUTS, LAYOUTS, st.integers(0, 99), st.sampled_from([4, 1 << 15, 1 << 31, 1 << 32, None]))
def test_integers_are_exact_or_refused(op, form, shape, first, second, seed, bound):
    """Python's integers say what the result is, and whether the type holds it."""
    rng = np.random.default_rng(seed)
    x, y = (draw_array(rng, shape, form, layout) for layout in (first, second))
    if bound is not None:
        x, y = (np.remainder(v, np.int64(bound)).astype(form) - np.array(bound // 4, form) for v in (x, y))
    operands = [x] if op in ("negative", "absolute") else [x, y]
    flat = [v.reshape(-1).tolist() for v in operands]
    ends = np.iinfo(form)
    if op in ("floor_divide", "remainder") and 0 in flat[1]:
        with pytest.raises(OperandError, match="a divisor 0"):
            compute(op, *operands)
        return
    want = [EXACT[op](*numbers) for numbers in zip(*flat, strict=True)]
    if any(not ends.min <= n <= ends.max for n in want):
        with pytest.raises(RangeError, match=f"the exact result is no {form}") as caught:
            compute(op, *operands)
        assert caught.value.kernel == op and caught.value.bound in want
        assert caught.value.bound > ends.max or caught.value.bound < ends.min
    else:
        assert same(compute(op, *operands), np.array(want, form).reshape(shape))


@pytest.mark.parametrize("form", ["int32", "int64"])
@pytest.mark.parametrize("op", ["add", "subtract", "multiply"])
def test_many_integers(op, form):
    """Beyond some thousand elements the largest magnitudes are looked at first."""
    rng = np.random.default_rng(1)
    for bits in (8, np.iinfo(form).bits // 2 + 1, np.iinfo(form).bits - 2):
        top = 1 << bits - (1 if op != "multiply" or bits == 8 else bits // 2)
        x, y = (rng.integers(-top, top, 6000).astype(form) for _ in range(2))
        want = [EXACT[op](*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)]
        assert same(compute(op, x, y), np.array(want, form))
    x[:], y[:] = 0, 0
    x[10] = y[11] = np.iinfo(form).max  # magnitudes that prove nothing, and sums that are right
    want = [EXACT[op](*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)]
    assert same(compute(op, x, y), np.array(want, form))
    x[5000] = y[5000] = np.iinfo(form).min
    y[5000] += op == "subtract"
    x[5000] = np.iinfo(form).max if op == "subtract" else x[5000]
    with pytest.raises(RangeError):
        compute(op, x, y)


def test_int64_products_with_minus_one():
    lowest = np.iinfo(np.int64).min
    x = np.array([-1, lowest, 0, -1], np.int64)
    with pytest.raises(RangeError):
        compute("multiply", x, np.array([5, -1, lowest, 3], np.int64))
    with pytest.raises(RangeError):
        compute("multiply", x, np.array([lowest, 1, lowest, 3], np.int64))
    assert compute("multiply", x, np.array([lowest + 1, 1, lowest, 3])).tolist() == [
        -lowest - 1,
        lowest,
        0,
        -3,
    ]


def test_signs_of_quotients_and_remainders():
    x, y = np.array([7, -7, 7, -7], np.int32), np.array([2, 2, -2, -2], np.int32)
    assert compute("floor_divide", x, y).tolist() == [3, -4, -4, 3]
    assert compute("remainder", x, y).tolist() == [1, 1, -1, -1]
    lowest, minus = np.array([np.iinfo(np.int32).min], np.int32), np.array([-1], np.int32)
    assert compute("remainder", lowest, minus).tolist() == [0]
    with pytest.raises(RangeError, match="2,147,483,648"):
        compute("floor_divide", lowest, minus)


@pytest.mark.parametrize("op", [*BINARY, *UNARY])
def test_gradients_against_central_differences(op):
    x, y = apart((2, 3), 0, 0.6), apart((2, 3), 1, 0.7)
    if op in ("negative", "absolute"):
        x = apart((2, 4), 0, -0.5)
    operands = (x, y) if op in BINARY else (x,)
    check_slopes(op, *operands)
    check_second_slopes(op, *operands)


@pytest.mark.slow
@pytest.mark.parametrize("op", [*BINARY, *UNARY])
def test_against_torch(op):
    x, y = apart((20, 30), 0, 0.6), apart((20, 30), 1, 0.7)
    names = {"divide": "true_divide"}
    operands = (x, y) if op in BINARY else (x - 10 if op in ("negative", "absolute") else x,)
    against_torch(op, lambda torch, *t: getattr(torch, names.get(op, op))(*t), *operands)


def test_a_quotient_is_the_nearest():
    """One rounding of the exact quotient, in rational numbers."""
    rng = np.random.default_rng(2)
    x, y = (rng.uniform(1, 2, 50).astype(np.float32) for _ in range(2))
    for q, a, b in zip(compute("divide", x, y), x, y, strict=True):
        exact = Fraction(float(a)) / Fraction(float(b))
        near = [abs(Fraction(float(np.nextafter(q, np.float32(d)))) - exact) for d in (0, 4)]
        assert abs(Fraction(float(q)) - exact) <= min(near)


@pytest.mark.parametrize(
    "op,kinds,attributes,complaint",
    [
        ("add", ("2 float32", "3 float32"), {}, "equal shapes and formats"),
        ("add", ("2 float32", "2 int32"), {}, "equal shapes and formats"),
        ("add", ("2 int8", "2 int8"), {}, "format float32 or int32 or int64"),
        ("add", ("2 float32", "2 float32"), {"axis": 1}, "attributes axis, expected none"),
        ("divide", ("2 int32", "2 int32"), {}, "format float32"),
        ("remainder", ("2 float32", "2 float32"), {}, "format int32 or int64"),
        ("sqrt", ("2 float32", "2 float32"), {}, "2 operands, expected 1"),
        ("negative", ("2 uint8",), {}, "convert it first"),
        ("absolute", ("2 bfp16",), {}, "convert it first"),
    ],
)
def test_refusals(op, kinds, attributes, complaint):
    refused(op, kinds, attributes, ShapeError, complaint)
