"""The way of depthwise 3x3 convolutions of bytes."""

from __future__ import annotations

from typing import Any

from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.depthwise import best
from spinntensor.plan.ways.setting import BYTES, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

N, H, W, C = range(4)
LANES = 4
"""Channels that the kernels take at a time."""
MOST_COLUMNS = 4
"""Widths of tiles that are tried."""


def depthwise(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A depthwise convolution of bytes with its requantisation, and the sum with another branch."""
    node = setting.node(stage, "conv2d")
    if node is None:  # another format's
        return ()
    graph, x, result = setting.lowered.graph, node.inputs[0], stage.results[0]
    a: dict[str, Any] = dict(attributes(node))
    kernel = graph[node.inputs[1]].type.shape[:2]
    stride, channels = a["stride"], stage.axes[C].size
    able = (
        kernel == (3, 3) and stride in ((1, 1), (2, 2)) and a["dilation"] == (1, 1) and channels % LANES == 0
    )
    same = graph[x].type.shape[C] == channels and setting.block(x) == setting.block(result)
    if not able or not same or setting.form(x) not in BYTES or setting.node(stage, "requantize") is None:
        return ()
    signed = setting.form(x) == "int8", setting.form(result) == "int8"
    residual = setting.node(stage, "add_q") is not None
    block = setting.block(x)
    size = tuple(axis.size for axis in stage.axes)

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, w, c = sizes
        top, left, bottom, right = a["padding"]
        down = (top, bottom) if h == size[H] else (0, 0)
        across = (left, right) if w == size[W] else (0, 0)
        border = (down[0], across[0], down[1], across[1])
        apart = (w < size[W], w < size[W])
        made = Depthwise((h, w), c, stride[0], border, block if block < c else 0, 0, apart)
        found = best(made, setting.room, Use(signed, "x" in stay, "w" in stay, residual, late=True))
        return () if found is None else (found,)

    tried = ((1,), balanced(size[H]), balanced(size[W])[:MOST_COLUMNS], balanced(channels, block or channels))
    operands = (("x", frozenset({N, H, W, C})), ("w", frozenset({C})), ("r", frozenset({N, H, W, C})))
    return (Way("depthwise 3x3", tried, operands, recipes, ((N, C, H, W),), units=(1, 1, 1, block or LANES)),)
