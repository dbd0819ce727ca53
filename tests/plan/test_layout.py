"""Layouts: the bytes and pieces of a box are those that an array laid out so would need."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.plan.layout import DOUBLE, Layout, block_of


def addresses(layout):
    """The byte at which each element starts, by the definition of the layout."""
    at = np.zeros(layout.shape, int)
    for place in product(*map(range, layout.shape)):
        if layout.block:
            *outer, h, w, c = place
            *sizes, height, width, channels = layout.shape
            index = 0
            for i, size in zip(outer, sizes, strict=True):
                index = index * size + i
            index = index * (channels // layout.block) + c // layout.block
            index = (index * height + h) * width + w
            at[place] = (index * layout.block + c % layout.block) * layout.item
        else:
            *outer, last = place
            index = 0
            for i, size in zip(outer, layout.shape[:-1], strict=True):
                index = index * size + i
            at[place] = index * layout.row + last * layout.item
    return at


@st.composite
def layouts(draw):
    block = draw(st.sampled_from([0, 8]))
    shape = [draw(st.integers(1, 4)) for _ in range(3)]
    shape.append(8 * draw(st.integers(1, 3)) if block else draw(st.integers(1, 20)))
    return Layout(tuple(shape), draw(st.sampled_from([1, 4])), block)


@given(layouts(), st.data())
def test_a_box_moves_in_its_runs(layout, data):
    unit = [1, 1, 1, layout.block or layout.shape[-1]]
    box = []
    for size, u in zip(layout.shape, unit, strict=True):
        start = u * data.draw(st.integers(0, size // u - 1))
        box.append((start, start + u * data.draw(st.integers(1, (size - start) // u))))
    at = np.sort(addresses(layout)[tuple(slice(*s) for s in box)].ravel())
    nbytes, pieces = layout.transfer(tuple(box))
    gaps = np.diff(at) - layout.item
    padding = layout.row - layout.shape[-1] * layout.item if not layout.block else 0
    assert pieces == 1 + (gaps > padding).sum()
    assert nbytes % DOUBLE == 0
    assert nbytes - (at.size * layout.item) <= pieces * DOUBLE + (gaps == padding).sum() * padding
    assert nbytes <= layout.nbytes


def test_whole_values_are_one_transfer():
    layout = Layout((2, 7, 7, 128), 1, 64)
    assert layout.nbytes == 2 * 49 * 128
    assert layout.transfer(((0, 2), (0, 7), (0, 7), (0, 128))) == (layout.nbytes, 1)
    assert layout.transfer(((0, 1), (0, 7), (0, 7), (64, 128))) == (49 * 64, 1)
    assert layout.transfer(((0, 1), (2, 4), (0, 7), (0, 128))) == (2 * 2 * 7 * 64, 2)
    assert layout.transfer(((0, 1), (2, 4), (1, 3), (0, 64))) == (2 * 2 * 64, 2)


def test_scalars_and_narrow_rows():
    assert Layout((), 4).transfer(()) == (8, 1)
    assert Layout((4, 10), 1).nbytes == 64
    assert Layout((4, 10), 1).transfer(((1, 2), (0, 10))) == (16, 1)
    assert Layout((4, 10), 1).transfer(((1, 1), (0, 10))) == (0, 0)


@pytest.mark.parametrize(("channels", "block"), [(3, 3), (16, 16), (96, 32), (2048, 64), (24, 8), (10, 10)])
def test_blocks_divide_the_channels(channels, block):
    assert block_of(channels) == block
