"""Emitters of float32 matrix products: by panels of rows and columns, and with one vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.block_float import (
    FINDING,
    OTHER,
    SUM,
    WORD,
    Lines,
    cleared,
    counted,
    panel_bytes,
    product,
    result,
)
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.in_order import join
from spinntensor.image.emit.matrix import matrix
from spinntensor.image.emit.runs import fetched, lines, moved, stored
from spinntensor.image.emit.site import Run, Site
from spinntensor.image.pieces import doubles
from spinntensor.kernels.block_float import magnitude_bits
from spinntensor.lower.box import Span, sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.gemm_float import Cut, Lying

SUMS, Y = Spot("sums"), Spot("y")


def _steps(size: int, step: int) -> list[Span]:
    return [(at, min(at + step, size)) for at in range(0, size, step)]


class _Tile:
    """A tile: its part of A, of B, and of the sums."""

    def __init__(self, site: Site, task: Task, recipe: Recipe) -> None:
        node = site.node("matmul")
        assert node is not None
        self.site, self.task, self.node = site, task, node.id
        shapes = [site.lowered.graph[i].type.shape for i in node.inputs]
        self.a, self.b = (matrix(site, i, shape) for i, shape in zip(node.inputs, shapes, strict=True))
        self.rows, self.columns = task.box
        self.k = task.sums or (0, shapes[0][-1])
        detail: dict[str, Any] = dict(recipe.detail)
        m, n = sizes(task.box)
        lying = Lying(*detail["lying"])
        self.cut = Cut(m, n, self.k[1] - self.k[0], detail["chunk"], detail["group"], lying)
        self.bits = magnitude_bits(self.cut.k)
        self.turns = 0

    def count(self, chunk: int) -> tuple[Spot, Spot]:
        """Where rows of A and columns of B that are not finite are counted: once for each of them."""
        ours = [span[0] == 0 and chunk == 0 and self.k[0] == 0 for span in (self.columns, self.rows)]
        return FINDING if ours[0] else OTHER, FINDING if ours[1] else OTHER

    def fetch_a(self, rows: Span, k: Span, turn: int) -> tuple[list[Fetch], Lines]:
        """Rows of A, and how they lie in the DTCM."""
        row, count = self.cut.a_row, rows[1] - rows[0]
        found = self.a.lines(_moved(rows, self.rows[0]), _moved(k, self.k[0]), row)
        to = Spot("x", 0, doubles(row * count), turn, self.turns)
        return list(fetched("a", found, to)), Lines(
            to, count, k[1] - k[0], self.a.rows.step, row, 2 * row, rows[0]
        )

    def fetch_b(self, columns: Span, k: Span, region: str, turn: int) -> tuple[list[Fetch], Lines]:
        """Columns of B, and how they lie in the DTCM."""
        count, depth = columns[1] - columns[0], k[1] - k[0]
        row = self.cut.b_row(count)
        found = self.b.lines(_moved(k, self.k[0]), _moved(columns, self.columns[0]), row)
        to = Spot(region, 0, doubles(row * depth), turn, self.turns)
        return list(fetched("b", found, to)), Lines(
            to, count, depth, row, WORD, 2 * WORD, self.cut.m + columns[0]
        )

    def results(self, columns: Span) -> Step:
        """The sums of some columns as float32."""
        y = moved(Y, WORD * columns[0], 0)
        n = columns[1] - columns[0]
        distances = (n, self.cut.y_row)
        return result(SUMS, (0, self.cut.m + columns[0]), y, (self.cut.m, n), distances, self.bits)

    def store(self) -> Iterator[Action]:
        """The results, or what is added to those of other parts."""
        number = self.site.stage.results[0]
        if self.cut.lying.part:
            assert self.task.sums is not None
            part = self.site.cut.sums.index(self.task.sums)
            nbytes = doubles(self.cut.y_row * self.cut.m)
            runs = [Run(self.site.partial(part, self.task.box, WORD), nbytes, nbytes)]
        else:
            runs = self.site.runs(number, self.task.box, write=True)
        yield from stored("y", lines(runs), Y)
        yield counted(self.site, self.node, (self.task.box, self.task.sums))


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A product of two matrices, or of one with a vector."""
    made = _Tile(site, task, recipe)
    yield cleared(site)
    if recipe.kernel.startswith("gemv"):
        yield from _vector(made)
    else:
        yield from (_single(made) if made.cut.chunks == 1 else _chunked(made))
    yield from made.store()


