"""Stacks of layers: models that grow from the bottom up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import caller
from spinntensor.nn.graph import Network, Shape, Symbol, network
from spinntensor.nn.layer import Layer
from spinntensor.nn.layers.input import Input
from spinntensor.nn.model import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers, each on the result of the one before.

    Parameters
    ----------
    layers : the first may be an `Input`; without one, the shape comes from `build` or from the first data.
    name, seed : as for `Model`.

    >>> model = nn.Sequential([nn.Input((64,)), nn.Dense(128, activation="relu"), nn.Dense(10)])
    """

    def __init__(self, layers: Sequence[Layer | Symbol] = (), name: str | None = None, seed: int = 0) -> None:
        self._start(name, seed)
        self._network = None
        self._input: Symbol | None = None
        self._end: Symbol | None = None
        self.stack: list[Layer] = []
        """The layers after the input, whether built or not."""
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer | Symbol) -> Self:
        """Put a layer on top; ShapeError if it cannot take what the one below gives."""
        if isinstance(layer, Symbol) and not layer.inputs:
            if self._input is not None or self.stack:
                raise ShapeError(repr(self), "an Input on top", "it at the bottom", "put it first", caller())
            self._input = self._end = layer
            return self
        if not isinstance(layer, Layer):
            mend = "use nn.Model for other graphs"
            raise ShapeError(
                repr(self), f"a {type(layer).__name__}", "a layer, or an Input first", mend, caller()
            )
        if any(layer is below for below in self.stack):
            mend = "use nn.Model to call a layer twice"
            raise ShapeError(repr(self), f"{layer!r} once more", "each layer once", mend, caller())
        if self._end is not None:
            self._end = layer(self._end)
        self.stack.append(layer)
        self._network = None
        self._compiled.clear()
        return self

    def build(self, shape: Shape) -> Self:
        """Give the shape of one sample to a stack that has no `Input`, and make the weights."""
        if self._input is not None:
            if tuple(shape) != self._input.shape:
                raise self._input.layer.refuse(f"shape {tuple(shape)}", f"{self._input.shape}", "it is built")
            return self
        start = end = Input(shape)
        for layer in self.stack:
            end = layer(end)
        self._input, self._end = start, end
        return self

    @property
    def built(self) -> bool:
        """Whether the shape of the input is known."""
        return self._input is not None

    @property
    def network(self) -> Network:
        """Symbols and layers in the order in which they are computed; ShapeError while no shape is known."""
        if self._network is None:
            if self._input is None or self._end is None:
                mend = "put nn.Input(shape) first, or call build(shape)"
                raise ShapeError(repr(self), "no shape of the input", "one", mend, caller())
            graph = network([self._input], [self._end])
            self._name_layers(graph)
            self._build(graph)
            self._network = graph
        return self._network

    def _see(self, x: Any) -> None:
        if not self.built:
            alone = x[0] if isinstance(x, list | tuple) and len(x) == 1 else x
            shape = np.shape(alone) if isinstance(alone, list | tuple) else getattr(alone, "shape", ())
            if shape:  # a loader has none
                self.build(tuple(shape[1:]))
