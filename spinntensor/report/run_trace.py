"""The time line of a run on a machine as a Chrome trace, for Perfetto (ui.perfetto.dev) and chrome://tracing.

Format: "Trace Event Format", JSON object with `traceEvents`: complete events (`X`) and names of processes and threads
(`M`). One process for each run, in it a thread for each worker. A share is one event, in it another for the time that
was spent waiting for transfers: the record has its length, not its place, so it is put at the end of the share. Waiting
for doorbells is an event before the share. Times are microseconds of model time; runs follow each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from spinntensor.report.files import writable, write_whole
from spinntensor.report.run_figures import Run, Share

DOORBELLS, DMA = "waiting for doorbells", "waiting for DMA"
"""Names of the events that are no shares."""


def trace(runs: Sequence[Run]) -> dict[str, Any]:
    """The trace as JSON has it."""
    events: list[dict[str, Any]] = []
    began = 0.0
    for number, run in enumerate(runs):
        events += _names(number, run)
        for share in run.taken:
            events += _events(number, run, share, began)
        began += 1e6 * max([run.model_cycles, *(share.end for share in run.taken)]) / run.clock_hz
    keys = ("model", "machine", "format", "objective", "batch", "batches")
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"runs": [{key: getattr(run, key) for key in keys} for run in runs]},
    }


def dumps(runs: Sequence[Run]) -> str:
    """The trace as JSON text."""
    return json.dumps(trace(runs), separators=(",", ":"), allow_nan=False)


def write(runs: Sequence[Run], path: str) -> None:
    """Write the trace to a file, whole or not at all; OutputError when it cannot be written."""
    text = dumps(runs)
    write_whole(writable(path), lambda part: part.write_text(text, encoding="utf-8"))


def _names(number: int, run: Run) -> Iterator[dict[str, Any]]:
    """Names of a run and its workers."""
    yield _name("process_name", number, 0, {"name": f"run {number + 1}: {run.name}"})
    for worker in range(run.workers):
        core = f", core {run.cores[worker].core}" if worker < len(run.cores) else ""
        yield _name("thread_name", number, worker, {"name": f"worker {worker}{core}"})
        yield _name("thread_sort_index", number, worker, {"sort_index": worker})


def _name(kind: str, process: int, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": args}


def _events(number: int, run: Run, share: Share, began: float) -> Iterator[dict[str, Any]]:
    """The events of a share, an enclosing one before what it holds; `began` is in microseconds."""
    args = {"layer": share.layer, "share": share.share, "period": share.period}
    computing = share.end - share.ready - share.dma
    parts = [
        (DOORBELLS, "wait", share.start, share.ready, {}),
        (
            share.layer,
            share.step,
            share.ready,
            share.end,
            {"computing": computing, "DMA wait": share.dma, "calls": share.calls, "moves": share.moves},
        ),
        (DMA, "wait", share.end - share.dma, share.end, {}),
    ]
    for name, kind, start, end, more in parts:
        if end > start or kind != "wait":
            yield {
                "ph": "X",
                "name": name,
                "cat": kind,
                "pid": number,
                "tid": share.worker,
                "ts": began + 1e6 * start / run.clock_hz,
                "dur": 1e6 * (end - start) / run.clock_hz,
                "args": {**args, "cycles": end - start, **more},
            }
