"""Values as the bytes that lie in SDRAM, and back."""

from __future__ import annotations

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.formats.description import Quantized
from spinntensor.ops.operation import Value
from spinntensor.plan.layout import Layout

_WORD = 32


def to_bytes(value: Value, layout: Layout) -> np.ndarray:
    """The bytes of a value [layout.nbytes], padding zero; OperandError for integers that do not fit 32 bits."""
    data = value.data if isinstance(value, Quantized) else np.asarray(value)
    if data.dtype == np.int64:
        small = data.astype(np.int32)
        if (small != data).any():
            worst = int(data.reshape(-1)[np.abs(data).argmax()])
            raise OperandError("input", "integers", worst, f"{_WORD} bits", "give smaller numbers")
        data = small
    if not data.size:
        return np.zeros(layout.nbytes, np.uint8)
    rows = np.ascontiguousarray(_ordered(data, layout)).view(np.uint8)
    rows = rows.reshape(-1, rows.shape[-1])
    made = np.zeros((len(rows), layout.row), np.uint8)
    made[:, : rows.shape[1]] = rows
    flat = np.zeros(layout.nbytes, np.uint8)
    flat[: made.size] = made.reshape(-1)
    return flat


def from_bytes(content: np.ndarray, layout: Layout, dtype: np.dtype) -> np.ndarray:
    """The array of type `dtype` that lies in these bytes."""
    stored = np.dtype(np.int32) if dtype == np.int64 else np.dtype(dtype)
    shape = layout.shape
    if 0 in shape:
        return np.zeros(shape, dtype)
    last = (shape[-1] if shape else 1) if not layout.block else shape[-2] * layout.block
    rows = int(np.prod(shape)) // last
    flat = content[: rows * layout.row].reshape(rows, layout.row)[:, : last * stored.itemsize]
    data = np.ascontiguousarray(flat).view(stored)
    if layout.block:
        *outer, h, w, c = shape
        data = data.reshape(*outer, c // layout.block, h, w, layout.block)
        data = np.moveaxis(data, -4, -2)
    return data.reshape(shape).astype(dtype)


def _ordered(data: np.ndarray, layout: Layout) -> np.ndarray:
    """Channels in blocks, each block an image of its own, where the layout has it so; else the array with an axis."""
    if not layout.block:
        return data.reshape(layout.shape or (1,))
    *outer, h, w, c = layout.shape
    blocks = data.reshape(*outer, h, w, c // layout.block, layout.block)
    return np.ascontiguousarray(np.moveaxis(blocks, -2, -4)).reshape(
        *outer, c // layout.block, h, w * layout.block
    )
