"""An activation as a layer of its own."""

from __future__ import annotations

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.activations import ACTIVATIONS, known
from spinntensor.nn.layer import Layer, Mode, Shape

__all__ = ["Activation"]


class Activation(Layer):
    """A function of each element; softmax is one of the last axis.

    Parameters
    ----------
    activation : identity (or linear), tanh, sigmoid, relu, relu6, leaky_relu or softmax.
    negative_slope : of leaky_relu below 0; None takes Keras's 0.2. PyTorch's is 0.01.

    **Shape** unchanged.
    """

    def __init__(self, activation: str, negative_slope: float | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = known(activation) or "identity"
        self.negative_slope = negative_slope
        if negative_slope is not None and activation != "leaky_relu":
            mend = "leave it out"
            raise OperandError(
                self.label, "negative_slope", f"{negative_slope} for {activation}", "None", mend
            )

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes)
        if self.activation == "softmax" and not shape:
            raise self.refuse("an input of shape ()", "an axis of classes", "reshape it")
        return shape

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        if self.negative_slope is not None:
            return st.leaky_relu(inputs[0], self.negative_slope)
        return ACTIVATIONS[self.activation](inputs[0])
