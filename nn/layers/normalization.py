"""Batch normalisation, and dropout: layers that train in another way than they infer."""

from __future__ import annotations

from numbers import Real

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.initializers import resolve
from spinntensor.nn.layer import Layer, Mode, Shape, Weight

__all__ = ["BatchNorm", "Dropout"]


class BatchNorm(Layer):
    """(x - mean) * (gamma / sqrt(variance + epsilon)) + beta for each channel, the last axis.

    Parameters
    ----------
    momentum : share of the old moving statistics at each step of training: moving * momentum + batch * (1 - momentum).
        PyTorch's is 1 minus this.
    epsilon : added to the variance.
    center, scale : whether there is a beta, and a gamma.
    gamma_initializer, beta_initializer : names of initializers.

    In training, mean and (biased) variance are those of each group of `Mode.group` samples; otherwise, and when the
    layer is frozen, the moving ones.

    **Shape** unchanged. Weights (channels,): gamma, beta, moving_mean, moving_variance.
    """

    def __init__(
        self,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        gamma_initializer: str = "ones",
        beta_initializer: str = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.momentum = within(self, "momentum", momentum, 0.0, 1.0)
        self.epsilon = within(self, "epsilon", epsilon, 0.0, 1.0)
        self.center = center
        self.scale = scale
        self.gamma_initializer = gamma_initializer
        self.beta_initializer = beta_initializer
        for initializer in (gamma_initializer, beta_initializer):
            resolve(initializer)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        shape = self.only(input_shapes)
        if not shape:
            raise self.refuse("an input of shape ()", "channels on the last axis", "reshape it")
        return shape

    def weights_spec(self, *input_shapes: Shape) -> tuple[Weight, ...]:
        channels = self.output_shape(*input_shapes)[-1:]
        learned = [Weight("gamma", channels, self.gamma_initializer)] * self.scale
        learned += [Weight("beta", channels, self.beta_initializer)] * self.center
        mean = Weight("moving_mean", channels, "zeros", trainable=False)
        return (*learned, mean, Weight("moving_variance", channels, "ones", trainable=False))

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        (x,) = inputs
        mean, variance = self.weights["moving_mean"], self.weights["moving_variance"]
        gamma = self.weights["gamma"] if self.scale else st.ones(mean.shape)
        beta = self.weights["beta"] if self.center else st.zeros(mean.shape)
        if not (mode.training and self.trainable):
            return st.batch_norm(x, gamma, beta, mean, variance, eps=self.epsilon)
        y = st.batch_norm(x, gamma, beta, eps=self.epsilon, group=mode.group)
        for moving, batch in ((mean, y.mean), (variance, y.var)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return y.value


class Dropout(Layer):
    """In training each element becomes 0 with probability `rate`, others are divided by 1 - rate.

    rate : 0 to below 1.

    What falls is drawn from `Mode.generator`. **Shape** unchanged.
    """

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = within(self, "rate", rate, 0.0, 1.0)
        if self.rate == 1:
            raise OperandError(self.label, "rate", "1", "0 to below 1", "something must be left")

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return self.only(input_shapes)

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        if not mode.training:
            return inputs[0]
        if mode.generator is None and self.rate:
            mend = "give Mode(generator=st.Generator(seed))"
            raise OperandError(self.label, "mode", "no generator in training", "one to draw from", mend)
        return st.dropout(inputs[0], self.rate, mode.generator)


def within(layer: Layer, name: str, value: float, low: float, high: float) -> float:
    """`value` as a float; OperandError unless it lies between the bounds."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise OperandError(layer.label, name, repr(value), f"{low:g} to {high:g}", f"correct {name}")
    return float(value)
