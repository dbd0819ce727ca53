"""Ways of matrix products of float32 and of bfp16."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from spinntensor.errors import DTCMError
from spinntensor.kernels.block_float import PIECE
from spinntensor.lower.operations import EXACT
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import gemm_float, reductions, sums
from spinntensor.plan.recipes.bfp16_gemm import fitting
from spinntensor.plan.ways.products import parts_of
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

M, N = range(2)
UNIT = 4
MOST_ROWS = 64
Recipes = Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]]


@lru_cache(1 << 12)
def _floats(m: int, n: int, k: int, room: int) -> tuple[Recipe, ...]:
    try:
        return gemm_float.best(m, n, k, room)
    except DTCMError:
        return ()


def float_matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product [M,K] by [K,N] of float32; sums beyond a piece are added in order."""
    node = setting.node(stage, "matmul")
    if node is None or setting.form(node.inputs[0]) != "float32" or len(stage.axes) != 2:
        return ()
    k = setting.lowered.graph[node.inputs[0]].type.shape[-1]

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        m, n, *part = sizes
        return setting.quickest(_floats(m, n, part[0] if part else k, setting.room), stay)

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        return reductions.in_order(parts, sizes[M] * sizes[N], setting.room)

    return _ways(stage, "float32 product", made, join, (PIECE,) if stage.sums else ())


def bfp16_matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product [M,K] by [K,N] of bfp16, whose sums may be split between workers."""
    node = setting.node(stage, EXACT["matmul"])
    if node is None or len(stage.axes) != 2 or 0 in (a.size for a in stage.axes):
        return ()
    k = setting.lowered.graph[node.inputs[0]].type.shape[-1]
    columns, exact = stage.axes[N].size, attributes(node)["format"] == "sums"

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        m, n, *part = sizes
        depth = part[0] if part else k
        left = exact or depth < k
        return setting.quickest(fitting(m, n, depth, n == columns, left, setting.room), stay)

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        return sums.join(parts, sizes, setting.room, not exact)

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
) -> tuple[Way, ...]:
    rows, columns = (axis.size for axis in stage.axes)
    if 0 in (rows, columns):
        return ()
    m = balanced(rows, most=MOST_ROWS)[:6]
    n = parts_of(columns, UNIT)[:6]
    operands = (
        ("a", frozenset({M, *([2] if depths else [])})),
        ("b", frozenset({N, *([2] if depths else [])})),
    )
    extra = (2,) if depths else ()
    orders = ((M, N, *extra), (N, M, *extra))
    return (Way(name, (m, n, *((depths,) if depths else ())), operands, made, orders, join),)
