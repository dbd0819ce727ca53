"""Ways of bfp16 convolutions, forward and back: each worker takes a part of the images, channels or sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from spinntensor.graph.graph import Node
from spinntensor.lower.operations import EXACT
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import sums
from spinntensor.plan.recipes.bfp16_conv import Tile, fitting
from spinntensor.plan.ways.lying import magnitudes, padded
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

N, H, W, C = range(4)
UNIT = 4
"""Channels are cut at multiples of a double word of mantissas."""
Recipes = Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]]


def _node(setting: Setting, stage: Stage, name: str) -> Node | None:
    node = setting.node(stage, EXACT[name])
    if node is None or setting.form(node.inputs[0]) != "bfp16":
        return None
    a = attributes(node)
    if a["groups"] != 1 or a["dilation"] != (1, 1) or magnitudes(setting, node) is None:
        return None
    return node if all(padded(setting, i) for i in node.inputs[:2]) else None


def _shape(setting: Setting, number: int) -> tuple[int, int, int, int]:
    """The shape of images, or of weights."""
    a, b, c, d = setting.lowered.graph[number].type.shape
    return a, b, c, d


def parts_of(size: int, unit: int) -> tuple[int, ...]:
    """Equal parts of channels at multiples of `unit`, and parts of a third; the largest first."""
    found = [size // n for n in range(1, size // unit + 1) if size % n == 0 and size // n % unit == 0]
    return tuple(found or [size])


def bfp16_conv2d(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`conv2d` with a float32 result, or the sums themselves."""
    node = _node(setting, stage, "conv2d")
    if node is None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    x, w = (_shape(setting, i) for i in node.inputs[:2])
    scale, columns = magnitudes(setting, node), stage.axes[W].size
    assert scale is not None

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        n, h, wide, c = sizes
        tile = Tile(n, x[1:3], (h, wide), w[2], c, w[:2], a["stride"], a["padding"][::2], w[2:])
        tile = replace(tile, scale=scale, wide=wide == columns)
        return setting.quickest(fitting("conv2d", tile, setting.room))

    return _ways(setting, stage, "bfp16 conv", made, 2)


def bfp16_conv2d_input(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the input; a tile's rows are whole steps of the stride."""
    node = _node(setting, stage, "conv2d_input")
    if node is None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    c, w = (_shape(setting, i) for i in node.inputs[:2])
    scale, columns, (sy, sx) = magnitudes(setting, node), stage.axes[W].size, a["stride"]
    assert scale is not None

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        n, h, wide, channels = sizes
        out = -(-h // sy), -(-wide // sx)
        tile = Tile(n, c[1:3], out, w[3], channels, w[:2], a["stride"], a["padding"][::2], (w[3], w[2]))
        tile = replace(tile, scale=scale, wide=wide == columns and wide % sx == 0)
        return setting.quickest(fitting("conv2d_input", tile, setting.room))

    return _ways(setting, stage, "bfp16 conv by input", made, 2, (1, sy, sx, 1))


def _ways(
    setting: Setting, stage: Stage, name: str, made: Recipes, unit: int, units: Sizes = ()
) -> tuple[Way, ...]:
    """Images to workers, then parts of their channels; rows where there are fewer images than workers.

    Parts of a row or two are tried as well: whole rows of many channels may not fit. Axes are cut at multiples of
    `units`.
    """
    size = tuple(axis.size for axis in stage.axes)
    if 0 in size:
        return ()
    found = []
    images = dict.fromkeys(-(-size[N] // n) for n in (1, 2, 4, 8, 16, 32) if n <= 2 * setting.workers)
    rows = dict.fromkeys(-(-size[H] // n) for n in (1, 2, 4, 8, 16) if n <= size[H])
    for n, h in product(images, rows):
        tiles = -(-size[N] // n) * -(-size[H] // h)
        for c in parts_of(size[C], UNIT)[:4]:
            if tiles * size[C] // c <= 4 * setting.workers:
                found.append((n, h, size[W], c))
    for h, wide in product((2 * unit, unit), balanced(size[W], unit)[:6]):
        found += [(1, min(h, size[H]), wide, c) for c in parts_of(size[C], UNIT)[:8:2]]
    step = units or (1, 1, 1, 1)
    cut = {tuple(min(-(-s // u) * u, n) for s, u, n in zip(one, step, size, strict=True)) for one in found}
    sizes = [tuple((s,) for s in one) for one in sorted(cut, reverse=True)]
    return tuple(Way(name, s, (), made, ((N, H, W, C),), units=units) for s in sizes)


def bfp16_conv2d_weight(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the weights: parts of the taps and channels, or of the images, whose sums are joined."""
    node = _node(setting, stage, "conv2d_weight")
    if node is None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    x, c = (_shape(setting, i) for i in node.inputs[:2])
    size = tuple(axis.size for axis in stage.axes)
    held, pixels, scale = (x[3], c[3]), c[1] * c[2], magnitudes(setting, node)
    assert scale is not None
    (top, _, left, _), (sy, sx) = a["padding"], a["stride"]
    width = max(left + x[2], (c[2] - 1) * sx + size[1])
    border = top + max(0, (c[1] - 1) * sy + size[0] - top - x[1])

    def tile(sizes: Sizes, images: int, part: bool) -> Tile:
        ky, kx, channels, outputs = sizes
        made = Tile(images, x[1:3], c[1:3], channels, outputs, (ky, kx), (sy, sx), (top, left), held, part)
        return replace(made, scale=scale, width=width, border=border)

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        part = len(sizes) > 4
        images = max(1, sizes[4] // pixels) if part else c[0]
        found = tile(sizes[:4], images, part and sizes[4] < c[0] * pixels)
        return setting.quickest(fitting("conv2d_weight", found, setting.room))

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        pieces = prod(sizes[:2]) * (1 if sizes[3] == size[3] else sizes[2])
        return sums.join(parts, sizes, pieces, scale, setting.room)

    workers, found = setting.workers, []
    cuts = [(ky, kx) for ky in {size[0], 1} for kx in {size[1], 1}]
    for ky, kx in sorted(cuts, reverse=True):
        for channels in parts_of(size[2], UNIT)[:3]:
            for outputs in parts_of(size[3], UNIT)[:3]:
                box = (ky, kx, channels, outputs)
                boxes = -(-size[0] // ky) * -(-size[1] // kx) * size[2] // channels * size[3] // outputs
                found += [(*box, images * pixels) for images in _images(c[0], boxes, workers)]
    split = stage.sums is not None
    order = (0, 1, 2, 3, *((4,) if split else ()))
    return tuple(
        Way(
            "bfp16 conv by weights",
            tuple((s,) for s in (one if split else one[:4])),
            (),
            made,
            (order,),
            join,
        )
        for one in found
        if split or one[4] == c[0] * pixels
    )


def _images(images: int, boxes: int, workers: int) -> list[int]:
    """Images of a tile, so that there is about one tile for each worker, or a few."""
    found = [images] if boxes >= workers // 2 else []
    for parts in (2, 4, 8, 16, 32):
        if parts <= images and images % parts == 0 and workers // 2 <= boxes * parts <= 10 * workers:
            found.append(images // parts)
    return found or [images]
