"""What the steps of an integer network compute: frozen descriptions that run on tensors of bytes.

Activations are int8 or uint8 with one scale and zero point, weights int8 with a scale for each output channel and zero
point 0, biases int32 on the grid of the sums. Every operation rounds once, half to even. A layer that has no integer
form runs in float32, and its step says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np

import spinntensor as st
from spinntensor.errors import RangeError
from spinntensor.formats import Grid, Int8, Quantized, grid, limits, storage
from spinntensor.kernels.quantize import multiplier, multipliers
from spinntensor.nn import layers
from spinntensor.nn.layer import INFERENCE, Layer
from spinntensor.tensors.base import apply
from spinntensor.tensors.grids import factors

__all__ = [
    "OPERATIONS",
    "Average",
    "Channels",
    "Clamp",
    "Dequantize",
    "Join",
    "Move",
    "Operation",
    "Product",
    "Quantize",
    "Real",
    "Sum",
    "clamp",
]

WEIGHTS = Int8(symmetric=True, axis=-1)
"""Format of all weights: the output channels are the last axis."""
SIX = 6.0
"""Where relu6 ends."""
MOST = 0.49
"""What sums under a window are multiplied by at most: the multiplier has 31 bits, and stands for m / 2**32."""


@dataclass(frozen=True, eq=False)
class Operation:
    """Base of all of them.

    integer : whether it computes in integers; False for float32.
    words : what it does, for tables.
    """

    integer: ClassVar[bool] = True

    @property
    def words(self) -> str:
        """What it does, for tables."""
        return type(self).__name__.lower()

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        """The result for a batch."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Quantize(Operation):
    """float32 numbers as bytes on a grid."""

    grid: Grid

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return st.quantize(inputs[0], self.grid)


@dataclass(frozen=True, eq=False)
class Dequantize(Operation):
    """The float32 numbers that bytes stand for."""

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return st.dequantize(inputs[0])


@dataclass(frozen=True, eq=False)
class Weighted(Operation):
    """Base: exact int32 sums of bytes times weights, plus a bias, rounded to bytes; an activation is the bounds.

    Parameters
    ----------
    kernel : int8, the outputs on the last axis.
    scale : float64 [outputs], of the kernel.
    bias : int32 [outputs], in steps of the input's scale times `scale`.
    grid : of the result.
    activation : None, "relu" or "relu6".
    """

    kernel: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    grid: Grid
    activation: str | None

    @cached_property
    def weights(self) -> st.Tensor:
        """The kernel as a tensor with its scales."""
        return st.tensor(Quantized(grid(WEIGHTS, self.scale), self.kernel))

    @cached_property
    def addend(self) -> st.Tensor:
        """The bias as a tensor of plain integers."""
        return st.tensor(self.bias)

    def rounded(self, sums: st.Tensor) -> st.Tensor:
        """Bytes on `grid`. Unlike those of the type, the bounds of an activation do not count as saturation."""
        assert sums.grid is not None and self.grid.zero_point is not None
        m, p = [st.Tensor(x) for x in factors("requantize", sums.grid, self.grid, len(self.bias))]
        low, high = clamp(self.grid, self.activation)
        constants: dict[str, Any] = {
            "format": str(storage(self.grid.format)),
            "zero": int(self.grid.zero_point),
            "low": low,
            "high": high,
            "axis": sums.ndim - 1,
            "relu": self.activation is not None,
        }
        return apply("requantize", sums, self.addend, m, p, grid=self.grid, **constants)

    def prove(self, name: str, given: Grid) -> None:
        """RangeError unless the sums of any bytes on the grid `given` fit the 32 bits in which cores round them."""
        assert given.scale is not None and given.zero_point is not None and self.grid.scale is not None
        low, high = limits(given.format)
        zero = int(given.zero_point)
        total = np.abs(self.kernel.astype(np.int64)).reshape(-1, len(self.bias)).sum(0) * max(
            high - zero, zero - low
        )
        total += np.abs(self.bias.astype(np.int64))
        total <<= multipliers(float(given.scale) * self.scale / float(self.grid.scale))[1].astype(np.int64)
        if total.max() >= 1 << 31:
            mend = "split the layer, so that fewer products are summed"
            raise RangeError(name, int(total.max()), (1 << 31) - 1, mend)


@dataclass(frozen=True, eq=False)
class Product(Weighted):
    """A Dense layer or a convolution.

    layer : its geometry; the weights are here.
    """

    layer: layers.Product

    @property
    def words(self) -> str:
        return _joined(type(self.layer).__name__, self.activation)

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return self.rounded(self.layer.product(inputs[0], self.weights))


@dataclass(frozen=True, eq=False)
class Channels(Weighted):
    """A factor and an offset for each channel, the last axis: a BatchNorm that could not be folded.

    kernel : int8 [1, 1, 1, channels].
    """

    @property
    def words(self) -> str:
        return _joined("factor and offset", self.activation)

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        (x,) = inputs
        images = st.reshape(x, (x.shape[0], prod(x.shape[1:-1]), 1, x.shape[-1]))
        return st.reshape(self.rounded(st.conv2d(images, self.weights, groups=x.shape[-1])), x.shape)


