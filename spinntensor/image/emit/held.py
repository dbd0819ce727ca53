"""Lines of a value on their way: straight to where they belong, or through a region of their own by a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store, Where
from spinntensor.image.emit.site import Site
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipes.lines import WORD, Entry, Lines, doubles, memory


def parts_of(
    site: Site, number: int, offset: int, nbytes: int, write: bool = False
) -> Iterator[tuple[Where, int, int]]:
    """Where bytes of a value lie: address, bytes before it, and how many; images may lie apart.

    write : whether the stage leaves the value there.
    """
    home = site.lowered.home(number)
    layout = site.layout(home)
    if not site.places.by_image(home):
        yield site.places.at(home, offset, write, site.phase), 0, nbytes
        return
    image, place = memory(layout)[0][1], layout.nbytes // layout.shape[0]
    done = 0
    while done < nbytes:
        index, rest = divmod(offset + done, image)
        size = min(nbytes - done, image - rest)
        yield site.places.at(home, index * place + rest, write, site.phase), done, doubles(size)
        done += size


@dataclass(frozen=True, eq=False)
class Held:
    """A value that a tile reads or leaves.

    Parameters
    ----------
    operand : what transfers call it.
    number : the node whose value it is.
    lines : of a group.
    base : bytes of the value before the tile.
    write : whether the tile leaves it.
    """

    site: Site
    operand: str
    number: int
    lines: Lines
    base: int
    write: bool = False

    def _moved(self, spot: Spot, offset: int, nbytes: int) -> Iterator[Action]:
        """Transfers between bytes of the value and a spot in the DTCM."""
        for where, before, size in parts_of(self.site, self.number, offset, nbytes, self.write):
            place = Spot(spot.region, spot.offset + before, size, spot.turn, spot.turns)
            if self.write:
                yield Store(self.operand, place, where, size)
            else:
                yield Fetch(self.operand, where, place, size)

    def actions(self, group: int, low: int, high: int, spot: Spot, rows: Spot) -> Iterator[Action]:
        """Elements `low` to `high` of a group, the first of them at `spot`; `rows` is the region that lines pass
        through where they are copied."""
        lines, base = self.lines, self.base + self.lines.group(group)
        at = 0
        for entry in lines.cut(low, high):
            start = base + lines.line(entry.first) + entry.low * lines.item
            place = (entry.first * lines.step + entry.low - low) * lines.item + spot.offset
            if lines.direct:
                for row in range(entry.rows):
                    offset = base + lines.line(entry.first + row) + entry.low * lines.item
                    to = Spot(spot.region, place + row * lines.step * lines.item, 0, spot.turn, spot.turns)
                    yield from self._moved(to, offset, doubles(entry.size * lines.item))
                continue
            skip = start % DOUBLE
            nbytes = doubles(skip + (entry.rows - 1) * lines.apart + entry.size * WORD)
            arrived = Spot(rows.region, rows.offset + at, nbytes, rows.turn, rows.turns)
            copied = self._copy(entry, Spot(spot.region, place, 0, spot.turn, spot.turns), arrived, skip)
            if self.write:
                yield copied
                yield from self._moved(arrived, start - skip, nbytes)
            else:
                yield from self._moved(arrived, start - skip, nbytes)
                yield copied
            at += nbytes

    def _copy(self, entry: Entry, spot: Spot, arrived: Spot, skip: int) -> Step:
        """Words from one to the other."""
        lines = self.lines
        apart, step = (lines.apart, lines.step * WORD) if entry.rows > 1 else (0, 0)
        there = Spot(
            arrived.region, arrived.offset + skip, arrived.nbytes - skip, arrived.turn, arrived.turns
        )
        nbytes = (entry.rows - 1) * step + entry.size * WORD
        here = Spot(spot.region, spot.offset, nbytes, spot.turn, spot.turns)
        x, y, x_row, y_row = (here, there, step, apart) if self.write else (there, here, apart, step)
        return Step(
            "copy_s32",
            {
                "x": x,
                "y": y,
                "words": entry.size,
                "rows": entry.rows,
                "planes": 1,
                "x_row": x_row,
                "y_row": y_row,
                "x_plane": 0,
                "y_plane": 0,
            },
        )
