"""Layers without arithmetic: other shapes, borders of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

import spinntensor as st
from spinntensor.nn.layer import Layer, Mode, Shape, size
from spinntensor.nn.layers.windows import Padding, checked_padding
from spinntensor.tensors.windows import borders

__all__ = ["Flatten", "Reshape", "ZeroPadding"]


class Flatten(Layer):
    """All elements of a sample on one axis, row-major with the channels last."""

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return (size(self.only(input_shapes)),)

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,) = inputs
        return st.reshape(x, (x.shape[0], size(x.shape[1:])))


class Reshape(Layer):
    """The elements of a sample, row-major, in another shape.

    target_shape : without the batch; one size may be -1 and is what is left.
    """

    def __init__(self, target_shape: Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        sizes = tuple(target_shape) if isinstance(target_shape, list | tuple) else (target_shape,)
        good = all(isinstance(s, int | np.integer) and (s > 0 or s == -1) for s in sizes)
        if not good or sizes.count(-1) > 1:
            expected = "sizes from 1 on, and at most one -1"
            raise self.refuse(f"target_shape {target_shape!r}", expected, "correct them")
        self.target_shape = tuple(int(s) for s in sizes)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes)
        known = prod(s for s in self.target_shape if s != -1)
        left, over = divmod(size(shape), known)
        if over or (-1 not in self.target_shape and left != 1):
            received = f"an input of shape {shape}, {size(shape)} elements"
            raise self.refuse(received, f"elements for {self.target_shape}", "correct target_shape")
        return tuple(left if s == -1 else s for s in self.target_shape)

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,) = inputs
        return st.reshape(x, (x.shape[0], *self.output_shape(x.shape[1:])))


class ZeroPadding(Layer):
    """Zeros around sequences (width, channels) or images (height, width, channels).

    padding : a number for all sides; (left, right) for sequences; (rows, columns) or ((top, bottom), (left, right)) for
        images.

    **Shape** each spatial axis grows by what is added before and behind it.
    """

    def __init__(self, padding: Padding = 1, name: str | None = None) -> None:
        super().__init__(name)
        if isinstance(padding, str):
            raise self.refuse(f"padding {padding!r}", "numbers", "strings are for convolutions")
        self.padding = checked_padding(self, padding, (1, 1))

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes, 2, 3)
        rim = self.borders(len(shape) - 1)
        return (*(n + sum(pair) for n, pair in zip(shape[:-1], rim, strict=True)), shape[-1])

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,) = inputs
        return st.pad(x, [(0, 0), *self.borders(x.ndim - 2), (0, 0)])

    def borders(self, rank: int) -> list[tuple[int, int]]:
        """(before, after) for each of so many spatial axes."""
        padding = self.padding
        if rank == 1 and isinstance(padding, tuple):
            if not all(isinstance(p, int) for p in padding):
                raise self.refuse(
                    f"padding {padding!r}", "a number or (left, right)", "sequences have one axis"
                )
            padding = (padding,)
        one = (1,) * rank
        return borders(self.label, padding, one, one, one, one)
