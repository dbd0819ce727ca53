"""Ways of what only moves elements: views of another order, joins, borders, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import Any

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import moves as recipes
from spinntensor.plan.recipes.lines import Steps, axes_of, joined
from spinntensor.plan.recipes.moves import Follow, Moved, Source
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

CONSTANTS = ("fill", "iota")
EMPTY = ("place", "pad")
"""Operations whose result has elements that no operand gives; they are 0."""


@dataclass(frozen=True)
class Move:
    """A stage that moves: its node, how the result follows each operand, and what else a tile wants to know."""

    node: Node
    item: int
    full: Sizes
    row: int
    sources: tuple[Source, ...]

    def tile(self, sizes: Sizes) -> Moved:
        """A tile of these sizes."""
        return Moved(self.item, self.full, sizes, self.row, self.sources, self.node.op in EMPTY)


@lru_cache(256)
def move_of(setting: Setting, stage: Stage) -> Move | None:
    """What a stage moves; None where channels lie in blocks that are no double words, or two operations share it."""
    graph = setting.lowered.graph
    node = graph[stage.nodes[0]]
    layout = setting.layout(stage.results[0])
    blocks = [setting.block(i) for i in (*stage.results, *node.inputs)]
    if len(stage.nodes) != 1 or any(block % DOUBLE for block in blocks):
        return None
    try:
        sources = _sources(setting, node)
    except OperandError:
        return None
    full = tuple(axis.size for axis in stage.axes)
    if layout.block:
        return Move(node, layout.item, (*full[:-1], layout.block), layout.block, sources)
    return Move(node, layout.item, full, layout.row // layout.item, sources)


def _sources(setting: Setting, node: Node) -> tuple[Source, ...]:
    """How the result follows each operand."""
    graph, given, shape = setting.lowered.graph, attributes(node), node.type.shape
    found, at = [], 0
    for number in node.inputs:
        own = graph[number].type.shape
        every = [(a,) for a in range(len(own))]
        if node.op == "reshape":  # the operand is a view of its own, in the shape of the result
            own, every = shape, [(a,) for a in range(len(shape))]
        steps = joined(axes_of(setting.layout(number), own), own, every, True)
        made = [_follow(node.op, given, steps, own, shape, axis, at) for axis in range(len(shape))]
        found.append(tuple(made))
        at += own[int(str(given["axis"]))] if node.op == "concatenate" else 0
    return tuple(found)


def _follow(
    op: str, given: Mapping[str, Any], steps: tuple[Steps, ...], own: Sizes, shape: Sizes, axis: int, at: int
) -> Follow:
    """How one axis of the result follows an operand; `at`: elements of other operands before it."""
    if op == "transpose":
        source = given["axes"][axis]
        return Follow(_one(steps[source]), own[source])
    if op == "broadcast_to":
        source = axis - (len(shape) - len(own))
        repeated = source < 0 or own[source] == 1 < shape[axis]
        return Follow((), 1) if repeated else Follow(_one(steps[source]), own[source])
    first, by = 0, 1
    if op == "slice":
        return Follow(_one(steps[axis]), own[axis], given["start"][axis], 0, given["step"][axis])
    if op == "place":
        first, by = given["start"][axis], given["step"][axis]
    if op == "pad":
        first = given["before"][axis]
    if op == "concatenate" and axis == given["axis"]:
        first = at
    return Follow(_one(steps[axis]), own[axis], first, by)


def _one(steps: Steps) -> Steps:
    """The parts of an axis; an axis of one element has one as well."""
    return steps or ((1, DOUBLE),)


def moves(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """One operation that moves; () where no kernel brings its elements together."""
    shape = tuple(axis.size for axis in stage.axes)
    work = move_of(setting, stage)
    if work is None or 0 in shape:
        return ()
    made = partial(_recipes, setting, work)
    order = (tuple(range(len(shape))),)
    unit = DOUBLE // work.item
    units = work.tile(shape).units
    return tuple(
        Way(work.node.op, tuple((s,) for s in sizes), (), made, order, units=units)
        for sizes in _tiles(work, shape, setting.workers, unit)
        if made(sizes, frozenset())
    )


def _tiles(work: Move, shape: Sizes, workers: int, unit: int) -> tuple[Sizes, ...]:
    """Tiles to try; of a result in blocks of channels one block wide."""
    if not shape:
        return ((),)
    block = work.full[-1]
    found = worker_tiles(shape, workers, unit)
    return tuple(dict.fromkeys((*sizes[:-1], min(sizes[-1], block)) for sizes in found))


def _recipes(setting: Setting, work: Move, sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
    nbytes = prod(sizes[:-1]) * work.tile(sizes).width(sizes) * work.item
    if work.node.op == "fill":
        return (recipes.fill(nbytes),)
    if work.node.op == "iota":
        return (recipes.known(nbytes),)
    found = []
    for alone in (True, False):
        try:
            found.append(recipes.move(work.tile(sizes), setting.room, alone))
        except (DTCMError, OperandError):
            continue
    return tuple(found)
