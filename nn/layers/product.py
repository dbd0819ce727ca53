"""What Dense and the convolutions share: a product with a kernel, then a bias, then an activation."""

from __future__ import annotations

import spinntensor as st
from spinntensor.formats import Bfp16
from spinntensor.nn.activations import activate, known
from spinntensor.nn.initializers import resolve
from spinntensor.nn.layer import Layer, Mode, Shape, Weight

__all__ = ["Product"]


class Product(Layer):
    """Base of layers with a kernel, whose last axis is that of the outputs.

    A subclass defines `kernel_shape`, `output_shape`, `product` and `macs`; a bias has one number for each output.
    """

    def __init__(
        self,
        activation: str | None,
        use_bias: bool,
        kernel_initializer: str,
        bias_initializer: str,
        name: str | None,
    ) -> None:
        super().__init__(name)
        self.activation = known(activation)
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        for initializer in (kernel_initializer, bias_initializer):
            resolve(initializer)

    def kernel_shape(self, shape: Shape) -> Shape:
        """Shape of the kernel as it is kept, for inputs of this shape."""
        raise NotImplementedError

    def product(self, x: st.Tensor, kernel: st.Tensor, format: str | None = None) -> st.Tensor:
        """The product alone, without bias and activation.

        Parameters
        ----------
        x : inputs [N, *shape]: float32, bfp16, or int8 or uint8, which gives int32 sums.
        kernel : of the same format, as `kernel()` gives it.
        format : of the result of bfp16 operands.
        """
        raise NotImplementedError

    def kernel(self) -> st.Tensor:
        """The kernel with its outputs on the last axis, as `product` takes it."""
        return self.weights["kernel"]

    def weights_spec(self, *input_shapes: Shape) -> tuple[Weight, ...]:
        shape = self.kernel_shape(self.only(input_shapes))
        kernel = Weight("kernel", shape, self.kernel_initializer)
        if not self.use_bias:
            return (kernel,)
        return kernel, Weight("bias", self.output_shape(*input_shapes)[-1:], self.bias_initializer)

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,), kernel = inputs, self.kernel()
        if mode.format == "bfp16":
            y = self.product(st.quantize(x, Bfp16()), st.quantize(kernel, Bfp16(axis=-1)), "float32")
        else:
            y = self.product(x, kernel)
        if self.use_bias:
            y = y + self.weights["bias"]
        return activate(self.activation, y)
