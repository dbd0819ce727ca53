"""An int8 convolution whose output is pooled before it leaves the DTCM: the largest of 2x2 pixels, stride 2."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels import conv2d_tile
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.kernel import Operands
from spinntensor.kernels.tile import At, Step, Store, Tile

NAME = "pool_tile"
LANES = 4
"""Channels of a word: the pooling kernels take whole words."""


def tile(conv: Conv2d, operands: Operands) -> Tile:
    """`conv2d_tile.tile` of these operands, then the maximum; stores y [OH/2, OW/2, pitch].

    OperandError unless the convolution has an even number of rows and columns, and pixels of whole words: give it a
    pitch where its channels are none.
    """
    _check(conv)
    inner = conv2d_tile.tile(conv, operands)
    *actions, store = inner.actions
    assert isinstance(store, Store)
    rows, columns = conv.out[0] // 2, conv.out[1] // 2
    words: dict[str, int | At] = {
        "x": store.source,
        "y": At("pooled"),
        "rows": rows,
        "columns": columns,
        "words": conv.y_pitch // LANES,
        "pitch": conv.out[1] * conv.y_pitch,
    }
    step = Step(f"maxpool_{'s8' if store.dtype == np.int8 else 'u8'}_2x2s2", words)
    pooled = Store("y", At("pooled"), (rows, columns, conv.y_pitch), store.dtype)
    regions = {**inner.regions, "pooled": -(-pooled.nbytes // 8) * 8}
    return replace(inner, name=NAME, regions=regions, actions=(*actions, step, pooled))


def twin(conv: Conv2d, operands: Operands) -> np.ndarray:
    """The maximum over 2x2 pixels of the convolution's twin."""
    _check(conv)
    y = conv2d_tile.twin(conv, operands)
    return y.reshape(conv.out[0] // 2, 2, conv.out[1] // 2, 2, -1).max(axis=(1, 3))


def _check(conv: Conv2d) -> None:
    if conv.out[0] % 2 or conv.out[1] % 2:
        raise OperandError(NAME, "out", conv.out, "an even number of rows and columns", "cut whole windows")
    if conv.y_pitch % LANES:
        raise OperandError(
            NAME, "pitch", f"pixels of {conv.y_pitch} bytes", "whole words", "round the pitch up to 4 or 8"
        )
