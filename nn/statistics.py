"""Statistics of batch normalisation from data, layer by layer, for weights that were never trained."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.layer import Layer
from spinntensor.nn.layers import BatchNorm

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["calibrate_statistics"]


def calibrate_statistics(model: Model, *xs: Any) -> None:
    """Set every moving mean and variance to those of the layer's own input on some data.

    Parameters
    ----------
    model : its weights stay, but for the statistics of its `BatchNorm` layers.
    xs : an array [N, *shape] for each input, all of it one batch.

    Layers are run in order, each after the statistics of those before it are set, so that numbers stay near 1 through
    a deep network of random weights. Nothing is drawn: equal weights and data give equal statistics.

    OperandError when a channel has only one number to take a variance of, or when statistics are not finite.
    """
    readers: dict[Layer, list[BatchNorm]] = {}
    for node in model.nodes:
        if isinstance(node.layer, BatchNorm):
            readers.setdefault(node.inputs[0].layer, []).append(node.layer)

    def observe(layer: Layer, output: st.Tensor) -> None:
        for reader in readers.get(layer, ()):
            _settle(reader, output)

    model.forward(*xs, observe=observe)


def _settle(layer: BatchNorm, x: st.Tensor) -> None:
    """Statistics of the whole batch as one group; what runs after this reads them."""
    each = prod(x.shape[:-1])
    if each < 2:
        received = f"{each} number for each channel, of shape {x.shape}"
        raise OperandError(layer.name, "statistics", received, "at least 2", "give more samples")
    one, none = st.ones(x.shape[-1:]), st.zeros(x.shape[-1:])
    batch = st.batch_norm(x, one, none, eps=layer.epsilon, group=x.shape[0])
    for name, value in (("moving_mean", batch.mean), ("moving_variance", batch.var)):
        found = value.numpy()
        if not np.isfinite(found).all():
            received = f"a {name} of {found[~np.isfinite(found)][0]}"
            raise OperandError(layer.name, "statistics", received, "finite numbers", "look at the data")
        layer.weights[name].assign(found)
