"""The host executor: a graph made ready once, then run with the bits of the specification; what is dead is freed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.errors import GraphError, SpinnTensorError
from spinntensor.graph.graph import SOURCES, Graph, Node
from spinntensor.graph.passes import common_subexpressions, dead_code, fold_constants
from spinntensor.graph.verify import verify
from spinntensor.ops import OPERATIONS, RULES, Counted, Operation, Value

Counts = Mapping[int, Mapping[str, int]]
"""What happened in which node, by id: see `Counted`. Nodes in which nothing did are left out."""


@dataclass(frozen=True)
class Step:
    """One operation of a program: operands and result by slot, and the slots that nobody reads afterwards."""

    run: Callable[..., Value | Counted]
    attributes: Mapping[str, Any]
    operands: tuple[int, ...]
    result: int
    dead: tuple[int, ...]
    node: Node


@dataclass(frozen=True)
class Program:
    """A graph made ready for the host.

    slots : constants where there are any, else None; copied by each run.
    given : inputs and variables, each with its slot.
    outputs, updates : slots of the results, and (variable, slot).
    """

    steps: tuple[Step, ...]
    slots: tuple[Value | None, ...]
    given: tuple[tuple[Node, int], ...]
    outputs: tuple[int, ...]
    updates: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Result:
    """Outputs in order, new values of the variables by id, and what has to be reported."""

    outputs: list[Value]
    updates: dict[int, Value]
    counts: Counts


def optimised(graph: Graph) -> Graph:
    """`graph` after the exact passes, verified before them and after each."""
    graph = verify(dead_code(verify(graph, RULES)), RULES)
    graph = verify(common_subexpressions(graph), RULES)
    folded = fold_constants(graph, _silently)
    return folded if folded is graph else verify(dead_code(verify(folded, RULES)), RULES)


def _silently(node: Node, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """A node's value for folding, or None where something would have to be reported."""
    try:
        with np.errstate(all="ignore"):
            value = OPERATIONS[node.op].run(*operands, **dict(node.attributes))
    except SpinnTensorError:
        return None
    return value if isinstance(value, np.ndarray) else None


def prepare(graph: Graph, operations: Mapping[str, Operation] = OPERATIONS) -> Program:
    """The program of `graph` as it stands; run `optimised` before it for speed."""
    slot = {n.id: i for i, n in enumerate(graph.nodes)}
    last: dict[int, int] = {}
    for at, node in enumerate(graph.nodes):
        for i in node.inputs:
            last[i] = at
    kept = {*graph.roots, *graph.constants}
    steps = []
    for at, node in enumerate(graph.nodes):
        if node.op in SOURCES:
            continue
        dead = tuple(slot[i] for i in dict.fromkeys(node.inputs) if last[i] == at and i not in kept)
        operands = tuple(slot[i] for i in node.inputs)
        run = operations[node.op].run
        steps.append(Step(run, dict(node.attributes), operands, slot[node.id], dead, node))
    return Program(
        tuple(steps),
        tuple(graph.constants.get(n.id) for n in graph.nodes),
        tuple((n, slot[n.id]) for n in graph.nodes if n.op in SOURCES and n.id not in graph.constants),
        tuple(slot[i] for i in graph.outputs),
        tuple((variable, slot[value]) for variable, value in graph.updates),
    )


def execute(
    program: Program, values: Mapping[int, Value], source: Callable[[int], str] | None = None
) -> Result:
    """One run.

    values : of inputs and variables, by id; what a variable held before the call.
    source : the user's line of a node's id, where the program was made for another graph of the same structure.

    Raises GraphError for an input or variable without a value, or one of another shape. An error of an operation
    gets a note that names the node and the user's line.
    """
    slots: list[Any] = list(program.slots)
    for node, slot in program.given:
        value = values.get(node.id)
        if value is None or value.shape != node.type.shape:
            received = "no value" if value is None else f"shape {value.shape}"
            expected = f"a value of shape {node.type.shape}"
            raise GraphError(node.id, node.op, node.source, received, expected)
        slots[slot] = value
    counts: dict[int, Mapping[str, int]] = {}
    with np.errstate(all="ignore"):  # what numbers do is counted by the operations themselves
        for step in program.steps:
            try:
                result = step.run(*[slots[i] for i in step.operands], **step.attributes)
            except SpinnTensorError as error:
                error.add_note(
                    f"in {step.node.op}, node %{step.node.id} from {step.node.source or 'a graph'}"
                )
                raise
            if isinstance(result, Counted):
                result, found = result
                if any(found.values()):
                    counts[step.node.id] = {name: n for name, n in found.items() if n}
            slots[step.result] = result
            for i in step.dead:
                slots[i] = None
    return Result([slots[i] for i in program.outputs], {v: slots[i] for v, i in program.updates}, counts)


def evaluate(
    graph: Graph, values: Mapping[int, Value], operations: Mapping[str, Operation] = OPERATIONS
) -> tuple[list[Any], dict[int, Any]]:
    """The outputs, and the new values of the variables by id, of `graph` as it stands; counts are left out."""
    result = execute(prepare(graph, operations), values)
    return result.outputs, result.updates
