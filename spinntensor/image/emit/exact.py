"""Convolutions of float32 by exact sums: whatever lies in the DTCM as rows and columns, chunk by chunk of the sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spinntensor.image.emit.action import Action, Fetch, Spot
from spinntensor.image.emit.block_float import FINDING, OTHER, SUM, WORD, Lines, product, result
from spinntensor.image.emit.runs import moved
from spinntensor.image.pieces import doubles
from spinntensor.kernels.block_float import magnitude_bits
from spinntensor.lower.box import Span
from spinntensor.plan.recipes.conv_float import PANEL

SUMS, Y = Spot("sums"), Spot("y")
Pair = tuple[int, int]


Fields = Callable[[int, int], Lines]
"""`(chunk of k, output row) -> the pixels' fields`."""
Weights = Callable[[int, int, Span], tuple[list[Fetch], Lines]]
"""`(number of the time, chunk of k, columns) -> what brings these columns, and how they lie`."""


@dataclass(frozen=True, eq=False)
class Exact:
    """A convolution by exact sums.

    Parameters
    ----------
    out, outputs : pixels and output channels; an odd output row has one row more in A.
    k, chunks : length of a chunk of the sums, and how many there are; `whole` of the sums that exponents are for.
    group : output channels that arrive at a time.
    fields, weights : its rows and columns.
    columns : number of the first column among the exponents.
    ours : whether rows, and columns, that are not finite are counted here.
    known : whether the exponents of the columns are those of more weights, and their magnitudes known.
    y, row : results, and bytes from pixel to pixel.
    apart : pixels from output row to output row of the results; 0 for the rows of A.
    """

    out: Pair
    outputs: int
    k: int
    chunks: int
    whole: int
    group: int
    fields: Fields
    weights: Weights
    columns: int
    ours: tuple[bool, bool]
    known: bool = False
    y: Spot = Y
    row: int = 0
    apart: int = 0

    @property
    def line(self) -> int:
        """Rows of A for an output row."""
        return self.out[1] + self.out[1] % PANEL

    def steps(self) -> Iterator[Action]:
        """Exponents of whole fields and columns, then mantissas and sums, then the results."""
        bits, n, k = magnitude_bits(self.whole), self.outputs, self.k
        m = self.out[0] * self.line
        for last in (0, 1):
            for chunk in range(self.chunks):
                rows, columns = (FINDING if ours and not chunk else OTHER for ours in self.ours)
                for i in range(self.out[0]):
                    found = self.fields(chunk, i)
                    to = Spot("a", WORD * i * self.line * k)
                    yield found.panel(to, bits, rows) if last else found.top(chunk > 0)
                for span in steps(n, self.group) if last or not self.known else ():
                    fetches, found = self.weights(last, chunk, span)
                    yield from fetches
                    if not last:
                        yield found.top(chunk > 0)
                        continue
                    yield found.panel(Spot("b"), bits, columns)
                    sums, size = moved(SUMS, SUM * span[0], 0), (m, span[1] - span[0], k)
                    yield product(Spot("a"), Spot("b"), sums, size, n, chunk > 0)
        row = self.row or doubles(WORD * n)
        if self.apart in (0, self.line):
            yield result(SUMS, (0, self.columns), self.y, (m, n), (n, row), bits)
            return
        for i in range(self.out[0]):
            first, y = i * self.line, moved(self.y, i * self.apart * row, 0)
            sums = moved(SUMS, SUM * first * n, 0)
            yield result(sums, (first, self.columns), y, (self.line, n), (n, row), bits)


def steps(size: int, step: int) -> list[Span]:
    """Spans of a length in order, the last one shorter."""
    return [(at, min(at + step, size)) for at in range(0, size, step)]


@dataclass(frozen=True)
class Tile:
    """Pixels in the DTCM: `at`, rows of `width` pixels of so many bytes."""

    at: Spot
    width: int
    pixel: int

    def fields(
        self, columns: int, k: int, stride: Pair, parts: int, apart: int, origin: Pair = (0, 0)
    ) -> Fields:
        """The fields of a convolution whose first one begins at `origin`: under each kernel row so many chunks of `k`,
        `apart` bytes from one to the next."""

        def found(chunk: int, i: int) -> Lines:
            u, part = divmod(chunk, parts)
            row, step = origin[0] + i * stride[0] + u, stride[1] * self.pixel
            nbytes = (columns - 1) * step + WORD * k
            x = moved(self.at, (row * self.width + origin[1]) * self.pixel + part * apart, nbytes)
            return Lines(x, columns, k, WORD, step, 2 * step, (columns + columns % PANEL) * i)

        return found
