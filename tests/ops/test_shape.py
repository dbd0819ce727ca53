"""Operations that move elements: against NumPy, adjoint gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import GraphError, ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.machine.host import evaluate
from spinntensor.ops import GRADIENTS, RULES

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


@st.composite
def moves(draw):
    """An operation with one operand, and the NumPy function that does the same."""
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["reshape", "transpose", "broadcast_to", "slice"]))
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
    np.testing.assert_array_equal(got, want)
    expected = np.zeros(x.size, np.float32)
    np.add.at(expected, numpy_does(np.arange(x.size).reshape(shape)).reshape(-1), w.reshape(-1))
    np.testing.assert_array_equal(slope, expected.reshape(shape))


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
    with pytest.raises(GraphError, match="a scalar to differentiate"):
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
    ],
)
def test_refusals(op, attributes, complaint):
    b = Builder(RULES)
    x = b.input("x", TensorType((2, 3), "float32"))
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, x, **attributes)


def test_zeros_of_an_affine_format_are_not_the_number_zero():
    b = Builder(RULES)
    x = b.input("x", TensorType((2,), "int8(scale=0.5,zero=3)"))
    with pytest.raises(ShapeError, match="dequantize it first"):
        b.add("place", x, start=(0,), step=(1,), shape=(4,))


def test_fill_refuses_formats_that_need_constants():
    with pytest.raises(ShapeError, match="fill, then quantize"):
        Builder(RULES).add("fill", shape=(2,), format="bfp16", value=1.0)
