"""Operations that move elements: against NumPy, adjoint gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import GraphError, ShapeError
from spinntensor.formats import Bfp16, Quantized, bfp16_grid
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate
from spinntensor.ops import DTYPES, GRADIENTS, OPERATIONS, RULES

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


@st.composite
def moves(draw):
    """An operation with one operand, and the NumPy function that does the same."""
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["reshape", "transpose", "broadcast_to", "slice", "pad"]))
    if kind == "pad":
        before, after = (tuple(draw(st.integers(0, 2)) for _ in shape) for _ in range(2))
        attributes = {"before": before, "after": after, "value": draw(st.sampled_from([0.0, -0.0, 3.0]))}
        widths = list(zip(before, after, strict=True))
        return (
            shape,
            kind,
            attributes,
            lambda x: np.pad(x, widths, constant_values=attributes["value"]) if widths else x,
        )
    if kind == "reshape":
        new = (*shape[2:], int(np.prod(shape[:2])))
        return shape, kind, {"shape": new}, lambda x: x.reshape(new)
    if kind == "transpose":
        axes = tuple(draw(st.permutations(range(len(shape)))))
        return shape, kind, {"axes": axes}, lambda x: x.transpose(axes)
    if kind == "broadcast_to":
        new = (*draw(SHAPES), *(draw(st.integers(1, 3)) if s == 1 else s for s in shape))
        return shape, kind, {"shape": new}, lambda x: np.broadcast_to(x, new)
    picks = []
    for s in shape:
        first, by = draw(st.integers(0, s - 1)), draw(st.sampled_from([1, 2, -1, -2]))
        room = (s - 1 - first) // by if by > 0 else first // -by
        picks.append((first, draw(st.integers(1, room + 1)), by))
    start, size, step = (tuple(p[i] for p in picks) for i in range(3))
    index = tuple(np.arange(n) * by + first for first, n, by in picks)
    return (
        shape,
        kind,
        {"start": start, "size": size, "step": step},
        lambda x: x[np.ix_(*index)] if index else x,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(moves(), st.integers(0, 99))
def test_values_and_adjoint_gradients(move, seed):
    """Against NumPy; and the gradient of sum(f(x) * w) by x is the w that f's elements meet, in every place."""
    shape, op, attributes, numpy_does = move
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 9, shape).astype(np.float32)
    want = numpy_does(x)
    w = rng.integers(-8, 9, want.shape).astype(np.float32)
    b = Builder(RULES)
    place = b.input("x", TensorType(shape, "float32"))
    y = b.add(op, place, **attributes)
    weighted = b.add("multiply", y, b.constant(w, "float32"))
    total = b.add("sum", weighted, axes=tuple(range(want.ndim)))
    graph = verify(gradients(b.graph((y, total)), total, [place], RULES, GRADIENTS), RULES)
    (got, _, slope), _ = evaluate(graph, {place: x})
    assert equal_bits(got, np.ascontiguousarray(want, np.float32).reshape(want.shape))
    expected = np.zeros(x.size + 1, np.float32)  # the first place is that of padding
    places = numpy_does(np.arange(1, x.size + 1).reshape(shape))
    if op == "pad":
        places = np.pad(np.arange(1, x.size + 1).reshape(shape), widths_of(attributes)) if shape else places
    np.add.at(expected, places.reshape(-1), w.reshape(-1))
    np.testing.assert_array_equal(slope, expected[1:].reshape(shape))


def widths_of(attributes):
    return list(zip(attributes["before"], attributes["after"], strict=True))


def test_concatenate_and_its_gradient():
    b = Builder(RULES)
    ids = [b.input(n, TensorType((2, s), "float32")) for n, s in (("x", 1), ("y", 3))]
    joined = b.add("concatenate", *ids, ids[0], axis=1)
    weights = np.arange(10, dtype=np.float32).reshape(2, 5)
    total = b.add("sum", b.add("multiply", joined, b.constant(weights, "float32")), axes=(0, 1))
    graph = verify(gradients(b.graph((joined,)), total, ids, RULES, GRADIENTS), RULES)
    x, y = np.ones((2, 1), np.float32), np.full((2, 3), 2, np.float32)
    (got, by_x, by_y), _ = evaluate(graph, dict(zip(ids, (x, y), strict=True)))
    np.testing.assert_array_equal(got, np.concatenate([x, y, x], 1))
    np.testing.assert_array_equal(by_x, weights[:, :1] + weights[:, 4:])
    np.testing.assert_array_equal(by_y, weights[:, 1:4])


