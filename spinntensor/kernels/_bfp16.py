"""What the bfp16 kernels share: flat arrays in pairs, rounding and clamping in twins, cycle counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Operands, Shape

LOW, HIGH = -32768, 32767
UNROLL = 4


def flat(name: str, key: str, value: Any, dtype: Any, size: int | None = None) -> np.ndarray:
    """`value` as a flat array, or OperandError."""
    return array(name, key, value, dtype, 1, None if size is None else {0: size})


def in_pairs(x: np.ndarray) -> np.ndarray:
    """`x` with a zero behind an odd last element."""
    return np.append(x, np.zeros(x.size & 1, x.dtype))


def pairs_in(n: int) -> int:
    return (n + 1) // 2


@njit(cache=True)
def rounded(v: Any, shift: Any) -> Any:
    """rhe(v / 2**shift)."""
    v, s = np.int64(v), np.int64(shift)
    q = v >> s
    rest, half = v - (q << s), (np.int64(1) << s) >> 1
    return q + (1 if rest > half or (half != 0 and rest == half and q & 1) else 0)


@njit(cache=True)
def clamp_all(v: np.ndarray, y: np.ndarray) -> int:
    """y = v clamped to int16; returns how many elements that changed."""
    count = 0
    for i in range(v.size):
        y[i] = min(max(v[i], LOW), HIGH)
        count += y[i] != v[i]
    return count


def clamped(v: np.ndarray, *counts: int) -> np.ndarray:
    """int32: v (int64, flat) clamped to int16, then the number of clamped elements, then `counts`."""
    y = np.empty(v.size, np.int32)
    saturated = clamp_all(v, y)
    return np.append(y, [saturated, *counts]).astype(np.int32)


def counted(y: str, counts: str, operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """int32: the mantissas of the operand `x` of the call, then its counts."""
    data = outputs[y].reshape(-1)[: operands["x"].size]
    return np.append(data.astype(np.int32), outputs[counts].astype(np.int32))


def mantissas(rng: np.random.Generator, size: Any, extreme: bool) -> np.ndarray:
    """Random int16, or the ends of the range and ties."""
    if extreme:
        return rng.choice(np.array([LOW, LOW + 1, -3, -1, 0, 1, 2, 3, HIGH - 1, HIGH], np.int16), size)
    return rng.integers(LOW, HIGH + 1, size, dtype=np.int16)


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds of four pairs, pairs."""
    pairs = pairs_in(shape["n"])
    return 1, -(-pairs // UNROLL), pairs
