"""A depthwise 3x3 convolution tile of bytes on one core: to planes, convolution with requantisation, back to pixels.

A few channels at a time are spread into int16 planes with their border, convolved plane by plane, and put back among
the pixels. Activations may lie in blocks of channels, one image of [H,W,block] behind the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels import interleave_u8, planes_u8_s16
from spinntensor.kernels.check import array, word
from spinntensor.kernels.depthwise import convolved
from spinntensor.kernels.depthwise_route import WORD, Format
from spinntensor.kernels.depthwise_wide import WORDS, channel
from spinntensor.kernels.kernel import Operands, Work
from spinntensor.kernels.planes_u8_s16 import LANES, OFFSET, pitch_of
from spinntensor.kernels.quantize import limits, multipliers
from spinntensor.kernels.requantize_common import clamp_of
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "depthwise_tile"
TAPS = 3


@dataclass(frozen=True)
class Depthwise:
    """Geometry of a tile, and how it is cut; sizes are (rows, columns).

    Parameters
    ----------
    out : output pixels.
    channels : of input and output, a multiple of 4.
    stride : 1 or 2, of rows and columns.
    border : rows and columns (top, left, bottom, right) under the taps that lie outside the image.
    block : channels of a block, a multiple of 4; 0 for images in one piece.
    group : channels that are planes at a time, a multiple of 4; 0 for all of a block.
    by_rows : whether the rows of input and output lie apart in SDRAM and move one by one.
    """

    out: tuple[int, int]
    channels: int
    stride: int = 1
    border: tuple[int, int, int, int] = (0, 0, 0, 0)
    block: int = 0
    group: int = 0
    by_rows: tuple[bool, bool] = (False, False)

    def __post_init__(self) -> None:
        if self.stride not in (1, 2):
            raise OperandError(
                NAME, "stride", f"{self.stride}", "1 or 2", "compute all and take some of them"
            )
        for name, count in (("channels", self.channels), ("block", self.block), ("group", self.group)):
            if count % LANES:
                raise OperandError(NAME, name, f"{count}", "a multiple of 4", "pad the channels")
        if self.channels % self.pixel:
            received = f"{self.channels} channels in blocks of {self.block}"
            raise OperandError(NAME, "block", received, "whole blocks", "choose another block, or none")
        if min(self.image) < 1:
            raise OperandError(NAME, "border", f"{self.border}", "a pixel inside", "leave the tile out")

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of a plane, border included."""
        rows, columns = ((n - 1) * self.stride + TAPS for n in self.out)
        return rows, columns

    @property
    def image(self) -> tuple[int, int]:
        """Pixels of the input."""
        (rows, columns), (top, left, bottom, right) = self.padded, self.border
        return rows - top - bottom, columns - left - right

    @property
    def pixel(self) -> int:
        """Bytes from pixel to pixel."""
        return self.block or self.channels

    @property
    def blocks(self) -> int:
        """Images of so many channels."""
        return self.channels // self.pixel

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First channel and end of each group: of all channels, no group in two blocks."""
        step = self.group or self.pixel
        starts = (b + i for b in range(0, self.channels, self.pixel) for i in range(0, self.pixel, step))
        return tuple((i, min(i + step, i - i % self.pixel + self.pixel)) for i in starts)

    @property
    def pixels(self) -> int:
        """Output pixels."""
        return self.out[0] * self.out[1]

    @property
    def plane(self) -> int:
        """Bytes of an int16 plane."""
        return 2 * self.padded[0] * pitch_of(self.padded[1])

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of the regions."""
        group = max(end - first for first, end in self.groups)
        return {
            "x": self.image[0] * self.image[1] * self.channels,
            "planes": self.plane * group,
            "w": 4 * WORDS * self.channels,
            "z": interleave_u8.plane_of(self.pixels) * group,
            "y": self.pixels * self.channels,
        }

    def shape(self, image: tuple[int, int]) -> tuple[int, ...]:
        """The shape of an activation with so many rows and columns: with blocks, they come first."""
        return (self.blocks, *image, self.block) if self.block else (*image, self.channels)


