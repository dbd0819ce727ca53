"""Moves of elements on sizes that were checked, together with the grid of quantised integers.

One scale for a whole tensor survives every move. With a scale for each index of an axis, that axis may change its
place, be cut or lose indices; a move that would mix its indices with others is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.formats import Grid
from spinntensor.ops.operation import family
from spinntensor.ops.shape import bfp16_axis
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.operands import refuse

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Shape = tuple[int, ...]


def same(x: Base) -> Tensor:
    """`x` as a result that never changes: a variable's value of now."""
    return x if type(x) is Base.result else Base.result(x.node, x.grid)  # type: ignore[return-value]


def reshaped(x: Base, shape: Shape) -> Tensor:
    """The elements, row-major, in `shape`."""
    if shape == x.shape:
        return same(x)
    axis = scale_axis(x)
    if axis is None:
        return apply("reshape", x, grid=x.grid, shape=shape)
    return apply("reshape", x, grid=_moved("reshape", x, _whole(x.shape, axis, shape)), shape=shape)


def transposed(x: Base, axes: Shape) -> Tensor:
    """Axis i of the result is axis axes[i] of `x`."""
    if axes == tuple(range(len(axes))):
        return same(x)
    axis = scale_axis(x)
    grid = x.grid if axis is None else _moved("transpose", x, axes.index(axis))
    return apply("transpose", x, grid=grid, axes=axes)


def repeated(x: Base, shape: Shape) -> Tensor:
    """`x` along axes of size 1 and new leading axes as often as `shape` says."""
    if shape == x.shape:
        return same(x)
    axis = scale_axis(x)
    if axis is None:
        if x.node.op == "fill":
            return apply("fill", grid=x.grid, **(dict(x.node.attributes) | {"shape": shape}))
        return apply("broadcast_to", x, grid=x.grid, shape=shape)
    there = axis + len(shape) - x.ndim
    whole = shape[there : there + 1] == (x.shape[axis],)
    grid = _moved("broadcast_to", x, there if whole else None)
    return apply("broadcast_to", x, grid=grid, shape=shape)


def sliced(x: Base, start: Sequence[int], size: Sequence[int], step: Sequence[int]) -> Tensor:
    """Of every axis size elements from start on, step apart."""
    if tuple(size) == x.shape and all(s == 1 for s in step):
        return same(x)
    axis = scale_axis(x)
    grid = x.grid if axis is None else _cut(x.grid, axis, start[axis], size[axis], step[axis])
    return apply("slice", x, grid=grid, start=tuple(start), size=tuple(size), step=tuple(step))


def part(x: Base, axis: int, first: int, size: int, step: int = 1) -> Tensor:
    """Of one axis size elements from first on, step apart."""
    start, sizes, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    start[axis], sizes[axis], steps[axis] = first, size, step
    return sliced(x, start, sizes, steps)


def taken(x: Base, index: Base, axis: int) -> Tensor:
    """Along `axis` the elements that `index` names; its axes stand in the place of `axis`."""
    if family(x.format) == "bfp16":
        return _mantissas_taken(x, index, axis)
    scales = scale_axis(x)
    if scales is None:
        return apply("take", x, index, grid=x.grid, axis=axis)
    there = scales + index.ndim - 1 if scales > axis else scales
    return apply("take", x, index, grid=_moved("take", x, None if scales == axis else there), axis=axis)


def _mantissas_taken(x: Base, index: Base, axis: int) -> Tensor:
    """The same for bfp16. Exact: no number of the result needs more bits below the largest one than it has in `x`."""
    channels = bfp16_axis(x.format)
    wide = apply("take", apply("dequantize", x), index, axis=axis)
    if channels is None:
        return apply("quantize_bfp16", wide)
    if channels == axis and index.ndim != 1:
        raise refuse(
            "take", f"{x.node.type} along axis {axis}", "indices on one axis", "st.dequantize it first"
        )
    return apply("quantize_bfp16", wide, axis=channels + index.ndim - 1 if channels > axis else channels)


def scale_axis(x: Base) -> int | None:
    """The axis that has a scale for each index, of a tensor with a grid; None where there is none."""
    grid = x.grid
    if grid is None or grid.format.axis is None:
        return None
    return grid.format.axis % x.ndim


def along(grid: Grid, axis: int | None, scale: np.ndarray, zero: np.ndarray) -> Grid:
    """The grid of other constants, one for each index of `axis`, or the first for all when it is None."""
    form = replace(grid.format, axis=axis)  # type: ignore[arg-type]  # all formats of integers have axes
    if axis is None:
        scale, zero = scale.reshape(-1)[:1].reshape(()), zero.reshape(-1)[:1].reshape(())
    return Grid(form, scale, zero)


def _moved(op: str, x: Base, axis: int | None) -> Grid:
    """The grid of `x` when its axis of scales has become `axis`; ShapeError when that is None."""
    grid = x.grid
    assert grid is not None and grid.scale is not None and grid.zero_point is not None
    if axis is None and grid.scale.size > 1:
        raise mixed(op, x)
    return along(grid, axis, grid.scale, grid.zero_point)


def mixed(op: str, x: Base) -> ShapeError:
    """The error of a move that mixes indices with different scales, to be raised."""
    return refuse(
        op,
        f"{x.node.type} with a scale for each index of axis {scale_axis(x)}",
        "one scale for the whole tensor, or that axis left whole",
        "st.dequantize it first, or quantize it with one scale",
    )


def _whole(old: Shape, axis: int, new: Shape) -> int | None:
    """Where an axis is after a reshape that leaves it whole."""
    before, at = prod(old[:axis]), 1
    for there, size in enumerate(new):
        if at == before and size == old[axis]:
            return there
        at *= size
    return None


def _cut(grid: Grid | None, axis: int, first: int, size: int, step: int) -> Grid:
    """The grid of some indices of its axis; where none is left any scale will do."""
    assert grid is not None and grid.scale is not None and grid.zero_point is not None
    if size == 0:
        return along(grid, None, grid.scale, grid.zero_point)
    where = first + step * np.arange(size)
    return along(grid, axis, grid.scale[where], grid.zero_point[where])
