"""Models as dictionaries ready for JSON, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spinntensor.errors import OperandError, SpinnTensorError, UnknownNameError
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layer import Layer

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["from_config", "model_config"]


def model_config(model: Model) -> dict[str, Any]:
    """A model without its weights.

    A `Sequential` has `layers`, from the bottom up; any other model also `nodes`, a pair (number of the layer, numbers
    of the nodes it reads) each, and the numbers of `inputs` and `outputs` among them.
    """
    from spinntensor.nn.sequential import Sequential

    head: dict[str, Any] = {"class": "Model", "name": model.name, "seed": model.seed}
    if isinstance(model, Sequential):
        layers = list(model.layers) if model.built else model.stack
        return {**head, "class": "Sequential", "layers": [layer_config(x) for x in layers]}
    place = {s: i for i, s in enumerate(model.nodes)}
    number = {x: i for i, x in enumerate(model.layers)}
    if model.transforms:
        head["transforms"] = list(model.transforms)
    return {
        **head,
        "layers": [layer_config(x) for x in model.layers],
        "nodes": [[number[s.layer], [place[i] for i in s.inputs]] for s in model.nodes],
        "inputs": [place[s] for s in model.inputs],
        "outputs": [place[s] for s in model.outputs],
    }


def layer_config(layer: Layer) -> dict[str, Any]:
    """A layer without its weights."""
    return {"class": type(layer).__name__, "config": layer.config()}


def from_config(config: dict[str, Any]) -> Model:
    """The model of a `model_config`, with first weights of its seed; OperandError for anything else."""
    from spinntensor.nn.model import Model
    from spinntensor.nn.sequential import Sequential

    try:
        layers = [layer_from_config(c) for c in config["layers"]]
        name, seed = config["name"], config["seed"]
        if config["class"] == "Sequential":
            stack = [x() if type(x).__name__ == "InputLayer" else x for x in layers]
            return Sequential(stack, name, seed)
        if config["class"] != "Model":
            raise UnknownNameError("model kind", config["class"], ("Model", "Sequential"))
        nodes: list[Symbol] = []
        for layer, inputs in config["nodes"]:
            nodes.append(layers[layer](*[nodes[i] for i in inputs]))
        model = Model([nodes[i] for i in config["inputs"]], [nodes[i] for i in config["outputs"]], name, seed)
        model.transforms = tuple(config.get("transforms", ()))
        return model
    except SpinnTensorError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        received = f"{type(error).__name__}: {error}"
        mend = "give what config() returned, unchanged"
        raise OperandError("from_config", "config", received, "the description of a model", mend) from error


def layer_from_config(config: dict[str, Any]) -> Layer:
    """The layer of a `layer_config`; UnknownNameError for a class that is not in `LAYERS`."""
    from spinntensor.nn.layers import LAYERS

    kind, arguments = config["class"], dict(config["config"])
    if kind not in LAYERS:
        raise UnknownNameError("layer", kind, LAYERS)
    trainable = arguments.pop("trainable", True)
    layer = LAYERS[kind](**arguments)
    layer.trainable = bool(trainable)
    return layer