def _single(t: _Tile) -> Iterator[Action]:
    """All of k at once: a group of columns is finished before the next one arrives."""
    cut, k = t.cut, (0, t.cut.k)
    rows, columns = _steps(cut.m, cut.group), _steps(cut.n, cut.group)
    t.turns = len(rows) + len(columns)
    count_rows, count_columns = t.count(0)
    for turn, span in enumerate(rows):
        fetches, found = t.fetch_a(span, k, turn)
        yield from fetches
        yield found.top(False)
        yield found.panel(Spot("a", WORD * span[0] * cut.k), t.bits, count_rows)
    for turn, span in enumerate(columns, len(rows)):
        fetches, found = t.fetch_b(span, k, "x", turn)
        yield from fetches
        yield found.top(False)
        yield found.panel(Spot("b"), t.bits, count_columns)
        n = span[1] - span[0]
        yield product(Spot("a"), Spot("b"), SUMS, (cut.m, n, cut.k), n, False)
        yield t.results(span)


def _chunked(t: _Tile) -> Iterator[Action]:
    """Some of k at a time, twice: the exponents of whole rows and columns come first."""
    cut = t.cut
    rows, columns = _steps(cut.m, cut.group), _steps(cut.n, cut.group)
    t.turns = 2 * cut.chunks * (len(rows) + len(columns))
    turn = 0
    for last in (False, True):
        for chunk, k in enumerate(_steps(cut.k, cut.chunk)):
            depth = k[1] - k[0]
            count_rows, count_columns = t.count(chunk)
            for span in rows:
                fetches, found = t.fetch_a(span, k, turn)
                turn += 1
                yield from fetches
                if last:
                    yield found.panel(Spot("a", WORD * span[0] * depth), t.bits, count_rows)
                else:
                    yield found.top(chunk > 0)
            for span in columns:
                fetches, found = t.fetch_b(span, k, "x", turn)
                turn += 1
                yield from fetches
                if not last:
                    yield found.top(chunk > 0)
                    continue
                yield found.panel(Spot("b"), t.bits, count_columns)
                shape = (cut.m, span[1] - span[0], depth)
                yield product(Spot("a"), Spot("b"), moved(SUMS, SUM * span[0], 0), shape, cut.n, chunk > 0)
    yield t.results((0, cut.n))


def _vector(t: _Tile) -> Iterator[Action]:
    """Rows of A meet a vector, a group at a time."""
    cut, k = t.cut, (0, t.cut.k)
    rows = _steps(cut.m, cut.group)
    count_rows, count_columns = t.count(0)
    t.turns = 1
    fetches, vector = t.fetch_b((0, 1), k, "vector", 0)
    yield from fetches
    yield vector.top(False)
    yield vector.panel(Spot("b"), t.bits, count_columns)
    t.turns = len(rows)
    for turn, span in enumerate(rows):
        fetches, found = t.fetch_a(span, k, turn)
        yield from fetches
        yield found.top(False)
        yield found.panel(Spot("a"), t.bits, count_rows)
        m = span[1] - span[0]
        sums = Spot("sums", SUM * span[0], SUM * m)
        words = {"m": m, "k": cut.k, "accumulate": 0}
        operands = {"a": Spot("a", 0, panel_bytes(m, cut.k)), "x": Spot("b"), "y": sums}
        yield Step("gemv_f32_4_u32", {**operands, **words})
    yield t.results((0, 1))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel in ("gemm_f32 2x2", "gemv_f32 4", "pieces added")


FAMILY = Family(_matches, tile, join)
