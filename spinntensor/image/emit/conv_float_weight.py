"""Emitter of the adjoint of float32 convolutions by the weights: channels under each tap by those of the cotangent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as product_of
from typing import Any

from spinntensor.image.emit import in_order
from spinntensor.image.emit.action import Action, Spot, Step
from spinntensor.image.emit.block_float import (
    FINDING,
    OTHER,
    SUM,
    WORD,
    Lines,
    cleared,
    counted,
    product,
    result,
)
from spinntensor.image.emit.border import Border
from spinntensor.image.emit.exact import SUMS, Y
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.runs import fetched, lines, moved, stored
from spinntensor.image.emit.site import Run, Site, attributes
from spinntensor.image.emit.translate import shared
from spinntensor.image.pieces import doubles
from spinntensor.kernels.block_float import magnitude_bits
from spinntensor.lower.box import sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.conv_float import PANEL


def by_weight(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d_weight`, or one piece of its sums: the rows of some images, twice."""
    node = site.node("conv2d_weight")
    assert node is not None
    x, g = node.inputs[:2]
    a: dict[str, Any] = dict(attributes(node))
    (count, _, width, held), (_, oh, ow, every) = (site.lowered.graph[i].type.shape for i in (x, g))
    (ky, kx, inner, outputs), (kh, kw, channels, n) = task.box, sizes(task.box)
    (sy, sx), (top, _, left, _) = a["stride"], a["padding"]
    images = (0, count) if task.sums is None else tuple(-(-end // (oh * ow)) for end in task.sums)
    frame = Border(max(left + width, (ow - 1) * sx + site.stage.axes[1].size), left, doubles(WORD * held))
    m, deep = kh * kw * channels, doubles(WORD * every)
    bits = magnitude_bits((images[1] - images[0]) * oh * ow)
    yield cleared(site)
    rows = [(image, i) for image in range(*images) for i in range(oh)]
    turns = 2 * len(rows)
    if frame.width > width:
        for turn in (0, 1):
            place = Spot("x", 0, kh * frame.row, turn, turns)
            yield Step(
                "fill_s32", {"y": place, "value": 0, "words": place.nbytes // WORD, "rows": 1, "y_row": 0}
            )
    taps = list(product_of(range(kh), range(kw)))
    ours = [outputs[0] == 0, not any((ky[0], kx[0], inner[0]))]

    def places(turn: int) -> tuple[Spot, Spot]:
        """Rows of x and of the cotangent."""
        return Spot("x", 0, kh * frame.row, turn, turns), Spot("c", 0, ow * deep, turn, turns)

    def arriving(turn: int) -> Iterator[Action]:
        tile, cotangent = places(turn)
        image, i = rows[turn % len(rows)]
        yield from frame.fetch(site, x, image, i * sy - top + ky[0], kh, tile)
        box = ((image, image + 1), (i, i + 1), (0, ow), (0, every))
        yield from fetched("c", lines(site.runs(g, box)), cotangent)

    def computed(turn: int) -> Iterator[Action]:
        last, number = divmod(turn, len(rows))
        tile, cotangent = places(turn)
        found, step = [], sx * frame.pixel
        for tap, (u, v) in enumerate(taps):
            at = u * frame.row + (kx[0] + v) * frame.pixel + WORD * inner[0]
            part = moved(tile, at, (ow - 1) * step + WORD * channels)
            to = Spot("a", WORD * tap * (channels + channels % PANEL) * ow)
            found.append((Lines(part, channels, ow, step, WORD, 2 * WORD, tap * channels), to))
        part = moved(cotangent, WORD * outputs[0], (ow - 1) * deep + WORD * n)
        columns = Lines(part, n, ow, deep, WORD, 2 * WORD, m)
        if not last:
            yield from (one.top(number > 0) for one, _ in found)
            yield columns.top(number > 0)
            return
        here = [FINDING if mine and not number else OTHER for mine in ours]
        yield from (one.panel(to, bits, here[0]) for one, to in found)
        yield columns.panel(Spot("b"), bits, here[1])
        if channels % PANEL == 0:
            found, channels_ = found[:1], m
        else:
            channels_ = channels
        for tap, (_, to) in enumerate(found):
            sums = moved(SUMS, SUM * tap * channels * n, 0)
            yield product(to, Spot("b"), sums, (channels_, n, ow), n, number > 0)

    part_of = (kh, kw, channels, n), (kx[0], inner[0], outputs[0]), tuple(ours)
    for turn in range(turns):
        yield from shared(site, ("x", images, ky[0], kh, turn), arriving(turn))
        yield from shared(site, (part_of, len(rows), turn), computed(turn))
    row = WORD * n if site.cut.partial else doubles(WORD * n)
    yield result(SUMS, (0, m), Y, (m, n), (n, row), bits)
    if site.cut.partial:
        assert task.sums is not None
        nbytes = doubles(m * row)
        runs = [Run(site.partial(site.cut.sums.index(task.sums), task.box, WORD), nbytes, nbytes)]
    else:
        runs = site.runs(site.stage.results[0], task.box, write=True)
    yield from stored("y", lines(runs), Y)
    yield counted(site, node.id, (task.box, task.sums))


def _matches(site: Site, recipe: Recipe) -> bool:
    by_weights = recipe.kernel.startswith("float32 conv ") and recipe.kernel.endswith(" by weights")
    return by_weights or recipe.kernel == "pieces added"


FAMILY = Family(_matches, by_weight, in_order.join)
