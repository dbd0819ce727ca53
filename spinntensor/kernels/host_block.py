"""Block floating point on the host through BLAS: the bits of `block_float`, a product of float64 at a time.

Mantissas are integers, so a float64 product of them is the exact sum s, or misses it by a bounded error: every way
to add K products of float64, in whatever order and with or without fused multiply-add, has |error| <= g |a| |b|
with g = K u / (1 - K u), u = 2**-53 and |a|, |b| the 2-norms of the row and the column (Higham, Accuracy and
Stability of Numerical Algorithms, 3.1, with Cauchy and Schwarz). Where all numbers within that error round to the
same float32, that float32 is the result. The few others are summed again in int64. Nothing is left to chance:
the results are the definition's whatever the BLAS does inside, as long as it multiplies and adds what it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from spinntensor.abi.float_gemm import NONFINITE
from spinntensor.kernels.block_float import NAN, exponent_of, rounded
from spinntensor.kernels.host_memory import Rooms, is_turned
from spinntensor.kernels.parallel import split

FACTOR, NORM, GRAIN = range(3)
"""Of each line: 2**(exponent - bits), 0 where it is not finite; its 2-norm, from above; that in units of the largest
power of two that divides all its mantissas."""
EXACT = 2.0**53
"""Sums of products whose magnitudes add up to this at most are exact in float64."""
UNSURE = 64
"""Sums again one by one up to one result in so many; beyond, two more products of half mantissas are faster."""
SHORT = 1024
"""Products that BLAS adds up at a time, where there are twice as many."""
ABOVE = 1 + 2.0**-20
"""More than all roundings of a norm: those of K <= 8192 squares, their sum and its root."""


@dataclass(frozen=True)
class Lines:
    """The rows of a stack of left factors, or the columns of right factors, as mantissas.

    q : float64 [L,M,K] or [L,K,N], integers.    exponent : int32 [L, lines], NONFINITE for a line that is not finite.
    known : float64 [3, L, lines], see FACTOR.    bits : magnitude bits of the mantissas.
    """

    q: np.ndarray
    exponent: np.ndarray
    known: np.ndarray
    bits: int

    @property
    def bad(self) -> np.ndarray:
        """Which lines are not finite, bool [L, lines]."""
        return self.exponent == NONFINITE

    def rows(self, some: slice) -> Lines:
        """Some rows of left factors."""
        return Lines(self.q[:, some], self.exponent[:, some], self.known[:, :, some], self.bits)


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _squares(q: np.ndarray) -> float:
    total = 0.0
    for k in range(q.size):
        total += q[k] * q[k]
    return total


@njit(cache=True, nogil=True)
def _summary(e: Any, squares: float, shared: Any, bits: int) -> tuple[float, float, float]:
    """FACTOR, NORM and GRAIN of a line from the sum of its squares and all its mantissas' bits, joined by OR."""
    norm, grain = np.sqrt(squares) * ABOVE, 1.0
    while shared and not shared & 1:
        shared >>= 1
        grain *= 2.0
    return (0.0 if e == NONFINITE else 2.0 ** (e - bits)), norm, norm / grain


@njit(cache=True, nogil=True)
def _rows(
    first: int, last: int, x: np.ndarray, bits: int, q: np.ndarray, exponent: np.ndarray, known: np.ndarray
) -> None:
    """Of rows first..last of float32 [R,K]. x * 2**n is exact in float64, and rint rounds half to even."""
    words = x.view(np.uint32)
    for r in range(first, last):
        top = np.uint32(0)
        for k in range(x.shape[1]):
            top = max(top, words[r, k] & np.uint32(0x7FFFFFFF))
        e = exponent_of(np.int64(top))
        exponent[r] = e
        if e == NONFINITE:
            q[r] = 0.0
            known[:, r] = 0.0
            continue
        scale, shared = 2.0 ** (bits - e), np.int32(0)
        for k in range(x.shape[1]):
            v = np.rint(np.float64(x[r, k]) * scale)
            q[r, k] = v
            shared |= np.int32(v)
        known[0, r], known[1, r], known[2, r] = _summary(e, _squares(q[r]), shared, bits)


