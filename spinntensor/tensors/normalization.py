"""Normalisation by statistics of a batch or of an axis, softmax, and dropout; float32 and bfp16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from spinntensor.formats import Int8, grid
from spinntensor.ops.operation import family
from spinntensor.tensors.alike import is_bfp16, narrowed, through_float32, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.elementwise import add, divide, multiply, sqrt, subtract
from spinntensor.tensors.grids import constants
from spinntensor.tensors.moves import part, reshaped, transposed
from spinntensor.tensors.operands import all_axes, one_axis, operand, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = ["BatchNorm", "batch_norm", "layer_norm", "log_softmax", "softmax"]

PARTS = grid(Int8(unsigned=True), 2.0**-8)
"""The grid of quantised shares of 1."""


class BatchNorm(NamedTuple):
    """What training needs of a batch normalisation.

    value : the normalised tensor.
    mean, var : [C], the batch's mean and variance (biased), the mean of its groups' weighted by their sizes; for
        running averages.
    """

    value: Tensor
    mean: Tensor
    var: Tensor


@overload
def batch_norm(
    x: Any, scale: Any, offset: Any, mean: None = None, var: None = None, *, eps: float = ...,
    group: int = ..., axis: int = ...,
) -> BatchNorm: ...  # fmt: skip


@overload
def batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any,
    var: Any,
    *,
    eps: float = ...,
    group: int = ...,
    axis: int = ...,
) -> Tensor: ...


def batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    var: Any = None,
    *,
    eps: float = 1e-5,
    group: int = 32,
    axis: int = -1,
) -> Tensor | BatchNorm:
    """(x - mean) * (scale / sqrt(var + eps)) + offset, for each channel.

    Parameters
    ----------
    x : [N, ..., C], images first.
    scale, offset : [C].
    mean, var : [C] for inference; None in training: those of each group of images itself.
    group : images of a statistics group, counted along the first axis; the last group may be smaller. The result
        depends on it, and on nothing that a plan may choose.
    axis : of the channels; not the first.

    Returns the tensor, in training a `BatchNorm` of it and the batch's statistics.

    The mean of a group is the sum of its m = images * pixels elements over m, and var that of (x - mean)**2 over m;
    sums are pairwise trees over the elements of a channel in row-major order. Each operation of the formula is
    rounded once.
    """
    op = "batch_norm"
    if (mean is None) != (var is None):
        raise refuse(op, "one of mean and var", "both, or none", "give the other, or leave it out")
    x = _numbers(op, x)
    axis = one_axis(op, axis, x.ndim)
    if axis == 0:
        raise refuse(op, "axis 0", "an axis of channels behind that of the images", "choose another axis")
    short, x = is_bfp16(x), widened(x) if is_bfp16(x) else x
    channels = x.shape[axis]
    scale, offset = [_of_size(op, n, v, x, (channels,)) for n, v in (("scale", scale), ("offset", offset))]
    if mean is not None:
        kept = _along(x.ndim, (axis,), (channels,))
        centre = subtract(x, reshaped(_of_size(op, "mean", mean, x, (channels,)), kept))
        factor = divide(scale, sqrt(add(_of_size(op, "var", var, x, (channels,)), eps)))
        y = add(multiply(centre, reshaped(factor, kept)), reshaped(offset, kept))
        return narrowed(y) if short else y
    if isinstance(group, bool) or not isinstance(group, int) or group < 1:
        raise refuse(op, f"group {group!r}", "a number of images from 1 on", "choose the size of a group")
    if not x.size:
        raise refuse(op, f"shape {x.shape}", "at least one element", "leave out empty batches")
    y, means, variances, sizes = _by_groups(x, scale, offset, eps, group, axis)
    if short:
        y = narrowed(y)
    return BatchNorm(y, _weighted(means, sizes), _weighted(variances, sizes))


def _by_groups(
    x: Tensor, scale: Tensor, offset: Tensor, eps: float, group: int, axis: int
) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """The normalised tensor; mean and variance [groups, C]; how many images each group has."""
    whole, left = divmod(x.shape[0], group)
    cuts = [(0, whole, group)] if whole else []
    if left:
        cuts.append((whole * group, 1, left))
    channels, rest = x.shape[axis], x.shape[1:]
    kept = _along(x.ndim + 1, (axis + 1,), (channels,))
    scale, offset = reshaped(scale, kept), reshaped(offset, kept)
    summed = tuple(i for i in range(1, x.ndim + 1) if i != axis + 1)
    parts = []
    for first, groups, size in cuts:
        images = reshaped(part(x, 0, first, groups * size), (groups, size, *rest))
        centre, mean, var = _centred(images, summed)
        y = add(multiply(centre, divide(scale, sqrt(add(var, eps)))), offset)
        y = reshaped(y, (groups * size, *rest))
        parts.append((y, reshaped(mean, (groups, channels)), reshaped(var, (groups, channels))))
    y, mean, var = [_joined(list(each)) for each in zip(*parts, strict=True)]
    return y, mean, var, [size for _, groups, size in cuts for _ in range(groups)]


def _centred(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """x - mean, mean and variance over `axes`, which stay with size 1."""
    kept = tuple(1 if i in axes else s for i, s in enumerate(x.shape))
    count = float(prod(x.shape[i] for i in axes))
    mean = reshaped(divide(apply("sum", x, axes=axes), count), kept)
    centre = subtract(x, mean)
    return centre, mean, reshaped(divide(apply("sum", multiply(centre, centre), axes=axes), count), kept)


def _weighted(x: Tensor, sizes: list[int]) -> Tensor:
    """The mean of rows that count `sizes` times each, sum(size * row) / sum(size); a single row as it is."""
    if len(sizes) == 1:
        return reshaped(x, x.shape[1:])
    weights = tensor([[float(s)] for s in sizes])
    return divide(apply("sum", multiply(x, weights), axes=(0,)), float(sum(sizes)))


def layer_norm(
    x: Any,
    scale: Any = None,
    offset: Any = None,
    *,
    axis: int | Sequence[int] = -1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * scale + offset, with mean and (biased) variance over `axis` of each element.

    Parameters
    ----------
    scale, offset : of the sizes of the axes `axis`, in rising order; None leaves the step out.

    Computed as `batch_norm` is: centre * (1 / sqrt(var + eps)), then scale, then offset, each rounded once.
    """
    op = "layer_norm"
    x = _numbers(op, x)
    short, x = is_bfp16(x), widened(x) if is_bfp16(x) else x
    axes = all_axes(op, axis, x.ndim)
    sizes = tuple(x.shape[i] for i in axes)
    if not axes or not prod(sizes):
        raise refuse(
            op, f"axis {axis!r} of shape {x.shape}", "at least one element to normalise", "choose axes"
        )
    centre, _, var = _centred(x, axes)
    y = multiply(centre, divide(1.0, sqrt(add(var, eps))))
    along = _along(x.ndim, axes, sizes)
    if scale is not None:
        y = multiply(y, reshaped(_of_size(op, "scale", scale, x, sizes), along))
    if offset is not None:
        y = add(y, reshaped(_of_size(op, "offset", offset, x, sizes), along))
    return narrowed(y) if short else y


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x - max) / sum(exp(x - max)) along an axis of at most 65,536 elements.

    An int8 tensor with a grid gives uint8 in steps of 1/256, within one of them, along at most 1,023 elements.
    """
    op = "softmax"
    x = tensor(x)
    if x.grid is None:
        return _along_last(op, _numbers(op, x), axis, lambda v: apply(op, v))
    scale, _ = constants(op, x)
    return _along_last(op, x, axis, lambda v: apply("softmax_q", v, grid=PARTS, scale=scale))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """x - max - log(sum(exp(x - max))) along an axis of at most 65,536 elements."""
    op = "log_softmax"
    return _along_last(op, _numbers(op, x), axis, lambda v: apply(op, v))


def _along_last(op: str, x: Tensor, axis: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A function along the last axis, along any."""
    axis = one_axis(op, axis, x.ndim)
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    back = tuple(order.index(i) for i in range(x.ndim))
    return transposed(through_float32(function)(transposed(x, order)), back)


def _numbers(op: str, x: Any) -> Tensor:
    """`x` as a float32 or bfp16 tensor; ShapeError for integers."""
    x = tensor(x)
    if family(x.format) not in ("float32", "bfp16"):
        raise refuse(op, str(x.node.type), "float32 or bfp16", "use st.dequantize or astype first")
    return x


def _of_size(op: str, name: str, value: Any, like: Base, shape: tuple[int, ...]) -> Tensor:
    """A parameter as float32 of this shape."""
    out = operand(op, value, like)
    if family(out.format) == "bfp16":
        out = widened(out)
    if out.format != "float32" or out.shape != shape:
        raise refuse(op, f"{name} {out.node.type}", f"{list(shape)} float32", f"reshape or convert {name}")
    return out


def _along(ndim: int, axes: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that has `sizes` on `axes` and 1 elsewhere."""
    there = dict(zip(axes, sizes, strict=True))
    return tuple(there.get(i, 1) for i in range(ndim))


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else apply("concatenate", *parts, axis=0)
