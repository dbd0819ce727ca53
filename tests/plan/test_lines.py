"""Lines of tiles: all elements where they belong, and where tiles are written none of another one's."""

from itertools import product
from math import prod

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError
from spinntensor.plan.layout import Layout
from spinntensor.plan.recipes.lines import Frame, axes_of, doubles, lines_of, units_of


@st.composite
def tiles(draw):
    """A value, a tile of a view of it, its box, and whether it is written."""
    shape = tuple(draw(st.integers(1, n)) for n in (3, 2, 3, 6))
    ends = [i for i in (1, 2, 3) if draw(st.integers(0, 3))]
    full = tuple(prod(shape[a:b]) for a, b in zip([0, *ends], [*ends, 4], strict=True))
    layout = Layout(shape, draw(st.sampled_from([1, 4])))
    units = units_of([(layout, full)], full)
    cuts = [[*range(unit, size, unit), size] for size, unit in zip(full, units, strict=True)]
    tile = tuple(draw(st.sampled_from(some)) for some in cuts)
    firsts = (
        draw(st.sampled_from(range(0, size - got + 1, got))) for got, size in zip(tile, full, strict=True)
    )
    box = tuple((first, first + got) for first, got in zip(firsts, tile, strict=True))
    pitch = max(full[-1], layout.row // layout.item * draw(st.integers(1, 3)))  # that of narrower elements
    prefix = draw(st.integers(0, len(full) - 1))
    return layout, box, Frame(full, tile, pitch, prefix, units), draw(st.booleans())


def byte_of(layout, full, index):
    """Where an element of a view lies: rows of the value one behind the other."""
    *rows, column = np.unravel_index(np.ravel_multi_index(index, full), layout.shape)
    row = np.ravel_multi_index(rows, layout.shape[:-1])
    return int(row * layout.row + column * layout.item)


@settings(max_examples=1500)
@given(tiles())
def test_elements_arrive_and_leave_where_they_belong(drawn):
    layout, box, frame, written = drawn
    try:
        lines = lines_of(layout.item, axes_of(layout, frame.full), frame, written=written)
    except OperandError:
        assume(False)
    starts = {
        (group, line): lines.box(box) + lines.group(group) + lines.line(line)
        for group, line in product(range(frame.groups), range(lines.count))
    }
    found = {
        (group, line * lines.step + i): start + i * lines.item
        for (group, line), start in starts.items()
        for i in range(lines.length)
    }
    mine = set()
    for inside in product(*map(range, frame.tile)):
        outer, inner = inside[: frame.prefix], inside[frame.prefix :]
        group = int(np.ravel_multi_index(outer, frame.placed[: frame.prefix])) if outer else 0
        place = int(np.ravel_multi_index(inner, frame.placed[frame.prefix :]))
        index = [first + i for (first, _), i in zip(box, inside, strict=True)]
        mine.add(byte_of(layout, frame.full, index))
        assert found[group, place] == byte_of(layout, frame.full, index)
    if written:
        others = {byte_of(layout, frame.full, i) for i in product(*map(range, frame.full))} - mine
        taken = {start + i for start in starts.values() for i in range(doubles(lines.length * lines.item))}
        assert not taken & {byte + i for byte in others for i in range(lines.item)}
