"""An int8 dense layer on one core: for one vector a matrix-vector product, for several a matrix product.

No kernel widens bytes to pairs of int16 as such, but `im2col_u8_outer_u8` does, in an order of its own: the vector is
taken for three pixels, one behind the other, which make one panel. The weights come in that order, so every product
meets its partner, and are zero behind the vector's end. Exact sums do not depend on the order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinntensor.kernels import conv2d_tile
from spinntensor.kernels.check import array, word
from spinntensor.kernels.conv2d_tile import Conv2d, constants
from spinntensor.kernels.gemv_s16_9_u16 import ROWS, UNROLL
from spinntensor.kernels.kernel import Operands
from spinntensor.kernels.pack_outer import BLOCK, panels
from spinntensor.kernels.pack_rows import pack_rows
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.requantize_common import clamp_of, clamp_words, counts_of
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "dense_tile"


@dataclass(frozen=True)
class Dense:
    """A layer's sizes: `inputs` and `outputs`, and the bytes from vector to vector of both, 0 for as many.

    Bytes behind the inputs weigh nothing; bytes behind the outputs are written as zeros.
    """

    inputs: int
    outputs: int
    pitch: tuple[int, int] = (0, 0)

    @property
    def x_pitch(self) -> int:
        """Bytes from vector to vector of the input."""
        return self.pitch[0] or self.inputs

    @property
    def y_pitch(self) -> int:
        """Bytes from vector to vector of the output."""
        return self.pitch[1] or self.outputs

    @property
    def pixel(self) -> int:
        """Bytes of a third of the input, in whole words."""
        return -(-self.x_pitch // (4 * BLOCK)) * 4


def tile(dense: Dense, operands: Operands) -> Tile:
    """One vector: x uint8 or int8 [x_pitch] with zero point `zero`; w int8 [M,K]; the rest as for `conv2d_tile.tile`.

    Stores y [y_pitch]. OperandError for operands that do not fit; RangeError when 32 bits cannot hold every sum.
    """
    x, w, factors, dtype, (zp, low, high) = _checked(dense, operands)
    flip = 0x80 if x.dtype == np.int8 else 0
    clamp = clamp_words(zp, low, high, counts_of(NAME, operands))
    rows = constants(NAME, w, operands["zero"] + flip, factors, zp, clamp, dtype)
    a = _packed(dense, w)
    length = BLOCK * dense.pixel
    sizes = {"x": length, "b": 2 * length + 4, "a": a.nbytes, "rows": rows.nbytes}
    sizes |= {"c": 4 * dense.outputs, "y": dense.y_pitch}
    actions: list[Fetch | Step | Store] = [
        Fetch("x", At("x"), x),
        Fetch("rows", At("rows"), rows),
        Fetch("a", At("a"), a),
        Step("im2col_u8_outer_u8", _widen(dense, flip)),
        Step("gemv_s16_9_u16", _sums(dense)),
        Step(
            f"requantize_s32_{'s8' if dtype == np.int8 else 'u8'}_x16",
            {**_bytes(dense), **clamp},
        ),
        Store("y", At("y"), (dense.y_pitch,), np.dtype(dtype)),
    ]
    if length > dense.x_pitch:
        actions.insert(1, Fetch("tail", At("x", dense.x_pitch), np.zeros(length - dense.x_pitch, np.uint8)))
    if dense.y_pitch > dense.outputs:
        actions.insert(0, Fetch("spare", At("y"), np.zeros(dense.y_pitch, np.uint8)))
    return Tile(NAME, {name: -(-size // 8) * 8 for name, size in sizes.items()}, tuple(actions))


def batch(dense: Dense, operands: Operands) -> Tile:
    """Several vectors: x [N, x_pitch], the rest as for `tile`. Stores `y 0` to `y N-1`, each [y_pitch].

    They are the pixels of a 1x1 convolution; three of them share a load of the weights.
    """
    n = len(operands["x"])
    conv, operands = _convolution(dense, operands)
    inner = conv2d_tile.tile(conv, operands)
    *actions, store = inner.actions
    assert isinstance(store, Store)
    stores = tuple(
        Store(f"y {i}", At(store.source.region, i * dense.y_pitch), (dense.y_pitch,), store.dtype)
        for i in range(n)
    )
    return replace(inner, name=f"{NAME} batch", actions=(*actions, *stores))


def twin(dense: Dense, operands: Operands) -> np.ndarray:
    """y [N, y_pitch] of x [N, x_pitch], by definition."""
    return conv2d_tile.twin(*_convolution(dense, operands))[0]


def _convolution(dense: Dense, operands: Operands) -> tuple[Conv2d, Operands]:
    """Vectors as the pixels of a 1x1 convolution, a panel of three outputs expanded at a time."""
    x, w, k = operands["x"], operands["w"], dense.inputs
    row = (1, len(x))
    conv = Conv2d(row, k, dense.outputs, (1, 1), (1, 1), (0, 0), row, (1, 1, k), pitch=dense.pitch)
    return conv, {**operands, "x": x[None], "w": w.reshape(dense.outputs, 1, 1, k)}


def _widen(dense: Dense, flip: int) -> dict[str, int | At]:
    """x to one panel of three pixels; all taps lie inside, so that `pad` is never read."""
    shape, size = 1 | BLOCK << 16, dense.pixel
    strides = {"row_stride": BLOCK * size, "pixel_stride": size, "channel_stride": 1}
    grid = {"tile": shape, "out": shape, "kernel": 0x01010101, "corner": 0}
    return {"x": At("x"), "pad": At("x"), "b": At("b"), **grid, **strides, "channels": size, "flip": flip}


def _sums(dense: Dense) -> dict[str, int | At]:
    pairs = BLOCK * dense.pixel // 2
    return {"a": At("a"), "x": At("b"), "y": At("c"), "m": dense.outputs, "pairs": pairs, "accumulate": 0}


def _bytes(dense: Dense) -> dict[str, int | At]:
    """Every output is a row of one column."""
    sizes = {"m": dense.outputs, "n": 1, "ldc": 1, "y_step": dense.outputs, "y_row": 1}
    return {"c": At("c"), "y": At("y"), "rows": At("rows"), **sizes}


def _packed(dense: Dense, w: np.ndarray) -> np.ndarray:
    """The weights for `gemv_s16_9_u16`, columns in the order in which im2col writes its panel."""
    index = np.arange(BLOCK * dense.pixel, dtype=np.int16).reshape(BLOCK, -1)
    order = panels(index).reshape(-1).view(np.int16)
    full = np.zeros((dense.outputs, order.size), np.int16)
    full[:, : dense.inputs] = w
    return pack_rows(full[:, order], ROWS, UNROLL)


def _checked(dense: Dense, operands: Operands) -> tuple:
    dtype = np.dtype(operands.get("dtype", np.uint8)).type
    word(NAME, "pitch[0]", dense.x_pitch, dense.inputs, 32767)
    word(NAME, "pitch[1]", dense.y_pitch, dense.outputs, 32767)
    x = operands["x"]
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    x = array(NAME, "x", x, np.int8 if signed else np.uint8, 1, {0: dense.x_pitch})
    word(NAME, "zero", operands["zero"], *limits(x.dtype))
    w = array(NAME, "w", operands["w"], np.int8, 2, {0: dense.outputs, 1: dense.inputs})
    factors = tuple(array(NAME, n, operands[n], np.int32, 1, {0: dense.outputs}) for n in ("bias", "m", "p"))
    return x, w, factors, dtype, clamp_of(NAME, operands, dtype)
