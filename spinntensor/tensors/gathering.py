"""Elements gathered by tensors of indices: take, take_along_axis, one_hot; and indices made ready for that."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.graph.builder import caller
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.expression import filled, leaf
from spinntensor.tensors.moves import Shape, repeated, reshaped, taken
from spinntensor.tensors.operands import broadcast_shape, no_such_place, one_axis, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Index = np.ndarray | Base
"""Indices from 0 on that are known, or a tensor of indices that may be negative."""


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Along an axis, the elements that `indices` names.

    Parameters
    ----------
    x : tensor of any format.
    indices : integers of any shape, an array or a tensor; negative ones count from the end.
    axis : None takes from the row-major elements.

    **Shape** result: that of `x` with the axes of `indices` in the place of `axis`. ShapeError for an index beyond the
    axis; inside a tensor it is an error when it is computed.
    """
    x = tensor(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    axis = one_axis("take", axis, x.ndim)
    return taken(x, located(as_index("take", indices, x.shape, axis), x.shape[axis]), axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """For each place along the other axes, the elements of `axis` that `indices` names there.

    Parameters
    ----------
    x : tensor of any format.
    indices : integers, as many axes as `x`; sizes of the other axes equal those of `x`, or one of both is 1.
    axis : None takes from the row-major elements, `indices` then has one axis.

    **Shape** result: that of `indices`, other axes of size 1 repeated as often as `x` says.
    """
    op = "take_along_axis"
    x = tensor(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    axis = one_axis(op, axis, x.ndim)
    index = as_index(op, indices, x.shape, axis)
    if index.ndim != x.ndim:
        received = f"indices of shape {index.shape} for shape {x.shape}"
        raise refuse(op, received, f"{x.ndim} axes", "reshape the indices, or use take")
    other = x.shape[:axis] + (1,) + x.shape[axis + 1 :]
    shape = broadcast_shape(op, other, index.shape)
    places = np.arange(x.size).reshape(x.shape)[(slice(None),) * axis + (slice(0, 1),)]
    step = prod(x.shape[axis + 1 :])
    if x.size == 0:  # then no index is right, or none is there
        places = np.zeros((1,) * x.ndim, np.int64)
    if isinstance(index, np.ndarray):
        flat: Base = located(np.broadcast_to(places + index * step, shape), x.size)
    else:
        there = repeated(located(index, x.shape[axis], step, x.size), shape)
        flat = apply("add", there, located(np.broadcast_to(places, shape), x.size))
    return taken(reshaped(x, (x.size,)), flat, 0)


def one_hot(indices: Any, depth: int, format: str = "float32", axis: int = -1) -> Tensor:
    """Vectors that are 1 at an index and 0 elsewhere; nothing but 0 where an index is not in 0 .. depth - 1.

    Parameters
    ----------
    indices : integers of any shape, an array or a tensor.
    depth : length of the vectors.
    format : of the result, any plain one.
    axis : where the vectors lie in the result.
    """
    index = _integers("one_hot", tensor(indices))
    if not isinstance(depth, int | np.integer) or isinstance(depth, bool) or depth < 0:
        raise refuse("one_hot", f"depth {depth!r}", "an integer from 0 on", "give the length of the vectors")
    axis = one_axis("one_hot", axis, index.ndim + 1)
    shape = (*index.shape[:axis], int(depth), *index.shape[axis:])
    row = _leaf(np.arange(depth), index.format)
    there = repeated(reshaped(row, (int(depth),) + (1,) * (index.ndim - axis)), shape)
    here = repeated(reshaped(index, (*index.shape[:axis], 1, *index.shape[axis:])), shape)
    return apply("convert", apply("equal", here, there), format=format)


def as_index(op: str, value: Any, shape: Shape, axis: int) -> Index:
    """Indices of an axis: an array from 0 on, or a tensor of integers; ShapeError for one beyond the axis."""
    if isinstance(value, Base):
        return _integers(op, value)
    known(op, value)
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        if array.size:
            raise refuse(op, f"an index of {array.dtype}", "integers", "convert it to integers")
        array = array.astype(np.int64)
    size = shape[axis]
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < -size or high >= size:
            wrong = low if low < -size else high
            ends = f"{-size} to {size - 1}" if size else "none: the axis has no elements"
            raise no_such_place(
                op, f"index {wrong} for axis {axis} of shape {shape}", ends, "choose indices of the axis"
            )
        if low < 0:
            array = np.where(array < 0, array.astype(np.int64) + size, array)
    return array.astype(np.int64)


def known(op: str, value: Any) -> None:
    """ShapeError for a sequence that has tensors in it: NumPy would compute them one by one."""
    if isinstance(value, list | tuple) and any(isinstance(v, Base) for v in value):
        raise refuse(op, "a sequence with tensors in it", "one tensor of integers", "st.stack them first")


def _integers(op: str, x: Base) -> Base:
    """A tensor of int32 or int64 indices."""
    if x.format == "bool":
        expected = "integers: how many elements a condition chooses is known when it is computed"
        raise refuse(op, f"a mask {x.node.type}", expected, "use st.where, or a NumPy array: mask.numpy()")
    if x.grid is not None or x.format not in ("int8", "uint8", "int32", "int64"):
        received = f"indices {x.node.type}" + (" with a scale" if x.grid is not None else "")
        raise refuse(op, received, "plain integers", "convert them to int32")
    return x if x.format in ("int32", "int64") else apply("convert", x, format="int32")


def located(index: Index, size: int, step: int = 1, total: int | None = None) -> Base:
    """A tensor of `step` times the indices, from 0 on, of an axis of this size.

    total : the number of places that will be indexed, if that is not `size`. With it, each index is checked against
        its own axis: looked up in a table that has no other.
    """
    form = _format(total or size)
    if isinstance(index, np.ndarray):
        return _leaf(index, form)
    kind = index.node.type
    number = Base.result(filled(kind, size, caller()))
    zero = Base.result(filled(kind, 0, caller()))
    from_end = apply("less", index, zero)
    index = apply("where", from_end, apply("add", index, number), index)
    if total is None:
        return index
    return apply("take", _leaf(np.arange(size) * step, form), index, axis=0)


def _format(places: int) -> str:
    """The format of indices of so many places."""
    return "int32" if places < 2**31 else "int64"


def _leaf(values: np.ndarray, form: str) -> Tensor:
    """Known integers that fit the format."""
    stored = np.array(values, form, order="C")
    stored.flags.writeable = False
    return Base.result(leaf(stored, form))


__all__ = ["one_hot", "take", "take_along_axis"]
