"""Exact integers: results that their type cannot hold are refused (RangeError), nothing wraps."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod

import numpy as np

from spinntensor.errors import RangeError

Accumulate = Callable[[np.ndarray], np.ndarray]
"""Sums of some kind of int64 numbers, modulo 2**64."""

_HALF = 32
_MANY = 4096
"""Elements from which on looking at the largest magnitudes is the faster proof."""


def left(op: str, value: int, dtype: np.dtype) -> RangeError:
    """The refusal of a result that its type cannot hold."""
    limits = np.iinfo(dtype)
    limit = int(limits.max if value > 0 else limits.min)
    wider = "int64, or to float32" if dtype == np.int32 else "float32"
    return RangeError(op, value, limit, f"the exact result is no {dtype}: convert the operands to {wider}")


def largest(x: np.ndarray) -> int:
    """The largest magnitude; 0 when there is no element."""
    return max(int(x.max()), -int(x.min())) if x.size else 0


def narrowed(op: str, wide: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """int64 numbers in a smaller type that must hold them all."""
    wide, limits = np.asarray(wide), np.iinfo(dtype)
    if wide.size:
        for end in (int(wide.min()), int(wide.max())):
            if not limits.min <= end <= limits.max:
                raise left(op, end, dtype)
    return wide.astype(dtype)


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b: it left its type where its sign is that of neither operand."""
    y = np.asarray(np.add(a, b))
    if not _small(a, b):
        wrong = np.bitwise_and(np.bitwise_xor(a, y), np.bitwise_xor(b, y)) < 0
        _refuse("add", operator.add, wrong, a, b)
    return y


def subtract(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b: it left its type where the operands' signs differ and its own is not that of a."""
    y = np.asarray(np.subtract(a, b))
    if not _small(a, b):
        wrong = np.bitwise_and(np.bitwise_xor(a, b), np.bitwise_xor(a, y)) < 0
        _refuse("subtract", operator.sub, wrong, a, b)
    return y


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a * b: it left its type where the product in int64, or the quotient of the product by a, is another number."""
    y = np.asarray(np.multiply(a, b))
    if _small(a, b, product=True):
        return y
    if a.dtype != np.int64:
        wrong = np.not_equal(y, np.multiply(a, b, dtype=np.int64))
    else:
        divisor = np.where((a == 0) | (a == -1), 1, a)  # by 0 nothing is lost; -1 is looked at on its own
        wrong = np.where(a == -1, b == np.iinfo(np.int64).min, (a != 0) & (np.floor_divide(y, divisor) != b))
    _refuse("multiply", operator.mul, wrong, a, b)
    return y


def _small(a: np.ndarray, b: np.ndarray, product: bool = False) -> bool:
    """Whether the largest magnitudes tell that no sum, or product, leaves the type; not asked of a few numbers."""
    if a.size < _MANY:
        return False
    x, z = largest(a), largest(b)
    return (x * z if product else x + z) <= np.iinfo(a.dtype).max


def _refuse(
    op: str, exact: Callable[[int, int], int], wrong: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    """RangeError with the first result that is wrong."""
    if np.count_nonzero(wrong):
        x, z = _first(wrong, a, b)
        raise left(op, exact(x, z), a.dtype)


def negative(x: np.ndarray) -> np.ndarray:
    """-x; the lowest number has no negative."""
    _no_lowest("negative", x)
    return np.asarray(np.negative(x))


def absolute(x: np.ndarray) -> np.ndarray:
    """The magnitude; the lowest number's is not of its type."""
    _no_lowest("absolute", x)
    return np.asarray(np.absolute(x))


def accumulated(op: str, x: np.ndarray, count: int, sums: Accumulate, dtype: np.dtype) -> np.ndarray:
    """`sums(x)` in `dtype` (int32 or int64), where every result is a sum of at most `count` elements of `x`.

    int64 sums that might wrap are taken of the upper and lower halves of the numbers: x = h 2**32 + l, and the sums H,
    L of both cannot wrap (count < 2**31). H 2**32 + L is of the type when H + floor(L / 2**32) fits 32 bits.
    """
    limits = np.iinfo(np.int64)
    if x.dtype.itemsize < 8 or count * largest(x) <= limits.max:
        y = np.asarray(sums(x if x.dtype == np.int64 else x.astype(np.int64)))
        return y if dtype == np.int64 else narrowed(op, y, dtype)
    low = np.asarray(sums(x & ((1 << _HALF) - 1)))
    high = np.asarray(sums(x >> _HALF)) + (low >> _HALF)
    wrong = (high < -1 << 31) | (high >= 1 << 31)
    if np.count_nonzero(wrong):
        upper, lower = _first(wrong, high, low)
        raise left(op, (upper << _HALF) + (lower & ((1 << _HALF) - 1)), np.dtype(np.int64))
    y = np.asarray((high << _HALF) | (low & ((1 << _HALF) - 1)))
    return y if dtype == np.int64 else narrowed(op, y, dtype)


def products(op: str, rows: np.ndarray) -> np.ndarray:
    """The product of each row of at least one number.

    Modulo 2**64 in integers, and about its size in float64: below 2**62 the first is exact. Numbers other than 0 never
    shrink a product, so that rounding errors of the second stay small until it is far out of range; a 0 makes it 0,
    or NaN behind an infinity, and the first exact.
    """
    y = np.multiply.reduce(rows, axis=1, dtype=np.int64)
    with np.errstate(all="ignore"):
        near = np.multiply.reduce(rows, axis=1, dtype=np.float64)
    for i in np.flatnonzero(np.abs(near) >= 2.0**62):
        exact = prod(map(int, rows[i])) if abs(near[i]) < 2.0**65 else int(np.copysign(2.0**65, near[i]))
        if not -1 << 63 <= exact < 1 << 63:
            raise left(op, exact, rows.dtype)
        y[i] = exact
    return narrowed(op, y, rows.dtype)


def _no_lowest(op: str, x: np.ndarray) -> None:
    if x.size and x.min() == np.iinfo(x.dtype).min:
        raise left(op, -int(np.iinfo(x.dtype).min), x.dtype)


def _first(wrong: np.ndarray, *operands: np.ndarray) -> tuple[int, ...]:
    """The operands of the first result that is out of range."""
    at = np.unravel_index(int(np.argmax(wrong)), np.shape(wrong))
    return tuple(int(x[at]) for x in operands)
