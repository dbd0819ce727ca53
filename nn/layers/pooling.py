"""Pooling of sequences and images: the largest element or the mean under a window, or the mean of everything."""

from __future__ import annotations

import spinntensor as st
from spinntensor.nn.layer import Layer, Mode, Shape
from spinntensor.nn.layers.windows import Padding, checked_padding, slid
from spinntensor.tensors.windows import borders, several

__all__ = ["AveragePool1D", "AveragePool2D", "GlobalAveragePool", "MaxPool1D", "MaxPool2D"]

Sizes = int | tuple[int, ...]


class Pool(Layer):
    """Base of pooling over `rank` spatial axes.

    Parameters
    ----------
    pool_size : of the window: one number, or one for each spatial axis.
    strides : the same; None takes the window's.
    padding : as for convolutions, each border below the window's size.

    **Shape** (width, channels) -> (results, channels), or (height, width, channels) -> (rows, columns, channels).
    """

    rank: int

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.pool_size = several(self.label, "pool_size", pool_size, self.rank)
        self.strides = several(
            self.label, "strides", self.pool_size if strides is None else strides, self.rank
        )
        self.padding = checked_padding(self, padding, self.pool_size)
        one = (1,) * self.rank
        rim = borders(self.label, self.padding, one, self.pool_size, one, one)
        if any(max(pair) >= k for pair, k in zip(rim, self.pool_size, strict=True)):
            expected = f"less than the window {self.pool_size} on each side"
            raise self.refuse(f"padding {padding!r}", expected, "use ZeroPadding before it")

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes, self.rank + 1)
        return (*slid(self, shape, self.pool_size, self.strides, self.padding), shape[-1])


class MaxPool(Pool):
    """The largest element under a window, for each channel; the border never wins."""

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        pool = st.max_pool1d if self.rank == 1 else st.max_pool2d
        return pool(inputs[0], self.pool_size, stride=self.strides, padding=self.padding)


class AveragePool(Pool):
    """The mean of the elements under a window, for each channel.

    count_include_pad : whether the border counts, as zeros; Keras never counts it, PyTorch does unless told.
    """

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        count_include_pad: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(pool_size, strides, padding, name)
        self.count_include_pad = count_include_pad

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        pool = st.avg_pool1d if self.rank == 1 else st.avg_pool2d
        return pool(
            inputs[0],
            self.pool_size,
            stride=self.strides,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
        )


class MaxPool1D(MaxPool):
    """The largest element under a window of sequences; arguments `pool_size=2, strides=None, padding="valid"`."""

    rank = 1


class MaxPool2D(MaxPool):
    """The largest element under a window of images; arguments `pool_size=2, strides=None, padding="valid"`."""

    rank = 2


class AveragePool1D(AveragePool):
    """The mean under a window of sequences; arguments of `MaxPool1D`, and `count_include_pad=False`."""

    rank = 1


class AveragePool2D(AveragePool):
    """The mean under a window of images; arguments of `MaxPool2D`, and `count_include_pad=False`."""

    rank = 2


class GlobalAveragePool(Layer):
    """The mean of each channel over a whole sequence or image.

    keepdims : whether the spatial axes stay, with size 1.

    **Shape** (width, channels) or (height, width, channels) -> (channels,).
    """

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes, 2, 3)
        return (1,) * (len(shape) - 1) * self.keepdims + shape[-1:]

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,) = inputs
        samples, *spatial, channels = x.shape
        image = st.reshape(x, (samples, 1, *spatial, channels)) if x.ndim == 3 else x
        y = st.global_avg_pool2d(image)
        return st.reshape(y, (samples, *self.output_shape(x.shape[1:])))
