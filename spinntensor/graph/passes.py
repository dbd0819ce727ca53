"""Exact passes that need no knowledge of operations: they never change a bit of any result, and keep node ids."""

from __future__ import annotations

from dataclasses import replace

from spinntensor.graph.graph import CONSTANT, INPUT, SOURCES, Graph, Node


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
