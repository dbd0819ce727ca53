"""Batch normalisation folded into the product before it: a new model with the same results but for rounding.

    model = fold(model)             # Conv2D, BatchNorm, Activation -> Conv2D with a bias, Activation

A `BatchNorm` is folded where it directly follows a Dense layer or a convolution that ends without an activation and
that nothing else reads. Padding stands before the product, so it does not matter. Anything between the two keeps the
BatchNorm as it is, a factor and an offset for each channel: after `ZeroPadding`, say, the border would have to become
the offset, and no bias makes it so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layer import Layer
from spinntensor.nn.layers import (
    Activation,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Product,
)
from spinntensor.nn.model import Model

__all__ = ["FOLDED", "PRODUCTS", "SPLIT", "FoldedModel", "calls", "factor_and_offset", "fold"]

FOLDED = "batch normalisation folded"
SPLIT = "activations split off"
"""Names of transforms."""
PRODUCTS = (Dense, Conv1D, Conv2D, DepthwiseConv2D)
"""Layers that are understood; classes that a user derived from them may compute something else."""
LINEAR = (None, "identity", "linear")
"""Activations that are none."""


class FoldedModel(Model):
    """What `fold` gives: a model of layers of its own, with copies of the weights.

    covers : for each layer by name, the layers of the model before that it stands for, the last of which gave what it
        gives; none for a product whose activation was split off, as no layer gave that. See `calls` for the names.
    """

    covers: Mapping[str, tuple[str, ...]]


def fold(model: Model, split: bool = False) -> FoldedModel:
    """A copy of `model` for inference, with every BatchNorm folded that can be.

    Parameters
    ----------
    split : also make the activation of each product a layer of its own, called `dense.tanh` behind `dense`.

    With f = gamma / sqrt(moving_variance + epsilon), the kernel becomes f * kernel and the bias
    f * (bias - moving_mean) + beta, each computed in float64 and rounded once to float32. An output changes by at most
    2**-18 (|f| (sum |x * kernel| + |bias| + |moving_mean|) + |beta|), the sum taken where it is largest.

    A layer that is called several times has a copy for each call: `conv`, `conv.2`, `conv.3`.
    """
    into, called = _targets(model), calls(model)
    names = _Names(s.layer.name for s in model.nodes)
    made: dict[Symbol, Symbol] = {}
    covers: dict[str, tuple[str, ...]] = {}
    for node in model.nodes:
        if node in into:
            made[node] = made[node.inputs[0]]
            continue
        norms = [n for n in model.nodes if into.get(n) is node]
        covered = tuple(called[n] for n in (node, *norms))
        layer = _copy(node, [n.layer for n in norms], names(node.layer), split)
        symbol = layer(*[made[s] for s in node.inputs])
        function = _activation(node.layer) if split else None
        if function not in LINEAR:
            covers[layer.name] = ()
            layer = Activation(function, name=names.fresh(f"{layer.name}.{function}"))
            symbol = layer(symbol)
        covers[layer.name] = covered
        made[node] = symbol
    folded = FoldedModel(
        [made[s] for s in model.inputs], [made[s] for s in model.outputs], model.name, model.seed
    )
    folded.covers = covers
    folded.synthetic = model.synthetic
    folded.transforms = (*model.transforms, *[FOLDED] * bool(into), *[SPLIT] * split)
    return folded


def calls(model: Model) -> dict[Symbol, str]:
    """A name for each node: its layer's, and `conv.2`, `conv.3` where the layer `conv` is called again."""
    count: Counter[Layer] = Counter()
    found = {}
    for node in model.nodes:
        count[node.layer] += 1
        number = count[node.layer]
        found[node] = node.layer.name if number == 1 else f"{node.layer.name}.{number}"
    return found


def factor_and_offset(norm: Layer) -> tuple[np.ndarray, np.ndarray]:
    """What a BatchNorm multiplies each channel by and adds to it when it infers, float64 [channels]."""
    assert isinstance(norm, BatchNorm)
    weights = {name: v.numpy().astype(np.float64) for name, v in norm.weights.items()}
    factor = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + norm.epsilon)
    return factor, weights.get("beta", 0.0) - factor * weights["moving_mean"]


def _targets(model: Model) -> dict[Symbol, Symbol]:
    """For each BatchNorm that can be folded, the product that takes it in."""
    read = Counter(s for node in model.nodes for s in node.inputs)
    read.update(model.outputs)
    into: dict[Symbol, Symbol] = {}
    for node in model.nodes:
        if type(node.layer) is BatchNorm:
            before = node.inputs[0]
            product = into.get(before, before)
            linear = type(product.layer) in PRODUCTS and _activation(product.layer) in LINEAR
            if linear and read[before] == 1:
                into[node] = product
    return into


def _activation(layer: Layer) -> str | None:
    """What a product ends with; None for other layers."""
    return layer.activation if isinstance(layer, Product) and type(layer) in PRODUCTS else None


def _copy(node: Symbol, norms: Sequence[Layer], name: str, split: bool) -> Layer:
    """The node's layer with weights of its own, `norms` folded into them, without its activation if that is split."""
    old = node.layer
    changed: dict[str, Any] = {"name": name}
    if type(old) in PRODUCTS:
        assert isinstance(old, Product)
        changed["use_bias"] = old.use_bias or bool(norms)
        if split:
            changed["activation"] = None
    new = _built(old, changed, [s.shape for s in node.inputs])
    if norms:
        assert isinstance(old, Product)
        new.set_weights(_folded(old, norms))
    else:
        new.set_weights(old.get_weights())
    return new


def _built(old: Layer, changed: Mapping[str, Any], shapes: Sequence[tuple[int, ...]]) -> Layer:
    """A layer with the arguments of `old`, but for the changed ones, and weights that wait for their values."""
    arguments = {**old.config(), **changed}
    trainable = arguments.pop("trainable", True)
    new = type(old)(**arguments)
    new.trainable = trainable
    if not isinstance(new, Product):
        new.build(st.Generator(0), *shapes)
        return new
    initializer, new.kernel_initializer = (
        new.kernel_initializer,
        "zeros",
    )  # to draw numbers would take its time
    new.build(st.Generator(0), *shapes)
    new.kernel_initializer = initializer
    return new


def _folded(product: Product, norms: Sequence[Layer]) -> list[np.ndarray]:
    """Kernel and bias of a product that has taken in batch normalisations, in order."""
    kernel = product.weights["kernel"].numpy()
    outputs_last = product.kernel().shape
    bias = product.weights["bias"].numpy() if product.use_bias else np.zeros(outputs_last[-1])
    whole, offset = np.ones(outputs_last[-1]), bias.astype(np.float64)
    for norm in norms:
        factor, more = factor_and_offset(norm)
        whole, offset = whole * factor, offset * factor + more
    scaled = kernel.astype(np.float64).reshape(outputs_last) * whole
    return [scaled.astype(np.float32).reshape(kernel.shape), offset.astype(np.float32)]


class _Names:
    """Names that no layer of a model has yet.

    taken : those that it has.
    """

    def __init__(self, taken: Any) -> None:
        self.taken = set(taken)
        self.given: set[str] = set()

    def __call__(self, layer: Layer) -> str:
        """The layer's own name the first time, then others."""
        name = layer.name if layer.name not in self.given else self.fresh(layer.name)
        self.given.add(name)
        return name

    def fresh(self, stem: str) -> str:
        """`stem`, or `stem.2`, `stem.3`, ..."""
        name, number = stem, 1
        while name in self.taken:
            number += 1
            name = f"{stem}.{number}"
        self.taken.add(name)
        return name
