"""`spinntensor bench plans`: what plans of known networks reach on one chip, beside what they must reach and aim at.

The table is a part of `docs/performance.md`.
"""

from __future__ import annotations

import json as json_module
import logging
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from spinntensor.commands.plan import named, workload
from spinntensor.commands.progress import waiting
from spinntensor.errors import SpinnTensorError, UnknownNameError
from spinntensor.machine.geometry import chip
from spinntensor.plan.plan import Plan
from spinntensor.plan.planner import plan
from spinntensor.report.files import writable, write_whole
from spinntensor.report.section import section, write_section

log = logging.getLogger(__name__)

PRODUCTS = 0.75
"""MAC per cycle of the 3x3 register block of products: 18 in 24 cycles, see `docs/performance.md`."""
LEAST = 0.005
"""Part of the time below which nothing is named."""
PART = "plans"
"""Name of the part of the page that this writes."""


@dataclass(frozen=True)
class Case:
    """A figure of one plan.

    Parameters
    ----------
    name, model, format : of the network.
    figure : what is looked at, in words; `read` takes it from the plan.
    must, aim : what has to be reached, and what is aimed at, if anything is.
    less : whether less is better.
    objective, batch, train : as for `spinntensor plan`.
    """

    name: str
    model: str
    format: str
    figure: str
    read: Callable[[Plan], float]
    must: float
    aim: float | None
    less: bool = False
    objective: str = "throughput"
    batch: int | None = None
    train: bool = False


def _rate(made: Plan) -> float:
    return made.totals.mac_per_worker_cycle


def _idle(made: Plan) -> float:
    """The largest idle share of a worker in the steady state, inputs resident."""
    return max(1 - busy / made.totals.period_cycles for busy in busy_cycles(made))


def busy_cycles(made: Plan) -> list[float]:
    """Model cycles in which each worker computes in a period."""
    cycles = [0.0] * len(made.workers)
    for share in made.shares:
        cycles[share.worker] += share.issue
    return cycles


MISSED = "missed"
_MACS = "MAC per worker cycle"
CASES = (
    Case("ResNet-50, stream", "resnet50", "int8", _MACS, _rate, 0.62, 0.90),
    Case("ResNet-50, stream", "resnet50", "int8", "images/s", lambda p: p.totals.images_per_s, 0.48, 0.64),
    Case(
        "ResNet-50, one image",
        "resnet50",
        "int8",
        "latency, s",
        lambda p: p.totals.latency_ms / 1e3,
        2.2,
        1.7,
        less=True,
        objective="latency",
    ),
    Case("MobileNetV1, stream", "mobilenetv1", "int8", _MACS, _rate, 0.35, 0.50),
    Case("ResNet-8, stream", "resnet8", "int8", _MACS, _rate, 0.50, 0.70),
    Case("ResNet-20, stream", "resnet20", "int8", _MACS, _rate, 0.50, 0.70),
    Case("10-1024-20", "10-1024-20", "int8", "largest idle share", _idle, 0.10, None, less=True),
    Case("10-1024-20", "10-1024-20", "int8", "host link busy", lambda p: p.totals.host_share, 0.90, None),
    Case("ResNet-20, training step", "resnet20", "bfp16", _MACS, _rate, 0.40, 0.55, batch=32, train=True),
)
REFUSED = Case(
    "ResNet-50, training step", "resnet50", "bfp16", "refused", lambda p: 0.0, 0.0, None, batch=32, train=True
)


@dataclass(frozen=True)
class Line:
    """A case with what was found: the figure, the verdict, how long planning took and what bounds the plan most."""

    name: str
    format: str
    figure: str
    value: float
    must: float
    aim: float | None
    verdict: str
    seconds: float
    reason: str


def main(only: str | None = None, json: str | None = None, markdown: str | None = None) -> int:
    """Plan the cases, print the table and what falls short, write the files asked for; 1 when nothing was refused that
    must be."""
    json_file = json and writable(json, (".json",))
    markdown_file = markdown and section(markdown, PART)
    chosen = [case for case in CASES if only is None or only.lower() in case.name.lower()]
    refused = only is None or only.lower() in REFUSED.name.lower()
    if not chosen and not refused:
        raise UnknownNameError("case", only or "", dict.fromkeys([c.name for c in CASES]))
    lines = measured(chosen)
    words = refusal() if refused else ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = rendered(lines, words, peak)
    print(text)
    if json_file:
        record = json_module.dumps({"lines": [asdict(x) for x in lines], "refused": words}, indent=1)
        write_whole(json_file, lambda part: part.write_text(record + "\n", encoding="utf-8"))
    if markdown_file:
        write_section(markdown_file, PART, text)
    for line in lines:
        if line.verdict == MISSED:
            print(f"goal missed: {line.name}, {line.figure}: {line.value:.3f}, must {line.must:.2f}")
    return int(refused and not words)


