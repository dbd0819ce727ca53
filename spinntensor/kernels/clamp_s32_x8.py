"""Cuts int32 values off at both ends, in place (Clip and ReLU on sums that are not requantised)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.epilogue import CLAMP
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given
from spinntensor.kernels.quantize import limits

NAME = "clamp_s32_x8"
LOWEST, HIGHEST = limits(np.int32)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    low, high = (LOWEST, HIGHEST) if extreme else (-1000, 1000)
    ends = sorted(int(v) for v in rng.integers(low, high, 2))
    return {"x": rng.integers(low, high, shape["n"], dtype=np.int32), "low": ends[0], "high": ends[1]}


def lower(operands: Operands) -> Call:
    """x: flat, int32; low and high default to the ends of int32."""
    x = array(NAME, "x", operands["x"], np.int32, 1)
    low = word(NAME, "low", operands.get("low", LOWEST), LOWEST, HIGHEST)
    high = word(NAME, "high", operands.get("high", HIGHEST), low, HIGHEST)
    return Call({"x": given(x, "inout")}, {"n": x.size, "low": low, "high": high})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["x"]


def twin(operands: Operands) -> np.ndarray:
    """min(max(x, low), high)."""
    return operands["x"].clip(operands.get("low", LOWEST), operands.get("high", HIGHEST))


def features(shape: Shape) -> tuple[float, ...]:
    """Call; blocks of eight, whether there are any, a four, a two and a one."""
    n = shape["n"]
    return 1, n // 8, n >= 8, n >> 2 & 1, n >> 1 & 1, n & 1


def work(shape: Shape) -> Work:
    """6 cycles an element: load, two comparisons, two moves, store."""
    return Work(0, shape["n"], 6 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=CLAMP,
    dims={"n": (1, 120)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 3072}, {"n": 1003}),
)
