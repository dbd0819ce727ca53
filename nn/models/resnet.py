"""Residual networks (He et al., 2015): those for photographs, v1.5 with torchvision's names, and those for 32x32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import spinntensor as st
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layers import (
    Activation,
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    GlobalAveragePool,
    Input,
    MaxPool2D,
)
from spinntensor.nn.model import Model
from spinntensor.nn.models.start import started
from spinntensor.nn.weights import Source

__all__ = [
    "resnet8",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet56",
    "resnet101",
]

Block = Callable[[Symbol, int, int, str], Symbol]
PHOTOGRAPH, TINY = (224, 224, 3), (32, 32, 3)


def resnet18(input_shape: Sequence[int] = PHOTOGRAPH, classes: int = 1000, **start: Any) -> Model:
    """Residual network of 18 layers in basic blocks; arguments as for `resnet50`."""
    return _imagenet("resnet18", basic, (2, 2, 2, 2), input_shape, classes, **start)


def resnet34(input_shape: Sequence[int] = PHOTOGRAPH, classes: int = 1000, **start: Any) -> Model:
    """Residual network of 34 layers in basic blocks; arguments as for `resnet50`."""
    return _imagenet("resnet34", basic, (3, 4, 6, 3), input_shape, classes, **start)


def resnet50(input_shape: Sequence[int] = PHOTOGRAPH, classes: int = 1000, **start: Any) -> Model:
    """Residual network of 50 layers in bottlenecks.

    Parameters
    ----------
    input_shape : of the images, channels last.
    classes : of the result.
    weights : a .safetensors or .npz file, or arrays by name, with torchvision's names or this package's. None draws
        random ones (He et al., normal, and the last normalisation of each of n blocks with gamma 1 / sqrt(n)); then
        `model.synthetic` says that results carry no meaning, until the model is trained.
    statistics : images [N, *input_shape] that random weights get their batch-norm statistics from, at best of the kind
        that the network will see; without, activations grow from block to block.
    seed : of random weights.

    This is version 1.5, torchvision's: a bottleneck's stride is in its 3x3 convolution. Images are expected as
    torchvision's evaluation transform gives them. **Shape** (height, width, channels) -> (classes,) logits.
    """
    return _imagenet("resnet50", bottleneck, (3, 4, 6, 3), input_shape, classes, **start)


def resnet101(input_shape: Sequence[int] = PHOTOGRAPH, classes: int = 1000, **start: Any) -> Model:
    """Residual network of 101 layers in bottlenecks; arguments as for `resnet50`."""
    return _imagenet("resnet101", bottleneck, (3, 4, 23, 3), input_shape, classes, **start)


def resnet8(input_shape: Sequence[int] = TINY, classes: int = 10, **start: Any) -> Model:
    """Residual network of 8 layers for small images; arguments as for `resnet20`."""
    return _small("resnet8", 1, input_shape, classes, **start)


def resnet20(input_shape: Sequence[int] = TINY, classes: int = 10, **start: Any) -> Model:
    """Residual network of 20 layers for small images: three stages of 16, 32 and 64 channels.

    Arguments as for `resnet50`. Shortcuts that change the shape are 1x1 convolutions with batch normalisation
    (option B of the paper). Images may be as small as 8x8, which leaves 2x2 pixels to the last stage.
    """
    return _small("resnet20", 3, input_shape, classes, **start)


def resnet32(input_shape: Sequence[int] = TINY, classes: int = 10, **start: Any) -> Model:
    """Residual network of 32 layers for small images; arguments as for `resnet20`."""
    return _small("resnet32", 5, input_shape, classes, **start)


def resnet56(input_shape: Sequence[int] = TINY, classes: int = 10, **start: Any) -> Model:
    """Residual network of 56 layers for small images; arguments as for `resnet20`."""
    return _small("resnet56", 9, input_shape, classes, **start)


def _imagenet(
    name: str, block: Block, counts: Sequence[int], input_shape: Sequence[int], classes: int, **start: Any
) -> Model:
    """A 7x7 convolution and pooling, to a quarter of the size, then four stages."""
    symbol = Input(tuple(input_shape), name="input")
    x = _convolved(symbol, 64, 7, 2, "conv1", "bn1")
    x = Activation("relu", name="relu")(x)
    x = MaxPool2D(3, 2, padding=1, name="maxpool")(x)
    return _finished(name, symbol, _stages(x, block, 64, counts), classes, **start)


def _small(name: str, count: int, input_shape: Sequence[int], classes: int, **start: Any) -> Model:
    """A 3x3 convolution, then three stages of basic blocks."""
    symbol = Input(tuple(input_shape), name="input")
    x = _convolved(symbol, 16, 3, 1, "conv1", "bn1")
    x = Activation("relu", name="relu")(x)
    return _finished(name, symbol, _stages(x, basic, 16, (count,) * 3), classes, **start)


def _finished(
    name: str,
    symbol: Symbol,
    x: Symbol,
    classes: int,
    *,
    weights: Source | None = None,
    statistics: Any = None,
    seed: int = 0,
) -> Model:
    """The mean of each channel, and a Dense layer."""
    x = Dense(classes, name="fc")(GlobalAveragePool(name="avgpool")(x))
    model = Model(symbol, x, name=name, seed=seed)
    _damp(model)
    return started(model, weights, statistics)


def _damp(model: Model) -> None:
    """Let the last normalisation of each of n blocks begin with gamma 1 / sqrt(n), in place of 1.

    So all blocks together add as much variance as their first shortcut brings. With 1 a deep random network is chaotic:
    ResNet-50 then amplifies any rounding on the way to its logits a hundredfold.
    """
    blocks = [node.inputs[0].layer for node in model.nodes if isinstance(node.layer, Add)]
    for layer in blocks:
        gamma = layer.weights["gamma"]
        gamma.assign(st.full(gamma.shape, len(blocks) ** -0.5))


def _stages(x: Symbol, block: Block, width: int, counts: Sequence[int]) -> Symbol:
    """Stages of blocks; each but the first halves the size and doubles the width."""
    for stage, count in enumerate(counts):
        for number in range(count):
            stride = 2 if stage > 0 and number == 0 else 1
            x = block(x, width << stage, stride, f"layer{stage + 1}.{number}")
    return x


def basic(x: Symbol, width: int, stride: int, name: str) -> Symbol:
    """Two 3x3 convolutions beside a shortcut."""
    y = _convolved(x, width, 3, stride, f"{name}.conv1", f"{name}.bn1")
    y = Activation("relu", name=f"{name}.relu1")(y)
    y = _convolved(y, width, 3, 1, f"{name}.conv2", f"{name}.bn2")
    return _joined(x, y, stride, name)


def bottleneck(x: Symbol, width: int, stride: int, name: str) -> Symbol:
    """A 1x1 convolution to `width` channels, a 3x3 one with the stride, a 1x1 one to four times as many."""
    y = _convolved(x, width, 1, 1, f"{name}.conv1", f"{name}.bn1")
    y = Activation("relu", name=f"{name}.relu1")(y)
    y = _convolved(y, width, 3, stride, f"{name}.conv2", f"{name}.bn2")
    y = Activation("relu", name=f"{name}.relu2")(y)
    y = _convolved(y, 4 * width, 1, 1, f"{name}.conv3", f"{name}.bn3")
    return _joined(x, y, stride, name)


def _joined(x: Symbol, y: Symbol, stride: int, name: str) -> Symbol:
    """The sum of a block and its shortcut, which is a 1x1 convolution where the shape changes."""
    if x.shape != y.shape:
        x = _convolved(x, y.shape[-1], 1, stride, f"{name}.downsample.0", f"{name}.downsample.1")
    return Activation("relu", name=f"{name}.relu")(Add(name=f"{name}.add")([y, x]))


def _convolved(x: Symbol, filters: int, size: int, stride: int, name: str, norm: str) -> Symbol:
    """A convolution that keeps the size, up to its stride, and batch normalisation with PyTorch's constants."""
    convolution = Conv2D(
        filters, size, stride, size // 2, use_bias=False, kernel_initializer="he_normal", name=name
    )  # fmt: skip
    return BatchNorm(momentum=0.9, epsilon=1e-5, name=norm)(convolution(x))
