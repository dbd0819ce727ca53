"""Moves of elements against NumPy's functions of the same names, refusals included; and what becomes of grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Bfp16, Int8, Quantized, bfp16_grid, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import manipulation as m
from spinntensor.tensors.differentiate import grad
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor
from spinntensor.tensors.variable import Variable

SHAPES = st.lists(st.integers(0, 3), max_size=4).map(tuple)
AXIS = st.integers(-5, 4)
AXES = st.none() | AXIS | st.lists(AXIS, max_size=3).map(tuple)
TYPES = st.sampled_from([np.float32, np.int32, np.int8, np.uint8, np.int64, np.bool_])


def numbers(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


def lazy(x):
    return tensor(x, str(x.dtype))


def compared(name, x, *args, **named):
    """Ours against NumPy's: equal results, or both refuse, ours with the user's line."""
    try:
        want = getattr(np, name)(x, *args, **named)
    except Exception:
        with pytest.raises(ShapeError, match=r"at test_manipulation.py:\d+: received .*, expected .*; "):
            getattr(m, name)(mapped(x), *args, **named)
        return
    got = getattr(m, name)(mapped(x), *args, **named)
    if not isinstance(want, list | tuple):
        want, got = [want], [got]
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert type(a) is Tensor
        assert a.shape == b.shape
        assert equal_bits(a.numpy(), np.ascontiguousarray(b).reshape(b.shape))


def mapped(x):
    return [lazy(v) for v in x] if isinstance(x, list) else lazy(x)


@st.composite
def calls(draw):
    """A function of one array, and arguments that mostly fit."""
    x = numbers(draw(SHAPES), draw(TYPES), draw(st.integers(0, 9)))
    name = draw(st.sampled_from(sorted(ONE)))
    return name, x, ONE[name](draw, x)


def _shape(draw, x):
    sizes = list(x.shape)
    sizes = draw(st.permutations(sizes))
    if draw(st.booleans()) and len(sizes) > 1:
        sizes[:2] = [sizes[0] * sizes[1]]
    if draw(st.booleans()) and sizes:
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return tuple(sizes)


def _wider(draw, x):
    grown = [draw(st.integers(0, 3)) if s == 1 and draw(st.booleans()) else s for s in x.shape]
    return (*draw(st.lists(st.integers(0, 2), max_size=2)), *grown)


def _parts(draw):
    return draw(st.integers(-1, 5) | st.lists(st.integers(-4, 5), max_size=3))


def _order(draw, x):
    good = st.permutations(range(-x.ndim, 0)).map(lambda p: tuple(i + x.ndim if i % 2 else i for i in p))
    return draw(st.none() | good | st.lists(AXIS, max_size=3).map(tuple))


def _roll(draw):
    axis = draw(AXES.filter(lambda axis: axis != ()))  # NumPy cannot roll along no axis
    many = isinstance(axis, tuple) and draw(st.booleans())
    shift = tuple(draw(st.integers(-7, 7)) for _ in axis) if many else draw(st.integers(-7, 7))
    return (shift, axis)


def _repeat(draw, x):
    axis = draw(st.none() | AXIS) if x.ndim else None  # NumPy gives numbers an axis here
    size = x.size if axis is None else x.shape[axis] if -x.ndim <= axis < x.ndim else 2
    return (draw(st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=size, max_size=size)), axis)


ONE = {
    "reshape": lambda d, x: (_shape(d, x),),
    "ravel": lambda d, x: (),
    "squeeze": lambda d, x: (d(AXES) if x.ndim else None,),  # NumPy lets numbers have axis 0
    "expand_dims": lambda d, x: (d(AXIS | st.lists(AXIS, max_size=3).map(tuple)),),
    "transpose": lambda d, x: (_order(d, x),),
    "swapaxes": lambda d, x: (d(AXIS), d(AXIS)),
    "moveaxis": lambda d, x: (
        (d(AXIS), d(AXIS))
        if d(st.booleans())
        else tuple(d(st.lists(AXIS, max_size=3, unique=True)) for _ in range(2))
    ),
    "broadcast_to": lambda d, x: (_wider(d, x),),
    "split": lambda d, x: (_parts(d), d(AXIS)),
    "array_split": lambda d, x: (_parts(d), d(AXIS)),
    "unstack": lambda d, x: (),
    "flip": lambda d, x: (d(AXES),),
    "flipud": lambda d, x: (),
    "fliplr": lambda d, x: (),
    "roll": lambda d, x: _roll(d),
    "rot90": lambda d, x: (d(st.integers(-5, 5)), tuple(d(AXIS) for _ in range(2))),
    "repeat": _repeat,
    "tile": lambda d, x: (d(st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=4).map(tuple)),),
}


@settings(max_examples=600)
@given(calls())
def test_one_array(call):
    name, x, args = call
    compared(name, x, *args)


@settings(max_examples=150)
@given(st.data())
def test_several_arrays(data):
    """Joined along an axis, mostly of fitting shapes."""
    name = data.draw(st.sampled_from(["concatenate", "concat", "stack", "vstack", "hstack"]))
    shape, dtype = data.draw(SHAPES), data.draw(TYPES)
    axis = data.draw(AXIS)
    parts = []
    for i in range(data.draw(st.integers(0, 3))):
        own = list(shape)
        if data.draw(st.booleans()) and own and name != "stack":
            own[data.draw(st.integers(0, len(own) - 1))] = data.draw(st.integers(0, 3))
        parts.append(numbers(own, dtype, i))
    compared(name, parts, *([] if name in ("vstack", "hstack") else [axis]))


@settings(max_examples=150)
@given(st.data())
def test_pad(data):
    x = numbers(
        data.draw(SHAPES.filter(len)),
        data.draw(st.sampled_from([np.float32, np.int32])),
        data.draw(st.integers(0, 9)),
    )
    pair = st.tuples(st.integers(0, 4), st.integers(0, 4))
    each = st.lists(pair, min_size=x.ndim, max_size=x.ndim)
    width = data.draw(st.integers(-1, 4) | pair | each)
    mode = data.draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    named = {}
    if mode == "constant":
        value = st.integers(-3, 3)
        pairs = st.lists(st.tuples(value, value), min_size=x.ndim, max_size=x.ndim)
        named = {"constant_values": data.draw(value | pairs)}
    compared("pad", x, width, mode, **named)


def test_negative_zero_is_padded_as_it_is():
    got = m.pad(tensor([1.0]), 1, constant_values=((-0.0, 0.0),)).numpy()
    assert np.signbit(got).tolist() == [True, False, False]
    with pytest.raises(ShapeError, match="mode 'mean'"):
        m.pad(tensor([1.0]), 1, "mean")


def test_broadcast_arrays():
    a, b, c = m.broadcast_arrays(tensor([[1.0], [2.0]]), np.array([1, 2, 3]), True)
    assert (a.shape, b.shape, c.shape) == ((2, 3),) * 3
    assert (a.format, b.format, c.format) == ("float32", "int32", "bool")
    with pytest.raises(ShapeError, match="equal sizes, or 1"):
        m.broadcast_arrays(np.zeros(2), np.zeros(3))


def test_arrays_and_numbers_are_taken_in():
    assert m.reshape([[1, 2], [3, 4]], 4).numpy().tolist() == [1, 2, 3, 4]
    assert m.concatenate([tensor([1.0]), np.array([2.0]), [3.0]]).format == "float32"
    with pytest.raises(ShapeError, match="one format"):
        m.concatenate([tensor([1.0]), tensor([1])])
    with pytest.raises(ShapeError, match="shape 'ab'"):
        m.reshape(tensor([1.0]), "ab")


def test_a_variable_of_the_same_shape_is_read_now():
    """What changes nothing still does not change with the variable."""
    v = Variable([1.0, 2.0])
    kept = [
        m.reshape(v, 2),
        m.transpose(v),
        m.roll(v, 0),
        m.broadcast_to(v, 2),
        m.pad(v, 0),
        m.squeeze(v),
        v[:],
    ]
    v.assign([3.0, 4.0])
    assert all(x.numpy().tolist() == [1.0, 2.0] for x in kept)


X = numbers((3, 4, 2))


@pytest.mark.parametrize(
    "move",
    [
        lambda x: m.roll(x, (1, 2), (0, 1)),
        lambda x: m.pad(x, ((0, 1), (2, 0), (1, 1))),
        lambda x: m.pad(x, 1, "edge"),
        lambda x: m.pad(x, ((0, 1), (2, 2), (0, 0)), "reflect"),
        lambda x: m.tile(x, (2, 1, 2)),
        lambda x: m.repeat(x, [1, 2, 0], 0),
        lambda x: m.stack([x, x], 1),
        lambda x: m.rot90(x),
        lambda x: m.split(x, [1, 3], 1)[1],
    ],
)
def test_gradients_are_adjoint(move):
    """<move(d), w> = <d, gradient of <move(x), w>>, exactly in small integers."""
    w = numbers(move(tensor(X)).shape, seed=1)
    d = numbers(X.shape, seed=2)
    slope = grad(lambda x: (move(x) * w).sum())(tensor(X)).numpy()
    assert (move(tensor(d)).numpy() * w).sum() == (slope * d).sum()


GRID = grid(Int8(), 0.5, 3)
CHANNELS = grid(Int8(symmetric=True, axis=1), [0.5, 0.25, 2.0])


def on(g, shape=(2, 3, 4)):
    return tensor(Quantized(g, numbers(shape, np.int8)))


MOVES = {
    "reshape": lambda x: m.reshape(x, (x.shape[0], 3, 2, -1)),
    "merged around": lambda x: m.reshape(x, (2, 3, 2, 2)),
    "expand_dims": lambda x: m.expand_dims(x, (0, -1)),
    "transpose": m.transpose,
    "moveaxis": lambda x: m.moveaxis(x, 0, 2),
    "flip": m.flip,
    "roll": lambda x: m.roll(x, 1, 1),
    "split": lambda x: m.split(x, 3, 1)[1],
    "one channel": lambda x: m.squeeze(m.split(x, [1, 2], 1)[1]),
    "none": lambda x: m.split(x, [0], 1)[0],
    "unstack": lambda x: m.unstack(x, 1)[2],
    "repeat": lambda x: m.repeat(x, 2, 0),
    "broadcast": lambda x: m.broadcast_to(x, (2, *x.shape)),
    "concatenate": lambda x: m.concatenate([x, x], 2),
    "scales joined": lambda x: m.concatenate([x, x[:, 1:]], 1),
    "stack": lambda x: m.stack([x, x], 0),
    "pad": lambda x: m.pad(x, ((1, 0), (0, 0), (2, 1))),
    "edge": lambda x: m.pad(x, ((1, 0), (0, 0), (2, 1)), "edge"),
}


@pytest.mark.parametrize("g", [GRID, CHANNELS], ids=["tensor", "axis"])
@pytest.mark.parametrize("name", MOVES)
def test_quantised_numbers_stay(g, name):
    """A move of the integers is the same move of the numbers they stand for."""
    x = on(g)
    got = MOVES[name](x)
    assert (got.format, got.dtype) == ("int8", np.float32)
    assert equal_bits(got.numpy(), MOVES[name](tensor(x.numpy())).numpy())


@pytest.mark.parametrize(
    "move",
    [
        lambda x: m.ravel(x),
        lambda x: m.reshape(x, (2, 12)),
        lambda x: m.repeat(x, [1, 0, 2], 1),
        lambda x: m.tile(x, (1, 2, 1)),
        lambda x: m.pad(x, 1),
        lambda x: m.stack([x, on(grid(Int8(symmetric=True, axis=1), [1.0, 1.0, 1.0]))]),
        lambda x: m.concatenate([x, on(GRID)]),
        lambda x: m.pad(x, ((1, 0), (0, 0), (0, 0)), constant_values=1.0),
    ],
)
def test_scales_of_an_axis_are_not_mixed(move):
    with pytest.raises(ShapeError, match=r"at test_manipulation.py:\d+: "):
        move(on(CHANNELS))


def test_one_grid_for_what_is_joined():
    with pytest.raises(
        ShapeError, match=r"scale 0.5, zero point 3 beside \[2\] int8 with scale 0.25.*one grid"
    ):
        m.concatenate([on(GRID, 2), on(grid(Int8(), 0.25, 3), 2)])
    same = grid(Int8(), 0.5, 3)
    assert m.concatenate([on(GRID, 2), on(same, 2)]).numpy().shape == (4,)


BFP = {
    "reshape": lambda x: m.reshape(x, (4, 6)),
    "transpose": m.transpose,
    "flip": m.flip,
    "roll": lambda x: m.roll(x, (1, 2), (0, 2)),
    "split": lambda x: m.split(x, 2, 0)[1],
    "stack": lambda x: m.stack([x, x], 1),
    "pad": lambda x: m.pad(x, 1),
    "ones around": lambda x: m.pad(x, 1, constant_values=1.0),
    "wrap": lambda x: m.pad(x, 1, "wrap"),
    "repeat": lambda x: m.repeat(x, [1, 2], 0),
    "tile": lambda x: m.tile(x, 2),
}


@pytest.mark.parametrize("name", BFP)
def test_bfp16(name):
    x = tensor(Quantized(bfp16_grid(-4), numbers((2, 3, 4), np.int16)))
    got = BFP[name](x)
    assert got.format == "bfp16"
    assert equal_bits(got.numpy() + 0, BFP[name](tensor(x.numpy())).numpy() + 0)


def test_bfp16_with_an_axis():
    x = tensor(Quantized(bfp16_grid([-4, 0, 3], axis=1), numbers((2, 3, 4), np.int16)))
    for move in (
        m.transpose,
        lambda x: m.concatenate([x, x], 0),
        lambda x: m.pad(x, ((1, 1), (0, 0), (0, 0)), "edge"),
    ):
        got = move(x)
        assert got.format.startswith("bfp16(axis=")
        assert equal_bits(got.numpy(), move(tensor(x.numpy())).numpy())
    assert m.transpose(x).quantized().format == Bfp16(1)
    with pytest.raises(ShapeError, match="axis"):
        m.ravel(x)
