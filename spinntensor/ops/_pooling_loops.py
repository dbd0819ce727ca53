"""The loops of pooling over NHWC images: windows are cut to the image, channels are the innermost loop.

Row r of the results is row r % OH of image r // OH; loops run over rows first to last - 1, so that threads share them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spinntensor.kernels._f32 import NAN

WIDTH = 64
"""Channels that a tree of sums takes side by side."""
_NAN = np.int32(NAN)


@njit(cache=True, nogil=True)
def keys(first: int, last: int, bits: Any, equal_zeros: Any, y: Any) -> None:
    """Patterns of float32 as integers in their order: a NaN is largest, -0 below +0 unless they are to be equal."""
    source, target = bits[first:last], y[first:last]
    magnitude, zero, minus_zero = np.int32(0x7FFFFFFF), np.int32(0), np.int32(-1)
    for i in range(source.size):
        b = source[i]
        k = np.int32(b ^ (np.int32(b >> 31) & magnitude))
        if (b & magnitude) > np.int32(0x7F800000):
            k = _NAN
        target[i] = zero if equal_zeros and k == minus_zero else k


@njit(cache=True, nogil=True)
def cut(at: int, size: int, stride: int, before: int, length: int) -> Any:
    """First and last + 1 pixel of the image under window `at` of one axis."""
    start = at * stride - before
    return max(start, 0), min(start + size, length)


@njit(cache=True, nogil=True)
def maxima(first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, y: Any) -> None:
    """y = the largest x under each window."""
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        top, bottom = cut(i, size[0], stride[0], corner[0], x.shape[1])
        for j in range(y.shape[2]):
            left, right = cut(j, size[1], stride[1], corner[1], x.shape[2])
            target, source = y[n, i, j], x[n, top, left]
            for c in range(target.size):
                target[c] = source[c]
            for p in range(top, bottom):
                for q in range(left, right):
                    source = x[n, p, q]
                    for c in range(target.size):
                        target[c] = source[c] if source[c] > target[c] else target[c]


@njit(cache=True, nogil=True)
def positions(first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, y: Any) -> None:
    """y = the flat index into x of the first largest element under each window."""
    height, width, channels = x.shape[1:]
    best = np.empty(channels, x.dtype)
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        top, bottom = cut(i, size[0], stride[0], corner[0], height)
        for j in range(y.shape[2]):
            left, right = cut(j, size[1], stride[1], corner[1], width)
            target = y[n, i, j]
            for p in range(top, bottom):
                for q in range(left, right):
                    source, at = x[n, p, q], ((n * height + p) * width + q) * channels
                    start = p == top and q == left
                    for c in range(channels):
                        new = start or source[c] > best[c]
                        best[c] = source[c] if new else best[c]
                        target[c] = at + c if new else target[c]


@njit(cache=True, nogil=True)
def trees(first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, y: Any) -> None:
    """y = the pairwise tree over the positions of each window, row by row; outside the image they hold +0."""
    count = size[0] * size[1]
    held = np.empty((count, WIDTH), np.float32)
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        for j in range(y.shape[2]):
            for block in range(0, x.shape[3], WIDTH):
                target = y[n, i, j, block : block + WIDTH]
                for k in range(count):
                    p = i * stride[0] - corner[0] + k // size[1]
                    q = j * stride[1] - corner[1] + k % size[1]
                    row = held[k]
                    if 0 <= p < x.shape[1] and 0 <= q < x.shape[2]:
                        source = x[n, p, q, block : block + WIDTH]
                        for c in range(target.size):
                            row[c] = source[c]
                    else:
                        row[:] = np.float32(0)
                left = count
                while left > 1:
                    for k in range(left // 2):
                        row, even, odd = held[k], held[2 * k], held[2 * k + 1]
                        for c in range(target.size):
                            row[c] = even[c] + odd[c]
                    if left % 2:
                        held[left // 2] = held[left - 1]
                    left = (left + 1) // 2
                row = held[0]
                for c in range(target.size):
                    target[c] = row[c]


@njit(cache=True, nogil=True)
def _add_up(image: Any, top: Any, bottom: Any, left: Any, right: Any, total: Any) -> None:
    """total = the sums over a part of one image, exact in 32 bits."""
    total[:] = np.int32(0)
    for p in range(top, bottom):
        for q in range(left, right):
            source = image[p, q]
            for c in range(total.size):
                total[c] += np.int32(source[c])


@njit(cache=True, nogil=True)
def sums(first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, zero: Any, y: Any) -> None:
    """y = the sum of x - zero over each window; outside the image there is nothing to add."""
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        top, bottom = cut(i, size[0], stride[0], corner[0], x.shape[1])
        for j in range(y.shape[2]):
            left, right = cut(j, size[1], stride[1], corner[1], x.shape[2])
            target = y[n, i, j]
            _add_up(x[n], top, bottom, left, right, target)
            shift = np.int32((bottom - top) * (right - left) * zero)
            for c in range(target.size):
                target[c] -= shift


@njit(cache=True, nogil=True)
def means(
    first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, zero: Any, border: Any, y: Any
) -> None:
    """y = rhe(sum / count) of each window; with `border`, pixels outside the image count and hold `zero`.

    The quotient rounded to float64 is halfway between integers only if the exact one is: it is a multiple of 1 / count,
    and count < 2**23.
    """
    total = np.empty(x.shape[3], np.int32)
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        top, bottom = cut(i, size[0], stride[0], corner[0], x.shape[1])
        for j in range(y.shape[2]):
            left, right = cut(j, size[1], stride[1], corner[1], x.shape[2])
            _add_up(x[n], top, bottom, left, right, total)
            target, inside = y[n, i, j], (bottom - top) * (right - left)
            count, more = inside, 0
            if border:
                count = size[0] * size[1]
                more = (count - inside) * zero
            divisor = np.float64(count)
            for c in range(total.size):
                target[c] = np.int32(np.rint(np.float64(total[c] + more) / divisor))


@njit(cache=True, nogil=True)
def scaled(
    first: int, last: int, x: Any, size: Any, stride: Any, corner: Any, zero: Any, m: Any, bounds: Any, y: Any
) -> Any:
    """y = clamp(zero_out + rhe(sum of (x - zero) m / 2**32)), bounds = (zero_out, low, high): number of clamped."""
    total, saturated = np.empty(x.shape[3], np.int32), np.int64(0)
    for r in range(first, last):
        n, i = r // y.shape[1], r % y.shape[1]
        top, bottom = cut(i, size[0], stride[0], corner[0], x.shape[1])
        for j in range(y.shape[2]):
            left, right = cut(j, size[1], stride[1], corner[1], x.shape[2])
            _add_up(x[n], top, bottom, left, right, total)
            target, shift = y[n, i, j], (bottom - top) * (right - left) * zero
            for c in range(total.size):
                t = (np.int64(total[c]) - shift) * np.int64(m) + np.int64(0x80000000)
                q = t >> np.int64(32)
                tie = (t & np.int64(0xFFFFFFFF)) == 0
                v = q - (q & np.int64(tie)) + bounds[0]
                saturated += v < bounds[1] or v > bounds[2]
                target[c] = min(max(v, bounds[1]), bounds[2])
    return saturated