@dataclass(frozen=True, eq=False)
class Sum(Operation):
    """The sum of several tensors of bytes on grids of their own, as in shortcuts; each addition is rounded.

    grids : of the partial sums, the last of which is the result's: one less than there are terms.
    activation : None or "relu".
    """

    grids: tuple[Grid, ...]
    activation: str | None

    @property
    def grid(self) -> Grid:
        """Of the result."""
        return self.grids[-1]

    @property
    def words(self) -> str:
        return _joined("Add", self.activation)

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        y, last = inputs[0], len(self.grids) - 1
        for i, (x, g) in enumerate(zip(inputs[1:], self.grids, strict=True)):
            y = st.add_q(y, x, g, relu=i == last and self.activation == "relu")
        return y


@dataclass(frozen=True, eq=False)
class Average(Operation):
    """Means of bytes under windows that all see equally many pixels, brought to a grid by one multiplier.

    layer : an average pooling without a border, or a global one.
    """

    layer: Layer
    grid: Grid

    @property
    def words(self) -> str:
        return type(self.layer).__name__

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        (x,) = inputs
        assert x.grid is not None and x.grid.zero_point is not None and self.grid.zero_point is not None
        window, stride = _window(self.layer, x.shape[1:-1])
        more = (1,) * (2 - len(window))
        constants: dict[str, Any] = {
            "window": (*more, *window),
            "stride": (*more, *stride),
            "padding": (0, 0, 0, 0),
            "count_border": False,
            "zero": int(x.grid.zero_point),
            "zero_out": int(self.grid.zero_point),
            "multiplier": multiplier(_share(x.grid, self.grid, window))[0],
        }
        images = st.reshape(x, (x.shape[0], *more, *x.shape[1:]))
        y = apply("avg_pool_q", images, grid=self.grid, **constants)
        return st.reshape(y, (x.shape[0], *self.layer.output_shape(x.shape[1:])))

    @staticmethod
    def coarser(layer: Layer, shape: tuple[int, ...], given: Grid, wanted: Grid) -> float | None:
        """By what factor the wanted grid has to be wider for means over samples of this shape to be brought to it.

        None for layers, and for windows of one or two pixels, whose means have to keep their grid.
        """
        window = _window(layer, shape[:-1])[0]
        if getattr(layer, "padding", "valid") not in ("valid", 0) or prod(window) < 3:
            return None
        return max(1.0, _share(given, wanted, window) / MOST)


def _window(layer: Layer, pixels: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Window and stride over samples of so many pixels."""
    if isinstance(layer, layers.AveragePool1D | layers.AveragePool2D):
        return layer.pool_size, layer.strides
    return pixels, (1,) * len(pixels)


def _share(given: Grid, wanted: Grid, window: tuple[int, ...]) -> float:
    """What a sum over a window on the one grid is multiplied by to be a mean on the other."""
    assert given.scale is not None and wanted.scale is not None
    return float(given.scale) / float(wanted.scale) / prod(window)


@dataclass(frozen=True, eq=False)
class Join(Operation):
    """A Concatenate; each of its inputs is brought to one grid first."""

    layer: layers.Concatenate
    grid: Grid

    @property
    def words(self) -> str:
        return type(self.layer).__name__

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return self.layer.call(*[st.quantize(x, self.grid) for x in inputs], mode=INFERENCE)


@dataclass(frozen=True, eq=False)
class Clamp(Operation):
    """relu or relu6 of bytes, which stay on their grid."""

    activation: str

    @property
    def words(self) -> str:
        return self.activation

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        (x,) = inputs
        assert x.grid is not None
        low, high = clamp(x.grid, self.activation)
        y = st.maximum(x, apply("fill", grid=x.grid, shape=x.shape, format=x.format, value=low))
        if self.activation == "relu6":
            y = st.minimum(y, apply("fill", grid=x.grid, shape=x.shape, format=x.format, value=high))
        return y


@dataclass(frozen=True, eq=False)
class Move(Operation):
    """A layer that moves bytes, chooses among them or takes their mean: they stay on their grid.

    A border is the zero point.
    """

    layer: Layer

    @property
    def words(self) -> str:
        return type(self.layer).__name__

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return self.layer.call(*inputs, mode=INFERENCE)


@dataclass(frozen=True, eq=False)
class Real(Operation):
    """A layer without an integer form, computed in float32."""

    layer: Layer
    integer: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return _joined(type(self.layer).__name__, getattr(self.layer, "activation", None))

    def call(self, *inputs: st.Tensor) -> st.Tensor:
        return self.layer.call(*inputs, mode=INFERENCE)


OPERATIONS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (Quantize, Dequantize, Product, Channels, Sum, Average, Join, Clamp, Move, Real)
}
"""All of them by name."""


def clamp(g: Grid, activation: str | None) -> tuple[int, int]:
    """Lowest and highest integer of results on `g`: those of its type, cut to what relu and relu6 leave."""
    low, high = limits(g.format)
    assert g.scale is not None and g.zero_point is not None
    zero = int(g.zero_point)
    if activation is not None:
        low = max(low, zero)
    if activation == "relu6":
        high = min(high, zero + int(np.rint(SIX / float(g.scale))))
    return low, high


def _joined(*words: str | None) -> str:
    return ", ".join(w for w in words if w)
