"""Comparisons, logic and questions to numbers against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.tensors import comparison as c
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

SPECIAL = np.float32([0.0, -0.0, 1, -1, 2, np.inf, -np.inf, np.nan])
ORDER = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
LOGIC = ("logical_and", "logical_or", "logical_xor")


@pytest.mark.parametrize("name", ORDER + LOGIC)
@settings(max_examples=30)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["float32", "int32", "int8", "uint8", "bool"]),
)
def test_pairs(name, shapes, seed, dtype):
    if dtype == "bool" and name in ORDER[2:]:
        return
    rng = np.random.default_rng(seed)
    numbers = SPECIAL if dtype == "float32" else np.array([0, 1, 1, 2, 100]).astype(dtype)
    a, b = (rng.choice(numbers, s) for s in shapes.input_shapes)
    got = getattr(c, name)(tensor(a), b)
    assert type(got) is Tensor
    assert got.format == "bool"
    assert np.array_equal(got.numpy(), getattr(np, name)(a, b))
    assert np.array_equal(getattr(c, name)(a, tensor(b)).numpy(), getattr(np, name)(a, b))


@pytest.mark.parametrize("name", ["logical_not", "isnan", "isinf", "isfinite"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_single(name, dtype):
    x = SPECIAL if dtype == "float32" else np.array([[0, 1, 2]]).astype(dtype)
    got = getattr(c, name)(x)
    assert got.format == "bool"
    assert np.array_equal(got.numpy(), getattr(np, name)(x))


@settings(max_examples=40)
@given(seed=st.integers(0, 999), equal_nan=st.booleans(), rtol=st.sampled_from([1e-5, 0.1]))
def test_closeness(seed, equal_nan, rtol):
    rng = np.random.default_rng(seed)
    x = rng.choice(SPECIAL, 9)
    y = np.where(rng.random(9) < 0.5, x, rng.choice(SPECIAL, 9)) * np.float32(rng.choice([1, 1.05]))
    want = np.isclose(x, y, rtol, 1e-8, equal_nan)
    assert np.array_equal(c.isclose(x, y, rtol, 1e-8, equal_nan).numpy(), want)
    assert c.allclose(tensor(x), y, rtol, 1e-8, equal_nan) is bool(want.all())
    assert c.array_equal(tensor(x), y, equal_nan) is np.array_equal(x, y, equal_nan)


def test_closeness_tells_of_nothing(recwarn):
    assert c.isclose([np.inf, np.inf, 1], [np.inf, -np.inf, 1]).tolist() == [True, False, True]
    assert c.isclose([1, 2], [1, 3]).tolist() == [True, False]
    assert not recwarn.list


def test_equality_of_arrays_asks_for_shape_and_numbers():
    assert c.array_equal([1, 2], tensor([1, 2]))
    assert c.array_equal(tensor([1, 2]), np.float64([1, 2]))
    assert not c.array_equal(tensor([1, 2]), [[1, 2]])
    assert not c.array_equal(tensor([1, 2]), [1, 3])


def test_formats():
    x = tensor(np.float32([1, 2]))
    b = astype(x, "bfp16")
    assert (b > 1.5).tolist() == [False, True]
    assert (b == b).tolist() == [True, True]
    assert c.isnan(b).tolist() == [False, False]
    assert c.isclose(b, [1, 2.00001]).tolist() == [True, True]
    assert c.logical_and(x, [True, False]).tolist() == [True, False]
    with pytest.raises(ShapeError, match="one format"):
        c.less(x, tensor([1, 2]))
    with pytest.raises(ShapeError, match=r"less at test_comparison.py:\d+"):
        c.less(x, [1, 2, 3])
    q = tensor(quantize(np.float32([1, 2]), grid(Int8(), 0.1))[0])
    for function in (c.isnan, c.logical_not, lambda v: c.less(v, 1), lambda v: c.equal(v, v)):
        with pytest.raises(ShapeError, match=r"st\.dequantize"):
            function(q)
