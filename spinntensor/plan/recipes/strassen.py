"""Recipe of a 1x1 convolution tile by a Strassen step, mirroring `spinntensor.kernels.strassen_conv`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from math import prod

from spinntensor.kernels.pack_outer import BLOCK
from spinntensor.kernels.strassen_conv import StrassenConv
from spinntensor.kernels.strassen_step import AFTER, BEFORE
from spinntensor.plan.recipe import STREAM, Call, Recipe, Region, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use, part_bytes, places, spans
from spinntensor.plan.recipes.parts import call, gathered, moved, up

PRODUCTS = len(BEFORE) + len(AFTER)


@lru_cache(1 << 14)
def strassen(tile: StrassenConv, use: Use = PLAIN) -> Recipe:
    """The recipe of a tile of this geometry."""
    conv = tile.conv
    groups = spans(tile.half[0], BLOCK * tile.group)
    packed = PRODUCTS * sum(part_bytes(m, tile.half[2], True) * n for m, n in groups.items())
    y_bytes = prod(conv.y_shape)
    x_pieces, y_pieces = (
        (shape[0] if block else 1) * (rows if by_rows else 1)
        for shape, block, rows, by_rows in zip(
            (conv.x_shape, conv.y_shape), conv.blocks, (conv.tile[0], conv.out[0]), conv.by_rows, strict=True
        )
    )
    loads = [
        moved("x", prod(conv.x_shape), x_pieces),
        Transfer(STREAM, packed, PRODUCTS * sum(groups.values())),
        Transfer("w", 16 * conv.out_channels, 1),
    ]
    found = list(_calls(tile, use))
    if use.residual:
        loads.append(Transfer("r", up(y_bytes), y_pieces))
        found.append(calls.residual_add(y_bytes, use.signed[1]))
    return Recipe(
        f"strassen 1x1{' + add' if use.residual else ''}",
        regions(tile, use),
        gathered(found),
        tuple(loads),
        (moved("y", y_bytes, y_pieces),),
        conv.macs,
        packed,
        (("group", tile.group), ("resident", False), ("late", use.late)),
    )


def regions(tile: StrassenConv, use: Use) -> tuple[Region, ...]:
    """The regions of the tile with their places; left factors arrive while others are multiplied."""
    sizes = dict(tile.regions)
    twice = places(use, True, True, False) | {"a"} | (set() if use.same_w else {"rows"})
    if use.residual:
        sizes["r"] = prod(tile.conv.y_shape)
        twice.add("r")
    return calls.regions(sizes, twice)


def _calls(tile: StrassenConv, use: Use) -> Iterator[Call]:
    conv, (rows, pixels, channels) = tile.conv, tile.half
    block = conv.blocks[0] or conv.channels
    count, taken = max(1, channels // block), min(channels, block)
    yield call(
        "im2col_u8_outer_u8",
        4,
        kh=count,
        kw=1,
        c=taken,
        oh=1,
        ow=pixels,
        sx=conv.stride[1],
        height=count,
        width=pixels * conv.stride[1],
        more=int(taken < conv.x_pitch),
        signed=int(use.signed[0]),
    )
    yield call("strassen_sums_u8_x4", k2=channels, n2=pixels)
    for m, times in spans(rows, BLOCK * tile.group).items():
        yield calls.gemm(m, pixels, channels, 0, len(BEFORE) * times)
        yield calls.gemm(m, pixels, channels, 1, len(AFTER) * times)
        yield call("strassen_combine_s32_x8", times, n=m * pixels)
    for m, times in _rows(tile).items():
        yield calls.requantize(m, pixels, use.signed[1], 2 * times)


def _rows(tile: StrassenConv) -> Counter[int]:
    """Rows of the requantisations of one half of the pixels, counted: groups cut at the blocks of y."""
    found: Counter[int] = Counter()
    rows, step = tile.half[0], BLOCK * tile.group
    block = tile.conv.blocks[1] or tile.conv.out_channels
    for half in range(2):
        at, last = half * rows, (half + 1) * rows
        while at < last:
            stop = min(at - (at - half * rows) % step + step, at - at % block + block, last)
            found[stop - at] += 1
            at = stop
    return found
