"""A value as a matrix whose rows are fetched: where they lie in SDRAM, side by side or each by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spinntensor.image.emit.runs import Line
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Span
from spinntensor.plan.ways.lying import Rows, rows_of


@dataclass(frozen=True, eq=False)
class Matrix:
    """A value with rows that lie equally far apart; `pitch` and `step` as in `Rows`."""

    site: Site
    home: int
    rows: Rows

    def lines(self, rows: Span, columns: Span, row: int) -> list[Line]:
        """A part of it, rows `row` bytes apart in the DTCM; those that lie side by side in both are one line."""
        first, width = columns[0] * self.rows.step, (columns[1] - columns[0]) * self.rows.step
        pitch, count = self.rows.pitch, rows[1] - rows[0]
        nbytes = row if row == pitch else doubles(width)
        if self.site.places.by_image(self.home):
            offsets = ((i * pitch + first, (i - rows[0]) * row) for i in range(*rows))
            found = joined(Line(self.site.at(self.home, at), offset, nbytes) for at, offset in offsets)
            return [Line(line.at, line.offset, doubles(line.nbytes)) for line in found]
        start = self.site.at(self.home, rows[0] * pitch + first)
        if row == pitch and count:
            return [Line(start, 0, doubles(count * row))]
        return [Line(start + i * pitch, i * row, nbytes) for i in range(count)]


def matrix(site: Site, number: int, shape: tuple[int, ...]) -> Matrix:
    """A node's value as rows of shape[-1] elements."""
    rows = rows_of(site.layout(number), shape)
    assert rows is not None
    return Matrix(site, site.lowered.home(number), rows)


def joined(lines: Iterable[Line]) -> list[Line]:
    """Lines that follow each other in both memories, as one."""
    found: list[Line] = []
    for line in lines:
        if found and _end(found[-1]) == (line.at, line.offset):
            last = found.pop()
            line = Line(last.at, last.offset, last.nbytes + line.nbytes)
        found.append(line)
    return found


def _end(line: Line) -> tuple[object, int]:
    return line.at + line.nbytes, line.offset + line.nbytes
