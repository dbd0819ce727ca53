"""Exact rewriting before stages are made: whatever looks at a whole bfp16 tensor becomes a node of its own.

`quantize_bfp16` is the largest magnitude, then a rounding that is local; a product of bfp16 takes what its shifts are
made of as operands; one with a bfp16 result is exact sums, their largest magnitude, and a rounding. Ids and source
lines of the nodes stay; what counts are kept for has its old id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spinntensor.graph.graph import Graph, Node, TensorType
from spinntensor.graph.passes import dead_code
from spinntensor.graph.verify import verify
from spinntensor.lower.operations import EXACT, LARGEST, LARGEST_SUM, LOWERED_RULES, MANTISSA, NARROW, ROUND
from spinntensor.ops.operation import family
from spinntensor.ops.shape import bfp16_axis

_VIEWS = ("reshape", "transpose", "broadcast_to")
"""Operations whose results have the mantissas of their operands."""


class _Rewriting:
    """Nodes so far; new ones get ids behind those of the graph."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[Node] = []
        self.types: dict[int, TensorType] = {}
        self.views: dict[int, int] = {}
        self.tops: dict[tuple[object, ...], int] = {}
        self.next = graph.next_id

    def keep(self, node: Node) -> None:
        """A node as it is; a tensor with more axes of size 1 is another view of it."""
        alone = node.op == "broadcast_to" and node.type.size == self.types[node.inputs[0]].size
        if alone and bfp16_axis(node.type.format) is None:
            node = replace(node, op="reshape")
        self.nodes.append(node)
        self.types[node.id] = node.type
        if node.op in _VIEWS:
            self.views[node.id] = node.inputs[0]

    def add(
        self, op: str, inputs: tuple[int, ...], source: str, number: int | None = None, **attributes
    ) -> int:
        """A new node, or another one with the id of an old one."""
        given = tuple(sorted(attributes.items()))
        kind = LOWERED_RULES[op](tuple(self.types[i] for i in inputs), attributes)
        if number is None:
            number, self.next = self.next, self.next + 1
        self.keep(Node(number, op, inputs, kind, given, source))
        return number

    def once(self, op: str, operand: int, source: str, **attributes: Any) -> int:
        """A reduction of a tensor, made where it is first needed."""
        key = (op, operand, *attributes.items())
        if key not in self.tops:
            self.tops[key] = self.add(op, (operand,), source, **attributes)
        return self.tops[key]

    def top(self, number: int, source: str) -> int:
        """What the shift of a bfp16 tensor is made of: the magnitude it was rounded by, or its largest mantissa."""
        while number in self.views:
            number = self.views[number]
        key = (ROUND, number)
        return self.tops[key] if key in self.tops else self.once(MANTISSA, number, source)

    def quantized(self, node: Node) -> None:
        """`quantize_bfp16` in two steps."""
        given: dict[str, Any] = dict(node.attributes)
        axis, seed = given.get("axis"), given.get("seed")
        top = self.once(LARGEST, node.inputs[0], node.source, axis=axis)
        inputs = (node.inputs[0], top, *node.inputs[1:])
        self.add(ROUND, inputs, node.source, node.id, axis=axis, seed=seed)
        if seed is None:
            self.tops[(ROUND, node.id)] = top

    def product(self, node: Node) -> None:
        """A product of bfp16, rounded to float32 at once, or to bfp16 in three steps."""
        given: dict[str, Any] = dict(node.attributes)
        inputs = (*node.inputs, *(self.top(i, node.source) for i in node.inputs))
        if given["format"] == "float32":
            self.add(EXACT[node.op], inputs, node.source, node.id, **given)
            return
        sums = self.add(EXACT[node.op], inputs, node.source, **{**given, "format": "sums"})
        top = self.add(LARGEST_SUM, (sums,), node.source)
        self.add(NARROW, (sums, top), node.source, node.id)
        self.tops[(ROUND, node.id)] = top


def legalise(graph: Graph) -> Graph:
    """`graph` with the same results and counts, in which every node but reductions is local; verified."""
    work = _Rewriting(graph)
    for node in dead_code(graph).nodes:
        if node.op == "quantize_bfp16":
            work.quantized(node)
        elif node.op in EXACT and family(work.types[node.inputs[0]].format) == "bfp16":
            work.product(node)
        else:
            work.keep(node)
    return verify(replace(dead_code(graph), nodes=tuple(work.nodes)), LOWERED_RULES)
