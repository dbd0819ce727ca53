"""Functions that choose among numbers: where, maximum, minimum, clip, relu; nothing is rounded.

Shapes are broadcast by NumPy's rule. Tensors with one equal grid are chosen from by their integers and keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spinntensor.tensors.alike import alike, all_widened, binary, is_bfp16, narrowed, number, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.comparison import greater, truth
from spinntensor.tensors.grids import constants, equal, words
from spinntensor.tensors.operands import broadcast, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.formats import Grid
    from spinntensor.tensors.tensor import Tensor


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """`x` where the condition holds, else `y`.

    condition : bool, or numbers, which are true when they are not 0.
    """
    c = truth("where", condition)
    if is_bfp16(x) or is_bfp16(y):
        return narrowed(where(c, *all_widened("where", x, y)))
    grid = _one_grid("where", x, y)
    if grid is not None:
        return apply("where", *broadcast("where", c, x, y), grid=grid)
    if isinstance(x, Base) and type(y) in (int, float) and x.node.type.format == "float32":
        y = number("where", y, x)
    return apply("where", *broadcast("where", c, *alike("where", x, y)))


def maximum(x: Any, y: Any) -> Tensor:
    """The larger number; NaN if one is, and -0 is below +0. Integers too."""
    grid = _one_grid("maximum", x, y)
    return (
        binary("maximum", x, y) if grid is None else apply("maximum", *broadcast("maximum", x, y), grid=grid)
    )


def minimum(x: Any, y: Any) -> Tensor:
    """The smaller number; NaN if one is, and -0 is below +0. Integers too."""
    grid = _one_grid("minimum", x, y)
    return (
        binary("minimum", x, y) if grid is None else apply("minimum", *broadcast("minimum", x, y), grid=grid)
    )


def _one_grid(op: str, x: Any, y: Any) -> Grid | None:
    """The grid of two tensors on the same one, None for plain numbers; ShapeError for anything between."""
    gx, gy = getattr(x, "grid", None), getattr(y, "grid", None)
    if gx is None and gy is None:
        return None
    one = gx is not None and gx.format.axis is None
    if not (one and isinstance(y, Base) and y.format == x.format and equal(gx, gy)):
        raise refuse(
            op,
            f"{words(gx)} and {words(gy)}",
            "two tensors with one scale and zero point",
            "st.quantize both on the same grid, or st.dequantize them",
        )
    return gx


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """`x` within `min` and `max`, either of which may be None; `max` where they cross. NaN stays.

    The gradient on a bound is that of `x`, 1.
    """
    if min is None and max is None:
        raise refuse("clip", "no bound", "min, max or both", "give a bound")
    if min is not None:
        x = maximum(min, x)
    return tensor(x) if max is None else minimum(max, x)


def relu(x: Any) -> Tensor:
    """max(x, 0); NaN stays. The gradient at 0 is 0. Integers too; those with one scale keep it."""
    x = tensor(x)
    if x.grid is None:
        return maximum(x, 0)
    zero = apply("fill", shape=x.shape, format=x.format, value=constants("relu", x)[1])
    return apply("maximum", x, zero, grid=x.grid)


def leaky_relu(x: Any, slope: float = 0.01) -> Tensor:
    """`x` above 0, else slope * x."""
    if is_bfp16(x):
        return narrowed(leaky_relu(widened(x), slope))
    x = tensor(x)
    return where(greater(x, 0), x, binary("multiply", x, slope))


__all__ = ["clip", "leaky_relu", "maximum", "minimum", "relu", "where"]
