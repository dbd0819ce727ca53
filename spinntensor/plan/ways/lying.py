"""How the factors of products lie in SDRAM, and what their exponents are made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from spinntensor.graph.graph import Node
from spinntensor.plan.layout import Layout
from spinntensor.plan.recipes.bfp16_scale import Scale
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.ways.setting import Setting


@dataclass(frozen=True)
class Rows:
    """How the rows of a matrix lie in SDRAM: bytes from row to row, and from element to element."""

    pitch: int
    step: int


def rows_of(layout: Layout, shape: tuple[int, ...]) -> Rows | None:
    """Of a matrix that is a view of a value that lies so; None where its elements are not equally far apart."""
    item, row, columns = layout.item, layout.row, shape[-1]
    last = layout.shape[-1] if layout.shape else 1
    if layout.block:
        return None
    if columns == last:
        return Rows(row, item)
    if row == last * item or prod(layout.shape[:-1]) == 1:
        return Rows(columns * item, item)
    return Rows(columns * row, row) if last == 1 else None


def padded(setting: Setting, number: int, shape: tuple[int, ...] | None = None) -> bool:
    """Whether rows of a value, or of a view of it, lie one behind the other, each in whole double words."""
    layout = setting.layout(number)
    shape = shape or setting.lowered.graph[number].type.shape
    return rows_of(layout, shape) == Rows(up(layout.item * shape[-1]), layout.item)


def magnitudes(setting: Setting, node: Node) -> Scale | None:
    """Of a product of bfp16 with float32 results; None where the exponents are made of anything else."""
    graph = setting.lowered.graph
    tops = [graph[i].type for i in node.inputs[2:]]
    if dict(node.attributes)["format"] != "float32" or any(t.format != "float32" for t in tops):
        return None
    return Scale(*(max(1, t.size) for t in tops))
