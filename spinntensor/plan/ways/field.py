"""What tiles of windows read of an image: the pixels inside it, and how many places of theirs lie outside."""

from __future__ import annotations

from dataclasses import dataclass

from spinntensor.lower.box import Span
from spinntensor.lower.windows import Reach, forward

Border = tuple[int, int, int, int]
"""Rows and columns at the top, left, bottom and right that lie outside the image."""


@dataclass(frozen=True)
class Field:
    """Windows over an image; sizes are (rows, columns).

    Parameters
    ----------
    out : of the results.
    image : of the input.
    window, stride : of the windows.
    padding : (top, bottom, left, right), as in the graph.
    """

    out: tuple[int, int]
    image: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]

    def at(self, rows: Span, columns: Span) -> tuple[Border, tuple[Span, Span]]:
        """The border of a tile at its place, and the rows and columns of the input that it reads."""
        down, across = self._reach(0, rows), self._reach(1, columns)
        return (down.before, across.before, down.behind, across.behind), (down.span, across.span)

    def sized(self, h: int, w: int) -> tuple[Border, tuple[bool, bool]]:
        """The border of a tile of so many rows and columns, which lies inside where it is not a whole axis; and whether
        rows of its input and of its result lie apart in SDRAM.
        """
        border, (_, (left, right)) = self.at((0, h), (0, w))
        top, bottom = (border[0], border[2]) if h == self.out[0] else (0, 0)
        if w < self.out[1]:
            return (top, 0, bottom, 0), (True, True)
        return (top, border[1], bottom, border[3]), (right - left < self.image[1], False)

    def apart(self, columns: Span) -> tuple[bool, bool]:
        """Whether rows of the input and of the result of these columns lie apart in SDRAM."""
        left, right = self._reach(1, columns).span
        return right - left < self.image[1], columns[1] - columns[0] < self.out[1]

    def _reach(self, axis: int, span: Span) -> Reach:
        before, window = self.padding[2 * axis], self.window[axis]
        return forward(span, self.image[axis], self.stride[axis], before, window)
