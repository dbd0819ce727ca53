"""A 3x3 convolution tile on one core by Winograd F(2x2,3x3) or F(2x4,3x3): input transform, then groups of channels.

V of the whole tile stays in the DTCM. The 16 or 24 transformed weights for each 3x3 arrive group by group, prepared
offline, in two halves of a region so that the next group can be on its way; or the int8 weights arrive and the core
transforms them. Input channels may be cut into chunks: then int32 sums wait in the DTCM and are requantised at the end.
Every pixel the tile reads is in it: borders of the image hold the zero point.

Activations may lie in blocks of channels, one image of [H,W,block] behind the other, as they do in SDRAM. A chunk then
lies in one block, rows arrive one by one between border pixels that stay, and what the last tiles compute outside the
image is not stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import requantize_s32
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Operands, Shape, Work
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.kernels.quantize import limits, multipliers, requantize_rows
from spinntensor.kernels.requantize_common import clamp_words, counts_of
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.kernels.winograd_input import AHEAD
from spinntensor.kernels.winograd_pack import F2X2, F2X4, Winograd, convolve, pack_u
from spinntensor.kernels.winograd_product import checked, row_words, sums_words

NAME = "winograd_tile"
INT32 = (1 << 31) - 1


@dataclass(frozen=True)
class WinogradTile:
    """Geometry of a tile, and how it is cut.

    Parameters
    ----------
    rows, columns : tiles of two rows of output pixels, `width` in each.
    c, m : input and output channels.
    group : output channels whose weights are in the DTCM at a time, a multiple of three.
    chunk : input channels transformed and summed at a time; 0 for all of them.
    on_core : 1 where the core transforms int8 weights (width 2 only), 0 where they come transformed.
    width : 2 or 4. F(2x4,3x3) needs fewer products, 50 % more room for weights, and a smaller bound on the sums.
    blocks : channels of a block of input and output, 0 for images in one piece.
    border : rows and columns of x above, left, below and right that hold the zero point and never arrive.
    out : output rows and columns that are stored; (0, 0) for all that the tiles compute.
    by_rows : whether the rows of input and output lie apart in SDRAM and move one by one even without a border.
    arriving : whether blocks of x arrive just before their first chunk, by turns in the two halves of their region.
    resident : whether the DTCM holds all transformed weights; else those of two groups.
    """

    rows: int
    columns: int
    c: int
    m: int
    group: int = 6
    chunk: int = 0
    on_core: int = 0
    width: int = 2
    blocks: tuple[int, int] = (0, 0)
    border: tuple[int, int, int, int] = (0, 0, 0, 0)
    out: tuple[int, int] = (0, 0)
    by_rows: tuple[bool, bool] = (False, False)
    arriving: bool = False
    resident: bool = False

    def __post_init__(self) -> None:
        for block, channels in zip(self.blocks, (self.c, self.m), strict=True):
            if block and channels % block:
                raise OperandError(NAME, "blocks", block, f"a divisor of {channels} channels", "choose one")
        if self.arriving and not self.blocks[0]:
            raise OperandError(NAME, "arriving", "an input in one piece", "blocks", "let all of it arrive")
        if self.blocks[0] and self.blocks[0] % (self.chunk or self.c):
            expected = f"a part of a block of {self.blocks[0]} channels"
            raise OperandError(NAME, "chunk", self.chunk or self.c, expected, "cut the channels")
        if self.width not in (2, 4):
            raise OperandError(NAME, "width", self.width, "2 or 4", "choose one of them")
        if self.on_core and self.width != 2:
            raise OperandError(
                NAME, "on_core", self.on_core, "0 for width 4", "transform the weights offline"
            )
        if self.group < 1 or self.group % BLOCK:
            raise OperandError(NAME, "group", self.group, "a multiple of 3", "round it up")

    @property
    def winograd(self) -> Winograd:
        return F2X2 if self.width == 2 else F2X4

    @property
    def tiles(self) -> int:
        return self.rows * self.columns

    @property
    def image(self) -> tuple[int, int, int]:
        """Shape of x: pixels with their halo, channels."""
        return 2 * self.rows + 2, self.width * self.columns + 2, self.c

    @property
    def pixels(self) -> int:
        """Output pixels."""
        return 2 * self.width * self.tiles

    @property
    def x_bytes(self) -> int:
        """Bytes of the region for x, what is read behind it included."""
        height, width, c = self.image
        return height * width * (min(c, 2 * self.blocks[0]) if self.arriving else c) + AHEAD

    def x_place(self, channel: int) -> int:
        """Offset of a channel of pixel (0, 0) in the region for x."""
        height, width, c = self.image
        block = self.blocks[0] or c
        number, at = divmod(channel, block)
        return height * width * block * (number % 2 if self.arriving else number) + at

    @property
    def covered(self) -> tuple[int, int]:
        """Output rows and columns that the tiles compute."""
        return 2 * self.rows, self.width * self.columns

    @property
    def stored(self) -> tuple[int, int]:
        """Output rows and columns that leave the core."""
        return self.out[0] or 2 * self.rows, self.out[1] or self.width * self.columns

    @property
    def runs(self) -> tuple[int, int]:
        """Runs of output pixels of a block of channels that leave the core, and the pixels of each."""
        rows, columns = self.stored
        return (1, rows * columns) if columns == self.covered[1] else (rows, columns)

    @property
    def groups(self) -> tuple[slice, ...]:
        """Output channels of each group; where bytes are written at once, they lie in one block of the output."""
        block = self.blocks[1] if len(self.chunks) == 1 and self.blocks[1] else self.m
        return tuple(
            slice(a, min(a + self.group, first + block))
            for first in range(0, self.m, block)
            for a in range(first, first + block, self.group)
        )

    @property
    def chunks(self) -> tuple[slice, ...]:
        """Input channels of each chunk."""
        step = self.chunk or self.c
        return tuple(slice(a, min(a + step, self.c)) for a in range(0, self.c, step))


def of_shape(shape: Shape) -> WinogradTile:
    """The tile that these sizes by name describe."""
    sizes: dict[str, Any] = dict(shape)
    return WinogradTile(**sizes)


def _centred(operands: Operands) -> Operands:
    """Operands whose bias has taken the input's zero point in."""
    x, w = operands["x"], operands["w"]
    zero = word(NAME, "zero", operands.get("zero", 0), *limits(x.dtype))
    bias = array(NAME, "bias", operands["bias"], np.int32, 1, {0: w.shape[0]}).astype(np.int64)
    bias -= zero * w.astype(np.int64).sum((1, 2, 3))
    worst = int(np.abs(bias).max())
    if worst > INT32:
        raise RangeError(NAME, worst, INT32, "the bound is |bias - zero * sum w|: choose a smaller bias")
    return {**operands, "bias": bias.astype(np.int32)}


