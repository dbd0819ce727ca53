"""Tiles of convolutions whose taps of one kernel row are neighbours in the DTCM, and of the adjoint by the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

Pair = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True)
class Conv:
    """A convolution tile; sizes are (rows, columns).

    Parameters
    ----------
    out : output pixels of the tile.
    channels, out_channels : of input and output.
    kernel, stride : taps and steps.
    padded : whether tiles may have a border.
    part : k of a chunk, a divisor of what lies side by side under a kernel row; 0 for all of that.
    """

    out: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padded: bool = True
    part: int = 0

    @property
    def tile(self) -> tuple[int, int]:
        """Pixels of the input tile, its border of zeros included."""
        (oh, ow), (sy, sx), (kh, kw) = self.out, self.stride, self.kernel
        return (oh - 1) * sy + kh, (ow - 1) * sx + kw

    @property
    def border(self) -> int:
        """Pixels of the border at most: those of a tile that is a whole image with a padding that keeps its size."""
        if not self.padded:
            return 0
        (rows, columns), (kh, kw) = self.tile, self.kernel
        return rows * columns - (rows - kh + 1) * (columns - kw + 1)

    @property
    def chunk(self) -> int:
        """k of a chunk: the taps of a kernel row, or a part of them."""
        return self.part or self.kernel[1] * self.channels

    @property
    def chunks(self) -> int:
        """Chunks of the sums."""
        return self.kernel[0] * self.kernel[1] * self.channels // self.chunk

    @property
    def pixels(self) -> int:
        """Output pixels."""
        return self.out[0] * self.out[1]

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        return self.pixels * self.out_channels * self.kernel[0] * self.kernel[1] * self.channels

    def columns(self, panel: int) -> int:
        """Columns of the product when output rows end in whole panels of so many pixels."""
        return self.out[0] * -(-self.out[1] // panel) * panel


@dataclass(frozen=True)
class Class:
    """Pixels of an image that the same taps reach, in the adjoint of a convolution by its input; (rows, columns).

    Among the pixels i of an axis these are `place` + step * stride. Each is a sum over `taps` of the cotangents from
    `corner` + step on, of which the first goes with the tap `last`, and each next one with a tap `stride` before.
    """

    place: Pair
    taps: Pair
    corner: Pair
    last: Pair


def classes(kernel: Pair, stride: Pair, before: Pair) -> tuple[Class, ...]:
    """The classes of an image with so many rows and columns of padding before it, if any tap reaches them."""
    found = []
    for place in product(*map(range, stride)):
        first = [(a + p) % s for a, p, s in zip(place, before, stride, strict=True)]
        taps = [len(range(f, k, s)) for f, k, s in zip(first, kernel, stride, strict=True)]
        last = [f + (n - 1) * s for f, n, s in zip(first, taps, stride, strict=True)]
        corner = [(a + p - u) // s for a, p, u, s in zip(place, before, last, stride, strict=True)]
        if min(taps):
            found.append(Class(_pair(place), _pair(taps), _pair(corner), _pair(last)))
    return tuple(found)


def _pair(both: Sequence[int]) -> Pair:
    rows, columns = both
    return rows, columns


@dataclass(frozen=True)
class Adjoint:
    """A tile of the adjoint by the input: `size` pixels of an image from multiples of the stride on.

    Parameters
    ----------
    channels, outputs : of the cotangent, and of the tile.
    kernel, stride, before : of the convolution; `before`: rows and columns of padding before an image.
    """

    size: Pair
    channels: int
    outputs: int
    kernel: Pair
    stride: Pair
    before: Pair

    @property
    def classes(self) -> tuple[tuple[Class, Pair], ...]:
        """The classes that have pixels in the tile, and how many rows and columns of them."""
        found = []
        for one in classes(self.kernel, self.stride, self.before):
            sizes = zip(self.size, one.place, self.stride, strict=True)
            count = _pair([-(-(size - place) // step) for size, place, step in sizes])
            if min(count) > 0:
                found.append((one, count))
        return tuple(found)

    @property
    def low(self) -> Pair:
        """The first row and column of the cotangent that is read, from that of the first step on."""
        return _pair([min((one.corner[i] for one, _ in self.classes), default=0) for i in (0, 1)])

    @property
    def tile(self) -> Pair:
        """Rows and columns of the cotangent that are read, those outside of it included."""
        ends = [
            max((one.corner[i] + one.taps[i] + count[i] - 1 for one, count in self.classes), default=1)
            for i in (0, 1)
        ]
        return _pair([end - low for end, low in zip(ends, self.low, strict=True)])

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        pixels = sum(count[0] * count[1] * one.taps[0] * one.taps[1] for one, count in self.classes)
        return pixels * self.channels * self.outputs
