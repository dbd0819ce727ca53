"""Ways of float32 convolutions, forward and back, by their exact products."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.kernels.block_float import PIECE
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import conv_float, sums
from spinntensor.plan.recipes.conv_float import Weight
from spinntensor.plan.recipes.windows import Adjoint, Conv
from spinntensor.plan.ways.lying import padded
from spinntensor.plan.ways.products import parts_of
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

N, H, W, C = range(4)
PAIR = 2
"""Floats of a double word, at whose multiples channels are cut."""
WIDTHS = 5
"""Widths of tiles that are tried."""
MOST_ROWS = 8
Recipes = Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]]


def _node(setting: Setting, stage: Stage, name: str) -> Node | None:
    node = setting.node(stage, name)
    if node is None or setting.form(node.inputs[0]) != "float32":
        return None
    a = attributes(node)
    if a["groups"] != 1 or a["dilation"] != (1, 1):
        return None
    return node if all(padded(setting, i) for i in node.inputs[:2]) else None


def _shapes(setting: Setting, node: Node) -> list[tuple[int, ...]]:
    return [setting.lowered.graph[i].type.shape for i in node.inputs[:2]]


@lru_cache(1 << 12)
def _by_input(t: Adjoint, room: int, held: int, wide: bool) -> tuple[Recipe, ...]:
    try:
        return conv_float.best_by_input(t, room, held, wide)
    except (DTCMError, OperandError):
        return ()


@lru_cache(1 << 12)
def _best(c: Conv, room: int, held: int, wide: bool) -> tuple[Recipe, ...]:
    try:
        return conv_float.best(c, room, held, wide)
    except (DTCMError, OperandError):
        return ()


def float_conv2d(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`conv2d` of float32; () where a field has more than a piece of a sum."""
    node = _node(setting, stage, "conv2d")
    if node is None or stage.sums is not None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    _, w = _shapes(setting, node)
    columns = stage.axes[W].size

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, wide, c = sizes
        tile = Conv((h, wide), w[2], c, (w[0], w[1]), a["stride"], any(a["padding"]))
        return setting.quickest(_best(tile, setting.room, w[3], wide == columns), stay)

    return _image_ways(stage, "float32 conv", made, (1, 1))


def float_conv2d_input(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the input: a convolution of the cotangent for each class of pixels."""
    node = _node(setting, stage, "conv2d_input")
    if node is None or stage.sums is not None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    _, w = _shapes(setting, node)
    columns = stage.axes[W].size

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, wide, c = sizes
        tile = Adjoint((h, wide), w[3], c, (w[0], w[1]), a["stride"], a["padding"][::2])
        return setting.quickest(_by_input(tile, setting.room, w[2], wide == columns), stay)

    return _image_ways(stage, "float32 conv by input", made, a["stride"])


def _image_ways(stage: Stage, name: str, made: Recipes, steps: tuple[int, int]) -> tuple[Way, ...]:
    size = tuple(axis.size for axis in stage.axes)
    if 0 in size:
        return ()
    rows = tuple(h for h in balanced(size[H], steps[0]) if h <= MOST_ROWS * steps[0])
    columns = balanced(size[W], steps[1])[:WIDTHS]
    sizes = ((1,), rows, columns, parts_of(size[C], PAIR)[:3])
    operands = (("w", frozenset({C})),)
    return (Way(name, sizes, operands, made, ((N, H, W, C), (C, N, H, W)), units=(1, *steps, 1)),)


def float_conv2d_weight(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the weights, in pieces of the sums that are added up in order."""
    node = _node(setting, stage, "conv2d_weight")
    if node is None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    x, c = _shapes(setting, node)
    size = tuple(axis.size for axis in stage.axes)
    pixels = c[1] * c[2]
    split = stage.sums is not None
    if 0 in size or pixels == 0 or (split and PIECE % pixels):
        return ()
    (top, _, left, _), (sy, sx) = a["padding"], a["stride"]
    width = max(left + x[2], (c[2] - 1) * sx + size[1])
    border = top + max(0, (c[1] - 1) * sy + size[0] - top - x[1])

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        ky, kx, channels, outputs = sizes[:4]
        images = -(-sizes[4] // pixels) if split else c[0]
        image, out, held = (x[1], x[2]), (c[1], c[2]), (x[3], c[3])
        tile = Weight(images, image, out, (ky, kx), (sy, sx), channels, outputs, held, width, border, split)
        try:
            recipe = conv_float.weight(tile)
        except OperandError:
            return ()
        return (recipe,) if recipe.dtcm_bytes <= setting.room else ()

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        pieces = sizes[0] * sizes[1] * (1 if sizes[3] == size[3] else sizes[2])
        try:
            return sums.in_order(parts, sizes, pieces, setting.room)
        except DTCMError:
            return None

    taps = (tuple({size[0], 1}), tuple({size[1], 1}))
    channels = tuple(parts_of(size[i], PAIR)[:4] for i in (2, 3))
    sizes = (*map(lambda t: tuple(sorted(t, reverse=True)), taps), *channels, *(((PIECE,),) if split else ()))
    order = (0, 1, 2, 3, *((4,) if split else ()))
    return (Way("float32 conv by weights", sizes, (), made, (order,), join),)