def build(tile: WinogradTile, operands: Operands) -> Tile:
    """The kernel calls of `tile` on these operands, with their places in the DTCM.

    x uint8 or int8 [2*rows+2, width*columns+2, C], its borders included, with zero point `zero`; w int8 [M,C,3,3];
    bias, m, p int32 [M]; output zero point `zp`, clamp `low`..`high`, `dtype` uint8 or int8. Stores y
    [2*rows, width*columns, M], or what is asked for of it: in one piece, or in blocks, or their rows `y block row`.

    OperandError for operands that do not fit the geometry; RangeError when 32 bits cannot hold four times every sum.
    """
    winograd = tile.winograd
    array(NAME, "x", operands["x"], operands["x"].dtype, 3, dict(enumerate(tile.image)))
    array(NAME, "w", operands["w"], np.int8, 4, {0: tile.m, 1: tile.c, 2: 3, 3: 3})
    x, w, bias, m, p, zp, low, high, limit, dtype = checked(NAME, winograd, _centred(operands))
    cut, epilogue = len(tile.chunks) > 1, clamp_words(zp, low, high, counts_of(NAME, operands))
    if cut:
        constants = requantize_s32.row_words(dtype, bias, m, p, zp, epilogue, limit)
    else:
        constants = row_words(bias, m, p, zp, low, high, limit)
    clamp = {name: epilogue[name] for name in ("range", "low", "counts")}
    widest = max(c.stop - c.start for c in tile.chunks)
    step = 4 * winograd.u_words(min(tile.group, tile.m), widest)
    parts = len(tile.groups) * len(tile.chunks)
    halves = 1 if tile.on_core else parts if tile.resident else min(parts, 2)
    regions = {
        "x": tile.x_bytes,
        "v": 4 * winograd.v_words(tile.tiles, widest),
        "u": halves * step,
        "rows": constants.nbytes,
        "sums": 4 * sums_words(winograd),
        "y": tile.pixels * tile.m,
    }
    if tile.on_core:
        regions["w"] = 9 * widest * min(tile.group, tile.m)
    if cut:
        regions["c"] = 4 * tile.pixels * tile.m
    actions: list[Fetch | Step | Store] = [
        *([] if tile.arriving else _fetched(tile, x)),
        *_behind(tile, x.dtype),
        Fetch("rows", At("rows"), constants),
        *_products(tile, x, w, (step, halves), clamp),
    ]
    if cut:
        actions += _requantized(tile, dtype, epilogue)
    actions += _stored(tile, np.dtype(dtype))
    return Tile(NAME, {n: -(-size // 8) * 8 for n, size in regions.items()}, tuple(actions))


def _behind(tile: WinogradTile, dtype: np.dtype) -> Iterator[Fetch]:
    """What is read behind the blocks of x, and not used."""
    if tile.blocks[0]:
        yield Fetch("behind x", At("x", tile.x_bytes - AHEAD), np.zeros(AHEAD, dtype))


def _fetched(tile: WinogradTile, x: np.ndarray, first: int = 0, count: int = 0) -> Iterator[Fetch]:
    """x in one piece; or so many of its blocks, by rows where columns are missing between them, and their borders."""
    block = tile.blocks[0]
    if not block:
        yield Fetch("x", At("x"), np.pad(x.reshape(-1), (0, AHEAD)))
        return
    height, width, _ = tile.image
    top, left, bottom, right = tile.border
    parts = np.stack(np.split(x, tile.c // block, axis=-1))[first:]
    for b, part in enumerate(parts[: count or None], first):
        inside = np.zeros((height, width, 1), bool)
        inside[top : height - bottom, left : width - right] = True
        flat, at = part.reshape(-1), tile.x_place(b * block)
        kept = np.broadcast_to(inside, part.shape).reshape(-1)
        step = width * block if tile.by_rows[0] else part.size
        ends = np.union1d(np.flatnonzero(np.diff(kept)) + 1, np.arange(step, part.size, step))
        for start, stop in pairwise((0, *ends.tolist(), kept.size)):
            label = f"x {b} {start // (width * block)}" if kept[start] else f"border {b} {start}"
            yield Fetch(label, At("x", at + start), flat[start:stop])


def _stored(tile: WinogradTile, dtype: np.dtype) -> Iterator[Store]:
    """y in one piece, or in blocks, by rows where not all columns are wanted."""
    (rows, columns), (_, width), block = tile.stored, tile.covered, tile.blocks[1] or tile.m
    for b in range(tile.m // block):
        at = b * tile.pixels * block
        if columns == width and not tile.by_rows[1]:
            yield Store(f"y {b}" if tile.blocks[1] else "y", At("y", at), (rows, columns, block), dtype)
            continue
        for row in range(rows):
            yield Store(f"y {b} {row}", At("y", at + row * width * block), (1, columns, block), dtype)


def _products(tile: WinogradTile, x, w, u: tuple[int, int], clamp) -> Iterator[Fetch | Step]:
    """Input transforms and products; `u` is a part of the region for weights in bytes, and how many there are."""
    kind, (_, width, c) = "s8" if x.dtype == np.int8 else "u8", x.shape
    turn, name = 0, tile.winograd.name
    x_block, y_block = tile.blocks[0] or c, tile.blocks[1] or tile.m
    for i, chunk in enumerate(tile.chunks):
        channels = chunk.stop - chunk.start
        grid = {"tiles": tile.tiles, "columns": tile.columns, "pairs": pairs_of(channels)}
        if tile.arriving and chunk.start % x_block == 0:
            yield from _fetched(tile, x, chunk.start // x_block, 1)
        place = {
            "x": At("x", tile.x_place(chunk.start)),
            "v": At("v"),
            "x_step": x_block,
            "x_row": width * x_block,
        }
        yield Step(f"winograd_input_{kind}_{name}", {**place, **grid})
        for j, group in enumerate(tile.groups):
            words = {"u": At("u", turn % u[1] * u[0]), "m": group.stop - group.start}
            turn += 1
            if tile.on_core:
                yield Fetch(f"w {i, j}", At("w"), np.ascontiguousarray(w[group, chunk]))
                yield Step("winograd_weight_s8_2x2", {"w": At("w"), **words, "channels": channels})
            else:
                yield Fetch(f"u {i, j}", words["u"], pack_u(tile.winograd.weights(w[group, chunk])))
            words |= {"v": At("v"), "sums": At("sums"), **grid}
            if len(tile.chunks) > 1:
                place = {
                    "c": At("c", 4 * tile.pixels * group.start),
                    "ldc": tile.pixels,
                    "c_row": tile.covered[1],
                }
                yield Step(
                    f"winograd_product_s16_{name}_s32_u32", {**words, **place, "accumulate": int(i > 0)}
                )
            else:
                at = group.start // y_block * tile.pixels * y_block + group.start % y_block
                place = {"y": At("y", at), "y_step": y_block, "y_row": tile.covered[1] * y_block}
                rows = At("rows", 16 * group.start)
                yield Step(f"winograd_product_s16_{name}_u32", {**words, **place, "rows": rows, **clamp})


def _requantized(tile: WinogradTile, dtype: np.dtype, words: dict[str, int]) -> Iterator[Step]:
    """The sums to bytes, a call for each block of y: of what leaves the core, row by row where columns stay behind."""
    block, (runs, pixels), width = tile.blocks[1] or tile.m, tile.runs, tile.covered[1]
    name = f"requantize_s32_{'s8' if dtype == np.int8 else 'u8'}_x16"
    steps = {"y_step": block, "y_row": 1}
    for first in range(0, tile.m, block):
        for row in range(runs):
            pixel = first * tile.pixels + row * width, first * tile.pixels + row * width * block
            place = {"c": At("c", 4 * pixel[0]), "y": At("y", pixel[1]), "rows": At("rows", 16 * first)}
            yield Step(name, {**place, "m": block, "n": pixels, "ldc": tile.pixels, **steps, **words})


def twin(operands: Operands, winograd: Winograd = F2X2) -> np.ndarray:
    """y = clamp(zp + rhe((sum w (x - zero) + bias) * 2**p * m / 2**32)): the convolution by its definition.

    The same for every kind of tile; `winograd` says only whose range proof must hold.
    """
    _, w, _, m, p, zp, low, high, _, dtype = checked(NAME, winograd, _centred(operands))
    x = operands["x"].astype(np.int32) - operands.get("zero", 0)
    sums = np.zeros((w.shape[0], x.shape[0] - 2, x.shape[1] - 2), np.int32)
    convolve(x, w.astype(np.int32), sums)
    y = np.empty((w.shape[0], sums[0].size), dtype)
    requantize_rows(sums.reshape(y.shape), operands["bias"], m, p, zp, low, high, y)
    return np.ascontiguousarray(y.reshape(sums.shape).transpose(1, 2, 0))


def sample(rng: np.random.Generator, shape: Shape, extreme: bool, signed: bool = False) -> Operands:
    """Random operands whose outputs spread over the whole range."""
    tile = of_shape(shape)
    dtype = np.int8 if signed else np.uint8
    low, high = limits(dtype)
    m, p = multipliers(rng.uniform(0.5, 2, tile.m) / (75 * (9 * tile.c) ** 0.5))
    operands: dict[str, Any] = {
        "x": rng.integers(low, high, tile.image, dtype, endpoint=True),
        "w": rng.integers(-127, 127, (tile.m, tile.c, 3, 3), np.int8, endpoint=True),
        "bias": rng.integers(-(1 << 14), 1 << 14, tile.m, np.int32),
        "zero": int(rng.integers(low, high, endpoint=True)),
        "m": m,
        "p": p,
        "zp": int(rng.integers(low, high, endpoint=True)),
        "dtype": dtype,
    }
    if extreme:
        operands["x"] = rng.choice(np.array([low, high], dtype), tile.image)
        operands["w"] = rng.choice(np.array([-128, 127], np.int8), operands["w"].shape)
    return operands


def work(shape: Shape) -> Work:
    """Nine MACs for every output and pair of channels; the bound is that of the products: 18 in 24 cycles."""
    tile = of_shape(shape)
    pairs = tile.m * tile.c
    return Work(
        9 * tile.pixels * pairs, tile.pixels * tile.m, tile.winograd.positions * tile.tiles * pairs * 24 / 18
    )


def _line(rows: int, columns: int, c: int, m: int, group: int, **more: int) -> Shape:
    return {
        "rows": rows,
        "columns": columns,
        "c": c,
        "m": m,
        "group": group,
        "chunk": 0,
        "on_core": 0,
        "width": 2,
    } | more


bench = (
    _line(3, 4, 64, 64, group=6),
    _line(3, 6, 64, 64, group=3),
    _line(3, 6, 64, 64, group=3, on_core=1),
    _line(2, 3, 128, 128, group=3),
    _line(2, 3, 256, 96, group=6, chunk=64),
    _line(3, 3, 64, 64, group=3, width=4),
    _line(2, 3, 128, 48, group=3, chunk=64, width=4),
    _line(1, 3, 256, 96, group=3, chunk=64, width=4),
)
