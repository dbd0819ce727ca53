"""y = (a x + b y) / 2**shift on bfp16 mantissas: axpy, and sums of tensors with two exponents."""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_AXPY
from spinntensor.kernels._bfp16 import clamped, counted, features, flat, in_pairs, mantissas, rounded
from spinntensor.kernels.check import word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_axpy"
TOP = 32767
"""Largest factor: then |a x + b y| <= 2 * 32767 * 32768 < 2**31."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    a, b = rng.choice([-TOP, TOP], 2) if extreme else rng.integers(-TOP, TOP + 1, 2) >> rng.integers(14)
    shift = (0, 15, 16, 31)[rng.integers(4)] if extreme else rng.integers(18)
    x, y = (mantissas(rng, shape["n"], extreme) for _ in range(2))
    return {"x": x, "y": y, "a": int(a), "b": int(b), "shift": int(shift)}


def lower(operands: Operands) -> Call:
    """x, y int16 [n]; a, b -32767..32767; shift 0..31 -> int32 [n + 1]: mantissas, number clamped.

    With exponents ex, ey and result e, alpha = A 2**ea: a = A, b = 2**(ey - ea - ex), shift = e - ea - ex (or all
    of it times a power of two).
    """
    x = flat(NAME, "x", operands["x"], np.int16)
    y = flat(NAME, "y", operands["y"], np.int16, x.size)
    a, b = (word(NAME, key, operands[key], -TOP, TOP) for key in "ab")
    shift = word(NAME, "shift", operands["shift"], 0, 31)
    x, y = in_pairs(x), in_pairs(y)
    buffers = {"x": given(x), "y": given(y, "inout"), "saturated": room(1, np.uint32)}
    return Call(buffers, {"pairs": x.size // 2, "factors": (a & 0xFFFF) | (b & 0xFFFF) << 16, "shift": shift})


@njit(cache=True)
def _sums(x: np.ndarray, y: np.ndarray, a: int, b: int, shift: int, v: np.ndarray) -> None:
    for i in range(x.size):
        v[i] = rounded(a * np.int64(x[i]) + b * np.int64(y[i]), shift)


def twin(operands: Operands) -> np.ndarray:
    """clamp(rhe((a x + b y) / 2**shift)), then the count."""
    v = np.empty(operands["x"].size, np.int64)
    _sums(operands["x"], operands["y"], operands["a"], operands["b"], operands["shift"], v)
    return clamped(v)


def work(shape: Shape) -> Work:
    """15 cycles an element: load, 2 multiplications, 4 shifts, 7 to round and clamp, store."""
    return Work(2 * shape["n"], shape["n"], 15 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=BFP_AXPY,
    dims={"n": (1, 200)},
    sample=sample,
    lower=lower,
    result=partial(counted, "y", "saturated"),
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1000}, {"n": 4096}),
)
