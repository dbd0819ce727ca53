"""Exact passes that need no knowledge of operations: they never change a bit of any result, and keep node ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spinntensor.graph.graph import CONSTANT, INPUT, SOURCES, Graph, Node

FOLDED_BYTES = 1 << 16
"""Results of at most this size are folded; larger ones only if they are no larger than their operands."""


def dead_code(graph: Graph) -> Graph:
    """Without the nodes that no output and no update needs; inputs stay, since a call gives them."""
    needed = set(graph.roots) | {variable for variable, _ in graph.updates}
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    kept = tuple(n for n in graph.nodes if n.id in needed or n.op == INPUT)
    constants = {n.id: graph.constants[n.id] for n in kept if n.op == CONSTANT}
    return replace(graph, nodes=kept, constants=constants)


def common_subexpressions(graph: Graph) -> Graph:
    """Each computation once: a node that repeats an earlier one gives way to it. Constants are compared by bits."""
    first: dict[object, int] = {}
    instead: dict[int, int] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        moved = replace(node, inputs=tuple(instead.get(i, i) for i in node.inputs))
        if node.op == CONSTANT:
            value = graph.constants[node.id]
            key: object = (node.type, value.dtype.str, value.tobytes())
        elif node.op in SOURCES:
            key = node.id
        else:
            key = moved.key
        if key in first:
            instead[node.id] = first[key]
        else:
            first[key] = node.id
            kept.append(moved)
    outputs = tuple(instead.get(i, i) for i in graph.outputs)
    updates = tuple((variable, instead.get(value, value)) for variable, value in graph.updates)
    constants = {n.id: graph.constants[n.id] for n in kept if n.op == CONSTANT}
    return Graph(tuple(kept), outputs, updates, constants)


def fold_constants(graph: Graph, compute: Callable[[Node, Sequence[np.ndarray]], np.ndarray | None]) -> Graph:
    """Nodes whose operands are all constants become constants; `graph` itself when there are none.

    compute : a node's value from its operands' values, or None when it must stay in the graph (because something
        about it has to be reported at each call).

    Nodes without operands stay as they are: they are cheaper than their values.
    """
    constants = dict(graph.constants)
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.inputs and all(i in constants for i in node.inputs):
            operands = [constants[i] for i in node.inputs]
            value = compute(node, operands)
            if value is not None and value.nbytes <= max(FOLDED_BYTES, sum(x.nbytes for x in operands)):
                kept = np.array(value, order="C")
                kept.flags.writeable = False
                constants[node.id] = kept
                node = replace(node, op=CONSTANT, inputs=(), attributes=())
        nodes.append(node)
    if len(constants) == len(graph.constants):
        return graph
    return replace(graph, nodes=tuple(nodes), constants=constants)
