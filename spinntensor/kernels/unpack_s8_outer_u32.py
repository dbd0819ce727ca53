"""Pre-pass that expands packed int8 weights on the core to the int16 A panels of the outer products."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.gemm import UNPACK_S8
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import (
    BLOCK,
    UNROLL,
    chunk_words,
    chunks_of,
    pairs_of,
    panels,
    with_chunk_words,
)

NAME = "unpack_s8_outer_u32"


def _halves(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper weights of the panel words of A[M,K] int8: int16 [panels, 3 * pairs]."""
    words = panels(a.astype(np.int16))
    halves = words.reshape(words.shape[0], -1).view(np.int16)
    return halves[:, ::2], halves[:, 1::2]


def pack(a: np.ndarray) -> np.ndarray:
    """The packed weights of A[M,K] int8: uint32 [panels, 3 * pairs / 2].

    Words of the panel are taken in twos, even and odd; bytes: lower even, lower odd, upper even, upper odd.
    Stored are lower + 128 and upper + 127 + (lower < 0), modulo 256.
    """
    lower, upper = _halves(a)
    low, high = (lower + 128).astype(np.uint8), (upper + 127 + (lower < 0)).astype(np.uint8)
    packed = np.stack([low[:, ::2], low[:, 1::2], high[:, ::2], high[:, 1::2]], axis=-1)
    return np.ascontiguousarray(packed).view(np.uint32)[..., 0]


def patches(a: np.ndarray) -> np.ndarray:
    """Byte offsets into the panels of the words that `pack` cannot hold: upper -128, lower >= 0."""
    lower, upper = _halves(a)
    wrong = with_chunk_words(((upper == -128) & (lower >= 0)).astype(np.uint32), BLOCK, UNROLL)
    for chunk, end in enumerate(_chunk_ends(lower.shape[1] // BLOCK)):
        wrong[:, end + chunk] = 0
    return (4 * np.flatnonzero(wrong)).astype(np.uint32)


def _chunk_ends(pairs: int) -> list[int]:
    """Words of a panel before the end of each chunk, chunk words not counted."""
    chunks = chunks_of(pairs)
    return [BLOCK * (pairs - UNROLL * after) for after in reversed(range(chunks))]


def _uppers(m: int, k: int) -> int:
    """Words whose upper and lower halves both are weights: rows 1 of a panel, and odd k of its rows 2."""
    return (m + 1) // 3 * k + m // 3 * (k // 2)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Weights of which exactly `patches` (or as many as there is room for) need a patch."""
    m, k = shape["m"], shape["k"]
    a = rng.integers(-128, 128, (m, k), np.int8)
    if extreme:
        a = np.where(a < 0, -128, 127).astype(np.int8)
    places = [(i, j, i - 1, j) for i in range(1, m, 3) for j in range(k)]
    places += [(i, j, i, j - 1) for i in range(2, m, 3) for j in range(1, k, 2)]
    for i, j, below, before in places:
        if a[i, j] == -128 and a[below, before] >= 0:
            a[i, j] = -127
    for place in rng.permutation(len(places))[: shape.get("patches", 0)]:
        i, j, below, before = places[place]
        a[i, j], a[below, before] = -128, 127
    return {"a": a}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] (int8, any value); the core writes the panels that `pack_outer.pack_a` makes of it."""
    a = array(NAME, "a", operands["a"], np.int8, 2)
    count, pairs, where = -(-a.shape[0] // BLOCK), pairs_of(a.shape[1]), patches(a)
    return Call(
        {
            "packed": given(pack(a)),
            "a": room((count, BLOCK * pairs + chunks_of(pairs)), np.uint32),
            "patches": given(where if where.size else np.zeros(1, np.uint32)),
        },
        {"panels": count, "pairs": pairs, "npatches": where.size},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["a"]


@njit(cache=True)
def _expand(a: np.ndarray, first: int, words: np.ndarray, out: np.ndarray) -> None:
    m, k = a.shape
    for panel in range(out.shape[0]):
        at, pair = 0, 0
        for chunk in range(words.size):
            for _ in range(first if chunk == 0 else UNROLL):
                for word in range(3):
                    value = np.uint32(0)
                    for half in range(2):
                        row = 3 * panel + (2 if word == 1 else half)
                        column = 2 * pair + (half if word == 1 else word // 2)
                        if row < m and column < k:
                            value |= np.uint32(np.uint16(a[row, column])) << np.uint32(16 * half)
                    out[panel, at] = value
                    at += 1
                pair += 1
            out[panel, at] = words[chunk]
            at += 1


def twin(operands: Operands) -> np.ndarray:
    """The panels with their chunk words: uint32 [ceil(M / 3), 3 * pairs + chunks]."""
    a = operands["a"]
    pairs = pairs_of(a.shape[1])
    words = np.array(chunk_words(chunks_of(pairs)), np.uint32)
    out = np.zeros((-(-a.shape[0] // BLOCK), BLOCK * pairs + words.size), np.uint32)
    _expand(a.astype(np.int16), (pairs - 1) % UNROLL + 1, words, out)
    return out


def features(shape: Shape) -> tuple[float, ...]:
    """Call, panels; pairs and chunks over all panels; any patches, patches."""
    count, pairs = -(-shape["m"] // BLOCK), pairs_of(shape["k"])
    patched = min(shape.get("patches", 0), _uppers(shape["m"], shape["k"]))
    return 1, count, count * pairs, count * chunks_of(pairs), int(patched > 0), patched


def work(shape: Shape) -> Work:
    """21 cycles for twelve weights: 3 loads, 6 ANDs, 6 subtractions, 6 stores."""
    return Work(0, shape["m"] * shape["k"], 21 / 12 * shape["m"] * shape["k"])


KERNEL = Kernel(
    name=NAME,
    args=UNPACK_S8,
    dims={"m": (1, 14), "k": (1, 150), "patches": (0, 4)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"m": 24, "k": 576, "patches": 0},
        {"m": 60, "k": 256, "patches": 0},
        {"m": 60, "k": 256, "patches": 15},
    ),
)
