"""Tensors of known numbers, triangles and diagonals against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import creation as c
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
FORMATS = ("float32", "int32", "int8", "uint8", "int64", "bool")
NUMBERS = st.integers(-9, 9) | st.floats(-9, 9, width=16)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=15)
@given(shape=SHAPES)
def test_filled(format, shape):
    for name in ("zeros", "ones"):
        got = getattr(c, name)(shape, format)
        assert type(got) is Tensor
        assert equal_bits(got.numpy(), getattr(np, name)(shape, format))
        like = getattr(c, f"{name}_like")(got)
        assert (like.shape, like.format) == (shape, format)
    assert equal_bits(c.full(shape, 1, "int8").numpy(), np.full(shape, 1, np.int8))
    assert c.full_like(c.ones(shape), 2.5).tolist() == np.full(shape, 2.5).tolist()


def test_formats():
    assert c.full(2, 1).format == "int32"
    assert c.full(2, 1.0).format == "float32"
    assert c.full((2,), True).format == "bool"
    assert c.zeros(3, np.float64).format == "float32"
    assert c.zeros(3, int).format == "int32"
    assert (c.ones(2, "bfp16").format, c.ones(2, "bfp16").tolist()) == ("bfp16", [1, 1])
    assert (c.full(2, 0.5, "bfp16").format, c.arange(3, format="bfp16").tolist()) == ("bfp16", [0, 1, 2])
    x = astype([1.0, 2], "bfp16")
    assert (c.zeros_like(x).format, c.ones_like(x, "int8").format) == ("float32", "int8")
    assert np.isnan(c.full(2, np.nan).numpy()).all()
    assert c.full((2, 2), [1.0, 2]).tolist() == [[1, 2], [1, 2]]
    assert c.full((2, 2), tensor([[1], [2]]), "float32").tolist() == [[1, 1], [2, 2]]
    for wrong in (
        lambda: c.zeros(3, "int4"),
        lambda: c.zeros((2, -1)),
        lambda: c.zeros((2, 1.5)),
        lambda: c.full(2, 1.5, "int32"),
        lambda: c.full(2, 300, "int8"),
        lambda: c.full(2, [1, 2, 3]),
        lambda: c.full(2, "a"),
    ):
        with pytest.raises(ShapeError, match=r" at test_creation.py:\d+: received"):
            wrong()


@settings(max_examples=60)
@given(start=NUMBERS, stop=st.none() | NUMBERS, step=NUMBERS)
def test_arange(start, stop, step):
    if step == 0:
        with pytest.raises(ShapeError, match="step 0"):
            c.arange(start, stop, step)
        return
    if abs(step) < 0.01:
        return
    want = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    got = c.arange(start, stop, step)
    assert got.format == ("float32" if want.dtype.kind == "f" else "int32")
    assert equal_bits(got.numpy(), want.astype(got.dtype))


@settings(max_examples=40)
@given(start=NUMBERS, stop=NUMBERS, num=st.integers(0, 9), endpoint=st.booleans())
def test_linspace(start, stop, num, endpoint):
    got = c.linspace(start, stop, num, endpoint)
    assert equal_bits(got.numpy(), np.linspace(start, stop, num, endpoint).astype(np.float32))


def test_counted_numbers_that_do_not_fit():
    for wrong in (
        lambda: c.arange(tensor(3)),
        lambda: c.arange("3"),
        lambda: c.arange(300, format="int8"),
        lambda: c.linspace(0, 1, -1),
        lambda: c.linspace(0, 1, 2.5),
        lambda: c.linspace([0], 1),
    ):
        with pytest.raises(ShapeError, match=r" at test_creation.py:\d+: received"):
            wrong()


@settings(max_examples=40)
@given(
    n=st.integers(0, 4),
    m=st.none() | st.integers(0, 4),
    k=st.integers(-5, 5),
    format=st.sampled_from(FORMATS),
)
def test_patterns(n, m, k, format):
    assert equal_bits(c.eye(n, m, k, format).numpy(), np.eye(n, m, k, format))
    assert equal_bits(c.tri(n, m, k, format).numpy(), np.tri(n, m, k, format))
    assert equal_bits(c.identity(n, format).numpy(), np.identity(n, format))


@settings(max_examples=40)
@given(shape=SHAPES, k=st.integers(-5, 5), dtype=st.sampled_from(["float32", "int32", "bool"]))
def test_triangles(shape, k, dtype):
    x = np.random.default_rng(0).integers(1, 9, shape).astype(dtype)
    for name in ("tril", "triu"):
        if len(shape) < 2:
            with pytest.raises(ShapeError, match="two axes"):
                getattr(c, name)(x, k)
            continue
        assert equal_bits(getattr(c, name)(tensor(x), k).numpy(), getattr(np, name)(x, k))


@settings(max_examples=60)
@given(shape=SHAPES, k=st.integers(-5, 5))
def test_diag(shape, k):
    x = np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    if len(shape) not in (1, 2):
        with pytest.raises(ShapeError, match="one axis or two"):
            c.diag(x, k)
        return
    try:
        want = np.diag(x, k)
    except ValueError:
        want = np.zeros(0, np.float32)
    assert equal_bits(c.diag(x, k).numpy(), np.ascontiguousarray(want))


@pytest.mark.parametrize("sizes", [(), (3,), (2, 3), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sparse", [True, False])
def test_meshgrid(sizes, indexing, sparse):
    vectors = [np.arange(n, dtype=np.int32) for n in sizes]
    got = c.meshgrid(*map(tensor, vectors), sparse=sparse, indexing=indexing)
    want = np.meshgrid(*vectors, sparse=sparse, indexing=indexing)
    assert len(got) == len(want)
    assert all(np.array_equal(a.numpy(), b) and a.shape == b.shape for a, b in zip(got, want, strict=True))
    with pytest.raises(ShapeError, match="indexing"):
        c.meshgrid(*vectors, indexing="ab")


def test_quantised_integers():
    x = tensor(quantize(np.float32([[1, 2], [3, 4]]), g := grid(Int8(), 0.5, 7))[0])
    assert c.tril(x).tolist() == [[1, 0], [3, 4]]
    assert c.triu(x).grid is g
    assert c.diag(x).tolist() == [1, 4]
    assert c.zeros_like(x).format == "float32"
    with pytest.raises(ShapeError, match=r"st\.dequantize"):
        c.diag(x[0])
    b = astype([[1.0, 2], [3, 4]], "bfp16")
    assert (c.tril(b).format, c.tril(b).tolist()) == ("bfp16", [[1, 0], [3, 4]])
    assert c.diag(b[0]).tolist() == [[1, 0], [0, 2]]
