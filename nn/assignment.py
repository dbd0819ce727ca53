"""All weights of a model at once: checked one by one before the first is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import WeightsError

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["assign_weights"]


def assign_weights(model: Model, weights: Sequence[Any]) -> None:
    """Give a model's weights new values; WeightsError, and no change, unless every array fits its place."""
    given = list(weights)
    _count(model, given)
    ready: list[tuple[st.Variable, np.ndarray]] = []
    start = 0
    for layer in model.layers:
        end = start + len(layer.weights)
        ready += zip(layer.weights.values(), layer.checked(given[start:end]), strict=True)
        start = end
    for variable, value in ready:
        variable.assign(value)


def _count(model: Model, given: list[Any]) -> None:
    """WeightsError for a wrong number of arrays, which names the layer from which on they do not fit."""
    places = [(x.name, name, v.shape) for x in model.layers for name, v in x.weights.items()]
    if len(given) == len(places):
        return
    received = f"{len(given)} arrays for the model"
    mend = f"give {len(places)} arrays in the order of model.get_weights()"
    for (layer, name, shape), value in zip(places, given, strict=False):
        if np.shape(value) != shape:
            raise WeightsError(
                layer, name, f"{received}, here shape {np.shape(value)}", f"shape {shape}", mend
            )
    if len(given) < len(places):
        layer, name, shape = places[len(given)]
        raise WeightsError(layer, name, f"{received}, here none", f"shape {shape}", mend)
    layer = places[-1][0] if places else model.name
    shape = np.shape(given[len(places)])
    raise WeightsError(layer, "", f"{received}, behind it shape {shape}", "no more weights", mend)
