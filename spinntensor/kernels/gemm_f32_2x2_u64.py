"""int32 x int32 -> int64 matrix product of block floating point mantissas, four exact sums at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_gemm import F32_GEMM
from spinntensor.errors import RangeError
from spinntensor.kernels.block_float import magnitude_bits, panels, sums
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "gemm_f32_2x2_u64"
BLOCK, UNROLL = 2, 64


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n, k = shape["m"], shape["n"], shape["k"]
    bits = magnitude_bits(k)
    top = (1 << bits) - (1 << (bits - 24))
    low, high = (-top, top + 1) if not extreme else (top - 1, top + 1)
    a, b = (rng.integers(low, high, s).astype(np.int32) for s in ((m, k), (k, n)))
    if extreme:
        a = a * rng.choice(np.array([-1, 1], np.int32), size=(m, 1))  # sums as large as they get
    c = rng.integers(-(2**30), 2**30, (m, n)) if shape["accumulate"] else None
    return {"a": a, "b": b, "c": c}


def prove(kernel: str, a: np.ndarray, b: np.ndarray, c: np.ndarray | None) -> None:
    """RangeError unless k * max|a| * max|b| + max|c| < 2**63: no partial sum overflows then."""
    k, top = a.shape[1], [largest(x) for x in (a, b, c)]
    bound = k * top[0] * top[1] + top[2]
    if bound >= 1 << 63:
        mend = f"the bound is k * max|a| * max|b| + max|c| = {k} * {top[0]} * {top[1]} + {top[2]}: fewer magnitude bits"
        raise RangeError(kernel, bound, (1 << 63) - 1, mend)


def lower(operands: Operands) -> Call:
    """Pack A[M,K] and B[K,N] (int32); `c` (int64 [M,N] or None) is added to when given; RangeError as `prove`."""
    a = array(NAME, "a", operands["a"], np.int32, 2)
    b = array(NAME, "b", operands["b"], np.int32, 2, {0: a.shape[1]})
    (m, k), n, c = a.shape, b.shape[1], operands.get("c")
    if c is not None:
        c = array(NAME, "c", c, np.int64, 2, {0: m, 1: n})
    prove(NAME, a, b, c)
    return Call(
        {
            "a": given(panels(a)),
            "b": given(panels(b.T)),
            "c": room((m, n), np.int64) if c is None else given(c, "inout"),
        },
        {"m": m, "n": n, "k": k, "ldc": n, "accumulate": int(c is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["c"]


def twin(operands: Operands) -> np.ndarray:
    """C = A B (+ c), int64 [M,N]."""
    a, b, c = operands["a"], operands["b"], operands.get("c")
    out = np.zeros((a.shape[0], b.shape[1]), np.int64) if c is None else c.copy()
    sums(a, np.ascontiguousarray(b.T), out)
    return out


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows of blocks, blocks, those that are added to C, k and chunks of 64 k over all blocks."""
    rows, k = -(-shape["m"] // BLOCK), shape["k"]
    blocks = rows * -(-shape["n"] // BLOCK)
    return 1, rows, blocks, blocks * int(shape["accumulate"] > 0), blocks * k, blocks * -(-k // UNROLL)


def work(shape: Shape) -> Work:
    """16 cycles for the 4 MACs of a block and one k: four long multiplies of 3, four loads."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], macs * 4)


KERNEL = Kernel(
    name=NAME,
    args=F32_GEMM,
    dims={"m": (1, 9), "n": (1, 9), "k": (1, 200), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"m": 16, "n": 16, "k": 128, "accumulate": 0},
        {"m": 16, "n": 16, "k": 256, "accumulate": 0},
        {"m": 16, "n": 16, "k": 256, "accumulate": 1},
        {"m": 15, "n": 17, "k": 255, "accumulate": 0},
    ),
)
