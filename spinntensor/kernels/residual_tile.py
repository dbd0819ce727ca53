"""A tile whose bytes have a second operand added before they leave the DTCM: the sum behind a residual block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels import residual_add
from spinntensor.kernels.kernel import Operands
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "residual_tile"


def tile(inner: Tile, operands: Operands) -> Tile:
    """`inner`, then y = clamp(zp + rhe(((y - za) * ma + (b - zb) * mb) / 2**20)) in place, then its stores.

    `b` is flat, of y's type, and lies as the region does that `inner` stores from; the rest as for `residual_add`.
    OperandError unless b has a byte for each byte of that region in use.
    """
    stores = [a for a in inner.actions if isinstance(a, Store)]
    where, dtype, b = stores[0].source.region, stores[0].dtype, operands["b"]
    used = max(s.source.offset + s.nbytes for s in stores)
    if b.size < used or b.size > inner.regions[where]:
        expected = f"{used} to {inner.regions[where]} bytes"
        raise OperandError(NAME, "b", f"{b.size} bytes", expected, f"lay it out as region {where!r}")
    kernel = f"residual_add_{'s8' if dtype == np.int8 else 'u8'}_x16"
    words = residual_add.lower(kernel, np.dtype(dtype).type, {**operands, "a": b}).words
    step = Step(kernel, {**words, "a": At(where), "b": At("r"), "y": At(where)})
    rest = tuple(a for a in inner.actions if not isinstance(a, Store))
    regions = {**inner.regions, "r": -(-b.size // 8) * 8}
    return replace(inner, name=NAME, regions=regions, actions=(*rest, Fetch("r", At("r"), b), step, *stores))
