"""Tensors joined along an axis, and cut apart again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.formats import Grid
from spinntensor.ops.operation import family
from spinntensor.ops.shape import bfp16_axis
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.grids import equal, words
from spinntensor.tensors.moves import along, part, reshaped, scale_axis
from spinntensor.tensors.operands import one_axis, operands, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor


def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis.

    Parameters
    ----------
    tensors : at least one; equal shapes but for `axis`. Arrays among them take the format of the first tensor.
    axis : None joins all elements on one axis.

    Quantised integers need one grid; with a scale for each index of `axis` the scales are joined as well. bfp16
    tensors are joined as the numbers they stand for and rounded to one exponent, that of the largest number.
    ShapeError when shapes, formats or grids differ.
    """
    found = _several("concatenate", tensors)
    if axis is None:
        found, axis = [reshaped(x, (x.size,)) for x in found], 0
    return joined("concatenate", found, one_axis("concatenate", axis, found[0].ndim))


def concat(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """`concatenate` under the name of the Python array API standard."""
    return concatenate(tensors, axis)


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis; `axis` is its place in the result."""
    found = _several("stack", tensors)
    shape = found[0].shape
    for x in found:
        if x.shape != shape:
            raise refuse("stack", f"shapes {shape} and {x.shape}", "equal shapes", "reshape one of them")
    at = one_axis("stack", axis, len(shape) + 1)
    new = (*shape[:at], 1, *shape[at:])
    return joined("stack", [reshaped(x, new) for x in found], at)


def vstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined as rows: along the first axis, those without two axes as one row."""
    found = _several("vstack", tensors)
    return joined("vstack", [x if x.ndim > 1 else reshaped(x, (1, x.size)) for x in found], 0)


def hstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors joined as columns: along the second axis, or the first where there is one."""
    found = [x if x.ndim else reshaped(x, (1,)) for x in _several("hstack", tensors)]
    return joined("hstack", found, 0 if found[0].ndim == 1 else 1)


def split(x: Any, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """`x` cut along an axis.

    parts : how many equal parts, ShapeError if they cannot be equal; or the indices at which to cut.
    """
    x = tensor(x)
    axis = one_axis("split", axis, x.ndim)
    if isinstance(parts, int | np.integer) and parts > 0 and x.shape[axis] % int(parts):
        raise refuse(
            "split",
            f"{parts} parts of axis {axis} of shape {x.shape}",
            "a number that divides its size",
            "use array_split, or name the indices",
        )
    return _cut("split", x, parts, axis)


def array_split(x: Any, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """`split` whose number of parts need not divide the size: the first ones are then longer by one."""
    x = tensor(x)
    return _cut("array_split", x, parts, one_axis("array_split", axis, x.ndim))


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The tensors that `stack` would join to `x` along `axis`."""
    x = tensor(x)
    axis = one_axis("unstack", axis, x.ndim)
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    return tuple([reshaped(part(x, axis, i, 1), rest) for i in range(x.shape[axis])])


def joined(op: str, tensors: Sequence[Base], axis: int) -> Tensor:
    """Tensors of one format joined along an axis that the first one has."""
    first = tensors[0]
    for x in tensors:
        shape = x.shape
        same = shape[:axis] == first.shape[:axis] and shape[axis + 1 :] == first.shape[axis + 1 :]
        if not same or len(shape) != first.ndim:
            received = f"shapes {first.shape} and {shape}"
            raise refuse(op, received, f"the same but for axis {axis}", "reshape one of them")
    if family(first.format) == "bfp16":
        wide = apply("concatenate", *[apply("dequantize", x) for x in tensors], axis=axis)
        return apply("quantize_bfp16", wide, axis=bfp16_axis(first.format))
    grid = first.grid
    if any(x.grid is not grid for x in tensors):
        grid = _common(op, tensors, axis)
    elif scale_axis(first) == axis:
        grid = _together(tensors, axis)
    return apply("concatenate", *tensors, grid=grid, axis=axis)


def _several(op: str, tensors: Any) -> list[Tensor]:
    """Operands of one format; ShapeError when there is none."""
    values = (
        list(tensors) if isinstance(tensors, Sequence | np.ndarray) or hasattr(tensors, "__iter__") else []
    )
    if not values:
        raise refuse(
            op, f"{type(tensors).__name__} without tensors", "a list of tensors", "give at least one"
        )
    return list(operands(op, *values))


def _common(op: str, tensors: Sequence[Base], axis: int) -> Grid | None:
    """The grid of all tensors along `axis`; ShapeError when they lie on different ones."""
    first = tensors[0]
    scales = scale_axis(first)
    if scales == axis and all(scale_axis(x) == axis for x in tensors):
        return _together(tensors, axis)
    for x in tensors:
        if scale_axis(x) != scales or not equal(x.grid, first.grid):
            raise refuse(
                op,
                f"{first.node.type} with {words(first.grid)} beside {x.node.type} with {words(x.grid)}",
                "one grid",
                "st.quantize all of them to one grid first",
            )
    return first.grid


def _together(tensors: Sequence[Base], axis: int) -> Grid:
    """The grid with the scales of all tensors, which have one for each index of `axis`."""
    grids = [x.grid for x in tensors if x.grid is not None]
    scale = np.concatenate([np.asarray(g.scale) for g in grids])
    return along(grids[0], axis, scale, np.concatenate([np.asarray(g.zero_point) for g in grids]))


def _cut(op: str, x: Base, parts: Any, axis: int) -> list[Tensor]:
    """`x` cut into so many parts, or at these indices, as NumPy's slices take them."""
    size = x.shape[axis]
    if isinstance(parts, int | np.integer):
        if parts < 1:
            raise refuse(op, f"{parts} parts", "one at least", "correct the number of parts")
        long, rest = divmod(size, int(parts))
        ends = [i * long + min(i, rest) for i in range(int(parts) + 1)]
        return [part(x, axis, a, b - a) for a, b in pairwise(ends)]
    try:
        at = [index(i) for i in parts]
    except TypeError:
        raise refuse(op, f"{parts!r}", "a number of parts or a list of indices", "correct parts") from None
    ranges = [slice(a, b).indices(size) for a, b in zip([0, *at], [*at, None], strict=True)]
    return [part(x, axis, a, max(b - a, 0)) if b > a else part(x, axis, 0, 0) for a, b, _ in ranges]
