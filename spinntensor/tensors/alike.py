"""Operands of element-wise functions made alike - one plain format, one shape - and the ways formats take part.

float32 and plain integers are computed as they are. A function of bfp16 tensors is the float32 function of their
exact values, converted once to bfp16. A tensor with a grid takes part in nothing here: what its integers would mean
is the user's word.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from spinntensor.graph.builder import caller
from spinntensor.ops.operation import DTYPES, family
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.expression import filled
from spinntensor.tensors.operands import broadcast, float32, operands, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

LIMITS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
"""The integers that are computed with."""

Function = TypeVar("Function", bound=Callable[..., Any])


def unary(op: str, x: Any) -> Tensor:
    """The operation `op` of the numbers of `x`."""
    if isinstance(x, Base):
        if x.node.type.format == "float32":
            return apply(op, x)
        if is_bfp16(x):
            return narrowed(apply(op, widened(x)))
    return apply(op, plain(op, x))


def binary(op: str, x: Any, y: Any) -> Tensor:
    """The operation `op` of two operands; ShapeError when they have no common shape or format."""
    if isinstance(x, Base):
        kind = x.node.type
        if kind.format == "float32" or (
            kind.format in LIMITS and x.grid is None
        ):  # the common cases, quickly
            if isinstance(y, Base):
                other = y.node.type
                if y.grid is None:
                    if other is kind or other == kind:
                        return apply(op, x, y)
                    if other.format == kind.format:
                        return apply(op, *broadcast(op, x, y))
            elif type(y) is int or (type(y) is float and kind.format == "float32"):
                return apply(op, x, number(op, y, x))
    elif isinstance(y, Base) and (type(x) is float or type(x) is int) and y.node.type.format == "float32":
        return apply(op, number(op, x, y), y)
    if is_bfp16(x) or is_bfp16(y):
        return narrowed(binary(op, *all_widened(op, x, y)))
    return apply(op, *alike(op, x, y))


def number(op: str, value: float, like: Base) -> Tensor:
    """A Python number, an int for integers, in every place of a tensor that is shaped as `like`; no grid."""
    kind = like.node.type
    if kind.format == "float32":
        return Base.result(filled(kind, float32(op, value), caller()))
    low, high = LIMITS[kind.format]
    if not low <= value <= high:
        raise refuse(op, f"{value}", f"{kind.format}: {low} to {high}", "choose another number or format")
    return Base.result(filled(kind, value, caller()))


def alike(op: str, *values: Any) -> tuple[Tensor, ...]:
    """The operands in one plain format and one shape; bfp16 and grids are refused."""
    found = operands(op, *[without_grid(op, v) for v in values])
    return broadcast(op, *found)


def plain(op: str, x: Any) -> Tensor:
    """`x` as a tensor that has no grid."""
    return without_grid(op, tensor(x))


def without_grid(op: str, x: Any) -> Any:
    """`x`; ShapeError for a tensor whose integers stand for other numbers."""
    if isinstance(x, Base) and x.grid is not None:
        raise refuse(
            op,
            f"{x.node.type} with a scale",
            "float32, bfp16 or plain integers",
            "st.dequantize it, or use what is made for integers: st.add_q, st.matmul, st.conv2d, st.quantize",
        )
    return x


def is_bfp16(x: Any) -> bool:
    """Whether `x` is a bfp16 tensor."""
    return isinstance(x, Base) and family(x.format) == "bfp16"


def widened(x: Base) -> Tensor:
    """The exact float32 values of a bfp16 tensor."""
    return apply("dequantize", x)


def narrowed(x: Tensor) -> Tensor:
    """A float32 tensor rounded to bfp16 with one exponent; conditions and indices stay."""
    return apply("quantize_bfp16", x) if x.format == "float32" else x


def all_widened(op: str, *values: Any) -> list[Tensor]:
    """Exact float32 values of bfp16 tensors and of the numbers beside them; ShapeError for other tensors."""
    tensors = [v for v in values if isinstance(v, Base)]
    if not all(is_bfp16(v) for v in tensors):
        raise refuse(
            op,
            " and ".join(str(v.node.type) for v in tensors),
            "one format",
            "convert one of them with astype, st.quantize or st.dequantize",
        )
    return [widened(v) if isinstance(v, Base) else tensor(v, "float32") for v in values]


def real(op: str, x: Any) -> Tensor:
    """`x` as float32: integers and conditions are converted, as NumPy does; not for bfp16."""
    if isinstance(x, Base) and x.node.type.format == "float32":
        return x  # type: ignore[return-value]  # every Base that users hold is a Tensor
    x = plain(op, x)
    return x if x.format == "float32" else apply("convert", x, format="float32")


def real_beside(op: str, x: Any) -> Any:
    """Tensors and arrays of integers as float32; anything else as it is."""
    if isinstance(x, Base):
        return x if x.node.type.format == "float32" or is_bfp16(x) else real(op, x)
    if isinstance(x, np.ndarray | list | tuple | np.generic):
        x = tensor(x)
        return x if x.format == "float32" else apply("convert", x, format="float32")
    return x


def through_float32(function: Function) -> Function:
    """A function defined for float32, made to take bfp16 tensors too: its result is rounded once, at the end."""

    @wraps(function)
    def run(*values: Any, **named: Any) -> Any:
        for v in values:
            if is_bfp16(v):
                return narrowed(function(*_widened(function.__name__, values), **named))
        return function(*values, **named)

    return cast(Function, run)


def _widened(op: str, values: tuple[Any, ...]) -> list[Any]:
    """`values` with exact float32 values of the bfp16 tensors; ShapeError for a tensor of another format."""
    all_widened(op, *[v for v in values if isinstance(v, Base)])
    return [widened(v) if isinstance(v, Base) else v for v in values]


def form_of(op: str, format: Any) -> str:
    """The format that a text, NumPy type or Python type means; ShapeError for one that has none."""
    if isinstance(format, str) and (format in DTYPES or format == "bfp16"):
        return format
    try:
        dtype = np.dtype(format)
    except TypeError:
        dtype = None
    if format is None or dtype is None or dtype.kind not in "biuf":
        expected = f"one of {', '.join(DTYPES)}, bfp16"
        raise refuse(op, f"format {format!r}", expected, "choose one of them")
    if dtype.kind == "f":
        return "float32"
    return dtype.name if dtype.name in ("bool", "int8", "uint8") else "int32"
