"""Rows of images in the DTCM between columns of zeros."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinntensor.image.emit.action import Fetch, Spot
from spinntensor.image.emit.runs import fetched, lines, moved
from spinntensor.image.emit.site import Site


@dataclass(frozen=True)
class Border:
    """Rows of `width` pixels of so many bytes, of which the first `left` and those behind the image are zeros."""

    width: int
    left: int
    pixel: int

    @property
    def row(self) -> int:
        """Bytes of a row, border included."""
        return self.width * self.pixel

    def fetch(self, site: Site, number: int, image: int, first: int, rows: int, x: Spot) -> Iterator[Fetch]:
        """Rows of an image from row `first` on, which may lie outside: zeros then."""
        _, height, width, channels = site.lowered.graph[number].type.shape
        inside = min(max(first, 0), height), max(min(first + rows, height), 0)
        start, stop = (inside[0] - first, inside[1] - first) if inside[0] < inside[1] else (rows, rows)
        for at, end in ((0, start), (stop, rows)):
            if at < end:
                zeros = site.put(np.zeros((end - at) * self.row, np.uint8))
                yield Fetch("border", zeros, moved(x, at * self.row, 0), (end - at) * self.row)
        if start == rows:
            return
        runs = site.runs(number, ((image, image + 1), inside, (0, width), (0, channels)))
        if self.width == width:
            yield from fetched("x", lines(runs), moved(x, start * self.row, 0))
            return
        line = width * self.pixel
        for i in range(inside[1] - inside[0]):
            to = moved(x, (start + i) * self.row + self.left * self.pixel, 0)
            yield from fetched("x", lines(runs, i * line, (i + 1) * line), to)
