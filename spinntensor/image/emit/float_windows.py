"""Emitters of float32 windows: maxima, and sums by the pairwise tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.image.emit.action import Action, Spot, Step
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.frame import Frame
from spinntensor.image.emit.runs import lines, moved, stored
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import sizes
from spinntensor.lower.windows import forward
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.float_windows import APART, ROWS, WORD, reaches

X, Y, SCRATCH = Spot("x"), Spot("y"), Spot("scratch")
OUTSIDE = {"sum_pool": 0.0, "max_pool": -np.inf}
"""What pixels outside of the image count as."""
Pair = tuple[int, int]
Place = tuple[Spot, int]
"""Pixels of an output row in the DTCM: the first, and bytes from each to the next."""


@dataclass(frozen=True)
class Windows:
    """A tile in the DTCM: results, windows and strides; rows and columns of x, and bytes of a pixel."""

    out: Pair
    window: Pair
    stride: Pair
    tile: Pair
    pixel: int

    def at(self, row: int, column: int, count: int) -> Spot:
        """So many bytes of x from a pixel on."""
        return moved(X, (row * self.tile[1] + column) * self.pixel, count)

    def copied(self) -> Step:
        """Results that lie at the corners of their windows in x, side by side."""
        row, column = self.stride[0] * self.tile[1] * self.pixel, self.stride[1] * self.pixel
        reach = (self.out[0] - 1) * row + (self.out[1] - 1) * column + self.pixel
        sizes = {"words": self.pixel // WORD, "rows": self.out[1], "planes": self.out[0]}
        strides = {"x_row": column, "x_plane": row, "y_row": self.pixel, "y_plane": self.pixel * self.out[1]}
        return Step("copy_s32", {"x": moved(X, 0, reach), "y": Y, **sizes, **strides})


def shared(w: Windows) -> Iterator[Step]:
    """Sums of neighbours of the whole tile, level by level in place."""
    rows, columns = w.tile
    row = w.tile[1] * w.pixel
    for down, size in ((False, w.window[1]), (True, w.window[0])):
        step = 1
        while step < size:
            rows, columns = (rows - step, columns) if down else (rows, columns - step)
            ahead = step * (row if down else w.pixel)
            nbytes = (rows - 1) * row + columns * w.pixel
            words = {"rows": rows, "columns": columns * w.pixel // WORD, "b_step": WORD}
            places = {"a": moved(X, 0, nbytes), "b": moved(X, ahead, nbytes), "y": moved(X, 0, nbytes)}
            yield Step("f32_add_rows", {**places, **words, "a_row": row, "b_row": row, "y_row": row})
            step *= 2
    yield w.copied()


def apart(w: Windows) -> Iterator[Step]:
    """The tree of each window by itself, those of an output row side by side."""
    for i in range(w.out[0]):
        yield from _tree(w, i, (w.window[0] * w.window[1] - 1).bit_length(), 0, 0)[1]


def _tree(w: Windows, i: int, level: int, number: int, depth: int) -> tuple[Place, list[Step]]:
    """Subtree `number` of a level of output row i: where its sums are, and how they get there.

    depth : place of the sums, the results first.
    """
    if level == 0:
        row, column = divmod(number, w.window[1])
        step = w.stride[1] * w.pixel
        nbytes = (w.out[1] - 1) * step + w.pixel
        return (w.at(i * w.stride[0] + row, column, nbytes), step), []
    (a, a_row), steps = _tree(w, i, level - 1, 2 * number, depth)
    if (2 * number + 1) << (level - 1) >= w.window[0] * w.window[1]:
        return (a, a_row), steps
    (b, b_row), more = _tree(w, i, level - 1, 2 * number + 1, depth + 1)
    nbytes = w.out[1] * w.pixel
    y = moved(SCRATCH, (depth - 1) * nbytes, nbytes) if depth else moved(Y, i * nbytes, nbytes)
    words = {"rows": w.out[1], "columns": w.pixel // WORD, "b_step": WORD}
    strides = {"a_row": a_row, "b_row": b_row, "y_row": w.pixel}
    added = Step("f32_add_rows", {"a": a, "b": b, "y": y, **words, **strides})
    return (y, w.pixel), [*steps, *more, added]


def by_rows(w: Windows) -> Iterator[Step]:
    """Maxima of the rows under an output row, in the first of them, and then of neighbours in it."""
    for i in range(w.out[0]):
        columns, first = w.tile[1], i * w.stride[0]
        for u in range(1, w.window[0]):
            yield _larger(w.at(first, 0, 0), w.at(first + u, 0, 0), w.at(first, 0, 0), columns * w.pixel)
        for step in reaches(w.window[1]):
            columns -= step
            yield _larger(w.at(first, 0, 0), w.at(first, step, 0), w.at(first, 0, 0), columns * w.pixel)
    yield w.copied()


def by_pixels(w: Windows) -> Iterator[Step]:
    """Maxima window by window."""
    for i in range(w.out[0]):
        for j in range(w.out[1]):
            y = moved(Y, (i * w.out[1] + j) * w.pixel, 0)
            corner = i * w.stride[0], j * w.stride[1]
            for tap in range(1, w.window[0] * w.window[1]):
                u, v = divmod(tap, w.window[1])
                a = y if tap > 1 else w.at(*corner, 0)
                yield _larger(a, w.at(corner[0] + u, corner[1] + v, 0), y, w.pixel)


def _larger(a: Spot, b: Spot, y: Spot, nbytes: int) -> Step:
    places = {"a": moved(a, 0, nbytes), "b": moved(b, 0, nbytes), "y": moved(y, 0, nbytes)}
    return Step("f32_max", {**places, "count": nbytes // WORD, "step": WORD})


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `sum_pool` or `max_pool`."""
    node = site.node("sum_pool", "max_pool")
    assert node is not None
    a: dict[str, Any] = dict(attributes(node))
    (x,), (images, down, across, channels) = node.inputs, task.box
    shape = site.lowered.graph[x].type.shape
    reach = [
        forward(span, shape[1 + i], a["stride"][i], a["padding"][2 * i], a["window"][i])
        for i, span in enumerate((down, across))
    ]
    out = down[1] - down[0], across[1] - across[0]
    size = tuple((n - 1) * s + k for n, s, k in zip(out, a["stride"], a["window"], strict=True))
    pixel = doubles(WORD * (channels[1] - channels[0]))
    w = Windows(out, a["window"], a["stride"], (size[0], size[1]), pixel)
    box = (images, reach[0].span, reach[1].span, channels)
    frame = Frame(x, box, (reach[0].before, reach[1].before), w.tile, pixel)
    yield from frame.fetch(site, X, OUTSIDE[node.op])
    kind = dict(recipe.detail)["kind"]
    if node.op == "sum_pool":
        if kind != APART or pixel > WORD * (channels[1] - channels[0]):  # sums of no window, or of padding
            site.counts.padded.add(node.id)
        yield from apart(w) if kind == APART else shared(w)
    else:
        yield from by_rows(w) if kind == ROWS else by_pixels(w)
    runs = site.runs(site.stage.results[0], task.box, write=True)
    assert sum(run.nbytes for run in runs) == pixel * sizes(task.box)[1] * sizes(task.box)[2]
    yield from stored("y", lines(runs), Y)


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel in ("sums of windows", "maxima of windows")


FAMILY = Family(_matches, tile)
