"""Geometry of a convolution tile: its sizes, how it is cut, and how its activations lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from spinntensor.errors import OperandError
from spinntensor.kernels.pack_outer import BLOCK

NAME = "conv2d_tile"


@dataclass(frozen=True)
class Conv2d:
    """Geometry of a tile, and how it is cut; sizes are (rows, columns).

    Parameters
    ----------
    tile : pixels of the input tile, halo included, explicit padding not.
    channels, out_channels : of input and output.
    kernel, stride, out : taps, steps and output pixels.
    corner : pixel under the first tap of the first output; negative where the tile is padded.
    chunk : kernel rows, kernel columns and channels of a chunk of k; they need not divide the whole.
    group : panels of three output channels that are expanded and multiplied at a time.
    resident : whether the DTCM holds all weights; else those of a group arrive just before they are expanded.
    pitch : bytes from pixel to pixel of input and output, 0 for as many as channels. Bytes behind the channels are
        not read, and written as zeros.
    blocks : channels of a block of input and output, 0 for images in one piece; then there is no pitch.
    expanded : weights come as int16 panels, made offline: twice the bytes, and nothing to expand on the core.
    apart : y never takes the place of x, so that x is still there afterwards.
    by_rows : whether the rows of input and output lie apart in SDRAM and move one by one.
    arriving : whether blocks of x arrive just before their first chunk, by turns in the two halves of their region.
    """

    tile: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    corner: tuple[int, int]
    out: tuple[int, int]
    chunk: tuple[int, int, int]
    group: int = 1
    resident: bool = True
    pitch: tuple[int, int] = (0, 0)
    blocks: tuple[int, int] = (0, 0)
    expanded: bool = False
    apart: bool = False
    by_rows: tuple[bool, bool] = (False, False)
    arriving: bool = False

    def __post_init__(self) -> None:
        for i, channels in enumerate((self.channels, self.out_channels)):
            if self.blocks[i] and (channels % self.blocks[i] or self.pitch[i]):
                received = f"{channels} channels in blocks of {self.blocks[i]}, pitch {self.pitch[i]}"
                mend = "choose another block, or none"
                raise OperandError(NAME, f"blocks[{i}]", received, "whole blocks and no pitch", mend)
        if self.arriving and not self.blocks[0]:
            raise OperandError(NAME, "arriving", "an input in one piece", "blocks", "let all of it arrive")
        block, step = self.blocks[0], min(self.chunk[2], self.channels)
        if block and block % step and (step % block or not self.flat):
            expected = "part of a block, or whole blocks of a 1x1 convolution of whole rows"
            received = f"{step} channels of blocks of {block}"
            raise OperandError(NAME, "chunk[2]", received, expected, f"take at most {block} channels")

    @property
    def flat(self) -> bool:
        """Whether the pixels read lie at equal distances: a 1x1 convolution of whole rows."""
        covered = self.tile == (self.out[0], self.out[1] * self.stride[1])
        return self.kernel == (1, 1) and self.stride[0] == 1 and self.corner == (0, 0) and covered

    @property
    def x_pitch(self) -> int:
        """Bytes from pixel to pixel of the input."""
        return self.blocks[0] or self.pitch[0] or self.channels

    @property
    def y_pitch(self) -> int:
        """Bytes from pixel to pixel of the output."""
        return self.blocks[1] or self.pitch[1] or self.out_channels

    @property
    def spare(self) -> bool:
        """Whether bytes of the output lie behind its channels."""
        return not self.blocks[1] and self.y_pitch > self.out_channels

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of x as it lies in memory."""
        blocks = (self.channels // self.blocks[0],) if self.blocks[0] else ()
        return (*blocks, *self.tile, self.x_pitch)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of y as it lies in memory."""
        blocks = (self.out_channels // self.blocks[1],) if self.blocks[1] else ()
        return (*blocks, *self.out, self.y_pitch)

    @property
    def pixels(self) -> int:
        """Output pixels: the columns of the product."""
        return self.out[0] * self.out[1]

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        return self.pixels * self.out_channels * self.kernel[0] * self.kernel[1] * self.channels

    @cached_property
    def chunks(self) -> tuple[tuple[slice, slice, slice], ...]:
        """The chunks in order: slices of kernel rows, kernel columns and channels."""
        rows, columns, channels = (
            [slice(a, min(a + step, size)) for a in range(0, size, step)]
            for size, step in zip((*self.kernel, self.channels), self.chunk, strict=True)
        )
        if self.arriving:
            return tuple((r, c, d) for d in channels for r in rows for c in columns)
        return tuple((r, c, d) for r in rows for c in columns for d in channels)

    @property
    def part(self) -> int:
        """Channels of x that are in the DTCM at a time."""
        return max(self.blocks[0], min(self.chunk[2], self.channels)) if self.arriving else self.channels

    @property
    def x_bytes(self) -> int:
        """Bytes of the region for x."""
        area = self.tile[0] * self.tile[1]
        if not self.arriving:
            return area * self.x_pitch * (self.channels // self.blocks[0] if self.blocks[0] else 1)
        return area * self.part * min(2, -(-self.channels // self.part))

    def x_place(self, channel: int) -> int:
        """Offset of a channel of pixel (0, 0) in the region for x."""
        area, block = self.tile[0] * self.tile[1], self.blocks[0] or self.channels
        part, at = divmod(channel, self.part)
        return area * (part % 2 * self.part * self.arriving + at // block * self.x_pitch) + at % block

    @cached_property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First output channel of each group, and the one behind its last."""
        step = BLOCK * self.group
        return tuple((a, min(a + step, self.out_channels)) for a in range(0, self.out_channels, step))
