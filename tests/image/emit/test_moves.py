"""Moves, rows of softmax, and indices: the elements of the host, byte for byte."""

from __future__ import annotations

import pytest
from image.emit.stages import walked

from spinntensor.errors import OperandError

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
