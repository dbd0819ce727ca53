"""Sums, means, extremes along axes against NumPy: axes, empty ones, formats, special numbers, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import RangeError, ShapeError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import reduction as r
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
AXES = st.none() | st.integers(-5, 4) | st.lists(st.integers(-5, 4), max_size=3).map(tuple)
ROUNDED = ("sum", "prod", "mean", "var", "std")
EXACT = ("max", "min", "amax", "amin", "any", "all", "count_nonzero")
pytestmark = pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning", "ignore::RuntimeWarning")


def either(ours, numpys, lone=False):
    """Results of both, or None when both refuse; `lone`: an axis of a number, which NumPy lets pass."""
    try:
        want = numpys()
        if lone:
            raise ValueError
    except (ValueError, TypeError):
        with pytest.raises(ShapeError, match=r" at test_reduction.py:\d+: received .*, expected .*; "):
            ours()
        return None
    return ours(), np.asarray(want)


@pytest.mark.parametrize("name", ROUNDED)
@settings(max_examples=40)
@given(shape=SHAPES, axis=AXES, keepdims=st.booleans(), seed=st.integers(0, 99))
def test_rounded(name, shape, axis, keepdims, seed):
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    wide = x.astype(np.float64)
    found = either(
        lambda: getattr(r, name)(x, axis, keepdims=keepdims),
        lambda: getattr(np, name)(wide, axis, keepdims=keepdims),
        lone=not shape and axis not in (None, ()),
    )
    if found:
        got, want = found
        assert type(got) is Tensor
        assert (got.shape, got.format) == (want.shape, "float32")
        assert np.allclose(got.numpy(), want, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=40)
@given(
    shape=SHAPES,
    axis=AXES,
    keepdims=st.booleans(),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["float32", "int32", "int8"]),
)
def test_exact(name, shape, axis, keepdims, seed, dtype):
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(dtype)
    found = either(
        lambda: getattr(r, name)(x, axis, keepdims=keepdims),
        lambda: getattr(np, name)(x, axis, keepdims=keepdims),
        lone=not shape and axis not in (None, ()),
    )
    if found:
        got, want = found
        assert got.shape == want.shape
        assert np.array_equal(got.numpy(), want)


@pytest.mark.parametrize("name", ["argmax", "argmin", "cumsum"])
@settings(max_examples=40)
@given(shape=SHAPES, axis=st.none() | st.integers(-5, 4), keepdims=st.booleans(), seed=st.integers(0, 99))
def test_positions_and_running_sums(name, shape, axis, keepdims, seed):
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)
    more = {} if name == "cumsum" else {"keepdims": keepdims}
    found = either(
        lambda: getattr(r, name)(x, axis, **more),
        lambda: getattr(np, name)(x, axis, **more),
        lone=not shape and axis is not None,
    )
    if found:
        got, want = found
        assert got.shape == want.shape
        assert np.array_equal(got.numpy(), want)


@settings(max_examples=40)
@given(shape=SHAPES.filter(lambda s: 0 not in s), axis=AXES, keepdims=st.booleans(), seed=st.integers(0, 99))
def test_norms(shape, axis, keepdims, seed):
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    try:
        total = np.sum(x.astype(np.float64) ** 2, axis, keepdims=keepdims)
        if not shape and axis not in (None, ()):  # which NumPy lets pass
            raise ValueError
    except ValueError:
        for function in (r.norm, r.logsumexp):
            with pytest.raises(ShapeError):
                function(x, axis, keepdims=keepdims)
        return
    assert np.allclose(r.norm(x, axis, keepdims=keepdims).numpy(), np.sqrt(total), rtol=1e-5)
    want = np.log(np.sum(np.exp(x.astype(np.float64)), axis, keepdims=keepdims))
    got = r.logsumexp(x, axis, keepdims=keepdims)
    assert got.shape == want.shape
    assert np.allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)


def test_logsumexp_of_large_and_infinite_numbers():
    x = np.float32([[1e30, 1e30, 0], [-np.inf] * 3, [np.inf, 0, 0], [np.nan, 0, 0], [-1e4] * 3])
    got = r.logsumexp(x, 1).numpy()
    assert np.array_equal(got, np.float32([1e30, -np.inf, np.inf, np.nan, -1e4 + np.log(3)]), equal_nan=True)


def test_variance_with_fewer_degrees_of_freedom():
    x = np.float32([[1, 2, 4], [0, 0, 9]])
    assert np.allclose(r.var(x, 1, ddof=1).numpy(), np.var(x, 1, ddof=1))
    assert np.allclose(r.std(x, ddof=2).numpy(), np.std(x, ddof=2))
    assert np.isinf(r.var(np.float32([1, 2]), ddof=2).item())


def test_averages():
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    assert np.allclose(r.average(x).item(), 2.5)
    assert np.allclose(r.average(x, 1, [1, 2, 3]).numpy(), np.average(x, 1, [1, 2, 3]))
    assert np.allclose(r.average(x, -2, [1, 3.5]).numpy(), np.average(x, -2, [1, 3.5]))
    assert np.allclose(r.average(x, weights=tensor(x)).item(), np.average(x, weights=x))
    assert r.average(x, 0, [1, 1], keepdims=True).shape == (1, 3)
    with pytest.raises(
        ShapeError, match=r"weights of shape \(2,\).*expected weights of shape \(2, 3\) or \(3,\)"
    ):
        r.average(x, 1, [1, 2])


class TestFormats:
    def test_integers(self):
        x = np.int32([[1, 2], [3, -4]])
        assert (r.sum(x).format, r.sum(x).item()) == ("int32", 2)
        assert (r.sum(x > 1).format, r.sum(x > 1).item()) == ("int32", 2)
        assert r.sum(np.uint8([255, 255])).item() == 510
        assert r.prod(np.int8([100, 100])).item() == 10000
        assert r.cumsum([True, True]).tolist() == [1, 2]
        assert (r.mean(x).format, r.mean(x).item()) == ("float32", 0.5)
        assert r.mean(x > 1).item() == 0.5
        assert r.norm([3, 4]).item() == 5
        assert r.argmax(x, 1).format == "int64"
        for function in (r.sum, r.prod, r.cumsum):
            with pytest.raises(RangeError):
                function(np.int32([2**31 - 1, 2])).numpy()

    def test_bfp16_is_float32_rounded_once(self, rng):
        x = astype(rng.standard_normal((3, 4)), "bfp16")
        wide = tensor(x.numpy())
        for name in ("sum", "mean", "var", "std", "max", "min", "prod", "cumsum", "norm", "logsumexp"):
            function = getattr(r, name)
            got = function(x, 1)
            assert got.format == "bfp16", name
            assert equal_bits(got.numpy(), astype(function(wide, 1), "bfp16").numpy()), name
        assert r.argmin(x).item() == wide.numpy().argmin()
        assert r.count_nonzero(x).item() == 12
        assert r.any(x > 0).item()

    def test_quantised_integers(self):
        x = tensor(quantize(np.float32([[-1, 2], [5, 0]]), g := grid(Int8(), 0.5, 3))[0])
        assert (r.max(x).format, r.max(x).grid, r.max(x).item()) == ("int8", g, 5)
        assert r.min(x, 1, keepdims=True).tolist() == [[-1], [0]]
        assert r.argmax(x, 0).tolist() == [1, 0]
        for name in ("sum", "mean", "prod", "norm", "any", "count_nonzero", "var", "cumsum"):
            with pytest.raises(ShapeError, match=r"st\.dequantize"):
                getattr(r, name)(x)
        columns = tensor(quantize(np.float32([[1, 2]]), grid(Int8(axis=1), [0.5, 0.25], [0, 0]))[0])
        for function in (r.max, r.argmax):
            with pytest.raises(ShapeError, match="one scale"):
                function(columns, 0)


def test_special_numbers():
    x = np.float32([[1, np.nan, 2], [np.inf, -np.inf, 0], [0.0, -0.0, -1]])
    assert np.array_equal(r.max(x, 1).numpy(), np.max(x, 1), equal_nan=True)
    assert r.argmax(x, 1).tolist() == [1, 0, 0]
    assert np.isnan(r.sum(x, 1).numpy()[:2]).all()
    assert np.isnan(r.mean(np.zeros((0,))).item())


@pytest.mark.parametrize("view", ["x[::-1, ::-2]", "x.T", "np.broadcast_to(x[0], (5, 6))", "x[2, 3]"])
def test_memory_layouts(view, rng):
    x = rng.integers(-9, 9, (5, 6)).astype(np.float32)  # noqa: F841  # the views name it
    y = eval(view)
    assert r.sum(y).item() == y.sum()
    assert r.max(y).item() == y.max()
    assert np.allclose(r.var(y).item(), y.var())


def test_refusals_name_the_users_line():
    with pytest.raises(
        ShapeError, match=r"sum at test_reduction.py:\d+: received axis 2, expected an axis from"
    ):
        r.sum(np.zeros((2, 3)), 2)
    with pytest.raises(ShapeError, match="each axis once"):
        r.mean(np.zeros((2, 3)), (0, -2))
    with pytest.raises(ShapeError, match=r"max at test_reduction.py:\d+.*empty axis"):
        r.max(np.zeros((2, 0)), 1)
