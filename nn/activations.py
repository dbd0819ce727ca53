"""Functions that layers end with, by Keras's names."""

from __future__ import annotations

from collections.abc import Callable

import spinntensor as st
from spinntensor.errors import UnknownNameError

__all__ = ["ACTIVATIONS", "NEGATIVE_SLOPE", "activate"]

NEGATIVE_SLOPE = 0.2
"""Slope of leaky_relu below 0, where Keras has it; PyTorch's is 0.01."""


def identity(x: st.Tensor) -> st.Tensor:
    """`x` itself."""
    return x


def relu6(x: st.Tensor) -> st.Tensor:
    """min(max(x, 0), 6); NaN stays."""
    return st.clip(x, 0.0, 6.0)


def leaky_relu(x: st.Tensor) -> st.Tensor:
    """`x` above 0, else 0.2 x."""
    return st.leaky_relu(x, NEGATIVE_SLOPE)


ACTIVATIONS: dict[str, Callable[[st.Tensor], st.Tensor]] = {
    "identity": identity,
    "linear": identity,
    "tanh": st.tanh,
    "sigmoid": st.sigmoid,
    "relu": st.relu,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "softmax": st.softmax,
}
"""Functions by name; softmax is over the last axis."""


def known(name: str | None) -> str | None:
    """`name`, if it is one of `ACTIVATIONS` or None, which is the identity; UnknownNameError for others."""
    if name is not None and name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return name


def activate(name: str | None, x: st.Tensor) -> st.Tensor:
    """`x` through the function of this name; None is the identity."""
    return x if name is None else ACTIVATIONS[name](x)
