"""Where a model begins: the shape of what it is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import spinntensor as st
from spinntensor.nn.layer import Layer, Mode, Shape, Symbol

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """The layer behind an `Input`; it gives what the model was given.

    shape : of one sample.
    """

    def __init__(self, shape: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        if not all(isinstance(s, int | np.integer) and not isinstance(s, bool) and s > 0 for s in sizes):
            raise self.refuse(f"shape {shape!r}", "sizes from 1 on, without the batch", "say them all")
        self.shape = tuple(int(s) for s in sizes)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        if input_shapes:
            raise self.refuse(f"{len(input_shapes)} inputs", "none", "it is where a model begins")
        return self.shape

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        return inputs[0]


def Input(shape: int | Sequence[int], name: str | None = None) -> Symbol:
    """A symbol to call layers on.

    Parameters
    ----------
    shape : of one sample, channels last, without the batch: (28, 28, 1) for images, (64, 4) for sequences.
    name : unique in the model.
    """
    return InputLayer(shape, name)()
