"""What a comparison of number formats found: figures for each layer, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Comparison", "Departure", "FormatComparison", "LayerComparison"]

NAMED = 6
"""Layers that a line names; of more it says how many."""


@dataclass(frozen=True)
class LayerComparison:
    """One layer in one format.

    layer : of the float32 model whose result is compared.
    covers : the layers that are computed in one step, `layer` being the last.
    sqnr_db : inf where nothing differs.
    largest_error : the largest difference; largest : the largest magnitude of the float32 result.
    saturated : elements that were clamped.
    input_sqnr_db : the lowest SQNR of what the layer reads; inf for inputs.
    """

    layer: str
    covers: tuple[str, ...]
    sqnr_db: float
    largest_error: float
    largest: float
    saturated: int
    input_sqnr_db: float


@dataclass(frozen=True)
class Departure:
    """The first layer that is too far from float32, and why."""

    layer: str
    reason: str


@dataclass(frozen=True)
class FormatComparison:
    """One format.

    departs : the first layer whose SQNR is below the threshold, or below threshold + drop and more than `drop` dB below
        that of its worst input.
    float_layers : layers that were computed in float32.
    calibration : how the grids of int8 were chosen.
    """

    format: str
    layers: tuple[LayerComparison, ...]
    departs: Departure | None
    float_layers: tuple[str, ...]
    calibration: str


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; print it, or take `json()`.

    layers : names of the model's layers, in order.
    synthetic : whether the weights are random numbers.
    """

    model: str
    samples: int
    threshold_db: float
    drop_db: float
    layers: tuple[str, ...]
    formats: tuple[FormatComparison, ...]
    synthetic: bool = False

    def json(self) -> str:
        """All of it as a JSON object; where nothing differs, `sqnr_db` is null."""
        return json.dumps(_finite(asdict(self)), indent=2)

    def __getitem__(self, format: str) -> FormatComparison:
        """What was found for a format; KeyError when it was not compared."""
        for found in self.formats:
            if found.format == format:
                return found
        raise KeyError(f"{format!r} was not compared; there are {', '.join(f.format for f in self.formats)}")

    def __str__(self) -> str:
        given: list[dict[str, LayerComparison | None]] = [
            {
                **{name: None for row in f.layers for name in row.covers},
                **{row.layer: row for row in f.layers},
            }
            for f in self.formats
        ]
        names = [n for n in self.layers if any(rows.get(n) for rows in given)]
        head = ["layer"]
        for f in self.formats:
            head += [f"{f.format} SQNR", "largest error", "saturated"]
        table = [[name, *[cell for rows in given for cell in _cells(name, rows)]] for name in names]
        widths = [max(len(row[i]) for row in (head, *table)) for i in range(len(head))]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [f"{self.model!r} against float32, {self.samples:,} samples", rule, _line(head, widths), rule]
        lines += [_line(row, widths) for row in table]
        lines.append(rule)
        for f in self.formats:
            lines += _findings(f, self.threshold_db, self.drop_db)
        if self.synthetic:
            lines.append("weights are random numbers: labels carry no meaning")
        return "\n".join(lines)


def _findings(found: FormatComparison, threshold: float, drop: float) -> list[str]:
    """What there is to say of a format, below the table."""
    name = found.format
    if found.departs is None:
        lines = [
            f"{name}: no layer departs: SQNR is {threshold:g} dB or more, and no drop of {drop:g} dB leads near it"
        ]
    else:
        lines = [f"{name}: the first layer that departs is {found.departs.layer!r}: {found.departs.reason}"]
    lines.append(f"{name}: in float32: {_listed(found.float_layers)}")
    if found.calibration:
        lines.append(f"{name}: calibration: {found.calibration}")
    return lines


def _listed(layers: Sequence[str]) -> str:
    """Names of layers, or how many there are beyond the first."""
    if len(layers) <= NAMED:
        return ", ".join(layers) or "nothing"
    return f"{', '.join(layers[:NAMED])} and {len(layers) - NAMED} more"


def _cells(layer: str, rows: Mapping[str, LayerComparison | None]) -> list[str]:
    """Three cells of the table; a layer that another one has taken in has no figures."""
    row = rows.get(layer)
    if row is None:
        return ["fused" if layer in rows else "-", "", ""]
    sqnr = "exact" if row.sqnr_db == math.inf else f"{row.sqnr_db:.1f} dB"
    return [sqnr, f"{row.largest_error:.3g}", f"{row.saturated:,}"]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(placed).rstrip()


def _finite(value: Any) -> Any:
    """Numbers that JSON has not as null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
