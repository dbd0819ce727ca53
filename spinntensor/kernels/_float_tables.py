"""Tables of the float32 functions: 32-bit words, computed from decimal arithmetic, so equal on every platform."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache

import numpy as np

EXP_STEPS = 64
"""Intervals of exp between two powers of two."""
LOG_STEPS = 128
"""Intervals of log between two powers of two."""
TANH_STEPS = 16
"""Intervals of tanh in an octave; octaves from 2**-12 on, up to 9.5 (the function is 1 from 9.011 on)."""
TANH_INTERVALS = 15 * TANH_STEPS + 3
LN2_Q32 = 0xB17217F8
"""round(2**32 ln 2), to 2**-34 of its value."""

_DIGITS = 60


def _integer(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def _words(values: list[int]) -> np.ndarray:
    table = np.array([v & 0xFFFFFFFF for v in values], np.uint32)
    table.flags.writeable = False
    return table


@cache
def exp_table() -> np.ndarray:
    """`round(2**30 2**(j/64))`, j = 0..63."""
    with localcontext() as context:
        context.prec = _DIGITS
        return _words(
            [_integer((1 << 30) * Decimal(2) ** (Decimal(j) / EXP_STEPS)) for j in range(EXP_STEPS)]
        )


@cache
def log_table() -> np.ndarray:
    """Per interval i of [1, 2): c = 1/centre in 1/512, and 2**56 (-ln c - 127 ln 2) modulo 2**64, low word first.

    c is 1 in the first interval and 1/2 in the last one: there the logarithm is that of z = m c - 1 alone, and small
    results keep their digits. Behind the intervals: 2**56 * 24 ln 2, by which subnormal operands are corrected. Four
    words an interval; the fourth is 0.
    """
    words: list[int] = []
    with localcontext() as context:
        context.prec = _DIGITS
        for i in range(LOG_STEPS):
            centre = 1 + (Decimal(i) + Decimal("0.5")) / LOG_STEPS
            c = {0: 512, LOG_STEPS - 1: 256}.get(i, _integer(512 / centre))
            half = 1 if c * c * 2 < 512 * 512 else 0
            rest = _integer(-((Decimal(c << half) / 512).ln()) * (1 << 56))
            offset = rest + ((half - 127) * LN2_Q32 << 24)
            words += [c, offset, offset >> 32, 0]
    correction = 24 * LN2_Q32 << 24
    return _words([*words, correction, correction >> 32])


def _tanh(a: Decimal) -> Decimal:
    v = (-2 * a).exp()
    return (1 - v) / (1 + v)


def _fit(f: Callable[[Decimal], Decimal], degree: int) -> list[Decimal]:
    """Coefficients of the polynomial in d = 0..1 through f at the Chebyshev nodes."""
    nodes = {
        4: ("0.02447174185242318", "0.20610737385376343", "0.5", "0.79389262614623657", "0.97552825814757682")
    }[degree]
    ds = [Decimal(d) for d in nodes]
    rest = [f(d) for d in ds]
    for level in range(1, degree + 1):  # divided differences
        for i in range(degree, level - 1, -1):
            rest[i] = (rest[i] - rest[i - 1]) / (ds[i] - ds[i - level])
    poly = [rest[degree]]
    for i in range(degree - 1, -1, -1):  # poly = poly * (d - ds[i]) + rest[i]
        poly = [Decimal(0), *poly]
        for k in range(len(poly) - 1):
            poly[k] -= ds[i] * poly[k + 1]
        poly[0] += rest[i]
    return poly


@cache
def tanh_table() -> np.ndarray:
    """Per interval: the quartic through tanh at five Chebyshev nodes, in d = 1..0 from left to right.

    From the right end the coefficients of the flat part have one sign, so that rounding down keeps it monotone.

    Values are tanh(a) / 2**(e+1) for a in [2**e, 2**(e+1)), e < 0, and tanh(a) for e >= 0. Words: c0 in Q31, c1 in Q35,
    c2 in Q40, and one word that is c3 in Q44 when read as a whole while its low half, signed, is c4 in Q29.
    """
    words: list[int] = []
    with localcontext() as context:
        context.prec = _DIGITS
        for interval in range(TANH_INTERVALS):
            octave, step = divmod(interval, TANH_STEPS)
            e = octave - 12
            width = Decimal(2) ** e / TANH_STEPS
            high = width * (TANH_STEPS + step + 1)
            scale = Decimal(2) ** -min(e + 1, 0)
            c = _fit(lambda d, high=high, width=width, scale=scale: _tanh(high - width * d) * scale, 4)  # type: ignore[misc]
            c4 = _integer(c[4] * (1 << 29))
            c3 = _integer((c[3] * (1 << 44) - c4) / (1 << 16)) * (1 << 16) + c4
            words += [_integer(c[0] * (1 << 31)), _integer(c[1] * (1 << 35)), _integer(c[2] * (1 << 40)), c3]
    return _words(words)


@cache
def sigmoid_table() -> np.ndarray:
    """The table of exp, then `floor(2**32 / (1 + (i + 1/2)/128))`, i = 0..127: first guesses of a reciprocal."""
    with localcontext() as context:
        context.prec = _DIGITS
        guesses = [
            int(((1 << 40) / (256 + 2 * Decimal(i) + 1)).to_integral_value(ROUND_FLOOR)) for i in range(128)
        ]
    return np.concatenate([exp_table(), _words(guesses)])


@cache
def constants() -> dict[str, int]:
    """Words that the kernels hold in registers, for the test that they are what they should be."""
    with localcontext() as context:
        context.prec = _DIGITS
        ln2 = Decimal(2).ln()
        step = ln2 / EXP_STEPS * (1 << 32)
        return {
            "LOG2E": _integer((1 << 31) / ln2),
            "STEP_HIGH": _integer(step),
            "STEP_LOW": _integer((step - _integer(step)) * (1 << 16)),
            "LN2": _integer(ln2 * (1 << 32)),
        }
