"""Emitter of the join of exact sums that parts of a product left: added up, and rounded to float32 once."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.bfp16_scale import SUM, Scale
from spinntensor.image.emit.runs import lines, stored
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Box, sizes
from spinntensor.lower.operations import EXACT
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.sums import ADD, WORD


def join(site: Site, box: Box, recipe: Recipe) -> Iterator[Action]:
    """The parts of a box."""
    node = site.node(*EXACT.values())
    assert node is not None
    *outer, columns = sizes(box)
    rows, parts = prod(outer), len(site.cut.sums)
    detail: dict[str, Any] = dict(recipe.detail)
    block, row = detail["rows"], doubles(WORD * columns)
    scale = Scale(site, node)
    apart = site.lowered.graph[node.inputs[2]].type.size > 1  # an exponent for each row
    made = rows if apart else block
    starts = range(0, rows, block)
    runs = site.runs(site.stage.results[0], box, write=True)
    yield scale.cleared()
    yield from scale.arrived()
    first_row = box[-2][0]
    yield from scale.exponents((first_row, first_row + made), box[-1])
    turns = len(starts) * (parts - 1)
    for number, first in enumerate(starts):
        count = min(block, rows - first)
        nbytes = SUM * count * columns
        for part in range(parts):
            turn = number * (parts - 1) + part - 1
            to = Spot("parts", 0, nbytes, turn, turns) if part else Spot("sums", 0, nbytes)
            yield Fetch("parts", site.partial(part, box, SUM) + SUM * first * columns, to, nbytes)
            if part:
                yield Step(ADD, {"x": to, "y": Spot("sums", 0, nbytes), "count": count * columns})
        y = Spot("y", 0, row * count, number, len(starts))
        shape = count, columns
        yield scale.result(Spot("sums"), y, shape, made, columns, row, first if apart else 0)
        yield from stored("y", lines(runs, row * first, row * (first + count)), y)
    yield scale.counted(("join", box))
