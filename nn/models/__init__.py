"""Networks by name: each builder gives a `Model` whose results are logits, one for each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spinntensor.errors import UnknownNameError
from spinntensor.nn.model import Model
from spinntensor.nn.models.lenet import lenet5
from spinntensor.nn.models.mlp import mlp
from spinntensor.nn.models.mobilenet import mobilenetv1
from spinntensor.nn.models.resnet import (
    resnet8,
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet50,
    resnet56,
    resnet101,
)

MODELS: dict[str, Callable[..., Model]] = {
    builder.__name__: builder
    for builder in (
        mlp,
        lenet5,
        resnet8,
        resnet20,
        resnet32,
        resnet56,
        resnet18,
        resnet34,
        resnet50,
        resnet101,
        mobilenetv1,
    )
}
"""Builders by name; all take input_shape, classes, weights, statistics and seed."""

__all__ = ["MODELS", "build", *MODELS]


def build(name: str, **arguments: Any) -> Model:
    """The network of this name; UnknownNameError, which lists those there are, for any other.

    arguments : of the builder: input_shape, classes, weights, statistics, seed, and its own.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    return MODELS[name](**arguments)
