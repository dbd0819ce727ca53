"""What all requantising kernels check and place: zero point and clamp, and where a tile's outputs go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spinntensor.abi.memory import ABOVE, BELOW
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Buffer, Operands, Shape, room
from spinntensor.kernels.quantize import limits


def clamp_of(name: str, operands: Operands, dtype: Any) -> tuple[int, int, int]:
    """`zp` (default 0), `low` and `high` (default: the range of `dtype`), checked against that range."""
    lowest, highest = limits(dtype)
    zp = word(name, "zp", operands.get("zp", 0), lowest, highest)
    low = word(name, "low", operands.get("low", lowest), lowest, highest)
    return zp, low, word(name, "high", operands.get("high", highest), low, highest)


def counts_of(name: str, operands: Operands) -> int:
    """`counts`: which results that the clamp changes are counted, ABOVE | BELOW (default: both)."""
    return word(name, "counts", operands.get("counts", ABOVE | BELOW), 0, ABOVE | BELOW)


def counts_in(shape: Shape) -> int:
    """What is counted in a call of this shape, also where a shape was drawn beyond the range of its switches."""
    return shape["counts"] % ((ABOVE | BELOW) + 1)


def clamp_words(zp: int, low: int, high: int, counts: int) -> dict[str, int]:
    """The fields of a record that say how results are clamped, and what of it is counted."""
    return {"range": high - low, "low": low, "odd": (zp - low) & 1, "counts": counts}


def beyond(results: np.ndarray, low: int, high: int, counts: int) -> int:
    """How many of these results a kernel counts: those above the clamp, or below it, or both."""
    above, below = int((results > high).sum()), int((results < low).sum())
    return above * bool(counts & ABOVE) + below * bool(counts & BELOW)


def per_row(
    name: str, key: str, operands: Operands, rows: int, dtype: Any, ends: tuple[int, int]
) -> np.ndarray:
    """One integer for each row within `ends`; zeros when the operand is None."""
    if operands.get(key) is None:
        return np.zeros(rows, dtype)
    values = array(name, key, operands[key], dtype, 1, {0: rows})
    for end in (values.min(), values.max()):
        word(name, key, int(end), *ends)
    return values


def bounds_of(name: str, c: np.ndarray, bias: np.ndarray, bound: int | None) -> list[int]:
    """What |c + bias| of each row can reach: by the declared `bound` of |c|, which c must keep, or by c."""
    data = [largest(row) for row in c]
    if bound is not None and max(data) > bound:
        raise RangeError(
            name, max(data), bound, "c exceeds the bound that was declared for it: declare a larger one"
        )
    return [(d if bound is None else bound) + abs(b) for d, b in zip(data, bias.tolist(), strict=True)]


def _of(layout: Mapping[str, Any] | None) -> tuple[bool, int]:
    layout = layout or {}
    return bool(layout.get("channels_last", True)), layout.get("gap", 0)


def output(name: str, operands: Operands, dtype: Any) -> tuple[Buffer, dict[str, int]]:
    """The buffer of M rows (channels) x N columns (pixels) of outputs, and the fields y_step and y_row.

    `operands["layout"]` is None or has `channels_last` (default True: y[N, M + gap]; False: y[M, N + gap])
    and `gap` (default 0), the elements that stay untouched behind each pixel or plane.
    """
    channels_last, gap = _of(operands.get("layout"))
    gap = word(name, "layout['gap']", gap, 0, 1 << 14)
    size, (rows, columns) = np.dtype(dtype).itemsize, operands["c"].shape
    if channels_last:
        return room((columns, rows + gap), dtype), {"y_step": (rows + gap) * size, "y_row": size}
    return room((rows, columns + gap), dtype), {"y_step": size, "y_row": (columns + gap) * size}


def picked(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The outputs as [M,N], out of the buffer that `output` made."""
    y, (rows, columns) = outputs["y"], operands["c"].shape
    return y[:, :rows].T if _of(operands.get("layout"))[0] else y[:, :columns]


def sample_clamp(rng: np.random.Generator, dtype: Any, shape: Shape) -> dict[str, int]:
    """A zero point of the parity `odd`, with the full range or (`relu`; it is not 0 then) all below it cut off."""
    odd, relu = shape["odd"], shape["relu"]
    lowest, highest = limits(dtype)
    zp = int(rng.integers(lowest, highest)) & ~1 | bool(odd)
    zp += 2 if relu and zp == 0 else 0
    low, high = (zp, int(rng.integers(zp, highest + 1))) if relu else (lowest, highest)
    return {"zp": zp, "low": low, "high": high, "counts": counts_in(shape)}
