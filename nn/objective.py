"""What training minimises and what it watches: the losses and metrics of all outputs, and their means over an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.nn.graph import Shape, Symbol
from spinntensor.nn.losses import Loss, loss
from spinntensor.nn.metrics import Metric, metric

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor


@dataclass(frozen=True)
class Output:
    """Loss and metrics of one output.

    prefix : of its keys in the logs; empty where the model has one output.
    shape : of the output for one sample.
    """

    prefix: str
    shape: Shape
    loss: Loss
    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class Objective:
    """Losses and metrics of all outputs; the loss of a model is the sum of those of its outputs."""

    outputs: tuple[Output, ...]

    def __call__(self, results: Sequence[Tensor], ys: Sequence[Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and all that is watched by key: means of losses, sums of metrics."""
        watched: dict[str, Tensor] = {}
        losses = []
        for out, y, result in zip(self.outputs, ys, results, strict=True):
            losses.append(out.loss.of_output(y, result))
            if out.prefix:
                watched[f"{out.prefix}loss"] = losses[-1]
            watched.update((out.prefix + m.name, m.total(y, result)) for m in out.metrics)
        total = losses[0]
        for more in losses[1:]:
            total = total + more
        watched["loss"] = total
        return total, watched

    def places(self, ys: Sequence[np.ndarray]) -> dict[str, tuple[int, bool]]:
        """How many places each key's value is of, and whether the value is their mean (else their sum)."""
        count = len(ys[0])
        found = {"loss": (count, True)}
        for out, y in zip(self.outputs, ys, strict=True):
            if out.prefix:
                found[f"{out.prefix}loss"] = (count, True)
            shape = (count, *out.shape)
            found.update((out.prefix + m.name, (m.places(y.shape, shape), False)) for m in out.metrics)
        return found

    def targets(self, ys: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Targets as the losses take them; OperandError for those that cannot be meant."""
        return tuple(out.loss.targets(y, out.shape) for out, y in zip(self.outputs, ys, strict=True))

    def config(self) -> list[dict[str, Any]]:
        """The losses, as JSON takes them."""
        return [out.loss.config() for out in self.outputs]


def objective(outputs: Sequence[Symbol], losses: Any, metrics: Sequence[Any]) -> Objective:
    """Losses and metrics by name or as objects, for the outputs of a model.

    losses : one for all outputs, or a list with one for each.
    metrics : taken of every output.
    """
    several = isinstance(losses, list | tuple)
    given = list(losses) if several else [losses] * len(outputs)
    if len(given) != len(outputs):
        received, expected = f"{len(given)} losses", f"{len(outputs)}, one for each output"
        raise OperandError("compile", "loss", received, expected, "give one for all, or a list")
    watched = [metrics] if isinstance(metrics, str | Metric) else list(metrics)
    found = []
    for symbol, one in zip(outputs, map(loss, given), strict=True):
        prefix = f"{symbol.layer.name}_" if len(outputs) > 1 else ""
        of_output = tuple(metric(m, one, symbol.shape) for m in watched)
        found.append(Output(prefix, symbol.shape, one, of_output))
    names = [out.prefix + m.name for out in found for m in out.metrics]
    if len(set(names)) < len(names) or "loss" in names:
        mend = "give one of them another name"
        raise OperandError(
            "compile", "metrics", f"metrics {', '.join(names)}", "each name once, and not loss", mend
        )
    return Objective(tuple(found))


@dataclass
class Totals:
    """Sums over the batches of an epoch so far, by key: float64 sum, and the number of places it is of."""

    sums: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, values: Mapping[str, float], places: Mapping[str, tuple[int, bool]]) -> None:
        """Add what one batch gave."""
        for key, (count, mean) in places.items():
            total, before = self.sums.get(key, (0.0, 0))
            value = float(values[key])
            self.sums[key] = (total + (value * count if mean else value), before + count)

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {key: total / count for key, (total, count) in self.sums.items()}
