"""Integer requantisation on the host: scales to multipliers, exact rounding, the constants that kernels fold.

The operation is QuantizeLinear of ONNX (operator set 13) on an integer sum,

    y = clamp(zp + rhe((acc + bias) * scale)),    scale = m * 2**(p - 32),    1 <= m < 2**31,    p >= 0,

with rhe = round half to even. Everything behind the choice of m is exact. Nothing here runs on a core; the
kernels' twins and packings call it.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
from numba import njit

from spinntensor.errors import OperandError

HALF = 1 << 31
MAX_SHIFT = 30
RATIO_BITS = 20


def multiplier(scale: float | Fraction) -> tuple[int, int]:
    """The nearest `(m, p)` with `scale ~ m * 2**(p - 32)`: `|m * 2**(p - 32) - scale| <= 2**(p - 33)`.

    p is 0 for every scale below 1/2 and otherwise the smallest shift that keeps m below 2**31, so that m then
    has 31 bits. A scale below 2**-33 gives m = 1. With `|acc + bias| < 2**b` the choice of m moves the
    unrounded result by less than `2**(b + p - 33)`. OperandError unless 0 < scale < 2**29.
    """
    if not 0 < scale < inf or scale >= 1 << MAX_SHIFT - 1:
        raise OperandError(
            "quantize",
            "scale",
            f"{scale}",
            "0 < scale < 2**29",
            "choose the output's scale nearer to the input's",
        )
    exact = Fraction(scale)
    for p in range(MAX_SHIFT + 1):
        m = round(exact * (1 << 32 - p))
        if m < HALF:
            break
    return max(m, 1), p


def multipliers(scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`multiplier` of every scale: m and p, both int32 of the same shape as `scales`."""
    pairs = np.array([multiplier(float(s)) for s in np.ravel(scales)], np.int32).reshape(-1, 2)
    return pairs[:, 0].reshape(np.shape(scales)), pairs[:, 1].reshape(np.shape(scales))


def wide_multiplier(scale: float | Fraction) -> tuple[int, int]:
    """The nearest `(m, s)` with `scale ~ m * 2**-(32 + s)`, 0 <= s <= 31, for sums of 64 bits.

    m has 31 bits from 2**-33 to 1/2; below, s stays 31 and the error is at most 2**-64. OperandError unless
    0 < scale < 1/2.
    """
    if not 0 < scale < 0.5:
        raise OperandError(
            "quantize", "scale", f"{scale}", "0 < scale < 1/2", "requantise 32-bit sums instead"
        )
    exact = Fraction(scale)
    for s in range(31, -1, -1):
        m = round(exact * (1 << 32 + s))
        if m < HALF:
            return max(m, 1), s
    return HALF - 1, 0


def ratio(value: float | Fraction) -> int:
    """The nearest integer r with `value ~ r * 2**-20`, for residual addition; the error is at most 2**-21.

    OperandError unless |value| < 4.
    """
    r = round(Fraction(value) * (1 << RATIO_BITS)) if -4 < value < 4 else 4 << RATIO_BITS
    if abs(r) >= 4 << RATIO_BITS:
        raise OperandError(
            "quantize", "ratio", f"{value}", "|ratio| < 4", "choose the output's scale nearer to the input's"
        )
    return r


def round_half_even_shift(x, shift: int):
    """`rhe(x / 2**shift)` of an int, or element by element of an integer array, exactly; shift >= 0."""
    if shift == 0:
        return x
    rest = x & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    q = x >> shift
    return q + ((rest > half) | ((rest == half) & (q & 1 == 1)))


@njit(cache=True)
def requantized(acc: int, bias: int, m: int, p: int, zp: int, low: int, high: int) -> int:
    """One element for twins in numba: `clamp(zp + rhe((acc + bias) * 2**p * m / 2**32), low, high)`.

    Exact while `|acc + bias| * 2**p <= 2**32`.
    """
    product = ((np.int64(acc) + np.int64(bias)) << np.int64(p)) * np.int64(m)
    q = product >> np.int64(32)
    rest = product & np.int64(0xFFFFFFFF)
    if rest > np.int64(0x80000000) or (rest == np.int64(0x80000000) and q & 1):
        q += 1
    return min(max(q + np.int64(zp), np.int64(low)), np.int64(high))  # type: ignore[return-value]  # an int to numba


@njit(cache=True)
def requantize_rows(
    c: np.ndarray, bias: np.ndarray, m: np.ndarray, p: np.ndarray, zp: int, low: int, high: int, y: np.ndarray
) -> None:
    """`y[i, j] = requantized(c[i, j], bias[i], m[i], p[i], ...)`; y has the output's type and c's shape."""
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            y[i, j] = requantized(c[i, j], bias[i], m[i], p[i], zp, low, high)


def folded(bias: int, m: int, p: int, base: int) -> tuple[int, int]:
    """The words (K1, K2) of `bias * m * 2**p + 2**31 + base * 2**32`: all that is added to a product.

    The core forms `(acc << p) * m` in 64 bits, adds K1 with `adds`, K2 with `adc`: the upper word is
    `base + round_half_up(...)`, and the lower one is 0 exactly on a tie. Then `biceq #1` rounds to even, if
    base is even.
    """
    k = (int(bias) * int(m) << int(p)) + HALF + (int(base) << 32)
    return k & 0xFFFFFFFF, (k >> 32) & 0xFFFFFFFF


def has_ties(m: int, p: int, bound: int) -> bool:
    """Whether some integer x with `|x| <= bound` makes `x * m * 2**p / 2**32` end in exactly one half.

    That needs 2**(31 - p - v) to divide x, where 2**v is the largest power of two that divides m. For an odd
    m and p = 0 no x below 2**31 does, and a kernel may leave the test for ties out without changing a bit.
    """
    twos = int(m) & -int(m)
    needed = HALF >> p
    return needed % twos == 0 and needed // twos <= bound


def limits(dtype: np.dtype | type) -> tuple[int, int]:
    """The range of an integer type."""
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)
