"""Quantise and dequantise on the host: rounded once, exactly, with what was lost counted.

q = clamp(zero_point + round(x / scale)), where the quotient is the exact rational number: half to even, or
stochastic. The way back, float32((q - zero_point) * scale), rounds the exact product once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from spinntensor.errors import OperandError
from spinntensor.formats.description import Float32, Grid, Int32, Quantized, limits, spread, storage
from spinntensor.formats.philox import Stochastic, random_words
from spinntensor.kernels._f32 import canonical
from spinntensor.kernels.check import array


@dataclass(frozen=True)
class Loss:
    """What a conversion changed beyond rounding.

    saturated : elements that were clamped.    lost : elements other than 0 that became 0 (range loss).
    """

    saturated: int
    lost: int


def checked(name: str, x: Any) -> np.ndarray:
    """`x` as a non-empty float32 array of finite numbers, any number of axes; OperandError."""
    ndim = getattr(x, "ndim", 1)
    out = array(name, "x", x, np.float32, ndim).reshape(np.shape(x))
    finite = np.isfinite(out)
    if not finite.all():
        bad = np.flatnonzero(~finite.reshape(-1))
        kind = out.reshape(-1)[bad[0]]
        raise OperandError(
            name,
            "x",
            f"{bad.size} non-finite elements, the first {kind} at flat index {bad[0]}",
            "finite numbers",
            "keep this tensor in Float32, or mask those elements",
        )
    return out


@njit(cache=True)
def _residue(x: float, q: float, s: float) -> float:
    """x - q * s, exactly, for q = x / s rounded (Dekker's product: no fused multiply-add is needed)."""
    split = 134217729.0
    p = q * s
    a = split * q
    qh = a - (a - q)
    b = split * s
    sh = b - (b - s)
    ql, sl = q - qh, s - sh
    return (x - p) - (((qh * sh - p) + qh * sl + ql * sh) + ql * sl)


@njit(cache=True)
def _quantize(
    x: np.ndarray,
    scale: np.ndarray,
    zero: np.ndarray,
    words: np.ndarray,
    ends: tuple[int, int],
    data: np.ndarray,
) -> tuple[int, int]:
    """x, data as [outer, channels, inner]; returns the counts of clamped and of lost elements."""
    low, high = ends
    saturated = lost = i = 0
    unit = 4294967296.0
    for o in range(x.shape[0]):
        for c in range(x.shape[1]):
            s, z = scale[c], np.int64(zero[c])
            for j in range(x.shape[2]):
                value = np.float64(x[o, c, j])
                # far outside the range nothing depends on the quotient any more, and int64 must hold it
                v = min(max(value / s, -17179869184.0), 17179869184.0)
                near = abs(v) < 17179869184.0
                if words.size:
                    t = min(max(v, -1048576.0), 1048576.0) * unit
                    f = np.floor(t)
                    if f == t and near and _residue(value, v, s) < 0.0:
                        f -= 1.0
                    q = (np.int64(f) + np.int64(words[i])) >> np.int64(32)
                else:
                    r = np.rint(v)
                    if near and abs(v - np.trunc(v)) == 0.5:
                        rest = _residue(value, v, s)
                        if rest > 0.0:
                            r = np.ceil(v)
                        elif rest < 0.0:
                            r = np.floor(v)
                    q = np.int64(r)
                y = q + z
                if y < low:
                    y = np.int64(low)
                    saturated += 1
                elif y > high:
                    y = np.int64(high)
                    saturated += 1
                elif q == 0 and value != 0.0:
                    lost += 1
                data[o, c, j] = y
                i += 1
    return saturated, lost


@njit(cache=True)
def _dequantize(data: np.ndarray, scale: np.ndarray, zero: np.ndarray, y: np.ndarray) -> None:
    for o in range(data.shape[0]):
        for c in range(data.shape[1]):
            for j in range(data.shape[2]):
                q = np.float64(np.int64(data[o, c, j]) - np.int64(zero[c]))
                p = q * scale[c]
                rest = -_residue(p, q, scale[c])
                if rest != 0.0:  # round to odd, so that the rounding to float32 is the only one
                    y[o, c, j] = _odd(p, rest)
                else:
                    y[o, c, j] = p


@njit(cache=True)
def _odd(p: float, rest: float) -> float:
    """The float64 next to the exact p + rest whose last bit is set."""
    fraction, e = math.frexp(p)  # |fraction| * 2**53 is an integer
    m = np.int64(math.ldexp(fraction, 53))
    if m % 2 == 0:
        # below a power of two the neighbour is half a unit away
        if abs(m) == np.int64(4503599627370496) and (rest < 0.0) == (p > 0.0):
            return math.ldexp(np.float64(2 * m + (1 if rest > 0.0 else -1)), e - 54)
        m += 1 if rest > 0.0 else -1
    return math.ldexp(np.float64(m), e - 53)


def by_channel(x: np.ndarray, axis: int | None) -> tuple[int, int, int]:
    """The shape [outer, channels, inner] of `x` with its axis of channels in the middle."""
    if axis is None:
        return 1, 1, x.size
    outer = int(np.prod(x.shape[:axis], dtype=np.int64))
    return outer, x.shape[axis], x.size // (outer * x.shape[axis])


def quantize(
    x: np.ndarray, grid: Grid, rounding: Stochastic | np.ndarray | None = None
) -> tuple[Quantized, Loss]:
    """`x` float32 on `grid`, and what that lost.

    Parameters
    ----------
    x : float32, any shape, finite unless the format is Float32.
    rounding : None for half to even, or `Stochastic`: q = floor((floor(x / scale * 2**32) + word) / 2**32);
        or the words themselves, uint32, one for each element: for a part of a tensor.

    OperandError for an empty or non-finite `x`, an axis that does not fit, stochastic rounding to Int32.
    """
    if isinstance(grid.format, Float32):
        flat = array("quantize", "x", x, np.float32, getattr(x, "ndim", 1)).reshape(np.shape(x))
        return Quantized(grid, canonical(flat)), Loss(0, 0)
    x = checked("quantize", x)
    axis = spread("quantize", grid, x)
    if rounding is not None and isinstance(grid.format, Int32):
        raise OperandError("quantize", "rounding", "Stochastic", "None", "Int32 rounds half to even only")
    if rounding is None:
        words = np.empty(0, np.uint32)
    elif isinstance(rounding, Stochastic):
        words = random_words(rounding, x.size)
    else:
        words = np.ascontiguousarray(rounding, np.uint32).reshape(-1)
    assert grid.scale is not None and grid.zero_point is not None
    data = np.empty(by_channel(x, axis), storage(grid.format))
    constants = grid.scale.reshape(-1), grid.zero_point.reshape(-1)
    loss = _quantize(x.reshape(data.shape), *constants, words, limits(grid.format), data)
    return Quantized(grid, data.reshape(x.shape)), Loss(*map(int, loss))


def dequantize(value: Quantized) -> np.ndarray:
    """The numbers that `value` stands for, each rounded once to float32 (half to even); a zero is +0."""
    if isinstance(value.format, Float32):
        return value.data
    assert value.scale is not None and value.zero_point is not None
    data = np.ascontiguousarray(value.data).reshape(
        by_channel(value.data, spread("dequantize", value.grid, value.data))
    )
    y = np.empty(data.shape, np.float32)
    _dequantize(data, value.scale.reshape(-1), value.zero_point.reshape(-1), y)
    return y.reshape(value.data.shape)
