"""PyTorch's names and layouts of weights: where each one stands in a model of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

import spinntensor as st
from spinntensor.nn.graph import Shape, Symbol
from spinntensor.nn.layers import Activation, Dense, DepthwiseConv2D, Dropout, Flatten

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["IGNORED", "Place", "places"]

NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""PyTorch's name of each weight; it follows the module's and a dot."""
IGNORED = ".num_batches_tracked"
"""Ends the names of counters that are no weights."""
TRANSPARENT = (Flatten, Activation, Dropout)
"""Layers that leave the order of elements alone."""


@dataclass(frozen=True)
class Place:
    """Where one of PyTorch's arrays stands here.

    variable : the weight of this package.
    parts : its shape, with an axis cut into several where PyTorch has these in another order.
    order : axis i of PyTorch's array is axis order[i] of the parts.
    shape : of PyTorch's array, in which neighbouring axes may be joined again.
    """

    variable: st.Variable
    parts: Shape
    order: Shape
    shape: Shape

    def theirs(self, ours: np.ndarray) -> np.ndarray:
        """A copy of an array in PyTorch's layout."""
        return np.array(ours.reshape(self.parts).transpose(self.order).reshape(self.shape), order="C")

    def ours(self, theirs: np.ndarray) -> np.ndarray:
        """An array in this package's layout."""
        cut = theirs.reshape([self.parts[i] for i in self.order])
        back = np.argsort(self.order)
        return cut.transpose(back).reshape(self.variable.shape)


def places(model: Model, rename: Mapping[str, str] | None = None) -> dict[str, Place]:
    """The place of each array by PyTorch's name, in the order of the model's weights.

    rename : names of modules by the names of layers, where they differ.
    """
    modules = rename or {}
    first = {node.layer: node for node in reversed(model.nodes)}
    found: dict[str, Place] = {}
    for layer in model.layers:
        module = modules.get(layer.name, layer.name)
        for name, variable in layer.weights.items():
            place = _kernel(first[layer], variable) if name == "kernel" else _vector(variable)
            found[f"{module}.{NAMES[name]}"] = place
    return found


def _vector(variable: st.Variable) -> Place:
    return Place(variable, variable.shape, (0,), variable.shape)


def _kernel(node: Symbol, variable: st.Variable) -> Place:
    """Outputs first, then inputs, then the window; a depthwise kernel has one input for each output."""
    if isinstance(node.layer, DepthwiseConv2D):
        *window, channels, multiplier = variable.shape
        return Place(variable, variable.shape, (2, 3, 0, 1), (channels * multiplier, 1, *window))
    if isinstance(node.layer, Dense):
        parts = (*_flattened(node.inputs[0]), variable.shape[-1])
        order = (len(parts) - 1, *_channels_first(len(parts) - 1))
        return Place(variable, parts, order, (variable.shape[-1], prod(parts[:-1])))
    order = (variable.ndim - 1, *_channels_first(variable.ndim - 1))
    return Place(variable, variable.shape, order, tuple(variable.shape[i] for i in order))


def _channels_first(axes: int) -> Iterator[int]:
    """The last of so many axes, then the others."""
    return iter((axes - 1, *range(axes - 1)))


def _flattened(symbol: Symbol) -> Shape:
    """The shape of what a Dense layer is given, as it was before it was flattened."""
    while len(symbol.shape) == 1 and isinstance(symbol.layer, TRANSPARENT):
        symbol = symbol.inputs[0]
    return symbol.shape
