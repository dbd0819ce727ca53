"""Windows that slide over samples: what convolutions and pooling check, and the shapes that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spinntensor.nn.layer import Layer, Shape
from spinntensor.tensors.windows import borders

__all__ = ["Padding", "checked_padding", "slid"]

Padding = str | int | Sequence[int | Sequence[int]]
"""`valid`, `same`, a number for all sides, or for each spatial axis one number or (before, after)."""


def checked_padding(layer: Layer, padding: Any, window: Shape) -> Any:
    """`padding`, with sequences as tuples; ShapeError if it is none for windows of so many axes."""
    one = (1,) * len(window)
    borders(layer.label, padding, one, window, one, one)
    if isinstance(padding, list | tuple):
        return tuple(tuple(p) if isinstance(p, list | tuple) else p for p in padding)
    return padding


def slid(
    layer: Layer, shape: Shape, window: Shape, strides: Shape, padding: Any, dilation: Shape | None = None
) -> Shape:
    """Sizes of the spatial axes after a window slid over them; ShapeError when it does not fit once.

    Each is (size + before + after - (window - 1) dilation - 1) // stride + 1.
    """
    spread = dilation or (1,) * len(window)
    rim = borders(layer.label, padding, shape[:-1], window, strides, spread)
    reach = [(k - 1) * d + 1 for k, d in zip(window, spread, strict=True)]
    room = [n + sum(pair) - r for n, pair, r in zip(shape[:-1], rim, reach, strict=True)]
    if min(room) < 0:
        expected = f"at least {' x '.join(map(str, reach))} after padding {padding!r}"
        raise layer.refuse(f"an input of shape {shape}", expected, "use a smaller window, or padding 'same'")
    return tuple(r // s + 1 for r, s in zip(room, strides, strict=True))
