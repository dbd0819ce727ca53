"""Ways of float32 convolutions, forward and back, by their exact products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.kernels.block_float import PIECE
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe, Region, Transfer
from spinntensor.plan.recipes import conv_float, reductions
from spinntensor.plan.recipes.parts import gathered
from spinntensor.plan.recipes.windows import Conv, adjoint
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
    return node if a["groups"] == 1 and a["dilation"] == (1, 1) else None


def _shapes(setting: Setting, node: Node) -> list[tuple[int, ...]]:
    return [setting.lowered.graph[i].type.shape for i in node.inputs[:2]]


@lru_cache(1 << 12)
def _best(c: Conv, room: int) -> tuple[Recipe, ...]:
    try:
        return conv_float.best(c, room)
    except (DTCMError, OperandError):
        return ()


def float_conv2d(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """`conv2d` of float32; () where a field has more than a piece of a sum."""
    node = _node(setting, stage, "conv2d")
    if node is None or stage.sums is not None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    _, w = _shapes(setting, node)

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, wide, c = sizes
        tile = Conv((h, wide), w[2], c, (w[0], w[1]), a["stride"])
        return tuple(_part(r, h * wide, c, w[3]) for r in setting.quickest(_best(tile, setting.room), stay))

    return _image_ways(stage, "float32 conv", made, 1)


def float_conv2d_input(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the input: a convolution of the cotangent for each class of pixels."""
    node = _node(setting, stage, "conv2d_input")
    if node is None or stage.sums is not None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    _, w = _shapes(setting, node)

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, wide, c = sizes
        (sy, sx) = a["stride"]
        found = []
        for one in adjoint(Conv((-(-h // sy), -(-wide // sx)), c, w[3], (w[0], w[1]), a["stride"])):
            some = setting.quickest(_best(one, setting.room), stay)
            if not some:
                return ()
            found.append(some[0])
        together = one_after_another(tuple(found))
        part = _part(together, h * wide, c, w[2])
        return (part,) if part.dtcm_bytes <= setting.room else ()

    return _image_ways(stage, "float32 conv by input", made, a["stride"][0])


def _part(recipe: Recipe, pixels: int, channels: int, held: int) -> Recipe:
    """The recipe with its results stored pixel by pixel, where they are a part of the channels in memory."""
    if channels == held:
        return recipe
    nbytes = 4 * pixels * channels
    stores = tuple(
        Transfer("y", nbytes, max(t.pieces, pixels)) if t.operand == "y" else t for t in recipe.stores
    )
    return replace(recipe, stores=stores)


def _image_ways(stage: Stage, name: str, made: Recipes, step: int) -> tuple[Way, ...]:
    size = tuple(axis.size for axis in stage.axes)
    if 0 in size:
        return ()
    rows = tuple(h for h in balanced(size[H], step) if h <= MOST_ROWS * step)
    columns = balanced(size[W], step)[:WIDTHS]
    sizes = ((1,), rows, columns, parts_of(size[C], PAIR)[:3])
    operands = (("w", frozenset({C})),)
    return (Way(name, sizes, operands, made, ((N, H, W, C), (C, N, H, W))),)


@lru_cache(1 << 12)
def one_after_another(recipes: tuple[Recipe, ...]) -> Recipe:
    """Several recipes on the same regions, as one tile; what they read of x arrives once."""
    sizes: dict[str, Region] = {}
    for recipe in recipes:
        for r in recipe.regions:
            if r.name not in sizes or sizes[r.name].total < r.total:
                sizes[r.name] = r
    first, *others = recipes
    stores: dict[str, Transfer] = {}
    for t in (t for r in recipes for t in r.stores):
        old = stores.get(t.operand, Transfer(t.operand, 0, 0))
        stores[t.operand] = Transfer(t.operand, old.nbytes + t.nbytes, old.pieces + t.pieces)
    loads = (*first.loads, *(t for r in others for t in r.loads if t.operand not in ("x", "zeros")))
    return replace(
        first,
        regions=tuple(sizes.values()),
        calls=gathered(c for r in recipes for c in r.calls),
        loads=loads,
        stores=tuple(stores.values()),
        macs=sum(r.macs for r in recipes),
    )


def float_conv2d_weight(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """The adjoint by the weights, in pieces of the sums that are added up in order."""
    node = _node(setting, stage, "conv2d_weight")
    if node is None:
        return ()
    a: dict[str, Any] = dict(attributes(node))
    x, c = _shapes(setting, node)
    held = x[3], c[3]
    size = tuple(axis.size for axis in stage.axes)
    pixels = c[1] * c[2]
    split = stage.sums is not None
    if split and PIECE % pixels:
        return ()

    def made(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        ky, kx, channels, outputs = sizes[:4]
        images = sizes[4] // pixels if split else c[0]
        try:
            tile = Conv(c[1:3], channels, outputs, (ky, kx), a["stride"])  # type: ignore[arg-type]  # rows, columns
            recipe = conv_float.weight_by_rows(tile, images, held)
        except OperandError:
            return ()
        return (recipe,) if recipe.dtcm_bytes <= setting.room else ()

    def join(sizes: Sizes, parts: int) -> Recipe | None:
        ky, kx, channels, outputs = sizes
        try:
            return reductions.in_order(parts, ky * kx * channels * outputs, setting.room)
        except DTCMError:
            return None

    taps = (tuple({size[0], 1}), tuple({size[1], 1}))
    channels = tuple(parts_of(size[i], PAIR)[:4] for i in (2, 3))
    sizes = (*map(lambda t: tuple(sorted(t, reverse=True)), taps), *channels, *(((PIECE,),) if split else ()))
    order = (0, 1, 2, 3, *((4,) if split else ()))
    return (Way("float32 conv by weights", sizes, (), made, (order,), join),)
