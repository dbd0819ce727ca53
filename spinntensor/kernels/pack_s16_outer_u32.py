"""Packs rows that lie side by side in memory, k behind k, into outer panels: pixels summed over, channels as rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.pack import PACK_S16
from spinntensor.errors import OperandError
from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.check import array, word
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import FOLD
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, UNROLL, chunks_of, pairs_of, with_chunk_words

NAME = "pack_s16_outer_u32"
GROUP = 6
"""Rows that the core takes at a time: two panels."""
ROUND = 4
"""Steps of two k in a round of a full group's loop."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Lines of `columns` k with `gap` more between them, `more` pairs of channels around those taken."""
    pitch = shape["rows"] + shape["rows"] % 2 + 2 * shape["more"]
    size = (shape["lines"], shape["columns"] + shape["gap"], pitch)
    ends = np.array([-32768, 32767], np.int16)
    x = rng.choice(ends, size) if extreme else rng.integers(-32768, 32768, size, dtype=np.int16)
    first = 2 * int(rng.integers(shape["more"] + 1))
    side = "a" if shape["chunk_words"] else "b"
    return {"x": x, "channels": (first, shape["rows"]), "columns": shape["columns"], "side": side}


def _checked(operands: Operands) -> tuple[np.ndarray, int, int, int, str]:
    x, (first, count) = array(NAME, "x", operands["x"], np.int16, 3), operands["channels"]
    word(NAME, "channels[0]", first, 0, x.shape[2] - 1)
    word(NAME, "channels[1]", count, 1, x.shape[2] - first)
    if first % 2 or x.shape[2] % 2:
        received = f"from channel {first} of {x.shape[2]}"
        raise OperandError(NAME, "channels", received, "even numbers", "make a pixel a whole number of words")
    columns = word(NAME, "columns", operands.get("columns", x.shape[1]), 1, x.shape[1])
    side = operands["side"]
    word(NAME, "side", "ab".find(side) if isinstance(side, str) and side else -1, 0, 1)
    return x, first, count, columns, side


def lower(operands: Operands) -> Call:
    """x int16 [lines, pixels, channels] -> the panels, uint32, of side "a" or "b".

    Rows are the `channels` (first, count), k = (line, column) of the first `columns` pixels of each line. A pixel is
    a whole number of words, and `first` is even.
    """
    x, first, count, columns, side = _checked(operands)
    lines, pixels, pitch = x.shape
    return Call(
        {
            "x": given(x.reshape(-1)[first:]),
            "panels": room(panel_words(count, lines * columns, side), np.uint32),
        },
        {
            "rows": count,
            "columns": columns,
            "lines": lines,
            "k_stride": 2 * pitch,
            "line_stride": 2 * pitch * pixels,
            "chunk_words": int(side == "a"),
        },
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The panels as they lie in memory; rows that are missing repeat the last one."""
    return outputs["panels"]


@njit(cache=True)
def _pack(x: np.ndarray, panels: np.ndarray) -> None:
    for p in range(panels.shape[0]):
        for k in range(x.shape[0]):
            for j in range(3):
                place = 2 + k % 2 if j == 2 else j + 4 * (k % 2)
                panels[p, k // 2 * 6 + place] = x[k, min(3 * p + j, x.shape[1] - 1)]


def twin(operands: Operands) -> np.ndarray:
    """The panels of the rows x[:, :columns, channels], uint32."""
    x, first, count, columns, side = _checked(operands)
    flat = np.ascontiguousarray(x[:, :columns, first : first + count]).reshape(-1, count)
    halves = np.zeros((-(-count // BLOCK), 6 * pairs_of(len(flat))), np.int16)
    _pack(flat, halves)
    words = halves.view(np.uint32)
    if side == "a":
        return with_chunk_words(words, BLOCK, UNROLL, FOLD).reshape(-1)
    return np.append(words.reshape(-1), np.uint32(0))


def _runs(columns: int, lines: int, side: str) -> tuple[np.ndarray, list[int]]:
    """Of one pass over all k: runs, lines that they end; steps of two lines, lines of one k that these end, steps of
    a last k and of none; and the steps of each run."""
    steps = pairs_of(columns * lines)
    chunk = (steps - 1) % UNROLL + 1 if side == "a" else steps
    counts, taken, left, below = np.zeros(6), [], columns, lines
    while steps:
        if below and left >= 2:
            n = min(left // 2, chunk)
            left -= 2 * n
            counts[0] += 1
            if not left:
                counts[1] += 1
                left, below = columns, below - 1
        else:
            n = 1
            counts[2 if below >= 2 else 5 - below] += 1
            left, below = columns - 1, max(below - 1, 0)
            if not left and below:
                counts[3] += 1
                left, below = columns, below - 1
        taken.append(n)
        steps, chunk = steps - n, chunk - n or UNROLL
    return counts, taken


def features(shape: Shape) -> tuple[float, ...]:
    """Call; groups; what ends runs; rounds and steps of full groups; steps of others;
    chunks."""
    side = "a" if shape["chunk_words"] else "b"
    counts, taken = _runs(shape["columns"], shape["lines"], side)
    full, rest = divmod(shape["rows"], GROUP)
    groups, steps = full + (rest > 0), sum(taken)
    others = [steps * (rest == r) for r in range(1, GROUP)]
    lasts = [len(taken) * (rest == r) for r in range(1, GROUP)]
    chunks = chunks_of(steps) if side == "a" else 0
    return (
        1,
        groups,
        *(groups * counts),
        full * len(taken),
        full * sum(-(-n // ROUND) for n in taken),
        full * steps,
        *others,
        sum(lasts),
        chunks * groups,
        groups * (side == "a"),
    )


def work(shape: Shape) -> Work:
    """A step of six rows: 6 loads, 8 to bring halves together, 6 stores, for twelve elements."""
    elements = shape["rows"] * shape["columns"] * shape["lines"]
    return Work(0, elements, elements * 20 / 12)


KERNEL = Kernel(
    name=NAME,
    args=PACK_S16,
    dims={
        "rows": (1, 16),
        "columns": (1, 40),
        "lines": (1, 6),
        "gap": (0, 2),
        "more": (0, 2),
        "chunk_words": (0, 1),
    },
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"rows": 64, "columns": 56, "lines": 2, "gap": 2, "more": 0, "chunk_words": 1},
        {"rows": 64, "columns": 14, "lines": 8, "gap": 2, "more": 0, "chunk_words": 1},
        {"rows": 64, "columns": 112, "lines": 1, "gap": 0, "more": 0, "chunk_words": 0},
    ),
)
