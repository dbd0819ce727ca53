"""The loops of conversions between float32 and integers: plain arithmetic, where it gives the defined bits.

Each comes twice, for rows of one channel and for channels as columns, so that the compiler can vectorise both, and
runs over rows first to last - 1, so that rows can be split over threads. Row i is of channel i modulo their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spinntensor.formats.convert import by_channel

LONG = 1024
"""Elements of a row at least, where rows may be chosen."""


def laid_out(x: np.ndarray, axis: int | None) -> tuple[np.ndarray, bool]:
    """A non-empty `x` as rows of one channel each, or as rows of all channels (then True)."""
    x = np.ascontiguousarray(x)
    if axis is None:
        rows = 1
        for size in x.shape:
            if rows * size * LONG > x.size:
                break
            rows *= size
        return x.reshape(rows, -1), False
    outer, channels, inner = by_channel(x, axis)
    by_column = inner == 1 and channels > 1
    return x.reshape((outer, channels) if by_column else (outer * channels, inner)), by_column


@njit(cache=True, nogil=True)
def _step(value: Any, s: float, z: float, low: float, high: float) -> Any:
    """One element: the integer, whether it was clamped, lost, and whether the quotient leaves a doubt.

    The quotient rounded to float64 decides, unless it is halfway between integers (`formats.convert`), or no number.
    """
    x = np.float64(value)
    v = x / s
    doubt = (abs(v - np.trunc(v)) == 0.5) or not (abs(v) < np.inf)
    r = np.rint(v)
    y = r + z
    c = y if y > low else low
    c = c if c < high else high
    return np.int32(c), c != y, (r == 0.0) and (x != 0.0), doubt


@njit(cache=True, nogil=True, error_model="numpy")
def quantize_by_row(
    first: int, last: int, x: Any, scale: Any, zero: Any, low: float, high: float, data: Any
) -> Any:
    """The integers of x into data, of its shape: counts of clamped, lost and doubtful elements."""
    saturated = lost = doubts = 0
    for i in range(first, last):
        s, z = scale[i % scale.size], zero[i % scale.size]
        for j in range(x.shape[1]):
            data[i, j], clamped, gone, doubt = _step(x[i, j], s, z, low, high)
            saturated += clamped
            lost += gone
            doubts += doubt
    return saturated, lost, doubts


@njit(cache=True, nogil=True, error_model="numpy")
def quantize_by_column(
    first: int, last: int, x: Any, scale: Any, zero: Any, low: float, high: float, data: Any
) -> Any:
    """The same with channels as columns."""
    saturated = lost = doubts = 0
    for i in range(first, last):
        for j in range(x.shape[1]):
            data[i, j], clamped, gone, doubt = _step(x[i, j], scale[j], zero[j], low, high)
            saturated += clamped
            lost += gone
            doubts += doubt
    return saturated, lost, doubts


@njit(cache=True, nogil=True)
def tops_by_row(first: int, last: int, bits: Any, channels: int) -> Any:
    """The largest pattern without its sign of each channel; 0 where there is none."""
    tops = np.zeros(channels, np.int32)
    for i in range(first, last):
        top = np.int32(0)
        for j in range(bits.shape[1]):
            b = bits[i, j] & np.int32(0x7FFFFFFF)
            top = b if b > top else top
        c = i % channels
        tops[c] = max(tops[c], top)
    return tops


@njit(cache=True, nogil=True)
def tops_by_column(first: int, last: int, bits: Any, channels: int) -> Any:
    """The same with channels as columns."""
    tops = np.zeros(channels, np.int32)
    for i in range(first, last):
        for j in range(channels):
            b = bits[i, j] & np.int32(0x7FFFFFFF)
            tops[j] = b if b > tops[j] else tops[j]
    return tops


@njit(cache=True, nogil=True)
def _mantissa(x: Any, factor: Any) -> Any:
    """rhe(x / 2**e) clamped, as a float: a product by 2**-e is exact, or below 1/2, or beyond the range."""
    low, high = np.float32(-32768), np.float32(32767)
    r = np.rint(x * factor)
    c = r if r > low else low
    c = c if c < high else high
    return c, c != r, (r == np.float32(0)) & (x != np.float32(0))


@njit(cache=True, nogil=True)
def mantissas_by_row(first: int, last: int, x: Any, factor: Any, data: Any) -> Any:
    saturated = lost = 0
    for i in range(first, last):
        f = factor[i % factor.size]
        for j in range(x.shape[1]):
            c, clamped, gone = _mantissa(x[i, j], f)
            data[i, j] = np.int32(c)
            saturated += clamped
            lost += gone
    return saturated, lost


@njit(cache=True, nogil=True)
def mantissas_by_column(first: int, last: int, x: Any, factor: Any, data: Any) -> Any:
    saturated = lost = 0
    for i in range(first, last):
        for j in range(x.shape[1]):
            c, clamped, gone = _mantissa(x[i, j], factor[j])
            data[i, j] = np.int32(c)
            saturated += clamped
            lost += gone
    return saturated, lost


@njit(cache=True, nogil=True)
def _product(q: Any, s: float, z: float) -> Any:
    """(q - z) s in float64, and whether that is halfway between two float32: else its rounding is the exact one's."""
    p = (np.float64(q) - z) * s
    return p, (np.float64(p).view(np.int64) & np.int64(0x1FFFFFFF)) == np.int64(0x10000000)


@njit(cache=True, nogil=True)
def read_by_row(first: int, last: int, data: Any, scale: Any, zero: Any, y: Any) -> Any:
    """y = (data - zero) * scale, and how many are in doubt unless float64 holds every product."""
    doubts = 0
    for i in range(first, last):
        s, z = scale[i % scale.size], zero[i % scale.size]
        for j in range(data.shape[1]):
            y[i, j], doubt = _product(data[i, j], s, z)
            doubts += doubt
    return (doubts,)


@njit(cache=True, nogil=True)
def read_by_column(first: int, last: int, data: Any, scale: Any, zero: Any, y: Any) -> Any:
    """The same with channels as columns."""
    doubts = 0
    for i in range(first, last):
        for j in range(data.shape[1]):
            y[i, j], doubt = _product(data[i, j], scale[j], zero[j])
            doubts += doubt
    return (doubts,)
