"""Calibration: runs a float model on data and chooses the grid of every tensor that becomes bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.formats import (
    Format,
    Grid,
    Int8,
    Observed,
    grid,
    limits,
    mean_square_error,
    min_max,
    observe,
    percentile,
)
from spinntensor.formats.calibrate import constants
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layer import Layer
from spinntensor.nn.model import Model
from spinntensor.nn.prediction import samples
from spinntensor.nn.progress import progressing
from spinntensor.nn.quantized_layers import SIX, Channels, Join, Product
from spinntensor.nn.quantized_plan import Plan

__all__ = ["Settings", "chunks", "grids", "seen"]

METHODS = ("minmax", "percentile", "mse")
ACTIVATIONS = ("auto", "uint8", "int8")
AT_ONCE = 1 << 23
"""Elements of the largest tensor of a pass; more samples go through the model in several passes."""
MOST = 256
"""Samples of a pass."""
FINEST = 3.0
"""A sum's step is at least this part of the step of its coarser term: multipliers of shortcuts stay below 4."""


@dataclass(frozen=True)
class Settings:
    """How grids are chosen.

    Parameters
    ----------
    method : "minmax", nothing that was seen is clamped; "percentile", all but 100 - `percent` per cent at most; "mse",
        the least squared error.
    percent : for "percentile".
    activations : "uint8" or "int8" for all of them; "auto" takes uint8 where a tensor, or one that must have the same
        format, was never negative, as behind a ReLU, and int8 elsewhere.
    """

    method: str = "minmax"
    percent: float = 99.99
    activations: str = "auto"

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("activations", ACTIVATIONS)):
            value = getattr(self, name)
            if value not in known:
                expected = " or ".join(map(repr, known))
                raise OperandError("quantize", name, repr(value), expected, "choose one of them")

    @property
    def words(self) -> str:
        """The method in words."""
        return f"{self.method} {self.percent:g}" if self.method == "percentile" else self.method

    def choose(self, form: Format, observed: Observed) -> Grid:
        """The grid for what was observed."""
        if self.method == "percentile":
            return percentile(form, observed, self.percent)
        return (min_max if self.method == "minmax" else mean_square_error)(form, observed)


def seen(plan: Plan, calibration: Any) -> tuple[dict[Symbol, Observed], int]:
    """What the tensors of a model were when it ran on data, and how many samples that were.

    Parameters
    ----------
    calibration : what `predict` takes, or any iterable of batches, with or without targets. What is seen does not
        depend on how the data is cut.
    """
    model, wanted = plan.model, plan.observed
    node = {s.layer: s for s in wanted}
    found: dict[Symbol, Observed] = {}
    count = 0

    def watch(layer: Layer, y: st.Tensor) -> None:
        symbol = node.get(layer)
        if symbol is not None:
            found[symbol] = observe(np.ascontiguousarray(y.numpy()), found.get(symbol))

    for arrays in progressing(chunks(model, calibration), None, f"calibrate {model.name}"):
        model.forward(*arrays, observe=watch)
        count += len(arrays[0])
    if not count:
        mend = "give some of the data that will come"
        raise OperandError("quantize", "calibration", "no samples", "at least one", mend)
    return found, count


def chunks(model: Model, data: Any, size: int | None = None) -> Iterator[list[np.ndarray]]:
    """The inputs of a model in passes of `size` samples; None takes as many as need a bounded memory."""
    step = size or max(1, min(MOST, AT_ONCE // max(prod(s.shape) for s in model.nodes)))
    for arrays in _arrays(model, data):
        for start in range(0, len(arrays[0]), step):
            yield [np.ascontiguousarray(a[start : start + step], np.float32) for a in arrays]


def _arrays(model: Model, data: Any) -> Iterator[list[np.ndarray]]:
    """An array for each input, once or batch by batch."""
    if hasattr(data, "shape"):
        yield samples(model, data)
        return
    if isinstance(data, list | tuple):
        several = len(model.inputs) > 1 and len(data) == len(model.inputs)
        shapes = [np.shape(d) if hasattr(d, "shape") else None for d in data]
        if several and all(
            s is not None and s[1:] == i.shape for s, i in zip(shapes, model.inputs, strict=True)
        ):
            yield samples(model, data)
            return
    if not isinstance(data, Iterable):
        received, expected = type(data).__name__, "an array, or batches of them"
        mend = "give calibration=some of the data that will come, without labels or with"
        raise OperandError("quantize", "calibration", received, expected, mend)
    for batch in data:
        yield samples(model, _inputs(model, batch))


def _inputs(model: Model, batch: Any) -> Any:
    """The inputs of a batch, without its targets."""
    if isinstance(batch, list | tuple) and len(batch) == 2 and len(model.inputs) != 2:
        return batch[0]
    if isinstance(batch, list | tuple) and len(batch) == 2 and isinstance(batch[0], list | tuple):
        return batch[0]
    return batch


def grids(plan: Plan, observed: Mapping[Symbol, Observed], settings: Settings) -> dict[Symbol, Grid]:
    """The grid of each tensor that was observed.

    What only a `Concatenate` reads takes its grid, so that nothing is rounded twice.
    """
    form: dict[Symbol, Int8] = {}
    for group in plan.groups():
        positive = any(s in observed and not observed[s].low.min() < 0 for s in group)
        unsigned = positive if settings.activations == "auto" else settings.activations == "uint8"
        form.update((s, Int8(unsigned=unsigned)) for s in group)
    found = {s: settings.choose(form[s], o) for s, o in observed.items()}
    for d in plan.drafts:
        if d.activation == "relu6" and d.end in found:
            found[d.end] = _beyond_six(found[d.end])
    for d in plan.drafts:
        if d.role is Join and d.end not in plan.real:
            mine = [s for s in d.inputs if s in found and all(r is d for r in plan.readers[s])]
            makers = {e.end: e for e in plan.drafts if e.role in (Product, Channels)}
            if any(s in makers and makers[s].activation == "relu6" for s in mine):
                found[d.end] = _beyond_six(found[d.end])
            found.update((s, found[d.end]) for s in mine if s in makers or s in plan.real)
    return found


def _beyond_six(g: Grid) -> Grid:
    """A grid on which 6 is not the last number: elements that relu6 cuts off there are no saturations."""
    assert g.scale is not None and g.zero_point is not None
    high, zero = limits(g.format)[1], int(g.zero_point)
    if zero + int(np.rint(SIX / float(g.scale))) != high:
        return g
    return widened(g, (high - zero) / (high - zero - 1))


def widened(g: Grid, factor: float) -> Grid:
    """A grid whose range is larger by a factor from 1 on."""
    assert g.scale is not None and g.zero_point is not None
    low, high = limits(g.format)
    zero, scale = int(g.zero_point), float(g.scale) * factor
    return grid(g.format, *constants(g.format, (low - zero) * scale, (high - zero) * scale))
