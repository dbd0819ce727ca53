"""Recipes of float32 matrix products: `gemm_f32_tile` call for call, and the product with one vector.

C[M,N] = A[M,K] B[K,N] with K up to 8,192; longer sums are cut there into pieces whose float32 results are added in
order. Operands arrive as they lie in the SDRAM, A and B by their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache

from spinntensor.errors import DTCMError
from spinntensor.kernels.block_float import PIECE
from spinntensor.kernels.check import word
from spinntensor.machine.facts import facts
from spinntensor.plan.engine import engine_cycles
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

NAME = "gemm_f32"
WORD = 4
"""Bytes of a float32."""


@dataclass(frozen=True)
class Lying:
    """How the operands of a tile lie in SDRAM.

    Parameters
    ----------
    a_step : bytes from one element of a row of A to the next.
    a_row, b_row : bytes from row to row of A, and of B, where a tile has whole ones, which then lie side by side; else
        0, and the tile's part of each row is a transfer of its own.
    part : whether results leave as a part of longer sums, without padding behind their rows.
    """

    a_step: int = WORD
    a_row: int = 0
    b_row: int = 0
    part: bool = False


@dataclass(frozen=True)
class Cut:
    """A tile's product in pieces: `chunk` of k at a time, `group` rows of A or columns of B at a time."""

    m: int
    n: int
    k: int
    chunk: int
    group: int
    lying: Lying = Lying()

    @property
    def chunks(self) -> int:
        """Pieces of k; with several, all operands arrive twice."""
        return -(-self.k // self.chunk)

    @property
    def columns(self) -> int:
        """Columns of C that wait as sums at a time."""
        return self.n if self.chunks > 1 else min(self.group, self.n)

    @property
    def adjacent(self) -> bool:
        """Whether the rows of A that arrive at a time lie side by side."""
        return self.chunks == 1 and bool(self.lying.a_row)

    @property
    def joined(self) -> bool:
        """Whether the rows of B that arrive at a time lie side by side."""
        return self.group >= self.n and bool(self.lying.b_row)

    @property
    def a_row(self) -> int:
        """Bytes from row to row of A in the DTCM."""
        return self.lying.a_row if self.adjacent else up(self.lying.a_step * self.chunk)

    def b_row(self, columns: int) -> int:
        """Bytes from row to row of B in the DTCM, when so many columns arrive."""
        return self.lying.b_row if self.joined else up(WORD * columns)

    @property
    def y_row(self) -> int:
        """Bytes from row to row of the results."""
        return WORD * self.n if self.lying.part else up(WORD * self.n)


def matmul(m: int, n: int, k: int, chunk: int = 0, group: int = 8, lying: Lying | None = None) -> Recipe:
    """A tile as `gemm_f32_tile.GemmTile(m, n, k, chunk, group)` builds it, its results together.

    With several chunks operands arrive twice, first for the exponents of whole rows and columns, and the sums of all
    of C wait in the DTCM. The staging buffer `x`, the results and the counts have two places. `lying` is that of a
    whole A and B where it is not given. OperandError for k beyond a piece.
    """
    word(NAME, "k", k, 1, PIECE)
    lying = lying or Lying(a_row=up(WORD * k), b_row=up(WORD * n))
    cut = Cut(m, n, k, chunk or k, min(group, max(m, n)), lying)
    group, depths = cut.group, spans(k, cut.chunk)
    width = min(group, n)
    sizes = (
        ("x", max(cut.a_row * min(group, m), up(cut.b_row(width) * cut.chunk)), 2),
        ("a", WORD * (m + m % 2) * cut.chunk, 1),
        ("b", WORD * (width + width % 2) * cut.chunk, 1),
        ("sums", 8 * m * cut.columns, 1),
        ("y", cut.y_row * m, 2),
        ("tops", WORD * (m + n), 1),
        ("exponents", WORD * (m + n), 1),
        ("counts", 16, 2),
    )
    passes = 2 if cut.chunks > 1 else 1
    loads = (
        moved("counts", 16),
        moved("a", passes * _a_bytes(cut), passes * (_groups(m, group) if cut.adjacent else cut.chunks * m)),
        moved("b", passes * _b_bytes(cut), passes * (cut.chunks if cut.joined else k * _groups(n, group))),
    )
    stores = (moved("y", cut.y_row * m, 1 if lying.part or lying.b_row else m), moved("counts", 8))
    return Recipe(
        f"{NAME} 2x2",
        regions(sizes),
        gathered(_calls(m, n, depths, group, cut.chunks > 1)),
        loads,
        stores,
        m * n * k,
        0,
        (("chunk", cut.chunk), ("group", group), ("lying", astuple(lying))),
    )


def _groups(size: int, group: int) -> int:
    return -(-size // group)


def _a_bytes(cut: Cut) -> int:
    """Bytes of A that arrive in one pass."""
    if cut.adjacent:
        return cut.m * cut.a_row
    return cut.m * sum(times * up(cut.lying.a_step * depth) for depth, times in spans(cut.k, cut.chunk))


def _b_bytes(cut: Cut) -> int:
    """The same of B."""
    if cut.joined:
        return sum(times * up(cut.lying.b_row * depth) for depth, times in spans(cut.k, cut.chunk))
    return cut.k * sum(times * up(WORD * columns) for columns, times in spans(cut.n, cut.group))


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


def gemv(m: int, k: int, group: int = 8, lying: Lying | None = None) -> Recipe:
    """y[M] = A[M,K] x[K]: rows of A arrive in groups, become mantissas and meet the vector, a group at a time."""
    word(NAME, "k", k, 1, PIECE)
    lying = lying or Lying(a_row=up(WORD * k), b_row=up(WORD))
    cut = Cut(m, 1, k, k, min(group, m), lying)
    group = cut.group
    vector = up(cut.b_row(1) * k)
    sizes = (
        ("x", cut.a_row * group, 2),
        ("vector", vector, 2),
        ("a", WORD * (group + group % 2) * k, 1),
        ("b", 8 * k, 1),
        ("sums", 8 * m, 1),
        ("y", cut.y_row * m, 2),
        ("tops", WORD * (m + 1), 1),
        ("exponents", WORD * (m + 1), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        for r, count in [(1, 1), *spans(m, group)]:
            yield call("convert_f32_top", count, rows=r, k=k)
            yield call("convert_f32_panel", count, rows=r, k=k)
        for r, count in spans(m, group):
            yield call("gemv_f32_4_u32", count, m=r, k=k, accumulate=0)
        yield call("convert_f32_result", m=m, n=1)

    loads = (
        moved("counts", 16),
        moved("b", vector, 1 if cut.joined else k),
        moved("a", _a_bytes(cut), _groups(m, group) if cut.adjacent else m),
    )
    stores = (moved("y", cut.y_row * m), moved("counts", 8))
    detail = (("chunk", k), ("group", group), ("lying", astuple(lying)))
    return Recipe("gemv_f32 4", regions(sizes), gathered(calls()), loads, stores, m * k, 0, detail)


@lru_cache(4096)
def best(m: int, n: int, k: int, room: int = ROOM, lying: Lying | None = None) -> tuple[Recipe, ...]:
    """The recipes that fit `room` and are not worse than another by the same kernels in both effort and loaded bytes.

    DTCMError, with the regions of the smallest one, when none fits.
    """
    found: list[Recipe] = []
    smallest: Recipe | None = None
    for chunk in dict.fromkeys((k, *(c for c in (1024, 512, 256, 128, 64, 32) if c < k))):
        for group in dict.fromkeys(min(g, max(m, n)) for g in (2, 4, 8, 16, 32, n + n % 2)):
            recipe = matmul(m, n, k, chunk, group, lying)
            if recipe.dtcm_bytes <= room:
                found.append(recipe)
            if smallest is None or recipe.dtcm_bytes < smallest.dtcm_bytes:
                smallest = recipe
    vector = [gemv(m, k, g, lying) for g in (4, 8, 16)] if n == 1 else []
    vector = [r for r in vector if r.dtcm_bytes <= room]
    assert smallest is not None
    if vector and not found:
        return pareto(NAME, vector, smallest, room)
    kept = pareto(NAME, found, smallest, room)
    return (*kept, *pareto(NAME, vector, smallest, room)) if vector else kept


def pareto(name: str, found: list[Recipe], smallest: Recipe, room: int) -> tuple[Recipe, ...]:
    """Those of `found` that no other beats in both effort and loaded bytes; DTCMError when there is none."""
    if not found:
        raise DTCMError(name, smallest.dtcm_bytes, room, {r.name: r.total for r in smallest.regions})
    order = sorted(found, key=lambda r: (effort(r), loaded(r), r.dtcm_bytes, r.detail and str(r.detail)))
    kept: list[Recipe] = []
    for recipe in order:
        if not kept or loaded(recipe) < loaded(kept[-1]):
            kept.append(recipe)
    return tuple(kept)


def cycles(recipe: Recipe) -> float:
    """Model cycles of its kernels."""
    return sum(c.cycles for c in recipe.calls)


def effort(recipe: Recipe) -> float:
    """Model cycles of its kernels and of the tile engine, which starts each transfer."""
    moves = sum(t.pieces for t in (*recipe.loads, *recipe.stores))
    return cycles(recipe) + engine_cycles(moves, 1, sum(c.count for c in recipe.calls), facts())


def loaded(recipe: Recipe) -> int:
    """Bytes that it loads."""
    return sum(t.nbytes for t in recipe.loads)
