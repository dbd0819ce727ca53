"""Recipes of int8 dense layers, mirroring `spinntensor.kernels.dense_tile`: one vector, or several."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.dense_tile import Dense
from spinntensor.kernels.gemv_s16_9_u16 import ROWS, UNROLL
from spinntensor.kernels.pack_outer import BLOCK
from spinntensor.plan.recipe import Recipe, Transfer
from spinntensor.plan.recipes import conv as im2col
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use
from spinntensor.plan.recipes.parts import call, up


def weight_bytes(dense: Dense) -> int:
    """Bytes of the packed weights of one vector's tile."""
    pairs = BLOCK * dense.pixel // 2
    return 4 * -(-dense.outputs // ROWS) * (ROWS * pairs - (-pairs // UNROLL))


@lru_cache(1 << 14)
def vector(dense: Dense, use: Use = PLAIN) -> Recipe:
    """One vector times the weights, a matrix-vector product: `dense_tile.tile`."""
    length, m = BLOCK * dense.pixel, dense.outputs
    sizes = {"x": length, "b": 2 * length + 4, "a": weight_bytes(dense), "rows": 16 * m}
    sizes |= {"c": 4 * m, "y": dense.y_pitch}
    twice = {"y"} | (set() if use.same_x else {"x"}) | (set() if use.same_w else {"a", "rows"})
    packed = up(sizes["a"])
    grid = {"kh": 1, "kw": 1, "oh": 1, "ow": BLOCK, "c": dense.pixel}
    return Recipe(
        "dense, one vector",
        calls.regions(sizes, twice),
        (
            call("im2col_u8_outer_u8", signed=int(use.signed[0]), **grid),
            call("gemv_s16_9_u16", m=m, k=length, accumulate=0),
            calls.requantize(m, 1, use.signed[1]),
        ),
        (
            Transfer("x", up(dense.x_pitch)),
            Transfer("w", packed),
            Transfer("w", 16 * m),
        ),
        (Transfer("y", up(dense.y_pitch)),),
        dense.inputs * m,
        packed,
    )


def convolution(dense: Dense, vectors: int, group: int = 1) -> Conv2d:
    """The 1x1 convolution whose pixels are the vectors, as `dense_tile.batch` takes it for a group of one panel."""
    row = (1, vectors)
    chunk = (1, 1, dense.inputs)
    return Conv2d(
        row, dense.inputs, dense.outputs, (1, 1), (1, 1), (0, 0), row, chunk, group, pitch=dense.pitch
    )


@lru_cache(1 << 14)
def batch(dense: Dense, vectors: int, use: Use = PLAIN) -> Recipe:
    """Several vectors times the weights, a matrix product: `dense_tile.batch`."""
    made = im2col.conv(convolution(dense, vectors), use)
    store = Transfer("y", vectors * up(dense.y_pitch), vectors)
    return replace(made, kernel="dense, several vectors", stores=(store,))
