"""Models in other number formats: int8 networks that compute in integers, and bfp16 products.

    small = model.quantize("int8", calibration=x_train[:256])
    small.predict(x)                                            # float32 in, float32 out, bytes between

Batch normalisation is folded first. Weights have a scale for each output channel, activations one scale and zero point,
which calibration chooses by what the float model gives on some data.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.formats import Grid, Int32, grid, limits, observe
from spinntensor.formats import min_max as min_max_grid
from spinntensor.formats import quantize as quantized
from spinntensor.nn import layers
from spinntensor.nn.bfp16_model import Bfp16Model
from spinntensor.nn.calibration import FINEST, Settings, grids, seen, widened
from spinntensor.nn.converted import ConvertedModel, of_model
from spinntensor.nn.folding import LINEAR, PRODUCTS, SPLIT, factor_and_offset, fold
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layer import Layer
from spinntensor.nn.model import Model
from spinntensor.nn.quantized_layers import (
    WEIGHTS,
    Average,
    Channels,
    Clamp,
    Dequantize,
    Join,
    Move,
    Operation,
    Product,
    Quantize,
    Real,
    Sum,
    Weighted,
)
from spinntensor.nn.quantized_model import QuantizedModel, Step
from spinntensor.nn.quantized_plan import Draft, Plan, plan

__all__ = ["quantize"]

FORMATS = ("int8", "bfp16")
QUANTIZED = "quantised to int8"
FACTOR_BITS = 20
"""Quotients of scales are at least 2**-20, so that the multiplier that rounds sums has 12 bits or more."""
BIAS_BITS = 29
"""A bias takes at most so many bits, which leaves room for the sums."""


def quantize(
    model: Model,
    format: str,
    calibration: Any = None,
    *,
    method: str = "minmax",
    percent: float = 99.99,
    activations: str = "auto",
) -> ConvertedModel:
    """`model` in another number format; the model itself stays as it is.

    Parameters
    ----------
    format : "int8", or "bfp16", in which products are computed in block floating point and everything else in float32.
    calibration : for int8: some of the data that will come, as `predict` takes it, or an iterable of batches, with or
        without targets.
    method : "minmax", nothing is clamped that the float model gives on this data; "percentile", at most 100 - `percent`
        per cent of a tensor's elements are; "mse", the least squared error.
    activations : "uint8" or "int8" for all; "auto", uint8 where a tensor was never negative, int8 elsewhere.

    Returns a `QuantizedModel` or a `Bfp16Model`. In int8, a weight's scale is the finest that clamps no weight of its
    output channel, but for channels with next to nothing in them: there it is coarse enough for the bias to fit 29
    bits, and for the quotient to the result's scale to be 2**-20 at least. Layers without an integer form run in
    float32 between bytes: `float_layers` and `summary` name them.

    OperandError for other arguments; RangeError for a layer whose sums might leave 32 bits.
    """
    if isinstance(model, ConvertedModel):
        raise OperandError(
            "quantize", "model", repr(model), "a float model", "quantise the model it was made from"
        )
    if format not in FORMATS:
        expected = " or ".join(map(repr, FORMATS))
        raise OperandError("quantize", "format", repr(format), expected, "float32 is the model itself")
    if format == "bfp16":
        return Bfp16Model(fold(model), of_model(model))
    settings = Settings(method, percent, activations)
    if calibration is None:
        mend = "give calibration=some of the data that will come"
        raise OperandError("quantize", "calibration", "none", "data to choose scales by", mend)
    drafted = plan(fold(model, split=True))
    observed, count = seen(drafted, calibration)
    build = _Build(drafted, grids(drafted, observed, settings))
    for s in drafted.model.inputs:
        build.begin(s)
    for draft in drafted.drafts:
        build.add(draft)
    results = [
        (build.real(drafted.source[s]), mine.layer.name)
        for s, mine in zip(drafted.model.outputs, model.outputs, strict=True)
    ]
    return QuantizedModel(
        model.name,
        build.steps,
        results,
        (*[t for t in drafted.model.transforms if t != SPLIT], QUANTIZED),
        f"{settings.words}, {count:,} samples, activations {activations}",
        model.synthetic,
        of_model(model),
    )


@dataclass
class _Build:
    """Steps in the making.

    as_real, as_bytes : the number of the step that gives a value in either form.
    """

    plan: Plan
    grids: Mapping[Symbol, Grid]
    steps: list[Step] = field(default_factory=list)
    as_real: dict[Symbol, int] = field(default_factory=dict)
    as_bytes: dict[Symbol, int] = field(default_factory=dict)

    def begin(self, node: Symbol) -> None:
        """An input of the model."""
        self.as_real[node] = self._step(node.layer.name, (), None, node, None)

    def real(self, node: Symbol) -> int:
        """The step that gives a value as float32 numbers."""
        if node not in self.as_real:
            name, before = f"{self._name(node)}.dequantize", self.as_bytes[node]
            self.as_real[node] = self._step(name, (before,), Dequantize(), node, None)
        return self.as_real[node]

    def bytes(self, node: Symbol) -> int:
        """The step that gives a value as bytes."""
        if node not in self.as_bytes:
            g, before = self.grids[node], self.as_real[node]
            covers = self.plan.model.covers[node.layer.name] if not node.inputs else ()
            name = f"{self._name(node)}.quantize"
            self.as_bytes[node] = self._step(name, (before,), Quantize(g), node, g, covers)
        return self.as_bytes[node]

    def add(self, draft: Draft) -> None:
        """A layer."""
        name, covers = draft.node.layer.name, self.plan.covered(draft)
        macs = draft.node.layer.macs(*[s.shape for s in draft.node.inputs])
        if draft.end in self.plan.real:
            inputs = tuple(self.real(s) for s in draft.inputs)
            made = (Move if draft.role is Move else Real)(_alone(draft.node.layer))
            self.as_real[draft.end] = self._step(name, inputs, made, draft.end, None, covers, macs)
            return
        inputs = tuple(self.bytes(s) for s in draft.inputs)
        given = [self.steps[i].grid for i in inputs]
        operation = self._operation(draft, [g for g in given if g is not None])
        g = getattr(operation, "grid", given[0])
        self.as_bytes[draft.end] = self._step(name, inputs, operation, draft.end, g, covers, macs)

    def _operation(self, draft: Draft, given: list[Grid]) -> Operation:
        layer, wanted = draft.node.layer, self.grids.get(draft.end)
        if draft.role is Clamp:
            assert draft.activation is not None
            return Clamp(draft.activation)
        if draft.role is Move or wanted is None:
            return Move(_alone(layer))
        if draft.role is Average:
            factor = Average.coarser(layer, draft.node.inputs[0].shape, given[0], wanted)
            return Move(_alone(layer)) if factor is None else Average(_alone(layer), widened(wanted, factor))
        if draft.role is Join:
            assert isinstance(layer, layers.Concatenate)
            return Join(layer, wanted)
        if draft.role is Sum:
            return Sum(_partial_sums(given, wanted), draft.activation)
        made = _weighted(draft, given[0], wanted)
        made.prove(layer.label, given[0])
        return made

    def _step(
        self,
        name: str,
        inputs: tuple[int, ...],
        operation: Operation | None,
        node: Symbol,
        g: Grid | None,
        covers: tuple[str, ...] = (),
        macs: int = 0,
    ) -> int:
        if operation is None:
            covers = self.plan.model.covers[name]
        self.steps.append(Step(name, inputs, operation, node.shape, g, covers, macs))
        return len(self.steps) - 1

    def _name(self, node: Symbol) -> str:
        number = self.as_real.get(node, self.as_bytes.get(node))
        assert number is not None
        return self.steps[number].name


def _partial_sums(terms: list[Grid], result: Grid) -> tuple[Grid, ...]:
    """A grid for each addition: wide enough for both terms, and in the end that of the result or a coarser one."""
    partial: list[Grid] = []
    y = terms[0]
    for i, term in enumerate(terms[1:], 2):
        y_low, y_high = _ends(y)
        low, high = _ends(term)
        coarser = max(_scale(y), _scale(term))
        if i < len(terms):
            y = _grid_of(result, y_low + low, y_high + high)
        else:
            y = widened(result, max(1.0, coarser / FINEST / _scale(result)))
        partial.append(y)
    return tuple(partial)


def _grid_of(like: Grid, low: float, high: float) -> Grid:
    """The finest grid of the same format that holds all from low to high."""
    return min_max_grid(like.format, observe(np.array([low, high], np.float32)))


def _ends(g: Grid) -> tuple[float, float]:
    """The smallest and the largest number of a grid."""
    assert g.zero_point is not None
    low, high = limits(g.format)
    return (low - int(g.zero_point)) * _scale(g), (high - int(g.zero_point)) * _scale(g)


def _scale(g: Grid) -> float:
    assert g.scale is not None
    return float(g.scale)


def _weighted(draft: Draft, given: Grid, wanted: Grid) -> Weighted:
    """The operation of a product, or of a BatchNorm that was not folded."""
    layer = draft.node.layer
    if draft.role is Channels:
        factor, offset = factor_and_offset(layer)
        kernel, scale, bias = _constants(
            factor.astype(np.float32).reshape(1, 1, 1, -1), offset, given, wanted
        )
        return Channels(kernel, scale, bias, wanted, draft.activation)
    assert isinstance(layer, layers.Product) and layer.activation in LINEAR
    weights = layer.kernel().numpy()
    offset = layer.weights["bias"].numpy() if layer.use_bias else np.zeros(weights.shape[-1], np.float32)
    kernel, scale, bias = _constants(weights, offset, given, wanted)
    return Product(kernel, scale, bias, wanted, draft.activation, _alone(layer))


def _constants(
    kernel: np.ndarray, bias: np.ndarray, given: Grid, wanted: Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel int8, its scales float64 and bias int32 of a product from one grid to another."""
    kernel = np.ascontiguousarray(kernel)
    finest = min_max_grid(WEIGHTS, observe(kernel, axis=kernel.ndim - 1)).scale
    assert finest is not None
    step = _scale(given)
    for_bias = np.abs(bias.astype(np.float64)) / (step * 2.0**BIAS_BITS)
    scale = np.maximum(np.maximum(finest, for_bias), _scale(wanted) * 2.0**-FACTOR_BITS / step)
    weights = quantized(kernel, grid(WEIGHTS, scale))[0].data
    offset = quantized(bias.astype(np.float32), grid(Int32(axis=0), scale * step))[0].data
    return weights, scale, offset


def _alone(layer: Layer) -> Any:
    """A copy of a layer for inference; what weights it has never change."""
    found = copy.copy(layer)
    if type(layer) in PRODUCTS:
        found.weights = {}
    else:
        found.weights = {n: st.tensor(v.numpy()) for n, v in layer.weights.items()}  # type: ignore[misc]  # not trained
    return found
