"""The largest magnitude of each row of int64 sums: what the exponent of a bfp16 product is taken from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.bfp import REDUCE_TOP
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "reduce_top_s64"
UNROLL = 4


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    size = shape["m"], shape["n"]
    ends = np.array(
        [-(1 << 63), -(1 << 63) + 1, (1 << 63) - 1, -(1 << 32), (1 << 32) - 1, -1, 0, 1], np.int64
    )
    c = rng.choice(ends, size) if extreme else rng.integers(-(1 << 40), 1 << 40, size)
    top = rng.integers(1 << 41, size=shape["m"], dtype=np.uint64) if shape["accumulate"] else None
    return {"c": c, "top": top}


def _checked(operands: Operands) -> tuple[np.ndarray, np.ndarray | None]:
    c, top = array(NAME, "c", operands["c"], np.int64, 2), operands.get("top")
    return c, None if top is None else array(NAME, "top", top, np.uint64, 1, {0: len(c)})


def lower(operands: Operands) -> Call:
    """c int64 [M,N] -> uint64 [M]; `top` (uint64 [M] or None) joins the maxima when given."""
    c, top = _checked(operands)
    y = room(len(c), np.uint64) if top is None else given(top, "inout")
    sizes = {"rows": len(c), "columns": c.shape[1], "accumulate": int(top is not None)}
    return Call({"c": given(c), "y": y}, sizes)


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


@njit(cache=True)
def _tops(c: np.ndarray, y: np.ndarray) -> None:
    for i in range(c.shape[0]):
        for v in c[i]:
            y[i] = max(y[i], np.uint64(0) - np.uint64(v) if v < 0 else np.uint64(v))


def twin(operands: Operands) -> np.ndarray:
    """max |c| of every row."""
    c, top = _checked(operands)
    y = np.zeros(len(c), np.uint64) if top is None else top.copy()
    _tops(c, y)
    return y


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, rounds and elements; rows whose maximum goes on."""
    m, n = shape["m"], shape["n"]
    return 1, m, m * -(-n // UNROLL), m * n, m * (shape["accumulate"] > 0)


def work(shape: Shape) -> Work:
    """Load 2, magnitude 4, comparison and choice 4."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, 10 * elements)


KERNEL = Kernel(
    name=NAME,
    args=REDUCE_TOP,
    dims={"m": (1, 8), "n": (1, 40), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 24, "n": 48, "accumulate": 0},),
)
