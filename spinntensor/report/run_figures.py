"""What reports of a run show: its record, read back from JSON, and the figures that follow from it.

Nothing is run or planned here. Cycles are model cycles; a ratio is measured over predicted, above 1 where the run took
longer than the plan said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from spinntensor.errors import InputError
from spinntensor.machine.record import CoreRecord, LayerRecord, Taken
from spinntensor.plan.coding import CodingError, decode

NOTABLE = 0.01
"""Part of the time from which on a layer that is off is marked."""
TOLERANCE = 0.1
"""How far measured and predicted cycles may be apart before a layer is off."""

SLOWER, QUICKER = "slower", "quicker"
"""Marks of layers that took longer, or less long, than their plan said."""

_MEND = "give a file that spinntensor run --machine chip --json wrote"


@dataclass(frozen=True)
class Share(Taken):
    """What a share took, with the name of its layer and its step (`tiles` or `join`)."""

    layer: str
    step: str


@dataclass(frozen=True)
class Summary:
    """A run without its layers; fields as `machine.record.to_json` writes them."""

    model: str
    machine: str
    format: str
    objective: str
    batch: int
    batches: int
    clock_hz: float
    workers: int
    applications: int
    model_cycles: float
    predicted_cycles: float
    images_per_s: float
    mac_per_worker_cycle: float
    joules_per_image: float
    instructions: int
    wall_s: float
    cores: tuple[CoreRecord, ...]
    taken: tuple[Share, ...]


@dataclass(frozen=True)
class Run(Summary):
    """A run on a machine, as its record has it."""

    layers: tuple[LayerRecord, ...]

    @property
    def images(self) -> int:
        """Images that were computed."""
        return self.batch * self.batches

    @property
    def name(self) -> str:
        """What was run, and on what, in words."""
        batches = f"{self.batches} batch{'es' if self.batches != 1 else ''} of {self.batch}"
        return f"{self.model}, {self.format}, {self.objective}, {batches}, on {self.machine}"


@dataclass(frozen=True)
class Row:
    """A layer with the figures that follow from it.

    Parameters
    ----------
    layer : as it was recorded.
    share : its part of the measured cycles of all layers.
    ratio : measured over predicted cycles; None where none were predicted.
    off : `slower` or `quicker` for a layer that matters (`NOTABLE`) and is off by more than `TOLERANCE`, else empty.
    """

    layer: LayerRecord
    share: float
    ratio: float | None
    off: str


@dataclass(frozen=True)
class Spent:
    """What a worker did in the periods whose shares were recorded, in cycles; together the same for all workers.

    Parameters
    ----------
    computing : kernels and tile engine.
    dma, doorbells : waiting for transfers, and for doorbells.
    between : from the end of a share to the start of the next: ringing doorbells, keeping the record.
    nothing : after its last recorded share, until the last one of all.
    """

    computing: int
    dma: int
    doorbells: int
    between: int
    nothing: int


def load(path: str) -> tuple[Run, ...]:
    """The runs on a machine that a record holds, one at least; InputError when there is none in it."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"it is not text: {error.reason}", _MEND) from None
    except ValueError as error:
        raise InputError(path, f"it is not JSON: {error}", _MEND) from None
    entries = data.get("runs") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(path, *_without_runs(data))
    try:
        found = (run(entry, f"runs[{i}]") for i, entry in enumerate(entries))
        return tuple(_called(one, data) for one in found)
    except CodingError as error:
        raise InputError(path, str(error), _MEND) from None


def _called(run: Run, record: Mapping[str, Any]) -> Run:
    """The run with model and format as the user called them, where the record says so."""
    return replace(
        run, model=str(record.get("model") or run.model), format=str(record.get("format") or run.format)
    )


def _no_number(word: str) -> None:
    """Refuses NaN and infinities, which Python reads though JSON has none."""
    raise ValueError(f"{word} is no number")


def run(data: Any, place: str = "the run") -> Run:
    """The run that `machine.record.to_json` gave; CodingError, which names `place`, for anything else."""
    summary: Summary = decode(data, Summary, place)
    layers = data.get("layers") if isinstance(data, dict) else None
    if not isinstance(layers, list):
        raise CodingError(f"{place}.layers", "nothing" if layers is None else repr(layers)[:56], "a list")
    made = tuple(_layer(entry, f"{place}.layers[{i}]") for i, entry in enumerate(layers))
    if summary.model_cycles <= 0 or summary.clock_hz <= 0:
        raise CodingError(f"{place}.model_cycles", f"{summary.model_cycles:g}", "a number above 0")
    return Run(**vars(summary), layers=made)


@dataclass(frozen=True)
class _Times:
    """A layer without what need not have been counted."""

    name: str
    kind: str
    predicted_cycles: float
    cycles: float
    dma: float
    doorbells: float


def _layer(data: Any, place: str) -> LayerRecord:
    times = decode(data, _Times, place)
    many = data.get("multiplies") if isinstance(data, dict) else None
    return LayerRecord(**vars(times), multiplies=many and decode(many, int, f"{place}.multiplies"))


def _without_runs(data: Any) -> tuple[str, str]:
    """Why a JSON value is no record of a run on a machine, and how to mend it."""
    if isinstance(data, dict) and "output_sha256" in data:
        reason = (
            f"it is the record of a run on {data.get('machine', 'the host')!r}, where nothing is measured"
        )
        return reason, "run it with --machine chip --json FILE"
    return "it is JSON, but no record of a run on a machine: it has no runs", _MEND


def rows(run: Run) -> tuple[Row, ...]:
    """The layers in order."""
    measured = sum(layer.cycles for layer in run.layers) or 1.0
    predicted = sum(layer.predicted_cycles for layer in run.layers) or 1.0
    made = []
    for layer in run.layers:
        share = layer.cycles / measured
        matters = max(share, layer.predicted_cycles / predicted) > NOTABLE
        ratio = layer.cycles / layer.predicted_cycles if layer.predicted_cycles else None
        made.append(Row(layer, share, ratio, _off(ratio) if matters else ""))
    return tuple(made)


def _off(ratio: float | None) -> str:
    """A layer that was predicted to take no time is slower."""
    if ratio is not None and abs(ratio - 1) <= TOLERANCE:
        return ""
    return QUICKER if ratio is not None and ratio < 1 else SLOWER


def executing(core: CoreRecord) -> float:
    """The part of a run in which a core executed instructions; in the rest it slept."""
    whole = core.cycles + core.asleep
    return core.cycles / whole if whole else 0.0


def busiest(cores: Sequence[CoreRecord]) -> CoreRecord:
    """The core that slept the least."""
    return max(cores, key=executing)


def idlest(cores: Sequence[CoreRecord]) -> CoreRecord:
    """The core that slept the most."""
    return min(cores, key=executing)


def spent(run: Run) -> tuple[Spent, ...]:
    """For each worker, what it did in the recorded periods; empty where no share was recorded."""
    if not run.taken:
        return ()
    end = max(one.end for one in run.taken)
    made = []
    for worker in range(run.workers):
        mine = sorted((one for one in run.taken if one.worker == worker), key=lambda one: one.start)
        dma = sum(one.dma for one in mine)
        bells = sum(one.ready - one.start for one in mine)
        computing = sum(one.end - one.ready for one in mine) - dma
        between = sum(b.start - a.end for a, b in pairwise(mine))
        made.append(Spent(computing, dma, bells, between, end - computing - dma - bells - between))
    return tuple(made)


def longest(runs: Sequence[Run]) -> int:
    """The number of the run that reports show first: the first of those with the most batches."""
    return max(range(len(runs)), key=lambda i: (runs[i].batches, -i))
