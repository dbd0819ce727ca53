"""Ways of rows of softmax, and of reading and adding by an index."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe, Transfer
from spinntensor.plan.recipes import bytes_maps, indexed, moves
from spinntensor.plan.recipes.indexed import Indexed
from spinntensor.plan.recipes.lines import Frame, Lines, axes_of, lines_of
from spinntensor.plan.recipes.moves import Softmax
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

WORDS = ("float32", "int32", "int64")
LINE = 2
"""Words of a double word."""


def lines(
    setting: Setting, number: int, tile: Sizes, pitch: int = 0, units: Sizes = (), written: bool = False
) -> Lines:
    """The lines of a box of a value, whose rows in the DTCM lie `pitch` elements apart, or side by side by 0.

    written : whether the tile leaves them.
    """
    shape, layout = setting.lowered.graph[number].type.shape, setting.layout(number)
    frame = Frame(shape, tile, pitch or (shape or (1,))[-1], 0, units)
    return lines_of(layout.item, axes_of(layout, shape), frame, written=written)


@lru_cache(1 << 10)
def rows_of(setting: Setting, stage: Stage, sizes: Sizes) -> Softmax:
    """A tile of rows of float32; OperandError where they lie otherwise."""
    node = setting.node(stage, "softmax", "log_softmax")
    assert node is not None
    layout = setting.layout(stage.results[0])
    pitch = layout.row // layout.item
    x = lines(setting, node.inputs[0], sizes, pitch)
    y = lines(setting, stage.results[0], sizes, pitch, written=True)
    return Softmax(prod(sizes[:-1]), sizes[-1], pitch, x, y)


def softmax(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """Whole rows of softmax, of float32 or of bytes."""
    node = setting.node(stage, "softmax", "log_softmax", "softmax_q")
    *outer, last = (axis.size for axis in stage.axes)
    if node is None or 0 in (*outer, last):
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        try:
            if node.op == "softmax_q":
                recipe = _moving(setting, stage, bytes_maps.softmax_q(prod(sizes[:-1]), last), sizes)
            else:
                work = rows_of(setting, stage, sizes)
                recipe = moves.softmax(work, node.op == "log_softmax", setting.room)
        except (DTCMError, OperandError):
            return ()
        return (recipe,) if recipe.dtcm_bytes <= setting.room else ()

    tiles = worker_tiles((*outer, 1), setting.workers) if outer else ((1,),)
    order = (tuple(range(len(stage.axes))),)
    found = dict.fromkeys((*t[:-1], last) for t in tiles)
    return tuple(Way(node.op, tuple((s,) for s in sizes), (), made, order) for sizes in found)


@lru_cache(1 << 10)
def taken(setting: Setting, stage: Stage, sizes: Sizes) -> Indexed:
    """A tile of `take`; OperandError where values lie otherwise."""
    node = setting.node(stage, "take")
    assert node is not None
    x, index = node.inputs
    (n,) = setting.lowered.graph[x].type.shape
    units = (*(1 for _ in sizes[:-1]), LINE) if sizes else ()
    y = lines(setting, stage.results[0], sizes, 0, units, written=True)
    return Indexed(n, prod(sizes), lines(setting, x, (n,)), lines(setting, index, sizes, 0, units), y)


@lru_cache(1 << 10)
def added(setting: Setting, stage: Stage, sizes: Sizes) -> Indexed:
    """A tile of `scatter_add`; OperandError where values lie otherwise."""
    node = setting.node(stage, "scatter_add")
    assert node is not None
    x, index = (lines(setting, i, setting.lowered.graph[i].type.shape) for i in node.inputs)
    count = setting.lowered.graph[node.inputs[1]].type.size
    y = lines(setting, stage.results[0], sizes, 0, (LINE,), written=True)
    return Indexed(sizes[0], count, x, index, y)


def _moving(setting: Setting, stage: Stage, recipe: Recipe, sizes: Sizes) -> Recipe:
    """The recipe with the transfers of values as they lie: line by line where they lie in blocks of channels."""

    def cut(transfer: Transfer, number: int) -> Transfer:
        layout = setting.layout(number)
        if layout.shape != setting.lowered.graph[number].type.shape:
            return transfer
        if layout.block:
            return replace(transfer, pieces=prod(sizes[:-1]) * -(-sizes[-1] // layout.block))
        return replace(transfer, pieces=layout.transfer(tuple((0, size) for size in sizes))[1])

    node = setting.node(stage, "softmax_q")
    assert node is not None
    x, *rest = recipe.loads
    (y,) = recipe.stores
    return replace(recipe, loads=(cut(x, node.inputs[0]), *rest), stores=(cut(y, stage.results[0]),))


def gather(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`take` from a vector of words."""
    node = setting.node(stage, "take")
    if node is None or setting.form(node.inputs[0]) not in WORDS:
        return ()
    x = setting.lowered.graph[node.inputs[0]].type.shape
    shape = tuple(axis.size for axis in stage.axes)
    if len(x) != 1 or attributes(node)["axis"] != 0 or 0 in (*x, *shape):
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        try:
            found = indexed.take(taken(setting, stage, sizes), setting.room)
        except OperandError:
            return ()
        return (found,) if found else ()

    return _tiled(setting, "take", shape, made)


def scatter(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`scatter_add` into a vector of words."""
    node = setting.node(stage, "scatter_add")
    if node is None or setting.form(node.inputs[0]) not in WORDS or len(stage.axes) != 1:
        return ()
    count = setting.lowered.graph[node.inputs[1]].type.size
    form, shape = setting.form(node.inputs[0]), tuple(axis.size for axis in stage.axes)
    if 0 in (count, *shape):
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        try:
            found = indexed.scatter(added(setting, stage, sizes), form, setting.room)
        except OperandError:
            return ()
        return (found,) if found else ()

    return _tiled(setting, "scatter_add", shape, made)


def _tiled(setting: Setting, name: str, shape: Sizes, made) -> tuple[Way, ...]:
    order = (tuple(range(len(shape))),)
    units = (*(1 for _ in shape[:-1]), LINE) if shape else ()
    return tuple(
        Way(name, tuple((s,) for s in sizes), (), made, order, units=units)
        for sizes in worker_tiles(shape, setting.workers, LINE)
    )
