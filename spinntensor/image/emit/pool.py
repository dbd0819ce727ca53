"""Tiles of pooling on bytes: blocks of channels arrive between the pixels of their border, one call for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spinntensor.graph.graph import Node
from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Where
from spinntensor.image.emit.epilogue import Leaving, leaving
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.images import Picture, Room, address, moves, picture
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import Pattern, kept
from spinntensor.kernels._mean import mean_divisor, scale_divisor
from spinntensor.kernels._window import LANES
from spinntensor.kernels._window import Windows as Placed
from spinntensor.kernels.quantize import HALF, limits
from spinntensor.lower.site import dtype_of
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.recipes.pool import MEAN, Pool
from spinntensor.plan.ways.field import Border
from spinntensor.plan.ways.windows import NAMES, Windows, described


def matches(site: Site, recipe: Recipe) -> bool:
    """Windows over bytes."""
    return described(site.setting, site.stage) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile."""
    found = kept(site, "stage", lambda: described(site.setting, site.stage))
    assert found is not None
    x, end = kept(site, "pictures", lambda: _pictures(site))
    (n, _), rows, columns, channels = task.box
    border, (down, across) = found.field.at(rows, columns)
    out = rows[1] - rows[0], columns[1] - columns[0], channels[1] - channels[0]
    corner = n, rows[0], columns[0], channels[0]
    made = kept(site, (out, border, recipe), lambda: _pattern(site, found, out, border, recipe))
    begin = address(site, x, x.offset(n, down[0], across[0], channels[0]))
    return made.at({"x": begin, **end.places(site, corner)})


def _pictures(site: Site) -> tuple[Picture, Leaving]:
    node = site.node(*NAMES)
    assert node is not None
    return picture(site, node.inputs[0]), leaving(site)


def _pattern(
    site: Site, found: Windows, out: tuple[int, int, int], border: Border, recipe: Recipe
) -> Pattern:
    """The tile of so many rows, columns and channels with this border."""
    rows, columns, channels = out
    p = found.tile(rows, columns, channels)
    pixel = p.block or up(channels)
    height, width = found.field.image if found.whole else p.padded
    room = Room(p.block or channels, pixel, width * pixel, height * width * pixel)
    top, left, bottom, right = border
    inside = height - top - bottom, width - left - right, channels
    x, end = _pictures(site)
    actions: list[tuple[str, Action]] = []
    for at, nbytes in _outside(room, (height, width), border, channels):
        fill = site.put(np.full(nbytes, _fill(site), np.uint8))
        actions.append(("", Fetch("border", fill, Spot("x", at, nbytes), nbytes)))
    corner = top * room.row + left * pixel
    for move in moves(x, room, inside):
        spot = Spot("x", corner + move.at, move.nbytes)
        actions.append(("x", Fetch("x", Where(move.offset), spot, move.nbytes)))
    spare = pixel > channels if found.whole else channels % LANES != 0
    divisors, odd = _divisors(site, p, border, inside, spare) if p.kind == MEAN else (None, 0)
    if divisors is not None:
        region = "divisor" if found.whole else "divisors"
        actions.append(
            ("", Fetch("w", site.put(divisors), Spot(region, 0, divisors.nbytes), divisors.nbytes))
        )
    placed = Placed(p.window, p.stride, border, (inside[0], inside[1], pixel))
    plane = rows * columns * pixel
    for block in range(-(-channels // room.block)):
        spots = {"x": Spot("x", block * room.plane, room.plane), "y": Spot("y", block * plane, plane)}
        actions.append(("", _call(found, p, placed, spots, divisors, odd)))
    result = Room(room.block, pixel, columns * pixel, plane)
    return Pattern((*actions, *end.actions(site, recipe, result, out)))


def _call(
    found: Windows, p: Pool, placed: Placed, spots: dict[str, Spot], divisors: np.ndarray | None, odd: int
) -> Step:
    kind = "s8" if found.signed else "u8"
    if found.whole:
        rows, columns, pixel = placed.image
        sizes = {"pixels": rows * columns, "words": pixel // LANES, "odd": odd}
        return Step(f"global_avgpool_{kind}", {**spots, **sizes, "divisor": Spot("divisor")})
    words: dict[str, int | Spot] = {**spots, **placed.frame(), **({} if p.fixed else placed.steps())}
    if divisors is not None:
        step = divisors.shape[1] * divisors.itemsize if len(divisors) > 1 else 0
        words |= {"divisors": Spot("divisors"), "divisor_step": step, "odd": odd}
    return Step(f"{p.kind}_{kind}{p.fixed}", words)


def _outside(room: Room, padded: tuple[int, int], border: Border, channels: int) -> Iterator[tuple[int, int]]:
    """Where the border of each block of channels lies in the region of x, and its bytes, run by run."""
    (height, width), (top, left, bottom, right) = padded, border
    for block in range(-(-channels // room.block)):
        start = at = block * room.plane
        for row in range(top, height - bottom):
            inside = start + row * room.row + left * room.pixel
            if inside > at:
                yield at, inside - at
            at = inside + (width - left - right) * room.pixel
        if start + room.plane > at:
            yield at, start + room.plane - at


def _fill(site: Site) -> int:
    """The byte of the border: one that never is a maximum, or that adds nothing to a sum."""
    node = site.node(*NAMES)
    assert node is not None
    a: dict[str, Any] = dict(attributes(node))
    low = limits(dtype_of(node.type.format))[0]
    counted = node.op == "avg_pool_q" and (a["multiplier"] is not None or a["count_border"])
    return int(a["zero"] if counted else low) & 0xFF


def _divisors(
    site: Site, p: Pool, border: Border, inside: tuple[int, int, int], spare: bool
) -> tuple[np.ndarray, int]:
    """Divisors, uint32 [windows or 1, 4], and what is taken off after rounding; `spare` says whether kernels take the
    mean of what lies behind the channels as well."""
    node = site.node("avg_pool_q")
    assert node is not None
    a: dict[str, Any] = dict(attributes(node))
    low, count = limits(dtype_of(node.type.format))[0], p.window[0] * p.window[1]
    if a["multiplier"] is not None:
        if spare and _clamps(node, count):
            site.counts.padded.add(node.id)
        divisor, odd = scale_divisor(count, a["multiplier"], a["zero"] - low, a["zero_out"] - low)
        return np.array([divisor], np.uint32), odd
    if not p.divisors:
        return np.array([mean_divisor(site.stage.name, count)], np.uint32), 0
    sides = []
    for axis in range(2):
        first = np.arange(p.out[axis]) * p.stride[axis] - border[axis]
        sides.append(np.minimum(first + p.window[axis], inside[axis]) - np.maximum(first, 0))
    counts = np.multiply.outer(*sides).reshape(-1)
    return np.array([mean_divisor(site.stage.name, int(n)) for n in counts], np.uint32), 0


def _clamps(node: Node, count: int) -> bool:
    """Whether some means of so many bytes leave the range of bytes."""
    a: dict[str, Any] = dict(attributes(node))
    ends = limits(dtype_of(node.type.format))
    means = [a["zero_out"] + ((count * (x - a["zero"]) * a["multiplier"] + HALF) >> 32) for x in ends]
    return min(means) < ends[0] or max(means) > ends[1]


FAMILY = Family(matches, tile)
