"""Ways of what only moves elements: views of another order, joins, borders, constants."""

from __future__ import annotations

from functools import partial
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import moves as recipes
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

CONSTANTS = ("fill", "iota")


def moves(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """One operation that moves; () where its runs are single bytes."""
    graph = setting.lowered.graph
    node = graph[stage.nodes[0]]
    shape = tuple(axis.size for axis in stage.axes)
    if len(stage.nodes) != 1 or 0 in shape:
        return ()
    layout = setting.layout(stage.results[0])
    inside = prod(prod(graph[i].type.shape) for i in node.inputs[:1]) if node.op in ("place", "pad") else 0
    zeros = prod(shape) - inside if inside else 0
    made = partial(_recipe, setting, node, shape, layout.item, layout.row, zeros / max(1, prod(shape)))
    order = (tuple(range(len(shape))),)
    unit = DOUBLE // layout.item
    return tuple(
        Way(node.op, tuple((s,) for s in sizes), (), made, order)
        for sizes in worker_tiles(shape, setting.workers, unit)
        if made(sizes, frozenset())
    )


def _recipe(
    setting: Setting,
    node: Node,
    shape: Sizes,
    item: int,
    row: int,
    zeros: float,
    sizes: Sizes,
    stay: frozenset[str],
) -> tuple[Recipe, ...]:
    rows = prod(sizes[:-1])
    nbytes = rows * row if sizes and sizes[-1] == shape[-1] else prod(sizes) * item
    try:
        if node.op in CONSTANTS:
            return (recipes.fill(max(nbytes, DOUBLE)),)
        run = _run(setting, node, sizes) * item
        empty = int(nbytes * zeros) // DOUBLE * DOUBLE
        return (recipes.move(max(nbytes, DOUBLE), run, item, empty, setting.room),)
    except (OperandError, DTCMError):
        return ()


def _run(setting: Setting, node: Node, sizes: Sizes) -> int:
    """Elements of a tile that lie side by side before and after."""
    graph = setting.lowered.graph
    sources = [graph[i].type.shape for i in node.inputs]
    a = attributes(node)
    shape = node.type.shape
    run = 1
    for axis in reversed(range(len(shape))):
        whole, same = sizes[axis] == shape[axis], _same(node.op, a, sources, shape, axis)
        if not same:
            return run * _part(node.op, a, sources, sizes, axis)
        run *= sizes[axis]
        if not whole:
            return run
    return run


def _same(op: str, a, sources, shape: Sizes, axis: int) -> bool:
    """Whether an axis is the operand's own, whole and in its order."""
    if op == "transpose":
        return a["axes"][axis] == axis
    if op == "concatenate":
        return a["axis"] != axis
    source = sources[0]
    at = axis - (len(shape) - len(source))
    return at >= 0 and source[at] == shape[axis]


def _part(op: str, a, sources, sizes: Sizes, axis: int) -> int:
    """Neighbours along an axis that is not the operand's own."""
    if op == "concatenate":
        return min(*sizes[axis : axis + 1], *(s[axis] for s in sources))
    if op in ("place", "slice"):
        return sizes[axis] if op == "slice" and a["step"][axis] == 1 else (
            sources[0][axis] if a["step"][axis] == 1 else 1
        )  # fmt: skip
    return sources[0][axis] if op == "pad" else 1
