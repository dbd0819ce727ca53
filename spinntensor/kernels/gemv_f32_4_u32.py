"""int32 x int32 -> int64 matrix-vector product of block floating point mantissas, four rows at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_gemm import F32_GEMV
from spinntensor.kernels.block_float import magnitude_bits, panels, sums
from spinntensor.kernels.check import array
from spinntensor.kernels.gemm_f32_2x2_u64 import prove
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "gemv_f32_4_u32"
ROWS, UNROLL = 4, 32


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, k = shape["m"], shape["k"]
    bits = magnitude_bits(k)
    top = (1 << bits) - (1 << (bits - 24))
    low, high = (-top, top + 1) if not extreme else (top - 1, top + 1)
    a, x = (rng.integers(low, high, s).astype(np.int32) for s in ((m, k), k))
    if extreme:
        a = a * rng.choice(np.array([-1, 1], np.int32), size=(m, 1))
    return {"a": a, "x": x, "y": rng.integers(-(2**30), 2**30, m) if shape["accumulate"] else None}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] and x[K] (int32); `y` (int64 [M] or None) is added to when given.

    RangeError unless the largest magnitudes prove that every sum fits 64 bits.
    """
    a = array(NAME, "a", operands["a"], np.int32, 2)
    x = array(NAME, "x", operands["x"], np.int32, 1, {0: a.shape[1]})
    (m, k), y = a.shape, operands.get("y")
    if y is not None:
        y = array(NAME, "y", y, np.int64, 1, {0: m})
    prove(NAME, a, x, y)
    return Call(
        {
            "a": given(panels(a)),
            "x": given(panels(x[None])),
            "y": room(m, np.int64) if y is None else given(y, "inout"),
        },
        {"m": m, "k": k, "accumulate": int(y is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def twin(operands: Operands) -> np.ndarray:
    """y = A x (+ y), int64 [M]."""
    a, x, y = operands["a"], operands["x"], operands.get("y")
    out = np.zeros((len(a), 1), np.int64) if y is None else y[:, None].copy()
    sums(a, x[None], out)
    return out[:, 0]


def features(shape: Shape) -> tuple[float, ...]:
    """Call, blocks of four rows, those that are added to y, k and chunks of 32 k over all blocks."""
    blocks, k = -(-shape["m"] // ROWS), shape["k"]
    return 1, blocks, blocks * int(shape["accumulate"] > 0), blocks * k, blocks * -(-k // UNROLL)


def work(shape: Shape) -> Work:
    """17 cycles for the 4 MACs of a block and one k: four long multiplies of 3, five loads."""
    macs = shape["m"] * shape["k"]
    return Work(macs, shape["m"], macs * 17 / 4)


KERNEL = Kernel(
    name=NAME,
    args=F32_GEMV,
    dims={"m": (1, 14), "k": (1, 200), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"m": 24, "k": 256, "accumulate": 0},
        {"m": 24, "k": 256, "accumulate": 1},
        {"m": 23, "k": 255, "accumulate": 0},
    ),
)
