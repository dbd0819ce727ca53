"""Comparisons and logic, element by element, and questions to numbers; all results are bool tensors.

Shapes are broadcast by NumPy's rule; bfp16 tensors are compared by their exact values. NaN is unequal to everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.alike import alike, all_widened, binary, is_bfp16, number, plain, real, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.operands import operands, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

INFINITY = float("inf")


def equal(x: Any, y: Any) -> Tensor:
    """Whether x = y."""
    return binary("equal", x, y)


def not_equal(x: Any, y: Any) -> Tensor:
    """Whether x and y differ."""
    return binary("not_equal", x, y)


def less(x: Any, y: Any) -> Tensor:
    """Whether x < y."""
    return binary("less", x, y)


def less_equal(x: Any, y: Any) -> Tensor:
    """Whether x <= y."""
    return binary("less_equal", x, y)


def greater(x: Any, y: Any) -> Tensor:
    """Whether x > y."""
    return binary("greater", x, y)


def greater_equal(x: Any, y: Any) -> Tensor:
    """Whether x >= y."""
    return binary("greater_equal", x, y)


def logical_and(x: Any, y: Any) -> Tensor:
    """Whether both are true; numbers other than 0 are."""
    return _logical("logical_and", x, y)


def logical_or(x: Any, y: Any) -> Tensor:
    """Whether one or both are true; numbers other than 0 are."""
    return _logical("logical_or", x, y)


def logical_xor(x: Any, y: Any) -> Tensor:
    """Whether just one is true; numbers other than 0 are."""
    return _logical("logical_xor", x, y)


def logical_not(x: Any) -> Tensor:
    """Whether it is false; numbers other than 0 are true."""
    return apply("logical_not", truth("logical_not", x))


def truth(op: str, x: Any) -> Tensor:
    """`x` as a bool tensor: whether it is a number other than 0."""
    if isinstance(x, Base) and x.node.type.format == "bool":
        return x  # type: ignore[return-value]  # every Base that users hold is a Tensor
    x = plain(op, x)
    return x if x.format == "bool" else not_equal(x, 0)


def _logical(op: str, x: Any, y: Any) -> Tensor:
    return apply(op, *alike(op, truth(op, x), truth(op, y)))


def isnan(x: Any) -> Tensor:
    """Whether it is NaN; integers never are."""
    x = _number("isnan", x)
    return not_equal(x, x) if x.format == "float32" else _everywhere(x, False)


def isinf(x: Any) -> Tensor:
    """Whether it is an infinity; integers never are."""
    x = _number("isinf", x)
    if x.format != "float32":
        return _everywhere(x, False)
    return equal(apply("absolute", x), INFINITY)


def isfinite(x: Any) -> Tensor:
    """Whether it is neither infinite nor NaN; integers always are."""
    x = _number("isfinite", x)
    if x.format != "float32":
        return _everywhere(x, True)
    return less(apply("absolute", x), INFINITY)


def _number(op: str, x: Any) -> Tensor:
    """`x` in a plain format."""
    return widened(x) if is_bfp16(x) else plain(op, x)


def _everywhere(x: Tensor, value: bool) -> Tensor:
    return apply("fill", shape=x.shape, format="bool", value=value)


def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol |y| in float32 arithmetic; infinities are close to themselves alone.

    equal_nan : whether NaN is close to NaN.
    """
    if is_bfp16(x) or is_bfp16(y):
        x, y = all_widened("isclose", x, y)
    x, y = alike("isclose", *[real("isclose", v) for v in operands("isclose", x, y)])
    finite = logical_and(isfinite(x), isfinite(y))
    zero = number("isclose", 0, x)
    a, b = apply("where", finite, x, zero), apply("where", finite, y, zero)
    bound = binary("add", binary("multiply", apply("absolute", b), rtol), atol)
    near = less_equal(apply("absolute", apply("subtract", a, b)), bound)
    result = logical_or(logical_and(finite, near), equal(x, y))
    return logical_or(result, logical_and(isnan(x), isnan(y))) if equal_nan else result


def allclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, see `isclose`; computes them now."""
    return bool(isclose(x, y, rtol, atol, equal_nan).numpy().all())


def array_equal(x: Any, y: Any, equal_nan: bool = False) -> bool:
    """Whether shapes and all numbers are equal; computes them now.

    equal_nan : whether NaN equals NaN.
    """
    a, b = tensor(x).numpy(), tensor(y).numpy()
    return np.array_equal(a, b, equal_nan=equal_nan and "f" == a.dtype.kind == b.dtype.kind)


__all__ = [
    "allclose",
    "array_equal",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
]
