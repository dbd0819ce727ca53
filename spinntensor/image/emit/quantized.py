"""What the graph says of a product of bytes: weights, zero points, requantisation, the sum with another branch."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.formats import Int8, Quantized, grid
from spinntensor.graph.graph import Node
from spinntensor.image.emit.site import Site, attributes
from spinntensor.kernels.f32_dequantize_8 import table
from spinntensor.lower.box import Span
from spinntensor.lower.site import dtype_of
from spinntensor.ops.quantized import counted_ends


def integers(site: Site, number: int) -> np.ndarray:
    """A constant of integers."""
    value = site.constant(number)
    assert isinstance(value, np.ndarray)
    return value


def requantisation(site: Site, node: Node, channels: Span) -> dict[str, Any]:
    """Operands of builders that say how sums of these channels become bytes."""
    a, some = attributes(node), slice(*channels)
    bias, m, p = (np.ascontiguousarray(integers(site, i).reshape(-1)[some]) for i in node.inputs[1:])
    dtype = dtype_of(node.type.format).type
    return {"bias": bias, "m": m, "p": p, "zp": a["zero"], **clamp(node), "dtype": dtype}


def clamp(node: Node) -> dict[str, int]:
    """The ends of the clamp of `requantize` or `add_q`, and what of it is counted."""
    a = attributes(node)
    counts = counted_ends(dtype_of(node.type.format), a["low"], a["high"], a.get("relu", False))
    return {"low": a["low"], "high": a["high"], "counts": counts}


def other(site: Site, node: Node) -> int:
    """What a sum behind a product adds to it."""
    return next(i for i in node.inputs if i not in site.stage.nodes)


def results(node: Node, form: str) -> np.ndarray:
    """What `dequantize` makes of each of the 256 bytes of a format, in the order of their bits, float32."""
    a: dict[str, Any] = dict(attributes(node))
    (scale,), (zero,) = a["scale"], a["zero"]
    return table(
        Quantized(grid(Int8(False, None, form == "uint8"), scale, zero), np.zeros(1, dtype_of(form)))
    )
