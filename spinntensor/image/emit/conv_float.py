"""Emitter of float32 convolutions: fields are the rows of A, where they lie in a tile with a border of zeros."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.block_float import WORD, Lines, cleared, counted
from spinntensor.image.emit.exact import Exact, Tile, Weights, Y, steps
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.frame import Frame
from spinntensor.image.emit.matrix import Matrix, matrix
from spinntensor.image.emit.runs import fetched, lines, moved, stored
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import shared
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Box, Span, sizes
from spinntensor.lower.windows import forward
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import STREAM, Recipe
from spinntensor.plan.recipes.conv_float import PANEL
from spinntensor.plan.recipes.windows import Conv


def _weights(site: Site, w: Matrix, c: Conv, outputs: Span, recipe: Recipe) -> tuple[list[Fetch], Weights]:
    """What arrives of the weights [KH*KW*C,O] at the beginning, and what brings their columns."""
    detail: dict[str, Any] = dict(recipe.detail)
    k, m, whole = c.chunk * c.chunks, c.columns(PANEL), doubles(WORD * c.out_channels)
    groups = steps(c.out_channels, detail["group"])
    if detail["resident"]:
        first = list(fetched("w", w.lines((0, k), outputs, whole), Spot("w")))

        def there(last: int, chunk: int, columns: Span) -> tuple[list[Fetch], Lines]:
            count = columns[1] - columns[0]
            nbytes = (c.chunk - 1) * whole + WORD * count
            x = Spot("w", chunk * c.chunk * whole + WORD * columns[0], nbytes)
            return [], Lines(x, count, c.chunk, whole, WORD, 2 * WORD, m + columns[0])

        return first, there

    def brought(last: int, chunk: int, columns: Span) -> tuple[list[Fetch], Lines]:
        count = columns[1] - columns[0]
        row = doubles(WORD * count)
        rows = chunk * c.chunk, (chunk + 1) * c.chunk
        some = outputs[0] + columns[0], outputs[0] + columns[1]
        turn = (last * c.chunks + chunk) * len(groups) + groups.index(columns)
        to = Spot("w", 0, c.chunk * row, turn, 2 * c.chunks * len(groups))
        found = Lines(to, count, c.chunk, row, WORD, 2 * WORD, m + columns[0])
        return list(fetched(STREAM, w.lines(rows, some, row), to)), found

    return [], brought


def conv(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d`."""
    node = site.node("conv2d")
    assert node is not None
    x, w = node.inputs[:2]
    a: dict[str, Any] = dict(attributes(node))
    _, height, width, channels = site.lowered.graph[x].type.shape
    shape = site.lowered.graph[w].type.shape
    images, down, across, outputs = task.box
    out = down[1] - down[0], across[1] - across[0]
    detail: dict[str, Any] = dict(recipe.detail)
    kernel = shape[0], shape[1]
    c = Conv(out, channels, outputs[1] - outputs[0], kernel, a["stride"], part=detail["chunk"])
    reach = [
        forward(span, size, a["stride"][i], a["padding"][2 * i], shape[i])
        for i, (span, size) in enumerate(((down, height), (across, width)))
    ]
    box = (images, reach[0].span, reach[1].span, (0, channels))
    frame = Frame(x, box, (reach[0].before, reach[1].before), c.tile, doubles(WORD * channels))
    yield cleared(site)
    if channels % PANEL:
        yield from frame.fetch_inside(site, Spot("x"))
        yield from _packed(frame, channels)
        tile = Tile(Spot("tile"), c.tile[1], WORD * channels)
    else:
        yield from frame.fetch(site, Spot("x"), 0.0)
        tile = Tile(Spot("x"), c.tile[1], WORD * channels)
    ours = outputs[0] == 0, not any(start for start, _ in task.box[:3])

    def computed() -> Iterator[Action]:
        first, weights = _weights(site, matrix(site, w, (-1, shape[3])), c, outputs, recipe)
        exact = Exact(
            c.out,
            c.out_channels,
            c.chunk,
            c.chunks,
            c.chunk * c.chunks,
            detail["group"],
            tile.fields(c.out[1], c.chunk, c.stride, c.chunks // shape[0], WORD * c.chunk),
            weights,
            c.columns(PANEL),
            ours,
        )
        yield from first
        yield from exact.steps()

    yield from shared(site, (c, outputs, recipe, ours), computed())
    yield from _left(site, task.box, out[1] + out[1] % PANEL)
    yield counted(site, node.id, task.box)


def _packed(frame: Frame, channels: int) -> Iterator[Step]:
    """Pixels of an odd number of channels side by side, between zeros."""
    (rows, columns), (top, left), width = frame.inside, frame.before, frame.tile[1]
    nbytes = WORD * channels
    words = frame.tile[0] * width * channels
    yield Step("fill_s32", {"y": Spot("tile"), "value": 0, "words": words, "rows": 1, "y_row": 0})
    if rows:
        x, y = Spot("x", 0, rows * columns * frame.pixel), Spot("tile", (top * width + left) * nbytes)
        runs = {"words": channels, "rows": columns, "planes": rows}
        strides = {"x_row": frame.pixel, "x_plane": columns * frame.pixel}
        yield Step(
            "copy_s32", {"x": x, "y": y, **runs, **strides, "y_row": nbytes, "y_plane": width * nbytes}
        )


def _left(site: Site, box: Box, line: int) -> Iterator[Action]:
    """The results of a tile whose output rows have `line` pixels in the DTCM."""
    _, rows, columns, outputs = sizes(box)
    pixel = doubles(WORD * outputs)
    runs = site.runs(site.stage.results[0], box, write=True)
    if line == columns:
        yield from stored("y", lines(runs), Y)
        return
    for i in range(rows):
        found = lines(runs, i * columns * pixel, (i + 1) * columns * pixel)
        yield from stored("y", found, moved(Y, i * line * pixel, columns * pixel))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel.startswith("float32 conv ") and recipe.kernel.endswith(" by rows")


FAMILY = Family(_matches, conv)
