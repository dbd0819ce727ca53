"""Exact means of bytes by one multiplication: the constants that the average-pooling kernels divide by, and twins.

The core counts every byte from 0 (signed bytes plus 128), forms `sum * m + K` in 64 bits and takes the upper word;
when the lower word is below a limit the sum was a tie and the upper word goes to the even number below.
"""

from __future__ import annotations

from numba import njit

from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels.quantize import folded, requantized

MOST = 2049
"""Values in a mean: (2 sum + n) 2n < 2**32 makes the multiplication exact."""


def mean_divisor(kernel: str, n: int) -> tuple[int, int, int, int]:
    """(m, K low, K high, limit) that make `rhe(sum / n)` of n bytes; RangeError when n is too large for it.

    With M = ceil(2**32 / 2n): (2 sum + n) M has the quotient by 2n in its upper word while (2 sum + n) 2n < 2**32,
    and a lower word below M exactly when nothing remains (Granlund and Montgomery, "Division by invariant integers
    using multiplication", PLDI 1994). The quotient is rounded half up, and a tie is a quotient without rest.
    """
    if n > MOST:
        mend = f"a mean of {n} values needs a multiplier: give it, near 2**32 / n"
        raise RangeError(kernel, 511 * n * 2 * n, (1 << 32) - 1, mend)
    if n == 1:
        return (1 << 32) - 1, 1 << 31, 0, 0
    m = -(-(1 << 32) // (2 * n))
    addend = n * m
    return 2 * m, addend & 0xFFFFFFFF, addend >> 32, m


def scale_divisor(n: int, m: int, zero_in: int, zero_out: int) -> tuple[tuple[int, int, int, int], int]:
    """The divisor that makes `zero_out + rhe((sum - n zero_in) m / 2**32)`, and 1 when zero_out is odd."""
    odd = zero_out & 1
    return (m, *folded(-n * zero_in, m, 0, zero_out + odd), 1), odd


def check_scaled(kernel: str, n: int, m: int) -> None:
    """RangeError unless `n * 255 * m` proves that the quotient and the zero point fit a word."""
    bound = n * 255 * m >> 32
    if n * 255 >= 1 << 31 or bound >= 1 << 30:
        raise RangeError(kernel, max(bound, n * 255), (1 << 30) - 1, "shrink the window or the multiplier")


def border_multiplier(kernel: str) -> OperandError:
    """The error for a call that asks for a multiplier where windows differ in their count."""
    expected = "None where border pixels are left out of the mean"
    return OperandError(kernel, "multiplier", "a multiplier", expected, "requantise in a step of its own")


@njit(cache=True)
def rounded(total: int, count: int, m: int, zero_in: int, zero_out: int, low: int, high: int) -> int:
    """`rhe(total / count)` when m is 0, else `clamp(zero_out + rhe((total - count zero_in) m / 2**32))`."""
    if m != 0:
        return requantized(total - count * zero_in, 0, m, 0, zero_out, low, high)
    q, r = total // count, total % count
    if 2 * r > count or (2 * r == count and q & 1):
        q += 1
    return q
