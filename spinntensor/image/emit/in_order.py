"""Emitter of the join of pieces: float32 results of parts of a sum, added one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.runs import lines, stored
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Box, sizes
from spinntensor.plan.recipe import Recipe

WORD = 4


def join(site: Site, box: Box, recipe: Recipe) -> Iterator[Action]:
    """The parts of a box, in the order of their spans."""
    *outer, columns = sizes(box)
    rows, parts = prod(outer), len(site.cut.sums)
    detail: dict[str, Any] = dict(recipe.detail)
    block, row = detail["rows"], doubles(WORD * columns)
    starts = range(0, rows, block)
    turns = parts * len(starts)
    runs = site.runs(site.stage.results[0], box, write=True)
    for number, first in enumerate(starts):
        count = min(block, rows - first)
        nbytes = WORD * count * columns
        y = Spot("y", 0, row * count, number, len(starts))
        for part in range(parts):
            here = Spot("parts", 0, doubles(nbytes), number * parts + part, turns)
            source = site.partial(part, box, WORD) + WORD * first * columns
            yield Fetch("parts", source, here, doubles(nbytes))
            if part:
                before = y if part > 1 else Spot("parts", 0, doubles(nbytes), here.turn - 1, turns)
                yield _added(before, here, y, (count, columns), row if part > 1 else WORD * columns)
        yield from stored("y", lines(runs, row * first, row * (first + count)), y)


def _added(a: Spot, b: Spot, y: Spot, shape: tuple[int, int], a_row: int) -> Step:
    """y = a + b, rows of y in whole double words."""
    rows, columns = shape
    if columns % 2 == 0:
        return Step("f32_add", {"a": a, "b": b, "y": y, "count": rows * columns, "step": WORD})
    strides = {"a_row": a_row, "b_row": WORD * columns, "y_row": doubles(WORD * columns)}
    return Step(
        "f32_add_rows", {"a": a, "b": b, "y": y, "rows": rows, "columns": columns, "b_step": WORD, **strides}
    )
