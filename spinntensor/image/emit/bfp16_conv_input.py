"""Emitter of the adjoint of bfp16 convolutions by the input: each class of pixels is a convolution of the cotangent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as product_of
from math import prod

from spinntensor.image.emit.action import Action, Spot, Step
from spinntensor.image.emit.bfp16_conv import C, Tile, fields
from spinntensor.image.emit.bfp16_gemm import panels, product, rounded
from spinntensor.image.emit.bfp16_scale import SUM
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.matrix import joined, matrix
from spinntensor.image.emit.runs import Line, fetched, lines, moved, stored
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.lower.box import sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bfp16_conv import FILL, HALF, WORD
from spinntensor.plan.recipes.windows import classes


def by_input(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d_input`: each class of pixels is a convolution of stride 1 with its own taps, the last first."""
    t = Tile(site, task, recipe, "conv2d_input")
    images, down, across, inner = task.box
    (_, height, width, channels), (kh, kw, held, _) = t.shape(t.first), t.shape(t.second)
    sy, sx = t.stride
    n, wide, pitch = inner[1] - inner[0], doubles(HALF * channels), doubles(WORD * (inner[1] - inner[0]))
    steps, ow = -(-(down[1] - down[0]) // sy), -(-(across[1] - across[0]) // sx)
    m = min(t.rows, steps) * ow
    yield from t.begun(m, inner)
    w = matrix(site, t.second, (kh * kw * held, channels))
    found = (
        Line(line.at, tap * n * wide + line.offset, line.nbytes)
        for tap in range(kh * kw)
        for line in w.lines((tap * held + inner[0], tap * held + inner[1]), (0, channels), wide)
    )
    yield from t.weights(joined(found), kh * kw * n * wide // HALF)
    yield t.zeros(channels)
    every, offset = [], 0
    for one in classes((kh, kw), t.stride, t.before):
        to = Spot("b", offset, WORD * panel_words(n, prod(one.taps) * channels, "b"))
        yield fields(
            Spot("a", 0, kh * kw * n * wide), to, (kh, kw * n), channels, (kw * n * wide, wide), one.taps, (1, 1),
            (1, n), (one.last[0], one.last[1] * n), (-sy, -sx * n), 0,
        )  # fmt: skip
        every.append((one, to))
        offset += to.nbytes
    low = min((one.corner[0] for one, _ in every), default=0)
    high = max((one.corner[0] + one.taps[0] for one, _ in every), default=1)
    blocks = t.images(images, steps)
    for turn, image, (first, stop) in blocks:
        r, at = stop - first, down[0] // sy + first
        rows = min(max(at + low, 0), height), max(min(at + r - 1 + high, height), 0)
        box = ((image, image + 1), (rows[0], max(rows)), (0, width), (0, channels))
        inside = sizes(box)[1:3]
        x = Spot("x", 0, prod(inside) * wide, turn, len(blocks))
        y = Spot("y", 0, r * sy * ow * sx * pitch, turn, len(blocks))
        if inside[0]:
            yield from fetched("x", lines(site.runs(t.first, box)), x)
        yield rounded(x, max(prod(inside) * wide // HALF, 4), t.scale.shift(0))
        if len(every) < sy * sx:
            yield Step(FILL, {"y": y, "value": 0, "words": y.nbytes // WORD, "rows": 1, "y_row": 0})
        for one, to in every:
            (a, b), k = one.place, prod(one.taps) * channels
            begin = at + one.corner[0] - rows[0], across[0] // sx + one.corner[1]
            left_panels = panels("a", r * ow, k, "a")
            strides = (width * wide, wide)
            yield fields(
                x, left_panels, (inside[0], width), channels, strides, one.taps, (1, 1), (r, ow), begin
            )
            yield product(left_panels, to, moved(C, 0, SUM * r * ow * n), (r * ow, n, k), False)
            place = moved(y, (a * r * ow * sx + b) * pitch, 0)
            yield t.scale.result(C, place, (r * ow, n), m, n, sx * pitch)
        together = sy == 1 and ow * sx == across[1] - across[0]
        for a, i in [(0, 0)] if together else product_of(range(sy), range(r)):
            pixel = down[0] + (first + i) * sy + a
            if pixel < down[1]:
                span = pixel, pixel + (r if together else 1)
                target = ((image, image + 1), span, across, inner)
                line = moved(y, (a * r + i) * ow * sx * pitch, 0)
                yield from stored("y", lines(site.runs(site.stage.results[0], target, write=True)), line)
    yield t.scale.counted((task.box,))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel == "bfp16 conv by input"


FAMILY = Family(_matches, by_input)
