"""Parts of float32 images in tiles with a border: what arrives, and what lies around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinntensor.image.emit.action import Fetch, Spot
from spinntensor.image.emit.runs import Line, fetched, lines, moved
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box, sizes


@dataclass(frozen=True)
class Frame:
    """A part of an image in a tile.

    Parameters
    ----------
    x : the node whose value it is; `box` of it, one image.
    before : rows and columns of the border before it.
    tile : rows and columns of the tile, border included.
    pixel : bytes of a pixel in SDRAM, a multiple of 8.
    """

    x: int
    box: Box
    before: tuple[int, int]
    tile: tuple[int, int]
    pixel: int

    @property
    def inside(self) -> tuple[int, int]:
        """Rows and columns of the part."""
        _, rows, columns, _ = sizes(self.box)
        return (rows, columns) if rows and columns else (0, 0)

    def fetch(self, site: Site, to: Spot, outside: float) -> Iterator[Fetch]:
        """The part, and the number `outside` wherever the tile lies outside of it."""
        (rows, columns), (top, left) = self.inside, self.before
        width, row = columns * self.pixel, self.tile[1] * self.pixel
        runs = site.runs(self.x, self.box) if rows else []
        if row == width:
            found = [Line(one.at, one.offset + top * row, one.nbytes) for one in lines(runs)]
        else:
            found = [
                Line(line.at, (top + i) * row + left * self.pixel + line.offset, line.nbytes)
                for i in range(rows)
                for line in lines(runs, i * width, (i + 1) * width)
            ]
        yield from fetched("x", found, to)
        yield from _around(site, found, self.tile[0] * row, to, outside)

    def fetch_inside(self, site: Site, to: Spot) -> Iterator[Fetch]:
        """The part alone, its rows side by side."""
        yield from fetched("x", lines(site.runs(self.x, self.box) if self.inside[0] else []), to)


def _around(site: Site, found: list[Line], nbytes: int, to: Spot, outside: float) -> Iterator[Fetch]:
    """A number in whatever of the first `nbytes` no line fills."""
    at = 0
    for start, stop in [*((one.offset, one.offset + one.nbytes) for one in found), (nbytes, nbytes)]:
        if start > at:
            length = start - at
            source = site.put(np.full(1 << (length // 4 - 1).bit_length(), outside, np.float32))
            yield Fetch("border", source, moved(to, at, length), length)
        at = stop
