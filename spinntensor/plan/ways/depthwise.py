"""The way of depthwise 3x3 convolutions of bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import read_back
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.depthwise import best
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.ways.field import Border, Field
from spinntensor.plan.ways.setting import BYTES, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

N, H, W, C = range(4)
TAPS = (3, 3)
MOST_COLUMNS = 4
"""Widths of tiles that are tried."""


@dataclass(frozen=True)
class Convolution:
    """What a stage computes, by sizes.

    Parameters
    ----------
    size : of the results [N,H,W,C].
    field : what windows read.
    block : channels of a block of the input, 0 where it lies in one piece, its pixels in whole double words.
    parts : in which each pixel of a block leaves, where the result's channels lie in other blocks; else 0.
    signed : whether input and result are int8, else uint8.
    residual : whether another branch is added.
    read : whether the results leave as float32.
    """

    size: tuple[int, ...]
    field: Field
    block: int
    parts: int
    signed: tuple[bool, bool]
    residual: bool
    read: bool

    def tile(self, border: Border, out: tuple[int, int], c: int, apart: tuple[bool, bool]) -> Depthwise:
        """A tile of so many rows, columns and channels; channels that only fill up pixels are computed as well."""
        block = self.block if self.block < c else 0
        return Depthwise(out, c if self.block else up(c), self.field.stride[0], border, block, 0, apart)

    def recipe(self, sizes: Sizes, room: int, use: Use) -> Recipe | None:
        """Of a tile of these sizes, away from the border where it is not a whole axis."""
        _, h, w, c = sizes
        border, apart = self.field.sized(h, w)
        tile = self.tile(border, (h, w), c, apart)
        made = best(tile, room, use)
        if made is None:
            return None
        if self.parts:
            (store,) = made.stores
            made = replace(made, stores=(replace(store, pieces=self.parts * tile.pixels * tile.blocks),))
        if self.read:
            made = read_back(made, tile.pixels * tile.channels, use.signed[1])
        return made if made.dtcm_bytes <= room else None


def described(setting: Setting, stage: Stage) -> Convolution | None:
    """The sizes of a stage of this kind; None for a convolution that these kernels do not compute."""
    node, last = setting.node(stage, "conv2d"), setting.node(stage, "requantize")
    if node is None or last is None or setting.form(node.inputs[0]) not in BYTES:
        return None
    graph, x = setting.lowered.graph, node.inputs[0]
    a: dict[str, Any] = dict(attributes(node))
    shape, kernel = graph[x].type.shape, graph[node.inputs[1]].type.shape[:2]
    size = tuple(axis.size for axis in stage.axes)
    able = kernel == TAPS and a["stride"] in ((1, 1), (2, 2)) and a["dilation"] == (1, 1)
    known = all(setting.constant(i) for i in (node.inputs[1], *last.inputs[1:]))
    layout = setting.layout(x)
    pixel = layout.block or layout.row if layout.shape == shape else shape[C]
    if not able or not known or setting.scales(stage) or shape[C] != size[C] or pixel % 8:
        return None
    final = setting.node(stage, "add_q") or last
    return Convolution(
        size,
        Field((size[H], size[W]), (shape[H], shape[W]), TAPS, a["stride"], a["padding"]),
        layout.block if layout.shape == shape else 0,
        setting.parts(stage.results[0], layout.block or size[C]),
        (setting.form(x) == "int8", final.type.format == "int8"),
        setting.node(stage, "add_q") is not None,
        setting.node(stage, "dequantize") is not None,
    )


def depthwise(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A depthwise convolution of bytes with its requantisation, and the sum with another branch."""
    found = described(setting, stage)
    if found is None:
        return ()

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        use = Use(found.signed, "x" in stay, "w" in stay, found.residual, late=True)
        made = found.recipe(sizes, setting.room, use)
        return () if made is None else (made,)

    size, unit = found.size, found.block or found.size[C]
    tried = ((1,), balanced(size[H]), balanced(size[W])[:MOST_COLUMNS], balanced(size[C], unit))
    operands = (("x", frozenset({N, H, W, C})), ("w", frozenset({C})), ("r", frozenset({N, H, W, C})))
    return (Way("depthwise 3x3", tried, operands, recipes, ((N, C, H, W),), units=(1, 1, 1, unit)),)
