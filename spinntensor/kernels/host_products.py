"""Exact matrix products on the host through BLAS: stacks [L,M,K] x [L,K,N] in float32, bfp16 and 8-bit integers.

Large factors are multiplied in chunks of rows that stay in the cache, small matrices several at a time, tiny ones by
a plain loop. None of this shows in the bits: sums are exact and each is rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numba import njit

from spinntensor.kernels.block_float import PIECE, magnitude_bits, results, row_mantissas, row_tops, sums
from spinntensor.kernels.host_block import left_lines, multiply, right_lines, settle
from spinntensor.kernels.host_bytes import centred, left_bytes, multiply_bytes, right_bytes, tiny_bytes
from spinntensor.kernels.host_mantissas import round13, scale, shift13, to_float, to_mantissas
from spinntensor.kernels.host_memory import Rooms, is_turned

TINY = 4096
"""Multiplications of one matrix up to which a plain loop is faster than the way through BLAS."""
CHUNK = 1 << 19
"""Elements, of operands and results as floating point, that are in work at a time: they stay in the cache."""


def chunk_rows(k: int, n: int) -> int:
    """Rows of a left factor that are multiplied at a time: few for the cache, many for BLAS."""
    return max(128, CHUNK // (k + n + 1))


def stacked(x: np.ndarray) -> np.ndarray:
    """[..., R, C] as a stack [L, R, C] of matrices."""
    return x[None] if x.ndim == 2 else x.reshape(prod(x.shape[:-2]), *x.shape[-2:])


def _own(x: np.ndarray) -> np.ndarray:
    """A small stack, contiguous and writable: the loops for it are compiled for this kind alone."""
    x = np.ascontiguousarray(x)
    return x if x.flags.writeable else x.copy()


def parts(count: int, m: int, k: int, n: int) -> Iterator[tuple[slice, slice]]:
    """(matrices, rows) of a stack that are multiplied at a time: some whole matrices, or some rows of one."""
    rows = chunk_rows(k, n)
    if m <= rows:
        step = max(1, CHUNK // (m * k + k * n + m * n + 1))
        for at in range(0, count, step):
            yield slice(at, min(at + step, count)), slice(0, m)
        return
    for at in range(count):
        for row in range(0, m, rows):
            yield slice(at, at + 1), slice(row, min(row + rows, m))


@njit(cache=True, nogil=True)
def _tiny_float(a: np.ndarray, b: np.ndarray, bits: int, y: np.ndarray) -> tuple[int, int]:
    """The definition on words of float32; how many lines are not finite, how many results became infinite."""
    (m, k), n = a.shape[1:], b.shape[2]
    qa, ea, top_a = np.empty((m, k), np.int32), np.empty(m, np.int32), np.empty(m, np.uint32)
    qb, eb, top_b = np.empty((n, k), np.int32), np.empty(n, np.int32), np.empty(n, np.uint32)
    s = np.empty((m, n), np.int64)
    bad = infinite = 0
    for at in range(a.shape[0]):
        columns = b[at].T.copy()
        top_a[:], top_b[:], s[:] = 0, 0, 0
        row_tops(a[at], top_a)
        row_tops(columns, top_b)
        bad += row_mantissas(a[at], top_a, bits, qa, ea)
        bad += row_mantissas(columns, top_b, bits, qb, eb)
        sums(qa, qb, s)
        infinite += results(s, ea, eb, bits, y[at])
    return bad, infinite


def float_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int, int]:
    """float32 [L,M,N], the bits of `block_float.product` for each matrix, and its counts summed up.

    Counted are rows of A and columns of B that are not finite, and results of other lines that are not (overflows).
    """
    (count, m, k), n = a.shape, b.shape[2]
    y = np.empty((count, m, n), np.float32)
    if y.size == 0 or k == 0:
        y[:] = 0
        return y, 0, 0
    if m * n * k <= TINY and k <= PIECE:
        words = _own(a).view(np.uint32), _own(b).view(np.uint32)
        bad, infinite = _tiny_float(words[0], words[1], magnitude_bits(k), y.view(np.uint32))
        return y, bad, infinite
    bad_rows, bad_columns = np.zeros((count, m), np.bool_), np.zeros((count, n), np.bool_)
    infinite, rooms = 0, Rooms()
    turned = is_turned(a)  # its rows are slow to take a few at a time
    for start in range(0, k, PIECE):
        stop = min(start + PIECE, k)
        bits = magnitude_bits(stop - start)
        for layers, rows in parts(count, m, stop - start, n):
            if rows.start == 0:
                right = right_lines(b[layers, start:stop], bits)
                bad_columns[layers] |= right.bad
                whole = left_lines(a[layers, :, start:stop], bits, rooms) if turned else None
            left = whole.rows(rows) if whole else left_lines(a[layers, rows, start:stop], bits, rooms)
            bad_rows[layers, rows] |= left.bad
            infinite += multiply(left, right, y[layers, rows], start > 0, rooms)
    if k > PIECE:
        infinite = settle(y, bad_rows[:, :, None] | bad_columns[:, None, :])
    return y, int(np.count_nonzero(bad_rows) + np.count_nonzero(bad_columns)), infinite


def byte_product(a: np.ndarray, b: np.ndarray, a_zero: int, b_zero: int) -> np.ndarray:
    """sum_k (A - a_zero)(B - b_zero), int32 [L,M,N] of int8 or uint8 operands; exact where it fits int32."""
    (count, m, k), n = a.shape, b.shape[2]
    y = np.empty((count, m, n), np.int32)
    (a, da), (b, db) = centred(a, a_zero), centred(b, b_zero)
    if m * n * k <= TINY:
        tiny_bytes(_own(a), _own(b), da, db, y)
        return y
    rooms = Rooms()
    for at in range(count):
        right = right_bytes(b[at])
        by_column = (da * right.total.astype(np.int64) + k * da * db).astype(np.int32)
        rows = chunk_rows(k, n)
        for row in range(0, m, rows):
            left, total = left_bytes(np.ascontiguousarray(a[at, row : row + rows]), rooms)
            by_row = (db * total.astype(np.int64)).astype(np.int32)
            multiply_bytes(left, right, by_row, by_column, y[at, row : row + rows], rooms)
    return y


def _sums(
    a: np.ndarray, b: np.ndarray, y: np.ndarray | None = None, shifts: tuple[int, int] | None = None
) -> Iterator[tuple[int, slice, np.ndarray, float]]:
    """(matrix, rows, sums float64, their unit) of int16 [L,M,K] and [L,K,N] with mantissas rounded to 13 bits.

    The sums are those of `y`, or else in memory that the next ones take. shifts : those of the tensors that a and b
    are parts of; None where they are whole.
    """
    (count, m, k), n = a.shape, b.shape[2]
    shift, other = shifts or (shift13(a), shift13(b))
    right = round13(b, other)
    turned, rows = is_turned(a), chunk_rows(k, n)
    left, rooms = round13(a, shift) if turned else a, Rooms()
    for at in range(count):
        for row in range(0, m, rows):
            some = left[at, row : row + rows]
            if not turned:
                some = round13(some, shift, rooms.room("left", some.shape))
            where = slice(row, row + len(some))
            to = rooms.room("sums", (len(some), n)) if y is None else y[at, where]
            yield at, where, np.matmul(some, right[at], to), 2.0 ** (shift + other)


def mantissa_product(
    a: np.ndarray,
    b: np.ndarray,
    by_row: np.ndarray,
    by_column: np.ndarray,
    shifts: tuple[int, int] | None = None,
) -> tuple[np.ndarray, int]:
    """float32 [L,M,N]: sums of int16 mantissas rounded to 13 bits, rounded once, and how many became infinite.

    by_row [L,M], by_column [L,N] : float64, the powers of two that the units of A's rows and B's columns stand for.
    shifts : those of the tensors that a and b are parts of.
    """
    y = np.empty((*a.shape[:2], b.shape[2]), np.float32)
    infinite = 0
    for at, rows, c, unit in _sums(a, b, None, shifts):
        infinite += to_float(c, by_row[at, rows] * unit, by_column[at], y[at, rows])
    return y, infinite


def mantissa_product_bfp16(
    a: np.ndarray, b: np.ndarray, by_row: np.ndarray, by_column: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """The same sums as int16 mantissas [L,M,N] at the smallest exponent that holds them all, that exponent, and how
    many were clamped (none unless the exponent is the largest there is)."""
    return to_mantissas(*mantissa_product_exact(a, b, by_row, by_column))


def mantissa_product_exact(
    a: np.ndarray,
    b: np.ndarray,
    by_row: np.ndarray,
    by_column: np.ndarray,
    shifts: tuple[int, int] | None = None,
) -> tuple[np.ndarray, float]:
    """The same sums before they are rounded, float64 [L,M,N], which holds them; and the largest magnitude."""
    exact, top = np.empty((*a.shape[:2], b.shape[2])), 0.0
    for at, rows, c, unit in _sums(a, b, exact, shifts):
        top = max(top, scale(c, by_row[at, rows] * unit, by_column[at]))
    return exact, top
