"""Grows a graph node by node; every node gets its type from the operation's rule, so a mistake shows at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import FrameType

import numpy as np

from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE, Attribute, Graph, Node, TensorType
from spinntensor.graph.verify import Rule

_PACKAGE = f"{Path(__file__).resolve().parents[1]}{os.sep}"


def outside() -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def caller() -> str:
    """`file:line` of the innermost frame outside this package, or empty when there is none."""
    frame = outside()
    return f"{_name(frame.f_code.co_filename)}:{frame.f_lineno}" if frame is not None else ""


@lru_cache(256)
def _name(path: str) -> str:
    return Path(path).name


class Builder:
    """A graph under construction.

    Parameters
    ----------
    rules : shape rule of every operation.
    graph : a graph to go on from; its ids are kept.
    """

    def __init__(self, rules: Mapping[str, Rule], graph: Graph | None = None) -> None:
        self._rules = rules
        self._nodes = {n.id: n for n in graph.nodes} if graph else {}
        self._constants = dict(graph.constants) if graph else {}
        self._next = graph.next_id if graph else 0

    def __getitem__(self, number: int) -> Node:
        return self._nodes[number]

    def input(self, name: str, kind: TensorType, source: str = "") -> int:
        """A value that each call gives."""
        return self._add(INPUT, (), kind, {"name": name}, source)

    def variable(self, name: str, kind: TensorType, source: str = "") -> int:
        """State that calls may update."""
        return self._add(VARIABLE, (), kind, {"name": name}, source)

    def constant(self, value: np.ndarray, form: str, source: str = "") -> int:
        """A fixed value in format `form`; the array is copied, and nobody may write the copy."""
        number = self._add(CONSTANT, (), TensorType(value.shape, form), {}, source)
        kept = np.array(value, order="C")
        kept.flags.writeable = False
        self._constants[number] = kept
        return number

    def add(self, op: str, *operands: int, source: str = "", **attributes: Attribute) -> int:
        """The result of an operation; the rule's own error when its operands do not fit."""
        kind = self._rules[op](tuple(self._nodes[i].type for i in operands), attributes)
        return self._add(op, operands, kind, attributes, source)

    def _add(
        self,
        op: str,
        operands: tuple[int, ...],
        kind: TensorType,
        attributes: Mapping[str, Attribute],
        source: str,
    ) -> int:
        number = self._next
        self._next += 1
        self._nodes[number] = Node(number, op, operands, kind, tuple(sorted(attributes.items())), source)
        return number

    def graph(self, outputs: tuple[int, ...], updates: tuple[tuple[int, int], ...] = ()) -> Graph:
        """What was built, with these results."""
        return Graph(tuple(self._nodes.values()), outputs, updates, dict(self._constants))
