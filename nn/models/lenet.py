"""LeNet-5, the convolutional network for handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from spinntensor.errors import OperandError
from spinntensor.nn.layers import AveragePool2D, Conv2D, Dense, Input, MaxPool2D
from spinntensor.nn.model import Model
from spinntensor.nn.models.start import started
from spinntensor.nn.weights import Source

__all__ = ["lenet5"]

POOLS = {"average": AveragePool2D, "max": MaxPool2D}


def lenet5(
    input_shape: Sequence[int] = (28, 28, 1),
    classes: int = 10,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
    pooling: Literal["average", "max"] = "average",
    weights: Source | None = None,
    statistics: Any = None,
    seed: int = 0,
) -> Model:
    """Two 5x5 convolutions of 6 and 16 filters, each with pooling, then Dense layers of 120, 84 and `classes`.

    Parameters
    ----------
    input_shape : images from 12x12 on. The first convolution keeps their size by a border of 2, so that 28x28 images
        go the way of the 32x32 ones of the paper.
    activation, pooling : "tanh" and "average" are the paper's, "relu" and "max" today's. Every unit of the second
        convolution sees all channels, and the last layer is Dense: the paper's sparse table and radial units are not
        here.
    Others as for `resnet50`; there is no batch normalisation, and `statistics` change nothing.

    **Shape** (height, width, channels) -> (classes,) logits.
    """
    if pooling not in POOLS:
        raise OperandError("lenet5", "pooling", repr(pooling), " or ".join(map(repr, POOLS)), "choose one")
    pool = POOLS[pooling]
    first = "glorot_uniform" if activation == "tanh" else "he_normal"
    x = start = Input(tuple(input_shape), name="input")
    x = Conv2D(6, 5, padding=2, activation=activation, kernel_initializer=first, name="conv1")(x)
    x = pool(2, name="pool1")(x)
    x = Conv2D(16, 5, activation=activation, kernel_initializer=first, name="conv2")(x)
    x = pool(2, name="pool2")(x)
    x = Dense(120, activation, kernel_initializer=first, name="fc1")(x)
    x = Dense(84, activation, kernel_initializer=first, name="fc2")(x)
    x = Dense(classes, name="fc3")(x)
    return started(Model(start, x, name="lenet5", seed=seed), weights, statistics)
