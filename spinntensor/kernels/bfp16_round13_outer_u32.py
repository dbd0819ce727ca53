"""int16 mantissas to the 13-bit outer panels of the folded product, rounded half to even."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_ROUND13
from spinntensor.errors import RangeError
from spinntensor.kernels._bfp16 import rounded
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import FOLD, TOP
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, UNROLL, chunks_of, pairs_of, panels, with_chunk_words

NAME = "bfp16_round13_outer_u32"
MAX_SHIFT = 4


def shift_for(top: int) -> int:
    """The smallest shift s with rhe(top / 2**s) <= 4095: 0..4 for the largest magnitude of an int16 tensor."""
    return next(s for s in range(MAX_SHIFT + 1) if rounded(top, s) <= TOP)


def largest_for(shift: int) -> int:
    """The largest magnitude that `shift` takes to 4095 or less; at 4, every int16."""
    return min((TOP << shift) + (((1 << shift) >> 1) - 1 if shift else 0), 32768)


def _shift(shape: Shape) -> int:
    return shape["shift"] % (MAX_SHIFT + 1)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    size, shift = (shape["r"], shape["k"]), _shift(shape)
    high = min(largest_for(shift), 32767)
    low = -largest_for(shift)
    if extreme:
        x = rng.choice(np.array([low, low + 1, -1, 0, 1, high - 1, high], np.int16), size)
    else:
        x = rng.integers(low, high, size, dtype=np.int16, endpoint=True)
    return {"x": x, "shift": shift, "side": "a" if shape["chunk_words"] else "b"}


def padded(x: np.ndarray) -> np.ndarray:
    """Rows [R,K] as the core reads them: zero behind K up to the end of a panel."""
    return np.pad(x, ((0, 0), (0, 2 * pairs_of(x.shape[1]) - x.shape[1])))


def panel_words(rows: int, k: int, side: str) -> int:
    """Words of the panels of `side` "a" (with chunk words) or "b" (with the word read ahead)."""
    pairs = pairs_of(k)
    one = BLOCK * pairs + (chunks_of(pairs) if side == "a" else 0)
    return -(-rows // BLOCK) * one + (side == "b")


def checked(operands: Operands) -> tuple[np.ndarray, int, str]:
    """x, shift and side; RangeError when the largest magnitude would not fit 13 bits."""
    x = array(NAME, "x", operands["x"], np.int16, 2)
    shift, side = word(NAME, "shift", operands["shift"], 0, MAX_SHIFT), operands["side"]
    word(NAME, "side", "ab".find(side) if isinstance(side, str) and side else -1, 0, 1)
    top = rounded(largest(x), shift)
    if top > TOP:
        raise RangeError(
            NAME, top, TOP, f"shift by {shift_for(largest(x))}, that of the tensor's largest magnitude"
        )
    return x, shift, side


def lower(operands: Operands) -> Call:
    """x int16 [R,K], shift 0..4, side "a" or "b" -> the panels, uint32.

    Rows are those of A, or the columns of B. `shift_for` of the whole tensor's largest magnitude is the shift;
    RangeError when a rounded magnitude would pass 4095.
    """
    x, shift, side = checked(operands)
    full = padded(x)
    return Call(
        {"x": given(full), "panels": room(panel_words(x.shape[0], x.shape[1], side), np.uint32)},
        {
            "rows": x.shape[0],
            "pairs": full.shape[1] // 2,
            "pitch": 2 * full.shape[1],
            "shift": shift,
            "chunk_words": int(side == "a"),
        },
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The panels as they lie in memory; rows that are missing repeat the last one."""
    return outputs["panels"]


@njit(cache=True)
def _round(x: np.ndarray, shift: int, y: np.ndarray) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = rounded(x[i, j], shift)


def round13(x: np.ndarray, shift: int) -> np.ndarray:
    """rhe(x / 2**shift), int16 [R,K]."""
    y = np.empty(x.shape, np.int16)
    _round(x, shift, y)
    return y


def twin(operands: Operands) -> np.ndarray:
    """The panels of rhe(x / 2**shift)."""
    x, shift, side = checked(operands)
    rows = np.pad(round13(x, shift), ((0, -x.shape[0] % BLOCK), (0, 0)), mode="edge")
    p = panels(rows)
    p = p.reshape(p.shape[0], -1)
    if side == "a":
        return with_chunk_words(p, BLOCK, UNROLL, FOLD).reshape(-1)
    return np.append(p.reshape(-1), np.uint32(0))


def features(shape: Shape) -> tuple[float, ...]:
    """Call, panels, chunks, and pairs of k: without shift, with one, with that of 4."""
    count, pairs, shift = -(-shape["r"] // BLOCK), pairs_of(shape["k"]), _shift(shape)
    kinds = (shift == 0, 0 < shift < MAX_SHIFT, shift == MAX_SHIFT)
    chunks = count * chunks_of(pairs)
    return 1, count, chunks, *(count * pairs * kind for kind in kinds)


def work(shape: Shape) -> Work:
    """A pair of k of three rows: 3 loads, 4 to swap halves, 3 stores, and 7 (shift 4: 10) to round each word."""
    shift = _shift(shape)
    each = 10 + 3 * (0 if shift == 0 else 10 if shift == MAX_SHIFT else 7)
    elements = shape["r"] * shape["k"]
    return Work(0, elements, elements * each / 6)


KERNEL = Kernel(
    name=NAME,
    args=BFP_ROUND13,
    dims={"r": (1, 10), "k": (1, 300), "shift": (0, 4), "chunk_words": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"r": 24, "k": 256, "shift": 3, "chunk_words": 0},
        {"r": 24, "k": 256, "shift": 4, "chunk_words": 1},
    ),
)
