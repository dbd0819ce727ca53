"""Where training went wrong: the first layer whose result is not finite, found by running a batch once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import DivergenceError
from spinntensor.nn.layer import Layer, Mode

if TYPE_CHECKING:
    from spinntensor.nn.model import Model
    from spinntensor.tensors.expression import Expression
    from spinntensor.tensors.variable import Variable

MEND = "lower the learning rate or warm it up, and look at the range of the data"
Snapshot = list[tuple["Variable", "Expression"]]


def snapshot(variables: Sequence[Variable]) -> Snapshot:
    """What variables hold now; nothing is copied, since values never change in place."""
    return [(v, v.node) for v in variables]


def restore(before: Snapshot) -> None:
    """Make variables hold what they held."""
    for variable, node in before:
        variable.hold(node)


def diverged(
    model: Model, batches: Sequence[Any], losses: Sequence[float], mode: Mode, epoch: int, step: int
) -> DivergenceError:
    """The error for a step whose loss is not finite, to be raised; the model holds what it held before the step.

    batches : the (inputs, targets) of the step, one for each part whose gradients are added up.
    """
    bad = next(i for i, v in enumerate(losses) if not np.isfinite(v))
    where = _inputs(model, batches[bad][0]) or weights(
        model, "before this step, so since an update before it"
    )
    if not where:
        for xs, _ in batches[: bad + 1]:  # dropout draws on from part to part
            where = _layers(model, xs, mode)
    return DivergenceError(
        epoch, step, losses[bad], where or "the loss; every layer's output is finite", MEND
    )


def weights(model: Model, when: str) -> str:
    """The first weight that is not finite, in words; empty if all are."""
    for layer in model.layers:
        for name, v in layer.weights.items():
            if not _finite(v):
                return f"weight {name!r} of layer {layer.name!r}, {when}"
    return ""


def _inputs(model: Model, xs: Sequence[np.ndarray]) -> str:
    for x, symbol in zip(xs, model.inputs, strict=True):
        wrong = np.argwhere(~np.isfinite(x))
        if len(wrong):
            return f"input {symbol.layer.name!r}, in sample {int(wrong[0][0])} of the batch"
    return ""


def _layers(model: Model, xs: Sequence[np.ndarray], mode: Mode) -> str:
    found: list[str] = []

    def look(layer: Layer, result: st.Tensor) -> None:
        if not found and not _finite(result):
            found.append(f"the output of layer {layer.name!r} ({type(layer).__name__})")

    with st.counting():
        model.forward(*xs, mode=mode, observe=look)
    return found[0] if found else ""


def _finite(x: st.Tensor) -> bool:
    return bool(np.isfinite(x.numpy()).all())
