"""What an operation is: one record that says its shape rule, its gradient and how the host computes it.

Interpretations are tables keyed by the operation's name, put together from these records, so that a new operation
touches one file. What the host computes is the definition of the result's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.formats.description import Quantized
from spinntensor.graph.autodiff import Gradient
from spinntensor.graph.graph import Attribute, TensorType
from spinntensor.graph.verify import Rule

Value = np.ndarray | Quantized
"""A tensor's value while a graph runs: an array of its format's type, or mantissas with their exponent for bfp16."""

DTYPES: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "int32": np.dtype(np.int32),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
}
"""How each format but bfp16 is stored. int64 and bool live on the host: indices and conditions."""
FORMATS = (*DTYPES, "bfp16")


class Counted(NamedTuple):
    """A result, and how often something happened on the way that the user must hear of.

    Names of counts: `overflowed` (finite operands, a result that its format cannot hold), `nonfinite` (rows of a
    product that hold infinity or NaN), `invalid` (NaN from operands without NaN), `saturated` (clamped by a
    conversion), `lost` (became 0 by a conversion).
    """

    value: Value
    counts: Mapping[str, int]


Run = Callable[..., Value | Counted]
"""`(*operands, **attributes) -> result`; operands must not be written, a result may share their memory."""


def family(form: str) -> str:
    """The format's name without its description: `bfp16` of `bfp16(axis=1)`."""
    return form.split("(", 1)[0]


@dataclass(frozen=True)
class Operation:
    """One tensor operation.

    Parameters
    ----------
    name : as graphs spell it.
    rule : type of the result from the types of the operands and the attributes; ShapeError when they do not fit.
    run : the host's computation.
    gradient : cotangents of the operands, or None where there is no gradient.
    formats : of the first operand, or of the result where there is none; the rule refuses all others.
    summary : one line for the documentation.
    """

    name: str
    rule: Rule
    run: Run
    gradient: Gradient | None = None
    formats: tuple[str, ...] = ()
    summary: str = ""


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
