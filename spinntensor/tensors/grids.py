"""Grids of results and what follows from them; made once for the same operands, since their arrays never change."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.formats import Grid, Int32, grid
from spinntensor.kernels.quantize import multipliers
from spinntensor.tensors.base import Base
from spinntensor.tensors.expression import Expression, leaf
from spinntensor.tensors.operands import refuse

BYTES = ("int8", "uint8")
"""Formats of activations."""
KEPT = 1024
"""Grids that are kept, and with them what was derived from them."""


def words(g: Grid | None) -> str:
    """A grid in few words, for messages."""
    if g is None:
        return "no grid"
    if g.scale is None or g.zero_point is None:
        return str(g.format)
    if g.scale.size == 1:
        return f"scale {g.scale.item():.6g}, zero point {g.zero_point.item()}"
    return f"{g.scale.size} scales from {g.scale.min():.6g} to {g.scale.max():.6g} on axis {g.format.axis}"


def equal(a: Grid | None, b: Grid | None) -> bool:
    """Whether the same integers stand for the same numbers; axes may be counted from either end."""
    if a is b:
        return True
    if a is None or b is None or a.scale is None or b.scale is None:
        return False
    assert a.zero_point is not None and b.zero_point is not None
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)


def constants(op: str, x: Base) -> tuple[float, int]:
    """Scale and zero point of an int8 or uint8 tensor with one grid; (1, 0) for plain integers."""
    if x.grid is None:
        return 1.0, 0
    if x.grid.format.axis is not None:
        raise refuse(
            op,
            f"{x.node.type} with {words(x.grid)}",
            "one scale and zero point for the whole tensor",
            "st.quantize it with axis None; a scale for each channel is for weights",
        )
    assert x.grid.scale is not None and x.grid.zero_point is not None
    return float(x.grid.scale), int(x.grid.zero_point)


def by_last_axis(op: str, w: Base) -> None:
    """ShapeError unless weights are symmetric, with one scale, or one for each index of the last axis."""
    g = w.grid
    if g is None:
        return
    assert g.zero_point is not None
    if g.zero_point.any():
        raise refuse(
            op,
            f"weights {w.node.type} with zero point {g.zero_point.reshape(-1)[0]}",
            "symmetric weights, zero point 0",
            "quantize them with formats.Int8(symmetric=True, axis=-1)",
        )
    if g.format.axis is not None and g.format.axis % w.ndim != w.ndim - 1:
        raise refuse(
            op,
            f"weights {w.node.type} with {words(g)}",
            "one scale, or one for each output channel, the last axis",
            "quantize them with axis=-1",
        )


def product(op: str, x: Base, w: Base) -> Grid | None:
    """The grid of sums of products of two int8 or uint8 tensors, int32; None when both are plain integers."""
    if not both(op, x, w):
        return None
    constants(op, x)
    by_last_axis(op, w)
    assert w.grid is not None
    return sums(op, x, w, None if w.grid.format.axis is None else -1)


def both(op: str, a: Base, b: Base) -> bool:
    """Whether both tensors have a grid, False when none has; ShapeError when just one does."""
    if (a.grid is None) == (b.grid is None):
        return a.grid is not None
    raise refuse(
        op,
        f"{a.node.type} with {words(a.grid)}, {b.node.type} with {words(b.grid)}",
        "two quantised tensors, or two of plain integers",
        "st.quantize the other one as well",
    )


def sums(op: str, a: Base, b: Base, axis: int | None) -> Grid:
    """The grid of sums of products; both have grids, one of them a single scale; `axis` is that of the result."""
    assert a.grid is not None and b.grid is not None
    try:
        return _sums(a.grid, b.grid, axis)
    except OperandError as error:
        raise refuse(op, str(error.received), str(error.expected), "choose coarser grids") from None


@lru_cache(KEPT)
def _sums(a: Grid, b: Grid, axis: int | None) -> Grid:
    assert a.scale is not None and b.scale is not None
    return grid(Int32(axis), a.scale * b.scale)


def factors(op: str, have: Grid, want: Grid, channels: int) -> tuple[Expression, Expression]:
    """Multipliers and shifts, int32 [channels], that take integers on the grid `have` to integers on `want`.

    Of the float64 quotients of their scales, by `kernels.quantize.multiplier`.
    """
    try:
        return _factors(have, want, channels)
    except OperandError as error:
        assert want.scale is not None
        raise refuse(
            op, f"{words(have)} to {words(want)}", f"{error.expected} for the quotient", error.mend
        ) from None


@lru_cache(KEPT)
def _factors(have: Grid, want: Grid, channels: int) -> tuple[Expression, Expression]:
    assert have.scale is not None and want.scale is not None
    m, p = multipliers(have.scale / want.scale)
    return _constant(np.broadcast_to(m, channels)), _constant(np.broadcast_to(p, channels))


def _constant(value: np.ndarray) -> Expression:
    out = np.array(value, np.int32, order="C")
    out.flags.writeable = False
    return leaf(out, "int32")
