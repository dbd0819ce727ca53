"""Recipes of bfp16 matrix products: operands as they lie in SDRAM, rounded and packed in the DTCM, in chunks of k."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.pack_outer import pairs_of
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.bfp16_conv import GEMM, HALF, PIXELS, RESULT, SHIFT, SUM, WORD
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans

ROWS = "bfp16_round13_outer_u32"
CHUNKS = (4096, 2048, 1024, 512, 256, 128, 64, 32)


def product(m: int, n: int, k: int, chunk: int, whole: bool = True, sums: bool = False) -> Recipe:
    """C[M,N] = A[M,K] B[K,N], both row-major, `chunk` k at a time.

    Parameters
    ----------
    whole : whether a tile has all columns of B, whose rows then lie side by side.
    sums : whether the int64 sums leave instead of float32.
    """
    parts = spans(k, chunk)
    count, largest = sum(times for _, times in parts), parts[0][0]
    sizes = (
        ("a rows", HALF * 2 * pairs_of(largest) * m, 2),
        ("b rows", HALF * largest * n, 2),
        ("a", 4 * panel_words(m, largest, "a"), 1),
        ("b", 4 * panel_words(n, largest, "b"), 1),
        ("c", SUM * m * n, 2 if sums else 1),
        ("y", 0 if sums else WORD * m * n, 2),
        ("exponents", 0 if sums else WORD * (m + n), 1),
    )

    def calls() -> Iterator[Call]:
        for depth, times in parts:
            first = int(depth == largest)
            yield call(ROWS, times, r=m, k=depth, shift=SHIFT, chunk_words=1)
            yield call(PIXELS, times, rows=n, columns=depth, lines=1, chunk_words=0)
            yield call("bfp16_round13", times, n=depth * -(-n // 3) * 3, shift=SHIFT)
            yield call(GEMM, first, m=m, n=n, k=depth, accumulate=0)
            yield call(GEMM, times - first, m=m, n=n, k=depth, accumulate=1)
        if not sums:
            yield call(RESULT, m=m, n=n)

    loads = (
        moved("a", HALF * m * k, 1 if count == 1 else m * count, count),
        moved("b", HALF * n * k, count if whole else k, count),
        *(() if sums else (moved("exponents", WORD * (m + n)),)),
    )
    stores = (moved("y", (SUM if sums else WORD) * m * n, 1 if whole else m),)
    detail = (("chunk", chunk),)
    return Recipe("bfp16 product", regions(sizes), gathered(calls()), loads, stores, m * n * k, 0, detail)


@lru_cache(1 << 12)
def fitting(m: int, n: int, k: int, whole: bool, sums: bool, room: int = ROOM) -> tuple[Recipe, ...]:
    """The recipes that fit `room`."""
    chunks = dict.fromkeys((k, *(c for c in CHUNKS if c < k)))
    made = (product(m, n, k, chunk, whole, sums) for chunk in chunks)
    return tuple(r for r in made if r.dtcm_bytes <= room)
