"""A bfp16 product on one core: both operands rounded to 13 bits, folded sums, int16 mantissas at an exponent.

C[M,N] = A[M,K] B[K,N], rows of A (weights) with an exponent each, B (activations) with one. The columns of B are
rounded and packed once; rows of A arrive a few panels of three at a time, as int16 mantissas or, since weights do
not change, as panels prepared before. The shifts to 13 bits belong to the whole tensors, so no tile shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels import bfp16_narrow_s64 as narrow
from spinntensor.kernels import bfp16_round13_outer_u32 as round13
from spinntensor.kernels._bfp16 import mantissas, rounded
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import FOLD, TOP
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import NAME as GEMM
from spinntensor.kernels.kernel import Operands, Shape, Work
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pairs_of
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "bfp16_tile"


@dataclass(frozen=True)
class Bfp16Tile:
    """Sizes of a tile, and how it is cut.

    Parameters
    ----------
    m, n, k : C is [m, n], sums have k terms.
    group : panels of three rows of A that are rounded, multiplied and narrowed at a time.
    prepared : whether rows of A arrive as 13-bit panels, rounded before.
    """

    m: int
    n: int
    k: int
    group: int = 2
    prepared: int = 0

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First row of each group, and the one behind its last."""
        step = BLOCK * self.group
        return tuple((a, min(a + step, self.m)) for a in range(0, self.m, step))


def _checked(tile: Bfp16Tile, operands: Operands) -> tuple[np.ndarray, np.ndarray, int, int, np.ndarray]:
    """a, b, their shifts to 13 bits, and the shift of the sums of each row."""
    a = array(NAME, "a", operands["a"], np.int16, 2, {0: tile.m, 1: tile.k})
    b = array(NAME, "b", operands["b"], np.int16, 2, {0: tile.n, 1: tile.k})
    shifts = [word(NAME, f"{key}_shift", operands[f"{key}_shift"], 0, round13.MAX_SHIFT) for key in "ab"]
    for x, shift, side in zip((a, b), shifts, "ab", strict=True):
        round13.checked({"x": x, "shift": shift, "side": side})
    ea = array(NAME, "a_exponent", operands["a_exponent"], np.int32, 1, {0: tile.m})
    out = operands["exponent"] - (ea + np.int32(sum(shifts) + operands["b_exponent"]))
    if out.min() < 0 or out.max() > 31:
        raise OperandError(
            NAME,
            "exponent",
            f"{operands['exponent']}, {out.min()} to {out.max()} above that of the sums",
            "0 to 31 above",
            "choose the output's exponent nearer to that of the products",
        )
    narrow.prove([tile.k * TOP * TOP] * tile.m, out)
    return a, b, shifts[0], shifts[1], out.astype(np.int32)


