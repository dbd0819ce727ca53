"""Residual addition on bytes, rounded half to even: what its two kernels share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numba import njit

from spinntensor.abi.epilogue import RESIDUAL_ADD
from spinntensor.abi.memory import BELOW
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import RATIO_BITS, limits
from spinntensor.kernels.requantize_common import (
    beyond,
    clamp_of,
    clamp_words,
    counts_in,
    counts_of,
    sample_clamp,
)

WORDS = 4
PLAIN, TIES, ODD, BYTES = range(4)
TOP = (1 << RATIO_BITS + 2) - 1
ONE, HALF, FRACTION = 1 << RATIO_BITS, 1 << RATIO_BITS - 1, (1 << RATIO_BITS) - 1


def has_ties(dtype: type, ma: int, mb: int, k: int) -> bool:
    """Whether any pair of bytes makes `a * ma + b * mb + k` a multiple of 2**20: all 65,536 are looked at."""
    lowest, highest = limits(dtype)
    every = np.arange(lowest, highest + 1, dtype=np.int64)
    return bool(np.isin((every * ma + k) & FRACTION, -every * mb & FRACTION).any())


def prove(name: str, dtype: type, ma: int, mb: int, k: int) -> None:
    """RangeError unless `a * ma + b * mb + k` fits int32 for every pair of bytes."""
    ends = limits(dtype)
    sums = [a * ma + b * mb + k for a in ends for b in ends]
    worst = max(max(sums), -min(sums) - 1)
    if worst >= 1 << 31:
        raise RangeError(
            name,
            worst,
            (1 << 31) - 1,
            "the bound is over all bytes a, b of |(a - za) * ma + (b - zb) * mb + (zp - low + 1/2) * 2**20|:"
            " choose a larger scale for the output",
        )


def checked(name: str, dtype: type, operands: Operands) -> tuple:
    """a, b, za, zb, ma, mb, zp, low, high of the operands, or OperandError."""
    a = array(name, "a", operands["a"], dtype, 1)
    b = array(name, "b", operands["b"], dtype, 1, {0: a.size})
    zeros = (word(name, key, operands.get(key, 0), *limits(dtype)) for key in ("za", "zb"))
    multipliers = (word(name, key, operands[key], -TOP, TOP) for key in ("ma", "mb"))
    return a, b, *zeros, *multipliers, *clamp_of(name, operands, dtype)


def _constants(dtype: type, za: int, zb: int, ma: int, mb: int, zp: int, low: int) -> tuple[bool, int]:
    """Whether ties are possible, and k without what they need."""
    k = HALF + (zp - low) * ONE - za * ma - zb * mb
    return has_ties(dtype, ma, mb, k), k


def lower(name: str, dtype: type, operands: Operands) -> Call:
    """a and b: flat arrays of bytes; za, zb, zp: zero points; ma, mb: in units of 2**-20 (`quantize.ratio`); counts.

    RangeError when some pair of bytes could leave int32.
    """
    a, b, za, zb, ma, mb, zp, low, high = checked(name, dtype, operands)
    counts = counts_of(name, operands)
    ties, k = _constants(dtype, za, zb, ma, mb, zp, low)
    odd = int(ties and (zp - low) & 1)
    k += odd * ONE
    signed = limits(dtype)[0] < 0
    bytewise = (signed and low not in (0, -128)) or counts == BELOW
    path = BYTES if bytewise else TIES + odd if ties else PLAIN
    prove(name, dtype, ma, mb, k)
    up = 8 if signed else 9
    return Call(
        {"a": given(a), "b": given(b), "y": room(a.size, dtype)},
        {"n": a.size, "ma": ma << up, "mb": mb << up, "k": k & 0xFFFFFFFF}
        | {**clamp_words(zp, low, high, counts), "odd": odd, "path": path},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


@njit(cache=True)
def _add(
    a: np.ndarray,
    b: np.ndarray,
    za: int,
    zb: int,
    ma: int,
    mb: int,
    zp: int,
    low: int,
    high: int,
    y: np.ndarray,
) -> None:
    for i in range(a.size):
        x = (np.int64(a[i]) - za) * ma + (np.int64(b[i]) - zb) * mb
        q = x >> np.int64(RATIO_BITS)
        rest = x & np.int64(FRACTION)
        if rest > HALF or (rest == HALF and q & 1):
            q += 1
        y[i] = min(max(q + zp, low), high)


def twin(name: str, dtype: type, operands: Operands) -> np.ndarray:
    """y = clamp(zp + rhe(((a - za) * ma + (b - zb) * mb) / 2**20), low, high)."""
    a, b, za, zb, ma, mb, zp, low, high = checked(name, dtype, operands)
    y = np.empty(a.size, dtype)
    _add(a, b, za, zb, ma, mb, zp, low, high, y)
    return y


def clamped(name: str, dtype: type, operands: Operands) -> tuple[int, int]:
    """What is counted of the sums before they are clamped."""
    a, b, za, zb, ma, mb, zp, low, high = checked(name, dtype, operands)
    every = np.empty(a.size, np.int64)
    _add(a, b, za, zb, ma, mb, zp, *limits(np.int64), every)
    return 0, beyond(every, low, high, counts_of(name, operands))


def sample(dtype: type, rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    lowest, highest = limits(dtype)
    n = shape["n"]
    a, b = (
        rng.choice([lowest, highest], n).astype(dtype)
        if extreme
        else rng.integers(lowest, highest, n, dtype=dtype, endpoint=True)
        for _ in range(2)
    )
    clamp = sample_clamp(rng, dtype, shape)
    zeros = {key: int(rng.integers(lowest, highest + 1)) for key in ("za", "zb")}
    while True:
        mb = int(rng.integers(-(1 << 19), 1 << 19))
        if shape["ties"]:
            ma = int(rng.integers(1, 16)) << 15 | 1 << 19  # with b = zb, some a is in the middle of two steps
        else:
            ma = int(rng.choice([-TOP, TOP])) if extreme else int(rng.integers(-(1 << 21), 1 << 21))
        operands = {"a": a, "b": b, **zeros, "ma": ma, "mb": mb, **clamp}
        if _constants(dtype, zeros["za"], zeros["zb"], ma, mb, clamp["zp"], clamp["low"])[0] == bool(
            shape["ties"]
        ):
            return operands


def features(dtype: type, shape: Shape) -> tuple[float, ...]:
    """Call; words or none, with ties or not, their blocks of four, their issue cycles; single bytes or none, each."""
    n, ties = shape["n"], shape["ties"]
    bytewise = (limits(dtype)[0] < 0 and bool(shape["relu"])) or counts_in(shape) == BELOW
    words = 0 if bytewise else n // WORDS
    singles = n - WORDS * words
    odd = shape["odd"] and not shape["relu"]
    step = (47 if odd else 43) if ties else 35
    slow = words if ties else 0
    blocks = -(-(words - slow) // WORDS)
    return 1, bool(words), bool(slow), bool(slow and odd), blocks, step * words, slow, bool(singles), singles


def work(shape: Shape) -> Work:
    """35 cycles for four elements: 2 loads, 4 to unpack, 8 multiplications, 16 to quantise and count, 5 to store."""
    return Work(0, shape["n"], 8.75 * shape["n"])


def kernel(name: str, dtype: type) -> Kernel:
    """The kernel called `name` for bytes of `dtype`."""
    plain = {"n": 4096, "ties": 0, "odd": 0, "relu": 0, "counts": 3}
    return Kernel(
        name=name,
        args=RESIDUAL_ADD,
        dims={"n": (1, 120), "ties": (0, 1), "odd": (0, 1), "relu": (0, 1), "counts": (0, 3)},
        sample=partial(sample, dtype),
        lower=partial(lower, name, dtype),
        result=result,
        twin=partial(twin, name, dtype),
        features=partial(features, dtype),
        work=work,
        clamped=partial(clamped, name, dtype),
        bench=(plain, plain | {"n": 1003}, plain | {"ties": 1}, plain | {"ties": 1, "odd": 1}),
    )
