"""Boxes: row-major spans as rectangles, and boxes under reshapes, against numbered elements."""

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.lower.box import cut, index, rectangles, reshaped, whole

SHAPES = st.lists(st.integers(1, 5), max_size=4).map(tuple)


def elements(shape, box):
    """Flat numbers of the elements of a box."""
    return np.arange(prod(shape)).reshape(shape)[(..., *index(box))].reshape(-1)


@given(SHAPES, st.data())
def test_spans_as_rectangles(shape, data):
    start = data.draw(st.integers(0, prod(shape)))
    stop = data.draw(st.integers(start, prod(shape)))
    boxes = rectangles(shape, (start, stop))
    found = [elements(shape, box) for box in boxes]
    assert np.array_equal(np.concatenate([*found, np.arange(0)]), np.arange(start, stop))
    assert len(boxes) <= max(2 * len(shape) - 1, 1)


def draw_box(data, shape):
    ends = [sorted((data.draw(st.integers(0, s)), data.draw(st.integers(0, s)))) for s in shape]
    return tuple((a, b) for a, b in ends)


@given(SHAPES, st.data())
def test_boxes_under_reshapes(shape, data):
    """The box holds all elements; it is exact for axes of size 1, and where it can be one box."""
    merged = data.draw(st.integers(0, len(shape)))
    new = (1, prod(shape[:merged]), *shape[merged:], 1)
    box = draw_box(data, shape)
    for old, to, given_box in ((shape, new, box), (new, shape, draw_box(data, new))):
        if not to and any(a == b for a, b in given_box):
            continue  # the only box of a scalar is not empty
        want, got = elements(old, given_box), elements(to, reshaped(given_box, old, to))
        assert set(want) <= set(got) and bool(want.size) == bool(got.size)
    units = (1, *(n for s in shape for n in (s, 1)))
    assert np.array_equal(elements(units, reshaped(box, shape, units)), elements(shape, box))
    assert reshaped(whole(shape), shape, new) == whole(new)  # sizes are from 1 on


def test_boxes_of_nothing():
    assert reshaped(((0, 0), (0, 3)), (0, 3), (3, 0)) == ((0, 0), (0, 0))
    assert reshaped(((1, 1), (0, 3)), (2, 3), (6,)) == ((0, 0),)
    assert rectangles((), (0, 1)) == [()] and rectangles((), (0, 0)) == []
    assert cut(10, 3, 4) == ((0, 4), (4, 8), (8, 10)) and cut(0, 3) == ((0, 0),)
