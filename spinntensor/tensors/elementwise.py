"""Arithmetic and functions of single elements, by NumPy's names; each takes tensors, arrays and numbers.

Shapes are broadcast by NumPy's rule. Formats: float32, bfp16, and plain integers where a function says so; a bfp16
result is the float32 result of the exact values, rounded once to bfp16. Functions whose results are no integers
convert integers to float32 first, as NumPy converts them to float64. ShapeError at the call when shapes or formats
do not fit.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.alike import (
    binary,
    form_of,
    is_bfp16,
    narrowed,
    real,
    real_beside,
    through_float32,
    unary,
    widened,
)
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.comparison import equal, greater, logical_or
from spinntensor.tensors.moves import same
from spinntensor.tensors.operands import operands, refuse, tensor
from spinntensor.tensors.quantization import dequantize
from spinntensor.tensors.rounding import ceil, floor, rint, round, sign, trunc
from spinntensor.tensors.selection import maximum, where

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

INFINITY = float("inf")


def add(x: Any, y: Any) -> Tensor:
    """x + y. Integers too: RangeError when a sum leaves the format."""
    return binary("add", x, y)


def subtract(x: Any, y: Any) -> Tensor:
    """x - y. Integers too: RangeError when a difference leaves the format."""
    return binary("subtract", x, y)


def multiply(x: Any, y: Any) -> Tensor:
    """x * y. Integers too: RangeError when a product leaves the format."""
    return binary("multiply", x, y)


def divide(x: Any, y: Any) -> Tensor:
    """x / y, float32 or bfp16 also for integers."""
    return binary("divide", real_beside("divide", x), real_beside("divide", y))


@through_float32
def floor_divide(x: Any, y: Any) -> Tensor:
    """x // y: floor(x / y) in float32 arithmetic. Integers too, exact: OperandError where `y` is 0."""
    if _integers(x, y):
        return binary("floor_divide", x, y)
    return floor(divide(x, y))


@through_float32
def remainder(x: Any, y: Any) -> Tensor:
    """x % y: x - floor(x / y) * y in float32 arithmetic. Integers too, exact: OperandError where `y` is 0."""
    if _integers(x, y):
        return binary("remainder", x, y)
    x, y = operands("remainder", x, y)
    return subtract(x, multiply(floor(divide(x, y)), y))


def _integers(*values: Any) -> bool:
    """Whether the common format of the values is one of integers."""
    formats = {v.format for v in values if isinstance(v, Base)} or {tensor(v).format for v in values}
    return "float32" not in formats


