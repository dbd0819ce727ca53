"""Lines of tiles: all of a tile's bytes, and where they are written none of another tile's."""

from itertools import product
from math import prod

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError
from spinntensor.plan.layout import Layout
from spinntensor.plan.recipes.lines import DOUBLE, Frame, axes_of, doubles, lines_of, units_of


def elements(layout, box):
    """The bytes at which the elements of a box begin."""
    steps = [step for part in axes_of(layout, layout.shape) for _, step in part or ((1, 0),)]
    return {
        sum(i * s for i, s in zip(index, steps, strict=True))
        for index in product(*(range(*span) for span in box))
    }


def touched(lines, box, groups):
    """First byte and bytes of all that transfers take or leave."""
    for group, line in product(range(groups), range(lines.count)):
        yield lines.box(box) + lines.group(group) + lines.line(line), doubles(lines.length * lines.item)


@st.composite
def tiles(draw):
    """A value, a tile of it that plans may cut, and elements from row to row in the DTCM."""
    shape = tuple(draw(st.integers(1, n)) for n in (3, 2, 3, 6))
    layout = Layout(shape, draw(st.sampled_from([1, 4])))
    units = units_of([(layout, shape)], shape)
    cuts = [list(range(0, size, unit)) + [size] for size, unit in zip(shape, units, strict=True)]
    tile = tuple(draw(st.sampled_from(some[1:])) for some in cuts)
    box = tuple(
        (first, min(first + size, full))
        for first, size, full in (
            (draw(st.sampled_from(range(0, full, size))), size, full)
            for size, full in zip(tile, shape, strict=True)
        )
    )
    assume(all(stop - first == size for (first, stop), size in zip(box, tile, strict=True)))
    pitch = layout.row // layout.item * draw(st.integers(1, 3))  # that of a value of narrower elements
    return layout, box, Frame(shape, tile, pitch, draw(st.integers(0, 1)), units)


@settings(max_examples=400)
@given(tiles())
def test_what_is_written_belongs_to_the_tile(drawn):
    layout, box, frame = drawn
    try:
        lines = lines_of(layout.item, axes_of(layout, layout.shape), frame, written=True)
    except OperandError:
        assume(False)
    mine, all_ = elements(layout, box), elements(layout, [(0, n) for n in layout.shape])
    written = {
        byte for first, nbytes in touched(lines, box, frame.groups) for byte in range(first, first + nbytes)
    }
    own = {first + i for first in mine for i in range(layout.item)}
    assert own <= written
    assert not written & {first + i for first in all_ - mine for i in range(layout.item)}
    assert all(first % DOUBLE == 0 for first, _ in touched(lines, box, frame.groups)) or not lines.direct
    assert prod(frame.tile) == len(mine)
