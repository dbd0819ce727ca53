"""Indexing by keys drawn at random against NumPy, refusals included; lazy indices; gathers; grids of what is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError, ShapeError
from spinntensor.formats import Int8, Quantized, bfp16_grid, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import indexing
from spinntensor.tensors.base import Base
from spinntensor.tensors.differentiate import grad
from spinntensor.tensors.indexing import getitem
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

SHAPES = st.lists(st.integers(0, 3) | st.integers(2, 5), max_size=4).map(tuple)
BOUND = st.none() | st.integers(-6, 6)
SLICES = st.builds(slice, BOUND, BOUND, st.sampled_from([None, 1, 2, 3, -1, -2, -3]))
REFUSED = r"at test_indexing.py:\d+: received .*, expected .*; "


def numbers(shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=np.int64)).reshape(shape).astype(dtype)


@st.composite
def entries(draw, size):
    """One index of an axis of this size, mostly one that exists."""
    kind = draw(st.sampled_from(["int", "slice", "slice", "array", "list", "lazy"]))
    if kind == "slice":
        return draw(SLICES)
    low, high = (-size, size - 1) if size and draw(st.integers(0, 19)) else (-size - 1, size)
    if kind == "int":
        return draw(st.sampled_from([int, np.int64]))(draw(st.integers(low, high)))
    shape = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 1), (1, 3), (0,)]))
    count = int(np.prod(shape))
    array = np.array(
        draw(st.lists(st.integers(low, high), min_size=count, max_size=count)), np.int64
    ).reshape(shape)
    if kind == "list":
        return array.tolist()
    if kind == "array":
        return array.astype(draw(st.sampled_from([np.int8, np.int32, np.int64])))
    lazy = array.astype(draw(st.sampled_from([np.int8, np.int32, np.int64])))
    return tensor(lazy, str(lazy.dtype))


@st.composite
def keys(draw, shape, arrays=True):
    """A key for an array of this shape; too many indices now and then."""
    found, axis = [], 0
    count = len(shape) + (draw(st.integers(0, 19)) == 0)
    dots = False
    while axis < count:
        what = draw(st.sampled_from(["one", "one", "one", "new", "dots", "mask", "end"]))
        if what == "new":
            found.append(None)
        elif what == "dots" and not dots:
            dots = True
            found.append(...)
            axis += draw(st.integers(0, max(len(shape) - axis, 0)))
        elif what == "mask" and arrays and axis < len(shape):
            width = draw(st.integers(1, len(shape) - axis))
            mask = draw(st.lists(st.booleans(), min_size=1, max_size=8))
            wrong = draw(st.integers(0, 19)) == 0
            found.append(np.resize(mask, [s + wrong for s in shape[axis : axis + width]]))
            axis += width
        elif what == "end":
            break
        else:
            key = draw(entries(shape[axis] if axis < len(shape) else 2))
            found.append(key if arrays or isinstance(key, int | np.integer | slice) else slice(None))
            axis += 1
    if draw(st.integers(0, 9)) == 0:
        found.append(...)
    return found[0] if len(found) == 1 and draw(st.booleans()) else tuple(found)


def eager(key):
    """The key with arrays in place of tensors."""
    if isinstance(key, tuple):
        return tuple(map(eager, key))
    if isinstance(key, list) and not key:
        return np.empty(0, np.int64)
    return key.numpy() if isinstance(key, Base) else key


def is_lazy(key):
    return any(isinstance(k, Base) for k in (key if isinstance(key, tuple) else (key,)))


def compared(x, key):
    try:
        want = x[eager(key)]
    except IndexError:
        with pytest.raises((ShapeError, OperandError)) as error:
            getitem(tensor(x, str(x.dtype)), key).numpy()
        if not is_lazy(key):
            error.match(REFUSED)
        return
    got = getitem(tensor(x, str(x.dtype)), key)
    assert type(got) is Tensor
    assert got.shape == want.shape
    assert equal_bits(got.numpy(), np.ascontiguousarray(want).reshape(want.shape))


@settings(max_examples=800)
@given(st.data())
def test_any_key(data):
    x = numbers(data.draw(SHAPES), data.draw(st.sampled_from([np.float32, np.int32, np.int8])))
    compared(x, data.draw(keys(x.shape)))


@settings(max_examples=300)
@given(st.data())
def test_several_arrays_and_what_stands_between(data):
    """Every mix of arrays, integers and slices on four axes, with new axes and dots between."""
    x = numbers((2, 3, 2, 3))
    found = []
    dots = data.draw(st.integers(0, 6))
    for axis, size in enumerate(x.shape):
        kind = data.draw(st.sampled_from(["array", "lazy", "int", "slice"]))
        array = np.array(data.draw(st.lists(st.integers(-size, size - 1), min_size=2, max_size=2)))
        ways = {"array": array, "lazy": tensor(array), "int": int(array[0]), "slice": slice(None, None, -1)}
        found += [None] * (data.draw(st.integers(0, 5)) == 0) + [...] * (axis == dots) + [ways[kind]]
    compared(x, tuple(found))


@settings(max_examples=60)
@given(st.data())
def test_a_key_is_followed_by_scales(data):
    """Integers and slices of a tensor with a scale for each index of an axis."""
    axis = data.draw(st.integers(0, 2))
    shape = (3, 4, 2)
    g = grid(Int8(symmetric=True, axis=axis), np.ldexp(1.0, np.arange(shape[axis])))
    x = tensor(Quantized(g, numbers(shape, np.int8)))
    key = data.draw(keys(shape, arrays=False))
    try:
        want = x.numpy()[key]
    except IndexError:
        return
    got = getitem(x, key)
    assert got.format == "int8"
    assert equal_bits(got.numpy(), np.ascontiguousarray(want).reshape(want.shape))


def test_arrays_beside_scales():
    x = tensor(Quantized(grid(Int8(symmetric=True, axis=2), [1.0, 0.5]), numbers((3, 4, 2), np.int8)))
    for key in ([0, 2], (slice(None), [[1], [3]]), ([0, 1], [1, 1]), ([0], slice(None), 1)):
        assert equal_bits(getitem(x, key).numpy(), x.numpy()[key])
    with pytest.raises(ShapeError, match=REFUSED):
        getitem(x, (..., [0, 1, 1]))


def test_bfp16():
    x = tensor(Quantized(bfp16_grid(-3), numbers((3, 4), np.int16)))
    for key in (1, (slice(None), slice(None, None, -2)), [0, 2], ([0, 1], [1, 3]), x.numpy() > 1):
        got = getitem(x, key)
        assert got.format == "bfp16"
        assert equal_bits(got.numpy(), x.numpy()[key])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (3, "index 3 for axis 0 of shape .3, 4.*expected -3 to 2"),
        ((0, -5), "index -5 for axis 1"),
        ((0, 0, 0), "3 indices for shape .3, 4., expected 2 at most"),
        ((..., ...), "'...' twice"),
        (1.0, "index 1.0"),
        ("a", "index 'a'"),
        (True, "use st.where"),
        (np.ones(2, bool), "a mask of shape .2,. for shape .3, 4. from axis 0 on, expected .3,."),
        ([0.5], "float64"),
        ([[0], [0, 1]], "an array|index"),
        (slice(None, None, 0), "a step other than 0"),
        (slice(0.5), "integers that are known"),
        ([0, 3], "index 3 for axis 0"),
        (([0, 1], [0, 1, 2]), "equal sizes, or 1"),
    ],
)
def test_refusals(key, words):
    with pytest.raises(ShapeError, match=words) as error:
        getitem(tensor(numbers((3, 4))), key)
    error.match(REFUSED)


def test_masks_of_tensors_are_refused():
    x = tensor(numbers((3, 4)))
    with pytest.raises(ShapeError, match=r"a mask \[3,4\] bool.*st.where.*numpy()"):
        getitem(x, tensor(np.ones((3, 4), bool)))
    with pytest.raises(ShapeError, match=r"st\.stack them first"):
        getitem(x, [tensor(0), 1])
    with pytest.raises(ShapeError, match=r"st\.stack them first"):
        indexing.take(x, [tensor(0), 1])
    with pytest.raises(ShapeError, match="plain integers"):
        getitem(x, tensor([0.0]))


def test_lazy_indices_are_checked_axis_by_axis():
    """An index beyond its axis is an error even where the merged index would exist."""
    x = tensor(numbers((3, 4)))
    for key in (
        (tensor([0]), tensor([4])),
        (tensor([0]), tensor([-5])),
        (tensor([0]), np.array([2])),
        (1, tensor(4)),
    ):
        if isinstance(key[1], np.ndarray):
            assert getitem(x, key).numpy().tolist() == [2.0]
            continue
        with pytest.raises(OperandError, match="index"):
            getitem(x, key).numpy()


INDICES = st.integers(-3, 2)


@settings(max_examples=60)
@given(st.data())
def test_take(data):
    x = numbers((3,) * data.draw(st.integers(1, 3)))
    shape = data.draw(st.sampled_from([(), (4,), (2, 2), (0,)]))
    index = np.array(data.draw(st.lists(INDICES, min_size=4, max_size=4)))[: int(np.prod(shape))].reshape(
        shape
    )
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    want = np.take(x, index, axis)
    for given_ in (index, tensor(index), index.tolist()):
        got = indexing.take(tensor(x), given_, axis)
        assert equal_bits(got.numpy(), np.asarray(want))


@settings(max_examples=60)
@given(st.data())
def test_take_along_axis(data):
    rank = data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.sampled_from([1, 3])) for _ in range(rank))
    axis = data.draw(st.none() | st.integers(-rank, rank - 1))
    x = numbers(shape)
    if axis is None:
        index = data.draw(st.lists(st.integers(-x.size, x.size - 1), max_size=5))
        index = np.array(index, np.int64)
    else:
        sizes = [
            data.draw(st.sampled_from([1, s])) if s > 1 else data.draw(st.sampled_from([1, 3])) for s in shape
        ]
        sizes[axis] = data.draw(st.integers(0, 4))
        count = int(np.prod(sizes))
        index = np.random.default_rng(count).integers(-shape[axis], shape[axis], sizes)
    want = np.take_along_axis(x, index, axis)
    for given_ in (index, tensor(index)):
        assert equal_bits(indexing.take_along_axis(tensor(x), given_, axis).numpy(), want)


def test_take_along_axis_refuses():
    x = tensor(numbers((3, 4)))
    for index in ([0], [[0, 4], [0, 0], [0, 0]], np.zeros((2, 4), int), [[0.5]]):
        with pytest.raises(ShapeError, match=REFUSED):
            indexing.take_along_axis(x, index, 1)
    with pytest.raises(OperandError):
        indexing.take_along_axis(x, tensor([[4], [0], [0]]), 1).numpy()


@settings(max_examples=40)
@given(st.data())
def test_one_hot(data):
    shape = data.draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    index = np.random.default_rng(data.draw(st.integers(0, 9))).integers(-1, 5, shape)
    depth, axis = data.draw(st.integers(0, 4)), data.draw(st.integers(-len(shape) - 1, len(shape)))
    form = data.draw(st.sampled_from(["float32", "int32", "bool", "uint8"]))
    want = np.moveaxis(index[..., None] == np.arange(depth), -1, axis).astype(form)
    for given_ in (index, tensor(index)):
        got = indexing.one_hot(given_, depth, form, axis)
        assert equal_bits(got.numpy(), np.ascontiguousarray(want))


X = np.random.default_rng(0).integers(-9, 10, (3, 4, 2)).astype(np.float32)
LAZY = tensor([0, -1])


@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x[::-2, None, 1:3],
        lambda x: x[LAZY, :, LAZY],
        lambda x: x[[[0], [2], [0]], LAZY],
        lambda x: x[X > 0],
        lambda x: indexing.take(x, [0, 0, 1]),
        lambda x: indexing.take_along_axis(x, tensor([[[0]], [[1]], [[-1]]]), 1),
    ],
)
def test_gradients_are_adjoint(cut):
    """<cut(d), w> = <d, gradient of <cut(x), w>>, exactly in small integers."""
    w = np.arange(cut(tensor(X)).size, dtype=np.float32).reshape(cut(tensor(X)).shape)
    d = np.roll(X, 1)
    slope = grad(lambda x: (cut(x) * w).sum())(tensor(X)).numpy()
    assert (cut(tensor(d)).numpy() * w).sum() == (slope * d).sum()


def test_one_hot_refuses():
    for args in (([0.5], 2), ([0], -1), ([0], 2.0), ([0], 2, "bfp16"), ([0], 2, "float32", 2)):
        with pytest.raises(ShapeError, match=REFUSED):
            indexing.one_hot(*args)


@pytest.mark.parametrize(
    "call", [lambda x: x[3], lambda x: x[-4], lambda x: x[[0, 3]], lambda x: np.take(x, 5)]
)
def test_an_index_out_of_range_is_an_index_error_too(call):
    with pytest.raises(IndexError, match=r"test_indexing.py:\d+"):
        call(tensor([1.0, 2.0, 3.0]))
