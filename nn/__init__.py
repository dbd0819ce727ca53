"""Neural networks on spinntensor: layers, losses, optimisers, models, training loop.

The folder stands at the top level of the repository and is installed as ``spinntensor.nn``. Importing it is cheap:
names are loaded from their modules when they are first asked for (PEP 562).
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

if __name__ != "spinntensor.nn":
    raise ImportError(
        f"imported as {__name__!r}, expected 'spinntensor.nn'; write: from spinntensor import nn "
        "(after pip install -e . in the checkout)"
    )

PUBLIC: dict[str, tuple[str, ...]] = {
    "bfp16_model": ("Bfp16Model",),
    "callbacks": (
        "CSVLogger",
        "Callback",
        "Checkpoint",
        "EarlyStopping",
        "JSONLogger",
        "Progress",
    ),
    "comparison": ("Comparison",),
    "converted": ("ConvertedModel",),
    "folding": ("fold",),
    "graph": ("Symbol",),
    "layer": (
        "Layer",
        "Mode",
        "Weight",
    ),
    "layers": (
        "Activation",
        "Add",
        "AveragePool1D",
        "AveragePool2D",
        "BatchNorm",
        "Concatenate",
        "Conv1D",
        "Conv2D",
        "Dense",
        "DepthwiseConv2D",
        "Dropout",
        "Flatten",
        "GlobalAveragePool",
        "Input",
        "InputLayer",
        "LAYERS",
        "MaxPool1D",
        "MaxPool2D",
        "Multiply",
        "Reshape",
        "ZeroPadding",
    ),
    "losses": (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "Loss",
        "MeanAbsoluteError",
        "MeanSquaredError",
        "SparseCategoricalCrossentropy",
    ),
    "metrics": (
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "Metric",
        "SparseCategoricalAccuracy",
        "TopK",
        "confusion_matrix",
    ),
    "model": ("Model",),
    "models": (
        "MODELS",
        "lenet5",
        "mlp",
        "mobilenetv1",
        "resnet101",
        "resnet18",
        "resnet20",
        "resnet32",
        "resnet34",
        "resnet50",
        "resnet56",
        "resnet8",
    ),
    "optimizers": (
        "Adam",
        "LARS",
        "Optimizer",
        "SGD",
    ),
    "quantized_model": ("QuantizedModel",),
    "saving": ("load",),
    "schedules": (
        "Constant",
        "CosineDecay",
        "PiecewiseConstantDecay",
        "PolynomialDecay",
        "Schedule",
        "StepDecay",
        "WarmUp",
    ),
    "sequential": ("Sequential",),
    "statistics": ("calibrate_statistics",),
    "training": ("History",),
    "weights": (
        "load_torchvision",
        "load_weights",
        "save_weights",
        "to_torchvision",
    ),
}
"""Names of this package by the module that has them."""

_HOME = {name: module for module, names in PUBLIC.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """A public name, or a module, loaded when it is first asked for."""
    if name in _HOME:
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        return value
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
