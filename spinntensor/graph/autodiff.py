"""Reverse-mode differentiation from graph to graph: the backward pass is made of ordinary nodes.

Cotangents of a node are added up in the order of its users' ids, each is passed on once, and nothing is made for
nodes on which no wanted gradient depends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spinntensor.errors import GraphError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Graph, Node
from spinntensor.graph.verify import Rule

Gradient = Callable[[Builder, Node, int], Sequence[int | None]]
"""`(builder, node, cotangent of its result) -> cotangent of each operand`; None where there is none."""


def gradients(
    graph: Graph,
    output: int,
    wanted: Sequence[int],
    rules: Mapping[str, Rule],
    table: Mapping[str, Gradient],
    add: str = "add",
) -> Graph:
    """`graph` with the gradients of a scalar output appended to its outputs.

    Parameters
    ----------
    output : id of a node of shape ().
    wanted : ids of the nodes to differentiate by; each gets one more output, of its own type.
    table : gradient of every operation; an operation without an entry must not lie between.
    add : the operation that adds cotangents.

    Raises GraphError when the output is not a scalar, or an operation on the way has no gradient.
    """
    root = graph[output]
    if root.type.shape != ():
        raise GraphError(
            output, root.op, root.source, f"shape {root.type.shape}", "a scalar to differentiate"
        )
    towards = _between(graph, output, set(wanted))
    build = Builder(rules, graph)
    one = build.add("fill", source=root.source, shape=(), format=root.type.format, value=1.0)
    pending: dict[int, list[int]] = {output: [one]}
    found: dict[int, int] = {}
    for node in reversed(graph.nodes):
        if node.id not in towards or node.id not in pending:
            continue
        parts = pending.pop(node.id)
        cotangent = parts[0]
        for part in parts[1:]:
            cotangent = build.add(add, cotangent, part, source=node.source)
        found[node.id] = cotangent
        if any(i in towards for i in node.inputs):
            _pass_on(build, node, cotangent, towards, table, pending)
    ends = []
    for number in wanted:
        node = graph[number]
        if number not in found:
            shape, form = node.type.shape, node.type.format
            found[number] = build.add("fill", source=node.source, shape=shape, format=form, value=0.0)
        ends.append(found[number])
    return build.graph((*graph.outputs, *ends), graph.updates)


def _pass_on(
    build: Builder,
    node: Node,
    cotangent: int,
    towards: set[int],
    table: Mapping[str, Gradient],
    pending: dict[int, list[int]],
) -> None:
    if node.op not in table:
        raise GraphError(node.id, node.op, node.source, "an operation without a gradient", "one that has it")
    for operand, part in zip(node.inputs, table[node.op](build, node, cotangent), strict=True):
        if part is not None and operand in towards:
            pending.setdefault(operand, []).append(part)


def _between(graph: Graph, output: int, wanted: set[int]) -> set[int]:
    """Nodes that depend on a wanted one and on which the output depends, both ends included."""
    below = set(wanted)
    for node in graph.nodes:
        if any(i in below for i in node.inputs):
            below.add(node.id)
    above = {output}
    for node in reversed(graph.nodes):
        if node.id in above:
            above.update(node.inputs)
    return below & above
