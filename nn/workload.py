"""What a plan is made for: the graph of a network's inference, or of one training step, on a batch of some size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.graph.graph import VARIABLE
from spinntensor.machine.host import optimised
from spinntensor.nn.converted import ConvertedModel

if TYPE_CHECKING:
    from spinntensor.graph.graph import Graph
    from spinntensor.nn.model import Model

__all__ = ["Workload", "inference", "training"]

FORMATS = ("float32", "bfp16", "int8")
SAMPLES = 4
"""Samples of noise that ranges are taken from where no data is given: plans need sizes, not good numbers."""


@dataclass(frozen=True, eq=False)
class Workload:
    """A graph to plan.

    Parameters
    ----------
    model, format : what it was made from.
    batch : samples that the graph takes at a time.
    graph : after the exact passes.
    training : whether it is a training step.
    roles : what each variable is, by the id of its node: `weights`, `momentum` and so on.
    """

    model: str
    format: str
    batch: int
    graph: Graph
    training: bool = False
    roles: Mapping[int, str] = field(default_factory=dict)


def inference(
    model: Model | ConvertedModel, format: str, batch: int, calibration: np.ndarray | None = None
) -> Workload:
    """The prediction of `batch` samples.

    Parameters
    ----------
    model : float32, or one that is in `format` already.
    calibration : samples for int8; None takes four of noise.

    OperandError for a format that is none, or not that of a converted model.
    """
    _format("inference", format, FORMATS)
    shapes = tuple((batch, *s.shape) for s in model.inputs)
    if isinstance(model, ConvertedModel):
        if model.format != format:
            mend = "name that format, or the float32 model"
            raise OperandError(model.name, "format", format, f"{model.format}, in which it is", mend)
        found: Any = model
    elif format == "float32":
        return _held(model.name, format, batch, model.compiled(), shapes)
    else:
        found = model.quantize(format, calibration=_samples(model) if calibration is None else calibration)
    if format == "bfp16":
        return _held(model.name, format, batch, found.compiled(), shapes)
    return Workload(model.name, format, batch, optimised(found.graph(*shapes)))


def _held(
    name: str, format: str, batch: int, compiled: st.Compiled, shapes: tuple[tuple[int, ...], ...]
) -> Workload:
    """A graph whose weights are variables: they stay where they are from batch to batch."""
    zeros = [np.zeros(shape, np.float32) for shape in shapes]
    graph, held = optimised(compiled.graph(*zeros)), compiled.variables(*zeros)
    nodes = tuple(replace(n, op=VARIABLE) if n.id in held else n for n in graph.nodes)
    roles = dict.fromkeys(held, "weights")
    return Workload(name, format, batch, replace(graph, nodes=nodes), roles=roles)


def training(model: Model, format: str, batch: int) -> Workload:
    """One step on `batch` samples: forward, backward, and the optimiser's update, as `model.compile` laid down.

    A model that was not compiled gets SGD with momentum and the loss of sparse labels. OperandError for a format in
    which nothing is trained, and for a model that is not in float32.
    """
    _format("training", format, FORMATS[:2])
    if isinstance(model, ConvertedModel):
        received = f"a model in {model.format}"
        raise OperandError("training", "model", received, "a float32 model", "train the one it was made from")
    if model.trainer is None or model.trainer.mode.format != format:
        from spinntensor.nn.optimizers import SGD

        model.compile(SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", format=format)
    trainer = model.trainer
    assert trainer is not None
    trainer.build()
    xs = tuple(np.zeros((batch, *s.shape), np.float32) for s in model.inputs)
    ys = trainer.objective.targets([np.zeros(batch, np.int64) for _ in model.outputs])
    given = [(xs, ys)]
    return Workload(model.name, format, batch, optimised(trainer.graph(given)), True, trainer.roles(given))


def _samples(model: Model) -> np.ndarray:
    shape = model.inputs[0].shape
    return np.random.default_rng(0).random((SAMPLES, *shape), np.float32)


def _format(where: str, format: str, expected: tuple[str, ...]) -> None:
    if format not in expected:
        raise OperandError(where, "format", repr(format), " or ".join(expected), "choose one of them")
