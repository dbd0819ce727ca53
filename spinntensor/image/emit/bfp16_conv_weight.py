"""Emitter of the adjoint of bfp16 convolutions by the weights, some rows of an image at a time."""

from __future__ import annotations

from collections.abc import Iterator

from spinntensor.image.emit import sums
from spinntensor.image.emit.action import Action, Spot, Step
from spinntensor.image.emit.bfp16_conv import Tile
from spinntensor.image.emit.bfp16_gemm import packed, panels, product, rounded
from spinntensor.image.emit.bfp16_scale import SUM
from spinntensor.image.emit.border import Border
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.runs import fetched, lines, moved, stored
from spinntensor.image.emit.site import Run, Site
from spinntensor.image.pieces import doubles
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.lower.box import sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bfp16_conv import FILL, HALF, WORD


def by_weight(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d_weight`, or what it leaves of a part of the sums: some images."""
    t = Tile(site, task, recipe, "conv2d_weight")
    ky, kx, inner, outputs = task.box
    (count, _, width, held), (_, oh, ow, every) = t.shape(t.first), t.shape(t.second)
    kh, kw, depth, n = sizes(task.box)
    m, part, scale = kh * kw * depth, site.cut.partial, t.scale
    pixels = oh * ow
    images = (0, count) if task.sums is None else (task.sums[0] // pixels, task.sums[1] // pixels)
    if part:
        yield from scale.arrived()
    else:
        yield from t.begun(m, outputs)
    (sy, sx), (top, left) = t.stride, t.before
    full = site.stage.axes[1].size
    frame = Border(max(left + width, (ow - 1) * sx + full), left, doubles(HALF * held))
    wide, deep = frame.pixel, doubles(HALF * every)
    blocks = t.images(images, oh)
    high = (min(t.rows, oh) - 1) * sy + kh
    if frame.width > width:
        for turn in range(min(2, len(blocks))):
            x = Spot("x", 0, high * frame.row, turn, len(blocks))
            yield Step(FILL, {"y": x, "value": 0, "words": x.nbytes // WORD, "rows": 1, "y_row": 0})
    joined_taps = depth == held and wide == HALF * held
    groups = (
        [(kw * depth, u, 0) for u in range(kh)]
        if joined_taps
        else [(depth, u, v) for u in range(kh) for v in range(kw)]
    )
    for turn, image, (first, stop) in blocks:
        r = stop - first
        rows, k = (r - 1) * sy + kh, r * ow
        x = Spot("x", 0, rows * frame.row, turn, len(blocks))
        yield from frame.fetch(site, t.first, image, first * sy - top + ky[0], rows, x)
        yield rounded(x, rows * frame.row // HALF, scale.shift(0))
        c = Spot("c", 0, k * deep, turn, len(blocks))
        box = ((image, image + 1), (first, stop), (0, ow), (0, every))
        yield from fetched("c", lines(site.runs(t.second, box)), c)
        right = panels("b", n, k, "b")
        some = moved(c, HALF * outputs[0], k * deep - HALF * outputs[0])
        yield packed(some, right, n, (ow, r), (deep, deep * ow), 0)
        yield rounded(right, 2 * pairs_of(k) * BLOCK * -(-n // BLOCK), scale.shift(1))
        for number, (size, u, v) in enumerate(groups):
            at = (u * frame.width + kx[0] + v) * wide + HALF * inner[0]
            left_panels = panels("a", size, k, "a")
            source = moved(x, at, x.nbytes - at)
            yield packed(source, left_panels, size, (ow, r), (sx * wide, sy * frame.row), 1)
            to = Spot("sums", SUM * number * size * n, SUM * size * n)
            yield product(left_panels, right, to, (size, n, k), turn > 0)
    everything = Spot("sums", 0, SUM * m * n)
    if part:
        assert task.sums is not None
        where = site.partial(site.cut.sums.index(task.sums), task.box, SUM)
        yield from stored("y", lines([Run(where, everything.nbytes, everything.nbytes)]), everything)
        return
    pitch = doubles(WORD * n)
    y = Spot("a", 0, m * pitch)
    yield scale.result(everything, y, (m, n), m, n, pitch)
    yield from stored("y", lines(site.runs(site.stage.results[0], task.box, write=True)), y)
    yield scale.counted((task.box,))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel in ("bfp16 conv by weights", "sums joined")


FAMILY = Family(_matches, by_weight, sums.join)