def build(tile: Bfp16Tile, operands: Operands) -> Tile:
    """The kernel calls for a int16 [M,K] and b int16 [N,K] (columns of B, k side by side).

    `a_exponent` int32 [M] and `b_exponent` are theirs, `exponent` is the result's; `a_shift` and `b_shift` come from
    `shift_for` of the largest magnitude of the whole tensors. Stores y [N,M] int16 and `saturated`, a count for each
    group. OperandError, RangeError for what cannot be computed so.
    """
    a, b, a_shift, b_shift, out = _checked(tile, operands)
    pairs = pairs_of(tile.k)
    rows = min(BLOCK * tile.group, tile.m)
    x, y = 4 * pairs * tile.n, 2 * tile.m * tile.n
    regions = {
        "x": max(x, y),  # y takes the place of b's mantissas, which are packed by then
        "b": 4 * round13.panel_words(tile.n, tile.k, "b"),
        "rows": 0 if tile.prepared else 4 * pairs * rows,
        "a": 4 * -(-rows // BLOCK) * (BLOCK * pairs + chunks_of(pairs)),
        "c": 8 * rows * tile.n,
        "shifts": 4 * tile.m,
        "saturated": 4 * len(tile.groups),
    }
    actions = tuple(_actions(tile, a, b, (a_shift, b_shift), out))
    return Tile(NAME, {name: -(-size // 8) * 8 for name, size in regions.items()}, actions)


def _actions(tile, a, b, shifts, out) -> Iterator[Fetch | Step | Store]:
    pairs = pairs_of(tile.k)
    common = {"pairs": pairs, "pitch": 4 * pairs}
    yield Fetch("shifts", At("shifts"), out.astype(np.uint32))
    yield Fetch("b", At("x"), round13.padded(b))
    words = {"rows": tile.n, "shift": shifts[1], "chunk_words": 0, **common}
    yield Step(round13.NAME, {"x": At("x"), "panels": At("b"), **words})
    for i, (first, end) in enumerate(tile.groups):
        m = end - first
        if tile.prepared:
            yield Fetch(f"a {i}", At("a"), pack_a(round13.round13(a[first:end], shifts[0]), fold=FOLD))
        else:
            yield Fetch(f"a {i}", At("rows"), round13.padded(a[first:end]))
            words = {"rows": m, "shift": shifts[0], "chunk_words": 1, **common}
            yield Step(round13.NAME, {"x": At("rows"), "panels": At("a"), **words})
        sizes = {"m": m, "n": tile.n, "pairs": pairs, "ldc": tile.n, "accumulate": 0}
        yield Step(GEMM, {"a": At("a"), "b": At("b"), "c": At("c"), **sizes})
        places = {
            "y": At("x", 2 * first),
            "shifts": At("shifts", 4 * first),
            "saturated": At("saturated", 4 * i),
        }
        strides = {"m": m, "n": tile.n, "y_step": 2 * tile.m, "y_row": 2}
        yield Step(narrow.NAME, {"c": At("c"), **places, **strides})
    yield Store("y", At("x"), (tile.n, tile.m), np.dtype(np.int16))
    yield Store("saturated", At("saturated"), (len(tile.groups),), np.dtype(np.uint32))


def result(stored: Mapping[str, np.ndarray]) -> np.ndarray:
    """int32: y [N,M] flat, then the number of clamped elements."""
    return np.append(stored["y"].reshape(-1).astype(np.int32), np.int32(stored["saturated"].sum()))


def twin(tile: Bfp16Tile, operands: Operands) -> np.ndarray:
    """clamp(rhe(sum rhe(a / 2**sa) rhe(b / 2**sb) * 2**(ea + eb + sa + sb - e))), flat, then the count."""
    a, b, a_shift, b_shift, out = _checked(tile, operands)
    left, right = (round13.round13(x, s).astype(np.int64) for x, s in ((a, a_shift), (b, b_shift)))
    both = narrow.twin({"c": left @ right.T, "shift": out})
    y = both[:-1].reshape(tile.m, tile.n).T
    return np.append(y.reshape(-1), both[-1])


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Random operands, two bits of exponent among the rows; few results are clamped, or with `extreme` many."""
    tile = Bfp16Tile(**shape)
    a, b = mantissas(rng, (tile.m, tile.k), extreme), mantissas(rng, (tile.n, tile.k), extreme)
    shifts = {f"{key}_shift": round13.shift_for(largest(x)) for key, x in (("a", a), ("b", b))}
    ea, eb = rng.integers(-20, -16, tile.m).astype(np.int32), int(rng.integers(-20, 10))
    reach = int(rounded(tile.k * TOP * TOP, 16)).bit_length() // 2 + 10  # about four standard deviations
    up = reach - 6 if extreme else reach - 5
    return {"a": a, "b": b, "a_exponent": ea, "b_exponent": eb, **shifts, "exponent": -18 + eb + 7 + up}


def work(shape: Shape) -> Work:
    """The bound is that of the product alone: 18 MACs in 24 cycles."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], macs * 24 / 18)


bench: tuple[Shape, ...] = (
    {"m": 96, "n": 48, "k": 256, "group": 2, "prepared": 1},
    {"m": 252, "n": 48, "k": 256, "group": 2, "prepared": 1},
    {"m": 96, "n": 48, "k": 256, "group": 2, "prepared": 0},
)
"""Weights prepared (rounding B is spread over the rows of A), and rounded on the core for each 48 columns."""
