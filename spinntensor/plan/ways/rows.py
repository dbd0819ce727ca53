"""Ways of rows of softmax, and of reading and adding by an index."""

from __future__ import annotations

from math import prod

from spinntensor.errors import DTCMError
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import bytes_maps, indexed, moves
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

WORDS = ("float32", "int32", "int64")
LINE = 2
"""Words of a double word."""


def softmax(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """Whole rows of softmax, of float32 or of bytes."""
    node = setting.node(stage, "softmax", "log_softmax", "softmax_q")
    *outer, last = (axis.size for axis in stage.axes)
    if node is None or 0 in (*outer, last):
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        rows = prod(sizes[:-1])
        try:
            if node.op == "softmax_q":
                recipe = bytes_maps.softmax_q(rows, last)
            else:
                recipe = moves.softmax(rows, last, node.op == "log_softmax", setting.room)
        except DTCMError:
            return ()
        return (recipe,) if recipe.dtcm_bytes <= setting.room else ()

    tiles = worker_tiles((*outer, 1), setting.workers) if outer else ((1,),)
    order = (tuple(range(len(stage.axes))),)
    found = dict.fromkeys((*t[:-1], last) for t in tiles)
    return tuple(Way(node.op, tuple((s,) for s in sizes), (), made, order) for sizes in found)


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
        found = indexed.take(prod(sizes), x[0], setting.room)
        return (found,) if found else ()

    return _tiled(setting, stage, "take", shape, made)


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
        found = indexed.scatter(sizes[0], count, form, setting.room)
        return (found,) if found else ()

    return _tiled(setting, stage, "scatter_add", shape, made)


def _tiled(setting: Setting, stage: Stage, name: str, shape: Sizes, made) -> tuple[Way, ...]:
    order = (tuple(range(len(shape))),)
    return tuple(
        Way(name, tuple((s,) for s in sizes), (), made, order)
        for sizes in worker_tiles(shape, setting.workers, LINE)
    )
