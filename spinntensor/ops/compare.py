"""Conditions: comparisons, logic on them, and the choice between two tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import vectorize

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.ops._compose import of_floats, parted
from spinntensor.ops._rules import NUMBERS, PLAIN, Attributes, Types, alike, elementwise, of_format, signature
from spinntensor.ops.operation import Operation, Run, expect

BOOL = ("bool",)


def _run(ufunc: Callable[..., np.ndarray]) -> Run:
    """A ufunc whose results of shape () are arrays as well."""

    def run(*operands: np.ndarray) -> np.ndarray:
        y = ufunc(*operands)
        return y if type(y) is np.ndarray else np.asarray(y)

    return run


def _chosen(condition, a, b):
    return a if condition else b


@lru_cache
def _choice(size: int) -> Callable[..., np.ndarray]:
    """The choice between patterns of so many bytes; each has its own, as one for all would be used for wider ones."""
    word = f"uint{8 * size}"
    return vectorize([f"{word}(boolean, {word}, {word})"], cache=True)(_chosen)


_MANY = 2048
"""Elements from which on a choice without branches is the faster one."""


def _run_where(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if condition.size < _MANY:
        return np.where(condition, a, b)
    stored = np.dtype(f"u{a.dtype.itemsize}")  # patterns, so that those of NaN stay
    return _choice(a.dtype.itemsize)(condition, a.view(stored), b.view(stored)).view(a.dtype)


def _where_rule(operands: Types, attributes: Attributes) -> TensorType:
    signature("where", operands, 3, attributes)
    condition, a, b = operands
    of_format("where", condition, BOOL)
    of_format("where", a, PLAIN)
    alike("where", (a, b))
    if condition.shape != a.shape:
        received = f"a condition {condition} for {a}"
        expect(False, "where", received, "equal shapes", "broadcast one of them")
    return a


def _where(b: Builder, node: Node, c: int) -> tuple[None, int, int]:
    """The cotangent goes to the operand that was chosen."""
    return None, *parted(b, node.inputs[0], c, node.source)


def _comparison(op: str, ufunc: Callable[..., np.ndarray], formats: tuple[str, ...], sign: str) -> Operation:
    return Operation(
        op, elementwise(op, 2, formats, "bool"), _run(ufunc), None, formats, f"whether a {sign} b"
    )


def _logic(op: str, count: int, ufunc: Callable[..., np.ndarray], summary: str) -> Operation:
    return Operation(op, elementwise(op, count, BOOL), _run(ufunc), None, BOOL, summary)


OPERATIONS = (
    _comparison("equal", np.equal, PLAIN, "="),
    _comparison("not_equal", np.not_equal, PLAIN, "is not"),
    _comparison("less", np.less, NUMBERS, "<"),
    _comparison("less_equal", np.less_equal, NUMBERS, "<="),
    _comparison("greater", np.greater, NUMBERS, ">"),
    _comparison("greater_equal", np.greater_equal, NUMBERS, ">="),
    _logic("logical_and", 2, np.logical_and, "whether a and b hold"),
    _logic("logical_or", 2, np.logical_or, "whether a, b or both hold"),
    _logic("logical_xor", 2, np.logical_xor, "whether a or b holds, not both"),
    _logic("logical_not", 1, np.logical_not, "whether x does not hold"),
    Operation(
        "where", _where_rule, _run_where, of_floats(_where), BOOL, "a where the condition holds, else b"
    ),
)
"""NaN is unlike every number, itself included, and in no order with any; the two zeros are equal."""
