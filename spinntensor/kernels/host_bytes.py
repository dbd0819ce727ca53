"""Exact products of 8-bit integers on the host through sgemm, in pieces of K whose sums float32 holds.

Integers up to 2**24 are float32, and a sum of products of integers is exact in any order, with fused multiply-add or
without, when the magnitudes of its products add up to no more: every partial sum is then such an integer. The proof
is made from the right operand itself and from -128..127 for the left one; K is cut where it would fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from spinntensor.kernels.host_memory import Rooms, is_turned
from spinntensor.kernels.parallel import split

REACH = (1 << 24) // 128
"""The magnitudes of a column may add up to this beside left operands of -128..127: then float32 holds every sum."""
BLOCK = 64
"""k for which the magnitudes of a column are added up, and at whose multiples K is cut: 64 * 128 < REACH."""


def centred(x: np.ndarray, zero: int) -> tuple[np.ndarray, int]:
    """int8 x' and d with x - zero = x' + d, of int8 or uint8 x: bytes from 0 to 255 are read as -128 to 127."""
    if x.dtype == np.int8:
        return x, -zero
    return x.view(np.int8) ^ np.int8(-128), 128 - zero


@njit(cache=True, nogil=True)
def _byte_rows(
    first: int, last: int, x: np.ndarray, y: np.ndarray, total: np.ndarray, reach: np.ndarray
) -> None:
    """Of rows first..last of int8 [R,K]: float32, sums, and [R, blocks] sums of magnitudes."""
    for r in range(first, last):
        total[r] = 0
        for at in range(reach.shape[1]):
            values, to = x[r, at * BLOCK : (at + 1) * BLOCK], y[r, at * BLOCK : (at + 1) * BLOCK]
            plain = size = np.int32(0)
            for k in range(values.size):
                v = np.int32(values[k])
                to[k] = v
                plain += v
                size += abs(v)
            total[r] += plain
            reach[r, at] = size


@njit(cache=True, nogil=True)
def _byte_columns(
    first: int, last: int, x: np.ndarray, y: np.ndarray, total: np.ndarray, reach: np.ndarray
) -> None:
    """Of columns first..last of int8 [K,N]: float32, sums, and [blocks, N] sums of magnitudes."""
    sums = total[first:last]
    sums[:] = 0
    reach[:, first:last] = 0
    for k in range(x.shape[0]):
        values, to, sizes = x[k, first:last], y[k, first:last], reach[k // BLOCK, first:last]
        for j in range(sums.size):
            v = np.int32(values[j])
            to[j] = v
            sums[j] += v
            sizes[j] += abs(v)


def left_bytes(a: np.ndarray, rooms: Rooms) -> tuple[np.ndarray, np.ndarray]:
    """int8 [R,K] as a left factor, float32, and its row sums int32."""
    q, total = rooms.room("left", a.shape, np.float32), np.empty(len(a), np.int32)
    split(_byte_rows, len(a), a.size, a, q, total, np.empty((len(a), -(-a.shape[1] // BLOCK)), np.int32))
    return q, total


@dataclass(frozen=True)
class Bytes:
    """A right factor of 8-bit integers, made ready.

    q : float32 [K,N].    total : int32 [N], its column sums.    cuts : (start, stop) of k for exact sums in float32
    beside left operands of -128..127.
    """

    q: np.ndarray
    total: np.ndarray
    cuts: tuple[tuple[int, int], ...]


def right_bytes(b: np.ndarray) -> Bytes:
    """int8 [K,N] as a right factor; a transposed array is read where it lies."""
    k, n = b.shape
    total, blocks = np.empty(n, np.int32), -(-k // BLOCK)
    if is_turned(b):
        turned, reach = np.empty((n, k), np.float32), np.empty((n, blocks), np.int32)
        split(_byte_rows, n, b.size, b.T, turned, total, reach)
        return Bytes(turned.T, total, _cuts(reach.T, k))
    q, reach = np.empty((k, n), np.float32), np.empty((blocks, n), np.int32)
    split(_byte_columns, n, b.size, np.ascontiguousarray(b), q, total, reach)
    return Bytes(q, total, _cuts(reach, k))


def _cuts(reach: np.ndarray, k: int) -> tuple[tuple[int, int], ...]:
    """The longest pieces of K whose columns reach no further than REACH."""
    if reach.sum(0).max(initial=0) <= REACH:
        return ((0, k),)
    cuts, start, far = [], 0, reach[0].astype(np.int64)
    for at in range(1, len(reach)):
        if (far + reach[at]).max() > REACH:
            cuts.append((start * BLOCK, at * BLOCK))
            start, far = at, np.zeros_like(far)
        far += reach[at]
    return (*cuts, (start * BLOCK, k))


@njit(cache=True, nogil=True)
def _store(
    first: int, last: int, c: np.ndarray, by_row: np.ndarray, by_column: np.ndarray, more: bool, y: np.ndarray
) -> None:
    """y int32 [R,N] = c + by_row + by_column, or y += c, modulo 2**32: only the whole sum need fit."""
    for i in range(first, last):
        if more:
            for j in range(c.shape[1]):
                y[i, j] += np.int32(c[i, j])
        else:
            for j in range(c.shape[1]):
                y[i, j] = np.int32(c[i, j]) + by_row[i] + by_column[j]


def multiply_bytes(
    a: np.ndarray, b: Bytes, by_row: np.ndarray, by_column: np.ndarray, y: np.ndarray, rooms: Rooms
) -> None:
    """y int32 [R,N], contiguous = A B + by_row + by_column with A of integers -128..127 as float32 [R,K]."""
    c = rooms.room("sums", y.shape, np.float32)
    for start, stop in b.cuts:
        np.matmul(a[:, start:stop], b.q[start:stop], c)
        split(_store, len(c), c.size, c, by_row, by_column, start > 0, y)


@njit(cache=True, nogil=True)
def tiny_bytes(a: np.ndarray, b: np.ndarray, da: int, db: int, y: np.ndarray) -> None:
    """y int32 [L,M,N] = sum_k (a + da)(b + db)."""
    for at in range(a.shape[0]):
        for i in range(a.shape[1]):
            y[at, i] = 0
            for k in range(a.shape[2]):
                left = np.int32(a[at, i, k]) + np.int32(da)
                for j in range(b.shape[2]):
                    y[at, i, j] += left * (np.int32(b[at, k, j]) + np.int32(db))
