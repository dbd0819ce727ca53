"""Recipes of float32 matrix products: `gemm_f32_tile` call for call, and the product with one vector.

C[M,N] = A[M,K] B[K,N] with K up to 8,192; longer sums are cut there into pieces whose float32 results are added in
order. Operands arrive as they lie in the SDRAM: A by rows, B by rows of K or, `turned`, by columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from spinntensor.errors import DTCMError
from spinntensor.kernels.block_float import PIECE
from spinntensor.kernels.check import word
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans

NAME = "gemm_f32"


def matmul(m: int, n: int, k: int, chunk: int = 0, group: int = 8, turned: bool = False) -> Recipe:
    """A tile as `gemm_f32_tile.GemmTile(m, n, k, chunk, group)` builds it.

    With several chunks operands arrive twice, first for the exponents of whole rows and columns, and the sums of all
    of C wait in the DTCM. The staging buffer `x`, the results and the counts have two places. `turned`: whether
    columns of B lie side by side; else a group of them is fetched row by row, unless one group holds all.
    OperandError for k beyond a piece.
    """
    word(NAME, "k", k, 1, PIECE)
    chunk = chunk or k
    depths = spans(k, chunk)
    depth, whole = depths[0][0], sum(times for _, times in depths) > 1
    group = min(group, max(m, n))
    columns = n if whole else min(group, n)
    sizes = (
        ("x", 4 * group * depth, 2),
        ("a", 4 * (m + m % 2) * depth, 1),
        ("b", 4 * (group + group % 2) * depth, 1),
        ("sums", 8 * m * columns, 1),
        ("y", 4 * m * columns, 2),
        ("tops", 4 * (m + n), 1),
        ("exponents", 4 * (m + n), 1),
        ("counts", 16, 2),
    )
    passes, chunks = (2 if whole else 1), sum(times for _, times in depths)
    rows, parts = (sum(times for _, times in spans(size, group)) for size in (m, n))
    by_row = chunks * (m if whole else rows)
    by_column = chunks * (n if whole else parts) if turned else chunks if parts == 1 else k * parts
    loads = (
        moved("counts", 16),
        moved("a", passes * 4 * m * k, passes * by_row),
        moved("b", passes * 4 * n * k, passes * by_column),
    )
    stores = (moved("y", 4 * m * n, 1 if whole else parts), moved("counts", 8))
    detail = (("chunk", chunk), ("group", group))
    return Recipe(
        f"{NAME} 2x2",
        regions(sizes),
        gathered(_calls(m, n, depths, group, whole)),
        loads,
        stores,
        m * n * k,
        0,
        detail,
    )


def _calls(m: int, n: int, depths: list[tuple[int, int]], group: int, whole: bool) -> Iterator[Call]:
    for depth, times in depths:
        for size in (m, n):
            for r, count in spans(size, group):
                yield call("convert_f32_top", times * count, rows=r, k=depth)
                yield call("convert_f32_panel", times * count, rows=r, k=depth)
        for r, count in spans(n, group):
            first = 1 if depth == depths[0][0] else 0
            yield call("gemm_f32_2x2_u64", first * count, m=m, n=r, k=depth, accumulate=0)
            yield call("gemm_f32_2x2_u64", (times - first) * count, m=m, n=r, k=depth, accumulate=1)
    for r, count in [(n, 1)] if whole else spans(n, group):
        yield call("convert_f32_result", count, m=m, n=r)


def gemv(m: int, k: int, group: int = 8) -> Recipe:
    """y[M] = A[M,K] x[K]: rows of A arrive in groups, become mantissas and meet the vector, a group at a time."""
    word(NAME, "k", k, 1, PIECE)
    group = min(group, m)
    sizes = (
        ("x", 4 * group * k, 2),
        ("vector", 4 * k, 2),
        ("a", 4 * (group + group % 2) * k, 1),
        ("b", 8 * k, 1),
        ("sums", 8 * m, 1),
        ("y", 4 * m, 2),
        ("tops", 4 * (m + 1), 1),
        ("exponents", 4 * (m + 1), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        for r, count in [(1, 1), *spans(m, group)]:
            yield call("convert_f32_top", count, rows=r, k=k)
            yield call("convert_f32_panel", count, rows=r, k=k)
        for r, count in spans(m, group):
            yield call("gemv_f32_4_u32", count, m=r, k=k, accumulate=0)
        yield call("convert_f32_result", m=m, n=1)

    groups = sum(count for _, count in spans(m, group))
    loads = (moved("counts", 16), moved("b", 4 * k), moved("a", 4 * m * k, groups))
    stores = (moved("y", 4 * m), moved("counts", 8))
    return Recipe(
        "gemv_f32 4", regions(sizes), gathered(calls()), loads, stores, m * k, 0, (("group", group),)
    )


@lru_cache(4096)
def best(m: int, n: int, k: int, room: int = ROOM, turned: bool = False) -> tuple[Recipe, ...]:
    """The recipes that fit `room` and are not worse than another in both cycles and loaded bytes, quickest first.

    DTCMError, with the regions of the smallest one, when none fits.
    """
    found: list[Recipe] = []
    smallest: Recipe | None = None
    for chunk in dict.fromkeys((k, *(c for c in (1024, 512, 256, 128, 64, 32) if c < k))):
        for group in dict.fromkeys(min(g, max(m, n)) for g in (2, 4, 8, 16, 32, n + n % 2)):
            recipe = matmul(m, n, k, chunk, group, turned)
            if recipe.dtcm_bytes <= room:
                found.append(recipe)
            if smallest is None or recipe.dtcm_bytes < smallest.dtcm_bytes:
                smallest = recipe
    if n == 1:
        found += [r for r in (gemv(m, k, g) for g in (4, 8, 16)) if r.dtcm_bytes <= room]
    assert smallest is not None
    return pareto(NAME, found, smallest, room)


def pareto(name: str, found: list[Recipe], smallest: Recipe, room: int) -> tuple[Recipe, ...]:
    """Those of `found` that no other beats in both cycles and loaded bytes; DTCMError when there is none."""
    if not found:
        raise DTCMError(name, smallest.dtcm_bytes, room, {r.name: r.total for r in smallest.regions})
    order = sorted(found, key=lambda r: (cycles(r), loaded(r), r.dtcm_bytes, r.detail and str(r.detail)))
    kept: list[Recipe] = []
    for recipe in order:
        if not kept or loaded(recipe) < loaded(kept[-1]):
            kept.append(recipe)
    return tuple(kept)


def cycles(recipe: Recipe) -> float:
    """Model cycles of its kernels."""
    return sum(c.cycles for c in recipe.calls)


def loaded(recipe: Recipe) -> int:
    """Bytes that it loads."""
    return sum(t.nbytes for t in recipe.loads)
