"""Tensors surrounded: by a constant, or by their own elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.ops.operation import family
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.moves import mixed, same, scale_axis, taken
from spinntensor.tensors.operands import float32, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """`x` surrounded by more elements.

    Parameters
    ----------
    x : tensor of any format.
    pad_width : how many; one number, (before, after) for all axes, or one such pair for each axis.
    mode : `constant`; or of its own elements: `edge` (the last one), `reflect` and `symmetric` (mirrored without and
        with the last one), `wrap` (from the other end).
    constant_values : like `pad_width`. Quantised integers take 0 alone, which is their zero point.

    Axes are padded in order, so a corner holds what the last axis says. ShapeError for other modes, negative widths,
    and elements of an axis that has none.
    """
    x = tensor(x)
    if mode not in MODES:
        raise refuse("pad", f"mode {mode!r}", f"one of {', '.join(MODES)}", "choose another mode")
    widths = _pairs("pad_width", pad_width, x.ndim)
    if any(type(n) is not int or n < 0 for pair in widths for n in pair):
        raise refuse("pad", f"pad_width {pad_width!r}", "integers from 0 on", "use slices to cut")
    if not any(n for pair in widths for n in pair):
        return same(x)
    if mode == "constant":
        return _constant(x, widths, _pairs("constant_values", constant_values, x.ndim))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            size = x.shape[axis]
            if size == 0:
                received = f"axis {axis} of shape {x.shape} for mode {mode}"
                raise refuse("pad", received, "an axis with elements", "use mode constant")
            where = np.pad(np.arange(size, dtype=np.int32), (before, after), mode=mode)  # type: ignore[call-overload]  # a known mode
            x = taken(x, tensor(where), axis)
    return same(x)


def _pairs(name: str, value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """One (before, after) for each axis."""
    try:
        if isinstance(value, Base):
            raise ValueError("a tensor")
        found = np.broadcast_to(np.asarray(value), (ndim, 2))
    except ValueError:
        expected = f"a number, a pair of them, or {ndim} such pairs"
        raise refuse("pad", f"{name} {value!r}", expected, f"correct {name}") from None
    return [(before, after) for before, after in found.tolist()]


def _constant(x: Base, widths: Sequence[tuple[int, int]], values: Sequence[tuple[Any, Any]]) -> Tensor:
    wanted = [
        v for pair, width in zip(values, widths, strict=True) for v, n in zip(pair, width, strict=True) if n
    ]
    if family(x.format) == "bfp16" and any(wanted):
        wide = _constant(apply("dequantize", x), widths, values)
        return apply("quantize_bfp16", wide)
    if all(repr(v) == repr(wanted[0]) for v in wanted):  # as they are written: -0.0 is not 0.0
        return _surrounded(x, [b for b, _ in widths], [a for _, a in widths], wanted[0])
    for axis, pair in enumerate(widths):
        for n, value, behind in zip(pair, values[axis], (False, True), strict=True):
            if n:
                width = [n if i == axis else 0 for i in range(x.ndim)]
                none = [0] * x.ndim
                x = _surrounded(x, none if behind else width, width if behind else none, value)
    return x  # type: ignore[return-value]  # every Base that users hold is a Tensor


def _surrounded(x: Base, before: Sequence[int], after: Sequence[int], value: Any) -> Tensor:
    """`x` with one constant around it."""
    if family(x.format) == "bfp16":
        shape = tuple([b + s + a for b, s, a in zip(before, x.shape, after, strict=True)])
        return apply("place", x, start=tuple(before), step=(1,) * x.ndim, shape=shape)
    if x.grid is not None:
        value = _zero_point(x, before, after, value)
    elif x.format == "float32":
        value = float32("pad", value)
    return apply("pad", x, grid=x.grid, before=tuple(before), after=tuple(after), value=value)


def _zero_point(x: Base, before: Sequence[int], after: Sequence[int], value: Any) -> int:
    """The integer that stands for 0 in `x`."""
    assert x.grid is not None and x.grid.zero_point is not None
    if value != 0:
        received = f"constant {value!r} for {x.node.type} with a scale"
        raise refuse("pad", received, "0, which every grid holds", "pad it before it is quantised")
    zeros = x.grid.zero_point.reshape(-1)
    axis = scale_axis(x)
    if axis is not None and (before[axis] or after[axis] or (zeros != zeros[0]).any()):
        raise mixed("pad", x)
    return int(zeros[0])
