"""A 1x1 convolution tile on bytes by one step of Strassen's algorithm: seven int16 products where eight would be.

C[M,N] = W[M,K] X[K,N]: the channels of the input are cut in two halves, the pixels too, and the output channels. The
four blocks of X are packed and their sums made on the core (`strassen_step`); the seven left factors come made offline,
some panels of three rows at a time. Each group of rows is requantised as soon as its four blocks are complete. All in
integers, hence the bits of the plain product. Activations may lie in blocks of channels (`conv2d_tile`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels.conv2d_tile import Conv2d, checked, constants, fetched, stored
from spinntensor.kernels.kernel import Operands
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pairs_of
from spinntensor.kernels.requantize_common import clamp_words, counts_of
from spinntensor.kernels.strassen_step import AFTER, BEFORE, GEMM, left_factors, prove
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "strassen_conv"
RIGHT = ("b11", "b12", "b21", "b22", "t1", "t2", "t4")
SUMS = ("c11", "c12", "c21", "c22")


@dataclass(frozen=True)
class StrassenConv:
    """A 1x1 convolution of whole rows, and how many panels of three rows of each left factor arrive at a time.

    `conv` says sizes, blocks and transfers; its chunk and group do not matter.
    """

    conv: Conv2d
    group: int = 1

    def __post_init__(self) -> None:
        c = self.conv
        half = c.channels // 2
        block = c.blocks[0] or c.channels
        if not c.flat or c.arriving or c.spare:
            mend = "use conv2d_tile"
            raise OperandError(NAME, "conv", repr(c), "a 1x1 convolution of whole rows that are there", mend)
        if c.channels % 2 or c.out_channels % 2 or c.pixels % 2 or (half % block and block % half):
            received = (
                f"{c.channels} channels, {c.out_channels} outputs, {c.pixels} pixels, blocks of {block}"
            )
            expected = "even numbers, half of the channels in whole blocks or in one"
            raise OperandError(NAME, "conv", received, expected, "use conv2d_tile")

    @property
    def half(self) -> tuple[int, int, int]:
        """Halves of output channels, pixels and input channels."""
        return self.conv.out_channels // 2, self.conv.pixels // 2, self.conv.channels // 2

    @property
    def right_words(self) -> int:
        """Words of the panels of a block of X."""
        _, pixels, channels = self.half
        return -(-pixels // BLOCK) * BLOCK * pairs_of(channels) + 1

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First row of each group of a half of the output channels, and the one behind its last."""
        rows, step = self.half[0], BLOCK * self.group
        return tuple((a, min(a + step, rows)) for a in range(0, rows, step))

    @property
    def regions(self) -> dict[str, int]:
        """Bytes of the regions."""
        rows, pixels, channels = self.half
        pairs = pairs_of(channels)
        panels = min(self.group, -(-rows // BLOCK))
        sizes = {"x": self.conv.x_bytes, "pad": 8}
        sizes |= dict.fromkeys(RIGHT, 4 * self.right_words)
        sizes["a"] = 4 * panels * (BLOCK * pairs + chunks_of(pairs))
        sizes |= dict.fromkeys(SUMS, 4 * min(BLOCK * panels, rows) * pixels)
        sizes |= {"rows": 16 * self.conv.out_channels, "y": int(np.prod(self.conv.y_shape))}
        return {name: -(-size // 8) * 8 for name, size in sizes.items()}


def tile(strassen: StrassenConv, operands: Operands) -> Tile:
    """The kernel calls on these operands, which are those of `conv2d_tile.tile`; `twin` is that one's, too.

    RangeError when 32 bits cannot hold the seven products together, whatever x is.
    """
    conv = strassen.conv
    x, w, bias, m, p, dtype, (zp, low, high) = checked(conv, operands)
    offset = 128 if x.dtype == np.int8 else 0
    flat = w.reshape(conv.out_channels, -1)
    clamp = clamp_words(zp, low, high, counts_of(NAME, operands))
    rows = constants(NAME, flat, operands["zero"] + offset, (bias, m, p), zp, clamp, dtype)
    left = left_factors(flat)
    prove(left, conv.channels, np.full(1, 255, np.uint8))
    requantize = f"requantize_s32_{'s8' if dtype == np.int8 else 'u8'}_x16"
    actions: list[Fetch | Step | Store] = [
        *fetched(conv, x, 0),
        Fetch("pad", At("pad"), np.zeros(8, np.uint8)),
        Fetch("rows", At("rows"), rows),
        *_packed(strassen, 0x80 if offset else 0),
    ]
    for first, end in strassen.groups:
        actions += _group(strassen, left, first, end)
        for words in _requantized(strassen, first, end):
            actions.append(Step(requantize, {**words, **clamp}))
    actions += stored(conv, At("y"), np.dtype(dtype))
    return Tile(NAME, strassen.regions, tuple(actions))


def _packed(strassen: StrassenConv, flip: int) -> Iterator[Step]:
    """The four blocks of X in panels, and their sums."""
    conv, (_, pixels, channels) = strassen.conv, strassen.half
    block = conv.blocks[0] or conv.channels
    area, count = conv.tile[0] * conv.tile[1], max(1, channels // block)
    taken = min(channels, block)
    for i in range(2):
        for j in range(2):
            at = conv.x_place(i * channels) + j * pixels * conv.stride[1] * conv.x_pitch
            words: dict[str, int | At] = {
                "x": At("x", at),
                "pad": At("pad"),
                "b": At(RIGHT[2 * i + j]),
                "tile": count | pixels * conv.stride[1] << 16,
                "row_stride": area * conv.x_pitch,
                "pixel_stride": conv.x_pitch,
                "channel_stride": 1,
                "channels": taken,
                "kernel": count | 1 << 8 | 1 << 16 | conv.stride[1] << 24,
                "corner": 0,
                "out": 1 | pixels << 16,
                "flip": flip,
            }
            yield Step("im2col_u8_outer_u8", words)
    yield Step("strassen_sums_u8_x4", {**{n: At(n) for n in RIGHT}, "words": strassen.right_words})


def _group(
    strassen: StrassenConv, left: dict[str, np.ndarray], first: int, end: int
) -> Iterator[Fetch | Step]:
    """The seven products of a group of rows."""
    _, pixels, channels = strassen.half
    shape = {"m": end - first, "n": pixels, "pairs": pairs_of(channels), "ldc": pixels}
    for products, accumulate in ((BEFORE, 0), (AFTER, 1)):
        for s, t, c in products:
            yield Fetch(f"w {s} {first}", At("a"), pack_a(left[s][first:end]))
            yield Step(GEMM, {"a": At("a"), "b": At(t), "c": At(c), **shape, "accumulate": accumulate})
        if not accumulate:
            places = {n: At(n) for n in SUMS}
            yield Step("strassen_combine_s32_x8", {**places, "count": (end - first) * pixels})


def _requantized(strassen: StrassenConv, first: int, end: int) -> Iterator[dict[str, int | At]]:
    """Words of the requantisations of a group's four blocks of sums, one for each block of channels of y."""
    conv, (rows, pixels, _) = strassen.conv, strassen.half
    block = conv.blocks[1] or conv.out_channels
    for i in range(2):
        at, last = i * rows + first, i * rows + end
        while at < last:
            stop = min(last, at - at % block + block)
            for j in range(2):
                place = at // block * conv.pixels * conv.y_pitch + j * pixels * conv.y_pitch + at % block
                yield {
                    "c": At(SUMS[2 * i + j], 4 * (at - i * rows - first) * pixels),
                    "y": At("y", place),
                    "rows": At("rows", 16 * at),
                    "m": stop - at,
                    "n": pixels,
                    "ldc": pixels,
                    "y_step": conv.y_pitch,
                    "y_row": 1,
                }
            at = stop
