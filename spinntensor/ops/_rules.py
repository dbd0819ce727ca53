"""What the shape rules of several families share: operands in number and format, names of attributes, axes.

Each check costs little when it passes: texts are put together only for a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor.errors import ShapeError
from spinntensor.graph.graph import Attribute, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.ops.operation import DTYPES

Types = tuple[TensorType, ...]
Attributes = Mapping[str, Attribute]

PLAIN = tuple(DTYPES)
"""Formats whose value is a plain array: all but bfp16."""
NUMBERS = tuple(form for form in PLAIN if form != "bool")
WIDE = ("int32", "int64")
"""Integers that are computed with; the narrow ones are codes of a scale and are converted first."""


def signature(op: str, operands: Types, count: int, attributes: Attributes, *names: str) -> None:
    """ShapeError unless there are `count` operands and exactly the attributes called `names`."""
    if len(operands) != count:
        raise ShapeError(op, f"{len(operands)} operands", f"{count}", "give as many")
    if len(attributes) != len(names) or any(name not in attributes for name in names):
        given, wanted = (", ".join(sorted(n)) or "none" for n in (attributes, names))
        raise ShapeError(op, f"attributes {given}", wanted, "name these and no others")


def of_format(op: str, operand: TensorType, formats: tuple[str, ...]) -> None:
    """ShapeError unless the operand's format is one of these."""
    if operand.format not in formats:
        wanted = f"format {' or '.join(formats)}"
        raise ShapeError(op, f"{operand}", wanted, "convert it first")


def alike(op: str, operands: Types) -> None:
    """ShapeError unless all operands have the same shape and format."""
    first = operands[0]
    for other in operands[1:]:
        if other != first:
            received = " and ".join(map(str, operands))
            raise ShapeError(op, received, "equal shapes and formats", "broadcast or convert one")


def elementwise(op: str, count: int, formats: tuple[str, ...], result: str | None = None) -> Rule:
    """The rule of operands with one shape and one of these formats; the result has it too, or format `result`."""

    def rule(operands: Types, attributes: Attributes) -> TensorType:
        signature(op, operands, count, attributes)
        first = operands[0]
        of_format(op, first, formats)
        alike(op, operands)
        return first if result is None else TensorType(first.shape, result)

    return rule


def axis_of(op: str, shape: tuple[int, ...], axis: Attribute) -> int:
    """The attribute `axis`, an axis of `shape` counted from the front."""
    if type(axis) is not int or not 0 <= axis < len(shape):
        wanted = f"an axis from 0 to {len(shape) - 1}" if shape else "an operand that has axes"
        raise ShapeError(op, f"axis {axis!r} for shape {shape}", wanted, "choose an axis")
    return axis


def axes_of(op: str, shape: tuple[int, ...], axes: Attribute) -> tuple[int, ...]:
    """The attribute `axes`: some axes of `shape` in rising order, each once."""
    if not isinstance(axes, tuple):
        raise ShapeError(op, f"axes {axes!r}", "a tuple of integers", "choose axes")
    last = -1
    for axis in axes:
        if type(axis) is not int or not last < axis < len(shape):
            wanted = f"rising axes from 0 to {len(shape) - 1}"
            raise ShapeError(op, f"axes {axes} for shape {shape}", wanted, "name each axis once")
        last = axis
    return axes  # type: ignore[return-value]  # its elements were looked at above
