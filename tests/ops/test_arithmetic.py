"""Float32 arithmetic and sums: against NumPy and big integers, special values, gradients against differences."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate
from spinntensor.ops import GRADIENTS, RULES

BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
NAN = np.uint32(0x7FC00000).view(np.float32)
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def compute(op, *operands, **attributes):
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, "float32")) for i, x in enumerate(operands)]
    result = b.add(op, *ids, **attributes)
    return evaluate(verify(b.graph((result,)), RULES), dict(zip(ids, operands, strict=True)))[0][0]


@pytest.mark.parametrize("op", BINARY)
@settings(max_examples=100, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=8))
def test_one_ieee_rounding_and_one_nan(op, pairs):
    x, y = np.float32(pairs).T.copy()
    with np.errstate(all="ignore"):
        want = BINARY[op](x, y)
    want[np.isnan(want)] = NAN
    assert equal_bits(compute(op, x, y), want)


def test_maximum_orders_zeros_and_keeps_nan():
    x, y = np.float32([0.0, -0.0, 1, np.nan, -np.inf]), np.float32([-0.0, 0.0, 2, 1, 5])
    assert equal_bits(compute("maximum", x, y), np.float32([0.0, 0.0, 2, NAN, 5]))
    assert equal_bits(compute("minimum", x, y), np.float32([-0.0, -0.0, 1, NAN, -np.inf]))
    assert equal_bits(compute("sqrt", np.float32([4, -0.0, -1])), np.float32([2, -0.0, NAN]))


def tree(values):
    """The definition: halves at the largest power of two below n, each sum rounded once."""
    if len(values) == 1:
        return values[0]
    p = 1 << (len(values) - 1).bit_length() - 1
    exact = Fraction(float(tree(values[:p]))) + Fraction(float(tree(values[p:])))
    return np.float32(float(exact))  # a sum of two float32 is rounded to double without harm (Figueroa 1995)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(0, 99))
def test_sum_is_the_tree(n, seed):
    x = (np.random.default_rng(seed).standard_normal(n) * 1e3).astype(np.float32)
    assert equal_bits(compute("sum", x, axes=(0,)), np.asarray(tree(list(x))))


def test_sums_along_axes_follow_the_logical_index():
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    got = compute("sum", x, axes=(0, 2))
    want = [tree(list(x[:, j].reshape(-1))) for j in range(4)]
    assert equal_bits(got, np.float32(want))
    assert equal_bits(compute("sum", x, axes=()), x)
    assert equal_bits(compute("sum", np.zeros((2, 0), np.float32), axes=(1,)), np.zeros(2, np.float32))


def scalar_of(build, b, ids):
    result = build(b, ids)
    shape = b[result].type.shape
    return b.add("sum", result, axes=tuple(range(len(shape)))) if shape else result


@pytest.mark.parametrize(
    "build",
    [
        lambda b, i: b.add("divide", b.add("multiply", i[0], i[1]), b.add("add", i[1], i[1])),
        lambda b, i: b.add(
            "sqrt", b.add("add", b.add("multiply", i[0], i[0]), b.add("multiply", i[1], i[1]))
        ),
        lambda b, i: b.add("subtract", b.add("negative", i[0]), b.add("divide", i[0], i[1])),
        lambda b, i: b.add(
            "multiply", i[0], b.add("broadcast_to", b.add("sum", i[1], axes=(0,)), shape=(2, 3))
        ),
    ],
)
def test_gradients_against_central_differences(build):
    b = Builder(RULES)
    ids = [b.input(name, TensorType((2, 3), "float32")) for name in "xy"]
    total = scalar_of(build, b, ids)
    graph = verify(gradients(b.graph((total,)), total, ids, RULES, GRADIENTS), RULES)
    rng = np.random.default_rng(4)
    values = {i: rng.uniform(0.5, 2, (2, 3)).astype(np.float32) for i in ids}
    (_, *slopes), _ = evaluate(graph, values)
    h = 1 / 64
    for number, slope in zip(ids, slopes, strict=True):
        for place in np.ndindex(2, 3):
            ends = []
            for sign in (1, -1):
                moved = values[number].copy()
                moved[place] += np.float32(sign * h)
                ends.append(float(evaluate(b.graph((total,)), values | {number: moved})[0][0]))
            assert slope[place] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=2e-2, abs=2e-3)


@pytest.mark.parametrize(
    "op,kinds,complaint",
    [
        ("add", ("[2] float32", "[3] float32"), "equal shapes and formats"),
        ("add", ("[2] int64", "[2] int64"), "format float32"),
        ("sqrt", ("[2] float32", "[2] float32"), "2 operands"),
    ],
)
def test_refusals(op, kinds, complaint):
    b = Builder(RULES)
    sizes = [kind.split() for kind in kinds]
    ids = [b.input("x", TensorType((int(shape.strip("[]")),), form)) for shape, form in sizes]
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, *ids)


@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (2,), (-1,)])
def test_sum_refuses_axes(axes):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match="name each axis once"):
        b.add("sum", b.input("x", TensorType((2, 3), "float32")), axes=axes)
