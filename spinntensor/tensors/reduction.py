"""Sums, means, extremes and other functions along axes, by NumPy's names.

axis : an axis, several, or None for all; negative ones count from the end. keepdims : whether the axes stay, with
size 1. float32 sums are a fixed pairwise tree over the elements in row-major order of the axes; integer sums are
exact, RangeError when one leaves the format. A bfp16 result is the float32 result of the exact values, rounded once.
ShapeError at the call for axes that do not exist, and for extremes of no element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spinntensor.tensors.alike import is_bfp16, narrowed, plain, real, through_float32, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.comparison import isfinite, truth
from spinntensor.tensors.elementwise import add, divide, exp, log, multiply, sqrt, subtract
from spinntensor.tensors.grids import constants
from spinntensor.tensors.operands import all_axes, one_axis, operand, refuse, stretched, tensor
from spinntensor.tensors.selection import where

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Axes = int | Sequence[int] | None


def _along(op: str, x: Base, axis: Axes, keepdims: bool, name: str = "") -> Tensor:
    """A reduction of the graph along axes, for the function `name`; `keepdims` is a reshape of its own."""
    axes = all_axes(name or op, axis, x.ndim)
    y = apply(op, x, grid=x.grid, axes=axes)
    return _kept(y, x.shape, axes) if keepdims else y


def _kept(y: Base, shape: tuple[int, ...], axes: Sequence[int]) -> Tensor:
    """`y` with the axes that were dropped from `shape` as axes of size 1."""
    return apply("reshape", y, grid=y.grid, shape=tuple([1 if i in axes else s for i, s in enumerate(shape)]))


def _count(op: str, x: Base, axis: Axes) -> int:
    """How many elements each result comes from."""
    count = 1
    for i in all_axes(op, axis, x.ndim):
        count *= x.shape[i]
    return count


def _number(op: str, x: Any) -> Tensor:
    """`x` with narrow integers and conditions as int32."""
    x = plain(op, x)
    return apply("convert", x, format="int32") if x.format in ("bool", "int8", "uint8") else x


@through_float32
def sum(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The sum along axes; of no element 0. bool, int8 and uint8 give int32."""
    return _along("sum", plain("sum", x), axis, keepdims)


@through_float32
def prod(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The product along axes; of no element 1. bool, int8 and uint8 give int32."""
    return _along("prod", _number("prod", x), axis, keepdims)


@through_float32
def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """The sums of all elements up to each one along an axis; None: of all elements, row-major."""
    x = _number("cumsum", x)
    if axis is None:
        return apply("cumsum", apply("reshape", x, shape=(x.size,)), axis=0)
    return apply("cumsum", x, axis=one_axis("cumsum", axis, x.ndim))


@through_float32
def mean(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The sum along axes divided by the number of elements, float32 also for integers; of no element NaN."""
    x = real("mean", x)
    return divide(_along("sum", x, axis, keepdims, "mean"), float(_count("mean", x, axis)))


@through_float32
def average(x: Any, axis: Axes = None, weights: Any = None, *, keepdims: bool = False) -> Tensor:
    """The mean along axes, or sum(x * weights) / sum(weights).

    weights : of the shape of `x`, or one for each index of a single axis.
    """
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    x = real("average", x)
    w = real("average", operand("average", weights, x))
    if w.shape != x.shape:
        at = one_axis("average", axis, x.ndim)
        if w.shape != (x.shape[at],):
            expected = f"weights of shape {x.shape} or ({x.shape[at]},)"
            raise refuse("average", f"weights of shape {w.shape}", expected, "reshape them")
        shape = tuple([s if i == at else 1 for i, s in enumerate(x.shape)])
        w = stretched(apply("reshape", w, shape=shape), x.shape)
    return divide(_along("sum", multiply(x, w), axis, keepdims, "average"), _along("sum", w, axis, keepdims))


@through_float32
def var(x: Any, axis: Axes = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The variance: sum((x - mean)**2) / (n - ddof), float32 also for integers."""
    x = real("var", x)
    n = _count("var", x, axis) - ddof
    rest = subtract(x, stretched(mean(x, axis, keepdims=True), x.shape))
    return divide(_along("sum", multiply(rest, rest), axis, keepdims), float(n if n > 0 else 0))


@through_float32
def std(x: Any, axis: Axes = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation: sqrt(var(x))."""
    return sqrt(var(x, axis, ddof=ddof, keepdims=keepdims))


def max(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The largest number along axes; NaN if there is one. Integers too; one scale for the whole tensor stays."""
    return _extreme("max", x, axis, keepdims)


def min(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The smallest number along axes; NaN if there is one. Integers too; one scale for the whole tensor stays."""
    return _extreme("min", x, axis, keepdims)


def argmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The first place of the largest number along an axis, or of the first NaN; None: among all, row-major."""
    return _place("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The first place of the smallest number along an axis, or of the first NaN; None: among all, row-major."""
    return _place("argmin", x, axis, keepdims)


def _comparable(op: str, x: Any) -> Tensor:
    """`x` with integers that compare as the numbers they stand for."""
    x = tensor(x)
    if is_bfp16(x):
        return widened(x)
    if x.grid is not None:
        constants(op, x)  # one scale, which is positive
    return x


def _extreme(op: str, x: Any, axis: Axes, keepdims: bool) -> Tensor:
    y = _along(op, _comparable(op, x), axis, keepdims)
    return narrowed(y) if is_bfp16(x) else y


def _place(op: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = _comparable(op, x)
    if axis is None:
        y = apply(op, apply("reshape", x, shape=(x.size,)), axis=0)
        return apply("reshape", y, shape=(1,) * x.ndim) if keepdims else y
    at = one_axis(op, axis, x.ndim)
    y = apply(op, x, axis=at)
    return _kept(y, x.shape, (at,)) if keepdims else y


def any(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether an element is true, or a number other than 0, along axes; of no element False."""
    return _along("any", truth("any", x), axis, keepdims)


def all(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Whether every element is true, or a number other than 0, along axes; of no element True."""
    return _along("all", truth("all", x), axis, keepdims)


def count_nonzero(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """How many elements are true, or numbers other than 0, along axes: int32."""
    return _along("sum", truth("count_nonzero", x), axis, keepdims, "count_nonzero")


@through_float32
def norm(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The Euclidean norm sqrt(sum(x * x)) along axes, float32 also for integers; it overflows where a square does."""
    x = real("norm", x)
    return sqrt(_along("sum", multiply(x, x), axis, keepdims, "norm"))


@through_float32
def logsumexp(x: Any, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) along axes as m + log(sum(exp(x - m))), m the largest number, or 0 if that is not finite."""
    x = real("logsumexp", x)
    top = _along("max", x, axis, True, "logsumexp")
    top = where(isfinite(top), top, 0.0)
    rest = exp(subtract(x, stretched(top, x.shape)))
    total = log(_along("sum", rest, axis, keepdims))
    return add(total, top if keepdims else apply("reshape", top, shape=total.shape))


amax = max
amin = min

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]