def test_a_shared_node_is_differentiated_once():
    b = Builder(RULES)
    x = b.input("x", TensorType((3,), "float32"))
    squared = b.add("multiply", x, x)
    total = b.add("sum", b.add("add", b.add("multiply", squared, squared), squared), axes=(0,))
    before = len(b.graph((total,)))
    without = {name: g for name, g in GRADIENTS.items() if name != "add"}
    with pytest.raises(GraphError, match=r"add.*an operation without a gradient"):
        gradients(b.graph((total,)), total, [x], RULES, without)
    graph = gradients(b.graph((total,)), total, [x], RULES, GRADIENTS)
    (_, slope), _ = evaluate(graph, {x: np.float32([1, 2, -3])})
    np.testing.assert_array_equal(slope, 4 * np.float32([1, 8, -27]) + 2 * np.float32([1, 2, -3]))
    assert (
        len(graph) - before == 10
    )  # one, spread (2), square of the square (2 + 1), its sum, x (2), their sum


def test_what_does_not_matter_has_gradient_zero():
    b = Builder(RULES)
    x, y = (b.input(n, TensorType((2,), "float32")) for n in "xy")
    total = b.add("sum", x, axes=(0,))
    graph = gradients(b.graph(()), total, [y, x], RULES, GRADIENTS)
    (by_y, by_x), _ = evaluate(graph, {x: np.ones(2, np.float32), y: np.ones(2, np.float32)})
    assert (by_y == 0).all() and (by_x == 1).all()


def test_only_scalars_are_differentiated():
    b = Builder(RULES)
    x = b.input("x", TensorType((2,), "float32"))
    with pytest.raises(GraphError, match="scalar to differentiate"):
        gradients(b.graph((x,)), x, [x], RULES, GRADIENTS)


@pytest.mark.parametrize(
    "op,attributes,complaint",
    [
        ("reshape", {"shape": (4, 2)}, "6 elements of shape .2, 3. for shape"),
        ("reshape", {"shape": [6]}, "a tuple of integers"),
        ("transpose", {"axes": (0, 0)}, "each axis once"),
        ("broadcast_to", {"shape": (2, 4)}, "each size equal, or 1"),
        ("broadcast_to", {"shape": (3,)}, "each size equal, or 1"),
        ("concatenate", {"axis": 2}, "0 to 1"),
        ("slice", {"start": (0,), "size": (1,), "step": (1,)}, "2 of each"),
        (
            "slice",
            {"start": (0, 1), "size": (2, 3), "step": (1, 1)},
            "elements 1 to 3 of axis 1, which has 3",
        ),
        ("slice", {"start": (0, 0), "size": (2, 3), "step": (1, 0)}, "elements that exist"),
        ("place", {"start": (0, 0), "step": (1, 1), "shape": (2, 2)}, "elements that exist"),
        ("pad", {"before": (0,), "after": (0, 0), "value": 0.0}, "2 of each, from 0 on"),
        ("pad", {"before": (0, 0), "after": (0, -1), "value": 0.0}, "use slice to cut"),
    ],
)
def test_refusals(op, attributes, complaint):
    b = Builder(RULES)
    x = b.input("x", TensorType((2, 3), "float32"))
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, x, **attributes)


@pytest.mark.parametrize("op", ["place", "reshape", "concatenate", "pad"])
def test_unknown_formats_are_refused(op):
    b = Builder(RULES)
    x = b.input("x", TensorType((2,), "int8(scale=0.5,zero=3)"))
    where = {"place": {"start": (0,), "step": (1,), "shape": (4,)}, "reshape": {"shape": (2, 1)}}
    where |= {"concatenate": {"axis": 0}, "pad": {"before": (0,), "after": (1,), "value": 0}}
    with pytest.raises(ShapeError, match=r"bfp16 or bfp16\(axis=K\)"):
        b.add(op, x, **where[op])


@pytest.mark.parametrize(
    "form,value,complaint",
    [
        ("bfp16", 1.0, "fill, then quantize"),
        ("int8", 128, "a number that int8 holds"),
        ("uint8", 1.5, "a number that uint8 holds"),
        ("bool", 2, "a number that bool holds"),
        ("float32", "one", "a number that float32 holds"),
    ],
)
def test_fill_refuses_what_its_format_cannot_hold(form, value, complaint):
    with pytest.raises(ShapeError, match=complaint):
        Builder(RULES).add("fill", shape=(2,), format=form, value=value)


