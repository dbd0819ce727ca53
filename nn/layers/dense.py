"""The layer that connects everything with everything."""

from __future__ import annotations

import spinntensor as st
from spinntensor.nn.layer import Shape, size
from spinntensor.nn.layers.product import Product
from spinntensor.tensors.windows import several

__all__ = ["Dense"]


class Dense(Product):
    """activation(x @ kernel + bias); an input of more than one axis is flattened first.

    Parameters
    ----------
    units : outputs.
    activation : name of an activation, or None.
    use_bias : whether a bias is added.
    kernel_initializer, bias_initializer : names of initializers.

    **Shape** any -> (units,). Weights: kernel (inputs, units), bias (units,).
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: str = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(activation, use_bias, kernel_initializer, bias_initializer, name)
        (self.units,) = several(self.label, "units", units, 1)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        if not self.only(input_shapes):
            raise self.refuse("an input of shape ()", "at least one axis besides the batch", "reshape it")
        return (self.units,)

    def kernel_shape(self, shape: Shape) -> Shape:
        return size(shape), self.units

    def product(self, x: st.Tensor, kernel: st.Tensor, format: str | None = None) -> st.Tensor:
        return st.matmul(st.reshape(x, (x.shape[0], size(x.shape[1:]))), kernel, format=format)

    def macs(self, *input_shapes: Shape) -> int:
        return size(self.only(input_shapes)) * self.units
