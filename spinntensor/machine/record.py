"""What a run on a machine took, beside what its plan predicts; collected with `recording()`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

from spinntensor.plan.plan import Plan

__all__ = ["CoreRecord", "LayerRecord", "Record", "Taken", "layer_records", "note", "recording", "to_json"]


@dataclass(frozen=True)
class Taken:
    """What a share took, by its core's own timer, in model cycles from the core's first share of the run.

    Parameters
    ----------
    worker, share, period : of the plan.
    start, ready, end : when the core turned to it, when all doorbells had rung, when all results lay in SDRAM.
    dma : cycles between `ready` and `end` that were spent waiting for transfers.
    calls, moves : kernels entered, transfers started.
    """

    worker: int
    share: int
    period: int
    start: int
    ready: int
    end: int
    dma: int
    calls: int
    moves: int


@dataclass(frozen=True)
class LayerRecord:
    """A layer, predicted and measured; model cycles of its slowest worker in a period, means over periods.

    dma, doorbells : of that, and before it, cycles in which that worker waits for transfers and for doorbells.
    multiplies : multiply instructions of all workers in a period; None where nobody counts them.
    """

    name: str
    kind: str
    predicted_cycles: float
    cycles: float
    dma: float
    doorbells: float
    multiplies: int | None = None


@dataclass(frozen=True)
class CoreRecord:
    """A worker over the whole run.

    Parameters
    ----------
    core : virtual core.
    cycles, asleep : model cycles in which it executed, and in which it slept.
    instructions, multiplies : executed.
    packets_sent, packets_received : doorbells.
    interrupts : taken.
    dma_bytes : moved.
    fiq_latency : the longest time that a packet waited for its interrupt since the chip was started, in cycles.
    """

    core: int
    cycles: int
    asleep: int
    instructions: int
    multiplies: int
    packets_sent: int
    packets_received: int
    interrupts: int
    dma_bytes: int
    fiq_latency: int


@dataclass(frozen=True)
class Record:
    """A run.

    Parameters
    ----------
    plan : what was run.
    batches : periods with a batch.
    model_cycles : from the first batch let in to the last result in SDRAM.
    predicted_cycles : the same by the plan.
    layers, cores : what each took.
    taken : the shares of the first periods.
    joules : for each image, by the measured busy cycles; see `plan.energy`.
    wall_s : seconds of wall time.
    """

    plan: Plan
    batches: int
    model_cycles: int
    predicted_cycles: float
    layers: tuple[LayerRecord, ...]
    cores: tuple[CoreRecord, ...]
    taken: tuple[Taken, ...]
    joules: float
    wall_s: float

    @property
    def images(self) -> int:
        """Images that were computed."""
        return self.batches * self.plan.batch

    @property
    def instructions(self) -> int:
        """Executed by all workers."""
        return sum(core.instructions for core in self.cores)

    @property
    def mac_per_worker_cycle(self) -> float:
        """Logical multiply-accumulates over model cycles of the whole run and all application cores."""
        macs = sum(layer.macs for layer in self.plan.layers) * self.batches
        return macs / (self.model_cycles * self.plan.applications)


def layer_records(
    plan: Plan, taken: Sequence[Taken], multiplies: Mapping[int, int] | None = None
) -> tuple[LayerRecord, ...]:
    """What each layer took, from the times of its shares.

    multiplies : multiply instructions of a period by stage.
    """
    sums: dict[int, dict[int, list[float]]] = {}
    periods: dict[int, set[int]] = {}
    for one in taken:
        stage = plan.shares[one.share].stage
        found = sums.setdefault(stage, {}).setdefault(one.worker, [0.0, 0.0, 0.0])
        found[0] += one.end - one.ready
        found[1] += one.dma
        found[2] += one.ready - one.start
        periods.setdefault(stage, set()).add(one.period)
    made = []
    for layer in plan.layers:
        workers = sums.get(layer.stage, {})
        count = max(1, len(periods.get(layer.stage, ())))
        cycles, dma, doorbells = max(workers.values(), default=[0.0, 0.0, 0.0])
        each = None if multiplies is None else multiplies.get(layer.stage, 0)
        made.append(
            LayerRecord(
                layer.name, layer.kind, layer.cycles, cycles / count, dma / count, doorbells / count, each
            )
        )
    return tuple(made)


def to_json(record: Record, clock_hz: int) -> dict[str, Any]:
    """The record as JSON: a summary, then lists of objects for layers, cores and shares.

    Shares carry the name of their layer and their step, so that no plan is needed to draw them.
    """
    plan = record.plan
    ms = 1e3 / clock_hz
    return {
        "model": plan.model,
        "machine": plan.machine,
        "format": plan.format,
        "objective": plan.objective,
        "batch": plan.batch,
        "batches": record.batches,
        "clock_hz": clock_hz,
        "workers": len(plan.workers),
        "applications": plan.applications,
        "model_cycles": record.model_cycles,
        "predicted_cycles": record.predicted_cycles,
        "model_ms": record.model_cycles * ms,
        "predicted_ms": record.predicted_cycles * ms,
        "instructions": record.instructions,
        "mac_per_worker_cycle": record.mac_per_worker_cycle,
        "images_per_s": record.images / (record.model_cycles / clock_hz),
        "joules_per_image": record.joules,
        "wall_s": record.wall_s,
        "layers": [asdict(layer) for layer in record.layers],
        "cores": [asdict(core) for core in record.cores],
        "taken": [
            asdict(one)
            | {"layer": plan.layers[plan.shares[one.share].stage].name, "step": plan.shares[one.share].step}
            for one in record.taken
        ],
    }


_current: ContextVar[list[Record] | None] = ContextVar("records", default=None)


@contextmanager
def recording() -> Iterator[list[Record]]:
    """Collect a record of each run on a machine inside: `with recording() as runs: ...`."""
    records: list[Record] = []
    token = _current.set(records)
    try:
        yield records
    finally:
        _current.reset(token)


def note(record: Record) -> None:
    """Add a run to what `recording` collects, if anyone does."""
    records = _current.get()
    if records is not None:
        records.append(record)
