"""The layers: one family in each file, all of them in `LAYERS`."""

from __future__ import annotations

from spinntensor.nn.layer import Layer
from spinntensor.nn.layers.activation import Activation
from spinntensor.nn.layers.convolution import Conv1D, Conv2D, DepthwiseConv2D
from spinntensor.nn.layers.dense import Dense
from spinntensor.nn.layers.input import Input, InputLayer
from spinntensor.nn.layers.merging import Add, Concatenate, Multiply
from spinntensor.nn.layers.normalization import BatchNorm, Dropout
from spinntensor.nn.layers.pooling import (
    AveragePool1D,
    AveragePool2D,
    GlobalAveragePool,
    MaxPool1D,
    MaxPool2D,
)
from spinntensor.nn.layers.product import Product
from spinntensor.nn.layers.shaping import Flatten, Reshape, ZeroPadding

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        InputLayer,
        Dense,
        Conv1D,
        Conv2D,
        DepthwiseConv2D,
        MaxPool1D,
        MaxPool2D,
        AveragePool1D,
        AveragePool2D,
        GlobalAveragePool,
        BatchNorm,
        Activation,
        Add,
        Multiply,
        Concatenate,
        Flatten,
        Reshape,
        ZeroPadding,
        Dropout,
    )
}
"""Layers by the name of their class, for models that are read back."""

__all__ = ["LAYERS", "Input", "Product", *LAYERS]
