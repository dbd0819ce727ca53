"""Tiles of depthwise 3x3 convolutions of bytes, as `kernels.depthwise_tile` makes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinntensor.image.emit.action import Action
from spinntensor.image.emit.epilogue import Leaving, leaving
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.images import Picture, Room, address, moves, picture
from spinntensor.image.emit.quantized import integers, requantisation
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import Pattern, Piece, kept, translated
from spinntensor.kernels import depthwise_tile
from spinntensor.kernels import tile as made
from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.kernels.kernel import Operands
from spinntensor.lower.box import Span
from spinntensor.lower.site import dtype_of
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.ways.depthwise import Convolution, described


@dataclass(frozen=True)
class Stage:
    """A convolution as a whole: its sizes, how its input lies, and what becomes of its results."""

    sizes: Convolution
    x: Picture
    leaving: Leaving


def matches(site: Site, recipe: Recipe) -> bool:
    """Depthwise convolutions of bytes whose constants are there beforehand."""
    return _stage(site) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile; RangeError where 32 bits cannot hold what its weights and factors may give."""
    stage = _stage(site)
    assert stage is not None
    (n, _), rows, columns, channels = task.box
    border, (down, across) = stage.sizes.field.at(rows, columns)
    out = rows[1] - rows[0], columns[1] - columns[0]
    apart = stage.sizes.field.apart(columns)
    d = stage.sizes.tile(border, out, channels[1] - channels[0], apart)
    d = replace(d, group=dict[str, Any](recipe.detail)["group"])
    turned = kept(site, (d, channels, recipe), lambda: _pattern(site, stage, d, channels, recipe))
    begin = address(site, stage.x, stage.x.offset(n, down[0], across[0], channels[0]))
    corner = n, rows[0], columns[0], channels[0]
    return turned.at({"x": begin, **stage.leaving.places(site, corner)})


def _stage(site: Site) -> Stage | None:
    return kept(site, "stage", lambda: _described(site))


def _described(site: Site) -> Stage | None:
    found, node = described(site.setting, site.stage), site.node("conv2d")
    if found is None or node is None:
        return None
    return Stage(found, picture(site, node.inputs[0]), leaving(site))


def _pattern(site: Site, stage: Stage, d: Depthwise, channels: Span, recipe: Recipe) -> Pattern:
    count, pixel = channels[1] - channels[0], d.pixel
    block = d.block or count
    (height, width), pixels = d.image, d.pixels
    room = Room(block, pixel, width * pixel, height * width * pixel)
    arriving = moves(stage.x, room, (height, width, count))

    def pieces(action: made.Fetch) -> list[Piece] | None:
        if action.label.split()[0] != "x":
            return None
        return [Piece("x", m.offset, m.nbytes, m.at - action.to.offset) for m in arriving]

    inner = depthwise_tile.tile(d, _operands(site, d, channels))
    result = Room(block, pixel, d.out[1] * pixel, pixels * pixel)
    end = stage.leaving.actions(site, recipe, result, (*d.out, count))
    return Pattern((*translated(site, inner, recipe, pieces), *end))


def _operands(site: Site, d: Depthwise, channels: Span) -> Operands:
    """Operands of the builder; channels behind the last have no weights, and the first one's factors."""
    node, last = site.node("conv2d"), site.node("requantize")
    assert node is not None and last is not None
    given = requantisation(site, last, channels)
    if given["counts"]:  # the kernels of these convolutions do not
        site.counts.uncounted.add(last.id)
    w = integers(site, node.inputs[1])[:, :, 0, slice(*channels)]
    more = d.channels - w.shape[-1]
    factors = {name: np.pad(given[name], (0, more)) for name in ("bias", "m", "p")}
    for name in ("m", "p"):
        factors[name][d.channels - more :] = given[name][0]
    dtype = dtype_of(site.lowered.graph[node.inputs[0]].type.format)
    return {
        **given,
        **factors,
        "x": np.zeros(d.shape(d.image), dtype),
        "zero": attributes(node)["x_zero"],
        "w": np.ascontiguousarray(np.pad(w, ((0, 0), (0, 0), (0, more))).transpose(2, 0, 1)),
    }


FAMILY = Family(matches, tile)
