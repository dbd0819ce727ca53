"""What a lazy tensor is made of: a node of a growing expression, computed when somebody asks.

An expression knows its operands; nothing else knows all expressions, so what no tensor needs any more is freed by
Python itself. Shapes and formats are checked when the expression is made, at the user's call.
"""

from __future__ import annotations

from itertools import count
from typing import Any
from weakref import ref

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import INPUT, Attribute, TensorType
from spinntensor.ops import RULES
from spinntensor.ops.operation import Value

_order = count()


class Expression:
    """One value to be computed.

    op, operands, type, attributes, source : as in `graph.Node`; a leaf's `op` is `input`.
    value : None until it is computed, or for the placeholder of a trace.
    order : rises with every expression made; operands come first.
    handle : weak reference to the tensor that names it, so that what a user holds is kept when it was computed.
    """

    __slots__ = ("__weakref__", "attributes", "handle", "op", "operands", "order", "source", "type", "value")

    def __init__(
        self,
        op: str,
        operands: tuple[Expression, ...],
        type: TensorType,
        attributes: tuple[tuple[str, Attribute], ...] = (),
        source: str = "",
        value: Value | None = None,
    ) -> None:
        self.op = op
        self.operands = operands
        self.type = type
        self.attributes = attributes
        self.source = source
        self.value = value
        self.order = next(_order)
        self.handle: ref[Any] | None = None

    def settle(self, value: Value) -> None:
        """Become a leaf that holds `value`; what it was computed from is let go."""
        self.op, self.operands, self.attributes, self.value = INPUT, (), (), value


def now() -> int:
    """An order between all expressions made before and all made after this call."""
    return next(_order)


def make(op: str, *operands: Expression, **attributes: Attribute) -> Expression:
    """The expression of an operation; ShapeError with the user's line when its operands do not fit."""
    source = caller()
    try:
        kind = RULES[op](tuple([x.type for x in operands]), attributes)
    except ShapeError as error:
        raise error.at(source) from None
    fixed = tuple(sorted(attributes.items())) if attributes else ()
    return Expression(op, operands, kind, fixed, source)


def filled(kind: TensorType, value: float, source: str) -> Expression:
    """`value`, which the format holds, in every place: a `fill` that needs no check."""
    attributes = (("format", kind.format), ("shape", kind.shape), ("value", value))
    return Expression("fill", (), kind, attributes, source)


def leaf(value: Value, form: str) -> Expression:
    """A value that is there already."""
    return Expression(INPUT, (), TensorType(value.shape, form), (), "", value)


def placeholder(kind: TensorType, source: str = "") -> Expression:
    """A value that a trace does not know."""
    return Expression(INPUT, (), kind, (), source)
