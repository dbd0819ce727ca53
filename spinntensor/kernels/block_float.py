"""Block floating point, the definition: rows of float32 as one exponent and int32 mantissas, products rounded once.

For a row x of logical length K: e is the smallest integer with |x| < 2**e for all its elements (0 for a row of
zeros), b = `magnitude_bits(K)`, q = rne(x * 2**(b - e)). A product of two rows is sum(q * p) exactly, times
2**(e + f - 2b), rounded once to float32. A row with an infinity or a NaN makes its products NaN (0x7fc00000).
K beyond `PIECE` is cut at its multiples; the pieces' float32 results are added in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spinntensor.abi.float_gemm import NONFINITE
from spinntensor.errors import RangeError
from spinntensor.kernels import _f32

PIECE = 8192
"""Longest K of one exact sum: 25 bits are left for a mantissa then, one more than float32 has."""
NAN = int(_f32.NAN)
INFINITY = 0x7F800000


def magnitude_bits(k: int) -> int:
    """b(K) = min(30, floor((63 - ceil(log2 K)) / 2)): K products of b + b bits stay below 2**63."""
    return min(30, (63 - (k - 1).bit_length()) // 2)


def prove(kernel: str, k: int, bits: int) -> None:
    """RangeError unless K products of mantissas of `bits` magnitude bits stay below 2**63, one of them rounded up.

    A float32 has 24 bits, so a mantissa is at most 2**bits - 2**(bits - 24).
    """
    bound = k * ((1 << bits) - (1 << (bits - 24))) ** 2
    if bound >= 1 << 63:
        raise RangeError(
            kernel, bound, (1 << 63) - 1, f"{bits} bits are too many for k = {k}: use magnitude_bits(k)"
        )


def as_bits(x: np.ndarray) -> np.ndarray:
    """The uint32 words of float32 values."""
    return np.ascontiguousarray(x).view(np.uint32)


@njit(cache=True)
def row_tops(x: np.ndarray, top: np.ndarray) -> None:
    """top[r] = max(top[r], bits of |x[r, k]|) on uint32 [R,K]."""
    for r in range(x.shape[0]):
        for k in range(x.shape[1]):
            top[r] = max(top[r], x[r, k] & np.uint32(0x7FFFFFFF))


@njit(cache=True)
def exponent_of(top: Any) -> Any:
    """The smallest e with |x| < 2**e, from the largest magnitude's bits; 0 for zero, NONFINITE for inf and NaN."""
    if top >= INFINITY:
        return NONFINITE
    if top >= 1 << 23:
        return (top >> 23) - 126
    e = 0 if top == 0 else -149
    while top:
        top >>= 1
        e += 1
    return e


@njit(cache=True)
def row_mantissas(x: np.ndarray, top: np.ndarray, bits: int, q: np.ndarray, exponents: np.ndarray) -> int:
    """q[r,k] = rne(x * 2**(bits - e)) and e[r] of uint32 [R,K]; returns the number of rows that are not finite."""
    count = 0
    for r in range(x.shape[0]):
        e = exponent_of(np.int64(top[r]))
        exponents[r] = e
        if e == NONFINITE:
            count += 1
            q[r] = 0
            continue
        for k in range(x.shape[1]):
            word: Any = np.int64(x[r, k])
            exponent, m = (word >> 23) & 255, word & 0x7FFFFF
            if exponent:
                m |= 1 << 23
            right = e + 150 - bits - max(exponent, 1)
            if right <= 0:
                m <<= -right
            elif right > 25:
                m = 0
            else:
                m = (m + (1 << (right - 1)) - 1 + ((m >> right) & 1)) >> right
            q[r, k] = -m if word >> 31 else m
    return count


@njit(cache=True)
def rounded(s: Any, scale: int) -> Any:
    """float32 bits of s * 2**scale, rounded once to nearest even, subnormals and infinity included."""
    if s == 0:
        return 0
    sign, m = (1 << 31, np.uint64(-s)) if s < 0 else (0, np.uint64(s))
    one, length = np.uint64(1), 0
    kept: Any
    while m >> np.uint64(length):
        length += 1
    lowest = max(length - 24, -149 - scale)  # weight of the result's last bit, as a bit of s
    if lowest > length:
        return sign
    if lowest <= 0:
        kept = np.int64(m << np.uint64(-lowest))
    else:
        kept = np.int64(m >> np.uint64(lowest)) if lowest < 64 else np.int64(0)
        half = (m >> np.uint64(lowest - 1)) & one
        below = m & ((one << np.uint64(lowest - 1)) - one)
        if half and (below or kept & 1):
            kept += 1
    if kept >> 24:
        kept >>= 1
        lowest += 1
    biased = lowest + scale + 150
    if biased >= 255:
        return sign | INFINITY
    if kept >> 23 == 0:
        return sign | kept
    return sign | (biased << 23) | (kept & 0x7FFFFF)


