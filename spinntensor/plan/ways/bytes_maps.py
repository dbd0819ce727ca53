"""Ways of element-wise work on bytes that no product takes along: a requantisation, the sum of two branches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod

from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe, Transfer
from spinntensor.plan.recipes import bytes_maps as recipes
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

MOST = 8192
"""Elements of a tile at most."""


def bytes_maps(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`requantize` or `add_q` by itself, tile by tile."""
    graph = setting.lowered.graph
    nodes = [graph[i] for i in stage.nodes if graph[i].op != "reshape"]
    if len(nodes) != 1 or nodes[0].op not in ("requantize", "add_q") or not stage.axes:
        return ()
    (node,) = nodes
    rank = len(stage.axes)
    if node.op == "requantize" and attributes(node).get("axis") != rank - 1:
        return ()
    unit = setting.block(stage.results[0]) or stage.axes[-1].size
    *outer, last = (axis.size for axis in stage.axes)
    sizes = [balanced(size)[:6] if at == rank - 2 else (size,) for at, size in enumerate(outer)]
    for at in range(rank - 2):
        sizes[at] = (1,) if outer[at] > 1 and prod(outer[at:]) * last > MOST else (outer[at],)
    tried = balanced(last, unit)
    recipe = partial(_recipe, setting, node.op, setting.form(stage.results[0]) == "int8", unit)
    operands = (("w", frozenset({rank - 1})),)
    return (Way(node.op, (*sizes, tried), operands, recipe, (tuple(range(rank)),)),)


def _recipe(
    setting: Setting, op: str, signed: bool, unit: int, sizes: Sizes, stay: frozenset[str]
) -> tuple[Recipe, ...]:
    count, blocks = prod(sizes), -(-sizes[-1] // unit)
    use = Use((signed, signed), same_w="w" in stay)
    if op == "add_q":
        made = recipes.add_q(-(-count // DOUBLE) * DOUBLE, use)
    else:
        made = recipes.requantize(sizes[-1], count // sizes[-1], use)

    def cut(t: Transfer) -> Transfer:
        return t if t.operand == "w" else replace(t, pieces=blocks)

    made = replace(made, loads=tuple(map(cut, made.loads)), stores=tuple(map(cut, made.stores)))
    return (made,) if made.dtcm_bytes <= setting.room else ()
