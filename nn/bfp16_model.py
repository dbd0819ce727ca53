"""A model whose products are computed in bfp16; what `model.quantize("bfp16")` gives."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import spinntensor as st
from spinntensor.graph.graph import Graph
from spinntensor.nn import layers
from spinntensor.nn.converted import ConvertedModel, Observer
from spinntensor.nn.folding import LINEAR, FoldedModel
from spinntensor.nn.graph import Network, Shape
from spinntensor.nn.layer import Layer, Mode
from spinntensor.nn.objective import Objective

__all__ = ["Bfp16Model"]

PRODUCTS = "products in bfp16"
IDLE = (
    layers.InputLayer,
    layers.Flatten,
    layers.Reshape,
    layers.ZeroPadding,
    layers.Dropout,
    layers.MaxPool1D,
    layers.MaxPool2D,
    layers.Concatenate,
)
"""Layers that compute nothing."""


class Bfp16Model(ConvertedModel):
    """A folded model in whose products both operands are rounded to bfp16; everything else stays float32.

    model : the folded model, with weights of its own.

    The samples of a batch share exponents, so a result depends on the batch it was computed in.
    """

    format = "bfp16"

    def __init__(self, model: FoldedModel, objective: Objective | None = None) -> None:
        self.model = model
        self.name = model.name
        self.transforms = (*model.transforms, PRODUCTS)
        self.objective = objective
        self.synthetic = model.synthetic

    @property
    def network(self) -> Network:
        return self.model.network

    @property
    def float_layers(self) -> tuple[str, ...]:
        return tuple(x.name for x in self.model.layers if _computes_in_float32(x))

    @property
    def covers(self) -> Mapping[str, tuple[str, ...]]:
        return self.model.covers

    @property
    def reads(self) -> Mapping[str, tuple[str, ...]]:
        return {s.layer.name: tuple(i.layer.name for i in s.inputs) for s in self.model.nodes}

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return self.model.parameters

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one sample."""
        return self.model.macs

    def forward(self, *xs: Any, observe: Observer | None = None) -> Any:
        def watch(layer: Layer, y: st.Tensor) -> None:
            assert observe is not None
            observe(layer.name, y)

        return self.model.forward(*xs, mode=Mode(format="bfp16"), observe=watch if observe else None)

    def compiled(self, format: Any = None) -> st.Compiled:
        return self.model.compiled("bfp16")

    def graph(self, *shapes: Shape) -> Graph:
        return self.model.compiled("bfp16").graph(*[st.zeros(s) for s in shapes])

    def summary(self) -> str:
        lines = [
            self.model.summary(),
            f"operands of products in bfp16, all else in float32: {', '.join(self.float_layers) or 'nothing'}",
            f"transforms: {', '.join(self.transforms)}",
        ]
        return "\n".join(lines)

    def save(self, path: str | PathLike[str]) -> None:
        from spinntensor.nn.quantized_saving import save

        save(self, path)


def _computes_in_float32(layer: Layer) -> bool:
    """Whether a layer does arithmetic, and none of it in bfp16."""
    if isinstance(layer, (*IDLE, layers.Product)):
        return False
    return not (isinstance(layer, layers.Activation) and layer.activation in LINEAR)
