"""The host executor: computes a graph node by node, with the bits of the specification, and frees what is dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from spinntensor.errors import GraphError
from spinntensor.graph.graph import SOURCES, Graph
from spinntensor.ops import OPERATIONS, Operation


def evaluate(
    graph: Graph, values: Mapping[int, np.ndarray], operations: Mapping[str, Operation] = OPERATIONS
) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
    """The outputs, and the new values of the variables by id.

    Parameters
    ----------
    values : of inputs and variables, by id; what a variable held before the call.
    operations : what each operation computes.

    Raises GraphError for an input or variable without a value, or one of another shape.
    """
    for node in graph.nodes:
        if node.op in SOURCES and node.id not in graph.constants:
            got = values.get(node.id)
            if got is None or got.shape != node.type.shape:
                received = "no value" if got is None else f"shape {got.shape}"
                raise GraphError(
                    node.id, node.op, node.source, received, f"a value of shape {node.type.shape}"
                )
    known: dict[int, np.ndarray] = {**graph.constants, **values}
    uses = Counter(i for n in graph.nodes for i in n.inputs) + Counter(graph.roots)
    for node in graph.nodes:
        if node.op not in SOURCES:
            known[node.id] = operations[node.op].run(
                *(known[i] for i in node.inputs), **dict(node.attributes)
            )
            for i in node.inputs:
                uses[i] -= 1
                if not uses[i]:
                    del known[i]
    return [known[i] for i in graph.outputs], {v: known[i] for v, i in graph.updates}
