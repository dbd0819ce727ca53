"""Sums of int64: what workers summed over parts of a product comes together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.bfp import ADD_SUMS
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "add_s64"
UNROLL = 8


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    n, top = shape["n"], (1 << 62) - 1
    if extreme:
        ends = np.array([-top, -(1 << 32), -1, 0, 1, (1 << 32) - 1, top], np.int64)
        return {name: rng.choice(ends, n) for name in "xy"}
    return {name: rng.integers(-top, top, n, endpoint=True) for name in "xy"}


def _checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
    x = array(NAME, "x", operands["x"], np.int64, 1)
    y = array(NAME, "y", operands["y"], np.int64, 1, {0: x.size})
    bound, most = largest(x) + largest(y), (1 << 63) - 1
    if bound > most:
        raise RangeError(NAME, bound, most, "the bound is max|x| + max|y|: narrow the operands")
    return x, y


def lower(operands: Operands) -> Call:
    """x, y int64 [n] -> y + x; RangeError unless max|x| + max|y| fits."""
    x, y = _checked(operands)
    return Call({"x": given(x), "y": given(y, "inout")}, {"count": x.size})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def twin(operands: Operands) -> np.ndarray:
    """x + y."""
    x, y = _checked(operands)
    return x + y


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds and elements."""
    return 1, -(-shape["n"] // UNROLL), shape["n"]


def work(shape: Shape) -> Work:
    """Two loads of two words, two sums, a store of two words."""
    return Work(0, shape["n"], 8 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=ADD_SUMS,
    dims={"n": (1, 60)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1024},),
)
