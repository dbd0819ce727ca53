"""int16 x int16 -> int32 matrix-vector product, nine rows at a time, with exact sums."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.gemm import GEMV_S16
from spinntensor.kernels.blocks import panel_counts
from spinntensor.kernels.check import array, prove_sum
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_rows import pack_rows, pack_vector
from spinntensor.kernels.products import gemv

NAME = "gemv_s16_9_u16"
ROWS, UNROLL = 9, 16


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, k = shape["m"], shape["k"]
    top = min(32767, int((2**30 / k) ** 0.5))
    low, high = (-top, top + 1) if not extreme else (top - 1, top + 1)
    a, x = (rng.integers(low, high, s, dtype=np.int16) for s in ((m, k), (k,)))
    if extreme:
        a, x = (v * rng.choice(np.array([-1, 1], np.int16), size=v.shape) for v in (a, x))
    y = rng.integers(-(2**30), 2**30, m, dtype=np.int32) if shape.get("accumulate", 0) else None
    return {"a": a, "x": x, "y": y}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] and x[K] (int16); `y` (int32 [M] or None) is added to when given.

    RangeError when the operands' largest magnitudes do not prove that every sum fits int32.
    """
    a = array(NAME, "a", operands["a"], np.int16, 2)
    x = array(NAME, "x", operands["x"], np.int16, 1, {0: a.shape[1]})
    m, k = a.shape
    y = operands.get("y")
    if y is not None:
        y = array(NAME, "y", y, np.int32, 1, {0: m})
    prove_sum(NAME, a, x, k, y, 31)
    return Call(
        {
            "a": given(pack_rows(a, ROWS, UNROLL)),
            "x": given(pack_vector(x)),
            "y": room(m, np.int32) if y is None else given(y, "inout"),
        },
        {"m": m, "pairs": (k + 1) // 2, "accumulate": int(y is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def features(shape: Shape) -> tuple[float, ...]:
    """The counts of `panel_counts`."""
    return panel_counts(shape["m"], shape["k"], ROWS, UNROLL, int(shape.get("accumulate", 0) > 0))


def work(shape: Shape) -> Work:
    """28 cycles for the 18 MACs of a panel and a pair of k: 18 multiplies and 10 loads."""
    macs = shape["m"] * shape["k"]
    return Work(macs, shape["m"], macs * 28 / 18)


KERNEL = Kernel(
    name=NAME,
    args=GEMV_S16,
    dims={"m": (1, 40), "k": (1, 200), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=gemv,
    features=features,
    work=work,
    bench=(
        {"m": 45, "k": 128, "accumulate": 0},
        {"m": 45, "k": 512, "accumulate": 0},
        {"m": 45, "k": 512, "accumulate": 1},
        {"m": 40, "k": 511, "accumulate": 0},
    ),
)
