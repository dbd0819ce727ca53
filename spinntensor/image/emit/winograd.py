"""Tiles of 3x3 convolutions by Winograd: those of `kernels.winograd_tile`, with their borders as constants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spinntensor.image.emit.images import Picture, Room
from spinntensor.image.emit.translate import Piece, Pieces
from spinntensor.kernels import tile as made
from spinntensor.kernels import winograd_tile
from spinntensor.kernels.kernel import Operands
from spinntensor.plan.recipes.search import TRANSFORMED, ConvBox, transformed_tile


def winograd(
    box: ConvBox, x: Picture, cut: dict[str, Any], operands: Operands
) -> tuple[made.Tile, Pieces, Room]:
    """The tile of a box, what arrives in it, and how its results lie.

    x : how the input lies.
    cut : the recipe's details.
    operands : weights [M,3,3,C] and the rest as for `conv2d_tile`; of x only the type.
    """
    tile = transformed_tile(box, cut["width"], cut["arriving"])
    tile = replace(tile, **{name: cut[name] for name in TRANSFORMED})
    tile = replace(tile, blocks=(tile.blocks[0] or tile.c, tile.blocks[1] or tile.m))
    image = np.full(tile.image, operands["zero"], operands["x"].dtype)
    weights = np.ascontiguousarray(operands["w"].transpose(0, 3, 1, 2))
    inner = winograd_tile.build(tile, {**operands, "x": image, "w": weights})
    top = tile.border[0]

    def pieces(action: made.Fetch) -> list[Piece] | None:
        name, *numbers = action.label.split()
        if name == "behind":  # read, but not used
            return []
        if name != "x":
            return None
        block, row = map(int, numbers)
        return [Piece("x", block * x.plane + (row - top) * x.row, action.nbytes)]

    pixel = tile.blocks[1]
    return inner, pieces, Room(pixel, pixel, tile.covered[1] * pixel, tile.pixels * pixel)
