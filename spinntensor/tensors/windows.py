"""Windows that slide over images, as users write them: sizes, strides, borders, and where the channels stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.base import Base
from spinntensor.tensors.moves import reshaped, transposed
from spinntensor.tensors.operands import refuse

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Padding = str | int | Sequence[int | tuple[int, int]]
LAYOUTS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW")}


def several(op: str, name: str, value: int | Sequence[int], count: int, least: int = 1) -> tuple[int, ...]:
    """`count` integers, from one for all or one each; ShapeError for others, or below `least`."""
    found: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(found) != count or not all(_integer(v) and v >= least for v in found):
        expected = f"an integer from {least} on" + (f", or {count} of them" if count > 1 else "")
        raise refuse(op, f"{name} {value!r}", expected, f"correct {name}")
    return tuple([int(v) for v in found])


def _integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def borders(
    op: str,
    padding: Padding,
    sizes: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> list[tuple[int, int]]:
    """Elements added before and after each spatial axis.

    `valid` adds none; `same` adds so many that the result has ceil(size / stride) elements, the odd one behind;
    an integer is added on all sides; a sequence has one integer, or (before, after), for each axis.
    """
    if isinstance(padding, str) and padding == "valid":
        return [(0, 0)] * len(sizes)
    if isinstance(padding, str) and padding == "same":
        return [_same(*axis) for axis in zip(sizes, window, stride, dilation, strict=True)]
    each = padding if isinstance(padding, tuple | list) else [padding] * len(sizes)
    pairs = [tuple(p) if isinstance(p, tuple | list) else (p, p) for p in each]
    good = len(pairs) == len(sizes) and all(len(p) == 2 for p in pairs)
    if good and all(_integer(v) and v >= 0 for p in pairs for v in p):
        return [(int(before), int(after)) for before, after in pairs]
    expected = (
        "'valid', 'same', an integer, or one integer or (before, after) for each spatial axis, from 0 on"
    )
    raise refuse(op, f"padding {padding!r}", expected, "correct padding")


def _same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    results = -(-size // stride)
    total = max((results - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Layout:
    """Where the axes of images stand.

    spatial : 1 or 2 axes between images and channels.
    first : whether the channels come before them.
    """

    spatial: int
    first: bool

    def last(self, op: str, x: Base) -> Tensor:
        """`x` as [N, H, W, C]; one spatial axis becomes W, with H = 1."""
        if x.ndim != self.spatial + 2:
            names = LAYOUTS[self.spatial][self.first]
            raise refuse(op, f"shape {x.shape}", f"{self.spatial + 2} axes: {', '.join(names)}", "reshape it")
        if self.first:
            x = transposed(x, (0, *range(2, x.ndim), 1))
        if self.spatial == 1:
            n, w, c = x.shape
            x = reshaped(x, (n, 1, w, c))
        return x  # type: ignore[return-value]  # every Base that users hold is a Tensor

    def back(self, y: Tensor) -> Tensor:
        """[N, H, W, C] in this layout."""
        if self.spatial == 1:
            n, _, w, c = y.shape
            y = reshaped(y, (n, w, c))
        return transposed(y, (0, y.ndim - 1, *range(1, y.ndim - 1))) if self.first else y

    def sizes(self, x: Base) -> tuple[int, ...]:
        """Sizes of the spatial axes of a tensor in [N, H, W, C]."""
        return x.shape[3 - self.spatial : 3]


def layout(op: str, name: str | None, spatial: int) -> Layout:
    """The layout of this name; None has the channels last."""
    names = LAYOUTS[spatial]
    if name is not None and name not in names:
        raise refuse(op, f"data_format {name!r}", " or ".join(map(repr, names)), "correct data_format")
    return Layout(spatial, name == names[1])
