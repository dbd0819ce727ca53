"""The network that a command names, with its weights, and its inputs: all there is before it is run in a format."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spinntensor.commands.calibration import Calibration, calibration
from spinntensor.commands.inputs import Inputs, Shape, inputs, shape_of
from spinntensor.commands.progress import waiting
from spinntensor.errors import InputError, OperandError, UnknownNameError
from spinntensor.nn import safetensors
from spinntensor.nn.converted import ConvertedModel
from spinntensor.nn.model import Model
from spinntensor.nn.models import MODELS, build
from spinntensor.nn.quantized_saving import KIND, load_converted
from spinntensor.nn.saving import load
from spinntensor.nn.weights import load_weights

log = logging.getLogger(__name__)

FILE = ".safetensors"
"""The ending of saved models."""


@dataclass(frozen=True)
class Prepared:
    """A network and its inputs.

    Parameters
    ----------
    model : with its weights; float32, or a converted one of a file.
    inputs : what it is given.
    calibrate_on : what the user named for calibration, or None.
    """

    model: Model | ConvertedModel
    inputs: Inputs
    calibrate_on: str | None

    @cached_property
    def calibration(self) -> Calibration:
        """Samples to take ranges from."""
        return calibration(self.calibrate_on, self.model.inputs[0].shape, self.inputs)

    @property
    def classes(self) -> int:
        """How many classes the result tells apart."""
        return self.model.outputs[0].shape[-1]


def prepare(
    model: str,
    words: Sequence[str],
    *,
    weights: str | None = None,
    calibrate_on: str | None = None,
    classes: int | None = None,
    seed: int = 0,
) -> Prepared:
    """The network of this name or file, and the inputs that the words name.

    Parameters
    ----------
    model : a name of `nn.models`, or a file that `save` wrote.
    words : see `commands.inputs`.
    weights : a file for `load_weights`. None leaves a saved model its own; a network by name gets random weights, and
        batch-norm statistics of the calibration samples.
    calibrate_on : inputs that ranges are taken from, see `calibration`.
    classes : of a network by name; None takes its usual number.
    seed : of random weights.

    UnknownNameError, with names that are close, for a model that is neither.
    """
    network = open_network(model, shape_of(words) if model in MODELS else None, classes, seed)
    if weights is not None:
        if isinstance(network, ConvertedModel):
            received = f"{weights} for a model in {network.format}"
            raise OperandError(model, "weights", received, "a float32 model", "convert that one anew")
        log.info("loading weights of %s", weights)
        _existing(weights)
        load_weights(network, weights)
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(network.outputs[0].shape) != 1:
        received = f"{len(network.inputs)} inputs, outputs {[s.shape for s in network.outputs]}"
        mend = "use the model from Python"
        raise OperandError(model, "model", received, "one input, and one result for each class", mend)
    found = Prepared(network, inputs(words, network.inputs[0].shape), calibrate_on)
    if network.synthetic and model in MODELS and isinstance(network, Model):
        from spinntensor.nn.statistics import calibrate_statistics

        log.info("random weights of seed %d, statistics of %s", seed, found.calibration.words)
        with waiting("batch-norm statistics for random weights"):
            calibrate_statistics(network, found.calibration.x)
    return found


def open_network(model: str, shape: Shape | None, classes: int | None, seed: int) -> Model | ConvertedModel:
    """A network by its name, with random weights, or one of a file, which may hold one in another format.

    shape, classes : of a network by name; None takes what is usual.
    """
    if model in MODELS:
        sizes = {"input_shape": shape, "classes": classes}
        return build(model, seed=seed, **{key: value for key, value in sizes.items() if value is not None})
    if not (os.path.exists(model) or model.endswith(FILE) or os.sep in model):
        raise UnknownNameError("model", model, MODELS)
    _existing(model)
    if classes is not None:
        mend = "leave --classes out"
        raise OperandError(model, "classes", classes, "none for a saved model", mend)
    log.info("loading %s", model)
    return load_converted(model) if safetensors.read(model).metadata.get("kind") == KIND else load(model)


def float_only(network: Model | ConvertedModel, name: str) -> Model:
    """A float32 network as it is; OperandError for a converted one.

    name : what the user called it.
    """
    if isinstance(network, ConvertedModel):
        mend = "name the model it was made from"
        raise OperandError(name, "model", f"a model in {network.format}", "a float32 model", mend)
    return network


def usual(model: str, argument: str) -> Any:
    """What a network by name takes for an argument, input_shape or classes, that is not given."""
    return inspect.signature(MODELS[model]).parameters[argument].default


def _existing(path: str) -> None:
    if not os.path.isfile(path):
        reason = "it is a folder" if os.path.isdir(path) else "there is no such file"
        raise InputError(path, reason, "name a file that exists")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "name a file that may be read") from None
