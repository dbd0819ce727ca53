"""The kernel microbenchmarks: one line per kernel and shape, in model cycles of the emulated core.

Every call is executed as ARM code; its result is compared with the host twin's, its cycles with the issue bound, with
plain C and with the estimator. Model cycles are exact and repeat, so one run per line is enough.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from json import dumps

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from spinntensor.emulator.core import Core
from spinntensor.errors import UnknownKernelError
from spinntensor.image.store import Blob
from spinntensor.kernels import Kernel, Shape, kernel, kernels
from spinntensor.kernels.estimate import estimate
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.tile import Step
from spinntensor.machine.call import run, run_blob
from spinntensor.report import roofline
from spinntensor.report.compositions import NAMES, Composition, compositions
from spinntensor.report.files import writable, write_whole
from spinntensor.report.goals import scores
from spinntensor.report.line import Line, shape_text
from spinntensor.report.peers import peers
from spinntensor.report.performance import PART, page
from spinntensor.report.section import section, write_section

SEED = 1
GEMM = "gemm_s16_3x3_outer_u32"
WIDTH = 166
"""Columns of the printed table: a line per kernel and shape is never cut, in a pipe or on a narrow terminal."""


JSON_KEYS = (
    "kernel", "shape", "macs", "elements", "cycles", "mac_per_cycle", "cycles_per_element", "bound_fraction",
    "times_plain_c", "passed",
)  # fmt: skip


def measure(k: Kernel, shape: Shape, core: Core) -> Line:
    """Execute one kernel, and its plain-C peers, on operands drawn for `shape`."""
    operands = k.sample(np.random.default_rng(SEED), shape, False)
    done = run(k, operands, core=core)
    expected = k.twin(operands)
    plain = min(run_blob(k, operands, code, core).counters.cycles for code in peers(k.name))
    work, cycles = k.work(shape), done.counters.cycles
    residual = np.abs(done.result.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0)
    return Line(
        kernel=k.name,
        shape=shape_text(shape),
        macs=work.macs,
        elements=work.elements,
        cycles=cycles,
        mac_per_cycle=work.macs / cycles if work.macs else None,
        cycles_per_element=cycles / work.elements if work.elements else None,
        bound_fraction=work.bound / cycles,
        times_plain_c=plain / cycles,
        residual=float(residual),
        estimate_error=estimate(k, shape) / cycles - 1,
        nbytes=sum(b.nbytes for b in k.lower(operands).buffers.values()),
        passed=equal_bits(done.result, expected),
    )


def _peer(name: str, build: int) -> Blob:
    return peers(name)[build]


def measure_composition(case: Composition, core: Core) -> Line:
    """Execute a tile of several kernels, and the same with their plain-C peers; nobody estimates tiles yet."""
    result, cycles = case.run(core)
    builds = range(len(peers(GEMM)))
    plain = min(case.run(core, partial(_peer, build=i))[1] for i in builds)
    residual = np.abs(result.astype(np.float64) - case.expected.astype(np.float64)).max(initial=0.0)
    return Line(
        kernel=case.name,
        shape=case.shape,
        macs=case.work.macs,
        elements=case.work.elements,
        cycles=cycles,
        mac_per_cycle=case.work.macs / cycles,
        cycles_per_element=cycles / case.work.elements,
        bound_fraction=case.work.bound / cycles,
        times_plain_c=plain / cycles,
        residual=float(residual),
        estimate_error=None,
        nbytes=sum(a.nbytes for a in case.tile.actions if not isinstance(a, Step)),
        passed=equal_bits(result, case.expected),
    )


def chosen(only: str | None) -> list[str]:
    """Kernels and compositions whose name contains `only` or matches it; UnknownKernelError when none does."""
    names = [*kernels(), *NAMES]
    picked = [n for n in names if only is None or only in n or fnmatch.fnmatch(n, only)]
    if not picked:
        raise UnknownKernelError(str(only), names)
    return picked


def lines(names: Iterable[str]) -> Iterator[Line]:
    """The lines of these kernels, in order, then those of the compositions among the names."""
    core, names = Core(), list(names)
    for name in names:
        if name not in NAMES:
            for shape in kernel(name).bench:
                yield measure(kernel(name), shape, core)
    if set(names) & set(NAMES):
        for case in compositions():
            if case.name in names:
                yield measure_composition(case, core)


def table(measured: Iterable[Line]) -> Table:
    """The lines for a terminal."""
    out = Table(
        title="Kernels on one emulated core (model cycles, call included)", title_justify="left", box=None
    )
    out.add_column("kernel", no_wrap=True)
    out.add_column("shape", no_wrap=True)
    for head in ("cycles", "MAC/cycle", "cycles/el", "of bound", "x plain C", "estimate", "residual"):
        out.add_column(head, justify="right", no_wrap=True)
    out.add_column("", no_wrap=True)
    for m in measured:
        out.add_row(
            m.kernel,
            m.shape,
            f"{m.cycles:,}",
            f"{m.mac_per_cycle:.3f}" if m.mac_per_cycle else "",
            f"{m.cycles_per_element:.2f}" if m.cycles_per_element and not m.macs else "",
            f"{m.bound_fraction:.1%}",
            f"{m.times_plain_c:.2f}",
            "" if m.estimate_error is None else f"{m.estimate_error:+.2%}",
            f"{m.residual:g}",
            "PASS" if m.passed else "FAIL",
        )
    return out


def to_json(measured: Iterable[Line]) -> str:
    """The lines as a JSON list of objects with the keys JSON_KEYS; figures that say nothing are null."""
    return dumps([{key: asdict(m)[key] for key in JSON_KEYS} for m in measured], indent=1) + "\n"


def main_kernels(
    only: str | None = None, json: str | None = None, plot: str | None = None, markdown: str | None = None
) -> int:
    """Measure, print, and write the files that were asked for; 0 when every line passed, else 1.

    UnknownKernelError when `only` selects nothing, OutputError when a file cannot be written: both before anything
    is measured.
    """
    json_file, markdown_file = json and writable(json), markdown and section(markdown, PART)
    plot_file = plot and writable(plot, roofline.SUFFIXES)
    if plot_file:
        roofline.pyplot()  # missing? then say so now
    console = Console(width=WIDTH)
    names = chosen(only)
    total = sum(len(kernel(n).bench) for n in names if n not in NAMES)
    progress = Console(stderr=True)
    measured = list(track(lines(names), "measuring", total=total, console=progress, transient=True))
    console.print(table(measured))
    if json_file:
        write_whole(json_file, lambda part: part.write_text(to_json(measured)))
    if plot_file:
        write_whole(plot_file, lambda part: roofline.draw(measured, part))
    if markdown_file:
        write_section(markdown_file, PART, page(measured))
    for score in scores(measured):
        if score.verdict == "missed":
            goal = score.goal
            console.print(
                f"goal missed: {goal.label}: {score.value:.3f} {goal.metric}, must {goal.must},"
                f" {score.at_bound:.3f} at the issue bound"
            )
    failed = sum(not m.passed for m in measured)
    console.print(f"{len(measured) - failed} of {len(measured)} lines passed")
    return int(failed > 0)
