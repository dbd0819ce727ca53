"""The lines of a value as actions: what arrives in a block of a tile, or leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store
from spinntensor.image.emit.site import Site
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipes.lines import WORD, Entry, Lines, doubles


@dataclass(frozen=True, eq=False)
class Held:
    """A value's part in a tile.

    Parameters
    ----------
    operand : what its transfers are called.
    number : the node.
    lines : how its elements lie.
    offset : bytes before the tile.
    write : whether the tile makes it.
    """

    site: Site
    operand: str
    number: int
    lines: Lines
    offset: int
    write: bool = False

    def actions(self, group: int, low: int, high: int, to: Spot, rows: Spot) -> Iterator[Action]:
        """What moves elements `low` to `high` of a group between SDRAM and `to`, where the first of them lies.

        rows : a region for lines that arrive together, and are copied from there, or to there.
        """
        at = 0
        for entry in self.lines.cut(low, high):
            place = (entry.first * self.lines.step + entry.low - low) * self.lines.item
            start = (
                self.offset
                + self.lines.group(group)
                + self.lines.line(entry.first)
                + entry.low * self.lines.item
            )
            if self.lines.direct:
                yield from self._direct(entry, start, to, place)
            else:
                yield from self._copied(entry, start, to, place, rows, at)
                at += self.lines.bytes_of(entry) + DOUBLE

    def _direct(self, entry: Entry, start: int, to: Spot, place: int) -> Iterator[Action]:
        """Each line by a transfer of its own."""
        nbytes = doubles(entry.size * self.lines.item)
        for row in range(entry.rows):
            spot = _part(to, place + row * self.lines.step * self.lines.item, nbytes)
            yield self._move(start + row * self.lines.apart, spot, nbytes)

    def _copied(
        self, entry: Entry, start: int, to: Spot, place: int, rows: Spot, at: int
    ) -> Iterator[Action]:
        """All lines by one transfer, and a kernel that brings them to where they belong, or from there."""
        home = self.site.lowered.home(self.number)
        shift = self.site.at(home, start, self.write).address % DOUBLE
        span = (entry.rows - 1) * self.lines.apart + entry.size * self.lines.item
        nbytes = doubles(shift + span)
        there = _part(rows, at + shift, span)
        here = _part(to, place, WORD * ((entry.rows - 1) * self.lines.step + entry.size))
        steps = {"apart": self.lines.apart, "step": WORD * self.lines.step}
        sizes = {"words": entry.size, "rows": entry.rows, "planes": 1, "x_plane": 0, "y_plane": 0}
        move = self._move(start - shift, _part(rows, at, nbytes), nbytes)
        if self.write:
            yield Step(
                "copy_s32", {"x": here, "y": there, "x_row": steps["step"], "y_row": steps["apart"], **sizes}
            )
            yield move
        else:
            yield move
            yield Step(
                "copy_s32", {"x": there, "y": here, "x_row": steps["apart"], "y_row": steps["step"], **sizes}
            )

    def _move(self, start: int, spot: Spot, nbytes: int) -> Fetch | Store:
        where = self.site.at(self.site.lowered.home(self.number), start, self.write)
        if self.write:
            return Store(self.operand, spot, where, nbytes)
        return Fetch(self.operand, where, spot, nbytes)


def _part(spot: Spot, offset: int, nbytes: int) -> Spot:
    return Spot(spot.region, spot.offset + offset, nbytes, spot.turn, spot.turns)
