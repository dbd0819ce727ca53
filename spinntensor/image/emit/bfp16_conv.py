"""Emitter of bfp16 convolutions, some rows of an image at a time; and what all three convolutions have in common."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.bfp16_gemm import packed, panels, product, rounded
from spinntensor.image.emit.bfp16_scale import SUM, Scale
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.matrix import matrix
from spinntensor.image.emit.runs import fetched, lines, moved, stored
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Span, sizes
from spinntensor.lower.operations import EXACT
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bfp16_conv import FIELDS, HALF, WORD

Pair = tuple[int, int]
ZEROS = Spot("zeros")
C = Spot("c")


class Tile:
    """What the three have in common: the node, its shapes and attributes, and the blocks of a tile."""

    def __init__(self, site: Site, task: Task, recipe: Recipe, name: str) -> None:
        node = site.node(EXACT[name])
        assert node is not None
        self.site, self.task, self.node = site, task, node
        self.first, self.second = node.inputs[:2]
        a: dict[str, Any] = dict(attributes(node))
        self.stride: Pair = a["stride"]
        self.before: Pair = a["padding"][::2]
        detail: dict[str, Any] = dict(recipe.detail)
        self.rows: int = detail["rows"]
        self.scale = Scale(site, node)

    def shape(self, number: int) -> tuple[int, ...]:
        return self.site.lowered.graph[number].type.shape

    def images(self, images: Span, rows: int) -> list[tuple[int, int, Span]]:
        """Turn, image and rows of each block."""
        spans = [(at, min(at + self.rows, rows)) for at in range(0, rows, self.rows)]
        every = [(image, span) for image in range(*images) for span in spans]
        return [(turn, image, span) for turn, (image, span) in enumerate(every)]

    def begun(self, m: int, columns: Span) -> Iterator[Action]:
        """Shifts, exponents of m rows and of columns, and zeros."""
        yield self.scale.cleared()
        yield from self.scale.arrived()
        yield from self.scale.exponents((0, m), columns)

    def weights(self, found: list[Any], halves: int) -> Iterator[Action]:
        """Weights arrive where fields are packed later, and are rounded."""
        at = Spot("a", 0, HALF * halves)
        yield from fetched("w", found, at)
        yield rounded(at, halves, self.scale.shift(1))

    def zeros(self, channels: int) -> Fetch:
        """Zeros that fields outside of an image are made of."""
        nbytes = HALF * max(channels, 4)
        return Fetch(
            "zeros", self.site.put(np.zeros(doubles(nbytes), np.uint8)), moved(ZEROS, 0, 0), doubles(nbytes)
        )


def _halves(low: int, high: int) -> int:
    """Two signed halves of a word."""
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def fields(
    x: Spot,
    to: Spot,
    image: Pair,
    channels: int,
    strides: Pair,
    kernel: Pair,
    steps: Pair,
    out: Pair,
    corner: Pair,
    dilation: Pair = (1, 1),
    side: int = 1,
) -> Step:
    """Panels of what lies under a kernel. `strides`: bytes from row to row and from pixel to pixel of the image."""
    words = {
        "tile": image[0] | image[1] << 16,
        "row_stride": strides[0],
        "pixel_stride": strides[1],
        "block_stride": 0,
        "channels": channels | 1 << 16,
        "kernel": kernel[0] | kernel[1] << 8 | steps[0] << 16 | steps[1] << 24,
        "dilation": _halves(*dilation),
        "corner": _halves(*corner),
        "out": out[0] | out[1] << 16,
        "chunk_words": side,
    }
    return Step(FIELDS, {"x": x, "pad": ZEROS, "panels": to, **words})


def forward(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d`."""
    t = Tile(site, task, recipe, "conv2d")
    images, down, across, outputs = task.box
    (_, height, width, channels), (kh, kw, _, held) = t.shape(t.first), t.shape(t.second)
    n, wide, ow = outputs[1] - outputs[0], doubles(HALF * channels), across[1] - across[0]
    k, row, pitch = kh * kw * channels, doubles(HALF * n), doubles(WORD * n)
    m = min(t.rows, down[1] - down[0]) * ow
    yield from t.begun(m, outputs)
    w = matrix(site, t.second, (k, held))
    yield from t.weights(w.lines((0, k), outputs, row), k * row // HALF)
    right = panels("b", n, k, "b")
    yield packed(Spot("a", 0, k * row), right, n, (k, 1), (row, 0), 0)
    yield t.zeros(channels)
    (sy, sx), (top, left) = t.stride, t.before
    start = across[0] * sx - left
    reach = (ow - 1) * sx + kw
    columns = (
        (0, width) if across == (0, site.stage.axes[2].size) else (max(start, 0), min(start + reach, width))
    )
    blocks = t.images(images, down[1] - down[0])
    for turn, image, (first, stop) in blocks:
        r = stop - first
        at = (down[0] + first) * sy - top
        rows = max(at, 0), max(min(at + (r - 1) * sy + kh, height), 0)
        box = ((image, image + 1), rows, columns, (0, channels))
        inside = sizes(box)[1:3]
        x = Spot("x", 0, prod(inside) * wide, turn, len(blocks))
        yield from fetched("x", lines(site.runs(t.first, box)), x)
        yield rounded(x, prod(inside) * wide // HALF, t.scale.shift(0))
        left_panels = panels("a", r * ow, k, "a")
        strides, corner = (inside[1] * wide, wide), (at - rows[0], start - columns[0])
        yield fields(
            x, left_panels, (inside[0], inside[1]), channels, strides, (kh, kw), t.stride, (r, ow), corner
        )
        yield product(left_panels, right, moved(C, 0, SUM * r * ow * n), (r * ow, n, k), False)
        y = Spot("y", 0, r * ow * pitch, turn, len(blocks))
        yield t.scale.result(C, y, (r * ow, n), m, n, pitch)
        target = ((image, image + 1), (down[0] + first, down[0] + stop), across, outputs)
        yield from stored("y", lines(site.runs(site.stage.results[0], target, write=True)), y)
    yield t.scale.counted((task.box,))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel == "bfp16 conv"


FAMILY = Family(_matches, forward)