def tile(d: Depthwise, operands: Operands) -> Tile:
    """The kernel calls of a tile on these operands, with their places in the DTCM.

    x uint8 or int8 [H,W,C] (with blocks [C/block,H,W,block]), pixels inside the border alone, with zero point `zero`;
    w int8 [C,3,3]; bias, m, p int32 [C]; output zero point `zp` and clamp `low`..`high` of type `dtype`. Stores y
    [OH,OW,C], or a `y i` [OH,OW,block] for each block. Errors as `depthwise_wide.lower`.
    """
    actions = tuple(_actions(d, operands))
    return Tile(NAME, {name: -(-nbytes // 8) * 8 for name, nbytes in d.sizes.items()}, actions)


def checked(d: Depthwise, operands: Operands) -> tuple[np.ndarray, ...]:
    """x, w, bias, m and p with their types and shapes proved, or OperandError."""
    x, size = operands["x"], d.shape(d.image)
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    x = array(NAME, "x", x, np.int8 if signed else np.uint8, len(size), dict(enumerate(size)))
    w = array(NAME, "w", operands["w"], np.int8, 3, {0: d.channels, 1: TAPS, 2: TAPS})
    word(NAME, "zero", operands["zero"], *limits(x.dtype))
    return x, w, *(array(NAME, n, operands[n], np.int32, 1, {0: d.channels}) for n in ("bias", "m", "p"))


def constants(d: Depthwise, operands: Operands) -> np.ndarray:
    """The words of all channels, uint32 [C,8]: planes hold 0..255 and their border the zero point."""
    x, w, bias, m, p = checked(d, operands)
    dtype = np.dtype(operands.get("dtype", np.uint8)).type
    zp, low, high = clamp_of(NAME, operands, dtype)
    zero = operands["zero"] + (OFFSET if x.dtype == np.int8 else 0)
    kernel = f"depthwise_3x3_s16_u8_s{d.stride}_wide"
    rows = np.empty((d.channels, WORDS), np.int32)
    for c in range(d.channels):
        form = Format(word(NAME, "m", m[c], 1, WORD - 1), word(NAME, "p", p[c], 0, 30), zp, low, high)
        folded = int(bias[c]) - zero * int(w[c].sum(dtype=np.int64))
        rows[c] = channel(kernel, w[c], folded, form, 0, 255)
    return rows.view(np.uint32)


def _actions(d: Depthwise, operands: Operands) -> Iterator[Fetch | Step | Store]:
    x = operands["x"]
    packed = constants(d, operands)
    signed = x.dtype == np.int8
    parts = [(f" {i}" if d.block else "", part) for i, part in enumerate(x if d.block else [x])]
    if d.by_rows[0]:
        parts = [(f"{name} row {i}", row) for name, part in parts for i, row in enumerate(part)]
    for i, (name, part) in enumerate(parts):
        yield Fetch(f"x{name}", At("x", i * part.nbytes), np.ascontiguousarray(part))
    yield Fetch("w", At("w"), packed)
    (rows, columns), (oh, ow) = d.image, d.out
    for first, end in d.groups:
        at, inner = divmod(first, d.pixel)
        count, pitch = end - first, 2 * pitch_of(d.padded[1])
        spread = planes_u8_s16.words_of(
            (rows, columns, count), int(operands["zero"]), d.border, signed, d.pixel
        )
        source = At("x", at * rows * columns * d.pixel + inner)
        yield Step("planes_u8_s16", {"x": source, "y": At("planes"), **spread})
        grid = {"channels": count, "out_h": oh, "out_w": ow, "x_pitch": pitch, "x_plane": d.plane}
        places = {"x": At("planes"), "w": At("w", 4 * WORDS * first), "y": At("z")}
        steps = {"y_pitch": ow, "y_plane": interleave_u8.plane_of(d.pixels)}
        yield Step(f"depthwise_3x3_s16_u8_s{d.stride}_wide", {**places, **grid, **steps})
        target = At("y", at * d.pixels * d.pixel + inner)
        joined = interleave_u8.words_of(count, d.pixels, d.pixel)
        yield Step("interleave_u8", {"x": At("z"), "y": target, **joined})
    yield from _stores(d, np.dtype(operands.get("dtype", np.uint8)))


def _stores(d: Depthwise, dtype: np.dtype) -> Iterator[Store]:
    names = [f" {i}" for i in range(d.blocks)] if d.block else [""]
    shape: tuple[int, ...] = (*d.out, d.pixel)
    if d.by_rows[1]:
        names, shape = [f"{name} row {i}" for name in names for i in range(d.out[0])], (1, *shape[1:])
    for i, name in enumerate(names):
        yield Store(f"y{name}", At("y", i * int(np.prod(shape))), shape, dtype)


def twin(d: Depthwise, operands: Operands) -> np.ndarray:
    """y = clamp(zp + rhe((sum w (x - zero) + bias) * m * 2**(p-32))), by definition, in blocks where it has them."""
    x, w, bias, m, p = checked(d, operands)
    dtype = np.dtype(operands.get("dtype", np.uint8)).type
    zp, low, high = clamp_of(NAME, operands, dtype)
    image = np.concatenate(x, axis=-1) if d.block else x
    top, left, bottom, right = d.border
    centred = np.pad(image.astype(np.int16) - operands["zero"], ((top, bottom), (left, right), (0, 0)))
    planes = np.ascontiguousarray(centred.transpose(2, 0, 1))
    y = convolved(d.stride, {"x": planes, "w": w, "bias": bias, "m": m, "p": p}, dtype, zp, low, high)
    pixels = y.transpose(1, 2, 0)
    return np.stack(np.split(pixels, d.blocks, axis=-1)) if d.block else np.ascontiguousarray(pixels)


def sample(d: Depthwise, rng: np.random.Generator, signed: bool = False, extreme: bool = False) -> Operands:
    """Random operands of a tile whose outputs spread over the whole range."""
    dtype = np.int8 if signed else np.uint8
    low, high = limits(dtype)
    size, w_size = d.shape(d.image), (d.channels, TAPS, TAPS)
    m, p = multipliers(rng.uniform(0.5, 2, d.channels) / (75 * TAPS))
    return {
        "x": rng.choice(np.array([low, high], dtype), size)
        if extreme
        else rng.integers(low, high, size, dtype, True),
        "zero": int(rng.integers(low, high, endpoint=True)),
        "w": rng.choice(np.array([-128, 127], np.int8), w_size)
        if extreme
        else rng.integers(-127, 127, w_size, np.int8, endpoint=True),
        "bias": rng.integers(-(1 << 10), 1 << 10, d.channels, np.int32),
        "m": m,
        "p": p,
        "zp": int(rng.integers(low, high, endpoint=True)),
        "dtype": dtype,
    }


def work(d: Depthwise) -> Work:
    """The bound is that of the convolution alone, as `depthwise_wide.work` has it for uint8."""
    outputs = d.pixels * d.channels
    return Work(TAPS * TAPS * outputs, outputs, outputs * (18 if d.stride == 1 else 19))
