"""Recipes of bfp16 matrix products: operands as they lie in SDRAM, rounded and packed in the DTCM, in chunks of k."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes.bfp16_conv import COUNT, GEMM, HALF, PIXELS, RESULT, SHIFT, SUM, WORD
from spinntensor.plan.recipes.bfp16_scale import ALONE, Scale
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

ROWS = "bfp16_round13_outer_u32"
CHUNKS = (4096, 2048, 1024, 512, 256, 128, 64, 32)


@dataclass(frozen=True)
class Product:
    """A tile of C[M,N] = A[M,K] B[K,N], both row-major.

    Parameters
    ----------
    m, n, k : its sizes.
    whole : whether it has whole rows of A, and whole rows of B, which then lie side by side.
    part : whether the int64 sums leave as a part of longer ones, instead of float32.
    scale : the magnitudes of both factors.
    """

    m: int
    n: int
    k: int
    whole: tuple[bool, bool] = (True, True)
    part: bool = False
    scale: Scale = ALONE


def product(t: Product, chunk: int) -> Recipe:
    """The tile, `chunk` k at a time."""
    m, n, k = t.m, t.n, t.k
    parts = spans(k, chunk)
    count, largest = sum(times for _, times in parts), parts[0][0]
    row = up(WORD * n)
    sizes = (
        ("a rows", up(HALF * largest) * m, 2),
        ("b rows", largest * up(HALF * n), 2),
        ("a", 4 * panel_words(m, largest, "a"), 1),
        ("b", 4 * panel_words(n, largest, "b"), 1),
        ("c", SUM * m * n, 2 if t.part else 1),
        ("y", 0 if t.part else row * m, 2),
        *t.scale.regions(m, n, not t.part),
        ("counts", 0 if t.part else COUNT, 2),
    )

    def calls() -> Iterator[Call]:
        yield from t.scale.calls(m, n, not t.part)
        for depth, times in parts:
            first = int(depth == largest)
            yield call(ROWS, times, r=m, k=depth, shift=SHIFT, chunk_words=1)
            yield call(PIXELS, times, rows=n, columns=depth, lines=1, chunk_words=0)
            yield call("bfp16_round13", times, n=2 * pairs_of(depth) * BLOCK * -(-n // BLOCK), shift=SHIFT)
            yield call(GEMM, first, m=m, n=n, k=depth, accumulate=0)
            yield call(GEMM, times - first, m=m, n=n, k=depth, accumulate=1)
        if not t.part:
            yield call(RESULT, m=m, n=n)

    a_bytes = m * sum(times * up(HALF * depth) for depth, times in parts)
    alone = "" if count == 1 else " parts"
    loads = (
        *t.scale.loads(),
        moved("a" + alone, a_bytes, 1 if count == 1 and t.whole[0] else m * count, count),
        moved("b" + alone, k * up(HALF * n), count if t.whole[1] else k, count),
        *(() if t.part else (moved("counts", COUNT),)),
    )
    if t.part:
        stores: tuple[Transfer, ...] = (moved("y", SUM * m * n),)
    else:
        stores = (moved("y", row * m, 1 if t.whole[1] else m), moved("counts", COUNT))
    detail = (("chunk", chunk),)
    return Recipe("bfp16 product", regions(sizes), gathered(calls()), loads, stores, m * n * k, 0, detail)


@lru_cache(1 << 12)
def fitting(t: Product, room: int = ROOM) -> tuple[Recipe, ...]:
    """The recipes that fit `room`."""
    chunks = dict.fromkeys((t.k, *(c for c in CHUNKS if c < t.k)))
    made = (product(t, chunk) for chunk in chunks)
    return tuple(r for r in made if r.dtcm_bytes <= room)
