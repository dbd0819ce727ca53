"""int8 x int8 -> int32 matrix product with byte weights in DTCM: one AND for every four of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.gemm import GEMM_S8
from spinntensor.kernels.blocks import block_counts
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_rows import activations, pack_columns, pack_mixed, prove_bytes
from spinntensor.kernels.products import gemm

NAME = "gemm_s8_2x4_outer_u32"
ROWS, COLUMNS, UNROLL = 2, 4, 32


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n, k = shape["m"], shape["n"], shape["k"]
    a = rng.integers(-128, 128, (m, k), dtype=np.int8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    if extreme:
        a = rng.choice(np.array([-128, 127], np.int8), size=(m, k))
        b = np.repeat(np.where(a[:1].T < 0, -128, 127).astype(np.int8), n, axis=1)  # the largest sum in row 0
    elif k <= 200 and rng.integers(2):
        b = rng.integers(0, 256, (k, n), dtype=np.uint8)
    c = rng.integers(-(2**30), 2**30, (m, n), dtype=np.int32) if shape.get("accumulate", 0) else None
    return {"a": a, "b": b, "c": c}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] (int8) and B[K,N] (int8 or uint8); `c` (int32 [M,N] or None) is added to when given.

    RangeError when the rows of A do not prove that every sum stays below 2**23.
    """
    a = array(NAME, "a", operands["a"], np.int8, 2)
    b = activations(NAME, "b", operands["b"], 2, a.shape[1])
    (m, k), n = a.shape, b.shape[1]
    word(NAME, "n", n, 1, 65535)
    c = operands.get("c")
    if c is not None:
        c = array(NAME, "c", c, np.int32, 2, {0: m, 1: n})
    prove_bytes(NAME, a, b, c)
    return Call(
        {
            "a": given(pack_mixed(a, ROWS, UNROLL)),
            "b": given(pack_columns(b, COLUMNS)),
            "c": room((m, n), np.int32) if c is None else given(c, "inout"),
        },
        {"m": m, "n": n, "pairs": (k + 1) // 2, "ldc": n, "accumulate": int(c is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["c"]


def features(shape: Shape) -> tuple[float, ...]:
    """The counts of `block_counts`, then pairs and chunks over all blocks."""
    m, n, pairs = shape["m"], shape["n"], (shape["k"] + 1) // 2
    blocks = -(-m // ROWS) * -(-n // COLUMNS)
    counts = block_counts(m, n, ROWS, COLUMNS, int(shape.get("accumulate", 0) > 0))
    return *counts, blocks * pairs, blocks * -(-pairs // UNROLL)


def work(shape: Shape) -> Work:
    """22 cycles for the 16 MACs of a block and a pair of k: 16 multiplies, 5 loads, an AND."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], macs * 22 / 16)


KERNEL = Kernel(
    name=NAME,
    args=GEMM_S8,
    dims={"m": (1, 10), "n": (1, 12), "k": (1, 150), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=gemm,
    features=features,
    work=work,
    bench=(
        {"m": 32, "n": 32, "k": 64, "accumulate": 0},
        {"m": 32, "n": 32, "k": 256, "accumulate": 0},
        {"m": 32, "n": 16, "k": 512, "accumulate": 0},
        {"m": 32, "n": 32, "k": 256, "accumulate": 1},
        {"m": 31, "n": 33, "k": 255, "accumulate": 0},
    ),
)
