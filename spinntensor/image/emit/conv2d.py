"""Tiles of int8 convolutions with their epilogue, by im2col, Winograd and Strassen, by the kernels' builders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinntensor.image.emit.action import Action
from spinntensor.image.emit.epilogue import Leaving, leaving
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.images import Picture, Room, address, picture
from spinntensor.image.emit.quantized import integers, requantisation
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import Pattern, Piece, Pieces, kept, moved, translated
from spinntensor.image.emit.winograd import winograd
from spinntensor.image.pieces import doubles
from spinntensor.kernels import conv2d_tile, strassen_conv
from spinntensor.kernels import tile as made
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.kernel import Operands
from spinntensor.kernels.strassen_conv import StrassenConv
from spinntensor.lower.box import Span
from spinntensor.lower.site import dtype_of
from spinntensor.plan.cut import Task
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.search import PACKED, ConvBox, geometry
from spinntensor.plan.ways.convolution import Convolution, described
from spinntensor.plan.ways.setting import BYTES


@dataclass(frozen=True)
class Stage:
    """A convolution of bytes as a whole: its sizes, how its input lies, and what becomes of its results."""

    sizes: Convolution
    x: Picture
    leaving: Leaving


def matches(site: Site, recipe: Recipe) -> bool:
    """Convolutions of bytes whose constants are there beforehand."""
    return _stage(site) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile; RangeError where 32 bits cannot hold what its weights and factors may give."""
    stage = _stage(site)
    assert stage is not None
    (n, _), rows, columns, channels = task.box
    box, (first, left) = stage.sizes.at(rows, columns, channels[1] - channels[0])
    there = min(stage.sizes.image[1] - left, box.out[1] * box.stride[1] + box.kernel[1])
    x = address(site, stage.x, stage.x.offset(n, first, left))
    shift = x.address % DOUBLE
    turned = kept(
        site,
        (box, there, shift, channels, recipe),
        lambda: _pattern(site, stage, box, (there, shift), channels, recipe),
    )
    corner = n, rows[0], columns[0], channels[0]
    return turned.at({"x": x + -shift, **stage.leaving.places(site, corner)})


def _stage(site: Site) -> Stage | None:
    return kept(site, "stage", lambda: _described(site))


def _described(site: Site) -> Stage | None:
    """None for a convolution of other formats, or one whose constants are not known beforehand."""
    product = site.node("conv2d")
    if product is None or site.setting.form(product.inputs[0]) not in BYTES:
        return None
    found = described(site.setting, site.stage)
    if found is None:
        return None
    return Stage(found, picture(site, product.inputs[0]), leaving(site))


def _pattern(
    site: Site, stage: Stage, box: ConvBox, start: tuple[int, int], channels: Span, recipe: Recipe
) -> Pattern:
    """The tile of a box; `start` is how many columns of x there are from its first one on, and where in a double word
    that one begins.
    """
    operands, cut = _operands(site, channels), dict[str, Any](recipe.detail)
    if recipe.kernel.startswith("winograd"):
        inner, pieces, room = winograd(box, stage.x, cut, operands)
        last, covered = site.node("requantize"), (room.plane // room.row, room.row // room.pixel)
        if covered != box.out and not any(kernel.startswith("requantize") for kernel in inner.kernels):
            assert last is not None
            site.counts.padded.add(last.id)  # the products' kernels make bytes of all that tiles cover
        streams: tuple[str, ...] = ("w",)
    else:
        inner, pieces, room = _im2col(stage, box, start, operands, recipe)
        streams = () if cut["resident"] else ("a", "w")
    end = stage.leaving.actions(site, recipe, room, (*box.out, box.out_channels))
    return Pattern((*translated(site, inner, recipe, pieces, streams), *end))


def _operands(site: Site, channels: Span) -> Operands:
    """Operands of builders for some output channels, weights [M,KH,KW,C]; of x only the type."""
    product, last = site.node("conv2d"), site.node("requantize")
    assert product is not None and last is not None
    w = integers(site, product.inputs[1])[..., slice(*channels)]
    return {
        **requantisation(site, last, channels),
        "x": np.zeros(0, dtype_of(site.lowered.graph[product.inputs[0]].type.format)),
        "zero": attributes(product)["x_zero"],
        "w": np.ascontiguousarray(w.transpose(3, 0, 1, 2)),
    }


def _im2col(
    stage: Stage, box: ConvBox, start: tuple[int, int], operands: Operands, recipe: Recipe
) -> tuple[made.Tile, Pieces, Room]:
    """The tile of `kernels.conv2d_tile` or `kernels.strassen_conv`, what arrives in it, and how its results lie."""
    there, shift = start
    g, inner = product(box, operands, recipe)
    down = box.stride[0] // g.stride[0]
    x = stage.x

    def pieces(action: made.Fetch) -> list[Piece] | None:
        name, *numbers = action.label.split()
        if name == "spare":  # bytes behind the channels, which nobody reads
            return []
        if name != "x":
            return None
        block = int(numbers[0]) if g.blocks[0] else 0
        row = int(numbers[-1]) if "row" in numbers else 0
        nbytes = min(action.nbytes, there * x.pixel) if g.by_rows[0] else action.nbytes
        return [Piece("x", block * x.plane + down * row * x.row, doubles(nbytes + shift))]

    pixel = g.y_pitch
    room = Room(g.blocks[1] or g.out_channels, pixel, g.out[1] * pixel, g.pixels * pixel)
    return moved(inner, "x", shift), pieces, room


def product(box: ConvBox, operands: Operands, recipe: Recipe) -> tuple[Conv2d, made.Tile]:
    """The tile that a recipe stands for, by `kernels.conv2d_tile` or `kernels.strassen_conv`, and its geometry."""
    g, cut = geometry(box), dict[str, Any](recipe.detail)
    stepped = recipe.kernel.startswith("strassen")
    if not stepped:
        g = replace(g, **{name: cut[name] for name in PACKED})
    given = {**operands, "x": np.zeros(g.x_shape, operands["x"].dtype)}
    if stepped:
        return g, strassen_conv.tile(StrassenConv(g, cut["group"]), given)
    return g, conv2d_tile.tile(g, given)


FAMILY = Family(matches, tile)
