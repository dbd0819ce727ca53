"""Stages: a graph as pieces of work whose results can be computed box by box, by different cores, to the same bits.

A stage computes one or more nodes of the graph: a product with its epilogue, a chain of element-wise operations, a
reduction with what it sums up. Nothing here says how a stage is cut, which core works on it or how long it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from spinntensor.graph.graph import Graph


@dataclass(frozen=True)
class Axis:
    """An axis along which a stage may be cut.

    Parameters
    ----------
    size : indices along it.
    unit : cuts lie at multiples of it; `size` where it cannot be cut.
    name : `n`, `h`, `w`, `c` of images; `m` and `n` of matrices; `k` for what is summed over; a number for others.
    """

    name: str
    size: int
    unit: int = 1

    @property
    def most(self) -> int:
        """Parts it can be cut into at most."""
        return -(-self.size // self.unit)


@dataclass(frozen=True)
class Stage:
    """One piece of work.

    Parameters
    ----------
    number : its place among the stages; a stage reads only what stages before it made.
    name : for people: layer or operation, unique.
    kind : the family whose recipes compute it, one of `spinntensor.lower.kinds`.
    nodes : ids of the graph's nodes that it computes, operands first.
    inputs : ids of the nodes whose values it reads, in order of first use.
    results : ids of the nodes whose values it leaves; all have the shape that `axes` says.
    axes : of its results, one for each.
    sums : what its products or elements are summed over, where that can be split between tiles; else None.
    macs : logical multiply-accumulates.
    """

    number: int
    name: str
    kind: str
    nodes: tuple[int, ...]
    inputs: tuple[int, ...]
    results: tuple[int, ...]
    axes: tuple[Axis, ...]
    sums: Axis | None = None
    macs: int = 0


@dataclass(frozen=True, eq=False)
class Lowered:
    """A graph and its stages, in an order in which operands come first.

    `alias` names, for a node that is only another view of the same bytes (reshape), the node that holds them; `copies`,
    for a node that computes a value again (`lower.recompute`), the node that it repeats.
    """

    graph: Graph
    stages: tuple[Stage, ...]
    alias: Mapping[int, int]
    copies: Mapping[int, int] = field(default_factory=dict)

    def home(self, number: int) -> int:
        """The node whose bytes hold the value of this one."""
        while number in self.alias:
            number = self.alias[number]
        return number

    @cached_property
    def maker(self) -> Mapping[int, int]:
        """For each value that a stage leaves, the number of that stage."""
        return {i: s.number for s in self.stages for i in s.results}

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates of the whole graph."""
        return sum(s.macs for s in self.stages)