def measured(cases: Sequence[Case]) -> list[Line]:
    """The cases planned for one chip; a plan that several of them look at is made once."""
    made: dict[tuple[object, ...], tuple[Plan, float]] = {}
    lines = []
    for case in cases:
        key = (case.model, case.format, case.objective, case.batch, case.train)
        if key not in made:
            with waiting(f"planning {case.name}"):
                made[key] = _planned(case)
        found, seconds = made[key]
        value = case.read(found)
        verdict = _verdict(case, value)
        lines.append(
            Line(
                case.name,
                case.format,
                case.figure,
                value,
                case.must,
                case.aim,
                verdict,
                seconds,
                reason(found)
                + (f"; with all products at {PRODUCTS}: {at_bound(found):.3f}" if verdict == MISSED else ""),
            )
        )
    return lines


def _planned(case: Case) -> tuple[Plan, float]:
    machine = chip()
    work = workload(
        named(case.model), case.model, machine, case.format, case.objective, case.batch, case.train
    )
    start = time.perf_counter()
    found = plan(
        work.graph,
        machine,
        model=work.model,
        format=work.format,
        objective=case.objective,
        batch=work.batch,
        roles=work.roles,
    )
    return found, time.perf_counter() - start


def _verdict(case: Case, value: float) -> str:
    sign = -1 if case.less else 1
    if case.aim is not None and sign * value >= sign * case.aim:
        return "aim"
    return "must" if sign * value >= sign * case.must else MISSED


def refusal() -> str:
    """What the planner says of the network that is too large for a chip; empty when it does not refuse it."""
    try:
        with waiting(f"planning {REFUSED.name}"):
            _planned(REFUSED)
    except SpinnTensorError as error:
        return str(error)
    return ""


def reason(made: Plan) -> str:
    """What the workers' cycles go to: terms of the cost, kinds of layers, and the three layers that take the most."""
    terms: defaultdict[str, float] = defaultdict(float)
    kinds: defaultdict[str, float] = defaultdict(float)
    macs: defaultdict[str, float] = defaultdict(float)
    for layer in made.layers:
        for name, cycles in layer.terms.items():
            terms[name] += cycles
            kinds[layer.kind] += cycles
        macs[layer.kind] += layer.macs
    everything = sum(terms.values())

    def most(cycles: dict[str, float]) -> list[tuple[str, float]]:
        return sorted(
            ((n, c) for n, c in cycles.items() if c > LEAST * everything), key=lambda t: (-t[1], t[0])
        )

    parts = ", ".join(f"{name} {c / everything:.0%}" for name, c in most(terms))
    by_kind = ", ".join(
        f"{kind} {c / everything:.0%}" + (f" at {macs[kind] / c:.2f} MAC/cycle" if macs[kind] else "")
        for kind, c in most(kinds)
    )
    slow = sorted(made.layers, key=lambda x: -sum(x.terms.values()))[:3]
    layers = ", ".join(
        f"{x.name} {sum(x.terms.values()) / everything:.0%} by {x.recipe.kernel}" for x in slow
    )
    return f"{parts}; {by_kind}; {layers}"


def at_bound(made: Plan) -> float:
    """MAC per worker cycle if every layer's products ran at their issue bound, all else as planned."""
    saved = 0.0
    for layer in made.layers:
        saved += max(0.0, sum(layer.terms.values()) - layer.macs / PRODUCTS) if layer.macs else 0.0
    cycles = made.totals.period_cycles - saved / len(made.workers)
    return sum(layer.macs for layer in made.layers) / (cycles * made.applications)


def rendered(lines: Sequence[Line], refused: str, peak: float) -> str:
    """The table and what stands below it, as Markdown."""
    head = "| network | format | figure | predicted | must | aim | reached | planned in |"
    rows = [head, "|---|---|---|---|---|---|---|---|"]
    for x in lines:
        aim = "" if x.aim is None else f"{x.aim:.2f}"
        values = f"{x.value:.3f} | {x.must:.2f} | {aim} | {x.verdict} | {x.seconds:.1f} s"
        rows.append(f"| {x.name} | {x.format} | {x.figure} | {values} |")
    notes = [f"- {name}: {why}." for name, why in dict.fromkeys((x.name, x.reason) for x in lines)]
    if refused:
        notes.append(f"- {REFUSED.name}: refused: {refused}")
    notes.append(f"\nPlanned with Python {sys.version.split()[0]}, at most {peak:,.0f} MB of memory in all.")
    return "\n".join([*rows, "", *notes])
