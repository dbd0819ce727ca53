"""Tensors in other shapes: axes split, merged, permuted, added, dropped, repeated; nothing is computed.

The functions that join, cut, pad and rearrange stand in files of their own and are found here as well. All of them
keep the format; quantised integers keep the numbers they stand for, see `moves`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.base import Base
from spinntensor.tensors.joining import (
    array_split,
    concat,
    concatenate,
    hstack,
    split,
    stack,
    unstack,
    vstack,
)
from spinntensor.tensors.moves import Shape, repeated, reshaped, transposed
from spinntensor.tensors.operands import all_axes, broadcast_shape, one_axis, refuse, tensor
from spinntensor.tensors.padding import pad
from spinntensor.tensors.rearranging import flip, fliplr, flipud, repeat, roll, rot90, tile

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Axes = int | Sequence[int]


def reshape(x: Any, shape: Axes) -> Tensor:
    """The elements of `x`, row-major, in another shape.

    Parameters
    ----------
    x : tensor, array or number; any shape, any format.
    shape : sizes, as many elements as `x` has; one of them may be -1 and is then found from the others.

    ShapeError when the numbers of elements differ.
    """
    x = tensor(x)
    new = sizes("reshape", shape)
    if -1 in new:
        new = _inferred(x, new)
    return reshaped(x, new)


def sizes(op: str, shape: Any) -> Shape:
    """A shape as a tuple of int; ShapeError for anything else."""
    if isinstance(shape, int | np.integer):
        return (int(shape),)
    try:
        return tuple([index(s) for s in shape])
    except TypeError:
        raise refuse(op, f"shape {shape!r}", "an integer, or a sequence of integers", "give sizes") from None


def _inferred(x: Base, shape: Shape) -> Shape:
    """`shape` with the size that -1 stands for."""
    known = prod([s for s in shape if s != -1])
    if shape.count(-1) > 1 or known <= 0 or x.size % known:
        raise refuse(
            "reshape",
            f"{x.size} elements of shape {x.shape} for shape {shape}",
            "one -1 at most, and other sizes whose product divides the number of elements",
            "correct one of the sizes",
        )
    return tuple([x.size // known if s == -1 else s for s in shape])


def ravel(x: Any) -> Tensor:
    """The elements of `x`, row-major, on one axis."""
    x = tensor(x)
    return reshaped(x, (x.size,))


def flatten(x: Any) -> Tensor:
    """The elements of `x`, row-major, on one axis: the same as `ravel`, as tensors never share what is written."""
    return ravel(x)


def squeeze(x: Any, axis: Axes | None = None) -> Tensor:
    """`x` without axes of size 1.

    axis : which ones, ShapeError if one of them has another size; None drops all there are.
    """
    x = tensor(x)
    if axis is None:
        return reshaped(x, tuple([s for s in x.shape if s != 1]))
    gone = all_axes("squeeze", axis, x.ndim)
    for i in gone:
        if x.shape[i] != 1:
            raise refuse("squeeze", f"axis {i} of shape {x.shape}", "an axis of size 1", "leave it out")
    return reshaped(x, tuple([s for i, s in enumerate(x.shape) if i not in gone]))


def expand_dims(x: Any, axis: Axes) -> Tensor:
    """`x` with new axes of size 1.

    axis : where they are in the result, counted from the front or, negative, from the end.
    """
    x = tensor(x)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    new = all_axes("expand_dims", axis, x.ndim + count)
    rest = iter(x.shape)
    return reshaped(x, tuple([1 if i in new else next(rest) for i in range(x.ndim + count)]))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """`x` with permuted axes: axis i of the result is axis axes[i] of `x`; None reverses them.

    ShapeError unless `axes` names each axis once.
    """
    x = tensor(x)
    if axes is None:
        return transposed(x, tuple(range(x.ndim - 1, -1, -1)))
    named = sizes("transpose", axes)
    order = tuple([i + x.ndim if -x.ndim <= i < 0 else i for i in named])
    if sorted(order) != list(range(x.ndim)):
        mend = f"give a permutation of {tuple(range(x.ndim))}"
        raise refuse("transpose", f"axes {named} for shape {x.shape}", "each axis once", mend)
    return transposed(x, order)


def permute_dims(x: Any, axes: Sequence[int]) -> Tensor:
    """`transpose` under the name of the Python array API standard."""
    return transpose(x, axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes in each other's place."""
    x = tensor(x)
    one, other = one_axis("swapaxes", axis1, x.ndim), one_axis("swapaxes", axis2, x.ndim)
    order = list(range(x.ndim))
    order[one], order[other] = other, one
    return transposed(x, tuple(order))


def moveaxis(x: Any, source: Axes, destination: Axes) -> Tensor:
    """`x` with the axes `source` in the places `destination`; the others keep their order."""
    x = tensor(x)
    given = [a if isinstance(a, tuple | list) else (a,) for a in (source, destination)]
    for named in given:
        all_axes("moveaxis", named, x.ndim)  # each exists, and is there once
    if len(given[0]) != len(given[1]):
        received = f"{len(given[0])} source and {len(given[1])} destination axes"
        raise refuse("moveaxis", received, "as many of both", "give each axis its place")
    pairs = sorted(zip(*[[a % x.ndim for a in named] for named in given], strict=True), key=lambda p: p[1])
    order = [i for i in range(x.ndim) if i not in [a for a, _ in pairs]]
    for here, there in pairs:
        order.insert(there, here)
    return transposed(x, tuple(order))


def broadcast_to(x: Any, shape: Axes) -> Tensor:
    """`x` repeated along axes of size 1 and along new leading axes, to `shape`; ShapeError where sizes differ."""
    return repeated(tensor(x), sizes("broadcast_to", shape))


def broadcast_arrays(*values: Any) -> list[Tensor]:
    """All values repeated to their common shape, each in its own format."""
    tensors = [tensor(v) for v in values]
    if not tensors:
        return []
    shape = broadcast_shape("broadcast_arrays", *[t.shape for t in tensors])
    return [repeated(t, shape) for t in tensors]


__all__ = [
    "array_split",
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "concatenate",
    "expand_dims",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hstack",
    "moveaxis",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vstack",
]
