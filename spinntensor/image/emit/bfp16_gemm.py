"""Emitter of bfp16 matrix products: rows and columns are rounded to 13 bits and packed, some of k at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinntensor.image.emit import sums
from spinntensor.image.emit.action import Action, Spot, Step, Word
from spinntensor.image.emit.bfp16_scale import SUM, Scale
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.matrix import matrix
from spinntensor.image.emit.runs import fetched, lines, stored
from spinntensor.image.emit.site import Run, Site
from spinntensor.image.pieces import doubles
from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.lower.box import sizes
from spinntensor.lower.operations import EXACT
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bfp16_conv import GEMM, HALF, PIXELS, ROUND, WORD
from spinntensor.plan.recipes.bfp16_gemm import ROWS


def panels(region: str, rows: int, k: int, side: str) -> Spot:
    """Panels of some rows of A, or columns of B."""
    return Spot(region, 0, WORD * panel_words(rows, k, side))


def rounded(x: Spot, halves: int, shift: Word) -> Step:
    """Mantissas to 13 bits where they lie."""
    return Step(ROUND, {"x": x, "quads": -(-halves // 4), "shift": shift})


def packed(x: Spot, to: Spot, rows: int, shape: tuple[int, int], strides: tuple[int, int], side: int) -> Step:
    """Panels of rows that lie side by side; `shape`: k in a line, and lines, both `strides` bytes apart."""
    words = {"rows": rows, "columns": shape[0], "lines": shape[1], "chunk_words": side}
    return Step(PIXELS, {"x": x, "panels": to, **words, "k_stride": strides[0], "line_stride": strides[1]})


def product(a: Spot, b: Spot, c: Spot, shape: tuple[int, int, int], accumulate: bool) -> Step:
    """Sums of m by n products over k, row by row."""
    m, n, k = shape
    sizes = {"m": m, "n": n, "pairs": pairs_of(k), "ldc": n, "accumulate": int(accumulate)}
    return Step(GEMM, {"a": a, "b": b, "c": c, **sizes})


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of a product, or what it leaves of a part of the sums."""
    node = site.node(EXACT["matmul"])
    assert node is not None
    shapes = [site.lowered.graph[i].type.shape for i in node.inputs[:2]]
    a, b = (matrix(site, i, shape) for i, shape in zip(node.inputs, shapes, strict=False))
    (rows, columns), k = task.box, task.sums or (0, shapes[0][-1])
    (m, n), part = sizes(task.box), site.cut.partial
    detail: dict[str, Any] = dict(recipe.detail)
    chunk, scale = detail["chunk"], Scale(site, node)
    starts = range(k[0], k[1], chunk)
    alone = "" if len(starts) == 1 else " parts"
    c = Spot("c", 0, SUM * m * n)
    if not part:
        yield scale.cleared()
    yield from scale.arrived()
    if not part:
        yield from scale.exponents(rows, columns)
    for number, first in enumerate(starts):
        some = first, min(first + chunk, k[1])
        depth = some[1] - some[0]
        row, pitch = doubles(HALF * depth), doubles(HALF * n)
        x = Spot("a rows", 0, row * m, number, len(starts))
        y = Spot("b rows", 0, pitch * depth, number, len(starts))
        yield from fetched("a" + alone, a.lines(rows, some, row), x)
        yield from fetched("b" + alone, b.lines(some, columns, pitch), y)
        left, right = panels("a", m, depth, "a"), panels("b", n, depth, "b")
        words = {"rows": m, "pairs": pairs_of(depth), "pitch": row, "chunk_words": 1}
        yield Step(ROWS, {"x": x, "panels": left, **words, "shift": scale.shift(0)})
        yield packed(y, right, n, (depth, 1), (pitch, 0), 0)
        yield rounded(right, 2 * pairs_of(depth) * BLOCK * -(-n // BLOCK), scale.shift(1))
        yield product(left, right, c, (m, n, depth), number > 0)
    if part:
        assert task.sums is not None
        where = site.partial(site.cut.sums.index(task.sums), task.box, SUM)
        yield from stored("y", lines([Run(where, c.nbytes, c.nbytes)]), c)
        return
    result = Spot("y", 0, doubles(WORD * n) * m)
    yield scale.result(c, result, (m, n), m, n, doubles(WORD * n))
    yield from stored("y", lines(site.runs(site.stage.results[0], task.box, write=True)), result)
    yield scale.counted((task.box,))


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel in ("bfp16 product", "sums joined") and site.node(EXACT["matmul"]) is not None


FAMILY = Family(_matches, tile, sums.join)
