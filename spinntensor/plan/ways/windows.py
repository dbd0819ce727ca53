"""Ways of pooling bytes: maxima, means, and the mean of a whole image."""

from __future__ import annotations

from typing import Any

from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.pool import MAX, MEAN, Pool, global_mean
from spinntensor.plan.recipes.pool import pool as recipe_of
from spinntensor.plan.ways.setting import BYTES, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

NAMES = {"max_pool": MAX, "avg_pool_q": MEAN}
N, H, W, C = range(4)


def pool(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A window over bytes."""
    node = setting.node(stage, *NAMES)
    if node is None or setting.form(node.inputs[0]) not in BYTES:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    x = node.inputs[0]
    shape = setting.lowered.graph[x].type.shape
    size = tuple(axis.size for axis in stage.axes)
    block = setting.block(x)
    signed = setting.form(x) == "int8"
    whole = node.op == "avg_pool_q" and tuple(a["window"]) == shape[1:3] and not any(a["padding"])

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, w, c = sizes
        use = Use((signed, signed), "x" in stay)
        blocks = block if block < c else 0
        if whole:
            made = global_mean((shape[H], shape[W]), c, blocks, use)
        else:
            top, left, bottom, right = a["padding"]
            across = (left, right) if w == size[W] else (0, 0)
            down = (top, bottom) if h == size[H] else (0, 0)
            border = (down[0], across[0], down[1], across[1])
            apart = (w < size[W], w < size[W])
            divisors = bool(any(a["padding"]) and not a.get("count_border", True))
            sides = (a["window"], a["stride"])
            made = recipe_of(Pool(NAMES[node.op], (h, w), c, *sides, border, blocks, divisors, apart), use)
        return (made,) if made.dtcm_bytes <= setting.room else ()

    sizes = ((1,), balanced(size[H]), balanced(size[W])[:4], balanced(size[C], block or size[C]))
    operands = (("x", frozenset({N, H, W, C})), ("w", frozenset[int]()))
    return (Way(NAMES[node.op], sizes, operands, recipes, ((N, H, W, C),), units=(1, 1, 1, block or 1)),)
