"""exp, log, tanh and sigmoid of float32 in integer arithmetic: the definition, on 32-bit patterns.

Every function takes and returns a pattern (int64 in [0, 2**32)); results are half-up roundings of a fixed-point value
that is within 2**-28 of the true one, relatively. NaN is 0x7fc00000 always. Method: reduction by a table as in
P. T. P. Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic", ACM TOMS
15 (1989), and of the logarithm, ACM TOMS 16 (1990); here in fixed point, for a core that multiplies 32 by 32 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Word = Any
"""An int on the host, int64 in compiled code."""

NAN, INF, SIGN, ONE = 0x7FC00000, 0x7F800000, 0x80000000, 0x3F800000
MASK = 0xFFFFFFFF
EXP_FAST = 0x42AE0000
"""87.0: up to this magnitude exp(x) is a normal number."""
EXP_END = 0x42D00000
"""104.0: from here on exp(x) is 0 or infinite."""
TANH_SMALL, TANH_ONE = 0x39800000, 0x41180000
"""2**-12, below which tanh(x) is x, and 9.5, from which on it is 1."""
LOG2E, STEP_HIGH, STEP_LOW = 3098164009, 46516320, -8377
"""log2(e) in Q31; ln(2)/64 in Q32 and what it lacks in Q48."""
LN2 = 0xB17217F8
SIXTH = 10923


@njit(cache=True)
def _high(a: Word, b: Word) -> Word:
    """Upper word of the product of two unsigned words."""
    return np.int64((np.uint64(a) * np.uint64(b)) >> np.uint64(32))


@njit(cache=True)
def _right(a: Word, s: Word) -> Word:
    """A word shifted right by s >= 0 bits; 0 from 32 on."""
    return np.int64(a) >> s if s < 32 else np.int64(0)


@njit(cache=True)
def _signed(a: Word) -> Word:
    """The signed number of a word."""
    return (np.int64(a & MASK) ^ np.int64(SIGN)) - np.int64(SIGN)


@njit(cache=True)
def exp_parts(a: Word, flip: Word, table: np.ndarray) -> tuple[Word, Word]:
    """(y, n) with exp(±|x|) = y 2**(n-30), y about [2**30, 2**31]; `a` the pattern of |x|, < 128; flip -1 for minus."""
    e, m = a >> 23, (a << 8 | SIGN) & MASK
    k = _right(_high(m, LOG2E), 151 - e) ^ flip
    fixed = (np.int64(m) << (e - 126) if e >= 126 else _right(m, 126 - e)) ^ flip
    r = _signed(fixed - k * STEP_HIGH + ((-STEP_LOW * k) >> 16))
    q = np.int64(SIGN) + ((r * SIXTH) >> 16)
    p = r + _high((r * r) >> 32, q)
    t = np.int64(table[k & 63])
    return t + ((t * p) >> 32), k >> 6


@njit(cache=True)
def exp_bits(x: Word, table: np.ndarray) -> Word:
    """exp: 0 for -inf and below -104, inf from 88.73 on; subnormal results are rounded once."""
    a = x & 0x7FFFFFFF
    if a > INF:
        return NAN
    if a >= EXP_END:
        return 0 if x & SIGN else INF
    y, n = exp_parts(a, -(x >> 31), table)
    if n > 127:
        return INF
    if n < -126:
        return ((y >> (-120 - n)) + 1) >> 1
    return ((n + 126) << 23) + (y >> 7) + ((y >> 6) & 1)


@njit(cache=True)
def log_bits(x: Word, table: np.ndarray) -> Word:
    """log: -inf for both zeros, NaN below zero, log(1) = +0."""
    if x == 0 or x == SIGN:
        return INF | SIGN
    if x > INF:
        return NAN
    if x in (INF, ONE):
        return INF if x == INF else 0
    e = 0
    while x < 1 << 23:
        x, e = x << 1, e - 1
    e += x >> 23
    i = 4 * ((x >> 16) & 127)
    z = _signed(((x & 0x7FFFFF) | 0x800000) * np.int64(table[i]))
    q = 0x40000000 - ((z * (SIXTH - (z >> 19))) >> 16)
    p = (z << 31) - z * ((z * q) >> 32)
    offset = (np.int64(table[i + 2]) << 32) | np.int64(table[i + 1])
    v = offset + ((np.int64(e) * LN2) << 24) + (p >> 7)
    sign = SIGN if v < 0 else 0
    w = ~v if v < 0 else v
    s = 0
    while (w >> (62 - s)) == 0:
        s += 1
    y = (w >> (31 - s)) if s < 31 else (w << (s - 31))
    return sign + ((133 - 1 - s) << 23) + (y >> 8) + ((y >> 7) & 1)


@njit(cache=True)
def tanh_bits(x: Word, table: np.ndarray) -> Word:
    """tanh: x itself below 2**-12 in magnitude (so signed zeros), 1 from 9.011 on."""
    a, sign = x & 0x7FFFFFFF, x & SIGN
    if a > INF:
        return NAN
    if a < TANH_SMALL:
        return x
    if a >= TANH_ONE:
        return sign | ONE
    i = 4 * ((a - TANH_SMALL) >> 19)
    d = np.int64(0x7FFFFFFF - ((a & 0x7FFFF) << 12))
    c3 = _signed(table[i + 3])
    q = c3 + ((d * (((c3 & 0xFFFF) ^ 0x8000) - 0x8000)) >> 16)
    q = _signed(table[i + 2]) + (((d * q) >> 32) >> 3)
    q = _signed(table[i + 1]) + (((d * q) >> 32) >> 4)
    v = np.int64(table[i]) + (((d * q) >> 32) >> 3)
    e = min(a >> 23, 126)
    if v < 1 << 30:
        v, e = v << 1, e - 1
    return sign + ((e - 1) << 23) + (v >> 7) + ((v >> 6) & 1)


@njit(cache=True)
def sigmoid_bits(x: Word, table: np.ndarray) -> Word:
    """1 / (1 + exp(-x)): 1 from 17.33 on, exp(x) itself where its square is lost; sigmoid(±0) = 1/2."""
    a = x & 0x7FFFFFFF
    if a > INF:
        return NAN
    if a > EXP_FAST:
        return exp_bits(x, table) if x & SIGN else ONE
    y, n = exp_parts(a, -1, table)
    d = (np.int64(1) << 31) + _right(y, -1 - n)
    g = np.int64(table[64 + ((d >> 24) & 127)])
    h = _high(d, g)
    u = (np.int64(1) << 31) - h
    s = (np.int64(1) << 32) - h
    s += _high(s, (4 * u * u) >> 32)
    if not x & SIGN:
        y, n = np.int64(1) << 30, np.int64(0)
    reciprocal = _high(g, s)
    v = (np.int64(1) << 31) - reciprocal if n == -1 else _high(y << 1, reciprocal)
    if v < 1 << 30:
        v, n = v << 1, n - 1
    return ((n + 126) << 23) + (v >> 7) + ((v >> 6) & 1)
