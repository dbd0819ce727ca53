"""The best recipes for a box of an int8 convolution's result: im2col, Winograd and Strassen, and how each is cut."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from spinntensor.errors import OperandError
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.pack_outer import BLOCK
from spinntensor.kernels.strassen_conv import StrassenConv
from spinntensor.kernels.winograd_tile import WinogradTile
from spinntensor.machine.facts import facts
from spinntensor.plan.engine import engine_cycles
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import conv as im2col
from spinntensor.plan.recipes import strassen as stepped
from spinntensor.plan.recipes import winograd as transformed
from spinntensor.plan.recipes.conv import PLAIN, Use
from spinntensor.plan.recipes.parts import ROOM

GROUPS = (64, 48, 32, 22, 16, 11, 8, 6, 4, 3, 2, 1)
"""Panels of three output channels at a time that are tried, besides all of them: the largest that fits is taken."""


PACKED = ("chunk", "group", "resident", "expanded", "apart", "arriving")
TRANSFORMED = ("chunk", "group", "on_core", "resident")
"""What the recipes by im2col and by Winograd say of their tiles besides the sizes."""


@dataclass(frozen=True)
class ConvBox:
    """What a tile computes, by sizes.

    Parameters
    ----------
    out : output rows and columns.
    channels, out_channels : of input and output.
    kernel, stride : taps and steps, (rows, columns).
    border : rows and columns (top, left, bottom, right) of the taps' field that lie outside the image; negative at the
        right where so many columns behind the field are fetched as well.
    blocks : channels of a block of input and output in SDRAM; 0 for images in one piece.
    by_rows : whether the input's and the output's rows in SDRAM are longer than those of the tile.
    pitch : bytes from pixel to pixel of input and output in one piece; 0 for as many as channels.
    """

    out: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    border: tuple[int, int, int, int] = (0, 0, 0, 0)
    blocks: tuple[int, int] = (0, 0)
    by_rows: tuple[bool, bool] = (False, False)
    pitch: tuple[int, int] = (0, 0)

    @property
    def whole(self) -> tuple[bool, bool]:
        """Whether pixels of input and output, or their blocks, are whole double words."""
        x, y = (
            (block or pitch or channels) % DOUBLE == 0
            for block, pitch, channels in zip(
                self.blocks, self.pitch, (self.channels, self.out_channels), strict=True
            )
        )
        return x, y

    @property
    def field(self) -> tuple[int, int]:
        """Rows and columns of input under all taps, border included."""
        rows, columns = ((n - 1) * s + k for n, s, k in zip(self.out, self.stride, self.kernel, strict=True))
        return rows, columns


def cycles(recipe: Recipe) -> float:
    """Model cycles of a tile without waiting: kernels and the engine's commands, at the usual facts."""
    moves = sum(t.pieces for t in (*recipe.loads, *recipe.stores))
    count = sum(call.count for call in recipe.calls)
    return sum(call.cycles for call in recipe.calls) + engine_cycles(moves, 1, count, facts())


def loaded(recipe: Recipe, use: Use = PLAIN) -> int:
    """Bytes that each tile of a row of them loads and stores, where what stays is not loaded again."""
    stays = {"x": use.same_x, "w": use.same_w}
    loads = sum(t.nbytes for t in recipe.loads if not stays.get(t.operand))
    return loads + sum(t.nbytes for t in recipe.stores)


@lru_cache(1 << 14)
def best(
    box: ConvBox, room: int = ROOM, use: Use = PLAIN, widths: tuple[int, ...] = (2, 4), most: int = 4
) -> tuple[Recipe, ...]:
    """The fastest recipes that fit `room` bytes, each slower one with fewer bytes to move; () where none fits.

    `widths` are those of Winograd for which the range of the sums is proved: of the layer's weights, or for any weights
    by `winograd.proved`.
    """
    return front(every(box, room, use, widths), use, most)


@lru_cache(1 << 14)
def every(
    box: ConvBox, room: int = ROOM, use: Use = PLAIN, widths: tuple[int, ...] = (2, 4)
) -> tuple[Recipe, ...]:
    """A recipe for each way to cut the tile that fits `room` bytes, with the largest group of weights that does."""
    found = [*_im2col(box, room, use)]
    if box.kernel == (3, 3) and box.stride == (1, 1) and box.pitch == (0, 0) and all(box.whole):
        found += _winograd(box, room, use, widths)
    if box.kernel == (1, 1):
        found += _strassen(box, room, use)
    return tuple(found)


def alike(box: ConvBox, room: int, use: Use, like: Recipe) -> Recipe | None:
    """The recipe for a box whose weights are packed as those of another one; None where there is none."""
    cut: dict[str, Any] = dict(like.detail)
    try:
        if "width" in cut:
            tile = transformed_tile(box, cut["width"], cut["arriving"])
            made = transformed.winograd(replace(tile, **{name: cut[name] for name in TRANSFORMED}), use)
        elif "chunk" in cut:
            made = im2col.conv(replace(geometry(box), **{name: cut[name] for name in PACKED}), use)
        else:
            made = stepped.strassen(StrassenConv(geometry(box), cut["group"]), use)
    except OperandError:
        return None
    return made if made.dtcm_bytes <= room else None


def front(recipes: Sequence[Recipe], use: Use, most: int) -> tuple[Recipe, ...]:
    """Those that no other one beats in both cycles and bytes moved, the fastest first, at most so many."""
    costs = sorted((cycles(r), loaded(r, use), i) for i, r in enumerate(recipes))
    kept: list[Recipe] = []
    least = None
    for _, nbytes, i in costs:
        if least is None or nbytes < least:
            least = nbytes
            kept.append(recipes[i])
    return tuple(kept[:most])


