"""MobileNetV1: depthwise separable convolutions (Howard et al., 2017), with Keras's names, paddings and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spinntensor.nn.graph import Symbol
from spinntensor.nn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    Reshape,
)
from spinntensor.nn.model import Model
from spinntensor.nn.models.start import started
from spinntensor.nn.weights import Source

__all__ = ["mobilenetv1"]

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Outputs at alpha 1 and stride of each block."""


def mobilenetv1(
    alpha: float = 1.0,
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    *,
    weights: Source | None = None,
    statistics: Any = None,
    seed: int = 0,
) -> Model:
    """A convolution and 13 blocks of a depthwise 3x3 and a pointwise convolution.

    Parameters
    ----------
    alpha : width; each layer has int(alpha * n) of the paper's n channels.
    input_shape : images, from -1 to 1 for weights that were trained by Keras.
    Others as for `resnet50`. Weights come in the order of `keras.applications.MobileNet`, so its `get_weights()` can be
    given to `set_weights`.

    **Shape** (height, width, channels) -> (classes,) logits.
    """
    x = start = Input(tuple(input_shape), name="input")
    x = Conv2D(
        int(32 * alpha), 3, 2, "same", use_bias=False, kernel_initializer="he_normal", name="conv1"
    )(x)  # fmt: skip
    x = _normalised(x, "conv1")
    for number, (filters, stride) in enumerate(BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, number)
    x = GlobalAveragePool(name="global_average_pooling2d")(x)
    x = Reshape((1, 1, x.shape[-1]), name="pixel")(x)
    x = Conv2D(classes, 1, name="conv_preds")(x)
    x = Flatten(name="logits")(x)
    return started(Model(start, x, name="mobilenetv1", seed=seed), weights, statistics)


def _block(x: Symbol, filters: int, stride: int, number: int) -> Symbol:
    """A depthwise convolution that may halve the image, then one that mixes its channels."""
    name = f"conv_dw_{number}"
    padding: Any = "same" if stride == 1 else ((0, 1), (0, 1))
    deep = DepthwiseConv2D(
        3, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name
    )  # fmt: skip
    x = _normalised(deep(x), name)
    name = f"conv_pw_{number}"
    x = Conv2D(filters, 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    return _normalised(x, name)


def _normalised(x: Symbol, name: str) -> Symbol:
    return Activation("relu6", name=f"{name}_relu")(BatchNorm(name=f"{name}_bn")(x))
