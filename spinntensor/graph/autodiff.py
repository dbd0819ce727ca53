"""Reverse-mode differentiation from graph to graph: the backward pass is made of ordinary nodes.

Cotangents of a node are added up in the order of its users' ids, each is passed on once, and nothing is made for
nodes on which no wanted gradient depends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from spinntensor.errors import GraphError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Graph, Node, TensorType
from spinntensor.graph.verify import Rule

COTANGENT = "float32"
"""The format of every cotangent, whatever the format of the tensor it belongs to."""

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
    output : id of a float32 node of shape ().
    wanted : ids of the nodes to differentiate by; each gets one more output, float32 of its own shape.
    table : gradient of every operation; an operation without an entry must not lie between.
    add : the operation that adds cotangents.

    Raises GraphError when the output is no float32 scalar, or an operation on the way has no gradient.
    """
    root = graph[output]
    if root.type.shape != () or root.type.format != COTANGENT:
        raise GraphError(output, root.op, root.source, str(root.type), "a float32 scalar to differentiate")
    build = Builder(rules, graph)
    one = build.add("fill", source=root.source, shape=(), format=COTANGENT, value=1.0)
    return _pull(build, graph, {output: one}, wanted, table, add)


def pullback(
    graph: Graph,
    seeds: Mapping[int, int],
    wanted: Sequence[int],
    rules: Mapping[str, Rule],
    table: Mapping[str, Gradient],
    add: str = "add",
) -> Graph:
    """`graph` with the cotangents of the nodes `wanted` appended, from those of its results.

    seeds : for the id of each result that is pulled back, the id of a node of `graph` that is its cotangent.
    """
    for result, seed in seeds.items():
        expected = TensorType(graph[result].type.shape, COTANGENT)
        if graph[seed].type != expected:
            node = graph[result]
            raise GraphError(result, node.op, node.source, f"cotangent {graph[seed].type}", str(expected))
    return _pull(Builder(rules, graph), graph, seeds, wanted, table, add)


def _pull(
    build: Builder,
    graph: Graph,
    seeds: Mapping[int, int],
    wanted: Sequence[int],
    table: Mapping[str, Gradient],
    add: str,
) -> Graph:
    towards = _between(graph, seeds, set(wanted))
    pending = {result: [seed] for result, seed in seeds.items()}
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
            found[number] = build.add(
                "fill", source=node.source, shape=node.type.shape, format=COTANGENT, value=0.0
            )
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


def _between(graph: Graph, results: Iterable[int], wanted: set[int]) -> set[int]:
    """Nodes that depend on a wanted one and on which a result depends, both ends included."""
    below = set(wanted)
    for node in graph.nodes:
        if any(i in below for i in node.inputs):
            below.add(node.id)
    above = set(results)
    for node in reversed(graph.nodes):
        if node.id in above:
            above.update(node.inputs)
    return below & above
