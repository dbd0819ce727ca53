"""Element-wise arithmetic: of float32 by IEEE 754, one rounding an operation; of integers exact, or refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node
from spinntensor.ops import _exact
from spinntensor.ops._compose import of_floats
from spinntensor.ops._finite import canonical, settled
from spinntensor.ops._rules import WIDE, elementwise
from spinntensor.ops.operation import Operation, Run

FLOAT = ("float32",)
NUMBERS = (*FLOAT, *WIDE)


def _binary(ufunc: Callable[..., np.ndarray], exact: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Run:
    """float32 by NumPy, integers by `exact`."""

    def run(a: np.ndarray, b: np.ndarray):
        return settled(ufunc(a, b), a, b) if a.dtype.kind == "f" else exact(a, b)

    return run


def _unary(ufunc: Callable[..., np.ndarray], exact: Callable[[np.ndarray], np.ndarray]) -> Run:
    """The same for signs, which make neither infinities nor NaN."""

    def run(x: np.ndarray):
        return canonical(ufunc(x)) if x.dtype.kind == "f" else exact(x)

    return run


def _run_divide(a: np.ndarray, b: np.ndarray):
    return settled(np.divide(a, b), a, b)


def _run_sqrt(x: np.ndarray):
    return settled(np.sqrt(x), x)


def _no_zero(op: str, b: np.ndarray) -> None:
    if b.size and not b.all():
        raise OperandError(
            op, "b", "a divisor 0", "divisors that are not 0", "choose others with where() first"
        )


def _run_floor_divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """floor(a / b); the lowest number divided by -1 is not of its type."""
    _no_zero("floor_divide", b)
    lowest = np.iinfo(a.dtype).min
    if a.size and a.min() == lowest and np.any((a == lowest) & (b == -1)):
        raise _exact.left("floor_divide", -int(lowest), a.dtype)
    return np.asarray(np.floor_divide(a, b))


def _run_remainder(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b floor(a / b), which has the sign of b."""
    _no_zero("remainder", b)
    return np.asarray(np.remainder(a, b))


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


def _absolute(b: Builder, node: Node, c: int) -> tuple[int]:
    """d |x| = sign(x) dx, so 0 at 0."""
    sign = b.add("sign", node.inputs[0], source=node.source)
    return (b.add("multiply", c, sign, source=node.source),)


OPERATIONS = (
    Operation(
        "add",
        elementwise("add", 2, NUMBERS),
        _binary(np.add, _exact.add),
        of_floats(lambda b, n, c: (c, c)),
        NUMBERS,
        "a + b",
    ),
    Operation(
        "subtract",
        elementwise("subtract", 2, NUMBERS),
        _binary(np.subtract, _exact.subtract),
        of_floats(_subtract),
        NUMBERS,
        "a - b",
    ),
    Operation(
        "multiply",
        elementwise("multiply", 2, NUMBERS),
        _binary(np.multiply, _exact.multiply),
        of_floats(_multiply),
        NUMBERS,
        "a b",
    ),
    Operation("divide", elementwise("divide", 2, FLOAT), _run_divide, _divide, FLOAT, "a / b"),
    Operation("sqrt", elementwise("sqrt", 1, FLOAT), _run_sqrt, _sqrt, FLOAT, "square root"),
    Operation(
        "negative",
        elementwise("negative", 1, NUMBERS),
        _unary(np.negative, _exact.negative),
        of_floats(_negative),
        NUMBERS,
        "-x",
    ),
    Operation(
        "absolute",
        elementwise("absolute", 1, NUMBERS),
        _unary(np.absolute, _exact.absolute),
        of_floats(_absolute),
        NUMBERS,
        "|x|",
    ),
    Operation(
        "floor_divide",
        elementwise("floor_divide", 2, WIDE),
        _run_floor_divide,
        None,
        WIDE,
        "floor(a / b) of integers",
    ),
    Operation(
        "remainder",
        elementwise("remainder", 2, WIDE),
        _run_remainder,
        None,
        WIDE,
        "a - b floor(a / b) of integers: it has the sign of b",
    ),
)
