"""Ways of float32 windows."""

from __future__ import annotations

from typing import Any

from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.float_windows import Windows, maxima, sums
from spinntensor.plan.ways.lying import padded
from spinntensor.plan.ways.products import parts_of
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

PAIR = 2
"""Floats of a double word."""


MADE = {"sum_pool": sums, "max_pool": maxima}


def windows(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`sum_pool` and `max_pool` of float32, where pixels lie in whole double words."""
    node = setting.node(stage, *MADE)
    if node is None or setting.form(node.inputs[0]) != "float32" or len(stage.nodes) != 1:
        return ()
    if not padded(setting, node.inputs[0]):
        return ()
    a: dict[str, Any] = dict(attributes(node))
    _, height, width, held = setting.lowered.graph[node.inputs[0]].type.shape
    _, rows, columns, channels = (axis.size for axis in stage.axes)

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, w, c = sizes
        around = a["padding"][:2], a["padding"][2:]
        tile = Windows((h, w), a["window"], a["stride"], (height, width), c, held, around, w == columns)
        return setting.quickest(MADE[node.op](tile, setting.room), stay)

    sizes = ((1,), balanced(rows)[:4], balanced(columns)[:6], parts_of(channels, PAIR)[:8])
    return (Way(node.op, sizes, (), made, ((0, 1, 2, 3),)),)
