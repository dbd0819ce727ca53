"""Exact products of bfp16 mantissas on the host through dgemm, and the one rounding of their sums.

Operands are mantissas rounded to 13 bits, so K products of them add up to less than K 2**24: float64 holds every
partial sum for K up to 2**29, in any order, with fused multiply-add or without. A sum times a power of two is exact
in float64 as well, so that the conversion to float32 or to mantissas is the only rounding.
"""

from __future__ import annotations

from bisect import bisect_left
from math import frexp, ldexp, prod
from typing import Any

import numpy as np
from numba import njit

from spinntensor.formats.description import BFP16_EXPONENTS
from spinntensor.kernels.bfp16_round13_outer_u32 import MAX_SHIFT, largest_for
from spinntensor.kernels.host_memory import is_turned
from spinntensor.kernels.parallel import split

_LARGEST = [largest_for(shift) for shift in range(MAX_SHIFT + 1)]


@njit(cache=True, nogil=True)
def _top(x: np.ndarray) -> Any:
    """The largest magnitude of int16."""
    top = np.int32(0)
    for i in range(x.size):
        top = max(top, abs(np.int32(x[i])))
    return top


@njit(cache=True, nogil=True)
def _round13(first: int, last: int, x: np.ndarray, factor: float, y: np.ndarray) -> None:
    for i in range(first, last):
        y[i] = np.rint(np.float64(x[i]) * factor)


def shift13(x: np.ndarray) -> int:
    """The shift to 13 bits of a whole tensor of mantissas."""
    return bisect_left(_LARGEST, _top(x.ravel("K")))


def round13(x: np.ndarray, shift: int, y: np.ndarray | None = None) -> np.ndarray:
    """rhe(x / 2**shift) of int16 of any shape, float64 or in `y`; of transposed matrices transposed as well."""
    if y is None and is_turned(x):
        return round13(x.swapaxes(-1, -2), shift).swapaxes(-1, -2)
    y = np.empty(x.shape) if y is None else y
    flat = np.ascontiguousarray(x).reshape(-1)
    split(_round13, x.size, x.size, flat, 2.0**-shift, y.reshape(-1))
    return y


def short13(x: np.ndarray, shift: int) -> np.ndarray:
    """The same as int16, contiguous."""
    return round13(x, shift, np.empty(x.shape, np.int16)) if shift else np.ascontiguousarray(x)


@njit(cache=True, nogil=True)
def _to_float(
    first: int, last: int, c: np.ndarray, by_row: np.ndarray, by_column: np.ndarray, y: np.ndarray
) -> int:
    infinite = 0
    for i in range(first, last):
        for j in range(c.shape[1]):
            v = np.float32((c[i, j] + 0.0) * (by_row[i] * by_column[j]))  # -0 + 0 is +0
            y[i, j] = v
            infinite += abs(v) == np.inf
    return infinite


def to_float(c: np.ndarray, by_row: np.ndarray, by_column: np.ndarray, y: np.ndarray) -> int:
    """y float32 [R,N] = c * by_row * by_column, powers of two, rounded once; how many became infinite."""
    return sum(split(_to_float, len(c), c.size, c, by_row, by_column, y))


@njit(cache=True, nogil=True)
def _scale(first: int, last: int, c: np.ndarray, by_row: np.ndarray, by_column: np.ndarray) -> Any:
    """Returns the bits of the largest magnitude, which are ordered as the magnitudes are."""
    top = np.int64(0)
    for i in range(first, last):
        row, one = c[i], by_row[i]
        for j in range(row.size):
            row[j] *= one * by_column[j]
        words = row.view(np.int64)
        for j in range(row.size):
            top = max(top, words[j] & np.int64(0x7FFFFFFFFFFFFFFF))
    return top


def scale(c: np.ndarray, by_row: np.ndarray, by_column: np.ndarray) -> float:
    """c float64 [R,N] *= by_row * by_column, powers of two, exactly; the largest magnitude."""
    top = max(split(_scale, len(c), c.size, c, by_row, by_column))
    return float(np.int64(top).view(np.float64))


@njit(cache=True, nogil=True)
def _to_mantissas(first: int, last: int, c: np.ndarray, factor: float, y: np.ndarray) -> int:
    saturated = 0
    for i in range(first, last):
        for j in range(c.shape[1]):
            v = np.rint(c[i, j] * factor)
            kept = min(max(v, -32768.0), 32767.0)
            y[i, j] = np.int16(kept)
            saturated += kept != v
    return saturated


def to_mantissas(c: np.ndarray, top: float) -> tuple[np.ndarray, int, int]:
    """Exact numbers c, of magnitudes up to `top`, as bfp16: int16 mantissas, exponent, and how many were clamped.

    The exponent is the smallest, from -125 on, with rhe(top / 2**e) <= 32767; where that is above 97 it is 97, and
    mantissas are clamped.
    """
    low, high = BFP16_EXPONENTS
    e = max(frexp(top)[1] - 15, low) if top else low
    e = min(e + (round(ldexp(top, -e)) > 32767), high)
    y = np.empty(c.shape, np.int16)
    rows = prod(c.shape[:-1]), c.shape[-1]
    saturated = sum(split(_to_mantissas, rows[0], c.size, c.reshape(rows), 2.0**-e, y.reshape(rows)))
    return y, e, saturated
