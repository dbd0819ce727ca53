"""The dataflow graph: frozen nodes in topological order, with stable ids; what operations mean is said elsewhere.

A node computes one tensor. Ids survive every pass, so that a report, a random stream or a measured time can name a
node of the program as it was written. Nothing here runs or plans anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spinntensor.graph.show import Picture, show

Scalar = bool | int | float | str | None
Attribute = Scalar | tuple["Attribute", ...]

INPUT, CONSTANT, VARIABLE = "input", "constant", "variable"
"""Operations without operands: a value given at each call, one fixed in the graph, and state that calls update."""
SOURCES = (INPUT, CONSTANT, VARIABLE)


@dataclass(frozen=True)
class TensorType:
    """What is known of a tensor before it is computed: its shape, and its format's text, such as `float32`."""

    shape: tuple[int, ...]
    format: str

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.shape))}] {self.format}"

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Node:
    """One operation.

    Parameters
    ----------
    id : unique in the graph, kept by all passes.
    op : name of the operation.
    inputs : ids of its operands, in order.
    type : of its result.
    attributes : sorted (name, value) pairs; use `attribute` to read one.
    source : `file:line` of the user's program that made it, or empty.
    """

    id: int
    op: str
    inputs: tuple[int, ...]
    type: TensorType
    attributes: tuple[tuple[str, Attribute], ...] = ()
    source: str = ""

    def attribute(self, name: str) -> Attribute:
        """The value of attribute `name`; KeyError when the node has none of that name."""
        return dict(self.attributes)[name]

    @property
    def key(self) -> tuple[object, ...]:
        """What two nodes share that compute the same: operation, operands, type and attributes.

        Attributes are compared as they are written: 0.0 is not -0.0, and 1 is neither 1.0 nor True.
        """
        return self.op, self.inputs, self.type, repr(self.attributes)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which operands come first.

    Parameters
    ----------
    nodes : all nodes.
    outputs : ids of the results, in order; a node may be a result more than once.
    updates : (variable, new value) ids: what the variables hold after a call. A read inside the call sees the old
        value.
    constants : the values of the constant nodes, by id; arrays that nobody may write.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    updates: tuple[tuple[int, int], ...] = ()
    constants: Mapping[int, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Node:
        return self._by_id[number]

    def __contains__(self, number: object) -> bool:
        return number in self._by_id

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def _by_id(self) -> dict[int, Node]:
        return {n.id: n for n in self.nodes}

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes whose values a call gives, in order."""
        return tuple(n for n in self.nodes if n.op == INPUT)

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """Ids that must be computed: the outputs, and the new values of variables."""
        return (*self.outputs, *(value for _, value in self.updates))

    @cached_property
    def users(self) -> dict[int, tuple[int, ...]]:
        """For every node, the ids of the nodes that read it, in order, once for each operand."""
        found: dict[int, list[int]] = {n.id: [] for n in self.nodes}
        for n in self.nodes:
            for operand in n.inputs:
                found[operand].append(n.id)
        return {number: tuple(users) for number, users in found.items()}

    def show(self) -> Picture:
        """The graph as a picture (SVG) for a notebook or a file: `graph.show().save("graph.svg")`."""
        return show(self)

    @property
    def next_id(self) -> int:
        """An id that no node has."""
        return max((n.id for n in self.nodes), default=-1) + 1
