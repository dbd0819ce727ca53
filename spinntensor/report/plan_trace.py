"""The time line of a plan as a Chrome trace, for Perfetto (ui.perfetto.dev) and chrome://tracing.

Format: "Trace Event Format", JSON object with `traceEvents`: complete events (`X`) and names of processes and threads
(`M`). One process for each chip, in it three threads for each worker: its kernels, by the core's number, and the first
and the last transfers of its shares, which may overlap them. The host's link is a process of its own. Times are
microseconds of model time.
"""

from __future__ import annotations

import json
from typing import Any

from spinntensor.machine.facts import Facts
from spinntensor.machine.facts import facts as default_facts
from spinntensor.plan.plan import BODY, LEAD, LINK, TAIL, Plan, Span
from spinntensor.report.files import writable, write_whole
from spinntensor.report.plan_figures import Waited, waited

THREADS = {BODY: 0, LEAD: 1000, TAIL: 2000}
"""What is added to a core's number for the thread of each kind of span; doorbells are on that of the kernels. Events of
one thread must not overlap."""


def trace(plan: Plan, facts: Facts | None = None) -> dict[str, Any]:
    """The trace as JSON has it; `facts` are those of the machine that was planned for."""
    per_us = (facts or default_facts()).clock_hz / 1e6
    waits = waited(plan)
    chips = list(dict.fromkeys((x, y) for x, y, _ in plan.workers))
    events = _names(plan, chips)
    events += [_event(plan, span, waits, chips, per_us) for span in plan.spans]
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "model": plan.model,
            "machine": plan.machine,
            "format": plan.format,
            "objective": plan.objective,
            "batch": plan.batch,
        },
    }


def dumps(plan: Plan, facts: Facts | None = None) -> str:
    """The trace as JSON text."""
    return json.dumps(trace(plan, facts), separators=(",", ":"), allow_nan=False)


def write(plan: Plan, path: str, facts: Facts | None = None) -> None:
    """Write the trace to a file, whole or not at all; OutputError when it cannot be written."""
    text = dumps(plan, facts)
    write_whole(writable(path), lambda part: part.write_text(text, encoding="utf-8"))


def _names(plan: Plan, chips: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Names of chips and workers; process 0 is the host's link."""
    events = [_name("process_name", 0, 0, "host's link"), _name("thread_name", 0, 0, "link")]
    events += [_name("process_name", 1 + i, 0, f"chip {x},{y}") for i, (x, y) in enumerate(chips)]
    for number, (x, y, core) in enumerate(plan.workers):
        process = 1 + chips.index((x, y))
        for i, (kind, more) in enumerate(THREADS.items()):
            what = {BODY: "", LEAD: ": first transfers", TAIL: ": last transfers"}[kind]
            events.append(_name("thread_name", process, core + more, f"worker {number}, core {core}{what}"))
            order = {"sort_index": 3 * number + i}
            events.append({**_name("thread_sort_index", process, core + more, ""), "args": order})
    return events


def _name(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def _event(
    plan: Plan,
    span: Span,
    waits: dict[tuple[int, int], Waited],
    chips: list[tuple[int, int]],
    per_us: float,
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "ph": "X",
        "name": span.kind,
        "cat": span.kind,
        "pid": 0,
        "tid": 0,
        "ts": span.start / per_us,
        "dur": (span.end - span.start) / per_us,
        "args": {"period": span.period, "cycles": span.end - span.start},
    }
    if span.lane == LINK:
        return event
    x, y, core = plan.workers[span.lane]
    share = plan.shares[span.share]
    args = event["args"] | {
        "step": share.step,
        "tiles": share.tiles,
        "loaded": share.loaded,
        "stored": share.stored,
    }
    why = waits.get((span.share, span.period)) if span.kind == BODY else None
    if why:
        args["waited cycles"] = why.cycles
        args["waited for"] = (
            "its own transfers" if why.share is None else _share_words(plan, why.share, why.period)
        )
    return event | {
        "name": plan.layers[share.stage].name if span.kind in THREADS else span.kind,
        "pid": 1 + chips.index((x, y)),
        "tid": core + THREADS.get(span.kind, 0),
        "args": args,
    }


def _share_words(plan: Plan, number: int, period: int) -> str:
    share = plan.shares[number]
    if share.worker == LINK:
        return f"the host's {share.step} of period {period}"
    return f"{plan.layers[share.stage].name} of period {period} on worker {share.worker}"
