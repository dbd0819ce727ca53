"""Ways of matrix products of float32 and of bfp16."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import lcm

from spinntensor.errors import DTCMError
from spinntensor.kernels.block_float import PIECE
from spinntensor.lower.operations import EXACT
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import gemm_float, sums
from spinntensor.plan.recipes.bfp16_gemm import Product, fitting
from spinntensor.plan.recipes.gemm_float import WORD, Lying
from spinntensor.plan.ways.lying import magnitudes, padded, rows_of
from spinntensor.plan.ways.products import parts_of
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.way import Sizes, Way, balanced

M, N = range(2)
UNIT = 4
MOST_ROWS = 64
Recipes = Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]]


@lru_cache(1 << 12)
def _floats(m: int, n: int, k: int, room: int, lying: Lying) -> tuple[Recipe, ...]:
    try:
        return gemm_float.best(m, n, k, room, lying)
    except DTCMError:
        return ()


def float_matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product [M,K] by [K,N] of float32, whose long sums are added in order; () where padding lies within rows."""
    node = setting.node(stage, "matmul")
    if node is None or setting.form(node.inputs[0]) != "float32" or len(stage.axes) != 2:
        return ()
    shapes = [setting.lowered.graph[i].type.shape for i in node.inputs]
    a, b = (rows_of(setting.layout(i), s) for i, s in zip(node.inputs, shapes, strict=True))
    k, columns = shapes[0][-1], stage.axes[N].size
    if a is None or b is None or (b.step != WORD and columns > 1):
        return ()
    a_lies, b_lies = a, b
    if (a.pitch % DOUBLE and k > 1) or (b.pitch % DOUBLE and columns > 1):
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        m, n, *part = sizes
        depth = part[0] if part else k
        lying = Lying(
            a_lies.step,
            a_lies.pitch if depth == k else 0,
            b_lies.pitch if n == columns else 0,
            depth < k,
        )
        return setting.quickest(_floats(m, n, depth, setting.room, lying), stay)

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        try:
            return sums.in_order(parts, sizes, 1 if sizes[N] == columns else sizes[M], setting.room)
        except DTCMError:
            return None

    unit = lcm(a.pitch, DOUBLE) // a.pitch
    return _ways(stage, "float32 product", made, join, (PIECE,) if stage.sums else (), unit, False)


def bfp16_matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product [M,K] by [K,N] of bfp16, whose sums may be split between workers."""
    node = setting.node(stage, EXACT["matmul"])
    if node is None or len(stage.axes) != 2 or 0 in (a.size for a in stage.axes):
        return ()
    scale = magnitudes(setting, node)
    shapes = [setting.lowered.graph[i].type.shape for i in node.inputs[:2]]
    if scale is None or not all(padded(setting, i, s) for i, s in zip(node.inputs, shapes, strict=False)):
        return ()
    k, columns = shapes[0][-1], stage.axes[N].size

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        m, n, *part = sizes
        depth = part[0] if part else k
        tile = Product(m, n, depth, (depth == k, n == columns), depth < k, scale)
        return setting.quickest(fitting(tile, setting.room), stay)

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        return sums.join(parts, sizes, 1 if sizes[N] == columns else sizes[M], scale, setting.room)

    found = _ways(stage, "bfp16 product", made, join, ())
    if stage.sums is not None:
        found += _ways(stage, "bfp16 product, sums split", made, join, parts_of(k, 2 * UNIT)[1:4])
    return found


def _ways(
    stage: Stage,
    name: str,
    made: Recipes,
    join: Callable[[Sizes, int], Recipe | None],
    depths: tuple[int, ...],
    unit: int = 1,
    stays: bool = True,
) -> tuple[Way, ...]:
    """Ways of a product; `unit` of its rows; `stays`: whether its operands stay in the DTCM from tile to tile."""
    rows, columns = (axis.size for axis in stage.axes)
    if 0 in (rows, columns):
        return ()
    m = balanced(rows, unit, most=MOST_ROWS)[:6]
    n = parts_of(columns, UNIT)[:6]
    operands = (
        ("a", frozenset({M, *([2] if depths else [])})),
        ("b", frozenset({N, *([2] if depths else [])})),
    )
    extra = (2,) if depths else ()
    orders = ((M, N, *extra), (N, M, *extra))
    sizes = (m, n, *((depths,) if depths else ()))
    return (Way(name, sizes, operands if stays else (), made, orders, join, (unit, 1, *(1 for _ in extra))),)
