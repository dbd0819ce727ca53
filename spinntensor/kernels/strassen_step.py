"""One step of Strassen's algorithm on an int8 product, as a tile: seven int16 products where eight would be.

C[M,N] = A[M,K] B[K,N], A int8 weights, B uint8 activations (an int8 1x1 convolution with the activations' zero
point folded into the bias). Winograd's form: 7 products and 15 sums; the four sums of A are made offline, those of
B by `strassen_sums`, of those of C four by `strassen_combine` and three by products that accumulate. All in
integers, hence exact. See Higham, Accuracy and Stability of Numerical Algorithms, section 23.1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pairs_of
from spinntensor.kernels.strassen_sums_u8_x4 import blocks
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "strassen_step"
GEMM = "gemm_s16_3x3_outer_u32"
BEFORE = (("s11", "b11", "c11"), ("s2", "t2", "c12"), ("s3", "b12", "c21"), ("s1", "t1", "c22"))
"""Products that are combined: left factor, right factor, where to. B12 holds T3 by then."""
AFTER = (("s12", "b21", "c11"), ("s4", "b22", "c12"), ("s22", "t4", "c21"))
"""Products that are added where they are made; s22 is -A22."""


def _padded(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    out = np.zeros((rows, columns), x.dtype)
    out[: x.shape[0], : x.shape[1]] = x
    return out


def _even(x: int, unit: int) -> int:
    """`x` rounded up to twice a multiple of `unit`."""
    return -(-x // (2 * unit)) * 2 * unit


def left_factors(a: np.ndarray) -> dict[str, np.ndarray]:
    """The seven left factors of A[M,K] int8, M and K even: int16 [M / 2, K / 2]."""
    m2, k2 = a.shape[0] // 2, a.shape[1] // 2
    a11, a12, a21, a22 = (a[i : i + m2, j : j + k2].astype(np.int16) for i in (0, m2) for j in (0, k2))
    s1 = a21 + a22
    s2 = s1 - a11
    return {"s11": a11, "s12": a12, "s22": -a22, "s1": s1, "s2": s2, "s3": a11 - a21, "s4": a12 - s2}


def prove(left: dict[str, np.ndarray], k: int, b: np.ndarray) -> None:
    """RangeError unless the seven products together stay below 2**31, whatever is added to what."""
    top = largest(b)
    right = {"b11": top, "b21": top, "b22": top, "b12": top, "t1": top, "t2": 2 * top, "t4": 2 * top}
    bound = k // 2 * sum(largest(left[s]) * right[t] for s, t, _ in BEFORE + AFTER)
    if bound >= 1 << 31:
        raise RangeError(
            NAME, bound, (1 << 31) - 1, "the bound is that of seven products of K / 2: use the plain product"
        )


def strassen_tile(a: np.ndarray, b: np.ndarray, group: int = 11) -> Tile:
    """The tile of C = A B; A's factors arrive `group` panels of three rows at a time.

    Parameters
    ----------
    a : int8 [M,K]
    b : uint8 [K,N]

    Stores `cRS i` are the rows of block R, S of C that belong to group i: int32 [rows, N / 2].
    """
    a = array(NAME, "a", a, np.int8, 2)
    b = array(NAME, "b", b, np.uint8, 2, {0: a.shape[1]})
    m, k, n = _even(a.shape[0], BLOCK), _even(a.shape[1], 1), _even(b.shape[1], BLOCK)
    left = left_factors(_padded(a, m, k))
    prove(left, k, b)
    right = dict(zip(("b11", "b12", "b21", "b22"), blocks(_padded(b, k, n)), strict=True))
    pairs, words = pairs_of(k // 2), right["b11"].size
    regions = dict.fromkeys((*right, "t1", "t2", "t4"), 4 * words)
    regions["a"] = 4 * group * (BLOCK * pairs + chunks_of(pairs))
    regions |= dict.fromkeys(("c11", "c12", "c21", "c22"), 4 * group * BLOCK * (n // 2))
    actions: list[Fetch | Step | Store] = [Fetch(name, At(name), panels) for name, panels in right.items()]
    actions.append(
        Step("strassen_sums_u8_x4", {x: At(x) for x in (*right, "t1", "t2", "t4")} | {"words": words})
    )
    shape = {"n": n // 2, "pairs": pairs, "ldc": n // 2}
    for first in range(0, m // 2, group * BLOCK):
        rows = min(group * BLOCK, m // 2 - first)
        for s, t, c in BEFORE:
            actions += _product(left[s][first : first + rows], s, t, c, shape | {"m": rows, "accumulate": 0})
        where = {c: At(c) for c in ("c11", "c12", "c21", "c22")}
        actions.append(Step("strassen_combine_s32_x8", where | {"count": rows * (n // 2)}))
        for s, t, c in AFTER:
            actions += _product(left[s][first : first + rows], s, t, c, shape | {"m": rows, "accumulate": 1})
        size = (rows, n // 2)
        actions += [Store(f"{c} {first}", at, size, np.dtype(np.int32)) for c, at in where.items()]
    return Tile(NAME, regions, tuple(actions))


def _product(left: np.ndarray, s: str, t: str, c: str, words: dict[str, int]) -> list[Fetch | Step]:
    """The panels of a left factor arrive, and are multiplied."""
    return [Fetch(s, At("a"), pack_a(left)), Step(GEMM, {"a": At("a"), "b": At(t), "c": At(c), **words})]


def whole(stored: Mapping[str, np.ndarray], m: int, n: int) -> np.ndarray:
    """C, int32 [M,N], out of what the tile stored."""
    c11, c12, c21, c22 = (
        np.concatenate([part for label, part in stored.items() if label.startswith(c + " ")])
        for c in ("c11", "c12", "c21", "c22")
    )
    return np.block([[c11, c12], [c21, c22]])[:m, :n]