@pytest.mark.parametrize("form", DTYPES)
def test_every_plain_format_is_filled_padded_and_moved(form):
    """All bits stay, of empty tensors and of those without axes too; and a filled tensor takes no memory."""
    kind = DTYPES[form]
    filled = OPERATIONS["fill"].run(shape=(3, 4), format=form, value=1)
    assert filled.strides == (0, 0) and equal_bits(filled, np.ones((3, 4), kind))
    for shape in ((), (0, 2), (3, 2)):
        x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
        rank = len(shape)
        ones, zeros = (1,) * rank, (0,) * rank
        b = Builder(RULES)
        number = b.input("x", TensorType(shape, form))
        padded = b.add("pad", number, before=ones, after=ones, value=1)
        back = b.add("slice", padded, start=ones, size=shape, step=ones)
        placed = b.add("place", number, start=zeros, shape=tuple(2 * s for s in shape), step=(2,) * rank)
        (got, wide, spread), _ = evaluate(verify(b.graph((back, padded, placed)), RULES), {number: x})
        assert equal_bits(got, x) and all(isinstance(v, np.ndarray) for v in (got, wide, spread))
        assert equal_bits(wide, np.pad(x, 1, constant_values=1) if rank else x)
        assert equal_bits(spread[(..., *(slice(None, None, 2) for _ in shape))], x)


def test_iota_counts():
    b = Builder(RULES)
    (got,), _ = evaluate(verify(b.graph((b.add("iota", size=5),)), RULES), {})
    assert equal_bits(got, np.arange(5, dtype=np.int64))
    for size in (-1, True, 2.0):
        with pytest.raises(ShapeError, match="an integer from 0 on"):
            b.add("iota", size=size)


BY_TENSOR = Quantized(bfp16_grid(-3), np.arange(24, dtype=np.int16).reshape(2, 3, 4))
BY_AXIS = Quantized(bfp16_grid([1, 2, 3], 1), BY_TENSOR.data)
MOVES = {
    "reshape": {"shape": (6, 4)},
    "transpose": {"axes": (1, 2, 0)},
    "broadcast_to": {"shape": (5, 2, 3, 4)},
    "slice": {"start": (1, 0, 3), "size": (1, 3, 2), "step": (1, 1, -2)},
    "place": {"start": (1, 0, 0), "shape": (4, 3, 4), "step": (2, 1, 1)},
}


def meaning(value):
    """What a bfp16 tensor stands for."""
    channels = value.format.axis
    shape = [1 if i != channels else -1 for i in range(value.data.ndim)]
    return value.data * np.exp2(value.exponent.astype(float)).reshape(shape if channels is not None else ())


@pytest.mark.parametrize("op", MOVES)
@pytest.mark.parametrize("x", [BY_TENSOR, BY_AXIS], ids=["tensor", "axis"])
def test_bfp16_moves_with_its_exponents(op, x):
    """Moving mantissas and exponents is moving the numbers."""
    axis = x.format.axis
    b = Builder(RULES)
    number = b.input("x", TensorType(x.shape, "bfp16" if axis is None else f"bfp16(axis={axis})"))
    if op == "reshape" and axis is not None:
        with pytest.raises(ShapeError, match="a format without an axis, or that axis left whole"):
            b.add(op, number, **MOVES[op])
        return
    result = b.add(op, number, **MOVES[op])
    (got,), _ = evaluate(verify(b.graph((result,)), RULES), {number: x})
    assert isinstance(got.format, Bfp16) and got.shape == b[result].type.shape
    there = "bfp16" if got.format.axis is None else f"bfp16(axis={got.format.axis})"
    assert there == b[result].type.format
    np.testing.assert_array_equal(meaning(got), OPERATIONS[op].run(meaning(x), **MOVES[op]))


@pytest.mark.parametrize(
    "op,attributes",
    [
        ("slice", {"start": (0, 1, 0), "size": (2, 2, 4), "step": (1, 1, 1)}),
        ("slice", {"start": (0, 2, 0), "size": (2, 3, 4), "step": (1, -1, 1)}),
        ("place", {"start": (0, 0, 0), "shape": (2, 4, 4), "step": (1, 1, 1)}),
        ("concatenate", {"axis": 0}),
        ("pad", {"before": (0, 0, 0), "after": (0, 0, 1), "value": 0}),
    ],
)
def test_what_would_mix_exponents_is_refused(op, attributes):
    b = Builder(RULES)
    x = b.input("x", TensorType((2, 3, 4), "bfp16(axis=1)"))
    with pytest.raises(ShapeError, match=r"dequantize|use place"):
        b.add(op, x, **attributes)


def test_gradients_pass_bfp16_moves():
    """Cotangents are float32, whatever the tensor was."""
    b = Builder(RULES)
    x = b.input("x", TensorType((2, 3), "bfp16(axis=0)"))
    node = b[b.add("transpose", x, axes=(1, 0))]
    cotangent = b.input("c", TensorType((3, 2), "float32"))
    (back,) = GRADIENTS["transpose"](b, node, cotangent)
    assert b[back].type == TensorType((2, 3), "float32")
