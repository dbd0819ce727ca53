"""Dot product of bfp16 mantissas, exact in int64; its exponent is the sum of the operands'."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_DOT
from spinntensor.kernels._bfp16 import flat, in_pairs, mantissas, pairs_in
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_dot"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    if extreme:
        return {key: np.full(shape["n"], -32768, np.int16) for key in "xy"}
    return {key: mantissas(rng, shape["n"], False) for key in "xy"}


def lower(operands: Operands) -> Call:
    """x, y int16 [n] -> int64 [1]. No length that fits a core's memory overflows: n * 2**30 < 2**63."""
    x = flat(NAME, "x", operands["x"], np.int16)
    y = flat(NAME, "y", operands["y"], np.int16, x.size)
    x, y = in_pairs(x), in_pairs(y)
    return Call({"x": given(x), "y": given(y), "z": room(1, np.int64)}, {"pairs": x.size // 2})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["z"]


@njit(cache=True)
def _dot(x: np.ndarray, y: np.ndarray) -> int:
    s = np.int64(0)
    for i in range(x.size):
        s += np.int64(x[i]) * np.int64(y[i])
    return s  # type: ignore[return-value]  # an int to numba


def twin(operands: Operands) -> np.ndarray:
    """sum x y, int64 [1]."""
    return np.array([_dot(operands["x"], operands["y"])], np.int64)


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds of 16 pairs, pairs."""
    pairs = pairs_in(shape["n"])
    return 1, -(-pairs // 16), pairs


def work(shape: Shape) -> Work:
    """3 cycles a MAC: one load and a multiplication of 2."""
    return Work(shape["n"], 1, 3 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=BFP_DOT,
    dims={"n": (1, 300)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1000}, {"n": 4096}),
)
