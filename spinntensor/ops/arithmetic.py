"""Element-wise arithmetic of float32: IEEE 754 single, one rounding an operation, one pattern for NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels._f32 import canonical
from spinntensor.kernels._f32_eltwise import extreme_of
from spinntensor.ops.operation import Operation, expect

Types = tuple[TensorType, ...]
Attributes = Mapping[str, Attribute]
FORMATS = ("float32",)


def _rule(op: str, count: int) -> Callable[[Types, Attributes], TensorType]:
    """All operands of one shape and format; broadcasting is a node of its own."""

    def rule(operands: Types, attributes: Attributes) -> TensorType:
        expect(len(operands) == count, op, f"{len(operands)} operands", f"{count}", "give as many")
        first = operands[0]
        received = " and ".join(map(str, operands))
        expect(first.format in FORMATS, op, received, f"format {' or '.join(FORMATS)}", "convert it first")
        expect(
            all(o == first for o in operands),
            op,
            received,
            "equal shapes and formats",
            "broadcast or convert one",
        )
        return first

    return rule


def _silent(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """NaN and infinity are results here, not surprises."""

    def run(*operands: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return canonical(function(*operands))

    return run


def _subtract(b: Builder, node: Node, c: int) -> tuple[int, int]:
    return c, b.add("negative", c, source=node.source)


def _multiply(b: Builder, node: Node, c: int) -> tuple[int, int]:
    x, y = node.inputs
    return b.add("multiply", c, y, source=node.source), b.add("multiply", c, x, source=node.source)


def _divide(b: Builder, node: Node, c: int) -> tuple[int, int]:
    """d(x / y) = dx / y - (x / y) dy / y, with the quotient that is there already."""
    by_x = b.add("divide", c, node.inputs[1], source=node.source)
    lost = b.add("multiply", by_x, node.id, source=node.source)
    return by_x, b.add("negative", lost, source=node.source)


def _sqrt(b: Builder, node: Node, c: int) -> tuple[int]:
    """d sqrt(x) = dx / (2 sqrt(x))."""
    twice = b.add("add", node.id, node.id, source=node.source)
    return (b.add("divide", c, twice, source=node.source),)


def _negative(b: Builder, node: Node, c: int) -> tuple[int]:
    return (b.add("negative", c, source=node.source),)


OPERATIONS = (
    Operation("add", _rule("add", 2), _silent(np.add), lambda b, n, c: (c, c)),
    Operation("subtract", _rule("subtract", 2), _silent(np.subtract), _subtract),
    Operation("multiply", _rule("multiply", 2), _silent(np.multiply), _multiply),
    Operation("divide", _rule("divide", 2), _silent(np.divide), _divide),
    Operation("sqrt", _rule("sqrt", 1), _silent(np.sqrt), _sqrt),
    Operation("negative", _rule("negative", 1), _silent(np.negative), _negative),
    Operation("maximum", _rule("maximum", 2), _silent(lambda a, b: extreme_of("max", a, b))),
    Operation("minimum", _rule("minimum", 2), _silent(lambda a, b: extreme_of("min", a, b))),
)
"""Maximum and minimum are those of IEEE 754-2019: a NaN wins, and -0 is below +0. They have no gradient yet."""
