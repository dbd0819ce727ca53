"""Moves, rows of softmax, and indices: the elements of the host, byte for byte."""

from __future__ import annotations

import cutting
import pytest
from image.emit.stages import walked
from walking import RANDOM, walk

from spinntensor import nn
from spinntensor.errors import OperandError
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine import host
from spinntensor.machine.geometry import chip
from spinntensor.nn.workload import training
from spinntensor.plan.partition import OBJECTIVES
from spinntensor.plan.planner import plan

MOVES = [
    ("transpose", [(72, 17)], {"axes": (1, 0)}),
    ("transpose", [(3, 8, 6, 4)], {"axes": (0, 3, 1, 2)}),
    ("transpose", [(3, 8, 6, 5)], {"axes": (2, 1, 0, 3)}),
    ("transpose", [(200, 150)], {"axes": (1, 0)}),
    ("slice", [(9, 20)], {"start": (1, 3), "step": (2, 1), "size": (4, 15)}),
    ("slice", [(9, 20)], {"start": (8, 19), "step": (-1, -1), "size": (9, 20)}),
    ("slice", [(9, 20)], {"start": (0, 1), "step": (1, 3), "size": (9, 6)}),
    ("slice", [(3000,)], {"start": (7,), "step": (1,), "size": (2900,)}),
    ("pad", [(5, 7)], {"before": (1, 2), "after": (0, 3), "value": 1}),
    ("pad", [(2, 5, 6, 8)], {"before": (0, 1, 1, 0), "after": (0, 1, 1, 0), "value": 0}),
    ("place", [(2, 3, 3, 8)], {"start": (0, 0, 0, 0), "step": (1, 2, 2, 1), "shape": (2, 5, 5, 8)}),
    ("place", [(3, 4)], {"start": (2, 6), "step": (-1, -2), "shape": (3, 7)}),
    ("concatenate", [(5, 7), (5, 4), (5, 6)], {"axis": 1}),
    ("concatenate", [(5, 8), (4, 8)], {"axis": 0}),
    ("broadcast_to", [(5, 1)], {"shape": (5, 9)}),
    ("broadcast_to", [(1, 6)], {"shape": (5, 6)}),
    ("broadcast_to", [(4, 1, 8)], {"shape": (4, 5, 8)}),
]


@pytest.mark.parametrize("form", ["float32", "int8", "bool"])
@pytest.mark.parametrize("op, shapes, given_", MOVES, ids=str)
def test_elements_move(op, shapes, given_, form):
    attributes = dict(given_)
    if op == "pad":
        attributes["value"] = {"float32": float, "bool": bool}.get(form, int)(given_["value"])
    walked(lambda b, given: (b.add(op, *(given(shape, form) for shape in shapes), **attributes),))


@pytest.mark.parametrize("channels", [8, 24, 96])
def test_images_in_blocks_of_channels_move(channels):
    grid = {"scale": (0.05,), "zero": (3,)}

    def build(b, given):
        q = b.add("quantize", given((2, 6, 5, channels)), format="int8", **grid)
        wider = b.add("pad", q, before=(0, 1, 2, 0), after=(0, 1, 1, 0), value=3)
        both = b.add("concatenate", wider, wider, axis=3)
        part = b.add("slice", both, start=(0, 1, 1, 0), step=(1, 2, 1, 1), size=(2, 3, 6, 2 * channels))
        turned = b.add("transpose", part, axes=(0, 3, 1, 2))
        return b.add("dequantize", part, **grid), b.add("dequantize", turned, **grid)

    walked(build)


RESHAPED = [
    ((16, 60, 5), (16, 300)),
    ((2, 6, 10, 7), (2, 420)),
    ((7, 3, 3), (63,)),
    ((2, 7, 7, 3), (2, 7, 21)),
    ((4, 9, 5), (4, 3, 15)),
    ((2, 147), (2, 7, 7, 3)),
    ((105,), (3, 7, 5)),
    ((3, 1001), (3, 7, 143)),
]


