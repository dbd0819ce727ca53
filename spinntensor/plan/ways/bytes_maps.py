"""Ways of element-wise work on bytes that no product takes along: a requantisation, the sum of two branches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from math import prod

from spinntensor.graph.graph import Node
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe, Transfer
from spinntensor.plan.recipes import bytes_maps as recipes
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.ways.setting import IMAGE, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

MOST = 8192
"""Elements of a tile at most."""


def single(setting: Setting, stage: Stage) -> Node | None:
    """The only node of a stage that is `requantize` of the last axis with known constants, or `add_q`; else None."""
    graph = setting.lowered.graph
    nodes = [graph[i] for i in stage.nodes if graph[i].op != "reshape"]
    if len(nodes) != 1 or nodes[0].op not in ("requantize", "add_q") or not stage.axes:
        return None
    (node,) = nodes
    if node.op == "add_q":
        return node
    last = attributes(node).get("axis") == len(stage.axes) - 1
    return node if last and all(setting.constant(i) for i in node.inputs[1:]) else None


def alike(setting: Setting, numbers: Iterable[int]) -> bool:
    """Whether values lie alike, so that a box of each is the same bytes in the same order."""
    found = [(setting.layout(i), setting.lowered.graph[i].type.shape) for i in numbers]
    return all(layout == found[0][0] and layout.shape == shape for layout, shape in found)


def bytes_maps(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`requantize` or `add_q` by itself, tile by tile."""
    node = single(setting, stage)
    if node is None:
        return ()
    *outer, last = (axis.size for axis in stage.axes)
    block = setting.block(stage.results[0])
    unit = block or (DOUBLE if len(stage.axes) != IMAGE and last % DOUBLE == 0 else last)
    tried = balanced(last, unit)
    sizes: list[tuple[int, ...]] = [(1,) for _ in outer]
    for at in range(max(0, len(outer) - 2), len(outer)):
        sizes[at] = balanced(outer[at])
    recipe = partial(_recipe, setting, stage, node)
    operands = (("w", frozenset({len(outer)})),)
    units = (*(1 for _ in outer), unit)
    return (Way(node.op, (*sizes, tried), operands, recipe, (tuple(range(len(stage.axes))),), units=units),)


def _recipe(
    setting: Setting, stage: Stage, node: Node, sizes: Sizes, stay: frozenset[str]
) -> tuple[Recipe, ...]:
    rows, last = prod(sizes[:-1]), sizes[-1]
    if rows * last > MOST and rows > 1:
        return ()
    result, signed = stage.results[0], node.type.format == "int8"
    use = Use((signed, signed), same_w="w" in stay)
    box = tuple((0, size) for size in sizes)
    if node.op == "add_q":
        same = alike(setting, (*node.inputs, result))
        nbytes, pieces = setting.layout(result).transfer(box) if same else (rows * up(last), rows)
        made = recipes.add_q(nbytes, use)
        values = dict.fromkeys("aby", pieces)
    else:
        made = recipes.requantize(last, rows, use)
        block = setting.block(result)
        parts = -(-last // block) if block else 1
        values = {"c": rows, "y": rows * parts}

    def cut(t: Transfer) -> Transfer:
        return replace(t, pieces=values.get(t.operand, t.pieces))

    made = replace(made, loads=tuple(map(cut, made.loads)), stores=tuple(map(cut, made.stores)))
    return (made,) if made.dtcm_bytes <= setting.room else ()
