"""Pooling of images and sequences: the largest element or the mean under a sliding window, or of a whole image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.ops.operation import family
from spinntensor.tensors.alike import is_bfp16, narrowed, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.elementwise import divide
from spinntensor.tensors.grids import BYTES, constants, words
from spinntensor.tensors.moves import repeated, reshaped, scale_axis
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.windows import Padding, borders, layout, several

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "global_avg_pool2d",
    "global_max_pool2d",
    "max_pool1d",
    "max_pool2d",
]

Sizes = int | Sequence[int]


def max_pool2d(
    x: Any,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    data_format: str = "NHWC",
) -> Tensor:
    """The largest element under a window, for each channel; exact in every format.

    Parameters
    ----------
    x : images [N, H, W, C]; [N, C, H, W] with `data_format="NCHW"`. float32, bfp16, int8, uint8 or int32.
    window, stride : one number, or one for H and one for W; the stride is the window unless it is given.
    padding : as for `conv2d`, each border below the window's size; elements of the border never win.

    **Shape** result [N, OH, OW, C], OH = (H + before + after - window) // stride + 1. A grid is kept.
    """
    return _pool("max_pool2d", 2, x, window, stride, padding, data_format, None)


def max_pool1d(
    x: Any,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    data_format: str = "NWC",
) -> Tensor:
    """`max_pool2d` of sequences [N, W, C] ([N, C, W] with `data_format="NCW"`)."""
    return _pool("max_pool1d", 1, x, window, stride, padding, data_format, None)


def avg_pool2d(
    x: Any,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    data_format: str = "NHWC",
    count_include_pad: bool = False,
) -> Tensor:
    """The mean of the elements under a window, for each channel.

    Parameters
    ----------
    count_include_pad : whether the border counts, as zeros; otherwise the mean is that of the image's own elements.
        Others as for `max_pool2d`.

    float32: the sum under the window (a pairwise tree in row-major order) over the number of elements, both rounded
    once. bfp16: the same, rounded to bfp16 at the end. int8 and uint8: the exact mean of the integers, half to even,
    on the same grid.
    """
    return _pool("avg_pool2d", 2, x, window, stride, padding, data_format, count_include_pad)


def avg_pool1d(
    x: Any,
    window: Sizes,
    *,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    data_format: str = "NWC",
    count_include_pad: bool = False,
) -> Tensor:
    """`avg_pool2d` of sequences [N, W, C] ([N, C, W] with `data_format="NCW"`)."""
    return _pool("avg_pool1d", 1, x, window, stride, padding, data_format, count_include_pad)


def global_avg_pool2d(x: Any, *, keepdims: bool = False, data_format: str = "NHWC") -> Tensor:
    """The mean of each channel of an image: [N, C], or [N, 1, 1, C] with `keepdims`; see `avg_pool2d`."""
    return _whole("global_avg_pool2d", x, keepdims, data_format, False)


def global_max_pool2d(x: Any, *, keepdims: bool = False, data_format: str = "NHWC") -> Tensor:
    """The largest element of each channel of an image: [N, C], or [N, 1, 1, C] with `keepdims`."""
    return _whole("global_max_pool2d", x, keepdims, data_format, None)


def _whole(op: str, x: Any, keepdims: bool, data_format: str, count_border: bool | None) -> Tensor:
    place = layout(op, data_format, 2)
    images = place.last(op, tensor(x))
    n, h, w, c = images.shape
    if not h * w:
        raise refuse(op, f"shape {images.shape}", "images of at least one pixel", "leave out empty images")
    y = _pooled(op, images, (h, w), (1, 1), (0, 0, 0, 0), count_border)
    return place.back(y) if keepdims else reshaped(y, (n, c))


def _pool(
    op: str,
    spatial: int,
    x: Any,
    window: Sizes,
    stride: Sizes | None,
    padding: Padding,
    data_format: str,
    count_border: bool | None,
) -> Tensor:
    place = layout(op, data_format, spatial)
    images = place.last(op, tensor(x))
    sizes = several(op, "window", window, spatial)
    steps = sizes if stride is None else several(op, "stride", stride, spatial)
    rim = borders(op, padding, place.sizes(images), sizes, steps, (1,) * spatial)
    more = 2 - spatial
    flat = tuple(v for pair in [(0, 0)] * more + rim for v in pair)
    return place.back(_pooled(op, images, (1,) * more + sizes, (1,) * more + steps, flat, count_border))


def _pooled(
    op: str,
    x: Tensor,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    count_border: bool | None,
) -> Tensor:
    """Pooling of [N, H, W, C]: the maximum when `count_border` is None, else the mean."""
    where: dict[str, Any] = {"window": window, "stride": stride, "padding": padding}
    short = is_bfp16(x)
    if count_border is None:
        if scale_axis(x) not in (None, 3):
            raise refuse(
                op, f"{x.node.type} with {words(x.grid)}", "one scale, or one for each channel", "requantize"
            )
        y = apply("max_pool", widened(x) if short else x, grid=x.grid, **where)
        return narrowed(y) if short else y
    if x.format in BYTES:
        zero = constants(op, x)[1]
        integers = {"zero": zero, "zero_out": zero, "multiplier": None, "count_border": count_border}
        return apply("avg_pool_q", x, grid=x.grid, **integers, **where)
    if family(x.format) not in ("float32", "bfp16"):
        raise refuse(op, str(x.node.type), "float32, bfp16, int8 or uint8", "convert it with astype")
    sums = apply("sum_pool", widened(x) if short else x, **where)
    y = divide(sums, _counts(x, sums, window, stride, padding, count_border))
    return narrowed(y) if short else y


def _counts(
    x: Base,
    sums: Base,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    count_border: bool,
) -> Any:
    """How many elements each mean is of: one number, or float32 [1, OH, OW, 1] that differs at the border."""
    if count_border or not any(padding):
        return float(prod(window))
    each = []
    for i, before in enumerate(padding[::2]):
        first = np.arange(sums.shape[1 + i]) * stride[i] - before
        inside = np.minimum(first + window[i], x.shape[1 + i]) - np.maximum(first, 0)
        each.append(inside)
    counts = tensor(np.multiply.outer(*each).astype(np.float32))
    return repeated(reshaped(counts, (1, *counts.shape, 1)), sums.shape)
