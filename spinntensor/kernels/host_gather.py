"""Rows of a convolution as rows of a matrix product: which pixels an output reads, and their values side by side.

An axis of a convolution is a table: entry [i, a] is the place that output i reads at tap a, or -1 for a zero. The
adjoint of a convolution is one as well, with a table of its own, so both are gathered in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from spinntensor.kernels.parallel import split

Table = np.ndarray


@dataclass(frozen=True)
class Axis:
    """Some outputs along one axis, which read at the same taps.

    where : the outputs.    taps : the taps at which any of them may read, rising.    table : int64 [outputs, taps].
    """

    where: slice
    taps: tuple[int, ...]
    table: Table


@lru_cache(256)
def forward(size: int, out: int, kernel: int, stride: int, dilation: int, before: int) -> Table:
    """Output o of a convolution reads x at o * stride - before + tap * dilation."""
    table = np.arange(out)[:, None] * stride - before + np.arange(kernel) * dilation
    table[(table < 0) | (table >= size)] = -1
    return table


@lru_cache(256)
def adjoint(size: int, out: int, kernel: int, stride: int, dilation: int, before: int) -> Table:
    """Pixel i of x is read by output (i + before - tap * dilation) / stride at each tap where that is an output."""
    reach = np.arange(size)[:, None] + before - np.arange(kernel) * dilation
    table = reach // stride
    table[(reach % stride != 0) | (table >= out)] = -1
    return np.maximum(table, -1)


@lru_cache(256)
def whole(make: Callable[..., Table], *sizes: int) -> tuple[Axis, ...]:
    """All outputs of the axis `make(*sizes)` at once, with all taps."""
    table = make(*sizes)
    return (Axis(slice(0, len(table), 1), tuple(range(table.shape[1])), table),)


@lru_cache(256)
def by_class(stride: int, make: Callable[..., Table], *sizes: int) -> tuple[Axis, ...]:
    """The outputs i of that axis by i modulo `stride`, each class with the taps that any of its outputs needs."""
    table, axes = make(*sizes), []
    for first in range(min(stride, len(table))):
        part = table[first::stride]
        taps = tuple(np.flatnonzero((part >= 0).any(0)).tolist())
        axes.append(Axis(slice(first, len(table), stride), taps, np.ascontiguousarray(part[:, list(taps)])))
    return tuple(axes)


@njit(cache=True, nogil=True)
def _copy(x: np.ndarray, centre: Any, y: np.ndarray) -> None:
    """y = x - centre."""
    for c in range(y.size):
        y[c] = y.dtype.type(x[c]) - centre


@njit(cache=True, nogil=True)
def _gather(
    first: int,
    last: int,
    x: np.ndarray,
    sizes: tuple[int, int, int],
    channels: tuple[int, int],
    ys: np.ndarray,
    xs: np.ndarray,
    start: int,
    centre: Any,
    pad: Any,
    y: np.ndarray,
) -> None:
    """Rows first..last of y, which are rows start + first and so on of the product; x is flat, of [N,H,W,C]."""
    height, width, depth = sizes
    origin, count = channels
    taps = xs.shape[1]
    step = taps * count
    for r in range(first, last):
        rest, j = divmod(start + r, xs.shape[0])
        image, i = divmod(rest, ys.shape[0])
        run = count == depth and taps > 0 and xs[j, 0] >= 0 and xs[j, taps - 1] == xs[j, 0] + taps - 1
        p = 0
        for a in range(ys.shape[1]):
            line = (image * height + ys[i, a]) * width
            if ys[i, a] < 0:
                y[r, p : p + step] = pad
            elif run:  # pixels side by side, with all their channels
                at = (line + xs[j, 0]) * depth
                _copy(x[at : at + step], centre, y[r, p : p + step])
            else:
                for b in range(taps):
                    to = y[r, p + b * count : p + (b + 1) * count]
                    if xs[j, b] < 0:
                        to[:] = pad
                    else:
                        at = (line + xs[j, b]) * depth + origin
                        _copy(x[at : at + count], centre, to)
            p += step


def gather(
    x: np.ndarray,
    channels: tuple[int, int],
    ys: np.ndarray,
    xs: np.ndarray,
    rows: tuple[int, int],
    centre: float,
    pad: float,
    y: np.ndarray,
) -> np.ndarray:
    """The first rows of y [., taps * channels] = the fields of rows first..last of [N, OH, OW] outputs, minus `centre`.

    x [N,H,W,C], contiguous.    channels : (first, count) of those that are read.    pad : what stands outside x.
    """
    first, last = rows
    to = y[: last - first]
    flat = x.reshape(-1), x.shape[1:], channels, ys, xs
    kind = y.dtype.type
    split(_gather, last - first, to.size, *flat, first, kind(centre), kind(pad), to)
    return to
