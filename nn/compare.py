"""Layer by layer, how far a model in other number formats is from float32, and the first layer that departs.

    print(compare(model, x))

For each layer: the ratio of signal to noise, SQNR = 10 log10(sum of y**2 / sum of (y - y')**2) in dB, y being what the
float32 model gives and y' what the other one gives, over all samples and elements; the largest |y - y'|; and how many
elements were clamped. Errors that come in from the layers before are part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.calibration import chunks
from spinntensor.nn.comparison import Comparison, Departure, FormatComparison, LayerComparison
from spinntensor.nn.converted import ConvertedModel
from spinntensor.nn.folding import calls
from spinntensor.nn.layer import Layer
from spinntensor.nn.model import Model
from spinntensor.nn.progress import progressing
from spinntensor.nn.quantize import quantize

__all__ = ["compare"]

AT_ONCE = 1 << 27
"""Elements of all layers of a pass, which are held at a time: half a gigabyte."""
THRESHOLD, DROP = 20.0, 10.0
"""dB."""


def compare(
    model: Model,
    x: Any,
    formats: Sequence[str | ConvertedModel] = ("bfp16", "int8"),
    calibration: Any = None,
    *,
    threshold: float = THRESHOLD,
    drop: float = DROP,
    batch_size: int | None = None,
    **options: Any,
) -> Comparison:
    """Run a model in float32 and in other formats and compare what each layer gives.

    Parameters
    ----------
    x : samples, as `predict` takes them, or batches.
    formats : names, or models that `model.quantize` gave.
    calibration : for int8, see `quantize`; None takes `x`, which is then read twice and may be no generator.
    threshold : SQNR in dB below which a layer departs from float32.
    drop : a layer also departs that is more than so many dB below the worst of its inputs, and so near the threshold:
        below threshold + drop. Above that, an input that is more exact than any later layer could be means nothing.
    batch_size : samples of a pass; None takes as many as fit half a gigabyte. bfp16 results depend on it.
    options : further arguments of `quantize` for int8.
    """
    if isinstance(formats, str):
        formats = (formats,)
    if calibration is None and "int8" in formats and not hasattr(x, "shape") and not hasattr(x, "__len__"):
        mend = "give calibration, or a list of batches"
        raise OperandError(
            "compare", "x", f"a {type(x).__name__} alone", "samples that can be read twice", mend
        )
    others = [_converted(model, f, x if calibration is None else calibration, options) for f in formats]
    trials = [_Trial(other) for other in others]
    names = tuple(calls(model).values())
    wanted = {key for t in trials for key in t.place.values()}
    count = 0
    size = batch_size or max(1, AT_ONCE // sum(int(np.prod(s.shape)) for s in model.nodes))
    for arrays in progressing(chunks(model, x, size), None, f"compare {model.name}"):
        reference = _reference(model, arrays, wanted, names)
        for trial in trials:
            trial.run(arrays, reference)
        count += len(arrays[0])
    if not count:
        raise OperandError("compare", "x", "no samples", "at least one", "give some data")
    found = tuple(trial.result(threshold, drop) for trial in trials)
    synthetic = model.synthetic
    return Comparison(model.name, count, threshold, drop, names, found, synthetic)


def _converted(
    model: Model, format: str | ConvertedModel, calibration: Any, options: Mapping[str, Any]
) -> Any:
    if isinstance(format, ConvertedModel):
        return format
    return quantize(model, format, calibration, **options) if format == "int8" else quantize(model, format)


def _reference(
    model: Model, arrays: Sequence[np.ndarray], wanted: set[str], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """What the layers of the float32 model give, by the names of their calls."""
    waiting = iter(names)
    found: dict[str, np.ndarray] = {}

    def watch(layer: Layer, y: st.Tensor) -> None:
        name = next(waiting)
        if name in wanted:
            found[name] = y.numpy()

    with st.counting():
        model.forward(*arrays, observe=watch)
    return found


@dataclass
class _Sums:
    """What is added up for one layer."""

    signal: float = 0.0
    noise: float = 0.0
    error: float = 0.0
    largest: float = 0.0
    saturated: int = 0

    def add(self, y: np.ndarray, other: np.ndarray) -> None:
        """Compare results of a pass."""
        with np.errstate(invalid="ignore", over="ignore"):
            apart = y.astype(np.float64) - other
            self.signal += float(np.vdot(y.astype(np.float64), y))
            self.noise += float(np.vdot(apart, apart))
            self.error = _larger(self.error, float(np.abs(apart).max(initial=0.0)))
            self.largest = _larger(self.largest, float(np.abs(y).max(initial=0.0)))

    @property
    def sqnr(self) -> float:
        """In dB."""
        if self.noise == 0:
            return math.inf
        if self.signal == 0:
            return -math.inf
        return (
            10 * math.log10(self.signal / self.noise) if math.isfinite(self.signal + self.noise) else math.nan
        )


@dataclass
class _Trial:
    """A model in another format, as it is compared.

    place : for each step that a layer of the float32 model corresponds to, that layer.
    """

    model: ConvertedModel
    place: dict[str, str] = field(default_factory=dict)
    sums: dict[str, _Sums] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step, covers in self.model.covers.items():
            if covers and self.model.reads[step]:  # inputs compute nothing, what quantises them does
                self.place[step] = covers[-1]
                self.sums[step] = _Sums()

    def run(self, arrays: Sequence[np.ndarray], reference: Mapping[str, np.ndarray]) -> None:
        """One pass."""

        def watch(step: str, y: st.Tensor) -> None:
            with st.counting() as counts:
                value = y.numpy()
            owner = step if step in self.sums else next(iter(self.model.reads[step]), "")
            if owner in self.sums:
                self.sums[owner].saturated += counts["saturated"]
            if step in self.sums:
                self.sums[step].add(reference[self.place[step]], value)

        self.model.forward(*arrays, observe=watch)

    def result(self, threshold: float, drop: float) -> FormatComparison:
        rows = []
        departs: Departure | None = None
        for step, sums in self.sums.items():
            before = min((self._sqnr(s) for s in self.model.reads[step]), default=math.inf)
            covers = self.model.covers[step]
            row = LayerComparison(
                self.place[step], covers, sums.sqnr, sums.error, sums.largest, sums.saturated, before
            )
            rows.append(row)
            departs = departs or _departure(row, threshold, drop)
        calibration = getattr(self.model, "calibration", "")
        return FormatComparison(self.model.format, tuple(rows), departs, self.model.float_layers, calibration)

    def _sqnr(self, step: str) -> float:
        """SQNR of a step, or of the worst that it stands between."""
        if step in self.sums:
            return self.sums[step].sqnr
        return min((self._sqnr(s) for s in self.model.reads[step]), default=math.inf)


def _departure(row: LayerComparison, threshold: float, drop: float) -> Departure | None:
    if not row.sqnr_db >= threshold:
        return Departure(row.layer, f"SQNR {row.sqnr_db:.1f} dB, below {threshold:g}")
    near = row.sqnr_db < threshold + drop
    if near and math.isfinite(row.input_sqnr_db) and row.input_sqnr_db - row.sqnr_db > drop:
        lost = row.input_sqnr_db - row.sqnr_db
        return Departure(row.layer, f"SQNR {row.sqnr_db:.1f} dB, {lost:.1f} dB below that of its worst input")
    return None


def _larger(a: float, b: float) -> float:
    """The larger number, NaN if one is."""
    return b if math.isnan(b) or b > a else a
