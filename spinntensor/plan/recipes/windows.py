"""Tiles of convolutions whose taps of one kernel row are neighbours in the DTCM, and the adjoint as such tiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conv:
    """A convolution tile; sizes are (rows, columns).

    Parameters
    ----------
    out : output pixels of the tile.
    channels, out_channels : of input and output.
    kernel, stride : taps and steps.
    block : channels of a block where the input lies channel-blocked, else 0.
    """

    out: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    block: int = 0

    @property
    def tile(self) -> tuple[int, int]:
        """Pixels of the input tile, its border of zeros included."""
        (oh, ow), (sy, sx), (kh, kw) = self.out, self.stride, self.kernel
        return (oh - 1) * sy + kh, (ow - 1) * sx + kw

    @property
    def border(self) -> int:
        """Pixels of the border at most: those of a tile that is a whole image with a padding that keeps its size."""
        (rows, columns), (kh, kw) = self.tile, self.kernel
        return rows * columns - (rows - kh + 1) * (columns - kw + 1)

    @property
    def chunk(self) -> int:
        """k of a chunk: the taps of a kernel row in a block of channels."""
        return self.kernel[1] * (self.block or self.channels)

    @property
    def chunks(self) -> int:
        """Chunks of the sums."""
        return self.kernel[0] * self.channels // (self.block or self.channels)

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


def adjoint(c: Conv) -> tuple[Conv, ...]:
    """What computes the adjoint by the input, of a cotangent tile of `c.out` pixels: convolutions of the cotangent.

    Input pixels fall into stride x stride classes by the taps that reach them; each class is a convolution of stride
    1 with its own taps, flipped, and has about as many pixels as the cotangent. Classes that no tap reaches are
    zeros and not listed; `c.channels` and `c.out_channels` change places.
    """
    (kh, kw), (sy, sx) = c.kernel, c.stride
    taps = [((kh - a + sy - 1) // sy, (kw - b + sx - 1) // sx) for a in range(sy) for b in range(sx)]
    return tuple(
        Conv(c.out, c.out_channels, c.channels, kernel, (1, 1), 0) for kernel in taps if min(kernel) > 0
    )
