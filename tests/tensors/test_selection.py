"""Functions that choose among numbers against NumPy, and the grids they keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import selection as s
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

NAN = np.uint32(0x7FC00000).view(np.float32)
NUMBERS = np.float32([-2, -1, 0.5, 1, 3, np.inf, -np.inf, NAN])
SHAPES = mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=3, max_dims=3)


@settings(max_examples=40)
@given(shapes=SHAPES, seed=st.integers(0, 99), dtype=st.sampled_from(["float32", "int32", "int8", "bool"]))
def test_where(shapes, seed, dtype):
    rng = np.random.default_rng(seed)
    numbers = NUMBERS if dtype == "float32" else np.array([0, 1, 7]).astype(dtype)
    condition = rng.choice([True, False], shapes.input_shapes[0])
    x, y = (rng.choice(numbers, shape) for shape in shapes.input_shapes[1:])
    want = np.where(condition, x, y)
    for got in (
        s.where(tensor(condition), tensor(x), y),
        s.where(condition, x, y),
        s.where(condition * 2, x, y),
    ):
        assert type(got) is Tensor
        assert got.format == dtype
        assert equal_bits(got.numpy(), want)


def test_where_of_numbers():
    assert s.where([True, False], 1.0, 0.0).tolist() == [1, 0]
    assert s.where([True, False], 1, 0).format == "int32"
    assert s.where([True, False], tensor([1.0, 2]), 0).tolist() == [1, 0]
    assert s.where([True, False], 0, tensor([1.0, 2])).tolist() == [0, 2]
    assert s.where(tensor([[1.0], [0]]), [1.0, 2], 5).tolist() == [[1, 2], [5, 5]]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@settings(max_examples=30)
@given(shapes=SHAPES, seed=st.integers(0, 99), dtype=st.sampled_from(["float32", "int32", "int8", "uint8"]))
def test_extremes(name, shapes, seed, dtype):
    rng = np.random.default_rng(seed)
    numbers = NUMBERS if dtype == "float32" else np.array([0, 1, 100]).astype(dtype)
    x, y = (rng.choice(numbers, shape) for shape in shapes.input_shapes[1:])
    got = getattr(s, name)(tensor(x), y)
    assert got.format == dtype
    assert equal_bits(got.numpy(), getattr(np, name)(x, y))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 99),
    low=st.none() | st.floats(-2, 2, width=32),
    high=st.none() | st.floats(-2, 2, width=32),
)
def test_clip(seed, low, high):
    x = np.random.default_rng(seed).choice(NUMBERS, 9)
    if low is None and high is None:
        with pytest.raises(ShapeError, match="no bound"):
            s.clip(x)
        return
    assert np.array_equal(s.clip(x, low, high).numpy(), np.clip(x, low, high), equal_nan=True)
    assert np.array_equal(s.clip(x, max=high, min=low).numpy(), np.clip(x, low, high), equal_nan=True)


def test_clip_by_tensors():
    x = tensor([[1, 5], [9, 3]])
    assert s.clip(x, [2, 4], tensor([8, 8])).tolist() == [[2, 5], [8, 4]]
    assert s.clip(7, tensor([8, 2])).tolist() == [8, 7]


def test_relu():
    x = np.float32([-1, -0.0, 0.0, 2, np.nan, -np.inf])
    assert equal_bits(s.relu(x).numpy(), np.float32([0, 0, 0, 2, NAN, 0]))
    assert s.relu(np.int32([-3, 3])).tolist() == [0, 3]
    assert np.allclose(s.leaky_relu(x, 0.5).numpy(), [-0.5, 0, 0, 2, np.nan, -np.inf], equal_nan=True)


class TestFormats:
    g = grid(Int8(), 0.5, 3)

    def quantized(self, *values):
        return tensor(quantize(np.float32(values), self.g)[0])

    def test_one_grid_is_kept(self):
        x, y = self.quantized(-1, 2, 5), self.quantized(1, 1, 1)
        for got, want in [
            (s.maximum(x, y), [1, 2, 5]),
            (s.minimum(x, y), [-1, 1, 1]),
            (s.where([True, False, True], x, y), [-1, 1, 5]),
            (s.where(tensor([[True], [False]]), x, y), [[-1, 2, 5], [1, 1, 1]]),
            (s.relu(x), [0, 2, 5]),
        ]:
            assert (got.format, got.grid) == ("int8", self.g)
            assert got.tolist() == want

    def test_other_grids_are_refused(self):
        x = self.quantized(1, 2)
        other = tensor(quantize(np.float32([1, 2]), grid(Int8(), 0.25))[0])
        columns = tensor(quantize(np.float32([1, 2]), grid(Int8(axis=0), [0.5, 0.25], [0, 0]))[0])
        for y in (other, columns, 1, tensor(np.int8([1, 2]))):
            for function in (s.maximum, s.minimum, lambda a, b: s.where([True, False], a, b)):
                with pytest.raises(ShapeError, match="one scale"):
                    function(x, y)
                with pytest.raises(ShapeError, match="one scale"):
                    function(y, x)
        with pytest.raises(ShapeError, match="one scale"):
            s.relu(columns)

    def test_bfp16(self):
        x = astype([-1.0, 2.5], "bfp16")
        for got, want in [
            (s.maximum(x, 0), [0, 2.5]),
            (s.relu(x), [0, 2.5]),
            (s.leaky_relu(x, 0.5), [-0.5, 2.5]),
            (s.where([True, False], x, 1.0), [-1, 1]),
            (s.clip(x, -0.5, 1), [-0.5, 1]),
        ]:
            assert (got.format, got.tolist()) == ("bfp16", want)

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(ShapeError, match=r"where at test_selection.py:\d+"):
            s.where([True, False, True], tensor([1.0, 2]), 0)
