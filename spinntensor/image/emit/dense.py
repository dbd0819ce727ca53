"""Tiles of int8 matrix products: one vector by `kernels.dense_tile`, several as the pixels of a 1x1 convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.image.emit.action import Action, Where
from spinntensor.image.emit.conv2d import product
from spinntensor.image.emit.epilogue import READ, Y, read_back, stored
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.images import Move
from spinntensor.image.emit.quantized import integers, requantisation
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import Pattern, Piece, kept, translated
from spinntensor.image.pieces import doubles
from spinntensor.kernels import dense_tile
from spinntensor.kernels import tile as made
from spinntensor.kernels.kernel import Operands
from spinntensor.lower.box import Span
from spinntensor.lower.site import dtype_of
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.ways.dense import FLOAT, Product, described


def matches(site: Site, recipe: Recipe) -> bool:
    """Products of bytes whose constants are there beforehand."""
    return _stage(site) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile; RangeError where 32 bits cannot hold what its weights and factors may give."""
    found, node = _stage(site), site.node("matmul")
    assert found is not None and node is not None
    (first, stop), columns = task.box
    x, y = (site.lowered.home(i) for i in (node.inputs[0], site.stage.results[0]))
    apart = site.places.by_image(x), site.places.by_image(y)
    row, item = site.layout(y).row, site.layout(y).item
    turned = kept(
        site,
        (stop - first, columns, recipe),
        lambda: _pattern(site, found, stop - first, columns, apart, recipe),
    )
    places: dict[str, Where] = {}
    for i in range(stop - first):
        places[f"x{i}"] = site.at(x, (first + i) * found.pitch)
        places[f"y{i}"] = site.at(y, (first + i) * row + columns[0] * item, write=True)
    return turned.at(places)


def _stage(site: Site) -> Product | None:
    return kept(site, "stage", lambda: described(site.setting, site.stage))


def _pattern(
    site: Site, found: Product, rows: int, columns: Span, apart: tuple[bool, bool], recipe: Recipe
) -> Pattern:
    """The tile of so many vectors; `apart` says whether those of x and y lie in arenas of their own."""
    count, operands = columns[1] - columns[0], _operands(site, found, columns)
    item = FLOAT if found.read else 1
    step = site.layout(site.stage.results[0]).row
    if recipe.kernel.startswith("dense, one vector"):
        dense = found.dense(count)
        given = {**operands, "x": np.zeros(dense.x_pitch, operands["x"].dtype)}
        inner, pitch = dense_tile.tile(dense, {**given, "w": operands["w"].reshape(count, -1)}), count
        streams: tuple[str, ...] = ()
    else:
        box = found.box(rows, count)
        g, inner = product(box, operands, recipe)
        pitch, streams = g.y_pitch, () if dict[str, Any](recipe.detail)["resident"] else ("a", "w")

    def pieces(action: made.Fetch) -> list[Piece] | None:
        if action.label in ("spare", "tail"):  # bytes that weigh nothing, or that nobody reads
            return []
        if action.label != "x":
            return None
        if not apart[0]:
            return [Piece("x0", 0, rows * found.pitch)]
        return [Piece(f"x{i}", 0, found.pitch, i * found.pitch) for i in range(rows)]

    actions = translated(site, inner, recipe, pieces, streams)
    if found.read:
        actions += read_back(site, recipe)
    nbytes = doubles(item * count)
    leave = [(f"y{i}", Move(i * item * pitch, 0, nbytes)) for i in range(rows)]
    if not apart[1]:
        leave = [("y0", Move(move.at, i * step, nbytes)) for i, (_, move) in enumerate(leave)]
        if count == found.columns and item * pitch == step:
            leave = [("y0", Move(0, 0, rows * nbytes))]
    return Pattern((*actions, *stored(READ if found.read else Y, leave)))


def _operands(site: Site, found: Product, columns: Span) -> Operands:
    """Operands of builders for some outputs, weights [M,1,1,K] zero where vectors are filled up; of x only the type."""
    node, last = site.node("matmul"), site.node("requantize")
    assert node is not None and last is not None
    w = integers(site, node.inputs[1])[:, slice(*columns)].T
    wide = np.zeros((len(w), -(-w.shape[1] // found.taken), found.pixel), np.int8)
    wide[:, :, : found.taken] = w.reshape(len(w), -1, found.taken)
    return {
        **requantisation(site, last, columns),
        "x": np.zeros(0, dtype_of(site.lowered.graph[node.inputs[0]].type.format)),
        "zero": attributes(node)["a_zero"],
        "w": np.ascontiguousarray(wide.reshape(len(w), 1, 1, -1)[..., : found.inputs]),
    }


FAMILY = Family(matches, tile)
