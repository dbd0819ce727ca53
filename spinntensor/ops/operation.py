"""What an operation is: one record that says its shape rule, its gradient and how the host computes it.

Interpretations are tables keyed by the operation's name, put together from these records, so that a new operation
touches one file. What the host computes is the definition of the result's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.graph.autodiff import Gradient
from spinntensor.graph.graph import Attribute, TensorType
from spinntensor.graph.verify import Rule

Run = Callable[..., np.ndarray]
"""`(*operands, **attributes) -> result`, arrays in the memory layout of their formats."""


@dataclass(frozen=True)
class Operation:
    """One tensor operation.

    Parameters
    ----------
    name : as graphs spell it.
    rule : type of the result from the types of the operands and the attributes; ShapeError when they do not fit.
    run : the host's computation.
    gradient : cotangents of the operands, or None where there is no gradient.
    """

    name: str
    rule: Rule
    run: Run
    gradient: Gradient | None = None


def table(operations: Sequence[Operation]) -> Mapping[str, Operation]:
    """The operations by name."""
    return {o.name: o for o in operations}


def expect(condition: bool, op: str, received: Any, expected: str, mend: str) -> None:
    """ShapeError unless `condition` holds."""
    if not condition:
        raise ShapeError(op, str(received), expected, mend)


def one(op: str, operands: tuple[TensorType, ...]) -> TensorType:
    """The only operand's type."""
    expect(len(operands) == 1, op, f"{len(operands)} operands", "one", "give one tensor")
    return operands[0]


def integers(op: str, name: str, value: Attribute) -> tuple[int, ...]:
    """An attribute as a tuple of int."""
    good = isinstance(value, tuple) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    expect(good, op, f"{name} = {value!r}", "a tuple of integers", f"choose {name}")
    return value  # type: ignore[return-value]  # its elements were looked at above
