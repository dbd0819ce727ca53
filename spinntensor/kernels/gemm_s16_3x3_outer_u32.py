"""int16 x int16 -> int32 matrix product on outer panels, with exact sums."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.gemm import GEMM_S16
from spinntensor.kernels.blocks import block_counts
from spinntensor.kernels.check import array, prove_sum, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pack_b, pairs_of
from spinntensor.kernels.products import gemm

NAME = "gemm_s16_3x3_outer_u32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n, k = shape["m"], shape["n"], shape["k"]
    top = min(32767, int((2**30 / k) ** 0.5))
    low, high = (-top, top + 1) if not extreme else (top - 1, top + 1)
    a, b = (rng.integers(low, high, s, dtype=np.int16) for s in ((m, k), (k, n)))
    if extreme:
        a, b = (x * rng.choice(np.array([-1, 1], np.int16), size=x.shape) for x in (a, b))
    c = rng.integers(-(2**30), 2**30, (m, n), dtype=np.int32) if shape.get("accumulate", 0) else None
    return {"a": a, "b": b, "c": c}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] and B[K,N] (int16); `c` (int32 [M,N] or None) is added to when given.

    RangeError when the operands' largest magnitudes do not prove that every sum fits int32.
    """
    a = array(NAME, "a", operands["a"], np.int16, 2)
    b = array(NAME, "b", operands["b"], np.int16, 2, {0: a.shape[1]})
    (m, k), n = a.shape, b.shape[1]
    word(NAME, "n", n, 1, 65535)
    c = operands.get("c")
    if c is not None:
        c = array(NAME, "c", c, np.int32, 2, {0: m, 1: n})
    prove_sum(NAME, a, b, k, c, 31)
    return Call(
        {
            "a": given(pack_a(a)),
            "b": given(pack_b(b)),
            "c": room((m, n), np.int32) if c is None else given(c, "inout"),
        },
        {"m": m, "n": n, "pairs": pairs_of(k), "ldc": n, "accumulate": int(c is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["c"]


def features(shape: Shape) -> tuple[float, ...]:
    """The counts of `block_counts`, then pairs and chunks over all blocks."""
    m, n, pairs = shape["m"], shape["n"], pairs_of(shape["k"])
    blocks = -(-m // BLOCK) * -(-n // BLOCK)
    counts = block_counts(m, n, BLOCK, BLOCK, int(shape.get("accumulate", 0) > 0))
    return *counts, blocks * pairs, blocks * chunks_of(pairs)


def work(shape: Shape) -> Work:
    """24 cycles for the 18 MACs of a block and a pair of k: 18 multiplies and 6 loads."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], macs * 24 / 18)


KERNEL = Kernel(
    name=NAME,
    args=GEMM_S16,
    dims={"m": (1, 14), "n": (1, 14), "k": (1, 150), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=gemm,
    features=features,
    work=work,
    bench=(
        {"m": 30, "n": 30, "k": 64, "accumulate": 0},
        {"m": 30, "n": 30, "k": 256, "accumulate": 0},
        {"m": 21, "n": 21, "k": 512, "accumulate": 0},
        {"m": 30, "n": 30, "k": 256, "accumulate": 1},
        {"m": 31, "n": 31, "k": 255, "accumulate": 0},
    ),
)
