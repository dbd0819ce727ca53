"""From expressions to a graph and back: what a trace, a gradient and a lazy value have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE, Graph, Node
from spinntensor.graph.passes import dead_code
from spinntensor.tensors.expression import Expression, leaf


@dataclass(frozen=True)
class Lowered:
    """A graph, and the expression behind each of its inputs and variables, by id."""

    graph: Graph
    leaves: Mapping[int, Expression]


def reachable(roots: Iterable[Expression], before: int = -1) -> list[Expression]:
    """The expressions that `roots` need, operands first; those made before order `before` count as leaves."""
    seen = {id(x): x for x in roots}
    stack = list(seen.values())
    while stack:
        node = stack.pop()
        if node.order >= before:
            for x in node.operands:
                if id(x) not in seen:
                    seen[id(x)] = x
                    stack.append(x)
    return sorted(seen.values(), key=lambda x: x.order)


def lower(
    outputs: Sequence[Expression],
    updates: Sequence[tuple[Expression, Expression]] = (),
    inputs: Sequence[Expression] = (),
    before: int = -1,
    constants: bool = False,
    given: Collection[int] = (),
) -> Lowered:
    """The graph that computes `outputs`.

    Parameters
    ----------
    updates : (placeholder of a variable, its new value).
    inputs : placeholders that are inputs whether they are needed or not, in this order, first.
    before : expressions made before this order count as leaves.
    constants : leaves with a value, other than `inputs`, are constants of the graph.
    given : positions, in the order of `reachable`, of nodes whose value each run is given, with `inputs` empty.
    """
    variables = {id(v) for v, _ in updates}
    first = {id(x) for x in inputs}
    found = reachable([*outputs, *(v for pair in updates for v in pair)], before)
    order = [*inputs, *(x for x in found if id(x) not in first)]
    number = {id(x): i for i, x in enumerate(order)}
    nodes, fixed, leaves = [], {}, {}
    for i, x in enumerate(order):
        if i in given:
            nodes.append(Node(i, INPUT, (), x.type, (("name", f"x{i}"),), x.source))
            leaves[i] = x
        elif x.operands and x.order >= before:
            ids = tuple(number[id(o)] for o in x.operands)
            nodes.append(Node(i, x.op, ids, x.type, x.attributes, x.source))
        elif x.op != INPUT and x.order >= before:
            nodes.append(Node(i, x.op, (), x.type, x.attributes, x.source))
        elif constants and isinstance(x.value, np.ndarray) and id(x) not in first | variables:
            nodes.append(Node(i, CONSTANT, (), x.type, (), x.source))
            fixed[i] = x.value
        else:
            kind = VARIABLE if id(x) in variables else INPUT
            nodes.append(Node(i, kind, (), x.type, (("name", f"x{i}"),), x.source))
            leaves[i] = x
    graph = Graph(
        tuple(nodes),
        tuple(number[id(x)] for x in outputs),
        tuple((number[id(v)], number[id(new)]) for v, new in updates),
        fixed,
    )
    return Lowered(graph, leaves)


def instantiate(
    graph: Graph, leaves: Mapping[int, Expression], wanted: Collection[int]
) -> dict[int, Expression]:
    """New expressions for the nodes `wanted` of `graph`, over `leaves` in place of its inputs and variables."""
    needed = dead_code(Graph(graph.nodes, tuple(wanted), (), graph.constants))
    made = dict(leaves)
    for node in needed.nodes:
        if node.op == CONSTANT:
            made[node.id] = leaf(graph.constants[node.id], node.type.format)
        elif node.id not in made:
            operands = tuple(made[i] for i in node.inputs)
            made[node.id] = Expression(node.op, operands, node.type, node.attributes, node.source)
    return {i: made[i] for i in wanted}