@njit(cache=True)
def results(s: np.ndarray, ea: np.ndarray, eb: np.ndarray, bits: int, y: np.ndarray) -> int:
    """y uint32 [M,N] = s * 2**(ea + eb - 2 bits) as float32 bits; returns the number that became infinite."""
    overflows = 0
    for i in range(s.shape[0]):
        for j in range(s.shape[1]):
            if ea[i] == NONFINITE or eb[j] == NONFINITE:
                y[i, j] = NAN
                continue
            word = rounded(s[i, j], ea[i] + eb[j] - 2 * bits)
            overflows += word & 0x7FFFFFFF == INFINITY
            y[i, j] = word
    return overflows


@njit(cache=True)
def sums(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """c int64 [M,N] += a b^T with int32 a [M,K] and b [N,K]."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            for k in range(a.shape[1]):
                c[i, j] += np.int64(a[i, k]) * np.int64(b[j, k])


def to_block(x: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas int32 [R,K] and exponents int32 [R] of float32 rows."""
    words, top = as_bits(x), np.zeros(len(x), np.uint32)
    row_tops(words, top)
    q, exponents = np.empty(x.shape, np.int32), np.empty(len(x), np.int32)
    row_mantissas(words, top, bits, q, exponents)
    return q, exponents


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """C = A B, float32 [M,N] of float32 [M,K] and [K,N], to the bit as the kernels compute it."""
    return counted_product(a, b)[0]


def counted_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int, int]:
    """`product`, how many lines were not finite, and how many results of other lines are not (overflows).

    Lines are rows of A and columns of B. This is the definition, written for reading; `host_products` has the same
    bits and counts many times faster.
    """
    c = np.zeros((len(a), b.shape[1]), np.float32)
    for at in range(0, a.shape[1], PIECE):
        part, other = a[:, at : at + PIECE], np.ascontiguousarray(b[at : at + PIECE].T)
        bits = magnitude_bits(part.shape[1])
        (qa, ea), (qb, eb) = to_block(part, bits), to_block(other, bits)
        s = np.zeros(c.shape, np.int64)
        sums(qa, qb, s)
        words = np.empty(c.shape, np.uint32)
        results(s, ea, eb, bits, words)
        with np.errstate(over="ignore", invalid="ignore"):
            c = c + words.view(np.float32) if at else words.view(np.float32)
    rows, columns = ~np.isfinite(a).all(1), ~np.isfinite(b).all(0)
    overflowed = np.count_nonzero(~(np.isfinite(c) | rows[:, None] | columns))
    return _f32.canonical(c), int(rows.sum() + columns.sum()), int(overflowed)


def panels(q: np.ndarray) -> np.ndarray:
    """int32 rows [R,K] in panels of two, (row 0, row 1) at each k; a row that does not exist is zero."""
    r, k = q.shape
    full = np.zeros((r + r % 2, k), np.int32)
    full[:r] = q
    return full.reshape(-1, 2, k).transpose(0, 2, 1).reshape(-1)


def draw(rng: np.random.Generator, shape: tuple[int, int], extreme: bool) -> np.ndarray:
    """Random float32 rows; `extreme` has zeros of both signs, ties, subnormals, huge, tiny and non-finite rows."""
    x = rng.standard_normal(shape).astype(np.float32)
    if not extreme:
        return x
    spread = np.exp2(rng.integers(-40, 41, shape)).astype(np.float32)
    few = as_bits(x) & np.uint32(0xFFFF0000) | np.uint32(0x8000)  # few bits: many ties
    x = np.where(rng.random(shape) < 0.5, few.view(np.float32), x) * spread
    for r in range(len(x)):
        kind = rng.integers(0, 10)
        if kind == 0:
            x[r] = rng.integers(-(1 << int(rng.integers(0, 23))), 1 << 22, shape[1]) * 2.0**-149
        elif kind == 1:
            x[r] = rng.uniform(-(2.0**127), 2.0**127, shape[1])
        elif kind == 2:
            x[r] = 0
        elif kind == 3:
            x[r, rng.integers(shape[1])] = rng.choice(np.array([np.inf, -np.inf, np.nan], np.float32))
        elif kind == 4:
            x[r] = np.finfo(np.float32).max
        elif kind == 5:
            x[r] = x[r] * np.float32(2.0**-100)
    zeros = rng.choice(np.array([0.0, -0.0], np.float32), shape)
    return np.where(rng.random(shape) < 0.1, zeros, x)