@pytest.mark.parametrize("form", ["float32", "bfp16"])
@pytest.mark.parametrize("old, new", RESHAPED, ids=str)
def test_padded_rows_in_another_shape(old, new, form):
    """A product or convolution reads the shape whose rows lie elsewhere."""

    def build(b, given):
        rows, k = (1, *new)[-2:]
        image = len(new) > 2
        shape = (new[0], *(1,) * (4 - len(new)), *new[1:]) if image else (rows, k)
        x, w, given_ = given(old), given((1, 3, k, 6) if image else (k, 6)), {}
        if form == "bfp16":
            x, w = (b.add("quantize_bfp16", i, axis=None, seed=None) for i in (x, w))
            given_ = {"format": "float32"}
        x = b.add("reshape", x, shape=shape)
        if not image:
            return (b.add("matmul", x, w, **given_),)
        given_ |= {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}
        return (b.add("conv2d", x, w, **given_),)

    made, _ = walked(build)
    assert [layer.recipe.kernel for layer in made.layers if layer.kind == "move"] == ["copy"]


@pytest.mark.parametrize("form", ["bool", "int8"])
@pytest.mark.parametrize("old, new", [((4, 6, 5), (4, 30)), ((4, 30), (4, 6, 5))], ids=str)
def test_padded_rows_of_bytes_in_another_shape(old, new, form):
    def build(b, given):
        view = b.add("reshape", given(old, form), shape=new)
        if form == "int8":
            return (b.add("dequantize", view, scale=(0.5,), zero=(1,)),)
        return (b.add("where", view, given(new), given(new)),)

    walked(build)


FACTORS = [
    ("broadcast_to", [(8, 1)], {"shape": (8, 4)}),
    ("fill", [], {"shape": (8, 4), "format": "float32", "value": 1.5}),
]


@pytest.mark.parametrize("op, shapes, given_", FACTORS, ids=str)
def test_factors_of_products_are_made(op, shapes, given_):
    def build(b, given):
        return (b.add("matmul", given((6, 8)), b.add(op, *map(given, shapes), **given_)),)

    walked(build)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("form", ["float32", "bfp16"])
@pytest.mark.parametrize("activation", ["relu", None])
def test_training_with_flattened_pixels_of_five_channels(activation, form, objective):
    layers = [nn.Conv2D(5, 3, activation=activation), nn.Flatten(), nn.Dense(10)]
    model = nn.Sequential([nn.Input((6, 7, 3)), *layers], seed=1)
    graph = training(model, form, 2).graph
    made = plan(graph, chip(), batch=2, objective=objective)
    values = cutting.values_of(graph)
    want = host.execute(host.prepare(graph), values)
    outputs, updates, _ = walk(made, graph, chip(), values, RANDOM)
    assert all(equal_bits(got, wanted) for got, wanted in zip(outputs, want.outputs, strict=True))
    assert updates and all(equal_bits(updates[v], want.updates[v]) for v in want.updates)


def test_constants_are_made():
    def build(b, given):
        shape = (9, 7)
        return b.add("fill", shape=shape, format="float32", value=1.5), b.add("iota", size=30)

    walked(build)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(5, 10), (7, 17), (3, 1001), (64, 32), (2, 3, 9), (10,), (4, 1)], ids=str)
def test_rows_of_softmax(op, shape):
    walked(lambda b, given: (b.add(op, given(shape)),))


@pytest.mark.parametrize("form", ["float32", "int32"])
def test_reading_and_adding_by_an_index(form):
    def build(b, given):
        table = b.add("reshape", given((2, 17), form), shape=(34,))
        places = given((6, 1), "int64", 0, 33)
        return (
            b.add("take", table, given((3, 5), "int64", 0, 34), axis=0),
            b.add("scatter_add", given((6, 1), form), places, axis=0, size=100),
        )

    walked(build)


def test_an_index_outside_is_counted():
    """The host refuses it; a core reads 0, and says how many indices mean no element."""

    def build(b, given):
        return (b.add("take", given((20,)), given((6,), "int64", 18, 30), axis=0),)

    with pytest.raises(OperandError, match="take"):
        walked(build)