@njit(cache=True, nogil=True)
def _columns(
    first: int, last: int, x: np.ndarray, bits: int, q: np.ndarray, exponent: np.ndarray, known: np.ndarray
) -> None:
    """Of columns first..last of each float32 [K,N] of x [L,K,N]."""
    n = last - first
    top, scale = np.empty(n, np.uint32), np.empty(n)
    squares, shared = np.empty(n), np.empty(n, np.int32)
    for at in range(x.shape[0]):
        top[:], squares[:], shared[:] = 0, 0.0, 0
        for k in range(x.shape[1]):
            words = x[at, k, first:last].view(np.uint32)
            for j in range(n):
                top[j] = max(top[j], words[j] & np.uint32(0x7FFFFFFF))
        for j in range(n):
            e = exponent_of(np.int64(top[j]))
            exponent[at, first + j] = e
            scale[j] = 0.0 if e == NONFINITE else 2.0 ** (bits - e)
        for k in range(x.shape[1]):
            values, to = x[at, k, first:last], q[at, k, first:last]
            for j in range(n):
                v = np.rint(np.float64(values[j]) * scale[j]) if scale[j] != 0.0 else 0.0
                to[j] = v
                shared[j] |= np.int32(v)
                squares[j] += v * v
        for j in range(n):
            one = _summary(exponent[at, first + j], squares[j], shared[j], bits)
            known[0, at, first + j], known[1, at, first + j], known[2, at, first + j] = one


def _by_rows(x: np.ndarray, bits: int, q: np.ndarray) -> Lines:
    """The rows of float32 [L,R,K], which lie one behind the other."""
    count, r, k = x.shape
    exponent, known = np.empty((count, r), np.int32), np.empty((3, count, r))
    flat = x.reshape(count * r, k), bits, q.reshape(count * r, k), exponent.reshape(-1)
    split(_rows, count * r, x.size, *flat, known.reshape(3, -1))
    return Lines(q, exponent, known, bits)


def _by_columns(x: np.ndarray, bits: int) -> Lines:
    """The columns of float32 [L,K,N], each [K,N] row by row."""
    count, _, n = x.shape
    q, exponent, known = np.empty(x.shape), np.empty((count, n), np.int32), np.empty((3, count, n))
    split(_columns, n, x.size, x, bits, q, exponent, known)
    return Lines(q, exponent, known, bits)


def left_lines(a: np.ndarray, bits: int, rooms: Rooms) -> Lines:
    """The rows of float32 [L,M,K]; a transposed array is read where it lies."""
    if is_turned(a):
        lines = _by_columns(a.swapaxes(1, 2), bits)
        return Lines(lines.q.swapaxes(1, 2), lines.exponent, lines.known, bits)
    return _by_rows(np.ascontiguousarray(a), bits, rooms.room("left", a.shape))


def right_lines(b: np.ndarray, bits: int) -> Lines:
    """The columns of float32 [L,K,N]; a transposed array is read where it lies."""
    if is_turned(b):
        turned = b.swapaxes(1, 2)
        lines = _by_rows(turned, bits, np.empty(turned.shape))
        return Lines(lines.q.swapaxes(1, 2), lines.exponent, lines.known, bits)
    return _by_columns(np.ascontiguousarray(b), bits)


