"""Convolutions of sequences and of images, channels last."""

from __future__ import annotations

from math import prod
from typing import Any

import spinntensor as st
from spinntensor.nn.layer import Shape
from spinntensor.nn.layers.product import Product
from spinntensor.nn.layers.windows import Padding, checked_padding, slid
from spinntensor.tensors.windows import several

__all__ = ["Conv1D", "Conv2D", "DepthwiseConv2D"]

Sizes = int | tuple[int, ...]


class Convolution(Product):
    """Base of convolutions over `rank` spatial axes; arguments as `Conv2D` has them."""

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: str = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(activation, use_bias, kernel_initializer, bias_initializer, name)
        (self.filters,) = several(self.label, "filters", filters, 1)
        (self.groups,) = several(self.label, "groups", groups, 1)
        self.kernel_size = several(self.label, "kernel_size", kernel_size, self.rank)
        self.strides = several(self.label, "strides", strides, self.rank)
        self.dilation_rate = several(self.label, "dilation_rate", dilation_rate, self.rank)
        self.padding = checked_padding(self, padding, self.kernel_size)
        if self.filters % self.groups:
            raise self.refuse(f"{self.filters} filters", f"a multiple of {self.groups} groups", "change one")

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes, self.rank + 1)
        if shape[-1] % self.groups:
            expected = f"a multiple of {self.groups} groups"
            raise self.refuse(f"an input of shape {shape}, {shape[-1]} channels", expected, "change one")
        window = (self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (*slid(self, shape, *window), self.filters)

    def kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[-1] // self.groups, self.filters)

    def product(self, x: st.Tensor, kernel: st.Tensor, format: str | None = None) -> st.Tensor:
        return self._product(x, kernel, self.groups, format)

    def _product(self, x: st.Tensor, kernel: st.Tensor, groups: int, format: str | None) -> st.Tensor:
        options: dict[str, Any] = {
            "stride": self.strides,
            "padding": self.padding,
            "dilation": self.dilation_rate,
            "groups": groups,
            "format": format,
        }
        return (st.conv1d if self.rank == 1 else st.conv2d)(x, kernel, **options)

    def macs(self, *input_shapes: Shape) -> int:
        results = self.output_shape(*input_shapes)
        return prod(results[:-1]) * prod(self.kernel_shape(*input_shapes))


class Conv1D(Convolution):
    """A convolution of sequences.

    Parameters
    ----------
    filters : outputs. Others as for `Conv2D`, with one spatial axis.

    **Shape** (width, channels) -> (results, filters). Weights: kernel (width, channels / groups, filters), bias
    (filters,).
    """

    rank = 1


class Conv2D(Convolution):
    """A convolution of images: a correlation, nothing is flipped.

    Parameters
    ----------
    filters : outputs.
    kernel_size, strides, dilation_rate : one number, or one for each spatial axis.
    padding : "valid" (none), "same" (ceil(size / stride) results, the odd one of the border behind), a number for all
        sides, or for each spatial axis one number or (before, after).
    groups : channels are cut into so many runs, each with its own filters / groups outputs.
    activation : name of an activation, or None.
    use_bias : whether a bias is added.
    kernel_initializer, bias_initializer : names of initializers.

    **Shape** (height, width, channels) -> (rows, columns, filters). Weights: kernel (height, width, channels / groups,
    filters), bias (filters,).
    """

    rank = 2


class DepthwiseConv2D(Convolution):
    """A convolution of images, each channel with kernels of its own.

    Parameters
    ----------
    depth_multiplier : outputs of each channel. Others as for `Conv2D`.

    **Shape** (height, width, channels) -> (rows, columns, channels * depth_multiplier): the outputs of the first
    channel, then those of the second. Weights: kernel (height, width, channels, depth_multiplier), bias.
    """

    rank = 2

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        dilation_rate: Sizes = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: str = "zeros",
        name: str | None = None,
    ) -> None:
        initializers = (kernel_initializer, bias_initializer)
        super().__init__(
            1, kernel_size, strides, padding, dilation_rate, 1, activation, use_bias, *initializers, name
        )
        (self.depth_multiplier,) = several(self.label, "depth_multiplier", depth_multiplier, 1)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes, 3)
        window = (self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return (*slid(self, shape, *window), shape[-1] * self.depth_multiplier)

    def kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[-1], self.depth_multiplier)

    def kernel(self) -> st.Tensor:
        kept = self.weights["kernel"]
        return st.reshape(kept, (*self.kernel_size, 1, kept.shape[-2] * kept.shape[-1]))

    def product(self, x: st.Tensor, kernel: st.Tensor, format: str | None = None) -> st.Tensor:
        return self._product(x, kernel, x.shape[-1], format)
