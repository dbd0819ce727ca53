"""Perceptrons of several layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spinntensor.nn.layers import Dense, Input
from spinntensor.nn.model import Model
from spinntensor.nn.models.start import started
from spinntensor.nn.weights import Source

__all__ = ["mlp"]


def mlp(
    hidden: Sequence[int] = (128, 128),
    input_shape: Sequence[int] = (64,),
    classes: int = 10,
    *,
    activation: str = "relu",
    weights: Source | None = None,
    statistics: Any = None,
    seed: int = 0,
) -> Model:
    """Dense layers fc1, fc2, ... of these sizes, each with an activation, then one for the classes.

    Parameters
    ----------
    hidden : units of each layer before the last.
    input_shape : of one sample; more than one axis is flattened.
    activation : after each layer but the last.
    Others as for `resnet50`; there is no batch normalisation, and `statistics` change nothing.

    **Shape** input_shape -> (classes,) logits.
    """
    x = start = Input(tuple(input_shape), name="input")
    for number, units in enumerate(hidden, 1):
        x = Dense(units, activation, kernel_initializer="he_normal", name=f"fc{number}")(x)
    x = Dense(classes, name=f"fc{len(hidden) + 1}")(x)
    return started(Model(start, x, name="mlp", seed=seed), weights, statistics)