@njit(cache=True, nogil=True)
def _round(
    first: int, last: int, c: np.ndarray, left: np.ndarray, right: np.ndarray, g: float, y: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """y float32 = c rounded, on rows first..last of [L*M,N]; flat places that need the exact sum, how many there
    are, and how many results are infinite.

    The list ends early when there are many. left [3, L*M] and right [3,L,N] are what is known of the lines.
    """
    n, m = c.shape[1], left.shape[1] // right.shape[1]
    places, mark = np.empty((last - first) * n // UNSURE + 1, np.int64), np.empty(n, np.bool_)
    count = infinite = 0
    for i in range(first, last):
        norms, factors, one = right[NORM, i // m], right[FACTOR, i // m], left[FACTOR, i]
        largest = 0.0
        for j in range(n):
            largest = max(largest, right[GRAIN, i // m, j])
        miss = 0.0 if left[GRAIN, i] * largest <= EXACT else g * left[NORM, i]
        unsure = 0
        for j in range(n):
            s, e, w = c[i, j], miss * norms[j], one * factors[j]  # s * w is exact: w is a power of two, or 0
            low, high = np.float32((s - e) * w), np.float32((s + e) * w)
            y[i, j] = high  # -0 + 0 is +0
            mark[j] = (low != high) | ((abs(s) <= e) & (e != 0.0))
            unsure += mark[j]
            infinite += abs(high) == np.inf
        if unsure:
            for j in range(n):
                if mark[j] and count < places.size:
                    places[count] = i * n + j
                    count += 1
                elif mark[j]:
                    count += 1
    return places[: min(count, places.size)], count, infinite


@njit(cache=True, nogil=True)
def _dots(a: np.ndarray, b: np.ndarray, layer: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Exact sums int64 over k of a[layer, i, k] b[layer, k, j]; a block of k at a time, which stays in the cache."""
    s = np.zeros(i.size, np.int64)
    for start in range(0, a.shape[2], 64):
        for p in range(i.size):
            row, column = a[layer[p], i[p], start : start + 64], b[layer[p], start : start + 64, j[p]]
            for k in range(row.size):
                s[p] += np.int64(row[k]) * np.int64(column[k])
    return s


@njit(cache=True, nogil=True)
def _words(s: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 bits of s * 2**scale."""
    words = np.empty(s.size, np.uint32)
    for r in range(s.size):
        words[r] = rounded(s[r], scale[r])
    return words


def _again(left: Lines, right: Lines, places: np.ndarray, y: np.ndarray) -> None:
    """The results at these flat places of y [L,M,N] from exact sums of their rows and columns."""
    layer, i, j = np.unravel_index(places, y.shape)
    scale = left.exponent[layer, i] + right.exponent[layer, j] - 2 * left.bits
    y[layer, i, j] = _words(_dots(left.q, right.q, layer, i, j), scale).view(np.float32)


def _by_halves(left: Lines, right: Lines, y: np.ndarray) -> None:
    """All results from two exact float64 products: the left mantissas are cut into an upper and a lower half.

    With L = ceil(log2 K) and the cut at bit h = 13, the upper sums are at most 2**(L + 2 bits - h) <= 2**(63 - h),
    the lower ones at most 2**(L + bits + h - 1), both below 2**53: 2 bits + L <= 63 and bits + L <= 38. The upper
    sum times 2**h may wrap around, but adding the lower one takes it back to the sum, which fits.
    """
    h = 13
    upper = np.rint(left.q * 2.0**-h)
    s = np.matmul(upper, right.q).astype(np.int64) << h
    s += np.matmul(left.q - upper * 2.0**h, right.q).astype(np.int64)
    scale = left.exponent[:, :, None] + right.exponent[:, None, :] - 2 * left.bits
    scale[left.bad[:, :, None] | right.bad[:, None, :]] = 0
    y[:] = _words(s.reshape(-1), scale.reshape(-1)).view(np.float32).reshape(y.shape)


def _approximate(a: np.ndarray, b: np.ndarray, rooms: Rooms) -> tuple[np.ndarray, float]:
    """A B [L,M,N] in float64, and g: it is off by less than g |a| |b|, with room for three roundings more.

    Long sums are made of shorter ones, which are off by less: the bound grows with the length of a sum of products
    and with the number of sums.
    """
    k, shape = a.shape[2], (*a.shape[:2], b.shape[2])
    c = rooms.room("sums", shape)
    if k < 2 * SHORT:
        return np.matmul(a, b, c), (k + 8) * 2.0**-53
    np.matmul(a[:, :, :SHORT], b[:, :SHORT], c)
    for at in range(SHORT, k, SHORT):
        c += np.matmul(a[:, :, at : at + SHORT], b[:, at : at + SHORT], rooms.room("more", shape))
    return c, (SHORT + k // SHORT + 9) * 2.0**-53


def multiply(left: Lines, right: Lines, y: np.ndarray, more: bool, rooms: Rooms) -> int:
    """y float32 [L,M,N], contiguous = the rounded products of lines of one K, or y += them for one more piece of K.

    Where a line is not finite its products are NaN. Returns how many products became infinite.
    """
    if more:
        piece = np.empty_like(y)
        infinite = multiply(left, right, piece, False, rooms)
        with np.errstate(all="ignore"):
            y += piece
        return infinite
    (count, m, _), n = left.q.shape, right.q.shape[2]
    c, g = _approximate(left.q, right.q, rooms)
    lines = left.known.reshape(3, count * m), right.known
    done = split(_round, count * m, y.size, c.reshape(count * m, n), *lines, g, y.reshape(count * m, n))
    unsure, infinite = sum(part[1] for part in done), sum(part[2] for part in done)
    if unsure:
        if unsure > sum(len(part[0]) for part in done):
            _by_halves(left, right, y)
        else:
            _again(left, right, np.concatenate([part[0] for part in done]), y)
        infinite = int(np.count_nonzero(np.isinf(y)))
    if left.bad.any() or right.bad.any():
        y.view(np.uint32)[left.bad[:, :, None] | right.bad[:, None, :]] = NAN
    return infinite


def settle(y: np.ndarray, spoilt: np.ndarray) -> int:
    """How many results are not finite although their lines are (overflows), of y, a contiguous sum of pieces.

    spoilt : whether a result's row or column is not finite; of y's shape. What became NaN by adding infinities gets
    the one pattern.
    """
    special = ~np.isfinite(y)
    if not special.any():
        return 0
    y.view(np.uint32)[np.isnan(y)] = NAN
    return int(np.count_nonzero(special & ~spoilt))
