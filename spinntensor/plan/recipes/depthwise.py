"""Recipe of a depthwise 3x3 convolution tile of bytes, mirroring `kernels.depthwise_tile`, and how it is cut.

Border pixels stay in the DTCM and are not counted as loads. Planes come and go within a tile: one place for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.kernels.planes_u8_s16 import LANES
from spinntensor.plan.recipe import Call, Recipe, Region, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use, places
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, up


@lru_cache(1 << 14)
def depthwise(d: Depthwise, use: Use = PLAIN, route: int = 0) -> Recipe:
    """The recipe of a tile of this geometry; any multiplier.

    `route` as the kernel's packing finds it by channel, here for all: 0 for fast, 1 for signed bytes, 2 for exact (a
    clamp within the range of bytes).
    """
    sizes = d.sizes
    y_pieces = d.blocks * (d.out[0] if d.by_rows[1] else 1)
    x_pieces = d.blocks * (d.image[0] if d.by_rows[0] else 1)
    loads = [moved("x", sizes["x"], x_pieces), Transfer("w", up(sizes["w"]))]
    found = list(_calls(d, use, route))
    if use.residual:
        loads.append(Transfer("r", up(sizes["y"]), y_pieces))
        found.append(calls.residual_add(sizes["y"], use.signed[1]))
    return Recipe(
        f"depthwise 3x3 stride {d.stride}{' + add' if use.residual else ''}",
        regions(d, use),
        gathered(found),
        tuple(loads),
        (moved("y", sizes["y"], y_pieces),),
        9 * sizes["y"],
        sizes["w"],
        (("group", d.group or d.pixel), ("late", use.late)),
    )


def regions(d: Depthwise, use: Use) -> tuple[Region, ...]:
    """The regions of the tile with their places."""
    sizes = d.sizes
    twice = places(use, True, len(d.groups) == 1, False) | (set() if use.same_w else {"w"})
    if use.residual:
        sizes["r"] = sizes["y"]
        twice.add("r")
    return calls.regions(sizes, twice)


def _calls(d: Depthwise, use: Use, route: int) -> Iterator[Call]:
    (rows, columns), (oh, ow), border = d.image, d.out, dict(zip(_SIDES, d.border, strict=True))
    groups = Counter(end - first for first, end in d.groups)
    for count, times in groups.items():
        words, signed = count // LANES, int(use.signed[0])
        yield call("planes_u8_s16", times, rows=rows, columns=columns, words=words, signed=signed, **border)
        kernel = f"depthwise_3x3_s16_u8_s{d.stride}_wide"
        yield call(kernel, times, c=count, oh=oh, ow=ow, route=max(route, int(use.signed[1])))
        yield call("interleave_u8", times, n=d.pixels, words=words)


_SIDES = ("top", "left", "bottom", "right")


@lru_cache(1 << 14)
def best(d: Depthwise, room: int = ROOM, use: Use = PLAIN, route: int = 0) -> Recipe | None:
    """The recipe with the largest equal groups of channels that fit `room` bytes: the fewest calls; None if none fits.

    `d.group` is not looked at.
    """
    words = d.pixel // LANES
    for parts in range(1, words + 1):
        group = LANES * -(-words // parts)
        cut = replace(d, group=group)
        if sum(r.total for r in regions(cut, use)) <= room:
            return depthwise(cut, use, route)
    return None
