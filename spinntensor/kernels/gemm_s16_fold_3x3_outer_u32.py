"""int16 x int16 -> int64 matrix product on outer panels: 32-bit sums, folded every 128 products."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from spinntensor.abi.gemm import GEMM_S16_FOLD
from spinntensor.errors import RangeError
from spinntensor.kernels.blocks import block_counts
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, UNROLL, chunk_words, chunks_of, pack_a, pack_b, pairs_of
from spinntensor.kernels.products import gemm

NAME = "gemm_s16_fold_3x3_outer_u32"
FOLD = 2
"""Chunks between two folds: 128 products."""
REST = 0xFFFF
"""What a fold may leave in an accumulator."""
TOP = 4095
"""Largest magnitude that 128 products of any signs allow: 13-bit operands."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n, k = shape["m"], shape["n"], shape["k"]
    low, high = (-TOP, TOP + 1) if not extreme else (TOP - 1, TOP + 1)
    a, b = (rng.integers(low, high, s, dtype=np.int16) for s in ((m, k), (k, n)))
    if extreme:
        sign = rng.choice(np.array([-1, 1], np.int16), size=(m, 1))
        a = a * sign  # rows of one sign: sums as large as they get
    c = rng.integers(-(2**62), 2**62, (m, n), dtype=np.int64) if shape.get("accumulate", 0) else None
    return {"a": a, "b": b, "c": c}


def prove(a: np.ndarray, b: np.ndarray, c: np.ndarray | None) -> None:
    """RangeError unless 128 products and the rest of a fold fit 32 bits, and every sum 64 bits."""
    k, one = a.shape[1], largest(a) * largest(b)
    between = min(k, FOLD * UNROLL * 2)
    bound = between * one + (REST if k > between else 0)
    if bound >= 1 << 31:
        raise RangeError(
            NAME,
            bound,
            (1 << 31) - 1,
            f"between two folds the bound is k * max|a| * max|b| = {between} * {largest(a)} * {largest(b)}:"
            f" narrow the operands to {TOP}",
        )
    if k * one + largest(c) >= 1 << 63:
        raise RangeError(NAME, k * one + largest(c), (1 << 63) - 1, "c is too large to be added to: narrow c")


def lower(operands: Operands) -> Call:
    """Pack A[M,K] and B[K,N] (int16); `c` (int64 [M,N] or None) is added to when given.

    RangeError when the largest magnitudes do not prove that 128 products fit int32 (|x| <= 4095 does).
    """
    a = array(NAME, "a", operands["a"], np.int16, 2)
    b = array(NAME, "b", operands["b"], np.int16, 2, {0: a.shape[1]})
    (m, k), n = a.shape, b.shape[1]
    word(NAME, "n", n, 1, 65535)
    c = operands.get("c")
    if c is not None:
        c = array(NAME, "c", c, np.int64, 2, {0: m, 1: n})
    prove(a, b, c)
    return Call(
        {
            "a": given(pack_a(a, fold=FOLD)),
            "b": given(pack_b(b)),
            "c": room((m, n), np.int64) if c is None else given(c, "inout"),
        },
        {"m": m, "n": n, "pairs": pairs_of(k), "ldc": n, "accumulate": int(c is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["c"]


def features(shape: Shape) -> tuple[float, ...]:
    """The counts of `block_counts`, then pairs, chunks, first and later folds over all blocks."""
    m, n, pairs = shape["m"], shape["n"], pairs_of(shape["k"])
    blocks = -(-m // BLOCK) * -(-n // BLOCK)
    words = chunk_words(chunks_of(pairs), FOLD)
    along = (pairs, len(words), words.count(3), words.count(2))
    return *block_counts(m, n, BLOCK, BLOCK, int(shape.get("accumulate", 0) > 0)), *(
        blocks * x for x in along
    )


def work(shape: Shape) -> Work:
    """24 cycles for the 18 MACs of a block and a pair of k: 18 multiplies and 6 loads."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], macs * 24 / 18)


KERNEL = Kernel(
    name=NAME,
    args=GEMM_S16_FOLD,
    dims={"m": (1, 10), "n": (1, 10), "k": (1, 400), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=partial(gemm, sums=np.int64),
    features=features,
    work=work,
    bench=(
        {"m": 24, "n": 24, "k": 256, "accumulate": 0},
        {"m": 24, "n": 24, "k": 512, "accumulate": 0},
        {"m": 24, "n": 24, "k": 256, "accumulate": 1},
        {"m": 25, "n": 23, "k": 255, "accumulate": 0},
    ),
)
