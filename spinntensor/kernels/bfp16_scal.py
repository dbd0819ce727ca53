"""y = a x / 2**shift on bfp16 mantissas: scaling, and moving a tensor to another exponent."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_SCAL
from spinntensor.kernels._bfp16 import clamped, counted, features, flat, in_pairs, mantissas, rounded
from spinntensor.kernels.check import word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_scal"
TOP = 32767


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    a = rng.choice([-TOP, TOP]) if extreme else rng.integers(-TOP, TOP + 1) >> rng.integers(14)
    shift = (0, 15, 16, 31)[rng.integers(4)] if extreme else rng.integers(18)
    return {"x": mantissas(rng, shape["n"], extreme), "a": int(a), "shift": int(shift)}


def lower(operands: Operands) -> Call:
    """x int16 [n]; a -32767..32767; shift 0..31 -> int32 [n + 1]: mantissas, number clamped."""
    x = in_pairs(flat(NAME, "x", operands["x"], np.int16))
    a = word(NAME, "a", operands["a"], -TOP, TOP)
    shift = word(NAME, "shift", operands["shift"], 0, 31)
    buffers = {"x": given(x), "y": room(x.size, np.int16), "saturated": room(1, np.uint32)}
    return Call(buffers, {"pairs": x.size // 2, "factor": a, "shift": shift})


@njit(cache=True)
def _products(x: np.ndarray, a: Any, shift: int, v: np.ndarray) -> None:
    for i in range(x.size):
        v[i] = rounded(a * np.int64(x[i]), shift)


def twin(operands: Operands) -> np.ndarray:
    """clamp(rhe(a x / 2**shift)), then the count."""
    v = np.empty(operands["x"].size, np.int64)
    _products(operands["x"], operands["a"], operands["shift"], v)
    return clamped(v)


def work(shape: Shape) -> Work:
    """13.5 cycles an element: half a load, multiplication, 4 shifts, 7 to round and clamp, store."""
    return Work(shape["n"], shape["n"], 13.5 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=BFP_SCAL,
    dims={"n": (1, 200)},
    sample=sample,
    lower=lower,
    result=partial(counted, "y", "saturated"),
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1000}, {"n": 4096}),
)