def _im2col(box: ConvBox, room: int, use: Use) -> Iterator[Recipe]:
    every = -(-box.out_channels // BLOCK)
    groups = (every, *(g for g in GROUPS if g < every))
    base = geometry(box)
    for chunk in _chunks(base):
        arriving = bool(box.blocks[0]) and not use.same_x and max(chunk[2], box.blocks[0]) < box.channels
        least = replace(base, chunk=chunk, expanded=True, resident=False, arriving=arriving)
        if not _fits(least, use, room, 1):
            continue
        for expanded in (True, False) if use.packed else (True,):
            for resident in (True, False):
                cut = replace(base, chunk=chunk, expanded=expanded, resident=resident, arriving=arriving)
                group = _largest(groups, partial(_fits, cut, use, room))
                if not group:
                    continue
                yield im2col.conv(replace(cut, group=group), use)
                if resident and group == every:
                    break


def geometry(box: ConvBox) -> Conv2d:
    """The tile without its cuts.

    Of a 1x1 convolution with a stride the rows between are not fetched at all, where rows begin at double words;
    columns between are.
    """
    top, left, bottom, right = box.border
    (height, width), stride, by_rows = box.field, box.stride, box.by_rows
    if box.kernel == (1, 1) and stride != (1, 1) and box.whole[0]:
        height, width, stride, by_rows = (
            box.out[0],
            box.out[1] * stride[1],
            (1, stride[1]),
            (True, by_rows[1]),
        )
    return Conv2d(
        (height - top - bottom, width - left - right),
        box.channels,
        box.out_channels,
        box.kernel,
        stride,
        (-top, -left),
        box.out,
        (1, 1, box.blocks[0] or box.channels),
        pitch=box.pitch,
        blocks=box.blocks,
        apart=True,
        by_rows=by_rows,
    )


def _largest(groups: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The first of the falling `groups` that fits, or 0; what fits a group fits a smaller one."""
    return next(iter(groups[bisect_left(groups, True, key=fits) :]), 0)


def _fits(g: Conv2d, use: Use, room: int, group: int) -> bool:
    return sum(r.total for r in im2col.regions(replace(g, group=group), use)) <= room


def _chunks(g: Conv2d) -> list[tuple[int, int, int]]:
    """Chunks that are tried: parts of a block, blocks, or fours of channels; rows of taps, or all taps."""
    block = g.blocks[0]
    if block and g.flat:
        count = g.channels // block
        channels = {-(-count // parts) * block for parts in range(1, count + 1)}
        channels |= {block // 2} if block >= 16 else set()
    elif block:
        channels = {block // parts for parts in (1, 2, 4) if block // parts >= 8}
    else:
        channels = {min(-(-g.channels // parts // 4) * 4, g.channels) for parts in (1, 2, 3, 4, 6, 8)}
    rows, columns = g.kernel
    taps = dict.fromkeys(((rows, columns), (-(-rows // 2), columns), (1, columns)))
    return [(*t, c) for t in taps for c in sorted(channels, reverse=True)]


def _strassen(box: ConvBox, room: int, use: Use) -> Iterator[Recipe]:
    base = geometry(box)
    block = box.blocks[0] or box.channels
    half = box.channels // 2
    odd = box.channels % 2 or box.out_channels % 2 or base.pixels % 2
    if odd or (half % block and block % half) or not base.flat or base.spare:
        return
    for group in GROUPS:
        tile = StrassenConv(base, group)
        if sum(r.total for r in stepped.regions(tile, use)) <= room:
            yield stepped.strassen(tile, use)
            return


def transformed_tile(box: ConvBox, width: int, arriving: bool) -> WinogradTile:
    """The tile by Winograd F(2 x width, 3x3) without its cuts; what the last tiles have too many is not stored."""
    (rows, columns), (top, left, bottom, right) = box.out, box.border
    down, across = -(-rows // 2), -(-columns // width)
    more = 2 * down - rows, width * across - columns
    return WinogradTile(
        down,
        across,
        box.channels,
        box.out_channels,
        chunk=box.blocks[0],
        width=width,
        blocks=box.blocks,
        by_rows=box.by_rows,
        arriving=arriving,
        border=(top, left, bottom + more[0], right + more[1]),
        out=box.out if more != (0, 0) else (0, 0),
    )


def _winograd(box: ConvBox, room: int, use: Use, widths: tuple[int, ...]) -> Iterator[Recipe]:
    every = -(-box.out_channels // BLOCK)
    groups = (every, *(g for g in GROUPS if g < every))
    block = box.blocks[0] or box.channels
    chunks = [block // parts for parts in (1, 2, 4) if block % parts == 0 and block // parts % 4 == 0] or [
        block
    ]
    arriving = bool(box.blocks[0]) and not use.same_x and box.channels > box.blocks[0]
    for width in widths:
        base = transformed_tile(box, width, arriving)
        for chunk in chunks:
            for on_core, resident in ((0, True), (0, False), (1, False)):
                if on_core and width != 2:
                    continue
                cut = replace(base, chunk=chunk, on_core=on_core, resident=resident)
                group = _largest(groups, partial(_holds, cut, use, room))
                if group:
                    yield transformed.winograd(replace(cut, group=BLOCK * group), use)


def _holds(tile: WinogradTile, use: Use, room: int, group: int) -> bool:
    return sum(r.total for r in transformed.regions(replace(tile, group=BLOCK * group), use)) <= room
