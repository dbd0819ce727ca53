"""Layers of several inputs: sums, products, and concatenation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import spinntensor as st
from spinntensor.nn.layer import Layer, Mode, Shape
from spinntensor.tensors.operands import one_axis

__all__ = ["Add", "Concatenate", "Multiply"]


class Elementwise(Layer):
    """Base of layers that join equal shapes element by element, from the first input to the last.

    An axis of size 1 is repeated to the size of the others. **Shape** that of the inputs.
    """

    function: Callable[[st.Tensor, st.Tensor], st.Tensor]

    def output_shape(self, *input_shapes: Shape) -> Shape:
        several_inputs(self, input_shapes)
        if len({len(s) for s in input_shapes}) == 1:
            axes = [{n for n in sizes if n != 1} for sizes in zip(*input_shapes, strict=True)]
            if all(len(sizes) <= 1 for sizes in axes):
                return tuple(max(sizes, default=1) for sizes in axes)
        raise self.refuse(
            f"inputs of shapes {', '.join(map(str, input_shapes))}",
            "equal sizes, or 1, on each axis",
            "bring them to one shape, with Conv2D of kernel size 1 for channels",
        )

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        return reduce(type(self).function, inputs)


class Add(Elementwise):
    """The sum of its inputs."""

    function = staticmethod(st.add)


class Multiply(Elementwise):
    """The product of its inputs, element by element."""

    function = staticmethod(st.multiply)


class Concatenate(Layer):
    """Its inputs one behind the other along an axis.

    axis : counted with the batch's axis, as in Keras; -1 is the channels. Not 0.

    **Shape** all sizes equal but those of the axis, which are added.
    """

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = axis

    def output_shape(self, *input_shapes: Shape) -> Shape:
        several_inputs(self, input_shapes)
        first = input_shapes[0]
        place = one_axis(self.label, self.axis, len(first) + 1) - 1
        if place < 0:
            raise self.refuse("axis 0", "an axis of the samples", "the batch is never joined")
        rest = {(len(s), *s[:place], *s[place + 1 :]) for s in input_shapes}
        if len(rest) > 1:
            received = f"inputs of shapes {', '.join(map(str, input_shapes))}"
            expected = f"equal sizes on all axes but {place} (without the batch)"
            raise self.refuse(received, expected, "reshape or pad them")
        return (*first[:place], sum(s[place] for s in input_shapes), *first[place + 1 :])

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        return st.concatenate(list(inputs), axis=self.axis)


def several_inputs(layer: Layer, shapes: Sequence[Shape]) -> None:
    """ShapeError for fewer than two inputs."""
    if len(shapes) < 2:
        raise layer.refuse(f"{len(shapes)} input{'s' * (len(shapes) != 1)}", "at least two", "give a list")
