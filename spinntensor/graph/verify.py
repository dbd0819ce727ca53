"""Checks a graph against its own rules and the operations' shape rules; run after every pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spinntensor.errors import GraphError
from spinntensor.graph.graph import CONSTANT, SOURCES, VARIABLE, Attribute, Graph, Node, TensorType

Rule = Callable[[tuple[TensorType, ...], Mapping[str, Attribute]], TensorType]
"""`(types of the operands, attributes) -> type of the result`; raises where they do not fit."""


def verify(graph: Graph, rules: Mapping[str, Rule]) -> Graph:
    """`graph` itself when it is sound, else GraphError naming the node, its operation and its source line.

    Sound: ids are unique; operands come before their users; results and new values of variables exist; every
    operation has a rule, and its result has the type that the rule gives; constants have their values; an update
    has its variable's type, and no variable has two.
    """
    seen: dict[int, TensorType] = {}
    for node in graph.nodes:
        if node.id in seen:
            raise _wrong(node, "another node has this id", "ids are unique")
        missing = [i for i in node.inputs if i not in seen]
        if missing:
            raise _wrong(node, f"operands {missing} come later or do not exist", "operands come first")
        if node.attributes != tuple(sorted(node.attributes)):
            raise _wrong(node, "attributes out of order", "attributes sorted by name")
        if node.op in SOURCES:
            _source(graph, node)
        else:
            _computed(node, tuple(seen[i] for i in node.inputs), rules)
        seen[node.id] = node.type
    _ends(graph)
    return graph


def _source(graph: Graph, node: Node) -> None:
    if node.inputs:
        raise _wrong(node, f"operands {list(node.inputs)}", "none")
    if node.op == CONSTANT:
        value = graph.constants.get(node.id)
        if value is None:
            raise _wrong(node, "no value", f"an array of shape {node.type.shape}")
        if value.shape != node.type.shape:
            raise _wrong(node, f"a value of shape {value.shape}", f"shape {node.type.shape}")


def _computed(node: Node, operands: tuple[TensorType, ...], rules: Mapping[str, Rule]) -> None:
    if node.op not in rules:
        raise _wrong(node, "an operation without a rule", f"one of {', '.join(sorted(rules))}")
    ruled = rules[node.op](operands, dict(node.attributes))
    if ruled != node.type:
        raise _wrong(node, f"type {node.type}", f"{ruled}, by the rule for its operands")


def _ends(graph: Graph) -> None:
    for number in graph.outputs:
        if number not in graph:
            raise GraphError(number, "output", "", "no such node", "a node of the graph")
    done = set()
    for variable, value in graph.updates:
        if variable not in graph or graph[variable].op != VARIABLE:
            raise GraphError(variable, "update", "", "not a variable", "a variable of the graph")
        if variable in done:
            raise _wrong(graph[variable], "two updates", "one new value for each variable")
        if value not in graph or graph[value].type != graph[variable].type:
            got = str(graph[value].type) if value in graph else "no such node"
            raise _wrong(graph[variable], f"a new value: {got}", str(graph[variable].type))
        done.add(variable)


def _wrong(node: Node, received: str, expected: str) -> GraphError:
    return GraphError(node.id, node.op, node.source, received, expected)