def divmod(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """(x // y, x % y)."""
    return floor_divide(x, y), remainder(x, y)


def power(x: Any, y: Any) -> Tensor:
    """x ** y.

    A Python number n without fraction: products by repeated squaring, with a relative error of at most about
    (|n| - 1) / 2**24 in float32, and 1 / x**-n for n < 0; integers too for n >= 0. The number 0.5: `sqrt`. Any other
    exponent: exp(y log(x)), which is NaN for x < 0 and for 0**0, with a relative error of about |y log(x)| / 2**24.
    """
    if isinstance(y, Real) or (isinstance(y, np.ndarray) and y.ndim == 0 and y.dtype.kind in "if"):
        exponent = float(y) if not isinstance(y, int | np.integer) else int(y)
        if exponent == 0.5:
            return sqrt(x)
        if -(2**31) < exponent < 2**31 and exponent == int(exponent):
            return _whole_power(x, int(exponent))
    return _real_power(x, y)


@through_float32
def _real_power(x: Any, y: Any) -> Tensor:
    x, y = operands("power", real_beside("power", x), real_beside("power", y))
    return exp(multiply(y, log(x)))


@through_float32
def _whole_power(x: Any, n: int) -> Tensor:
    x = tensor(x) if n >= 0 else real_beside("power", tensor(x))
    if n == 0:
        return apply("fill", shape=x.shape, format=x.format, value=1.0 if x.format == "float32" else 1)
    result = x
    for bit in bin(n).lstrip("-")[3:]:
        result = multiply(result, result)
        if bit == "1":
            result = multiply(result, x)
    return same(result) if n > 0 else divide(1.0, result)


def square(x: Any) -> Tensor:
    """x * x. Integers too: RangeError when a product leaves the format."""
    x = tensor(x)
    return binary("multiply", x, x)


def reciprocal(x: Any) -> Tensor:
    """1 / x."""
    return divide(1.0, tensor(x))


def negative(x: Any) -> Tensor:
    """-x. Integers too: RangeError for the lowest one."""
    return unary("negative", x)


def positive(x: Any) -> Tensor:
    """`x` itself, of a variable the value of now."""
    return same(tensor(x))


def absolute(x: Any) -> Tensor:
    """The magnitude. Integers too: RangeError for the lowest one."""
    return unary("absolute", x)


def sqrt(x: Any) -> Tensor:
    """The square root, rounded once; NaN below 0."""
    return unary("sqrt", real_beside("sqrt", x))


def exp(x: Any) -> Tensor:
    """e ** x; error below 0.53 ulp."""
    return unary("exp", real_beside("exp", x))


def log(x: Any) -> Tensor:
    """The natural logarithm; error below 0.53 ulp; -inf at 0, NaN below."""
    return unary("log", real_beside("log", x))


@through_float32
def log2(x: Any) -> Tensor:
    """log(x) * float32(1 / log 2): error below 2 ulp; powers of two may miss their integer by an ulp."""
    return multiply(log(x), 1.4426950408889634)


@through_float32
def log10(x: Any) -> Tensor:
    """log(x) * float32(1 / log 10): error below 2 ulp; powers of ten may miss their integer by an ulp."""
    return multiply(log(x), 0.4342944819032518)


@through_float32
def log1p(x: Any) -> Tensor:
    """log(1 + x), also where 1 + x rounds: with u = 1 + x, log(u) (x / (u - 1)), or x where u is 1 (Kahan).

    Error below 3 ulp.
    """
    x = real_beside("log1p", tensor(x))
    u = add(1.0, x)
    edge = logical_or(equal(u, 1.0), equal(u, INFINITY))
    return where(edge, x, multiply(log(u), divide(x, where(edge, 1.0, subtract(u, 1.0)))))


@through_float32
def expm1(x: Any) -> Tensor:
    """exp(x) - 1, also near 0: with u = exp(x), (u - 1) (x / log(u)), or x where u is 1 (Kahan).

    Error below 3 ulp.
    """
    x = real_beside("expm1", tensor(x))
    u = exp(x)
    less_one = subtract(u, 1.0)
    edge = logical_or(logical_or(equal(u, 1.0), equal(u, INFINITY)), equal(less_one, -1.0))
    near = multiply(less_one, divide(x, log(where(edge, 2.0, u))))
    return where(edge, where(equal(u, 1.0), x, less_one), near)


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent; error below 0.56 ulp."""
    return unary("tanh", real_beside("tanh", x))


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x)); error below 0.55 ulp."""
    return unary("sigmoid", real_beside("sigmoid", x))


@through_float32
def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); error below 3 ulp."""
    x = real_beside("softplus", tensor(x))
    minus = where(greater(x, 0.0), negative(x), x)  # whose slope at 0 makes that of the whole 1/2
    return add(maximum(x, 0.0), log1p(exp(minus)))


def astype(x: Any, format: Any) -> Tensor:
    """The same numbers in another format.

    Parameters
    ----------
    format : `float32`, `int32`, `int8`, `uint8`, `int64`, `bool` or `bfp16`, or a NumPy or Python type: float64 and
        float mean float32, int64 and int int32, as everywhere.

    To float32 and bfp16 numbers are rounded to nearest even. To integers nothing is: OperandError for numbers that are
    no integers (use `trunc` or `round` first), RangeError for those beyond the format, when they are computed. To
    bool: whether they are not 0. Quantised tensors become float32 first; ShapeError for int8, uint8 and int32 then.
    """
    form = form_of("astype", format)
    x = tensor(x)
    if x.format == form and x.grid is None:
        return same(x)
    if x.grid is not None:
        if form not in ("float32", "bfp16"):
            raise refuse(
                "astype", f"{x.node.type} with a scale for {form}", "float32 or bfp16", "use st.quantize"
            )
        x = dequantize(x)
    elif is_bfp16(x):
        x = widened(x)
    if form == "bfp16":
        return narrowed(real("astype", x))
    return x if x.format == form else apply("convert", x, format=form)


true_divide = divide
mod = remainder
abs = absolute

__all__ = [
    "abs",
    "absolute",
    "add",
    "astype",
    "ceil",
    "divide",
    "divmod",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "log",
    "log10",
    "log1p",
    "log2",
    "mod",
    "multiply",
    "negative",
    "positive",
    "power",
    "reciprocal",
    "remainder",
    "rint",
    "round",
    "sigmoid",
    "sign",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tanh",
    "true_divide",
    "trunc",
]
