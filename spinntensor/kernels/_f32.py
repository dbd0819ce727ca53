"""float32 on the host as the core computes it: one NaN, special values, operands for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Buffer, given

NAN = np.uint32(0x7FC0_0000)
"""The bits of every NaN result."""

ROUND = 4
"""Elements that a hand-written loop takes in one round."""

SPECIALS = np.array(
    [0, 1, 2, 0x7FFFFF, 0x800000, 0x800001, 0xFFFFFF, 0x1000000, 0x3F000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001]
    + [0x3FC00000, 0x40200000, 0x42FF0000, 0x43000000, 0x46FFFE00, 0x47000000, 0x4B000000, 0x4EFFFFFF, 0x4F000000]
    + [0x7F000000, 0x7F7FFFFE, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF],
    np.uint32,
)  # fmt: skip
"""Bits at which something changes; with the sign bit set as well."""


def vector(kernel: str, name: str, value: Any) -> np.ndarray:
    """`value` as a float32 array of any rank; OperandError otherwise."""
    return array(kernel, name, value, np.float32, getattr(value, "ndim", 1) or 1)


def scalar(kernel: str, name: str, value: Any) -> np.float32:
    """`value` as a float32; OperandError when it is no number."""
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating | np.integer):
        raise OperandError(kernel, name, f"{value!r}", "a number", f"pass {name} as a float")
    with np.errstate(all="ignore"):
        return np.float32(value)


def bits(x: np.ndarray | np.float32) -> np.ndarray:
    """The bits of float32 values."""
    return np.atleast_1d(np.asarray(x, np.float32)).view(np.uint32)


def word_of(x: np.float32) -> int:
    """A float32's bits as one word."""
    return int(bits(x)[0])


def canonical(x: np.ndarray) -> np.ndarray:
    """`x` with every NaN's bits replaced by those of NAN."""
    y = np.array(x, np.float32)
    y.view(np.uint32)[np.isnan(y)] = NAN
    return y


def events(y: np.ndarray, *operands: np.ndarray) -> tuple[int, int]:
    """What a kernel counts in its results `y`: infinities of finite operands, NaN of operands that are none."""
    finite, number = np.isfinite(operands[0]), ~np.isnan(operands[0])
    for operand in operands[1:]:
        finite, number = finite & np.isfinite(operand), number & ~np.isnan(operand)
    return int(np.count_nonzero(np.isinf(y) & finite)), int(np.count_nonzero(np.isnan(y) & number))


def numbers(rng: np.random.Generator, shape: Any, extreme: bool) -> np.ndarray:
    """Normal numbers of similar size or, when extreme, special values and random bits among them."""
    ordinary = (rng.standard_normal(shape) + np.copysign(0.001, rng.standard_normal(shape))).astype(
        np.float32
    )
    if not extreme:
        return ordinary
    kind = rng.integers(0, 4, shape)
    special = rng.choice(SPECIALS, size=shape) | rng.integers(0, 2, shape, dtype=np.uint32) << np.uint32(31)
    random = rng.integers(0, 1 << 32, shape, dtype=np.uint32)
    drawn = np.where(kind == 0, random, np.where(kind == 1, bits(ordinary).reshape(shape), special))
    return drawn.astype(np.uint32).view(np.float32)


def words_in(x: np.ndarray, role: str = "in") -> Buffer:
    """A buffer of the bits of float32 values."""
    return given(bits(x).reshape(x.shape), role)


def rounds_of(count: int) -> int:
    """Rounds of an unrolled loop over `count` elements."""
    return -(-count // ROUND)
